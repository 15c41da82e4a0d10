//! The contracts: one type for every file Weir publishes, and the JSON Schema made from it. A type here is a
//! promise to other programs: a named key keeps its name, type and unit until the number in `schema` changes;
//! keys may be added, and readers ignore keys they do not know.
//!
//! It knows nothing of how files are made, hashed, stored or shown. Text is `Cow`, so that emitters borrow what
//! they write and readers own what they keep.

pub mod artifact;
pub mod baseline;
pub mod common;
pub mod compare;
pub mod diff;
pub mod export;
pub mod findings;
pub mod fleet;
pub mod head;
pub mod inventory;
pub mod journal;
pub mod manifest;
mod plain;
pub mod promotion;
pub mod provenance;
pub mod queue_plan;
pub mod runtime;
pub mod tree;
pub mod why;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::Path;
use std::{fmt, fs, io};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A file format with a version: what its `schema` key says.
pub trait Published {
    /// `weir.tree/1`
    const SCHEMA: &'static str;

    /// What serde reads, faster, from a file that is written as ours are; `None` of any other.
    fn plain(_bytes: &[u8]) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

/// A published format and its JSON Schema.
#[derive(Clone, Copy)]
pub struct Contract {
    /// What the file says of itself: `weir.tree/1`.
    pub schema: &'static str,
    /// Its JSON Schema, beside the type: `tree.schema.json`.
    pub file: &'static str,
    generate: fn() -> schemars::Schema,
}

impl Contract {
    /// A file that Weir writes: the schema says what is always there.
    const fn written<T: Published + JsonSchema>(file: &'static str) -> Self {
        Contract {
            schema: T::SCHEMA,
            file,
            generate: || generate::<T>(SchemaSettings::draft2020_12().for_serialize()),
        }
    }

    /// A file that Weir reads: the schema says what must be there.
    const fn read<T: Published + JsonSchema>(file: &'static str) -> Self {
        Contract {
            schema: T::SCHEMA,
            file,
            generate: || generate::<T>(SchemaSettings::draft2020_12().for_deserialize()),
        }
    }

    /// The JSON Schema as it stands in its file.
    pub fn json_schema(&self) -> String {
        let mut schema = (self.generate)();
        schema.insert("title".to_owned(), self.schema.into());
        let mut text =
            serde_json::to_string_pretty(&schema).expect("a JSON Schema is a JSON document");
        text.push('\n');
        text
    }
}

fn generate<T: JsonSchema>(settings: SchemaSettings) -> schemars::Schema {
    settings
        .with_transform(RecursiveTransform(unwrap_description))
        .into_generator()
        .into_root_schema_for::<T>()
}

/// Doc comments are wrapped for people who read the source; descriptions are not.
fn unwrap_description(schema: &mut schemars::Schema) {
    if let Some(serde_json::Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
}

/// Every contract, sorted by schema. To add one: a module, and its line here.
pub static CONTRACTS: &[Contract] = &[
    Contract::read::<baseline::Baseline<'static>>("baseline.schema.json"),
    Contract::written::<fleet::BoxStatus>("fleet.schema.json"),
    Contract::written::<compare::Compare>("compare.schema.json"),
    Contract::written::<diff::Diff>("diff.schema.json"),
    Contract::written::<export::Export>("export.schema.json"),
    Contract::written::<findings::Findings<'static>>("findings.schema.json"),
    Contract::written::<head::Head>("head.schema.json"),
    Contract::read::<inventory::Inventory>("inventory.schema.json"),
    Contract::written::<journal::Entry>("journal.schema.json"),
    Contract::written::<manifest::Manifest<'static>>("manifest.schema.json"),
    Contract::written::<promotion::Promotion>("promotion.schema.json"),
    Contract::written::<provenance::Provenance<'static>>("provenance.schema.json"),
    Contract::written::<queue_plan::QueuePlan<'static>>("queue_plan.schema.json"),
    Contract::written::<runtime::Unanswered>("runtime_error.schema.json"),
    Contract::written::<runtime::Flows>("runtime_flows.schema.json"),
    Contract::written::<runtime::RuntimeStatus>("runtime_status.schema.json"),
    Contract::written::<runtime::Traffic>("runtime_traffic.schema.json"),
    Contract::written::<runtime::UnknownAddresses>("runtime_unknown.schema.json"),
    Contract::written::<tree::Tree<'static>>("tree.schema.json"),
    Contract::written::<why::Why<'static>>("why.schema.json"),
];

/// The folder of the JSON Schemas, from the root of the repository.
pub const SCHEMA_DIR: &str = "schemas/src";

/// Compares the JSON Schemas in `dir` with the types and names the files that differ, are missing, or belong
/// to no contract; with `write` it also brings them up to date.
pub fn sync_json_schemas(dir: &Path, write: bool) -> io::Result<Vec<String>> {
    let mut changed = Vec::new();
    for contract in CONTRACTS {
        let path = dir.join(contract.file);
        let want = contract.json_schema();
        let found = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            text => Some(text?),
        };
        if found.as_ref() != Some(&want) {
            changed.push(contract.file.to_owned());
            if write {
                fs::write(&path, want)?;
            }
        }
    }
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".schema.json") && CONTRACTS.iter().all(|c| c.file != name) {
            if write {
                fs::remove_file(dir.join(&name))?;
            }
            changed.push(name);
        }
    }
    changed.sort_unstable();
    Ok(changed)
}

