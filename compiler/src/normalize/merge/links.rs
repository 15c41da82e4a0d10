//! Links of all sources, one record a thing.

use super::choose::{Choices, Says};
use super::join::Thing;
use crate::config::project::{Merge, Project};
use crate::ir::field::{Field, FieldValue};
use crate::ir::merge::MergeEvidence;
use crate::ir::records::{LinkRecord, Subject, SubjectKind};
use crate::normalize::merge::{Aliases, Mergeable, joined, plan};
use crate::units::Pair;

/// Links of all sources, one record a thing. Only ids join links.
pub(in crate::normalize) fn links(
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
