//! What an artifact wants of the kernel, said in the kernel's words: its queue plan, one interface at a time.

use weir_abi::ClassId;

use crate::kernel::{Device, Program, burst_ticks, default_burst};

/// What an artifact wants of the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Payload digest.
    pub digest: String,
    /// In the order of the plan: towards the subscribers, then towards the internet; one on a stick.
    pub interfaces: Vec<WantedInterface>,
    /// `[internet, network]`; 0 where there are two interfaces.
    pub vlans: [u16; 2],
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedInterface {
    pub name: Device,
    pub program: Program,
    /// By major.
    pub htbs: Vec<WantedHtb>,
    /// Parents before children, and otherwise by id.
    pub classes: Vec<WantedClass>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WantedHtb {
    pub major: u16,
    /// Tx queue it is worked on, counted from 0.
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
    /// Bytes a turn. The kernel takes it for classes without children only.
    pub quantum: u32,
    /// Bytes; 0 = [`default_burst`] of the rate and of the ceiling.
    pub burst: u64,
}

impl Shape {
    /// `(buffer, cbuffer)` in ticks of 64 ns: what the kernel is given for it, and what it gives back.
    pub fn ticks(&self) -> (u32, u32) {
        let ticks = |kbps| match self.burst {
            0 => burst_ticks(kbps, default_burst(kbps)),
            bytes => burst_ticks(kbps, bytes),
        };
        (ticks(self.rate_kbps), ticks(self.ceil_kbps))
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedLeaf {
    /// As the kernel calls it: `cake`, `fq_codel`.
    pub kind: String,
    pub handle: u16,
    /// As `tc` takes them, without the kind, in the one spelling that observing gives back.
    pub arguments: String,
}

/// What the leaves of a discipline become on this box.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LeafChoice {
    /// This qdisc: the one that the plan names, or one of its `leaf_fallback`.
    Make {
        /// As the kernel calls it.
        kind: String,
        /// As [`crate::kernel::QdiscSeen::options`] will spell them.
        arguments: String,
    },
    /// The kernel's own pfifo: no leaf is made.
    Nothing,
}

/// What both disciplines of a plan become on this box: decided by whoever knows the kernel and its spelling.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeafChoices {
    pub cake: LeafChoice,
    pub fq_codel: LeafChoice,
}
