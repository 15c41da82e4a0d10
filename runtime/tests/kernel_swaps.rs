//! Swaps under traffic in the live kernel: nothing is lost, no connection is reset, no packet of a subscriber goes
//! unshaped, and each is classified by one whole generation.

mod namespace;
mod street;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::JoinHandle;
use std::time::Duration;

use street::plan::{Built, Circuit, Network, Tower};
use street::raw::Raw;
use street::traffic::{Arrived, Stop, Stream, download, receive};
use street::{DOWN, Street, UP, house, internet};
use weir_abi::ClassId;
use weir_plan::Action;
use weir_plan::kernel::{Active, Device, Observation, Program};
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

/// What was in a slot at some time.
type Loaded = Vec<(u32, BTreeMap<IpAddr, u32>)>;

/// Traffic of every busy house in both directions, and whoever watches it leave the box.
struct Traffic {
    senders: Stop,
    receivers: Stop,
    sent: Vec<JoinHandle<u64>>,
    arrived: Vec<JoinHandle<Arrived>>,
    connections: Vec<JoinHandle<Result<u64, String>>>,
    /// Marks that packets of an address were seen with, and how often.
    marks: Vec<JoinHandle<BTreeMap<(Ipv4Addr, u32), u64>>>,
}

impl Traffic {
    fn start(street: &Street) -> Traffic {
        let (senders, receivers) = (Stop::default(), Stop::default());
        let marks = [DOWN, UP]
            .map(|device| watch(street, device, &receivers))
            .into();
        let (mut sent, mut arrived, mut connections) = (Vec::new(), Vec::new(), Vec::new());
        let mut port = 7000;
        for n in 0..BUSY {
            for down in [true, false] {
                port += 1;
                let (mut from, mut to) = (internet(false), house(n, false));
                let (mut source, mut sink) = (&street.internet, &street.subscribers);
                if !down {
                    std::mem::swap(&mut from, &mut to);
                    std::mem::swap(&mut source, &mut sink);
                }
                let to = SocketAddr::new(to, port);
                arrived.push(receive(sink, to, Duration::ZERO, &receivers));
                let stream = Stream {
                    from,
                    to,
                    payload: 200,
                    kbps: 300,
                };
                sent.push(stream.send(source, &senders));
            }
            port += 1;
            let ends = (internet(true), house(n, true));
            connections.push(download(
                &street.internet,
                &street.subscribers,
                ends.0,
                ends.1,
                port,
                &senders,
            ));
        }
        std::thread::sleep(Duration::from_millis(300));
        Traffic {
            senders,
            receivers,
            sent,
            arrived,
            connections,
            marks,
        }
    }

    /// Ends it, and says what must be true of it: all that was sent arrived, all connections lived, and each packet
    /// bore the mark of a generation that was loaded.
    fn finish(self, loaded: &Loaded) -> u64 {
        self.senders.stop();
        let sent: Vec<u64> = self
            .sent
            .into_iter()
            .map(|s| s.join().expect("a sender"))
            .collect();
        for connection in self.connections {
            let bytes = connection
                .join()
                .expect("a connection")
                .unwrap_or_else(|e| panic!("{e}"));
            assert!(bytes > 0);
        }
        std::thread::sleep(Duration::from_millis(500));
        self.receivers.stop();
        let arrived: Vec<u64> = self
            .arrived
            .into_iter()
            .map(|a| a.join().expect("a receiver").packets)
            .collect();
        assert_eq!(arrived, sent, "packets that arrived, and that were sent");
        let total: u64 = sent.iter().sum();
        let mut seen = 0;
        for marks in self.marks {
            for ((address, mark), count) in marks.join().expect("a watcher") {
                let of_a_generation = loaded.iter().any(|(slot, circuits)| {
                    circuits
                        .get(&address.into())
                        .is_some_and(|circuit| weir_abi::maps::stamp(*slot, *circuit) == mark)
                });
                assert!(
                    of_a_generation,
                    "{count} packets of {address} have mark {mark:#x}"
                );
                seen += count;
            }
        }
        assert_eq!(
            seen, total,
            "packets that left the box with a mark, and that were sent"
        );
        total
    }
}

/// Collects the marks of what leaves the box, by the subscriber's address.
fn watch(
    street: &Street,
    device: &'static str,
    stop: &Stop,
) -> JoinHandle<BTreeMap<(Ipv4Addr, u32), u64>> {
    let (stop, space) = (stop.clone(), street.shaper.name().to_owned());
    let raw = Raw::at(street::index(device));
    std::thread::spawn(move || {
        namespace::enter(&space);
        let mut marks = BTreeMap::new();
        loop {
            let Some(frame) = raw.receive() else {
                if stop.stopped() {
                    return marks;
                }
                continue;
            };
            let Some((from, to)) = street::frames::addresses(&frame.bytes) else {
                continue;
            };
            if frame.outgoing {
                let subscriber = if device == DOWN { to } else { from };
                *marks.entry((subscriber, frame.mark)).or_insert(0) += 1;
            }
        }
    })
}

/// Brings generations in one after the other while traffic flows.
struct Swaps {
    street: Street,
    now: Built,
    number: u8,
    loaded: Loaded,
}

impl Swaps {
    fn new(test: &str, network: &Network) -> Option<Swaps> {
        Self::on(Street::new(test)?, network)
    }

