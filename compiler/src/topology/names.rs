//! Pass 11, names: every emitted node gets a name no other has (topology.md 1.11). Ids never change.

use std::collections::BTreeMap;

use crate::id::NodeIx;
use crate::ir::inventory::Inventory;
use crate::ir::records::NodeKind;
use crate::ir::tree::{RenameReason, TreeEvidence};
use crate::topology::Draft;

/// Name prefixes that LibreQoS and this compiler give to generated things.
pub const RESERVED: [&str; 3] = ["Generated_PN_", "CpueQueue", "@"];

pub fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|prefix| name.starts_with(prefix))
}

/// Names of emitted nodes, in preorder.
pub(crate) fn unique(
    inventory: &Inventory,
    draft: &Draft,
    evidence: &mut TreeEvidence,
) -> Vec<Box<str>> {
    let order = draft.preorder();
    let mut names: BTreeMap<NodeIx, String> = order
        .iter()
        .map(|&n| (n, inventory[n].name.to_string()))
        .collect();
    let mut renamed: BTreeMap<NodeIx, RenameReason> = BTreeMap::new();
    let mut first_round = true;
    loop {
        let mut groups: BTreeMap<&str, Vec<NodeIx>> = BTreeMap::new();
        for (&node, name) in &names {
            groups.entry(name).or_default().push(node);
        }
        let mut suffix: Vec<(NodeIx, RenameReason)> = Vec::new();
        for (name, group) in groups {
            if first_round && is_reserved(name) {
                suffix.extend(group.into_iter().map(|n| (n, RenameReason::Reserved)));
                continue;
            }
            if group.len() < 2 {
                continue;
            }
            let mut sites = group
                .iter()
                .filter(|n| inventory[**n].kind == NodeKind::Site);
            let keeps = match (sites.next(), sites.next()) {
                (Some(&only), None) => Some(only),
                _ => None,
            };
            suffix.extend(
                group
                    .into_iter()
                    .filter(|n| Some(*n) != keeps)
                    .map(|n| (n, RenameReason::Shared)),
            );
        }
        if suffix.is_empty() {
            break;
        }
        for (node, reason) in suffix {
            if let Some(name) = names.get_mut(&node) {
                *name = format!("{name} [{}]", inventory[node].id);
            }
            renamed.entry(node).or_insert(reason);
        }
        first_round = false;
    }
    evidence.renamed = renamed.into_iter().collect();
    order
        .iter()
        .map(|n| names.remove(n).unwrap_or_default().into())
        .collect()
}
