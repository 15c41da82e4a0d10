//! Copies of the artifacts that may have to be loaded: what runs, and what is gone back to. A way back must not
//! depend on a store that cannot be read just then.
//!
//! A copy appears by the rename of a directory whose files are on the disk. It is proved each time it is used.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::artifact::{ArtifactError, Expected, Proved, prove};

/// The directory of copies.
#[derive(Clone, Debug)]
pub struct Copies {
    dir: PathBuf,
}

impl Copies {
    /// In the state directory; what an earlier process left unfinished is removed.
    pub fn open(state: &Path) -> io::Result<Copies> {
        let dir = state.join("artifacts");
        fs::create_dir_all(&dir)?;
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "partial") {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(Copies { dir })
    }

    /// The copy of an artifact, proved; `None` where there is none.
    pub fn get(&self, digest: &str) -> Result<Option<Proved>, ArtifactError> {
        let dir = self.dir.join(digest);
        if !dir.is_dir() {
            return Ok(None);
        }
        let expected = Expected {
            digest: Some(digest),
            manifest_sha256: None,
            is_copy: true,
        };
        prove(&dir, expected).map(Some)
    }

    /// Keeps a copy. One that is there and does not prove is replaced.
    pub fn put(&self, artifact: &Proved) -> io::Result<()> {
        let dir = self.dir.join(&artifact.digest);
        if matches!(self.get(&artifact.digest), Ok(Some(_))) {
            return Ok(());
        }
        let partial = self.dir.join(format!("{}.partial", artifact.digest));
        if partial.is_dir() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir(&partial)?;
        for (name, bytes) in &artifact.files {
            let mut file = File::create(partial.join(name))?;
            file.write_all(bytes)?;
            file.sync_all()?;
        }
        File::open(&partial)?.sync_all()?;
        if dir.is_dir() {
            fs::remove_dir_all(&dir)?;
        }
        fs::rename(&partial, &dir)?;
        File::open(&self.dir)?.sync_all()
    }

    /// Removes every copy that is not needed.
    pub fn keep(&self, needed: &[&str]) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if needed.iter().all(|n| **n != *name) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}
