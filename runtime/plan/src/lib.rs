//! What is known of queue plans without a kernel at hand: whether one can be loaded, whether it would hold the
//! rates it states, and what changing from one to another does to traffic.
//!
//! It reads published files and the kernel's limits, and knows nothing of how a plan was made: a plan is judged by
//! its own words. It does no I/O.

mod action;
pub mod diff;
pub mod kernel;
mod steps;
pub mod verify;
mod wanted;

pub use action::Action;
pub use steps::{Phase, Plan, Step};
pub use verify::{
    Kind, Violation, tx_queues, verify, verify_agreement, verify_artifact, verify_table,
    verify_tree,
};
pub use wanted::{
    LeafChoice, LeafChoices, Shape, Wanted, WantedClass, WantedHtb, WantedInterface, WantedLeaf,
};
