//! Looking at a channel of a local store: what its head is, whose word it is, and the proof of the artifact it
//! names. A store is somebody else's: nothing it says is believed unproved, and a store that hangs keeps nobody but
//! whoever looks.
//!
//! It decides nothing; what a head comes to is for [`agent`](crate::agent).

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use weir_schemas::head::Head;
use weir_store::channel::sign::Trust;
use weir_store::channel::{Backend as _, Channels, Clock, head};
use weir_store::{Store, StoreError};

use crate::artifact::{ArtifactError, Expected, Proved, prove};
use crate::copies::Copies;

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Source {
    /// The directory of the store.
    pub store: PathBuf,
    pub channel: String,
    /// File with public keys; read again at every new head, so that a removed key counts at once.
    pub trust: Option<PathBuf>,
}

/// What a look came to.
#[derive(Clone, Debug)]
pub enum Look {
    /// The channel runs nothing.
    Nothing,
    /// A head that reads and is signed, as far as signatures are asked for.
    Head(Box<Seen>),
    /// There is something, and it is not believed.
    Refused(Refusal),
    /// It cannot be told.
    Unreachable(String),
}

/// A head that may be believed, if it fits what was there before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    pub head: Head,
    /// As far as the head itself says, its time to be confirmed is over.
    pub over: bool,
}

/// What is not believed, as far as it can be named, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub seq: Option<u64>,
    pub digest: Option<String>,
    /// With what to do about it.
    pub reason: String,
}

impl Refusal {
    pub fn of(head: &Head, reason: impl Into<String>) -> Refusal {
        Refusal {
            seq: Some(head.seq),
            digest: Some(head.digest.clone()),
            reason: reason.into(),
        }
    }
}

/// Why an artifact is not there to be loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Missing {
    /// Trying again may help.
    Unreachable(String),
    /// It does not prove.
    Refused(String),
}

impl Source {
    /// The head, as it is now.
    pub fn look(&self, clock: &dyn Clock) -> Look {
        let store = match self.open() {
            Ok(store) => store,
            Err(why) => return Look::Unreachable(why),
        };
        let bytes = match store.head(&self.channel) {
            Ok(None) => return Look::Nothing,
            Ok(Some(found)) => found.bytes,
            Err(error) => return Look::Unreachable(error.to_string()),
        };
        let head = match head::decode(&self.channel, &bytes) {
            Ok(head) => head,
            Err(reason) => {
                let reason = StoreError::DamagedHead {
                    channel: self.channel.clone(),
                    reason,
                };
                return Look::Refused(Refusal {
                    seq: None,
                    digest: None,
                    reason: reason.to_string(),
                });
            }
        };
        if let Err(reason) = self.signed(&head, clock) {
            return Look::Refused(Refusal::of(&head, reason));
        }
        let over = self.channels(&store, clock).is_over(&head);
        Look::Head(Box::new(Seen { head, over }))
    }

    /// The store, which is never made here: one that went away must not come back empty.
    fn open(&self) -> Result<Store, String> {
        if !self.store.join("artifacts").is_dir() {
            return Err(format!(
                "there is no store in {}: name it with `store.path`, or fill it with `weir pull`",
                self.store.display()
            ));
        }
        Store::open(&self.store).map_err(|e| e.to_string())
    }

    fn channels<'a>(&self, store: &'a Store, clock: &'a dyn Clock) -> Channels<'a> {
        Channels {
            backend: store,
            clock,
            author: format!("weir-runtime@{}", clock.host()),
            sign: None,
        }
    }

    fn signed(&self, head: &Head, clock: &dyn Clock) -> Result<(), String> {
        let Some(path) = &self.trust else {
            return Ok(());
        };
        let text = fs::read_to_string(path)
            .map_err(|e| format!("the trust file {} cannot be read: {e}", path.display()))?;
        let trust = Trust::read(&text)
            .map_err(|e| format!("the trust file {} cannot be used: {e}", path.display()))?;
        match trust.check(head, clock.now()) {
            Ok(_) => Ok(()),
            Err(doubt) => Err(format!(
                "generation {} is not believed: {doubt}; {} says whose signatures are",
                head.seq,
                path.display()
            )),
        }
    }

    /// The artifact with this digest: the copy where there is one, or from the store, and then there is a copy.
    /// `manifest_sha256` is what its head names.
    pub fn fetch(
        &self,
        copies: &Copies,
        digest: &str,
        manifest_sha256: &str,
    ) -> Result<Arc<Proved>, Missing> {
        // A copy that does not prove any more is made again.
        if let Ok(Some(copy)) = copies.get(digest) {
            return Ok(Arc::new(copy));
        }
        let unreachable = |e: StoreError| Missing::Unreachable(e.to_string());
        let store = self.open().map_err(Missing::Unreachable)?;
        let artifact = match store.get(digest) {
            Ok(artifact) => artifact,
            Err(error @ StoreError::NotFound { .. }) => {
                return Err(Missing::Refused(error.to_string()));
            }
            Err(error) => return Err(unreachable(error)),
        };
        let expected = Expected {
            digest: Some(digest),
            manifest_sha256: Some(manifest_sha256),
            is_copy: false,
        };
        // All files by what the store says of them, and those of the payload by what they say: neither waits.
        let (damage, proved) = std::thread::scope(|scope| {
            let damage = scope.spawn(|| artifact.verify());
            let proved = prove(artifact.path(), expected);
            let damage = damage.join();
            (
                damage.unwrap_or_else(|p| std::panic::resume_unwind(p)),
                proved,
            )
        });
        let damage = damage.map_err(unreachable)?;
        if let Some(damage) = damage.into_iter().next() {
            let damaged = StoreError::Damaged {
                path: artifact.path().to_owned(),
                damage,
            };
            return Err(Missing::Refused(damaged.to_string()));
        }
        let proved = proved.map_err(Missing::from)?;
        copies.put(&proved).map_err(|e| {
            Missing::Unreachable(format!(
                "a copy of artifact {} cannot be kept, and without it there would be no way back to it: {e}",
                weir_store::channel::short(digest)
            ))
        })?;
        Ok(Arc::new(proved))
    }

