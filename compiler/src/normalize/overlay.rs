//! What operators know better: overrides are laid over the merged records, before references are resolved, and over
//! rates once they are known. A pure step: each change keeps the value it replaced, and each override that did nothing
//! says why. An expired override is not applied.

use ipnet::IpNet;

use super::circuits::{Extra, Input};
use super::nodes::{MAX_NEAREST, Names, fold};
use crate::config::overrides::{Change, Override, shown};
use crate::config::project::{Project, SuspendedPolicy};
use crate::ir::address::{Claim, ClaimValue, Form, sort_key};
use crate::ir::field::{Field, FieldValue};
use crate::ir::inventory::{Inventory, Node};
use crate::ir::overlay::{Applied, OverlayEvidence, Unapplied, Why};
use crate::ir::records::{
    DeviceRecord, LinkRecord, NodeRecord, NodeRef, Place, RefBy, ServiceState, Subject, SubjectKind,
};
use crate::near::{NEAR, alike};
use crate::units::{Kbps, Pair};

/// What overrides of nodes mean for settings.
#[derive(Default)]
pub(super) struct NodeEffects {
    /// (child, parent), by id.
    pub pins: Vec<(Box<str>, Box<str>)>,
    /// Left out, or not, whatever `topology.exclude` says.
    pub excluded: Vec<(Box<str>, bool)>,
}

/// Overrides of a kind that apply today, with their position; the others are noted.
fn live<'p>(
    project: &'p Project,
    kind: SubjectKind,
    evidence: &mut OverlayEvidence,
) -> Vec<(usize, &'p Override)> {
    let entries = project.overrides.entries.iter().enumerate();
    let mut live = Vec::new();
    for (at, entry) in entries.filter(|(_, entry)| entry.kind == kind) {
        match entry.is_expired(project.as_of) {
            false => live.push((at, entry)),
            true => evidence.unapplied.push(Unapplied {
                entry: at,
                field: None,
                why: Why::Expired,
            }),
        }
    }
    live
}

/// Collects what one entry does to one thing.
struct Notes<'e> {
    evidence: &'e mut OverlayEvidence,
    entry: usize,
    subject: Subject,
    place: Place,
}

impl Notes<'_> {
    fn applied(&mut self, change: &Change, from: FieldValue) {
        let stale = change.was.clone().filter(|was| *was != from);
        self.evidence.applied.push(Applied {
            subject: self.subject.clone(),
            field: change.field,
            entry: self.entry,
            from,
            from_place: self.place.clone(),
            to: change.value.clone(),
            stale,
        });
    }

    fn unapplied(&mut self, field: Field, why: Why) {
        self.evidence.unapplied.push(Unapplied {
            entry: self.entry,
            field: Some(field),
            why,
        });
    }
}

/// Nothing has the id; something nearly has it, or has it as its name. `near` counts how often that was looked for.
fn orphan<'t>(
    entry: usize,
    kind: SubjectKind,
    wanted: &str,
    things: impl Iterator<Item = (&'t str, &'t str)>,
    near: &mut usize,
    evidence: &mut OverlayEvidence,
) {
    *near += 1;
    let wanted = fold(wanted);
    let nearest = (*near <= MAX_NEAREST).then(|| {
        things
            .map(|(id, name)| {
                let score = alike(&wanted, &fold(id)).max(alike(&wanted, &fold(name)));
                (score, id, name)
            })
            .filter(|(score, ..)| *score >= NEAR)
            .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
            .map(|(_, id, name)| Subject::new(kind, id, name))
    });
    evidence.unapplied.push(Unapplied {
        entry,
        field: None,
        why: Why::NoSuchId {
            nearest: nearest.flatten(),
        },
    });
}

