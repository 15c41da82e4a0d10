//! What channels promise, over a store that fails and lies.

use proptest::prelude::*;
use weir_schemas::head::Head;
use weir_schemas::journal::Outcome;

use super::testing::{Lie, Memory, StoppedClock};
use super::*;

struct World {
    store: Memory,
    clock: StoppedClock,
}

fn digest(n: u64) -> String {
    format!("{n:064x}")
}

impl World {
    fn new() -> World {
        let world = World {
            store: Memory::default(),
            clock: StoppedClock::default(),
        };
        (1..=9).for_each(|n| world.store.store(&digest(n), n));
        world
    }

    fn channels(&self) -> Channels<'_> {
        self.by("ops@noc")
    }

    fn by(&self, author: &str) -> Channels<'_> {
        Channels {
            backend: &self.store,
            clock: &self.clock,
            author: author.to_owned(),
            sign: None,
        }
    }

    fn base(&self, channel: &str) -> Option<Known> {
        self.channels().settle(channel).expect("settled").known
    }

    fn try_promote(&self, n: u64, within: Option<u64>) -> Result<Done, ChannelError> {
        let digest = digest(n);
        let promote = Promote {
            channel: "production",
            digest: &digest,
            manifest_sha256: &digest,
            confirm_within: within,
            ..Promote::default()
        };
        let base = self.base("production");
        self.channels().promote(base.as_ref(), &promote)
    }

    fn promote(&self, n: u64) -> Done {
        self.try_promote(n, None).expect("promoted")
    }

    fn pend(&self, n: u64, within: u64) -> Done {
        self.try_promote(n, Some(within)).expect("promoted")
    }

    fn rollback(&self, back: &Back) -> Result<Done, ChannelError> {
        let channels = self.channels();
        let (known, to) = channels.way_back("production", back)?;
        channels.rollback(&known, &to, "")
    }

    fn now(&self) -> Head {
        self.base("production").expect("a head").head
    }
}

#[track_caller]
fn refused(result: Result<Done, ChannelError>) -> Refusal {
    match result {
        Err(ChannelError::Refused(refusal)) => refusal,
        other => panic!("{other:?} is no refusal"),
    }
}

#[test]
fn generations_count_up_and_name_what_they_replaced() {
    let world = World::new();
    let first = world.promote(1).head;
    assert_eq!((first.seq, &first.parent), (1, &None));
    let second = world.promote(2).head;
    assert_eq!(second.seq, 2);
    assert_eq!(second.parent.expect("a parent").digest, first.digest);
    assert_eq!(second.replaced, Some(first.txn));
    assert!(!world.promote(2).changed, "it runs that already");
    assert_eq!(world.now().seq, 2);
    let journal = world.channels().journal("production").expect("read");
    assert_eq!((journal.entries.len(), journal.faults.len()), (2, 0));
}

#[test]
fn who_was_slower_is_told_who_when_and_what() {
    let world = World::new();
    world.promote(1);
    let base = world.base("production");
    world.promote(2);
    let late = digest(3);
    let promote = Promote {
        channel: "production",
        digest: &late,
        ..Promote::default()
    };
    let refusal = refused(world.by("late@lab").promote(base.as_ref(), &promote));
    let text = refusal.to_string();
    assert!(text.contains("moved by ops@noc at 2026-"), "{text}");
    assert!(text.contains("generation 2 is 000000000000"), "{text}");
    assert_eq!(world.now().seq, 2);
    // Also when somebody promoted the same artifact again: the base is still gone.
    let again = digest(1);
    let same = Promote {
        digest: &again,
        ..promote
    };
    refused(world.channels().promote(base.as_ref(), &same));
}