    /// Takes a head back whose time is over, where this user may write the store. Otherwise whoever runs `weir` next
    /// does.
    pub fn settle(&self, clock: &dyn Clock) -> Result<bool, String> {
        let store = self.open()?;
        let settled = self
            .channels(&store, clock)
            .settle(&self.channel)
            .map_err(|e| e.to_string())?;
        match settled.notice {
            Some(notice) if !settled.expired => Err(notice),
            _ => Ok(settled.expired),
        }
    }
}

impl From<ArtifactError> for Missing {
    fn from(error: ArtifactError) -> Missing {
        match error.is_outside() {
            true => Missing::Unreachable(error.to_string()),
            false => Missing::Refused(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_store::channel::{Promote, SystemClock};

    use super::*;
    use crate::fixture::{Recipe, circuit};

    struct Lab {
        dir: tempfile::TempDir,
        source: Source,
        copies: Copies,
        artifact: (String, String),
    }

    fn lab() -> Lab {
        let dir = tempfile::tempdir().expect("a directory");
        let recipe = Recipe {
            to_network: "lan0",
            to_internet: "wan0",
            queues: 1,
            circuits: vec![circuit("a", 10, 0, [5_000, 1_000])],
        };
        let store = dir.path().join("store");
        let artifact = recipe.put(&store);
        Lab {
            source: Source {
                store,
                channel: "production".into(),
                trust: None,
            },
            copies: Copies::open(dir.path()).expect("opens"),
            dir,
            artifact,
        }
    }

    fn promote(lab: &Lab) {
        let store = Store::open(&lab.source.store).expect("a store");
        let channels = lab.source.channels(&store, &SystemClock);
        let promote = Promote {
            channel: "production",
            digest: &lab.artifact.0,
            manifest_sha256: &lab.artifact.1,
            ..Promote::default()
        };
        channels.promote(None, &promote).expect("promoted");
    }

    fn refused(look: Look) -> String {
        match look {
            Look::Refused(refusal) => refusal.reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_head_is_seen_and_its_artifact_copied() {
        let lab = lab();
        assert!(matches!(lab.source.look(&SystemClock), Look::Nothing));
        promote(&lab);
        let Look::Head(seen) = lab.source.look(&SystemClock) else {
            panic!("no head");
        };
        assert!(seen.head.seq == 1 && !seen.over);
        let (digest, manifest) = &lab.artifact;
        let proved = lab
            .source
            .fetch(&lab.copies, digest, manifest)
            .expect("proves");
        assert_eq!(proved.circuits, 1);
        // Without the store, from the copy.
        fs::rename(&lab.source.store, lab.dir.path().join("away")).expect("moved");
        assert!(lab.source.fetch(&lab.copies, digest, manifest).is_ok());
        assert!(matches!(
            lab.source.look(&SystemClock),
            Look::Unreachable(_)
        ));
        // A store that went away does not come back empty because somebody looked.
        assert!(lab.source.settle(&SystemClock).is_err());
        assert!(!lab.source.store.exists());
    }

    #[test]
    fn with_a_trust_file_only_signed_heads_are_believed() {
        let mut lab = lab();
        promote(&lab);
        let trust = lab.dir.path().join("trust.pub");
        lab.source.trust = Some(trust.clone());
        assert!(refused(lab.source.look(&SystemClock)).contains("cannot be read"));
        fs::write(&trust, "no key\n").expect("written");
        assert!(refused(lab.source.look(&SystemClock)).contains("cannot be used"));
        // A key of minisign's own documentation: a good one, of somebody else.
        let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n";
        fs::write(&trust, key).expect("written");
        assert!(refused(lab.source.look(&SystemClock)).contains("it is not signed"));
    }

    /// Any file of an artifact, used or not: what is not as it was stored is not fetched, and named.
    #[test]
    fn a_damaged_artifact_is_not_fetched() {
        let lab = lab();
        let (digest, manifest) = &lab.artifact;
        let dir = lab.source.store.join("artifacts").join(digest);
        for name in [
            "tree.json",
            "classifier.bin",
            "findings.json",
            "manifest.json",
        ] {
            let path = dir.join(name);
            let good = fs::read(&path).expect("a file");
            let mut bad = good.clone();
            bad[0] ^= 1;
            fs::remove_file(&path).expect("removed");
            fs::write(&path, bad).expect("written");
            match lab.source.fetch(&lab.copies, digest, manifest) {
                Err(Missing::Refused(why)) => assert!(why.contains(name), "{why}"),
                other => panic!("{name}: {other:?}"),
            }
            fs::write(&path, good).expect("written");
        }
        assert!(lab.source.fetch(&lab.copies, digest, manifest).is_ok());
        // And a damaged copy is made again.
        let copy = lab
            .dir
            .path()
            .join("artifacts")
            .join(digest)
            .join("tree.json");
        fs::write(&copy, "{}").expect("written");
        assert!(lab.source.fetch(&lab.copies, digest, manifest).is_ok());
        assert!(fs::metadata(&copy).expect("there").len() > 10);
    }
}
