//! `queue-plan.json` (`weir.queue-plan/1`): every HTB class and leaf with its final numbers, one class a line.
//!
//! The only number made here is the quantum, the weight of a class. When leaves borrow, HTB serves them by
//! deficit round robin, and each sends its quantum in a turn: quanta in proportion to what subscribers bought
//! give shares in proportion. The kernel would make one from the guaranteed rate (rate / r2q), which says
//! nothing about the plan; LibreQoS makes it from the ceiling and an r2q grown until the whole link fits 60,000
//! bytes, which on a 10 Gbit/s link leaves every plan below 250 Mbit/s at the minimum, and so all of them equal.

use std::borrow::Cow;

use weir_schemas::Published as _;
use weir_schemas::queue_plan::{
    Class, Leaf, LeafQdisc, Mode, Qdiscs, Queue, QueuePlan, Shaper, Target,
};

use crate::config::project::{self, ShaperMode};
use crate::emit::json::Document;
use crate::emit::view::View;
use crate::id::{CircuitIx, TreeIx};
use crate::ir::layout::{CircuitSlot, Slot};
use crate::ir::records::LeafKind;
use crate::ir::tree::Parent;
use crate::units::{Kbps, Pair};

/// One full Ethernet frame with a VLAN tag: with less, a class would need several turns for one packet.
const MIN_QUANTUM: u64 = 1_522;
/// So that one turn does not hold up the others for long: 4.8 ms of an access point with 100 Mbit/s.
const MAX_QUANTUM: u64 = 60_000;

/// Bytes that pass in one millisecond at this rate, within the bounds above. Plans from 12.2 to 480 Mbit/s keep
/// their proportions, and a round over `n` equal plans takes about `n` milliseconds of one of them.
fn quantum(rate: Kbps) -> u32 {
    // kbit/s are bits per millisecond.
    let bytes = (rate.0 / 8).clamp(MIN_QUANTUM, MAX_QUANTUM);
    u32::try_from(bytes).expect("bounded")
}

pub(super) fn emit(view: &View<'_>) -> Vec<u8> {
    let layout = view.stages.layout;
    let mut document = Document::new(QueuePlan::SCHEMA);
    document.value("target", &target(&view.stages.project.target));
    let queues: Vec<Queue> = (0..=u16::MAX)
        .zip(&layout.majors)
        .map(|(queue, majors)| Queue {
            queue,
            majors: [majors.down, majors.up],
            load_kbps: layout
                .load_kbps
                .get(usize::from(queue))
                .copied()
                .unwrap_or(0),
        })
        .collect();
    document.list("queues", &queues, |queue| *queue);
    let keys = Keys::new(view);
    let slots = slots(view);
    document.list("classes", &slots, |slot| class(view, &keys, *slot));
    document.finish()
}

/// How many classes and, per direction, leaf qdiscs the plan holds.
pub(super) fn size(view: &View<'_>) -> (u64, Pair<u64>) {
    let leaves = view
        .stages
        .layout
        .circuits
        .iter()
        .flatten()
        .fold(Pair::both(0), |sum, slot| {
            sum.zip(slot.handle, |n, handle| n + u64::from(handle != 0))
        });
    (slots(view).len() as u64, leaves)
}

fn target(target: &project::Target) -> Target<'_> {
    let qdisc = |kind: LeafKind| {
        Cow::Borrowed(if target.leaf == kind {
            target.qdisc.as_str()
        } else {
            kind.word()
        })
    };
    Target {
        name: target.name.as_deref().map(Cow::Borrowed),
        queues: target.queues,
        shaper: target.shaper.as_ref().map(shaper),
        qdiscs: Qdiscs {
            cake: qdisc(LeafKind::Cake),
            fq_codel: qdisc(LeafKind::FqCodel),
        },
        leaf_fallback: target
            .leaf_fallback
            .iter()
            .map(|q| Cow::Borrowed(q.as_str()))
            .collect(),
    }
}

fn shaper(shaper: &project::Shaper) -> Shaper<'_> {
    let (mode, internet_vlan, network_vlan) = match shaper.mode {
        ShaperMode::Bridge => (Mode::Bridge, None, None),
        ShaperMode::Stick {
            internet_vlan,
            network_vlan,
        } => (Mode::Stick, Some(internet_vlan), Some(network_vlan)),
    };
    Shaper {
        mode,
        to_internet: Cow::Borrowed(&shaper.to_internet),
        to_network: Cow::Borrowed(&shaper.to_network),
        internet_vlan,
        network_vlan,
    }
}

/// Everything that has a class, in the order of keys: buckets, circuits, nodes. A layout that did not fit has
/// things without one; it is refused elsewhere.
fn slots(view: &View<'_>) -> Vec<Slot> {
    let layout = view.stages.layout;
    let mut nodes: Vec<TreeIx> = view
        .stages
        .tree
        .tree_ixs()
        .filter(|at| layout.node_minor[at.ix()] != 0)
        .collect();
    nodes.sort_unstable_by_key(|&at| view.stages.tree[at].node);
    let buckets = view
        .buckets
        .iter()
        .filter(|b| layout.bucket_minor[usize::from(b.number)] != 0)
        .map(|b| Slot::Bucket(b.number));
    let circuits = view
        .placed
        .iter()
        .filter(|p| layout.circuits[p.ix.ix()].is_some_and(|slot| slot.minor != 0))
        .map(|p| Slot::Circuit(p.ix));
    buckets
        .chain(circuits)
        .chain(nodes.into_iter().map(Slot::Node))
        .collect()
}

