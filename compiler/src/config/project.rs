//! The configuration, resolved: every setting has its value, and every value can be shown where it was written.

use ipnet::IpNet;
use serde::Serialize;

use crate::config::date::Date;
use crate::config::overrides::Overrides;
use crate::finding::Level;
use crate::id::FileId;
use crate::ir::field::Field;
use crate::ir::merge::JoinKey;
use crate::ir::records::{LeafKind, NodeKind, Origin, Place};
use crate::ir::tree::Strategy;
use crate::units::{Kbps, Pair, PerMille};

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

#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub kind: SourceKind,
    /// Directory of recorded responses, as written.
    pub export: Option<String>,
    pub url: Option<String>,
    /// Index in `[[source]]`, for places.
    pub index: usize,
    /// Of kind `table`: what its columns mean.
    pub table: Option<Box<Table>>,
}

/// What the columns of a file of subscribers mean.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Table {
    pub rows: TableFile,
    pub circuit: String,
    pub name: Option<String>,
    pub device: Option<String>,
    pub device_name: Option<String>,
    pub mac: Option<String>,
    pub addresses: Vec<String>,
    pub parent: Option<String>,
    /// Where `parent` is no id of the nodes here, it is the id of another source's; else a name.
    pub parent_by_id: bool,
    /// Columns of download and upload.
    pub plan: [String; 2],
    pub commit: [Option<String>; 2],
    pub state: Option<String>,
    /// Lower case, as are all words.
    pub suspended: Vec<String>,
    pub ended: Vec<String>,
    pub comment: Option<String>,
    /// Columns of latitude and longitude: both or none.
    pub position: Option<[String; 2]>,
    pub nodes: Option<TableNodes>,
}

/// A file and how its rows are found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TableFile {
    pub file: String,
    pub format: TableFormat,
    /// kbit/s for one unit, as `units::parse_rate` takes it.
    pub unit: (u64, u64),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub enum TableFormat {
    Csv {
        delimiter: u8,
    },
    /// Keys from the top down to the list of rows.
    Json {
        records: Vec<String>,
    },
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TableNodes {
    pub rows: TableFile,
    pub id: String,
    pub name: Option<String>,
    pub parent: Option<String>,
    pub kind: Option<String>,
    pub site: Vec<String>,
    pub ap: Vec<String>,
    pub capacity: [Option<String>; 2],
    pub position: Option<[String; 2]>,
}

/// A file with a secret. What is in it is nobody's business here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretFile {
    /// Name of the source.
    pub source: String,
    /// Route of the reference: `source.0.key`.
    pub route: String,
    /// As written.
    pub path: String,
    /// Permission bits; `None` when there is no such file, or none can be told.
    pub mode: Option<u32>,
}

/// How a CRM is read over the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Live {
    /// Name of the source.
    pub source: String,
    pub kind: SourceKind,
    /// Index in `[[source]]`, for places.
    pub index: usize,
    pub url: String,
    pub token_url: Option<String>,
    pub key: Option<SecretPlace>,
    pub secret: Option<SecretPlace>,
    pub user: Option<String>,
    pub password: Option<SecretPlace>,
    pub auth: AuthWord,
    pub tenant: Option<u64>,
    pub domain: Option<String>,
    /// File of the certificate authority, relative to the project.
    pub ca: Option<String>,
    /// `sha256:...`
    pub tls_pin: Option<String>,
    pub timeout_seconds: u64,
}

/// A store in a bucket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remote {
    /// `s3://BUCKET/PREFIX`
    pub url: String,
    pub endpoint: Option<String>,
    pub region: String,
    /// Both or none; none means the environment.
    pub key: Option<SecretPlace>,
    pub secret: Option<SecretPlace>,
    /// File of the certificate authority, relative to the project.
    pub ca: Option<String>,
    pub plain_http: bool,
}

