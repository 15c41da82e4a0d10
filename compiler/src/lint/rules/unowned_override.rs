//! POL003: an override that nobody answers for, or that has no end.

use crate::finding::{Draft, Level};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "POL003",
    name: "unowned-override",
    default: Level::Warning,
    contained: true,
    what: "An override has no owner, or no day on which it ends.",
    why: "An override hides what the CRM says. Without an owner nobody can be asked about it, and without an end it outlives its reason.",
    fix: "Add `owner` and `expires`, or allow this rule when overrides of this network are meant to stay.",
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
        "[[circuit]]\nid = \"c1\"\nreason = \"gift for the outage in May\"\nplan_mbps = [100, 20]\n",
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
        "[[circuit]]\nid = \"c1\"\nreason = \"gift for the outage in May\"\nowner = \"kim\"\nexpires = 2026-12-31\nplan_mbps = [100, 20]\n",
        "2026-06-01",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let overrides = &stages.project.overrides;
    for (at, entry) in overrides.entries.iter().enumerate() {
        let lacks = match (&entry.owner, entry.expires) {
            (None, None) => "neither owner nor end",
            (None, Some(_)) => "no owner",
            (Some(_), None) => "no end",
            (Some(_), Some(_)) => continue,
        };
        out.push(
            Draft::new(
                format!(
                    "the override of {} has {lacks} (reason: {})",
                    words::overridden(stages, entry),
                    words::short(&entry.reason)
                ),
                "add owner = \"..\" and expires = 2026-12-31, the last day on which it applies",
            )
            .about(words::override_subject(stages, entry))
            .at(overrides.place(at, ""), "this override"),
        );
    }
}
