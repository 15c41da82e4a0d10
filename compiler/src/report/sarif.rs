//! SARIF 2.1.0, which code scanning reads. It keeps inside what GitHub takes; what does not fit is counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::finding::{Finding, Label, Level, Standing};
use crate::lint::fingerprint;
use crate::lint::rule::Rule;
use crate::lint::rules;
use crate::report::outcome::{At, Outcome, Problem};
use crate::report::{counted, json as machine, plain};

pub const VERSION: &str = "2.1.0";
pub const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// What GitHub takes of one file, and more of which it refuses.
pub const MAX_RESULTS: usize = 25_000;
/// What GitHub shows of it.
pub const SHOWN_RESULTS: usize = 5_000;
/// Bytes after gzip.
pub const MAX_GZIP: usize = 10_000_000;
/// Tags of a rule.
pub const MAX_TAGS: usize = 20;
/// Places of a result beside the first; GitHub takes a thousand and shows a hundred.
const RELATED: usize = 99;
/// Things of a result that are named.
const SUBJECTS: usize = 100;

/// One document. Findings are sorted by gravity, so what does not fit is what matters least.
pub fn text(outcome: &Outcome<'_>) -> String {
    within(outcome, MAX_RESULTS, MAX_GZIP)
}

fn within(outcome: &Outcome<'_>, max_results: usize, max_gzip: usize) -> String {
    let mut kept = outcome.findings.len().min(max_results);
    loop {
        let text = machine::line(&log(outcome, kept)) + "\n";
        if kept == 0 || gzip_size(text.as_bytes(), max_gzip) <= max_gzip {
            return text;
        }
        kept /= 2;
    }
}

/// Bytes after gzip; nothing is worth compressing that fits as it is.
fn gzip_size(bytes: &[u8], enough: usize) -> usize {
    if bytes.len() <= enough {
        return bytes.len();
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = gzip.write_all(bytes);
    gzip.finish().map_or(usize::MAX, |bytes| bytes.len())
}

fn log(outcome: &Outcome<'_>, kept: usize) -> Value {
    let findings = &outcome.findings[..kept];
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in outcome.findings {
        index.insert(finding.rule.code, 0);
    }
    // Rules that found nothing are no news.
    let found: Vec<&Rule> = rules::ALL
        .iter()
        .copied()
        .filter(|rule| index.contains_key(rule.code))
        .collect();
    for (i, rule) in found.iter().enumerate() {
        index.insert(rule.code, i);
    }
    let left = outcome.findings.len() - kept;
    let mut notes: Vec<Value> = outcome.problems.iter().map(notification).collect();
    if left > 0 {
        let text = format!(
            "{} of {} left out, the least grave: this file holds {kept}, as many as code scanning takes",
            counted(left, "finding"),
            outcome.findings.len(),
        );
        notes.push(json!({ "level": "warning", "message": { "text": literal(&text) } }));
    } else if kept > SHOWN_RESULTS {
        let text = format!("code scanning shows the first {SHOWN_RESULTS} of {kept} findings");
        notes.push(json!({ "level": "note", "message": { "text": literal(&text) } }));
    }
    let mut invocation = json!({
        "executionSuccessful": outcome.summary.is_some(),
        "exitCode": outcome.exit,
        "toolExecutionNotifications": notes,
    });
    if !outcome.reasons.is_empty() {
        invocation["exitCodeDescription"] = plain(&outcome.reasons.join("; ")).into();
    }
    json!({
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [{
            "tool": { "driver": {
                "name": "Weir",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": found.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": findings
                .iter()
                .map(|finding| result(outcome, finding, index[finding.rule.code]))
                .collect::<Vec<_>>(),
            "properties": {
                "findings": outcome.findings.len(),
                "shown": kept,
                "leftOut": left,
            },
        }],
    })
}

fn notification(problem: &Problem) -> Value {
    let mut text = problem.message.clone();
    if !problem.help.is_empty() {
        let _ = write!(text, ". {}", problem.help);
    }
    let mut note = json!({ "level": "error", "message": { "text": literal(&text) } });
    if let Some(at) = &problem.at {
        note["locations"] = json!([{ "physicalLocation": physical(at) }]);
    }
    note
}

/// A rule with its documentation.
fn descriptor(rule: &Rule) -> Value {
    let anchor = format!("{}-{}", rule.code.to_lowercase(), rule.name);
    let mut tags = vec!["network", category(rule.code)];
    if rule.contained {
        tags.push("contained");
    }
    tags.truncate(MAX_TAGS);
    json!({
        "id": rule.code,
        "name": pascal(rule.name),
        "shortDescription": { "text": literal(rule.what) },
        "fullDescription": { "text": literal(&format!("{} {}", rule.what, rule.why)) },
        "help": {
            "text": literal(&format!("{}\n\nWhy it matters: {}\n\nHow to fix it: {}", rule.what, rule.why, rule.fix)),
            "markdown": format!(
                "{}\n\n**Why it matters.** {}\n\n**How to fix it.** {}\n\n`weir explain {}` shows an example.",
                rule.what, rule.why, rule.fix, rule.name
            ),
        },
        "helpUri": format!("{}/blob/main/docs/lints.md#{anchor}", env!("CARGO_PKG_REPOSITORY")),
        "defaultConfiguration": { "level": level(rule.default) },
        "properties": {
            "tags": tags,
            "problem.severity": match rule.default {
                Level::Error => "error",
                Level::Warning => "warning",
                Level::Info => "recommendation",
            },
        },
    })
}

fn category(code: &str) -> &'static str {
    match &code[..3] {
        "ADR" => "addresses",
        "BUD" => "budget",
        "CHG" => "change",
        "IDN" => "identity",
        "LNT" => "lint",
        "POL" => "policy",
        "RAT" => "rates",
        "SEC" => "security",
        "SRC" => "source",
        "TOP" => "topology",
        _ => "other",
    }
}

/// `duplicate-address` as `DuplicateAddress`.
fn pascal(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let (first, rest) = word.split_at(usize::from(!word.is_empty()));
            first.to_uppercase() + rest
        })
        .collect()
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "note",
    }
}

