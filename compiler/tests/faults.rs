//! Channels while the machine fails: killed at every system call, errors from every system call, no room on the
//! disk. Afterwards a channel has its old head or its new one, everything verifies, and doing it again works.
//!
//! The tests here take a part of the system calls, to be quick; `WEIR_FULL_SWEEP=1` takes all of them. strace does
//! the injecting: where it may not, the tests say so and do nothing.

mod lab;

use std::fs;
use std::process::{Command, Stdio};

use lab::inject::{FULL, calls, can_inject, figure, full, was_killed, with_fault};
use lab::{Lab, WEIR, skip, text};

/// A project whose channel runs one artifact, with another to promote.
struct Before {
    lab: Lab,
    old: String,
    new: String,
}

impl Before {
    fn new() -> Before {
        let lab = Lab::new("");
        let first = lab.build_with(3, 40_000);
        lab.run(&format!("promote {first} --to production"), 0);
        let old = lab.build_with(4, 50_000);
        lab.run(&format!("promote {old} --to production"), 0);
        let new = lab.build_with(4, 60_000);
        Before { lab, old, new }
    }
}

/// After a fault: the old head or the new one, all of it proved, nothing left lying about, one journal line a head.
#[track_caller]
fn is_whole(lab: &Lab, old: &str, new: &str, what: &str) -> String {
    let head = lab.head("production")["digest"]
        .as_str()
        .expect("a head")
        .to_owned();
    assert!(
        head == old || head == new,
        "{what}: {head} is neither old nor new"
    );
    lab.run("verify", 0);
    assert_eq!(lab.litter(), [""; 0], "{what}");
    let log = lab.json("log", 0);
    let entries = log["entries"].as_array().expect("entries");
    let mut txns: Vec<&str> = entries
        .iter()
        .filter_map(|e| e["head"]["txn"].as_str())
        .collect();
    let all = txns.len();
    txns.sort_unstable();
    txns.dedup();
    assert_eq!(txns.len(), all, "{what}: a head is in the journal twice");
    head
}

/// Kills a command at every call of these kinds; gives how many points there were.
fn kill_everywhere(before: &Before, args: &str, new: &str, calls: &[&str], retry: i32) -> usize {
    let mut points = 0;
    for call in calls {
        for n in 1.. {
            assert!(n < 2_000, "{call} has no end");
            let lab = before.lab.copy();
            let output = with_fault(&lab, args, call, "signal=KILL", n);
            let what = format!("weir {args}, killed at {call} {n}");
            if !was_killed(&output) {
                assert_eq!(
                    output.status.code(),
                    Some(0),
                    "{what}: {}",
                    text(&output.stderr)
                );
                assert_eq!(is_whole(&lab, &before.old, new, &what), new, "{what}");
                break;
            }
            points += 1;
            let head = is_whole(&lab, &before.old, new, &what);
            let code = if head == new { retry } else { 0 };
            lab.run(args, code);
            assert_eq!(
                is_whole(&lab, &before.old, new, &what),
                new,
                "{what}, again"
            );
        }
    }
    figure("kill points", points);
    points
}

#[test]
fn killed_anywhere_a_promotion_is_done_or_not() {
    if !can_inject() {
        return;
    }
    let before = Before::new();
    let args = format!("promote {} --to production", before.new);
    let points = kill_everywhere(&before, &args, &before.new, calls(), 0);
    assert!(points >= 4, "{points} points");
}

#[test]
fn killed_anywhere_a_rollback_is_done_or_not() {
    if !can_inject() {
        return;
    }
    let before = Before::new();
    let first = before.lab.json("log", 0)["entries"][0]["to"].clone();
    let first = first.as_str().expect("a digest").to_owned();
    // A second time there is nothing before the first generation.
    let points = kill_everywhere(&before, "rollback production", &first, calls(), 4);
    assert!(points >= 4, "{points} points");
}

