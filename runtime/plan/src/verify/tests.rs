//! A good artifact, everything that can be wrong with it one by one, and random damage.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use weir_schemas::Published as _;
use weir_schemas::common::{NodeKind, OmitReason, Strategy as TreeStrategy};
use weir_schemas::queue_plan::{
    Class, Leaf, LeafQdisc, Mode, Qdiscs, Queue, QueuePlan, Resting, Shaper, Target,
};
use weir_schemas::tree::{Tree, TreeCircuit, TreeDevice, TreeNode};

use super::{Kind, Violation, verify, verify_artifact};

type Plan = QueuePlan<'static>;

/// A site with an access point with two circuits, a third circuit in a bucket.
pub(super) fn good() -> (Tree<'static>, Plan) {
    let plan = QueuePlan {
        schema: QueuePlan::SCHEMA.into(),
        target: Target {
            name: None,
            queues: 2,
            shaper: None,
            qdiscs: Qdiscs {
                cake: "cake".into(),
                fq_codel: "fq_codel".into(),
            },
            leaf_fallback: Vec::new(),
        },
        queues: vec![queue(0, 1, 240_000), queue(1, 3, 120_000)],
        classes: vec![
            class("bucket:Generated_PN_2", None, 1, 3, 1_000_000, 1_000_000),
            circuit("c1", "node:hill-a1", 0, 5, Some([0x100, 0x100])),
            circuit("c2", "node:hill-a1", 0, 6, Some([0x101, 0x101])),
            circuit("c3", "bucket:Generated_PN_2", 1, 4, None),
            class("node:hill", None, 0, 3, 500_000, 500_000),
            class("node:hill-a1", Some("node:hill"), 0, 4, 20_000, 300_000),
        ],
        chosen: Vec::new(),
        links_down: Vec::new(),
        resting: Resting {
            minors: vec![(0, 7, 1)],
            download_handles: vec![(0x102, 1)],
            upload_handles: vec![(0x103, 1)],
        },
    };
    let circuits = [
        ("c1", "hill-a1", "100.64.0.1/32", "2001:db8:1::/56"),
        ("c2", "hill-a1", "100.64.0.0/30", "2001:db8:2::/56"),
        ("c3", "Generated_PN_2", "100.64.0.2/32", "2001:db8::/32"),
    ];
    let ap = node("hill-a1", 20_000, 300_000, &["c1", "c2"], Vec::new());
    let tree = Tree {
        schema: Tree::SCHEMA.into(),
        strategy: TreeStrategy::ApSite,
        emitted: vec![
            node("hill", 500_000, 500_000, &[], vec![ap]),
            node("lake", 0, 500_000, &[], Vec::new()),
        ],
        buckets: BTreeMap::from([("Generated_PN_2".into(), vec!["c3".into()])]),
        circuits: circuits
            .map(|(id, parent, v4, v6)| (id.into(), tree_circuit(parent, v4, v6)))
            .into(),
        omitted: BTreeMap::from([("c4".into(), OmitReason::NoPlan)]),
    };
    (tree, plan)
}

fn queue(queue: u16, major: u16, load_kbps: u64) -> Queue {
    Queue {
        queue,
        majors: [major; 2],
        load_kbps,
    }
}

fn class(
    key: &'static str,
    parent: Option<&'static str>,
    queue: u16,
    minor: u16,
    rate: u64,
    ceil: u64,
) -> Class<'static> {
    Class {
        key: key.into(),
        parent: parent.map(Cow::Borrowed),
        queue,
        minor,
        rate_kbps: [rate; 2],
        ceil_kbps: [ceil; 2],
        quantum: [1_522; 2],
        burst_bytes: None,
        leaf: None,
    }
}

fn circuit(
    id: &str,
    parent: &'static str,
    queue: u16,
    minor: u16,
    handles: Option<[u16; 2]>,
) -> Class<'static> {
    Class {
        key: format!("circuit:{id}").into(),
        ceil_kbps: [100_000, 20_000],
        leaf: handles.map(|handles| handles.map(leaf)),
        ..class("", Some(parent), queue, minor, 10_000, 0)
    }
}

fn leaf(handle: u16) -> Option<Leaf> {
    Some(Leaf {
        qdisc: LeafQdisc::Cake,
        handle,
    })
}

