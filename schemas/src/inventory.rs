//! `weir.inventory/1`: a network as nodes, links and circuits, in one JSON file. It is what the source kind
//! `inventory` reads, for pipelines that are no CRM.
//!
//! Rates and capacities are whole kbit/s (1 kbit/s = 1000 bit/s). Pairs are `[download, upload]` for nodes and
//! circuits, `[a -> b, b -> a]` for links. A capacity that is null, missing or 0 is unknown. Readers ignore keys
//! they do not know, and report them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;
use crate::common::{NodeKind, degrees_or_none};

impl Published for Inventory {
    const SCHEMA: &'static str = "weir.inventory/1";
}

/// Two directions; null is unknown, or the default.
pub type Pair<T> = [Option<T>; 2];

/// A network: its nodes, the links that join them and the circuits that hang on them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Inventory {
    /// `weir.inventory/1`.
    pub schema: String,
    /// Sites, APs and other network elements.
    #[serde(default)]
    pub nodes: Vec<Node>,
    /// What joins them.
    #[serde(default)]
    pub links: Vec<Link>,
    /// The services that subscribers have bought.
    #[serde(default)]
    pub circuits: Vec<Circuit>,
}

/// A site, an AP or another network element.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Stable: names may change, ids may not. Used as written.
    pub id: String,
    /// For people; the id when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is.
    pub kind: NodeKind,
    /// Id of the declared parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The node's own capacity, [download, upload] in kbit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kbps: Option<Pair<u64>>,
    /// Transparent: not emitted, its children and circuits go to the nearest visible ancestor.
    #[serde(default, skip_serializing_if = "is_false")]
    pub r#virtual: bool,
    /// Traffic enters the network here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub gateway: bool,
    /// Degrees north of the equator, of the node; with `longitude`. Shown to people, and decides nothing.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "degrees_or_none"
    )]
    #[schemars(with = "Option<f64>", range(min = -90, max = 90))]
    pub latitude: Option<i32>,
    /// Degrees east of Greenwich; with `latitude`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "degrees_or_none"
    )]
    #[schemars(with = "Option<f64>", range(min = -180, max = 180))]
    pub longitude: Option<i32>,
}

/// A connection of two nodes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// Stable. Used as written.
    pub id: String,
    /// Id of one end.
    pub a: String,
    /// Id of the other end.
    pub b: String,
    /// Capacity [a -> b, b -> a] in kbit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kbps: Option<Pair<u64>>,
    /// Routing cost; derived from the capacity when it is missing. 0 is a cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<u64>,
    /// Carries traffic now.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub up: bool,
}

/// One service instance: what a subscriber has bought.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Circuit {
    /// Stable. Used as written.
    pub id: String,
    /// For people; the id when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Id of the node it hangs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<String>,
    /// The plan, [download, upload] in kbit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_kbps: Option<Pair<u64>>,
    /// Burst as a rate, added to the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst_kbps: Option<Pair<u64>>,
    /// Guaranteed rate; 0 = `rates.commit` of the project decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_kbps: Option<Pair<u64>>,
    /// Whether the service runs.
    #[serde(default, skip_serializing_if = "State::is_active")]
    pub state: State,
    /// Leaf queueing discipline per direction; null = the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qdisc: Option<Pair<Qdisc>>,
    /// Carried into `ShapedDevices.csv`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// What it is used with; a circuit without addresses is not shaped.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// Degrees north of the equator, of the subscriber; with `longitude`. Shown to people, and decides nothing.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "degrees_or_none"
    )]
    #[schemars(with = "Option<f64>", range(min = -90, max = 90))]
    pub latitude: Option<i32>,
    /// Degrees east of Greenwich; with `latitude`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "degrees_or_none"
    )]
    #[schemars(with = "Option<f64>", range(min = -180, max = 180))]
    pub longitude: Option<i32>,
}

/// State of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It runs.
    #[default]
    Active,
    /// `suspended.policy` of the project decides.
    Suspended,
}

/// Leaf queueing disciplines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Qdisc {
    /// CAKE.
    Cake,
    /// FQ-CoDel.
    FqCodel,
    /// No leaf qdisc in this direction.
    None,
}

/// Something with addresses. All devices of a circuit share its queue.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// Derived from the content when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Hardware address, in any notation.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mac: String,
    /// Addresses and prefixes, IPv4 and IPv6: `100.64.0.2`, `2001:db8:1::/56`.
    #[serde(default)]
    pub ips: Vec<String>,
}

impl State {
    fn is_active(&self) -> bool {
        *self == State::Active
    }
}

fn yes() -> bool {
    true
}

fn is_true(flag: &bool) -> bool {
    *flag
}

fn is_false(flag: &bool) -> bool {
    !*flag
}
