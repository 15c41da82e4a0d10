//! ADR005: addresses that are no subscriber's.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::finding::{Draft, Label, Level};
use crate::ir::address::{ClaimValue, Form, sort_key};
use crate::ir::inventory::{AddressIssue, AddressIssueKind};
use crate::ir::records::Subject;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "ADR005",
    name: "junk-address",
    default: Level::Warning,
    contained: true,
    what: "An address is link-local, loopback, multicast, unspecified or a factory default, or more than three circuits have the same private host.",
    why: "Such an address is taken from every circuit that has it: shaping it would give one subscriber the traffic of many.",
    fix: "Correct the addresses in the source; list a private host that is on many circuits in `addresses.ignore`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2", "169.254.1.1"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

/// One finding for each sort of junk, and one for each private host that is on many circuits.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut sorts: BTreeMap<&str, Vec<&AddressIssue>> = BTreeMap::new();
    let mut hosts: BTreeMap<_, (IpNet, Vec<&AddressIssue>)> = BTreeMap::new();
    for issue in &stages.inventory.evidence.addresses {
        match issue.kind {
            AddressIssueKind::Junk { why } => sorts.entry(why).or_default().push(issue),
            AddressIssueKind::Shared { .. } => {
                if let Some((net, _)) = ClaimValue::parse(&issue.text, Form::Prefix).prefix() {
                    let (_, issues) = hosts
                        .entry(sort_key(&net))
                        .or_insert_with(|| (net, Vec::new()));
                    issues.push(issue);
                }
            }
            _ => {}
        }
    }
    for (why, issues) in sorts {
        let circuits = circuits(&issues);
        let first = issues[0];
        let message = match issues.len() {
            1 => format!(
                "{} of {} is {why}: it is not shaped",
                first.text,
                stages.subject(&first.circuit)
            ),
            n => format!(
                "{} of {} are not shaped: each is {why}, first {} of {}",
                words::count(n, "address"),
                words::count(circuits.len(), "circuit"),
                first.text,
                stages.subject(&first.circuit),
            ),
        };
        let help = "correct the address in the source; if it always reports such addresses, allow the rule";
        out.push(draft(message, help.to_owned(), &issues, circuits, why));
    }
    for (net, issues) in hosts.into_values() {
        let circuits = circuits(&issues);
        let message = format!(
            "{} is on {}: it is taken from all of them, {}",
            words::net(&net),
            words::count(circuits.len(), "circuit"),
            stages.subjects(circuits.iter().copied()),
        );
        out.push(draft(
            message,
            format!("add \"{net}\" to `addresses.ignore` if it never is a subscriber's, or correct it in the source"),
            &issues,
            circuits,
            "on more than three circuits",
        ));
    }
}

fn circuits<'a>(issues: &[&'a AddressIssue]) -> Vec<&'a Subject> {
    let distinct: BTreeSet<&Subject> = issues.iter().map(|i| &i.circuit).collect();
    distinct.into_iter().collect()
}

fn draft(
    message: String,
    help: String,
    issues: &[&AddressIssue],
    circuits: Vec<&Subject>,
    label: &'static str,
) -> Draft {
    let draft = Draft::new(message, help).about_all(circuits.into_iter().cloned());
    let labels = issues.iter().map(|i| Label::new(i.place.clone(), label));
    words::at_each(draft, labels)
}
