//! A second, slow implementation of the topology semantics, written from the normative text only.
//!
//! It shares no code and no idea with the compiler: JSON goes in, JSON comes out, and every step is the most naive
//! algorithm that the text describes. Its one purpose is to disagree with the compiler when one of the two is wrong.
//!
//! Where the text leaves a choice a comment that starts with `Reading:` says which one was taken.
//!
//! What it expects of an inventory: ids are unique in their list (devices: within their circuit), every record has
//! the required keys, numbers are non-negative integers. The compiler's handling of broken records is not modelled.

#![allow(
    dead_code,
    unused_imports,
    reason = "every test that includes this module uses another part of it"
)]

pub mod addresses;
pub mod example;
pub mod forest;
pub mod graph;
pub mod inventory;
pub mod random;
pub mod settings;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

pub use example::worked_example;
pub use settings::{Metric, Settings, Simplify, Strategy, Suspended};

use forest::{Circuit, Forest};
use inventory::{Inventory, Pair};

/// Compiles a `weir.inventory/1` into a `weir.tree/1`, without a previous artifact.
pub fn reference_tree(inventory: &Value, settings: &Settings) -> Value {
    let Placed {
        mut forest,
        owned,
        omitted,
    } = place(&Inventory::parse(inventory), settings);

    // Passes 8 and 9.
    forest.simplify(settings);
    forest.cut(settings);

    // Passes 10, 11 and 12.
    forest.guarantee_nodes(settings);
    let names = forest.unique_names();
    let queues = forest.fill_queues(settings);
    forest.guarantee_buckets(&queues.buckets, settings);

    print(&forest, &names, &queues, &owned, &omitted, settings)
}

/// What the passes 1 to 7 make.
pub struct Placed {
    pub forest: Forest,
    pub owned: addresses::Owned,
    /// Circuit id to reason.
    pub omitted: BTreeMap<String, &'static str>,
}

pub fn place(inventory: &Inventory, settings: &Settings) -> Placed {
    // Pass 1: omissions, in the order suspended, no plan, no address.
    let mut omitted: BTreeMap<String, &'static str> = BTreeMap::new();
    let mut rates: BTreeMap<String, (Pair, Pair)> = BTreeMap::new();
    for (id, circuit) in &inventory.circuits {
        if circuit.suspended && settings.suspended == Suspended::Drop {
            omitted.insert(id.clone(), "suspended");
            continue;
        }
        match forest::rates(circuit, settings) {
            Some(pair) => {
                rates.insert(id.clone(), pair);
            }
            None => {
                omitted.insert(id.clone(), "no-plan");
            }
        }
    }
    let claiming: BTreeSet<String> = rates.keys().cloned().collect();
    let owned = addresses::owned(inventory, &claiming, settings);
    for id in claiming {
        if !owned.contains_key(&id) {
            omitted.insert(id.clone(), "no-address");
            rates.remove(&id);
        }
    }

    // Passes 2 and 3: the tree and its capacities, with virtual and excluded nodes hidden.
    let tree = graph::choose_tree(inventory, settings);
    let mut hidden = graph::virtual_or_excluded(inventory, settings);
    let caps = graph::capacities(inventory, &tree, &hidden, settings);

    // Pass 4: queue-auto, judged for all nodes together.
    let attached: BTreeSet<&str> = rates
        .keys()
        .filter_map(|id| inventory.circuits[id].attach.as_deref())
        .collect();
    hidden.extend(graph::queue_auto(
        inventory, &tree, &caps, &attached, settings,
    ));

    // Passes 5, 6 and 7: the emitted forest.
    let circuits = rates
        .iter()
        .map(|(id, (max, min))| {
            let circuit = Circuit {
                parent: None,
                max: *max,
                min: *min,
            };
            (id.clone(), circuit)
        })
        .collect();
    let mut forest = Forest::place(inventory, &tree, &caps, &hidden, circuits, settings);
    if settings.prune_empty {
        forest.prune_empty();
    }
    forest.clamp(settings);
    Placed {
        forest,
        owned,
        omitted,
    }
}

fn print(
    forest: &Forest,
    names: &BTreeMap<String, String>,
    queues: &forest::Queues,
    owned: &addresses::Owned,
    omitted: &BTreeMap<String, &'static str>,
    settings: &Settings,
) -> Value {
    let bucket_of: BTreeMap<&String, &String> = queues
        .buckets
        .iter()
        .flat_map(|(bucket, circuits)| circuits.iter().map(move |circuit| (circuit, bucket)))
        .collect();
    let circuits: Map<String, Value> = forest
        .circuits
        .iter()
        .map(|(id, circuit)| {
            let devices: Vec<Value> = owned[id]
                .iter()
                .map(|(device, prefixes)| {
                    let text = |v4: bool| -> Vec<String> {
                        prefixes
                            .iter()
                            .filter(|prefix| prefix.addr().is_ipv4() == v4)
                            .map(ToString::to_string)
                            .collect()
                    };
                    json!({ "id": device, "ipv4": text(true), "ipv6": text(false) })
                })
                .collect();
            let value = json!({
                "parent": circuit.parent.as_ref().unwrap_or_else(|| bucket_of[id]),
                "max_kbps": numbers(circuit.max),
                "min_kbps": numbers(circuit.min),
                "devices": devices,
            });
            (id.clone(), value)
        })
        .collect();
    json!({
        "schema": "weir.tree/1",
        "strategy": settings.strategy.key(),
        "emitted": print_children(None, forest, names, queues),
        "buckets": queues.buckets,
        "circuits": circuits,
        "omitted": omitted,
    })
}

fn print_children(
    parent: Option<&str>,
    forest: &Forest,
    names: &BTreeMap<String, String>,
    queues: &forest::Queues,
) -> Vec<Value> {
    forest
        .children(parent)
        .into_iter()
        .map(|id| {
            let node = &forest.nodes[id];
            // Reading: every emitted node, not only a top-level one, says its CPU; it is that of its top-level node.
            // A node without a class (nothing below) has one too: it takes part in the placement with weight 0.
            json!({
                "id": id,
                "name": names[id],
                "kind": node.kind.key(),
                "cap_kbps": numbers(node.cap),
                "rate_kbps": numbers(forest.guaranteed_below(id)),
                "htb_rate_kbps": numbers(forest.htb_rate(id)),
                "cpu": queues.cpu_of_top[forest.top_of(id)],
                "circuits": forest.own_circuits(id),
                "children": print_children(Some(id), forest, names, queues),
            })
        })
        .collect()
}

fn numbers(pair: Pair) -> [u64; 2] {
    pair.map(|kbps| u64::try_from(kbps).expect("every printed rate is finite"))
}
