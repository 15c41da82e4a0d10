//! The listener: one console, from the first connection until it is told to stop. A connection that dawdles with its
//! headers is dropped, and there are never more than a few hundred.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::app::App;
use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::eyes::Key;
use crate::gate::{Gate, Peer};
use crate::routes::{ROUTES, Route, twin};
use crate::stock::Stock;

const CONNECTIONS: usize = 256;
/// How long the headers of a request may take to arrive.
const HEADERS: Duration = Duration::from_secs(10);
/// How long an answer may still take when the console is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// A console that is set up and listens, and answers once it is served.
pub struct Console {
    listener: TcpListener,
    gate: Arc<Gate>,
    address: SocketAddr,
}

impl Console {
    /// Checks everything that can be wrong, and begins to listen.
    pub async fn bind(
        config: Config,
        stock: Arc<dyn Stock>,
        engine: Arc<dyn Engine>,
    ) -> Result<Console, ConfigError> {
        let bind = config.bind;
        let key = Key::beside(&config.users).map_err(ConfigError::Random)?;
        let gate = Gate::new(Arc::new(App::new(config, engine, stock, key)))?;
        let failed = |cause| ConfigError::Bind { bind, cause };
        let listener = TcpListener::bind(bind).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Console {
            listener,
            gate: Arc::new(gate),
            address,
        })
    }

    /// Where it listens, with the port that the system chose where none was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What an operator should know at every start; empty when there is nothing.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.address.ip().is_loopback() {
            warnings.push(format!(
                "the console listens at {}, which other machines may reach: put TLS in front of it and let nothing \
                 else through",
                self.address
            ));
        }
        if self.gate.users.now().is_empty() {
            warnings.push("nobody can sign in yet: make a user with `weir user add`".to_owned());
        }
        let faults = self.gate.app.geo.faults.iter();
        warnings.extend(faults.map(|fault| format!("no map data: {fault}")));
        warnings
    }
}

fn router(gate: &Arc<Gate>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let method = match route.method {
            "GET" => MethodFilter::GET,
            _ => MethodFilter::POST,
        };
        router = router.route(route.path, on(method, answer(gate, route, false)));
        if route.method == "GET"
            && let Some(twin) = twin(route.path)
        {
            router = router.route(&twin, on(method, answer(gate, route, true)));
        }
    }
    let hardened = gate.clone();
    router.layer(axum::middleware::map_response(
        move |mut response: Response| {
            let gate = hardened.clone();
            async move {
                gate.harden(&mut response);
                response
            }
        },
    ))
}

/// What was answered to a request that came by no connection.
#[derive(Clone, Debug)]
pub struct Said {
    pub status: u16,
    /// The cookie that was set, as it is written; `None` for none.
    pub cookie: Option<String>,
    /// Empty where the answer goes on and on.
    pub body: Vec<u8>,
}

impl Console {
    /// Answers a request as if it had come from this machine, without a connection. `None`: no HTTP parser lets such a
    /// request pass. For tests: nothing is listened for.
    pub async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &[u8])],
        body: Vec<u8>,
    ) -> Option<Said> {
        let mut request = axum::http::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(axum::body::Body::from(body)).ok()?;
        let peer = SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 1));
        request.extensions_mut().insert(Peer(peer));
        let service = TowerToHyperService::new(router(&self.gate));
        let Ok(answer) = service.call(request).await;
        let (parts, body) = answer.into_parts();
        let text = |name| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
        let goes_on = text(axum::http::header::CONTENT_TYPE)
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        let body = match goes_on {
            true => Vec::new(),
            false => axum::body::to_bytes(body, usize::MAX).await.ok()?.to_vec(),
        };
        Some(Said {
            status: parts.status.as_u16(),
            cookie: text(axum::http::header::SET_COOKIE),
            body,
        })
    }
}

type Answering = std::pin::Pin<Box<dyn Future<Output = Response> + Send>>;

fn answer(
    gate: &Arc<Gate>,
    route: &'static Route,
    json: bool,
) -> impl Fn(Request) -> Answering + Clone + Send + Sync + 'static {
    let gate = gate.clone();
    move |request| Box::pin(gate.clone().answer(route, json, request))
}

/// Answers until `stop` is there; then no new connection is taken, and those that are there have a moment to end.
pub async fn serve(
    console: Console,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = router(&console.gate);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (stopping, stopped) = watch::channel(false);
    let pulse = tokio::spawn(pulse(console.gate.clone()));
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = console.listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of files, or the other end was gone already.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            continue;
        };
        let (router, stopped) = (router.clone(), stopped.clone());
        tokio::spawn(async move {
            let _place = place;
            connection(stream, peer, router, stopped).await;
        });
    }
    pulse.abort();
    let _ = stopping.send(true);
    let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(GRACE * 2, places.acquire_many(all)).await;
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        TowerToHyperService::new(router.clone()).call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_headers(64)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut ending = false;
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stopped.wait_for(|stopped| *stopped), if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep(GRACE), if ending => return,
        }
    }
}

/// Looks every second whether open pages are out of date: one look for all of them.
async fn pulse(gate: Arc<Gate>) {
    let mut last = None;
    let mut every = tokio::time::interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let app = gate.app.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let now = (app.engine.revision(), app.heads(), app.compared());
            if app.config.read_ahead {
                app.warm();
            }
            now
        });
        let Ok(now) = looked.await else { continue };
        if last.as_ref().is_some_and(|last| *last != now) {
            gate.pulse.send_modify(|pulse| *pulse += 1);
        }
        last = Some(now);
    }
}
