//! The graph, the tree chosen from it, its capacities and the hidden nodes (sections 1.5, 1.6, 1.10).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::inventory::{Inventory, Kind, Link, Pair, UNLIMITED, pair_min};
use super::settings::{Metric, Settings};

/// The id of the root that is made when the inventory has none.
pub const GENERATED_ROOT: &str = "@root";

/// A directed edge, away from the root: `caps[0]` is the capacity from `from` to `to`, `caps[1]` the way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    pub from: String,
    pub to: String,
    pub caps: Pair,
    pub cost: u128,
    pub id: String,
}

/// The edge into every node but the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    pub root: String,
    pub edge_into: BTreeMap<String, Edge>,
}

impl Tree {
    /// The node itself, its parent, and so on up to and including the root.
    pub fn path_up<'a>(&'a self, node: &'a str) -> Vec<&'a str> {
        let mut path = vec![node];
        let mut at = node;
        while let Some(edge) = self.edge_into.get(at) {
            at = &edge.from;
            path.push(at);
        }
        path
    }
}

pub fn choose_tree(inventory: &Inventory, settings: &Settings) -> Tree {
    choose_tree_and_graph(inventory, settings).0
}

/// The tree with the graph it was finally chosen from.
pub fn choose_tree_and_graph(inventory: &Inventory, settings: &Settings) -> (Tree, Graph) {
    let mut graph = Graph::build(inventory, settings);
    loop {
        let edge_into = best_edges(&graph.root, &graph.edges, settings.metric);
        if !graph.repair(inventory, &edge_into, settings) {
            let tree = Tree {
                root: graph.root.clone(),
                edge_into,
            };
            return (tree, graph);
        }
    }
}

/// The directed edges, with rules (a) and (b) applied.
pub struct Graph {
    pub root: String,
    pub ids: BTreeSet<String>,
    pub edges: Vec<Edge>,
    pins: BTreeMap<String, String>,
    parents: BTreeMap<String, String>,
}

impl Graph {
    pub fn build(inventory: &Inventory, settings: &Settings) -> Graph {
        let root = choose_root(inventory, settings);
        let mut ids: BTreeSet<String> = inventory.nodes.keys().cloned().collect();
        ids.insert(root.clone());

        // Reading: a generated root exists, so `@root` can be named by a pin and as a declared parent.
        let pins: BTreeMap<String, String> = settings
            .pin
            .iter()
            .filter(|(child, parent)| {
                ids.contains(*child) && ids.contains(*parent) && child != parent
            })
            .map(|(child, parent)| (child.clone(), parent.clone()))
            .collect();
        // Reading: a node declared as its own parent has no declared parent that could be joined to it.
        let parents: BTreeMap<String, String> = inventory
            .nodes
            .iter()
            .filter_map(|(id, node)| Some((id.clone(), node.parent.clone()?)))
            .filter(|(id, parent)| ids.contains(parent) && id != parent)
            .collect();

        let mut graph = Graph {
            root,
            ids,
            edges: Vec::new(),
            pins,
            parents,
        };
        graph.edges = if settings.metric == Metric::Declared {
            graph.declared_edges(inventory, settings)
        } else {
            graph.network_edges(inventory, settings)
        };
        let root = graph.root.clone();
        graph.edges.retain(|edge| edge.to != root);
        graph
    }

    fn network_edges(&self, inventory: &Inventory, settings: &Settings) -> Vec<Edge> {
        let mut edges = Vec::new();
        for link in inventory.links.iter().filter(|link| link.up) {
            edges.extend(both_ways(
                &link.a,
                &link.b,
                link.kbps,
                link_cost(link, settings),
                &link.id,
            ));
        }
        // Reading: "neither site nor root" is about the kind. A node of another kind that `topology.root` chose as
        // the root is joined to its declared parent as well (of the two edges only the one away from it remains).
        for (id, node) in &inventory.nodes {
            if matches!(node.kind, Kind::Site | Kind::Root) {
                continue;
            }
            let Some(parent) = self.parents.get(id) else {
                continue;
            };
            let linked = inventory
                .links
                .iter()
                .any(|link| link.up && oriented(link, parent, id).is_some());
            if !linked {
                edges.extend(both_ways(
                    parent,
                    id,
                    [UNLIMITED; 2],
                    u128::from(settings.membership_cost),
                    &format!("member:{id}"),
                ));
            }
        }
        edges.extend(self.gateway_edges(inventory));

        for (child, parent) in &self.pins {
            edges.retain(|edge| &edge.to != child || &edge.from == parent);
            if !edges.iter().any(|edge| &edge.to == child) {
                edges.push(Edge {
                    from: parent.clone(),
                    to: child.clone(),
                    caps: [UNLIMITED; 2],
                    cost: u128::from(settings.membership_cost),
                    id: format!("pin:{child}"),
                });
            }
        }
        edges
    }

