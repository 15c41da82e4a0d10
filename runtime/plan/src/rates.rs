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

/// What classes take of the one above them that stay as they are, and are not looked at.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Beside {
    /// Their rates, in kbit/s.
    pub wish: u64,
    /// The least they and those below them can do with.
    pub least: u64,
}

/// Why there are no such rates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stuck {
    /// This class has less than a kbit/s for each class below it.
    NoRoom(ClassId),
    /// Classes that are not looked at would have to be scaled with the others.
    LeftOut,
}

/// The smallest guarantee HTB is given, in kbit/s.
const FLOOR: u64 = 1;

/// By class `(rate, ceil)`, so that under every class the rates add up to no more than its own, and no ceiling is
/// above that of the parent. `beside`: what else hangs under a class.
pub(crate) fn between(
    classes: &BTreeMap<ClassId, Between>,
    beside: &BTreeMap<ClassId, Beside>,
) -> Result<BTreeMap<ClassId, (u64, u64)>, Stuck> {
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
        let sum = |of: &BTreeMap<ClassId, u64>, others: u64| {
            (below(id).iter()).fold(others, |sum, child| sum.saturating_add(of[child]))
        };
        let others = beside.get(id).copied().unwrap_or_default();
        let (wished, needed) = (sum(&wish, others.wish), sum(&least, others.least));
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
            return Err(Stuck::NoRoom(*id));
        }
        let sum =
            |of: &BTreeMap<ClassId, u64>| below(id).iter().map(|c| u128::from(of[c])).sum::<u128>();
        let others = beside.get(id);
        let wished = sum(&wish) + others.map_or(0, |others| u128::from(others.wish));
        let needed = sum(&least);
        let fits = wished <= u128::from(room);
        if !fits && others.is_some() {
            return Err(Stuck::LeftOut);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn id(minor: u16) -> ClassId {
        ClassId::new(1, minor)
    }

    fn class(
        parent: Option<u16>,
        before: Option<(u64, u64)>,
        after: Option<(u64, u64)>,
    ) -> Between {
        Between {
            parent: parent.map(id),
            before,
            after,
        }
    }

    /// `(minor, parent, before, after)`
    type Row = (u16, Option<u16>, Option<(u64, u64)>, Option<(u64, u64)>);

    fn of(rows: &[Row]) -> BTreeMap<ClassId, Between> {
        (rows.iter())
            .map(|&(minor, parent, before, after)| (id(minor), class(parent, before, after)))
            .collect()
    }

    /// What HTB needs to hold ceilings.
    fn holds(classes: &BTreeMap<ClassId, Between>, found: &BTreeMap<ClassId, (u64, u64)>) {
        for (id, (rate, ceil)) in found {
            assert!(rate <= ceil && *rate > 0, "{id}: {rate} of {ceil}");
            let below = classes.iter().filter(|(_, c)| c.parent == Some(*id));
            let below: Vec<(u64, u64)> = below.map(|(id, _)| found[id]).collect();
            assert!(
                below.iter().map(|c| c.0).sum::<u64>() <= *rate,
                "{id}: {below:?}"
            );
            assert!(below.iter().all(|c| c.1 <= *ceil), "{id}: {below:?}");
        }
    }

    #[test]
    fn where_there_is_room_nobody_loses_a_guarantee() {
        let classes = of(&[
            (3, None, Some((100, 100)), Some((100, 100))),
            // A circuit moves from one AP to another.
            (4, Some(3), Some((20, 50)), Some((10, 50))),
            (5, Some(3), Some((5, 50)), Some((15, 60))),
            (6, Some(4), Some((10, 30)), Some((10, 30))),
            (7, Some(4), Some((10, 30)), None),
            (8, Some(5), None, Some((10, 40))),
            (9, Some(5), Some((5, 50)), Some((5, 20))),
        ]);
        let found = between(&classes, &BTreeMap::new()).unwrap();
        holds(&classes, &found);
        assert_eq!(found[&id(4)], (20, 50));
        assert_eq!(found[&id(5)], (15, 60));
        assert_eq!(found[&id(7)], (10, 30));
        assert_eq!(found[&id(9)], (5, 50));
    }

    /// Guarantees fill the root in both generations: for a while all have half.
    #[test]
    fn where_there_is_none_all_are_scaled() {
        let classes = of(&[
            (3, None, Some((100, 100)), Some((100, 100))),
            (4, Some(3), Some((50, 100)), None),
            (5, Some(3), Some((50, 100)), None),
            (6, Some(3), None, Some((50, 100))),
            (7, Some(3), None, Some((50, 100))),
        ]);
        let found = between(&classes, &BTreeMap::new()).unwrap();
        holds(&classes, &found);
        for minor in 4..=7 {
            assert_eq!(found[&id(minor)], (25, 100));
        }
    }

    #[test]
    fn a_kbit_for_each_is_the_least() {
        let mut rows: Vec<Row> = vec![(3, None, Some((3, 3)), Some((3, 3)))];
        rows.extend((4..7).map(|minor| (minor, Some(3), Some((1, 3)), None)));
        between(&of(&rows), &BTreeMap::new()).unwrap();
        rows.push((7, Some(3), None, Some((1, 3))));
        assert_eq!(
            between(&of(&rows), &BTreeMap::new()),
            Err(Stuck::NoRoom(id(3)))
        );
    }

    proptest::proptest! {
        /// Trees whose guarantees fit in both generations, to the last kbit/s.
        #[test]
        fn it_always_holds(
            leaves in proptest::collection::vec((0..4_u16, 1..50_u64, 1..50_u64, 0..3_u8), 1..30),
            spare in 0..30_u64,
        ) {
            let mut rows: Vec<Row> = Vec::new();
            let mut sums = [[0_u64; 2]; 4];
            for (at, &(node, old, new, which)) in leaves.iter().enumerate() {
                let before = (which != 1).then_some((old, 1_000_000));
                let after = (which != 2).then_some((new, 1_000_000));
                sums[usize::from(node)][0] += before.map_or(0, |b| b.0);
                sums[usize::from(node)][1] += after.map_or(0, |a| a.0);
                rows.push((100 + at as u16, Some(10 + node), before, after));
            }
            for (node, [old, new]) in (10..).zip(sums) {
                let of = |sum: u64| (sum > 0).then_some((sum, 1_000_000));
                if old + new > 0 {
                    rows.push((node, Some(3), of(old), of(new)));
                }
            }
            let total = |at: usize| sums.iter().map(|s| s[at]).sum::<u64>();
            let least = 2 * leaves.len() as u64 + 4;
            let cap = |at: usize| (total(at) + spare).max(least);
            let shape = |cap| Some((cap, 1_000_000.max(cap)));
            rows.push((3, None, shape(cap(0)), shape(cap(1))));
            let classes = of(&rows);
            let found = between(&classes, &BTreeMap::new()).unwrap();
            holds(&classes, &found);
            // Where the wish fits, it is granted.
            let most: u64 = rows.iter().filter(|row| row.0 >= 100)
                .map(|row| row.2.map_or(0, |p| p.0).max(row.3.map_or(0, |p| p.0)))
                .sum();
            if most <= cap(0).max(cap(1)) {
                for row in rows.iter().filter(|row| row.0 >= 100) {
                    let wish = row.2.map_or(0, |p| p.0).max(row.3.map_or(0, |p| p.0));
                    proptest::prop_assert_eq!(found[&id(row.0)].0, wish);
                }
            }
        }
    }
}
