//! TOP010: nodes that never limit anything.

use crate::config::project::Simplify;
use crate::finding::{Draft, Label, Level};
use crate::id::{NodeIx, TreeIx};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::topology;
use crate::units::{Kbps, Pair, muldiv};

pub static RULE: Rule = Rule {
    code: "TOP010",
    name: "redundant-node",
    default: Level::Info,
    contained: false,
    what: "Emitted nodes carry as much as everything below them can ask for, or as the node above them: removing them loses no limit.",
    why: "Every level of the tree costs the shaper time for each packet, and only eight levels fit.",
    fix: "Set `topology.simplify`: `true` leaves all of them out, `\"auto\"` those that are no APs, have no circuits of their own and are 10 % from their limit.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [50000, 50000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [50000, 50000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill-n", "plan_kbps": [100000, 100000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "hill-n", "plan_kbps": [100000, 100000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [50000, 50000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [30000, 30000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill-n", "plan_kbps": [100000, 100000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "hill-n", "plan_kbps": [100000, 100000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "name": "Bo Lee", "attach": "hill", "plan_kbps": [100000, 100000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let removed = &stages.tree.evidence.simplified;
    if !removed.is_empty() {
        out.push(finding(
            stages,
            removed,
            format!(
                "{} left out by `topology.simplify`, no limit is lost: {}",
                words::count(removed.len(), "node"),
                stages.nodes(removed.iter().copied())
            ),
            "nothing; set `topology.simplify = false` to see every node in the shaper",
        ));
    }
    if stages.project.topology.simplify != Simplify::Off {
        return;
    }
    let all = redundant(stages, Simplify::All);
    if all.is_empty() {
        return;
    }
    let auto = redundant(stages, Simplify::Auto);
    let without = |gone: &[NodeIx]| {
        levels(stages, |ix| {
            gone.binary_search(&stages.tree[ix].node).is_err()
        })
    };
    let before = without(&[]);
    let saves = |gone: &[NodeIx]| {
        let levels = match without(gone) {
            after if after == before => "no level".to_owned(),
            after => format!("{before} levels of nodes become {after}"),
        };
        format!("{}, {levels}", words::count(gone.len(), "node"))
    };
    let help = match auto.is_empty() {
        true => format!(
            "`topology.simplify = true` leaves them out ({}); `\"auto\"` keeps APs and nodes with circuits of their own, which all of these are, and nodes within 10 % of their limit",
            saves(&all)
        ),
        false => format!(
            "`topology.simplify = \"auto\"` leaves out those that are no APs, have no circuits of their own and are 10 % from their limit ({}: {}), `true` all of them ({})",
            saves(&auto),
            stages.nodes(auto.iter().copied()),
            saves(&all)
        ),
    };
    let redundant = all;
    out.push(finding(
        stages,
        &redundant,
        format!(
            "{} of {} emitted nodes never {} anything ({}): without {} no limit is lost",
            words::number(redundant.len()),
            words::number(stages.tree.nodes.len()),
            words::verb(redundant.len(), "limits", "limit"),
            stages.nodes(redundant.iter().copied()),
            words::verb(redundant.len(), "it", "them"),
        ),
        help,
    ));
}

fn finding(
    stages: &Stages<'_>,
    nodes: &[NodeIx],
    message: String,
    help: impl Into<String>,
) -> Draft {
    let draft =
        Draft::new(message, help).about_all(nodes.iter().map(|&ix| stages.inventory[ix].subject()));
    let labels = nodes
        .iter()
        .map(|&ix| Label::new(stages.inventory[ix].origin.whole(), "never limits anything"));
    words::at_each(draft, labels)
}

/// Nodes of the tree that `topology.simplify` in this mode would take out, sorted.
pub(super) fn redundant(stages: &Stages<'_>, mode: Simplify) -> Vec<NodeIx> {
    let evidence = &stages.tree.evidence;
    if evidence.cut.is_empty() {
        return idle(stages, mode);
    }
    // The pass runs before the depth cut, on another tree than the one there is now: so it is run.
    let mut project = stages.project.clone();
    project.topology.simplify = mode;
    let (inventory, graph) = (stages.inventory, stages.graph);
    let tree = topology::shape(&project, inventory, graph, stages.chosen, stages.previous);
    let mut gone = tree.evidence.simplified;
    gone.retain(|node| stages.tree.nodes.iter().any(|n| n.node == *node));
    gone
}

/// Nodes that can go one after the other, deepest first, sorted: in both directions the capacity is at least
/// what is asked for below, or that of the nodes above. Top-level nodes with own circuits stay. Which nodes are looked at, and
/// with what margin, is the mode's business, as in the pass.
fn idle(stages: &Stages<'_>, mode: Simplify) -> Vec<NodeIx> {
    let nodes = &stages.tree.nodes;
    // What reaches a node from what is left below it.
    let mut asked: Vec<Pair<Kbps>> = vec![Pair::ZERO; nodes.len()];
    for (_, placed) in stages.tree.placed() {
        if let crate::ir::tree::Parent::Node(ix) = placed.parent {
            asked[ix.ix()] += placed.max;
        }
    }
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    let level = level_of_each(stages);
    order.sort_by_key(|&i| std::cmp::Reverse((level[i], i)));
    // Circuits of a node that goes hang on its parent then.
    let mut holds: Vec<bool> = nodes.iter().map(|n| !n.circuits.is_empty()).collect();
    let mut redundant = Vec::new();
    for i in order {
        let node = &nodes[i];
        let above = node.parent.map_or(Pair::UNLIMITED, |p| nodes[p.ix()].cap);
        let needed = asked[i].map(|s| muldiv(s, mode.margin())).min(above);
        let loose = node.cap.zip(needed, |cap, needed| cap >= needed);
        let stays = node.parent.is_none() && holds[i];
        let kind = stages.inventory[node.node].kind;
        let goes = loose.down && loose.up && !stays && mode.takes(kind, holds[i]);
        if goes {
            redundant.push(node.node);
        }
        if let Some(parent) = node.parent {
            let passes = if goes {
                asked[i]
            } else {
                asked[i].min(node.cap)
            };
            asked[parent.ix()] += passes;
            holds[parent.ix()] |= goes && holds[i];
        }
    }
    redundant.sort_unstable();
    redundant
}

fn level_of_each(stages: &Stages<'_>) -> Vec<usize> {
    let mut level = vec![1; stages.tree.nodes.len()];
    for (i, node) in stages.tree.nodes.iter().enumerate() {
        if let Some(parent) = node.parent {
            level[i] = level[parent.ix()] + 1;
        }
    }
    level
}

/// Node levels above the deepest circuit, counting the nodes that `counts`.
fn levels(stages: &Stages<'_>, counts: impl Fn(TreeIx) -> bool) -> usize {
    let mut level = vec![0; stages.tree.nodes.len()];
    let mut deepest = 0;
    for ix in stages.tree.tree_ixs() {
        let node = &stages.tree[ix];
        let above = node.parent.map_or(0, |p| level[p.ix()]);
        level[ix.ix()] = above + usize::from(counts(ix));
        if !node.circuits.is_empty() {
            deepest = deepest.max(level[ix.ix()]);
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Memory;

    /// What the rule lists is what the pass takes out.
    #[test]
    fn simplify_removes_exactly_what_is_listed() {
        let network = r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "s1", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "a1", "kind": "ap", "parent": "s1", "kbps": [400000, 400000]},
           {"id": "a2", "kind": "ap", "parent": "s1", "kbps": [60000, 60000]},
           {"id": "s2", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "s3", "kind": "site", "parent": "s2", "kbps": [500000, 500000]},
           {"id": "a3", "kind": "ap", "parent": "s3", "kbps": [500000, 500000]}],
 "links": [{"id": "L1", "a": "s2", "b": "s3", "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "attach": "a1", "plan_kbps": [100000, 50000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "a2", "plan_kbps": [100000, 50000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "attach": "a3", "plan_kbps": [100000, 50000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#;
        // A tree that is cut as well is another one afterwards.
        for (strategy, depth) in [("full", 0), ("ap_site", 0), ("ap_only", 0), ("full", 2)] {
            let build = |simplify: &str| {
                let config = format!(
                    "[topology]\nstrategy = \"{strategy}\"\nsimplify = {simplify}\nmax_depth = {depth}\n"
                );
                Memory::new(
                    "inventory",
                    &[("inventory.json", network.as_bytes())],
                    &config,
                )
                .expect("a project")
            };
            for (word, mode) in [("true", Simplify::All), ("\"auto\"", Simplify::Auto)] {
                let (off, on) = (build("false"), build(word));
                let (plain, simple) = (off.compile(None), on.compile(None));
                let stages = plain.stages(&off.project, &off.files, &off.exports, None);
                let mut want = simple.tree.evidence.simplified;
                want.retain(|node| plain.tree.nodes.iter().any(|n| n.node == *node));
                assert_eq!(redundant(&stages, mode), want, "{strategy} {depth} {word}");
                // And the finding names those that the mode it recommends takes.
                let finding = plain.findings.iter().find(|f| f.rule.code == "TOP010");
                if mode == Simplify::Auto && !want.is_empty() {
                    let help = &finding.expect("it is found").help;
                    let named = stages.nodes(want.iter().copied());
                    assert!(help.contains(&named), "{named}: {help}");
                }
            }
        }
    }
}
