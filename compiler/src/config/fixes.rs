//! Edits of `weir.toml` that mend findings: the text with them made. Comments, order and layout stay.

use toml_edit::{Array, DocumentMut, Item, RawString, TableLike, Value};

use crate::finding::{Edit, Fix};

/// The text with as many of these edits as fit it, and how many that are. Text that is not TOML stays as it is.
pub fn apply(text: &str, fixes: &[&Fix]) -> (String, usize) {
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return (text.to_owned(), 0);
    };
    let mut edits: Vec<&Edit> = Vec::new();
    for fix in fixes {
        if !edits.contains(&&fix.edit) {
            edits.push(&fix.edit);
        }
    }
    // Tables of a list from the last to the first, so that positions stay true.
    edits.sort_by_key(|edit| match edit {
        Edit::Table { index, .. } => std::cmp::Reverse(*index),
        _ => std::cmp::Reverse(usize::MAX),
    });
    let made = edits
        .into_iter()
        .filter(|edit| make(&mut document, edit).is_some())
        .count();
    match made {
        0 => (text.to_owned(), 0),
        made => (document.to_string(), made),
    }
}

fn make(document: &mut DocumentMut, edit: &Edit) -> Option<()> {
    match edit {
        Edit::Entry { key, old, new } => {
            let (table, key) = key.rsplit_once('.')?;
            let list = at(document, table)?.get_mut(key)?.as_array_mut()?;
            entry(list, old, new.as_deref())
        }
        Edit::Text {
            table,
            key,
            old,
            new,
        } => {
            let table = at(document, table)?;
            let value = table.get_mut(key)?.as_value_mut()?;
            if value.as_str()? != old {
                return None;
            }
            match new {
                Some(new) => replace(value, new),
                None => drop(table.remove(key)),
            }
            Some(())
        }
        Edit::Key { table, old, new } => {
            let table = at(document, table)?;
            if new.as_ref().is_some_and(|new| table.contains_key(new)) {
                return None;
            }
            let item = table.remove(old)?;
            if let Some(new) = new {
                table.insert(new, item);
            }
            Some(())
        }
        Edit::Table { list, index } => {
            let (table, key) = list.rsplit_once('.')?;
            let table = at(document, table)?;
            let item = table.get_mut(key)?;
            let left = match item {
                Item::ArrayOfTables(tables) if *index < tables.len() => {
                    tables.remove(*index);
                    tables.len()
                }
                Item::Value(Value::Array(tables)) if *index < tables.len() => {
                    tables.remove(*index);
                    tables.len()
                }
                _ => return None,
            };
            if left == 0 {
                table.remove(key);
            }
            Some(())
        }
    }
}

/// The table of a dotted key, however it is written.
fn at<'d>(document: &'d mut DocumentMut, key: &str) -> Option<&'d mut dyn TableLike> {
    let mut parts = key.split('.');
    let mut item = document.get_mut(parts.next()?)?;
    for part in parts {
        item = item.as_table_like_mut()?.get_mut(part)?;
    }
    item.as_table_like_mut()
}

fn entry(list: &mut Array, old: &str, new: Option<&str>) -> Option<()> {
    let ix = list.iter().position(|v| v.as_str() == Some(old))?;
    match new {
        // Written twice it would say the same twice.
        Some(new) if list.iter().any(|v| v.as_str() == Some(new)) => remove(list, ix),
        Some(new) => replace(list.get_mut(ix)?, new),
        None => remove(list, ix),
    }
    Some(())
}

/// What stands behind an entry up to the end of its line is kept before the next one: it goes, and what stands behind the
/// entry before stays.
fn remove(list: &mut Array, ix: usize) {
    let text =
        |raw: Option<&RawString>| raw.and_then(|r| r.as_str()).unwrap_or_default().to_owned();
    let gone = list.remove(ix);
    let before = text(gone.decor().prefix());
    let after = match list.get(ix) {
        Some(next) => text(next.decor().prefix()),
        None => text(Some(list.trailing())),
    };
    let kept = match after.find('\n') {
        Some(end) => format!(
            "{}{}",
            &before[..before.find('\n').unwrap_or(0)],
            &after[end..]
        ),
        None if ix < list.len() => before,
        None => after,
    };
    match list.get_mut(ix) {
        Some(next) => next.decor_mut().set_prefix(kept),
        None => list.set_trailing(kept),
    }
}