/// A pending generation is confirmed or still pending, and both are the same artifact.
#[test]
fn killed_anywhere_a_confirmation_is_done_or_not() {
    if !can_inject() {
        return;
    }
    let before = Before::new();
    let pend = format!("promote {} --to production --confirm-within 1d", before.new);
    before.lab.run(&pend, 0);
    let mut states = [0, 0];
    let mut points = 0;
    for call in calls() {
        for n in 1.. {
            assert!(n < 2_000, "{call} has no end");
            let lab = before.lab.copy();
            let output = with_fault(&lab, "confirm production", call, "signal=KILL", n);
            let what = format!("confirm, killed at {call} {n}");
            assert_eq!(
                is_whole(&lab, &before.new, &before.new, &what),
                before.new,
                "{what}"
            );
            let pending = !lab.head("production")["confirm"].is_null();
            states[usize::from(pending)] += 1;
            if output.status.code() == Some(0) {
                assert!(!pending, "{what}: it said that it is done");
                break;
            }
            points += 1;
            // Again: what is done is refused, and nothing else changes.
            lab.run("confirm production", if pending { 0 } else { 4 });
            assert!(lab.head("production")["confirm"].is_null(), "{what}");
            is_whole(&lab, &before.new, &before.new, &what);
        }
    }
    figure("kill points", points);
    assert!(
        points >= 4 && states[0] > 0 && states[1] > 0,
        "{points} points, {states:?}"
    );
}

/// Collecting removes what nobody needs, whole, and nothing else: killed anywhere, all that a channel needs verifies.
#[test]
fn killed_anywhere_collecting_removes_whole_artifacts_only() {
    if !can_inject() {
        return;
    }
    let before = Before::new();
    let old = |path: &std::path::Path| {
        let long_ago =
            std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        fs::File::open(path)
            .and_then(|dir| dir.set_modified(long_ago))
            .expect("aged");
    };
    // More than are always kept: two that nobody runs are older than all others.
    let mut useless = Vec::new();
    for n in 0..2 {
        useless.push(before.lab.build_with(4, 61_000 + n));
    }
    for n in 0..49 {
        before.lab.build_with(4, 70_000 + n);
    }
    let age = |lab: &Lab| {
        for digest in &useless {
            let dir = lab.store().join("artifacts").join(digest);
            if dir.is_dir() {
                old(&dir);
            }
        }
    };
    let mut points = 0;
    let calls: &[&str] = &["rename", "fsync", "rmdir", "unlinkat"];
    for call in calls {
        // Of the many files of an artifact every few.
        for n in (1..).step_by(if *call == "unlinkat" && !full() { 5 } else { 1 }) {
            assert!(n < 2_000, "{call} has no end");
            let lab = before.lab.copy();
            age(&lab);
            let output = with_fault(&lab, "gc", call, "signal=KILL", n);
            let what = format!("gc, killed at {call} {n}");
            assert_eq!(is_whole_after(&lab, &before, &what), before.old, "{what}");
            for entry in fs::read_dir(lab.store().join("artifacts")).expect("listed") {
                let digest = entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned();
                if useless.contains(&digest) {
                    lab.run(&format!("verify {digest}"), 0);
                }
            }
            if output.status.code() == Some(0) {
                break;
            }
            points += 1;
            age(&lab);
            lab.run("gc", 0);
            for digest in &useless {
                assert!(
                    !lab.store().join("artifacts").join(digest).exists(),
                    "{what}: {digest}"
                );
            }
            assert_eq!(lab.litter(), [""; 0], "{what}");
        }
    }
    figure("kill points", points);
    assert!(points >= 4, "{points} points");
}

/// As [`is_whole`], where what was interrupted may lie in `tmp/` until the next writer.
fn is_whole_after(lab: &Lab, before: &Before, what: &str) -> String {
    lab.run("gc --dry-run", 0);
    is_whole(lab, &before.old, &before.new, what)
}

