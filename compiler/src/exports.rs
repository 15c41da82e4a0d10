//! `ExportSet`: the recorded bytes of every source, complete or not there at all. Reading them is one shore of
//! the compiler (the other is writing the artifact); between the two nothing touches the disk.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use weir_store::sha256;

use crate::config::lone::Lone;
use crate::config::project::{Source, SourceKind, TableFormat};
use crate::encoding;
use crate::id::FileId;
use crate::source_map::{Format, SourceFile, SourceMap};

/// One source's recorded responses.
#[derive(Clone, Debug)]
pub struct Export {
    /// Index into `Project::sources`.
    pub source: usize,
    /// Sorted by (collection, page).
    pub files: Vec<ExportFile>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ExportFile {
    /// `devices` of `devices.json` and of `devices.page-2.json`; the whole file name for `libreqos`.
    pub collection: String,
    pub page: Option<u32>,
    pub file: FileId,
}

#[derive(Clone, Default, Debug)]
pub struct ExportSet {
    /// In order of precedence.
    pub exports: Vec<Export>,
    /// The file that `topology.peaks` names.
    pub peaks: Option<FileId>,
    pub clock: Clock,
}

/// What is known of time: instants in seconds since 1970, UTC, given from outside. The compiler has no clock.
#[derive(Clone, Default, Debug)]
pub struct Clock {
    /// When "now" is (`--as-of`). `None`: nothing is judged by its age.
    pub as_of: Option<i64>,
    /// By position in `ExportSet::exports`: when the oldest response of a source was recorded, where its
    /// `export.json` says so; of a source that is read over the network, when it was read for the last time.
    pub recorded: Vec<Option<i64>>,
}

impl Clock {
    /// Seconds since 1970 of `2026-03-01T12:00:00Z`, or of the first second of a day, `2026-03-01`.
    pub fn instant(text: &str) -> Option<i64> {
        let text = text.trim();
        let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
            let day = text.parse::<jiff::civil::Date>().ok()?;
            format!("{day}T00:00:00Z").parse().ok()
        })?;
        Some(instant.as_second())
    }

    /// The instant as people write it.
    pub fn text(seconds: i64) -> String {
        jiff::Timestamp::from_second(seconds)
            .map_or_else(|_| seconds.to_string(), |instant| instant.to_string())
    }
}

impl Export {
    /// Files of a collection, in page order.
    pub fn collection<'a>(&'a self, name: &'a str) -> impl Iterator<Item = FileId> + 'a {
        self.files
            .iter()
            .filter(move |f| f.collection == name)
            .map(|f| f.file)
    }

    /// Files of a collection that is there once for each of many things, such as `customer-*-services`: what stands
    /// in place of the `*`, and the file.
    pub fn each<'a>(&'a self, pattern: &'a str) -> impl Iterator<Item = (&'a str, FileId)> + 'a {
        self.files
            .iter()
            .filter_map(move |f| Some((filled(pattern, &f.collection)?, f.file)))
    }
}

/// What stands in a name where the pattern has its `*`.
fn filled<'a>(pattern: &str, name: &'a str) -> Option<&'a str> {
    let (before, after) = pattern.split_once('*')?;
    let inner = name.strip_prefix(before)?.strip_suffix(after)?;
    (!inner.is_empty()).then_some(inner)
}

impl ExportSet {
    /// Names the recorded bytes of all sources together: lower-case hex.
    pub fn digest(&self, files: &SourceMap) -> String {
        let mut text = String::new();
        for export in &self.exports {
            for file in &export.files {
                let page = file.page.unwrap_or(0);
                text.push_str(&format!("{}\n{}\n{page}\n", export.source, file.collection));
                text.push_str(&files.file(file.file).digest);
            }
        }
        sha256(text.as_bytes())
    }
}

/// What the export of a source kind may hold.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    pub name: &'static str,
    pub format: Format,
    /// `true`: `<name>.json`, or `<name>.page-1.json` and so on. `false`: the name is the file's. A `*` in the name of
    /// the first kind stands for the id of what the collection is about.
    pub paged: bool,
}

const fn responses(name: &'static str) -> Collection {
    Collection {
        name,
        format: Format::Json,
        paged: true,
    }
}

const fn file(name: &'static str, format: Format) -> Collection {
    Collection {
        name,
        format,
        paged: false,
    }
}

