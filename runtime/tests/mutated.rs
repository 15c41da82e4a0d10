//! Frames nobody thought of, in this kernel: 200,000 mutations, with random tables, against another parser and a
//! lookup that looks at every prefix. Class, stamp, totals, counters of circuits, unknown addresses and flows must
//! all be the same. Needs root.

mod lab;

use std::collections::BTreeMap;
use std::net::IpAddr;

use lab::frames::{ARP, IPV4, IPV6, Layer, PPPOE, extension, fragment, ports};
use lab::policy::{INTERNET_VLAN, Make, NETWORK_VLAN, ROWS};
use lab::reference::{Side, is_remembered, read};
use lab::world::{World, mapped};
use lab::{GO_ON, Lab, Totals, UP};
use weir_abi::maps::{self, Counts, Outcome, Settings, stamp};
use weir_abi::table::{Direction, Prefix};

const TABLES: u64 = 10;
const BATCHES: usize = 20;
const FRAMES: usize = 1000;

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// A network of nested prefixes around few bases, so that most addresses near one are near several.
fn random_world(random: &mut Random) -> World {
    let mut world = World::small();
    let mut v4: Vec<u8> = vec![16, 24, 29, 32, 22];
    let mut v6: Vec<u8> = vec![48, 64, 128, 56];
    while v4.len() < 12 {
        v4.push(1 + random.below(32) as u8);
    }
    while v6.len() < 12 {
        v6.push(1 + random.below(128) as u8);
    }
    for _ in 0..300 {
        let queue = random.below(3) as u16;
        let text = if random.below(2) == 0 {
            let len = random.pick(&v4);
            let base = random.pick(&[0x0a01_0200_u32, 0x6440_0000, 0xc000_0200]);
            let address = (base ^ (random.next() as u32 & 0x0000_03ff)) & (u32::MAX << (32 - len));
            format!("{}/{len}", std::net::Ipv4Addr::from(address))
        } else {
            let len = random.pick(&v6);
            let base = 0x2001_0db8_0001_0002_u128 << 64;
            let noise = u128::from(random.next() & 0x1f) << 64 | u128::from(random.next() & 7);
            let address = (base ^ noise) & (u128::MAX << (128 - len));
            format!("{}/{len}", std::net::Ipv6Addr::from(address))
        };
        // A prefix belongs to one circuit.
        let before = world.prefixes.len();
        world.add(&text, queue);
        let (added, _) = world.prefixes[before];
        if world.prefixes[..before]
            .iter()
            .any(|(prefix, _)| *prefix == added)
        {
            world.prefixes.pop();
            world.circuits -= 1;
        }
    }
    world
}

/// An address within, beside or far from a prefix.
fn address(random: &mut Random, world: &World) -> IpAddr {
    let (prefix, _) = world.prefixes[random.below(world.prefixes.len())];
    let far = random.below(8) == 0;
    match prefix {
        Prefix::V4 { address, len } => {
            let inside = random.next() as u32 & u32::MAX.checked_shr(len.into()).unwrap_or(0);
            let beside =
                1_u32.checked_shl(u32::from(32 - len)).unwrap_or(0) * random.below(2) as u32;
            let address = if far {
                random.next() as u32
            } else {
                (address | inside).wrapping_add(beside)
            };
            IpAddr::V4(address.into())
        }
        Prefix::V6 { upper, lower, len } => {
            let prefix = u128::from(upper) << 64 | u128::from(lower);
            let noise = u128::from(random.next()) << 64 | u128::from(random.next());
            let inside = noise & u128::MAX.checked_shr(len.into()).unwrap_or(0);
            let beside =
                1_u128.checked_shl(u32::from(128 - len)).unwrap_or(0) * random.below(2) as u128;
            let address = if far {
                noise
            } else {
                (prefix | inside).wrapping_add(beside)
            };
            IpAddr::V6(address.into())
        }
    }
}

