//! The tree and the queue plan of one artifact beside each other.
//!
//! Two CPUs that send into one HTB wait for each other's lock. So all packets of a tree must reach the CPU of its
//! queue, and where a packet goes follows from its address: address -> circuit -> top-level node -> queue is what
//! `tree.json` says, address -> class -> queue is what will be loaded. Both must come to the same.

use std::borrow::Cow;
use std::collections::HashMap;

use weir_schemas::queue_plan::{Class, QueuePlan};
use weir_schemas::tree::{Tree, TreeCircuit, TreeNode};

use super::prefix::Prefixes;
use super::{Kind, Report, Violation};

/// Everything that is wrong with the tree, and in which it differs from the plan. What is wrong with the plan by
/// itself is for [`verify`](super::verify).
pub fn verify_artifact(tree: &Tree<'_>, plan: &QueuePlan<'_>) -> Vec<Violation> {
    let mut violations = verify_agreement(tree, plan);
    violations.extend(verify_tree(tree));
    violations
}

/// What is wrong with the tree by itself: every prefix that is not one circuit's alone.
pub fn verify_tree(tree: &Tree<'_>) -> Vec<Violation> {
    Prefixes::of(tree).1
}

/// Everything in which the two files of one artifact differ.
pub fn verify_agreement(tree: &Tree<'_>, plan: &QueuePlan<'_>) -> Vec<Violation> {
    let mut report = Report::default();
    let mut classes: Vec<&Class<'_>> = plan.classes.iter().collect();
    // Sorted already in any plan that verifies.
    if !classes.is_sorted_by(|a, b| a.key <= b.key) {
        classes.sort_by(|a, b| a.key.cmp(&b.key));
    }
    let (circuits, holders): (Vec<_>, Vec<_>) = classes
        .into_iter()
        .partition(|class| class.key.starts_with("circuit:"));
    let lists = self::holders(tree, &holders, &mut report);
    let places = Places::of(tree, &lists);
    self::circuits(tree, &circuits, &places, &mut report);
    report.0
}

/// Where the tree lists a circuit.
#[derive(Clone, Copy)]
struct Place<'t> {
    holder: Holder<'t>,
    /// The queue of the top-level node or bucket.
    queue: u16,
    /// How often it is listed.
    times: usize,
}

/// What a node or bucket lists.
struct List<'t> {
    holder: Holder<'t>,
    queue: u16,
    circuits: &'t [Cow<'t, str>],
}

/// Where circuits are listed.
enum Places<'t> {
    /// Every circuit once, where it says that it hangs, and nothing else: by circuit, in order of the ids.
    AsStated(Vec<Place<'t>>),
    /// By circuit: where it is listed first.
    Listed(HashMap<&'t str, Place<'t>>),
}

impl<'t> Places<'t> {
    fn of(tree: &'t Tree<'_>, lists: &[List<'t>]) -> Places<'t> {
        match as_stated(tree, lists) {
            Some(places) => Places::AsStated(places),
            None => Places::Listed(listed(tree, lists)),
        }
    }

    /// Of the circuit in this place among all.
    fn get(&self, at: usize, id: &str) -> Option<&Place<'t>> {
        match self {
            Places::AsStated(places) => places.get(at),
            Places::Listed(places) => places.get(id),
        }
    }
}

/// Lists are sorted as circuits are. So when all circuits are walked, each is the next in the list of its parent, as a
/// rule: then nothing has to be looked up by circuit. `None`: not here.
fn as_stated<'t>(tree: &'t Tree<'_>, lists: &[List<'t>]) -> Option<Vec<Place<'t>>> {
    let by_name: HashMap<&str, usize> = (lists.iter().enumerate())
        .map(|(at, list)| (list.holder.name(), at))
        .collect();
    let all: usize = lists.iter().map(|list| list.circuits.len()).sum();
    // A node and a bucket may have the same name, and a circuit may be listed that is none.
    if by_name.len() != lists.len() || all != tree.circuits.len() {
        return None;
    }
    let mut next = vec![0; lists.len()];
    let mut places = Vec::with_capacity(all);
    for (id, circuit) in &tree.circuits {
        let at = *by_name.get(circuit.parent.as_ref())?;
        let list = &lists[at];
        if list.circuits.get(next[at])? != id {
            return None;
        }
        next[at] += 1;
        places.push(Place {
            holder: list.holder,
            queue: list.queue,
            times: 1,
        });
    }
    Some(places)
}

