//! The journal as numbered objects, one line each. A number is written once, so of two writers one takes the next
//! number, with the checksum that then is the right one.
//!
//! It does not know what the lines mean.

use weir_schemas::journal::Entry;
use weir_store::channel::journal::{Journal, line};
use weir_store::{Result, StoreError};

use crate::bucket::{Bucket, SMALL, Write};

/// Lines at the end of a journal that are looked at before one is added: one who reads a head and writes it down
/// later than that many others would write it twice.
const END: usize = 64;
/// Writers that may come between before one gives up.
const TRIES: usize = 100;
/// So that names sort as numbers do.
const DIGITS: usize = 12;

fn dir(channel: &str) -> String {
    format!("journal/{channel}/")
}

fn key(channel: &str, number: u64) -> String {
    format!("{}{number:0DIGITS$}", dir(channel))
}

/// Numbers that are there, sorted.
fn numbers(bucket: &Bucket, channel: &str) -> Result<Vec<u64>> {
    let dir = dir(channel);
    let listed = bucket.list(&dir)?;
    let names = listed.iter().filter_map(|l| l.key.strip_prefix(&dir));
    let digits = names.filter(|n| n.len() == DIGITS && n.bytes().all(|b| b.is_ascii_digit()));
    Ok(digits.filter_map(|n| n.parse().ok()).collect())
}

/// These lines, one after the other. One that vanished is a line that does not read, so that it is noticed.
fn read(bucket: &Bucket, channel: &str, numbers: &[u64]) -> Result<Vec<u8>> {
    let keys = numbers.iter().map(|n| key(channel, *n)).collect();
    let mut bytes = Vec::new();
    for object in bucket.get_all(keys, SMALL)? {
        match object {
            Some(object) => bytes.extend(object.bytes),
            None => bytes.extend(b"gone"),
        }
        if bytes.last() != Some(&b'\n') {
            bytes.push(b'\n');
        }
    }
    Ok(bytes)
}

pub(crate) fn whole(bucket: &Bucket, channel: &str) -> Result<Vec<u8>> {
    let numbers = numbers(bucket, channel)?;
    read(bucket, channel, &numbers)
}

pub(crate) fn end(bucket: &Bucket, channel: &str) -> Result<Vec<u8>> {
    let numbers = numbers(bucket, channel)?;
    read(
        bucket,
        channel,
        &numbers[numbers.len().saturating_sub(END)..],
    )
}

pub(crate) fn append(bucket: &Bucket, entry: &Entry) -> Result<()> {
    let channel = entry.channel.as_str();
    for _ in 0..TRIES {
        let there = numbers(bucket, channel)?;
        let end = read(bucket, channel, &there[there.len().saturating_sub(END)..])?;
        let journal = match there.len() <= END {
            true => Journal::read(&end),
            false => Journal::read_end(&end),
        };
        let known = entry.head.as_ref().is_some_and(|head| {
            let mut heads = journal.entries.iter().filter_map(|e| e.head.as_ref());
            heads.any(|h| h.txn == head.txn)
        });
        if known {
            return Ok(());
        }
        let next = there.last().map_or(1, |last| last + 1);
        let key = key(channel, next);
        let line = line(&journal.last, entry);
        match bucket.create(&key, line.as_bytes()) {
            Ok(Write::Done) => return Ok(()),
            // It may be our own, sent twice: only who reads it back can tell.
            Ok(Write::Moved) => {
                if is_this(bucket, &key, &line)? {
                    return Ok(());
                }
            }
            Err(error) => {
                return match is_this(bucket, &key, &line) {
                    Ok(true) => Ok(()),
                    _ => Err(error),
                };
            }
        }
    }
    Err(StoreError::Unknown(format!(
        "the journal of channel {channel} in {} is written by so many at once that this entry found no place; it is \
         made up for by the next command that looks at the channel",
        bucket.name
    )))
}

fn is_this(bucket: &Bucket, key: &str, line: &str) -> Result<bool> {
    let there = bucket.get(key, SMALL)?;
    Ok(there.is_some_and(|object| object.bytes == line.as_bytes()))
}
