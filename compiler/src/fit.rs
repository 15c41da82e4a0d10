//! How well the plan fits its box: what it uses of everything the box or the kernel has a limit for. The rules of
//! the `BUD` family and the manifest tell it; nothing is decided here.
//!
//! Memory was measured on Linux 6.1: an idle CAKE takes 1,083,441 bytes, fq_codel 72,500, the kernel's own pfifo
//! about 540, and an HTB class 3,600.
//!
//! The load of a core is a model. A packet costs more the longer its chain of classes is: `f(L) = 1 + 0.036 (L - 3)`
//! for a chain of `L`, from 95 ns for each level that it borrows through and packets of 1000 bytes at 3 Gbit/s. What a
//! subscriber uses in the busiest hour is 5 % of the plan up to 100 Mbit/s, and 1 % of what is above: faster plans
//! are used for shorter, not for more. But one subscriber must always be able to use a whole plan, so a queue is
//! never taken for less than its largest; a top-level node that was measured (`topology.peaks`) carries its peak; and a top-level node carries no more than its capacity, however many there
//! are below it.

use ipnet::IpNet;
use rayon::prelude::*;

use crate::config::project::{ShaperMode, Target};
use crate::id::TreeIx;
use crate::ir::inventory::Circuit;
use crate::ir::layout::QueueLayout;
use crate::ir::records::LeafKind;
use crate::ir::tree::{Parent, ShapingTree};
use crate::lint::rule::Stages;
use crate::units::{Kbps, Pair};

/// Entries of the classifier's address table, both families together.
pub const ADDRESSES: usize = weir_abi::table::MAX_PREFIXES as usize;
/// Distinct prefix lengths that the table holds of each family.
pub const LENGTHS: usize = weir_abi::table::MAX_LENGTHS;
/// Node levels above a leaf that the kernel takes.
pub const LEVELS: usize = weir_abi::MAX_HTB_DEPTH - 1;

const CLASS_BYTES: u64 = 3_600;
const GIB: u64 = 1 << 30;
/// Up to here a plan counts with 5 %, and above it with 1 %.
const FAST: u64 = 100_000;

/// A top-level node that carries less than this in both directions together keeps no core busy, whatever its share.
pub const LIGHT: Kbps = Kbps(1_000_000);

/// More than four fifths of what a core shapes.
pub fn is_busy(load: Kbps, core: Kbps) -> bool {
    u128::from(load.0) * 10 > u128::from(core.0) * 8
}

#[derive(Clone, Debug)]
pub struct Fit {
    /// Classes of each CPU queue.
    pub classes: Vec<usize>,
    /// Leaf qdiscs on the interface that downloads, and that uploads leave by: on a stick the same one.
    pub handles: Pair<usize>,
    /// Leaves of each kind, both directions.
    pub leaves: Leaves,
    pub addresses: usize,
    /// Node levels above the deepest circuit.
    pub levels: usize,
    /// Expected load of the core of each CPU queue, both directions.
    pub cores: Vec<Kbps>,
    /// The top-level node that is the largest part of it, where there is one.
    pub heaviest: Vec<Option<TreeIx>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Leaves {
    pub cake: usize,
    pub fq_codel: usize,
    pub none: usize,
}

impl Leaves {
    /// Of all leaves of a kind.
    pub fn bytes(self, kind: LeafKind) -> u64 {
        let (n, each) = match kind {
            LeafKind::Cake => (self.cake, 1_083_441),
            LeafKind::FqCodel => (self.fq_codel, 72_500),
            LeafKind::None => (self.none, 540),
        };
        n as u64 * each
    }
}

impl Fit {
    pub fn of(stages: &Stages<'_>) -> Fit {
        Fit {
            addresses: Fit::addresses(stages),
            ..Fit::of_plan(&stages.project.target, stages.tree, stages.layout)
        }
    }

