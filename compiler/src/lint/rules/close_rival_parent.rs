//! TOP005: nodes that could as well hang elsewhere.

use crate::config::project::Metric;
use crate::finding::{Draft, Label, Level};
use crate::id::NodeIx;
use crate::ir::graph::{Choice, Rival, Via};
use crate::ir::records::{Place, UplinkChoice};
use crate::ir::tree::Strategy;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::Kbps;

pub static RULE: Rule = Rule {
    code: "TOP005",
    name: "close-rival-parent",
    default: Level::Warning,
    contained: false,
    what: "A node's second best parent is within 10 % of the chosen one, or a subscriber has several uplinks.",
    why: "If traffic really takes the other way, the limits of the wrong towers are enforced; and a small change in the network moves everybody below.",
    fix: "Pin the node to the parent that carries its traffic: `[topology.pin]`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"}, {"id": "hill", "name": "Hill", "kind": "site"},
           {"id": "lake", "name": "Lake", "kind": "site"}, {"id": "mill", "name": "Mill", "kind": "site"}],
 "links": [{"id": "L1", "a": "core", "b": "hill", "kbps": [600000, 600000]},
           {"id": "L2", "a": "core", "b": "lake", "kbps": [600000, 600000]},
           {"id": "L3", "a": "hill", "b": "mill", "kbps": [300000, 300000]},
           {"id": "L4", "a": "lake", "b": "mill", "kbps": [300000, 300000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "mill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"}, {"id": "hill", "name": "Hill", "kind": "site"},
           {"id": "lake", "name": "Lake", "kind": "site"}, {"id": "mill", "name": "Mill", "kind": "site"}],
 "links": [{"id": "L1", "a": "core", "b": "hill", "kbps": [600000, 600000]},
           {"id": "L2", "a": "core", "b": "lake", "kbps": [600000, 600000]},
           {"id": "L3", "a": "hill", "b": "mill", "kbps": [300000, 300000]},
           {"id": "L4", "a": "lake", "b": "mill", "kbps": [300000, 300000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "mill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[topology.pin]\nmill = \"lake\"\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for choice in stages.sources.iter().flat_map(|s| &s.uplink_choices) {
        out.push(subscriber(stages, choice));
    }
    let metric = stages.project.topology.tree;
    if metric == Metric::Declared || stages.tree.strategy == Strategy::Flat {
        return;
    }
    let below = stages.circuits_below();
    for ix in stages.inventory.node_ixs() {
        let Some(choice) = stages.choice(ix).filter(|_| below[ix.ix()] > 0) else {
            continue;
        };
        let rival = choice.rivals.iter().find(|rival| {
            rival.parent != choice.parent
                && is_close(metric, choice, rival)
                && leads_elsewhere(stages, choice, rival)
        });
        if let Some(rival) = rival {
            out.push(node(stages, metric, ix, choice, rival, below[ix.ix()]));
        }
    }
}

/// Within 10 %.
fn is_close(metric: Metric, choice: &Choice, rival: &Rival) -> bool {
    let near = |best: u64, other: u64| u128::from(other) * 10 <= u128::from(best) * 11;
    match metric {
        Metric::Cost => near(choice.cost, rival.cost),
        Metric::Hops => near(u64::from(choice.hops), u64::from(rival.hops)),
        Metric::Widest => {
            u128::from(rival.bottleneck.0) * 10 >= u128::from(choice.bottleneck.0) * 9
        }
        Metric::Declared => false,
    }
}

/// Two switches of one site are no choice.
fn leads_elsewhere(stages: &Stages<'_>, choice: &Choice, rival: &Rival) -> bool {
    let Some(other) = rival.parent.node() else {
        return true;
    };
    let Some(chosen) = choice.parent.node() else {
        return true;
    };
    match (stages.site(chosen), stages.site(other)) {
        (Some(a), Some(b)) => a != b,
        _ => true,
    }
}

fn node(
    stages: &Stages<'_>,
    metric: Metric,
    ix: NodeIx,
    choice: &Choice,
    rival: &Rival,
    circuits: usize,
) -> Draft {
    let measure = |cost: u64, hops: u32, bottleneck: Kbps| match metric {
        Metric::Cost => format!(
            "cost {}, bottleneck {}",
            words::number(cost as usize),
            words::rate(bottleneck)
        ),
        Metric::Hops => format!(
            "{}, bottleneck {}",
            words::count(hops as usize, "hop"),
            words::rate(bottleneck)
        ),
        Metric::Widest | Metric::Declared => format!("bottleneck {}", words::rate(bottleneck)),
    };
    let better = match metric {
        Metric::Cost => rival.cost < choice.cost,
        Metric::Hops => rival.hops < choice.hops,
        Metric::Widest | Metric::Declared => rival.bottleneck > choice.bottleneck,
    };
    let inventory = &stages.inventory[ix];
    let pin = choice
        .parent
        .node()
        .map_or("...", |parent| &*stages.inventory[parent].id);
    let mut draft = Draft::new(
        format!(
            "{} with {} {} under {} ({}), but {} is {} ({})",
            stages.node(ix),
            words::count(circuits, "circuit"),
            if choice.kept { "stays" } else { "hangs" },
            stages.vertex(choice.parent),
            measure(choice.cost, choice.hops, choice.bottleneck),
            stages.vertex(rival.parent),
            if better { "better now" } else { "as good" },
            measure(rival.cost, rival.hops, rival.bottleneck),
        ),
        format!(
            "say which one carries the traffic: `[topology.pin]` `\"{}\" = \"{pin}\"`",
            inventory.id
        ),
    )
    .about(inventory.subject());
    for parent in [choice.parent, rival.parent]
        .into_iter()
        .filter_map(|p| p.node())
    {
        draft = draft.about(stages.inventory[parent].subject());
    }
    let labels = [
        (place(stages, ix, choice.via), "the chosen way"),
        (place(stages, ix, rival.via), "the other way"),
    ];
    words::at_each(draft, labels.map(|(place, text)| Label::new(place, text)))
}

/// The link, or the node that declares its parent.
fn place(stages: &Stages<'_>, node: NodeIx, via: Via) -> Place {
    match via {
        Via::Link(link) | Via::Declared(Some(link)) => stages.inventory[link].origin.whole(),
        Via::Member(member) => stages.inventory[member].origin.whole(),
        Via::Gateway | Via::Pin | Via::Declared(None) | Via::Island => {
            stages.inventory[node].origin.whole()
        }
    }
}

fn subscriber(stages: &Stages<'_>, choice: &UplinkChoice) -> Draft {
    let node = |id: &str| match stages.inventory.node_by_id(id) {
        Some(ix) => stages.node(ix),
        None => format!("\"{}\"", words::short(id)),
    };
    Draft::new(
        format!(
            "{} has several uplinks: {} is used, {} {} not",
            stages.subject(&choice.circuit),
            node(&choice.chosen),
            words::list(choice.rivals.iter().map(|id| node(id))),
            words::verb(choice.rivals.len(), "is", "are"),
        ),
        "remove the uplink that is not in use from the source",
    )
    .about(choice.circuit.clone())
    .at(choice.place.clone(), "several uplinks")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::graph::Vertex;
    use crate::ir::records::NodeKind;
    use crate::lint::testing::Fixture;

    /// core - hill - mill, and a rival way to mill.
    fn network(rival_cost: u64) -> Vec<Draft> {
        let mut net = Fixture::new();
        let core = net.node("core", NodeKind::Root, None, 0, 0);
        let hill = net.node("hill", NodeKind::Site, Some(core), 0, 0);
        let lake = net.node("lake", NodeKind::Site, Some(core), 0, 0);
        let mill = net.node("mill", NodeKind::Site, Some(hill), 0, 0);
        net.circuit("c1", Some(mill), 100, 20, &[]);
        net.place_all();
        let choice = net.chosen.choice[mill.ix()].as_mut().unwrap();
        choice.cost = 1000;
        choice.bottleneck = Kbps(500_000);
        choice.rivals.push(Rival {
            parent: Vertex::Node(lake),
            via: Via::Pin,
            cost: rival_cost,
            hops: 2,
            bottleneck: Kbps(300_000),
        });
        net.run(&RULE)
    }

    #[test]
    fn ten_per_cent_is_close_and_more_is_not() {
        let close = network(1100);
        assert_eq!(close.len(), 1);
        assert_eq!(
            close[0].message,
            "site \"mill\" with 1 circuit hangs under site \"hill\" (cost 1,000, bottleneck 500 Mbit/s), but site \
             \"lake\" is as good (cost 1,100, bottleneck 300 Mbit/s)"
        );
        assert!(network(1101).is_empty());
    }
}
