//! Rules for people: the list, and one of them explained with what triggers it and what does not.

use unicode_width::UnicodeWidthStr;

use crate::lint::rule::{Example, Rule};
use crate::report::tree::fit;
use crate::report::{Look, Tone};

/// One line a rule: code, default level, name, what it finds.
pub fn list(rules: &[&'static Rule], look: Look) -> String {
    let names = rules.iter().map(|r| r.name.width()).max().unwrap_or(0);
    let mut text = String::new();
    for rule in rules {
        let level = format!("{:7}", rule.default.word());
        let room = look.width.saturating_sub(names + 18).max(20);
        text.push_str(&format!(
            "{}  {}  {:names$}  {}\n",
            rule.code,
            look.level(rule.default, &level),
            rule.name,
            fit(rule.what, room, look),
        ));
    }
    text.push_str("\n`weir explain RULE` says why a rule matters and how to fix what it finds.\n");
    text
}

/// Everything about one rule.
pub fn explain(rule: &Rule, look: Look) -> String {
    let mut text = format!(
        "{} {}\n\n{}\n",
        look.paint(Tone::Strong, rule.code),
        look.paint(Tone::Strong, rule.name),
        wrapped(rule.what, look)
    );
    section(&mut text, "Why it matters", rule.why, look);
    section(&mut text, "What to do", rule.fix, look);
    let contained = if rule.contained {
        "contained: the record was dealt with by a stated rule and nothing else is affected"
    } else {
        "global: it may affect more than the records it names"
    };
    let setting = format!(
        "{} by default; {contained}. Change it in weir.toml: [lint.levels] {} = \"allow\", \"warn\" or \"deny\".",
        rule.default.word(),
        rule.name
    );
    section(&mut text, "Level", &setting, look);
    example(&mut text, "It is found in", rule.bad, look);
    example(&mut text, "And not in", rule.good, look);
    text
}

/// An example as text, for whoever shows it elsewhere.
pub fn example_text(shown: Example) -> String {
    let mut text = String::new();
    example(&mut text, "", shown, Look::PLAIN);
    text.trim_start_matches('\n').to_owned()
}

fn section(text: &mut String, title: &str, body: &str, look: Look) {
    text.push_str(&format!(
        "\n{}\n{}\n",
        look.paint(Tone::Strong, title),
        wrapped(body, look)
    ));
}

fn example(text: &mut String, title: &str, example: Example, look: Look) {
    text.push_str(&format!("\n{}\n", look.paint(Tone::Strong, title)));
    let config = example.config.trim();
    if !config.is_empty() {
        block(text, "weir.toml", config, look);
    }
    for (name, content) in example.files {
        block(text, name, content.trim_matches('\n'), look);
    }
    for (name, content) in example.before {
        let name = format!("{name}, of the build before");
        block(text, &name, content.trim_matches('\n'), look);
    }
    if !example.recorded.is_empty() {
        let times = format!("recorded {}, looked at {}", example.recorded, example.as_of);
        block(text, "with --as-of", &times, look);
    }
    for also in example.also {
        for (name, content) in also.files {
            let name = format!("{name} of source {}, kind {}", also.name, also.kind);
            block(text, &name, content.trim_matches('\n'), look);
        }
    }
    if !example.overrides.is_empty() {
        block(
            text,
            &overrides_title(&example),
            example.overrides.trim(),
            look,
        );
    }
}

/// What `overrides.toml` is called, with the day where that matters.
pub fn overrides_title(example: &Example) -> String {
    match example.as_of {
        "" => "overrides.toml".to_owned(),
        day => format!("overrides.toml, on {day}"),
    }
}

fn block(text: &mut String, name: &str, content: &str, look: Look) {
    text.push_str(&format!("  {}\n", look.paint(Tone::Quiet, name)));
    for line in content.lines() {
        text.push_str(format!("    {line}").trim_end());
        text.push('\n');
    }
}

/// Paragraphs filled to the width, at most 90 columns.
fn wrapped(text: &str, look: Look) -> String {
    let width = look.width.min(90);
    let mut filled = String::new();
    for paragraph in text.trim().split('\n') {
        let mut used = 0;
        for word in paragraph.split_whitespace() {
            if used > 0 && used + 1 + word.width() > width {
                filled.push('\n');
                used = 0;
            } else if used > 0 {
                filled.push(' ');
                used += 1;
            }
            filled.push_str(word);
            used += word.width();
        }
        filled.push('\n');
    }
    filled.trim_end().to_owned()
}
