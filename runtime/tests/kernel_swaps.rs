//! Swaps under traffic in the live kernel: nothing is lost, no connection is reset, no packet of a subscriber goes
//! unshaped, and each is classified by one whole generation.

mod namespace;
mod street;

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use street::plan::{Circuit, Network, Style, Tower};
use street::swaps::{Load, Swaps, Traffic};
use street::{DOWN, Street, UP};
use weir_abi::ClassId;
use weir_plan::Action;
use weir_plan::kernel::{Device, Observation, Program};
use weir_runtime::bpf::Hooks;
use weir_runtime::live::Live;
use weir_runtime::swap::{self, Generation, Kernel, KernelError, SwapOptions};

/// Houses with traffic all the time.
const BUSY: u8 = 6;

fn network() -> Network {
    let circuit = |house, tower, minor| Circuit {
        house,
        tower,
        minor,
        kbps: [4_000, 2_000],
    };
    Network {
        towers: vec![
            Tower {
                queue: 0,
                minor: 3,
                kbps: [20_000, 10_000],
            },
            Tower {
                queue: 2,
                minor: 3,
                kbps: [15_000, 8_000],
            },
        ],
        circuits: vec![
            circuit(0, 0, 10),
            circuit(1, 0, 11),
            circuit(2, 0, 12),
            circuit(3, 1, 13),
            circuit(4, 1, 14),
            circuit(5, 1, 15),
        ],
    }
}

/// Swaps of each kind: 20, or as many as `WEIR_DRILL` says, or 1000 where it says no number.
fn each() -> usize {
    match std::env::var("WEIR_DRILL") {
        Ok(count) => count.parse().unwrap_or(1000),
        Err(_) => 20,
    }
}

/// What was sent, and that all of it arrived, whole and shaped. A drill says its figures.
fn finish(traffic: Traffic, swaps: &mut Swaps) {
    let sent = traffic.finish(&swaps.loaded);
    swaps.all_shaped(sent);
    if std::env::var_os("WEIR_DRILL").is_some() {
        let _written = writeln!(
            std::io::stderr(),
            "{}: {} swaps, {sent} datagrams sent, 0 lost, 0 connections reset",
            swaps.test,
            swaps.swapped
        );
    }
}

fn busy() -> Load {
    Load {
        houses: BUSY,
        kbps: 300,
        pause: Duration::from_millis(5),
    }
}

#[test]
fn the_same_again_loses_nothing() {
    let mut network = network();
    let Some(mut swaps) = Swaps::new("the_same_again_loses_nothing", &network) else {
        return;
    };
    let traffic = Traffic::start(&swaps.street, busy());
    for n in 0..each() {
        if n % 2 == 0 {
            // Another generation with the same rates and members.
            swaps.to(&network);
        } else {
            // The very same: nothing is to be done.
            swaps.same();
        }
    }
    finish(traffic, &mut swaps);
    assert_eq!(network.circuit(0).minor, 10);
}

#[test]
fn new_rates_lose_nothing() {
    let mut network = network();
    let Some(mut swaps) = Swaps::new("new_rates_lose_nothing", &network) else {
        return;
    };
    let traffic = Traffic::start(&swaps.street, busy());
    for n in 0..each() as u64 {
        for house in 0..BUSY {
            network.circuit(house).kbps = [3_000 + 250 * (n % 5), 1_500 + 130 * ((n + 3) % 4)];
        }
        network.towers[(n % 2) as usize].kbps = [16_000 + 500 * (n % 3), 9_000 + 100 * (n % 3)];
        swaps.to(&network);
    }
    finish(traffic, &mut swaps);
}

#[test]
fn new_members_lose_nothing() {
    let mut network = network();
    let Some(mut swaps) = Swaps::new("new_members_lose_nothing", &network) else {
        return;
    };
    let traffic = Traffic::start(&swaps.street, busy());
    for n in 0..each() {
        if n % 2 == 0 {
            for house in 10..14 {
                let minor = 100 + u16::from(house);
                network.circuits.push(Circuit {
                    house,
                    tower: n / 2 % 2,
                    minor,
                    kbps: [1_000, 500],
                });
            }
        } else {
            network.circuits.retain(|c| c.house < 10);
        }
        swaps.to(&network);
    }
    finish(traffic, &mut swaps);
}

#[test]
fn moved_circuits_lose_nothing() {
    let mut network = network();
    let Some(mut swaps) = Swaps::new("moved_circuits_lose_nothing", &network) else {
        return;
    };
    let traffic = Traffic::start(&swaps.street, busy());
    for n in 0..each() {
        for house in [1, 4] {
            let circuit = network.circuit(house);
            circuit.tower = 1 - circuit.tower;
            // A number that rests is not taken, as in a compiled plan.
            circuit.minor = 200 + 8 * ((n % 4) as u16) + u16::from(house);
        }
        swaps.to(&network);
    }
    finish(traffic, &mut swaps);
}

