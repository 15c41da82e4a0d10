//! What a swap has nothing to do with, left out before it is planned: most changes are of a few circuits among tens of
//! thousands, and planning costs far more a class than telling that a class stays as it is.
//!
//! A class is *settled* when the kernel has it exactly as the next generation wants it, it was the same class of the
//! generation that shapes now, and everything above it stays in its place. A settled class with only settled classes
//! below it is left out, with its leaf. What it takes of the rate of the class above it is kept ([`Beside`]).
//!
//! The plan of the rest is the plan of the whole. Where that could be otherwise this gives up, and the whole is
//! planned: it is never needed for a plan, it only saves time. Keys are unique within a generation, as
//! [`verify`](crate::verify()) proves. It knows nothing of steps.

use std::collections::BTreeMap;

use weir_abi::ClassId;

use crate::kernel::{ClassSeen, Device, Interface, Observation, Parent, QdiscSeen};
use crate::order::place;
use crate::rates::Beside;
use crate::seen::{Root, has_shape, parent, roots, shape};
use crate::wanted::{Wanted, WantedClass, WantedInterface, WantedLeaf};

/// What is left to plan.
pub(crate) struct Rest {
    pub seen: Observation,
    pub wanted: Wanted,
    pub previous: Option<Wanted>,
    /// By interface and class: what the classes that were left out directly below it take.
    pub beside: BTreeMap<Device, BTreeMap<ClassId, Beside>>,
    /// Classes that were left out.
    pub settled: u64,
}

/// `None`: nothing can be left out, or it cannot be told.
pub(crate) fn rest(seen: &Observation, wanted: &Wanted, previous: Option<&Wanted>) -> Option<Rest> {
    // Without a generation that shapes every class is one that comes.
    let active = seen.tables.digest()?;
    let previous = previous.filter(|previous| previous.digest == active);
    let names = || wanted.interfaces.iter().map(|i| &i.name);
    let twice = names()
        .enumerate()
        .any(|(n, name)| names().take(n).any(|other| other == name));
    if twice {
        return None;
    }
    let mut rest = Rest {
        seen: Observation {
            interfaces: Vec::with_capacity(seen.interfaces.len()),
            tables: seen.tables.clone(),
        },
        wanted: Wanted {
            digest: wanted.digest.clone(),
            interfaces: Vec::with_capacity(wanted.interfaces.len()),
            vlans: wanted.vlans,
        },
        previous: previous.map(|previous| Wanted {
            digest: previous.digest.clone(),
            interfaces: Vec::with_capacity(previous.interfaces.len()),
            vlans: previous.vlans,
        }),
        beside: BTreeMap::new(),
        settled: 0,
    };
    // Of each interface the ids that are left out, sorted.
    let mut left: BTreeMap<&str, Vec<ClassId>> = BTreeMap::new();
    for interface in &wanted.interfaces {
        let found = seen.interfaces.iter().find(|i| i.name == interface.name);
        let before = previous.map(|previous| previous.interface(&interface.name));
        let (Some(found), false) = (found, before == Some(None)) else {
            rest.wanted.interfaces.push(interface.clone());
            continue;
        };
        let out = Sight::of(found, interface, before.flatten())?.left_out()?;
        rest.settled += out.ids.len() as u64;
        rest.wanted.interfaces.push(WantedInterface {
            name: interface.name.clone(),
            program: interface.program,
            htbs: interface.htbs.clone(),
            classes: without(&interface.classes, &out.ids, |class| class.id),
        });
        rest.beside.insert(interface.name.clone(), out.beside);
        left.insert(&interface.name, out.ids);
    }
    if rest.settled == 0 {
        return None;
    }
    let none = Vec::new();
    for interface in &seen.interfaces {
        let ids = left.get(interface.name.as_str()).unwrap_or(&none);
        rest.seen.interfaces.push(seen_without(interface, ids));
    }
    let before = previous.iter().flat_map(|previous| &previous.interfaces);
    if let Some(rest) = &mut rest.previous {
        rest.interfaces.extend(before.map(|interface| {
            let ids = left.get(interface.name.as_str()).unwrap_or(&none);
            WantedInterface {
                name: interface.name.clone(),
                program: interface.program,
                htbs: interface.htbs.clone(),
                classes: without(&interface.classes, ids, |class| class.id),
            }
        }));
    }
    Some(rest)
}

/// All but those of these ids, which are sorted.
fn without<T: Clone>(all: &[T], ids: &[ClassId], id: impl Fn(&T) -> ClassId) -> Vec<T> {
    // Ids come in runs of rising ones: where the last one stood the next stands beside.
    let mut at = 0;
    let mut is_out = |id: ClassId| {
        if ids.get(at) != Some(&id) {
            at = match ids.binary_search(&id) {
                Ok(found) => found,
                Err(_) => return false,
            };
        }
        at += 1;
        true
    };
    all.iter().filter(|one| !is_out(id(one))).cloned().collect()
}

