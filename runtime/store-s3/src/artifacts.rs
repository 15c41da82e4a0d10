//! Artifacts in a bucket: files that are written once, and an index that says which of them are the artifact.
//!
//! It does not know what the files mean, except that the manifest lists them.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use weir_schemas::artifact::{MANIFEST, file};
use weir_schemas::manifest::Manifest;
use weir_store::channel::{Choose, Stored, Tag};
use weir_store::{ArtifactFiles, Outcome, Result, StoreError, sha256};

use crate::bucket::{AT_ONCE, Bucket, LARGE, SMALL, Write};

/// Seconds after an artifact was stored, pinned or about to be promoted in which it is not collected.
pub(crate) const LEASE: i64 = 3600;
/// Seconds after which files that no index names are taken for left behind.
const ORPHAN: i64 = 24 * 3600;
/// Writers of one index that may come between before one gives up.
const TRIES: usize = 50;

const SCHEMA: &str = "weir.remote-artifact/1";

/// What is there of one artifact. Other keys may be added; readers ignore them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Index {
    schema: String,
    /// Names the set of files.
    pub set: String,
    /// SHA-256 of the manifests of all builds, the newest last.
    pub builds: Vec<String>,
    /// It was collected: nothing of it is there any more.
    removed: bool,
    /// Who wrote this index last: no two indexes have the same bytes.
    touched: String,
}

pub(crate) fn is_digest(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A name that nothing else has.
fn nonce() -> Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        StoreError::Unknown(format!("the machine has no random numbers: {error}"))
    })?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

fn index_key(digest: &str) -> String {
    format!("artifacts/{digest}/index.json")
}

fn file_key(digest: &str, set: &str, sha256: &str) -> String {
    format!("artifacts/{digest}/{set}/{sha256}")
}

/// An index as it is, that of a removed artifact too.
fn any_index(bucket: &Bucket, digest: &str) -> Result<Option<(Index, Tag, i64)>> {
    let key = index_key(digest);
    let Some(object) = bucket.get(&key, SMALL)? else {
        return Ok(None);
    };
    let index: Index = serde_json::from_slice(&object.bytes)
        .map_err(|error| error.to_string())
        .and_then(|index: Index| {
            let safe = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_hexdigit());
            match index.schema == SCHEMA && safe(&index.set) && index.builds.iter().all(safe) {
                true => Ok(index),
                false => Err(format!("it is no {SCHEMA}")),
            }
        })
        .map_err(|reason| {
            StoreError::Unknown(format!(
                "{key} in {} cannot be read: {reason}; the artifact must be stored again under another prefix, or the \
                 object be restored",
                bucket.name
            ))
        })?;
    Ok(Some((index, object.tag, object.written)))
}

/// The index of an artifact that is there.
pub(crate) fn index(bucket: &Bucket, digest: &str) -> Result<Option<(Index, Tag)>> {
    let found = any_index(bucket, digest)?;
    Ok(found.and_then(|(index, tag, _)| (!index.removed).then_some((index, tag))))
}

/// Writes an index over the one that was read, or where there was none.
fn write_index(bucket: &Bucket, digest: &str, index: &Index, was: Option<&Tag>) -> Result<Write> {
    let key = index_key(digest);
    let mut bytes = serde_json::to_vec_pretty(index)
        .map_err(|error| StoreError::Unknown(format!("an index cannot be written: {error}")))?;
    bytes.push(b'\n');
    let written = match was {
        None => bucket.create(&key, &bytes),
        Some(tag) => bucket.update(&key, &bytes, tag),
    };
    if matches!(written, Ok(Write::Done)) {
        return written;
    }
    // It may have arrived all the same, or twice.
    match bucket.get(&key, SMALL) {
        Ok(Some(now)) if now.bytes == bytes => Ok(Write::Done),
        _ => written,
    }
}

/// Marks an artifact as wanted: it will not be collected for an hour. False where it is not there.
pub(crate) fn touch(bucket: &Bucket, digest: &str) -> Result<bool> {
    for _ in 0..TRIES {
        let Some((index, tag)) = index(bucket, digest)? else {
            return Ok(false);
        };
        let touched = Index {
            touched: nonce()?,
            ..index
        };
        if write_index(bucket, digest, &touched, Some(&tag))? == Write::Done {
            return Ok(true);
        }
    }
    Err(busy(bucket, digest))
}

fn busy(bucket: &Bucket, digest: &str) -> StoreError {
    StoreError::Unknown(format!(
        "artifact {digest} in {} is written by too many at once; try again",
        bucket.name
    ))
}

