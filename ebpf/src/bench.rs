//! Three ways to look an address up, to be timed by `BPF_PROG_TEST_RUN`: the address table, kernel hash maps with
//! one masked probe a prefix length, and LPM tries. A fourth program does everything but the lookup. Each run takes
//! one query out of an array; which one is next depends on the answer, so that a lookup cannot overlap the one
//! before.
//!
//! The table is read through a map in a map, as it is in use; the others are spared that.

#![no_std]
#![no_main]

use aya_ebpf::bindings::{BPF_F_INNER_MAP, BPF_F_MMAPABLE, TC_ACT_OK};
use aya_ebpf::btf_maps::lpm_trie::Key;
use aya_ebpf::btf_maps::{Array, ArrayOfMaps, HashMap, LpmTrie};
use aya_ebpf::macros::{btf_map, classifier};
use aya_ebpf::programs::TcContext;
use weir_abi::table::{self, Page, Pages};

#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

const QUERIES_ROOM: usize = 1 << 20;
const INNER: usize = (BPF_F_INNER_MAP | BPF_F_MMAPABLE) as usize;

/// An address in host byte order and its circuit plus 1, 0 where it has none.
#[repr(C)]
pub struct Query {
    upper: u64,
    lower: u64,
    family: u32,
    expected: u32,
}

#[repr(C)]
pub struct State {
    next: u32,
    /// Answers that were not the expected ones.
    wrong: u32,
}

/// Prefix lengths, longest first, as masks; of IPv6 the upper half, as no test has a longer prefix than /64.
#[repr(C)]
pub struct Lengths {
    v4: [u32; 16],
    v6: [u64; 16],
    count: [u32; 2],
}

#[repr(C)]
pub struct Value(Page);

type Table = Array<Value, 1, INNER>;

#[btf_map(name = "queries")]
static QUERIES: Array<Query, QUERIES_ROOM> = Array::new();
#[btf_map(name = "state")]
static STATE: Array<State, 1> = Array::new();
#[btf_map(name = "lengths")]
static LENGTHS: Array<Lengths, 1> = Array::new();
#[btf_map(name = "tables")]
static TABLES: ArrayOfMaps<Table, 1> = ArrayOfMaps::new();
#[btf_map(name = "hash_v4")]
static HASH_V4: HashMap<[u32; 2], u32, 1> = HashMap::new();
#[btf_map(name = "hash_v6")]
static HASH_V6: HashMap<[u64; 2], u32, 1> = HashMap::new();
#[btf_map(name = "trie_v4")]
static TRIE_V4: LpmTrie<u32, u32, 1> = LpmTrie::new();
#[btf_map(name = "trie_v6")]
static TRIE_V6: LpmTrie<[u32; 4], u32, 1> = LpmTrie::new();

struct Slot<'a>(&'a Table);

impl Pages for Slot<'_> {
    #[inline(always)]
    fn page(&self, n: u32) -> Option<&Page> {
        self.0.get(n).map(|value| &value.0)
    }
}

#[inline(always)]
fn run(look: impl Fn(&Query) -> u32) -> i32 {
    let Some(state) = STATE.get_ptr_mut(0) else {
        return TC_ACT_OK;
    };
    // SAFETY: the value of a map that one program at a time writes.
    let state = unsafe { &mut *state };
    let Some(query) = QUERIES.get(state.next & (QUERIES_ROOM as u32 - 1)) else {
        return TC_ACT_OK;
    };
    let off = look(query).wrapping_sub(query.expected);
    if off != 0 {
        state.wrong += 1;
    }
    state.next = state.next.wrapping_add(1).wrapping_add(off);
    TC_ACT_OK
}

#[classifier]
pub fn bench_nothing(_ctx: TcContext) -> i32 {
    run(|query| query.expected)
}

#[classifier]
pub fn bench_table(_ctx: TcContext) -> i32 {
    run(|query| {
        let Some(inner) = TABLES.get(0) else {
            return 0;
        };
        let slot = Slot(inner);
        let Some(table) = table::Table::open(&slot) else {
            return 0;
        };
        let found = if query.family == 4 {
            table.lookup_v4(query.lower as u32)
        } else {
            table.lookup_v6(query.upper, query.lower)
        };
        found.map_or(0, |entry| entry.circuit + 1)
    })
}

#[classifier]
pub fn bench_hash(_ctx: TcContext) -> i32 {
    run(|query| {
        let Some(lengths) = LENGTHS.get(0) else {
            return 0;
        };
        let mut i = 0;
        if query.family == 4 {
            while i < 16 && (i as u32) < lengths.count[0] {
                let mask = lengths.v4[i & 15];
                let key = [query.lower as u32 & mask, mask];
                // SAFETY: nothing is written while this is timed.
                if let Some(&found) = unsafe { HASH_V4.get(&key) } {
                    return found;
                }
                i += 1;
            }
        } else {
            while i < 16 && (i as u32) < lengths.count[1] {
                let mask = lengths.v6[i & 15];
                let key = [query.upper & mask, mask];
                // SAFETY: nothing is written while this is timed.
                if let Some(&found) = unsafe { HASH_V6.get(&key) } {
                    return found;
                }
                i += 1;
            }
        }
        0
    })
}

#[classifier]
pub fn bench_trie(_ctx: TcContext) -> i32 {
    run(|query| {
        let found = if query.family == 4 {
            TRIE_V4.get(&Key::new(32, (query.lower as u32).to_be()))
        } else {
            let words = [
                ((query.upper >> 32) as u32).to_be(),
                (query.upper as u32).to_be(),
                ((query.lower >> 32) as u32).to_be(),
                (query.lower as u32).to_be(),
            ];
            TRIE_V6.get(&Key::new(128, words))
        };
        found.copied().unwrap_or(0)
    })
}