/// A head that was there before comes back byte by byte: whoever knew the state between is refused, and its seq
/// shows that it is old.
#[test]
fn an_old_head_that_is_put_back_is_not_the_present_one() {
    let world = World::new();
    let first = world.promote(1).head;
    let old = world
        .store
        .head("production")
        .expect("read")
        .expect("a head");
    world.promote(2);
    let base = world.base("production");
    world.store.put_back("production", &old.bytes);
    let three = digest(3);
    let promote = Promote {
        channel: "production",
        digest: &three,
        ..Promote::default()
    };
    refused(world.channels().promote(base.as_ref(), &promote));
    assert_eq!(world.now().seq, first.seq);
    // Going to 2 and back to 1 gives no state that was there before.
    world.promote(2);
    let back = world.rollback(&Back::Parent).expect("back").head;
    assert_eq!(back.digest, first.digest);
    let now = world
        .store
        .head("production")
        .expect("read")
        .expect("a head");
    assert_ne!(now.tag, old.tag);
    assert!(back.seq > first.seq);
}

#[test]
fn a_pending_generation_is_kept_by_its_confirmation_only() {
    let world = World::new();
    world.promote(1);
    let pending = world.pend(2, 600).head;
    assert_eq!(
        pending.confirm.as_ref().expect("pending").within_seconds,
        600
    );
    assert!(matches!(
        refused(world.try_promote(3, None)),
        Refusal::Pending(_)
    ));
    world.clock.pass(599);
    let kept = world
        .channels()
        .confirm("production")
        .expect("confirmed")
        .head;
    assert_eq!((kept.seq, &kept.digest), (2, &digest(2)));
    assert_eq!(kept.confirm, None);
    world.clock.pass(100_000);
    world.clock.reboot();
    assert_eq!(world.now().digest, digest(2));
    let again = refused(world.channels().confirm("production"));
    assert!(matches!(again, Refusal::NotPending(_)));
}

#[test]
fn who_finds_it_unconfirmed_takes_it_back_and_holds_the_channel() {
    for (what, pass) in [
        ("time", (|w: &World| w.clock.pass(600)) as fn(&World)),
        ("a reboot", |w| w.clock.reboot()),
        ("only the clock that cannot be set counts", |w| {
            w.clock.now.set(0);
            w.clock.since_boot_ms.set(1_600_000);
        }),
    ] {
        let world = World::new();
        world.promote(1);
        world.pend(2, 600);
        pass(&world);
        let settled = world.channels().settle("production").expect("settled");
        assert!(settled.expired, "{what}");
        let head = settled.known.expect("a head").head;
        assert_eq!((head.seq, &head.digest), (3, &digest(1)), "{what}");
        assert!(head.hold.expect("held").reason.contains("not confirmed"));
        let late = refused(world.channels().confirm("production"));
        assert!(matches!(late, Refusal::Expired(_)), "{what}");
        assert!(
            !world
                .channels()
                .settle("production")
                .expect("settled")
                .expired
        );
    }
}

#[test]
fn confirming_too_late_fails_and_goes_back() {
    let world = World::new();
    world.promote(1);
    world.pend(2, 60);
    world.clock.pass(60);
    let late = refused(world.channels().confirm("production"));
    assert!(matches!(late, Refusal::Expired(_)));
    assert_eq!(world.now().digest, digest(1));
}

#[test]
fn another_machine_waits_by_the_time_of_day() {
    let world = World::new();
    world.promote(1);
    world.pend(2, 600);
    world.clock.host.replace("elsewhere".to_owned());
    world.clock.reboot();
    assert!(world.now().confirm.is_some(), "its boot says nothing here");
    world.clock.pass(599);
    assert!(world.now().confirm.is_some());
    world.clock.pass(1);
    assert_eq!(world.now().digest, digest(1));
}

#[test]
fn a_store_that_may_only_be_read_tells_that_the_time_is_over() {
    let world = World::new();
    world.promote(1);
    world.pend(2, 60);
    world.clock.pass(60);
    world.store.freeze(true);
    let settled = world.channels().settle("production").expect("settled");
    let known = settled.known.expect("a head");
    assert!(world.channels().is_over(&known.head) && !settled.expired);
    assert!(
        settled
            .notice
            .expect("said")
            .contains("was not confirmed in time")
    );
    world.store.freeze(false);
    assert_eq!(world.now().digest, digest(1));
}

