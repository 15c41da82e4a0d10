//! What has to happen to classes to get from one plan to another, and what that does to their traffic.
//!
//! HTB takes other rates for a class where it stands, and keeps what is queued. It takes no other parent, queue or
//! number: such a class is made anew, with everything below it, and what is queued there is lost.
//!
//! It compares plans only, and knows neither subscribers' names nor addresses.

use std::borrow::Cow;
use std::cmp::Ordering;

use weir_schemas::diff::Disruption;
use weir_schemas::queue_plan::{Class, Leaf, LeafQdisc, QueuePlan, Shaper};

/// Everything in which two plans differ, as far as something is loaded for it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PlanDiff<'a> {
    /// What concerns the whole box.
    pub settings: Vec<SettingChange>,
    /// Classes that differ, sorted by key.
    pub classes: Vec<ClassChange<'a>>,
}

/// A setting of the box.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingChange {
    pub name: &'static str,
    pub before: String,
    pub after: String,
    pub disruption: Disruption,
    /// It touches circuits whose leaf is this; `None`: all.
    pub only: Option<LeafQdisc>,
}

/// A class that is not as it was.
#[derive(Clone, PartialEq, Debug)]
pub struct ClassChange<'a> {
    pub key: &'a str,
    pub disruption: Disruption,
    pub before: Option<&'a Class<'a>>,
    pub after: Option<&'a Class<'a>>,
    /// It is made anew only because a class above it is.
    pub with_parent: bool,
}

/// Compares two plans. A merge of two sorted lists: time grows with their length.
pub fn diff<'a>(before: &'a QueuePlan<'a>, after: &'a QueuePlan<'a>) -> PlanDiff<'a> {
    let (old, new) = (sorted(before), sorted(after));
    let settings = settings(before, after);
    let rebuild = settings.iter().any(|s| s.disruption == Disruption::Rebuild);
    let mut own: Vec<Joined<'a>> = Vec::with_capacity(new.len());
    let mut gone: Vec<ClassChange<'a>> = Vec::new();
    let (mut a, mut b) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (a.peek(), b.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(x), Some(y)) => x.key.cmp(&y.key),
        };
        let before = if order.is_le() {
            a.next().copied()
        } else {
            None
        };
        let after = if order.is_ge() {
            b.next().copied()
        } else {
            None
        };
        match (before, after) {
            (Some(class), None) => gone.push(ClassChange {
                key: &class.key,
                disruption: if is_circuit(class) {
                    Disruption::Leaf
                } else {
                    Disruption::MapOnly
                },
                before,
                after,
                with_parent: false,
            }),
            (before, Some(class)) => own.push(Joined {
                class,
                before,
                own: before.map_or(Disruption::MapOnly, |before| between(before, class)),
            }),
            (None, None) => {}
        }
    }
    let remade = remade(&own);
    let mut classes = gone;
    for (joined, remade) in own.iter().zip(remade) {
        let with_parent = remade && joined.before.is_some() && joined.own < Disruption::Move;
        let mut disruption = joined.own;
        if with_parent {
            disruption = Disruption::Move;
        }
        if rebuild && joined.before.is_some() {
            disruption = Disruption::Rebuild;
        }
        if disruption > Disruption::None {
            classes.push(ClassChange {
                key: &joined.class.key,
                disruption,
                before: joined.before,
                after: Some(joined.class),
                with_parent,
            });
        }
    }
    classes.sort_by(|x, y| x.key.cmp(y.key));
    PlanDiff { settings, classes }
}

/// A class of the new plan, beside what it was.
struct Joined<'a> {
    class: &'a Class<'a>,
    before: Option<&'a Class<'a>>,
    own: Disruption,
}

/// By key; in any plan that verifies they are.
fn sorted<'a>(plan: &'a QueuePlan<'a>) -> Vec<&'a Class<'a>> {
    let mut classes: Vec<&Class<'_>> = plan.classes.iter().collect();
    if !classes.is_sorted_by(|a, b| a.key <= b.key) {
        classes.sort_by(|a, b| a.key.cmp(&b.key));
    }
    classes
}

fn is_circuit(class: &Class<'_>) -> bool {
    class.key.starts_with("circuit:")
}

fn between(before: &Class<'_>, after: &Class<'_>) -> Disruption {
    let place = |c: &Class<'_>| (c.queue, c.minor);
    if place(before) != place(after) || before.parent != after.parent {
        return Disruption::Move;
    }
    if before.leaf != after.leaf {
        return Disruption::Leaf;
    }
    let rates = before.rate_kbps == after.rate_kbps
        && before.ceil_kbps == after.ceil_kbps
        && before.burst_bytes == after.burst_bytes
        // The kernel uses the quantum of classes with a leaf only.
        && (!is_circuit(after) || before.quantum == after.quantum);
    if rates {
        Disruption::None
    } else {
        Disruption::Rate
    }
}

