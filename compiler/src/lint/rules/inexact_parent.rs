//! IDN005: parents found only after folding case and blanks.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::ir::inventory::FuzzyParent;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "IDN005",
    name: "inexact-parent",
    default: Level::Warning,
    contained: true,
    what: "A parent reference matches a node only when case and blanks are ignored.",
    why: "It works here, but other tools leave such a subscriber without a parent, and the next rename breaks it.",
    fix: "Write the reference exactly, best as the id of the node.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "HILL ", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

/// One finding for each wrong spelling, however often it stands.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut spellings: BTreeMap<_, Vec<&FuzzyParent>> = BTreeMap::new();
    for fuzzy in &stages.inventory.evidence.fuzzy_parents {
        let key = (&*fuzzy.wanted, &fuzzy.used);
        spellings.entry(key).or_default().push(fuzzy);
    }
    for ((wanted, used), mut group) in spellings {
        group.sort();
        let draft = Draft::new(
            format!(
                "{} {} parent \"{}\", which is read as {}",
                stages.subjects(group.iter().map(|f| &f.subject)),
                words::verb(group.len(), "names", "name"),
                words::short(wanted),
                stages.subject(used),
            ),
            format!("write \"{}\" in the source", used.id),
        )
        .about_all(group.iter().map(|f| f.subject.clone()));
        let labels = group
            .iter()
            .map(|f| Label::new(f.place.clone(), "other case or blanks"));
        out.push(words::at_each(draft, labels));
    }
}
