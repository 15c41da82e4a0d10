//! `weir serve` from the outside: what a run promotes and what it does not, what it leaves behind when it is killed, and
//! that one goes on at a time.
#![cfg(feature = "serve")]

mod lab;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lab::Lab;
use serde_json::Value;
use weir_standin::{Fault, KEY, Kind, Options, SECRET, Standin};

/// Long enough for a machine that does a lot else.
const PATIENCE: Duration = Duration::from_secs(120);

/// A project that reads this stand-in.
fn live(standin: &Standin) -> Lab {
    let lab = Lab::new("");
    let toml = format!(
        "[project]\nname = \"lakeside\"\n\n[[source]]\nname = \"crm\"\nkind = \"uisp\"\nurl = \"{}\"\n\
         key = {{ file = \"secrets/key\" }}\nsecret = {{ file = \"secrets/secret\" }}\n\n[topology]\nwan_mbps = [5000, 5000]\n",
        standin.url()
    );
    fs::write(lab.path().join("weir.toml"), toml).expect("written");
    let secrets = lab.path().join("secrets");
    fs::create_dir(&secrets).expect("made");
    for (name, secret) in [("key", KEY), ("secret", SECRET)] {
        use std::os::unix::fs::PermissionsExt as _;
        let path = secrets.join(name);
        fs::write(&path, secret).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    }
    lab
}

/// Runs once, and gives the run.
#[track_caller]
fn once(lab: &Lab, code: i32) -> Value {
    let said = lab.json("serve --once", code);
    assert_eq!(said["schema"], "weir.run/1");
    assert_eq!(said["exit"]["code"], code);
    let text = said.to_string();
    assert!(!text.contains("canary"), "a secret is said:\n{text}");
    said["run"].clone()
}

/// Codes of the open issues.
fn issues(lab: &Lab) -> Vec<String> {
    let status = lab.json("status", 0);
    let issues = status["scheduler"]["issues"].as_array().expect("issues");
    for issue in issues {
        let said = |key: &str| issue[key].as_str().expect("text").len() > 1;
        assert!(
            said("message") && said("help") && said("since") && said("from"),
            "{issue}"
        );
    }
    let codes = issues
        .iter()
        .map(|issue| issue["code"].as_str().expect("a code"));
    codes.map(str::to_owned).collect()
}

fn stage<'a>(run: &'a Value, name: &str) -> &'a Value {
    let stages = run["stages"].as_array().expect("stages");
    stages
        .iter()
        .find(|stage| stage["name"] == name)
        .expect("the stage")
}

#[test]
fn a_run_reads_builds_and_promotes_and_the_next_finds_no_change() {
    let standin = Standin::start(Options::new("uisp")).expect("a stand-in");
    let lab = live(&standin);
    let run = once(&lab, 0);
    assert_eq!(
        (&run["outcome"], &run["exit_code"]),
        (&"promoted".into(), &0.into())
    );
    for name in [
        "fetch",
        "normalize",
        "topology",
        "lint",
        "emit",
        "guard",
        "promote",
    ] {
        assert_eq!(stage(&run, name)["state"], "done", "{run}");
        assert!(stage(&run, name)["milliseconds"].is_u64(), "{run}");
    }
    assert!(
        stage(&run, "fetch")["counts"]["records"].as_u64() > Some(10),
        "{run}"
    );
    assert!(run["log"].as_array().expect("a log").len() > 2);
    let head = lab.head("production");
    assert_eq!(head["digest"], run["digest"]);
    assert!(
        head["author"]
            .as_str()
            .expect("an author")
            .starts_with("scheduler@")
    );

    let again = once(&lab, 0);
    assert_eq!(again["outcome"], "unchanged");
    assert_eq!(lab.head("production"), head);
    assert_eq!(issues(&lab), [""; 0]);
    let text = lab.run("status", 0);
    assert!(
        text.contains("scheduler") && text.contains("unchanged"),
        "{text}"
    );
    // Nothing that is kept holds a secret.
    let state = fs::read_to_string(lab.store().join("serve/state.json")).expect("a state");
    assert!(!state.contains("canary"));
}

