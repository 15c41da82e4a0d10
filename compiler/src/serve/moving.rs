//! The second half of a run: the guard is asked about what was built, the channel is moved if everything is for it, and the
//! files of LibreQoS follow.

use weir_compiler::config::project::PromoteWhen;
use weir_compiler::guard::Accept;
use weir_compiler::publish::Action as Published;
use weir_compiler::report::{counted, plain};
use weir_console::engine::{Issue, RunOutcome, StageName, StageState};
use weir_schemas::head::{Action, Head};
use weir_schemas::journal::Outcome;
use weir_store::channel::{Known, Promote, short};

use crate::cli::exit::Exit;
use crate::cli::gc;
use crate::cli::publish::publish_artifact;
use crate::cli::review::{Judge, Review};
use crate::cli::stop::Stop;
use crate::cli::store::{self, Desk, Key, is_now, store_error};
use crate::cli::terminal::Priority;
use crate::serve::issue::raise;
use crate::serve::run::{End, Work, author, end, now};

/// Artifacts that one run removes at most: a store that has grown for long is tidied over several runs.
const AT_ONCE: usize = 25;

impl Work<'_> {
    /// Removes the oldest artifacts, and the snapshots, that nobody needs any more, a bounded number a run: the same choice as
    /// that of `weir gc`, which never takes what a channel runs, ran before, waits for or may return to, nor what is pinned.
    pub fn tidy(&mut self) {
        let author = author();
        let tidied = || -> Result<(usize, usize), Stop> {
            let desk = Desk::at(self.context.dir.clone(), Some(&author))?;
            let Some(keep) = desk.project.schedule.keep else {
                return Ok((0, 0));
            };
            let removed = desk.channels().collect_some(keep, AT_ONCE);
            let removed = removed.map_err(|error| store::stop(&error))?;
            if !removed.is_empty() {
                desk.store.drop_copies().map_err(|e| store_error(&e))?;
            }
            // What is not more than is kept anyway needs no look at who was built from what.
            let recorded = desk.store.local().snapshots();
            let snapshots = match recorded.map(|recorded| recorded.len() > keep) {
                Ok(true) => gc::snapshots(&desk, &removed, keep, false)?.len(),
                Ok(false) => 0,
                Err(error) => {
                    return Err(Stop::new(Exit::Outside, plain(&error.to_string()), ""));
                }
            };
            Ok((removed.len(), snapshots))
        };
        match tidied() {
            Ok((0, 0)) => {}
            Ok((artifacts, snapshots)) => {
                let said = format!(
                    "{} and {} removed that nobody needs any more",
                    counted(artifacts, "artifact"),
                    counted(snapshots, "snapshot")
                );
                self.record.log(Priority::Info, &said);
            }
            // What was built and promoted stands; the next run tries again.
            Err(stop) => {
                let said = format!("what is old was not removed: {}", stop.first_line());
                self.record.log(Priority::Warning, &said);
            }
        }
    }

    /// Asks the guard, moves the channel if everything is for it, and publishes what it runs.
    pub fn promote(&mut self, digest: &str) -> Result<End, End> {
        self.record.enter(StageName::Guard);
        self.reached = StageName::Guard;
        let author = author();
        let desk = Desk::at(self.context.dir.clone(), Some(&author));
        let desk = desk.map_err(|stop| self.stopped(&stop))?;
        let came = self.move_channel(&desk, digest)?;
        for channel in desk.store.backend().channels().unwrap_or_default() {
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
        let found = desk.store.get(digest).map_err(|e| store_error(&e));
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
        let summary = is_now(&done.head);
        self.record.leave(StageState::Done, &summary);
        Ok(end(RunOutcome::Promoted, Exit::Done, summary))
    }

    /// The head of a channel, after everything that is due.
    fn settle(&mut self, desk: &Desk, channel: &str) -> Result<Option<Known>, End> {
        let settled = desk.channels().settle(channel);
        let settled = settled.map_err(|error| self.stopped(&store::stop(&error)))?;
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

/// Publishes what the scheduled channel runs; `None`: it runs nothing, or nobody said where to.
pub fn publish_head(desk: &Desk) -> Result<Option<Published>, Stop> {
    let Some(to) = &desk.project.publish.to else {
        return Ok(None);
    };
    let channel = &desk.project.schedule.channel;
    let head = desk.channels().head(channel);
    let Some(known) = head.map_err(|error| store::stop(&error))? else {
        return Ok(None);
    };
    let artifact = desk.store.get(&known.head.digest);
    let artifact = artifact.map_err(|error| store_error(&error))?;
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
pub fn expired(head: &Head) -> Issue {
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
