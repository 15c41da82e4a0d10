//! A queue plan by itself.
//!
//! Every pass is linear in the number of classes; only where numbers must be unique are they sorted.

use std::collections::HashMap;

use weir_abi as abi;
use weir_schemas::queue_plan::{Class, Mode, QueuePlan};

use super::{DIRECTIONS, Kind, Report, Violation};

/// The kernel counts rates in bytes per second, in 64 bits.
const MOST_KBPS: u64 = u64::MAX / 125;

/// No parent, or none that could be found.
const NONE: usize = usize::MAX;

/// Everything that is wrong with a plan, in the order of its classes for each check; empty if it can be loaded
/// and holds its rates.
pub fn verify(plan: &QueuePlan<'_>) -> Vec<Violation> {
    let mut report = Report::default();
    let stick = plan
        .target
        .shaper
        .as_ref()
        .is_some_and(|shaper| shaper.mode == Mode::Stick);
    queues(plan, stick, &mut report);
    keys(plan, &mut report);
    let parents = parents(plan, &mut report);
    chains(plan, &parents, &mut report);
    let minors = minors(plan, &mut report);
    let handles = handles(plan, stick, &mut report);
    rates(plan, &parents, &mut report);
    load(plan, &mut report);
    resting(plan, &minors, &handles, &mut report);
    report.0
}

fn queues(plan: &QueuePlan<'_>, stick: bool, report: &mut Report) {
    if plan.queues.len() != usize::from(plan.target.queues) {
        report.add(
            Kind::Queues,
            "queues",
            format!(
                "the plan has {} CPU queues and its target {}",
                plan.queues.len(),
                plan.target.queues
            ),
        );
    }
    // By interface: the queue that has a major. On a stick both directions share the interface.
    let mut taken: [HashMap<u16, usize>; 2] = Default::default();
    for (at, queue) in plan.queues.iter().enumerate() {
        let key = format!("queue:{}", queue.queue);
        if usize::from(queue.queue) != at {
            report.add(
                Kind::Queues,
                key.as_str(),
                format!("stands in place {at}: queues are numbered from 0"),
            );
        }
        if !stick && queue.majors[0] != queue.majors[1] {
            report.add(
                Kind::Major,
                key.as_str(),
                format!(
                    "has majors {:x} and {:x}, and on a bridge one is for both directions",
                    queue.majors[0], queue.majors[1]
                ),
            );
        }
        for (direction, &major) in queue.majors.iter().enumerate() {
            if !abi::is_usable_major(major) {
                report.add(
                    Kind::Major,
                    key.as_str(),
                    format!(
                        "has major {major:x} for {}, which no HTB may have",
                        DIRECTIONS[direction]
                    ),
                );
            }
            let interface = if stick { 0 } else { direction };
            if let Some(other) = taken[interface].insert(major, at) {
                report.add(
                    Kind::Major,
                    key.as_str(),
                    format!(
                        "has major {major:x} for {}, as queue {other} has on the same interface",
                        DIRECTIONS[direction]
                    ),
                );
            }
        }
    }
}

fn is_circuit(class: &Class<'_>) -> bool {
    class.key.starts_with("circuit:")
}

fn keys(plan: &QueuePlan<'_>, report: &mut Report) {
    for class in &plan.classes {
        let named = ["bucket:", "circuit:", "node:"]
            .iter()
            .any(|kind| class.key.len() > kind.len() && class.key.starts_with(kind));
        if !named {
            report.add(
                Kind::Key,
                class.key.as_ref(),
                "is no key: it must be node:<id>, bucket:<name> or circuit:<id>",
            );
        }
    }
    if plan.classes.is_sorted_by(|a, b| a.key < b.key) {
        return;
    }
    let mut keys: Vec<&str> = plan.classes.iter().map(|c| c.key.as_ref()).collect();
    if !keys.is_sorted() {
        let after = plan.classes.windows(2).find(|two| two[0].key > two[1].key);
        let key = after.map_or("", |two| two[1].key.as_ref());
        report.add(
            Kind::Key,
            key,
            "stands behind a larger key: classes are sorted by key",
        );
        keys.sort_unstable();
    }
    for same in keys.chunk_by(|a, b| a == b).filter(|same| same.len() > 1) {
        report.add(
            Kind::Key,
            same[0],
            format!("is the key of {} classes", same.len()),
        );
    }
}

