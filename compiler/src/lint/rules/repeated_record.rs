//! SRC013: the same record more than once.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::ir::records::{Place, Subject};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "SRC013",
    name: "repeated-record",
    default: Level::Info,
    contained: true,
    what: "Records stand in an export more than once with the same content.",
    why: "Each is used once. But pages that repeat records often skip others, and skipped subscribers pass unshaped.",
    fix: "Fetch again, and compare the number of records with what the system itself counts.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true},
           {"id": "hill", "name": "Hill", "kind": "site", "gateway": true}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let evidence = &stages.inventory.evidence;
    let merged = evidence
        .duplicate_nodes
        .iter()
        .chain(&evidence.duplicate_links)
        .chain(&evidence.duplicate_circuits)
        .filter(|d| d.differs.is_empty())
        .flat_map(|d| d.dropped.iter().map(move |place| (place, &d.subject)));
    let read = stages
        .sources
        .iter()
        .flat_map(|s| &s.repeats)
        .filter(|r| r.identical)
        .map(|r| (&r.place, &r.subject));
    let mut files: BTreeMap<_, Vec<(&Place, &Subject)>> = BTreeMap::new();
    for repeat in merged.chain(read) {
        files.entry(repeat.0.origin.file).or_default().push(repeat);
    }
    for mut group in files.into_values() {
        group.sort();
        let n = group.len();
        let draft = Draft::new(
            format!(
                "{} in {} {} one before: {}; each is used once",
                words::count(n, "record"),
                stages.path(group[0].0),
                words::verb(n, "repeats", "repeat"),
                stages.subjects(group.iter().map(|(_, subject)| *subject)),
            ),
            "fetch again and compare the number of records with what the system itself counts: pages that repeat records often skip others",
        )
        .about_all(group.iter().map(|(_, subject)| (*subject).clone()));
        let labels = group
            .iter()
            .map(|(place, _)| Label::new((*place).clone(), "said before"));
        out.push(words::at_each(draft, labels));
    }
}
