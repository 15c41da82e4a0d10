//! Times the address table against kernel hash maps and LPM tries, in this kernel, on one CPU: `benches/lookup.sh`.
//! All answers are checked. What is printed is the time that a lookup adds to a program that does everything else,
//! the smallest of several rounds in which the programs take turns; only ratios mean something.

#![expect(clippy::print_stdout, reason = "a program that tells what it measured")]

use std::error::Error;

use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, ArrayOfMaps, HashMap, MapData};
use aya::programs::{SchedClassifier, TestRun as _, TestRunOptions};
use aya::{Ebpf, EbpfLoader};
use weir_abi::table::{Builder, Entry, Page, Prefix, Queue};

const QUERIES: u32 = 1 << 20;
const ROUNDS: usize = 5;
const RUNS: u32 = 1 << 18;
/// `BPF_F_INNER_MAP | BPF_F_MMAPABLE`
const INNER: u32 = 1 << 12 | 1 << 10;
const PROGRAMS: [&str; 4] = ["bench_nothing", "bench_table", "bench_hash", "bench_trie"];

/// Lengths of IPv4 prefixes and of IPv6 ones, longest first.
const V4: [u8; 3] = [32, 29, 24];
const V6: [u8; 2] = [64, 56];

#[derive(Clone, Copy)]
enum Address {
    V4(u32),
    V6(u64),
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Host,
    Short,
    Near,
    V6,
    Mix,
    Far,
    FarV6,
}

/// SplitMix64: the same numbers in every run.
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
        (self.next() % n.max(1) as u64) as usize
    }
}

/// A network: pools of 10.0.0.0/8 onwards, in blocks of 256 addresses that are hosts (three of four addresses),
/// /29s or one /24; /64s and /56s of 2001:db8::/32.
struct Network {
    prefixes: Vec<(Prefix, u32)>,
    hosts: Vec<(u32, u32)>,
    short: Vec<(u32, u8, u32)>,
    gaps: Vec<u32>,
    v6: Vec<(u64, u8, u32)>,
}

fn network(size: usize) -> Network {
    let mut net = Network {
        prefixes: Vec::new(),
        hosts: Vec::new(),
        short: Vec::new(),
        gaps: Vec::new(),
        v6: Vec::new(),
    };
    let mut circuit = 0;
    let mut block = 0x0a00_0000_u32;
    while net.prefixes.len() < size * 9 / 10 {
        let mut add = |address: u32, len: u8| {
            net.prefixes.push((Prefix::V4 { address, len }, circuit));
            circuit += 1;
            circuit - 1
        };
        match block >> 8 & 15 {
            15 => {
                let id = add(block, 24);
                net.short.push((block, 24, id));
            }
            14 => {
                for n in 0..32 {
                    let id = add(block + n * 8, 29);
                    net.short.push((block + n * 8, 29, id));
                }
            }
            _ => {
                for n in 0..256 {
                    if n % 4 == 3 {
                        net.gaps.push(block + n);
                    } else {
                        let id = add(block + n, 32);
                        net.hosts.push((block + n, id));
                    }
                }
            }
        }
        block += 256;
    }
    let mut n = 0_u64;
    while net.prefixes.len() < size {
        let len = if n % 4 == 3 { 56 } else { 64 };
        let upper = 0x2001_0db8_0000_0000 | n << 8;
        net.prefixes.push((
            Prefix::V6 {
                upper,
                lower: 0,
                len,
            },
            circuit,
        ));
        net.v6.push((upper, len, circuit));
        circuit += 1;
        n += 1;
    }
    net
}

