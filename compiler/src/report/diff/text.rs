//! A diff on a terminal.

use weir_schemas::diff::{Diff, Disruption};

use super::{disruption, heading, headline, name, radius, short, what};
use crate::report::{Detail, Look, Tone, thousands};

/// Changes of one group that are shown unless all are asked for.
const SHOWN: usize = 10;

pub fn text(diff: &Diff, look: Look, detail: Detail) -> String {
    let arrow = if look.unicode { "→" } else { "->" };
    let mut text = format!(
        "{} {arrow} {}\n{}\n",
        short(&diff.from.digest),
        short(&diff.to.digest),
        look.paint(Tone::Strong, &headline(diff))
    );
    if diff.groups.is_empty() || detail == Detail::Quiet {
        return text;
    }
    let tone = match diff.disruption {
        Disruption::None | Disruption::MapOnly | Disruption::Rate => Tone::Good,
        Disruption::Leaf | Disruption::Move => Tone::Warning,
        Disruption::Rebuild => Tone::Error,
    };
    text.push_str(&look.paint(tone, &disruption(diff)));
    text.push('\n');
    for group in &diff.groups {
        text.push('\n');
        text.push_str(&look.paint(Tone::Strong, &heading(group)));
        text.push('\n');
        let most = if detail == Detail::Verbose {
            usize::MAX
        } else {
            SHOWN
        };
        for change in group.changes.iter().take(most) {
            text.push_str("  ");
            text.push_str(&name(change));
            let what = what(change, arrow);
            if !what.is_empty() {
                text.push_str(&format!(": {what}"));
            }
            let mut notes = Vec::from_iter(radius(change));
            if change.disruption != group.disruption {
                notes.push(change.disruption.word().to_owned());
            }
            if !notes.is_empty() {
                let notes = format!(" ({})", notes.join(", "));
                text.push_str(&look.paint(Tone::Quiet, &notes));
            }
            text.push('\n');
        }
        if group.changes.len() > most {
            let more = thousands((group.changes.len() - most) as u64);
            text.push_str(&format!("  and {more} more (-v shows all)\n"));
        }
    }
    text
}
