//! TOP002: circuits that the strategy has no node for.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::id::{CircuitIx, NodeIx};
use crate::ir::tree::{BucketReason, Strategy};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "TOP002",
    name: "no-place-in-strategy",
    default: Level::Warning,
    contained: true,
    what: "A circuit hangs on a node that the strategy does not emit, such as a site under `ap_only`.",
    why: "The circuit goes to a generated node: its own plan holds, but no limit of the network counts it.",
    fix: "Use `ap_site` or `full`, or attach the circuit to an AP in the source.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[topology]\nstrategy = \"ap_only\"\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[topology]\nstrategy = \"ap_site\"\n",
    ),
    check,
};

/// One finding for each node they hang on.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut nodes: BTreeMap<(NodeIx, BucketReason), Vec<CircuitIx>> = BTreeMap::new();
    for (ix, placed) in stages.tree.placed() {
        let Some(reason @ (BucketReason::RootAttached | BucketReason::NoStrategyParent)) =
            placed.bucket_reason
        else {
            continue;
        };
        if let Some(at) = stages.inventory[ix].attach {
            nodes.entry((at, reason)).or_default().push(ix);
        }
    }
    let strategy = stages.tree.strategy;
    for ((at, reason), circuits) in nodes {
        let n = circuits.len();
        let (why, help) = match (reason, strategy) {
            (BucketReason::RootAttached, _) => (
                "the root itself, which is not emitted".to_owned(),
                "attach the circuit to a site or AP in the source",
            ),
            (_, Strategy::ApOnly) => (
                "where `ap_only` finds no AP above".to_owned(),
                "use `topology.strategy = \"ap_site\"` or `\"full\"`, or attach the circuit to an AP in the source",
            ),
            (_, strategy) => (
                match strategy {
                    Strategy::ApSite => {
                        "where `ap_site` finds no visible AP or site above".to_owned()
                    }
                    other => format!("where `{}` finds no visible node above", other.word()),
                },
                "show one of the nodes above again (`virtual` in the source, `topology.exclude`), or attach the circuit elsewhere",
            ),
        };
        let draft = Draft::new(
            format!(
                "{} {} on {}, {why}: {} in a generated node",
                stages.circuits(circuits.iter().copied()),
                words::verb(n, "hangs", "hang"),
                stages.node(at),
                words::verb(n, "it is shaped", "they are shaped"),
            ),
            help,
        )
        .about_all(circuits.iter().map(|&c| stages.inventory[c].subject()))
        .about(stages.inventory[at].subject());
        let labels = circuits
            .iter()
            .map(|&c| Label::new(stages.inventory[c].origin.whole(), "no place for it"));
        out.push(words::at_each(draft, labels));
    }
}
