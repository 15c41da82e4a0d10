//! The input files, and how a [`Place`] in them becomes bytes, a line and a column. Nothing is located until a
//! finding is shown: compiling a hundred thousand circuits must not pay for spans nobody reads. Locating is total:
//! a route that does not exist shows the nearest thing that does.

mod csv;
mod digest;
mod json;
mod left;
#[cfg(test)]
mod tests;
mod toml;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

pub use digest::{Digest, begin as begin_digests};
pub use left::{Content, Fault, Left, Pass};

use crate::id::FileId;
use crate::ir::records::{Origin, Place};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Json,
    Csv,
    Toml,
}

#[derive(Clone, Debug)]
pub struct SourceFile {
    /// What people see: relative to the project, or `<source>/<file>` for an export outside it. Never absolute.
    pub path: String,
    pub format: Format,
    /// UTF-8 where the file was; see `transcoded`.
    pub bytes: Content,
    /// The encoding the file had, when it was not UTF-8 and `bytes` is a conversion.
    pub transcoded: Option<&'static str>,
    /// SHA-256 of the file as it was read, lower-case hex.
    pub digest: Digest,
}

#[derive(Clone, Default, Debug)]
pub struct SourceMap {
    entries: Vec<Entry>,
}

/// A file with what was worked out about it, each on first use.
#[derive(Clone, Debug)]
struct Entry {
    file: SourceFile,
    lines: OnceLock<LineIndex>,
    header: OnceLock<csv::Header>,
    keys: OnceLock<toml::Keys>,
}

/// A place as people and tools want it. Lines and columns count from 1; columns are characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Located {
    pub file: FileId,
    pub bytes: Range<usize>,
    pub line: usize,
    pub column: usize,
}

impl SourceMap {
    pub fn add(&mut self, file: SourceFile) -> FileId {
        self.entries.push(Entry {
            file,
            lines: OnceLock::new(),
            header: OnceLock::new(),
            keys: OnceLock::new(),
        });
        FileId::of(self.entries.len() - 1)
    }

    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.entries[id.ix()].file
    }

    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.entries
            .iter()
            .enumerate()
            .map(|(i, e)| (FileId::of(i), &e.file))
    }

    pub fn bytes(&self, origin: Origin) -> Cow<'_, [u8]> {
        self.file(origin.file).bytes.range(self.range(origin))
    }

    /// The whole file as an origin (its first 4 GiB).
    pub fn whole(&self, file: FileId) -> Origin {
        Origin {
            file,
            start: 0,
            len: u32::try_from(self.file(file).bytes.len()).unwrap_or(u32::MAX),
        }
    }

    /// Text of a record, lossily.
    pub fn text(&self, origin: Origin) -> Cow<'_, str> {
        match self.bytes(origin) {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
        }
    }

    /// Exact bytes of a place. A route that is not there gives the nearest thing above it that is, kept short:
    /// the opening brace of a JSON object, the row of a CSV file, the key of a TOML table.
    pub fn locate(&self, place: &Place) -> Located {
        let entry = &self.entries[place.origin.file.ix()];
        let file = &entry.file;
        let record = self.range(place.origin);
        let near = Near::of(&file.bytes, record.clone());
        let bytes = &*near.get(record.clone());
        let inside = |r: Range<usize>| record.start + r.start..record.start + r.end;
        let found = match (place.route.as_ref(), file.format) {
            ("", Format::Csv) => inside(csv::row(bytes)),
            ("", _) => inside(trimmed(bytes, 0..bytes.len())),
            (route, Format::Json) => inside(json::find(bytes, route)),
            (route, Format::Csv) => {
                let header = entry
                    .header
                    .get_or_init(|| csv::Header::read(file.bytes.whole()));
                inside(csv::find(bytes, header, route))
            }
            (route, Format::Toml) => entry
                .keys
                .get_or_init(|| toml::Keys::read(file.bytes.whole()))
                .find(route),
        };
        self.located_near(place.origin.file, found, &near)
    }

    /// Line and column of bytes that are already known.
    pub fn located(&self, file: FileId, bytes: Range<usize>) -> Located {
        let near = Near::of(&self.file(file).bytes, bytes.start..bytes.start);
        self.located_near(file, bytes, &near)
    }

    fn located_near(&self, file: FileId, bytes: Range<usize>, near: &Near<'_>) -> Located {
        let text = near.content;
        let start = bytes.start.min(text.len());
        let end = bytes.end.clamp(start, text.len());
        let lines = self.lines(file);
        let line = lines.line_of(start);
        // A file that gives no bytes any more has no characters.
        let before = lines.chars(near, lines.starts[line]);
        let column = lines.chars(near, start).saturating_sub(before);
        Located {
            file,
            bytes: start..end,
            line: line + 1,
            column: column + 1,
        }
    }

    /// Bytes of a line (from 1) without its line break.
    pub fn line(&self, file: FileId, line: usize) -> Option<Range<usize>> {
        let starts = &self.lines(file).starts;
        let start = *starts.get(line.checked_sub(1)?)?;
        let text = &self.file(file).bytes;
        let end = starts.get(line).map_or(text.len(), |next| next - 1);
        let end = if end > start && *text.glance(end - 1..end) == *b"\r" {
            end - 1
        } else {
            end
        };
        Some(start..end)
    }

    fn lines(&self, file: FileId) -> &LineIndex {
        let entry = &self.entries[file.ix()];
        entry.lines.get_or_init(|| LineIndex::of(&entry.file.bytes))
    }

    fn range(&self, origin: Origin) -> Range<usize> {
        let len = self.file(origin.file).bytes.len();
        let start = usize::try_from(origin.start).unwrap_or(len).min(len);
        let end = start.saturating_add(origin.len as usize).min(len);
        start..end
    }
}

