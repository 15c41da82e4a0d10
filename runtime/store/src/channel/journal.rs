//! The bytes of a journal: one line an entry, `<checksum> <JSON>`. Each checksum covers the line and the checksum of
//! the line before, so a line that was changed, removed or moved is noticed.
//!
//! A line that a crash cut short was never acknowledged: the next writer cuts it off and says so. Every other fault
//! is reported and left alone; evidence is not tidied away.

use std::fmt;

use weir_schemas::Published as _;
use weir_schemas::journal::Entry;

use crate::disk::sha256;

const DIGITS: usize = 64;

/// A journal, read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Journal {
    /// Everything that reads, oldest first.
    pub entries: Vec<Entry>,
    pub faults: Vec<Fault>,
    /// Bytes up to the end of the last line that ends.
    pub whole: usize,
    /// Checksum of the last line; empty when there is none.
    pub last: String,
}

/// A line that is not as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Its checksum does not fit it, or the line before. Lines count from 1.
    Changed { line: usize },
    /// It is as it was written, in a format that this version cannot read.
    Newer { line: usize, schema: String },
    /// The last line has no end: what wrote it was interrupted. The next entry repairs it.
    Torn { line: usize, bytes: usize },
}

impl Fault {
    /// Nothing that was acknowledged is lost.
    pub fn is_harmless(&self) -> bool {
        matches!(self, Fault::Torn { .. })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Changed { line } => write!(
                f,
                "line {line} was changed after it was written, or the line before it was changed or removed"
            ),
            Fault::Newer { line, schema } => write!(
                f,
                "line {line} is {schema}, and this Weir reads {}: use the Weir that wrote it, or a newer one",
                Entry::SCHEMA
            ),
            Fault::Torn { line, bytes } => write!(
                f,
                "line {line} was cut short while it was written ({bytes} bytes); the next entry repairs it"
            ),
        }
    }
}

/// The line of an entry after a line with checksum `last`.
pub fn line(last: &str, entry: &Entry) -> String {
    let json = serde_json::to_string(entry).expect("published types write to memory");
    let sum = sum(last, &json);
    format!("{sum} {json}\n")
}

fn sum(last: &str, json: &str) -> String {
    sha256([last, " ", json].concat().as_bytes())
}

impl Journal {
    /// A whole journal.
    pub fn read(bytes: &[u8]) -> Journal {
        Journal::parse(bytes, Chain::from_the_first())
    }

    /// The end of a journal: its first line is taken at its word.
    pub fn read_end(bytes: &[u8]) -> Journal {
        Journal::parse(bytes, Chain::from_anywhere())
    }

    fn parse(bytes: &[u8], mut chain: Chain) -> Journal {
        let mut journal = Journal::default();
        let mut rest = bytes;
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let Some(end) = rest.iter().position(|b| *b == b'\n') else {
                journal.faults.push(Fault::Torn {
                    line: number,
                    bytes: rest.len(),
                });
                break;
            };
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            journal.whole += line.len();
            let Some((stated, json)) = split(&line[..end]) else {
                journal.faults.push(Fault::Changed { line: number });
                chain = Chain::from_anywhere();
                continue;
            };
            let fits = chain.follow(stated, json);
            journal.last = stated.to_owned();
            match weir_schemas::read::<Entry>(json.as_bytes()) {
                Ok(entry) if fits => journal.entries.push(entry),
                Err(weir_schemas::ReadError::OtherSchema { found, .. }) if fits => {
                    journal.faults.push(Fault::Newer {
                        line: number,
                        schema: found,
                    });
                }
                _ => journal.faults.push(Fault::Changed { line: number }),
            }
        }
        journal
    }

    /// The last entry that wrote a head.
    pub fn last_head(&self) -> Option<&weir_schemas::head::Head> {
        self.entries.iter().rev().find_map(|e| e.head.as_ref())
    }

    /// Something that was acknowledged is missing or was changed.
    pub fn is_damaged(&self) -> bool {
        self.faults.iter().any(|fault| !fault.is_harmless())
    }
}

/// What the checksum of the line before may be. There is one such checksum as long as every line fits, so that a journal
/// of any length is hashed once.
struct Chain(Option<Vec<String>>);

impl Chain {
    /// More than one there are only where lines that do not fit follow each other. Beyond this many of those, the first
    /// good line after them is told as changed as well.
    const MOST: usize = 8;

    /// Before the first line of a journal.
    fn from_the_first() -> Chain {
        Chain(Some(vec![String::new()]))
    }

