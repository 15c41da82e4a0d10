//! What is no longer enforced: hidden and promoted nodes whose limit would bind, in kbit/s (the l(v) of
//! topology.md 5.1 on the chosen tree).

use crate::id::NodeIx;
use crate::ir::inventory::Hidden;
use crate::ir::records::NodeKind;
use crate::ir::tree::{Strategy, TreeEvidence, Unenforced, UnenforcedWhy};
use crate::topology::strategy::View;
use crate::topology::{Draft, Spot};
use crate::units::{Kbps, Pair};

/// M and S of topology.md 5 on a draft: by node, what can pass it, and what its children and circuits could send.
pub(crate) struct Demand {
    pub m: Vec<Pair<Kbps>>,
    pub s: Vec<Pair<Kbps>>,
}

pub(crate) fn demand(draft: &Draft) -> Demand {
    let mut s = own_demand(draft);
    let mut m = vec![Pair::ZERO; s.len()];
    for node in draft.preorder().into_iter().rev() {
        let i = node.ix();
        m[i] = draft.cap[i].min(s[i]);
        if let Some(parent) = draft.parent[i] {
            s[parent.ix()] += m[i];
        }
    }
    Demand { m, s }
}

/// By node: the sum of its own circuits' maxima.
pub(crate) fn own_demand(draft: &Draft) -> Vec<Pair<Kbps>> {
    let mut s = vec![Pair::ZERO; draft.emitted.len()];
    for (spot, max) in draft.spot.iter().zip(&draft.max) {
        if let Some(Spot::Node(node)) = spot {
            s[node.ix()] += *max;
        }
    }
    s
}

/// l(v): the overload that becomes possible per direction.
pub(crate) fn loss(s: Pair<Kbps>, above: Pair<Kbps>, cap: Pair<Kbps>) -> Pair<Kbps> {
    s.min(above).zip(cap, |t, c| Kbps(t.0.saturating_sub(c.0)))
}

/// The strategy emits visible nodes of this kind.
fn emits(strategy: Strategy, kind: NodeKind) -> bool {
    match strategy {
        Strategy::Flat => false,
        Strategy::ApOnly => kind == NodeKind::Ap,
        Strategy::ApSite => matches!(kind, NodeKind::Ap | NodeKind::Site),
        Strategy::Full => true,
    }
}

pub(crate) fn unenforced(
    strategy: Strategy,
    view: &View<'_>,
    draft: &Draft,
    evidence: &TreeEvidence,
) -> Vec<Unenforced> {
    let inventory = view.inventory;
    let demand = demand(draft);
    // What flows through every node of the chosen tree, emitted or not: an emitted node adds what it lets pass
    // to the next node above it. Promoted nodes still send their traffic through what is physically above.
    let mut through = own_demand(draft);
    let mut passes = vec![Pair::ZERO; through.len()];
    for &node in view.chosen.order.iter().rev() {
        let i = node.ix();
        passes[i] = if draft.emitted[i] {
            through[i].min(draft.cap[i])
        } else {
            through[i]
        };
        if let Some(up) = view.up(node) {
            through[up.ix()] += passes[i];
        }
    }
    let emitted_above = |node: NodeIx| view.path(node).skip(1).find(|a| draft.emitted[a.ix()]);
    let mut found = Vec::new();
    let mut note = |node: NodeIx, why, loss: Pair<Kbps>| {
        if loss != Pair::ZERO {
            found.push(Unenforced { node, why, loss });
        }
    };
    for node in inventory.node_ixs() {
        let i = node.ix();
        let why = match inventory[node].hidden {
            Some(Hidden::Virtual) => UnenforcedWhy::Virtual,
            Some(Hidden::Excluded) => UnenforcedWhy::Excluded,
            None if view.excluded.binary_search(&node).is_ok() => UnenforcedWhy::Excluded,
            None if evidence.auto_virtual.binary_search(&node).is_ok() => UnenforcedWhy::QueueAuto,
            None => continue,
        };
        // Only what the strategy would have emitted is lost by hiding.
        if Some(node) == view.root || !emits(strategy, view.kind(node)) {
            continue;
        }
        let own = evidence.physical_cap[i].min(inventory[node].capacity.or_unlimited());
        let above = emitted_above(node).map_or(Pair::UNLIMITED, |a| draft.cap[a.ix()]);
        note(node, why, loss(through[i], above, own));
    }
    for &node in &view.promoted {
        if !draft.emitted[node.ix()] || draft.parent[node.ix()].is_some() {
            continue;
        }
        // The shared limit above that would bind most, had the node stayed below it.
        let worst = view
            .path(node)
            .skip(1)
            .filter(|a| draft.emitted[a.ix()])
            .map(|a| {
                let with = demand.s[a.ix()] + demand.m[node.ix()];
                loss(with, Pair::UNLIMITED, draft.cap[a.ix()]).min(demand.m[node.ix()])
            })
            .max_by_key(|l| l.total());
        if let Some(loss) = worst {
            note(node, UnenforcedWhy::Promoted, loss);
        }
    }
    found.sort_by_key(|u| (u.why, u.node));
    found
}
