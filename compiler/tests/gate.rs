//! `weir doctor --gate`: go, or what stands against it, with the exit code of each.
#![cfg(feature = "fetch")]

mod lab;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use lab::Lab;
use serde_json::{Value, json};

/// A box that is as it has to be, in the words of `weir-runtime doctor --format json`.
fn report(state: &str) -> String {
    json!({"schema": "weir.runtime-doctor/1", "lines": [
        {"check": "kernel", "state": "ok", "subject": "6.1.0", "what": "supported", "fix": ""},
        {"check": "interface", "state": state, "subject": "eth1", "what": "has 1 queue", "fix": "ethtool -L eth1 combined 4"},
    ]})
    .to_string()
}

const TARGET: &str = "[target.edge1]\nqueues = 4\nmemory = \"8GiB\"\n[target.edge1.shaper]\nto_internet = \"eth0\"\nto_network = \"eth1\"\n";

fn lab() -> Lab {
    let lab = Lab::new(TARGET);
    fs::write(lab.path().join("box.json"), report("ok")).expect("written");
    lab
}

/// Every line of a check, with its state.
fn states<'a>(report: &'a Value, check: &str) -> Vec<(&'a str, &'a str)> {
    let lines = report["checks"].as_array().expect("checks");
    lines
        .iter()
        .filter(|line| line["check"] == check)
        .map(|line| {
            (
                line["state"].as_str().expect("a state"),
                line["what"].as_str().expect("what"),
            )
        })
        .collect()
}

#[test]
fn a_network_that_is_built_goes_and_says_what_nobody_saw() {
    let lab = lab();
    lab.build();
    let report = lab.json("doctor --gate --box box.json", 0);
    assert_eq!(report["gate"], "go", "{report}");
    for check in ["data", "findings", "fit", "artifact"] {
        assert_eq!(states(&report, check)[0].0, "ok", "{check}: {report}");
    }
    assert_eq!(states(&report, "box").len(), 2);
    let (state, what) = states(&report, "coverage")[0];
    assert_eq!(state, "warn");
    assert!(what.starts_with("not seen yet"), "{what}");
    let text = lab.run("doctor --gate --box box.json", 0);
    assert!(
        text.trim_end().ends_with("go: 0 failed, 1 to look at"),
        "{text}"
    );
    // Without the gate nothing of this is looked at.
    let alone = lab.json("doctor", 0);
    assert_eq!(alone["gate"], Value::Null);
    assert!(states(&alone, "box").is_empty());
}

#[test]
fn what_was_not_built_does_not_go() {
    let lab = lab();
    let report = lab.json("doctor --gate --box box.json", 4);
    assert_eq!(report["gate"], "no-go");
    assert_eq!(states(&report, "artifact")[0].0, "fail");
    lab.build();
    lab.json("doctor --gate --box box.json", 0);
    // The data moved on: what is stored is not what would be promoted.
    lab.network(5, 50_000);
    lab.json("doctor --gate --box box.json", 4);
}

#[test]
fn a_box_that_is_not_as_it_has_to_be_does_not_go() {
    let lab = lab();
    lab.build();
    fs::write(lab.path().join("box.json"), report("fail")).expect("written");
    let report = lab.json("doctor --gate --box box.json", 1);
    assert_eq!(report["gate"], "no-go");
    let text = lab.run("doctor --gate --box box.json", 1);
    assert!(text.contains("ethtool -L eth1 combined 4"), "{text}");
    for no_report in [
        "",
        "{}",
        "{\"schema\": \"weir.runtime-doctor/1\", \"lines\": []}",
    ] {
        fs::write(lab.path().join("box.json"), no_report).expect("written");
        lab.json("doctor --gate --box box.json", 1);
    }
    lab.json("doctor --gate --box nowhere.json", 1);
}

