//! What a compilation means for whoever runs it: the exit code with every reason, and what to type next.

use weir_compiler::Compiled;
use weir_compiler::config::project::{FailOn, Project};
use weir_compiler::finding::{Finding, Level};
use weir_compiler::refusal::Refusal;
use weir_compiler::report::human;
use weir_compiler::report::summary::push_commands;
use weir_compiler::report::{Detail, Tally, Tone, fail_on_word, json, plain};
use weir_compiler::source_map::SourceMap;

use crate::cli::exit::Exit;
use crate::cli::terminal::Terminal;

/// What a compilation means for whoever runs it: the exit code and every reason, the gravest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    pub exit: Exit,
    pub reasons: Vec<String>,
}

impl Verdict {
    pub fn of(project: &Project, compiled: &Compiled) -> Verdict {
        let mut found = Vec::new();
        if compiled.incomplete {
            found.push((
                Exit::Incomplete,
                "a source could not be read completely, so nothing may be built from it".to_owned(),
            ));
        }
        found.extend(
            refusals(&compiled.refused)
                .into_iter()
                .map(|why| (Exit::Refused, why)),
        );
        found.extend(
            failing(Tally::of(&compiled.findings), project.lint.fail_on)
                .map(|why| (Exit::Findings, why)),
        );
        Verdict::gravest(found)
    }

    /// The largest code wins; its reasons come first.
    fn gravest(mut found: Vec<(Exit, String)>) -> Verdict {
        found.sort_by_key(|(exit, _)| std::cmp::Reverse(*exit));
        Verdict {
            exit: found.first().map_or(Exit::Done, |(exit, _)| *exit),
            reasons: found.into_iter().map(|(_, why)| why).collect(),
        }
    }

    pub fn json(&self) -> json::Exit<'_> {
        json::Exit {
            code: self.exit.code(),
            reasons: &self.reasons,
        }
    }

    /// The last lines of a command: what it came to, and what to type next.
    pub fn text(&self, next: &[String], terminal: &Terminal) -> String {
        let look = terminal.out;
        let mut text = String::new();
        if self.exit == Exit::Done {
            text.push_str(&look.paint(Tone::Good, "ok"));
            text.push('\n');
        } else {
            let code = format!("exit {}", self.exit.code());
            text.push_str(&look.paint(Tone::Error, &code));
            text.push_str(&format!(": {}\n", self.reasons.join("; ")));
        }
        if terminal.detail != Detail::Quiet {
            push_commands(&mut text, next);
        }
        text
    }

    /// Nothing may be written: the artifact would be wrong, not merely doubtful.
    pub fn stops_the_files(&self) -> bool {
        self.exit >= Exit::Refused
    }
}

fn failing(tally: Tally, fail_on: FailOn) -> Option<String> {
    let failing = tally.failing(fail_on);
    let (findings, are) = if failing == 1 {
        ("finding", "is")
    } else {
        ("findings", "are")
    };
    (failing > 0).then(|| {
        format!(
            "{failing} {findings} {are} at or above fail_on = \"{}\"",
            fail_on_word(fail_on)
        )
    })
}

/// Reasons that are listed one by one.
const SHOWN: usize = 10;

/// Why the plan is refused: each reason up to a number that can be read.
fn refusals(refused: &[Refusal]) -> Vec<String> {
    let mut why: Vec<String> = refused
        .iter()
        .take(SHOWN)
        .map(|refusal| plain(&refusal.message).into_owned())
        .collect();
    if refused.len() > SHOWN {
        why.push(format!("and {} more of these", refused.len() - SHOWN));
    }
    why
}

/// What refuses the build, and what to do about it, on stderr.
pub fn tell_refusals(compiled: &Compiled, terminal: &Terminal) {
    let refused = &compiled.refused;
    let shown: Vec<String> = refused
        .iter()
        .take(SHOWN)
        .map(|refusal| {
            let files = SourceMap::default();
            human::problem(&refusal.message, &refusal.help, &[], &files, terminal.err)
        })
        .collect();
    if !shown.is_empty() {
        terminal.tell(&shown.join("\n"));
    }
}

/// The command that explains the worst finding.
pub fn explain(findings: &[Finding]) -> Option<String> {
    let worst = findings.first().filter(|f| f.level > Level::Info)?;
    Some(format!("weir explain {}", worst.rule.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_code_wins_and_its_reason_comes_first() {
        let reason = |exit: Exit| (exit, exit.meaning().to_owned());
        let verdict = Verdict::gravest(vec![
            reason(Exit::Findings),
            reason(Exit::Incomplete),
            reason(Exit::Refused),
        ]);
        assert_eq!(verdict.exit, Exit::Incomplete);
        assert_eq!(verdict.reasons[0], Exit::Incomplete.meaning());
        assert_eq!(verdict.reasons.len(), 3);
        assert!(verdict.stops_the_files());
        let verdict = Verdict::gravest(vec![reason(Exit::Findings)]);
        assert!(!verdict.stops_the_files());
        assert_eq!(Verdict::gravest(Vec::new()).exit, Exit::Done);
    }

    #[test]
    fn fail_on_decides_what_fails() {
        let tally = Tally {
            errors: 1,
            warnings: 2,
            infos: 9,
        };
        let why = |fail_on| failing(tally, fail_on);
        assert_eq!(
            why(FailOn::Error).unwrap(),
            "1 finding is at or above fail_on = \"error\""
        );
        assert_eq!(
            why(FailOn::Warning).unwrap(),
            "3 findings are at or above fail_on = \"warning\""
        );
        assert_eq!(why(FailOn::Never), None);
    }
}
