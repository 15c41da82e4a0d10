//! What the runtime answers on its local socket: what is loaded and how it does. A question is one line of text
//! (`status`, `traffic`, `unknown`, `flows`); the answer is one of these documents and the end of the stream. The
//! question `metrics` is answered with Prometheus text instead, and any other with [`Unanswered`].
//!
//! Counters count from when their class or slot was made, and never fall while `generation` stays the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;
use crate::common::Pair;

/// Answer to `status`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Debug)]
pub struct RuntimeStatus {
    /// `weir.runtime-status/1`
    #[schemars(extend("const" = RuntimeStatus::SCHEMA))]
    pub schema: String,
    /// Version of the runtime.
    pub version: String,
    /// When this was answered: UTC, as RFC 3339.
    pub time: String,
    /// Name of the target's box as the plan calls it; null when nothing is loaded.
    pub target: Option<String>,
    /// Channel it follows; null when an artifact was applied by hand.
    pub channel: Option<String>,
    /// What it is doing.
    pub state: State,
    /// What every packet is classified by now; null when traffic passes unshaped.
    pub active: Option<Loaded>,
    /// The generation that can be gone back to by one flip; null when none is kept.
    pub previous: Option<Loaded>,
    /// An unconfirmed generation's time; null when there is none.
    pub deadline: Option<Deadline>,
    /// The last apply; null before the first.
    pub last_apply: Option<Apply>,
    /// The last health checks, sorted by name.
    pub health: Vec<Check>,
    /// Objects that are not as the artifact says, as of the last full read-back: sorted, at most 100.
    pub drift: Vec<String>,
    /// All of them, also those beyond the 100.
    pub drift_count: u64,
    /// The interfaces, by name.
    pub interfaces: Vec<InterfaceStatus>,
    /// What packets met since the programs were loaded, by outcome.
    pub outcomes: Vec<OutcomeCount>,
    /// What it has given up on, and what to do about it; null when there is nothing.
    #[serde(default)]
    pub stuck: Option<String>,
    /// What the channel wants and is not loaded here; null when there is nothing.
    #[serde(default)]
    pub refused: Option<RefusedHead>,
    /// The store that is followed, as of the last look; null when none is.
    #[serde(default)]
    pub store: Option<StoreSeen>,
}

impl Published for RuntimeStatus {
    const SCHEMA: &'static str = "weir.runtime-status/1";
}

/// A head that is not followed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct RefusedHead {
    /// Number of its generation; null where not even that can be read.
    pub seq: Option<u64>,
    /// Payload digest; null where not even that can be read.
    pub digest: Option<String>,
    /// Why, and what to do about it.
    pub reason: String,
    /// Since when: UTC, as RFC 3339.
    pub since: String,
}

/// The store, as the runtime sees it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct StoreSeen {
    /// False: it could not be read at the last look. What is loaded stays, and nothing counts as confirmed.
    pub reachable: bool,
    /// Number of the newest head that was accepted; null before the first.
    pub seq: Option<u64>,
    /// When that head was written, by the clock of the machine that wrote it: UTC, as RFC 3339.
    pub written: Option<String>,
    /// When it was looked at last: UTC, as RFC 3339.
    pub looked: String,
}

/// The answer to what is no question.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Unanswered {
    /// `weir.runtime-error/1`
    #[schemars(extend("const" = Unanswered::SCHEMA))]
    pub schema: String,
    /// What is wrong, and what to ask.
    pub error: String,
}

impl Published for Unanswered {
    const SCHEMA: &'static str = "weir.runtime-error/1";
}

/// What the runtime is doing.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing is loaded and nothing is to be: everything passes unshaped.
    Idle,
    /// A generation is being brought in; the one in `active` shapes meanwhile.
    Applying,
    /// In sync with its artifact.
    Active,
    /// Active, and waiting to be confirmed.
    Pending,
    /// An apply failed; the generation in `active` is the one before it.
    RolledBack,
    /// An apply and the way back failed: traffic passes unshaped.
    Unshaped,
}

/// A generation in the kernel.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// Payload digest of the artifact, lower-case hexadecimal.
    pub digest: String,
    /// Number of the generation in its channel; null when it was applied by hand.
    pub seq: Option<u64>,
    /// Since when: UTC, as RFC 3339.
    pub since: String,
    /// Circuits in it.
    pub circuits: u64,
    /// Prefixes in its address table.
    pub prefixes: u64,
    /// HTB classes.
    pub classes: u64,
}

/// How long an unconfirmed generation still has.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Deadline {
    /// Seconds left by the monotonic clock; 0 = it is going back now.
    pub seconds_left: u64,
    /// Payload digest it goes back to; null = to nothing, unshaped.
    pub back_to: Option<String>,
}

/// How an apply went.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Apply {
    /// Payload digest of the artifact, lower-case hexadecimal.
    pub digest: String,
    /// UTC, as RFC 3339.
    pub started: String,
    /// How long it took.
    pub milliseconds: u64,
    /// How it ended.
    pub result: ApplyResult,
    /// Why it failed; empty when it did not.
    pub reason: String,
    /// Steps of the plan, and how many of them changed the kernel.
    pub steps: u64,
    /// Steps that were done.
    pub done: u64,
}

