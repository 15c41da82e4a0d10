//! The chains of a circuit and of a node: from the plan to its rates, from the internet down to its capacity, and the
//! ways to a node that were weighed.

use std::borrow::Cow;

use weir_schemas::common::Pair;
use weir_schemas::findings::SubjectKind as FindingKind;
use weir_schemas::provenance::{self, BucketReason, Fate, Via};
use weir_schemas::why::{
    Candidate, Limit, LimitKind, Prefix, Step, StepKind, Subject, SubjectKind, Why,
};

use super::values::Thing;
use super::{Files, Locate, text};
use crate::normalize::rates::burst_rate;
use crate::units::{Kbps, PerMille, muldiv};

/// `None` = unlimited, or unknown.
type Rates = Pair<Option<u64>>;

fn known(pair: Pair<u64>) -> Rates {
    pair.map(Some)
}

impl Files {
    pub(super) fn circuit<'a>(&'a self, at: usize, why: &mut Why<'a>, locate: &Locate<'_>) {
        let circuit = &self.provenance.circuits[at];
        why.subject = Subject {
            kind: SubjectKind::Circuit,
            id: circuit.id.clone(),
            name: circuit.name.clone().unwrap_or_else(|| circuit.id.clone()),
        };
        why.omitted = circuit.omitted;
        why.position = circuit.position;
        why.shaped = circuit.shaped.is_some();
        why.records
            .push(self.record("circuit", circuit.record, locate));
        if let Some(record) = circuit.plan_record {
            why.records.push(self.record("plan", record, locate));
        }
        let thing = circuit_thing(circuit);
        why.records.extend(self.joined_records(thing, locate));
        why.values = self.values(thing, locate);
        why.refused = self.refused_of(at);
        why.queue = self.queue(&format!("circuit:{}", circuit.id));
        why.findings = self.findings_of(FindingKind::Circuit, &circuit.id);
        if let Some(shaped) = self.tree.circuits.get(&circuit.id) {
            for device in &shaped.devices {
                why.prefixes
                    .extend(device.ipv4.iter().chain(&device.ipv6).map(|prefix| Prefix {
                        prefix: prefix.clone(),
                        circuit: circuit.id.clone(),
                        device: device.id.clone(),
                    }));
            }
        }
        let place = circuit.shaped.as_ref();
        let parent = place
            .map(|p| p.parent.as_ref())
            .filter(|p| self.node_at(p).is_some());
        match (parent, place) {
            (Some(parent), _) => {
                why.limits = self.limits(parent);
                why.path = self.path_nodes(parent);
            }
            (None, Some(place)) => {
                why.limits = vec![Limit {
                    what: LimitKind::Generated,
                    id: place.parent.clone(),
                    name: Cow::Owned(format!("{} (topology.generated_mbps)", place.parent)),
                    kbps: known(self.provenance.settings.generated_kbps),
                    sets: [true, true],
                    ignored: false,
                }];
                if let Some(attach) = &circuit.attach {
                    why.path = self.path_nodes(attach);
                }
            }
            (None, None) => {}
        }
        let no_plan = circuit
            .plan_kbps
            .unwrap_or(circuit.source_plan_kbps)
            .contains(&None);
        if !no_plan {
            (why.ceiling, why.guarantee) = self.rates(circuit);
        } else {
            why.ceiling = sold(circuit);
        }
        why.summary = self.circuit_summary(circuit, why);
    }

    /// Ceiling and guarantee, step by step.
    fn rates<'a>(
        &'a self,
        circuit: &'a provenance::Circuit<'static>,
    ) -> (Vec<Step<'a>>, Vec<Step<'a>>) {
        let settings = &self.provenance.settings;
        let thing = circuit_thing(circuit);
        let mut ceiling = sold(circuit);
        let step = |step, kbps: Pair<u64>, by: String| Step {
            step,
            kbps: known(kbps),
            by: Cow::Owned(by),
        };
        let sold = circuit
            .plan_kbps
            .unwrap_or(circuit.source_plan_kbps)
            .map(|k| k.unwrap_or(0));
        if circuit.plan_kbps.is_some() {
            ceiling.push(step(
                StepKind::DefaultPlan,
                sold,
                "the missing direction is filled from rates.default_plan_mbps".to_owned(),
            ));
        }
        let mut guarantee = Vec::new();
        let slow = settings.slow_kbps.filter(|_| circuit.suspended);
        let (asked, committed) = match slow {
            Some(slow) => {
                let by = "it is suspended, and suspended.policy is slow (suspended.slow_mbps)";
                ceiling.push(step(StepKind::Suspended, [slow; 2], by.to_owned()));
                guarantee.push(step(StepKind::Suspended, [slow; 2], by.to_owned()));
                ([slow; 2], [slow; 2])
            }
            None => {
                let rate = circuit.burst_kbps.unwrap_or_default();
                let volume = circuit
                    .burst_bytes
                    .filter(|_| settings.add_burst)
                    .unwrap_or_default();
                let burst: Pair<u64> = std::array::from_fn(|i| rate[i] + burst_rate(volume[i]).0);
                let peak: Pair<u64> = std::array::from_fn(|i| sold[i] + burst[i]);
                if burst != [0, 0] {
                    ceiling.push(step(
                        StepKind::Burst,
                        peak,
                        format!("its burst of {} is added", text::pair(known(burst))),
                    ));
                }
                let factor = settings.overhead_permille.max(settings.multiplier_permille);
                let times = peak.map(|k| muldiv(Kbps(k), PerMille(factor)).0);
                if times != peak {
                    let key = match settings.multiplier_permille > settings.overhead_permille {
                        true => "rates.multiplier",
                        false => "rates.overhead",
                    };
                    ceiling.push(step(
                        StepKind::Factor,
                        times,
                        format!("times {} ({key})", text::permille(factor)),
                    ));
                }
                let asked = times.map(|k| k.max(settings.floor_kbps));
                if asked != times {
                    ceiling.push(step(
                        StepKind::Floor,
                        asked,
                        "raised to the floor (rates.floor_mbps)".to_owned(),
                    ));
                }
                let stated = circuit.commit_kbps.unwrap_or_default();
                let share = sold.map(|k| muldiv(Kbps(k), PerMille(settings.commit_permille)).0);
                let committed: Pair<u64> =
                    std::array::from_fn(|i| if stated[i] > 0 { stated[i] } else { share[i] });
                let by = match stated == [0, 0] {
                    true => format!(
                        "{} of the plan (rates.commit)",
                        text::permille(settings.commit_permille)
                    ),
                    false => match thing.overridden("commit_mbps") {
                        Some(over) => override_words(over),
                        None => "as the source gives it".to_owned(),
                    },
                };
                guarantee.push(step(StepKind::Commit, committed, by));
                let least = committed.map(|k| k.max(settings.min_floor_kbps));
                if least != committed {
                    guarantee.push(step(
                        StepKind::Floor,
                        least,
                        "raised to the floor (rates.min_floor_mbps)".to_owned(),
                    ));
                }
                (asked, least)
            }
        };
        let Some(place) = &circuit.shaped else {
            return (ceiling, guarantee);
        };
        let (asked, committed) = match slow {
            Some(_) => (asked, committed),
            None => {
                let set = |key: &str| {
                    let over = thing.overridden(key)?;
                    let kbps = over.kbps?.map(|k| k.unwrap_or_default());
                    Some((kbps, override_words(over)))
                };
                let (max, min) = (set("max_mbps"), set("min_mbps"));
                let (mut asked, mut committed) = (asked, committed);
                if let Some((kbps, by)) = max {
                    ceiling.push(step(StepKind::Override, kbps, by));
                    asked = kbps;
                }
                if let Some((kbps, by)) = min {
                    guarantee.push(step(StepKind::Override, kbps, by));
                    committed = kbps;
                }
                (asked, committed)
            }
        };
        if place.asked_max_kbps != asked {
            ceiling.push(step(
                StepKind::Other,
                place.asked_max_kbps,
                "as the build made it".to_owned(),
            ));
        }
        if place.max_kbps != place.asked_max_kbps {
            ceiling.push(step(
                StepKind::Clamp,
                place.max_kbps,
                format!("cut to what {} carries", self.parent_words(place)),
            ));
        }
        let within: Pair<u64> = std::array::from_fn(|i| committed[i].min(place.max_kbps[i]));
        if within != committed {
            guarantee.push(step(
                StepKind::Clamp,
                within,
                "cut to the ceiling".to_owned(),
            ));
        }
        if place.asked_min_kbps != within {
            guarantee.push(step(
                StepKind::Other,
                place.asked_min_kbps,
                "as the build made it".to_owned(),
            ));
        }
        if place.min_kbps != place.asked_min_kbps {
            let mut holders: Vec<&str> = vec![&place.parent];
            holders.extend(
                self.path_of(&place.parent)
                    .into_iter()
                    .skip(1)
                    .map(|n| n.id.as_ref()),
            );
            let scaled: Vec<String> = self
                .provenance
                .scaled
                .iter()
                .filter(|s| holders.contains(&s.at.as_ref()))
                .map(|s| {
                    format!(
                        "{}, where guarantees of {} meet a capacity of {}",
                        self.node_words(&s.at),
                        text::pair(known(s.wanted_kbps)),
                        text::pair(known(s.cap_kbps))
                    )
                })
                .collect();
            let by = match scaled.is_empty() {
                true => "scaled so that all guarantees fit".to_owned(),
                false => format!("scaled at {}", scaled.join("; and at ")),
            };
            guarantee.push(step(StepKind::Scale, place.min_kbps, by));
        }
        (ceiling, guarantee)
    }

    fn parent_words(&self, place: &provenance::Shaped<'_>) -> String {
        self.node_words(&place.parent)
    }

    fn circuit_summary<'a>(
        &'a self,
        circuit: &provenance::Circuit<'_>,
        why: &Why<'_>,
    ) -> Vec<Cow<'a, str>> {
        let who = self.circuit_words(&circuit.id);
        let mut said = Vec::new();
        let Some(place) = &circuit.shaped else {
            let reason = circuit
                .omitted
                .map_or("no reason is recorded", text::omitted);
            said.push(format!(
                "{who} is not shaped: {reason}. Its traffic passes at full speed."
            ));
            if circuit.omitted == Some(weir_schemas::common::OmitReason::NoAddress) {
                match why.refused.as_slice() {
                    [] => said.push("The source gives it no address.".to_owned()),
                    refused => said.extend(refused.iter().take(5).map(|r| {
                        format!(
                            "{} of device {} is not used: {}.",
                            text::quoted(&r.address, None),
                            text::quoted(&r.device, None),
                            r.reason
                        )
                    })),
                }
            }
            return said.into_iter().map(Cow::Owned).collect();
        };
        said.push(format!(
            "{who} is shaped at {}.",
            text::pair(known(place.max_kbps))
        ));
        let sold = circuit.source_plan_kbps;
        let first = why.ceiling.first().map_or(sold, |step| step.kbps);
        if first != known(place.max_kbps) || why.ceiling.len() > 1 {
            let steps: Vec<String> = why
                .ceiling
                .iter()
                .skip(1)
                .map(|s| format!("{}: {}", s.by, text::pair(s.kbps)))
                .collect();
            said.push(format!(
                "It was sold {}; {}.",
                text::pair(first),
                steps.join("; then ")
            ));
        }
        said.extend(overridden(why));
        if place.max_kbps != place.asked_max_kbps {
            let binds: Vec<String> = why
                .limits
                .iter()
                .filter(|l| l.sets != [false, false])
                .map(|l| format!("{} with {}", l.name, text::pair(l.kbps)))
                .collect();
            if !binds.is_empty() {
                said.push(format!("What limits it is {}.", binds.join(" and ")));
            }
        }
        if let Some(reason) = place.bucket {
            said.push(format!(
                "It hangs in {}: {}.",
                place.parent,
                match reason {
                    BucketReason::Flat => "the strategy `flat` has no nodes",
                    BucketReason::NoParent => "the source names no node that exists",
                    BucketReason::RootAttached => "it is attached to the root itself",
                    BucketReason::NoStrategyParent =>
                        "the strategy has no place for where it is attached",
                }
            ));
        }
        if place.min_kbps != place.asked_min_kbps {
            said.push(format!(
                "Of the {} it is guaranteed {}: there is more promised above it than fits.",
                text::pair(known(place.asked_min_kbps)),
                text::pair(known(place.min_kbps))
            ));
        }
        let lost = why
            .refused
            .iter()
            .filter(|r| r.why != provenance::RefusedWhy::HostBits);
        let lost: Vec<_> = lost.collect();
        if let Some(first) = lost.first() {
            let more = match lost.len() {
                1 => String::new(),
                n => format!(" (and {} more)", n - 1),
            };
            said.push(format!(
                "Its address {} is not shaped for it: {}{more}.",
                text::quoted(&first.address, None),
                first.reason
            ));
        }
        said.into_iter().map(Cow::Owned).collect()
    }

    pub(super) fn node<'a>(&'a self, at: usize, why: &mut Why<'a>, locate: &Locate<'_>) {
        let node = &self.provenance.nodes[at];
        why.subject = Subject {
            kind: SubjectKind::Node,
            id: node.id.clone(),
            name: node.name.clone().unwrap_or_else(|| node.id.clone()),
        };
        why.fate = Some(node.fate);
        why.position = node.position;
        why.shaped = node.fate == Fate::Emitted;
        why.records.push(self.record("node", node.record, locate));
        let thing = Thing {
            record: node.record,
            joined: &node.joined,
            fields: &node.fields,
        };
        why.records.extend(self.joined_records(thing, locate));
        why.values = self.values(thing, locate);
        why.limits = self.limits(&node.id);
        why.path = self.path_nodes(&node.id);
        why.candidates = self.candidates(node);
        why.queue = self.queue(&format!("node:{}", node.id));
        why.findings = self.findings_of(FindingKind::Node, &node.id);
        let who = self.node_words(&node.id);
        let mut said = Vec::new();
        match node.fate {
            Fate::Emitted => {
                let below = self
                    .circuits_below()
                    .get(node.id.as_ref())
                    .copied()
                    .unwrap_or(0);
                said.push(format!(
                    "{who} carries {}, and holds {} to it.",
                    text::pair(node.cap_kbps),
                    crate::report::counted(below, "circuit")
                ));
            }
            fate => said.push(format!(
                "{who} is not in the shaping tree: {}.",
                text::fate(fate)
            )),
        }
        let binds: Vec<String> = why
            .limits
            .iter()
            .filter(|l| l.sets != [false, false])
            .map(|l| match l.sets {
                [true, true] => format!("{} with {}", l.name, text::pair(l.kbps)),
                [true, false] => format!("for download {} with {}", l.name, text::rate(l.kbps[0])),
                _ => format!("for upload {} with {}", l.name, text::rate(l.kbps[1])),
            })
            .collect();
        if !binds.is_empty() {
            said.push(format!("What limits it is {}.", binds.join(", and ")));
        }
        if let Some(chosen) = why.candidates.first().filter(|c| c.chosen) {
            said.push(format!(
                "It is reached from {}: {}.",
                self.node_words(&chosen.parent),
                chosen.reason
            ));
        }
        let declared = node.declared_parent.as_deref();
        if let (Some(declared), Some(chosen)) = (declared, &node.chosen)
            && declared != chosen.parent
        {
            said.push(format!(
                "The source declares {} as its parent.",
                self.node_words(declared)
            ));
        }
        if let Some(head) = &node.island {
            said.push(format!(
                "Nothing joins its part of the network to the root: it is joined through {}.",
                self.node_words(head)
            ));
        }
        said.extend(overridden(why));
        why.summary = said.into_iter().map(Cow::Owned).collect();
    }

    /// From the WAN down to the node.
    fn limits<'a>(&'a self, id: &str) -> Vec<Limit<'a>> {
        let settings = &self.provenance.settings;
        let mut limits = vec![Limit {
            what: LimitKind::Wan,
            id: Cow::Borrowed(""),
            name: Cow::Borrowed("the WAN (topology.wan_mbps)"),
            kbps: known(settings.wan_kbps),
            sets: [false; 2],
            ignored: false,
        }];
        let path = self.path_of(id);
        let cap = path.first().map_or([None; 2], |n| n.cap_kbps);
        for node in path.into_iter().rev() {
            if let Some(chosen) = &node.chosen
                && let Some(kbps) = chosen.kbps
            {
                let link = chosen.link.clone().unwrap_or(Cow::Borrowed(""));
                limits.push(Limit {
                    what: LimitKind::Link,
                    name: Cow::Owned(format!(
                        "link {} from {} to {}",
                        text::quoted(&link, None),
                        self.node_words(&chosen.parent),
                        self.node_words(&node.id)
                    )),
                    id: link,
                    kbps,
                    sets: [false; 2],
                    ignored: false,
                });
            }
            if node.own_kbps != [None, None] {
                limits.push(Limit {
                    what: LimitKind::Node,
                    id: node.id.clone(),
                    name: Cow::Owned(format!(
                        "{} itself{}",
                        self.node_words(&node.id),
                        match node.fields.iter().any(is_capacity) {
                            true => ", by an override",
                            false => "",
                        }
                    )),
                    kbps: node.own_kbps,
                    sets: [false; 2],
                    ignored: matches!(node.fate, Fate::Virtual | Fate::Excluded),
                });
            }
        }
        for (direction, cap) in cap.into_iter().enumerate() {
            let sets = limits
                .iter_mut()
                .find(|l| !l.ignored && l.kbps[direction].is_some() && l.kbps[direction] == cap);
            if let Some(limit) = sets {
                limit.sets[direction] = true;
            }
        }
        limits
    }

    fn candidates<'a>(&'a self, node: &'a provenance::Node<'static>) -> Vec<Candidate<'a>> {
        let Some(chosen) = &node.chosen else {
            return Vec::new();
        };
        let metric = self.provenance.settings.tree.as_str();
        let held = chosen
            .link
            .as_ref()
            .and_then(|link| self.plan.links_down.iter().find(|l| l.link == *link));
        let mut reason = match (chosen.via, metric) {
            (Via::Pin, _) => "`topology.pin` says so".to_owned(),
            (Via::Gateway, _) => "it is a gateway".to_owned(),
            (Via::Island, _) => "nothing else reaches it".to_owned(),
            (Via::Declared, "declared") => "the source declares it".to_owned(),
            (Via::Declared, _) => "the source declares it, and nothing else reaches it".to_owned(),
            (_, "declared") => "the source declares it".to_owned(),
            _ if node.rivals.is_empty() => "there is no other way".to_owned(),
            (_, "hops") => format!(
                "with {} it is the shortest way",
                crate::report::counted(chosen.hops as usize, "step")
            ),
            (_, "widest") => format!(
                "with {} it is the widest way",
                text::rate(chosen.bottleneck_kbps)
            ),
            _ => format!("with a cost of {} it is the best way", chosen.cost),
        };
        if node.kept {
            reason =
                "it was the parent in the artifact before, and another is only a little better now"
                    .to_owned();
        }
        if let Some(held) = held {
            reason.push_str(&format!(
                "; its link is down, and counts as up while it has not been down for long ({} so far)",
                crate::report::counted(held.snapshots as usize, "snapshot")
            ));
        }
        let candidate = |path: &'a provenance::Path<'static>, chosen, reason: String| Candidate {
            parent: path.parent.clone(),
            name: Cow::Borrowed(self.node_name(&path.parent)),
            via: path.via,
            link: path.link.clone(),
            cost: path.cost,
            hops: path.hops,
            bottleneck_kbps: path.bottleneck_kbps,
            chosen,
            reason: Cow::Owned(reason),
        };
        let mut all = vec![candidate(chosen, true, reason)];
        all.extend(node.rivals.iter().map(|rival| {
            let reason = match metric {
                "widest" => match (rival.bottleneck_kbps, chosen.bottleneck_kbps) {
                    (r, c) if r == c => "as wide, but further".to_owned(),
                    (r, _) => format!("carries only {}", text::rate(r)),
                },
                "hops" if rival.hops > chosen.hops => format!(
                    "{} longer",
                    crate::report::counted((rival.hops - chosen.hops) as usize, "step")
                ),
                "cost" if rival.cost > chosen.cost => {
                    format!("costs {} more", rival.cost - chosen.cost)
                }
                "cost" if rival.cost < chosen.cost => format!(
                    "costs {} less, which is too little to move for",
                    chosen.cost - rival.cost
                ),
                "cost" if rival.hops > chosen.hops => "costs as much, with more steps".to_owned(),
                _ if rival.bottleneck_kbps != chosen.bottleneck_kbps => {
                    format!(
                        "is as near, and carries {}",
                        text::rate(rival.bottleneck_kbps)
                    )
                }
                _ => "is as good; the smaller id wins".to_owned(),
            };
            candidate(rival, false, reason)
        }));
        all
    }
}

