//! From the address to the class, in the generation that is active. Knows nothing of packets.

use weir_abi::maps::Outcome;
use weir_abi::table::{Entry, Queue, Table};

use crate::frame::Packet;
use crate::maps::{ACTIVE, Slot, TABLES};

/// What a packet's address leads to.
#[derive(Clone, Copy)]
pub struct Class {
    /// Where its generation is; counters are taken from the same slot.
    pub slot: u32,
    pub entry: Entry,
    pub queue: Queue,
}

/// The word that says which generation is active is read here, once a packet, and nowhere else.
#[inline(always)]
pub fn classify(packet: &Packet) -> Result<Class, Outcome> {
    let Some(active) = ACTIVE.get_ptr(0) else {
        return Err(Outcome::NoTable);
    };
    // SAFETY: a pointer into a map's value. Volatile, so that no second read of it is made up.
    let active = unsafe { active.read_volatile() };
    if active == 0 {
        return Err(Outcome::NoTable);
    }
    let slot = active - 1;
    let pages = Slot(TABLES.get(slot).ok_or(Outcome::BadTable)?);
    let table = Table::open(&pages).ok_or(Outcome::BadTable)?;

    let [a, b, c, d] = packet.subscriber.map(u32::from_be);
    let found = if packet.family == 4 {
        table.lookup_v4(d)
    } else {
        table.lookup_v6(long(a, b), long(c, d))
    };
    let entry = found.ok_or(Outcome::Unknown)?;
    let queue = table.queue(entry.queue).ok_or(Outcome::BadTable)?;
    Ok(Class { slot, entry, queue })
}

#[inline(always)]
const fn long(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}
