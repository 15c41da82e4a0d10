//! Pass 9, the depth cut: HTB holds eight classes in a chain. A tree that is deeper loses the nodes whose limits
//! matter least: the set with the smallest (sum of losses, circuits that move, size, ids) after which no root path holds
//! more nodes than the budget and every circuit that hung on a node still does (topology.md 1.13, 5.1).

use rustc_hash::FxHashMap;

use crate::id::{CircuitIx, NodeIx};
use crate::ir::tree::{TreeEvidence, Unenforced, UnenforcedWhy};
use crate::topology::Draft;
use crate::topology::adjust::loss::{demand, loss};
use crate::units::{Kbps, Pair};

pub(crate) fn cut(draft: &mut Draft, evidence: &mut TreeEvidence) {
    let budget = evidence.depth_budget;
    let order = draft.preorder();
    let (depth, deepest) = depth(draft, &order);
    evidence.depth = depth;
    if depth <= budget {
        return;
    }
    let children = draft.children();
    let own = draft.own_circuits();
    let demand = demand(draft);
    let mut losses = vec![Pair::ZERO; draft.emitted.len()];
    for &node in &order {
        let above = draft.parent[node.ix()].map_or(Pair::UNLIMITED, |p| draft.cap[p.ix()]);
        losses[node.ix()] = loss(demand.s[node.ix()], above, draft.cap[node.ix()]);
    }
    let mut solver = Solver {
        children: &children,
        own: &own,
        losses: &losses,
        top: order
            .iter()
            .copied()
            .filter(|n| draft.parent[n.ix()].is_none())
            .collect(),
        best: FxHashMap::default(),
    };
    let Some(dropped) = solver.solve(&order, budget) else {
        evidence.too_deep = path(draft, deepest);
        return;
    };
    draft.remove(&dropped);
    for &node in &dropped {
        evidence.unenforced.push(Unenforced {
            node,
            why: UnenforcedWhy::DepthCut,
            loss: losses[node.ix()],
        });
    }
    evidence.depth = self::depth(draft, &draft.preorder()).0;
    evidence.cut = dropped;
}

/// Node levels of the deepest path, and its last node (smallest id).
fn depth(draft: &Draft, order: &[NodeIx]) -> (usize, Option<NodeIx>) {
    let mut level = vec![0usize; draft.emitted.len()];
    let mut deepest: Option<NodeIx> = None;
    for &node in order {
        let i = node.ix();
        level[i] = draft.parent[i].map_or(1, |p| level[p.ix()] + 1);
        let deeper = deepest.is_none_or(|d| (level[i], d) > (level[d.ix()], node));
        if deeper {
            deepest = Some(node);
        }
    }
    (deepest.map_or(0, |d| level[d.ix()]), deepest)
}

fn path(draft: &Draft, to: Option<NodeIx>) -> Vec<NodeIx> {
    let mut path: Vec<NodeIx> = std::iter::successors(to, |n| draft.parent[n.ix()]).collect();
    path.reverse();
    path
}

/// (loss, circuits that hang elsewhere then, nodes dropped): sums over independent subtrees, so each subtree minimizes
/// it on its own. A circuit that moves gets another class and other neighbours, so of two cuts that lose as much the one
/// that moves fewer is taken.
type Value = (u64, u32, u32);

/// A node, the levels left for its subtree, and whether a kept ancestor exists.
type State = (NodeIx, usize, bool);

struct Solver<'a> {
    children: &'a [Vec<NodeIx>],
    own: &'a [Vec<CircuitIx>],
    losses: &'a [Pair<Kbps>],
    top: Vec<NodeIx>,
    /// Best value of the subtree; `None` = impossible.
    best: FxHashMap<State, Option<Value>>,
}

