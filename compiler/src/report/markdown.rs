//! The comment that a reviewer reads under a pull request: what it comes to, a line for each rule, and the findings
//! folded away. What came from a CRM is text in it and nothing else: no markup, no links, nobody is mentioned.

use std::fmt::Write as _;

use crate::finding::{Finding, Level};
use crate::report::by_rule::{self, Group};
use crate::report::outcome::Outcome;
use crate::report::{Aside, Tally, counted, plain, thousands};

/// Findings of one rule that are written out.
const SHOWN: usize = 20;
/// Places of one finding.
const PLACES: usize = 4;
/// Bytes of the comment; GitHub and GitLab take 65,536 characters and a million.
const ROOM: usize = 60_000;

pub fn text(outcome: &Outcome<'_>) -> String {
    let tally = Tally::of(outcome.findings);
    let groups = by_rule::groups(outcome.findings);
    let mut text = String::from("### Weir: ");
    match outcome.summary {
        Some(summary) => {
            let new = if outcome.baseline {
                "new since the baseline: "
            } else {
                ""
            };
            let _ = write!(text, "{new}{tally}");
            let _ = writeln!(text, "{}\n", Aside::of(outcome.findings));
            verdict(&mut text, outcome);
            let counts = &summary.counts;
            let _ = writeln!(
                text,
                "{}: {}, {} shaped, strategy `{}`.\n",
                inert(&summary.project),
                counted(counts.circuits, "circuit"),
                thousands(counts.shaped as u64),
                summary.strategy
            );
        }
        None => {
            text.push_str("stopped\n\n");
            verdict(&mut text, outcome);
        }
    }
    for problem in outcome.problems {
        let _ = write!(text, "- **{}**", inert(&problem.message));
        if let Some(at) = &problem.at {
            let _ = write!(text, " ({}, line {})", inert(&at.path), at.line);
        }
        match problem.help.as_str() {
            "" => text.push('\n'),
            help => {
                let _ = writeln!(text, "<br>{}", inert(help));
            }
        }
    }
    if !outcome.problems.is_empty() {
        text.push('\n');
    }
    if groups.is_empty() {
        return text;
    }
    text.push_str("| | rule | findings | about |\n|---|---|---:|---|\n");
    for group in &groups {
        let worst: Vec<String> = group
            .worst
            .iter()
            .map(|s| inert(&by_rule::named(s)))
            .collect();
        let more = match group.subjects - group.worst.len() {
            0 => String::new(),
            more => format!(" and {} more", thousands(more as u64)),
        };
        let _ = writeln!(
            text,
            "| {} | `{}` {} | {} | {}{more} |",
            sign(group.level),
            group.rule.code,
            group.rule.name,
            thousands(group.findings.len() as u64),
            worst.join(", "),
        );
    }
    text.push('\n');
    let mut left = 0;
    for group in &groups {
        let section = section(group, outcome);
        if text.len() + section.len() > ROOM {
            left += group.findings.len();
        } else {
            text.push_str(&section);
        }
    }
    if left > 0 {
        let _ = writeln!(
            text,
            "{} not written out here: there is no room. `weir check --format json` has all of them.",
            counted(left, "finding")
        );
    }
    text
}

fn verdict(text: &mut String, outcome: &Outcome<'_>) {
    let _ = match outcome.exit {
        0 => writeln!(text, "**Passes.**\n"),
        code => writeln!(
            text,
            "**Does not pass** (exit {code}): {}.\n",
            inert(&outcome.reasons.join("; "))
        ),
    };
}

/// Told apart without colour too.
fn sign(level: Level) -> &'static str {
    match level {
        Level::Error => "🛑 error",
        Level::Warning => "⚠️ warning",
        Level::Info => "note",
    }
}

fn section(group: &Group<'_>, outcome: &Outcome<'_>) -> String {
    let rule = group.rule;
    let mut text = format!(
        "<details><summary>{} <b>{}</b>: {}</summary>\n\n{} *{}*\n\n",
        rule.code,
        rule.name,
        counted(group.findings.len(), "finding"),
        inert(rule.what),
        inert(rule.why),
    );
    for finding in group.findings.iter().take(SHOWN) {
        push(&mut text, finding, outcome);
    }
    if group.findings.len() > SHOWN {
        let _ = writeln!(
            text,
            "- and {} more",
            thousands((group.findings.len() - SHOWN) as u64)
        );
    }
    text.push_str("\n</details>\n\n");
    text
}

fn push(text: &mut String, finding: &Finding, outcome: &Outcome<'_>) {
    let _ = writeln!(
        text,
        "- {}<br>{}",
        inert(&finding.message),
        inert(&finding.help)
    );
    for label in finding.places.iter().take(PLACES) {
        let at = outcome.at(label);
        let _ = writeln!(
            text,
            "  - {}, line {}, column {}: {}",
            inert(&at.path),
            at.line,
            at.column,
            inert(&label.text)
        );
    }
    if finding.places.len() > PLACES {
        let more = counted(finding.places.len() - PLACES, "more place");
        let _ = writeln!(text, "  - and {more}");
    }
}

/// Text that Markdown, HTML and the habits of forges leave alone. Whatever could be markup is written as a character
/// reference, which never is; what would still be made a mention, a reference or a link afterwards is broken up by a
/// space of no width.
fn inert(text: &str) -> String {
    const NO_WIDTH: char = '\u{200b}';
    let mut out = String::with_capacity(text.len() + 16);
    let mut before = ' ';
    let shown = plain(text);
    let mut chars = shown.chars().peekable();
    while let Some(c) = chars.next() {
        let harmless = !c.is_ascii() || c.is_ascii_alphanumeric() || " .,:;()-/\"'?%=+".contains(c);
        if harmless {
            out.push(c);
        } else {
            let _ = write!(out, "&#{};", u32::from(c));
        }
        // `@name`, `#12`, `!12`, `~label`, `$1`, `http://`, `www.`, `GH-12`, `mailto:`
        let tempting = matches!(c, '@' | '#' | '!' | '~' | '$' | '&' | '%' | '^')
            || (c == ':' && chars.peek().is_some_and(|c| !c.is_whitespace()))
            || (c.eq_ignore_ascii_case(&'w')
                && before.eq_ignore_ascii_case(&'w')
                && chars.peek() == Some(&'.'))
            || (c.eq_ignore_ascii_case(&'h')
                && before.eq_ignore_ascii_case(&'g')
                && chars.peek() == Some(&'-'));
        if tempting {
            out.push(NO_WIDTH);
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_only_text() {
        for (text, want) in [
            ("Jo Doe (c1)", "Jo Doe (c1)"),
            ("<img src=x>", "&#60;img src=x&#62;"),
            ("@octo", "&#64;\u{200b}octo"),
            ("a|b`c`", "a&#124;b&#96;c&#96;"),
            ("[x](http://y)", "&#91;x&#93;(http:\u{200b}//y)"),
            ("www.x.y", "www\u{200b}.x.y"),
            ("GH-12", "GH\u{200b}-12"),
            ("a\nb", "a&#92;nb"),
            ("**b** _i_ \\", "&#42;&#42;b&#42;&#42; &#95;i&#95; &#92;"),
            ("&lt;", "&#38;\u{200b}lt;"),
        ] {
            assert_eq!(inert(text), want, "{text}");
        }
    }
}
