//! What tests of the binary share.

pub mod artifact;
pub mod machine;