/// A mirror has its old head or the new one, all of it proved, and the next pull brings the new one.
#[test]
fn killed_anywhere_a_pull_leaves_the_old_head_or_the_new_one() {
    if !can_inject() {
        return;
    }
    let before = Before::new();
    let pull = "pull --from file:.weir/store --into box --box edge1";
    before.lab.run(pull, 0);
    before
        .lab
        .run(&format!("promote {} --to production", before.new), 0);
    let head = |lab: &Lab| -> String {
        let bytes = fs::read(lab.path().join("box/heads/production.json")).expect("a head");
        let head: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        head["digest"].as_str().expect("a digest").to_owned()
    };
    let mut points = 0;
    let mut seen = std::collections::BTreeSet::new();
    for call in calls() {
        for n in 1.. {
            assert!(n < 2_000, "{call} has no end");
            let lab = before.lab.copy();
            let output = with_fault(&lab, pull, call, "signal=KILL", n);
            let what = format!("pull, killed at {call} {n}");
            let digest = head(&lab);
            assert!(
                digest == before.old || digest == before.new,
                "{what}: {digest}"
            );
            seen.insert(digest.clone());
            let stored = weir_store::Store::open(lab.path().join("box")).expect("a store");
            let artifact = stored
                .get(&digest)
                .expect("the artifact that the head names");
            assert_eq!(artifact.verify().expect("verified"), [], "{what}");
            if output.status.code() == Some(0) {
                assert_eq!(digest, before.new, "{what}");
                break;
            }
            points += 1;
            lab.run(pull, 0);
            assert_eq!(head(&lab), before.new, "{what}");
        }
    }
    figure("kill points", points);
    assert!(points >= 4, "{points} points");
    assert_eq!(seen.len(), 2, "it was never killed on one of the sides");
}

/// A build that is killed leaves a whole artifact or none, and the channel as it was.
#[test]
fn killed_anywhere_a_build_leaves_an_artifact_or_none() {
    if !can_inject() {
        return;
    }
    let before = Before::new();
    before.lab.network(4, 70_000);
    // Files are written by threads beside each other, and strace counts the calls of each: the first call of whoever comes
    // first is one point.
    let calls: &[&str] = match full() {
        true => FULL,
        false => &["rename", "mkdir", "fsync", "flock"],
    };
    let mut points = 0;
    for call in calls {
        for n in 1.. {
            let lab = before.lab.copy();
            let output = with_fault(&lab, "build", call, "signal=KILL", n);
            if output.status.code() == Some(0) {
                break;
            }
            assert!(n < 2_000, "{call} has no end");
            points += 1;
            let what = format!("killed at {call} {n}");
            is_whole(&lab, &before.old, &before.old, &what);
            for entry in fs::read_dir(lab.store().join("artifacts")).expect("listed") {
                let digest = entry.expect("an entry").file_name();
                lab.run(&format!("verify {}", digest.to_string_lossy()), 0);
            }
            lab.run("build", 0);
        }
    }
    figure("kill points", points);
    assert!(points >= 4, "{points} points");
}

/// Every error of the disk: told, nothing broken, and it works when the disk does.
#[test]
fn errors_of_the_disk_are_told_and_break_nothing() {
    if !can_inject() {
        return;
    }
    let before = Before::new();
    let args = format!("promote {} --to production", before.new);
    let faults: &[(&str, &str)] = &[
        ("fsync", "error=EIO"),
        ("fsync", "error=ENOSPC"),
        ("rename", "error=EROFS"),
        ("rename", "error=ENOSPC"),
        ("write", "error=ENOSPC"),
        ("openat", "error=EMFILE"),
        ("openat", "error=EROFS"),
    ];
    let quick = !full();
    let (mut failed, mut tried) = (0, 0);
    for (call, fault) in faults {
        // In the quick run every few of the frequent ones.
        let step = if quick && ["openat", "write"].contains(call) {
            7
        } else {
            1
        };
        for n in (1..).step_by(step) {
            assert!(n < 2_000, "{call} has no end");
            let lab = before.lab.copy();
            let output = with_fault(&lab, &args, call, fault, n);
            let what = format!("{call} {fault} {n}");
            let err = text(&output.stderr);
            tried += 1;
            assert!(!err.contains("bug in weir"), "{what}: {err}");
            let head = is_whole(&lab, &before.old, &before.new, &what);
            match output.status.code() {
                Some(0) => assert_eq!(head, before.new, "{what}"),
                _ => {
                    failed += 1;
                    assert!(!err.is_empty(), "{what} is told to nobody");
                }
            }
            lab.run(&args, 0);
            assert_eq!(
                is_whole(&lab, &before.old, &before.new, &what),
                before.new,
                "{what}"
            );
            if !happens(&before, &args, call, n + step) {
                break;
            }
        }
    }
    figure("disk errors", tried);
    assert!(failed >= 5, "{failed} failures");
}