/// By class: the place of its parent, where it has one that it may hang under.
fn parents(plan: &QueuePlan<'_>, report: &mut Report) -> Vec<usize> {
    // Few classes are parents, and circuits never are.
    let places: HashMap<&str, usize> = plan
        .classes
        .iter()
        .enumerate()
        .filter(|(_, class)| !is_circuit(class))
        .map(|(at, class)| (class.key.as_ref(), at))
        .collect();
    let mut parents = vec![NONE; plan.classes.len()];
    for (at, class) in plan.classes.iter().enumerate() {
        let Some(key) = class.parent.as_deref() else {
            continue;
        };
        if class.key.starts_with("bucket:") {
            report.add(
                Kind::Parent,
                class.key.as_ref(),
                format!("hangs under {key}, but a bucket is a root class of its queue"),
            );
        }
        match places.get(key) {
            Some(&parent) if plan.classes[parent].queue == class.queue => parents[at] = parent,
            Some(&parent) => report.add(
                Kind::Parent,
                class.key.as_ref(),
                format!(
                    "is in queue {} and its parent {key} in queue {}",
                    class.queue, plan.classes[parent].queue
                ),
            ),
            None if key.starts_with("circuit:") => report.add(
                Kind::Parent,
                class.key.as_ref(),
                format!("hangs under {key}, and nothing hangs under a circuit"),
            ),
            None => report.add(
                Kind::Parent,
                class.key.as_ref(),
                format!("hangs under {key}, which has no class"),
            ),
        }
    }
    parents
}

/// Cycles, and how many classes stand in each chain. Where there is a cycle, nothing below it is measured.
fn chains(plan: &QueuePlan<'_>, parents: &[usize], report: &mut Report) {
    const UNSEEN: usize = 0;
    const ON_THE_WAY: usize = usize::MAX;
    const ENDLESS: usize = usize::MAX - 1;
    let mut depth = vec![UNSEEN; parents.len()];
    let mut way = Vec::new();
    for start in 0..parents.len() {
        let mut at = start;
        while at != NONE && depth[at] == UNSEEN {
            depth[at] = ON_THE_WAY;
            way.push(at);
            at = parents[at];
        }
        let mut above = match at {
            NONE => 0,
            at if depth[at] == ON_THE_WAY => {
                let from = way.iter().position(|w| *w == at).unwrap_or(0);
                let cycle = &way[from..];
                let first = cycle.iter().map(|w| plan.classes[*w].key.as_ref()).min();
                report.add(
                    Kind::Cycle,
                    first.unwrap_or_default(),
                    format!("hangs under itself, in a cycle of {}", cycle.len()),
                );
                ENDLESS
            }
            at => depth[at],
        };
        while let Some(at) = way.pop() {
            if above != ENDLESS {
                above += 1;
                // The first of a chain that the kernel refuses stands for those below it.
                if above == abi::MAX_HTB_DEPTH + 1 {
                    report.add(
                        Kind::Depth,
                        plan.classes[at].key.as_ref(),
                        format!(
                            "is class {above} of its chain, and the kernel takes {}",
                            abi::MAX_HTB_DEPTH
                        ),
                    );
                }
            }
            depth[at] = above;
        }
    }
}

/// Reports every number that stands twice in a sorted list of `(number, class)`.
fn twice<N: Copy + PartialEq>(
    taken: &[(N, usize)],
    plan: &QueuePlan<'_>,
    mut found: impl FnMut(&str, N, &str),
) {
    for same in taken.chunk_by(|a, b| a.0 == b.0) {
        for &(number, at) in &same[1..] {
            let key = |at: usize| plan.classes[at].key.as_ref();
            found(key(at), number, key(same[0].1));
        }
    }
}

