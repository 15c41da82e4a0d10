//! A console that runs, and a browser without a screen: cookies are sent by hand, so that a test sees what it sends.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Once};

use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Method, Response, StatusCode, redirect};
use tempfile::TempDir;
use tokio::sync::oneshot;
use weir_console::users::{self, Role};
use weir_console::{Config, Console, serve};
use weir_store::Store;
use weir_store::channel::Promote;

use super::engine::Fake;
use super::network::Network;
use super::runtime::{Answers, answers, listen};
use super::{HOSTILE, mmdb};

pub const PASSWORD: &str = "correct horse battery";

pub struct Server {
    pub dir: TempDir,
    pub address: SocketAddr,
    pub engine: Arc<Fake>,
    pub client: Client,
    pub runtime: Option<Arc<Mutex<Answers>>>,
    /// Payload digests, in the order they were promoted; the last may wait.
    pub digests: Vec<String>,
    _stop: oneshot::Sender<()>,
}

/// What a server is made with.
pub struct Setup {
    pub networks: Vec<Network>,
    /// How many of them were promoted.
    pub promoted: usize,
    pub runtime: bool,
    pub mmdb: bool,
    pub hostile: bool,
    pub in_git: bool,
    pub public_url: Option<String>,
    pub metrics: bool,
}

impl Default for Setup {
    fn default() -> Self {
        let first = Network::lakeside();
        let mut second = first.clone();
        second.circuits.remove(3);
        second.circuits[8].max = [300_000, 60_000];
        let mut third = second.clone();
        third.circuits[20].max = [10_000, 2_000];
        third.circuits.truncate(128);
        Setup {
            networks: vec![first, second, third],
            promoted: 2,
            runtime: true,
            mmdb: true,
            hostile: false,
            in_git: false,
            public_url: None,
            metrics: false,
        }
    }
}

impl Setup {
    pub async fn start(self) -> Server {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| -> PathBuf { dir.path().join(name) };
        let store = Store::open(path("store")).expect("a store");
        let digests: Vec<String> = self.networks.iter().map(|n| n.put(&store)).collect();
        let mut fake = Fake::new(store);
        fake.in_git = self.in_git;
        if self.hostile {
            fake.says = format!(" {}", HOSTILE.concat());
        }
        let reasons = ["the first", "plans of spring", "a tower more"];
        for (i, digest) in digests.iter().take(self.promoted).enumerate() {
            let channels = fake.channels("marta");
            let known = channels.head("production").expect("reads");
            let reason = fake_reason(&fake, reasons[i % 3]);
            let promote = Promote {
                channel: "production",
                digest,
                manifest_sha256: &"0".repeat(64),
                reason: &reason,
                ..Promote::default()
            };
            channels
                .promote(known.as_ref(), &promote)
                .expect("promoted");
        }
        *fake.latest.lock().expect("not poisoned") = digests.last().cloned();
        users::add(&path("users.json"), "olga", Role::Operator, PASSWORD).expect("added");
        users::add(&path("users.json"), "vic", Role::Viewer, PASSWORD).expect("added");
        let runtime = self.runtime.then(|| {
            let at = self.promoted.saturating_sub(1);
            let told = answers(&self.networks[at], &digests[at], self.promoted as u64);
            listen(&path("status.sock"), told)
        });
        if self.mmdb {
            let organization = if self.hostile {
                HOSTILE[1]
            } else {
                "Example Cloud"
            };
            std::fs::write(path("world.mmdb"), mmdb::sample(organization)).expect("written");
        }
        let config = Config {
            bind: "127.0.0.1:0".parse().expect("an address"),
            public_url: self.public_url,
            users: path("users.json"),
            runtime: self.runtime.then(|| path("status.sock")),
            mmdb: self.mmdb.then(|| path("world.mmdb")).into_iter().collect(),
            metrics: self.metrics,
            read_ahead: false,
        };
        let engine = Arc::new(fake);
        let stock = Arc::new(engine.store.clone());
        let console = Console::bind(config, stock, engine.clone())
            .await
            .expect("listens");
        let address = console.address();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(serve(console, async move {
            let _ = stopped.await;
        }));
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client");
        Server {
            dir,
            address,
            engine,
            client,
            runtime,
            digests,
            _stop: stop,
        }
    }
}

fn fake_reason(fake: &Fake, reason: &str) -> String {
    format!("{reason}{}", fake.says)
}

/// Somebody who is signed in, or nobody.
#[derive(Clone, Default)]
pub struct Session(pub Option<String>);

impl Server {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn sign_in(&self, name: &str) -> Session {
        let answer = self
            .post(
                "/login",
                &Session::default(),
                &[("name", name), ("password", PASSWORD)],
            )
            .await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{name}");
        let cookie = answer.headers()[SET_COOKIE].to_str().expect("text");
        let pair = cookie.split(';').next().expect("a pair");
        Session(Some(pair.to_owned()))
    }

    pub async fn operator(&self) -> Session {
        self.sign_in("olga").await
    }

    pub async fn viewer(&self) -> Session {
        self.sign_in("vic").await
    }

    pub fn request(
        &self,
        method: Method,
        path: &str,
        session: &Session,
    ) -> reqwest::RequestBuilder {
        let request = self.client.request(method, self.url(path));
        match &session.0 {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        }
    }

    pub async fn get(&self, path: &str, session: &Session) -> Response {
        self.request(Method::GET, path, session)
            .send()
            .await
            .expect("answers")
    }

    pub async fn text(&self, path: &str, session: &Session) -> String {
        let answer = self.get(path, session).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.expect("text")
    }

    pub async fn json(&self, path: &str, session: &Session) -> serde_json::Value {
        let text = self.text(path, session).await;
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// A form, sent as a page of the console would send it.
    pub async fn post(&self, path: &str, session: &Session, form: &[(&str, &str)]) -> Response {
        self.request(Method::POST, path, session)
            .header(ORIGIN, self.url(""))
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encoded(form))
            .send()
            .await
            .expect("answers")
    }

    pub fn asked(&self) -> Vec<String> {
        self.engine.asked.lock().expect("not poisoned").clone()
    }
}

pub fn location(answer: &Response) -> &str {
    answer.headers()[LOCATION].to_str().expect("text")
}

pub fn encoded(form: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|b| match b {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(b).to_string(),
                _ => format!("%{b:02X}"),
            })
            .collect()
    };
    let pairs = form
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}
