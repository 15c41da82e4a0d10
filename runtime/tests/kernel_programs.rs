//! Programs, maps and tables in the live kernel: made, pinned, taken up again by the next process, replaced without
//! a gap, refused where they are not ours, and removed without a trace.

mod namespace;

use std::collections::BTreeSet;
use std::path::Path;

use namespace::{Namespace, sh, tc};
use weir_abi::ABI_VERSION;
use weir_abi::maps::SLOTS;
use weir_abi::table::{self, Builder, Entry, Prefix, Queue};
use weir_plan::Action;
use weir_plan::kernel::{Active, Observation, Program, ProgramSeen, Tables};
use weir_runtime::bpf::{self, Hooks, Maps, Object, Pins};
use weir_runtime::live::Live;
use weir_runtime::swap::{ErrorKind, Generation, Kernel, KernelError};

/// Payload digest of the n-th generation.
fn digest(n: u8) -> String {
    format!("{n:02x}").repeat(32)
}

/// A table of so many circuits, a /32 each.
fn table(circuits: u32) -> Vec<u8> {
    let queues = [Queue {
        major_down: 1,
        major_up: 1,
        tx_down: 0,
        tx_up: 0,
    }];
    let mut builder = Builder::new(&queues, circuits);
    for circuit in 0..circuits {
        let minor = 3 + (circuit % 60_000) as u16;
        let address = 0x0a00_0000 + circuit * 3;
        builder.add(
            Prefix::V4 { address, len: 32 },
            Entry {
                minor,
                queue: 0,
                circuit,
            },
        );
    }
    table::to_bytes(&builder.finish().expect("a table"))
}

fn load(live: &mut Live, slot: u32, n: u8, table: &[u8]) -> Result<(), KernelError> {
    let digest = digest(n);
    let generation = Generation {
        digest: &digest,
        table,
    };
    live.apply(
        &[Action::LoadTable {
            slot,
            digest: digest.clone(),
        }],
        Some(&generation),
    )
    .remove(0)
}

fn act(live: &mut Live, action: Action) -> Result<(), KernelError> {
    live.apply(&[action], None).remove(0)
}

fn tables(live: &mut Live) -> Tables {
    live.observe(&[]).unwrap_or_else(|e| panic!("{e}")).tables
}

fn program(live: &mut Live, device: &str) -> Option<ProgramSeen> {
    let Observation { interfaces, .. } = live
        .observe(&[device.to_owned()])
        .unwrap_or_else(|e| panic!("{e}"));
    interfaces[0].program
}

fn pinned(directory: &Path) -> BTreeSet<String> {
    std::fs::read_dir(directory)
        .map(|all| {
            all.map(|e| {
                e.expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("text")
            })
            .collect()
        })
        .unwrap_or_default()
}

#[test]
fn a_generation_is_loaded_proved_and_chosen_by_one_word() {
    let Some(space) = Namespace::new("a_generation_is_loaded_proved_and_chosen_by_one_word") else {
        return;
    };
    let mut live = space.live();
    assert_eq!(
        tables(&mut live),
        Tables::default(),
        "nothing is made by looking"
    );
    assert!(pinned(&space.pins()).is_empty());

    let (first, second) = (table(1000), table(50_000));
    load(&mut live, 0, 1, &first).unwrap_or_else(|e| panic!("{e}"));
    let loaded = tables(&mut live);
    assert_eq!(
        loaded.active,
        Some(Active::Nothing),
        "loading shapes nothing yet"
    );
    assert_eq!(loaded.slots, [Some(digest(1)), None, None, None]);
    assert_eq!(loaded.vlans, [0, 0]);

    act(
        &mut live,
        Action::Flip {
            to: Active::Slot(0),
        },
    )
    .expect("flipped");
    load(&mut live, 1, 2, &second).unwrap_or_else(|e| panic!("{e}"));
    act(
        &mut live,
        Action::Flip {
            to: Active::Slot(1),
        },
    )
    .expect("flipped");
    act(&mut live, Action::Barrier).expect("waited");
    act(&mut live, Action::SetVlans { vlans: [100, 200] }).expect("set");
    let now = tables(&mut live);
    assert_eq!(now.digest(), Some(digest(2).as_str()));
    assert_eq!(now.vlans, [100, 200]);

    let maps = live.maps().expect("read").expect("made");
    let pins = live.pins().clone();
    assert!(maps.proves(&pins, 0).expect("read") && maps.proves(&pins, 1).expect("read"));
    assert!(
        !maps.proves(&pins, 2).expect("read"),
        "an empty slot proves nothing"
    );
    assert_eq!(maps.counts(&pins, 1).expect("read").len(), 50_000);
    assert_eq!(maps.counts(&pins, 3).expect("read").len(), 0);
    assert_eq!(maps.meta(1).expect("read").circuits, 50_000);
    assert!(maps.totals().expect("read").iter().all(|t| t.packets == 0));
    assert!(maps.unknown(10).expect("read").is_empty() && maps.flows(10).expect("read").is_empty());

    act(&mut live, Action::ClearSlot { slot: 0 }).expect("cleared");
    assert_eq!(tables(&mut live).slots, [None, Some(digest(2)), None, None]);
    assert!(!pinned(&space.pins()).contains("table-0"));
}

