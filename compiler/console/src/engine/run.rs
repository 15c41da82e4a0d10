//! Runs of the scheduler.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the scheduler is doing.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct Scheduler {
    /// `schedule.every` as written: `30m`; null when nothing is scheduled.
    pub every: Option<String>,
    /// `schedule.promote`: `never`, `when-clean`, `when-contained`.
    pub promote: String,
    /// When the next run begins: UTC, as RFC 3339; null when none will.
    pub next: Option<String>,
    /// Null when it is not paused.
    pub paused: Option<Pause>,
    /// Newest first; the one under way has no `outcome`.
    pub runs: Vec<Run>,
    /// The artifact that the last good build came to; null before the first.
    pub latest: Option<Latest>,
}

/// No run begins by itself.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Pause {
    pub by: String,
    pub reason: String,
    /// Since when: UTC, as RFC 3339.
    pub since: String,
}

/// What the last build made.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Latest {
    /// Payload digest.
    pub digest: String,
    /// When it was built: UTC, as RFC 3339.
    pub built: String,
    /// Why it is not promoted, in one line; null when it is, or nothing was tried.
    pub waiting: Option<String>,
}

/// One run.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// Names it in addresses: letters, digits, `-`.
    pub id: String,
    /// UTC, as RFC 3339.
    pub started: String,
    /// Null while it is under way.
    pub milliseconds: Option<u64>,
    /// `schedule`, or the name of the user who asked for it.
    pub by: String,
    /// Null while it is under way.
    pub outcome: Option<RunOutcome>,
    /// The outcome in one line; what is being done while there is none.
    pub summary: String,
    /// The exit code that the same work would have had on the command line; null while it is under way.
    pub exit_code: Option<u8>,
    /// Payload digest of what was built; null when nothing was.
    pub digest: Option<String>,
    /// In the order of the pipeline. Stages that were not reached are `waiting` or `skipped`.
    pub stages: Vec<Stage>,
    /// Lines, oldest first. Empty in lists of runs.
    #[serde(default)]
    pub log: Vec<String>,
}

/// What a run came to.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// A new generation was promoted.
    Promoted,
    /// The build came to what the channel runs.
    Unchanged,
    /// A new artifact is there, and waits for a person: by policy, or because the channel is held.
    Built,
    /// A guard or the findings stand against it.
    Refused,
    /// A source, the store or the disk failed. The last good generation stays.
    Failed,
    /// The program was stopped during the run.
    Interrupted,
}

impl RunOutcome {
    pub fn word(self) -> &'static str {
        match self {
            RunOutcome::Promoted => "promoted",
            RunOutcome::Unchanged => "unchanged",
            RunOutcome::Built => "built",
            RunOutcome::Refused => "refused",
            RunOutcome::Failed => "failed",
            RunOutcome::Interrupted => "interrupted",
        }
    }

    /// Somebody should look.
    pub fn is_bad(self) -> bool {
        matches!(self, RunOutcome::Refused | RunOutcome::Failed)
    }
}

/// A step of a run.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Stage {
    pub name: StageName,
    pub state: StageState,
    /// Null unless it ended.
    pub milliseconds: Option<u64>,
    /// What was counted, by word: `circuits`, `errors`, ...
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
    /// In one line; empty when there is nothing to say.
    #[serde(default)]
    pub detail: String,
}

/// The steps, in order.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    Fetch,
    Normalize,
    Topology,
    Lint,
    Emit,
    Guard,
    Promote,
    /// Files for LibreQoS, or what the runtime answers.
    Apply,
}

impl StageName {
    pub const ALL: [StageName; 8] = [
        StageName::Fetch,
        StageName::Normalize,
        StageName::Topology,
        StageName::Lint,
        StageName::Emit,
        StageName::Guard,
        StageName::Promote,
        StageName::Apply,
    ];

    pub fn word(self) -> &'static str {
        match self {
            StageName::Fetch => "fetch",
            StageName::Normalize => "normalize",
            StageName::Topology => "topology",
            StageName::Lint => "lint",
            StageName::Emit => "emit",
            StageName::Guard => "guard",
            StageName::Promote => "promote",
            StageName::Apply => "apply",
        }
    }
}

/// How a step stands.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    Waiting,
    Running,
    Done,
    /// There was nothing to do, or an earlier step ended the run.
    Skipped,
    Refused,
    Failed,
}

impl StageState {
    pub fn word(self) -> &'static str {
        match self {
            StageState::Waiting => "waiting",
            StageState::Running => "running",
            StageState::Done => "done",
            StageState::Skipped => "skipped",
            StageState::Refused => "refused",
            StageState::Failed => "failed",
        }
    }
}
