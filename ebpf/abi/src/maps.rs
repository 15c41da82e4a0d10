//! The maps and programs of the eBPF object, by name, and what lies in their values. The programs declare them,
//! the runtime creates, pins and reads them; both take names, sizes and layouts from here.
//!
//! Everything a packet needs hangs on one word, [`ACTIVE`]: it is read once per packet, and table and counters are
//! those of that slot, so that no packet meets half of one generation and half of another.
//!
//! All values are in the byte order of the machine.

use crate::table::Page;

/// Directory of the pins below the BPF file system; an instance is a directory in it.
pub const PIN_ROOT: &str = "/sys/fs/bpf/weir";

/// `ARRAY_OF_MAPS`, [`SLOTS`] entries: the address table of each slot, an `ARRAY` of [`Page`]s made with
/// `BPF_F_INNER_MAP | BPF_F_MMAPABLE`.
pub const TABLES: &str = "weir_tables";
/// `ARRAY_OF_MAPS`, [`SLOTS`] entries: per slot an `ARRAY` of [`Counts`], one for each circuit of its table, made
/// with `BPF_F_INNER_MAP | BPF_F_MMAPABLE`.
pub const COUNTS: &str = "weir_counts";
/// `ARRAY` of one `u32`: 0 = no generation, everything passes unshaped; n = slot n - 1. The only thing a flip
/// writes.
pub const ACTIVE: &str = "weir_active";
/// `ARRAY` of [`Meta`], [`SLOTS`] entries: what lies in each slot. For the runtime after a restart; no program
/// reads it.
pub const META: &str = "weir_meta";
/// `ARRAY` of one [`Settings`].
pub const SETTINGS: &str = "weir_settings";
/// `PERCPU_ARRAY` of [`Total`]: one for each [`Outcome`] and direction, at [`Outcome::index`].
pub const TOTALS: &str = "weir_totals";
/// `LRU_HASH`, [`MAX_UNKNOWN`] entries: `[u8; 16]` (IPv4 as `::ffff:a.b.c.d`) to [`Unknown`]: addresses of no
/// circuit, on the subscribers' side of a packet, but for those that never are one's: multicast, broadcast,
/// loopback, link-local and none at all. Full, it forgets the longest unseen.
pub const UNKNOWN: &str = "weir_unknown";
/// `LRU_HASH`, [`MAX_FLOWS`] entries: [`FlowKey`] to [`Flow`]. Only what [`Settings::sample_every`] lets through.
pub const FLOWS: &str = "weir_flows";
/// `CPUMAP` for steering, [`DECLARED_CPUS`] entries in the object; whoever loads it makes it as large as there are
/// possible CPUs (the kernel refuses one with more entries than it was built for).
pub const CPUS: &str = "weir_cpus";
/// `ARRAY` of `u32`, [`QUEUE_ROOM`] entries: the CPU a CPU queue is worked on, plus 1; 0 = not steered.
pub const QUEUE_CPUS: &str = "weir_queue_cpus";

/// Generations that can be in the kernel at once: the active one, the one it replaced, the next one, and one that
/// is written only to wait for programs that still run.
pub const SLOTS: u32 = 4;
pub const MAX_UNKNOWN: u32 = 16_384;
pub const MAX_FLOWS: u32 = 65_536;
pub const DECLARED_CPUS: u32 = 64;
/// CPU queues a table can name.
pub const QUEUE_ROOM: u32 = 128;

/// tc egress of the interface towards the subscribers: the destination is theirs.
pub const PROGRAM_DOWNLOAD: &str = "weir_download";
/// tc egress of the interface towards the internet: the source is theirs.
pub const PROGRAM_UPLOAD: &str = "weir_upload";
/// tc egress of the only interface: the VLAN tells the direction.
pub const PROGRAM_STICK: &str = "weir_stick";
/// XDP of the interface towards the internet: what arrives is a download.
pub const PROGRAM_STEER_DOWNLOAD: &str = "weir_steer_down";
/// XDP of the interface towards the subscribers.
pub const PROGRAM_STEER_UPLOAD: &str = "weir_steer_up";
/// XDP of the only interface.
pub const PROGRAM_STEER_STICK: &str = "weir_steer_stick";