/// The plan, as the source gives it and as an override replaces it.
fn sold<'a>(circuit: &'a provenance::Circuit<'static>) -> Vec<Step<'a>> {
    let thing = circuit_thing(circuit);
    let over = thing.overridden("plan_mbps");
    let first = match over {
        Some(_) => thing.before("plan_mbps"),
        None => None,
    };
    let mut steps = vec![Step {
        step: StepKind::Plan,
        kbps: first.unwrap_or(circuit.source_plan_kbps),
        by: Cow::Borrowed("the plan, as the source gives it"),
    }];
    if let Some(over) = over {
        steps.push(Step {
            step: StepKind::Override,
            kbps: circuit.source_plan_kbps,
            by: Cow::Owned(override_words(over)),
        });
    }
    steps
}

fn circuit_thing<'a>(circuit: &'a provenance::Circuit<'static>) -> Thing<'a> {
    Thing {
        record: circuit.record,
        joined: &circuit.joined,
        fields: &circuit.fields,
    }
}

fn is_capacity(field: &provenance::Field<'_>) -> bool {
    field.overridden.is_some() && field.field == "capacity_mbps"
}

/// `an override of kim until 2026-12-31 ("the line carries no more")`
fn override_words(over: &provenance::Overridden<'_>) -> String {
    let of = (over.owner.as_deref()).map_or_else(String::new, |owner| {
        format!(" of {}", text::quoted(owner, None))
    });
    let until = (over.expires.as_deref()).map_or_else(String::new, |day| format!(" until {day}"));
    format!(
        "an override{of}{until} ({})",
        text::quoted(&over.reason, None)
    )
}

/// Which fields are not what a source says, but for rates: those are in the chains.
fn overridden(why: &Why<'_>) -> Option<String> {
    let fields: Vec<String> = why
        .values
        .iter()
        .filter(|value| !value.overridden.is_empty())
        .map(|value| format!("`{}`", value.field))
        .collect();
    (!fields.is_empty())
        .then(|| format!("Overrides set {}; below is who and why.", fields.join(", ")))
}
