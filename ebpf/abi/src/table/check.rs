//! Proving that an image is a well-formed table before it is trusted. After [`check()`] a lookup gives the longest
//! prefix of [`entries`], and every entry leads to a class that a plan may have.
//!
//! It takes one look at every bucket and panics on no bytes. What addresses *should* lead to is known elsewhere.

use core::fmt;

use super::*;
use crate::is_usable_major;

/// What a table holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Pages, the header included.
    pub pages: u32,
    pub queues: u32,
    pub circuits: u32,
    /// Prefixes of IPv4, and of IPv6.
    pub prefixes: [u32; 2],
    /// Distinct lengths of IPv4, and of IPv6.
    pub lengths: [u32; 2],
}

/// Why an image is no table that can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It does not start as one.
    Magic,
    /// It is for another version of the kernel side.
    Version { found: u32 },
    /// Its size in bytes is not that of its pages.
    Size,
    /// More lengths, prefixes, queues or circuits than a table can have.
    TooMany,
    /// A part that must be zero is not.
    Spare { page: u32 },
    /// A queue has a major that cannot be used, or one that another has, or its transmit queue.
    Queue { queue: u32 },
    /// A length is not one of its family, not shorter than the one before, or its mask is another's.
    Length { len: u32 },
    /// The pages of a length are not those after the pages of the one before, or too many or few.
    Range { len: u32 },
    /// A class, queue or circuit that cannot be.
    Entry { page: u32, bucket: u32 },
    /// A key that lookups do not find there: it has bits beyond its length, or belongs elsewhere.
    Misplaced { page: u32, bucket: u32 },
    /// A key that is there twice.
    Duplicate { page: u32, bucket: u32 },
    /// A mark that says what is not so, or that is missing.
    Mark { page: u32, bucket: u32 },
    /// The guard would keep lookups from a prefix, or lets pass what it need not.
    Guard,
    /// The numbers of prefixes in the header are not those of the pages.
    Count,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Magic => f.write_str("it is no address table"),
            Fault::Version { found } => write!(
                f,
                "it is of version {found} and this Weir reads {ABI_VERSION}"
            ),
            Fault::Size => f.write_str("it is not as long as it says"),
            Fault::TooMany => f.write_str("its header counts more than a table can hold"),
            Fault::Spare { page } => write!(f, "page {page} has data where there must be none"),
            Fault::Queue { queue } => write!(f, "CPU queue {queue} has numbers it cannot have"),
            Fault::Length { len } => write!(f, "prefix length {len} is wrong or out of order"),
            Fault::Range { len } => write!(f, "the pages of prefix length {len} are not its own"),
            Fault::Entry { page, bucket } => {
                write!(f, "page {page}, bucket {bucket} has a class that cannot be")
            }
            Fault::Misplaced { page, bucket } => {
                write!(f, "page {page}, bucket {bucket} has a key of another place")
            }
            Fault::Duplicate { page, bucket } => {
                write!(
                    f,
                    "page {page}, bucket {bucket} has a key that is there twice"
                )
            }
            Fault::Mark { page, bucket } => {
                write!(f, "page {page}, bucket {bucket} has a wrong overflow mark")
            }
            Fault::Guard => f.write_str("its guard does not fit its prefixes"),
            Fault::Count => f.write_str("its numbers of prefixes are not those it holds"),
        }
    }
}

impl core::error::Error for Fault {}

