//! `weir why --format json`: where the values of one circuit, node or address come from. It is worked out from the
//! files of an artifact and stored nowhere.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;
use crate::common::{NodeKind, OmitReason, Pair, Position};
use crate::findings::Level;
use crate::provenance::{Fate, RefusedWhy, Via};

/// The answer to one question.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Why<'a> {
    /// `weir.why/1`
    #[schemars(extend("const" = Why::SCHEMA))]
    pub schema: Cow<'a, str>,
    /// Payload digest of the artifact that was asked.
    pub artifact: Cow<'a, str>,
    /// What was asked.
    pub question: Cow<'a, str>,
    /// What it was taken for.
    pub subject: Subject<'a>,
    /// The answer in sentences, most important first.
    pub summary: Vec<Cow<'a, str>>,
    /// Its traffic is shaped: a circuit or address that is not passes at full speed. For a node, whether its limit is
    /// enforced.
    pub shaped: bool,
    /// Why a circuit is not shaped. Absent when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted: Option<OmitReason>,
    /// What became of a node. Absent for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<Fate>,
    /// Where the circuit or node is, as a source says. Absent when none does, and for addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// What the address matched. Absent for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address<'a>>,
    /// The records it was read from: its own first, then that of its plan, where that is another.
    pub records: Vec<Record<'a>>,
    /// Where its fields come from, as far as several sources know it or an override changes it: one entry a field.
    pub values: Vec<Value<'a>>,
    /// From the plan to the ceiling, step by step. Empty for nodes, and for circuits without a plan.
    pub ceiling: Vec<Step<'a>>,
    /// From the plan to the guaranteed rate, step by step. Empty likewise.
    pub guarantee: Vec<Step<'a>>,
    /// Every limit on the way from the internet, first the WAN.
    pub limits: Vec<Limit<'a>>,
    /// Nodes above, nearest first, the node itself included.
    pub path: Vec<PathNode<'a>>,
    /// The ways to the node that were weighed: the chosen one, then the next best.
    pub candidates: Vec<Candidate<'a>>,
    /// Prefixes that are shaped for it, with their device.
    pub prefixes: Vec<Prefix<'a>>,
    /// Addresses that were refused or changed.
    pub refused: Vec<Refused<'a>>,
    /// Its class. Absent when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue<'a>>,
    /// Findings that speak of it.
    pub findings: Vec<Finding<'a>>,
}

impl Published for Why<'_> {
    const SCHEMA: &'static str = "weir.why/1";
}

/// What a question is about.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Subject<'a> {
    /// What it is.
    pub kind: SubjectKind,
    /// Its stable id; of an address the circuit's, empty when nobody has it.
    pub id: Cow<'a, str>,
    /// Its display name; the id where it has none.
    pub name: Cow<'a, str>,
}

/// What a question can be about.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A subscriber's service.
    Circuit,
    /// A site, access point or other network element.
    Node,
    /// An address or prefix.
    Address,
}

/// What an address matched, as the data plane would match it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Address<'a> {
    /// As it was asked, with its length.
    pub asked: Cow<'a, str>,
    /// The longest shaped prefix that holds it; null when there is none.
    pub matched: Option<Prefix<'a>>,
    /// Shaped prefixes inside it, at most ten, where it is a prefix.
    pub inside: Vec<Prefix<'a>>,
    /// The nearest shaped prefixes below and above it, where nothing matched.
    pub nearest: Vec<Prefix<'a>>,
    /// What the address table says of a single address, looked up as the kernel does it; null when it knows nothing of
    /// it, of a prefix, and where the artifact has no table.
    pub table: Option<TableEntry<'a>>,
}

/// An answer of the address table.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct TableEntry<'a> {
    /// Class ids `[download, upload]`, as `tc` writes them.
    pub class: Pair<Cow<'a, str>>,
    /// CPU queue, counted from 0.
    pub cpu: u16,
    /// Transmit queues `[download, upload]`, counted from 0.
    pub tx: Pair<u16>,
    /// Id of the circuit.
    pub circuit: Cow<'a, str>,
}

/// A shaped prefix.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Prefix<'a> {
    /// With its length.
    pub prefix: Cow<'a, str>,
    /// Id of its circuit.
    pub circuit: Cow<'a, str>,
    /// Id of its device.
    pub device: Cow<'a, str>,
}

/// A record in an input file.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// What was read there.
    pub of: Cow<'a, str>,
    /// The source, and its kind. Empty when the file is of none.
    pub source: Cow<'a, str>,
    /// The file, relative to the project.
    pub file: Cow<'a, str>,
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub len: u32,
    /// Line, counted from 1. Absent when the file is not there any more, or has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Column in characters, counted from 1. Absent likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
}

/// Where the value of one field comes from.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Value<'a> {
    /// As `[merge.fields]` or `overrides.toml` calls it.
    pub field: Cow<'a, str>,
    /// What the build went on with, as text. Null where the sources agree and nothing is overridden.
    pub value: Option<Cow<'a, str>>,
    /// What the sources say, the chosen one first, then the others in order of trust.
    pub stated: Vec<Stated<'a>>,
    /// The overrides that stand above them, in the order in which they apply.
    pub overridden: Vec<Override<'a>>,
}

