//! The baseline of `weir check --baseline`: findings that were there when somebody started to look. They fail nothing,
//! new ones do, and it only ever gets shorter. It is found by fingerprint, so that lines may move.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use weir_schemas::Published as _;
use weir_schemas::baseline as published;
use weir_schemas::findings::SubjectKind;

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
    for (i, entry) in baseline.findings.iter().enumerate() {
        by_print.insert(&entry.fingerprint, i);
    }
    let groups = Groups::of(baseline);
    let mut answered = vec![false; baseline.findings.len()];
    let mut compared = Compared::default();
    for finding in findings.iter_mut() {
        let found = by_print
            .get(finding.fingerprint.as_str())
            .copied()
            .or_else(|| groups.holding(finding).0);
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

/// Code, field and fact of an entry, and one of its subjects.
type Key<'b> = (&'b str, &'b str, &'b str, SubjectKind, &'b str);

/// Entries about several things, by each of them: a finding about a part of an entry is looked up by the thing that the
/// fewest entries name. So a run with very many findings that the baseline does not have takes no look at every entry
/// for each of them.
struct Groups<'b> {
    baseline: &'b Baseline<'b>,
    /// Positions of entries, in order.
    by_subject: FxHashMap<Key<'b>, Vec<usize>>,
}

impl<'b> Groups<'b> {
    fn of(baseline: &'b Baseline<'b>) -> Self {
        let mut by_subject: FxHashMap<Key<'b>, Vec<usize>> = FxHashMap::default();
        for (i, entry) in baseline.findings.iter().enumerate() {
            if entry.subjects.len() < 2 {
                continue;
            }
            for s in &entry.subjects {
                let key = (&*entry.code, &*entry.field, &*entry.fact, s.kind, &*s.id);
                by_subject.entry(key).or_default().push(i);
            }
        }
        Groups {
            baseline,
            by_subject,
        }
    }

    /// The first entry that names every subject of the finding, and how many entries were looked at.
    fn holding(&self, finding: &Finding) -> (Option<usize>, usize) {
        let field = field(finding);
        let subjects: Vec<_> = finding.subjects.iter().map(published_subject).collect();
        let (code, fact) = (finding.rule.code, finding.fact.as_str());
        let lists = subjects.iter().map(|subject| {
            let key = (code, &*field, fact, subject.kind, &*subject.id);
            self.by_subject.get(&key).map_or(&[][..], Vec::as_slice)
        });
        let Some(candidates) = lists.min_by_key(|list| list.len()) else {
            return (None, 0);
        };
        let mut looked_at = 0;
        let found = candidates.iter().copied().find(|i| {
            looked_at += 1;
            // Entries keep their subjects sorted.
            let named = &self.baseline.findings[*i].subjects;
            subjects.iter().all(|wanted| {
                named
                    .binary_search_by(|s| (s.kind, &*s.id).cmp(&(wanted.kind, &*wanted.id)))
                    .is_ok()
            })
        });
        (found, looked_at)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;
    use crate::ir::records::{Subject, SubjectKind as Kind};
    use crate::lint::rules;

    fn finding(subjects: &[String]) -> Finding {
        let subject = |id: &String| Subject::new(Kind::Circuit, id, id);
        Finding {
            rule: rules::ALL[0],
            level: Level::Warning,
            message: "a message".to_owned(),
            subjects: subjects.iter().map(subject).collect(),
            places: Vec::new(),
            help: "help".to_owned(),
            fact: String::new(),
            fix: None,
            fingerprint: subjects.join(" "),
            standing: Standing::Open,
        }
    }

    /// Findings about three things each, one of which all of them share: `shared`, `n`a, `n`b.
    fn many(range: std::ops::Range<usize>) -> Vec<Finding> {
        range
            .map(|n| finding(&["shared".to_owned(), format!("{n}a"), format!("{n}b")]))
            .collect()
    }

    /// The work of looking up findings grows with their number, not with its square: against ten thousand entries of one
    /// rule, ten thousand findings that the baseline does not have look at no entry, and parts of known ones at one each.
    #[test]
    fn unknown_findings_are_not_compared_with_every_entry() {
        const MANY: usize = 10_000;
        let known = many(0..MANY);
        let baseline = of(&known);
        let groups = Groups::of(&baseline);
        let strangers = many(MANY..2 * MANY);
        let looked_at = |findings: &[Finding]| -> (usize, usize) {
            findings.iter().fold((0, 0), |(found, looks), finding| {
                let (entry, more) = groups.holding(finding);
                (found + usize::from(entry.is_some()), looks + more)
            })
        };
        assert_eq!(looked_at(&strangers), (0, 0));
        let parts: Vec<Finding> = (0..MANY)
            .map(|n| finding(&["shared".to_owned(), format!("{n}b")]))
            .collect();
        assert_eq!(looked_at(&parts), (MANY, MANY));
        // What every entry names is in the first of them.
        assert_eq!(looked_at(&[finding(&["shared".to_owned()])]), (1, 1));
        // Parts of two entries are a part of neither.
        let torn = finding(&["1a".to_owned(), "2b".to_owned()]);
        assert_eq!(looked_at(&[torn]), (0, 1));
    }

    /// Every part of a known group is known, and the entry that answers is the first that names all of it.
    #[test]
    fn parts_of_known_groups_are_known() {
        let known = many(0..20);
        let baseline = of(&known);
        let mut now: Vec<Finding> = (0..20).map(|n| finding(&[format!("{n}a")])).collect();
        now.extend(many(30..32));
        let compared = mark(&baseline, &mut now);
        assert_eq!((compared.known, compared.new, compared.gone), (20, 2, 0));
        assert!(now[..20].iter().all(|f| f.standing == Standing::Known));
    }
}
