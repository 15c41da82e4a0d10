//! Small random inventories with random settings, for comparing two implementations.
//!
//! Everything is drawn from small pools, so equal capacities, equal costs, repeated names and repeated addresses are
//! the rule. Broken records (repeated ids, missing keys, values of a wrong type) are not generated.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::settings::{Metric, Settings, Simplify, Strategy, Suspended};

/// The same seed gives the same case, for ever.
pub fn case(seed: u64) -> (Value, Settings) {
    let mut prng = Prng(seed);
    let network = Network::draw(&mut prng);
    let settings = settings(&mut prng, &network);
    let inventory = json!({
        "schema": "weir.inventory/1",
        "nodes": network.nodes,
        "links": links(&mut prng, &network),
        "circuits": circuits(&mut prng, &network),
    });
    (inventory, settings)
}

/// SplitMix64.
pub struct Prng(pub u64);

impl Prng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).expect("a small number");
        usize::try_from(self.next() % limit).expect("a small number")
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, pool: &'a [T]) -> &'a T {
        &pool[self.below(pool.len())]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

/// Mbit/s; 0 is unknown.
const CAPACITIES: [u64; 12] = [0, 0, 20, 50, 50, 100, 100, 100, 200, 300, 500, 1000];

struct Network {
    ids: Vec<String>,
    names: Vec<String>,
    nodes: Vec<Value>,
    /// A network that is mostly one long chain, so that the depth cut has something to do.
    chain: bool,
    /// All capacities divided by this: small ones make the floors matter.
    divisor: u64,
}

impl Network {
    fn draw(prng: &mut Prng) -> Network {
        let count = 3 + prng.below(10);
        let mut ids: Vec<String> = (0..count)
            .map(|index| format!("{}{index}", prng.pick(&["a", "b", "s", "x"])))
            .collect();
        prng.shuffle(&mut ids);
        let chain = prng.chance(35);
        let divisor = *prng.pick(&[1, 1, 1, 1, 1, 20, 1000]);
        let sensible_parents = prng.chance(50);
        let with_root = prng.chance(70);
        let many_gateways = !with_root || prng.chance(10);
        let mut names = Vec::new();
        let mut nodes = Vec::new();
        for (index, id) in ids.iter().enumerate() {
            let kind = match prng.below(100) {
                _ if index == 0 && with_root => "root",
                0..40 => "site",
                40..72 => "ap",
                72..96 => "other",
                _ => "root",
            };
            let mut node = Map::new();
            node.insert("id".to_owned(), json!(id));
            node.insert("kind".to_owned(), json!(kind));
            let parent = match prng.below(100) {
                0..5 => Some("ghost".to_owned()),
                5..65 if sensible_parents && index == 0 => None,
                5..65 if sensible_parents && chain => Some(ids[index - 1].clone()),
                5..65 if sensible_parents => Some(ids[prng.below(index)].clone()),
                5..65 => Some(prng.pick(&ids).clone()),
                _ => None,
            };
            optional(prng, &mut node, "parent", parent.map(Value::from));
            let kbps = capacity(prng, divisor, 50);
            optional(prng, &mut node, "kbps", kbps);
            let name = name(prng, &ids);
            names.push(name.clone().unwrap_or_else(|| id.clone()));
            if let Some(name) = name {
                node.insert("name".to_owned(), json!(name));
            }
            if prng.chance(10) {
                node.insert("virtual".to_owned(), json!(true));
            }
            if prng.chance(if many_gateways { 35 } else { 4 }) {
                node.insert("gateway".to_owned(), json!(true));
            }
            nodes.push(Value::Object(node));
        }
        prng.shuffle(&mut nodes);
        Network {
            ids,
            names,
            nodes,
            chain,
            divisor,
        }
    }

    /// A node, rarely one that does not exist.
    fn some_id(&self, prng: &mut Prng) -> String {
        if prng.chance(5) {
            "ghost".to_owned()
        } else {
            prng.pick(&self.ids).clone()
        }
    }

    /// A node by id or by name (which may be that of several nodes).
    fn some_id_or_name(&self, prng: &mut Prng) -> String {
        if prng.chance(25) {
            prng.pick(&self.names).clone()
        } else {
            self.some_id(prng)
        }
    }
}

fn name(prng: &mut Prng, ids: &[String]) -> Option<String> {
    match prng.below(100) {
        0..35 => None,
        35..75 => Some((*prng.pick(&["Hill", "Mast", "Tower"])).to_owned()),
        75..85 => Some(format!("Hill [{}]", prng.pick(ids))),
        85..90 => Some(prng.pick(ids).clone()),
        90..93 => Some("Generated_PN_1".to_owned()),
        93..96 => Some("CpueQueue3".to_owned()),
        _ => Some("@root".to_owned()),
    }
}

/// A value, or one of the ways to say that there is none.
fn optional(prng: &mut Prng, object: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            object.insert(key.to_owned(), value);
        }
        None if prng.chance(50) => {
            object.insert(key.to_owned(), Value::Null);
        }
        None => {}
    }
}

