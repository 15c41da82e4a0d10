//! Nodes, links, and the resolution of every reference to a node.

use rustc_hash::FxHashMap;

use crate::config::project::Project;
use crate::id::NodeIx;
use crate::ir::inventory::{
    BadLink, DuplicateId, FuzzyParent, Hidden, Inventory, Link, NamedSetting, Node, NodeSettings,
    UnknownParent, UnknownSetting,
};
use crate::ir::records::{
    LinkRecord, NodeKind, NodeRecord, NodeRef, Origin, Place, RefBy, Subject, SubjectKind,
};

use super::overlay::NodeEffects;
use crate::near::{NEAR, alike};

/// How references find their node.
pub(super) struct Names {
    by_id: FxHashMap<Box<str>, NodeIx>,
    /// Display names; `Err` holds the smallest of several nodes that share one.
    by_name: FxHashMap<Box<str>, Result<NodeIx, NodeIx>>,
    /// Ids and names with case and blanks folded; the flag says "several".
    folded_ids: FxHashMap<String, Result<NodeIx, NodeIx>>,
    folded_names: FxHashMap<String, Result<NodeIx, NodeIx>>,
}

pub(super) enum Found {
    Exact(NodeIx),
    /// Only after folding case and blanks.
    Folded(NodeIx),
    /// Nothing, or several nodes of that name (then one of them).
    No(Option<NodeIx>),
}

pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().flat_map(char::to_lowercase));
    }
    folded
}

impl Names {
    fn new(nodes: &[Node]) -> Self {
        let mut names = Names {
            by_id: FxHashMap::default(),
            by_name: FxHashMap::default(),
            folded_ids: FxHashMap::default(),
            folded_names: FxHashMap::default(),
        };
        fn note<K: std::hash::Hash + Eq>(
            map: &mut FxHashMap<K, Result<NodeIx, NodeIx>>,
            key: K,
            ix: NodeIx,
        ) {
            map.entry(key)
                .and_modify(|seen| *seen = Err(seen.unwrap_or_else(|first| first)))
                .or_insert(Ok(ix));
        }
        for (i, node) in nodes.iter().enumerate() {
            let ix = NodeIx::of(i);
            names.by_id.insert(node.id.clone(), ix);
            note(&mut names.by_name, node.name.clone(), ix);
            note(&mut names.folded_ids, fold(&node.id), ix);
            note(&mut names.folded_names, fold(&node.name), ix);
        }
        names
    }

    pub(super) fn find(&self, wanted: &str, by: RefBy) -> Found {
        let exact = match by {
            RefBy::Id => self.by_id.get(wanted).copied().map(Ok),
            RefBy::Name => self.by_name.get(wanted).copied(),
        };
        match exact {
            Some(Ok(ix)) => return Found::Exact(ix),
            Some(Err(one)) => return Found::No(Some(one)),
            None => {}
        }
        let folded = match by {
            RefBy::Id => &self.folded_ids,
            RefBy::Name => &self.folded_names,
        };
        match folded.get(&fold(wanted)) {
            Some(Ok(ix)) => Found::Folded(*ix),
            Some(Err(one)) => Found::No(Some(*one)),
            None => Found::No(None),
        }
    }

    /// The node that a reference means.
    pub(super) fn known(&self, wanted: &NodeRef) -> Option<NodeIx> {
        match self.find(&wanted.text, wanted.by) {
            Found::Exact(ix) | Found::Folded(ix) => Some(ix),
            Found::No(_) => None,
        }
    }

    /// Id, else a display name that only one node has.
    pub(super) fn setting(&self, wanted: &str) -> Result<(NodeIx, bool), Option<NodeIx>> {
        if let Some(&ix) = self.by_id.get(wanted) {
            return Ok((ix, false));
        }
        match self.by_name.get(wanted) {
            Some(Ok(ix)) => Ok((*ix, true)),
            Some(Err(one)) => Err(Some(*one)),
            None => Err(None),
        }
    }
}

/// Nearest node by spelling; only worth showing when it is near.
pub(super) fn nearest(nodes: &[Node], wanted: &str) -> Option<Subject> {
    let wanted = fold(wanted);
    nodes
        .iter()
        .map(|node| {
            let score = alike(&wanted, &fold(&node.name)).max(alike(&wanted, &fold(&node.id)));
            (score, node)
        })
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|(a, x), (b, y)| a.total_cmp(b).then_with(|| y.id.cmp(&x.id)))
        .map(|(_, node)| node.subject())
}

/// The nearest names are looked up for this many distinct unknown references, smallest text first: a whole
/// export of wrong parents must not cost its square.
pub(super) const MAX_NEAREST: usize = 64;

