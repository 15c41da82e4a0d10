//! `ap_only`: every circuit under its nearest AP; APs are top level, each with the bottleneck of its path.

use super::{Place, View};
use crate::id::NodeIx;
use crate::ir::records::NodeKind;

pub(crate) struct ApOnly;

impl Place for ApOnly {
    fn parent(&self, view: &View<'_>, node: NodeIx) -> Option<Option<NodeIx>> {
        (view.visible(node) && view.kind(node) == NodeKind::Ap).then_some(None)
    }

    fn attach(&self, view: &View<'_>, node: NodeIx) -> Option<NodeIx> {
        view.nearest(node, |kind| kind == NodeKind::Ap)
    }
}
