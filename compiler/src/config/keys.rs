//! Which keys of a parsed `weir.toml` have no meaning.
//!
//! serde would stop at the first unknown key and knows only the table it is in. This walk reports all of them, and
//! knows the keys of every table, because it reads the published schema.

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::error::Problem;
use crate::config::suggest::nearest;
use crate::config::value::Span;

/// What a schema allows at a place.
#[derive(Clone, Copy)]
enum Shape<'s> {
    /// These keys.
    Table(&'s serde_json::Map<String, Value>),
    /// Any key, each with this schema.
    Map(&'s Value),
    /// A list of tables.
    List(&'s Value),
    /// No keys of its own.
    Leaf,
}

fn shape(schema: &Value) -> Shape<'_> {
    if let Some(Value::Object(properties)) = schema.get("properties") {
        return Shape::Table(properties);
    }
    if let Some(each @ Value::Object(_)) = schema.get("additionalProperties") {
        return Shape::Map(each);
    }
    match schema.get("items") {
        Some(each) if each.get("properties").is_some() => Shape::List(each),
        _ => Shape::Leaf,
    }
}

/// Adds a problem for every key that `schema` does not know.
pub(super) fn unknown(root: &DeTable<'_>, schema: &Value, problems: &mut Vec<Problem>) {
    let mut walk = Walk { schema, problems };
    walk.table(root, schema, "");
}

struct Walk<'s, 'p> {
    schema: &'s Value,
    problems: &'p mut Vec<Problem>,
}

impl Walk<'_, '_> {
    /// `place` is the header of the table without brackets; empty at the top.
    fn table(&mut self, table: &DeTable<'_>, schema: &Value, place: &str) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let below = join(place, key.get_ref());
            match shape(schema) {
                Shape::Table(keys) => match keys.get(key.get_ref().as_ref()) {
                    Some(schema) => self.value(value, schema, &below, key.span()),
                    None => self.stranger(key.get_ref(), key.span(), value, keys, place),
                },
                Shape::Map(each) if has_keys(each) && !is_table(value) => {
                    self.add(
                        format!("`[{place}]` needs a name"),
                        format!("write [{place}.NAME] above its keys"),
                        key.span(),
                    );
                    return;
                }
                Shape::Map(each) => self.value(value, each, &below, key.span()),
                Shape::List(_) | Shape::Leaf => {}
            }
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, schema: &Value, place: &str, key: Span) {
        match (shape(schema), value.get_ref()) {
            (Shape::Table(_) | Shape::Map(_), DeValue::Table(table)) => {
                self.table(table, schema, place);
            }
            (Shape::Table(_), DeValue::Array(entries)) if entries.iter().any(is_table) => {
                self.add(
                    format!("`[[{place}]]` is a single table"),
                    format!("write [{place}], once, in single brackets"),
                    key,
                );
            }
            (Shape::List(each), DeValue::Array(entries)) => {
                for entry in entries {
                    if let DeValue::Table(table) = entry.get_ref() {
                        self.table(table, each, place);
                    }
                }
            }
            (Shape::List(_), DeValue::Table(_)) => self.add(
                format!("`[{place}]` needs double brackets"),
                format!("write [[{place}]]: there may be several"),
                key,
            ),
            _ => {}
        }
    }

    fn stranger(
        &mut self,
        key: &str,
        span: Span,
        value: &Spanned<DeValue<'_>>,
        keys: &serde_json::Map<String, Value>,
        place: &str,
    ) {
        let what = match (place, value.get_ref()) {
            ("", DeValue::Table(_)) => format!("unknown table `[{key}]`"),
            ("", DeValue::Array(entries)) if entries.iter().any(is_table) => {
                format!("unknown table `[[{key}]]`")
            }
            ("", _) => format!("unknown key `{key}` before the first table"),
            (place, _) => format!("unknown key `{}`", join(place, key)),
        };
        let mut homes = Vec::new();
        find(self.schema, key, "", &mut homes);
        let hint = if homes.is_empty() {
            nearest(key, keys.keys().map(String::as_str))
                .map(|near| format!("did you mean `{near}`? "))
                .unwrap_or_default()
        } else {
            format!("`{key}` belongs in {}; ", homes.join(" or "))
        };
        let here = if place.is_empty() {
            "the tables are"
        } else {
            "the keys here are"
        };
        let list: Vec<&str> = keys.keys().map(String::as_str).collect();
        self.add(what, format!("{hint}{here} {}", list.join(", ")), span);
    }

    fn add(&mut self, message: String, help: String, span: Span) {
        self.problems.push(Problem {
            message,
            help,
            span: Some(span),
        });
    }
}

/// The tables of `schema` that have a key `key` which is no table.
fn find(schema: &Value, key: &str, place: &str, homes: &mut Vec<String>) {
    let Shape::Table(keys) = shape(schema) else {
        return;
    };
    for (name, below) in keys {
        let (schema, header) = match shape(below) {
            Shape::Leaf => (below, String::new()),
            // A table of the last entry of a list.
            Shape::Table(_) => (below, join(place.trim_matches(['[', ']']), name)),
            Shape::Map(each) => (each, format!("{}.NAME", join(place, name))),
            Shape::List(each) => (each, format!("[{}]", join(place, name))),
        };
        if let Shape::Table(keys) = shape(schema) {
            let known = keys.get(key).map(shape);
            if matches!(known, Some(Shape::Leaf)) {
                homes.push(format!("[{header}]"));
            }
            find(schema, key, &header, homes);
        }
    }
}

fn has_keys(schema: &Value) -> bool {
    matches!(shape(schema), Shape::Table(_))
}

fn is_table(value: &Spanned<DeValue<'_>>) -> bool {
    matches!(value.get_ref(), DeValue::Table(_))
}

fn join(place: &str, key: &str) -> String {
    if place.is_empty() {
        key.to_owned()
    } else {
        format!("{place}.{key}")
    }
}

/// The dotted key whose value holds `span`: `topology.max_depth`. Empty when none does.
pub(super) fn key_at(root: &DeTable<'_>, span: &Span) -> String {
    let mut path = String::new();
    let mut table = root;
    'deeper: loop {
        for (key, value) in table {
            let inside =
                |v: &Spanned<DeValue<'_>>| v.span().start <= span.start && span.end <= v.span().end;
            let found = match value.get_ref() {
                DeValue::Table(below) if holds(below, span) => Some(Some(below)),
                DeValue::Array(entries) => {
                    let below = entries.iter().find_map(|entry| match entry.get_ref() {
                        DeValue::Table(below) if holds(below, span) => Some(below),
                        _ => None,
                    });
                    (below.is_some() || inside(value)).then_some(below)
                }
                _ => inside(value).then_some(None),
            };
            match found {
                Some(Some(below)) => {
                    path = join(&path, key.get_ref());
                    table = below;
                    continue 'deeper;
                }
                Some(None) => return join(&path, key.get_ref()),
                None => {}
            }
        }
        return path;
    }
}

/// Some value inside `table`, however deep, holds `span`. Tables are spread over a file, so their own span does not say.
fn holds(table: &DeTable<'_>, span: &Span) -> bool {
    table.iter().any(|(_, value)| match value.get_ref() {
        DeValue::Table(below) => holds(below, span),
        DeValue::Array(entries) => {
            (value.span().start <= span.start && span.end <= value.span().end)
                || entries.iter().any(
                    |entry| matches!(entry.get_ref(), DeValue::Table(below) if holds(below, span)),
                )
        }
        _ => value.span().start <= span.start && span.end <= value.span().end,
    })
}
