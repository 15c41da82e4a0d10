//! Nodes of all sources, one record a thing.

use super::choose::{Choices, Says};
use super::join::Thing;
use crate::config::project::{Merge, Project};
use crate::ir::field::{Field, FieldValue};
use crate::ir::merge::MergeEvidence;
use crate::ir::records::{NodeKind, NodeRecord, Subject, SubjectKind};
use crate::normalize::merge::{Aliases, Mergeable, joined, plan};
use crate::units::{Kbps, Pair};

/// Nodes of all sources, one record a thing.
pub(in crate::normalize) fn nodes(
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
