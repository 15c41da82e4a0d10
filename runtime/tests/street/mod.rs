//! A street: subscribers on one side, the internet on the other, and between them a box that is a bridge, each in a
//! network namespace of its own. What the box shapes is a network that a test describes; from the description come
//! a queue plan and an address table as an artifact holds them.

#![allow(dead_code, reason = "every test binary takes what it needs")]

pub mod frames;
pub mod plan;
pub mod raw;
pub mod swaps;
pub mod traffic;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weir_plan::{Difference, Wanted, differences};
use weir_runtime::live::Live;
use weir_runtime::swap::{self, Kernel, State, SwapOptions, Swapped};

use crate::namespace::{self, Namespace, run, sh};
use plan::Built;

/// Towards the subscribers: downloads leave here.
pub const DOWN: &str = "down0";
/// Towards the internet: uploads leave here.
pub const UP: &str = "up0";
/// Tx queues of both.
pub const QUEUES: u32 = 4;
/// Subscribers there are addresses for.
pub const HOUSES: u8 = 24;

pub const INTERNET4: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
pub const INTERNET6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);

pub const SUBSCRIBERS_MAC: &str = "02:00:00:00:00:05";
pub const INTERNET_MAC: &str = "02:00:00:00:00:01";

/// Address of the n-th house.
pub fn house4(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 1, 1, n + 1)
}

pub fn house6(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 1, u16::from(n) + 1)
}

pub struct Street {
    /// The box, which this thread is in.
    pub shaper: Namespace,
    pub live: Live,
    pub state: State,
    /// Where the state is.
    pub kept: tempfile::TempDir,
    pub subscribers: Side,
    pub internet: Side,
}

/// A namespace that has traffic only.
pub struct Side {
    pub name: String,
}

impl Side {
    fn new() -> Side {
        let name = namespace::name();
        sh("ip", ["netns", "add", &name]);
        Side { name }
    }

    fn ip(&self, line: &str) {
        let args: Vec<&str> = ["-n", &self.name]
            .into_iter()
            .chain(line.split_whitespace())
            .collect();
        sh("ip", args);
    }

    /// Does something in this namespace, in a thread of its own.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> std::thread::JoinHandle<T> {
        let name = self.name.clone();
        std::thread::spawn(move || {
            namespace::enter(&name);
            work()
        })
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        let _deleted = run("ip", ["netns", "del", &self.name]);
    }
}

impl Street {
    /// `None`, and a line that says why, where it cannot be built.
    pub fn new(test: &str) -> Option<Street> {
        let shaper = Namespace::new(test)?;
        let (subscribers, internet) = (Side::new(), Side::new());
        for (ours, side, theirs, mac) in [
            (DOWN, &subscribers, "home0", SUBSCRIBERS_MAC),
            (UP, &internet, "net0", INTERNET_MAC),
        ] {
            let queues = QUEUES.to_string();
            sh(
                "ip",
                [
                    "link",
                    "add",
                    ours,
                    "numtxqueues",
                    &queues,
                    "numrxqueues",
                    &queues,
                    "type",
                    "veth",
                    "peer",
                    "name",
                    theirs,
                    "netns",
                    &side.name,
                ],
            );
            side.ip(&format!("link set {theirs} address {mac} up"));
            side.ip("link set lo up");
        }
        ip("link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0");
        for port in [DOWN, UP] {
            ip(&format!("link set {port} master br0 up"));
        }
        ip("link set br0 up");
        // Neighbours are known, so that all traffic is of somebody.
        for n in 0..HOUSES {
            subscribers.ip(&format!("addr add {}/16 dev home0", house4(n)));
            subscribers.ip(&format!("addr add {}/64 dev home0 nodad", house6(n)));
            internet.ip(&format!(
                "neigh add {} lladdr {SUBSCRIBERS_MAC} dev net0",
                house4(n)
            ));
            internet.ip(&format!(
                "neigh add {} lladdr {SUBSCRIBERS_MAC} dev net0",
                house6(n)
            ));
        }
        internet.ip(&format!("addr add {INTERNET4}/16 dev net0"));
        internet.ip(&format!("addr add {INTERNET6}/64 dev net0 nodad"));
        subscribers.ip(&format!(
            "neigh add {INTERNET4} lladdr {INTERNET_MAC} dev home0"
        ));
        subscribers.ip(&format!(
            "neigh add {INTERNET6} lladdr {INTERNET_MAC} dev home0"
        ));
        let live = shaper.live();
        let kept = tempfile::tempdir().expect("a directory");
        let state = State::open(kept.path()).unwrap_or_else(|e| panic!("{e}"));
        let street = Street {
            shaper,
            live,
            state,
            kept,
            subscribers,
            internet,
        };
        street.wait_for_the_bridge();
        Some(street)
    }