/// The same on a kernel without tcx: a clsact filter, replaced in one step.
#[test]
fn programs_at_clsact_are_replaced_without_a_gap() {
    const TEST: &str = "programs_at_clsact_are_replaced_without_a_gap";
    let mut network = network();
    let Some(mut street) = Street::new(TEST) else {
        return;
    };
    street.live = street.shaper.live_at(Hooks::Clsact);
    let Some(mut swaps) = Swaps::on(TEST, street, &network, Style::default()) else {
        return;
    };
    let traffic = Traffic::start(&swaps.street, busy());
    replace_programs(&mut swaps, &mut network);
    finish(traffic, &mut swaps);
}

#[test]
fn programs_at_tcx_are_replaced_without_a_gap() {
    const TEST: &str = "programs_at_tcx_are_replaced_without_a_gap";
    let mut network = network();
    let Some(street) = Street::new(TEST) else {
        return;
    };
    if Hooks::of_this_kernel() != Hooks::Tcx {
        return namespace::skipped(TEST, "no tcx before Linux 6.6");
    }
    let Some(mut swaps) = Swaps::on(TEST, street, &network, Style::default()) else {
        return;
    };
    let traffic = Traffic::start(&swaps.street, busy());
    replace_programs(&mut swaps, &mut network);
    finish(traffic, &mut swaps);
}

/// As an upgrade does: a new process loads the programs again, against the maps that are pinned.
fn replace_programs(swaps: &mut Swaps, network: &mut Network) {
    for n in 0..each() {
        let hooks = swaps.street.live.hooks();
        swaps.street.live = swaps.street.shaper.live_at(hooks);
        let acts = [(DOWN, Program::Download), (UP, Program::Upload)].map(|(device, program)| {
            Action::Attach {
                device: device.into(),
                program,
            }
        });
        for answer in swaps.street.live.apply(&acts, None) {
            answer.unwrap_or_else(|e| panic!("{e}"));
        }
        if n % 5 == 0 {
            network.circuit(2).kbps[0] += 100;
            swaps.to(network);
        }
    }
}

/// A runtime that dies at any moment leaves traffic shaped; the next one ends what it began, and then exactly one
/// generation is there.
#[test]
fn the_next_runtime_ends_what_a_killed_one_began() {
    let mut network = network();
    let Some(mut swaps) = Swaps::new("the_next_runtime_ends_what_a_killed_one_began", &network)
    else {
        return;
    };
    let traffic = Traffic::start(&swaps.street, busy());
    for calls in 0..24 {
        let circuit = network.circuit(1);
        circuit.tower = 1 - circuit.tower;
        circuit.minor = 300 + calls;
        network.circuit(0).kbps = [3_000 + 10 * u64::from(calls), 1_500];
        swaps.number += 1;
        let next = network.build(swaps.number);
        // Either of the two may come out of it, in any slot.
        swaps
            .loaded
            .extend((0..weir_abi::maps::SLOTS).map(|slot| (slot, next.circuits.clone())));
        let street = &mut swaps.street;
        let mut dying = Dying {
            live: &mut street.live,
            calls,
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let previous = Some(&swaps.now.artifact.wanted);
            swap::apply(
                &mut dying,
                &street.state,
                &next.artifact,
                previous,
                SwapOptions::default(),
            )
        }));
        match outcome {
            Ok(done) => {
                done.unwrap_or_else(|e| panic!("{e}"));
                swaps.now = next;
            }
            Err(_) => {
                street.live = street.shaper.live_at(street.live.hooks());
                let known = [&swaps.now, &next].map(|b| b.artifact.clone());
                let mut find =
                    |digest: &str| known.iter().find(|a| a.wanted.digest == digest).cloned();
                swap::recover(&mut street.live, &street.state, &mut find)
                    .unwrap_or_else(|e| panic!("{e}"));
                let active = street.live.observe(&[]).expect("read").tables;
                if active.digest() == Some(next.artifact.wanted.digest.as_str()) {
                    swaps.now = next;
                } else {
                    assert_eq!(
                        active.digest(),
                        Some(swaps.now.artifact.wanted.digest.as_str())
                    );
                }
            }
        }
        let now = swaps.now.clone();
        swaps.street.reclaim(&now);
    }
    finish(traffic, &mut swaps);
}

/// The live kernel, for a process that dies after so many acts: the act is done, and nobody learns it.
struct Dying<'a> {
    live: &'a mut Live,
    calls: u16,
}

impl Kernel for Dying<'_> {
    fn observe(&mut self, devices: &[Device]) -> Result<Observation, KernelError> {
        self.live.observe(devices)
    }

    fn apply(
        &mut self,
        actions: &[Action],
        generation: Option<&Generation<'_>>,
    ) -> Vec<Result<(), KernelError>> {
        let mut answers = Vec::new();
        for action in actions {
            answers.extend(self.live.apply(std::slice::from_ref(action), generation));
            if self.calls == 0 {
                resume_unwind(Box::new("killed"));
            }
            self.calls -= 1;
        }
        answers
    }

    fn waiting(&mut self, device: &str, classes: &[ClassId]) -> Result<u64, KernelError> {
        self.live.waiting(device, classes)
    }

    fn boot_id(&mut self) -> Result<String, KernelError> {
        self.live.boot_id()
    }

    fn now(&mut self) -> Duration {
        self.live.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.live.sleep(time);
    }
}
