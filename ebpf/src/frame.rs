//! From the first byte of a frame to the address of a subscriber. What becomes of which frame is a table in
//! `docs/dataplane.md`, and that table is the test.
//!
//! Only what the address needs is read. Options of IPv4 and extension headers of IPv6 are not: nobody leaves the
//! class of an address by what is put behind it. Ports belong to `sample.rs`.

use weir_abi::maps::Outcome;

/// Tags that are followed, with the one the kernel may keep beside the packet. A network has one or two.
const MAX_TAGS: u32 = 4;

const TAG: u16 = 0x8100;
const SERVICE_TAG: u16 = 0x88a8;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const PPPOE_SESSION: u16 = 0x8864;
/// Version 1, type 1, code 0: a PPPoE header with data.
const PPPOE_DATA: u16 = 0x1100;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;

const VLAN_ID: u16 = 0x0fff;

/// Where the direction of a packet comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The interface: all of it goes to subscribers.
    Down,
    /// The interface: all of it comes from subscribers.
    Up,
    /// The outermost VLAN.
    Stick,
}

/// The two VLANs of a box on a stick, as seen where the program is attached.
#[derive(Clone, Copy)]
pub struct Vlans {
    pub down: u16,
    pub up: u16,
}

pub const DOWN: u32 = 0;
pub const UP: u32 = 1;

/// What [`read`] says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// There is an address to look up.
    Address,
    /// The bytes at hand end before the headers do.
    Short,
    /// It is not looked up.
    Not(Outcome),
}

/// What was found on the way to the address; as far as it was found; zeros at first.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Packet {
    /// [`DOWN`] or [`UP`].
    pub direction: u32,
    /// 4 or 6.
    pub family: u32,
    /// Where the IP header begins, in bytes from the start of the frame, and where its packet ends.
    pub ip: u32,
    pub end: u32,
    /// The subscriber's address as it is in the packet; IPv4 as `::ffff:a.b.c.d`.
    pub subscriber: [u32; 4],
}

/// The bytes of a frame that can be read where they are.
#[derive(Clone, Copy)]
pub struct Bytes {
    pub start: usize,
    pub end: usize,
    /// Length of the whole frame, also of what lies elsewhere.
    pub len: u32,
}

/// Where the last header that is read ends, and more: a power of two, less 1.
const MAX_OFFSET: u32 = 0xfff;

impl Bytes {
    /// The value at an offset; `None` where the bytes at hand end before.
    #[inline(always)]
    fn get<T: Wire>(&self, at: u32) -> Option<T> {
        // Offsets are far below this. Compilers like to keep what is left instead of them and to negate it, and
        // before Linux 6.4 the verifier knows no bounds of a negated number; of a masked one it does.
        let from = self.start + (at & MAX_OFFSET) as usize;
        if from + size_of::<T>() > self.end {
            return None;
        }
        // SAFETY: within the bounds that were just compared, which is also what the verifier demands. The kernels
        // this runs on let a packet be read unaligned; `read_unaligned` would make a load of every byte.
        Some(unsafe { *(from as *const T) })
    }

    #[inline(always)]
    fn be16(&self, at: u32) -> Option<u16> {
        self.get(at).map(u16::from_be)
    }
}

/// What any bytes are a value of.
trait Wire: Copy {}
impl Wire for u8 {}
impl Wire for u16 {}
impl Wire for Ipv4 {}
impl Wire for Ipv6 {}

