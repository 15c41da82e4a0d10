//! What the pages say is what is there: store, runtime and caller.

use reqwest::StatusCode;
use weir_schemas::runtime::State;

use crate::support::crawl::{crawl, inert, shown};
use crate::support::network::Network;
use crate::support::server::{Server, Setup};

async fn seq(server: &Server) -> u64 {
    let session = server.operator().await;
    let page = server.json("/generations.json", &session).await;
    page["active"]["seq"].as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn home_says_whether_anybody_has_to_do_something() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let home = server.json("/home.json", &session).await;
    assert_eq!(home["channel"], "production");
    assert_eq!(home["active"]["seq"], 2);
    assert_eq!(home["active"]["digest"], server.digests[1]);
    assert_eq!(home["drift"]["state"], "in sync");
    assert_eq!(home["subscribers"]["unknown"], 3);
    assert_eq!(home["change"]["digest"], server.digests[2]);
    assert_eq!(home["verdict"]["tone"], "error", "an error is open");
    let text = shown(&server.text("/", &session).await);
    assert!(text.contains("Somebody has to do something") && text.contains("1 error is open"));

    let runtime = server.runtime.as_ref().expect("a runtime");
    runtime.lock().expect("not poisoned").status.state = State::Unshaped;
    tokio::time::sleep(std::time::Duration::from_millis(1600)).await;
    let home = server.json("/home.json", &session).await;
    assert_eq!(home["drift"]["state"], "unshaped");
    let issues = server.text("/issues", &session).await;
    assert!(issues.contains("RUN-UNSHAPED") && issues.contains("weir-runtime doctor"));
    // Over when the runtime does not say it any more.
    runtime.lock().expect("not poisoned").status.state = State::Active;
    tokio::time::sleep(std::time::Duration::from_millis(1600)).await;
    let issues = server.text("/issues", &session).await;
    assert!(!issues.contains("RUN-"), "{issues}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_and_no_runtime_have_pages_too() {
    let setup = Setup {
        networks: Vec::new(),
        promoted: 0,
        runtime: false,
        mmdb: false,
        ..Setup::default()
    };
    let server = setup.start().await;
    let session = server.operator().await;
    for page in crawl(&server, &session, 60).await {
        inert(&page);
    }
    let globe = shown(&server.text("/globe", &session).await);
    assert!(globe.contains("no map of addresses") && globe.contains("no runtime on this machine"));
    assert!(shown(&server.text("/tree", &session).await).contains("Nothing was built yet"));
    assert_eq!(
        server.get("/unknown.csv", &session).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_are_found_by_name_id_address_and_mac() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let one = &Network::lakeside().circuits[7];
    let name = one.name.to_uppercase().replace(' ', "+");
    let host = one.addresses[0].trim_end_matches("/32").to_owned();
    let inside = "2001:db8:0:700::7".replace(':', "%3A");
    let mac = one.mac.replace(':', "-");
    for (query, kind) in [
        (name.as_str(), "name or id"),
        (one.id.as_str(), "name or id"),
        (host.as_str(), "address"),
        (inside.as_str(), "address"),
        (mac.as_str(), "MAC"),
    ] {
        let page = server
            .json(&format!("/subscribers.json?q={query}"), &session)
            .await;
        assert_eq!(page["taken_for"], kind, "{query}");
        assert_eq!(page["rows"][0]["id"], one.id, "{query}");
    }
    let nobody = server
        .json("/subscribers.json?q=100.64.0.251", &session)
        .await;
    assert_eq!(nobody["pages"]["total"], 0);
    assert_eq!(nobody["nearest"].as_array().expect("a list").len(), 1);
    let unshaped = server
        .json("/subscribers.json?state=unshaped", &session)
        .await;
    let want = Network::lakeside()
        .circuits
        .iter()
        .filter(|c| c.omitted.is_some())
        .count();
    assert_eq!(unshaped["pages"]["total"], want);
    let node = server
        .json("/subscribers.json?node=site-0000", &session)
        .await;
    assert!(node["pages"]["total"].as_u64().expect("a number") > 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_has_its_class_its_provenance_and_its_last_change() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let changed = server
        .json("/subscriber.json?id=svc-000009", &session)
        .await;
    assert_eq!(changed["max"], serde_json::json!([300_000, 60_000]));
    assert_eq!(changed["changed"]["seq"], 2);
    assert!(
        changed["class"]["ids"][0]
            .as_str()
            .expect("a class")
            .contains(':')
    );
    assert_eq!(
        changed["class"]["leaves"][0]
            .as_str()
            .expect("a leaf")
            .split(' ')
            .next(),
        Some("cake")
    );
    assert!(changed["live"]["rate"][0].is_u64());
    let same = server
        .json("/subscriber.json?id=svc-000011", &session)
        .await;
    assert_eq!(same["changed"]["seq"], serde_json::Value::Null);
    assert_eq!(same["fields"][0]["overridden"]["value"], "100/20");
    assert_eq!(same["ceiling"][1]["by"], "rates.overhead 1.1");
    let page = shown(&server.text("/subscriber?id=svc-000011", &session).await);
    assert!(page.contains("pays for more") && page.contains("exports/crm/services.json:17"));
    assert_eq!(
        server.get("/subscriber?id=gone", &session).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_adds_up_and_says_what_limits() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let tree = server.json("/tree.json", &session).await;
    let nodes = tree["nodes"].as_array().expect("a list");
    assert_eq!(nodes.len(), 30);
    let number = |value: &serde_json::Value| value.as_u64().expect("a number");
    let below: u64 = nodes
        .iter()
        .filter(|n| n["depth"] == 0)
        .map(|n| number(&n["circuits"]))
        .sum();
    let aps: u64 = nodes
        .iter()
        .filter(|n| n["depth"] == 1)
        .map(|n| number(&n["circuits"]))
        .sum();
    assert_eq!(
        (below, aps),
        (
            number(&server.json("/home.json", &session).await["subscribers"]["shaped"]),
            below
        )
    );
    assert_eq!(
        nodes[1]["limited_by"],
        serde_json::json!(["link link-1", "its own capacity"])
    );
    assert!(nodes[0]["live"]["rate"][0].is_u64());
    let at = server.json("/tree.json?at=site-0001", &session).await;
    assert_eq!(at["pages"]["total"], 4);
    let path = format!("/tree.json?against={}", server.digests[0]);
    assert_eq!(server.get(&path, &session).await.status(), StatusCode::OK);
    let filtered = server.json("/tree.json?filter=harbour", &session).await;
    assert_eq!(filtered["pages"]["total"], 5);
    let svg = server.text("/tree", &session).await;
    assert!(svg.contains("<svg class=\"icicle\"") && svg.contains("href=\"/tree?at=site-0001\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cpu_plan_names_the_fullest_queue() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let cpu = server.json("/cpu.json", &session).await;
    let queues = cpu["queues"].as_array().expect("a list");
    assert_eq!(queues.len(), 8);
    let worst: Vec<_> = queues.iter().filter(|q| q["worst"] == true).collect();
    assert_eq!(worst.len(), 1);
    assert_eq!(worst[0]["queue"], cpu["pinned"]["queue"]);
    assert!(queues[0]["live"].is_u64());
    assert_eq!(cpu["core"]["percent"], 62);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_reviewed_promoted_confirmed_and_rolled_back() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let to = server.digests[2].clone();
    let path = format!("/promote?channel=production&digest={to}");
    let page = server.text(&path, &session).await;
    assert!(shown(&page).contains("subscribers would disappear"));
    let base = server.digests[1].clone();
    let removals = server
        .json(&path.replace("/promote?", "/promote.json?"), &session)
        .await["removals"]
        .to_string();
    let form = |typed: &'static str, seq: &'static str, accept: &'static str| {
        vec![
            ("channel", "production"),
            ("typed", typed),
            ("digest", to.as_str()),
            ("base_seq", seq),
            ("base_digest", base.as_str()),
            ("confirm_minutes", "5"),
            ("accept", accept),
            ("removals", removals.as_str()),
            ("reparented", "0"),
            ("reason", "looked at"),
        ]
    };
    for (form, want) in [
        (form("", "2", "yes"), StatusCode::UNPROCESSABLE_ENTITY),
        (
            form("produktion", "2", "yes"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (form("production", "1", "yes"), StatusCode::CONFLICT),
        (form("production", "2", ""), StatusCode::CONFLICT),
        (
            form("production", "two", "yes"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ] {
        let answer = server.post("/promote", &session, &form).await;
        assert_eq!(answer.status(), want);
        assert_eq!(seq(&server).await, 2, "nothing moved");
    }
    let answer = server
        .post("/promote", &session, &form("production", "2", "yes"))
        .await;
    assert_eq!(answer.status(), StatusCode::OK);
    let text = shown(&answer.text().await.expect("text"));
    assert!(
        text.contains("Promoted: generation 3") && text.contains("weir rollback production"),
        "{text}"
    );

    let page = server.json("/generations.json", &session).await;
    assert_eq!(page["active"]["pending"]["within_seconds"], 300);
    assert_eq!(page["history"][0]["author"], "olga");
    let confirm = [
        ("channel", "production"),
        ("typed", "production"),
        ("seq", "3"),
    ];
    assert_eq!(
        server
            .post("/confirm", &session, &confirm[..2])
            .await
            .status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        server.post("/confirm", &session, &confirm).await.status(),
        StatusCode::OK
    );

    let page = server.text("/rollback?channel=production", &session).await;
    assert!(
        page.contains(&format!("value=\"{base}\"")) && page.contains("name=\"seq\" value=\"3\"")
    );
    let rollback = [
        ("channel", "production"),
        ("typed", "production"),
        ("seq", "3"),
        ("digest", base.as_str()),
        ("reason", "calls from the hill"),
    ];
    let answer = server.post("/rollback", &session, &rollback).await;
    assert!(shown(&answer.text().await.expect("text")).contains("The channel is held"));
    let page = server.json("/generations.json", &session).await;
    assert_eq!(page["active"]["digest"], base);
    let held = page["active"]["hold"]["reason"].as_str().expect("a reason");
    assert!(held.contains("calls from the hill"), "{held}");
    assert_eq!(
        server.post("/rollback", &session, &rollback).await.status(),
        StatusCode::CONFLICT
    );
    assert_eq!(
        server
            .post("/resume", &session, &rollback[..1])
            .await
            .status(),
        StatusCode::OK
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_is_acknowledged_with_reason_and_expiry() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let issues = server.json("/issues.json", &session).await;
    let group = &issues["groups"][0];
    assert_eq!(
        (&group["code"], &issues["errors"]),
        (&serde_json::json!("ADR001"), &serde_json::json!(1))
    );
    assert!(group["explain"]["fix"].is_string());
    let id = group["rows"][0]["id"].as_str().expect("an id").to_owned();
    let form = |expires| {
        [
            ("id", id.as_str()),
            ("code", "ADR001"),
            ("reason", "one household"),
            ("expires", expires),
        ]
    };
    assert_eq!(
        server
            .post("/acknowledge", &session, &form("soon"))
            .await
            .status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        server
            .post("/acknowledge", &session, &form("2099-01-31"))
            .await
            .status(),
        StatusCode::OK
    );
    let issues = server.json("/issues.json", &session).await;
    assert_eq!(
        (&issues["errors"], &issues["acknowledged"]),
        (&serde_json::json!(0), &serde_json::json!(1))
    );
    let all = shown(&server.text("/issues?show=all", &session).await);
    assert!(all.contains("one household") && all.contains("2099-01-31"));
    server
        .post("/unacknowledge", &session, &[("id", id.as_str())])
        .await;
    assert_eq!(server.json("/issues.json", &session).await["errors"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_is_written_or_shown_as_a_patch() {
    for (in_git, want) in [
        (false, "overrides.toml was written"),
        (true, "nothing was written"),
    ] {
        let setup = Setup {
            in_git,
            ..Setup::default()
        };
        let server = setup.start().await;
        let session = server.operator().await;
        let form = [
            ("id", "svc-000010"),
            ("field", "plan_mbps"),
            ("value", "100/20"),
            ("reason", "a promise"),
            ("expires", "2027-01-31"),
        ];
        let answer = server.post("/overrides", &session, &form).await;
        let text = shown(&answer.text().await.expect("text"));
        assert!(text.contains(want) && text.contains("+plan_mbps"), "{text}");
        assert_eq!(
            server
                .post("/overrides", &session, &form[..3])
                .await
                .status(),
            StatusCode::UNPROCESSABLE_ENTITY
        );
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overrides_are_listed_with_what_is_the_matter_and_taken_out() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let listed = server.json("/overrides.json", &session).await;
    assert_eq!(listed["pages"]["total"], 2);
    assert_eq!(listed["rows"][0]["reason"], "pays for more");
    assert_eq!(listed["rows"][1]["marks"][0]["word"], "expired");
    let marked = server.json("/overrides.json?show=marked", &session).await;
    assert_eq!(marked["pages"]["total"], 1);
    let form = [("kind", "node"), ("id", "site-0001"), ("device", "")];
    let done = server.post("/overrides/remove", &session, &form).await;
    assert_eq!(done.status(), StatusCode::OK);
    assert_eq!(server.asked(), ["remove-override olga node site-0001"]);
    // A viewer is told that there are some, and nothing that a person wrote.
    let viewer = server.viewer().await;
    let listed = server.json("/overrides.json", &viewer).await;
    assert_eq!(listed["rows"][0]["reason"], serde_json::Value::Null);
    assert_eq!(listed["rows"][0]["set"][0]["field"], "plan_mbps");
    assert_eq!(
        listed["rows"][0]["set"][0]["value"],
        serde_json::Value::Null
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_addresses_name_the_nearest_and_who_had_them() {
    let mut setup = Setup::default();
    setup.networks[0].circuits[3].addresses = vec!["100.90.1.1/32".to_owned()];
    let server = setup.start().await;
    let session = server.operator().await;
    let page = server.json("/unknown.json", &session).await;
    assert_eq!(page["rows"][1]["address"], "100.90.1.1");
    assert_eq!(
        page["rows"][1]["last"]["seq"], 1,
        "the first generation had it"
    );
    assert_eq!(page["rows"][0]["last"], serde_json::Value::Null);
    let csv = server.get("/unknown.csv", &session).await;
    let disposition = csv.headers()["content-disposition"].to_str().expect("text");
    assert!(disposition.starts_with("attachment"));
    let text = csv.text().await.expect("text");
    assert_eq!(text.lines().count(), 4);
    assert!(text.contains("\"100.90.1.1\",30,"));
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_are_placed_on_the_map_by_the_operators_database() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let globe = server.json("/globe.json", &session).await;
    let names: Vec<_> = globe["countries"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|c| c["name"].clone())
        .collect();
    for country in ["United States of America", "Germany", "Singapore", "Brazil"] {
        assert!(names.contains(&serde_json::json!(country)), "{names:?}");
    }
    assert_eq!(globe["networks"][0]["organization"], "Example Video");
    let page = server.text("/globe?lon=-60&lat=20", &session).await;
    assert!(page.matches("class=\"spot\"").count() >= 2);
    let flat = server.text("/globe?map=flat", &session).await;
    assert_eq!(flat.matches("class=\"spot\"").count(), 4);
    let one = server
        .json("/globe.json?circuit=svc-000001", &session)
        .await;
    assert_eq!(one["flows"], 1);
    let node = server.json("/globe.json?node=site-0001", &session).await;
    let flows = node["flows"].as_u64().expect("a number");
    assert!(flows > 1 && flows < 48, "{flows}");
}

/// Every part of an artifact is proved before it is shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_artifact_is_refused() {
    for file in [
        "tree.json",
        "queue-plan.json",
        "findings.json",
        "provenance.json",
        "manifest.json",
    ] {
        let server = Setup::default().start().await;
        let path = server
            .dir
            .path()
            .join("store/artifacts")
            .join(&server.digests[1])
            .join(file);
        let text = std::fs::read_to_string(&path).expect("text");
        std::fs::write(&path, text.replacen("0", "1", 1)).expect("written");
        let session = server.operator().await;
        let answer = server.get("/tree", &session).await;
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY, "{file}");
        let text = shown(&answer.text().await.expect("text"));
        assert!(
            text.contains("was changed after it was stored"),
            "{file}: {text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strategies_are_compared_once_for_all_who_look() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    for _ in 0..3 {
        let page = server.json("/compare.json", &session).await;
        assert_eq!(page["recommended"], "ap_site");
    }
    assert_eq!(server.asked(), ["compare"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_pages_hear_of_changes_until_the_session_ends() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let mut events = server.get("/events", &session).await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    server.post("/run-now", &session, &[]).await;
    let mut heard = String::new();
    let deadline = std::time::Duration::from_secs(60);
    while !heard.contains("event: changed") {
        let part = tokio::time::timeout(deadline, events.chunk())
            .await
            .expect("in time");
        heard.push_str(&String::from_utf8_lossy(
            &part.expect("reads").expect("goes on"),
        ));
    }
    server.post("/logout", &session, &[]).await;
    let end = tokio::time::timeout(deadline, async {
        while let Ok(Some(_)) = events.chunk().await {}
    });
    end.await.expect("it ends with the session");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_those_of_the_caller_and_our_own() {
    let setup = Setup {
        metrics: true,
        ..Setup::default()
    };
    let server = setup.start().await;
    let text = server.text("/metrics", &Default::default()).await;
    for line in [
        "weir_head_seq{channel=\"production\"} 3",
        "# TYPE weir_console_sessions gauge",
        "weir_console_requests_total 1",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains("svc-"));
}
