//! 50,000 subscribers: no page is larger than 150 kB.

use crate::support::crawl::{LARGEST, crawl, inert};
use crate::support::network::Network;
use crate::support::server::Setup;

#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_large_with_fifty_thousand_subscribers() {
    let first = Network::of(120, 50_000, |i| {
        format!("Somebody with a long name, number {i}")
    });
    let mut second = first.clone();
    second.circuits.truncate(49_000);
    let setup = Setup {
        networks: vec![first, second],
        promoted: 1,
        ..Setup::default()
    };
    let server = setup.start().await;
    let session = server.operator().await;
    let pages = crawl(&server, &session, 70).await;
    assert_eq!(pages.len(), 70);
    for page in &pages {
        inert(page);
    }
    for path in [
        "/subscribers?q=number+4",
        "/subscribers?page=900",
        "/subscribers.json?page=900",
        "/subscribers?q=10.0.0.0%2F8",
        "/issues?show=all",
        "/tree?filter=hill",
        "/tree?page=9",
        "/globe?map=flat",
    ] {
        let text = server.text(path, &session).await;
        assert!(text.len() <= LARGEST, "{path}: {} bytes", text.len());
    }
    let last = server.json("/subscribers.json?page=900", &session).await;
    assert_eq!(
        (&last["pages"]["page"], &last["pages"]["pages"]),
        (&900.into(), &1000.into())
    );
    let one = server
        .json("/subscribers.json?q=number+49999", &session)
        .await;
    assert_eq!(one["pages"]["total"], 1);
}
