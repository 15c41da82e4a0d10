//! `weir fetch` from the outside, against stand-ins: what is recorded, what a failure leaves, and that no secret gets
//! anywhere.
#![cfg(feature = "fetch")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use weir_compiler::config::project::SourceKind;
use weir_compiler::exports;
use weir_fetch::crm::CRMS;
use weir_standin::{
    Certificate, Fault, Flaw, KEY, KINDS, Kind, Options, PASSWORD, SECRET, SETTINGS, Standin,
};

/// Runs `weir` with the credentials of the stand-ins, and asserts that it says none of them.
fn weir(dir: &Path, args: &str) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(args.split_whitespace())
        .current_dir(dir)
        .env_clear()
        .env("CRM_KEY", KEY)
        .env("CRM_SECRET", SECRET)
        .env("CRM_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .output()
        .expect("weir runs");
    for said in [&output.stdout, &output.stderr] {
        let said = String::from_utf8_lossy(said);
        assert!(!said.contains("canary"), "{args} says a secret:\n{said}");
    }
    output
}

/// What it said on stderr, without the line breaks and frames that a terminal's width makes.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).replace(['│', '|'], " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn code(output: &Output, want: i32) {
    let said = String::from_utf8_lossy(&output.stderr);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(want), "{said}{out}");
}

fn project(standin: &Standin, more: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), standin, more);
    dir
}

fn write(dir: &Path, standin: &Standin, more: &str) {
    let toml = format!(
        "[project]\nname = \"lakeside\"\n\n[[source]]\nname = \"crm\"\nkind = \"uisp\"\nurl = \"{}\"\n\
         key = {{ env = \"CRM_KEY\" }}\nsecret = {{ env = \"CRM_SECRET\" }}\n{more}\n[topology]\nwan_mbps = [5000, 5000]\n",
        standin.url()
    );
    fs::write(dir.join("weir.toml"), toml).expect("a file");
}

/// Every file of a project, and the certainty that none holds a secret.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let bytes = fs::read(&path).expect("a file");
            let text = String::from_utf8_lossy(&bytes);
            assert!(
                !text.contains("canary"),
                "{} holds a secret",
                path.display()
            );
            files.insert(path.display().to_string(), bytes);
        }
    }
    files
}

#[test]
fn what_was_read_is_built_from_offline_and_the_same_answers_are_no_change() {
    let standin = Standin::start(Options::new("uisp")).expect("a stand-in");
    let dir = project(&standin, "");
    let before = weir(dir.path(), "check");
    code(&before, 5);
    assert!(
        said(&before).contains("has not been read yet"),
        "{}",
        said(&before)
    );

    let fetched = weir(dir.path(), "fetch --format json");
    code(&fetched, 0);
    let json: Value = serde_json::from_slice(&fetched.stdout).expect("JSON");
    assert_eq!(json["schema"], "weir.fetch/1");
    let digest = json["sources"][0]["export"]["digest"]
        .as_str()
        .expect("a digest")
        .to_owned();
    let lock = fs::read_to_string(dir.path().join("weir.lock")).expect("a lock");
    assert!(
        lock.contains(&format!("snapshot = \"sha256:{digest}\"")),
        "{lock}"
    );

    let again = weir(dir.path(), "fetch");
    code(&again, 0);
    assert!(String::from_utf8_lossy(&again.stdout).contains("(no change)"));
    drop(standin);

    let built = weir(dir.path(), "build --format json");
    code(&built, 0);
    let built: Value = serde_json::from_slice(&built.stdout).expect("JSON");
    assert!(built["summary"]["circuits"].to_string().len() > 1);
    let again: Value =
        serde_json::from_slice(&weir(dir.path(), "build --format json").stdout).expect("JSON");
    assert_eq!(again["artifact"]["digest"], built["artifact"]["digest"]);
    assert_eq!(again["artifact"]["unchanged"], true);

    // The snapshot is a recorded export like any other: building from it as one gives the same artifact.
    let snapshot = dir.path().join(".weir/store/snapshots").join(&digest);
    let toml = fs::read_to_string(dir.path().join("weir.toml")).expect("a file");
    let toml = toml.replace(
        "\nkind =",
        &format!("\nexport = \"{}\"\nkind =", snapshot.display()),
    );
    fs::write(dir.path().join("weir.toml"), toml).expect("a file");
    let from_export: Value =
        serde_json::from_slice(&weir(dir.path(), "build --format json").stdout).expect("JSON");
    assert_eq!(
        from_export["artifact"]["digest"],
        built["artifact"]["digest"]
    );
    files(dir.path());
}

