//! What is left out of planning makes no difference: the plan of the rest is the plan of the whole, on random
//! generations, on kernels that somebody damaged, and on plans that nobody should have made.

use proptest::prelude::*;
use weir_abi::ClassId;

use super::random::{DEVICES, Network, QUEUES, Random};
use super::*;
use crate::order::plan_whole;
use crate::settled::rest;
use crate::{Options, plan};

fn kernel(wanted: &Wanted) -> ModelKernel {
    let mut kernel = ModelKernel::new(DEVICES.map(|name| (name, u32::from(QUEUES))));
    to(&mut kernel, wanted, None);
    kernel
}

fn to(kernel: &mut ModelKernel, wanted: &Wanted, previous: Option<&Wanted>) {
    kernel.register(wanted);
    let seen = observe(kernel);
    for step in plan(&seen, wanted, previous, Options::default())
        .unwrap()
        .steps
    {
        kernel.apply(&step.action).unwrap();
    }
}

fn observe(kernel: &ModelKernel) -> Observation {
    let devices: Vec<Device> = kernel.interfaces.keys().cloned().collect();
    kernel.observe(&devices)
}

/// What somebody may have done to a class in the kernel.
fn damage(kernel: &mut ModelKernel, random: &mut Random) {
    let interface = kernel
        .interfaces
        .get_mut(DEVICES[random.below(2) as usize])
        .unwrap();
    let ids: Vec<ClassId> = interface.classes.keys().copied().collect();
    let Some(&id) = ids.get(random.below(ids.len() as u64) as usize) else {
        return;
    };
    let other = ids[random.below(ids.len() as u64) as usize];
    match random.below(7) {
        0 => interface.classes.get_mut(&id).unwrap().shape.ceil_kbps += 7,
        1 => interface.classes.get_mut(&id).unwrap().parent = None,
        2 if !interface.has_children(id) => {
            interface.classes.remove(&id);
        }
        3 => {
            let mut extra = interface.classes[&id].clone();
            extra.leaf = None;
            // Also below a circuit.
            extra.parent = Some(other);
            let extra_id = ClassId::new(id.major(), 0x9000);
            interface.classes.insert(extra_id, extra);
        }
        4 => interface.classes.get_mut(&id).unwrap().leaf = None,
        5 => interface.classes.get_mut(&id).unwrap().shape.quantum += 1,
        _ => interface.classes.get_mut(&id).unwrap().shape.burst += 4000,
    }
}

/// What a plan should not have, and a planner may be given all the same.
fn distort(wanted: &mut Wanted, random: &mut Random) {
    let at = random.below(wanted.interfaces.len() as u64) as usize;
    let classes = &mut wanted.interfaces[at].classes;
    if classes.is_empty() {
        return;
    }
    let one = random.below(classes.len() as u64) as usize;
    let two = random.below(classes.len() as u64) as usize;
    match random.below(5) {
        // More guarantees than there is room.
        0 => classes[one].shape.rate_kbps *= 50,
        1 => classes[one].leaf = classes[two].leaf.clone(),
        2 => classes[one].id = classes[two].id,
        // Parents come first: `Wanted::of` makes no cycle.
        3 if two < one => classes[one].parent = Some(classes[two].id),
        _ => classes[one].shape.burst = 12_345,
    }
}

fn same(seen: &Observation, wanted: &Wanted, previous: Option<&Wanted>) -> u64 {
    let whole = plan_whole(seen, wanted, previous, Options::default());
    assert_eq!(plan(seen, wanted, previous, Options::default()), whole);
    rest(seen, wanted, previous).map_or(0, |rest| rest.settled)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_plan_of_the_rest_is_the_plan_of_the_whole(
        seed in any::<u64>(),
        circuits in 0..60_u64,
        changes in 0..4_u64,
        damaged in 0..3_u64,
        known in any::<bool>(),
    ) {
        let mut random = Random(seed ^ 1);
        let mut network = Network::new(seed, circuits);
        let first = network.wanted();
        let mut kernel = kernel(&first);
        network.change(changes);
        let second = network.wanted();
        let previous = |of| Some(of).filter(|_| known);
        same(&observe(&kernel), &second, previous(&first));
        // With classes of a generation before it, and what somebody did.
        to(&mut kernel, &second, Some(&first));
        network.change(changes);
        let third = network.wanted();
        for _ in 0..damaged {
            damage(&mut kernel, &mut random);
        }
        let seen = observe(&kernel);
        same(&seen, &third, previous(&second));
        same(&seen, &second, previous(&second));
        same(&seen, &first, previous(&second));
    }

    /// A broken plan is refused, or made, in the same way.
    #[test]
    fn plans_that_do_not_verify_are_judged_as_a_whole(seed in any::<u64>(), circuits in 1..20_u64) {
        let mut random = Random(seed ^ 2);
        let mut network = Network::new(seed, circuits);
        let first = network.wanted();
        let kernel = kernel(&first);
        network.change(1);
        let mut second = network.wanted();
        distort(&mut second, &mut random);
        same(&observe(&kernel), &second, Some(&first));
    }
}

/// One circuit of many: everything is left out but it and what is above it, on the interface where it changes.
#[test]
fn one_rate_leaves_a_chain_of_classes() {
    let mut network = Network::new(11, 200);
    let first = network.wanted();
    let kernel = kernel(&first);
    let mut second = first.clone();
    second.digest = "a".repeat(64);
    let classes = &mut second.interfaces[0].classes;
    let circuit = classes.last_mut().unwrap();
    assert!(circuit.is_circuit());
    circuit.shape.quantum += 1;
    let circuit = circuit.clone();
    let seen = observe(&kernel);
    let rest = rest(&seen, &second, Some(&first)).unwrap();
    let mut chain = vec![circuit.id];
    let mut above = circuit.parent;
    while let Some(id) = above {
        chain.insert(0, id);
        let classes = &second.interfaces[0].classes;
        above = classes.iter().find(|c| c.id == id).unwrap().parent;
    }
    let left = |n: usize| rest.wanted.interfaces[n].classes.iter().map(|c| c.id);
    assert_eq!(left(0).collect::<Vec<_>>(), chain);
    assert_eq!(left(1).count(), 0);
    let there = rest.seen.interfaces.iter().find(|i| i.name == DEVICES[0]);
    assert_eq!(there.unwrap().classes.len(), chain.len());
    let all: usize = second.interfaces.iter().map(|i| i.classes.len()).sum();
    assert_eq!(rest.settled as usize, all - chain.len());
    same(&seen, &second, Some(&first));
}
