//! IDN010: a key joins records of two sources, but not one to one.

use crate::finding::{Draft, Label, Level};
use crate::ir::merge::Ambiguous;
use crate::lint::rule::{Also, Example, Rule, Stages};
use crate::lint::words;

const BILLING: &[Also] = &[Also {
    name: "billing",
    kind: "inventory",
    files: &[(
        "inventory.json",
        r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "17", "name": "Jo Doe", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "mac": "02:00:00:00:00:17"}]},
              {"id": "18", "name": "Jo Doe (shop)", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "mac": "02:00:00:00:00:17"}]}]}"#,
    )],
}];

pub static RULE: Rule = Rule {
    code: "IDN010",
    name: "ambiguous-join",
    default: Level::Error,
    contained: true,
    what: "Records of several sources share an id, a MAC, an address or a name, but not one to one.",
    why: "Which of them belong together cannot be known and is not guessed: they stay apart, so one subscriber may be shaped twice, or by half of what is known.",
    fix: "Give the records that belong together the same id, or correct the value that they should not share.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "roof-9", "name": "Roof 9", "devices": [{"id": "r9", "mac": "02-00-00-00-00-17", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    )
    .and(BILLING),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "17", "name": "Roof 9", "devices": [{"id": "r9", "mac": "02-00-00-00-00-17", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    )
    .and(BILLING),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for ambiguous in &stages.inventory.evidence.merge.ambiguous {
        let Ambiguous {
            key,
            value,
            candidates,
        } = ambiguous;
        let named = candidates.iter().map(|(source, subject, _)| {
            let source = &stages.project.sources[*source].name;
            format!("{} of {source}", stages.subject(subject))
        });
        let named: Vec<String> = named.collect();
        let draft = Draft::new(
            format!(
                "the {} \"{}\" does not say which of these are one: {}. They stay apart",
                key.word(),
                words::short(value),
                named.join(", ")
            ),
            "give the records that belong together the same id, or correct the one that has a value of another",
        )
        .about_all(candidates.iter().map(|(_, subject, _)| subject.clone()));
        let places = candidates.iter().map(|(source, _, place)| {
            let source = stages.project.sources[*source].name.clone();
            Label::new(place.clone(), format!("candidate of {source}"))
        });
        out.push(words::at_each(draft, places));
    }
}
