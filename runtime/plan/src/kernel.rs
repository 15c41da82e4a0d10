//! The kernel's traffic control as plans speak of it: what was observed ([`Observation`]), what an artifact wants
//! ([`Wanted`]), and the single acts that lead from one to the other ([`Action`]).
//!
//! Rates are in kbit/s, as in the artifact. Netlink, and what the kernel rounds, are the business of whoever
//! observes and acts: an observation is given in the units of the plan, and [`ClassSeen`] keeps beside them what
//! was read exactly.

use weir_abi::ClassId;
use weir_schemas::queue_plan::LeafQdisc;

/// Name of an interface.
pub type Device = String;

/// What the kernel has, on the interfaces of one target. A value of its own: taking it changes nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Observation {
    /// By name.
    pub interfaces: Vec<Interface>,
    pub tables: Tables,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    pub name: Device,
    /// `None`: there is no such interface now.
    pub index: Option<u32>,
    pub up: bool,
    pub tx_queues: u32,
    /// Every qdisc on it, ours or not, sorted by parent and handle.
    pub qdiscs: Vec<QdiscSeen>,
    /// Every HTB class on it, sorted by id.
    pub classes: Vec<ClassSeen>,
    /// Our program at its egress: `None` when it is not attached.
    pub program: Option<ProgramSeen>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QdiscSeen {
    /// As the kernel calls it: `mq`, `htb`, `cake`, `fq_codel`, `pfifo`, `noqueue`, ...
    pub kind: String,
    /// Major; 0 for what the kernel made by itself.
    pub handle: u16,
    /// Where it hangs.
    pub parent: Parent,
    /// Its options as `tc` would take them, for kinds a plan can make; empty for others.
    pub options: String,
    pub stats: Stats,
}

/// Where a qdisc or a class hangs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Parent {
    /// At the interface.
    Root,
    /// At the ingress hook, clsact or ingress.
    Ingress,
    /// Below a class; the classes of `mq` are its tx queues, minor = queue + 1. A class whose minor is 0 is the
    /// qdisc itself.
    Class(ClassId),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClassSeen {
    pub id: ClassId,
    /// `Root` for a root class of its HTB.
    pub parent: Parent,
    pub rate_kbps: u64,
    pub ceil_kbps: u64,
    pub quantum: u32,
    /// Bytes, as HTB keeps them after its rounding.
    pub burst: u64,
    pub cburst: u64,
    /// Handle of its leaf qdisc; 0 = the kernel's own pfifo, or an inner class.
    pub leaf: u16,
    pub stats: Stats,
}

/// What passed. Bytes and packets are 64 bits wide and are not reset by a change in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    pub bytes: u64,
    pub packets: u64,
    pub drops: u64,
    pub overlimits: u64,
    /// Bytes and packets that wait now.
    pub backlog_bytes: u32,
    pub backlog_packets: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProgramSeen {
    /// tcx rather than a clsact filter.
    pub tcx: bool,
    /// Tag of the program, as the kernel computes it.
    pub tag: [u8; 8],
}

/// What is in the slots, and which is active.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tables {
    /// `None`: the maps are not there.
    pub active: Option<Active>,
    /// Payload digest of each slot; `None` = empty. As long as there are slots, or empty when the maps are not there.
    pub slots: Vec<Option<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Active {
    /// Everything passes unshaped.
    Nothing,
    Slot(u32),
}

/// What an artifact wants of the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Payload digest.
    pub digest: String,
    /// In the order of the plan: towards the subscribers, then towards the internet; one on a stick.
    pub interfaces: Vec<WantedInterface>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedInterface {
    pub name: Device,
    /// By major.
    pub htbs: Vec<WantedHtb>,
    /// Parents before children, and otherwise by id.
    pub classes: Vec<WantedClass>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WantedHtb {
    pub major: u16,
    /// Tx queue it is worked on.
    pub tx_queue: u16,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedClass {
    /// Key in the queue plan, for people.
    pub key: String,
    pub id: ClassId,
    /// `None`: a root class.
    pub parent: Option<ClassId>,
    pub shape: Shape,
    pub leaf: Option<WantedLeaf>,
}

/// What HTB can change of a class where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    pub rate_kbps: u64,
    pub ceil_kbps: u64,
    pub quantum: u32,
    /// Bytes; 0 = computed as `tc` does for the rate and for the ceiling.
    pub burst: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedLeaf {
    pub qdisc: LeafQdisc,
    pub handle: u16,
    /// As `tc` takes them, without the kind: `diffserv4 rtt 300ms`.
    pub arguments: String,
}
