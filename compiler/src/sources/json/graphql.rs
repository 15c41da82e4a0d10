//! Answers of a GraphQL server: the records stand in a list below `data`, in pages that say how many there are. What a
//! server could not answer it says in `errors` beside a part of the data, which is then not complete. Shared by the
//! sources that are read over GraphQL; knows no CRM and no field names but those of GraphQL and of pages.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::ir::records::{MissingCollection, Origin, SourceEvidence, UnreadableFile};
use crate::sources::found::{Fact, Found, Reader, settle};
use crate::sources::json::decode::decode;
use crate::sources::json::field::{Kind, List, Object, Raw, shorten};
use crate::sources::json::{Broken, Collection, Refusal, Row, error_message, read_rows_at, skip};

/// Where the records of an answer stand: `data`, the name of the root field, and the list in it.
#[derive(Clone, Copy, Debug)]
pub struct Root {
    pub field: &'static str,
    pub list: &'static str,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Object<'a, BTreeMap<String, Raw<'a>>>,
    #[serde(borrow)]
    errors: List<Object<'a, GraphqlError<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GraphqlError<'a> {
    #[serde(borrow)]
    message: Raw<'a>,
    #[serde(borrow)]
    path: List<Raw<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PageInfo<'a> {
    #[serde(borrow)]
    total_count: Raw<'a>,
    #[serde(borrow)]
    total_pages: Raw<'a>,
}

/// What one answer holds.
struct Page {
    /// Where the list begins.
    list: usize,
    /// Why the answer is not complete, when it says so itself.
    partial: Option<String>,
    records: Option<u64>,
    pages: Option<u64>,
}

impl Page {
    fn of(bytes: &[u8], root: Root) -> Result<Page, Broken> {
        let start = skip::blanks(bytes, 0);
        match Kind::of(bytes.get(start)) {
            Kind::Object => {}
            Kind::Missing if bytes.len() == start => {
                return Err(Broken::new(start, "the file is empty"));
            }
            _ if bytes.get(start) == Some(&b'<') => {
                return Err(Broken::new(
                    start,
                    "a web page where an answer is expected: was it saved from a browser, a proxy or a login form?",
                ));
            }
            kind => {
                return Err(Broken::new(
                    start,
                    format!("{} where an answer, an object, is expected", kind.word()),
                ));
            }
        }
        if skip::nested(bytes, start).is_none() {
            return Err(Broken::new(
                bytes.len(),
                "the file ends in the middle of the answer: it is truncated",
            ));
        }
        let answer: Answer<'_> = decode(&bytes[start..])
            .map_err(|why| Broken::new(start, format!("not readable as JSON: {why}")))?;
        if let List::Not(kind) = &answer.errors {
            return Err(Broken::new(
                start,
                format!(
                    "`errors` is {} where a list belongs: the answer is not used",
                    kind.word()
                ),
            ));
        }
        let said = errors(answer.errors.items());
        let root_field = (answer.data.get()).and_then(|data| data.get(root.field).copied());
        let members: BTreeMap<String, Raw<'_>> = match root_field.and_then(Raw::object) {
            Some(members) => members,
            None if said.is_some() || answer.data.get().is_none() => {
                return Err(Broken::new(
                    start,
                    match said.or_else(|| error_message(&bytes[start..])) {
                        Some(what) => format!("the server answered with an error: {what}"),
                        None => "an object without `data` where an answer is expected".to_owned(),
                    },
                ));
            }
            None => {
                return Err(Broken::new(
                    start,
                    format!(
                        "the answer holds no `{}`: is it that of another query?",
                        root.field
                    ),
                ));
            }
        };
        let list = members.get(root.list).copied().unwrap_or_default();
        if list.kind() != Kind::List {
            return Err(Broken::new(
                start,
                format!(
                    "`{}.{}` is {}, not a list",
                    root.field,
                    root.list,
                    list.kind().word()
                ),
            ));
        }
        let info: PageInfo<'_> = (members.get("page_info"))
            .and_then(|info| info.object())
            .unwrap_or_default();
        Ok(Page {
            list: list.bytes().as_ptr() as usize - bytes.as_ptr() as usize,
            partial: said,
            records: info.total_count.count().value(),
            pages: info.total_pages.count().value(),
        })
    }
}

/// `Internal server error at accounts.entities.3, and 2 more`
fn errors(errors: &[Object<'_, GraphqlError<'_>>]) -> Option<String> {
    let first = errors.first()?;
    let empty = GraphqlError::default();
    let first = first.get().unwrap_or(&empty);
    let message = first.message.text().value().unwrap_or_default();
    let mut said = match message.trim() {
        "" => "an error without a message".to_owned(),
        message => shorten(message),
    };
    let path: Vec<String> = (first.path.items().iter())
        .filter_map(|step| step.id().value())
        .map(|step| step.into_owned())
        .collect();
    if !path.is_empty() {
        said += &format!(" at {}", shorten(&path.join(".")));
    }
    if errors.len() > 1 {
        said += &format!(", and {} more", errors.len() - 1);
    }
    Some(said)
}

