//! Edits of the project's files: overrides, and sources in `weir.toml`. Comments are kept, what would not load is not
//! written, and in a project that is kept in git nothing is written at all: the patch is shown.
//!
//! Secrets go into files of mode 0600 below `secrets/`, and nowhere else.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path};

use similar::TextDiff;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};
use weir_compiler::config::date::Date;
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::ir::records::SubjectKind;
use weir_compiler::report::plain;
use weir_compiler::source_map::SourceMap;
use weir_console::engine::{
    Answer, Edit, FieldKind, OverrideId, OverrideRequest, Problem, SourceEdit, SourceKind,
    StoredOverride, Written,
};

use super::sources::{SECRETS, document, kinds, name_of};
use super::{Caller, invalid, problem, repository};
use crate::cli::override_::{Wanted, prepare};
use crate::cli::override_file::OverrideFile;
use crate::cli::terminal::Priority;
use crate::cli::{Overrides, replace};

const OVERRIDES: &str = "overrides.toml";

/// A change of a file as a patch that `git apply` takes, from the root of the repository where there is one.
fn patch(dir: &Path, file: &str, old: &str, new: &str) -> String {
    let below = repository(dir).and_then(|root| {
        let full = std::path::absolute(dir).ok()?;
        let below = full.strip_prefix(root).ok()?.to_string_lossy().into_owned();
        (!below.is_empty()).then_some(below)
    });
    let path = match below {
        Some(below) => format!("{below}/{file}"),
        None => file.to_owned(),
    };
    let from = match old.is_empty() {
        true => "/dev/null".to_owned(),
        false => format!("a/{path}"),
    };
    let diff = TextDiff::from_lines(old, new);
    let mut diff = diff.unified_diff();
    diff.header(&from, &format!("b/{path}")).to_string()
}

pub fn overrides(caller: &Caller) -> Answer<Vec<StoredOverride>> {
    let config = caller.config()?;
    let each = config.overrides.entries.iter().map(|entry| StoredOverride {
        kind: entry.kind.word().to_owned(),
        id: entry.id.clone(),
        device: entry.device.clone(),
        set: (entry.changes.iter())
            .map(|change| (change.field.key().to_owned(), change.value.to_string()))
            .collect(),
        reason: entry.reason.clone(),
        owner: entry.owner.clone(),
        expires: entry.expires.map(|day| day.to_string()),
    });
    Ok(each.collect())
}

pub fn add_override(caller: &Caller, by: &str, request: &OverrideRequest) -> Answer<Edit> {
    let dir = caller.dir();
    let kind = match request.kind.as_str() {
        "circuit" => SubjectKind::Circuit,
        "node" => SubjectKind::Node,
        _ => return Err(invalid("kind", "it is a circuit or a node")),
    };
    if request.reason.trim().is_empty() {
        return Err(invalid(
            "reason",
            "say why; it is shown wherever the override is",
        ));
    }
    if request.set.is_empty() {
        return Err(invalid("set", "say what it sets"));
    }
    let expires = match &request.expires {
        None => None,
        Some(day) => {
            Some(Date::parse(day).ok_or_else(|| invalid("expires", "write a day as 2026-12-31"))?)
        }
    };
    let set: Vec<String> = request
        .set
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let wanted = Wanted {
        kind,
        id: &request.id,
        device: request.device.as_deref(),
        set: &set,
        reason: request.reason.trim(),
        owner: request.owner.as_deref(),
        expires,
    };
    let terminal = &caller.scheduler.context.terminal;
    let (file, changes) =
        prepare(dir, &wanted, &Overrides::default(), terminal).map_err(|stop| problem(&stop))?;
    let written = match repository(dir) {
        Some(_) => Written::InGit,
        None => {
            file.write().map_err(|stop| problem(&stop))?;
            let said = format!(
                "{by} added an override of {} {}",
                request.kind,
                plain(&request.id)
            );
            terminal.log(Priority::Notice, &said);
            Written::Yes
        }
    };
    let mut notes: Vec<String> = changes
        .iter()
        .map(|change| format!("{}: {} -> {}", change.field, change.from, change.to))
        .collect();
    notes.push(next(written));
    caller.changed();
    Ok(Edit {
        file: OVERRIDES.to_owned(),
        written,
        patch: patch(dir, OVERRIDES, file.before(), &file.text()),
        notes,
    })
}

