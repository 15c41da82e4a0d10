//! `flat`: no nodes; every circuit goes to a generated bucket, and no capacity of the network is enforced.

use super::{Place, View};
use crate::id::NodeIx;

pub(crate) struct Flat;

impl Place for Flat {
    fn parent(&self, _: &View<'_>, _: NodeIx) -> Option<Option<NodeIx>> {
        None
    }

    fn attach(&self, _: &View<'_>, _: NodeIx) -> Option<NodeIx> {
        None
    }
}
