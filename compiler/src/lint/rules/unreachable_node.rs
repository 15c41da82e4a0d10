//! TOP004: nodes that no way leads to.

use rustc_hash::FxHashMap;

use crate::finding::{Draft, Label, Level};
use crate::id::NodeIx;
use crate::ir::records::{LinkState, Subject, SubjectKind};
use crate::lint::network::is_place;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

/// From here on islands without circuits are one finding.
const PATTERN: usize = 4;

pub static RULE: Rule = Rule {
    code: "TOP004",
    name: "unreachable-node",
    default: Level::Warning,
    contained: false,
    what: "No up link and no declared parent joins a node to the root. An error when a source marks no gateway and `topology.root` is not set.",
    why: "The node is hung under the root as if it had an uplink of its own: the backhaul that really carries its subscribers does not count them.",
    fix: "Record the missing link or parent, pin the node, or name the root with `topology.root`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"},
           {"id": "hill", "name": "Hill", "kind": "site"},
           {"id": "lake", "name": "Lake", "kind": "site"}],
 "links": [{"id": "L1", "a": "core", "b": "hill", "kbps": [500000, 500000]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"},
           {"id": "hill", "name": "Hill", "kind": "site"},
           {"id": "lake", "name": "Lake", "kind": "site"}],
 "links": [{"id": "L1", "a": "core", "b": "hill", "kbps": [500000, 500000]},
           {"id": "L2", "a": "hill", "b": "lake", "kbps": [300000, 300000]}]}"#,
        )],
        "",
    ),
    check,
};

/// One finding for each island. Where the gateway is unknown, that is the finding, and the first island is only
/// its consequence.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let asked = stages.project.topology.root.is_some();
    let unknown_gateway = !asked && stages.sources.iter().any(|s| s.no_gateway);
    if unknown_gateway {
        out.push(no_gateway(stages));
    }
    let heads = stages.graph.heads.get(usize::from(unknown_gateway)..);
    let Some(heads) = heads.filter(|h| !h.is_empty()) else {
        return;
    };
    let mut members: FxHashMap<NodeIx, Vec<NodeIx>> = FxHashMap::default();
    for (i, head) in stages.chosen.island.iter().enumerate() {
        if let Some(head) = *head
            && head.ix() != i
        {
            members.entry(head).or_default().push(NodeIx::of(i));
        }
    }
    let below = stages.circuits_below();
    let (mut bare, used): (Vec<NodeIx>, Vec<NodeIx>) =
        heads.iter().partition(|head| below[head.ix()] == 0);
    for head in used {
        let behind = members.get(&head).map_or(&[][..], Vec::as_slice);
        out.push(island(stages, head, behind, below[head.ix()]));
    }
    if bare.len() < PATTERN {
        for head in bare {
            let behind = members.get(&head).map_or(&[][..], Vec::as_slice);
            out.push(island(stages, head, behind, 0));
        }
        return;
    }
    bare.sort_unstable();
    let draft = Draft::new(
        format!(
            "{} without circuits have no way to the root: {}",
            words::count(bare.len(), "node"),
            stages.nodes(bare.iter().copied())
        ),
        "record their links, or ignore this while nobody is attached there",
    )
    .about_all(bare.iter().map(|&ix| stages.inventory[ix].subject()));
    let labels = bare
        .iter()
        .map(|&ix| Label::new(stages.inventory[ix].origin.whole(), "hung under the root"));
    out.push(words::at_each(draft, labels));
}

fn island(stages: &Stages<'_>, head: NodeIx, behind: &[NodeIx], circuits: usize) -> Draft {
    let node = &stages.inventory[head];
    let who = match behind.len() {
        0 => stages.node(head),
        n => format!(
            "{} and {} behind it",
            stages.node(head),
            words::count(n, "node")
        ),
    };
    let with = match circuits {
        0 => String::new(),
        n => format!(", with {},", words::count(n, "circuit")),
    };
    Draft::new(
        format!(
            "{who}{with} {} no way to the root: no up link and no declared parent leads there",
            words::verb(1 + behind.len(), "has", "have"),
        ),
        format!(
            "record the missing link, or name what feeds it: `[topology.pin]` `\"{}\" = \"...\"`",
            node.id
        ),
    )
    .about(node.subject())
    .about_all(behind.iter().map(|&ix| stages.inventory[ix].subject()))
    .at(node.origin.whole(), "hung under the root")
}

fn no_gateway(stages: &Stages<'_>) -> Draft {
    let source = stages
        .sources
        .iter()
        .position(|s| s.no_gateway)
        .and_then(|i| stages.project.sources.get(i));
    let name = source.map_or("a source", |s| s.name.as_str());
    let best = best_connected(stages);
    let (help, named) = match &best[..] {
        [] => (
            "set `topology.root` to the site where your uplink is".to_owned(),
            String::new(),
        ),
        [first, ..] => (
            format!(
                "set `topology.root` to the site where your uplink is, such as `root = \"{}\"`",
                stages.inventory[*first].id
            ),
            format!(
                "; the best connected: {}",
                stages.nodes(best.iter().copied())
            ),
        ),
    };
    let place = match source {
        Some(s) => stages.project.place(format!("source.{}", s.index)),
        None => stages.project.place("topology.root"),
    };
    Draft::new(
        format!("source \"{name}\" does not say which site is the gateway to the internet{named}"),
        help,
    )
    .about(Subject::new(SubjectKind::Source, name, name))
    .about_all(best.iter().map(|&ix| stages.inventory[ix].subject()))
    .at(place, "names no gateway")
    .level(Level::Error)
}

/// The three sites with the most up links to other sites; links end at radios, which count for their site.
fn best_connected(stages: &Stages<'_>) -> Vec<NodeIx> {
    let inventory = stages.inventory;
    let site = |mut at: NodeIx| {
        for _ in 0..inventory.nodes.len() {
            if is_place(inventory[at].kind) {
                return Some(at);
            }
            at = inventory[at].parent?;
        }
        None
    };
    let mut links: FxHashMap<NodeIx, usize> = FxHashMap::default();
    for link in inventory.links.iter().filter(|l| l.state == LinkState::Up) {
        if let (Some(a), Some(b)) = (site(link.a), site(link.b))
            && a != b
        {
            *links.entry(a).or_default() += 1;
            *links.entry(b).or_default() += 1;
        }
    }
    let mut sites: Vec<(std::cmp::Reverse<usize>, NodeIx)> = links
        .into_iter()
        .map(|(site, n)| (std::cmp::Reverse(n), site))
        .collect();
    sites.sort_unstable();
    sites.into_iter().map(|(_, site)| site).take(3).collect()
}
