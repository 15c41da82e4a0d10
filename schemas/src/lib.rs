//! The published file formats of Weir, as types. Each has a JSON Schema of the same name beside it.

pub mod inventory;