/// `((queue, minor), class)`, sorted.
fn minors(plan: &QueuePlan<'_>, report: &mut Report) -> Vec<((u16, u16), usize)> {
    for class in &plan.classes {
        if usize::from(class.queue) >= plan.queues.len() {
            report.add(
                Kind::Queues,
                class.key.as_ref(),
                format!(
                    "is in queue {}, and the plan has {}",
                    class.queue,
                    plan.queues.len()
                ),
            );
        }
        if !(abi::FIRST_MINOR..=abi::LAST_MINOR).contains(&class.minor) {
            report.add(
                Kind::Minor,
                class.key.as_ref(),
                format!(
                    "has minor {}, and minors go from {} to {}",
                    class.minor,
                    abi::FIRST_MINOR,
                    abi::LAST_MINOR
                ),
            );
        }
    }
    let mut taken: Vec<((u16, u16), usize)> = plan
        .classes
        .iter()
        .enumerate()
        .map(|(at, class)| ((class.queue, class.minor), at))
        .collect();
    taken.sort_unstable();
    twice(&taken, plan, |key, (queue, minor), other| {
        report.add(
            Kind::Minor,
            key,
            format!("has minor {minor} in queue {queue}, as has {other}"),
        );
    });
    for queue in taken.chunk_by(|a, b| a.0.0 == b.0.0) {
        if queue.len() > abi::MAX_MINORS {
            report.add(
                Kind::Minor,
                format!("queue:{}", queue[0].0.0),
                format!(
                    "has {} classes, and one HTB takes {}",
                    queue.len(),
                    abi::MAX_MINORS
                ),
            );
        }
    }
    taken
}

/// By interface `(handle, class)`, sorted; all in the first on a stick.
fn handles(plan: &QueuePlan<'_>, stick: bool, report: &mut Report) -> [Vec<(u16, usize)>; 2] {
    let majors: [Vec<u16>; 2] = [0, 1].map(|direction| {
        let on = |d: usize| plan.queues.iter().map(move |q| q.majors[d]);
        match stick {
            true => on(0).chain(on(1)).collect(),
            false => on(direction).collect(),
        }
    });
    let mut taken: [Vec<(u16, usize)>; 2] = Default::default();
    for (at, class) in plan.classes.iter().enumerate() {
        let Some(leaf) = &class.leaf else {
            continue;
        };
        if !is_circuit(class) {
            report.add(
                Kind::Leaf,
                class.key.as_ref(),
                "has a leaf qdisc, and only circuits do",
            );
        }
        for (direction, leaf) in leaf.iter().enumerate() {
            let Some(leaf) = leaf else {
                continue;
            };
            let range = abi::FIRST_LEAF_HANDLE..=abi::LAST_LEAF_HANDLE;
            let name = DIRECTIONS[direction];
            let message = if leaf.handle == abi::MQ_HANDLE {
                format!("has the handle {:x} for {name}, which is mq's", leaf.handle)
            } else if majors[direction].contains(&leaf.handle) {
                format!(
                    "has the handle {:x} for {name}, which is the major of a queue",
                    leaf.handle
                )
            } else if !range.contains(&leaf.handle) {
                format!(
                    "has the handle {:x} for {name}, and leaf handles go from {:x} to {:x}",
                    leaf.handle,
                    range.start(),
                    range.end()
                )
            } else {
                taken[if stick { 0 } else { direction }].push((leaf.handle, at));
                continue;
            };
            report.add(Kind::Handle, class.key.as_ref(), message);
        }
    }
    for (direction, taken) in taken.iter_mut().enumerate() {
        taken.sort_unstable();
        let interface = match stick {
            true => "the interface",
            false => ["the download interface", "the upload interface"][direction],
        };
        twice(taken, plan, |key, handle, other| {
            let message = match key == other {
                true => format!("has the handle {handle:x} in both directions on {interface}"),
                false => format!("has the handle {handle:x} on {interface}, as has {other}"),
            };
            report.add(Kind::Handle, key, message);
        });
        if taken.len() > abi::MAX_LEAF_HANDLES {
            report.add(
                Kind::Handle,
                "queues",
                format!(
                    "{} leaf qdiscs are on {interface}, which takes {}",
                    taken.len(),
                    abi::MAX_LEAF_HANDLES
                ),
            );
        }
    }
    taken
}

