//! The types between the stages, and nothing else. They are not `Serialize` (contracts live in
//! `weir-schemas`) and know nothing of terminals.

pub mod address;
pub mod field;
pub mod graph;
pub mod inventory;
pub mod layout;
pub mod merge;
pub mod overlay;
pub mod position;
pub mod previous;
pub mod records;
pub mod tree;
