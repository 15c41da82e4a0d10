//! A column of a CSV row to bytes. The route is a column's header, compared as people compare headers (case,
//! blanks and punctuation do not count when no exact name fits), or `#3` for the third column of the row.

use std::ops::Range;

/// The names of a file's columns: its first row that is neither blank nor a `#` comment.
#[derive(Clone, Default, Debug)]
pub struct Header {
    names: Vec<String>,
}

impl Header {
    pub fn read(file: &[u8]) -> Header {
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .from_reader(file);
        let mut record = ::csv::ByteRecord::new();
        let names = match reader.read_byte_record(&mut record) {
            Ok(true) => record
                .iter()
                .map(|f| {
                    String::from_utf8_lossy(f)
                        .trim_start_matches('\u{feff}')
                        .trim()
                        .to_owned()
                })
                .collect(),
            _ => Vec::new(),
        };
        Header { names }
    }

    fn column(&self, route: &str) -> Option<usize> {
        if let Some(number) = route.strip_prefix('#') {
            return number.parse::<usize>().ok()?.checked_sub(1);
        }
        let exact = self.names.iter().position(|n| n == route);
        exact.or_else(|| self.names.iter().position(|n| folded(n).eq(folded(route))))
    }
}

fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
}

/// The row in a record's bytes: a reader's positions may include the blank and comment lines before it.
pub fn row(record: &[u8]) -> Range<usize> {
    let mut start = 0;
    while let Some(b) = record.get(start) {
        match b {
            b'\r' | b'\n' => start += 1,
            b'#' => match record[start..].iter().position(|b| *b == b'\n') {
                Some(end) if end + 1 < record.len() - start => start += end + 1,
                _ => break,
            },
            _ => break,
        }
    }
    let mut end = record.len();
    while end > start && matches!(record[end - 1], b'\r' | b'\n') {
        end -= 1;
    }
    start..end
}

/// The field, quotes included and blanks around it left out; the row when it has no such column, and when it has
/// another number of fields than the header: nobody knows then which is which.
pub fn find(record: &[u8], header: &Header, route: &str) -> Range<usize> {
    let row = row(record);
    let text = &record[row.clone()];
    let fits = route.starts_with('#') || fields(text).count() == header.names.len();
    let column = header.column(route).filter(|_| fits);
    match column.and_then(|column| fields(text).nth(column)) {
        Some(field) => super::trimmed(record, row.start + field.start..row.start + field.end),
        None => row,
    }
}

/// Byte ranges of the fields of one row, as the `csv` crate splits it.
pub fn fields(row: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let mut at = start;
        let mut quoted = false;
        if row.get(at) == Some(&b'"') {
            quoted = true;
            at += 1;
        }
        loop {
            match row.get(at) {
                None => {
                    next = None;
                    return Some(start..row.len());
                }
                Some(b'"') if quoted && row.get(at + 1) == Some(&b'"') => at += 2,
                Some(b'"') if quoted => {
                    quoted = false;
                    at += 1;
                }
                Some(b',') if !quoted => {
                    next = Some(at + 1);
                    return Some(start..at);
                }
                Some(b'\r' | b'\n') if !quoted => {
                    next = None;
                    return Some(start..at);
                }
                Some(_) => at += 1,
            }
        }
    })
}
