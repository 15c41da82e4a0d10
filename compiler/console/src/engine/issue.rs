//! What somebody should look at, beside the findings of a build.

use serde::{Deserialize, Serialize};

/// An issue that is open now.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Issue {
    /// The same for the same issue while it lasts; acknowledgements name it.
    pub id: String,
    /// `SRC-FAILED`, `GUARD-REFUSED`, ...: stable, and never that of a lint rule.
    pub code: String,
    pub level: IssueLevel,
    /// What noticed it: `scheduler`, `source crm`, `runtime`, `store`.
    pub from: String,
    /// What is the case, in one line.
    pub message: String,
    /// The first thing to do.
    pub help: String,
    /// Since when: UTC, as RFC 3339.
    pub since: String,
}

/// How grave an issue is.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "snake_case")]
pub enum IssueLevel {
    Info,
    Warning,
    Error,
}

impl IssueLevel {
    pub fn word(self) -> &'static str {
        match self {
            IssueLevel::Info => "info",
            IssueLevel::Warning => "warning",
            IssueLevel::Error => "error",
        }
    }
}

/// To acknowledge an issue or a finding.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Acknowledge {
    /// Id of the issue, or fingerprint of the finding.
    pub id: String,
    pub code: String,
    pub reason: String,
    /// The last day on which it holds: `2026-12-31`.
    pub expires: String,
}

/// Somebody has seen it. It stays listed, and counts as seen.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Acknowledgement {
    pub id: String,
    pub code: String,
    pub by: String,
    pub reason: String,
    /// UTC, as RFC 3339.
    pub time: String,
    /// The last day on which it holds.
    pub expires: String,
}
