//! One parent a node: the metric of topology.md 1.5 over the link graph. petgraph computes distances; parents are
//! derived from tight edges with a total order on ties, so neither heap nor insertion order shows.

use std::cmp::Ordering;

use petgraph::Direction::Incoming;
use petgraph::algo::dijkstra;
use petgraph::graph::{EdgeReference, NodeIndex};
use petgraph::visit::EdgeRef;
use rayon::prelude::*;

use crate::config::project::{Metric, Project};
use crate::id::NodeIx;
use crate::ir::graph::{Choice, ChosenTree, Edge, LinkGraph, Rival, Vertex, Via};
use crate::ir::inventory::Inventory;
use crate::ir::previous::Previous;
use crate::units::Kbps;

/// Sum of costs, then hops: strictly isotone, so tight edges always form a tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
struct Distance {
    cost: u64,
    hops: u32,
}

impl std::ops::Add for Distance {
    type Output = Distance;
    fn add(self, other: Distance) -> Distance {
        Distance {
            cost: self.cost.saturating_add(other.cost),
            hops: self.hops + other.hops,
        }
    }
}

/// A bottleneck as a distance: adding is taking the minimum, and wider is nearer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Width(Kbps);

impl Default for Width {
    fn default() -> Self {
        Width(Kbps::UNLIMITED)
    }
}

impl std::ops::Add for Width {
    type Output = Width;
    fn add(self, other: Width) -> Width {
        Width(self.0.min(other.0))
    }
}

impl Ord for Width {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.cmp(&self.0)
    }
}

