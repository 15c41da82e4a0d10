//! GraphQL answers: the list of records in its envelope. An answer that reports an error is not used, also where it
//! holds data: nobody knows which records are missing from it.

use crate::exports::Export;
use crate::id::FileId;
use crate::ir::records::{MissingCollection, Origin, SourceEvidence, UnreadableFile};
use crate::source_map::SourceMap;
use crate::sources::json::body::Body;
use crate::sources::json::field::{Kind, Raw, shorten};
use crate::sources::json::{Broken, Collection, Refusal, Row, decode, read_rows_at};

/// What is behind the operation's own name or the alias that clients give it.
#[derive(Clone, Copy)]
pub struct Operation {
    pub collection: Collection,
    pub names: [&'static str; 2],
}

/// The collections of one export.
pub struct Reader<'a> {
    pub source: &'a str,
    pub export: &'a Export,
    pub files: &'a SourceMap,
}

impl Reader<'_> {
    /// Every page of a collection, in page order, and how many records the answers count where they do.
    pub fn read<T, F>(&self, operation: &Operation, evidence: &mut SourceEvidence, row: F) -> Vec<T>
    where
        T: Send,
        F: Fn(&Row<'_>, &mut SourceEvidence) -> Result<T, Refusal> + Sync,
    {
        let collection = &operation.collection;
        let mut all = Vec::new();
        let (mut read, mut counted, mut last) = (0, None, None);
        let mut whole = true;
        for file in self.export.collection(collection.name) {
            last = Some(file);
            match self.page(file, operation, &row) {
                Ok(page) => {
                    read += page.rows.read;
                    // A subscriber who signs up between two pages is no missing one.
                    counted = match (counted, page.count) {
                        (Some(a), Some(b)) => Some(std::cmp::min(a, b)),
                        (a, b) => a.or(b),
                    };
                    evidence.absorb(page.rows.evidence);
                    all.extend(page.rows.rows);
                }
                Err(broken) => {
                    whole = false;
                    unreadable(file, broken, collection.mandatory, evidence);
                }
            }
        }
        match (last, counted) {
            (None, _) => evidence.missing.push(MissingCollection {
                source: self.source.into(),
                collection: collection.name,
                optional: collection.optional,
                consequence: collection.consequence,
            }),
            (Some(file), Some(count)) if whole && read < count => {
                let broken = Broken::new(
                    0,
                    format!(
                        "the answer counts {count} records and its pages hold {read}: the recording is cut short"
                    ),
                );
                unreadable(file, broken, collection.mandatory, evidence);
            }
            _ => {}
        }
        evidence.read.push((collection.name, read));
        all
    }

    fn page<T, F>(&self, file: FileId, operation: &Operation, row: &F) -> Result<Page<T>, Broken>
    where
        T: Send,
        F: Fn(&Row<'_>, &mut SourceEvidence) -> Result<T, Refusal> + Sync,
    {
        let bytes = self.files.file(file).bytes.whole();
        let data = data(bytes)?;
        let key = name(&data, operation);
        let open = data.list(key)?;
        Ok(Page {
            rows: read_rows_at(file, bytes, open, operation.collection.name, row)?,
            count: data.raw("count").count().value(),
        })
    }

    /// The one object of each answer, by what its file is about.
    pub fn each<T, F>(
        &self,
        operation: &Operation,
        evidence: &mut SourceEvidence,
        mut one: F,
    ) -> Vec<T>
    where
        F: FnMut(&str, &Row<'_>, &mut SourceEvidence) -> Result<T, Refusal>,
    {
        let mut all = Vec::new();
        for (about, file) in self.export.each(operation.collection.name) {
            let bytes = self.files.file(file).bytes.whole();
            let read = data(bytes).and_then(|data| {
                let body = data.inside(name(&data, operation))?;
                let end = data
                    .get(name(&data, operation))
                    .map_or(body.start(), |r| r.end);
                let bytes = &bytes[body.start()..end];
                let origin = Origin {
                    file,
                    start: body.start() as u64,
                    len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                };
                one(about, &Row { bytes, origin }, evidence)
                    .map_err(|refusal| Broken::new(body.start(), refusal.reason))
            });
            match read {
                Ok(value) => all.push(value),
                Err(broken) => {
                    unreadable(file, broken, operation.collection.mandatory, evidence);
                }
            }
        }
        all
    }

    /// The rows of each answer, by what its file is about.
    pub fn each_rows<T, F>(
        &self,
        operation: &Operation,
        evidence: &mut SourceEvidence,
        row: F,
    ) -> Vec<T>
    where
        T: Send,
        F: Fn(&str, &Row<'_>, &mut SourceEvidence) -> Result<T, Refusal> + Sync,
    {
        let mut all = Vec::new();
        let mut read = 0;
        for (about, file) in self.export.each(operation.collection.name) {
            match self.page(file, operation, &|r: &Row<'_>, e: &mut SourceEvidence| {
                row(about, r, e)
            }) {
                Ok(page) => {
                    read += page.rows.read;
                    evidence.absorb(page.rows.evidence);
                    all.extend(page.rows.rows);
                }
                Err(broken) => {
                    unreadable(file, broken, operation.collection.mandatory, evidence);
                }
            }
        }
        evidence.read.push((operation.collection.name, read));
        all
    }
}

struct Page<T> {
    rows: crate::sources::json::Rows<T>,
    count: Option<u64>,
}

fn name(data: &Body<'_>, operation: &Operation) -> &'static str {
    let [own, alias] = operation.names;
    if data.get(own).is_some() { own } else { alias }
}

/// The data of an answer that reports no error.
fn data(bytes: &[u8]) -> Result<Body<'_>, Broken> {
    let answer = Body::open(bytes)?;
    if let (Some(at), Kind::List) = (answer.get("errors"), answer.kind("errors")) {
        let errors: Vec<Raw<'_>> = decode::decode(&bytes[at.clone()]).unwrap_or_default();
        if let Some(first) = errors.first() {
            #[derive(Default, serde::Deserialize)]
            #[serde(default)]
            struct Said<'a> {
                #[serde(borrow)]
                message: Raw<'a>,
            }
            let said: Said<'_> = first.object().unwrap_or_default();
            let message = said.message.text().value().unwrap_or_default();
            let partly = match answer.kind("data") {
                Kind::Object => "the answer is not complete",
                _ => "the answer is an error",
            };
            return Err(Broken::new(
                at.start,
                format!("{partly}: \"{}\"", shorten(&message)),
            ));
        }
    } else if let (Some(at), Kind::Object | Kind::Text) =
        (answer.get("errors"), answer.kind("errors"))
    {
        return Err(Broken::new(
            at.start,
            "`errors` is no list: the answer is not used",
        ));
    }
    answer.inside("data")
}

fn unreadable(file: FileId, broken: Broken, mandatory: bool, evidence: &mut SourceEvidence) {
    let origin = Origin {
        file,
        start: broken.at as u64,
        len: 0,
    };
    evidence.unreadable.push(UnreadableFile {
        place: origin.whole(),
        mandatory,
        message: broken.message,
    });
}