pub fn remove_override(caller: &Caller, by: &str, which: &OverrideId) -> Answer<Edit> {
    let dir = caller.dir();
    let kind = match which.kind.as_str() {
        "circuit" => SubjectKind::Circuit,
        "node" => SubjectKind::Node,
        "link" => SubjectKind::Link,
        _ => return Err(invalid("kind", "it is a circuit, a node or a link")),
    };
    let mut file = OverrideFile::read(dir).map_err(|stop| problem(&stop))?;
    if file.remove(kind, &which.id, Some(which.device.as_deref()), None) == 0 {
        return Err(Problem::NotFound {
            message: format!(
                "overrides.toml holds no such override of {} {}",
                which.kind,
                plain(&which.id)
            ),
        });
    }
    let written = match repository(dir) {
        Some(_) => Written::InGit,
        None => {
            file.write().map_err(|stop| problem(&stop))?;
            let said = format!(
                "{by} took out the override of {} {}",
                which.kind,
                plain(&which.id)
            );
            let terminal = &caller.scheduler.context.terminal;
            terminal.log(Priority::Notice, &said);
            Written::Yes
        }
    };
    caller.changed();
    Ok(Edit {
        file: OVERRIDES.to_owned(),
        written,
        patch: patch(dir, OVERRIDES, file.before(), &file.text()),
        notes: vec![next_without(written)],
    })
}

fn next_without(written: Written) -> String {
    match written {
        Written::Yes => "the next run builds without it",
        Written::InGit => "the project is kept in git: apply the patch there, and commit it",
    }
    .to_owned()
}

fn next(written: Written) -> String {
    match written {
        Written::Yes => "the next run builds with it",
        Written::InGit => "the project is kept in git: apply the patch there, and commit it",
    }
    .to_owned()
}

/// A name that a source may have, and a file with it.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

pub fn edit_source(caller: &Caller, by: &str, edit: &SourceEdit) -> Answer<Edit> {
    let dir = caller.dir();
    let kinds = kinds();
    let kind = kinds.iter().find(|kind| kind.kind == edit.kind);
    let kind = kind.ok_or_else(|| invalid("kind", "there is no such kind of source"))?;
    known_keys(kind, edit)?;
    let (before, mut document) = document(dir)?;
    let name = match &edit.name {
        Some(name) => name.clone(),
        None if is_name(&edit.new_name) => edit.new_name.clone(),
        None => {
            return Err(invalid(
                "new_name",
                "a name has letters, digits, `-`, `_` and `.`",
            ));
        }
    };
    let table = table(&mut document, edit, &name)?;
    same_server(table, edit)?;
    let mut files = Vec::new();
    for (key, secret) in &edit.secrets {
        let path = place(table, key, &name);
        let mut reference = InlineTable::new();
        reference.insert("file", Value::from(path.as_str()));
        set(table, key, Value::InlineTable(reference));
        files.push((path, secret));
    }
    for (key, text) in &edit.settings {
        let field = kind.fields.iter().find(|field| field.key == *key);
        let text = text.trim();
        if text.is_empty() {
            table.remove(key);
            continue;
        }
        let wrong = |what: &str| invalid(key, what);
        let written = match field.map(|field| &field.kind) {
            Some(FieldKind::Number) => {
                let number = text.parse::<i64>().ok().filter(|n| *n >= 0);
                Value::from(number.ok_or_else(|| wrong("write a whole number"))?)
            }
            Some(FieldKind::Switch) => match text {
                "true" => Value::from(true),
                "false" => Value::from(false),
                _ => return Err(wrong("write true or false")),
            },
            _ => Value::from(text),
        };
        set(table, key, written);
    }
    let missing = kind
        .fields
        .iter()
        .find(|field| field.required && !table.contains_key(&field.key));
    if let Some(missing) = missing {
        return Err(invalid(
            &missing.key,
            format!("{} is needed", missing.label),
        ));
    }
    let after = document.to_string();
    // What the next run would refuse is not written.
    let mut map = SourceMap::default();
    config::load_str(&after, &mut map, &CliOverrides::default())
        .map_err(|error| invalid("", format!("{}: {}", error.message, error.help)))?;
    let mut notes = Vec::new();
    for (path, secret) in &files {
        keep_secret(dir, path, secret.expose()).map_err(|error| Problem::Failed {
            message: format!("the secret could not be written to {path}: {error}"),
            help: "make the directory writable for the user that this runs as".to_owned(),
        })?;
        notes.push(format!(
            "the secret is in {path}, which only its owner can read"
        ));
    }
    let written = match repository(dir) {
        Some(_) => Written::InGit,
        None => {
            replace::together(dir, &[(config::FILE_NAME, after.as_bytes())]).map_err(|error| {
                Problem::Failed {
                    message: format!("{} could not be written: {error}", config::FILE_NAME),
                    help: "make it writable for the user that this runs as".to_owned(),
                }
            })?;
            Written::Yes
        }
    };
    let terminal = &caller.scheduler.context.terminal;
    terminal.log(
        Priority::Notice,
        &format!("{by} edited source {}", plain(&name)),
    );
    notes.push(next(written));
    caller.changed();
    Ok(Edit {
        file: config::FILE_NAME.to_owned(),
        written,
        patch: patch(dir, config::FILE_NAME, &before, &after),
        notes,
    })
}

