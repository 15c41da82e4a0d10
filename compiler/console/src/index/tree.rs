//! The tree of an artifact, flat: each node with its depth, what hangs below it, and what limits it.

use std::collections::HashMap;

use weir_schemas::common::{NodeKind, Pair, Position};
use weir_schemas::provenance::{self, Settings, Via};
use weir_schemas::tree::{Tree, TreeNode};

use super::Circuit;

/// What a node is, generated parents included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeWord {
    Kind(NodeKind),
    /// A parent node that Weir made up to hold circuits.
    Generated,
}

impl NodeWord {
    pub fn word(self) -> &'static str {
        match self {
            NodeWord::Kind(NodeKind::Root) => "root",
            NodeWord::Kind(NodeKind::Site) => "site",
            NodeWord::Kind(NodeKind::Ap) => "AP",
            NodeWord::Kind(NodeKind::Other) => "other",
            NodeWord::Generated => "generated",
        }
    }
}

/// What sets an effective capacity, in one direction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Limiter {
    /// Its own capacity.
    Itself,
    /// The link it is reached by.
    OwnLink(String),
    /// A node above, by id.
    Node(String),
    /// The link above a node above: link, node.
    Link(String, String),
    /// `topology.wan_mbps`
    Wan,
    /// The setting for generated parent nodes.
    Generated,
    /// Nothing in the files says so.
    Unknown,
}

/// A node of the shaping tree.
#[derive(Debug)]
pub struct Node {
    pub id: String,
    pub name: String,
    pub word: NodeWord,
    /// Key in the queue plan.
    pub key: String,
    /// Place in the list.
    pub parent: Option<usize>,
    /// 0 at the top.
    pub depth: usize,
    /// The place after the last node below.
    pub end: usize,
    pub children: u64,
    pub cap_kbps: Pair<u64>,
    pub rate_kbps: Pair<u64>,
    pub cpu: u16,
    /// Circuits directly on it, by place in the list of circuits.
    pub circuits: Vec<usize>,
    /// Circuits on it and below.
    pub below: u64,
    /// Sum of their ceilings: what is sold.
    pub sold_kbps: Pair<u64>,
    pub limited_by: Pair<Limiter>,
    /// Where it stands, where that is known.
    pub position: Option<Position>,
}

impl Node {
    /// What is sold below, both directions.
    pub fn weight(&self) -> u64 {
        self.sold_kbps[0].saturating_add(self.sold_kbps[1])
    }
}

