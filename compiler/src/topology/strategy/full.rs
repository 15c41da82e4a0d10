//! `full`: every visible node under its nearest visible ancestor; circuits on the nearest visible node. The root
//! is not emitted.

use super::{Place, View};
use crate::id::NodeIx;

pub(crate) struct Full;

impl Place for Full {
    fn parent(&self, view: &View<'_>, node: NodeIx) -> Option<Option<NodeIx>> {
        view.visible(node)
            .then(|| view.up(node).and_then(|up| view.nearest(up, |_| true)))
    }

    fn attach(&self, view: &View<'_>, node: NodeIx) -> Option<NodeIx> {
        view.nearest(node, |_| true)
    }
}
