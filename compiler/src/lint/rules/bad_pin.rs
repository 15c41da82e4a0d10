//! TOP008: pins without effect.

use rustc_hash::FxHashSet;

use crate::finding::{Draft, Edit, Fix, Level};
use crate::id::NodeIx;
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::near::{NEAR, alike};

pub static RULE: Rule = Rule {
    code: "TOP008",
    name: "bad-pin",
    default: Level::Warning,
    contained: false,
    what: "A pin names an unknown node, or the pinned parent cannot be reached without the pinned node.",
    why: "The pin has no effect: subscribers are shaped under the parent that the operator meant to rule out.",
    fix: "Correct the two ids of the pin, or delete it.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true},
           {"id": "lake", "name": "Lake", "kind": "site"}],
 "links": [{"id": "L1", "a": "hill", "b": "lake", "kbps": [300000, 300000]}]}"#,
        )],
        "[topology.pin]\nlake = \"hil\"\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true},
           {"id": "lake", "name": "Lake", "kind": "site"}],
 "links": [{"id": "L1", "a": "hill", "b": "lake", "kbps": [300000, 300000]}]}"#,
        )],
        "[topology.pin]\nlake = \"hill\"\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let settings = &stages.inventory.settings;
    for (child, parent, why) in &settings.bad_pins {
        let near = near(stages, child, parent);
        let help = match near {
            Some((wrong, right)) => format!("did you mean \"{right}\" instead of \"{wrong}\"?"),
            None => "write the ids of two nodes, or delete the pin".to_owned(),
        };
        out.push(
            draft(
                stages,
                child,
                format!(
                    "the pin `\"{}\" = \"{}\"` has no effect: {why}",
                    words::short(child),
                    words::short(parent)
                ),
                help,
            )
            .fix(fix(child, parent, near)),
        );
    }
    let heads: FxHashSet<NodeIx> = stages.graph.heads.iter().copied().collect();
    for &(child, parent) in settings.pins.iter().filter(|(c, _)| heads.contains(c)) {
        let id = &stages.inventory[child].id;
        let written = written(stages, child);
        out.push(
            draft(
                stages,
                written,
                format!(
                    "the pin of {} to {} has no effect: no way leads there but through the pinned node itself, so it was hung under the root",
                    stages.node(child),
                    stages.node(parent),
                ),
                format!("pin \"{id}\" to a node that is nearer to the root, or delete the pin"),
            )
            .about(stages.inventory[child].subject())
            .about(stages.inventory[parent].subject()),
        );
    }
}

fn draft(stages: &Stages<'_>, child: &str, message: String, help: String) -> Draft {
    let key = format!("topology.pin.{child}");
    Draft::new(message, help)
        .about(Subject::new(SubjectKind::Setting, &key, &key))
        .at(stages.project.place(key), "has no effect")
}

/// To delete a pin without effect changes nothing; what it was to say is a guess.
fn fix(child: &str, parent: &str, near: Option<(&str, &str)>) -> Fix {
    const TABLE: &str = "topology.pin";
    let (edit, what) = match near {
        None => (
            Edit::Key {
                table: TABLE,
                old: child.to_owned(),
                new: None,
            },
            "delete the pin".to_owned(),
        ),
        Some((wrong, right)) => {
            let edit = if wrong == child {
                Edit::Key {
                    table: TABLE,
                    old: child.to_owned(),
                    new: Some(right.to_owned()),
                }
            } else {
                Edit::Text {
                    table: TABLE,
                    key: child.to_owned(),
                    old: parent.to_owned(),
                    new: Some(right.to_owned()),
                }
            };
            (edit, format!("write \"{}\"", words::short(right)))
        }
    };
    Fix {
        what,
        safe: near.is_none(),
        edit,
    }
}

/// The key of the pin as it is written: the child's id, else its name.
fn written<'a>(stages: &Stages<'a>, child: NodeIx) -> &'a str {
    let node = &stages.inventory[child];
    let pins = &stages.project.topology.pin;
    match pins.iter().any(|(key, _)| **key == *node.id) {
        true => &node.id,
        false => &node.name,
    }
}

/// The side of a pin that names nothing, and the nearest id by spelling.
fn near<'a>(stages: &Stages<'a>, child: &'a str, parent: &'a str) -> Option<(&'a str, &'a str)> {
    let nodes = &stages.inventory.nodes;
    let exists = |wanted: &str| nodes.iter().any(|n| *n.id == *wanted || *n.name == *wanted);
    let wrong = [child, parent].into_iter().find(|side| !exists(side))?;
    nodes
        .iter()
        .map(|n| {
            let score = alike(wrong, &n.id).max(alike(wrong, &n.name));
            (score, &*n.id)
        })
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|(a, x), (b, y)| a.total_cmp(b).then_with(|| y.cmp(x)))
        .map(|(_, right)| (wrong, right))
}
