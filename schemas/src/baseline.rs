//! The baseline of `weir check --baseline`: findings that fail nothing because they were there before.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;
use crate::findings::{Level, SubjectKind};

/// Findings that a network starts with. Written one a line and sorted, kept in git beside `weir.toml`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Baseline<'a> {
    /// `weir.baseline/1`
    #[schemars(extend("const" = Baseline::SCHEMA))]
    pub schema: Cow<'a, str>,
    /// The known findings, sorted by code, subjects and fingerprint.
    pub findings: Vec<Entry<'a>>,
}

impl Published for Baseline<'_> {
    const SCHEMA: &'static str = "weir.baseline/1";
}

/// A known finding.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// Code of the rule.
    pub code: Cow<'a, str>,
    /// Name of the rule.
    pub name: Cow<'a, str>,
    /// How grave it was. Graver than this, it is new.
    pub level: Level,
    /// What it is about, sorted.
    pub subjects: Vec<Subject<'a>>,
    /// The field of a record or the key of a setting that it stands in, without positions in lists.
    #[serde(default)]
    pub field: Cow<'a, str>,
    /// What tells it from other findings of its rule about the same subjects.
    #[serde(default)]
    pub fact: Cow<'a, str>,
    /// What it said when it was taken in, for whoever reads the file.
    #[serde(default)]
    pub message: Cow<'a, str>,
    /// The fingerprint of `weir.findings/1`, by which it is known again.
    pub fingerprint: Cow<'a, str>,
}

/// What a known finding is about.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Subject<'a> {
    /// What it is.
    pub kind: SubjectKind,
    /// Its stable id.
    pub id: Cow<'a, str>,
}
