//! What the runtime must know after a crash or a restart: the head it accepted last, what is to be in the kernel,
//! what to go back to, and until when. One small file, replaced as a whole before anything is done because of it.
//!
//! It does not know when any of that changes; see [`course`](super::course).

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use weir_schemas::Published;

/// Heads that are remembered, so that a way back can be told from a forgery.
pub const PAST: usize = 64;

/// Everything that is remembered.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Memory {
    /// `weir.runtime-memory/1`
    pub schema: String,
    /// The channel that `head` is of; null before the first.
    pub channel: Option<String>,
    /// The newest head that was accepted, whether or not it could be loaded.
    pub head: Option<Accepted>,
    /// Generations that were accepted, oldest first, at most [`PAST`].
    pub past: Vec<Generation>,
    /// What is to be in the kernel; null = nothing, everything passes unshaped.
    pub wanted: Option<Generation>,
    /// `wanted` was loaded, and its health was good.
    pub proved: bool,
    /// What to go back to when `wanted` turns out bad.
    pub fallback: Option<Generation>,
    /// `wanted` waits to be confirmed.
    pub trial: Option<Trial>,
    /// How often loading `wanted` was tried in vain.
    pub attempts: u32,
    /// The newest generation of the channel is not wanted, and this is why.
    pub given_up: Option<GivenUp>,
    /// Shaping was taken away by hand: nothing is loaded until a newer head comes.
    #[serde(default)]
    pub detached: bool,
}

impl Published for Memory {
    const SCHEMA: &'static str = "weir.runtime-memory/1";
}

/// A head, as far as the next one is measured by it.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    pub seq: u64,
    pub txn: String,
    pub digest: String,
    /// It did not wait to be confirmed.
    pub confirmed: bool,
}

/// A generation: an artifact, and its number in the channel.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Generation {
    /// Payload digest, lower-case hexadecimal.
    pub digest: String,
    /// Null when it was applied by hand.
    pub seq: Option<u64>,
}

/// Until when an unconfirmed generation may stay, by a clock that cannot be set.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Trial {
    /// The boot that the next counts from; in another boot the time is over.
    pub boot_id: String,
    /// Milliseconds since that boot.
    pub deadline_ms: u64,
}

/// A generation that is not tried again.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct GivenUp {
    /// The head it came with: another one is another try.
    pub txn: String,
    pub seq: u64,
    pub digest: String,
    /// One line that stands alone.
    pub reason: String,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            schema: Memory::SCHEMA.to_owned(),
            channel: None,
            head: None,
            past: Vec::new(),
            wanted: None,
            proved: false,
            fallback: None,
            trial: None,
            attempts: 0,
            given_up: None,
            detached: false,
        }
    }
}

/// Why what is remembered cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    #[error("cannot {action} {}: {cause}", .path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        cause: io::Error,
    },
    #[error(
        "{} cannot be read: {reason}; what is in the kernel stays. Move the file away to begin anew: the next head of \
         the channel is then believed without a history",
        .path.display()
    )]
    Damaged { path: PathBuf, reason: String },
}

/// Where memory is kept.
#[derive(Clone, Debug)]
pub struct Keeper {
    path: PathBuf,
}

impl Keeper {
    /// In the state directory, which is made where it is missing.
    pub fn open(dir: &Path) -> Result<Keeper, MemoryError> {
        fs::create_dir_all(dir).map_err(doing("make", dir))?;
        Ok(Keeper {
            path: dir.join("memory.json"),
        })
    }

    /// What is remembered; nothing when nothing ever was. A file that does not read is never taken for nothing.
    pub fn load(&self) -> Result<Memory, MemoryError> {
        match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Memory::default()),
            Err(error) => Err(doing("read", &self.path)(error)),
            Ok(bytes) => weir_schemas::read(&bytes).map_err(|error| MemoryError::Damaged {
                path: self.path.clone(),
                reason: error.to_string(),
            }),
        }
    }

    /// Replaces what is remembered: after a crash it is the old or the new, whole.
    pub fn save(&self, memory: &Memory) -> Result<(), MemoryError> {
        let mut text = serde_json::to_string_pretty(memory).expect("it writes to memory");
        text.push('\n');
        replace(&self.path, text.as_bytes())
    }
}

/// Replaces a file as a whole, and puts it on the disk.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), MemoryError> {
    let partial = path.with_extension("partial");
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(doing("write", &partial))?;
    fs::rename(&partial, path).map_err(doing("write", path))?;
    let dir = path.parent().unwrap_or(Path::new("."));
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(doing("write", dir))
}

fn doing(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MemoryError {
    let path = path.to_owned();
    move |cause| MemoryError::Io {
        action,
        path,
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_and_nothing_is_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let keeper = Keeper::open(&dir.path().join("state")).expect("opens");
        assert_eq!(keeper.load().expect("reads"), Memory::default());
        let memory = Memory {
            channel: Some("production".into()),
            trial: Some(Trial {
                boot_id: "a".into(),
                deadline_ms: u64::MAX,
            }),
            attempts: 2,
            ..Memory::default()
        };
        keeper.save(&memory).expect("writes");
        assert_eq!(keeper.load().expect("reads"), memory);
    }

    /// Every cut of the file is an error: to forget is to believe a replayed head.
    #[test]
    fn a_damaged_file_is_not_taken_for_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let keeper = Keeper::open(dir.path()).expect("opens");
        keeper.save(&Memory::default()).expect("writes");
        let bytes = fs::read(dir.path().join("memory.json")).expect("bytes");
        for cut in 0..bytes.len() - 2 {
            fs::write(dir.path().join("memory.json"), &bytes[..cut]).expect("writes");
            assert!(keeper.load().is_err(), "cut at {cut}");
        }
        let other = String::from_utf8(bytes)
            .expect("text")
            .replace("memory/1", "memory/2");
        fs::write(dir.path().join("memory.json"), other).expect("writes");
        let error = keeper.load().expect_err("another version").to_string();
        assert!(error.contains("weir.runtime-memory/2"), "{error}");
    }
}
