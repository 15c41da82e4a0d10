//! SRC005: settings and overrides that name something which is not there. (Pins: TOP008.)

use crate::finding::{Draft, Edit, Fix, Level};
use crate::ir::inventory::UnknownSetting;
use crate::ir::overlay::{Unapplied, Why};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "SRC005",
    name: "setting-names-nothing",
    default: Level::Warning,
    contained: false,
    what: "`topology.root`, `promote_to_root`, `exclude` or an override names something that does not exist, or a name that several nodes share.",
    why: "The setting has no effect, so subscribers are shaped under limits that the operator meant to lift or to move.",
    fix: "Write the id of what is meant, or delete the entry.",
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
    let unapplied = &stages.inventory.evidence.overlay.unapplied;
    out.extend(unapplied.iter().filter_map(|u| overridden(stages, u)));
}

/// An override of something that is not there, or with something that is not there.
fn overridden(stages: &Stages<'_>, unapplied: &Unapplied) -> Option<Draft> {
    let overrides = &stages.project.overrides;
    let entry = &overrides.entries[unapplied.entry];
    let kind = entry.kind.word();
    let id = words::short(&entry.id);
    let key = unapplied.field.map_or("", |field| field.key());
    let (key, message, help) = match &unapplied.why {
        Why::Expired | Why::NoRates => return None,
        Why::NoSuchId { nearest } => (
            "id",
            format!(
                "an override names the {kind} \"{id}\", and there is none with this id: it has no effect"
            ),
            match nearest {
                Some(near) => format!(
                    "did you mean {}? Write id = \"{}\", or delete the override",
                    stages.subject(near),
                    near.id
                ),
                None => format!("write the id of a {kind}, or delete the override"),
            },
        ),
        Why::NoSuchDevice { nearest } => (
            "device",
            format!(
                "the override of {} names a device that it does not have: {key} has no effect",
                words::overridden(stages, entry)
            ),
            match nearest {
                Some(near) => format!("did you mean device \"{}\"?", words::short(near)),
                None => "write the id of one of its devices, or take `device` away".to_owned(),
            },
        ),
        Why::NoSuchParent { wanted, nearest } => (
            key,
            format!(
                "the override of {} names the parent \"{}\", which no node or more than one is called: it has no effect",
                words::overridden(stages, entry),
                words::short(wanted)
            ),
            match nearest {
                Some(near) => format!(
                    "did you mean {}? Write \"{}\"",
                    stages.subject(near),
                    near.id
                ),
                None => "write the id of a node, or delete the override".to_owned(),
            },
        ),
        Why::OwnParent => (
            key,
            format!(
                "the override of {} makes it its own parent: it has no effect",
                words::overridden(stages, entry)
            ),
            "write the id of another node, or delete the override".to_owned(),
        ),
    };
    Some(
        Draft::new(message, help)
            .about(words::override_subject(stages, entry))
            .at(overrides.place(unapplied.entry, key), "names nothing"),
    )
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
