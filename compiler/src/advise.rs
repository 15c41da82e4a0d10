//! What to do about a top-level node that is too much for one CPU queue: changes of the settings, each tried by shaping
//! and placing the network as if it were made. What does not help is not suggested, and what helps is told with its
//! effect, the limits it costs included.
//!
//! The search is small on purpose: the heaviest children are promoted, as many of them as help most by the weights, or
//! the node is excluded. It runs only when there is something to complain about.

use rayon::prelude::*;

use crate::config::project::Project;
use crate::fit::{Fit, LIGHT, is_busy};
use crate::id::{NodeIx, TreeIx};
use crate::ir::graph::{ChosenTree, LinkGraph};
use crate::ir::inventory::Inventory;
use crate::ir::layout::{Advice, Effect, QueueLayout, Remedy};
use crate::ir::previous::Previous;
use crate::ir::tree::ShapingTree;
use crate::limits::limits_under;
use crate::topology::{self, Trial, layout, shape_trial, spread};
use crate::units::Kbps;

/// Top-level nodes that are looked at, the heaviest.
const NODES: usize = 3;
/// Children of one that may be promoted together.
const CHILDREN: usize = 8;

/// The network as it is shaped.
#[derive(Clone, Copy)]
pub struct Shaped<'a> {
    pub project: &'a Project,
    pub inventory: &'a Inventory,
    pub graph: &'a LinkGraph,
    pub chosen: &'a ChosenTree,
    pub previous: Option<&'a Previous>,
    pub tree: &'a ShapingTree,
    pub layout: &'a QueueLayout,
}

/// What was tried, and what of it helps.
#[derive(Default)]
pub struct Advised {
    /// Nodes for which something was tried, sorted.
    pub tried: Vec<NodeIx>,
    /// By node, the heaviest first; the best remedy of each first.
    pub helps: Vec<Advice>,
}

pub fn advise(shaped: &Shaped<'_>) -> Advised {
    let target = &shaped.project.target;
    // Without a declared box the number of queues is a guess; with one queue there is nothing to spread.
    if target.name.is_none() || target.queues < 2 {
        return Advised::default();
    }
    let heavy = heavy(shaped);
    if heavy.is_empty() {
        return Advised::default();
    }
    let before = effect(shaped, shaped.tree, shaped.layout);
    let tried: Vec<(usize, TreeIx, Remedy)> = heavy
        .into_iter()
        .enumerate()
        .flat_map(|(rank, at)| remedies(shaped, at).into_iter().map(move |r| (rank, at, r)))
        .collect();
    let mut nodes: Vec<NodeIx> = tried
        .iter()
        .map(|(_, at, _)| shaped.tree[*at].node)
        .collect();
    nodes.sort_unstable();
    nodes.dedup();
    let mut helps: Vec<(usize, Advice)> = tried
        .into_par_iter()
        .filter_map(|(rank, at, remedy)| {
            let (after, fits) = try_out(shaped, &remedy);
            let helps =
                fits && after.balance_percent < before.balance_percent && after.core <= before.core;
            let about = shaped.tree[at].node;
            let advice = Advice {
                about,
                remedy,
                before,
                after,
            };
            helps.then_some((rank, advice))
        })
        .collect();
    helps.sort_by_key(|(rank, a)| (*rank, a.after.balance_percent, a.after.exceed.total()));
    Advised {
        tried: nodes,
        helps: helps.into_iter().map(|(_, advice)| advice).collect(),
    }
}

/// What the change would do, and whether the tree would still fit.
fn try_out(shaped: &Shaped<'_>, remedy: &Remedy) -> (Effect, bool) {
    let mut trial = Trial::default();
    match remedy {
        Remedy::Promote(nodes) => trial.promoted.clone_from(nodes),
        Remedy::Exclude(node) => trial.excluded.push(*node),
    }
    let Shaped {
        project,
        inventory,
        graph,
        chosen,
        previous,
        ..
    } = *shaped;
    let tree = shape_trial(project, inventory, graph, chosen, previous, &trial);
    let layout = layout(project, inventory, &tree, previous);
    let fits = tree.evidence.too_deep.is_empty() && layout.evidence.overflow.is_empty();
    (effect(shaped, &tree, &layout), fits)
}

/// Top-level nodes that a rule complains about.
fn heavy(shaped: &Shaped<'_>) -> Vec<TreeIx> {
    let (tree, target) = (shaped.tree, &shaped.project.target);
    let mut heavy: Vec<TreeIx> = shaped
        .layout
        .evidence
        .heavy
        .iter()
        .filter(|(at, weight)| Kbps(*weight).min(tree[*at].cap.total()) >= LIGHT)
        .map(|(at, _)| *at)
        .collect();
    let fit = Fit::of_plan(target, tree, shaped.layout);
    for (load, heaviest) in fit.cores.iter().zip(&fit.heaviest) {
        if let Some(at) = *heaviest
            && is_busy(*load, target.core)
            && !heavy.contains(&at)
        {
            heavy.push(at);
        }
    }
    heavy.truncate(NODES);
    heavy
}

fn effect(shaped: &Shaped<'_>, tree: &ShapingTree, layout: &QueueLayout) -> Effect {
    let Shaped {
        project,
        inventory,
        graph,
        chosen,
        ..
    } = *shaped;
    Effect {
        balance_percent: layout.balance_percent(),
        core: Fit::of_plan(&project.target, tree, layout).busiest().1,
        // What a node that is excluded on trial held is lost as well: its limit is that of the network as it is.
        exceed: limits_under(
            &shaped.tree.evidence.physical_cap,
            project,
            inventory,
            graph,
            chosen,
            tree,
        )
        .exceed(),
    }
}

/// What is worth trying.
fn remedies(shaped: &Shaped<'_>, at: TreeIx) -> Vec<Remedy> {
    let (inventory, tree) = (shaped.inventory, shaped.tree);
    let children = &tree[at].children;
    if children.is_empty() {
        return Vec::new();
    }
    let queues = shaped.project.target.queues;
    let (weight, buckets) = topology::weights_of(inventory, tree, queues);
    let mut candidates: Vec<TreeIx> = children
        .iter()
        .copied()
        .filter(|child| topology::promotes(tree.strategy, inventory[tree[*child].node].kind))
        .filter(|child| weight[child.ix()] > 0)
        .collect();
    candidates.sort_by_key(|child| (std::cmp::Reverse(weight[child.ix()]), *child));
    candidates.truncate(CHILDREN);
    let others: Vec<u64> = tree
        .roots()
        .filter(|root| *root != at)
        .map(|root| weight[root.ix()])
        .collect();
    let fullest = |promoted: &[TreeIx]| {
        let moved: Vec<u64> = promoted.iter().map(|child| weight[child.ix()]).collect();
        let rest = weight[at.ix()].saturating_sub(moved.iter().sum());
        let items: Vec<u64> = others.iter().copied().chain(moved).chain([rest]).collect();
        spread(&items, buckets.clone())
    };
    let best = (0..=candidates.len())
        .min_by_key(|&n| (fullest(&candidates[..n]), n))
        .unwrap_or(0);
    let mut remedies = Vec::new();
    if best > 0 {
        let mut nodes: Vec<NodeIx> = candidates[..best].iter().map(|c| tree[*c].node).collect();
        nodes.sort_unstable();
        remedies.push(Remedy::Promote(nodes));
    }
    remedies.push(Remedy::Exclude(tree[at].node));
    remedies
}
