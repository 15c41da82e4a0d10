//! `weir compare --format json`: what each topology strategy would make of one network, side by side. Not part of an
//! artifact; the same numbers decide nothing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;
use crate::common::{Pair, Strategy};
use crate::manifest::Usage;

/// All strategies, compiled from the same exports with the same settings.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Compare {
    /// `weir.compare/1`
    #[schemars(extend("const" = Compare::SCHEMA))]
    pub schema: String,
    /// What the command came to.
    pub exit: Exit,
    /// The project's name.
    pub project: String,
    /// The declared target that all were built for; null when the project declares none.
    pub target: Option<String>,
    /// `topology.strategy` as the project has it.
    pub configured: Strategy,
    /// Payload digest of the artifact whose identities are kept; null when there is none.
    pub previous: Option<String>,
    /// Circuits of the sources.
    pub circuits: u64,
    /// Nodes of the sources.
    pub nodes: u64,
    /// One entry a strategy: flat, ap_only, ap_site, full.
    pub strategies: Vec<Plan>,
    /// The strategy that the facts below speak for; null when every one is refused.
    pub recommended: Option<Recommendation>,
}

impl Published for Compare {
    const SCHEMA: &'static str = "weir.compare/1";
}

/// What a command came to.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Default, Debug)]
pub struct Exit {
    /// The exit code.
    pub code: u8,
    /// Every reason, the one that set the code first.
    pub reasons: Vec<String>,
}

/// What a strategy makes of the network.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The strategy.
    pub strategy: Strategy,
    /// Why it would be refused, one line each; empty when it would not.
    pub refused: Vec<String>,
    /// Emitted nodes.
    pub nodes: u64,
    /// Node levels above the deepest circuit; generated parents count.
    pub levels: Usage,
    /// Circuits that are shaped.
    pub shaped: u64,
    /// Shaped circuits in generated parents, by reason: `flat`, `no-parent`, `root-attached`, `no-strategy-parent`.
    pub generated: BTreeMap<String, u64>,
    /// The network's limits: which are held.
    pub limits: Limits,
    /// HTB classes in each direction, leaves included.
    pub classes: u64,
    /// Class minors of the fullest CPU queue.
    pub class_minors: Usage,
    /// Leaf handles of the interface towards the subscribers, and towards the internet.
    pub leaf_handles: Pair<Usage>,
    /// Bytes that classes and leaves take in the kernel; the limit is what the target has to spare.
    pub memory_bytes: Usage,
    /// Guaranteed rates against capacities.
    pub guarantees: Guarantees,
    /// Weight of the fullest CPU queue in percent of the mean: circuit maxima, or measured peaks where they are known.
    pub balance_percent: u64,
    /// Top-level nodes with more than 1.5 times the fair share of a CPU queue.
    pub heavy: u64,
    /// Expected load of the busiest core in kbit/s, of what a core shapes.
    pub core_kbps: Usage,
    /// Class ids against the previous artifact; null when there is none, or its target has other queues or interfaces.
    pub churn: Option<Churn>,
    /// Findings at level error.
    pub errors: u64,
    /// Findings at level warning.
    pub warnings: u64,
    /// Findings at level info.
    pub infos: u64,
    /// There are findings at or above `lint.fail_on`.
    pub failing: bool,
    /// Changes of the settings that were tried for top-level nodes that are too heavy, and helped; the best first.
    pub suggestions: Vec<Suggestion>,
}

/// Limits of the network that can bind, and what becomes of them.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Nodes whose capacity is below the uplink's and can be reached: what is sold below is more, and no other limit
    /// implies it.
    pub can_bind: u64,
    /// Those that the tree holds.
    pub held: u64,
    /// Those that it lets be exceeded.
    pub lost: u64,
    /// By how much, all of them together, `[download, upload]` in kbit/s.
    pub exceed_kbps: Pair<u64>,
    /// The worst of them, at most ten.
    pub worst: Vec<LostLimit>,
    /// Limits of nodes that are virtual or excluded and would bind, which none of the above counts.
    pub hidden: u64,
    /// By how much those can be exceeded, `[download, upload]` in kbit/s.
    pub hidden_exceed_kbps: Pair<u64>,
}

/// A limit that a strategy does not hold.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct LostLimit {
    /// Id of the node.
    pub node: String,
    /// Its display name.
    pub name: String,
    /// Its effective capacity, `[download, upload]` in kbit/s.
    pub cap_kbps: Pair<u64>,
    /// By how much it can be exceeded, `[download, upload]` in kbit/s.
    pub exceed_kbps: Pair<u64>,
}

/// Guaranteed rates against capacities.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Guarantees {
    /// Sum of guarantees under a node in thousandths of its capacity: the highest there is, in the plan.
    pub worst_permille: u64,
    /// Id of that node, or name of that generated parent; null when nothing is guaranteed.
    pub worst: Option<String>,
    /// Nodes and generated parents where guarantees were scaled down to fit.
    pub scaled: u64,
    /// What was left of them in thousandths where most was taken; 1000 when none were scaled.
    pub smallest_scale_permille: u64,
}

/// Class ids against the previous artifact. An id is CPU queue and minor.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Churn {
    /// Classes that are in both and keep their id.
    pub kept: u64,
    /// Classes that are in both and get another.
    pub changed: u64,
    /// Of those: in the same place in the network as before. `guard.max_churn` is about these.
    pub without_reason: u64,
    /// Classes that only the previous artifact has.
    pub removed: u64,
    /// Classes that it does not have.
    pub added: u64,
    /// Circuits that hang under another class than before.
    pub reparented_circuits: u64,
    /// Nodes that hang under another class than before.
    pub reparented_nodes: u64,
}

/// A change of the settings, tried on this network.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Suggestion {
    /// Id of the top-level node that is too heavy.
    pub about: String,
    /// The setting to add to: `topology.promote_to_root` or `topology.exclude`.
    pub setting: String,
    /// Ids of the nodes to add.
    pub nodes: Vec<String>,
    /// As it is.
    pub before: Effect,
    /// As it would be.
    pub after: Effect,
}

/// What a change of the settings does.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effect {
    /// Weight of the fullest CPU queue in percent of the mean.
    pub balance_percent: u64,
    /// Expected load of the busiest core in kbit/s.
    pub core_kbps: u64,
    /// By how much limits of the network can be exceeded, all together, `[download, upload]` in kbit/s.
    pub exceed_kbps: Pair<u64>,
}

/// The strategy that the facts speak for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Recommendation {
    /// The strategy.
    pub strategy: Strategy,
    /// The facts that it was chosen on, one line each.
    pub reasons: Vec<String>,
}
