//! The configuration, resolved: every setting has its value, and every value can be shown where it was written.

use ipnet::IpNet;

use crate::date::Date;
use crate::finding::Level;
use crate::id::FileId;
use crate::ir::records::{LeafKind, Origin, Place};
use crate::ir::tree::Strategy;
use crate::units::{Kbps, Pair, PerMille};

#[derive(Clone, Debug)]
pub struct Project {
    pub name: String,
    /// `weir.toml`, as a place.
    pub file: Origin,
    pub sources: Vec<Source>,
    pub topology: Topology,
    pub rates: Rates,
    pub suspended: Suspended,
    pub addresses: Addresses,
    pub lint: Lint,
    pub guard: Guard,
    pub target: Target,
    /// The store, relative to the project: `.weir/store`.
    pub store: String,
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

#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub kind: SourceKind,
    /// Directory of recorded responses, as written.
    pub export: Option<String>,
    pub url: Option<String>,
    /// Index in `[[source]]`, for places.
    pub index: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SourceKind {
    Inventory,
    Libreqos,
    Uisp,
}

impl SourceKind {
    /// Every kind this build reads, sorted by name.
    pub const ALL: [SourceKind; 3] = [
        SourceKind::Inventory,
        SourceKind::Libreqos,
        SourceKind::Uisp,
    ];

    pub fn word(self) -> &'static str {
        match self {
            SourceKind::Inventory => "inventory",
            SourceKind::Libreqos => "libreqos",
            SourceKind::Uisp => "uisp",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Metric {
    Cost,
    Hops,
    Widest,
    Declared,
}

impl Metric {
    pub const ALL: [Metric; 4] = [Metric::Cost, Metric::Hops, Metric::Widest, Metric::Declared];

    pub fn word(self) -> &'static str {
        match self {
            Metric::Cost => "cost",
            Metric::Hops => "hops",
            Metric::Widest => "widest",
            Metric::Declared => "declared",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Simplify {
    Off,
    /// Kind other and sites without own circuits, margin 10 %.
    Auto,
    /// All redundant nodes, every kind, margin 0.
    All,
}

#[derive(Clone, Debug)]
pub struct Topology {
    pub strategy: Strategy,
    pub tree: Metric,
    /// Id or name.
    pub root: Option<String>,
    pub promote_to_root: Vec<String>,
    pub exclude: Vec<String>,
    /// child = parent, ids or names, sorted by child.
    pub pin: Vec<(String, String)>,
    /// Node levels above a leaf; 0 = the target's limit.
    pub max_depth: usize,
    pub simplify: Simplify,
    /// 0 = off.
    pub auto_virtual: Kbps,
    pub wan: Pair<Kbps>,
    /// `wan_mbps` is written, not the default.
    pub wan_is_set: bool,
    pub link_down_hold: u32,
    pub generated: Pair<Kbps>,
    pub link_reference: Kbps,
    pub default_link_cost: u64,
    pub membership_cost: u64,
    pub prune_empty: bool,
}

#[derive(Clone, Debug)]
pub struct Rates {
    pub overhead: PerMille,
    pub multiplier: PerMille,
    pub commit: PerMille,
    pub floor: Kbps,
    pub min_floor: Kbps,
    pub default_plan: Option<Pair<Kbps>>,
    /// `burst = "add"`: a burst volume counts as a rate.
    pub add_burst: bool,
    /// `overcommit = "strict"`: guarantees above a capacity are an error.
    pub strict: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SuspendedPolicy {
    Keep,
    Slow,
    Drop,
}

#[derive(Clone, Debug)]
pub struct Suspended {
    pub policy: SuspendedPolicy,
    pub slow: Kbps,
}

#[derive(Clone, Debug, Default)]
pub struct Addresses {
    pub allow: Vec<IpNet>,
    pub ignore: Vec<IpNet>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailOn {
    Error,
    Warning,
    Never,
}

/// `allow` hides a rule; the others set its level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LevelSetting {
    Allow,
    Set(Level),
}

#[derive(Clone, Debug)]
pub struct Lint {
    pub fail_on: FailOn,
    /// By rule code, sorted.
    pub levels: Vec<(&'static str, LevelSetting)>,
    /// In the order of the file.
    pub suppress: Vec<Suppression>,
    /// The day that expiries are compared with; `None` = nothing expires.
    pub as_of: Option<Date>,
}

impl Lint {
    /// What `[lint.levels]` says about the rule of this code.
    pub fn level(&self, code: &str) -> Option<LevelSetting> {
        let set = self.levels.iter().find(|(rule, _)| *rule == code);
        set.map(|(_, setting)| *setting)
    }
}

/// A `[[lint.suppress]]`: findings that somebody looked at and lives with.
#[derive(Clone, Debug)]
pub struct Suppression {
    /// Code of the rule.
    pub rule: &'static str,
    /// Ids, `*` for any text and `?` for any character.
    pub subjects: Vec<String>,
    pub reason: String,
    /// The last day it holds.
    pub expires: Option<Date>,
    /// Its position in the file.
    pub index: usize,
}

impl Suppression {
    /// The day it holds is over.
    pub fn is_expired(&self, as_of: Option<Date>) -> bool {
        matches!((self.expires, as_of), (Some(last), Some(today)) if last < today)
    }
}

#[derive(Clone, Debug)]
pub struct Guard {
    pub max_removed: u64,
    pub max_removed_percent: u32,
    pub max_reparented_percent: u32,
    pub max_contained: u64,
    pub min_circuits: u64,
    pub max_source_age_seconds: u64,
    pub max_churn: u64,
}

/// The box the artifact is built for.
#[derive(Clone, Debug)]
pub struct Target {
    /// `None`: no `[target.*]` is declared, so box fit was not checked.
    pub name: Option<String>,
    pub queues: u16,
    /// Bytes; 0 = not stated.
    pub memory: u64,
    /// What one of its cores shapes, both directions together.
    pub core: Kbps,
    pub shaper: Option<Shaper>,
    pub leaf: LeafKind,
    /// The leaf discipline with its arguments, as tc takes it: `cake diffserv4`.
    pub qdisc: String,
    pub leaf_fallback: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Shaper {
    pub to_internet: String,
    pub to_network: String,
    pub mode: ShaperMode,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShaperMode {
    Bridge,
    Stick {
        internet_vlan: u16,
        network_vlan: u16,
    },
}
