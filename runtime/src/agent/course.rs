//! What is to be in the kernel: the state machine of following a channel, commit-confirm included. Pure: a function
//! of what is remembered, of heads and of a clock that is given, so that a crash between any two steps loses nothing
//! but the step.
//!
//! ```text
//! new head ----------> wanted, not proved --loaded, healthy--> proved
//!   with a deadline ->     trial --confirmed in time--> no trial
//!                            \--time over, restart of the box--> fallback, given up
//!                          not loadable, unhealthy ------------> fallback, given up
//! ```
//!
//! Whoever calls saves the [`Memory`] before acting on it, and then brings the kernel to [`Memory::wanted`].

use weir_schemas::head::Head;

use super::lineage::{Refused, Relation, judge};
use super::memory::{Accepted, Generation, GivenUp, Memory, PAST, Trial};

/// A moment, by a clock that nobody can set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Now {
    /// Names the boot.
    pub boot_id: String,
    /// Milliseconds since it, sleep included.
    pub ms: u64,
}

/// What a head comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Offer {
    /// Nothing new.
    Same,
    /// The generation that is wanted need not be confirmed any more, or was not held any more.
    Kept,
    /// Another generation is wanted now.
    Load,
    /// It waits to be confirmed and its time is over already: it is not begun.
    TooLate,
}

/// What a failed attempt comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failing {
    /// It is worth another try.
    Again,
    /// The fallback is wanted now.
    Back,
    /// There is nothing to go back to, and no further try.
    Stuck,
}

impl Memory {
    /// Takes a head that was read, proved and found to be signed. `over`: as far as the head itself says, its time
    /// to be confirmed is over.
    pub fn offer(&mut self, head: &Head, now: &Now, over: bool) -> Result<Offer, Refused> {
        let relation = judge(self, head)?;
        let given_up = self.given_up.as_ref().is_some_and(|g| g.txn == head.txn);
        let is_wanted =
            |wanted: &Generation| wanted.seq == Some(head.seq) && wanted.digest == head.digest;
        let wanted = self.wanted.as_ref().is_some_and(is_wanted);
        if relation == Relation::Same && (given_up || wanted || self.detached) {
            return Ok(Offer::Same);
        }
        self.channel = Some(head.channel.clone());
        self.head = Some(Accepted {
            seq: head.seq,
            txn: head.txn.clone(),
            digest: head.digest.clone(),
            confirmed: head.confirm.is_none(),
        });
        self.detached = false;
        let generation = Generation {
            digest: head.digest.clone(),
            seq: Some(head.seq),
        };
        self.remember(&generation);
        if wanted {
            if head.confirm.is_none() {
                self.trial = None;
                self.given_up = None;
            }
            return Ok(Offer::Kept);
        }
        // The same artifact under a new number, as after a rollback that was made here already.
        let same_artifact = self
            .wanted
            .as_ref()
            .is_some_and(|w| w.digest == head.digest);
        let fallback = match &head.parent {
            // Where a deadline leads back to is the channel's word.
            Some(parent) if head.confirm.is_some() => Some(Generation {
                digest: parent.digest.clone(),
                seq: Some(parent.seq),
            }),
            _ if self.proved && self.trial.is_none() && !same_artifact => self.wanted.clone(),
            _ => self.fallback.clone(),
        };
        if head.confirm.is_some() && over {
            self.give_up(
                head,
                "it was not confirmed in time, before it was seen here",
            );
            self.back_to(fallback);
            return Ok(Offer::TooLate);
        }
        self.proved = self.proved && same_artifact;
        self.fallback = fallback;
        self.wanted = Some(generation);
        self.attempts = 0;
        self.given_up = None;
        self.trial = head.confirm.as_ref().map(|confirm| Trial {
            boot_id: now.boot_id.clone(),
            deadline_ms: now
                .ms
                .saturating_add(confirm.within_seconds.saturating_mul(1000)),
        });
        Ok(Offer::Load)
    }

    /// Lets time pass: whether an unconfirmed generation has none left, and its fallback is wanted now.
    pub fn tick(&mut self, now: &Now) -> bool {
        let Some(trial) = &self.trial else {
            return false;
        };
        let rebooted = trial.boot_id != now.boot_id;
        if !rebooted && now.ms < trial.deadline_ms {
            return false;
        }
        self.give_up_wanted(match rebooted {
            true => "the box was restarted before it was confirmed",
            false => "it was not confirmed in time",
        });
        let fallback = self.fallback.take();
        self.back_to(fallback);
        true
    }

