//! Who hangs elsewhere: the one definition that the guard of a promotion, `weir diff` and CHG002 count by.
//!
//! A circuit is re-parented when the chain of nodes above it is another one, by their ids. Those below a node that moved
//! are re-parented with it, because other capacities bound them. Generated parent nodes do not count: which of them a
//! circuit is in is the shaper's business.
//!
//! It does not know where the nodes come from.

use rustc_hash::FxHashSet;

/// Nodes that hang as before. `now`: every node with its parent, parents before children. `was`: the parent a node had,
/// `None` where there was no such node.
pub struct Unmoved<'a>(FxHashSet<&'a str>);

impl<'a> Unmoved<'a> {
    pub fn of<'w>(
        now: impl Iterator<Item = (&'a str, Option<&'a str>)>,
        was: impl Fn(&str) -> Option<Option<&'w str>>,
    ) -> Unmoved<'a> {
        let mut same = FxHashSet::default();
        for (id, parent) in now {
            if was(id) == Some(parent) && parent.is_none_or(|parent| same.contains(parent)) {
                same.insert(id);
            }
        }
        Unmoved(same)
    }

    /// Whether a circuit that was shaped and is shaped has another chain of nodes above it. `None`: it hangs on a
    /// generated parent node.
    pub fn reparents(&self, was: Option<&str>, now: Option<&str>) -> bool {
        match (was, now) {
            (None, None) => false,
            (Some(was), Some(now)) => was != now || !self.0.contains(now),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_chain_counts_and_generated_parents_do_not() {
        let now = [
            ("a", None),
            ("b", Some("a")),
            ("c", Some("b")),
            ("d", None),
            ("e", Some("d")),
        ];
        // b hung under d before; e is new.
        let was = |id: &str| match id {
            "a" | "d" => Some(None),
            "b" => Some(Some("d")),
            "c" => Some(Some("b")),
            _ => None,
        };
        let unmoved = Unmoved::of(now.into_iter(), was);
        for (before, after, want) in [
            (Some("a"), Some("a"), false),
            (Some("c"), Some("c"), true),
            (Some("b"), Some("b"), true),
            (Some("a"), Some("d"), true),
            (Some("e"), Some("e"), true),
            (None, None, false),
            (None, Some("a"), true),
            (Some("a"), None, true),
        ] {
            assert_eq!(
                unmoved.reparents(before, after),
                want,
                "{before:?} -> {after:?}"
            );
        }
    }
}
