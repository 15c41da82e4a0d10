//! Copies of artifacts, channels and snapshots from another store. Everything is proved on its way: an artifact and a
//! snapshot by the digest it is named by, a build by that of its manifest. What does not prove is not stored.
//!
//! It does not know whose word a head is; that is for whoever asks for the copy.

use weir_schemas::artifact::MANIFEST;
use weir_schemas::export::{EXPORT, Export};
use weir_schemas::head::Head;
use weir_schemas::manifest::Manifest;

use crate::channel::journal::Journal;
use crate::channel::{Backend, Swap, Swapped};
use crate::disk::sha256;
use crate::snapshot::SnapshotError;
use crate::{ArtifactFiles, Result, Store, StoreError, is_digest};

/// Copies an artifact with all of its builds. False where `from` has no such artifact.
pub fn artifact(from: &dyn Backend, to: &Store, digest: &str) -> Result<bool> {
    let there = from.builds(digest)?;
    let Some(newest) = there.last() else {
        return Ok(false);
    };
    let mut here = Backend::builds(to, digest)?;
    for build in &there {
        // The newest one is put last also where it is known: its description is the one that is shown.
        let is_current = here.last() == Some(build);
        if is_current || (here.contains(build) && build != newest) {
            continue;
        }
        copy_build(from, to, digest, build, build == newest)?;
        here.retain(|known| known != build);
        here.push(build.clone());
    }
    Ok(true)
}

/// Copies a snapshot. False where `from` has no such snapshot; one that is here already is not read again.
pub fn snapshot(
    from: &dyn Backend,
    to: &Store,
    digest: &str,
) -> std::result::Result<bool, SnapshotError> {
    let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
    if !is_digest(digest) {
        return Err(SnapshotError::BadReference {
            reference: digest.to_owned(),
        });
    }
    if to.snapshots_dir().join(digest).is_dir() {
        return Ok(true);
    }
    let Some(export_json) = from.snapshot_file(digest, EXPORT)? else {
        return Ok(false);
    };
    let not = |what: String| SnapshotError::NotASnapshot {
        what: format!("received as {digest}: {what}"),
    };
    let export: Export =
        weir_schemas::read(&export_json).map_err(|error| not(format!("{EXPORT}: {error}")))?;
    // Before anything else is asked for: a description of something else lists files of something else.
    if export.digest != digest || sha256(export.digest_text().as_bytes()) != digest {
        return Err(not(format!("{EXPORT} describes another snapshot")));
    }
    let mut files = Vec::new();
    for file in &export.files {
        let bytes = from
            .snapshot_file(digest, &file.name)?
            .ok_or_else(|| not(format!("{:?} is not there", file.name)))?;
        files.push((file.name.clone(), bytes));
    }
    to.put_snapshot(&export, &export_json, &files).map(|_| true)
}

fn copy_build(
    from: &dyn Backend,
    to: &Store,
    digest: &str,
    build: &str,
    newest: bool,
) -> Result<()> {
    let dir = match newest {
        true => String::new(),
        false => format!("builds/{build}/"),
    };
    let lost = |name: &str| {
        StoreError::Unknown(format!(
            "artifact {digest} cannot be copied: {name} of build {build} is gone; it was built or collected meanwhile, so \
             try again"
        ))
    };
    let read = |name: &str| from.artifact_file(digest, name)?.ok_or_else(|| lost(name));
    let manifest_bytes = read(&[&dir, MANIFEST].concat())?;
    if sha256(&manifest_bytes) != build {
        return Err(lost(MANIFEST));
    }
    let manifest: Manifest<'_> = weir_schemas::read(&manifest_bytes).map_err(|error| {
        StoreError::Unknown(format!(
            "artifact {digest} cannot be copied: {MANIFEST}: {error}"
        ))
    })?;
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for row in &manifest.payload {
        files.push((row.name.to_string(), read(&row.name)?));
    }
    for row in &manifest.description {
        files.push((
            row.name.to_string(),
            read(&[&dir, row.name.as_ref()].concat())?,
        ));
    }
    let listed = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice().into()));
    let wrong = |error: StoreError| match error {
        StoreError::NotAnArtifact { what } => StoreError::Unknown(format!(
            "what was received as artifact {digest} is not it: {what}; nothing was stored"
        )),
        other => other,
    };
    to.put_artifact(&ArtifactFiles {
        digest,
        files: listed
            .chain([(MANIFEST, manifest_bytes.as_slice().into())])
            .collect(),
    })
    .map(|_| ())
    .map_err(wrong)
}

