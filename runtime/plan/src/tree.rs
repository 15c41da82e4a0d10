//! The classes of one interface: which stay, which come, which are in the way, and the rates on the way.

use std::collections::{BTreeMap, BTreeSet};

use weir_abi::ClassId;

use crate::action::Action;
use crate::kernel::{ClassSeen, Device, Parent};
use crate::order::{Hindrance, Live, Steps};
use crate::rates::{Beside, Between, Stuck, between};
use crate::refusal::Refusal;
use crate::seen::{Seen, parent, shape};
use crate::steps::Phase;
use crate::wanted::{Shape, WantedClass, WantedInterface};

pub(crate) struct Tree<'a> {
    seen: &'a Seen<'a>,
    device: Device,
    /// Parents before children.
    wanted: Vec<&'a WantedClass>,
    /// Wanted, and there already, under the parent it is wanted under.
    kept: BTreeMap<ClassId, &'a ClassSeen>,
    /// There, wanted by nobody who shapes, and in the way: children before parents.
    in_the_way: Vec<ClassId>,
    /// There, and may hold packets of the active generation.
    live: BTreeSet<ClassId>,
    /// `(rate, ceil)` of live and wanted classes in the middle of the swap.
    middle: BTreeMap<ClassId, (u64, u64)>,
}

impl<'a> Tree<'a> {
    /// `beside`: what classes that are not in `seen` and `interface` take, by the class above them.
    pub fn new(
        seen: &'a Seen<'a>,
        interface: &'a WantedInterface,
        live: Live,
        beside: &BTreeMap<ClassId, Beside>,
    ) -> Result<Tree<'a>, Hindrance> {
        let device = interface.name.clone();
        let wanted: Vec<&WantedClass> = interface.classes.iter().collect();
        let by_id: BTreeMap<ClassId, &WantedClass> = wanted.iter().map(|w| (w.id, *w)).collect();
        // A repair may remove what stands wrong: it shapes nobody as it should.
        let blocking: BTreeSet<ClassId> = match &live {
            Live::None | Live::Wanted => BTreeSet::new(),
            Live::Known(ids) => (ids.iter().copied())
                .filter(|id| seen.classes.contains_key(id))
                .collect(),
            Live::All => seen.classes.keys().copied().collect(),
        };
        let mut reasons = Vec::new();
        let mut tops: BTreeSet<ClassId> = BTreeSet::new();

        // A leaf handle that another class has.
        for class in &wanted {
            let Some(leaf) = &class.leaf else { continue };
            let Some(qdisc) = seen.handles.get(&leaf.handle) else {
                continue;
            };
            match qdisc.parent {
                Parent::Class(at) if at == class.id => {}
                Parent::Class(at) if seen.classes.contains_key(&at) => {
                    if blocking.contains(&at) {
                        reasons.push(Refusal::LeafHandle {
                            device: device.clone(),
                            key: class.key.clone(),
                            id: class.id,
                            handle: leaf.handle,
                            at,
                        });
                    }
                    tops.insert(at);
                }
                at => reasons.push(Refusal::Foreign {
                    device: device.clone(),
                    kind: qdisc.kind.clone(),
                    handle: qdisc.handle,
                    place: match at {
                        Parent::Root => "root".to_owned(),
                        Parent::Ingress => "ingress".to_owned(),
                        Parent::Class(id) => format!("parent {id}"),
                    },
                }),
            }
        }

        let mut kept: BTreeMap<ClassId, &ClassSeen> = BTreeMap::new();
        for class in &wanted {
            let Some(found) = seen.classes.get(&class.id).copied() else {
                continue;
            };
            let in_place = parent(found) == class.parent
                && class.parent.is_none_or(|p| kept.contains_key(&p))
                && !tops.contains(&class.id);
            // A class with classes below it takes no packets; one that takes packets loses them with the first class
            // below it.
            let turned = match class.is_circuit() {
                true => seen.has_children(class.id),
                false => found.leaf != 0 && blocking.contains(&class.id),
            };
            if in_place && !turned {
                kept.insert(class.id, found);
            } else {
                tops.insert(class.id);
            }
        }

        let in_the_way = seen.subtrees(&tops);
        for id in &in_the_way {
            kept.remove(id);
            if !blocking.contains(id) {
                continue;
            }
            let name = |id: Option<ClassId>| id.map_or("the root".to_owned(), |id| id.to_string());
            let class = by_id.get(id);
            let already = reasons
                .iter()
                .any(|reason| matches!(reason, Refusal::LeafHandle { at, .. } if at == id));
            if !already {
                reasons.push(Refusal::Renumber {
                    device: device.clone(),
                    key: class.map_or("not wanted".to_owned(), |class| class.key.clone()),
                    id: *id,
                    has: name(parent(seen.classes[id])),
                    wants: class.map_or("nothing".to_owned(), |class| name(class.parent)),
                });
            }
        }
        if !reasons.is_empty() {
            return Err(Hindrance::Refused(reasons));
        }