fn node(
    id: &'static str,
    htb_rate: u64,
    cap: u64,
    circuits: &[&'static str],
    children: Vec<TreeNode<'static>>,
) -> TreeNode<'static> {
    TreeNode {
        id: id.into(),
        name: id.into(),
        kind: NodeKind::Site,
        cap_kbps: [cap; 2],
        rate_kbps: [0; 2],
        htb_rate_kbps: [htb_rate; 2],
        cpu: 0,
        circuits: circuits.iter().map(|id| Cow::Borrowed(*id)).collect(),
        children,
    }
}

fn tree_circuit(parent: &'static str, v4: &'static str, v6: &'static str) -> TreeCircuit<'static> {
    TreeCircuit {
        parent: parent.into(),
        max_kbps: [100_000, 20_000],
        min_kbps: [10_000; 2],
        devices: vec![TreeDevice {
            id: "d".into(),
            ipv4: vec![v4.into()],
            ipv6: vec![v6.into()],
        }],
    }
}

/// The class of that key.
fn of<'p>(plan: &'p mut Plan, key: &str) -> &'p mut Class<'static> {
    let class = plan.classes.iter_mut().find(|class| class.key == key);
    class.expect("a class of the plan")
}

fn leaf_of<'p>(plan: &'p mut Plan, key: &str, direction: usize) -> &'p mut Option<Leaf> {
    let leaf = &mut of(plan, key).leaf;
    &mut leaf.as_mut().expect("a circuit with leaves")[direction]
}

/// One interface for both directions.
fn on_a_stick(plan: &mut Plan) {
    plan.target.shaper = Some(Shaper {
        mode: Mode::Stick,
        to_internet: "eth0".into(),
        to_network: "eth0".into(),
        internet_vlan: Some(1),
        network_vlan: Some(2),
    });
    plan.queues[0].majors = [1, 4];
    plan.queues[1].majors = [3, 5];
    *leaf_of(plan, "circuit:c1", 1) = leaf(0x104);
    *leaf_of(plan, "circuit:c2", 1) = leaf(0x105);
}

fn both(tree: &Tree<'_>, plan: &Plan) -> Vec<Violation> {
    let mut violations = verify(plan);
    violations.extend(verify_artifact(tree, plan));
    violations
}

#[test]
fn a_good_artifact_passes() {
    let (tree, mut plan) = good();
    assert_eq!(both(&tree, &plan), []);
    on_a_stick(&mut plan);
    assert_eq!(both(&tree, &plan), []);
}

