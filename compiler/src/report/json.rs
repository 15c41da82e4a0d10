//! The machine formats of the commands. Each carries its name and version; keys are only ever added. A finding has
//! the same shape here as in `findings.json` (`weir.findings/1`).

use std::collections::BTreeSet;

use serde::Serialize;
use weir_schemas::findings;

use crate::baseline::Compared;
use crate::emit::published_finding;
use crate::finding::{Finding, Level};
use crate::lint::rule::{Example, Rule};
use crate::lint::rules;
use crate::report::is_hidden;
use crate::report::summary::Summary;
use crate::source_map::SourceMap;

/// `weir check --format json`
#[derive(Debug, Serialize)]
pub struct Check<'a> {
    pub schema: &'static str,
    pub exit: Exit<'a>,
    /// Why the plan is refused.
    pub refusals: Vec<Refusal<'a>>,
    /// What `--baseline` came to; `null` without it.
    pub baseline: Option<Baseline>,
    pub summary: &'a Summary,
    /// The rules of the findings, each once.
    pub rules: Vec<RuleReport>,
    pub findings: Vec<findings::Finding<'a>>,
}

/// `weir build --format json`
#[derive(Debug, Serialize)]
pub struct Build<'a> {
    pub schema: &'static str,
    pub exit: Exit<'a>,
    /// Why the plan is refused.
    pub refusals: Vec<Refusal<'a>>,
    /// `null` when nothing was written.
    pub artifact: Option<Artifact<'a>>,
    pub summary: &'a Summary,
    /// The rules of the findings, each once.
    pub rules: Vec<RuleReport>,
    pub findings: Vec<findings::Finding<'a>>,
}

/// What a command came to.
#[derive(Debug, Serialize)]
pub struct Exit<'a> {
    pub code: u8,
    /// Every reason, the one that set the code first.
    pub reasons: &'a [String],
}

/// A reason that no artifact is made, which no setting allows.
#[derive(Debug, Serialize)]
pub struct Refusal<'a> {
    pub message: &'a str,
    /// What to do.
    pub help: &'a str,
}

/// How the findings compare with the baseline.
#[derive(Debug, Serialize)]
pub struct Baseline {
    /// Findings that it has.
    pub known: usize,
    /// Findings that it does not have.
    pub new: usize,
    /// Entries that are no longer found.
    pub gone: usize,
}

impl From<Compared> for Baseline {
    fn from(compared: Compared) -> Self {
        Baseline {
            known: compared.known,
            new: compared.new,
            gone: compared.gone,
        }
    }
}

#[derive(Debug, Serialize)]
pub struct Artifact<'a> {
    pub digest: &'a str,
    /// Where the store keeps it.
    pub directory: String,
    /// The store had it already: nothing changed.
    pub unchanged: bool,
    /// `--out`.
    pub out: Option<String>,
    pub files: Vec<&'a str>,
}

/// Something that stopped a command, in place of its report.
#[derive(Debug, Serialize)]
pub struct Error<'a> {
    pub schema: &'static str,
    pub exit: Exit<'a>,
    pub errors: Vec<ErrorReport<'a>>,
}

#[derive(Debug, Serialize)]
pub struct ErrorReport<'a> {
    pub message: &'a str,
    pub help: &'a str,
    pub locations: Vec<findings::Location<'a>>,
}

/// `weir rules --format json`
#[derive(Debug, Serialize)]
pub struct Rules {
    pub schema: &'static str,
    pub rules: Vec<RuleReport>,
}

/// `weir explain RULE --format json`
#[derive(Debug, Serialize)]
pub struct Explain {
    pub schema: &'static str,
    #[serde(flatten)]
    pub rule: RuleReport,
    pub bad: ExampleReport,
    pub good: ExampleReport,
}

#[derive(Debug, Serialize)]
pub struct RuleReport {
    pub code: &'static str,
    pub name: &'static str,
    /// Before `[lint.levels]`.
    pub level: &'static str,
    pub contained: bool,
    pub what: &'static str,
    pub why: &'static str,
    pub fix: &'static str,
}

#[derive(Debug, Serialize)]
pub struct ExampleReport {
    pub kind: &'static str,
    pub files: Vec<FileReport>,
    /// Settings of `weir.toml` beside the source.
    pub config: &'static str,
    /// Files of the build before, where the rule compares with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<FileReport>,
    /// When the export was recorded and when it is looked at, where the rule asks.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub recorded: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub as_of: &'static str,
}

