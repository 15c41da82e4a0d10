//! Hearing of the store: what is followed, what is refused, and what is only waited for.

use weir_schemas::runtime::StoreSeen;

use super::*;
use crate::agent::course::Offer;
use crate::agent::lineage;

impl<S: Shaper> Agent<'_, S> {
    /// Hears of the store.
    pub fn hear(&mut self, told: Told) {
        let looked = self.clock.now().to_string();
        let seq = self.memory.head.as_ref().map(|h| h.seq);
        let reachable = !matches!(told, Told::Unreachable(_));
        self.board.write(|s| {
            let before = s.store.take();
            s.store = Some(StoreSeen {
                reachable,
                seq,
                written: before.as_ref().and_then(|b| b.written.clone()),
                looked: match reachable {
                    true => looked,
                    false => before.map_or(looked, |b| b.looked),
                },
            });
        });
        if reachable && self.told.remove("store").is_some() {
            self.say(Level::Notice, "the store can be read again");
        }
        match told {
            Told::Unchanged => {}
            Told::Unreachable(why) => self.once(
                "store",
                Level::Warning,
                format!("the store cannot be read: {why}; what is loaded stays"),
            ),
            Told::Nothing => match &self.memory.head {
                None => self.once(
                    "channel",
                    Level::Info,
                    format!("channel {} runs nothing yet", self.config.store.channel),
                ),
                Some(head) => {
                    let reason = format!(
                        "channel {} has no head any more, and generation {} was accepted before; what is loaded stays. \
                         `weir verify` says what became of it",
                        self.config.store.channel, head.seq
                    );
                    self.refuse(Refusal {
                        seq: None,
                        digest: None,
                        reason,
                    });
                }
            },
            Told::Refused(refusal) => self.refuse(refusal),
            Told::Head { seen, artifact } => self.offered(*seen, artifact),
        }
    }

    fn offered(&mut self, seen: Seen, artifact: Result<Option<Arc<Proved>>, Missing>) {
        let head = &seen.head;
        // First whether it may be followed at all: an artifact of a replayed head is nobody's business.
        if let Err(refused) = lineage::judge(&self.memory, head) {
            let reason = format!(
                "generation {} of channel {} is not followed: {refused}; {}",
                head.seq,
                head.channel,
                refused.help()
            );
            return self.refuse(Refusal::of(head, reason));
        }
        let fetched = match artifact {
            Err(Missing::Unreachable(why)) => {
                return self.once(
                    "artifact",
                    Level::Warning,
                    format!(
                        "the artifact of generation {} cannot be read: {why}; what is loaded stays",
                        head.seq
                    ),
                );
            }
            Err(Missing::Refused(why)) => {
                let reason = format!("generation {} is not loaded: {why}", head.seq);
                return self.refuse(Refusal::of(head, reason));
            }
            Ok(fetched) => fetched,
        };
        let mut memory = self.memory.clone();
        let offer = match memory.offer(head, &self.now(), seen.over) {
            Ok(offer) => offer,
            Err(refused) => return self.refuse(Refusal::of(head, refused.to_string())),
        };
        if memory != self.memory {
            // Written down before anything is done because of it; what cannot be remembered is not begun.
            if let Err(error) = self.keeper.save(&memory) {
                self.look_at = Some(self.clock.since_boot_ms().saturating_add(LOOK_AGAIN_MS));
                return self.once("memory", Level::Error, format!(
                    "generation {} is not begun, because it could not be remembered: {error}; make room, and it is",
                    head.seq
                ));
            }
            self.memory = memory;
            self.told.remove("memory");
        }
        self.refused = None;
        self.told.remove("artifact");
        self.board.write(|s| {
            s.channel = Some(head.channel.clone());
            if let Some(store) = &mut s.store {
                store.seq = Some(head.seq);
                store.written = Some(head.time.clone());
            }
        });
        let what = format!("generation {} ({})", head.seq, short(&head.digest));
        match offer {
            Offer::Same => {}
            Offer::Kept => self.say(
                Level::Notice,
                &format!("{what} is kept: {}", head.action.word()),
            ),
            Offer::Load => {
                self.fetched = fetched;
                self.stuck = None;
                self.retry_at = 0;
                self.repairs = 0;
                let deadline = head.confirm.as_ref().map_or_else(String::new, |c| {
                    format!(", to be confirmed within {} s", c.within_seconds)
                });
                self.say(Level::Notice, &format!("{what} is wanted{deadline}"));
            }
            Offer::TooLate => {
                self.settle = true;
                self.say(Level::Warning, &format!("{what} is not begun: its time to be confirmed was over before it was seen here"));
            }
        }
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        if self
            .refused
            .as_ref()
            .is_some_and(|r| r.reason == refusal.reason)
        {
            return;
        }
        self.say(Level::Error, &refusal.reason);
        self.refused = Some(RefusedHead {
            seq: refusal.seq,
            digest: refusal.digest,
            reason: refusal.reason,
            since: self.clock.now().to_string(),
        });
    }
}
