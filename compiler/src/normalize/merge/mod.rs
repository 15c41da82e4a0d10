//! Several sources, one network. Records that are one real thing are found (`join`), and of each field the value of
//! the source that is asked first for it is taken (`choose`); everything that was not taken is kept as evidence.
//! A project with one source passes through unchanged.
//!
//! References mean the things of their own source first: a parent called "Hill" is that source's Hill, whatever it is
//! called after the merge.

mod choose;
mod join;

use ipnet::IpNet;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::addresses::{is_ignored, never_a_subscriber};
use super::circuits::Input;
use super::nodes::{Names, fold};
use crate::config::overrides::shown;
use crate::config::project::{Merge, Project};
use crate::id::NodeIx;
use crate::ir::address::sort_key;
use crate::ir::field::{Field, FieldValue};
use crate::ir::inventory::Node;
use crate::ir::merge::{Ambiguous, JoinKey, Joined, Member, MergeEvidence, Renamed, Unmatched};
use crate::ir::records::{
    CircuitRecord, LinkRecord, NodeKind, NodeRecord, NodeRef, Origin, RefBy, ServiceState, Subject,
    SubjectKind,
};
use crate::sources;
use crate::units::{Kbps, Pair};
use choose::{Choices, Says};
use join::{At, Keyed, Thing};

/// A kind of record that can be joined.
trait Mergeable: Keyed + Clone + Sync {
    const KIND: SubjectKind;
    fn id(&self) -> &str;
    fn set_id(&mut self, id: Box<str>);
    fn name(&self) -> &str;
    fn origin(&self) -> Origin;
}

macro_rules! mergeable {
    ($record:ty, $kind:expr, $name:ident) => {
        impl Mergeable for $record {
            const KIND: SubjectKind = $kind;
            fn id(&self) -> &str {
                &self.id
            }
            fn set_id(&mut self, id: Box<str>) {
                self.id = id;
            }
            fn name(&self) -> &str {
                &self.$name
            }
            fn origin(&self) -> Origin {
                self.origin
            }
        }
    };
}

mergeable!(NodeRecord, SubjectKind::Node, name);
mergeable!(LinkRecord, SubjectKind::Link, id);
mergeable!(CircuitRecord, SubjectKind::Circuit, name);

impl Keyed for NodeRecord {
    fn values(&self, key: JoinKey, out: &mut Vec<String>) {
        match key {
            JoinKey::Id => out.push(self.id.to_string()),
            JoinKey::Name => out.push(fold(&self.name)),
            JoinKey::Mac | JoinKey::Address => {}
        }
    }
}

impl Keyed for LinkRecord {
    fn values(&self, key: JoinKey, out: &mut Vec<String>) {
        if key == JoinKey::Id {
            out.push(self.id.to_string());
        }
    }
}

impl Keyed for CircuitRecord {
    fn values(&self, key: JoinKey, out: &mut Vec<String>) {
        match key {
            JoinKey::Id => out.push(self.id.to_string()),
            JoinKey::Mac => out.extend(self.devices.iter().filter_map(|d| mac(&d.mac))),
            JoinKey::Address => out.extend(prefixes(self).iter().map(ToString::to_string)),
            JoinKey::Name => out.push(fold(&self.name)),
        }
    }
}

/// Twelve hexadecimal digits, however they are written. Not all alike: those are nobody's.
fn mac(text: &str) -> Option<String> {
    let digits: String = text
        .chars()
        .filter(char::is_ascii_hexdigit)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let others = text
        .chars()
        .any(|c| !c.is_ascii_hexdigit() && !":-. ".contains(c));
    let first = digits.chars().next()?;
    (digits.len() == 12 && !others && digits.chars().any(|c| c != first)).then_some(digits)
}

/// What a circuit claims and could have, sorted, each once.
fn prefixes(circuit: &CircuitRecord) -> Vec<IpNet> {
    let claims = circuit.devices.iter().flat_map(|d| &d.claims);
    let mut nets: Vec<IpNet> = claims
        .filter_map(|claim| claim.value.prefix())
        .map(|(net, _)| net)
        .filter(|net| never_a_subscriber(net).is_none())
        .collect();
    nets.sort_unstable_by_key(sort_key);
    nets.dedup();
    nets
}

