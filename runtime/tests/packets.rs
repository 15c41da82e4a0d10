//! The checked-in programs in this kernel: what becomes of every kind of frame, of frames nobody thought of, and
//! what is counted of them. Needs root; elsewhere each test says that it was skipped.

mod lab;

use std::net::IpAddr;

use lab::policy::{INTERNET_VLAN, Make, NETWORK_VLAN, ROWS};
use lab::reference::{Side, is_remembered, read};
use lab::world::{World, mapped};
use lab::{DOWN, GO_ON, Lab, Totals, UP, XDP_PASS, XDP_REDIRECT};
use weir_abi::maps::{self, Counts, FlowKey, Outcome, Settings, stamp};
use weir_abi::table::{Direction, Entry};

/// What `priority` and `mark` of a packet are before the programs see it.
const BEFORE: u32 = 0x0077_0012;

/// A way to put a frame through a program.
struct Course {
    program: &'static str,
    steering: &'static str,
    side: Side,
    make: Make,
}

fn courses() -> Vec<Course> {
    let stick = Side::Stick(NETWORK_VLAN, INTERNET_VLAN);
    let course = |program, steering, side, up, vlan| Course {
        program,
        steering,
        side,
        make: Make { up, vlan },
    };
    use maps::*;
    vec![
        course(
            PROGRAM_DOWNLOAD,
            PROGRAM_STEER_DOWNLOAD,
            Side::Down,
            false,
            None,
        ),
        course(PROGRAM_UPLOAD, PROGRAM_STEER_UPLOAD, Side::Up, true, None),
        course(
            PROGRAM_STICK,
            PROGRAM_STEER_STICK,
            stick,
            false,
            Some(NETWORK_VLAN),
        ),
        course(
            PROGRAM_STICK,
            PROGRAM_STEER_STICK,
            stick,
            true,
            Some(INTERNET_VLAN),
        ),
    ]
}

fn settings() -> Settings {
    Settings {
        sample_every: 1,
        internet_vlan: INTERNET_VLAN,
        network_vlan: NETWORK_VLAN,
        stamp: 1,
        reserved: 0,
    }
}

/// A laboratory with the small network in slot 2.
fn lab(world: &World) -> Lab {
    let mut lab = Lab::new();
    lab.fill(2, &world.table(), world.circuits);
    lab.activate(Some(2));
    lab.settings(settings());
    lab
}

/// What should become of a frame, by the other parser and the slow lookup.
fn expected(world: &World, frame: &[u8], side: Side) -> (Outcome, usize, Option<(Entry, FlowKey)>) {
    let (direction, seen) = read(frame, side);
    let seen = match seen {
        Ok(seen) => seen,
        Err(outcome) => return (outcome, direction, None),
    };
    let key = FlowKey {
        subscriber: mapped(seen.subscriber),
        remote: mapped(seen.remote),
        subscriber_port: seen.ports.0,
        remote_port: seen.ports.1,
        protocol: seen.protocol,
        reserved: [0; 3],
    };
    match world.lookup(seen.subscriber) {
        Some(entry) => (Outcome::Shaped, direction, Some((entry, key))),
        None => (Outcome::Unknown, direction, None),
    }
}

fn way(direction: usize) -> Direction {
    if direction == UP {
        Direction::Up
    } else {
        Direction::Down
    }
}

#[test]
fn every_row_of_the_policy_holds() {
    if !lab::can("every_row_of_the_policy_holds") {
        return;
    }
    let world = World::small();
    let mut lab = lab(&world);
    for course in courses() {
        for row in ROWS {
            let frames = (row.make)(&course.make);
            assert!(!frames.is_empty(), "{}", row.frames);
            for frame in frames {
                let name = format!("{}: {}: {frame:02x?}", course.program, row.frames);
                let (outcome, direction, shaped) = expected(&world, &frame, course.side);
                assert_eq!(outcome, row.outcome, "the other parser: {name}");
                if outcome != Outcome::TooDeep {
                    assert_eq!(direction, usize::from(course.make.up), "{name}");
                }

                let totals = lab.totals();
                let Some(ran) = lab.tc(course.program, &frame, BEFORE) else {
                    continue;
                };
                assert_eq!(ran.verdict, GO_ON, "{name}");
                let mut added = Totals::default();
                added.add(outcome, direction, frame.len());
                assert_eq!(lab.totals().since(totals), added, "{name}");

                if let Some((entry, _)) = shaped {
                    let class = world.class(entry, way(direction));
                    assert_eq!(ran.priority, class.0, "{name}");
                    assert_eq!(ran.mark, stamp(2, entry.circuit), "{name}");
                } else {
                    assert_eq!((ran.priority, ran.mark), (BEFORE, BEFORE), "{name}");
                    assert!(lab.flows().is_empty(), "{name}");
                }
                if outcome != Outcome::Unknown {
                    assert!(lab.unknown().is_empty(), "{name}");
                }
                lab.forget();
            }
        }
    }
}