/// Keys of the classes that others hang under, made once.
struct Keys {
    nodes: Vec<String>,
    buckets: Vec<String>,
}

impl Keys {
    fn new(view: &View<'_>) -> Self {
        let last = view.buckets.iter().map(|b| b.number).max();
        let mut buckets = vec![String::new(); last.map_or(0, |n| usize::from(n) + 1)];
        for bucket in &view.buckets {
            buckets[usize::from(bucket.number)] =
                ["bucket:", view.bucket_name(bucket.number)].concat();
        }
        Keys {
            nodes: view
                .stages
                .tree
                .tree_ixs()
                .map(|at| ["node:", view.node_id(at)].concat())
                .collect(),
            buckets,
        }
    }

    fn parent(&self, parent: Parent) -> &str {
        match parent {
            Parent::Node(at) => &self.nodes[at.ix()],
            Parent::Bucket(number) => &self.buckets[usize::from(number)],
        }
    }
}

fn class<'v>(view: &View<'_>, keys: &'v Keys, slot: Slot) -> Class<'v> {
    match slot {
        Slot::Bucket(number) => bucket(view, keys, number),
        Slot::Circuit(ix) => circuit(view, keys, ix),
        Slot::Node(at) => node(view, keys, at),
    }
}

fn bucket<'v>(view: &View<'_>, keys: &'v Keys, number: u16) -> Class<'v> {
    let cap = view.stages.tree.evidence.bucket_cap;
    Class {
        key: Cow::Borrowed(keys.parent(Parent::Bucket(number))),
        parent: None,
        queue: number,
        minor: view.stages.layout.bucket_minor[usize::from(number)],
        rate_kbps: cap.array(),
        ceil_kbps: cap.array(),
        quantum: quanta(cap),
        burst_bytes: None,
        leaf: None,
    }
}

fn node<'v>(view: &View<'_>, keys: &'v Keys, at: TreeIx) -> Class<'v> {
    let node = &view.stages.tree[at];
    let layout = view.stages.layout;
    Class {
        key: Cow::Borrowed(keys.parent(Parent::Node(at))),
        parent: node
            .parent
            .map(|p| Cow::Borrowed(keys.parent(Parent::Node(p)))),
        queue: layout.node_queue[at.ix()],
        minor: layout.node_minor[at.ix()],
        rate_kbps: node.htb_rate.array(),
        ceil_kbps: node.cap.array(),
        quantum: quanta(node.cap),
        burst_bytes: None,
        leaf: None,
    }
}

fn circuit<'v>(view: &View<'_>, keys: &'v Keys, ix: CircuitIx) -> Class<'v> {
    let source = &view.stages.inventory[ix];
    let (Some(place), Some(slot)) = (
        &view.stages.tree.circuits[ix.ix()],
        view.stages.layout.circuits[ix.ix()],
    ) else {
        unreachable!("only circuits with a place and a slot are asked for")
    };
    // A burst that counts as a rate is in the ceiling already.
    let burst = Some([source.burst_bytes.down, source.burst_bytes.up])
        .filter(|bytes| *bytes != [0, 0] && !view.stages.project.rates.add_burst);
    Class {
        key: Cow::Owned(["circuit:", &source.id].concat()),
        parent: Some(Cow::Borrowed(keys.parent(place.parent))),
        queue: slot.queue,
        minor: slot.minor,
        rate_kbps: place.min.array(),
        ceil_kbps: place.max.array(),
        // What was bought: an access point that cuts all its plans to the same ceiling still shares by plan.
        quantum: quanta(place.asked),
        burst_bytes: burst,
        leaf: Some(leaves(slot)),
    }
}

fn quanta(rates: Pair<Kbps>) -> [u32; 2] {
    [quantum(rates.down), quantum(rates.up)]
}

fn leaves(slot: CircuitSlot) -> [Option<Leaf>; 2] {
    let leaf = |kind, handle| {
        let qdisc = match kind {
            LeafKind::Cake => LeafQdisc::Cake,
            LeafKind::FqCodel => LeafQdisc::FqCodel,
            LeafKind::None => return None,
        };
        Some(Leaf { qdisc, handle })
    };
    [
        leaf(slot.leaf.down, slot.handle.down),
        leaf(slot.leaf.up, slot.handle.up),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantum_is_a_millisecond_of_the_plan_within_bounds() {
        for (kbps, want) in [
            (0, 1_522),
            (10_000, 1_522),
            (25_000, 3_125),
            (100_000, 12_500),
            (480_000, 60_000),
            (10_000_000, 60_000),
            (u64::MAX, 60_000),
        ] {
            assert_eq!(quantum(Kbps(kbps)), want, "{kbps}");
        }
    }
}
