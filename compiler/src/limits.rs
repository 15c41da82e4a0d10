//! Which limits of the network a shaping tree holds, and by how much it lets the others be exceeded: the measure by
//! which strategies are compared. Nothing is decided here.
//!
//! A node of the network has a limit where its effective capacity is below the uplink's. The limit *can bind* when the
//! circuits below could send more than it, all other limits being held (the theorem of topology.md 5: the limits that
//! are left are exactly those that no other limit implies). It is *lost* when the emitted tree lets more through to what
//! hangs below the node than its capacity. Virtual and excluded nodes are transparent: the operator says that their own
//! limit does not count.

use std::collections::BTreeMap;

use crate::config::project::Project;
use crate::id::{NodeIx, TreeIx};
use crate::ir::graph::{ChosenTree, LinkGraph, Vertex};
use crate::ir::inventory::Inventory;
use crate::ir::tree::{Parent, ShapingTree};
use crate::units::{Kbps, Pair};

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Limits {
    /// Nodes whose limit can bind.
    pub binding: usize,
    /// Those that are not held, with what can exceed each, by id.
    pub lost: Vec<(NodeIx, Pair<Kbps>)>,
}

impl Limits {
    /// What can exceed the lost limits, all together.
    pub fn exceed(&self) -> Pair<Kbps> {
        self.lost.iter().map(|(_, by)| *by).sum()
    }
}

/// Of a tree: `tree` was shaped from the same inventory, graph and choice.
pub fn limits(
    project: &Project,
    inventory: &Inventory,
    graph: &LinkGraph,
    chosen: &ChosenTree,
    tree: &ShapingTree,
) -> Limits {
    let caps = &tree.evidence.physical_cap;
    limits_under(caps, project, inventory, graph, chosen, tree)
}

/// The same, held against these effective capacities, by node: those of the network as it is, where the tree was shaped
/// as if settings were others. A node that is excluded on trial has the limit that it has now.
pub fn limits_under(
    caps: &[Pair<Kbps>],
    project: &Project,
    inventory: &Inventory,
    graph: &LinkGraph,
    chosen: &ChosenTree,
    tree: &ShapingTree,
) -> Limits {
    let wan = project.topology.wan;
    let up = |node: NodeIx| match chosen.choice[node.ix()].as_ref()?.parent {
        Vertex::Node(parent) if Some(parent) != graph.root => Some(parent),
        _ => None,
    };
    let order: Vec<NodeIx> = chosen
        .order
        .iter()
        .copied()
        .filter(|node| Some(*node) != graph.root)
        .collect();
    // What is no lower than the uplink is no limit of the node's own.
    let limit: Vec<Option<Pair<Kbps>>> = inventory
        .node_ixs()
        .map(|node| {
            let cap = caps.get(node.ix()).copied()?;
            let own = cap.zip(
                wan,
                |cap, wan| if cap < wan { cap } else { Kbps::UNLIMITED },
            );
            let counts = inventory[node].hidden.is_none() && own != Pair::UNLIMITED;
            counts.then_some(own)
        })
        .collect();

    // Which can bind: deepest first, what could be sent against the limit and what is above.
    let mut above = vec![Pair::UNLIMITED; inventory.nodes.len()];
    for &node in &order {
        if let Some(parent) = up(node) {
            let through = limit[parent.ix()].unwrap_or(Pair::UNLIMITED);
            above[node.ix()] = above[parent.ix()].min(through);
        }
    }
    let mut asked = vec![Pair::ZERO; inventory.nodes.len()];
    for (ix, circuit) in tree.placed() {
        if let Some(node) = inventory[ix].attach {
            asked[node.ix()] += circuit.asked;
        }
    }
    let mut binds = vec![false; inventory.nodes.len()];
    for &node in order.iter().rev() {
        let i = node.ix();
        let mut passes = asked[i];
        if let Some(limit) = limit[i] {
            let wanted = asked[i].min(above[i]);
            if limit.down < wanted.down || limit.up < wanted.up {
                binds[i] = true;
                passes = asked[i].min(limit);
            }
        }
        if let Some(parent) = up(node) {
            asked[parent.ix()] += passes;
        }
    }

    // What the emitted tree lets through to what hangs below each node of the network. A part that hangs under an
    // emitted node further up shares that node's capacity with the others that do.
    let mut sends = vec![Pair::ZERO; tree.nodes.len()];
    for (_, circuit) in tree.placed() {
        if let Parent::Node(at) = circuit.parent {
            sends[at.ix()] += circuit.max;
        }
    }
    for at in tree.tree_ixs().rev() {
        if let Some(parent) = tree[at].parent {
            let passes = sends[at.ix()].min(tree[at].cap);
            sends[parent.ix()] += passes;
        }
    }
    let mut emitted: Vec<Option<TreeIx>> = vec![None; inventory.nodes.len()];
    for at in tree.tree_ixs() {
        emitted[tree[at].node.ix()] = Some(at);
    }
    let mut parts: Vec<BTreeMap<Option<TreeIx>, Pair<Kbps>>> =
        vec![BTreeMap::new(); inventory.nodes.len()];
    for (ix, circuit) in tree.placed() {
        if let Some(node) = inventory[ix].attach {
            let under = match circuit.parent {
                Parent::Node(at) => Some(at),
                Parent::Bucket(_) => None,
            };
            *parts[node.ix()].entry(under).or_default() += circuit.max;
        }
    }
    let mut lost = Vec::new();
    for &node in order.iter().rev() {
        let i = node.ix();
        let mut below = std::mem::take(&mut parts[i]);
        if let Some(at) = emitted[i] {
            // Everything under it leaves by it.
            below.remove(&Some(at));
            let passes = sends[at.ix()].min(tree[at].cap);
            *below.entry(tree[at].parent).or_default() += passes;
        }
        if binds[i]
            && let Some(limit) = limit[i]
        {
            let by = most(tree, &below).zip(limit, |most, limit| {
                Kbps(match limit {
                    Kbps::UNLIMITED => 0,
                    limit => most.0.saturating_sub(limit.0),
                })
            });
            if by != Pair::ZERO {
                lost.push((node, by));
            }
        }
        if let Some(parent) = up(node) {
            let into = &mut parts[parent.ix()];
            if into.len() < below.len() {
                std::mem::swap(into, &mut below);
            }
            for (under, rate) in below {
                *into.entry(under).or_default() += rate;
            }
        }
    }
    lost.sort_unstable_by_key(|(node, _)| *node);
    Limits {
        binding: binds.iter().filter(|binds| **binds).count(),
        lost,
    }
}

/// The most that parts under emitted nodes further up can send together.
fn most(tree: &ShapingTree, parts: &BTreeMap<Option<TreeIx>, Pair<Kbps>>) -> Pair<Kbps> {
    if parts.len() == 1
        && let Some((None, rate)) = parts.first_key_value()
    {
        return *rate;
    }
    let mut parts = parts.clone();
    // Children are stored after their parents.
    while let Some((&Some(at), &rate)) = parts.last_key_value() {
        parts.remove(&Some(at));
        *parts.entry(tree[at].parent).or_default() += rate.min(tree[at].cap);
    }
    parts.remove(&None).unwrap_or_default()
}