/// `records` are sorted by id.
pub(super) fn nodes(
    project: &Project,
    records: &mut [NodeRecord],
    evidence: &mut OverlayEvidence,
) -> NodeEffects {
    let mut effects = NodeEffects::default();
    let mut near = 0;
    for (at, entry) in live(project, SubjectKind::Node, evidence) {
        let Ok(found) = records.binary_search_by(|r| r.id.as_ref().cmp(&entry.id)) else {
            let things = records.iter().map(|r| (&*r.id, &*r.name));
            orphan(at, entry.kind, &entry.id, things, &mut near, evidence);
            continue;
        };
        let record = &records[found];
        let mut notes = Notes {
            subject: Subject::new(SubjectKind::Node, &record.id, &record.name),
            place: record.origin.whole(),
            entry: at,
            evidence,
        };
        for change in &entry.changes {
            let parent = match (change.field, &change.value) {
                (Field::Parent, FieldValue::Text(wanted)) => match node_named(records, wanted) {
                    Ok(id) if *id == *records[found].id => {
                        notes.unapplied(Field::Parent, Why::OwnParent);
                        continue;
                    }
                    Ok(id) => Some(id),
                    Err(nearest) => {
                        let wanted = wanted.clone();
                        notes.unapplied(Field::Parent, Why::NoSuchParent { wanted, nearest });
                        continue;
                    }
                },
                _ => None,
            };
            let record = &mut records[found];
            let from = match (change.field, &change.value) {
                (Field::Capacity, FieldValue::Rates(rates)) => {
                    let was = std::mem::replace(&mut record.capacity, *rates);
                    FieldValue::Rates(was.map(|c| c.filter(|k| k.0 != 0)))
                }
                (Field::Exclude, FieldValue::Flag(on)) => {
                    effects.excluded.push((record.id.clone(), *on));
                    FieldValue::Flag(false)
                }
                (Field::Kind, FieldValue::Kind(kind)) => {
                    FieldValue::Kind(std::mem::replace(&mut record.kind, *kind))
                }
                (Field::Name, FieldValue::Text(name)) => {
                    FieldValue::Text(std::mem::replace(&mut record.name, name.clone()))
                }
                (Field::Virtual, FieldValue::Flag(on)) => {
                    FieldValue::Flag(std::mem::replace(&mut record.is_virtual, *on))
                }
                (Field::Parent, _) => {
                    let Some(parent) = parent else { continue };
                    effects.pins.push((record.id.clone(), parent.clone()));
                    let was = record.parent.replace(NodeRef {
                        text: parent,
                        by: RefBy::Id,
                        route: "".into(),
                    });
                    FieldValue::Text(was.map(|r| r.text).unwrap_or_default())
                }
                // The reader lets no other field of a node through.
                _ => continue,
            };
            notes.applied(change, from);
        }
    }
    effects
}

/// The id of the node that has it, or that alone has the name; else the nearest.
fn node_named(records: &[NodeRecord], wanted: &str) -> Result<Box<str>, Option<Subject>> {
    if let Ok(at) = records.binary_search_by(|r| r.id.as_ref().cmp(wanted)) {
        return Ok(records[at].id.clone());
    }
    let mut named = records.iter().filter(|r| *r.name == *wanted);
    match (named.next(), named.next()) {
        (Some(one), None) => Ok(one.id.clone()),
        (Some(one), Some(_)) => Err(Some(subject(one))),
        (None, _) => {
            let wanted = fold(wanted);
            let near = records
                .iter()
                .map(|r| {
                    let score = strsim::jaro_winkler(&wanted, &fold(&r.id))
                        .max(strsim::jaro_winkler(&wanted, &fold(&r.name)));
                    (score, r)
                })
                .filter(|(score, _)| *score >= 0.84)
                .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.id.cmp(&a.1.id)));
            Err(near.map(|(_, r)| subject(r)))
        }
    }
}

fn subject(record: &NodeRecord) -> Subject {
    Subject::new(SubjectKind::Node, &record.id, &record.name)
}

/// `records` are sorted by id.
pub(super) fn links(project: &Project, records: &mut [LinkRecord], evidence: &mut OverlayEvidence) {
    let mut near = 0;
    for (at, entry) in live(project, SubjectKind::Link, evidence) {
        let Ok(found) = records.binary_search_by(|r| r.id.as_ref().cmp(&entry.id)) else {
            let things = records.iter().map(|r| (&*r.id, &*r.id));
            orphan(at, entry.kind, &entry.id, things, &mut near, evidence);
            continue;
        };
        let record = &mut records[found];
        let mut notes = Notes {
            subject: Subject::new(SubjectKind::Link, &record.id, &record.id),
            place: record.origin.whole(),
            entry: at,
            evidence,
        };
        for change in &entry.changes {
            let from = match (change.field, &change.value) {
                (Field::Capacity, FieldValue::Rates(rates)) => {
                    let was = Pair::new(record.ab, record.ba);
                    (record.ab, record.ba) = (rates.down, rates.up);
                    FieldValue::Rates(was.map(|c| c.filter(|k| k.0 != 0)))
                }
                (Field::Cost, FieldValue::Count(cost)) => {
                    FieldValue::Count(std::mem::replace(&mut record.cost, *cost))
                }
                (Field::State, FieldValue::Link(state)) => {
                    FieldValue::Link(std::mem::replace(&mut record.state, *state))
                }
                // The reader lets no other field of a link through.
                _ => continue,
            };
            notes.applied(change, from);
        }
    }
}

