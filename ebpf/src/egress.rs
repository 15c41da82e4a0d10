//! What the programs at tc do with a packet: class and transmit queue, and what is counted. They return "go on"
//! always, so that whatever else is attached to the interface sees the packet too.

use core::mem::MaybeUninit;

use aya_ebpf::bindings::{__sk_buff, TC_ACT_UNSPEC};
use aya_ebpf::helpers::bpf_skb_pull_data;
use weir_abi::maps::{Outcome, Settings, stamp};
use weir_abi::table::Direction;

use crate::classify::classify;
use crate::count::{self, Amount};
use crate::frame::{Bytes, Packet, Read, UP, Vlans, Way, read};
use crate::maps::SETTINGS;
use crate::sample;
use crate::words::zeroed;

/// Bytes that are asked for when the kernel holds the headers elsewhere: more than the deepest of them that are
/// read here, 14 + 4 * 4 + 8 + 40.
const HEADERS: u32 = 128;

#[inline(always)]
pub fn shape(skb: *mut __sk_buff, way: Way) -> i32 {
    let amount = Amount::of(skb);
    let settings = match SETTINGS.get(0) {
        Some(settings) => *settings,
        None => Settings::default(),
    };
    let vlans = Vlans {
        down: settings.network_vlan,
        up: settings.internet_vlan,
    };

    let mut place = MaybeUninit::<Packet>::uninit();
    let packet = zeroed(&mut place);
    let mut code = parse(skb, way, vlans.down, vlans.up, packet);
    if code == SHORT {
        // SAFETY: the context of the program. All pointers into the packet end here.
        unsafe {
            let len = (*skb).len;
            bpf_skb_pull_data(skb, if len < HEADERS { len } else { HEADERS });
        }
        code = parse(skb, way, vlans.down, vlans.up, packet);
    }

    let outcome = match code {
        ADDRESS => match classify(packet) {
            Ok(class) => {
                let direction = if packet.direction == UP {
                    Direction::Up
                } else {
                    Direction::Down
                };
                // SAFETY: the context of the program; the verifier translates the writes.
                unsafe {
                    (*skb).priority = class.queue.class(class.entry, direction).0;
                    // The kernel keeps a queue plus 1 there, 0 is none.
                    (*skb).queue_mapping = u32::from(class.queue.tx(direction)) + 1;
                    if settings.stamp != 0 {
                        (*skb).mark = stamp(class.slot, class.entry.circuit);
                    }
                }
                count::circuit(&class, packet.direction, amount);
                sample::maybe(skb, &settings, packet, &class);
                Outcome::Shaped
            }
            Err(outcome) => {
                if outcome == Outcome::Unknown {
                    count::unknown(packet, amount);
                }
                outcome
            }
        },
        NOT_IP => Outcome::NotIp,
        TOO_DEEP => Outcome::TooDeep,
        OTHER_VLAN => Outcome::OtherVlan,
        _ => Outcome::Malformed,
    };
    count::total(outcome, packet.direction, amount);
    TC_ACT_UNSPEC
}

const ADDRESS: u32 = Outcome::Shaped as u32;
const NOT_IP: u32 = Outcome::NotIp as u32;
const TOO_DEEP: u32 = Outcome::TooDeep as u32;
const OTHER_VLAN: u32 = Outcome::OtherVlan as u32;
const SHORT: u32 = Outcome::COUNT;

/// A function of its own in the object too: it is called twice, and the verifier has less to follow.
#[inline(never)]
fn parse(skb: *mut __sk_buff, way: Way, down: u16, up: u16, packet: &mut Packet) -> u32 {
    // SAFETY: the context of the program; the verifier translates the reads.
    let (bytes, tag) = unsafe {
        let bytes = Bytes {
            start: (*skb).data as usize,
            end: (*skb).data_end as usize,
            len: (*skb).len,
        };
        let tag = if (*skb).vlan_present != 0 {
            Some((*skb).vlan_tci as u16)
        } else {
            None
        };
        (bytes, tag)
    };
    match read(&bytes, way, Vlans { down, up }, tag, packet) {
        Read::Address => ADDRESS,
        Read::Short => SHORT,
        Read::Not(outcome) => outcome as u32,
    }
}
