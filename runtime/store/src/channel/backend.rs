//! What a store must be able to do so that channels can be kept in it. A directory does it with a lock and a
//! rename, a bucket with conditional writes; everything above is written once, over this trait.
//!
//! It does not know what a head or a journal says.

use weir_schemas::journal::Entry;

use crate::snapshot::{Snapshot, SnapshotError};
use crate::{ArtifactFiles, Outcome, Result};

/// Names one state of a head. The same tag never names two different states, because no two heads have the same
/// bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tag(pub String);

/// A head as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Versioned {
    pub bytes: Vec<u8>,
    pub tag: Tag,
}

/// One compare-and-swap.
#[derive(Clone, Copy, Debug)]
pub struct Swap<'a> {
    pub channel: &'a str,
    /// What must be there; `None`: nothing may be.
    pub expected: Option<&'a Tag>,
    pub bytes: &'a [u8],
    /// Artifact that must be in the store at the moment of the swap.
    pub requires: &'a str,
    /// Goes into the journal with the swap, or after it.
    pub entry: &'a Entry,
}

/// What became of a compare-and-swap that did not fail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Swapped {
    /// It is durable. `journal`: why the entry could not be written; it is made up for later.
    Done { journal: Option<String> },
    /// Something else is there; nothing was written.
    Moved,
    /// The artifact is not in the store; nothing was written.
    Gone,
}

/// An artifact, as far as keeping it goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    pub digest: String,
    /// When it was stored, by the clock of the store, in nanoseconds since 1970: several builds fit into a second.
    pub stored: u64,
    pub pinned: bool,
}

/// Which artifacts are to go, of those that are there.
pub type Choose<'a> = &'a mut dyn FnMut(&[Stored]) -> Result<Vec<String>>;

/// A store of artifacts, heads and journals.
///
/// After an error of [`swap_head`](Backend::swap_head) it is not known whether the head was written: whoever calls
/// reads it back, and finds its own `txn` or not.
pub trait Backend {
    /// Every artifact, sorted by digest.
    fn artifacts(&self) -> Result<Vec<Stored>>;

    /// A file of an artifact; `None` where there is no such artifact or no such file.
    fn artifact_file(&self, digest: &str, name: &str) -> Result<Option<Vec<u8>>>;

    /// SHA-256 of the manifests of all builds of an artifact; empty where there is no such artifact.
    fn builds(&self, digest: &str) -> Result<Vec<String>>;

    /// Stores an artifact: whole, or not at all.
    fn put(&self, artifact: &ArtifactFiles<'_>) -> Result<Outcome>;

    /// Keeps an artifact from ever being collected, or lets go of it.
    fn pin(&self, digest: &str, pinned: bool) -> Result<()>;

    /// Removes the artifacts that `choose` names, and gives them. As far as the store can hold it, no head moves
    /// between the choice and the removal.
    fn collect(&self, choose: Choose<'_>) -> Result<Vec<String>>;

    /// Channels that have a head, sorted.
    fn channels(&self) -> Result<Vec<String>>;

    /// Channels that have a journal, sorted. One that has no head any more is among them.
    fn journals(&self) -> Result<Vec<String>>;

    fn head(&self, channel: &str) -> Result<Option<Versioned>>;

    /// Replaces a head if it is what was expected, atomically and durably.
    fn swap_head(&self, swap: Swap<'_>) -> Result<Swapped>;

    /// Makes sure that the head that is there survives a power cut: a process that ended early may not have.
    fn flush(&self, channel: &str) -> Result<()>;

    /// The whole journal, as its lines are; empty when there is none.
    fn journal(&self, channel: &str) -> Result<Vec<u8>>;

    /// The end of the journal: whole lines, and at least the last one.
    fn journal_end(&self, channel: &str) -> Result<Vec<u8>>;

    /// Adds an entry, durably. One whose head is in the end of the journal already is not written again.
    fn append(&self, entry: &Entry) -> Result<()>;

    /// Replaces what a box says of itself on a channel. Both names are those of channels.
    fn put_status(&self, channel: &str, box_name: &str, bytes: &[u8]) -> Result<()>;

    /// Keeps a copy of a snapshot that lies in a directory: whole, or not at all.
    fn keep_snapshot(&self, snapshot: &Snapshot) -> std::result::Result<(), SnapshotError>;

    /// A file of a snapshot, `export.json` among them; `None` where there is no such snapshot or no such file. What it
    /// holds is proved by whoever reads it, against the digest of the snapshot.
    fn snapshot_file(&self, digest: &str, name: &str) -> Result<Option<Vec<u8>>>;

    /// What boxes say of themselves, sorted by name. Nobody checked it.
    fn statuses(&self, channel: &str) -> Result<Vec<(String, Vec<u8>)>>;
}
