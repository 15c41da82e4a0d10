//! Pass 10, guarantees: the sum of minima below a node never exceeds its capacity (topology.md 1.8), because HTB
//! does not hold a parent's ceil against children inside their own rate (0.1).
//!
//! Bottom-up; where G(v) > cap(v), every minimum below becomes max(floor, min * cap div G), and again while floors
//! push the sum above the capacity. No minimum is ever raised: one below the floor stays. Floors that alone exceed
//! the capacity are reported (RAT011).

use crate::config::project::Project;
use crate::id::CircuitIx;
use crate::ir::tree::{Overfull, Scaled, ScaledAt, TreeEvidence};
use crate::topology::{Draft, Spot};
use crate::units::{Kbps, Pair, share};

pub(crate) struct Guarantees {
    /// G by node.
    pub of: Vec<Pair<Kbps>>,
    /// A circuit hangs on the node or below.
    pub populated: Vec<bool>,
}

pub(crate) fn guarantees(
    project: &Project,
    draft: &mut Draft,
    buckets: &[Option<u16>],
    evidence: &mut TreeEvidence,
) -> Guarantees {
    let floor = project.rates.min_floor;
    let own = draft.own_circuits();
    let order = draft.preorder();
    let n = draft.emitted.len();
    // Circuits below a node are a range of this list: preorder makes subtrees contiguous.
    let mut circuits: Vec<CircuitIx> = Vec::new();
    let mut start = vec![0usize; n];
    let mut end = vec![0usize; n];
    for &node in &order {
        start[node.ix()] = circuits.len();
        circuits.extend_from_slice(&own[node.ix()]);
        end[node.ix()] = circuits.len();
    }
    for &node in order.iter().rev() {
        if let Some(parent) = draft.parent[node.ix()] {
            end[parent.ix()] = end[parent.ix()].max(end[node.ix()]);
        }
    }
    for &node in order.iter().rev() {
        let i = node.ix();
        let below = &circuits[start[i]..end[i]];
        fit(
            ScaledAt::Node(node),
            draft.cap[i],
            floor,
            below,
            draft,
            evidence,
        );
    }
    let mut of = vec![Pair::ZERO; n];
    let mut populated = vec![false; n];
    for &node in order.iter().rev() {
        let i = node.ix();
        of[i] += own[i].iter().map(|c| draft.min[c.ix()]).sum();
        populated[i] |= !own[i].is_empty();
        if let Some(parent) = draft.parent[i] {
            let (g, p) = (of[i], populated[i]);
            of[parent.ix()] += g;
            populated[parent.ix()] |= p;
        }
    }
    let mut in_bucket: Vec<Vec<CircuitIx>> = vec![Vec::new(); usize::from(project.target.queues)];
    for (i, bucket) in buckets.iter().enumerate() {
        if let (Some(bucket), Some(Spot::Bucket(_))) = (bucket, draft.spot[i]) {
            in_bucket[usize::from(*bucket)].push(CircuitIx::of(i));
        }
    }
    for (b, circuits) in in_bucket.iter().enumerate() {
        let at = ScaledAt::Bucket(b as u16);
        fit(at, evidence.bucket_cap, floor, circuits, draft, evidence);
        evidence
            .bucket_guarantee
            .push(circuits.iter().map(|c| draft.min[c.ix()]).sum());
    }
    evidence.scaled.sort_by_key(|s| s.at);
    evidence.overfull.sort_by_key(|o| o.at);
    Guarantees { of, populated }
}

fn fit(
    at: ScaledAt,
    cap: Pair<Kbps>,
    floor: Kbps,
    circuits: &[CircuitIx],
    draft: &mut Draft,
    evidence: &mut TreeEvidence,
) {
    let wanted: Pair<Kbps> = circuits.iter().map(|c| draft.min[c.ix()]).sum();
    if wanted.down <= cap.down && wanted.up <= cap.up {
        return;
    }
    evidence.scaled.push(Scaled { at, wanted, cap });
    let mut floors = Pair::ZERO;
    let mut direction = |get: fn(&mut Pair<Kbps>) -> &mut Kbps| {
        let mut minima: Vec<Kbps> = circuits
            .iter()
            .map(|c| *get(&mut draft.min[c.ix()]))
            .collect();
        let lowest = scale(&mut minima, *get(&mut { cap }), floor);
        *get(&mut floors) = lowest;
        for (circuit, min) in circuits.iter().zip(minima) {
            *get(&mut draft.min[circuit.ix()]) = min;
        }
    };
    direction(|p| &mut p.down);
    direction(|p| &mut p.up);
    if floors.down > cap.down || floors.up > cap.up {
        evidence.overfull.push(Overfull { at, floors, cap });
    }
}

/// How often the rule is repeated before the rest is cut to the floor. Only floors that nearly fill the capacity
/// need more than a few rounds.
const MAX_ROUNDS: usize = 1000;

/// Scales one direction to a capacity; returns the sum of floors (no minimum goes below its own).
fn scale(minima: &mut [Kbps], cap: Kbps, floor: Kbps) -> Kbps {
    let lowest: Kbps = minima.iter().map(|m| floor.min(*m)).sum();
    for round in 0.. {
        let sum: Kbps = minima.iter().copied().sum();
        if sum <= cap {
            break;
        }
        let mut changed = false;
        for min in minima.iter_mut() {
            let scaled = if round < MAX_ROUNDS {
                share(*min, cap, sum)
            } else {
                Kbps::ZERO
            };
            let next = (*min).min(floor.max(scaled));
            changed |= next != *min;
            *min = next;
        }
        if !changed {
            break;
        }
    }
    lowest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(minima: &[u64], cap: u64, floor: u64) -> Vec<u64> {
        let mut minima: Vec<Kbps> = minima.iter().copied().map(Kbps).collect();
        scale(&mut minima, Kbps(cap), Kbps(floor));
        minima.into_iter().map(|k| k.0).collect()
    }

    #[test]
    fn shares_are_proportional_and_floors_hold() {
        assert_eq!(scaled(&[100, 300], 200, 10), [50, 150]);
        assert_eq!(scaled(&[100, 300], 400, 10), [100, 300]);
        // Nine at the floor: one pass would give 10 x 9 + 91 = 181 in a capacity of 100.
        let mut many = vec![10; 9];
        many.push(1000);
        assert_eq!(scaled(&many, 100, 10).iter().sum::<u64>(), 100);
        // Floors alone exceed the capacity: nothing more can be done here.
        assert_eq!(scaled(&[50, 50], 10, 10), [10, 10]);
        // A minimum below the floor (a circuit of 5 kbit/s) is not raised.
        assert_eq!(scaled(&[5, 500], 100, 10), [5, 95]);
        // Nearly full of floors: the rounds are bounded.
        let mut tight = vec![1_000_000; 999];
        tight.push(u64::MAX / 4);
        assert_eq!(
            scaled(&tight, 1_000_000_001, 1_000_000).last(),
            Some(&1_000_000)
        );
    }
}
