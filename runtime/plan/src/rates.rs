//! The rates a swap has in its middle, when classes of both generations may hold packets.
//!
//! Ceilings are simple: a class that both have keeps the larger one. Guarantees are not: those of both generations
//! have to fit under one parent side by side, or its ceiling would not hold. Where they fit, nobody's guarantee is
//! touched. Where they do not, all under that parent are scaled for as long as the swap takes; ceilings stay.

use std::collections::BTreeMap;

use weir_abi::ClassId;

/// A class in the middle of a swap: what it has in the generation before, and in the one after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Between {
    pub parent: Option<ClassId>,
    /// `(rate, ceil)` in kbit/s
    pub before: Option<(u64, u64)>,
    pub after: Option<(u64, u64)>,
}

/// The smallest guarantee HTB is given, in kbit/s.
const FLOOR: u64 = 1;

/// By class `(rate, ceil)`, so that under every class the rates add up to no more than its own, and no ceiling is
/// above that of the parent. `Err`: the root class that has less than a kbit/s for each class below it.
pub(crate) fn between(
    classes: &BTreeMap<ClassId, Between>,
) -> Result<BTreeMap<ClassId, (u64, u64)>, ClassId> {
    let mut children: BTreeMap<ClassId, Vec<ClassId>> = BTreeMap::new();
    let mut order: Vec<ClassId> = Vec::with_capacity(classes.len());
    for (id, class) in classes {
        match class.parent.filter(|parent| classes.contains_key(parent)) {
            Some(parent) => children.entry(parent).or_default().push(*id),
            None => order.push(*id),
        }
    }
    let roots = order.len();
    let mut at = 0;
    while let Some(id) = order.get(at) {
        order.extend(children.get(id).into_iter().flatten());
        at += 1;
    }

    let below = |id: &ClassId| children.get(id).map_or(&[][..], Vec::as_slice);
    let most = |class: &Between, of: fn((u64, u64)) -> u64| {
        let of = |pair: Option<(u64, u64)>| pair.map_or(0, of);
        of(class.before).max(of(class.after))
    };
    // Bottom-up: what each would have if there were room, and the least it can do with.
    let mut wish: BTreeMap<ClassId, u64> = BTreeMap::new();
    let mut least: BTreeMap<ClassId, u64> = BTreeMap::new();
    for id in order.iter().rev() {
        let class = &classes[id];
        let sum = |of: &BTreeMap<ClassId, u64>| {
            (below(id).iter()).fold(0_u64, |sum, child| sum.saturating_add(of[child]))
        };
        let (wished, needed) = (sum(&wish), sum(&least));
        wish.insert(
            *id,
            most(class, |p| p.0)
                .max(wished)
                .min(most(class, |p| p.1))
                .max(FLOOR),
        );
        least.insert(*id, needed.max(FLOOR));
    }
    // Top-down: what each gets.
    let mut found: BTreeMap<ClassId, (u64, u64)> = BTreeMap::new();
    for (place, id) in order.iter().enumerate() {
        let ceil = most(&classes[id], |p| p.1);
        if place < roots {
            // A root class has nobody to borrow from: its rate is its ceiling.
            found.insert(*id, (most(&classes[id], |p| p.0), ceil));
        }
        let room = found[id].0;
        if room < least[id] {
            return Err(*id);
        }
        let sum =
            |of: &BTreeMap<ClassId, u64>| below(id).iter().map(|c| u128::from(of[c])).sum::<u128>();
        let (wished, needed) = (sum(&wish), sum(&least));
        let fits = wished <= u128::from(room);
        let spare = u128::from(room).saturating_sub(needed);
        let beyond: u128 = (below(id).iter())
            .map(|c| u128::from(wish[c].saturating_sub(least[c])))
            .sum();
        for child in below(id) {
            let ceil = most(&classes[child], |p| p.1);
            let rate = if fits {
                wish[child]
            } else {
                let more = u128::from(wish[child].saturating_sub(least[child]));
                let share = (more * spare / beyond.max(1)).min(more);
                least[child].saturating_add(u64::try_from(share).unwrap_or(u64::MAX))
            };
            found.insert(*child, (rate.min(ceil), ceil));
        }
    }
    Ok(found)
}