/// What joining one kind of record gave: things, with the id of each, and where every record went.
struct Plan {
    things: Vec<Thing>,
    /// By thing.
    ids: Vec<Box<str>>,
    /// By source and record: its thing.
    of: Vec<Vec<usize>>,
}

/// Joins, gives every thing an id that no other has, and notes what is odd.
fn plan<T: Mergeable>(
    project: &Project,
    keys: &[JoinKey],
    sources: &[Vec<T>],
    evidence: &mut MergeEvidence,
) -> Plan {
    let (things, torn) = join::join(keys, sources);
    let record = |(s, r): At| &sources[s][r];
    let subject = |record: &T| Subject::new(T::KIND, record.id(), record.name());
    evidence.ambiguous.extend(torn.into_iter().map(|torn| {
        let mut candidates: Vec<_> = torn
            .candidates
            .iter()
            .map(|at| (at.0, subject(record(*at)), record(*at).origin().whole()))
            .collect();
        candidates.sort();
        Ambiguous {
            key: torn.key,
            value: torn.value.into(),
            candidates,
        }
    }));
    let mut of: Vec<Vec<usize>> = sources.iter().map(|s| vec![0; s.len()]).collect();
    let mut taken: FxHashSet<Box<str>> = FxHashSet::default();
    let mut ids = Vec::with_capacity(things.len());
    // In order of (source, id), so the more trusted source keeps an id that two have.
    for (t, thing) in things.iter().enumerate() {
        for ((s, r), _) in &thing.members {
            of[*s][*r] = t;
        }
        let (source, _) = thing.members[0].0;
        let first = record(thing.members[0].0);
        let mut id: Box<str> = first.id().into();
        while !taken.insert(id.clone()) {
            id = format!("{}:{id}", project.sources[source].name).into();
        }
        if *id != *first.id() {
            evidence.renamed.push(Renamed {
                source,
                was: first.id().into(),
                id: id.clone(),
                place: first.origin().whole(),
            });
        }
        ids.push(id);
    }
    Plan { things, ids, of }
}

/// The evidence of a thing that several sources know.
fn joined<T: Mergeable>(
    sources: &[Vec<T>],
    thing: &Thing,
    subject: Subject,
    choices: Choices,
) -> Joined {
    let choices = choices.sorted();
    Joined {
        subject,
        members: thing
            .members
            .iter()
            .map(|((s, r), by)| Member {
                source: *s,
                id: sources[*s][*r].id().into(),
                origin: sources[*s][*r].origin(),
                by: *by,
            })
            .collect(),
        chosen: choices.chosen,
        disagreements: choices.disagreements,
    }
}

/// How references of each source find the things that their records became.
pub(super) struct Aliases {
    /// By source: id there to id here.
    ids: Vec<FxHashMap<Box<str>, Box<str>>>,
    /// By source: name there that one record has, to id here.
    names: Vec<FxHashMap<Box<str>, Option<Box<str>>>>,
}

impl Aliases {
    fn of(sources: &[Vec<NodeRecord>], plan: &Plan) -> Self {
        let mut ids = vec![FxHashMap::default(); sources.len()];
        let mut names = vec![FxHashMap::default(); sources.len()];
        for (s, records) in sources.iter().enumerate() {
            for (r, record) in records.iter().enumerate() {
                let here = &plan.ids[plan.of[s][r]];
                ids[s].insert(record.id.clone(), here.clone());
                names[s]
                    .entry(record.name.clone())
                    .and_modify(|seen| *seen = None)
                    .or_insert_with(|| Some(here.clone()));
            }
        }
        Aliases { ids, names }
    }

    fn id(&self, source: usize, text: &mut Box<str>) {
        if let Some(here) = self.ids.get(source).and_then(|ids| ids.get(text)) {
            text.clone_from(here);
        }
    }