/// Keeps the first of every id after sorting; reports the rest. Records are those of one source.
fn unique<T: Ord>(
    mut records: Vec<T>,
    kind: SubjectKind,
    id: impl Fn(&T) -> &str,
    name: impl Fn(&T) -> &str,
    origin: impl Fn(&T) -> Origin,
    differs: impl Fn(&T, &T) -> Vec<&'static str>,
    duplicates: &mut Vec<DuplicateId>,
) -> Vec<T> {
    records.sort_by(|a, b| id(a).cmp(id(b)).then_with(|| a.cmp(b)));
    let mut kept: Vec<T> = Vec::with_capacity(records.len());
    // Whether the last report in `duplicates` is about the last record in `kept`.
    let mut open = false;
    for candidate in records {
        let Some(first) = kept.last().filter(|k| id(k) == id(&candidate)) else {
            kept.push(candidate);
            open = false;
            continue;
        };
        let fields = differs(first, &candidate);
        let place: Place = origin(&candidate).whole();
        if open {
            let report = duplicates.last_mut().expect("a report is open");
            report.dropped.push(place);
            report.differs.extend(fields);
            report.differs.sort_unstable();
            report.differs.dedup();
        } else {
            duplicates.push(DuplicateId {
                subject: Subject::new(kind, id(first), name(first)),
                kept: origin(first).whole(),
                dropped: vec![place],
                differs: fields,
            });
            open = true;
        }
    }
    kept
}

/// One node record an id, sorted.
pub(super) fn unique_nodes(
    records: Vec<NodeRecord>,
    duplicates: &mut Vec<DuplicateId>,
) -> Vec<NodeRecord> {
    unique(
        records,
        SubjectKind::Node,
        |r: &NodeRecord| &r.id,
        |r| &r.name,
        |r| r.origin,
        |a, b| {
            let mut fields = Vec::new();
            let mut note = |differs: bool, field| {
                if differs {
                    fields.push(field);
                }
            };
            note(a.name != b.name, "name");
            note(a.kind != b.kind, "kind");
            note(
                a.parent.as_ref().map(|p| &p.text) != b.parent.as_ref().map(|p| &p.text),
                "parent",
            );
            note(a.capacity != b.capacity, "capacity");
            note(a.is_virtual != b.is_virtual, "virtual");
            note(a.gateway != b.gateway, "gateway");
            note(a.position != b.position, "position");
            fields
        },
        duplicates,
    )
}

/// `records` are sorted by id, each once.
pub(super) fn nodes(
    project: &Project,
    records: Vec<NodeRecord>,
    effects: &NodeEffects,
    inventory: &mut Inventory,
) -> Names {
    let mut parents: Vec<Option<NodeRef>> = Vec::with_capacity(records.len());
    for record in records {
        parents.push(record.parent);
        inventory.nodes.push(Node {
            id: record.id,
            name: record.name,
            kind: record.kind,
            parent: None,
            capacity: record.capacity.map(|c| c.filter(|k| k.0 != 0)),
            hidden: record.is_virtual.then_some(Hidden::Virtual),
            gateway: record.gateway,
            position: record.position,
            origin: record.origin,
        });
    }
    let names = Names::new(&inventory.nodes);
    let mut looked_up = 0;
    for (i, parent) in parents.into_iter().enumerate() {
        let Some(wanted) = parent else { continue };
        let node = &inventory.nodes[i];
        let place = node.origin.at(wanted.route.clone());
        match names.find(&wanted.text, wanted.by) {
            Found::Exact(ix) => inventory.nodes[i].parent = Some(ix),
            Found::Folded(ix) => {
                let fuzzy = FuzzyParent {
                    subject: node.subject(),
                    place,
                    wanted: wanted.text,
                    used: inventory[ix].subject(),
                };
                inventory.evidence.fuzzy_parents.push(fuzzy);
                inventory.nodes[i].parent = Some(ix);
            }
            Found::No(one) => {
                looked_up += 1;
                let nearest = one.map(|ix| inventory[ix].subject()).or_else(|| {
                    (looked_up <= MAX_NEAREST)
                        .then(|| nearest(&inventory.nodes, &wanted.text))
                        .flatten()
                });
                let unknown = UnknownParent {
                    subject: node.subject(),
                    place,
                    wanted,
                    nearest,
                    used_instead: None,
                    names: None,
                };
                inventory.evidence.unknown_parents.push(unknown);
            }
        }
    }
    settings(project, &names, inventory);
    effects.apply(&names, inventory);
    names
}

impl NodeEffects {
    /// An override stands above a setting.
    fn apply(&self, names: &Names, inventory: &mut Inventory) {
        for (id, on) in &self.excluded {
            let hidden = &mut inventory.nodes[names.by_id[id].ix()].hidden;
            match on {
                true => *hidden = Some(Hidden::Excluded),
                false => *hidden = hidden.filter(|h| *h != Hidden::Excluded),
            }
        }
        let pins = &mut inventory.settings.pins;
        for (child, parent) in &self.pins {
            let (child, parent) = (names.by_id[child], names.by_id[parent]);
            pins.retain(|(of, _)| *of != child);
            pins.push((child, parent));
        }
        pins.sort_unstable();
    }
}

