//! IDN009: one prefix on several devices of a circuit.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::ir::inventory::{AddressIssue, AddressIssueKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "IDN009",
    name: "duplicate-device-address",
    default: Level::Info,
    contained: true,
    what: "Several devices of one circuit have the same address.",
    why: "Shaping does not change, all devices of a circuit share its queue; but one of the devices is recorded with a wrong address.",
    fix: "Remove the address from the device that does not have it.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000],
               "devices": [{"id": "d1", "ips": ["100.64.0.2"]}, {"id": "d2", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000],
               "devices": [{"id": "d1", "ips": ["100.64.0.2"]}, {"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut circuits: BTreeMap<_, Vec<&AddressIssue>> = BTreeMap::new();
    for issue in &stages.inventory.evidence.addresses {
        if matches!(issue.kind, AddressIssueKind::OwnedByDevice { .. }) {
            circuits.entry(&issue.circuit).or_default().push(issue);
        }
    }
    for (circuit, issues) in circuits {
        let draft = Draft::new(
            format!(
                "{} has {} on more than one of its devices",
                stages.subject(circuit),
                words::list(issues.iter().map(|i| &*i.text)),
            ),
            "remove the address from the device that does not have it",
        )
        .about(circuit.clone());
        let labels = issues.iter().flat_map(|issue| {
            let kept = match &issue.kind {
                AddressIssueKind::OwnedByDevice { device, place } => Some(Label::new(
                    place.clone(),
                    format!("kept by {}", stages.subject(device)),
                )),
                _ => None,
            };
            let repeated = Label::new(
                issue.place.clone(),
                format!("again on {}", stages.subject(&issue.device)),
            );
            kept.into_iter().chain([repeated])
        });
        out.push(words::at_each(draft, labels));
    }
}
