//! `provenance.json`: where every value of an artifact comes from, and what was decided on the way. It is for
//! people who ask why; nothing that shapes traffic reads it.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;
use crate::common::{NodeKind, OmitReason, Pair, Position};

/// The provenance of one build.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Provenance<'a> {
    /// `weir.provenance/1`
    #[schemars(extend("const" = Provenance::SCHEMA))]
    pub schema: Cow<'a, str>,
    /// Input files; records name them by their position here.
    pub files: Vec<File<'a>>,
    /// The settings that made rates and capacities out of what the sources say.
    #[serde(default)]
    pub settings: Settings,
    /// Where guarantees below did not fit, sorted by id, generated parent nodes last.
    #[serde(default)]
    pub scaled: Vec<Scaled<'a>>,
    /// Every node of the inventory, emitted or not, sorted by id as bytes.
    pub nodes: Vec<Node<'a>>,
    /// Every circuit of the inventory, shaped or not, sorted by id as bytes.
    pub circuits: Vec<Circuit<'a>>,
}

impl Published for Provenance<'_> {
    const SCHEMA: &'static str = "weir.provenance/1";
}

/// An input file.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct File<'a> {
    /// Relative to the project; never absolute.
    pub path: Cow<'a, str>,
    /// SHA-256 of the file as it was read, lower-case hexadecimal.
    pub sha256: Cow<'a, str>,
}

/// What rates and capacities were made with. Factors are in thousandths: 1100 is 1.1.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// `topology.tree`: how a parent is chosen: `cost`, `hops`, `widest`, `declared`.
    pub tree: String,
    /// `topology.wan_mbps`, `[download, upload]` in kbit/s.
    pub wan_kbps: Pair<u64>,
    /// `topology.generated_mbps`, `[download, upload]` in kbit/s: capacity of each generated parent node.
    pub generated_kbps: Pair<u64>,
    /// `rates.overhead`
    pub overhead_permille: u32,
    /// `rates.multiplier`
    pub multiplier_permille: u32,
    /// `rates.commit`
    pub commit_permille: u32,
    /// `rates.floor_mbps` in kbit/s.
    pub floor_kbps: u64,
    /// `rates.min_floor_mbps` in kbit/s.
    pub min_floor_kbps: u64,
    /// `rates.burst` is `add`: a burst volume counts as a rate.
    pub add_burst: bool,
    /// `suspended.slow_mbps` in kbit/s, where `suspended.policy` is `slow`; else null.
    pub slow_kbps: Option<u64>,
}

/// A node whose guarantees below were scaled to its capacity.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Scaled<'a> {
    /// Id of the node, or name of the generated parent node.
    pub at: Cow<'a, str>,
    /// Sum of the guarantees below before, `[download, upload]` in kbit/s.
    pub wanted_kbps: Pair<u64>,
    /// The capacity they were scaled to, `[download, upload]` in kbit/s.
    pub cap_kbps: Pair<u64>,
}

/// Where a record stands: `[position in files, first byte, length in bytes]`. A file that was not UTF-8 is
/// counted after its conversion to UTF-8.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record(pub u32, pub u64, pub u32);

/// Where a node comes from, and how it got its parent.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Node<'a> {
    /// Its stable id.
    pub id: Cow<'a, str>,
    /// Its display name. Absent when it is the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// What it is.
    #[serde(default = "other")]
    pub kind: NodeKind,
    /// The record it was read from.
    pub record: Record,
    /// Whether it is in the shaping tree, or why not.
    pub fate: Fate,
    /// Capacity the source gives the node itself, `[download, upload]` in kbit/s; null = unknown.
    pub own_kbps: Pair<Option<u64>>,
    /// Effective capacity, `[download, upload]` in kbit/s: the smallest on its path; null = no known limit.
    pub cap_kbps: Pair<Option<u64>>,
    /// Id of the parent the source declares. Absent when it declares none that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_parent: Option<Cow<'a, str>>,
    /// The way to it that was chosen. Absent for the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<Path<'a>>,
    /// The way is that of the previous artifact, kept although another is a little better by now. Absent when it is
    /// not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// The next best ways, best first, at most three. Absent when there is no other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rivals: Vec<Path<'a>>,
    /// Id of the node through which its island was joined to the root, as nothing else reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub island: Option<Cow<'a, str>>,
    /// Where it is, as a source says. Absent when none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The records of several sources that this is, in order of trust. Absent when only one source knows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Joined<'a>>,
    /// Fields that were chosen between sources, or that an override changed. Absent when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field<'a>>,
}

