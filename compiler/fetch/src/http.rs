//! One request to a CRM, until there is an answer or a cause: deadline, pauses and repetitions, redirects within the
//! origin, limits on what comes back. It does not know pages or CRMs.

use std::error::Error as StdError;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use crate::error::Cause;
use crate::fence::{Fenced, FencedResolver, Lookup, Unknown, is_this_machine, same_origin};
use crate::filter::{Feed, Kept, Shape, Unreadable, keep};
use crate::limits::Limits;
use crate::retry;
use crate::secret::Scrub;
use crate::tls::{self, Presented, Trust};

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<(&'static str, Vec<u8>)>,
    /// How messages and `export.json` name it. Never credentials.
    pub shown: String,
    /// What the key needs for it.
    pub permission: &'static str,
}

impl Ask {
    pub fn get(url: Url) -> Ask {
        let mut shown = url.path().to_owned();
        if let Some(query) = url.query() {
            shown.push('?');
            shown.push_str(query);
        }
        Ask {
            method: Method::GET,
            shown: format!("GET {shown}"),
            url,
            headers: HeaderMap::new(),
            body: None,
            permission: "",
        }
    }

    pub fn post(url: Url, shown: String, kind: &'static str, body: Vec<u8>) -> Ask {
        Ask {
            method: Method::POST,
            url,
            headers: HeaderMap::new(),
            body: Some((kind, body)),
            shown,
            permission: "",
        }
    }
}

/// Makes a request.
pub type Making<'m> = dyn Fn() -> Result<Ask, Cause> + Send + Sync + 'm;

/// An answer of the right shape.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// What is recorded of it.
    pub bytes: Vec<u8>,
    /// Bytes before anything was taken out.
    pub received: u64,
}

/// Words by which a CRM says something under status 200 that others say with a status.
#[derive(Clone, Copy, Default, Debug)]
pub struct Words {
    pub wrong_key: &'static [&'static str],
    pub busy: &'static [&'static str],
}

/// What is told while a fetch goes on.
pub trait Tell: Send + Sync {
    fn tell(&self, event: Event<'_>);
}

#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A collection is being read. `of`: how many there are.
    Collection {
        name: &'a str,
        number: usize,
        of: usize,
    },
    /// Records of the collection so far, and how many it has, when the CRM says so.
    Records {
        name: &'a str,
        found: u64,
        of: Option<u64>,
    },
    /// Bytes of the current answer so far.
    Bytes(u64),
    /// The CRM asked for a pause.
    Pause { seconds: u64, status: u16 },
    /// The collection changed while it was read, and is read again.
    Again { name: &'a str, why: &'a str },
}

pub struct Http {
    client: Client,
    /// The only servers that are talked to.
    origins: Vec<Url>,
    presented: Presented,
    pub limits: Limits,
    pub deadline: Instant,
    pub scrub: Scrub,
    words: Words,
    tell: Arc<dyn Tell>,
    received: AtomicU64,
    paused: Mutex<Duration>,
}

/// The same for every request of every Weir: some CRMs tie a token to it.
const USER_AGENT: &str = "weir";

enum Failed {
    /// Asking again will not help.
    For(Cause),
    /// It may help; the pause that the server asked for.
    Now(Cause, Option<Duration>),
}

impl From<Cause> for Failed {
    fn from(cause: Cause) -> Self {
        Failed::For(cause)
    }
}