type Damage = fn(&mut Tree<'static>, &mut Plan);

/// What is done to a good artifact, and the first thing said of it.
const DAMAGE: &[(Kind, &str, Damage)] = &[
    (
        Kind::Queues,
        "queues: the plan has 2 CPU queues and its target 3",
        |_, p| {
            p.target.queues = 3;
        },
    ),
    (
        Kind::Queues,
        "queue:7: stands in place 1: queues are numbered from 0",
        |_, p| {
            p.queues[1].queue = 7;
        },
    ),
    (
        Kind::Queues,
        "circuit:c3: is in queue 9, and the plan has 2",
        |_, p| {
            of(p, "bucket:Generated_PN_2").queue = 9;
            of(p, "circuit:c3").queue = 9;
        },
    ),
    (
        Kind::Major,
        "queue:1: has major 2a for download, which no HTB may have",
        |_, p| {
            p.queues[1].majors = [42; 2];
        },
    ),
    (
        Kind::Major,
        "queue:1: has major 1 for download, as queue 0 has on the same interface",
        |_, p| {
            p.queues[1].majors = [1; 2];
        },
    ),
    (
        Kind::Major,
        "queue:1: has majors 3 and 4, and on a bridge one is for both directions",
        |_, p| {
            p.queues[1].majors = [3, 4];
        },
    ),
    (
        Kind::Major,
        "queue:0: has major 1 for upload, as queue 0 has on the same interface",
        |_, p| {
            on_a_stick(p);
            p.queues[0].majors = [1; 2];
        },
    ),
    (
        Kind::Key,
        "circuit:: is no key: it must be node:<id>, bucket:<name> or circuit:<id>",
        |_, p| {
            of(p, "circuit:c1").key = "circuit:".into();
        },
    ),
    (Kind::Key, "circuit:c1: is the key of 2 classes", |_, p| {
        of(p, "circuit:c2").key = "circuit:c1".into();
    }),
    (
        Kind::Key,
        "circuit:c1: stands behind a larger key: classes are sorted by key",
        |_, p| {
            p.classes.swap(1, 2);
        },
    ),
    (
        Kind::Parent,
        "circuit:c1: hangs under node:gone, which has no class",
        |_, p| {
            of(p, "circuit:c1").parent = Some("node:gone".into());
        },
    ),
    (
        Kind::Parent,
        "circuit:c2: hangs under circuit:c1, and nothing hangs under a circuit",
        |_, p| {
            of(p, "circuit:c2").parent = Some("circuit:c1".into());
        },
    ),
    (
        Kind::Parent,
        "circuit:c1: is in queue 1 and its parent node:hill-a1 in queue 0",
        |_, p| {
            of(p, "circuit:c1").queue = 1;
        },
    ),
    (
        Kind::Parent,
        "bucket:Generated_PN_2: hangs under node:hill, but a bucket is a root class of its queue",
        |_, p| {
            of(p, "bucket:Generated_PN_2").parent = Some("node:hill".into());
        },
    ),
    (
        Kind::Cycle,
        "node:hill: hangs under itself, in a cycle of 2",
        |_, p| {
            of(p, "node:hill").parent = Some("node:hill-a1".into());
        },
    ),
    (
        Kind::Depth,
        "node:hill-z7: is class 9 of its chain, and the kernel takes 8",
        |_, p| {
            let names = [
                "node:hill-a1",
                "node:hill-z1",
                "node:hill-z2",
                "node:hill-z3",
                "node:hill-z4",
                "node:hill-z5",
                "node:hill-z6",
                "node:hill-z7",
            ];
            for (two, minor) in names.windows(2).zip(20..) {
                p.classes.push(class(two[1], Some(two[0]), 0, minor, 1, 1));
            }
        },
    ),
    (
        Kind::Minor,
        "circuit:c1: has minor 2, and minors go from 3 to 65534",
        |_, p| {
            of(p, "circuit:c1").minor = 2;
        },
    ),
    (
        Kind::Minor,
        "circuit:c1: has minor 65535, and minors go from 3 to 65534",
        |_, p| {
            of(p, "circuit:c1").minor = u16::MAX;
        },
    ),
    (
        Kind::Minor,
        "circuit:c2: has minor 5 in queue 0, as has circuit:c1",
        |_, p| {
            of(p, "circuit:c2").minor = 5;
        },
    ),
    (
        Kind::Leaf,
        "node:hill: has a leaf qdisc, and only circuits do",
        |_, p| {
            of(p, "node:hill").leaf = Some([leaf(0x200), None]);
        },
    ),
    (
        Kind::Handle,
        "circuit:c1: has the handle ff for upload, and leaf handles go from 100 to fffe",
        |_, p| {
            *leaf_of(p, "circuit:c1", 1) = leaf(0xff);
        },
    ),
    (
        Kind::Handle,
        "circuit:c1: has the handle 7fff for upload, which is mq's",
        |_, p| {
            *leaf_of(p, "circuit:c1", 1) = leaf(0x7fff);
        },
    ),
    (
        Kind::Handle,
        "circuit:c1: has the handle 3 for upload, which is the major of a queue",
        |_, p| {
            *leaf_of(p, "circuit:c1", 1) = leaf(3);
        },
    ),
    (
        Kind::Handle,
        "circuit:c2: has the handle 100 on the upload interface, as has circuit:c1",
        |_, p| {
            *leaf_of(p, "circuit:c2", 1) = leaf(0x100);
        },
    ),
    (
        Kind::Handle,
        "circuit:c1: has the handle 100 in both directions on the interface",
        |_, p| {
            on_a_stick(p);
            *leaf_of(p, "circuit:c1", 1) = leaf(0x100);
        },
    ),
    (
        Kind::Rate,
        "circuit:c1: has upload rate 0, which the kernel refuses",
        |_, p| {
            of(p, "circuit:c1").rate_kbps[1] = 0;
        },
    ),
    (
        Kind::Rate,
        "circuit:c1: has download ceiling 0, which the kernel refuses",
        |_, p| {
            of(p, "circuit:c1").ceil_kbps[0] = 0;
        },
    ),
    (
        Kind::Rate,
        "circuit:c1: is guaranteed 20001 kbit/s upload and capped at 20000: 1 too many",
        |_, p| {
            of(p, "circuit:c1").rate_kbps[1] = 20_001;
        },
    ),
    (
        Kind::Rate,
        "node:hill: has a rate of 18446744073709551615 kbit/s download, and the kernel counts to 147573952589676412",
        |_, p| {
            of(p, "node:hill").rate_kbps[0] = u64::MAX;
            of(p, "node:hill").ceil_kbps[0] = u64::MAX;
        },
    ),
    (
        Kind::RootRate,
        "node:hill: is a root class with 499000 kbit/s download and a ceiling of 500000: it would never get the other 1000",
        |_, p| {
            of(p, "node:hill").rate_kbps[0] = 499_000;
        },
    ),
    (
        Kind::Guarantees,
        "node:hill-a1: guarantees 20500 kbit/s download to what is under it and has 20000 itself: 500 too many, so its ceiling would not hold",
        |_, p| {
            of(p, "circuit:c2").rate_kbps[0] = 10_500;
        },
    ),
    (
        Kind::Ceiling,
        "circuit:c1: is capped at 300001 kbit/s download, 1 above its parent's 300000",
        |_, p| {
            of(p, "circuit:c1").ceil_kbps[0] = 300_001;
        },
    ),
    (
        Kind::Load,
        "queue:1: states a load of 120001 kbit/s, and the ceilings of its circuits add up to 120000: 1 off",
        |_, p| {
            p.queues[1].load_kbps += 1;
        },
    ),
    (
        Kind::Resting,
        "circuit:c1: has minor 5 of queue 0, which still rests",
        |_, p| {
            p.resting.minors.push((0, 5, 1));
        },
    ),
    (
        Kind::Resting,
        "circuit:c2: has the leaf handle 101, which still rests",
        |_, p| {
            p.resting.upload_handles = vec![(0x101, 2)];
        },
    ),
    (
        Kind::Resting,
        "circuit:c2: has the leaf handle 105, which still rests",
        |_, p| {
            on_a_stick(p);
            p.resting.download_handles = vec![(0x105, 2)];
        },
    ),
    (
        Kind::Node,
        "node:hill: is in the tree and has no class",
        |t, _| {
            t.emitted[1].id = "hill".into();
            t.emitted[1].htb_rate_kbps = [1, 1];
        },
    ),
    (
        Kind::Node,
        "bucket:Generated_PN_1: is in the tree and has no class",
        |t, _| {
            t.buckets.insert("Generated_PN_1".into(), Vec::new());
        },
    ),
    (
        Kind::Node,
        "node:hill-b: has a class and is not in the tree",
        |_, p| {
            p.classes.push(class("node:hill-b", None, 0, 9, 1, 1));
        },
    ),
    (
        Kind::Node,
        "node:hill: has a ceiling of 500000/500001 kbit/s in the tree and 500000/500000 in the plan",
        |t, _| {
            t.emitted[0].cap_kbps[1] += 1;
        },
    ),
    (
        Kind::Node,
        "node:hill: has a rate of 500000/500001 kbit/s in the tree and 500000/500000 in the plan",
        |t, _| {
            t.emitted[0].htb_rate_kbps[1] += 1;
        },
    ),
    (
        Kind::Node,
        "node:hill-a1: is under nothing in the tree, and its class under node:hill",
        |t, _| {
            let ap = t.emitted[0].children.remove(0);
            t.emitted.push(ap);
        },
    ),
    (
        Kind::Node,
        "node:hill-a1: is under lake in the tree, and its class under node:hill",
        |t, _| {
            let ap = t.emitted[0].children.remove(0);
            t.emitted[1].children.push(ap);
        },
    ),
    (
        Kind::Circuit,
        "circuit:c2: is shaped and has 0 classes instead of one",
        |_, p| {
            p.classes.retain(|class| class.key != "circuit:c2");
        },
    ),
    (
        Kind::Circuit,
        "circuit:c2: is shaped and has 2 classes instead of one",
        |_, p| {
            p.classes.push(circuit("c2", "node:hill-a1", 0, 9, None));
        },
    ),
    (
        Kind::Circuit,
        "circuit:c0: has a class and is not in the tree",
        |_, p| {
            p.classes.push(circuit("c0", "node:hill", 0, 9, None));
        },
    ),
    (
        Kind::Circuit,
        "circuit:c9: has a class and is not in the tree",
        |_, p| {
            p.classes.push(circuit("c9", "node:hill", 0, 9, None));
        },
    ),
    (
        Kind::Circuit,
        "circuit:c9: is listed under hill and is no circuit of the tree",
        |t, _| {
            t.emitted[0].circuits.push("c9".into());
        },
    ),
    (
        Kind::Circuit,
        "circuit:c1: is shaped and listed under no node",
        |t, _| {
            t.emitted[0].children[0].circuits.remove(0);
        },
    ),
    (
        Kind::Circuit,
        "circuit:c1: is listed under 2 nodes instead of one",
        |t, _| {
            t.emitted[0].circuits.push("c1".into());
        },
    ),
    (
        Kind::Circuit,
        "circuit:c1: names hill as its parent and is listed under hill-a1",
        |t, _| {
            t.circuits.get_mut("c1").expect("c1").parent = "hill".into();
        },
    ),
    (
        Kind::Circuit,
        "circuit:c1: has a ceiling of 100001/20000 kbit/s in the tree and 100000/20000 in the plan",
        |t, _| {
            t.circuits.get_mut("c1").expect("c1").max_kbps[0] += 1;
        },
    ),
    (
        Kind::Circuit,
        "circuit:c1: has a guarantee of 10001/10000 kbit/s in the tree and 10000/10000 in the plan",
        |t, _| {
            t.circuits.get_mut("c1").expect("c1").min_kbps[0] += 1;
        },
    ),
    (
        Kind::Circuit,
        "circuit:c1: is shaped and omitted in one tree",
        |t, _| {
            t.omitted.insert("c1".into(), OmitReason::Suspended);
        },
    ),
    (
        Kind::Placement,
        "circuit:c3: has its class in queue 1, and its addresses lead to the CPU of queue 0",
        |t, _| {
            t.buckets.clear();
            t.emitted[0].circuits.push("c3".into());
        },
    ),
    (
        Kind::Placement,
        "circuit:c3: is under node:Generated_PN_2 in the tree, and its class under bucket:Generated_PN_2",
        |t, _| {
            let mut other = node("Generated_PN_2", 0, 1, &["c3"], Vec::new());
            other.cpu = 1;
            t.buckets.insert("Generated_PN_2".into(), Vec::new());
            t.emitted.push(other);
        },
    ),
    (
        Kind::Placement,
        "node:hill-a1: is on CPU queue 1 of the tree, and the top-level node above it on 0",
        |t, _| {
            t.emitted[0].children[0].cpu = 1;
        },
    ),
    (
        Kind::Placement,
        "node:hill: is on CPU queue 1 of the tree, and its class in queue 0",
        |t, _| {
            t.emitted[0].cpu = 1;
            t.emitted[0].children[0].cpu = 1;
        },
    ),
    (
        Kind::Prefix,
        "circuit:c2: has the prefix 100.64.0.1/32, as has circuit:c1",
        |t, _| {
            let device = &mut t.circuits.get_mut("c2").expect("c2").devices[0];
            device.ipv4.push("100.64.0.1/32".into());
        },
    ),
    (
        Kind::Prefix,
        "circuit:c2: has the prefix 2001:db8:1::/56, as has circuit:c1",
        |t, _| {
            let device = &mut t.circuits.get_mut("c2").expect("c2").devices[0];
            device.ipv6[0] = "2001:db8:1:0::/56".into();
        },
    ),
    (
        Kind::Prefix,
        "circuit:c1: has the prefix \"100.64.0.1/24\", which is not an IPv4 network",
        |t, _| {
            let device = &mut t.circuits.get_mut("c1").expect("c1").devices[0];
            device.ipv4[0] = "100.64.0.1/24".into();
        },
    ),
    (
        Kind::Prefix,
        "circuit:c1: has the prefix \"100.64.0.1/32\", which is not an IPv6 network",
        |t, _| {
            let device = &mut t.circuits.get_mut("c1").expect("c1").devices[0];
            device.ipv6[0] = "100.64.0.1/32".into();
        },
    ),
];

#[test]
fn every_damage_is_found_and_named() {
    for (kind, want, damage) in DAMAGE {
        let (mut tree, mut plan) = good();
        damage(&mut tree, &mut plan);
        let found = both(&tree, &plan);
        assert!(
            found
                .iter()
                .any(|v| v.kind == *kind && v.to_string() == *want),
            "{kind:?} {want}\nfound {found:#?}"
        );
        assert!(found.iter().all(|v| !v.message.contains('\n')), "{found:?}");
    }
    let kinds: BTreeSet<Kind> = DAMAGE.iter().map(|(kind, ..)| *kind).collect();
    // The table has its own tests: it is a file of its own.
    let all = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Table);
    assert_eq!(kinds, all.collect());
}

