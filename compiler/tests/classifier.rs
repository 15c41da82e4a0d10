//! The address table of an artifact does what its tree says: for random networks, every lookup through `classifier.bin`
//! is what a naive longest-prefix match over `tree.json` gives, with the class of `queue-plan.json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::prelude::*;
use weir_abi::table::{Direction, Page, Table, check, from_bytes};
use weir_compiler::emit::ArtifactSet;
use weir_compiler::testing::Memory;
use weir_schemas::artifact;
use weir_schemas::queue_plan::QueuePlan;
use weir_schemas::tree::Tree;

/// The format in the payload digest and the one in the file are one number.
#[test]
fn the_schema_is_the_version_of_the_kernel_side() {
    assert_eq!(
        artifact::CLASSIFIER_SCHEMA,
        format!("weir.classifier/{}", weir_abi::ABI_VERSION)
    );
}

/// What a packet of an address is: its classes, its CPU queue and its circuit.
#[derive(PartialEq, Debug)]
struct Led {
    class: [String; 2],
    tx: [u16; 2],
    circuit: String,
}

struct Network {
    tree: Tree<'static>,
    plan: QueuePlan<'static>,
    image: Vec<Page>,
    stick: bool,
    /// Every prefix of the tree and its circuit.
    prefixes: Vec<(IpNet, String)>,
}

impl Network {
    fn of(set: &ArtifactSet, stick: bool) -> Network {
        let file = |name| set.file(name).expect("written");
        let tree: Tree<'static> = weir_schemas::read(file(artifact::TREE)).expect("a tree");
        let plan = weir_schemas::read(file(artifact::QUEUE_PLAN)).expect("a plan");
        let image = from_bytes(file(artifact::CLASSIFIER)).expect("whole pages");
        check(&image).expect("a table");
        let mut prefixes = Vec::new();
        for (id, circuit) in &tree.circuits {
            for device in &circuit.devices {
                for net in device.ipv4.iter().chain(&device.ipv6) {
                    prefixes.push((net.parse().expect("a prefix"), id.to_string()));
                }
            }
        }
        Network {
            tree,
            plan,
            image,
            stick,
            prefixes,
        }
    }

    /// The longest of all prefixes that hold it, and the class in the plan.
    fn naive(&self, address: IpAddr) -> Option<Led> {
        let (_, id) = self
            .prefixes
            .iter()
            .filter(|(net, _)| net.contains(&address))
            .max_by_key(|(net, _)| net.prefix_len())?;
        let key = format!("circuit:{id}");
        let class = self.plan.classes.iter().find(|c| c.key == key)?;
        let queue = self.plan.queues.iter().find(|q| q.queue == class.queue)?;
        let queues = self.plan.queues.len() as u16;
        Some(Led {
            class: queue
                .majors
                .map(|major| format!("{major:x}:{:x}", class.minor)),
            tx: [
                class.queue,
                class.queue + if self.stick { queues } else { 0 },
            ],
            circuit: id.clone(),
        })
    }

    /// As the kernel does it.
    fn table(&self, address: IpAddr) -> Option<Led> {
        let table = Table::open(self.image.as_slice()).expect("a header");
        let entry = match address {
            IpAddr::V4(v4) => table.lookup_v4(v4.to_bits()),
            IpAddr::V6(v6) => table.lookup_v6((v6.to_bits() >> 64) as u64, v6.to_bits() as u64),
        }?;
        let queue = table.queue(entry.queue).expect("a queue");
        let circuit = self.tree.circuits.keys().nth(entry.circuit as usize);
        let both = [Direction::Down, Direction::Up];
        Some(Led {
            class: both.map(|direction| queue.class(entry, direction).to_string()),
            tx: both.map(|direction| queue.tx(direction)),
            circuit: circuit.expect("a circuit").to_string(),
        })
    }

    fn agrees(&self, strangers: &[u128]) {
        for (net, _) in &self.prefixes {
            for address in around(net) {
                assert_eq!(self.table(address), self.naive(address), "{address}");
            }
        }
        for &bits in strangers {
            for address in [
                IpAddr::V4(Ipv4Addr::from_bits(bits as u32)),
                IpAddr::V6(Ipv6Addr::from_bits(bits)),
            ] {
                assert_eq!(self.table(address), self.naive(address), "{address}");
            }
        }
    }
}

/// First and last address, and those outside beside them.
fn around(net: &IpNet) -> [IpAddr; 4] {
    let (first, last) = (net.network(), net.broadcast());
    let beside = |address: IpAddr, up: bool| match address {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(match up {
            true => v4.to_bits().wrapping_add(1),
            false => v4.to_bits().wrapping_sub(1),
        })),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(match up {
            true => v6.to_bits().wrapping_add(1),
            false => v6.to_bits().wrapping_sub(1),
        })),
    };
    [first, last, beside(first, false), beside(last, true)]
}