/// The nodes, parents before children.
pub(super) fn nodes(
    tree: &Tree<'_>,
    circuits: &[Circuit],
    origins: &[provenance::Node<'_>],
    settings: &Settings,
) -> Vec<Node> {
    let origins: HashMap<&str, &provenance::Node<'_>> =
        origins.iter().map(|n| (n.id.as_ref(), n)).collect();
    let mut flat = Vec::new();
    let mut stack: Vec<(&TreeNode<'_>, Option<usize>, usize)> =
        tree.emitted.iter().rev().map(|n| (n, None, 0)).collect();
    while let Some((node, parent, depth)) = stack.pop() {
        let at = flat.len();
        stack.extend(node.children.iter().rev().map(|c| (c, Some(at), depth + 1)));
        flat.push(Node {
            id: node.id.as_ref().to_owned(),
            name: node.name.as_ref().to_owned(),
            word: NodeWord::Kind(node.kind),
            key: format!("node:{}", node.id),
            parent,
            depth,
            end: 0,
            children: node.children.len() as u64,
            cap_kbps: node.cap_kbps,
            rate_kbps: node.rate_kbps,
            cpu: node.cpu,
            circuits: places(circuits, node.circuits.iter().map(AsRef::as_ref)),
            below: 0,
            sold_kbps: [0, 0],
            limited_by: [0, 1].map(|way| limiter(&node.id, way, &origins, settings)),
            position: origins.get(&*node.id).and_then(|n| n.position),
        });
    }
    let emitted: HashMap<String, usize> = flat
        .iter()
        .enumerate()
        .map(|(at, n)| (n.id.clone(), at))
        .collect();
    for (name, held) in &tree.buckets {
        // A generated parent that is also listed as a node keeps its place.
        if emitted.contains_key(name.as_ref()) {
            continue;
        }
        flat.push(Node {
            id: name.as_ref().to_owned(),
            name: name.as_ref().to_owned(),
            word: NodeWord::Generated,
            key: format!("bucket:{name}"),
            parent: None,
            depth: 0,
            end: 0,
            children: 0,
            cap_kbps: settings.generated_kbps,
            rate_kbps: [0, 0],
            cpu: 0,
            circuits: places(circuits, held.iter().map(AsRef::as_ref)),
            below: 0,
            sold_kbps: [0, 0],
            limited_by: [Limiter::Generated, Limiter::Generated],
            position: None,
        });
    }
    sums(&mut flat, circuits);
    flat
}

fn places<'a>(circuits: &[Circuit], ids: impl Iterator<Item = &'a str>) -> Vec<usize> {
    ids.filter_map(|id| circuits.binary_search_by(|c| c.id.as_str().cmp(id)).ok())
        .collect()
}

/// Children come after their parents, so one walk from the end adds everything up.
fn sums(nodes: &mut [Node], circuits: &[Circuit]) {
    for at in (0..nodes.len()).rev() {
        let node = &mut nodes[at];
        node.end = node.end.max(at + 1);
        node.below += node.circuits.len() as u64;
        for place in node.circuits.clone() {
            if let Some(shaped) = &circuits[place].shaped {
                for way in [0, 1] {
                    node.sold_kbps[way] += shaped.max_kbps[way];
                    if node.word == NodeWord::Generated {
                        node.rate_kbps[way] += shaped.min_kbps[way];
                    }
                }
            }
        }
        let (end, below, sold, parent) = (node.end, node.below, node.sold_kbps, node.parent);
        if let Some(parent) = parent {
            let above = &mut nodes[parent];
            above.end = above.end.max(end);
            above.below += below;
            for way in [0, 1] {
                above.sold_kbps[way] += sold[way];
            }
        }
    }
}

/// The first on the way from the internet that is as small as the effective capacity.
fn limiter(
    id: &str,
    way: usize,
    origins: &HashMap<&str, &provenance::Node<'_>>,
    settings: &Settings,
) -> Limiter {
    let Some(cap) = origins.get(id).and_then(|n| n.cap_kbps[way]) else {
        return Limiter::Unknown;
    };
    if settings.wan_kbps[way] == cap {
        return Limiter::Wan;
    }
    // Up to the highest that is as small; a chain is never longer than there are nodes.
    let mut at = id;
    for _ in 0..origins.len() {
        let above = origins
            .get(at)
            .and_then(|n| n.chosen.as_ref())
            .map(|path| path.parent.as_ref())
            .filter(|parent| {
                origins
                    .get(parent)
                    .is_some_and(|p| p.cap_kbps[way] == Some(cap))
            });
        match above {
            Some(above) => at = above,
            None => break,
        }
    }
    let Some(node) = origins.get(at) else {
        return Limiter::Unknown;
    };
    let link = node.chosen.as_ref().filter(|path| {
        path.via == Via::Link && path.kbps.is_some_and(|kbps| kbps[way] == Some(cap))
    });
    let link = link.and_then(|path| path.link.as_deref().map(str::to_owned));
    match (link, at == id) {
        (Some(link), true) => Limiter::OwnLink(link),
        (Some(link), false) => Limiter::Link(link, at.to_owned()),
        (None, true) if node.own_kbps[way] == Some(cap) => Limiter::Itself,
        (None, false) if node.own_kbps[way] == Some(cap) => Limiter::Node(at.to_owned()),
        _ => Limiter::Unknown,
    }
}
