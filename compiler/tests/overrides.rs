//! `weir override` from the outside: what is written, what is refused, and that the file stays its owner's.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const INVENTORY: &str = r#"{ "schema": "weir.inventory/1",
  "nodes": [ { "id": "a1", "name": "Hill North", "kind": "ap", "gateway": true } ],
  "circuits": [ { "id": "c1", "name": "Jo Doe", "attach": "a1", "plan_kbps": [100000, 20000],
                  "devices": [ { "id": "d1", "ips": ["100.64.0.2"] } ] } ] }"#;

fn project() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("export")).expect("a directory");
    fs::write(dir.path().join("export/inventory.json"), INVENTORY).expect("a file");
    fs::write(
        dir.path().join("weir.toml"),
        "[[source]]\nkind = \"inventory\"\nexport = \"export\"\n",
    )
    .expect("a file");
    dir
}

fn weir(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .output()
        .expect("weir runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn file(dir: &Path) -> String {
    fs::read_to_string(dir.join("overrides.toml")).expect("overrides.toml")
}

#[test]
fn an_override_is_added_listed_ended_and_removed_and_comments_stay() {
    let project = project();
    let dir = project.path();
    fs::write(dir.join("overrides.toml"), "# ours\n").expect("a file");
    let add = |set: &str| {
        weir(
            dir,
            &[
                "override",
                "add",
                "circuit",
                "c1",
                "--set",
                set,
                "--reason",
                "line is bad",
                "--owner",
                "kim",
                "--expires",
                "2099-01-01",
            ],
        )
    };
    let added = add("plan_mbps=40/8");
    assert_eq!(added.status.code(), Some(0), "{}", text(&added.stderr));
    assert!(
        text(&added.stdout).contains("100/20 Mbit/s -> 40/8 Mbit/s"),
        "{}",
        text(&added.stdout)
    );
    assert_eq!(
        file(dir),
        "# ours\n\n[[circuit]]\nid = \"c1\"\nreason = \"line is bad\"\nowner = \"kim\"\nexpires = 2099-01-01\n\
         plan_mbps = [40, 8]\nwas = { plan_mbps = [100, 20] }\n"
    );
    // The same field twice is a mistake, and nothing is written.
    let before = file(dir);
    assert_eq!(add("plan_mbps=50").status.code(), Some(2));
    assert_eq!(file(dir), before);
    let built = weir(dir, &["build", "--out", "out"]);
    assert_eq!(built.status.code(), Some(0), "{}", text(&built.stdout));
    let csv = fs::read_to_string(dir.join("out/ShapedDevices.csv")).expect("written");
    assert!(csv.contains(",40,8,"), "{csv}");
    // The CRM changes its mind.
    fs::write(
        dir.join("export/inventory.json"),
        INVENTORY.replace("100000", "200000"),
    )
    .expect("a file");
    let listed = weir(dir, &["override", "list", "--format", "json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(listed["overrides"][0]["status"], "hides-change");
    assert_eq!(listed["overrides"][0]["from"], "200/20 Mbit/s");
    // With a day or without one: it ends now.
    for on in [&["--on", "2020-01-01"][..], &[]] {
        let ended = weir(
            dir,
            &[&["override", "expire", "circuit", "c1"], on].concat(),
        );
        assert_eq!(ended.status.code(), Some(0));
        let listed = weir(dir, &["override", "list", "--format", "json"]);
        let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
        assert_eq!(listed["overrides"][0]["status"], "expired");
    }
    let dry = weir(dir, &["override", "remove", "circuit", "c1", "--dry-run"]);
    assert_eq!(dry.status.code(), Some(0));
    assert!(file(dir).contains("[[circuit]]"));
    assert_eq!(
        weir(dir, &["override", "remove", "circuit", "c1", "plan_mbps"])
            .status
            .code(),
        Some(0)
    );
    assert_eq!(file(dir).trim(), "# ours");
}

#[test]
fn what_would_do_nothing_is_refused_with_what_was_probably_meant() {
    let project = project();
    let dir = project.path();
    for (args, says) in [
        (["circuit", "C1", "plan_mbps=5"], "did you mean \"c1\""),
        (["circuit", "c1", "parent=Hill Nort"], "did you mean \"a1\""),
        (["circuit", "c1", "plan_mpbs=5"], "did you mean plan_mbps"),
        (["node", "a1", "parent=a1"], "its own parent"),
    ] {
        let [kind, id, set] = args;
        let refused = weir(
            dir,
            &["override", "add", kind, id, "--set", set, "--reason", "r"],
        );
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(
            text(&refused.stderr).contains(says),
            "{args:?}: {}",
            text(&refused.stderr)
        );
        assert!(!dir.join("overrides.toml").exists());
    }
}

#[test]
fn a_wrong_file_is_a_configuration_error_and_a_day_decides() {
    let project = project();
    let dir = project.path();
    fs::write(
        dir.join("overrides.toml"),
        "[[circuit]]\nid = \"c1\"\nplan = 5\n",
    )
    .expect("a file");
    let wrong = weir(dir, &["check"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("plan_mbps"),
        "{}",
        text(&wrong.stderr)
    );
    fs::write(
        dir.join("overrides.toml"),
        "[[circuit]]\nid = \"c1\"\nreason = \"r\"\nexpires = 2030-01-01\nexclude = true\n",
    )
    .expect("a file");
    for (day, shaped) in [("2030-01-01", 0), ("2030-01-02", 1)] {
        let checked = weir(dir, &["check", "--as-of", day, "--format", "json"]);
        let checked: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
        assert_eq!(
            checked["summary"]["shaped"], shaped,
            "{day} {}",
            checked["summary"]
        );
    }
}

/// Whatever a clock does, what it decides is said with both days: the last one with, and the one it was judged by.
#[test]
fn what_expires_and_what_comes_back_is_told_with_both_days() {
    let project = project();
    let dir = project.path();
    let overrides = "[[circuit]]\nid = \"c1\"\nreason = \"r\"\nowner = \"kim\"\nexpires = 2030-01-01\nplan_mbps = 5\n";
    fs::write(dir.join("overrides.toml"), overrides).expect("a file");
    let config = fs::read_to_string(dir.join("weir.toml")).expect("a file");
    let suppress = "[[lint.suppress]]\nrule = \"wan-not-set\"\nsubject = \"*\"\nreason = \"r\"\nexpires = 2030-01-01\n";
    fs::write(dir.join("weir.toml"), config + suppress).expect("a file");
    let build = |day: &str, more: &[&str]| {
        let args = [&["build", "--as-of", day, "--out", day, "-v"], more].concat();
        let built = weir(dir, &args);
        assert!(
            dir.join(day).join("manifest.json").is_file(),
            "{}",
            text(&built.stderr)
        );
        text(&built.stdout) + &text(&built.stderr)
    };
    // On the last day both hold, and nothing was judged.
    let on_time = build("2030-01-01", &[]);
    assert!(!on_time.contains("it is 2030"), "{on_time}");
    build("2030-02-01", &[]);
    let findings = fs::read_to_string(dir.join("2030-02-01/findings.json")).expect("a file");
    for says in [
        "had 2030-01-01 as its last day, it is 2030-02-01, and it is not applied any more",
        "held until 2030-01-01, and it is 2030-02-01: its findings count again",
    ] {
        assert!(findings.contains(says), "{says}: {findings}");
    }
    // The clock goes back past the expiry.
    let back = build("2029-12-31", &["--previous", "2030-02-01"]);
    let says = "the override of circuit c1 until 2030-01-01 and 1 more had expired in the artifact that this build follows, \
                which was built on 2030-02-01, and it is 2029-12-31";
    assert!(back.contains(says), "{back}");
    // And not past it: nothing comes back, nothing is said.
    let still = build("2030-01-15", &["--previous", "2030-02-01"]);
    assert!(!still.contains("applies again"), "{still}");
}
