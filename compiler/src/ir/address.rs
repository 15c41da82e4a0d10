//! Addresses a device claims, and the prefixes that survive the rules of topology.md 1.4.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

/// One address text of a device, parsed once, with the route of its field inside the device's record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Claim {
    pub value: ClaimValue,
    pub route: Cow<'static, str>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ClaimValue {
    /// A bare address: one host.
    Host(IpAddr),
    /// An address with a prefix length, as a list of prefixes is written. Host bits are a mistake.
    Prefix(IpAddr, u8),
    /// An address with the mask of its interface, as devices report themselves (`100.72.1.1/16`): host bits
    /// are normal and mean the host; none mean a routed prefix.
    Interface(IpAddr, u8),
    /// Not an address.
    Junk(Box<str>),
}

/// How a source writes address text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Prefix,
    Interface,
}

impl ClaimValue {
    /// Total: what is no address is [`ClaimValue::Junk`]. Blanks around it are allowed.
    pub fn parse(text: &str, form: Form) -> ClaimValue {
        let text = text.trim();
        let junk = || ClaimValue::Junk(text.into());
        let Some((host, len)) = text.split_once('/') else {
            return text.parse().map_or_else(|_| junk(), ClaimValue::Host);
        };
        let (Ok(host), Ok(len)) = (host.trim().parse::<IpAddr>(), len.trim().parse::<u8>()) else {
            return junk();
        };
        let longest = if host.is_ipv4() { 32 } else { 128 };
        match () {
            () if len > longest => junk(),
            () if len == longest => ClaimValue::Host(host),
            () if form == Form::Interface => ClaimValue::Interface(host, len),
            () => ClaimValue::Prefix(host, len),
        }
    }

    /// The prefix that is shaped, and whether host bits were cut to a host (topology.md 1.4).
    pub fn prefix(&self) -> Option<(IpNet, bool)> {
        match *self {
            ClaimValue::Host(ip) => Some((IpNet::from(ip), false)),
            ClaimValue::Prefix(ip, len) | ClaimValue::Interface(ip, len) => {
                let net = IpNet::new(ip, len).ok()?;
                if net.network() == ip {
                    Some((net, false))
                } else {
                    Some((IpNet::from(ip), true))
                }
            }
            ClaimValue::Junk(_) => None,
        }
    }

    /// As it was written, for messages.
    pub fn text(&self) -> String {
        match self {
            ClaimValue::Host(ip) => ip.to_string(),
            ClaimValue::Prefix(ip, len) | ClaimValue::Interface(ip, len) => format!("{ip}/{len}"),
            ClaimValue::Junk(text) => text.to_string(),
        }
    }
}

/// The order of addresses in every output: (version, network, length).
pub fn sort_key(net: &IpNet) -> (u8, u128, u8) {
    match net {
        IpNet::V4(n) => (4, u128::from(u32::from(n.network())), n.prefix_len()),
        IpNet::V6(n) => (6, u128::from(n.network()), n.prefix_len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_bits_become_the_host_and_junk_stays_junk() {
        for (text, form, want) in [
            ("10.0.0.5/24", Form::Prefix, Some(("10.0.0.5/32", true))),
            ("10.0.0.0/24", Form::Prefix, Some(("10.0.0.0/24", false))),
            (
                "198.51.100.16/29",
                Form::Interface,
                Some(("198.51.100.16/29", false)),
            ),
            (
                " 100.72.1.1/16 ",
                Form::Interface,
                Some(("100.72.1.1/32", true)),
            ),
            ("203.0.113.5", Form::Prefix, Some(("203.0.113.5/32", false))),
            (
                "2001:db8::1/64",
                Form::Prefix,
                Some(("2001:db8::1/128", true)),
            ),
            (
                "2001:db8:40:1600::/56",
                Form::Interface,
                Some(("2001:db8:40:1600::/56", false)),
            ),
            ("10.0.0.1/33", Form::Prefix, None),
            ("10.0.0.1; 10.0.0.2", Form::Prefix, None),
            ("", Form::Prefix, None),
            ("cpe.example", Form::Interface, None),
        ] {
            let got = ClaimValue::parse(text, form).prefix();
            assert_eq!(
                got.map(|(n, cut)| (n.to_string(), cut)),
                want.map(|(n, cut)| (n.to_owned(), cut)),
                "{text}"
            );
        }
    }
}
