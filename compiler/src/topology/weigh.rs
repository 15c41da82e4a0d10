//! What circuits and nodes weigh when the work is spread over the CPU queues (topology.md 1.12): their plans, or what
//! was measured where it is known. Rates do not depend on any of it.
//!
//! Only a part may be measured, and plans add up to far more than what flows. So a plan without a measurement counts
//! with the share of their plans that the measured things use; and a node whose emitted subtree is not all that hangs
//! below it in the network counts with its part of the peak.

use crate::id::{CircuitIx, NodeIx};
use crate::ir::graph::{ChosenTree, Vertex};
use crate::ir::inventory::{Inventory, Peaks};
use crate::ir::tree::Measured;
use crate::topology::Draft;

/// `None` when nothing was measured.
pub(crate) fn measured(
    inventory: &Inventory,
    chosen: &ChosenTree,
    draft: &Draft,
) -> Option<Measured> {
    let peaks = &inventory.peaks;
    if peaks.node.iter().all(Option::is_none) && peaks.circuit.iter().all(Option::is_none) {
        return None;
    }
    let parent = |node: NodeIx| match chosen.choice[node.ix()].as_ref()?.parent {
        Vertex::Node(parent) => Some(parent),
        Vertex::GeneratedRoot => None,
    };
    let mut plans_below = vec![0u64; inventory.nodes.len()];
    let shaped = || {
        inventory
            .circuits
            .iter()
            .enumerate()
            .filter(|(i, _)| draft.spot[*i].is_some())
            .map(|(i, circuit)| (i, circuit.attach, draft.max[i].total().0))
    };
    for (_, attach, plan) in shaped() {
        if let Some(node) = attach {
            plans_below[node.ix()] += plan;
        }
    }
    for &node in chosen.order.iter().rev() {
        if let Some(parent) = parent(node) {
            plans_below[parent.ix()] += plans_below[node.ix()];
        }
    }
    // The topmost of what was measured, so that nothing counts twice.
    let (mut peak, mut plan) = (0u128, 0u128);
    let mut covered = vec![false; inventory.nodes.len()];
    let roots = inventory
        .node_ixs()
        .filter(|node| chosen.choice[node.ix()].is_none());
    for node in roots.chain(chosen.order.iter().copied()) {
        let above = parent(node).is_some_and(|p| covered[p.ix()]);
        let own = peaks.node.get(node.ix()).copied().flatten();
        if let (false, false, Some(own)) = (above, covered[node.ix()], own) {
            peak += u128::from(own.total().0);
            plan += u128::from(plans_below[node.ix()]);
        }
        covered[node.ix()] |= above || own.is_some();
    }
    for (i, attach, max) in shaped() {
        let own = peaks.circuit.get(i).copied().flatten();
        if let (false, Some(own)) = (attach.is_some_and(|node| covered[node.ix()]), own) {
            peak += u128::from(own.total().0);
            plan += u128::from(max);
        }
    }
    Some(Measured {
        share: (plan > 0).then_some((peak, plan)),
        plans_below,
    })
}

/// Of a circuit with this ceiling, both directions.
pub(crate) fn circuit(
    peaks: &Peaks,
    measured: Option<&Measured>,
    circuit: CircuitIx,
    plan: u64,
) -> u64 {
    let Some(measured) = measured else {
        return plan;
    };
    match peaks.circuit.get(circuit.ix()).copied().flatten() {
        Some(peak) => peak.total().0,
        None => match measured.share {
            Some((peak, plans)) => part(plan, peak, plans),
            None => plan,
        },
    }
}

/// Of a node that was measured, with plans of so much emitted below it.
pub(crate) fn node(
    peaks: &Peaks,
    measured: Option<&Measured>,
    node: NodeIx,
    plans: u64,
) -> Option<u64> {
    let below = measured?.plans_below[node.ix()];
    let peak = peaks.node.get(node.ix()).copied().flatten()?;
    (below > 0).then(|| part(peak.total().0, u128::from(plans), u128::from(below)))
}

fn part(whole: u64, of: u128, all: u128) -> u64 {
    let wide = u128::from(whole) * of / all.max(1);
    u64::try_from(wide).unwrap_or(u64::MAX)
}