/// A sound frame of an address, in any encapsulation.
fn sound(random: &mut Random, make: &Make, address: IpAddr) -> Vec<u8> {
    let mut layers = Vec::new();
    for _ in 0..random.pick(&[0, 0, 0, 1, 1, 2, 3, 4, 5]) {
        layers.push(Layer::Tag(
            random.pick(&[0x8100, 0x88a8]),
            random.next() as u16,
        ));
    }
    match random.below(4) {
        0 => layers.push(Layer::Pppoe),
        1 => layers.push(Layer::PppoeShort),
        _ => {}
    }
    let protocol = random.pick(&[6, 17, 1, 58, 33, 132, 136, 47]);
    let mut payload = ports(random.next() as u16, random.next() as u16);
    payload.truncate(random.below(30));
    match address {
        IpAddr::V4(address) => {
            let options = vec![1; random.pick(&[0, 0, 4, 40])];
            let mut packet = make.v4(address, protocol, &options, &payload);
            if random.below(4) == 0 {
                packet[6..8].copy_from_slice(&(random.next() as u16).to_be_bytes());
            }
            make.ethernet(&layers, IPV4, &packet)
        }
        IpAddr::V6(address) => {
            let mut next = protocol;
            let mut inside = payload;
            for _ in 0..random.pick(&[0, 0, 1, 2, 7, 8, 9]) {
                let kind = random.pick(&[0, 43, 44, 51, 60]);
                let mut header = if kind == 44 {
                    fragment(next, random.next() as u16, random.below(2) == 0)
                } else {
                    extension(next, 1 + random.below(3) as u8)
                };
                if kind == 51 {
                    // Counted in words of 4 bytes, less 2.
                    header[1] = (header.len() / 4 - 2) as u8;
                }
                header.extend(inside);
                inside = header;
                next = kind;
            }
            make.ethernet(&layers, IPV6, &make.v6(address, next, &inside))
        }
    }
}

/// Changes a frame in a place or some.
fn mutate(random: &mut Random, frame: &mut Vec<u8>) {
    for _ in 0..random.pick(&[0, 1, 1, 1, 2, 3, 8]) {
        let at = random.below(frame.len());
        match random.below(8) {
            0 => frame[at] ^= 1 << random.below(8),
            1 => frame[at] = random.pick(&[0, 0xff, 0x7f, 0x80, 0x45, 0x60, 0x44, 0x21, 0x57]),
            2 => frame[at] = random.next() as u8,
            3 => frame.truncate(at.max(14)),
            4 => frame.extend(vec![0; random.below(50)]),
            5 => {
                let kind = random.pick(&[
                    IPV4, IPV6, ARP, PPPOE, 0x8100, 0x88a8, 0x0021, 0x0057, 0x1100,
                ]);
                let at = (12 + random.below(24)).min(frame.len() - 2);
                frame[at..at + 2].copy_from_slice(&kind.to_be_bytes());
            }
            6 => {
                frame.remove(at);
            }
            _ => frame.insert(at, random.next() as u8),
        }
        if frame.len() < 14 {
            frame.resize(14, 0);
        }
    }
}

/// What the maps of the kernel should hold after a batch.
#[derive(Default)]
struct Want {
    totals: Totals,
    circuits: BTreeMap<u32, Counts>,
    unknown: BTreeMap<[u8; 16], Counts>,
    /// By subscriber, remote, ports and protocol; with the circuit.
    flows: BTreeMap<Flow, (Counts, u32)>,
}

type Flow = ([u8; 16], [u8; 16], u16, u16, u8);

fn add(counts: &mut Counts, direction: usize, frame: &[u8]) {
    counts.packets[direction] += 1;
    counts.bytes[direction] += frame.len() as u64;
}

impl Want {
    /// Adds a frame; the entry it should be classified by.
    fn add(&mut self, world: &World, side: Side, frame: &[u8]) -> Option<(u32, u32)> {
        let (direction, seen) = read(frame, side);
        let seen = match seen {
            Ok(seen) => seen,
            Err(outcome) => {
                self.totals.add(outcome, direction, frame.len());
                return None;
            }
        };
        let subscriber = mapped(seen.subscriber);
        let Some(entry) = world.lookup(seen.subscriber) else {
            self.totals.add(Outcome::Unknown, direction, frame.len());
            if is_remembered(seen.subscriber) {
                add(
                    self.unknown.entry(subscriber).or_default(),
                    direction,
                    frame,
                );
            }
            return None;
        };
        self.totals.add(Outcome::Shaped, direction, frame.len());
        add(
            self.circuits.entry(entry.circuit).or_default(),
            direction,
            frame,
        );
        let key = (
            subscriber,
            mapped(seen.remote),
            seen.ports.0,
            seen.ports.1,
            seen.protocol,
        );
        let flow = self.flows.entry(key).or_default();
        add(&mut flow.0, direction, frame);
        flow.1 = entry.circuit;
        let way = if direction == UP {
            Direction::Up
        } else {
            Direction::Down
        };
        Some((world.class(entry, way).0, entry.circuit))
    }

