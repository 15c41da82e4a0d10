//! normalize
use crate::config::project::Project;
use crate::ir::inventory::Inventory;
use crate::ir::records::{Records, SourceEvidence};

pub fn normalize(_project: &Project, records: Vec<Records>) -> (Inventory, Vec<SourceEvidence>) {
    (
        Inventory::default(),
        records.into_iter().map(|r| r.evidence).collect(),
    )
}