#[test]
fn the_first_generation_has_nothing_to_return_to() {
    let world = World::new();
    let refusal = refused(world.try_promote(1, Some(60)));
    assert!(matches!(refusal, Refusal::NoWayBack { .. }));
    assert!(matches!(
        refused(world.channels().confirm("production")),
        Refusal::Nothing { .. }
    ));
    world.promote(1);
    assert!(matches!(
        refused(world.rollback(&Back::Parent)),
        Refusal::NoWayBack { .. }
    ));
}

#[test]
fn going_back_holds_the_channel_until_somebody_says_otherwise() {
    let world = World::new();
    world.promote(1);
    world.promote(2);
    let back = world.rollback(&Back::Parent).expect("back").head;
    assert_eq!(
        (back.seq, &back.digest, back.restores),
        (3, &digest(1), Some(1))
    );
    let scheduled = |n: u64| {
        let digest = digest(n);
        let base = world.base("production");
        let promote = Promote {
            channel: "production",
            digest: &digest,
            scheduled: true,
            ..Promote::default()
        };
        world.channels().promote(base.as_ref(), &promote)
    };
    assert!(matches!(refused(scheduled(3)), Refusal::Held(_)));
    let resumed = world
        .channels()
        .resume("production", "fixed")
        .expect("resumed")
        .head;
    assert_eq!((resumed.seq, &resumed.hold), (3, &None));
    assert!(matches!(
        refused(world.channels().resume("production", "")),
        Refusal::NotHeld { .. }
    ));
    assert_eq!(scheduled(3).expect("promoted").head.seq, 4);
    world.rollback(&Back::Parent).expect("back");
    assert_eq!(world.promote(3).head.hold, None, "by hand it is released");
}

#[test]
fn going_back_twice_goes_back_two() {
    let world = World::new();
    (1..=4).for_each(|n| drop(world.promote(n)));
    for want in [3, 2, 1] {
        let head = world.rollback(&Back::Parent).expect("back").head;
        assert_eq!(head.digest, digest(want));
    }
    refused(world.rollback(&Back::Parent));
    // Steps count generations as the log lists them.
    assert_eq!(world.now().seq, 7);
    let head = world.rollback(&Back::Steps(3)).expect("back").head;
    assert_eq!((head.digest, head.restores), (digest(4), Some(4)));
    for steps in [0, 8, 99] {
        refused(world.rollback(&Back::Steps(steps)));
    }
    let never = refused(world.rollback(&Back::Digest(digest(9))));
    assert!(matches!(never, Refusal::NotOfChannel { .. }));
    let head = world.rollback(&Back::Digest(digest(2))).expect("back").head;
    assert_eq!(head.digest, digest(2));
}

#[test]
fn a_chain_takes_only_what_the_channel_before_it_runs() {
    let world = World::new();
    let promote = |channel, n: u64, from, within| {
        let digest = digest(n);
        let base = world.base(channel);
        let promote = Promote {
            channel,
            digest: &digest,
            from,
            confirm_within: within,
            ..Promote::default()
        };
        world.channels().promote(base.as_ref(), &promote)
    };
    let from = Some("lab");
    assert!(matches!(
        refused(promote("production", 1, from, None)),
        Refusal::NotFrom { .. }
    ));
    promote("lab", 1, None, None).expect("promoted");
    promote("production", 1, from, None).expect("promoted");
    promote("lab", 2, None, Some(60)).expect("promoted");
    let refusal = refused(promote("production", 2, from, None));
    assert!(matches!(refusal, Refusal::FromPending { .. }));
    world.clock.pass(60);
    let refusal = refused(promote("production", 2, from, None));
    assert!(
        refusal.to_string().contains("channel lab runs"),
        "{refusal}"
    );
}

