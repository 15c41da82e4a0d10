//! One run: read the sources, build, ask the guard, promote by `schedule.promote`, publish. It does what the verbs of
//! the command line do, by the same functions, and writes down what came of it.
//!
//! It does not know when runs begin. Whoever starts one holds the lock.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use weir_compiler::config::project::{PromoteWhen, Schedule};
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::finding::Finding;
use weir_compiler::guard::Accept;
use weir_compiler::publish::Action as Published;
use weir_compiler::report::Tally;
use weir_compiler::source_map::SourceMap;
use weir_compiler::{Part, compile_watched};
use weir_console::engine::{Fetched, Issue, Latest, RunOutcome, StageName, StageState};
use weir_schemas::head::Action;
use weir_schemas::journal::Outcome;
use weir_store::channel::{Backend as _, Promote, short};

use crate::cli::Overrides;
use crate::cli::build::keep;
use crate::cli::exit::Exit;
use crate::cli::project::{Follow, Input, read_project};
use crate::cli::publish::publish_artifact;
use crate::cli::review::{Judge, Review};
use crate::cli::sources;
use crate::cli::stop::Stop;
use crate::cli::store::{Desk, Key};
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

struct Work<'a> {
    context: &'a Context,
    record: &'a Record<'a>,
    issues: Vec<Issue>,
    reached: StageName,
    latest: Option<Latest>,
    findings: Option<Vec<Found>>,
    seen: Vec<String>,
    schedule: Option<Schedule>,
}

/// The end of a run.
struct End {
    outcome: RunOutcome,
    exit: Exit,
    summary: String,
}

