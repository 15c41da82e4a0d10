//! The frozen address table, `classifier.bin`: which HTB class an address belongs to.
//!
//! The compiler knows every prefix and a generation never changes once it is built, so the table is compiled and
//! not inserted: a flat image of 4 KiB pages that becomes the values of a BPF array map as it is. Programs in the
//! kernel and user space read it with the same code, this one: no `unsafe`, no allocation, no panic, bounded
//! loops, and every index masked or counted so that the verifier of the kernel can follow it.
//!
//! Why a page as the map value: both buckets a key can lie in are in one page, so a lookup costs one map access
//! per distinct prefix length, and 4 KiB are one entry of the TLB. Measured on Linux 6.18 with 100,000 prefixes
//! and 16-byte slots this took 53 ns for a hit on an IPv4 /32, two kernel hash maps 296 ns and the LPM trie
//! 865 ns; an image of 1,000,000 prefixes loaded in 9 ms, hash maps in 551 ms.
//!
//! # The image
//!
//! The image is a sequence of 64-bit words, little-endian in the file and of the machine's own order in memory,
//! which on the machines Weir runs on is the same. Words and not bytes, because an array map aligns its values to
//! 8 bytes and a BPF program then loads a word at a time; of bytes it would have to load each by itself. A page is
//! 64 rows of 8 words; a row is a cache line and, outside of the header, a bucket.
//!
//! Page 0 is the header; by word:
//!
//! | words | what |
//! |---|---|
//! | 0 | [`MAGIC`] |
//! | 1 | [`ABI_VERSION`], low half; number of pages, header included, high half |
//! | 2 | number of IPv4 prefix lengths, low half; IPv6, high half |
//! | 3 | number of IPv4 prefixes, low half; IPv6, high half |
//! | 4 | number of CPU queues, low half; of circuits, high half |
//! | 5-7 | 0 |
//! | 8-71 | up to 16 IPv4 lengths, longest first, 4 words each (below) |
//! | 72-135 | up to 16 IPv6 lengths |
//! | 136-263 | one word a CPU queue: major of downloads, major of uploads, tx queue of downloads, of uploads, 16 bits each from the low end |
//! | 264-391 | guard of IPv4: one bit for each of the 8,192 blocks of /13 that hold a prefix |
//! | 392-455 | guard of IPv6: one bit for each hash of a /32 that holds a prefix |
//! | 456-511 | 0 |
//!
//! A length is 4 words: the mask (IPv4 in the low half; IPv6 up to /64 of the upper 64 bits of an address, beyond
//! of the lower); the seed of its hash; its first page, low half, and number of pages, high half; the length, low
//! half, and its number of prefixes, high half.
//!
//! The pages of the lengths follow one another, IPv4 first, each in the order of the header. Buckets:
//!
//! | keys | words |
//! |---|---|
//! | IPv4 | 0-2: five 32-bit keys, then 32 bits 0; 3-7: five values |
//! | IPv6 up to /64 | 0-3: four keys, the upper halves; 4-7: four values |
//! | IPv6 beyond | 0-3: two keys, upper half before lower; 4-5: two values; 6: 0; 7: only the mark |
//!
//! A value is minor (16 bits), CPU queue (16), circuit (31), from the low end. Minor 0 is no class: an empty slot,
//! so that key 0 needs no case of its own. Bit 63 of word 7 marks a bucket, in all three kinds, when some
//! key that belongs here lies in its second bucket; without it the second needs no look.
//!
//! Why not two class ids in a value, one for each direction: the minor is the same in both, and the majors are
//! those of the queue. With them in a record per queue an IPv4 bucket holds five prefixes and not three. The
//! circuit is there although the class names it too, because it is dense: it indexes an array of counters.

#[cfg(any(feature = "build", test))]
mod build;
mod check;

#[cfg(any(feature = "build", test))]
pub use build::{BuildError, Builder, from_bytes, to_bytes};
pub use check::{Fault, Summary, check, entries};

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::{ABI_VERSION, ClassId, FIRST_MINOR, LAST_MINOR, MAX_MAJORS};

/// A page as it lies in memory: rows of words in the byte order of the machine.
pub type Page = [Row; ROWS];
/// A cache line; outside of the header, a bucket.
pub type Row = [u64; 8];

