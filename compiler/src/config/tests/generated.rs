//! Files that are made from the code are what the code makes of them (`UPDATE_GOLDEN=1` rewrites them), and the keys,
//! defaults and examples they show are the real ones.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{SOURCE, good, try_load};
use crate::config::init::{TEMPLATE, uncommented};
use crate::config::{
    CliOverrides, json_schema, load_str, overrides_reference, overrides_schema, reference,
};
use crate::source_map::SourceMap;

#[track_caller]
fn golden(path: &str, want: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(file.parent().expect("a file has a directory")).expect("it can be made");
        fs::write(&file, want).expect("it can be written");
    }
    let have = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        have == want,
        "{path} is not what the code makes of it: run with UPDATE_GOLDEN=1 and look at the diff"
    );
}

#[test]
fn the_published_schema_is_current() {
    let json = serde_json::to_string_pretty(&json_schema()).expect("a schema is JSON");
    golden("schemas/weir.schema.json", &(json + "\n"));
}

#[test]
fn the_published_schema_of_overrides_is_current() {
    let json = serde_json::to_string_pretty(&overrides_schema()).expect("a schema is JSON");
    golden("schemas/overrides.schema.json", &(json + "\n"));
}

/// The page is written by hand up to its tables of keys.
#[test]
fn the_tables_of_overrides_are_current() {
    const MARK: &str = "<!-- keys -->\n";
    let path = "docs/overrides.md";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let page = fs::read_to_string(file).expect("the page");
    let (by_hand, _) = page.split_once(MARK).expect("a mark above the tables");
    golden(path, &format!("{by_hand}{MARK}{}", overrides_reference()));
}

#[test]
fn the_reference_is_current() {
    golden("docs/configuration.md", &reference());
}

/// Every dotted key of a schema, `NAME` for what the user names, with its default.
fn schema_keys(schema: &Value, place: &str, out: &mut Vec<(String, Option<Value>)>) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (key, below) in properties {
        let place = format!("{place}{key}");
        assert!(below["description"].is_string(), "{place} is not explained");
        let tables = [
            (below, format!("{place}.")),
            (&below["items"], format!("{place}.")),
            (&below["additionalProperties"], format!("{place}.NAME.")),
        ];
        match tables
            .into_iter()
            .find(|(schema, _)| schema.get("properties").is_some())
        {
            // A reference to a secret is one value.
            Some((schema, place)) if schema.get("maxProperties").is_none() => {
                schema_keys(schema, &place, out);
            }
            _ => out.push((place, below.get("default").cloned())),
        }
    }
}

fn keys() -> Vec<(String, Option<Value>)> {
    let mut keys = Vec::new();
    schema_keys(&json_schema(), "", &mut keys);
    keys
}

/// Every dotted key of a file, with its value.
fn written_keys(table: &DeTable<'_>, place: &str, out: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let place = format!("{place}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(below) if ["target", "channels"].contains(&place.as_str()) => {
                for (_, each) in below {
                    if let DeValue::Table(each) = each.get_ref() {
                        written_keys(each, &format!("{place}.NAME."), out);
                    }
                }
            }
            DeValue::Table(below) if !value_is_inline(&place) => {
                written_keys(below, &format!("{place}."), out);
            }
            DeValue::Array(entries) if ["source", "lint.suppress"].contains(&place.as_str()) => {
                for entry in entries {
                    if let DeValue::Table(each) = entry.get_ref() {
                        written_keys(each, &format!("{place}."), out);
                    }
                }
            }
            _ => out.push((place, plain(value))),
        }
    }
}

fn value_is_inline(place: &str) -> bool {
    [
        "lint.levels",
        "signing.key",
        "source.key",
        "store.key",
        "store.secret",
        "source.password",
        "source.secret",
        "topology.pin",
    ]
    .contains(&place)
}

fn plain(value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref() {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(n) => n.to_string(),
        DeValue::Float(n) => n.to_string(),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Array(entries) => {
            let entries: Vec<String> = entries.iter().map(plain).collect();
            format!("[{}]", entries.join(","))
        }
        _ => "{}".to_owned(),
    }
}

#[test]
fn the_template_has_every_key_with_its_default() {
    let text = uncommented();
    let root = DeTable::parse(&text).expect("the template is TOML without its comments");
    let mut written = Vec::new();
    written_keys(root.get_ref(), "", &mut written);
    let have: BTreeSet<&str> = written.iter().map(|(key, _)| key.as_str()).collect();
    let known = keys();
    // What the columns of a file mean nobody can guess: `examples/no-crm` shows it.
    let known: Vec<_> = (known.into_iter())
        .filter(|(key, _)| !key.starts_with("source.table."))
        .collect();
    let want: BTreeSet<&str> = known.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(have, want);
    // The first of a key that is written twice: the second box is there to show other values.
    for (key, default) in &known {
        let Some(default) = default else { continue };
        let shown = written
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value.as_str());
        assert_eq!(shown, Some(default.to_string().as_str()), "{key}");
    }
}

#[test]
fn the_template_loads_as_it_is_and_with_everything_switched_on() {
    let template = try_load(TEMPLATE).expect("what `weir init` writes");
    let named = SOURCE.replace("[[source]]", "[[source]]\nname = \"crm\"");
    assert_eq!(template.digest, try_load(&named).expect("the same").digest);
    let overrides = CliOverrides {
        target: Some("edge1".to_owned()),
        ..CliOverrides::default()
    };
    let all = load_str(&uncommented(), &mut SourceMap::default(), &overrides);
    assert_eq!(all.expect("every setting at once").target.queues, 16);
}

#[test]
fn documented_defaults_are_the_ones_in_force() {
    // Says that the uplink is known, which is not the same as the default.
    let skipped = ["topology.wan_mbps"];
    for (key, default) in keys() {
        let Some(default) = default.filter(|_| !skipped.contains(&key.as_str())) else {
            continue;
        };
        // A target, when it is declared, has a name; its defaults are compared below.
        if key.starts_with("source.") || key.contains("NAME") {
            continue;
        }
        let (table, name) = key.rsplit_once('.').expect("every key is in a table");
        let table_text = format!("{SOURCE}[{table}]\n{name} = {default}\n");
        assert_eq!(
            good("").digest,
            try_load(&table_text).expect(&key).digest,
            "{key}"
        );
    }
    let declared = good("[target.a]\n");
    let spelled = good(
        "[target.a]\nqueues = 16\ncore_gbps = 3.0\n[target.a.shaper]\nmode = \"bridge\"\nqdisc = \"cake diffserv4\"\nleaf_fallback = []\n",
    );
    assert_eq!(declared.digest, spelled.digest);
}
