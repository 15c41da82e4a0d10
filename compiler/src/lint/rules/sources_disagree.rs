//! SRC014: two sources say different things about one circuit, node or link.

use crate::finding::{Draft, Label, Level};
use crate::ir::field::Field;
use crate::ir::merge::{Joined, Stated};
use crate::lint::rule::{Also, Example, Rule, Stages};
use crate::lint::words;

const TOWERS: &[(&str, &str)] = &[(
    "inventory.json",
    r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "kind": "site", "gateway": true}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [50000, 10000],
               "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
)];

pub static RULE: Rule = Rule {
    code: "SRC014",
    name: "sources-disagree",
    default: Level::Warning,
    contained: true,
    what: "Two sources know a subscriber, a node or a link, and say different things about it.",
    why: "One of them is wrong: if it is the one that is followed, a subscriber is shaped by an old plan, an old address or a tower it has left.",
    fix: "Correct the source that is wrong, or say in `[merge.fields]` which one is right about this field.",
    bad: Example::inventory(TOWERS, "").and(&[Also {
        name: "billing",
        kind: "inventory",
        files: &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000]}]}"#,
        )],
    }]),
    good: Example::inventory(TOWERS, "").and(&[Also {
        name: "billing",
        kind: "inventory",
        files: &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [50000, 10000]}]}"#,
        )],
    }]),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let merge = &stages.inventory.evidence.merge;
    for joined in merge.joined.iter().filter(|j| !j.disagreements.is_empty()) {
        out.push(draft(stages, joined));
    }
}

fn draft(stages: &Stages<'_>, joined: &Joined) -> Draft {
    let source = |stated: &Stated| {
        let name = &stages.project.sources[stated.source].name;
        format!("{name} says {}", words::short(&stated.value.to_string()))
    };
    let fields = joined.disagreements.iter().map(|d| {
        format!(
            "{}: {}, but {}",
            d.field.word(),
            source(&d.chosen),
            words::list(d.rejected.iter().map(source))
        )
    });
    // All of them: this is the one place where they stand.
    let fields: Vec<String> = fields.collect();
    let names_only = joined.disagreements.iter().all(|d| d.field == Field::Name);
    let first = &joined.disagreements[0];
    let fields_of = joined.disagreements.iter().map(|d| d.field.word());
    let mut draft = Draft::new(
        format!(
            "the sources disagree about {}; the first named is followed. {}",
            stages.subject(&joined.subject),
            fields.join("; ")
        ),
        format!(
            "correct the one that is wrong, or name the source to follow under [merge.fields]: {}",
            words::list(fields_of)
        ),
    )
    .about(joined.subject.clone())
    .at(first.chosen.place.clone(), "followed");
    if names_only {
        draft = draft.level(Level::Info);
    }
    let rejected = joined.disagreements.iter().flat_map(|d| &d.rejected);
    let mut places: Vec<&Stated> = rejected.collect();
    places.dedup_by_key(|stated| stated.place.clone());
    words::at_each(
        draft,
        places
            .into_iter()
            .map(|stated| Label::new(stated.place.clone(), "not followed")),
    )
}
