//! A project whose store is a bucket, with a real server on this machine: every command, from two work places.

#![cfg(feature = "s3")]

#[path = "../../runtime/store-s3/tests/kit/mod.rs"]
mod kit;
mod lab;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use kit::Moto;
use lab::{Lab, text};

fn a_lab(port: u16, prefix: &str) -> Lab {
    let lab = Lab::new(&format!(
        "[store]\nurl = \"s3://weir/{prefix}\"\nendpoint = \"http://127.0.0.1:{port}\"\n\
         key = {{ file = \"secrets/key\" }}\nsecret = {{ file = \"secrets/secret\" }}\n"
    ));
    fs::create_dir(lab.path().join("secrets")).expect("made");
    for (name, text) in [("key", kit::KEY), ("secret", kit::SECRET)] {
        let path = lab.path().join("secrets").join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("closed");
    }
    lab
}

/// Another work place of the same project: nothing but what is in git.
fn a_clone(lab: &Lab) -> Lab {
    let copy = lab.copy();
    fs::remove_dir_all(copy.path().join(".weir")).expect("removed");
    copy
}

#[test]
fn every_command_works_from_two_work_places() {
    let Some(moto) = Moto::start() else { return };
    let lab = a_lab(moto.port, "isp");
    let first = lab.build();
    lab.run(&format!("promote {first} --to production"), 0);
    let other = a_clone(&lab);
    assert_eq!(
        other.head("production")["digest"].as_str(),
        Some(first.as_str())
    );
    // Somebody else builds on it: the identities of what runs are kept, so nothing changes.
    let again = other.json("build", 0);
    assert_eq!(again["artifact"]["digest"].as_str(), Some(first.as_str()));
    assert_eq!(again["artifact"]["unchanged"], true);
    let second = other.build_with(4, 60_000);
    let plan = other.json(&format!("plan production {second} --out p.json"), 0);
    assert_eq!(plan["base"]["seq"], 1);
    other.run("promote p.json --author kim", 0);
    let log = lab.json("log", 0);
    assert_eq!(log["entries"].as_array().map(Vec::len), Some(2));
    assert_eq!(log["entries"][1]["author"], "kim");
    let diff = lab.json(&format!("diff {first} production"), 0);
    assert_eq!(diff["counts"]["rerated"], 4);
    lab.run(&format!("show {}", &second[..8]), 0);
    lab.run("verify", 0);
    lab.run(&format!("verify {first}"), 0);
    lab.run("rollback production", 0);
    assert_eq!(
        other.head("production")["digest"].as_str(),
        Some(first.as_str())
    );
    other.run(
        &format!("promote {second} --to production --confirm-within 1h"),
        0,
    );
    lab.run("confirm production", 0);
    lab.run(&format!("gc --pin {first}"), 0);
    lab.run("gc", 0);
    fs::create_dir(lab.path().join("lqos")).expect("made");
    lab.run("publish --to lqos", 0);
    lab.run(&format!("build --previous {first}"), 0);
    let doctor = lab.json("doctor", 0);
    assert!(doctor.to_string().contains("had one winner"), "{doctor}");
}

