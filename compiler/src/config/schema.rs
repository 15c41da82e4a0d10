//! What `weir.toml` may hold, for editors and people: the JSON Schema and the reference page, both from the types of
//! `file` and their comments.

use std::fmt::Write as _;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::file::File;
use crate::config::{init, overrides_file};

/// The JSON Schema of `weir.toml`, checked in as `schemas/weir.schema.json`. Draft 7, which the TOML editors know, and
/// without references, so that the whole of a table stands in one place.
pub fn json_schema() -> Value {
    SCHEMA.clone()
}

/// The schema, made once: every load of a configuration looks keys up in it.
pub(super) static SCHEMA: LazyLock<Value> = LazyLock::new(made::<File>);

/// The same of `overrides.toml`.
pub(super) static OVERRIDES: LazyLock<Value> = LazyLock::new(made::<overrides_file::File>);

/// The JSON Schema of `overrides.toml`, checked in as `schemas/overrides.schema.json`.
pub fn overrides_schema() -> Value {
    OVERRIDES.clone()
}

fn made<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|s| s.inline_subschemas = true);
    let mut generator = settings
        .with_transform(RecursiveTransform(tidy))
        .into_generator();
    let mut schema = T::json_schema(&mut generator);
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    schema.insert(
        "$schema".to_owned(),
        Value::from("http://json-schema.org/draft-07/schema#"),
    );
    schema.to_value()
}

/// TOML has no null: what is optional is left out. Number formats, which say how we store it, and the line ends of our
/// comments go too.
fn tidy(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::String(text)) = object.get_mut("description") {
        *text = text.replace('\n', " ");
    }
    object.remove("format");
    let is_null = |v: &Value| v.is_null() || v == "null" || v["type"] == "null";
    for key in ["type", "enum", "anyOf"] {
        let Some(Value::Array(choices)) = object.get_mut(key) else {
            continue;
        };
        choices.retain(|choice| !is_null(choice));
        if key != "enum" && choices.len() == 1 {
            let only = choices.remove(0);
            object.remove(key);
            match only {
                Value::Object(inner) => object.extend(inner),
                word => drop(object.insert(key.to_owned(), word)),
            }
        }
    }
}

/// `docs/configuration.md`: every key, in the order of the file that `weir init` writes.
pub fn reference() -> String {
    let template = init::uncommented();
    let root = DeTable::parse(&template).expect("the template is TOML");
    let mut entries = Vec::new();
    let top = Section {
        header: String::new(),
        about: &SCHEMA,
        keys: &SCHEMA,
    };
    top.entries(root.get_ref(), &mut entries);
    entries.sort_by_key(|entry| entry.start);
    let mut page = String::from(PREFACE);
    let mut done: Vec<&str> = Vec::new();
    for Entry { section, .. } in &entries {
        if done.contains(&section.header.as_str()) {
            continue;
        }
        done.push(&section.header);
        let about = text(section.about, "description");
        let _ = write!(page, "\n## `[{}]`\n\n{about}\n\n", section.header);
        page.push_str("| key | value | default | meaning |\n|---|---|---|---|\n");
        let mut rows: Vec<&str> = Vec::new();
        for entry in entries
            .iter()
            .filter(|e| e.section.header == section.header)
        {
            if !rows.contains(&entry.key.as_str()) {
                rows.push(&entry.key);
                let _ = writeln!(
                    page,
                    "{}",
                    row(&entry.key, &section.keys["properties"][&entry.key])
                );
            }
        }
    }
    mappings(&mut page);
    page
}

/// The tables that the template does not show, because their values are the columns of somebody's file.
fn mappings(page: &mut String) {
    let table = &SCHEMA["properties"]["source"]["items"]["properties"]["table"];
    let nodes = &table["properties"]["nodes"];
    for (header, schema) in [("source.table", table), ("source.table.nodes", nodes)] {
        let about = text(schema, "description");
        let _ = write!(page, "\n## `[{header}]`\n\n{about}\n\n");
        page.push_str("| key | value | default | meaning |\n|---|---|---|---|\n");
        for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
            if !has_keys(schema) {
                let _ = writeln!(page, "{}", row(key, schema));
            }
        }
    }
}

const PREFACE: &str = "\
<!-- Made from the comments in compiler/src/config/file/: UPDATE_GOLDEN=1 cargo test -p weir-compiler config -->

# `weir.toml`

A project is a directory with a `weir.toml`. One `[[source]]` is all it needs; every other key has a default.
`weir init` writes a file with every key in it, commented out. An unknown key is an error that names the nearest
known one.

- Rates and capacities are Mbit/s, integers or decimals, rounded to the nearest kbit/s. `[download, upload]` is as the
  subscriber sees it: download goes to the subscriber.
- Factors (`rates.overhead`, `multiplier`, `commit`) have at most three decimals. No number is ever kept as floating
  point: 1.1 is 1100 thousandths.
- Times are a number and a unit, `s`, `m`, `h`, `d` or `w`: `\"90m\"`, `\"1h30m\"`. Memory likewise: `\"32GiB\"`.
- Nodes are named by id. A name will do where only one node has it, and a finding says which id was meant.
- Paths are relative to the directory of `weir.toml`.
- A secret is never written here: it is a reference, `{ env = \"NAME\" }`, `{ file = \"PATH\" }` or
  `{ credential = \"NAME\" }`.

