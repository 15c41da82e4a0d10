//! Every CRM, read completely from its stand-in.

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::{fetch, source};
use weir_fetch::{Auth, Cause, Source, crm};
use weir_standin::{Fault, KINDS, Kind, Options, Standin};

/// Collections and their records, by kind.
const WANT: &[(&str, &[(&str, u64)])] = &[
    ("netzur", &[("libreqos", 24)]),
    (
        "powercode",
        &[("customers", 31), ("services", 11), ("sites", 6)],
    ),
    (
        "sonar",
        &[
            ("account-statuses", 5),
            ("accounts", 34),
            ("network-sites", 6),
        ],
    ),
    (
        "splynx",
        &[
            ("customers", 30),
            ("fup", 4),
            ("ipv6", 4),
            ("monitoring", 18),
            ("network-sites", 6),
            ("online", 13),
            ("routers", 3),
            ("sectors", 3),
            ("services", 36),
            ("tariffs", 11),
        ],
    ),
    (
        "uisp",
        &[
            ("crm-clients", 37),
            ("crm-plans", 13),
            ("crm-services", 40),
            ("data-links", 47),
            ("devices", 66),
            ("sites", 46),
        ],
    ),
    (
        "visp",
        &[
            ("assemblies", 15),
            ("bulk", 22),
            ("equipment", 14),
            ("online", 4),
            ("subscribers", 28),
        ],
    ),
    ("wispgate", &[("shaped-devices", 25)]),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_crm_is_read_completely_in_pages_of_any_size() {
    assert!(KINDS.into_iter().eq(crm::CRMS.iter().map(|crm| crm.kind)));
    for (kind, want) in WANT {
        let mut digests = Vec::new();
        for page in [7, 20, 1000] {
            let mut options = Options::new(kind);
            options.page = page;
            let standin = Standin::start(options).unwrap();
            let recording = fetch(&source(kind, &standin))
                .await
                .unwrap_or_else(|e| panic!("{e}"));
            let mut found: BTreeMap<&str, u64> = BTreeMap::new();
            for file in &recording.export.files {
                *found.entry(&file.collection).or_default() += file.records;
            }
            let customers = found
                .keys()
                .filter(|name| name.starts_with("customer-"))
                .count();
            found.retain(|name, _| !name.starts_with("customer-"));
            assert_eq!(customers, if *kind == "visp" { 36 } else { 0 });
            let found: Vec<(&str, u64)> = found.into_iter().collect();
            assert_eq!(found, *want, "{kind} in pages of {page}");
            assert!(recording.export.complete && recording.export.missing.is_empty());
            assert!(standin.seen().iter().all(|seen| seen.credentials), "{kind}");
            let pages = recording
                .export
                .files
                .iter()
                .filter_map(|file| file.page)
                .max();
            if page == 7 && !matches!(*kind, "netzur" | "powercode" | "wispgate") {
                assert!(pages >= Some(2), "{kind}: {pages:?}");
            }
            let again = fetch(&source(kind, &standin)).await.unwrap();
            assert_eq!(again.export.digest, recording.export.digest, "{kind}");
            digests.push(recording.export.digest);
        }
    }
}

/// Pages that overlap have nothing to overlap with behind one record.
#[tokio::test(flavor = "multi_thread")]
async fn one_record_is_a_complete_list_and_a_page_of_one_is_not() {
    for (records, page, complete) in [(1, 20, true), (2, 20, true), (2, 1, false)] {
        let mut options = Options::new("uisp");
        (options.records, options.page) = (records, page);
        let standin = Standin::start(options).unwrap();
        let read = fetch(&source("uisp", &standin)).await;
        if !complete {
            let error = read.expect_err("a page of one record proves nothing");
            assert!(matches!(error.cause, Cause::Changed { .. }), "{error}");
            continue;
        }
        let recording = read.unwrap_or_else(|e| panic!("{records}: {e}"));
        let clients = (recording.export.files.iter())
            .filter(|file| file.collection == "crm-clients")
            .map(|file| file.records);
        assert_eq!(clients.sum::<u64>(), records as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn splynx_is_convinced_in_three_ways_and_tokens_that_end_are_made_anew() {
    let mut options = Options::new("splynx");
    options.page = 7;
    options.token_uses = 4;
    let standin = Standin::start(options).unwrap();
    let mut digests = Vec::new();
    for auth in [Auth::Basic, Auth::Signature, Auth::Token] {
        let mut source = source("splynx", &standin);
        source.auth = auth;
        digests.push(
            fetch(&source)
                .await
                .unwrap_or_else(|e| panic!("{auth:?}: {e}"))
                .export
                .digest,
        );
    }
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]));
    let tokens = standin
        .seen()
        .iter()
        .filter(|seen| seen.what.contains("auth/tokens"))
        .count();
    assert!(tokens > 3, "{tokens}");

    let mut options = Options::new("visp");
    options.token_uses = 5;
    let standin = Standin::start(options).unwrap();
    fetch(&source("visp", &standin)).await.unwrap();
    let tokens = standin
        .seen()
        .iter()
        .filter(|seen| seen.what == "/token")
        .count();
    assert!(tokens > 3, "{tokens}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_named_by_every_crm() {
    for kind in KINDS {
        let standin = Standin::start(Options::new(kind)).unwrap();
        let mut source = source(kind, &standin);
        // A router has a user and a password, the others a key.
        let setting = if kind == "mikrotik" {
            "password"
        } else {
            "key"
        };
        let set = |source: &mut Source, to: Option<&str>| {
            let secret = to.map(weir_fetch::secret::Secret::new);
            match setting {
                "password" => source.password = secret,
                _ => source.key = secret,
            }
        };
        set(&mut source, Some("canary-wrong"));
        let error = fetch(&source).await.unwrap_err();
        assert!(
            matches!(error.cause, Cause::WrongKey { .. }),
            "{kind}: {error}"
        );
        set(&mut source, None);
        let error = fetch(&source).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("`{setting}` is not set")),
            "{kind}: {error}"
        );
    }
}

