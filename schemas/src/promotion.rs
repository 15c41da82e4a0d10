//! A promotion plan: what promoting an artifact would do, bound to what the channel ran when it was made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;

/// What `weir plan` saves and `weir promote` carries out, or refuses when the channel has moved since.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Promotion {
    /// `weir.promotion/1`
    #[schemars(extend("const" = Promotion::SCHEMA))]
    pub schema: String,
    /// The channel to move.
    pub channel: String,
    /// What it ran when this plan was made; null when it ran nothing.
    pub base: Option<Base>,
    /// Payload digest of the artifact to promote.
    pub digest: String,
    /// SHA-256 of its `manifest.json`.
    pub manifest_sha256: String,
    /// Subscribers that disappear.
    pub removals: u64,
    /// Subscribers that get another parent.
    pub reparented: u64,
    /// What the guard has against it; empty when nothing.
    pub guard: Vec<String>,
}

impl Published for Promotion {
    const SCHEMA: &'static str = "weir.promotion/1";
}

/// A generation, by everything that makes it that one.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Base {
    /// Its number.
    pub seq: u64,
    /// Payload digest of its artifact.
    pub digest: String,
}