#[test]
fn a_box_pulls_out_of_a_bucket() {
    let Some(moto) = Moto::start() else { return };
    let lab = a_lab(moto.port, "fleet");
    let first = lab.build();
    lab.run(&format!("promote {first} --to production"), 0);
    let pull = format!(
        "pull --from s3://weir/fleet --endpoint http://127.0.0.1:{} --into box --box edge1",
        moto.port
    );
    let output = lab
        .command(&pull)
        .env("AWS_ACCESS_KEY_ID", kit::KEY)
        .env("AWS_SECRET_ACCESS_KEY", kit::SECRET)
        .output()
        .expect("weir runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let fleet = lab.json("status --fleet", 0);
    let production = fleet["channels"]
        .as_array()
        .expect("channels")
        .iter()
        .find(|c| c["channel"] == "production");
    assert_eq!(
        production.expect("production")["boxes"][0]["holds"]["digest"].as_str(),
        Some(first.as_str())
    );
}

/// The example of two boxes, with a bucket between them.
#[test]
fn the_example_of_a_fleet_runs_over_a_bucket() {
    let Some(moto) = Moto::start() else { return };
    let run = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/fleet/run");
    let work = tempfile::tempdir().expect("a directory");
    let output = std::process::Command::new("sh")
        .arg(run)
        .arg(work.path())
        .env("WEIR", &*lab::WEIR)
        .env("FLEET_S3", format!("http://127.0.0.1:{}", moto.port))
        .env("AWS_ACCESS_KEY_ID", kit::KEY)
        .env("AWS_SECRET_ACCESS_KEY", kit::SECRET)
        .output()
        .expect("sh runs");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    let boxes: Vec<&str> = (said.lines())
        .filter(|line| line.contains("edge1") || line.contains("edge2"))
        .collect();
    assert!(
        boxes
            .iter()
            .any(|b| b.contains("not what the channel runs")),
        "{said}"
    );
    let last = boxes.last().expect("boxes");
    assert!(
        last.contains("edge2") && last.contains("as the channel"),
        "{said}"
    );
    // Nothing of it went past the bucket.
    assert!(!work.path().join("noc/.weir/store/heads").exists());
}

/// What one work place fetched, another one builds from: it has the same `weir.lock`, and no way to the CRM.
#[cfg(feature = "fetch")]
#[test]
fn what_one_fetched_another_builds_from() {
    use weir_standin::{Options, SECRET, Standin};

    let Some(moto) = Moto::start() else { return };
    let standin = Standin::start(Options::new("uisp")).expect("a stand-in");
    let lab = a_lab(moto.port, "snapshots");
    let toml = fs::read_to_string(lab.path().join("weir.toml")).expect("a project");
    let from = "kind = \"inventory\"\nexport = \"export\"\n";
    assert!(toml.contains(from), "{toml}");
    let to = format!(
        "kind = \"uisp\"\nurl = \"{}\"\nkey = {{ env = \"CRM_KEY\" }}\nsecret = {{ env = \"CRM_SECRET\" }}\n",
        standin.url()
    );
    fs::write(lab.path().join("weir.toml"), toml.replace(from, &to)).expect("written");
    let fetched = lab
        .command("fetch")
        .env("CRM_KEY", weir_standin::KEY)
        .env("CRM_SECRET", SECRET)
        .output()
        .expect("weir runs");
    assert!(fetched.status.success(), "{}", text(&fetched.stderr));
    drop(standin);

    let other = a_clone(&lab);
    let built = |lab: &Lab| {
        let output = lab.weir("build --format json");
        assert!(
            matches!(output.status.code(), Some(0 | 3)),
            "{}",
            text(&output.stderr)
        );
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        json["artifact"]["digest"]
            .as_str()
            .expect("a digest")
            .to_owned()
    };
    assert_eq!(built(&other), built(&lab));

    // What is here already needs no bucket, and a bucket whose file was changed is not believed.
    let snapshots = other.path().join(".weir/store/snapshots");
    let mut all = fs::read_dir(&snapshots).expect("snapshots");
    let snapshot = all.next().expect("one").expect("read").path();
    let digest = snapshot.file_name().expect("a name").to_string_lossy();
    let export = fs::read(snapshot.join("export.json")).expect("a file");
    let export: serde_json::Value = serde_json::from_slice(&export).expect("JSON");
    let file = export["files"][0]["sha256"].as_str().expect("a digest");
    kit::put(
        moto.port,
        &format!("snapshots/snapshots/{digest}/{file}"),
        "[]",
    );
    assert!(matches!(other.weir("check").status.code(), Some(0 | 3)));
    let third = a_clone(&lab);
    let told = third.told("check", 5);
    assert!(told.contains("are not a snapshot"), "{told}");
    let there = third.path().join(".weir/store/snapshots").join(&*digest);
    assert!(!there.exists());
}

#[test]
fn secrets_are_in_nothing_that_is_said_or_written() {
    let lab = a_lab(kit::listen(drop), "nobody");
    for args in [
        "status",
        "build",
        "verify",
        "doctor",
        "log",
        "build -v --format json",
    ] {
        let output = lab.weir(args);
        assert_eq!(output.status.code(), Some(1), "weir {args}");
        for said in [text(&output.stdout), text(&output.stderr)] {
            assert!(
                !said.contains(kit::KEY) && !said.contains(kit::SECRET),
                "weir {args}: {said}"
            );
        }
    }
    fs::set_permissions(
        lab.path().join("secrets/secret"),
        fs::Permissions::from_mode(0o644),
    )
    .expect("opened");
    let told = lab.told("status", 2);
    assert!(told.contains("can be read by others"), "{told}");
}

#[test]
fn a_doctor_refuses_a_bucket_whose_conditions_do_not_hold() {
    let lab = a_lab(kit::broken::start(), "broken");
    let doctor = lab.json("doctor", 1);
    assert!(
        doctor
            .to_string()
            .contains("conditional writes do not hold"),
        "{doctor}"
    );
}
