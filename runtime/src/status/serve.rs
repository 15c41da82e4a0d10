//! The local socket: one question, one answer, end of the stream. Clients are bounded in number, in what they may
//! say, and in the time they may take for it; one that does not read its answer costs a thread for a few seconds.
//!
//! It knows nothing of what is answered.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use weir_schemas::Published as _;
use weir_schemas::runtime::Unanswered;

use super::{Board, Moment, metrics};

/// Longest question, with its line feed.
const LONGEST: usize = 64;
/// Time to ask.
const ASK: Duration = Duration::from_secs(2);
/// Time to take the answer.
const TAKE: Duration = Duration::from_secs(10);
/// Who may ask: the user of the runtime, and its group.
const MODE: u32 = 0o660;

/// The questions, for the message about what is none.
pub const QUESTIONS: [&str; 5] = ["status", "traffic", "unknown", "flows", "metrics"];

/// Tells the time for answers.
pub type Now = fn() -> Moment;

/// A socket that is answered on until this is dropped.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        // What is left of it is replaced by the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// Answers from the board, with so many threads.
pub fn start(path: &Path, threads: usize, board: &Arc<Board>, now: Now) -> io::Result<Server> {
    if let Some(dir) = path.parent()
        && !dir.is_dir()
    {
        fs::create_dir_all(dir)?;
    }
    // A socket that nobody answers on is left of a runtime that was killed; the lock says that none lives.
    if fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
    for n in 0..threads {
        let listener = listener.try_clone()?;
        let board = Arc::clone(board);
        thread::Builder::new()
            .name(format!("status-{n}"))
            .spawn(move || {
                loop {
                    match listener.accept() {
                        // A client that went away is its own affair.
                        Ok((stream, _)) => {
                            let _ = serve(stream, &board, now);
                        }
                        // Out of descriptors, most likely: without a pause this would be a busy loop.
                        Err(_) => thread::sleep(Duration::from_millis(100)),
                    }
                }
            })?;
    }
    Ok(Server {
        path: path.to_owned(),
    })
}

fn serve(mut stream: UnixStream, board: &Board, now: Now) -> io::Result<()> {
    let question = ask(&mut stream)?;
    let bytes = answer(&question, board, now());
    take(&mut stream, &bytes)
}

/// A line, or what there is of it when the client has said enough.
fn ask(stream: &mut UnixStream) -> io::Result<String> {
    let end = Instant::now() + ASK;
    let mut bytes = Vec::with_capacity(LONGEST);
    let mut buffer = [0; LONGEST];
    while bytes.len() < LONGEST && !bytes.contains(&b'\n') {
        stream.set_read_timeout(Some(left(end)?))?;
        let room = LONGEST - bytes.len();
        match stream.read(&mut buffer[..room]) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).trim().to_owned())
}

fn take(stream: &mut UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    let end = Instant::now() + TAKE;
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(left(end)?))?;
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(io::ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

/// The bytes of an answer.
pub fn answer(question: &str, board: &Board, now: Moment) -> Vec<u8> {
    let time = now.time.to_string();
    match question {
        "status" => json(&board.status(now)),
        "traffic" => {
            // Read under the lock, written without it.
            let traffic = board.readings().traffic(time);
            json(&traffic)
        }
        "unknown" => {
            let unknown = board.readings().unknown(time);
            json(&unknown)
        }
        "flows" => {
            let flows = board.readings().flows(time);
            json(&flows)
        }
        "metrics" => metrics::text(board, now).into_bytes(),
        other => json(&Unanswered {
            schema: Unanswered::SCHEMA.to_owned(),
            error: format!(
                "`{}` is no question: ask one of {}",
                other.escape_debug(),
                QUESTIONS.join(", ")
            ),
        }),
    }
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(value).expect("published types write to memory");
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use weir_schemas::runtime::{RuntimeStatus, Traffic};

    use super::*;

    fn now() -> Moment {
        Moment {
            time: "2026-11-30T10:00:00Z".parse().expect("a time"),
            since_boot_ms: 0,
        }
    }

    fn ask_at(path: &Path, question: &[u8]) -> Vec<u8> {
        let mut stream = UnixStream::connect(path).expect("connects");
        stream.write_all(question).expect("asks");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        bytes
    }

    #[test]
    fn questions_are_answered_and_others_too() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("sub/runtime.sock");
        let board = Arc::new(Board::default());
        let server = start(&path, 2, &board, now).expect("starts");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        let status: RuntimeStatus =
            weir_schemas::read(&ask_at(&path, b"status\n")).expect("a status");
        assert_eq!(status.active, None);
        let _: Traffic = weir_schemas::read(&ask_at(&path, b"traffic\n")).expect("traffic");
        assert!(ask_at(&path, b"metrics\n").starts_with(b"# HELP weir_runtime_"));
        for odd in [b"stop\n".as_slice(), b"\xff\xfe\0\n", &[b'x'; 64], b"\n"] {
            let error: Unanswered = weir_schemas::read(&ask_at(&path, odd)).expect("an answer");
            assert!(error.error.contains("ask one of status"), "{}", error.error);
        }
        drop(server);
        assert!(!path.exists());
    }

    /// More clients that say nothing than threads: the next one is answered when their time is over.
    #[test]
    fn silent_clients_do_not_keep_others_out_for_long() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("runtime.sock");
        let board = Arc::new(Board::default());
        let _server = start(&path, 2, &board, now).expect("starts");
        let silent: Vec<UnixStream> = (0..4)
            .map(|_| UnixStream::connect(&path).expect("connects"))
            .collect();
        let answer = ask_at(&path, b"status\n");
        assert!(answer.ends_with(b"}\n"));
        drop(silent);
    }

    #[test]
    fn the_socket_of_a_killed_runtime_is_replaced_and_a_file_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("runtime.sock");
        drop(UnixListener::bind(&path).expect("left behind"));
        let board = Arc::new(Board::default());
        let server = start(&path, 1, &board, now).expect("starts");
        drop(server);
        fs::write(&path, "precious").expect("a file");
        assert!(start(&path, 1, &board, now).is_err());
        assert_eq!(fs::read(&path).expect("there"), b"precious");
    }
}