#[test]
fn the_policy_is_on_the_page() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/dataplane.md");
    let page = std::fs::read_to_string(path).unwrap();
    let table = lab::policy::table();
    assert!(page.contains(&table), "{path} should contain:\n{table}");
}

#[test]
fn a_frame_may_end_anywhere() {
    if !lab::can("a_frame_may_end_anywhere") {
        return;
    }
    let world = World::small();
    let mut lab = lab(&world);
    for course in courses() {
        // Rows of all encapsulations, cut at every byte; the kernel itself makes no frame shorter than a header.
        for row in ROWS.iter().filter(|row| row.outcome == Outcome::Shaped) {
            for whole in (row.make)(&course.make).iter().step_by(3) {
                for len in 14..=whole.len() {
                    check(&lab, &world, &course, &whole[..len]);
                }
            }
        }
        lab.forget();
    }
}

/// Runs a frame and compares what can be seen of it without reading a map.
fn check(lab: &Lab, world: &World, course: &Course, frame: &[u8]) {
    let (_, direction, shaped) = expected(world, frame, course.side);
    let Some(ran) = lab.tc(course.program, frame, BEFORE) else {
        return;
    };
    let (priority, mark) = match shaped {
        Some((entry, _)) => (
            world.class(entry, way(direction)).0,
            stamp(2, entry.circuit),
        ),
        None => (BEFORE, BEFORE),
    };
    assert_eq!(
        (ran.verdict, ran.priority, ran.mark),
        (GO_ON, priority, mark),
        "{}: {frame:02x?}",
        course.program
    );
}

#[test]
fn on_a_stick_only_two_vlans_are_looked_at() {
    if !lab::can("on_a_stick_only_two_vlans_are_looked_at") {
        return;
    }
    let world = World::small();
    let lab = lab(&world);
    for (vlan, priority, want) in [
        (NETWORK_VLAN, 0, Outcome::Shaped),
        (NETWORK_VLAN, 0xf000, Outcome::Shaped),
        (300, 0, Outcome::OtherVlan),
        (0, 0xe000, Outcome::OtherVlan),
        (4095, 0, Outcome::OtherVlan),
    ] {
        let make = Make {
            up: false,
            vlan: None,
        };
        let layers = [lab::frames::Layer::Tag(lab::frames::Q, priority | vlan)];
        let packet = make.v4(
            lab::world::v4("10.1.2.7"),
            6,
            &[],
            &lab::frames::ports(1, 2),
        );
        for (layers, want) in [(&layers[..], want), (&[], Outcome::OtherVlan)] {
            let frame = lab::frames::ethernet(layers, lab::frames::IPV4, &packet);
            let totals = lab.totals();
            lab.tc(maps::PROGRAM_STICK, &frame, BEFORE).unwrap();
            let mut added = Totals::default();
            added.add(want, DOWN, frame.len());
            assert_eq!(lab.totals().since(totals), added, "VLAN {vlan}");
        }
    }
}

#[test]
fn a_box_on_a_stick_without_vlans_shapes_nothing() {
    if !lab::can("a_box_on_a_stick_without_vlans_shapes_nothing") {
        return;
    }
    let world = World::small();
    let mut lab = lab(&world);
    lab.settings(Settings::default());
    for vlan in [None, Some(0), Some(1)] {
        let make = Make { up: false, vlan };
        for frame in (ROWS[0].make)(&make) {
            assert_eq!(
                lab.tc(maps::PROGRAM_STICK, &frame, BEFORE)
                    .unwrap()
                    .priority,
                BEFORE
            );
        }
    }
    assert_eq!(lab.totals().0[Outcome::Shaped.index(0) as usize].packets, 0);
}

