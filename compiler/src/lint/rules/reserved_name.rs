//! IDN004: names that belong to generated nodes.

use crate::finding::{Draft, Level};
use crate::ir::tree::RenameReason;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "IDN004",
    name: "reserved-name",
    default: Level::Warning,
    contained: true,
    what: "A node's name starts with `Generated_PN_`, `CpueQueue` or `@`, which generated nodes use.",
    why: "Under its own name the tower could be taken for a generated parent, and its subscribers for subscribers without a tower.",
    fix: "Rename the node in the source.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "s1", "name": "Generated_PN_1", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "s1", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "s1", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "s1", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let emitted = stages.emitted();
    for &(node, why) in &stages.tree.evidence.renamed {
        if why != RenameReason::Reserved {
            continue;
        }
        let shown = match emitted[node.ix()] {
            Some(ix) => format!(": it is shown as {}", words::emitted(&stages.tree[ix].name)),
            None => String::new(),
        };
        let inventory = &stages.inventory[node];
        out.push(
            Draft::new(
                format!(
                    "{} has a name that is reserved for generated nodes{shown}",
                    stages.node(node)
                ),
                "rename the node in the source",
            )
            .about(inventory.subject())
            .at(inventory.origin.whole(), "reserved name"),
        );
    }
}