/// The one table of what is read, sorted by name within a kind. Other files in an export directory are ignored.
pub fn collections(kind: SourceKind) -> &'static [Collection] {
    const INVENTORY: &[Collection] = &[responses("inventory")];
    const LIBREQOS: &[Collection] = &[
        file("ShapedDevices.csv", Format::Csv),
        file("lqos.conf", Format::Toml),
        file("lqos_overrides.json", Format::Json),
        file("network.json", Format::Json),
    ];
    const MIKROTIK: &[Collection] = &[
        responses("arp"),
        responses("bindings"),
        responses("leases"),
        responses("neighbors"),
    ];
    const NETZUR: &[Collection] = &[responses("libreqos")];
    const POWERCODE: &[Collection] = &[
        responses("customers"),
        responses("services"),
        responses("sites"),
    ];
    const SONAR: &[Collection] = &[
        responses("account-statuses"),
        responses("accounts"),
        responses("network-sites"),
    ];
    const SPLYNX: &[Collection] = &[
        responses("customers"),
        responses("fup"),
        responses("ipv6"),
        responses("monitoring"),
        responses("network-sites"),
        responses("online"),
        responses("routers"),
        responses("sectors"),
        responses("services"),
        responses("tariffs"),
    ];
    const UISP: &[Collection] = &[
        responses("crm-clients"),
        responses("crm-plans"),
        responses("crm-services"),
        responses("data-links"),
        responses("devices"),
        responses("sites"),
    ];
    const VISP: &[Collection] = &[
        responses("assemblies"),
        responses("bulk"),
        responses("customer-*-ips"),
        responses("customer-*-services"),
        responses("equipment"),
        responses("online"),
        responses("subscribers"),
    ];
    const WISPGATE: &[Collection] = &[responses("shaped-devices")];
    match kind {
        SourceKind::Inventory => INVENTORY,
        SourceKind::Libreqos => LIBREQOS,
        SourceKind::Mikrotik => MIKROTIK,
        SourceKind::Netzur => NETZUR,
        SourceKind::Powercode => POWERCODE,
        SourceKind::Sonar => SONAR,
        SourceKind::Splynx => SPLYNX,
        // Its files are named in the project.
        SourceKind::Table => &[],
        SourceKind::Uisp => UISP,
        SourceKind::Visp => VISP,
        SourceKind::Wispgate => WISPGATE,
    }
}

impl Collection {
    /// The name of its file when it is not cut into pages.
    pub fn file_name(&self) -> String {
        if self.paged {
            format!("{}.json", self.name)
        } else {
            self.name.to_owned()
        }
    }
}

/// A source that could not be read completely. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ReadError {
    /// What is the case, in one line.
    pub message: String,
    /// What to do.
    pub help: String,
    /// The setting of `weir.toml` it is about, as a route: `source.0.export`.
    pub key: String,
}

/// Reads the export directory of every source. All of it or nothing: an incomplete export never becomes a build.
pub fn read(
    project_dir: &Path,
    sources: &[Source],
    files: &mut SourceMap,
) -> Result<ExportSet, ReadError> {
    let mut wanted = Vec::new();
    let mut clock = Clock::default();
    for (ix, source) in sources.iter().enumerate() {
        let (found, recorded) = list(project_dir, source)?;
        clock.recorded.push(recorded);
        wanted.extend(found.into_iter().map(|found| (ix, found)));
    }
    // The largest first, so that no thread is left with one at the end.
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order
        .sort_by_cached_key(|&at| Reverse(fs::metadata(&wanted[at].1.path).map_or(0, |m| m.len())));
    let mut read: Vec<(usize, Result<SourceFile, ReadError>)> = order
        .into_par_iter()
        .with_max_len(1)
        .map(|at| (at, wanted[at].1.read(&sources[wanted[at].0])))
        .collect();
    read.sort_unstable_by_key(|(at, _)| *at);
    let mut exports: Vec<Export> = (0..sources.len())
        .map(|source| Export {
            source,
            files: Vec::new(),
        })
        .collect();
    for ((ix, found), (_, file)) in wanted.into_iter().zip(read) {
        exports[ix].files.push(ExportFile {
            collection: found.name,
            page: found.page,
            file: files.add(file?),
        });
    }
    Ok(ExportSet {
        exports,
        peaks: None,
        clock,
    })
}

