//! What changes for subscribers from one artifact to another: who joins, leaves, moves or gets other rates,
//! addresses or names, which nodes change, and what each change does to traffic.
//!
//! It reads published files only, so it compares artifacts of any age, and knows nothing of projects. Two sorted
//! lists are merged; nothing is looked up in a loop.

mod circuits;
mod load;
mod names;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use weir_plan::diff::{ClassChange, PlanDiff, has_leaf};
use weir_schemas::Published as _;
use weir_schemas::diff::{Change, Counts, Diff, Disruption, Group, GroupKind, Side};
use weir_schemas::queue_plan::{Class, Leaf, LeafQdisc};
use weir_schemas::tree::{TreeCircuit, TreeNode};

use crate::reparented::Unmoved;
use crate::units::{Kbps, Pair};

pub use load::{Artifact, Files, Unreadable};
pub use names::Names;

/// Compares two artifacts.
pub fn diff(from: &Artifact<'_>, to: &Artifact<'_>) -> Diff {
    let (plan, (nodes, reparented)) = rayon::join(
        || weir_plan::diff::diff(&from.plan, &to.plan),
        || (NodeTable::new(from, to), reparented(from, to)),
    );
    let mut found = Found::default();
    found.settings(from, to, &plan);
    found.nodes(&nodes, &plan);
    let both = circuits::Both {
        from,
        to,
        nodes: &nodes,
        plan: &plan,
    };
    let (of_circuits, disturbed) = circuits::circuits(&both);
    found.extend(of_circuits);
    let groups = found.groups();
    let of = |kind| groups.iter().find(|g| g.kind == kind);
    let count = |kind| of(kind).map_or(0, |g| g.changes.len() as u64);
    let counts = Counts {
        joined: count(GroupKind::Joined),
        left: count(GroupKind::Left),
        moved: count(GroupKind::Moved),
        reparented,
        rerated: count(GroupKind::Rerated),
        readdressed: count(GroupKind::Readdressed),
        renamed: count(GroupKind::Renamed),
        reclassed: count(GroupKind::Reclassed),
        nodes_joined: count(GroupKind::NodesJoined),
        nodes_left: count(GroupKind::NodesLeft),
        nodes_moved: count(GroupKind::NodesMoved),
        nodes_rerated: count(GroupKind::NodesRerated),
        nodes_renamed: count(GroupKind::NodesRenamed),
        nodes_reclassed: count(GroupKind::NodesReclassed),
        settings: count(GroupKind::Settings),
    };
    Diff {
        schema: Diff::SCHEMA.to_owned(),
        from: side(from, nodes.old.len()),
        to: side(to, nodes.new.len()),
        counts,
        disruption: groups
            .iter()
            .map(|g| g.disruption)
            .max()
            .unwrap_or_default(),
        disturbed,
        groups,
    }
}

fn side(artifact: &Artifact<'_>, nodes: usize) -> Side {
    let sum = |rate: fn(&TreeCircuit<'_>) -> [u64; 2]| {
        let add = |[a, b]: [u64; 2], [c, d]: [u64; 2]| [a.saturating_add(c), b.saturating_add(d)];
        artifact.tree.circuits.values().map(rate).fold([0, 0], add)
    };
    Side {
        digest: artifact.digest.clone(),
        target: artifact.plan.target.name.as_deref().map(str::to_owned),
        strategy: artifact.tree.strategy.word().to_owned(),
        shaped: artifact.tree.circuits.len() as u64,
        nodes: nodes as u64,
        max_kbps: sum(|c| c.max_kbps),
        min_kbps: sum(|c| c.min_kbps),
    }
}

/// Merges two lists that are sorted by key.
fn merge<'k, A, B>(
    old: impl Iterator<Item = (&'k str, A)>,
    new: impl Iterator<Item = (&'k str, B)>,
    mut each: impl FnMut(&'k str, Option<A>, Option<B>),
) {
    let (mut old, mut new) = (old.peekable(), new.peekable());
    loop {
        let (key, order) = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some((a, _)), None) => (*a, Ordering::Less),
            (None, Some((b, _))) => (*b, Ordering::Greater),
            (Some((a, _)), Some((b, _))) => (*a.min(b), a.cmp(b)),
        };
        let a = if order.is_le() { old.next() } else { None };
        let b = if order.is_ge() { new.next() } else { None };
        each(key, a.map(|(_, a)| a), b.map(|(_, b)| b));
    }
}

