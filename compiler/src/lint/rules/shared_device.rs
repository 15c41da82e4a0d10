//! IDN002: one device id in several circuits.

use crate::finding::{Draft, Label, Level};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "IDN002",
    name: "shared-device",
    default: Level::Error,
    contained: true,
    what: "One device id stands in several circuits.",
    why: "A device belongs to one subscriber: one of the circuits is a leftover of a move, and its addresses get the wrong plan.",
    fix: "Remove the device from the circuit that it left.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.3"]}]}]}"#,
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

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for shared in &stages.inventory.evidence.shared_devices {
        let draft = Draft::new(
            format!(
                "{} belongs to {}: each of them shapes the addresses it lists for the device",
                stages.subject(&shared.device),
                stages.subjects(shared.circuits.iter().map(|(circuit, _)| circuit)),
            ),
            "remove the device from the circuit that it left",
        )
        .about(shared.device.clone())
        .about_all(shared.circuits.iter().map(|(circuit, _)| circuit.clone()));
        let labels = shared.circuits.iter().map(|(circuit, place)| {
            Label::new(place.clone(), format!("in {}", stages.subject(circuit)))
        });
        out.push(words::at_each(draft, labels));
    }
}
