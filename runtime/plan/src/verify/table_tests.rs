//! A table of a good artifact, everything in which it can differ from the other files, and random bytes.

use proptest::prelude::*;
use weir_abi::table::{Builder, Entry, Prefix, Queue, Table, check, entries, from_bytes, to_bytes};
use weir_schemas::queue_plan::{Mode, Shaper};

use super::tests::good;
use super::{Kind, tx_queues, verify_table};

const QUEUES: [Queue; 2] = [queue(0, 1), queue(1, 3)];

const fn queue(tx: u16, major: u16) -> Queue {
    Queue {
        major_down: major,
        major_up: major,
        tx_down: tx,
        tx_up: tx,
    }
}

const fn entry(queue: u16, minor: u16, circuit: u32) -> Entry {
    Entry {
        minor,
        queue,
        circuit,
    }
}

fn v4(last: u8, len: u8) -> Prefix {
    let address = 0x6440_0000 + u32::from(last);
    Prefix::V4 { address, len }
}

fn v6(third: u64, len: u8) -> Prefix {
    let upper = 0x2001_0db8_0000_0000 + (third << 16);
    Prefix::V6 {
        upper,
        lower: 0,
        len,
    }
}

/// The prefixes of the good artifact, by hand.
const fn classes() -> [Entry; 3] {
    [entry(0, 5, 0), entry(0, 6, 1), entry(1, 4, 2)]
}

type Prefixes = Vec<(Prefix, Entry)>;

fn prefixes() -> Prefixes {
    let [c1, c2, c3] = classes();
    vec![
        (v4(1, 32), c1),
        (v6(1, 56), c1),
        (v4(0, 30), c2),
        (v6(2, 56), c2),
        (v4(2, 32), c3),
        (v6(0, 32), c3),
    ]
}

fn table(queues: &[Queue], circuits: u32, prefixes: Prefixes) -> Vec<u8> {
    let mut builder = Builder::new(queues, circuits);
    for (prefix, entry) in prefixes {
        builder.add(prefix, entry);
    }
    to_bytes(&builder.finish().expect("a table"))
}

