//! ADR006: circuits that nothing can be shaped for.

use rustc_hash::FxHashMap;

use crate::finding::{Draft, Label, Level};
use crate::ir::inventory::{AddressIssue, AddressIssueKind, OmitReason};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "ADR006",
    name: "circuit-without-address",
    default: Level::Warning,
    contained: true,
    what: "A circuit has no address that can be shaped.",
    why: "The shaper knows subscribers by their addresses: without one the subscriber's traffic passes unshaped, at any speed.",
    fix: "Record the subscriber's address in the source, or widen `addresses.allow`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["192.168.1.20"]}]}]}"#,
        )],
        "[addresses]\nignore = [\"192.168.0.0/16\"]\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["192.168.1.20", "100.64.0.2"]}]}]}"#,
        )],
        "[addresses]\nignore = [\"192.168.0.0/16\"]\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let bare = || {
        let circuits = stages.inventory.circuits.iter();
        circuits.filter(|c| c.omitted == Some(OmitReason::NoAddress))
    };
    if bare().next().is_none() {
        return;
    }
    let mut dropped: FxHashMap<&str, Vec<&AddressIssue>> = FxHashMap::default();
    for issue in &stages.inventory.evidence.addresses {
        if issue.kind.drops() {
            dropped.entry(&issue.circuit.id).or_default().push(issue);
        }
    }
    for circuit in bare() {
        let subject = circuit.subject();
        let issues = dropped.get(&*circuit.id).map_or(&[][..], Vec::as_slice);
        let (reason, help) = match issues {
            [] => (
                "none is recorded".to_owned(),
                "record the subscriber's address in the source",
            ),
            issues => (
                words::list(issues.iter().map(|i| why(stages, i))),
                "record the subscriber's own address in the source, or adjust `addresses.allow` and `addresses.ignore`",
            ),
        };
        let taken = !issues.is_empty()
            && issues
                .iter()
                .all(|i| matches!(i.kind, AddressIssueKind::OwnedBy { .. }));
        let then = match taken {
            true => "its traffic gets the plan of the other circuit",
            false => "its traffic passes unshaped",
        };
        let draft = Draft::new(
            format!(
                "{} has no address that can be shaped ({reason}): {then}",
                stages.subject(&subject)
            ),
            help,
        )
        .about(subject)
        .at(circuit.origin.whole(), "not shaped");
        let labels = issues
            .iter()
            .map(|i| Label::new(i.place.clone(), why(stages, i)));
        out.push(words::at_each(draft, labels));
    }
}

/// Why an address was dropped, in a few words.
fn why(stages: &Stages<'_>, issue: &AddressIssue) -> String {
    let text = words::short(&issue.text);
    match &issue.kind {
        AddressIssueKind::NotAnAddress => format!("\"{text}\" is not an address"),
        AddressIssueKind::NotAllowed => format!("{text} is outside `addresses.allow`"),
        AddressIssueKind::Ignored { by } => format!("{text} is ignored by {by}"),
        AddressIssueKind::Junk { why } => format!("{text} is {why}"),
        AddressIssueKind::Shared { circuits } => {
            format!("{text} is on {}", words::count(*circuits, "circuit"))
        }
        AddressIssueKind::OwnedBy { circuit, .. } => {
            format!("{text} belongs to {}", stages.subject(circuit))
        }
        AddressIssueKind::OwnedByDevice { device, .. } => {
            format!("{text} belongs to {}", stages.subject(device))
        }
        AddressIssueKind::HostBits { .. } | AddressIssueKind::InterfaceMask { .. } => text,
    }
}