/// Proves that an image is a table. Time and memory are bounded by its length.
pub fn check(image: &[Page]) -> Result<Summary, Fault> {
    let Some((header, _)) = image.split_first() else {
        return Err(Fault::Size);
    };
    if word(header, 0) != MAGIC {
        return Err(Fault::Magic);
    }
    if low(word(header, VERSION)) != ABI_VERSION {
        let found = low(word(header, VERSION));
        return Err(Fault::Version { found });
    }
    let pages = high(word(header, VERSION));
    if usize::try_from(pages) != Ok(image.len()) {
        return Err(Fault::Size);
    }
    let summary = summary(header, pages)?;
    header_rest(header, &summary)?;

    let mut guard = Guard::default();
    let mut next = 1;
    for (family, (plans, lengths)) in [PLANS_V4, PLANS_V6]
        .into_iter()
        .zip(summary.lengths)
        .enumerate()
    {
        let mut before = None;
        let mut prefixes = 0_u32;
        for i in 0..lengths as usize {
            let plan = Plan::read(header, plans + i * PLAN_WORDS);
            let len = plan.len;
            let (kind, longest) = match family {
                0 => (Kind::V4, 32),
                _ => (Kind::of_v6(len), 128),
            };
            if len > longest || before.is_some_and(|b| b <= len) || plan.mask != kind.mask(len) {
                return Err(Fault::Length { len });
            }
            before = Some(len);
            let end = plan
                .base
                .checked_add(plan.pages)
                .filter(|end| *end <= pages);
            let Some(end) = end.filter(|end| plan.base == next && *end > next) else {
                return Err(Fault::Range { len });
            };
            let mut found = 0_u32;
            for n in next..end {
                // `end` is within the image.
                let Some(page) = image.page(n) else {
                    return Err(Fault::Size);
                };
                found =
                    found.saturating_add(self::page(&plan, kind, n, page, &summary, &mut guard)?);
            }
            next = end;
            if found != plan.prefixes || found == 0 {
                return Err(Fault::Count);
            }
            prefixes = prefixes.saturating_add(found);
        }
        if summary.prefixes[family] != prefixes {
            return Err(Fault::Count);
        }
    }
    if next != pages {
        return Err(Fault::Size);
    }
    guard.same(header)?;
    Ok(summary)
}

/// The numbers of the header, each within what a table can hold.
fn summary(header: &Page, pages: u32) -> Result<Summary, Fault> {
    let both = |at| [low(word(header, at)), high(word(header, at))];
    let [queues, circuits] = both(QUEUES);
    let summary = Summary {
        pages,
        queues,
        circuits,
        prefixes: both(PREFIXES),
        lengths: both(LENGTHS),
    };
    let prefixes = summary.prefixes[0].checked_add(summary.prefixes[1]);
    let fits = summary.lengths.iter().all(|n| *n as usize <= MAX_LENGTHS)
        && prefixes.is_some_and(|n| n <= MAX_PREFIXES)
        && queues as usize <= MAX_MAJORS
        && circuits <= MAX_CIRCUITS;
    if fits {
        Ok(summary)
    } else {
        Err(Fault::TooMany)
    }
}

/// Queue records, and that what is not used is zero.
fn header_rest(header: &Page, summary: &Summary) -> Result<(), Fault> {
    let zero = |from: usize, to: usize| {
        let spare = (from..to).any(|at| word(header, at) != 0);
        if spare {
            Err(Fault::Spare { page: 0 })
        } else {
            Ok(())
        }
    };
    zero(QUEUES + 1, PLANS_V4)?;
    zero(
        PLANS_V4 + summary.lengths[0] as usize * PLAN_WORDS,
        PLANS_V6,
    )?;
    zero(
        PLANS_V6 + summary.lengths[1] as usize * PLAN_WORDS,
        QUEUE_RECORDS,
    )?;
    zero(QUEUE_RECORDS + summary.queues as usize, GUARD_V4)?;
    zero(HEADER_END, ROWS * 8)?;
    let record = |n: u32| Queue::read(word(header, QUEUE_RECORDS + n as usize));
    for queue in 0..summary.queues {
        let own = record(queue);
        let shared = (0..queue).map(record).any(|other| own.shares(other));
        if shared || !is_usable_major(own.major_down) || !is_usable_major(own.major_up) {
            return Err(Fault::Queue { queue });
        }
    }
    Ok(())
}