fn end(outcome: RunOutcome, exit: Exit, summary: impl Into<String>) -> End {
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
        built
            .and_then(|digest| self.promote(&digest))
            .unwrap_or_else(|end| end)
    }

    fn raise(&mut self, code: &'static str, about: &str, from: &str, message: &str, help: &str) {
        let issue = raise(code, about, from, message, help, &now());
        self.record
            .log(Priority::Warning, &format!("{}: {message}", issue.code));
        self.issues.push(issue);
    }

    fn is_stopped(&self) -> bool {
        self.context.stop.load(Ordering::Relaxed)
    }

    fn interrupted(&self) -> Result<(), End> {
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
    fn stopped(&mut self, stop: &Stop) -> End {
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
            .map(|(_, bytes)| bytes.len())
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

    /// Asks the guard, moves the channel if everything is for it, and publishes what it runs.
    fn promote(&mut self, digest: &str) -> Result<End, End> {
        self.record.enter(StageName::Guard);
        self.reached = StageName::Guard;
        let author = author();
        let desk = Desk::at(self.context.dir.clone(), Some(&author));
        let desk = desk.map_err(|stop| self.stopped(&stop))?;
        let came = self.move_channel(&desk, digest)?;
        for channel in desk.store.channels().unwrap_or_default() {
            let head = desk.channels().head(&channel).ok().flatten();
            if head.is_some_and(|known| known.head.hold.is_none()) {
                self.seen.push(format!("CHANNEL-EXPIRED.{channel}"));
            }
        }
        if let Some(latest) = &mut self.latest
            && matches!(came.outcome, RunOutcome::Built | RunOutcome::Refused)
        {
            latest.waiting = Some(came.summary.clone());
        }
        // Whatever came of it: the files follow the channel, and a run that could not write them is made good.
        self.apply(&desk, came)
    }

    fn move_channel(&mut self, desk: &Desk, digest: &str) -> Result<End, End> {
        let schedule = desk.project.schedule.clone();
        let channel = schedule.channel.as_str();
        let base = self.settle(desk, channel)?;
        let found = desk
            .store
            .get(digest)
            .map_err(|e| crate::cli::store::store_error(&e));
        let judge = Judge::Scheduled(schedule.promote);
        let review = found.and_then(|artifact| {
            Review::of(desk, base.as_ref(), artifact, Accept::default(), judge)
        });
        let review = review.map_err(|stop| {
            let why = format!("verification: {}", stop.first_line());
            refuse_once(desk, channel, digest, &why);
            self.stopped(&stop)
        })?;
        let (removals, moves) = weir_compiler::guard::numbers(review.diff.as_ref());
        self.record.count(StageName::Guard, "removals", removals);
        self.record.count(StageName::Guard, "reparented", moves);
        self.record
            .count(StageName::Guard, "against", review.trips.len() as u64);
        let head = base.as_ref().map(|known| &known.head);
        let held = head.and_then(|head| head.hold.as_ref());
        let pending = head.filter(|head| head.confirm.is_some());
        let reasons: Vec<&str> = review.trips.iter().map(|t| t.message.as_str()).collect();
        let reasons = reasons.join("; ");
        if let Some(hold) = held {
            self.reached = StageName::Promote;
            // Whoever looked first took it back: the head tells, whether or not it was this run.
            if let Some(known) = base.as_ref().filter(|k| k.head.action == Action::Expire) {
                let issue = expired(&known.head);
                self.record.log(Priority::Warning, &issue.message);
                self.issues.push(issue);
            }
            let message = format!(
                "channel {channel} is held by {}: {}",
                hold.author, hold.reason
            );
            let help = format!("`weir resume {channel}` lets go");
            self.raise("CHANNEL-HELD", channel, "scheduler", &message, &help);
            self.record.leave(StageState::Done, &reasons);
            self.record.skip(StageName::Promote, &message);
            return Ok(end(RunOutcome::Built, Exit::Done, message));
        }
        if let Some(head) = pending {
            self.reached = StageName::Promote;
            let message = format!(
                "generation {} of channel {channel} waits to be confirmed",
                head.seq
            );
            let help = format!("`weir confirm {channel}`, or `weir rollback {channel}`");
            self.raise("CHANNEL-PENDING", channel, "scheduler", &message, &help);
            self.record.leave(StageState::Done, &reasons);
            self.record.skip(StageName::Promote, &message);
            return Ok(end(RunOutcome::Built, Exit::Done, message));
        }
        if head.is_some_and(|head| head.digest == digest) {
            self.reached = StageName::Promote;
            self.record
                .skip(StageName::Promote, "the channel runs it already");
            let summary = format!("channel {channel} runs {} already", short(digest));
            return Ok(end(RunOutcome::Unchanged, Exit::Done, summary));
        }
        if schedule.promote == PromoteWhen::Never {
            self.reached = StageName::Promote;
            self.record.leave(StageState::Done, &reasons);
            let why = "schedule.promote = \"never\"";
            self.record.skip(StageName::Promote, why);
            let summary = format!("{} waits to be promoted by hand: {why}", short(digest));
            return Ok(end(RunOutcome::Built, Exit::Done, summary));
        }
        if !review.trips.is_empty() {
            let why = format!("guard: {reasons}");
            refuse_once(desk, channel, digest, &why);
            for trip in &review.trips {
                let (code, about) = match trip.setting {
                    "lint.fail_on" | "guard.max_contained" => ("FINDINGS-FAIL", ""),
                    setting => ("GUARD-REFUSED", setting),
                };
                self.raise(code, about, "scheduler", &trip.message, &trip.help);
            }
            self.record.leave(StageState::Refused, &reasons);
            let only_findings = review.trips.iter().all(|t| t.setting == "lint.fail_on");
            let exit = if only_findings {
                Exit::Findings
            } else {
                Exit::Refused
            };
            return Ok(end(RunOutcome::Refused, exit, reasons));
        }
        self.interrupted()?;
        self.record.enter(StageName::Promote);
        self.reached = StageName::Promote;
        let promote = Promote {
            channel,
            digest,
            manifest_sha256: &review.manifest_sha256,
            reason: "scheduled",
            confirm_within: None,
            from: desk.from(channel),
            scheduled: true,
        };
        let key = Key { key: None };
        let done = desk.act(
            channel,
            Action::Promote,
            Some(digest),
            Some(&key),
            |channels| channels.promote(base.as_ref(), &promote),
        );
        let done = match done {
            Ok(done) => done,
            Err(stop) if stop.exit() == Exit::Refused => {
                let (message, help) = stop.words();
                self.raise("PROMOTE-REFUSED", channel, "scheduler", &message, &help);
                return Ok(end(RunOutcome::Refused, Exit::Refused, message));
            }
            Err(stop) => return Err(self.stopped(&stop)),
        };
        if let Some(notice) = &done.notice {
            self.record.log(Priority::Notice, notice);
        }
        let summary = crate::cli::store::is_now(&done.head);
        self.record.leave(StageState::Done, &summary);
        Ok(end(RunOutcome::Promoted, Exit::Done, summary))
    }

    /// The head of a channel, after everything that is due.
    fn settle(
        &mut self,
        desk: &Desk,
        channel: &str,
    ) -> Result<Option<weir_store::channel::Known>, End> {
        let settled = desk.channels().settle(channel);
        let settled = settled.map_err(|error| self.stopped(&crate::cli::store::stop(&error)))?;
        if let Some(notice) = &settled.notice {
            self.record.log(Priority::Notice, notice);
        }
        Ok(settled.known)
    }

    /// Writes the files of what the channel runs where `publish.to` says.
    fn apply(&mut self, desk: &Desk, came: End) -> Result<End, End> {
        if desk.project.publish.to.is_none() {
            let why = "what follows the channel sees it by itself";
            self.record.skip(StageName::Apply, why);
            return Ok(came);
        }
        self.record.enter(StageName::Apply);
        match publish_head(desk) {
            Ok(done) => {
                if came.outcome != RunOutcome::Refused {
                    self.reached = StageName::Apply;
                }
                let (state, detail) = match done {
                    None => (
                        StageState::Skipped,
                        "the channel runs nothing yet".to_owned(),
                    ),
                    Some(Published::Refuse) => {
                        let message =
                            "files of LibreQoS were edited, and publish.overwrite keeps them";
                        self.raise("APPLY-REFUSED", "", "scheduler", message, "");
                        (StageState::Refused, message.to_owned())
                    }
                    Some(Published::Replace) => (StageState::Done, "published".to_owned()),
                    Some(_) => (StageState::Done, "published before".to_owned()),
                };
                self.record.leave(state, detail);
                Ok(match state {
                    StageState::Refused => End {
                        exit: came.exit.max(Exit::Refused),
                        ..came
                    },
                    _ => came,
                })
            }
            Err(stop) => {
                let (message, help) = stop.words();
                self.raise("APPLY-FAILED", "", "scheduler", &message, &help);
                self.record.leave(StageState::Failed, &message);
                Ok(End {
                    exit: came.exit.max(stop.exit()),
                    summary: format!("{}; {message}", came.summary),
                    ..came
                })
            }
        }
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

/// Publishes what the scheduled channel runs; `None`: it runs nothing, or nobody said where to.
pub fn publish_head(desk: &Desk) -> Result<Option<Published>, Stop> {
    let Some(to) = &desk.project.publish.to else {
        return Ok(None);
    };
    let channel = &desk.project.schedule.channel;
    let head = desk.channels().head(channel);
    let Some(known) = head.map_err(|error| crate::cli::store::stop(&error))? else {
        return Ok(None);
    };
    let artifact = desk.store.get(&known.head.digest);
    let artifact = artifact.map_err(|error| crate::cli::store::store_error(&error))?;
    let to = desk.dir.join(to);
    let done = publish_artifact(&to, &artifact, desk.project.publish.overwrite)?;
    Ok(Some(done.decision.action))
}

/// Writes a refusal into the journal of the channel, unless it is the last thing there: a run every few minutes would
/// fill it with the same words.
fn refuse_once(desk: &Desk, channel: &str, digest: &str, why: &str) {
    let journal = desk.channels().journal(channel).ok();
    let last = journal.as_ref().and_then(|journal| journal.entries.last());
    let said = last.is_some_and(|last| {
        last.outcome == Outcome::Refused && last.to.as_deref() == Some(digest) && last.reason == why
    });
    if !said {
        desk.channels()
            .refuse(channel, Action::Promote, Some(digest), why);
    }
}

/// A generation was not confirmed in time, and this is what its channel went back to.
pub fn expired(head: &weir_schemas::head::Head) -> Issue {
    let message = format!(
        "channel {} went back to {}: {}",
        head.channel,
        short(&head.digest),
        head.reason
    );
    raise(
        "CHANNEL-EXPIRED",
        &head.channel,
        "scheduler",
        message,
        "",
        &now(),
    )
}

/// Who moves channels by himself.
pub fn author() -> String {
    use weir_store::channel::{Clock as _, SystemClock};
    format!("scheduler@{}", SystemClock.host())
}
