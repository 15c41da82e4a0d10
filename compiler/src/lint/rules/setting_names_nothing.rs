//! SRC005: settings that name a node which is not there. (Pins: TOP008.)

use crate::finding::{Draft, Edit, Fix, Level};
use crate::ir::inventory::UnknownSetting;
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "SRC005",
    name: "setting-names-nothing",
    default: Level::Warning,
    contained: false,
    what: "`topology.root`, `promote_to_root` or `exclude` names a node that does not exist, or a name that several nodes share.",
    why: "The setting has no effect, so subscribers are shaped under limits that the operator meant to lift or to move.",
    fix: "Write the id of the node, or delete the entry.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true}]}"#,
        )],
        "[topology]\nexclude = [\"hil\"]\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true}]}"#,
        )],
        "[topology]\nexclude = [\"hill\"]\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for setting in &stages.inventory.evidence.unknown_settings {
        let UnknownSetting {
            key,
            value,
            place,
            nearest,
            ambiguous,
        } = setting;
        let written = value;
        let value = words::short(value);
        let (message, help) = match (ambiguous, nearest) {
            (true, near) => (
                format!(
                    "`{key}` names \"{value}\", which several nodes are called: it has no effect"
                ),
                match near {
                    Some(near) => {
                        format!("write the id of the one you mean, such as \"{}\"", near.id)
                    }
                    None => "write the id of the one you mean".to_owned(),
                },
            ),
            (false, near) => (
                format!(
                    "`{key}` names \"{value}\", which no node has as id or name: it has no effect"
                ),
                match near {
                    Some(near) => format!(
                        "did you mean {}? Write \"{}\", or delete the entry",
                        stages.subject(near),
                        near.id
                    ),
                    None => "write the id of a node, or delete the entry".to_owned(),
                },
            ),
        };
        let draft = Draft::new(message, help)
            .about(Subject::new(SubjectKind::Setting, key, key))
            .fact(&**written)
            .fix(fix(key, written, nearest.as_ref()));
        out.push(match place {
            Some(place) => draft.at(place.clone(), "names nothing"),
            None => draft,
        });
    }
}

/// To delete what has no effect changes nothing. A node that is near by spelling may be another one.
fn fix(key: &'static str, value: &str, near: Option<&Subject>) -> Fix {
    let old = value.to_owned();
    let new = near.map(|near| near.id.to_string());
    Fix {
        what: match &new {
            Some(id) => format!("write \"{}\"", words::short(id)),
            None => "delete the entry".to_owned(),
        },
        safe: new.is_none(),
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
