//! The scheduler of a process that runs on: one thread that begins runs when the machine of `timing` says so, and takes
//! back between runs what was not confirmed in time.
//!
//! It does not know what a run does, nor who looks at what it remembers.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, SystemTime};

use weir_compiler::config::project::Schedule;
use weir_console::engine::Pause;

use crate::cli::stop::Stop;
use crate::cli::store::Desk;
use crate::cli::terminal::{Priority, Terminal};
use crate::serve::book::{Book, State, Version};
use crate::serve::moving;
use crate::serve::run::{self, Context, now};
use crate::serve::timing::{Due, Ended, Machine};

/// How often channels are looked at between runs.
const LOOK: i64 = 5;

/// The scheduler, for those who steer it and those who look on.
pub struct Scheduler {
    pub context: Context,
    machine: Mutex<Machine>,
    wake: Condvar,
    revision: Arc<AtomicU64>,
    /// What was read of the book, and of which file.
    kept: Mutex<Option<(Option<Version>, Arc<State>)>>,
}

/// Seconds since 1970.
pub fn seconds() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// What jitter is made of. Nothing depends on it being unpredictable.
fn dice() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanos = now.map_or(0, |now| u64::from(now.subsec_nanos()));
    nanos.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 17 ^ u64::from(std::process::id())
}

impl Scheduler {
    /// A scheduler of the project in this directory, as far as it is to be steered by its book. No run begins yet.
    pub fn new(
        dir: std::path::PathBuf,
        book: Book,
        terminal: Terminal,
        stop: Arc<AtomicBool>,
        schedule: &Schedule,
    ) -> std::io::Result<Scheduler> {
        let state = book.change(|state| state.clone())?;
        let started = state.runs.first().and_then(|run| {
            let started: jiff::Timestamp = run.started.parse().ok()?;
            Some(started.as_second())
        });
        let machine = Machine::new(
            schedule.every_seconds,
            started,
            state.failures,
            state.paused.is_some(),
            seconds(),
            dice(),
        );
        let revision = Arc::new(AtomicU64::new(1));
        let counter = revision.clone();
        Ok(Scheduler {
            context: Context {
                dir,
                book,
                terminal,
                stop,
                changed: Box::new(move || {
                    counter.fetch_add(1, Ordering::Relaxed);
                }),
            },
            machine: Mutex::new(machine),
            wake: Condvar::new(),
            revision,
            kept: Mutex::default(),
        })
    }

    /// Grows with everything that others can see.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Relaxed)
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// When the next run begins by itself, in seconds since 1970.
    pub fn next(&self) -> Option<i64> {
        self.machine().next()
    }

    /// Begins a run now. False: one is under way here.
    pub fn run_now(&self, by: &str) -> bool {
        let taken = self.machine().ask(by);
        self.wake.notify_all();
        taken
    }

    /// Begins no run by itself until it is told to; for every process that uses this book.
    pub fn pause(&self, pause: Option<Pause>) -> std::io::Result<()> {
        let paused = pause.is_some();
        self.context.book.change(|state| state.paused = pause)?;
        self.machine().pause(paused);
        (self.context.changed)();
        self.wake.notify_all();
        Ok(())
    }

    /// Ends the thread: a run under way comes to its end first, at the next place where it leaves nothing half-done.
    pub fn stop(&self) {
        self.context.stop.store(true, Ordering::Relaxed);
        self.machine().stop();
        self.wake.notify_all();
    }

    /// Goes on until [`stop`](Scheduler::stop).
    pub fn work(self: Arc<Self>) -> std::io::Result<thread::JoinHandle<()>> {
        let name = thread::Builder::new().name("scheduler".to_owned());
        name.spawn(move || {
            let mut looked = 0;
            let mut seen = None;
            let mut wrong = None;
            while !self.context.stop.load(Ordering::Relaxed) {
                let due = self.machine().due(seconds());
                if let Due::Run(by) = due {
                    self.run(by.as_deref().unwrap_or("schedule"));
                    continue;
                }
                if (seconds() - looked).abs() >= LOOK {
                    looked = seconds();
                    self.look(&mut seen, &mut wrong);
                }
                let wait = match due {
                    Due::At(when) => (when - seconds()).clamp(1, LOOK),
                    _ => LOOK,
                };
                let wait = Duration::from_secs(wait.unsigned_abs().max(1));
                let machine = self.machine();
                if !self.context.stop.load(Ordering::Relaxed) && !machine.is_asked() {
                    drop(self.wake.wait_timeout(machine, wait));
                }
            }
        })
    }