/// Of artifacts that do not say it.
fn other() -> NodeKind {
    NodeKind::Other
}

/// What became of a node.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is in the shaping tree.
    Emitted,
    /// It is the root, which is never emitted.
    Root,
    /// The source marks it as virtual: transparent.
    Virtual,
    /// `topology.exclude` names it: transparent.
    Excluded,
    /// `topology.auto_virtual_mbps` hides it.
    AutoVirtual,
    /// The strategy has no place for nodes of its kind.
    Strategy,
    /// No circuit hangs below it, and `topology.prune_empty` is on.
    Pruned,
    /// `topology.simplify` removed it: its limit never binds.
    Simplified,
    /// The tree was too deep for the target.
    DepthCut,
}

/// A way from the root to a node, by its last step.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Path<'a> {
    /// Id of the node before; `@root` for the generated root.
    pub parent: Cow<'a, str>,
    /// What joins the two.
    pub via: Via,
    /// Id of the link, where it is one or takes its capacity from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Cow<'a, str>>,
    /// Sum of costs from the root; 0 for metrics without costs.
    pub cost: u64,
    /// Steps from the root.
    pub hops: u32,
    /// Smallest download capacity of the links on the way, in kbit/s; null = no known limit.
    pub bottleneck_kbps: Option<u64>,
    /// Capacity of the last step, `[download, upload]` in kbit/s; null = no known limit. Only of the way that was
    /// chosen; absent when neither direction has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kbps: Option<Pair<Option<u64>>>,
}

/// What joins a node to the one before it.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// A link of the source.
    Link,
    /// It belongs to its declared parent, and no link joins the two.
    Member,
    /// It is a gateway.
    Gateway,
    /// `topology.pin`, without a link.
    Pin,
    /// Its declared parent, as nothing else reaches it.
    Declared,
    /// Nothing reaches it: it is the head of an island.
    Island,
}

/// Where a circuit comes from, and how it got its rates and its place.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Circuit<'a> {
    /// Its stable id.
    pub id: Cow<'a, str>,
    /// Its display name. Absent when it is the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// The record it was read from.
    pub record: Record,
    /// The record the plan was read from, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_record: Option<Record>,
    /// Plan as the source gives it, `[download, upload]` in kbit/s; null = missing or 0.
    pub source_plan_kbps: Pair<Option<u64>>,
    /// Plan after `rates.default_plan_mbps`, `[download, upload]` in kbit/s. Absent when it is the source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_kbps: Option<Pair<Option<u64>>>,
    /// Burst that counts as a rate, `[download, upload]` in kbit/s. Absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst_kbps: Option<Pair<u64>>,
    /// Burst that the source gives as a volume, `[download, upload]` in bytes. Absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst_bytes: Option<Pair<u64>>,
    /// Guaranteed rate the source states, `[download, upload]` in kbit/s. Absent when it states none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_kbps: Option<Pair<u64>>,
    /// The source says that it is suspended. Absent when it does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// Id of the node it attaches to. Absent when the source names none that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<Cow<'a, str>>,
    /// Why it is not shaped. Absent when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted: Option<OmitReason>,
    /// Its place and its rates in the tree. Absent when it is not shaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shaped: Option<Shaped<'a>>,
    /// The devices that kept an address.
    pub devices: Vec<Device<'a>>,
    /// Where it is, as a source says. Absent when none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The records of several sources that this is, in order of trust. Absent when only one source knows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Joined<'a>>,
    /// Fields that were chosen between sources, or that an override changed. Absent when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field<'a>>,
    /// Addresses that its devices claim and that are not shaped for it, or not as they were written. Absent when there
    /// are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused<'a>>,
}

