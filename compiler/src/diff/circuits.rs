//! Circuits of two artifacts beside each other, in parts that are compared in parallel.
//!
//! A part is what lies between two ids, so that it is the same on both sides, and in the plan and the names, which are
//! sorted the same way. It does not know how changes are grouped.

use std::cmp::Ordering;
use std::ops::Bound;

use rayon::prelude::*;
use weir_plan::diff::{PlanDiff, has_leaf};
use weir_schemas::common::OmitReason;
use weir_schemas::diff::{Change, Disruption, GroupKind};
use weir_schemas::queue_plan::{Class, LeafQdisc};
use weir_schemas::tree::TreeCircuit;

use super::{
    Artifact, Cursor, Found, Names, NodeTable, Placed, class_words, merge, node_name, shown_rate,
};

/// Circuits of a part.
const PART: usize = 4096;

/// Both artifacts, and what is known of all of their circuits.
pub(super) struct Both<'a> {
    pub from: &'a Artifact<'a>,
    pub to: &'a Artifact<'a>,
    pub nodes: &'a NodeTable<'a>,
    pub plan: &'a PlanDiff<'a>,
}

/// What is found, and how many circuits are disturbed.
pub(super) fn circuits(both: &Both<'_>) -> (Found, u64) {
    in_parts(both, PART)
}

fn in_parts(both: &Both<'_>, size: usize) -> (Found, u64) {
    let ids = both.to.tree.circuits.keys();
    let starts: Vec<&str> = ids.step_by(size).skip(1).map(AsRef::as_ref).collect();
    let parts: Vec<(Found, u64)> = (0..=starts.len())
        .into_par_iter()
        .map(|at| {
            let start = at.checked_sub(1).map(|before| starts[before]);
            part(both, start, starts.get(at).copied())
        })
        .collect();
    let mut all = (Found::default(), 0);
    for (found, disturbed) in parts {
        all.0.extend(found);
        all.1 += disturbed;
    }
    all
}

/// From an id on, and before another; `None`: from the first on, to the last.
fn part(both: &Both<'_>, start: Option<&str>, end: Option<&str>) -> (Found, u64) {
    let Both {
        from,
        to,
        nodes,
        plan,
    } = both;
    let replaced: Vec<LeafQdisc> = plan
        .settings
        .iter()
        .filter(|s| s.disruption == Disruption::Leaf)
        .filter_map(|s| s.only)
        .collect();
    let first = start.unwrap_or_default();
    let mut classes = Cursor::new(plan, "circuit:", first);
    let mut leaves = KeyCursor::new(&to.plan.classes, "circuit:", first);
    let mut old_names = NameCursor::new(&from.names, first);
    let mut new_names = NameCursor::new(&to.names, first);
    let mut found = Found::default();
    let mut disturbed = 0;
    let range = (
        start.map_or(Bound::Unbounded, Bound::Included),
        end.map_or(Bound::Unbounded, Bound::Excluded),
    );
    let old = from
        .tree
        .circuits
        .range::<str, _>(range)
        .map(|(id, c)| (id.as_ref(), c));
    let new = to
        .tree
        .circuits
        .range::<str, _>(range)
        .map(|(id, c)| (id.as_ref(), c));
    merge(old, new, |id, before, after| {
        let class = classes.at(id);
        let (old_name, new_name) = (old_names.at(id), new_names.at(id));
        let change = |disruption, before, after| Change {
            id: id.to_owned(),
            name: new_name.or(old_name).unwrap_or(id).to_owned(),
            kind: None,
            disruption,
            affected: 1,
            before,
            after,
        };
        match (before, after) {
            (None, Some(new)) => {
                let why = from.tree.omitted.get(id).map(|r| omitted(*r));
                let change = change(Disruption::MapOnly, why, Some(words(&nodes.new, new)));
                found.add(GroupKind::Joined, change);
            }
            (Some(old), None) => {
                disturbed += 1;
                let why = to.tree.omitted.get(id).map(|r| omitted(*r));
                let change = change(Disruption::Leaf, Some(words(&nodes.old, old)), why);
                found.add(GroupKind::Left, change);
            }
            (Some(old), Some(new)) => {
                let did = class.map_or(Disruption::None, |c| c.disruption);
                let leaf_args = !replaced.is_empty()
                    && leaves
                        .at(id)
                        .is_some_and(|c| replaced.iter().any(|kind| has_leaf(c, *kind)));
                if did >= Disruption::Leaf || leaf_args {
                    disturbed += 1;
                }
                let mut explained = Disruption::None;
                if old.parent != new.parent {
                    explained = did;
                    let was = format!("under {}", node_name(&nodes.old, &old.parent));
                    let is = format!("under {}", node_name(&nodes.new, &new.parent));
                    let change = change(did, Some(was), Some(is));
                    found.add(GroupKind::Moved, change);
                }
                if (old.max_kbps, old.min_kbps) != (new.max_kbps, new.min_kbps) {
                    explained = explained.max(Disruption::Rate);
                    let change = change(
                        Disruption::Rate,
                        Some(rates(old, new.max_kbps == old.max_kbps)),
                        Some(rates(new, new.max_kbps == old.max_kbps)),
                    );
                    found.add(GroupKind::Rerated, change);
                }
                let (was, is) = match old.devices == new.devices {
                    true => Default::default(),
                    false => (addresses(old), addresses(new)),
                };
                if was != is {
                    let change = change(
                        Disruption::MapOnly,
                        Some(list(&was, &is)),
                        Some(list(&is, &was)),
                    );
                    found.add(GroupKind::Readdressed, change);
                }
                if let (Some(was), Some(is)) = (old_name, new_name)
                    && was != is
                {
                    let change =
                        change(Disruption::None, Some(was.to_owned()), Some(is.to_owned()));
                    found.add(GroupKind::Renamed, change);
                }
                // A rebuild is told once, as the setting that causes it.
                if did > explained
                    && did < Disruption::Rebuild
                    && let Some(class) = class
                {
                    let (before, after) = class_words(class);
                    found.add(GroupKind::Reclassed, change(did, before, after));
                }
            }
            (None, None) => {}
        }
    });
    (found, disturbed)
}

