//! Pass 12, placement on CPU queues (topology.md 1.12, 4.4): circuits without a parent into the buckets, then
//! top-level nodes on top of that load. A subtree is atomic: splitting it would drop its shared limit.
//!
//! Without history: longest processing time first. With history: what is placed stays, new items go to the least
//! loaded queue in LPT order, and then a bounded number of single moves off the fullest queue, each the one that
//! lowers it most, while the load is clearly worse than it could be.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::id::CircuitIx;
use crate::ir::inventory::Inventory;
use crate::ir::previous::PreviousClasses;
use crate::ir::tree::{Measured, bucket_name};
use crate::topology::{Draft, Spot, weigh};

/// Moves a build may make to rebalance: 1 % of the items, at least 1 and at most 32 (the budget of LibreQoS's
/// stable planner, so that the two can be compared).
fn move_budget(items: usize) -> usize {
    (items / 100).clamp(1, 32)
}

/// Nothing is moved while the fullest queue is at most this much above the lower bound, in percent.
const SLACK: u128 = 10;

/// Places items (weight, queue of the previous plan) on queues with a base load. Items are in id order. Returns
/// the queue of each, and adds the weights to the load.
pub(crate) fn place(items: &[(u64, Option<u16>)], load: &mut [u64]) -> Vec<u16> {
    let mut queue_of = vec![0u16; items.len()];
    let mut fresh: Vec<(Reverse<u64>, usize)> = Vec::new();
    let mut history = false;
    for (i, &(weight, before)) in items.iter().enumerate() {
        match before.filter(|q| usize::from(*q) < load.len()) {
            Some(queue) => {
                history = true;
                queue_of[i] = queue;
                load[usize::from(queue)] = load[usize::from(queue)].saturating_add(weight);
            }
            None => fresh.push((Reverse(weight), i)),
        }
    }
    fresh.sort_unstable();
    let mut bins: BinaryHeap<Reverse<(u64, u16)>> = load
        .iter()
        .enumerate()
        .map(|(q, &l)| Reverse((l, q as u16)))
        .collect();
    for (Reverse(weight), i) in fresh {
        let Some(Reverse((before, queue))) = bins.pop() else {
            continue;
        };
        bins.push(Reverse((before.saturating_add(weight), queue)));
        load[usize::from(queue)] = before.saturating_add(weight);
        queue_of[i] = queue;
    }
    if history {
        rebalance(items, &mut queue_of, load);
    }
    queue_of
}

/// Weight of the fullest queue when these are placed without history on queues that carry so much already.
pub(crate) fn spread(weights: &[u64], mut load: Vec<u64>) -> u64 {
    let items: Vec<(u64, Option<u16>)> = weights.iter().map(|w| (*w, None)).collect();
    place(&items, &mut load);
    load.into_iter().max().unwrap_or(0)
}

fn rebalance(items: &[(u64, Option<u16>)], queue_of: &mut [u16], load: &mut [u64]) {
    let total: u128 = load.iter().map(|l| u128::from(*l)).sum();
    let fair = total.div_ceil(load.len().max(1) as u128);
    let heaviest = items.iter().map(|(w, _)| u128::from(*w)).max().unwrap_or(0);
    let bound = fair.max(heaviest);
    for _ in 0..move_budget(items.len()) {
        let by_load = |q: &usize| (load[*q], Reverse(*q));
        let Some(fullest) = (0..load.len()).max_by_key(by_load) else {
            return;
        };
        let Some(emptiest) = (0..load.len()).min_by_key(|q| (load[*q], *q)) else {
            return;
        };
        if u128::from(load[fullest]) * 100 <= bound * (100 + SLACK) {
            return;
        }
        // The larger of the two queues after the move; the first item in id order among equals.
        let best = items
            .iter()
            .enumerate()
            .filter(|(i, (weight, _))| usize::from(queue_of[*i]) == fullest && *weight > 0)
            .map(|(i, (weight, _))| {
                (
                    (load[fullest] - weight).max(load[emptiest].saturating_add(*weight)),
                    i,
                )
            })
            .min();
        let Some((after, item)) = best.filter(|(after, _)| *after < load[fullest]) else {
            return;
        };
        debug_assert!(after < load[fullest]);
        let weight = items[item].0;
        load[fullest] -= weight;
        load[emptiest] += weight;
        queue_of[item] = emptiest as u16;
    }
}

/// By circuit: its bucket, when it has no parent.
pub(crate) fn buckets(
    inventory: &Inventory,
    draft: &Draft,
    measured: Option<&Measured>,
    queues: u16,
    previous: Option<&PreviousClasses>,
) -> Vec<Option<u16>> {
    let circuits: Vec<usize> = draft
        .spot
        .iter()
        .enumerate()
        .filter(|(_, spot)| matches!(spot, Some(Spot::Bucket(_))))
        .map(|(i, _)| i)
        .collect();
    let items: Vec<(u64, Option<u16>)> = circuits
        .iter()
        .map(|&i| {
            let before = previous.and_then(|p| {
                let id = &inventory[CircuitIx::of(i)].id;
                let class = p.by_key.get(format!("circuit:{id}").as_str())?;
                let parent = class.parent.as_deref()?.strip_prefix("bucket:")?;
                (parent == bucket_name(class.queue)).then_some(class.queue)
            });
            let (ix, plan) = (CircuitIx::of(i), draft.max[i].total().0);
            (weigh::circuit(&inventory.peaks, measured, ix, plan), before)
        })
        .collect();
    let mut load = vec![0u64; usize::from(queues.max(1))];
    let mut bucket = vec![None; draft.spot.len()];
    for (&i, queue) in circuits.iter().zip(place(&items, &mut load)) {
        bucket[i] = Some(queue);
    }
    bucket
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_history_the_heaviest_goes_first() {
        let mut load = vec![0; 2];
        let queues = place(&[(3, None), (9, None), (3, None), (3, None)], &mut load);
        assert_eq!(queues, [1, 0, 1, 1]);
        assert_eq!(load, [9, 9]);
    }

    #[test]
    fn with_history_nothing_moves_that_need_not() {
        // 4 + 3 are where they were, in a way that LPT would not choose; a new item goes to the emptier queue.
        let mut load = vec![0; 2];
        let queues = place(&[(4, Some(1)), (3, Some(0)), (1, None)], &mut load);
        assert_eq!(queues, [1, 0, 0]);
        // Everything on one queue: one move (1 % of the items, at least 1), the one that helps most.
        let mut load = vec![0; 2];
        let queues = place(&[(5, Some(0)), (3, Some(0)), (2, Some(0))], &mut load);
        assert_eq!(queues, [1, 0, 0]);
        assert_eq!(load, [5, 5]);
    }

    #[test]
    fn a_queue_of_the_previous_plan_that_is_gone_is_no_history() {
        let mut load = vec![0; 1];
        assert_eq!(place(&[(5, Some(7))], &mut load), [0]);
    }
}
