//! A diff in a pull request: the same words as on the terminal, folded where it is long.

use std::fmt::Write as _;

use weir_schemas::diff::Diff;

use super::{disruption, heading, headline, name, radius, short, what};
use crate::report::thousands;

/// Rows of one group. Comments have a limit, and nobody reads more.
const SHOWN: usize = 100;
/// Rows that are not folded.
const OPEN: usize = 10;

pub fn markdown(diff: &Diff) -> String {
    let mut text = format!("### {}\n\n", headline(diff));
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "`{}` → `{}`\n",
        short(&diff.from.digest),
        short(&diff.to.digest)
    );
    if diff.groups.is_empty() {
        return text;
    }
    let _ = writeln!(text, "**{}**", disruption(diff));
    for group in &diff.groups {
        let folded = group.changes.len() > OPEN;
        if folded {
            let _ = writeln!(
                text,
                "\n<details><summary>{}</summary>\n",
                escape(&heading(group))
            );
        } else {
            let _ = writeln!(text, "\n#### {}\n", heading(group));
        }
        text.push_str("| what | change | circuits | disruption |\n|---|---|---|---|\n");
        for change in group.changes.iter().take(SHOWN) {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                escape(&name(change)),
                escape(&what(change, "→")),
                radius(change).unwrap_or_default(),
                change.disruption.word()
            );
        }
        if group.changes.len() > SHOWN {
            let more = thousands((group.changes.len() - SHOWN) as u64);
            let _ = writeln!(text, "\nand {more} more");
        }
        if folded {
            text.push_str("\n</details>\n");
        }
    }
    text
}

/// A CRM's text is no markup: what means something in Markdown or HTML is written as a character reference.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '<' | '>' | '&' | '`' | '*' | '_' | '[' | ']' | '\\' | '~' | '#' | '@' | '!' => {
                let _ = write!(safe, "&#{};", u32::from(c));
            }
            // Neither is an address a link.
            ':' => safe.push_str("&#58;"),
            c => safe.push(c),
        }
    }
    safe
}
