//! Which files of a directory are a source's export, all of them or none: pages without a gap, and nothing that says it is
//! incomplete. Knows names; what is in the files only where they say whether they are complete.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::project::{Source, SourceKind, TableFormat};
use crate::exports::collections::{Collection, collections, file, in_pieces};
use crate::exports::{Clock, ReadError, UTF8, filled, reason, utf8};
use crate::source_map::{Content, Digest, Format, Left, SourceFile};

/// A file of an export, before it is read.
pub(super) struct Found {
    collection: Collection,
    /// The collection's name, its `*` filled in.
    pub name: String,
    pub page: Option<u32>,
    pub path: PathBuf,
    shown: String,
}

/// What a source's export holds, sorted by (collection, page), and when the oldest of it was recorded.
pub(super) fn list(
    project_dir: &Path,
    source: &Source,
) -> Result<(Vec<Found>, Option<i64>), ReadError> {
    let fail = |message: String, help: String| ReadError {
        message,
        help,
        key: key(source),
    };
    let Some(written) = &source.export else {
        return Err(fail(
            format!("source `{}` has no recorded export", source.name),
            format!(
                "add `export = \"DIR\"` to this [[source]], with {} in it",
                expected(source)
            ),
        ));
    };
    let dir = project_dir.join(written);
    let entries = fs::read_dir(&dir).and_then(|entries| {
        entries
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<Vec<_>>>()
    });
    let mut names: Vec<String> = match entries {
        Ok(names) => names
            .into_iter()
            .filter_map(|name| name.into_string().ok())
            .collect(),
        Err(error) => {
            let what = match error.kind() {
                io::ErrorKind::NotFound => "does not exist".to_owned(),
                io::ErrorKind::NotADirectory => "is not a directory".to_owned(),
                _ => format!("cannot be listed: {}", reason(&error)),
            };
            return Err(fail(
                format!(
                    "the export directory of source `{}`, {written}, {what}",
                    source.name
                ),
                format!(
                    "paths are relative to the directory of weir.toml; put {} there, or correct `export`{}",
                    expected(source),
                    match source.kind {
                        SourceKind::Inventory | SourceKind::Libreqos | SourceKind::Table => "",
                        _ =>
                            "; to read the CRM itself write `url` and `key` in its place, then `weir fetch`",
                    }
                ),
            ));
        }
    };
    names.sort();
    let mut recorded = None;
    if names.iter().any(|name| name == "export.json") {
        recorded = complete(&dir.join("export.json"), source)?;
    }
    let mut found = Vec::new();
    for collection in collections(source.kind) {
        for name in stems(&names, *collection) {
            found.extend(pages(&dir, &names, *collection, &name, source)?);
        }
    }
    for (name, format) in table_files(source) {
        if !names.iter().any(|found| found == name) {
            return Err(fail(
                format!(
                    "{written}, the export directory of source `{}`, holds no {name}",
                    source.name
                ),
                "put it there, or correct `file` under [source.table]".to_owned(),
            ));
        }
        found.push(Found {
            collection: file("", format),
            name: name.to_owned(),
            page: None,
            path: dir.join(name),
            shown: shown(source, name),
        });
    }
    found.sort_by(|a, b| (&a.name, a.page).cmp(&(&b.name, b.page)));
    if found.is_empty() {
        let others: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
        return Err(fail(
            format!(
                "{written}, the export directory of source `{}`, holds no file of kind {}",
                source.name,
                source.kind.word()
            ),
            match others.as_slice() {
                [] => format!("it is empty; put {} there", expected(source)),
                others => format!(
                    "expected {}; it holds {}{}",
                    expected(source),
                    others.join(", "),
                    if names.len() > others.len() {
                        ", ..."
                    } else {
                        ""
                    }
                ),
            },
        ));
    }
    Ok((found, recorded))
}

