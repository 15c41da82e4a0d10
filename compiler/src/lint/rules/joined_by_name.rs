//! IDN011: two records are one thing only because they are called the same.

use crate::finding::{Draft, Label, Level};
use crate::ir::merge::JoinKey;
use crate::ir::records::SubjectKind;
use crate::lint::rule::{Also, Example, Rule, Stages};
use crate::lint::words;

const FIBRE: &[Also] = &[Also {
    name: "billing",
    kind: "inventory",
    files: &[(
        "inventory.json",
        r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "17", "name": "Jo Doe", "plan_kbps": [50000, 10000]}]}"#,
    )],
}];

pub static RULE: Rule = Rule {
    code: "IDN011",
    name: "joined-by-name",
    default: Level::Warning,
    contained: true,
    what: "Records of two sources are taken for one subscriber or node only because they have the same name.",
    why: "Names are not unique for long: when a second Jo Doe moves in, the plan of one is given to the other.",
    fix: "Give both records the same id, or let them share a MAC or an address; or take \"name\" out of `merge.join`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "roof-9", "name": "jo doe", "devices": [{"id": "r9", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    )
    .and(FIBRE),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "17", "name": "jo doe", "devices": [{"id": "r9", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    )
    .and(FIBRE),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for joined in &stages.inventory.evidence.merge.joined {
        let by_name = |m: &&crate::ir::merge::Member| m.by == Some(JoinKey::Name);
        if joined.members.iter().find(by_name).is_none() {
            continue;
        }
        let of = joined.members.iter().map(|m| {
            let source = &stages.project.sources[m.source].name;
            format!("\"{}\" of {source}", words::short(&m.id))
        });
        let draft = Draft::new(
            format!(
                "{} is one thing by its name alone: {}",
                stages.subject(&joined.subject),
                words::list(of)
            ),
            "give both records the same id; to keep them apart, take \"name\" out of `merge.join`",
        )
        .about(joined.subject.clone())
        // Sites have little else than names, and few of them have the same one.
        .level(match joined.subject.kind {
            SubjectKind::Circuit => Level::Warning,
            _ => Level::Info,
        });
        let places = joined
            .members
            .iter()
            .map(|m| Label::new(m.origin.whole(), "joined by name"));
        out.push(words::at_each(draft, places));
    }
}