#[test]
fn what_would_leave_packets_without_a_table_is_refused() {
    let Some(space) = Namespace::new("what_would_leave_packets_without_a_table_is_refused") else {
        return;
    };
    let mut live = space.live();
    let small = table(10);
    assert!(
        act(
            &mut live,
            Action::Flip {
                to: Active::Nothing
            }
        )
        .is_ok(),
        "there is nothing already"
    );
    assert!(
        act(
            &mut live,
            Action::Flip {
                to: Active::Slot(0)
            }
        )
        .is_err()
    );
    load(&mut live, 2, 1, &small).unwrap_or_else(|e| panic!("{e}"));
    act(
        &mut live,
        Action::Flip {
            to: Active::Slot(2),
        },
    )
    .expect("flipped");

    for action in [
        Action::Flip {
            to: Active::Slot(1),
        },
        Action::Flip {
            to: Active::Slot(SLOTS),
        },
        Action::ClearSlot { slot: 2 },
        Action::ClearSlot { slot: SLOTS },
    ] {
        act(&mut live, action).expect_err("it would take the table from under the packets");
    }
    load(&mut live, 2, 3, &small).expect_err("the active slot");
    // Another generation than the act speaks of, and bytes that are no table.
    let other = digest(9);
    let generation = Generation {
        digest: &other,
        table: &small,
    };
    let answer = live.apply(
        &[Action::LoadTable {
            slot: 0,
            digest: digest(1),
        }],
        Some(&generation),
    );
    assert!(answer[0].is_err());
    load(&mut live, 0, 4, &small[..4000]).expect_err("cut off");
    load(&mut live, 0, 4, &[0; 4096]).expect_err("no table");
    assert_eq!(tables(&mut live).slots, [None, None, Some(digest(1)), None]);
}

#[test]
fn the_next_process_takes_up_what_is_pinned() {
    let Some(space) = Namespace::new("the_next_process_takes_up_what_is_pinned") else {
        return;
    };
    space.cable("down0", "peer0", 2);
    let mut first = space.live();
    load(&mut first, 1, 7, &table(100)).unwrap_or_else(|e| panic!("{e}"));
    act(
        &mut first,
        Action::Attach {
            device: "down0".into(),
            program: Program::Download,
        },
    )
    .expect("attached");
    act(
        &mut first,
        Action::Flip {
            to: Active::Slot(1),
        },
    )
    .expect("flipped");
    let seen = program(&mut first, "down0").expect("attached");
    assert_eq!(seen.program, Some(Program::Download));
    drop(first);

    let mut second = space.live();
    assert_eq!(tables(&mut second).digest(), Some(digest(7).as_str()));
    assert_eq!(
        program(&mut second, "down0"),
        Some(seen),
        "known again, and as this build's"
    );
    let maps = second.maps().expect("read").expect("pinned");
    assert!(maps.proves(&second.pins().clone(), 1).expect("read"));
}

