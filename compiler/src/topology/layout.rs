//! The queue layout: CPU queue, HTB class and leaf of everything in the tree. Nothing is left to choose at apply
//! time (topology.md 1.12, 4.5).

use std::cmp::Reverse;

use weir_abi as abi;

use super::place::Bins;
use crate::config::project::{Project, ShaperMode};
use crate::id::{CircuitIx, TreeIx};
use crate::ir::inventory::Inventory;
use crate::ir::layout::{CircuitSlot, LayoutEvidence, Overflow, QueueLayout};
use crate::ir::records::LeafKind;
use crate::ir::tree::{Parent, ShapingTree};
use crate::units::Pair;

pub fn layout(project: &Project, inventory: &Inventory, tree: &ShapingTree) -> QueueLayout {
    let queues = project.target.queues.max(1);
    let stick = project
        .target
        .shaper
        .as_ref()
        .is_some_and(|s| matches!(s.mode, ShaperMode::Stick { .. }));
    let mut evidence = LayoutEvidence::default();

    // Weights: sum of circuit maxima, both directions.
    let mut weight = vec![0u64; tree.nodes.len()];
    let mut load = vec![0u64; usize::from(queues)];
    let mut node_has_class = vec![false; tree.nodes.len()];
    let mut bucket_has_class = vec![false; usize::from(queues)];
    for (_, circuit) in tree.placed() {
        let max = circuit.max.total().0;
        match circuit.parent {
            Parent::Node(node) => {
                weight[node.ix()] += max;
                node_has_class[node.ix()] = true;
            }
            Parent::Bucket(bucket) => {
                load[usize::from(bucket)] += max;
                bucket_has_class[usize::from(bucket)] = true;
            }
        }
    }
    for at in tree.tree_ixs().rev() {
        if let Some(parent) = tree[at].parent {
            weight[parent.ix()] += weight[at.ix()];
            node_has_class[parent.ix()] |= node_has_class[at.ix()];
        }
    }

    // Top-level nodes, heaviest first, on top of the buckets.
    let mut items: Vec<(Reverse<u64>, TreeIx)> = tree
        .roots()
        .map(|at| (Reverse(weight[at.ix()]), at))
        .collect();
    items.sort_unstable_by_key(|(weight, at)| (*weight, tree[*at].node));
    let mut bins = Bins::with_load(&load);
    let mut node_queue = vec![0u16; tree.nodes.len()];
    for (Reverse(weight), at) in &items {
        let queue = bins.put(*weight);
        node_queue[at.ix()] = queue;
        load[usize::from(queue)] += weight;
    }
    for at in tree.tree_ixs() {
        if let Some(parent) = tree[at].parent {
            node_queue[at.ix()] = node_queue[parent.ix()];
        }
    }
    let fair = load.iter().sum::<u64>() / u64::from(queues);
    evidence.heavy = items
        .iter()
        .filter(|(Reverse(w), _)| queues > 1 && *w > fair.saturating_mul(3) / 2 && fair > 0)
        .map(|(Reverse(w), at)| (*at, *w))
        .collect();

    // Class minors: smallest free first; nodes by id, buckets, circuits by id.
    let mut used = vec![0usize; usize::from(queues)];
    let mut take = |queue: u16| -> u16 {
        let n = &mut used[usize::from(queue)];
        *n += 1;
        u16::try_from(*n - 1 + usize::from(abi::FIRST_MINOR))
            .ok()
            .filter(|minor| *minor <= abi::LAST_MINOR)
            .unwrap_or(0)
    };
    let mut by_id: Vec<TreeIx> = tree.tree_ixs().collect();
    by_id.sort_unstable_by_key(|at| tree[*at].node);
    let mut node_minor = vec![0u16; tree.nodes.len()];
    for at in by_id {
        if node_has_class[at.ix()] {
            node_minor[at.ix()] = take(node_queue[at.ix()]);
        }
    }
    let bucket_minor: Vec<u16> = (0..queues)
        .map(|b| {
            if bucket_has_class[usize::from(b)] {
                take(b)
            } else {
                0
            }
        })
        .collect();
    let mut handles = Handles::new(stick);
    let circuits: Vec<Option<CircuitSlot>> = tree
        .circuits
        .iter()
        .enumerate()
        .map(|(i, placed)| {
            let placed = placed.as_ref()?;
            let queue = match placed.parent {
                Parent::Node(node) => node_queue[node.ix()],
                Parent::Bucket(bucket) => bucket,
            };
            let wanted = inventory[CircuitIx::of(i)].leaf;
            let leaf = wanted.map(|l| l.unwrap_or(project.target.leaf));
            Some(CircuitSlot {
                queue,
                minor: take(queue),
                leaf,
                handle: handles.take(leaf),
            })
        })
        .collect();
    for (queue, &wanted) in used.iter().enumerate() {
        if wanted > abi::MAX_MINORS {
            evidence.overflow.push(Overflow::Minors {
                queue: queue as u16,
                wanted,
            });
        }
    }
    evidence.overflow.extend(handles.overflow());

    let sides = if stick { 2 } else { 1 };
    if usize::from(queues) * sides > abi::MAX_MAJORS {
        evidence.overflow.push(Overflow::Queues {
            wanted: queues,
            limit: (abi::MAX_MAJORS / sides) as u16,
        });
    }
    let major = |n: u16| abi::nth_major(usize::from(n)).unwrap_or(0);
    QueueLayout {
        majors: (0..queues)
            .map(|q| Pair::new(major(q), major(if stick { q + queues } else { q })))
            .collect(),
        node_queue,
        node_minor,
        bucket_minor,
        circuits,
        load_kbps: load,
        evidence,
    }
}

/// Explicit leaf handles are per interface: two interfaces as a bridge, one on a stick.
struct Handles {
    stick: bool,
    down: usize,
    up: usize,
}

impl Handles {
    fn new(stick: bool) -> Self {
        Handles {
            stick,
            down: 0,
            up: 0,
        }
    }

    fn take(&mut self, leaf: Pair<LeafKind>) -> Pair<u16> {
        let one = |used: &mut usize, kind: LeafKind| {
            if kind == LeafKind::None {
                return 0;
            }
            *used += 1;
            abi::nth_leaf_handle(*used - 1).unwrap_or(0)
        };
        let down = one(&mut self.down, leaf.down);
        let up = if self.stick {
            one(&mut self.down, leaf.up)
        } else {
            one(&mut self.up, leaf.up)
        };
        Pair::new(down, up)
    }

    fn overflow(&self) -> Option<Overflow> {
        let wanted = self.down.max(self.up);
        (wanted > abi::MAX_LEAF_HANDLES).then_some(Overflow::Handles { wanted })
    }
}