/// What is wrong with these bytes beside the good artifact.
fn found(bytes: &[u8]) -> Vec<String> {
    let (tree, plan) = good();
    let found = verify_table(&tree, &plan, bytes);
    assert!(found.iter().all(|v| v.kind == Kind::Table));
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_table_that_leads_where_the_plan_says_is_good() {
    assert_eq!(found(&table(&QUEUES, 3, prefixes())), [""; 0]);
}

#[test]
fn every_difference_is_told() {
    let [c1, c2, _] = classes();
    let changed = |change: &dyn Fn(&mut Prefixes)| {
        let mut prefixes = prefixes();
        change(&mut prefixes);
        found(&table(&QUEUES, 3, prefixes))
    };
    assert_eq!(
        changed(&|all| all.truncate(5)),
        ["circuit:c3: has 2001:db8::/32 in the tree and not in the address table"]
    );
    assert_eq!(
        changed(&|all| all.push((v4(9, 32), c2))),
        ["circuit:c2: has 100.64.0.9/32 in the address table and not in the tree"]
    );
    assert_eq!(
        changed(&|all| all[0].1 = c2),
        [
            "circuit:c1: has 100.64.0.1/32, which leads to minor 6 of CPU queue 0 as circuit:c2, and its class is minor 5 \
          of CPU queue 0"
        ]
    );
    // The right circuit, in the class of a queue that the packet does not go to.
    assert_eq!(
        changed(&|all| all[5].1.queue = 0),
        [
            "circuit:c3: has 2001:db8::/32, which leads to minor 4 of CPU queue 0 as circuit:c3, and its class is minor 4 \
          of CPU queue 1"
        ]
    );
    // The right class, counted as somebody else's traffic.
    assert_eq!(
        changed(&|all| all[1].1 = Entry { circuit: 2, ..c1 }),
        [
            "circuit:c1: has 2001:db8:1::/56, which leads to minor 5 of CPU queue 0 as circuit:c3, and its class is minor \
          5 of CPU queue 0"
        ]
    );
    // Another length is another prefix.
    assert_eq!(
        changed(&|all| all[2].0 = v4(0, 31)),
        [
            "circuit:c2: has 100.64.0.0/30 in the tree and not in the address table",
            "circuit:c2: has 100.64.0.0/31 in the address table and not in the tree",
        ]
    );
}

#[test]
fn queues_are_those_of_the_plan() {
    let prefixes = || prefixes().into_iter().take(4).collect();
    let of = |queues: &[Queue]| found(&table(queues, 3, prefixes()));
    let rest: Vec<String> = of(&QUEUES);
    let new = |queues: &[Queue]| {
        let found = of(queues).into_iter();
        found.filter(|m| !rest.contains(m)).collect::<Vec<_>>()
    };
    assert_eq!(
        new(&QUEUES[..1]),
        ["table: has 1 CPU queues, and the plan has 2"]
    );
    assert_eq!(
        new(&[QUEUES[0], queue(1, 4)]),
        [
            "queue:1: has majors 3 and 3 in the plan, and in the address table 4 and 4 on the transmit queues 1 and 1"
        ]
    );
    assert_eq!(
        new(&[QUEUES[0], queue(2, 3)]),
        [
            "queue:1: has majors 3 and 3 in the plan, and in the address table 3 and 3 on the transmit queues 2 and 2"
        ]
    );
    let more = found(&table(&QUEUES, 4, self::prefixes()));
    assert_eq!(more, ["table: counts 4 circuits, and the tree shapes 3"]);
}

#[test]
fn on_a_stick_uploads_leave_by_the_second_half() {
    let (_, mut plan) = good();
    assert_eq!(tx_queues(&plan, 1), Some([1, 1]));
    plan.target.shaper = Some(Shaper {
        mode: Mode::Stick,
        to_internet: "eth0".into(),
        to_network: "eth0".into(),
        internet_vlan: Some(1),
        network_vlan: Some(2),
    });
    assert_eq!(tx_queues(&plan, 1), Some([1, 3]));
    assert_eq!(tx_queues(&plan, u16::MAX), None);
}

#[test]
fn bytes_that_are_no_table_are_told_with_the_reason() {
    let good = table(&QUEUES, 3, prefixes());
    assert_eq!(
        found(b""),
        ["table: cannot be used: it is not as long as it says"]
    );
    assert_eq!(
        found(&good[1..]),
        ["table: cannot be used: it is not as long as it says"]
    );
    let mut newer = good.clone();
    newer[8] = 9;
    assert_eq!(
        found(&newer),
        ["table: cannot be used: it is of version 9 and this Weir reads 1"]
    );
}

/// A table of another network says so in a few lines.
#[test]
fn a_table_of_another_network_is_told_shortly() {
    let [c1, ..] = classes();
    let strangers = (10..60).map(|last| (v4(last, 32), c1)).collect();
    let found = found(&table(&QUEUES, 3, strangers));
    assert_eq!(found.len(), 9, "{found:#?}");
    assert_eq!(found[8], "table: differs in 48 more prefixes");
}

/// What the tree and the plan do not agree on is not said again.
#[test]
fn a_circuit_without_a_class_is_not_the_fault_of_the_table() {
    let (mut tree, mut plan) = good();
    plan.classes.retain(|class| class.key != "circuit:c1");
    let bytes = table(&QUEUES, 3, prefixes());
    assert_eq!(verify_table(&tree, &plan, &bytes), []);
    // A prefix of two circuits is told by the tree.
    let shared = tree.circuits["c2"].devices[0].ipv4[0].clone();
    let c3 = tree.circuits.get_mut("c3").expect("a circuit");
    c3.devices[0].ipv4.push(shared);
    assert_eq!(verify_table(&tree, &plan, &bytes), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A byte that changes anywhere is found, or it is of a seed and all keys are where the other seed looks for them.
    #[test]
    fn every_changed_byte_is_found(at in any::<proptest::sample::Index>(), with in 1_u8..) {
        let good = table(&QUEUES, 3, prefixes());
        let mut bytes = good.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        if found(&bytes).is_empty() {
            prop_assert!(is_of_a_seed(at), "byte {} of {}", at, bytes.len());
            prop_assert_eq!(prefixes_of(&bytes), prefixes_of(&good));
        }
    }
}

/// Whether a byte is of the second word of a prefix length, the seed of its hash. Another seed that leads to every key
/// is as good a one: with few keys one in some hundred is.
fn is_of_a_seed(at: usize) -> bool {
    let word = at / 8;
    (8..136).contains(&word) && word % 4 == 1
}

/// The prefixes of a table that lookups find.
fn prefixes_of(bytes: &[u8]) -> Prefixes {
    let pages = from_bytes(bytes).expect("whole pages");
    check(&pages).expect("a table");
    let prefixes = entries(&pages).collect::<Prefixes>();
    for (prefix, entry) in &prefixes {
        let table = Table::open(&pages[..]).expect("a header");
        // The longer ones inside of it do not hold its first address.
        let looked_up = match *prefix {
            Prefix::V4 { address, .. } => table.lookup_v4(address),
            Prefix::V6 { upper, lower, .. } => table.lookup_v6(upper, lower),
        };
        assert_eq!(looked_up, Some(*entry), "{prefix:?}");
    }
    prefixes
}

/// Such a byte: the test above meets one once in some hundred runs.
#[test]
fn a_seed_that_leads_to_every_key_is_no_damage() {
    let good = table(&QUEUES, 3, prefixes());
    let mut unfound = 0;
    for at in (0..good.len()).filter(|at| is_of_a_seed(*at)) {
        for with in 1..=u8::MAX {
            let mut bytes = good.clone();
            bytes[at] ^= with;
            if found(&bytes).is_empty() {
                unfound += 1;
                assert_eq!(
                    prefixes_of(&bytes),
                    prefixes_of(&good),
                    "byte {at} by {with}"
                );
            }
        }
    }
    assert!(unfound > 0, "then every byte has a meaning");
}
