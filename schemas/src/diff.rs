//! `weir diff --format json`: what changes for subscribers from one artifact to another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;
use crate::common::{NodeKind, Pair};

/// What changes from `from` to `to`. Groups are in the order of their blast radius, and so are the changes in each.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Diff {
    /// `weir.diff/1`
    #[schemars(extend("const" = Diff::SCHEMA))]
    pub schema: String,
    /// The artifact before.
    pub from: Side,
    /// The artifact after.
    pub to: Side,
    /// How many changes of each kind; every kind is there.
    pub counts: Counts,
    /// The gravest disruption, and what it means for whom.
    pub disruption: Disruption,
    /// Circuits whose traffic the change disturbs: everything from `leaf` on.
    pub disturbed: u64,
    /// What changes, most disturbing first.
    pub groups: Vec<Group>,
}

impl Published for Diff {
    const SCHEMA: &'static str = "weir.diff/1";
}

/// One of the two artifacts.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Side {
    /// Payload digest.
    pub digest: String,
    /// Name of the target it was built for; null when the project declares none.
    pub target: Option<String>,
    /// Its strategy.
    pub strategy: String,
    /// Circuits that are shaped.
    pub shaped: u64,
    /// Nodes in the tree.
    pub nodes: u64,
    /// Sum of the ceilings of all circuits, `[download, upload]` in kbit/s.
    pub max_kbps: Pair<u64>,
    /// Sum of the guarantees of all circuits, `[download, upload]` in kbit/s.
    pub min_kbps: Pair<u64>,
}

/// How many.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Circuits that are shaped now and were not.
    pub joined: u64,
    /// Circuits that were shaped and are not any more.
    pub left: u64,
    /// Circuits that hang on another node.
    pub moved: u64,
    /// Circuits with another node anywhere above them, which is what the guard counts: those below a node that moved
    /// are among them, and a generated parent node is none. Not a change of its own.
    #[serde(default)]
    pub reparented: u64,
    /// Circuits with another ceiling or guarantee.
    pub rerated: u64,
    /// Circuits with other addresses.
    pub readdressed: u64,
    /// Circuits with another name.
    pub renamed: u64,
    /// Circuits that nothing was changed for, and whose class is another one all the same: its CPU queue, class
    /// number, leaf or a class above it.
    pub reclassed: u64,
    /// Nodes that are new.
    pub nodes_joined: u64,
    /// Nodes that are gone.
    pub nodes_left: u64,
    /// Nodes under another node.
    pub nodes_moved: u64,
    /// Nodes with another capacity.
    pub nodes_rerated: u64,
    /// Nodes with another name.
    pub nodes_renamed: u64,
    /// Nodes that nothing was changed for, and whose class is another one all the same.
    pub nodes_reclassed: u64,
    /// Strategy, target, interfaces, queues, leaf disciplines.
    pub settings: u64,
}

impl Counts {
    /// Every change.
    pub fn total(&self) -> u64 {
        self.joined
            + self.left
            + self.moved
            + self.rerated
            + self.readdressed
            + self.renamed
            + self.reclassed
            + self.nodes_joined
            + self.nodes_left
            + self.nodes_moved
            + self.nodes_rerated
            + self.nodes_renamed
            + self.nodes_reclassed
            + self.settings
    }
}

/// What a change does to traffic. Each is graver than the one before.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
)]
#[serde(rename_all = "kebab-case")]
pub enum Disruption {
    /// Nothing is loaded.
    #[default]
    None,
    /// The table of addresses changes, classes are added, or classes go that nobody was in: no packet is lost.
    MapOnly,
    /// Classes get other rates where they are: queued packets stay.
    Rate,
    /// A leaf discipline is replaced or removed: what is queued in it is lost.
    Leaf,
    /// A class is made elsewhere and the old one removed: what is queued is lost.
    Move,
    /// The trees are made again: everybody's queues are lost.
    Rebuild,
}

impl Disruption {
    /// As it stands in files.
    pub fn word(self) -> &'static str {
        match self {
            Disruption::None => "none",
            Disruption::MapOnly => "map-only",
            Disruption::Rate => "rate",
            Disruption::Leaf => "leaf",
            Disruption::Move => "move",
            Disruption::Rebuild => "rebuild",
        }
    }

    /// What it means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Disruption::None => "nothing is loaded",
            Disruption::MapOnly => {
                "addresses and new classes are added, nothing that runs is touched"
            }
            Disruption::Rate => "rates change in place, queued packets stay",
            Disruption::Leaf => "leaf queues are replaced, what is queued in them is lost",
            Disruption::Move => "classes are made elsewhere, what is queued in them is lost",
            Disruption::Rebuild => "all trees are made again, everybody's queues are lost",
        }
    }
}

/// Changes of one kind.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// What they have in common.
    pub kind: GroupKind,
    /// The gravest of them.
    pub disruption: Disruption,
    /// Circuits that are affected, each once for every change.
    pub affected: u64,
    /// The changes, most disturbing first.
    pub changes: Vec<Change>,
}

/// What a change is.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug,
)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// Strategy, target, interfaces, queues, leaf disciplines.
    Settings,
    /// Circuits that are not shaped any more.
    Left,
    /// Nodes that are gone.
    NodesLeft,
    /// Nodes under another node.
    NodesMoved,
    /// Nodes with another capacity.
    NodesRerated,
    /// Circuits that hang on another node.
    Moved,
    /// Circuits with another ceiling or guarantee.
    Rerated,
    /// Circuits with other addresses.
    Readdressed,
    /// Circuits that are new.
    Joined,
    /// Nodes that are new.
    NodesJoined,
    /// Nodes with another name.
    NodesRenamed,
    /// Circuits with another name.
    Renamed,
    /// Nodes whose class is another one although nothing was changed for them.
    NodesReclassed,
    /// Circuits whose class is another one although nothing was changed for them.
    Reclassed,
}

/// One change of one thing. A circuit with several changes is in several groups.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Stable id of the circuit or node, or the setting.
    pub id: String,
    /// Its name, after the change where it has one.
    pub name: String,
    /// What the node is; absent for circuits and settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<NodeKind>,
    /// What it does to traffic.
    pub disruption: Disruption,
    /// Circuits that it affects.
    pub affected: u64,
    /// What it was; absent for what is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it becomes; absent for what is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}
