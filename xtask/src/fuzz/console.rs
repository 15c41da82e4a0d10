//! Requests to the console, as bytes that anybody may send: whatever they are, no answer is a fault of the console's, and
//! nobody who may not change something changes something.
//!
//! An input is a file of requests, each with lines of its own and an empty one behind it: `viewer GET /tree?at=x`, who asks
//! first (`nobody`, `viewer`, `operator`); then headers; then, after `>`, a form.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use weir_compiler::testing::Memory;
use weir_console::engine::*;
use weir_console::users::{self, Role};
use weir_console::{Config, Console, ROUTES};
use weir_schemas::compare::Compare;
use weir_schemas::diff::Diff;
use weir_schemas::why::Why;
use weir_store::Store;

use super::Files;

const PASSWORD: &str = "correct horse battery";
/// Requests of one input at most: more of them try nothing else.
const MOST: usize = 12;

/// A caller that counts what would have changed something, and knows little.
#[derive(Default)]
struct Caller {
    changed: AtomicU64,
    digest: String,
}

impl Caller {
    fn change<T>(&self) -> Answer<T> {
        self.changed.fetch_add(1, Ordering::Relaxed);
        Err(Problem::Refused {
            word: "refused".to_owned(),
            message: "nothing is changed here".to_owned(),
            help: String::new(),
        })
    }
}

fn nothing<T>() -> Answer<T> {
    Err(Problem::NotFound {
        message: "there is none".to_owned(),
    })
}

impl Engine for Caller {
    fn project(&self) -> Answer<Project> {
        Ok(Project {
            name: "fuzz".to_owned(),
            channel: "production".to_owned(),
            in_git: false,
            version: "0".to_owned(),
        })
    }
    fn revision(&self) -> u64 {
        1
    }
    fn scheduler(&self) -> Answer<Scheduler> {
        Ok(Scheduler {
            every: None,
            promote: "never".to_owned(),
            next: None,
            paused: None,
            runs: Vec::new(),
            latest: Some(Latest {
                digest: self.digest.clone(),
                built: "2026-01-01T00:00:00Z".to_owned(),
                waiting: None,
            }),
        })
    }
    fn run(&self, _: &str) -> Answer<Run> {
        nothing()
    }
    fn run_now(&self, _: &str) -> Answer<()> {
        self.change()
    }
    fn pause(&self, _: &str, _: &str) -> Answer<()> {
        self.change()
    }
    fn unpause(&self, _: &str) -> Answer<()> {
        self.change()
    }
    fn issues(&self) -> Answer<Vec<Issue>> {
        Ok(Vec::new())
    }
    fn acknowledgements(&self) -> Answer<Vec<Acknowledgement>> {
        Ok(Vec::new())
    }
    fn acknowledge(&self, _: &str, _: &Acknowledge) -> Answer<()> {
        self.change()
    }
    fn unacknowledge(&self, _: &str, _: &str) -> Answer<()> {
        self.change()
    }
    fn explain(&self, _: &str) -> Answer<Explain> {
        nothing()
    }
    fn diff(&self, _: &str, _: &str) -> Answer<Diff> {
        nothing()
    }
    fn review_text(&self, _: &str, _: &str) -> Answer<String> {
        nothing()
    }
    fn why(&self, _: &str, _: &str) -> Answer<Why<'static>> {
        nothing()
    }
    fn compare(&self) -> Answer<Compare> {
        nothing()
    }
    fn review(&self, _: &str, _: &str) -> Answer<Review> {
        nothing()
    }
    fn promote(&self, _: &str, _: &PromoteRequest) -> Answer<Moved> {
        self.change()
    }
    fn confirm(&self, _: &str, _: &str, _: u64) -> Answer<Moved> {
        self.change()
    }
    fn rollback(&self, _: &str, _: &str, _: u64, _: &Back, _: &str) -> Answer<Moved> {
        self.change()
    }
    fn resume(&self, _: &str, _: &str, _: &str) -> Answer<Moved> {
        self.change()
    }
    fn overrides(&self) -> Answer<Vec<StoredOverride>> {
        Ok(Vec::new())
    }
    fn add_override(&self, _: &str, _: &OverrideRequest) -> Answer<Edit> {
        self.change()
    }
    fn remove_override(&self, _: &str, _: &OverrideId) -> Answer<Edit> {
        self.change()
    }
    fn sources(&self) -> Answer<Vec<Source>> {
        Ok(Vec::new())
    }
    fn source_kinds(&self) -> Answer<Vec<SourceKind>> {
        Ok(Vec::new())
    }
    fn test_source(&self, _: &str) -> Answer<TestResult> {
        self.change()
    }
    fn edit_source(&self, _: &str, _: &SourceEdit) -> Answer<Edit> {
        self.change()
    }
    fn metrics(&self) -> Option<String> {
        None
    }
}

/// A console without a network, and the sessions of its two users.
struct Bench {
    runtime: tokio::runtime::Runtime,
    console: Console,
    caller: Arc<Caller>,
    viewer: String,
    operator: String,
}

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| Bench::new().unwrap_or_else(|error| panic!("no console: {error}")))
}

