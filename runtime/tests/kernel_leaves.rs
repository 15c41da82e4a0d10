//! Leaf qdiscs in a kernel that has them: every set of options comes back in the one spelling, when a leaf is made
//! and when it is changed, and what waits in it stays.

mod namespace;

use namespace::{Namespace, sh};
use weir_abi::ClassId;
use weir_plan::kernel::{Parent, QdiscSeen};
use weir_plan::{Action, Shape, WantedLeaf};
use weir_runtime::live::Live;
use weir_runtime::swap::{ErrorKind, Kernel, KernelError};

const DEVICE: &str = "down0";
const CLASS: ClassId = ClassId::new(1, 3);

const CAKE: [&str; 12] = [
    "",
    "diffserv4",
    "diffserv4 rtt 300ms",
    "besteffort flows nat wash ack-filter-aggressive no-split-gso datacentre memlimit 4mb fwmark 0xff ingress",
    "diffserv8 dual-srchost",
    "precedence dual-dsthost ack-filter atm overhead 44 mpu 64 rtt 50ms",
    "ethernet ether-vlan",
    "docsis",
    "pppoe-ptm",
    "overhead -4",
    "hosts interplanetary",
    "unlimited rtt 100ms diffserv3 triple-isolate",
];

const FQ_CODEL: [&str; 6] = [
    "",
    "limit 1000 target 3ms interval 60ms quantum 300 noecn",
    "ce_threshold 1ms memory_limit 4mb drop_batch 32",
    "ce_threshold 2.5ms ce_threshold_selector 0x01/0x03",
    "target 5ms interval 100ms limit 10240 quantum 1514 ecn",
    "flows 512 limit 77",
];

fn leaf(kind: &str, arguments: &str, handle: u16) -> WantedLeaf {
    WantedLeaf {
        kind: kind.into(),
        handle,
        arguments: arguments.into(),
    }
}

fn add(leaf: WantedLeaf) -> Action {
    Action::AddLeaf {
        device: DEVICE.into(),
        class: CLASS,
        leaf,
    }
}

fn change(leaf: WantedLeaf) -> Action {
    Action::ChangeLeaf {
        device: DEVICE.into(),
        class: CLASS,
        leaf,
    }
}

fn replace(leaf: WantedLeaf) -> Action {
    Action::ReplaceLeaf {
        device: DEVICE.into(),
        class: CLASS,
        leaf,
    }
}

fn act(live: &mut Live, action: Action) -> Result<(), KernelError> {
    live.apply(&[action], None).remove(0)
}

/// The leaf of the class.
fn seen(live: &mut Live) -> QdiscSeen {
    let seen = live
        .observe(&[DEVICE.to_owned()])
        .unwrap_or_else(|e| panic!("{e}"));
    let interface = &seen.interfaces[0];
    let leaf = interface
        .qdiscs
        .iter()
        .find(|q| q.parent == Parent::Class(CLASS))
        .expect("a leaf");
    let class = interface
        .classes
        .iter()
        .find(|c| c.id == CLASS)
        .expect("the class");
    assert_eq!(class.leaf, leaf.handle);
    leaf.clone()
}

