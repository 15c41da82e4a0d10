//! The link graph: every claim about how download traffic can flow, with rules (a) to (d) of topology.md 1.5.
//!
//! Rules (c) and (d) add edges while nodes are unreachable. They depend on what can be reached, not on costs, so
//! they run here to the end and the metric is computed once, in `path`.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use petgraph::Direction::Incoming;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::config::project::{Metric, Project};
use crate::id::{LinkIx, NodeIx};
use crate::ir::graph::{Edge, GraphEvidence, HeldLink, LinkGraph, Vertex, Via};
use crate::ir::inventory::{Inventory, Link};
use crate::ir::previous::Previous;
use crate::ir::records::{LinkState, NodeKind};
use crate::units::{Kbps, Pair};

const UNLIMITED: Pair<Kbps> = Pair::UNLIMITED;

impl Link {
    /// Capacity seen by download traffic that leaves `from`: `.down` along the link, `.up` back.
    pub(crate) fn capacity_from(&self, from: NodeIx) -> Pair<Kbps> {
        let along = Pair::new(self.ab, self.ba).or_unlimited();
        if from == self.a { along } else { along.swap() }
    }
}

/// The root: the setting, else the node of kind root with the smallest id, else none (`@root` is generated).
fn root(inventory: &Inventory) -> Option<NodeIx> {
    inventory.settings.root.or_else(|| {
        inventory
            .node_ixs()
            .find(|&n| inventory[n].kind == NodeKind::Root)
    })
}

/// `snapshot` names the exports this graph is built from: how long a link is down is counted in snapshots. It is asked
/// when a link is down that was in use, and digests everything that was read.
pub fn graph(
    project: &Project,
    inventory: &Inventory,
    previous: Option<&Previous>,
    snapshot: impl Fn() -> String,
) -> LinkGraph {
    let root = root(inventory);
    let snapshot = LazyCell::new(snapshot);
    let held = held(project, inventory, previous, || snapshot.as_str());
    let mut graph: DiGraph<Vertex, Edge> =
        DiGraph::with_capacity(inventory.nodes.len() + 1, inventory.links.len() * 2);
    graph.add_node(Vertex::GeneratedRoot);
    for node in inventory.node_ixs() {
        graph.add_node(Vertex::Node(node));
    }
    let mut builder = Builder {
        project,
        inventory,
        root,
        graph,
        between: BTreeMap::new(),
        pin: vec![None; inventory.nodes.len()],
        held: &held,
        previous,
    };
    for &(child, parent) in &inventory.settings.pins {
        builder.pin[child.ix()] = Some(parent);
    }
    for (i, link) in inventory.links.iter().enumerate() {
        let ends = (link.a.min(link.b), link.a.max(link.b));
        builder.between.entry(ends).or_default().push(LinkIx::of(i));
    }
    match project.topology.tree {
        Metric::Declared => builder.declared(),
        Metric::Cost | Metric::Hops | Metric::Widest => builder.links(),
    }
    let heads = builder.reach_everything();
    let graph = builder.graph;
    LinkGraph {
        graph,
        root,
        heads,
        snapshot: match held.is_empty() {
            true => String::new(),
            false => snapshot.clone(),
        },
        evidence: GraphEvidence {
            declared_cycles: declared_cycles(inventory),
            held,
        },
    }
}

struct Builder<'a> {
    project: &'a Project,
    inventory: &'a Inventory,
    root: Option<NodeIx>,
    graph: DiGraph<Vertex, Edge>,
    /// Links by their two ends, smaller first.
    between: BTreeMap<(NodeIx, NodeIx), Vec<LinkIx>>,
    pin: Vec<Option<NodeIx>>,
    held: &'a [HeldLink],
    previous: Option<&'a Previous>,
}

