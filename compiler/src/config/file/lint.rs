//! What findings do, as written: `[lint]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::project::{FailOn, LevelSetting};
use crate::config::value::{At, Count, Day, Decimal, TextOrList, Word};

/// What findings do.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lint {
    /// The level from which `weir check` and `weir build` exit with code 3.
    #[schemars(extend("default" = "error"))]
    pub fail_on: Option<At<Word<FailOn>>>,
    /// Level by rule name or code (`weir rules` lists them): `allow` hides its findings, `warn` and `deny` make them
    /// warnings and errors.
    #[schemars(extend("default" = {}))]
    pub levels: Option<BTreeMap<At<String>, At<Word<LevelSetting>>>>,
    /// Findings that you know of and live with; see `suppress`.
    pub suppress: Vec<At<Suppress>>,
    pub options: LintOptions,
}

/// When rules speak up, for those that have a limit: the name of the rule, and what is limited. They change what is
/// found, and nothing that is shaped.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LintOptions {
    /// The shortest IPv4 prefix of a subscriber that is not too wide.
    #[schemars(extend("default" = 24), range(max = 32))]
    pub wide_prefix_ipv4: Option<At<Count>>,
    /// The shortest IPv6 prefix of a subscriber that is not too wide.
    #[schemars(extend("default" = 48), range(max = 128))]
    pub wide_prefix_ipv6: Option<At<Count>>,
    /// The smallest plan in Mbit/s that can be right, in either direction.
    #[schemars(extend("default" = 0.064))]
    pub implausible_plan_least_mbps: Option<At<Decimal>>,
    /// The largest plan in Mbit/s that can be right, in either direction.
    #[schemars(extend("default" = 100_000))]
    pub implausible_plan_most_mbps: Option<At<Decimal>>,
    /// How many times over an AP may be sold.
    #[schemars(extend("default" = 30), range(min = 1, max = 1_000_000))]
    pub oversubscribed_times: Option<At<Count>>,
    /// Percent of its capacity that a node may be expected to carry in the busiest hour.
    #[schemars(extend("default" = 80), range(max = 1_000_000))]
    pub oversubscribed_percent: Option<At<Count>>,
    /// How many times more, or less, than before a subscriber's ceiling may be.
    #[schemars(extend("default" = 4), range(min = 2, max = 1_000_000))]
    pub rates_jump_times: Option<At<Count>>,
    /// By how many percent all ceilings together may change.
    #[schemars(extend("default" = 20), range(max = 1_000_000))]
    pub rates_jump_percent: Option<At<Count>>,
    /// How many subscribers of one node, or nodes under one, may have a download below their upload.
    #[schemars(extend("default" = 3), range(max = 1_000_000))]
    pub rates_look_swapped_most: Option<At<Count>>,
}

/// Findings that somebody looked at and lives with. They are listed and counted, and fail nothing. One that matches
/// nothing, or whose last day is over, is a finding itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["rule", "subject", "reason"]))]
pub struct Suppress {
    /// Name or code of the rule.
    #[schemars(required)]
    pub rule: Option<At<String>>,
    /// Id of what the finding is about, or a list of ids; `*` stands for any text, `?` for one character. A finding
    /// about several things is suppressed when all of them are named.
    #[schemars(required)]
    pub subject: Option<At<TextOrList>>,
    /// Why this is all right. Shown with the finding.
    #[schemars(required)]
    pub reason: Option<At<String>>,
    /// The last day it holds: `2027-01-31`.
    pub expires: Option<At<Day>>,
}
