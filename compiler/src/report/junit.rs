//! A test report in the JUnit layout that CI systems read: one suite, one case for each finding, and one that passes
//! for each rule that found nothing. Findings that fail the command are failures; suppressed and known ones are skipped.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::finding::{Finding, Standing};
use crate::lint::rule::Rule;
use crate::lint::rules;
use crate::report::outcome::Outcome;
use crate::report::plain;

pub fn text(outcome: &Outcome<'_>) -> String {
    let mut cases = String::new();
    let (mut tests, mut failures, mut skipped) = (0_usize, 0_usize, 0_usize);
    for problem in outcome.problems {
        tests += 1;
        let place = match &problem.at {
            Some(at) => format!("{}:{}:{}: ", at.path, at.line, at.column),
            None => String::new(),
        };
        let _ = writeln!(
            cases,
            "    <testcase classname=\"weir\" name=\"{0}\">\n      <error message=\"{0}\" type=\"weir\">{1}</error>\n    </testcase>",
            escaped(&problem.message),
            escaped(&format!("{place}{}", problem.help)),
        );
    }
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for finding in outcome.findings {
        found.insert(finding.rule.code);
        tests += 1;
        failures += usize::from(outcome.fails(finding));
        skipped += usize::from(!finding.is_open());
        push(&mut cases, outcome, finding);
    }
    // What stopped before the rules ran, they did not pass.
    if outcome.summary.is_some() {
        for rule in rules::ALL.iter().filter(|r| !found.contains(r.code)) {
            tests += 1;
            let _ = writeln!(
                cases,
                "    <testcase classname=\"{}\" name=\"{}\"/>",
                class(rule),
                escaped(rule.what)
            );
        }
    }
    let errors = outcome.problems.len();
    let totals = format!(
        "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\""
    );
    let name = outcome.summary.map_or("weir", |s| s.project.as_str());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"weir\" tests=\"{tests}\" failures=\"{failures}\" \
         errors=\"{errors}\">\n  <testsuite name=\"{}\" {totals}>\n{cases}  </testsuite>\n</testsuites>\n",
        escaped(name)
    )
}

fn class(rule: &Rule) -> String {
    format!("weir.{}.{}", rule.code, rule.name)
}

fn push(cases: &mut String, outcome: &Outcome<'_>, finding: &Finding) {
    let at = outcome.main(finding);
    let _ = write!(
        cases,
        "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\">\n      ",
        class(finding.rule),
        escaped(&finding.message),
        escaped(&at.path),
        at.line
    );
    let mut body = String::new();
    for label in &finding.places {
        let at = outcome.at(label);
        let _ = writeln!(
            body,
            "{}:{}:{}: {}",
            at.path, at.line, at.column, label.text
        );
    }
    let _ = write!(body, "{}", finding.help);
    let body = lines(&body);
    let _ = match &finding.standing {
        Standing::Suppressed { reason, .. } => {
            write!(
                cases,
                "<skipped message=\"suppressed: {}\"/>",
                escaped(reason)
            )
        }
        Standing::Known => write!(cases, "<skipped message=\"known: the baseline has it\"/>"),
        Standing::Open if outcome.fails(finding) => write!(
            cases,
            "<failure message=\"{}\" type=\"{}\">{body}</failure>",
            escaped(&finding.message),
            finding.level.word()
        ),
        Standing::Open => write!(
            cases,
            "<system-out>{}: {body}</system-out>",
            finding.level.word()
        ),
    };
    cases.push_str("\n    </testcase>\n");
}

fn lines(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("\n")
}

/// Text of an element or attribute. XML has no way to write some characters at all.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