    /// Milliseconds that an unconfirmed generation still has.
    pub fn left_ms(&self, now: &Now) -> Option<u64> {
        let trial = self.trial.as_ref()?;
        Some(match trial.boot_id == now.boot_id {
            true => trial.deadline_ms.saturating_sub(now.ms),
            false => 0,
        })
    }

    /// What is wanted was loaded, and its health was good for as long as it is watched.
    pub fn good(&mut self) {
        self.proved = true;
        self.attempts = 0;
    }

    /// What is wanted was loaded, and a required check fails: it is not tried again.
    pub fn unhealthy(&mut self, reason: &str) -> Failing {
        self.give_up_wanted(reason);
        match self.fallback.take() {
            Some(fallback) => {
                self.back_to(Some(fallback));
                Failing::Back
            }
            // The best there is: it stays, and is reported.
            None => Failing::Stuck,
        }
    }

    /// What is wanted could not be loaded.
    pub fn failed(&mut self, reason: &str, most: u32) -> Failing {
        self.attempts = self.attempts.saturating_add(1);
        if self.attempts < most {
            return Failing::Again;
        }
        self.give_up_wanted(reason);
        match self.fallback.take() {
            Some(fallback) => {
                self.back_to(Some(fallback));
                Failing::Back
            }
            None => Failing::Stuck,
        }
    }

    /// Everything that was given up is worth a try again, because somebody says so.
    pub fn retry(&mut self) {
        self.attempts = 0;
        self.detached = false;
        // Another name than any head has: the next look offers the generation again.
        if let Some(given_up) = self.given_up.take()
            && let Some(head) = &self.head
            && head.txn == given_up.txn
            && !head.confirmed
        {
            // An unconfirmed one has had its time.
            self.given_up = Some(given_up);
        }
    }

    /// An artifact is to be loaded because somebody says so, past every channel.
    pub fn by_hand(&mut self, digest: &str) {
        let generation = Generation {
            digest: digest.to_owned(),
            seq: None,
        };
        let given_up = self.trial.is_some().then(|| {
            self.give_up_wanted("another artifact was applied by hand before it was confirmed");
            self.given_up.take()
        });
        self.fallback = match &self.wanted {
            Some(wanted) if wanted.digest == digest => self.fallback.clone(),
            Some(wanted) if self.proved && self.trial.is_none() => Some(wanted.clone()),
            _ => self.fallback.clone(),
        };
        self.proved &= self.wanted.as_ref().is_some_and(|w| w.digest == digest);
        self.wanted = Some(generation);
        self.trial = None;
        self.attempts = 0;
        self.given_up = given_up.flatten();
        self.detached = false;
    }

    /// Nothing is to be loaded until another head comes.
    pub fn detach(&mut self) {
        self.wanted = None;
        self.fallback = None;
        self.proved = false;
        self.trial = None;
        self.attempts = 0;
        self.given_up = None;
        self.detached = true;
    }

    /// The next head is believed without a history. What is to be in the kernel stays.
    pub fn forget(&mut self) {
        self.channel = None;
        self.head = None;
        self.past.clear();
        self.given_up = None;
    }

    /// Digests that may still be loaded, and so are kept.
    pub fn needed(&self) -> Vec<&str> {
        let mut needed: Vec<&str> = [&self.wanted, &self.fallback]
            .into_iter()
            .flatten()
            .map(|g| g.digest.as_str())
            .collect();
        needed.sort_unstable();
        needed.dedup();
        needed
    }

    fn back_to(&mut self, generation: Option<Generation>) {
        // It ran here before, or is the channel's word for what did.
        self.proved = false;
        self.wanted = generation;
        self.fallback = None;
        self.trial = None;
        self.attempts = 0;
    }

    fn give_up_wanted(&mut self, reason: &str) {
        let (Some(wanted), Some(head)) = (&self.wanted, &self.head) else {
            return;
        };
        if wanted.seq != Some(head.seq) {
            return;
        }
        self.given_up = Some(GivenUp {
            txn: head.txn.clone(),
            seq: head.seq,
            digest: wanted.digest.clone(),
            reason: reason.to_owned(),
        });
    }

    fn give_up(&mut self, head: &Head, reason: &str) {
        self.given_up = Some(GivenUp {
            txn: head.txn.clone(),
            seq: head.seq,
            digest: head.digest.clone(),
            reason: reason.to_owned(),
        });
    }

    fn remember(&mut self, generation: &Generation) {
        if self.past.iter().all(|g| g.seq != generation.seq) {
            self.past.push(generation.clone());
            self.past.sort_by_key(|g| g.seq);
        }
        let surplus = self.past.len().saturating_sub(PAST);
        self.past.drain(..surplus);
    }
}

#[cfg(test)]
mod tests;