fn settings(project: &Project, names: &Names, inventory: &mut Inventory) {
    let topology = &project.topology;
    let mut resolved = NodeSettings::default();
    let mut find = |key: &'static str, value: &str, place: Place| -> Option<NodeIx> {
        match names.setting(value) {
            Ok((ix, by_name)) => {
                if by_name {
                    let meant = inventory.nodes[ix.ix()].subject();
                    inventory.evidence.named_settings.push(NamedSetting {
                        key,
                        value: value.into(),
                        place: Some(place),
                        meant,
                    });
                }
                Some(ix)
            }
            Err(one) => {
                let nearest = one
                    .map(|ix| inventory.nodes[ix.ix()].subject())
                    .or_else(|| nearest(&inventory.nodes, value));
                inventory.evidence.unknown_settings.push(UnknownSetting {
                    key,
                    value: value.into(),
                    place: Some(place),
                    nearest,
                    ambiguous: one.is_some(),
                });
                None
            }
        }
    };
    if let Some(root) = &topology.root {
        resolved.root = find("topology.root", root, project.place("topology.root"));
    }
    for value in &topology.promote_to_root {
        let place = project.place("topology.promote_to_root");
        resolved
            .promote
            .extend(find("topology.promote_to_root", value, place));
    }
    let mut excluded = Vec::new();
    for value in &topology.exclude {
        let place = project.place("topology.exclude");
        excluded.extend(find("topology.exclude", value, place));
    }
    resolved.promote.sort_unstable();
    resolved.promote.dedup();
    for ix in excluded {
        inventory.nodes[ix.ix()].hidden = Some(Hidden::Excluded);
    }
    // A pin that names nothing has a rule of its own (TOP008).
    for (child, parent) in &topology.pin {
        let mut bad = |why| {
            resolved
                .bad_pins
                .push((child.as_str().into(), parent.as_str().into(), why));
        };
        match (names.setting(child), names.setting(parent)) {
            (Ok((c, _)), Ok((p, _))) if c == p => bad("a node cannot be its own parent"),
            (Ok((c, _)), Ok((p, _))) => resolved.pins.push((c, p)),
            (Err(Some(_)), _) => bad("several nodes have the child's name"),
            (Err(None), _) => bad("no node has the child's id or name"),
            (_, Err(Some(_))) => bad("several nodes have the parent's name"),
            (_, Err(None)) => bad("no node has the parent's id or name"),
        }
    }
    resolved.pins.sort_unstable();
    resolved.pins.dedup_by_key(|(child, _)| *child);
    inventory.settings = resolved;
}

/// One link record an id, sorted.
pub(super) fn unique_links(
    records: Vec<LinkRecord>,
    duplicates: &mut Vec<DuplicateId>,
) -> Vec<LinkRecord> {
    unique(
        records,
        SubjectKind::Link,
        |r: &LinkRecord| &r.id,
        |r| &r.id,
        |r| r.origin,
        |a, b| {
            let mut fields = Vec::new();
            let mut note = |differs: bool, field| {
                if differs {
                    fields.push(field);
                }
            };
            note((&a.a, &a.b) != (&b.a, &b.b), "ends");
            note((a.ab, a.ba) != (b.ab, b.ba), "capacity");
            note(a.cost != b.cost, "cost");
            note(a.state != b.state, "state");
            fields
        },
        duplicates,
    )
}

/// `records` are sorted by id, each once.
pub(super) fn links(records: Vec<LinkRecord>, inventory: &mut Inventory) {
    for record in records {
        let mut bad = |unknown: Option<&str>| {
            inventory.evidence.bad_links.push(BadLink {
                link: Subject::new(SubjectKind::Link, &record.id, &record.id),
                place: record.origin.whole(),
                unknown: unknown.map(Into::into),
            });
        };
        let find = |id: &str| {
            inventory
                .nodes
                .binary_search_by(|n| n.id.as_ref().cmp(id))
                .ok()
                .map(NodeIx::of)
        };
        match (find(&record.a), find(&record.b)) {
            (None, _) => bad(Some(&record.a)),
            (_, None) => bad(Some(&record.b)),
            (Some(a), Some(b)) if a == b => bad(None),
            (Some(a), Some(b)) => inventory.links.push(Link {
                id: record.id,
                a,
                b,
                ab: record.ab.filter(|k| k.0 != 0),
                ba: record.ba.filter(|k| k.0 != 0),
                cost: record.cost,
                state: record.state,
                origin: record.origin,
            }),
        }
    }
}

impl Inventory {
    /// Node kinds that belong to their declared parent without a link (topology.md 1.5 b).
    pub(crate) fn is_member(&self, node: NodeIx) -> bool {
        !matches!(self[node].kind, NodeKind::Site | NodeKind::Root)
    }
}
