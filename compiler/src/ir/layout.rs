//! `QueueLayout`: every HTB class and leaf with its CPU queue, class id and leaf handle. Nothing is left to
//! choose at apply time.

use crate::id::{CircuitIx, NodeIx, TreeIx};
use crate::ir::previous::Resting;
use crate::ir::records::LeafKind;
use crate::units::{Kbps, Pair};

#[derive(Clone, Default, Debug)]
pub struct QueueLayout {
    /// HTB majors of each CPU queue, per direction.
    pub majors: Vec<Pair<u16>>,
    /// CPU queue of each top-level node and, through it, of everything below; by `TreeIx`.
    pub node_queue: Vec<u16>,
    /// Class minor of each emitted node that has circuits below; 0 = no class.
    pub node_minor: Vec<u16>,
    /// Class minor of each bucket that has circuits; 0 = no class.
    pub bucket_minor: Vec<u16>,
    /// By inventory circuit; `None` = omitted.
    pub circuits: Vec<Option<CircuitSlot>>,
    /// Planned load of each CPU queue: sum of circuit maxima, both directions, kbit/s.
    pub load_kbps: Vec<u64>,
    /// What placement went by where peaks were measured; `None` where plans are all there is.
    pub measured: Option<MeasuredLoad>,
    /// Freed numbers that must rest, when this layout is a change against the previous one ...
    pub resting: Resting,
    /// ... and when it is not: then nothing ages, and the plan's bytes stay the same.
    pub resting_unchanged: Resting,
    pub evidence: LayoutEvidence,
}

/// Weights that include measured peaks, both directions, kbit/s.
#[derive(Clone, Default, Debug)]
pub struct MeasuredLoad {
    /// By CPU queue.
    pub queue: Vec<u64>,
    /// By tree node: of those that were measured themselves.
    pub node: Vec<Option<u64>>,
}

impl QueueLayout {
    /// What placement balanced: measured peaks where they are known, circuit maxima elsewhere.
    pub fn weights(&self) -> &[u64] {
        match &self.measured {
            Some(measured) => &measured.queue,
            None => &self.load_kbps,
        }
    }

    /// Weight of the fullest queue in percent of the mean; 100 when there is none.
    pub fn balance_percent(&self) -> u64 {
        let weights = self.weights();
        let sum: u128 = weights.iter().map(|w| u128::from(*w)).sum();
        let most = u128::from(weights.iter().copied().max().unwrap_or(0));
        match (most * 100 * weights.len() as u128).checked_div(sum) {
            Some(percent) => percent as u64,
            None => 100,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CircuitSlot {
    pub queue: u16,
    pub minor: u16,
    pub leaf: Pair<LeafKind>,
    /// Explicit qdisc handle (major) of the leaf per direction; 0 = no leaf qdisc.
    pub handle: Pair<u16>,
}

#[derive(Clone, Default, Debug)]
pub struct LayoutEvidence {
    /// What the target cannot represent; any entry refuses the build.
    pub overflow: Vec<Overflow>,
    /// Top-level nodes heavier than 1.5 x the fair share, heaviest first.
    pub heavy: Vec<(TreeIx, u64)>,
    /// What would help, for the heaviest of what is too heavy.
    pub advice: Vec<Advice>,
    /// Top-level nodes for which changes were tried at all, sorted: of the others nothing is known.
    pub advised: Vec<NodeIx>,
    /// Things that exist before and after in the same place, everything above included, and have other numbers now
    /// (CHG004). Sorted.
    pub renumbered: Vec<Slot>,
    /// Things that exist before and after and hang under another class now, sorted.
    pub reparented: Vec<Slot>,
    /// Of the things that exist before and after: how many kept their class id, and how many have another.
    pub kept: usize,
    pub changed: usize,
    /// Top-level nodes and bucket circuits that changed their CPU queue, sorted.
    pub moved: Vec<Slot>,
}

/// A change of the settings that spreads the work better, with what it was found to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advice {
    /// The top-level node that is too heavy.
    pub about: NodeIx,
    pub remedy: Remedy,
    pub before: Effect,
    pub after: Effect,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// `topology.promote_to_root`, sorted.
    Promote(Vec<NodeIx>),
    /// `topology.exclude`
    Exclude(NodeIx),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effect {
    /// Weight of the fullest CPU queue in percent of the mean.
    pub balance_percent: u64,
    /// Expected load of the busiest core.
    pub core: Kbps,
    /// What can exceed the limits of the network, all together.
    pub exceed: Pair<Kbps>,
}

#[derive(Clone, Debug)]
pub enum Overflow {
    /// More classes in one queue than minors (65 531 usable).
    Minors { queue: u16, wanted: usize },
    /// More leaf qdiscs on one interface than handles (65 000 safe).
    Handles { wanted: usize },
    /// More CPU queues than HTB majors.
    Queues { wanted: u16, limit: u16 },
}

/// Class id key of a thing, stable across builds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Slot {
    Node(TreeIx),
    Bucket(u16),
    Circuit(CircuitIx),
}
