//! ADR001: one prefix in several circuits.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::finding::{Draft, Label, Level};
use crate::ir::address::{ClaimValue, Form, sort_key};
use crate::ir::inventory::{AddressIssue, AddressIssueKind, OmitReason};
use crate::ir::records::Subject;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "ADR001",
    name: "duplicate-address",
    default: Level::Error,
    contained: true,
    what: "The same address or prefix is claimed by several circuits.",
    why: "An address has one owner. All of its traffic gets the plan of the circuit with the smallest id, whoever is really behind it.",
    fix: "Remove the address from the circuit that no longer has it.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    ),
    check,
};

/// A prefix, and the claims that did not get it.
type Contested<'a> = (IpNet, Vec<&'a AddressIssue>);

/// One finding for each set of circuits that claim the same addresses: ten addresses on the same two circuits
/// are one mistake.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut claims: BTreeMap<_, Contested<'_>> = BTreeMap::new();
    for issue in &stages.inventory.evidence.addresses {
        let AddressIssueKind::OwnedBy { circuit, .. } = &issue.kind else {
            continue;
        };
        let Some((net, _)) = ClaimValue::parse(&issue.text, Form::Prefix).prefix() else {
            continue;
        };
        claims
            .entry((circuit, sort_key(&net)))
            .or_insert_with(|| (net, Vec::new()))
            .1
            .push(issue);
    }
    let mut parties: BTreeMap<(&Subject, Vec<&Subject>), Vec<Contested<'_>>> = BTreeMap::new();
    for ((owner, _), (net, losers)) in claims {
        let mut circuits: Vec<&Subject> = losers.iter().map(|i| &i.circuit).collect();
        circuits.sort_unstable();
        circuits.dedup();
        parties
            .entry((owner, circuits))
            .or_default()
            .push((net, losers));
    }
    for ((owner, losers), shared) in parties {
        let stranded: Vec<String> = losers
            .iter()
            .filter(|circuit| is_stranded(stages, circuit))
            .map(|circuit| words::short_id(&circuit.id))
            .collect();
        let mut message = format!(
            "{} {} on {}: {} traffic is shaped by the plan of {}",
            words::list(shared.iter().map(|(net, _)| words::net(net))),
            words::verb(shared.len(), "is", "are"),
            stages.subjects(std::iter::once(owner).chain(losers.iter().copied())),
            words::verb(shared.len(), "its", "their"),
            words::short_id(&owner.id),
        );
        if !stranded.is_empty() {
            message.push_str(&format!(
                ", and {} {} left without an address",
                words::list(&stranded),
                words::verb(stranded.len(), "is", "are")
            ));
        }
        let draft = Draft::new(
            message,
            "remove the address from the circuit that no longer has it",
        )
        .about(owner.clone())
        .about_all(losers.iter().map(|&circuit| circuit.clone()));
        let labels = shared.iter().flat_map(|(net, issues)| {
            let kept = issues.first().and_then(|issue| match &issue.kind {
                AddressIssueKind::OwnedBy { circuit, place, .. } => Some(Label::new(
                    place.clone(),
                    format!("{} kept by {}", words::net(net), stages.subject(circuit)),
                )),
                _ => None,
            });
            let lost = issues.iter().map(|issue| {
                Label::new(
                    issue.place.clone(),
                    format!("also claimed by {}", stages.subject(&issue.circuit)),
                )
            });
            kept.into_iter().chain(lost)
        });
        out.push(words::at_each(draft, labels));
    }
}

fn is_stranded(stages: &Stages<'_>, circuit: &Subject) -> bool {
    stages
        .inventory
        .circuit_by_id(&circuit.id)
        .is_some_and(|ix| stages.inventory[ix].omitted == Some(OmitReason::NoAddress))
}
