//! What the console asks: the scheduler's book, the store, the compiler and the project's files, each by the function
//! that its verb uses.
//!
//! It draws nothing and knows no page. Whoever is signed in stands as `by` in journals.

mod change;
mod edit;
mod kept;
mod look;
mod sources;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use weir_compiler::config::project::Project as Config;
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::report::plain;
use weir_compiler::source_map::SourceMap;
use weir_console::engine::{
    Acknowledge, Acknowledgement, Answer, Back, Edit, Engine, Explain, Issue, Moved, OverrideId,
    OverrideRequest, Problem, Project, PromoteRequest, Review, Run, Scheduler as Shown, Source,
    SourceEdit, SourceKind, StoredOverride, TestResult,
};
use weir_schemas::compare::Compare;
use weir_schemas::diff::Diff;
use weir_schemas::why::Why;
use weir_store::channel::{Clock as _, SystemClock};

use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::store::Desk;
use crate::serve::metrics;
use crate::serve::scheduler::{Scheduler, pause};
use kept::Kept;

/// The console's caller.
pub struct Caller {
    pub scheduler: Arc<Scheduler>,
    /// What tells of the artifact that was asked about last where things come from.
    origins: Kept<String, look::Origins>,
    /// The promotion that was looked at last, and everything that it was judged by but the clock.
    review: Kept<change::Judged, Review>,
}

/// How long a look at a promotion is as good as a new one: the clock only makes sources older. Promoting judges anew.
const REVIEWED: Duration = Duration::from_secs(30 * 60);
/// An artifact never changes.
const EVER: Duration = Duration::from_secs(u32::MAX as u64);

impl Caller {
    pub fn new(scheduler: Arc<Scheduler>) -> Caller {
        Caller {
            scheduler,
            origins: Kept::new(EVER),
            review: Kept::new(REVIEWED),
        }
    }

    fn dir(&self) -> &Path {
        &self.scheduler.context.dir
    }

    fn config(&self) -> Answer<Config> {
        let mut files = SourceMap::default();
        let project = config::load(self.dir(), &mut files, &CliOverrides::default());
        project.map_err(|error| problem(&Stop::config(error)))
    }

    /// The store, for what this user asks.
    fn desk(&self, by: &str) -> Answer<Desk> {
        let author = format!("{by}@{}", SystemClock.host());
        Desk::at(self.dir().to_owned(), Some(&author)).map_err(|stop| problem(&stop))
    }

    fn changed(&self) {
        (self.scheduler.context.changed)();
    }
}

/// A command that stopped, as an answer.
fn problem(stop: &Stop) -> Problem {
    let (message, help) = stop.words();
    match stop.exit() {
        Exit::Refused => Problem::Refused {
            word: match stop.refusal() {
                "" => "refused".to_owned(),
                word => word.to_owned(),
            },
            message,
            help,
        },
        Exit::Usage => Problem::Invalid {
            field: String::new(),
            message: match help.is_empty() {
                true => message,
                false => format!("{message}: {help}"),
            },
        },
        _ => Problem::Failed { message, help },
    }
}

fn invalid(field: &str, message: impl Into<String>) -> Problem {
    Problem::Invalid {
        field: field.to_owned(),
        message: message.into(),
    }
}

/// What the book says, or why it cannot be read.
fn remembered(error: &std::io::Error) -> Problem {
    Problem::Failed {
        message: plain(&error.to_string()).into_owned(),
        help: "see whether the disk is full, and who owns the store".to_owned(),
    }
}

/// The directory of the git repository that a project is in.
fn repository(dir: &Path) -> Option<PathBuf> {
    let full = std::path::absolute(dir).ok()?;
    let mut at = full.ancestors();
    at.find(|dir| dir.join(".git").exists()).map(Path::to_owned)
}