    fn run(&self, by: &str) {
        let terminal = &self.context.terminal;
        self.machine().began(seconds());
        (self.context.changed)();
        let came = self.context.book.lock_run();
        let ended = match came {
            Ok(None) => {
                terminal.log(
                    Priority::Notice,
                    "another process runs; this one waits for it",
                );
                Ended::Busy
            }
            Ok(Some((lock, buried))) => match run::run(&self.context, &lock, buried, by) {
                Ok(came) => {
                    if let Some(schedule) = &came.schedule {
                        self.machine().set_every(schedule.every_seconds);
                    }
                    came.ended()
                }
                Err(error) => self.forgot(&error),
            },
            Err(error) => self.forgot(&error),
        };
        self.machine().ended(ended, seconds(), dice());
        (self.context.changed)();
    }

    /// What cannot be remembered is not done: nobody would see it.
    fn forgot(&self, error: &std::io::Error) -> Ended {
        let text = format!("no run: what it does could not be written down: {error}");
        self.context.terminal.log(Priority::Error, &text);
        Ended::Failed
    }

    /// What another process did, and what is due between runs.
    fn look(&self, seen: &mut Option<SystemTime>, wrong: &mut Option<String>) {
        let book = &self.context.book;
        let written = fs::metadata(book.path()).and_then(|m| m.modified()).ok();
        if written != *seen {
            *seen = written;
            (self.context.changed)();
            if let Ok(state) = book.read() {
                self.machine().pause(state.paused.is_some());
                // Runs of a process that is gone end here, unless one goes on.
                if state.runs.iter().any(|run| run.outcome.is_none()) {
                    drop(book.lock_run());
                }
            }
        }
        // Said once, and not every few seconds while it lasts.
        let said = self.settle().err().map(|stop| stop.first_line().to_owned());
        if *wrong != said {
            if let Some(said) = &said {
                self.context.terminal.log(Priority::Warning, said);
            }
            *wrong = said;
        }
    }

    /// Generations whose time is over go back, and the files of LibreQoS with them.
    fn settle(&self) -> Result<(), Stop> {
        let desk = Desk::at(self.context.dir.clone(), Some(&run::author()))?;
        let store = |error: weir_store::StoreError| crate::cli::store::store_error(&error);
        for channel in desk.store.backend().channels().map_err(store)? {
            let settled = desk.channels().settle(&channel);
            let settled = settled.map_err(|error| crate::cli::store::stop(&error))?;
            let Some(known) = settled.known.filter(|_| settled.expired) else {
                continue;
            };
            let issue = moving::expired(&known.head);
            self.context.terminal.log(Priority::Warning, &issue.message);
            let remembered = self.context.book.change(|state| state.raise(issue));
            if let Err(error) = remembered {
                self.forgot(&error);
            }
            if channel == desk.project.schedule.channel {
                moving::publish_head(&desk)?;
            }
            (self.context.changed)();
        }
        Ok(())
    }

    /// What is remembered.
    pub fn state(&self) -> std::io::Result<Arc<State>> {
        let book = &self.context.book;
        let mut kept = self.kept.lock().unwrap_or_else(|e| e.into_inner());
        // The file is replaced as a whole: another state is another file.
        let file = book.version()?;
        if let Some((of, state)) = &*kept
            && file.is_some()
            && *of == file
        {
            return Ok(state.clone());
        }
        let state = Arc::new(book.read()?);
        *kept = Some((file, state.clone()));
        Ok(state)
    }
}

/// A pause that begins now.
pub fn pause(by: &str, reason: &str) -> Pause {
    Pause {
        by: by.to_owned(),
        reason: reason.to_owned(),
        since: now(),
    }
}
