//! `ExportSet`: the recorded bytes of every source, complete or not there at all. Reading them is one shore of
//! the compiler (the other is writing the artifact); between the two nothing touches the disk.

mod clock;
mod collections;
mod list;

use std::cmp::Reverse;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use weir_store::sha256;

use crate::config::lone::Lone;
use crate::config::project::Source;
use crate::encoding;
use crate::exports::list::list;
use crate::id::FileId;
use crate::source_map::{Content, Digest, Format, SourceFile, SourceMap, begin_digests};

pub use clock::Clock;
pub use collections::{Collection, collections};

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

/// Files that stay on the disk stay open, and a process may not have many.
const MOST_LEFT: usize = 200;

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
        .enumerate()
        .with_max_len(1)
        .map(|(rank, at)| {
            let (source, found) = &wanted[at];
            (at, found.read(&sources[*source], rank < MOST_LEFT))
        })
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
    begin_digests(files.files().map(|(_, file)| file.digest.clone()).collect());
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
    let (bytes, transcoded, digest) = utf8(raw, Format::Csv);
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
        let (bytes, transcoded, digest) = utf8(raw, format);
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

/// The operating system's words without "(os error 13)".
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

/// The byte order mark of UTF-8.
const UTF8: &[u8] = b"\xEF\xBB\xBF";

/// UTF-8, the encoding it was converted from, and the digest of the file as it was. Spreadsheets write UTF-16, and CSV in
/// the code page of their country; JSON without a byte order mark is UTF-8 by its definition, and stray bytes stay for
/// the source to judge.
fn utf8(mut raw: Vec<u8>, format: Format) -> (Content, Option<&'static str>, Digest) {
    let marked = raw.starts_with(b"\xFF\xFE") || raw.starts_with(b"\xFE\xFF");
    if format != Format::Csv && !marked && !raw.starts_with(UTF8) {
        // It stays as it is, so that there is time for its digest.
        let bytes = Arc::new(raw);
        return (Content::Held(bytes.clone()), None, Digest::of(bytes));
    }
    let digest = Digest::from(sha256(&raw));
    if raw.starts_with(UTF8) {
        raw.drain(..UTF8.len());
    }
    if !marked && format != Format::Csv {
        return (raw.into(), None, digest);
    }
    let (bytes, transcoded) = encoding::transcode(raw);
    (bytes.into(), transcoded, digest)
}
