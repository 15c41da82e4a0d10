//! Every CRM times everything that can go wrong with one: the fetch fails, in time, with the right cause, and says no
//! secret. Whatever fails here records nothing, because there is no recording to store.

mod common;

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{fetch, limits, source};
use weir_fetch::error::TlsFault;
use weir_fetch::fence::Lookup;
use weir_fetch::tls::{Trust, pin};
use weir_fetch::{Cause, FetchError, Limits, Source};
use weir_standin::fault::Paging;
use weir_standin::{Certificate, Fault, Flaw, KINDS, Kind, Options, Standin};

/// CRMs that have pages, and the request that has several.
const PAGED: [(&str, &str); 4] = [
    ("sonar", "Accounts"),
    ("splynx", "customers/customer"),
    ("uisp", "clients/services"),
    ("visp", "Subs"),
];

type Check = fn(&Cause) -> bool;

/// A fault, the name it is told by, and whether the cause that came is right.
fn faults() -> Vec<(&'static str, Kind, Check)> {
    vec![
        ("400", Kind::Status(400), |c| {
            matches!(c, Cause::Status { status: 400, .. })
        }),
        ("401", Kind::Status(401), |c| {
            matches!(c, Cause::WrongKey { .. })
        }),
        ("403", Kind::Status(403), |c| {
            matches!(c, Cause::Forbidden { .. })
        }),
        ("404", Kind::Status(404), |c| {
            matches!(c, Cause::Status { status: 404, .. })
        }),
        ("500", Kind::Status(500), |c| {
            matches!(c, Cause::Status { status: 500, .. })
        }),
        (
            "502 as a web page",
            Kind::HtmlStatus(502),
            |c| matches!(c, Cause::Busy { status: 502, attempts: 4, said } if said == "Bad Gateway"),
        ),
        ("503 for ever", Kind::Status(503), |c| {
            matches!(
                c,
                Cause::Busy {
                    status: 503,
                    attempts: 4,
                    ..
                }
            )
        }),
        (
            "429 for an hour",
            Kind::RetryAfter(429, 3600),
            |c| matches!(c, Cause::Wait { status: 429, asked: Some(asked) } if asked.as_secs() == 3600),
        ),
        (
            "503 until tomorrow",
            Kind::RetryAfterDate(503, 86_400),
            |c| matches!(c, Cause::Wait { status: 503, .. }),
        ),
        ("204", Kind::NoContent, |c| {
            matches!(c, Cause::Empty { status: 204 })
        }),
        ("nothing", Kind::Empty, |c| {
            matches!(c, Cause::Empty { status: 200 })
        }),
        (
            "302 to a login page",
            Kind::Login,
            |c| matches!(c, Cause::Html { title, redirected: true } if title == "Please sign in"),
        ),
        ("a web page", Kind::Html, |c| {
            matches!(
                c,
                Cause::Html {
                    redirected: false,
                    ..
                }
            )
        }),
        (
            "null",
            Kind::Null,
            |c| matches!(c, Cause::Shape { found, .. } if found == "null"),
        ),
        (
            "an error with 200",
            Kind::ErrorBody,
            |c| matches!(c, Cause::ErrorBody { said } if said == "Something broke"),
        ),
        (
            "no JSON",
            Kind::Garbage,
            |c| matches!(c, Cause::NotJson { what } if what.contains("Warning: mysql")),
        ),
        ("a broken connection", Kind::Broken, |c| {
            matches!(c, Cause::Truncated)
        }),
        ("half an answer", Kind::Cut, |c| {
            matches!(c, Cause::Truncated)
        }),
        ("a byte a second", Kind::Drip, |c| {
            matches!(c, Cause::Deadline { .. })
        }),
        ("silence", Kind::Silent, |c| {
            matches!(c, Cause::Deadline { .. })
        }),
        ("a bomb", Kind::Bomb(64), |c| {
            matches!(c, Cause::TooLarge { .. })
        }),
        ("lists in lists", Kind::Deep(1_000_000), |c| {
            matches!(c, Cause::TooDeep { .. })
        }),
        ("no end", Kind::Endless, |c| {
            matches!(c, Cause::TooLarge { .. } | Cause::Shape { .. })
        }),
        (
            "another server",
            Kind::Redirect("https://evil.example/steal".to_owned()),
            |c| matches!(c, Cause::Redirect { to, .. } if to == "https://evil.example/steal"),
        ),
        ("in circles", Kind::Redirect("/nowhere".to_owned()), |c| {
            matches!(c, Cause::Redirect { .. })
        }),
    ]
}

