//! RAT011: nodes too small for the smallest guarantees of their circuits.

use crate::finding::{Draft, Level};
use crate::ir::records::{Subject, SubjectKind};
use crate::ir::tree::ScaledAt;
use crate::ir::tree::bucket_name;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "RAT011",
    name: "capacity-below-floors",
    default: Level::Error,
    contained: false,
    what: "A node carries less than the smallest guarantee, `rates.min_floor_mbps`, of all circuits below it.",
    why: "The guarantees cannot be scaled down any further, so the node would run over its limit: the capacity is almost certainly wrong.",
    fix: "Correct the capacity of the node, or lower `rates.min_floor_mbps`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [15, 15]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [15000, 15000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for one in &stages.tree.evidence.overfull {
        let draft = Draft::new(
            format!(
                "{} carries {}, but the smallest guarantees of its circuits add up to {}",
                stages.holder(one.at),
                words::rates(one.cap),
                words::rates(one.floors),
            ),
            "correct the capacity, or lower `rates.min_floor_mbps`",
        );
        out.push(match one.at {
            ScaledAt::Node(node) => {
                let node = &stages.inventory[node];
                draft.about(node.subject()).at(
                    node.origin.whole(),
                    format!("carries {}", words::rates(one.cap)),
                )
            }
            ScaledAt::Bucket(bucket) => {
                let name = bucket_name(bucket);
                draft
                    .about(Subject::new(SubjectKind::Node, &name, &name))
                    .at(
                        stages.project.place("topology.generated_mbps"),
                        "limit of generated parents",
                    )
            }
        });
    }
}