/// Where a secret is kept. Never the secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretPlace {
    Env(String),
    File(String),
    Credential(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuthWord {
    Basic,
    Signature,
    Token,
}

impl AuthWord {
    pub const ALL: [AuthWord; 3] = [AuthWord::Basic, AuthWord::Signature, AuthWord::Token];

    pub fn word(self) -> &'static str {
        match self {
            AuthWord::Basic => "basic",
            AuthWord::Signature => "signature",
            AuthWord::Token => "token",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SourceKind {
    Inventory,
    Libreqos,
    Mikrotik,
    Netzur,
    Powercode,
    Sonar,
    Splynx,
    Table,
    Uisp,
    Visp,
    Wispgate,
}

impl SourceKind {
    /// Every kind this build reads, sorted by name.
    pub const ALL: [SourceKind; 11] = [
        SourceKind::Inventory,
        SourceKind::Libreqos,
        SourceKind::Mikrotik,
        SourceKind::Netzur,
        SourceKind::Powercode,
        SourceKind::Sonar,
        SourceKind::Splynx,
        SourceKind::Table,
        SourceKind::Uisp,
        SourceKind::Visp,
        SourceKind::Wispgate,
    ];

    /// It is read from files of the project only; every other kind is a CRM on the network.
    pub fn is_file(self) -> bool {
        matches!(
            self,
            SourceKind::Inventory | SourceKind::Libreqos | SourceKind::Table
        )
    }

    pub fn word(self) -> &'static str {
        match self {
            SourceKind::Inventory => "inventory",
            SourceKind::Libreqos => "libreqos",
            SourceKind::Mikrotik => "mikrotik",
            SourceKind::Netzur => "netzur",
            SourceKind::Powercode => "powercode",
            SourceKind::Sonar => "sonar",
            SourceKind::Splynx => "splynx",
            SourceKind::Table => "table",
            SourceKind::Uisp => "uisp",
            SourceKind::Visp => "visp",
            SourceKind::Wispgate => "wispgate",
        }
    }
}

/// How several sources become one network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merge {
    /// The most trusted first, each once.
    pub join: Vec<JoinKey>,
    /// Sources whose every circuit should be in another source too, as indices into `Project::sources`; `None`: those
    /// where most are.
    pub expect_match: Option<Vec<usize>>,
    /// Fields whose sources have an order of their own: all sources, the first asked first. Sorted by field.
    pub fields: Vec<(Field, Vec<usize>)>,
}

impl Default for Merge {
    fn default() -> Self {
        Merge {
            join: JoinKey::ALL.into(),
            expect_match: None,
            fields: Vec::new(),
        }
    }
}

impl Merge {
    /// The order in which sources are asked for a field, where it is not that of precedence.
    pub fn order(&self, field: Field) -> Option<&[usize]> {
        let found = self.fields.iter().find(|(f, _)| *f == field);
        found.map(|(_, order)| order.as_slice())
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

impl Simplify {
    /// A redundant node of this kind may be left out.
    pub fn takes(self, kind: NodeKind, holds_circuits: bool) -> bool {
        match (self, kind) {
            (Simplify::Off, _) => false,
            (Simplify::All, _) | (Simplify::Auto, NodeKind::Other) => true,
            (Simplify::Auto, NodeKind::Site) => !holds_circuits,
            (Simplify::Auto, NodeKind::Ap | NodeKind::Root) => false,
        }
    }

    /// How far above what could flow a limit must be: with `auto` by a tenth, so that one more customer does not
    /// bring a level back.
    pub fn margin(self) -> PerMille {
        match self {
            Simplify::Off | Simplify::All => PerMille::ONE,
            Simplify::Auto => PerMille(1100),
        }
    }
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
    /// File with measured peaks, as written.
    pub peaks: Option<String>,
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

/// A channel that `weir.toml` declares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Channel {
    pub name: String,
    /// Only what this channel runs may be promoted to it.
    pub from: Option<String>,
}

/// Writing LibreQoS's files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Publish {
    /// Directory of LibreQoS, as written.
    pub to: Option<String>,
    pub overwrite: Overwrite,
}

/// What happens to files that are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Overwrite {
    #[default]
    Always,
    WhenUnedited,
    Never,
}

impl Overwrite {
    pub const ALL: [Overwrite; 3] = [Overwrite::Always, Overwrite::WhenUnedited, Overwrite::Never];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Overwrite::Always => "always",
            Overwrite::WhenUnedited => "when-unedited",
            Overwrite::Never => "never",
        }
    }
}

/// Regular builds, and what becomes of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Seconds from the beginning of one run to that of the next, before jitter.
    pub every_seconds: u64,
    pub promote: PromoteWhen,
    /// What is promoted to, and followed.
    pub channel: String,
    /// Newest artifacts, and generations of each channel, that a run leaves; `None`: a run removes nothing.
    pub keep: Option<usize>,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule {
            every_seconds: 1800,
            promote: PromoteWhen::WhenContained,
            channel: "production".to_owned(),
            keep: Some(100),
        }
    }
}

/// When a scheduled build is promoted by itself. The guard has its word in every case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PromoteWhen {
    Never,
    /// No finding fails the build.
    WhenClean,
    /// Findings that fail it are contained and touch few circuits.
    WhenContained,
}

impl PromoteWhen {
    pub const ALL: [PromoteWhen; 3] = [
        PromoteWhen::Never,
        PromoteWhen::WhenClean,
        PromoteWhen::WhenContained,
    ];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            PromoteWhen::Never => "never",
            PromoteWhen::WhenClean => "when-clean",
            PromoteWhen::WhenContained => "when-contained",
        }
    }
}

/// Who signs releases, and whose signatures count.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Signing {
    pub key: Option<KeyRef>,
    /// Trust file, as written.
    pub trust: Option<String>,
}

/// Where the signing key is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyRef {
    /// Name of an environment variable.
    Env(String),
    /// File, relative to the project.
    File(String),
    /// Name of a systemd credential.
    Credential(String),
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