/// What a source says of a field.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Stated<'a> {
    /// Name of the source. Null where only one knows the thing.
    pub source: Option<Cow<'a, str>>,
    /// Its value as text. Null where the sources agree.
    pub value: Option<Cow<'a, str>>,
    /// It is the one that counts among sources.
    pub chosen: bool,
    /// Where it stands.
    pub record: Record<'a>,
}

/// An override of a field.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Override<'a> {
    /// The value it sets, as text.
    pub value: Cow<'a, str>,
    /// The value it replaced, as text.
    pub replaced: Cow<'a, str>,
    /// Why.
    pub reason: Cow<'a, str>,
    /// Who answers for it. Null where nobody is named.
    pub owner: Option<Cow<'a, str>>,
    /// The last day on which it applies. Null where it has no end.
    pub expires: Option<Cow<'a, str>>,
    /// The override itself.
    pub record: Record<'a>,
}

/// A step on the way to a rate.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Step<'a> {
    /// What was done.
    pub step: StepKind,
    /// The rate after it, `[download, upload]` in kbit/s; null = none.
    pub kbps: Pair<Option<u64>>,
    /// What did it, in words: the setting, the node.
    pub by: Cow<'a, str>,
}

/// What can be done to a rate.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// The plan, as the source gives it.
    Plan,
    /// An override replaced it.
    Override,
    /// `rates.default_plan_mbps` filled a direction.
    DefaultPlan,
    /// The slow rate of suspended circuits.
    Suspended,
    /// The burst was added.
    Burst,
    /// `rates.overhead` or `rates.multiplier`.
    Factor,
    /// Raised to `rates.floor_mbps` or `rates.min_floor_mbps`.
    Floor,
    /// The guarantee the source states, or `rates.commit` of the plan.
    Commit,
    /// Cut to the ceiling, or to the capacity of what it hangs on.
    Clamp,
    /// Scaled so that the guarantees below a node fit.
    Scale,
    /// What the build made of it for a reason that is not in its files.
    Other,
}

/// A limit on the way.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Limit<'a> {
    /// What limits.
    pub what: LimitKind,
    /// Its id; empty for the WAN.
    pub id: Cow<'a, str>,
    /// In words.
    pub name: Cow<'a, str>,
    /// `[download, upload]` in kbit/s; null = no known limit.
    pub kbps: Pair<Option<u64>>,
    /// It sets the effective capacity, `[download, upload]`: the first on the way that is as small.
    pub sets: Pair<bool>,
    /// It does not count: the node is virtual or excluded.
    pub ignored: bool,
}

/// What can limit.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "kebab-case")]
pub enum LimitKind {
    /// `topology.wan_mbps`
    Wan,
    /// A link.
    Link,
    /// A node's own capacity.
    Node,
    /// A generated parent node.
    Generated,
}

/// A node on the way.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct PathNode<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// Its name; the id where it has none.
    pub name: Cow<'a, str>,
    /// What it is.
    pub kind: NodeKind,
    /// What became of it.
    pub fate: Fate,
    /// Effective capacity, `[download, upload]` in kbit/s; null = no known limit.
    pub cap_kbps: Pair<Option<u64>>,
}

/// A way that was weighed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Candidate<'a> {
    /// Id of the node before; `@root` for the generated root.
    pub parent: Cow<'a, str>,
    /// Its name; the id where it has none.
    pub name: Cow<'a, str>,
    /// What joins the two.
    pub via: Via,
    /// Id of the link, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Cow<'a, str>>,
    /// Sum of costs from the root.
    pub cost: u64,
    /// Steps from the root.
    pub hops: u32,
    /// Smallest download capacity on the way in kbit/s; null = no known limit.
    pub bottleneck_kbps: Option<u64>,
    /// It was taken.
    pub chosen: bool,
    /// Why it was taken, or why not.
    pub reason: Cow<'a, str>,
}

/// An address that was refused or changed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Refused<'a> {
    /// Id of the circuit that claims it.
    pub circuit: Cow<'a, str>,
    /// Id of the device.
    pub device: Cow<'a, str>,
    /// As it was written.
    pub address: Cow<'a, str>,
    /// Why it is not shaped.
    pub why: RefusedWhy,
    /// The same in a sentence.
    pub reason: Cow<'a, str>,
}

/// The class of a circuit or node.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Queue<'a> {
    /// CPU queue, counted from 0.
    pub cpu: u16,
    /// Class ids as `tc` shows them, `[download, upload]`.
    pub class: Pair<Cow<'a, str>>,
    /// Leaf qdisc with its handle, `[download, upload]`; null where there is none.
    pub leaf: Pair<Option<Cow<'a, str>>>,
}

/// A finding of the build.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Finding<'a> {
    /// Code of its rule.
    pub code: Cow<'a, str>,
    /// Name of its rule.
    pub name: Cow<'a, str>,
    /// How grave it is.
    pub level: Level,
    /// What is the case.
    pub message: Cow<'a, str>,
    /// What to do.
    pub help: Cow<'a, str>,
}