Editors complete and check the file with `schemas/weir.schema.json`; the first line that `weir init` writes points there.

A directory without `weir.toml` that holds `network.json` and `ShapedDevices.csv` is read as a LibreQoS directory: one
`libreqos` source, `strategy = \"full\"`, and what an `lqos.conf` beside them says about the uplink, queues and addresses.

Kinds of source that this build reads: `inventory`, `libreqos` and `table` from files (`export = \"DIR\"`); `mikrotik`, `netzur`,
`powercode`, `sonar`, `splynx`, `uisp`, `visp` and `wispgate` also over the network (`url`).
";

/// A table of `weir.toml`.
#[derive(Clone)]
struct Section {
    /// Without the outer brackets: `topology`, `[source]`, `target.NAME.shaper`.
    header: String,
    /// The schema whose description says what the table is for.
    about: &'static Value,
    /// The schema that has its keys.
    keys: &'static Value,
}

/// The keys of `overrides.toml`, for `docs/overrides.md`: a table a kind.
pub fn overrides_reference() -> String {
    let mut page = String::new();
    for kind in ["circuit", "node", "link"] {
        let entry = &OVERRIDES["properties"][kind]["items"];
        let _ = write!(
            page,
            "\n### `[[{kind}]]`\n\n| key | value | meaning |\n|---|---|---|\n"
        );
        for (key, schema) in entry["properties"].as_object().into_iter().flatten() {
            let value = match key.as_str() {
                "was" => "table".to_owned(),
                "expires" => "day".to_owned(),
                _ => kind_of(schema),
            };
            let _ = writeln!(
                page,
                "| `{key}` | {value} | {} |",
                text(schema, "description")
            );
        }
    }
    page
}

struct Entry {
    start: usize,
    section: Section,
    key: String,
}

impl Section {
    /// Every key in `table` that holds a value, and of the tables below.
    fn entries(&self, table: &DeTable<'_>, out: &mut Vec<Entry>) {
        for (key, value) in table {
            let Some(schema) = self.keys["properties"].get(key.get_ref().as_ref()) else {
                continue;
            };
            let header = match self.header.as_str() {
                "" => key.get_ref().to_string(),
                above => format!("{above}.{}", key.get_ref()),
            };
            let below = |header, keys| Section {
                header,
                about: schema,
                keys,
            };
            match value.get_ref() {
                DeValue::Table(table) if has_keys(schema) && !is_reference(schema) => {
                    below(header, schema).entries(table, out);
                }
                DeValue::Table(named) if has_keys(&schema["additionalProperties"]) => {
                    let section = below(format!("{header}.NAME"), &schema["additionalProperties"]);
                    tables(named.values()).for_each(|table| section.entries(table, out));
                }
                DeValue::Array(list) if has_keys(&schema["items"]) => {
                    let mut section = below(format!("[{header}]"), &schema["items"]);
                    section.about = section.keys;
                    tables(list).for_each(|table| section.entries(table, out));
                }
                _ => out.push(Entry {
                    start: key.span().start,
                    section: self.clone(),
                    key: key.get_ref().to_string(),
                }),
            }
        }
    }
}

fn tables<'a, 'i: 'a>(
    values: impl IntoIterator<Item = &'a Spanned<DeValue<'i>>>,
) -> impl Iterator<Item = &'a DeTable<'i>> {
    values
        .into_iter()
        .filter_map(|value| match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => None,
        })
}

fn has_keys(schema: &Value) -> bool {
    schema.get("properties").is_some()
}

/// A table written in one line: a reference to a secret.
fn is_reference(schema: &Value) -> bool {
    schema.get("maxProperties").is_some()
}

fn row(name: &str, schema: &Value) -> String {
    let default = match schema.get("default") {
        Some(Value::Number(n)) => format!("`{n}`"),
        Some(other) => format!("`{}`", toml_text(other)),
        None => String::new(),
    };
    format!(
        "| `{name}` | {} | {default} | {} |",
        kind_of(schema),
        text(schema, "description")
    )
}

fn toml_text(value: &Value) -> String {
    match value {
        Value::Array(entries) => {
            let entries: Vec<String> = entries.iter().map(toml_text).collect();
            format!("[{}]", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// What a person writes there.
fn kind_of(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
        return words.join(", ");
    }
    if is_reference(schema) {
        return "reference to a secret".to_owned();
    }
    if schema.get("anyOf").is_some() {
        return "text or list of texts".to_owned();
    }
    if schema.get("oneOf").is_some() {
        return "number or `[number, number]`".to_owned();
    }
    match schema["type"].as_str() {
        Some("string") => "text",
        Some("boolean") => "`true`, `false`",
        Some("integer") => "whole number",
        Some("number") => "number",
        Some("array") => "list of texts",
        Some("object") => match schema["additionalProperties"].get("enum") {
            Some(_) => "table of words",
            None => "table of texts",
        },
        _ => "value",
    }
    .to_owned()
}

fn text<'s>(schema: &'s Value, key: &str) -> &'s str {
    schema[key].as_str().unwrap_or_default()
}
