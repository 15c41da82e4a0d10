//! Swaps under traffic: every house sends and receives, each datagram is counted, and each bears the mark of the
//! table that classified it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use weir_plan::kernel::Active;
use weir_runtime::swap::Kernel as _;

use super::plan::{Built, Network, Style};
use super::raw::Raw;
use super::traffic::{Arrived, Stop, Stream, download, receive};
use super::{DOWN, Street, UP, house, internet};
use crate::namespace;

/// How much traffic there is.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Houses with traffic all the time.
    pub houses: u8,
    /// Of numbered datagrams, for each house and direction.
    pub kbps: u64,
    /// Between two blocks of 512 bytes of each house's TCP connection.
    pub pause: Duration,
}

/// What was in a slot at some time.
pub type Loaded = Vec<(u32, BTreeMap<IpAddr, u32>)>;

/// Traffic of every busy house in both directions, and whoever watches it leave the box.
pub struct Traffic {
    senders: Stop,
    receivers: Stop,
    sent: Vec<JoinHandle<u64>>,
    arrived: Vec<JoinHandle<Arrived>>,
    connections: Vec<JoinHandle<Result<u64, String>>>,
    /// Marks that packets of an address were seen with, and how often.
    marks: Vec<JoinHandle<BTreeMap<(Ipv4Addr, u32), u64>>>,
}

impl Traffic {
    pub fn start(street: &Street, load: Load) -> Traffic {
        let (senders, receivers) = (Stop::default(), Stop::default());
        let marks = [DOWN, UP]
            .map(|device| watch(street, device, &receivers))
            .into();
        let (mut sent, mut arrived, mut connections) = (Vec::new(), Vec::new(), Vec::new());
        let mut port = 7000;
        for n in 0..load.houses {
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
                    kbps: load.kbps,
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
                load.pause,
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
    pub fn finish(self, loaded: &Loaded) -> u64 {
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
    let raw = Raw::at(super::index(device));
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
            let Some((from, to)) = super::frames::addresses(&frame.bytes) else {
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
pub struct Swaps {
    pub street: Street,
    pub now: Built,
    pub number: u16,
    pub loaded: Loaded,
    /// Of which test.
    pub test: &'static str,
    /// Generations that were brought in, after the first.
    pub swapped: usize,
    style: Style,
}

impl Swaps {
    pub fn new(test: &'static str, network: &Network) -> Option<Swaps> {
        Self::on(test, Street::new(test)?, network, Style::default())
    }

    /// On a street that is there, in another style.
    pub fn on(
        test: &'static str,
        mut street: Street,
        network: &Network,
        style: Style,
    ) -> Option<Swaps> {
        let now = network.build_with(1, &style);
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
            test,
            swapped: 0,
            style,
        };
        swaps.note();
        Some(swaps)
    }

    /// A generation as the network is now.
    pub fn to(&mut self, network: &Network) {
        self.number += 1;
        let next = network.build_with(self.number, &self.style);
        self.street.swap(&next, Some(&self.now));
        self.now = next;
        self.note();
        self.street.reclaim(&self.now);
        self.swapped += 1;
    }

    /// The very same again: nothing is to be done.
    pub fn same(&mut self) {
        let now = self.now.clone();
        let done = self.street.swap(&now, Some(&now));
        assert_eq!(done.steps, 0);
        self.swapped += 1;
    }

    /// Remembers which slot the active generation is in.
    fn note(&mut self) {
        let tables = self.street.live.observe(&[]).expect("read").tables;
        let Some(Active::Slot(slot)) = tables.active else {
            panic!("nothing is active")
        };
        let row = (slot, self.now.circuits.clone());
        if !self.loaded.contains(&row) {
            self.loaded.push(row);
        }
    }

    /// No packet of a subscriber ever found no class.
    pub fn all_shaped(&mut self, sent: u64) {
        let (unshaped, shaped) = self.street.passed();
        assert!(shaped >= sent, "{shaped} of {sent} were shaped");
        let direct = self.street.direct();
        assert!(
            direct <= unshaped,
            "{direct} found no class, {unshaped} were to have none"
        );
    }
}
