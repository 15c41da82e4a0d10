//! Rows of a CSV file and of a JSON list, seen alike: the text in a column. Knows formats, not what a column means.

use std::borrow::Cow;
use std::ops::Range;

use csv::{ByteRecord, ReaderBuilder};

use crate::config::project::{TableFile, TableFormat};
use crate::id::FileId;
use crate::ir::records::{Origin, Quarantined, SourceEvidence};
use crate::sources::json::body::Body;
use crate::sources::json::field::{Kind, Raw};
use crate::sources::json::{Broken, Elements, Row, decode};

/// One row.
pub enum Cells<'a> {
    Csv {
        header: &'a [Box<str>],
        fields: ByteRecord,
        origin: Origin,
    },
    Json {
        row: Row<'a>,
        members: Body<'a>,
    },
}

/// What stands in a column.
pub enum Cell<'a> {
    /// Nothing, or blanks.
    Empty,
    Text(Cow<'a, str>),
    /// Text that is not UTF-8 in part.
    Broken(Cow<'a, str>),
    List(Vec<Raw<'a>>),
    /// A value no column may hold.
    Not(Kind),
}

impl Cells<'_> {
    pub fn origin(&self) -> Origin {
        match self {
            Cells::Csv { origin, .. } => *origin,
            Cells::Json { row, .. } => row.origin,
        }
    }

    pub fn get(&self, column: &str) -> Cell<'_> {
        match self {
            Cells::Csv { header, fields, .. } => {
                let at = header.iter().position(|name| **name == *column);
                let field = at.and_then(|at| fields.get(at)).unwrap_or_default();
                text(field.trim_ascii())
            }
            Cells::Json { members, .. } => match json(members, column) {
                Some(raw) => of_raw(raw),
                None => Cell::Empty,
            },
        }
    }

    /// Where a column is in the row.
    pub fn route(&self, column: &str) -> Cow<'static, str> {
        match self {
            Cells::Json { .. } if !column.starts_with('/') => {
                Cow::Owned(format!("/{}", column.replace('~', "~0").replace('/', "~1")))
            }
            _ => Cow::Owned(column.to_owned()),
        }
    }
}

fn text(bytes: &[u8]) -> Cell<'_> {
    match String::from_utf8_lossy(bytes) {
        text if text.trim().is_empty() => Cell::Empty,
        Cow::Borrowed(text) => Cell::Text(Cow::Borrowed(text.trim())),
        Cow::Owned(text) => Cell::Broken(Cow::Owned(text.trim().to_owned())),
    }
}

fn of_raw(raw: Raw<'_>) -> Cell<'_> {
    match raw.kind() {
        Kind::Missing => Cell::Empty,
        Kind::Text => match raw.text().value() {
            Some(text) if !text.trim().is_empty() => Cell::Text(text),
            _ => Cell::Empty,
        },
        // As it is written: nothing is lost on the way through a float.
        Kind::Number | Kind::Bool => text(raw.bytes()),
        Kind::List => Cell::List(raw.object().unwrap_or_default()),
        Kind::Object => Cell::Not(Kind::Object),
    }
}

/// A key of the row, or a path below it.
fn json<'a>(members: &Body<'a>, column: &str) -> Option<Raw<'a>> {
    let Some(path) = column.strip_prefix('/') else {
        return Some(members.raw(column));
    };
    match path.split_once('/') {
        None => Some(members.raw(path)),
        Some((key, below)) => {
            let inner = members.inside(key).ok()?;
            json(&inner, &format!("/{below}"))
        }
    }
}

