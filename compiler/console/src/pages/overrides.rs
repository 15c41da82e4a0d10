//! Overrides: everything that somebody knows better than the sources, with why, whose it is and how long it holds; and
//! which of them do nothing, or hide something, by the last build.

use serde::Serialize;

use super::done::Done;
use super::issues::in_days;
use super::{Link, channel, to_circuit, to_node};
use crate::app::App;
use crate::ask::{Ask, Pages, Reply, drawn, show};
use crate::engine::{Answer, OverrideId, OverrideRequest, Problem, StoredOverride};
use crate::eyes::Eyes;
use crate::index::Index;
use crate::show::{Count, encoded, tame};

#[derive(Serialize, Debug)]
pub struct OverridesPage {
    pub rows: Vec<Row>,
    pub pages: Pages,
    /// Those with a mark.
    pub marked: Count,
    /// What is shown: everything, or those with a mark.
    pub only: &'static str,
    pub in_git: bool,
    #[serde(skip)]
    pub fields: &'static [(&'static str, &'static str)],
    #[serde(skip)]
    pub default_expiry: String,
}
drawn!(OverridesPage, "overrides.html");

#[derive(Serialize, Debug)]
pub struct Row {
    pub kind: &'static str,
    #[serde(flatten)]
    pub link: Link,
    /// Null for viewers, like everything that a person wrote.
    pub device: Option<String>,
    pub set: Vec<Set>,
    pub reason: Option<String>,
    pub owner: Option<String>,
    pub expires: Option<String>,
    pub marks: Vec<Mark>,
    #[serde(skip)]
    pub id: String,
    #[serde(skip)]
    pub raw_device: String,
}

#[derive(Serialize, Debug)]
pub struct Set {
    pub field: String,
    pub value: Option<String>,
}

/// What is the matter with an override.
#[derive(Serialize, Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// `expired`, `orphaned`, `hides a change`, `redundant`
    pub word: &'static str,
    pub level: &'static str,
    /// The rule that found it.
    pub code: &'static str,
}

/// Rules of the build that speak of overrides. What names nothing is found by a rule that speaks of settings too.
const MARKS: &[Mark] = &[
    Mark {
        word: "expired",
        level: "info",
        code: "POL004",
    },
    Mark {
        word: "hides a change",
        level: "warning",
        code: "POL005",
    },
    Mark {
        word: "redundant",
        level: "info",
        code: "POL006",
    },
    Mark {
        word: "orphaned",
        level: "warning",
        code: "SRC005",
    },
];

/// Fields that can be set here, with an example. Others are written into the file.
pub const SETTABLE: &[(&str, &str)] = &[
    ("plan_mbps", "100/20"),
    ("commit_mbps", "10/2"),
    ("parent", "ap-7"),
    ("addresses_add", "100.64.0.7"),
    ("addresses_remove", "100.64.0.7"),
    ("state", "suspended"),
    ("exclude", "true"),
    ("name", "A better name"),
];
const OF_NODES: &[(&str, &str)] = &[("capacity_mbps", "400/150"), ("cost", "10")];

const ROWS: usize = 50;

fn word(kind: &str) -> &'static str {
    match kind {
        "circuit" => "subscriber",
        "node" => "node",
        "link" => "link",
        _ => "other",
    }
}

fn marks(index: Option<&Index>, over: &StoredOverride) -> Vec<Mark> {
    let today = in_days(0);
    let over_by_now = over.expires.as_ref().is_some_and(|last| *last < today);
    let found = |code: &str| {
        index.is_some_and(|index| {
            let mut of_rule = index.findings.iter().filter(|f| f.code == code);
            of_rule.any(|f| {
                f.locations.iter().any(|l| l.file == "overrides.toml")
                    && f.subjects.iter().any(|s| s.id == over.id)
            })
        })
    };
    MARKS
        .iter()
        .filter(|mark| (mark.word == "expired" && over_by_now) || found(mark.code))
        .cloned()
        .collect()
}

