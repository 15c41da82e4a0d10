//! What is the runtime's and what is not: objects of others are refused by name and left alone, interfaces that
//! vanish are told as gone, three capabilities are enough, and everything can be removed by hand as documented.

mod namespace;

use std::collections::BTreeSet;
use std::path::Path;

use namespace::acts::{act, digest, load, pinned, program, table, tables};
use namespace::{Namespace, sh, tc};
use weir_abi::ABI_VERSION;
use weir_plan::Action;
use weir_plan::kernel::{Active, Program};
use weir_runtime::bpf::Hooks;
use weir_runtime::live::Live;
use weir_runtime::swap::{ErrorKind, Generation, Kernel};

#[test]
fn filters_and_pins_of_others_stay() {
    let Some(space) = Namespace::new("filters_and_pins_of_others_stay") else {
        return;
    };
    space.cable("down0", "peer0", 2);
    tc("qdisc add dev down0 clsact");
    sh(
        "tc",
        [
            "filter",
            "add",
            "dev",
            "down0",
            "egress",
            "prio",
            "7",
            "protocol",
            "ip",
            "bpf",
            "bytecode",
            "1,6 0 0 0,",
            "flowid",
            "1:1",
        ],
    );
    let before = tc("filter show dev down0 egress");
    for hook in [Hooks::Clsact, Hooks::of_this_kernel()] {
        let mut live = space.live_at(hook);
        act(
            &mut live,
            Action::Attach {
                device: "down0".into(),
                program: Program::Upload,
            },
        )
        .expect("attached");
        // Somebody else's directory and file beside ours.
        std::fs::create_dir(space.pins().join("theirs")).expect("a directory");
        live.remove_programs().expect("removed");
        assert_eq!(tc("filter show dev down0 egress"), before);
        assert_eq!(pinned(&space.pins()), BTreeSet::from(["theirs".to_owned()]));
        std::fs::remove_dir(space.pins().join("theirs")).expect("empty");
    }
}

#[test]
fn pins_that_are_not_ours_are_refused_by_name() {
    let Some(space) = Namespace::new("pins_that_are_not_ours_are_refused_by_name") else {
        return;
    };
    std::fs::create_dir_all(space.pins()).expect("a directory");
    let path = space.pins().join("weir_active");
    sh(
        "bpftool",
        [
            "map",
            "create",
            &path.to_string_lossy(),
            "type",
            "array",
            "key",
            "4",
            "value",
            "8",
            "entries",
            "3",
            "name",
            "theirs",
        ],
    );
    let mut live = space.live();
    let error = load(&mut live, 0, 1, &table(1)).expect_err("a foreign pin");
    assert!(
        error
            .reason
            .contains("weir_active is not a pin of this runtime"),
        "{error}"
    );
    assert!(
        error.reason.contains("3 entries of 4 and 8 bytes"),
        "{error}"
    );
    let found = pinned(&space.pins());
    assert_eq!(
        found,
        BTreeSet::from(["weir_active".to_owned()]),
        "nothing was made beside it"
    );
}

#[test]
fn maps_of_another_version_are_refused() {
    let Some(space) = Namespace::new("maps_of_another_version_are_refused") else {
        return;
    };
    let mut live = space.live();
    load(&mut live, 0, 1, &table(1)).unwrap_or_else(|e| panic!("{e}"));
    let version = ABI_VERSION + 1;
    let meta = space.pins().join("weir_meta");
    let mut args = vec!["map", "update", "pinned"];
    let (meta, value) = (meta.to_string_lossy().into_owned(), version.to_string());
    let zeros = vec!["0"; 71];
    args.extend([
        meta.as_str(),
        "key",
        "0",
        "0",
        "0",
        "0",
        "value",
        value.as_str(),
    ]);
    args.extend(zeros);
    sh("bpftool", args);
    let error = live.observe(&[]).expect_err("another version");
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(
        error.reason.contains(&format!("ABI version {version}")),
        "{error}"
    );
}

#[test]
fn without_a_bpf_file_system_nothing_is_made() {
    let Some(space) = Namespace::new("without_a_bpf_file_system_nothing_is_made") else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let error = Live::open(directory.path())
        .err()
        .expect("no BPF file system");
    assert!(error.reason.contains("mount -t bpf"), "{error}");

    sh(
        "mount",
        ["-o", "remount,ro", &space.bpffs().to_string_lossy()],
    );
    let mut live = space.live();
    let error = load(&mut live, 0, 1, &table(1)).expect_err("read-only");
    assert!(error.reason.contains("must be writable"), "{error}");
}