fn seen_without(interface: &Interface, ids: &[ClassId]) -> Interface {
    let leaf = |qdisc: &QdiscSeen| match qdisc.parent {
        Parent::Class(id) if qdisc.handle != 0 => id,
        // No class has it.
        _ => ClassId::new(0, 0),
    };
    Interface {
        name: interface.name.clone(),
        index: interface.index,
        up: interface.up,
        tx_queues: interface.tx_queues,
        qdiscs: without(&interface.qdiscs, ids, leaf),
        classes: without(&interface.classes, ids, |class| class.id),
        program: interface.program,
    }
}

/// What is left out of an interface.
struct Out {
    /// Sorted.
    ids: Vec<ClassId>,
    beside: BTreeMap<ClassId, Beside>,
}

const NONE: usize = usize::MAX;

/// An interface as it is seen, wanted, and was wanted before, side by side. Classes are named by their place in
/// `wanted`.
struct Sight<'a> {
    wanted: &'a [WantedClass],
    /// Places by class id.
    by_id: Vec<(ClassId, usize)>,
    /// By place: the class in the kernel.
    found: Vec<Option<&'a ClassSeen>>,
    /// By place: the class above it; [`NONE`] for none, or none that is wanted.
    above: Vec<usize>,
    /// By place: it stands where it is wanted, and so does everything above it.
    in_place: Vec<bool>,
    /// By place: nothing about it changes.
    settled: Vec<bool>,
    /// In the kernel, and not wanted.
    strangers: Vec<&'a ClassSeen>,
    interface: &'a Interface,
}

impl<'a> Sight<'a> {
    /// `before`: of the generation that shapes, where it is known.
    fn of(
        interface: &'a Interface,
        wanted: &'a WantedInterface,
        before: Option<&'a WantedInterface>,
    ) -> Option<Sight<'a>> {
        let (root, htbs) = roots(interface, true);
        if matches!(root, Root::Foreign(_)) {
            return None;
        }
        let standing: Vec<u16> = (wanted.htbs.iter())
            .filter(|htb| htbs.get(&htb.major) == Some(&place(wanted, interface.tx_queues, htb)))
            .map(|htb| htb.major)
            .collect();
        let leaves = Leaves::of(interface)?;
        let places = by_id(&wanted.classes)?;
        let earlier = match before {
            None => None,
            Some(before) => {
                let classes = &before.classes;
                let by_id = by_id(classes)?.into_iter();
                Some(by_id.map(|(id, at)| (id, &classes[at])))
            }
        };
        if !(interface.classes).is_sorted_by(|a, b| a.id < b.id) {
            return None;
        }

        let count = wanted.classes.len();
        let mut sight = Sight {
            wanted: &wanted.classes,
            by_id: places,
            found: vec![None; count],
            above: vec![NONE; count],
            in_place: vec![false; count],
            settled: vec![false; count],
            strangers: Vec::new(),
            interface,
        };
        let mut alike = vec![false; count];
        let mut seen = interface.classes.iter().peekable();
        let mut earlier = earlier.map(Iterator::peekable);
        for &(id, at) in &sight.by_id {
            while let Some(stranger) = seen.next_if(|class| class.id < id) {
                sight.strangers.push(stranger);
            }
            let Some(found) = seen.next_if(|class| class.id == id) else {
                continue;
            };
            sight.found[at] = Some(found);
            let class = &sight.wanted[at];
            let same = match &mut earlier {
                None => true,
                Some(earlier) => {
                    while earlier.next_if(|(other, _)| *other < id).is_some() {}
                    let before = earlier.next_if(|(other, _)| *other == id);
                    before.is_some_and(|(_, before)| before.key == class.key)
                }
            };
            alike[at] = same && is_as(found, class) && leaves.is(found, class.leaf.as_ref());
        }
        sight.strangers.extend(seen);

