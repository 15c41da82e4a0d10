//! BUD003: limits given up to make the tree fit.

use crate::finding::{Draft, Label, Level};
use crate::id::NodeIx;
use crate::ir::tree::UnenforcedWhy;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::{Kbps, Pair};

pub static RULE: Rule = Rule {
    code: "BUD003",
    name: "depth-cut",
    default: Level::Warning,
    contained: false,
    what: "The tree was too deep, and the nodes that limit least were left out. Only listed when no limit was lost.",
    why: "The limits of these nodes are not enforced: when they are full, the queue builds up in the radio.",
    fix: "Choose yourself what to leave out with `topology.exclude`, set `topology.simplify`, or use `ap_site`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [100000, 100000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [90000, 90000]},
           {"id": "hill-s", "name": "Hill South", "kind": "ap", "parent": "hill", "kbps": [90000, 90000]}],
 "circuits": [{"id": "c1", "attach": "hill-n", "plan_kbps": [80000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "hill-n", "plan_kbps": [80000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "attach": "hill-s", "plan_kbps": [80000, 20000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#,
        )],
        "[topology]\nmax_depth = 1\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [100000, 100000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [90000, 90000]},
           {"id": "hill-s", "name": "Hill South", "kind": "ap", "parent": "hill", "kbps": [90000, 90000]}],
 "circuits": [{"id": "c1", "attach": "hill-n", "plan_kbps": [80000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "hill-n", "plan_kbps": [80000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "attach": "hill-s", "plan_kbps": [80000, 20000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#,
        )],
        "[topology]\nmax_depth = 2\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let evidence = &stages.tree.evidence;
    if evidence.cut.is_empty() {
        return;
    }
    let mut lost: Vec<(NodeIx, Pair<Kbps>)> = evidence
        .unenforced
        .iter()
        .filter(|u| u.why == UnenforcedWhy::DepthCut && u.loss.total() > Kbps::ZERO)
        .map(|u| (u.node, u.loss))
        .collect();
    lost.sort_unstable_by_key(|(node, loss)| (std::cmp::Reverse(loss.total()), *node));
    let loss = match lost.first() {
        None => "no limit is lost".to_owned(),
        Some((node, loss)) => format!(
            "limits can be exceeded by {} in all, most by {} at {}",
            words::rates(lost.iter().map(|(_, loss)| *loss).sum()),
            words::rates(*loss),
            stages.node(*node),
        ),
    };
    let n = evidence.cut.len();
    let draft = Draft::new(
        format!(
            "{} left out to keep the tree within {}: {loss} ({})",
            words::count(n, "node"),
            words::count(evidence.depth_budget, "node level"),
            stages.nodes(evidence.cut.iter().copied()),
        ),
        "choose what to leave out with `topology.exclude`, set `topology.simplify = \"auto\"`, or use `topology.strategy = \"ap_site\"`",
    )
    .about_all(evidence.cut.iter().map(|&ix| stages.inventory[ix].subject()));
    let draft = match lost.is_empty() {
        true => draft.level(Level::Info),
        false => draft,
    };
    let losses = lost.iter().map(|(ix, loss)| {
        Label::new(
            stages.inventory[*ix].origin.whole(),
            format!("can be exceeded by {}", words::rates(*loss)),
        )
    });
    out.push(words::at_each(draft, losses));
}