fn listed<'t>(tree: &Tree<'_>, lists: &[List<'t>]) -> HashMap<&'t str, Place<'t>> {
    let mut places = HashMap::with_capacity(tree.circuits.len());
    for list in lists {
        for circuit in list.circuits {
            let place = Place {
                holder: list.holder,
                queue: list.queue,
                times: 1,
            };
            places
                .entry(circuit.as_ref())
                .and_modify(|listed: &mut Place<'_>| listed.times += 1)
                .or_insert(place);
        }
    }
    places
}

#[derive(Clone, Copy)]
enum Holder<'t> {
    Node(&'t str),
    Bucket(&'t str),
}

impl Holder<'_> {
    fn name(&self) -> &str {
        match self {
            Holder::Node(name) | Holder::Bucket(name) => name,
        }
    }

    fn key(&self) -> String {
        match self {
            Holder::Node(id) => format!("node:{id}"),
            Holder::Bucket(name) => format!("bucket:{name}"),
        }
    }

    fn is(&self, key: Option<&str>) -> bool {
        let id = match self {
            Holder::Node(_) => key.and_then(|key| key.strip_prefix("node:")),
            Holder::Bucket(_) => key.and_then(|key| key.strip_prefix("bucket:")),
        };
        id == Some(self.name())
    }
}

/// Nodes and buckets against their classes; gives what they list.
fn holders<'t>(tree: &'t Tree<'_>, holders: &[&Class<'_>], report: &mut Report) -> Vec<List<'t>> {
    let mut unclaimed: HashMap<&str, &Class<'_>> = holders
        .iter()
        .map(|class| (class.key.as_ref(), *class))
        .collect();
    let mut lists = Vec::new();
    let mut open: Vec<(&TreeNode<'_>, Option<&TreeNode<'_>>, u16)> = tree
        .emitted
        .iter()
        .map(|node| (node, None, node.cpu))
        .collect();
    while let Some((node, parent, queue)) = open.pop() {
        let key = format!("node:{}", node.id);
        self::node(
            node,
            parent,
            queue,
            &key,
            unclaimed.remove(key.as_str()),
            report,
        );
        open.extend(node.children.iter().map(|child| (child, Some(node), queue)));
        lists.push(List {
            holder: Holder::Node(&node.id),
            queue,
            circuits: &node.circuits,
        });
    }
    for (name, circuits) in &tree.buckets {
        let key = format!("bucket:{name}");
        let Some(class) = unclaimed.remove(key.as_str()) else {
            report.add(Kind::Node, key, "is in the tree and has no class");
            continue;
        };
        lists.push(List {
            holder: Holder::Bucket(name),
            queue: class.queue,
            circuits,
        });
    }
    let mut left: Vec<&str> = unclaimed.into_keys().collect();
    left.sort_unstable();
    for key in left {
        report.add(Kind::Node, key, "has a class and is not in the tree");
    }
    lists
}

