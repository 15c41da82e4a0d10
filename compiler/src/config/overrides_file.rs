//! `overrides.toml` as written. These types are the one list of its keys: reading, the did-you-mean, the JSON Schema
//! and the table in `docs/overrides.md` all come from them, and the comments here are what operators read.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::file::words::words;
use crate::config::value::{At, Count, Day, PerDirection, Word, Words};
use crate::ir::records::{LeafKind, LinkState, NodeKind, ServiceState};

/// What an operator knows better than the sources, field by field, each with its reason.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "overrides.toml")]
pub struct File {
    /// Overrides of subscribers.
    pub circuit: Vec<At<Circuit>>,
    /// Overrides of sites, access points and other nodes.
    pub node: Vec<At<Node>>,
    /// Overrides of links.
    pub link: Vec<At<Link>>,
}

/// Declares the entry of a kind, and `was`: the same fields once more.
macro_rules! entry {
    (
        $(#[$about:meta])* $entry:ident { $($(#[$own:meta])* $extra:ident: $extra_type:ty,)* }
        $(#[$was_about:meta])* $was:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)+ }
    ) => {
        $(#[$about])*
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        #[schemars(extend("required" = ["id", "reason"]))]
        pub struct $entry {
            /// Stable id of what it is about.
            pub id: Option<At<String>>,
            /// Why. It is shown wherever the override is.
            pub reason: Option<At<String>>,
            /// Who answers for it.
            pub owner: Option<At<String>>,
            /// The last day on which it applies, as 2026-12-31.
            pub expires: Option<At<Day>>,
            $($(#[$own])* pub $extra: Option<$extra_type>,)*
            $($(#[$doc])* pub $field: Option<$type>,)+
            /// What the sources said when this was written, field by field. Another value there now is reported.
            pub was: Option<$was>,
        }

        $(#[$was_about])*
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $was {
            $($(#[$doc])* pub $field: Option<$type>,)+
        }
    };
}

entry! {
    /// One override of a subscriber. A circuit may have several, of different fields.
    Circuit {
        /// Id of the device that `addresses`, `addresses_add` and `addresses_remove` are about. Without it, `addresses`
        /// and `addresses_remove` are about all devices, and new addresses go to the one with the smallest id.
        device: At<String>,
    }
    /// What the sources said of the subscriber.
    CircuitWas {
        /// Addresses in place of all others.
        addresses: Vec<At<String>>,
        /// Addresses beside the others.
        addresses_add: Vec<At<String>>,
        /// Addresses that are not this subscriber's.
        addresses_remove: Vec<At<String>>,
        /// Guaranteed rate in Mbit/s, `[download, upload]` or one number for both; `[rates]` still applies.
        commit_mbps: At<PerDirection>,
        /// `true` leaves the subscriber out of the shaper: its traffic passes unshaped.
        exclude: At<bool>,
        /// Ceiling in Mbit/s as it is shaped, in place of what `[rates]` makes of the plan. The capacity of its parent
        /// still limits it.
        max_mbps: At<PerDirection>,
        /// Guaranteed rate in Mbit/s as it is shaped. Guarantees above the capacity of a node are still scaled.
        min_mbps: At<PerDirection>,
        /// Name, as files and reports show it.
        name: At<String>,
        /// Id, or a name that one node has, of the node it hangs on.
        parent: At<String>,
        /// Plan in Mbit/s, `[download, upload]` or one number for both; `[rates]` makes a ceiling of it.
        plan_mbps: At<PerDirection>,
        /// Queueing discipline: one for both directions, or download and upload with a slash between: `cake/none`.
        qdisc: At<String>,
        /// `active` or `suspended`.
        state: At<Word<ServiceState>>,
    }
}

entry! {
    /// One override of a site, an access point or another node.
    Node {}
    /// What the sources said of the node.
    NodeWas {
        /// Own capacity in Mbit/s, `[download, upload]` or one number for both.
        capacity_mbps: At<PerDirection>,
        /// `true` leaves the node out of the shaping tree, as `topology.exclude` does.
        exclude: At<bool>,
        /// What it is.
        kind: At<Word<NodeKind>>,
        /// Name, as files and reports show it.
        name: At<String>,
        /// Id, or a name that one node has, of its parent. It is kept to, as `topology.pin` is.
        parent: At<String>,
        /// `true`: transparent, what is below it hangs on the next node above. `false`: a node like others.
        r#virtual: At<bool>,
    }
}

entry! {
    /// One override of a link.
    Link {}
    /// What the sources said of the link.
    LinkWas {
        /// Capacity in Mbit/s from its first end to its second and back, or one number for both.
        capacity_mbps: At<PerDirection>,
        /// Its cost for `tree = "cost"`.
        cost: At<Count>,
        /// `up`, `down` (it exists, and carries nothing now) or `planned`.
        state: At<Word<LinkState>>,
    }
}

words! {
    ServiceState {
        "active" = ServiceState::Active,
        "suspended" = ServiceState::Suspended,
    }
    NodeKind {
        "root" = NodeKind::Root,
        "site" = NodeKind::Site,
        "ap" = NodeKind::Ap,
        "other" = NodeKind::Other,
    }
    LinkState {
        "up" = LinkState::Up,
        "down" = LinkState::Down,
        "planned" = LinkState::Planned,
    }
    LeafKind {
        "cake" = LeafKind::Cake,
        "fq_codel" = LeafKind::FqCodel,
        "none" = LeafKind::None,
    }
}
