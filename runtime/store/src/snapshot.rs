//! Recorded exports in the store: `snapshots/<digest>/`, whole or not there, and never changed. `export.json` lists
//! what is in one. It does not know what the files mean, nor which source is built from which snapshot.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use weir_schemas::export::{EXPORT, Export};

use crate::disk::{Lock, doing, read, read_if_there, rename, sha256, sync_dir, write_dir};
use crate::{SHORTEST, Store, StoreError, WHOLE, is_digest};

#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The outside world.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "{reference} is not the digest of a snapshot: at least 4 of its 64 hexadecimal digits are needed"
    )]
    BadReference { reference: String },
    #[error("no snapshot {reference} in {}: `weir fetch` records one", .store.display())]
    NotFound { reference: String, store: PathBuf },
    #[error("{reference} is the beginning of several snapshots, write more digits: {}", .candidates.join(", "))]
    Ambiguous {
        reference: String,
        candidates: Vec<String>,
    },
    /// What was given is not a snapshot; nothing was written.
    #[error("these files are not a snapshot: {what}; nothing was stored")]
    NotASnapshot { what: String },
    /// What is there is not what was stored.
    #[error(
        "the snapshot in {} was changed after it was recorded: {what}; move this directory away and run `weir fetch`",
        .path.display()
    )]
    Damaged { path: PathBuf, what: String },
}

type Result<T> = std::result::Result<T, SnapshotError>;

/// A snapshot that is in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    digest: String,
    path: PathBuf,
}

impl Snapshot {
    /// Lower-case hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The directory with its files: a recorded export.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was read, as it was written; see [`Snapshot::verify`].
    pub fn export(&self) -> Result<Export> {
        let bytes = read(&self.path.join(EXPORT))?;
        weir_schemas::read(&bytes).map_err(|error| self.damaged(format!("{EXPORT}: {error}")))
    }

    /// Proves that every file is what was recorded, and that nothing was added.
    pub fn verify(&self) -> Result<Export> {
        let export = self.export()?;
        let computed = sha256(export.digest_text().as_bytes());
        if computed != self.digest {
            return Err(self.damaged(format!("{EXPORT} describes another snapshot, {computed}")));
        }
        let mut there = 0;
        for entry in fs::read_dir(&self.path).map_err(doing("list", &self.path))? {
            entry.map_err(doing("list", &self.path))?;
            there += 1;
        }
        if there != export.files.len() + 1 {
            return Err(self.damaged("a file was added or taken away".to_owned()));
        }
        for file in &export.files {
            if !is_file_name(&file.name) {
                return Err(self.damaged(format!("{EXPORT} lists a file outside")));
            }
            let found = read_if_there(&self.path.join(&file.name))?.map(|bytes| sha256(&bytes));
            if found.as_deref() != Some(&file.sha256) {
                return Err(self.damaged(format!("{} is not what was recorded", file.name)));
            }
        }
        Ok(export)
    }

    fn damaged(&self, what: String) -> SnapshotError {
        SnapshotError::Damaged {
            path: self.path.clone(),
            what,
        }
    }
}

/// A name that stays in its directory.
fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