    /// The next line is taken at its word.
    fn from_anywhere() -> Chain {
        Chain(None)
    }

    /// Goes over a line. It fits the line before it, or that one is not known.
    fn follow(&mut self, stated: &str, json: &str) -> bool {
        let mut next = vec![stated.to_owned()];
        let Some(before) = &self.0 else {
            self.0 = Some(next);
            return true;
        };
        let sums: Vec<String> = before.iter().map(|last| sum(last, json)).collect();
        let fits = sums.iter().any(|sum| sum == stated);
        if !fits {
            // Where the digits of a checksum were changed, the next line still has the right ones.
            next.extend(sums);
            next.truncate(Chain::MOST);
        }
        self.0 = Some(next);
        fits
    }
}

fn split(line: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(line).ok()?;
    let (sum, json) = text.split_at_checked(DIGITS)?;
    let digits = sum.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    json.strip_prefix(' ')
        .filter(|_| digits)
        .map(|json| (sum, json))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::testing::an_entry;

    fn journal(n: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut last = String::new();
        for seq in 1..=n {
            let line = line(&last, &an_entry("production", seq));
            last = line[..DIGITS].to_owned();
            bytes.extend(line.bytes());
        }
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let read = Journal::read(&journal(3));
        assert_eq!(read.entries.len(), 3);
        assert_eq!(read.faults, []);
        assert_eq!(read.last_head().expect("a head").seq, 3);
    }

    /// Flips anywhere: nothing false is read. A lost line feed costs three lines, anything else fewer.
    #[test]
    fn every_flip_is_noticed_and_costs_few_lines() {
        let bytes = journal(5);
        let good = Journal::read(&bytes).entries;
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            let read = Journal::read(&bad);
            assert!(!read.faults.is_empty(), "byte {at}");
            assert!(read.entries.iter().all(|e| good.contains(e)), "byte {at}");
            assert!(read.entries.len() >= 2, "byte {at}: {:?}", read.faults);
        }
    }

    /// Reading costs a hash a line, in a good journal and in one of which nothing is right.
    #[test]
    fn the_cost_of_a_line_does_not_grow_with_the_journal() {
        let bytes = journal(40);
        let text = String::from_utf8(bytes).expect("text");
        let known = |chain: &Chain| chain.0.as_ref().map_or(0, Vec::len);
        let mut good = Chain::from_the_first();
        let mut bad = Chain::from_the_first();
        for line in text.lines() {
            let (stated, json) = split(line.as_bytes()).expect("a line");
            assert!(good.follow(stated, json));
            assert_eq!(known(&good), 1);
            assert!(!bad.follow(&"0".repeat(DIGITS), json));
            assert!(known(&bad) <= Chain::MOST);
        }
    }

    /// Of many changed lines, one after the other, all are told, and what follows is read.
    #[test]
    fn many_changed_lines_cost_one_more_at_most() {
        let text = String::from_utf8(journal(40)).expect("text");
        let zeros = "0".repeat(DIGITS);
        for changed in 1..20 {
            let bad: String = text
                .split_inclusive('\n')
                .enumerate()
                .map(|(n, line)| match (5..5 + changed).contains(&n) {
                    true => format!("{zeros}{}", &line[DIGITS..]),
                    false => line.to_owned(),
                })
                .collect();
            let read = Journal::read(bad.as_bytes());
            let lost = 40 - read.entries.len();
            assert!((changed..=changed + 1).contains(&lost), "{changed}: {lost}");
        }
    }

    #[test]
    fn a_torn_end_loses_nothing_before_it() {
        let bytes = journal(3);
        let two = journal(2).len();
        for cut in two + 1..bytes.len() {
            let read = Journal::read(&bytes[..cut]);
            assert_eq!(read.entries.len(), 2, "cut at {cut}");
            assert!(!read.is_damaged() && read.faults.len() == 1, "cut at {cut}");
            assert_eq!(read.whole, two);
        }
    }

    #[test]
    fn a_removed_or_moved_line_is_noticed() {
        let bytes = journal(4);
        let text = String::from_utf8(bytes).expect("text");
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for order in [vec![0, 2, 3], vec![0, 2, 1, 3], vec![1, 2, 3]] {
            let other: String = order.iter().map(|i| lines[*i]).collect();
            assert!(Journal::read(other.as_bytes()).is_damaged(), "{order:?}");
        }
        let end = [lines[2], lines[3]].concat();
        assert!(!Journal::read_end(end.as_bytes()).is_damaged());
    }
}
