//! Pass 6, prune: nodes without circuits below are not emitted.

use crate::id::NodeIx;
use crate::topology::{Draft, Spot};

/// Returns the pruned nodes, sorted.
pub(crate) fn prune(draft: &mut Draft) -> Vec<NodeIx> {
    let mut keep = vec![false; draft.emitted.len()];
    for spot in draft.spot.iter().flatten() {
        let Spot::Node(node) = *spot else { continue };
        let mut at = Some(node);
        while let Some(node) = at.filter(|n| !keep[n.ix()]) {
            keep[node.ix()] = true;
            at = draft.parent[node.ix()];
        }
    }
    let pruned: Vec<NodeIx> = draft.emitted().filter(|n| !keep[n.ix()]).collect();
    for node in &pruned {
        draft.emitted[node.ix()] = false;
        draft.parent[node.ix()] = None;
    }
    pruned
}
