//! What is known of queue plans without a kernel at hand: whether one can be loaded, whether it would hold the
//! rates it states, and what changing from one to another does to traffic.
//!
//! It reads published files and the kernel's limits, and knows nothing of how a plan was made: a plan is judged by
//! its own words. It does no I/O.
//!
//! ```
//! use weir_schemas::queue_plan::QueuePlan;
//!
//! let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/ci/golden/queue-plan.json");
//! let plan = std::fs::read(golden).expect("a plan");
//! let plan: QueuePlan<'_> = weir_schemas::read(&plan).expect("it is well formed");
//! assert!(weir_plan::verify(&plan).is_empty(), "it can be loaded, and holds its rates");
//! assert!(weir_plan::diff::diff(&plan, &plan).classes.is_empty());
//! ```

mod action;
mod changes;
pub mod diff;
mod differences;
pub mod kernel;
#[cfg(any(test, feature = "model"))]
pub mod model;
mod order;
mod rates;
mod reclaim;
mod refusal;
mod seen;
mod settled;
mod steps;
mod text;
mod tree;
pub mod verify;
mod wanted;

pub use action::Action;
pub use differences::{Difference, differences, unmet};
pub use order::{GENERATION_SLOTS, Options, plan};
pub use reclaim::{detach, reclaim};
pub use refusal::{Refusal, Refused};
pub use steps::{Change, Phase, Plan, Step};
pub use verify::{
    Held, Kind, Prefixes, Violation, judge_table, tx_queues, verify, verify_agreement,
    verify_artifact, verify_table, verify_tree,
};
pub use wanted::{
    LeafChoice, LeafChoices, NotLoadable, Shape, Wanted, WantedClass, WantedHtb, WantedInterface,
    WantedLeaf,
};
