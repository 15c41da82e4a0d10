//! ADR010: addresses that the operator's lists keep out.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Draft, Label, Level};
use crate::ir::inventory::{AddressIssue, AddressIssueKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "ADR010",
    name: "filtered-address",
    default: Level::Info,
    contained: true,
    what: "Addresses are left out by `addresses.allow` or `addresses.ignore`.",
    why: "What is left out passes unshaped. That is right for management addresses, and wrong for a new pool that nobody added to the list.",
    fix: "Add the missing range to `addresses.allow`, or take it out of `addresses.ignore`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2", "203.0.113.5"]}]}]}"#,
        )],
        "[addresses]\nallow = [\"100.64.0.0/10\"]\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2", "203.0.113.5"]}]}]}"#,
        )],
        "[addresses]\nallow = [\"100.64.0.0/10\", \"203.0.113.0/24\"]\n",
    ),
    check,
};

/// One finding for the allow list, and one for each ignored range.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut lists: BTreeMap<_, Vec<&AddressIssue>> = BTreeMap::new();
    for issue in &stages.inventory.evidence.addresses {
        let by = match issue.kind {
            AddressIssueKind::NotAllowed => None,
            AddressIssueKind::Ignored { by } => Some(by),
            _ => continue,
        };
        lists.entry(by).or_default().push(issue);
    }
    for (by, issues) in lists {
        let circuits: BTreeSet<_> = issues.iter().map(|i| &i.circuit).collect();
        let (key, why) = match by {
            Some(by) => ("addresses.ignore", format!("inside the ignored {by}")),
            None => ("addresses.allow", "outside `addresses.allow`".to_owned()),
        };
        let n = issues.len();
        let draft = Draft::new(
            format!(
                "{} of {} {} {why}: not shaped, first {} of {}",
                words::count(n, "address"),
                words::count(circuits.len(), "circuit"),
                words::verb(n, "is", "are"),
                issues[0].text,
                stages.subject(&issues[0].circuit),
            ),
            format!("nothing, if these are not subscribers' addresses; otherwise change `{key}`"),
        )
        .about_all(circuits.into_iter().cloned())
        .at(stages.project.place(key), "this list");
        let labels = issues
            .iter()
            .map(|i| Label::new(i.place.clone(), "left out"));
        out.push(words::at_each(draft, labels));
    }
}
