//! IDN001: one circuit id, different content.

use crate::finding::{Draft, Level};
use crate::ir::records::SubjectKind;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "IDN001",
    name: "conflicting-circuit",
    default: Level::Error,
    contained: true,
    what: "One circuit id stands on several records with different content.",
    why: "Only one of the records is used: a subscriber may get another one's plan, parent or addresses, and the rest is unshaped.",
    fix: "Give every service an id of its own, or remove the record that is out of date.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c1", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    conflicts(
        stages,
        |kind| kind == SubjectKind::Circuit,
        "keep one record for this id in the source, or give the other service an id of its own",
        out,
    );
}

/// What IDN001 and IDN008 look at: repeats that contradict each other, within a source and between sources.
pub(super) fn conflicts(
    stages: &Stages<'_>,
    wanted: impl Fn(SubjectKind) -> bool,
    help: &str,
    out: &mut Vec<Draft>,
) {
    let evidence = &stages.inventory.evidence;
    let merged = evidence
        .duplicate_nodes
        .iter()
        .chain(&evidence.duplicate_links)
        .chain(&evidence.duplicate_circuits)
        .filter(|d| !d.differs.is_empty());
    for conflict in merged.filter(|d| wanted(d.subject.kind)) {
        let draft = Draft::new(
            format!(
                "{} is recorded {} times with different {}: one record is used, {}",
                stages.subject(&conflict.subject),
                words::number(1 + conflict.dropped.len()),
                words::list(&conflict.differs),
                words::verb(
                    conflict.dropped.len(),
                    "the other is ignored",
                    "the others are ignored"
                ),
            ),
            help,
        )
        .about(conflict.subject.clone())
        .at(conflict.kept.clone(), "this record is used");
        let ignored = conflict
            .dropped
            .iter()
            .map(|place| crate::finding::Label::new(place.clone(), "this one is ignored"));
        out.push(words::at_each(draft, ignored));
    }
    let read = stages.sources.iter().flat_map(|s| &s.repeats);
    for repeat in read.filter(|r| !r.identical && wanted(r.subject.kind)) {
        out.push(
            Draft::new(
                format!(
                    "{} is recorded twice with different {}: one record is used, the other is ignored",
                    stages.subject(&repeat.subject),
                    match repeat.differs.is_empty() {
                        true => "content".to_owned(),
                        false => words::list(&repeat.differs),
                    },
                ),
                help,
            )
            .about(repeat.subject.clone())
            .at(repeat.first.clone(), "this record is used")
            .at(repeat.place.clone(), "this one is ignored"),
        );
    }
}