/// Files of an artifact by the name they have in the bucket.
fn by_digest<'a>(artifact: &ArtifactFiles<'a>) -> BTreeMap<String, &'a [u8]> {
    let files = artifact.files.iter();
    files
        .map(|(_, content)| (content.sha256().into_owned(), content.bytes()))
        .collect()
}

fn upload(bucket: &Bucket, digest: &str, set: &str, files: &BTreeMap<String, &[u8]>) -> Result<()> {
    let puts = files.iter().map(|(sha256, bytes)| {
        let key = file_key(digest, set, sha256);
        // What is there under this name has these bytes: it is written once, and named by them.
        async move { bucket.create_later(&key, bytes.to_vec()).await.map(|_| ()) }
    });
    bucket.wait(
        futures::stream::iter(puts)
            .buffer_unordered(AT_ONCE)
            .try_collect(),
    )
}

pub(crate) fn put(bucket: &Bucket, artifact: &ArtifactFiles<'_>) -> Result<Outcome> {
    artifact.check()?;
    let digest = artifact.digest;
    let manifest = artifact.files.iter().find(|(name, _)| *name == MANIFEST);
    let build = sha256(manifest.map_or(&[][..], |(_, content)| content.bytes()));
    let files = by_digest(artifact);
    for _ in 0..TRIES {
        let (next, was, outcome) = match any_index(bucket, digest)? {
            Some((index, tag, _)) if !index.removed => {
                // Touched first: what is uploaded now must not be removed before the index names it.
                let touched = Index {
                    touched: nonce()?,
                    ..index
                };
                if write_index(bucket, digest, &touched, Some(&tag))? == Write::Moved {
                    continue;
                }
                upload(bucket, digest, &touched.set, &files)?;
                // Again, with what others added meanwhile.
                let now = self::index(bucket, digest)?;
                let Some((mut next, tag)) = now.filter(|(now, _)| now.set == touched.set) else {
                    continue;
                };
                if next.builds.last() == Some(&build) {
                    return Ok(Outcome::Existing);
                }
                next.builds.retain(|known| *known != build);
                next.builds.push(build.clone());
                next.touched = nonce()?;
                (next, Some(tag), Outcome::Redescribed)
            }
            other => {
                let set = nonce()?;
                upload(bucket, digest, &set, &files)?;
                let index = Index {
                    schema: SCHEMA.to_owned(),
                    set,
                    builds: vec![build.clone()],
                    removed: false,
                    touched: nonce()?,
                };
                (index, other.map(|(_, tag, _)| tag), Outcome::New)
            }
        };
        if write_index(bucket, digest, &next, was.as_ref())? == Write::Done {
            return Ok(outcome);
        }
    }
    Err(busy(bucket, digest))
}

/// One file of an artifact, proved; `None` where there is no such artifact, build or file.
pub(crate) fn artifact_file(bucket: &Bucket, digest: &str, name: &str) -> Result<Option<Vec<u8>>> {
    let part = name.rsplit('/').next().unwrap_or(name);
    let dir = name.strip_suffix(part).unwrap_or("");
    let wanted = match dir.strip_prefix("builds").map(|d| d.trim_matches('/')) {
        Some(build) if is_digest(build) => Some(build),
        None if dir.is_empty() => None,
        _ => return Ok(None),
    };
    if !is_digest(digest) || file(part).is_none() {
        return Ok(None);
    }
    let Some((index, _)) = index(bucket, digest)? else {
        return Ok(None);
    };
    let newest = index.builds.last().map(String::as_str);
    let Some(build) = wanted.or(newest) else {
        return Ok(None);
    };
    if !index.builds.iter().any(|known| known == build) {
        return Ok(None);
    }
    let bytes = one(bucket, digest, &index.set, build, MANIFEST)?;
    if part == MANIFEST {
        return Ok(Some(bytes));
    }
    let manifest: Manifest<'_> = weir_schemas::read(&bytes).map_err(|error| {
        StoreError::Unknown(format!(
            "{MANIFEST} of artifact {digest} in {}: {error}",
            bucket.name
        ))
    })?;
    let mut rows = manifest.payload.iter().chain(&manifest.description);
    match rows.find(|row| row.name == part) {
        Some(row) => one(bucket, digest, &index.set, &row.sha256, part).map(Some),
        None => Ok(None),
    }
}

