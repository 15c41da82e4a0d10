//! `tree.json`: the shaping tree with effective capacities and resolved rates, for programs and for review.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;
use crate::common::{NodeKind, OmitReason, Pair, Strategy};

/// The shaping tree of one artifact. Everything is sorted by id, as bytes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Tree<'a> {
    /// `weir.tree/1`
    #[schemars(extend("const" = Tree::SCHEMA))]
    pub schema: Cow<'a, str>,
    /// The strategy that placed nodes and circuits.
    pub strategy: Strategy,
    /// Top-level nodes, with everything below them.
    pub emitted: Vec<TreeNode<'a>>,
    /// Generated parent nodes that hold circuits, by name, with the ids of their circuits.
    pub buckets: BTreeMap<Cow<'a, str>, Vec<Cow<'a, str>>>,
    /// Shaped circuits by id.
    #[serde(deserialize_with = "crate::in_order")]
    pub circuits: BTreeMap<Cow<'a, str>, TreeCircuit<'a>>,
    /// Circuits that are not shaped, by id, with the reason. Their traffic passes at full speed.
    pub omitted: BTreeMap<Cow<'a, str>, OmitReason>,
}

impl Published for Tree<'_> {
    const SCHEMA: &'static str = "weir.tree/1";
}

/// A node of the tree.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct TreeNode<'a> {
    /// Stable id of the node in its source.
    pub id: Cow<'a, str>,
    /// Display name, unique among emitted nodes; the key of this node in `network.json`.
    pub name: Cow<'a, str>,
    /// What the node is.
    pub kind: NodeKind,
    /// Effective capacity, `[download, upload]` in kbit/s: the smallest on its path from the internet, links
    /// included.
    pub cap_kbps: Pair<u64>,
    /// Sum of the guaranteed rates of the circuits below, `[download, upload]` in kbit/s.
    pub rate_kbps: Pair<u64>,
    /// Rate of its HTB class, `[download, upload]` in kbit/s: the capacity at the top level, `rate_kbps` below;
    /// `[0, 0]` for a node without circuits below, which has no class.
    pub htb_rate_kbps: Pair<u64>,
    /// CPU queue, counted from 0.
    pub cpu: u16,
    /// Ids of the circuits that hang directly on it.
    pub circuits: Vec<Cow<'a, str>>,
    /// Nodes directly below.
    pub children: Vec<TreeNode<'a>>,
}

/// A shaped circuit.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct TreeCircuit<'a> {
    /// Id of the node, or name of the generated parent node, it hangs on.
    pub parent: Cow<'a, str>,
    /// Ceiling, `[download, upload]` in kbit/s.
    pub max_kbps: Pair<u64>,
    /// Guaranteed rate, `[download, upload]` in kbit/s.
    pub min_kbps: Pair<u64>,
    /// The devices that kept an address.
    pub devices: Vec<TreeDevice<'a>>,
}

/// A device of a circuit.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct TreeDevice<'a> {
    /// Stable id of the device.
    pub id: Cow<'a, str>,
    /// IPv4 prefixes, always with their length.
    pub ipv4: Vec<Cow<'a, str>>,
    /// IPv6 prefixes, always with their length.
    pub ipv6: Vec<Cow<'a, str>>,
}
