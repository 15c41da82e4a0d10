//! All strategies side by side: one network, read and normalized once, shaped, placed, judged and written (in memory) by
//! each. What a row says is what `build` with that strategy would do.
//!
//! The recommendation is a rule and not a taste: not refused, then no core too busy, then the least that limits of the
//! network can be exceeded by, then the fewest circuits without a place, then the fewest classes.

use std::collections::BTreeMap;

use rayon::prelude::*;
use weir_schemas::Published as _;
use weir_schemas::compare::{
    Churn, Compare, Effect, Exit, Guarantees, Limits, LostLimit, Plan, Recommendation, Suggestion,
};
use weir_schemas::manifest::Usage;

use crate::config::project::Project;
use crate::exports::ExportSet;
use crate::fit::{self, Fit};
use crate::id::NodeIx;
use crate::ir::layout::{self, Remedy, Slot};
use crate::ir::previous::Previous;
use crate::ir::tree::{Strategy, UnenforcedWhy, bucket_name};
use crate::lint::rule::Stages;
use crate::report::summary::bucket_word;
use crate::report::{Tally, counted, mbps};
use crate::source_map::SourceMap;
use crate::units::{Kbps, Pair};
use crate::{Network, Outcome, limits, network, plan};

/// Lost limits that are listed.
const WORST: usize = 10;

/// A comparison, and whether it may be believed.
pub struct Compared {
    pub report: Compare,
    /// A mandatory file of a source could not be read.
    pub incomplete: bool,
}

pub fn compare(
    project: &Project,
    files: &SourceMap,
    exports: &ExportSet,
    previous: Option<&Previous>,
) -> Compared {
    let network = network(project, files, exports, previous);
    let strategies: Vec<Plan> = Strategy::ALL
        .par_iter()
        .map(|&strategy| {
            let mut project = project.clone();
            project.topology.strategy = strategy;
            row(&project, files, exports, previous, &network)
        })
        .collect();
    let recommended = recommend(&strategies, project.target.name.is_some());
    Compared {
        incomplete: network.incomplete(),
        report: Compare {
            schema: Compare::SCHEMA.to_owned(),
            exit: Exit::default(),
            project: project.name.clone(),
            target: project.target.name.clone(),
            configured: project.topology.strategy.into(),
            previous: previous.map(|p| p.digest.clone()),
            circuits: network.inventory.circuits.len() as u64,
            nodes: network.inventory.nodes.len() as u64,
            strategies,
            recommended,
        },
    }
}

fn row(
    project: &Project,
    files: &SourceMap,
    exports: &ExportSet,
    previous: Option<&Previous>,
    network: &Network,
) -> Plan {
    let (tree, layout) = plan(project, network, previous);
    let stages = Stages {
        project,
        files,
        exports,
        sources: &network.sources,
        inventory: &network.inventory,
        graph: &network.graph,
        chosen: &network.chosen,
        tree: &tree,
        layout: &layout,
        previous,
    };
    let outcome = Outcome::of(&stages, previous);
    let fit = Fit::of(&stages);
    let usage = |used: usize, limit: usize| Usage::of(used as u64, Some(limit as u64));
    let mut generated: BTreeMap<String, u64> = BTreeMap::new();
    let mut shaped = 0;
    for (_, circuit) in tree.placed() {
        shaped += 1;
        if let Some(reason) = circuit.bucket_reason {
            *generated.entry(bucket_word(reason).to_owned()).or_default() += 1;
        }
    }
    let tally = Tally::of(&outcome.findings);
    Plan {
        strategy: tree.strategy.into(),
        refused: outcome.refused.into_iter().map(|r| r.message).collect(),
        nodes: tree.nodes.len() as u64,
        levels: usage(fit.levels, fit::LEVELS),
        shaped,
        generated,
        limits: limits_of(&stages),
        classes: fit.classes.iter().sum::<usize>() as u64,
        class_minors: usage(
            fit.classes.iter().copied().max().unwrap_or(0),
            weir_abi::MAX_MINORS,
        ),
        leaf_handles: [fit.handles.down, fit.handles.up]
            .map(|used| usage(used, weir_abi::MAX_LEAF_HANDLES)),
        memory_bytes: Usage::of(fit.memory(), fit::memory_to_spare(&project.target)),
        guarantees: guarantees(&stages),
        balance_percent: layout.balance_percent(),
        heavy: layout.evidence.heavy.len() as u64,
        core_kbps: Usage::of(fit.busiest().1.0, Some(project.target.core.0)),
        churn: previous.and_then(|p| churn(&stages, &fit, p)),
        errors: tally.errors as u64,
        warnings: tally.warnings as u64,
        infos: tally.infos as u64,
        failing: tally.failing(project.lint.fail_on) > 0,
        suggestions: suggestions(&stages),
    }
}