/// What a circuit has and where it hangs.
fn words(side: &[Placed<'_>], circuit: &TreeCircuit<'_>) -> String {
    format!(
        "{} under {}",
        shown_rate(circuit.max_kbps),
        node_name(side, &circuit.parent)
    )
}

/// Its ceiling, or its guarantee where only that differs.
fn rates(circuit: &TreeCircuit<'_>, guarantee_only: bool) -> String {
    if guarantee_only {
        format!("guaranteed {}", shown_rate(circuit.min_kbps))
    } else {
        shown_rate(circuit.max_kbps)
    }
}

fn omitted(reason: OmitReason) -> String {
    let why = match reason {
        OmitReason::Suspended => "suspended",
        OmitReason::NoPlan => "no plan",
        OmitReason::NoAddress => "no address",
        OmitReason::Excluded => "excluded by an override",
    };
    format!("not shaped: {why}")
}

fn addresses<'c>(circuit: &'c TreeCircuit<'_>) -> Vec<&'c str> {
    let devices = circuit.devices.iter();
    let mut all: Vec<&str> = devices
        .flat_map(|d| d.ipv4.iter().chain(&d.ipv6))
        .map(AsRef::as_ref)
        .collect();
    all.sort_unstable();
    all
}

/// Addresses that are listed one by one.
const LISTED: usize = 4;

/// What of `these` is not in `those`, as a list; all of them where nothing is.
fn list(these: &[&str], those: &[&str]) -> String {
    let only: Vec<&str> = these
        .iter()
        .filter(|a| those.binary_search(a).is_err())
        .copied()
        .collect();
    if only.is_empty() {
        return format!("{} of them", these.len());
    }
    let mut text = only[..only.len().min(LISTED)].join(", ");
    if only.len() > LISTED {
        text.push_str(&format!(" and {} more", only.len() - LISTED));
    }
    text
}

/// Walks classes beside a list of ids that is sorted the same way.
struct KeyCursor<'p> {
    classes: &'p [Class<'p>],
    prefix: &'static str,
    at: usize,
}

impl<'p> KeyCursor<'p> {
    fn new(classes: &'p [Class<'p>], prefix: &'static str, first: &str) -> Self {
        let first = [prefix, first].concat();
        KeyCursor {
            at: classes.partition_point(|c| c.key.as_ref() < first.as_str()),
            classes,
            prefix,
        }
    }

    fn at(&mut self, id: &str) -> Option<&'p Class<'p>> {
        while let Some(class) = self.classes.get(self.at) {
            match class.key.strip_prefix(self.prefix)?.cmp(id) {
                Ordering::Less => self.at += 1,
                Ordering::Equal => return Some(class),
                Ordering::Greater => return None,
            }
        }
        None
    }
}

