//! The console is no way in: each class of fault that its kind has had, as a test. B1 to B7 and E1 to E7 are the names
//! that docs/console.md gives them; E1 is in `viewer`, E2 in `inert`, E4 in `authz`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt as _;
use reqwest::header::{HOST, ORIGIN, SET_COOKIE};
use reqwest::{Method, StatusCode};
use weir_console::users::{self, Role};

use crate::support::server::{PASSWORD, Session, Setup, encoded, location};

/// What a console answers to bytes that no client library would send.
fn raw(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// B1: it listens where it was told to, and says so when that is no loopback.
#[tokio::test(flavor = "multi_thread")]
async fn b1_it_listens_on_loopback_and_warns_elsewhere() {
    let server = Setup::default().start().await;
    assert!(server.address.ip().is_loopback());
    let config = |bind: &str| weir_console::Config {
        bind: bind.parse().expect("an address"),
        public_url: None,
        users: server.dir.path().join("users.json"),
        runtime: None,
        mmdb: Vec::new(),
        metrics: false,
        read_ahead: false,
    };
    let stock = || Arc::new(server.engine.store.clone());
    let open = weir_console::Console::bind(config("0.0.0.0:0"), stock(), server.engine.clone())
        .await
        .expect("listens");
    assert!(
        open.warnings()
            .iter()
            .any(|w| w.contains("put TLS in front")),
        "{:?}",
        open.warnings()
    );
    let closed = weir_console::Console::bind(config("127.0.0.1:0"), stock(), server.engine.clone())
        .await
        .expect("listens");
    assert_eq!(closed.warnings(), Vec::<String>::new());
}

/// B2: no header and no query makes it fall over.
#[tokio::test(flavor = "multi_thread")]
async fn b2_malformed_requests_are_refused_and_it_goes_on() {
    let server = Setup::default().start().await;
    let address = server.address;
    let host = format!("Host: {address}\r\nConnection: close\r\n");
    for (request, want) in [
        (
            format!("GET /tree HTTP/1.1\r\n{host}Cookie: weir=\u{ff}\u{fe}\r\n\r\n"),
            " 303 ",
        ),
        (
            format!(
                "GET /tree HTTP/1.1\r\n{host}Cookie: weir={}\r\n\r\n",
                "0".repeat(64)
            ),
            " 303 ",
        ),
        (
            format!("GET /tree HTTP/1.1\r\n{host}Cookie: ;;=;weir;weir=;\r\n\r\n"),
            " 303 ",
        ),
        (
            format!("GET /login?%ff%fe=%00&%zz HTTP/1.1\r\n{host}\r\n"),
            " 200 ",
        ),
        (
            format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(9_000)),
            " 4",
        ),
        (
            format!("GET /tree?{} HTTP/1.1\r\n{host}\r\n", "a".repeat(9_000)),
            " 414 ",
        ),
        (
            format!("GET /tree HTTP/1.1\r\n{host}{}\r\n", "X: y\r\n".repeat(100)),
            " 431 ",
        ),
        (
            format!("POST /login HTTP/1.1\r\n{host}Origin: \u{ff}\r\nContent-Length: 0\r\n\r\n"),
            " 403 ",
        ),
        (
            "GET /login HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
            " 421 ",
        ),
        (
            format!("GET /login HTTP/1.1\r\nHost: a\r\n{host}\r\n"),
            " 4",
        ),
        ("\0\0\0\0\r\n\r\n".to_owned(), " 400 "),
    ] {
        let answer = raw(address, &request);
        let line = answer.lines().next().unwrap_or_default();
        assert!(line.contains(want), "{request:?}: {line:?}");
    }
    let big = vec![b'a'; 100_000];
    let answer = server
        .request(Method::POST, "/login", &Session::default())
        .header(ORIGIN, server.url(""))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(big)
        .send()
        .await
        .expect("answers");
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let odd = server
        .request(Method::POST, "/login", &Session::default())
        .header(ORIGIN, server.url(""))
        .header("content-type", "application/json")
        .body("{}")
        .send()
        .await
        .expect("answers");
    assert_eq!(odd.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(
        server.get("/healthz", &Session::default()).await.status(),
        StatusCode::OK
    );
}

/// B3, E7: what every response says, whatever it is.
#[tokio::test(flavor = "multi_thread")]
async fn b3_e7_every_response_has_the_policy_and_none_opens_it() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let nobody = Session::default();
    for (path, session) in [
        ("/", &session),
        ("/home.json", &session),
        ("/", &nobody),
        ("/login", &nobody),
        ("/assets/weir.js", &nobody),
        ("/nothing", &nobody),
        ("/unknown.csv", &session),
        ("/subscriber?id=nobody", &session),
    ] {
        let answer = server.get(path, session).await;
        let headers = answer.headers();
        let header = |name: &str| {
            headers
                .get(name)
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default()
        };
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            "{path}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert!(
            headers
                .keys()
                .all(|k| !k.as_str().starts_with("access-control-")),
            "{path}"
        );
        let asset = path.starts_with("/assets/");
        assert_eq!(
            header("cache-control").contains("no-store"),
            !asset,
            "{path}"
        );
    }
}

