//! `weir explain RULE`: what a rule finds, why that matters, and how to fix it.

use clap::Args;

use weir_compiler::lint::rule::Rule;
use weir_compiler::lint::rules::ALL;
use weir_compiler::report::{json, rules};

use crate::cli::Format;
use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Code or name: ADR001, duplicate-address
    #[arg(value_name = "RULE")]
    rule: String,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

pub fn run(args: &Arguments, terminal: &Terminal) -> Result<Exit, Stop> {
    #[cfg(feature = "serve")]
    if let Some(text) = issue(&args.rule, args.format) {
        terminal.print(&text)?;
        return Ok(Exit::Done);
    }
    let rule = find(ALL, &args.rule).ok_or_else(|| unknown(ALL, &args.rule))?;
    let text = match args.format {
        Format::Text => rules::explain(rule, terminal.out),
        Format::Json => json::text(&json::Explain::of(rule)),
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

/// An issue of the scheduler, explained; its codes are never those of rules.
#[cfg(feature = "serve")]
fn issue(wanted: &str, format: Format) -> Option<String> {
    #[derive(serde::Serialize)]
    struct Explained {
        schema: &'static str,
        code: &'static str,
        level: &'static str,
        what: &'static str,
        first: &'static str,
    }
    let wanted = wanted.trim().to_ascii_uppercase();
    let (code, level, what, first, whose) = match crate::serve::issue::find(&wanted) {
        Some(kind) => (
            kind.code,
            kind.level.word(),
            kind.what,
            kind.first,
            "scheduler",
        ),
        None => {
            let kind = weir_console::alarms::find(&wanted)?;
            (
                kind.code,
                kind.level.word(),
                kind.what,
                kind.first,
                "runtime",
            )
        }
    };
    Some(match format {
        Format::Json => json::text(&Explained {
            schema: "weir.explain-issue/1",
            code,
            level,
            what,
            first,
        }),
        Format::Text => {
            format!("{code} ({level}, of the {whose})\n\n{what}\n\nWhat to do first\n{first}\n")
        }
    })
}

/// By code or name; case and the kind of dash do not count.
fn find(rules: &[&'static Rule], wanted: &str) -> Option<&'static Rule> {
    let wanted = folded(wanted);
    let mut rules = rules.iter().copied();
    rules.find(|r| folded(r.code) == wanted || folded(r.name) == wanted)
}

fn folded(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace('_', "-")
}

fn unknown(rules: &[&'static Rule], wanted: &str) -> Stop {
    let near = nearest(rules, wanted);
    let help = match near.as_slice() {
        [] => "`weir rules` lists them".to_owned(),
        near => format!(
            "did you mean `{}`? `weir rules` lists them all",
            near.join("` or `")
        ),
    };
    Stop::new(Exit::Usage, format!("there is no rule `{wanted}`"), help)
}

/// Up to three names that are spelled alike or hold what was typed.
fn nearest(rules: &[&'static Rule], wanted: &str) -> Vec<&'static str> {
    let wanted = folded(wanted);
    let mut near: Vec<(f64, &str)> = rules
        .iter()
        .flat_map(|r| [r.code, r.name])
        .map(|name| {
            let alike = strsim::jaro_winkler(&wanted, &folded(name));
            let holds = wanted.len() > 2 && folded(name).contains(&wanted);
            (if holds { 1.0 } else { alike }, name)
        })
        .filter(|(alike, _)| *alike >= 0.8)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_compiler::finding::Level;
    use weir_compiler::lint::rule::Example;

    const fn rule(code: &'static str, name: &'static str) -> Rule {
        Rule {
            code,
            name,
            default: Level::Warning,
            contained: true,
            what: "",
            why: "",
            fix: "",
            bad: Example::inventory(&[], ""),
            good: Example::inventory(&[], ""),
            check: |_, _| {},
        }
    }
    static DUPLICATE: Rule = rule("ADR001", "duplicate-address");
    static NESTED: Rule = rule("ADR002", "nested-address");
    static DEPTH: Rule = rule("BUD001", "tree-too-deep");

    #[test]
    fn rules_are_found_by_code_and_name_and_suggested_when_misspelled() {
        let rules: &[&'static Rule] = &[&DUPLICATE, &NESTED, &DEPTH];
        for wanted in [
            "ADR001",
            "adr001",
            "duplicate-address",
            "Duplicate_Address",
            " adr001 ",
        ] {
            assert_eq!(
                find(rules, wanted).map(|r| r.code),
                Some("ADR001"),
                "{wanted}"
            );
        }
        for (wanted, near) in [
            ("duplicate-adress", vec!["duplicate-address"]),
            ("address", vec!["duplicate-address", "nested-address"]),
            ("BUD01", vec!["BUD001"]),
            ("zzz", vec![]),
            ("", vec![]),
        ] {
            assert!(find(rules, wanted).is_none());
            assert_eq!(nearest(rules, wanted), near, "{wanted}");
        }
    }
}
