//! What runs of the scheduler keep, and what goes: a store that nobody looks after stays within its bounds.
#![cfg(feature = "serve")]

mod lab;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use lab::Lab;
use weir_schemas::Published as _;
use weir_schemas::export::Export;

/// Artifacts that are always kept.
const KEPT: usize = 50;

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
fn a_run_of_the_scheduler_leaves_no_more_than_is_kept() {
    let lab = Lab::new("[schedule]\npromote = \"never\"\nkeep = 50\n");
    let running = lab.build_with(4, 30_000);
    lab.run(&format!("promote {running} --to production"), 0);
    let artifacts = lab.store().join("artifacts");
    age(&artifacts.join(&running), 400);
    for n in 0..KEPT as u32 + 5 {
        lab.build_with(4, 40_000 + n);
    }
    assert_eq!(count(&artifacts), KEPT + 6);
    // Older recordings of a system than anything is built from.
    let snapshots = lab.store().join("snapshots");
    for n in 0..KEPT as u64 + 5 {
        let dir = snapshots.join(format!("{n:064x}"));
        fs::create_dir_all(&dir).expect("made");
        let export = Export {
            schema: Export::SCHEMA.to_owned(),
            kind: "uisp".to_owned(),
            instance: "https://uisp.example".to_owned(),
            digest: format!("{n:064x}"),
            started: "2026-01-01T00:00:00Z".to_owned(),
            finished: "2026-01-01T00:00:01Z".to_owned(),
            complete: true,
            files: Vec::new(),
            missing: Vec::new(),
        };
        let json = serde_json::to_vec(&export).expect("JSON");
        fs::write(dir.join("export.json"), json).expect("written");
        age(&dir, 200 - n);
    }
    lab.network(4, 60_000);
    let output = lab.weir("serve --once");
    let said = lab::text(&output.stdout) + &lab::text(&output.stderr);
    assert!(
        said.contains("6 artifacts and 5 snapshots removed that nobody needs any more"),
        "{said}"
    );
    assert_eq!(count(&snapshots), KEPT);
    assert!(
        !snapshots.join(format!("{:064x}", 4)).exists(),
        "the oldest go"
    );
    assert!(snapshots.join(format!("{:064x}", 5)).is_dir());
    assert_eq!(count(&artifacts), KEPT + 1);
    assert!(artifacts.join(&running).is_dir(), "the channel runs it");
    lab.run("verify", 0);
}
