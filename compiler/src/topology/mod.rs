//! From an inventory to a shaping tree: the claims about links become a graph, each node gets one parent, a
//! strategy decides what is emitted, and the passes of topology.md 1.0 settle rates and CPU queues. Nothing here
//! reports anything: decisions are kept as evidence and the lint rules read it.

pub mod adjust;
mod build;
mod layout;
mod names;
mod path;
mod place;
pub mod strategy;

pub use build::graph;
pub use layout::{class_key, layout};
pub use names::is_reserved;
pub use path::choose;

use crate::config::project::Project;
use crate::id::{CircuitIx, NodeIx, TreeIx};
use crate::ir::graph::{ChosenTree, LinkGraph};
use crate::ir::inventory::{Hidden, Inventory};
use crate::ir::previous::Previous;
use crate::ir::tree::{
    BucketReason, Parent, PlacedCircuit, ShapingTree, Strategy, TreeEvidence, TreeNode,
};
use crate::units::{Kbps, Pair};

/// Where a circuit hangs while the passes move things.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spot {
    Node(NodeIx),
    Bucket(BucketReason),
}

/// The tree while it is being shaped, by inventory node.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub emitted: Vec<bool>,
    /// Emitted parent of an emitted node; `None` = top level.
    pub parent: Vec<Option<NodeIx>>,
    pub cap: Vec<Pair<Kbps>>,
    /// By circuit; `None` = omitted.
    pub spot: Vec<Option<Spot>>,
    pub max: Vec<Pair<Kbps>>,
    pub min: Vec<Pair<Kbps>>,
}

impl Draft {
    /// Emitted nodes, parents before children, siblings by id (depth first).
    pub fn preorder(&self) -> Vec<NodeIx> {
        let children = self.children();
        let mut order = Vec::new();
        let mut stack: Vec<NodeIx> = self
            .emitted()
            .filter(|n| self.parent[n.ix()].is_none())
            .collect();
        stack.reverse();
        while let Some(node) = stack.pop() {
            order.push(node);
            stack.extend(children[node.ix()].iter().rev());
        }
        order
    }

    pub fn emitted(&self) -> impl Iterator<Item = NodeIx> + '_ {
        (0..self.emitted.len())
            .filter(|&i| self.emitted[i])
            .map(NodeIx::of)
    }

    /// By node, sorted by id.
    pub fn children(&self) -> Vec<Vec<NodeIx>> {
        let mut children = vec![Vec::new(); self.emitted.len()];
        for node in self.emitted() {
            if let Some(parent) = self.parent[node.ix()] {
                children[parent.ix()].push(node);
            }
        }
        children
    }

    /// By node: its own circuits, sorted by id.
    pub fn own_circuits(&self) -> Vec<Vec<CircuitIx>> {
        let mut own = vec![Vec::new(); self.emitted.len()];
        for (i, spot) in self.spot.iter().enumerate() {
            if let Some(Spot::Node(node)) = spot {
                own[node.ix()].push(CircuitIx::of(i));
            }
        }
        own
    }

    /// Takes a node out: its children and circuits go to its parent. The caller has made sure that there is
    /// one, or that it has no own circuits.
    pub fn remove(
        &mut self,
        node: NodeIx,
        children: &mut [Vec<NodeIx>],
        own: &mut [Vec<CircuitIx>],
    ) {
        let up = self.parent[node.ix()];
        let orphans = std::mem::take(&mut children[node.ix()]);
        for &child in &orphans {
            self.parent[child.ix()] = up;
        }
        let circuits = std::mem::take(&mut own[node.ix()]);
        self.emitted[node.ix()] = false;
        self.parent[node.ix()] = None;
        let Some(up) = up else {
            debug_assert!(circuits.is_empty(), "circuits of a removed top-level node");
            return;
        };
        for &circuit in &circuits {
            self.spot[circuit.ix()] = Some(Spot::Node(up));
        }
        let siblings = &mut children[up.ix()];
        siblings.retain(|&c| c != node);
        siblings.extend(orphans);
        siblings.sort_unstable();
        let beside = &mut own[up.ix()];
        beside.extend(circuits);
        beside.sort_unstable();
    }
}