impl Engine for Caller {
    fn project(&self) -> Answer<Project> {
        let config = self.config()?;
        Ok(Project {
            name: config.name,
            channel: config.schedule.channel,
            in_git: repository(self.dir()).is_some(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    fn revision(&self) -> u64 {
        self.scheduler.revision()
    }

    fn scheduler(&self) -> Answer<Shown> {
        look::scheduler(self)
    }

    fn run(&self, id: &str) -> Answer<Run> {
        let state = self.scheduler.state().map_err(|e| remembered(&e))?;
        let found = state.runs.iter().find(|run| run.id == id);
        found.cloned().ok_or_else(|| Problem::NotFound {
            message: format!("there is no run {}", plain(id)),
        })
    }

    fn run_now(&self, by: &str) -> Answer<()> {
        match self.scheduler.run_now(by) {
            true => Ok(()),
            false => Err(Problem::Refused {
                word: "running".to_owned(),
                message: "a run is under way".to_owned(),
                help: "wait until it is over".to_owned(),
            }),
        }
    }

    fn pause(&self, by: &str, reason: &str) -> Answer<()> {
        let paused = self.scheduler.pause(Some(pause(by, reason)));
        paused.map_err(|e| remembered(&e))
    }

    fn unpause(&self, _by: &str) -> Answer<()> {
        self.scheduler.pause(None).map_err(|e| remembered(&e))
    }

    fn issues(&self) -> Answer<Vec<Issue>> {
        let state = self.scheduler.state().map_err(|e| remembered(&e))?;
        Ok(state.issues.clone())
    }

    fn acknowledgements(&self) -> Answer<Vec<Acknowledgement>> {
        look::acknowledgements(self)
    }

    fn acknowledge(&self, by: &str, what: &Acknowledge) -> Answer<()> {
        change::acknowledge(self, by, what)
    }

    fn unacknowledge(&self, _by: &str, id: &str) -> Answer<()> {
        change::unacknowledge(self, id)
    }

    fn explain(&self, rule: &str) -> Answer<Explain> {
        look::explain(rule)
    }

    fn diff(&self, from: &str, to: &str) -> Answer<Diff> {
        look::diff(self, from, to)
    }

    fn review_text(&self, from: &str, to: &str) -> Answer<String> {
        let diff = look::diff(self, from, to)?;
        Ok(weir_compiler::report::diff::markdown(&diff))
    }

    fn why(&self, digest: &str, question: &str) -> Answer<Why<'static>> {
        look::why(self, digest, question)
    }

    fn compare(&self) -> Answer<Compare> {
        look::compare(self)
    }

    fn review(&self, channel: &str, digest: &str) -> Answer<Review> {
        change::review(self, channel, digest)
    }

    fn promote(&self, by: &str, request: &PromoteRequest) -> Answer<Moved> {
        change::promote(self, by, request)
    }

    fn confirm(&self, by: &str, channel: &str, seq: u64) -> Answer<Moved> {
        change::confirm(self, by, channel, seq)
    }

    fn rollback(
        &self,
        by: &str,
        channel: &str,
        seq: u64,
        to: &Back,
        reason: &str,
    ) -> Answer<Moved> {
        change::rollback(self, by, channel, seq, to, reason)
    }

    fn resume(&self, by: &str, channel: &str, reason: &str) -> Answer<Moved> {
        change::resume(self, by, channel, reason)
    }

    fn overrides(&self) -> Answer<Vec<StoredOverride>> {
        edit::overrides(self)
    }

    fn add_override(&self, by: &str, request: &OverrideRequest) -> Answer<Edit> {
        edit::add_override(self, by, request)
    }

    fn remove_override(&self, by: &str, which: &OverrideId) -> Answer<Edit> {
        edit::remove_override(self, by, which)
    }

    fn sources(&self) -> Answer<Vec<Source>> {
        sources::list(self)
    }

    fn source_kinds(&self) -> Answer<Vec<SourceKind>> {
        Ok(sources::kinds())
    }

    fn test_source(&self, name: &str) -> Answer<TestResult> {
        sources::test(self, name)
    }

    fn edit_source(&self, by: &str, edit: &SourceEdit) -> Answer<Edit> {
        edit::edit_source(self, by, edit)
    }

    fn metrics(&self) -> Option<String> {
        Some(metrics::text(self.dir(), &self.scheduler))
    }
}