/// Why a published file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(
        "this is {found}, and this Weir reads {expected}: use the Weir that wrote it, or a newer one"
    )]
    OtherSchema {
        found: String,
        expected: &'static str,
    },
    #[error("this is not {expected}: {source}")]
    Malformed {
        expected: &'static str,
        source: serde_json::Error,
    },
}

/// Reads a published file. Another version is refused by name; unknown keys are ignored.
pub fn read<T: Published + DeserializeOwned>(bytes: &[u8]) -> Result<T, ReadError> {
    match T::plain(bytes) {
        Some(value) => Ok(value),
        None => read_any(bytes),
    }
}

/// The same, however the file is written.
fn read_any<T: Published + DeserializeOwned>(bytes: &[u8]) -> Result<T, ReadError> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    // As a rule it is what it should be, and then it is read once. What is wrong is worked out only when something is.
    if first_schema(bytes).as_deref() == Some(T::SCHEMA)
        && let Ok(value) = serde_json::from_slice(bytes)
    {
        return Ok(value);
    }
    let malformed = |source| ReadError::Malformed {
        expected: T::SCHEMA,
        source,
    };
    let head: Head = serde_json::from_slice(bytes).map_err(malformed)?;
    if head.schema != T::SCHEMA {
        return Err(ReadError::OtherSchema {
            found: head.schema,
            expected: T::SCHEMA,
        });
    }
    serde_json::from_slice(bytes).map_err(malformed)
}

/// What the key `schema` says, read up to there: in every published file it comes first.
fn first_schema(bytes: &[u8]) -> Option<String> {
    struct UpToSchema<'s>(&'s mut Option<String>);
    impl<'de> Visitor<'de> for UpToSchema<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
            while let Some(key) = map.next_key::<String>()? {
                if key == "schema" {
                    *self.0 = Some(map.next_value()?);
                    return Err(M::Error::custom("the rest does not matter"));
                }
                map.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }
    let mut found = None;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    // The end of the walk is an error by design; what was found counts.
    let _ = reader.deserialize_map(UpToSchema(&mut found));
    found
}

