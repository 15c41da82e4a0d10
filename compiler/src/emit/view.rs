//! What several files need of the stages, worked out once: which circuits are emitted, what hangs in which
//! generated parent node, and what things are called.

use weir_schemas::common;

use crate::id::{CircuitIx, TreeIx};
use crate::ir::inventory::{Circuit, OmitReason};
use crate::ir::records::NodeKind;
use crate::ir::tree::{Parent, PlacedCircuit, Strategy, bucket_name};
use crate::lint::rule::Stages;

pub(super) struct View<'a> {
    pub stages: &'a Stages<'a>,
    /// Emitted circuits, in id order.
    pub placed: Vec<Placed<'a>>,
    /// Generated parent nodes that hold circuits, sorted by name.
    pub buckets: Vec<Bucket>,
    /// Names of generated parent nodes, by number.
    names: Vec<String>,
}

#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    pub ix: CircuitIx,
    pub circuit: &'a Circuit,
    pub place: &'a PlacedCircuit,
}

pub(super) struct Bucket {
    pub number: u16,
    /// In id order.
    pub circuits: Vec<CircuitIx>,
}

impl<'a> View<'a> {
    pub fn new(stages: &'a Stages<'a>) -> Self {
        let mut placed = Vec::with_capacity(stages.tree.circuits.len());
        let mut members: Vec<Vec<CircuitIx>> = Vec::new();
        for (ix, place) in stages.tree.placed() {
            placed.push(Placed {
                ix,
                circuit: &stages.inventory[ix],
                place,
            });
            if let Parent::Bucket(number) = place.parent {
                let number = usize::from(number);
                if members.len() <= number {
                    members.resize_with(number + 1, Vec::new);
                }
                members[number].push(ix);
            }
        }
        let numbered = || (0..=u16::MAX).zip(&members);
        let names: Vec<String> = numbered().map(|(number, _)| bucket_name(number)).collect();
        let mut buckets: Vec<Bucket> = numbered()
            .filter(|(_, circuits)| !circuits.is_empty())
            .map(|(number, circuits)| Bucket {
                number,
                circuits: circuits.clone(),
            })
            .collect();
        buckets.sort_unstable_by_key(|b| &names[usize::from(b.number)]);
        View {
            stages,
            placed,
            buckets,
            names,
        }
    }

    /// Name of a generated parent node that holds circuits.
    pub fn bucket_name(&self, number: u16) -> &str {
        &self.names[usize::from(number)]
    }

    /// Stable id of an emitted node.
    pub fn node_id(&self, at: TreeIx) -> &'a str {
        &self.stages.inventory[self.stages.tree[at].node].id
    }

    /// Id of the node, or name of the generated parent node.
    pub fn parent(&self, parent: Parent) -> &str {
        match parent {
            Parent::Node(at) => self.node_id(at),
            Parent::Bucket(number) => self.bucket_name(number),
        }
    }
}

/// Our words in the published ones.
impl From<Strategy> for common::Strategy {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::Flat => common::Strategy::Flat,
            Strategy::ApOnly => common::Strategy::ApOnly,
            Strategy::ApSite => common::Strategy::ApSite,
            Strategy::Full => common::Strategy::Full,
        }
    }
}

impl From<NodeKind> for common::NodeKind {
    fn from(kind: NodeKind) -> Self {
        match kind {
            NodeKind::Root => common::NodeKind::Root,
            NodeKind::Site => common::NodeKind::Site,
            NodeKind::Ap => common::NodeKind::Ap,
            NodeKind::Other => common::NodeKind::Other,
        }
    }
}

impl From<OmitReason> for common::OmitReason {
    fn from(reason: OmitReason) -> Self {
        match reason {
            OmitReason::Suspended => common::OmitReason::Suspended,
            OmitReason::NoPlan => common::OmitReason::NoPlan,
            OmitReason::NoAddress => common::OmitReason::NoAddress,
            OmitReason::Excluded => common::OmitReason::Excluded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_words_are_those_of_settings_and_messages() {
        for strategy in Strategy::ALL {
            assert_eq!(common::Strategy::from(strategy).word(), strategy.word());
        }
        for reason in OmitReason::ALL {
            assert_eq!(
                serde_json::json!(common::OmitReason::from(reason)),
                reason.word()
            );
        }
        for kind in [
            NodeKind::Root,
            NodeKind::Site,
            NodeKind::Ap,
            NodeKind::Other,
        ] {
            assert_eq!(serde_json::json!(common::NodeKind::from(kind)), kind.word());
        }
    }
}
