//! SRC011: a source without a file it can do without, at a price.

use crate::finding::{Draft, Level};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::rules::source_incomplete::{draft, missing};

pub static RULE: Rule = Rule {
    code: "SRC011",
    name: "collection-missing",
    default: Level::Warning,
    contained: false,
    what: "A source's export lacks an optional collection.",
    why: "What only that collection knows is missing from every record: plans, links or parents are then guessed or left out.",
    fix: "Record the collection with `weir fetch`, or add its file to the export; allow the rule if the system has nothing of the kind.",
    bad: Example::of(
        "uisp",
        &[
            ("sites.json", "[]"),
            ("devices.json", "[]"),
            ("data-links.json", "[]"),
        ],
        "",
    ),
    good: Example::of(
        "uisp",
        &[
            ("sites.json", "[]"),
            ("devices.json", "[]"),
            ("data-links.json", "[]"),
            ("crm-clients.json", "[]"),
            ("crm-services.json", "[]"),
            ("crm-plans.json", "[]"),
        ],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for missing in missing(stages).filter(|m| m.optional) {
        out.push(draft(
            stages,
            missing,
            "record it with `weir fetch` or add the file to the export; if there is nothing of the kind, set `lint.levels.collection-missing = \"allow\"`",
        ));
    }
}
