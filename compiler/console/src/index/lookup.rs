//! Who has an address or a MAC: longest match as the data plane makes it, and the nearest prefixes where nobody has it.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Circuit;

/// What somebody typed into the search field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Query {
    /// Everything.
    Nothing,
    Address(IpNet),
    /// Twelve hexadecimal digits, in lower case.
    Mac(String),
    /// In lower case.
    Text(String),
}

impl Query {
    pub fn parse(typed: &str) -> Query {
        let typed = typed.trim();
        if typed.is_empty() {
            return Query::Nothing;
        }
        let net = typed.parse::<IpNet>().ok();
        if let Some(net) = net.or_else(|| typed.parse::<IpAddr>().ok().map(IpNet::from)) {
            return Query::Address(net.trunc());
        }
        match mac_digits(typed) {
            Some(mac) => Query::Mac(mac),
            None => Query::Text(typed.to_lowercase()),
        }
    }
}

/// The digits of something that looks like a MAC: six pairs with `:` or `-`, three groups of four with `.`, or twelve
/// digits of which one is a letter.
pub fn mac_digits(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split([':', '-', '.']).collect();
    let fits = match groups.len() {
        6 => groups.iter().all(|g| g.len() == 2),
        3 => groups.iter().all(|g| g.len() == 4),
        1 => text.len() == 12 && text.bytes().any(|b| b.is_ascii_alphabetic()),
        _ => false,
    };
    let digits: String = groups.concat();
    (fits && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| digits.to_ascii_lowercase())
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Range {
    v6: bool,
    start: u128,
    length: u8,
    circuit: usize,
}

/// Every shaped prefix and every MAC.
#[derive(Debug, Default)]
pub struct Known {
    /// Sorted by family, first address, length.
    ranges: Vec<Range>,
    /// Lengths that occur, longest first, by family.
    lengths: [Vec<u8>; 2],
    macs: HashMap<String, Vec<usize>>,
}

fn start(net: IpNet) -> (bool, u128) {
    match net.network() {
        IpAddr::V4(v4) => (false, u128::from(u32::from(v4))),
        IpAddr::V6(v6) => (true, u128::from(v6)),
    }
}

impl Known {
    pub(super) fn of(circuits: &[Circuit]) -> Known {
        let mut known = Known::default();
        for (circuit, c) in circuits.iter().enumerate() {
            for net in c.prefixes().filter_map(|p| p.parse::<IpNet>().ok()) {
                let (v6, start) = start(net);
                known.ranges.push(Range {
                    v6,
                    start,
                    length: net.prefix_len(),
                    circuit,
                });
            }
            let macs = c.from.devices.iter().filter_map(|d| d.mac.as_deref());
            for mac in macs.filter_map(mac_digits) {
                known.macs.entry(mac).or_default().push(circuit);
            }
        }
        known.ranges.sort_unstable();
        for (v6, lengths) in [false, true].into_iter().zip(&mut known.lengths) {
            let of = known.ranges.iter().filter(|r| r.v6 == v6);
            lengths.extend(of.map(|r| r.length));
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths.dedup();
        }
        known
    }

    /// The circuit of the longest prefix that holds it, and that prefix.
    pub fn holder(&self, asked: IpNet) -> Option<(usize, IpNet)> {
        let v6 = matches!(asked, IpNet::V6(_));
        let lengths = &self.lengths[usize::from(v6)];
        let lengths = lengths.iter().filter(|l| **l <= asked.prefix_len());
        lengths
            .filter_map(|length| {
                let net = IpNet::new(asked.network(), *length).ok()?.trunc();
                let key = (v6, start(net).1, *length);
                let at = self
                    .ranges
                    .binary_search_by(|r| (r.v6, r.start, r.length).cmp(&key))
                    .ok()?;
                Some((self.ranges[at].circuit, net))
            })
            .next()
    }

    /// Circuits with prefixes inside of it, without repeats, in the order of their addresses.
    pub fn inside(&self, asked: IpNet) -> Vec<usize> {
        let (v6, first) = start(asked);
        let last = match asked.broadcast() {
            IpAddr::V4(v4) => u128::from(u32::from(v4)),
            IpAddr::V6(v6) => u128::from(v6),
        };
        let from = self
            .ranges
            .partition_point(|r| (r.v6, r.start) < (v6, first));
        let mut circuits = Vec::new();
        for range in self.ranges[from..]
            .iter()
            .take_while(|r| r.v6 == v6 && r.start <= last)
        {
            if range.length >= asked.prefix_len() && !circuits.contains(&range.circuit) {
                circuits.push(range.circuit);
            }
            if circuits.len() >= 1000 {
                break;
            }
        }
        circuits
    }

    /// The nearest prefixes of its family, below and above, with their circuits.
    pub fn nearest(&self, address: IpAddr) -> Vec<(IpNet, usize)> {
        let (v6, at) = start(IpNet::from(address));
        let above = self.ranges.partition_point(|r| (r.v6, r.start) < (v6, at));
        let places = [above.checked_sub(1), Some(above)];
        let near = places.into_iter().flatten();
        let near = near.filter_map(|place| self.ranges.get(place).filter(|r| r.v6 == v6));
        near.filter_map(|r| Some((net(r)?, r.circuit))).collect()
    }

    /// Circuits with this MAC, by its digits.
    pub fn with_mac(&self, digits: &str) -> &[usize] {
        self.macs.get(digits).map_or(&[], Vec::as_slice)
    }
}

fn net(range: &Range) -> Option<IpNet> {
    let address: IpAddr = match range.v6 {
        true => std::net::Ipv6Addr::from(range.start).into(),
        false => std::net::Ipv4Addr::from(u32::try_from(range.start).ok()?).into(),
    };
    IpNet::new(address, range.length).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(prefixes: &[&str]) -> Known {
        let mut known = Known::default();
        for (circuit, prefix) in prefixes.iter().enumerate() {
            let net: IpNet = prefix.parse().expect("a prefix");
            let (v6, start) = start(net);
            known.ranges.push(Range {
                v6,
                start,
                length: net.prefix_len(),
                circuit,
            });
            known.lengths[usize::from(v6)].push(net.prefix_len());
        }
        known.ranges.sort_unstable();
        for lengths in &mut known.lengths {
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths.dedup();
        }
        known
    }

    #[test]
    fn the_longest_prefix_wins_and_the_nearest_is_told() {
        let known = known(&["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "2001:db8::/32"]);
        let holder = |text: &str| {
            let Query::Address(net) = Query::parse(text) else {
                panic!("{text} is an address");
            };
            known.holder(net).map(|(circuit, _)| circuit)
        };
        assert_eq!(holder("10.1.2.3"), Some(2));
        assert_eq!(holder("10.1.2.4"), Some(1));
        assert_eq!(holder("10.200.0.1"), Some(0));
        assert_eq!(holder("10.1.0.0/12"), Some(0));
        assert_eq!(holder("11.0.0.1"), None);
        assert_eq!(holder("2001:db8::1"), Some(3));
        assert_eq!(holder("2001:db9::1"), None);
        let near = known.nearest("11.0.0.1".parse().expect("an address"));
        assert_eq!(near.len(), 1);
        assert_eq!(near[0].0.to_string(), "10.1.2.3/32");
        let inside = known.inside("10.0.0.0/8".parse().expect("a prefix"));
        assert_eq!(inside, [0, 1, 2]);
    }

    #[test]
    fn what_is_typed_is_an_address_a_mac_or_text() {
        assert_eq!(Query::parse("  "), Query::Nothing);
        for mac in [
            "AA:bb:cc:00:11:22",
            "aa-bb-cc-00-11-22",
            "aabb.cc00.1122",
            "AABBCC001122",
        ] {
            assert_eq!(Query::parse(mac), Query::Mac("aabbcc001122".to_owned()));
        }
        assert_eq!(
            Query::parse("123456789012"),
            Query::Text("123456789012".to_owned())
        );
        assert_eq!(Query::parse("Jo Doe"), Query::Text("jo doe".to_owned()));
        assert_eq!(
            Query::parse("10.0.0.9/8"),
            Query::Address("10.0.0.0/8".parse().expect("net"))
        );
    }
}
