//! Artifacts in a local directory, named by the digest of their payload. Operators can look into it with `ls`
//! and `diff`; there is no database.
//!
//! ```text
//! <store>/lock                          held while something is written
//! <store>/tmp/                          what is being written
//! <store>/snapshots/<digest>/           one recorded export, immutable
//! <store>/artifacts/<payload digest>/   one artifact, immutable in everything that shapes traffic
//!     ShapedDevices.csv network.json ...        the payload
//!     manifest.json findings.json ...           the description of its newest build
//!     builds/<SHA-256 of a manifest>/           the descriptions of earlier builds of the same payload
//! ```
//!
//! An artifact appears by the rename of a directory whose files are on the disk, so after a crash it is whole or
//! not there. A new description is complete in `tmp/` before its first file is moved into place; what a crash
//! interrupts there, the next [`Store::open`] finishes.
//!
//! Channels say which artifact runs where ([`channel`]); here they are files beside the artifacts:
//!
//! ```text
//! <store>/heads/<channel>.json          which artifact the channel runs; replaced as a whole
//! <store>/journal/<channel>.log         what was asked of the channel and what became of it
//! <store>/pins/<payload digest>         keeps this artifact from being collected
//! ```
//!
//! It knows nothing of what the files of an artifact mean, except that the manifest lists them.
//!
//! ```
//! use weir_store::Store;
//! use weir_store::channel::{Channels, Promote, SystemClock};
//!
//! let dir = tempfile::tempdir()?;
//! let store = Store::open(dir.path())?;
//! let channels = Channels { backend: &store, clock: &SystemClock, author: "noc".to_owned(), sign: None };
//! // Who promotes says which head was looked at: somebody else may have moved it meanwhile.
//! let base = channels.settle("production")?.known;
//! let digest = "ab".repeat(32);
//! let promote = Promote {
//!     channel: "production",
//!     digest: &digest,
//!     manifest_sha256: &"cd".repeat(32),
//!     reason: "the first",
//!     confirm_within: None,
//!     from: None,
//!     scheduled: false,
//! };
//! // Only what is in the store can be promoted: `Store::put_artifact` puts it there.
//! let refused = channels.promote(base.as_ref(), &promote).expect_err("nothing has that digest");
//! assert!(refused.to_string().contains("ababab"));
//! assert!(channels.settle("production")?.known.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod artifact;
pub mod channel;
mod disk;
mod error;
mod local;
pub mod mirror;
mod put;
pub mod snapshot;
mod summed;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub use artifact::{Artifact, Damage, Fault, Proved};
pub use error::StoreError;
pub use put::{ArtifactFiles, Outcome, Put, Staged};
pub use summed::{Content, Summed};

pub use disk::sha256;

use disk::{Lock, doing};

pub type Result<T> = std::result::Result<T, StoreError>;

/// Fewest hexadecimal digits that name an artifact.
const SHORTEST: usize = 4;
/// Digits of a whole digest.
const WHOLE: usize = 64;

/// A store. Opening is cheap; several processes may have the same one open.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens a store, and makes it where there is none. What an earlier process left unfinished is finished or
    /// removed, unless another process is writing now. A store that may only be read can be opened all the same.
    pub fn open(root: impl Into<PathBuf>) -> Result<Store> {
        let store = Store { root: root.into() };
        let fresh = !store.artifacts().is_dir();
        match store.prepare() {
            Err(error) if fresh || !error.is_read_only() => Err(error),
            _ => Ok(store),
        }
    }

    fn prepare(&self) -> Result<()> {
        for dir in [self.artifacts(), self.tmp()] {
            if !dir.is_dir() {
                fs::create_dir_all(&dir).map_err(doing("make the store's directory", &dir))?;
            }
        }
        match Lock::try_exclusive(&self.lock())? {
            Some(_lock) => put::recover(self),
            None => Ok(()),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Digests of all artifacts, sorted.
    pub fn list(&self) -> Result<Vec<String>> {
        let dir = self.artifacts();
        let mut digests = Vec::new();
        for entry in fs::read_dir(&dir).map_err(doing("list", &dir))? {
            let name = entry.map_err(doing("list", &dir))?.file_name();
            if let Some(name) = name.to_str().filter(|name| is_digest(name)) {
                digests.push(name.to_owned());
            }
        }
        digests.sort_unstable();
        Ok(digests)
    }

    /// The artifact with this digest, or with the only digest that begins so.
    pub fn get(&self, reference: &str) -> Result<Artifact> {
        let found = resolve(reference, &self.root, || self.list())?;
        Ok(self.artifact(found))
    }

    fn artifact(&self, digest: String) -> Artifact {
        Artifact {
            path: self.artifacts().join(&digest),
            lock: self.lock(),
            digest,
        }
    }

    fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }
}

/// The digest that a reference names: the only one of a list that begins so.
pub fn resolve(
    reference: &str,
    store: &Path,
    list: impl FnOnce() -> Result<Vec<String>>,
) -> Result<String> {
    let prefix = reference.strip_prefix("sha256:").unwrap_or(reference);
    let prefix = prefix.to_ascii_lowercase();
    if !(SHORTEST..=WHOLE).contains(&prefix.len()) || !prefix.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return Err(StoreError::BadReference {
            reference: reference.to_owned(),
        });
    }
    let mut found = list()?;
    found.retain(|digest| digest.starts_with(&prefix));
    match found.len() {
        0 => Err(StoreError::NotFound {
            reference: reference.to_owned(),
            store: store.to_owned(),
        }),
        1 => Ok(found.remove(0)),
        _ => Err(StoreError::Ambiguous {
            reference: reference.to_owned(),
            candidates: found,
        }),
    }
}

fn is_digest(name: &str) -> bool {
    name.len() == WHOLE && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl StoreError {
    /// The directory may be read, and not written.
    fn is_read_only(&self) -> bool {
        matches!(
            self,
            StoreError::Io { cause, .. }
                if matches!(cause.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
        )
    }
}