        for (at, alike) in alike.into_iter().enumerate() {
            let class = &sight.wanted[at];
            let above = match class.parent {
                None => NONE,
                Some(id) => match sight.place(id) {
                    Some(above) => above,
                    None => continue,
                },
            };
            sight.above[at] = above;
            let Some(found) = sight.found[at] else {
                continue;
            };
            // Parents come first, and a circuit is none.
            let hangs = above == NONE
                || (above < at && sight.in_place[above] && !sight.wanted[above].is_circuit());
            let takes_packets = class.is_circuit() || found.leaf == 0;
            sight.in_place[at] = hangs
                && takes_packets
                && parent(found) == class.parent
                && standing.contains(&class.id.major());
            sight.settled[at] = sight.in_place[at] && alike;
        }
        Some(sight)
    }

    fn place(&self, id: ClassId) -> Option<usize> {
        let at = self.by_id.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(self.by_id[at].1)
    }

    /// Everything that changes, and all above it, there and wanted. `None`: a circuit has classes below it.
    fn stays_in(&self) -> Option<Vec<bool>> {
        let mut stays = vec![false; self.wanted.len()];
        let mut mark = |mut at: usize| {
            while at != NONE && !stays[at] {
                stays[at] = true;
                at = self.above[at];
            }
        };
        for (at, settled) in self.settled.iter().enumerate() {
            if *settled {
                continue;
            }
            mark(at);
        }
        let moved = (self.found.iter().zip(self.wanted))
            .filter_map(|(found, class)| found.filter(|found| parent(found) != class.parent));
        for class in self.strangers.iter().copied().chain(moved) {
            let mut at = parent(class);
            for _ in 0..weir_abi::MAX_HTB_DEPTH {
                let Some(id) = at else { break };
                match self.place(id) {
                    Some(place) if self.wanted[place].is_circuit() => return None,
                    Some(place) => {
                        mark(place);
                        at = self.found[place].and_then(parent);
                    }
                    None => {
                        let classes = &self.interface.classes;
                        let there = classes.binary_search_by_key(&id, |class| class.id).ok();
                        at = there.and_then(|n| parent(&classes[n]));
                    }
                }
            }
        }
        Some(stays)
    }

    fn left_out(&self) -> Option<Out> {
        let stays = self.stays_in()?;
        let mut out = Out {
            ids: Vec::with_capacity(stays.len()),
            beside: BTreeMap::new(),
        };
        // What the classes directly below take: rates, and the least that they can do with.
        let mut below = vec![Beside::default(); stays.len()];
        for at in (0..stays.len()).rev() {
            if stays[at] {
                continue;
            }
            let shape = &self.wanted[at].shape;
            // Otherwise it would not get what it has.
            if shape.rate_kbps == 0
                || shape.rate_kbps > shape.ceil_kbps
                || below[at].wish > shape.rate_kbps
            {
                return None;
            }
            let takes = Beside {
                wish: shape.rate_kbps,
                least: below[at].least.max(1),
            };
            if let Some(above) = below.get_mut(self.above[at]) {
                *above = Beside {
                    wish: above.wish.checked_add(takes.wish)?,
                    least: above.least.checked_add(takes.least)?,
                };
            }
        }
        for (at, below) in below.into_iter().enumerate() {
            if stays[at] && below.least > 0 {
                out.beside.insert(self.wanted[at].id, below);
            }
        }
        out.ids.extend(
            (self.by_id.iter())
                .filter(|(_, at)| !stays[*at])
                .map(|(id, _)| *id),
        );
        // A leaf handle that comes, and that a class has which is left out.
        let new = (stays.iter().zip(self.wanted)).filter(|(stays, _)| **stays);
        let mut new: Vec<(u16, ClassId)> = new
            .filter_map(|(_, class)| Some((class.leaf.as_ref()?.handle, class.id)))
            .collect();
        new.sort_unstable();
        let taken = (self.interface.qdiscs.iter()).any(|qdisc| {
            let first = new.partition_point(|(handle, _)| *handle < qdisc.handle);
            let same = new[first..]
                .iter()
                .take_while(|(handle, _)| *handle == qdisc.handle);
            same.into_iter()
                .any(|(_, id)| qdisc.parent != Parent::Class(*id))
        });
        (!taken).then_some(out)
    }
}

/// Places of classes, by id. `None` where one is there twice.
fn by_id(classes: &[WantedClass]) -> Option<Vec<(ClassId, usize)>> {
    let ids = classes.iter().enumerate().map(|(at, class)| (class.id, at));
    let mut ids: Vec<(ClassId, usize)> = ids.collect();
    // Runs of rising ids, one for each depth: merged, not sorted anew.
    ids.sort_by_key(|(id, _)| *id);
    ids.is_sorted_by(|a, b| a.0 < b.0).then_some(ids)
}

/// Whether a class has this shape, so that nothing has to be said to the kernel.
fn is_as(found: &ClassSeen, class: &WantedClass) -> bool {
    has_shape(found, &class.shape, class.is_circuit())
        // The kernel keeps a burst as a time: another number of bytes may have it too.
        && (class.shape.burst == 0 || shape(found).burst == class.shape.burst)
}

/// Explicit qdiscs by handle.
struct Leaves<'a>(Vec<(u16, &'a QdiscSeen)>);

impl<'a> Leaves<'a> {
    /// `None` where a handle is there twice.
    fn of(interface: &'a Interface) -> Option<Leaves<'a>> {
        let explicit = interface.qdiscs.iter().filter(|q| q.handle != 0);
        let mut all: Vec<(u16, &QdiscSeen)> = explicit.map(|q| (q.handle, q)).collect();
        all.sort_by_key(|(handle, _)| *handle);
        all.is_sorted_by(|a, b| a.0 < b.0).then_some(Leaves(all))
    }

    /// Whether a class has this leaf, and no other.
    fn is(&self, class: &ClassSeen, wanted: Option<&WantedLeaf>) -> bool {
        let found = match class.leaf {
            0 => None,
            handle => self.0.binary_search_by_key(&handle, |(h, _)| *h).ok(),
        };
        let found = found.map(|at| self.0[at].1);
        match (
            found.filter(|q| q.parent == Parent::Class(class.id)),
            wanted,
        ) {
            (None, None) => true,
            (Some(is), Some(wanted)) => {
                is.handle == wanted.handle
                    && is.kind == wanted.kind
                    && is.options == wanted.arguments
            }
            _ => false,
        }
    }
}
