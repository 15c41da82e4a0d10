//! The one way in. Every request passes here, in this order: the name it was asked under, where it comes from, who is
//! signed in, what they may, and only then what it is about.
//!
//! It knows roles and routes, and nothing of what pages show.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Form;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest as _, Query, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use tokio::sync::{Semaphore, watch};

use crate::app::App;
use crate::ask::{Ask, Cookie, Reply, Who, refuse};
use crate::config::{ConfigError, Public};
use crate::routes::{Does, Route};
use crate::session::{self, IDLE, Sessions};
use crate::throttle::Throttle;
use crate::userfile::UserFile;
use crate::{assets, pages};

/// Bytes of a form at most.
const LONGEST_FORM: usize = 64 * 1024;
/// Bytes of an address at most.
const LONGEST_URI: usize = 8 * 1024;
/// How long a form may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pages made at once; the others wait. What may take seconds has places of its own, so that it takes none from pages.
const WORKERS: usize = 8;
const SLOW: usize = 3;
/// Passwords hashed at once: each takes 19 MiB.
const HASHERS: usize = 2;
/// Pages that are kept up to date at once.
const WATCHERS: usize = 64;

/// Nothing but what this console serves, and nothing inline.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// What stands between the network and the pages.
pub struct Gate {
    pub app: Arc<App>,
    pub users: UserFile,
    pub sessions: Sessions,
    throttle: Throttle,
    public: Option<Public>,
    secure: bool,
    workers: Arc<Semaphore>,
    slow: Arc<Semaphore>,
    hashers: Arc<Semaphore>,
    watchers: Arc<Semaphore>,
    /// Grows with everything that open pages want to know.
    pub pulse: watch::Sender<u64>,
    requests: AtomicU64,
    rejected: AtomicU64,
    failed_logins: AtomicU64,
}

impl Gate {
    pub fn new(app: Arc<App>) -> Result<Gate, ConfigError> {
        Ok(Gate {
            users: UserFile::at(app.config.users.clone())?,
            sessions: Sessions::beside(&app.config.users, session::now()),
            throttle: Throttle::default(),
            public: app.config.public()?,
            secure: app.config.secure_cookies()?,
            workers: Arc::new(Semaphore::new(WORKERS)),
            slow: Arc::new(Semaphore::new(SLOW)),
            hashers: Arc::new(Semaphore::new(HASHERS)),
            watchers: Arc::new(Semaphore::new(WATCHERS)),
            pulse: watch::channel(0).0,
            requests: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            failed_logins: AtomicU64::new(0),
            app,
        })
    }

    /// Answers one request to one route.
    pub async fn answer(
        self: Arc<Self>,
        route: &'static Route,
        json: bool,
        request: Request,
    ) -> Response {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match self.pass(route, json, request).await {
            Ok(response) => response,
            Err(status) => {
                self.rejected.fetch_add(1, Ordering::Relaxed);
                plain(status)
            }
        }
    }

    async fn pass(
        self: &Arc<Self>,
        route: &'static Route,
        json: bool,
        request: Request,
    ) -> Result<Response, StatusCode> {
        let (parts, body) = request.into_parts();
        if parts
            .uri
            .path_and_query()
            .is_some_and(|p| p.as_str().len() > LONGEST_URI)
        {
            return Err(StatusCode::URI_TOO_LONG);
        }
        let host = self
            .host(&parts.headers)
            .ok_or(StatusCode::MISDIRECTED_REQUEST)?;
        if parts.method != Method::GET && parts.method != Method::HEAD {
            self.same_origin(&parts.headers, &host)?;
        }
        let token = self.token(&parts.headers);
        let who = token.as_deref().and_then(|token| self.who(token));
        let role = who.as_ref().map(|w| w.role);
        if !route.access.allows(role) {
            return match (role, parts.method == Method::GET && !json) {
                (Some(_), _) => Err(StatusCode::FORBIDDEN),
                (None, true) if route.twin => Ok(self.see(&login(&parts.uri), Cookie::Keep)),
                (None, _) => Err(StatusCode::UNAUTHORIZED),
            };
        }
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let mut ask = Ask {
            path: route.path,
            json,
            who,
            token,
            source: self.source(&parts),
            query: query.map_err(|_| StatusCode::BAD_REQUEST)?.0,
            query_text: parts.uri.query().unwrap_or_default().to_owned(),
            form: Vec::new(),
        };
        if route.method == "POST" {
            ask.form = form(&parts.headers, body).await?;
        }
        match route.does {
            Does::Page(make) => {
                let places = match route.is_slow() {
                    true => &self.slow,
                    false => &self.workers,
                };
                self.page(places, make, ask).await
            }
            Does::SignIn => self.sign_in(ask).await,
            Does::SignOut => {
                if let Some(token) = &ask.token {
                    self.sessions.end(token);
                }
                Ok(self.see("/login", Cookie::Clear))
            }
            Does::Events => self.events(ask),
            Does::Asset => asset(parts.uri.path()),
            Does::Metrics => self.metrics().await,
        }
    }

