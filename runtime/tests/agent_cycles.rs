//! A runtime that follows a channel for long: after many generations, forward and back, it holds as many descriptors,
//! pins, classes and queueing disciplines as after a few, and no more memory.
//!
//! Few cycles here; `WEIR_DRILL=N` for N of them, and `WEIR_DRILL_SECONDS=S` for those that begin within S
//! seconds. What one swap does to traffic is in `kernel_swaps.rs`.

mod common;
mod namespace;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

use common::machine::{Machine, Runtime};

/// Until every buffer has been used once.
const WARM: usize = 6;

/// What it holds that could leak, counted.
fn held(machine: &Machine, runtime: &Runtime) -> BTreeMap<&'static str, usize> {
    let proc = format!("/proc/{}", runtime.pid());
    let count = |dir: String| fs::read_dir(dir).map_or(0, Iterator::count);
    let qdiscs = ["lan0", "wan0"].map(|device| {
        namespace::tc(&format!("qdisc show dev {device}"))
            .lines()
            .count()
    });
    let maps = fs::read_dir(format!("{proc}/fd"))
        .expect("its descriptors")
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|to| to.to_string_lossy().contains("bpf"))
        .count();
    BTreeMap::from([
        ("descriptors", count(format!("{proc}/fd"))),
        ("descriptors of maps and programs", maps),
        ("threads", count(format!("{proc}/task"))),
        ("pins", machine.pins()),
        ("classes", machine.classes("lan0") + machine.classes("wan0")),
        ("queueing disciplines", qdiscs.iter().sum()),
    ])
}

/// Memory that is in use, KiB.
fn resident(runtime: &Runtime) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", runtime.pid())).expect("a process");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("its memory");
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

#[test]
fn after_many_generations_it_holds_what_it_held_after_few() {
    let Some(machine) = Machine::new("after_many_generations_it_holds_what_it_held_after_few")
    else {
        return;
    };
    let asked = |name: &str| -> Option<usize> { std::env::var(name).ok()?.parse().ok() };
    let cycles = asked("WEIR_DRILL").map_or(12, |n| n.max(WARM + 2));
    let end = asked("WEIR_DRILL_SECONDS").map(|n| Instant::now() + Duration::from_secs(n as u64));
    let artifacts = [1, 2].map(|n| machine.artifact(n));
    machine.promote(&artifacts[0], None);
    let mut runtime = machine.run();
    runtime.wait_active(&artifacts[0]);
    let mut first = None;
    let mut done = 0;
    for cycle in 1..=cycles {
        if done > WARM && end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
        // Forward, and back the way operators go back.
        machine.promote(&artifacts[1], None);
        runtime.wait_active(&artifacts[1]);
        machine.rollback();
        runtime.wait_active(&artifacts[0]);
        done = cycle;
        if cycle < WARM {
            continue;
        }
        let now = held(&machine, &runtime);
        let memory = resident(&runtime);
        let (before, least) = first.get_or_insert_with(|| (now.clone(), memory));
        for (what, n) in &now {
            // A client or two of its socket come and go.
            let room = if *what == "descriptors" || *what == "threads" {
                2
            } else {
                0
            };
            assert!(
                *n <= before[what] + room,
                "after {cycle} cycles: {n} {what}, {} before",
                before[what]
            );
        }
        assert!(
            memory <= *least + *least / 4 + 2048,
            "after {cycle} cycles: {memory} KiB, {least} before"
        );
    }
    assert_eq!(runtime.stop(), Some(0));
    assert_eq!(machine.weir(&["verify"]).code, 0);
    if let Some(path) = std::env::var_os("WEIR_FIGURES") {
        let file = fs::OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut f| writeln!(f, "cycles of the runtime {done}"))
            .expect("the file of figures is written");
    }
}