/// Levels above a class; a plan with more does not verify.
const DEPTH: usize = 16;

/// For each class: it, or a class above it, is made anew.
fn remade(classes: &[Joined<'_>]) -> Vec<bool> {
    let moves = |joined: &Joined<'_>| joined.own == Disruption::Move;
    // As a rule nothing is.
    if !classes.iter().any(moves) {
        return vec![false; classes.len()];
    }
    // Circuits stand together and are many; what is above a class is hardly ever one of them.
    let first = classes.partition_point(|j| j.class.key.as_ref() < "circuit:");
    let last = first + classes[first..].partition_point(|j| is_circuit(j.class));
    let index = |wanted: &str| {
        let (start, some) = match wanted {
            _ if wanted.starts_with("circuit:") => (first, &classes[first..last]),
            _ if wanted < "circuit:" => (0, &classes[..first]),
            _ => (last, &classes[last..]),
        };
        let found = some.binary_search_by(|j| j.class.key.as_ref().cmp(wanted));
        found.ok().map(|at| start + at)
    };
    // What is above a node is walked once; circuits ask their node.
    let mut known: Vec<Option<bool>> = vec![None; classes.len()];
    for start in 0..classes.len() {
        let mut chain = Vec::new();
        let mut at = Some(start);
        let mut answer = false;
        while let Some(here) = at {
            if let Some(found) = known[here] {
                answer = found;
                break;
            }
            if chain.len() >= DEPTH {
                break;
            }
            chain.push(here);
            let parent = classes[here].class.parent.as_deref();
            at = parent.and_then(index);
        }
        for here in chain.into_iter().rev() {
            answer |= moves(&classes[here]);
            known[here] = Some(answer);
        }
    }
    known.into_iter().map(|k| k.unwrap_or(false)).collect()
}

fn settings(before: &QueuePlan<'_>, after: &QueuePlan<'_>) -> Vec<SettingChange> {
    let mut changes = Vec::new();
    let mut add = |name, before: String, after: String, disruption, only| {
        if before != after {
            changes.push(SettingChange {
                name,
                before,
                after,
                disruption,
                only,
            });
        }
    };
    let (a, b) = (&before.target, &after.target);
    let name = |t: &Option<Cow<'_, str>>| t.as_deref().unwrap_or("none").to_owned();
    add(
        "target",
        name(&a.name),
        name(&b.name),
        Disruption::None,
        None,
    );
    add(
        "CPU queues",
        before.queues.len().to_string(),
        after.queues.len().to_string(),
        Disruption::Rebuild,
        None,
    );
    let majors = |plan: &QueuePlan<'_>| {
        let majors: Vec<String> = plan
            .queues
            .iter()
            .map(|q| format!("{:x}/{:x}", q.majors[0], q.majors[1]))
            .collect();
        majors.join(" ")
    };
    if before.queues.len() == after.queues.len() {
        add(
            "majors",
            majors(before),
            majors(after),
            Disruption::Rebuild,
            None,
        );
    }
    add(
        "interfaces",
        shaper(a.shaper.as_ref()),
        shaper(b.shaper.as_ref()),
        Disruption::Rebuild,
        None,
    );
    for (name, before, after, kind) in [
        ("cake", &a.qdiscs.cake, &b.qdiscs.cake, LeafQdisc::Cake),
        (
            "fq_codel",
            &a.qdiscs.fq_codel,
            &b.qdiscs.fq_codel,
            LeafQdisc::FqCodel,
        ),
    ] {
        add(
            name,
            before.to_string(),
            after.to_string(),
            Disruption::Leaf,
            Some(kind),
        );
    }
    add(
        "leaf_fallback",
        a.leaf_fallback.join(", "),
        b.leaf_fallback.join(", "),
        Disruption::None,
        None,
    );
    changes
}

fn shaper(shaper: Option<&Shaper<'_>>) -> String {
    let Some(shaper) = shaper else {
        return "not named".to_owned();
    };
    let vlan = |vlan: Option<u16>| vlan.map_or(String::new(), |vlan| format!(".{vlan}"));
    format!(
        "to internet {}{}, to network {}{}",
        shaper.to_internet,
        vlan(shaper.internet_vlan),
        shaper.to_network,
        vlan(shaper.network_vlan)
    )
}

