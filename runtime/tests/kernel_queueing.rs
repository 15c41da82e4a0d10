//! Qdiscs and classes in the live kernel: every act does what it says, is seen again exactly, and what others made
//! is left alone.

#[path = "kernel_queueing/memory.rs"]
mod memory;
mod namespace;

use namespace::{Namespace, run, tc};
use weir_abi::{ClassId, MQ_HANDLE};
use weir_plan::kernel::{ClassSeen, HTB_OPTIONS, Interface, Parent};
use weir_plan::{Action, Shape, WantedLeaf};
use weir_runtime::live::Live;
use weir_runtime::swap::{ErrorKind, Kernel, KernelError};

const DEVICE: &str = "down0";

fn id(major: u16, minor: u16) -> ClassId {
    ClassId::new(major, minor)
}

fn shape(rate_kbps: u64, ceil_kbps: u64, quantum: u32) -> Shape {
    Shape {
        rate_kbps,
        ceil_kbps,
        quantum,
        burst: 0,
    }
}

fn queue(n: u16) -> Parent {
    Parent::Class(id(MQ_HANDLE, n + 1))
}

fn add_mq() -> Action {
    Action::AddMq {
        device: DEVICE.into(),
    }
}

fn add_htb(major: u16, parent: Parent) -> Action {
    Action::AddHtb {
        device: DEVICE.into(),
        major,
        parent,
    }
}

fn add_class(class: ClassId, parent: Option<ClassId>, shape: Shape) -> Action {
    Action::AddClass {
        device: DEVICE.into(),
        id: class,
        parent,
        shape,
    }
}

fn seen(live: &mut Live) -> Interface {
    let mut all = live
        .observe(&[DEVICE.to_owned()])
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(all.interfaces.len(), 1);
    all.interfaces.remove(0)
}

fn all_done(answers: Vec<Result<(), KernelError>>) {
    for answer in answers {
        answer.unwrap_or_else(|e| panic!("{e}"));
    }
}

fn of(interface: &Interface, class: ClassId) -> &ClassSeen {
    interface
        .classes
        .iter()
        .find(|c| c.id == class)
        .unwrap_or_else(|| panic!("no class {class}"))
}

/// mq, an HTB on two of four queues, and a little tree in each.
fn tree(live: &mut Live) {
    all_done(live.apply(
        &[
            add_mq(),
            add_htb(1, queue(0)),
            add_htb(3, queue(1)),
            add_class(id(1, 3), None, shape(100_000, 100_000, 6000)),
            add_class(id(1, 4), Some(id(1, 3)), shape(10_000, 50_000, 1514)),
            add_class(id(1, 5), Some(id(1, 3)), shape(7, 33_333, 3028)),
            add_class(id(3, 3), None, shape(40_000_000, 100_000_000, 60_000)),
        ],
        None,
    ));
}