/// B4, E3: the cookie is for the browser and for this console only.
#[tokio::test(flavor = "multi_thread")]
async fn b4_e3_the_cookie_is_kept_from_scripts_and_from_other_sites() {
    let form = [("name", "olga"), ("password", PASSWORD)];
    let server = Setup::default().start().await;
    let answer = server.post("/login", &Session::default(), &form).await;
    let cookie = answer.headers()[SET_COOKIE]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(cookie.starts_with("weir="), "{cookie}");
    for part in ["Path=/", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(
        !cookie.contains("Secure") && !cookie.contains("Domain"),
        "{cookie}"
    );
    let public = Setup {
        public_url: Some("https://weir.example.net".to_owned()),
        ..Setup::default()
    };
    let server = public.start().await;
    let answer = server
        .request(Method::POST, "/login", &Session::default())
        .header(HOST, "weir.example.net")
        .header(ORIGIN, "https://weir.example.net")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(encoded(&form))
        .send()
        .await
        .expect("answers");
    let cookie = answer.headers()[SET_COOKIE].to_str().expect("text");
    assert!(
        cookie.starts_with("__Host-weir=") && cookie.ends_with("; Secure"),
        "{cookie}"
    );
    assert!(answer.headers().contains_key("strict-transport-security"));
}

/// Signing out, removing a user, and giving a new role or password end a session on the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_should() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let answer = server.post("/logout", &session, &[]).await;
    assert_eq!(location(&answer), "/login");
    assert_eq!(
        server.get("/home.json", &session).await.status(),
        StatusCode::UNAUTHORIZED
    );
    let path = server.dir.path().join("users.json");
    let session = server.operator().await;
    users::add(&path, "olga", Role::Viewer, PASSWORD).expect("changed");
    assert_eq!(
        server.get("/home.json", &session).await.status(),
        StatusCode::UNAUTHORIZED
    );
    let session = server.viewer().await;
    users::remove(&path, "vic").expect("removed");
    assert_eq!(
        server.get("/home.json", &session).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

/// B5: a thousand wrong tries at once are few hashes, and no password is repeated anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn b5_tries_are_throttled() {
    let server = Setup::default().start().await;
    let nobody = Session::default();
    let form = [
        ("name", "olga"),
        ("password", "hunter2hunter2"),
        ("next", "/"),
    ];
    let tries = futures::stream::iter(0..1000).map(|_| server.post("/login", &nobody, &form));
    let answers: Vec<_> = tries.buffer_unordered(100).collect().await;
    let (mut wrong, mut wait) = (0, 0);
    for answer in answers {
        match answer.status() {
            StatusCode::UNAUTHORIZED => wrong += 1,
            StatusCode::TOO_MANY_REQUESTS => {
                assert!(answer.headers().contains_key("retry-after"));
                wait += 1;
            }
            status => panic!("{status}"),
        }
        let text = answer.text().await.expect("text");
        assert!(!text.contains("hunter2"));
    }
    assert_eq!(wrong + wait, 1000);
    assert!(wrong <= 20, "{wrong} passwords were looked at");
}

/// A user that is not there looks like one whose password is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_who_has_an_account() {
    let server = Setup::default().start().await;
    let mut texts = Vec::new();
    for name in ["olga", "nobody"] {
        let answer = server
            .post(
                "/login",
                &Session::default(),
                &[("name", name), ("password", "wrong password")],
            )
            .await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        texts.push(answer.text().await.expect("text"));
    }
    assert_eq!(texts[0], texts[1]);
}

/// B6: there is no page that sets anything up, with or without users.
#[tokio::test(flavor = "multi_thread")]
async fn b6_there_is_no_set_up_page() {
    let server = Setup::default().start().await;
    std::fs::remove_file(server.dir.path().join("users.json")).expect("removed");
    for path in [
        "/setup",
        "/register",
        "/signup",
        "/users",
        "/install",
        "/admin",
    ] {
        assert_eq!(
            server.get(path, &Session::default()).await.status(),
            StatusCode::NOT_FOUND
        );
    }
    let answer = server
        .post(
            "/login",
            &Session::default(),
            &[("name", "olga"), ("password", PASSWORD)],
        )
        .await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

/// B7: a change comes from a page of this console or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn b7_changes_come_from_our_own_pages() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let own = server.url("");
    let other = format!("http://127.0.0.1:{}", server.address.port() ^ 1);
    for (origin, site, want) in [
        (Some(own.as_str()), Some("same-origin"), StatusCode::OK),
        (Some(own.as_str()), None, StatusCode::OK),
        (None, Some("same-origin"), StatusCode::OK),
        (None, None, StatusCode::FORBIDDEN),
        (Some("https://evil.example"), None, StatusCode::FORBIDDEN),
        (
            Some("https://evil.example"),
            Some("cross-site"),
            StatusCode::FORBIDDEN,
        ),
        (Some("null"), None, StatusCode::FORBIDDEN),
        (
            Some(other.as_str()),
            Some("same-site"),
            StatusCode::FORBIDDEN,
        ),
        (
            Some(own.as_str()),
            Some("cross-site"),
            StatusCode::FORBIDDEN,
        ),
        (Some(own.as_str()), Some("none"), StatusCode::FORBIDDEN),
        (Some(""), Some("same-origin"), StatusCode::FORBIDDEN),
    ] {
        let mut request = server
            .request(Method::POST, "/run-now", &session)
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        let status = request.body("").send().await.expect("answers").status();
        assert_eq!(status, want, "{origin:?} {site:?}");
    }
    assert_eq!(server.asked(), ["run_now olga"; 3]);
}

