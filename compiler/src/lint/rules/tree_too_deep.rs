//! BUD001: more levels than the kernel has.

use crate::finding::{Draft, Label, Level};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "BUD001",
    name: "tree-too-deep",
    default: Level::Error,
    contained: false,
    what: "A path has more node levels than fit, and no set of nodes can be left out to make it fit.",
    why: "The kernel refuses the ninth class of a chain, so nobody below could be shaped.",
    fix: "Exclude nodes on the path, use `ap_site`, or raise `topology.max_depth` if it is set.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [150000, 75000]},
           {"id": "hill-r", "name": "Hill relay", "kind": "ap", "parent": "hill-n", "kbps": [100000, 50000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [200000, 80000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "hill-n", "plan_kbps": [200000, 80000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "attach": "hill-r", "plan_kbps": [200000, 80000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#,
        )],
        "[topology]\nstrategy = \"full\"\nmax_depth = 1\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "hill-n", "name": "Hill North", "kind": "ap", "parent": "hill", "kbps": [150000, 75000]},
           {"id": "hill-r", "name": "Hill relay", "kind": "ap", "parent": "hill-n", "kbps": [100000, 50000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [200000, 80000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "hill-n", "plan_kbps": [200000, 80000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "attach": "hill-r", "plan_kbps": [200000, 80000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#,
        )],
        "[topology]\nstrategy = \"full\"\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let evidence = &stages.tree.evidence;
    if evidence.too_deep.is_empty() {
        return;
    }
    let path: Vec<String> = evidence
        .too_deep
        .iter()
        .map(|&ix| words::short(&stages.inventory[ix].name))
        .collect();
    let draft = Draft::new(
        format!(
            "the tree is {} deep and {} fit: {}",
            words::count(evidence.depth, "node level"),
            words::number(evidence.depth_budget),
            path.join(" > "),
        ),
        match stages.project.topology.max_depth {
            0 => "list nodes of this path in `topology.exclude`, or use `topology.strategy = \"ap_site\"`",
            _ => "raise `topology.max_depth`, or list nodes of this path in `topology.exclude`",
        },
    )
    .about_all(
        evidence
            .too_deep
            .iter()
            .map(|&ix| stages.inventory[ix].subject()),
    );
    let labels = evidence
        .too_deep
        .iter()
        .rev()
        .map(|&ix| Label::new(stages.inventory[ix].origin.whole(), "on the path"));
    out.push(words::at_each(draft, labels));
}
