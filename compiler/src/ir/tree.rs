//! `ShapingTree`: what is emitted. One root (not represented), acyclic by construction: a node is stored after
//! its parent. Rates are resolved.

use crate::id::{CircuitIx, NodeIx, TreeIx};
use crate::ir::inventory::Inventory;
use crate::units::{Kbps, Pair};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Strategy {
    Flat,
    ApOnly,
    ApSite,
    Full,
}

impl Strategy {
    pub const ALL: [Strategy; 4] = [
        Strategy::Flat,
        Strategy::ApOnly,
        Strategy::ApSite,
        Strategy::Full,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Strategy::Flat => "flat",
            Strategy::ApOnly => "ap_only",
            Strategy::ApSite => "ap_site",
            Strategy::Full => "full",
        }
    }
}

#[derive(Clone, Debug)]
pub struct ShapingTree {
    pub strategy: Strategy,
    /// Parents before children; siblings by id (depth first).
    pub nodes: Vec<TreeNode>,
    /// By inventory circuit; `None` = omitted.
    pub circuits: Vec<Option<PlacedCircuit>>,
    pub evidence: TreeEvidence,
}

#[derive(Clone, Debug)]
pub struct TreeNode {
    pub node: NodeIx,
    pub parent: Option<TreeIx>,
    /// Unique among emitted nodes.
    pub name: Box<str>,
    /// Effective capacity: the smallest on the root path, links and WAN included.
    pub cap: Pair<Kbps>,
    /// G(v): the sum of circuit minima below.
    pub guarantee: Pair<Kbps>,
    /// Rate of the HTB class: `cap` at the top level, `guarantee` below, zero without circuits.
    pub htb_rate: Pair<Kbps>,
    /// Sorted by id.
    pub children: Vec<TreeIx>,
    /// Own circuits, sorted by id.
    pub circuits: Vec<CircuitIx>,
}

/// Where a circuit hangs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Parent {
    Node(TreeIx),
    /// A generated parent node: `Generated_PN_<n + 1>` on CPU queue n.
    Bucket(u16),
}

#[derive(Clone, Debug)]
pub struct PlacedCircuit {
    pub parent: Parent,
    pub max: Pair<Kbps>,
    pub min: Pair<Kbps>,
    /// Max before it was clamped to the node it hangs on.
    pub asked: Pair<Kbps>,
    /// Min before guarantees were scaled.
    pub asked_min: Pair<Kbps>,
    /// Why it hangs in a bucket, if it does.
    pub bucket_reason: Option<BucketReason>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum BucketReason {
    /// The strategy has no nodes.
    Flat,
    /// The source gives it no (known) parent.
    NoParent,
    /// Attached to the root itself.
    RootAttached,
    /// The strategy has no place for it: no AP above under `ap_only`, nothing visible above elsewhere.
    NoStrategyParent,
}

/// What the passes decided, for the rules.
#[derive(Clone, Default, Debug)]
pub struct TreeEvidence {
    /// By inventory node: effective capacity with virtual and excluded nodes hidden (pass 3).
    pub physical_cap: Vec<Pair<Kbps>>,
    /// What placement needs of `topology.peaks`; `None` when nothing was measured.
    pub measured: Option<Measured>,
    /// Nodes hidden by queue-auto, sorted.
    pub auto_virtual: Vec<NodeIx>,
    /// Hidden, promoted or dropped nodes whose limit would bind, with the kbit/s no longer enforced.
    pub unenforced: Vec<Unenforced>,
    /// Nodes without circuits that were pruned, sorted.
    pub pruned: Vec<NodeIx>,
    /// Circuits whose maximum was cut (pass 7) by a node that later passes took out from under them, sorted.
    pub clamped: Vec<(CircuitIx, NodeIx)>,
    /// Removed by simplify (lossless), sorted.
    pub simplified: Vec<NodeIx>,
    /// Dropped by the depth cut, sorted.
    pub cut: Vec<NodeIx>,
    /// Node levels above a leaf: allowed, and found (after the cut).
    pub depth_budget: usize,
    pub depth: usize,
    /// The deepest path when the tree stays too deep, root first.
    pub too_deep: Vec<NodeIx>,
    /// Nodes (or buckets) whose guarantees were scaled.
    pub scaled: Vec<Scaled>,
    /// Nodes whose floors alone exceed the capacity.
    pub overfull: Vec<Overfull>,
    /// Nodes renamed because another has the same display name, or the name is reserved.
    pub renamed: Vec<(NodeIx, RenameReason)>,
    /// Circuits per bucket before placement are in `circuits`; bucket capacity:
    pub bucket_cap: Pair<Kbps>,
    /// Σ of circuit minima per bucket after scaling, indexed by bucket.
    pub bucket_guarantee: Vec<Pair<Kbps>>,
}

/// How measured peaks stand to plans.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Peaks of what was measured, and the ceilings of the circuits that they are of; `None` when there are none.
    pub share: Option<(u128, u128)>,
    /// By inventory node: ceilings of the circuits attached to it or below it, both directions.
    pub plans_below: Vec<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RenameReason {
    Shared,
    Reserved,
}

#[derive(Clone, Debug)]
pub struct Unenforced {
    pub node: NodeIx,
    pub why: UnenforcedWhy,
    /// The overload that becomes possible per direction (topology.md 5.1).
    pub loss: Pair<Kbps>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum UnenforcedWhy {
    Virtual,
    Excluded,
    QueueAuto,
    Promoted,
    DepthCut,
}

#[derive(Clone, Debug)]
pub struct Scaled {
    pub at: ScaledAt,
    /// G before scaling and the capacity it was scaled to, per direction (only where G > cap).
    pub wanted: Pair<Kbps>,
    pub cap: Pair<Kbps>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ScaledAt {
    Node(NodeIx),
    Bucket(u16),
}

#[derive(Clone, Debug)]
pub struct Overfull {
    pub at: ScaledAt,
    pub floors: Pair<Kbps>,
    pub cap: Pair<Kbps>,
}

impl std::ops::Index<TreeIx> for ShapingTree {
    type Output = TreeNode;
    fn index(&self, ix: TreeIx) -> &TreeNode {
        &self.nodes[ix.ix()]
    }
}

impl ShapingTree {
    pub fn tree_ixs(&self) -> impl DoubleEndedIterator<Item = TreeIx> + use<> {
        (0..self.nodes.len()).map(TreeIx::of)
    }

    /// Top-level nodes, sorted by id.
    pub fn roots(&self) -> impl Iterator<Item = TreeIx> + '_ {
        self.tree_ixs().filter(|&t| self[t].parent.is_none())
    }

    /// Levels from the top: 1 for a top-level node.
    pub fn level(&self, mut at: TreeIx) -> usize {
        let mut level = 1;
        while let Some(parent) = self[at].parent {
            level += 1;
            at = parent;
        }
        level
    }

    /// Emitted circuits in id order.
    pub fn placed(&self) -> impl Iterator<Item = (CircuitIx, &PlacedCircuit)> {
        self.circuits
            .iter()
            .enumerate()
            .filter_map(|(i, c)| Some((CircuitIx::of(i), c.as_ref()?)))
    }

    /// Emitted nodes by their inventory id.
    pub fn find(&self, inventory: &Inventory, id: &str) -> Option<TreeIx> {
        let node = inventory.node_by_id(id)?;
        self.tree_ixs().find(|&t| self[t].node == node)
    }
}

/// Name of a bucket: the peer's name, so that its tools show it the same way.
pub fn bucket_name(bucket: u16) -> String {
    format!("Generated_PN_{}", u32::from(bucket) + 1)
}