    fn reference(&self, source: usize, wanted: &mut NodeRef) {
        match wanted.by {
            RefBy::Id => self.id(source, &mut wanted.text),
            RefBy::Name => {
                let names = self.names.get(source);
                if let Some(Some(here)) = names.and_then(|names| names.get(&wanted.text)) {
                    wanted.text.clone_from(here);
                    wanted.by = RefBy::Id;
                }
            }
        }
    }
}

/// Nodes of all sources, one record a thing.
pub(super) fn nodes(
    project: &Project,
    mut sources: Vec<Vec<NodeRecord>>,
    evidence: &mut MergeEvidence,
) -> (Vec<NodeRecord>, Aliases) {
    if sources.iter().filter(|s| !s.is_empty()).count() < 2 {
        // Nothing to join; a circuit of another source may still mean a node by its name.
        let only = sources.into_iter().flatten().collect();
        let aliases = Aliases {
            ids: Vec::new(),
            names: Vec::new(),
        };
        return (only, aliases);
    }
    let plan = plan(project, &project.merge.join, &sources, evidence);
    let aliases = Aliases::of(&sources, &plan);
    for (s, records) in sources.iter_mut().enumerate() {
        for parent in records.iter_mut().filter_map(|r| r.parent.as_mut()) {
            aliases.reference(s, parent);
        }
    }
    let mut merged = Vec::with_capacity(plan.things.len());
    for (thing, id) in plan.things.iter().zip(&plan.ids) {
        let (s, r) = thing.members[0].0;
        let mut record = sources[s][r].clone();
        record.set_id(id.clone());
        if thing.members.len() > 1 {
            let choices = choose_node(&project.merge, &sources, thing, &mut record);
            let subject = Subject::new(SubjectKind::Node, id, &record.name);
            evidence
                .joined
                .push(joined(&sources, thing, subject, choices));
        }
        merged.push(record);
    }
    (merged, aliases)
}

fn choose_node(
    merge: &Merge,
    sources: &[Vec<NodeRecord>],
    thing: &Thing,
    record: &mut NodeRecord,
) -> Choices {
    let mut choices = Choices::default();
    let members = || {
        let members = thing.members.iter();
        members.map(|((s, r), _)| (*s, &sources[*s][*r]))
    };
    let names = members()
        .filter(|(_, m)| !m.name.is_empty())
        .map(|(source, m)| Says {
            source,
            value: m.name.clone(),
            shown: FieldValue::Text(m.name.clone()),
            place: m.origin.whole(),
        });
    if let Some(name) = choices.pick(merge, Field::Name, names.collect()) {
        record.name = name;
    }
    // `other` is what a source says that does not know.
    let kinds = members()
        .filter(|(_, m)| m.kind != NodeKind::Other || m.is_virtual)
        .map(|(source, m)| Says {
            source,
            value: (m.kind, m.is_virtual),
            shown: match m.is_virtual {
                true => FieldValue::Text(format!("virtual {}", m.kind.word()).into()),
                false => FieldValue::Kind(m.kind),
            },
            place: m.origin.whole(),
        });
    if let Some((kind, is_virtual)) = choices.pick(merge, Field::Kind, kinds.collect()) {
        (record.kind, record.is_virtual) = (kind, is_virtual);
    }
    let parents = members()
        .filter(|(_, m)| m.parent.is_some() || m.gateway)
        .map(|(source, m)| Says {
            source,
            value: (m.parent.clone(), m.gateway),
            shown: FieldValue::Text(match &m.parent {
                Some(parent) => parent.text.clone(),
                None => "none: a gateway".into(),
            }),
            place: match &m.parent {
                Some(parent) => m.origin.at(parent.route.clone()),
                None => m.origin.whole(),
            },
        });
    if let Some((parent, gateway)) = choices.pick(merge, Field::Parent, parents.collect()) {
        (record.parent, record.gateway) = (parent, gateway);
    }
    let known = |rates: Pair<Option<Kbps>>| rates.map(|rate| rate.filter(|k| k.0 != 0));
    let capacities = members()
        .map(|(source, m)| (source, known(m.capacity), m.origin))
        .filter(|(_, capacity, _)| *capacity != Pair::both(None))
        .map(|(source, capacity, origin)| Says {
            source,
            value: capacity,
            shown: FieldValue::Rates(capacity),
            place: origin.whole(),
        });
    if let Some(capacity) = choices.pick(merge, Field::Capacity, capacities.collect()) {
        record.capacity = capacity;
    }
    // Nothing is shaped by it, so it is no field to argue about: the first that knows it.
    record.position = members().find_map(|(_, m)| m.position);
    choices
}