fn capacity(prng: &mut Prng, divisor: u64, unknown_percent: usize) -> Option<Value> {
    if prng.chance(unknown_percent) {
        return None;
    }
    let mut one = || prng.pick(&CAPACITIES) * 1000 / divisor;
    let download = one();
    let upload = one();
    let symmetric = prng.chance(50);
    let upload = if symmetric { download } else { upload };
    if upload == 0 && prng.chance(50) {
        return Some(json!([download, null]));
    }
    Some(json!([download, upload]))
}

fn links(prng: &mut Prng, network: &Network) -> Vec<Value> {
    let count = prng.below(19);
    let ids = &network.ids;
    let mut links = Vec::new();
    for index in 0..count {
        let (a, b) = if network.chain && index + 1 < ids.len() && prng.chance(90) {
            (ids[index].clone(), ids[index + 1].clone())
        } else {
            (network.some_id(prng), network.some_id(prng))
        };
        let (a, b) = if prng.chance(30) { (b, a) } else { (a, b) };
        let mut link = Map::new();
        let prefix = prng.pick(&["l", "k", "m"]);
        link.insert("id".to_owned(), json!(format!("{prefix}{index}")));
        link.insert("a".to_owned(), json!(a));
        link.insert("b".to_owned(), json!(b));
        let kbps = capacity(prng, network.divisor, 12);
        optional(prng, &mut link, "kbps", kbps);
        let cost = prng
            .chance(25)
            .then(|| json!(prng.pick(&[0, 0, 1, 1, 10, 100])));
        optional(prng, &mut link, "cost", cost);
        let up = match prng.below(100) {
            0..18 => Some(json!(false)),
            18..60 => Some(json!(true)),
            _ => None,
        };
        if let Some(up) = up {
            link.insert("up".to_owned(), up);
        }
        links.push(Value::Object(link));
    }
    prng.shuffle(&mut links);
    links
}

fn circuits(prng: &mut Prng, network: &Network) -> Vec<Value> {
    let count = prng.below(19);
    let mut circuits = Vec::new();
    for index in 0..count {
        let mut circuit = Map::new();
        let prefix = prng.pick(&["c", "C", "e"]);
        circuit.insert("id".to_owned(), json!(format!("{prefix}{index}")));
        let attach = (!prng.chance(10)).then(|| json!(network.some_id(prng)));
        optional(prng, &mut circuit, "attach", attach);
        let plan = plan(prng, network.divisor);
        optional(prng, &mut circuit, "plan_kbps", plan);
        if prng.chance(20) {
            let burst = [prng.pick(&[0, 1000, 7777]), prng.pick(&[0, 500, 333])];
            circuit.insert("burst_kbps".to_owned(), json!(burst));
        }
        if prng.chance(20) {
            let commit = [prng.pick(&[0, 5, 3000, 90_000]), prng.pick(&[0, 1234])];
            circuit.insert("commit_kbps".to_owned(), json!(commit));
        }
        if prng.chance(60) {
            let suspended = prng.chance(20);
            let state = if suspended { "suspended" } else { "active" };
            circuit.insert("state".to_owned(), json!(state));
        }
        let devices: Vec<Value> = (0..*prng.pick(&[0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3]))
            .map(|device| {
                let count = *prng.pick(&[0, 1, 1, 1, 1, 1, 2, 2, 2, 3]);
                let ips: Vec<String> = (0..count).map(|_| address(prng, index)).collect();
                // Device ids repeat between circuits.
                json!({ "id": format!("{}{device}", prng.pick(&["d", "D"])), "ips": ips })
            })
            .collect();
        circuit.insert("devices".to_owned(), json!(devices));
        circuits.push(Value::Object(circuit));
    }
    prng.shuffle(&mut circuits);
    circuits
}

fn plan(prng: &mut Prng, divisor: u64) -> Option<Value> {
    if prng.chance(4) {
        return None;
    }
    let download = *prng.pick(&[10, 25, 50, 100, 100, 100, 300, 999]) * 1000;
    let upload = *prng.pick(&[1, 5, 20, 20, 50, 100]) * 1000 + *prng.pick(&[0, 0, 1, 7, 555]);
    let one = |kbps: u64| (kbps / divisor).max(1);
    match prng.below(100) {
        0..3 => Some(json!([one(download), 0])),
        3..6 => Some(json!([null, one(upload)])),
        _ => Some(json!([one(download), one(upload)])),
    }
}

