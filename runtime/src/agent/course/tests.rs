//! The state machine against a channel, a clock and a box that do their worst. A crash is nothing here: every step
//! starts from what was saved by the one before.

use proptest::prelude::*;
use weir_schemas::head::Head;

use super::*;
use crate::agent::testing::{a_head, confirmed, digest, pending, rollback};

fn now(ms: u64) -> Now {
    Now {
        boot_id: "boot-1".into(),
        ms,
    }
}

fn wanted(memory: &Memory) -> Option<u64> {
    memory.wanted.as_ref().and_then(|g| g.seq)
}

/// One proved generation, and a second that waits until 60,000.
fn on_trial() -> (Memory, Head) {
    let mut memory = Memory::default();
    assert_eq!(memory.offer(&a_head(1, 1), &now(0), false), Ok(Offer::Load));
    memory.good();
    let two = pending(2, 2, 60);
    assert_eq!(memory.offer(&two, &now(0), false), Ok(Offer::Load));
    memory.good();
    (memory, two)
}

#[test]
fn a_confirmed_generation_stays() {
    let (mut memory, two) = on_trial();
    assert!(!memory.tick(&now(59_999)));
    assert_eq!(
        memory.offer(&confirmed(&two), &now(59_999), false),
        Ok(Offer::Kept)
    );
    assert!(!memory.tick(&now(600_000)));
    assert_eq!((wanted(&memory), &memory.trial), (Some(2), &None));
}

#[test]
fn an_unconfirmed_one_goes_back_and_is_not_begun_again() {
    let (mut memory, two) = on_trial();
    assert!(memory.tick(&now(60_000)));
    assert_eq!(wanted(&memory), Some(1));
    assert_eq!(memory.offer(&two, &now(60_001), false), Ok(Offer::Same));
    assert_eq!(wanted(&memory), Some(1));
    memory.retry();
    assert_eq!(memory.offer(&two, &now(60_001), false), Ok(Offer::Same));
    let given_up = memory.given_up.clone().expect("named");
    assert_eq!(given_up.reason, "it was not confirmed in time");
    // The channel goes back too: nothing is left to do.
    let back = rollback(3, 1, 1);
    assert_eq!(memory.offer(&back, &now(61_000), false), Ok(Offer::Load));
    assert_eq!((wanted(&memory), &memory.given_up), (Some(3), &None));
}

#[test]
fn a_restart_of_the_box_is_no_confirmation() {
    let (mut memory, _) = on_trial();
    let rebooted = Now {
        boot_id: "boot-2".into(),
        ms: 1,
    };
    assert_eq!(memory.left_ms(&rebooted), Some(0));
    assert!(memory.tick(&rebooted));
    assert_eq!(wanted(&memory), Some(1));
}

/// Who confirms after this box went back means it: the channel runs it.
#[test]
fn confirmed_after_all_it_is_loaded_again() {
    let (mut memory, two) = on_trial();
    assert!(memory.tick(&now(60_000)));
    let kept = confirmed(&two);
    assert_eq!(memory.offer(&kept, &now(60_001), false), Ok(Offer::Load));
    assert_eq!((wanted(&memory), &memory.trial), (Some(2), &None));
}

/// Nothing but a promotion waits, so no other head can make a deadline longer.
#[test]
fn a_deadline_is_not_made_longer() {
    let (mut memory, two) = on_trial();
    let again = Head {
        txn: "2-resume".into(),
        action: weir_schemas::head::Action::Resume,
        ..two.clone()
    };
    let before = memory.clone();
    assert!(memory.offer(&again, &now(59_000), false).is_err());
    assert_eq!(memory, before);
    // Nor does the same head, seen again.
    assert_eq!(memory.offer(&two, &now(59_000), false), Ok(Offer::Same));
    assert!(memory.tick(&now(60_000)));
}

#[test]
fn what_is_too_late_already_is_not_begun() {
    let mut memory = Memory::default();
    memory
        .offer(&a_head(1, 1), &now(0), false)
        .expect("accepted");
    memory.good();
    let late = memory.offer(&pending(2, 2, 60), &now(0), true);
    assert_eq!((late, wanted(&memory)), (Ok(Offer::TooLate), Some(1)));
}