/// The circuit has a leaf of this kind in a direction.
pub fn has_leaf(class: &Class<'_>, kind: LeafQdisc) -> bool {
    class
        .leaf
        .iter()
        .flatten()
        .flatten()
        .any(|leaf: &Leaf| leaf.qdisc == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_schemas::Published as _;
    use weir_schemas::queue_plan::{Qdiscs, Queue, Resting, Target};

    fn class(key: &'static str, parent: Option<&'static str>, minor: u16) -> Class<'static> {
        let leaf = Leaf {
            qdisc: LeafQdisc::Cake,
            handle: 0x100 + minor,
        };
        Class {
            key: key.into(),
            parent: parent.map(Into::into),
            queue: 0,
            minor,
            rate_kbps: [1000, 1000],
            ceil_kbps: [1000, 1000],
            quantum: [1522, 1522],
            burst_bytes: None,
            leaf: key
                .starts_with("circuit:")
                .then_some([Some(leaf), Some(leaf)]),
        }
    }

    fn plan() -> QueuePlan<'static> {
        QueuePlan {
            schema: QueuePlan::SCHEMA.into(),
            target: Target {
                name: None,
                queues: 1,
                shaper: None,
                qdiscs: Qdiscs {
                    cake: "cake diffserv4".into(),
                    fq_codel: "fq_codel".into(),
                },
                leaf_fallback: Vec::new(),
            },
            queues: vec![Queue {
                queue: 0,
                majors: [1, 1],
                load_kbps: 0,
            }],
            classes: vec![
                class("circuit:1", Some("node:b"), 5),
                class("circuit:2", Some("node:a"), 6),
                class("node:a", None, 3),
                class("node:b", Some("node:a"), 4),
            ],
            chosen: Vec::new(),
            links_down: Vec::new(),
            resting: Resting::default(),
        }
    }

    fn told<'a>(diff: &PlanDiff<'a>) -> Vec<(&'a str, Disruption)> {
        diff.classes.iter().map(|c| (c.key, c.disruption)).collect()
    }

    #[test]
    fn a_plan_does_not_differ_from_itself() {
        assert_eq!(diff(&plan(), &plan()), PlanDiff::default());
    }

    #[test]
    fn each_kind_of_change_has_its_disruption() {
        type Change = fn(&mut Class<'static>);
        let cases: [(Change, Disruption); 7] = [
            (|c| c.ceil_kbps = [2000, 1000], Disruption::Rate),
            (|c| c.quantum = [9000, 1522], Disruption::Rate),
            (|c| c.burst_bytes = Some([1, 0]), Disruption::Rate),
            (|c| c.leaf = Some([None, None]), Disruption::Leaf),
            (|c| c.minor = 99, Disruption::Move),
            (|c| c.queue = 1, Disruption::Move),
            (|c| c.parent = None, Disruption::Move),
        ];
        for (change, want) in cases {
            let (old, mut new) = (plan(), plan());
            change(&mut new.classes[1]);
            assert_eq!(told(&diff(&old, &new)), [("circuit:2", want)]);
        }
    }

    /// A class that is made anew takes everything below it along.
    #[test]
    fn what_is_below_a_moved_class_moves_with_it() {
        let (old, mut new) = (plan(), plan());
        new.classes[3].minor = 77;
        let found = diff(&old, &new);
        assert_eq!(
            told(&found),
            [
                ("circuit:1", Disruption::Move),
                ("node:b", Disruption::Move)
            ]
        );
        assert!(found.classes[0].with_parent && !found.classes[1].with_parent);
    }

    #[test]
    fn what_comes_disturbs_nobody_and_what_goes_loses_its_queue() {
        let (old, mut new) = (plan(), plan());
        let gone = new.classes.remove(0);
        new.classes.insert(1, class("circuit:3", Some("node:a"), 9));
        let found = diff(&old, &new);
        assert_eq!(
            told(&found),
            [
                ("circuit:1", Disruption::Leaf),
                ("circuit:3", Disruption::MapOnly)
            ]
        );
        assert_eq!(found.classes[0].before, Some(&gone));
    }

    #[test]
    fn another_box_is_a_rebuild_and_other_arguments_replace_leaves() {
        let (old, mut new) = (plan(), plan());
        new.queues[0].majors = [2, 2];
        let found = diff(&old, &new);
        assert_eq!(found.settings[0].disruption, Disruption::Rebuild);
        assert!(
            found
                .classes
                .iter()
                .all(|c| c.disruption == Disruption::Rebuild)
        );
        assert_eq!(found.classes.len(), 4);

        let mut new = plan();
        new.target.qdiscs.cake = "cake besteffort".into();
        new.target.leaf_fallback = vec!["fq_codel".into()];
        let found = diff(&old, &new);
        let told: Vec<_> = found
            .settings
            .iter()
            .map(|s| (s.name, s.disruption))
            .collect();
        assert_eq!(
            told,
            [
                ("cake", Disruption::Leaf),
                ("leaf_fallback", Disruption::None)
            ]
        );
        assert_eq!(found.classes, []);
    }

    /// A hostile plan ends too.
    #[test]
    fn a_cycle_of_parents_ends() {
        let (old, mut new) = (plan(), plan());
        new.classes[2].parent = Some("node:b".into());
        assert!(!diff(&old, &new).classes.is_empty());
    }
}
