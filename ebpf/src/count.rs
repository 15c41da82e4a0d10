//! What is counted of every packet. As HTB counts it: a packet that was merged of several is several, with the
//! headers each of them will have on the wire; a tag that the kernel keeps beside the packet is not in it.

use core::intrinsics::{AtomicOrdering, atomic_xadd};
use core::mem::MaybeUninit;

use aya_ebpf::bindings::{__sk_buff, BPF_NOEXIST};
use aya_ebpf::helpers::bpf_ktime_get_ns;
use weir_abi::maps::{Outcome, Unknown};

use crate::classify::Class;
use crate::frame::Packet;
use crate::maps::{COUNTS, TOTALS, UNKNOWN};
use crate::words::zeroed;

/// How much one `skb` is.
#[derive(Clone, Copy)]
pub struct Amount {
    pub packets: u64,
    pub bytes: u64,
}

impl Amount {
    #[inline(always)]
    pub fn of(skb: *mut __sk_buff) -> Self {
        // SAFETY: the context of the program; the verifier translates the reads.
        let (segments, bytes) = unsafe { ((*skb).gso_segs, (*skb).wire_len) };
        Amount {
            packets: if segments == 0 { 1 } else { segments.into() },
            bytes: bytes.into(),
        }
    }
}

/// Adds to a word in a map that other CPUs add to as well.
///
/// # Safety
/// `word` points to an aligned word in the value of a map.
#[inline(always)]
pub unsafe fn add(word: *mut u64, n: u64) {
    // SAFETY: as promised above. The intrinsic and not an `AtomicU64`, which has no `fetch_add` on a target whose
    // oldest processor could not compare and swap.
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(word, n) };
}

/// Adds to one direction of a pair of words.
///
/// # Safety
/// `pair` points to an aligned pair in the value of a map.
#[inline(always)]
pub unsafe fn add_to(pair: *mut [u64; 2], direction: u32, n: u64) {
    // SAFETY: as promised above; the index is 0 or 1.
    unsafe { add(pair.cast::<u64>().add((direction & 1) as usize), n) }
}

#[inline(always)]
pub fn total(outcome: Outcome, direction: u32, amount: Amount) {
    if let Some(total) = TOTALS.get_ptr_mut(outcome.index(direction)) {
        // SAFETY: this CPU's value, and a program at tc is not interrupted by itself.
        unsafe {
            (*total).packets += amount.packets;
            (*total).bytes += amount.bytes;
        }
    }
}

#[inline(always)]
pub fn circuit(class: &Class, direction: u32, amount: Amount) {
    if let Some(counts) = COUNTS.get_value_ptr_mut(class.slot, &class.entry.circuit) {
        // SAFETY: the value of a map.
        unsafe {
            add_to(&raw mut (*counts).packets, direction, amount.packets);
            add_to(&raw mut (*counts).bytes, direction, amount.bytes);
        }
    }
}

/// Remembers an address of no circuit, if it could be one's.
#[inline(always)]
pub fn unknown(packet: &Packet, amount: Amount) {
    if !could_be_a_circuit(packet) {
        return;
    }
    let now = unsafe { bpf_ktime_get_ns() };
    let key = &packet.subscriber;
    if let Some(known) = UNKNOWN.get_ptr_mut(key) {
        // SAFETY: the value of a map. Were it given to another address meanwhile, that one's counters would be
        // wrong by a packet.
        unsafe {
            add_to(&raw mut (*known).packets, packet.direction, amount.packets);
            add_to(&raw mut (*known).bytes, packet.direction, amount.bytes);
            (*known).last_seen = now;
        }
        return;
    }
    let mut place = MaybeUninit::<Unknown>::uninit();
    let first = zeroed(&mut place);
    first.last_seen = now;
    if packet.direction & 1 == 0 {
        first.packets[0] = amount.packets;
        first.bytes[0] = amount.bytes;
    } else {
        first.packets[1] = amount.packets;
        first.bytes[1] = amount.bytes;
    }
    // When another CPU was faster, or the map has no room for a moment, this packet is in the totals only.
    let _ = UNKNOWN.insert(key, &*first, BPF_NOEXIST.into());
}

/// Multicast, broadcast, loopback, link-local and no address at all are never a circuit's: whoever looks for
/// subscribers that are missing need not see them.
#[inline(always)]
fn could_be_a_circuit(packet: &Packet) -> bool {
    let [a, b, _, d] = packet.subscriber.map(u32::from_be);
    if packet.family == 4 {
        let first = d >> 24;
        first != 0 && first != 127 && first < 224 && d >> 16 != 0xa9fe
    } else {
        // ::/64 holds "no address", loopback, and IPv4 in disguise.
        a | b != 0 && a >> 24 != 0xff && a >> 22 != 0xfe80 >> 6
    }
}