/// How an apply ended.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum ApplyResult {
    /// Loaded, read back, healthy.
    Applied,
    /// The kernel was as the artifact says already.
    Unchanged,
    /// It failed, and everything is as before.
    RolledBack,
    /// It failed, and so did the way back.
    Failed,
    /// It was never begun: the artifact does not verify, or this box cannot hold it.
    Refused,
}

/// One health check.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// `classes`, `coverage`, `drops`, ...
    pub name: String,
    /// A required check that fails rolls back; a wanted one is reported.
    pub required: bool,
    /// It passes.
    pub ok: bool,
    /// What was seen, and what was expected.
    pub detail: String,
}

/// An interface of the target.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// It is up.
    pub up: bool,
    /// `tcx`, `clsact`, or null when our program is not attached.
    pub attached: Option<String>,
    /// A program at XDP is attached.
    pub xdp: bool,
    /// Where it runs: `native` in the driver, `generic` behind it, `other`; null when there is none.
    #[serde(default)]
    pub xdp_mode: Option<String>,
    /// Its transmit queues.
    pub tx_queues: u32,
    /// HTB classes.
    pub classes: u64,
}

/// Packets of one outcome.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct OutcomeCount {
    /// `shaped`, `unknown`, `not_ip`, `malformed`, `too_deep`, `other_vlan`, `no_table`, `bad_table`
    pub outcome: String,
    /// `[download, upload]`
    pub packets: Pair<u64>,
    /// `[download, upload]`
    pub bytes: Pair<u64>,
}

/// Answer to `traffic`: every class of the active generation, sorted by key.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Debug)]
pub struct Traffic {
    /// `weir.runtime-traffic/1`
    #[schemars(extend("const" = Traffic::SCHEMA))]
    pub schema: String,
    /// When it was read: UTC, as RFC 3339.
    pub time: String,
    /// Payload digest of the active generation.
    pub generation: Option<String>,
    /// Seconds between the two readings that `kbps` are made of; 0 when there was only one.
    pub interval_seconds: f64,
    /// HTB classes.
    pub classes: Vec<ClassTraffic>,
}

impl Published for Traffic {
    const SCHEMA: &'static str = "weir.runtime-traffic/1";
}

/// A class, `[download, upload]`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct ClassTraffic {
    /// Key in the queue plan: `node:<id>`, `bucket:<name>`, `circuit:<id>`.
    pub key: String,
    /// Rate in the last interval, in kbit/s.
    pub kbps: Pair<u64>,
    /// Bytes, `[download, upload]`.
    pub bytes: Pair<u64>,
    /// Packets, `[download, upload]`.
    pub packets: Pair<u64>,
    /// Packets dropped, `[download, upload]`.
    pub drops: Pair<u64>,
    /// Bytes that wait now, `[download, upload]`.
    pub backlog_bytes: Pair<u64>,
}

/// Answer to `unknown`: addresses on the subscribers' side that belong to no circuit, most bytes first, at most
/// 1,000.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct UnknownAddresses {
    /// `weir.runtime-unknown/1`
    #[schemars(extend("const" = UnknownAddresses::SCHEMA))]
    pub schema: String,
    /// When this was answered: UTC, as RFC 3339.
    pub time: String,
    /// All that are remembered, also those beyond the 1,000.
    pub count: u64,
    /// The addresses.
    pub addresses: Vec<UnknownAddress>,
}

impl Published for UnknownAddresses {
    const SCHEMA: &'static str = "weir.runtime-unknown/1";
}

/// An address of no circuit.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct UnknownAddress {
    /// The address.
    pub address: String,
    /// `[download, upload]`
    pub packets: Pair<u64>,
    /// Bytes, `[download, upload]`.
    pub bytes: Pair<u64>,
    /// Seconds since the last packet.
    pub seconds_ago: u64,
}

/// Answer to `flows`: sampled flows, most bytes first, at most 2,000.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Flows {
    /// `weir.runtime-flows/1`
    #[schemars(extend("const" = Flows::SCHEMA))]
    pub schema: String,
    /// When this was answered: UTC, as RFC 3339.
    pub time: String,
    /// Every n-th packet is sampled; 0 = sampling is off and `flows` is empty.
    pub sample_every: u32,
    /// Most bytes first, at most 2,000.
    pub flows: Vec<SampledFlow>,
}

impl Published for Flows {
    const SCHEMA: &'static str = "weir.runtime-flows/1";
}

/// A flow. Counters are of its sampled packets; times `sample_every` is an estimate.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct SampledFlow {
    /// Key of the circuit's class; null when the generation it was seen in is gone.
    pub circuit: Option<String>,
    /// The subscriber's address.
    pub subscriber: String,
    /// The address at the other end.
    pub remote: String,
    /// Its port; 0 where there is none.
    pub subscriber_port: u16,
    /// The port at the other end; 0 where there is none.
    pub remote_port: u16,
    /// IP protocol number.
    pub protocol: u8,
    /// `[download, upload]`
    pub packets: Pair<u64>,
    /// Bytes, `[download, upload]`.
    pub bytes: Pair<u64>,
    /// Seconds since the last packet.
    pub seconds_ago: u64,
}
