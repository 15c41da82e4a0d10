//! Normalizing: from what sources say to one entry per real thing. Ids become indices, references are resolved,
//! every address gets one owner, and every circuit its rates or a reason why it is left out
//! (topology.md 1.0 pass 1, 1.3, 1.4, 1.7).
//!
//! The result depends on the set of records, never on their order: where two records contradict each other, the
//! one of the earlier source and then the smaller content is used, and both are named.

mod addresses;
mod circuits;
mod nodes;
pub mod rates;

use crate::config::project::Project;
use crate::ir::inventory::Inventory;
use crate::ir::records::{CircuitRecord, LinkRecord, NodeRecord, Records, SourceEvidence};

/// A record and the rank of its source: lower wins.
struct Ranked<T> {
    rank: usize,
    record: T,
}

pub fn normalize(project: &Project, sources: Vec<Records>) -> (Inventory, Vec<SourceEvidence>) {
    let mut evidence = Vec::with_capacity(sources.len());
    let mut node_records: Vec<Ranked<NodeRecord>> = Vec::new();
    let mut link_records: Vec<Ranked<LinkRecord>> = Vec::new();
    let mut circuit_records: Vec<Ranked<CircuitRecord>> = Vec::new();
    for (rank, source) in sources.into_iter().enumerate() {
        let ranked = |rank| move |record| Ranked { rank, record };
        node_records.extend(source.nodes.into_iter().map(ranked(rank)));
        link_records.extend(
            source
                .links
                .into_iter()
                .map(|record| Ranked { rank, record }),
        );
        circuit_records.extend(
            source
                .circuits
                .into_iter()
                .map(|record| Ranked { rank, record }),
        );
        evidence.push(source.evidence);
    }
    let mut inventory = Inventory::default();
    let names = nodes::nodes(project, node_records, &mut inventory);
    nodes::links(link_records, &mut inventory);
    circuits::circuits(project, circuit_records, &names, &mut inventory);
    (inventory, evidence)
}
