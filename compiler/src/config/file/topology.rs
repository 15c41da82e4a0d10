//! What becomes of them, as written: `[topology]`, `[rates]`, `[suspended]`, `[addresses]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::file::words::{BurstWord, OvercommitWord};
use crate::config::project::{Metric, SuspendedPolicy};
use crate::config::value::{At, Count, Decimal, PerDirection, SwitchOrWord, Word};
use crate::ir::tree::Strategy;

/// Which parts of the network become shaper nodes, and which path is taken where there are several.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Topology {
    /// What is shaped above a subscriber: `flat` nothing, `ap_only` the access point, `ap_site` access point and
    /// site, `full` every node on the path.
    #[schemars(extend("default" = "ap_site"))]
    pub strategy: Option<At<Word<Strategy>>>,
    /// How one path is picked where there are several: `cost` the cheapest, `hops` the shortest, `widest` the one with
    /// the best bottleneck, `declared` the parents the CRM states.
    #[schemars(extend("default" = "cost"))]
    pub tree: Option<At<Word<Metric>>>,
    /// Id or name of the node where traffic enters. Without it, the node of kind root with the smallest id, else a
    /// generated root above every gateway.
    pub root: Option<At<String>>,
    /// The uplink in Mbit/s, `[download, upload]` or one number for both. Caps every node.
    #[schemars(extend("default" = [1000, 1000]))]
    pub wan_mbps: Option<At<PerDirection>>,
    /// Ceiling in Mbit/s of the generated nodes that hold subscribers without a parent, `[download, upload]` or one
    /// number. Without it, `wan_mbps`.
    pub generated_mbps: Option<At<PerDirection>>,
    /// Ids or names of nodes that are moved to the top level. They keep the capacity of their path and lose the limits
    /// they share with others above them.
    #[schemars(extend("default" = []))]
    pub promote_to_root: Option<Vec<At<String>>>,
    /// Ids or names of nodes that are not shaped: what is below them hangs on the next node above.
    #[schemars(extend("default" = []))]
    pub exclude: Option<Vec<At<String>>>,
    /// Parents you know better than the data: `"child id" = "parent id"`.
    #[schemars(extend("default" = {}))]
    pub pin: Option<BTreeMap<At<String>, At<String>>>,
    /// Node levels above a subscriber; 0 is as many as the target can carry (7).
    #[schemars(extend("default" = 0))]
    pub max_depth: Option<At<Count>>,
    /// Leaves out nodes that limit nothing: `true` all of them, `"auto"` only switches, radios and sites without
    /// subscribers of their own, with a margin of 10 %.
    #[schemars(extend("default" = false))]
    pub simplify: Option<At<SwitchOrWord>>,
    /// Sites and access points with children, no subscribers of their own and at least this many Mbit/s are left out
    /// of the queues; 0 is off.
    #[schemars(extend("default" = 0))]
    pub auto_virtual_mbps: Option<At<Decimal>>,
    /// Leaves out nodes without subscribers below.
    #[schemars(extend("default" = true))]
    pub prune_empty: Option<At<bool>>,
    /// File with measured peaks (`weir.peaks/1`: CSV with the columns `kind`, `id`, `download_kbps`, `upload_kbps`),
    /// relative to the project. What is in it weighs its peak instead of its plans when work is spread over the CPU
    /// queues. No rate depends on it.
    pub peaks: Option<At<String>>,
    /// Snapshots that a link of the previous tree may be down before the tree changes.
    #[schemars(extend("default" = 3))]
    pub link_down_hold: Option<At<Count>>,
    /// `tree = "cost"`: a link costs this many Mbit/s divided by its capacity.
    #[schemars(extend("default" = 100_000))]
    pub link_reference_mbps: Option<At<Decimal>>,
    /// `tree = "cost"`: cost of a link of unknown capacity.
    #[schemars(extend("default" = 100), range(max = 1_000_000_000))]
    pub default_link_cost: Option<At<Count>>,
    /// `tree = "cost"`: cost of the step from a site to a device in it.
    #[schemars(extend("default" = 1), range(max = 1_000_000_000))]
    pub membership_cost: Option<At<Count>>,
}

/// From plans to rates. Factors are decimals with at most three places.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// Factor on a plan for what framing takes: 1.1 gives a plan of 100 a ceiling of 110.
    #[schemars(extend("default" = 1.0), range(max = 100))]
    pub overhead: Option<At<Decimal>>,
    /// Factor on a plan as a gift to the subscriber. The larger of this and `overhead` counts.
    #[schemars(extend("default" = 1.0), range(max = 100))]
    pub multiplier: Option<At<Decimal>>,
    /// Share of a plan that is guaranteed, 0 to 1. Guarantees above what a node can carry are scaled down.
    #[schemars(extend("default" = 0.0), range(max = 1))]
    pub commit: Option<At<Decimal>>,
    /// The smallest ceiling of a subscriber in Mbit/s.
    #[schemars(extend("default" = 0.1))]
    pub floor_mbps: Option<At<Decimal>>,
    /// The smallest guarantee of a subscriber in Mbit/s.
    #[schemars(extend("default" = 0.01))]
    pub min_floor_mbps: Option<At<Decimal>>,
    /// Plan in Mbit/s of subscribers whose plan is missing or zero, `[download, upload]` or one number. Without it they
    /// are left out and reported, and their traffic passes unshaped.
    pub default_plan_mbps: Option<At<PerDirection>>,
    /// A burst that the CRM gives as a volume: `ignore` it, or `add` it to the plan as a rate.
    #[schemars(extend("default" = "ignore"))]
    pub burst: Option<At<Word<BurstWord>>>,
    /// Guarantees above the capacity of a node: `scale` them down and warn, or `strict`: an error.
    #[schemars(extend("default" = "scale"))]
    pub overcommit: Option<At<Word<OvercommitWord>>>,
}

/// Subscribers whose service is suspended.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Suspended {
    /// `keep` them at their plan, `slow` them down, or `drop` them from the shaper. Dropped addresses pass unshaped:
    /// at full speed.
    #[schemars(extend("default" = "keep"))]
    pub policy: Option<At<Word<SuspendedPolicy>>>,
    /// Rate in Mbit/s under `slow`.
    #[schemars(extend("default" = 0.1))]
    pub slow_mbps: Option<At<Decimal>>,
}

/// Which addresses may belong to subscribers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Addresses {
    /// Prefixes that subscribers' addresses are in. A family (IPv4, IPv6) without an entry is not restricted.
    #[schemars(extend("default" = []))]
    pub allow: Option<Vec<At<String>>>,
    /// Prefixes that are never a subscriber's: management networks of radios, for example.
    #[schemars(extend("default" = []))]
    pub ignore: Option<Vec<At<String>>>,
}
