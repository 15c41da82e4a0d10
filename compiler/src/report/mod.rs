//! How findings, trees and summaries look: for people and for machines. Everything here makes text and prints
//! nothing; `cli` owns the terminal. Text that came from a CRM never reaches a terminal unescaped.

pub mod by_rule;
pub mod compare;
pub mod concise;
pub mod diff;
pub mod excerpt;
pub mod github;
pub mod graph;
pub mod human;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod outcome;
pub mod rules;
pub mod sarif;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod tree;

use std::borrow::Cow;
use std::fmt::Write;

use crate::config::project::FailOn;
use crate::finding::{Finding, Level, Standing};
use crate::units::Kbps;

/// What the reader's terminal can show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    pub color: bool,
    /// Box drawing; without it plain ASCII.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
}

impl Look {
    /// What a file, a pipe or a test gets.
    pub const PLAIN: Look = Look {
        color: false,
        unicode: false,
        width: 100,
    };

    pub fn paint(self, tone: Tone, text: &str) -> Cow<'_, str> {
        if !self.color {
            return Cow::Borrowed(text);
        }
        let code = match tone {
            Tone::Error => 31,
            Tone::Warning => 33,
            Tone::Good => 32,
            Tone::Quiet => 2,
            Tone::Strong => 1,
        };
        Cow::Owned(format!("\u{1b}[{code}m{text}\u{1b}[0m"))
    }

    fn level(self, level: Level, text: &str) -> Cow<'_, str> {
        match level {
            Level::Error => self.paint(Tone::Error, text),
            Level::Warning => self.paint(Tone::Warning, text),
            Level::Info => self.paint(Tone::Quiet, text),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    Error,
    Warning,
    Good,
    Quiet,
    Strong,
}

/// How much of it somebody wants to read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Detail {
    /// Errors only.
    Quiet,
    /// Errors and warnings, the worst of each rule; the rest in a line a rule.
    Normal,
    /// Everything.
    Verbose,
}

/// Text with nothing left in it that a terminal would obey or hide: control characters, escape sequences, marks
/// that reverse the direction of writing, invisible characters.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    text.chars().for_each(|c| push_plain(&mut shown, c));
    Cow::Owned(shown)
}

/// Appends lines as [`plain`] shows them: only their ends are line breaks.
pub fn push_lines(to: &mut String, text: &str) {
    for line in text.lines() {
        for c in line.chars() {
            match c {
                // A tab is part of how a file is laid out.
                '\t' => to.push('\t'),
                c => push_plain(to, c),
            }
        }
        to.push('\n');
    }
}

/// Appends one character as [`plain`] shows it.
pub(crate) fn push_plain(text: &mut String, c: char) {
    match c {
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        c if is_hidden(c) => {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\u{{{:x}}}", u32::from(c));
        }
        c => text.push(c),
    }
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// How many findings of each level.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    pub errors: usize,
    pub warnings: usize,
    pub infos: usize,
}

impl Tally {
    /// Of those that count: what is suppressed or known does not.
    pub fn of(findings: &[Finding]) -> Tally {
        let open = || findings.iter().filter(|f| f.is_open());
        let count = |level| open().filter(|f| f.level == level).count();
        Tally {
            errors: count(Level::Error),
            warnings: count(Level::Warning),
            infos: count(Level::Info),
        }
    }

    /// Findings at or above the level that fails a build.
    pub fn failing(self, fail_on: FailOn) -> usize {
        match fail_on {
            FailOn::Error => self.errors,
            FailOn::Warning => self.errors + self.warnings,
            FailOn::Never => 0,
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Tally::default() {
            return f.write_str("no findings");
        }
        let parts = [
            (self.errors, "error"),
            (self.warnings, "warning"),
            (self.infos, "note"),
        ];
        let mut separator = "";
        for (count, word) in parts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{separator}{}", counted(count, word))?;
            separator = ", ";
        }
        Ok(())
    }
}

/// "1 circuit", "1 204 circuits"
pub fn counted(count: usize, word: &str) -> String {
    format!(
        "{} {word}{}",
        thousands(count as u64),
        if count == 1 { "" } else { "s" }
    )
}

/// Digits in groups of three, as people read them: `12 345`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 000/200`: whole Mbit/s in groups of three; below 10 Mbit/s exactly.
pub(crate) fn mbps(kbps: [u64; 2]) -> String {
    kbps.map(|k| {
        if k < 10_000 {
            Kbps(k).mbps().to_string()
        } else {
            thousands((k + 500) / 1000)
        }
    })
    .join("/")
}

/// How many findings do not count, and why.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Aside {
    pub suppressed: usize,
    /// In the baseline.
    pub known: usize,
}

impl Aside {
    pub fn of(findings: &[Finding]) -> Aside {
        let mut aside = Aside::default();
        for finding in findings {
            match finding.standing {
                Standing::Open => {}
                Standing::Suppressed { .. } => aside.suppressed += 1,
                Standing::Known => aside.known += 1,
            }
        }
        aside
    }
}

/// `; 3 suppressed, 12 known`, or nothing.
impl std::fmt::Display for Aside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "; ";
        for (count, word) in [(self.suppressed, "suppressed"), (self.known, "known")] {
            if count > 0 {
                write!(f, "{separator}{} {word}", thousands(count as u64))?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

/// As written in `weir.toml`.
pub fn fail_on_word(fail_on: FailOn) -> &'static str {
    match fail_on {
        FailOn::Error => "error",
        FailOn::Warning => "warning",
        FailOn::Never => "never",
    }
}