fn address(prng: &mut Prng, circuit: usize) -> String {
    let host = 1 + prng.below(8);
    match prng.below(100) {
        // One of a few addresses that many circuits claim.
        0..12 => (*prng.pick(&["192.168.1.1", "192.168.1.1/24", "100.64.9.9/32"])).to_owned(),
        12..16 => "203.0.113.1".to_owned(),
        16..24 => format!("100.64.0.{host}"),
        24..28 => format!("10.0.0.{host}/24"),
        28..32 => format!("10.0.0.{}/29", 8 * host),
        32..36 => format!("172.16.{host}.0/24"),
        36..40 => format!("172.32.0.{host}"),
        40..48 => format!("2001:db8:{host}::/56"),
        48..52 => format!("2001:DB8:0:{host}::1/64"),
        52..56 => format!("2001:db8:f::{host}"),
        56..61 => (*prng.pick(&[
            "",
            "dhcp",
            "100.64.0.1;100.64.0.2",
            "100.64.0.256",
            "100.64.0.0/33",
            "100.64.0.1/",
        ]))
        .to_owned(),
        // Mostly everybody has an address of their own.
        _ => format!("100.64.{}.{host}", circuit + 1),
    }
}

fn settings(prng: &mut Prng, network: &Network) -> Settings {
    let mbps = |prng: &mut Prng, pool: &[u64]| {
        [*prng.pick(pool), *prng.pick(pool)].map(|mbps| (mbps * 1000 / network.divisor).max(1))
    };
    let prefixes = |prng: &mut Prng, pool: &[&str]| -> Vec<IpNet> {
        (0..*prng.pick(&[0, 0, 0, 0, 1, 2]))
            .map(|_| prng.pick(pool).parse().expect("a prefix"))
            .collect()
    };
    let named = |prng: &mut Prng, percent: usize| -> Vec<String> {
        let count = if prng.chance(percent) {
            1 + prng.below(2)
        } else {
            0
        };
        (0..count).map(|_| network.some_id_or_name(prng)).collect()
    };
    let root = prng.chance(15).then(|| network.some_id_or_name(prng));
    let pin: BTreeMap<String, String> = if prng.chance(40) {
        (0..1 + prng.below(3))
            .map(|_| (network.some_id(prng), network.some_id(prng)))
            .collect()
    } else {
        BTreeMap::new()
    };
    let (floor_kbps, min_floor_kbps) = *prng.pick(&[
        (100, 10),
        (100, 10),
        (100, 10),
        (5000, 10),
        (1, 1),
        (5000, 1000),
        (2000, 2000),
        (100, 9000),
    ]);
    Settings {
        strategy: *prng.pick(&[
            Strategy::Full,
            Strategy::Full,
            Strategy::Full,
            Strategy::ApSite,
            Strategy::ApSite,
            Strategy::ApOnly,
            Strategy::Flat,
        ]),
        metric: *prng.pick(&[
            Metric::Cost,
            Metric::Cost,
            Metric::Hops,
            Metric::Widest,
            Metric::Declared,
        ]),
        root,
        wan_kbps: mbps(prng, &[200, 400, 1000, 1000, 2000]),
        generated_kbps: prng.chance(30).then(|| mbps(prng, &[10, 50, 100, 500])),
        link_reference_kbps: *prng.pick(&[100_000_000, 100_000_000, 200_000, 1]),
        default_link_cost: *prng.pick(&[100, 100, 1, 1000]),
        membership_cost: *prng.pick(&[1, 1, 0, 500]),
        promote_to_root: named(prng, 25),
        exclude: named(prng, 25),
        pin,
        auto_virtual_kbps: *prng.pick(&[0, 0, 0, 1, 100_000, 300_000]) / network.divisor,
        prune_empty: !prng.chance(20),
        simplify: *prng.pick(&[Simplify::Off, Simplify::Off, Simplify::On, Simplify::Auto]),
        max_depth: *prng.pick(&[0, 0, 0, 1, 2, 2, 3, 4]),
        overhead_per_mille: *prng.pick(&[1000, 1100, 1100, 1037, 500]),
        multiplier_per_mille: *prng.pick(&[1000, 1000, 1200]),
        commit_per_mille: *prng.pick(&[0, 100, 100, 333, 980]),
        floor_kbps,
        min_floor_kbps,
        default_plan_kbps: prng.chance(20).then_some([10_000, 2000]),
        suspended: *prng.pick(&[Suspended::Keep, Suspended::Slow, Suspended::Drop]),
        slow_kbps: *prng.pick(&[100, 100, 512, 5]),
        allow: prefixes(
            prng,
            &[
                "100.64.0.0/10",
                "0.0.0.0/0",
                "0.0.0.0/0",
                "10.0.0.0/8",
                "2001:db8::/44",
            ],
        ),
        ignore: prefixes(
            prng,
            &[
                "192.168.0.0/16",
                "10.0.0.8/30",
                "100.64.3.0/24",
                "2001:db8:3::1/128",
            ],
        ),
        queues: *prng.pick(&[1, 2, 2, 3, 16]),
    }
}
