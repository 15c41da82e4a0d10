//! Words and shapes that several formats share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[download, upload]`. Download is towards the subscriber.
pub type Pair<T> = [T; 2];

/// How much of the network becomes classes.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// No nodes: every circuit hangs in a generated parent node.
    Flat,
    /// Access points only.
    ApOnly,
    /// Access points under sites; sites are siblings.
    ApSite,
    /// Every visible node under its nearest visible ancestor.
    Full,
}

impl Strategy {
    /// As it stands in files and settings.
    pub fn word(self) -> &'static str {
        match self {
            Strategy::Flat => "flat",
            Strategy::ApOnly => "ap_only",
            Strategy::ApSite => "ap_site",
            Strategy::Full => "full",
        }
    }
}

/// What a node of the network is.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Where the network meets the internet. Never emitted.
    Root,
    /// A place: tower, cabinet, data centre.
    Site,
    /// What subscribers attach to: a sector, an OLT.
    Ap,
    /// Anything else that carries traffic: switch, backhaul radio, router.
    Other,
}

/// Why a circuit is not shaped.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "kebab-case")]
pub enum OmitReason {
    /// It is suspended, and `suspended.policy` is `drop`.
    Suspended,
    /// It has no plan in one of the directions, and there is no default plan.
    NoPlan,
    /// None of its devices kept an address.
    NoAddress,
    /// An override leaves it out.
    Excluded,
}

impl OmitReason {
    pub const ALL: [OmitReason; 4] = [
        OmitReason::Suspended,
        OmitReason::NoPlan,
        OmitReason::NoAddress,
        OmitReason::Excluded,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_has_one_spelling() {
        for strategy in [
            Strategy::Flat,
            Strategy::ApOnly,
            Strategy::ApSite,
            Strategy::Full,
        ] {
            assert_eq!(serde_json::json!(strategy), strategy.word());
        }
    }
}
