//! What the console asks of whoever runs it: everything that needs the compiler, the project's files or the network.
//!
//! Every call may block; the console makes them on threads that may. An answer is plain data with a JSON form. The
//! console knows nothing of how it was come by, and shows what it is given.

mod change;
mod issue;
mod run;
mod source;

pub use change::{
    Back, Edit, Explain, Moved, OverrideId, OverrideRequest, PromoteRequest, Review,
    StoredOverride, Written,
};
pub use issue::{Acknowledge, Acknowledgement, Issue, IssueLevel};
pub use run::{Latest, Pause, Run, RunOutcome, Scheduler, Stage, StageName, StageState};
pub use source::{
    Fetched, Field, FieldKind, Permission, Records, Secret, Setting, Source, SourceEdit,
    SourceKind, TestResult, TestStep,
};

use weir_schemas::compare::Compare;
use weir_schemas::diff::Diff;
use weir_schemas::why::Why;

/// Why something was not done, or not answered. Texts are shown as they are; they hold no secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// It may not be done: a guard, a hold, a base that moved. Nothing was changed.
    #[error("{message}")]
    Refused {
        /// One word for programs: `base-moved`, `held`, `guard`, ...
        word: String,
        message: String,
        /// What to do.
        help: String,
    },
    /// What was sent makes no sense. Nothing was changed.
    #[error("{message}")]
    Invalid {
        /// Name of the form's field; empty when it is none in particular.
        field: String,
        message: String,
    },
    /// There is no such thing.
    #[error("{message}")]
    NotFound { message: String },
    /// Something outside failed; trying again may help.
    #[error("{message}")]
    Failed { message: String, help: String },
}

impl Problem {
    /// Something outside failed, and there is nothing to say about what to do.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Problem::Failed {
            message: error.to_string(),
            help: String::new(),
        }
    }
}

/// An answer.
pub type Answer<T> = Result<T, Problem>;

/// The project as a whole.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Project {
    /// `project.name`
    pub name: String,
    /// The channel that the scheduler promotes to, and that the console shows unless it is asked for another.
    pub channel: String,
    /// The project is kept in git: edits are shown as patches and never written.
    pub in_git: bool,
    /// Version of the program.
    pub version: String,
}

/// What the console's caller can do. `by` is the name of the signed-in user, and goes into journals.
pub trait Engine: Send + Sync + 'static {
    fn project(&self) -> Answer<Project>;

    /// Grows with everything that [`scheduler`](Engine::scheduler) would answer differently. Asked every second by
    /// every open page, so it must be cheap and must not block.
    fn revision(&self) -> u64;

    /// What the scheduler does, and what it did: newest run first, without logs.
    fn scheduler(&self) -> Answer<Scheduler>;

    /// One run, with its log.
    fn run(&self, id: &str) -> Answer<Run>;

    /// Starts a run now. Refused while one is under way.
    fn run_now(&self, by: &str) -> Answer<()>;

    /// Starts no run until [`unpause`](Engine::unpause).
    fn pause(&self, by: &str, reason: &str) -> Answer<()>;

    fn unpause(&self, by: &str) -> Answer<()>;

    /// What the scheduler, the sources and the machine have to complain about. Findings of artifacts are not among
    /// them: the console reads those itself.
    fn issues(&self) -> Answer<Vec<Issue>>;

    /// Acknowledgements of issues and findings, expired ones left out, sorted by id.
    fn acknowledgements(&self) -> Answer<Vec<Acknowledgement>>;

    fn acknowledge(&self, by: &str, what: &Acknowledge) -> Answer<()>;

    /// Takes an acknowledgement back.
    fn unacknowledge(&self, by: &str, id: &str) -> Answer<()>;

    /// Documentation of a rule, by code or name.
    fn explain(&self, rule: &str) -> Answer<Explain>;

    /// What changes for subscribers from one artifact to another. Both are payload digests of artifacts in the store.
    fn diff(&self, from: &str, to: &str) -> Answer<Diff>;

    /// The text of the pull-request comment for this change: Markdown.
    fn review_text(&self, from: &str, to: &str) -> Answer<String>;

    /// Where the values of a circuit, node or address of this artifact come from.
    fn why(&self, digest: &str, question: &str) -> Answer<Why<'static>>;

    /// All strategies, side by side, from what is fetched now. Takes as long as four builds.
    fn compare(&self) -> Answer<Compare>;

    /// What promoting an artifact to a channel would do, and what stands against it.
    fn review(&self, channel: &str, digest: &str) -> Answer<Review>;

    fn promote(&self, by: &str, request: &PromoteRequest) -> Answer<Moved>;

    /// Confirms the pending generation `seq`.
    fn confirm(&self, by: &str, channel: &str, seq: u64) -> Answer<Moved>;

    /// Goes back, and holds the channel. `seq` is the generation that whoever asks has seen at the head; another one
    /// there refuses.
    fn rollback(&self, by: &str, channel: &str, seq: u64, to: &Back, reason: &str)
    -> Answer<Moved>;

    /// Lets the scheduler promote to a held channel again.
    fn resume(&self, by: &str, channel: &str, reason: &str) -> Answer<Moved>;

    /// What stands in `overrides.toml`, in the order of the file.
    fn overrides(&self) -> Answer<Vec<StoredOverride>>;

    /// Tries the override on the project, and writes it or shows the patch.
    fn add_override(&self, by: &str, request: &OverrideRequest) -> Answer<Edit>;

    /// Takes the entries out that this names, or shows the patch. There must be one.
    fn remove_override(&self, by: &str, which: &OverrideId) -> Answer<Edit>;

    /// Every source of `weir.toml`, in its order, disabled ones too.
    fn sources(&self) -> Answer<Vec<Source>>;

    /// The kinds a source can have, each with its fields.
    fn source_kinds(&self) -> Answer<Vec<SourceKind>>;

    /// Reaches out to the source, signs in, and reads one page of each collection. Records nothing.
    fn test_source(&self, name: &str) -> Answer<TestResult>;

    /// Adds or changes a source. Comments in `weir.toml` are kept. Secrets go into files of mode 0600 and nowhere else.
    fn edit_source(&self, by: &str, edit: &SourceEdit) -> Answer<Edit>;

    /// Metrics in the text format of Prometheus; the console adds its own. `None`: they are switched off.
    fn metrics(&self) -> Option<String>;
}
