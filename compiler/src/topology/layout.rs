//! The queue layout: CPU queue, HTB class and leaf of everything in the tree. Nothing is left to choose at apply
//! time (topology.md 1.12, 4.5).
//!
//! A thing keeps its class number and leaf handles iff its queue and the class it hangs under are those of the
//! previous plan: HTB cannot re-parent a class. New things take the smallest free number in id order; freed numbers
//! rest for two payload changes.

use std::collections::BTreeMap;

use weir_abi as abi;

use super::place::place;
use crate::config::project::{Project, ShaperMode};
use crate::id::{CircuitIx, TreeIx};
use crate::ir::inventory::Inventory;
use crate::ir::layout::{CircuitSlot, LayoutEvidence, MeasuredLoad, Overflow, QueueLayout, Slot};
use crate::ir::previous::{Previous, PreviousClass, PreviousClasses, REST, Resting};
use crate::ir::records::LeafKind;
use crate::ir::tree::{Parent, ShapingTree, bucket_name};
use crate::topology::weigh;
use crate::units::Pair;

/// Key of a class in `queue-plan.json`.
pub fn class_key(inventory: &Inventory, tree: &ShapingTree, slot: Slot) -> String {
    match slot {
        Slot::Node(at) => format!("node:{}", inventory[tree[at].node].id),
        Slot::Bucket(bucket) => format!("bucket:{}", bucket_name(bucket)),
        Slot::Circuit(circuit) => format!("circuit:{}", inventory[circuit].id),
    }
}

/// Whether this is the [`class_key`] of a slot; nothing is written out for it.
pub fn is_class_key(key: &str, inventory: &Inventory, tree: &ShapingTree, slot: Slot) -> bool {
    match slot {
        Slot::Node(at) => key.strip_prefix("node:") == Some(&*inventory[tree[at].node].id),
        Slot::Circuit(circuit) => key.strip_prefix("circuit:") == Some(&*inventory[circuit].id),
        Slot::Bucket(_) => key == class_key(inventory, tree, slot),
    }
}

