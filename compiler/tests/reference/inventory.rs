//! `weir.inventory/1` as plain maps by id.

use std::collections::BTreeMap;

use serde_json::Value;

/// `[download, upload]`, kbit/s.
pub type Pair = [u128; 2];

/// "No known limit": larger than every limit, so that `min` does the right thing.
pub const UNLIMITED: u128 = u128::MAX;

pub fn pair_min(a: Pair, b: Pair) -> Pair {
    [a[0].min(b[0]), a[1].min(b[1])]
}

pub fn pair_add(a: Pair, b: Pair) -> Pair {
    [a[0] + b[0], a[1] + b[1]]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Root,
    Site,
    Ap,
    Other,
}

impl Kind {
    pub fn key(self) -> &'static str {
        match self {
            Kind::Root => "root",
            Kind::Site => "site",
            Kind::Ap => "ap",
            Kind::Other => "other",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    pub kind: Kind,
    pub parent: Option<String>,
    /// Unknown is [`UNLIMITED`].
    pub kbps: Pair,
    pub is_virtual: bool,
    pub gateway: bool,
}

#[derive(Clone, Debug)]
pub struct Link {
    pub id: String,
    pub a: String,
    pub b: String,
    /// `[a->b, b->a]`; unknown is [`UNLIMITED`].
    pub kbps: Pair,
    pub cost: Option<u128>,
    pub up: bool,
}

#[derive(Clone, Debug)]
pub struct Service {
    pub attach: Option<String>,
    /// 0 is missing.
    pub plan: Pair,
    pub burst: Pair,
    /// 0 is "not given".
    pub commit: Pair,
    pub suspended: bool,
    /// Device id to the texts of its addresses.
    pub devices: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug)]
pub struct Inventory {
    pub nodes: BTreeMap<String, Node>,
    /// Sorted by id, without the links that have an unknown end or two equal ends.
    pub links: Vec<Link>,
    pub circuits: BTreeMap<String, Service>,
}

impl Inventory {
    pub fn parse(inventory: &Value) -> Inventory {
        let nodes: BTreeMap<String, Node> = list(&inventory["nodes"])
            .map(|node| {
                let id = required_text(&node["id"]);
                let parsed = Node {
                    name: text(&node["name"]).unwrap_or_else(|| id.clone()),
                    kind: match required_text(&node["kind"]).as_str() {
                        "root" => Kind::Root,
                        "site" => Kind::Site,
                        "ap" => Kind::Ap,
                        _ => Kind::Other,
                    },
                    parent: text(&node["parent"]),
                    kbps: limits(&node["kbps"]),
                    is_virtual: node["virtual"].as_bool().unwrap_or(false),
                    gateway: node["gateway"].as_bool().unwrap_or(false),
                };
                (id, parsed)
            })
            .collect();
        let mut links: Vec<Link> = list(&inventory["links"])
            .map(|link| Link {
                id: required_text(&link["id"]),
                a: required_text(&link["a"]),
                b: required_text(&link["b"]),
                kbps: limits(&link["kbps"]),
                cost: link["cost"].as_u64().map(u128::from),
                up: link["up"].as_bool().unwrap_or(true),
            })
            .filter(|link| {
                nodes.contains_key(&link.a) && nodes.contains_key(&link.b) && link.a != link.b
            })
            .collect();
        links.sort_by(|left, right| left.id.cmp(&right.id));
        let circuits = list(&inventory["circuits"])
            .map(|circuit| {
                let devices = list(&circuit["devices"])
                    .map(|device| {
                        let ips = list(&device["ips"]).filter_map(text).collect();
                        (required_text(&device["id"]), ips)
                    })
                    .collect();
                let parsed = Service {
                    attach: text(&circuit["attach"]),
                    plan: numbers(&circuit["plan_kbps"]),
                    burst: numbers(&circuit["burst_kbps"]),
                    commit: numbers(&circuit["commit_kbps"]),
                    suspended: circuit["state"].as_str() == Some("suspended"),
                    devices,
                };
                (required_text(&circuit["id"]), parsed)
            })
            .collect();
        Inventory {
            nodes,
            links,
            circuits,
        }
    }

    /// The node that a setting means: an id, else a name that only one node has.
    pub fn find(&self, id_or_name: &str) -> Option<String> {
        if self.nodes.contains_key(id_or_name) {
            return Some(id_or_name.to_owned());
        }
        let mut named = self
            .nodes
            .iter()
            .filter(|(_, node)| node.name == id_or_name)
            .map(|(id, _)| id.clone());
        match (named.next(), named.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn required_text(value: &Value) -> String {
    text(value).expect("the inventory has its required keys")
}

/// Null, missing and 0 become 0.
fn numbers(value: &Value) -> Pair {
    [0, 1].map(|direction| u128::from(value[direction].as_u64().unwrap_or(0)))
}

/// Null, missing and 0 become "no known limit".
fn limits(value: &Value) -> Pair {
    numbers(value).map(|kbps| if kbps == 0 { UNLIMITED } else { kbps })
}
