//! JSON files whose top level is a list of records: finding the records and decoding them in parallel. Shared by
//! every source that reads JSON; knows no CRM, no field names and no rule about what a record means.
//!
//! [`Elements`] walks the structure once and yields the byte range of each record; [`read_rows`] hands batches of
//! them to the thread pool while it walks on. A record that cannot be used is
//! quarantined and the rest goes on; only a file whose outer structure is broken is given up ([`Broken`]).
//! Inside a record nothing but the wanted fields is looked at. Rows come back in file order whatever the
//! thread count.

pub mod body;
pub mod decode;
pub mod field;
pub mod graphql;
mod pieces;
pub mod skip;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use crate::config::project::Source;
use crate::exports::Export;
use crate::id::FileId;
use crate::ir::records::{MissingCollection, Origin, Quarantined, SourceEvidence, UnreadableFile};
use crate::source_map::{Content, SourceMap};
use crate::sources::json::field::{Kind, Raw, shorten};
use crate::sources::json::pieces::read_left;

/// A record nested deeper than this is not data.
pub const MAX_DEPTH: usize = 64;

/// How much of a file one task decodes.
const BATCH_BYTES: usize = 512 * 1024;

/// Why a file is not a list of records, and where that shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    pub at: usize,
    /// One line, without the file's name.
    pub message: String,
}

impl Broken {
    pub fn new(at: usize, message: impl Into<String>) -> Self {
        Broken {
            at,
            message: message.into(),
        }
    }
}

/// One element of the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Element {
    pub start: usize,
    pub end: usize,
    /// Nested deeper than [`MAX_DEPTH`].
    pub too_deep: bool,
}

/// The elements of a top-level list. Checks what lies between them; brackets inside an element are only
/// counted, so a broken record is found by its decoder.
pub struct Elements<'a> {
    bytes: &'a [u8],
    at: usize,
    first: bool,
    finished: bool,
    /// The list is all there is: nothing may follow it.
    alone: bool,
}

impl<'a> Elements<'a> {
    /// The elements of the list at `at`, inside something larger that is known to be whole.
    pub fn of_list(bytes: &'a [u8], at: usize) -> Result<Self, Broken> {
        match bytes.get(at) {
            Some(b'[') => Ok(Elements {
                bytes,
                at: at + 1,
                first: true,
                finished: false,
                alone: false,
            }),
            _ => Err(Broken::new(at, "a list is expected")),
        }
    }

    pub fn new(bytes: &'a [u8]) -> Result<Self, Broken> {
        let mark = if bytes.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        let at = skip::blanks(bytes, mark);
        match bytes.get(at) {
            Some(b'[') => Ok(Elements {
                bytes,
                at: at + 1,
                first: true,
                finished: false,
                alone: true,
            }),
            Some(b'{') => {
                let message = object_message(&bytes[at..], "a list");
                let message =
                    message.unwrap_or_else(|| "an object where a list is expected".into());
                Err(Broken::new(at, message))
            }
            Some(b'<') => Err(Broken::new(
                at,
                "a web page where a list is expected: was it saved from a browser or a proxy?",
            )),
            Some(_) => Err(Broken::new(
                at,
                "not JSON: a list of records is expected, starting with [",
            )),
            None => Err(Broken::new(at, "the file is empty")),
        }
    }

    fn element(&mut self) -> Result<Option<Element>, Broken> {
        let bytes = self.bytes;
        let mut at = skip::blanks(bytes, self.at);
        let comma = match bytes.get(at) {
            Some(b']') => return self.finish(at),
            Some(b',') if !self.first => {
                let comma = at;
                at = skip::blanks(bytes, at + 1);
                Some(comma)
            }
            Some(b',') => return Err(Broken::new(at, "a comma before the first record")),
            Some(_) if self.first => None,
            Some(_) => {
                return Err(Broken::new(
                    at,
                    "a comma is missing between two records of the list",
                ));
            }
            None => return Err(truncated(bytes)),
        };
        self.first = false;
        let (end, too_deep) = match bytes.get(at) {
            Some(b'{' | b'[') => match skip::nested(bytes, at) {
                Some((end, depth)) => (end, depth > MAX_DEPTH),
                None => return Err(truncated(bytes)),
            },
            Some(b'"') => (
                skip::text(bytes, at).ok_or_else(|| truncated(bytes))?,
                false,
            ),
            Some(b']') => {
                return Err(Broken::new(
                    comma.unwrap_or(at),
                    "a comma after the last record of the list",
                ));
            }
            Some(b',') => return Err(Broken::new(at, "a comma where a record is expected")),
            Some(b'}' | b':') => {
                return Err(Broken::new(
                    at,
                    format!("unexpected {} between records", char::from(bytes[at])),
                ));
            }
            Some(_) => (skip::scalar(bytes, at), false),
            None => return Err(truncated(bytes)),
        };
        self.at = end;
        Ok(Some(Element {
            start: at,
            end,
            too_deep,
        }))
    }

