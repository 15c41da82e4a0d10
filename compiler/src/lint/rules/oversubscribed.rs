//! RAT007: APs that are sold many times over, and nodes that are full in the evening.

use crate::finding::{Draft, Level};
use crate::fit;
use crate::ir::records::NodeKind;
use crate::ir::tree::TreeNode;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::{Kbps, Pair};

pub static RULE: Rule = Rule {
    code: "RAT007",
    name: "oversubscribed",
    default: Level::Info,
    contained: false,
    what: "The rates sold on an AP add up to more than 30 times its capacity, or a node is expected to carry more than 80 % of its capacity in the busiest hour.",
    why: "Selling an AP several times over is normal; beyond this most subscribers notice it every evening.",
    fix: "Split the sector, raise its capacity, or sell smaller plans there. `lint.options.oversubscribed_times` and `oversubscribed_percent` say what is too much.",
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
    // In bit/s.
    let mut busy: Vec<Pair<u128>> = vec![Pair::both(0); sold.len()];
    for (i, node) in stages.tree.nodes.iter().enumerate().rev() {
        for &circuit in &node.circuits {
            if let Some(placed) = &stages.tree.circuits[circuit.ix()] {
                sold[i] += placed.asked;
                busy[i] = busy[i].zip(placed.asked.map(fit::busy), |sum, one| sum + one);
                count[i] += 1;
            }
        }
        if let Some(parent) = node.parent {
            let below = sold[i];
            sold[parent.ix()] += below;
            count[parent.ix()] += count[i];
            let below = busy[i];
            busy[parent.ix()] = busy[parent.ix()].zip(below, |sum, one| sum + one);
        }
    }
    for (i, at) in stages.tree.nodes.iter().enumerate() {
        let node = &stages.inventory[at.node];
        let over = sold[i].zip(at.cap, |sold, cap| {
            cap.0 > 0
                && sold.0
                    > cap
                        .0
                        .saturating_mul(stages.project.lint.options.oversubscribed_times)
        });
        if node.kind != NodeKind::Ap || !over.down && !over.up {
            out.extend(full(stages, at, busy[i], count[i]));
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

/// What the plans below are expected to use in the busiest hour (`fit.rs`), where that is most of the capacity.
fn full(stages: &Stages<'_>, at: &TreeNode, busy: Pair<u128>, circuits: usize) -> Option<Draft> {
    let percent = busy.zip(at.cap, |busy, cap| {
        (busy / 1_000 * 100)
            .checked_div(u128::from(cap.0))
            .unwrap_or(0)
    });
    let most = percent.down.max(percent.up);
    if most <= u128::from(stages.project.lint.options.oversubscribed_percent) || circuits == 0 {
        return None;
    }
    let expected = busy.map(|bits| Kbps(u64::try_from(bits / 1_000).unwrap_or(u64::MAX)));
    let node = &stages.inventory[at.node];
    let draft = Draft::new(
        format!(
            "{} carries {}, and its {} are expected to use {} in the busiest hour: {most} %",
            stages.node(at.node),
            words::rates(at.cap),
            words::count(circuits, "circuit"),
            words::rates(expected),
        ),
        "plan more capacity there, or move subscribers; the estimate is 5 % of a plan up to 100 Mbit/s and 1 % of what is above",
    );
    Some(draft.about(node.subject()).at(
        node.origin.whole(),
        format!("carries {}", words::rates(at.cap)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::records::NodeKind;
    use crate::lint::testing::Fixture;

    #[test]
    fn a_site_that_is_full_in_the_evening_is_listed() {
        let messages = |circuits: usize| -> Vec<String> {
            let mut net = Fixture::new();
            let site = net.node("s1", NodeKind::Site, None, 100, 100);
            for i in 0..circuits {
                net.circuit(&format!("c{i:02}"), Some(site), 100, 20, &[]);
            }
            net.place_all();
            net.run(&RULE).into_iter().map(|d| d.message).collect()
        };
        // 16 plans of 100 Mbit/s are expected to use 80 Mbit/s; one more is more than 80 %.
        assert!(messages(16).is_empty());
        assert_eq!(
            messages(17),
            [
                "site \"s1\" carries 100/100 Mbit/s, and its 17 circuits are expected to use 85/17 Mbit/s in the \
                 busiest hour: 85 %"
            ]
        );
    }
}
