//! What several rules want to know about the network, worked out in one pass each.

use std::cmp::Ordering;
use std::iter::Peekable;

use crate::id::{CircuitIx, NodeIx, TreeIx};
use crate::ir::graph::Choice;
use crate::ir::inventory::Circuit;
use crate::ir::previous::{PreviousCircuit, PreviousTree};
use crate::ir::records::NodeKind;
use crate::lint::rule::Stages;

impl<'a> Stages<'a> {
    pub(super) fn choice(&self, node: NodeIx) -> Option<&'a Choice> {
        self.chosen.choice.get(node.ix())?.as_ref()
    }

    /// The parent in the chosen tree; `None` = the generated root, or the root itself.
    pub(super) fn parent(&self, node: NodeIx) -> Option<NodeIx> {
        self.choice(node)?.parent.node()
    }

    /// Ancestors in the chosen tree, nearest first. Guarded against cycles: no path is longer than the network.
    pub(super) fn ancestors(&self, node: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
        std::iter::successors(self.parent(node), |&at| self.parent(at))
            .take(self.inventory.nodes.len())
    }

    /// `node` is `above`, or lies below it in the chosen tree.
    pub(super) fn is_below(&self, node: NodeIx, above: NodeIx) -> bool {
        node == above || self.ancestors(node).any(|at| at == above)
    }

    /// The nearest ancestor-or-self of kind site or root in the chosen tree.
    pub(super) fn site(&self, node: NodeIx) -> Option<NodeIx> {
        std::iter::once(node)
            .chain(self.ancestors(node))
            .find(|&at| is_place(self.inventory[at].kind))
    }

    /// Circuits that are shaped: not omitted.
    pub(crate) fn shaped(&self) -> impl Iterator<Item = (CircuitIx, &'a Circuit)> {
        self.inventory
            .circuits
            .iter()
            .enumerate()
            .filter(|(_, c)| c.omitted.is_none())
            .map(|(i, c)| (CircuitIx::of(i), c))
    }

    /// Circuits of the inventory, to be asked for by ids that come in order.
    pub(super) fn circuits_in_order(
        &self,
    ) -> InOrder<impl Iterator<Item = (&'a str, CircuitIx)> + use<'a>> {
        let circuits = self.inventory.circuits.iter().enumerate();
        InOrder::new(circuits.map(|(i, c)| (&*c.id, CircuitIx::of(i))))
    }

    /// By node: shaped circuits attached to it or below it in the chosen tree.
    pub(super) fn circuits_below(&self) -> Vec<usize> {
        let mut below = vec![0; self.inventory.nodes.len()];
        for (_, circuit) in self.shaped() {
            if let Some(at) = circuit.attach {
                below[at.ix()] += 1;
            }
        }
        for &node in self.chosen.order.iter().rev() {
            if let Some(parent) = self.parent(node) {
                below[parent.ix()] += below[node.ix()];
            }
        }
        below
    }

    /// By emitted node: circuits on it or below it.
    pub(super) fn emitted_circuits_below(&self) -> Vec<usize> {
        let nodes = &self.tree.nodes;
        let mut below: Vec<usize> = nodes.iter().map(|n| n.circuits.len()).collect();
        for (i, node) in nodes.iter().enumerate().rev() {
            if let Some(parent) = node.parent {
                below[parent.ix()] += below[i];
            }
        }
        below
    }

    /// By inventory node: where it is emitted.
    pub(super) fn emitted(&self) -> Vec<Option<TreeIx>> {
        let mut at = vec![None; self.inventory.nodes.len()];
        for ix in self.tree.tree_ixs() {
            at[self.tree[ix].node.ix()] = Some(ix);
        }
        at
    }
}

impl PreviousTree {
    /// Its circuits, to be asked for by ids that come in order.
    pub(super) fn circuits_in_order(
        &self,
    ) -> InOrder<impl Iterator<Item = (&str, &PreviousCircuit)>> {
        InOrder::new(self.circuits.iter().map(|(id, circuit)| (&**id, circuit)))
    }
}

/// Finds things by ids that come in order among things in the order of their ids: two lists are walked once beside each
/// other, where looking each id up would search one of them every time.
pub(super) struct InOrder<I: Iterator> {
    rest: Peekable<I>,
}

impl<'i, T: Copy, I: Iterator<Item = (&'i str, T)>> InOrder<I> {
    /// `things`: sorted by id as bytes.
    pub(super) fn new(things: I) -> Self {
        InOrder {
            rest: things.peekable(),
        }
    }

    /// What has this id, which must not be less than the one before.
    pub(super) fn get(&mut self, id: &str) -> Option<T> {
        while let Some((here, thing)) = self.rest.peek() {
            match (*here).cmp(id) {
                Ordering::Less => self.rest.next(),
                Ordering::Equal => return Some(*thing),
                Ordering::Greater => return None,
            };
        }
        None
    }
}

pub(super) fn is_place(kind: NodeKind) -> bool {
    matches!(kind, NodeKind::Site | NodeKind::Root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_order_is_found_in_one_walk() {
        let mut things = InOrder::new([("b", 1), ("c", 2), ("e", 3)].into_iter());
        let asked = ["a", "b", "b", "d", "e", "f"];
        let found: Vec<Option<i32>> = asked.iter().map(|id| things.get(id)).collect();
        assert_eq!(found, [None, Some(1), Some(1), None, Some(3), None]);
        assert_eq!(
            InOrder::new(std::iter::empty::<(&str, u8)>()).get("a"),
            None
        );
    }
}
