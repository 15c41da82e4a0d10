//! Pass 3, effective capacities: the smallest of the WAN, every link on the root path in its own direction, and
//! every non-hidden node's own capacity (topology.md 1.6). Unknown contributes nothing; hidden nodes lend their
//! links.

use crate::config::project::Project;
use crate::id::NodeIx;
use crate::ir::graph::{ChosenTree, Vertex};
use crate::ir::inventory::Inventory;
use crate::topology::{Trial, contributes_own_cap};
use crate::units::{Kbps, Pair};

/// By node.
pub(crate) fn physical(
    project: &Project,
    inventory: &Inventory,
    chosen: &ChosenTree,
    root: Option<NodeIx>,
    trial: &Trial,
) -> Vec<Pair<Kbps>> {
    let wan = project.topology.wan;
    let own = |node: NodeIx| {
        if contributes_own_cap(inventory, node) && trial.excluded.binary_search(&node).is_err() {
            inventory[node].capacity.or_unlimited()
        } else {
            Pair::UNLIMITED
        }
    };
    let mut cap = vec![wan; inventory.nodes.len()];
    if let Some(root) = root {
        cap[root.ix()] = wan.min(own(root));
    }
    for &node in &chosen.order {
        let Some(choice) = &chosen.choice[node.ix()] else {
            continue;
        };
        let above = match choice.parent {
            Vertex::Node(parent) => cap[parent.ix()],
            Vertex::GeneratedRoot => wan,
        };
        cap[node.ix()] = above.min(choice.capacity).min(own(node));
    }
    cap
}