fn node(
    node: &TreeNode<'_>,
    parent: Option<&TreeNode<'_>>,
    queue: u16,
    key: &str,
    class: Option<&Class<'_>>,
    report: &mut Report,
) {
    if node.cpu != queue {
        report.add(
            Kind::Placement,
            key,
            format!(
                "is on CPU queue {} of the tree, and the top-level node above it on {queue}",
                node.cpu
            ),
        );
    }
    let Some(class) = class else {
        if node.htb_rate_kbps != [0, 0] {
            report.add(Kind::Node, key, "is in the tree and has no class");
        }
        return;
    };
    if class.queue != queue {
        report.add(
            Kind::Placement,
            key,
            format!(
                "is on CPU queue {queue} of the tree, and its class in queue {}",
                class.queue
            ),
        );
    }
    let above = class.parent.as_deref();
    if above.and_then(|key| key.strip_prefix("node:")) != parent.map(|p| p.id.as_ref())
        || (parent.is_none() && above.is_some())
    {
        report.add(
            Kind::Node,
            key,
            format!(
                "is under {} in the tree, and its class under {}",
                parent.map_or("nothing", |p| &p.id),
                above.unwrap_or("nothing")
            ),
        );
    }
    same(
        Kind::Node,
        key,
        "rate",
        node.htb_rate_kbps,
        class.rate_kbps,
        report,
    );
    same(
        Kind::Node,
        key,
        "ceiling",
        node.cap_kbps,
        class.ceil_kbps,
        report,
    );
}

/// The same rate, as the tree and the plan state it.
fn same(kind: Kind, key: &str, what: &str, tree: [u64; 2], plan: [u64; 2], report: &mut Report) {
    if tree != plan {
        report.add(
            kind,
            key,
            format!(
                "has a {what} of {}/{} kbit/s in the tree and {}/{} in the plan",
                tree[0], tree[1], plan[0], plan[1]
            ),
        );
    }
}

/// Circuits of the tree and their classes: two lists sorted by id, walked side by side.
fn circuits(tree: &Tree<'_>, classes: &[&Class<'_>], places: &Places<'_>, report: &mut Report) {
    let mut classes = classes.iter().copied().peekable();
    let mut strangers = Vec::new();
    let mut own = Vec::new();
    let mut listed = 0;
    for (at, (circuit_id, circuit)) in tree.circuits.iter().enumerate() {
        let circuit_id = circuit_id.as_ref();
        own.clear();
        while let Some(class) =
            classes.next_if(|class| &class.key["circuit:".len()..] <= circuit_id)
        {
            match &class.key["circuit:".len()..] == circuit_id {
                true => own.push(class),
                false => strangers.push(class),
            }
        }
        let place = places.get(at, circuit_id);
        listed += usize::from(place.is_some());
        self::circuit(circuit_id, circuit, &own, place, report);
    }
    for circuit_id in tree.omitted.keys() {
        if tree.circuits.contains_key(circuit_id) {
            report.add(
                Kind::Circuit,
                format!("circuit:{circuit_id}"),
                "is shaped and omitted in one tree",
            );
        }
    }
    strangers.extend(classes);
    for class in strangers {
        report.add(
            Kind::Circuit,
            class.key.as_ref(),
            "has a class and is not in the tree",
        );
    }
    let Places::Listed(places) = places else {
        return;
    };
    if listed == places.len() {
        return;
    }
    let mut unknown: Vec<(&str, &Place<'_>)> = places
        .iter()
        .filter(|(circuit, _)| !tree.circuits.contains_key(**circuit))
        .map(|(circuit, place)| (*circuit, place))
        .collect();
    unknown.sort_unstable_by_key(|(circuit, _)| *circuit);
    for (circuit, place) in unknown {
        report.add(
            Kind::Circuit,
            format!("circuit:{circuit}"),
            format!(
                "is listed under {} and is no circuit of the tree",
                place.holder.name()
            ),
        );
    }
}