/// A plan of one queue with as many circuits in it.
fn crowd(circuits: u32) -> Plan {
    let (_, mut plan) = good();
    let mut one = |n: u32| {
        let minor = u16::try_from(n + 16).unwrap_or(u16::MAX);
        let handle = u16::try_from(n + 0x200).unwrap_or(u16::MAX - 1);
        let mut class = circuit("", "node:hill", 0, minor, Some([handle; 2]));
        class.key = format!("circuit:x{n:07}").into();
        plan.queues[0].load_kbps += class.ceil_kbps.iter().sum::<u64>();
        class
    };
    let more: Vec<_> = (0..circuits).map(&mut one).collect();
    plan.classes.extend(more);
    plan.classes.sort_by(|a, b| a.key.cmp(&b.key));
    plan
}

#[test]
fn too_many_classes_and_leaves_are_counted() {
    let found = verify(&crowd(65_600));
    for want in [
        "queue:0: has 65604 classes, and one HTB takes 65531",
        "queues: 65600 leaf qdiscs are on the download interface, which takes 65000",
    ] {
        assert!(found.iter().any(|v| v.to_string() == want), "{want}");
    }
}

/// A chain as long as the plan is walked once, not once from each of its classes.
#[test]
fn a_million_classes_are_no_matter() {
    let (_, mut plan) = good();
    let base: Vec<_> = (0..1_000_000u32).collect();
    plan.target.queues = 100;
    plan.queues = (0..100u16)
        .map(|q| queue(q, weir_abi::nth_major(q.into()).expect("100 majors"), 0))
        .collect();
    plan.resting = Resting::default();
    plan.classes = base
        .iter()
        .map(|n| Class {
            key: format!("node:{n:07}").into(),
            parent: n.checked_sub(1).map(|up| format!("node:{up:07}").into()),
            ..class("", None, (n / 10_000) as u16, (n % 10_000 + 3) as u16, 5, 5)
        })
        .collect();
    let found = verify(&plan);
    let depths = found.iter().filter(|v| v.kind == Kind::Depth).count();
    assert_eq!(depths, 100);
    assert_eq!(found.iter().filter(|v| v.kind == Kind::Parent).count(), 99);
    assert_eq!(found.len(), 199);
}

