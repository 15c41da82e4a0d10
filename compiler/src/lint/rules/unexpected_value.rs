//! SRC010: known fields that hold something else than expected.

use crate::finding::{Draft, Label, Level};
use crate::lint::fields::fields;
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
    let help = "correct the value in the system behind the source";
    for field in fields(stages).iter().filter(|f| !f.is_drift()) {
        let name = words::field(&field.route);
        if field.odd.len() < PATTERN {
            for odd in &field.odd {
                let message = format!("{}: {name} {}", stages.subject(&odd.subject), odd.what);
                out.push(
                    Draft::new(message, help)
                        .about(odd.subject.clone())
                        .at(odd.place.clone(), odd.what.clone()),
                );
            }
            continue;
        }
        let first = field.odd[0];
        let draft = Draft::new(
            format!(
                "{name} has an unexpected value in {} of {} of `{}`: first in {}, where it {}",
                words::number(field.odd.len()),
                words::count(field.total, "record"),
                field.collection,
                stages.subject(&first.subject),
                first.what,
            ),
            help,
        )
        .about_all(field.odd.iter().map(|o| o.subject.clone()));
        let labels = field
            .odd
            .iter()
            .map(|o| Label::new(o.place.clone(), o.what.clone()));
        out.push(words::at_each(draft, labels));
    }
}
