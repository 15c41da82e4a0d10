//! `manifest.json`: what an artifact is made of and from. It has no clock, host, user or absolute path: the
//! same inputs give the same bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;
use crate::common::{NodeKind, OmitReason, Pair, Strategy};
use crate::findings::Level;

/// One build of an artifact.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Manifest<'a> {
    /// `weir.manifest/1`
    #[schemars(extend("const" = Manifest::SCHEMA))]
    pub schema: Cow<'a, str>,
    /// Payload digest, lower-case hexadecimal: the name of the artifact.
    pub digest: Cow<'a, str>,
    /// Files that shape traffic, sorted by name. With target and strategy they make the digest.
    pub payload: Vec<File<'a>>,
    /// Files that describe this build, sorted by name; this manifest is not among them.
    pub description: Vec<File<'a>>,
    /// What wrote it.
    pub tool: Tool<'a>,
    /// Name of the project.
    pub project: Cow<'a, str>,
    /// Payload digest of the artifact whose parents, queues and class numbers were kept; null when there was none.
    #[serde(default)]
    pub previous: Option<Cow<'a, str>>,
    /// The strategy that placed nodes and circuits.
    pub strategy: Strategy,
    /// The box it was built for.
    pub target: Target<'a>,
    /// What it was built from.
    pub inputs: Inputs<'a>,
    /// How much of what it holds.
    pub counts: Counts,
    /// How well it fits the box.
    #[serde(default)]
    pub fit: Fit,
    /// How many findings there are.
    pub findings: FindingCounts<'a>,
    /// The level from which on a finding makes the build fail; null = none does.
    pub fail_on: Option<Level>,
    /// There is a finding at or above `fail_on`: this build is not to be used unseen.
    pub failing: bool,
}

impl Published for Manifest<'_> {
    const SCHEMA: &'static str = "weir.manifest/1";
}

impl Manifest<'_> {
    /// The text whose SHA-256 is `digest`.
    pub fn payload_text(&self) -> String {
        crate::artifact::payload_text(
            self.payload
                .iter()
                .map(|f| (f.name.as_ref(), f.schema.as_ref(), f.sha256.as_ref())),
            self.target.name.as_deref(),
            self.strategy,
        )
    }
}

/// A file of the artifact.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct File<'a> {
    /// Its name inside the artifact.
    pub name: Cow<'a, str>,
    /// Its format, with a version.
    pub schema: Cow<'a, str>,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, lower-case hexadecimal.
    pub sha256: Cow<'a, str>,
}

/// The program that wrote the artifact.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Tool<'a> {
    /// `weir`
    pub name: Cow<'a, str>,
    /// Its version.
    pub version: Cow<'a, str>,
}

/// The box.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Target<'a> {
    /// Name of the `[target.*]` table; null when the project declares none.
    pub name: Option<Cow<'a, str>>,
    /// Number of CPU queues.
    pub queues: u16,
}

/// What an artifact was built from.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Inputs<'a> {
    /// SHA-256 of the settings that reach the artifact; comments and layout of `weir.toml` do not count.
    pub config_sha256: Cow<'a, str>,
    /// The sources, in order of precedence.
    pub sources: Vec<Source<'a>>,
    /// SHA-256 of what `overrides.toml` says; comments and layout do not count. Absent when there are no overrides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrides_sha256: Option<Cow<'a, str>>,
    /// The day of the build, as `2026-12-31`, where it decided something: an expiry before it. Absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Cow<'a, str>>,
    /// The file of measured peaks. Absent when `topology.peaks` names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peaks: Option<InputFile<'a>>,
}

/// One source of the project.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Source<'a> {
    /// Its name in `weir.toml`.
    pub name: Cow<'a, str>,
    /// Its kind: `uisp`, `libreqos`, `inventory`, ...
    pub kind: Cow<'a, str>,
    /// The files that were read, sorted by collection and page.
    pub files: Vec<InputFile<'a>>,
}

/// A file of a source.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct InputFile<'a> {
    /// Relative to the project; never absolute.
    pub path: Cow<'a, str>,
    /// What it holds: `devices`, `customers`, ...
    pub collection: Cow<'a, str>,
    /// Its page, counted from 1. Absent when the collection is one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// SHA-256 of the file as it was read, lower-case hexadecimal.
    pub sha256: Cow<'a, str>,
}

