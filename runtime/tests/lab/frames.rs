//! Frames, put together from the inside out.

use std::net::{Ipv4Addr, Ipv6Addr};

pub const IPV4: u16 = 0x0800;
pub const IPV6: u16 = 0x86dd;
pub const ARP: u16 = 0x0806;
pub const Q: u16 = 0x8100;
pub const AD: u16 = 0x88a8;
pub const PPPOE_DISCOVERY: u16 = 0x8863;
pub const PPPOE: u16 = 0x8864;

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

/// What IP lies in, from the outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// Ethertype and the whole tag: priority, drop eligible, VLAN.
    Tag(u16, u16),
    Pppoe,
    /// With the protocol in one byte.
    PppoeShort,
}

/// A frame around a payload of an ethertype.
pub fn ethernet(layers: &[Layer], kind: u16, payload: &[u8]) -> Vec<u8> {
    let (kind, payload) = layers.iter().rev().fold(
        (kind, payload.to_vec()),
        |(kind, payload), layer| match *layer {
            Layer::Tag(ethertype, tag) => {
                let mut bytes = tag.to_be_bytes().to_vec();
                bytes.extend(kind.to_be_bytes());
                bytes.extend(payload);
                (ethertype, bytes)
            }
            Layer::Pppoe | Layer::PppoeShort => {
                let protocol: u16 = match kind {
                    IPV4 => 0x0021,
                    IPV6 => 0x0057,
                    other => other,
                };
                let protocol = &protocol.to_be_bytes()[usize::from(*layer == Layer::PppoeShort)..];
                (
                    PPPOE,
                    pppoe(0x1100, protocol.len() + payload.len(), protocol, &payload),
                )
            }
        },
    );
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    frame.extend(kind.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A PPPoE header and what follows, with any numbers.
pub fn pppoe(head: u16, length: usize, protocol: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = head.to_be_bytes().to_vec();
    bytes.extend(0x1234_u16.to_be_bytes());
    bytes.extend((length as u16).to_be_bytes());
    bytes.extend(protocol);
    bytes.extend(payload);
    bytes
}

/// An IPv4 packet; options are padded to whole words.
pub fn ipv4(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut options = options.to_vec();
    options.resize(options.len().next_multiple_of(4), 0);
    let total = (20 + options.len() + payload.len()) as u16;
    let mut packet = vec![0x45 + (options.len() / 4) as u8, 0];
    packet.extend(total.to_be_bytes());
    packet.extend([0x12, 0x34, 0, 0, 64, protocol, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend(options);
    packet.extend(payload);
    packet
}

/// An IPv6 packet; `next` is the protocol of what `payload` begins with.
pub fn ipv6(from: Ipv6Addr, to: Ipv6Addr, next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([next, 64]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend(payload);
    packet
}

/// The first bytes of TCP or UDP, and some more.
pub fn ports(source: u16, destination: u16) -> Vec<u8> {
    let mut bytes = source.to_be_bytes().to_vec();
    bytes.extend(destination.to_be_bytes());
    bytes.extend([0, 20, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    bytes
}

/// An IPv6 extension header of `words` times 8 bytes.
pub fn extension(next: u8, words: u8) -> Vec<u8> {
    let mut bytes = vec![next, words - 1];
    bytes.resize(usize::from(words) * 8, 0);
    bytes
}

/// An IPv6 fragment header.
pub fn fragment(next: u8, offset: u16, more: bool) -> Vec<u8> {
    let mut bytes = vec![next, 0];
    bytes.extend((offset << 3 | u16::from(more)).to_be_bytes());
    bytes.extend([0, 0, 0, 7]);
    bytes
}