#[test]
fn a_failure_changes_nothing_and_exits_with_5() {
    let standin = Standin::start(Options::new("uisp")).expect("a stand-in");
    let dir = project(&standin, "timeout = \"2s\"\n");
    code(&weir(dir.path(), "fetch"), 0);
    let before = files(dir.path());
    for (kind, want) in [
        (Kind::Status(401), "does not take the key"),
        (Kind::Status(403), "may not read this"),
        (Kind::Html, "a web page came back"),
        (Kind::Cut, "ended before it was complete"),
        (Kind::Empty, "the answer is empty"),
        (Kind::RetryAfter(429, 3600), "wants us to wait 3600 seconds"),
        (
            Kind::Redirect("https://evil.example/".to_owned()),
            "another server",
        ),
        (Kind::Drip, "it was not done after 2 seconds"),
    ] {
        standin.reset();
        standin.fail(Fault::always(kind).of("clients/services"));
        for args in ["fetch", "build --fetch"] {
            let output = weir(dir.path(), args);
            code(&output, 5);
            let said = said(&output);
            assert!(said.contains(want), "{want}: {said}");
            assert!(said.contains("/crm/api/v1.0/clients/services"), "{said}");
        }
    }
    assert_eq!(files(dir.path()), before);
    // The last good snapshot is still built from.
    code(&weir(dir.path(), "check"), 0);
}

#[test]
fn one_source_that_fails_keeps_all_of_them_as_they_were() {
    let good = Standin::start(Options::new("uisp")).expect("a stand-in");
    let bad = Standin::start(Options::new("uisp")).expect("a stand-in");
    let more = format!(
        "\n[[source]]\nname = \"hill\"\nkind = \"uisp\"\nurl = \"{}\"\nkey = {{ env = \"CRM_KEY\" }}\n",
        bad.url()
    );
    let dir = project(&good, &more);
    bad.fail(Fault::always(Kind::Status(500)));
    code(&weir(dir.path(), "fetch"), 5);
    assert!(!dir.path().join("weir.lock").exists());
    code(&weir(dir.path(), "fetch --source crm"), 0);
    bad.reset();
    code(&weir(dir.path(), "fetch --source hill"), 0);
    let lock = fs::read_to_string(dir.path().join("weir.lock")).expect("a lock");
    assert!(
        lock.contains("\"crm\"") && lock.contains("\"hill\""),
        "{lock}"
    );
    code(&weir(dir.path(), "fetch --source lake"), 2);
}

#[test]
fn a_snapshot_that_was_touched_or_is_not_there_is_never_built_from() {
    let standin = Standin::start(Options::new("uisp")).expect("a stand-in");
    let dir = project(&standin, "");
    code(&weir(dir.path(), "fetch"), 0);
    let snapshots = dir.path().join(".weir/store/snapshots");
    let snapshot = fs::read_dir(&snapshots)
        .expect("a directory")
        .next()
        .expect("one")
        .expect("one")
        .path();
    let sites = snapshot.join("sites.json");
    let good = fs::read(&sites).expect("a file");
    fs::remove_file(&sites).expect("removed");
    fs::write(&sites, b"[]").expect("written");
    for args in ["check", "build", "tree"] {
        let output = weir(dir.path(), args);
        code(&output, 5);
        assert!(
            said(&output).contains("was changed after it was recorded"),
            "{}",
            said(&output)
        );
    }
    fs::write(&sites, good).expect("written");
    code(&weir(dir.path(), "check"), 0);
    fs::rename(&snapshot, dir.path().join("away")).expect("moved");
    let output = weir(dir.path(), "check");
    code(&output, 5);
    assert!(
        said(&output).contains("no snapshot sha256:"),
        "{}",
        said(&output)
    );
}