/// Makes a channel of `to` what it is elsewhere: first the journal, whole, then the head. The artifact must be there.
pub fn channel(to: &Store, swap: Swap<'_>, journal: &[u8]) -> Result<Swapped> {
    to.replace_channel(swap, journal)
}

/// Why a head elsewhere is not what comes after the one that is here.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unfollowed {
    #[error(
        "generation {there} was offered, and generation {here} is here: an older head was put back there, or this is \
         another store"
    )]
    Older { here: u64, there: u64 },
    #[error(
        "another generation {0} was offered than the one that is here: the channel has two histories"
    )]
    Replaced(u64),
    #[error(
        "generation {there} was offered, and its history does not hold generation {here} as it is here: it is the \
         channel of another store, or its journal was cut"
    )]
    OtherHistory { here: u64, there: u64 },
}

/// Whether a head elsewhere is the next state of a channel that is `here`: false where it is the same one. History only
/// goes forward. Going back to an earlier artifact is a generation of its own, so no older one is ever right; within one
/// generation a promotion may be confirmed and a hold be let go of, and never the other way.
pub fn follows(
    here: Option<&Head>,
    there: &Head,
    journal: &Journal,
) -> std::result::Result<bool, Unfollowed> {
    let Some(here) = here else {
        return Ok(true);
    };
    if here.txn == there.txn {
        return Ok(false);
    }
    if there.seq < here.seq {
        return Err(Unfollowed::Older {
            here: here.seq,
            there: there.seq,
        });
    }
    if there.seq == here.seq {
        let is_same =
            (&there.digest, &there.manifest_sha256) == (&here.digest, &here.manifest_sha256);
        let loosens = |was: bool, is: bool| !is || was;
        let forward = loosens(here.confirm.is_some(), there.confirm.is_some())
            && loosens(here.hold.is_some(), there.hold.is_some())
            && (here.confirm.is_some(), here.hold.is_some())
                != (there.confirm.is_some(), there.hold.is_some());
        return match is_same && forward {
            true => Ok(true),
            false => Err(Unfollowed::Replaced(here.seq)),
        };
    }
    let mut heads = journal.entries.iter().filter_map(|e| e.head.as_ref());
    match there.replaced.as_ref() == Some(&here.txn) || heads.any(|h| h.txn == here.txn) {
        true => Ok(true),
        false => Err(Unfollowed::OtherHistory {
            here: here.seq,
            there: there.seq,
        }),
    }
}

#[cfg(test)]
mod tests {
    use weir_schemas::head::{Confirm, Hold};

    use super::*;
    use crate::channel::testing::{Memory, a_head, an_entry};

    fn pending(head: Head) -> Head {
        let confirm = Confirm {
            within_seconds: 60,
            host: "noc".to_owned(),
            boot_id: "b".to_owned(),
            deadline_ms: 1,
        };
        Head {
            txn: format!("{}-pending", head.txn),
            confirm: Some(confirm),
            ..head
        }
    }

    fn held(head: Head) -> Head {
        let hold = Hold {
            author: "ops".to_owned(),
            time: String::new(),
            reason: String::new(),
        };
        Head {
            txn: format!("{}-held", head.txn),
            hold: Some(hold),
            ..head
        }
    }

    fn history(seqs: &[u64]) -> Journal {
        Journal {
            entries: seqs
                .iter()
                .map(|seq| an_entry("production", *seq))
                .collect(),
            ..Journal::default()
        }
    }

