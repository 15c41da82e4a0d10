//! The console in a real browser without a screen. Skipped, by name, where there is none: Debian has it as `chromium`
//! and `chromium-driver`. With `WEIR_SCREENSHOTS=DIR` it also leaves pictures of every page there.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;

use crate::support::server::{PASSWORD, Server, Setup};

/// What drives the browser; it ends with the test.
struct Driver {
    child: Child,
    port: u16,
    profile: tempfile::TempDir,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|p| p.is_file())
}

impl Driver {
    /// `None` where there is no browser; says so.
    fn start(test: &str) -> Option<Driver> {
        let (Some(driver), Some(_)) = (program("chromedriver"), program("chromium")) else {
            #[expect(clippy::print_stderr, reason = "a skipped test says so")]
            {
                eprintln!("skipped {test}: chromium and chromedriver are not installed");
            }
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a port")
            .port();
        let child = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        Some(Driver {
            child,
            port,
            profile: tempfile::tempdir().expect("a directory"),
        })
    }

    /// `phone`: a screen of 390 by 844, and otherwise one of 1360 by 900.
    async fn browser(&self, dark: bool, scripts: bool, phone: bool) -> Client {
        let profile = self
            .profile
            .path()
            .join(format!("{dark}-{scripts}-{phone}"));
        let mut arguments: Vec<String> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--force-device-scale-factor=1",
            "--hide-scrollbars",
        ]
        .map(str::to_owned)
        .into();
        arguments.push("--window-size=1360,900".to_owned());
        arguments.push(format!("--user-data-dir={}", profile.display()));
        if dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        } else {
            arguments.push("--blink-settings=preferredColorScheme=1".to_owned());
        }
        let mut options = json!({ "args": arguments });
        if !scripts {
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        if phone {
            let screen = json!({ "width": 390, "height": 844, "pixelRatio": 1.0, "touch": true });
            options["mobileEmulation"] = json!({ "deviceMetrics": screen });
        }
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
        let url = format!("http://127.0.0.1:{}", self.port);
        for _ in 0..240 {
            let mut builder =
                ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            if let Ok(client) = builder
                .capabilities(capabilities.clone())
                .connect(&url)
                .await
            {
                return client;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        panic!("the browser does not start");
    }
}

async fn sign_in(browser: &Client, server: &Server) {
    browser.goto(&server.url("/tree")).await.expect("goes");
    assert!(
        browser
            .current_url()
            .await
            .expect("a url")
            .path()
            .ends_with("/login"),
        "to the login first"
    );
    let field = |name: &'static str| browser.find(Locator::Css(name));
    field("input[name=name]")
        .await
        .expect("a field")
        .send_keys("olga")
        .await
        .expect("typed");
    field("input[name=password]")
        .await
        .expect("a field")
        .send_keys(PASSWORD)
        .await
        .expect("typed");
    field("form.login button")
        .await
        .expect("a button")
        .click()
        .await
        .expect("clicked");
    browser
        .wait()
        .at_most(Duration::from_secs(60))
        .for_element(Locator::Css("nav.menu"))
        .await
        .expect("signed in");
    assert_eq!(
        browser.current_url().await.expect("a url").path(),
        "/tree",
        "and then where it was going"
    );
}

/// Paths of every page that is worth a picture.
fn paths(server: &Server) -> Vec<(&'static str, String)> {
    let change = format!(
        "/change?from={}&to={}",
        server.digests[0], server.digests[2]
    );
    let promote = format!("/promote?channel=production&digest={}", server.digests[2]);
    let own = |name, path: &str| (name, path.to_owned());
    vec![
        own("home", "/"),
        own("scheduler", "/scheduler"),
        own("run", "/run?id=run-3"),
        own("issues", "/issues"),
        own("explain", "/explain?rule=ADR001"),
        own("tree", "/tree"),
        own("tree-site", "/tree?at=site-0001"),
        own("compare", "/compare"),
        own("cpu", "/cpu"),
        own("subscribers", "/subscribers"),
        own("subscriber", "/subscriber?id=svc-000000"),
        own("overrides", "/overrides"),
        own("unknown", "/unknown"),
        own("globe", "/globe"),
        own("map", "/globe?map=flat"),
        own("sources", "/sources"),
        own("source", "/source?name=crm"),
        own("generations", "/generations"),
        ("change", change),
        ("promote", promote),
        own("rollback", "/rollback?channel=production"),
        own("nobody", "/subscriber?id=nobody"),
    ]
}

/// What the browser complains about: anything that the policy stopped, and any fault of a script.
async fn complaints(browser: &Client) -> Vec<String> {
    let script = "return window.__faults || [];";
    let faults = browser.execute(script, Vec::new()).await.expect("runs");
    faults
        .as_array()
        .expect("a list")
        .iter()
        .map(ToString::to_string)
        .collect()
}

async fn fits(browser: &Client, what: &str) {
    let script = "return [document.documentElement.scrollWidth, window.innerWidth, \
                  [...document.styleSheets].reduce((n, s) => n + s.cssRules.length, 0), \
                  performance.getEntriesByType('resource').map(r => r.name), \
                  [...document.images].filter(i => !i.naturalWidth).length];";
    let seen = browser.execute(script, Vec::new()).await.expect("runs");
    let number = |i: usize| seen[i].as_u64().expect("a number");
    assert!(
        number(0) <= number(1),
        "{what} is wider than the screen: {} of {}",
        number(0),
        number(1)
    );
    // A page without its style sheet fits every screen.
    assert!(number(2) > 20, "{what} has no style: {} rules", number(2));
    assert_eq!(number(4), 0, "{what} has pictures that do not come");
    let here = browser.current_url().await.expect("a url");
    let origin = here.origin().ascii_serialization();
    for resource in seen[3].as_array().expect("a list") {
        let resource = resource.as_str().expect("text");
        assert!(resource.starts_with(&origin), "{what} asks {resource}");
    }
}

async fn picture(browser: &Client, dir: &Path, name: &str) {
    let png = browser.screenshot().await.expect("a picture");
    std::fs::write(dir.join(format!("{name}.png")), png).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_phone_and_desktop_in_light_and_dark() {
    let Some(driver) = Driver::start("every_page_fits_phone_and_desktop_in_light_and_dark") else {
        return;
    };
    let server = Setup::default().start().await;
    *server.engine.running.lock().expect("not poisoned") = true;
    let shots = std::env::var_os("WEIR_SCREENSHOTS").map(PathBuf::from);
    for (dark, phone) in [(false, false), (true, false), (false, true), (true, true)] {
        let browser = driver.browser(dark, true, phone).await;
        sign_in(&browser, &server).await;
        let screen = if phone { "phone" } else { "desktop" };
        let look = if dark { "dark" } else { "light" };
        for (name, path) in paths(&server) {
            browser.goto(&server.url(&path)).await.expect("goes");
            fits(&browser, &format!("{path} on a {screen}")).await;
            if let Some(dir) = &shots {
                picture(&browser, dir, &format!("{name}-{screen}-{look}")).await;
            }
        }
        browser.close().await.expect("closes");
    }
}

/// A page brings itself up to date, leaves alone who types, and no fault or stopped request is seen.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_follows_what_happens() {
    let Some(driver) = Driver::start("an_open_page_follows_what_happens") else {
        return;
    };
    let server = Setup::default().start().await;
    let browser = driver.browser(false, true, false).await;
    sign_in(&browser, &server).await;
    browser.goto(&server.url("/scheduler")).await.expect("goes");
    let watch = "window.__faults = []; \
                 addEventListener('error', e => window.__faults.push(e.message)); \
                 addEventListener('unhandledrejection', e => window.__faults.push(String(e.reason))); \
                 addEventListener('securitypolicyviolation', e => window.__faults.push(e.violatedDirective + ' ' + e.blockedURI));";
    browser.execute(watch, Vec::new()).await.expect("runs");
    *server.engine.running.lock().expect("not poisoned") = true;
    server
        .engine
        .revision
        .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let wait = browser.wait().at_most(Duration::from_secs(90));
    wait.for_element(Locator::Css("td .tag.running"))
        .await
        .expect("the run is shown");

    // Whoever types keeps what they typed.
    let field = browser
        .find(Locator::Css("input[name=reason]"))
        .await
        .expect("a field");
    field.send_keys("because").await.expect("typed");
    *server.engine.running.lock().expect("not poisoned") = false;
    server
        .engine
        .revision
        .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let typed = browser
        .find(Locator::Css("input[name=reason]"))
        .await
        .expect("a field");
    assert_eq!(
        typed.prop("value").await.expect("a value").as_deref(),
        Some("because")
    );
    assert_eq!(complaints(&browser).await, Vec::<String>::new());
    browser.close().await.expect("closes");
}

/// Without scripts, everything can be read and done.
#[tokio::test(flavor = "multi_thread")]
async fn everything_works_without_scripts() {
    let Some(driver) = Driver::start("everything_works_without_scripts") else {
        return;
    };
    let server = Setup::default().start().await;
    let browser = driver.browser(false, false, false).await;
    sign_in(&browser, &server).await;
    for link in [
        "Home",
        "Scheduler Status",
        "Urgent Issues",
        "Subscribers",
        "Flow Globe",
        "Generations",
    ] {
        browser
            .find(Locator::LinkText(link))
            .await
            .expect(link)
            .click()
            .await
            .expect("clicked");
        let here = browser
            .find(Locator::Css("nav a[aria-current]"))
            .await
            .expect("a menu");
        assert_eq!(here.text().await.expect("text"), link);
    }
    browser
        .goto(&server.url("/rollback?channel=production"))
        .await
        .expect("goes");
    let field = |css: &'static str| browser.find(Locator::Css(css));
    field("input[name=reason]")
        .await
        .expect("a field")
        .send_keys("calls")
        .await
        .expect("typed");
    field("input[name=typed]")
        .await
        .expect("a field")
        .send_keys("production")
        .await
        .expect("typed");
    field("button.danger")
        .await
        .expect("a button")
        .click()
        .await
        .expect("clicked");
    let done = field("main")
        .await
        .expect("a page")
        .text()
        .await
        .expect("text");
    assert!(done.contains("Rolled back: generation 3"), "{done}");
    browser.close().await.expect("closes");
}

/// The console can be used with the keyboard alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_reaches_content_and_search() {
    let Some(driver) = Driver::start("the_keyboard_reaches_content_and_search") else {
        return;
    };
    let server = Setup::default().start().await;
    let browser = driver.browser(false, true, false).await;
    sign_in(&browser, &server).await;
    let active = "return document.activeElement.className + ' ' + document.activeElement.name;";
    let body = || browser.find(Locator::Css("body"));
    body()
        .await
        .expect("a body")
        .send_keys("\u{e004}")
        .await
        .expect("tab");
    let first = browser.execute(active, Vec::new()).await.expect("runs");
    assert!(first.as_str().expect("text").starts_with("skip"), "{first}");
    browser
        .goto(&server.url("/subscribers"))
        .await
        .expect("goes");
    body()
        .await
        .expect("a body")
        .send_keys("/")
        .await
        .expect("typed");
    let search = browser.execute(active, Vec::new()).await.expect("runs");
    assert!(search.as_str().expect("text").ends_with(" q"), "{search}");
    let _: WindowHandle = browser.window().await.expect("a window");
    browser.close().await.expect("closes");
}
