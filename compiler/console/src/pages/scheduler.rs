//! Scheduler Status: the runs, the one under way, and the next.

use std::collections::BTreeMap;

use serde::Serialize;

use super::done::Done;
use crate::app::App;
use crate::ask::{Ask, Reply, drawn, show};
use crate::engine::{Answer, Run, RunOutcome, StageState};
use crate::eyes::Eyes;
use crate::show::{Digest, Time, Took, encoded, tame};

#[derive(Serialize, Debug)]
pub struct Status {
    pub every: Option<String>,
    pub promote: String,
    pub next: Option<Time>,
    pub paused: Option<Paused>,
    /// A run is under way.
    pub running: bool,
    /// Newest first.
    pub runs: Vec<Row>,
}
drawn!(Status, "scheduler.html");

#[derive(Serialize, Debug)]
pub struct Paused {
    pub by: String,
    pub since: Time,
    pub reason: Option<String>,
}

/// A run.
#[derive(Serialize, Debug)]
pub struct Row {
    pub id: String,
    pub href: String,
    pub started: Time,
    /// Milliseconds.
    pub took: Option<Took>,
    pub by: String,
    /// `running` while it is under way.
    pub outcome: &'static str,
    /// `ok`, `warning`, `error`, `running`: how it is painted.
    pub tone: &'static str,
    pub summary: Option<String>,
    pub exit_code: Option<u8>,
    pub digest: Option<Digest>,
    pub stages: Vec<StageRow>,
}

#[derive(Serialize, Debug)]
pub struct StageRow {
    pub name: &'static str,
    pub state: &'static str,
    pub took: Option<Took>,
    pub counts: BTreeMap<String, u64>,
    pub detail: Option<String>,
}

impl StageRow {
    /// `12 circuits, 3 errors`
    pub fn counted(&self) -> String {
        let count =
            |(word, count): (&String, &u64)| format!("{} {word}", crate::show::Count(*count));
        self.counts.iter().map(count).collect::<Vec<_>>().join(", ")
    }
}

pub fn row(eyes: &Eyes, run: &Run) -> Row {
    let stages = run.stages.iter().map(|stage| StageRow {
        name: stage.name.word(),
        state: stage.state.word(),
        took: stage.milliseconds.map(Took),
        counts: stage
            .counts
            .iter()
            .map(|(word, n)| (tame(word), *n))
            .collect(),
        detail: eyes.said(&stage.detail).filter(|d| !d.is_empty()),
    });
    Row {
        id: run.id.clone(),
        href: format!("/run?id={}", encoded(&run.id)),
        started: Time(run.started.clone()),
        took: run.milliseconds.map(Took),
        by: match run.by.as_str() {
            "schedule" => "schedule".to_owned(),
            by => eyes.person(by),
        },
        outcome: run.outcome.map_or("running", RunOutcome::word),
        tone: match run.outcome {
            None => "running",
            Some(RunOutcome::Failed) => "error",
            Some(RunOutcome::Refused | RunOutcome::Interrupted) => "warning",
            Some(RunOutcome::Built) => "info",
            Some(RunOutcome::Promoted | RunOutcome::Unchanged) => "ok",
        },
        summary: eyes.said(&run.summary),
        exit_code: run.exit_code,
        digest: run.digest.clone().map(Digest),
        stages: stages.collect(),
    }
}

pub fn scheduler(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let state = app.engine.scheduler()?;
    let status = Status {
        every: state.every.as_deref().map(tame),
        promote: tame(&state.promote),
        next: state.next.map(Time),
        paused: state.paused.map(|p| Paused {
            by: eyes.person(&p.by),
            since: Time(p.since),
            reason: eyes.said(&p.reason),
        }),
        running: state.runs.iter().any(|r| r.outcome.is_none()),
        runs: state.runs.iter().take(100).map(|r| row(&eyes, r)).collect(),
    };
    show(app, ask, "Scheduler Status", &status)
}

/// One run with its log.
#[derive(Serialize, Debug)]
struct RunPage {
    run: Row,
    /// Null for viewers: a log names subscribers.
    log: Option<Vec<String>>,
    running: bool,
}
drawn!(RunPage, "run.html");

/// Lines of a log that a page shows: the last.
const LINES: usize = 500;

pub fn run(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let found = app.engine.run(ask.get("id"))?;
    let from = found.log.len().saturating_sub(LINES);
    let log = found.log[from..].iter().map(|line| tame(line)).collect();
    let page = RunPage {
        run: row(&eyes, &found),
        log: eyes.is_operator().then_some(log),
        running: found.stages.iter().any(|s| s.state == StageState::Running),
    };
    show(app, ask, "Run", &page)
}

pub fn run_now(app: &App, ask: &Ask) -> Answer<Reply> {
    app.engine.run_now(ask.by())?;
    Done::new("A run was started", "/scheduler", "Scheduler Status").show(app, ask)
}

pub fn pause(app: &App, ask: &Ask) -> Answer<Reply> {
    app.engine
        .pause(ask.by(), ask.wanted("reason", "the reason")?)?;
    let mut done = Done::new("The scheduler is paused", "/scheduler", "Scheduler Status");
    done.notes
        .push("No run begins by itself until somebody lets it go on.".to_owned());
    done.show(app, ask)
}

pub fn unpause(app: &App, ask: &Ask) -> Answer<Reply> {
    app.engine.unpause(ask.by())?;
    Done::new("The scheduler goes on", "/scheduler", "Scheduler Status").show(app, ask)
}
