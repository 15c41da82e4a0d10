//! A plan: acts in order, each with what undoes it, and what it does to whom.

use std::fmt;

use weir_schemas::diff::Disruption;

use crate::action::Action;
use crate::kernel::Device;

/// Everything that leads from what was observed to what is wanted. A value that people can read before anything is
/// done: its `Display` is that text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// Payload digest of what is active at the start; `None`: nothing, or something unknown.
    pub from: Option<String>,
    /// Payload digest of what is active at the end; `None`: nothing.
    pub to: Option<String>,
    /// In the order of their phases.
    pub steps: Vec<Step>,
    /// Classes that are not as they were, gravest first, then by interface and key.
    pub changes: Vec<Change>,
    /// Classes, in all interfaces, that no step touches but for the time of the swap.
    pub unchanged: u64,
    /// Traffic passes unshaped between the first steps and the flip.
    pub unshaped: bool,
}

/// What a plan does to a class.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    pub disruption: Disruption,
    pub device: Device,
    /// Key in the queue plan; the class id where no plan that is known has it.
    pub key: String,
    /// One line.
    pub what: String,
}

/// One step. When it was done, `undo`, in this order, leads back to where it began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    pub phase: Phase,
    pub action: Action,
    /// Empty: nothing has to be undone, or it goes with the undoing of an earlier step.
    pub undo: Vec<Action>,
}

/// Where in a swap a step stands. Everything before [`Phase::Flip`] leaves every packet in the class it had.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Phase {
    /// With the word that everything passes by, where a swap is allowed to let traffic pass unshaped.
    Bypass,
    /// New qdiscs, classes and leaves, the table, the programs. No packet meets any of it yet.
    Prepare,
    /// Rates that go up, top-down, and leaves that change.
    Raise,
    /// One word.
    Flip,
    /// No packet of the old generation is under way any more.
    Barrier,
    /// Rates that go down, bottom-up, where no class of the old generation is in the way.
    Lower,
    /// What is queued in classes of the old generation leaves.
    Drain,
    /// The rates that had to wait for that.
    Settle,
    /// Classes, qdiscs and slots that no kept generation has are removed.
    Reclaim,
}

impl Phase {
    pub const ALL: [Phase; 9] = [
        Phase::Bypass,
        Phase::Prepare,
        Phase::Raise,
        Phase::Flip,
        Phase::Barrier,
        Phase::Lower,
        Phase::Drain,
        Phase::Settle,
        Phase::Reclaim,
    ];

    /// As plans and journals spell it.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Bypass => "bypass",
            Phase::Prepare => "prepare",
            Phase::Raise => "raise",
            Phase::Flip => "flip",
            Phase::Barrier => "barrier",
            Phase::Lower => "lower",
            Phase::Drain => "drain",
            Phase::Settle => "settle",
            Phase::Reclaim => "reclaim",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
