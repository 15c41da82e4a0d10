//! ADR003: addresses written with a prefix length that is not theirs.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use crate::finding::{Draft, Label, Level};
use crate::ir::inventory::{AddressIssue, AddressIssueKind};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "ADR003",
    name: "host-bits-set",
    default: Level::Warning,
    contained: true,
    what: "An address is written as a prefix but has host bits set, such as 10.0.0.5/24.",
    why: "Only the host is shaped. If the whole prefix is routed to the subscriber, the rest of it passes unshaped.",
    fix: "Write the host without a length, or the network address of the routed prefix.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.5/29"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.0/29"]}]}]}"#,
        )],
        "",
    ),
    check,
};

/// One finding for each device with such prefixes. Addresses that a source reports with the mask of their
/// interface are normal there: one listed line for each file.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let issues = &stages.inventory.evidence.addresses;
    let key = |i: &AddressIssue| -> (Box<str>, Box<str>, Box<str>) {
        (i.circuit.id.clone(), i.device.id.clone(), i.text.clone())
    };
    // What is dropped for another reason has that rule's finding; that it was cut first helps nobody.
    let dropped: FxHashSet<_> = issues.iter().filter(|i| i.kind.drops()).map(key).collect();
    let mut devices: BTreeMap<(&Subject, &Subject), Vec<&AddressIssue>> = BTreeMap::new();
    let mut files: BTreeMap<_, Vec<&AddressIssue>> = BTreeMap::new();
    for issue in issues {
        let cut = matches!(
            issue.kind,
            AddressIssueKind::HostBits { .. } | AddressIssueKind::InterfaceMask { .. }
        );
        if !cut || (!dropped.is_empty() && dropped.contains(&key(issue))) {
            continue;
        }
        match issue.kind {
            AddressIssueKind::HostBits { .. } => devices
                .entry((&issue.circuit, &issue.device))
                .or_default()
                .push(issue),
            _ => files
                .entry(issue.place.origin.file)
                .or_default()
                .push(issue),
        }
    }
    for ((circuit, device), issues) in devices {
        let hosts = issues.iter().filter_map(|i| match &i.kind {
            AddressIssueKind::HostBits { becomes } => Some(words::net(becomes)),
            _ => None,
        });
        let draft = Draft::new(
            format!(
                "{} of {} has {}, which {} no network address: only {} is shaped",
                stages.subject(device),
                stages.subject(circuit),
                words::list(issues.iter().map(|i| &*i.text)),
                words::verb(issues.len(), "is", "are"),
                words::list(hosts),
            ),
            "write the host without a length, or the network address if the whole prefix is routed to the circuit",
        )
        .about(circuit.clone())
        .about(device.clone());
        let labels = issues
            .iter()
            .map(|i| Label::new(i.place.clone(), "host bits are set"));
        out.push(words::at_each(draft, labels));
    }
    for issues in files.into_values() {
        let path = stages.path(&issues[0].place);
        let draft = Draft::new(
            format!(
                "{} in {path} {} the mask of an interface: the hosts are shaped, first {} of {}",
                words::count(issues.len(), "address"),
                words::verb(issues.len(), "carries", "carry"),
                issues[0].text,
                stages.subject(&issues[0].circuit),
            ),
            "nothing, unless whole prefixes are routed to these circuits: record those as routed prefixes",
        )
        .about(Subject::new(SubjectKind::Source, path, path))
        .level(Level::Info);
        let labels = issues
            .iter()
            .map(|i| Label::new(i.place.clone(), "read as the host"));
        out.push(words::at_each(draft, labels));
    }
}
