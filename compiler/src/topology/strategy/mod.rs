//! The four strategies (topology.md 1.9): which nodes are emitted, under which emitted node, and where each
//! circuit hangs. To add one: a file with a `place` function and a line in `place` below.

mod ap_only;
mod ap_site;
mod flat;
mod full;

use super::{Draft, Spot, promotes};
use crate::config::project::Project;
use crate::id::NodeIx;
use crate::ir::graph::{ChosenTree, Vertex};
use crate::ir::inventory::Inventory;
use crate::ir::records::NodeKind;
use crate::ir::tree::{BucketReason, Strategy};
use crate::units::{Kbps, Pair};

/// The chosen tree as strategies see it: transparent nodes are known, the root is not a place.
pub(crate) struct View<'a> {
    pub inventory: &'a Inventory,
    pub chosen: &'a ChosenTree,
    pub root: Option<NodeIx>,
    /// Virtual, excluded or queue-auto.
    pub hidden: Vec<bool>,
    /// `topology.promote_to_root`, and what a trial adds to it. Sorted.
    pub promoted: Vec<NodeIx>,
    /// What a trial adds to `topology.exclude`. Sorted.
    pub excluded: &'a [NodeIx],
}

impl View<'_> {
    /// The parent in the chosen tree; `None` at the top (the root is nobody's emitted parent).
    pub fn up(&self, node: NodeIx) -> Option<NodeIx> {
        match self.chosen.choice[node.ix()].as_ref()?.parent {
            Vertex::Node(parent) if Some(parent) != self.root => Some(parent),
            _ => None,
        }
    }

    /// The node and its ancestors, nearest first, without the root.
    pub fn path(&self, node: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
        let first = (Some(node) != self.root).then_some(node);
        std::iter::successors(first, |&at| self.up(at))
    }

    pub fn visible(&self, node: NodeIx) -> bool {
        !self.hidden[node.ix()] && Some(node) != self.root
    }

    pub fn kind(&self, node: NodeIx) -> NodeKind {
        self.inventory[node].kind
    }

    /// Nearest visible node at or above, of one of the kinds.
    pub fn nearest(&self, from: NodeIx, wanted: impl Fn(NodeKind) -> bool) -> Option<NodeIx> {
        self.path(from)
            .find(|&at| self.visible(at) && wanted(self.kind(at)))
    }
}

/// What a strategy says about one network.
pub(crate) trait Place {
    /// Emitted parent of a node: `None` = not emitted, `Some(None)` = top level.
    fn parent(&self, view: &View<'_>, node: NodeIx) -> Option<Option<NodeIx>>;
    /// Where a circuit attached to this node hangs; `None` = the strategy has no place for it.
    fn attach(&self, view: &View<'_>, node: NodeIx) -> Option<NodeIx>;
}

pub(crate) fn place(project: &Project, view: &View<'_>, cap: &[Pair<Kbps>]) -> Draft {
    let strategy = project.topology.strategy;
    match strategy {
        Strategy::Flat => draft(view, cap, &flat::Flat, strategy),
        Strategy::ApOnly => draft(view, cap, &ap_only::ApOnly, strategy),
        Strategy::ApSite => draft(view, cap, &ap_site::ApSite, strategy),
        Strategy::Full => draft(view, cap, &full::Full, strategy),
    }
}

fn draft(view: &View<'_>, cap: &[Pair<Kbps>], strategy: &impl Place, which: Strategy) -> Draft {
    let inventory = view.inventory;
    let n = inventory.nodes.len();
    let mut emitted = vec![false; n];
    let mut parent = vec![None; n];
    // Circuits of one node all hang on the same node: decide once.
    let mut attach: Vec<Option<NodeIx>> = vec![None; n];
    for node in inventory.node_ixs() {
        attach[node.ix()] = strategy.attach(view, node);
        if let Some(up) = strategy.parent(view, node) {
            emitted[node.ix()] = true;
            let promoted =
                promotes(which, view.kind(node)) && view.promoted.binary_search(&node).is_ok();
            parent[node.ix()] = if promoted { None } else { up };
        }
    }
    let spot = inventory
        .circuits
        .iter()
        .map(|circuit| {
            if circuit.omitted.is_some() {
                return None;
            }
            let bucket = |reason| Some(Spot::Bucket(reason));
            match circuit.attach {
                _ if which == Strategy::Flat => bucket(BucketReason::Flat),
                None => bucket(BucketReason::NoParent),
                Some(node) if Some(node) == view.root => bucket(BucketReason::RootAttached),
                Some(node) => match attach[node.ix()] {
                    Some(place) => Some(Spot::Node(place)),
                    None => bucket(BucketReason::NoStrategyParent),
                },
            }
        })
        .collect();
    Draft {
        emitted,
        parent,
        cap: cap.to_vec(),
        spot,
        max: inventory.circuits.iter().map(|c| c.max).collect(),
        min: inventory.circuits.iter().map(|c| c.min).collect(),
    }
}
