//! Laws of plans, on random pairs of generations.

use proptest::prelude::*;
use weir_abi::ClassId;

use super::random::{DEVICES, Network, QUEUES};
use super::*;
use crate::order::plan_whole;
use crate::steps::Plan;
use crate::{Options, Phase, Refusal, detach, differences, plan, reclaim, unmet};

fn devices(kernel: &ModelKernel) -> Vec<Device> {
    kernel.interfaces.keys().cloned().collect()
}

fn empty() -> ModelKernel {
    ModelKernel::new(DEVICES.map(|name| (name, u32::from(QUEUES))))
}

pub(super) fn run(kernel: &mut ModelKernel, plan: &Plan) {
    for step in &plan.steps {
        if let Err(error) = kernel.apply(&step.action) {
            panic!("{}: {error}\n{plan}", step.action);
        }
    }
}

/// A kernel with this generation and nothing else.
fn loaded(wanted: &Wanted) -> ModelKernel {
    let mut kernel = empty();
    kernel.register(wanted);
    swap(&mut kernel, wanted, None);
    kernel
}

fn swap(kernel: &mut ModelKernel, wanted: &Wanted, previous: Option<&Wanted>) -> Plan {
    kernel.register(wanted);
    let seen = kernel.observe(&devices(kernel));
    let plan = plan(&seen, wanted, previous, Options::default()).unwrap();
    run(kernel, &plan);
    let seen = kernel.observe(&devices(kernel));
    assert_eq!(unmet(&seen, plan.steps.iter().map(|s| &s.action)), []);
    plan
}

/// What undoing has to restore: all but packets and what nobody sees.
fn structure(kernel: &ModelKernel) -> Observation {
    let mut seen = kernel.observe(&devices(kernel));
    for class in seen.interfaces.iter_mut().flat_map(|i| &mut i.classes) {
        class.stats = Stats::default();
    }
    if seen.tables.active.is_none() {
        seen.tables.active = Some(Active::Nothing);
        seen.tables.slots = vec![None; SLOTS as usize];
    }
    seen
}

pub(super) fn is_exactly(kernel: &ModelKernel, wanted: &Wanted, kept: &[&Wanted]) {
    let seen = kernel.observe(&devices(kernel));
    assert_eq!(differences(&seen, wanted, kept), []);
}

