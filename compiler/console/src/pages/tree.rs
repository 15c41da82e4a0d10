//! Network Tree Overview: the shaping tree as a table and as a picture, what limits each node, what changed against
//! another generation, and what flows through it now.

use std::collections::HashMap;

use serde::Serialize;
use weir_schemas::common::Position;
use weir_schemas::diff::{Diff, GroupKind};

use super::{Link, channel, digest, find_node, limiter, to_circuit, to_node};
use crate::app::App;
use crate::ask::{Ask, Pages, Reply, drawn, show};
use crate::engine::{Answer, Problem};
use crate::eyes::Eyes;
use crate::index::{Found, Index, Node};
use crate::live::{Classes, Silent};
use crate::show::{Both, Bytes, Count, Digest, Rate, Time, percent};

#[derive(Serialize, Debug)]
pub struct TreePage {
    pub digest: Option<Digest>,
    pub strategy: &'static str,
    /// The node that is looked at, and those above it, the highest first; empty for the whole tree.
    pub path: Vec<Link>,
    pub at: Option<NodeRow>,
    pub filter: String,
    /// Compared with this artifact.
    pub against: Option<Digest>,
    pub generations: Vec<Choice>,
    pub nodes: Vec<NodeRow>,
    pub pages: Pages,
    /// Circuits directly on the node that is looked at.
    pub circuits: Vec<CircuitRow>,
    pub more_circuits: Count,
    /// Where all of them are listed.
    pub circuits_href: String,
    pub live: bool,
    pub live_text: String,
    #[serde(skip)]
    pub picture: Picture,
    /// Kept values for the form.
    #[serde(skip)]
    pub at_id: String,
    #[serde(skip)]
    pub artifact: String,
}
drawn!(TreePage, "tree.html");

/// A generation that can be compared with.
#[derive(Serialize, Debug)]
pub struct Choice {
    pub seq: u64,
    pub digest: Digest,
    pub time: Time,
    pub chosen: bool,
}

#[derive(Serialize, Debug)]
pub struct NodeRow {
    #[serde(flatten)]
    pub link: Link,
    pub kind: &'static str,
    /// Below the node that is looked at.
    pub depth: usize,
    pub cap: Both<Rate>,
    pub limited_by: Both<String>,
    pub guaranteed: Both<Rate>,
    pub sold: Both<Rate>,
    /// Sold in percent of the capacity.
    pub sold_percent: Both<u64>,
    pub circuits: Count,
    pub children: Count,
    /// In degrees; null where no source says it, and for viewers.
    pub position: Option<Position>,
    pub cpu: u16,
    pub found: Found,
    /// `new`, `moved`, `re-rated`, `renamed`, `reclassed`, or empty.
    pub mark: &'static str,
    pub live: Option<LiveRow>,
}

impl NodeRow {
    /// As a class of the style sheet: no deeper than anybody can tell apart.
    pub fn indent(&self) -> usize {
        self.depth.min(8)
    }
}

/// What flows through a class now.
#[derive(Serialize, Debug, Clone)]
pub struct LiveRow {
    pub rate: Both<Rate>,
    /// Of the capacity.
    pub percent: Both<u64>,
    pub drops: Both<Count>,
    pub backlog: Both<Bytes>,
}

#[derive(Serialize, Debug)]
pub struct CircuitRow {
    #[serde(flatten)]
    pub link: Link,
    pub max: Both<Rate>,
    pub min: Both<Rate>,
    pub mark: &'static str,
    pub live: Option<LiveRow>,
}

/// An icicle: each node as wide as what is sold below it.
#[derive(Debug, Default)]
pub struct Picture {
    pub height: usize,
    pub boxes: Vec<Block>,
}

#[derive(Debug)]
pub struct Block {
    pub x: String,
    pub y: usize,
    pub width: String,
    pub link: Link,
    pub title: String,
    /// How full it is sold, as a class of the style sheet: `cool`, `warm`, `hot`.
    pub heat: &'static str,
    /// There is room for the name.
    pub named: bool,
    pub label: String,
}

