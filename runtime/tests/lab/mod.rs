//! A laboratory for the programs: the checked-in object loaded into this kernel, generations put into it, frames
//! run through it by `BPF_PROG_TEST_RUN`, and everything it counts read back. It is not the runtime's loader and
//! shares no code with it, so that neither hides a fault of the other.

#![allow(
    dead_code,
    reason = "every test binary takes what it needs of the laboratory"
)]

pub mod frames;
mod inner;
pub mod net;
pub mod policy;
pub mod reference;
pub mod world;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use aya::Ebpf;
use aya::maps::{Array, ArrayOfMaps, CpuMap, HashMap, MapData, PerCpuArray};
use aya::programs::{SchedClassifier, TestRun as _, TestRunOptions, Xdp};
use weir_abi::maps::{self, Counts, Flow, FlowKey, Outcome, Settings, Total, Unknown};
use weir_abi::table::Page;

/// `BPF_F_INNER_MAP | BPF_F_MMAPABLE`
const INNER: u32 = 1 << 12 | 1 << 10;

/// `TC_ACT_UNSPEC`, which is also `TCX_NEXT`.
pub const GO_ON: u32 = u32::MAX;
pub const XDP_PASS: u32 = 2;
pub const XDP_REDIRECT: u32 = 4;

/// Length of `struct __sk_buff`, and where what we look at lies in it.
const CONTEXT: usize = 192;
const MARK: usize = 8;
const PRIORITY: usize = 32;

/// Directions, as indices.
pub const DOWN: usize = 0;
pub const UP: usize = 1;

pub struct Lab {
    ebpf: Ebpf,
    counts: BTreeMap<u32, Array<MapData, [u64; 4]>>,
}

/// What a program at tc left behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ran {
    pub verdict: u32,
    pub priority: u32,
    pub mark: u32,
}

/// Whether this process may load programs. If not, says which test is skipped, and why.
pub fn can(test: &str) -> bool {
    if rustix::process::geteuid().is_root() {
        return true;
    }
    // Not captured by the test harness: a skipped test must be seen.
    let _ = writeln!(
        std::io::stderr().lock(),
        "skipped: {test}: loading eBPF programs needs root"
    );
    false
}

