//! The state directory: its lock, and the journal of the swap that is under way.
//!
//! ```text
//! <state>/lock        held by the runtime that may change the kernel
//! <state>/swap.json   what is being swapped; there only while it is
//! ```
//!
//! The journal says what is meant, never what is so: that is read from the kernel. It is written before the first
//! act and removed after the last, so a file that is there means a swap that did not end.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where the runtime keeps what must survive it.
pub const STATE_DIR: &str = "/var/lib/weir-runtime";

const SCHEMA: &str = "weir.swap/1";
const LOCK: &str = "lock";
const JOURNAL: &str = "swap.json";
const PARTIAL: &str = "swap.json.partial";
/// More than any journal has.
const LARGEST: u64 = 64 * 1024;

/// The state directory, locked until this is dropped. The kernel lets go of the lock when the process dies.
#[derive(Debug)]
pub struct State {
    dir: PathBuf,
    _lock: File,
}

/// What a swap that is under way is to lead to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Intent {
    /// `weir.swap/1`
    schema: String,
    /// Boot it was begun in.
    pub boot: String,
    /// Payload digest of what was active; `None`: nothing was.
    pub from: Option<String>,
    /// Payload digest of what is brought in.
    pub to: String,
    pub mark: Mark,
}

/// How far it was when this was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Nothing that a packet meets was changed but rates.
    Prepare,
    /// The word is being written: what is active is in the kernel only.
    Flip,
    /// The word was written.
    Settle,
    /// The way back is being gone.
    Back,
}

impl Intent {
    pub fn new(boot: &str, from: Option<&str>, to: &str) -> Intent {
        Intent {
            schema: SCHEMA.to_owned(),
            boot: boot.to_owned(),
            from: from.map(str::to_owned),
            to: to.to_owned(),
            mark: Mark::Prepare,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error(
        "{dir}: another weir-runtime works with this box: wait for it, or stop it (it holds the lock {dir}/lock)"
    )]
    Locked { dir: PathBuf },
    #[error("cannot {action} {path}: {cause}")]
    Io {
        action: &'static str,
        path: PathBuf,
        cause: io::Error,
    },
    #[error(
        "{path}: not a journal this version reads ({reason}): if no swap is under way, remove it and apply again"
    )]
    Unreadable { path: PathBuf, reason: String },
}

fn doing(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    move |cause| StateError::Io {
        action,
        path,
        cause,
    }
}

impl State {
    /// Takes the lock, without waiting; makes the directory where there is none.
    pub fn open(dir: impl Into<PathBuf>) -> Result<State, StateError> {
        let dir = dir.into();
        if !dir.is_dir() {
            fs::create_dir_all(&dir).map_err(doing("make", &dir))?;
        }
        let path = dir.join(LOCK);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(doing("open", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(State { dir, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StateError::Locked { dir }),
            Err(TryLockError::Error(cause)) => Err(doing("lock", &path)(cause)),
        }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The swap that was begun and did not end.
    pub fn intent(&self) -> Result<Option<Intent>, StateError> {
        let path = self.dir.join(JOURNAL);
        let unreadable = |reason: String| StateError::Unreadable {
            path: path.clone(),
            reason,
        };
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(doing("read", &path)(error)),
            Ok(found) if found.len() > LARGEST => return Err(unreadable("too large".to_owned())),
            Ok(_) => {}
        }
        let bytes = fs::read(&path).map_err(doing("read", &path))?;
        let intent: Intent =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if intent.schema != SCHEMA {
            return Err(unreadable(format!("schema {:?}", intent.schema)));
        }
        Ok(Some(intent))
    }

    /// Puts the intent on the disk, as a whole. Only the process with the lock calls this.
    pub fn write(&self, intent: &Intent) -> Result<(), StateError> {
        let (partial, path) = (self.dir.join(PARTIAL), self.dir.join(JOURNAL));
        let write = || {
            let mut file = File::create(&partial)?;
            serde_json::to_writer(&mut file, intent)?;
            file.write_all(b"\n")?;
            file.sync_all()
        };
        write().map_err(doing("write", &partial))?;
        fs::rename(&partial, &path).map_err(doing("write", &path))?;
        self.sync()
    }

    /// The swap has ended.
    pub fn close(&self) -> Result<(), StateError> {
        let path = self.dir.join(JOURNAL);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(doing("remove", &path)(error)),
            Ok(()) => self.sync(),
        }
    }

    fn sync(&self) -> Result<(), StateError> {
        File::open(&self.dir)
            .and_then(|dir| dir.sync_all())
            .map_err(doing("write", &self.dir))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_is_there_until_it_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path().join("state")).unwrap();
        assert_eq!(state.intent().unwrap(), None);
        let mut intent = Intent::new("boot", None, "abc");
        state.write(&intent).unwrap();
        assert_eq!(state.intent().unwrap().as_ref(), Some(&intent));
        intent.mark = Mark::Settle;
        state.write(&intent).unwrap();
        assert_eq!(state.intent().unwrap(), Some(intent));
        state.close().unwrap();
        assert_eq!(state.intent().unwrap(), None);
        state.close().unwrap();
    }

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = State::open(dir.path()).unwrap();
        let second = State::open(dir.path()).unwrap_err();
        assert!(matches!(second, StateError::Locked { .. }), "{second}");
        drop(first);
        State::open(dir.path()).unwrap();
    }

    /// What cannot be read is not taken for nothing.
    #[test]
    fn a_damaged_journal_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let other = r#"{"schema":"weir.swap/9","boot":"b","from":null,"to":"t","mark":"flip"}"#;
        for bytes in ["", "{", "[]", other, &" ".repeat(70_000)] {
            fs::write(dir.path().join(JOURNAL), bytes).unwrap();
            let error = state.intent().unwrap_err();
            assert!(matches!(error, StateError::Unreadable { .. }), "{error}");
        }
    }
}
