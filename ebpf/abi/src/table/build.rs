//! Building a table. The same prefixes give the same bytes in whatever order they come: they are sorted first, and
//! every choice that follows is counted and not drawn.
//!
//! It is beside the reader because each decides what the other must do; the compiler brings prefixes and nothing
//! else.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::check::Guard;
use super::*;
use crate::is_usable_major;

/// Percent of the slots that are filled on average. At 70 a hit touches 1.1 buckets and a miss 1.2. Buckets of two
/// slots fill less evenly, so those have more room.
const LOAD: usize = 70;
const LOAD_WIDE: usize = 50;
/// Keys that may be moved on to make room for one.
const EVICTIONS: usize = 500;
/// Seeds that are tried. The first nearly always does; after every eighth there is an eighth more room.
const SEEDS: u64 = 64;

/// Why there is no table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BuildError {
    /// Longer than an address, or with bits beyond its length.
    NoPrefix(Prefix),
    /// The same prefix leads to two classes.
    Ambiguous { prefix: Prefix, entries: [Entry; 2] },
    /// The class, queue or circuit it leads to cannot be.
    Entry { prefix: Prefix, entry: Entry },
    /// A queue has a major that cannot be used, or a number that another has.
    Queue { queue: usize },
    /// More of them than there can be: of queues, circuits or prefixes.
    TooMany { what: &'static str, limit: usize },
    /// More distinct lengths than a family can have; all of them, longest first.
    Lengths { family: u8, lengths: Vec<u8> },
    /// No seed placed the prefixes of this length.
    Unplaced { family: u8, len: u8 },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::NoPrefix(prefix) => {
                write!(f, "{prefix} is no prefix: it has bits beyond its length")
            }
            BuildError::Ambiguous { prefix, entries } => write!(
                f,
                "{prefix} leads to the circuits {} and {}",
                entries[0].circuit, entries[1].circuit
            ),
            BuildError::Entry { prefix, entry } => write!(
                f,
                "{prefix} leads to minor {} in CPU queue {}, which cannot be",
                entry.minor, entry.queue
            ),
            BuildError::Queue { queue } => {
                write!(f, "CPU queue {queue} has numbers it cannot have")
            }
            BuildError::TooMany { what, limit } => {
                write!(f, "there are more {what} than the {limit} a table holds")
            }
            BuildError::Lengths { family, lengths } => {
                write!(
                    f,
                    "IPv{family} prefixes have {} different lengths and the address table holds \
                     {MAX_LENGTHS}:",
                    lengths.len()
                )?;
                lengths.iter().try_for_each(|len| write!(f, " /{len}"))
            }
            BuildError::Unplaced { family, len } => {
                write!(
                    f,
                    "the IPv{family} prefixes of length {len} cannot be placed"
                )
            }
        }
    }
}

impl core::error::Error for BuildError {}

/// Prefixes on their way into a table.
///
/// ```
/// use weir_abi::table::{Direction, Entry, Prefix, Queue, Table, Builder};
///
/// let queue = Queue { major_down: 1, major_up: 1, tx_down: 0, tx_up: 0 };
/// let entry = Entry { minor: 3, queue: 0, circuit: 0 };
/// let mut builder = Builder::new(&[queue], 1);
/// builder.add(Prefix::V4 { address: 0x6440_0000, len: 24 }, entry);
/// let image = builder.finish().expect("one prefix fits");
///
/// let table = Table::open(&image[..]).expect("a table");
/// assert_eq!(table.lookup_v4(0x6440_0007), Some(entry));
/// assert_eq!(table.lookup_v4(0x6440_0107), None);
/// assert_eq!(queue.class(entry, Direction::Down).to_string(), "1:3");
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    queues: Vec<Queue>,
    circuits: u32,
    prefixes: Vec<(Prefix, Entry)>,
}

impl Builder {
    pub fn new(queues: &[Queue], circuits: u32) -> Self {
        Builder {
            queues: queues.to_vec(),
            circuits,
            prefixes: Vec::new(),
        }
    }

    /// The prefix of this length around an address; what is wrong with it shows in [`finish`](Self::finish).
    pub fn add(&mut self, prefix: Prefix, entry: Entry) {
        self.prefixes.push((prefix, entry));
    }