#[test]
fn what_is_active_decides_and_nothing_else() {
    if !lab::can("what_is_active_decides_and_nothing_else") {
        return;
    }
    let world = World::small();
    let mut lab = lab(&world);
    // The same addresses in other classes.
    let mut other = World::small();
    for (_, entry) in &mut other.prefixes {
        entry.minor += 100;
        entry.queue = (entry.queue + 1) % 3;
        entry.circuit = other.circuits - 1 - entry.circuit;
    }
    lab.fill(0, &other.table(), other.circuits);

    let make = Make {
        up: true,
        vlan: None,
    };
    let frames = (ROWS[0].make)(&make);
    let outcome = |lab: &mut Lab, want: Outcome| {
        let totals = lab.totals();
        for frame in &frames {
            let ran = lab.tc(maps::PROGRAM_UPLOAD, frame, BEFORE).unwrap();
            assert_eq!((ran.priority, ran.mark), (BEFORE, BEFORE));
        }
        let added = lab.totals().since(totals).0[want.index(UP as u32) as usize].packets;
        assert_eq!(added, frames.len() as u64, "{want:?}");
        assert!(lab.unknown().is_empty() && lab.flows().is_empty());
    };
    lab.activate(None);
    outcome(&mut lab, Outcome::NoTable);
    // A slot that nothing lies in, and a number that is no slot.
    lab.activate(Some(3));
    outcome(&mut lab, Outcome::BadTable);
    lab.activate(Some(1000));
    outcome(&mut lab, Outcome::BadTable);
    // A table that lost its queues.
    let mut damaged = world.table();
    damaged[0][0][4] &= !0xffff_ffff;
    lab.fill(3, &damaged, world.circuits);
    lab.activate(Some(3));
    outcome(&mut lab, Outcome::BadTable);

    for (slot, world) in [(0, &other), (2, &world), (0, &other)] {
        lab.activate(Some(slot));
        for frame in &frames {
            let (_, _, shaped) = expected(world, frame, Side::Up);
            let (entry, _) = shaped.unwrap();
            let before = lab.counts(slot, entry.circuit);
            let ran = lab.tc(maps::PROGRAM_UPLOAD, frame, BEFORE).unwrap();
            assert_eq!(ran.priority, world.class(entry, Direction::Up).0);
            assert_eq!(ran.mark, stamp(slot, entry.circuit));
            let after = lab.counts(slot, entry.circuit);
            let want = Counts {
                packets: [before.packets[0], before.packets[1] + 1],
                bytes: [before.bytes[0], before.bytes[1] + frame.len() as u64],
            };
            assert_eq!(after, want);
        }
    }
}

#[test]
fn stamping_and_sampling_can_be_off() {
    if !lab::can("stamping_and_sampling_can_be_off") {
        return;
    }
    let world = World::small();
    let mut lab = lab(&world);
    lab.settings(Settings::default());
    for frame in (ROWS[0].make)(&Make {
        up: false,
        vlan: None,
    }) {
        let ran = lab.tc(maps::PROGRAM_DOWNLOAD, &frame, BEFORE).unwrap();
        assert_ne!(ran.priority, BEFORE);
        assert_eq!(ran.mark, BEFORE);
    }
    assert!(lab.flows().is_empty());

    // One in four, at random: of 4,000 certainly some and certainly not half.
    lab.settings(Settings {
        sample_every: 4,
        ..Settings::default()
    });
    let frame = &(ROWS[0].make)(&Make {
        up: false,
        vlan: None,
    })[0];
    for _ in 0..4000 {
        lab.tc(maps::PROGRAM_DOWNLOAD, frame, BEFORE).unwrap();
    }
    let flows = lab.flows();
    let (_, flow) = flows.values().next().unwrap();
    assert_eq!(flows.len(), 1);
    assert!((500..2000).contains(&flow.packets[DOWN]), "{flow:?}");
}

#[test]
fn packets_are_steered_to_the_cpu_of_their_queue() {
    if !lab::can("packets_are_steered_to_the_cpu_of_their_queue") {
        return;
    }
    let world = World::small();
    let mut lab = lab(&world);
    // Test runs are on the CPU of the caller.
    let here = rustix::thread::sched_getcpu();
    let mut only = rustix::thread::CpuSet::new();
    only.set(here);
    rustix::thread::sched_setaffinity(None, &only).unwrap();
    let here = here as u32;
    let there = if here == 0 { 1 } else { 0 };
    // Queue 0 elsewhere, queue 1 here, queue 2 on a CPU the map does not have.
    let elsewhere = std::thread::available_parallelism().is_ok() && cpu_exists(there);
    lab.steer(0, there, elsewhere);
    lab.steer(1, here, true);
    lab.steer(2, 63, false);
    let mut redirected = 0;
    for course in courses() {
        for row in ROWS {
            // Seen where it arrives, a download comes from the internet.
            let side = match course.side {
                Side::Stick(down, up) => Side::Stick(up, down),
                side => side,
            };
            let vlan = course
                .make
                .vlan
                .map(|vlan| INTERNET_VLAN + NETWORK_VLAN - vlan);
            for frame in (row.make)(&Make {
                vlan,
                ..course.make
            }) {
                let (_, _, shaped) = expected(&world, &frame, side);
                let want = match shaped {
                    Some((entry, _)) if entry.queue == 0 && elsewhere => XDP_REDIRECT,
                    _ => XDP_PASS,
                };
                redirected += u32::from(want == XDP_REDIRECT);
                let action = lab.xdp(course.steering, &frame);
                assert_eq!(action, want, "{}: {frame:02x?}", course.steering);
            }
        }
    }
    assert!(redirected > 0 || !elsewhere);
    assert_eq!(lab.totals(), Totals::default(), "tc counts, not XDP");

    lab.activate(None);
    let frame = &(ROWS[0].make)(&Make {
        up: false,
        vlan: None,
    })[0];
    assert_eq!(lab.xdp(maps::PROGRAM_STEER_DOWNLOAD, frame), XDP_PASS);
}

