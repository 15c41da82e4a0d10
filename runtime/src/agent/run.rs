//! The agent: hears of heads and of time passing, keeps in mind what is to be in the kernel, and brings the kernel
//! there. It alone changes the kernel.
//!
//! Every turn is a function of what is remembered and what the kernel shows, so that one that was cut short is made
//! up for by the next: what is to be done is written down first, then done, then read back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use weir_schemas::runtime::{Apply, ApplyResult, Loaded, RefusedHead, State};
use weir_store::channel::{Clock, short};

use super::course::{Failing, Now};
use super::memory::{Keeper, Memory, MemoryError};
use super::shaper::{Loading, Shaper};
use crate::artifact::Proved;
use crate::config::Config;
use crate::copies::Copies;
use crate::follow::{Missing, Refusal, Seen};
use crate::health::Counters;
use crate::status::traffic::{Legend, Probed};
use crate::status::{Board, metrics};
use watch::Watch;

/// What could not be remembered is tried again after so long, in milliseconds.
const LOOK_AGAIN_MS: u64 = 10_000;
/// Longest wait between attempts, in milliseconds.
const LONGEST_RETRY_MS: u64 = 300_000;

/// What the agent is told.
#[derive(Debug)]
pub enum Told {
    /// A head, and what came of looking for its artifact and, if it waits to be confirmed, for that of its parent.
    Head {
        seen: Box<Seen>,
        /// What was proved, where it is at hand; there is a copy in any case.
        artifact: Result<Option<Arc<Proved>>, Missing>,
    },
    /// The store has the head that was told last.
    Unchanged,
    /// The channel runs nothing.
    Nothing,
    Refused(Refusal),
    Unreachable(String),
}

/// How grave a line of the log is, as journald counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
}

/// Where lines of the log go.
pub type Log<'a> = &'a dyn Fn(Level, &str);

/// Follows a channel, with everything it needs for that.
pub struct Agent<'a, S: Shaper> {
    shaper: S,
    clock: &'a dyn Clock,
    keeper: Keeper,
    copies: Copies,
    config: Config,
    board: Arc<Board>,
    log: Log<'a>,
    memory: Memory,
    /// What is in the kernel as far as is known; `None` before the first look.
    loaded: Option<Arc<Proved>>,
    /// Proved just now, to be loaded once.
    fetched: Option<Arc<Proved>>,
    /// Interfaces as they were when it was loaded.
    indexes: BTreeMap<String, Option<u32>>,
    /// Watched since it was loaded, and not proved yet.
    watch: Option<Watch>,
    /// Counters at the last two read-backs, older first: a while of what is usual.
    usual: [Option<Counters>; 2],
    /// Circuits that are looked at by name, at the last read-back.
    probed: Option<Probed>,
    /// Not before this: milliseconds since boot.
    retry_at: u64,
    /// Must be brought in again although it is loaded.
    dirty: Option<String>,
    repairs: u32,
    repaired_at: u64,
    read_back_at: u64,
    /// When what is kept for going back at once is let go; `None` = nothing is kept.
    reclaim_at: Option<u64>,
    /// Loading failed and so did the way back.
    unshaped: bool,
    /// What waits for a person.
    stuck: Option<String>,
    /// A reason that was told already is not told each second.
    told: BTreeMap<&'static str, String>,
    /// What the channel has and is not followed.
    refused: Option<RefusedHead>,
    settle: bool,
    /// When what could not be heard is asked for again.
    look_at: Option<u64>,
}

impl<'a, S: Shaper> Agent<'a, S> {
    /// An agent that remembers.
    pub fn new(
        shaper: S,
        clock: &'a dyn Clock,
        config: Config,
        board: Arc<Board>,
        log: Log<'a>,
    ) -> Result<Self, MemoryError> {
        let keeper = Keeper::open(&config.state.dir)?;
        let memory = keeper.load()?;
        let copies = open_copies(&config.state.dir)?;
        let agent = Agent {
            shaper,
            clock,
            keeper,
            copies,
            config,
            board,
            log,
            memory,
            loaded: None,
            fetched: None,
            indexes: BTreeMap::new(),
            watch: None,
            usual: [None; 2],
            probed: None,
            retry_at: 0,
            dirty: None,
            repairs: 0,
            repaired_at: 0,
            read_back_at: 0,
            reclaim_at: None,
            unshaped: false,
            stuck: None,
            told: BTreeMap::new(),
            refused: None,
            settle: false,
            look_at: None,
        };
        Ok(agent)
    }

    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// A pending generation ran out of time here: the head of the store should be taken back, if that is possible.
    /// True once.
    pub fn wants_settling(&mut self) -> bool {
        std::mem::take(&mut self.settle)
    }

