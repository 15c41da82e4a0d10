//! A diff as one page: no script, nothing loaded from anywhere.

use std::fmt::Write as _;

use weir_schemas::diff::Diff;

use super::{disruption, heading, headline, name, radius, short, what};
use crate::report::thousands;

/// Rows of one group: more make a page that browsers choke on.
const SHOWN: usize = 5_000;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1d2530;background:#fff}\
h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:2rem}code{font-size:.95em}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #dde2e8;vertical-align:top;overflow-wrap:anywhere}\
.move,.leaf{color:#8a5300}.rebuild{color:#a4121a}\
@media(prefers-color-scheme:dark){body{color:#dfe5ec;background:#14181d}th,td{border-color:#333c46}.move,.leaf{color:#f0b35a}.rebuild{color:#ff8087}}";

pub fn html(diff: &Diff) -> String {
    let mut text = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "<title>{} to {}</title>\n<style>{STYLE}</style>",
        escape(short(&diff.from.digest)),
        escape(short(&diff.to.digest))
    );
    let _ = writeln!(text, "<h1>{}</h1>", escape(&headline(diff)));
    let _ = writeln!(
        text,
        "<p><code>{}</code> to <code>{}</code></p>",
        escape(&diff.from.digest),
        escape(&diff.to.digest)
    );
    if !diff.groups.is_empty() {
        let _ = writeln!(
            text,
            "<p class=\"{}\">{}</p>",
            diff.disruption.word(),
            escape(&disruption(diff))
        );
    }
    for group in &diff.groups {
        let _ = writeln!(
            text,
            "<h2>{}</h2>\n<table>\n<tr><th>What<th>Change<th>Circuits<th>Disruption",
            escape(&heading(group))
        );
        for change in group.changes.iter().take(SHOWN) {
            let word = change.disruption.word();
            let _ = writeln!(
                text,
                "<tr><td>{}<td>{}<td>{}<td class=\"{word}\">{word}",
                escape(&name(change)),
                escape(&what(change, "→")),
                escape(&radius(change).unwrap_or_default()),
            );
        }
        text.push_str("</table>\n");
        if group.changes.len() > SHOWN {
            let more = thousands((group.changes.len() - SHOWN) as u64);
            let _ = writeln!(text, "<p>and {more} more</p>");
        }
    }
    text
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
