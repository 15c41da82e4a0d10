//! SRC002: a required field that is missing too often to be a typo.

use crate::finding::{Draft, Label, Level};
use crate::lint::fields::fields;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "SRC002",
    name: "required-field-missing",
    default: Level::Error,
    contained: true,
    what: "A required field is missing or has the wrong type in more than 1 % of the records of a collection, and in three at least or in all.",
    why: "The system behind the source has probably changed its format: many subscribers lose the same value at once, and nobody typed a mistake.",
    fix: "Compare the export with an older one, and hold promotion until the field is read again.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "tower", "gateway": true}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for field in fields(stages).iter().filter(|f| f.is_drift()) {
        let first = field.odd[0];
        let draft = Draft::new(
            format!(
                "required field {} is missing or unusable in {} of {} ({}) of `{}`: first in {}, where it {}",
                words::field(&field.route),
                words::number(field.odd.len()),
                words::count(field.total, "record"),
                words::percent(field.odd.len(), field.total),
                field.collection,
                stages.subject(&first.subject),
                first.what,
            ),
            "compare with an older export: the system behind this source may have changed its format; keep the last good artifact until the field is back",
        )
        .about_all(field.odd.iter().map(|o| o.subject.clone()));
        let labels = field
            .odd
            .iter()
            .map(|o| Label::new(o.place.clone(), o.what.clone()));
        out.push(words::at_each(draft, labels));
    }
}
