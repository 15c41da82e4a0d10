//! RAT014: the default uplink is smaller than the network.

use crate::finding::{Draft, Label, Level};
use crate::ir::records::{Place, Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::{Kbps, Pair};

pub static RULE: Rule = Rule {
    code: "RAT014",
    name: "wan-not-set",
    default: Level::Error,
    contained: false,
    what: "`topology.wan_mbps` is not set, and a plan or a node's capacity exceeds the default of 1000 Mbit/s.",
    why: "The uplink's capacity limits every node: with the default, the whole network would be cut to 1 Gbit/s.",
    fix: "Set `topology.wan_mbps` to the capacity of the uplink.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [2000000, 500000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [2000000, 500000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[topology]\nwan_mbps = [10000, 10000]\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let topology = &stages.project.topology;
    if topology.wan_is_set {
        return;
    }
    let wan = topology.wan;
    let excess = |rates: Pair<Option<Kbps>>| {
        let over = rates.zip(wan, |rate, wan| {
            rate.map_or(0, |rate| rate.0.saturating_sub(wan.0))
        });
        over.down.max(over.up)
    };
    // The largest of each sort; the smallest id among equals.
    let circuit = stages
        .shaped()
        .map(|(ix, c)| (excess(c.plan), ix))
        .filter(|(over, _)| *over > 0)
        .max_by_key(|(over, ix)| (*over, std::cmp::Reverse(*ix)));
    let node = stages
        .inventory
        .node_ixs()
        .map(|ix| (excess(stages.inventory[ix].capacity), ix))
        .filter(|(over, _)| *over > 0)
        .max_by_key(|(over, ix)| (*over, std::cmp::Reverse(*ix)));
    let circuit = circuit.map(|(_, ix)| {
        let c = &stages.inventory[ix];
        (
            format!(
                "{} has a plan of {}",
                stages.circuit(ix),
                words::known_rates(c.plan)
            ),
            c.subject(),
            c.plan_place(true),
        )
    });
    let node = node.map(|(_, ix)| {
        let n = &stages.inventory[ix];
        (
            format!(
                "{} carries {}",
                stages.node(ix),
                words::known_rates(n.capacity)
            ),
            n.subject(),
            n.origin.whole(),
        )
    });
    let larger: Vec<(String, Subject, Place)> = circuit.into_iter().chain(node).collect();
    if larger.is_empty() {
        return;
    }
    let draft = Draft::new(
        format!(
            "`topology.wan_mbps` is not set, so nothing gets more than {}; but {}",
            words::rates(wan),
            words::list(larger.iter().map(|(text, ..)| text)),
        ),
        "set `topology.wan_mbps = [download, upload]` to the capacity of your uplink in Mbit/s",
    )
    .about(Subject::new(
        SubjectKind::Setting,
        "topology.wan_mbps",
        "topology.wan_mbps",
    ))
    .about_all(larger.iter().map(|(_, subject, _)| subject.clone()))
    .at(
        stages.project.place("topology.wan_mbps"),
        "add `wan_mbps` here",
    );
    let labels = larger
        .iter()
        .map(|(_, _, place)| Label::new(place.clone(), "more than the default uplink"));
    out.push(words::at_each(draft, labels));
}
