//! TOP014: links that carry nothing now.

use rustc_hash::FxHashMap;

use crate::finding::{Draft, Label, Level};
use crate::ir::inventory::Link;
use crate::ir::records::LinkState;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::{Kbps, Pair};

pub static RULE: Rule = Rule {
    code: "TOP014",
    name: "link-not-used",
    default: Level::Warning,
    contained: true,
    what: "A link is down, or only planned.",
    why: "Traffic is planned over the other links: when the link comes up again, everybody behind it changes place in the tree.",
    fix: "Repair the link, or remove it from the source if it is gone for good.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"}, {"id": "hill", "name": "Hill", "kind": "site", "parent": "core"}],
 "links": [{"id": "L1", "a": "core", "b": "hill", "kbps": [500000, 500000], "up": false}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "name": "Core", "kind": "root"}, {"id": "hill", "name": "Hill", "kind": "site", "parent": "core"}],
 "links": [{"id": "L1", "a": "core", "b": "hill", "kbps": [500000, 500000], "up": true}]}"#,
        )],
        "",
    ),
    check,
};

/// One finding for each link that is down; the planned ones are known to be, and share one.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let links = &stages.inventory.links;
    let held: FxHashMap<_, u32> = stages
        .graph
        .evidence
        .held
        .iter()
        .map(|held| (&stages.inventory[held.link].id, held.snapshots))
        .collect();
    for link in links.iter().filter(|l| l.state == LinkState::Down) {
        let then = match held.get(&link.id) {
            None => "traffic is planned over other links".to_owned(),
            Some(snapshots) => format!(
                "the tree still uses it, for {} of the {} snapshots it may be down",
                words::number(*snapshots as usize),
                words::number(stages.project.topology.link_down_hold as usize),
            ),
        };
        out.push(
            Draft::new(
                format!("{} is down: {then}", describe(stages, link)),
                "repair the link, or remove it from the source if it is gone for good",
            )
            .about(link.subject())
            .about(stages.inventory[link.a].subject())
            .about(stages.inventory[link.b].subject())
            .at(link.origin.whole(), "down"),
        );
    }
    let planned: Vec<&Link> = links
        .iter()
        .filter(|l| l.state == LinkState::Planned)
        .collect();
    let Some(first) = planned.first() else {
        return;
    };
    let message = match planned.len() {
        1 => format!(
            "{} is planned: it counts for nothing until it is up",
            describe(stages, first)
        ),
        n => format!(
            "{} are planned and count for nothing until they are up, first {}",
            words::count(n, "link"),
            describe(stages, first)
        ),
    };
    let draft = Draft::new(
        message,
        "nothing, until the link is built; then mark it as up in the source",
    )
    .about_all(planned.iter().map(|l| l.subject()));
    let labels = planned
        .iter()
        .map(|l| Label::new(l.origin.whole(), "planned"));
    out.push(words::at_each(draft, labels));
}

/// `link "L4" between site "s3" and site "s2" (500/250 Mbit/s)`
fn describe(stages: &Stages<'_>, link: &Link) -> String {
    let known = |k: Option<Kbps>| k.and_then(Kbps::known);
    let capacity = match (known(link.ab), known(link.ba)) {
        (Some(ab), Some(ba)) => format!(" ({})", words::rates(Pair::new(ab, ba))),
        _ => String::new(),
    };
    format!(
        "link \"{}\" between {} and {}{capacity}",
        words::short_id(&link.id),
        stages.node(link.a),
        stages.node(link.b)
    )
}
