//! SRC003: text with characters that no name has.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::ir::records::{DirtyText, Place, Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

/// From here on the same trouble in one file is one finding.
const PATTERN: usize = 4;

pub static RULE: Rule = Rule {
    code: "SRC003",
    name: "unclean-text",
    default: Level::Warning,
    contained: true,
    what: "A name or text holds line breaks, control characters or bytes that are not UTF-8.",
    why: "Names are cleaned before they reach the shaper, so a subscriber or tower may be shown under another name than in the CRM.",
    fix: "Correct the text in the system behind the source, or export the file as UTF-8.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo\nDoe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
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
    for (id, file) in stages.files.files() {
        let Some(encoding) = file.transcoded else {
            continue;
        };
        let place: Place = stages.files.whole(id).whole();
        out.push(
            Draft::new(
                format!("{} is not UTF-8: it was read as {encoding}", file.path),
                "export the file as UTF-8, so that no name depends on a guess",
            )
            .about(Subject::new(SubjectKind::Source, &file.path, &file.path))
            .at(place, format!("read as {encoding}")),
        );
    }
    let mut groups: BTreeMap<_, Vec<&DirtyText>> = BTreeMap::new();
    for dirty in stages.sources.iter().flat_map(|s| &s.dirty_text) {
        let key = (dirty.place.origin.file, dirty.what);
        groups.entry(key).or_default().push(dirty);
    }
    let help = "correct the text in the system behind the source";
    for ((_, what), mut group) in groups {
        group.sort();
        if group.len() < PATTERN {
            for dirty in group {
                let subject = stages.subject(&dirty.subject);
                let message = match &*dirty.place.route {
                    "" => format!("{subject}: its text {what}"),
                    route => format!("{subject}: {} {what}", words::field(route)),
                };
                out.push(
                    Draft::new(message, help)
                        .about(dirty.subject.clone())
                        .at(dirty.place.clone(), what),
                );
            }
            continue;
        }
        let draft = Draft::new(
            format!(
                "{} of {} are unclean: each {what}, first in {}",
                words::count(group.len(), "text"),
                stages.path(&group[0].place),
                stages.subject(&group[0].subject),
            ),
            help,
        )
        .about_all(group.iter().map(|d| d.subject.clone()));
        let labels = group.iter().map(|d| Label::new(d.place.clone(), what));
        out.push(words::at_each(draft, labels));
    }
}