/// Links of all sources, one record a thing. Only ids join links.
pub(super) fn links(
    project: &Project,
    mut sources: Vec<Vec<LinkRecord>>,
    aliases: &Aliases,
    evidence: &mut MergeEvidence,
) -> Vec<LinkRecord> {
    for (s, records) in sources.iter_mut().enumerate() {
        for record in records {
            aliases.id(s, &mut record.a);
            aliases.id(s, &mut record.b);
        }
    }
    if sources.iter().filter(|s| !s.is_empty()).count() < 2 {
        return sources.into_iter().flatten().collect();
    }
    let plan = plan(project, &project.merge.join, &sources, evidence);
    let mut merged = Vec::with_capacity(plan.things.len());
    for (thing, id) in plan.things.iter().zip(&plan.ids) {
        let (s, r) = thing.members[0].0;
        let mut record = sources[s][r].clone();
        record.set_id(id.clone());
        if thing.members.len() > 1 {
            let choices = choose_link(&project.merge, &sources, thing, &mut record);
            let subject = Subject::new(SubjectKind::Link, id, id);
            evidence
                .joined
                .push(joined(&sources, thing, subject, choices));
        }
        merged.push(record);
    }
    merged
}

fn choose_link(
    merge: &Merge,
    sources: &[Vec<LinkRecord>],
    thing: &Thing,
    record: &mut LinkRecord,
) -> Choices {
    let mut choices = Choices::default();
    let members = || {
        let members = thing.members.iter();
        members.map(|((s, r), _)| (*s, &sources[*s][*r]))
    };
    // Capacities follow the direction of the ends, so they are compared in one.
    let turned = |m: &LinkRecord| m.a > m.b;
    let facing = |m: &LinkRecord| match turned(m) {
        true => Pair::new(m.ba, m.ab),
        false => Pair::new(m.ab, m.ba),
    };
    let ends = members().map(|(source, m)| {
        let (a, b) = (m.a.clone().min(m.b.clone()), m.a.clone().max(m.b.clone()));
        Says {
            source,
            shown: FieldValue::Text(format!("{a} - {b}").into()),
            value: (a, b),
            place: m.origin.whole(),
        }
    });
    if let Some((a, b)) = choices.pick(merge, Field::Ends, ends.collect()) {
        (record.a, record.b) = (a, b);
    }
    let capacities = members()
        .map(|(source, m)| (source, facing(m).map(|c| c.filter(|k| k.0 != 0)), m.origin))
        .filter(|(_, capacity, _)| *capacity != Pair::both(None))
        .map(|(source, capacity, origin)| Says {
            source,
            value: capacity,
            shown: FieldValue::Rates(capacity),
            place: origin.whole(),
        });
    let capacity = choices.pick(merge, Field::Capacity, capacities.collect());
    (record.ab, record.ba) = capacity.map_or((None, None), |c| (c.down, c.up));
    let costs = members().filter_map(|(source, m)| {
        Some(Says {
            source,
            value: m.cost?,
            shown: FieldValue::Count(m.cost),
            place: m.origin.whole(),
        })
    });
    record.cost = choices.pick(merge, Field::Cost, costs.collect());
    let states = members().map(|(source, m)| Says {
        source,
        value: m.state,
        shown: FieldValue::Link(m.state),
        place: m.origin.whole(),
    });
    if let Some(state) = choices.pick(merge, Field::State, states.collect()) {
        record.state = state;
    }
    choices
}