pub const WIDTH: f64 = 1000.0;
const LAYER: usize = 34;
const LAYERS: usize = 5;
const BLOCKS: usize = 250;

pub fn live_row(classes: Option<&Classes>, key: &str, cap: [u64; 2]) -> Option<LiveRow> {
    let class = classes?.get(key)?;
    Some(LiveRow {
        rate: Both::rates(class.kbps),
        percent: [0, 1].map(|way| percent(class.kbps[way], cap[way])).into(),
        drops: class.drops.map(Count).into(),
        backlog: class.backlog_bytes.map(Bytes).into(),
    })
}

/// The live figures, where they are of this artifact, and a sentence about it.
pub fn live(app: &App, index: &Index) -> (Option<std::sync::Arc<Classes>>, String) {
    match app.runtime.traffic() {
        Err(Silent::None) => (
            None,
            "No runtime on this machine: no live figures.".to_owned(),
        ),
        Err(Silent::Failed(_)) => (
            None,
            "The runtime does not answer: no live figures.".to_owned(),
        ),
        Ok(classes) if classes.generation.as_deref() != Some(&index.digest) => (
            None,
            "The runtime shapes with another generation: no live figures for this one.".to_owned(),
        ),
        Ok(classes) => {
            let text = format!(
                "Live figures of {}, over {:.1} s.",
                Time(classes.time.clone()),
                classes.interval_seconds
            );
            (Some(classes), text)
        }
    }
}

/// Marks of nodes and circuits, by id.
#[derive(Default)]
struct Marks {
    nodes: HashMap<String, &'static str>,
    circuits: HashMap<String, &'static str>,
}

impl Marks {
    fn of(diff: &Diff) -> Marks {
        let mut marks = Marks::default();
        for group in &diff.groups {
            let (nodes, word) = match group.kind {
                GroupKind::NodesJoined => (true, "new"),
                GroupKind::NodesMoved => (true, "moved"),
                GroupKind::NodesRerated => (true, "re-rated"),
                GroupKind::NodesRenamed => (true, "renamed"),
                GroupKind::NodesReclassed => (true, "reclassed"),
                GroupKind::Joined => (false, "new"),
                GroupKind::Moved => (false, "moved"),
                GroupKind::Rerated => (false, "re-rated"),
                GroupKind::Readdressed => (false, "re-addressed"),
                GroupKind::Renamed => (false, "renamed"),
                GroupKind::Reclassed => (false, "reclassed"),
                GroupKind::Settings | GroupKind::Left | GroupKind::NodesLeft => continue,
            };
            let map = if nodes {
                &mut marks.nodes
            } else {
                &mut marks.circuits
            };
            for change in &group.changes {
                map.entry(change.id.clone()).or_insert(word);
            }
        }
        marks
    }
}

/// What a row needs beside its node.
struct View<'a> {
    index: &'a Index,
    eyes: &'a Eyes,
    marks: Marks,
    live: Option<std::sync::Arc<Classes>>,
}

impl View<'_> {
    fn row(&self, node: &Node, base: usize) -> NodeRow {
        let words = [0, 1].map(|way| limiter(self.index, self.eyes, &node.limited_by[way]));
        NodeRow {
            link: to_node(self.eyes, &node.id, &node.name),
            kind: node.word.word(),
            depth: node.depth.saturating_sub(base),
            cap: Both::rates(node.cap_kbps),
            limited_by: words.into(),
            guaranteed: Both::rates(node.rate_kbps),
            sold: Both::rates(node.sold_kbps),
            sold_percent: [0, 1]
                .map(|way| percent(node.sold_kbps[way], node.cap_kbps[way]))
                .into(),
            circuits: Count(node.below),
            children: Count(node.children),
            position: node.position.filter(|_| self.eyes.is_operator()),
            cpu: node.cpu,
            found: self.index.found_about_node(&node.id),
            mark: self.marks.nodes.get(&node.id).copied().unwrap_or(""),
            live: live_row(self.live.as_deref(), &node.key, node.cap_kbps),
        }
    }
}

