//! `findings.json`: what the rules found, for people's tools.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;

/// The findings of one build: errors first, then by code.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Findings<'a> {
    /// `weir.findings/1`
    #[schemars(extend("const" = Findings::SCHEMA))]
    pub schema: Cow<'a, str>,
    /// Every finding; hidden rules (`allow`) have none.
    pub findings: Vec<Finding<'a>>,
}

impl Published for Findings<'_> {
    const SCHEMA: &'static str = "weir.findings/1";
}

/// One thing somebody should know about their network.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Finding<'a> {
    /// Stable code of the rule: `ADR001`.
    pub code: Cow<'a, str>,
    /// Stable name of the rule, as in `[lint.levels]`: `duplicate-address`.
    pub name: Cow<'a, str>,
    /// How grave it is here, after `[lint.levels]`.
    pub level: Level,
    /// The record was dealt with by a stated rule and nothing else is affected.
    pub contained: bool,
    /// What is the case, in one line that stands alone.
    pub message: Cow<'a, str>,
    /// What it is about.
    pub subjects: Vec<Subject<'a>>,
    /// Where it stands, most important first.
    pub locations: Vec<Location<'a>>,
    /// What to do.
    pub help: Cow<'a, str>,
    /// The same for the same finding in another build: 32 hexadecimal digits made from rule, subject ids and field, never
    /// from line numbers.
    #[serde(default)]
    pub fingerprint: Cow<'a, str>,
    /// An edit of `weir.toml` that mends it; absent when there is none that a program can make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix<'a>>,
    /// Present when a `[[lint.suppress]]` covers it: it counts nowhere and fails nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppressed<'a>>,
    /// Present and true when the baseline of `weir check --baseline` has it: it fails nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known: bool,
}

/// Why a finding is suppressed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Suppressed<'a> {
    /// What whoever suppressed it says.
    pub reason: Cow<'a, str>,
    /// The last day it holds, `2027-01-31`; null = it does not expire.
    pub expires: Option<Cow<'a, str>>,
}

/// An edit of `weir.toml`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Fix<'a> {
    /// What it does, as a command.
    pub what: Cow<'a, str>,
    /// It changes nothing that is shaped, and `weir check --fix` makes it.
    pub safe: bool,
    /// The dotted key that is edited: `topology.exclude`.
    pub key: Cow<'a, str>,
    /// The text that goes; null when `key` itself goes.
    pub old: Option<Cow<'a, str>>,
    /// The text that comes in its place; null = it is deleted.
    pub new: Option<Cow<'a, str>>,
}

/// How grave a finding is.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Listed only.
    Info,
    /// Somebody should look.
    Warning,
    /// Makes the build fail, unless `lint.fail_on` says otherwise.
    Error,
}

/// What a finding speaks of.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Subject<'a> {
    /// What it is.
    pub kind: SubjectKind,
    /// Its stable id.
    pub id: Cow<'a, str>,
    /// Its display name; the id where it has none.
    pub name: Cow<'a, str>,
}

/// What a subject is.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug,
)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A subscriber's service.
    Circuit,
    /// A site, access point or other network element.
    Node,
    /// A link between two nodes.
    Link,
    /// A device of a circuit.
    Device,
    /// A `[[source]]` of the project.
    Source,
    /// A setting of `weir.toml`.
    Setting,
}

/// A place in an input file.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Location<'a> {
    /// File, relative to the project; never absolute.
    pub file: Cow<'a, str>,
    /// Line, counted from 1.
    pub line: u64,
    /// Column in characters, counted from 1.
    pub column: u64,
    /// The field inside the record: a JSON pointer, a CSV column or a dotted TOML key; empty for the whole
    /// record.
    pub path: Cow<'a, str>,
    /// What to see there.
    pub label: Cow<'a, str>,
}