#[test]
fn what_is_made_is_seen_exactly() {
    let Some(space) = Namespace::new("what_is_made_is_seen_exactly") else {
        return;
    };
    space.cable(DEVICE, "peer0", 4);
    let mut live = space.live();
    let before = seen(&mut live);
    assert!(before.up && before.tx_queues == 4 && before.classes.is_empty());
    assert!(before.qdiscs.iter().all(|q| q.handle == 0), "{before:?}");

    tree(&mut live);
    let after = seen(&mut live);
    let kinds: Vec<(&str, u16, Parent, &str)> = after
        .qdiscs
        .iter()
        .filter(|q| q.handle != 0)
        .map(|q| (q.kind.as_str(), q.handle, q.parent, q.options.as_str()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("mq", MQ_HANDLE, Parent::Root, ""),
            ("htb", 1, queue(0), HTB_OPTIONS),
            ("htb", 3, queue(1), HTB_OPTIONS),
        ]
    );
    for (class, parent, wanted) in [
        (id(1, 3), Parent::Root, shape(100_000, 100_000, 6000)),
        (
            id(1, 4),
            Parent::Class(id(1, 3)),
            shape(10_000, 50_000, 1514),
        ),
        (id(1, 5), Parent::Class(id(1, 3)), shape(7, 33_333, 3028)),
        (
            id(3, 3),
            Parent::Root,
            shape(40_000_000, 100_000_000, 60_000),
        ),
    ] {
        let class = of(&after, class);
        assert_eq!(class.parent, parent);
        assert_eq!(
            (class.rate_kbps, class.ceil_kbps),
            (wanted.rate_kbps, wanted.ceil_kbps)
        );
        assert_eq!((class.buffer, class.cbuffer), wanted.ticks());
        assert_eq!((class.quantum, class.leaf), (wanted.quantum, 0));
    }
    assert!(after.classes.is_sorted_by_key(|c| c.id));

    // tc reads the same.
    let told = tc(&format!("class show dev {DEVICE}"));
    assert!(
        told.contains("class htb 1:5 parent 1:3") && told.contains("rate 7Kbit ceil 33333Kbit"),
        "{told}"
    );
    assert!(told.contains("rate 40Gbit ceil 100Gbit"), "{told}");
}

#[test]
fn every_act_does_what_it_says_and_can_be_undone() {
    let Some(space) = Namespace::new("every_act_does_what_it_says_and_can_be_undone") else {
        return;
    };
    space.cable(DEVICE, "peer0", 4);
    let mut live = space.live();
    let empty = seen(&mut live);
    tree(&mut live);

    let change = |class, parent, shape| Action::ChangeClass {
        device: DEVICE.into(),
        id: class,
        parent,
        shape,
    };
    let remove = |class| Action::RemoveClass {
        device: DEVICE.into(),
        id: class,
    };
    all_done(live.apply(
        &[change(
            id(1, 4),
            Some(id(1, 3)),
            shape(20_000, 60_000, 2000),
        )],
        None,
    ));
    let changed = seen(&mut live);
    assert_eq!(of(&changed, id(1, 4)).rate_kbps, 20_000);
    assert_eq!(of(&changed, id(1, 4)).ceil_kbps, 60_000);
    assert_eq!(of(&changed, id(1, 4)).quantum, 2000);
    assert_eq!(of(&changed, id(1, 5)), of(&changed, id(1, 5)));

    let undone = [
        remove(id(1, 5)),
        remove(id(1, 4)),
        remove(id(1, 3)),
        remove(id(3, 3)),
        Action::RemoveHtb {
            device: DEVICE.into(),
            major: 3,
            parent: queue(1),
        },
        Action::RemoveHtb {
            device: DEVICE.into(),
            major: 1,
            parent: queue(0),
        },
        Action::RemoveMq {
            device: DEVICE.into(),
        },
    ];
    all_done(live.apply(&undone, None));
    assert_eq!(seen(&mut live).qdiscs.len(), empty.qdiscs.len());
    assert!(seen(&mut live).classes.is_empty());
    // None of it is there any more, so none can be done twice.
    for answer in live.apply(&undone, None) {
        answer.expect_err("it was removed already");
    }
}

