//! CRMs to practise on. Each speaks its maker's protocol from invented but realistic data: it checks credentials and
//! cuts pages as the real one does, and fails on demand. It listens on this machine only.
//!
//! Every record it gives holds fields that nobody may record, with the word of [`CANARY`] in them. It knows nothing of
//! who asks.

mod body;
mod certificates;
mod crm;
pub mod fault;
pub mod mmdb;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

pub use certificates::{Certificate, Flaw};
pub use crm::{KINDS, SETTINGS};
pub use fault::{Fault, Kind};

use body::Paced;

/// In every field that must not be recorded.
pub const CANARY: &str = "canary-0123456789";

/// The credentials of every stand-in. They too must not be seen anywhere.
pub const KEY: &str = "canary-key-4f1a5d";
pub const SECRET: &str = "canary-secret-77b0c2";
pub const USER: &str = "reader";
pub const PASSWORD: &str = "canary-password-9e31";

/// What a stand-in is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// One of [`KINDS`].
    pub kind: String,
    /// 0: any free one.
    pub port: u16,
    /// The most records of a page, whatever is asked for.
    pub page: usize,
    /// The records that there are of a paged list of UISP's billing half; the rest is as if it were not there.
    pub records: usize,
    /// TLS with this certificate; plain HTTP without.
    pub certificate: Option<Certificate>,
    /// Takes connections and never answers.
    pub deaf: bool,
    /// Seconds that a token lives, where the CRM makes tokens.
    pub token_seconds: u64,
    /// Tokens are good for this many requests; 0: any number.
    pub token_uses: u64,
    /// The ISPs that a login of VISP sees.
    pub tenants: Vec<u64>,
}

impl Options {
    pub fn new(kind: &str) -> Options {
        Options {
            kind: kind.to_owned(),
            port: 0,
            page: 20,
            records: usize::MAX,
            certificate: None,
            deaf: false,
            token_seconds: 1800,
            token_uses: 0,
            tenants: vec![4711],
        }
    }
}

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// With its query.
    pub path: String,
    /// Credentials came with it.
    pub credentials: bool,
    /// Of what is asked for: path, form action or GraphQL operation.
    pub what: String,
    pub at: Instant,
}

/// What a CRM is asked.
pub(crate) struct Asked {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What it answers.
pub(crate) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(status: u16, value: &serde_json::Value) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body: value.to_string().into_bytes(),
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub faults: Vec<Fault>,
    pub seen: Vec<Seen>,
    /// Requests for data so far.
    pub data: u64,
    /// Tokens made so far.
    pub tokens: u64,
    /// Uses of the newest token.
    pub uses: u64,
    /// The largest nonce that came with a signature.
    pub nonce: u64,
}

