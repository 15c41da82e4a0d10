//! `weir demo` from the outside: as root with the runtime it shapes traffic, and the live pages show it; without either it
//! says what is missing. Whatever way it ends, nothing of it stays, at the latest when the next one begins.
#![cfg(feature = "serve")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
/// Long enough for a machine that does a lot else.
const PATIENCE: Duration = Duration::from_secs(150);

/// A demonstration that runs, and what it said at its start.
struct Demo {
    child: Child,
    said: BTreeMap<String, String>,
    text: String,
    cookie: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Demo {
    /// Starts it with a temporary directory of its own.
    fn start(mut command: Command, temporary: &Path) -> Demo {
        let mut child = command
            .args(["demo", "--port", "0"])
            .env("TMPDIR", temporary)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("weir runs");
        let out = BufReader::new(child.stdout.take().expect("stdout"));
        let (tell, hear) = mpsc::channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let mut demo = Demo {
            child,
            said: BTreeMap::new(),
            text: String::new(),
            cookie: String::new(),
        };
        loop {
            let line = hear.recv_timeout(PATIENCE).expect("it says where it is");
            demo.text.push_str(&format!("{line}\n"));
            if let Some((key, value)) = line.split_once(' ') {
                demo.said.insert(key.to_owned(), value.trim().to_owned());
            }
            if line.starts_with("Ctrl-C") {
                return demo;
            }
        }
    }

    fn ask(&self, method: &str, path: &str, form: &str) -> String {
        let address = self.said["console"].trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nCookie: {}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.cookie,
            form.len()
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    fn sign_in(&mut self) {
        let form = format!("name=demo&password={}", self.said["password"]);
        let answer = self.ask("POST", "/login", &form);
        let cookie = answer
            .lines()
            .find_map(|l| l.strip_prefix("set-cookie: "))
            .expect("a session");
        self.cookie = cookie.split(';').next().expect("a pair").to_owned();
    }

    fn json(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, "");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        serde_json::from_str(body).unwrap_or_else(|e| panic!("{path}: {e}: {body}"))
    }

    /// Asks again until the answer is like this.
    #[track_caller]
    fn wait(&self, path: &str, is: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let answer = self.json(path);
            if is(&answer) {
                return answer;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "{path} does not come to it: {answer:#}"
            );
            thread::sleep(Duration::from_millis(500));
        }
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(status.expect("kill runs").success());
    }

    /// Ends it as Ctrl-C does.
    fn end(mut self) {
        self.signal("-INT");
        assert_eq!(self.child.wait().expect("it ended").code(), Some(0));
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    id.stdout == b"0\n"
}

/// Not captured by the test harness: a skipped test must be seen.
fn skipped(test: &str, why: &str) {
    let _written = writeln!(std::io::stderr(), "skipped {test}: {why}");
}

/// What is there of demonstrations whose directories are below this one: directories, namespaces, mounts.
fn left(temporary: &Path) -> Vec<String> {
    let mut left = Vec::new();
    for entry in fs::read_dir(temporary).expect("listed") {
        let name = entry.expect("an entry").file_name();
        left.push(name.to_string_lossy().into_owned());
    }
    let of_ours: Vec<String> = left.clone();
    for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if of_ours.iter().any(|ours| name.starts_with(ours)) {
            left.push(name);
        }
    }
    let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
    let there = temporary.to_string_lossy();
    left.extend(
        mounts
            .lines()
            .filter(|l| l.contains(&*there))
            .map(str::to_owned),
    );
    left
}