#[test]
fn an_unhealthy_generation_goes_back_at_once() {
    let mut memory = Memory::default();
    memory
        .offer(&a_head(1, 1), &now(0), false)
        .expect("accepted");
    memory.good();
    memory
        .offer(&a_head(2, 2), &now(0), false)
        .expect("accepted");
    assert_eq!(memory.unhealthy("classes: 3 of 4"), Failing::Back);
    assert_eq!(wanted(&memory), Some(1));
    assert_eq!(memory.offer(&a_head(2, 2), &now(9), false), Ok(Offer::Same));
    // The one before has nothing behind it: it stays, and is named.
    assert_eq!(memory.unhealthy("classes: 3 of 4"), Failing::Stuck);
    assert_eq!(wanted(&memory), Some(1));
}

#[test]
fn loading_is_tried_so_often_and_no_more() {
    let mut memory = Memory::default();
    memory
        .offer(&a_head(1, 1), &now(0), false)
        .expect("accepted");
    memory.good();
    memory
        .offer(&a_head(2, 2), &now(0), false)
        .expect("accepted");
    assert_eq!(memory.failed("ENOBUFS", 3), Failing::Again);
    assert_eq!(memory.failed("ENOBUFS", 3), Failing::Again);
    assert_eq!(memory.failed("ENOBUFS", 3), Failing::Back);
    assert_eq!(wanted(&memory), Some(1));
    for want in [Failing::Again, Failing::Again, Failing::Stuck] {
        assert_eq!(memory.failed("ENOBUFS", 3), want);
    }
    memory.retry();
    assert_eq!(memory.offer(&a_head(2, 2), &now(0), false), Ok(Offer::Load));
}

#[test]
fn by_hand_and_away_until_the_channel_moves() {
    let (mut memory, two) = on_trial();
    memory.by_hand(&digest(9));
    assert_eq!(memory.trial, None);
    // It had its chance: it does not come back by itself.
    assert_eq!(memory.offer(&two, &now(5), false), Ok(Offer::Same));
    assert_eq!(memory.needed(), [digest(1), digest(9)]);
    memory.detach();
    assert_eq!(memory.offer(&two, &now(5), false), Ok(Offer::Same));
    assert_eq!(memory.wanted, None);
    assert_eq!(memory.offer(&a_head(3, 3), &now(5), false), Ok(Offer::Load));
}

/// What may happen, in any order.
#[derive(Clone, Debug)]
enum Event {
    Promote,
    PromotePending(u64),
    Confirm,
    Rollback,
    Resume,
    /// The head is looked at.
    Look,
    /// A head that was replaced is shown instead, the n-th of all.
    Replay(usize),
    Wait(u64),
    Reboot,
    Good,
    Unhealthy,
    Failed,
    Retry,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => Just(Event::Promote),
        4 => (1u64..100).prop_map(Event::PromotePending),
        3 => Just(Event::Confirm),
        2 => Just(Event::Rollback),
        1 => Just(Event::Resume),
        12 => Just(Event::Look),
        3 => (0usize..64).prop_map(Event::Replay),
        6 => (1u64..60_000).prop_map(Event::Wait),
        1 => Just(Event::Reboot),
        6 => Just(Event::Good),
        1 => Just(Event::Unhealthy),
        2 => Just(Event::Failed),
        1 => Just(Event::Retry),
    ]
}

/// A channel as `weir` makes it; artifact n is new with generation n.
struct Channel {
    heads: Vec<Head>,
}

impl Channel {
    fn head(&self) -> &Head {
        self.heads.last().expect("it began with one")
    }