/// The deadline of the tests, and what ending takes.
const LONGEST: Duration = Duration::from_millis(2000 + 2000);

async fn fails(name: &str, source: &Source, right: Check) -> Option<String> {
    let started = Instant::now();
    let result = fetch(source).await;
    let took = started.elapsed();
    let kind = source.kind.kind;
    match result {
        Ok(_) => Some(format!("{kind}, {name}: it was read")),
        Err(error) if !right(&error.cause) => Some(format!("{kind}, {name}: {error}")),
        Err(_) if took > LONGEST => Some(format!("{kind}, {name}: it took {took:?}")),
        Err(error) => named(&error).map(|what| format!("{kind}, {name}: {what}: {error}")),
    }
}

/// A failure of a request names source and request, and helps.
fn named(error: &FetchError) -> Option<&'static str> {
    let text = error.to_string();
    if !text.starts_with("source `crm`") {
        return Some("the source is not named");
    }
    if text.contains('\n') {
        return Some("it has several lines");
    }
    if error.cause.help().is_empty() {
        return Some("it does not help");
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_fault_of_every_crm_fails_with_its_cause() {
    let mut cases = tokio::task::JoinSet::new();
    let turns = Arc::new(tokio::sync::Semaphore::new(3));
    for kind in KINDS {
        let turns = Arc::clone(&turns);
        cases.spawn(async move {
            let _turn = turns.acquire().await;
            let mut wrong = Vec::new();
            let standin = Standin::start(Options::new(kind)).unwrap();
            let source = source(kind, &standin);
            for (name, fault, right) in faults() {
                standin.reset();
                standin.fail(Fault::always(fault));
                wrong.extend(fails(name, &source, right).await);
            }
            // The same server answers well after all of it.
            standin.reset();
            if let Err(error) = fetch(&source).await {
                wrong.push(format!("{kind}, well again: {error}"));
            }
            wrong
        });
    }
    let wrong: Vec<String> = cases.join_all().await.concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn json_of_another_shape_is_named() {
    for kind in KINDS {
        let standin = Standin::start(Options::new(kind)).unwrap();
        standin.fail(Fault::always(Kind::OtherShape));
        let source = source(kind, &standin);
        // A list is what some of them answer; then its records are no records of theirs.
        match fetch(&source).await {
            Err(error) => assert!(
                matches!(error.cause, Cause::Shape { .. } | Cause::PageLoop),
                "{kind}: {error}"
            ),
            Ok(recording) => {
                let all = recording
                    .files
                    .iter()
                    .map(|(_, bytes)| String::from_utf8_lossy(bytes));
                assert!(
                    all.into_iter().all(|text| !text.contains("world")),
                    "{kind}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_passes_is_waited_for_and_never_asked_about_too_early() {
    for kind in KINDS {
        let standin = Standin::start(Options::new(kind)).unwrap();
        let mut source = source(kind, &standin);
        source.limits.total = Duration::from_secs(20);
        for (fault, least) in [
            (Kind::Status(503), Duration::ZERO),
            (Kind::HtmlStatus(502), Duration::ZERO),
            (Kind::Broken, Duration::ZERO),
            (Kind::RetryAfter(429, 1), Duration::from_secs(1)),
        ] {
            standin.reset();
            standin.fail(Fault::once(fault.clone()));
            let recording = fetch(&source)
                .await
                .unwrap_or_else(|e| panic!("{kind} {fault:?}: {e}"));
            assert!(recording.export.complete);
            let seen = standin.seen();
            let data: Vec<_> = seen
                .iter()
                .filter(|s| s.method != "HEAD" && !s.what.contains("token"))
                .collect();
            assert!(data[1].at - data[0].at >= least, "{kind} {fault:?}");
            assert_eq!(
                data[0].path, data[1].path,
                "{kind}: the same was asked again"
            );
        }
    }
    let standin = Standin::start(Options::new("netzur")).unwrap();
    let mut source = source("netzur", &standin);
    source.limits.total = Duration::from_secs(20);
    standin.fail(Fault::once(Kind::RetryAfterDate(503, 2)));
    fetch(&source).await.unwrap();
    let seen = standin.seen();
    // A date has whole seconds: two of them are at least one.
    assert!(seen[1].at - seen[0].at >= Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_complete_or_the_fetch_fails() {
    for (kind, what) in PAGED {
        let mut options = Options::new(kind);
        options.page = 7;
        let standin = Standin::start(options).unwrap();
        let source = source(kind, &standin);
        for (paging, right) in [
            (
                Paging::Deleted,
                (|c| matches!(c, Cause::Changed { .. } | Cause::Count { .. })) as Check,
            ),
            (Paging::Loop, |c| {
                matches!(c, Cause::PageLoop | Cause::Changed { .. })
            }),
            (Paging::Moved, |c| {
                matches!(c, Cause::Changed { .. } | Cause::Count { .. })
            }),
            (Paging::Shrinks, |c| matches!(c, Cause::Changed { .. })),
            (Paging::Short, |c| {
                matches!(c, Cause::Count { .. } | Cause::Changed { .. })
            }),
        ] {
            // UISP states no total, and the count of Splynx is not part of a page.
            let stated = matches!(paging, Paging::Shrinks | Paging::Short);
            if stated && (kind == "uisp" || (kind == "splynx" && paging == Paging::Shrinks)) {
                continue;
            }
            standin.reset();
            standin.fail(Fault::always(Kind::Paging(paging)).of(what));
            let wrong = fails(&format!("{paging:?}"), &source, right).await;
            assert_eq!(wrong, None);
        }
        // A page that is cut, after a good one.
        standin.reset();
        standin.fail(Fault::always(Kind::Cut).of(what).after(1));
        assert_eq!(
            fails("a cut page", &source, |c| matches!(c, Cause::Truncated)).await,
            None
        );
        // What changes once is read once more.
        standin.reset();
        standin.fail(Fault::once(Kind::Paging(Paging::Moved)).of(what).after(8));
        assert!(fetch(&source).await.is_ok(), "{kind}");
    }
}

/// However small the answers are, there are only so many of them, and so many records in all.
#[tokio::test(flavor = "multi_thread")]
async fn pages_and_records_are_bounded() {
    for (kind, _) in PAGED {
        let mut options = Options::new(kind);
        options.page = 7;
        let standin = Standin::start(options).unwrap();
        for (limits, right) in [
            (
                Limits {
                    pages: 1,
                    ..limits()
                },
                (|c| matches!(c, Cause::TooMany { what, limit: 1 } if *what == "pages")) as Check,
            ),
            (
                Limits {
                    records: 9,
                    ..limits()
                },
                |c| matches!(c, Cause::TooMany { what, limit: 9 } if *what == "records"),
            ),
        ] {
            let mut source = source(kind, &standin);
            source.limits = limits;
            assert_eq!(fails("too many", &source, right).await, None);
        }
    }
}

/// Sonar's records hold lists that have no pages of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_inside_of_a_record_is_complete_or_the_fetch_fails() {
    let standin = Standin::start(Options::new("sonar")).unwrap();
    let source = source("sonar", &standin);
    for what in ["Accounts", "Sites"] {
        standin.reset();
        standin.fail(Fault::always(Kind::Paging(Paging::Inside)).of(what));
        let error = fetch(&source).await.expect_err(what);
        assert!(
            matches!(&error.cause, Cause::Inside { said, found, .. } if *said == found + 1),
            "{error}"
        );
        let text = error.to_string();
        assert!(text.contains(what) && text.contains("of record "), "{text}");
        assert_eq!(named(&error), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_always_checked() {
    let pinned = |certificate: &Certificate| Trust::Pin(pin(&certificate.pin()).unwrap());
    let none = Certificate::new(Flaw::None);
    let by =
        |certificate: &Certificate| Trust::Authority(certificate.authority.clone().into_bytes());
    let others = [Flaw::SelfSigned, Flaw::OtherName, Flaw::Expired].map(Certificate::new);
    let [own, name, expired] = &others;
    type Case<'a> = (&'a Certificate, Trust, Option<fn(&TlsFault) -> bool>);
    let cases: Vec<Case<'_>> = vec![
        (&none, by(&none), None),
        (
            &none,
            Trust::System,
            Some(|f| matches!(f, TlsFault::SelfSigned)),
        ),
        (
            &none,
            by(own),
            Some(|f| matches!(f, TlsFault::SelfSigned | TlsFault::Other(_))),
        ),
        (
            own,
            Trust::System,
            Some(|f| matches!(f, TlsFault::SelfSigned)),
        ),
        (own, pinned(own), None),
        (
            own,
            pinned(&none),
            Some(|f| matches!(f, TlsFault::OtherCertificate)),
        ),
        (
            name,
            by(name),
            Some(|f| matches!(f, TlsFault::WrongHost { .. })),
        ),
        (name, pinned(name), None),
        (
            expired,
            by(expired),
            Some(|f| matches!(f, TlsFault::Expired)),
        ),
        (expired, pinned(expired), None),
    ];
    for kind in KINDS {
        for (number, (certificate, trust, fault)) in cases.iter().enumerate() {
            let mut options = Options::new(kind);
            options.certificate = Some((*certificate).clone());
            let standin = Standin::start(options).unwrap();
            let mut source = source(kind, &standin);
            source.limits.total = Duration::from_secs(10);
            source.trust = trust.clone();
            match (fetch(&source).await, fault) {
                (Ok(_), None) => {}
                (
                    Err(FetchError {
                        cause: Cause::Tls { what, presented },
                        ..
                    }),
                    Some(right),
                ) => {
                    assert!(right(&what), "{kind} {number}: {what:?}");
                    assert_eq!(presented, Some(certificate.pin()), "{kind} {number}");
                    // Not a byte of the request left this machine.
                    assert!(standin.seen().is_empty());
                }
                (result, _) => panic!("{kind} {number}: {:?}", result.map(|r| r.export.digest)),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_never_leaves_without_encryption_nor_to_another_server() {
    let other = Standin::start(Options::new("netzur")).unwrap();
    for kind in KINDS {
        let mut options = Options::new(kind);
        let certificate = Certificate::new(Flaw::SelfSigned);
        options.certificate = Some(certificate.clone());
        let standin = Standin::start(options).unwrap();
        let mut source = source(kind, &standin);
        source.trust = Trust::Pin(pin(&certificate.pin()).unwrap());
        // To the same host without TLS, and to another server.
        let plain = standin.origin().replacen("https", "http", 1);
        for to in [plain.as_str(), &other.origin()] {
            standin.reset();
            standin.fail(Fault::always(Kind::Redirect(format!("{to}/api"))));
            let error = fetch(&source).await.unwrap_err();
            assert!(
                matches!(error.cause, Cause::Redirect { .. }),
                "{kind}: {error}"
            );
        }
        source.base = source.kind.base("http://192.0.2.1/").unwrap();
        let error = fetch(&source).await.unwrap_err();
        assert!(
            matches!(error.cause, Cause::Plaintext { .. }),
            "{kind}: {error}"
        );
    }
    assert!(other.seen().is_empty());
}

/// A name server that gives these addresses, whatever it is asked.
struct Liar(Vec<IpAddr>);

impl Lookup for Liar {
    fn lookup(&self, _: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        let addresses = self.0.clone();
        Box::pin(async move {
            match addresses.is_empty() {
                true => Err(io::Error::other("no such name")),
                false => Ok(addresses),
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_do_not_lead_behind_the_fence() {
    let standin = Standin::start(Options::new("uisp")).unwrap();
    let port = standin.address.port();
    for (addresses, want) in [
        (vec!["127.0.0.1"], true),
        (vec!["169.254.169.254"], true),
        (vec!["203.0.113.9", "127.0.0.1"], true),
        (vec!["::ffff:127.0.0.1"], true),
        (vec![], false),
    ] {
        let mut source = source("uisp", &standin);
        source.base = source
            .kind
            .base(&format!("https://crm.example:{port}"))
            .unwrap();
        source.lookup = Arc::new(Liar(addresses.iter().map(|a| a.parse().unwrap()).collect()));
        let error = fetch(&source).await.unwrap_err();
        match want {
            true => assert!(
                matches!(error.cause, Cause::Fenced { .. }),
                "{addresses:?}: {error}"
            ),
            false => assert!(
                matches!(error.cause, Cause::Dns { .. }),
                "{addresses:?}: {error}"
            ),
        }
    }
    // A host that is this machine by its own name may be it.
    let mut source = source("uisp", &standin);
    source.base = source
        .kind
        .base(&format!("http://localhost:{port}"))
        .unwrap();
    source.lookup = Arc::new(Liar(vec!["127.0.0.1".parse().unwrap()]));
    source.token_url = None;
    fetch(&source).await.unwrap_or_else(|e| panic!("{e}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_holds_where_nobody_answers() {
    for certificate in [None, Some(Certificate::new(Flaw::SelfSigned))] {
        let mut options = Options::new("splynx");
        options.deaf = true;
        options.certificate = certificate;
        let standin = Standin::start(options).unwrap();
        let source = source("splynx", &standin);
        let started = Instant::now();
        let error = fetch(&source).await.unwrap_err();
        assert!(
            matches!(error.cause, Cause::Deadline { .. } | Cause::Connect { .. }),
            "{error}"
        );
        assert!(started.elapsed() <= limits().total + Duration::from_secs(2));
    }
    let standin = Standin::start(Options::new("splynx")).unwrap();
    let source = source("splynx", &standin);
    drop(standin);
    let error = fetch(&source).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Connect { .. }), "{error}");
}