    /// The image. Giving a prefix twice with the same entry changes nothing.
    pub fn finish(mut self) -> Result<Vec<Page>, BuildError> {
        self.limits()?;
        self.prefixes
            .sort_unstable_by_key(|&(prefix, entry)| (prefix.rank(), entry));
        self.prefixes.dedup();
        if self.prefixes.len() > MAX_PREFIXES as usize {
            return Err(BuildError::TooMany {
                what: "prefixes",
                limit: MAX_PREFIXES as usize,
            });
        }
        self.sound()?;

        let (v4, v6): (Vec<&[_]>, Vec<&[_]>) = self
            .prefixes
            .chunk_by(|(a, _), (b, _)| (a.family(), a.length()) == (b.family(), b.length()))
            .partition(|chunk| chunk[0].0.family() == 4);
        for (family, chunks) in [(4, &v4), (6, &v6)] {
            if chunks.len() > MAX_LENGTHS {
                let lengths = chunks.iter().map(|chunk| chunk[0].0.length()).collect();
                return Err(BuildError::Lengths { family, lengths });
            }
        }

        let mut pages = vec![[[0; 8]; ROWS]];
        let mut header = [[0; 8]; ROWS];
        let mut guard = Guard::default();
        for (plans, chunks) in [(PLANS_V4, &v4), (PLANS_V6, &v6)] {
            for (i, chunk) in chunks.iter().enumerate() {
                let plan = length(chunk, &mut pages, &mut guard)?;
                let at = plans + i * PLAN_WORDS;
                set(&mut header, at, plan.mask);
                set(&mut header, at + 1, plan.seed);
                set(&mut header, at + 2, both(plan.base, plan.pages));
                set(&mut header, at + 3, both(plan.len, plan.prefixes));
            }
        }
        // All of these are bounded by limits above.
        let sum = |chunks: &[&[(Prefix, Entry)]]| chunks.iter().map(|c| c.len()).sum::<usize>();
        set(&mut header, 0, MAGIC);
        set(&mut header, VERSION, both(ABI_VERSION, pages.len() as u32));
        set(&mut header, LENGTHS, both(v4.len() as u32, v6.len() as u32));
        set(
            &mut header,
            PREFIXES,
            both(sum(&v4) as u32, sum(&v6) as u32),
        );
        set(
            &mut header,
            QUEUES,
            both(self.queues.len() as u32, self.circuits),
        );
        for (i, queue) in self.queues.iter().enumerate() {
            set(&mut header, QUEUE_RECORDS + i, queue.word());
        }
        for (i, bits) in guard.v4.into_iter().enumerate() {
            set(&mut header, GUARD_V4 + i, bits);
        }
        for (i, bits) in guard.v6.into_iter().enumerate() {
            set(&mut header, GUARD_V6 + i, bits);
        }
        pages[0] = header;
        Ok(pages)
    }

    fn limits(&self) -> Result<(), BuildError> {
        if self.queues.len() > MAX_MAJORS {
            return Err(BuildError::TooMany {
                what: "CPU queues",
                limit: MAX_MAJORS,
            });
        }
        if self.circuits > MAX_CIRCUITS {
            return Err(BuildError::TooMany {
                what: "circuits",
                limit: MAX_CIRCUITS as usize,
            });
        }
        for (n, own) in self.queues.iter().enumerate() {
            let shared = self.queues[..n].iter().any(|other| own.shares(*other));
            if shared || !is_usable_major(own.major_down) || !is_usable_major(own.major_up) {
                return Err(BuildError::Queue { queue: n });
            }
        }
        Ok(())
    }

    /// Sorted prefixes: each is one, and leads to one class that can be.
    fn sound(&self) -> Result<(), BuildError> {
        for &(prefix, entry) in &self.prefixes {
            if !prefix.is_sound() {
                return Err(BuildError::NoPrefix(prefix));
            }
            if !entry.is_usable(self.queues.len() as u32, self.circuits) {
                return Err(BuildError::Entry { prefix, entry });
            }
        }
        for two in self.prefixes.windows(2) {
            if let [(prefix, one), (same, other)] = *two
                && prefix == same
            {
                let entries = [one, other];
                return Err(BuildError::Ambiguous { prefix, entries });
            }
        }
        Ok(())
    }
}

impl Queue {
    const fn word(self) -> u64 {
        self.major_down as u64
            | (self.major_up as u64) << 16
            | (self.tx_down as u64) << 32
            | (self.tx_up as u64) << 48
    }
}

