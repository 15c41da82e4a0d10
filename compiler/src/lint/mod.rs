//! Lint: rules look at what the stages produced and return findings. Rules change nothing.

mod advice;
mod fields;
pub mod fingerprint;
mod network;
mod order;
pub mod rule;
pub mod rules;
mod secret_words;
mod suppress;
#[cfg(test)]
mod testing;
pub(crate) mod words;

pub(crate) use words::short_id;

use rayon::prelude::*;

use crate::config::project::LevelSetting;
use crate::finding::{Draft, Finding, Level, Standing};
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
    if !incomplete {
        let idle = suppress::apply(stages, &mut findings);
        let drafts = rules::unused_suppressions(stages, &idle);
        findings.extend(at_level(&rules::UNUSED_SUPPRESSION, stages, drafts));
    }
    let mut findings = order::sorted(findings);
    fingerprint::sign(&mut findings);
    findings
}

fn check(rule: &'static Rule, stages: &Stages<'_>) -> Vec<Finding> {
    if stages.project.lint.level(rule.code) == Some(LevelSetting::Allow) {
        return Vec::new();
    }
    let mut drafts = Vec::new();
    (rule.check)(stages, &mut drafts);
    at_level(rule, stages, drafts)
}

/// What a rule says, as grave as the configuration has it.
fn at_level(rule: &'static Rule, stages: &Stages<'_>, drafts: Vec<Draft>) -> Vec<Finding> {
    let forced: Option<Level> = match stages.project.lint.level(rule.code) {
        Some(LevelSetting::Allow) => return Vec::new(),
        Some(LevelSetting::Set(level)) => Some(level),
        None => None,
    };
    drafts
        .into_iter()
        .map(|draft| Finding {
            rule,
            level: forced.or(draft.level).unwrap_or(rule.default),
            message: draft.message,
            subjects: draft.subjects,
            places: draft.places,
            help: draft.help,
            fact: draft.fact,
            fix: draft.fix,
            fingerprint: String::new(),
            standing: Standing::Open,
        })
        .collect()
}
