//! What a box says of itself to everybody who looks at the channel it follows. Nobody proves it: it is for people who
//! want to know who runs what, and decides nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;
use crate::runtime::State;

/// `status/<channel>/<box>.json` of a store.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct BoxStatus {
    /// `weir.box/1`
    #[schemars(extend("const" = BoxStatus::SCHEMA))]
    pub schema: String,
    /// Name of the box.
    pub name: String,
    /// The channel it follows.
    pub channel: String,
    /// When this was written: UTC, as RFC 3339.
    pub time: String,
    /// Version of what wrote it.
    pub version: String,
    /// What lies on the box, proved and ready; null when nothing does.
    pub holds: Option<Held>,
    /// What its runtime says is loaded; null when it was not asked or did not answer.
    pub runs: Option<Running>,
    /// Why it could not take what the channel has now; null when it did.
    pub refused: Option<String>,
}

impl Published for BoxStatus {
    const SCHEMA: &'static str = "weir.box/1";
}

/// A generation on the disk of a box.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// Its number.
    pub seq: u64,
    /// Payload digest of its artifact, lower-case hexadecimal.
    pub digest: String,
    /// It waits for its confirmation.
    pub pending: bool,
}

/// A generation in the kernel of a box.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Running {
    /// What the runtime is doing.
    pub state: State,
    /// Payload digest of its artifact; null when traffic passes unshaped.
    pub digest: Option<String>,
    /// Its number; null when it was applied by hand.
    pub seq: Option<u64>,
}
