//! Every setting that the tree depends on, with the documented defaults. Rates are kbit/s, factors are per mille.

use std::collections::BTreeMap;

use ipnet::IpNet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Flat,
    ApOnly,
    ApSite,
    Full,
}

impl Strategy {
    /// The word used in `weir.toml` and in `weir.tree/1`.
    pub fn key(self) -> &'static str {
        match self {
            Strategy::Flat => "flat",
            Strategy::ApOnly => "ap_only",
            Strategy::ApSite => "ap_site",
            Strategy::Full => "full",
        }
    }
}

/// `topology.tree`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    Cost,
    Hops,
    Widest,
    Declared,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simplify {
    Off,
    On,
    Auto,
}

/// `suspended.policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspended {
    Keep,
    Slow,
    Drop,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub strategy: Strategy,
    pub metric: Metric,
    /// Id or unique name.
    pub root: Option<String>,
    pub wan_kbps: [u64; 2],
    /// `None` means the WAN's.
    pub generated_kbps: Option<[u64; 2]>,
    pub link_reference_kbps: u64,
    pub default_link_cost: u64,
    pub membership_cost: u64,
    /// Ids or unique names.
    pub promote_to_root: Vec<String>,
    /// Ids or unique names.
    pub exclude: Vec<String>,
    /// Child id to parent id.
    pub pin: BTreeMap<String, String>,
    /// 0 is off.
    pub auto_virtual_kbps: u64,
    pub prune_empty: bool,
    pub simplify: Simplify,
    /// Node levels above a circuit; 0 means 7.
    pub max_depth: usize,
    pub overhead_per_mille: u64,
    pub multiplier_per_mille: u64,
    pub commit_per_mille: u64,
    pub floor_kbps: u64,
    pub min_floor_kbps: u64,
    pub default_plan_kbps: Option<[u64; 2]>,
    pub suspended: Suspended,
    pub slow_kbps: u64,
    pub allow: Vec<IpNet>,
    pub ignore: Vec<IpNet>,
    pub queues: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            strategy: Strategy::ApSite,
            metric: Metric::Cost,
            root: None,
            wan_kbps: [1_000_000, 1_000_000],
            generated_kbps: None,
            link_reference_kbps: 100_000_000,
            default_link_cost: 100,
            membership_cost: 1,
            promote_to_root: Vec::new(),
            exclude: Vec::new(),
            pin: BTreeMap::new(),
            auto_virtual_kbps: 0,
            prune_empty: true,
            simplify: Simplify::Off,
            max_depth: 0,
            overhead_per_mille: 1000,
            multiplier_per_mille: 1000,
            commit_per_mille: 0,
            floor_kbps: 100,
            min_floor_kbps: 10,
            default_plan_kbps: None,
            suspended: Suspended::Keep,
            slow_kbps: 100,
            allow: Vec::new(),
            ignore: Vec::new(),
            queues: 16,
        }
    }
}

impl Settings {
    // Reading: a given `generated_mbps` is used as it is, also when it exceeds the WAN.
    pub fn generated(&self) -> [u128; 2] {
        self.generated_kbps.unwrap_or(self.wan_kbps).map(u128::from)
    }

    pub fn depth_budget(&self) -> usize {
        if self.max_depth == 0 {
            7
        } else {
            self.max_depth
        }
    }
}
