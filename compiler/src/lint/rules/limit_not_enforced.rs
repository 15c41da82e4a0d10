//! TOP011: limits that exist in the field and not in the shaper.

use crate::finding::{Draft, Level};
use crate::ir::tree::UnenforcedWhy;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "TOP011",
    name: "limit-not-enforced",
    default: Level::Warning,
    contained: false,
    what: "A hidden or promoted node has a limit that would bind.",
    why: "More is sent towards the node than it carries: the queue builds up in the radio, where the shaper cannot keep latency down.",
    fix: "Show the node again, or make sure that its capacity is recorded right.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [100000, 100000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [150000, 75000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill-n", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "hill-n", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "[topology]\nexclude = [\"hill\"]\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [900000, 900000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [150000, 75000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill-n", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "hill-n", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "[topology]\nexclude = [\"hill\"]\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for one in &stages.tree.evidence.unenforced {
        let (why, key, help) = match one.why {
            UnenforcedWhy::Virtual => (
                "is virtual",
                None,
                "take the `virtual` mark off in the source if the limit is real",
            ),
            UnenforcedWhy::Excluded => (
                "is excluded",
                Some("topology.exclude"),
                "take it out of `topology.exclude` if the limit is real",
            ),
            UnenforcedWhy::QueueAuto => (
                "is hidden for its size",
                Some("topology.auto_virtual_mbps"),
                "raise `topology.auto_virtual_mbps` above its capacity if the limit is real",
            ),
            UnenforcedWhy::Promoted => (
                "is promoted to the root",
                Some("topology.promote_to_root"),
                "take it out of `topology.promote_to_root` if it shares the links above",
            ),
            // BUD003 has all of these in one finding.
            UnenforcedWhy::DepthCut => continue,
        };
        let node = &stages.inventory[one.node];
        let what = match one.why {
            UnenforcedWhy::Promoted => "the limits above it",
            _ => "its limit",
        };
        let draft = Draft::new(
            format!(
                "{} {why}: {what} can be exceeded by {}",
                stages.node(one.node),
                words::rates(one.loss)
            ),
            help,
        )
        .about(node.subject())
        .at(node.origin.whole(), "limit not enforced");
        out.push(match key {
            Some(key) => draft.at(stages.project.place(key), "by this setting"),
            None => draft,
        });
    }
}