#[test]
fn settings_are_checked_before_anything_is_asked() {
    let standin = Standin::start(Options::new("uisp")).expect("a stand-in");
    let dir = project(&standin, "");
    let toml = fs::read_to_string(dir.path().join("weir.toml")).expect("a file");
    let secret = dir.path().join("uisp-key");
    fs::write(&secret, KEY).expect("a file");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).expect("a mode");
    for (line, want) in [
        (
            "key = { file = \"uisp-key\" }",
            "can be read by others (mode 0644)",
        ),
        ("key = { file = \"nowhere\" }", "does not exist"),
        ("key = { env = \"NOT_SET\" }", "NOT_SET is not set"),
        (
            "key = { credential = \"uisp\" }",
            "the systemd credential uisp",
        ),
        (
            "ca = \"nowhere.pem\"\nkey = { env = \"CRM_KEY\" }",
            "`ca` cannot be read",
        ),
        ("", "`key` is not set"),
    ] {
        fs::write(
            dir.path().join("weir.toml"),
            toml.replace("key = { env = \"CRM_KEY\" }", line),
        )
        .expect("a file");
        let output = weir(dir.path(), "fetch");
        code(&output, 2);
        let said = said(&output);
        assert!(said.contains(want), "{want}: {said}");
    }
    assert!(standin.seen().is_empty());
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("a mode");
    let good = toml.replace(
        "key = { env = \"CRM_KEY\" }",
        "key = { file = \"uisp-key\" }",
    );
    fs::write(dir.path().join("weir.toml"), good).expect("a file");
    code(&weir(dir.path(), "fetch"), 0);
}

#[test]
fn a_self_signed_crm_is_refused_with_the_line_that_pins_it() {
    let certificate = Certificate::new(Flaw::SelfSigned);
    let mut options = Options::new("uisp");
    options.certificate = Some(certificate.clone());
    let standin = Standin::start(options).expect("a stand-in");
    let dir = project(&standin, "");
    let output = weir(dir.path(), "fetch");
    code(&output, 5);
    let line = format!("tls_pin = \"{}\"", certificate.pin());
    assert!(said(&output).contains(&line), "{}", said(&output));
    write(dir.path(), &standin, &line);
    code(&weir(dir.path(), "fetch"), 0);
}

/// Findings by rule and the shape of the tree: what a redacted copy has to keep.
fn shape(dir: &Path) -> (BTreeMap<String, usize>, Vec<(String, usize)>) {
    let built: Value =
        serde_json::from_slice(&weir(dir, "check --format json").stdout).expect("JSON");
    let mut findings: BTreeMap<String, usize> = BTreeMap::new();
    for finding in built["findings"].as_array().expect("findings") {
        *findings
            .entry(finding["code"].as_str().expect("a code").to_owned())
            .or_default() += 1;
    }
    let tree: Value =
        serde_json::from_slice(&weir(dir, "tree --format json").stdout).expect("JSON");
    let mut nodes = Vec::new();
    let mut open = vec![(&tree, 0)];
    while let Some((value, depth)) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(id) = members.get("id").and_then(Value::as_str) {
                    nodes.push((id.to_owned(), depth));
                }
                open.extend(members.values().map(|value| (value, depth + 1)));
            }
            Value::Array(list) => open.extend(list.iter().map(|value| (value, depth + 1))),
            _ => {}
        }
    }
    nodes.sort();
    (findings, nodes)
}