    fn on(mut street: Street, network: &Network) -> Option<Swaps> {
        let now = network.build(1);
        street.swap(&now, None);
        let maps = street.live.maps().expect("read").expect("pinned");
        let mut settings = maps.settings().expect("read");
        settings.stamp = 1;
        maps.set_settings(&settings).expect("set");
        let mut swaps = Swaps {
            street,
            now,
            number: 1,
            loaded: Vec::new(),
        };
        swaps.note();
        Some(swaps)
    }

    fn to(&mut self, network: &Network) {
        self.number += 1;
        let next = network.build(self.number);
        self.street.swap(&next, Some(&self.now));
        self.now = next;
        self.note();
        self.street.reclaim(&self.now);
    }

    /// Remembers which slot the active generation is in.
    fn note(&mut self) {
        let tables = self.street.live.observe(&[]).expect("read").tables;
        let Some(Active::Slot(slot)) = tables.active else {
            panic!("nothing is active")
        };
        self.loaded.push((slot, self.now.circuits.clone()));
    }

    /// No packet of a subscriber ever found no class.
    fn all_shaped(&mut self, sent: u64) {
        let (unshaped, shaped) = self.street.passed();
        assert!(shaped >= sent, "{shaped} of {sent} were shaped");
        let direct = self.street.direct();
        assert!(
            direct <= unshaped,
            "{direct} found no class, {unshaped} were to have none"
        );
    }
}

const EACH: usize = 20;

#[test]
fn the_same_again_loses_nothing() {
    let mut network = network();
    let Some(mut swaps) = Swaps::new("the_same_again_loses_nothing", &network) else {
        return;
    };
    let traffic = Traffic::start(&swaps.street);
    for n in 0..EACH {
        if n % 2 == 0 {
            // Another generation with the same rates and members.
            swaps.to(&network);
        } else {
            // The very same: nothing is to be done.
            let now = swaps.now.clone();
            let done = swaps.street.swap(&now, Some(&now));
            assert_eq!(done.steps, 0);
        }
    }
    let sent = traffic.finish(&swaps.loaded);
    swaps.all_shaped(sent);
    assert_eq!(network.circuit(0).minor, 10);
}

#[test]
fn new_rates_lose_nothing() {
    let mut network = network();
    let Some(mut swaps) = Swaps::new("new_rates_lose_nothing", &network) else {
        return;
    };
    let traffic = Traffic::start(&swaps.street);
    for n in 0..EACH as u64 {
        for house in 0..BUSY {
            network.circuit(house).kbps = [3_000 + 250 * (n % 5), 1_500 + 130 * ((n + 3) % 4)];
        }
        network.towers[(n % 2) as usize].kbps = [16_000 + 500 * (n % 3), 9_000 + 100 * (n % 3)];
        swaps.to(&network);
    }
    let sent = traffic.finish(&swaps.loaded);
    swaps.all_shaped(sent);
}

#[test]
fn new_members_lose_nothing() {
    let mut network = network();
    let Some(mut swaps) = Swaps::new("new_members_lose_nothing", &network) else {
        return;
    };
    let traffic = Traffic::start(&swaps.street);
    for n in 0..EACH {
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
    let sent = traffic.finish(&swaps.loaded);
    swaps.all_shaped(sent);
}

#[test]
fn moved_circuits_lose_nothing() {
    let mut network = network();
    let Some(mut swaps) = Swaps::new("moved_circuits_lose_nothing", &network) else {
        return;
    };
    let traffic = Traffic::start(&swaps.street);
    for n in 0..EACH {
        for house in [1, 4] {
            let circuit = network.circuit(house);
            circuit.tower = 1 - circuit.tower;
            // A number that rests is not taken, as in a compiled plan.
            circuit.minor = 200 + 8 * (n as u16 % 4) + u16::from(house);
        }
        swaps.to(&network);
    }
    let sent = traffic.finish(&swaps.loaded);
    swaps.all_shaped(sent);
}

/// The same on a kernel without tcx: a clsact filter, replaced in one step.
#[test]
fn programs_at_clsact_are_replaced_without_a_gap() {
    let mut network = network();
    let Some(mut street) = Street::new("programs_at_clsact_are_replaced_without_a_gap") else {
        return;
    };
    street.live = street.shaper.live_at(Hooks::Clsact);
    let Some(mut swaps) = Swaps::on(street, &network) else {
        return;
    };
    let traffic = Traffic::start(&swaps.street);
    replace_programs(&mut swaps, &mut network);
    let sent = traffic.finish(&swaps.loaded);
    swaps.all_shaped(sent);
}

#[test]
fn programs_at_tcx_are_replaced_without_a_gap() {
    let mut network = network();
    let Some(street) = Street::new("programs_at_tcx_are_replaced_without_a_gap") else {
        return;
    };
    if Hooks::of_this_kernel() != Hooks::Tcx {
        return namespace::skipped(
            "programs_at_tcx_are_replaced_without_a_gap",
            "no tcx before Linux 6.6",
        );
    }
    let Some(mut swaps) = Swaps::on(street, &network) else {
        return;
    };
    let traffic = Traffic::start(&swaps.street);
    replace_programs(&mut swaps, &mut network);
    let sent = traffic.finish(&swaps.loaded);
    swaps.all_shaped(sent);
}

/// As an upgrade does: a new process loads the programs again, against the maps that are pinned.
fn replace_programs(swaps: &mut Swaps, network: &mut Network) {
    for n in 0..EACH {
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
    let traffic = Traffic::start(&swaps.street);
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
    let sent = traffic.finish(&swaps.loaded);
    swaps.all_shaped(sent);
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
