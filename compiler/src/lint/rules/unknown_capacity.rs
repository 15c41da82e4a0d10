//! RAT008: emitted nodes that nothing limits.

use std::collections::BTreeMap;

use crate::config::project::Metric;
use crate::finding::{Draft, Label, Level};
use crate::id::NodeIx;
use crate::ir::graph::Via;
use crate::ir::records::NodeKind;
use crate::lint::network::is_place;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::{Kbps, Pair};

/// More than this of one kind are one finding.
const EACH: usize = 5;

pub static RULE: Rule = Rule {
    code: "RAT008",
    name: "unknown-capacity",
    default: Level::Warning,
    contained: false,
    what: "Neither a site or AP nor the link that feeds it has a known capacity.",
    why: "The node limits nothing: when its sector or link is full, the queue builds up in the radio, and everybody's latency with it.",
    fix: "Record the capacity of the node or of its link in the source.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": null}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill-n", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [150000, 75000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill-n", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

/// Node by node while they are few, kind by kind when a source simply does not know. Switches and the like are
/// not expected to have a capacity, and gateways have the uplink's.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let below = stages.emitted_circuits_below();
    // A network without circuits is judged as it is: who hangs where is not known.
    let nobody = stages.inventory.circuits.is_empty();
    let mut kinds: BTreeMap<_, Vec<(NodeIx, Pair<bool>, usize)>> = BTreeMap::new();
    for (i, at) in stages.tree.nodes.iter().enumerate() {
        let kind = stages.inventory[at.node].kind;
        let gateway = stages
            .choice(at.node)
            .is_some_and(|c| c.via == Via::Gateway);
        if gateway || !matches!(kind, NodeKind::Site | NodeKind::Ap) || (below[i] == 0 && !nobody) {
            continue;
        }
        let open = limit(stages, at.node).map(|c| c == Kbps::UNLIMITED);
        if open.down || open.up {
            kinds
                .entry(kind)
                .or_default()
                .push((at.node, open, below[i]));
        }
    }
    let help = "record the capacity of the node or of the link that feeds it; where only the uplink is the limit, allow the rule";
    for (kind, mut nodes) in kinds {
        nodes.sort_unstable_by_key(|(node, ..)| *node);
        let label = |node: NodeIx, open| {
            Label::new(
                stages.inventory[node].origin.whole(),
                format!("no known {}", what(open)),
            )
        };
        if nodes.len() > EACH {
            let draft = Draft::new(
                format!(
                    "{} have no known capacity and no link with one: they limit nothing ({})",
                    words::count(nodes.len(), words::kind(kind)),
                    stages.nodes(nodes.iter().map(|(node, ..)| *node)),
                ),
                help,
            )
            .about_all(
                nodes
                    .iter()
                    .map(|(node, ..)| stages.inventory[*node].subject()),
            );
            let labels = nodes.iter().map(|&(node, open, _)| label(node, open));
            out.push(words::at_each(draft, labels));
            continue;
        }
        for (node, open, circuits) in nodes {
            let (who, what) = (stages.node(node), what(open));
            let feeds = match stages.choice(node).map(|choice| choice.via) {
                Some(Via::Link(_) | Via::Declared(Some(_))) => {
                    format!("{who} and the link that feeds it have no known {what}")
                }
                _ if stages.project.topology.tree == Metric::Declared => format!(
                    "{who} has no known {what}, and no link joins it to its declared parent"
                ),
                _ => format!("{who} has no known {what}, and no link feeds it"),
            };
            let message = format!(
                "{feeds}: nothing limits its {}",
                words::count(circuits, "circuit")
            );
            let draft = Draft::new(message, help).about(stages.inventory[node].subject());
            out.push(words::at_each(draft, [label(node, open)]));
        }
    }
}

/// What is known to limit this node itself: its own capacity and the way up to the next site, radios and switches
/// between them included.
fn limit(stages: &Stages<'_>, node: NodeIx) -> Pair<Kbps> {
    let mut limit = Pair::UNLIMITED;
    for at in std::iter::once(node).chain(stages.ancestors(node)) {
        if at != node && is_place(stages.inventory[at].kind) {
            break;
        }
        limit = limit.min(stages.inventory[at].capacity.or_unlimited());
        limit = stages
            .choice(at)
            .map_or(limit, |choice| limit.min(choice.capacity));
    }
    limit
}

fn what(open: Pair<bool>) -> &'static str {
    match (open.down, open.up) {
        (true, false) => "download capacity",
        (false, true) => "upload capacity",
        _ => "capacity",
    }
}