/// Every law, on the way from `start` to `after`.
pub(super) fn laws(
    start: &ModelKernel,
    before: Option<&Wanted>,
    after: &Wanted,
    older: Option<&Wanted>,
) -> Plan {
    let mut start = start.clone();
    start.register(after);
    start.fill(5);
    let seen = start.observe(&devices(&start));
    let made = plan(&seen, after, before, Options::default()).unwrap();
    assert_eq!(
        plan(&seen, after, before, Options::default()).unwrap(),
        made,
        "the same again"
    );
    assert_eq!(
        plan_whole(&seen, after, before, Options::default()).unwrap(),
        made,
        "looking at every class"
    );
    assert!(made.steps.is_sorted_by_key(|step| step.phase), "{made}");

    let mut kernel = start.clone();
    for done in 0..=made.steps.len() {
        let context = || format!("after {done} steps of\n{made}");
        assert_eq!(kernel.broken(), Vec::<String>::new(), "{}", context());

        // Back, from here.
        let mut back = kernel.clone();
        for step in made.steps[..done].iter().rev() {
            for action in &step.undo {
                if let Err(error) = back.apply(action) {
                    panic!("undo: {action}: {error}\n{}", context());
                }
                assert_eq!(
                    back.broken(),
                    Vec::<String>::new(),
                    "undo {action}, {}",
                    context()
                );
            }
        }
        assert_eq!(structure(&back), structure(&start), "{}", context());

        // Of many steps not each: the time grows with their square.
        let early = made
            .steps
            .get(done)
            .is_some_and(|step| step.phase <= Phase::Prepare);
        if early && done % (1 + made.steps.len() / 30) != 0 {
            kernel.apply(&made.steps[done].action).unwrap();
            continue;
        }

        // Forward again, from here, by a plan that knows only what it sees.
        let seen = kernel.observe(&devices(&kernel));
        let active = seen.tables.digest().map(str::to_owned);
        let known = [before, Some(after)].into_iter().flatten();
        let active = known
            .into_iter()
            .find(|w| Some(&w.digest) == active.as_ref());
        for to in [Some(after), before].into_iter().flatten() {
            let mut again = kernel.clone();
            let plan = plan(&seen, to, active, Options::default()).unwrap();
            run(&mut again, &plan);
            let plan = reclaim(&again.observe(&devices(&again)), &[to]);
            run(&mut again, &plan);
            is_exactly(&again, to, &[]);
            assert_eq!(again.broken(), Vec::<String>::new(), "{}", context());
        }

        if let Some(step) = made.steps.get(done)
            && let Err(error) = kernel.apply(&step.action)
        {
            panic!("{}: {error}\n{}", step.action, context());
        }
    }
    let kept: Vec<&Wanted> = before.into_iter().chain(older).collect();
    is_exactly(&kernel, after, &kept);
    made
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn at_every_step_packets_have_a_whole_generation_and_ceilings_hold(
        seed in any::<u64>(),
        circuits in 0..14_u64,
        changes in 0..8_u64,
    ) {
        let mut network = Network::new(seed, circuits);
        let first = network.wanted();
        laws(&empty(), None, &first, None);
        let mut kernel = loaded(&first);
        network.change(changes);
        let second = network.wanted();
        laws(&kernel, Some(&first), &second, None);

        // Going back while the old classes are kept makes nothing.
        swap(&mut kernel, &second, Some(&first));
        let back = laws(&kernel, Some(&second), &first, None);
        for step in &back.steps {
            let makes = matches!(step.action, Action::AddClass { .. } | Action::LoadTable { .. });
            prop_assert!(!makes, "{back}");
        }

        // On, with classes of two generations there.
        network.change(changes);
        let third = network.wanted();
        laws(&kernel, Some(&second), &third, Some(&first));
    }

    /// Whoever does not know what is active takes everything for used, and arrives all the same.
    #[test]
    fn without_knowing_the_generation_before(seed in any::<u64>(), changes in 0..8_u64) {
        let mut network = Network::new(seed, 10);
        let first = network.wanted();
        let mut kernel = loaded(&first);
        kernel.fill(3);
        network.change(changes);
        let second = network.wanted();
        kernel.register(&second);
        let seen = kernel.observe(&devices(&kernel));
        let made = plan(&seen, &second, None, Options::default()).unwrap();
        for step in &made.steps {
            kernel.apply(&step.action).unwrap();
            prop_assert_eq!(kernel.broken(), Vec::<String>::new(), "{}", made);
        }
        is_exactly(&kernel, &second, &[&first]);
    }

    /// Whatever somebody did to classes: the plan repairs it, and says what it found.
    #[test]
    fn drift_is_repaired(seed in any::<u64>(), damage in 1..6_u64) {
        let mut network = Network::new(seed, 12);
        let wanted = network.wanted();
        let mut kernel = loaded(&wanted);
        let mut random = super::random::Random(seed ^ 1);
        for _ in 0..damage {
            let device = DEVICES[random.below(2) as usize];
            let interface = kernel.interfaces.get_mut(device).unwrap();
            let ids: Vec<ClassId> = interface.classes.keys().copied().collect();
            let Some(&id) = ids.get(random.below(ids.len() as u64) as usize) else { continue };
            match random.below(5) {
                0 => {
                    interface.classes.get_mut(&id).unwrap().shape.ceil_kbps += 7;
                }
                1 => {
                    interface.classes.get_mut(&id).unwrap().parent = None;
                }
                2 if !interface.has_children(id) => {
                    interface.classes.remove(&id);
                }
                3 => {
                    let mut extra = interface.classes[&id].clone();
                    extra.leaf = None;
                    extra.parent = None;
                    interface.classes.insert(ClassId::new(id.major(), 0x9000), extra);
                }
                _ => {
                    interface.classes.get_mut(&id).unwrap().leaf = None;
                }
            }
        }
        let seen = kernel.observe(&devices(&kernel));
        let found = differences(&seen, &wanted, &[]);
        let made = plan(&seen, &wanted, Some(&wanted), Options::default()).unwrap();
        run(&mut kernel, &made);
        let clean = reclaim(&kernel.observe(&devices(&kernel)), &[&wanted]);
        run(&mut kernel, &clean);
        is_exactly(&kernel, &wanted, &[]);
        prop_assert_eq!(kernel.broken(), Vec::<String>::new());
        prop_assert_eq!(found.is_empty(), made.steps.is_empty() && clean.steps.is_empty());
        let moved = made.steps.iter().any(|step| step.phase == Phase::Flip);
        prop_assert!(!moved, "nobody's table changes");
    }

    #[test]
    fn what_is_detached_leaves_nothing(seed in any::<u64>()) {
        let mut network = Network::new(seed, 6);
        let mut kernel = loaded(&network.wanted());
        let made = detach(&kernel.observe(&devices(&kernel)));
        run(&mut kernel, &made);
        let mut untouched = structure(&empty());
        untouched.tables = kernel.tables.clone();
        prop_assert_eq!(structure(&kernel), untouched);
        prop_assert_eq!(kernel.tables.active, Some(Active::Nothing));
        prop_assert!(kernel.tables.slots.iter().all(Option::is_none));
        prop_assert_eq!(detach(&kernel.observe(&devices(&kernel))).steps, []);
    }
}

