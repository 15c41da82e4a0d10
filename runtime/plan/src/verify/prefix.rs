//! Prefixes as the tree writes them, read strictly: what is not a network is no prefix. They are read once, for the
//! tree by itself and for the address table beside it.

use std::net::{IpAddr, Ipv4Addr};

use weir_abi::table;
use weir_schemas::tree::Tree;

use super::{Kind, Report, Violation};

/// Every prefix of a tree, with the number of its circuit among the circuits: sorted, IPv4 first, as in the address
/// table. One that several circuits have stands there for each.
pub struct Prefixes(Vec<(Prefix, usize)>);

impl Prefixes {
    /// With everything that is wrong with them: each must be a network, and one circuit's alone.
    pub fn of(tree: &Tree<'_>) -> (Prefixes, Vec<Violation>) {
        let mut report = Report::default();
        let mut taken: Vec<(Prefix, usize)> = Vec::with_capacity(tree.circuits.len() * 2);
        for (at, (id, circuit)) in tree.circuits.iter().enumerate() {
            let texts = (circuit.devices.iter()).flat_map(|device| {
                let v4 = device.ipv4.iter().map(|text| (text, true));
                v4.chain(device.ipv6.iter().map(|text| (text, false)))
            });
            for (text, v4) in texts {
                let prefix = Prefix::parse(text);
                if prefix.is_none_or(|prefix| prefix.v6 == v4) {
                    report.add(
                        Kind::Prefix,
                        format!("circuit:{id}"),
                        format!(
                            "has the prefix {text:?}, which is not an {} network",
                            if v4 { "IPv4" } else { "IPv6" }
                        ),
                    );
                }
                taken.extend(prefix.map(|prefix| (prefix, at)));
            }
        }
        taken.sort_unstable();
        let mut ids: Vec<&str> = Vec::new();
        for two in taken.windows(2) {
            let [(prefix, one), (same, other)] = two else {
                continue;
            };
            if prefix == same && one != other {
                if ids.is_empty() {
                    ids = tree.circuits.keys().map(AsRef::as_ref).collect();
                }
                report.add(
                    Kind::Prefix,
                    format!("circuit:{}", ids[*other]),
                    format!(
                        "has the prefix {}, as has circuit:{}",
                        prefix.text(),
                        ids[*one]
                    ),
                );
            }
        }
        (Prefixes(taken), report.0)
    }

    /// Each once, as the address table has it, with the number of its circuit; `None` for one that several have.
    pub(super) fn each(&self) -> impl Iterator<Item = (table::Prefix, Option<usize>)> {
        let same = |a: &(Prefix, usize), b: &(Prefix, usize)| a.0 == b.0;
        self.0.chunk_by(same).map(|all| {
            let (prefix, at) = all[0];
            // Sorted by circuit too.
            let alone = all[all.len() - 1].1 == at;
            (prefix.in_table(), alone.then_some(at))
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Prefix {
    // IPv4 before IPv6, as in the table.
    v6: bool,
    /// Left-aligned.
    bits: u128,
    len: u8,
}

impl Prefix {
    /// `None` unless it is a network: an address, its length, and no host bits.
    fn parse(text: &str) -> Option<Prefix> {
        let (address, len) = text.split_once('/')?;
        let len: u8 = len.parse().ok()?;
        let address = match v4(address) {
            Some(v4) => IpAddr::V4(v4),
            None => address.parse().ok()?,
        };
        let (v6, bits, most) = match address {
            IpAddr::V4(v4) => (false, u128::from(u32::from(v4)) << 96, 32),
            IpAddr::V6(v6) => (true, u128::from(v6), 128),
        };
        let host = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
        (len <= most && bits & host == 0).then_some(Prefix { v6, bits, len })
    }

    fn text(self) -> String {
        self.in_table().to_string()
    }

    /// As the address table has it.
    fn in_table(self) -> table::Prefix {
        match !self.v6 {
            true => table::Prefix::V4 {
                address: (self.bits >> 96) as u32,
                len: self.len,
            },
            false => table::Prefix::V6 {
                upper: (self.bits >> 64) as u64,
                lower: self.bits as u64,
                len: self.len,
            },
        }
    }
}

/// Most addresses are of IPv4, and there are hundreds of thousands: four numbers with dots, as the standard library takes
/// them. `None`: something else.
fn v4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let (mut at, mut digits) = (0, 0);
    for byte in text.bytes() {
        match byte {
            // No number begins with a zero but zero itself.
            b'0'..=b'9' if digits == 0 || octets[at] != 0 => {
                octets[at] = octets[at].checked_mul(10)?.checked_add(byte - b'0')?;
                digits += 1;
            }
            b'.' if digits > 0 && at < 3 => (at, digits) = (at + 1, 0),
            _ => return None,
        }
    }
    (at == 3 && digits > 0).then(|| octets.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn addresses_are_read_as_the_standard_library_reads_them(
            text in "([0-9]{1,3}\\.){0,4}[0-9]{0,4}|[0-9.:a]{0,16}",
            octets: [u8; 4],
        ) {
            prop_assert_eq!(v4(&text), text.parse().ok());
            let address = Ipv4Addr::from(octets);
            prop_assert_eq!(v4(&address.to_string()), Some(address));
        }
    }
}
