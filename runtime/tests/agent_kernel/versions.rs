//! A runtime that meets maps of another version: it refuses and says what to do, and traffic is shaped on as if it
//! had not been started.

use std::net::UdpSocket;

use weir_abi::ABI_VERSION;
use weir_abi::maps::Meta;
use weir_plan::kernel::Active;
use weir_runtime::netlink::{Socket, link, tc};

use crate::common::machine::{Machine, wait_for};
use crate::namespace::sh;

#[test]
fn a_runtime_of_another_version_refuses_and_traffic_stays() {
    let Some(machine) = Machine::new("a_runtime_of_another_version_refuses_and_traffic_stays")
    else {
        return;
    };
    let [a, b] = [1, 2].map(|n| machine.artifact(n));
    machine.promote(&a, None);
    let mut runtime = machine.run();
    runtime.wait_active(&a);
    runtime.kill();
    let classes = machine.classes("lan0");
    let (slot, meta) = active(&machine);
    // The head moves: a runtime that could would load it.
    machine.promote(&b, None);
    for version in [ABI_VERSION + 1, ABI_VERSION + 41] {
        fill(
            &machine,
            slot,
            &Meta {
                abi: version,
                ..meta
            },
        );
        let verbs: [&[&str]; 4] = [&["run"], &["apply", &b.0], &["verify", &a.0], &["detach"]];
        for verb in verbs {
            let said = machine.weir(verb);
            assert_eq!(said.code, 4, "{verb:?}: {said:?}");
            let version = format!("ABI version {version}");
            assert!(said.stderr.contains(&version), "{verb:?}: {said:?}");
            assert!(said.stderr.contains("as before"), "{verb:?}: {said:?}");
        }
        assert_eq!(machine.classes("lan0"), classes);
        // Packets go through their class and that of their tower.
        let before = passed();
        let socket = UdpSocket::bind("10.9.0.1:0").expect("a socket");
        for _ in 0..50 {
            socket.send_to(b"x", "10.9.0.10:9").expect("sent");
        }
        assert!(wait_for(|| passed() >= before + 100), "traffic is unshaped");
    }
    // The version that made them goes on, and takes up the head.
    fill(&machine, slot, &meta);
    let mut runtime = machine.run();
    runtime.wait_active(&b);
    assert_eq!(runtime.stop(), Some(0));
    assert_eq!(machine.weir(&["verify"]).code, 0);
    assert_eq!(machine.weir(&["detach"]).code, 0);
}

/// The active slot, and what is said to lie in it.
fn active(machine: &Machine) -> (u32, Meta) {
    let live = machine.ns.live();
    let maps = live.maps().expect("readable").expect("pinned");
    let Ok(Active::Slot(slot)) = maps.active() else {
        panic!("nothing is active")
    };
    (slot, maps.meta(slot).expect("readable"))
}

/// Says of a slot that this lies in it; everything else stays.
fn fill(machine: &Machine, slot: u32, meta: &Meta) {
    let mut bytes: Vec<u8> = [meta.abi, meta.circuits]
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .collect();
    bytes.extend(meta.digest);
    bytes.extend(meta.table);
    let pin = machine.ns.pins().join("weir_meta");
    let mut args: Vec<String> = ["map", "update", "pinned"].map(str::to_owned).to_vec();
    args.push(pin.to_string_lossy().into_owned());
    let words = |bytes: &[u8]| bytes.iter().map(ToString::to_string).collect::<Vec<_>>();
    args.push("key".into());
    args.extend(words(&slot.to_ne_bytes()));
    args.push("value".into());
    args.extend(words(&bytes));
    sh("bpftool", args);
}

/// Packets that classes of the interface towards the subscribers have sent.
fn passed() -> u64 {
    let mut socket = Socket::open().expect("netlink");
    let links = link::all(&mut socket).expect("links");
    let lan = links.iter().find(|l| l.name == "lan0").expect("there");
    let classes = tc::classes(&mut socket, lan.index, None).expect("read");
    classes.iter().map(|class| class.stats.packets).sum()
}
