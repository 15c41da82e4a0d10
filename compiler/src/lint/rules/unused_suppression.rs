//! LNT001: suppressions that suppress nothing. It looks at what the other rules found, so `lint::run` calls
//! [`drafts`] when they are done.

use crate::finding::{Draft, Edit, Fix, Level};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::rules;
use crate::lint::suppress::Idle;
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "LNT001",
    name: "unused-suppression",
    default: Level::Warning,
    contained: true,
    what: "A `[[lint.suppress]]` matches no finding, or names only some of what a finding is about.",
    why: "It hides the next finding of that kind about this subscriber or node, which nobody has looked at.",
    fix: "Delete it, or name everything that the finding is about.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true}]}"#,
        )],
        "[[lint.suppress]]\nrule = \"duplicate-address\"\nsubject = \"c1\"\nreason = \"two services of one house\"\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true}]}"#,
        )],
        "[[lint.suppress]]\nrule = \"empty-node\"\nsubject = \"hill\"\nreason = \"goes live in spring\"\n",
    ),
    check: |_, _| {},
};

pub(in crate::lint) fn drafts(stages: &Stages<'_>, idle: &[Idle<'_>]) -> Vec<Draft> {
    idle.iter().map(|idle| draft(stages, idle)).collect()
}

fn draft(stages: &Stages<'_>, idle: &Idle<'_>) -> Draft {
    let suppression = idle.suppression;
    let name = rules::find(suppression.rule).map_or(suppression.rule, |rule| rule.name);
    let subjects = words::list(
        suppression
            .subjects
            .iter()
            .map(|s| format!("\"{}\"", words::short(s))),
    );
    let key = format!("lint.suppress.{}", suppression.index);
    let (message, help) = match &idle.falls_short {
        None => (
            format!("the suppression of `{name}` for {subjects} matches no finding"),
            "delete it: what it was for is gone, or has another id".to_owned(),
        ),
        Some(left) => (
            format!(
                "the suppression of `{name}` for {subjects} names only a part of what the finding is about, so it suppresses nothing"
            ),
            format!(
                "name {} too, or delete it",
                words::list(left.iter().map(|s| format!("\"{}\"", words::short(&s.id))))
            ),
        ),
    };
    let draft = Draft::new(message, help)
        .about(Subject::new(
            SubjectKind::Setting,
            "lint.suppress",
            "lint.suppress",
        ))
        .fact(format!(
            "{} {}",
            suppression.rule,
            suppression.subjects.join(" ")
        ))
        .at(stages.project.place(key), "suppresses nothing");
    match &idle.falls_short {
        Some(_) => draft,
        None => draft.fix(Fix {
            what: "delete the suppression".to_owned(),
            safe: true,
            edit: Edit::Table {
                list: "lint.suppress",
                index: suppression.index,
            },
        }),
    }
}
