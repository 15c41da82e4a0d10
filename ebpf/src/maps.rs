//! The maps, as `weir_abi::maps` describes them. Declared with BTF: a map in a map needs it, and so does a kernel
//! of 6.1 to compare an inner map that the runtime makes with the one that is declared here.

use aya_ebpf::bindings::{BPF_F_INNER_MAP, BPF_F_MMAPABLE};
use aya_ebpf::btf_maps::{Array, ArrayOfMaps, CpuMap, LruHashMap, PerCpuArray};
use aya_ebpf::macros::btf_map;
use weir_abi::maps::{
    Counts as Count, DECLARED_CPUS, Flow, FlowKey, MAX_FLOWS, MAX_UNKNOWN, Meta, Outcome,
    QUEUE_ROOM, SLOTS, Settings, Total, Unknown,
};
use weir_abi::table::{Page, Pages};

const INNER: usize = (BPF_F_INNER_MAP | BPF_F_MMAPABLE) as usize;
const ALL_SLOTS: usize = SLOTS as usize;
const ALL_TOTALS: usize = Outcome::COUNT as usize * 2;

/// A page as a value: a struct, because loaders written with aya take the size of an array of arrays for that of one.
#[repr(C)]
pub struct Value(Page);

/// As many pages or circuits as a generation has: only type, key, value and flags must agree with these.
pub type Table = Array<Value, 1, INNER>;
pub type Counts = Array<Count, 1, INNER>;

#[btf_map(name = "weir_tables")]
pub static TABLES: ArrayOfMaps<Table, ALL_SLOTS> = ArrayOfMaps::new();

#[btf_map(name = "weir_counts")]
pub static COUNTS: ArrayOfMaps<Counts, ALL_SLOTS> = ArrayOfMaps::new();

#[btf_map(name = "weir_active")]
pub static ACTIVE: Array<u32, 1> = Array::new();

/// No program reads it. It is here so that all maps come from one place.
#[btf_map(name = "weir_meta")]
pub static META: Array<Meta, ALL_SLOTS> = Array::new();

#[btf_map(name = "weir_settings")]
pub static SETTINGS: Array<Settings, 1> = Array::new();

#[btf_map(name = "weir_totals")]
pub static TOTALS: PerCpuArray<Total, ALL_TOTALS> = PerCpuArray::new();

/// The key is an address as it is in a packet, in words.
#[btf_map(name = "weir_unknown")]
pub static UNKNOWN: LruHashMap<[u32; 4], Unknown, { MAX_UNKNOWN as usize }> = LruHashMap::new();

#[btf_map(name = "weir_flows")]
pub static FLOWS: LruHashMap<FlowKey, Flow, { MAX_FLOWS as usize }> = LruHashMap::new();

#[btf_map(name = "weir_cpus")]
pub static CPUS: CpuMap<{ DECLARED_CPUS as usize }> = CpuMap::new();

#[btf_map(name = "weir_queue_cpus")]
pub static QUEUE_CPUS: Array<u32, { QUEUE_ROOM as usize }> = Array::new();

/// The table of one slot, for the reader.
pub struct Slot<'a>(pub &'a Table);

impl Pages for Slot<'_> {
    #[inline(always)]
    fn page(&self, n: u32) -> Option<&Page> {
        self.0.get(n).map(|value| &value.0)
    }
}