    fn finish(&mut self, close: usize) -> Result<Option<Element>, Broken> {
        self.finished = true;
        let after = skip::blanks(self.bytes, close + 1);
        if self.alone && after < self.bytes.len() {
            return Err(Broken::new(after, "something follows the end of the list"));
        }
        Ok(None)
    }
}

impl Iterator for Elements<'_> {
    type Item = Result<Element, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        match self.element() {
            Ok(Some(element)) => Some(Ok(element)),
            Ok(None) => None,
            Err(broken) => {
                self.finished = true;
                Some(Err(broken))
            }
        }
    }
}

fn truncated(bytes: &[u8]) -> Broken {
    Broken::new(
        bytes.len(),
        "the file ends in the middle of the list: it is truncated",
    )
}

/// What an object has to say that stands where something else should: an error body of an API, most of the time.
fn object_message(bytes: &[u8], wanted: &str) -> Option<String> {
    error_message(bytes).map(|said| format!("an error object where {wanted} is expected: {said}"))
}

/// The message of an error body.
fn error_message(bytes: &[u8]) -> Option<String> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct ErrorBody<'a> {
        #[serde(borrow)]
        status_code: Raw<'a>,
        #[serde(borrow)]
        code: Raw<'a>,
        #[serde(borrow)]
        error: Raw<'a>,
        #[serde(borrow)]
        message: Raw<'a>,
        #[serde(borrow)]
        errors: Raw<'a>,
    }
    let mut body: ErrorBody<'_> = decode::decode(bytes).unwrap_or_default();
    // Some put it one level down, some several of them into a list.
    let listed = body.errors.values().value().unwrap_or_default();
    let inner = (listed.first().map(|(_, first)| *first)).unwrap_or(body.error);
    if let Some(below) = inner.object() {
        body = below;
    }
    let mut said: Vec<String> = Vec::new();
    for part in [body.status_code, body.code, body.error, body.message] {
        if let Some(text) = part.id().value()
            && said.len() < 2
        {
            said.push(shorten(&text));
        }
    }
    (!said.is_empty()).then(|| said.join(" "))
}

/// A record's bytes and where they stand.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub bytes: &'a [u8],
    pub origin: Origin,
}

impl<'a> Row<'a> {
    /// A record inside of the record, with a place of its own.
    pub fn part(&self, raw: Raw<'a>) -> Row<'a> {
        let within = raw.within(self.bytes);
        let origin = match within {
            // A record that had to be repaired is not at the same bytes as in its file.
            Some(start) if self.bytes.len() == self.origin.len as usize => Origin {
                start: self.origin.start + start as u64,
                len: u32::try_from(raw.bytes().len()).unwrap_or(u32::MAX),
                ..self.origin
            },
            _ => self.origin,
        };
        Row {
            bytes: raw.bytes(),
            origin,
        }
    }

    /// The wanted fields of the record. To be called before anything else is made of the row.
    pub fn decode<W: Deserialize<'a>>(&self) -> Result<W, Refusal> {
        let kind = Kind::of(self.bytes.first());
        if kind != Kind::Object {
            return Err(Refusal::new(format!(
                "is {} where an object belongs",
                kind.word()
            )));
        }
        decode::decode(self.bytes).map_err(|malformed| Refusal {
            id: None,
            reason: format!("is not readable as JSON: {malformed}"),
            syntax: true,
        })
    }
}

/// Why a record cannot be used at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub id: Option<Box<str>>,
    pub reason: String,
    syntax: bool,
}

impl Refusal {
    pub fn new(reason: impl Into<String>) -> Self {
        Refusal {
            id: None,
            reason: reason.into(),
            syntax: false,
        }
    }

    pub fn of(id: &str, reason: impl Into<String>) -> Self {
        Refusal {
            id: Some(id.into()),
            ..Refusal::new(reason)
        }
    }
}

/// What one file gave.
#[derive(Debug)]
pub struct Rows<T> {
    /// In file order.
    pub rows: Vec<T>,
    pub evidence: SourceEvidence,
    /// Records in the file, the quarantined ones too.
    pub read: u64,
}

