//! ADR009: text in an address field that is no address.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::ir::inventory::{AddressIssue, AddressIssueKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "ADR009",
    name: "not-an-address",
    default: Level::Warning,
    contained: true,
    what: "A text that stands for an address is none, such as `dhcp` or two addresses in one field.",
    why: "The text is dropped, so whatever address the subscriber has there passes unshaped.",
    fix: "Write one IPv4 or IPv6 address or prefix in each place.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2; 100.64.0.3"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2", "100.64.0.3"]}]}]}"#,
        )],
        "",
    ),
    check,
};

/// One finding for each text, however many circuits have it.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut texts: BTreeMap<&str, Vec<&AddressIssue>> = BTreeMap::new();
    for issue in &stages.inventory.evidence.addresses {
        if issue.kind == AddressIssueKind::NotAnAddress {
            texts.entry(&issue.text).or_default().push(issue);
        }
    }
    for (text, issues) in texts {
        let mut circuits: Vec<_> = issues.iter().map(|i| &i.circuit).collect();
        circuits.sort_unstable();
        circuits.dedup();
        let draft = Draft::new(
            format!(
                "\"{}\" of {} is not an address: it is not shaped",
                words::short(text),
                stages.subjects(circuits.iter().copied()),
            ),
            help(text),
        )
        .about_all(circuits.into_iter().cloned());
        let labels = issues
            .iter()
            .map(|i| Label::new(i.place.clone(), "not an address"));
        out.push(words::at_each(draft, labels));
    }
}

fn help(text: &str) -> &'static str {
    if text.contains([';', ',', ' ', '|']) {
        "write each address in its own place; in a table separate them with commas"
    } else if text.contains('/') {
        "write a prefix length of at most 32 for IPv4 and 128 for IPv6"
    } else {
        "write an IPv4 or IPv6 address or prefix, or leave the field empty"
    }
}
