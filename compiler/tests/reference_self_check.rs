//! The reference implementation against itself: properties that the text promises, on random networks.

mod reference;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use reference::forest::{Circuit, Forest};
use reference::graph::{Edge, Graph, Length, NO_PATH_YET, choose_tree_and_graph, longer};
use reference::inventory::{Inventory, Pair};
use reference::random::{Prng, case};
use reference::{Metric, Settings, Simplify, place, reference_tree};
use serde_json::{Value, json};

const CASES: u64 = 1500;

#[test]
fn the_order_of_the_input_does_not_matter() {
    for seed in 0..CASES {
        let (inventory, settings) = case(seed);
        assert_eq!((inventory.clone(), settings.clone()), case(seed));
        let mut shuffled = inventory.clone();
        let mut prng = Prng(seed);
        for key in ["nodes", "links", "circuits"] {
            prng.shuffle(shuffled[key].as_array_mut().expect("a list"));
        }
        for circuit in shuffled["circuits"].as_array_mut().expect("a list") {
            let devices = circuit["devices"].as_array_mut().expect("a list");
            prng.shuffle(devices);
            for device in devices {
                prng.shuffle(device["ips"].as_array_mut().expect("a list"));
            }
        }
        assert_eq!(
            reference_tree(&inventory, &settings),
            reference_tree(&shuffled, &settings),
            "seed {seed}"
        );
    }
}

/// The tree that the definitions give when every simple path is looked at.
#[test]
fn the_tree_is_the_best_of_all_simple_paths() {
    for seed in 0..CASES {
        let (inventory, settings) = case(seed);
        let (tree, graph) = choose_tree_and_graph(&Inventory::parse(&inventory), &settings);
        let cost = |edge: &Edge| match settings.metric {
            Metric::Cost => edge.cost,
            _ => 0,
        };
        let mut ends = BTreeMap::new();
        let mut path = vec![graph.root.clone()];
        walk(&graph, &cost, &mut path, NO_PATH_YET, &mut ends);

        for (node, ends) in &ends {
            let edge = &tree.edge_into[node];
            if settings.metric == Metric::Widest {
                let widest = ends.iter().map(|((_, _, best), ..)| best).min();
                let up = tree.path_up(node);
                let attained = up
                    .iter()
                    .filter_map(|at| tree.edge_into.get(*at))
                    .map(|edge| Reverse(edge.caps[0]))
                    .max();
                assert_eq!(attained.as_ref(), widest, "seed {seed}, node {node}");
            } else {
                let best = ends.iter().min().expect("a path");
                assert_eq!(
                    (&best.1, &best.2),
                    (&edge.from, &edge.id),
                    "seed {seed}, node {node}"
                );
            }
        }
        let reached: BTreeSet<&String> = ends.keys().chain([&graph.root]).collect();
        assert_eq!(reached, graph.ids.iter().collect(), "seed {seed}");
    }
}

/// For every node the length, the last node and the last link of every simple path to it.
type Ends = BTreeMap<String, BTreeSet<(Length, String, String)>>;

fn walk(
    graph: &Graph,
    cost: &impl Fn(&Edge) -> u128,
    path: &mut Vec<String>,
    length: Length,
    ends: &mut Ends,
) {
    let at = path.last().expect("the root at least").clone();
    for edge in graph.edges.iter().filter(|edge| edge.from == at) {
        if path.contains(&edge.to) {
            continue;
        }
        let length = longer(length, edge, cost(edge));
        let end = (length, at.clone(), edge.id.clone());
        ends.entry(edge.to.clone()).or_default().insert(end);
        path.push(edge.to.clone());
        walk(graph, cost, path, length, ends);
        path.pop();
    }
}

/// The rank function says for every set of circuits how much they can send together. It determines the feasible
/// region, so equal rank functions mean that nothing was lost.
#[test]
fn simplify_is_lossless_and_leaves_nothing_redundant() {
    let mut removed = 0;
    for seed in 0..CASES {
        let (inventory, mut settings) = case(seed);
        let before = place(&Inventory::parse(&inventory), &settings).forest;
        for simplify in [Simplify::On, Simplify::Auto] {
            settings.simplify = simplify;
            let mut after = before.clone();
            after.simplify(&settings);
            removed += before.nodes.len() - after.nodes.len();
            assert_eq!(ranks(&before), ranks(&after), "seed {seed}");
            let mut again = after.clone();
            again.simplify(&settings);
            assert_eq!(again.nodes.len(), after.nodes.len(), "seed {seed}");
            if simplify == Simplify::Auto || on_nodes(&after).len() > RANKED {
                continue;
            }
            for (id, node) in &after.nodes {
                if node.parent.is_none() && !after.own_circuits(id).is_empty() {
                    continue;
                }
                let mut without = after.clone();
                without.remove(id);
                assert_ne!(ranks(&without), ranks(&after), "seed {seed}, node {id}");
            }
        }
    }
    assert!(removed > 1000, "the cases exercise this: {removed}");
}

/// How many circuits are looked at: there are two to the power of this many sets.
const RANKED: usize = 8;

fn on_nodes(forest: &Forest) -> Vec<&String> {
    let parented = |(_, circuit): &(&String, &Circuit)| circuit.parent.is_some();
    let circuits = forest.circuits.iter().filter(parented);
    circuits.map(|(id, _)| id).collect()
}