#[test]
fn a_write_that_was_done_is_told_as_done() {
    for lie in [Lie::DoneAndFails, Lie::DoneTwice, Lie::NoJournal] {
        let world = World::new();
        world.promote(1);
        world.store.lie(lie);
        let done = world.promote(2);
        assert!(done.changed, "{lie:?}");
        assert_eq!(world.now().txn, done.head.txn, "{lie:?}");
        let journal = world.channels().journal("production").expect("read");
        assert_eq!(journal.last_head().expect("a head").txn, done.head.txn);
        assert_eq!(journal.entries.len(), 2, "{lie:?}");
    }
    let world = World::new();
    world.promote(1);
    world.store.lie(Lie::Fails);
    assert!(matches!(
        world.try_promote(2, None),
        Err(ChannelError::Store(_))
    ));
    assert_eq!(world.now().seq, 1);
    world.store.lie(Lie::DoneAndGone);
    let error = world.try_promote(2, None).expect_err("unknown").to_string();
    assert!(error.contains("may or may not"), "{error}");
    world.store.blind(false);
    assert_eq!(world.now().seq, 2);
}

#[test]
fn what_a_dead_process_did_not_write_down_is_written_down() {
    let world = World::new();
    world.promote(1);
    world.store.lie(Lie::NoJournal);
    assert!(world.promote(2).notice.is_some());
    world.base("production");
    let journal = world.channels().journal("production").expect("read");
    let last = journal.entries.last().expect("an entry");
    assert_eq!(
        (last.outcome, last.to.clone()),
        (Outcome::Recovered, Some(digest(2)))
    );
    assert_eq!(last.from, Some(digest(1)));
}

#[test]
fn refusals_are_written_down() {
    let world = World::new();
    world.promote(1);
    let why = "base-moved: too late";
    let action = weir_schemas::head::Action::Promote;
    world
        .channels()
        .refuse("production", action, Some(&digest(2)), why);
    let journal = world.channels().journal("production").expect("read");
    let last = journal.entries.last().expect("an entry");
    assert_eq!(
        (last.outcome, last.reason.as_str()),
        (Outcome::Refused, why)
    );
    assert_eq!((&last.from, &last.to), (&Some(digest(1)), &Some(digest(2))));
}

#[test]
fn an_artifact_that_is_not_there_is_not_promoted() {
    let world = World::new();
    let refusal = refused(world.try_promote(77, None));
    assert!(matches!(refusal, Refusal::Gone { .. }));
}

#[test]
fn a_signature_that_cannot_be_made_changes_nothing() {
    let world = World::new();
    let sign = |_: &str| Err("no such key".to_owned());
    let channels = Channels {
        sign: Some(&sign),
        ..world.channels()
    };
    let digest = digest(1);
    let promote = Promote {
        channel: "production",
        digest: &digest,
        ..Promote::default()
    };
    let error = channels.promote(None, &promote).expect_err("refused");
    assert!(error.to_string().contains("no such key"), "{error}");
    assert_eq!(world.base("production"), None);
}

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Promote(u64),
    Pend(u64, u64),
    Confirm,
    Rollback(u64),
    Resume,
    Pass(u64),
    Reboot,
    Collect,
    Lie(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..=70u64).prop_map(Step::Promote),
        3 => ((1..=70u64), (1..100u64)).prop_map(|(n, within)| Step::Pend(n, within)),
        2 => Just(Step::Confirm),
        2 => (0..5u64).prop_map(Step::Rollback),
        1 => Just(Step::Resume),
        3 => (0..80u64).prop_map(Step::Pass),
        1 => Just(Step::Reboot),
        1 => Just(Step::Collect),
        1 => (0..4u8).prop_map(Step::Lie),
    ]
}

/// What a channel is, without a store: who runs, until when, and what ran.
#[derive(Default, Debug)]
struct Model {
    seq: u64,
    /// Digest number by generation.
    ran: Vec<u64>,
    deadline: Option<u64>,
    held: bool,
}

impl Model {
    fn go(&mut self, n: u64, held: bool, deadline: Option<u64>) {
        self.seq += 1;
        self.ran.push(n);
        self.held = held;
        self.deadline = deadline;
    }

    fn runs(&self) -> Option<u64> {
        self.ran.last().copied()
    }