impl PartialOrd for Width {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

pub fn choose(
    project: &Project,
    inventory: &Inventory,
    graph: &LinkGraph,
    previous: Option<&Previous>,
) -> ChosenTree {
    let metric = project.topology.tree;
    let root = graph.root_vertex().index();
    let mut choice: Vec<Option<Choice>> = vec![None; inventory.nodes.len()];
    let mut order = match metric {
        Metric::Widest => widest(inventory, graph, root, &mut choice),
        Metric::Cost | Metric::Hops | Metric::Declared => {
            let weight = |edge: &Edge| Distance {
                cost: if metric == Metric::Cost { edge.cost } else { 0 },
                hops: 1,
            };
            shortest(inventory, graph, root, weight, &mut choice)
        }
    };
    if let Some(previous) = previous
        && metric != Metric::Declared
        && keep(inventory, graph, metric, previous, &order, &mut choice)
    {
        order = settle(inventory, graph, metric, &mut choice);
    }
    rivals(inventory, graph, metric, &order, &mut choice);
    let mut island = vec![None; inventory.nodes.len()];
    for &node in &order {
        let Some(chosen) = &choice[node.ix()] else {
            continue;
        };
        island[node.ix()] = match (chosen.via, chosen.parent) {
            (Via::Island, _) => Some(node),
            (_, Vertex::Node(parent)) => island[parent.ix()],
            (_, Vertex::GeneratedRoot) => None,
        };
    }
    ChosenTree {
        choice,
        island,
        order,
    }
}

type InEdge<'a> = EdgeReference<'a, Edge>;

/// Smallest parent id, then smallest link id. Node order is id order; only the generated root has to be compared
/// by text.
fn by_ids(
    inventory: &Inventory,
    graph: &LinkGraph,
    head: NodeIx,
    a: InEdge<'_>,
    b: InEdge<'_>,
) -> Ordering {
    let (pa, pb) = (graph.graph[a.source()], graph.graph[b.source()]);
    let parents = match (pa, pb) {
        (Vertex::Node(x), Vertex::Node(y)) => x.cmp(&y),
        _ => pa.id(inventory).cmp(pb.id(inventory)),
    };
    parents.then_with(|| match (a.weight().via, b.weight().via) {
        (Via::Link(x), Via::Link(y)) => x.cmp(&y),
        (x, y) => x.id(inventory, head).cmp(&y.id(inventory, head)),
    })
}

fn shortest(
    inventory: &Inventory,
    graph: &LinkGraph,
    root: NodeIndex,
    weight: impl Fn(&Edge) -> Distance,
    choice: &mut [Option<Choice>],
) -> Vec<NodeIx> {
    let distance = dijkstra(&graph.graph, root, None, |e| weight(e.weight()));
    let mut order: Vec<(Distance, NodeIx)> = distance
        .iter()
        .filter(|(vertex, _)| **vertex != root)
        .filter_map(|(vertex, d)| Some((*d, graph.graph[*vertex].node()?)))
        .collect();
    // Hops grow along every edge, so parents come before children.
    order.sort_unstable();
    for &(d, node) in &order {
        let tight = graph
            .graph
            .edges_directed(Vertex::Node(node).index(), Incoming)
            .filter(|e| {
                distance
                    .get(&e.source())
                    .is_some_and(|from| *from + weight(e.weight()) == d)
            });
        let bottleneck =
            |e: &InEdge<'_>| path_width(graph, choice, e.source()).min(e.weight().capacity.down);
        let best = tight.min_by(|a, b| {
            bottleneck(b)
                .cmp(&bottleneck(a))
                .then_with(|| by_ids(inventory, graph, node, *a, *b))
        });
        let Some(edge) = best else { continue };
        choice[node.ix()] = Some(Choice {
            parent: graph.graph[edge.source()],
            via: edge.weight().via,
            capacity: edge.weight().capacity,
            edge_cost: edge.weight().cost,
            cost: d.cost,
            hops: d.hops,
            bottleneck: bottleneck(&edge),
            rivals: Vec::new(),
            kept: false,
        });
    }
    order.into_iter().map(|(_, node)| node).collect()
}

/// The bottleneck of the chosen path to a vertex.
fn path_width(graph: &LinkGraph, choice: &[Option<Choice>], vertex: NodeIndex) -> Kbps {
    graph.graph[vertex]
        .node()
        .and_then(|node| choice[node.ix()].as_ref())
        .map_or(Kbps::UNLIMITED, |c| c.bottleneck)
}

/// Tight edges lose nothing of the best bottleneck; a breadth-first search over them gives a tree in which every
/// root path attains it (topology.md 4.1).
fn widest(
    inventory: &Inventory,
    graph: &LinkGraph,
    root: NodeIndex,
    choice: &mut [Option<Choice>],
) -> Vec<NodeIx> {
    let width = dijkstra(&graph.graph, root, None, |e| {
        Width(e.weight().capacity.down)
    });
    let is_tight = |e: &InEdge<'_>| {
        let (Some(from), Some(to)) = (width.get(&e.source()), width.get(&e.target())) else {
            return false;
        };
        from.0.min(e.weight().capacity.down) == to.0
    };
    let mut layer_of: Vec<Option<u32>> = vec![None; graph.graph.node_count()];
    layer_of[root.index()] = Some(0);
    let mut order = Vec::new();
    let mut layer = vec![root];
    let mut depth = 0;
    while !layer.is_empty() {
        depth += 1;
        let mut next: Vec<NodeIx> = Vec::new();
        for &at in &layer {
            for edge in graph.graph.edges(at).filter(is_tight) {
                let target = edge.target();
                if layer_of[target.index()].is_none() {
                    layer_of[target.index()] = Some(depth);
                    next.extend(graph.graph[target].node());
                }
            }
        }
        next.sort_unstable();
        for &node in &next {
            let best = graph
                .graph
                .edges_directed(Vertex::Node(node).index(), Incoming)
                .filter(|e| layer_of[e.source().index()] == Some(depth - 1) && is_tight(e))
                .min_by(|a, b| {
                    b.weight()
                        .capacity
                        .down
                        .cmp(&a.weight().capacity.down)
                        .then_with(|| by_ids(inventory, graph, node, *a, *b))
                });
            let Some(edge) = best else { continue };
            let parent = graph.graph[edge.source()];
            let above = parent.node().and_then(|p| choice[p.ix()].as_ref());
            choice[node.ix()] = Some(Choice {
                parent,
                via: edge.weight().via,
                capacity: edge.weight().capacity,
                edge_cost: edge.weight().cost,
                cost: above
                    .map_or(0, |c| c.cost)
                    .saturating_add(edge.weight().cost),
                hops: depth,
                bottleneck: path_width(graph, choice, edge.source())
                    .min(edge.weight().capacity.down),
                rivals: Vec::new(),
                kept: false,
            });
        }
        layer = next.iter().map(|n| Vertex::Node(*n).index()).collect();
        order.extend(next);
    }
    order
}

