//! One run: read the sources, build, ask the guard, promote by `schedule.promote`, publish. It does what the verbs of
//! the command line do, by the same functions, and writes down what came of it.
//!
//! It does not know when runs begin. Whoever starts one holds the lock.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use weir_compiler::config::project::Schedule;
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::finding::Finding;
use weir_compiler::report::Tally;
use weir_compiler::source_map::SourceMap;
use weir_compiler::{Part, compile_watched};
use weir_console::engine::{Fetched, Issue, Latest, RunOutcome, StageName, StageState};
use weir_store::channel::short;

use crate::cli::Overrides;
use crate::cli::build::keep;
use crate::cli::exit::Exit;
use crate::cli::project::{Follow, Input, read_project, today};
use crate::cli::sources;
use crate::cli::stop::Stop;
use crate::cli::terminal::{Priority, Terminal};
use crate::cli::verdict::Verdict;
use crate::serve::book::{Book, Found, RunLock};
use crate::serve::issue::{self, raise};
use crate::serve::reading::Reading;
use crate::serve::record::{Record, replace};
use crate::serve::timing::Ended;

/// What a run needs to know.
pub struct Context {
    pub dir: PathBuf,
    pub book: Book,
    pub terminal: Terminal,
    /// Set when the process is to end: a run ends at the next place where it leaves nothing half-done.
    pub stop: Arc<AtomicBool>,
    /// Told after everything that others can see.
    pub changed: Box<dyn Fn() + Send + Sync>,
}

/// What a run came to.
pub struct Came {
    pub outcome: RunOutcome,
    pub exit: Exit,
    pub summary: String,
    /// How far it got: issues up to this step are those of this run.
    reached: StageName,
    issues: Vec<Issue>,
    latest: Option<Latest>,
    /// Open findings of the build; `None`: nothing was built.
    findings: Option<Vec<Found>>,
    /// Issues of channels that somebody let go of.
    seen: Vec<String>,
    /// As weir.toml has it now, where it could be read.
    pub schedule: Option<Schedule>,
}

impl Came {
    pub fn ended(&self) -> Ended {
        match self.outcome {
            RunOutcome::Interrupted => Ended::Interrupted,
            RunOutcome::Failed if matches!(self.exit, Exit::Outside | Exit::Incomplete) => {
                Ended::Failed
            }
            _ => Ended::Settled,
        }
    }
}

/// The time of day, as it is written down.
pub fn now() -> String {
    let second = jiff::Timestamp::now().as_second();
    let now = jiff::Timestamp::from_second(second);
    now.unwrap_or_default().to_string()
}

/// Runs once. `Err`: what is to be remembered cannot be written, and nothing was done.
pub fn run(context: &Context, _lock: &RunLock, buried: bool, by: &str) -> std::io::Result<Came> {
    let changed = || (context.changed)();
    let record = Record::new(&context.book, &context.terminal, &changed, by, &now())?;
    let mut work = Work {
        context,
        record: &record,
        issues: Vec::new(),
        reached: StageName::Fetch,
        latest: None,
        findings: None,
        seen: Vec::new(),
        schedule: None,
    };
    if buried {
        let message = "the run before this one was cut short: its process ended";
        work.raise("RUN-INTERRUPTED", "", "scheduler", message, "");
    }
    work.lapse();
    let end = work.all();
    let Work {
        issues,
        reached,
        latest,
        findings,
        seen,
        schedule,
        ..
    } = work;
    let came = Came {
        outcome: end.outcome,
        exit: end.exit,
        summary: end.summary,
        reached,
        issues,
        latest,
        findings,
        seen,
        schedule,
    };
    let priority = match came.outcome {
        RunOutcome::Failed => Priority::Error,
        RunOutcome::Refused | RunOutcome::Interrupted => Priority::Warning,
        _ => Priority::Info,
    };
    let summary = format!("{}: {}", came.outcome.word(), came.summary);
    record.log(priority, &summary);
    let run = record.end(came.outcome, came.exit.code(), &came.summary);
    context.book.change(|state| {
        replace(&mut state.runs, run);
        *state
            .outcomes
            .entry(came.outcome.word().to_owned())
            .or_default() += 1;
        state.failures = match came.ended() {
            Ended::Failed => state.failures.saturating_add(1),
            Ended::Settled => 0,
            Ended::Busy | Ended::Interrupted => state.failures,
        };
        let found: Vec<&str> = came.issues.iter().map(|issue| issue.id.as_str()).collect();
        state.issues.retain(|issue| {
            let over = issue::is_over(issue, came.reached) || came.seen.contains(&issue.id);
            found.contains(&issue.id.as_str()) || !over
        });
        for issue in &came.issues {
            state.raise(issue.clone());
        }
        if came.latest.is_some() {
            state.latest.clone_from(&came.latest);
        }
        if let Some(findings) = &came.findings {
            state.findings.clone_from(findings);
        }
    })?;
    changed();
    Ok(came)
}

