//! LNT002: suppressions whose last day is over.

use crate::finding::{Draft, Edit, Fix, Level};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::rules;
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "LNT002",
    name: "expired-suppression",
    default: Level::Warning,
    contained: true,
    what: "The last day of a `[[lint.suppress]]` is over: its findings count again.",
    why: "What was to be mended by that day was not, and the subscribers or nodes it is about are shaped as the finding says.",
    fix: "Mend what the finding is about and delete the suppression, or give it a new `expires`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true}]}"#,
        )],
        "[[lint.suppress]]\nrule = \"empty-node\"\nsubject = \"hill\"\nreason = \"goes live in spring\"\nexpires = 2026-04-30\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true}]}"#,
        )],
        "[[lint.suppress]]\nrule = \"empty-node\"\nsubject = \"hill\"\nreason = \"goes live in spring\"\nexpires = 2099-04-30\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let lint = &stages.project.lint;
    for suppression in lint
        .suppress
        .iter()
        .filter(|s| s.is_expired(stages.project.as_of))
    {
        // Both are told: whoever doubts the clock sees what it said.
        let (Some(last), Some(today)) = (suppression.expires, stages.project.as_of) else {
            continue;
        };
        let name = rules::find(suppression.rule).map_or(suppression.rule, |rule| rule.name);
        let subjects = words::list(
            suppression
                .subjects
                .iter()
                .map(|s| format!("\"{}\"", words::short(s))),
        );
        let key = format!("lint.suppress.{}", suppression.index);
        out.push(
            Draft::new(
                format!("the suppression of `{name}` for {subjects} held until {last}, and it is {today}: its findings count again"),
                "mend what the finding is about and delete the suppression, or give it a new `expires`",
            )
            .about(Subject::new(SubjectKind::Setting, "lint.suppress", "lint.suppress"))
            .fact(format!("{} {}", suppression.rule, suppression.subjects.join(" ")))
            .at(stages.project.place(key), "expired")
            .fix(Fix {
                what: "delete the suppression".to_owned(),
                safe: true,
                edit: Edit::Table {
                    list: "lint.suppress",
                    index: suppression.index,
                },
            }),
        );
    }
}
