//! What came out of a drill: figures in order, what could not be run, and the line that says it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Error;

/// What was tried without a failure.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What, and how many of it.
    pub figures: BTreeMap<String, u64>,
    /// What could not be run here, and why.
    pub missing: Vec<String>,
}

impl Outcome {
    /// Nothing of it can be run here.
    pub fn not_run(why: impl Into<String>) -> Outcome {
        Outcome {
            figures: BTreeMap::new(),
            missing: vec![why.into()],
        }
    }

    /// So many rounds of those that were meant; that there was no time for the others is said.
    pub fn of_rounds(what: &str, done: u64, meant: u64) -> Outcome {
        let mut outcome = Outcome::default().with(what, done);
        if done < meant {
            let left = meant - done;
            outcome
                .missing
                .push(format!("{left} of {meant} {what}: no time was left"));
        }
        outcome
    }

    pub fn add(&mut self, what: &str, n: u64) {
        *self.figures.entry(what.to_owned()).or_default() += n;
    }

    pub fn with(mut self, what: &str, n: u64) -> Outcome {
        self.add(what, n);
        self
    }

    pub fn join(&mut self, other: Outcome) {
        for (what, n) in other.figures {
            self.add(&what, n);
        }
        self.missing.extend(other.missing);
    }
}

/// How far a long drill is, for who waits for it: a line after every `step` of `all`. What was done by then without a
/// failure is known so also when somebody breaks it off.
#[expect(
    clippy::print_stderr,
    reason = "the line of a drill goes to stdout, and what is said on the way beside it"
)]
pub fn tell(what: &str, done: u64, all: u64, step: u64) {
    if done.is_multiple_of(step) && done > 0 {
        eprintln!("{done} of {all} {what}");
    }
}

/// A drill that was run, as it is written down.
#[derive(Serialize, Debug)]
pub struct Record {
    drill: &'static str,
    /// `held`, `failed` or `not run`.
    result: &'static str,
    figures: BTreeMap<String, u64>,
    missing: Vec<String>,
    /// What was broken.
    error: Option<String>,
    seconds: u64,
}

impl Record {
    pub fn new(drill: &'static str, result: &Result<Outcome, Error>, took: Duration) -> Record {
        let (figures, missing, error) = match result {
            Ok(outcome) => (outcome.figures.clone(), outcome.missing.clone(), None),
            Err(error) => (BTreeMap::new(), Vec::new(), Some(error.to_string())),
        };
        Record {
            drill,
            result: match (&error, figures.is_empty()) {
                (Some(_), _) => "failed",
                (None, true) => "not run",
                (None, false) => "held",
            },
            figures,
            missing,
            error,
            seconds: took.as_secs(),
        }
    }

    pub fn name(&self) -> &str {
        self.drill
    }

    pub fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    pub fn was_not_run(&self) -> bool {
        self.result == "not run"
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<14} {:<8}", self.drill, self.result)?;
        let figures: Vec<String> = self
            .figures
            .iter()
            .map(|(what, n)| format!("{n} {what}"))
            .collect();
        if !figures.is_empty() {
            write!(f, " {}, 0 failures", figures.join(", "))?;
        }
        write!(f, " ({} s)", self.seconds)?;
        for why in &self.missing {
            write!(f, "\n  not run: {why}")?;
        }
        if let Some(error) = &self.error {
            write!(f, "\n  {}", error.replace('\n', "\n  "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(result: Result<Outcome, Error>) -> String {
        Record::new("kills", &result, Duration::from_secs(3)).to_string()
    }

    #[test]
    fn a_line_says_what_was_tried_and_what_was_not() {
        let mut outcome = Outcome::default().with("tests", 2).with("kill points", 40);
        outcome.join(Outcome::not_run("strace may not trace here").with("tests", 1));
        assert_eq!(
            line(Ok(outcome)),
            "kills          held     40 kill points, 3 tests, 0 failures (3 s)\n  not run: strace may not trace here"
        );
        assert_eq!(
            line(Ok(Outcome::not_run("no QEMU"))),
            "kills          not run  (3 s)\n  not run: no QEMU"
        );
        assert_eq!(
            line(Err("it broke\nhere".into())),
            "kills          failed   (3 s)\n  it broke\n  here"
        );
    }

    #[test]
    fn rounds_without_time_are_said_to_be_missing() {
        assert_eq!(
            line(Ok(Outcome::of_rounds("power cuts", 12, 50))),
            "kills          held     12 power cuts, 0 failures (3 s)\n  not run: 38 of 50 power cuts: no time was left"
        );
        assert_eq!(Outcome::of_rounds("cycles", 50, 50).missing, [""; 0]);
    }

    #[test]
    fn nothing_tried_is_not_held() {
        let record = Record::new("kills", &Ok(Outcome::default()), Duration::ZERO);
        assert!(record.was_not_run() && !record.has_failed());
    }
}