pub fn layout(
    project: &Project,
    inventory: &Inventory,
    tree: &ShapingTree,
    previous: Option<&Previous>,
) -> QueueLayout {
    let queues = project.target.queues.max(1);
    let before = previous.and_then(|p| p.classes.as_ref());
    let stick = project
        .target
        .shaper
        .as_ref()
        .is_some_and(|s| matches!(s.mode, ShaperMode::Stick { .. }));
    let mut evidence = LayoutEvidence::default();
    let key = |slot| class_key(inventory, tree, slot);
    let class_before = |slot| before.and_then(|b| b.by_key.get(key(slot).as_str()));

    let Weights {
        node: weight,
        mut load,
        planned,
        measured,
        node_has_class,
        bucket_has_class,
    } = weights(inventory, tree, queues);

    // Top-level nodes on top of the buckets.
    let roots: Vec<TreeIx> = {
        let mut roots: Vec<TreeIx> = tree.roots().collect();
        roots.sort_unstable_by_key(|at| tree[*at].node);
        roots
    };
    let items: Vec<(u64, Option<u16>)> = roots
        .iter()
        .map(|&at| {
            let queue = class_before(Slot::Node(at)).map(|c| c.queue);
            (weight[at.ix()], queue)
        })
        .collect();
    let mut node_queue = vec![0u16; tree.nodes.len()];
    for (&at, queue) in roots.iter().zip(place(&items, &mut load)) {
        node_queue[at.ix()] = queue;
    }
    for at in tree.tree_ixs() {
        if let Some(parent) = tree[at].parent {
            node_queue[at.ix()] = node_queue[parent.ix()];
        }
    }
    let mut load_kbps = planned.queue;
    for &at in &roots {
        load_kbps[usize::from(node_queue[at.ix()])] += planned.node[at.ix()];
    }
    let fair = load.iter().sum::<u64>() / u64::from(queues);
    evidence.heavy = roots
        .iter()
        .map(|&at| (at, weight[at.ix()]))
        .filter(|(_, w)| queues > 1 && fair > 0 && *w > fair.saturating_mul(3) / 2)
        .collect();
    evidence
        .heavy
        .sort_by_key(|(at, w)| (std::cmp::Reverse(*w), *at));

    // Who keeps what. Parents before children: a class below a renumbered one gets a new number too.
    let mut keeper = Keeper {
        before,
        minors: vec![Vec::new(); usize::from(queues)],
        handles: Pair::new(Vec::new(), Vec::new()),
        stick,
    };
    let mut node_kept = vec![false; tree.nodes.len()];
    let mut node_minor = vec![0u16; tree.nodes.len()];
    for at in tree.tree_ixs().filter(|at| node_has_class[at.ix()]) {
        let parent = tree[at].parent;
        let parent_key = parent.map(|p| key(Slot::Node(p)));
        let parent_kept = parent.is_none_or(|p| node_kept[p.ix()]);
        let queue = node_queue[at.ix()];
        if let Some(class) = keeper.class(
            class_before(Slot::Node(at)),
            queue,
            parent_key.as_deref(),
            parent_kept,
        ) {
            node_minor[at.ix()] = class.minor;
            node_kept[at.ix()] = true;
        }
    }
    let mut bucket_minor = vec![0u16; usize::from(queues)];
    let mut bucket_kept = vec![false; usize::from(queues)];
    for bucket in (0..queues).filter(|b| bucket_has_class[usize::from(*b)]) {
        if let Some(class) = keeper.class(class_before(Slot::Bucket(bucket)), bucket, None, true) {
            bucket_minor[usize::from(bucket)] = class.minor;
            bucket_kept[usize::from(bucket)] = true;
        }
    }
    let mut circuits: Vec<Option<CircuitSlot>> = tree
        .circuits
        .iter()
        .enumerate()
        .map(|(i, placed)| {
            let placed = placed.as_ref()?;
            let circuit = CircuitIx::of(i);
            let leaf = inventory[circuit]
                .leaf
                .map(|l| l.unwrap_or(project.target.leaf));
            let (queue, parent, parent_kept) = match placed.parent {
                Parent::Node(node) => (
                    node_queue[node.ix()],
                    Slot::Node(node),
                    node_kept[node.ix()],
                ),
                Parent::Bucket(b) => (b, Slot::Bucket(b), bucket_kept[usize::from(b)]),
            };
            let mut slot = CircuitSlot {
                queue,
                minor: 0,
                leaf,
                handle: Pair::both(0),
            };
            if before.is_some() {
                let class = class_before(Slot::Circuit(circuit));
                if let Some(class) = keeper.class(class, queue, Some(&key(parent)), parent_kept) {
                    slot.minor = class.minor;
                    slot.handle = keeper.handle(class.handle, leaf);
                }
            }
            Some(slot)
        })
        .collect();

    // New numbers, smallest free first: nodes by id, buckets, circuits by id.
    // What this build frees rests at once: until the swap is done, the class of before is still in the kernel.
    let resting_unchanged = before.map(|b| b.resting.clone()).unwrap_or_default();
    let mut resting = resting_unchanged.clone();
    for class in before.iter().flat_map(|b| b.by_key.values()) {
        resting.minors.insert((class.queue, class.minor), REST);
        // Handle 0 is no leaf.
        if class.handle.down != 0 {
            resting.handles.down.insert(class.handle.down, REST);
        }
        if class.handle.up != 0 {
            let up = match stick {
                true => &mut resting.handles.down,
                false => &mut resting.handles.up,
            };
            up.insert(class.handle.up, REST);
        }
    }
    let mut free = Free::new(keeper, &resting, queues);
    let mut by_id: Vec<TreeIx> = tree.tree_ixs().collect();
    by_id.sort_unstable_by_key(|at| tree[*at].node);
    for at in by_id {
        if node_has_class[at.ix()] && node_minor[at.ix()] == 0 {
            node_minor[at.ix()] = free.minor(node_queue[at.ix()]);
        }
    }
    for bucket in 0..queues {
        if bucket_has_class[usize::from(bucket)] && bucket_minor[usize::from(bucket)] == 0 {
            bucket_minor[usize::from(bucket)] = free.minor(bucket);
        }
    }
    for slot in circuits.iter_mut().flatten() {
        if slot.minor == 0 {
            slot.minor = free.minor(slot.queue);
        }
        free.handles(slot);
    }
    evidence.overflow = free.overflow(queues, stick);

    let mut layout = QueueLayout {
        majors: majors(queues, stick),
        node_queue,
        node_minor,
        bucket_minor,
        circuits,
        load_kbps,
        measured: measured.map(|node| MeasuredLoad { queue: load, node }),
        resting: Resting::default(),
        resting_unchanged,
        evidence,
    };
    if let Some(before) = before {
        compare(inventory, tree, before, stick, &mut layout);
    }
    layout
}

