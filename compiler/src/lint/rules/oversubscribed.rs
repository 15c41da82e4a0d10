//! RAT007: APs that are sold many times over.

use crate::finding::{Draft, Level};
use crate::ir::records::NodeKind;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::{Kbps, Pair};

/// Sum of what circuits ask for over capacity, beyond which an AP is listed.
const RATIO: u64 = 30;

pub static RULE: Rule = Rule {
    code: "RAT007",
    name: "oversubscribed",
    default: Level::Info,
    contained: false,
    what: "The rates sold on an AP add up to more than 30 times its capacity.",
    why: "Selling an AP several times over is normal; beyond this most subscribers notice it every evening.",
    fix: "Split the sector, raise its capacity, or sell smaller plans there.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "a1", "name": "Hill North", "kind": "ap", "gateway": true, "kbps": [10000, 5000]}],
 "circuits": [{"id": "c1", "attach": "a1", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "a1", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "attach": "a1", "plan_kbps": [200000, 20000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "a1", "name": "Hill North", "kind": "ap", "gateway": true, "kbps": [150000, 75000]}],
 "circuits": [{"id": "c1", "attach": "a1", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut sold: Vec<Pair<Kbps>> = vec![Pair::ZERO; stages.tree.nodes.len()];
    let mut count = vec![0; sold.len()];
    for (i, node) in stages.tree.nodes.iter().enumerate().rev() {
        for &circuit in &node.circuits {
            if let Some(placed) = &stages.tree.circuits[circuit.ix()] {
                sold[i] += placed.asked;
                count[i] += 1;
            }
        }
        if let Some(parent) = node.parent {
            let below = sold[i];
            sold[parent.ix()] += below;
            count[parent.ix()] += count[i];
        }
    }
    for (i, at) in stages.tree.nodes.iter().enumerate() {
        let node = &stages.inventory[at.node];
        if node.kind != NodeKind::Ap {
            continue;
        }
        let over = sold[i].zip(at.cap, |sold, cap| {
            cap.0 > 0 && sold.0 > cap.0.saturating_mul(RATIO)
        });
        if !over.down && !over.up {
            continue;
        }
        let ratio = sold[i].zip(at.cap, |sold, cap| sold.0 / cap.0.max(1));
        out.push(
            Draft::new(
                format!(
                    "{} carries {} and is sold to {} for {}: {} times over",
                    stages.node(at.node),
                    words::rates(at.cap),
                    words::count(count[i], "circuit"),
                    words::rates(sold[i]),
                    words::number(ratio.down.max(ratio.up) as usize),
                ),
                "split the sector, raise its capacity, or sell smaller plans there",
            )
            .about(node.subject())
            .at(
                node.origin.whole(),
                format!("carries {}", words::rates(at.cap)),
            ),
        );
    }
}
