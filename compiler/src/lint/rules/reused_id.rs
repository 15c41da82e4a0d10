//! IDN012: two sources have the same id for different things.

use crate::finding::{Draft, Level};
use crate::ir::merge::Renamed;
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Also, Example, Rule, Stages};
use crate::lint::words;

const FIBRE: &[Also] = &[Also {
    name: "fibre",
    kind: "inventory",
    files: &[(
        "inventory.json",
        r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "17", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "ont-17", "ips": ["100.64.1.2"]}]}]}"#,
    )],
}];

pub static RULE: Rule = Rule {
    code: "IDN012",
    name: "reused-id",
    default: Level::Warning,
    contained: true,
    what: "Two sources use one id for two things, and `merge.join` does not join by id.",
    why: "Ids name queues and overrides. The thing of the less trusted source gets the name of its source in front, and loses that name when the other one disappears.",
    fix: "Number one of the sources differently, or join by id when the two are one after all.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "17", "name": "Jo Doe", "plan_kbps": [50000, 10000], "devices": [{"id": "r9", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[merge]\njoin = [\"mac\", \"address\"]\n",
    )
    .and(FIBRE),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "w17", "name": "Jo Doe", "plan_kbps": [50000, 10000], "devices": [{"id": "r9", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[merge]\njoin = [\"mac\", \"address\"]\n",
    )
    .and(FIBRE),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for renamed in &stages.inventory.evidence.merge.renamed {
        let Renamed {
            source,
            was,
            id,
            place,
        } = renamed;
        let name = &stages.project.sources[*source].name;
        out.push(
            Draft::new(
                format!(
                    "source {name} uses the id \"{}\", which something else in another source has: it is used as \"{}\"",
                    words::short(was),
                    words::short(id)
                ),
                "give it another id in one of the sources; if both are one, put \"id\" into `merge.join`",
            )
            .about(Subject::new(SubjectKind::Source, name, name))
            .at(place.clone(), "used under another id"),
        );
    }
}