/// Every row of a file, in its order; rows that are none are put aside. `columns` are those a CSV file must have.
pub fn read<T>(
    file: FileId,
    bytes: &[u8],
    layout: &TableFile,
    columns: &[&str],
    collection: &'static str,
    evidence: &mut SourceEvidence,
    mut row: impl FnMut(&Cells<'_>, &mut SourceEvidence) -> Result<Option<T>, String>,
) -> Result<Vec<T>, Broken> {
    let mut rows = Vec::new();
    let mut read = 0;
    let mut take =
        |origin: Origin, cells: Result<Cells<'_>, String>, evidence: &mut SourceEvidence| {
            read += 1;
            match cells.and_then(|cells| row(&cells, evidence)) {
                Ok(found) => rows.extend(found),
                Err(reason) => evidence.quarantined.push(Quarantined {
                    place: origin.whole(),
                    collection,
                    id: None,
                    reason,
                }),
            }
        };
    match &layout.format {
        TableFormat::Json { records } => {
            for element in elements(bytes, records)? {
                let element = element?;
                let origin = origin(file, &(element.start..element.end));
                let part = &bytes[element.start..element.end];
                let cells = match part.first() {
                    _ if element.too_deep => Err("is nested too deep".to_owned()),
                    Some(b'{') => Body::open(part)
                        .map(|members| Cells::Json {
                            row: Row {
                                bytes: part,
                                origin,
                            },
                            members,
                        })
                        .map_err(|broken| format!("is not readable as JSON: {}", broken.message)),
                    first => Err(format!(
                        "is {} where an object belongs",
                        Kind::of(first).word()
                    )),
                };
                take(origin, cells, evidence);
            }
        }
        TableFormat::Csv { delimiter } => {
            let mut reader = ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(*delimiter)
                .from_reader(bytes);
            let mut fields = ByteRecord::new();
            let mut header: Option<Vec<Box<str>>> = None;
            loop {
                let from = reader.position().byte() as usize;
                if !matches!(reader.read_byte_record(&mut fields), Ok(true)) {
                    break;
                }
                let to = (reader.position().byte() as usize).min(bytes.len());
                let begin = from + bytes[from..to].len() - bytes[from..to].trim_ascii_start().len();
                let range = begin..begin + bytes[begin..to].trim_ascii_end().len();
                if fields.iter().all(|field| field.trim_ascii().is_empty()) {
                    continue;
                }
                let Some(names) = &header else {
                    header = Some(named(&fields, &range, columns)?);
                    continue;
                };
                let origin = origin(file, &range);
                let cells = if fields.len() == names.len() {
                    Ok(Cells::Csv {
                        header: names,
                        fields: fields.clone(),
                        origin,
                    })
                } else {
                    Err(format!(
                        "has {} fields where the header names {}",
                        fields.len(),
                        names.len()
                    ))
                };
                take(origin, cells, evidence);
            }
            if header.is_none() {
                return Err(Broken::new(0, "the file has no rows, not even a header"));
            }
        }
    }
    evidence.read.push((collection, read));
    Ok(rows)
}

fn origin(file: FileId, range: &Range<usize>) -> Origin {
    Origin {
        file,
        start: range.start as u64,
        len: u32::try_from(range.len()).unwrap_or(u32::MAX),
    }
}

/// The columns of a header, which must have those that the mapping names.
fn named(
    fields: &ByteRecord,
    range: &Range<usize>,
    columns: &[&str],
) -> Result<Vec<Box<str>>, Broken> {
    let names: Vec<Box<str>> = (fields.iter())
        .map(|field| String::from_utf8_lossy(field.trim_ascii()).into())
        .collect();
    for wanted in columns {
        if !names.iter().any(|name| **name == **wanted) {
            let has: Vec<&str> = names.iter().take(20).map(|name| &**name).collect();
            return Err(Broken::new(
                range.start,
                format!(
                    "the header names no `{wanted}`; it names {}",
                    has.join(", ")
                ),
            ));
        }
    }
    Ok(names)
}

fn elements<'a>(bytes: &'a [u8], path: &[String]) -> Result<Elements<'a>, Broken> {
    let Some((last, above)) = path.split_last() else {
        return Elements::new(bytes);
    };
    let mut body = Body::open(bytes)?;
    for key in above {
        body = body.inside(key)?;
    }
    Elements::of_list(bytes, body.list(last)?)
}

/// Whether a value is well formed, for lists of addresses.
pub fn item(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    match raw.kind() {
        Kind::Text => raw.text().value(),
        _ => decode::decode::<Raw<'_>>(raw.bytes())
            .ok()
            .and_then(|raw| raw.id().value()),
    }
}
