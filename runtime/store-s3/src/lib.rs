//! Artifacts and channels in an S3-compatible store: what [`weir_store`] keeps in a directory, over `object_store`.
//!
//! ```text
//! <prefix>/heads/<channel>.json                         which artifact the channel runs; moved by `If-Match`
//! <prefix>/journal/<channel>/<number>                   one line of the journal; each number is written once
//! <prefix>/artifacts/<payload digest>/index.json        the builds of one artifact; moved by `If-Match`
//! <prefix>/artifacts/<payload digest>/<set>/<SHA-256>   one file of it; written once, never changed
//! <prefix>/pins/<payload digest>                        keeps this artifact from being collected
//! <prefix>/snapshots/<digest>/export.json               what was read from a source; written last, never changed
//! <prefix>/snapshots/<digest>/<SHA-256>                 one file of it
//! <prefix>/status/<channel>/<box>.json                  what a box says it runs
//! <prefix>/clock                                        written to learn what time it is there
//! ```
//!
//! There are no locks. Everything that decides is one conditional write: heads and indexes are replaced only if they
//! still are what was read, everything else is written only where nothing is. A bucket whose conditional writes do
//! not hold loses promotions; [`S3Store::probe`] finds out.
//!
//! An artifact is there when its index is, which is written last. It is collected by replacing the index first; whoever
//! stores, pins or promotes it replaces the index too, so one of the two notices. What was touched in the last hour
//! is never collected, and a promotion that takes longer gives up: between touching an artifact and moving a head to it
//! nothing can be removed.
//!
//! A crate of its own, so that no HTTP gets into the runtime. Calls block; they are not for the threads of an async
//! runtime. It does not know what artifacts hold, nor where credentials are kept.

mod artifacts;
mod backend;
mod bucket;
mod connect;
mod error;
mod journal;
mod probe;
mod snapshots;

use std::sync::Arc;

use object_store::ObjectStore;
use weir_store::{Result, StoreError};

pub use connect::{Address, Credentials, Settings};
pub use probe::Verdict;

use artifacts::LEASE;
use bucket::Bucket;

/// A store in a bucket.
#[derive(Debug)]
pub struct S3Store {
    bucket: Bucket,
}

impl S3Store {
    /// Makes ready to speak to a bucket. Nothing is sent yet.
    pub fn connect(settings: &Settings) -> Result<S3Store> {
        let objects = connect::objects(settings)?;
        let hidden = settings.credentials.hidden();
        let name = settings.address.to_string();
        S3Store::new(objects, &settings.address.prefix, name, hidden, LEASE)
    }

    /// A store over any objects whose conditional writes hold, as tests have them in memory.
    /// `lease`: seconds in which what was touched is not collected.
    pub fn over(objects: Arc<dyn ObjectStore>, prefix: &str, lease: i64) -> Result<S3Store> {
        S3Store::new(objects, prefix, "memory".to_owned(), Vec::new(), lease)
    }

    fn new(
        objects: Arc<dyn ObjectStore>,
        prefix: &str,
        name: String,
        hidden: Vec<String>,
        lease: i64,
    ) -> Result<S3Store> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| StoreError::Unknown(format!("no thread can be started: {error}")))?;
        Ok(S3Store {
            bucket: Bucket {
                objects,
                prefix: prefix.to_owned(),
                name,
                hidden,
                runtime,
                lease,
            },
        })
    }

    /// Where it is, for people: `s3://bucket/prefix`.
    pub fn name(&self) -> &str {
        &self.bucket.name
    }

    /// Tries whether conditional writes hold: sequentially, by `racers` who create the same object at once, and by
    /// `racers` who each count one object up `steps` times. Leaves nothing behind where it may delete.
    pub fn probe(&self, racers: usize, rounds: usize, steps: usize) -> Result<Verdict> {
        probe::run(&self.bucket, racers, rounds, steps)
    }
}