/// Circuits of both artifacts with another node above them.
fn reparented(from: &Artifact<'_>, to: &Artifact<'_>) -> u64 {
    let was: FxHashMap<&str, Option<&str>> = with_parents(&from.tree.emitted).into_iter().collect();
    let now = with_parents(&to.tree.emitted);
    let unmoved = Unmoved::of(now.into_iter(), |id| was.get(id).copied());
    let [old_buckets, new_buckets] = [from, to].map(|artifact| {
        let names = artifact.tree.buckets.keys();
        names.map(AsRef::as_ref).collect::<FxHashSet<&str>>()
    });
    let node = |buckets: &FxHashSet<&str>, parent: &str| !buckets.contains(parent);
    let mut count = 0;
    let old = from.tree.circuits.iter().map(|(id, c)| (id.as_ref(), c));
    let new = to.tree.circuits.iter().map(|(id, c)| (id.as_ref(), c));
    merge(old, new, |_, before, after| {
        let (Some(before), Some(after)) = (before, after) else {
            return;
        };
        let was = node(&old_buckets, &before.parent).then_some(before.parent.as_ref());
        let is = node(&new_buckets, &after.parent).then_some(after.parent.as_ref());
        count += u64::from(unmoved.reparents(was, is));
    });
    count
}

/// Every node with its parent, parents before children.
fn with_parents<'a>(roots: &'a [TreeNode<'a>]) -> Vec<(&'a str, Option<&'a str>)> {
    let mut all = Vec::new();
    let mut open: Vec<(&TreeNode<'_>, Option<&str>)> = roots.iter().map(|n| (n, None)).collect();
    while let Some((node, parent)) = open.pop() {
        all.push((node.id.as_ref(), parent));
        open.extend(node.children.iter().map(|c| (c, Some(node.id.as_ref()))));
    }
    all
}

/// A node where it stands.
#[derive(Clone, Copy)]
struct Placed<'a> {
    node: &'a TreeNode<'a>,
    parent: Option<&'a str>,
    /// Circuits at it and below.
    circuits: u64,
}

/// The nodes of both trees, sorted by id.
struct NodeTable<'a> {
    old: Vec<Placed<'a>>,
    new: Vec<Placed<'a>>,
}

impl<'a> NodeTable<'a> {
    fn new(from: &'a Artifact<'_>, to: &'a Artifact<'_>) -> Self {
        NodeTable {
            old: placed(&from.tree.emitted),
            new: placed(&to.tree.emitted),
        }
    }

    /// The name of a node, or the id itself: of a bucket that is the name.
    fn name(side: &[Placed<'a>], id: &'a str) -> &'a str {
        side.binary_search_by(|p| p.node.id.as_ref().cmp(id))
            .map_or(id, |at| side[at].node.name.as_ref())
    }
}