#[derive(Debug, Serialize)]
pub struct FileReport {
    pub name: &'static str,
    pub content: &'static str,
}

pub fn findings<'a>(findings: &'a [Finding], files: &'a SourceMap) -> Vec<findings::Finding<'a>> {
    let published = |finding| published_finding(finding, files);
    findings.iter().map(published).collect()
}

/// The rules of these findings, in order of code.
pub fn found(findings: &[Finding]) -> Vec<RuleReport> {
    let codes: BTreeSet<&str> = findings.iter().map(|f| f.rule.code).collect();
    let rules = rules::ALL.iter().filter(|rule| codes.contains(rule.code));
    rules.map(|rule| RuleReport::of(rule)).collect()
}

impl Rules {
    pub fn of(rules: &[&'static Rule]) -> Self {
        Rules {
            schema: "weir.rules/1",
            rules: rules.iter().map(|r| RuleReport::of(r)).collect(),
        }
    }
}

impl Explain {
    pub fn of(rule: &'static Rule) -> Self {
        Explain {
            schema: "weir.explain/1",
            rule: RuleReport::of(rule),
            bad: ExampleReport::of(rule.bad),
            good: ExampleReport::of(rule.good),
        }
    }
}

impl RuleReport {
    fn of(rule: &'static Rule) -> Self {
        RuleReport {
            code: rule.code,
            name: rule.name,
            level: Level::word(rule.default),
            contained: rule.contained,
            what: rule.what,
            why: rule.why,
            fix: rule.fix,
        }
    }
}

impl ExampleReport {
    fn of(example: Example) -> Self {
        let files = |files: &[(&'static str, &'static str)]| {
            let report =
                |(name, content): &(&'static str, &'static str)| FileReport { name, content };
            files.iter().map(report).collect()
        };
        ExampleReport {
            kind: example.kind,
            files: files(example.files),
            config: example.config,
            before: files(example.before),
            recorded: example.recorded,
            as_of: example.as_of,
        }
    }
}

/// Indented JSON with a line break at the end. Characters that a terminal would obey are escaped, so that a report
/// can be looked at as safely as it can be parsed.
pub fn text(report: &impl Serialize) -> String {
    let mut text = escaped(
        serde_json::to_string_pretty(report).expect("reports have string keys and finite numbers"),
    );
    text.push('\n');
    text
}

/// The same on one line, without a line break.
pub fn line(report: &impl Serialize) -> String {
    escaped(serde_json::to_string(report).expect("reports have string keys and finite numbers"))
}

/// Escapes what is hidden. Only inside a string can such a character stand.
fn escaped(json: String) -> String {
    let Some(first) = hidden(&json) else {
        return json;
    };
    let mut text = String::with_capacity(json.len() + 16);
    let (mut rest, mut next) = (json.as_str(), Some(first));
    while let Some((at, c)) = next {
        text.push_str(&rest[..at]);
        for unit in c.encode_utf16(&mut [0; 2]) {
            text.push_str(&format!("\\u{unit:04x}"));
        }
        rest = &rest[at + c.len_utf8()..];
        next = hidden(rest);
    }
    text.push_str(rest);
    text
}

/// The first character that must not be there as it is, and where it is. Of ASCII only control characters are, and most
/// of a report is neither those nor anything but ASCII.
fn hidden(json: &str) -> Option<(usize, char)> {
    let mut at = 0;
    loop {
        let rest = json.as_bytes().get(at..)?;
        at += rest
            .iter()
            .position(|byte| !matches!(byte, b' '..=b'~' | b'\n'))?;
        let c = json[at..].chars().next()?;
        if is_hidden(c) {
            return Some((at, c));
        }
        at += c.len_utf8();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_escaped_wherever_it_stands() {
        for (text, want) in [
            ("", r#""""#),
            ("plain", r#""plain""#),
            ("Søren \u{1f4e1} ~", "\"Søren \u{1f4e1} ~\""),
            ("\u{7f}a\u{9b}", r#""\u007fa\u009b""#),
            ("é\u{202e}é\u{e0041}", r#""é\u202eé\udb40\udc41""#),
            ("\u{feff}\u{feff}", r#""\ufeff\ufeff""#),
            ("\n", r#""\n""#),
        ] {
            assert_eq!(line(&text), want);
            let read: String = serde_json::from_str(want).expect("JSON");
            assert_eq!(read, text, "it says the same");
        }
    }
}
