//! A channel mirrored to boxes: proved, atomic, forward only; and who runs what.

mod lab;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use lab::{Lab, WEIR, text};
use serde_json::Value;

const PULL: &str = "pull --from file:.weir/store --into box --box edge1";

fn a_lab() -> (Lab, String) {
    let lab = Lab::new("");
    let first = lab.build();
    lab.run(&format!("promote {first} --to production"), 0);
    (lab, first)
}

fn head_path(lab: &Lab, store: &str) -> PathBuf {
    lab.path().join(store).join("heads/production.json")
}

fn held(lab: &Lab) -> Value {
    let bytes = fs::read(head_path(lab, "box")).expect("a head");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[test]
fn a_pull_brings_what_the_channel_runs_and_goes_with_it() {
    let (lab, first) = a_lab();
    let pulled = lab.json(PULL, 0);
    assert_eq!(pulled["changed"], true);
    assert_eq!(held(&lab)["digest"].as_str(), Some(first.as_str()));
    // The bytes are those of the store: checksums and signatures cover them.
    let [there, here] = [".weir/store", "box"].map(|s| fs::read(head_path(&lab, s)).expect("read"));
    assert_eq!(there, here);
    assert_eq!(lab.json(PULL, 0)["changed"], false);
    let second = lab.build_with(4, 60_000);
    lab.run(
        &format!("promote {second} --to production --confirm-within 1h"),
        0,
    );
    lab.run(PULL, 0);
    assert!(!held(&lab)["confirm"].is_null());
    lab.run("confirm production", 0);
    lab.run(PULL, 0);
    assert!(held(&lab)["confirm"].is_null());
    lab.run("rollback production", 0);
    lab.run(PULL, 0);
    assert_eq!(held(&lab)["digest"].as_str(), Some(first.as_str()));
    assert!(!held(&lab)["hold"].is_null());
    lab.run("resume production", 0);
    lab.run(PULL, 0);
    assert!(held(&lab)["hold"].is_null());
    let journal =
        |s: &str| fs::read(lab.path().join(s).join("journal/production.log")).expect("read");
    assert_eq!(journal(".weir/store"), journal("box"));
    // Both artifacts are there: the box can go back without anybody.
    for digest in [&first, &second] {
        assert!(lab.path().join("box/artifacts").join(digest).is_dir());
    }
}

#[test]
fn a_head_of_before_or_of_elsewhere_is_refused_and_nothing_changes() {
    let (lab, _) = a_lab();
    let old = fs::read(head_path(&lab, ".weir/store")).expect("read");
    let second = lab.build_with(4, 60_000);
    lab.run(&format!("promote {second} --to production"), 0);
    lab.run(PULL, 0);
    let before = held(&lab);
    let now = fs::read(head_path(&lab, ".weir/store")).expect("read");
    // Replay: the head of generation 1, byte by byte.
    fs::write(head_path(&lab, ".weir/store"), &old).expect("written");
    let told = lab.told(PULL, 4);
    assert!(
        told.contains("generation 1 was offered, and generation 2 is here"),
        "{told}"
    );
    assert_eq!(held(&lab), before);
    // One flipped bit.
    let mut bad = now.clone();
    bad[40] ^= 1;
    fs::write(head_path(&lab, ".weir/store"), &bad).expect("written");
    assert_ne!(lab.weir(PULL).status.code(), Some(0));
    assert_eq!(held(&lab), before);
    // A head that is gone is not a channel that runs nothing.
    fs::remove_file(head_path(&lab, ".weir/store")).expect("removed");
    let told = lab.told(PULL, 1);
    assert!(
        told.contains("is gone: its journal says that generation 2"),
        "{told}"
    );
    assert_eq!(held(&lab), before);
    fs::write(head_path(&lab, ".weir/store"), &now).expect("written");
    lab.run(PULL, 0);
    // Another project's channel of the same name has another history.
    let (other, _) = a_lab();
    for kbps in [61_000, 62_000] {
        let digest = other.build_with(4, kbps);
        other.run(&format!("promote {digest} --to production"), 0);
    }
    let from = format!(
        "pull --from file:{} --into box --box edge1",
        other.store().display()
    );
    let told = lab.told(&from, 4);
    assert!(told.contains("its history does not hold"), "{told}");
    assert_eq!(held(&lab), before);
    let fleet = lab.json("status --fleet", 0);
    assert_eq!(fleet["channels"][0]["boxes"][0]["name"], "edge1");
}

#[test]
fn a_damaged_artifact_is_refused_and_the_old_one_stays() {
    let (lab, first) = a_lab();
    lab.run(PULL, 0);
    let second = lab.build_with(4, 60_000);
    lab.run(&format!("promote {second} --to production"), 0);
    let file = lab
        .store()
        .join("artifacts")
        .join(&second)
        .join("queue-plan.json");
    let good = fs::read(&file).expect("read");
    let mut bad = good.clone();
    bad[100] ^= 1;
    fs::remove_file(&file).expect("removed");
    fs::write(&file, &bad).expect("written");
    let told = lab.told(PULL, 4);
    assert!(told.contains("queue-plan.json"), "{told}");
    assert_eq!(held(&lab)["digest"].as_str(), Some(first.as_str()));
    assert!(!lab.path().join("box/artifacts").join(&second).exists());
    fs::write(&file, &good).expect("written");
    lab.run(PULL, 0);
    assert_eq!(held(&lab)["digest"].as_str(), Some(second.as_str()));
}

#[test]
fn with_a_trust_file_only_signed_releases_are_taken() {
    let (lab, _) = a_lab();
    lab.run("key new", 0);
    let pull = format!("{PULL} --trust weir.key.pub");
    let told = lab.told(&pull, 4);
    assert!(told.contains("it is not signed"), "{told}");
    assert!(!head_path(&lab, "box").exists());
    let second = lab.build_with(4, 60_000);
    lab.run(
        &format!("promote {second} --to production --key weir.key"),
        0,
    );
    lab.run(&pull, 0);
    assert_eq!(held(&lab)["digest"].as_str(), Some(second.as_str()));
}

/// An interrupted first pull may leave a journal without a head: the next one completes it.
#[test]
fn a_journal_that_is_ahead_is_caught_up_with() {
    let (lab, first) = a_lab();
    lab.run(PULL, 0);
    fs::remove_file(head_path(&lab, "box")).expect("removed");
    lab.run(PULL, 0);
    assert_eq!(held(&lab)["digest"].as_str(), Some(first.as_str()));
}

#[test]
fn mistakes_are_told_before_anything_is_made() {
    let (lab, _) = a_lab();
    for args in [
        "pull --from file:nowhere --into box",
        "pull --from s3://weir/x --into box",
        "pull --from file:.weir/store --into box --channel ../x",
        "pull --from file:.weir/store --into box --box a/b",
        "pull --from file:.weir/store --into box --trust nobody",
    ] {
        lab.run(args, 2);
    }
    let told = lab.told("pull --from s3://weir/x --into box", 2);
    assert!(told.contains("AWS_ACCESS_KEY_ID is not set"), "{told}");
    assert!(!lab.path().join("box").exists());
}

/// The example runs as it stands, and says what it promises.
#[test]
fn the_example_of_a_fleet_runs() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/fleet");
    let work = tempfile::tempdir().expect("a directory");
    let output = Command::new("sh")
        .arg(root.join("run"))
        .arg(work.path())
        .env("WEIR", &*WEIR)
        .output()
        .expect("sh runs");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    let rows: Vec<&str> = said
        .lines()
        .filter(|l| l.contains("edge1") || l.contains("edge2"))
        .collect();
    assert!(
        rows.iter()
            .any(|r| r.contains("edge1") && r.contains("as the channel")),
        "{said}"
    );
    assert!(
        rows.iter()
            .any(|r| r.contains("edge2") && r.contains("not what the channel runs")),
        "{said}"
    );
    let last = rows.last().expect("rows");
    assert!(
        last.contains("edge2") && last.contains("as the channel"),
        "{said}"
    );
}
