//! TOP012: nodes without circuits.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::id::NodeIx;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "TOP012",
    name: "empty-node",
    default: Level::Info,
    contained: false,
    what: "Nodes have no circuit on them or below them.",
    why: "They are not emitted. That is right for spare equipment; but an AP whose subscribers are all recorded elsewhere limits nobody.",
    fix: "Nothing, if nobody is attached there; otherwise correct the parents of its subscribers.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [150000, 75000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [150000, 75000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill-n", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

/// One finding for all of them.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let below = stages.emitted_circuits_below();
    let kept = stages
        .tree
        .tree_ixs()
        .filter(|ix| below[ix.ix()] == 0)
        .map(|ix| stages.tree[ix].node);
    let mut empty: Vec<NodeIx> = stages
        .tree
        .evidence
        .pruned
        .iter()
        .copied()
        .chain(kept)
        .collect();
    empty.sort_unstable_by_key(|&ix| (stages.inventory[ix].kind, ix));
    empty.dedup();
    if empty.is_empty() {
        return;
    }
    let mut kinds: BTreeMap<_, usize> = BTreeMap::new();
    for &ix in &empty {
        *kinds.entry(stages.inventory[ix].kind).or_default() += 1;
    }
    let counts = kinds
        .into_iter()
        .map(|(kind, n)| words::count(n, words::kind(kind)));
    let then = match stages.project.topology.prune_empty {
        true => "not emitted",
        false => "emitted without a class",
    };
    let draft = Draft::new(
        format!(
            "{} without circuits, {then}: {}",
            words::list(counts),
            stages.nodes(empty.iter().copied())
        ),
        "nothing, if nobody is attached there; otherwise correct the parents of the subscribers",
    )
    .about_all(empty.iter().map(|&ix| stages.inventory[ix].subject()));
    let labels = empty
        .iter()
        .map(|&ix| Label::new(stages.inventory[ix].origin.whole(), "no circuits below"));
    out.push(words::at_each(draft, labels));
}
