//! A small network that every family, prefix length and queue of the tests comes from, and the slow way to look
//! something up in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weir_abi::ClassId;
use weir_abi::table::{Builder, Direction, Entry, Page, Prefix, Queue};

pub struct World {
    pub queues: Vec<Queue>,
    pub prefixes: Vec<(Prefix, Entry)>,
    pub circuits: u32,
}

impl World {
    /// Nested prefixes of both families, in three queues that differ in everything.
    pub fn small() -> World {
        let queue = |major_down, major_up, tx_down, tx_up| Queue {
            major_down,
            major_up,
            tx_down,
            tx_up,
        };
        let mut world = World {
            queues: vec![
                queue(1, 0x11, 0, 3),
                queue(3, 0x10, 2, 1),
                queue(4, 0x12, 1, 0),
            ],
            prefixes: Vec::new(),
            circuits: 0,
        };
        for (prefix, queue) in [
            ("10.1.0.0/16", 0),
            ("10.1.2.0/24", 1),
            ("10.1.2.128/29", 2),
            ("10.1.2.7/32", 0),
            ("100.64.0.0/22", 1),
            ("2001:db8:1::/48", 2),
            ("2001:db8:1:2::/64", 0),
            ("2001:db8:1:2::5/128", 1),
            ("2001:db8:8000::/56", 2),
        ] {
            world.add(prefix, queue);
        }
        world
    }

    pub fn add(&mut self, prefix: &str, queue: u16) {
        let (address, len) = prefix.split_once('/').unwrap();
        let len = len.parse().unwrap();
        let prefix = match address.parse().unwrap() {
            IpAddr::V4(address) => Prefix::V4 {
                address: address.to_bits(),
                len,
            },
            IpAddr::V6(address) => Prefix::V6 {
                upper: (address.to_bits() >> 64) as u64,
                lower: address.to_bits() as u64,
                len,
            },
        };
        let entry = Entry {
            minor: 3 + self.circuits as u16,
            queue,
            circuit: self.circuits,
        };
        self.circuits += 1;
        self.prefixes.push((prefix, entry));
    }

    pub fn table(&self) -> Vec<Page> {
        let mut builder = Builder::new(&self.queues, self.circuits);
        for &(prefix, entry) in &self.prefixes {
            builder.add(prefix, entry);
        }
        builder.finish().unwrap()
    }

    /// The longest prefix around an address, by looking at all of them.
    pub fn lookup(&self, address: IpAddr) -> Option<Entry> {
        let around = |prefix: &Prefix| match (*prefix, address) {
            (Prefix::V4 { address: net, len }, IpAddr::V4(address)) => {
                let shift = 32 - u32::from(len);
                (u64::from(net) >> shift == u64::from(address.to_bits()) >> shift).then_some(len)
            }
            (Prefix::V6 { upper, lower, len }, IpAddr::V6(address)) => {
                let net = u128::from(upper) << 64 | u128::from(lower);
                let shift = 128 - u32::from(len);
                let cut = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
                (cut(net) == cut(address.to_bits())).then_some(len)
            }
            _ => None,
        };
        self.prefixes
            .iter()
            .filter_map(|(prefix, entry)| around(prefix).map(|len| (len, *entry)))
            .max_by_key(|(len, _)| *len)
            .map(|(_, entry)| entry)
    }

    pub fn class(&self, entry: Entry, direction: Direction) -> ClassId {
        self.queues[usize::from(entry.queue)].class(entry, direction)
    }
}

/// An address as maps have it: IPv4 as `::ffff:a.b.c.d`.
pub fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

pub fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

pub fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}
