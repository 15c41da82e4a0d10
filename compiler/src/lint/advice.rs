//! How the remedies that were tried (`advise`) read in a finding: what to write, and what it was found to do.

use crate::id::NodeIx;
use crate::ir::layout::{Advice, Remedy};
use crate::lint::rule::Stages;
use crate::lint::words;
use crate::units::{Kbps, Pair};

/// What to do about a top-level node: the remedies that help, the best first; else what is left, which is `otherwise`,
/// and why. Only what was tried is told as tried.
pub(super) fn remedies(stages: &Stages<'_>, about: NodeIx, otherwise: &str) -> String {
    let evidence = &stages.layout.evidence;
    let has_children = stages
        .tree
        .nodes
        .iter()
        .any(|node| node.node == about && !node.children.is_empty());
    found(stages, about).unwrap_or_else(|| {
        let why = match evidence.advised.binary_search(&about) {
            Ok(_) => "promoting its children or excluding it spreads the work no better",
            Err(_) if has_children && stages.project.target.queues > 1 => {
                "only for the heaviest nodes it is tried whether promoting children or excluding the node helps, \
                 and this is none of them: build again when those are mended"
            }
            Err(_) if has_children => "with one CPU queue there is nothing to spread",
            Err(_) => "no node hangs below it that could go to another queue",
        };
        format!("{why}; {otherwise}")
    })
}

/// `None` when nothing that was tried helps.
fn found(stages: &Stages<'_>, about: NodeIx) -> Option<String> {
    let told: Vec<String> = stages
        .layout
        .evidence
        .advice
        .iter()
        .filter(|advice| advice.about == about)
        .map(|advice| remedy(stages, advice))
        .collect();
    (!told.is_empty()).then(|| told.join("; or "))
}

fn remedy(stages: &Stages<'_>, advice: &Advice) -> String {
    let id = |node: &NodeIx| format!("\"{}\"", words::short(&stages.inventory[*node].id));
    let what = match &advice.remedy {
        Remedy::Promote(nodes) => {
            // All of them: somebody has to write them.
            let ids: Vec<String> = nodes.iter().map(id).collect();
            format!("add {} to `topology.promote_to_root`", ids.join(", "))
        }
        Remedy::Exclude(node) => format!("add {} to `topology.exclude`", id(node)),
    };
    let (before, after) = (advice.before, advice.after);
    let core = stages.project.target.core;
    let cores = match before.core == after.core {
        true => String::new(),
        false => format!(
            ", the busiest core {} instead of {}",
            words::percent(after.core.0 as usize, core.0 as usize),
            words::percent(before.core.0 as usize, core.0 as usize),
        ),
    };
    let more: Pair<Kbps> = after
        .exceed
        .zip(before.exceed, |a, b| Kbps(a.0.saturating_sub(b.0)));
    let cost = match more == Pair::ZERO {
        true => "no limit is lost".to_owned(),
        false => format!("limits can then be exceeded by {} more", words::rates(more)),
    };
    format!(
        "{what}: the fullest queue then has {} times the mean instead of {}{cores}, and {cost}",
        times(after.balance_percent),
        times(before.balance_percent),
    )
}

/// `1.25`
fn times(percent: u64) -> String {
    format!("{}.{:02}", percent / 100, percent % 100)
}