/// A class that can have a leaf of this kind; `None`, and a line that says so, where the kernel has none.
fn class_for(test: &str, kind: &str) -> Option<(Namespace, Live)> {
    let space = Namespace::new(test)?;
    space.cable(DEVICE, "peer0", 1);
    let mut live = space.live();
    let shape = Shape {
        rate_kbps: 64,
        ceil_kbps: 64,
        quantum: 1514,
        burst: 0,
    };
    for action in [
        Action::AddHtb {
            device: DEVICE.into(),
            major: 1,
            parent: Parent::Root,
        },
        Action::AddClass {
            device: DEVICE.into(),
            id: CLASS,
            parent: None,
            shape,
        },
    ] {
        act(&mut live, action).unwrap_or_else(|e| panic!("{e}"));
    }
    match act(&mut live, add(leaf(kind, "", 0x100))) {
        Ok(()) => Some((space, live)),
        Err(error) if error.kind == ErrorKind::Unsupported => {
            namespace::skipped(test, &error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Every set made anew, and then every set changed into the next where it stands.
fn all(live: &mut Live, kind: &str, sets: &[&str]) {
    let remove = || Action::RemoveLeaf {
        device: DEVICE.into(),
        class: CLASS,
        handle: 0x100,
    };
    for arguments in sets {
        let wanted = live
            .spelling(DEVICE, kind, arguments)
            .expect("good options");
        act(live, remove()).unwrap_or_else(|e| panic!("{e}"));
        act(live, add(leaf(kind, arguments, 0x100))).unwrap_or_else(|e| panic!("{arguments}: {e}"));
        let made = seen(live);
        assert_eq!((made.kind.as_str(), made.handle), (kind, 0x100));
        assert_eq!(made.options, wanted, "made with {arguments:?}");
    }
    for (before, arguments) in sets.iter().zip(sets.iter().cycle().skip(1)) {
        let wanted = live
            .spelling(DEVICE, kind, arguments)
            .expect("good options");
        act(live, change(leaf(kind, before, 0x100))).unwrap_or_else(|e| panic!("{before}: {e}"));
        act(live, change(leaf(kind, arguments, 0x100)))
            .unwrap_or_else(|e| panic!("{arguments}: {e}"));
        assert_eq!(
            seen(live).options,
            wanted,
            "changed from {before:?} to {arguments:?}"
        );
        // The spelling means the same as what was written.
        act(live, change(leaf(kind, &wanted, 0x100))).unwrap_or_else(|e| panic!("{wanted}: {e}"));
        assert_eq!(seen(live).options, wanted);
    }
}

#[test]
fn cake_comes_back_as_it_was_wanted() {
    let Some((_space, mut live)) = class_for("cake_comes_back_as_it_was_wanted", "cake") else {
        return;
    };
    all(&mut live, "cake", &CAKE);
}

#[test]
fn fq_codel_comes_back_as_it_was_wanted() {
    let Some((_space, mut live)) = class_for("fq_codel_comes_back_as_it_was_wanted", "fq_codel")
    else {
        return;
    };
    all(&mut live, "fq_codel", &FQ_CODEL);
}

#[test]
fn leaves_are_replaced_under_any_handle() {
    let Some((_space, mut live)) = class_for("leaves_are_replaced_under_any_handle", "cake") else {
        return;
    };
    for (kind, handle) in [
        ("fq_codel", 0x100),
        ("fq_codel", 0x101),
        ("cake", 0x101),
        ("cake", 0xfffe),
    ] {
        act(&mut live, replace(leaf(kind, "", handle))).unwrap_or_else(|e| panic!("{e}"));
        let now = seen(&mut live);
        assert_eq!((now.kind.as_str(), now.handle), (kind, handle));
    }
    act(&mut live, add(leaf("cake", "", 0x102))).expect_err("there is one");
    act(
        &mut live,
        Action::RemoveLeaf {
            device: DEVICE.into(),
            class: CLASS,
            handle: 0x102,
        },
    )
    .expect_err("another");
}

#[test]
fn what_waits_in_a_leaf_stays_when_its_options_change() {
    let Some((_space, mut live)) =
        class_for("what_waits_in_a_leaf_stays_when_its_options_change", "cake")
    else {
        return;
    };
    sh("ip", ["addr", "add", "10.9.0.1/24", "dev", DEVICE]);
    sh(
        "ip",
        [
            "neigh",
            "add",
            "10.9.0.2",
            "lladdr",
            "02:00:00:00:00:02",
            "dev",
            DEVICE,
        ],
    );
    fill_by_default(&mut live);
    let socket = std::net::UdpSocket::bind("10.9.0.1:0").expect("a socket");
    for _ in 0..50 {
        socket.send_to(&[0; 1000], "10.9.0.2:9").expect("sent");
    }
    let waiting = live.waiting(DEVICE, &[CLASS]).expect("read");
    assert!(waiting > 20, "{waiting}");
    act(
        &mut live,
        change(leaf("cake", "diffserv4 rtt 300ms", 0x100)),
    )
    .unwrap_or_else(|e| panic!("{e}"));
    let still = live.waiting(DEVICE, &[CLASS]).expect("read");
    assert!(still + 10 >= waiting, "{still} of {waiting} are left");
}

/// The HTB made again by `tc`, so that what names no class goes into ours: a test's socket cannot name one.
fn fill_by_default(live: &mut Live) {
    sh("tc", ["qdisc", "del", "dev", DEVICE, "root"]);
    sh(
        "tc",
        [
            "qdisc", "add", "dev", DEVICE, "root", "handle", "1:", "htb", "default", "3",
        ],
    );
    let shape = Shape {
        rate_kbps: 64,
        ceil_kbps: 64,
        quantum: 1514,
        burst: 0,
    };
    let class = Action::AddClass {
        device: DEVICE.into(),
        id: CLASS,
        parent: None,
        shape,
    };
    act(live, class).unwrap_or_else(|e| panic!("{e}"));
    act(live, add(leaf("cake", "", 0x100))).unwrap_or_else(|e| panic!("{e}"));
}