impl Network {
    fn query(&self, random: &mut Random, kind: Kind) -> (Address, u32) {
        match kind {
            Kind::Host => {
                let (address, id) = self.hosts[random.below(self.hosts.len())];
                (Address::V4(address), id + 1)
            }
            Kind::Short => {
                let (address, len, id) = self.short[random.below(self.short.len())];
                let inside = random.next() as u32 & (u32::MAX >> len);
                (Address::V4(address | inside), id + 1)
            }
            Kind::Near => (Address::V4(self.gaps[random.below(self.gaps.len())]), 0),
            Kind::V6 => {
                let (upper, len, id) = self.v6[random.below(self.v6.len())];
                let inside = random.next() & u64::MAX.checked_shr(len.into()).unwrap_or(0);
                (Address::V6(upper | inside), id + 1)
            }
            // Of ten packets: seven of hosts, one each of shorter prefixes and IPv6, one of nobody nearby.
            Kind::Mix => match random.below(10) {
                0 => self.query(random, Kind::Near),
                1 => self.query(random, Kind::Short),
                2 => self.query(random, Kind::V6),
                _ => self.query(random, Kind::Host),
            },
            Kind::Far => (
                Address::V4(0xc000_0000 | random.next() as u32 & 0x1fff_ffff),
                0,
            ),
            Kind::FarV6 => (Address::V6(0x2a00_0000_0000_0000 | random.next() >> 8), 0),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let object = std::fs::read(arguments.next().ok_or("usage: lookup OBJECT [SIZE...]")?)?;
    let mut sizes = arguments
        .map(|size| size.parse())
        .collect::<Result<Vec<usize>, _>>()?;
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000, 1_000_000];
    }
    println!("| prefixes | query | table | hash | trie | table/hash | table/trie |");
    println!("|---|---|---|---|---|---|---|");
    for size in sizes {
        let net = network(size);
        let mut ebpf = load(&object, &net)?;
        for (kind, name) in [
            (Kind::Host, "IPv4 /32, hit"),
            (Kind::Short, "IPv4 /29 and /24, hit"),
            (Kind::Near, "IPv4, gap in a pool"),
            (Kind::V6, "IPv6, hit"),
            (Kind::Mix, "mix, nine of ten hits"),
            (Kind::Far, "IPv4 of nobody"),
            (Kind::FarV6, "IPv6 of nobody"),
        ] {
            let [nothing, table, hash, trie] = time(&mut ebpf, &net, kind)?;
            let added = |ns: f64| (ns - nothing).max(1.0);
            let (table, hash, trie) = (added(table), added(hash), added(trie));
            println!(
                "| {size} | {name} | {table:.0} | {hash:.0} | {trie:.0} | {:.2} | {:.2} |",
                table / hash,
                table / trie
            );
        }
    }
    Ok(())
}

