//! SRC012: settings that name a node by its display name.

use crate::finding::{Draft, Edit, Fix, Level};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "SRC012",
    name: "setting-by-name",
    default: Level::Info,
    contained: true,
    what: "A setting names a node by its display name instead of its id.",
    why: "A rename in the CRM, or a second node of that name, silently changes what the setting does to the subscribers below.",
    fix: "Write the id, which a rename cannot change.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "s1", "name": "Hill", "kind": "site", "gateway": true}]}"#,
        )],
        "[topology]\nexclude = [\"Hill\"]\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "s1", "name": "Hill", "kind": "site", "gateway": true}]}"#,
        )],
        "[topology]\nexclude = [\"s1\"]\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for named in &stages.inventory.evidence.named_settings {
        let key = named.key;
        let draft = Draft::new(
            format!(
                "`{key}` names \"{}\", which is read as {}",
                words::short(&named.value),
                stages.subject(&named.meant)
            ),
            format!(
                "write the id \"{}\", which a rename cannot change",
                named.meant.id
            ),
        )
        .about(Subject::new(SubjectKind::Setting, key, key))
        .about(named.meant.clone())
        .fix(fix(key, &named.value, &named.meant.id));
        out.push(match &named.place {
            Some(place) => draft.at(place.clone(), "a display name"),
            None => draft,
        });
    }
}

/// It is read as this node already.
fn fix(key: &'static str, value: &str, id: &str) -> Fix {
    let (old, new) = (value.to_owned(), Some(id.to_owned()));
    Fix {
        what: format!("write the id \"{}\"", words::short(id)),
        safe: true,
        edit: match key.rsplit_once('.') {
            Some((table @ "topology", "root")) => Edit::Text {
                table,
                key: "root".to_owned(),
                old,
                new,
            },
            _ => Edit::Entry { key, old, new },
        },
    }
}
