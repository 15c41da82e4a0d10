//! TOP013: declared parents that the links contradict.

use rustc_hash::FxHashSet;

use crate::config::project::Metric;
use crate::finding::{Draft, Level};
use crate::id::NodeIx;
use crate::lint::network::is_place;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "TOP013",
    name: "declared-parent-differs",
    default: Level::Warning,
    contained: false,
    what: "The links lead to a node through another parent than the source declares.",
    why: "One of the two is out of date, and the subscribers below may be shaped under the wrong tower.",
    fix: "Correct the parent in the source, or pin the node.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"},
           {"id": "hill", "name": "Hill", "kind": "site", "parent": "core"},
           {"id": "lake", "name": "Lake", "kind": "site", "parent": "core"},
           {"id": "mill", "name": "Mill", "kind": "site", "parent": "hill"}],
 "links": [{"id": "L1", "a": "core", "b": "hill", "kbps": [600000, 600000]},
           {"id": "L2", "a": "core", "b": "lake", "kbps": [600000, 600000]},
           {"id": "L3", "a": "lake", "b": "mill", "kbps": [300000, 300000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "mill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"},
           {"id": "hill", "name": "Hill", "kind": "site", "parent": "core"},
           {"id": "lake", "name": "Lake", "kind": "site", "parent": "core"},
           {"id": "mill", "name": "Mill", "kind": "site", "parent": "lake"}],
 "links": [{"id": "L1", "a": "core", "b": "hill", "kbps": [600000, 600000]},
           {"id": "L2", "a": "core", "b": "lake", "kbps": [600000, 600000]},
           {"id": "L3", "a": "lake", "b": "mill", "kbps": [300000, 300000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "mill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    if stages.project.topology.tree == Metric::Declared {
        return;
    }
    let below = stages.circuits_below();
    let pinned: FxHashSet<NodeIx> = stages
        .inventory
        .settings
        .pins
        .iter()
        .map(|(child, _)| *child)
        .collect();
    for ix in stages.inventory.node_ixs() {
        let node = &stages.inventory[ix];
        let (Some(declared), Some(choice)) = (node.parent, stages.choice(ix)) else {
            continue;
        };
        if below[ix.ix()] == 0
            || node.gateway
            || declared == ix
            || pinned.contains(&ix)
            || stages
                .chosen
                .island
                .get(ix.ix())
                .is_some_and(|i| *i == Some(ix))
            || agrees(stages, ix, declared)
        {
            continue;
        }
        out.push(
            Draft::new(
                format!(
                    "{} with {} is declared under {}, but its links lead through {}",
                    stages.node(ix),
                    words::count(below[ix.ix()], "circuit"),
                    stages.node(declared),
                    stages
                        .parent(ix)
                        .and_then(|at| stages.site(at))
                        .map_or_else(|| stages.vertex(choice.parent), |at| stages.node(at)),
                ),
                format!(
                    "correct the parent in the source, or decide with `[topology.pin]` `\"{}\" = \"{}\"`",
                    node.id, stages.inventory[declared].id
                ),
            )
            .about(node.subject())
            .about(stages.inventory[declared].subject())
            .at(
                node.origin.whole(),
                format!("declared under {}", stages.node(declared)),
            ),
        );
    }
}

/// The declared parent lies on the way up, no farther than the next site; or below: a radio that feeds the site
/// it belongs to.
fn agrees(stages: &Stages<'_>, node: NodeIx, declared: NodeIx) -> bool {
    for at in stages.ancestors(node) {
        if at == declared {
            return true;
        }
        if is_place(stages.inventory[at].kind) {
            break;
        }
    }
    stages.is_below(declared, node)
}