#[test]
fn a_source_that_fails_changes_nothing_and_is_an_issue_until_it_is_back() {
    let standin = Standin::start(Options::new("uisp")).expect("a stand-in");
    let lab = live(&standin);
    once(&lab, 0);
    let head = lab.head("production");
    let lock = fs::read(lab.path().join("weir.lock")).expect("a lock");

    standin.fail(Fault::always(Kind::Status(401)));
    let run = once(&lab, 5);
    assert_eq!(
        (&run["outcome"], &stage(&run, "fetch")["state"]),
        (&"failed".into(), &"failed".into())
    );
    assert_eq!(stage(&run, "emit")["state"], "skipped");
    assert_eq!(issues(&lab), ["SRC-FAILED"]);
    assert!(
        lab.run("explain SRC-FAILED", 0)
            .contains("nothing was recorded")
    );
    assert_eq!(lab.head("production"), head);
    assert_eq!(
        fs::read(lab.path().join("weir.lock")).expect("a lock"),
        lock
    );
    assert_eq!(lab.json("status", 0)["scheduler"]["failures_in_a_row"], 1);

    standin.reset();
    once(&lab, 0);
    assert_eq!(issues(&lab), [""; 0]);
    assert_eq!(lab.json("status", 0)["scheduler"]["failures_in_a_row"], 0);
}

#[test]
fn an_empty_answer_is_refused_and_the_generation_stays() {
    let lab = Lab::new("[guard]\nmax_removed = 1\n");
    assert_eq!(once(&lab, 0)["outcome"], "promoted");
    let head = lab.head("production");
    lab.network(0, 50_000);
    let run = once(&lab, 4);
    assert_eq!(
        (&run["outcome"], &stage(&run, "guard")["state"]),
        (&"refused".into(), &"refused".into())
    );
    assert_eq!(stage(&run, "guard")["counts"]["removals"], 4);
    assert_eq!(issues(&lab), ["GUARD-REFUSED", "GUARD-REFUSED"]);
    assert_eq!(lab.head("production"), head);
    // Said once, however often it is refused.
    once(&lab, 4);
    let log = lab.run("log production", 0);
    assert_eq!(log.matches("refused").count(), 1, "{log}");
    let waiting = lab.json("status", 0)["scheduler"]["latest"]["waiting"].clone();
    assert!(
        waiting.as_str().expect("a reason").contains("circuits"),
        "{waiting}"
    );

    lab.network(4, 50_000);
    assert_eq!(once(&lab, 0)["outcome"], "unchanged");
    assert_eq!(issues(&lab), [""; 0]);
}

#[test]
fn a_held_channel_is_built_for_and_not_promoted_to() {
    let lab = Lab::new("");
    once(&lab, 0);
    lab.network(4, 60_000);
    assert_eq!(once(&lab, 0)["outcome"], "promoted");
    lab.run("rollback production --reason slow", 0);
    let head = lab.head("production");
    lab.network(4, 70_000);
    let run = once(&lab, 0);
    assert_eq!(run["outcome"], "built");
    assert!(
        run["summary"].as_str().expect("text").contains("held"),
        "{run}"
    );
    assert_eq!(lab.head("production"), head);
    assert_eq!(issues(&lab), ["CHANNEL-HELD"]);
    lab.run("show production", 0);
    lab.run(
        &format!("show {}", run["digest"].as_str().expect("a digest")),
        0,
    );

    lab.run("resume production", 0);
    assert_eq!(once(&lab, 0)["outcome"], "promoted");
    assert_eq!(issues(&lab), [""; 0]);
}