    /// All but the addresses.
    pub fn of_plan(target: &Target, tree: &ShapingTree, layout: &QueueLayout) -> Fit {
        let queues = usize::from(target.queues.max(1));
        let mut fit = Fit {
            classes: vec![0; queues],
            handles: Pair::both(0),
            leaves: Leaves::default(),
            addresses: 0,
            levels: 0,
            cores: Vec::new(),
            heaviest: vec![None; queues],
        };
        // Parents stand before their children.
        let mut root: Vec<TreeIx> = Vec::with_capacity(tree.nodes.len());
        let mut level: Vec<usize> = Vec::with_capacity(tree.nodes.len());
        for at in tree.tree_ixs() {
            let parent = tree[at].parent;
            root.push(parent.map_or(at, |p| root[p.ix()]));
            level.push(parent.map_or(1, |p| level[p.ix()] + 1));
        }
        let mut has_class = vec![false; tree.nodes.len()];
        let mut bucket_has_class = vec![false; queues];
        // In bit/s, a thousand times as much: exact in integers.
        let mut of_root = vec![Pair::both(Load::default()); tree.nodes.len()];
        let mut of_bucket = vec![Pair::both(Load::default()); queues];
        let mut largest = vec![0u128; queues];
        for (ix, circuit) in tree.placed() {
            let Some(slot) = layout.circuits[ix.ix()] else {
                continue;
            };
            let levels = match circuit.parent {
                Parent::Node(at) => {
                    has_class[at.ix()] = true;
                    level[at.ix()]
                }
                Parent::Bucket(bucket) => {
                    if let Some(has) = bucket_has_class.get_mut(usize::from(bucket)) {
                        *has = true;
                    }
                    1
                }
            };
            fit.levels = fit.levels.max(levels);
            for (handles, kind) in [
                (&mut fit.handles.down, slot.leaf.down),
                (&mut fit.handles.up, slot.leaf.up),
            ] {
                *handles += usize::from(kind != LeafKind::None);
                match kind {
                    LeafKind::Cake => fit.leaves.cake += 1,
                    LeafKind::FqCodel => fit.leaves.fq_codel += 1,
                    LeafKind::None => fit.leaves.none += 1,
                }
            }
            let queue = usize::from(slot.queue);
            if queue >= queues {
                continue;
            }
            fit.classes[queue] += 1;
            let price = price(levels + 1);
            let load = match circuit.parent {
                Parent::Node(at) => &mut of_root[root[at.ix()].ix()],
                Parent::Bucket(_) => &mut of_bucket[queue],
            };
            load.down.add(circuit.max.down, price);
            load.up.add(circuit.max.up, price);
            let whole = u128::from(circuit.max.total().0) * 1_000 * price;
            largest[queue] = largest[queue].max(whole);
        }
        for at in tree.tree_ixs().rev() {
            if let Some(parent) = tree[at].parent {
                has_class[parent.ix()] |= has_class[at.ix()];
            }
        }
        for at in tree.tree_ixs().filter(|at| has_class[at.ix()]) {
            if let Some(classes) = fit.classes.get_mut(usize::from(layout.node_queue[at.ix()])) {
                *classes += 1;
            }
        }
        for (classes, bucket) in fit.classes.iter_mut().zip(bucket_has_class) {
            *classes += usize::from(bucket);
        }
        let mut of_queue: Vec<u128> = of_bucket
            .iter()
            .map(|load| within(*load, tree.evidence.bucket_cap))
            .collect();
        for at in tree.roots() {
            let queue = usize::from(layout.node_queue[at.ix()]);
            let Some(heaviest) = fit.heaviest.get_mut(queue) else {
                continue;
            };
            let weight = |at: TreeIx| {
                let load = of_root[at.ix()];
                let measured = layout.measured.as_ref().and_then(|m| m.node[at.ix()]);
                match measured {
                    Some(peak) => measured_load(load, peak),
                    None => within(load, tree[at].cap),
                }
            };
            of_queue[queue] += weight(at);
            if heaviest.is_none_or(|other| weight(other) < weight(at)) {
                *heaviest = Some(at);
            }
        }
        fit.cores = of_queue
            .iter()
            .zip(largest)
            .map(|(sum, largest)| (*sum).max(largest) / 1_000_000)
            .map(|kbps| Kbps(u64::try_from(kbps).unwrap_or(u64::MAX)))
            .collect();
        if let Some(shaper) = &target.shaper
            && matches!(shaper.mode, ShaperMode::Stick { .. })
        {
            fit.handles = Pair::both(fit.handles.down + fit.handles.up);
        }
        fit
    }

