//! What a command came to, as every format needs it: findings with their places, what stopped the command, and what
//! decides whether it passes. A format renders it, and decides nothing.

use std::borrow::Cow;

use crate::config::project::FailOn;
use crate::finding::{Finding, Label, Level};
use crate::report::summary::Summary;
use crate::source_map::{Format, SourceMap};

/// Everything a format may show.
#[derive(Clone, Copy)]
pub struct Outcome<'a> {
    pub findings: &'a [Finding],
    pub files: &'a SourceMap,
    /// `None`: something stopped the command before there was a result.
    pub summary: Option<&'a Summary>,
    /// What stopped the command, or refuses the plan.
    pub problems: &'a [Problem],
    pub exit: u8,
    /// Every reason for the exit code, the one that set it first.
    pub reasons: &'a [String],
    pub fail_on: FailOn,
    /// The project's directory as seen from where the command runs, with a slash at its end, or nothing: programs look
    /// for files from there.
    pub prefix: &'a str,
    /// Findings are compared with a baseline.
    pub baseline: bool,
}

/// Something that is no finding: a mistake in `weir.toml`, a refusal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    pub message: String,
    pub help: String,
    pub at: Option<At>,
}

/// A place that a program can open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct At {
    pub path: String,
    pub line: usize,
    pub column: usize,
    /// The field inside the record.
    pub field: String,
}

impl Outcome<'_> {
    /// The finding makes the command fail.
    pub fn fails(&self, finding: &Finding) -> bool {
        let least = match self.fail_on {
            FailOn::Error => Level::Error,
            FailOn::Warning => Level::Warning,
            FailOn::Never => return false,
        };
        finding.is_open() && finding.level >= least
    }

    pub fn at(&self, label: &Label) -> At {
        let at = self.files.locate(&label.place);
        At {
            path: self.path(&self.files.file(at.file).path).into_owned(),
            line: at.line,
            column: at.column,
            field: label.place.route.to_string(),
        }
    }

    /// Where a finding stands; one that has no place stands at the start of the configuration, or of the first input
    /// where there is no such file. Every program wants a place.
    pub fn main(&self, finding: &Finding) -> At {
        if let Some(first) = finding.places.first() {
            return self.at(first);
        }
        let written = |path: &str| !path.ends_with("(assumed)");
        let files = || self.files.files().map(|(_, file)| file);
        let config = files().find(|f| f.format == Format::Toml && written(&f.path));
        let file = config.or_else(|| files().find(|f| f.format != Format::Toml));
        At {
            path: file.map_or_else(
                || "weir.toml".to_owned(),
                |f| self.path(&f.path).into_owned(),
            ),
            line: 1,
            column: 1,
            field: String::new(),
        }
    }

    fn path<'p>(&self, path: &'p str) -> Cow<'p, str> {
        match self.prefix {
            "" => Cow::Borrowed(path),
            prefix => Cow::Owned(format!("{prefix}{path}")),
        }
    }
}