#[test]
fn what_exists_is_not_added_and_what_does_not_is_not_changed() {
    let Some(space) = Namespace::new("what_exists_is_not_added_and_what_does_not_is_not_changed")
    else {
        return;
    };
    space.cable(DEVICE, "peer0", 4);
    let mut live = space.live();
    tree(&mut live);
    let before = seen(&mut live);
    let answers = live.apply(
        &[
            add_mq(),
            add_htb(1, queue(0)),
            add_htb(9, queue(1)),
            add_class(id(1, 4), Some(id(1, 3)), shape(1, 1, 1000)),
            Action::ChangeClass {
                device: DEVICE.into(),
                id: id(1, 99),
                parent: None,
                shape: shape(1, 1, 1),
            },
            Action::RemoveClass {
                device: DEVICE.into(),
                id: id(1, 3),
            },
            Action::RemoveLeaf {
                device: DEVICE.into(),
                class: id(1, 4),
                handle: 0x100,
            },
            Action::RemoveHtb {
                device: DEVICE.into(),
                major: 9,
                parent: queue(1),
            },
            add_class(id(1, 6), Some(id(1, 3)), shape(5, 5, 1000)),
        ],
        None,
    );
    let kinds: Vec<Option<ErrorKind>> = answers
        .iter()
        .map(|a| a.as_ref().err().map(|e| e.kind))
        .collect();
    use ErrorKind::{Busy, Other};
    assert_eq!(
        kinds,
        [
            Some(Other),
            Some(Other),
            Some(Other),
            Some(Other),
            Some(Other),
            Some(Busy),
            Some(Other),
            Some(Other),
            // A refusal does not stop what follows.
            None,
        ],
        "{answers:#?}"
    );
    let after = seen(&mut live);
    assert_eq!(after.qdiscs.len(), before.qdiscs.len());
    let kept: Vec<&ClassSeen> = after.classes.iter().filter(|c| c.id != id(1, 6)).collect();
    assert_eq!(kept, before.classes.iter().collect::<Vec<_>>());
}

#[test]
fn refusals_say_what_the_kernel_says() {
    let Some(space) = Namespace::new("refusals_say_what_the_kernel_says") else {
        return;
    };
    space.cable(DEVICE, "peer0", 1);
    let mut live = space.live();
    let leaf = |kind: &str, arguments: &str| WantedLeaf {
        kind: kind.into(),
        handle: 0x100,
        arguments: arguments.into(),
    };
    let add = |leaf| Action::AddLeaf {
        device: DEVICE.into(),
        class: id(1, 3),
        leaf,
    };
    let answers = live.apply(
        &[
            add_htb(1, Parent::Root),
            add_class(id(1, 3), None, shape(1000, 1000, 1514)),
            add(leaf("cake", "diffserv9")),
            add(leaf("sfq", "")),
            Action::AddMq {
                device: "nowhere".into(),
            },
            Action::ChangeClass {
                device: DEVICE.into(),
                id: id(1, 99),
                parent: None,
                shape: shape(1, 1, 1),
            },
        ],
        None,
    );
    let texts: Vec<String> = answers
        .into_iter()
        .map(|a| a.map_or_else(|e| e.to_string(), |()| "done".into()))
        .collect();
    assert_eq!(texts[..2], ["done", "done"]);
    assert!(
        texts[2].contains("\"diffserv9\" is no option of cake"),
        "{}",
        texts[2]
    );
    assert!(
        texts[3].contains("not a discipline of leaves"),
        "{}",
        texts[3]
    );
    assert!(
        texts[4].contains("there is no interface nowhere"),
        "{}",
        texts[4]
    );
    assert!(
        texts[5].starts_with("change class 1:63 on down0: "),
        "{}",
        texts[5]
    );

    // Where this kernel has no CAKE, it is said so; where it has, the leaf is seen in the one spelling.
    let answer = live
        .apply(&[add(leaf("cake", "rtt 100ms diffserv4"))], None)
        .remove(0);
    match answer {
        Ok(()) => {
            let seen = seen(&mut live);
            assert_eq!(of(&seen, id(1, 3)).leaf, 0x100);
            let cake = seen
                .qdiscs
                .iter()
                .find(|q| q.kind == "cake")
                .expect("the leaf");
            assert_eq!((cake.handle, cake.options.as_str()), (0x100, "diffserv4"));
        }
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
            assert!(error.reason.contains("no such qdisc"), "{error}");
        }
    }
}