fn placed<'a>(roots: &'a [TreeNode<'a>]) -> Vec<Placed<'a>> {
    // Children come after their parent, so counting backwards adds them up.
    let mut all: Vec<(Placed<'a>, Option<usize>)> = Vec::new();
    let mut open: Vec<(&TreeNode<'_>, Option<usize>)> = roots.iter().map(|n| (n, None)).collect();
    while let Some((node, parent)) = open.pop() {
        let at = all.len();
        let placed = Placed {
            node,
            parent: parent.map(|p| all[p].0.node.id.as_ref()),
            circuits: node.circuits.len() as u64,
        };
        all.push((placed, parent));
        open.extend(node.children.iter().map(|child| (child, Some(at))));
    }
    for at in (0..all.len()).rev() {
        let (placed, parent) = all[at];
        if let Some(parent) = parent {
            all[parent].0.circuits += placed.circuits;
        }
    }
    let mut placed: Vec<Placed<'a>> = all.into_iter().map(|(placed, _)| placed).collect();
    placed.sort_by(|a, b| a.node.id.cmp(&b.node.id));
    placed
}

fn shown_rate(rate: [u64; 2]) -> String {
    format!("{} Mbit/s", Pair::new(Kbps(rate[0]), Kbps(rate[1])))
}

/// Changes as they are found.
#[derive(Default)]
struct Found(BTreeMap<GroupKind, Vec<Change>>);

impl Found {
    fn add(&mut self, group: GroupKind, change: Change) {
        self.0.entry(group).or_default().push(change);
    }

    /// What is behind what is here.
    fn extend(&mut self, behind: Found) {
        for (group, mut changes) in behind.0 {
            self.0.entry(group).or_default().append(&mut changes);
        }
    }

    fn groups(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self
            .0
            .into_iter()
            .map(|(kind, mut changes)| {
                changes.sort_by(|a, b| {
                    let radius = |c: &Change| (c.disruption, c.affected);
                    radius(b).cmp(&radius(a)).then_with(|| a.id.cmp(&b.id))
                });
                Group {
                    kind,
                    disruption: changes
                        .iter()
                        .map(|c| c.disruption)
                        .max()
                        .unwrap_or_default(),
                    affected: changes.iter().map(|c| c.affected).sum(),
                    changes,
                }
            })
            .collect();
        groups.sort_by(|a, b| {
            let radius = |g: &Group| (g.disruption, g.affected);
            radius(b).cmp(&radius(a)).then_with(|| a.kind.cmp(&b.kind))
        });
        groups
    }

    fn settings(&mut self, from: &Artifact<'_>, to: &Artifact<'_>, plan: &PlanDiff<'_>) {
        let all = to.tree.circuits.len() as u64;
        let mut add = |id: &str, before: String, after: String, disruption, affected| {
            self.add(
                GroupKind::Settings,
                Change {
                    id: id.to_owned(),
                    name: id.to_owned(),
                    kind: None,
                    disruption,
                    affected,
                    before: Some(before),
                    after: Some(after),
                },
            );
        };
        let (was, is) = (from.tree.strategy, to.tree.strategy);
        if was != is {
            let word = |strategy: weir_schemas::common::Strategy| strategy.word().to_owned();
            // What it does is in the other groups.
            add("strategy", word(was), word(is), Disruption::None, 0);
        }
        for setting in &plan.settings {
            let affected = match (setting.disruption, setting.only) {
                (Disruption::None, _) => 0,
                (_, None) => all,
                (_, Some(kind)) => leaves(to, kind),
            };
            add(
                setting.name,
                setting.before.clone(),
                setting.after.clone(),
                if affected == 0 {
                    Disruption::None
                } else {
                    setting.disruption
                },
                affected,
            );
        }
    }

    fn nodes(&mut self, nodes: &NodeTable<'_>, plan: &PlanDiff<'_>) {
        let mut classes = Cursor::new(plan, "node:", "");
        let old = nodes.old.iter().map(|p| (p.node.id.as_ref(), p));
        let new = nodes.new.iter().map(|p| (p.node.id.as_ref(), p));
        merge(old, new, |id, before, after| {
            let class = classes.at(id);
            let change = |placed: &Placed<'_>, disruption, before, after| Change {
                id: id.to_owned(),
                name: placed.node.name.as_ref().to_owned(),
                kind: Some(placed.node.kind),
                disruption,
                affected: placed.circuits,
                before,
                after,
            };
            let cap = |p: &Placed<'_>| shown_rate(p.node.cap_kbps);
            match (before, after) {
                (None, Some(new)) => {
                    let change = change(new, Disruption::MapOnly, None, Some(cap(new)));
                    self.add(GroupKind::NodesJoined, change);
                }
                (Some(old), None) => {
                    let change = change(old, Disruption::MapOnly, Some(cap(old)), None);
                    self.add(GroupKind::NodesLeft, change);
                }
                (Some(old), Some(new)) => {
                    let did = class.map_or(Disruption::None, |c| c.disruption);
                    let mut explained = false;
                    if old.parent != new.parent {
                        explained = true;
                        let under = |side, parent: Option<&str>| {
                            parent.map_or("the top".to_owned(), |id| {
                                format!("under {}", NodeTable::name(side, id))
                            })
                        };
                        let before = Some(under(&nodes.old, old.parent));
                        let after = Some(under(&nodes.new, new.parent));
                        self.add(GroupKind::NodesMoved, change(new, did, before, after));
                    }
                    if old.node.cap_kbps != new.node.cap_kbps {
                        let rate = if explained { Disruption::Rate } else { did };
                        let did = rate.min(Disruption::Rate);
                        let change = change(new, did, Some(cap(old)), Some(cap(new)));
                        self.add(GroupKind::NodesRerated, change);
                    }
                    if old.node.name != new.node.name {
                        let name = |p: &Placed<'_>| Some(p.node.name.as_ref().to_owned());
                        let change = change(new, Disruption::None, name(old), name(new));
                        self.add(GroupKind::NodesRenamed, change);
                    }
                    // Guarantees below add up to other rates with every circuit that comes or goes: no news.
                    if did > Disruption::Rate
                        && did < Disruption::Rebuild
                        && !explained
                        && let Some(class) = class
                    {
                        let (before, after) = class_words(class);
                        self.add(GroupKind::NodesReclassed, change(new, did, before, after));
                    }
                }
                (None, None) => {}
            }
        });
    }
}

fn leaves(artifact: &Artifact<'_>, kind: LeafQdisc) -> u64 {
    let classes = artifact.plan.classes.iter();
    classes.filter(|class| has_leaf(class, kind)).count() as u64
}

fn node_name<'n>(side: &'n [Placed<'n>], id: &'n str) -> &'n str {
    NodeTable::name(side, id)
}

/// What is different about a class that nobody asked to be.
fn class_words(change: &ClassChange<'_>) -> (Option<String>, Option<String>) {
    let (Some(before), Some(after)) = (change.before, change.after) else {
        return (None, None);
    };
    if change.with_parent {
        return (None, Some("made anew with the class above it".to_owned()));
    }
    let pair = |f: &dyn Fn(&Class<'_>) -> String| (Some(f(before)), Some(f(after)));
    if before.queue != after.queue {
        return pair(&|c| format!("CPU queue {}", c.queue));
    }
    if before.minor != after.minor {
        return pair(&|c| format!("class number {:x}", c.minor));
    }
    if before.parent != after.parent {
        return pair(&|c| format!("under class {}", c.parent.as_deref().unwrap_or("none")));
    }
    if before.leaf != after.leaf {
        return pair(&leaf_words);
    }
    if before.quantum != after.quantum {
        return pair(&|c| format!("weight {}/{}", c.quantum[0], c.quantum[1]));
    }
    if before.burst_bytes != after.burst_bytes {
        return pair(&|c| match c.burst_bytes {
            Some([down, up]) => format!("burst of {down}/{up} bytes"),
            None => "no burst".to_owned(),
        });
    }
    pair(&|c| format!("class rate {}", shown_rate(c.rate_kbps)))
}

fn leaf_words(class: &Class<'_>) -> String {
    let word = |leaf: Option<Leaf>| match leaf {
        None => "none".to_owned(),
        Some(leaf) => {
            let kind = match leaf.qdisc {
                LeafQdisc::Cake => "cake",
                LeafQdisc::FqCodel => "fq_codel",
            };
            format!("{kind} {:x}:", leaf.handle)
        }
    };
    let [down, up] = class.leaf.unwrap_or([None, None]);
    format!("leaf {} and {}", word(down), word(up))
}

/// Walks changes of classes beside a list of ids that is sorted the same way.
struct Cursor<'p> {
    rest: std::slice::Iter<'p, ClassChange<'p>>,
    prefix: &'static str,
    held: Option<&'p ClassChange<'p>>,
}

impl<'p> Cursor<'p> {
    /// From the first id on that is not before `first`.
    fn new(plan: &'p PlanDiff<'p>, prefix: &'static str, first: &str) -> Self {
        let first = [prefix, first].concat();
        let start = plan.classes.partition_point(|c| c.key < first.as_str());
        let mut rest = plan.classes[start..].iter();
        let held = rest.next();
        Cursor { rest, prefix, held }
    }

    /// The change of this id; ids come in order.
    fn at(&mut self, id: &str) -> Option<&'p ClassChange<'p>> {
        while let Some(held) = self.held {
            match held.key.strip_prefix(self.prefix)?.cmp(id) {
                Ordering::Less => self.held = self.rest.next(),
                Ordering::Equal => return Some(held),
                Ordering::Greater => return None,
            }
        }
        None
    }
}
