//! BUD002: levels of nodes that cost time and limit nothing.

use crate::config::project::Simplify;
use crate::finding::{Draft, Label, Level};
use crate::id::NodeIx;
use crate::ir::tree::Parent;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::rules::redundant_node::redundant as redundant_in;
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
    fix: "Set `topology.simplify`, which leaves such nodes out and loses no limit: `true` all of them, `\"auto\"` those that are no APs, have no circuits of their own and are 10 % from their limit. Or use the strategy `ap_site`.",
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
    let redundant = redundant_in(stages, Simplify::All);
    if redundant.is_empty() {
        return;
    }
    let nodes = &stages.tree.nodes;
    let Levels {
        circuits,
        all,
        idle,
        cost,
    } = Levels::of(stages, &redundant);
    // A path of the usual length is what shaping is priced at: there is little to win.
    let long = all + circuits > USUAL * circuits;
    if !long || idle * 100 <= all * PERCENT {
        return;
    }
    let saved = |idle: usize| words::percent(idle * LEVEL, cost);
    // What the pass takes out already is not in the tree any more, so a mode that is on has nothing left to take.
    let auto = match stages.project.topology.simplify {
        Simplify::Off => redundant_in(stages, Simplify::Auto),
        Simplify::Auto | Simplify::All => Vec::new(),
    };
    let help = match auto.len() {
        _ if auto == redundant => format!(
            "set `topology.simplify = \"auto\"`: no limit is lost, and a packet costs about {} less",
            saved(idle)
        ),
        0 => format!(
            "set `topology.simplify = true`: no limit is lost, and a packet costs about {} less",
            saved(idle)
        ),
        n => format!(
            "set `topology.simplify = \"auto\"`, which leaves out {} (a packet then costs about {} less), or `true`, \
             which leaves out {} ({} less): no limit is lost",
            words::count(n, "node"),
            saved(Levels::of(stages, &auto).idle),
            words::number(redundant.len()),
            saved(idle),
        ),
    };
    let draft = Draft::new(
        format!(
            "{} of the class levels above circuits limit nothing ({} of {}, {} of {} nodes): without them a packet costs about {} less",
            words::percent(idle, all),
            words::number(idle),
            words::number(all),
            words::number(redundant.len()),
            words::number(nodes.len()),
            saved(idle),
        ),
        help,
    )
    .about_all(redundant.iter().map(|&ix| stages.inventory[ix].subject()));
    let labels = redundant
        .iter()
        .map(|&ix| Label::new(stages.inventory[ix].origin.whole(), "never limits anything"));
    out.push(words::at_each(draft, labels));
}

/// Class levels above circuits, each circuit's counted.
struct Levels {
    /// Circuits that hang on a node.
    circuits: usize,
    all: usize,
    /// Those of nodes that limit nothing.
    idle: usize,
    /// What a packet of each circuit costs, added, in per mille of one with the usual number of classes.
    cost: usize,
}

impl Levels {
    /// `idle`: the nodes that limit nothing, sorted.
    fn of(stages: &Stages<'_>, idle: &[NodeIx]) -> Levels {
        // By emitted node: levels down to it, and how many of them limit nothing.
        let mut levels: Vec<(usize, usize)> = Vec::with_capacity(stages.tree.nodes.len());
        for node in &stages.tree.nodes {
            let (all, of_them) = node.parent.map_or((0, 0), |p| levels[p.ix()]);
            let limits_nothing = idle.binary_search(&node.node).is_ok();
            levels.push((all + 1, of_them + usize::from(limits_nothing)));
        }
        let mut sum = Levels {
            circuits: 0,
            all: 0,
            idle: 0,
            cost: 0,
        };
        for (_, placed) in stages.tree.placed() {
            let Parent::Node(at) = placed.parent else {
                continue;
            };
            let (down_to, of_them) = levels[at.ix()];
            sum.circuits += 1;
            sum.all += down_to;
            sum.idle += of_them;
            sum.cost += (1_000 + LEVEL * (down_to + 1)).saturating_sub(LEVEL * USUAL);
        }
        sum
    }
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

    /// `auto` is recommended with what `auto` does: it keeps the AP that limits nothing.
    #[test]
    fn a_mode_is_recommended_with_its_own_numbers() {
        const WITH_AP: crate::lint::rule::Files = &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "mill", "name": "Mill", "kind": "site", "parent": "hill", "kbps": [500000, 500000]},
           {"id": "mill-n", "name": "Mill North", "kind": "ap", "parent": "mill", "kbps": [400000, 400000]}],
 "links": [{"id": "L1", "a": "hill", "b": "mill", "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "mill-n", "plan_kbps": [50000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )];
        let help = |config: &'static str| {
            let example = crate::lint::rule::Example::inventory(WITH_AP, config);
            let compiled = compile_example(&example);
            let found = compiled.findings.iter().find(|f| f.rule.code == "BUD002");
            let cut = compiled.tree.evidence.simplified.len();
            (found.map(|f| f.help.clone()), cut)
        };
        let full = "[topology]\nstrategy = \"full\"\n";
        let auto = "[topology]\nstrategy = \"full\"\nsimplify = \"auto\"\n";
        let (told, _) = help(full);
        let told = told.expect("it is found");
        let (_, cut) = help(auto);
        assert!(
            told.contains(&format!(
                "`topology.simplify = \"auto\"`, which leaves out {cut} nodes ("
            )),
            "{cut}: {told}"
        );
        assert!(told.contains("or `true`, which leaves out 2 ("), "{told}");
    }
}
