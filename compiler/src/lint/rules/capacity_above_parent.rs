//! RAT013: nodes that could carry more than the node above them.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::id::NodeIx;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::Kbps;

pub static RULE: Rule = Rule {
    code: "RAT013",
    name: "capacity-above-parent",
    default: Level::Warning,
    contained: false,
    what: "A node's own capacity is higher than that of its parent.",
    why: "The child can never carry what is recorded, and its own limit never acts: one of the two numbers, or the parent, may be wrong.",
    fix: "Correct the capacity of the child or of the parent.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [300000, 300000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [600000, 600000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill-n", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [900000, 900000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [600000, 600000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill-n", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

/// One finding for each parent: it, or its children, has the wrong number.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let below = stages.circuits_below();
    let mut parents: BTreeMap<NodeIx, Vec<NodeIx>> = BTreeMap::new();
    // A network without circuits is judged as it is: who hangs where is not known.
    let nobody = stages.inventory.circuits.is_empty();
    for ix in stages.inventory.node_ixs() {
        let Some(parent) = stages.parent(ix) else {
            continue;
        };
        let above = |own: Option<Kbps>, parent: Option<Kbps>| matches!((own, parent), (Some(own), Some(parent)) if own > parent);
        let (own, cap) = (
            stages.inventory[ix].capacity,
            stages.inventory[parent].capacity,
        );
        if (below[ix.ix()] > 0 || nobody) && (above(own.down, cap.down) || above(own.up, cap.up)) {
            parents.entry(parent).or_default().push(ix);
        }
    }
    for (parent, children) in parents {
        let n = children.len();
        let cap = stages.inventory[parent].capacity;
        let first = children[0];
        let message = match n {
            1 => format!(
                "{} has {}, more than the {} of {} above it",
                stages.node(first),
                words::known_rates(stages.inventory[first].capacity),
                words::known_rates(cap),
                stages.node(parent),
            ),
            n => format!(
                "{} under {} have more than its {}: {}",
                words::count(n, "node"),
                stages.node(parent),
                words::known_rates(cap),
                stages.nodes(children.iter().copied()),
            ),
        };
        let draft = Draft::new(
            message,
            "correct the capacity of one of them, or the parent of the child",
        )
        .about(stages.inventory[parent].subject())
        .about_all(children.iter().map(|&c| stages.inventory[c].subject()))
        .at(
            stages.inventory[parent].origin.whole(),
            format!("carries {}", words::known_rates(cap)),
        );
        let labels = children.iter().map(|&c| {
            let child = &stages.inventory[c];
            Label::new(
                child.origin.whole(),
                format!("carries {}", words::known_rates(child.capacity)),
            )
        });
        out.push(words::at_each(draft, labels));
    }
}