    /// What was told could not be taken in: it is to be told again. True once.
    pub fn wants_looking(&mut self) -> bool {
        let due = self
            .look_at
            .is_some_and(|at| self.clock.since_boot_ms() >= at);
        if due {
            self.look_at = None;
        }
        due
    }

    /// Tries again what was given up, because somebody says so.
    pub fn retry(&mut self) {
        self.memory.retry();
        self.save();
        self.stuck = None;
        self.told.clear();
        self.refused = None;
        self.retry_at = 0;
        self.repairs = 0;
        self.read_back_at = 0;
    }

    /// One turn: lets time pass, brings the kernel to where it is to be, and looks at it.
    pub fn turn(&mut self) {
        self.expire();
        self.look_at_interfaces();
        self.converge();
        self.watch();
        self.read_back_when_due();
        self.reclaim_when_due();
        self.publish();
    }

    fn expire(&mut self) {
        let wanted = self.memory.wanted.clone();
        let now = self.now();
        if !self.memory.tick(&now) {
            return;
        }
        // Going back does not wait for a disk that is full: the same is decided again after a crash.
        self.save();
        self.settle = true;
        self.retry_at = 0;
        self.stuck = None;
        let reason = self
            .memory
            .given_up
            .as_ref()
            .map_or("", |g| g.reason.as_str());
        let name = wanted.map_or_else(String::new, |w| short(&w.digest).to_owned());
        let text = format!("going back from {name}: {reason}");
        self.say(Level::Warning, &text);
    }

    /// An interface that went away and came back has nothing of ours any more.
    fn look_at_interfaces(&mut self) {
        let names: Vec<String> = self.indexes.keys().cloned().collect();
        for name in names {
            let now = self.shaper.interface(&name);
            let before = self.indexes.insert(name.clone(), now).flatten();
            if now != before && now.is_some() {
                self.dirty = Some(format!("interface {name} came back"));
                self.retry_at = 0;
                // What could not be done without it can be done now.
                self.stuck = None;
                self.memory.attempts = 0;
            }
        }
    }

    fn converge(&mut self) {
        let Some(wanted) = self.memory.wanted.clone() else {
            return;
        };
        let is_loaded = self
            .loaded
            .as_ref()
            .is_some_and(|l| l.digest == wanted.digest);
        let now_ms = self.clock.since_boot_ms();
        if (is_loaded && self.dirty.is_none()) || now_ms < self.retry_at || self.stuck.is_some() {
            return;
        }
        let fetched = self.fetched.take().filter(|f| f.digest == wanted.digest);
        let artifact = match (&self.loaded, fetched) {
            (Some(loaded), _) if is_loaded => Arc::clone(loaded),
            (_, Some(fetched)) => fetched,
            _ => match self.copies.get(&wanted.digest) {
                Ok(Some(artifact)) => Arc::new(artifact),
                Ok(None) => {
                    return self.could_not(&format!(
                        "there is no copy of artifact {} here",
                        short(&wanted.digest)
                    ));
                }
                Err(error) => return self.could_not(&error.to_string()),
            },
        };
        let gone = self.gone(&artifact);
        if !gone.is_empty() {
            // No attempt: when it is there, it is loaded.
            let text = format!("waiting for interface {}", gone.join(", "));
            return self.once("interface", Level::Warning, text);
        }
        self.told.remove("interface");
        self.load(&artifact, is_loaded);
    }

    /// Interfaces of an artifact that are not there now.
    fn gone(&mut self, artifact: &Proved) -> Vec<String> {
        let names = artifact.interfaces().into_iter();
        names
            .filter(|name| self.shaper.interface(name).is_none())
            .map(str::to_owned)
            .collect()
    }

