//! What the runtime says of itself: a board that the agent writes to and clients read from.
//!
//! Nothing here touches the kernel or waits for whoever does: the agent puts down what it knows under a lock that is
//! held for a copy, readings come from a thread of their own, and a client gets what is on the board.

pub mod live;
pub mod metrics;
pub mod serve;
pub mod traffic;

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use weir_schemas::Published as _;
use weir_schemas::runtime::{
    Apply, Check, Deadline, InterfaceStatus, Loaded, OutcomeCount, RefusedHead, RuntimeStatus,
    State, StoreSeen,
};

use traffic::Readings;

/// What the agent knows.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    pub target: Option<String>,
    pub channel: Option<String>,
    pub state: State,
    pub active: Option<Loaded>,
    pub previous: Option<Loaded>,
    /// When an unconfirmed generation's time is over, in milliseconds since boot, and what it goes back to.
    pub deadline: Option<(u64, Option<String>)>,
    pub last_apply: Option<Apply>,
    /// How many applies ended so: in the order of [`metrics::RESULTS`].
    pub applies: [u64; metrics::RESULTS.len()],
    pub health: Vec<Check>,
    /// Kind and one line each, sorted; at most [`DRIFT`].
    pub drift: Vec<String>,
    pub drift_count: u64,
    pub interfaces: Vec<InterfaceStatus>,
    pub stuck: Option<String>,
    pub refused: Option<RefusedHead>,
    pub store: Option<StoreSeen>,
}

/// Drifted objects that are listed.
pub const DRIFT: usize = 100;

impl Default for Snapshot {
    fn default() -> Self {
        Snapshot {
            target: None,
            channel: None,
            state: State::Idle,
            active: None,
            previous: None,
            deadline: None,
            last_apply: None,
            applies: [0; metrics::RESULTS.len()],
            health: Vec::new(),
            drift: Vec::new(),
            drift_count: 0,
            interfaces: Vec::new(),
            stuck: None,
            refused: None,
            store: None,
        }
    }
}

/// The board.
#[derive(Debug, Default)]
pub struct Board {
    snapshot: Mutex<Snapshot>,
    readings: Mutex<Readings>,
}

/// A moment, for answers.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The time of day, to the second.
    pub time: Timestamp,
    /// Milliseconds since boot.
    pub since_boot_ms: u64,
}

impl Board {
    /// Changes what the agent knows.
    pub fn write(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut unpoisoned(&self.snapshot));
    }

    /// A copy of what the agent knows.
    pub fn snapshot(&self) -> Snapshot {
        unpoisoned(&self.snapshot).clone()
    }

    /// The readings, for as long as it takes to answer.
    pub fn readings(&self) -> MutexGuard<'_, Readings> {
        unpoisoned(&self.readings)
    }

    /// Answer to `status`.
    pub fn status(&self, now: Moment) -> RuntimeStatus {
        let outcomes: Vec<OutcomeCount> = self.readings().outcomes();
        let snapshot = self.snapshot();
        RuntimeStatus {
            schema: RuntimeStatus::SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            time: now.time.to_string(),
            target: snapshot.target,
            channel: snapshot.channel,
            state: snapshot.state,
            active: snapshot.active,
            previous: snapshot.previous,
            deadline: snapshot.deadline.map(|(end, back_to)| Deadline {
                seconds_left: end.saturating_sub(now.since_boot_ms).div_ceil(1000),
                back_to,
            }),
            last_apply: snapshot.last_apply,
            health: snapshot.health,
            drift: snapshot.drift,
            drift_count: snapshot.drift_count,
            interfaces: snapshot.interfaces,
            outcomes,
            stuck: snapshot.stuck,
            refused: snapshot.refused,
            store: snapshot.store,
        }
    }
}

/// A thread that panicked wrote whole values or none.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