impl Store {
    /// Stores a recorded export: `export` and the files it lists. The same content is stored once; the description of
    /// its first recording stays.
    pub fn put_snapshot(
        &self,
        export: &Export,
        export_json: &[u8],
        files: &[(String, Vec<u8>)],
    ) -> Result<(Snapshot, bool)> {
        let not = |what: String| SnapshotError::NotASnapshot { what };
        if !export.complete || export.files.iter().any(|file| !file.complete) {
            return Err(not("they are not complete".to_owned()));
        }
        let digest = sha256(export.digest_text().as_bytes());
        if digest != export.digest {
            return Err(not(format!(
                "their digest is {digest}, and {} was said",
                export.digest
            )));
        }
        let listed = export.files.iter().map(|file| (&file.name, &file.sha256));
        let given: Vec<(&String, String)> = files.iter().map(|(n, b)| (n, sha256(b))).collect();
        if !listed.eq(given.iter().map(|(name, sha256)| (*name, sha256))) {
            return Err(not(format!("they are not those that {EXPORT} lists")));
        }
        if let Some(file) = export.files.iter().find(|file| !is_file_name(&file.name)) {
            return Err(not(format!("{:?} is not the name of a file", file.name)));
        }
        let snapshot = self.snapshot_at(digest);
        let _lock = Lock::exclusive(&self.lock())?;
        let dir = self.snapshots_dir();
        if !dir.is_dir() {
            fs::create_dir_all(&dir).map_err(doing("make the store's directory", &dir))?;
        }
        if snapshot.path.is_dir() {
            snapshot.verify()?;
            // It is the newest again, so it is not collected before a lock names it. In a store of somebody else's it
            // keeps its date, and is not ours to collect either.
            let now = SystemTime::now();
            let _ = fs::File::open(&snapshot.path).and_then(|dir| dir.set_modified(now));
            return Ok((snapshot, false));
        }
        let partial = self
            .tmp()
            .join([&snapshot.digest, ".snapshot.partial"].concat());
        if partial.is_dir() {
            fs::remove_dir_all(&partial).map_err(doing("remove", &partial))?;
        }
        let described = [(EXPORT, export_json)];
        let files = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        write_dir(&partial, files.chain(described))?;
        rename(&partial, &snapshot.path)?;
        Ok((snapshot, true))
    }