/// An object whose keys are sorted, as ours are, into a map: at once, and not entry by entry. Of a key that is there
/// twice the last value counts, as in any map that is read.
pub(crate) fn in_order<'de, D, K, V>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    struct Entries<K, V>(PhantomData<(K, V)>);
    impl<'de, K: Deserialize<'de> + Ord, V: Deserialize<'de>> Visitor<'de> for Entries<K, V> {
        type Value = BTreeMap<K, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }
        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries.into_iter().collect())
        }
    }
    deserializer.deserialize_map(Entries(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contracts_are_sorted_and_name_their_version() {
        assert!(CONTRACTS.windows(2).all(|w| w[0].schema < w[1].schema));
        for contract in CONTRACTS {
            let (name, version) = contract.schema.split_once('/').expect("name/version");
            assert!(name.starts_with("weir."), "{name}");
            assert!(version.parse::<u32>().is_ok(), "{version}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_whatever_comes_first() {
        let said = |text: &str| match read::<tree::Tree<'_>>(text.as_bytes()) {
            Ok(tree) => format!("read {} circuits", tree.circuits.len()),
            Err(error) => error.to_string(),
        };
        let rest = r#""strategy": "full", "emitted": [], "buckets": {}, "omitted": {}"#;
        let circuit = r#"{"parent": "p", "max_kbps": [1, 1], "min_kbps": [1, 1], "devices": []}"#;
        let later = circuit.replace("[1, 1]", "[2, 2]");
        for (text, want) in [
            (
                format!(
                    r#"{{"schema": "weir.tree/1", {rest}, "circuits": {{"b": {circuit}, "a": {circuit}}}}}"#
                ),
                "read 2 circuits",
            ),
            (
                format!(r#"{{{rest}, "circuits": {{}}, "schema": "weir.tree/1"}}"#),
                "read 0 circuits",
            ),
            (
                format!(r#"{{"schema": "weir.tree/9", {rest}, "circuits": {{}}}}"#),
                "this is weir.tree/9, and",
            ),
            (
                format!(r#"{{"schema": "weir.tree/1", {rest}}}"#),
                "this is not weir.tree/1: missing field `circuits`",
            ),
            (
                format!(
                    r#"{{"schema": "weir.tree/1", {rest}, "circuits": {{}}, "schema": "weir.tree/1"}}"#
                ),
                "this is not weir.tree/1: duplicate field `schema`",
            ),
            (
                r#"{"schema": 7}"#.to_owned(),
                "this is not weir.tree/1: invalid type: integer `7`",
            ),
            (
                r#"{"schema": "weir.tree/1"} x"#.to_owned(),
                "this is not weir.tree/1: trailing characters",
            ),
            ("[]".to_owned(), "this is not weir.tree/1: "),
            (String::new(), "this is not weir.tree/1: EOF"),
        ] {
            let said = said(&text);
            assert!(said.starts_with(want), "{text}: {said}");
        }
        let twice = format!(
            r#"{{"schema": "weir.tree/1", {rest}, "circuits": {{"a": {circuit}, "b": {circuit}, "a": {later}}}}}"#
        );
        let tree: tree::Tree<'_> = read(twice.as_bytes()).expect("a tree");
        assert_eq!(tree.circuits["a"].max_kbps, [2, 2]);
        assert_eq!(tree.circuits.len(), 2);
    }

    #[test]
    fn json_schemas_are_those_of_the_types() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let changed = sync_json_schemas(&dir, false).expect("readable");
        assert!(
            changed.is_empty(),
            "{changed:?} differ from their types: run `cargo run -p xtask -- schemas`"
        );
    }

    /// Every object of a JSON Schema with its name: the root, and the definitions.
    fn objects(contract: &Contract) -> Vec<(String, serde_json::Value)> {
        let mut root: serde_json::Value =
            serde_json::from_str(&contract.json_schema()).expect("valid JSON");
        let definitions = root["$defs"].take();
        let definitions = definitions.as_object().into_iter().flatten();
        let mut objects = vec![(contract.schema.to_owned(), root)];
        objects.extend(definitions.map(|(name, value)| (name.clone(), value.clone())));
        objects
    }

    fn properties(
        object: &serde_json::Value,
    ) -> impl Iterator<Item = (&String, &serde_json::Value)> {
        object["properties"].as_object().into_iter().flatten()
    }

    /// People read the schema, not the Rust.
    #[test]
    fn every_key_and_every_type_is_described() {
        for contract in CONTRACTS {
            for (name, object) in objects(contract) {
                assert!(object["description"].is_string(), "{name}");
                for (key, property) in properties(&object) {
                    assert!(property["description"].is_string(), "{name}.{key}");
                }
            }
        }
    }

    #[test]
    fn the_page_about_artifacts_names_every_file_and_every_key() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/artifacts.md");
        let page = fs::read_to_string(page).expect("docs/artifacts.md");
        for file in artifact::FILES {
            assert!(page.contains(&format!("`{}`", file.name)), "{}", file.name);
            assert!(page.contains(file.schema), "{}", file.schema);
            let Some(contract) = CONTRACTS.iter().find(|c| c.schema == file.schema) else {
                continue;
            };
            for (name, object) in objects(contract) {
                for (key, _) in properties(&object) {
                    let named = [
                        format!("`{key}`"),
                        format!("`{key}."),
                        format!("`{key}[]"),
                        format!(".{key}`"),
                        format!(".{key}."),
                        format!(".{key}[]"),
                    ];
                    assert!(named.iter().any(|n| page.contains(n)), "{name}.{key}");
                }
            }
        }
    }

    #[test]
    fn another_version_is_refused_by_name_and_new_keys_are_ignored() {
        let ok = br#"{"schema":"weir.findings/1","findings":[],"new":{"a":1}}"#;
        assert!(read::<findings::Findings>(ok).is_ok());
        let newer = br#"{"schema":"weir.findings/2","findings":7}"#;
        let error = read::<findings::Findings>(newer).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "this is weir.findings/2, and this Weir reads weir.findings/1: use the Weir that wrote it, or a newer one"
        );
        assert!(matches!(
            read::<findings::Findings>(b"{"),
            Err(ReadError::Malformed { .. })
        ));
    }
}