fn rates(plan: &QueuePlan<'_>, parents: &[usize], report: &mut Report) {
    // Of every class, what the classes directly under it are guaranteed.
    let mut below = vec![[0u64; 2]; parents.len()];
    for (class, &parent) in plan.classes.iter().zip(parents) {
        if parent != NONE {
            for (sum, rate) in below[parent].iter_mut().zip(class.rate_kbps) {
                *sum = sum.saturating_add(rate);
            }
        }
    }
    for ((class, &parent), below) in plan.classes.iter().zip(parents).zip(&below) {
        let key = class.key.as_ref();
        for (direction, name) in DIRECTIONS.into_iter().enumerate() {
            let (rate, ceil) = (class.rate_kbps[direction], class.ceil_kbps[direction]);
            let below = below[direction];
            if rate == 0 || ceil == 0 {
                let which = if rate == 0 { "rate" } else { "ceiling" };
                report.add(
                    Kind::Rate,
                    key,
                    format!("has {name} {which} 0, which the kernel refuses"),
                );
            }
            if rate > MOST_KBPS || ceil > MOST_KBPS {
                report.add(
                    Kind::Rate,
                    key,
                    format!(
                        "has a rate of {} kbit/s {name}, and the kernel counts to {MOST_KBPS}",
                        rate.max(ceil)
                    ),
                );
            }
            if rate > ceil {
                report.add(
                    Kind::Rate,
                    key,
                    format!(
                        "is guaranteed {rate} kbit/s {name} and capped at {ceil}: {} too many",
                        rate - ceil
                    ),
                );
            }
            if below > rate {
                report.add(
                    Kind::Guarantees,
                    key,
                    format!(
                        "guarantees {below} kbit/s {name} to what is under it and has {rate} itself: {} too many, \
                         so its ceiling would not hold",
                        below - rate
                    ),
                );
            }
            if class.parent.is_none() && rate < ceil {
                report.add(
                    Kind::RootRate,
                    key,
                    format!(
                        "is a root class with {rate} kbit/s {name} and a ceiling of {ceil}: it would never get the \
                         other {}",
                        ceil - rate
                    ),
                );
            }
            if parent != NONE {
                let above = plan.classes[parent].ceil_kbps[direction];
                if ceil > above {
                    report.add(
                        Kind::Ceiling,
                        key,
                        format!(
                            "is capped at {ceil} kbit/s {name}, {} above its parent's {above}",
                            ceil - above
                        ),
                    );
                }
            }
        }
    }
}

fn load(plan: &QueuePlan<'_>, report: &mut Report) {
    let mut load = vec![0u64; plan.queues.len()];
    for class in plan.classes.iter().filter(|class| is_circuit(class)) {
        if let Some(load) = load.get_mut(usize::from(class.queue)) {
            let both = class.ceil_kbps[0].saturating_add(class.ceil_kbps[1]);
            *load = load.saturating_add(both);
        }
    }
    for (queue, load) in plan.queues.iter().zip(load) {
        if queue.load_kbps != load {
            report.add(
                Kind::Load,
                format!("queue:{}", queue.queue),
                format!(
                    "states a load of {} kbit/s, and the ceilings of its circuits add up to {load}: {} off",
                    queue.load_kbps,
                    queue.load_kbps.abs_diff(load)
                ),
            );
        }
    }
}

fn resting(
    plan: &QueuePlan<'_>,
    minors: &[((u16, u16), usize)],
    handles: &[Vec<(u16, usize)>; 2],
    report: &mut Report,
) {
    for &(queue, minor, _) in &plan.resting.minors {
        if let Ok(at) = minors.binary_search_by_key(&(queue, minor), |(taken, _)| *taken) {
            report.add(
                Kind::Resting,
                plan.classes[minors[at].1].key.as_ref(),
                format!("has minor {minor} of queue {queue}, which still rests"),
            );
        }
    }
    let lists = [&plan.resting.download_handles, &plan.resting.upload_handles];
    for (taken, resting) in handles.iter().zip(lists) {
        for &(handle, _) in resting {
            if let Ok(at) = taken.binary_search_by_key(&handle, |(taken, _)| *taken) {
                report.add(
                    Kind::Resting,
                    plan.classes[taken[at].1].key.as_ref(),
                    format!("has the leaf handle {handle:x}, which still rests"),
                );
            }
        }
    }
}
