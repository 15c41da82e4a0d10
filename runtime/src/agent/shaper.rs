//! What the agent needs of whoever changes the kernel. The live one is a swap over netlink and `bpf(2)`; tests have
//! one that fails on demand.

use weir_schemas::runtime::{ApplyResult, InterfaceStatus};

use crate::artifact::Proved;

/// Brings generations into the kernel. Only one at a time does: whoever has it holds the lock.
pub trait Shaper {
    /// Brings a generation in, from whatever is there. What an earlier process left unfinished is ended first.
    fn load(&mut self, to: &Proved) -> Loading;

    /// Compares everything in the kernel with a generation. Changes nothing.
    fn read_back(&mut self, to: &Proved) -> Result<ReadBack, String>;

    /// What `load` would do, for people. Changes nothing.
    fn preview(&mut self, to: &Proved) -> Result<String, Loading>;

    /// Lets go of what is kept for going back at once. Gives the number of acts.
    fn reclaim(&mut self, to: &Proved) -> Result<u64, String>;

    /// Index of an interface; `None` when there is none of this name. Cheap: it is asked every second.
    fn interface(&mut self, name: &str) -> Option<u32>;
}

/// How bringing a generation in went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loading {
    pub result: ApplyResult,
    /// Why it failed, and what to do about it; empty when it did not.
    pub reason: String,
    /// Steps of the plan, and how many of them were done.
    pub steps: u64,
    pub done: u64,
}

impl Loading {
    pub fn refused(reason: impl Into<String>) -> Loading {
        Loading {
            result: ApplyResult::Refused,
            reason: reason.into(),
            steps: 0,
            done: 0,
        }
    }

    /// The generation is in the kernel.
    pub fn is_loaded(&self) -> bool {
        matches!(self.result, ApplyResult::Applied | ApplyResult::Unchanged)
    }
}

/// The kernel beside a generation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReadBack {
    /// Objects that are wanted.
    pub objects: u64,
    /// What is not as the plan says, one line each, sorted; at most [`DRIFT`](crate::status::DRIFT).
    pub drift: Vec<String>,
    /// All of it.
    pub drift_count: u64,
    /// Payload digest of what packets are classified by; `None` = nothing, unshaped.
    pub active: Option<String>,
    /// Payload digests in the other slots: what can be gone back to by one flip.
    pub kept: Vec<String>,
    pub interfaces: Vec<InterfaceStatus>,
    /// Interfaces of the plan, and whether this build's program is attached there.
    pub programs: Vec<(String, bool)>,
}

impl ReadBack {
    /// The kernel is exactly as the generation says.
    pub fn is_in_sync(&self, digest: &str) -> bool {
        self.drift_count == 0
            && self.active.as_deref() == Some(digest)
            && self.programs.iter().all(|(_, attached)| *attached)
    }
}
