//! BUD002: levels of nodes that cost time and limit nothing.

use crate::config::project::Simplify;
use crate::finding::{Draft, Label, Level};
use crate::ir::tree::Parent;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::rules::redundant_node::redundant;
use crate::lint::words;

/// Share of all class levels above circuits that limit nothing, in percent, beyond which it is told.
const PERCENT: usize = 25;
/// What one level more costs for a packet, in per mille of one with `USUAL` classes (`fit.rs`).
const LEVEL: usize = 36;
/// Classes on a path, the leaf included, that shaping is priced at.
const USUAL: usize = 3;

pub static RULE: Rule = Rule {
    code: "BUD002",
    name: "depth-blowup",
    default: Level::Warning,
    contained: false,
    what: "Circuits hang below more than two levels of nodes on average, and more than a quarter of these levels never limit anything.",
    why: "Every packet is charged to every class above its circuit: levels that limit nothing take time from the core that shapes, and only eight fit.",
    fix: "Set `topology.simplify = \"auto\"`, which leaves such nodes out and loses no limit, or use the strategy `ap_site`.",
    bad: Example::inventory(CHAIN, "[topology]\nstrategy = \"full\"\n"),
    good: Example::inventory(
        CHAIN,
        "[topology]\nstrategy = \"full\"\nsimplify = \"auto\"\n",
    ),
    check,
};

const CHAIN: crate::lint::rule::Files = &[(
    "inventory.json",
    r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "bridge", "name": "Hill to Mill", "kind": "other", "parent": "hill", "kbps": [500000, 500000]},
           {"id": "mill", "name": "Mill", "kind": "site", "parent": "bridge"},
           {"id": "mill-n", "name": "Mill North", "kind": "ap", "parent": "mill", "kbps": [40000, 40000]}],
 "links": [{"id": "L1", "a": "bridge", "b": "mill", "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "mill-n", "plan_kbps": [50000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "mill-n", "plan_kbps": [50000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
)];

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let redundant = redundant(stages, Simplify::All);
    if redundant.is_empty() {
        return;
    }
    let nodes = &stages.tree.nodes;
    // By emitted node: levels down to it, and how many of them limit nothing.
    let mut levels: Vec<(usize, usize)> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let (all, idle) = node.parent.map_or((0, 0), |p| levels[p.ix()]);
        let limits_nothing = redundant.binary_search(&node.node).is_ok();
        levels.push((all + 1, idle + usize::from(limits_nothing)));
    }
    let (mut circuits, mut all, mut idle, mut cost) = (0usize, 0usize, 0usize, 0usize);
    for (_, placed) in stages.tree.placed() {
        let Parent::Node(at) = placed.parent else {
            continue;
        };
        let (down_to, of_them) = levels[at.ix()];
        circuits += 1;
        all += down_to;
        idle += of_them;
        cost += (1_000 + LEVEL * (down_to + 1)).saturating_sub(LEVEL * USUAL);
    }
    // A path of the usual length is what shaping is priced at: there is little to win.
    let long = all + circuits > USUAL * circuits;
    if !long || idle * 100 <= all * PERCENT {
        return;
    }
    let draft = Draft::new(
        format!(
            "{} of the class levels above circuits limit nothing ({} of {}, {} of {} nodes): without them a packet costs about {} less",
            words::percent(idle, all),
            words::number(idle),
            words::number(all),
            words::number(redundant.len()),
            words::number(nodes.len()),
            words::percent(idle * LEVEL, cost),
        ),
        "set `topology.simplify = \"auto\"`: no limit is lost",
    )
    .about_all(redundant.iter().map(|&ix| stages.inventory[ix].subject()));
    let labels = redundant
        .iter()
        .map(|&ix| Label::new(stages.inventory[ix].origin.whole(), "never limits anything"));
    out.push(words::at_each(draft, labels));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::compile_example;

    #[test]
    fn levels_and_what_they_cost_are_told() {
        let found = compile_example(&RULE.bad).findings;
        let finding = found
            .iter()
            .find(|f| f.rule.code == "BUD002")
            .expect("it is found");
        // Of four levels above two circuits the top one stays to hold the AP, which limits.
        assert!(
            finding.message.starts_with(
                "75 % of the class levels above circuits limit nothing (6 of 8, 3 of 4 nodes)"
            ),
            "{}",
            finding.message
        );
        assert!(
            finding.message.ends_with("costs about 10 % less"),
            "{}",
            finding.message
        );
    }
}
