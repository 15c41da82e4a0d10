//! TOP006: subscribers behind subscribers.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::ir::records::{Relay, Subject};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "TOP006",
    name: "subscriber-relay",
    default: Level::Warning,
    contained: true,
    what: "A subscriber reaches the network through another subscriber's site.",
    why: "A subscriber never carries others in the tree: the circuit hangs on the node that feeds the relay, and the relay's own radio is no limit for it.",
    fix: "Record the relay as a site if it serves others.",
    bad: Example::of(
        "uisp",
        &[
            (
                "sites.json",
                r#"[
 {"id": "s1", "identification": {"id": "s1", "name": "Hill", "type": "site", "status": "active"}},
 {"id": "e1", "identification": {"id": "e1", "name": "Doe, Jo", "type": "endpoint", "status": "active", "parent": {"id": "s1"}}, "qos": {"downloadSpeed": 100000000, "uploadSpeed": 20000000}},
 {"id": "e2", "identification": {"id": "e2", "name": "Roe, Al", "type": "endpoint", "status": "active", "parent": {"id": "e1"}}, "qos": {"downloadSpeed": 50000000, "uploadSpeed": 10000000}}]"#,
            ),
            ("devices.json", "[]"),
            ("data-links.json", "[]"),
        ],
        "[topology]\nroot = \"uisp:site:s1\"\n",
    ),
    good: Example::of(
        "uisp",
        &[
            (
                "sites.json",
                r#"[
 {"id": "s1", "identification": {"id": "s1", "name": "Hill", "type": "site", "status": "active"}},
 {"id": "e1", "identification": {"id": "e1", "name": "Doe, Jo", "type": "endpoint", "status": "active", "parent": {"id": "s1"}}, "qos": {"downloadSpeed": 100000000, "uploadSpeed": 20000000}},
 {"id": "e2", "identification": {"id": "e2", "name": "Roe, Al", "type": "endpoint", "status": "active", "parent": {"id": "s1"}}, "qos": {"downloadSpeed": 50000000, "uploadSpeed": 10000000}}]"#,
            ),
            ("devices.json", "[]"),
            ("data-links.json", "[]"),
        ],
        "[topology]\nroot = \"uisp:site:s1\"\n",
    ),
    check,
};

/// One finding for each relay.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut relays: BTreeMap<&Subject, Vec<&Relay>> = BTreeMap::new();
    for one in stages.sources.iter().flat_map(|s| &s.relays) {
        relays.entry(&one.relay).or_default().push(one);
    }
    for (relay, mut behind) in relays {
        behind.sort();
        let n = behind.len();
        let draft = Draft::new(
            format!(
                "{} {} the network through another subscriber, {}: {} on the node that feeds it",
                stages.subjects(behind.iter().map(|r| &r.circuit)),
                words::verb(n, "reaches", "reach"),
                stages.subject(relay),
                words::verb(n, "it hangs", "they hang"),
            ),
            format!(
                "if {} serves others, record it as a site",
                words::short(&relay.name)
            ),
        )
        .about(relay.clone())
        .about_all(behind.iter().map(|r| r.circuit.clone()));
        let labels = behind
            .iter()
            .map(|r| Label::new(r.place.clone(), "behind a subscriber"));
        out.push(words::at_each(draft, labels));
    }
}
