//! Do the conditional writes of a bucket hold? Many services answer rightly one request at a time and let two of them
//! win at once; a channel in such a bucket loses promotions without anybody noticing.
//!
//! A pass is evidence and no proof: two requests have to meet to show anything.

use futures::future::join_all;
use weir_store::channel::Tag;
use weir_store::{Result, StoreError};

use crate::bucket::{Bucket, SMALL, Write};

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// So many races, and each had one winner.
    Holds { races: usize },
    /// What the bucket did that it must not do.
    Broken(String),
}

pub(crate) fn run(bucket: &Bucket, racers: usize, rounds: usize, steps: usize) -> Result<Verdict> {
    let mut random = [0u8; 8];
    getrandom::fill(&mut random).map_err(|error| {
        StoreError::Unknown(format!("the machine has no random numbers: {error}"))
    })?;
    let dir = format!("probe/{:016x}", u64::from_ne_bytes(random));
    let verdict = look(bucket, &dir, racers, rounds, steps);
    // What cannot be removed is some hundred bytes.
    for listed in bucket.list(&dir).unwrap_or_default() {
        let _ = bucket.delete(&listed.key);
    }
    verdict
}

fn look(bucket: &Bucket, dir: &str, racers: usize, rounds: usize, steps: usize) -> Result<Verdict> {
    if let Some(wrong) = one_by_one(bucket, dir)? {
        return Ok(Verdict::Broken(wrong.to_owned()));
    }
    for round in 0..rounds {
        if let Some(wrong) = creates(bucket, &format!("{dir}/create-{round}"), racers)? {
            return Ok(Verdict::Broken(wrong));
        }
    }
    if let Some(wrong) = counts(bucket, &format!("{dir}/counter"), racers, steps)? {
        return Ok(Verdict::Broken(wrong));
    }
    Ok(Verdict::Holds {
        races: rounds + steps,
    })
}

fn one_by_one(bucket: &Bucket, dir: &str) -> Result<Option<&'static str>> {
    let key = format!("{dir}/one");
    let read = || {
        bucket.get(&key, SMALL)?.ok_or_else(|| {
            StoreError::Unknown(format!(
                "{key} in {} vanished after it was written",
                bucket.name
            ))
        })
    };
    bucket.create(&key, b"1")?;
    let first = read()?;
    if bucket.create(&key, b"2")? == Write::Done || read()?.bytes != b"1" {
        return Ok(Some(
            "it overwrites an object that was only to be created (`If-None-Match: *` is ignored)",
        ));
    }
    if bucket.update(&key, b"3", &first.tag)? == Write::Moved && read()?.bytes != b"3" {
        return Ok(Some(
            "it refuses to replace an object that was not changed (`If-Match`)",
        ));
    }
    let second = read()?;
    if second.tag == first.tag {
        return Ok(Some("two states of an object have the same ETag"));
    }
    if bucket.update(&key, b"4", &first.tag)? == Write::Done || read()?.bytes != b"3" {
        return Ok(Some(
            "it replaces an object that was changed meanwhile (`If-Match` is ignored)",
        ));
    }
    let missing = format!("{dir}/missing");
    if bucket.update(&missing, b"5", &first.tag)? == Write::Done || bucket.is_there(&missing)? {
        return Ok(Some("it replaces an object that is not there"));
    }
    Ok(None)
}

fn creates(bucket: &Bucket, key: &str, racers: usize) -> Result<Option<String>> {
    let race = (0..racers).map(|n| bucket.create_later(key, n.to_string().into_bytes()));
    let done = bucket.wait(join_all(race));
    let mut winners = Vec::new();
    for (n, written) in done.into_iter().enumerate() {
        if written? == Write::Done {
            winners.push(n.to_string().into_bytes());
        }
    }
    let there = bucket.get(key, SMALL)?.map(|object| object.bytes);
    Ok(match (winners.as_slice(), there) {
        ([one], Some(there)) if *one == there => None,
        // Sent twice, so that the winner was told that somebody was faster: itself.
        ([], Some(_)) => None,
        (winners, _) => Some(format!(
            "{racers} created one object at once, and {} were told that they did",
            winners.len()
        )),
    })
}

fn counts(bucket: &Bucket, key: &str, racers: usize, steps: usize) -> Result<Option<String>> {
    bucket.create(key, b"0")?;
    let count = |_| async move {
        let mut done = 0;
        while done < steps {
            let object = bucket.read(key, SMALL).await?.ok_or_else(|| {
                StoreError::Unknown(format!(
                    "{key} in {} vanished while it was counted",
                    bucket.name
                ))
            })?;
            let text = String::from_utf8_lossy(&object.bytes).into_owned();
            let value: usize = text
                .split(' ')
                .next()
                .and_then(|n| n.parse().ok())
                .unwrap_or(0);
            // Each state has bytes of its own, as heads do.
            let next = format!("{} after {}", value + 1, tag(&object.tag));
            if bucket
                .update_later(key, next.into_bytes(), &object.tag)
                .await?
                == Write::Done
            {
                done += 1;
            }
        }
        Ok::<(), StoreError>(())
    };
    for counted in bucket.wait(join_all((0..racers).map(count))) {
        counted?;
    }
    let last = bucket
        .get(key, SMALL)?
        .map(|object| object.bytes)
        .unwrap_or_default();
    let last: usize = String::from_utf8_lossy(&last)
        .split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let want = racers * steps;
    // More than was counted is a request that arrived twice, and harmless: a head is read back.
    Ok((last < want).then(|| {
        format!("{racers} counted an object up at once, {want} times in all, and it stands at {last}: {} were lost", want - last)
    }))
}

fn tag(tag: &Tag) -> &str {
    tag.0.trim_matches('"')
}
