//! `weir.toml` as written. These types are the one list of its keys: reading, the did-you-mean, the JSON Schema
//! and `docs/configuration.md` all come from them, and the comments here are what operators read.
//!
//! A `default` is documentation; `resolve` applies it, and a test holds the two together.

mod lint;
mod running;
mod sources;
mod target;
mod topology;
pub(super) mod words;

pub use lint::{Lint, LintOptions, Suppress};
pub use running::{Channel, Guard, Publish, Schedule, Signing, Store};
pub use sources::{Merge, Source, TableNodes};
pub use target::{Shaper, Target};
pub use topology::{Addresses, Rates, Suspended, Topology};
pub use words::{BurstWord, FormatWord, ModeWord, OvercommitWord, ParentWord, UnitWord};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::value::At;

/// A Weir project: where subscribers and network come from, and how they become a shaping tree.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "weir.toml", extend("required" = ["source"]))]
pub struct File {
    pub project: Project,
    /// The sources, the most trusted first.
    pub source: Vec<At<Source>>,
    pub merge: Merge,
    pub topology: Topology,
    pub rates: Rates,
    pub suspended: Suspended,
    pub addresses: Addresses,
    pub lint: Lint,
    pub guard: Guard,
    /// The shaper boxes, by name. An artifact is built for one of them and must fit it; `--target NAME` chooses when
    /// there are several. Without any, a box of 16 queues is assumed and memory is not checked.
    pub target: BTreeMap<At<String>, At<Target>>,
    pub store: Store,
    pub publish: Publish,
    /// What may be promoted where, by channel.
    pub channels: BTreeMap<At<String>, At<Channel>>,
    pub schedule: Schedule,
    pub signing: Signing,
}

/// The project itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Project {
    /// Name of the network, as artifacts and reports show it.
    #[schemars(extend("default" = "weir"))]
    pub name: Option<At<String>>,
}
