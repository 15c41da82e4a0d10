//! The kernel's traffic control as plans speak of it: what was observed ([`Observation`]), what an artifact wants
//! ([`crate::Wanted`]) is made of the same words, and so are the acts that lead from one to the other
//! ([`crate::Action`]).
//!
//! Rates are in kbit/s, as in the artifact; HTB keeps bytes per second, so every such rate is exact there. Bursts are
//! kept by HTB as times: [`burst_ticks`] is the one formula for whoever writes them and whoever compares them.

use weir_abi::ClassId;

/// Options of every HTB qdisc of ours, as [`QdiscSeen::options`] spells them: a packet of no class goes out
/// directly, unshaped.
pub const HTB_OPTIONS: &str = "default 0";

/// Bytes a class may send at once where the plan states none: what `tc` takes, an Ethernet frame and what a timer
/// of a nanosecond lets through.
pub fn default_burst(rate_kbps: u64) -> u64 {
    rate_kbps.saturating_mul(125) / 1_000_000_000 + 1600
}

/// Time that `bytes` take at `rate_kbps`, in the kernel's ticks of 64 ns, rounded up and at most what 32 bits hold:
/// `tcm_htb_opt.buffer` and `.cbuffer`, which the kernel gives back as they were set.
pub fn burst_ticks(rate_kbps: u64, bytes: u64) -> u32 {
    // Nearly always in 64 bits, where dividing takes a fraction of the time.
    let narrow = (
        bytes.checked_mul(1_000_000_000),
        rate_kbps.max(1).checked_mul(125 * 64),
    );
    if let (Some(time), Some(rate)) = narrow {
        return u32::try_from(time.div_ceil(rate)).unwrap_or(u32::MAX);
    }
    let rate = u128::from(rate_kbps.max(1)) * 125;
    let ticks = (u128::from(bytes) * 1_000_000_000).div_ceil(rate * 64);
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

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
    /// Our program at its egress, known by its pin or name: `None` when there is none.
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
    /// Its options as `tc` would take them, for kinds a plan can make; empty for others. One spelling for one set
    /// of options: what [`crate::LeafChoice`] says is what comes back here, and HTB has
    /// [`HTB_OPTIONS`].
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
    /// Ticks of 64 ns, as the kernel holds them: see [`burst_ticks`].
    pub buffer: u32,
    pub cbuffer: u32,
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
    /// Which of this build's programs it is; `None` when it is ours and of another build.
    pub program: Option<Program>,
    /// tcx rather than a clsact filter.
    pub tcx: bool,
    /// Tag of the program, as the kernel computes it.
    pub tag: [u8; 8],
}

/// A program at the egress of an interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Program {
    /// Towards the subscribers.
    Download,
    /// Towards the internet.
    Upload,
    /// The only interface: VLANs tell the direction.
    Stick,
}

/// What is in the slots, and which is active.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tables {
    /// `None`: the maps are not there.
    pub active: Option<Active>,
    /// Payload digest of each slot; `None` = empty. As long as there are slots, or empty when the maps are not there.
    pub slots: Vec<Option<String>>,
    /// VLANs by which the programs of a box on a stick tell directions, `[internet, network]`; 0 where there are
    /// two interfaces.
    pub vlans: [u16; 2],
}

impl Tables {
    /// Digest of what packets are classified by now.
    pub fn digest(&self) -> Option<&str> {
        match self.active? {
            Active::Nothing => None,
            Active::Slot(slot) => self.slots.get(slot as usize)?.as_deref(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Active {
    /// Everything passes unshaped.
    Nothing,
    Slot(u32),
}