/// Decodes every record of a file with `row`, in parallel. A record `row` refuses is quarantined. Bytes that are
/// not UTF-8 are replaced by U+FFFD where a wanted field holds them.
pub fn read_rows<T, F>(
    file: FileId,
    bytes: &[u8],
    collection: &'static str,
    row: F,
) -> Result<Rows<T>, Broken>
where
    T: Send,
    F: Fn(&Row<'_>, &mut SourceEvidence) -> Result<T, Refusal> + Sync,
{
    read_elements(file, bytes, collection, Elements::new(bytes)?, &row)
}

/// The same for the list whose bracket is at `open`, inside something larger that is known to be whole.
pub fn read_rows_at<T, F>(
    file: FileId,
    bytes: &[u8],
    open: usize,
    collection: &'static str,
    row: F,
) -> Result<Rows<T>, Broken>
where
    T: Send,
    F: Fn(&Row<'_>, &mut SourceEvidence) -> Result<T, Refusal> + Sync,
{
    read_elements(
        file,
        bytes,
        collection,
        Elements::of_list(bytes, open)?,
        &row,
    )
}

fn read_elements<T, F>(
    file: FileId,
    bytes: &[u8],
    collection: &'static str,
    mut elements: Elements<'_>,
    row: &F,
) -> Result<Rows<T>, Broken>
where
    T: Send,
    F: Fn(&Row<'_>, &mut SourceEvidence) -> Result<T, Refusal> + Sync,
{
    let done: Mutex<Vec<(usize, Rows<T>)>> = Mutex::new(Vec::new());
    rayon::scope(|scope| -> Result<(), Broken> {
        for index in 0.. {
            let mut batch = Vec::new();
            for element in elements.by_ref() {
                let element = element?;
                batch.push(element);
                if element.end - batch[0].start >= BATCH_BYTES {
                    break;
                }
            }
            if batch.is_empty() {
                break;
            }
            let done = &done;
            scope.spawn(move |_| {
                let rows = decode_batch(file, bytes, 0, collection, &batch, row);
                done.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((index, rows));
            });
        }
        Ok(())
    })?;
    Ok(collect(
        done.into_inner().unwrap_or_else(PoisonError::into_inner),
    ))
}

/// Batches with their number, in any order, as one.
fn collect<T>(mut batches: Vec<(usize, Rows<T>)>) -> Rows<T> {
    batches.sort_unstable_by_key(|&(index, _)| index);
    let mut all = Rows {
        rows: Vec::with_capacity(batches.iter().map(|(_, b)| b.rows.len()).sum()),
        evidence: SourceEvidence::default(),
        read: 0,
    };
    for (_, batch) in batches {
        all.rows.extend(batch.rows);
        all.evidence.absorb(batch.evidence);
        all.read += batch.read;
    }
    all
}

/// `at`: where in the file the bytes begin.
fn decode_batch<T, F>(
    file: FileId,
    bytes: &[u8],
    at: u64,
    collection: &'static str,
    batch: &[Element],
    row: &F,
) -> Rows<T>
where
    F: Fn(&Row<'_>, &mut SourceEvidence) -> Result<T, Refusal>,
{
    let mut rows = Rows {
        rows: Vec::with_capacity(batch.len()),
        evidence: SourceEvidence::default(),
        read: batch.len() as u64,
    };
    for element in batch {
        let record = Row {
            bytes: &bytes[element.start..element.end],
            origin: Origin {
                file,
                start: at + element.start as u64,
                len: u32::try_from(element.end - element.start).unwrap_or(u32::MAX),
            },
        };
        let result = if element.too_deep {
            Err(Refusal::new(format!(
                "is nested more than {MAX_DEPTH} levels deep"
            )))
        } else {
            row(&record, &mut rows.evidence)
        };
        let result = match result {
            Err(refusal) if refusal.syntax && std::str::from_utf8(record.bytes).is_err() => {
                let text = String::from_utf8_lossy(record.bytes);
                let record = Row {
                    bytes: text.as_bytes(),
                    origin: record.origin,
                };
                row(&record, &mut rows.evidence)
            }
            other => other,
        };
        match result {
            Ok(value) => rows.rows.push(value),
            Err(refusal) => rows.evidence.quarantined.push(Quarantined {
                place: record.origin.whole(),
                collection,
                id: refusal.id,
                reason: refusal.reason,
            }),
        }
    }
    rows
}

/// A collection of an export, as a source declares it.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    pub name: &'static str,
    /// The export may do without it.
    pub optional: bool,
    /// A broken file of it means that the source is not complete.
    pub mandatory: bool,
    /// What cannot be known without it.
    pub consequence: &'static str,
}

/// Every page of a collection, in page order. What is missing or unreadable goes to the evidence.
pub fn read_collection<T, F>(
    source: &Source,
    export: &Export,
    files: &SourceMap,
    collection: &Collection,
    evidence: &mut SourceEvidence,
    row: F,
) -> Vec<T>
where
    T: Send,
    F: Fn(&Row<'_>, &mut SourceEvidence) -> Result<T, Refusal> + Sync,
{
    let mut all = Vec::new();
    let mut found = false;
    let mut read = 0;
    for file in export.collection(collection.name) {
        found = true;
        let rows = match &files.file(file).bytes {
            Content::Held(bytes) => read_rows(file, bytes, collection.name, &row),
            Content::Left(left) => read_left(file, left, collection.name, &row),
        };
        match rows {
            Ok(rows) => {
                read += rows.read;
                evidence.absorb(rows.evidence);
                if all.is_empty() {
                    all = rows.rows;
                } else {
                    all.extend(rows.rows);
                }
            }
            Err(broken) => evidence.unreadable.push(UnreadableFile {
                place: Origin {
                    file,
                    start: broken.at as u64,
                    len: 0,
                }
                .whole(),
                mandatory: collection.mandatory,
                message: broken.message,
            }),
        }
    }
    if !found {
        evidence.missing.push(MissingCollection {
            source: source.name.as_str().into(),
            collection: collection.name,
            optional: collection.optional,
            consequence: collection.consequence,
        });
    }
    evidence.read.push((collection.name, read));
    all
}