/// By tree node and, of its bucket, by queue: what placement goes by.
pub(crate) fn weights_of(
    inventory: &Inventory,
    tree: &ShapingTree,
    queues: u16,
) -> (Vec<u64>, Vec<u64>) {
    let weights = weights(inventory, tree, queues);
    (weights.node, weights.load)
}

struct Weights {
    /// By tree node: what it weighs for placement, both directions.
    node: Vec<u64>,
    /// By queue: the same of its bucket.
    load: Vec<u64>,
    planned: Planned,
    /// By tree node, where peaks were measured: weight of those that were measured themselves.
    measured: Option<Vec<Option<u64>>>,
    node_has_class: Vec<bool>,
    bucket_has_class: Vec<bool>,
}

/// Sums of circuit maxima, both directions.
struct Planned {
    node: Vec<u64>,
    /// By queue: of its bucket.
    queue: Vec<u64>,
}

fn weights(inventory: &Inventory, tree: &ShapingTree, queues: u16) -> Weights {
    let (nodes, queues) = (tree.nodes.len(), usize::from(queues));
    let measured = tree.evidence.measured.as_ref();
    let mut w = Weights {
        node: vec![0; nodes],
        load: vec![0; queues],
        planned: Planned {
            node: vec![0; nodes],
            queue: vec![0; queues],
        },
        measured: measured.map(|_| vec![None; nodes]),
        node_has_class: vec![false; nodes],
        bucket_has_class: vec![false; queues],
    };
    for (ix, circuit) in tree.placed() {
        let max = circuit.max.total().0;
        let weight = weigh::circuit(&inventory.peaks, measured, ix, max);
        match circuit.parent {
            Parent::Node(node) => {
                w.node[node.ix()] += weight;
                w.planned.node[node.ix()] += max;
                w.node_has_class[node.ix()] = true;
            }
            Parent::Bucket(bucket) => {
                w.load[usize::from(bucket)] += weight;
                w.planned.queue[usize::from(bucket)] += max;
                w.bucket_has_class[usize::from(bucket)] = true;
            }
        }
    }
    for at in tree.tree_ixs().rev() {
        let i = at.ix();
        let own = weigh::node(&inventory.peaks, measured, tree[at].node, w.planned.node[i]);
        if let (Some(of_node), Some(own)) = (&mut w.measured, own) {
            of_node[i] = Some(own);
            w.node[i] = own;
        }
        if let Some(parent) = tree[at].parent {
            w.node[parent.ix()] += w.node[i];
            w.planned.node[parent.ix()] += w.planned.node[i];
            w.node_has_class[parent.ix()] |= w.node_has_class[i];
        }
    }
    w
}

fn majors(queues: u16, stick: bool) -> Vec<Pair<u16>> {
    let major = |n: u16| abi::nth_major(usize::from(n)).unwrap_or(0);
    (0..queues)
        .map(|q| Pair::new(major(q), major(if stick { q + queues } else { q })))
        .collect()
}

/// Decides what keeps its numbers, and notes which numbers are taken.
struct Keeper<'a> {
    before: Option<&'a PreviousClasses>,
    minors: Vec<Vec<u16>>,
    handles: Pair<Vec<u16>>,
    stick: bool,
}

impl Keeper<'_> {
    fn class<'c>(
        &mut self,
        class: Option<&'c PreviousClass>,
        queue: u16,
        parent: Option<&str>,
        parent_kept: bool,
    ) -> Option<&'c PreviousClass> {
        self.before?;
        let class = class?;
        let same = parent_kept && class.queue == queue && class.parent.as_deref() == parent;
        let usable = (abi::FIRST_MINOR..=abi::LAST_MINOR).contains(&class.minor);
        if same && usable {
            self.minors[usize::from(queue)].push(class.minor);
            return Some(class);
        }
        None
    }

    fn handle(&mut self, before: Pair<u16>, leaf: Pair<LeafKind>) -> Pair<u16> {
        let one = |used: &mut Vec<u16>, handle: u16, kind: LeafKind| {
            if kind == LeafKind::None || handle == 0 {
                return 0;
            }
            used.push(handle);
            handle
        };
        let down = one(&mut self.handles.down, before.down, leaf.down);
        let on = if self.stick {
            &mut self.handles.down
        } else {
            &mut self.handles.up
        };
        let up = one(on, before.up, leaf.up);
        Pair::new(down, up)
    }
}

