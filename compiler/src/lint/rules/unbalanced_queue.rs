//! BUD008: a top-level node too heavy for its share.

use crate::finding::{Draft, Level};
use crate::fit::LIGHT;
use crate::id::TreeIx;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::{advice, words};
use crate::units::Kbps;

pub static RULE: Rule = Rule {
    code: "BUD008",
    name: "unbalanced-queue",
    default: Level::Warning,
    contained: false,
    what: "One top-level node has more than 1.5 times the fair share of a CPU queue, and carries 1 Gbit/s or more.",
    why: "Everything below a top-level node is shaped by one core: in the evening that core is full while others idle, and everybody below is slowed down.",
    fix: "The finding says which children to promote to the root, or whether excluding the node helps, and what each costs, where that was tried on this network: it is for the heaviest nodes with others below. Else give the box fewer, faster cores.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [5000000, 5000000]},
           {"id": "lake", "name": "Lake", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [1000000, 1000000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "hill", "plan_kbps": [1000000, 1000000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "attach": "lake", "plan_kbps": [100000, 100000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#,
        )],
        "[topology]\nwan_mbps = [10000, 10000]\n[target.edge1]\nqueues = 4\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [5000000, 5000000]},
           {"id": "lake", "name": "Lake", "kind": "site", "gateway": true, "kbps": [5000000, 5000000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [1000000, 1000000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "lake", "plan_kbps": [1000000, 1000000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "[topology]\nwan_mbps = [10000, 10000]\n[target.edge1]\nqueues = 2\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let target = &stages.project.target;
    // Without a declared box the number of queues is a guess, and so would be the share.
    if target.name.is_none() {
        return;
    }
    let queues = u64::from(target.queues.max(1));
    let share = stages.layout.weights().iter().sum::<u64>() / queues;
    let measured = |ix: TreeIx| {
        let measured = stages.layout.measured.as_ref();
        measured.is_some_and(|m| m.node[ix.ix()].is_some())
    };
    for &(ix, weight) in &stages.layout.evidence.heavy {
        let at = &stages.tree[ix];
        let carries = Kbps(weight).min(at.cap.total());
        if carries < LIGHT {
            continue;
        }
        let node = &stages.inventory[at.node];
        let times = match weight * 10 / share.max(1) {
            tenths if tenths % 10 == 0 => words::number((tenths / 10) as usize),
            tenths => format!("{}.{}", tenths / 10, tenths % 10),
        };
        out.push(
            Draft::new(
                format!(
                    "{} has {times} times the fair share of one of {} CPU queues: {} of {} in both directions together, on one core",
                    stages.node(at.node),
                    words::number(queues as usize),
                    match measured(ix) {
                        true => "a peak",
                        false => "plans",
                    },
                    words::rate(Kbps(weight)),
                ),
                advice::remedies(stages, at.node, "use fewer, faster cores"),
            )
            .about(node.subject())
            .at(node.origin.whole(), "too heavy for its share"),
        );
    }
}
