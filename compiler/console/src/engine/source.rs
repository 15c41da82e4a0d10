//! Sources of the project: what they are set to, how they do, and changing them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A `[[source]]` of `weir.toml`.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Source {
    pub name: String,
    /// `uisp`, `splynx`, ...
    pub kind: String,
    pub enabled: bool,
    /// It is read over the network; otherwise from recorded files.
    pub network: bool,
    /// In the order of the documentation.
    pub settings: Vec<Setting>,
    /// The last attempt to read it; null before the first.
    pub last: Option<Fetched>,
    /// When what is built from was read: UTC, as RFC 3339; null when it is not known.
    pub as_of: Option<String>,
    /// Age of that in seconds.
    pub age_seconds: Option<u64>,
    /// `guard.max_source_age` in seconds.
    pub max_age_seconds: Option<u64>,
    /// What the credentials were seen to allow.
    #[serde(default)]
    pub permissions: Vec<Permission>,
}

/// A setting and where it comes from.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    pub key: String,
    /// Of a secret, the reference and never the value: `file secrets/crm`, `env SPLYNX_KEY`.
    pub value: String,
    pub secret: bool,
    /// `weir.toml:12`, `default`.
    pub from: String,
    /// What is wrong with it; null when nothing is: `the file is not there`, `mode 0644, wants 0600`.
    #[serde(default)]
    pub fault: Option<String>,
}

/// An attempt to read a source.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Fetched {
    /// UTC, as RFC 3339.
    pub time: String,
    pub ok: bool,
    /// Why not, or what came of it.
    pub message: String,
    pub milliseconds: u64,
    /// By collection, sorted.
    #[serde(default)]
    pub records: Vec<Records>,
}

/// Records of a collection.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Records {
    pub collection: String,
    pub count: u64,
}

/// Something that the credentials must be allowed to read.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Permission {
    /// The collection.
    pub what: String,
    /// Null when it is not known.
    pub ok: Option<bool>,
    pub detail: String,
}

/// How a test of a connection went.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct TestResult {
    pub ok: bool,
    /// UTC, as RFC 3339.
    pub time: String,
    pub steps: Vec<TestStep>,
}

/// A step of a test.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct TestStep {
    /// `settings`, `name`, `connect`, `tls`, `sign in`, or a collection.
    pub what: String,
    pub ok: bool,
    pub detail: String,
    /// What to do; empty when it is fine.
    #[serde(default)]
    pub help: String,
}

/// A kind of source, and its form.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct SourceKind {
    /// `splynx`
    pub kind: String,
    /// `Splynx`
    pub title: String,
    /// What its credentials must be allowed to do, in a sentence; empty when it has none.
    pub needs: String,
    pub fields: Vec<Field>,
}

/// A field of a form.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Key in `weir.toml`.
    pub key: String,
    pub label: String,
    pub help: String,
    pub kind: FieldKind,
    pub required: bool,
    /// What it is without a word; empty when there is none.
    pub default: String,
}

/// What a field takes.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    Text,
    /// An `https://` address.
    Url,
    Number,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Choice(Vec<String>),
    /// Write-only.
    Secret,
}

/// To add or change a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceEdit {
    /// The source that is changed; null to add one.
    pub name: Option<String>,
    /// Name of the new source; ignored when one is changed.
    pub new_name: String,
    pub kind: String,
    /// Key and value; an empty value takes the key out.
    pub settings: BTreeMap<String, String>,
    /// Key and secret. Keys that are not named keep what they have.
    pub secrets: BTreeMap<String, Secret>,
}

/// A secret on its way to its file. It has no JSON form and shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Secret(text)
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_itself_to_nobody() {
        let edit = SourceEdit {
            name: None,
            new_name: "crm".to_owned(),
            kind: "splynx".to_owned(),
            settings: BTreeMap::new(),
            secrets: [("key".to_owned(), Secret::new("hunter2".to_owned()))].into(),
        };
        assert!(!format!("{edit:?}").contains("hunter2"));
    }
}
