//! `weir.toml`: as written (`file`, `value`), and resolved into a [`project::Project`] in which nothing is optional.
//!
//! Reading it is total: any text gives a project or a [`ConfigError`] that names everything wrong in it. What a
//! setting means for a network (does the node exist? does the tree fit?) is not known here; findings say that.

mod check;
pub mod date;
mod digest;
mod error;
mod file;
pub mod fixes;
mod init;
mod keys;
pub mod lone;
mod mask;
pub mod overrides;
mod overrides_file;
pub mod project;
mod resolve;
mod schema;
pub mod suggest;
mod table;
mod value;
mod written;

#[cfg(test)]
mod tests;

pub use check::seconds as parse_seconds;
pub use error::ConfigError;
pub use init::{InitError, init};
pub use resolve::{ASSUMED, CliOverrides, FILE_NAME, load, load_alone, load_str};
pub use schema::{json_schema, overrides_reference, overrides_schema, reference};