/// Another text with the blanks and comments of the old one.
fn replace(value: &mut Value, new: &str) {
    let decor = value.decor().clone();
    *value = Value::from(new);
    *value.decor_mut() = decor;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &str, edit: Edit) -> String {
        let fix = Fix {
            what: String::new(),
            safe: true,
            edit,
        };
        let (after, made) = apply(text, &[&fix]);
        assert_eq!(made == 1, after != text);
        after
    }

    fn entry(old: &str, new: Option<&str>) -> Edit {
        Edit::Entry {
            key: "topology.exclude",
            old: old.to_owned(),
            new: new.map(str::to_owned),
        }
    }

    #[test]
    fn entries_of_lists() {
        for (before, edit, after) in [
            (
                "[topology]\nexclude = [\"a\", \"b\"] # why\n",
                entry("a", None),
                "[topology]\nexclude = [\"b\"] # why\n",
            ),
            (
                "topology.exclude = [\n  \"a\", # first\n  \"b\", # second\n]\n",
                entry("b", Some("c")),
                "topology.exclude = [\n  \"a\", # first\n  \"c\", # second\n]\n",
            ),
            (
                "topology.exclude = [\n  \"a\", # first\n  # above\n  \"b\", # second\n]\n",
                entry("b", None),
                "topology.exclude = [\n  \"a\", # first\n]\n",
            ),
            (
                "topology.exclude = [\n  \"a\", # first\n  \"b\", # second\n]\n",
                entry("a", None),
                "topology.exclude = [\n  \"b\", # second\n]\n",
            ),
            (
                "topology.exclude = [\"a\", \"b\"]\n",
                entry("b", None),
                "topology.exclude = [\"a\"]\n",
            ),
            (
                "topology = { exclude = [\"a\"] }\n",
                entry("a", None),
                "topology = { exclude = [] }\n",
            ),
            (
                "[topology]\nexclude = [\"Hill\", \"s1\"]\n",
                entry("Hill", Some("s1")),
                "[topology]\nexclude = [\"s1\"]\n",
            ),
        ] {
            assert_eq!(made(before, edit), after);
        }
        let other = "[topology]\nexclude = [\"x\"]\n";
        assert_eq!(made(other, entry("a", None)), other);
        assert_eq!(made("not = = toml", entry("a", None)), "not = = toml");
    }

    #[test]
    fn pins_and_texts() {
        let pins = "[topology]\nroot = \"Core\" # the core\n\n[topology.pin]\n# west\na = \"b\"\n# east\n\"c.d\" = \"e\"\n";
        let key = |old: &str, new: Option<&str>| Edit::Key {
            table: "topology.pin",
            old: old.to_owned(),
            new: new.map(str::to_owned),
        };
        let text = |table, key: &str, old: &str, new: Option<&str>| Edit::Text {
            table,
            key: key.to_owned(),
            old: old.to_owned(),
            new: new.map(str::to_owned),
        };
        assert_eq!(
            made(pins, key("a", None)),
            "[topology]\nroot = \"Core\" # the core\n\n[topology.pin]\n# east\n\"c.d\" = \"e\"\n"
        );
        assert!(made(pins, key("a", Some("z.z"))).ends_with("\"c.d\" = \"e\"\n\"z.z\" = \"b\"\n"));
        assert_eq!(made(pins, key("a", Some("c.d"))), pins);
        assert!(
            made(pins, text("topology.pin", "c.d", "e", Some("f")))
                .contains("# east\n\"c.d\" = \"f\"\n")
        );
        assert!(
            made(pins, text("topology", "root", "Core", Some("n1")))
                .contains("root = \"n1\" # the core\n")
        );
        assert!(!made(pins, text("topology", "root", "Core", None)).contains("root"));
        assert_eq!(made(pins, text("topology", "root", "Other", None)), pins);
    }

    #[test]
    fn tables_of_a_list_keep_their_neighbours() {
        let text = "[lint]\nfail_on = \"error\"\n\n[[lint.suppress]]\nrule = \"a\"\n\n# keep\n[[lint.suppress]]\nrule = \"b\"\n\n[[lint.suppress]]\nrule = \"c\"\n";
        let fixes: Vec<Fix> = [0, 2]
            .map(|index| Fix {
                what: String::new(),
                safe: true,
                edit: Edit::Table {
                    list: "lint.suppress",
                    index,
                },
            })
            .into();
        let (after, made) = apply(text, &fixes.iter().collect::<Vec<_>>());
        assert_eq!(made, 2);
        assert_eq!(
            after,
            "[lint]\nfail_on = \"error\"\n\n# keep\n[[lint.suppress]]\nrule = \"b\"\n"
        );
    }
}
