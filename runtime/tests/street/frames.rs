//! Frames of UDP datagrams in every wrapping that subscribers have, as bytes.

use std::net::IpAddr;

/// What is between Ethernet and IP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrap {
    Plain,
    Vlan,
    /// 802.1ad, and 802.1Q in it.
    TwoTags,
    Pppoe,
    VlanPppoe,
}

pub const WRAPS: [Wrap; 5] = [
    Wrap::Plain,
    Wrap::Vlan,
    Wrap::TwoTags,
    Wrap::Pppoe,
    Wrap::VlanPppoe,
];

/// A frame with so many bytes of UDP payload.
pub fn frame(
    wrap: Wrap,
    to_mac: &str,
    from_mac: &str,
    from: IpAddr,
    to: IpAddr,
    payload: usize,
) -> Vec<u8> {
    let ip = packet(from, to, payload);
    let mut out = Vec::new();
    out.extend(mac(to_mac));
    out.extend(mac(from_mac));
    match wrap {
        Wrap::Vlan | Wrap::VlanPppoe => out.extend([0x81, 0x00, 0x00, 100]),
        Wrap::TwoTags => out.extend([0x88, 0xa8, 0x00, 200, 0x81, 0x00, 0x00, 100]),
        Wrap::Plain | Wrap::Pppoe => {}
    }
    match wrap {
        Wrap::Pppoe | Wrap::VlanPppoe => {
            // Version and type, code, session, length with the protocol of PPP.
            out.extend([0x88, 0x64, 0x11, 0x00, 0x00, 0x07]);
            out.extend((ip.len() as u16 + 2).to_be_bytes());
            out.extend(if to.is_ipv4() {
                [0x00, 0x21]
            } else {
                [0x00, 0x57]
            });
        }
        Wrap::Plain | Wrap::Vlan | Wrap::TwoTags => {
            out.extend(if to.is_ipv4() {
                [0x08, 0x00]
            } else {
                [0x86, 0xdd]
            });
        }
    }
    out.extend(ip);
    out
}

fn packet(from: IpAddr, to: IpAddr, payload: usize) -> Vec<u8> {
    let udp = 8 + payload;
    let mut out = Vec::new();
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            out.extend([0x45, 0]);
            out.extend((20 + udp as u16).to_be_bytes());
            out.extend([0, 1, 0, 0, 64, 17, 0, 0]);
            out.extend(from.octets());
            out.extend(to.octets());
            let sum: u32 = out
                .as_chunks::<2>()
                .0
                .iter()
                .map(|w| u32::from(u16::from_be_bytes(*w)))
                .sum();
            let folded = (sum & 0xffff) + (sum >> 16);
            let checksum = !(((folded & 0xffff) + (folded >> 16)) as u16);
            out[10..12].copy_from_slice(&checksum.to_be_bytes());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            out.extend([0x60, 0, 0, 0]);
            out.extend((udp as u16).to_be_bytes());
            out.extend([17, 64]);
            out.extend(from.octets());
            out.extend(to.octets());
        }
        mixed => panic!("no packet has addresses {mixed:?}"),
    }
    out.extend(4000u16.to_be_bytes());
    out.extend(4001u16.to_be_bytes());
    out.extend((udp as u16).to_be_bytes());
    out.extend([0, 0]);
    out.resize(out.len() + payload, 0);
    out
}

fn mac(text: &str) -> Vec<u8> {
    text.split(':')
        .map(|part| u8::from_str_radix(part, 16).expect("a MAC"))
        .collect()
}

/// Source and destination of a plain IPv4 frame of UDP.
pub fn addresses(frame: &[u8]) -> Option<(std::net::Ipv4Addr, std::net::Ipv4Addr)> {
    if frame.get(12..14)? != [8, 0] || *frame.get(23)? != 17 {
        return None;
    }
    let at = |at: usize| {
        frame
            .get(at..at + 4)
            .map(|b| [b[0], b[1], b[2], b[3]].into())
    };
    Some((at(26)?, at(30)?))
}
