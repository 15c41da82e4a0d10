//! `LinkGraph`: the claims about how traffic can flow (a petgraph graph: cycles, rival parents and islands are
//! all possible), and `ChosenTree`: the one parent each node got from it (topology.md 1.5).

use petgraph::graph::{DiGraph, NodeIndex};

use crate::id::{LinkIx, NodeIx};
use crate::ir::inventory::Inventory;
use crate::units::{Kbps, Pair};

/// A vertex: an inventory node, or the generated root.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Vertex {
    /// `@root`: made when no node is the root.
    GeneratedRoot,
    Node(NodeIx),
}

/// A directed edge: a way for download traffic to go from its tail to its head.
#[derive(Clone, Debug)]
pub struct Edge {
    pub via: Via,
    /// `.down` along the edge, `.up` against it.
    pub capacity: Pair<Kbps>,
    pub cost: u64,
}

/// What an edge stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Via {
    Link(LinkIx),
    /// Rule (b): a non-site belongs to its declared parent; id `member:<node>`.
    Member(NodeIx),
    /// A gateway's edge from the root.
    Gateway,
    /// A pin without a link.
    Pin,
    /// Rule (c): the declared parent, for a node nothing else reaches; perhaps with the capacity of a down link.
    Declared(Option<LinkIx>),
    /// Rule (d): the head of an island.
    Island,
}

/// Vertex 0 is the generated root (without edges when a real one exists); vertex `i + 1` is inventory node `i`.
#[derive(Clone, Debug)]
pub struct LinkGraph {
    pub graph: DiGraph<Vertex, Edge>,
    /// The real root, if there is one.
    pub root: Option<NodeIx>,
    /// Heads of islands hung under the root by rule (d), first to last.
    pub heads: Vec<NodeIx>,
    /// Names the exports it was built from; empty where no link is held.
    pub snapshot: String,
    pub evidence: GraphEvidence,
}

impl LinkGraph {
    pub fn root_vertex(&self) -> Vertex {
        self.root.map_or(Vertex::GeneratedRoot, Vertex::Node)
    }
}

impl Vertex {
    pub fn index(self) -> NodeIndex {
        match self {
            Vertex::GeneratedRoot => NodeIndex::new(0),
            Vertex::Node(node) => NodeIndex::new(node.ix() + 1),
        }
    }

    pub fn node(self) -> Option<NodeIx> {
        match self {
            Vertex::GeneratedRoot => None,
            Vertex::Node(node) => Some(node),
        }
    }

    /// The id by which ties are broken and which people see.
    pub fn id(self, inventory: &Inventory) -> &str {
        match self {
            Vertex::GeneratedRoot => GENERATED_ROOT,
            Vertex::Node(node) => &inventory[node].id,
        }
    }
}

/// Id of the generated root.
pub const GENERATED_ROOT: &str = "@root";

impl Via {
    /// The id of the edge: the link's own, or one derived from its rule.
    pub fn id(self, inventory: &Inventory, head: NodeIx) -> String {
        let head = &inventory[head].id;
        match self {
            Via::Link(link) => inventory[link].id.to_string(),
            Via::Member(node) => format!("member:{}", inventory[node].id),
            Via::Gateway => format!("gateway:{head}"),
            Via::Pin => format!("pin:{head}"),
            Via::Declared(_) => format!("declared:{head}"),
            Via::Island => format!("island:{head}"),
        }
    }
}

/// What building the graph could not use.
#[derive(Clone, Default, Debug)]
pub struct GraphEvidence {
    /// Cycles among declared parents, each starting at its smallest id.
    pub declared_cycles: Vec<Vec<NodeIx>>,
    /// Links that are down but count as up, because the previous tree used them and they have not been down for
    /// `topology.link_down_hold` snapshots. Sorted.
    pub held: Vec<HeldLink>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldLink {
    pub link: LinkIx,
    /// Snapshots in a row in which it was down, this one included.
    pub snapshots: u32,
}

/// One parent a node, or none yet.
#[derive(Clone, Debug)]
pub struct ChosenTree {
    /// By node. `None` only for a real root.
    pub choice: Vec<Option<Choice>>,
    /// By node: the island head on its root path.
    pub island: Vec<Option<NodeIx>>,
    /// Nodes, parents before children.
    pub order: Vec<NodeIx>,
}

/// Why a node hangs where it hangs.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The parent; `None` = the generated root.
    pub parent: Vertex,
    pub via: Via,
    /// Capacity of the chosen edge: download along it, upload against it.
    pub capacity: Pair<Kbps>,
    /// Cost of that edge.
    pub edge_cost: u64,
    /// Sum of costs from the root (0 for metrics without costs).
    pub cost: u64,
    pub hops: u32,
    /// Smallest download capacity on the path.
    pub bottleneck: Kbps,
    /// The next best edges into this node, best first; at most three.
    pub rivals: Vec<Rival>,
    /// The previous artifact's parent, kept although another is (a little) better now.
    pub kept: bool,
}

#[derive(Clone, Debug)]
pub struct Rival {
    pub parent: Vertex,
    pub via: Via,
    pub cost: u64,
    pub hops: u32,
    pub bottleneck: Kbps,
}
