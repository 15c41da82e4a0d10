//! Channels in a directory: a head is one file, replaced by rename under the lock of the store.
//!
//! It does not know what heads and journals say, except where a line of a journal ends.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use weir_schemas::Published as _;
use weir_schemas::artifact::{MANIFEST, file};
use weir_schemas::export::EXPORT;
use weir_schemas::journal::{Entry, Outcome as Became};

use crate::artifact::BUILDS;
use crate::channel::journal::{Journal, line};
use crate::channel::{Backend, Choose, Stored, Swap, Swapped, Tag, Versioned, head};
use crate::disk::{Lock, doing, read, read_if_there, rename, replace, sha256, sync_dir};
use crate::put::recover;
use crate::snapshot::{Snapshot, SnapshotError, is_file_name};
use crate::{ArtifactFiles, Outcome, Result, Store, StoreError, is_digest};

/// Bytes at the end of a journal that are looked at before a line is added.
const END: u64 = 256 * 1024;

impl Store {
    fn heads(&self) -> PathBuf {
        self.root().join("heads")
    }

    fn head_path(&self, channel: &str) -> Result<PathBuf> {
        Ok(self.heads().join([named(channel)?, ".json"].concat()))
    }

    fn journal_path(&self, channel: &str) -> Result<PathBuf> {
        let name = [named(channel)?, ".log"].concat();
        Ok(self.root().join("journal").join(name))
    }

    fn status_of(&self, channel: &str) -> Result<PathBuf> {
        Ok(self.root().join("status").join(named(channel)?))
    }

    fn pin_path(&self, digest: &str) -> Result<PathBuf> {
        if !is_digest(digest) {
            return Err(StoreError::BadReference {
                reference: digest.to_owned(),
            });
        }
        Ok(self.root().join("pins").join(digest))
    }

    /// Replaces a journal and then a head with those of another store.
    pub(crate) fn replace_channel(&self, swap: Swap<'_>, journal: &[u8]) -> Result<Swapped> {
        let path = self.head_path(swap.channel)?;
        let journal_path = self.journal_path(swap.channel)?;
        let _lock = Lock::exclusive(&self.lock())?;
        recover(self)?;
        let found = Backend::head(self, swap.channel)?.map(|head| head.tag);
        if found.as_ref() != swap.expected {
            return Ok(Swapped::Moved);
        }
        if !self.artifacts().join(swap.requires).is_dir() {
            return Ok(Swapped::Gone);
        }
        make_dir_of(&path)?;
        make_dir_of(&journal_path)?;
        replace(&self.tmp(), &journal_path, journal)?;
        replace(&self.tmp(), &path, swap.bytes)?;
        Ok(Swapped::Done { journal: None })
    }

    /// Adds a line. The caller holds the lock.
    fn append_locked(&self, entry: &Entry) -> Result<()> {
        let path = self.journal_path(&entry.channel)?;
        make_dir_of(&path)?;
        let is_new = !path.exists();
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(doing("write", &path))?;
        let (end, start) = read_end(&mut file).map_err(doing("read", &path))?;
        let journal = if start == 0 {
            Journal::read(&end)
        } else {
            Journal::read_end(&end)
        };
        let known = entry.head.as_ref().is_some_and(|head| {
            let mut heads = journal.entries.iter().filter_map(|e| e.head.as_ref());
            heads.any(|h| h.txn == head.txn)
        });
        if known {
            return Ok(());
        }
        let mut text = String::new();
        let mut last = journal.last.clone();
        let whole = start + journal.whole as u64;
        let torn = end.len() - journal.whole;
        if torn > 0 {
            // It was cut short while it was written, so nobody was told that it is there.
            let repair = Entry {
                schema: Entry::SCHEMA.into(),
                channel: entry.channel.clone(),
                time: entry.time.clone(),
                author: entry.author.clone(),
                action: "repair".to_owned(),
                outcome: Became::Done,
                from: None,
                to: None,
                reason: format!(
                    "an entry was cut short while it was written: {torn} bytes removed"
                ),
                head: None,
            };
            text.push_str(&line(&last, &repair));
            last = text[..64].to_owned();
            file.set_len(whole).map_err(doing("write", &path))?;
        }
        text.push_str(&line(&last, entry));
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all());
        if let Err(error) = written {
            // What was written of it would only be repaired later.
            let _ = file.set_len(whole);
            return Err(doing("write", &path)(error));
        }
        if is_new && let Some(dir) = path.parent() {
            sync_dir(dir)?;
        }
        Ok(())
    }
}