/// Links that are down, carried the previous tree and have not been down long enough to be given up: one
/// rebooting radio must not move a tower (topology.md 4.1). Planned links never count.
fn held<'s>(
    project: &Project,
    inventory: &Inventory,
    previous: Option<&Previous>,
    snapshot: impl Fn() -> &'s str,
) -> Vec<HeldLink> {
    let Some(previous) = previous else {
        return Vec::new();
    };
    let used = previous.links_used();
    inventory
        .links
        .iter()
        .enumerate()
        .filter(|(_, link)| link.state == LinkState::Down && used.contains(link.id.as_ref()))
        .map(|(i, link)| {
            let snapshots = match previous.links_down.get(&link.id) {
                Some(seen) if seen.snapshot.as_ref() == snapshot() => seen.snapshots,
                Some(seen) => seen.snapshots.saturating_add(1),
                None => 1,
            };
            HeldLink {
                link: LinkIx::of(i),
                snapshots,
            }
        })
        .filter(|held| held.snapshots < project.topology.link_down_hold)
        .collect()
}

impl Builder<'_> {
    fn root_vertex(&self) -> Vertex {
        self.root.map_or(Vertex::GeneratedRoot, Vertex::Node)
    }

    /// An edge, unless it leads into the root or a pin says otherwise.
    fn edge(&mut self, from: Vertex, to: NodeIx, via: Via, capacity: Pair<Kbps>, cost: u64) {
        if Some(to) == self.root || from == Vertex::Node(to) {
            return;
        }
        let pinned_elsewhere = self.pin[to.ix()].is_some_and(|parent| from != Vertex::Node(parent));
        if pinned_elsewhere && via != Via::Island {
            return;
        }
        self.graph.add_edge(
            from.index(),
            Vertex::Node(to).index(),
            Edge {
                via,
                capacity,
                cost,
            },
        );
    }

    fn links_between(&self, a: NodeIx, b: NodeIx) -> impl Iterator<Item = LinkIx> {
        self.between
            .get(&(a.min(b), a.max(b)))
            .into_iter()
            .flatten()
            .copied()
    }

    /// Up, or held up.
    fn is_up(&self, link: LinkIx) -> bool {
        self.inventory[link].state == LinkState::Up || self.is_held(link)
    }

    fn is_held(&self, link: LinkIx) -> bool {
        self.held.binary_search_by_key(&link, |h| h.link).is_ok()
    }

    /// Capacity (both ways) and cost of a link that is up. A radio that reboots reports no capacity: a held link
    /// keeps the one it had.
    fn as_edge(&self, ix: LinkIx) -> (Pair<Kbps>, u64) {
        let topology = &self.project.topology;
        let link = &self.inventory[ix];
        let mut along = link.capacity_from(link.a);
        let known = [link.ab, link.ba].into_iter().flatten().min();
        let mut cost = match (link.cost, known) {
            (Some(stated), _) => stated,
            (None, Some(capacity)) => (topology.link_reference.0 / capacity.0).max(1),
            (None, None) => topology.default_link_cost,
        };
        if self.is_held(ix) && known.is_none() {
            let mut ends = [link.a, link.b].into_iter();
            let before = ends.find_map(|child| {
                let choice = self.previous?.chosen.get(&self.inventory[child].id)?;
                (choice.via == link.id).then_some((child, choice))
            });
            if let Some((child, choice)) = before {
                along = if child == link.b {
                    choice.capacity
                } else {
                    choice.capacity.swap()
                };
                cost = choice.cost;
            }
        }
        (along, cost)
    }

    /// Rule (b) holds for this node: it belongs to its declared parent without a link.
    fn membership(&self, node: NodeIx) -> Option<NodeIx> {
        let parent = self.inventory[node].parent?;
        let linked = self.links_between(node, parent).any(|l| self.is_up(l));
        (self.inventory.is_member(node) && parent != node && !linked).then_some(parent)
    }

    /// Best of several links by (download, upload) from `from`, then the smallest link id.
    fn best(&self, from: NodeIx, links: impl Iterator<Item = LinkIx>) -> Option<LinkIx> {
        links.max_by(|&x, &y| {
            let key = |l: LinkIx| {
                let c = self.inventory[l].capacity_from(from);
                (c.down, c.up)
            };
            // Links are sorted by id, so the larger index is the larger id.
            key(x).cmp(&key(y)).then(y.cmp(&x))
        })
    }

    /// Rules (a) and (b), gateways and pins.
    fn links(&mut self) {
        for (i, link) in self.inventory.links.iter().enumerate() {
            let ix = LinkIx::of(i);
            if !self.is_up(ix) {
                continue;
            }
            let (along, cost) = self.as_edge(ix);
            self.edge(Vertex::Node(link.a), link.b, Via::Link(ix), along, cost);
            self.edge(
                Vertex::Node(link.b),
                link.a,
                Via::Link(ix),
                along.swap(),
                cost,
            );
        }
        let cost = self.project.topology.membership_cost;
        for node in self.inventory.node_ixs() {
            if let Some(parent) = self.membership(node) {
                self.edge(
                    Vertex::Node(parent),
                    node,
                    Via::Member(node),
                    UNLIMITED,
                    cost,
                );
                self.edge(
                    Vertex::Node(node),
                    parent,
                    Via::Member(node),
                    UNLIMITED,
                    cost,
                );
            }
            if self.inventory[node].gateway {
                self.edge(self.root_vertex(), node, Via::Gateway, UNLIMITED, 0);
            }
        }
        for &(child, parent) in &self.inventory.settings.pins {
            let vertex = Vertex::Node(child).index();
            if self.graph.edges_directed(vertex, Incoming).next().is_none() {
                self.edge(Vertex::Node(parent), child, Via::Pin, UNLIMITED, cost);
            }
        }
    }

    /// One edge a node: from its pin, else its declared parent, else (a gateway) the root.
    fn declared(&mut self) {
        let cost = self.project.topology.membership_cost;
        for node in self.inventory.node_ixs() {
            let pin = self.pin[node.ix()];
            let declared = self.inventory[node].parent.filter(|p| *p != node);
            let Some(parent) = pin.or(declared) else {
                if self.inventory[node].gateway {
                    self.edge(self.root_vertex(), node, Via::Gateway, UNLIMITED, 0);
                }
                continue;
            };
            if self.membership(node) == Some(parent) {
                self.edge(
                    Vertex::Node(parent),
                    node,
                    Via::Member(node),
                    UNLIMITED,
                    cost,
                );
                continue;
            }
            if self.membership(parent) == Some(node) {
                self.edge(
                    Vertex::Node(parent),
                    node,
                    Via::Member(parent),
                    UNLIMITED,
                    cost,
                );
                continue;
            }
            let up = self.links_between(node, parent).filter(|&l| self.is_up(l));
            match self.best(parent, up) {
                Some(link) => {
                    let (along, _) = self.as_edge(link);
                    let capacity = if self.inventory[link].a == parent {
                        along
                    } else {
                        along.swap()
                    };
                    self.edge(Vertex::Node(parent), node, Via::Link(link), capacity, cost);
                }
                None if pin.is_some() => {
                    self.edge(Vertex::Node(parent), node, Via::Pin, UNLIMITED, cost)
                }
                None => self.edge(
                    Vertex::Node(parent),
                    node,
                    Via::Declared(None),
                    UNLIMITED,
                    cost,
                ),
            }
        }
    }

    /// Rules (c) and (d): edges until every node is reachable. Returns the island heads in order.
    fn reach_everything(&mut self) -> Vec<NodeIx> {
        let inventory = self.inventory;
        let n = inventory.nodes.len();
        let rescue = self.project.topology.tree != Metric::Declared;
        let mut declared_children: Vec<Vec<NodeIx>> = vec![Vec::new(); n];
        for node in inventory.node_ixs() {
            if let Some(parent) = inventory[node].parent {
                declared_children[parent.ix()].push(node);
            }
        }
        let mut reached = vec![false; n];
        let mut fresh = self.flood(self.root_vertex(), &mut reached);
        if let Some(root) = self.root {
            reached[root.ix()] = true;
            fresh.push(root);
        }
        // Unreached nodes in the order rule (d) takes them. A declared parent that is missing, or reached, puts
        // a node in the first half.
        let rank = |reached: &[bool], node: NodeIx| {
            let waits = inventory[node].parent.is_some_and(|p| !reached[p.ix()]);
            let kind = match inventory[node].kind {
                NodeKind::Site => 0u8,
                NodeKind::Other => 1,
                NodeKind::Ap => 2,
                NodeKind::Root => 3,
            };
            (waits, kind, node)
        };
        let mut queue: BTreeSet<(bool, u8, NodeIx)> = inventory
            .node_ixs()
            .filter(|node| !reached[node.ix()])
            .map(|node| rank(&reached, node))
            .collect();
        let mut heads = Vec::new();
        loop {
            for &node in &fresh {
                let (_, kind, _) = rank(&reached, node);
                queue.remove(&(true, kind, node));
                queue.remove(&(false, kind, node));
                for &child in &declared_children[node.ix()] {
                    if !reached[child.ix()] {
                        let (_, kind, _) = rank(&reached, child);
                        queue.remove(&(true, kind, child));
                        queue.insert((false, kind, child));
                    }
                }
            }
            let rescued: BTreeSet<NodeIx> = if rescue {
                fresh
                    .iter()
                    .flat_map(|p| &declared_children[p.ix()])
                    .copied()
                    .filter(|c| !reached[c.ix()] && self.pin[c.ix()].is_none())
                    .collect()
            } else {
                BTreeSet::new()
            };
            let starts: Vec<NodeIx> = if !rescued.is_empty() {
                for &node in &rescued {
                    let parent = inventory[node]
                        .parent
                        .expect("rescued by its declared parent");
                    let down = self
                        .links_between(node, parent)
                        .filter(|&l| inventory[l].state == LinkState::Down);
                    let link = self.best(parent, down);
                    let capacity = link.map_or(UNLIMITED, |l| inventory[l].capacity_from(parent));
                    let cost = self.project.topology.membership_cost;
                    self.edge(
                        Vertex::Node(parent),
                        node,
                        Via::Declared(link),
                        capacity,
                        cost,
                    );
                }
                rescued.into_iter().collect()
            } else if let Some(&(_, _, head)) = queue.first() {
                heads.push(head);
                self.edge(self.root_vertex(), head, Via::Island, UNLIMITED, 0);
                vec![head]
            } else {
                return heads;
            };
            fresh = Vec::new();
            for start in starts {
                if !std::mem::replace(&mut reached[start.ix()], true) {
                    fresh.push(start);
                    fresh.extend(self.flood(Vertex::Node(start), &mut reached));
                }
            }
        }
    }

    /// Marks what can be reached from a vertex and was not; returns it.
    fn flood(&self, from: Vertex, reached: &mut [bool]) -> Vec<NodeIx> {
        let mut found = Vec::new();
        let mut stack: Vec<NodeIndex> = vec![from.index()];
        while let Some(at) = stack.pop() {
            for edge in self.graph.edges(at) {
                let Vertex::Node(node) = self.graph[edge.target()] else {
                    continue;
                };
                if Some(node) != self.root && !std::mem::replace(&mut reached[node.ix()], true) {
                    found.push(node);
                    stack.push(edge.target());
                }
            }
        }
        found
    }
}

