//! Whether a head may follow the one that was accepted last: numbers only grow, history is one line, and going back
//! is said in so many words. Pure; signatures and artifacts are judged elsewhere.

use weir_schemas::head::{Action, Head};

use super::memory::{Generation, Memory};

/// How a head stands to the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// The very same.
    Same,
    /// The same generation, confirmed or released since.
    Restated,
    /// A later generation.
    Next,
}

/// Why a head is not believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    #[error("it is the head of channel {found}, and {followed} is followed here")]
    OtherChannel { found: String, followed: String },
    #[error(
        "it is generation {found}, and generation {known} was accepted before: a head that was replaced has come back"
    )]
    Replay { found: u64, known: u64 },
    #[error("it is an earlier state of generation {seq}, which is confirmed")]
    Unconfirmed { seq: u64 },
    #[error("generation {seq} is artifact {known} here, and {found} in this head")]
    OtherArtifact {
        seq: u64,
        known: String,
        found: String,
    },
    #[error("its parent is {found}, and {known} was accepted here: this is another history")]
    ForeignParent { found: String, known: String },
    #[error("it says that it brings back generation {restores}, and {why}")]
    NoWayBack { restores: u64, why: String },
    #[error("it contradicts itself: {0}")]
    Nonsense(String),
}

impl Refused {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Refused::OtherChannel { .. } => {
                "if the other channel is meant, stop the runtime and run `weir-runtime forget`"
            }
            Refused::Nonsense(_) => "`weir verify` in the project says more",
            _ => {
                "`weir verify` in the project says whether the store is as it was. If the store was made anew on \
                 purpose, stop the runtime, run `weir-runtime forget`, and start it again"
            }
        }
    }
}

/// Judges a head by what is remembered.
pub fn judge(memory: &Memory, head: &Head) -> Result<Relation, Refused> {
    sane(head)?;
    if let Some(followed) = memory.channel.as_ref().filter(|c| **c != head.channel) {
        return Err(Refused::OtherChannel {
            found: head.channel.clone(),
            followed: followed.clone(),
        });
    }
    let Some(last) = &memory.head else {
        return Ok(Relation::Next);
    };
    if head.txn == last.txn {
        // `txn` names one write: with another content it is none of that write's.
        let same = head.seq == last.seq
            && head.digest == last.digest
            && head.confirm.is_none() == last.confirmed;
        return match same {
            true => Ok(Relation::Same),
            false => Err(Refused::Nonsense(
                "another head with the same name was accepted before".to_owned(),
            )),
        };
    }
    if head.seq < last.seq {
        return Err(Refused::Replay {
            found: head.seq,
            known: last.seq,
        });
    }
    known_artifact(memory, head.seq, &head.digest)?;
    if head.seq == last.seq {
        if last.confirmed && head.confirm.is_some() {
            return Err(Refused::Unconfirmed { seq: head.seq });
        }
        return match head.action {
            Action::Confirm | Action::Resume => Ok(Relation::Restated),
            _ => Err(Refused::Nonsense(format!(
                "generation {} was made twice",
                head.seq
            ))),
        };
    }
    parent(memory, last.seq, head)?;
    way_back(memory, head)?;
    Ok(Relation::Next)
}

/// What no history is needed for.
fn sane(head: &Head) -> Result<(), Refused> {
    let nonsense = |what: &str| Err(Refused::Nonsense(what.to_owned()));
    let is_digest = |d: &str| d.len() == 64 && d.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_digest(&head.digest) || !is_digest(&head.manifest_sha256) {
        return nonsense("its digests are none");
    }
    if head.seq == 0 || head.txn.is_empty() {
        return nonsense("it has no number or no name");
    }
    match (&head.parent, head.seq) {
        (None, 1) => {}
        (None, _) => return nonsense("it is not the first generation and has no parent"),
        (Some(parent), seq) if parent.seq.checked_add(1) != Some(seq) => {
            return nonsense("its number is not that after its parent's");
        }
        (Some(parent), _) if !is_digest(&parent.digest) => {
            return nonsense("the digest of its parent is none");
        }
        _ => {}
    }
    if head.confirm.is_some() && (head.action != Action::Promote || head.parent.is_none()) {
        return nonsense("only a promotion with a way back can wait to be confirmed");
    }
    match (head.action, head.restores) {
        (Action::Rollback | Action::Expire, None) => {
            nonsense("it goes back and does not say to which generation")
        }
        (Action::Promote, Some(_)) => nonsense("it is a promotion and brings a generation back"),
        (_, Some(restores)) if restores >= head.seq => {
            nonsense("it brings back a generation that is not earlier")
        }
        _ => Ok(()),
    }
}

/// A generation that was accepted before is the same artifact for ever.
fn known_artifact(memory: &Memory, seq: u64, digest: &str) -> Result<(), Refused> {
    match find(memory, seq) {
        Some(known) if known.digest != digest => Err(Refused::OtherArtifact {
            seq,
            known: short(&known.digest),
            found: short(digest),
        }),
        _ => Ok(()),
    }
}

