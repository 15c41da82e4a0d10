//! RAT006: plans that are more than the node carries.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::id::{CircuitIx, NodeIx, TreeIx};
use crate::ir::records::{Subject, SubjectKind};
use crate::ir::tree::{Parent, PlacedCircuit, bucket_name};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::{Kbps, Pair};

pub static RULE: Rule = Rule {
    code: "RAT006",
    name: "max-clamped",
    default: Level::Warning,
    contained: true,
    what: "A circuit is sold more than the node it hangs on can carry, and its maximum is cut to that.",
    why: "The subscriber can never reach the plan: the sector is sold beyond its own capacity, or the capacity is recorded wrong.",
    fix: "Correct the capacity of the node or of the link above it, move the subscriber, or sell a smaller plan there.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [80000, 40000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill-n", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
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

/// One finding for each node: the operator changes the node, or the plans sold on it.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    /// Buckets share one capacity, so they are one holder.
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Holder {
        Node(NodeIx, TreeIx),
        /// Left out of the tree, after it cut its circuits; and where they hang now.
        Gone(NodeIx, TreeIx),
        Generated,
    }
    let clamped = &stages.tree.evidence.clamped;
    let mut holders: BTreeMap<Holder, Vec<(CircuitIx, &PlacedCircuit)>> = BTreeMap::new();
    for (ix, placed) in stages.tree.placed() {
        if placed.asked.down <= placed.max.down && placed.asked.up <= placed.max.up {
            continue;
        }
        let holder = match placed.parent {
            Parent::Node(tree) => match clamped.binary_search_by_key(&ix, |(c, _)| *c) {
                Ok(at) => Holder::Gone(clamped[at].1, tree),
                Err(_) => Holder::Node(stages.tree[tree].node, tree),
            },
            Parent::Bucket(_) => Holder::Generated,
        };
        holders.entry(holder).or_default().push((ix, placed));
    }
    for (holder, circuits) in holders {
        let (name, cap, limit) = match holder {
            Holder::Node(node, tree) => {
                let cap = stages.tree[tree].cap;
                let limit = binding(stages, tree, cap, &circuits).map(|at| stages.tree[at].node);
                (stages.node(node), cap, limit)
            }
            Holder::Gone(node, tree) => {
                let cap = stages.tree.evidence.physical_cap[node.ix()];
                let above = (stages.tree[tree].cap, stages.tree[tree].node);
                let limit = match same(above.0, cap, cut(&circuits)) {
                    true => binding(stages, tree, cap, &circuits)
                        .map(|at| stages.tree[at].node)
                        .or(Some(above.1)),
                    false => None,
                };
                (stages.node(node), cap, limit)
            }
            Holder::Generated => (
                match circuits.len() {
                    1 => "a generated node".to_owned(),
                    _ => "generated nodes".to_owned(),
                },
                stages.project.topology.generated,
                None,
            ),
        };
        let limited = match limit {
            Some(above) => format!(" (limited by {})", stages.node(above)),
            None => String::new(),
        };
        // The one that loses most; the smallest id among equals.
        let loss = |p: &PlacedCircuit| {
            Kbps(p.asked.down.0.saturating_sub(p.max.down.0))
                + Kbps(p.asked.up.0.saturating_sub(p.max.up.0))
        };
        let Some(&(worst, placed)) = circuits
            .iter()
            .max_by_key(|(ix, p)| (loss(p), std::cmp::Reverse(*ix)))
        else {
            continue;
        };
        let message = match circuits.len() {
            1 => format!(
                "{} is sold {} but {name} carries {}{limited}: it gets {}",
                stages.circuit(worst),
                words::rates(placed.asked),
                words::rates(cap),
                words::rates(placed.max),
            ),
            n => format!(
                "{} on {name} are sold more than the {} there{limited}: most of all {}, cut from {} to {}",
                words::count(n, "circuit"),
                words::rates(cap),
                stages.circuit(worst),
                words::rates(placed.asked),
                words::rates(placed.max),
            ),
        };
        let subject = |at: Option<NodeIx>| match at {
            Some(node) => stages.inventory[node].subject(),
            None => {
                let name = bucket_name(0);
                Subject::new(SubjectKind::Node, &name, &name)
            }
        };
        let (node, help) = match holder {
            Holder::Node(node, _) | Holder::Gone(node, _) => (
                Some(node),
                "correct the capacity of the node or of the links above it, or sell smaller plans there",
            ),
            Holder::Generated => (
                None,
                "give the circuits a parent, or raise `topology.generated_mbps`",
            ),
        };
        let mut draft = Draft::new(message, help)
            .about(subject(node))
            .about_all(circuits.iter().map(|(c, _)| stages.inventory[*c].subject()));
        draft = match node {
            Some(node) => draft.at(
                stages.inventory[node].origin.whole(),
                format!("carries {}", words::rates(cap)),
            ),
            None => draft.at(
                stages.project.place("topology.generated_mbps"),
                "limit of generated parents",
            ),
        };
        let labels = circuits.iter().map(|(c, p)| {
            Label::new(
                stages.inventory[*c].plan_place(p.asked.down > p.max.down),
                format!("sold {}", words::rates(p.asked)),
            )
        });
        out.push(words::at_each(draft, labels));
    }
}

/// The highest ancestor with the same capacity in the directions that were cut, when it is not the node itself.
fn binding(
    stages: &Stages<'_>,
    node: TreeIx,
    cap: Pair<Kbps>,
    circuits: &[(CircuitIx, &PlacedCircuit)],
) -> Option<TreeIx> {
    let cut = cut(circuits);
    std::iter::successors(stages.tree[node].parent, |&at| stages.tree[at].parent)
        .take_while(|&at| same(stages.tree[at].cap, cap, cut))
        .last()
}

/// The directions in which any of them was cut.
fn cut(circuits: &[(CircuitIx, &PlacedCircuit)]) -> Pair<bool> {
    circuits.iter().fold(Pair::both(false), |cut, (_, p)| Pair {
        down: cut.down || p.asked.down > p.max.down,
        up: cut.up || p.asked.up > p.max.up,
    })
}

/// Two capacities are the same in these directions.
fn same(a: Pair<Kbps>, b: Pair<Kbps>, directions: Pair<bool>) -> bool {
    (!directions.down || a.down == b.down) && (!directions.up || a.up == b.up)
}

#[cfg(test)]
mod tests {
    use crate::testing::Memory;

    /// The AP limits; simplification leaves it out, as its circuit can send no more than it carries.
    #[test]
    fn a_node_that_was_left_out_is_still_named_for_what_it_cut() {
        let inventory = br#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [80000, 40000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill-n", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "hill", "plan_kbps": [900000, 900000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#;
        let memory = Memory::new(
            "inventory",
            &[("inventory.json", inventory)],
            "[topology]\nsimplify = true\n",
        )
        .expect("a project");
        let compiled = memory.compile(None);
        assert_eq!(compiled.tree.evidence.simplified.len(), 1);
        let found: Vec<&str> = compiled
            .findings
            .iter()
            .filter(|f| f.rule.code == "RAT006")
            .map(|f| f.message.as_str())
            .collect();
        assert_eq!(
            found,
            [
                "circuit \"Al Roe\" (c2) is sold 900/900 Mbit/s but site \"Hill\" (hill) carries 500/500 Mbit/s: it gets 500/500 Mbit/s",
                "circuit \"Jo Doe\" (c1) is sold 100/20 Mbit/s but AP \"Hill North\" (hill-n) carries 80/40 Mbit/s: it gets 80/20 Mbit/s",
            ]
        );
    }
}