/// The first ISP of a login may be somebody else's subscribers: which one is meant is never guessed.
#[tokio::test(flavor = "multi_thread")]
async fn of_several_isps_of_a_login_one_has_to_be_chosen() {
    let mut options = Options::new("visp");
    options.tenants = vec![12, 4711];
    let standin = Standin::start(options).unwrap();
    let mut source = source("visp", &standin);
    let error = fetch(&source).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Settings { .. }), "{error}");
    let text = format!("{error} {}", error.cause.help());
    assert!(
        text.contains("12, 4711") && text.contains("tenant = "),
        "{text}"
    );
    source.tenant = Some(4711);
    assert!(fetch(&source).await.is_ok());

    let mut options = Options::new("visp");
    options.tenants = Vec::new();
    let standin = Standin::start(options).unwrap();
    let error = fetch(&common::source("visp", &standin)).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Shape { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_collection_may_be_missing_but_not_go_missing() {
    let standin = Standin::start(Options::new("splynx")).unwrap();
    let mut source = source("splynx", &standin);
    for status in [403, 405] {
        standin.fail(Fault::always(Kind::Status(status)).of("ipv6-ip"));
        let recording = fetch(&source).await.unwrap();
        assert_eq!(recording.export.missing.len(), 1);
        assert_eq!(recording.export.missing[0].collection, "ipv6");
        source.had = vec!["ipv6".to_owned()];
        let error = fetch(&source).await.unwrap_err();
        assert!(matches!(error.cause, Cause::Gone { .. }), "{error}");
        source.accept_missing = true;
        assert!(fetch(&source).await.is_ok());
        (source.had, source.accept_missing) = (Vec::new(), false);
        standin.reset();
    }
    standin.fail(Fault::always(Kind::Status(403)).of("routers"));
    let error = fetch(&source).await.unwrap_err();
    assert!(
        error.cause.help().contains("Networking > Routers: View"),
        "{}",
        error.cause.help()
    );
}

/// Every customer of VISP is one question. Of those that nobody answers as many are under way as may be.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_each_of_many_is_asked_four_at_a_time() {
    let standin = Standin::start(Options::new("visp")).unwrap();
    standin.fail(Fault::always(Kind::Silent).of("CustomerServices"));
    let asked = || {
        let seen = standin.seen();
        (seen.iter())
            .filter(|seen| seen.what == "CustomerServices")
            .count()
    };
    let mut source = source("visp", &standin);
    source.limits.total = Duration::from_secs(120);
    let reading = tokio::spawn(async move { fetch(&source).await.map(drop) });
    let end = Instant::now() + Duration::from_secs(60);
    while asked() < 4 && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A fifth would come now.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(asked(), 4);
    assert!(!reading.is_finished());
    reading.abort();
}

/// What went wrong ahead of its turn is told in its turn, and what passes is asked again.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_came_early_is_judged_as_any_other() {
    let standin = Standin::start(Options::new("visp")).unwrap();
    let whole = fetch(&source("visp", &standin)).await.unwrap();
    standin.fail(Fault::once(Kind::Status(503)).of("CustomerServices"));
    let again = fetch(&source("visp", &standin)).await.unwrap();
    assert_eq!(again.export.digest, whole.export.digest);
    standin.fail(Fault::always(Kind::Garbage).of("CustomerServices"));
    let error = fetch(&source("visp", &standin)).await.err().unwrap();
    assert!(matches!(error.cause, Cause::NotJson { .. }), "{error}");
    assert_eq!(
        error.request.as_deref(),
        Some("POST /graphql (CustomerServices)")
    );
}
