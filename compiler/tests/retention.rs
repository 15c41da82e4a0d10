//! What is kept, and what goes: by `weir gc`, and by runs of the scheduler. A store that nobody looks after stays
//! within its bounds.
#![cfg(feature = "serve")]

mod lab;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use lab::Lab;

/// Artifacts that are always kept.
const KEPT: usize = 50;
/// Snapshots that are kept of a source.
const SNAPSHOTS: usize = 10;

fn count(dir: &Path) -> usize {
    fs::read_dir(dir).map_or(0, Iterator::count)
}

/// As long ago as it has days.
fn age(dir: &Path, days: u64) {
    let then = SystemTime::now() - Duration::from_secs(days * 86_400);
    fs::File::open(dir)
        .and_then(|dir| dir.set_modified(then))
        .expect("aged");
}

#[test]
fn snapshots_that_no_lock_names_go_but_for_the_newest() {
    let lab = Lab::new("");
    let snapshots = lab.store().join("snapshots");
    let name = |n: usize| format!("{n:064x}");
    for n in 0..30 {
        let dir = snapshots.join(name(n));
        fs::create_dir_all(&dir).expect("made");
        fs::write(dir.join("export.json"), "{}").expect("written");
        age(&dir, 100 - n as u64);
    }
    // The oldest of all is what is built from.
    let lock = format!(
        "version = 1\n[[source]]\nname = \"crm\"\nkind = \"uisp\"\nsnapshot = \"sha256:{}\"\nfetched = \"2026-01-01T00:00:00Z\"\n",
        name(0)
    );
    fs::write(lab.path().join("weir.lock"), &lock).expect("written");
    let would = lab.json("gc --dry-run", 0);
    let listed = would["snapshots"].as_array().expect("a list");
    assert_eq!(listed.len(), 30 - SNAPSHOTS - 1);
    assert_eq!(count(&snapshots), 30, "a dry run removes nothing");
    // What is not understood is not known to be useless.
    fs::write(lab.path().join("weir.lock"), "version = 9\n").expect("written");
    let said = lab.told("gc", 2);
    assert!(said.contains("version 9"), "{said}");
    assert_eq!(count(&snapshots), 30);
    fs::write(lab.path().join("weir.lock"), &lock).expect("written");
    let said = lab.run("gc", 0);
    assert!(
        said.contains("0 artifacts and 19 snapshots removed"),
        "{said}"
    );
    assert!(snapshots.join(name(0)).is_dir(), "the lock names it");
    assert!(snapshots.join(name(29)).is_dir() && !snapshots.join(name(19)).exists());
    assert_eq!(count(&snapshots), SNAPSHOTS + 1);
    assert_eq!(lab.litter(), [""; 0]);
}

#[test]
fn a_run_of_the_scheduler_leaves_no_more_than_is_kept() {
    let lab = Lab::new("[schedule]\npromote = \"never\"\n");
    let running = lab.build_with(4, 30_000);
    lab.run(&format!("promote {running} --to production"), 0);
    let artifacts = lab.store().join("artifacts");
    age(&artifacts.join(&running), 400);
    for n in 0..KEPT as u32 + 5 {
        lab.build_with(4, 40_000 + n);
    }
    assert_eq!(count(&artifacts), KEPT + 6);
    lab.network(4, 60_000);
    let output = lab.weir("serve --once");
    let said = lab::text(&output.stdout) + &lab::text(&output.stderr);
    assert!(
        said.contains("removed what nobody needs: 6 artifacts"),
        "{said}"
    );
    assert_eq!(count(&artifacts), KEPT + 1);
    assert!(artifacts.join(&running).is_dir(), "the channel runs it");
    lab.run("verify", 0);
}