impl Solver<'_> {
    fn solve(&mut self, order: &[NodeIx], budget: usize) -> Option<Vec<NodeIx>> {
        // Children before parents, so that no recursion is as deep as the tree.
        for &node in order.iter().rev() {
            for levels in 0..=budget {
                for anchored in [false, true] {
                    let value = self.value(node, levels, anchored);
                    self.best.insert((node, levels, anchored), value);
                }
            }
        }
        if self
            .top
            .iter()
            .any(|node| self.best[&(*node, budget, false)].is_none())
        {
            return None;
        }
        let mut sets = self.sets(order, budget);
        let mut dropped = Vec::new();
        for node in &self.top {
            dropped.extend(sets.remove(&(*node, budget, false)).unwrap_or_default());
        }
        dropped.sort_unstable();
        Some(dropped)
    }

    fn below(&self, node: NodeIx, levels: usize, anchored: bool) -> Option<Value> {
        self.children[node.ix()]
            .iter()
            .try_fold((0u64, 0u32, 0u32), |sum, &child| {
                let part = self.best[&(child, levels, anchored)]?;
                Some((sum.0.saturating_add(part.0), sum.1 + part.1, sum.2 + part.2))
            })
    }

    fn keep(&self, node: NodeIx, levels: usize) -> Option<Value> {
        self.below(node, levels.checked_sub(1)?, true)
    }

    fn drop(&self, node: NodeIx, levels: usize, anchored: bool) -> Option<Value> {
        // Its circuits need a kept ancestor. (A top-level node has none, so one with own circuits stays.)
        if !self.own[node.ix()].is_empty() && !anchored {
            return None;
        }
        let below = self.below(node, levels, anchored)?;
        Some((
            below.0.saturating_add(self.losses[node.ix()].total().0),
            below.1 + self.own[node.ix()].len() as u32,
            below.2 + 1,
        ))
    }

    fn value(&self, node: NodeIx, levels: usize, anchored: bool) -> Option<Value> {
        match (self.keep(node, levels), self.drop(node, levels, anchored)) {
            (Some(keep), Some(drop)) => Some(keep.min(drop)),
            (keep, drop) => keep.or(drop),
        }
    }

    /// Which of keeping and dropping gives the best value.
    fn choices(&self, (node, levels, anchored): State) -> (bool, bool) {
        let best = self.best[&(node, levels, anchored)];
        (
            best.is_some() && self.keep(node, levels) == best,
            best.is_some() && self.drop(node, levels, anchored) == best,
        )
    }

    /// The dropped nodes of the best solution below each top-level node; among equals the smallest list of ids.
    /// Subtrees share no ids and their list lengths are fixed by the value, so the smallest parts make the smallest
    /// whole. First down the tree, for the states that a best solution can reach, then up, for their lists: no
    /// recursion is as deep as the tree.
    fn sets(&self, order: &[NodeIx], budget: usize) -> FxHashMap<State, Vec<NodeIx>> {
        let mut wanted: Vec<Vec<State>> = vec![Vec::new(); self.children.len()];
        for node in &self.top {
            wanted[node.ix()].push((*node, budget, false));
        }
        for &node in order {
            for state in wanted[node.ix()].clone() {
                let (_, levels, anchored) = state;
                let (keep, drop) = self.choices(state);
                for &child in &self.children[node.ix()] {
                    let below = &mut wanted[child.ix()];
                    if keep {
                        below.push((child, levels - 1, true));
                    }
                    if drop {
                        below.push((child, levels, anchored));
                    }
                }
            }
            for &child in &self.children[node.ix()] {
                wanted[child.ix()].sort_unstable();
                wanted[child.ix()].dedup();
            }
        }
        let mut sets: FxHashMap<State, Vec<NodeIx>> = FxHashMap::default();
        for &node in order.iter().rev() {
            let of_node: Vec<(State, Vec<NodeIx>)> = wanted[node.ix()]
                .iter()
                .map(|&state| {
                    let (_, levels, anchored) = state;
                    let (keep, drop) = self.choices(state);
                    let kept = keep.then(|| self.join(node, levels - 1, true, &sets));
                    let dropped = drop.then(|| {
                        let mut list = self.join(node, levels, anchored, &sets);
                        list.push(node);
                        list.sort_unstable();
                        list
                    });
                    let list = match (kept, dropped) {
                        (Some(kept), Some(dropped)) => kept.min(dropped),
                        (kept, dropped) => kept.or(dropped).unwrap_or_default(),
                    };
                    (state, list)
                })
                .collect();
            for &child in &self.children[node.ix()] {
                for state in std::mem::take(&mut wanted[child.ix()]) {
                    sets.remove(&state);
                }
            }
            sets.extend(of_node);
        }
        sets
    }

    fn join(
        &self,
        node: NodeIx,
        levels: usize,
        anchored: bool,
        sets: &FxHashMap<State, Vec<NodeIx>>,
    ) -> Vec<NodeIx> {
        let mut list = Vec::new();
        for &child in &self.children[node.ix()] {
            list.extend_from_slice(&sets[&(child, levels, anchored)]);
        }
        list.sort_unstable();
        list
    }
}
