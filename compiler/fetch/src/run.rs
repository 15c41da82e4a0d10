//! One fetch of one source: from its collections to a complete recording. What a collection means is not understood
//! here, nor how it comes in pages.

mod ahead;
mod pages;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;
use weir_schemas::Published as _;
use weir_schemas::export::{Export, File, Missing};

use crate::collection::{Collection, Paging};
use crate::error::{Cause, FetchError};
use crate::filter::Shape;
use crate::http::{Answer, Ask, Event, Http};
use crate::pass::Pass;
use crate::run::pages::Walk;
use crate::{Probe, Recording, Source};

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
    /// What was answered before its turn, by what was asked.
    ahead: HashMap<Vec<u8>, Result<Answer, Cause>>,
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
            ahead: HashMap::new(),
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
        let before = (ask.body.as_ref()).and_then(|(_, body)| self.ahead.remove(body));
        let answered = match before {
            Some(answer) => answer.map(Got::Answer),
            None => self.once(ask, how).await,
        };
        match answered {
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

    /// A path of the API below the source's base.
    pub fn url(&self, path: &str) -> Result<Url, Cause> {
        let base = self.source.base.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}{path}")).map_err(|error| Cause::Settings {
            message: format!("`url` cannot be used: {error}"),
            help: "write \"https://HOST\"".to_owned(),
        })
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