    fn load(&mut self, artifact: &Arc<Proved>, again: bool) {
        let why = self.dirty.take();
        if let Some(why) = &why {
            self.say(
                Level::Warning,
                &format!("{} is brought in again: {why}", short(&artifact.digest)),
            );
        }
        let before = self.passed_before();
        let started = self.clock.now().to_string();
        let start_ms = self.clock.since_boot_ms();
        self.board.write(|s| s.state = State::Applying);
        let loading = self.shaper.load(artifact);
        let milliseconds = self.clock.since_boot_ms().saturating_sub(start_ms);
        self.board.write(|s| {
            let at = metrics::RESULTS
                .iter()
                .position(|(r, _)| *r == loading.result);
            if let Some(count) = at.and_then(|at| s.applies.get_mut(at)) {
                *count += 1;
            }
            s.last_apply = Some(Apply {
                digest: artifact.digest.clone(),
                started,
                milliseconds,
                result: loading.result,
                reason: loading.reason.clone(),
                steps: loading.steps,
                done: loading.done,
            });
        });
        if loading.is_loaded() {
            self.is_loaded(artifact, &loading, before, again, milliseconds);
        } else {
            self.unshaped = loading.result == ApplyResult::Failed;
            if self.unshaped {
                self.loaded = None;
                self.board.readings().set_legend(None);
            }
            if why.is_some() {
                self.dirty = why;
            }
            self.could_not(&loading.reason);
        }
    }

    fn is_loaded(
        &mut self,
        artifact: &Arc<Proved>,
        loading: &Loading,
        before: Option<Counters>,
        again: bool,
        milliseconds: u64,
    ) {
        self.unshaped = false;
        self.say(
            Level::Notice,
            &format!(
                "{} is loaded: {} of {} steps in {milliseconds} ms",
                short(&artifact.digest),
                loading.done,
                loading.steps
            ),
        );
        self.indexes = artifact
            .interfaces()
            .into_iter()
            .map(|name| (name.to_owned(), self.shaper.interface(name)))
            .collect();
        let was = self.loaded.replace(Arc::clone(artifact));
        let legend = Legend::of(artifact);
        let (start, readings) = {
            let mut readings = self.board.readings();
            readings.set_legend(Some(legend));
            (readings.counters(), readings.count())
        };
        self.probed = None;
        let since = self.clock.now().to_string();
        let seq = self.memory.wanted.as_ref().and_then(|w| w.seq);
        let loaded = |a: &Proved, seq| Loaded {
            digest: a.digest.clone(),
            seq,
            since: since.clone(),
            circuits: a.circuits,
            prefixes: a.prefixes,
            classes: a.plan.classes.len() as u64 * 2,
        };
        self.board.write(|s| {
            if was.as_ref().is_none_or(|was| was.digest != artifact.digest) {
                s.previous = was.as_ref().and(s.active.take());
                s.active = Some(loaded(artifact, seq));
            }
        });
        let settle = self.config.health.settle.ms();
        if !(again && self.memory.proved) {
            self.watch = Some(Watch {
                until: self.clock.since_boot_ms().saturating_add(settle),
                start,
                before,
                readings,
                probed: None,
            });
        }
        self.read_back_at = 0;
    }

    fn could_not(&mut self, reason: &str) {
        let most = self.config.health.attempts;
        let failing = self.memory.failed(reason, most);
        self.save();
        let attempts = self.memory.attempts;
        match failing {
            Failing::Again => {
                let wait = self
                    .config
                    .health
                    .retry
                    .ms()
                    .saturating_mul(1 << attempts.saturating_sub(1).min(16))
                    .min(LONGEST_RETRY_MS);
                self.retry_at = self.clock.since_boot_ms().saturating_add(wait);
                self.say(
                    Level::Error,
                    &format!(
                        "attempt {attempts} of {most} failed: {reason}; the next is in {} s",
                        wait.div_ceil(1000)
                    ),
                );
            }
            Failing::Back => {
                self.retry_at = 0;
                let name = self
                    .memory
                    .given_up
                    .as_ref()
                    .map_or("", |g| &g.digest)
                    .to_owned();
                self.say(
                    Level::Error,
                    &format!(
                        "{} is given up after {most} attempts: {reason}",
                        short(&name)
                    ),
                );
            }
            Failing::Stuck => {
                let passes = match self.unshaped {
                    true => "traffic passes unshaped",
                    false => "what is loaded stays",
                };
                self.is_stuck(format!(
                    "nothing more can be tried by itself after {most} attempts, and {passes}: {reason}. Put that right and \
                     run `systemctl reload weir-runtime`, or promote another artifact"
                ));
            }
        }
    }