    async fn page(
        self: &Arc<Self>,
        places: &Arc<Semaphore>,
        make: fn(&App, &Ask) -> crate::engine::Answer<Reply>,
        ask: Ask,
    ) -> Result<Response, StatusCode> {
        let permit = places.clone().acquire_owned().await;
        let permit = permit.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let app = self.app.clone();
        let made = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            make(&app, &ask).unwrap_or_else(|problem| refuse(&app, &ask, &problem))
        });
        // A page that panics is a fault of ours; the console goes on.
        let reply = made.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(self.response(reply))
    }

    async fn sign_in(self: &Arc<Self>, ask: Ask) -> Result<Response, StatusCode> {
        let (name, password) = (ask.field("name").to_owned(), first(&ask, "password"));
        let next = pages::login::local(ask.field("next"));
        let now = Instant::now();
        let source = ask.source;
        if let Err(wait) = self.throttle.begin(source, &name, now) {
            let seconds = wait.as_secs().max(1);
            let page = pages::login::failed(&self.app, &ask, Some(seconds));
            return Ok(self.response(Reply::Wait(seconds, page)));
        }
        let permit = self.hashers.clone().acquire_owned().await;
        let permit = permit.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let users = self.users.now();
        let checked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let good = users.verify(&name, &password);
            good.then(|| (users.stamp(&name).unwrap_or_default(), name))
        });
        let good = checked
            .await
            .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        let Some((stamp, name)) = good else {
            self.failed_logins.fetch_add(1, Ordering::Relaxed);
            let page = pages::login::failed(&self.app, &ask, None);
            return Ok(self.response(Reply::Page(StatusCode::UNAUTHORIZED, page)));
        };
        self.throttle.succeeded(source, &name);
        let token = self.sessions.begin(&name, &stamp, session::now());
        let token = token.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        // Whoever was signed in with this browser before is not any more.
        if let Some(old) = &ask.token {
            self.sessions.end(old);
        }
        Ok(self.see(&next, Cookie::Set(token)))
    }

    /// Says `changed` when something changed, and `tick` every few seconds, until the session ends.
    fn events(self: &Arc<Self>, ask: Ask) -> Result<Response, StatusCode> {
        let permit = self.watchers.clone().try_acquire_owned();
        let permit = permit.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let token = ask.token.unwrap_or_default();
        let state = (self.clone(), self.pulse.subscribe(), permit, token);
        let events =
            futures::stream::unfold(state, |(gate, mut pulse, permit, token)| async move {
                let changed = tokio::time::timeout(Duration::from_secs(5), pulse.changed()).await;
                let event = match changed {
                    Err(_) => Event::default().event("tick").data("0"),
                    Ok(Ok(())) => {
                        let revision = pulse.borrow_and_update().to_string();
                        Event::default().event("changed").data(revision)
                    }
                    Ok(Err(_)) => return None,
                };
                gate.is_open(&token)
                    .then(|| (Ok::<_, Infallible>(event), (gate, pulse, permit, token)))
            });
        let stream = Sse::new(events.boxed()).keep_alive(KeepAlive::default());
        Ok(stream.into_response())
    }

    async fn metrics(self: &Arc<Self>) -> Result<Response, StatusCode> {
        if !self.app.config.metrics {
            return Err(StatusCode::NOT_FOUND);
        }
        let app = self.app.clone();
        let others = tokio::task::spawn_blocking(move || app.engine.metrics());
        let others = others.await.ok().flatten().unwrap_or_default();
        let mut text = others;
        let count = |n: &AtomicU64| n.load(Ordering::Relaxed);
        for (name, kind, help, value) in [
            (
                "weir_console_requests_total",
                "counter",
                "Requests.",
                count(&self.requests),
            ),
            (
                "weir_console_rejected_total",
                "counter",
                "Requests that the gate did not let pass.",
                count(&self.rejected),
            ),
            (
                "weir_console_failed_logins_total",
                "counter",
                "Wrong passwords.",
                count(&self.failed_logins),
            ),
            (
                "weir_console_sessions",
                "gauge",
                "Sessions that are open.",
                self.sessions.count() as u64,
            ),
        ] {
            text.push_str(&format!(
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"
            ));
        }
        let reply = Reply::Text(
            StatusCode::OK,
            "text/plain; version=0.0.4; charset=utf-8",
            text,
        );
        Ok(self.response(reply))
    }

    /// The session is there, and its user is as they were when it began. Asking keeps no session alive.
    fn is_open(&self, token: &str) -> bool {
        let session = self.sessions.peek(token, session::now());
        session.is_some_and(|(name, stamp)| self.users.now().stamp(&name) == Some(stamp))
    }

    fn who(&self, token: &str) -> Option<Who> {
        let (name, stamp) = self.sessions.user(token, session::now())?;
        let users = self.users.now();
        if users.stamp(&name)? != stamp {
            self.sessions.end(token);
            return None;
        }
        let role = users.role(&name)?;
        Some(Who { name, role })
    }

    /// The name it was asked under, where that is a name of ours. An address or `localhost` always is: no foreign name
    /// can be made to mean this console (DNS rebinding).
    fn host(&self, headers: &HeaderMap) -> Option<String> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next()?.to_str().ok()?.to_ascii_lowercase();
        if hosts.next().is_some() {
            return None;
        }
        let ours = self.public.as_ref().is_some_and(|p| p.host == host) || is_literal(&host);
        ours.then_some(host)
    }

    /// A change must come from a page of this console. A browser says so; what says nothing is no browser of ours.
    fn same_origin(&self, headers: &HeaderMap, host: &str) -> Result<(), StatusCode> {
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
        let good_site = site.is_none_or(|site| site == b"same-origin");
        let good_origin = origin.is_none_or(|origin| {
            let Ok(origin) = std::str::from_utf8(origin) else {
                return false;
            };
            let origin = origin.to_ascii_lowercase();
            let scheme = |secure: bool| if secure { "https" } else { "http" };
            let public = self.public.as_ref();
            let public = public.map(|p| format!("{}://{}", scheme(p.secure), p.host));
            public.as_deref() == Some(&origin) || origin == format!("http://{host}")
        });
        match good_site && good_origin && (site.is_some() || origin.is_some()) {
            true => Ok(()),
            false => Err(StatusCode::FORBIDDEN),
        }
    }

    fn cookie(&self) -> &'static str {
        if self.secure { "__Host-weir" } else { "weir" }
    }

    fn token(&self, headers: &HeaderMap) -> Option<String> {
        let all = headers.get_all(header::COOKIE).iter();
        let texts = all.filter_map(|value| value.to_str().ok());
        let mut pairs = texts.flat_map(|text| text.split(';'));
        pairs.find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            let good = name == self.cookie()
                && value.len() == 64
                && value.bytes().all(|b| b.is_ascii_hexdigit());
            good.then(|| value.to_owned())
        })
    }

    /// Behind a reverse proxy on this machine it is who the proxy says; otherwise the other end of the connection.
    fn source(&self, parts: &axum::http::request::Parts) -> IpAddr {
        let peer = parts.extensions.get::<Peer>().map(|p| p.0.ip());
        let peer = peer.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        if self.public.is_none() || !peer.is_loopback() {
            return peer;
        }
        let last = parts.headers.get_all("x-forwarded-for").iter().next_back();
        last.and_then(|value| value.to_str().ok())
            .and_then(|text| text.rsplit(',').next()?.trim().parse().ok())
            .unwrap_or(peer)
    }

    fn see(&self, to: &str, cookie: Cookie) -> Response {
        self.response(Reply::See(to.to_owned(), cookie))
    }

    fn response(&self, reply: Reply) -> Response {
        let html = "text/html; charset=utf-8";
        let typed = |status: StatusCode, kind: &'static str, body: Body| {
            let mut response = Response::new(body);
            *response.status_mut() = status;
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        };
        let mut set = Vec::new();
        let mut response = match reply {
            Reply::Page(status, text) => typed(status, html, text.into()),
            Reply::Json(status, bytes) => typed(status, "application/json", bytes.into()),
            Reply::Text(status, kind, text) => typed(status, kind, text.into()),
            Reply::Wait(seconds, text) => {
                set.push((header::RETRY_AFTER, seconds.to_string()));
                typed(StatusCode::TOO_MANY_REQUESTS, html, text.into())
            }
            Reply::Download { name, kind, bytes } => {
                let disposition = format!("attachment; filename=\"{name}\"");
                set.push((header::CONTENT_DISPOSITION, disposition));
                typed(StatusCode::OK, kind, bytes.into())
            }
            Reply::See(to, cookie) => {
                set.push((header::LOCATION, to));
                let value = match cookie {
                    Cookie::Keep => None,
                    Cookie::Set(token) => Some(format!("{token}; Max-Age={}", IDLE)),
                    Cookie::Clear => Some("; Max-Age=0".to_owned()),
                };
                let secure = if self.secure { "; Secure" } else { "" };
                set.extend(value.map(|value| {
                    let name = self.cookie();
                    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}");
                    (header::SET_COOKIE, text)
                }));
                typed(StatusCode::SEE_OTHER, html, Body::empty())
            }
        };
        for (name, value) in set {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// On every response, whatever it is.
    pub fn harden(&self, response: &mut Response) {
        let headers = response.headers_mut();
        let fixed = [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            (
                "permissions-policy",
                "camera=(), geolocation=(), microphone=()",
            ),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.public.as_ref().is_some_and(|p| p.secure) {
            let year = HeaderValue::from_static("max-age=31536000");
            headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
        }
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
}

/// A password is taken as it is, blanks and all.
fn first(ask: &Ask, name: &str) -> String {
    let found = ask.form.iter().find(|(n, _)| n == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn plain(status: StatusCode) -> Response {
    let reason = status.canonical_reason().unwrap_or("error");
    let text = format!("{} {reason}\n", status.as_u16());
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, kind, text).into_response()
}

fn login(uri: &Uri) -> String {
    let next = uri.path_and_query().map_or("/", |p| p.as_str());
    format!("/login?next={}", crate::show::encoded(next))
}

fn is_literal(host: &str) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    bare == "localhost" || bare.parse::<IpAddr>().is_ok()
}

async fn form(headers: &HeaderMap, body: Body) -> Result<Vec<(String, String)>, StatusCode> {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_form = kind.is_some_and(|k| k.starts_with(b"application/x-www-form-urlencoded"));
    if !is_form {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let read = tokio::time::timeout(PATIENCE, to_bytes(body, LONGEST_FORM)).await;
    let bytes = read.map_err(|_| StatusCode::REQUEST_TIMEOUT)?;
    let bytes = bytes.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let request = Request::builder()
        .method(Method::POST)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(bytes))
        .map_err(|_| StatusCode::BAD_REQUEST)?;
    let form = Form::<Vec<(String, String)>>::from_request(request, &()).await;
    form.map(|form| form.0).map_err(|_| StatusCode::BAD_REQUEST)
}

fn asset(path: &str) -> Result<Response, StatusCode> {
    let name = path.strip_prefix("/assets/").unwrap_or_default();
    let (file, kind) = assets::get(name).ok_or(StatusCode::NOT_FOUND)?;
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, file.data.into_owned()).into_response())
}