/// Reads the file that `topology.peaks` names, if it names one.
pub fn read_peaks(
    project_dir: &Path,
    peaks: Option<&str>,
    files: &mut SourceMap,
) -> Result<Option<FileId>, ReadError> {
    let Some(written) = peaks else {
        return Ok(None);
    };
    let fail = |what: String| {
        ReadError {
        message: format!("{written}, which `topology.peaks` names, {what}"),
        help: "paths are relative to the directory of weir.toml; correct `topology.peaks`, or take it out to place by \
               plans"
            .to_owned(),
        key: "topology.peaks".to_owned(),
    }
    };
    let path = project_dir.join(written);
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => fail("does not exist".to_owned()),
        _ => fail(format!("cannot be read: {}", reason(&error))),
    };
    // A pipe or a device would keep us waiting for ever.
    if !fs::metadata(&path).map_err(cannot)?.is_file() {
        return Err(fail("is not a regular file".to_owned()));
    }
    let raw = fs::read(&path).map_err(cannot)?;
    let digest = sha256(&raw);
    let (bytes, transcoded) = utf8(raw, Format::Csv);
    let name = Path::new(written);
    let shown = match (name.is_relative(), name.file_name()) {
        (false, Some(name)) => format!("peaks/{}", name.to_string_lossy()),
        _ => written.trim_start_matches("./").to_owned(),
    };
    Ok(Some(files.add(SourceFile {
        path: shown,
        format: Format::Csv,
        bytes,
        transcoded,
        digest,
    })))
}

/// A single file as the export of its project. `shown` is the path that people see.
pub fn alone(lone: &Lone, raw: Vec<u8>, shown: &str, files: &mut SourceMap) -> ExportSet {
    let mut export = Export {
        source: 0,
        files: Vec::new(),
    };
    let mut add = |name: &str, path: &str, raw: Vec<u8>| {
        let known = collections(lone.kind).iter().find(|c| c.name == name);
        let format = known.map_or(Format::Json, |c| c.format);
        let digest = sha256(&raw);
        let (bytes, transcoded) = utf8(raw, format);
        export.files.push(ExportFile {
            collection: name.to_owned(),
            page: None,
            file: files.add(SourceFile {
                path: path.to_owned(),
                format,
                bytes,
                transcoded,
                digest,
            }),
        });
    };
    add(lone.collection, shown, raw);
    if let Some((name, text)) = lone.beside {
        add(name, &format!("{name} (assumed)"), text.as_bytes().to_vec());
    }
    export.files.sort();
    ExportSet {
        exports: vec![export],
        ..ExportSet::default()
    }
}

/// A file of an export, before it is read.
struct Found {
    collection: Collection,
    /// The collection's name, its `*` filled in.
    name: String,
    page: Option<u32>,
    path: PathBuf,
    shown: String,
}