    // Reading: the edge of a gateway has the link id `gateway:<node>`, by analogy with `member:<node>`. It decides only
    // between this edge and an unlimited link of cost 0 from the root.
    fn gateway_edges(&self, inventory: &Inventory) -> Vec<Edge> {
        inventory
            .nodes
            .iter()
            .filter(|(id, node)| node.gateway && **id != self.root)
            .map(|(id, _)| Edge {
                from: self.root.clone(),
                to: id.clone(),
                caps: [UNLIMITED; 2],
                cost: 0,
                id: format!("gateway:{id}"),
            })
            .collect()
    }

    // Reading: with `declared` a gateway has an edge from the root only when it has neither a valid pin nor a declared
    // parent that exists ("one edge per node").
    fn declared_edges(&self, inventory: &Inventory, settings: &Settings) -> Vec<Edge> {
        let mut edges = Vec::new();
        for id in &self.ids {
            let Some(parent) = self.pins.get(id).or_else(|| self.parents.get(id)) else {
                continue;
            };
            // A membership is unlimited and exists only where no up link does: it need not be looked for.
            let caps = best_link(inventory, parent, id, true).unwrap_or([UNLIMITED; 2]);
            edges.push(Edge {
                from: parent.clone(),
                to: id.clone(),
                caps,
                cost: u128::from(settings.membership_cost),
                id: format!("declared:{id}"),
            });
        }
        for edge in self.gateway_edges(inventory) {
            if !edges.iter().any(|other| other.to == edge.to) {
                edges.push(edge);
            }
        }
        edges
    }

    /// One step of rule (c), or, when that has nothing to do, of rule (d). False when every node is reachable.
    fn repair(
        &mut self,
        inventory: &Inventory,
        edge_into: &BTreeMap<String, Edge>,
        settings: &Settings,
    ) -> bool {
        let reachable = |id: &String| *id == self.root || edge_into.contains_key(id);
        let unreachable: Vec<&String> = self.ids.iter().filter(|id| !reachable(id)).collect();

        // (c)
        let mut rescued = Vec::new();
        if settings.metric != Metric::Declared {
            for id in &unreachable {
                match self.parents.get(*id) {
                    Some(parent) if reachable(parent) && !self.pins.contains_key(*id) => {
                        // Reading: the best down link is chosen as in `declared`: largest download, then upload, then
                        // smallest link id.
                        let caps = best_link(inventory, parent, id, false);
                        rescued.push(Edge {
                            from: parent.clone(),
                            to: (*id).clone(),
                            caps: caps.unwrap_or([UNLIMITED; 2]),
                            cost: u128::from(settings.membership_cost),
                            id: format!("declared:{id}"),
                        });
                    }
                    _ => {}
                }
            }
        }
        if !rescued.is_empty() {
            self.edges.extend(rescued);
            return true;
        }

        // (d)
        let head = unreachable
            .into_iter()
            .min_by_key(|id| {
                // Reading: a node declared as its own parent counts as one whose declared parent is unreachable.
                let declared = inventory.nodes[*id].parent.as_ref();
                let parent_is_unreachable =
                    declared.is_some_and(|parent| self.ids.contains(parent) && !reachable(parent));
                let kind = match inventory.nodes[*id].kind {
                    Kind::Site => 0,
                    Kind::Other => 1,
                    Kind::Ap => 2,
                    Kind::Root => 3,
                };
                (parent_is_unreachable, kind, *id)
            })
            .cloned();
        let Some(head) = head else {
            return false;
        };
        // Reading: a disregarded pin or declared parent is one that no longer says where the head hangs. The head's
        // membership edge still leads from the head to its declared parent. (All edges into the head can go: whatever
        // the metric, none beats a first hop from the root.)
        self.edges.retain(|edge| edge.to != head);
        self.edges.push(Edge {
            from: self.root.clone(),
            to: head.clone(),
            caps: [UNLIMITED; 2],
            cost: 0,
            id: format!("head:{head}"),
        });
        true
    }
}