/// Circuits of all sources, one record a thing.
pub(super) fn circuits(
    project: &Project,
    mut sources: Vec<Vec<CircuitRecord>>,
    aliases: &Aliases,
    names: &Names,
    nodes: &[Node],
    evidence: &mut MergeEvidence,
) -> Vec<Input> {
    for (s, records) in sources.iter_mut().enumerate() {
        for wanted in records.iter_mut().flat_map(|r| &mut r.attach) {
            aliases.reference(s, wanted);
        }
    }
    if sources.iter().filter(|s| !s.is_empty()).count() < 2 {
        return sources.into_iter().flatten().map(Input::of).collect();
    }
    // What is never a subscriber's by configuration joins nobody either.
    let keyed: Vec<Vec<Subscriber<'_>>> = sources
        .iter()
        .map(|records| {
            let subscriber = |record| Subscriber { record, project };
            records.iter().map(subscriber).collect()
        })
        .collect();
    let plan = plan(project, &project.merge.join, &keyed, evidence);
    unmatched(project, &sources, &plan, evidence);
    let merged: Vec<(Input, Option<Joined>)> = plan
        .things
        .par_iter()
        .zip(&plan.ids)
        .map(|(thing, id)| {
            let (s, r) = thing.members[0].0;
            let mut input = Input::of(sources[s][r].clone());
            input.record.set_id(id.clone());
            if thing.members.len() == 1 {
                return (input, None);
            }
            let choices = choose_circuit(project, &sources, thing, (names, nodes), &mut input);
            let subject = Subject::new(SubjectKind::Circuit, id, &input.record.name);
            let joined = joined(&sources, thing, subject, choices);
            (input, Some(joined))
        })
        .collect();
    let mut inputs = Vec::with_capacity(merged.len());
    for (input, joined) in merged {
        inputs.push(input);
        evidence.joined.extend(joined);
    }
    inputs
}

/// A circuit with the settings that say which of its addresses count.
#[derive(Clone)]
struct Subscriber<'a> {
    record: &'a CircuitRecord,
    project: &'a Project,
}

impl Keyed for Subscriber<'_> {
    fn values(&self, key: JoinKey, out: &mut Vec<String>) {
        match key {
            JoinKey::Address => out.extend(
                prefixes(self.record)
                    .iter()
                    .filter(|net| !is_ignored(self.project, net))
                    .map(ToString::to_string),
            ),
            other => self.record.values(other, out),
        }
    }
}

impl Mergeable for Subscriber<'_> {
    const KIND: SubjectKind = SubjectKind::Circuit;
    fn id(&self) -> &str {
        &self.record.id
    }
    fn set_id(&mut self, _: Box<str>) {}
    fn name(&self) -> &str {
        &self.record.name
    }
    fn origin(&self) -> Origin {
        self.record.origin
    }
}

