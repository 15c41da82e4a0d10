//! `weir.toml`: as written (`file`, `value`), and resolved into a [`project::Project`] in which nothing is optional.
//!
//! Reading it is total: any text gives a project or a [`ConfigError`] that names everything wrong in it. What a
//! setting means for a network (does the node exist? does the tree fit?) is not known here; findings say that.

mod check;
mod digest;
mod error;
mod file;
pub mod fixes;
mod init;
mod keys;
pub mod lone;
mod mask;
pub mod project;
mod resolve;
mod schema;
pub mod suggest;
mod value;

#[cfg(test)]
mod tests;

pub use error::ConfigError;
pub use init::{InitError, init};
pub use keys::locate;
pub use resolve::{CliOverrides, FILE_NAME, load, load_alone, load_str};
pub use schema::{json_schema, reference};