/// The same over names.
struct NameCursor<'n> {
    names: &'n Names<'n>,
    at: usize,
}

impl<'n> NameCursor<'n> {
    fn new(names: &'n Names<'n>, first: &str) -> Self {
        NameCursor {
            names,
            at: names.first(first),
        }
    }

    fn at(&mut self, id: &str) -> Option<&'n str> {
        while let Some((known, name)) = self.names.get(self.at) {
            match known.cmp(id) {
                Ordering::Less => self.at += 1,
                Ordering::Equal => return Some(name),
                Ordering::Greater => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::Files;
    use super::*;
    use weir_schemas::artifact;

    /// Its number, its rate, its name and the number of its class.
    type Circuit = (usize, usize, &'static str, usize);

    fn files(circuits: &[Circuit]) -> Files {
        let join = |line: &dyn Fn(&Circuit) -> String| {
            circuits.iter().map(line).collect::<Vec<_>>().join(",")
        };
        let tree = format!(
            r#"{{"schema":"weir.tree/1","strategy":"flat","emitted":[],"buckets":{{"b":[]}},"circuits":{{{}}},"omitted":{{}}}}"#,
            join(&|(id, rate, _, _)| format!(
                r#""c{id:02}":{{"parent":"b","max_kbps":[{rate},1],"min_kbps":[1,1],"devices":[{{"id":"d","ipv4":["10.0.{rate}.{id}/32"],"ipv6":[]}}]}}"#
            ))
        );
        let plan = format!(
            r#"{{"schema":"weir.queue-plan/1","target":{{"name":null,"queues":1,"shaper":null,"qdiscs":{{"cake":"cake","fq_codel":"fq_codel"}},"leaf_fallback":[]}},"queues":[],"classes":[{}]}}"#,
            join(&|(id, rate, _, minor)| format!(
                r#"{{"key":"circuit:c{id:02}","parent":"bucket:b","queue":0,"minor":{minor},"rate_kbps":[1,1],"ceil_kbps":[{rate},1],"quantum":[1,1]}}"#
            ))
        );
        let rows: String = (circuits.iter())
            .map(|(id, _, name, _)| format!("c{id:02},{name}\n"))
            .collect();
        Files::of(|name| match name {
            artifact::TREE => Some(tree.clone().into_bytes()),
            artifact::QUEUE_PLAN => Some(plan.clone().into_bytes()),
            artifact::SHAPED_DEVICES => Some(format!("id,name\n{rows}").into_bytes()),
            _ => None,
        })
    }

    /// Where parts begin and end does not show, whoever comes, goes or changes there.
    #[test]
    fn parts_find_what_the_whole_finds() {
        let before: Vec<_> = (0..40)
            .filter(|id| id % 5 != 1)
            .map(|id| (id, 1 + id % 3, "Jo", 10 + id))
            .collect();
        let after: Vec<_> = (2..44)
            .filter(|id| id % 7 != 4)
            .map(|id| {
                (
                    id,
                    1 + id % 4,
                    if id % 6 == 0 { "Al" } else { "Jo" },
                    10 + id + id / 30,
                )
            })
            .collect();
        let (before, after, nobody) = (files(&before), files(&after), files(&[]));
        for (from, to, groups) in [
            (&before, &after, 6),
            (&after, &before, 6),
            (&before, &nobody, 1),
            (&nobody, &after, 1),
            (&after, &after, 0),
        ] {
            let (from, to) = (
                from.artifact().expect("reads"),
                to.artifact().expect("reads"),
            );
            let both = Both {
                from: &from,
                to: &to,
                nodes: &NodeTable::new(&from, &to),
                plan: &weir_plan::diff::diff(&from.plan, &to.plan),
            };
            let (whole, disturbed) = in_parts(&both, 1000);
            assert_eq!(whole.0.len(), groups, "{:?}", whole.0.keys());
            for size in [1, 2, 3, 7] {
                let parts = in_parts(&both, size);
                assert_eq!((&parts.0.0, parts.1), (&whole.0, disturbed), "{size}");
            }
        }
    }
}
