//! The `inventory` source: our own neutral file, `weir.inventory/1`, for pipelines that are no CRM. It is the
//! one source whose words are ours, so lowering is decoding: ids stay as written, capacities of 0 are unknown,
//! and what is not in the format is reported.
//!
//! It does not know whether references resolve, which parent is right or what the topology means: a parent or
//! an end of a link is carried as written.

pub mod fields;
mod lower;
pub mod scan;
#[cfg(test)]
mod tests;

use crate::config::project::Source;
use crate::exports::Export;
use crate::ir::records::{MissingCollection, Records};
use crate::source_map::SourceMap;

/// The collection of the source: `inventory.json` in its export directory.
pub const COLLECTION: &str = "inventory";

pub fn lower(source: &Source, export: &Export, files: &SourceMap) -> Records {
    let mut records = Records::default();
    let mut any = false;
    for file in export.collection(COLLECTION) {
        any = true;
        let lowered = lower::file(file, files.file(file).bytes.whole());
        records.nodes.extend(lowered.nodes);
        records.links.extend(lowered.links);
        records.circuits.extend(lowered.circuits);
        records.evidence.absorb(lowered.evidence);
    }
    if !any {
        records.evidence.missing.push(MissingCollection {
            source: source.name.as_str().into(),
            collection: COLLECTION,
            optional: false,
            consequence: "the source has nothing to say without it",
        });
    }
    records
}
