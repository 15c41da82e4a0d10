//! `queue-plan.json` (`weir.queue-plan/1`): every HTB class and leaf with its final numbers, one class a line.
//!
//! The only number made here is the quantum, the weight of a class. When leaves borrow, HTB serves them by
//! deficit round robin, and each sends its quantum in a turn: quanta in proportion to what subscribers bought
//! give shares in proportion. The kernel would make one from the guaranteed rate (rate / r2q), which says
//! nothing about the plan; LibreQoS makes it from the ceiling and an r2q grown until the whole link fits 60,000
//! bytes, which on a 10 Gbit/s link leaves every plan below 250 Mbit/s at the minimum, and so all of them equal.

use std::borrow::Cow;
use std::collections::BTreeMap;

use weir_schemas::Published as _;
use weir_schemas::queue_plan::{
    Chosen, Class, Leaf, LeafQdisc, LinkDown, Mode, Qdiscs, Queue, QueuePlan, Resting, Shaper,
    Target,
};

use crate::config::project::{self, ShaperMode};
use crate::emit::json::Document;
use crate::emit::view::View;
use crate::id::{CircuitIx, NodeIx, TreeIx};
use crate::ir::graph::Choice;
use crate::ir::layout::{CircuitSlot, Slot};
use crate::ir::records::LeafKind;
use crate::ir::tree::{Parent, Strategy};
use crate::topology::class_key;
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

/// Whether this plan changes anything against the previous one: numbers rest in changes, not in builds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    None,
    Some,
}

pub(super) fn emit(view: &View<'_>, change: Change) -> Vec<u8> {
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
    memory(view, change, &mut document);
    document.finish()
}

/// What the next build remembers of this one.
fn memory(view: &View<'_>, change: Change, document: &mut Document) {
    let stages = view.stages;
    let inventory = stages.inventory;
    let known = |k: Kbps| (k != Kbps::UNLIMITED).then_some(k.0);
    document.list("chosen", &choices(view), |&(node, choice)| Chosen {
        node: Cow::Borrowed(&inventory[node].id),
        parent: Cow::Borrowed(choice.parent.id(inventory)),
        via: Cow::Owned(choice.via.id(inventory, node)),
        kbps: [known(choice.capacity.down), known(choice.capacity.up)],
        cost: choice.edge_cost,
    });
    document.list("links_down", &stages.graph.evidence.held, |held| LinkDown {
        link: Cow::Borrowed(&inventory[held.link].id),
        snapshots: held.snapshots,
        snapshot: Cow::Borrowed(&stages.graph.snapshot),
    });
    let resting = match change {
        Change::None => &stages.layout.resting_unchanged,
        Change::Some => &stages.layout.resting,
    };
    let handles = |map: &BTreeMap<u16, u8>| map.iter().map(|(h, left)| (*h, *left)).collect();
    document.value(
        "resting",
        &Resting {
            minors: resting
                .minors
                .iter()
                .map(|(&(queue, minor), &left)| (queue, minor, left))
                .collect(),
            download_handles: handles(&resting.handles.down),
            upload_handles: handles(&resting.handles.up),
        },
    );
}

/// The choices that decide where a shaped circuit hangs or what it gets, by node. Others are not remembered: a
/// node without subscribers must not make another payload.
fn choices<'a>(view: &View<'a>) -> Vec<(NodeIx, &'a Choice)> {
    let chosen = view.stages.chosen;
    let mut decides = vec![false; view.stages.inventory.nodes.len()];
    if view.stages.tree.strategy != Strategy::Flat {
        for placed in &view.placed {
            let mut at = placed.circuit.attach;
            while let Some(node) = at.filter(|node| !decides[node.ix()]) {
                decides[node.ix()] = true;
                let choice = chosen.choice[node.ix()].as_ref();
                at = choice.and_then(|choice| choice.parent.node());
            }
        }
    }
    view.stages
        .inventory
        .node_ixs()
        .zip(&chosen.choice)
        .filter(|(node, _)| decides[node.ix()])
        .filter_map(|(node, choice)| Some((node, choice.as_ref()?)))
        .collect()
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

fn key(view: &View<'_>, slot: Slot) -> String {
    class_key(view.stages.inventory, view.stages.tree, slot)
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
            buckets[usize::from(bucket.number)] = key(view, Slot::Bucket(bucket.number));
        }
        Keys {
            nodes: view
                .stages
                .tree
                .tree_ixs()
                .map(|at| key(view, Slot::Node(at)))
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
        key: Cow::Owned(key(view, Slot::Circuit(ix))),
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
