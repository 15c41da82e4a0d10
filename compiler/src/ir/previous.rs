//! What the previous artifact remembers, so that unchanged things keep their parent, CPU queue and class numbers.
//! Read from its `queue-plan.json`; there is no other memory. What it shaped (`tree.json`) is here for the rules that
//! compare, and decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use rustc_hash::FxHashMap;

use crate::ir::records::{LeafKind, NodeKind};
use crate::units::{Kbps, Pair};

#[derive(Clone, Default, Debug)]
pub struct Previous {
    /// Digest of the artifact, lower-case hex.
    pub digest: String,
    /// By node id.
    pub chosen: BTreeMap<Box<str>, PreviousChoice>,
    /// Links of that tree that were down in the last snapshots.
    pub links_down: BTreeMap<Box<str>, LinkDown>,
    /// `None` when the target has other queues or interfaces, so that no class number can be kept.
    pub classes: Option<PreviousClasses>,
    /// What it shaped; `None` when only its queue plan is at hand.
    pub tree: Option<PreviousTree>,
}

/// What the previous artifact shaped, for the rules that compare.
#[derive(Clone, Default, Debug)]
pub struct PreviousTree {
    /// Emitted nodes by id.
    pub nodes: BTreeMap<Box<str>, PreviousNode>,
    /// Shaped circuits by id.
    pub circuits: BTreeMap<Box<str>, PreviousCircuit>,
}

#[derive(Clone, Debug)]
pub struct PreviousNode {
    pub name: Box<str>,
    pub kind: NodeKind,
    /// `None` = top level.
    pub parent: Option<Box<str>>,
}

#[derive(Clone, Default, Debug)]
pub struct PreviousCircuit {
    /// Display name, where it is known.
    pub name: Box<str>,
    /// Id of the node it hung on; `None` = a generated parent node.
    pub node: Option<Box<str>>,
    pub max: Pair<Kbps>,
    pub prefixes: Vec<IpNet>,
    /// As they were written, where they are known.
    pub macs: Vec<Box<str>>,
}

/// The parent a node had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PreviousChoice {
    /// Node id, or `@root`.
    pub parent: Box<str>,
    /// Id of the edge (a link, `member:<node>`, ...).
    pub via: Box<str>,
    /// Capacity of the edge, download along it.
    pub capacity: Pair<Kbps>,
    pub cost: u64,
}

/// How long a link has been down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkDown {
    /// Snapshots in a row.
    pub snapshots: u32,
    /// Digest of the last of them: the same snapshot is not counted twice.
    pub snapshot: Box<str>,
}

#[derive(Clone, Default, Debug)]
pub struct PreviousClasses {
    /// By class key: `node:<id>`, `bucket:<name>`, `circuit:<id>`.
    pub by_key: FxHashMap<Box<str>, PreviousClass>,
    /// Freed numbers that must rest: for how many more payload changes.
    pub resting: Resting,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PreviousClass {
    pub queue: u16,
    pub minor: u16,
    /// Key of the class it hangs under; `None` for a root class.
    pub parent: Option<Box<str>>,
    /// Leaf handles; 0 = none.
    pub handle: Pair<u16>,
    /// Leaf disciplines.
    pub leaf: Pair<LeafKind>,
}

/// Numbers nobody may take yet, with the payload changes they still rest.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Resting {
    /// (queue, minor)
    pub minors: BTreeMap<(u16, u16), u8>,
    /// Handles of the interface towards the network, and of the one towards the internet (`.up`; empty on a stick).
    pub handles: Pair<BTreeMap<u16, u8>>,
}

/// Payload changes a freed number rests: counters, map entries and dashboards may still refer to it.
pub const REST: u8 = 2;

impl Resting {
    /// One payload change later.
    pub fn aged(&self) -> Resting {
        fn age<K: Ord + Copy>(map: &BTreeMap<K, u8>) -> BTreeMap<K, u8> {
            map.iter()
                .filter(|(_, left)| **left > 1)
                .map(|(key, left)| (*key, left - 1))
                .collect()
        }
        Resting {
            minors: age(&self.minors),
            handles: Pair::new(age(&self.handles.down), age(&self.handles.up)),
        }
    }
}

impl Previous {
    /// Ids of the links that carried the previous tree.
    pub fn links_used(&self) -> BTreeSet<&str> {
        self.chosen.values().map(|c| c.via.as_ref()).collect()
    }
}