fn result(outcome: &Outcome<'_>, finding: &Finding, rule: usize) -> Value {
    let related = finding.places.iter().skip(1).take(RELATED).enumerate();
    let subjects = finding.subjects.iter().take(SUBJECTS).map(|subject| {
        json!({
            "name": plain(&subject.name),
            "fullyQualifiedName": format!("{}:{}", subject.kind.word(), plain(&subject.id)),
            "kind": subject.kind.word(),
        })
    });
    let main = outcome.main(finding);
    let mut location = json!({
        "physicalLocation": physical(&main),
        "logicalLocations": subjects.collect::<Vec<_>>(),
    });
    if let Some(first) = finding
        .places
        .first()
        .filter(|label| !label.text.is_empty())
    {
        location["message"] = json!({ "text": literal(&first.text) });
    }
    let mut result = json!({
        "ruleId": finding.rule.code,
        "ruleIndex": rule,
        "level": level(finding.level),
        "message": { "text": literal(&format!("{}. What to do: {}", finding.message, finding.help)) },
        "locations": [location],
        "partialFingerprints": { fingerprint::VERSION: finding.fingerprint },
        "properties": { "field": plain(&main.field), "contained": finding.rule.contained },
    });
    let related: Vec<Value> = related
        .map(|(i, label)| related_location(outcome, i + 1, label))
        .collect();
    if !related.is_empty() {
        result["relatedLocations"] = related.into();
    }
    if let Standing::Suppressed { reason, .. } = &finding.standing {
        result["suppressions"] = json!([{
            "kind": "external",
            "status": "accepted",
            "justification": plain(reason),
        }]);
    }
    if outcome.baseline {
        let known = finding.standing == Standing::Known;
        result["baselineState"] = if known { "unchanged" } else { "new" }.into();
        if known {
            result["suppressions"] = json!([{
                "kind": "external",
                "status": "accepted",
                "justification": "the baseline has it",
            }]);
        }
    }
    result
}