/// The files that a source of kind `table` names, each once.
fn table_files(source: &Source) -> BTreeMap<&str, Format> {
    let Some(table) = &source.table else {
        return BTreeMap::new();
    };
    let files = std::iter::once(&table.rows).chain(table.nodes.as_ref().map(|nodes| &nodes.rows));
    files
        .map(|rows| {
            let format = match rows.format {
                TableFormat::Csv { .. } => Format::Csv,
                TableFormat::Json { .. } => Format::Json,
            };
            (rows.file.as_str(), format)
        })
        .collect()
}

/// The names that a collection goes by in a directory: its own, or one for each thing that its `*` stands for.
fn stems(names: &[String], collection: Collection) -> BTreeSet<String> {
    if !collection.name.contains('*') {
        return BTreeSet::from([collection.name.to_owned()]);
    }
    let stem = |name: &str| {
        let stem = name.strip_suffix(".json")?;
        let stem = stem.split_once(".page-").map_or(stem, |(stem, _)| stem);
        filled(collection.name, stem).map(|_| stem.to_owned())
    };
    names.iter().filter_map(|name| stem(name)).collect()
}

/// The file or the pages of one collection, which goes by `stem`.
fn pages(
    dir: &Path,
    names: &[String],
    collection: Collection,
    stem: &str,
    source: &Source,
) -> Result<Vec<Found>, ReadError> {
    let fail = |message: String, help: &str| ReadError {
        message,
        help: help.to_owned(),
        key: key(source),
    };
    let found = |name: &str, page| Found {
        collection,
        name: stem.to_owned(),
        page,
        path: dir.join(name),
        shown: shown(source, name),
    };
    let whole = names
        .iter()
        .find(|name| match collection.paged {
            true => name.strip_suffix(".json") == Some(stem),
            false => *name == stem,
        })
        .map(|name| found(name, None));
    if !collection.paged {
        return Ok(whole.into_iter().collect());
    }
    let mut pages: BTreeMap<u32, &str> = BTreeMap::new();
    for name in names {
        let number = name
            .strip_prefix(stem)
            .and_then(|rest| rest.strip_prefix(".page-"))
            .and_then(|rest| rest.strip_suffix(".json"))
            .filter(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
        let Some(number) = number else { continue };
        let Ok(page) = number.parse::<u32>() else {
            return Err(fail(
                format!("{}: the page number is too large", shown(source, name)),
                "pages count 1, 2, 3, ...",
            ));
        };
        if let Some(other) = pages.insert(page, name) {
            return Err(fail(
                format!(
                    "{} and {} are both page {page} of {stem}",
                    shown(source, other),
                    name,
                ),
                "keep one of them",
            ));
        }
    }
    if let (Some(whole), Some(page)) = (&whole, pages.values().next()) {
        return Err(fail(
            format!(
                "{} and {page} hold {} both whole and in pages",
                whole.shown, collection.name
            ),
            "keep the whole file or the pages, not both",
        ));
    }
    if pages.contains_key(&0) {
        return Err(fail(
            format!("{stem} has a page 0 in source `{}`", source.name),
            "pages count 1, 2, 3, ...",
        ));
    }
    for (expected, page) in (1..).zip(pages.keys()) {
        if expected != *page {
            return Err(fail(
                format!(
                    "page {expected} of {stem} is missing in source `{}` (page {page} is there)",
                    source.name
                ),
                "record the export again: subscribers on the missing page would be taken for cancelled ones",
            ));
        }
    }
    let pages = pages.iter().map(|(page, name)| found(name, Some(*page)));
    Ok(whole.into_iter().chain(pages).collect())
}

impl Found {
    /// `may_stay`: where it is large, and can be read in pieces, it is left on the disk.
    pub fn read(&self, source: &Source, may_stay: bool) -> Result<SourceFile, ReadError> {
        let fail = |what: String| ReadError {
            message: format!("{} of source `{}` {what}", self.shown, source.name),
            help: "nothing was built from what is left; make the file readable and run again"
                .to_owned(),
            key: key(source),
        };
        let cannot = |error: io::Error| fail(format!("cannot be read: {}", reason(&error)));
        // A pipe or a device would keep us waiting for ever.
        if !fs::metadata(&self.path).map_err(cannot)?.is_file() {
            return Err(fail("is not a regular file".to_owned()));
        }
        let left =
            match may_stay && self.collection.format == Format::Json && in_pieces(source.kind) {
                true => left(&self.path).map_err(cannot)?,
                false => None,
            };
        let (bytes, transcoded, digest) = match left {
            Some(left) => {
                let left = Arc::new(left);
                (Content::Left(left.clone()), None, Digest::of_left(left))
            }
            None => utf8(
                fs::read(&self.path).map_err(cannot)?,
                self.collection.format,
            ),
        };
        Ok(SourceFile {
            path: self.shown.clone(),
            format: self.collection.format,
            bytes,
            transcoded,
            digest,
        })
    }
}

/// A file from this size on is not kept in memory.
const LARGE: u64 = 1 << 20;

/// The file, if it is large and in UTF-8 without a mark.
fn left(path: &Path) -> io::Result<Option<Left>> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() < LARGE {
        return Ok(None);
    }
    let mut first = [0; 3];
    file.read_exact(&mut first)?;
    let marked = first == UTF8 || first.starts_with(b"\xFF\xFE") || first.starts_with(b"\xFE\xFF");
    Ok(match marked {
        true => None,
        false => Some(Left::open(file)?),
    })
}