    fn settle(&mut self, now: u64) {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            let parent = self.ran[self.ran.len() - 2];
            self.go(parent, true, None);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any history: the channel is what a model says it is, history is linear, and nothing that is needed is
    /// collected.
    #[test]
    fn random_histories_agree_with_a_model(steps in prop::collection::vec(step(), 1..60)) {
        let world = World::new();
        (1..=200).for_each(|n| world.store.store(&digest(n), n));
        let mut model = Model::default();
        let mut pinned = Vec::new();
        for step in steps {
            let now = world.clock.since_boot_ms.get();
            match step {
                Step::Promote(n) => {
                    model.settle(now);
                    let there = super::Backend::artifacts(&world.store).expect("listed").iter().any(|s| s.digest == digest(n));
                    let done = world.try_promote(n, None);
                    if model.deadline.is_some() {
                        prop_assert!(matches!(refused(done), Refusal::Pending(_)));
                    } else if model.runs() == Some(n) && !model.held {
                        prop_assert!(!done.expect("the same").changed);
                    } else if !there {
                        let gone = matches!(refused(done), Refusal::Gone { .. });
                        prop_assert!(gone);
                    } else if let Ok(done) = done {
                        prop_assert!(done.changed);
                        model.go(n, false, None);
                    }
                }
                Step::Pend(n, within) => {
                    model.settle(now);
                    if let Ok(done) = world.try_promote(n, Some(within)) && done.changed {
                        prop_assert!(model.deadline.is_none());
                        model.go(n, false, Some(now + within * 1000));
                    }
                }
                Step::Confirm => {
                    model.settle(now);
                    let done = world.channels().confirm("production");
                    prop_assert_eq!(done.is_ok(), model.deadline.is_some());
                    model.deadline = None;
                }
                Step::Rollback(steps) => {
                    model.settle(now);
                    let at = model.ran.len().checked_sub(steps as usize + 1);
                    match world.rollback(&Back::Steps(steps)) {
                        Ok(done) => {
                            let want = model.ran[at.expect("there is such a generation")];
                            prop_assert_eq!(done.head.digest, digest(want));
                            model.go(want, true, None);
                        }
                        Err(_) => prop_assert!(steps == 0 || at.is_none()),
                    }
                }
                Step::Resume => {
                    model.settle(now);
                    let done = world.channels().resume("production", "");
                    prop_assert_eq!(done.is_ok(), model.held);
                    model.held = false;
                }
                Step::Pass(seconds) => world.clock.pass(seconds),
                Step::Reboot => {
                    world.clock.reboot();
                    if model.deadline.is_some() {
                        model.deadline = Some(0);
                    }
                }
                Step::Collect => {
                    let any = digest(7);
                    super::Backend::pin(&world.store, &any, true).expect("pinned");
                    pinned.push(any);
                    let before: Vec<String> = super::Backend::artifacts(&world.store).expect("listed").into_iter().map(|s| s.digest).collect();
                    let removed = world.channels().collect(0, false).expect("collected");
                    let left = before.len() - removed.len();
                    prop_assert!(left >= KEPT.min(before.len()));
                    for gone in &removed {
                        prop_assert!(!pinned.contains(gone));
                        let recent = model.ran.iter().rev().take(KEPT);
                        prop_assert!(recent.into_iter().all(|n| &digest(*n) != gone), "a generation was collected");
                    }
                }
                Step::Lie(n) => world.store.lie([Lie::Honest, Lie::DoneAndFails, Lie::DoneTwice, Lie::NoJournal][n as usize]),
            }
            let now = world.clock.since_boot_ms.get();
            model.settle(now);
            let head = world.base("production").map(|k| k.head);
            prop_assert_eq!(head.as_ref().map(|h| h.digest.clone()), model.runs().map(digest));
            prop_assert_eq!(head.as_ref().map_or(0, |h| h.seq), model.seq);
            prop_assert_eq!(head.as_ref().is_some_and(|h| h.hold.is_some()), model.held);
        }
        // The journal tells the same story, each head once, in order.
        let journal = world.channels().journal("production").expect("read");
        prop_assert!(journal.faults.is_empty());
        let heads: Vec<&Head> = journal.entries.iter().filter_map(|e| e.head.as_ref()).collect();
        for pair in heads.windows(2) {
            prop_assert_eq!(pair[1].replaced.as_ref(), Some(&pair[0].txn));
            prop_assert!(pair[1].seq >= pair[0].seq);
        }
    }
}