impl Reader<'_> {
    /// All records of a collection of GraphQL answers, one an id, sorted by id.
    pub fn read_graphql<T, F>(
        &self,
        collection: &Collection,
        root: Root,
        evidence: &mut SourceEvidence,
        row: F,
    ) -> Vec<Found<T>>
    where
        T: Fact + Send + Sync,
        F: Fn(&Row<'_>, &mut SourceEvidence) -> Result<Found<T>, Refusal> + Sync,
    {
        let mut all = Vec::new();
        let mut read = 0;
        let mut files = 0u64;
        // The last page's word on how much there should be.
        let mut said: Option<(Origin, Page)> = None;
        let mut broken = false;
        for file in self.export.collection(collection.name) {
            files += 1;
            let bytes = self.files.file(file).bytes.whole();
            let whole = |at: usize| Origin {
                file,
                start: at as u64,
                len: 0,
            };
            let mut fail = |at: usize, message: String| {
                evidence.unreadable.push(UnreadableFile {
                    place: whole(at).whole(),
                    mandatory: collection.mandatory,
                    message,
                });
            };
            let page = match Page::of(bytes, root) {
                Ok(page) => page,
                Err(why) => {
                    broken = true;
                    fail(why.at, why.message);
                    continue;
                }
            };
            if let Some(partial) = &page.partial {
                broken = true;
                fail(
                    0,
                    format!("the answer is partial, the server failed on some of it: {partial}"),
                );
            }
            match read_rows_at(file, bytes, page.list, collection.name, &row) {
                Ok(rows) => {
                    read += rows.read;
                    evidence.absorb(rows.evidence);
                    all.extend(rows.rows);
                }
                Err(why) => {
                    broken = true;
                    fail(why.at, why.message);
                }
            }
            said = Some((whole(0), page));
        }
        if files == 0 {
            evidence.missing.push(MissingCollection {
                source: self.source.name.as_str().into(),
                collection: collection.name,
                optional: collection.optional,
                consequence: collection.consequence,
            });
        }
        evidence.read.push((collection.name, read));
        let before = evidence.repeats.len();
        let all = settle(all, evidence);
        let repeated = (evidence.repeats.len() - before) as u64;
        if let Some((origin, page)) = said
            && !broken
        {
            let short = match (page.pages, page.records) {
                (Some(pages), _) if pages > files => Some(format!(
                    "the last page counts {pages} pages, but there are {files}"
                )),
                (_, Some(records)) if records > read.saturating_sub(repeated) => Some(format!(
                    "the last page counts {records} records, but the pages hold {}: one was skipped while they were read",
                    read.saturating_sub(repeated)
                )),
                _ => None,
            };
            if let Some(message) = short {
                evidence.unreadable.push(UnreadableFile {
                    place: origin.whole(),
                    mandatory: collection.mandatory,
                    message,
                });
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Root = Root {
        field: "accounts",
        list: "entities",
    };

    #[test]
    fn an_answer_is_a_list_or_says_why_not() {
        for (text, want) in [
            (r#"{"data": {"accounts": {"entities": [{}]}}}"#, Ok(b'[')),
            (
                r#" {"data": {"accounts": {"page_info": {"total_count": "7"}, "entities": []}}}"#,
                Ok(b'['),
            ),
            ("", Err("the file is empty")),
            ("[]", Err("a list where an answer, an object, is expected")),
            (
                "<!DOCTYPE html>",
                Err(
                    "a web page where an answer is expected: was it saved from a browser, a proxy or a login form?",
                ),
            ),
            (
                r#"{"data": {"accounts": {"enti"#,
                Err("the file ends in the middle of the answer: it is truncated"),
            ),
            (
                r#"{"errors": [{"message": "Unauthenticated."}, {}]}"#,
                Err("the server answered with an error: Unauthenticated., and 1 more"),
            ),
            (
                r#"{"errors": [{"message": "no", "path": ["accounts", 3]}], "data": {"accounts": null}}"#,
                Err("the server answered with an error: no at accounts.3"),
            ),
            (
                r#"{"errors": {"message": "no"}, "data": {"accounts": {"entities": []}}}"#,
                Err("`errors` is an object where a list belongs: the answer is not used"),
            ),
            (
                r#"{"error": "Request limit of 400/min reached."}"#,
                Err("the server answered with an error: Request limit of 400/min reached."),
            ),
            (
                r#"{"data": {"network_sites": {"entities": []}}}"#,
                Err("the answer holds no `accounts`: is it that of another query?"),
            ),
            (
                r#"{"data": {"accounts": {"entities": {}}}}"#,
                Err("`accounts.entities` is an object, not a list"),
            ),
        ] {
            let got = Page::of(text.as_bytes(), ROOT).map(|page| text.as_bytes()[page.list]);
            let got = got.map_err(|broken| broken.message);
            assert_eq!(got, want.map_err(str::to_owned), "{text}");
        }
    }
}