/// A previous parent is kept while the path over it is at most this much worse, in percent (topology.md 4.1).
const HYSTERESIS: u128 = 10;

/// Puts nodes back under the parent they had, where that is still an edge, nearly as good, and makes no cycle.
/// In order of distance. Returns whether anything changed.
fn keep(
    inventory: &Inventory,
    graph: &LinkGraph,
    metric: Metric,
    previous: &Previous,
    order: &[NodeIx],
    choice: &mut [Option<Choice>],
) -> bool {
    // Distances of the best tree: "as good" is judged against what is possible, not against earlier keeps.
    let best: Vec<Option<(u64, u32, Kbps)>> = choice
        .iter()
        .map(|c| c.as_ref().map(|c| (c.cost, c.hops, c.bottleneck)))
        .collect();
    let at = |vertex: Vertex| match vertex {
        Vertex::Node(node) if Some(node) != graph.root => best[node.ix()],
        _ => Some((0, 0, Kbps::UNLIMITED)),
    };
    let mut changed = false;
    for &node in order {
        let Some(before) = previous.chosen.get(&inventory[node].id) else {
            continue;
        };
        let (Some(now), Some((cost, hops, width))) = (&choice[node.ix()], best[node.ix()]) else {
            continue;
        };
        if now.parent.id(inventory) == before.parent.as_ref()
            && now.via.id(inventory, node) == before.via.as_ref()
        {
            continue;
        }
        let good_enough = |e: &InEdge<'_>| {
            let Some((c, h, w)) = at(graph.graph[e.source()]) else {
                return false;
            };
            let within = |new: u128, old: u128| new * 100 <= old * (100 + HYSTERESIS);
            match metric {
                Metric::Cost => within(
                    u128::from(c.saturating_add(e.weight().cost)),
                    u128::from(cost),
                ),
                Metric::Hops | Metric::Declared => within(u128::from(h) + 1, u128::from(hops)),
                Metric::Widest => within(
                    u128::from(width.0),
                    u128::from(w.min(e.weight().capacity.down).0),
                ),
            }
        };
        let candidate = graph
            .graph
            .edges_directed(Vertex::Node(node).index(), Incoming)
            .filter(|e| {
                graph.graph[e.source()].id(inventory) == before.parent.as_ref() && good_enough(e)
            })
            .min_by(|a, b| {
                let other =
                    |e: &InEdge<'_>| e.weight().via.id(inventory, node) != before.via.as_ref();
                (
                    other(a),
                    a.weight().cost,
                    std::cmp::Reverse(a.weight().capacity.down),
                )
                    .cmp(&(
                        other(b),
                        b.weight().cost,
                        std::cmp::Reverse(b.weight().capacity.down),
                    ))
                    .then_with(|| by_ids(inventory, graph, node, *a, *b))
            });
        let Some(edge) = candidate else { continue };
        let parent = graph.graph[edge.source()];
        if hangs_below(choice, parent, node) {
            continue;
        }
        let (via, capacity, edge_cost) = (
            edge.weight().via,
            edge.weight().capacity,
            edge.weight().cost,
        );
        if let Some(choice) = &mut choice[node.ix()] {
            (choice.parent, choice.via) = (parent, via);
            (choice.capacity, choice.edge_cost) = (capacity, edge_cost);
            choice.kept = true;
            changed = true;
        }
    }
    changed
}

/// The vertex is the node, or hangs somewhere below it.
fn hangs_below(choice: &[Option<Choice>], mut vertex: Vertex, node: NodeIx) -> bool {
    while let Vertex::Node(at) = vertex {
        if at == node {
            return true;
        }
        match &choice[at.ix()] {
            Some(up) => vertex = up.parent,
            None => return false,
        }
    }
    false
}

