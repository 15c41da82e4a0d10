//! The baseline of `weir check --baseline`: findings that were there when somebody started to look. They fail nothing,
//! new ones do, and it only ever gets shorter. It is found by fingerprint, so that lines may move.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use weir_schemas::Published as _;
use weir_schemas::baseline as published;

use crate::emit::published_subject;
use crate::finding::{Finding, Standing};
use crate::lint::fingerprint::field;

pub use weir_schemas::baseline::Baseline;

/// What a baseline says about the findings of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compared {
    /// Open findings that it has.
    pub known: usize,
    /// Open findings that it does not have.
    pub new: usize,
    /// Entries that no finding answers to any more.
    pub gone: usize,
}

/// Reads a baseline.
pub fn read(bytes: &[u8]) -> Result<Baseline<'static>, weir_schemas::ReadError> {
    weir_schemas::read(bytes)
}

/// Marks the open findings that the baseline has. A finding is known by its fingerprint; one about several things also
/// when it is about a part of what an entry names, because some of it was mended. One that has become graver is new.
pub fn mark(baseline: &Baseline<'_>, findings: &mut [Finding]) -> Compared {
    let mut by_print: FxHashMap<&str, usize> = FxHashMap::default();
    let mut by_rule: FxHashMap<(&str, &str, &str), Vec<usize>> = FxHashMap::default();
    for (i, entry) in baseline.findings.iter().enumerate() {
        by_print.insert(&entry.fingerprint, i);
        if entry.subjects.len() > 1 {
            by_rule
                .entry((&entry.code, &entry.field, &entry.fact))
                .or_default()
                .push(i);
        }
    }
    let mut answered = vec![false; baseline.findings.len()];
    let mut compared = Compared::default();
    for finding in findings.iter_mut() {
        let found = by_print
            .get(finding.fingerprint.as_str())
            .copied()
            .or_else(|| {
                let key = (finding.rule.code, &*field(finding), finding.fact.as_str());
                let entries = by_rule.get(&key)?;
                entries
                    .iter()
                    .copied()
                    .find(|i| is_part(finding, &baseline.findings[*i]))
            });
        // What is suppressed is still there.
        if let Some(i) = found {
            answered[i] = true;
        }
        if !finding.is_open() {
            continue;
        }
        match found {
            Some(i) if baseline.findings[i].level >= finding.level.into() => {
                finding.standing = Standing::Known;
                compared.known += 1;
            }
            _ => compared.new += 1,
        }
    }
    compared.gone = answered.iter().filter(|answered| !**answered).count();
    compared
}

/// Every subject of the finding is one of the entry's. Entries keep their subjects sorted.
fn is_part(finding: &Finding, entry: &published::Entry<'_>) -> bool {
    !finding.subjects.is_empty()
        && finding.subjects.iter().all(|subject| {
            let wanted = published_subject(subject);
            entry
                .subjects
                .binary_search_by(|s| (s.kind, &*s.id).cmp(&(wanted.kind, &*wanted.id)))
                .is_ok()
        })
}

/// Every finding that is not suppressed, as a baseline.
pub fn of(findings: &[Finding]) -> Baseline<'_> {
    written(
        findings
            .iter()
            .filter(|f| f.is_open() || f.standing == Standing::Known)
            .map(entry)
            .collect(),
    )
}

/// The baseline without what is gone: it keeps its entries as they are, but for groups of which a part was mended. New
/// findings are not taken in. `findings` have been marked.
pub fn ratchet<'a>(baseline: &Baseline<'a>, findings: &'a [Finding]) -> Baseline<'a> {
    let old: FxHashMap<&str, &published::Entry<'a>> = baseline
        .findings
        .iter()
        .map(|e| (&*e.fingerprint, e))
        .collect();
    let known = findings.iter().filter(|f| f.standing == Standing::Known);
    written(
        known
            .map(|finding| match old.get(finding.fingerprint.as_str()) {
                Some(kept) => (*kept).clone(),
                None => entry(finding),
            })
            .collect(),
    )
}

fn entry(finding: &Finding) -> published::Entry<'_> {
    let mut subjects: Vec<published::Subject<'_>> = finding
        .subjects
        .iter()
        .map(published_subject)
        .map(|s| published::Subject {
            kind: s.kind,
            id: s.id,
        })
        .collect();
    subjects.sort_unstable_by(|a, b| (a.kind, &*a.id).cmp(&(b.kind, &*b.id)));
    subjects.dedup();
    published::Entry {
        code: Cow::Borrowed(finding.rule.code),
        name: Cow::Borrowed(finding.rule.name),
        level: finding.level.into(),
        subjects,
        field: field(finding),
        fact: Cow::Borrowed(&finding.fact),
        message: Cow::Borrowed(&finding.message),
        fingerprint: Cow::Borrowed(&finding.fingerprint),
    }
}

fn written(mut findings: Vec<published::Entry<'_>>) -> Baseline<'_> {
    findings.sort_by_cached_key(|e| {
        let ids: Vec<String> = e.subjects.iter().map(|s| s.id.to_string()).collect();
        (e.code.to_string(), ids, e.fingerprint.to_string())
    });
    findings.dedup_by(|a, b| a.fingerprint == b.fingerprint);
    Baseline {
        schema: Cow::Borrowed(Baseline::SCHEMA),
        findings,
    }
}

/// The exact text of a baseline: one finding a line, so that a review shows which came and went.
pub fn text(baseline: &Baseline<'_>) -> String {
    let mut text = format!("{{\n\"schema\": \"{}\",\n\"findings\": [", Baseline::SCHEMA);
    for (i, entry) in baseline.findings.iter().enumerate() {
        text.push_str(if i == 0 { "\n" } else { ",\n" });
        text.push_str(&crate::report::json::line(entry));
    }
    text.push_str(if baseline.findings.is_empty() {
        "]\n}\n"
    } else {
        "\n]\n}\n"
    });
    text
}
