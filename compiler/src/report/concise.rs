//! One line a finding, for editors and grep: `file:line:col: level code[name] message`.

use std::fmt::Write as _;

use crate::finding::{Level, Standing};
use crate::report::outcome::Outcome;
use crate::report::{Detail, plain};

pub fn text(outcome: &Outcome<'_>, detail: Detail) -> String {
    let mut text = String::new();
    for problem in outcome.problems {
        if let Some(at) = &problem.at {
            let _ = write!(text, "{}:{}:{}: ", plain(&at.path), at.line, at.column);
        }
        let _ = writeln!(text, "error {}", plain(&problem.message));
    }
    for finding in outcome.findings {
        let wanted = match detail {
            Detail::Quiet => finding.is_open() && finding.level == Level::Error,
            Detail::Normal => finding.is_open(),
            Detail::Verbose => true,
        };
        if !wanted {
            continue;
        }
        let at = outcome.main(finding);
        let _ = write!(
            text,
            "{}:{}:{}: {} {}[{}] {}",
            plain(&at.path),
            at.line,
            at.column,
            finding.level.word(),
            finding.rule.code,
            finding.rule.name,
            plain(&finding.message)
        );
        let _ = match &finding.standing {
            Standing::Open => writeln!(text),
            Standing::Known => writeln!(text, " (known)"),
            Standing::Suppressed { reason, .. } => {
                writeln!(text, " (suppressed: {})", plain(reason))
            }
        };
    }
    text
}
