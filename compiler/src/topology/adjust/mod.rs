//! The passes between a strategy's placement and the queue plan, one file each, in the order of topology.md 1.0.

pub mod caps;
pub mod clamp;
pub mod depth;
pub mod guarantee;
#[cfg(test)]
mod laws;
pub mod loss;
pub mod prune;
pub mod simplify;
pub mod virtualize;