/// Bytes of a page: `value_size` of the map.
pub const PAGE_BYTES: usize = size_of::<Page>();
const ROWS: usize = 64;

/// The first word: `WEIRADDR` as bytes.
pub const MAGIC: u64 = u64::from_le_bytes(*b"WEIRADDR");
/// Distinct prefix lengths of a family. Each costs a packet of no subscriber one more page, 14 to 18 ns; at 16
/// the table still answers faster than kernel hash maps and, but for such packets, than the LPM trie.
pub const MAX_LENGTHS: usize = 16;
/// Prefixes of both families together: four a circuit. A table of them takes 270 MB at worst, all of them beyond /64.
pub const MAX_PREFIXES: u32 = 4 * MAX_CIRCUITS;
/// Circuits: an array of counters has a place for each.
pub const MAX_CIRCUITS: u32 = 1 << 20;

const VERSION: usize = 1;
const LENGTHS: usize = 2;
const PREFIXES: usize = 3;
const QUEUES: usize = 4;
const PLANS_V4: usize = 8;
const PLANS_V6: usize = PLANS_V4 + MAX_LENGTHS * PLAN_WORDS;
const PLAN_WORDS: usize = 4;
const QUEUE_RECORDS: usize = PLANS_V6 + MAX_LENGTHS * PLAN_WORDS;
const QUEUE_ROOM: usize = 128;
const GUARD_V4: usize = QUEUE_RECORDS + QUEUE_ROOM;
const GUARD_V4_WORDS: usize = 128;
const GUARD_V6: usize = GUARD_V4 + GUARD_V4_WORDS;
const GUARD_V6_WORDS: usize = 64;
const HEADER_END: usize = GUARD_V6 + GUARD_V6_WORDS;

/// A prefix no shorter than this lies in one block of the guard. With a shorter one the guard is all ones.
const GUARD_V4_LEN: u8 = 13;
const GUARD_V6_LEN: u8 = 32;

/// Some key whose first bucket this is lies in its second. In word 7 of a bucket.
const MARK: u64 = 1 << 63;

const _: () = assert!(PAGE_BYTES == 4096);
const _: () = assert!(HEADER_END == 456);
const _: () = assert!(MAX_MAJORS <= QUEUE_ROOM);
const _: () = assert!(MAX_CIRCUITS <= 1 << 31);
const _: () = assert!(1 << GUARD_V4_LEN == GUARD_V4_WORDS * 64);

/// Where the pages of a table are: a map in the kernel, a slice elsewhere.
pub trait Pages {
    /// Page `n`; `None` beyond the last.
    fn page(&self, n: u32) -> Option<&Page>;
}

impl Pages for [Page] {
    fn page(&self, n: u32) -> Option<&Page> {
        self.get(n as usize)
    }
}

/// What is known of an address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Entry {
    /// Minor of its class, the same in both directions.
    pub minor: u16,
    /// CPU queue, which knows the majors: [`Table::queue`].
    pub queue: u16,
    /// Number of the circuit, counted from 0 in the order of `tree.json`.
    pub circuit: u32,
}

impl Entry {
    /// `None` for an empty slot. Does not look at the mark.
    #[inline(always)]
    const fn read(value: u64) -> Option<Entry> {
        let minor = value as u16;
        if minor == 0 {
            return None;
        }
        Some(Entry {
            minor,
            queue: (value >> 16) as u16,
            circuit: ((value & !MARK) >> 32) as u32,
        })
    }

    /// Whether a table with so many queues and circuits may hold it.
    const fn is_usable(self, queues: u32, circuits: u32) -> bool {
        self.minor >= FIRST_MINOR
            && self.minor <= LAST_MINOR
            && (self.queue as u32) < queues
            && self.circuit < circuits
    }
}

/// Which way a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To the subscriber: the destination is looked up.
    Down,
    /// From the subscriber: the source is looked up.
    Up,
}

/// A CPU queue: where a packet of its circuits goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Queue {
    /// Major of its HTB on the interface of downloads.
    pub major_down: u16,
    /// Major of its HTB on the interface of uploads.
    pub major_up: u16,
    /// Transmit queue of that interface, counted from 0; its HTB hangs under it.
    pub tx_down: u16,
    pub tx_up: u16,
}

