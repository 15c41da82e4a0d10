//! Flows, of a sample of the packets: both ends, protocol and ports. Out of the way of all other packets, and the
//! only place that looks behind an IP header; what it does not understand there it leaves 0.

use core::mem::{MaybeUninit, transmute};

use aya_ebpf::bindings::{__sk_buff, BPF_NOEXIST};
use aya_ebpf::helpers::{bpf_get_prandom_u32, bpf_ktime_get_ns, bpf_skb_load_bytes};
use weir_abi::maps::{Flow, FlowKey, Settings};

use crate::classify::Class;
use crate::count::{Amount, add_to};
use crate::frame::{Packet, UP};
use crate::maps::FLOWS;
use crate::words::zeroed;

/// Extension headers that are followed to the ports.
const MAX_EXTENSIONS: u32 = 8;

const HOP_BY_HOP: u8 = 0;
const TCP: u8 = 6;
const UDP: u8 = 17;
const DCCP: u8 = 33;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;

/// One packet in `sample_every`, at random: counting to n would meet traffic that repeats itself every n packets.
#[inline(always)]
pub fn maybe(skb: *mut __sk_buff, settings: &Settings, packet: &Packet, class: &Class) {
    let every = settings.sample_every;
    // SAFETY: no arguments.
    if every != 0 && unsafe { bpf_get_prandom_u32() } % every == 0 {
        record(skb, packet, class.slot, class.entry.circuit);
    }
}

#[inline(never)]
fn record(skb: *mut __sk_buff, packet: &Packet, slot: u32, circuit: u32) -> u32 {
    let amount = Amount::of(skb);
    let mut place = MaybeUninit::<FlowKey>::uninit();
    let key = zeroed(&mut place);
    // SAFETY: words and bytes have no invalid values.
    key.subscriber = unsafe { transmute::<[u32; 4], [u8; 16]>(packet.subscriber) };
    let read = if packet.family == 4 {
        ipv4(skb, packet, key)
    } else {
        ipv6(skb, packet, key)
    };
    if read.is_none() {
        return 0;
    }

    // SAFETY: no arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    if let Some(flow) = FLOWS.get_ptr_mut(&*key) {
        // SAFETY: the value of a map; see `count::unknown`.
        unsafe {
            add_to(&raw mut (*flow).packets, packet.direction, amount.packets);
            add_to(&raw mut (*flow).bytes, packet.direction, amount.bytes);
            (*flow).last_seen = now;
            (*flow).slot = slot;
            (*flow).circuit = circuit;
        }
        return 1;
    }
    let mut place = MaybeUninit::<Flow>::uninit();
    let flow = zeroed(&mut place);
    if packet.direction == UP {
        flow.packets[1] = amount.packets;
        flow.bytes[1] = amount.bytes;
    } else {
        flow.packets[0] = amount.packets;
        flow.bytes[0] = amount.bytes;
    }
    flow.first_seen = now;
    flow.last_seen = now;
    flow.slot = slot;
    flow.circuit = circuit;
    let _ = FLOWS.insert(&*key, &*flow, BPF_NOEXIST.into());
    1
}

#[inline(always)]
fn ipv4(skb: *mut __sk_buff, packet: &Packet, key: &mut FlowKey) -> Option<()> {
    let version: u8 = load(skb, packet.ip)?;
    let fragment = u16::from_be(load(skb, packet.ip + 6)?);
    let protocol: u8 = load(skb, packet.ip + 9)?;
    let remote: u32 = load(
        skb,
        packet.ip + if packet.direction == UP { 16 } else { 12 },
    )?;
    // SAFETY: words and bytes have no invalid values.
    key.remote = unsafe { transmute::<[u32; 4], [u8; 16]>([0, 0, 0xffff_u32.to_be(), remote]) };
    key.protocol = protocol;
    // The upper bits: reserved, do not fragment, more fragments.
    if fragment & 0x3fff == 0 {
        ports(skb, packet, packet.ip + u32::from(version & 0xf) * 4, key);
    }
    Some(())
}

#[inline(always)]
fn ipv6(skb: *mut __sk_buff, packet: &Packet, key: &mut FlowKey) -> Option<()> {
    let mut next: u8 = load(skb, packet.ip + 6)?;
    let remote: [u32; 4] = load(skb, packet.ip + if packet.direction == UP { 24 } else { 8 })?;
    // SAFETY: words and bytes have no invalid values.
    key.remote = unsafe { transmute::<[u32; 4], [u8; 16]>(remote) };

    let mut at = packet.ip + 40;
    let mut left = MAX_EXTENSIONS;
    let mut whole = true;
    while whole
        && matches!(
            next,
            HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS
        )
    {
        if left == 0 || at + 8 > packet.end {
            whole = false;
            break;
        }
        let [after, length]: [u8; 2] = load(skb, at)?;
        let length = u32::from(length);
        at += match next {
            FRAGMENT => 8,
            AUTHENTICATION => (length + 2) * 4,
            _ => (length + 1) * 8,
        };
        whole = next != FRAGMENT;
        next = after;
        left -= 1;
    }
    key.protocol = next;
    if whole {
        ports(skb, packet, at, key);
    }
    Some(())
}

/// Both ports, if they lie within the IP packet.
#[inline(always)]
fn ports(skb: *mut __sk_buff, packet: &Packet, at: u32, key: &mut FlowKey) {
    if !matches!(key.protocol, TCP | UDP | DCCP | SCTP | UDP_LITE) || at + 4 > packet.end {
        return;
    }
    let Some([source, destination]) = load::<[u16; 2]>(skb, at) else {
        return;
    };
    let (subscriber, remote) = if packet.direction == UP {
        (source, destination)
    } else {
        (destination, source)
    };
    key.subscriber_port = u16::from_be(subscriber);
    key.remote_port = u16::from_be(remote);
}

/// Copied, because here it may lie beyond the bytes at hand.
#[inline(always)]
fn load<T: Wire>(skb: *mut __sk_buff, at: u32) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper writes so many bytes or fails, and any bytes are a `T`.
    unsafe {
        let failed = bpf_skb_load_bytes(
            skb.cast(),
            at,
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
        );
        (failed == 0).then(|| value.assume_init())
    }
}

trait Wire: Copy {}
impl Wire for u8 {}
impl Wire for u16 {}
impl Wire for u32 {}
impl Wire for [u8; 2] {}
impl Wire for [u16; 2] {}
impl Wire for [u32; 4] {}
