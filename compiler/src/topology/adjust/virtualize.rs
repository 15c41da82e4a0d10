//! Pass 4, queue-auto: sites and APs with child nodes, no circuit of their own and a capacity at or above the
//! threshold become transparent (topology.md 1.10). All nodes are judged together, on the capacities of pass 3.

use crate::config::project::Project;
use crate::id::NodeIx;
use crate::ir::graph::{ChosenTree, Vertex};
use crate::ir::inventory::Inventory;
use crate::ir::records::NodeKind;
use crate::units::{Kbps, Pair};

/// Sorted.
pub(crate) fn queue_auto(
    project: &Project,
    inventory: &Inventory,
    chosen: &ChosenTree,
    root: Option<NodeIx>,
    cap: &[Pair<Kbps>],
) -> Vec<NodeIx> {
    let threshold = project.topology.auto_virtual;
    if threshold == Kbps::ZERO {
        return Vec::new();
    }
    let mut has_children = vec![false; inventory.nodes.len()];
    for choice in chosen.choice.iter().flatten() {
        if let Vertex::Node(parent) = choice.parent {
            has_children[parent.ix()] = true;
        }
    }
    let mut has_circuits = vec![false; inventory.nodes.len()];
    for circuit in inventory.circuits.iter().filter(|c| c.omitted.is_none()) {
        if let Some(node) = circuit.attach {
            has_circuits[node.ix()] = true;
        }
    }
    inventory
        .node_ixs()
        .filter(|&node| {
            let i = node.ix();
            Some(node) != root
                && inventory[node].hidden.is_none()
                && matches!(inventory[node].kind, NodeKind::Site | NodeKind::Ap)
                && has_children[i]
                && !has_circuits[i]
                && cap[i].down.max(cap[i].up) >= threshold
        })
        .collect()
}