/// Numbers that nobody has: counted up past the taken and the resting ones. When nothing else is left, resting
/// numbers are taken after all.
struct Free {
    minors: Vec<Numbers>,
    down: Numbers,
    up: Numbers,
    stick: bool,
}

struct Numbers {
    /// Sorted: taken or resting.
    avoid: Vec<u16>,
    at: usize,
    /// The n-th number there is.
    nth: fn(usize) -> Option<u16>,
    next: usize,
    resting: Vec<u16>,
    used: usize,
}

impl Numbers {
    fn new(mut taken: Vec<u16>, resting: Vec<u16>, nth: fn(usize) -> Option<u16>) -> Self {
        let used = taken.len();
        taken.sort_unstable();
        let spare: Vec<u16> = resting
            .into_iter()
            .filter(|r| taken.binary_search(r).is_err())
            .rev()
            .collect();
        taken.extend(&spare);
        taken.sort_unstable();
        Numbers {
            avoid: taken,
            at: 0,
            nth,
            next: 0,
            resting: spare,
            used,
        }
    }

    /// 0 when there is none: an overflow, which refuses the plan.
    fn take(&mut self) -> u16 {
        self.used += 1;
        while let Some(number) = (self.nth)(self.next) {
            self.next += 1;
            while self.avoid.get(self.at).is_some_and(|a| *a < number) {
                self.at += 1;
            }
            if self.avoid.get(self.at) != Some(&number) {
                return number;
            }
        }
        self.resting.pop().unwrap_or(0)
    }
}

fn nth_minor(n: usize) -> Option<u16> {
    u16::try_from(n + usize::from(abi::FIRST_MINOR))
        .ok()
        .filter(|m| *m <= abi::LAST_MINOR)
}

impl Free {
    fn new(keeper: Keeper<'_>, resting: &Resting, queues: u16) -> Self {
        let mut rest: Vec<Vec<u16>> = vec![Vec::new(); usize::from(queues)];
        for (queue, minor) in resting.minors.keys() {
            if let Some(list) = rest.get_mut(usize::from(*queue)) {
                list.push(*minor);
            }
        }
        let numbers = |taken, resting: &BTreeMap<u16, u8>| {
            Numbers::new(
                taken,
                resting.keys().copied().collect(),
                abi::nth_leaf_handle,
            )
        };
        Free {
            minors: keeper
                .minors
                .into_iter()
                .zip(rest)
                .map(|(taken, rest)| Numbers::new(taken, rest, nth_minor))
                .collect(),
            down: numbers(keeper.handles.down, &resting.handles.down),
            up: numbers(keeper.handles.up, &resting.handles.up),
            stick: keeper.stick,
        }
    }

    fn minor(&mut self, queue: u16) -> u16 {
        self.minors[usize::from(queue)].take()
    }

    fn handles(&mut self, slot: &mut CircuitSlot) {
        if slot.leaf.down != LeafKind::None && slot.handle.down == 0 {
            slot.handle.down = self.down.take();
        }
        if slot.leaf.up != LeafKind::None && slot.handle.up == 0 {
            let on = if self.stick {
                &mut self.down
            } else {
                &mut self.up
            };
            slot.handle.up = on.take();
        }
    }

    fn overflow(&self, queues: u16, stick: bool) -> Vec<Overflow> {
        let mut overflow = Vec::new();
        let sides = if stick { 2 } else { 1 };
        if usize::from(queues) * sides > abi::MAX_MAJORS {
            overflow.push(Overflow::Queues {
                wanted: queues,
                limit: (abi::MAX_MAJORS / sides) as u16,
            });
        }
        for (queue, numbers) in self.minors.iter().enumerate() {
            if numbers.used > abi::MAX_MINORS {
                overflow.push(Overflow::Minors {
                    queue: queue as u16,
                    wanted: numbers.used,
                });
            }
        }
        let handles = self.down.used.max(self.up.used);
        if handles > abi::MAX_LEAF_HANDLES {
            overflow.push(Overflow::Handles { wanted: handles });
        }
        overflow
    }
}

