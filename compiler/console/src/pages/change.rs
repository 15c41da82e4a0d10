//! Change review: what one artifact does to subscribers after another, in the words of the pull-request comment and as
//! a list.

use serde::Serialize;
use weir_schemas::diff::{Diff, Disruption, GroupKind};

use super::{Link, digest, to_circuit, to_node};
use crate::app::App;
use crate::ask::{Ask, Pages, Reply, drawn, show};
use crate::engine::Answer;
use crate::eyes::Eyes;
use crate::show::{Both, Count, Digest, Rate, tame, tame_lines};

#[derive(Serialize, Debug)]
pub struct ChangePage {
    pub from: SideRow,
    pub to: SideRow,
    pub total: Count,
    pub counts: Vec<(&'static str, Count)>,
    pub disruption: &'static str,
    pub meaning: &'static str,
    pub disturbed: Count,
    pub groups: Vec<GroupRow>,
    /// The group that is shown alone; empty for all.
    pub only: String,
    pub pages: Option<Pages>,
    /// The text of the pull-request comment; null for viewers.
    pub text: Option<String>,
    pub everything: String,
}
drawn!(ChangePage, "change.html");

#[derive(Serialize, Debug)]
pub struct SideRow {
    pub digest: Digest,
    pub strategy: String,
    pub shaped: Count,
    pub nodes: Count,
    pub max: Both<Rate>,
    pub min: Both<Rate>,
}

#[derive(Serialize, Debug)]
pub struct GroupRow {
    pub kind: &'static str,
    pub title: &'static str,
    pub disruption: &'static str,
    pub affected: Count,
    pub total: Count,
    pub href: String,
    pub changes: Vec<ChangeRow>,
}

#[derive(Serialize, Debug)]
pub struct ChangeRow {
    #[serde(flatten)]
    pub link: Link,
    pub disruption: &'static str,
    pub affected: Count,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Changes of a group on the page of all, and on its own page.
const FEW: usize = 12;
const MANY: usize = 60;

fn word(kind: GroupKind) -> (&'static str, &'static str) {
    match kind {
        GroupKind::Settings => ("settings", "Settings"),
        GroupKind::Left => ("left", "Subscribers that are not shaped any more"),
        GroupKind::NodesLeft => ("nodes_left", "Nodes that are gone"),
        GroupKind::NodesMoved => ("nodes_moved", "Nodes under another node"),
        GroupKind::NodesRerated => ("nodes_rerated", "Nodes with another capacity"),
        GroupKind::Moved => ("moved", "Subscribers on another node"),
        GroupKind::Rerated => ("rerated", "Subscribers with other rates"),
        GroupKind::Readdressed => ("readdressed", "Subscribers with other addresses"),
        GroupKind::Joined => ("joined", "New subscribers"),
        GroupKind::NodesJoined => ("nodes_joined", "New nodes"),
        GroupKind::NodesRenamed => ("nodes_renamed", "Nodes with another name"),
        GroupKind::Renamed => ("renamed", "Subscribers with another name"),
        GroupKind::NodesReclassed => (
            "nodes_reclassed",
            "Nodes whose class is another one all the same",
        ),
        GroupKind::Reclassed => (
            "reclassed",
            "Subscribers whose class is another one all the same",
        ),
    }
}

pub fn groups(
    ask: &Ask,
    eyes: &Eyes,
    diff: &Diff,
    only: &str,
    pages: &mut Option<Pages>,
) -> Vec<GroupRow> {
    let wanted = diff
        .groups
        .iter()
        .filter(|g| only.is_empty() || word(g.kind).0 == only);
    wanted
        .map(|group| {
            let (kind, title) = word(group.kind);
            let gone = matches!(group.kind, GroupKind::Left | GroupKind::NodesLeft);
            let side = if gone { &diff.from } else { &diff.to };
            let eyes = &eyes.within(&side.digest);
            let range = match only {
                "" => 0..group.changes.len().min(FEW),
                _ => {
                    let (state, range) = Pages::of(ask, group.changes.len(), MANY);
                    *pages = Some(state);
                    range
                }
            };
            let changes = group.changes[range].iter().map(|change| ChangeRow {
                link: match (&change.kind, group.kind) {
                    (_, GroupKind::Settings) => Link {
                        name: tame(&change.name),
                        href: String::new(),
                    },
                    (Some(_), _) => to_node(eyes, &change.id, &change.name),
                    (None, _) => to_circuit(eyes, &change.id, &change.name),
                },
                disruption: change.disruption.word(),
                affected: Count(change.affected),
                before: change.before.as_deref().and_then(|text| eyes.said(text)),
                after: change.after.as_deref().and_then(|text| eyes.said(text)),
            });
            GroupRow {
                kind,
                title,
                disruption: group.disruption.word(),
                affected: Count(group.affected),
                total: Count::of(group.changes.len()),
                href: {
                    let mut ask = ask.clone();
                    ask.path = "/change";
                    ask.with("group", kind)
                },
                changes: changes.collect(),
            }
        })
        .collect()
}

/// What there is, in the order of its gravity, without what there is not.
pub fn counted(diff: &Diff) -> Vec<(&'static str, Count)> {
    let c = &diff.counts;
    let all = [
        ("settings", c.settings),
        ("removed", c.left),
        ("moved", c.moved),
        ("re-rated", c.rerated),
        ("re-addressed", c.readdressed),
        ("added", c.joined),
        ("renamed", c.renamed),
        ("reclassed", c.reclassed),
        ("nodes removed", c.nodes_left),
        ("nodes moved", c.nodes_moved),
        ("nodes re-rated", c.nodes_rerated),
        ("nodes added", c.nodes_joined),
        ("nodes renamed", c.nodes_renamed),
        ("nodes reclassed", c.nodes_reclassed),
    ];
    let there = all.into_iter().filter(|(_, count)| *count > 0);
    there.map(|(word, count)| (word, Count(count))).collect()
}

fn side(side: &weir_schemas::diff::Side) -> SideRow {
    SideRow {
        digest: Digest(side.digest.clone()),
        strategy: tame(&side.strategy),
        shaped: Count(side.shaped),
        nodes: Count(side.nodes),
        max: Both::rates(side.max_kbps),
        min: Both::rates(side.min_kbps),
    }
}

pub fn change(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let from = digest(app, ask.get("from"))?;
    let to = digest(app, ask.get("to"))?;
    let diff = app.diff(&from, &to)?;
    let only = ask.get("group");
    let mut pages = None;
    let groups = groups(ask, &eyes, &diff, only, &mut pages);
    // The comment is as long as the change; a page is not.
    let text = match eyes.is_operator() && only.is_empty() {
        true => Some(cut(&tame_lines(&app.review_text(&from, &to)?))),
        false => None,
    };
    let page = ChangePage {
        from: side(&diff.from),
        to: side(&diff.to),
        total: Count(diff.counts.total()),
        counts: counted(&diff),
        disruption: diff.disruption.word(),
        meaning: Disruption::meaning(diff.disruption),
        disturbed: Count(diff.disturbed),
        groups,
        only: tame(only),
        pages,
        text,
        everything: ask.with("group", ""),
    };
    show(app, ask, "Change review", &page)
}

const LONGEST: usize = 40_000;

fn cut(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let mut end = LONGEST;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let end = text[..end].rfind('\n').unwrap_or(end);
    format!("{}\n… cut here: `weir diff` shows all of it", &text[..end])
}
