//! Every route and every role: what the table says is what happens.

use reqwest::{Method, StatusCode};
use weir_console::{Access, ROUTES};

use crate::support::server::{Session, Setup};

fn concrete(path: &str) -> String {
    path.replace("{name}", "weir.css")
}

/// Paths of a row: the page, and its twin.
fn paths(route: &weir_console::Route) -> Vec<String> {
    let twin = match route.path {
        "/" => "/home.json".to_owned(),
        path => format!("{path}.json"),
    };
    let mut paths = vec![concrete(route.path)];
    paths.extend(route.twin.then_some(twin));
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_for_every_role_is_as_the_table_says() {
    let server = Setup::default().start().await;
    let sessions = [
        (None, Session::default()),
        (Some("viewer"), server.viewer().await),
        (Some("operator"), server.operator().await),
    ];
    for route in ROUTES {
        for (role, session) in &sessions {
            let allowed = match route.access {
                Access::Anyone => true,
                Access::Viewer => role.is_some(),
                Access::Operator => *role == Some("operator"),
            };
            // The last of the row that uses its session up.
            if route.path == "/logout" && allowed {
                continue;
            }
            for path in paths(route) {
                let status = match route.method {
                    "GET" => server.get(&path, session).await.status(),
                    _ => server.post(&path, session, &[]).await.status(),
                };
                let kept_out = matches!(
                    status,
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::SEE_OTHER
                );
                let what = format!("{} {path} as {role:?}: {status}", route.method);
                let wrong_password = route.path == "/login" && route.method == "POST";
                assert_eq!(kept_out && !wrong_password, !allowed, "{what}");
                if !allowed {
                    let want = match (role, route.twin && !path.ends_with(".json")) {
                        (Some(_), _) => StatusCode::FORBIDDEN,
                        (None, true) => StatusCode::SEE_OTHER,
                        (None, false) => StatusCode::UNAUTHORIZED,
                    };
                    assert_eq!(status, want, "{what}");
                }
                assert!(
                    !status.is_server_error() || status == StatusCode::BAD_GATEWAY,
                    "{what}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_further_than_signing_in_health_and_assets() {
    let server = Setup::default().start().await;
    let open: Vec<_> = ROUTES
        .iter()
        .filter(|r| r.access == Access::Anyone)
        .map(|r| r.path)
        .collect();
    assert_eq!(
        open,
        ["/assets/{name}", "/healthz", "/login", "/login", "/metrics"]
    );
    let nobody = Session::default();
    assert_eq!(
        server.get("/metrics", &nobody).await.status(),
        StatusCode::NOT_FOUND
    );
    let health = server.text("/healthz", &nobody).await;
    assert_eq!(health, "ok\n");
    let login = server.text("/login", &nobody).await;
    assert!(!login.contains("lakeside") && !login.contains("production"));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_other_paths_are_not_there() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let answer = server
            .request(method.clone(), "/tree", &session)
            .send()
            .await
            .expect("answers");
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert!(
            answer
                .headers()
                .get("access-control-allow-origin")
                .is_none()
        );
    }
    for path in [
        "/nothing",
        "/assets/",
        "/assets/users.json",
        "/assets/..%2f..%2fusers.json",
        "/assets/..%2F..%2F..%2Fetc%2Fpasswd",
        "/assets/%2e%2e/Cargo.toml",
        "/assets//etc/passwd",
        "/users.json",
        "/store/heads/production.json",
        "/%2e%2e/users.json",
        "/tree/",
        "/TREE",
    ] {
        let answer = server.get(path, &session).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(
            answer.headers().contains_key("content-security-policy"),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gets_change_nothing() {
    let server = Setup::default().start().await;
    let session = server.operator().await;
    let head =
        std::fs::read(server.dir.path().join("store/heads/production.json")).expect("a head");
    for route in ROUTES
        .iter()
        .filter(|r| r.method == "GET" && r.path != "/events")
    {
        for path in paths(route) {
            let query = format!(
                "{path}?channel=production&digest={0}&to={0}&typed=production",
                server.digests[0]
            );
            server.get(&query, &session).await;
        }
    }
    let asked = server.asked();
    assert!(asked.iter().all(|a| a == "compare"), "{asked:?}");
    let after =
        std::fs::read(server.dir.path().join("store/heads/production.json")).expect("a head");
    assert_eq!(head, after);
}