#[test]
fn nothing_to_do_is_an_empty_plan() {
    let mut network = Network::new(7, 10);
    let wanted = network.wanted();
    let kernel = loaded(&wanted);
    let seen = kernel.observe(&devices(&kernel));
    let made = plan(&seen, &wanted, Some(&wanted), Options::default()).unwrap();
    assert_eq!((made.steps.len(), made.changes.len()), (0, 0));
    assert!(made.unchanged > 0);
}

/// A change of rates, and one of addresses only, lose no packet that waits.
#[test]
fn rates_change_without_a_loss() {
    let mut network = Network::new(7, 10);
    let first = network.wanted();
    let mut kernel = loaded(&first);
    kernel.fill(9);
    let mut second = first.clone();
    second.digest = "f".repeat(64);
    for class in second.interfaces.iter_mut().flat_map(|i| &mut i.classes) {
        class.shape.ceil_kbps *= 2;
        if class.parent.is_none() {
            class.shape.rate_kbps *= 2;
        }
    }
    let made = swap(&mut kernel, &second, Some(&first));
    assert_eq!(kernel.dropped, 0);
    assert!(made.changes.iter().all(|c| c.disruption.word() == "rate"));
}

fn renumbered() -> (ModelKernel, Wanted, Wanted) {
    let mut network = Network::new(3, 12);
    let first = network.wanted();
    let kernel = loaded(&first);
    // A class of both, under another parent, with its old number.
    let mut second = first.clone();
    second.digest = "e".repeat(64);
    for interface in &mut second.interfaces {
        let inner: Vec<ClassId> = (interface.classes.iter())
            .filter(|c| !c.is_circuit())
            .map(|c| c.id)
            .collect();
        let moved = (interface.classes.iter_mut()).find(|class| {
            let other =
                |id: &&ClassId| Some(**id) != class.parent && id.major() == class.id.major();
            class.is_circuit() && class.parent.is_some() && inner.iter().any(|id| other(&id))
        });
        let moved = moved.expect("a network with two nodes in a queue");
        let other = inner
            .iter()
            .find(|id| Some(**id) != moved.parent && id.major() == moved.id.major());
        moved.parent = other.copied();
        interface
            .classes
            .sort_by_key(|class| (class.is_circuit(), class.parent.is_some()));
    }
    (kernel, first, second)
}

