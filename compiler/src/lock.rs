//! `weir.lock`: which snapshot each source is built from. It is kept in git beside `weir.toml`, so that a checkout
//! builds the same on every machine that has the snapshot. Reading it and writing it is a shore; what a snapshot holds is
//! not known here.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use serde::Deserialize;
use weir_store::Store;
use weir_store::snapshot::SnapshotError;

use crate::config::project::Project;
use crate::exports::{Clock, ReadError};

/// The name of the file.
pub const FILE_NAME: &str = "weir.lock";

#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u64,
    /// Sorted by name.
    #[serde(default)]
    pub source: Vec<Locked>,
}

/// A source and its snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    pub name: String,
    pub kind: String,
    /// `sha256:` and the digest of the snapshot.
    pub snapshot: String,
    /// When it was read for the last time, RFC 3339 in UTC: the same answers have the same snapshot.
    pub fetched: String,
}

const VERSION: u64 = 1;

impl Lock {
    /// The lock of a project; empty where there is none.
    pub fn read(project: &Path) -> Result<Lock, String> {
        let path = project.join(FILE_NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lock::default()),
            Err(error) => return Err(format!("{FILE_NAME} cannot be read: {error}")),
        };
        let lock: Lock = toml::from_str(&text).map_err(|error| {
            let said: Vec<&str> = error.message().split_whitespace().collect();
            format!("{FILE_NAME} is not a lock file: {}", said.join(" "))
        })?;
        if lock.version != VERSION {
            return Err(format!(
                "{FILE_NAME} has version {}, and this Weir reads {VERSION}: use the Weir that wrote it, or a newer one",
                lock.version
            ));
        }
        Ok(lock)
    }

    pub fn of(&self, source: &str) -> Option<&Locked> {
        self.source.iter().find(|locked| locked.name == source)
    }

    /// Puts a source's new snapshot in place of the one before.
    pub fn set(&mut self, locked: Locked) {
        self.source.retain(|old| old.name != locked.name);
        self.source.push(locked);
        self.source.sort_by(|a, b| a.name.cmp(&b.name));
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "# Written by `weir fetch`; keep it in git. Each source is built from the snapshot that is named here.\n",
        );
        text.push_str(&format!("version = {VERSION}\n"));
        for locked in &self.source {
            let Locked {
                name,
                kind,
                snapshot,
                fetched,
            } = locked;
            let quoted = |value: &str| toml::Value::String(value.to_owned()).to_string();
            text.push_str(&format!(
                "\n[[source]]\nname = {}\nkind = {}\nsnapshot = {}\nfetched = {}\n",
                quoted(name),
                quoted(kind),
                quoted(snapshot),
                quoted(fetched)
            ));
        }
        text
    }

    /// Replaces the lock of a project: the old one or the new one is there at any time.
    pub fn write(&self, project: &Path) -> io::Result<()> {
        let partial = project.join(format!("{FILE_NAME}.partial"));
        let mut file = fs::File::create(&partial)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, project.join(FILE_NAME))?;
        fs::File::open(project)?.sync_all()
    }
}