    /// Every snapshot, sorted by digest.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>> {
        let dir = self.snapshots_dir();
        let mut found = Vec::new();
        if dir.is_dir() {
            for entry in fs::read_dir(&dir).map_err(doing("list", &dir))? {
                let name = entry.map_err(doing("list", &dir))?.file_name();
                if let Some(name) = name.to_str().filter(|name| is_digest(name)) {
                    found.push(self.snapshot_at(name.to_owned()));
                }
            }
        }
        found.sort_by(|a, b| a.digest.cmp(&b.digest));
        Ok(found)
    }

    /// Removes all snapshots but the newest `keep` and those that are `needed`, and gives their digests, sorted. With
    /// `dry_run` it only gives them.
    pub fn collect_snapshots(
        &self,
        needed: &BTreeSet<String>,
        keep: usize,
        dry_run: bool,
    ) -> Result<Vec<String>> {
        let _lock = Lock::exclusive(&self.lock())?;
        let dir = self.snapshots_dir();
        let mut dated = Vec::new();
        for snapshot in self.snapshots()? {
            let date = fs::metadata(&snapshot.path).and_then(|m| m.modified());
            let date = date.map_err(doing("look at", &snapshot.path))?;
            dated.push((date, snapshot));
        }
        dated.sort_by(|a, b| (b.0, &b.1.digest).cmp(&(a.0, &a.1.digest)));
        let mut removed = Vec::new();
        for (_, snapshot) in dated.into_iter().skip(keep) {
            if needed.contains(&snapshot.digest) {
                continue;
            }
            if !dry_run {
                // Out of sight in one step; what a crash leaves in tmp/ is removed by the next writer.
                let gone = self
                    .tmp()
                    .join([&snapshot.digest, ".snapshot.removed"].concat());
                rename(&snapshot.path, &gone)?;
                sync_dir(&dir)?;
                fs::remove_dir_all(&gone).map_err(doing("remove", &gone))?;
            }
            removed.push(snapshot.digest);
        }
        removed.sort_unstable();
        Ok(removed)
    }

    /// The snapshot with this digest, or with the only digest that begins so.
    pub fn snapshot(&self, reference: &str) -> Result<Snapshot> {
        let prefix = reference.strip_prefix("sha256:").unwrap_or(reference);
        let prefix = prefix.to_ascii_lowercase();
        if !(SHORTEST..=WHOLE).contains(&prefix.len())
            || !prefix.bytes().all(|b| b.is_ascii_hexdigit())
        {
            return Err(SnapshotError::BadReference {
                reference: reference.to_owned(),
            });
        }
        let mut found = self.snapshots()?;
        found.retain(|snapshot| snapshot.digest.starts_with(&prefix));
        match found.len() {
            0 => Err(SnapshotError::NotFound {
                reference: reference.to_owned(),
                store: self.root().to_owned(),
            }),
            1 => Ok(found.remove(0)),
            _ => Err(SnapshotError::Ambiguous {
                reference: reference.to_owned(),
                candidates: found.into_iter().map(|snapshot| snapshot.digest).collect(),
            }),
        }
    }

    fn snapshot_at(&self, digest: String) -> Snapshot {
        Snapshot {
            path: self.snapshots_dir().join(&digest),
            digest,
        }
    }

    fn snapshots_dir(&self) -> PathBuf {
        self.root().join("snapshots")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_schemas::Published;
    use weir_schemas::export::File;

    fn export(files: &[(String, Vec<u8>)]) -> Export {
        let mut export = Export {
            schema: Export::SCHEMA.to_owned(),
            kind: "uisp".to_owned(),
            instance: "https://uisp.example".to_owned(),
            digest: String::new(),
            started: "2026-01-01T00:00:00Z".to_owned(),
            finished: "2026-01-01T00:00:01Z".to_owned(),
            complete: true,
            files: Vec::new(),
            missing: Vec::new(),
        };
        for (name, bytes) in files {
            export.files.push(File {
                name: name.clone(),
                collection: "sites".to_owned(),
                page: None,
                method: "GET".to_owned(),
                request: "/sites".to_owned(),
                status: 200,
                time: "2026-01-01T00:00:00Z".to_owned(),
                records: 0,
                received: 2,
                sha256: sha256(bytes),
                complete: true,
            });
        }
        export.digest = sha256(export.digest_text().as_bytes());
        export
    }

    fn put(
        store: &Store,
        export: &Export,
        files: &[(String, Vec<u8>)],
    ) -> Result<(Snapshot, bool)> {
        store.put_snapshot(export, &serde_json::to_vec(export).unwrap(), files)
    }

    #[test]
    fn a_snapshot_is_stored_once_found_by_its_beginning_and_proved() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let files = [("sites.json".to_owned(), b"[]".to_vec())];
        let mut export = export(&files);
        let (first, new) = put(&store, &export, &files).unwrap();
        assert!(new);
        export.started = "2026-02-02T00:00:00Z".to_owned();
        let (again, new) = put(&store, &export, &files).unwrap();
        assert!(!new && again == first);
        assert_eq!(store.snapshot(&first.digest()[..8]).unwrap(), first);
        assert_eq!(first.verify().unwrap().started, "2026-01-01T00:00:00Z");
        assert!(matches!(
            store.snapshot("ffff"),
            Err(SnapshotError::NotFound { .. })
        ));
        assert!(matches!(
            store.snapshot("../x"),
            Err(SnapshotError::BadReference { .. })
        ));
    }

    #[test]
    fn what_is_not_complete_is_never_stored_and_what_was_touched_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let files = [("sites.json".to_owned(), b"[]".to_vec())];
        let good = export(&files);
        let mut incomplete = good.clone();
        incomplete.complete = false;
        let mut other = good.clone();
        other.digest = "0".repeat(64);
        let outside = [("../sites.json".to_owned(), b"[]".to_vec())];
        for (export, files) in [
            (&incomplete, &files),
            (&other, &files),
            (&export(&outside), &outside),
        ] {
            let error = put(&store, export, files).unwrap_err();
            assert!(
                matches!(error, SnapshotError::NotASnapshot { .. }),
                "{error}"
            );
        }
        assert!(put(&store, &good, &[]).is_err());
        assert!(store.snapshots().unwrap().is_empty());

        let (snapshot, _) = put(&store, &good, &files).unwrap();
        let path = snapshot.path().join("sites.json");
        fs::remove_file(&path).unwrap();
        for touched in [None, Some("[ ]")] {
            if let Some(text) = touched {
                fs::write(&path, text).unwrap();
            }
            let error = snapshot.verify().unwrap_err();
            assert!(matches!(error, SnapshotError::Damaged { .. }), "{error}");
            assert!(put(&store, &good, &files).is_err());
        }
        fs::write(&path, "[]").unwrap();
        fs::write(snapshot.path().join("more.json"), "[]").unwrap();
        assert!(snapshot.verify().is_err());
    }
}