fn choose_circuit(
    project: &Project,
    sources: &[Vec<CircuitRecord>],
    thing: &Thing,
    (names, nodes): (&Names, &[Node]),
    input: &mut Input,
) -> Choices {
    let merge = &project.merge;
    let mut choices = Choices::default();
    let members = || {
        let members = thing.members.iter();
        members.map(|((s, r), _)| (*s, &sources[*s][*r]))
    };
    let own = input.record.origin;
    let record = &mut input.record;

    let said = members()
        .filter(|(_, m)| !m.name.is_empty())
        .map(|(source, m)| Says {
            source,
            value: m.name.clone(),
            shown: FieldValue::Text(m.name.clone()),
            place: m.origin.whole(),
        });
    if let Some(name) = choices.pick(merge, Field::Name, said.collect()) {
        record.name = name;
    }

    // A plan with both directions before one that is half.
    let known = |m: &CircuitRecord| m.plan.map(|k| k.filter(|k| k.0 != 0));
    let said = members()
        .filter(|(_, m)| known(m) != Pair::both(None))
        .map(|(source, m)| Says {
            source,
            value: m,
            shown: FieldValue::Sold {
                plan: known(m),
                burst: m.burst,
                burst_bytes: m.burst_bytes,
                commit: m.commit,
            },
            place: m.plan_origin.unwrap_or(m.origin).at(m.plan_route.down),
        });
    let half = |m: &&CircuitRecord| u8::from(known(m).down.is_none() || known(m).up.is_none());
    if let Some(m) = choices.pick_by(merge, Field::Rates, said.collect(), half) {
        record.plan = m.plan;
        record.burst = m.burst;
        record.burst_bytes = m.burst_bytes;
        record.commit = m.commit;
        record.plan_route = m.plan_route;
        record.plan_origin = m.plan_origin.or((m.origin != own).then_some(m.origin));
    }

    // A parent that exists before one that does not.
    let found = |m: &CircuitRecord| -> Option<NodeIx> {
        m.attach.iter().find_map(|wanted| names.known(wanted))
    };
    let said = members()
        .filter_map(|(source, m)| Some((source, m, m.attach.first()?)))
        .map(|(source, m, first)| {
            let node = found(m);
            Says {
                source,
                value: (m, node),
                shown: FieldValue::Text(match node {
                    Some(ix) => nodes[ix.ix()].id.clone(),
                    None => first.text.clone(),
                }),
                place: m.origin.at(first.route.clone()),
            }
        });
    let lost = |(_, node): &(&CircuitRecord, Option<NodeIx>)| u8::from(node.is_none());
    if let Some((m, _)) = choices.pick_by(merge, Field::Parent, said.collect(), lost) {
        record.attach.clone_from(&m.attach);
        input.attach_origin = (m.origin != own).then_some(m.origin);
    }

    let said = members()
        .filter(|(source, _)| sources::states_service(&project.sources[*source]))
        .map(|(source, m)| Says {
            source,
            value: m.state,
            shown: FieldValue::Service(m.state),
            place: m.origin.whole(),
        });
    let own_order = merge.order(Field::State).is_some();
    let active = |state: &ServiceState| u8::from(!own_order && *state == ServiceState::Active);
    if let Some(state) = choices.pick_by(merge, Field::State, said.collect(), active) {
        record.state = state;
    }

    let said = members()
        .filter(|(_, m)| m.leaf != Pair::both(None))
        .map(|(source, m)| Says {
            source,
            value: m.leaf,
            shown: FieldValue::Leaf(m.leaf),
            place: m.origin.whole(),
        });
    if let Some(leaf) = choices.pick(merge, Field::Qdisc, said.collect()) {
        record.leaf = leaf;
    }

    let said = members()
        .map(|(source, m)| (source, m, prefixes(m)))
        .filter(|(_, _, nets)| !nets.is_empty())
        .map(|(source, m, nets)| Says {
            source,
            value: m,
            shown: FieldValue::Addresses(nets.iter().map(|net| shown(net).into()).collect()),
            place: m.origin.whole(),
        });
    if let Some(m) = choices.pick(merge, Field::Addresses, said.collect()) {
        record.devices.clone_from(&m.devices);
    }

    let mut comments = members().filter(|(_, m)| !m.comment.is_empty());
    let order = merge.order(Field::Comment);
    let first = match order {
        Some(order) => order
            .iter()
            .find_map(|s| members().find(|(of, m)| of == s && !m.comment.is_empty())),
        None => comments.next(),
    };
    if let Some((source, m)) = first {
        record.comment = m.comment.clone();
        choices.chosen.push((Field::Comment, source));
    }
    // As of nodes.
    record.position = members().find_map(|(_, m)| m.position);
    choices
}

/// Circuits that no other source knows, of the sources where one should. A source is expected to match when at
/// least half of its circuits do, unless the configuration names the sources.
fn unmatched(
    project: &Project,
    sources: &[Vec<CircuitRecord>],
    plan: &Plan,
    evidence: &mut MergeEvidence,
) {
    for (s, records) in sources.iter().enumerate() {
        let alone = |r: &usize| plan.things[plan.of[s][*r]].members.len() == 1;
        let single: Vec<usize> = (0..records.len()).filter(alone).collect();
        let expected = match &project.merge.expect_match {
            Some(expected) => expected.contains(&s),
            None => single.len() * 2 <= records.len(),
        };
        if !expected {
            continue;
        }
        evidence.unmatched.extend(single.into_iter().map(|r| {
            let record = &records[r];
            Unmatched {
                source: s,
                subject: Subject::new(SubjectKind::Circuit, &plan.ids[plan.of[s][r]], &record.name),
                place: record.origin.whole(),
            }
        }));
    }
}