/// A foreign name that was made to point here is not ours.
#[tokio::test(flavor = "multi_thread")]
async fn another_name_is_not_answered() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    for (host, want) in [
        ("evil.example".to_owned(), StatusCode::MISDIRECTED_REQUEST),
        (
            format!("evil.example:{}", server.address.port()),
            StatusCode::MISDIRECTED_REQUEST,
        ),
        (
            format!("localhost:{}", server.address.port()),
            StatusCode::OK,
        ),
        (server.address.to_string(), StatusCode::OK),
        (format!("[::1]:{}", server.address.port()), StatusCode::OK),
    ] {
        let request = server
            .request(Method::GET, "/home.json", &session)
            .header(HOST, &host);
        assert_eq!(
            request.send().await.expect("answers").status(),
            want,
            "{host}"
        );
    }
}

/// E5, and the rest of E2: the script stores nothing and makes no markup of text; no template escapes by hand.
#[test]
fn e2_e5_our_own_sources_keep_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = |dir: &str| {
        let dir = std::fs::read_dir(root.join(dir)).expect("a directory");
        dir.map(|e| e.expect("an entry").path())
            .filter(|p| p.is_file())
            .collect::<Vec<_>>()
    };
    let script = std::fs::read_to_string(root.join("assets/weir.js")).expect("text");
    for word in [
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval",
        "Function(",
        "localStorage",
        "sessionStorage",
        "indexedDB",
        "cookie",
        "http:",
        "https:",
        "import(",
    ] {
        assert!(!script.contains(word), "{word}");
    }
    let templates = files("templates");
    assert!(templates.len() > 15);
    for path in templates {
        let text = std::fs::read_to_string(&path).expect("text");
        for word in [
            "|safe",
            "| safe",
            "escape(",
            "|escape",
            "style=",
            "<style",
            " onclick",
            " onload",
            "javascript:",
            "http://",
            "https://",
        ] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
    let style = std::fs::read_to_string(root.join("assets/weir.css")).expect("text");
    assert!(!style.contains("url(") && !style.contains("@import") && !style.contains("http"));
}

/// Secrets go in and never come out.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_typed_is_never_shown() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let canary = "canary-4711-secret";
    let form = [
        ("name", "crm"),
        ("kind", "splynx"),
        ("set.url", "https://crm.lakeside.example"),
        ("set.key", canary),
        ("set.secret", ""),
        ("set.unheard-of", "x"),
    ];
    let answer = server.post("/source/save", &session, &form).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!answer.text().await.expect("text").contains(canary));
    let asked = server.asked().concat();
    assert!(
        asked.contains("[\"key\"]") && !asked.contains("unheard-of"),
        "{asked}"
    );
    assert!(!asked.contains(canary));
    for path in [
        "/sources",
        "/sources.json",
        "/source?name=crm",
        "/source.json?name=crm",
    ] {
        let text = server.text(path, &session).await;
        assert!(!text.contains(canary), "{path}");
    }
}

/// Behind a proxy on this machine, tries are counted by who the proxy says; what a stranger says counts nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_source_of_tries_is_what_our_proxy_says() {
    let setup = Setup {
        public_url: Some("https://weir.example.net".to_owned()),
        ..Setup::default()
    };
    let server = setup.start().await;
    let try_as = |name: String, forwarded: String| {
        let request = server
            .request(Method::POST, "/login", &Session::default())
            .header(HOST, "weir.example.net")
            .header(ORIGIN, "https://weir.example.net")
            .header("x-forwarded-for", forwarded)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encoded(&[
                ("name", name.as_str()),
                ("password", "wrong password"),
            ]));
        async { request.send().await.expect("answers").status() }
    };
    // The wait grows with each try, so that one of a few comes too early however slow this machine is.
    let mut waits = 0;
    for i in 0..14 {
        let status = try_as(format!("user{i}"), format!("198.51.100.{i}, 203.0.113.5")).await;
        waits += usize::from(status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(waits > 0);
    let other = try_as("user99".to_owned(), "203.0.113.6".to_owned()).await;
    assert_eq!(other, StatusCode::UNAUTHORIZED);
}
