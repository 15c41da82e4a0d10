//! The input files, and how a [`Place`](crate::ir::records::Place) in them becomes bytes, a line and a column. Nothing is located until a
//! finding is shown: compiling a hundred thousand circuits must not pay for spans nobody reads.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

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
    pub bytes: Arc<[u8]>,
    /// The encoding the file had, when it was not UTF-8 and `bytes` is a conversion.
    pub transcoded: Option<&'static str>,
    /// SHA-256 of the file as it was read, lower-case hex.
    pub digest: String,
}

#[derive(Clone, Default, Debug)]
pub struct SourceMap {
    files: Vec<SourceFile>,
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
        self.files.push(file);
        FileId::of(self.files.len() - 1)
    }

    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.ix()]
    }

    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files
            .iter()
            .enumerate()
            .map(|(i, f)| (FileId::of(i), f))
    }

    pub fn bytes(&self, origin: Origin) -> &[u8] {
        let bytes = &self.file(origin.file).bytes;
        let start = (origin.start as usize).min(bytes.len());
        let end = (start + origin.len as usize).min(bytes.len());
        &bytes[start..end]
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
        String::from_utf8_lossy(self.bytes(origin))
    }

    /// Where a place stands: the start of its record.
    pub fn locate(&self, place: &Place) -> Located {
        let file = place.origin.file;
        let bytes = &self.file(file).bytes;
        let start = (place.origin.start as usize).min(bytes.len());
        let end = (start + place.origin.len as usize).min(bytes.len());
        let before = &bytes[..start];
        let line_start = before
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        Located {
            file,
            bytes: start..end,
            line: before.iter().filter(|&&b| b == b'\n').count() + 1,
            column: String::from_utf8_lossy(&before[line_start..])
                .chars()
                .count()
                + 1,
        }
    }
}
