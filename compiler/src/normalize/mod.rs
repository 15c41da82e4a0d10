//! Normalizing: from what sources say to one entry per real thing. Ids become indices, references are resolved,
//! every address gets one owner, and every circuit its rates or a reason why it is left out
//! (topology.md 1.0 pass 1, 1.3, 1.4, 1.7).
//!
//! The result depends on the set of records, never on their order: of two records of one source that contradict each
//! other the smaller content is used, and both are named. What several sources say is put together in `merge`, what
//! routers know of addresses is added in `enrich`, and what the operator says is laid over that in `overlay`.

mod addresses;
mod circuits;
mod enrich;
mod merge;
mod nodes;
mod overlay;
pub mod rates;

use crate::config::project::Project;
use crate::ir::inventory::Inventory;
use crate::ir::records::{Records, SourceEvidence};

/// `sources` are in order of precedence, as in `Project::sources`.
pub fn normalize(project: &Project, sources: Vec<Records>) -> (Inventory, Vec<SourceEvidence>) {
    let mut inventory = Inventory::default();
    let known = &mut inventory.evidence;
    let mut evidence = Vec::with_capacity(sources.len());
    let (mut nodes, mut links, mut circuits) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = Vec::new();
    for source in sources {
        nodes.push(nodes::unique_nodes(
            source.nodes,
            &mut known.duplicate_nodes,
        ));
        links.push(nodes::unique_links(
            source.links,
            &mut known.duplicate_links,
        ));
        let duplicates = &mut known.duplicate_circuits;
        circuits.push(circuits::unique_circuits(source.circuits, duplicates));
        evidence.push(source.evidence);
        seen.push(source.seen);
    }
    let (mut nodes, aliases) = merge::nodes(project, nodes, &mut known.merge);
    nodes.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    let effects = overlay::nodes(project, &mut nodes, &mut known.overlay);
    let mut links = merge::links(project, links, &aliases, &mut known.merge);
    links.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    overlay::links(project, &mut links, &mut known.overlay);
    let names = nodes::nodes(project, nodes, &effects, &mut inventory);
    nodes::links(links, &mut inventory);
    let known = &mut inventory.evidence;
    let mut circuits = merge::circuits(
        project,
        circuits,
        &aliases,
        &names,
        &inventory.nodes,
        &mut known.merge,
    );
    circuits.sort_unstable_by(|a, b| a.record.id.cmp(&b.record.id));
    enrich::circuits(seen, &mut circuits);
    let nodes = &inventory.nodes;
    overlay::circuits(project, &mut circuits, &names, nodes, &mut known.overlay);
    circuits::circuits(project, circuits, &names, &mut inventory);
    overlay::rates(project, &mut inventory);
    inventory.evidence.merge.sort();
    (inventory, evidence)
}
