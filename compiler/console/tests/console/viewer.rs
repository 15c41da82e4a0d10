//! E1: a viewer gets no name, id, address or MAC of anybody, and no sentence that could hold one: not on a page, not in
//! JSON, not in a table, not by searching.

use crate::support::crawl::crawl;
use crate::support::network::Network;
use crate::support::server::{Server, Setup};

/// Everything that names somebody or something of the network.
fn hidden(network: &Network) -> Vec<String> {
    let mut hidden = Vec::new();
    for c in &network.circuits {
        hidden.extend([
            c.name.clone(),
            c.id.clone(),
            c.mac.clone(),
            format!("dev-{}", c.id),
        ]);
        hidden.extend(
            c.addresses
                .iter()
                .map(|a| a.split('/').next().expect("an address").to_owned()),
        );
    }
    for n in &network.nodes {
        hidden.extend([n.name.clone(), n.id.clone()]);
    }
    hidden.extend(
        [
            "192.168.1.1",
            "100.90.1.1",
            "2001:db8:ffff::1",
            "192.0.2.7",
            "198.51.100.9",
        ]
        .map(str::to_owned),
    );
    // What people and other systems said.
    hidden.extend(
        [
            "line 3 of the log",
            "pays for more",
            "plans of spring",
            "did not answer in",
            "secrets/crm",
            "crm.lakeside.example",
            "marta",
        ]
        .map(str::to_owned),
    );
    hidden
}

async fn tells_nothing(server: &Server, paths: &[&str]) -> usize {
    let session = server.viewer().await;
    let hidden = hidden(&Network::lakeside());
    let automaton = |text: &str| hidden.iter().find(|h| text.contains(h.as_str())).cloned();
    let mut pages: Vec<(String, String)> = Vec::new();
    for page in crawl(server, &session, 120).await {
        pages.push((page.path, page.text));
    }
    for path in paths {
        let answer = server.get(path, &session).await;
        pages.push(((*path).to_owned(), answer.text().await.expect("text")));
    }
    for (path, text) in &pages {
        assert_eq!(automaton(text), None, "{path} tells a viewer");
    }
    pages.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_tells_a_viewer_who_anybody_is() {
    let server = Setup::default().start().await;
    let read = tells_nothing(
        &server,
        &[
            "/unknown.csv",
            "/subscribers.json?page=2",
            "/tree.json?page=1",
            "/globe.json",
            "/issues.json?show=all",
            "/run.json?id=run-3",
            "/run?id=run-3",
            "/generations.json",
            "/sources.json",
            "/compare.json",
            "/explain.json?rule=ADR001",
            "/subscriber?id=nobody",
            "/tree?at=nobody",
        ],
    )
    .await;
    assert!(read > 80, "{read} pages were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_finds_nobody_by_what_is_hidden() {
    let server = Setup::default().start().await;
    let (viewer, operator) = (server.viewer().await, server.operator().await);
    let one = &Network::lakeside().circuits[1];
    let mac = one.mac.replace(':', "%3A");
    let address = one.addresses[0].trim_end_matches("/32");
    let part = one.name.split(' ').next().expect("a name");
    for query in [part, one.id.as_str(), address, mac.as_str()] {
        let path = format!("/subscribers.json?q={query}");
        let found = |json: serde_json::Value| json["pages"]["total"].as_u64().expect("a number");
        assert!(found(server.json(&path, &operator).await) >= 1, "{query}");
        assert_eq!(found(server.json(&path, &viewer).await), 0, "{query}");
    }
    for path in [
        format!("/subscriber.json?id={}", one.id),
        format!("/tree.json?at={}", Network::lakeside().nodes[0].id),
    ] {
        assert_eq!(server.get(&path, &viewer).await.status(), 404, "{path}");
        assert_eq!(server.get(&path, &operator).await.status(), 200, "{path}");
    }
    let filtered = server.json("/tree.json?filter=gallows", &viewer).await;
    assert_eq!(filtered["pages"]["total"], 0);
}

/// The same subscriber has the same pseudonym on every page, and can be looked at by it.
#[tokio::test(flavor = "multi_thread")]
async fn pseudonyms_are_the_same_everywhere() {
    let server = Setup::default().start().await;
    let viewer = server.viewer().await;
    let list = server.json("/subscribers.json?state=shaped", &viewer).await;
    let row = &list["rows"][0];
    let name = row["name"].as_str().expect("a name");
    assert!(name.starts_with("subscriber-"), "{name}");
    let href =
        row["href"]
            .as_str()
            .expect("an address")
            .replacen("/subscriber?", "/subscriber.json?", 1);
    let one = server.json(&href, &viewer).await;
    assert_eq!(one["name"], name);
    assert!(
        one["devices"][0]["mac"]
            .as_str()
            .expect("a MAC")
            .starts_with("mac-")
    );
    let found = server
        .json(&format!("/subscribers.json?q={name}"), &viewer)
        .await;
    assert_eq!(found["pages"]["total"], 1);
}
