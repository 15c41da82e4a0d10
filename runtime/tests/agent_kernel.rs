//! The binary as operators run it, on a live kernel in a network namespace: what it brings in, what it leaves when
//! it is stopped or killed, and what it refuses.

mod common;
mod namespace;
#[path = "agent_kernel/probe.rs"]
mod probe;
#[path = "agent_kernel/steering.rs"]
mod steering;
mod street;
#[path = "agent_kernel/versions.rs"]
mod versions;

use std::fs;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use common::machine::{Machine, Runtime, Stored, wait_for};
use weir_schemas::head::Action;
use weir_schemas::runtime::{RuntimeStatus, State};

#[test]
fn follows_a_channel_until_it_is_stopped() {
    let Some(machine) = Machine::new("follows_a_channel_until_it_is_stopped") else {
        return;
    };
    let [a, b] = [1, 2].map(|n| machine.artifact(n));
    machine.promote(&a, None);
    // As a service manager listens.
    let manager = UnixDatagram::bind(machine.dir.path().join("notify")).expect("a socket");
    manager.set_nonblocking(true).expect("set");
    let mut runtime = machine.run();
    runtime.wait_active(&a);
    let told = || {
        let mut told = String::new();
        let mut buffer = [0; 256];
        while let Ok(length) = manager.recv(&mut buffer) {
            told.push_str(&String::from_utf8_lossy(&buffer[..length]));
            told.push('\n');
        }
        told
    };
    let begun = told();
    assert!(
        begun.contains("READY=1") && begun.contains("WATCHDOG=1"),
        "{begun}"
    );
    // It does not listen for a while: nothing waits for it.
    std::thread::sleep(Duration::from_secs(15));
    machine.promote(&b, None);
    runtime.wait_active(&b);
    // Two towers and two circuits on each of two interfaces; what only the first had is kept for going back.
    assert!(machine.classes("lan0") >= 4);

    // One runtime at a time.
    let second = machine.weir(&["run"]);
    assert_eq!(second.code, 4, "{second:?}");
    assert!(second.stderr.contains("another weir-runtime"), "{second:?}");
    let apply = machine.weir(&["apply", &a.0]);
    assert_eq!(apply.code, 4, "{apply:?}");

    machine.rollback();
    let status = runtime.wait_active(&a);
    assert_eq!(status.active.expect("one").seq, Some(3));
    let text = machine.weir(&["status"]);
    assert_eq!(text.code, 0, "{text:?}");
    assert!(text.stdout.contains("(generation 3)"), "{text:?}");
    let metrics = machine.weir(&["status", "metrics"]);
    assert!(
        metrics
            .stdout
            .contains("weir_runtime_active_generation 3\n"),
        "{metrics:?}"
    );

    // Stopping it changes nothing in the kernel.
    let before = machine.classes("lan0");
    let textfile = machine.dir.path().join("weir.prom");
    let says = |text: &str| fs::read_to_string(&textfile).is_ok_and(|t| t.contains(text));
    assert!(wait_for(|| says("weir_runtime_active_generation 3\n")));
    told();
    // What waited for room is told now; then there is room for the last word.
    std::thread::sleep(Duration::from_millis(500));
    told();
    assert_eq!(runtime.stop(), Some(0));
    assert!(told().contains("STOPPING=1"));
    assert_eq!(machine.classes("lan0"), before);
    let verify = machine.weir(&["verify"]);
    assert_eq!(verify.code, 0, "{verify:?}");
    let dead = machine.weir(&["status"]);
    assert_eq!(dead.code, 1, "{dead:?}");

    let detach = machine.weir(&["detach"]);
    assert_eq!(detach.code, 0, "{detach:?}");
    assert_eq!(machine.classes("lan0"), 0);
    assert_eq!(machine.pins(), 0);
    let verify = machine.weir(&["verify", &a.0]);
    assert_eq!(verify.code, 6, "{verify:?}");
}