    /// Prefixes that are shaped.
    pub fn addresses(stages: &Stages<'_>) -> usize {
        counted(stages).as_flattened().iter().sum()
    }

    /// Prefix lengths that are shaped, longest first, each with its number of prefixes: of IPv4, and of IPv6.
    pub fn lengths(stages: &Stages<'_>) -> [Vec<(u8, usize)>; 2] {
        counted(stages).map(|of| {
            let lengths = (0..=128).zip(of).rev();
            lengths.filter(|(_, n)| *n > 0).collect()
        })
    }

    /// Of the HTB classes in both directions.
    pub fn class_bytes(&self) -> u64 {
        self.classes.iter().sum::<usize>() as u64 * 2 * CLASS_BYTES
    }

    /// Of classes and leaves.
    pub fn memory(&self) -> u64 {
        [LeafKind::Cake, LeafKind::FqCodel, LeafKind::None]
            .map(|kind| self.leaves.bytes(kind))
            .iter()
            .sum::<u64>()
            + self.class_bytes()
    }

    /// The queue whose core has most to do, and its load; the first of equals.
    pub fn busiest(&self) -> (u16, Kbps) {
        (0..)
            .zip(&self.cores)
            .fold((0, Kbps(0)), |most, (queue, load)| {
                if *load > most.1 { (queue, *load) } else { most }
            })
    }

    /// Load of the busiest core in percent of the mean; 100 when there is none.
    pub fn balance_percent(&self) -> u64 {
        let sum: u128 = self.cores.iter().map(|load| u128::from(load.0)).sum();
        let most = u128::from(self.busiest().1.0);
        match (most * 100 * self.cores.len() as u128).checked_div(sum) {
            Some(percent) => percent as u64,
            None => 100,
        }
    }
}

/// Through one top-level node, in one direction.
#[derive(Clone, Copy, Default)]
struct Load {
    /// bit/s
    traffic: u128,
    /// The same, each at the price of its chain, in per mille.
    priced: u128,
}

impl Load {
    fn add(&mut self, plan: Kbps, price: u128) {
        self.traffic += busy(plan);
        self.priced += busy(plan) * price;
    }

