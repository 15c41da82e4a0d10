//! TOP009: a limit on one of several ways.

use std::collections::BTreeMap;

use petgraph::algo::dominators::{Dominators, simple_fast};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::finding::{Draft, Level};
use crate::id::{CircuitIx, LinkIx, NodeIx, TreeIx};
use crate::ir::graph::{Vertex, Via};
use crate::ir::inventory::Hidden;
use crate::ir::tree::Parent;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::{Kbps, Pair};

pub static RULE: Rule = Rule {
    code: "TOP009",
    name: "limit-can-be-bypassed",
    default: Level::Warning,
    contained: false,
    what: "A node or link limits circuits, and their traffic can also reach them without crossing it.",
    why: "When traffic takes the other way, subscribers are held to the limit of a link that is idle, and the link that carries them is not protected.",
    fix: "Pin the node to the parent that carries its traffic. In a ring whose direction changes, exclude the node, so that its limit is not enforced where it may be wrong.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"}, {"id": "hill", "name": "Hill", "kind": "site"},
           {"id": "mill", "name": "Mill", "kind": "site"}],
 "links": [{"id": "L1", "a": "core", "b": "hill", "kbps": [900000, 900000]},
           {"id": "L2", "a": "hill", "b": "mill", "kbps": [60000, 60000], "cost": 10},
           {"id": "L3", "a": "core", "b": "mill", "kbps": [80000, 80000], "cost": 900}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "mill", "plan_kbps": [50000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "mill", "plan_kbps": [50000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"}, {"id": "hill", "name": "Hill", "kind": "site"},
           {"id": "mill", "name": "Mill", "kind": "site"}],
 "links": [{"id": "L1", "a": "core", "b": "hill", "kbps": [900000, 900000]},
           {"id": "L2", "a": "hill", "b": "mill", "kbps": [60000, 60000], "cost": 10},
           {"id": "L3", "a": "core", "b": "mill", "kbps": [80000, 80000], "cost": 900}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "mill", "plan_kbps": [50000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "mill", "plan_kbps": [50000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "[topology.pin]\nmill = \"hill\"\n",
    ),
    check,
};

/// What sets an effective capacity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Point {
    /// The node's own capacity.
    Node(NodeIx),
    /// The link by which this node is reached.
    Link(NodeIx, LinkIx),
}

/// A limit at a point is certain to hold for a circuit only when every way from the root crosses the point: when it
/// dominates the node the circuit hangs on, in the graph with every link as a vertex of its own.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let binding = binding(stages);
    if binding.iter().all(Vec::is_empty) {
        return;
    }
    let crossed = Crossed::of(stages);
    let mut bypassed: BTreeMap<Point, (TreeIx, Vec<CircuitIx>)> = BTreeMap::new();
    for (ix, placed) in stages.tree.placed() {
        let (Some(attach), Parent::Node(mut at)) = (stages.inventory[ix].attach, placed.parent)
        else {
            continue;
        };
        loop {
            for &point in &binding[at.ix()] {
                if !crossed.always(stages, point, attach) {
                    let circuits = &mut bypassed.entry(point).or_insert((at, Vec::new())).1;
                    if circuits.last() != Some(&ix) {
                        circuits.push(ix);
                    }
                }
            }
            match stages.tree[at].parent {
                Some(parent) => at = parent,
                None => break,
            }
        }
    }
    for (point, (at, circuits)) in bypassed {
        out.push(draft(stages, &crossed, point, at, &circuits));
    }
}

fn draft(
    stages: &Stages<'_>,
    crossed: &Crossed,
    point: Point,
    at: TreeIx,
    circuits: &[CircuitIx],
) -> Draft {
    let emitted = &stages.tree[at];
    let (head, place, what) = match point {
        Point::Node(node) => (
            node,
            stages.inventory[node].origin.whole(),
            stages.node(node),
        ),
        Point::Link(node, link) => {
            let parent = stages
                .choice(node)
                .map_or(Vertex::GeneratedRoot, |c| c.parent);
            let text = format!(
                "link \"{}\" from {} to {}",
                words::short_id(&stages.inventory[link].id),
                stages.vertex(parent),
                stages.node(node)
            );
            (node, stages.inventory[link].origin.whole(), text)
        }
    };
    let attach = stages.inventory[circuits[0]].attach.unwrap_or(head);
    let parent = stages
        .choice(head)
        .map_or(Vertex::GeneratedRoot, |c| c.parent);
    let help = match parent.node() {
        Some(parent) => format!(
            "if their traffic takes this way, pin it: `[topology.pin]` `\"{}\" = \"{}\"`; if it takes turns, as in a ring, add \"{}\" to `topology.exclude`, or allow the rule",
            stages.inventory[head].id,
            stages.inventory[parent].id,
            stages.inventory[emitted.node].id
        ),
        None => format!(
            "traffic enters at several gateways; set `topology.root`, add \"{}\" to `topology.exclude`, or allow the rule",
            stages.inventory[emitted.node].id
        ),
    };
    Draft::new(
        format!(
            "{what} limits {} to {} together, but {} can be reached without it: {} the last point that all of its traffic crosses",
            words::count(circuits.len(), "circuit"),
            words::rates(emitted.cap),
            stages.node(attach),
            match crossed.last(attach) {
                Vertex::Node(node) if stages.graph.root != Some(node) => format!("{} is", stages.node(node)),
                _ => "the root is".to_owned(),
            },
        ),
        help,
    )
    .about(stages.inventory[emitted.node].subject())
    .about_all(circuits.iter().map(|&ix| stages.inventory[ix].subject()))
    .at(place, "limits them, and can be bypassed")
}

/// By emitted node: the points that set its capacity in the directions in which it binds: it is below what is asked
/// for under it, and below the capacity of the nodes above.
fn binding(stages: &Stages<'_>) -> Vec<Vec<Point>> {
    let nodes = &stages.tree.nodes;
    let mut asked: Vec<Pair<Kbps>> = vec![Pair::ZERO; nodes.len()];
    for (_, placed) in stages.tree.placed() {
        if let Parent::Node(at) = placed.parent {
            asked[at.ix()] += placed.asked;
        }
    }
    let mut binding = vec![Vec::new(); nodes.len()];
    for (i, node) in nodes.iter().enumerate().rev() {
        let above = node.parent.map_or(Pair::UNLIMITED, |p| nodes[p.ix()].cap);
        let binds = node
            .cap
            .zip(asked[i].min(above), |cap, needed| cap < needed);
        // Of two equal limits on a path the upper one is the limit.
        let tighter = node.cap.zip(above, |cap, above| cap < above);
        let within = asked[i].min(node.cap);
        let reached = Pair::new(
            if tighter.down {
                within.down
            } else {
                asked[i].down
            },
            if tighter.up { within.up } else { asked[i].up },
        );
        if let Some(parent) = node.parent {
            asked[parent.ix()] += reached;
        }
        for (binds, down) in [(binds.down, true), (binds.up, false)] {
            if binds {
                binding[i].extend(source(stages, node.node, node.cap, down));
            }
        }
        binding[i].sort_unstable();
        binding[i].dedup();
    }
    binding
}

/// The nearest point on the way up that has this capacity; `None` when it is the WAN's.
fn source(stages: &Stages<'_>, node: NodeIx, cap: Pair<Kbps>, down: bool) -> Option<Point> {
    let of = |pair: Pair<Kbps>| if down { pair.down } else { pair.up };
    let cap = of(cap);
    for at in std::iter::once(node).chain(stages.ancestors(node)) {
        let here = &stages.inventory[at];
        let counts = !matches!(here.hidden, Some(Hidden::Virtual | Hidden::Excluded));
        if counts && of(here.capacity.or_unlimited()) <= cap {
            return Some(Point::Node(at));
        }
        let choice = stages.choice(at)?;
        if of(choice.capacity) <= cap {
            return match choice.via {
                Via::Link(link) | Via::Declared(Some(link)) => Some(Point::Link(at, link)),
                _ => None,
            };
        }
    }
    None
}

/// The dominator tree of the link graph with every edge as a vertex: those of the nodes first, then the edges.
struct Crossed {
    dominators: Dominators<NodeIndex>,
    /// When a walk over the dominator tree enters and leaves a vertex; (0, 0) for what is not reached.
    seen: Vec<(u32, u32)>,
    /// By node: the vertex of the edge it was chosen by.
    chosen: Vec<Option<NodeIndex>>,
    nodes: usize,
}

impl Crossed {
    fn of(stages: &Stages<'_>) -> Crossed {
        let graph = &stages.graph.graph;
        let nodes = graph.node_count();
        let mut split: DiGraph<(), ()> =
            DiGraph::with_capacity(nodes + graph.edge_count(), 2 * graph.edge_count());
        for _ in 0..nodes + graph.edge_count() {
            split.add_node(());
        }
        let mut chosen = vec![None; stages.inventory.nodes.len()];
        for edge in graph.edge_references() {
            let middle = NodeIndex::new(nodes + edge.id().index());
            split.add_edge(edge.source(), middle, ());
            split.add_edge(middle, edge.target(), ());
            if let Vertex::Node(node) = graph[edge.target()]
                && let Some(choice) = stages.choice(node)
                && choice.via == edge.weight().via
                && choice.parent.index() == edge.source()
            {
                chosen[node.ix()] = Some(middle);
            }
        }
        let root = stages.graph.root_vertex().index();
        let dominators = simple_fast(&split, root);
        let mut children: Vec<Vec<NodeIndex>> = vec![Vec::new(); split.node_count()];
        for vertex in split.node_indices() {
            if let Some(above) = dominators.immediate_dominator(vertex) {
                children[above.index()].push(vertex);
            }
        }
        let mut seen = vec![(0, 0); split.node_count()];
        let mut clock = 1;
        let mut open = vec![(root, false)];
        while let Some((vertex, leave)) = open.pop() {
            if leave {
                seen[vertex.index()].1 = clock;
                continue;
            }
            seen[vertex.index()].0 = clock;
            clock += 1;
            open.push((vertex, true));
            open.extend(children[vertex.index()].iter().map(|&child| (child, false)));
        }
        Crossed {
            dominators,
            seen,
            chosen,
            nodes,
        }
    }

    /// Every way to the node crosses the point. A point that is no way at all takes part in none, so it is not asked.
    fn always(&self, stages: &Stages<'_>, point: Point, node: NodeIx) -> bool {
        let point = match point {
            Point::Node(at) if stages.graph.root == Some(at) => return true,
            Point::Node(at) => Some(Vertex::Node(at).index()),
            Point::Link(at, _) => self.chosen[at.ix()],
        };
        let Some((enter, leave)) = point.map(|p| self.seen[p.index()]) else {
            return true;
        };
        let (at, _) = self.seen[Vertex::Node(node).index().index()];
        enter == 0 || at == 0 || (enter <= at && at < leave)
    }

    /// The nearest node before this one that every way to it crosses.
    fn last(&self, node: NodeIx) -> Vertex {
        let mut at = Vertex::Node(node).index();
        while let Some(above) = self.dominators.immediate_dominator(at) {
            if above.index() < self.nodes {
                return match above.index() {
                    0 => Vertex::GeneratedRoot,
                    vertex => Vertex::Node(NodeIx::of(vertex - 1)),
                };
            }
            at = above;
        }
        Vertex::GeneratedRoot
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Memory;

    fn messages(json: &str, config: &str) -> Vec<String> {
        let memory = Memory::new("inventory", &[("inventory.json", json.as_bytes())], config)
            .expect("a project");
        let found = memory.compile(None).findings;
        found
            .into_iter()
            .filter(|f| f.rule.code == "TOP009")
            .map(|f| f.message)
            .collect()
    }

    const HEAD: &str = r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "kind": "root"}, {"id": "s1", "kind": "site"}, {"id": "s2", "kind": "site"},
           {"id": "s3", "kind": "site"}, {"id": "s4", "kind": "site"}],"#;
    const CIRCUITS: &str = r#" "circuits": [
  {"id": "c1", "attach": "s4", "plan_kbps": [90000, 90000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
  {"id": "c2", "attach": "s4", "plan_kbps": [90000, 90000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#;

    #[test]
    fn a_stub_of_a_ring_is_certain_and_the_ring_is_not() {
        // core-s1-s2-s3-core is a ring, s4 hangs on s2 by a stub.
        let ring = |ring: u64, stub: u64| {
            format!(
                r#"{HEAD} "links": [
  {{"id": "L1", "a": "core", "b": "s1", "kbps": [900000, 900000]}},
  {{"id": "L2", "a": "s1", "b": "s2", "kbps": [{ring}, {ring}]}},
  {{"id": "L3", "a": "s2", "b": "s3", "kbps": [{ring}, {ring}]}},
  {{"id": "L4", "a": "s3", "b": "core", "kbps": [800000, 800000]}},
  {{"id": "L5", "a": "s2", "b": "s4", "kbps": [{stub}, {stub}]}}],{CIRCUITS}"#
            )
        };
        let full = "[topology]\nstrategy = \"full\"\n";
        assert_eq!(
            messages(&ring(900_000, 100_000), full),
            Vec::<String>::new()
        );
        assert_eq!(
            messages(&ring(100_000, 900_000), full),
            [
                "link \"L2\" from site \"s1\" to site \"s2\" limits 2 circuits to 100/100 Mbit/s together, but site \
                 \"s4\" can be reached without it: site \"s2\" is the last point that all of its traffic crosses"
            ]
        );
    }

    #[test]
    fn a_limit_that_never_binds_is_not_told() {
        let json = format!(
            r#"{HEAD} "links": [
  {{"id": "L1", "a": "core", "b": "s4", "kbps": [900000, 900000]}},
  {{"id": "L2", "a": "core", "b": "s1", "kbps": [900000, 900000]}},
  {{"id": "L3", "a": "s1", "b": "s4", "kbps": [900000, 900000]}}],{CIRCUITS}"#
        );
        assert_eq!(messages(&json, ""), Vec::<String>::new());
    }
}