/// `export.json` is optional, says of a fetch that was cut short that it was, and knows when it was.
fn complete(path: &Path, source: &Source) -> Result<Option<i64>, ReadError> {
    let shown = shown(source, "export.json");
    let fail = |message: String| ReadError {
        message,
        help: "record the export again, or delete export.json to use the files as they are"
            .to_owned(),
        key: key(source),
    };
    let text =
        fs::read(path).map_err(|e| fail(format!("{shown} cannot be read: {}", reason(&e))))?;
    let value = serde_json::from_slice(&text)
        .map_err(|e| fail(format!("{shown} is not valid JSON: {e}")))?;
    match incomplete(&value, "the export") {
        None => Ok(oldest(&value)),
        Some(what) => Err(fail(format!(
            "{shown} says that {what} of source `{}` is incomplete",
            source.name
        ))),
    }
}

/// The first thing marked `"complete": false`, by its collection, its file or its key.
fn incomplete(value: &serde_json::Value, name: &str) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::Object(members) => {
            let own = ["collection", "file"]
                .iter()
                .find_map(|key| members.get(*key)?.as_str());
            if members.get("complete") == Some(&Value::Bool(false)) {
                return Some(own.unwrap_or(name).to_owned());
            }
            members
                .iter()
                .find_map(|(key, member)| incomplete(member, key))
        }
        Value::Array(elements) => elements.iter().find_map(|e| incomplete(e, name)),
        _ => None,
    }
}

/// The earliest `time` anywhere in it: an export is as old as its oldest response.
fn oldest(value: &serde_json::Value) -> Option<i64> {
    use serde_json::Value;
    match value {
        Value::Object(members) => members
            .iter()
            .filter_map(|(key, member)| match member {
                Value::String(text) if key == "time" => Clock::instant(text),
                _ => oldest(member),
            })
            .min(),
        Value::Array(elements) => elements.iter().filter_map(oldest).min(),
        _ => None,
    }
}

fn key(source: &Source) -> String {
    format!("source.{}.export", source.index)
}

/// The path people see: as written where that is relative, else under the source's name.
fn shown(source: &Source, name: &str) -> String {
    let dir = match source.export.as_deref() {
        Some(dir) if Path::new(dir).is_relative() => dir,
        _ => source.name.as_str(),
    };
    let dir = dir.trim_start_matches("./").trim_end_matches('/');
    match dir {
        "" | "." => name.to_owned(),
        dir => format!("{dir}/{name}"),
    }
}

/// "devices.json, sites.json"
fn expected(source: &Source) -> String {
    let names: Vec<String> = collections(source.kind)
        .iter()
        .map(Collection::file_name)
        .chain(table_files(source).into_keys().map(str::to_owned))
        .collect();
    names.join(", ")
}