/// For every set of (the first few) circuits on nodes: what they can send together.
fn ranks(forest: &Forest) -> Vec<Pair> {
    let mut circuits = on_nodes(forest);
    circuits.truncate(RANKED);
    (0_u32..1 << circuits.len())
        .map(|set| {
            let mut only_those = forest.clone();
            for (index, id) in circuits.iter().enumerate() {
                if set & (1 << index) == 0 {
                    only_those.circuits.remove(*id);
                }
            }
            for id in forest.circuits.keys().filter(|id| !circuits.contains(id)) {
                only_those.circuits.remove(id);
            }
            let tops = only_those.children(None);
            tops.iter().fold([0, 0], |sum: Pair, top| {
                let (cap, offered) = (only_those.nodes[*top].cap, only_those.offered(top));
                [0, 1].map(|d| sum[d] + cap[d].min(offered[d]))
            })
        })
        .collect()
}

#[test]
fn both_ways_to_find_the_cut_agree() {
    let mut cuts = 0;
    for seed in 0..CASES {
        let (inventory, settings) = case(seed);
        let forest = place(&Inventory::parse(&inventory), &settings).forest;
        for budget in 1..4 {
            let by_trying = forest.cut_by_trying_every_set(budget);
            assert_eq!(by_trying, forest.cut_by_recursion(budget), "seed {seed}");
            // There always is a set: all but the top level.
            cuts += usize::from(!by_trying.expect("a set").is_empty());
        }
    }
    assert!(cuts > 300, "the cases exercise this: {cuts}");
}

#[test]
fn trees_are_well_formed() {
    for seed in 0..CASES {
        let (inventory, settings) = case(seed);
        let tree = reference_tree(&inventory, &settings);
        let circuits = tree["circuits"].as_object().expect("an object");
        let omitted = tree["omitted"].as_object().expect("an object");
        let mut seen: Vec<&str> = Vec::new();
        let mut names = BTreeSet::new();
        let unlimited = json!([u64::MAX, u64::MAX]);
        for node in tree["emitted"].as_array().expect("a list") {
            check_node(node, &unlimited, &settings, circuits, &mut seen, &mut names);
        }
        for (name, bucket) in tree["buckets"].as_object().expect("an object") {
            let bucket = texts(bucket);
            assert!(!bucket.is_empty());
            for id in &bucket {
                assert_eq!(circuits[*id]["parent"], **name, "seed {seed}");
            }
            check_guarantees(
                &settings.generated(),
                &bucket,
                &settings,
                circuits,
                &format!("seed {seed}, {name}"),
            );
            seen.extend(bucket);
        }
        seen.sort_unstable();
        assert!(seen.iter().eq(circuits.keys()), "seed {seed}");

        let mut all: Vec<&str> = circuits
            .keys()
            .chain(omitted.keys())
            .map(String::as_str)
            .collect();
        all.sort_unstable();
        let mut given: Vec<&str> = inventory["circuits"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|circuit| circuit["id"].as_str().expect("an id"))
            .collect();
        given.sort_unstable();
        assert_eq!(all, given, "seed {seed}");

        let mut prefixes = BTreeSet::new();
        for circuit in circuits.values() {
            let devices = circuit["devices"].as_array().expect("a list");
            assert!(!devices.is_empty(), "seed {seed}");
            for device in devices {
                let own: Vec<&str> = [texts(&device["ipv4"]), texts(&device["ipv6"])].concat();
                assert!(!own.is_empty(), "seed {seed}");
                for prefix in own {
                    assert!(prefixes.insert(prefix.to_owned()), "seed {seed}: {prefix}");
                }
            }
        }
    }
}

fn check_node<'a>(
    node: &'a Value,
    parent_cap: &Value,
    settings: &Settings,
    circuits: &serde_json::Map<String, Value>,
    seen: &mut Vec<&'a str>,
    names: &mut BTreeSet<&'a str>,
) {
    let first = seen.len();
    for id in texts(&node["circuits"]) {
        assert_eq!(circuits[id]["parent"], node["id"]);
        seen.push(id);
    }
    for child in node["children"].as_array().expect("a list") {
        assert_eq!(child["cpu"], node["cpu"]);
        check_node(child, &node["cap_kbps"], settings, circuits, seen, names);
    }
    assert!(names.insert(node["name"].as_str().expect("a name")));
    let cap = pair(&node["cap_kbps"]);
    let above = pair(parent_cap);
    assert!(cap[0] <= above[0] && cap[1] <= above[1]);
    let below = &seen[first..];
    assert!(!settings.prune_empty || !below.is_empty());
    let sum = check_guarantees(&cap, below, settings, circuits, &node.to_string());
    assert_eq!(pair(&node["rate_kbps"]), sum);
}

/// The sum of the minima; it fits the capacity unless every minimum is at its floor.
fn check_guarantees(
    cap: &Pair,
    below: &[&str],
    settings: &Settings,
    circuits: &serde_json::Map<String, Value>,
    place: &str,
) -> Pair {
    let minima = below.iter().map(|id| pair(&circuits[*id]["min_kbps"]));
    let sum = minima
        .clone()
        .fold([0, 0], |sum, min| [0, 1].map(|d| sum[d] + min[d]));
    let floor = u128::from(settings.min_floor_kbps);
    for (direction, cap) in cap.iter().enumerate() {
        let floors_alone = minima.clone().all(|min| min[direction] <= floor);
        assert!(sum[direction] <= *cap || floors_alone, "{place}");
    }
    sum
}

fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(|text| text.as_str().expect("a text"))
        .collect()
}

fn pair(value: &Value) -> Pair {
    [0, 1].map(|direction| u128::from(value[direction].as_u64().expect("an integer")))
}
