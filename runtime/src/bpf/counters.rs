//! What the programs counted, read while they count on.

use std::os::fd::AsFd;

use weir_abi::maps::{Counts, Flow, FlowKey, Outcome, Total, Unknown};

use super::Error;
use super::maps::Maps;
use super::pins::Pins;
use super::sys::{self, Mapped};

/// Bytes of an entry of counters.
const COUNTS_WORDS: usize = size_of::<Counts>() / 8;

impl Maps {
    /// Counters of every circuit of a slot, in the order of its table; empty for an empty slot.
    pub fn counts(&self, pins: &Pins, slot: u32) -> Result<Vec<Counts>, Error> {
        let Some(map) = self.pinned(&self.counts, &pins.counts(slot), slot)? else {
            return Ok(Vec::new());
        };
        let circuits = self.meta(slot)?.circuits as usize;
        if circuits == 0 {
            return Ok(Vec::new());
        }
        let mapped = Mapped::new(&map, circuits * size_of::<Counts>(), false)
            .map_err(Error::os("map the counters into memory"))?;
        let word = |n| mapped.word(n).unwrap_or(0);
        Ok((0..circuits)
            .map(|circuit| {
                let at = circuit * COUNTS_WORDS;
                Counts {
                    packets: [word(at), word(at + 1)],
                    bytes: [word(at + 2), word(at + 3)],
                }
            })
            .collect())
    }

    /// What became of all packets, by [`Outcome::index`], all CPUs added.
    pub fn totals(&self) -> Result<Vec<Total>, Error> {
        let cpus = aya::util::nr_cpus().map_err(|(what, source)| Error::Os {
            doing: format!("read {what}"),
            source,
        })?;
        let mut all = Vec::new();
        for index in 0..Outcome::COUNT * 2 {
            let mut bytes = vec![0; cpus * size_of::<Total>()];
            sys::map_lookup(self.totals.as_fd(), &index.to_ne_bytes(), &mut bytes)
                .map_err(Error::os("read totals"))?;
            let mut total = Total::default();
            for cpu in bytes.as_chunks::<16>().0 {
                total.packets += word(cpu, 0);
                total.bytes += word(cpu, 8);
            }
            all.push(total);
        }
        Ok(all)
    }

    /// Addresses of no circuit, at most so many. Those that come and go while this reads may be missed.
    pub fn unknown(&self, most: usize) -> Result<Vec<([u8; 16], Unknown)>, Error> {
        entries(
            self.unknown.as_fd(),
            most,
            |key: &[u8; 16], value: &[u8; 40]| {
                let words = |at| [word(value, at), word(value, at + 8)];
                (
                    *key,
                    Unknown {
                        packets: words(0),
                        bytes: words(16),
                        last_seen: word(value, 32),
                    },
                )
            },
        )
    }

    /// Sampled flows, at most so many.
    pub fn flows(&self, most: usize) -> Result<Vec<(FlowKey, Flow)>, Error> {
        entries(
            self.flows.as_fd(),
            most,
            |key: &[u8; 40], value: &[u8; 56]| {
                let half = |at: usize| u16::from_ne_bytes([key[at], key[at + 1]]);
                let quarter =
                    |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| value[at + i]));
                let words = |at| [word(value, at), word(value, at + 8)];
                (
                    FlowKey {
                        subscriber: std::array::from_fn(|i| key[i]),
                        remote: std::array::from_fn(|i| key[16 + i]),
                        subscriber_port: half(32),
                        remote_port: half(34),
                        protocol: key[36],
                        reserved: [0; 3],
                    },
                    Flow {
                        packets: words(0),
                        bytes: words(16),
                        first_seen: word(value, 32),
                        last_seen: word(value, 40),
                        slot: quarter(48),
                        circuit: quarter(52),
                    },
                )
            },
        )
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]))
}

/// Entries of a hash map that changes meanwhile: it is walked once, for no longer than `most` keys.
fn entries<const K: usize, const V: usize, T>(
    map: std::os::fd::BorrowedFd<'_>,
    most: usize,
    read: impl Fn(&[u8; K], &[u8; V]) -> T,
) -> Result<Vec<T>, Error> {
    let failed = || "read a map of the programs";
    let mut all = Vec::new();
    let mut key: Option<[u8; K]> = None;
    for _ in 0..most {
        let mut next = [0; K];
        if !sys::map_next_key(map, key.as_ref().map(|k| &k[..]), &mut next)
            .map_err(Error::os(failed()))?
        {
            break;
        }
        let mut value = [0; V];
        if sys::map_lookup(map, &next, &mut value).map_err(Error::os(failed()))? {
            all.push(read(&next, &value));
        }
        key = Some(next);
    }
    Ok(all)
}
