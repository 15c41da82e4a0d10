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
    fix: "Fetch again: a file that ends in the middle is an interrupted download, HTML in it is an error page. A table that was saved by hand needs the names of its columns in the first row.",
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
        let help = match path.ends_with(".csv") {
            true => {
                "save it again as CSV, with the names of the columns in the first row; of a download that broke off, \
                 fetch again, then `weir check`"
            }
            false => {
                "mend it there, or fetch again; if the file ends in the middle the download was interrupted, if it holds \
                 HTML it is an error page"
            }
        };
        out.push(
            Draft::new(
                format!("{path} cannot be read: {}; {then}", file.message),
                help,
            )
            .about(Subject::new(SubjectKind::Source, path, path))
            .at(file.place.clone(), file.message.clone()),
        );
    }
}
