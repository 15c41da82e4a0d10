//! POL004: an override whose last day is over.

use crate::finding::{Draft, Level};
use crate::ir::overlay::Why;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "POL004",
    name: "expired-override",
    default: Level::Warning,
    contained: true,
    what: "An override has expired, and is not applied any more.",
    why: "What it hid shows again: a subscriber is back on the plan or the parent that the sources say.",
    fix: "Delete it, or give it another day if it is still wanted.",
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
        "[[circuit]]\nid = \"c1\"\nreason = \"gift for the outage in May\"\nowner = \"kim\"\nexpires = 2026-12-31\nplan_mbps = [100, 20]\n",
        "2027-01-01",
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
        "[[circuit]]\nid = \"c1\"\nreason = \"gift for the outage in May\"\nowner = \"kim\"\nexpires = 2026-12-31\nplan_mbps = [100, 20]\n",
        "2026-12-31",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let overrides = &stages.project.overrides;
    let unapplied = &stages.inventory.evidence.overlay.unapplied;
    for unapplied in unapplied.iter().filter(|u| u.why == Why::Expired) {
        let entry = &overrides.entries[unapplied.entry];
        let (Some(last), Some(today)) = (entry.expires, stages.project.as_of) else {
            continue;
        };
        out.push(
            Draft::new(
                format!(
                    "the override of {} had {last} as its last day, it is {today}, and it is not applied any more: {}",
                    words::overridden(stages, entry),
                    words::override_fields(entry)
                ),
                "delete it, or give it a later day if it is still wanted",
            )
            .about(words::override_subject(stages, entry))
            .at(overrides.place(unapplied.entry, "expires"), "is over"),
        );
    }
}