/// Only what the form of the kind has, each where it belongs.
fn known_keys(kind: &SourceKind, edit: &SourceEdit) -> Answer<()> {
    let is_secret = |key: &str| {
        let field = kind.fields.iter().find(|field| field.key == key);
        field.map(|field| field.kind == FieldKind::Secret)
    };
    for key in edit.settings.keys() {
        if is_secret(key) != Some(false) {
            return Err(invalid(key, format!("{} has no such setting", kind.title)));
        }
    }
    for (key, secret) in &edit.secrets {
        if is_secret(key) != Some(true) {
            return Err(invalid(key, format!("{} has no such secret", kind.title)));
        }
        let text = secret.expose().trim();
        if text.is_empty() || text.len() > 4096 || text.contains(char::is_control) {
            return Err(invalid(key, "a secret is one line"));
        }
    }
    Ok(())
}

/// The table that is edited: the one with this name, or a new one at the end.
fn table<'d>(
    document: &'d mut DocumentMut,
    edit: &SourceEdit,
    name: &str,
) -> Answer<&'d mut Table> {
    let list = document
        .entry("source")
        .or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let list = list.as_array_of_tables_mut().ok_or_else(|| {
        invalid(
            "",
            "sources are written as [[source]]; this file has them otherwise",
        )
    })?;
    let at = list.iter().position(|table| name_of(table) == name);
    match (&edit.name, at) {
        (Some(_), None) => Err(Problem::NotFound {
            message: format!("there is no source {}", plain(name)),
        }),
        (None, Some(_)) => Err(invalid(
            "new_name",
            "there is a source of this name already",
        )),
        (Some(_), Some(at)) => {
            let table = list
                .get_mut(at)
                .ok_or_else(|| Problem::failed("the source is gone"))?;
            if table.get("kind").and_then(Item::as_str) != Some(edit.kind.as_str()) {
                return Err(invalid(
                    "kind",
                    "the kind of a source stays: add another one, and disable this",
                ));
            }
            Ok(table)
        }
        (None, None) => {
            let mut table = Table::new();
            table["name"] = value(name);
            table["kind"] = value(edit.kind.as_str());
            table.decor_mut().set_prefix("\n");
            list.push(table);
            let last = list.len() - 1;
            list.get_mut(last)
                .ok_or_else(|| Problem::failed("the source is gone"))
        }
    }
}

/// Puts a value in, and leaves the comment behind the old one where it is.
fn set(table: &mut Table, key: &str, mut written: Value) {
    match table.get_mut(key) {
        Some(Item::Value(old)) => {
            *written.decor_mut() = old.decor().clone();
            *old = written;
        }
        _ => table[key] = Item::Value(written),
    }
}

