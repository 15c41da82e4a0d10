//! The programs on an interface of a bridge, with HTB below four transmit queues: every forwarded packet is in the
//! class of its circuit, in the HTB of its queue, and is counted as the class counts it. What a test run cannot
//! show: the transmit queue, tags that the kernel keeps beside a packet, packets in pieces and merged ones. Needs
//! root, `ip` and `tc`.

mod lab;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aya::programs::{SchedClassifier, TcAttachType};
use lab::frames::{IPV4, Layer, TCP, ports};
use lab::net::{Net, OUT};
use lab::policy::{INTERNET_VLAN, Make, NETWORK_VLAN, ROWS};
use lab::reference::{Side, read};
use lab::world::{World, v4};
use lab::{Lab, UP};
use weir_abi::maps::{self, Outcome, Settings};
use weir_abi::table::Direction;

/// A class of all traffic that has none.
const REST: u16 = 2;

/// `mq`, and for each CPU queue an HTB below the transmit queue its record names, with a class for each circuit.
fn classes(net: &Net, world: &World, direction: Direction) {
    net.tc(&format!("qdisc replace dev {OUT} root handle 7fff: mq"));
    for queue in &world.queues {
        let (tx, major) = (
            queue.tx(direction) + 1,
            match direction {
                Direction::Down => queue.major_down,
                Direction::Up => queue.major_up,
            },
        );
        net.tc(&format!(
            "qdisc add dev {OUT} parent 7fff:{tx:x} handle {major:x}: htb default {REST}"
        ));
        let add = format!("class add dev {OUT} parent {major:x}: classid {major:x}");
        net.tc(&format!("{add}:{REST:x} htb rate 1gbit quantum 1500"));
        for (_, entry) in &world.prefixes {
            if world.queues[usize::from(entry.queue)] == *queue {
                net.tc(&format!(
                    "{add}:{:x} htb rate 1gbit quantum 1500",
                    entry.minor
                ));
            }
        }
    }
}

/// Packets and bytes of every class that has any.
fn sent(net: &Net) -> BTreeMap<String, (u64, u64)> {
    let text = net.tc(&format!("-s class show dev {OUT}"));
    let mut all = BTreeMap::new();
    let mut class = None;
    for line in text.lines() {
        match *line.split_whitespace().collect::<Vec<_>>() {
            ["class", "htb", id, ..] => class = Some(id.to_owned()),
            ["class", ..] => class = None,
            ["Sent", bytes, "bytes", packets, ..] if packets != "0" => {
                let count = (packets.parse().unwrap(), bytes.parse().unwrap());
                all.extend(class.take().map(|class| (class, count)));
            }
            _ => {}
        }
    }
    all
}

/// Attaches a program of the object to the interface.
fn attach(net: &Net, lab: &mut Lab, program: &str) {
    let program: &mut SchedClassifier =
        lab.ebpf().program_mut(program).unwrap().try_into().unwrap();
    net.in_box(|| program.attach(OUT, TcAttachType::Egress).map(drop))
        .unwrap();
}