/// Rows of one page of the table, and circuits listed under it.
const ROWS: usize = 60;
const CIRCUITS: usize = 30;

pub fn tree(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let channel = channel(app, ask)?;
    let index = app.shown(ask.get("artifact"), &channel)?;
    let Some(index) = index else {
        return show(app, ask, "Network Tree Overview", &nothing());
    };
    let at = match ask.get("at") {
        "" => None,
        shown => Some(find_node(&index, &eyes, shown).ok_or(Problem::NotFound {
            message: "there is no such node in this artifact".to_owned(),
        })?),
    };
    let against = match ask.get("against") {
        "" => None,
        asked => Some(digest(app, asked)?),
    };
    let marks = match &against {
        Some(from) => Marks::of(&*app.diff(from, &index.digest)?),
        None => Marks::default(),
    };
    let (classes, live_text) = live(app, &index);
    let view = View {
        index: &index,
        eyes: &eyes,
        marks,
        live: classes,
    };
    let base = at.map_or(0, |at| index.nodes[at].depth + 1);
    let range = at.map_or(0..index.nodes.len(), |at| at + 1..index.nodes[at].end);
    let filter = ask.get("filter").trim().to_lowercase();
    let marked_only = ask.get("marked") == "1" && against.is_some();
    // Names are hidden from viewers, so they cannot be searched for either.
    let fits = |node: &&Node| {
        let text = match eyes.is_operator() {
            true => node.name.to_lowercase().contains(&filter) || node.id.to_lowercase() == filter,
            false => eyes.node_id(&node.id).contains(&filter),
        };
        (filter.is_empty() || text) && (!marked_only || view.marks.nodes.contains_key(&node.id))
    };
    let wanted: Vec<&Node> = index.nodes[range.clone()].iter().filter(fits).collect();
    let (pages, shown) = Pages::of(ask, wanted.len(), ROWS);
    let nodes = wanted[shown]
        .iter()
        .map(|node| view.row(node, base))
        .collect();
    let own: &[usize] = at.map_or(&[], |at| &index.nodes[at].circuits);
    let circuits = own.iter().take(CIRCUITS).map(|place| {
        let circuit = &index.circuits[*place];
        let rates = circuit.shaped.as_ref().map(|s| (s.max_kbps, s.min_kbps));
        let (max, min) = rates.unwrap_or_default();
        CircuitRow {
            link: to_circuit(&eyes, &circuit.id, &circuit.name),
            max: Both::rates(max),
            min: Both::rates(min),
            mark: view.marks.circuits.get(&circuit.id).copied().unwrap_or(""),
            live: live_row(
                view.live.as_deref(),
                &format!("circuit:{}", circuit.id),
                max,
            ),
        }
    });
    let at_id = at.map_or(String::new(), |at| eyes.node_id(&index.nodes[at].id));
    let page = TreePage {
        strategy: index.manifest.strategy.word(),
        path: at.map_or_else(Vec::new, |at| path(&index, &eyes, at)),
        at: at.map(|at| view.row(&index.nodes[at], base)),
        filter: crate::show::tame(ask.get("filter")),
        generations: choices(app, &channel, against.as_deref())?,
        against: against.map(Digest),
        nodes,
        pages,
        circuits: circuits.collect(),
        more_circuits: Count::of(own.len().saturating_sub(CIRCUITS)),
        circuits_href: super::within(
            &eyes,
            format!("/subscribers?node={}", crate::show::encoded(&at_id)),
        ),
        live: view.live.is_some(),
        live_text,
        picture: picture(&index, &eyes, at, range),
        digest: Some(Digest(index.digest.clone())),
        at_id,
        artifact: ask.get("artifact").to_owned(),
    };
    show(app, ask, "Network Tree Overview", &page)
}

fn nothing() -> TreePage {
    TreePage {
        digest: None,
        strategy: "",
        path: Vec::new(),
        at: None,
        filter: String::new(),
        against: None,
        generations: Vec::new(),
        nodes: Vec::new(),
        pages: Pages {
            page: 1,
            pages: 1,
            ..Pages::default()
        },
        circuits: Vec::new(),
        more_circuits: Count(0),
        circuits_href: String::new(),
        live: false,
        live_text: String::new(),
        picture: Picture::default(),
        at_id: String::new(),
        artifact: String::new(),
    }
}