fn row(eyes: &Eyes, index: Option<&Index>, over: &StoredOverride) -> Row {
    let circuit = index.and_then(|index| index.circuit(&over.id));
    let node = index.and_then(|index| Some(&index.nodes[index.node_at(&over.id)?]));
    let link = match over.kind.as_str() {
        "circuit" => to_circuit(eyes, &over.id, circuit.map_or(&over.id, |c| &c.name)),
        "node" => to_node(eyes, &over.id, node.map_or(&over.id, |n| &n.name)),
        _ => Link {
            name: eyes.link(&over.id),
            href: String::new(),
        },
    };
    let has_page = circuit.is_some() || node.is_some();
    Row {
        kind: word(&over.kind),
        link: Link {
            href: if has_page { link.href } else { String::new() },
            name: link.name,
        },
        device: over.device.as_deref().and_then(|d| eyes.said(d)),
        set: (over.set.iter())
            .map(|(field, value)| Set {
                field: tame(field),
                value: eyes.said(value),
            })
            .collect(),
        reason: eyes.said(&over.reason),
        owner: over.owner.as_deref().map(|owner| eyes.person(owner)),
        expires: over.expires.as_deref().map(tame),
        marks: marks(index, over),
        // Only whoever may take it out is told what it is called.
        id: match eyes.is_operator() {
            true => over.id.clone(),
            false => String::new(),
        },
        raw_device: match eyes.is_operator() {
            true => over.device.clone().unwrap_or_default(),
            false => String::new(),
        },
    }
}

pub fn overrides(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let channel = channel(app, ask)?;
    // What was built last saw the newest file; what runs may be older.
    let latest = app.engine.scheduler()?.latest.map(|l| l.digest);
    let index = match latest {
        Some(digest) => Some(app.index(&digest)?),
        None => app.shown("", &channel)?,
    };
    let all = app.engine.overrides()?;
    let is_marked = |over: &&StoredOverride| !marks(index.as_deref(), over).is_empty();
    let marked = all.iter().filter(is_marked).count();
    let only = match ask.get("show") {
        "marked" => "marked",
        _ => "",
    };
    let wanted: Vec<&StoredOverride> = all
        .iter()
        .filter(|over| only.is_empty() || is_marked(over))
        .collect();
    let (pages, range) = Pages::of(ask, wanted.len(), ROWS);
    let page = OverridesPage {
        rows: wanted[range]
            .iter()
            .map(|over| row(&eyes, index.as_deref(), over))
            .collect(),
        pages,
        marked: Count::of(marked),
        only,
        in_git: app.project()?.in_git,
        fields: SETTABLE,
        default_expiry: in_days(90),
    };
    show(app, ask, "Overrides", &page)
}

pub fn add(app: &App, ask: &Ask) -> Answer<Reply> {
    let optional = |name: &str| Some(ask.field(name).to_owned()).filter(|v| !v.is_empty());
    let kind = match ask.field("kind") {
        "" | "circuit" => "circuit",
        "node" => "node",
        _ => {
            return Err(Problem::Invalid {
                field: "kind".to_owned(),
                message: "it is a subscriber or a node".to_owned(),
            });
        }
    };
    let field = ask.wanted("field", "what to set")?;
    let mut known = SETTABLE.iter().chain(OF_NODES);
    if !known.any(|(name, _)| *name == field) {
        return Err(Problem::Invalid {
            field: "field".to_owned(),
            message: "that is no field that can be set here".to_owned(),
        });
    }
    let request = OverrideRequest {
        kind: kind.to_owned(),
        id: ask.wanted("id", "what it is about")?.to_owned(),
        device: optional("device"),
        set: vec![(
            field.to_owned(),
            ask.wanted("value", "the value")?.to_owned(),
        )],
        reason: ask.wanted("reason", "the reason")?.to_owned(),
        owner: optional("owner"),
        expires: optional("expires"),
    };
    let edit = app.engine.add_override(ask.by(), &request)?;
    let (href, name) = match kind {
        "circuit" => (
            format!("/subscriber?id={}", encoded(&request.id)),
            "The subscriber",
        ),
        _ => ("/overrides".to_owned(), "Overrides"),
    };
    Done::edit("Override", &edit, &href, name).show(app, ask)
}

pub fn remove(app: &App, ask: &Ask) -> Answer<Reply> {
    let which = OverrideId {
        kind: ask.wanted("kind", "what it is")?.to_owned(),
        id: ask.wanted("id", "what it is about")?.to_owned(),
        device: Some(ask.field("device").to_owned()).filter(|d| !d.is_empty()),
    };
    let edit = app.engine.remove_override(ask.by(), &which)?;
    Done::edit("Override taken out", &edit, "/overrides", "Overrides").show(app, ask)
}
