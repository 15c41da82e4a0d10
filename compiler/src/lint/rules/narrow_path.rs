//! TOP007: ways that are much narrower than the widest.

use std::collections::BinaryHeap;

use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

use crate::finding::{Draft, Level};
use crate::ir::graph::Vertex;
use crate::ir::tree::Strategy;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::Kbps;

pub static RULE: Rule = Rule {
    code: "TOP007",
    name: "narrow-path",
    default: Level::Warning,
    contained: false,
    what: "The chosen way to a node carries less than half of the widest way to it.",
    why: "If traffic takes the wide way, subscribers are held to the limit of a link that they do not use.",
    fix: "Pin the node to the parent that carries its traffic, set link costs, or use `topology.tree = \"widest\"`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"}, {"id": "hill", "name": "Hill", "kind": "site"},
           {"id": "mill", "name": "Mill", "kind": "site"}],
 "links": [{"id": "L1", "a": "core", "b": "mill", "kbps": [100000, 100000], "cost": 10},
           {"id": "L2", "a": "core", "b": "hill", "kbps": [900000, 900000], "cost": 10},
           {"id": "L3", "a": "hill", "b": "mill", "kbps": [900000, 900000], "cost": 10}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "mill", "plan_kbps": [50000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"}, {"id": "hill", "name": "Hill", "kind": "site"},
           {"id": "mill", "name": "Mill", "kind": "site"}],
 "links": [{"id": "L1", "a": "core", "b": "mill", "kbps": [100000, 100000], "cost": 100},
           {"id": "L2", "a": "core", "b": "hill", "kbps": [900000, 900000], "cost": 10},
           {"id": "L3", "a": "hill", "b": "mill", "kbps": [900000, 900000], "cost": 10}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "mill", "plan_kbps": [50000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

/// One finding where a narrow way begins; what hangs below is named with it.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    if stages.tree.strategy == Strategy::Flat || stages.graph.graph.node_count() == 0 {
        return;
    }
    let widest = widest(stages);
    let below = stages.circuits_below();
    let mut narrow = vec![false; stages.inventory.nodes.len()];
    for &ix in &stages.chosen.order {
        let Some(choice) = stages.choice(ix) else {
            continue;
        };
        let best = widest[Vertex::Node(ix).index().index()];
        narrow[ix.ix()] = choice.bottleneck.0.saturating_mul(2) < best.0;
        let inherited = stages.parent(ix).is_some_and(|p| narrow[p.ix()]);
        if !narrow[ix.ix()] || inherited || below[ix.ix()] == 0 {
            continue;
        }
        let node = &stages.inventory[ix];
        out.push(
            Draft::new(
                format!(
                    "{} with {} is reached through {} at {}, but a way with {} exists",
                    stages.node(ix),
                    words::count(below[ix.ix()], "circuit"),
                    stages.vertex(choice.parent),
                    words::rate(choice.bottleneck),
                    match best {
                        Kbps::UNLIMITED => "no known limit".to_owned(),
                        best => words::rate(best),
                    },
                ),
                format!(
                    "if traffic takes the wide way, pin it: `[topology.pin]` `\"{}\" = \"...\"`; otherwise set the costs of the links, or allow the rule",
                    node.id
                ),
            )
            .about(node.subject())
            .at(node.origin.whole(), format!("reached at {}", words::rate(choice.bottleneck))),
        );
    }
}

/// By vertex: the best bottleneck of any way from the root; zero where there is none.
fn widest(stages: &Stages<'_>) -> Vec<Kbps> {
    let graph = &stages.graph.graph;
    let mut best = vec![Kbps::ZERO; graph.node_count()];
    let root = stages.graph.root_vertex().index();
    if root.index() >= best.len() {
        return best;
    }
    best[root.index()] = Kbps::UNLIMITED;
    let mut open: BinaryHeap<(Kbps, NodeIndex)> = BinaryHeap::from([(Kbps::UNLIMITED, root)]);
    while let Some((width, at)) = open.pop() {
        if width < best[at.index()] {
            continue;
        }
        for edge in graph.edges(at) {
            let through = width.min(edge.weight().capacity.down);
            let head = edge.target();
            if through > best[head.index()] {
                best[head.index()] = through;
                open.push((through, head));
            }
        }
    }
    best
}