#[test]
fn applies_by_hand_or_refuses_and_changes_nothing() {
    let Some(machine) = Machine::new("applies_by_hand_or_refuses_and_changes_nothing") else {
        return;
    };
    let a = machine.recipe(1);
    let dir = machine.dir.path().join("a");
    a.write(&dir);
    let dir = dir.to_string_lossy().into_owned();
    let dry = machine.weir(&["apply", &dir, "--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(!dry.stdout.is_empty());
    assert_eq!(machine.classes("lan0"), 0, "a dry run changes nothing");
    let apply = machine.weir(&["apply", &dir]);
    assert_eq!(apply.code, 0, "{apply:?}");
    assert!(
        apply.stdout.contains("shapes 2 circuits, 2 prefixes"),
        "{apply:?}"
    );
    let classes = machine.classes("lan0");
    assert_eq!(classes, 4);
    let again = machine.weir(&["apply", &dir]);
    assert!(
        again.code == 0 && again.stdout.contains("shapes already"),
        "{again:?}"
    );
    assert_eq!(machine.weir(&["verify"]).code, 0);

    // Somebody takes a class away.
    namespace::tc("class del dev lan0 classid 1:1a");
    let verify = machine.weir(&["verify"]);
    assert_eq!(verify.code, 6, "{verify:?}");
    assert!(verify.stdout.contains("lan0: class 1:1a"), "{verify:?}");
    let mend = machine.weir(&["apply", &dir]);
    assert_eq!(mend.code, 0, "{mend:?}");
    assert_eq!(machine.weir(&["verify"]).code, 0);

    // One bit.
    let other = machine.dir.path().join("b");
    machine.recipe(2).write(&other);
    let path = other.join("classifier.bin");
    let mut bytes = fs::read(&path).expect("a table");
    bytes[5000] ^= 1;
    fs::write(&path, bytes).expect("written");
    let damaged = machine.weir(&["apply", &other.to_string_lossy()]);
    assert_eq!(damaged.code, 4, "{damaged:?}");
    assert!(damaged.stderr.contains("classifier.bin"), "{damaged:?}");

    // An interface that is not there.
    let mut away = machine.recipe(3);
    away.to_internet = "gone0";
    let other = machine.dir.path().join("c");
    away.write(&other);
    let gone = machine.weir(&["apply", &other.to_string_lossy()]);
    assert_eq!(gone.code, 4, "{gone:?}");
    assert!(gone.stderr.contains("gone0"), "{gone:?}");
    assert_eq!(machine.classes("lan0"), classes);
    assert_eq!(machine.weir(&["verify"]).code, 0);
}

#[test]
fn qdiscs_of_others_are_left_alone() {
    let Some(machine) = Machine::new("qdiscs_of_others_are_left_alone") else {
        return;
    };
    namespace::tc("qdisc add dev wan0 root handle 1234: pfifo limit 10");
    let a = machine.artifact(1);
    let apply = machine.weir(&["apply", &a.0]);
    assert_eq!(apply.code, 4, "{apply:?}");
    assert!(apply.stderr.contains("wan0"), "{apply:?}");
    assert!(namespace::tc("qdisc show dev wan0").contains("pfifo 1234:"));
    assert_eq!(machine.classes("lan0"), 0);
}

/// Killed at any moment of following a channel, and started again: exactly one generation, the one of the head.
#[test]
fn killed_anywhere_it_converges_to_the_head() {
    let Some(machine) = Machine::new("killed_anywhere_it_converges_to_the_head") else {
        return;
    };
    let artifacts = [1, 2, 3].map(|n| machine.artifact(n));
    machine.promote(&artifacts[0], None);
    // Moments from before anything to after everything.
    for (round, moment) in [0, 5, 12, 20, 30, 45, 60, 90, 140, 250, 400]
        .into_iter()
        .enumerate()
    {
        let next = &artifacts[(round + 1) % artifacts.len()];
        let mut runtime = machine.run();
        if round % 2 == 0 {
            runtime.wait_answer();
        }
        machine.promote(next, None);
        std::thread::sleep(Duration::from_millis(moment));
        runtime.kill();
        let mut runtime = machine.run();
        runtime.wait_active(next);
        assert_eq!(runtime.stop(), Some(0));
        let verify = machine.weir(&["verify"]);
        assert_eq!(verify.code, 0, "killed after {moment} ms: {verify:?}");
        // And packets go where it says.
        let before = machine.shaped();
        let socket = UdpSocket::bind("10.9.0.1:0").expect("a socket");
        let host = machine.recipe(1 + (round as u8 + 1) % 3).circuits[0].host;
        for _ in 0..50 {
            socket
                .send_to(b"x", (format!("10.9.0.{host}").as_str(), 9))
                .expect("sent");
        }
        assert!(
            wait_for(|| machine.shaped() >= before + 50),
            "killed after {moment} ms: {} of 50 packets shaped",
            machine.shaped() - before
        );
    }
}

#[test]
fn an_unconfirmed_generation_goes_back_although_the_runtime_was_killed() {
    let Some(machine) = Machine::new("an_unconfirmed_generation_goes_back") else {
        return;
    };
    let [a, b] = [1, 2].map(|n| machine.artifact(n));
    machine.promote(&a, None);
    let mut runtime = machine.run();
    runtime.wait_active(&a);
    let status = on_trial(&machine, &mut runtime, &b);
    assert_eq!(status.state, State::Pending);
    assert_eq!(status.deadline.expect("one").back_to.as_ref(), Some(&a.0));
    runtime.kill();
    let mut runtime = machine.run();
    let status = runtime.wait_answer();
    assert_ne!(status.state, State::Unshaped);
    let status = runtime.wait_active(&a);
    assert_ne!(status.state, State::Pending);
    // It may write the store, so it took the head back.
    assert!(wait_for(|| machine.head().action == Action::Expire));
    assert!(machine.head().hold.is_some());
    assert_eq!(runtime.stop(), Some(0));
    assert_eq!(machine.weir(&["verify"]).code, 0);

    // Confirmed in time, nothing leads back from it any more, in this process or in the next.
    let mut runtime = machine.run();
    machine.promote(&b, Some(3600));
    let waits = |s: &RuntimeStatus| s.state == State::Pending && runs(s, &b);
    runtime.wait("a generation that waits", waits);
    machine.confirm();
    let stays = |s: &RuntimeStatus| s.state == State::Active && runs(s, &b) && s.deadline.is_none();
    runtime.wait("a generation that stays", stays);
    runtime.kill();
    let mut runtime = machine.run();
    runtime.wait("a generation that stays", stays);
    runtime.stop();
}

fn runs(status: &RuntimeStatus, artifact: &Stored) -> bool {
    let active = status.active.as_ref();
    active.is_some_and(|active| active.digest == artifact.0)
}

/// Promotes an artifact that nobody is going to confirm, until the runtime runs it and waits. How long a kernel takes to get there is
/// its own affair: where its time was over before, it is told as given up, and tried with more.
fn on_trial(machine: &Machine, runtime: &mut Runtime, artifact: &Stored) -> RuntimeStatus {
    for within in [10, 40, 160] {
        machine.promote(artifact, Some(within));
        let seq = machine.head().seq;
        let given_up = |s: &RuntimeStatus| s.refused.as_ref().is_some_and(|r| r.seq == Some(seq));
        let waits = |s: &RuntimeStatus| s.deadline.is_some() && runs(s, artifact);
        let status = runtime.wait("a generation that waits, or is given up", |s| {
            waits(s) || given_up(s)
        });
        if waits(&status) {
            return status;
        }
        // The head is taken back too; a promotion before that would be of another one.
        assert!(wait_for(|| machine.head().action == Action::Expire));
    }
    panic!("nothing that waits in 160 s:\n{}", runtime.lines());
}

/// The store goes away while a generation waits: that counts as not confirmed, and the way back is a copy.
#[test]
fn an_unreachable_store_is_no_confirmation() {
    let Some(machine) = Machine::new("an_unreachable_store_is_no_confirmation") else {
        return;
    };
    let [a, b] = [1, 2].map(|n| machine.artifact(n));
    machine.promote(&a, None);
    let mut runtime = machine.run();
    runtime.wait_active(&a);
    on_trial(&machine, &mut runtime, &b);
    fs::rename(machine.store(), machine.dir.path().join("elsewhere")).expect("moved");
    runtime.wait_active(&a);
    let gone = |s: &RuntimeStatus| s.store.as_ref().is_some_and(|store| !store.reachable);
    let status = runtime.wait("a store that cannot be reached", gone);
    assert_eq!(status.active.map(|active| active.digest), Some(a.0));
    runtime.stop();
}

/// A head that was replaced comes back, and one of another history: both are refused, and what is loaded stays.
#[test]
fn replayed_and_damaged_heads_are_refused() {
    let Some(machine) = Machine::new("replayed_and_damaged_heads_are_refused") else {
        return;
    };
    let [a, b] = [1, 2].map(|n| machine.artifact(n));
    let head = machine.store().join("heads/production.json");
    machine.promote(&a, None);
    let old = fs::read(&head).expect("a head");
    machine.promote(&b, None);
    let new = fs::read(&head).expect("a head");
    let mut runtime = machine.run();
    runtime.wait_active(&b);
    fs::write(&head, &old).expect("written");
    let refused = runtime.wait_refused("has come back");
    assert_eq!(refused.active.expect("one").digest, b.0);
    let mut bad = new.clone();
    let at = bad.len() / 2;
    bad[at] ^= 1;
    fs::write(&head, &bad).expect("written");
    runtime.wait_refused("cannot be trusted");
    fs::remove_file(&head).expect("removed");
    runtime.wait_refused("has no head any more");
    fs::write(&head, &new).expect("written");
    machine.promote(&a, None);
    runtime.wait_active(&a);
    runtime.stop();
}

/// Deleted and made anew while it runs, an interface is shaped again within seconds.
#[test]
fn an_interface_that_comes_back_is_shaped_again() {
    let Some(machine) = Machine::new("an_interface_that_comes_back_is_shaped_again") else {
        return;
    };
    let a = machine.artifact(1);
    machine.promote(&a, None);
    let mut runtime = machine.run();
    runtime.wait_active(&a);
    namespace::sh("ip", ["link", "del", "wan0"]);
    std::thread::sleep(Duration::from_millis(1500));
    machine.ns.cable("wan0", "wan1", 4);
    let again = wait_for(|| machine.classes("wan0") == 4);
    assert!(again, "not shaped again:\n{}", runtime.lines());
    runtime.stop();
    assert_eq!(machine.weir(&["verify"]).code, 0);
}

/// With the capabilities of the unit and no others, as another user than root.
#[test]
fn needs_no_root() {
    let Some(machine) = Machine::new("needs_no_root") else {
        return;
    };
    let a = machine.artifact(1);
    let Some(apply) = machine.unprivileged("needs_no_root", &["apply", &a.0]) else {
        return;
    };
    assert_eq!(apply.code, 0, "{apply:?}");
    assert_eq!(machine.classes("lan0"), 4);
    let verify = machine
        .unprivileged("needs_no_root", &["verify"])
        .expect("it ran before");
    assert_eq!(verify.code, 0, "{verify:?}");
    let b = machine.artifact(2);
    let swap = machine
        .unprivileged("needs_no_root", &["apply", &b.0])
        .expect("it ran before");
    assert_eq!(swap.code, 0, "{swap:?}");
    let doctor = machine
        .unprivileged("needs_no_root", &["doctor"])
        .expect("it ran before");
    assert!(doctor.stdout.contains("ok   privileges"), "{doctor:?}");
    let detach = machine
        .unprivileged("needs_no_root", &["detach"])
        .expect("it ran before");
    assert_eq!(detach.code, 0, "{detach:?}");
    assert_eq!(machine.classes("lan0"), 0);
}

/// System calls by which an apply reaches the kernel and its own disk.
const CALLS: [&str; 4] = ["bpf", "sendto", "rename", "fsync"];

/// The n-th call of a kind fails, or is the last that the process makes: the kernel has one whole generation
/// afterwards, and doing it again works. Some of the calls here; `WEIR_FULL_SWEEP=1` for all of them, `bpf:600` for those
/// of `bpf` from the 600th on.
#[test]
fn the_kernel_says_no_or_the_process_dies_at_a_call() {
    let test = "the_kernel_says_no_or_the_process_dies_at_a_call";
    let Some(machine) = Machine::new(test) else {
        return;
    };
    let asked = std::env::var("WEIR_FULL_SWEEP").ok();
    let all = asked.is_some();
    let stride = if all { 1 } else { 83 };
    let part = asked.as_deref().and_then(|text| text.split_once(':'));
    let first = part.map_or(1, |(_, n)| n.parse().expect("CALL:NUMBER"));
    let [a, b] = [1, 2].map(|n| machine.artifact(n));
    assert_eq!(machine.weir(&["apply", &a.0]).code, 0);
    for (at, call) in CALLS.into_iter().enumerate() {
        if part.is_some_and(|(only, _)| only != call) {
            continue;
        }
        let faults = ["error=ENOMEM", "signal=KILL"];
        // In turns, where not all are tried.
        let tried = if all {
            &faults[..]
        } else {
            &faults[at % 2..=at % 2]
        };
        for fault in tried {
            for n in (first..).step_by(stride) {
                let inject = format!("inject={call}:{fault}:when={n}");
                let traced = machine.traced(test, call, &inject, &["apply", &b.0]);
                let Some((said, happened)) = traced else {
                    return;
                };
                let killed = said.code == 137 || said.code == -1;
                // Refused before anything, taken back, or done in spite of it. Never unshaped.
                assert!(
                    killed || [0, 1, 4, 7].contains(&said.code),
                    "{inject}: {said:?}"
                );
                if !killed {
                    let on = |artifact: &str| machine.weir(&["verify", artifact]).code == 0;
                    // Done: of the new one. Otherwise of the old one, exactly.
                    let which = if said.code == 0 { &b.0 } else { &a.0 };
                    assert!(on(which), "{inject}: {said:?}");
                }
                let again = machine.weir(&["apply", &b.0]);
                assert_eq!(again.code, 0, "{inject}: {again:?}");
                let verify = machine.weir(&["verify"]);
                assert_eq!(verify.code, 0, "{inject}: {said:?} {again:?} {verify:?}");
                let back = machine.weir(&["apply", &a.0]);
                assert_eq!(back.code, 0, "{inject}: {back:?}");
                // So many calls there are not.
                if !happened {
                    assert_eq!(said.code, 0, "{inject}: {said:?}");
                    break;
                }
            }
        }
    }
}
