//! A circuit that is to have traffic and has none: the generation in which it fell silent is taken back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use weir_schemas::runtime::State;

use crate::common::machine::Machine;
use crate::namespace;
use crate::street;
use crate::street::frames::{Wrap, frame};
use crate::street::raw::Raw;

const INTERNET: &str = "192.0.2.1";
const MAC: &str = "02:00:00:00:00:99";

/// Traffic of both circuits of the first recipe in both directions, until the flag is set.
fn traffic(machine: &Machine, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let (name, stop) = (machine.ns.name().to_owned(), Arc::clone(stop));
    std::thread::spawn(move || {
        namespace::enter(&name);
        let [lan, wan] = ["lan0", "wan0"].map(|device| Raw::at(street::index(device)));
        let internet = INTERNET.parse().expect("an address");
        while !stop.load(Ordering::Relaxed) {
            for house in ["10.9.0.10", "10.9.1.40"] {
                let house = house.parse().expect("an address");
                lan.send(&frame(Wrap::Plain, MAC, MAC, internet, house, 500));
                wan.send(&frame(Wrap::Plain, MAC, MAC, house, internet, 500));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    })
}

#[test]
fn a_generation_in_which_a_probe_falls_silent_is_taken_back() {
    let Some(machine) = Machine::new("a_generation_in_which_a_probe_falls_silent_is_taken_back")
    else {
        return;
    };
    machine.set(
        "health",
        "required = [\"probe\"]\nprobes = [\"a\"]\nmin_bytes = 2000",
    );
    let stop = Arc::new(AtomicBool::new(false));
    let sender = traffic(&machine, &stop);
    let [a, b] = [1, 2].map(|n| machine.artifact(n));
    machine.promote(&a, None);
    let mut runtime = machine.run();
    runtime.wait_active(&a);
    let says = |status: &weir_schemas::runtime::RuntimeStatus, what: &str| {
        let probe = status.health.iter().find(|c| c.name == "probe");
        probe.is_some_and(|probe| probe.ok && probe.detail.contains(what))
    };
    runtime.wait("packets of the probe", |s| says(s, "1 circuits flow"));
    // The same circuit with another address, which nobody has.
    machine.promote(&b, None);
    runtime.wait_refused("no packet of circuit a passed");
    runtime.wait("taken back", |s| {
        s.state == State::RolledBack && s.active.as_ref().is_some_and(|x| x.digest == a.0)
    });
    // And with other rates only, which is no fault.
    let mut recipe = machine.recipe(1);
    recipe.circuits[0].ceil_kbps = [7_000, 7_000];
    let c = recipe.put(&machine.store());
    machine.promote(&c, None);
    runtime.wait("healthy with other rates", |s| {
        s.state == State::Active
            && s.active.as_ref().is_some_and(|x| x.digest == c.0)
            && says(s, "1 circuits flow")
    });
    assert_eq!(runtime.stop(), Some(0));
    stop.store(true, Ordering::Relaxed);
    sender.join().expect("sent");
}