/// What lies in a slot.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meta {
    /// [`crate::ABI_VERSION`] of whoever filled it; 0 = empty.
    pub abi: u32,
    /// Circuits of its table: entries of its counters.
    pub circuits: u32,
    /// Payload digest of the artifact.
    pub digest: [u8; 32],
    /// SHA-256 of the table's bytes.
    pub table: [u8; 32],
}

/// What an operator can set without a new generation.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// One packet in so many of shaped circuits, drawn at random, is counted in [`FLOWS`]; 1 = all, 0 = none.
    pub sample_every: u32,
    /// VLANs of a box on a stick; 0 where there are two interfaces.
    pub internet_vlan: u16,
    pub network_vlan: u16,
    /// Not 0: `skb->mark` of every shaped packet becomes its [`stamp`], for tests that check each of them.
    pub stamp: u32,
    pub reserved: u32,
}

/// What tells by which slot, and as which circuit, a packet was classified. Never 0.
pub const fn stamp(slot: u32, circuit: u32) -> u32 {
    (slot + 1) << 24 | circuit & 0x00ff_ffff
}

/// Counters of a circuit, `[download, upload]`. They count what was given to its class, before any drop
/// there, and as the class counts: a packet that the kernel merged of several is several.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    pub packets: [u64; 2],
    pub bytes: [u64; 2],
}

#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Total {
    pub packets: u64,
    pub bytes: u64,
}

/// Traffic of an address that belongs to no circuit.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unknown {
    /// `[download, upload]`
    pub packets: [u64; 2],
    pub bytes: [u64; 2],
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub last_seen: u64,
}

/// Both ends of a flow; IPv4 as `::ffff:a.b.c.d`, ports in the order of the machine.
#[repr(C, align(8))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FlowKey {
    pub subscriber: [u8; 16],
    pub remote: [u8; 16],
    pub subscriber_port: u16,
    pub remote_port: u16,
    /// IP protocol, behind the extension headers of IPv6. Ports are 0 where it has none, in every fragment, and
    /// behind more extension headers than are followed.
    pub protocol: u8,
    pub reserved: [u8; 3],
}

/// Counters of what was sampled of a flow, `[download, upload]`: times [`Settings::sample_every`] is an estimate.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flow {
    pub packets: [u64; 2],
    pub bytes: [u64; 2],
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub first_seen: u64,
    pub last_seen: u64,
    /// Slot and circuit it was classified by.
    pub slot: u32,
    pub circuit: u32,
}

/// What becomes of a packet. Where the direction is not known, which can be on a box on a stick only, it is counted
/// as a download. Whatever is not [`Outcome::Shaped`] passes as if no program were there.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// It has a class.
    Shaped = 0,
    /// IP, whole, of an address in no circuit.
    Unknown = 1,
    /// Neither IPv4 nor IPv6: ARP, PPPoE discovery, MPLS, anything else.
    NotIp = 2,
    /// It ends before its address does, or its headers contradict each other.
    Malformed = 3,
    /// More VLAN tags than are followed.
    TooDeep = 4,
    /// On a box on a stick: a VLAN that is neither of the two, or none.
    OtherVlan = 5,
    /// IP, but no generation is loaded.
    NoTable = 6,
    /// The table holds something that its own header rules out: a fault of ours.
    BadTable = 7,
}

impl Outcome {
    pub const COUNT: u32 = 8;

    /// Place in [`TOTALS`]; `direction`: 0 download, 1 upload.
    pub const fn index(self, direction: u32) -> u32 {
        self as u32 * 2 + (direction & 1)
    }
}

const _: () = assert!(size_of::<Page>() == 4096);
const _: () = assert!(size_of::<Meta>() == 72 && size_of::<Settings>() == 16);
const _: () = assert!(size_of::<Counts>() == 32 && size_of::<Total>() == 16);
const _: () = assert!(size_of::<Unknown>() == 40 && size_of::<FlowKey>() == 40);
const _: () =
    assert!(crate::table::MAX_CIRCUITS <= 1 << 24 && crate::MAX_MAJORS <= QUEUE_ROOM as usize);
const _: () = assert!(size_of::<Flow>() == 56);