#[test]
fn a_redacted_copy_names_nobody_and_lints_and_builds_to_the_same_shape() {
    let standin = Standin::start(Options::new("uisp")).expect("a stand-in");
    let dir = project(&standin, "");
    code(&weir(dir.path(), "fetch"), 0);
    code(&weir(dir.path(), "snapshot redact crm --out copy"), 0);
    let said = weir(dir.path(), "snapshot redact crm --out copy2 --format json");
    code(&said, 0);
    let said: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!(
        (said["schema"].as_str(), said["out"].as_str()),
        (Some("weir.snapshot-redact/1"), Some("copy2"))
    );
    assert!(said["records"].as_u64() > Some(10), "{said}");
    let read = |at: &str| {
        let files = fs::read_dir(dir.path().join(at)).expect("a directory");
        let mut files: Vec<_> = files.map(|f| f.expect("an entry").path()).collect();
        files.sort();
        files
            .iter()
            .map(|f| fs::read_to_string(f).expect("text"))
            .collect::<Vec<_>>()
    };
    assert_eq!(read("copy"), read("copy2"));
    let copy = read("copy").concat();
    // Names, addresses and MACs of the invented ISP.
    let snapshot = fs::read_dir(dir.path().join(".weir/store/snapshots"))
        .expect("it")
        .next()
        .expect("one")
        .expect("one");
    let clients =
        fs::read_to_string(snapshot.path().join("crm-clients.page-1.json")).expect("text");
    let clients: Vec<Value> = serde_json::from_str(&clients).expect("JSON");
    // A plan may have the name of a person, and plans are not redacted.
    let plans = fs::read_to_string(snapshot.path().join("crm-plans.json")).expect("text");
    let mut names = 0;
    for client in &clients {
        for key in ["firstName", "lastName"] {
            if let Some(name) = client[key]
                .as_str()
                .filter(|name| name.len() > 3 && !plans.contains(name))
            {
                assert!(
                    !copy.contains(&format!("{name}\"")),
                    "{name} is in the copy"
                );
                names += 1;
            }
        }
    }
    assert!(names > 10);
    // Where somebody lives was recorded, and is not in the copy.
    let recorded: String = (fs::read_dir(snapshot.path()).expect("files"))
        .map(|file| {
            let file = file.expect("a file");
            fs::read_to_string(file.path()).expect("text")
        })
        .collect();
    for key in ["addressGpsLat", "latitude"] {
        let digit = |text: &str| {
            let start = format!("\"{key}\":");
            let mut after = text.split(start.as_str()).skip(1);
            after.any(|value| value.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
        };
        assert!(digit(&recorded), "{key} was not recorded");
        assert!(!digit(&copy), "{key} is in the copy");
    }
    let before = shape(dir.path());
    let toml = fs::read_to_string(dir.path().join("weir.toml")).expect("a file");
    fs::write(
        dir.path().join("weir.toml"),
        toml.replace("\nkind =", "\nexport = \"copy\"\nkind ="),
    )
    .expect("a file");
    let after = shape(dir.path());
    assert_eq!(before.0, after.0);
    assert_eq!(before.1, after.1);
    assert!(before.1.len() > 10, "{:?}", before.1);
}

#[test]
fn snapshots_are_listed_and_compared() {
    let standin = Standin::start(Options::new("uisp")).expect("a stand-in");
    let dir = project(&standin, "");
    code(&weir(dir.path(), "snapshot list"), 2);
    code(&weir(dir.path(), "fetch"), 0);
    let lock = fs::read_to_string(dir.path().join("weir.lock")).expect("a lock");
    let first = lock.split("sha256:").nth(1).expect("a digest")[..64].to_owned();
    // Without the billing half it is another snapshot.
    let toml = fs::read_to_string(dir.path().join("weir.toml")).expect("a file");
    fs::write(
        dir.path().join("weir.toml"),
        toml.replace("secret = { env = \"CRM_SECRET\" }\n", ""),
    )
    .expect("a file");
    code(&weir(dir.path(), "fetch"), 0);
    let list = weir(dir.path(), "snapshot list --format json");
    let list: Value = serde_json::from_slice(&list.stdout).expect("JSON");
    assert_eq!(list["snapshots"].as_array().map(Vec::len), Some(2));
    assert_eq!(list["snapshots"][0]["sources"][0], "crm");
    let diff = weir(
        dir.path(),
        &format!("snapshot diff {first} crm --format json"),
    );
    code(&diff, 0);
    let diff: Value = serde_json::from_slice(&diff.stdout).expect("JSON");
    let plans = diff["collections"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|c| c["collection"] == "crm-plans");
    assert_eq!(
        plans.expect("plans")["removed"].as_array().map(Vec::len),
        Some(13)
    );
    let same = weir(dir.path(), "snapshot diff crm crm");
    assert_eq!(String::from_utf8_lossy(&same.stdout), "no change\n");
    code(&weir(dir.path(), "snapshot diff crm ffff0000"), 2);
}

#[test]
fn the_doctor_names_what_is_wrong_and_what_to_do() {
    let standin = Standin::start(Options::new("uisp")).expect("a stand-in");
    let dir = project(&standin, "timeout = \"5s\"\n");
    let lines = |args: &str, want: i32| -> Vec<(String, String, String)> {
        let output = weir(dir.path(), args);
        code(&output, want);
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["schema"], "weir.doctor/1");
        let text = |line: &Value, key: &str| line[key].as_str().expect("text").to_owned();
        let checks = report["checks"].as_array().expect("checks").iter();
        checks
            .map(|l| {
                (
                    text(l, "state"),
                    text(l, "subject"),
                    format!("{} {}", text(l, "what"), text(l, "fix")),
                )
            })
            .collect()
    };
    let well = lines("doctor --format json", 0);
    assert!(well.iter().any(|(state, subject, what)| state == "warn"
        && subject == "crm"
        && what.contains("never read")));
    assert!(well.iter().any(|(state, subject, what)| state == "ok"
        && subject == "crm sites"
        && what.contains("46 records")));
    standin.fail(Fault::always(Kind::Status(403)).of("data-links"));
    let ill = lines("doctor --format json", 1);
    assert!(ill.iter().any(|(state, subject, what)| state == "fail"
        && subject == "crm data-links"
        && what.contains("permission")));
    assert!(
        ill.iter()
            .any(|(state, subject, _)| state == "ok" && subject == "crm devices")
    );
    standin.reset();
    standin.fail(Fault::always(Kind::Status(401)));
    let ill = lines("doctor --format json", 1);
    assert!(
        ill.iter()
            .any(|(state, _, what)| state == "fail" && what.contains("does not take the key")),
        "{ill:?}"
    );
    standin.reset();
    code(&weir(dir.path(), "fetch"), 0);
    let text = weir(dir.path(), "doctor");
    code(&text, 0);
    assert!(String::from_utf8_lossy(&text.stdout).ends_with("ok\n"));
}