    /// The bridge forwards when both ports do.
    fn wait_for_the_bridge(&self) {
        for _ in 0..200 {
            let links = sh("bridge", ["link", "show"]);
            if links.matches("state forwarding").count() >= 2 {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the bridge does not forward");
    }

    /// Brings a generation in as the runtime does, and keeps what it replaced.
    pub fn swap(&mut self, to: &Built, from: Option<&Built>) -> Swapped {
        let previous = from.map(|b| &b.artifact.wanted);
        let options = SwapOptions::default();
        let done = swap::apply(&mut self.live, &self.state, &to.artifact, previous, options)
            .unwrap_or_else(|e| panic!("{e}"));
        let kept: Vec<&Wanted> = previous.into_iter().collect();
        assert_eq!(self.differences(to, &kept), []);
        done
    }

    /// Removes what no generation but this one has.
    pub fn reclaim(&mut self, keep: &Built) {
        let devices = keep.artifact.wanted.devices();
        swap::reclaim(&mut self.live, &devices, &[&keep.artifact.wanted])
            .unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(
            self.differences(keep, &[]),
            [],
            "exactly one generation is there"
        );
    }

    /// In what the kernel is not this generation.
    pub fn differences(&mut self, built: &Built, kept: &[&Wanted]) -> Vec<Difference> {
        let wanted = &built.artifact.wanted;
        let seen = self
            .live
            .observe(&wanted.devices())
            .unwrap_or_else(|e| panic!("{e}"));
        differences(&seen, wanted, kept)
    }

    /// Packets that found no class in an HTB and went out at once, on both interfaces.
    pub fn direct(&mut self) -> u64 {
        let mut socket = weir_runtime::netlink::Socket::open().expect("a socket");
        let links = weir_runtime::netlink::link::all(&mut socket).expect("links");
        let mut direct = 0;
        for link in links.iter().filter(|l| l.name == DOWN || l.name == UP) {
            let qdiscs =
                weir_runtime::netlink::tc::qdiscs(&mut socket, link.index).expect("qdiscs");
            direct += qdiscs
                .iter()
                .filter(|q| q.kind == "htb")
                .filter_map(|q| weir_runtime::netlink::htb::Qdisc::read(&q.options))
                .map(|q| u64::from(q.direct_packets))
                .sum::<u64>();
        }
        direct
    }

    /// Packets that are not shaped, whatever the reason, and packets that are: both directions.
    pub fn passed(&mut self) -> (u64, u64) {
        use weir_abi::maps::Outcome;
        let maps = self.live.maps().expect("read").expect("pinned");
        let totals = maps.totals().expect("read");
        let shaped: u64 = [0, 1]
            .map(|d| totals[Outcome::Shaped.index(d) as usize].packets)
            .iter()
            .sum();
        let all: u64 = totals.iter().map(|t| t.packets).sum();
        (all - shaped, shaped)
    }

    /// Counters of all circuits in a slot.
    pub fn counts(&self, slot: u32) -> Vec<weir_abi::maps::Counts> {
        let maps = self.live.maps().expect("read").expect("pinned");
        maps.counts(self.live.pins(), slot).expect("read")
    }

    /// A class of an interface.
    pub fn class(
        &mut self,
        interface: &str,
        id: weir_abi::ClassId,
    ) -> weir_plan::kernel::ClassSeen {
        let seen = self
            .live
            .observe(&[interface.to_owned()])
            .unwrap_or_else(|e| panic!("{e}"));
        let mut classes = seen.interfaces.into_iter().flat_map(|i| i.classes);
        classes
            .find(|c| c.id == id)
            .unwrap_or_else(|| panic!("no class {id} on {interface}"))
    }
}

/// Number of an interface in this thread's namespace.
pub fn index(name: &str) -> u32 {
    let mut socket = weir_runtime::netlink::Socket::open().expect("a socket");
    let links = weir_runtime::netlink::link::all(&mut socket).expect("links");
    links
        .into_iter()
        .find(|l| l.name == name)
        .expect("the interface")
        .index
}

pub fn ip(line: &str) {
    sh("ip", line.split_ascii_whitespace());
}

pub fn house(n: u8, six: bool) -> IpAddr {
    if six {
        house6(n).into()
    } else {
        house4(n).into()
    }
}

pub fn internet(six: bool) -> IpAddr {
    if six {
        INTERNET6.into()
    } else {
        INTERNET4.into()
    }
}