#[test]
fn programs_are_attached_replaced_and_detached_at_both_hooks() {
    let Some(space) = Namespace::new("programs_are_attached_replaced_and_detached_at_both_hooks")
    else {
        return;
    };
    let mut hooks = vec![Hooks::Clsact];
    if Hooks::of_this_kernel() == Hooks::Tcx {
        hooks.push(Hooks::Tcx);
    }
    for hook in hooks {
        space.cable("down0", "peer0", 2);
        let mut live = space.live_at(hook);
        assert_eq!(program(&mut live, "down0"), None);
        let attach = |program| Action::Attach {
            device: "down0".into(),
            program,
        };
        act(&mut live, attach(Program::Download)).expect("attached");
        let download = program(&mut live, "down0").expect("attached");
        assert_eq!(
            (download.program, download.tcx),
            (Some(Program::Download), hook == Hooks::Tcx)
        );
        // Again, and another one in its place: there is one program, before and after.
        act(&mut live, attach(Program::Download)).expect("attached again");
        assert_eq!(program(&mut live, "down0"), Some(download));
        act(&mut live, attach(Program::Upload)).expect("replaced");
        let upload = program(&mut live, "down0").expect("attached");
        assert_eq!(upload.program, Some(Program::Upload));
        assert_ne!(upload.tag, download.tag);

        act(
            &mut live,
            Action::Detach {
                device: "down0".into(),
            },
        )
        .expect("detached");
        act(
            &mut live,
            Action::Detach {
                device: "down0".into(),
            },
        )
        .expect("nothing is there");
        assert_eq!(program(&mut live, "down0"), None);
        live.remove_programs().expect("removed");
        assert!(pinned(&space.pins()).is_empty());
        sh("ip", ["link", "del", "down0"]);
    }
}

/// Interfaces are known by number, and numbers come back.
#[test]
fn a_link_of_an_interface_that_is_gone_is_no_link() {
    let Some(space) = Namespace::new("a_link_of_an_interface_that_is_gone_is_no_link") else {
        return;
    };
    space.cable("down0", "peer0", 2);
    let mut live = space.live();
    let index = live.observe(&["down0".into()]).expect("read").interfaces[0]
        .index
        .expect("there");
    act(
        &mut live,
        Action::Attach {
            device: "down0".into(),
            program: Program::Download,
        },
    )
    .expect("attached");
    sh("ip", ["link", "del", "down0"]);
    let number = index.to_string();
    sh(
        "ip",
        [
            "link", "add", "down0", "index", &number, "type", "veth", "peer", "name", "peer0",
        ],
    );
    assert_eq!(program(&mut live, "down0"), None);
    act(
        &mut live,
        Action::Attach {
            device: "down0".into(),
            program: Program::Download,
        },
    )
    .expect("attached");
    assert!(program(&mut live, "down0").is_some());
}

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

/// A million prefixes go in whole, are read back and are found again.
#[test]
fn a_million_prefixes_are_loaded() {
    let Some(space) = Namespace::new("a_million_prefixes_are_loaded") else {
        return;
    };
    let mut live = space.live();
    let million = table(1_000_000);
    load(&mut live, 3, 5, &million).unwrap_or_else(|e| panic!("{e}"));
    act(
        &mut live,
        Action::Flip {
            to: Active::Slot(3),
        },
    )
    .expect("flipped");
    let maps = live.maps().expect("read").expect("made");
    let pins = live.pins().clone();
    assert!(maps.proves(&pins, 3).expect("read"));
    assert_eq!(maps.counts(&pins, 3).expect("read").len(), 1_000_000);
}

/// The object loads on this kernel, every program of it.
#[test]
fn every_program_loads() {
    let Some(space) = Namespace::new("every_program_loads") else {
        return;
    };
    let pins = Pins::at(&space.pins()).unwrap_or_else(|e| panic!("{e}"));
    let mut object = Object::load(&pins).unwrap_or_else(|e| panic!("{e}"));
    let mut tags = BTreeSet::new();
    for name in [
        weir_abi::maps::PROGRAM_DOWNLOAD,
        weir_abi::maps::PROGRAM_UPLOAD,
        weir_abi::maps::PROGRAM_STICK,
        weir_abi::maps::PROGRAM_STEER_DOWNLOAD,
        weir_abi::maps::PROGRAM_STEER_UPLOAD,
        weir_abi::maps::PROGRAM_STEER_STICK,
    ] {
        let (_, info) = object.program(name).unwrap_or_else(|e| panic!("{e}"));
        tags.insert(info.tag);
    }
    assert_eq!(tags.len(), 6, "they are six different programs");
    assert!(object.program("weir_other").is_err());
    assert!(Maps::open(&pins).expect("read").is_some());
    bpf::barrier().expect("waited");
}