/// Why the lock of a project could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    #[error("{0}")]
    Unreadable(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Puts new snapshots into the lock of a project, and lets go of sources that are not `wanted`. Of several processes at
/// once each keeps what the others wrote: the lock is read again while nobody else may write it.
pub fn update(
    project: &Path,
    fresh: Vec<Locked>,
    wanted: impl Fn(&Locked) -> bool,
) -> Result<(), UpdateError> {
    // The directory is locked, so that no file is left that only says so. The kernel lets go when the process ends.
    let held = fs::File::open(project)?;
    held.lock()?;
    let mut lock = Lock::read(project).map_err(UpdateError::Unreadable)?;
    for locked in fresh {
        lock.set(locked);
    }
    lock.source.retain(wanted);
    lock.write(project)?;
    Ok(())
}

/// Makes every source that is read over the network a recorded one: the snapshot that the lock names, proved to be what
/// was recorded. Offline. Gives for each of `Project::sources` when it was read for the last time, in seconds since 1970:
/// a snapshot itself knows only when its answers came first. `None` for a source that is not read over the network.
pub fn pin(dir: &Path, project: &mut Project) -> Result<Vec<Option<i64>>, ReadError> {
    let mut fetched = vec![None; project.sources.len()];
    if project.live.is_empty() {
        return Ok(fetched);
    }
    let fail = |index: usize, message: String, help: &str| ReadError {
        message,
        help: help.to_owned(),
        key: format!("source.{index}.url"),
    };
    let first = project.live[0].index;
    let lock = Lock::read(dir).map_err(|message| {
        fail(
            first,
            message,
            "take it from git again, or run `weir fetch`",
        )
    })?;
    let root = dir.join(&project.store);
    for live in &project.live {
        let fail = |message: String, help: &str| fail(live.index, message, help);
        let source = live.source.as_str();
        let Some(locked) = lock.of(source) else {
            return Err(fail(
                format!(
                    "source `{source}` has not been read yet: {FILE_NAME} names no snapshot of it"
                ),
                "`weir fetch` reads it",
            ));
        };
        if locked.kind != live.kind.word() {
            return Err(fail(
                format!(
                    "the snapshot of source `{source}` is of kind {}, and the source of kind {}",
                    locked.kind,
                    live.kind.word()
                ),
                "`weir fetch` reads it again",
            ));
        }
        let missing = "get it from where it was fetched, or run `weir fetch`";
        if !root.is_dir() {
            return Err(fail(
                format!(
                    "the store has no snapshot {} of source `{source}`",
                    locked.snapshot
                ),
                missing,
            ));
        }
        let found = Store::open(&root)
            .map_err(SnapshotError::from)
            .and_then(|store| store.snapshot(&locked.snapshot))
            .and_then(|snapshot| snapshot.verify().map(|_| snapshot));
        let snapshot =
            found.map_err(|error| fail(format!("source `{source}`: {error}"), missing))?;
        // Where it lies says nothing to anybody: absolute paths are shown by the name of their source.
        let path =
            std::path::absolute(snapshot.path()).unwrap_or_else(|_| snapshot.path().to_owned());
        let sources = project.sources.iter_mut().zip(&mut fetched);
        for (source, when) in sources.filter(|(s, _)| s.name == live.source) {
            source.export = Some(path.to_string_lossy().into_owned());
            *when = Clock::instant(&locked.fetched);
        }
    }
    Ok(fetched)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(name: &str) -> Locked {
        Locked {
            name: name.to_owned(),
            kind: "uisp".to_owned(),
            snapshot: format!("sha256:{}", "a1".repeat(32)),
            fetched: "2026-01-01T00:00:00Z".to_owned(),
        }
    }

    #[test]
    fn a_lock_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Lock::read(dir.path()).unwrap().source, []);
        let mut lock = Lock {
            version: 1,
            source: Vec::new(),
        };
        for name in ["b", "a\"\n", "b"] {
            lock.set(locked(name));
        }
        lock.write(dir.path()).unwrap();
        assert_eq!(Lock::read(dir.path()).unwrap(), lock);
        assert_eq!(lock.source.len(), 2);
        assert!(lock.of("b").is_some() && lock.of("c").is_none());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    /// Many at once, each with a source of its own: nobody loses what another wrote.
    #[test]
    fn updates_at_once_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..8).map(|n| format!("source-{n}")).collect();
        let barrier = std::sync::Barrier::new(names.len());
        std::thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| {
                    barrier.wait();
                    update(dir.path(), vec![locked(name)], |_| true).unwrap();
                });
            }
        });
        let lock = Lock::read(dir.path()).unwrap();
        let found: Vec<&str> = lock.source.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(found, names);
        update(dir.path(), Vec::new(), |locked| locked.name == "source-3").unwrap();
        assert_eq!(Lock::read(dir.path()).unwrap().source.len(), 1);
        fs::write(dir.path().join(FILE_NAME), "version = 9\n").unwrap();
        let error = update(dir.path(), Vec::new(), |_| true).unwrap_err();
        assert!(matches!(error, UpdateError::Unreadable(_)), "{error}");
    }

    #[test]
    fn another_lock_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (text, want) in [
            (
                "version = 2\n",
                "weir.lock has version 2, and this Weir reads 1: use the Weir that wrote it, or a newer one",
            ),
            (
                "version = 1\nnew = 1\n",
                "weir.lock is not a lock file: unknown field `new`, expected `version` or `source`",
            ),
            ("<<<<<<< HEAD\n", "weir.lock is not a lock file: "),
        ] {
            fs::write(dir.path().join(FILE_NAME), text).unwrap();
            let error = Lock::read(dir.path()).unwrap_err();
            assert!(error.starts_with(want), "{error}");
        }
    }
}