// Reading: a `topology.root` that names no node, or a name that several nodes have, is as if it were not set.
fn choose_root(inventory: &Inventory, settings: &Settings) -> String {
    let configured = settings.root.as_ref().and_then(|root| inventory.find(root));
    let of_kind_root = || {
        inventory
            .nodes
            .iter()
            .find(|(_, node)| node.kind == Kind::Root)
            .map(|(id, _)| id.clone())
    };
    configured
        .or_else(of_kind_root)
        .unwrap_or_else(|| GENERATED_ROOT.to_owned())
}

fn link_cost(link: &Link, settings: &Settings) -> u128 {
    let smaller = link.kbps[0].min(link.kbps[1]);
    match link.cost {
        Some(cost) => cost,
        None if smaller == UNLIMITED => u128::from(settings.default_link_cost),
        None => (u128::from(settings.link_reference_kbps) / smaller).max(1),
    }
}

fn both_ways(a: &str, b: &str, a_to_b_and_back: Pair, cost: u128, id: &str) -> [Edge; 2] {
    let [there, back] = a_to_b_and_back;
    let edge = |from: &str, to: &str, caps: Pair| Edge {
        from: from.to_owned(),
        to: to.to_owned(),
        caps,
        cost,
        id: id.to_owned(),
    };
    [edge(a, b, [there, back]), edge(b, a, [back, there])]
}

/// The capacities of a link seen from `from` to `to`, if it joins the two.
fn oriented(link: &Link, from: &str, to: &str) -> Option<Pair> {
    let [there, back] = link.kbps;
    if link.a == from && link.b == to {
        Some([there, back])
    } else if link.a == to && link.b == from {
        Some([back, there])
    } else {
        None
    }
}

/// Of the up (or of the down) links that join two nodes: largest download, then upload, then smallest link id.
fn best_link(inventory: &Inventory, from: &str, to: &str, up: bool) -> Option<Pair> {
    inventory
        .links
        .iter()
        .filter(|link| link.up == up)
        .filter_map(|link| Some((oriented(link, from, to)?, &link.id)))
        .min_by_key(|(caps, id)| (Reverse(*caps), *id))
        .map(|(caps, _)| caps)
}

/// The edge into every node that can be reached.
pub fn best_edges(root: &str, edges: &[Edge], metric: Metric) -> BTreeMap<String, Edge> {
    match metric {
        Metric::Cost => shortest(root, edges, |edge| edge.cost),
        Metric::Hops | Metric::Declared => shortest(root, edges, |_| 0),
        Metric::Widest => widest(root, edges),
    }
}

/// How good a path is: the sum of its costs, its hops, its bottleneck. Smaller is better.
pub type Length = (u128, u128, Reverse<u128>);

pub const NO_PATH_YET: Length = (0, 0, Reverse(UNLIMITED));

pub fn longer(path: Length, edge: &Edge, cost: u128) -> Length {
    let (costs, hops, Reverse(bottleneck)) = path;
    (
        costs + cost,
        hops + 1,
        Reverse(bottleneck.min(edge.caps[0])),
    )
}

fn shortest(root: &str, edges: &[Edge], cost: impl Fn(&Edge) -> u128) -> BTreeMap<String, Edge> {
    let mut length: BTreeMap<&str, Length> = BTreeMap::from([(root, NO_PATH_YET)]);
    let mut changed = true;
    while changed {
        changed = false;
        for edge in edges {
            let Some(&before) = length.get(edge.from.as_str()) else {
                continue;
            };
            let candidate = longer(before, edge, cost(edge));
            if length
                .get(edge.to.as_str())
                .is_none_or(|now| candidate < *now)
            {
                length.insert(&edge.to, candidate);
                changed = true;
            }
        }
    }
    length
        .keys()
        .filter(|node| **node != root)
        .map(|node| {
            let edge = edges
                .iter()
                .filter(|edge| edge.to == *node)
                .filter(|edge| {
                    length
                        .get(edge.from.as_str())
                        .is_some_and(|before| longer(*before, edge, cost(edge)) == length[node])
                })
                .min_by_key(|edge| (&edge.from, &edge.id))
                .expect("a reached node was reached over an edge");
            ((*node).to_owned(), edge.clone())
        })
        .collect()
}

