//! The verifier: what a plan must be so that the kernel takes it and enforces it.
//!
//! HTB reports few mistakes. A class whose parent is missing becomes a root class, a change of parent is accepted
//! and ignored, and guarantees that add up to more than their parent's rate are served past its ceiling. All of
//! that is found here, before anything is loaded.

mod artifact;
mod plan;
mod prefix;
mod table;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;

use std::fmt;

pub use artifact::{verify_agreement, verify_artifact, verify_tree};
pub use plan::verify;
pub use prefix::Prefixes;
pub use table::{Held, judge_table, tx_queues, verify_table};

/// Something in an artifact that must not be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Violation {
    pub kind: Kind,
    /// What it is about: the key of a class, `queue:<n>`, or the key a class of that name would have.
    pub key: String,
    /// One line: what is wrong, and by how much.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// What a violation is a violation of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Queues are those of the target, numbered from 0.
    Queues,
    /// Every HTB has a usable major that no other on its interface has.
    Major,
    /// Keys are well-formed, unique and sorted.
    Key,
    /// A parent exists, is in the same queue, and is no circuit; a bucket has none.
    Parent,
    /// Nothing hangs under itself.
    Cycle,
    /// A chain has no more classes than the kernel takes.
    Depth,
    /// Minors are usable, and unique in their queue.
    Minor,
    /// Only circuits have leaves.
    Leaf,
    /// Leaf handles are usable, and unique on their interface.
    Handle,
    /// Rates are numbers the kernel takes, and no rate is above its ceiling.
    Rate,
    /// A root class has nobody to borrow from: its rate is its ceiling.
    RootRate,
    /// The rates under a class add up to no more than its own, or its ceiling would not hold.
    Guarantees,
    /// No ceiling is above that of the parent.
    Ceiling,
    /// The load of a queue is the sum of its circuits' ceilings.
    Load,
    /// A number that rests is nobody's.
    Resting,
    /// Tree and plan have the same nodes, in the same place, with the same rates.
    Node,
    /// Tree and plan have the same circuits, once each, with the same rates.
    Circuit,
    /// Every circuit is in the queue of the top-level node above it, and so are its addresses.
    Placement,
    /// A prefix is well-formed, and belongs to one circuit.
    Prefix,
    /// The address table leads every prefix of the tree to the class of its circuit, and holds nothing else.
    Table,
}

impl Kind {
    /// Every kind, in order: first those of the plan alone.
    pub const ALL: [Kind; 20] = [
        Kind::Queues,
        Kind::Major,
        Kind::Key,
        Kind::Parent,
        Kind::Cycle,
        Kind::Depth,
        Kind::Minor,
        Kind::Leaf,
        Kind::Handle,
        Kind::Rate,
        Kind::RootRate,
        Kind::Guarantees,
        Kind::Ceiling,
        Kind::Load,
        Kind::Resting,
        Kind::Node,
        Kind::Circuit,
        Kind::Placement,
        Kind::Prefix,
        Kind::Table,
    ];
}

/// Violations as they are found.
#[derive(Default)]
struct Report(Vec<Violation>);

impl Report {
    fn add(&mut self, kind: Kind, key: impl Into<String>, message: impl Into<String>) {
        self.0.push(Violation {
            kind,
            key: key.into(),
            message: message.into(),
        });
    }
}

/// The directions of a pair, in its order.
const DIRECTIONS: [&str; 2] = ["download", "upload"];