fn limits_of(stages: &Stages<'_>) -> Limits {
    let inventory = stages.inventory;
    let found = limits::limits(
        stages.project,
        inventory,
        stages.graph,
        stages.chosen,
        stages.tree,
    );
    let hidden: Vec<Pair<Kbps>> = stages
        .tree
        .evidence
        .unenforced
        .iter()
        .filter(|u| matches!(u.why, UnenforcedWhy::Virtual | UnenforcedWhy::Excluded))
        .map(|u| u.loss)
        .collect();
    let mut worst = found.lost.clone();
    worst.sort_by_key(|(node, by)| (std::cmp::Reverse(by.total()), *node));
    Limits {
        can_bind: found.binding as u64,
        held: (found.binding - found.lost.len()) as u64,
        lost: found.lost.len() as u64,
        exceed_kbps: found.exceed().array(),
        worst: worst
            .into_iter()
            .take(WORST)
            .map(|(node, by)| LostLimit {
                node: inventory[node].id.to_string(),
                name: inventory[node].name.to_string(),
                cap_kbps: stages.tree.evidence.physical_cap[node.ix()].array(),
                exceed_kbps: by.array(),
            })
            .collect(),
        hidden: hidden.len() as u64,
        hidden_exceed_kbps: hidden.into_iter().sum::<Pair<Kbps>>().array(),
    }
}

fn guarantees(stages: &Stages<'_>) -> Guarantees {
    let (tree, inventory) = (stages.tree, stages.inventory);
    let permille = |of: Kbps, cap: Kbps| match cap.0 {
        0 => 0,
        cap => u64::try_from(u128::from(of.0) * 1000 / u128::from(cap)).unwrap_or(u64::MAX),
    };
    let worse = |sum: Pair<Kbps>, cap: Pair<Kbps>| {
        permille(sum.down, cap.down).max(permille(sum.up, cap.up))
    };
    let nodes = tree.nodes.iter().map(|node| {
        let id = inventory[node.node].id.to_string();
        (worse(node.guarantee, node.cap), id)
    });
    let buckets = (0..)
        .zip(&tree.evidence.bucket_guarantee)
        .map(|(b, sum)| (worse(*sum, tree.evidence.bucket_cap), bucket_name(b)));
    let worst = nodes
        .chain(buckets)
        .filter(|(permille, _)| *permille > 0)
        .max_by(|(a, x), (b, y)| a.cmp(b).then_with(|| y.cmp(x)));
    let scales = tree.evidence.scaled.iter().map(|scaled| {
        let left = scaled
            .cap
            .zip(scaled.wanted, |cap, wanted| permille(cap, wanted).min(1000));
        left.down.min(left.up)
    });
    Guarantees {
        worst_permille: worst.as_ref().map_or(0, |(permille, _)| *permille),
        worst: worst.map(|(_, who)| who),
        scaled: tree.evidence.scaled.len() as u64,
        smallest_scale_permille: scales.min().unwrap_or(1000),
    }
}

fn churn(stages: &Stages<'_>, fit: &Fit, previous: &Previous) -> Option<Churn> {
    let before = previous.classes.as_ref()?.by_key.len() as u64;
    let evidence = &stages.layout.evidence;
    let both = (evidence.kept + evidence.changed) as u64;
    let circuits = evidence
        .reparented
        .iter()
        .filter(|slot| matches!(slot, Slot::Circuit(_)))
        .count();
    Some(Churn {
        kept: evidence.kept as u64,
        changed: evidence.changed as u64,
        without_reason: evidence.renumbered.len() as u64,
        removed: before.saturating_sub(both),
        added: (fit.classes.iter().sum::<usize>() as u64).saturating_sub(both),
        reparented_circuits: circuits as u64,
        reparented_nodes: (evidence.reparented.len() - circuits) as u64,
    })
}