/// The parent is what was accepted here; of generations that were missed nothing is known.
fn parent(memory: &Memory, last: u64, head: &Head) -> Result<(), Refused> {
    let Some(parent) = &head.parent else {
        // Only a first generation has none, and this is later than one that was accepted.
        return Err(Refused::ForeignParent {
            found: "nothing".to_owned(),
            known: format!("generation {last}"),
        });
    };
    match find(memory, parent.seq) {
        Some(known) if known.digest != parent.digest => Err(Refused::ForeignParent {
            found: format!("{} as generation {}", short(&parent.digest), parent.seq),
            known: short(&known.digest),
        }),
        _ => Ok(()),
    }
}

/// What is brought back is what that generation was.
fn way_back(memory: &Memory, head: &Head) -> Result<(), Refused> {
    let Some(restores) = head.restores else {
        return Ok(());
    };
    match find(memory, restores) {
        Some(known) if known.digest != head.digest => Err(Refused::NoWayBack {
            restores,
            why: format!(
                "that was {} here, not {}",
                short(&known.digest),
                short(&head.digest)
            ),
        }),
        _ => Ok(()),
    }
}

fn find(memory: &Memory, seq: u64) -> Option<&Generation> {
    memory.past.iter().find(|g| g.seq == Some(seq))
}

fn short(digest: &str) -> String {
    weir_store::channel::short(digest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{a_head, confirmed, digest, pending, rollback};
    use super::*;
    use crate::agent::course::Now;

    fn knowing(heads: &[Head]) -> Memory {
        let mut memory = Memory::default();
        let now = Now {
            boot_id: "boot".into(),
            ms: 0,
        };
        for head in heads {
            memory.offer(head, &now, false).expect("accepted");
        }
        memory
    }

    #[test]
    fn history_only_grows() {
        let one = a_head(1, 1);
        let two = a_head(2, 2);
        let memory = knowing(&[one.clone(), two.clone()]);
        assert_eq!(judge(&memory, &two), Ok(Relation::Same));
        assert_eq!(judge(&memory, &a_head(3, 3)), Ok(Relation::Next));
        assert_eq!(
            judge(&memory, &one),
            Err(Refused::Replay { found: 1, known: 2 })
        );
        // Generations that were missed are no offence.
        assert_eq!(judge(&memory, &a_head(9, 9)), Ok(Relation::Next));
    }

    #[test]
    fn a_pending_head_does_not_come_back_once_it_is_confirmed() {
        let one = a_head(1, 1);
        let two = pending(2, 2, 60);
        let memory = knowing(&[one.clone(), two.clone()]);
        assert_eq!(judge(&memory, &confirmed(&two)), Ok(Relation::Restated));
        let memory = knowing(&[one, two.clone(), confirmed(&two)]);
        assert_eq!(judge(&memory, &two), Err(Refused::Unconfirmed { seq: 2 }));
    }

    #[test]
    fn another_history_is_refused() {
        let memory = knowing(&[a_head(1, 1), a_head(2, 2)]);
        let mut other = a_head(3, 3);
        other.parent.as_mut().expect("a parent").digest = digest(7);
        assert!(matches!(
            judge(&memory, &other),
            Err(Refused::ForeignParent { .. })
        ));
        let mut twice = a_head(2, 5);
        twice.txn = "other".into();
        assert!(matches!(
            judge(&memory, &twice),
            Err(Refused::OtherArtifact { .. })
        ));
        let mut same_name = a_head(3, 3);
        same_name.txn = a_head(2, 2).txn;
        assert!(judge(&memory, &same_name).is_err());
        let mut foreign = a_head(3, 3);
        foreign.channel = "lab".into();
        assert!(matches!(
            judge(&memory, &foreign),
            Err(Refused::OtherChannel { .. })
        ));
    }

    #[test]
    fn a_way_back_brings_back_what_was_there() {
        let memory = knowing(&[a_head(1, 1), a_head(2, 2)]);
        assert_eq!(judge(&memory, &rollback(3, 1, 1)), Ok(Relation::Next));
        assert!(matches!(
            judge(&memory, &rollback(3, 1, 7)),
            Err(Refused::NoWayBack { .. })
        ));
    }

    #[test]
    fn heads_that_contradict_themselves_are_refused_without_a_history() {
        let empty = Memory::default();
        type Spoil = fn(&mut Head);
        let spoils: [(&str, Spoil); 9] = [
            ("no parent", |h| h.parent = None),
            ("own parent", |h| {
                h.parent.as_mut().expect("one").seq = h.seq;
            }),
            ("digest", |h| h.digest = "x".into()),
            ("manifest", |h| h.manifest_sha256.clear()),
            ("seq", |h| h.seq = 0),
            ("txn", |h| h.txn.clear()),
            ("back to nowhere", |h| h.action = Action::Rollback),
            ("back to the future", |h| {
                h.action = Action::Rollback;
                h.restores = Some(h.seq);
            }),
            ("promoted back", |h| h.restores = Some(1)),
        ];
        assert_eq!(judge(&empty, &a_head(3, 3)), Ok(Relation::Next));
        for (name, spoil) in spoils {
            let mut head = a_head(3, 3);
            spoil(&mut head);
            assert!(judge(&empty, &head).is_err(), "{name}");
        }
        let mut first = a_head(1, 1);
        first.confirm = pending(2, 2, 60).confirm;
        assert!(judge(&empty, &first).is_err(), "pending without a way back");
    }
}
