//! The box an artifact is built for.

use crate::ir::records::LeafKind;
use crate::units::Kbps;

/// The box the artifact is built for.
#[derive(Clone, Debug)]
pub struct Target {
    /// `None`: no `[target.*]` is declared, so box fit was not checked.
    pub name: Option<String>,
    pub queues: u16,
    /// Bytes; 0 = not stated.
    pub memory: u64,
    /// What one of its cores shapes, both directions together.
    pub core: Kbps,
    pub shaper: Option<Shaper>,
    pub leaf: LeafKind,
    /// The leaf discipline with its arguments, as tc takes it: `cake diffserv4`.
    pub qdisc: String,
    pub leaf_fallback: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Shaper {
    pub to_internet: String,
    pub to_network: String,
    pub mode: ShaperMode,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShaperMode {
    Bridge,
    Stick {
        internet_vlan: u16,
        network_vlan: u16,
    },
}
