//! The result of `check` and `build` in the format that was asked for. It decides nothing: the exit code is the
//! verdict's, whatever the format.

use weir_compiler::report::outcome::{Outcome, Problem};
use weir_compiler::report::summary::Summary;
use weir_compiler::report::{concise, github, json, junit, markdown, sarif};

use crate::cli::ReportFormat;
use crate::cli::project::Built;
use crate::cli::terminal::Terminal;
use crate::cli::verdict::Verdict;

/// Everything but text and JSON, which belong to their command.
pub fn shared(format: ReportFormat, outcome: &Outcome<'_>, terminal: &Terminal) -> Option<String> {
    Some(match format {
        ReportFormat::Text | ReportFormat::Json => return None,
        ReportFormat::Concise => concise::text(outcome, terminal.detail),
        ReportFormat::Sarif => sarif::text(outcome),
        ReportFormat::Junit => junit::text(outcome),
        ReportFormat::Github => github::text(outcome),
        ReportFormat::Markdown => markdown::text(outcome),
    })
}

/// Why the plan is refused, as formats take it.
pub fn problems(built: &Built) -> Vec<Problem> {
    let refused = built.compiled.refused.iter();
    refused
        .map(|refusal| Problem {
            message: refusal.message.clone(),
            help: refusal.help.clone(),
            at: None,
        })
        .collect()
}

pub fn refusals(problems: &[Problem]) -> Vec<json::Refusal<'_>> {
    problems
        .iter()
        .map(|problem| json::Refusal {
            message: &problem.message,
            help: &problem.help,
        })
        .collect()
}

pub fn outcome<'a>(
    built: &'a Built,
    verdict: &'a Verdict,
    summary: &'a Summary,
    problems: &'a [Problem],
    baseline: bool,
) -> Outcome<'a> {
    Outcome {
        findings: &built.compiled.findings,
        files: &built.files,
        summary: Some(summary),
        problems,
        exit: verdict.exit.code(),
        reasons: &verdict.reasons,
        fail_on: built.project.lint.fail_on,
        prefix: &built.prefix,
        baseline,
    }
}