/// A run that goes on.
pub struct Work<'a> {
    pub context: &'a Context,
    pub record: &'a Record<'a>,
    pub issues: Vec<Issue>,
    /// How far it got.
    pub reached: StageName,
    pub latest: Option<Latest>,
    findings: Option<Vec<Found>>,
    /// Issues of channels that somebody let go of.
    pub seen: Vec<String>,
    schedule: Option<Schedule>,
}

/// The end of a run.
pub struct End {
    pub outcome: RunOutcome,
    pub exit: Exit,
    pub summary: String,
}

pub fn end(outcome: RunOutcome, exit: Exit, summary: impl Into<String>) -> End {
    End {
        outcome,
        exit,
        summary: summary.into(),
    }
}

impl Work<'_> {
    fn all(&mut self) -> End {
        let found = self.read();
        let built = found.and_then(|()| self.build());
        let end = built
            .and_then(|digest| self.promote(&digest))
            .unwrap_or_else(|end| end);
        if matches!(
            end.outcome,
            RunOutcome::Promoted | RunOutcome::Unchanged | RunOutcome::Built
        ) {
            self.tidy();
        }
        end
    }

    /// Acknowledgements whose last day is over end here, and the log says by which two days that was judged.
    fn lapse(&self) {
        let over = today()
            .map_err(|stop| stop.first_line().to_owned())
            .and_then(|today| {
                let lapsed = self.context.book.change(|state| state.lapse(today));
                let lapsed = lapsed.map_err(|error| error.to_string())?;
                Ok((today, lapsed))
            });
        match over {
            Ok((today, lapsed)) => {
                for seen in lapsed {
                    let line = format!(
                        "{}: {} acknowledged it until {}, and it is {today}: it is open again",
                        seen.id, seen.by, seen.expires
                    );
                    self.record.log(Priority::Info, &line);
                }
            }
            Err(why) => self.record.log(Priority::Warning, &why),
        }
    }

    pub fn raise(
        &mut self,
        code: &'static str,
        about: &str,
        from: &str,
        message: &str,
        help: &str,
    ) {
        let issue = raise(code, about, from, message, help, &now());
        self.record
            .log(Priority::Warning, &format!("{}: {message}", issue.code));
        self.issues.push(issue);
    }

    fn is_stopped(&self) -> bool {
        self.context.stop.load(Ordering::Relaxed)
    }

    pub fn interrupted(&self) -> Result<(), End> {
        match self.is_stopped() {
            true => Err(end(
                RunOutcome::Interrupted,
                Exit::Outside,
                "the program was stopped; nothing was promoted",
            )),
            false => Ok(()),
        }
    }

    /// A command that stopped, as the end of the run.
    pub fn stopped(&mut self, stop: &Stop) -> End {
        let (code, outcome) = match stop.exit() {
            Exit::Usage => ("CONFIG-WRONG", RunOutcome::Failed),
            Exit::Incomplete => ("SRC-INCOMPLETE", RunOutcome::Failed),
            Exit::Refused => ("VERIFY-FAILED", RunOutcome::Refused),
            _ => ("STORE-FAILED", RunOutcome::Failed),
        };
        for (n, (message, help)) in stop.problems().enumerate() {
            let about = match n {
                0 => String::new(),
                n => n.to_string(),
            };
            self.raise(code, &about, "scheduler", message, help);
        }
        end(outcome, stop.exit(), stop.first_line())
    }

    /// Reads the sources that are read over the network.
    fn read(&mut self) -> Result<(), End> {
        self.record.enter(StageName::Fetch);
        let dir = &self.context.dir;
        let mut files = SourceMap::default();
        let project = config::load(dir, &mut files, &CliOverrides::default())
            .map_err(|error| self.stopped(&Stop::config(error)))?;
        self.schedule = Some(project.schedule.clone());
        if project.live.is_empty() {
            let why = "every source is a recorded export";
            self.record.skip(StageName::Fetch, why);
            return Ok(());
        }
        let watch = Arc::new(Reading::new(self.context.stop.clone()));
        let read = sources::read(dir, None, false, &watch);
        let came = std::mem::take(&mut *watch.came());
        let failures: Vec<(String, String, String)> = came
            .iter()
            .filter_map(|read| {
                let help = read.failure.clone()?;
                Some((read.source.clone(), read.fetched.message.clone(), help))
            })
            .collect();
        for read in &came {
            let Fetched {
                message,
                milliseconds,
                ..
            } = &read.fetched;
            let line = format!("source {}: {message} ({milliseconds} ms)", read.source);
            self.record.log(Priority::Info, &line);
        }
        let total = came.iter().flat_map(|read| &read.fetched.records);
        self.record
            .count(StageName::Fetch, "records", total.map(|r| r.count).sum());
        self.record
            .count(StageName::Fetch, "sources", came.len() as u64);
        let remembered = self.context.book.change(|state| {
            for read in came {
                if !read.permissions.is_empty() {
                    state
                        .permissions
                        .insert(read.source.clone(), read.permissions);
                }
                state.fetched.insert(read.source, read.fetched);
            }
            let known = |name: &String| project.sources.iter().any(|s| s.name == *name);
            state.fetched.retain(|name, _| known(name));
            state.permissions.retain(|name, _| known(name));
        });
        if let Err(error) = remembered {
            self.record.log(Priority::Warning, &error.to_string());
        }
        self.interrupted()?;
        match read {
            Ok(_) => Ok(()),
            Err(stop) if !failures.is_empty() => {
                for (source, message, help) in &failures {
                    let from = format!("source {source}");
                    self.raise("SRC-FAILED", source, &from, message, help);
                }
                Err(end(RunOutcome::Failed, stop.exit(), stop.first_line()))
            }
            Err(stop) => Err(self.stopped(&stop)),
        }
    }

    /// Compiles what was read, and puts the artifact into the store. Gives its digest.
    fn build(&mut self) -> Result<String, End> {
        self.record.enter(StageName::Normalize);
        self.reached = StageName::Normalize;
        let dir = self.context.dir.clone();
        let overrides = Overrides::default();
        let terminal = &self.context.terminal;
        let input = read_project(dir, &overrides, Follow::Scheduled, None, terminal);
        let input = input.map_err(|stop| self.stopped(&stop))?;
        let Input {
            dir,
            project,
            files,
            exports,
            previous,
            ..
        } = &input;
        let record = self.record;
        let compiled = compile_watched(project, files, exports, previous.as_ref(), &mut |part| {
            match part {
                // It began with reading the files.
                Part::Normalize => {}
                Part::Topology => record.enter(StageName::Topology),
                Part::Lint => record.enter(StageName::Lint),
                Part::Emit => record.enter(StageName::Emit),
            }
        });
        let count = |stage, what: &str, n: usize| record.count(stage, what, n as u64);
        count(
            StageName::Normalize,
            "circuits",
            compiled.inventory.circuits.len(),
        );
        count(
            StageName::Normalize,
            "nodes",
            compiled.inventory.nodes.len(),
        );
        count(StageName::Topology, "nodes", compiled.tree.nodes.len());
        let tally = Tally::of(&compiled.findings);
        count(StageName::Lint, "errors", tally.errors);
        count(StageName::Lint, "warnings", tally.warnings);
        count(StageName::Lint, "infos", tally.infos);
        self.findings = Some(by_rule(&compiled.findings));
        let bytes: usize = compiled
            .artifacts
            .files
            .iter()
            .map(|(_, file)| file.bytes().len())
            .sum();
        count(StageName::Emit, "bytes", bytes);
        let verdict = Verdict::of(project, &compiled);
        let why = verdict.reasons.join("; ");
        if compiled.incomplete {
            self.raise("SRC-INCOMPLETE", "", "scheduler", &why, "");
            return Err(end(RunOutcome::Failed, verdict.exit, why));
        }
        self.reached = StageName::Emit;
        for (n, refusal) in compiled.refused.iter().take(10).enumerate() {
            let about = n.to_string();
            self.raise(
                "PLAN-REFUSED",
                &about,
                "scheduler",
                &refusal.message,
                &refusal.help,
            );
        }
        if verdict.stops_the_files() {
            return Err(end(RunOutcome::Refused, verdict.exit, why));
        }
        self.interrupted()?;
        let kept = keep(dir, project, &compiled.artifacts).map_err(|stop| self.stopped(&stop))?;
        let digest = compiled.artifacts.digest.clone();
        self.record.digest(&digest);
        self.latest = Some(Latest {
            digest: digest.clone(),
            built: now(),
            waiting: None,
        });
        let built = match kept.unchanged {
            true => format!("{}, as it was in the store already", short(&digest)),
            false => short(&digest).to_owned(),
        };
        self.record.leave(StageState::Done, &built);
        let line = format!(
            "built {built}: {} circuits, {} errors, {} warnings",
            compiled.inventory.circuits.len(),
            tally.errors,
            tally.warnings
        );
        self.record.log(Priority::Info, &line);
        Ok(digest)
    }
}

/// How many open findings each rule has, by level.
fn by_rule(findings: &[Finding]) -> Vec<Found> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.is_open()) {
        *counts
            .entry((finding.level.word(), finding.rule.code))
            .or_default() += 1;
    }
    let each = counts.into_iter().map(|((level, code), count)| Found {
        level: level.to_owned(),
        code: code.to_owned(),
        count,
    });
    each.collect()
}

/// Who moves channels by himself.
pub fn author() -> String {
    use weir_store::channel::{Clock as _, SystemClock};
    format!("scheduler@{}", SystemClock.host())
}
