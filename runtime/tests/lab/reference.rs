//! What the programs should say of a frame, written for the tests only and in another way: it takes bytes off the
//! front of slices, knows every layer as the standards draw it, and shares nothing with `ebpf/src/frame.rs`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weir_abi::maps::Outcome;

/// What is to be found in a frame whose address is looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    pub subscriber: IpAddr,
    pub remote: IpAddr,
    pub protocol: u8,
    /// Subscriber's, then the other.
    pub ports: (u16, u16),
}

/// Which way frames go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Down,
    Up,
    /// VLAN of downloads, VLAN of uploads.
    Stick(u16, u16),
}

/// Direction (0 or 1), and what is to be looked up or why not.
pub fn read(frame: &[u8], side: Side) -> (usize, Result<Seen, Outcome>) {
    let mut direction = usize::from(side == Side::Up);
    let seen = frame_in(frame, side, &mut direction);
    (direction, seen)
}

fn frame_in(frame: &[u8], side: Side, direction: &mut usize) -> Result<Seen, Outcome> {
    let mut rest = frame;
    take(&mut rest, 12)?;
    let mut kind = number(&mut rest)?;
    let mut tags = Vec::new();
    while [0x8100, 0x88a8].contains(&kind) {
        if tags.len() == 4 {
            return Err(Outcome::TooDeep);
        }
        tags.push(number(&mut rest)?);
        kind = number(&mut rest)?;
    }
    if let Side::Stick(down, up) = side {
        match tags.first().map(|tag| tag % 4096) {
            Some(vlan) if vlan != 0 && vlan == down => *direction = 0,
            Some(vlan) if vlan != 0 && vlan == up => *direction = 1,
            _ => return Err(Outcome::OtherVlan),
        }
    }
    match kind {
        0x0800 => ip(rest, 4, *direction),
        0x86dd => ip(rest, 6, *direction),
        0x8864 => {
            let head = number(&mut rest)?;
            let _session = number(&mut rest)?;
            let length = usize::from(number(&mut rest)?);
            if head != 0x1100 {
                return Err(Outcome::Malformed);
            }
            let mut inside = take(&mut rest, length)?;
            // Which protocol it is must be in the frame before it is in the session.
            let family = match take(&mut inside, 1)?[0] {
                0x21 => 4,
                0x57 => 6,
                odd if odd % 2 == 1 => return Err(Outcome::NotIp),
                even => match [even, take(&mut inside, 1)?[0]] {
                    [0, 0x21] => 4,
                    [0, 0x57] => 6,
                    _ => return Err(Outcome::NotIp),
                },
            };
            ip(inside, family, *direction)
        }
        _ => Err(Outcome::NotIp),
    }
}

fn ip(rest: &[u8], family: u8, direction: usize) -> Result<Seen, Outcome> {
    let (ends, protocol, inside) = match family {
        4 => {
            let header = rest.get(..20).ok_or(Outcome::Malformed)?;
            let words = usize::from(header[0] % 16);
            let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
            if header[0] / 16 != 4 || words < 5 || total < words * 4 || total > rest.len() {
                return Err(Outcome::Malformed);
            }
            let end = |at: usize| {
                let bytes: [u8; 4] = header[at..at + 4].try_into().unwrap();
                IpAddr::V4(Ipv4Addr::from(bytes))
            };
            let whole = header[6] % 64 == 0 && header[7] == 0;
            let inside = whole.then(|| &rest[words * 4..total]);
            ([end(12), end(16)], header[9], inside)
        }
        _ => {
            let header = rest.get(..40).ok_or(Outcome::Malformed)?;
            let payload = usize::from(u16::from_be_bytes([header[4], header[5]]));
            if header[0] / 16 != 6 || payload > rest.len() - 40 {
                return Err(Outcome::Malformed);
            }
            let end = |at: usize| {
                let bytes: [u8; 16] = header[at..at + 16].try_into().unwrap();
                IpAddr::V6(Ipv6Addr::from(bytes))
            };
            let (protocol, inside) = beyond(header[6], &rest[40..40 + payload], 8);
            ([end(8), end(24)], protocol, inside)
        }
    };
    let [source, destination] = ends;
    let ports = match inside {
        Some([a, b, c, d, ..]) if [6, 17, 33, 132, 136].contains(&protocol) => {
            (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))
        }
        _ => (0, 0),
    };
    Ok(match direction {
        0 => Seen {
            subscriber: destination,
            remote: source,
            protocol,
            ports: (ports.1, ports.0),
        },
        _ => Seen {
            subscriber: source,
            remote: destination,
            protocol,
            ports,
        },
    })
}

/// Extension headers: the protocol at which they end, and its bytes, if they are there and whole.
fn beyond(next: u8, bytes: &[u8], left: usize) -> (u8, Option<&[u8]>) {
    if ![0, 43, 44, 51, 60].contains(&next) {
        return (next, Some(bytes));
    }
    if left == 0 || bytes.len() < 8 {
        return (next, None);
    }
    let length = match next {
        44 => return (bytes[0], None),
        51 => 4 * (usize::from(bytes[1]) + 2),
        _ => 8 * (usize::from(bytes[1]) + 1),
    };
    beyond(bytes[0], bytes.get(length..).unwrap_or(&[]), left - 1)
}

/// Whether an address is remembered when it belongs to no circuit.
pub fn is_remembered(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let never = address.octets()[0] == 0
                || address.octets()[0] >= 224
                || address.is_loopback()
                || address.is_link_local();
            !never
        }
        IpAddr::V6(address) => {
            let never = address.is_multicast()
                || address.segments()[..4] == [0; 4]
                || address.is_unicast_link_local();
            !never
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Outcome> {
    let (taken, left) = rest.split_at_checked(count).ok_or(Outcome::Malformed)?;
    *rest = left;
    Ok(taken)
}

fn number(rest: &mut &[u8]) -> Result<u16, Outcome> {
    let bytes = take(rest, 2)?;
    Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
}
