//! Pass 8, lossless simplification: nodes that no feasible traffic can make bind are removed, one at a time,
//! deepest first (the theorem of topology.md 5: F is unchanged by removing v iff c_v >= min(S(v), A(v))).

use crate::config::project::Simplify;
use crate::id::NodeIx;
use crate::ir::inventory::Inventory;
use crate::ir::records::NodeKind;
use crate::topology::Draft;
use crate::topology::adjust::loss;
use crate::units::{Kbps, Pair, PerMille, muldiv};

/// `auto` keeps a node until its limit is this much above what could flow, so that one more customer does not
/// bring a level back.
const AUTO_MARGIN: PerMille = PerMille(1100);

/// Returns the removed nodes, sorted.
pub(crate) fn simplify(mode: Simplify, inventory: &Inventory, draft: &mut Draft) -> Vec<NodeIx> {
    let margin = match mode {
        Simplify::Off => return Vec::new(),
        Simplify::All => PerMille::ONE,
        Simplify::Auto => AUTO_MARGIN,
    };
    let order = draft.preorder();
    let mut level = vec![0usize; draft.emitted.len()];
    for &node in &order {
        level[node.ix()] = draft.parent[node.ix()].map_or(0, |p| level[p.ix()] + 1);
    }
    let mut deepest_first = order;
    deepest_first.sort_by_key(|n| (std::cmp::Reverse(level[n.ix()]), *n));

    let mut demand = loss::demand(draft);
    let mut children = draft.children();
    let mut own = draft.own_circuits();
    let mut removed = Vec::new();
    for node in deepest_first {
        let i = node.ix();
        let parent = draft.parent[i];
        if parent.is_none() && !own[i].is_empty() {
            continue;
        }
        let eligible = match inventory[node].kind {
            NodeKind::Other => true,
            NodeKind::Site => mode == Simplify::All || own[i].is_empty(),
            NodeKind::Ap | NodeKind::Root => mode == Simplify::All,
        };
        let above = parent.map_or(Pair::UNLIMITED, |p| draft.cap[p.ix()]);
        let wanted = demand.s[i].map(|s| muldiv(s, margin)).min(above);
        let redundant = draft.cap[i].down >= wanted.down && draft.cap[i].up >= wanted.up;
        if !(eligible && redundant) {
            continue;
        }
        if let Some(parent) = parent {
            // S(parent) now counts what stood below v instead of what v let pass.
            let p = parent.ix();
            demand.s[p] =
                demand.s[p].zip(demand.m[i], |s, m| Kbps(s.0.saturating_sub(m.0))) + demand.s[i];
            refresh(draft, &mut demand, parent);
        }
        draft.remove(node, &mut children, &mut own);
        removed.push(node);
    }
    removed.sort_unstable();
    removed
}

/// Recomputes M from a node whose S changed up to the top.
fn refresh(draft: &Draft, demand: &mut loss::Demand, from: NodeIx) {
    let mut at = Some(from);
    while let Some(node) = at {
        let i = node.ix();
        let m = draft.cap[i].min(demand.s[i]);
        if m == demand.m[i] {
            return;
        }
        let before = demand.m[i];
        demand.m[i] = m;
        at = draft.parent[i];
        if let Some(parent) = at {
            let s = &mut demand.s[parent.ix()];
            *s = s.zip(before, |s, b| Kbps(s.0.saturating_sub(b.0))) + m;
        }
    }
}