#[test]
fn a_class_below_one_that_was_refused_does_not_become_a_root_class() {
    let Some(space) =
        Namespace::new("a_class_below_one_that_was_refused_does_not_become_a_root_class")
    else {
        return;
    };
    space.cable(DEVICE, "peer0", 1);
    let mut live = space.live();
    all_done(live.apply(&[add_htb(1, Parent::Root)], None));
    // Rate 0 is refused.
    let answers = live.apply(
        &[
            add_class(id(1, 3), None, shape(0, 1000, 1514)),
            add_class(id(1, 4), Some(id(1, 3)), shape(10, 10, 1514)),
            add_class(id(1, 5), Some(id(1, 4)), shape(10, 10, 1514)),
            add_class(id(1, 6), None, shape(10, 10, 1514)),
        ],
        None,
    );
    assert_eq!(
        answers.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [false, false, false, true]
    );
    assert!(
        answers[2]
            .as_ref()
            .is_err_and(|e| e.reason.contains("its parent 1:4"))
    );
    let ids: Vec<ClassId> = seen(&mut live).classes.iter().map(|c| c.id).collect();
    assert_eq!(ids, [id(1, 6)]);
}

/// Every refusal of a batch is told, however many there are.
#[test]
fn thousands_of_refusals_are_all_told() {
    let Some(space) = Namespace::new("thousands_of_refusals_are_all_told") else {
        return;
    };
    space.cable(DEVICE, "peer0", 1);
    let mut live = space.live();
    all_done(live.apply(&[add_htb(1, Parent::Root)], None));
    let actions: Vec<Action> = (3..3003)
        .map(|minor| {
            let rate = if minor % 3 == 0 { 100 } else { 0 };
            add_class(id(1, minor), None, shape(rate, 100, 1514))
        })
        .collect();
    let answers = live.apply(&actions, None);
    assert_eq!(answers.len(), actions.len());
    for (minor, answer) in (3..3003).zip(&answers) {
        assert_eq!(answer.is_ok(), minor % 3 == 0, "{minor}: {answer:?}");
    }
    assert_eq!(seen(&mut live).classes.len(), 1000);
}