fn circuit(
    id: &str,
    circuit: &TreeCircuit<'_>,
    classes: &[&Class<'_>],
    place: Option<&Place<'_>>,
    report: &mut Report,
) {
    let key = || format!("circuit:{id}");
    let &[class] = classes else {
        report.add(
            Kind::Circuit,
            key(),
            format!("is shaped and has {} classes instead of one", classes.len()),
        );
        return;
    };
    let Some(place) = place else {
        report.add(Kind::Circuit, key(), "is shaped and listed under no node");
        return;
    };
    if place.times > 1 {
        report.add(
            Kind::Circuit,
            key(),
            format!("is listed under {} nodes instead of one", place.times),
        );
        return;
    }
    if place.holder.name() != circuit.parent {
        report.add(
            Kind::Circuit,
            key(),
            format!(
                "names {} as its parent and is listed under {}",
                circuit.parent,
                place.holder.name()
            ),
        );
    }
    if !place.holder.is(class.parent.as_deref()) {
        report.add(
            Kind::Placement,
            key(),
            format!(
                "is under {} in the tree, and its class under {}",
                place.holder.key(),
                class.parent.as_deref().unwrap_or("nothing")
            ),
        );
    }
    if class.queue != place.queue {
        report.add(
            Kind::Placement,
            key(),
            format!(
                "has its class in queue {}, and its addresses lead to the CPU of queue {}",
                class.queue, place.queue
            ),
        );
    }
    if circuit.min_kbps != class.rate_kbps {
        let (tree, plan) = (circuit.min_kbps, class.rate_kbps);
        same(Kind::Circuit, &key(), "guarantee", tree, plan, report);
    }
    if circuit.max_kbps != class.ceil_kbps {
        let (tree, plan) = (circuit.max_kbps, class.ceil_kbps);
        same(Kind::Circuit, &key(), "ceiling", tree, plan, report);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::good;
    use super::*;

    fn is_as_stated(tree: &Tree<'_>, plan: &QueuePlan<'_>) -> bool {
        let classes = plan.classes.iter();
        let above: Vec<&Class<'_>> = classes
            .filter(|class| !class.key.starts_with("circuit:"))
            .collect();
        let lists = holders(tree, &above, &mut Report::default());
        as_stated(tree, &lists).is_some()
    }

    fn first_with_circuits<'n, 't>(nodes: &'n mut [TreeNode<'t>]) -> Option<&'n mut TreeNode<'t>> {
        for node in nodes {
            if !node.circuits.is_empty() {
                return Some(node);
            }
            if let Some(found) = first_with_circuits(&mut node.children) {
                return Some(found);
            }
        }
        None
    }

    /// The short way is for what is as it should be; the order of a list alone is nothing to complain of.
    #[test]
    fn what_is_listed_otherwise_is_looked_up() {
        let (tree, plan) = good();
        assert!(is_as_stated(&tree, &plan));
        type Change = fn(&mut Tree<'static>);
        let changes: [(Change, bool); 6] = [
            (|t| listing(t).reverse(), true),
            (|t| listing(t).push("nobody".into()), false),
            (|t| drop(listing(t).pop()), false),
            (
                |t| {
                    let again = listing(t)[0].clone();
                    listing(t).push(again);
                },
                false,
            ),
            (
                |t| {
                    let moved = listing(t).remove(0);
                    t.buckets.values_mut().next().expect("a bucket").push(moved);
                },
                false,
            ),
            (
                |t| {
                    let first = t.circuits.values_mut().next();
                    first.expect("a circuit").parent = "elsewhere".into();
                },
                false,
            ),
        ];
        fn listing<'n>(tree: &'n mut Tree<'static>) -> &'n mut Vec<Cow<'static, str>> {
            let node = first_with_circuits(&mut tree.emitted);
            &mut node.expect("a node with circuits").circuits
        }
        for (at, (change, is_good)) in changes.into_iter().enumerate() {
            let (mut tree, plan) = good();
            change(&mut tree);
            assert!(!is_as_stated(&tree, &plan), "{at}");
            let violations = verify_agreement(&tree, &plan);
            assert_eq!(violations.is_empty(), is_good, "{at}: {violations:?}");
        }
    }
}
