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
mod weigh;

pub use build::graph;
pub(crate) use layout::weights_of;
pub use layout::{class_key, is_class_key, layout};
pub use names::is_reserved;
pub use path::choose;
pub(crate) use place::spread;

use crate::config::project::Project;
use crate::id::{CircuitIx, NodeIx, TreeIx};
use crate::ir::graph::{ChosenTree, LinkGraph};
use crate::ir::inventory::{Hidden, Inventory};
use crate::ir::previous::Previous;
use crate::ir::records::NodeKind;
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

    /// Takes nodes out: what hangs on them goes to the nearest node above that stays. The caller has made sure that
    /// there is one, or that none of them has circuits.
    pub fn remove(&mut self, nodes: &[NodeIx]) {
        if nodes.is_empty() {
            return;
        }
        let mut goes = vec![false; self.emitted.len()];
        for node in nodes {
            goes[node.ix()] = true;
        }
        // Parents before children: where a node that goes sends what hangs on it.
        let mut heir: Vec<Option<NodeIx>> = vec![None; self.emitted.len()];
        for node in self.preorder() {
            let i = node.ix();
            let up = match self.parent[i] {
                Some(parent) if goes[parent.ix()] => heir[parent.ix()],
                up => up,
            };
            heir[i] = up;
        }
        for spot in self.spot.iter_mut().flatten() {
            if let Spot::Node(node) = *spot
                && goes[node.ix()]
            {
                debug_assert!(
                    heir[node.ix()].is_some(),
                    "circuits of a removed top-level node"
                );
                if let Some(up) = heir[node.ix()] {
                    *spot = Spot::Node(up);
                }
            }
        }
        for (i, goes) in goes.into_iter().enumerate() {
            self.parent[i] = if goes { None } else { heir[i] };
            self.emitted[i] &= !goes;
        }
    }
}

/// What somebody thinks of changing against the settings, to see what it would do.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Trial {
    /// As in `topology.promote_to_root`, sorted.
    pub promoted: Vec<NodeIx>,
    /// As in `topology.exclude`, sorted.
    pub excluded: Vec<NodeIx>,
}

/// `topology.promote_to_root` acts on emitted nodes of this kind.
pub fn promotes(strategy: Strategy, kind: NodeKind) -> bool {
    match strategy {
        Strategy::Flat | Strategy::ApOnly => false,
        Strategy::ApSite => kind == NodeKind::Ap,
        Strategy::Full => true,
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
    shape_trial(
        project,
        inventory,
        graph,
        chosen,
        previous,
        &Trial::default(),
    )
}

/// [`shape`], as if the settings were others.
pub fn shape_trial(
    project: &Project,
    inventory: &Inventory,
    graph: &LinkGraph,
    chosen: &ChosenTree,
    previous: Option<&Previous>,
    trial: &Trial,
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
    evidence.physical_cap = adjust::caps::physical(project, inventory, chosen, root, trial);
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
        for node in evidence.auto_virtual.iter().chain(&trial.excluded) {
            hidden[node.ix()] = true;
        }
        let mut promoted = inventory.settings.promote.clone();
        promoted.extend(&trial.promoted);
        promoted.sort_unstable();
        promoted.dedup();
        strategy::View {
            inventory,
            chosen,
            root,
            hidden,
            promoted,
            excluded: &trial.excluded,
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
    evidence.measured = weigh::measured(inventory, chosen, &draft);
    let hung_on = draft.spot.clone();
    evidence.unenforced = adjust::loss::unenforced(settings.strategy, &view, &draft, &evidence);
    // (8) simplify, (9) depth cut.
    evidence.simplified = adjust::simplify::simplify(settings.simplify, inventory, &mut draft);
    adjust::depth::cut(&mut draft, &mut evidence);
    evidence.clamped = hung_on
        .into_iter()
        .enumerate()
        .filter_map(|(i, spot)| match spot {
            Some(Spot::Node(node)) if draft.spot[i] != spot && draft.max[i] != asked[i] => {
                Some((CircuitIx::of(i), node))
            }
            _ => None,
        })
        .collect();
    // (12, first half) buckets: their circuits' guarantees are scaled with the rest.
    let buckets = place::buckets(
        inventory,
        &draft,
        evidence.measured.as_ref(),
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
