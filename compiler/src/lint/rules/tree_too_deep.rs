//! BUD001: more levels than the kernel has.

use crate::finding::{Draft, Label, Level};
use crate::id::{NodeIx, TreeIx};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

/// Classes in a chain that the kernel accepts, the subscriber's own included.
const CLASSES: usize = 8;

pub static RULE: Rule = Rule {
    code: "BUD001",
    name: "tree-too-deep",
    default: Level::Error,
    contained: false,
    what: "A path has more than seven node levels, so that a subscriber's class would be the ninth or deeper.",
    why: "The kernel refuses the ninth class of a chain, so nobody at the end of that path could be shaped.",
    fix: "Take `topology.max_depth` out, so that the tree is cut to what fits; or exclude nodes, or use `ap_site`.",
    bad: Example::inventory(
        &[("inventory.json", CHAIN)],
        "[topology]\nstrategy = \"full\"\nmax_depth = 8\n",
    ),
    good: Example::inventory(
        &[("inventory.json", CHAIN)],
        "[topology]\nstrategy = \"full\"\n",
    ),
    check,
};

const CHAIN: &str = r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "n1", "kind": "site", "gateway": true, "kbps": [800000, 800000]},
           {"id": "n2", "kind": "site", "parent": "n1", "kbps": [700000, 700000]},
           {"id": "n3", "kind": "site", "parent": "n2", "kbps": [600000, 600000]},
           {"id": "n4", "kind": "site", "parent": "n3", "kbps": [500000, 500000]},
           {"id": "n5", "kind": "site", "parent": "n4", "kbps": [400000, 400000]},
           {"id": "n6", "kind": "site", "parent": "n5", "kbps": [300000, 300000]},
           {"id": "n7", "kind": "site", "parent": "n6", "kbps": [200000, 200000]},
           {"id": "n8", "kind": "ap", "parent": "n7", "kbps": [100000, 100000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "n8", "plan_kbps": [50000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#;

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let path = deepest(stages);
    if path.len() < CLASSES {
        return;
    }
    let names = path
        .iter()
        .map(|&ix| words::short(&stages.inventory[ix].name))
        .collect::<Vec<_>>()
        .join(" > ");
    let draft = Draft::new(
        format!(
            "the tree is {} deep and the kernel takes {}: {names}",
            words::count(path.len(), "node level"),
            words::number(CLASSES - 1),
        ),
        match stages.project.topology.max_depth {
            0 => "list nodes of this path in `topology.exclude`, or use `topology.strategy = \"ap_site\"`",
            _ => "take `topology.max_depth` out, or list nodes of this path in `topology.exclude`",
        },
    )
    .about_all(path.iter().map(|&ix| stages.inventory[ix].subject()));
    let labels = path
        .iter()
        .rev()
        .map(|&ix| Label::new(stages.inventory[ix].origin.whole(), "on the path"));
    out.push(words::at_each(draft, labels));
}

/// The deepest path that ends at a circuit, from the top; the smallest id among equals.
fn deepest(stages: &Stages<'_>) -> Vec<NodeIx> {
    let nodes = &stages.tree.nodes;
    let mut level = vec![1; nodes.len()];
    let mut deepest: Option<(usize, std::cmp::Reverse<NodeIx>, TreeIx)> = None;
    for (i, node) in nodes.iter().enumerate() {
        if let Some(parent) = node.parent {
            level[i] = level[parent.ix()] + 1;
        }
        if !node.circuits.is_empty() {
            let here = (level[i], std::cmp::Reverse(node.node), TreeIx::of(i));
            deepest = deepest.max(Some(here));
        }
    }
    let last = deepest.map(|(.., ix)| ix);
    let mut path: Vec<NodeIx> = std::iter::successors(last, |&ix| nodes[ix.ix()].parent)
        .map(|ix| nodes[ix.ix()].node)
        .collect();
    path.reverse();
    path
}
