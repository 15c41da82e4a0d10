//! `[[lint.suppress]]`: which findings somebody lives with. A finding about several things is suppressed when each of
//! them is named: who joins a known dispute is news.

use wildmatch::WildMatch;

use crate::config::project::Suppression;
use crate::finding::{Finding, Standing};
use crate::ir::records::Subject;
use crate::lint::rule::Stages;

/// A suppression that suppresses nothing.
pub(super) struct Idle<'a> {
    pub suppression: &'a Suppression,
    /// A finding that it names only a part of, and what it leaves out.
    pub falls_short: Option<Vec<Subject>>,
}

struct Entry<'a> {
    suppression: &'a Suppression,
    patterns: Vec<WildMatch>,
    used: bool,
    falls_short: Option<Vec<Subject>>,
}

impl Entry<'_> {
    fn names(&self, subject: &Subject) -> bool {
        self.patterns.iter().any(|p| p.matches(&subject.id))
    }
}

/// Marks the findings that are suppressed, and gives what suppressed nothing. What has expired suppresses nothing and is
/// not idle either; it has a rule of its own.
pub(super) fn apply<'a>(stages: &Stages<'a>, findings: &mut [Finding]) -> Vec<Idle<'a>> {
    let lint = &stages.project.lint;
    let mut entries: Vec<Entry<'a>> = lint
        .suppress
        .iter()
        .filter(|s| !s.is_expired(stages.project.as_of))
        .map(|suppression| Entry {
            suppression,
            patterns: suppression
                .subjects
                .iter()
                .map(|s| WildMatch::new(s))
                .collect(),
            used: false,
            falls_short: None,
        })
        .collect();
    if entries.is_empty() {
        return Vec::new();
    }
    for finding in findings.iter_mut() {
        let mut about: Vec<&mut Entry<'a>> = entries
            .iter_mut()
            .filter(|e| e.suppression.rule == finding.rule.code)
            .collect();
        about.retain(|e| finding.subjects.iter().any(|s| e.names(s)));
        let Some(first) = about.first() else { continue };
        let left: Vec<Subject> = finding
            .subjects
            .iter()
            .filter(|s| !about.iter().any(|e| e.names(s)))
            .cloned()
            .collect();
        if left.is_empty() {
            finding.standing = Standing::Suppressed {
                reason: first.suppression.reason.clone(),
                expires: first.suppression.expires,
            };
            about.iter_mut().for_each(|e| e.used = true);
        } else {
            for entry in about {
                entry.falls_short.get_or_insert_with(|| left.clone());
            }
        }
    }
    entries
        .into_iter()
        .filter(|e| !e.used)
        .map(|e| Idle {
            suppression: e.suppression,
            falls_short: e.falls_short,
        })
        .collect()
}
