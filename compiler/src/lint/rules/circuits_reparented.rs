//! CHG002: one change in the network moves many subscribers.

use std::collections::BTreeMap;

use crate::finding::{Draft, Level};
use crate::id::{CircuitIx, NodeIx};
use crate::ir::graph::Via;
use crate::ir::records::LinkState;
use crate::ir::tree::Parent;
use crate::lint::rule::{Example, Files, Rule, Stages};
use crate::lint::rules::circuits_removed::guard_setting;
use crate::lint::words;
use crate::reparented::Unmoved;

/// Causes that a message names.
const CAUSES: usize = 3;

pub static RULE: Rule = Rule {
    code: "CHG002",
    name: "circuits-reparented",
    default: Level::Error,
    contained: false,
    what: "More circuits hang under other nodes than in the artifact before, than `guard.max_reparented_percent` allows.",
    why: "Moved subscribers get new classes, under other limits. If the network did not really change (a radio rebooted, a link was renamed), they are held to limits that are not theirs.",
    fix: "Look at the link named as the cause. Repair it, pin the node to the parent that carries its traffic, or promote with the exact number.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"}, {"id": "hill", "name": "Hill", "kind": "site"},
           {"id": "lake", "name": "Lake", "kind": "site"}, {"id": "mill", "name": "Mill", "kind": "site"}],
 "links": [{"id": "L1", "a": "core", "b": "hill", "kbps": [900000, 900000]},
           {"id": "L2", "a": "core", "b": "lake", "kbps": [900000, 900000]},
           {"id": "L3", "a": "hill", "b": "mill", "kbps": [100000, 100000]},
           {"id": "L4", "a": "lake", "b": "mill", "kbps": [500000, 500000], "up": false}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "mill", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        CONFIG,
    )
    .after(BEFORE),
    good: Example::inventory(BEFORE, CONFIG).after(BEFORE),
    check,
};

const CONFIG: &str = "[topology]\nstrategy = \"full\"\nlink_down_hold = 1\n";

const BEFORE: Files = &[(
    "inventory.json",
    r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"}, {"id": "hill", "name": "Hill", "kind": "site"},
           {"id": "lake", "name": "Lake", "kind": "site"}, {"id": "mill", "name": "Mill", "kind": "site"}],
 "links": [{"id": "L1", "a": "core", "b": "hill", "kbps": [900000, 900000]},
           {"id": "L2", "a": "core", "b": "lake", "kbps": [900000, 900000]},
           {"id": "L3", "a": "hill", "b": "mill", "kbps": [100000, 100000]},
           {"id": "L4", "a": "lake", "b": "mill", "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "mill", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
)];

/// Why a circuit hangs elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    /// This node got another parent, or another edge to it: the one nearest to the root counts.
    Flip(NodeIx),
    /// The circuit itself was moved in the source.
    Attached,
    /// Nodes came, went, or are shown otherwise; no edge changed.
    Shape,
}

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let Some((previous, before)) = stages.previous.and_then(|p| Some((p, p.tree.as_ref()?))) else {
        return;
    };
    let tree = stages.tree;
    let id = |at| &*stages.inventory[tree[at].node].id;
    let now = tree.tree_ixs().map(|at| (id(at), tree[at].parent.map(id)));
    let unmoved = Unmoved::of(now, |id| {
        before.nodes.get(id).map(|was| was.parent.as_deref())
    });
    let mut compared = 0usize;
    let mut moved: Vec<CircuitIx> = Vec::new();
    let mut old = before.circuits_in_order();
    for (ix, placed) in tree.placed() {
        let Some(was) = old.get(&stages.inventory[ix].id) else {
            continue;
        };
        compared += 1;
        let hangs_on = match placed.parent {
            Parent::Node(at) => Some(id(at)),
            Parent::Bucket(_) => None,
        };
        if unmoved.reparents(was.node.as_deref(), hangs_on) {
            moved.push(ix);
        }
    }
    let most = u64::from(stages.project.guard.max_reparented_percent) * compared as u64 / 100;
    if moved.is_empty() || moved.len() as u64 <= most {
        return;
    }
    // The flip nearest to the root on each node's path.
    let mut flip: Vec<Option<NodeIx>> = vec![None; stages.inventory.nodes.len()];
    for &node in &stages.chosen.order {
        let above = stages.parent(node).and_then(|p| flip[p.ix()]);
        flip[node.ix()] = above.or_else(|| flipped(stages, node).then_some(node));
    }
    let mut causes: BTreeMap<Cause, Vec<CircuitIx>> = BTreeMap::new();
    for &ix in &moved {
        let circuit = &stages.inventory[ix];
        let cause = match circuit.attach.and_then(|at| flip[at.ix()]) {
            Some(node) => Cause::Flip(node),
            None => {
                let was = before
                    .circuits
                    .get(&circuit.id)
                    .and_then(|c| c.node.as_deref());
                let still = was.and_then(|id| stages.inventory.node_by_id(id)).is_some();
                let attached = circuit.attach.map(|at| &*stages.inventory[at].id);
                match still && attached != was {
                    true => Cause::Attached,
                    false => Cause::Shape,
                }
            }
        };
        causes.entry(cause).or_default().push(ix);
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(cause, circuits)| (std::cmp::Reverse(circuits.len()), *cause));
    let mut told: Vec<String> = causes
        .iter()
        .take(CAUSES)
        .map(|(cause, circuits)| {
            let n = words::count(circuits.len(), "circuit");
            match cause {
                Cause::Flip(node) => format!("{n} because {}", tell_flip(stages, *node)),
                Cause::Attached => format!("{n} moved in the source"),
                Cause::Shape => format!("{n} because nodes above came or went"),
            }
        })
        .collect();
    if causes.len() > CAUSES {
        let rest: usize = causes[CAUSES..].iter().map(|(_, c)| c.len()).sum();
        let n = words::count(rest, "circuit");
        told.push(format!(
            "{n} for {}",
            words::count(causes.len() - CAUSES, "other reason")
        ));
    }
    let n = moved.len();
    let draft = Draft::new(
        format!(
            "{} of {} circuits hang elsewhere than in artifact {}, and `guard.max_reparented_percent` allows {}: {}",
            words::number(n),
            words::number(compared),
            previous.digest.get(..12).unwrap_or(&previous.digest),
            words::number(most as usize),
            told.join("; "),
        ),
        "repair or pin what is named; if the network did change, set this rule to `warn` in `[lint.levels]`, build again, and \
         promote with `--accept reparented=N`, the number that `weir plan` states",
    )
    .about(guard_setting("guard.max_reparented_percent"))
    .about_all(causes.iter().filter_map(|(cause, _)| match cause {
        Cause::Flip(node) => Some(stages.inventory[*node].subject()),
        _ => None,
    }))
    .about_all(moved.iter().map(|&ix| stages.inventory[ix].subject()));
    let labels = causes.iter().filter_map(|(cause, circuits)| match cause {
        Cause::Flip(node) => Some(crate::finding::Label::new(
            stages.inventory[*node].origin.whole(),
            format!("moved, with {}", words::count(circuits.len(), "circuit")),
        )),
        _ => None,
    });
    out.push(words::at_each(draft, labels));
}

