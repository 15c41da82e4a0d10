//! Pass 12, placement on CPU queues by longest processing time first: circuits without a parent into the buckets,
//! then top-level nodes on top of that load (topology.md 1.12). A subtree is atomic: splitting it would drop its
//! shared limit.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::topology::{Draft, Spot};

/// Queues by load, then number: the least loaded takes the next item.
pub(crate) struct Bins {
    heap: BinaryHeap<Reverse<(u64, u16)>>,
}

impl Bins {
    pub fn new(queues: u16) -> Self {
        Bins {
            heap: (0..queues.max(1)).map(|q| Reverse((0, q))).collect(),
        }
    }

    pub fn with_load(load: &[u64]) -> Self {
        Bins {
            heap: load
                .iter()
                .enumerate()
                .map(|(q, &l)| Reverse((l, q as u16)))
                .collect(),
        }
    }

    pub fn put(&mut self, weight: u64) -> u16 {
        let Reverse((load, queue)) = self.heap.pop().unwrap_or(Reverse((0, 0)));
        self.heap
            .push(Reverse((load.saturating_add(weight), queue)));
        queue
    }
}

/// By circuit: its bucket, when it has no parent. Heaviest first; ties by id.
pub(crate) fn buckets(draft: &Draft, queues: u16) -> Vec<Option<u16>> {
    let mut items: Vec<(Reverse<u64>, usize)> = draft
        .spot
        .iter()
        .enumerate()
        .filter(|(_, spot)| matches!(spot, Some(Spot::Bucket(_))))
        .map(|(i, _)| (Reverse(draft.max[i].total().0), i))
        .collect();
    items.sort_unstable();
    let mut bins = Bins::new(queues);
    let mut bucket = vec![None; draft.spot.len()];
    for (Reverse(weight), i) in items {
        bucket[i] = Some(bins.put(weight));
    }
    bucket
}