impl Http {
    pub fn new(
        origins: Vec<Url>,
        trust: &Trust,
        lookup: Arc<dyn Lookup>,
        limits: Limits,
        words: Words,
        tell: Arc<dyn Tell>,
    ) -> Result<Http, Cause> {
        for origin in &origins {
            if origin.scheme() == "http" && !is_this_machine(origin) {
                let host = origin.host_str().unwrap_or_default().to_owned();
                return Err(Cause::Plaintext { host });
            }
        }
        let presented = Presented::default();
        let client = Client::builder()
            .tls_backend_preconfigured(tls::config(trust, &presented)?)
            .dns_resolver(FencedResolver(lookup))
            // Redirects are followed here, where origins are known; a proxy of the environment would bypass the fence.
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(limits.connect)
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| Cause::Settings {
                message: format!("no HTTP client can be made: {error}"),
                help: String::new(),
            })?;
        Ok(Http {
            client,
            origins,
            presented,
            deadline: Instant::now() + limits.total,
            limits,
            scrub: Scrub::default(),
            words,
            tell,
            received: AtomicU64::new(0),
            paused: Mutex::new(Duration::ZERO),
        })
    }

    pub fn tell(&self, event: Event<'_>) {
        self.tell.tell(event);
    }

    /// Sends a request until there is an answer of this shape, or a reason to give up. `ask` makes the request anew for
    /// each attempt: a signature is good for one.
    pub async fn ask(&self, ask: &Making<'_>, shape: &Arc<Shape>) -> Result<Answer, Cause> {
        self.repeat(|| async move {
            let (response, redirected) = self.follow(&ask()?).await?;
            self.read(response, redirected, shape).await
        })
        .await
    }

    /// What `HEAD` says in one header; `None` when the server does not know it.
    pub async fn head(
        &self,
        ask: &Making<'_>,
        header: &'static str,
    ) -> Result<Option<String>, Cause> {
        let answered = self
            .repeat(|| async move {
                let ask = Ask {
                    method: Method::HEAD,
                    ..ask()?
                };
                let (response, _) = self.follow(&ask).await?;
                let value = response.headers().get(header);
                Ok(value.and_then(|v| v.to_str().ok()).map(str::to_owned))
            })
            .await;
        match answered {
            Err(Cause::Status { .. }) => Ok(None),
            other => other,
        }
    }

    async fn repeat<T, F: Future<Output = Result<T, Failed>>>(
        &self,
        once: impl Fn() -> F,
    ) -> Result<T, Cause> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let (mut cause, asked) = match once().await {
                Ok(done) => return Ok(done),
                Err(Failed::For(cause)) => return Err(cause),
                Err(Failed::Now(cause, asked)) => (cause, asked),
            };
            if let Cause::Busy { attempts, .. } = &mut cause {
                *attempts = attempt;
            }
            let status = match &cause {
                Cause::Busy { status, .. } => *status,
                _ => 0,
            };
            if attempt >= self.limits.attempts {
                return Err(cause);
            }
            let spent = *self.paused.lock().unwrap_or_else(|e| e.into_inner());
            let pause = retry::pause(attempt, asked, spent, &self.limits, retry::jitter());
            let Some(pause) = pause else {
                return Err(match status {
                    0 => cause,
                    status => Cause::Wait { status, asked },
                });
            };
            // The deadline ends pauses as well, and earlier rather than later.
            if Instant::now() + pause >= self.deadline {
                return Err(match (status, asked) {
                    (0, _) => cause,
                    (status, asked) => Cause::Wait { status, asked },
                });
            }
            *self.paused.lock().unwrap_or_else(|e| e.into_inner()) += pause;
            if pause >= Duration::from_secs(1) {
                let seconds = pause.as_secs();
                self.tell(Event::Pause { seconds, status });
            }
            sleep(pause).await;
        }
    }

    fn late(&self) -> Cause {
        Cause::Deadline {
            limit: self.limits.total,
        }
    }

    /// Sends, and follows redirects that stay with the same server. Gives an answer with a status of success.
    async fn follow(&self, ask: &Ask) -> Result<(Response, bool), Failed> {
        let mut url = ask.url.clone();
        let mut method = ask.method.clone();
        let mut body = ask.body.clone();
        let mut redirects = 0;
        loop {
            if !self.origins.iter().any(|origin| same_origin(origin, &url)) {
                return Err(Failed::For(Cause::Redirect {
                    to: self.shown_url(&url),
                    why: "which is not the configured CRM",
                }));
            }
            let mut request = self.client.request(method.clone(), url.clone());
            request = request
                .headers(ask.headers.clone())
                .header(ACCEPT, HeaderValue::from_static("application/json"));
            if let Some((kind, body)) = &body {
                request = request.header(CONTENT_TYPE, *kind).body(body.clone());
            }
            let response = match timeout_at(self.deadline, request.send()).await {
                Err(_) => return Err(Failed::For(self.late())),
                Ok(Err(error)) => return Err(self.transport(&error, &url)),
                Ok(Ok(response)) => response,
            };
            let status = response.status();
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                redirects += 1;
                url = self.redirect(&response, &url, redirects)?;
                // As every client does: what was asked for with POST is looked at with GET.
                let keeps_method = matches!(
                    status,
                    StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
                );
                if !keeps_method && method == Method::POST {
                    method = Method::GET;
                    body = None;
                }
                continue;
            }
            if status.is_success() {
                return Ok((response, redirects > 0));
            }
            return Err(self.refused(ask, response).await);
        }
    }

    fn redirect(&self, response: &Response, from: &Url, count: u32) -> Result<Url, Failed> {
        let location = response.headers().get(LOCATION);
        let to = location
            .and_then(|location| location.to_str().ok())
            .and_then(|location| from.join(location).ok());
        let refuse = |to: String, why| Failed::For(Cause::Redirect { to, why });
        let Some(to) = to else {
            return Err(refuse("nowhere".to_owned(), "which is no address"));
        };
        if !same_origin(from, &to) {
            let why = match (from.scheme(), to.scheme()) {
                ("https", "http") => "which is not encrypted",
                _ => "which is another server: the key is not sent there",
            };
            return Err(refuse(self.shown_url(&to), why));
        }
        if count > self.limits.redirects {
            return Err(refuse(self.shown_url(&to), "and again, without end"));
        }
        Ok(to)
    }

    fn shown_url(&self, url: &Url) -> String {
        let mut url = url.clone();
        url.set_query(None);
        url.set_fragment(None);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        self.scrub.clean(url.as_str(), 200)
    }

    /// A status that is no success.
    async fn refused(&self, ask: &Ask, mut response: Response) -> Failed {
        let status = response.status().as_u16();
        let asked = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|after| retry::retry_after(after.to_str().ok()?, SystemTime::now()));
        let mut head = Vec::new();
        while head.len() < 4096 {
            match timeout_at(self.deadline, response.chunk()).await {
                Ok(Ok(Some(chunk))) => head.extend_from_slice(&chunk[..chunk.len().min(4096)]),
                _ => break,
            }
        }
        let said = self.said(&head);
        let permission = ask.permission.to_owned();
        match status {
            401 => Failed::For(Cause::WrongKey { said }),
            403 => Failed::For(Cause::Forbidden { permission, said }),
            429 | 502 | 503 | 504 => {
                let attempts = 1;
                Failed::Now(
                    Cause::Busy {
                        status,
                        attempts,
                        said,
                    },
                    asked,
                )
            }
            _ => Failed::For(Cause::Status { status, said }),
        }
    }

    /// What an error page or object says, in a line.
    fn said(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let words = match is_html(body) {
            true => title(&text),
            false => {
                let value: Option<serde_json::Value> = serde_json::from_str(&text).ok();
                let found = value.as_ref().and_then(|value| {
                    ["message", "error", "errors", "detail"]
                        .iter()
                        .find_map(|key| match value.get(*key)? {
                            serde_json::Value::String(text) => Some(text.clone()),
                            serde_json::Value::Object(inner) => {
                                Some(inner.get("message")?.as_str()?.to_owned())
                            }
                            serde_json::Value::Array(list) => {
                                Some(list.first()?.get("message")?.as_str()?.to_owned())
                            }
                            _ => None,
                        })
                });
                found.unwrap_or_else(|| text.into_owned())
            }
        };
        self.scrub.clean(&words, 200)
    }

    async fn read(
        &self,
        mut response: Response,
        redirected: bool,
        shape: &Arc<Shape>,
    ) -> Result<Answer, Failed> {
        let status = response.status().as_u16();
        if status == 204 {
            return Err(Cause::Empty { status }.into());
        }
        let (chunks, feed) = mpsc::channel::<Bytes>(16);
        let feed = Feed::new(feed, self.limits.depth);
        let wanted = Arc::clone(shape);
        let reader = tokio::task::spawn_blocking(move || keep(feed, &wanted));
        let mut received = 0;
        let fed: Result<(), Failed> = loop {
            let chunk = match timeout_at(self.deadline, response.chunk()).await {
                Err(_) => break Err(self.late().into()),
                // Broken connections and damaged compression alike: the rest is not there.
                Ok(Err(_)) => break Err(Failed::Now(Cause::Truncated, None)),
                Ok(Ok(None)) => break Ok(()),
                Ok(Ok(Some(chunk))) => chunk,
            };
            received += chunk.len() as u64;
            let all = self
                .received
                .fetch_add(chunk.len() as u64, Ordering::Relaxed);
            if received > self.limits.body {
                break Err(Cause::TooLarge {
                    limit: self.limits.body,
                }
                .into());
            }
            if all > self.limits.bodies {
                break Err(Cause::TooLarge {
                    limit: self.limits.bodies,
                }
                .into());
            }
            self.tell(Event::Bytes(received));
            // The reader has seen enough: it says why.
            if chunks.send(chunk).await.is_err() {
                break Ok(());
            }
        };
        drop(chunks);
        let (read, head) = reader.await.map_err(|_| Cause::NotJson {
            what: "it could not be read".to_owned(),
        })?;
        fed?;
        let text = || self.scrub.clean(&String::from_utf8_lossy(&head), 100);
        let cause = match read {
            Ok(kept) => match self.judge(kept, status, shape) {
                Ok(bytes) => {
                    return Ok(Answer {
                        status,
                        bytes,
                        received,
                    });
                }
                Err(failed) => return Err(failed),
            },
            Err(_) if head.iter().all(u8::is_ascii_whitespace) => Cause::Empty { status },
            Err(_) if is_html(&head) => Cause::Html {
                title: self
                    .scrub
                    .clean(&title(&String::from_utf8_lossy(&head)), 100),
                redirected,
            },
            Err(Unreadable::TooDeep) => Cause::TooDeep {
                limit: self.limits.depth,
            },
            // The connection ended as it should, and the JSON did not.
            Err(Unreadable::Ended) => return Err(Failed::Now(Cause::Truncated, None)),
            Err(Unreadable::NotJson(what)) => Cause::NotJson {
                what: format!(
                    "{} (it begins with {:?})",
                    self.scrub.clean(&what, 100),
                    text()
                ),
            },
        };
        Err(cause.into())
    }

    /// JSON came back. Is it data?
    fn judge(&self, kept: Kept, status: u16, shape: &Shape) -> Result<Vec<u8>, Failed> {
        let said = kept.said.as_deref().map(|said| self.scrub.clean(said, 200));
        if kept.fits && !kept.errors {
            // `{"error": ".."}` where an object is right, but none of its members is.
            let Some(said) = said.filter(|_| kept.bytes.starts_with(b"{}")) else {
                return Ok(kept.bytes);
            };
            return Err(self.error_body(said, status));
        }
        if kept.errors {
            let said = said.unwrap_or_default();
            let text = String::from_utf8_lossy(&kept.bytes);
            let nothing = ["{}\n", "{\"data\":null}\n"].contains(&text.as_ref());
            return Err(match nothing {
                true => self.error_body(said, status),
                false => Cause::Partial { said }.into(),
            });
        }
        if let Some(said) = said {
            return Err(self.error_body(said, status));
        }
        let want = match shape {
            Shape::List(_) => "a list of records",
            Shape::Object(_) => "an object with records",
        };
        Err(Failed::For(Cause::Shape {
            want: want.to_owned(),
            found: kept.found.to_owned(),
        }))
    }

    fn error_body(&self, said: String, status: u16) -> Failed {
        let lower = said.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if says(self.words.busy) {
            let attempts = 1;
            return Failed::Now(
                Cause::Busy {
                    status,
                    attempts,
                    said,
                },
                None,
            );
        }
        Failed::For(match says(self.words.wrong_key) {
            true => Cause::WrongKey { said },
            false => Cause::ErrorBody { said },
        })
    }

    /// There was no answer at all.
    fn transport(&self, error: &reqwest::Error, url: &Url) -> Failed {
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut next: Option<&(dyn StdError + 'static)> = Some(error);
        let mut last = String::new();
        while let Some(error) = next {
            if let Some(fenced) = error.downcast_ref::<Fenced>() {
                return Failed::For(Cause::Fenced {
                    host: fenced.host.clone(),
                    address: fenced.address.to_string(),
                    why: fenced.why,
                });
            }
            if let Some(unknown) = error.downcast_ref::<Unknown>() {
                let (host, what) = (unknown.host.clone(), unknown.what.clone());
                return Failed::Now(Cause::Dns { host, what }, None);
            }
            if let Some(tls) = error.downcast_ref::<rustls::Error>() {
                let presented = *self.presented.lock().unwrap_or_else(|e| e.into_inner());
                return Failed::For(Cause::Tls {
                    what: tls::fault(tls, &host),
                    presented: presented.as_ref().map(tls::shown),
                });
            }
            last = error.to_string();
            // An I/O error gives the source of what it holds, not what it holds.
            let held = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            next = match held {
                Some(held) => Some(held),
                None => error.source(),
            };
        }
        // A connection that broke while the answer was on its way.
        if error.is_request() && !error.is_connect() && !error.is_timeout() {
            return Failed::Now(Cause::Truncated, None);
        }
        let what = match error.is_timeout() {
            true => format!(
                "nobody answered within {} s",
                self.limits.connect.as_secs_f32()
            ),
            false => last,
        };
        let what = self.scrub.clean(&what, 200);
        Failed::Now(Cause::Connect { what }, None)
    }
}

fn is_html(body: &[u8]) -> bool {
    body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'<')
}

/// The title of a web page; empty where there is none.
fn title(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let start = lower.find("<title>").map(|at| at + "<title>".len());
    let end = start.and_then(|start| Some(start + lower[start..].find("</title>")?));
    match (start, end) {
        (Some(start), Some(end)) => html.get(start..end).unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}