fn widest(root: &str, edges: &[Edge]) -> BTreeMap<String, Edge> {
    // B(v): the best bottleneck.
    let mut best: BTreeMap<&str, u128> = BTreeMap::from([(root, UNLIMITED)]);
    let mut changed = true;
    while changed {
        changed = false;
        for edge in edges {
            let Some(&before) = best.get(edge.from.as_str()) else {
                continue;
            };
            let candidate = before.min(edge.caps[0]);
            if best
                .get(edge.to.as_str())
                .is_none_or(|now| candidate > *now)
            {
                best.insert(&edge.to, candidate);
                changed = true;
            }
        }
    }
    let tight: Vec<&Edge> = edges
        .iter()
        .filter(|edge| {
            best.get(edge.from.as_str())
                .is_some_and(|before| *before.min(&edge.caps[0]) == best[edge.to.as_str()])
        })
        .collect();

    // Layer by layer over tight edges.
    let mut reached: BTreeSet<&str> = BTreeSet::from([root]);
    let mut layer: BTreeSet<&str> = BTreeSet::from([root]);
    let mut edge_into = BTreeMap::new();
    while !layer.is_empty() {
        let next: BTreeSet<&str> = tight
            .iter()
            .filter(|edge| layer.contains(edge.from.as_str()))
            .map(|edge| edge.to.as_str())
            .filter(|node| !reached.contains(node))
            .collect();
        for node in &next {
            let edge = tight
                .iter()
                .filter(|edge| edge.to == *node && layer.contains(edge.from.as_str()))
                .min_by_key(|edge| (Reverse(edge.caps[0]), &edge.from, &edge.id))
                .expect("a node of the next layer has an edge from this one");
            edge_into.insert((*node).to_owned(), (*edge).clone());
        }
        reached.extend(&next);
        layer = next;
    }
    edge_into
}

pub fn virtual_or_excluded(inventory: &Inventory, settings: &Settings) -> BTreeSet<String> {
    let flagged = inventory
        .nodes
        .iter()
        .filter(|(_, node)| node.is_virtual)
        .map(|(id, _)| id.clone());
    let excluded = settings
        .exclude
        .iter()
        .filter_map(|name| inventory.find(name));
    flagged.chain(excluded).collect()
}

/// cap(v): the smallest of the WAN, of every link and of every non-hidden node on the root path.
// Reading: the root is on the path too, so a capacity given for the root node itself counts.
pub fn capacities(
    inventory: &Inventory,
    tree: &Tree,
    hidden: &BTreeSet<String>,
    settings: &Settings,
) -> BTreeMap<String, Pair> {
    inventory
        .nodes
        .keys()
        .map(|id| {
            let mut cap = settings.wan_kbps.map(u128::from);
            for at in tree.path_up(id) {
                if let Some(edge) = tree.edge_into.get(at) {
                    cap = pair_min(cap, edge.caps);
                }
                if let Some(node) = inventory.nodes.get(at)
                    && !hidden.contains(at)
                {
                    cap = pair_min(cap, node.kbps);
                }
            }
            (id.clone(), cap)
        })
        .collect()
}

/// The nodes that queue-auto hides. `attached` holds the attach nodes of the circuits that are not omitted.
pub fn queue_auto(
    inventory: &Inventory,
    tree: &Tree,
    caps: &BTreeMap<String, Pair>,
    attached: &BTreeSet<&str>,
    settings: &Settings,
) -> BTreeSet<String> {
    let threshold = u128::from(settings.auto_virtual_kbps);
    if threshold == 0 {
        return BTreeSet::new();
    }
    let parents: BTreeSet<&String> = tree.edge_into.values().map(|edge| &edge.from).collect();
    inventory
        .nodes
        .iter()
        .filter(|(id, node)| {
            matches!(node.kind, Kind::Site | Kind::Ap)
                && parents.contains(id)
                && !attached.contains(id.as_str())
                && caps[*id][0].max(caps[*id][1]) >= threshold
        })
        .map(|(id, _)| id.clone())
        .collect()
}
