//! E2: names that break programs are text on every page there is, and nothing else.

use crate::support::HOSTILE;
use crate::support::crawl::{crawl, inert, shown};
use crate::support::network::Network;
use crate::support::server::Setup;

fn hostile() -> Setup {
    let first = Network::hostile();
    let mut second = first.clone();
    second.circuits.remove(4);
    second.circuits[9].max = [300_000, 60_000];
    Setup {
        networks: vec![first, second.clone(), {
            second.circuits.truncate(50);
            second
        }],
        hostile: true,
        ..Setup::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_inert_on_every_page() {
    let server = hostile().start().await;
    let mut kinds = std::collections::BTreeSet::new();
    for session in [server.operator().await, server.viewer().await] {
        let pages = crawl(&server, &session, 420).await;
        for page in &pages {
            inert(page);
            let path = page.path.split('?').next().expect("a path");
            kinds.insert(path.to_owned());
        }
    }
    // Every page to read was among them.
    for route in weir_console::ROUTES.iter().filter(|r| r.twin) {
        assert!(
            kinds.contains(route.path),
            "{} was not reached: {kinds:?}",
            route.path
        );
    }
}

/// The answers to forms hold what the caller says, too.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_answers_to_forms_are_inert() {
    let server = hostile().start().await;
    let session = server.operator().await;
    let digest = server.digests[2].clone();
    let circuit = Network::hostile().circuits[1].id.clone();
    let posts: [(&str, Vec<(&str, &str)>); 8] = [
        ("/source/test", vec![("name", HOSTILE[0])]),
        (
            "/source/save",
            vec![("name", "crm"), ("kind", "splynx"), ("set.url", HOSTILE[3])],
        ),
        (
            "/overrides",
            vec![
                ("id", &circuit),
                ("field", "plan_mbps"),
                ("value", HOSTILE[1]),
                ("reason", HOSTILE[4]),
            ],
        ),
        (
            "/overrides",
            vec![("id", &circuit), ("field", HOSTILE[1]), ("value", "1")],
        ),
        (
            "/acknowledge",
            vec![
                ("id", HOSTILE[0]),
                ("code", HOSTILE[3]),
                ("reason", "x"),
                ("expires", HOSTILE[1]),
            ],
        ),
        (
            "/promote",
            vec![
                ("channel", "production"),
                ("typed", "production"),
                ("digest", &digest),
                ("base_seq", "9"),
            ],
        ),
        (
            "/rollback",
            vec![("channel", HOSTILE[0]), ("typed", HOSTILE[0])],
        ),
        ("/pause", vec![("reason", HOSTILE[1])]),
    ];
    for (path, form) in posts {
        let answer = server.post(path, &session, &form).await;
        let text = answer.text().await.expect("text");
        assert!(text.starts_with("<!doctype html>"), "{path}");
        inert(&crate::support::crawl::Page {
            path: path.to_owned(),
            text,
        });
    }
    let answer = server
        .post(
            "/login",
            &session,
            &[
                ("name", HOSTILE[1]),
                ("password", "x"),
                ("next", HOSTILE[3]),
            ],
        )
        .await;
    let text = answer.text().await.expect("text");
    assert!(text.contains(r#"name="next" value="/""#));
}

/// They are there, as the text that they are: the tests above looked at something.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_shown_as_they_are() {
    let server = hostile().start().await;
    let session = server.operator().await;
    let text = shown(&server.text("/subscribers?q=alert", &session).await);
    assert!(text.contains("<script>alert(1)</script> 0"), "{text}");
    assert!(text.contains("</title><svg onload=alert(1)> 1"));
    let turned = shown(&server.text("/subscribers?q=gnp", &session).await);
    assert!(turned.contains("gnp.\\u{202e}exe\\u{2066}"));
    let long = server.text("/subscribers?q=%3Cb%3E%3Cb%3E", &session).await;
    assert!(long.len() < 30_000 && shown(&long).contains("<b><b><b>"));
}