fn named(channel: &str) -> Result<&str> {
    match head::is_name(channel) {
        true => Ok(channel),
        false => Err(StoreError::Unknown(format!(
            "{channel:?} cannot be the name of a channel"
        ))),
    }
}

fn make_dir_of(path: &Path) -> Result<()> {
    let Some(dir) = path.parent().filter(|dir| !dir.is_dir()) else {
        return Ok(());
    };
    fs::create_dir_all(dir).map_err(doing("make", dir))?;
    dir.parent().map_or(Ok(()), sync_dir)
}

/// Whole lines at the end of a file, and where they start.
fn read_end(file: &mut File) -> std::io::Result<(Vec<u8>, u64)> {
    let length = file.metadata()?.len();
    let mut window = END;
    loop {
        let start = length.saturating_sub(window);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        if start == 0 {
            return Ok((bytes, 0));
        }
        // From the first line that begins here; one whole line at least must follow.
        let first = bytes.iter().position(|b| *b == b'\n').map(|at| at + 1);
        if let Some(first) = first
            && bytes[first..].contains(&b'\n')
        {
            let start = start + first as u64;
            return Ok((bytes.split_off(first), start));
        }
        window *= 4;
    }
}

impl Backend for Store {
    fn artifacts(&self) -> Result<Vec<Stored>> {
        self.list()?
            .into_iter()
            .map(|digest| {
                let path = self.artifacts().join(&digest);
                let modified = fs::metadata(&path)
                    .and_then(|m| m.modified())
                    .map_err(doing("read", &path))?;
                let age = modified.duration_since(UNIX_EPOCH);
                Ok(Stored {
                    stored: age.map_or(0, |age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)),
                    pinned: self.pin_path(&digest)?.exists(),
                    digest,
                })
            })
            .collect()
    }

    fn artifact_file(&self, digest: &str, name: &str) -> Result<Option<Vec<u8>>> {
        let part = name.rsplit('/').next().unwrap_or(name);
        let build = name.strip_suffix(part).unwrap_or("");
        let of_build = build
            .strip_prefix(BUILDS)
            .is_some_and(|b| is_digest(b.trim_matches('/')));
        if !is_digest(digest) || file(part).is_none() || !(build.is_empty() || of_build) {
            return Ok(None);
        }
        let _lock = Lock::shared(&self.lock())?;
        read_if_there(&self.artifacts().join(digest).join(name))
    }

    fn builds(&self, digest: &str) -> Result<Vec<String>> {
        if !is_digest(digest) {
            return Ok(Vec::new());
        }
        let artifact = self.artifact(digest.to_owned());
        let Some(newest) = read_if_there(&artifact.path().join(MANIFEST))? else {
            return Ok(Vec::new());
        };
        let newest = sha256(&newest);
        let mut builds = artifact.builds()?;
        builds.retain(|build| *build != newest);
        builds.push(newest);
        Ok(builds)
    }

    fn put(&self, artifact: &ArtifactFiles<'_>) -> Result<Outcome> {
        Ok(self.put_artifact(artifact)?.outcome)
    }

    fn pin(&self, digest: &str, pinned: bool) -> Result<()> {
        let path = self.pin_path(digest)?;
        let _lock = Lock::exclusive(&self.lock())?;
        if pinned {
            make_dir_of(&path)?;
            return replace(&self.tmp(), &path, b"");
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(doing("remove", &path)),
        }
    }

    fn collect(&self, choose: Choose<'_>) -> Result<Vec<String>> {
        let _lock = Lock::exclusive(&self.lock())?;
        recover(self)?;
        let mut removed = Vec::new();
        for digest in choose(&Backend::artifacts(self)?)? {
            if !is_digest(&digest) {
                continue;
            }
            // Out of sight in one step; what a crash leaves in tmp/ is removed by the next.
            let gone = self.tmp().join([&digest, ".removed"].concat());
            rename(&self.artifacts().join(&digest), &gone)?;
            sync_dir(&self.artifacts())?;
            fs::remove_dir_all(&gone).map_err(doing("remove", &gone))?;
            removed.push(digest);
        }
        Ok(removed)
    }

    fn channels(&self) -> Result<Vec<String>> {
        names_in(&self.heads(), ".json")
    }

    fn journals(&self) -> Result<Vec<String>> {
        names_in(&self.root().join("journal"), ".log")
    }

    fn head(&self, channel: &str) -> Result<Option<Versioned>> {
        let bytes = read_if_there(&self.head_path(channel)?)?;
        Ok(bytes.map(|bytes| Versioned {
            tag: Tag(sha256(&bytes)),
            bytes,
        }))
    }

    fn swap_head(&self, swap: Swap<'_>) -> Result<Swapped> {
        let path = self.head_path(swap.channel)?;
        let _lock = Lock::exclusive(&self.lock())?;
        recover(self)?;
        let found = Backend::head(self, swap.channel)?.map(|head| head.tag);
        if found.as_ref() != swap.expected {
            return Ok(Swapped::Moved);
        }
        if !self.artifacts().join(swap.requires).is_dir() {
            return Ok(Swapped::Gone);
        }
        make_dir_of(&path)?;
        replace(&self.tmp(), &path, swap.bytes)?;
        Ok(Swapped::Done {
            journal: self.append_locked(swap.entry).err().map(|e| e.to_string()),
        })
    }

    fn flush(&self, channel: &str) -> Result<()> {
        let path = self.head_path(channel)?;
        let _lock = Lock::shared(&self.lock())?;
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(doing("write", &path))?;
        sync_dir(&self.heads())
    }

    fn journal(&self, channel: &str) -> Result<Vec<u8>> {
        // Without the lock, which whoever collects holds already. A line without its end may be one that somebody is
        // writing: then it is looked at again.
        let path = self.journal_path(channel)?;
        let mut bytes = read_if_there(&path)?.unwrap_or_default();
        for _ in 0..10 {
            if bytes.last().is_none_or(|last| *last == b'\n') {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
            bytes = read_if_there(&path)?.unwrap_or_default();
        }
        Ok(bytes)
    }

    fn journal_end(&self, channel: &str) -> Result<Vec<u8>> {
        let path = self.journal_path(channel)?;
        let _lock = Lock::shared(&self.lock())?;
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            file => file.map_err(doing("read", &path))?,
        };
        let (bytes, _) = read_end(&mut file).map_err(doing("read", &path))?;
        Ok(bytes)
    }

    fn append(&self, entry: &Entry) -> Result<()> {
        let _lock = Lock::exclusive(&self.lock())?;
        self.append_locked(entry)
    }

    fn keep_snapshot(&self, snapshot: &Snapshot) -> std::result::Result<(), SnapshotError> {
        let export = snapshot.verify()?;
        let bytes = read(&snapshot.path().join(EXPORT))?;
        let mut files = Vec::new();
        for file in &export.files {
            files.push((file.name.clone(), read(&snapshot.path().join(&file.name))?));
        }
        self.put_snapshot(&export, &bytes, &files).map(|_| ())
    }

    fn snapshot_file(&self, digest: &str, name: &str) -> Result<Option<Vec<u8>>> {
        match is_digest(digest) && is_file_name(name) {
            true => read_if_there(&self.snapshots_dir().join(digest).join(name)),
            false => Ok(None),
        }
    }

    fn put_status(&self, channel: &str, box_name: &str, bytes: &[u8]) -> Result<()> {
        let dir = self.status_of(channel)?;
        let path = dir.join([named(box_name)?, ".json"].concat());
        let _lock = Lock::exclusive(&self.lock())?;
        make_dir_of(&dir)?;
        make_dir_of(&path)?;
        replace(&self.tmp(), &path, bytes)
    }

    fn statuses(&self, channel: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let dir = self.status_of(channel)?;
        let mut found = Vec::new();
        for name in names_in(&dir, ".json")? {
            if let Some(bytes) = read_if_there(&dir.join([&name, ".json"].concat()))? {
                found.push((name, bytes));
            }
        }
        Ok(found)
    }
}

/// Names of channels or boxes that have a file with this ending in a directory, sorted.
fn names_in(dir: &Path, ending: &str) -> Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(doing("list", dir))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(doing("list", dir))?.file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(ending));
        names.extend(name.filter(|n| head::is_name(n)).map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}