impl Entry {
    const fn value(self) -> u64 {
        self.minor as u64 | (self.queue as u64) << 16 | (self.circuit as u64) << 32
    }
}

impl Prefix {
    /// IPv4 first, longest first, then by address: the order of the table.
    fn rank(self) -> (u8, core::cmp::Reverse<u8>, Key) {
        (self.family(), core::cmp::Reverse(self.length()), self.key())
    }

    fn kind(self) -> Kind {
        match self {
            Prefix::V4 { .. } => Kind::V4,
            Prefix::V6 { len, .. } => Kind::of_v6(u32::from(len)),
        }
    }

    /// Whole, with a lower half that a key of its kind may not have.
    fn key(self) -> Key {
        match self {
            Prefix::V4 { address, .. } => Key {
                upper: u64::from(address),
                lower: 0,
            },
            Prefix::V6 { upper, lower, .. } => Key { upper, lower },
        }
    }

    fn is_sound(self) -> bool {
        let longest = match self {
            Prefix::V4 { .. } => 32,
            Prefix::V6 { .. } => 128,
        };
        let kind = self.kind();
        self.length() <= longest
            && kind.masked(self.key(), kind.mask(u32::from(self.length()))) == self.key()
    }
}

const fn both(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

fn set(page: &mut Page, at: usize, to: u64) {
    page[at / 8][at % 8] = to;
}

/// Places all prefixes of one length and appends their pages.
fn length(
    prefixes: &[(Prefix, Entry)],
    pages: &mut Vec<Page>,
    guard: &mut Guard,
) -> Result<Plan, BuildError> {
    let prefix = prefixes[0].0;
    let (kind, len) = (prefix.kind(), u32::from(prefix.length()));
    let load = match kind {
        Kind::V4 | Kind::V6 => LOAD,
        Kind::Wide => LOAD_WIDE,
    };
    let room = ROWS * kind.slots() * load / 100;
    let fewest = prefixes.len().div_ceil(room) as u64;
    for attempt in 0..SEEDS {
        let plan = Plan {
            mask: kind.mask(len),
            // Any sequence will do that is the same everywhere.
            seed: mix(
                (attempt << 16 | u64::from(len) << 8 | u64::from(prefix.family())).wrapping_mul(C2),
            ),
            base: pages.len() as u32,
            // At most 2^22 prefixes, so at most some 2^17 pages, and with seed after seed eight times that.
            pages: (fewest + (fewest * (attempt / 8)).div_ceil(8)) as u32,
            len,
            prefixes: prefixes.len() as u32,
        };
        if let Some(placed) = place(&plan, kind, prefixes) {
            pages.extend(placed);
            for (prefix, _) in prefixes {
                guard.add(kind, prefix.key(), len);
            }
            return Ok(plan);
        }
    }
    Err(BuildError::Unplaced {
        family: prefix.family(),
        len: prefix.length(),
    })
}

/// The pages of a length with this seed, if it does.
fn place(plan: &Plan, kind: Kind, prefixes: &[(Prefix, Entry)]) -> Option<Vec<Page>> {
    let at = |prefix: Prefix| plan.place(kind.hash(prefix.key(), plan.seed));
    let of_page = |prefix: Prefix| (at(prefix).page - plan.base) as usize;
    // Sorted by page, else as they were: a counting sort.
    let mut ends = vec![0_usize; plan.pages as usize + 1];
    for (prefix, _) in prefixes {
        ends[of_page(*prefix) + 1] += 1;
    }
    // A page needs a bucket's worth of air, or the last keys are moved about for long.
    let most = (ROWS - 1) * kind.slots();
    if ends.iter().any(|n| *n > most) {
        return None;
    }
    for i in 1..ends.len() {
        ends[i] += ends[i - 1];
    }
    let starts = ends.clone();
    let mut sorted = vec![0_u32; prefixes.len()];
    for (i, (prefix, _)) in prefixes.iter().enumerate() {
        let next = &mut ends[of_page(*prefix)];
        sorted[*next] = i as u32;
        *next += 1;
    }
    starts
        .windows(2)
        .map(|range| {
            let keys = sorted[range[0]..range[1]]
                .iter()
                .map(|i| prefixes[*i as usize])
                .map(|(prefix, entry)| (prefix.key(), entry, at(prefix)));
            Filling::new(kind, keys.collect()).fill()
        })
        .collect()
}

/// A page that is being filled. Keys are named by their number.
struct Filling {
    kind: Kind,
    keys: Vec<(Key, Entry, Place)>,
    buckets: [Bucket; ROWS],
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    keys: [u16; 5],
    len: usize,
}

impl Filling {
    fn new(kind: Kind, keys: Vec<(Key, Entry, Place)>) -> Self {
        Filling {
            kind,
            keys,
            buckets: [Bucket::default(); ROWS],
        }
    }

    fn fill(mut self) -> Option<Page> {
        for key in 0..self.keys.len() as u16 {
            if !self.insert(key) {
                return None;
            }
        }
        while self.settle() {}
        Some(self.page())
    }

    /// Puts a key into a bucket if that has a free slot.
    fn push(&mut self, bucket: usize, key: u16) -> bool {
        let bucket = &mut self.buckets[bucket];
        let free = bucket.len < self.kind.slots();
        if free {
            bucket.keys[bucket.len] = key;
            bucket.len += 1;
        }
        free
    }

    /// Its first bucket, else its second, else in the place of a key that moves on to its own other bucket.
    fn insert(&mut self, key: u16) -> bool {
        let place = self.keys[usize::from(key)].2;
        if self.push(place.first, key) || self.push(place.second, key) {
            return true;
        }
        let (mut key, mut at) = (key, place.second);
        for step in 0..EVICTIONS {
            // Not always the same slot, or two keys would push each other to and fro.
            let slot = (step + step / 7) % self.kind.slots();
            core::mem::swap(&mut key, &mut self.buckets[at].keys[slot]);
            let place = self.keys[usize::from(key)].2;
            at = if at == place.first {
                place.second
            } else {
                place.first
            };
            if self.push(at, key) {
                return true;
            }
        }
        false
    }

    /// Moves keys into first buckets that have room by now; whether there were any. Each move leaves one key fewer
    /// to move, so it ends.
    fn settle(&mut self) -> bool {
        let mut moved = false;
        for at in 0..ROWS {
            let mut slot = 0;
            while slot < self.buckets[at].len {
                let key = self.buckets[at].keys[slot];
                let first = self.keys[usize::from(key)].2.first;
                if first != at && self.push(first, key) {
                    let bucket = &mut self.buckets[at];
                    bucket.len -= 1;
                    bucket.keys[slot] = bucket.keys[bucket.len];
                    moved = true;
                } else {
                    slot += 1;
                }
            }
        }
        moved
    }

    fn page(&self) -> Page {
        let mut page: Page = [[0; 8]; ROWS];
        for (at, bucket) in self.buckets.iter().enumerate() {
            for (slot, key) in bucket.keys[..bucket.len].iter().enumerate() {
                let (Key { upper, lower }, entry, place) = self.keys[usize::from(*key)];
                let row = &mut page[at];
                match self.kind {
                    Kind::V4 => {
                        row[slot / 2] |= upper << (32 * (slot % 2));
                        row[3 + slot] |= entry.value();
                    }
                    Kind::V6 => {
                        row[slot] = upper;
                        row[4 + slot] |= entry.value();
                    }
                    Kind::Wide => {
                        row[2 * slot] = upper;
                        row[2 * slot + 1] = lower;
                        row[4 + slot] = entry.value();
                    }
                }
                if at != place.first {
                    page[place.first][7] |= MARK;
                }
            }
        }
        page
    }
}

/// An image as the file has it.
pub fn to_bytes(image: &[Page]) -> Vec<u8> {
    let words = image.iter().flatten().flatten();
    words.flat_map(|word| word.to_le_bytes()).collect()
}

/// The image of a file, not checked yet. A file that does not end with a page is none.
pub fn from_bytes(file: &[u8]) -> Result<Vec<Page>, Fault> {
    let (rows, rest) = file.as_chunks::<64>();
    if !rest.is_empty() || !rows.len().is_multiple_of(ROWS) {
        return Err(Fault::Size);
    }
    let row = |bytes: &[u8; 64]| {
        let mut row = [0; 8];
        for (word, bytes) in row.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        row
    };
    let page = |rows: &[[u8; 64]; ROWS]| rows.each_ref().map(row);
    Ok(rows.as_chunks::<ROWS>().0.iter().map(page).collect())
}