/// The object: the one that is checked in, or that of `WEIR_BPF_OBJECT`.
pub fn object() -> Vec<u8> {
    let path = std::env::var_os("WEIR_BPF_OBJECT").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../ebpf/weir.bpf.o")),
        PathBuf::from,
    );
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Lab {
    /// All programs, loaded; no generation.
    pub fn new() -> Lab {
        let mut ebpf = Ebpf::load(&object()).expect("the kernel takes maps and BTF of the object");
        for name in [
            maps::PROGRAM_DOWNLOAD,
            maps::PROGRAM_UPLOAD,
            maps::PROGRAM_STICK,
        ] {
            let program: &mut SchedClassifier = ebpf.program_mut(name).unwrap().try_into().unwrap();
            program
                .load()
                .unwrap_or_else(|error| panic!("{name}: {error:#?}"));
        }
        for name in [
            maps::PROGRAM_STEER_DOWNLOAD,
            maps::PROGRAM_STEER_UPLOAD,
            maps::PROGRAM_STEER_STICK,
        ] {
            let program: &mut Xdp = ebpf.program_mut(name).unwrap().try_into().unwrap();
            program
                .load()
                .unwrap_or_else(|error| panic!("{name}: {error:#?}"));
        }
        Lab {
            ebpf,
            counts: BTreeMap::new(),
        }
    }

    /// Puts a table into a slot, with counters for its circuits.
    pub fn fill(&mut self, slot: u32, pages: &[Page], circuits: u32) {
        let count = u32::try_from(pages.len()).unwrap();
        let mut table = inner::array::<Page>(count, INNER);
        for (n, page) in (0..).zip(pages) {
            table.set(n, page, 0).unwrap();
        }
        let counts = inner::array::<[u64; 4]>(circuits.max(1), INNER);

        let mut tables: ArrayOfMaps<_, Array<MapData, Page>> =
            self.ebpf.map_mut(maps::TABLES).unwrap().try_into().unwrap();
        tables.set(slot, &table, 0).unwrap();
        let mut outer: ArrayOfMaps<_, Array<MapData, [u64; 4]>> =
            self.ebpf.map_mut(maps::COUNTS).unwrap().try_into().unwrap();
        outer.set(slot, &counts, 0).unwrap();
        self.counts.insert(slot, counts);
    }

    /// Which slot is active; `None` for none.
    pub fn activate(&mut self, slot: Option<u32>) {
        let mut active: Array<_, u32> =
            self.ebpf.map_mut(maps::ACTIVE).unwrap().try_into().unwrap();
        active.set(0, slot.map_or(0, |slot| slot + 1), 0).unwrap();
    }

    pub fn settings(&mut self, settings: Settings) {
        let mut map: Array<_, [u32; 4]> = self
            .ebpf
            .map_mut(maps::SETTINGS)
            .unwrap()
            .try_into()
            .unwrap();
        let vlans = u32::from_ne_bytes({
            let [a, b] = settings.internet_vlan.to_ne_bytes();
            let [c, d] = settings.network_vlan.to_ne_bytes();
            [a, b, c, d]
        });
        map.set(0, [settings.sample_every, vlans, settings.stamp, 0], 0)
            .unwrap();
    }

    /// The CPU of a queue; `present` says whether it is in the map of CPUs too.
    pub fn steer(&mut self, queue: u32, cpu: u32, present: bool) {
        let mut queues: Array<_, u32> = self
            .ebpf
            .map_mut(maps::QUEUE_CPUS)
            .unwrap()
            .try_into()
            .unwrap();
        queues.set(queue, cpu + 1, 0).unwrap();
        if present {
            let mut cpus: CpuMap<_> = self.ebpf.map_mut(maps::CPUS).unwrap().try_into().unwrap();
            cpus.set(cpu, 192, None, 0).unwrap();
        }
    }

    /// Runs a frame through a program at tc. Its `priority` and `mark` are `before` when it comes. `None` for one
    /// that the kernel makes no test packet of: without anything behind its header, or by its ethertype IP and
    /// shorter than a header of that. Such frames are sent through a bridge, in `forwarded.rs`.
    pub fn tc(&self, program: &str, frame: &[u8], before: u32) -> Option<Ran> {
        let least = match frame[12..14] {
            [0x08, 0x00] => 34,
            [0x86, 0xdd] => 54,
            _ => 15,
        };
        if frame.len() < least {
            return None;
        }
        let program: &SchedClassifier = self.ebpf.program(program).unwrap().try_into().unwrap();
        let mut context = [0; CONTEXT];
        context[MARK..MARK + 4].copy_from_slice(&before.to_ne_bytes());
        context[PRIORITY..PRIORITY + 4].copy_from_slice(&before.to_ne_bytes());
        let mut after = [0; CONTEXT];
        let mut out = vec![0; frame.len()];
        let result = program
            .test_run(TestRunOptions {
                data_in: Some(frame),
                data_out: Some(&mut out),
                ctx_in: Some(&context),
                ctx_out: Some(&mut after),
                ..TestRunOptions::default()
            })
            .unwrap_or_else(|error| panic!("{frame:02x?}: {error:#?}"));
        assert_eq!(out, frame, "a classifier changes no packet");
        let word = |at: usize| u32::from_ne_bytes(after[at..at + 4].try_into().unwrap());
        Some(Ran {
            verdict: result.return_value,
            priority: word(PRIORITY),
            mark: word(MARK),
        })
    }

    /// Runs a frame through a program at XDP: its action.
    pub fn xdp(&self, program: &str, frame: &[u8]) -> u32 {
        let program: &Xdp = self.ebpf.program(program).unwrap().try_into().unwrap();
        let options = TestRunOptions {
            data_in: Some(frame),
            ..TestRunOptions::default()
        };
        program.test_run(options).unwrap().return_value
    }

    /// What became of packets, over all CPUs: by outcome and direction.
    pub fn totals(&self) -> Totals {
        let map: PerCpuArray<_, [u64; 2]> =
            self.ebpf.map(maps::TOTALS).unwrap().try_into().unwrap();
        let mut totals = Totals::default();
        for n in 0..Outcome::COUNT * 2 {
            for [packets, bytes] in map.get(&n, 0).unwrap().iter() {
                totals.0[n as usize].packets += packets;
                totals.0[n as usize].bytes += bytes;
            }
        }
        totals
    }

    pub fn counts(&self, slot: u32, circuit: u32) -> Counts {
        let [down, up, down_bytes, up_bytes] = self.counts[&slot].get(&circuit, 0).unwrap();
        Counts {
            packets: [down, up],
            bytes: [down_bytes, up_bytes],
        }
    }

    pub fn unknown(&self) -> BTreeMap<[u8; 16], Unknown> {
        let map: HashMap<_, [u8; 16], [u64; 5]> =
            self.ebpf.map(maps::UNKNOWN).unwrap().try_into().unwrap();
        let entry = |(key, [a, b, c, d, last_seen]): ([u8; 16], [u64; 5])| {
            let unknown = Unknown {
                packets: [a, b],
                bytes: [c, d],
                last_seen,
            };
            (key, unknown)
        };
        map.iter().map(Result::unwrap).map(entry).collect()
    }

    pub fn flows(&self) -> BTreeMap<Vec<u8>, (FlowKey, Flow)> {
        let map: HashMap<_, [u8; 40], [u64; 7]> =
            self.ebpf.map(maps::FLOWS).unwrap().try_into().unwrap();
        let entry = |(key, value): ([u8; 40], [u64; 7])| {
            let half = |at: usize| u16::from_ne_bytes([key[at], key[at + 1]]);
            let flow_key = FlowKey {
                subscriber: key[..16].try_into().unwrap(),
                remote: key[16..32].try_into().unwrap(),
                subscriber_port: half(32),
                remote_port: half(34),
                protocol: key[36],
                reserved: [key[37], key[38], key[39]],
            };
            let [a, b, c, d, first_seen, last_seen, place] = value;
            let [slot, circuit]: [[u8; 4]; 2] = {
                let bytes = place.to_ne_bytes();
                [
                    bytes[..4].try_into().unwrap(),
                    bytes[4..].try_into().unwrap(),
                ]
            };
            let flow = Flow {
                packets: [a, b],
                bytes: [c, d],
                first_seen,
                last_seen,
                slot: u32::from_ne_bytes(slot),
                circuit: u32::from_ne_bytes(circuit),
            };
            (key.to_vec(), (flow_key, flow))
        };
        map.iter().map(Result::unwrap).map(entry).collect()
    }

    /// Forgets flows and unknown addresses. Totals and counters stay.
    pub fn forget(&mut self) {
        let mut map: HashMap<_, [u8; 16], [u64; 5]> = self
            .ebpf
            .map_mut(maps::UNKNOWN)
            .unwrap()
            .try_into()
            .unwrap();
        let keys: Vec<_> = map.keys().map(Result::unwrap).collect();
        keys.iter().for_each(|key| map.remove(key).unwrap());
        let mut map: HashMap<_, [u8; 40], [u64; 7]> =
            self.ebpf.map_mut(maps::FLOWS).unwrap().try_into().unwrap();
        let keys: Vec<_> = map.keys().map(Result::unwrap).collect();
        keys.iter().for_each(|key| map.remove(key).unwrap());
    }

    /// For what is done to a program beside running it.
    pub fn ebpf(&mut self) -> &mut Ebpf {
        &mut self.ebpf
    }
}

/// One [`Total`] for each outcome and direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals(pub [Total; Outcome::COUNT as usize * 2]);

impl Totals {
    pub fn add(&mut self, outcome: Outcome, direction: usize, bytes: usize) {
        let total = &mut self.0[outcome.index(direction as u32) as usize];
        total.packets += 1;
        total.bytes += bytes as u64;
    }

    /// What was added since.
    pub fn since(mut self, before: Totals) -> Totals {
        for (total, before) in self.0.iter_mut().zip(before.0) {
            total.packets -= before.packets;
            total.bytes -= before.bytes;
        }
        self
    }
}