    #[test]
    fn history_goes_forward_only() {
        let head = |seq| a_head("production", seq);
        let all = history(&[1, 2, 3, 4]);
        assert_eq!(follows(None, &head(4), &all), Ok(true));
        assert_eq!(follows(Some(&head(3)), &head(3), &all), Ok(false));
        assert_eq!(follows(Some(&head(2)), &head(4), &all), Ok(true));
        // A head of before, put back byte by byte.
        let older = Unfollowed::Older { here: 4, there: 3 };
        assert_eq!(follows(Some(&head(4)), &head(3), &all), Err(older));
        // The same number from elsewhere, and a longer history that this one is no part of.
        let foreign = Head {
            digest: "ff".to_owned(),
            txn: "x".to_owned(),
            ..head(4)
        };
        assert_eq!(
            follows(Some(&head(4)), &foreign, &all),
            Err(Unfollowed::Replaced(4))
        );
        let other = Unfollowed::OtherHistory { here: 2, there: 4 };
        assert_eq!(
            follows(Some(&head(2)), &head(4), &history(&[1, 3, 4])),
            Err(other)
        );
        // What was replaced is named by the head itself: the journal may be behind.
        let next = Head {
            replaced: Some(head(2).txn),
            ..head(3)
        };
        assert_eq!(follows(Some(&head(2)), &next, &history(&[])), Ok(true));
    }

    #[test]
    fn within_a_generation_things_are_let_go_of_and_never_taken_back() {
        let head = a_head("production", 2);
        let all = history(&[1, 2]);
        for (loose, tight) in [
            (head.clone(), pending(head.clone())),
            (head.clone(), held(head.clone())),
        ] {
            assert_eq!(follows(Some(&tight), &loose, &all), Ok(true));
            assert_eq!(
                follows(Some(&loose), &tight, &all),
                Err(Unfollowed::Replaced(2))
            );
        }
    }

    /// A snapshot of one file, as it lies in a directory.
    fn recorded(store: &Store) -> crate::snapshot::Snapshot {
        let files = [("sites.json".to_owned(), b"[]".to_vec())];
        let export = crate::snapshot::testing::export(&files);
        let json = serde_json::to_vec(&export).expect("JSON");
        store
            .put_snapshot(&export, &json, &files)
            .expect("stored")
            .0
    }

    #[test]
    fn a_snapshot_is_copied_whole_and_proved_or_not_at_all() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (from, to) = (Memory::default(), Store::open(here.path()).unwrap());
        let kept = recorded(&Store::open(there.path()).unwrap());
        let digest = kept.digest();
        assert!(!snapshot(&from, &to, digest).unwrap());
        from.keep_snapshot(&kept).unwrap();
        for (name, bytes) in [(EXPORT, "{}"), ("sites.json", "[1]")] {
            let good = from.snapshot_file(digest, name).unwrap().unwrap();
            from.overwrite_snapshot(digest, name, Some(bytes.as_bytes()));
            let error = snapshot(&from, &to, digest).unwrap_err();
            assert!(
                matches!(error, SnapshotError::NotASnapshot { .. }),
                "{error}"
            );
            from.overwrite_snapshot(digest, name, Some(&good));
        }
        from.overwrite_snapshot(digest, "sites.json", None);
        assert!(snapshot(&from, &to, digest).is_err());
        assert!(to.snapshots().unwrap().is_empty());

        from.keep_snapshot(&kept).unwrap();
        assert!(snapshot(&from, &to, &format!("sha256:{digest}")).unwrap());
        to.snapshot(digest).unwrap().verify().unwrap();
        // A directory is a place for snapshots too.
        let second = tempfile::tempdir().unwrap();
        let second = Store::open(second.path()).unwrap();
        second.keep_snapshot(&kept).unwrap();
        assert_eq!(second.snapshot(digest).unwrap().digest(), digest);
        assert!(snapshot(&from, &to, "../x").is_err());
    }
}
