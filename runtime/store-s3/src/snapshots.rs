//! Snapshots in a bucket: the files that were recorded, each named by its digest, and `export.json`, which lists them and is
//! written last. Nothing is ever written over, and nothing is removed: which checkouts have a `weir.lock` that names a
//! snapshot cannot be known here.
//!
//! It does not know what the files mean.

use weir_schemas::export::{EXPORT, Export};
use weir_store::snapshot::{Snapshot, SnapshotError};
use weir_store::{Result, StoreError};

use crate::artifacts::is_digest;
use crate::bucket::{Bucket, LARGE};

fn key(digest: &str, object: &str) -> String {
    format!("snapshots/{digest}/{object}")
}

/// Copies a snapshot of a directory. One that is there already costs one request.
pub(crate) fn keep(bucket: &Bucket, snapshot: &Snapshot) -> std::result::Result<(), SnapshotError> {
    let described = key(snapshot.digest(), EXPORT);
    if bucket.is_there(&described)? {
        return Ok(());
    }
    let export = snapshot.verify()?;
    let read = |name: &str| {
        let path = snapshot.path().join(name);
        std::fs::read(&path).map_err(|error| {
            StoreError::Unknown(format!("cannot read {}: {error}", path.display()))
        })
    };
    // One after the other: together they may be more than there is memory for.
    for file in &export.files {
        bucket.create(&key(snapshot.digest(), &file.sha256), &read(&file.name)?)?;
    }
    bucket.create(&described, &read(EXPORT)?)?;
    Ok(())
}

/// A file of a snapshot by the name it had in the directory.
pub(crate) fn file(bucket: &Bucket, digest: &str, name: &str) -> Result<Option<Vec<u8>>> {
    if !is_digest(digest) {
        return Ok(None);
    }
    let Some(described) = bucket.get(&key(digest, EXPORT), LARGE)? else {
        return Ok(None);
    };
    if name == EXPORT {
        return Ok(Some(described.bytes));
    }
    let export: Export = weir_schemas::read(&described.bytes).map_err(|error| {
        StoreError::Unknown(format!(
            "{EXPORT} of snapshot {digest} in {}: {error}",
            bucket.name
        ))
    })?;
    match export.files.iter().find(|file| file.name == name) {
        Some(file) if is_digest(&file.sha256) => {
            let object = bucket.get(&key(digest, &file.sha256), LARGE)?;
            Ok(object.map(|object| object.bytes))
        }
        _ => Ok(None),
    }
}