/// The node got another parent or another edge than in the previous artifact.
fn flipped(stages: &Stages<'_>, node: NodeIx) -> bool {
    let was = stages
        .previous
        .and_then(|p| p.chosen.get(&stages.inventory[node].id));
    let (Some(was), Some(choice)) = (was, stages.choice(node)) else {
        return false;
    };
    *was.parent != *choice.parent.id(stages.inventory)
        || *was.via != *choice.via.id(stages.inventory, node)
}

/// `site "Mill" is reached over link "L3" instead of link "L4", which is down`
fn tell_flip(stages: &Stages<'_>, node: NodeIx) -> String {
    let was = stages
        .previous
        .and_then(|p| p.chosen.get(&stages.inventory[node].id));
    let (Some(was), Some(choice)) = (was, stages.choice(node)) else {
        return format!("{} moved", stages.node(node));
    };
    let now = match choice.via {
        Via::Link(link) => format!(
            "link \"{}\" from {}",
            words::short_id(&stages.inventory[link].id),
            stages.vertex(choice.parent)
        ),
        _ => stages.vertex(choice.parent),
    };
    let link = stages
        .inventory
        .links
        .binary_search_by(|l| l.id.cmp(&was.via));
    let before = match link {
        Ok(at) => {
            let state = match stages.inventory.links[at].state {
                LinkState::Up => "is up",
                LinkState::Down => "is down",
                LinkState::Planned => "is only planned",
            };
            format!("link \"{}\", which {state}", words::short_id(&was.via))
        }
        Err(_) if stages.inventory.node_by_id(&was.parent).is_some() || was.via.contains(':') => {
            format!("\"{}\"", words::short_id(&was.parent))
        }
        Err(_) => format!("link \"{}\", which is gone", words::short_id(&was.via)),
    };
    format!(
        "{} is reached over {now} instead of {before}",
        stages.node(node)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::compile_example;

    #[test]
    fn the_edge_that_flipped_is_named() {
        let found = compile_example(&RULE.bad).findings;
        let finding = found
            .iter()
            .find(|f| f.rule.code == "CHG002")
            .expect("it is found");
        assert!(
            finding.message.ends_with(
                "allows 0: 1 circuit because site \"Mill\" (mill) is reached over link \"L3\" from site \"Hill\" \
                 (hill) instead of link \"L4\", which is down"
            ),
            "{}",
            finding.message
        );
        assert!(
            finding.help.contains("`--accept reparented=N`")
                && finding.help.contains("`weir plan`")
        );
    }
}