impl Queue {
    #[inline(always)]
    const fn read(word: u64) -> Queue {
        Queue {
            major_down: word as u16,
            major_up: (word >> 16) as u16,
            tx_down: (word >> 32) as u16,
            tx_up: (word >> 48) as u16,
        }
    }

    /// The class of an entry of this queue.
    #[inline(always)]
    pub const fn class(self, entry: Entry, direction: Direction) -> ClassId {
        match direction {
            Direction::Down => ClassId::new(self.major_down, entry.minor),
            Direction::Up => ClassId::new(self.major_up, entry.minor),
        }
    }

    /// Whether two queues have a number in common that must be their own.
    const fn shares(self, other: Queue) -> bool {
        self.major_down == other.major_down
            || self.major_up == other.major_up
            || self.tx_down == other.tx_down
            || self.tx_up == other.tx_up
    }

    /// The transmit queue in that direction.
    #[inline(always)]
    pub const fn tx(self, direction: Direction) -> u16 {
        match direction {
            Direction::Down => self.tx_down,
            Direction::Up => self.tx_up,
        }
    }
}

/// A table that is open: its header was found. Nothing is known of its contents; user space proves an image with
/// [`check()`] before the kernel gets it. Reading one that was not proved gives wrong answers at worst.
pub struct Table<'p, P: ?Sized> {
    header: &'p Page,
    pages: &'p P,
}

impl<'p, P: Pages + ?Sized> Table<'p, P> {
    /// `None` when there is no page at all: a slot of the kernel's outer map that was never filled.
    #[inline(always)]
    pub fn open(pages: &'p P) -> Option<Self> {
        let header = pages.page(0)?;
        Some(Table { header, pages })
    }

    /// The longest prefix around an address in host byte order: 10.0.0.1 is 0x0a00_0001.
    #[inline(always)]
    pub fn lookup_v4(&self, address: u32) -> Option<Entry> {
        if !guarded(self.header, GUARD_V4, GUARD_V4_WORDS, block_v4(address)) {
            return None;
        }
        let lengths = low(word(self.header, LENGTHS)) as usize;
        let mut i = 0;
        while i < MAX_LENGTHS {
            if i >= lengths {
                break;
            }
            let plan = Plan::read(self.header, PLANS_V4 + i * PLAN_WORDS);
            let key = address & plan.mask as u32;
            let place = plan.place(hash(key as u64, plan.seed));
            if let Some(page) = self.pages.page(place.page) {
                let first = row(page, place.first);
                let mut found = find_v4(first, key);
                if found.is_none() && first[7] & MARK != 0 {
                    found = find_v4(row(page, place.second), key);
                }
                if found.is_some() {
                    return found;
                }
            }
            i += 1;
        }
        None
    }

    /// The longest prefix around an address, given as its upper and lower half in host byte order.
    #[inline(always)]
    pub fn lookup_v6(&self, upper: u64, lower: u64) -> Option<Entry> {
        if !guarded(self.header, GUARD_V6, GUARD_V6_WORDS, block_v6(upper)) {
            return None;
        }
        let lengths = high(word(self.header, LENGTHS)) as usize;
        let mut i = 0;
        while i < MAX_LENGTHS {
            if i >= lengths {
                break;
            }
            let plan = Plan::read(self.header, PLANS_V6 + i * PLAN_WORDS);
            let found = if plan.len > 64 {
                let key = lower & plan.mask;
                let place = plan.place(hash_wide(upper, key, plan.seed));
                self.pages.page(place.page).and_then(|page| {
                    let first = row(page, place.first);
                    let mut found = find_wide(first, upper, key);
                    if found.is_none() && first[7] & MARK != 0 {
                        found = find_wide(row(page, place.second), upper, key);
                    }
                    found
                })
            } else {
                let key = upper & plan.mask;
                let place = plan.place(hash(key, plan.seed));
                self.pages.page(place.page).and_then(|page| {
                    let first = row(page, place.first);
                    let mut found = find_v6(first, key);
                    if found.is_none() && first[7] & MARK != 0 {
                        found = find_v6(row(page, place.second), key);
                    }
                    found
                })
            };
            if found.is_some() {
                return found;
            }
            i += 1;
        }
        None
    }

