//! What can be done with a channel. Each operation reads the head, decides, and swaps it once.

use weir_schemas::Published as _;
use weir_schemas::head::{Action, Confirm, Generation, Head, Hold, Signature, statement};
use weir_schemas::journal::{Entry, Outcome};

use crate::{Result as StoreResult, StoreError};

use super::journal::Journal;
use super::{Backend, ChannelError, Clock, Refusal, Swap, Swapped, Tag, head};

type Result<T> = std::result::Result<T, ChannelError>;

/// The channels of a store, for one author.
pub struct Channels<'a> {
    pub backend: &'a dyn Backend,
    pub clock: &'a dyn Clock,
    /// Who asks: stands in heads and journals.
    pub author: String,
    /// Makes the signature of a statement; `None`: nothing is signed.
    pub sign: Option<Signer<'a>>,
}

/// Signs a statement, in the format of minisign.
pub type Signer<'a> = &'a dyn Fn(&str) -> std::result::Result<String, String>;

/// A head that was read, and names itself when it is to be replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    pub head: Head,
    pub tag: Tag,
}

/// A head that was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    pub head: Head,
    /// False: the channel ran it already, and nothing was written.
    pub changed: bool,
    /// What did not work and does not matter to the channel: its journal is behind.
    pub notice: Option<String>,
}

/// What looking at a channel came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    pub known: Option<Known>,
    /// A pending generation had run out of time, and this took it back.
    pub expired: bool,
    /// What could not be put right, and why.
    pub notice: Option<String>,
}

/// A promotion.
#[derive(Clone, Debug, Default)]
pub struct Promote<'a> {
    pub channel: &'a str,
    pub digest: &'a str,
    pub manifest_sha256: &'a str,
    pub reason: &'a str,
    /// Back to the parent unless it is confirmed in this many seconds.
    pub confirm_within: Option<u64>,
    /// Only what this channel runs may be promoted.
    pub from: Option<&'a str>,
    /// Nobody asked for it by hand: a hold refuses it.
    pub scheduled: bool,
}

/// Where to go back to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Back {
    /// To what was replaced last.
    Parent,
    /// So many generations.
    Steps(u64),
    /// To the newest generation of an artifact whose digest begins so.
    Digest(String),
}

