//! `queue-plan.json`: every HTB class and every leaf qdisc of an artifact, with the numbers the kernel will
//! know them by. The runtime chooses nothing: what is here is what it makes, and what it expects to read back.
//!
//! Classes have keys that do not change when something is renamed, so a diff of two plans is a list of what
//! happens to subscribers.
//!
//! The plan is also the only memory of a project: from the plan before, the next build knows which numbers and
//! parents to keep, and which numbers must rest.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;
use crate::common::Pair;

/// The queue plan of one artifact.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct QueuePlan<'a> {
    /// `weir.queue-plan/1`
    #[schemars(extend("const" = QueuePlan::SCHEMA))]
    pub schema: Cow<'a, str>,
    /// The box this plan was made for.
    pub target: Target<'a>,
    /// CPU queues in order; each is one HTB tree on each interface.
    pub queues: Vec<Queue>,
    /// Every HTB class, sorted by key as bytes.
    pub classes: Vec<Class<'a>>,
    /// The parent that every node above a shaped circuit got, emitted or not, sorted by node as bytes. The next
    /// build keeps it where it is still nearly as good.
    #[serde(default)]
    pub chosen: Vec<Chosen<'a>>,
    /// Links of that tree that are down and count as up for now, sorted by link.
    #[serde(default)]
    pub links_down: Vec<LinkDown<'a>>,
    /// Numbers that were freed a short while ago and must not be taken yet.
    #[serde(default)]
    pub resting: Resting,
}

/// The parent of a node, and the edge it was reached by.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Chosen<'a> {
    /// Id of the node.
    pub node: Cow<'a, str>,
    /// Id of its parent; `@root` for a generated root.
    pub parent: Cow<'a, str>,
    /// Id of the edge: a link, or `member:<node>`, `gateway:<node>`, `pin:<node>`, `declared:<node>`,
    /// `island:<node>`.
    pub via: Cow<'a, str>,
    /// Capacity of the edge, `[download, upload]` in kbit/s; null = unlimited.
    pub kbps: Pair<Option<u64>>,
    /// Cost of the edge.
    pub cost: u64,
}

/// A link that has not been down long enough to be given up.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct LinkDown<'a> {
    /// Id of the link.
    pub link: Cow<'a, str>,
    /// In how many snapshots in a row it was down.
    pub snapshots: u32,
    /// SHA-256 that names the last of them, lower-case hex: the same snapshot is not counted twice.
    pub snapshot: Cow<'a, str>,
}

/// Freed numbers. The last item of each entry is how many more changes of the payload it rests.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug, Default)]
pub struct Resting {
    /// `[queue, minor, changes]`, sorted.
    #[serde(default)]
    pub minors: Vec<(u16, u16, u8)>,
    /// Leaf handles `[handle, changes]` of the interface that downloads leave by, sorted; on a stick, of the only
    /// one.
    #[serde(default)]
    pub download_handles: Vec<(u16, u8)>,
    /// Leaf handles of the interface that uploads leave by.
    #[serde(default)]
    pub upload_handles: Vec<(u16, u8)>,
}

impl Published for QueuePlan<'_> {
    const SCHEMA: &'static str = "weir.queue-plan/1";

    fn plain(bytes: &[u8]) -> Option<Self> {
        QueuePlan::read_plain(bytes).map(QueuePlan::into_owned)
    }
}

/// The box, as far as it decides what the plan holds.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Target<'a> {
    /// Name of the `[target.*]` table; null when the project declares none.
    pub name: Option<Cow<'a, str>>,
    /// Number of CPU queues.
    pub queues: u16,
    /// The interfaces; null when the target does not name them.
    pub shaper: Option<Shaper<'a>>,
    /// Arguments of each leaf discipline.
    pub qdiscs: Qdiscs<'a>,
    /// What the kernel may get instead of a leaf discipline it does not have, in order of preference.
    pub leaf_fallback: Vec<Cow<'a, str>>,
}

/// The interfaces of the box.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Shaper<'a> {
    /// `bridge`: two interfaces, and one major for both directions of a queue. `stick`: one interface, and a
    /// major for each direction.
    pub mode: Mode,
    /// Interface towards the internet: uploads leave here.
    pub to_internet: Cow<'a, str>,
    /// Interface towards the subscribers: downloads leave here.
    pub to_network: Cow<'a, str>,
    /// VLAN towards the internet; only with `stick`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internet_vlan: Option<u16>,
    /// VLAN towards the subscribers; only with `stick`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_vlan: Option<u16>,
}

/// How the box sits in the path.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Two interfaces.
    Bridge,
    /// One interface, two VLANs.
    Stick,
}

/// What each leaf kind means here, as `tc` takes it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Qdiscs<'a> {
    /// `cake` with its arguments.
    pub cake: Cow<'a, str>,
    /// `fq_codel` with its arguments.
    pub fq_codel: Cow<'a, str>,
}

/// A CPU queue.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Queue {
    /// Its number, counted from 0.
    pub queue: u16,
    /// Major of its HTB, `[download, upload]`; equal where the directions have interfaces of their own.
    pub majors: Pair<u16>,
    /// Planned load in kbit/s: the maxima of its circuits, both directions added.
    pub load_kbps: u64,
}

/// An HTB class, in both directions. Its class id is the major of its queue in that direction, and `minor`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Class<'a> {
    /// `node:<id>`, `bucket:<name>` or `circuit:<id>`. Renaming changes no key.
    pub key: Cow<'a, str>,
    /// Key of the class it hangs under; null for a root class of its queue.
    pub parent: Option<Cow<'a, str>>,
    /// CPU queue, counted from 0.
    pub queue: u16,
    /// Minor of its class id, 3 to 65534, the same in both directions.
    pub minor: u16,
    /// Guaranteed rate, `[download, upload]` in kbit/s. Under every class these add up to no more than its own.
    pub rate_kbps: Pair<u64>,
    /// Ceiling, `[download, upload]` in kbit/s.
    pub ceil_kbps: Pair<u64>,
    /// Bytes it sends in one turn when classes share what is left, `[download, upload]`: its weight. The kernel
    /// uses it for circuits only.
    pub quantum: Pair<u32>,
    /// HTB burst in bytes, `[download, upload]`, 0 = the kernel's default. Absent when both are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst_bytes: Option<Pair<u64>>,
    /// Leaf qdisc, `[download, upload]`; null where there is none. Circuits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<Pair<Option<Leaf>>>,
}

/// A leaf qdisc of a circuit.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// Discipline; its arguments are in `target.qdiscs`.
    pub qdisc: LeafQdisc,
    /// Its handle (major) on the interface of this direction, 256 to 65534 without 32767.
    pub handle: u16,
}

/// Leaf disciplines.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum LeafQdisc {
    /// CAKE.
    Cake,
    /// FQ-CoDel.
    FqCodel,
}