/// A project of one source that reads a stand-in, as its settings are published.
fn project_of(standin: &Standin, kind: &str) -> TempDir {
    let (_, settings) = SETTINGS
        .iter()
        .find(|(of, _)| *of == kind)
        .expect("its settings");
    let more = match kind {
        "visp" => format!(
            "token_url = \"{}/token\"\ndomain = \"lakeside.example\"\n",
            standin.origin()
        ),
        _ => String::new(),
    };
    let toml = format!(
        "[project]\nname = \"lakeside\"\n\n[[source]]\nname = \"crm\"\nkind = \"{kind}\"\nurl = \"{}\"\n{settings}\n{more}\n\
         [topology]\nwan_mbps = [5000, 5000]\n",
        standin.url()
    );
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("weir.toml"), toml).expect("a file");
    dir
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What `fetch` records is what the decoder of that CRM reads: every collection by its name, in its pages and its
/// envelope.
#[test]
fn every_crm_is_fetched_and_built_from() {
    for kind in KINDS {
        let standin = Standin::start(Options::new(kind)).expect("a stand-in");
        let dir = project_of(&standin, kind);
        let fetched = weir(dir.path(), "fetch --format json");
        code(&fetched, 0);
        assert_eq!(json_of(&fetched)["schema"], "weir.fetch/1", "{kind}");
        drop(standin);

        let checked = json_of(&weir(dir.path(), "check --format json"));
        let findings = checked["findings"].as_array().expect("findings");
        let of = |codes: &[&str]| -> Vec<&Value> {
            let code = |f: &&Value| codes.contains(&f["code"].as_str().unwrap_or_default());
            findings.iter().filter(code).collect()
        };
        // Collections that are missing, and files that cannot be read.
        let lost = of(&["SRC001", "SRC008", "SRC011"]);
        assert!(lost.is_empty(), "{kind}: {lost:#?}");
        let circuits = checked["summary"]["circuits"].as_u64();
        // A router describes no subscriber.
        if kind == "mikrotik" {
            assert_eq!(circuits, Some(0));
            continue;
        }
        assert!(circuits > Some(0), "{kind}: {}", checked["summary"]);

        // What such systems get wrong is in the data, and no such finding keeps an artifact from being made.
        let built = json_of(&weir(dir.path(), "build --format json"));
        assert_eq!(built["summary"]["circuits"].as_u64(), circuits, "{kind}");
        assert!(built["summary"]["shaped"].as_u64() > Some(0), "{kind}");
        assert!(built["artifact"]["digest"].is_string(), "{kind}: {built}");
    }
}

/// The words of a selection, and whether each names people or places.
fn words(keep: &str) -> Vec<(String, bool)> {
    let mut words = Vec::new();
    // Names with blanks stand in quotes.
    for (nth, part) in keep.split('"').enumerate() {
        if nth % 2 == 1 {
            words.push((part.to_owned(), false));
            continue;
        }
        let plain = part.split(|c: char| c.is_whitespace() || c == '{' || c == '}');
        for word in plain.filter(|word| !word.is_empty()) {
            let name = word.trim_end_matches(['~', '^']);
            match (name, words.last_mut()) {
                // Of the name in quotes before it.
                ("", Some((_, private))) => *private = true,
                _ => words.push((name.to_owned(), name.len() < word.len())),
            }
        }
    }
    words
}