/// What a source's export holds, sorted by (collection, page), and when the oldest of it was recorded.
fn list(project_dir: &Path, source: &Source) -> Result<(Vec<Found>, Option<i64>), ReadError> {
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
    fn read(&self, source: &Source) -> Result<SourceFile, ReadError> {
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
        let raw = fs::read(&self.path).map_err(cannot)?;
        let digest = sha256(&raw);
        let (bytes, transcoded) = utf8(raw, self.collection.format);
        Ok(SourceFile {
            path: self.shown.clone(),
            format: self.collection.format,
            bytes,
            transcoded,
            digest,
        })
    }
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

/// The operating system's words without "(os error 13)".
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

/// UTF-8 and the encoding it was converted from. Spreadsheets write UTF-16, and CSV in the code page of their country;
/// JSON without a byte order mark is UTF-8 by its definition, and stray bytes stay for the source to judge.
fn utf8(mut raw: Vec<u8>, format: Format) -> (Arc<Vec<u8>>, Option<&'static str>) {
    if raw.starts_with(b"\xEF\xBB\xBF") {
        raw.drain(..3);
    }
    let marked = raw.starts_with(b"\xFF\xFE") || raw.starts_with(b"\xFE\xFF");
    if !marked && format != Format::Csv {
        return (Arc::new(raw), None);
    }
    let (bytes, transcoded) = encoding::transcode(raw);
    (Arc::new(bytes), transcoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(kind: SourceKind, export: Option<&str>) -> Source {
        Source {
            name: "crm".to_owned(),
            kind,
            export: export.map(str::to_owned),
            url: None,
            index: 0,
            table: None,
        }
    }

    fn project(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        dir
    }

    fn read_one(dir: &Path, source: Source) -> Result<(SourceMap, ExportSet), ReadError> {
        let mut files = SourceMap::default();
        let set = read(dir, &[source], &mut files)?;
        Ok((files, set))
    }

    #[test]
    fn the_peaks_file_is_there_or_nothing_is_built() {
        let dir = project(&[("m/peaks.csv", b"kind,id,download_kbps,upload_kbps\n")]);
        let mut files = SourceMap::default();
        let mut read = |peaks| read_peaks(dir.path(), peaks, &mut files);
        assert_eq!(read(None), Ok(None));
        for (name, what) in [
            ("gone.csv", "does not exist"),
            ("m", "is not a regular file"),
        ] {
            let error = read(Some(name)).unwrap_err();
            assert!(error.message.ends_with(what), "{error}");
            assert_eq!(error.key, "topology.peaks");
        }
        let file = read(Some("./m/peaks.csv")).unwrap().expect("a file");
        assert_eq!(files.file(file).path, "m/peaks.csv");
    }

    #[test]
    fn pages_come_in_numeric_order_and_strangers_are_ignored() {
        let mut given: Vec<(String, &[u8])> = (1..=11)
            .map(|n| (format!("e/devices.page-{n}.json"), b"[]".as_slice()))
            .collect();
        for name in [
            "sites.json",
            "notes.txt",
            "devices.page-.json",
            "devices.page-x.json",
            "export.json",
        ] {
            given.push((format!("e/{name}"), b"{}"));
        }
        let given: Vec<(&str, &[u8])> = given.iter().map(|(n, b)| (n.as_str(), *b)).collect();
        let dir = project(&given);
        let (files, set) = read_one(dir.path(), source(SourceKind::Uisp, Some("./e/"))).unwrap();
        let paths: Vec<&str> = files.files().map(|(_, f)| f.path.as_str()).collect();
        let mut want: Vec<String> = (1..=11)
            .map(|n| format!("e/devices.page-{n}.json"))
            .collect();
        want.push("e/sites.json".to_owned());
        assert_eq!(paths, want);
        assert_eq!(set.exports[0].collection("devices").count(), 11);
        assert!(set.exports[0].files.is_sorted());
        let digest = &files.file(set.exports[0].files[11].file).digest;
        assert_eq!(
            digest,
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }

    #[test]
    fn a_collection_for_each_of_many_things_is_found_by_what_it_is_about() {
        let dir = project(&[
            ("e/bulk.json", b"{}"),
            ("e/customer-12-services.json", b"{}"),
            ("e/customer-7-services.page-1.json", b"{}"),
            ("e/customer-7-services.page-2.json", b"{}"),
            ("e/customer-7-ips.json", b"{}"),
            ("e/customer--ips.json", b"{}"),
        ]);
        let (_, set) = read_one(dir.path(), source(SourceKind::Visp, Some("e"))).unwrap();
        let export = &set.exports[0];
        assert!(export.files.is_sorted());
        let about = |pattern| -> Vec<&str> { export.each(pattern).map(|(id, _)| id).collect() };
        assert_eq!(about("customer-*-services"), ["12", "7", "7"]);
        assert_eq!(about("customer-*-ips"), ["7"]);
        let dir = project(&[("e/customer-7-services.page-2.json", b"{}")]);
        let error = read_one(dir.path(), source(SourceKind::Visp, Some("e"))).unwrap_err();
        assert!(
            error.message.contains("page 1 of customer-7-services"),
            "{error}"
        );
    }

    #[test]
    fn what_is_not_complete_is_refused_with_the_reason() {
        let uisp = SourceKind::Uisp;
        let page = |n: &str| format!("e/devices.page-{n}.json");
        let (p0, p1, p01, p2, p3) = (page("0"), page("1"), page("01"), page("2"), page("3"));
        let huge = page("99999999999");
        type Case<'a> = (&'a [(&'a str, &'a [u8])], Option<&'a str>, &'a str);
        let cases: &[Case<'_>] = &[
            (&[], None, "source `crm` has no recorded export"),
            (&[], Some("e"), "the export directory of source `crm`, e, does not exist"),
            (&[("e", b"")], Some("e"), "the export directory of source `crm`, e, is not a directory"),
            (
                &[("e/readme.txt", b"")],
                Some("e"),
                "e, the export directory of source `crm`, holds no file of kind uisp",
            ),
            (
                &[(&p1, b"[]"), (&p3, b"[]")],
                Some("e"),
                "page 2 of devices is missing in source `crm` (page 3 is there)",
            ),
            (&[(&p2, b"[]")], Some("e"), "page 1 of devices is missing in source `crm` (page 2 is there)"),
            (&[(&p0, b"[]")], Some("e"), "devices has a page 0 in source `crm`"),
            (
                &[(&p1, b"[]"), (&p01, b"[]")],
                Some("e"),
                "e/devices.page-01.json and devices.page-1.json are both page 1 of devices",
            ),
            (&[(&huge, b"[]")], Some("e"), "e/devices.page-99999999999.json: the page number is too large"),
            (
                &[("e/devices.json", b"[]"), (&p1, b"[]")],
                Some("e"),
                "e/devices.json and devices.page-1.json hold devices both whole and in pages",
            ),
            (&[("e/devices.json/x", b"")], Some("e"), "e/devices.json of source `crm` is not a regular file"),
            (
                &[
                    ("e/devices.json", b"[]"),
                    ("e/export.json", br#"{"files": [{"file": "devices.json", "collection": "devices", "complete": false}]}"#),
                ],
                Some("e"),
                "e/export.json says that devices of source `crm` is incomplete",
            ),
            (
                &[("e/devices.json", b"[]"), ("e/export.json", br#"{"collections": {"sites": {"complete": false}}}"#)],
                Some("e"),
                "e/export.json says that sites of source `crm` is incomplete",
            ),
            (
                &[("e/devices.json", b"[]"), ("e/export.json", b"{\"files\": [")],
                Some("e"),
                "e/export.json is not valid JSON: EOF while parsing a list at line 1 column 11",
            ),
        ];
        for (given, export, want) in cases {
            let dir = project(given);
            let error = read_one(dir.path(), source(uisp, *export)).unwrap_err();
            assert_eq!(error.to_string(), *want);
            assert_eq!(error.key, "source.0.export");
            assert!(!error.help.is_empty(), "{want}");
        }
    }

    #[test]
    fn libreqos_files_go_by_their_own_names_and_paths_are_never_absolute() {
        let dir = project(&[
            ("lq/network.json", b"{}"),
            ("lq/ShapedDevices.csv", b"Circuit ID\n"),
            ("lq/lqos.conf", b""),
        ]);
        let absolute = dir.path().join("lq");
        let libreqos = source(SourceKind::Libreqos, absolute.to_str());
        let (files, set) = read_one(Path::new("/nowhere"), libreqos).unwrap();
        let shown: Vec<_> = set.exports[0]
            .files
            .iter()
            .map(|f| {
                (
                    f.collection.as_str(),
                    files.file(f.file).path.as_str(),
                    files.file(f.file).format,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("ShapedDevices.csv", "crm/ShapedDevices.csv", Format::Csv),
                ("lqos.conf", "crm/lqos.conf", Format::Toml),
                ("network.json", "crm/network.json", Format::Json),
            ]
        );
    }

    #[test]
    fn spreadsheet_encodings_become_utf8_and_say_so() {
        let utf16: Vec<u8> = [0xFF, 0xFE]
            .into_iter()
            .chain("é,1".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        for (raw, format, want, encoding) in [
            (b"\xEF\xBB\xBFa".to_vec(), Format::Json, "a", None),
            (utf16, Format::Json, "é,1", Some("UTF-16LE")),
            (
                b"Jos\xE9 \x80".to_vec(),
                Format::Csv,
                "José €",
                Some("windows-1252"),
            ),
            (b"Jos\xE9".to_vec(), Format::Json, "Jos\u{fffd}", None),
            (
                "é \u{e9}"
                    .as_bytes()
                    .iter()
                    .copied()
                    .chain([0xE9])
                    .collect(),
                Format::Csv,
                "é é\u{fffd}",
                None,
            ),
            (
                b"\xFE\xFF\x00a\x00".to_vec(),
                Format::Csv,
                "a\u{fffd}",
                Some("UTF-16BE"),
            ),
        ] {
            let (bytes, transcoded) = utf8(raw, format);
            assert_eq!(String::from_utf8_lossy(&bytes), want);
            assert_eq!(transcoded, encoding, "{want}");
        }
    }
}