/// Passes 3 to 12 of topology.md 1.0.
pub fn shape(
    project: &Project,
    inventory: &Inventory,
    graph: &LinkGraph,
    chosen: &ChosenTree,
    previous: Option<&Previous>,
) -> ShapingTree {
    let settings = &project.topology;
    let flat = settings.strategy == Strategy::Flat;
    let mut evidence = TreeEvidence {
        bucket_cap: settings.generated,
        depth_budget: match settings.max_depth {
            0 => MAX_NODE_LEVELS,
            levels => levels,
        },
        ..TreeEvidence::default()
    };
    let root = graph.root;
    // (3) capacities, (4) queue-auto.
    evidence.physical_cap = adjust::caps::physical(project, inventory, chosen, root);
    let view = {
        let mut hidden: Vec<bool> = inventory.nodes.iter().map(|n| n.hidden.is_some()).collect();
        if !flat {
            evidence.auto_virtual = adjust::virtualize::queue_auto(
                project,
                inventory,
                chosen,
                root,
                &evidence.physical_cap,
            );
        }
        for node in &evidence.auto_virtual {
            hidden[node.ix()] = true;
        }
        strategy::View {
            inventory,
            chosen,
            root,
            hidden,
        }
    };
    // (5) placement by strategy, with promote_to_root.
    let mut draft = strategy::place(project, &view, &evidence.physical_cap);
    // (6) prune.
    if settings.prune_empty {
        evidence.pruned = adjust::prune::prune(&mut draft);
    }
    // (7) clamp.
    let asked: Vec<Pair<Kbps>> = draft.max.clone();
    adjust::clamp::clamp(&mut draft, settings.generated);
    evidence.unenforced = adjust::loss::unenforced(
        settings.strategy,
        &view,
        &draft,
        &evidence,
        &inventory.settings.promote,
    );
    // (8) simplify, (9) depth cut.
    evidence.simplified = adjust::simplify::simplify(settings.simplify, inventory, &mut draft);
    adjust::depth::cut(&mut draft, &mut evidence);
    // (12, first half) buckets: their circuits' guarantees are scaled with the rest.
    let buckets = place::buckets(
        inventory,
        &draft,
        project.target.queues,
        previous.and_then(|p| p.classes.as_ref()),
    );
    // (10) guarantees.
    let asked_min = draft.min.clone();
    let guarantee = adjust::guarantee::guarantees(project, &mut draft, &buckets, &mut evidence);
    // (11) names.
    let names = names::unique(inventory, &draft, &mut evidence);

    let own = draft.own_circuits();
    let order = draft.preorder();
    let mut tree_of: Vec<Option<TreeIx>> = vec![None; inventory.nodes.len()];
    for (i, node) in order.iter().enumerate() {
        tree_of[node.ix()] = Some(TreeIx::of(i));
    }
    let children = draft.children();
    let nodes = order
        .iter()
        .zip(names)
        .map(|(&node, name)| {
            let i = node.ix();
            let cap = draft.cap[i];
            let parent = draft.parent[i].and_then(|p| tree_of[p.ix()]);
            let has_circuits = guarantee.populated[i];
            TreeNode {
                node,
                parent,
                name,
                cap,
                guarantee: guarantee.of[i],
                htb_rate: match (has_circuits, parent) {
                    (false, _) => Pair::ZERO,
                    // A root class has nobody to borrow from (topology.md 0.3).
                    (true, None) => cap,
                    // Above its ceil only when floors alone exceed it, which is an error (RAT011).
                    (true, Some(_)) => guarantee.of[i],
                },
                children: children[i].iter().filter_map(|c| tree_of[c.ix()]).collect(),
                circuits: own[i].clone(),
            }
        })
        .collect();
    let circuits = draft
        .spot
        .iter()
        .enumerate()
        .map(|(i, spot)| {
            let (parent, bucket_reason) = match (*spot)? {
                Spot::Node(node) => (Parent::Node(tree_of[node.ix()]?), None),
                Spot::Bucket(reason) => (Parent::Bucket(buckets[i]?), Some(reason)),
            };
            Some(PlacedCircuit {
                parent,
                max: draft.max[i],
                min: draft.min[i],
                asked: asked[i],
                asked_min: asked_min[i],
                bucket_reason,
            })
        })
        .collect();
    ShapingTree {
        strategy: settings.strategy,
        nodes,
        circuits,
        evidence,
    }
}

/// HTB holds eight classes in a chain, the leaf included; top-level nodes are root classes (topology.md 1.13).
pub const MAX_NODE_LEVELS: usize = 7;

/// A node is transparent: virtual, excluded, or (in the slice) queue-auto.
pub(crate) fn contributes_own_cap(inventory: &Inventory, node: NodeIx) -> bool {
    !matches!(
        inventory[node].hidden,
        Some(Hidden::Virtual | Hidden::Excluded)
    )
}
