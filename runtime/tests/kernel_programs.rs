//! Programs, maps and tables in the live kernel: made, pinned, taken up again by the next process, replaced without
//! a gap, refused where they are not ours, and removed without a trace.

mod namespace;

use std::collections::BTreeSet;

use namespace::acts::{act, digest, load, pinned, program, table, tables};
use namespace::{Namespace, sh};
use weir_abi::maps::SLOTS;
use weir_plan::Action;
use weir_plan::kernel::{Active, Program, Tables};
use weir_runtime::bpf::{self, Hooks, Maps, Object, Pins};
use weir_runtime::swap::{Generation, Kernel};

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

#[test]
fn steering_is_put_on_replaced_and_taken_off() {
    let Some(space) = Namespace::new("steering_is_put_on_replaced_and_taken_off") else {
        return;
    };
    space.cable("down0", "peer0", 2);
    let mut live = space.live();
    assert_eq!(live.is_steered("down0"), Ok(false));
    for egress in [Program::Download, Program::Download, Program::Stick] {
        live.steer("down0", egress)
            .unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(live.is_steered("down0"), Ok(true));
    }
    let maps = live.maps().expect("read").expect("made");
    maps.set_queue_cpus(&[Some(0), None, Some(1)])
        .unwrap_or_else(|e| panic!("{e}"));
    maps.set_queue_cpus(&[Some(4096)])
        .expect_err("no machine has that CPU");
    assert!(sh("ip", ["link", "show", "down0"]).contains("xdp"));
    // The next process finds it on, and takes it off.
    let mut next = space.live();
    assert_eq!(next.is_steered("down0"), Ok(true));
    next.unsteer("down0").unwrap_or_else(|e| panic!("{e}"));
    next.unsteer("down0").expect("nothing is there");
    assert!(!sh("ip", ["link", "show", "down0"]).contains("xdp"));
    live.steer("down0", Program::Upload)
        .unwrap_or_else(|e| panic!("{e}"));
    live.remove_programs().unwrap_or_else(|e| panic!("{e}"));
    assert!(!sh("ip", ["link", "show", "down0"]).contains("xdp"));
    assert!(pinned(&space.pins()).is_empty());
}