/// A secret goes to the server that it was given for: who changes the address enters the secrets again.
fn same_server(table: &Table, edit: &SourceEdit) -> Answer<()> {
    let moves = ["url", "token_url"].into_iter().any(|key| {
        let is = table.get(key).and_then(Item::as_str).map(str::trim);
        let wanted = edit.settings.get(key).map(|text| text.trim());
        is.is_some() && wanted.is_some_and(|wanted| !wanted.is_empty() && Some(wanted) != is)
    });
    let kept = SECRETS
        .into_iter()
        .find(|key| table.contains_key(key) && !edit.secrets.contains_key(*key));
    match (moves, kept) {
        (true, Some(key)) => Err(invalid(
            key,
            "the address is another one: enter the secret again, so that it is not sent where it does not belong",
        )),
        _ => Ok(()),
    }
}

/// The file of a secret: the one it is in where that is ours, else one named by source and key.
fn place(table: &Table, key: &str, name: &str) -> String {
    let now = table
        .get(key)
        .and_then(Item::as_table_like)
        .and_then(|reference| reference.get("file"))
        .and_then(Item::as_str);
    let is_ours = |path: &&str| {
        let parts: Vec<Component<'_>> = Path::new(path).components().collect();
        matches!(parts.as_slice(), [Component::Normal(dir), Component::Normal(_)] if *dir == "secrets")
    };
    match now.filter(is_ours) {
        Some(path) => path.to_owned(),
        None => format!("secrets/{name}-{key}"),
    }
}

/// Writes a secret, whole, readable by its owner only from the first byte on. Git does not see the directory.
fn keep_secret(dir: &Path, path: &str, secret: &str) -> io::Result<()> {
    let full = dir.join(path);
    let parent = full.parent().unwrap_or(dir);
    if !parent.is_dir() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
    }
    let ignore = parent.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n")?;
    }
    let partial = parent.join(format!(".{}.partial", std::process::id()));
    let _ = fs::remove_file(&partial);
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)
        .and_then(|mut file| {
            file.write_all(secret.trim().as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()
        });
    written
        .and_then(|()| fs::rename(&partial, &full))
        .inspect_err(|_| {
            // It holds a secret, and is of no use to anybody.
            let _ = fs::remove_file(&partial);
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_is_private_and_git_does_not_see_it() {
        let dir = tempfile::tempdir().unwrap();
        keep_secret(dir.path(), "secrets/crm-key", "hunter2\n").unwrap();
        let path = dir.path().join("secrets/crm-key");
        assert_eq!(fs::read(&path).unwrap(), b"hunter2\n");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::read(dir.path().join("secrets/.gitignore")).unwrap(),
            b"*\n"
        );
        assert_eq!(fs::read_dir(dir.path().join("secrets")).unwrap().count(), 2);
    }

    #[test]
    fn only_files_of_ours_are_written_again() {
        let table = |path: &str| {
            let text = format!("key = {{ file = \"{path}\" }}\n");
            text.parse::<DocumentMut>().unwrap().as_table().clone()
        };
        for (now, want) in [
            ("secrets/own", "secrets/own"),
            ("/etc/shadow", "secrets/crm-key"),
            ("secrets/../../x", "secrets/crm-key"),
            ("elsewhere/x", "secrets/crm-key"),
            ("secrets/a/b", "secrets/crm-key"),
        ] {
            assert_eq!(place(&table(now), "key", "crm"), want, "{now}");
        }
    }

    #[test]
    fn comments_stay_where_they_are() {
        let text = "# head\n[[source]] # the CRM\nname = \"crm\"\nurl = \"https://old\" # moved in May\n# tail\n";
        let mut document: DocumentMut = text.parse().unwrap();
        let list = document["source"].as_array_of_tables_mut().unwrap();
        set(list.get_mut(0).unwrap(), "url", Value::from("https://new"));
        assert_eq!(
            document.to_string(),
            text.replace("https://old", "https://new")
        );
    }
}