    fn is_stuck(&mut self, text: String) {
        self.say(Level::Error, &text);
        self.stuck = Some(text);
    }

    /// Copies that nothing can need any more go.
    fn keep_copies(&mut self) {
        if let Err(error) = self.copies.keep(&self.memory.needed()) {
            self.once(
                "copies",
                Level::Warning,
                format!("old copies of artifacts could not be removed: {error}"),
            );
        }
    }

    fn publish(&mut self) {
        let now = self.now();
        let memory = &self.memory;
        let state = match () {
            () if self.unshaped => State::Unshaped,
            () if self.loaded.is_none() => State::Idle,
            () if memory.trial.is_some() => State::Pending,
            () if memory.given_up.is_some() => State::RolledBack,
            () => State::Active,
        };
        let deadline = memory.trial.as_ref().map(|trial| {
            let end = match trial.boot_id == now.boot_id {
                true => trial.deadline_ms,
                false => 0,
            };
            (end, memory.fallback.as_ref().map(|f| f.digest.clone()))
        });
        let given_up = memory.given_up.as_ref().map(|g| {
            let reason = format!(
                "{}; it is tried again when the channel moves, or at a reload",
                g.reason
            );
            (g.seq, g.digest.clone(), reason)
        });
        // What the channel has now comes before what it had.
        let refused = self.refused.clone();
        let since = self.clock.now().to_string();
        let target = self
            .loaded
            .as_ref()
            .and_then(|l| l.target().name.as_ref().map(ToString::to_string));
        let waits = self.told.get("interface").cloned();
        let stuck = self.stuck.clone().or(waits);
        let nothing = self.unshaped || self.loaded.is_none();
        let seq = memory.wanted.as_ref().and_then(|w| w.seq);
        let same = self.loaded.as_ref().map(|l| l.digest.clone());
        let is_wanted = memory.wanted.as_ref().map(|w| &w.digest) == same.as_ref();
        self.board.write(|s| {
            s.state = state;
            s.deadline = deadline;
            s.target = target;
            s.stuck = stuck;
            if nothing {
                s.active = None;
            }
            if is_wanted && let Some(active) = &mut s.active {
                active.seq = seq;
            }
            let known = s.refused.take();
            s.refused = refused.or_else(|| {
                let (seq, digest, reason) = given_up?;
                let known = known.filter(|r| r.reason == reason);
                Some(RefusedHead {
                    seq: Some(seq),
                    digest: Some(digest),
                    reason,
                    since: known.map_or(since, |r| r.since),
                })
            });
        });
    }

    fn save(&mut self) {
        if let Err(error) = self.keeper.save(&self.memory) {
            self.once(
                "memory",
                Level::Error,
                format!("what was decided could not be written down: {error}"),
            );
        }
    }

    fn now(&self) -> Now {
        Now {
            boot_id: self.clock.boot_id(),
            ms: self.clock.since_boot_ms(),
        }
    }

    fn say(&self, level: Level, text: &str) {
        (self.log)(level, text);
    }

    /// Says what will be so again in a second, once as long as it is so.
    fn once(&mut self, about: &'static str, level: Level, text: String) {
        if self.told.get(about) != Some(&text) {
            self.say(level, &text);
            self.told.insert(about, text);
        }
    }
}

fn open_copies(state: &Path) -> Result<Copies, MemoryError> {
    Copies::open(state).map_err(|cause| MemoryError::Io {
        action: "open the copies in",
        path: state.to_owned(),
        cause,
    })
}

mod hear;
#[cfg(test)]
mod tests;
mod watch;
