//! Looks on while the sources of a run are read, and keeps how each went: for the book, the console and the metrics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use weir_console::engine::{Fetched, Permission, Records};
use weir_fetch::{Event, FetchError, Recording, Tell};

use crate::cli::sources::Watch;
use crate::serve::run::now;

/// Looks on while sources are read, and keeps how each went.
pub struct Reading {
    stop: Arc<AtomicBool>,
    came: Mutex<Vec<ReadOne>>,
}

/// How reading one source went.
pub struct ReadOne {
    pub source: String,
    pub fetched: Fetched,
    pub permissions: Vec<Permission>,
    /// What to do about it, where it failed.
    pub failure: Option<String>,
}

impl Reading {
    /// `stop`: reading is broken off when it is set.
    pub fn new(stop: Arc<AtomicBool>) -> Reading {
        Reading {
            stop,
            came: Mutex::default(),
        }
    }

    /// What came of it so far, in the order of the project.
    pub fn came(&self) -> std::sync::MutexGuard<'_, Vec<ReadOne>> {
        self.came
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Tell for Reading {
    fn tell(&self, _: Event<'_>) {}
}

impl Watch for Reading {
    fn begin(&self, _: &str) {}

    fn end(&self) {}

    fn read(&self, source: &str, came: Result<&Recording, &FetchError>, took: Duration) {
        let fetched = Fetched {
            time: now(),
            ok: came.is_ok(),
            message: match came {
                Ok(recording) => format!("{} records", recording.records()),
                Err(error) => error.to_string(),
            },
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            records: came.map_or_else(|_| Vec::new(), records),
        };
        let seen = ReadOne {
            source: source.to_owned(),
            fetched,
            permissions: came.map_or_else(|_| Vec::new(), permissions),
            failure: came.err().map(|error| error.cause.help().to_string()),
        };
        self.came().push(seen);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Records by collection, in the order of their names.
fn records(recording: &Recording) -> Vec<Records> {
    let mut records: Vec<Records> = Vec::new();
    for file in &recording.export.files {
        match records.last_mut() {
            Some(last) if last.collection == file.collection => last.count += file.records,
            _ => records.push(Records {
                collection: file.collection.clone(),
                count: file.records,
            }),
        }
    }
    records
}

/// What was read was allowed; what is not there says why.
fn permissions(recording: &Recording) -> Vec<Permission> {
    let read = records(recording).into_iter().map(|records| Permission {
        what: records.collection,
        ok: Some(true),
        detail: format!("{} records", records.count),
    });
    let missing = recording.export.missing.iter().map(|missing| Permission {
        what: missing.collection.clone(),
        ok: Some(false),
        detail: missing.reason.clone(),
    });
    read.chain(missing).collect()
}