/// `range` of `bytes` without blanks at either end.
fn trimmed(bytes: &[u8], mut range: Range<usize>) -> Range<usize> {
    while range.start < range.end && bytes[range.start].is_ascii_whitespace() {
        range.start += 1;
    }
    while range.start < range.end && bytes[range.end - 1].is_ascii_whitespace() {
        range.end -= 1;
    }
    range
}

/// A file, and what of it around a record was read already: each reading of a file that is not in memory is a call.
struct Near<'a> {
    content: &'a Content,
    start: usize,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Near<'a> {
    fn of(content: &'a Content, record: Range<usize>) -> Self {
        // With what is counted for its column.
        let start = record.start / LineIndex::BLOCK * LineIndex::BLOCK;
        Near {
            content,
            start,
            bytes: content.glance(start..record.end),
        }
    }

    fn get(&self, range: Range<usize>) -> Cow<'_, [u8]> {
        let inside = (range.start.checked_sub(self.start))
            .and_then(|start| self.bytes.get(start..range.end.checked_sub(self.start)?));
        match inside {
            Some(bytes) => Cow::Borrowed(bytes),
            None => self.content.glance(range),
        }
    }
}

/// Where lines start, and how many characters precede every block: an export is often one line of a hundred
/// megabytes, and counting its characters for each finding would take minutes.
#[derive(Clone, Debug)]
struct LineIndex {
    starts: Vec<usize>,
    blocks: Vec<usize>,
}

impl LineIndex {
    const BLOCK: usize = 4096;
    /// How much of a file that is not in memory is looked at at once.
    const PIECE: usize = 64 * Self::BLOCK;

    fn of(content: &Content) -> Self {
        let mut index = LineIndex {
            starts: vec![0],
            blocks: Vec::with_capacity(content.len() / Self::BLOCK + 1),
        };
        let mut chars = 0;
        match content {
            Content::Held(bytes) => index.add(0, bytes, &mut chars),
            Content::Left(left) => {
                let mut piece = Vec::new();
                for start in (0..left.size()).step_by(Self::PIECE) {
                    let end = (start + Self::PIECE).min(left.size());
                    // Without its bytes a file has one line. Nothing of it is shown then.
                    if left.glance(start..end, &mut piece).is_err() {
                        return LineIndex {
                            starts: vec![0],
                            blocks: Vec::new(),
                        };
                    }
                    index.add(start, &piece, &mut chars);
                }
            }
        }
        index
    }

    /// The bytes from `start` on, a multiple of [`LineIndex::BLOCK`], which `chars` characters precede.
    fn add(&mut self, start: usize, bytes: &[u8], chars: &mut usize) {
        for (i, block) in bytes.chunks(Self::BLOCK).enumerate() {
            self.blocks.push(*chars);
            *chars += count_chars(block);
            let start = start + i * Self::BLOCK;
            self.starts
                .extend(memchr::memchr_iter(b'\n', block).map(|at| start + at + 1));
        }
    }

    /// Index of the line that holds a byte.
    fn line_of(&self, at: usize) -> usize {
        self.starts.partition_point(|s| *s <= at) - 1
    }

    fn chars(&self, near: &Near<'_>, before: usize) -> usize {
        let Some(last) = self.blocks.len().checked_sub(1) else {
            return 0;
        };
        let before = before.min(near.content.len());
        let block = (before / Self::BLOCK).min(last);
        self.blocks[block] + count_chars(&near.get(block * Self::BLOCK..before))
    }
}

/// Characters of UTF-8: every byte that does not continue one.
fn count_chars(bytes: &[u8]) -> usize {
    // Counted in bytes, 255 at a time, so that the compiler can do many at once.
    bytes
        .chunks(255)
        .map(|chunk| {
            let starts: u8 = chunk.iter().map(|b| u8::from(*b & 0xC0 != 0x80)).sum();
            usize::from(starts)
        })
        .sum()
}
