//! Names of circuits, from `ShapedDevices.csv`.
//!
//! Of a row only the first two fields are looked at, and nothing is copied: a name is a piece of the file. What is not
//! written as our own files are (a quote left open, text behind a closing quote) is read by a full reader of CSV instead;
//! both give the same names.

use std::borrow::Cow;
use std::ops::Range;

use csv::{ByteRecord, ReaderBuilder};
use memchr::{memchr, memchr2, memchr3};

type Row<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Id and name of every circuit, sorted by id as bytes; each id once.
#[derive(Clone, Default, Debug)]
pub struct Names<'a>(Vec<Row<'a>>);

impl<'a> Names<'a> {
    /// From the first two columns. The rows of a circuit have one name: the first of them is taken.
    pub fn read(csv: &'a [u8]) -> Result<Names<'a>, csv::Error> {
        let mut rows = match scan(csv) {
            Some(rows) => rows,
            None => parse(csv)?,
        };
        // As a rule they are in order.
        if !rows.is_sorted_by(|a, b| a.0 < b.0) {
            rows.dedup_by(|a, b| a.0 == b.0);
            rows.sort();
            rows.dedup_by(|a, b| a.0 == b.0);
        }
        Ok(Names(rows))
    }

    /// The place of the first circuit that is not before this id.
    pub fn first(&self, id: &str) -> usize {
        self.0.partition_point(|(known, _)| known.as_ref() < id)
    }

    /// Id and name of one circuit, counted in order of the ids.
    pub fn get(&self, at: usize) -> Option<(&str, &str)> {
        let (id, name) = self.0.get(at)?;
        Some((id, name))
    }
}

fn parse(csv: &[u8]) -> Result<Vec<Row<'static>>, csv::Error> {
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(csv);
    let mut record = ByteRecord::new();
    let mut rows = Vec::new();
    while reader.read_byte_record(&mut record)? {
        let field = |at| {
            let field = record.get(at).unwrap_or_default();
            Cow::Owned(String::from_utf8_lossy(field).into_owned())
        };
        rows.push((field(0), field(1)));
    }
    Ok(rows)
}

/// A field: where it is, where it ends, and whether quotes are doubled in it.
struct Field {
    is: Range<usize>,
    end: usize,
    doubled: bool,
}

/// Id and name of every row but the first, and but those that repeat the id of the row before. `None`: not written as
/// our own files are.
fn scan(bytes: &[u8]) -> Option<Vec<Row<'_>>> {
    // A byte order mark may stand before the first quote.
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return None;
    }
    let mut rows: Vec<Row<'_>> = Vec::new();
    let (mut at, mut header) = (0, true);
    while at < bytes.len() {
        if matches!(bytes[at], b'\n' | b'\r') {
            at += 1;
            continue;
        }
        let id = field(bytes, at)?;
        let name = match bytes.get(id.end) {
            Some(b',') => field(bytes, id.end + 1)?,
            _ => Field {
                is: id.end..id.end,
                ..id
            },
        };
        at = end_of_row(bytes, name.end)?;
        if std::mem::take(&mut header) {
            continue;
        }
        let id = text(bytes, &id)?;
        if rows.last().is_none_or(|(before, _)| *before != id) {
            rows.push((id, text(bytes, &name)?));
        }
    }
    Some(rows)
}

fn text<'a>(bytes: &'a [u8], field: &Field) -> Option<Cow<'a, str>> {
    let text = str::from_utf8(&bytes[field.is.clone()]).ok()?;
    Some(match field.doubled {
        false => Cow::Borrowed(text),
        true => Cow::Owned(text.replace("\"\"", "\"")),
    })
}

/// The field that begins here. `None`: its quote does not end, or not where the field does.
fn field(bytes: &[u8], start: usize) -> Option<Field> {
    let end_of = |at: usize| {
        memchr3(b',', b'\n', b'\r', &bytes[at..]).map_or(bytes.len(), |found| at + found)
    };
    if bytes.get(start) != Some(&b'"') {
        let end = end_of(start);
        return Some(Field {
            is: start..end,
            end,
            doubled: false,
        });
    }
    let (mut at, mut doubled) = (start + 1, false);
    loop {
        let quote = at + memchr(b'"', &bytes[at..])?;
        if bytes.get(quote + 1) == Some(&b'"') {
            (at, doubled) = (quote + 2, true);
            continue;
        }
        let ends = matches!(bytes.get(quote + 1), None | Some(b',' | b'\n' | b'\r'));
        return ends.then_some(Field {
            is: start + 1..quote,
            end: quote + 1,
            doubled,
        });
    }
}

/// Where the row ends in which a field ended here.
fn end_of_row(bytes: &[u8], mut at: usize) -> Option<usize> {
    let line = memchr2(b'\n', b'\r', &bytes[at..]).map_or(bytes.len(), |found| at + found);
    // A line break may be quoted; most rows have no quotes.
    if memchr(b'"', &bytes[at..line]).is_none() {
        return Some(line);
    }
    while bytes.get(at) == Some(&b',') {
        at = field(bytes, at + 1)?.end;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(names: &Names<'_>) -> Vec<(String, String)> {
        let rows = names.0.iter();
        rows.map(|(id, name)| (id.to_string(), name.to_string()))
            .collect()
    }

    fn read(csv: &str) -> Vec<(String, String)> {
        of(&Names::read(csv.as_bytes()).expect("it reads"))
    }

    /// By the full reader, whatever it is.
    fn parsed(csv: &[u8]) -> Vec<(String, String)> {
        let mut rows = parse(csv).expect("it reads");
        rows.dedup_by(|a, b| a.0 == b.0);
        rows.sort();
        rows.dedup_by(|a, b| a.0 == b.0);
        of(&Names(rows))
    }

    #[test]
    fn the_first_two_fields_of_every_row_are_kept_once_and_sorted() {
        let csv = "Circuit ID,Circuit Name,Device ID\n\
                   c2,\"Doe, Jo\",d1\nc2,\"Doe, Jo\",d2\r\n\n\
                   c1,\"the \"\"big\"\" one\",\"a\nb\"\nc3\n";
        let want = [("c1", "the \"big\" one"), ("c2", "Doe, Jo"), ("c3", "")];
        assert!(scan(csv.as_bytes()).is_some(), "without the full reader");
        assert_eq!(read(csv), want.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(read(""), []);
        assert_eq!(read("Circuit ID,Circuit Name\n"), []);
    }

    #[test]
    fn what_no_writer_of_ours_makes_is_read_all_the_same() {
        for csv in ["h\nc1,\"open", "h\nc1,\"a\"b,c\n", "\u{feff}\"h\"\nc1,n\n"] {
            assert!(scan(csv.as_bytes()).is_none(), "{csv:?}");
            assert_eq!(read(csv)[0].0, "c1");
        }
        let bad = b"h\nc1,\xff\nc2,\xc3,x\n";
        assert!(scan(bad).is_none());
        let want =
            [("c1", "\u{fffd}"), ("c2", "\u{fffd}")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(of(&Names::read(bad).expect("it reads")), want);
        // What is wrong elsewhere does not matter.
        assert!(scan(b"h\nc1,n,\xff\n").is_some());
    }

    proptest! {
        #[test]
        fn both_readers_agree(csv in "[ab,,\"\"\n\ré ]{0,60}") {
            if scan(csv.as_bytes()).is_some() {
                prop_assert_eq!(read(&csv), parsed(csv.as_bytes()));
            }
        }
    }
}
