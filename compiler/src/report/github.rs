//! Annotations of a pull request: the workflow commands of GitHub Actions, one a line.

use std::fmt::Write as _;

use crate::finding::{Finding, Level};
use crate::report::outcome::{At, Outcome};
use crate::report::{Aside, Tally, counted, plain};

/// Annotations of one level. GitHub shows ten of them at a step and fifty at a job; the log would drown in more.
const SHOWN: usize = 50;

pub fn text(outcome: &Outcome<'_>) -> String {
    let mut text = String::new();
    for problem in outcome.problems {
        push(
            &mut text,
            "error",
            problem.at.as_ref(),
            "weir",
            &problem.message,
            &problem.help,
        );
    }
    let mut left = 0;
    let mut shown = [0_usize; 3];
    for finding in outcome.findings.iter().filter(|f| f.is_open()) {
        let (slot, command) = match finding.level {
            Level::Error => (0, "error"),
            Level::Warning => (1, "warning"),
            Level::Info => (2, "notice"),
        };
        if shown[slot] == SHOWN {
            left += 1;
            continue;
        }
        shown[slot] += 1;
        let at = outcome.main(finding);
        push(
            &mut text,
            command,
            Some(&at),
            &title(finding),
            &finding.message,
            &finding.help,
        );
    }
    if outcome.summary.is_some() {
        let tally = Tally::of(outcome.findings);
        let aside = Aside::of(outcome.findings);
        let more = match left {
            0 => String::new(),
            left => format!("; {} not shown here", counted(left, "finding")),
        };
        push(
            &mut text,
            "notice",
            None,
            "weir",
            &format!("{tally}{aside}{more}"),
            &outcome.reasons.join("; "),
        );
    }
    text
}

fn title(finding: &Finding) -> String {
    format!("{} {}", finding.rule.code, finding.rule.name)
}

fn push(text: &mut String, command: &str, at: Option<&At>, title: &str, message: &str, help: &str) {
    let _ = write!(text, "::{command} ");
    if let Some(at) = at {
        let _ = write!(
            text,
            "file={},line={},col={},",
            property(&at.path),
            at.line,
            at.column
        );
    }
    let _ = write!(text, "title={}::{}", property(title), data(message));
    if !help.is_empty() {
        let _ = write!(text, "%0A{}", data(help));
    }
    text.push('\n');
}

/// What stands behind the second `::`.
fn data(text: &str) -> String {
    plain(text)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A value between the commas.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