/// Cycles among declared parents, each from its smallest id along the parents (TOP003).
fn declared_cycles(inventory: &Inventory) -> Vec<Vec<NodeIx>> {
    // Every node has at most one declared parent, so a cycle is a strongly connected component of the graph
    // child -> parent, or a node that is its own parent.
    let mut parents: DiGraph<NodeIx, ()> =
        DiGraph::with_capacity(inventory.nodes.len(), inventory.nodes.len());
    for node in inventory.node_ixs() {
        parents.add_node(node);
    }
    for node in inventory.node_ixs() {
        if let Some(parent) = inventory[node].parent {
            parents.add_edge(NodeIndex::new(node.ix()), NodeIndex::new(parent.ix()), ());
        }
    }
    let mut cycles: Vec<Vec<NodeIx>> = petgraph::algo::tarjan_scc(&parents)
        .into_iter()
        .filter_map(|component| {
            let first = component.iter().map(|v| parents[*v]).min()?;
            let own_parent = inventory[first].parent == Some(first);
            (component.len() > 1 || own_parent).then(|| {
                let mut cycle = vec![first];
                let mut at = inventory[first].parent;
                while let Some(node) = at.filter(|&node| node != first) {
                    cycle.push(node);
                    at = inventory[node].parent;
                }
                cycle
            })
        })
        .collect();
    cycles.sort_unstable();
    cycles
}