    /// What a CPU queue is on the interfaces; `None` when the table has no such queue.
    #[inline(always)]
    pub fn queue(&self, queue: u16) -> Option<Queue> {
        if u32::from(queue) >= low(word(self.header, QUEUES)) || usize::from(queue) >= QUEUE_ROOM {
            return None;
        }
        Some(Queue::read(word(
            self.header,
            QUEUE_RECORDS + (usize::from(queue) & (QUEUE_ROOM - 1)),
        )))
    }
}

/// One prefix length of the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Plan {
    mask: u64,
    seed: u64,
    /// First page.
    base: u32,
    pages: u32,
    len: u32,
    prefixes: u32,
}

/// Where a key lies: in one of two buckets of one page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    page: u32,
    first: usize,
    second: usize,
}

impl Plan {
    #[inline(always)]
    fn read(header: &Page, at: usize) -> Plan {
        let (pages, lengths) = (word(header, at + 2), word(header, at + 3));
        Plan {
            mask: word(header, at),
            seed: word(header, at + 1),
            base: low(pages),
            pages: high(pages),
            len: low(lengths),
            prefixes: high(lengths),
        }
    }

    /// The page is made of the upper half of the hash, scaled; the buckets of bits 20 to 31: the low end of a
    /// product is its weakest part.
    #[inline(always)]
    fn place(&self, hash: u64) -> Place {
        let page = ((hash >> 32) * self.pages as u64) >> 32;
        let first = (hash >> 20) as usize % ROWS;
        // Odd, so that the two are never the same. Cut to size last: the verifier of Linux 6.1 knows no bounds of what
        // comes out of an exclusive or.
        let apart = (hash >> 26) as usize | 1;
        Place {
            page: self.base.wrapping_add(page as u32),
            first,
            second: ((hash >> 20) as usize ^ apart) % ROWS,
        }
    }
}

/// Two odd numbers with well mixed bits: the golden ratio, and a multiplier of MurmurHash3's finalizer.
const C1: u64 = 0x9e37_79b9_7f4a_7c15;
const C2: u64 = 0xff51_afd7_ed55_8ccd;

/// Two multiplications, no loop. Nobody can flood it: an attacker chooses packets, never keys, and a lookup costs
/// two buckets a length at worst.
#[inline(always)]
const fn hash(key: u64, seed: u64) -> u64 {
    mix(key ^ seed).wrapping_mul(C2)
}

#[inline(always)]
const fn hash_wide(upper: u64, lower: u64, seed: u64) -> u64 {
    hash(mix(upper ^ seed).wrapping_mul(C2) ^ lower, seed)
}

#[inline(always)]
const fn mix(word: u64) -> u64 {
    let word = word.wrapping_mul(C1);
    word ^ word >> 32
}

/// The block of the guard an address lies in.
#[inline(always)]
const fn block_v4(address: u32) -> usize {
    (address >> (32 - GUARD_V4_LEN)) as usize
}

/// The same for IPv6, where blocks share bits: there are more /32 than bits, and few that are anybody's.
#[inline(always)]
const fn block_v6(upper: u64) -> usize {
    ((upper >> 32).wrapping_mul(C1) >> 52) as usize
}

/// Whether a prefix may lie in this block. Packets of no subscriber mostly end here, before any page but the
/// header was read.
#[inline(always)]
fn guarded(header: &Page, at: usize, words: usize, block: usize) -> bool {
    word(header, at + (block >> 6) % words) >> (block & 63) & 1 != 0
}

#[inline(always)]
fn find_v4(row: &Row, key: u32) -> Option<Entry> {
    let mut slot = 0;
    while slot < 5 {
        let found = (row[slot >> 1 & 7] >> (32 * (slot & 1))) as u32;
        if found == key {
            let entry = Entry::read(row[(3 + slot) & 7]);
            if entry.is_some() {
                return entry;
            }
        }
        slot += 1;
    }
    None
}

#[inline(always)]
fn find_v6(row: &Row, key: u64) -> Option<Entry> {
    let mut slot = 0;
    while slot < 4 {
        if row[slot & 7] == key {
            let entry = Entry::read(row[(4 + slot) & 7]);
            if entry.is_some() {
                return entry;
            }
        }
        slot += 1;
    }
    None
}