#[test]
fn a_number_that_shapes_elsewhere_is_refused_or_passes_unshaped() {
    let (mut kernel, first, second) = renumbered();
    kernel.register(&second);
    let seen = kernel.observe(&devices(&kernel));
    let refused = plan(&seen, &second, Some(&first), Options::default()).unwrap_err();
    assert!(
        refused
            .reasons
            .iter()
            .all(|r| matches!(r, Refusal::Renumber { .. })),
        "{refused}"
    );
    assert!(refused.to_string().contains("--previous"), "{refused}");

    let options = Options {
        allow_unshaped: true,
    };
    let start = structure(&kernel);
    let made = plan(&seen, &second, Some(&first), options).unwrap();
    assert!(made.unshaped);
    assert!(made.to_string().contains("unshaped until the flip"));
    let mut done = kernel.clone();
    run(&mut done, &made);
    let clean = reclaim(&done.observe(&devices(&done)), &[&second]);
    run(&mut done, &clean);
    is_exactly(&done, &second, &[]);
    // And back from the middle of it.
    let middle = made.steps.len() / 2;
    for step in &made.steps[..middle] {
        kernel.apply(&step.action).unwrap();
    }
    for action in made.steps[..middle].iter().rev().flat_map(|s| &s.undo) {
        kernel.apply(action).unwrap();
    }
    assert_eq!(structure(&kernel), start);
}

#[test]
fn what_others_made_is_never_touched() {
    let mut network = Network::new(5, 4);
    let wanted = network.wanted();
    let foreign = [
        // LibreQoS: the same root, and HTBs with a default class.
        vec![
            qdisc("mq", MQ_HANDLE, Parent::Root, ""),
            qdisc(
                "htb",
                1,
                Parent::Class(ClassId::new(MQ_HANDLE, 1)),
                "default 2",
            ),
        ],
        vec![qdisc("htb", 1, Parent::Root, "default 30")],
        vec![qdisc("fq_codel", 0x8001, Parent::Root, "")],
        vec![qdisc("mq", 0x8001, Parent::Root, "")],
    ];
    for qdiscs in foreign {
        let mut kernel = empty();
        kernel.register(&wanted);
        kernel.interfaces.get_mut(DEVICES[0]).unwrap().qdiscs = qdiscs;
        let seen = kernel.observe(&devices(&kernel));
        let refused = plan(&seen, &wanted, None, Options::default()).unwrap_err();
        assert!(
            matches!(refused.reasons[..], [Refusal::Foreign { .. }]),
            "{refused}"
        );
        assert!(
            refused.to_string().contains("tc qdisc del dev net0 root"),
            "{refused}"
        );
        // Allowing an unshaped swap does not allow that.
        let options = Options {
            allow_unshaped: true,
        };
        assert!(plan(&seen, &wanted, None, options).is_err());
        assert_eq!(detach(&seen).steps, []);
        assert_eq!(reclaim(&seen, &[]).steps, []);
    }

    // Under our own root, beside our HTBs.
    let mut kernel = loaded(&wanted);
    let under = Parent::Class(ClassId::new(MQ_HANDLE, 2));
    let net = kernel.interfaces.get_mut(DEVICES[0]).unwrap();
    net.qdiscs.retain(|q| q.parent != under);
    net.classes.retain(|id, _| id.major() == 1);
    net.qdiscs.push(qdisc("pfifo", 0x44, under, ""));
    let seen = kernel.observe(&devices(&kernel));
    let refused = plan(&seen, &wanted, Some(&wanted), Options::default()).unwrap_err();
    assert!(refused.to_string().contains("parent 7fff:2"), "{refused}");
    let removed = |plan: &Plan| {
        (plan.steps.iter())
            .any(|s| matches!(&s.action, Action::RemoveMq { device } if device == "net0"))
    };
    assert!(!removed(&detach(&seen)), "it hangs there");
}

#[test]
fn an_interface_that_cannot_take_the_plan_is_named() {
    let mut network = Network::new(5, 4);
    let wanted = network.wanted();
    let mut kernel = empty();
    kernel.register(&wanted);
    kernel.interfaces.remove(DEVICES[0]);
    kernel.interfaces.get_mut(DEVICES[1]).unwrap().tx_queues = 1;
    let seen = kernel.observe(&devices(&kernel));
    let refused = plan(&seen, &wanted, None, Options::default()).unwrap_err();
    assert!(
        matches!(
            refused.reasons[..],
            [
                Refusal::NoInterface { .. },
                Refusal::TxQueues {
                    has: 1,
                    needs: 2,
                    ..
                }
            ]
        ),
        "{refused}"
    );
}