fn related_location(outcome: &Outcome<'_>, id: usize, label: &Label) -> Value {
    json!({
        "id": id,
        "physicalLocation": physical(&outcome.at(label)),
        "message": { "text": literal(&label.text) },
    })
}

fn physical(at: &At) -> Value {
    json!({
        "artifactLocation": { "uri": uri(&at.path), "uriBaseId": "%SRCROOT%" },
        "region": { "startLine": at.line, "startColumn": at.column },
    })
}

/// A relative path as a URI reference.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.trim_start_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// Text in which SARIF sees neither links nor places for arguments.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (body, end) = match line.strip_suffix('\n') {
            Some(body) => (body, "\n"),
            None => (line, ""),
        };
        for c in plain(body).chars() {
            match c {
                '\\' | '[' | ']' => {
                    out.push('\\');
                    out.push(c);
                }
                '{' => out.push_str("{{"),
                '}' => out.push_str("}}"),
                c => out.push(c),
            }
        }
        out.push_str(end);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::project::FailOn;
    use crate::report::summary::Summary;
    use crate::source_map::SourceMap;

    fn finding(i: usize) -> Finding {
        let rule = rules::find("ADR001").expect("a rule");
        Finding {
            rule,
            level: rule.default,
            message: format!("finding {i}"),
            subjects: Vec::new(),
            places: Vec::new(),
            help: "mend it".to_owned(),
            fact: String::new(),
            fix: None,
            fingerprint: format!("{i:032x}"),
            standing: Standing::Open,
        }
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let findings: Vec<Finding> = (0..100).map(finding).collect();
        let files = SourceMap::default();
        let summary = Summary::default();
        let outcome = Outcome {
            findings: &findings,
            files: &files,
            summary: Some(&summary),
            problems: &[],
            exit: 3,
            reasons: &[],
            fail_on: FailOn::Error,
            prefix: "",
            baseline: false,
        };
        let run = |max_results, max_gzip| -> Value {
            let text = within(&outcome, max_results, max_gzip);
            let log: Value = serde_json::from_str(&text).expect("JSON");
            log["runs"][0].clone()
        };
        let of = |run: &Value| run["results"].as_array().expect("a list").len();
        let note = |run: &Value| {
            let notes = &run["invocations"][0]["toolExecutionNotifications"];
            notes[0]["message"]["text"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let all = run(100, MAX_GZIP);
        assert_eq!((of(&all), note(&all)), (100, String::new()));
        let few = run(40, MAX_GZIP);
        assert_eq!(of(&few), 40);
        assert_eq!(
            few["results"][0]["message"]["text"],
            "finding 0. What to do: mend it"
        );
        assert!(
            note(&few).starts_with("60 findings of 100 left out"),
            "{}",
            note(&few)
        );
        assert_eq!(
            (
                &few["properties"]["leftOut"],
                &few["properties"]["findings"]
            ),
            (&60.into(), &100.into())
        );
        // Too many bytes are too many too.
        let size = gzip_size(within(&outcome, 100, MAX_GZIP).as_bytes(), 0);
        let small = run(100, size - 1);
        assert!(
            of(&small) < 100 && note(&small).contains("left out"),
            "{}",
            of(&small)
        );
    }

    #[test]
    fn text_is_not_read_as_markup() {
        assert_eq!(literal("a [b](c) {0} \\\nd"), "a \\[b\\](c) {{0}} \\\\\nd");
        assert_eq!(uri("my isp/Ähre #1.json"), "my%20isp/%C3%84hre%20%231.json");
        assert_eq!(pascal("ipv4-only-circuit"), "Ipv4OnlyCircuit");
        assert!(rules::ALL.iter().all(|r| category(r.code) != "other"));
    }
}