/// How much an artifact holds.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Circuits in the inventory.
    pub circuits: u64,
    /// Circuits that are shaped.
    pub shaped: u64,
    /// Circuits that are not, by reason; every reason is there.
    pub omitted: BTreeMap<OmitReason, u64>,
    /// Nodes in the shaping tree, by kind; every kind that can be emitted is there.
    pub nodes_by_kind: BTreeMap<NodeKind, u64>,
    /// Nodes in the shaping tree, by level: first the top-level nodes.
    pub nodes_by_level: Vec<u64>,
    /// Generated parent nodes that hold circuits.
    pub buckets: u64,
    /// Devices of shaped circuits.
    pub devices: u64,
    /// IPv4 prefixes that are shaped.
    pub prefixes_ipv4: u64,
    /// IPv6 prefixes that are shaped.
    pub prefixes_ipv6: u64,
    /// HTB classes per direction.
    pub classes: u64,
    /// Leaf qdiscs, `[download, upload]`.
    pub leaf_qdiscs: Pair<u64>,
    /// Sum of the ceilings of all shaped circuits, `[download, upload]` in kbit/s.
    pub max_kbps: Pair<u64>,
    /// Sum of the guaranteed rates of all shaped circuits, `[download, upload]` in kbit/s.
    pub min_kbps: Pair<u64>,
}

/// What a plan uses of everything the box or the kernel has a limit for. Over a limit of the kernel, no artifact is
/// made; memory and cores are estimates, and findings.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug, Default)]
pub struct Fit {
    /// HTB classes of the fullest CPU queue.
    pub class_minors: Usage,
    /// Handles of leaf qdiscs on the interfaces that downloads and that uploads leave by,
    /// `[download, upload]`; on a stick that is one interface, stated twice.
    pub leaf_handles: Pair<Usage>,
    /// Kernel memory of classes and leaf qdiscs in bytes, estimated, of the memory of the target less 2 GiB or an
    /// eighth.
    pub memory_bytes: Usage,
    /// What makes up that memory.
    pub memory: Memory,
    /// Prefixes in the address table.
    pub addresses: Usage,
    /// Distinct lengths of those prefixes, `[IPv4, IPv6]`.
    #[serde(default)]
    pub prefix_lengths: [Usage; 2],
    /// Node levels above the deepest circuit.
    pub levels: Usage,
    /// Expected load in kbit/s of the busiest core, both directions together, of what the target says a core shapes.
    pub core_kbps: Usage,
    /// The CPU queue of that core.
    pub busiest_queue: u16,
    /// Load of that core in percent of the mean of all.
    pub balance_percent: u64,
}

/// How much of something is used.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// What the plan needs.
    pub used: u64,
    /// What there is; null when it is not known.
    pub limit: Option<u64>,
    /// What is left of it in percent, rounded down; negative when it does not fit, null when the limit is not known
    /// or 0.
    pub headroom_percent: Option<i64>,
}

impl Usage {
    /// `used` of `limit`.
    pub fn of(used: u64, limit: Option<u64>) -> Self {
        let left = limit.filter(|limit| *limit > 0).map(|limit| {
            let left = (i128::from(limit) - i128::from(used)) * 100;
            left.div_euclid(i128::from(limit)).max(i128::from(i64::MIN)) as i64
        });
        Usage {
            used,
            limit,
            headroom_percent: left,
        }
    }
}

/// Estimated kernel memory in bytes, both directions together.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// HTB classes.
    pub classes: u64,
    /// CAKE leaves.
    pub cake: u64,
    /// FQ-CoDel leaves.
    pub fq_codel: u64,
    /// Circuits without a leaf qdisc, which have the kernel's own.
    pub none: u64,
}

/// How many findings a build has.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct FindingCounts<'a> {
    /// Findings of level `error`.
    pub error: u64,
    /// Findings of level `warning`.
    pub warning: u64,
    /// Findings of level `info`.
    pub info: u64,
    /// Findings by the code of their rule; only codes that have some.
    pub by_code: BTreeMap<Cow<'a, str>, u64>,
    /// Findings that are suppressed; they are in no other count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub suppressed: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headroom_is_what_is_left_rounded_down() {
        for (used, limit, want) in [
            (0, Some(7), Some(100)),
            (2, Some(7), Some(71)),
            (7, Some(7), Some(0)),
            (1_001, Some(1_000), Some(-1)),
            (21, Some(7), Some(-200)),
            (u64::MAX, Some(1), Some(i64::MIN)),
            (5, Some(0), None),
            (5, None, None),
        ] {
            assert_eq!(
                Usage::of(used, limit).headroom_percent,
                want,
                "{used} of {limit:?}"
            );
        }
    }
}
