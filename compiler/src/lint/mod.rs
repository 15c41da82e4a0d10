//! Lint: rules look at what the stages produced and return findings. Rules change nothing.

mod advice;
mod fields;
mod network;
pub mod rule;
pub mod rules;
#[cfg(test)]
mod testing;
pub(crate) mod words;

use rayon::prelude::*;

use crate::config::project::LevelSetting;
use crate::finding::{Finding, Level};
use crate::lint::rule::{Rule, Stages};

/// Runs every rule. Findings are sorted by level (errors first), rule code, then message and places, so neither
/// thread count nor input order shows. Where a source lacks a file it cannot do without, only the rules about
/// sources run: whatever the others find would be a consequence of that, and bury it.
pub fn run(stages: &Stages<'_>) -> Vec<Finding> {
    let incomplete = stages
        .sources
        .iter()
        .any(|s| s.unreadable.iter().any(|u| u.mandatory) || s.missing.iter().any(|m| !m.optional));
    let mut findings: Vec<Finding> = rules::ALL
        .par_iter()
        .filter(|rule| !incomplete || rule.code.starts_with("SRC"))
        .flat_map_iter(|rule| check(rule, stages))
        .collect();
    findings.par_sort_by(|a, b| {
        b.level
            .cmp(&a.level)
            .then_with(|| a.rule.code.cmp(b.rule.code))
            .then_with(|| a.subjects.cmp(&b.subjects))
            .then_with(|| a.message.cmp(&b.message))
            .then_with(|| a.places.cmp(&b.places))
    });
    findings
}

fn check(rule: &'static Rule, stages: &Stages<'_>) -> Vec<Finding> {
    let setting = stages
        .project
        .lint
        .levels
        .iter()
        .find(|(code, _)| *code == rule.code)
        .map(|(_, setting)| *setting);
    let forced: Option<Level> = match setting {
        Some(LevelSetting::Allow) => return Vec::new(),
        Some(LevelSetting::Set(level)) => Some(level),
        None => None,
    };
    let mut drafts = Vec::new();
    (rule.check)(stages, &mut drafts);
    drafts
        .into_iter()
        .map(|draft| Finding {
            rule,
            level: forced.or(draft.level).unwrap_or(rule.default),
            message: draft.message,
            subjects: draft.subjects,
            places: draft.places,
            help: draft.help,
        })
        .collect()
}
