//! One fetch of one source: from its collections to a complete recording. Pages, their order and their totals are
//! understood here; what a collection means is not.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;
use weir_schemas::Published as _;
use weir_schemas::export::{Export, File, Missing};

use crate::collection::{Collection, Paging, Request, Root};
use crate::error::{Cause, FetchError};
use crate::filter::Shape;
use crate::http::{Answer, Ask, Event, Http};
use crate::rows;
use crate::secret::Secret;
use crate::select::Selection;
use crate::{Probe, Recording, Source};

/// How a request shows who we are.
pub enum Pass {
    Nobody,
    Headers(Vec<(HeaderName, HeaderValue)>),
    /// A member of the form in the body.
    Form(&'static str, Secret),
    /// Splynx: every request is signed, with a number that grows.
    Signature {
        key: Secret,
        secret: Secret,
    },
}

/// A header that is not shown in logs.
pub fn header(name: &'static str, value: &str) -> Result<(HeaderName, HeaderValue), Cause> {
    let mut value = HeaderValue::from_str(value).map_err(|_| Cause::Settings {
        message: "the key has characters that no key has".to_owned(),
        help: "is it the right file or variable?".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok((HeaderName::from_static(name), value))
}

/// `Authorization: Basic ..`
pub fn basic(user: &str, password: &Secret) -> Result<(HeaderName, HeaderValue), Cause> {
    let both = zeroize::Zeroizing::new(format!("{user}:{}", password.expose()));
    let coded = zeroize::Zeroizing::new(BASE64_STANDARD.encode(both.as_bytes()));
    let (_, value) = header("authorization", &format!("Basic {}", *coded))?;
    Ok((AUTHORIZATION, value))
}

/// Splynx's signature of one request, as the members of a form.
pub fn signature(key: &Secret, secret: &Secret, nonce: u64) -> (String, String) {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("a key of any length will do");
    mac.update(nonce.to_string().as_bytes());
    mac.update(key.expose().as_bytes());
    let digest = mac.finalize().into_bytes();
    let signature: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    (nonce.to_string(), signature)
}

/// Hundredths of seconds since 1970, and never the same twice: a server that has seen a number takes none below it. Nor
/// ever ahead of the clock, or the next process would begin below the last number of this one: against a server that
/// answers within a hundredth of a second this waits for what is left of it.
pub fn nonce() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let clock = || {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(now.as_millis() / 10).unwrap_or_default()
    };
    let now = clock();
    let last = LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| {
        Some(now.max(last + 1))
    });
    let next = now.max(last.unwrap_or_default() + 1);
    // A clock that is set back would make this wait for ever; a server that minds says so.
    let ahead = next.saturating_sub(clock()).min(10);
    thread::sleep(Duration::from_millis(10 * ahead));
    next
}

pub fn now_seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

fn now() -> String {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0);
    let now = now.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    now.format(&Rfc3339).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A fetch under way.
pub struct Run<'a> {
    pub source: &'a Source,
    pub http: Http,
    pub pass: Pass,
    /// Seconds since 1970 when the pass must be made anew.
    pub expires: Option<u64>,
    /// Which ISP is read, where a login has several.
    pub tenant: Option<u64>,
    /// `Some`: nothing is recorded, and what cannot be read is noted.
    pub probes: Option<Vec<Probe>>,
    renewed: bool,
    files: Vec<(File, Vec<u8>)>,
    missing: Vec<Missing>,
    started: String,
    number: usize,
}

