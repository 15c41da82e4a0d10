//! A store in memory that fails and lies when it is told to, and a clock that stands still until it is moved.
//!
//! It does not know what a disk does in a crash (tests of the store itself do that), and a second process cannot
//! see it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use jiff::Timestamp;
use weir_schemas::Published as _;
use weir_schemas::export::EXPORT;
use weir_schemas::head::{Action, Head};
use weir_schemas::journal::{Entry, Outcome as Became};

use super::journal::{Journal, line};
use super::{Backend, Choose, Clock, Stored, Swap, Swapped, Tag, Versioned, head};
use crate::disk::read;
use crate::snapshot::{Snapshot, SnapshotError};
use crate::{ArtifactFiles, Outcome, Result, StoreError};

/// What the next swap does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lie {
    #[default]
    Honest,
    /// Fails, and does nothing.
    Fails,
    /// Does it, and says that it failed.
    DoneAndFails,
    /// Does it, and when the request is sent again says that something else was there.
    DoneTwice,
    /// Does it and fails, and the head cannot be read afterwards.
    DoneAndGone,
    /// Does it, and the journal cannot be written.
    NoJournal,
}

/// A store in memory.
#[derive(Default, Debug)]
pub struct Memory {
    artifacts: RefCell<BTreeMap<String, Stored>>,
    heads: RefCell<BTreeMap<String, Vec<u8>>>,
    journals: RefCell<BTreeMap<String, Vec<u8>>>,
    statuses: RefCell<BTreeMap<(String, String), Vec<u8>>>,
    snapshots: RefCell<BTreeMap<(String, String), Vec<u8>>>,
    lie: Cell<Lie>,
    unreadable: Cell<bool>,
    read_only: Cell<bool>,
}

impl Memory {
    /// The next swap does this, and the one after is honest.
    pub fn lie(&self, lie: Lie) {
        self.lie.set(lie);
    }

    /// Heads cannot be read until told otherwise.
    pub fn blind(&self, blind: bool) {
        self.unreadable.set(blind);
    }

    /// Nothing can be written until told otherwise.
    pub fn freeze(&self, frozen: bool) {
        self.read_only.set(frozen);
    }

    /// An artifact of this digest, stored at this time.
    pub fn store(&self, digest: &str, stored: u64) {
        let artifact = Stored {
            digest: digest.to_owned(),
            stored,
            pinned: false,
        };
        self.artifacts
            .borrow_mut()
            .entry(digest.to_owned())
            .or_insert(artifact);
    }

    /// Puts back bytes that were there before, as somebody who can write to the store may.
    pub fn put_back(&self, channel: &str, bytes: &[u8]) {
        self.heads
            .borrow_mut()
            .insert(channel.to_owned(), bytes.to_owned());
    }

    /// Writes over a file of a snapshot, or takes it away.
    pub fn overwrite_snapshot(&self, digest: &str, name: &str, bytes: Option<&[u8]>) {
        let key = (digest.to_owned(), name.to_owned());
        let mut snapshots = self.snapshots.borrow_mut();
        match bytes {
            Some(bytes) => snapshots.insert(key, bytes.to_owned()),
            None => snapshots.remove(&key),
        };
    }

    fn failure(&self) -> StoreError {
        StoreError::Unknown("the store does not answer".to_owned())
    }

    fn may_write(&self) -> Result<()> {
        match self.read_only.get() {
            true => Err(StoreError::Unknown("the store may only be read".to_owned())),
            false => Ok(()),
        }
    }
}

impl Backend for Memory {
    fn artifacts(&self) -> Result<Vec<Stored>> {
        Ok(self.artifacts.borrow().values().cloned().collect())
    }

    fn artifact_file(&self, _: &str, _: &str) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn builds(&self, _: &str) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn put(&self, artifact: &ArtifactFiles<'_>) -> Result<Outcome> {
        self.may_write()?;
        let known = self.artifacts.borrow().contains_key(artifact.digest);
        self.store(artifact.digest, 0);
        Ok(if known {
            Outcome::Existing
        } else {
            Outcome::New
        })
    }

    fn pin(&self, digest: &str, pinned: bool) -> Result<()> {
        if let Some(stored) = self.artifacts.borrow_mut().get_mut(digest) {
            stored.pinned = pinned;
        }
        Ok(())
    }

    fn collect(&self, choose: Choose<'_>) -> Result<Vec<String>> {
        self.may_write()?;
        let chosen = choose(&Backend::artifacts(self)?)?;
        let mut artifacts = self.artifacts.borrow_mut();
        artifacts.retain(|digest, _| !chosen.contains(digest));
        Ok(chosen)
    }

    fn channels(&self) -> Result<Vec<String>> {
        Ok(self.heads.borrow().keys().cloned().collect())
    }

    fn journals(&self) -> Result<Vec<String>> {
        Ok(self.journals.borrow().keys().cloned().collect())
    }

    fn head(&self, channel: &str) -> Result<Option<Versioned>> {
        if self.unreadable.get() {
            return Err(self.failure());
        }
        Ok(self.heads.borrow().get(channel).map(|bytes| Versioned {
            tag: Tag(crate::disk::sha256(bytes)),
            bytes: bytes.clone(),
        }))
    }

