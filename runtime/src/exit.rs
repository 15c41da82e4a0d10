//! The exit codes of `weir-runtime`: a row of the one table that all commands of Weir share.
//!
//! It does not know who fails, or of what.

use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Something outside failed: store, disk, kernel. Trying again may help.
    Outside = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// It was not begun: what was given does not verify, this box cannot hold it, or another runtime is at work.
    Refused = 4,
    /// The kernel is not as the artifact says.
    Differs = 6,
    /// An apply failed and was taken back: the generation before is live.
    RolledBack = 7,
    /// An apply failed and so did the way back: traffic passes unshaped.
    Unshaped = 8,
}

impl Exit {
    /// Every code with what it means, for the documentation and its test.
    pub const ALL: [(Exit, &'static str); 7] = [
        (Exit::Done, "done"),
        (
            Exit::Outside,
            "something outside failed: store, disk, kernel; trying again may help. `doctor` found what would fail",
        ),
        (
            Exit::Usage,
            "the command line or the configuration is wrong",
        ),
        (
            Exit::Refused,
            "refused before anything was touched: it does not verify, this box cannot hold it, another runtime is at work, or one of \
             another version filled the kernel's maps",
        ),
        (
            Exit::Differs,
            "the kernel is not as the artifact says (`verify`)",
        ),
        (
            Exit::RolledBack,
            "an apply failed and was taken back: the generation before is live",
        ),
        (
            Exit::Unshaped,
            "an apply failed and so did the way back: traffic passes unshaped",
        ),
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    pub exit: Exit,
    /// One line that stands alone.
    pub message: String,
    /// What to do about it; empty when the message says it.
    pub help: String,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure {
            exit,
            message: message.into(),
            help: help.into(),
        }
    }
}
