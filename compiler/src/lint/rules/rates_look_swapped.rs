//! RAT009: download below upload, several times in one place.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::id::{CircuitIx, NodeIx};
use crate::ir::records::Subject;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::{Kbps, Pair};

pub static RULE: Rule = Rule {
    code: "RAT009",
    name: "rates-look-swapped",
    default: Level::Warning,
    contained: false,
    what: "More than three circuits of one node have plans, or more than three nodes under one node have capacities, with download below upload.",
    why: "The directions are probably swapped in the source: subscribers download at their upload rate.",
    fix: "Swap the two numbers in the source, or the ends of the links. `lint.options.rates_look_swapped_most` says how many such plans are usual.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [20000, 100000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "hill", "plan_kbps": [20000, 100000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "attach": "hill", "plan_kbps": [10000, 50000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]},
              {"id": "c4", "attach": "hill", "plan_kbps": [10000, 50000], "devices": [{"id": "d4", "ips": ["100.64.0.5"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "attach": "hill", "plan_kbps": [50000, 10000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]},
              {"id": "c4", "attach": "hill", "plan_kbps": [10000, 50000], "devices": [{"id": "d4", "ips": ["100.64.0.5"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let usual = stages.project.lint.options.rates_look_swapped_most;
    let mut circuits: BTreeMap<Option<NodeIx>, Vec<CircuitIx>> = BTreeMap::new();
    for (ix, circuit) in stages.shaped() {
        if is_swapped(circuit.source_plan) {
            circuits.entry(circuit.attach).or_default().push(ix);
        }
    }
    for (at, group) in circuits.into_iter().filter(|(_, g)| g.len() > usual) {
        let first = &stages.inventory[group[0]];
        let message = format!(
            "{} {} have a plan with download below upload, such as {} with {}",
            words::count(group.len(), "circuit"),
            place(stages, at, "on", "without a parent"),
            stages.circuit(group[0]),
            words::known_rates(first.source_plan),
        );
        let subjects = group.iter().map(|&c| stages.inventory[c].subject());
        let labels = group
            .iter()
            .map(|&c| Label::new(stages.inventory[c].plan_place(true), "below the upload"));
        out.push(draft(message, subjects, labels));
    }
    let mut nodes: BTreeMap<Option<NodeIx>, Vec<NodeIx>> = BTreeMap::new();
    for ix in stages.inventory.node_ixs() {
        if is_swapped(stages.inventory[ix].capacity) && stages.choice(ix).is_some() {
            nodes.entry(stages.parent(ix)).or_default().push(ix);
        }
    }
    for (at, group) in nodes.into_iter().filter(|(_, g)| g.len() > usual) {
        let message = format!(
            "{} {} have a capacity with download below upload, such as {} with {}",
            words::count(group.len(), "node"),
            place(stages, at, "under", "under the root"),
            stages.node(group[0]),
            words::known_rates(stages.inventory[group[0]].capacity),
        );
        let subjects = group.iter().map(|&n| stages.inventory[n].subject());
        let labels = group
            .iter()
            .map(|&n| Label::new(stages.inventory[n].origin.whole(), "below the upload"));
        out.push(draft(message, subjects, labels));
    }
}

fn place(stages: &Stages<'_>, at: Option<NodeIx>, word: &str, none: &str) -> String {
    at.map_or_else(
        || none.to_owned(),
        |at| format!("{word} {}", stages.node(at)),
    )
}

fn draft(
    message: String,
    subjects: impl Iterator<Item = Subject>,
    labels: impl Iterator<Item = Label>,
) -> Draft {
    let help = "if the directions are swapped, swap the two numbers in the source; if it is meant, allow the rule";
    words::at_each(Draft::new(message, help).about_all(subjects), labels)
}

fn is_swapped(rates: Pair<Option<Kbps>>) -> bool {
    matches!((rates.down, rates.up), (Some(down), Some(up)) if down < up)
}
