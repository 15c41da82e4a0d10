//! Pass 8, lossless simplification: nodes that no feasible traffic can make bind are removed, one at a time,
//! deepest first (the theorem of topology.md 5: F is unchanged by removing v iff c_v >= min(S(v), A(v))).

use crate::config::project::Simplify;
use crate::id::NodeIx;
use crate::ir::inventory::Inventory;
use crate::topology::adjust::loss;
use crate::topology::{Draft, Spot};
use crate::units::{Pair, muldiv};

/// Returns the removed nodes, sorted.
pub(crate) fn simplify(mode: Simplify, inventory: &Inventory, draft: &mut Draft) -> Vec<NodeIx> {
    if mode == Simplify::Off {
        return Vec::new();
    }
    let margin = mode.margin();
    let order = draft.preorder();
    let mut level = vec![0usize; draft.emitted.len()];
    for &node in &order {
        level[node.ix()] = draft.parent[node.ix()].map_or(0, |p| level[p.ix()] + 1);
    }
    let mut deepest_first = order;
    deepest_first.sort_by_key(|n| (std::cmp::Reverse(level[n.ix()]), *n));

    // Deepest first, so everything below a node is settled when its turn comes, and nothing above it is gone.
    let mut asked = loss::own_demand(draft);
    let mut holds_circuits: Vec<bool> = vec![false; draft.emitted.len()];
    for spot in draft.spot.iter().flatten() {
        if let Spot::Node(node) = spot {
            holds_circuits[node.ix()] = true;
        }
    }
    let mut removed = Vec::new();
    for node in deepest_first {
        let i = node.ix();
        let parent = draft.parent[i];
        let eligible = mode.takes(inventory[node].kind, holds_circuits[i]);
        // Its circuits would land in a bucket, which is shared.
        let stays = parent.is_none() && holds_circuits[i];
        let above = parent.map_or(Pair::UNLIMITED, |p| draft.cap[p.ix()]);
        let wanted = asked[i].map(|s| muldiv(s, margin)).min(above);
        let redundant = draft.cap[i].down >= wanted.down && draft.cap[i].up >= wanted.up;
        let goes = eligible && redundant && !stays;
        if goes {
            removed.push(node);
        }
        if let Some(parent) = parent {
            let passes = match goes {
                true => asked[i],
                false => asked[i].min(draft.cap[i]),
            };
            asked[parent.ix()] += passes;
            holds_circuits[parent.ix()] |= goes && holds_circuits[i];
        }
    }
    removed.sort_unstable();
    draft.remove(&removed);
    removed
}