/// From the highest node above down to the node itself.
pub fn path(index: &Index, eyes: &Eyes, at: usize) -> Vec<Link> {
    let above = std::iter::successors(Some(at), |at| index.nodes[*at].parent);
    let mut path: Vec<Link> = above
        .map(|at| to_node(eyes, &index.nodes[at].id, &index.nodes[at].name))
        .collect();
    path.reverse();
    path
}

/// The newest generations of the channel, once each artifact.
pub fn choices(app: &App, channel: &str, chosen: Option<&str>) -> Answer<Vec<Choice>> {
    let journal = app.journal(channel)?;
    let mut choices: Vec<Choice> = Vec::new();
    for head in journal.entries.iter().rev().filter_map(|e| e.head.as_ref()) {
        if choices.len() == 30 || choices.iter().any(|c| c.digest.0 == head.digest) {
            continue;
        }
        choices.push(Choice {
            seq: head.seq,
            chosen: chosen == Some(head.digest.as_str()),
            digest: Digest(head.digest.clone()),
            time: Time(head.time.clone()),
        });
    }
    Ok(choices)
}

fn picture(
    index: &Index,
    eyes: &Eyes,
    at: Option<usize>,
    range: std::ops::Range<usize>,
) -> Picture {
    let base = at.map_or(0, |at| index.nodes[at].depth + 1);
    let roots: Vec<usize> = range
        .filter(|place| index.nodes[*place].depth == base)
        .collect();
    let all: u64 = roots.iter().map(|at| index.nodes[*at].weight()).sum();
    let mut picture = Picture::default();
    let mut layer: Vec<(usize, f64, f64)> = Vec::new();
    let mut x = 0.0;
    for root in roots {
        let width = share(index.nodes[root].weight(), all) * WIDTH;
        layer.push((root, x, width));
        x += width;
    }
    for depth in 0..LAYERS {
        let mut below = Vec::new();
        for (place, x, width) in layer {
            if width < 2.0 || picture.boxes.len() == BLOCKS {
                continue;
            }
            let node = &index.nodes[place];
            picture.boxes.push(block(node, eyes, x, width, depth));
            picture.height = (depth + 1) * LAYER;
            // Children begin where the node does; what is left over is sold on the node itself.
            let mut from = x;
            let mut child = place + 1;
            while child < node.end {
                let wide = share(index.nodes[child].weight(), node.weight()) * width;
                below.push((child, from, wide));
                from += wide;
                child = index.nodes[child].end;
            }
        }
        layer = below;
    }
    picture
}

fn share(part: u64, all: u64) -> f64 {
    match all {
        0 => 0.0,
        _ => part as f64 / all as f64,
    }
}

fn block(node: &Node, eyes: &Eyes, x: f64, width: f64, depth: usize) -> Block {
    let link = to_node(eyes, &node.id, &node.name);
    let full = [0, 1].map(|way| percent(node.sold_kbps[way], node.cap_kbps[way]));
    let room = (width / 8.8) as usize;
    let label: String = match link.name.chars().count() > room {
        true => link
            .name
            .chars()
            .take(room.saturating_sub(1))
            .chain(['…'])
            .collect(),
        false => link.name.clone(),
    };
    Block {
        x: format!("{x:.1}"),
        y: depth * LAYER,
        width: format!("{:.1}", (width - 1.0).max(0.5)),
        title: format!(
            "{}: {} circuits, {} sold of {} down",
            link.name,
            Count(node.below),
            Rate(node.sold_kbps[0]),
            Rate(node.cap_kbps[0])
        ),
        heat: match full.into_iter().max().unwrap_or(0) {
            0..100 => "cool",
            100..400 => "warm",
            _ => "hot",
        },
        named: room >= 5,
        label,
        link,
    }
}
