//! POL005: the sources say something else than when the override was written.

use crate::finding::{Draft, Level};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "POL005",
    name: "override-hides-change",
    default: Level::Warning,
    contained: true,
    what: "The value that an override replaces is another one now than when the override was written.",
    why: "Somebody changed it in the CRM since, and the change does not reach the subscriber: an upgrade that was sold is not shaped.",
    fix: "Delete the override if the new value is right, or write the new value into its `was`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "kind": "site", "gateway": true}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [50000, 10000],
               "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    )
    .overridden(
        "[[circuit]]\nid = \"c1\"\nreason = \"line cannot carry more\"\nowner = \"kim\"\nexpires = 2026-12-31\nplan_mbps = [15, 5]\nwas = { plan_mbps = [20, 5] }\n",
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "kind": "site", "gateway": true}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [50000, 10000],
               "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    )
    .overridden(
        "[[circuit]]\nid = \"c1\"\nreason = \"line cannot carry more\"\nowner = \"kim\"\nexpires = 2026-12-31\nplan_mbps = [15, 5]\nwas = { plan_mbps = [50, 10] }\n",
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let overrides = &stages.project.overrides;
    for applied in &stages.inventory.evidence.overlay.applied {
        let Some(was) = &applied.stale else { continue };
        let key = applied.field.key();
        out.push(
            Draft::new(
                format!(
                    "the override of {} hides a newer value: {key} was {} when it was written, and is {} now; {} is used",
                    stages.subject(&applied.subject),
                    words::short(&was.to_string()),
                    words::short(&applied.from.to_string()),
                    words::short(&applied.to.to_string()),
                ),
                format!("delete the override if the new value is right, or write it into `was.{key}`"),
            )
            .about(applied.subject.clone())
            .at(overrides.place(applied.entry, &format!("was.{key}")), "was this")
            .at(applied.from_place.clone(), "is another value now"),
        );
    }
}
