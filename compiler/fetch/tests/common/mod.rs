//! A source that reads a stand-in, and the certainty that its secrets are nowhere.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;
use weir_fetch::fence::System;
use weir_fetch::secret::Secret;
use weir_fetch::tls::Trust;
use weir_fetch::{Auth, Event, FetchError, Limits, Recording, Source, Tell, crm};
use weir_standin::{KEY, PASSWORD, SECRET, Standin, USER};

/// Remembers what it was told.
#[derive(Default)]
pub struct Told(pub Mutex<Vec<String>>);

impl Tell for Told {
    fn tell(&self, event: Event<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

pub fn limits() -> Limits {
    Limits {
        total: Duration::from_millis(2000),
        connect: Duration::from_millis(700),
        body: 1 << 20,
        bodies: 8 << 20,
        pages: 50,
        records: 100_000,
        backoff: Duration::from_millis(4),
        pause: Duration::from_millis(2500),
        pauses: Duration::from_millis(4000),
        ..Limits::default()
    }
}

pub fn source(kind: &str, standin: &Standin) -> Source {
    let kind = crm::find(kind).expect("a kind");
    let base = kind.base(&standin.url()).expect("an address");
    let mut source = Source {
        name: "crm".to_owned(),
        kind,
        base,
        token_url: Some(Url::parse(&format!("{}/token", standin.origin())).expect("an address")),
        key: Some(Secret::new(KEY)),
        secret: Some(Secret::new(SECRET)),
        user: Some(USER.to_owned()),
        password: Some(Secret::new(PASSWORD)),
        auth: Auth::default(),
        tenant: None,
        domain: None,
        trust: Trust::System,
        limits: limits(),
        had: Vec::new(),
        accept_missing: false,
        lookup: Arc::new(System),
    };
    if kind.kind == "visp" {
        source.domain = Some("basin.example".to_owned());
    }
    source
}

/// Fetches, and asserts that nothing of it holds a secret.
pub async fn fetch(source: &Source) -> Result<Recording, FetchError> {
    let told = Arc::new(Told::default());
    let result = weir_fetch::fetch(source, told.clone()).await;
    for line in told.0.lock().unwrap().iter() {
        clean(line, "progress");
    }
    clean(&format!("{source:?}", source = Shown(source)), "the source");
    match &result {
        Ok(recording) => {
            clean(
                &String::from_utf8_lossy(&recording.export_json()),
                "export.json",
            );
            for (name, bytes) in &recording.files {
                clean(&String::from_utf8_lossy(bytes), name);
            }
        }
        Err(error) => {
            clean(
                &format!("{error}\n{}\n{error:?}", error.cause.help()),
                "the error",
            );
            assert!(!error.cause.word().is_empty());
        }
    }
    result
}

struct Shown<'a>(&'a Source);

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Source {
            key,
            secret,
            password,
            trust,
            ..
        } = self.0;
        write!(f, "{key:?} {secret:?} {password:?} {trust:?}")
    }
}

/// Secrets of the stand-in, and the fields that no recording may have, all hold this word.
#[track_caller]
pub fn clean(text: &str, place: &str) {
    let at = text.find("canary");
    assert!(
        at.is_none(),
        "{place} holds a secret: {}",
        &text[at.unwrap_or(0)..]
    );
    assert!(
        !text.contains("Y2FuYXJ5"),
        "{place} holds a secret in base64"
    );
}