impl Channels<'_> {
    /// The head, as it is. A channel whose journal speaks of one and that has none lost it: that is not a channel that
    /// runs nothing.
    pub fn head(&self, channel: &str) -> Result<Option<Known>> {
        if !head::is_name(channel) {
            return Err(ChannelError::Refused(Refusal::BadName(channel.to_owned())));
        }
        let Some(found) = self.backend.head(channel)? else {
            // The whole journal: many refusals may stand at its end. And without a lock, which whoever collects holds.
            return match self.journal(channel)?.last_head() {
                None => Ok(None),
                Some(last) => Err(ChannelError::Store(StoreError::LostHead {
                    channel: channel.to_owned(),
                    seq: last.seq,
                    digest: last.digest.clone(),
                })),
            };
        };
        match head::decode(channel, &found.bytes) {
            Ok(head) => Ok(Some(Known {
                head,
                tag: found.tag,
            })),
            Err(reason) => Err(ChannelError::Store(StoreError::DamagedHead {
                channel: channel.to_owned(),
                reason,
            })),
        }
    }

    /// Everything that happened to a channel.
    pub fn journal(&self, channel: &str) -> StoreResult<Journal> {
        Ok(Journal::read(&self.backend.journal(channel)?))
    }

    /// The head, after everything that is due: a pending generation whose time is over goes back to its parent, and
    /// a head that a dead process did not write down is written down. What cannot be done here (a store that may
    /// only be read) is told; the head is then what followers make of it.
    pub fn settle(&self, channel: &str) -> Result<Settled> {
        let Some(known) = self.head(channel)? else {
            return Ok(Settled {
                known: None,
                expired: false,
                notice: None,
            });
        };
        let mut notice = self.recover(&known.head).err().map(|e| e.to_string());
        if !self.is_over(&known.head) {
            return Ok(Settled {
                known: Some(known),
                expired: false,
                notice,
            });
        }
        let expired = match self.expire(&known) {
            Ok(_) => true,
            // Somebody else was faster: what they did counts.
            Err(ChannelError::Refused(Refusal::Moved(_))) => false,
            Err(ChannelError::Store(error)) => {
                notice = Some(format!(
                    "generation {} of channel {channel} was not confirmed in time, and going back failed: {error}",
                    known.head.seq
                ));
                return Ok(Settled {
                    known: Some(known),
                    expired: false,
                    notice,
                });
            }
            Err(refused) => return Err(refused),
        };
        Ok(Settled {
            known: self.head(channel)?,
            expired,
            notice,
        })
    }

    /// The time to confirm is over, as far as this machine can tell.
    pub fn is_over(&self, head: &Head) -> bool {
        let Some(confirm) = &head.confirm else {
            return false;
        };
        if confirm.host == self.clock.host() {
            return confirm.boot_id != self.clock.boot_id()
                || self.clock.since_boot_ms() >= confirm.deadline_ms;
        }
        // Another machine promoted: what is left is the time of day.
        let Ok(start) = head.time.parse::<jiff::Timestamp>() else {
            return true;
        };
        let now = self.clock.now().as_second();
        i64::try_from(confirm.within_seconds)
            .ok()
            .and_then(|within| start.as_second().checked_add(within))
            .is_some_and(|deadline| now >= deadline)
    }

    /// Makes the journal complete where the process that wrote the head did not live to do so.
    fn recover(&self, head: &Head) -> StoreResult<()> {
        let end = Journal::read_end(&self.backend.journal_end(&head.channel)?);
        if end.last_head().is_some_and(|last| last.txn == head.txn) {
            return Ok(());
        }
        let from = head.parent.as_ref().map(|p| p.digest.clone());
        self.backend
            .append(&entry_of(head, from, Outcome::Recovered))
    }

    fn expire(&self, known: &Known) -> Result<Done> {
        let pending = &known.head;
        let Some(parent) = &pending.parent else {
            return Err(ChannelError::Refused(Refusal::NoWayBack {
                channel: pending.channel.clone(),
            }));
        };
        let reason = format!(
            "generation {} was not confirmed within {} s",
            pending.seq,
            pending.confirm.as_ref().map_or(0, |c| c.within_seconds)
        );
        let head = self.returned(known, parent, Action::Expire, &reason);
        self.write(known, head)
    }

    /// Writes down that something was refused. That it cannot be written down changes nothing.
    pub fn refuse(&self, channel: &str, action: Action, to: Option<&str>, why: &str) {
        if !head::is_name(channel) {
            return;
        }
        let from = self.head(channel).ok().flatten().map(|k| k.head.digest);
        let _ = self.backend.append(&Entry {
            schema: Entry::SCHEMA.into(),
            channel: channel.to_owned(),
            time: self.clock.now().to_string(),
            author: self.author.clone(),
            action: action.word().to_owned(),
            outcome: Outcome::Refused,
            from,
            to: to.map(str::to_owned),
            reason: why.to_owned(),
            head: None,
        });
    }

    /// Moves a channel to an artifact, from the head that was read. Guards and verification come before.
    pub fn promote(&self, base: Option<&Known>, promote: &Promote<'_>) -> Result<Done> {
        let refused = |refusal| Err(ChannelError::Refused(refusal));
        let channel = promote.channel;
        if !head::is_name(channel) {
            return refused(Refusal::BadName(channel.to_owned()));
        }
        if let Some(from) = promote.from {
            self.is_run_by(from, promote)?;
        }
        let base_head = base.map(|known| &known.head);
        if let Some(head) = base_head {
            if head.confirm.is_some() {
                return refused(Refusal::Pending(Box::new(head.clone())));
            }
            if promote.scheduled && head.hold.is_some() {
                return refused(Refusal::Held(Box::new(head.clone())));
            }
            if head.digest == promote.digest && head.hold.is_none() {
                return self.unchanged(base);
            }
        } else if promote.confirm_within.is_some() {
            return refused(Refusal::NoWayBack {
                channel: channel.to_owned(),
            });
        }
        let seq = base_head.map_or(1, |head| head.seq + 1);
        let head = Head {
            schema: head::schema(),
            check: String::new(),
            channel: channel.to_owned(),
            seq,
            txn: txn()?,
            action: Action::Promote,
            digest: promote.digest.to_owned(),
            manifest_sha256: promote.manifest_sha256.to_owned(),
            parent: base_head.map(Head::generation),
            restores: None,
            replaced: base_head.map(|head| head.txn.clone()),
            author: self.author.clone(),
            time: self.clock.now().to_string(),
            reason: promote.reason.to_owned(),
            confirm: promote.confirm_within.map(|within| self.deadline(within)),
            hold: None,
            signature: self.signature(channel, seq, promote.digest, promote.manifest_sha256)?,
        };
        self.swap(base, head)
    }

    /// Nothing to do, if the head still is what was read.
    fn unchanged(&self, base: Option<&Known>) -> Result<Done> {
        let known = base.ok_or_else(|| StoreError::Unknown("a head was expected".to_owned()))?;
        let now = self.head(&known.head.channel)?;
        if now.as_ref().is_some_and(|now| now.tag == known.tag) {
            self.backend.flush(&known.head.channel)?;
            return Ok(Done {
                head: known.head.clone(),
                changed: false,
                notice: None,
            });
        }
        Err(self.moved(&known.head.channel)?)
    }

    fn is_run_by(&self, from: &str, promote: &Promote<'_>) -> Result<()> {
        let runs = self.settle(from)?.known;
        let refusal = match runs {
            Some(known) if known.head.digest == promote.digest => {
                if known.head.confirm.is_none() {
                    return Ok(());
                }
                Refusal::FromPending {
                    channel: promote.channel.to_owned(),
                    from: from.to_owned(),
                }
            }
            runs => Refusal::NotFrom {
                channel: promote.channel.to_owned(),
                from: from.to_owned(),
                runs: runs.map(|known| known.head.digest),
            },
        };
        Err(ChannelError::Refused(refusal))
    }

    fn deadline(&self, within_seconds: u64) -> Confirm {
        Confirm {
            within_seconds,
            host: self.clock.host(),
            boot_id: self.clock.boot_id(),
            deadline_ms: self
                .clock
                .since_boot_ms()
                .saturating_add(within_seconds.saturating_mul(1000)),
        }
    }

    fn signature(
        &self,
        channel: &str,
        seq: u64,
        digest: &str,
        manifest_sha256: &str,
    ) -> Result<Option<Signature>> {
        let Some(sign) = self.sign else {
            return Ok(None);
        };
        let statement = statement(channel, seq, digest, manifest_sha256);
        let minisign = sign(&statement).map_err(StoreError::Unsigned)?;
        Ok(Some(Signature {
            seq,
            statement,
            minisign,
        }))
    }

    /// Keeps the pending generation. Too late is too late: the channel goes back, and says so.
    pub fn confirm(&self, channel: &str) -> Result<Done> {
        let settled = self.settle(channel)?;
        let Some(known) = settled.known else {
            return Err(ChannelError::Refused(Refusal::Nothing {
                channel: channel.to_owned(),
            }));
        };
        if settled.expired || (known.head.confirm.is_some() && self.is_over(&known.head)) {
            return Err(ChannelError::Refused(Refusal::Expired(Box::new(
                known.head,
            ))));
        }
        if known.head.confirm.is_none() {
            let refusal = if known.head.action == Action::Expire {
                Refusal::Expired(Box::new(known.head))
            } else {
                Refusal::NotPending(Box::new(known.head))
            };
            return Err(ChannelError::Refused(refusal));
        }
        let head = Head {
            txn: txn()?,
            action: Action::Confirm,
            replaced: Some(known.head.txn.clone()),
            author: self.author.clone(),
            time: self.clock.now().to_string(),
            confirm: None,
            ..known.head.clone()
        };
        self.write(&known, head)
    }

    /// Lets the scheduler promote again.
    pub fn resume(&self, channel: &str, reason: &str) -> Result<Done> {
        let Some(known) = self.settle(channel)?.known else {
            return Err(ChannelError::Refused(Refusal::Nothing {
                channel: channel.to_owned(),
            }));
        };
        if known.head.hold.is_none() {
            return Err(ChannelError::Refused(Refusal::NotHeld {
                channel: channel.to_owned(),
            }));
        }
        let head = Head {
            txn: txn()?,
            action: Action::Resume,
            replaced: Some(known.head.txn.clone()),
            author: self.author.clone(),
            time: self.clock.now().to_string(),
            reason: reason.to_owned(),
            hold: None,
            ..known.head.clone()
        };
        self.write(&known, head)
    }

    /// The generation that going back would bring, and the head it is seen from.
    pub fn way_back(&self, channel: &str, back: &Back) -> Result<(Known, Generation)> {
        let Some(known) = self.settle(channel)?.known else {
            return Err(ChannelError::Refused(Refusal::Nothing {
                channel: channel.to_owned(),
            }));
        };
        let no_way = || {
            ChannelError::Refused(Refusal::NoWayBack {
                channel: channel.to_owned(),
            })
        };
        let generation = match back {
            Back::Parent => self.before(&known.head)?.ok_or_else(no_way)?,
            Back::Steps(0) => return Err(no_way()),
            Back::Steps(steps) => {
                let seq = known.head.seq.checked_sub(*steps).ok_or_else(no_way)?;
                let generations = self.generations(&known)?;
                generations
                    .into_iter()
                    .find(|g| g.seq == seq)
                    .ok_or_else(no_way)?
            }
            Back::Digest(prefix) => {
                let mut of: Vec<Generation> = self
                    .generations(&known)?
                    .into_iter()
                    .filter(|g| g.seq < known.head.seq && g.digest.starts_with(prefix.as_str()))
                    .collect();
                if of.iter().any(|g| g.digest != of[0].digest) {
                    of.dedup_by(|a, b| a.digest == b.digest);
                    return Err(ChannelError::Store(StoreError::Ambiguous {
                        reference: prefix.clone(),
                        candidates: of.into_iter().map(|g| g.digest).collect(),
                    }));
                }
                of.pop().ok_or_else(|| {
                    ChannelError::Refused(Refusal::NotOfChannel {
                        channel: channel.to_owned(),
                        wanted: prefix.clone(),
                    })
                })?
            }
        };
        Ok((known, generation))
    }

    /// What ran before a head. Going back twice goes back two, and not to what was just left: a head that brought a
    /// generation back has the predecessor of that generation.
    fn before(&self, head: &Head) -> Result<Option<Generation>> {
        if head.restores.is_none() {
            return Ok(head.parent.clone());
        }
        let journal = self.journal(&head.channel)?;
        let mut at = head;
        while let Some(seq) = at.restores {
            let heads = journal.entries.iter().filter_map(|e| e.head.as_ref());
            match heads.into_iter().find(|h| h.seq == seq && h.seq < at.seq) {
                Some(earlier) => at = earlier,
                None => return Ok(None),
            }
        }
        Ok(at.parent.clone())
    }

    /// Every generation that is known of, oldest first: from the journal, and from the head itself.
    fn generations(&self, known: &Known) -> Result<Vec<Generation>> {
        let journal = self.journal(&known.head.channel)?;
        let mut all: Vec<Generation> = journal
            .entries
            .iter()
            .filter_map(|entry| entry.head.as_ref())
            .map(Head::generation)
            .chain(known.head.parent.clone())
            .chain([known.head.generation()])
            .collect();
        all.sort_by_key(|g| g.seq);
        all.dedup_by_key(|g| g.seq);
        Ok(all)
    }

    /// Goes back to a generation that [`way_back`](Channels::way_back) gave, and holds the channel there.
    pub fn rollback(&self, known: &Known, to: &Generation, reason: &str) -> Result<Done> {
        let mut head = self.returned(known, to, Action::Rollback, reason);
        if let Some(signature) =
            self.signature(&head.channel, head.seq, &head.digest, &head.manifest_sha256)?
        {
            head.signature = Some(signature);
        }
        self.write(known, head)
    }

    /// The head that brings an earlier generation back: a new generation, with the proof of the old one.
    fn returned(&self, known: &Known, to: &Generation, action: Action, reason: &str) -> Head {
        let now = self.clock.now().to_string();
        Head {
            schema: head::schema(),
            check: String::new(),
            channel: known.head.channel.clone(),
            seq: known.head.seq + 1,
            txn: String::new(),
            action,
            digest: to.digest.clone(),
            manifest_sha256: to.manifest_sha256.clone(),
            parent: Some(known.head.generation()),
            restores: Some(to.seq),
            replaced: Some(known.head.txn.clone()),
            author: self.author.clone(),
            time: now.clone(),
            reason: reason.to_owned(),
            confirm: None,
            hold: Some(Hold {
                author: self.author.clone(),
                time: now,
                reason: match (action, reason) {
                    (Action::Expire, reason) => reason.to_owned(),
                    (_, "") => "rolled back by hand".to_owned(),
                    (_, reason) => format!("rolled back by hand: {reason}"),
                },
            }),
            signature: to.signature.clone(),
        }
    }

    fn write(&self, known: &Known, mut head: Head) -> Result<Done> {
        head.txn = txn()?;
        self.swap(Some(known), head)
    }

    /// The one place where a head is replaced.
    fn swap(&self, base: Option<&Known>, head: Head) -> Result<Done> {
        let bytes = head::encode(&head);
        let from = base.map(|known| known.head.digest.clone());
        let entry = entry_of(&head, from, Outcome::Done);
        let swapped = self.backend.swap_head(Swap {
            channel: &head.channel,
            expected: base.map(|known| &known.tag),
            bytes: &bytes,
            requires: &head.digest,
            entry: &entry,
        });
        match swapped {
            Ok(Swapped::Done { journal }) => Ok(Done {
                head,
                changed: true,
                notice: journal,
            }),
            // A write that arrives twice finds itself.
            Ok(Swapped::Moved) => match self.is_ours(&head)? {
                true => self.landed(head, None),
                false => Err(self.moved(&head.channel)?),
            },
            Ok(Swapped::Gone) => Err(ChannelError::Refused(Refusal::Gone {
                digest: head.digest,
            })),
            Err(error) => match self.is_ours(&head) {
                // It failed after it was done.
                Ok(true) => self.landed(head, Some(&error)),
                Ok(false) => Err(ChannelError::Store(error)),
                Err(_) => Err(ChannelError::Store(StoreError::Unknown(format!(
                    "channel {} may or may not have been moved to {}: {error}; look with `weir status` before \
                     doing it again",
                    head.channel,
                    super::short(&head.digest)
                )))),
            },
        }
    }

    /// The head is there although the store said otherwise. It counts once it is durable.
    fn landed(&self, head: Head, error: Option<&StoreError>) -> Result<Done> {
        self.backend.flush(&head.channel)?;
        let journal = self.recover(&head).err().map(|e| e.to_string());
        Ok(Done {
            head,
            changed: true,
            notice: error
                .map(|e| format!("the store reported a failure, and had done it: {e}"))
                .or(journal),
        })
    }

    /// The head that is there is the one we wrote, or one that came after it.
    fn is_ours(&self, head: &Head) -> Result<bool> {
        let now = self.head(&head.channel)?;
        let is = |txn: Option<&String>| txn == Some(&head.txn);
        if now.is_some_and(|now| is(Some(&now.head.txn)) || is(now.head.replaced.as_ref())) {
            return Ok(true);
        }
        let end = Journal::read_end(&self.backend.journal_end(&head.channel)?);
        let mut heads = end.entries.iter().filter_map(|e| e.head.as_ref());
        Ok(heads.any(|h| is(Some(&h.txn)) || is(h.replaced.as_ref())))
    }

    fn moved(&self, channel: &str) -> Result<ChannelError> {
        Ok(ChannelError::Refused(match self.head(channel)? {
            Some(now) => Refusal::Moved(Box::new(now.head)),
            None => Refusal::BaseGone {
                channel: channel.to_owned(),
            },
        }))
    }
}

fn entry_of(head: &Head, from: Option<String>, outcome: Outcome) -> Entry {
    Entry {
        schema: Entry::SCHEMA.into(),
        channel: head.channel.clone(),
        time: head.time.clone(),
        author: head.author.clone(),
        action: head.action.word().to_owned(),
        outcome,
        from,
        to: Some(head.digest.clone()),
        reason: head.reason.clone(),
        head: Some(head.clone()),
    }
}

/// A name that nothing else has.
fn txn() -> StoreResult<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        StoreError::Unknown(format!("the machine has no random numbers: {error}"))
    })?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}