/// Everything with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON alone, as nobody: the test starts itself so. Without the
/// third the verifier treats programs as an attacker's: it refuses pointers that loops compute, and slows others.
#[test]
fn three_capabilities_are_enough() {
    let Some(space) = Namespace::new("three_capabilities_are_enough") else {
        return;
    };
    space.cable("down0", "peer0", 4);
    let own = std::env::current_exe().expect("this program");
    // Where nobody may read and run it.
    let copy = space
        .bpffs()
        .parent()
        .expect("a directory")
        .join(format!("{}-test", space.name()));
    std::fs::copy(&own, &copy).expect("a copy");
    sh("chmod", ["755", &copy.to_string_lossy()]);
    sh("chmod", ["777", &space.bpffs().to_string_lossy()]);
    let pins = space.pins();
    let output = std::process::Command::new("setpriv")
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--no-new-privs",
        ])
        .args([
            "--bounding-set=-all,+bpf,+net_admin,+perfmon",
            "--inh-caps=-all,+bpf,+net_admin,+perfmon",
        ])
        .args(["--ambient-caps=-all,+bpf,+net_admin,+perfmon", "--"])
        .arg(&copy)
        .args([
            "--exact",
            "with_three_capabilities",
            "--ignored",
            "--nocapture",
        ])
        .env("WEIR_TEST_PINS", &pins)
        .output();
    std::fs::remove_file(&copy).expect("removed");
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            return namespace::skipped(
                "three_capabilities_are_enough",
                &format!("setpriv: {error}"),
            );
        }
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

/// The part of `three_capabilities_are_enough` that runs with them.
#[test]
#[ignore = "started by three_capabilities_are_enough"]
fn with_three_capabilities() {
    let Some(pins) = std::env::var_os("WEIR_TEST_PINS") else {
        return;
    };
    assert!(!rustix::process::geteuid().is_root());
    let mut live = Live::open(Path::new(&pins)).unwrap_or_else(|e| panic!("{e}"));
    let shape = weir_plan::Shape {
        rate_kbps: 1000,
        ceil_kbps: 1000,
        quantum: 1514,
        burst: 0,
    };
    let class = weir_abi::ClassId::new(1, 3);
    let table = table(100);
    let digest = digest(1);
    let generation = Generation {
        digest: &digest,
        table: &table,
    };
    let actions = [
        Action::AddMq {
            device: "down0".into(),
        },
        Action::AddHtb {
            device: "down0".into(),
            major: 1,
            parent: weir_plan::kernel::Parent::Class(weir_abi::ClassId::new(
                weir_abi::MQ_HANDLE,
                1,
            )),
        },
        Action::AddClass {
            device: "down0".into(),
            id: class,
            parent: None,
            shape,
        },
        Action::LoadTable {
            slot: 0,
            digest: digest.clone(),
        },
        Action::Attach {
            device: "down0".into(),
            program: Program::Download,
        },
        Action::Flip {
            to: Active::Slot(0),
        },
        Action::Barrier,
    ];
    for answer in live.apply(&actions, Some(&generation)) {
        answer.unwrap_or_else(|e| panic!("{e}"));
    }
    // And what a later process does.
    let mut live = Live::open(Path::new(&pins)).unwrap_or_else(|e| panic!("{e}"));
    let seen = live
        .observe(&["down0".into()])
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(seen.interfaces[0].classes[0].id, class);
    assert_eq!(
        seen.interfaces[0].program.and_then(|p| p.program),
        Some(Program::Download)
    );
    assert_eq!(seen.tables.digest(), Some(digest.as_str()));
    let maps = live.maps().expect("read").expect("pinned");
    assert!(maps.proves(live.pins(), 0).expect("read"));
    assert_eq!(maps.counts(live.pins(), 0).expect("read").len(), 100);
    live.steer("down0", Program::Download)
        .unwrap_or_else(|e| panic!("{e}"));
    live.remove_programs().unwrap_or_else(|e| panic!("{e}"));
}