/// The runtime beside the program that is tested; `cargo test --workspace` builds it.
fn runtime() -> PathBuf {
    Path::new(WEIR).with_file_name("weir-runtime")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

#[test]
fn live_pages_live_and_nothing_stays() {
    let test = "live_pages_live_and_nothing_stays";
    if !is_root() {
        return skipped(test, "it needs root");
    }
    if !runtime().is_file() {
        return skipped(test, "weir-runtime is not built beside weir");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let mut demo = Demo::start(Command::new(WEIR), dir.path());
    if !demo.text.contains("shaped by weir-runtime") {
        return skipped(test, &demo.text);
    }
    let nest = left(dir.path());
    assert!(
        nest.iter().filter(|n| n.ends_with("-box")).count() == 1,
        "{nest:?}"
    );
    demo.sign_in();

    // The generation that was promoted is in the kernel.
    let home = demo.wait("/home.json", |home| {
        home["drift"]["state"] == "in sync" && number(&home["subscribers"]["unknown"]) > 0.0
    });
    assert_eq!(home["active"]["seq"], 1, "{home:#}");
    let rate = |row: &Value| number(&row["live"]["rate"][0]) + number(&row["live"]["rate"][1]);
    demo.wait("/tree.json", |tree| {
        let nodes = tree["nodes"].as_array().expect("nodes");
        tree["live"] == true && nodes.iter().filter(|n| rate(n) > 0.0).count() > 3
    });
    demo.wait("/cpu.json", |cpu| {
        let queues = cpu["queues"].as_array().expect("queues");
        queues.iter().any(|q| number(&q["live"]) > 0.0)
    });
    let unknown = demo.wait("/unknown.json", |unknown| {
        unknown["rows"].as_array().is_some_and(|r| r.len() == 3)
    });
    assert!(
        unknown["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .all(|r| r["nearest"].as_array().is_some_and(|n| !n.is_empty())),
        "{unknown:#}"
    );
    let globe = demo.wait("/globe.json", |globe| {
        globe["countries"].as_array().is_some_and(|c| c.len() > 4)
    });
    let text = globe.to_string();
    assert!(text.contains("(invented)"), "{globe:#}");
    // Nothing that is shaped is alarmed about.
    let issues = demo.json("/issues.json");
    let of_runtime: Vec<&Value> = issues["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .filter(|g| g["code"].as_str().is_some_and(|c| c.starts_with("RUN-")))
        .collect();
    assert!(of_runtime.is_empty(), "{of_runtime:#?}");
    demo.end();
    assert_eq!(left(dir.path()), [""; 0]);

    // Killed, it cannot clean up; the next one does.
    let mut killed = Demo::start(Command::new(WEIR), dir.path());
    killed.signal("-KILL");
    killed.child.wait().expect("it ended");
    let old = left(dir.path());
    assert!(old.iter().any(|n| n.ends_with("-box")), "{old:?}");
    let next = Demo::start(Command::new(WEIR), dir.path());
    let now = left(dir.path());
    assert!(now.iter().all(|n| !old.contains(n)), "{old:?} {now:?}");
    next.end();
    assert_eq!(left(dir.path()), [""; 0]);
}

#[test]
fn who_is_not_root_is_told_the_one_command() {
    let test = "who_is_not_root_is_told_the_one_command";
    let dir = tempfile::tempdir().expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("opened");
    // The program may lie where nobody else may look.
    let place = tempfile::tempdir().expect("a directory");
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("opened");
    let weir = place.path().join("weir");
    fs::copy(WEIR, &weir).expect("copied");
    let command = || match is_root() {
        false => Command::new(&weir),
        true => {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
                .arg(&weir)
                .current_dir(dir.path());
            command
        }
    };
    if is_root() && Command::new("setpriv").arg("--version").output().is_err() {
        return skipped(test, "there is no setpriv");
    }
    let without = Demo::start(command(), dir.path());
    let install = format!("install weir-runtime {}", place.path().display());
    assert!(without.text.contains(&install), "{}", without.text);
    without.end();
    fs::write(place.path().join("weir-runtime"), "").expect("written");
    let mut demo = Demo::start(command(), dir.path());
    let sudo = format!("sudo {} demo", weir.display());
    let has_iproute = Command::new("tc").arg("-V").output().is_ok();
    let wanted = if has_iproute {
        &*sudo
    } else {
        "apt-get install iproute2"
    };
    assert!(demo.text.contains(wanted), "{}", demo.text);
    demo.sign_in();
    let home = demo.wait("/home.json", |home| home["active"]["seq"] == 1);
    assert_eq!(home["drift"]["state"], "no runtime");
    demo.end();
    assert_eq!(left(dir.path()), [""; 0]);
}
