//! TOP015: a network without a visible node.

use crate::finding::{Draft, Label, Level};
use crate::ir::inventory::Hidden;
use crate::ir::records::NodeKind;
use crate::ir::tree::Strategy;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "TOP015",
    name: "all-nodes-hidden",
    default: Level::Warning,
    contained: false,
    what: "Every node is virtual or excluded, so the tree is flat.",
    why: "No limit of an AP, site or backhaul is enforced: every full sector queues in its radio.",
    fix: "Show the nodes whose limits are real, or say that the tree is flat with `topology.strategy = \"flat\"`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "virtual": true}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let nodes: Vec<_> = stages
        .inventory
        .nodes
        .iter()
        .filter(|n| n.kind != NodeKind::Root)
        .collect();
    if stages.tree.strategy == Strategy::Flat
        || nodes.is_empty()
        || nodes.iter().any(|n| n.hidden.is_none())
    {
        return;
    }
    let excluded = nodes
        .iter()
        .filter(|n| n.hidden == Some(Hidden::Excluded))
        .count();
    let how = match excluded {
        0 => "virtual",
        n if n == nodes.len() => "excluded",
        _ => "virtual or excluded",
    };
    let which = match nodes.len() {
        1 => "the only node is".to_owned(),
        n => format!("all {} are", words::count(n, "node")),
    };
    let draft = Draft::new(
        format!("{which} {how}: the tree is flat, and no limit of the network is enforced"),
        "show the nodes whose limits are real, or say that the tree is flat with `topology.strategy = \"flat\"`",
    )
    .about_all(nodes.iter().map(|n| n.subject()));
    let labels = nodes.iter().map(|n| Label::new(n.origin.whole(), "hidden"));
    out.push(words::at_each(draft, labels));
}
