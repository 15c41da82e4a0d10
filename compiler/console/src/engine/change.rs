//! Moving a channel, overriding a value, and what the program says about either.

use serde::{Deserialize, Serialize};
use weir_schemas::head::Head;
use weir_schemas::promotion::{Base, Promotion};

/// What promoting would do.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Review {
    /// The plan: what the channel runs, subscribers that disappear and move, and what the guard has against it.
    pub plan: Promotion,
    /// The guard stands against it whatever numbers are accepted, or the box cannot hold it.
    pub blocked: bool,
    /// The exact numbers must be accepted for it to go.
    pub needs_accept: bool,
    /// What to do about what the guard has against it, line by line.
    #[serde(default)]
    pub help: Vec<String>,
}

/// To promote an artifact, as it was looked at.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct PromoteRequest {
    pub channel: String,
    /// Payload digest, whole.
    pub digest: String,
    /// What the channel ran on the page that was looked at; null when nothing. Anything else there refuses.
    pub base: Option<Base>,
    pub reason: String,
    /// Back to the base unless confirmed in this many seconds; null = it needs no confirmation.
    pub confirm_within_seconds: Option<u64>,
    /// Subscribers that disappear: the exact number, where it was accepted.
    pub accept_removals: Option<u64>,
    /// Subscribers that move: the exact number, where it was accepted.
    pub accept_reparented: Option<u64>,
}

/// Where to go back to.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Back {
    /// To what the head replaced.
    Parent,
    /// To the newest generation of this artifact, by whole payload digest.
    Digest(String),
}

/// A channel that was moved.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    pub head: Head,
    /// False: it ran that already.
    pub changed: bool,
    /// What did not work and does not matter to the channel.
    pub notice: Option<String>,
    /// The command that undoes it; null when nothing does.
    pub undo: Option<String>,
}

/// To override fields of one thing.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct OverrideRequest {
    /// `circuit` or `node`.
    pub kind: String,
    /// Stable id.
    pub id: String,
    /// The device whose addresses are set; null when it is about none.
    pub device: Option<String>,
    /// As `weir override add --set` takes them: `("plan_mbps", "100/20")`.
    pub set: Vec<(String, String)>,
    pub reason: String,
    pub owner: Option<String>,
    /// The last day on which it applies: `2026-12-31`.
    pub expires: Option<String>,
}

/// Names one entry of `overrides.toml`.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct OverrideId {
    /// `circuit`, `node` or `link`.
    pub kind: String,
    /// Stable id.
    pub id: String,
    /// The device that it is about; null when it is about none.
    pub device: Option<String>,
}

/// An override that is there.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct StoredOverride {
    pub kind: String,
    pub id: String,
    /// The device that it is about; null when it is about none.
    #[serde(default)]
    pub device: Option<String>,
    /// Fields and their values, as people read them.
    pub set: Vec<(String, String)>,
    pub reason: String,
    pub owner: Option<String>,
    /// The last day on which it applies: `2026-12-31`.
    pub expires: Option<String>,
}

/// What became of an edit of the project's files.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// File, relative to the project.
    pub file: String,
    pub written: Written,
    /// The change as a unified diff. Secrets are not in it.
    pub patch: String,
    /// What it does and what comes next, line by line.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Whether the file was changed.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// It was; the next run builds with it.
    Yes,
    /// The project is kept in git: apply the patch there.
    InGit,
}

/// Documentation of a lint rule.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Explain {
    pub code: String,
    pub name: String,
    /// Before `[lint.levels]`.
    pub level: String,
    pub what: String,
    pub why: String,
    pub fix: String,
    /// An example that triggers it, as text.
    pub bad: String,
    /// One that does not.
    pub good: String,
}
