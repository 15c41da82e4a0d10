//! SRC015: a subscriber that only one source knows, where another one should.

use crate::finding::{Draft, Level};
use crate::ir::merge::Unmatched;
use crate::lint::rule::{Also, Example, Rule, Stages};

const BILLING: &[Also] = &[Also {
    name: "billing",
    kind: "inventory",
    files: &[(
        "inventory.json",
        r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [50000, 10000]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
    )],
}];

pub static RULE: Rule = Rule {
    code: "SRC015",
    name: "unmatched-record",
    default: Level::Warning,
    contained: true,
    what: "A subscriber stands in one source only, while most of that source's subscribers stand in another one too.",
    why: "A half is missing: the plan, the address or the tower. The subscriber is shaped by what the one source knows, which may be too little, or a customer who has left.",
    fix: "Give the record the id, MAC or address of its other half, or leave the source out of `merge.expect_match` when its subscribers are its own.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "kind": "site", "gateway": true}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    )
    .and(BILLING),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "kind": "site", "gateway": true}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "hill"}]}"#,
        )],
        "",
    )
    .and(BILLING),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for unmatched in &stages.inventory.evidence.merge.unmatched {
        let Unmatched {
            source,
            subject,
            place,
        } = unmatched;
        let name = &stages.project.sources[*source].name;
        let shaped = stages
            .inventory
            .circuit_by_id(&subject.id)
            .is_some_and(|ix| stages.inventory[ix].omitted.is_none());
        out.push(
            Draft::new(
                format!(
                    "{} is only in source {name}: no other source has it, and it {} by what {name} says",
                    stages.subject(subject),
                    match shaped {
                        true => "is shaped",
                        false => "cannot be shaped",
                    },
                ),
                "give both records the same id, MAC or address; `merge.expect_match` names the sources whose subscribers \
                 should all be found elsewhere",
            )
            .about(subject.clone())
            .at(place.clone(), "stands alone"),
        );
    }
}
