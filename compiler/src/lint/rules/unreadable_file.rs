//! SRC008: files that are not what their name says.

use crate::finding::{Draft, Level};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};

pub static RULE: Rule = Rule {
    code: "SRC008",
    name: "unreadable-file",
    default: Level::Error,
    contained: false,
    what: "An export file is not valid JSON or CSV.",
    why: "Nothing of the file can be used, and everybody it names would lose their shaping at once.",
    fix: "Fetch again: a file that ends in the middle is an interrupted download, HTML in it is an error page.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1", "circuits": ["#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1", "circuits": []}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for file in stages.sources.iter().flat_map(|s| &s.unreadable) {
        let path = stages.path(&file.place);
        let then = match file.mandatory {
            true => "nothing is built without it",
            false => "nothing of it is used",
        };
        out.push(
            Draft::new(
                format!("{path} cannot be read: {}; {then}", file.message),
                "fetch again; if the file ends in the middle the download was interrupted, if it holds HTML it is an error page",
            )
            .about(Subject::new(SubjectKind::Source, path, path))
            .at(file.place.clone(), file.message.clone()),
        );
    }
}
