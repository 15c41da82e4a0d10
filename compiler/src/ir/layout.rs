//! `QueueLayout`: every HTB class and leaf with its CPU queue, class id and leaf handle. Nothing is left to
//! choose at apply time.

use crate::id::{CircuitIx, TreeIx};
use crate::ir::previous::Resting;
use crate::ir::records::LeafKind;
use crate::units::Pair;

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
    /// Freed numbers that must rest, when this layout is a change against the previous one ...
    pub resting: Resting,
    /// ... and when it is not: then nothing ages, and the plan's bytes stay the same.
    pub resting_unchanged: Resting,
    pub evidence: LayoutEvidence,
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
    /// Things that exist before and after under the same parent and have other numbers now (CHG004).
    pub renumbered: Vec<Slot>,
    /// Top-level nodes and bucket circuits that changed their CPU queue, sorted.
    pub moved: Vec<Slot>,
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