/// After parents were changed: order, costs, hops and bottlenecks along the tree as it is now.
fn settle(
    inventory: &Inventory,
    graph: &LinkGraph,
    metric: Metric,
    choice: &mut [Option<Choice>],
) -> Vec<NodeIx> {
    let mut children: Vec<Vec<NodeIx>> = vec![Vec::new(); inventory.nodes.len()];
    let mut layer: Vec<NodeIx> = Vec::new();
    for node in inventory.node_ixs() {
        match choice[node.ix()].as_ref().map(|c| c.parent) {
            Some(parent) if parent == graph.root_vertex() => layer.push(node),
            Some(Vertex::Node(parent)) => children[parent.ix()].push(node),
            Some(Vertex::GeneratedRoot) | None => {}
        }
    }
    let mut order = Vec::new();
    while !layer.is_empty() {
        let mut next = Vec::new();
        for &node in &layer {
            let above = choice[node.ix()]
                .as_ref()
                .and_then(|c| c.parent.node())
                .and_then(|p| choice[p.ix()].as_ref())
                .map(|c| (c.cost, c.hops, c.bottleneck));
            let (cost, hops, bottleneck) = above.unwrap_or((0, 0, Kbps::UNLIMITED));
            if let Some(own) = &mut choice[node.ix()] {
                let step = match metric {
                    Metric::Hops | Metric::Declared => 0,
                    Metric::Cost | Metric::Widest => own.edge_cost,
                };
                own.cost = cost.saturating_add(step);
                own.hops = hops + 1;
                own.bottleneck = bottleneck.min(own.capacity.down);
            }
            next.extend(&children[node.ix()]);
        }
        next.sort_unstable();
        order.extend(std::mem::replace(&mut layer, next));
    }
    order
}

/// How many rejected parents are kept for provenance.
const MAX_RIVALS: usize = 3;

/// The next best parents of every node: other nodes with an edge into it that do not hang below it.
fn rivals(
    inventory: &Inventory,
    graph: &LinkGraph,
    metric: Metric,
    order: &[NodeIx],
    choice: &mut [Option<Choice>],
) {
    let found: Vec<(NodeIx, Vec<Rival>)> = order
        .par_iter()
        .map(|&node| (node, rivals_of(inventory, graph, metric, node, choice)))
        .collect();
    for (node, rivals) in found {
        if let Some(choice) = &mut choice[node.ix()] {
            choice.rivals = rivals;
        }
    }
}

fn rivals_of(
    inventory: &Inventory,
    graph: &LinkGraph,
    metric: Metric,
    node: NodeIx,
    choice: &[Option<Choice>],
) -> Vec<Rival> {
    let Some(chosen) = &choice[node.ix()] else {
        return Vec::new();
    };
    let mut rivals: Vec<(Rival, InEdge<'_>)> = graph
        .graph
        .edges_directed(Vertex::Node(node).index(), Incoming)
        .filter(|e| {
            graph.graph[e.source()] != chosen.parent
                && !hangs_below(choice, graph.graph[e.source()], node)
        })
        .map(|e| {
            let parent = graph.graph[e.source()];
            let above = parent.node().and_then(|p| choice[p.ix()].as_ref());
            let edge_cost = match metric {
                Metric::Hops | Metric::Declared => 0,
                Metric::Cost | Metric::Widest => e.weight().cost,
            };
            let rival = Rival {
                parent,
                via: e.weight().via,
                cost: above.map_or(0, |c| c.cost).saturating_add(edge_cost),
                hops: above.map_or(0, |c| c.hops) + 1,
                bottleneck: path_width(graph, choice, e.source()).min(e.weight().capacity.down),
            };
            (rival, e)
        })
        .collect();
    rivals.sort_by(|(a, x), (b, y)| {
        let by_metric = match metric {
            Metric::Widest => b.bottleneck.cmp(&a.bottleneck).then(a.hops.cmp(&b.hops)),
            _ => (a.cost, a.hops)
                .cmp(&(b.cost, b.hops))
                .then(b.bottleneck.cmp(&a.bottleneck)),
        };
        by_metric.then_with(|| by_ids(inventory, graph, node, *x, *y))
    });
    let mut kept: Vec<Rival> = Vec::new();
    for (rival, _) in rivals {
        if kept.len() < MAX_RIVALS && kept.iter().all(|k| k.parent != rival.parent) {
            kept.push(rival);
        }
    }
    kept
}