/// Everything but final rates. `inputs` are sorted by id.
pub(super) fn circuits(
    project: &Project,
    inputs: &mut [Input],
    names: &Names,
    nodes: &[Node],
    evidence: &mut OverlayEvidence,
) {
    let mut near = 0;
    for (at, entry) in live(project, SubjectKind::Circuit, evidence) {
        let Ok(found) = inputs.binary_search_by(|i| i.record.id.as_ref().cmp(&entry.id)) else {
            let things = inputs.iter().map(|i| (&*i.record.id, &*i.record.name));
            orphan(at, entry.kind, &entry.id, things, &mut near, evidence);
            continue;
        };
        let input = &mut inputs[found];
        let mut notes = Notes {
            subject: Subject::new(SubjectKind::Circuit, &input.record.id, &input.record.name),
            place: input.record.origin.whole(),
            entry: at,
            evidence,
        };
        // What this entry says the addresses were is what they were before it.
        let before = claimed(&input.record.devices, entry.device.as_deref());
        for change in &entry.changes {
            circuit(
                project, entry, change, input, &before, names, nodes, &mut notes,
            );
        }
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "one change needs what all changes of an entry share"
)]
fn circuit(
    project: &Project,
    entry: &Override,
    change: &Change,
    input: &mut Input,
    before: &[IpNet],
    names: &Names,
    nodes: &[Node],
    notes: &mut Notes<'_>,
) {
    let overrides = &project.overrides;
    let file = overrides.file.expect("entries come from a file");
    let record = &mut input.record;
    let known = |rates: Pair<Option<Kbps>>| rates.map(|c| c.filter(|k| k.0 != 0));
    let from = match (change.field, &change.value) {
        (
            Field::Addresses | Field::AddressesAdd | Field::AddressesRemove,
            FieldValue::Addresses(texts),
        ) => {
            let missing = |device: &str| !record.devices.iter().any(|d| *d.id == *device);
            if let Some(device) = entry.device.as_deref().filter(|device| missing(device)) {
                let wanted = fold(device);
                let score = |d: &DeviceRecord| strsim::jaro_winkler(&wanted, &fold(&d.id));
                let near = record.devices.iter().map(|d| (score(d), d));
                let near = near
                    .filter(|(score, _)| *score >= 0.84)
                    .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.id.cmp(&a.1.id)));
                let nearest = near.map(|(_, d)| d.id.clone());
                return notes.unapplied(change.field, Why::NoSuchDevice { nearest });
            }
            let nets: Vec<IpNet> = texts
                .iter()
                .filter_map(|text| ClaimValue::parse(text, Form::Prefix).prefix())
                .map(|(net, _)| net)
                .collect();
            let only = entry.device.as_deref();
            let meant = |device: &DeviceRecord| only.is_none_or(|only| *device.id == *only);
            for device in record.devices.iter_mut().filter(|d| meant(d)) {
                device.claims.retain(|claim| {
                    let net = claim.value.prefix().map(|(net, _)| net);
                    match change.field {
                        Field::Addresses => false,
                        Field::AddressesRemove => net.is_none_or(|net| !nets.contains(&net)),
                        _ => true,
                    }
                });
            }
            // What a router knows is replaced and taken away like what a source says.
            for extra in input.extra.iter_mut().filter(|extra| extra.origin != file) {
                if only.is_some_and(|only| *extra.device != *only) {
                    continue;
                }
                extra.claims.retain(|claim| match change.field {
                    Field::Addresses => false,
                    Field::AddressesRemove => {
                        let net = claim.value.prefix().map(|(net, _)| net);
                        net.is_none_or(|net| !nets.contains(&net))
                    }
                    _ => true,
                });
            }
            input.extra.retain(|extra| !extra.claims.is_empty());
            if change.field != Field::AddressesRemove {
                let device = record
                    .devices
                    .iter()
                    .filter(|d| meant(d))
                    .map(|d| &d.id)
                    .min();
                let route = format!("{}.{}", entry.route, change.field.key());
                input.extra.push(Extra {
                    device: device.unwrap_or(&record.id).clone(),
                    origin: file,
                    claims: nets
                        .iter()
                        .map(|net| Claim {
                            value: match net.prefix_len() == net.max_prefix_len() {
                                true => ClaimValue::Host(net.addr()),
                                false => ClaimValue::Prefix(net.addr(), net.prefix_len()),
                            },
                            route: route.clone().into(),
                        })
                        .collect(),
                });
            }
            FieldValue::Addresses(before.iter().map(|net| shown(net).into()).collect())
        }
        (Field::Commit, FieldValue::Rates(rates)) => {
            let was = std::mem::replace(&mut record.commit, rates.map(Option::unwrap_or_default));
            FieldValue::Rates(was.map(Kbps::known))
        }
        (Field::Exclude, FieldValue::Flag(on)) => {
            input.excluded = *on;
            FieldValue::Flag(false)
        }
        (Field::Name, FieldValue::Text(name)) => {
            FieldValue::Text(std::mem::replace(&mut record.name, name.clone()))
        }
        (Field::Parent, FieldValue::Text(wanted)) => {
            let now = parent(input, names, nodes);
            match names.setting(wanted) {
                Ok((ix, _)) => {
                    input.record.attach = vec![NodeRef {
                        text: nodes[ix.ix()].id.clone(),
                        by: RefBy::Id,
                        route: format!("{}.parent", entry.route).into(),
                    }];
                    input.attach_origin = Some(file);
                    FieldValue::Text(now)
                }
                Err(one) => {
                    let nearest = one
                        .map(|ix| nodes[ix.ix()].subject())
                        .or_else(|| super::nodes::nearest(nodes, wanted));
                    let wanted = wanted.clone();
                    return notes.unapplied(Field::Parent, Why::NoSuchParent { wanted, nearest });
                }
            }
        }
        (Field::Plan, FieldValue::Rates(rates)) => {
            let was = std::mem::replace(&mut record.plan, *rates);
            record.plan_origin = Some(overrides.origin(notes.entry));
            record.plan_route = Pair::both("");
            FieldValue::Rates(known(was))
        }
        (Field::Qdisc, FieldValue::Leaf(leaf)) => {
            FieldValue::Leaf(std::mem::replace(&mut record.leaf, *leaf))
        }
        (Field::State, FieldValue::Service(state)) => {
            FieldValue::Service(std::mem::replace(&mut record.state, *state))
        }
        // `max` and `min`: see [`rates`]. The reader lets no other field of a circuit through.
        _ => return,
    };
    notes.applied(change, from);
}

