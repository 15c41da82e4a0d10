//! The record of a run while it goes on: its steps, what was counted, its log. Every change is written into the book, so
//! that whoever looks sees it, and a process that dies leaves it behind.

use std::sync::Mutex;
use std::time::Instant;

use weir_compiler::report::plain;
use weir_console::engine::{Run, RunOutcome, Stage, StageName, StageState};

use crate::cli::terminal::{Priority, Terminal};
use crate::serve::book::Book;

/// A run that goes on.
pub struct Record<'a> {
    book: &'a Book,
    terminal: &'a Terminal,
    /// Told after every change.
    changed: &'a (dyn Fn() + Sync),
    inner: Mutex<Inner>,
}

struct Inner {
    run: Run,
    began: Instant,
    /// The step that goes on, and since when.
    stage: Option<(StageName, Instant)>,
}

impl<'a> Record<'a> {
    pub fn new(
        book: &'a Book,
        terminal: &'a Terminal,
        changed: &'a (dyn Fn() + Sync),
        by: &str,
        now: &str,
    ) -> std::io::Result<Record<'a>> {
        let run = book.change(|state| {
            state.count += 1;
            let run = Run {
                id: format!("{}", state.count),
                started: now.to_owned(),
                milliseconds: None,
                by: by.to_owned(),
                outcome: None,
                summary: "begins".to_owned(),
                exit_code: None,
                digest: None,
                stages: StageName::ALL
                    .map(|name| Stage {
                        name,
                        state: StageState::Waiting,
                        milliseconds: None,
                        counts: Default::default(),
                        detail: String::new(),
                    })
                    .into(),
                log: Vec::new(),
            };
            state.runs.insert(0, run.clone());
            run
        })?;
        changed();
        Ok(Record {
            book,
            terminal,
            changed,
            inner: Mutex::new(Inner {
                run,
                began: Instant::now(),
                stage: None,
            }),
        })
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A step begins; the one before is done.
    pub fn enter(&self, name: StageName) {
        let mut inner = self.inner();
        close(&mut inner, StageState::Done);
        inner.stage = Some((name, Instant::now()));
        stage(&mut inner.run, name).state = StageState::Running;
        inner.run.summary = name.word().to_owned();
        self.save(&inner);
    }

    /// The step that goes on ends like this.
    pub fn leave(&self, state: StageState, detail: impl Into<String>) {
        let mut inner = self.inner();
        if let Some((name, _)) = inner.stage {
            stage(&mut inner.run, name).detail = plain(&detail.into()).into_owned();
        }
        close(&mut inner, state);
        self.save(&inner);
    }

    /// A step that there is nothing to do in.
    pub fn skip(&self, name: StageName, detail: &str) {
        let mut inner = self.inner();
        close(&mut inner, StageState::Done);
        let skipped = stage(&mut inner.run, name);
        skipped.state = StageState::Skipped;
        skipped.detail = detail.to_owned();
        self.save(&inner);
    }

    /// What was counted in a step.
    pub fn count(&self, name: StageName, what: &str, count: u64) {
        let mut inner = self.inner();
        let counts = &mut stage(&mut inner.run, name).counts;
        counts.insert(what.to_owned(), count);
    }

    pub fn digest(&self, digest: &str) {
        self.inner().run.digest = Some(digest.to_owned());
    }

    /// A line of the log, and of the process's.
    pub fn log(&self, priority: Priority, text: &str) {
        let text = plain(text).replace('\n', " ");
        let mut inner = self.inner();
        let at = inner.began.elapsed();
        inner
            .run
            .log
            .push(format!("{:>7.1} s  {text}", at.as_secs_f64()));
        let id = inner.run.id.clone();
        drop(inner);
        self.terminal.log(priority, &format!("run {id}: {text}"));
    }

    /// The run as it stands when it is over. What was not reached is skipped.
    pub fn end(self, outcome: RunOutcome, exit: u8, summary: &str) -> Run {
        let inner = self.inner.into_inner();
        let mut inner = inner.unwrap_or_else(|poisoned| poisoned.into_inner());
        let state = match outcome {
            RunOutcome::Failed | RunOutcome::Interrupted => StageState::Failed,
            RunOutcome::Refused => StageState::Refused,
            _ => StageState::Done,
        };
        close(&mut inner, state);
        let mut run = inner.run;
        for stage in &mut run.stages {
            if stage.state == StageState::Waiting {
                stage.state = StageState::Skipped;
            }
        }
        run.milliseconds = Some(millis(inner.began));
        run.outcome = Some(outcome);
        run.exit_code = Some(exit);
        run.summary = plain(summary).into_owned();
        run
    }

    /// What cannot be written now is written with the next change, or at the end.
    fn save(&self, inner: &Inner) {
        let run = inner.run.clone();
        let saved = self.book.change(|state| replace(&mut state.runs, run));
        if let Err(error) = saved {
            self.terminal.log(
                Priority::Warning,
                &format!("cannot write down the run: {error}"),
            );
        }
        (self.changed)();
    }
}

/// Puts a run in the place of the one with its id.
pub fn replace(runs: &mut [Run], run: Run) {
    if let Some(there) = runs.iter_mut().find(|there| there.id == run.id) {
        *there = run;
    }
}

fn stage(run: &mut Run, name: StageName) -> &mut Stage {
    let at = StageName::ALL.iter().position(|known| *known == name);
    &mut run.stages[at.unwrap_or_default()]
}

fn close(inner: &mut Inner, state: StageState) {
    if let Some((name, began)) = inner.stage.take() {
        let stage = stage(&mut inner.run, name);
        stage.state = state;
        stage.milliseconds = Some(millis(began));
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
