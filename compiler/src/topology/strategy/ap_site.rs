//! `ap_site`: circuits under their AP, APs under their site, sites side by side. A circuit with no AP but a site
//! above hangs on that site; an AP with no site above is itself top level.

use super::{Place, View};
use crate::id::NodeIx;
use crate::ir::records::NodeKind;

pub(crate) struct ApSite;

impl Place for ApSite {
    fn parent(&self, view: &View<'_>, node: NodeIx) -> Option<Option<NodeIx>> {
        if !view.visible(node) {
            return None;
        }
        match view.kind(node) {
            NodeKind::Site => Some(None),
            NodeKind::Ap => Some(view.nearest(node, |kind| kind == NodeKind::Site)),
            NodeKind::Root | NodeKind::Other => None,
        }
    }

    fn attach(&self, view: &View<'_>, node: NodeIx) -> Option<NodeIx> {
        view.nearest(node, |kind| kind == NodeKind::Ap)
            .or_else(|| view.nearest(node, |kind| kind == NodeKind::Site))
    }
}
