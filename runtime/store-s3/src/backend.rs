//! What channels need, over a bucket.

use std::time::{Duration, Instant};

use weir_schemas::journal::Entry;
use weir_store::channel::{Backend, Choose, Stored, Swap, Swapped, Tag, Versioned, head};
use weir_store::snapshot::{Snapshot, SnapshotError};
use weir_store::{ArtifactFiles, Outcome, Result, StoreError};

use crate::artifacts::{self, is_digest};
use crate::bucket::{SMALL, Write};
use crate::{S3Store, journal, snapshots};

fn head_key(channel: &str) -> Result<String> {
    Ok(format!("heads/{}.json", named(channel)?))
}

fn named(channel: &str) -> Result<&str> {
    match head::is_name(channel) {
        true => Ok(channel),
        false => Err(StoreError::Unknown(format!(
            "{channel:?} cannot be the name of a channel or of a box"
        ))),
    }
}

impl Backend for S3Store {
    fn artifacts(&self) -> Result<Vec<Stored>> {
        artifacts::stored(&self.bucket)
    }

    fn artifact_file(&self, digest: &str, name: &str) -> Result<Option<Vec<u8>>> {
        artifacts::artifact_file(&self.bucket, digest, name)
    }

    fn builds(&self, digest: &str) -> Result<Vec<String>> {
        if !is_digest(digest) {
            return Ok(Vec::new());
        }
        let index = artifacts::index(&self.bucket, digest)?;
        Ok(index.map_or(Vec::new(), |(index, _)| index.builds))
    }

    fn put(&self, artifact: &ArtifactFiles<'_>) -> Result<Outcome> {
        artifacts::put(&self.bucket, artifact)
    }

    fn pin(&self, digest: &str, pinned: bool) -> Result<()> {
        if !is_digest(digest) {
            return Err(StoreError::BadReference {
                reference: digest.to_owned(),
            });
        }
        let key = format!("pins/{digest}");
        if !pinned {
            return self.bucket.delete(&key);
        }
        artifacts::touch(&self.bucket, digest)?;
        self.bucket.put(&key, b"")
    }

    fn collect(&self, choose: Choose<'_>) -> Result<Vec<String>> {
        artifacts::collect(&self.bucket, choose)
    }

    fn channels(&self) -> Result<Vec<String>> {
        let listed = self.bucket.list("heads/")?;
        let names = listed
            .iter()
            .filter_map(|l| l.key.strip_prefix("heads/")?.strip_suffix(".json"));
        Ok(names
            .filter(|n| head::is_name(n))
            .map(str::to_owned)
            .collect())
    }

    fn journals(&self) -> Result<Vec<String>> {
        let listed = self.bucket.list("journal/")?;
        let mut names: Vec<String> = listed
            .iter()
            .filter_map(|l| l.key.strip_prefix("journal/")?.split('/').next())
            .filter(|n| head::is_name(n))
            .map(str::to_owned)
            .collect();
        names.dedup();
        Ok(names)
    }

    fn head(&self, channel: &str) -> Result<Option<Versioned>> {
        let found = self.bucket.get(&head_key(channel)?, SMALL)?;
        Ok(found.map(|object| Versioned {
            bytes: object.bytes,
            tag: object.tag,
        }))
    }

    fn swap_head(&self, swap: Swap<'_>) -> Result<Swapped> {
        let key = head_key(swap.channel)?;
        let found: Option<Tag> = Backend::head(self, swap.channel)?.map(|head| head.tag);
        if found.as_ref() != swap.expected {
            return Ok(Swapped::Moved);
        }
        let start = Instant::now();
        if !is_digest(swap.requires) || !artifacts::touch(&self.bucket, swap.requires)? {
            return Ok(Swapped::Gone);
        }
        // Half of the time is left to the request that moves the head.
        if start.elapsed() > Duration::from_secs(self.bucket.lease.unsigned_abs() / 2) {
            return Err(StoreError::Unknown(format!(
                "{} took too long to answer: channel {} was not moved; try again",
                self.name(),
                swap.channel
            )));
        }
        let written = match swap.expected {
            None => self.bucket.create(&key, swap.bytes)?,
            Some(tag) => self.bucket.update(&key, swap.bytes, tag)?,
        };
        if written == Write::Moved {
            return Ok(Swapped::Moved);
        }
        Ok(Swapped::Done {
            journal: self.append(swap.entry).err().map(|e| e.to_string()),
        })
    }

    /// What was acknowledged is durable: there is nothing to do.
    fn flush(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn journal(&self, channel: &str) -> Result<Vec<u8>> {
        journal::whole(&self.bucket, named(channel)?)
    }

    fn journal_end(&self, channel: &str) -> Result<Vec<u8>> {
        journal::end(&self.bucket, named(channel)?)
    }

    fn append(&self, entry: &Entry) -> Result<()> {
        named(&entry.channel)?;
        journal::append(&self.bucket, entry)
    }

    fn keep_snapshot(&self, snapshot: &Snapshot) -> std::result::Result<(), SnapshotError> {
        snapshots::keep(&self.bucket, snapshot)
    }

    fn snapshot_file(&self, digest: &str, name: &str) -> Result<Option<Vec<u8>>> {
        snapshots::file(&self.bucket, digest, name)
    }

    fn put_status(&self, channel: &str, box_name: &str, bytes: &[u8]) -> Result<()> {
        let key = format!("status/{}/{}.json", named(channel)?, named(box_name)?);
        self.bucket.put(&key, bytes)
    }

    fn statuses(&self, channel: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let dir = format!("status/{}/", named(channel)?);
        let mut found = Vec::new();
        for listed in self.bucket.list(&dir)? {
            let name = listed
                .key
                .strip_prefix(&dir)
                .and_then(|n| n.strip_suffix(".json"));
            let Some(name) = name.filter(|n| head::is_name(n)) else {
                continue;
            };
            if let Some(object) = self.bucket.get(&listed.key, SMALL)? {
                found.push((name.to_owned(), object.bytes));
            }
        }
        Ok(found)
    }
}
