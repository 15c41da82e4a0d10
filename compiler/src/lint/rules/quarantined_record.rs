//! SRC007: records that could not be used at all.

use crate::finding::{Draft, Level};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "SRC007",
    name: "quarantined-record",
    default: Level::Warning,
    contained: true,
    what: "A record is unreadable or out of range, and was set aside.",
    why: "Whoever the record stands for is not in the result: a subscriber's traffic passes unshaped, a tower's limit is missing.",
    fix: "Correct the record in the system behind the source.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
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
    for record in stages.sources.iter().flat_map(|s| &s.quarantined) {
        let path = stages.path(&record.place);
        let (which, subject) = match &record.id {
            Some(id) => (
                format!("record \"{}\" of `{}`", words::short(id), record.collection),
                Subject::new(SubjectKind::Source, id, id),
            ),
            None => (
                format!("a record of `{}`", record.collection),
                Subject::new(SubjectKind::Source, path, path),
            ),
        };
        out.push(
            Draft::new(
                format!("{which} {}: it is not used", record.reason),
                "correct the record in the system behind the source; everything else was used",
            )
            .about(subject)
            .at(record.place.clone(), record.reason.clone()),
        );
    }
}