    fn swap_head(&self, swap: Swap<'_>) -> Result<Swapped> {
        self.may_write()?;
        let lie = self.lie.take();
        let found = self.head(swap.channel)?.map(|h| h.tag);
        if lie == Lie::Fails {
            return Err(self.failure());
        }
        if found.as_ref() != swap.expected {
            return Ok(Swapped::Moved);
        }
        if !self.artifacts.borrow().contains_key(swap.requires) {
            return Ok(Swapped::Gone);
        }
        self.put_back(swap.channel, swap.bytes);
        if lie != Lie::NoJournal {
            self.append(swap.entry)?;
        }
        match lie {
            Lie::DoneAndFails => Err(self.failure()),
            Lie::DoneTwice => Ok(Swapped::Moved),
            Lie::DoneAndGone => {
                self.blind(true);
                Err(self.failure())
            }
            Lie::NoJournal => Ok(Swapped::Done {
                journal: Some("the journal does not answer".to_owned()),
            }),
            Lie::Honest | Lie::Fails => Ok(Swapped::Done { journal: None }),
        }
    }

    fn flush(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn journal(&self, channel: &str) -> Result<Vec<u8>> {
        let journals = self.journals.borrow();
        Ok(journals.get(channel).cloned().unwrap_or_default())
    }

    fn journal_end(&self, channel: &str) -> Result<Vec<u8>> {
        self.journal(channel)
    }

    fn append(&self, entry: &Entry) -> Result<()> {
        self.may_write()?;
        let mut journals = self.journals.borrow_mut();
        let bytes = journals.entry(entry.channel.clone()).or_default();
        let journal = Journal::read(bytes);
        let txn = entry.head.as_ref().map(|h| &h.txn);
        let mut heads = journal.entries.iter().filter_map(|e| e.head.as_ref());
        if txn.is_some() && heads.any(|h| Some(&h.txn) == txn) {
            return Ok(());
        }
        bytes.extend(line(&journal.last, entry).bytes());
        Ok(())
    }

    fn keep_snapshot(&self, snapshot: &Snapshot) -> std::result::Result<(), SnapshotError> {
        self.may_write()?;
        let export = snapshot.verify()?;
        let names = export.files.iter().map(|file| file.name.as_str());
        for name in names.chain([EXPORT]) {
            let key = (snapshot.digest().to_owned(), name.to_owned());
            let bytes = read(&snapshot.path().join(name))?;
            self.snapshots.borrow_mut().insert(key, bytes);
        }
        Ok(())
    }

    fn snapshot_file(&self, digest: &str, name: &str) -> Result<Option<Vec<u8>>> {
        let key = (digest.to_owned(), name.to_owned());
        Ok(self.snapshots.borrow().get(&key).cloned())
    }

    fn put_status(&self, channel: &str, box_name: &str, bytes: &[u8]) -> Result<()> {
        self.may_write()?;
        let key = (channel.to_owned(), box_name.to_owned());
        self.statuses.borrow_mut().insert(key, bytes.to_owned());
        Ok(())
    }

    fn statuses(&self, channel: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let all = self.statuses.borrow();
        let of = all.iter().filter(|((c, _), _)| c == channel);
        Ok(of.map(|((_, name), b)| (name.clone(), b.clone())).collect())
    }
}

/// A clock that only tests move.
#[derive(Debug)]
pub struct StoppedClock {
    /// Seconds since 1970.
    pub now: Cell<i64>,
    pub since_boot_ms: Cell<u64>,
    pub boot: RefCell<String>,
    pub host: RefCell<String>,
}

impl Default for StoppedClock {
    fn default() -> Self {
        StoppedClock {
            now: Cell::new(1_790_000_000),
            since_boot_ms: Cell::new(1_000_000),
            boot: RefCell::new("boot-1".to_owned()),
            host: RefCell::new("noc".to_owned()),
        }
    }
}

impl StoppedClock {
    /// Both clocks go on.
    pub fn pass(&self, seconds: u64) {
        self.now.set(self.now.get() + seconds as i64);
        self.since_boot_ms
            .set(self.since_boot_ms.get() + seconds * 1000);
    }

    /// The machine starts again.
    pub fn reboot(&self) {
        let next = format!("{}x", self.boot.borrow());
        self.boot.replace(next);
        self.since_boot_ms.set(10);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.now.get()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
    fn since_boot_ms(&self) -> u64 {
        self.since_boot_ms.get()
    }
    fn boot_id(&self) -> String {
        self.boot.borrow().clone()
    }
    fn host(&self) -> String {
        self.host.borrow().clone()
    }
}

/// A head as a promotion leaves it.
pub fn a_head(channel: &str, seq: u64) -> Head {
    Head {
        schema: head::schema(),
        check: String::new(),
        channel: channel.to_owned(),
        seq,
        txn: format!("{seq:032x}"),
        action: Action::Promote,
        digest: format!("{seq:064x}"),
        manifest_sha256: format!("{seq:064x}"),
        parent: None,
        restores: None,
        replaced: None,
        author: "ops@noc".to_owned(),
        time: "2026-11-24T12:00:00Z".to_owned(),
        reason: "\"quoted\", ö, and a \"check\": \"".to_owned(),
        confirm: None,
        hold: None,
        signature: None,
    }
}

/// An entry as a promotion leaves it.
pub fn an_entry(channel: &str, seq: u64) -> Entry {
    Entry {
        schema: Entry::SCHEMA.into(),
        channel: channel.to_owned(),
        time: "2026-11-24T12:00:00Z".to_owned(),
        author: "ops@noc".to_owned(),
        action: "promote".to_owned(),
        outcome: Became::Done,
        from: None,
        to: Some(format!("{seq:064x}")),
        reason: "line\nfeed".to_owned(),
        head: Some(a_head(channel, seq)),
    }
}