fn cpu_exists(cpu: u32) -> bool {
    std::path::Path::new(&format!("/sys/devices/system/cpu/cpu{cpu}")).exists()
}

#[test]
fn addresses_of_nobody_are_not_remembered() {
    if !lab::can("addresses_of_nobody_are_not_remembered") {
        return;
    }
    let world = World::small();
    let mut lab = lab(&world);
    let make = Make {
        up: true,
        vlan: None,
    };
    for (address, remembered) in [
        ("203.0.113.1", true),
        ("223.255.255.255", true),
        ("169.253.255.255", true),
        ("169.255.0.0", true),
        ("126.0.0.1", true),
        ("1.0.0.0", true),
        ("0.0.0.0", false),
        ("0.1.2.3", false),
        ("127.0.0.1", false),
        ("169.254.7.7", false),
        ("224.0.0.1", false),
        ("239.1.1.1", false),
        ("255.255.255.255", false),
        ("2001:db8:7::1", true),
        ("fe7f::1", true),
        ("fec0::1", true),
        ("fd00::1", true),
        ("::1:0:0:0:0", true),
        ("::", false),
        ("::1", false),
        ("::ffff:10.9.9.9", false),
        ("fe80::1", false),
        ("febf::1", false),
        ("ff02::1", false),
    ] {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(is_remembered(address), remembered, "{address}");
        let (kind, packet) = match address {
            IpAddr::V4(address) => (lab::frames::IPV4, make.v4(address, 6, &[], &[])),
            IpAddr::V6(address) => (lab::frames::IPV6, make.v6(address, 6, &[])),
        };
        let frame = make.ethernet(&[], kind, &packet);
        lab.tc(maps::PROGRAM_UPLOAD, &frame, BEFORE).unwrap();
        lab.tc(maps::PROGRAM_UPLOAD, &frame, BEFORE).unwrap();
        let unknown = lab.unknown();
        if remembered {
            let seen = unknown[&mapped(address)];
            assert_eq!(seen.packets, [0, 2], "{address}");
            assert_eq!(seen.bytes, [0, 2 * frame.len() as u64], "{address}");
            assert!(seen.last_seen > 0);
        } else {
            assert!(unknown.is_empty(), "{address}");
        }
        lab.forget();
    }
}

#[test]
fn a_spray_of_addresses_takes_no_more_room_and_no_count_away() {
    if !lab::can("a_spray_of_addresses_takes_no_more_room_and_no_count_away") {
        return;
    }
    let world = World::small();
    let lab = lab(&world);
    let make = Make {
        up: true,
        vlan: None,
    };
    let shaped = &(ROWS[0].make)(&make)[0];
    let (_, _, entry) = expected(&world, shaped, Side::Up);
    let (entry, _) = entry.unwrap();
    let spray = maps::MAX_UNKNOWN * 4;
    for n in 0..spray {
        let packet = make.v4((0x2d00_0000 + n).into(), 17, &[], &[]);
        lab.tc(
            maps::PROGRAM_UPLOAD,
            &make.ethernet(&[], 0x0800, &packet),
            BEFORE,
        )
        .unwrap();
        if n % 8 == 0 {
            lab.tc(maps::PROGRAM_UPLOAD, shaped, BEFORE).unwrap();
        }
    }
    let remembered = lab.unknown().len() as u32;
    assert!(remembered <= maps::MAX_UNKNOWN, "{remembered}");
    assert!(remembered > 0);
    let packets = u64::from(spray / 8);
    let counts = Counts {
        packets: [0, packets],
        bytes: [0, packets * shaped.len() as u64],
    };
    assert_eq!(lab.counts(2, entry.circuit), counts);
    let totals = lab.totals();
    let of = |outcome: Outcome| totals.0[outcome.index(UP as u32) as usize].packets;
    assert_eq!(of(Outcome::Unknown), u64::from(spray));
    assert_eq!(of(Outcome::Shaped), packets);
}
