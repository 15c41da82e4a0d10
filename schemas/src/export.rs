//! `export.json`: which request gave which file of a recorded export, and whether all of it is there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Published;

/// The name of the file in an export directory.
pub const EXPORT: &str = "export.json";

/// A recorded export of one source. Complete, or it would not have been written.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// `weir.export/1`
    #[schemars(extend("const" = Export::SCHEMA))]
    pub schema: String,
    /// Kind of the source, as in `weir.toml`: `uisp`.
    pub kind: String,
    /// The system that was read, without path and credentials: `https://uisp.example.net`.
    pub instance: String,
    /// SHA-256 over `weir.export/1`, the kind, and name and SHA-256 of every file, each on a line of its own. Times are not
    /// in it: the same answers have the same digest.
    pub digest: String,
    /// When reading began, RFC 3339 in UTC.
    pub started: String,
    /// When reading ended, RFC 3339 in UTC.
    pub finished: String,
    /// Every record of every collection is there.
    pub complete: bool,
    /// Sorted by name.
    pub files: Vec<File>,
    /// Optional collections that the system does not give, sorted by name.
    pub missing: Vec<Missing>,
}

impl Published for Export {
    const SCHEMA: &'static str = "weir.export/1";
}

/// One recorded answer.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Beside `export.json`: `crm-clients.page-1.json`.
    pub name: String,
    /// What its records are: `crm-clients`.
    pub collection: String,
    /// Counted from 1; `null` where the answer came in one piece.
    pub page: Option<u32>,
    /// HTTP method.
    pub method: String,
    /// Path and query, or the operation that was asked for. Never credentials.
    pub request: String,
    /// HTTP status.
    pub status: u16,
    /// When the answer was there, RFC 3339 in UTC.
    pub time: String,
    /// Records in it.
    pub records: u64,
    /// Bytes of the answer before fields that are not kept were taken out.
    pub received: u64,
    /// Lower-case hexadecimal, of the file as it is recorded.
    pub sha256: String,
    /// The answer is whole.
    pub complete: bool,
}

/// A collection that is not there, and why that is no failure.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    /// Name of the collection.
    pub collection: String,
    /// In one line.
    pub reason: String,
}

impl Export {
    /// The text whose SHA-256 is `digest`.
    pub fn digest_text(&self) -> String {
        let mut text = format!("{}\n{}\n", Export::SCHEMA, self.kind);
        for file in &self.files {
            text.push_str(&format!("{} {}\n", file.name, file.sha256));
        }
        text
    }
}
