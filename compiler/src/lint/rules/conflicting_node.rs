//! IDN008: one node or link id, different content.

use crate::finding::{Draft, Level};
use crate::ir::records::SubjectKind;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::rules::conflicting_circuit::conflicts;

pub static RULE: Rule = Rule {
    code: "IDN008",
    name: "conflicting-node",
    default: Level::Error,
    contained: true,
    what: "One id stands on several nodes, links or devices with different content.",
    why: "Only one of the records is used: everybody below may hang under the wrong tower, or under the wrong limit.",
    fix: "Give every node an id of its own, or remove the record that is out of date.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [300000, 300000]},
           {"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    conflicts(
        stages,
        |kind| kind != SubjectKind::Circuit,
        "keep one record for this id in the source, or give the other one an id of its own",
        out,
    );
}