/// A prefix as a source writes it: close to the others, so that they nest, touch and meet.
fn prefix() -> impl Strategy<Value = String> {
    let v4 =
        (any::<u16>(), prop_oneof![Just(32_u8), Just(32), 24..=32_u8]).prop_map(|(bits, len)| {
            let bits = 0x6440_0000 | u32::from(bits & 0x1fff);
            let net = IpNet::new(Ipv4Addr::from_bits(bits).into(), len).expect("a length");
            net.trunc().to_string()
        });
    let v6 = (
        any::<u16>(),
        prop_oneof![Just(56_u8), Just(64), Just(128), 48..=70_u8],
    )
        .prop_map(|(bits, len)| {
            let bits = 0x2001_0db8 << 96 | u128::from(bits & 0xfff) << 60 | u128::from(bits);
            let net = IpNet::new(Ipv6Addr::from_bits(bits).into(), len).expect("a length");
            net.trunc().to_string()
        });
    prop_oneof![3 => v4, 2 => v6]
}

/// An inventory of some access points and circuits with any prefixes, contradictions included.
fn inventory() -> impl Strategy<Value = String> {
    let circuits = proptest::collection::vec(
        (
            proptest::collection::vec(prefix(), 0..4),
            0..5_usize,
            any::<bool>(),
        ),
        0..60,
    );
    circuits.prop_map(|circuits| {
        let mut text = String::from(
            r#"{"schema": "weir.inventory/1", "nodes": [{"id": "s", "name": "S", "kind": "site", "gateway": true}"#,
        );
        for ap in 0..4 {
            let _ = write!(
                text,
                r#", {{"id": "a{ap}", "name": "A{ap}", "kind": "ap", "parent": "s", "kbps": [300000, 100000]}}"#
            );
        }
        text.push_str(r#"], "circuits": ["#);
        for (n, (ips, ap, suspended)) in circuits.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            // A fifth hangs on nothing that is there.
            let _ = write!(
                text,
                r#"{comma}{{"id": "c{n}", "name": "C", "attach": "a{ap}", "plan_kbps": [{}, 5000], "devices": [{{"id": "d{n}", "ips": {}}}]}}"#,
                if *suspended { 0 } else { 20_000 },
                serde_json::json!(ips),
            );
        }
        text.push_str("]}");
        text
    })
}

fn config(stick: bool, strategy: &str) -> String {
    let shaper = match stick {
        true => {
            "mode = \"stick\"\nto_internet = \"eth0\"\nto_network = \"eth0\"\ninternet_vlan = 10\nnetwork_vlan = 20\n"
        }
        false => "mode = \"bridge\"\nto_internet = \"eth1\"\nto_network = \"eth0\"\n",
    };
    format!(
        "[topology]\nstrategy = \"{strategy}\"\nwan_mbps = 2000\n[target.edge]\nqueues = 3\n[target.edge.shaper]\n{shaper}"
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn lookups_are_a_longest_prefix_match_over_the_tree(
        inventory in inventory(),
        stick in any::<bool>(),
        strategy in prop_oneof![Just("flat"), Just("ap_site"), Just("full")],
        strangers in proptest::collection::vec(any::<u128>(), 8),
    ) {
        let files = [("inventory.json", inventory.as_bytes())];
        let project = Memory::new("inventory", &files, &config(stick, strategy)).expect("a project");
        let compiled = project.compile(None);
        let refused: Vec<&str> = compiled.refused.iter().map(|r| r.message.as_str()).collect();
        if refused.iter().any(|message| message.contains("different lengths")) {
            return Ok(());
        }
        prop_assert!(refused.is_empty(), "{:?}", refused);
        Network::of(&compiled.artifacts, stick).agrees(&strangers);
    }
}

/// Circuits are numbered in the order of `tree.json`, and only shaped ones count.
#[test]
fn circuits_are_numbered_as_the_tree_lists_them() {
    let inventory = r#"{"schema": "weir.inventory/1", "circuits": [
        {"id": "z", "name": "Z", "plan_kbps": [9000, 900], "devices": [{"id": "1", "ips": ["100.64.0.1"]}]},
        {"id": "m", "name": "M", "plan_kbps": [0, 0], "devices": [{"id": "2", "ips": ["100.64.0.2"]}]},
        {"id": "a", "name": "A", "plan_kbps": [9000, 900], "devices": [{"id": "3", "ips": ["100.64.0.3", "2001:db8::/56"]}]}]}"#;
    let files = [("inventory.json", inventory.as_bytes())];
    let project = Memory::new("inventory", &files, &config(false, "flat")).expect("a project");
    let compiled = project.compile(None);
    let network = Network::of(&compiled.artifacts, false);
    let table = Table::open(network.image.as_slice()).expect("a header");
    let number = |host: u32| table.lookup_v4(host).map(|entry| entry.circuit);
    assert_eq!(number(0x6440_0001), Some(1));
    assert_eq!(number(0x6440_0002), None);
    assert_eq!(number(0x6440_0003), Some(0));
    let v6 = table.lookup_v6(0x2001_0db8_0000_0042, 7);
    assert_eq!(v6.map(|entry| entry.circuit), Some(0));
    let of: BTreeMap<&str, usize> = (network.tree.circuits.keys())
        .enumerate()
        .map(|(n, id)| (id.as_ref(), n))
        .collect();
    assert_eq!(of, BTreeMap::from([("a", 0), ("z", 1)]));
}
