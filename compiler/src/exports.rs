//! `ExportSet`: the recorded bytes of every source, complete or not there at all. Reading them is one shore of
//! the compiler (the other is writing the artifact); between the two nothing touches the disk.

use crate::id::FileId;

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
}

impl Export {
    /// Files of a collection, in page order.
    pub fn collection<'a>(&'a self, name: &'a str) -> impl Iterator<Item = FileId> + 'a {
        self.files
            .iter()
            .filter(move |f| f.collection == name)
            .map(|f| f.file)
    }
}

impl ExportSet {
    /// Names the recorded bytes of all sources together: lower-case hex.
    pub fn digest(&self, files: &crate::source_map::SourceMap) -> String {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        for export in &self.exports {
            for file in &export.files {
                let page = file.page.unwrap_or(0);
                hash.update(format!("{}\n{}\n{page}\n", export.source, file.collection));
                hash.update(&files.file(file.file).digest);
            }
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}