/// Against the previous plan: which numbers rest now, what moved, and what was renumbered without a reason in the
/// network.
fn compare(
    inventory: &Inventory,
    tree: &ShapingTree,
    before: &PreviousClasses,
    stick: bool,
    layout: &mut QueueLayout,
) {
    let mut resting = before.resting.aged();
    let mut now: rustc_hash::FxHashMap<String, (u16, u16, Pair<u16>)> =
        rustc_hash::FxHashMap::default();
    // By node: it hangs where it hung, and so does everything above it. What is below a node that was moved in the
    // network is renumbered for that reason.
    let mut same_place = vec![false; tree.nodes.len()];
    let mut visit =
        |slot: Slot, queue: u16, minor: u16, handle: Pair<u16>, parent: Option<Slot>| {
            let key = class_key(inventory, tree, slot);
            if let Some(class) = before.by_key.get(key.as_str()) {
                let parent_key = parent.map(|p| class_key(inventory, tree, p));
                if class.queue != queue && !matches!(slot, Slot::Bucket(_)) {
                    layout.evidence.moved.push(slot);
                }
                let stays = class.parent.as_deref() == parent_key.as_deref()
                    && match parent {
                        Some(Slot::Node(above)) => same_place[above.ix()],
                        _ => true,
                    };
                if let Slot::Node(at) = slot {
                    same_place[at.ix()] = stays;
                }
                if class.parent.as_deref() != parent_key.as_deref() {
                    layout.evidence.reparented.push(slot);
                }
                if (class.queue, class.minor) != (queue, minor) {
                    layout.evidence.changed += 1;
                    if stays {
                        layout.evidence.renumbered.push(slot);
                    }
                } else {
                    layout.evidence.kept += 1;
                }
            }
            now.insert(key, (queue, minor, handle));
        };
    for at in tree.tree_ixs() {
        let minor = layout.node_minor[at.ix()];
        if minor != 0 {
            let parent = tree[at].parent.map(Slot::Node);
            visit(
                Slot::Node(at),
                layout.node_queue[at.ix()],
                minor,
                Pair::both(0),
                parent,
            );
        }
    }
    for (b, &minor) in layout.bucket_minor.iter().enumerate() {
        if minor != 0 {
            visit(Slot::Bucket(b as u16), b as u16, minor, Pair::both(0), None);
        }
    }
    for (i, slot) in layout.circuits.iter().enumerate() {
        let (Some(slot), Some(placed)) = (slot, &tree.circuits[i]) else {
            continue;
        };
        let parent = match placed.parent {
            Parent::Node(node) => Slot::Node(node),
            Parent::Bucket(b) => Slot::Bucket(b),
        };
        let circuit = Slot::Circuit(CircuitIx::of(i));
        visit(circuit, slot.queue, slot.minor, slot.handle, Some(parent));
    }
    for (key, class) in &before.by_key {
        let kept = now.get(key.as_ref());
        if kept.is_none_or(|(queue, minor, _)| (*queue, *minor) != (class.queue, class.minor)) {
            resting.minors.insert((class.queue, class.minor), REST);
        }
        let handle = kept.map_or(Pair::both(0), |(_, _, handle)| *handle);
        if class.handle.down != 0 && class.handle.down != handle.down {
            resting.handles.down.insert(class.handle.down, REST);
        }
        if class.handle.up != 0 && class.handle.up != handle.up {
            let on = if stick {
                &mut resting.handles.down
            } else {
                &mut resting.handles.up
            };
            on.insert(class.handle.up, REST);
        }
    }
    // A number that was taken after all (nothing else was left) does not rest.
    for (queue, minor, handle) in now.values() {
        resting.minors.remove(&(*queue, *minor));
        resting.handles.down.remove(&handle.down);
        if stick {
            resting.handles.down.remove(&handle.up);
        } else {
            resting.handles.up.remove(&handle.up);
        }
    }
    layout.evidence.renumbered.sort_unstable();
    layout.evidence.moved.sort_unstable();
    layout.evidence.reparented.sort_unstable();
    layout.resting = resting;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::testing::World;

    #[test]
    fn a_key_is_that_of_its_own_slot_alone() {
        let world = World::small();
        let (inventory, tree) = (&world.inventory, &world.tree);
        let slots: Vec<Slot> = (tree.tree_ixs().map(Slot::Node))
            .chain(inventory.circuit_ixs().map(Slot::Circuit))
            .chain([Slot::Bucket(0), Slot::Bucket(1)])
            .collect();
        for &slot in &slots {
            let key = class_key(inventory, tree, slot);
            for &other in &slots {
                let is = is_class_key(&key, inventory, tree, other);
                assert_eq!(is, slot == other, "{key} {other:?}");
            }
            assert!(!is_class_key(&key[1..], inventory, tree, slot), "{key}");
        }
    }
}
