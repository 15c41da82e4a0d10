//! The pages of one collection: their requests, their order and their totals. A collection is read from its first page to
//! its last, or it is said why not.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::collection::{Collection, Paging, Request, Root};
use crate::error::{Cause, FetchError};
use crate::filter::Shape;
use crate::http::{Answer, Ask, Event};
use crate::rows;
use crate::run::{Got, How, Run, now};
use crate::select::Selection;

/// One page of a collection.
pub(super) struct Page {
    pub(super) shown: String,
    pub(super) method: String,
    pub(super) answer: Answer,
    pub(super) records: u64,
    pub(super) time: String,
}

/// Why a collection could not be read this time.
pub(super) enum Walk {
    Failed(FetchError),
    /// It changed; the next reading may do better.
    Changed(FetchError),
}

impl From<FetchError> for Walk {
    fn from(error: FetchError) -> Self {
        Walk::Failed(error)
    }
}

impl Run<'_> {
    /// Reads a collection from its first page to its last.
    pub(super) async fn walk(
        &mut self,
        collection: &Collection,
        name: &str,
        variables: &Value,
    ) -> Result<Vec<Page>, Walk> {
        let selection = Selection::of(collection.keep);
        let shape = Arc::new(match collection.root {
            Root::List => Shape::List(selection),
            Root::Object => Shape::Object(selection),
        });
        let mut pages: Vec<Page> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        let mut found = 0_u64;
        let mut total: Option<u64> = None;
        let mut last: Option<String> = None;
        let mut last_digest = None;
        let counted = self.count(collection).await?;
        for number in 1.. {
            let paged = !matches!(collection.paging, Paging::Whole);
            let page_number = paged.then_some(number);
            let ask = self.request(collection, number, found, variables);
            let ask = ask.map_err(|cause| self.fail(None, page_number, cause))?;
            let fail = |run: &Self, cause| run.fail(Some(&ask.shown), page_number, cause);
            let changed = |run: &Self, what: String| {
                Walk::Changed(run.fail(
                    Some(&ask.shown),
                    page_number,
                    Cause::Changed { what, readings: 1 },
                ))
            };
            if number > self.http.limits.pages {
                let limit = u64::from(self.http.limits.pages);
                return Err(fail(
                    self,
                    Cause::TooMany {
                        what: "pages",
                        limit,
                    },
                )
                .into());
            }
            let answered = self.send(&ask, &shape).await;
            let mut answer = answered.map_err(|cause| fail(self, cause))?;
            let time = now();
            // One object, and no list in it.
            let single = collection.rows.is_empty() && collection.root == Root::Object;
            let records = match single {
                true => Some(vec!["{}"]),
                false => rows::records(&answer.bytes, collection.rows),
            };
            let Some(records) = records else {
                let found = "something else";
                let cause = Cause::Shape {
                    want: match collection.rows {
                        [] => "a list of records".to_owned(),
                        path => format!("a list under `{}`", path.join(".")),
                    },
                    found: found.to_owned(),
                };
                return Err(fail(self, cause).into());
            };
            let mut count = records.len() as u64;
            // What the CRM says it has, page by page.
            if let Some(path) = collection.paging.total() {
                let stated = rows::number(&answer.bytes, path);
                match (total, stated) {
                    (Some(was), Some(is)) if was != is => {
                        return Err(changed(
                            self,
                            format!("it had {was} records, and then {is}"),
                        ));
                    }
                    (None, Some(_)) => total = stated,
                    _ => {}
                }
            }
            let mut bytes = None;
            let mut done = !paged;
            if paged {
                let ids: Vec<Option<String>> = records
                    .iter()
                    .map(|record| rows::value(record, collection.id))
                    .collect();
                let digest = Sha256::digest(&answer.bytes);
                let overlaps = number > 1 && matches!(collection.paging, Paging::Overlap { .. });
                // Behind a single record nothing is read twice: the page would be the one before, to the byte.
                let behind_one = overlaps && found == 1;
                if behind_one && count > 0 {
                    return Err(changed(
                        self,
                        "a page held one record, and there was another behind it".to_owned(),
                    ));
                }
                if count > 0 && last_digest == Some(digest) {
                    return Err(fail(self, Cause::PageLoop).into());
                }
                last_digest = Some(digest);
                let mut fresh = ids.as_slice();
                if overlaps && !behind_one {
                    // A record without an id proves nothing, and an empty page has no first one.
                    let first = ids.first().cloned().flatten();
                    if first.is_none() || first != last {
                        return Err(changed(
                            self,
                            "the last record of a page was not the first of the next".to_owned(),
                        ));
                    }
                    fresh = &ids[1..];
                    count -= 1;
                    bytes = Some(list(&records[1..]));
                }
                for id in fresh.iter().flatten() {
                    if !seen.insert(id.clone()) {
                        let id = self.http.scrub.clean(id, 60);
                        return Err(changed(self, format!("record {id} was on two pages")));
                    }
                }
                last = ids.last().cloned().flatten();
                done = match collection.paging {
                    Paging::Whole => true,
                    Paging::Overlap { .. } => count == 0,
                    // More than asked for: the server knows no pages, and gave everything.
                    Paging::Counted { limit, .. } => {
                        count == 0
                            || count > u64::from(limit)
                            || counted.is_some_and(|total| found + count >= total)
                    }
                    // A server that gives smaller pages than asked for is not at its end yet.
                    Paging::Variables { .. } => {
                        count == 0 || total.is_some_and(|total| found + count >= total)
                    }
                    Paging::Pages { .. } => {
                        count == 0 || total.is_some_and(|total| found + count >= total)
                    }
                };
            }
            found += count;
            self.http.tell(Event::Records {
                name,
                found,
                of: total.or(counted),
            });
            if found > self.http.limits.records {
                let limit = self.http.limits.records;
                return Err(fail(
                    self,
                    Cause::TooMany {
                        what: "records",
                        limit,
                    },
                )
                .into());
            }
            if let Some(bytes) = bytes {
                answer.bytes = bytes;
            }
            let shown = ask
                .shown
                .split_once(' ')
                .map_or("", |(_, rest)| rest)
                .to_owned();
            let method = ask.method.to_string();
            // The empty page at the end says nothing, unless it is the only one.
            if count > 0 || pages.is_empty() {
                pages.push(Page {
                    shown,
                    method,
                    answer,
                    records: count,
                    time,
                });
            }
            if done {
                let said = match counted {
                    Some(before) => {
                        let after = self.count(collection).await?;
                        if after != Some(before) {
                            let after = after.unwrap_or_default();
                            return Err(changed(
                                self,
                                format!("it had {before} records, and then {after}"),
                            ));
                        }
                        Some(before)
                    }
                    None => total,
                };
                if let Some(said) = said.filter(|said| *said != found) {
                    let cause = Cause::Count { said, found };
                    return Err(Walk::Changed(self.fail(Some(&ask.shown), None, cause)));
                }
                break;
            }
        }
        Ok(pages)
    }

    /// How many records the CRM says there are, where it says so before they are read.
    async fn count(&mut self, collection: &Collection) -> Result<Option<u64>, FetchError> {
        let (Paging::Counted { header, .. }, Request::Get(path)) =
            (&collection.paging, &collection.request)
        else {
            return Ok(None);
        };
        let url = self.url(path);
        let mut ask = Ask::get(url.map_err(|cause| self.fail(None, None, cause))?);
        ask.permission = collection.permission;
        ask.shown = ask.shown.replacen("GET", "HEAD", 1);
        let answered = self.attempt(&ask, How::Head(header)).await;
        let count = match answered.map_err(|cause| self.fail(Some(&ask.shown), None, cause))? {
            Got::Header(count) => count,
            Got::Answer(_) => None,
        };
        Ok(count.and_then(|count| count.trim().parse().ok()))
    }

    pub(super) fn request(
        &self,
        collection: &Collection,
        number: u32,
        found: u64,
        variables: &Value,
    ) -> Result<Ask, Cause> {
        let mut ask = match &collection.request {
            Request::Get(path) => {
                let mut url = self.url(path)?;
                match &collection.paging {
                    Paging::Overlap { limit } => {
                        url.query_pairs_mut()
                            .append_pair("limit", &limit.to_string())
                            .append_pair("offset", &overlapping(found).to_string());
                    }
                    Paging::Counted { limit, order, .. } => {
                        url.query_pairs_mut()
                            .append_pair(order.0, order.1)
                            .append_pair("limit", &limit.to_string())
                            .append_pair("offset", &found.to_string());
                    }
                    _ => {}
                }
                Ask::get(url)
            }
            Request::Form { path, action } => {
                let url = self.url(path)?;
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                if let Some(action) = action {
                    form.append_pair("action", action);
                }
                let shown = match action {
                    Some(action) => format!("POST {} ({action})", url.path()),
                    None => format!("POST {}", url.path()),
                };
                let kind = "application/x-www-form-urlencoded";
                Ask::post(url, shown, kind, form.finish().into_bytes())
            }
            Request::GraphQl { operation, query } => {
                let url = self.url("")?;
                let mut variables = variables.clone();
                if let Some(variables) = variables.as_object_mut() {
                    match &collection.paging {
                        Paging::Variables { limit, .. } => {
                            variables.insert("limit".to_owned(), json!(limit));
                            variables.insert("offset".to_owned(), json!(found));
                        }
                        Paging::Pages { size, .. } => {
                            let pages = json!({ "page": number, "records_per_page": size });
                            variables.insert("pages".to_owned(), pages);
                        }
                        _ => {}
                    }
                }
                let query = query.replace(
                    "$FIELDS",
                    &Selection::of(collection.keep).at(collection.rows),
                );
                let body =
                    json!({ "operationName": operation, "query": query, "variables": variables });
                let shown = format!("POST {} ({operation})", url.path());
                Ask::post(
                    url,
                    shown,
                    "application/json",
                    body.to_string().into_bytes(),
                )
            }
        };
        ask.permission = collection.permission;
        Ok(ask)
    }
}

/// A list of records, as a recorded one looks.
fn list(records: &[&str]) -> Vec<u8> {
    match records {
        [] => b"[]\n".to_vec(),
        records => format!("[\n{}\n]\n", records.join(",\n")).into_bytes(),
    }
}

/// Where the next page begins whose first record is the last of the page before; see `behind_one`.
fn overlapping(found: u64) -> u64 {
    if found == 1 {
        1
    } else {
        found.saturating_sub(1)
    }
}