/// A field of a class or a queue gets another value.
fn damage() -> impl Strategy<Value = (usize, usize, u64)> {
    (0..6usize, 0..11usize, any::<u64>())
}

proptest! {
    /// Every number of a plan that decides what the kernel does is checked by something. Only a value that is as
    /// good as the old one passes.
    #[test]
    fn random_damage_is_found((at, field, value) in damage()) {
        let (tree, plan) = good();
        let mut bad = plan.clone();
        let direction = (value % 2) as usize;
        let class = &mut bad.classes[at];
        let small = value as u16;
        match field {
            0 => class.rate_kbps[direction] = value,
            1 => class.ceil_kbps[direction] = value,
            2 => class.queue = small,
            3 => class.parent = None,
            4 => class.parent = Some(plan.classes[usize::from(small) % 6].key.clone()),
            5 => class.key = plan.classes[usize::from(small) % 6].key.clone(),
            6 => class.key = format!("node:{small}").into(),
            7 => bad.queues[at % 2].majors[direction] = small,
            8 => bad.queues[at % 2].load_kbps = value,
            9 => bad.queues[at % 2].queue = small,
            _ => bad.target.queues = small,
        }
        if bad != plan {
            prop_assert!(!both(&tree, &bad).is_empty(), "{bad:#?}");
        }
    }

    /// Numbers may be any that are in range and free.
    #[test]
    fn numbers_pass_when_they_are_free(at in 0..6usize, minor: u16, handle: u16) {
        let (tree, plan) = good();
        let mut other = plan.clone();
        let queue = other.classes[at].queue;
        other.classes[at].minor = minor;
        let free = plan.classes.iter().enumerate().all(|(i, c)| i == at || c.queue != queue || c.minor != minor)
            && (queue, minor) != (0, 7);
        let mut good = free && (3..=65_534).contains(&minor);
        if let Some(leaf) = &mut other.classes[at].leaf {
            leaf[0] = self::leaf(handle);
            let others = plan.classes.iter().enumerate().filter(|(i, _)| *i != at);
            let mut taken = others.filter_map(|(_, c)| c.leaf.as_ref()?[0]);
            good &= (0x100..=0xfffe).contains(&handle)
                && handle != 0x7fff
                && handle != 0x102
                && !taken.any(|l| l.handle == handle);
        }
        prop_assert_eq!(both(&tree, &other).is_empty(), good);
    }
}