        let live: BTreeSet<ClassId> = match live {
            Live::Wanted => kept.keys().copied().collect(),
            _ => blocking,
        };
        let mut classes: BTreeMap<ClassId, Between> = BTreeMap::new();
        for id in &live {
            let found = seen.classes[id];
            classes.insert(
                *id,
                Between {
                    parent: parent(found),
                    before: Some((found.rate_kbps, found.ceil_kbps)),
                    after: None,
                },
            );
        }
        for class in &wanted {
            let shape = (class.shape.rate_kbps, class.shape.ceil_kbps);
            classes
                .entry(class.id)
                .or_insert(Between {
                    parent: class.parent,
                    before: None,
                    after: None,
                })
                .after = Some(shape);
        }
        let middle = between(&classes, beside).map_err(|stuck| match stuck {
            Stuck::LeftOut => Hindrance::LeftOut,
            Stuck::NoRoom(id) => Hindrance::Refused(vec![Refusal::NoRoom {
                device: device.clone(),
                id,
            }]),
        })?;
        Ok(Tree {
            seen,
            device,
            wanted,
            kept,
            in_the_way,
            live,
            middle,
        })
    }

    /// All steps of these classes, into their phases.
    pub fn steps(&self, flips: bool, steps: &mut Steps) {
        self.clear_the_way(steps);
        self.add(steps);
        let now = self.raise(steps);
        self.leaves(steps);
        self.lower(now, flips, steps);
    }

    /// Waits for what only the next generation queues in.
    pub fn drain_back(&self) -> Option<Action> {
        let classes: Vec<ClassId> = (self.wanted.iter())
            .filter(|class| class.is_circuit() && !self.live.contains(&class.id))
            .map(|class| class.id)
            .collect();
        let device = self.device.clone();
        (!classes.is_empty()).then_some(Action::Drain { device, classes })
    }

    fn clear_the_way(&self, steps: &mut Steps) {
        for &id in &self.in_the_way {
            let device = self.device.clone();
            steps.push(
                Phase::Prepare,
                Action::RemoveClass { device, id },
                class_again(self.seen, id),
            );
        }
    }

    fn add(&self, steps: &mut Steps) {
        for class in self.new_classes() {
            let device = self.device.clone();
            steps.push(
                Phase::Prepare,
                Action::AddClass {
                    device: device.clone(),
                    id: class.id,
                    parent: class.parent,
                    shape: self.in_the_middle(class),
                },
                Some(Action::RemoveClass {
                    device: device.clone(),
                    id: class.id,
                }),
            );
            if let Some(leaf) = &class.leaf {
                // It goes with its class.
                steps.push(
                    Phase::Prepare,
                    Action::AddLeaf {
                        device,
                        class: class.id,
                        leaf: leaf.clone(),
                    },
                    None,
                );
            }
        }
    }

    fn new_classes(&self) -> impl Iterator<Item = &'a WantedClass> {
        (self.wanted.iter().copied()).filter(|class| !self.kept.contains_key(&class.id))
    }

    /// A wanted class with the rates of the middle.
    fn in_the_middle(&self, class: &WantedClass) -> Shape {
        let (rate_kbps, ceil_kbps) = self.middle[&class.id];
        Shape {
            rate_kbps,
            ceil_kbps,
            ..class.shape
        }
    }

    fn change(
        &self,
        phase: Phase,
        (id, parent): (ClassId, Option<ClassId>),
        (before, after): (Shape, Shape),
        steps: &mut Steps,
    ) {
        let act = |shape| Action::ChangeClass {
            device: self.device.clone(),
            id,
            parent,
            shape,
        };
        steps.push(phase, act(after), Some(act(before)));
    }

    /// To the rates of the middle. Where not all fits, guarantees go down first, bottom-up; then what goes up,
    /// top-down. Gives the shapes that wanted classes have after it.
    fn raise(&self, steps: &mut Steps) -> BTreeMap<ClassId, Shape> {
        let mut now: BTreeMap<ClassId, Shape> = BTreeMap::new();
        let mut there: Vec<(usize, ClassId)> = (self.live.iter())
            .chain(self.kept.keys())
            .map(|id| (self.seen.depth(*id), *id))
            .collect();
        there.sort_unstable();
        there.dedup();
        for &(_, id) in &there {
            now.insert(id, shape(self.seen.classes[&id]));
        }
        let place = |id: ClassId| (id, parent(self.seen.classes[&id]));
        for &(_, id) in there.iter().rev() {
            let (rate_kbps, ceil_kbps) = self.middle[&id];
            let before = now[&id];
            let mut after = Shape {
                rate_kbps: before.rate_kbps.min(rate_kbps),
                ..before
            };
            if !self.live.contains(&id) {
                // Kept from an earlier generation: nobody is slowed down by it yet.
                after.ceil_kbps = before.ceil_kbps.min(ceil_kbps);
            }
            if before != after {
                self.change(Phase::Raise, place(id), (before, after), steps);
                now.insert(id, after);
            }
        }
        for &(_, id) in &there {
            let (rate_kbps, ceil_kbps) = self.middle[&id];
            let before = now[&id];
            if rate_kbps > before.rate_kbps || ceil_kbps > before.ceil_kbps {
                let after = Shape {
                    rate_kbps,
                    ceil_kbps,
                    ..before
                };
                self.change(Phase::Raise, place(id), (before, after), steps);
                now.insert(id, after);
            }
        }
        for class in self.new_classes() {
            now.insert(class.id, self.in_the_middle(class));
        }
        now
    }

    /// Leaves of classes that stay.
    fn leaves(&self, steps: &mut Steps) {
        for class in &self.wanted {
            let Some(found) = self.kept.get(&class.id) else {
                continue;
            };
            let device = || self.device.clone();
            let id = class.id;
            let add = |leaf| Action::AddLeaf {
                device: device(),
                class: id,
                leaf,
            };
            let change = |leaf| Action::ChangeLeaf {
                device: device(),
                class: id,
                leaf,
            };
            let replace = |leaf| Action::ReplaceLeaf {
                device: device(),
                class: id,
                leaf,
            };
            let remove = |handle| Action::RemoveLeaf {
                device: device(),
                class: id,
                handle,
            };
            let mut step = |action, undo| steps.push(Phase::Raise, action, Some(undo));
            match (self.seen.leaf(found), class.leaf.clone()) {
                (None, None) => {}
                (None, Some(new)) => step(add(new.clone()), remove(new.handle)),
                (Some(old), None) => step(remove(old.handle), add(old)),
                (Some(old), Some(new)) if old == new => {}
                (Some(old), Some(new)) if old.handle != new.handle => {
                    step(replace(new), replace(old));
                }
                (Some(old), Some(new)) if old.kind == new.kind => step(change(new), change(old)),
                // The kernel takes a handle for the qdisc that has it, whatever kind is asked for.
                (Some(old), Some(new)) => {
                    step(remove(old.handle), add(old));
                    step(add(new.clone()), remove(new.handle));
                }
            }
        }
    }

    /// From the rates of the middle to those that are wanted: at once where no class of the old generation is below,
    /// elsewhere when those have run dry.
    fn lower(&self, mut now: BTreeMap<ClassId, Shape>, flips: bool, steps: &mut Steps) {
        let ids: BTreeSet<ClassId> = self.wanted.iter().map(|class| class.id).collect();
        let retired = |id: &&ClassId| flips && !ids.contains(id);
        let mut held: BTreeSet<ClassId> = BTreeSet::new();
        let mut drains = Vec::new();
        for id in self.live.iter().filter(retired) {
            if !self.seen.has_children(*id) {
                drains.push(*id);
            }
            let mut at = parent(self.seen.classes[id]);
            while let Some(above) = at {
                if !held.insert(above) {
                    break;
                }
                at = self
                    .seen
                    .classes
                    .get(&above)
                    .and_then(|class| parent(class));
            }
        }
        let inner: BTreeSet<ClassId> = self.wanted.iter().filter_map(|w| w.parent).collect();
        let mut down = |phase: Phase, class: &WantedClass, now: &mut BTreeMap<ClassId, Shape>| {
            let before = now[&class.id];
            let mut after = Shape {
                rate_kbps: before.rate_kbps.min(class.shape.rate_kbps),
                ..class.shape
            };
            if inner.contains(&class.id) || !class.is_circuit() {
                // The kernel would not take another one.
                after.quantum = before.quantum;
            }
            if before != after {
                let place = (class.id, class.parent);
                self.change(phase, place, (before, after), steps);
                now.insert(class.id, after);
            }
        };
        for class in self.wanted.iter().rev() {
            if !held.contains(&class.id) {
                down(Phase::Lower, class, &mut now);
            }
        }
        for class in self.wanted.iter().rev() {
            if held.contains(&class.id) {
                down(Phase::Settle, class, &mut now);
            }
        }
        for class in &self.wanted {
            let before = now[&class.id];
            if before.rate_kbps < class.shape.rate_kbps {
                let after = Shape {
                    rate_kbps: class.shape.rate_kbps,
                    ..before
                };
                let place = (class.id, class.parent);
                self.change(Phase::Settle, place, (before, after), steps);
            }
        }
        if !drains.is_empty() {
            let device = self.device.clone();
            let classes = drains;
            steps.push(Phase::Drain, Action::Drain { device, classes }, None);
        }
    }
}

/// What makes a class as it was, without those below it.
pub(crate) fn class_again(seen: &Seen<'_>, id: ClassId) -> Vec<Action> {
    let class = seen.classes[&id];
    let device = seen.interface.name.clone();
    let mut actions = vec![Action::AddClass {
        device: device.clone(),
        id,
        parent: parent(class),
        shape: shape(class),
    }];
    if let Some(leaf) = seen.leaf(class) {
        actions.push(Action::AddLeaf {
            device,
            class: id,
            leaf,
        });
    }
    actions
}
