//! Objects under a prefix: read, written once, replaced if unchanged, listed. Every call blocks until it is answered.
//!
//! It does not know what objects mean.

use std::future::Future;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
    UpdateVersion,
};
use tokio::runtime::Runtime;
use weir_store::channel::Tag;
use weir_store::{Result, StoreError};

use crate::error::told;

/// Largest head, journal line, index or status that is read.
pub(crate) const SMALL: u64 = 1 << 20;
/// Largest file of an artifact that is read.
pub(crate) const LARGE: u64 = 4 << 30;
/// Requests that are under way at once.
pub(crate) const AT_ONCE: usize = 16;
/// Times that a create is tried again where the service says that another is under way and then nothing is there.
const CREATES: usize = 5;

#[derive(Debug)]
pub(crate) struct Bucket {
    pub objects: Arc<dyn ObjectStore>,
    /// Without slashes at its ends; may be empty.
    pub prefix: String,
    /// For people.
    pub name: String,
    /// What must not be shown.
    pub hidden: Vec<String>,
    pub runtime: Runtime,
    /// Seconds in which what was touched is not collected.
    pub lease: i64,
}

/// An object that was read.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub bytes: Vec<u8>,
    pub tag: Tag,
    /// Seconds since 1970 when it was written, by the clock of the service.
    pub written: i64,
}

/// An object in a list.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// Below the prefix.
    pub key: String,
    /// Seconds since 1970, by the clock of the service.
    pub written: i64,
}

/// What a conditional write came to, if it did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Write {
    Done,
    /// Something else is there. It may be our own: a request can arrive twice.
    Moved,
}

impl Bucket {
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub fn path(&self, key: &str) -> Path {
        match self.prefix.is_empty() {
            true => Path::from(key),
            false => Path::from([&self.prefix, "/", key].concat()),
        }
    }

    pub fn failed<'a>(
        &'a self,
        action: &'a str,
        key: &'a str,
    ) -> impl Fn(Error) -> StoreError + 'a {
        move |error| told(&self.name, &self.hidden, action, key, &error)
    }

    /// An object of at most `most` bytes; `None` where there is none.
    pub fn get(&self, key: &str, most: u64) -> Result<Option<Object>> {
        self.wait(self.read(key, most))
    }

    pub async fn read(&self, key: &str, most: u64) -> Result<Option<Object>> {
        let failed = self.failed("read", key);
        let path = self.path(key);
        let found = match self.objects.get_opts(&path, GetOptions::default()).await {
            Err(Error::NotFound { source, .. }) => {
                // A bucket that is not there is no empty one.
                return match source.to_string().contains("NoSuchBucket") {
                    true => Err(self.no_bucket()),
                    false => Ok(None),
                };
            }
            found => found.map_err(&failed)?,
        };
        let meta = found.meta.clone();
        if meta.size > most {
            return Err(StoreError::Unknown(format!(
                "{key} in {} has {} bytes, and at most {most} are read: somebody else wrote it",
                self.name, meta.size
            )));
        }
        let bytes = found.bytes().await.map_err(&failed)?;
        let tag = meta.e_tag.ok_or_else(|| {
            StoreError::Unknown(format!(
                "{} gives objects no ETag, so nobody can tell whether they changed: it cannot keep channels",
                self.name
            ))
        })?;
        Ok(Some(Object {
            bytes: bytes.to_vec(),
            tag: Tag(tag),
            written: meta.last_modified.timestamp(),
        }))
    }

    fn no_bucket(&self) -> StoreError {
        StoreError::Unknown(format!(
            "there is no bucket behind {}: make it, or correct `store.url` in weir.toml",
            self.name
        ))
    }

    /// Writes an object where there is none.
    pub fn create(&self, key: &str, bytes: &[u8]) -> Result<Write> {
        self.wait(self.create_later(key, bytes.to_vec()))
    }

    pub async fn create_later(&self, key: &str, bytes: Vec<u8>) -> Result<Write> {
        let failed = self.failed("write", key);
        let path = self.path(key);
        let bytes = bytes::Bytes::from(bytes);
        for _ in 0..CREATES {
            let options = PutOptions {
                mode: PutMode::Create,
                ..PutOptions::default()
            };
            let payload = PutPayload::from_bytes(bytes.clone());
            match self.objects.put_opts(&path, payload, options).await {
                Ok(_) => return Ok(Write::Done),
                // Either something is there, or somebody else is about to write it.
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                    match self.objects.head(&path).await {
                        Ok(_) => return Ok(Write::Moved),
                        Err(Error::NotFound { .. }) => {}
                        Err(error) => return Err(failed(error)),
                    }
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Err(StoreError::Unknown(format!(
            "cannot write {key} in {}: it says that others write it, and nothing appears there; try again",
            self.name
        )))
    }

    /// Replaces an object that still is what was read.
    pub fn update(&self, key: &str, bytes: &[u8], expected: &Tag) -> Result<Write> {
        self.wait(self.update_later(key, bytes.to_vec(), expected))
    }

    pub async fn update_later(&self, key: &str, bytes: Vec<u8>, expected: &Tag) -> Result<Write> {
        let version = UpdateVersion {
            e_tag: Some(expected.0.clone()),
            version: None,
        };
        let options = PutOptions {
            mode: PutMode::Update(version),
            ..PutOptions::default()
        };
        let path = self.path(key);
        match self.objects.put_opts(&path, bytes.into(), options).await {
            Ok(_) => Ok(Write::Done),
            Err(Error::Precondition { .. } | Error::NotFound { .. }) => Ok(Write::Moved),
            Err(error) => Err(self.failed("write", key)(error)),
        }
    }

    /// Writes an object whatever is there.
    pub fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        let payload = PutPayload::from(bytes.to_vec());
        self.wait(self.objects.put(&self.path(key), payload))
            .map(|_| ())
            .map_err(self.failed("write", key))
    }

    /// Removes an object; one that is not there is removed.
    pub fn delete(&self, key: &str) -> Result<()> {
        match self.wait(self.objects.delete(&self.path(key))) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove", key)(error)),
        }
    }

    pub fn is_there(&self, key: &str) -> Result<bool> {
        match self.wait(self.objects.head(&self.path(key))) {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed("read", key)(error)),
        }
    }

    /// Everything below `dir`, sorted by key.
    pub fn list(&self, dir: &str) -> Result<Vec<Listed>> {
        let path = self.path(dir);
        let below = match self.prefix.len() {
            0 => 0,
            length => length + 1,
        };
        let mut listed: Vec<Listed> = self
            .wait(self.objects.list(Some(&path)).try_collect::<Vec<_>>())
            .map_err(self.failed("list", dir))?
            .into_iter()
            .filter_map(|meta| {
                Some(Listed {
                    key: meta.location.as_ref().get(below..)?.to_owned(),
                    written: meta.last_modified.timestamp(),
                })
            })
            .collect();
        listed.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(listed)
    }

    /// Many objects at once, in the order asked for.
    pub fn get_all(&self, keys: Vec<String>, most: u64) -> Result<Vec<Option<Object>>> {
        let reads = keys
            .into_iter()
            .map(|key| async move { self.read(&key, most).await });
        self.wait(futures::stream::iter(reads).buffered(AT_ONCE).try_collect())
    }

    /// What time it is there, in seconds since 1970.
    pub fn now(&self) -> Result<i64> {
        self.put("clock", b"")?;
        self.wait(self.objects.head(&self.path("clock")))
            .map(|meta| meta.last_modified.timestamp())
            .map_err(self.failed("read", "clock"))
    }
}