#[inline(always)]
fn find_wide(row: &Row, upper: u64, lower: u64) -> Option<Entry> {
    let mut slot = 0;
    while slot < 2 {
        if row[(2 * slot) & 7] == upper && row[(2 * slot + 1) & 7] == lower {
            let entry = Entry::read(row[(4 + slot) & 7]);
            if entry.is_some() {
                return entry;
            }
        }
        slot += 1;
    }
    None
}

#[inline(always)]
fn row(page: &Page, n: usize) -> &Row {
    &page[n % ROWS]
}

/// Both indices are bounded in a way that compilers and the kernel's verifier see.
#[inline(always)]
fn word(page: &Page, n: usize) -> u64 {
    page[n / 8 % ROWS][n % 8]
}

#[inline(always)]
const fn low(word: u64) -> u32 {
    word as u32
}

#[inline(always)]
const fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

/// The three kinds of buckets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    V4,
    /// IPv6 up to /64.
    V6,
    /// IPv6 beyond /64.
    Wide,
}

/// A key of any kind: IPv4 and IPv6 up to /64 have no `lower`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    upper: u64,
    lower: u64,
}

impl Kind {
    const fn of_v6(len: u32) -> Kind {
        if len > 64 { Kind::Wide } else { Kind::V6 }
    }

    const fn slots(self) -> usize {
        match self {
            Kind::V4 => 5,
            Kind::V6 => 4,
            Kind::Wide => 2,
        }
    }

    fn hash(self, key: Key, seed: u64) -> u64 {
        match self {
            Kind::V4 | Kind::V6 => hash(key.upper, seed),
            Kind::Wide => hash_wide(key.upper, key.lower, seed),
        }
    }

    /// The mask of a length that belongs to this kind.
    fn mask(self, len: u32) -> u64 {
        let ones = |n: u32| !u64::MAX.checked_shr(n).unwrap_or(0);
        match self {
            Kind::V4 => ones(len) >> 32,
            Kind::V6 => ones(len),
            Kind::Wide => ones(len - 64),
        }
    }

    /// A key without the bits beyond its length.
    fn masked(self, key: Key, mask: u64) -> Key {
        match self {
            Kind::V4 | Kind::V6 => Key {
                upper: key.upper & mask,
                lower: 0,
            },
            Kind::Wide => Key {
                upper: key.upper,
                lower: key.lower & mask,
            },
        }
    }

    /// Key and value of a slot, as they are.
    fn slot(self, row: &Row, slot: usize) -> (Key, u64) {
        let (upper, lower, value) = match self {
            Kind::V4 => (
                u64::from((row[slot >> 1 & 7] >> (32 * (slot & 1))) as u32),
                0,
                row[(3 + slot) & 7],
            ),
            Kind::V6 => (row[slot & 7], 0, row[(4 + slot) & 7]),
            Kind::Wide => (
                row[(2 * slot) & 7],
                row[(2 * slot + 1) & 7],
                row[(4 + slot) & 7],
            ),
        };
        (Key { upper, lower }, value & !MARK)
    }

    /// The bits of a bucket that are no slot's, without the mark.
    fn spare(self, row: &Row) -> u64 {
        match self {
            Kind::V4 => row[2] >> 32,
            Kind::V6 => 0,
            Kind::Wide => row[6] | row[7] & !MARK,
        }
    }
}

/// A prefix of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Prefix {
    V4 { address: u32, len: u8 },
    V6 { upper: u64, lower: u64, len: u8 },
}

impl Prefix {
    /// 4 or 6.
    pub const fn family(self) -> u8 {
        match self {
            Prefix::V4 { .. } => 4,
            Prefix::V6 { .. } => 6,
        }
    }

    /// In bits.
    pub const fn length(self) -> u8 {
        match self {
            Prefix::V4 { len, .. } | Prefix::V6 { len, .. } => len,
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Prefix::V4 { address, len } => write!(f, "{}/{len}", Ipv4Addr::from_bits(address)),
            Prefix::V6 { upper, lower, len } => {
                let address = Ipv6Addr::from_bits((upper as u128) << 64 | lower as u128);
                write!(f, "{address}/{len}")
            }
        }
    }
}

#[cfg(test)]
mod tests;