impl Bench {
    fn new() -> Result<Bench, Box<dyn std::error::Error>> {
        let dir = place();
        std::fs::create_dir_all(&dir)?;
        let network = br#"{"schema": "weir.inventory/1", "nodes": [{"id": "core", "kind": "root"},
            {"id": "a1", "kind": "ap", "parent": "core", "kbps": [90000, 90000]}], "links": [],
            "circuits": [{"id": "c1", "name": "One", "attach": "a1", "plan_kbps": [9000, 900],
            "devices": [{"id": "d1", "ips": ["100.64.0.1", "2001:db8::/56"]}]}]}"#;
        let memory = Memory::new("inventory", &[("inventory.json", network)], "")
            .map_err(|e| e.to_string())?;
        let store = Store::open(dir.join("store"))?;
        let artifact = memory.compile(None).artifacts;
        store.put_artifact(&artifact.as_files())?;
        let users = dir.join("users.json");
        users::add(&users, "vic", Role::Viewer, PASSWORD)?;
        users::add(&users, "olga", Role::Operator, PASSWORD)?;
        let caller = Arc::new(Caller {
            digest: artifact.digest.clone(),
            ..Caller::default()
        });
        let config = Config {
            bind: "127.0.0.1:0".parse()?,
            public_url: None,
            users,
            runtime: None,
            mmdb: Vec::new(),
            metrics: true,
            read_ahead: false,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let console = runtime.block_on(Console::bind(config, Arc::new(store), caller.clone()))?;
        let sign_in = |name: &str| {
            let form = format!("name={name}&password={}", PASSWORD.replace(' ', "+"));
            let headers = [
                ("host", "127.0.0.1"),
                ("origin", "http://127.0.0.1"),
                ("content-type", "application/x-www-form-urlencoded"),
            ];
            let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_bytes())).collect();
            let said = runtime.block_on(console.ask("POST", "/login", &headers, form.into_bytes()));
            let cookie = said.and_then(|said| said.cookie).unwrap_or_default();
            cookie.split(';').next().unwrap_or_default().to_owned()
        };
        let (viewer, operator) = (sign_in("vic"), sign_in("olga"));
        if viewer.is_empty() || operator.is_empty() {
            return Err("nobody can sign in".into());
        }
        Ok(Bench {
            runtime,
            console,
            caller,
            viewer,
            operator,
        })
    }
}

/// Where its store and its users are.
fn place() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("weir-fuzz-console-{}", std::process::id()))
}

/// Removes them: nothing may be read after this.
pub fn tidy() {
    let _ = std::fs::remove_dir_all(place());
}

/// One of each route and of each user, with a value for what it may want.
pub fn sample() -> Files {
    let mut text = String::new();
    let mut files = Files::new();
    for (n, route) in ROUTES.iter().enumerate() {
        let path = route.path.replace("{name}", "weir.css");
        for who in ["nobody", "viewer", "operator"] {
            text.push_str(&format!(
                "{who} {} {path}?at=a1&id=c1&q=100.64.0.1&page=2&channel=production&artifact=\nhost: localhost\n\
                 origin: http://localhost\nsec-fetch-site: same-origin\ncontent-type: application/x-www-form-urlencoded\n\
                 >id=c1&channel=production&typed=production&seq=1&reason=x&field=plan_mbps&value=1\n\n",
                route.method
            ));
        }
        if n % 4 == 3 || n + 1 == ROUTES.len() {
            files.insert(format!("{n:02}.requests"), text.clone().into_bytes());
            text.clear();
        }
    }
    files
}

/// Asks everything that the bytes say.
pub fn read(bytes: &[u8]) {
    let bench = bench();
    let mut asked = 0;
    let mut lines = bytes.split(|b| *b == b'\n').peekable();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        asked += 1;
        if asked > MOST {
            return;
        }
        let first = String::from_utf8_lossy(line).into_owned();
        let mut words = first.splitn(3, ' ');
        let (who, method, target) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or("GET"),
            words.next().unwrap_or("/"),
        );
        let mut headers: Vec<(&str, &[u8])> = Vec::new();
        let mut form = Vec::new();
        let mut names = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.is_empty()) {
            match line.split_first() {
                Some((b'>', rest)) => form = rest.to_vec(),
                _ => {
                    let at = line.iter().position(|b| *b == b':').unwrap_or(line.len());
                    let value = line.get(at + 1..).unwrap_or_default();
                    names.push((
                        String::from_utf8_lossy(&line[..at]).into_owned(),
                        value.trim_ascii(),
                    ));
                }
            }
        }
        headers.extend(names.iter().map(|(name, value)| (name.as_str(), *value)));
        let may_change = who == "operator";
        match who {
            "viewer" => headers.push(("cookie", bench.viewer.as_bytes())),
            "operator" => headers.push(("cookie", bench.operator.as_bytes())),
            _ => {}
        }
        // A browser's cookie is the only way to be somebody.
        headers.retain(|(name, value)| {
            !name.eq_ignore_ascii_case("cookie")
                || *value == bench.viewer.as_bytes()
                || (may_change && *value == bench.operator.as_bytes())
        });
        let before = bench.caller.changed.load(Ordering::Relaxed);
        let said = bench
            .runtime
            .block_on(bench.console.ask(method, target, &headers, form));
        let after = bench.caller.changed.load(Ordering::Relaxed);
        let Some(said) = said else { continue };
        assert!(said.status < 500, "{first}: {}", said.status);
        assert!(
            may_change || before == after,
            "{first}: {who} changed something"
        );
    }
}