fn suggestions(stages: &Stages<'_>) -> Vec<Suggestion> {
    let id = |node: NodeIx| stages.inventory[node].id.to_string();
    let effect = |effect: layout::Effect| Effect {
        balance_percent: effect.balance_percent,
        core_kbps: effect.core.0,
        exceed_kbps: effect.exceed.array(),
    };
    stages
        .layout
        .evidence
        .advice
        .iter()
        .map(|advice| {
            let (setting, nodes) = match &advice.remedy {
                Remedy::Promote(nodes) => (
                    "topology.promote_to_root",
                    nodes.iter().copied().map(id).collect(),
                ),
                Remedy::Exclude(node) => ("topology.exclude", vec![id(*node)]),
            };
            Suggestion {
                about: id(advice.about),
                setting: setting.to_owned(),
                nodes,
                before: effect(advice.before),
                after: effect(advice.after),
            }
        })
        .collect()
}

/// More than 1.2 of what a core shapes: BUD007 as an error.
fn overloaded(plan: &Plan) -> bool {
    let limit = plan.core_kbps.limit.unwrap_or(u64::MAX);
    u128::from(plan.core_kbps.used) * 10 > u128::from(limit) * 12
}

fn unplaced(plan: &Plan) -> u64 {
    plan.generated
        .iter()
        .filter(|(reason, _)| *reason != "no-parent")
        .map(|(_, n)| n)
        .sum()
}

/// `box_declared`: cores are known, not guessed.
fn recommend(plans: &[Plan], box_declared: bool) -> Option<Recommendation> {
    let exceed = |plan: &Plan| plan.limits.exceed_kbps.iter().sum::<u64>();
    let key = |plan: &&Plan| {
        (
            box_declared && overloaded(plan),
            exceed(plan),
            unplaced(plan),
            plan.classes,
        )
    };
    let possible: Vec<&Plan> = plans.iter().filter(|p| p.refused.is_empty()).collect();
    let best = possible.iter().copied().min_by_key(key)?;
    let mut reasons = Vec::new();
    let limits = &best.limits;
    reasons.push(match (limits.can_bind, limits.lost) {
        (0, _) => "no limit of the network can bind: what is sold is less everywhere".to_owned(),
        (all, 0) => format!("it holds {}", all_limits(all)),
        (all, _) => format!(
            "it holds {} of {} limits that can bind; the others can be exceeded by {} Mbit/s together",
            limits.held,
            all,
            mbps(limits.exceed_kbps)
        ),
    });
    for other in plans.iter().filter(|p| p.strategy != best.strategy) {
        let word = other.strategy.word();
        if let Some(why) = other.refused.first() {
            reasons.push(format!("{word} would be refused: {why}"));
        } else if box_declared && overloaded(other) && !overloaded(best) {
            let percent = other.core_kbps.used as u128 * 100
                / u128::from(other.core_kbps.limit.unwrap_or(1).max(1));
            reasons.push(format!(
                "{word} would load a core with {percent} % of what it shapes"
            ));
        } else if exceed(other) > exceed(best) {
            reasons.push(format!(
                "{word} loses {}: they can be exceeded by {} Mbit/s together",
                counted(other.limits.lost as usize, "limit"),
                mbps(other.limits.exceed_kbps)
            ));
        } else if unplaced(other) > unplaced(best) {
            reasons.push(format!(
                "{word} has no place for {}",
                counted(unplaced(other) as usize, "circuit")
            ));
        } else if other.classes > best.classes {
            reasons.push(format!(
                "{word} holds the same limits with {} more HTB classes",
                other.classes - best.classes
            ));
        }
    }
    Some(Recommendation {
        strategy: best.strategy,
        reasons,
    })
}

fn all_limits(n: u64) -> String {
    match n {
        1 => "the one limit that can bind".to_owned(),
        n => format!("all {n} limits that can bind"),
    }
}