/// Sends frames through the box and compares every class with what should be in it, and with the counters.
fn compare(net: &Net, lab: &Lab, world: &World, side: Side, frames: &[Vec<u8>]) {
    let mut want: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut outcomes: BTreeMap<Outcome, u64> = BTreeMap::new();
    let mut circuits: BTreeMap<u32, String> = BTreeMap::new();
    for frame in frames {
        let (direction, seen) = read(frame, side);
        let direction = if direction == UP {
            Direction::Up
        } else {
            Direction::Down
        };
        let found = seen.and_then(|seen| world.lookup(seen.subscriber).ok_or(Outcome::Unknown));
        *outcomes
            .entry(found.err().unwrap_or(Outcome::Shaped))
            .or_default() += 1;
        if let Ok(entry) = found {
            let class = world.class(entry, direction).to_string();
            let count = want.entry(class.clone()).or_default();
            count.0 += 1;
            // A tag that the kernel keeps beside a packet is not in its length.
            count.1 += frame.len() as u64 - if is_tagged(frame) { 4 } else { 0 };
            circuits.insert(entry.circuit, class);
        }
        net.send(frame);
    }
    let totals = |outcome: Outcome| {
        let index = outcome.index(0) as usize;
        let totals = lab.totals().0;
        totals[index].packets + totals[index + 1].packets
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    let arrived = || {
        outcomes
            .iter()
            .all(|(&outcome, &count)| totals(outcome) >= count)
    };
    while !arrived() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    for (&outcome, &count) in &outcomes {
        assert_eq!(totals(outcome), count, "{outcome:?}");
    }
    let mut classes = sent(net);
    while want
        .iter()
        .any(|(class, count)| classes.get(class) != Some(count))
        && Instant::now() < deadline
    {
        std::thread::sleep(Duration::from_millis(20));
        classes = sent(net);
    }
    let unshaped: u64 = outcomes
        .iter()
        .filter(|(outcome, _)| **outcome != Outcome::Shaped)
        .map(|(_, count)| count)
        .sum();
    let mut rest = 0;
    classes.retain(|class, (packets, _)| {
        let is_rest = class.ends_with(&format!(":{REST:x}"));
        rest += if is_rest { *packets } else { 0 };
        !is_rest
    });
    assert_eq!(classes, want);
    // Transmit queue 4 of uploads and 3 of downloads has no HTB: what goes there is not in a class at all.
    assert!(rest <= unshaped, "{rest} packets without a class");
    for (circuit, class) in circuits {
        let counts = lab.counts(0, circuit);
        let all = (
            counts.packets[0] + counts.packets[1],
            counts.bytes[0] + counts.bytes[1],
        );
        assert_eq!(all, want[&class], "circuit {circuit}, class {class}");
    }
}

fn ready(test: &str, program: &str, direction: Direction) -> Option<(Net, Lab, World)> {
    if !lab::can(test) {
        return None;
    }
    let net = Net::new(test)?;
    let world = World::small();
    let mut lab = Lab::new();
    lab.fill(0, &world.table(), world.circuits);
    lab.activate(Some(0));
    lab.settings(Settings {
        internet_vlan: INTERNET_VLAN,
        network_vlan: NETWORK_VLAN,
        ..Settings::default()
    });
    classes(&net, &world, direction);
    attach(&net, &mut lab, program);
    Some((net, lab, world))
}

/// Frames of all rows, half of them twice. What ends before a PPPoE header would is left to test runs: not all of it
/// comes out of a bridge.
fn frames(make: &Make) -> Vec<Vec<u8>> {
    let all: Vec<_> = ROWS
        .iter()
        .flat_map(|row| (row.make)(make))
        .filter(|frame| frame.len() >= if is_tagged(frame) { 26 } else { 22 })
        .collect();
    let mut frames = all.clone();
    frames.extend(all.into_iter().rev().step_by(2));
    frames
}

fn is_tagged(frame: &[u8]) -> bool {
    matches!(frame[12..14], [0x81, 0] | [0x88, 0xa8])
}

#[test]
fn every_forwarded_packet_is_in_its_class() {
    let test = "every_forwarded_packet_is_in_its_class";
    for (program, direction, side, up) in [
        (maps::PROGRAM_DOWNLOAD, Direction::Down, Side::Down, false),
        (maps::PROGRAM_UPLOAD, Direction::Up, Side::Up, true),
    ] {
        let Some((net, lab, world)) = ready(test, program, direction) else {
            return;
        };
        compare(&net, &lab, &world, side, &frames(&Make { up, vlan: None }));
    }
}

#[test]
fn a_tag_beside_the_packet_tells_the_direction() {
    let test = "a_tag_beside_the_packet_tells_the_direction";
    let side = Side::Stick(NETWORK_VLAN, INTERNET_VLAN);
    for (direction, up, vlan) in [
        (Direction::Down, false, NETWORK_VLAN),
        (Direction::Up, true, INTERNET_VLAN),
    ] {
        let Some((net, lab, world)) = ready(test, maps::PROGRAM_STICK, direction) else {
            return;
        };
        compare(
            &net,
            &lab,
            &world,
            side,
            &frames(&Make {
                up,
                vlan: Some(vlan),
            }),
        );
    }
}

#[test]
fn packets_in_pieces_are_read() {
    let test = "packets_in_pieces_are_read";
    let Some((net, lab, world)) = ready(test, maps::PROGRAM_DOWNLOAD, Direction::Down) else {
        return;
    };
    let make = Make {
        up: false,
        vlan: None,
    };
    let mut payload = ports(1, 2);
    payload.resize(7000, 1);
    let mut frames = Vec::new();
    for layers in [&[][..], &[Layer::Pppoe]] {
        for address in ["10.1.2.7", "100.64.0.1"] {
            let packet = make.v4(v4(address), TCP, &[1; 40], &payload);
            frames.push(make.ethernet(layers, IPV4, &packet));
        }
        let packet = make.v6(lab::world::v6("2001:db8:1:2::9"), TCP, &payload);
        frames.push(make.ethernet(layers, lab::frames::IPV6, &packet));
    }
    compare(&net, &lab, &world, Side::Down, &frames);
}

#[test]
fn a_merged_packet_counts_as_what_it_becomes() {
    let test = "a_merged_packet_counts_as_what_it_becomes";
    let Some((net, lab, world)) = ready(test, maps::PROGRAM_DOWNLOAD, Direction::Down) else {
        return;
    };
    let make = Make {
        up: false,
        vlan: None,
    };
    // TCP with a header of 20 bytes, and 10 times 1,000 bytes of data.
    let mut payload = ports(1, 2);
    payload.resize(20, 0);
    payload[12] = 0x50;
    payload.resize(20 + 10_000, 7);
    let packet = make.v4(v4("10.1.2.7"), TCP, &[], &payload);
    let frame = make.ethernet(&[], IPV4, &packet);
    net.send_merged(&frame, 54, 1000, 14);

    let entry = world.lookup(std::net::IpAddr::V4(v4("10.1.2.7"))).unwrap();
    let class = world.class(entry, Direction::Down).to_string();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !sent(&net).contains_key(&class) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let counts = lab.counts(0, entry.circuit);
    assert_eq!(counts.packets[0], 10);
    assert_eq!(counts.bytes[0], 10 * (54 + 1000));
    assert_eq!(sent(&net)[&class], (10, 10 * (54 + 1000)));
}
