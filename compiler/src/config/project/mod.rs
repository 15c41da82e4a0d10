//! The configuration, resolved: every setting has its value, and every value can be shown where it was written.

mod lint;
mod running;
mod sources;
mod target;
mod topology;

pub use lint::{FailOn, LevelSetting, Lint, LintOptions, Suppression};
pub use running::{Channel, Guard, Overwrite, PromoteWhen, Publish, Remote, Schedule, Signing};
pub use sources::{
    AuthWord, Live, Merge, SecretFile, SecretPlace, Source, SourceKind, Table, TableFile,
    TableFormat, TableNodes,
};
pub use target::{Shaper, ShaperMode, Target};
pub use topology::{Addresses, Metric, Rates, Simplify, Suspended, SuspendedPolicy, Topology};

use crate::config::date::Date;
use crate::config::overrides::Overrides;
use crate::id::FileId;
use crate::ir::records::{Origin, Place};

#[derive(Clone, Debug)]
pub struct Project {
    pub name: String,
    /// `weir.toml`, as a place.
    pub file: Origin,
    /// The most trusted first.
    pub sources: Vec<Source>,
    pub merge: Merge,
    /// How sources without a recorded export are read, in the order of `sources`.
    pub live: Vec<Live>,
    pub topology: Topology,
    pub rates: Rates,
    pub suspended: Suspended,
    pub addresses: Addresses,
    pub lint: Lint,
    pub guard: Guard,
    pub target: Target,
    /// The store's directory, relative to the project: `.weir/store`. With a bucket it keeps snapshots and copies.
    pub store: String,
    /// The bucket, where artifacts and channels are in one.
    pub remote: Option<Remote>,
    /// `overrides.toml`; empty when there is none.
    pub overrides: Overrides,
    /// The day it is for those settings that end on one. `None`: none has ended.
    pub as_of: Option<Date>,
    /// Files that `key` and `secret` of the sources refer to.
    pub secret_files: Vec<SecretFile>,
    /// Sorted by name.
    pub channels: Vec<Channel>,
    pub signing: Signing,
    pub publish: Publish,
    pub schedule: Schedule,
    /// SHA-256 of the settings that reach the artifact, lower-case hex (comments and layout do not count).
    pub digest: String,
}

impl Project {
    /// Where a setting stands in `weir.toml`: `topology.exclude`, `topology.pin.<child>`. A key that is not
    /// written shows the nearest table that is.
    pub fn place(&self, key: impl Into<std::borrow::Cow<'static, str>>) -> Place {
        self.file.at(key)
    }

    pub fn config_file(&self) -> FileId {
        self.file.file
    }
}
