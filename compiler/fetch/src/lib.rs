//! Reads the CRMs of an ISP over the network: completely, or not at all. What comes out is a recorded export, the same
//! thing that `export = "DIR"` reads, with only those fields in it that are named in the tables of `crm`.
//!
//! It does not know what the records mean, where recordings are kept, or what a project is. Nothing here writes to
//! disk or prints.

pub mod collection;
pub mod crm;
pub mod diff;
pub mod docs;
pub mod error;
pub mod fence;
mod filter;
mod http;
pub mod limits;
mod pass;
pub mod redact;
mod retry;
mod rows;
mod run;
pub mod secret;
mod select;
pub mod tls;

use std::sync::Arc;
use std::time::Duration;

use url::Url;
use weir_schemas::export::Export;

pub use crate::crm::Crm;
pub use crate::error::{Cause, FetchError};
use crate::fence::Lookup;
use crate::http::Http;
pub use crate::http::{Event, Tell};
pub use crate::limits::Limits;
use crate::run::Run;
use crate::secret::Secret;
use crate::tls::Trust;

/// How Splynx wants to be convinced.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Auth {
    /// Every request is signed.
    #[default]
    Signature,
    /// A token for half an hour.
    Token,
    /// Key and secret with every request; the key needs "Unsecure access".
    Basic,
}

/// A CRM to read, with everything that is needed for it.
#[derive(Clone)]
pub struct Source {
    /// As in `weir.toml`.
    pub name: String,
    pub kind: &'static Crm,
    /// Address of the API, as [`Crm::base`] makes it of what somebody wrote.
    pub base: Url,
    /// Where tokens are made, when that is another server.
    pub token_url: Option<Url>,
    pub key: Option<Secret>,
    pub secret: Option<Secret>,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub auth: Auth,
    /// Which ISP, where one login has several.
    pub tenant: Option<u64>,
    /// RADIUS domain, where sessions are asked for by domain.
    pub domain: Option<String>,
    pub trust: Trust,
    pub limits: Limits,
    /// Collections of the snapshot before: one that cannot be read any more is a failure.
    pub had: Vec<String>,
    /// It is not.
    pub accept_missing: bool,
    pub lookup: Arc<dyn Lookup>,
}

/// A complete recording of one source.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Name of the source.
    pub source: String,
    /// What was asked and what came back: `export.json`.
    pub export: Export,
    /// Sorted by name; those that `export` lists.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Recording {
    /// `export.json` as it is written.
    pub fn export_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(&self.export).expect("an export is JSON");
        json.push(b'\n');
        json
    }

    pub fn records(&self) -> u64 {
        self.export.files.iter().map(|file| file.records).sum()
    }
}

impl Source {
    fn http(&self, tell: Arc<dyn Tell>) -> Result<Http, Cause> {
        let origins = [Some(self.base.clone()), self.token_url.clone()];
        let mut http = Http::new(
            origins.into_iter().flatten().collect(),
            &self.trust,
            Arc::clone(&self.lookup),
            self.limits.clone(),
            self.kind.words,
            tell,
        )?;
        for secret in [&self.key, &self.secret, &self.password]
            .into_iter()
            .flatten()
        {
            http.scrub.add(secret);
        }
        Ok(http)
    }

    /// The settings that this kind of CRM needs are there.
    pub fn check(&self) -> Result<(), Cause> {
        for need in self.kind.needs {
            let there = match need.setting {
                "key" => self.key.is_some(),
                "secret" => self.secret.is_some(),
                "user" => self.user.is_some(),
                "password" => self.password.is_some(),
                _ => true,
            };
            if need.always && !there {
                return Err(Cause::Settings {
                    message: format!("`{}` is not set: {}", need.setting, need.what),
                    help: format!(
                        "add {} to this [[source]]; docs/fetching.md says how to make one",
                        match need.setting {
                            "user" => "user = \"..\"".to_owned(),
                            setting =>
                                format!("{setting} = {{ file = \"secrets/{}\" }}", self.name),
                        }
                    ),
                });
            }
        }
        Ok(())
    }
}

/// What a source gave for one collection when it was probed.
#[derive(Clone, Debug)]
pub struct Probe {
    pub collection: String,
    pub records: u64,
    pub took: Duration,
    /// It cannot be read, and why.
    pub error: Option<FetchError>,
    /// What is lost without it, where a source may do without.
    pub optional: Option<&'static str>,
}

/// Reads all of one source as [`fetch`] does, keeps nothing, and goes on where single collections cannot be read.
pub async fn probe(source: &Source, tell: Arc<dyn Tell>) -> (Vec<Probe>, Option<FetchError>) {
    let fail = |cause| FetchError {
        source: source.name.clone(),
        request: None,
        page: None,
        cause,
    };
    let checked = source.check().and_then(|()| source.http(tell));
    let http = match checked {
        Ok(http) => http,
        Err(cause) => return (Vec::new(), Some(fail(cause))),
    };
    let mut run = Run::new(source, http);
    run.probes = Some(Vec::new());
    let error = (source.kind.fetch)(&mut run).await.err();
    (run.probes.unwrap_or_default(), error)
}

/// Reads all of one source.
pub async fn fetch(source: &Source, tell: Arc<dyn Tell>) -> Result<Recording, FetchError> {
    let fail = |cause| FetchError {
        source: source.name.clone(),
        request: None,
        page: None,
        cause,
    };
    source.check().map_err(fail)?;
    let http = source.http(tell).map_err(fail)?;
    // Every request ends at the deadline, and says which one it was. This is for what is no request.
    let deadline = http.deadline + Duration::from_secs(1);
    let mut run = Run::new(source, http);
    match tokio::time::timeout_at(deadline, (source.kind.fetch)(&mut run)).await {
        Ok(Ok(())) => Ok(run.finish()),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(fail(Cause::Deadline {
            limit: source.limits.total,
        })),
    }
}