    fn compare(&self, lab: &Lab, slot: u32, totals: Totals, world: &World) {
        assert_eq!(lab.totals().since(totals), self.totals);
        for circuit in 0..world.circuits {
            let want = self.circuits.get(&circuit).copied().unwrap_or_default();
            assert_eq!(lab.counts(slot, circuit), want, "circuit {circuit}");
        }
        let unknown: BTreeMap<_, _> = lab
            .unknown()
            .into_iter()
            .map(|(key, seen)| {
                (
                    key,
                    Counts {
                        packets: seen.packets,
                        bytes: seen.bytes,
                    },
                )
            })
            .collect();
        assert_eq!(unknown, self.unknown);
        let flows: BTreeMap<Flow, _> = lab
            .flows()
            .into_values()
            .map(|(key, flow)| {
                assert_eq!((key.reserved, flow.slot), ([0; 3], slot));
                assert!(flow.first_seen > 0 && flow.last_seen >= flow.first_seen);
                let counts = Counts {
                    packets: flow.packets,
                    bytes: flow.bytes,
                };
                let key = (
                    key.subscriber,
                    key.remote,
                    key.subscriber_port,
                    key.remote_port,
                    key.protocol,
                );
                (key, (counts, flow.circuit))
            })
            .collect();
        assert_eq!(flows, self.flows);
    }
}

#[test]
fn mutated_frames_are_read_as_another_parser_reads_them() {
    if !lab::can("mutated_frames_are_read_as_another_parser_reads_them") {
        return;
    }
    let stick = Side::Stick(NETWORK_VLAN, INTERNET_VLAN);
    let courses = [
        (maps::PROGRAM_DOWNLOAD, Side::Down, false, None),
        (maps::PROGRAM_UPLOAD, Side::Up, true, None),
        (maps::PROGRAM_STICK, stick, false, Some(NETWORK_VLAN)),
        (maps::PROGRAM_STICK, stick, true, Some(INTERNET_VLAN)),
    ];
    let rows: Vec<Vec<Vec<u8>>> = courses
        .iter()
        .map(|&(_, _, up, vlan)| {
            ROWS.iter()
                .flat_map(|row| (row.make)(&Make { up, vlan }))
                .collect()
        })
        .collect();
    let mut lab = Lab::new();
    lab.settings(Settings {
        sample_every: 1,
        internet_vlan: INTERNET_VLAN,
        network_vlan: NETWORK_VLAN,
        stamp: 1,
        reserved: 0,
    });
    let mut run = 0;
    let mut shaped = 0;
    for seed in 0..TABLES {
        let mut random = Random(seed);
        let world = random_world(&mut random);
        let slot = (seed % 4) as u32;
        for _ in 0..BATCHES {
            lab.fill(slot, &world.table(), world.circuits);
            lab.activate(Some(slot));
            let mut want = Want::default();
            let totals = lab.totals();
            let mut sent = 0;
            while sent < FRAMES {
                let course = random.below(courses.len());
                let (program, side, up, vlan) = courses[course];
                let mut frame = if random.below(4) == 0 {
                    let all = &rows[course];
                    all[random.below(all.len())].clone()
                } else {
                    let address = address(&mut random, &world);
                    sound(&mut random, &Make { up, vlan }, address)
                };
                mutate(&mut random, &mut frame);
                let Some(ran) = lab.tc(program, &frame, 0x55) else {
                    continue;
                };
                sent += 1;
                let (priority, mark) = match want.add(&world, side, &frame) {
                    Some((class, circuit)) => {
                        shaped += 1;
                        (class, stamp(slot, circuit))
                    }
                    None => (0x55, 0x55),
                };
                assert_eq!(
                    (ran.verdict, ran.priority, ran.mark),
                    (GO_ON, priority, mark),
                    "table {seed}, {program}: {frame:02x?}"
                );
            }
            run += sent;
            want.compare(&lab, slot, totals, &world);
            lab.forget();
        }
    }
    assert!(run >= 200_000, "{run}");
    // Neither all of them nothing, nor all of them sound.
    assert!(shaped > run / 8 && shaped < run, "{shaped} of {run}");
}
