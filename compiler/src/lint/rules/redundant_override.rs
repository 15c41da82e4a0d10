//! POL006: an override that changes nothing.

use crate::finding::{Draft, Level};
use crate::ir::overlay::Why;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "POL006",
    name: "redundant-override",
    default: Level::Info,
    contained: true,
    what: "An override sets what the sources say anyway, or rates of a circuit that is not shaped.",
    why: "It does nothing today, and hides the next change in the CRM.",
    fix: "Delete the override; `weir override remove` does it.",
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
        "[[circuit]]\nid = \"c1\"\nreason = \"upgrade not entered yet\"\nowner = \"kim\"\nexpires = 2026-12-31\nplan_mbps = [50, 10]\n",
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
        "[[circuit]]\nid = \"c1\"\nreason = \"upgrade not entered yet\"\nowner = \"kim\"\nexpires = 2026-12-31\nplan_mbps = [100, 20]\n",
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let overrides = &stages.project.overrides;
    let evidence = &stages.inventory.evidence.overlay;
    for applied in evidence.applied.iter().filter(|a| a.from == a.to) {
        let key = applied.field.key();
        out.push(
            Draft::new(
                format!(
                    "the override of {} sets {key} to {}, as the sources do",
                    stages.subject(&applied.subject),
                    words::short(&applied.to.to_string()),
                ),
                "delete it: it does nothing but hide the next change",
            )
            .about(applied.subject.clone())
            .at(overrides.place(applied.entry, key), "changes nothing"),
        );
    }
    for unapplied in evidence.unapplied.iter().filter(|u| u.why == Why::NoRates) {
        let entry = &overrides.entries[unapplied.entry];
        let key = unapplied.field.map_or("", |field| field.key());
        out.push(
            Draft::new(
                format!(
                    "the override of {} sets {key}, but the circuit is not shaped, or suspended and slowed down",
                    words::overridden(stages, entry)
                ),
                "override what keeps it from being shaped (its plan, its addresses, its state), or delete this",
            )
            .about(words::override_subject(stages, entry))
            .at(overrides.place(unapplied.entry, key), "has no effect"),
        );
    }
}