/// The object, with a network in all three.
fn load(object: &[u8], net: &Network) -> Result<Ebpf, Box<dyn Error>> {
    let count = |family: u8| {
        net.prefixes
            .iter()
            .filter(|(prefix, _)| prefix.family() == family)
            .count()
    };
    let (v4, v6) = (count(4) as u32, count(6) as u32);
    let mut ebpf = EbpfLoader::new()
        .map_max_entries("hash_v4", v4)
        .map_max_entries("trie_v4", v4)
        .map_max_entries("hash_v6", v6)
        .map_max_entries("trie_v6", v6)
        .load(object)?;

    let queue = Queue {
        major_down: 1,
        major_up: 1,
        tx_down: 0,
        tx_up: 0,
    };
    let mut builder = Builder::new(&[queue], net.prefixes.len() as u32);
    for &(prefix, circuit) in &net.prefixes {
        let minor = 3 + (circuit % 60_000) as u16;
        builder.add(
            prefix,
            Entry {
                minor,
                queue: 0,
                circuit,
            },
        );
    }
    let pages = builder.finish()?;
    let mut table = Array::<MapData, Page>::create(pages.len() as u32, INNER)?;
    for (n, page) in (0..).zip(&pages) {
        table.set(n, page, 0)?;
    }
    let mut tables: ArrayOfMaps<_, Array<MapData, Page>> =
        ebpf.map_mut("tables").ok_or("tables")?.try_into()?;
    tables.set(0, &table, 0)?;

    let mut hash: HashMap<_, [u32; 2], u32> =
        ebpf.take_map("hash_v4").ok_or("hash_v4")?.try_into()?;
    let mut trie: LpmTrie<_, u32, u32> = ebpf.take_map("trie_v4").ok_or("trie_v4")?.try_into()?;
    let mut hash_v6: HashMap<_, [u64; 2], u32> =
        ebpf.take_map("hash_v6").ok_or("hash_v6")?.try_into()?;
    let mut trie_v6: LpmTrie<_, [u8; 16], u32> =
        ebpf.take_map("trie_v6").ok_or("trie_v6")?.try_into()?;
    for &(prefix, circuit) in &net.prefixes {
        match prefix {
            Prefix::V4 { address, len } => {
                hash.insert([address, mask_v4(len)], circuit + 1, 0)?;
                trie.insert(&Key::new(len.into(), address.to_be()), circuit + 1, 0)?;
            }
            Prefix::V6 { upper, lower, len } => {
                hash_v6.insert([upper, mask_v6(len)], circuit + 1, 0)?;
                let address = (u128::from(upper) << 64 | u128::from(lower)).to_be_bytes();
                trie_v6.insert(&Key::new(len.into(), address), circuit + 1, 0)?;
            }
        }
    }

    // 16 masks of IPv4, two a word; 16 of IPv6; how many of each.
    let mut lengths = [0_u64; 25];
    for (n, len) in V4.into_iter().enumerate() {
        lengths[n / 2] |= u64::from(mask_v4(len)) << (32 * (n % 2));
    }
    for (n, len) in V6.into_iter().enumerate() {
        lengths[8 + n] = mask_v6(len);
    }
    lengths[24] = V4.len() as u64 | (V6.len() as u64) << 32;
    let mut map: Array<_, [u64; 25]> = ebpf.map_mut("lengths").ok_or("lengths")?.try_into()?;
    map.set(0, lengths, 0)?;

    for name in PROGRAMS {
        let program: &mut SchedClassifier = ebpf.program_mut(name).ok_or(name)?.try_into()?;
        program.load()?;
    }
    Ok(ebpf)
}

fn mask_v4(len: u8) -> u32 {
    u32::MAX << (32 - len)
}

fn mask_v6(len: u8) -> u64 {
    u64::MAX << (64 - len)
}

/// Nanoseconds a run of each program.
fn time(ebpf: &mut Ebpf, net: &Network, kind: Kind) -> Result<[f64; 4], Box<dyn Error>> {
    let mut random = Random(7);
    let mut queries: Array<_, [u64; 3]> = ebpf.map_mut("queries").ok_or("queries")?.try_into()?;
    for n in 0..QUERIES {
        let (address, expected) = net.query(&mut random, kind);
        let (upper, lower, family) = match address {
            Address::V4(address) => (0, u64::from(address), 4),
            Address::V6(upper) => (upper, random.next(), 6),
        };
        queries.set(n, [upper, lower, family | u64::from(expected) << 32], 0)?;
    }
    let mut best = [f64::MAX; 4];
    for round in 0..=ROUNDS {
        for (program, best) in PROGRAMS.into_iter().zip(&mut best) {
            let mut state: Array<_, [u32; 2]> = ebpf.map_mut("state").ok_or("state")?.try_into()?;
            // Each round elsewhere, and all programs at the same place.
            state.set(0, [round as u32 * RUNS, 0], 0)?;
            let classifier: &SchedClassifier = ebpf.program(program).ok_or(program)?.try_into()?;
            let result = classifier.test_run(TestRunOptions {
                data_in: Some(&[0; 64]),
                repeat: RUNS,
                ..TestRunOptions::default()
            })?;
            let state: Array<_, [u32; 2]> = ebpf.map("state").ok_or("state")?.try_into()?;
            let [_, wrong] = state.get(&0, 0)?;
            if wrong != 0 {
                return Err(format!("{program}: {wrong} wrong answers").into());
            }
            // The first round warms up.
            if round > 0 {
                *best = best.min(result.duration.as_nanos() as f64);
            }
        }
    }
    Ok(best)
}