    fn push(&mut self, mut head: Head) {
        head.parent = self.heads.last().map(|h| match head.seq == h.seq {
            true => h.parent.clone().expect("not the first"),
            false => h.generation(),
        });
        head.txn = format!("txn-{}", self.heads.len());
        self.heads.push(head);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn never_past_its_time_never_back_in_history_never_without_a_generation(
        events in prop::collection::vec(event(), 1..120)
    ) {
        let mut channel = Channel { heads: vec![a_head(1, 1)] };
        let mut memory = Memory::default();
        let mut clock = Now { boot_id: "boot-0".into(), ms: 0 };
        let mut boots = 0;
        memory.offer(channel.head(), &clock, false).expect("accepted");
        memory.good();
        // Unconfirmed generations: until when they may be wanted. Generations that this box saw confirmed.
        let mut until: Vec<(u64, Now)> = Vec::new();
        let mut kept: Vec<u64> = vec![1];
        for event in events {
            let seq = channel.head().seq;
            let waits = channel.head().confirm.is_some();
            match event {
                Event::Promote if !waits => channel.push(a_head(seq + 1, seq + 1)),
                Event::PromotePending(within) if !waits => {
                    channel.push(pending(seq + 1, seq + 1, within));
                }
                Event::Confirm if waits => {
                    let head = confirmed(channel.head());
                    channel.push(head);
                }
                Event::Resume if channel.head().parent.is_some() => {
                    let mut head = channel.head().clone();
                    head.action = weir_schemas::head::Action::Resume;
                    // A promotion that waits is never held, so it is never resumed.
                    if !waits {
                        channel.push(head);
                    }
                }
                Event::Rollback if seq > 1 => {
                    let to = channel.head().parent.clone().expect("one");
                    let mut head = rollback(seq + 1, to.seq, 0);
                    head.digest = to.digest;
                    channel.push(head);
                }
                Event::Look => {
                    let head = channel.head().clone();
                    let offer = memory.offer(&head, &clock, false);
                    prop_assert!(offer.is_ok(), "{offer:?}");
                    if head.action == weir_schemas::head::Action::Promote {
                        // Nothing is promoted over a generation that waits.
                        kept.extend(head.parent.iter().map(|p| p.seq));
                    }
                    match &head.confirm {
                        None => kept.push(head.seq),
                        Some(confirm) if until.iter().all(|(s, _)| *s != head.seq) => {
                            let ms = clock.ms + confirm.within_seconds * 1000;
                            until.push((head.seq, Now { ms, ..clock.clone() }));
                        }
                        Some(_) => {}
                    }
                }
                Event::Replay(n) => {
                    let old = &channel.heads[n % channel.heads.len()].clone();
                    let known = memory.head.clone().expect("one");
                    let before = memory.clone();
                    let offer = memory.offer(old, &clock, false);
                    if old.seq < known.seq {
                        prop_assert!(offer.is_err() && memory == before, "{offer:?}");
                    } else {
                        // As new as what was accepted: then it is a look like any other.
                        if offer.is_ok() && old.action == weir_schemas::head::Action::Promote {
                            kept.extend(old.parent.iter().map(|p| p.seq));
                        }
                        match (&offer, &old.confirm) {
                            (Ok(_), None) => kept.push(old.seq),
                            (Ok(_), Some(confirm)) if until.iter().all(|(s, _)| *s != old.seq) => {
                                let ms = clock.ms + confirm.within_seconds * 1000;
                                until.push((old.seq, Now { ms, ..clock.clone() }));
                            }
                            _ => {}
                        }
                    }
                }
                Event::Wait(ms) => clock.ms += ms,
                Event::Reboot => {
                    boots += 1;
                    clock = Now { boot_id: format!("boot-{boots}"), ms: 0 };
                }
                Event::Good => memory.good(),
                Event::Unhealthy => { memory.unhealthy("red"); }
                Event::Failed => { memory.failed("ENOBUFS", 3); }
                Event::Retry => memory.retry(),
                _ => {}
            }
            memory.tick(&clock);
            let wanted = memory.wanted.clone();
            prop_assert!(wanted.is_some(), "nothing is wanted any more");
            let seq = wanted.and_then(|g| g.seq).expect("of the channel");
            if !kept.contains(&seq)
                && let Some((_, end)) = until.iter().find(|(s, _)| *s == seq)
            {
                prop_assert!(
                    end.boot_id == clock.boot_id && clock.ms < end.ms,
                    "generation {seq} is wanted past its time"
                );
            }
            prop_assert!(memory.past.len() <= PAST);
            // What is remembered survives being written and read.
            let bytes = serde_json::to_vec(&memory).expect("writes");
            prop_assert_eq!(&serde_json::from_slice::<Memory>(&bytes).expect("reads"), &memory);
        }
    }
}
