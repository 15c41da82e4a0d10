//! What becomes of them: the tree, rates, suspended subscribers and addresses.

use ipnet::IpNet;

use crate::ir::records::NodeKind;
use crate::ir::tree::Strategy;
use crate::units::{Kbps, Pair, PerMille};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Metric {
    Cost,
    Hops,
    Widest,
    Declared,
}

impl Metric {
    pub const ALL: [Metric; 4] = [Metric::Cost, Metric::Hops, Metric::Widest, Metric::Declared];

    pub fn word(self) -> &'static str {
        match self {
            Metric::Cost => "cost",
            Metric::Hops => "hops",
            Metric::Widest => "widest",
            Metric::Declared => "declared",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Simplify {
    Off,
    /// Kind other and sites without own circuits, margin 10 %.
    Auto,
    /// All redundant nodes, every kind, margin 0.
    All,
}

impl Simplify {
    /// A redundant node of this kind may be left out.
    pub fn takes(self, kind: NodeKind, holds_circuits: bool) -> bool {
        match (self, kind) {
            (Simplify::Off, _) => false,
            (Simplify::All, _) | (Simplify::Auto, NodeKind::Other) => true,
            (Simplify::Auto, NodeKind::Site) => !holds_circuits,
            (Simplify::Auto, NodeKind::Ap | NodeKind::Root) => false,
        }
    }

    /// How far above what could flow a limit must be: with `auto` by a tenth, so that one more customer does not
    /// bring a level back.
    pub fn margin(self) -> PerMille {
        match self {
            Simplify::Off | Simplify::All => PerMille::ONE,
            Simplify::Auto => PerMille(1100),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Topology {
    pub strategy: Strategy,
    pub tree: Metric,
    /// Id or name.
    pub root: Option<String>,
    pub promote_to_root: Vec<String>,
    pub exclude: Vec<String>,
    /// child = parent, ids or names, sorted by child.
    pub pin: Vec<(String, String)>,
    /// Node levels above a leaf; 0 = the target's limit.
    pub max_depth: usize,
    pub simplify: Simplify,
    /// 0 = off.
    pub auto_virtual: Kbps,
    pub wan: Pair<Kbps>,
    /// `wan_mbps` is written, not the default.
    pub wan_is_set: bool,
    pub link_down_hold: u32,
    pub generated: Pair<Kbps>,
    pub link_reference: Kbps,
    pub default_link_cost: u64,
    pub membership_cost: u64,
    pub prune_empty: bool,
    /// File with measured peaks, as written.
    pub peaks: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Rates {
    pub overhead: PerMille,
    pub multiplier: PerMille,
    pub commit: PerMille,
    pub floor: Kbps,
    pub min_floor: Kbps,
    pub default_plan: Option<Pair<Kbps>>,
    /// `burst = "add"`: a burst volume counts as a rate.
    pub add_burst: bool,
    /// `overcommit = "strict"`: guarantees above a capacity are an error.
    pub strict: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SuspendedPolicy {
    Keep,
    Slow,
    Drop,
}

#[derive(Clone, Debug)]
pub struct Suspended {
    pub policy: SuspendedPolicy,
    pub slow: Kbps,
}

#[derive(Clone, Debug, Default)]
pub struct Addresses {
    pub allow: Vec<IpNet>,
    pub ignore: Vec<IpNet>,
}