    fn within(self, cap: Kbps) -> u128 {
        let cap = u128::from(cap.0) * 1_000;
        match self.traffic > cap {
            true => self.priced / self.traffic * cap,
            false => self.priced,
        }
    }
}

/// What was measured, at the mean price of what makes it up.
fn measured_load(load: Pair<Load>, peak: u64) -> u128 {
    let priced = load.down.priced + load.up.priced;
    let traffic = load.down.traffic + load.up.traffic;
    u128::from(peak) * 1_000 * priced / traffic.max(1)
}

fn within(load: Pair<Load>, cap: Pair<Kbps>) -> u128 {
    load.down.within(cap.down) + load.up.within(cap.up)
}

/// What is there for queues: the memory of the box less what the rest of it needs, 2 GiB or an eighth. `None` when
/// its memory is not stated.
pub fn memory_to_spare(target: &Target) -> Option<u64> {
    let kept = (2 * GIB).max(target.memory / 8);
    (target.memory > 0).then(|| target.memory.saturating_sub(kept))
}

/// What somebody with this plan uses in the busiest hour, in bit/s.
pub(crate) fn busy(plan: Kbps) -> u128 {
    let slow = plan.0.min(FAST);
    // kbit/s times per mille
    u128::from(slow) * 50 + u128::from(plan.0 - slow) * 10
}

/// `f(L)` in per mille.
fn price(classes: usize) -> u128 {
    1_000 + 36 * classes as u128 - 36 * 3
}

/// How many prefixes are shaped, by family (IPv4, IPv6) and length.
type Counted = [[usize; 129]; 2];

fn counted(stages: &Stages<'_>) -> Counted {
    const NONE: Counted = [[0; 129]; 2];
    // Addresses lie three steps away from their circuit: most of the time is waiting for memory.
    const AT_LEAST: usize = 4096;
    let count = |mut counted: Counted, circuit: &Circuit| {
        for net in circuit.devices.iter().flat_map(|device| &device.addresses) {
            counted[usize::from(matches!(net, IpNet::V6(_)))][usize::from(net.prefix_len())] += 1;
        }
        counted
    };
    let sum = |mut counted: Counted, more: Counted| {
        let all = counted.as_flattened_mut().iter_mut();
        all.zip(more.as_flattened())
            .for_each(|(n, more)| *n += more);
        counted
    };
    (stages.inventory.circuits)
        .par_iter()
        .with_min_len(AT_LEAST)
        .filter(|circuit| circuit.omitted.is_none())
        .fold(|| NONE, count)
        .reduce(|| NONE, sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::testing::World;

    #[test]
    fn the_model_is_the_documented_one() {
        for (kbps, want) in [
            (0, 0),
            (1_000, 50_000),
            (100_000, 5_000_000),
            (1_000_000, 14_000_000),
        ] {
            assert_eq!(busy(Kbps(kbps)), want, "{kbps}");
        }
        assert_eq!([1, 2, 3, 8].map(price), [928, 964, 1_000, 1_180]);
    }

    #[test]
    fn everything_with_a_limit_is_counted() {
        let world = World::small();
        let fit = Fit::of(&world.stages());
        assert_eq!(fit.classes, [5, 2]);
        assert_eq!((fit.levels, fit.addresses), (2, 6));
        let leaves = fit.leaves.cake + fit.leaves.fq_codel + fit.leaves.none;
        assert_eq!(leaves, 8);
        assert_eq!(fit.class_bytes(), 7 * 2 * 3_600);
        // One whole plan of 120 Mbit/s is more than what all use at once; a bucket is one level nearer.
        assert_eq!(fit.cores, [Kbps(120_000), Kbps(115_680)]);
        assert_eq!(fit.busiest(), (0, Kbps(120_000)));
        assert_eq!(fit.balance_percent(), 101);
        assert_eq!(fit.heaviest, [Some(TreeIx(0)), None]);
    }

    #[test]
    fn a_node_carries_no_more_than_its_capacity() {
        let mut load = Load::default();
        for _ in 0..10 {
            load.add(Kbps(100_000), price(3));
        }
        assert_eq!(load.within(Kbps(50_000)), 50_000_000 * 1_000);
        assert_eq!(load.within(Kbps(20_000)), 20_000_000 * 1_000);
    }

    #[test]
    fn an_empty_plan_fits() {
        let fit = Fit::of(&World::empty(crate::ir::tree::Strategy::Flat).stages());
        assert_eq!((fit.memory(), fit.levels), (0, 0));
        assert_eq!(fit.busiest(), (0, Kbps(0)));
        assert_eq!(fit.balance_percent(), 100);
    }

    #[test]
    fn a_box_keeps_two_gib_or_an_eighth() {
        let mut target = World::small().project.target;
        for (memory, want) in [
            (0, None),
            (GIB, Some(0)),
            (8 * GIB, Some(6 * GIB)),
            (64 * GIB, Some(56 * GIB)),
        ] {
            target.memory = memory;
            assert_eq!(memory_to_spare(&target), want, "{memory}");
        }
    }
}
