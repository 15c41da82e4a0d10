//! BUD009: a box nobody described.

use crate::finding::{Draft, Level};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "BUD009",
    name: "no-target-declared",
    default: Level::Info,
    contained: false,
    what: "No `[target.NAME]` is declared, so whether the plan fits the box was not checked.",
    why: "A plan that does not fit the box's cores or memory is found out in production, by everybody at once.",
    fix: "Describe the box in `[target.NAME]`: `queues`, `memory` and its shaper.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[target.edge1]\nqueues = 4\nmemory = \"16GiB\"\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let target = &stages.project.target;
    if target.name.is_some() {
        return;
    }
    out.push(
        Draft::new(
            format!(
                "no target is declared: {} are assumed, and whether the plan fits the box was not checked",
                words::count(usize::from(target.queues), "CPU queue")
            ),
            "describe the box in weir.toml: `[target.edge1]` with `queues = 8` and `memory = \"32GiB\"`",
        )
        .about(Subject::new(SubjectKind::Setting, "target", "target"))
        .at(stages.project.place("target"), "no target here"),
    );
}