/// One page of a length; gives the number of its keys.
fn page(
    plan: &Plan,
    kind: Kind,
    n: u32,
    page: &Page,
    summary: &Summary,
    guard: &mut Guard,
) -> Result<u32, Fault> {
    let mut found = 0;
    // Bit b: a key that belongs into bucket b lies in its second.
    let mut marks = 0_u64;
    for (at, row) in page.iter().enumerate() {
        let bucket = at as u32;
        if kind.spare(row) != 0 {
            return Err(Fault::Spare { page: n });
        }
        for slot in 0..kind.slots() {
            let (key, value) = kind.slot(row, slot);
            let Some(entry) = Entry::read(value) else {
                if value != 0 || key != (Key { upper: 0, lower: 0 }) {
                    return Err(Fault::Spare { page: n });
                }
                continue;
            };
            if !entry.is_usable(summary.queues, summary.circuits) {
                return Err(Fault::Entry { page: n, bucket });
            }
            let place = plan.place(kind.hash(key, plan.seed));
            let second = at == place.second;
            if kind.masked(key, plan.mask) != key
                || place.page != n
                || (at != place.first && !second)
            {
                return Err(Fault::Misplaced { page: n, bucket });
            }
            if second {
                marks |= 1 << place.first;
            }
            let places = [place.first, place.second].into_iter().flat_map(|other| {
                let row = self::row(page, other);
                (0..kind.slots()).map(move |slot| kind.slot(row, slot))
            });
            let times = places.filter(|(other, value)| *other == key && *value != 0);
            if times.count() != 1 {
                return Err(Fault::Duplicate { page: n, bucket });
            }
            guard.add(kind, key, plan.len);
            found += 1;
        }
    }
    for (at, row) in page.iter().enumerate() {
        if (row[7] & MARK != 0) != (marks >> at & 1 != 0) {
            let bucket = at as u32;
            return Err(Fault::Mark { page: n, bucket });
        }
    }
    Ok(found)
}

/// The guards that prefixes need.
pub(super) struct Guard {
    pub(super) v4: [u64; GUARD_V4_WORDS],
    pub(super) v6: [u64; GUARD_V6_WORDS],
}

impl Default for Guard {
    fn default() -> Self {
        Guard {
            v4: [0; GUARD_V4_WORDS],
            v6: [0; GUARD_V6_WORDS],
        }
    }
}

impl Guard {
    pub(super) fn add(&mut self, kind: Kind, key: Key, len: u32) {
        match kind {
            Kind::V4 if len < u32::from(GUARD_V4_LEN) => self.v4 = [u64::MAX; GUARD_V4_WORDS],
            Kind::V4 => {
                let block = block_v4(key.upper as u32);
                self.v4[(block >> 6) % GUARD_V4_WORDS] |= 1 << (block & 63);
            }
            Kind::V6 if len < u32::from(GUARD_V6_LEN) => self.v6 = [u64::MAX; GUARD_V6_WORDS],
            Kind::V6 | Kind::Wide => {
                let block = block_v6(key.upper);
                self.v6[(block >> 6) % GUARD_V6_WORDS] |= 1 << (block & 63);
            }
        }
    }

    fn same(&self, header: &Page) -> Result<(), Fault> {
        let is = |words: &[u64], at: usize| {
            words
                .iter()
                .enumerate()
                .all(|(i, want)| word(header, at + i) == *want)
        };
        if is(&self.v4, GUARD_V4) && is(&self.v6, GUARD_V6) {
            Ok(())
        } else {
            Err(Fault::Guard)
        }
    }
}

/// Every prefix of a table that was checked, in no useful order.
pub fn entries(image: &[Page]) -> impl Iterator<Item = (Prefix, Entry)> + '_ {
    let plans = image.first().into_iter().flat_map(|header| {
        let lengths = word(header, LENGTHS);
        let plans = |at: usize, n: u32| {
            (0..(n as usize).min(MAX_LENGTHS)).map(move |i| Plan::read(header, at + i * PLAN_WORDS))
        };
        let v4 = plans(PLANS_V4, low(lengths)).map(|plan| (Kind::V4, plan));
        let v6 = plans(PLANS_V6, high(lengths)).map(|plan| (Kind::of_v6(plan.len), plan));
        v4.chain(v6)
    });
    plans.flat_map(move |(kind, plan)| {
        let pages = image
            .get(plan.base as usize..)
            .unwrap_or_default()
            .iter()
            .take(plan.pages as usize);
        pages.flatten().flat_map(move |row| {
            (0..kind.slots()).filter_map(move |slot| {
                let (Key { upper, lower }, value) = kind.slot(row, slot);
                let len = plan.len as u8;
                let prefix = match kind {
                    Kind::V4 => Prefix::V4 {
                        address: upper as u32,
                        len,
                    },
                    Kind::V6 | Kind::Wide => Prefix::V6 { upper, lower, len },
                };
                Some((prefix, Entry::read(value)?))
            })
        })
    })
}