/// A stand-in that runs until it is dropped.
pub struct Standin {
    pub address: SocketAddr,
    options: Options,
    state: Arc<Mutex<State>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Standin {
    /// Starts one on a thread of its own.
    pub fn start(options: Options) -> std::io::Result<Standin> {
        if !KINDS.contains(&options.kind.as_str()) {
            let message = format!(
                "there is no stand-in of kind {}; there are {}",
                options.kind,
                KINDS.join(", ")
            );
            return Err(std::io::Error::other(message));
        }
        let state = Arc::new(Mutex::new(State::default()));
        let (stop, stopped) = oneshot::channel();
        let (ready, listening) = std::sync::mpsc::channel();
        let (opts, shared) = (options.clone(), Arc::clone(&state));
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, opts.port)).await;
                let listener = match listener {
                    Ok(listener) => listener,
                    Err(error) => return drop(ready.send(Err(error))),
                };
                let _ = ready.send(listener.local_addr());
                tokio::select! {
                    () = serve(listener, Arc::new(opts), shared) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        let address = listening
            .recv()
            .map_err(|_| std::io::Error::other("the stand-in did not start"))??;
        Ok(Standin {
            address,
            options,
            state,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The address to write into `url`.
    pub fn url(&self) -> String {
        let scheme = match self.options.certificate {
            Some(_) => "https",
            None => "http",
        };
        let path = crm::path(&self.options.kind);
        format!("{scheme}://{}{path}", self.address)
    }

    /// The address of another server's root.
    pub fn origin(&self) -> String {
        let url = self.url();
        let end = url
            .match_indices('/')
            .nth(2)
            .map_or(url.len(), |(at, _)| at);
        url[..end].to_owned()
    }

    pub fn fail(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Takes all faults away, and forgets what it saw.
    pub fn reset(&self) {
        *self.state() = State::default();
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(|e| e.into_inner())
}

impl Drop for Standin {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, options: Arc<Options>, state: Arc<Mutex<State>>) {
    let acceptor = options
        .certificate
        .as_ref()
        .map(|certificate| TlsAcceptor::from(certificate.server()));
    let mut held = Vec::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        if options.deaf {
            held.push(stream);
            continue;
        }
        let (options, state, acceptor) =
            (Arc::clone(&options), Arc::clone(&state), acceptor.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let (options, state) = (Arc::clone(&options), Arc::clone(&state));
                async move { Ok::<_, Infallible>(answer(&options, &state, request).await) }
            });
            // A client that goes away is no news.
            let http = http1::Builder::new();
            match acceptor {
                None => drop(http.serve_connection(TokioIo::new(stream), service).await),
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        drop(http.serve_connection(TokioIo::new(stream), service).await);
                    }
                }
            }
        });
    }
}

async fn answer(
    options: &Options,
    state: &Mutex<State>,
    request: Request<Incoming>,
) -> Response<Paced> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let query = url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: query.into_owned().collect(),
        headers: head.headers,
        body,
    };
    let (mut reply, fault) = {
        let mut state = lock(state);
        let what = crm::what(&options.kind, &asked);
        let credentials = crm::has_credentials(&options.kind, &asked);
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        state.seen.push(Seen {
            method: asked.method.clone(),
            path: path.to_owned(),
            credentials,
            what: what.clone(),
            at: Instant::now(),
        });
        let is_data = !crm::is_token(&options.kind, &asked)
            && asked.method != "HEAD"
            && asked.path != "/login";
        if is_data {
            state.data += 1;
        }
        let fault = is_data.then(|| fault::take(&mut state, &what)).flatten();
        let paging = match &fault {
            Some(Kind::Paging(paging)) => Some(*paging),
            _ => None,
        };
        if asked.path == "/login" {
            let page = "<!DOCTYPE html><html><head><title>Please sign in</title></head></html>";
            let reply = Reply {
                status: 200,
                headers: vec![("content-type", "text/html".to_owned())],
                body: page.into(),
            };
            (reply, None)
        } else {
            (crm::answer(options, &mut state, &asked, paging), fault)
        }
    };
    let mut paced = None;
    if let Some(kind) = fault {
        match kind.apply(&options.kind, reply) {
            Some((changed, pace)) => (reply, paced) = (changed, pace),
            // Never.
            None => return std::future::pending().await,
        }
    }
    let mut response = Response::builder().status(reply.status);
    let mut typed = false;
    for (name, value) in &reply.headers {
        typed |= *name == CONTENT_TYPE.as_str();
        response = response.header(*name, value);
    }
    if !typed && !reply.body.is_empty() {
        response = response.header(CONTENT_TYPE, "application/json");
    }
    let wants_gzip = asked
        .headers
        .get("accept-encoding")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("gzip"));
    let coded = reply
        .headers
        .iter()
        .any(|(name, _)| *name == CONTENT_ENCODING.as_str());
    if wants_gzip && !coded && paced.is_none() && reply.body.len() > 1000 {
        reply.body = body::gzip(&reply.body);
        response = response.header(CONTENT_ENCODING, "gzip");
    }
    let body = paced.unwrap_or_else(|| Paced::whole(reply.body));
    response
        .body(body)
        .unwrap_or_else(|_| Response::new(Paced::whole(Vec::new())))
}
