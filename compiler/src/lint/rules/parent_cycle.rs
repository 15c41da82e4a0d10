//! TOP003: parents that go round in a circle.

use crate::config::project::Metric;
use crate::finding::{Draft, Label, Level};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "TOP003",
    name: "parent-cycle",
    default: Level::Info,
    contained: false,
    what: "The declared parents of some nodes lead back to themselves. An error with `topology.tree = \"declared\"`.",
    why: "None of these nodes can be above the others. Links decide where they are known; with declared parents alone, one node is hung under the root and the limits above it are lost.",
    fix: "Correct the parent of one of the nodes, or pin one with `[topology.pin]`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"},
           {"id": "hill", "name": "Hill", "kind": "site", "parent": "lake"},
           {"id": "lake", "name": "Lake", "kind": "site", "parent": "hill"}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"},
           {"id": "hill", "name": "Hill", "kind": "site", "parent": "core"},
           {"id": "lake", "name": "Lake", "kind": "site", "parent": "hill"}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let level = match stages.project.topology.tree {
        Metric::Declared => Level::Error,
        _ => Level::Info,
    };
    for cycle in &stages.graph.evidence.declared_cycles {
        let Some(&first) = cycle.first() else {
            continue;
        };
        let id = &stages.inventory[first].id;
        let steps: Vec<String> = cycle
            .iter()
            .map(|&ix| words::short(&stages.inventory[ix].id))
            .collect();
        let draft = Draft::new(
            format!(
                "the declared parents of {} go in a circle: {} -> {}",
                words::count(cycle.len(), "node"),
                steps.join(" -> "),
                steps[0],
            ),
            format!(
                "correct the parent of {}, or pin it: `[topology.pin]` `\"{id}\" = \"...\"`",
                stages.node(first)
            ),
        )
        .about_all(cycle.iter().map(|&ix| stages.inventory[ix].subject()))
        .level(level);
        let labels = cycle.iter().map(|&ix| {
            let node = &stages.inventory[ix];
            let parent = node
                .parent
                .map_or_else(|| "another".to_owned(), |p| stages.node(p));
            Label::new(node.origin.whole(), format!("its parent is {parent}"))
        });
        out.push(words::at_each(draft, labels));
    }
}