/// The box gets another card towards the internet: the old one is left before the flip, and emptied after it.
#[test]
fn an_interface_that_is_not_used_any_more_is_left() {
    let mut network = Network::new(5, 6);
    let first = network.wanted();
    let mut kernel =
        ModelKernel::new([DEVICES[0], DEVICES[1], "inet1"].map(|name| (name, u32::from(QUEUES))));
    kernel.register(&first);
    swap(&mut kernel, &first, None);
    let mut second = first.clone();
    second.digest = "c".repeat(64);
    second.interfaces[1].name = "inet1".to_owned();
    laws(&kernel, Some(&first), &second, None);
    swap(&mut kernel, &second, Some(&first));
    assert_eq!(kernel.interfaces[DEVICES[1]].program, None);
    let clean = reclaim(&kernel.observe(&devices(&kernel)), &[&second]);
    run(&mut kernel, &clean);
    let left = &kernel.interfaces[DEVICES[1]];
    assert!(left.classes.is_empty() && left.qdiscs.iter().all(|q| q.handle == 0));
}

/// With one tx queue there is no `mq`: the HTB is the root. An HTB that is there without our maps is not ours.
#[test]
fn one_tx_queue_has_the_htb_at_its_root() {
    let mut network = Network::new(5, 6);
    let mut wanted = network.wanted();
    wanted.interfaces.truncate(1);
    let interface = &mut wanted.interfaces[0];
    interface.htbs.truncate(1);
    interface.classes.retain(|class| class.id.major() == 1);
    let mut kernel = ModelKernel::new([(DEVICES[0], 1)]);
    kernel.register(&wanted);
    let devices = devices(&kernel);
    let made = plan(&kernel.observe(&devices), &wanted, None, Options::default()).unwrap();
    run(&mut kernel, &made);
    let seen = kernel.observe(&devices);
    assert_eq!(differences(&seen, &wanted, &[]), []);

    kernel.tables = Tables::default();
    let seen = kernel.observe(&devices);
    let refused = plan(&seen, &wanted, None, Options::default()).unwrap_err();
    assert!(
        matches!(refused.reasons[..], [Refusal::Foreign { .. }]),
        "{refused}"
    );
}

#[test]
fn the_model_has_the_traps_of_the_kernel() {
    let mut kernel = empty();
    let device = || DEVICES[0].to_owned();
    let id = |minor| ClassId::new(1, minor);
    let shape = Shape {
        rate_kbps: 10,
        ceil_kbps: 10,
        quantum: 1522,
        burst: 0,
    };
    let add = |minor, parent| Action::AddClass {
        device: device(),
        id: id(minor),
        parent,
        shape,
    };
    kernel.apply(&Action::AddMq { device: device() }).unwrap();
    kernel
        .apply(&Action::AddHtb {
            device: device(),
            major: 1,
            parent: Parent::Class(ClassId::new(MQ_HANDLE, 1)),
        })
        .unwrap();
    kernel.apply(&add(3, Some(id(99)))).unwrap();
    assert_eq!(kernel.interfaces[DEVICES[0]].classes[&id(3)].parent, None);
    for minor in 4..=10 {
        kernel.apply(&add(minor, Some(id(minor - 1)))).unwrap();
    }
    assert!(
        kernel.apply(&add(11, Some(id(10)))).is_err(),
        "the ninth level"
    );
    let remove = |minor| Action::RemoveClass {
        device: device(),
        id: id(minor),
    };
    assert!(kernel.apply(&remove(3)).unwrap_err().starts_with("EBUSY"));
    kernel
        .apply(&Action::ChangeClass {
            device: device(),
            id: id(10),
            parent: Some(id(3)),
            shape,
        })
        .unwrap();
    assert_eq!(
        kernel.interfaces[DEVICES[0]].classes[&id(10)].parent,
        Some(id(9))
    );
    let net = kernel.interfaces.get_mut(DEVICES[0]).unwrap();
    net.classes.get_mut(&id(10)).unwrap().queued = 4;
    kernel.apply(&remove(10)).unwrap();
    assert_eq!(kernel.dropped, 4);
}