/// The names that the decoder of a kind reads, as they are in the answers: the fields of the types in its `wire.rs`.
fn read_by(kind: &str) -> BTreeSet<String> {
    let wire = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/sources/{kind}/wire.rs"));
    let text = fs::read_to_string(wire).expect("a file");
    let mut names = BTreeSet::new();
    let (mut camel, mut renamed) = (false, None);
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[derive") {
            camel = false;
        }
        camel |= line.contains("rename_all = \"camelCase\"");
        if let Some((_, rest)) = line.split_once("rename = \"") {
            renamed = rest.split('"').next().map(str::to_owned);
        }
        let Some((field, _)) = line.strip_prefix("pub ").and_then(|l| l.split_once(": ")) else {
            continue;
        };
        let name = renamed.take().unwrap_or_else(|| match camel {
            false => field.to_owned(),
            true => {
                let mut parts = field.split('_');
                let first = parts.next().unwrap_or_default().to_owned();
                parts.fold(first, |name, part| {
                    name + &part[..1].to_uppercase() + &part[1..]
                })
            }
        });
        names.insert(name);
    }
    assert!(names.len() > 5, "{kind}: {names:?}");
    names
}

/// The tables of `weir fetch` and the decoders say the same: the same collections, every field that is read is kept,
/// and what names people or places is kept only where somebody reads it.
#[test]
fn what_is_fetched_is_what_is_read() {
    for crm in CRMS {
        let kind = SourceKind::ALL.into_iter().find(|k| k.word() == crm.kind);
        let collections: Vec<&str> = exports::collections(kind.expect("a kind"))
            .iter()
            .map(|collection| collection.name)
            .collect();
        let fetched: Vec<String> = (crm.collections.iter())
            .map(|collection| collection.name.replace("ID", "*"))
            .collect();
        assert_eq!(fetched, collections, "{}", crm.kind);

        let read = read_by(crm.kind);
        let kept: Vec<(String, bool)> = (crm.collections.iter())
            .flat_map(|c| words(c.keep))
            .collect();
        for name in &read {
            assert!(
                kept.iter().any(|(word, _)| word == name),
                "{}: {name} is read and not kept",
                crm.kind
            );
        }
        for (word, private) in &kept {
            assert!(
                !private || read.contains(word),
                "{}: {word} names people or places, and nobody reads it",
                crm.kind
            );
        }
    }
}

/// What one answer may have is a setting, and the message of an answer that has more names it.
#[test]
fn an_answer_may_have_what_the_source_allows() {
    let standin = Standin::start(Options::new("uisp")).expect("a stand-in");
    standin.fail(Fault::always(Kind::Bomb(3)));
    // Three million blanks in an empty list: whoever allows them has them read.
    for (allowed, told, code) in [(1, true, 5), (64, false, 0)] {
        let dir = project(&standin, &format!("max_answer_mb = {allowed}\n"));
        let output = weir(dir.path(), "fetch");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(said.contains("larger than 1 MB"), told, "{said}");
        assert_eq!(said.contains("raise `max_answer_mb`"), told, "{said}");
    }
}

/// The measure of a process is taken by Python, as the standard library of Rust does not tell it.
const MEASURED: &str = "\
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss // 1024)
";

/// An answer of a few megabytes that becomes 600 MB, one without end, and lists in lists: each fails, and memory
/// stays below the 512 MB that an answer may have, and 64 more.
#[test]
#[allow(clippy::print_stdout)] // A test that does less than its name says so.
fn hostile_answers_take_no_more_memory_than_an_answer_may() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3 here, which measures memory");
        return;
    }
    for hostile in [Kind::Bomb(600), Kind::Endless, Kind::Deep(1_000_000)] {
        let standin = Standin::start(Options::new("uisp")).expect("a stand-in");
        let dir = project(&standin, "");
        standin.fail(Fault::always(hostile.clone()));
        let output = Command::new("python3")
            .args(["-c", MEASURED, env!("CARGO_BIN_EXE_weir"), "fetch"])
            .current_dir(dir.path())
            .env("CRM_KEY", KEY)
            .env("CRM_SECRET", SECRET)
            .output()
            .expect("python3 runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let mut said = text.split_whitespace();
        let mut number = || -> u64 { said.next().and_then(|n| n.parse().ok()).expect("a number") };
        let (code, mib) = (number(), number());
        assert_eq!(code, 5, "{hostile:?}");
        assert!(mib < 512 + 64, "{hostile:?}: {mib} MiB");
        println!("{hostile:?}: {mib} MiB");
    }
}
