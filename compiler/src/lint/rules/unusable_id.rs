//! IDN007: ids that the emitted files cannot carry.

use crate::finding::{Draft, Level};
use crate::lint::rule::{Example, Rule, Stages};

pub static RULE: Rule = Rule {
    code: "IDN007",
    name: "unusable-id",
    default: Level::Error,
    contained: true,
    what: "A circuit id is empty or holds characters that the emitted files cannot carry.",
    why: "A shaper that reads the files would skip the subscriber's row or cut it short, and the subscriber would pass unshaped.",
    fix: "Change the id in the source; use letters, digits, `-`, `_`, `.` and `:`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r##"{"schema": "weir.inventory/1",
 "circuits": [{"id": "#1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"##,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for bad in &stages.inventory.evidence.bad_ids {
        out.push(
            Draft::new(
                format!("the id of {} {}", stages.subject(&bad.subject), bad.what),
                "change the id in the source; use letters, digits, `-`, `_`, `.` and `:`",
            )
            .about(bad.subject.clone())
            .at(bad.place.clone(), bad.what),
        );
    }
}