#[test]
fn a_box_that_nobody_looked_at_does_not_go() {
    let lab = lab();
    lab.build();
    let run = |code: i32| -> Value {
        let mut command = Command::new(&*lab::WEIR);
        lab.dress(&mut command);
        let output = command
            .env("PATH", "/nonexistent")
            .args(["doctor", "--gate", "--format", "json"])
            .output()
            .expect("weir runs");
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let report = run(1);
    assert!(
        states(&report, "box")[0]
            .1
            .contains("nobody looked at the box"),
        "{report}"
    );
    // Where LibreQoS shapes there is no such box: its directory has to be there.
    let toml = fs::read_to_string(lab.path().join("weir.toml")).expect("weir.toml");
    let to = "[publish]\nto = \"lqos\"\n";
    fs::write(lab.path().join("weir.toml"), format!("{toml}{to}")).expect("written");
    run(1);
    fs::create_dir(lab.path().join("lqos")).expect("made");
    assert_eq!(run(0)["gate"], "go");
}

/// The programs on the box are asked, and what passed there counts.
#[test]
fn the_runtime_on_this_machine_is_asked() {
    let lab = lab();
    let digest = lab.build();
    let status = |unknown: u64, ok: bool| {
        json!({"schema": "weir.runtime-status/1", "version": "0", "time": "2026-01-01T00:00:00Z", "target": "edge1",
            "channel": "production", "state": "active", "active": null, "previous": null, "deadline": null,
            "last_apply": null, "health": [{"name": "unknown", "required": false, "ok": ok, "detail": ""}],
            "drift": [], "drift_count": 0, "interfaces": [],
            "outcomes": [{"outcome": "shaped", "packets": [1, 1], "bytes": [900, 0]},
                {"outcome": "unknown", "packets": [1, 1], "bytes": [unknown, 0]}]})
        .to_string()
    };
    let bin = lab.path().join("bin");
    fs::create_dir(&bin).expect("made");
    let program = bin.join("weir-runtime");
    let script = "#!/bin/sh\necho \"$*\" >>\"$0.asked\"\ncat \"$0.$1\"\n";
    fs::write(&program, script).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
    fs::write(bin.join("weir-runtime.doctor"), report("ok")).expect("written");
    for (unknown, ok, code, state) in [
        (0, true, 0, "ok"),
        (100, true, 0, "warn"),
        (500, false, 4, "fail"),
    ] {
        fs::write(bin.join("weir-runtime.status"), status(unknown, ok)).expect("written");
        let mut command = Command::new(&*lab::WEIR);
        lab.dress(&mut command);
        let output = command
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .args(["doctor", "--gate", "--format", "json"])
            .output()
            .expect("weir runs");
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(states(&report, "coverage")[0].0, state, "{report}");
    }
    // It was asked about the artifact that would be promoted.
    let asked = fs::read_to_string(bin.join("weir-runtime.asked")).expect("it was asked");
    assert!(asked.contains(&digest), "{asked}");
}

#[test]
fn errors_of_the_network_do_not_go_and_those_of_one_circuit_do() {
    let lab = lab();
    // Two circuits with one address: contained, they are the only ones that it touches.
    let inventory = |plan: &str| {
        let circuits: Vec<String> = (1..=4)
            .map(|n| {
                format!(
                    r#"{{"id": "c{n}", "attach": "a1", "plan_kbps": {plan}, "devices": [{{"id": "d{n}", "ips": ["100.64.0.{}"]}}]}}"#,
                    n.min(3)
                )
            })
            .collect();
        let text = format!(
            r#"{{"schema": "weir.inventory/1", "nodes": [{{"id": "core", "kind": "root"}},
 {{"id": "a1", "kind": "ap", "parent": "core", "kbps": [900000, 900000]}}], "links": [], "circuits": [{}]}}"#,
            circuits.join(",")
        );
        fs::write(lab.path().join("export/inventory.json"), text).expect("written");
    };
    inventory("[50000, 10000]");
    lab.run("build", 3);
    let report = lab.json("doctor --gate --box box.json", 0);
    assert_eq!(states(&report, "findings")[0].0, "warn", "{report}");
    // A file that cannot be read takes everybody's shaping.
    fs::write(lab.path().join("export/inventory.json"), "{").expect("written");
    let report = lab.json("doctor --gate --box box.json", 5);
    assert_eq!(states(&report, "data")[0].0, "fail", "{report}");
}
