//! How a diff looks: counts first, then what changes, the most disturbing first. As text for a terminal, as
//! Markdown for a pull request, and as a page that needs nothing else.

mod html;
mod markdown;
mod text;

pub use html::html;
pub use markdown::markdown;
pub use text::text;

use weir_schemas::common::NodeKind;
use weir_schemas::diff::{Change, Counts, Diff, Disruption, Group, GroupKind};

use super::{plain, thousands};

/// What the group is called, of one and of many.
fn title(kind: GroupKind) -> (&'static str, &'static str) {
    match kind {
        GroupKind::Settings => ("setting changes", "settings change"),
        GroupKind::Left => ("circuit leaves", "circuits leave"),
        GroupKind::NodesLeft => ("node leaves", "nodes leave"),
        GroupKind::NodesMoved => ("node moves", "nodes move"),
        GroupKind::NodesRerated => ("node gets another capacity", "nodes get another capacity"),
        GroupKind::Moved => ("circuit moves", "circuits move"),
        GroupKind::Rerated => ("circuit gets other rates", "circuits get other rates"),
        GroupKind::Readdressed => (
            "circuit gets other addresses",
            "circuits get other addresses",
        ),
        GroupKind::Joined => ("circuit joins", "circuits join"),
        GroupKind::NodesJoined => ("node joins", "nodes join"),
        GroupKind::NodesRenamed => ("node is renamed", "nodes are renamed"),
        GroupKind::Renamed => ("circuit is renamed", "circuits are renamed"),
        GroupKind::NodesReclassed => (
            "class of a node is made anew",
            "classes of nodes are made anew",
        ),
        GroupKind::Reclassed => (
            "class of a circuit changes on its own",
            "classes of circuits change on their own",
        ),
    }
}

/// The counts that are not 0, in a fixed order: "3 join", "1 leaves".
fn counts(counts: &Counts) -> Vec<(u64, &'static str)> {
    [
        (counts.joined, "circuits joined"),
        (counts.left, "left"),
        (counts.moved, "moved"),
        (counts.rerated, "re-rated"),
        (counts.readdressed, "re-addressed"),
        (counts.renamed, "renamed"),
        (counts.reclassed, "re-classed"),
        (counts.nodes_joined, "nodes joined"),
        (counts.nodes_left, "nodes left"),
        (counts.nodes_moved, "nodes moved"),
        (counts.nodes_rerated, "nodes re-rated"),
        (counts.nodes_renamed, "nodes renamed"),
        (counts.nodes_reclassed, "nodes re-classed"),
        (counts.settings, "settings"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .collect()
}

/// One line that says it all.
pub fn headline(diff: &Diff) -> String {
    let counts = counts(&diff.counts);
    if counts.is_empty() {
        return "no change".to_owned();
    }
    let parts: Vec<String> = counts
        .into_iter()
        .map(|(count, what)| format!("{} {what}", thousands(count)))
        .collect();
    parts.join(", ")
}

/// What it does to traffic.
fn disruption(diff: &Diff) -> String {
    let mut text = format!("{}: {}", diff.disruption.word(), diff.disruption.meaning());
    if diff.disturbed > 0 {
        text.push_str(&format!(
            "; {} of {} circuits are disturbed",
            thousands(diff.disturbed),
            thousands(diff.from.shaped.max(diff.to.shaped))
        ));
    }
    text
}

/// "AP Hill North (a1)", on one line and without anything hidden.
fn name(change: &Change) -> String {
    let kind = match change.kind {
        Some(NodeKind::Site) => "site ",
        Some(NodeKind::Ap) => "AP ",
        Some(NodeKind::Root) => "root ",
        Some(NodeKind::Other) | None => "",
    };
    let (name, id) = (plain(&change.name), plain(&change.id));
    if name == id {
        format!("{kind}{id}")
    } else {
        format!("{kind}{name} ({id})")
    }
}

/// "was -> is"
fn what(change: &Change, arrow: &str) -> String {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{} {arrow} {}", plain(before), plain(after)),
        (Some(only), None) | (None, Some(only)) => plain(only).into_owned(),
        (None, None) => String::new(),
    }
}

/// "120 circuits", where it is more than the change's own.
fn radius(change: &Change) -> Option<String> {
    (change.affected != 1 || change.kind.is_some()).then(|| match change.affected {
        1 => "1 circuit".to_owned(),
        n => format!("{} circuits", thousands(n)),
    })
}

/// "3 circuits leave `[leaf]`"
fn heading(group: &Group) -> String {
    let (one, many) = title(group.kind);
    let title = if group.changes.len() == 1 { one } else { many };
    let mut text = format!("{} {title}", thousands(group.changes.len() as u64));
    if group.disruption > Disruption::None {
        text.push_str(&format!(" [{}]", group.disruption.word()));
    }
    text
}

/// A digest as far as people compare it.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
