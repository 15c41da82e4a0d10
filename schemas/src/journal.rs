//! The journal of a channel: what was asked of it and what became of it, refusals included. One line an entry.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;
use crate::head::Head;

/// One line of a journal, after its checksum.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// `weir.journal/1`
    #[schemars(extend("const" = Entry::SCHEMA))]
    pub schema: Cow<'static, str>,
    /// Name of the channel.
    pub channel: String,
    /// When, UTC, as RFC 3339.
    pub time: String,
    /// Who.
    pub author: String,
    /// What was asked: `promote`, `confirm`, `rollback`, `expire`, `resume`, `gc`, `repair`.
    pub action: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Payload digest before; null where there was none.
    pub from: Option<String>,
    /// Payload digest that was asked for; null where there was none.
    pub to: Option<String>,
    /// Why it was asked, or why it was refused.
    pub reason: String,
    /// The head that was written; null when none was.
    pub head: Option<Head>,
}

impl Published for Entry {
    const SCHEMA: &'static str = "weir.journal/1";
}

/// What became of something.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was done, and written down by the next command, because the one that did it ended first.
    Recovered,
    /// It was refused; nothing changed.
    Refused,
}

impl Outcome {
    /// As it stands in files.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Recovered => "recovered",
            Outcome::Refused => "refused",
        }
    }
}