#[test]
fn a_tx_queue_whose_htb_was_taken_away_still_sends() {
    let Some(space) = Namespace::new("a_tx_queue_whose_htb_was_taken_away_still_sends") else {
        return;
    };
    space.cable(DEVICE, "peer0", 4);
    namespace::sh("ip", ["addr", "add", "10.9.0.1/24", "dev", DEVICE]);
    namespace::sh(
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
    let mut live = space.live();
    let mut acts = vec![add_mq()];
    let majors = [1, 3, 4, 5];
    for (queue_number, major) in (0..).zip(majors) {
        acts.push(add_htb(major, queue(queue_number)));
    }
    all_done(live.apply(&acts, None));
    let removed: Vec<Action> = (0..)
        .zip(majors)
        .map(|(n, major)| Action::RemoveHtb {
            device: DEVICE.into(),
            major,
            parent: queue(n),
        })
        .collect();
    all_done(live.apply(&removed, None));
    let after = seen(&mut live);
    let below: Vec<(&str, u16)> = after
        .qdiscs
        .iter()
        .filter(|q| q.parent != Parent::Root)
        .map(|q| (q.kind.as_str(), q.handle))
        .collect();
    assert_eq!(below, [("pfifo", 0); 4], "{after:?}");

    let socket = std::net::UdpSocket::bind("10.9.0.1:0").expect("a socket");
    for port in 1000..1064 {
        socket.send_to(&[0; 100], ("10.9.0.2", port)).expect("sent");
    }
    let statistics = namespace::sh("ip", ["-s", "-j", "link", "show", "peer0"]);
    let statistics: serde_json::Value = serde_json::from_str(&statistics).expect("JSON");
    let received = statistics[0]["stats64"]["rx"]["packets"]
        .as_u64()
        .expect("a number");
    assert!(received >= 64, "{received} of 64 packets came through");

    // And an HTB can take its place again.
    all_done(live.apply(&[add_htb(3, queue(1))], None));
    let htbs = seen(&mut live)
        .qdiscs
        .into_iter()
        .filter(|q| q.kind == "htb")
        .count();
    assert_eq!(htbs, 1);
}

#[test]
fn what_others_made_is_told_and_left_alone() {
    let Some(space) = Namespace::new("what_others_made_is_told_and_left_alone") else {
        return;
    };
    space.cable(DEVICE, "peer0", 1);
    tc(&format!(
        "qdisc add dev {DEVICE} root handle 5a: tbf rate 10mbit burst 10kb limit 30kb"
    ));
    let mut live = space.live();
    let before = tc(&format!("qdisc show dev {DEVICE}"));
    let root = seen(&mut live)
        .qdiscs
        .into_iter()
        .find(|q| q.parent == Parent::Root)
        .expect("a root");
    assert_eq!((root.kind.as_str(), root.handle), ("tbf", 0x5a));
    for answer in live.apply(
        &[
            add_mq(),
            add_htb(1, Parent::Root),
            Action::RemoveHtb {
                device: DEVICE.into(),
                major: 1,
                parent: Parent::Root,
            },
            Action::RemoveMq {
                device: DEVICE.into(),
            },
        ],
        None,
    ) {
        answer.expect_err("somebody else's qdisc is there");
    }
    assert_eq!(tc(&format!("qdisc show dev {DEVICE}")), before);
}

#[test]
fn an_interface_that_is_not_there_is_an_answer() {
    let Some(space) = Namespace::new("an_interface_that_is_not_there_is_an_answer") else {
        return;
    };
    let mut live = space.live();
    let gone = seen(&mut live);
    assert_eq!((gone.index, gone.up, gone.tx_queues), (None, false, 0));
    assert_eq!(live.waiting(DEVICE, &[id(1, 3)]), Ok(0));
    let error = live
        .apply(&[add_mq()], None)
        .remove(0)
        .expect_err("no interface");
    assert_eq!(error.kind, ErrorKind::NoDevice);
    assert_eq!(live.boot_id().map(|id| id.len()), Ok(36));
}

#[test]
fn what_waits_is_counted_and_stays_when_rates_change() {
    let Some(space) = Namespace::new("what_waits_is_counted_and_stays_when_rates_change") else {
        return;
    };
    space.cable(DEVICE, "peer0", 1);
    namespace::sh("ip", ["addr", "add", "10.9.0.1/24", "dev", DEVICE]);
    namespace::sh(
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
    let mut live = space.live();
    // All that is not told otherwise goes into the class: only here, so that a socket fills it.
    tc(&format!(
        "qdisc add dev {DEVICE} root handle 1: htb default 3"
    ));
    all_done(live.apply(
        &[
            add_class(id(1, 3), None, shape(8, 8, 1514)),
            add_class(id(1, 4), None, shape(8, 8, 1514)),
        ],
        None,
    ));
    let socket = std::net::UdpSocket::bind("10.9.0.1:0").expect("a socket");
    for _ in 0..50 {
        socket.send_to(&[0; 1000], "10.9.0.2:9").expect("sent");
    }
    let waiting = live.waiting(DEVICE, &[id(1, 3)]).expect("read");
    assert!((40..=50).contains(&waiting), "{waiting}");
    assert_eq!(live.waiting(DEVICE, &[id(1, 4), id(1, 77)]), Ok(0));
    all_done(live.apply(
        &[Action::ChangeClass {
            device: DEVICE.into(),
            id: id(1, 3),
            parent: None,
            shape: shape(9, 9, 2000),
        }],
        None,
    ));
    let still = live.waiting(DEVICE, &[id(1, 3)]).expect("read");
    assert!(still + 5 >= waiting, "{still} of {waiting} are left");
    let interface = seen(&mut live);
    let backlog = u64::from(of(&interface, id(1, 3)).stats.backlog_packets);
    assert!(backlog.abs_diff(still) <= 10, "{backlog} and {still}");
    assert!(run("tc", ["qdisc", "del", "dev", DEVICE, "root"]).is_ok());
}
