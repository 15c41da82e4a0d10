//! Circuits of all sources, one record a thing, and those that a source should know and does not.

use ipnet::IpNet;
use rayon::prelude::*;

use super::choose::{Choices, Says};
use super::join::{Keyed, Thing};
use crate::config::overrides::shown;
use crate::config::project::Project;
use crate::id::NodeIx;
use crate::ir::address::sort_key;
use crate::ir::field::{Field, FieldValue};
use crate::ir::inventory::Node;
use crate::ir::merge::{JoinKey, Joined, MergeEvidence, Unmatched};
use crate::ir::records::{CircuitRecord, Origin, ServiceState, Subject, SubjectKind};
use crate::normalize::addresses::{is_ignored, never_a_subscriber};
use crate::normalize::circuits::Input;
use crate::normalize::merge::{Aliases, Mergeable, Plan, joined, plan};
use crate::normalize::nodes::Names;
use crate::sources;
use crate::units::Pair;

/// What a circuit claims and could have, sorted, each once.
pub(super) fn prefixes(circuit: &CircuitRecord) -> Vec<IpNet> {
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

/// Circuits of all sources, one record a thing.
pub(in crate::normalize) fn circuits(
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
        let only = sources.into_iter().find(|s| !s.is_empty());
        return (only.unwrap_or_default().into_par_iter())
            .map(Input::of)
            .collect();
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
