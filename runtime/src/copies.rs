//! Copies of the artifacts that may have to be loaded: what runs, and what is gone back to. A way back must not
//! depend on a store that cannot be read just then.
//!
//! A copy appears by the rename of a directory whose files are on the disk. It is proved each time it is used.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::artifact::{ArtifactError, Expected, Proved, prove};

/// Copies that are kept although nothing needs them: one was made, and its head was not heard of yet.
pub const NEWEST: usize = 4;

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

    /// Removes every copy that is neither needed nor among the newest [`NEWEST`].
    pub fn keep(&self, needed: &[&str]) -> io::Result<()> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            all.push((entry.metadata()?.modified()?, entry.file_name()));
        }
        all.sort_unstable();
        all.reverse();
        for (_, name) in all.into_iter().skip(NEWEST) {
            if needed.iter().all(|n| **n != *name) {
                fs::remove_dir_all(self.dir.join(name))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Recipe, circuit};

    #[test]
    fn copies_are_proved_replaced_when_damaged_and_removed_when_old() {
        let state = tempfile::tempdir().expect("a directory");
        let copies = Copies::open(state.path()).expect("opens");
        let mut digests = Vec::new();
        for n in 0..NEWEST as u8 + 2 {
            let recipe = Recipe {
                to_network: "lan0",
                to_internet: "wan0",
                queues: 1,
                circuits: vec![circuit("a", n, 0, [5_000, 1_000])],
            };
            let made = state.path().join("made");
            digests.push(recipe.write(&made));
            let proved = prove(&made, Expected::default()).expect("proves");
            copies.put(&proved).expect("kept");
            let copy = copies.get(&proved.digest).expect("proves").expect("there");
            assert_eq!(copy, proved);
            let damaged = state
                .path()
                .join("artifacts")
                .join(&proved.digest)
                .join("tree.json");
            fs::write(&damaged, "{}").expect("writes");
            assert!(copies.get(&proved.digest).is_err());
            copies.put(&proved).expect("made again");
            assert!(copies.get(&proved.digest).is_ok());
        }
        copies.keep(&[&digests[0]]).expect("removes");
        let there = |d: &String| matches!(copies.get(d), Ok(Some(_)));
        assert!(there(&digests[0]), "needed");
        assert!(!there(&digests[1]), "old");
        assert!(digests[2..].iter().all(there), "the newest");
        fs::create_dir(state.path().join("artifacts/x.partial")).expect("left behind");
        Copies::open(state.path()).expect("opens");
        assert!(!state.path().join("artifacts/x.partial").exists());
    }
}
