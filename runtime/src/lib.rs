//! The privileged side of Weir: it observes the kernel, plans what differs from an artifact, applies that in an
//! order in which every packet meets one whole generation, and reads everything back.
//!
//! It decides nothing about rates or placement, and knows nothing of CRMs or projects: it meets the compiler in
//! artifacts only.

pub mod agent;
pub mod artifact;
pub mod bpf;
pub mod cli;
pub mod config;
pub mod copies;
pub mod doctor;
pub mod exit;
pub mod follow;
pub mod health;
pub mod live;
pub mod netlink;
pub mod observe;
pub mod status;
pub mod swap;

#[cfg(test)]
#[path = "../tests/common/artifact.rs"]
mod fixture;