/// Where a circuit hangs by what the sources say: the id of the node, else what is written.
fn parent(input: &Input, names: &Names, nodes: &[Node]) -> Box<str> {
    let attach = &input.record.attach;
    let found = attach.iter().find_map(|wanted| names.known(wanted));
    match (found, attach.first()) {
        (Some(ix), _) => nodes[ix.ix()].id.clone(),
        (None, Some(wanted)) => wanted.text.clone(),
        (None, None) => Box::default(),
    }
}

/// Prefixes of the devices that are meant, sorted, each once.
fn claimed(devices: &[DeviceRecord], only: Option<&str>) -> Vec<IpNet> {
    let mut nets: Vec<IpNet> = devices
        .iter()
        .filter(|d| only.is_none_or(|only| *d.id == *only))
        .flat_map(|d| &d.claims)
        .filter_map(|claim| claim.value.prefix())
        .map(|(net, _)| net)
        .collect();
    nets.sort_unstable_by_key(sort_key);
    nets.dedup();
    nets
}

/// Final rates, once everything else of a circuit is known. Suspension stands above them.
pub(super) fn rates(project: &Project, inventory: &mut Inventory) {
    let mut applied = Vec::new();
    let mut unapplied = Vec::new();
    let mut fixed: Vec<(usize, usize, &Change)> = Vec::new();
    for (at, entry) in project.overrides.entries.iter().enumerate() {
        if entry.kind != SubjectKind::Circuit || entry.is_expired(project.as_of) {
            continue;
        }
        // What has no circuit is reported already.
        let Some(ix) = inventory.circuit_by_id(&entry.id) else {
            continue;
        };
        let rates = |c: &&Change| matches!(c.field, Field::Max | Field::Min);
        fixed.extend(entry.changes.iter().filter(rates).map(|c| (ix.ix(), at, c)));
    }
    // The ceiling first: a guarantee is never above it.
    fixed.sort_by_key(|(ix, at, change)| (*ix, change.field == Field::Min, *at));
    for (ix, at, change) in fixed {
        let circuit = &mut inventory.circuits[ix];
        let slowed = circuit.state == ServiceState::Suspended
            && project.suspended.policy == SuspendedPolicy::Slow;
        if circuit.omitted.is_some() || slowed {
            unapplied.push(Unapplied {
                entry: at,
                field: Some(change.field),
                why: Why::NoRates,
            });
            continue;
        }
        let FieldValue::Rates(wanted) = &change.value else {
            continue;
        };
        let wanted = wanted.map(Option::unwrap_or_default);
        let from = match change.field {
            Field::Max => {
                let was = std::mem::replace(&mut circuit.max, wanted);
                circuit.min = circuit.min.min(wanted);
                was
            }
            _ => std::mem::replace(&mut circuit.min, wanted.min(circuit.max)),
        };
        let from = FieldValue::Rates(from.map(Kbps::known));
        let stale = change.was.clone().filter(|was| *was != from);
        applied.push(Applied {
            subject: circuit.subject(),
            field: change.field,
            entry: at,
            from_place: circuit.plan_place(true),
            from,
            to: change.value.clone(),
            stale,
        });
    }
    let evidence = &mut inventory.evidence.overlay;
    evidence.applied.extend(applied);
    evidence.unapplied.extend(unapplied);
    evidence.applied.sort();
    evidence.unapplied.sort();
}