/// The bytes of a file by their digest. Anything else under that name is damage.
fn one(bucket: &Bucket, digest: &str, set: &str, wanted: &str, name: &str) -> Result<Vec<u8>> {
    let damaged = |what: String| {
        StoreError::Unknown(format!(
            "artifact {digest} in {} is not what was stored: {name} {what}; build it again and store it under another \
             prefix, or restore the object",
            bucket.name
        ))
    };
    if !is_digest(wanted) {
        return Err(damaged("is listed without a digest".to_owned()));
    }
    match bucket.get(&file_key(digest, set, wanted), LARGE)? {
        None => Err(damaged("is missing".to_owned())),
        Some(object) => {
            let found = sha256(&object.bytes);
            match found == wanted {
                true => Ok(object.bytes),
                false => Err(damaged(format!(
                    "has SHA-256 {found}, and {wanted} was stored"
                ))),
            }
        }
    }
}

/// Every artifact, each with the index it has now.
fn all(bucket: &Bucket) -> Result<Vec<(Stored, Index, Tag)>> {
    let mut found = Vec::new();
    for digest in digests(bucket)? {
        if let Some((index, tag, written)) = any_index(bucket, &digest)? {
            let stored = Stored {
                stored: u64::try_from(written).unwrap_or(0) * 1_000_000_000,
                pinned: false,
                digest,
            };
            found.push((stored, index, tag));
        }
    }
    // After the indexes: who pins touches the index first.
    let pins: Vec<String> = bucket
        .list("pins/")?
        .into_iter()
        .filter_map(|l| l.key.strip_prefix("pins/").map(str::to_owned))
        .collect();
    for (stored, ..) in &mut found {
        stored.pinned = pins.contains(&stored.digest);
    }
    Ok(found)
}

/// Digests that have an index, sorted.
fn digests(bucket: &Bucket) -> Result<Vec<String>> {
    let listed = bucket.list("artifacts/")?;
    let keys = listed.iter().map(|l| l.key.as_str());
    let digests = keys.filter_map(|k| k.strip_prefix("artifacts/")?.strip_suffix("/index.json"));
    Ok(digests
        .filter(|d| is_digest(d))
        .map(str::to_owned)
        .collect())
}

pub(crate) fn stored(bucket: &Bucket) -> Result<Vec<Stored>> {
    let all = all(bucket)?.into_iter();
    Ok(all
        .filter(|(_, index, _)| !index.removed)
        .map(|(stored, ..)| stored)
        .collect())
}

/// See [`Backend::collect`](weir_store::channel::Backend::collect). In this order: indexes are read, then heads, then
/// each index that is to go is replaced if it still is what was read, and only then files are removed.
pub(crate) fn collect(bucket: &Bucket, choose: Choose<'_>) -> Result<Vec<String>> {
    let now = bucket.now()?;
    let all = all(bucket)?;
    let there: Vec<Stored> = all
        .iter()
        .filter(|(_, index, _)| !index.removed)
        .map(|(stored, ..)| stored.clone())
        .collect();
    let chosen = choose(&there)?;
    let mut removed = Vec::new();
    for (stored, index, tag) in &all {
        let age = now - i64::try_from(stored.stored / 1_000_000_000).unwrap_or(i64::MAX);
        if index.removed || age < bucket.lease || !chosen.contains(&stored.digest) {
            continue;
        }
        let gone = Index {
            removed: true,
            touched: nonce()?,
            ..index.clone()
        };
        if write_index(bucket, &stored.digest, &gone, Some(tag))? == Write::Done {
            removed.push(stored.digest.clone());
        }
    }
    if !chosen.is_empty() {
        sweep(bucket, now)?;
    }
    Ok(removed)
}

/// Removes files that no index names: at once those of an artifact that was collected, and those of an upload that was
/// interrupted once they are a day old.
fn sweep(bucket: &Bucket, now: i64) -> Result<()> {
    let mut sets: BTreeMap<String, (String, bool)> = BTreeMap::new();
    for digest in digests(bucket)? {
        if let Some((index, ..)) = any_index(bucket, &digest)? {
            sets.insert(digest, (index.set, index.removed));
        }
    }
    for listed in bucket.list("artifacts/")? {
        let mut parts = listed.key.split('/').skip(1);
        let (Some(digest), Some(set), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let goes = match sets.get(digest) {
            Some((of, removed)) if of == set => *removed,
            _ => now - listed.written > ORPHAN,
        };
        if goes {
            bucket.delete(&listed.key)?;
        }
    }
    Ok(())
}