/// An interface that vanishes in the middle of a batch: what follows is told so, and the rest is done.
#[test]
fn an_interface_that_vanishes_is_told_as_gone() {
    let Some(space) = Namespace::new("an_interface_that_vanishes_is_told_as_gone") else {
        return;
    };
    space.cable("down0", "peer0", 2);
    let mut live = space.live();
    act(
        &mut live,
        Action::Attach {
            device: "down0".into(),
            program: Program::Download,
        },
    )
    .expect("attached");
    sh("ip", ["link", "del", "down0"]);
    let answers = live.apply(
        &[
            Action::AddMq {
                device: "down0".into(),
            },
            Action::Attach {
                device: "down0".into(),
                program: Program::Download,
            },
            Action::Detach {
                device: "down0".into(),
            },
            Action::SetVlans { vlans: [7, 8] },
        ],
        None,
    );
    let kinds: Vec<Option<ErrorKind>> = answers
        .iter()
        .map(|a| a.as_ref().err().map(|e| e.kind))
        .collect();
    let gone = Some(ErrorKind::NoDevice);
    assert_eq!(kinds, [gone, gone, gone, None], "{answers:?}");
    assert_eq!(tables(&mut live).vlans, [7, 8]);
    // Its link pin is stale now; an interface that comes back under another number is attached anew.
    space.cable("down0", "peer0", 2);
    act(
        &mut live,
        Action::Attach {
            device: "down0".into(),
            program: Program::Download,
        },
    )
    .expect("attached");
    assert!(program(&mut live, "down0").is_some());
    live.remove_programs().unwrap_or_else(|e| panic!("{e}"));
    assert!(pinned(&space.pins()).is_empty());
}

/// The commands of the page about it, as they stand there, on a box where everything is loaded: with the programs at
/// clsact, which is what kernels before 6.6 have, and where this one puts them.
#[test]
fn everything_is_removed_by_hand_as_documented() {
    let Some(space) = Namespace::new("everything_is_removed_by_hand_as_documented") else {
        return;
    };
    space.cable("down0", "peer0", 4);
    for hooks in [Hooks::Clsact, Hooks::of_this_kernel()] {
        removed_by_hand(&space, hooks);
    }
}

fn removed_by_hand(space: &Namespace, hooks: Hooks) {
    let mut live = space.live_at(hooks);
    let shape = weir_plan::Shape {
        rate_kbps: 1000,
        ceil_kbps: 1000,
        quantum: 1514,
        burst: 0,
    };
    let queue = weir_abi::ClassId::new(weir_abi::MQ_HANDLE, 1);
    let class = weir_abi::ClassId::new(1, 3);
    load(&mut live, 0, 1, &table(10)).unwrap_or_else(|e| panic!("{e}"));
    for action in [
        Action::AddMq {
            device: "down0".into(),
        },
        Action::AddHtb {
            device: "down0".into(),
            major: 1,
            parent: weir_plan::kernel::Parent::Class(queue),
        },
        Action::AddClass {
            device: "down0".into(),
            id: class,
            parent: None,
            shape,
        },
        Action::Attach {
            device: "down0".into(),
            program: Program::Download,
        },
        Action::Flip {
            to: Active::Slot(0),
        },
    ] {
        act(&mut live, action).unwrap_or_else(|e| panic!("{e}"));
    }
    live.steer("down0", Program::Download)
        .unwrap_or_else(|e| panic!("{e}"));

    let page = include_str!("../../docs/kernel-objects.md");
    let blocks: Vec<String> = page
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(|block| {
            block
                .replace("/sys/fs/bpf/weir/shaper", &space.pins().to_string_lossy())
                .replace(" IF ", " down0 ")
        })
        .collect();
    let [all, back] = blocks.try_into().expect("two blocks of commands");
    let steps: Vec<&str> = all.split("\n\n").collect();
    assert_eq!(steps.len(), 4);

    sh("sh", ["-euc", steps[0]]);
    assert_eq!(tables(&mut live).active, Some(Active::Nothing));
    sh("sh", ["-euc", &back]);
    assert_eq!(tables(&mut live).active, Some(Active::Slot(0)));
    sh("sh", ["-euc", steps[1]]);
    // The kernel lets go of a link a moment after its pin.
    let gone = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        program(&mut live, "down0").is_none()
            && !sh("ip", ["link", "show", "down0"]).contains("xdp")
    });
    assert!(gone, "a program is still attached");
    sh("sh", ["-euc", steps[2]]);
    let seen = live
        .observe(&["down0".into()])
        .unwrap_or_else(|e| panic!("{e}"));
    assert!(seen.interfaces[0].classes.is_empty());
    let left = &seen.interfaces[0].qdiscs;
    assert!(left.iter().all(|q| q.handle == 0), "{hooks:?}: {left:?}");
    assert!(!tc("qdisc show dev down0").contains("clsact"), "{hooks:?}");
    sh("sh", ["-euc", steps[3]]);
    assert!(!space.pins().exists());
    // And all of it can be made again.
    load(&mut live, 1, 1, &table(10)).unwrap_or_else(|e| panic!("{e}"));
}