/// Fields as on the wire, big-endian.
#[derive(Clone, Copy)]
#[repr(C)]
struct Ipv4 {
    version: u8,
    service: u8,
    total: u16,
    unread: [u16; 4],
    source: u32,
    destination: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Ipv6 {
    version: u8,
    unread: [u8; 3],
    payload: u16,
    next: u8,
    hops: u8,
    source: [u32; 4],
    destination: [u32; 4],
}

const IPV4_HEADER: u32 = size_of::<Ipv4>() as u32;
const IPV6_HEADER: u32 = size_of::<Ipv6>() as u32;
const _: () = assert!(IPV4_HEADER == 20 && IPV6_HEADER == 40);

/// Most an IP packet can say of its own length. A longer one was merged by the kernel ("BIG TCP") and says 0.
const MAX_IP: u32 = 0xffff;

/// Reads a frame. `tag` is the VLAN tag that the kernel keeps beside it, the outermost one.
#[inline(always)]
pub fn read(bytes: &Bytes, way: Way, vlans: Vlans, tag: Option<u16>, packet: &mut Packet) -> Read {
    match follow(bytes, way, vlans, tag, packet) {
        Ok(()) => Read::Address,
        Err(Stop::Short) => Read::Short,
        Err(Stop::Malformed) => Read::Not(Outcome::Malformed),
        Err(Stop::NotIp) => Read::Not(Outcome::NotIp),
        Err(Stop::TooDeep) => Read::Not(Outcome::TooDeep),
        Err(Stop::OtherVlan) => Read::Not(Outcome::OtherVlan),
    }
}

enum Stop {
    Short,
    Malformed,
    NotIp,
    TooDeep,
    OtherVlan,
}

#[inline(always)]
fn follow(
    bytes: &Bytes,
    way: Way,
    vlans: Vlans,
    tag: Option<u16>,
    packet: &mut Packet,
) -> Result<(), Stop> {
    if way == Way::Up {
        packet.direction = UP;
    }
    let mut kind = bytes.be16(12).ok_or(Stop::Short)?;
    let mut at = 14;

    let mut tags = 0;
    let mut outer = 0;
    if let Some(tag) = tag {
        outer = tag & VLAN_ID;
        tags = 1;
    }
    while kind == TAG || kind == SERVICE_TAG {
        if tags >= MAX_TAGS {
            return Err(Stop::TooDeep);
        }
        let inner = bytes.be16(at + 2).ok_or(Stop::Short)?;
        if tags == 0 {
            outer = bytes.be16(at).ok_or(Stop::Short)? & VLAN_ID;
        }
        kind = inner;
        at += 4;
        tags += 1;
    }
    if way == Way::Stick {
        // Without a tag, and with one that names no VLAN but a priority, `outer` is 0.
        if outer == 0 {
            return Err(Stop::OtherVlan);
        } else if outer == vlans.down {
            packet.direction = DOWN;
        } else if outer == vlans.up {
            packet.direction = UP;
        } else {
            return Err(Stop::OtherVlan);
        }
    }

    let mut limit = bytes.len;
    if kind == PPPOE_SESSION {
        let header = bytes.be16(at).ok_or(Stop::Short)?;
        let length = u32::from(bytes.be16(at + 4).ok_or(Stop::Short)?);
        if header != PPPOE_DATA {
            return Err(Stop::Malformed);
        }
        at += 6;
        // Behind it a short frame has padding.
        if at + length > limit {
            return Err(Stop::Malformed);
        }
        limit = at + length;
        // The protocol, of one byte if that is odd: Linux takes it so from whoever sends it, agreed or not.
        let first: u8 = bytes.get(at).ok_or(Stop::Short)?;
        let protocol = if first & 1 != 0 {
            at += 1;
            u16::from(first)
        } else {
            let protocol = bytes.be16(at).ok_or(Stop::Short)?;
            at += 2;
            protocol
        };
        if at > limit {
            return Err(Stop::Malformed);
        }
        kind = match protocol {
            PPP_IPV4 => IPV4,
            PPP_IPV6 => IPV6,
            _ => return Err(Stop::NotIp),
        };
    }

    match kind {
        IPV4 => ipv4(bytes, at, limit, packet),
        IPV6 => ipv6(bytes, at, limit, packet),
        _ => Err(Stop::NotIp),
    }
}

#[inline(always)]
fn ipv4(bytes: &Bytes, at: u32, limit: u32, packet: &mut Packet) -> Result<(), Stop> {
    let header: Ipv4 = bytes.get(at).ok_or(Stop::Short)?;
    let header_len = u32::from(header.version & 0xf) * 4;
    if header.version >> 4 != 4 || header_len < IPV4_HEADER || limit < at {
        return Err(Stop::Malformed);
    }
    let room = limit - at;
    let mut total = u32::from(u16::from_be(header.total));
    if total == 0 && room > MAX_IP {
        total = room;
    }
    if total < header_len || total > room {
        return Err(Stop::Malformed);
    }
    let address = if packet.direction == UP {
        header.source
    } else {
        header.destination
    };
    packet.family = 4;
    packet.ip = at;
    packet.end = at + total;
    packet.subscriber = [0, 0, 0xffff_u32.to_be(), address];
    Ok(())
}

#[inline(always)]
fn ipv6(bytes: &Bytes, at: u32, limit: u32, packet: &mut Packet) -> Result<(), Stop> {
    let header: Ipv6 = bytes.get(at).ok_or(Stop::Short)?;
    if header.version >> 4 != 6 || limit < at {
        return Err(Stop::Malformed);
    }
    let room = limit - at;
    let mut total = IPV6_HEADER + u32::from(u16::from_be(header.payload));
    if header.payload == 0 && room > MAX_IP {
        total = room;
    }
    if total > room {
        return Err(Stop::Malformed);
    }
    packet.family = 6;
    packet.ip = at;
    packet.end = at + total;
    packet.subscriber = if packet.direction == UP {
        header.source
    } else {
        header.destination
    };
    Ok(())
}
