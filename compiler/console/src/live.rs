//! What the runtime says on its socket: one line asked, one document answered. Everything has a deadline and a size,
//! and an answer is kept for a moment, so that many open pages are one question.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use weir_schemas::Published;
use weir_schemas::runtime::{ClassTraffic, Flows, RuntimeStatus, Traffic, UnknownAddresses};

/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Traffic of a million classes fits.
const LONGEST: u64 = 256 << 20;
/// How long an answer is as good as new, and how long it is better than waiting for a new one, which is then asked for
/// beside.
const FRESH: Duration = Duration::from_millis(1500);
const USABLE: Duration = Duration::from_secs(20);

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Silent {
    #[error("there is no runtime on this machine")]
    None,
    #[error("the runtime does not answer: {0}")]
    Failed(String),
}

/// What came, and when.
type Answer<T> = (Instant, Result<Arc<T>, Silent>);

/// An answer, and whether a newer one is being asked for.
struct Kept<T> {
    answer: Mutex<Option<Answer<T>>>,
    asking: AtomicBool,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Kept {
            answer: Mutex::default(),
            asking: AtomicBool::new(false),
        }
    }
}

/// Traffic with its classes by key.
#[derive(Debug)]
pub struct Classes {
    pub time: String,
    pub generation: Option<String>,
    pub interval_seconds: f64,
    by_key: HashMap<String, ClassTraffic>,
}

impl Classes {
    pub fn get(&self, key: &str) -> Option<&ClassTraffic> {
        self.by_key.get(key)
    }
}

/// The runtime of this machine.
pub struct Runtime {
    socket: Option<PathBuf>,
    status: Arc<Kept<RuntimeStatus>>,
    traffic: Arc<Kept<Classes>>,
    unknown: Arc<Kept<UnknownAddresses>>,
    flows: Arc<Kept<Flows>>,
}

impl Runtime {
    pub fn at(socket: Option<PathBuf>) -> Self {
        Runtime {
            socket,
            status: Arc::default(),
            traffic: Arc::default(),
            unknown: Arc::default(),
            flows: Arc::default(),
        }
    }

    pub fn status(&self) -> Result<Arc<RuntimeStatus>, Silent> {
        self.kept(&self.status, FRESH, |socket| ask(socket, "status"))
    }

    pub fn traffic(&self) -> Result<Arc<Classes>, Silent> {
        // Rates of every class take long to read: what there is is better than waiting.
        self.kept(&self.traffic, USABLE, |socket| {
            let traffic: Traffic = ask(socket, "traffic")?;
            let by_key = traffic.classes.into_iter().map(|c| (c.key.clone(), c));
            Ok(Classes {
                time: traffic.time,
                generation: traffic.generation,
                interval_seconds: traffic.interval_seconds,
                by_key: by_key.collect(),
            })
        })
    }

    pub fn unknown(&self) -> Result<Arc<UnknownAddresses>, Silent> {
        self.kept(&self.unknown, FRESH, |socket| ask(socket, "unknown"))
    }

    pub fn flows(&self) -> Result<Arc<Flows>, Silent> {
        self.kept(&self.flows, FRESH, |socket| ask(socket, "flows"))
    }

    /// Whoever comes while the first question is out waits for its answer instead of asking again. Later ones get what
    /// there is, while a newer one is asked for.
    fn kept<T: Send + Sync + 'static>(
        &self,
        kept: &Arc<Kept<T>>,
        usable: Duration,
        make: impl Fn(&Path) -> Result<T, Silent> + Send + 'static,
    ) -> Result<Arc<T>, Silent> {
        let socket = self.socket.as_deref().ok_or(Silent::None)?;
        let mut last = kept.answer.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((when, answer)) = &*last {
            let age = when.elapsed();
            if age < FRESH {
                return answer.clone();
            }
            // A runtime that was silent may be back: that is worth waiting for.
            if age < usable && answer.is_ok() {
                let answer = answer.clone();
                drop(last);
                refresh(kept, socket.to_owned(), make);
                return answer;
            }
        }
        let answer = make(socket).map(Arc::new);
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}

/// Asks beside whoever wanted to know; one at a time.
fn refresh<T: Send + Sync + 'static>(
    kept: &Arc<Kept<T>>,
    socket: PathBuf,
    make: impl Fn(&Path) -> Result<T, Silent> + Send + 'static,
) {
    if kept.asking.swap(true, Ordering::AcqRel) {
        return;
    }
    let place = kept.clone();
    let asks = move || {
        let answer = make(&socket).map(Arc::new);
        *place.answer.lock().unwrap_or_else(|e| e.into_inner()) = Some((Instant::now(), answer));
        place.asking.store(false, Ordering::Release);
    };
    let name = std::thread::Builder::new().name("runtime".to_owned());
    if name.spawn(asks).is_err() {
        kept.asking.store(false, Ordering::Release);
    }
}

fn ask<T: Published + DeserializeOwned>(socket: &Path, question: &str) -> Result<T, Silent> {
    let failed = |e: std::io::Error| Silent::Failed(e.to_string());
    let deadline = Instant::now() + PATIENCE;
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
    stream
        .write_all(format!("{question}\n").as_bytes())
        .map_err(failed)?;
    // A runtime that closed its side already has said what it wanted to.
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let mut part = vec![0; 64 * 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Silent::Failed(format!("no answer to `{question}` in time")));
        }
        stream.set_read_timeout(Some(left)).map_err(failed)?;
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(n) => answer.extend_from_slice(&part[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(failed(e)),
        }
        if answer.len() as u64 > LONGEST {
            return Err(Silent::Failed("its answer is too long".to_owned()));
        }
    }
    weir_schemas::read(&answer).map_err(|e| Silent::Failed(e.to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// Answers each question once with this text, then closes.
    fn answering(dir: &Path, answers: Vec<String>) -> PathBuf {
        let path = dir.join("status.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        thread::spawn(move || {
            for answer in answers {
                let (stream, _) = listener.accept().expect("a question");
                let mut line = String::new();
                let _ = BufReader::new(&stream).read_line(&mut line);
                let _ = (&stream).write_all(answer.as_bytes());
            }
        });
        path
    }

    #[test]
    fn an_answer_is_read_and_kept_for_a_moment() {
        let dir = tempfile::tempdir().expect("a directory");
        let text = r#"{"schema":"weir.runtime-unknown/1","time":"2026-11-30T08:00:00Z","count":0,"addresses":[]}"#;
        let socket = answering(dir.path(), vec![text.to_owned()]);
        let runtime = Runtime::at(Some(socket));
        assert_eq!(runtime.unknown().expect("answers").count, 0);
        assert_eq!(runtime.unknown().expect("kept").count, 0);
    }

    #[test]
    fn no_runtime_a_dead_one_and_a_babbling_one_are_told_apart() {
        assert_eq!(Runtime::at(None).status(), Err(Silent::None));
        let dir = tempfile::tempdir().expect("a directory");
        let gone = Runtime::at(Some(dir.path().join("gone.sock")));
        assert!(matches!(gone.status(), Err(Silent::Failed(_))));
        let socket = answering(dir.path(), vec!["<html>".to_owned()]);
        let babbling = Runtime::at(Some(socket));
        assert!(matches!(babbling.status(), Err(Silent::Failed(_))));
    }
}
