//! SRC010: known fields that hold something else than expected.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::ir::records::{OddField, Origin, Subject};
use crate::lint::fields::{Field, fields};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

/// From here on the same field in several records is one finding.
const PATTERN: usize = 4;

pub static RULE: Rule = Rule {
    code: "SRC010",
    name: "unexpected-value",
    default: Level::Warning,
    contained: true,
    what: "A known field holds a value that was left out or read in another way than written.",
    why: "The subscriber is shaped by what could be read, which may not be what was meant.",
    fix: "Correct the value in the system behind the source.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "state": "paused", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "state": "suspended", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut records: BTreeMap<(Origin, &Subject), Vec<&OddField>> = BTreeMap::new();
    for field in fields(stages).iter().filter(|f| !f.is_drift()) {
        if field.odd.len() >= PATTERN {
            out.push(pattern(stages, field));
            continue;
        }
        for &odd in &field.odd {
            let key = (odd.place.origin, &odd.subject);
            records.entry(key).or_default().push(odd);
        }
    }
    // What is left is one finding a record.
    for ((_, subject), odd) in records {
        let what: Vec<String> = odd
            .iter()
            .map(|o| match &*o.place.route {
                "" => o.what.clone(),
                route => format!("{} {}", words::field(route), o.what),
            })
            .collect();
        let message = format!("{}: {}", stages.subject(subject), what.join("; "));
        let draft = Draft::new(message, HELP).about(subject.clone());
        out.push(words::at_each(draft, labels(&odd)));
    }
}

const HELP: &str = "correct the value in the system behind the source";

/// Too often for a typo, too seldom for a changed schema.
fn pattern(stages: &Stages<'_>, field: &Field<'_>) -> Draft {
    let first = field.odd[0];
    let draft = Draft::new(
        format!(
            "{} has an unexpected value in {} of {} of `{}`: first in {}, where it {}",
            words::field(&field.route),
            words::number(field.odd.len()),
            words::count(field.total.max(field.odd.len()), "record"),
            field.collection,
            stages.subject(&first.subject),
            first.what,
        ),
        HELP,
    )
    .about_all(field.odd.iter().map(|o| o.subject.clone()));
    words::at_each(draft, labels(&field.odd))
}

fn labels<'a>(odd: &'a [&OddField]) -> impl Iterator<Item = Label> + 'a {
    odd.iter()
        .map(|o| Label::new(o.place.clone(), o.what.clone()))
}