/// One circuit more, with an address that another has.
fn duplicate(lab: &Lab) {
    let path = lab.path().join("export/inventory.json");
    let text = fs::read_to_string(&path).expect("read");
    let more = r#"{"id": "c9", "name": "Nine", "attach": "a1", "plan_kbps": [50000, 10000], "devices": [{"id": "d9", "ips": ["100.64.0.2", "100.64.0.99"]}]}, {"id": "c1""#;
    fs::write(&path, text.replace(r#"{"id": "c1""#, more)).expect("written");
}

#[test]
fn the_policy_decides_what_becomes_of_findings() {
    for (settings, code, outcome, issue) in [
        ("", 0, "promoted", None),
        (
            "[schedule]\npromote = \"when-clean\"\n",
            3,
            "refused",
            Some("FINDINGS-FAIL"),
        ),
        (
            "[guard]\nmax_contained = 0\n",
            4,
            "refused",
            Some("FINDINGS-FAIL"),
        ),
        ("[schedule]\npromote = \"never\"\n", 0, "built", None),
    ] {
        let lab = Lab::new(settings);
        let first = lab.build();
        lab.run(&format!("promote {first} --to production"), 0);
        duplicate(&lab);
        let run = once(&lab, code);
        assert_eq!(run["outcome"], outcome, "{settings}{run}");
        assert!(
            stage(&run, "lint")["counts"]["errors"].as_u64() > Some(0),
            "{run}"
        );
        assert_eq!(issues(&lab), Vec::from_iter(issue), "{settings}");
        assert_eq!(
            lab.head("production")["digest"] == first.as_str(),
            outcome != "promoted"
        );
        // By hand it is refused in every case: somebody who can look mends it first.
        if outcome != "promoted" {
            let digest = run["digest"].as_str().expect("a digest");
            lab.run(&format!("promote {digest} --to production"), 4);
        }
    }
}

#[test]
fn another_channel_is_promoted_to_where_that_is_said() {
    let lab = Lab::new(
        "[channels.lab]\n[channels.production]\nfrom = \"lab\"\n[schedule]\nchannel = \"lab\"\n",
    );
    assert_eq!(once(&lab, 0)["outcome"], "promoted");
    assert!(lab.head("production").is_null());
    let digest = lab.head("lab")["digest"]
        .as_str()
        .expect("a digest")
        .to_owned();
    lab.run(&format!("promote {digest} --to production"), 0);
    // A name that nobody declared is no channel.
    let toml = lab.path().join("weir.toml");
    let text = fs::read_to_string(&toml).expect("read");
    fs::write(
        &toml,
        text.replace("channel = \"lab\"", "channel = \"lap\""),
    )
    .expect("written");
    let run = lab.told("serve --once", 2);
    assert!(run.contains("did you mean `lab`"), "{run}");
}

#[test]
fn what_was_not_confirmed_in_time_goes_back_and_holds() {
    let lab = Lab::new("");
    once(&lab, 0);
    let first = lab.head("production")["digest"].clone();
    let other = lab.build_with(4, 60_000);
    lab.run(
        &format!("promote {other} --to production --confirm-within 3s"),
        0,
    );
    lab.network(4, 70_000);
    let run = once(&lab, 0);
    // The machine may be slow: then it is over already.
    if issues(&lab) == ["CHANNEL-PENDING"] {
        assert_eq!(run["outcome"], "built");
        thread::sleep(Duration::from_secs(4));
        once(&lab, 0);
    }
    assert_eq!(issues(&lab), ["CHANNEL-EXPIRED", "CHANNEL-HELD"]);
    let head = lab.head("production");
    assert_eq!((&head["digest"], head["hold"].is_null()), (&first, false));
    // Whoever lets go of the channel has seen it.
    lab.run("resume production", 0);
    once(&lab, 0);
    assert_eq!(issues(&lab), [""; 0]);
}

#[test]
fn libreqos_files_follow_the_channel() {
    let lab = Lab::new("[publish]\nto = \"libreqos\"\n");
    // Not there yet: the generation is promoted, the files are an issue, and the next run writes them.
    let run = once(&lab, 1);
    assert_eq!(run["outcome"], "promoted");
    assert_eq!(issues(&lab), ["APPLY-FAILED"]);
    fs::create_dir(lab.path().join("libreqos")).expect("made");
    let run = once(&lab, 0);
    assert_eq!(
        (&run["outcome"], &stage(&run, "apply")["state"]),
        (&"unchanged".into(), &"done".into())
    );
    assert_eq!(issues(&lab), [""; 0]);
    let read =
        || fs::read_to_string(lab.path().join("libreqos/ShapedDevices.csv")).expect("published");
    assert!(read().contains("100.64.0.2/32"));
    lab.network(5, 60_000);
    once(&lab, 0);
    assert!(read().contains("c5"));
}

/// `weir serve --once` of a CRM that takes connections and never answers.
fn hanging(lab: &Lab) -> Child {
    let mut child = lab.command("serve --once");
    let child = child.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = child.spawn().expect("weir runs");
    let since = Instant::now();
    while !under_way(lab) {
        assert!(since.elapsed() < PATIENCE, "no run begins");
        assert!(child.try_wait().expect("a child").is_none(), "it ended");
        thread::sleep(Duration::from_millis(20));
    }
    child
}

fn under_way(lab: &Lab) -> bool {
    let state = fs::read(lab.store().join("serve/state.json")).unwrap_or_default();
    let state: Value = serde_json::from_slice(&state).unwrap_or_default();
    let stages = &state["runs"][0]["stages"];
    state["runs"][0]["outcome"].is_null() && stages[0]["state"] == "running"
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(status.expect("kill runs").success());
}

/// The last run of the state, as it is on the disk.
fn last(lab: &Lab, at: usize) -> Value {
    let state = fs::read(lab.store().join("serve/state.json")).expect("a state");
    let state: Value = serde_json::from_slice(&state).expect("JSON");
    state["runs"][at].clone()
}

#[test]
fn one_run_at_a_time_and_a_killed_one_is_buried() {
    let deaf = Standin::start(Options {
        deaf: true,
        ..Options::new("uisp")
    });
    let deaf = deaf.expect("a stand-in");
    let lab = live(&deaf);
    let mut first = hanging(&lab);
    let told = lab.told("serve --once", 1);
    assert!(
        told.contains("another run of this project is under way"),
        "{told}"
    );

    signal(&first, "-KILL");
    first.wait().expect("it ended");
    assert!(
        last(&lab, 0)["outcome"].is_null(),
        "nobody could write it down"
    );

    let hearing = Standin::start(Options::new("uisp")).expect("a stand-in");
    let toml = lab.path().join("weir.toml");
    let text = fs::read_to_string(&toml).expect("read");
    fs::write(&toml, text.replace(&deaf.url(), &hearing.url())).expect("written");
    assert_eq!(once(&lab, 0)["outcome"], "promoted");
    assert_eq!(last(&lab, 1)["outcome"], "interrupted");
    assert_eq!(issues(&lab), ["RUN-INTERRUPTED"]);
    once(&lab, 0);
    assert_eq!(issues(&lab), [""; 0]);
    lab.run("verify", 0);
}

#[test]
fn a_run_that_is_asked_to_end_ends_and_says_so() {
    let deaf = Standin::start(Options {
        deaf: true,
        ..Options::new("uisp")
    });
    let deaf = deaf.expect("a stand-in");
    let lab = live(&deaf);
    let mut child = hanging(&lab);
    signal(&child, "-TERM");
    let status = child.wait().expect("it ended");
    assert_eq!(status.code(), Some(1));
    let run = last(&lab, 0);
    assert_eq!(run["outcome"], "interrupted", "{run}");
    assert!(!lab.path().join("weir.lock").exists());
}

/// A scheduler with its console, which is ended with the test.
struct Served {
    child: Child,
    address: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(lab: &Lab, args: &str) -> Served {
    let mut command = lab.command(args);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("weir runs");
    let out = BufReader::new(child.stdout.take().expect("stdout"));
    let mut lines = out.lines().map_while(Result::ok);
    let line = lines
        .find(|line| line.contains("http://"))
        .expect("an address");
    let at = line.find("http://").expect("an address");
    // Whoever stops reading would stop the one who writes.
    thread::spawn(move || lines.for_each(drop));
    Served {
        child,
        address: line[at + 7..]
            .split_whitespace()
            .next()
            .expect("an address")
            .to_owned(),
    }
}

/// The answer to a request of somebody who is not signed in.
fn get(address: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn ended(lab: &Lab) -> bool {
    let state = fs::read(lab.store().join("serve/state.json")).unwrap_or_default();
    let state: Value = serde_json::from_slice(&state).unwrap_or_default();
    state["runs"][0]["outcome"].is_string()
}

#[test]
fn a_scheduler_runs_at_once_and_ends_when_it_is_told() {
    let lab = Lab::new("");
    lab.run("user add jo --role operator", 0);
    let mut served = serve(&lab, "serve --bind 127.0.0.1:0 --metrics");
    assert!(
        served.address.starts_with("127.0.0.1:"),
        "{}",
        served.address
    );
    wait_for("the first run", || ended(&lab));
    assert_eq!(last(&lab, 0)["outcome"], "promoted");
    let metrics = get(&served.address, "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(
        metrics.contains("weir_head_seq{channel=\"production\"} 1"),
        "{metrics}"
    );
    let page = get(&served.address, "/");
    assert!(
        page.starts_with("HTTP/1.1 3") && !page.contains("production"),
        "{page}"
    );
    // Nobody is locked out by a console that waits.
    assert_eq!(once(&lab, 0)["outcome"], "unchanged");
    signal(&served.child, "-TERM");
    assert_eq!(served.child.wait().expect("it ended").code(), Some(0));
    // Started again it asks nobody sooner: the last run was just now.
    let served = serve(&lab, "serve --bind 127.0.0.1:0");
    thread::sleep(Duration::from_secs(2));
    assert_eq!(last(&lab, 2), Value::Null);
    drop(served);
}

#[test]
fn a_pause_holds_for_timers_too() {
    let lab = Lab::new("");
    once(&lab, 0);
    let path = lab.store().join("serve/state.json");
    let text = fs::read_to_string(&path).expect("a state");
    let mut state: Value = serde_json::from_str(&text).expect("JSON");
    state["paused"] =
        serde_json::json!({"by": "jo", "reason": "maintenance", "since": "2026-01-01T00:00:00Z"});
    fs::write(&path, state.to_string()).expect("written");
    let said = lab.run("serve --once", 0);
    assert!(
        said.contains("paused by jo") && said.contains("maintenance"),
        "{said}"
    );
    let said = lab.json("serve --once", 0);
    assert_eq!(
        (&said["run"], &said["paused"]["by"]),
        (&Value::Null, &"jo".into())
    );
    assert!(lab.run("status", 0).contains("maintenance"));
    assert_eq!(last(&lab, 1), Value::Null);
}

#[test]
fn users_are_added_listed_and_removed_and_a_password_is_shown_once() {
    let lab = Lab::new("");
    let added = lab.json("user add jo --role operator", 0);
    let password = added["password"].as_str().expect("a password");
    assert_eq!(password.len(), 20);
    assert_eq!(added["users"][0]["role"], "operator");
    let list = lab.run("user list", 0);
    assert!(
        list.contains("operator  jo") && !list.contains(password),
        "{list}"
    );
    let path = lab.store().join("serve/users.json");
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains("$argon2id$") && !text.contains(password));
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(
        fs::metadata(&path).expect("a file").permissions().mode() & 0o077,
        0
    );
    lab.run("user remove jo", 0);
    lab.run("user remove jo", 2);
    assert!(lab.run("user list", 0).contains("nobody may sign in"));
}

#[test]
fn the_demonstration_needs_nothing_and_leaves_nothing() {
    let lab = Lab::new("");
    let dir = lab.path().join("demo");
    let mut served = serve(&lab, "demo --port 0 --dir demo --no-traffic");
    let state = dir.join(".weir/store/serve/state.json");
    wait_for("the first run", || {
        let state = fs::read(&state).unwrap_or_default();
        let state: Value = serde_json::from_slice(&state).unwrap_or_default();
        state["runs"][0]["outcome"] == "promoted"
    });
    signal(&served.child, "-TERM");
    assert_eq!(served.child.wait().expect("it ended").code(), Some(0));
    assert!(Path::new(&dir).join("weir.toml").exists());
    lab.run("demo --dir demo", 2);
}