/// What is wanted of an answer.
#[derive(Clone, Copy)]
enum How<'s> {
    Read(&'s Arc<Shape>),
    Head(&'static str),
}

enum Got {
    Answer(Answer),
    Header(Option<String>),
}

/// One page of a collection.
struct Page {
    shown: String,
    method: String,
    answer: Answer,
    records: u64,
    time: String,
}

/// Why a collection could not be read this time.
enum Walk {
    Failed(FetchError),
    /// It changed; the next reading may do better.
    Changed(FetchError),
}

impl From<FetchError> for Walk {
    fn from(error: FetchError) -> Self {
        Walk::Failed(error)
    }
}

impl<'a> Run<'a> {
    pub fn new(source: &'a Source, http: Http) -> Run<'a> {
        Run {
            source,
            http,
            pass: Pass::Nobody,
            expires: None,
            tenant: None,
            probes: None,
            renewed: false,
            files: Vec::new(),
            missing: Vec::new(),
            started: now(),
            number: 0,
        }
    }

    pub fn fail(&self, request: Option<&str>, page: Option<u32>, cause: Cause) -> FetchError {
        FetchError {
            source: self.source.name.clone(),
            request: request.map(str::to_owned),
            page,
            cause,
        }
    }

    async fn send(&mut self, ask: &Ask, shape: &Arc<Shape>) -> Result<Answer, Cause> {
        match self.attempt(ask, How::Read(shape)).await? {
            Got::Answer(answer) => Ok(answer),
            Got::Header(_) => Err(Cause::Empty { status: 204 }),
        }
    }

    async fn once(&self, ask: &Ask, how: How<'_>) -> Result<Got, Cause> {
        let making = || self.passed(ask);
        Ok(match how {
            How::Read(shape) => Got::Answer(self.http.ask(&making, shape).await?),
            How::Head(header) => Got::Header(self.http.head(&making, header).await?),
        })
    }

    /// Sends one request with the pass, and makes a new pass once when the old one is not taken any more.
    async fn attempt(&mut self, ask: &Ask, how: How<'_>) -> Result<Got, Cause> {
        // A token that ends while the answer is on its way would be refused half-way.
        if self
            .expires
            .is_some_and(|expires| now_seconds() + 30 >= expires)
        {
            self.authenticate().await?;
        }
        match self.once(ask, how).await {
            Err(Cause::WrongKey { .. } | Cause::Forbidden { .. })
                if self.expires.is_some() && !self.renewed =>
            {
                self.renewed = true;
                self.authenticate().await?;
                let answer = self.once(ask, how).await;
                self.renewed = answer.is_err();
                answer
            }
            other => other,
        }
    }

    /// Makes the pass, as the CRM wants it.
    pub async fn authenticate(&mut self) -> Result<(), Cause> {
        let authenticate = self.source.kind.authenticate;
        authenticate(self).await
    }

    fn passed(&self, ask: &Ask) -> Result<Ask, Cause> {
        let mut ask = ask.clone();
        match &self.pass {
            Pass::Nobody => {}
            Pass::Headers(headers) => ask.headers.extend(
                headers
                    .iter()
                    .map(|(name, value)| (Some(name.clone()), value.clone())),
            ),
            Pass::Form(name, secret) => {
                if let Some((_, body)) = &mut ask.body {
                    let mut form = url::form_urlencoded::Serializer::new(String::new());
                    form.append_pair(name, secret.expose());
                    if !body.is_empty() {
                        body.push(b'&');
                    }
                    body.extend_from_slice(form.finish().as_bytes());
                }
            }
            Pass::Signature { key, secret } => {
                let (nonce, signature) = signature(key, secret, nonce());
                let form = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("key", key.expose())
                    .append_pair("nonce", &nonce)
                    .append_pair("signature", &signature)
                    .finish();
                ask.headers
                    .extend([header("authorization", &format!("Splynx-EA ({form})"))
                        .map(|(name, value)| (Some(name), value))?]);
            }
        }
        Ok(ask)
    }

    /// Reads one collection completely and records it.
    pub async fn collect(
        &mut self,
        collection: &Collection,
        variables: Value,
    ) -> Result<(), FetchError> {
        self.collect_as(collection, collection.name, variables)
            .await
    }

    /// The same under another name: one recording for each of several questions.
    pub async fn collect_as(
        &mut self,
        collection: &Collection,
        name: &str,
        variables: Value,
    ) -> Result<(), FetchError> {
        self.number += 1;
        let of = self.source.kind.collections.len().max(self.number);
        self.http.tell(Event::Collection {
            name,
            number: self.number,
            of,
        });
        let started = Instant::now();
        let read = self.read(collection, name, &variables).await;
        if let Some(probes) = &mut self.probes {
            let error = read.as_ref().err().cloned();
            // Without key, network or time the others will not do better.
            let hopeless = error.as_ref().is_some_and(|error| {
                !matches!(
                    error.cause,
                    Cause::Forbidden { .. }
                        | Cause::Status { .. }
                        | Cause::Shape { .. }
                        | Cause::ErrorBody { .. }
                        | Cause::Partial { .. }
                        | Cause::Count { .. }
                        | Cause::Changed { .. }
                        | Cause::Gone { .. }
                )
            });
            let files = self
                .files
                .iter()
                .filter(|(file, _)| file.collection == name);
            let missing = self
                .missing
                .iter()
                .find(|missing| missing.collection == name);
            probes.push(Probe {
                collection: name.to_owned(),
                records: files.map(|(file, _)| file.records).sum(),
                took: started.elapsed(),
                error: error.or_else(|| {
                    missing.map(|missing| FetchError {
                        source: self.source.name.clone(),
                        request: None,
                        page: None,
                        cause: Cause::Forbidden {
                            permission: collection.permission.to_owned(),
                            said: missing.reason.clone(),
                        },
                    })
                }),
                optional: collection.optional,
            });
            if !hopeless {
                return Ok(());
            }
        }
        read
    }

    /// Reads a collection, again if it changes meanwhile, and records it.
    async fn read(
        &mut self,
        collection: &Collection,
        name: &str,
        variables: &Value,
    ) -> Result<(), FetchError> {
        let mut reading = 1;
        let pages = loop {
            match self.walk(collection, name, variables).await {
                Ok(pages) => break pages,
                Err(Walk::Changed(error)) if reading < self.http.limits.readings => {
                    reading += 1;
                    let why = error.cause.to_string();
                    self.http.tell(Event::Again { name, why: &why });
                }
                Err(Walk::Changed(mut error)) => {
                    if let Cause::Changed { readings, .. } = &mut error.cause {
                        *readings = reading;
                    }
                    return Err(error);
                }
                Err(Walk::Failed(error)) => {
                    return self.without(collection, name, error);
                }
            }
        };
        let paged = !matches!(collection.paging, Paging::Whole);
        for (page, number) in pages.into_iter().zip(1..) {
            let file = File {
                name: match paged {
                    true => format!("{name}.page-{number}.json"),
                    false => format!("{name}.json"),
                },
                collection: name.to_owned(),
                page: paged.then_some(number),
                method: page.method,
                request: page.shown,
                status: page.answer.status,
                time: page.time,
                records: page.records,
                received: page.answer.received,
                sha256: hex(&Sha256::digest(&page.answer.bytes)),
                complete: true,
            };
            self.files.push((file, page.answer.bytes));
        }
        Ok(())
    }

    /// A collection that cannot be read: is that a failure?
    fn without(
        &mut self,
        collection: &Collection,
        name: &str,
        error: FetchError,
    ) -> Result<(), FetchError> {
        let said = match &error.cause {
            Cause::Forbidden { said, .. } => said.clone(),
            Cause::Status {
                status: 404 | 405 | 501,
                said,
            } => said.clone(),
            _ => return Err(error),
        };
        if collection.optional.is_none() {
            return Err(error);
        }
        let had = self.source.had.iter().any(|had| had == name);
        if had && !self.source.accept_missing {
            let cause = Cause::Gone {
                collection: name.to_owned(),
                said,
            };
            return Err(FetchError { cause, ..error });
        }
        self.missing.push(Missing {
            collection: name.to_owned(),
            reason: error.cause.to_string(),
        });
        Ok(())
    }

    /// Reads a collection from its first page to its last.
    async fn walk(
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

    /// A path of the API below the source's base.
    pub fn url(&self, path: &str) -> Result<Url, Cause> {
        let base = self.source.base.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}{path}")).map_err(|error| Cause::Settings {
            message: format!("`url` cannot be used: {error}"),
            help: "write \"https://HOST\"".to_owned(),
        })
    }

    fn request(
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

    /// What was recorded under a name so far.
    pub fn recorded(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let files = self
            .files
            .iter()
            .filter(move |(file, _)| file.collection == name);
        files.map(|(_, bytes)| bytes.as_slice())
    }

    pub fn finish(mut self) -> Recording {
        self.files.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        self.missing.sort_by(|a, b| a.collection.cmp(&b.collection));
        let mut instance = self.source.base.clone();
        instance.set_path("");
        instance.set_query(None);
        let (files, bytes): (Vec<File>, Vec<Vec<u8>>) = self.files.into_iter().unzip();
        let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
        let mut export = Export {
            schema: Export::SCHEMA.to_owned(),
            kind: self.source.kind.kind.to_owned(),
            instance: instance.as_str().trim_end_matches('/').to_owned(),
            digest: String::new(),
            started: self.started,
            finished: now(),
            complete: true,
            files,
            missing: self.missing,
        };
        export.digest = hex(&Sha256::digest(export.digest_text()));
        Recording {
            source: self.source.name.clone(),
            export,
            files: names.into_iter().zip(bytes).collect(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The next process begins with the clock: what this one used must not be ahead of it.
    #[test]
    fn numbers_grow_and_are_never_ahead_of_the_clock() {
        let mut last = 0;
        for _ in 0..5 {
            let number = nonce();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            assert!(number > last, "{number} after {last}");
            assert!(
                u128::from(number) <= now.as_millis() / 10,
                "{number} is ahead"
            );
            last = number;
        }
    }

    #[test]
    fn a_signature_is_the_published_one() {
        let key = Secret::new("jbi0000000000000000000000000key1");
        let secret = Secret::new("jbi000000000000000000000000sec1");
        for (nonce, want) in [
            (
                176722740000,
                "51328A1CB68830BBB4494FE958056BBC87DF151D7080E8D29A5E1CFEE9E7B8D6",
            ),
            (
                1767227400,
                "5FC7057BB8EA0B2C8C8EC2875CD168640756C75D274B222ABD488F6CDCA54597",
            ),
        ] {
            assert_eq!(
                signature(&key, &secret, nonce),
                (nonce.to_string(), want.to_owned())
            );
        }
        let (_, value) = basic(key.expose(), &secret).unwrap();
        assert!(value.is_sensitive());
        assert_eq!(
            value.to_str().unwrap(),
            "Basic amJpMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMGtleTE6amJpMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwc2VjMQ=="
        );
    }
}