/// A record that is one of the records of a thing.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Joined<'a> {
    /// Name of the source.
    pub source: Cow<'a, str>,
    /// Its id there.
    pub id: Cow<'a, str>,
    /// Where it stands.
    pub record: Record,
    /// What joined it to the records before it: `id`, `mac`, `address` or `name`. Absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Cow<'a, str>>,
}

/// An address that was refused or changed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Refused<'a> {
    /// Id of the device.
    pub device: Cow<'a, str>,
    /// The record the device was read from.
    pub record: Record,
    /// As it was written.
    pub address: Cow<'a, str>,
    /// Why it is not shaped.
    pub why: RefusedWhy,
    /// What decided it: the entry of `addresses.ignore`, the id of the circuit or device that owns it, the host it
    /// became, the number of circuits that share it, or why it is nobody's. Absent where nothing else did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Cow<'a, str>>,
}

/// Where the value of one field comes from.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Field<'a> {
    /// As `[merge.fields]` or `overrides.toml` calls it.
    pub field: Cow<'a, str>,
    /// Name of the source whose value was chosen. Absent when only one source knows the thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Cow<'a, str>>,
    /// What the sources say, as text: the chosen value, or the one that an override replaced. Absent when the sources
    /// agree and nothing is overridden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Cow<'a, str>>,
    /// The same in kbit/s, `[download, upload]`, where it is a rate (of `rates` the plan); null = not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kbps: Option<Pair<Option<u64>>>,
    /// Other values, in order of trust.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejected<'a>>,
    /// The override that stands above the sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<Overridden<'a>>,
}

/// What another source says.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Rejected<'a> {
    /// Name of the source.
    pub source: Cow<'a, str>,
    /// Its value, as text.
    pub value: Cow<'a, str>,
    /// Where it stands.
    pub record: Record,
}

/// An override of one field.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Overridden<'a> {
    /// The value it sets, as text.
    pub value: Cow<'a, str>,
    /// The same in kbit/s, `[download, upload]`, where it is a rate; null = not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kbps: Option<Pair<Option<u64>>>,
    /// Why.
    pub reason: Cow<'a, str>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Cow<'a, str>>,
    /// The last day on which it applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Cow<'a, str>>,
    /// The override itself.
    pub record: Record,
}

/// Why an address is not shaped.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "kebab-case")]
pub enum RefusedWhy {
    /// The text is no address.
    NotAnAddress,
    /// It has host bits set: only the host is shaped.
    HostBits,
    /// No entry of `addresses.allow` holds it.
    NotAllowed,
    /// It overlaps an entry of `addresses.ignore`.
    Ignored,
    /// Never a subscriber's address.
    Junk,
    /// The same private address on more circuits than one household explains.
    Shared,
    /// Another circuit owns it.
    OtherCircuit,
    /// Another device of the same circuit owns it.
    OtherDevice,
    /// Its circuit is not shaped, so it claims nothing.
    CircuitOmitted,
}

/// A circuit's place and rates.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Shaped<'a> {
    /// Id of the node, or name of the generated parent node, it hangs on.
    pub parent: Cow<'a, str>,
    /// Why it hangs in a generated parent node. Absent when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<BucketReason>,
    /// Ceiling before it was cut to the capacity of its parent, `[download, upload]` in kbit/s.
    pub asked_max_kbps: Pair<u64>,
    /// Guaranteed rate before guarantees were scaled to fit, `[download, upload]` in kbit/s.
    pub asked_min_kbps: Pair<u64>,
    /// Ceiling, `[download, upload]` in kbit/s.
    pub max_kbps: Pair<u64>,
    /// Guaranteed rate, `[download, upload]` in kbit/s.
    pub min_kbps: Pair<u64>,
}

/// Why a circuit hangs in a generated parent node.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "kebab-case")]
pub enum BucketReason {
    /// The strategy has no nodes.
    Flat,
    /// The source gives it no parent that exists.
    NoParent,
    /// It is attached to the root itself.
    RootAttached,
    /// The strategy has no place for it.
    NoStrategyParent,
}

/// Where a device comes from.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Device<'a> {
    /// Its stable id.
    pub id: Cow<'a, str>,
    /// The record it was read from.
    pub record: Record,
    /// Its MAC, as the source writes it. Absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Cow<'a, str>>,
}
