//! The head of a channel: the one small file that says which artifact the channel runs. It is replaced as a whole,
//! by compare-and-swap, and never edited.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;

/// What a channel runs, since when, and who said so.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// `weir.head/1`
    #[schemars(extend("const" = Head::SCHEMA))]
    pub schema: String,
    /// SHA-256 of this file with these 64 digits written as zeros, lower-case hexadecimal.
    pub check: String,
    /// Name of the channel.
    pub channel: String,
    /// Number of this generation. Every promotion and every rollback, by hand or by itself, is one more; confirming
    /// and resuming keep it.
    pub seq: u64,
    /// Random name of the write that made this file. No two writes have the same, so an old file is never mistaken
    /// for the present one.
    pub txn: String,
    /// How this file came about.
    pub action: Action,
    /// Payload digest of the artifact, lower-case hexadecimal.
    pub digest: String,
    /// SHA-256 of the artifact's `manifest.json` when it was promoted, lower-case hexadecimal.
    pub manifest_sha256: String,
    /// What this generation replaced; null for the first.
    pub parent: Option<Generation>,
    /// Number of the earlier generation that this one brings back; null when it is not a way back.
    pub restores: Option<u64>,
    /// The `txn` of the head that this write replaced; null for the first.
    pub replaced: Option<String>,
    /// Who.
    pub author: String,
    /// When, by the clock of the machine that wrote it: UTC, as RFC 3339.
    pub time: String,
    /// Why, in the author's words; empty when nothing was said.
    pub reason: String,
    /// Null when the generation is confirmed.
    pub confirm: Option<Confirm>,
    /// Null when the channel may be promoted to by the scheduler.
    pub hold: Option<Hold>,
    /// Null when it is not signed.
    pub signature: Option<Signature>,
}

impl Published for Head {
    const SCHEMA: &'static str = "weir.head/1";
}

/// How a head came about.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// An artifact was promoted.
    Promote,
    /// The pending generation was confirmed.
    Confirm,
    /// Somebody went back to an earlier generation.
    Rollback,
    /// The pending generation was not confirmed in time: back to its parent.
    Expire,
    /// A held channel was released.
    Resume,
}

impl Action {
    /// As it stands in files.
    pub fn word(self) -> &'static str {
        match self {
            Action::Promote => "promote",
            Action::Confirm => "confirm",
            Action::Rollback => "rollback",
            Action::Expire => "expire",
            Action::Resume => "resume",
        }
    }
}

/// A generation of a channel, and the proof that it was one.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Generation {
    /// Its number.
    pub seq: u64,
    /// Payload digest of its artifact.
    pub digest: String,
    /// SHA-256 of the manifest of its artifact.
    pub manifest_sha256: String,
    /// Its signature; null when it was not signed.
    pub signature: Option<Signature>,
}

/// The generation is pending: whoever follows the channel returns to the parent unless it is confirmed in time.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Confirm {
    /// Time to confirm, in seconds. Every follower counts it by its own clock from when it applied the generation.
    pub within_seconds: u64,
    /// Host that promoted. On it, the next two decide; elsewhere, `time` and `within_seconds` do.
    pub host: String,
    /// Boot of that host: another one means that it was restarted, which counts as not confirmed.
    pub boot_id: String,
    /// Milliseconds since that boot at which the time is over. This clock cannot be set.
    pub deadline_ms: u64,
}

/// Nothing is promoted by itself until somebody resumes the channel or promotes by hand.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// Who or what holds it.
    pub author: String,
    /// Since when, UTC, as RFC 3339.
    pub time: String,
    /// Why.
    pub reason: String,
}

/// A signature in the format of minisign.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// The generation that was signed. After a rollback without a key it is the one that was returned to, which is
    /// less than `seq`.
    pub seq: u64,
    /// The exact text that was signed.
    pub statement: String,
    /// The signature file, as `minisign -S` writes it.
    pub minisign: String,
}

/// The text that is signed, five lines that each end with a line feed. It names the channel and the generation, so a
/// signature of one is none of another.
///
/// ```text
/// weir.release/1
/// channel production
/// seq 42
/// artifact <payload digest>
/// manifest <SHA-256 of manifest.json>
/// ```
pub fn statement(channel: &str, seq: u64, digest: &str, manifest_sha256: &str) -> String {
    let mut text = String::from("weir.release/1\n");
    let _ = writeln!(text, "channel {channel}");
    let _ = writeln!(text, "seq {seq}");
    let _ = writeln!(text, "artifact {digest}");
    let _ = writeln!(text, "manifest {manifest_sha256}");
    text
}

impl Head {
    /// This generation, as its successors remember it.
    pub fn generation(&self) -> Generation {
        Generation {
            seq: self.seq,
            digest: self.digest.clone(),
            manifest_sha256: self.manifest_sha256.clone(),
            signature: self.signature.clone(),
        }
    }
}