/// The command makes this call at least so often.
fn happens(before: &Before, args: &str, call: &str, n: usize) -> bool {
    let lab = before.lab.copy();
    let output = with_fault(&lab, args, call, "signal=KILL", n);
    output.status.code() != Some(0)
}

/// A full disk, with more and more room: refused clearly, the old head intact; with room again it works.
#[test]
fn a_full_disk_keeps_the_old_head() {
    let probe = Command::new("unshare")
        .args(["-m", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !probe.is_ok_and(|status| status.success()) {
        return skip("it mounts a small tmpfs, which needs root");
    }
    let before = Before::new();
    // Builds and promotes with so many KiB left, then with room.
    let script = r#"
set -u
work=$1 free=$2 weir=$3
disk=$work/disk
mkdir "$disk"
mount -t tmpfs -o size=2m tmpfs "$disk" || exit 99
cp -r "$work/.weir" "$work/export" "$work/weir.toml" "$disk/" || exit 98
cd "$disk"
head -c 3000000 /dev/zero > ballast 2>/dev/null
size=$(stat -c %s ballast)
truncate -s $((size - free * 1024)) ballast
"$weir" build -q >out.b 2>&1
build=$?
"$weir" promote "$4" --to production -q >"$work/said" 2>&1
promote=$?
rm ballast
"$weir" verify >>"$work/said" 2>&1 || exit 97
"$weir" status --format json >"$work/after" 2>/dev/null || exit 96
"$weir" build -q >/dev/null 2>&1 || exit 95
"$weir" promote "$4" --to production -q >>"$work/said" 2>&1 || exit 94
"$weir" verify >>"$work/said" 2>&1 || exit 93
[ -z "$(ls .weir/store/tmp)" ] || exit 92
echo "$build $promote" >"$work/codes"
"#;
    let mut failed = 0;
    // To as much as there is room for, and that is more than it takes.
    let ladder: &[u32] = if full() {
        &[
            0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96, 128, 192, 256, 384,
            512, 768, 1024,
        ]
    } else {
        &[0, 4, 8, 12, 16, 32, 64, 256]
    };
    for free in ladder {
        let lab = before.lab.copy();
        lab.network(4, 90_000);
        let mut command = Command::new("unshare");
        lab.dress(&mut command);
        let output = command
            .args(["-m", "sh", "-c", script, "sh"])
            .arg(lab.path())
            .arg(free.to_string())
            .arg(&*WEIR)
            .arg(&before.new)
            .output()
            .expect("unshare runs");
        let said = fs::read_to_string(lab.path().join("said")).unwrap_or_default();
        if output.status.code() == Some(99) {
            return skip("a tmpfs may not be mounted here");
        }
        assert_eq!(output.status.code(), Some(0), "{free} KiB free: {said}");
        let codes = fs::read_to_string(lab.path().join("codes")).expect("written");
        let after = fs::read_to_string(lab.path().join("after")).expect("written");
        let promoted = codes.trim().ends_with(" 0");
        let runs = if promoted { &before.new } else { &before.old };
        let status: serde_json::Value = serde_json::from_str(&after).expect("JSON");
        let head = &status["channels"][0]["head"]["digest"];
        assert_eq!(head, runs.as_str(), "{free} KiB free: {said}");
        if !promoted {
            failed += 1;
            assert!(said.contains("make room"), "{free} KiB free: {said}");
        }
    }
    figure("full disks", ladder.len());
    assert!(
        (1..ladder.len()).contains(&failed),
        "{failed} of the ladder failed"
    );
}
