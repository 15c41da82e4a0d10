//! A kernel made of data, for tests: it does what the real one does to HTB trees, with the traps that were seen on
//! it. A class under a missing parent becomes a root class and nobody says so; a change of parent is accepted and
//! ignored; the first class below a leaf purges it; a class with classes below cannot be removed; the ninth level
//! is refused.
//!
//! It also knows what no kernel tells: which classes may hold packets now, and so whether any ceiling could be
//! exceeded ([`ModelKernel::broken`]). Time, packets and memory it does not know.

#[cfg(test)]
mod golden;
pub mod random;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use weir_abi::maps::SLOTS;
use weir_abi::{ClassId, MAX_HTB_DEPTH, MQ_HANDLE};

use crate::action::Action;
use crate::kernel::{
    Active, ClassSeen, Device, HTB_OPTIONS, Interface, Observation, Parent, Program, ProgramSeen,
    QdiscSeen, Stats, Tables,
};
use crate::wanted::{Shape, Wanted, WantedLeaf};

/// The whole of it.
#[derive(Clone, Debug, Default)]
pub struct ModelKernel {
    pub interfaces: BTreeMap<Device, ModelInterface>,
    pub tables: Tables,
    /// Packets that were thrown away by acts.
    pub dropped: u64,
    /// What each table leads to: circuits' classes, by digest.
    generations: BTreeMap<String, Wanted>,
    /// Classes that packets may be queued in.
    holding: BTreeSet<(Device, ClassId)>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ModelInterface {
    pub tx_queues: u32,
    pub qdiscs: Vec<QdiscSeen>,
    pub classes: BTreeMap<ClassId, ModelClass>,
    pub program: Option<Program>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelClass {
    pub parent: Option<ClassId>,
    pub shape: Shape,
    pub leaf: Option<WantedLeaf>,
    /// Packets that wait.
    pub queued: u32,
}

/// As the kernel names it: `EBUSY`, with its words.
pub type ModelError = &'static str;

impl ModelKernel {
    /// Interfaces with their default qdisc and nothing of ours.
    pub fn new<'a>(interfaces: impl IntoIterator<Item = (&'a str, u32)>) -> ModelKernel {
        let interfaces = (interfaces.into_iter())
            .map(|(name, tx_queues)| {
                let mut interface = ModelInterface {
                    tx_queues,
                    ..ModelInterface::default()
                };
                interface.qdiscs.push(qdisc(
                    if tx_queues > 1 { "mq" } else { "noqueue" },
                    0,
                    Parent::Root,
                    "",
                ));
                (name.to_owned(), interface)
            })
            .collect();
        ModelKernel {
            interfaces,
            ..ModelKernel::default()
        }
    }

    /// Tells which classes a table leads to.
    pub fn register(&mut self, wanted: &Wanted) {
        self.generations
            .insert(wanted.digest.clone(), wanted.clone());
    }

    pub fn observe(&self, devices: &[Device]) -> Observation {
        let interfaces = (devices.iter().zip(1..))
            .map(|(name, index)| match self.interfaces.get(name) {
                None => Interface {
                    name: name.clone(),
                    index: None,
                    up: false,
                    tx_queues: 0,
                    qdiscs: Vec::new(),
                    classes: Vec::new(),
                    program: None,
                },
                Some(found) => found.observe(name, index),
            })
            .collect();
        Observation {
            interfaces,
            tables: self.tables.clone(),
        }
    }

    /// One act.
    pub fn apply(&mut self, action: &Action) -> Result<(), ModelError> {
        match action {
            Action::LoadTable { slot, digest } => {
                self.make_maps();
                if self.tables.active == Some(Active::Slot(*slot)) {
                    return Err("EBUSY: the slot is active");
                }
                if !self.generations.contains_key(digest) {
                    return Err("ENOENT: no such table");
                }
                *self.slot(*slot)? = Some(digest.clone());
                Ok(())
            }
            Action::ClearSlot { slot } => {
                if self.tables.active == Some(Active::Slot(*slot)) {
                    return Err("EBUSY: the slot is active");
                }
                *self.slot(*slot)? = None;
                Ok(())
            }
            Action::SetVlans { vlans } => {
                self.tables.vlans = *vlans;
                Ok(())
            }
            Action::Flip { to } => {
                if let Active::Slot(slot) = to
                    && self.slot(*slot)?.is_none()
                {
                    return Err("ENOENT: the slot is empty");
                }
                if self.tables.active.is_none() {
                    return Err("ENOENT: no maps");
                }
                self.tables.active = Some(*to);
                self.hold();
                Ok(())
            }
            Action::Barrier => Ok(()),
            Action::Drain { device, classes } => {
                let shaping: BTreeSet<ClassId> = self.shaping(device).into_iter().collect();
                for id in classes.iter().filter(|id| !shaping.contains(id)) {
                    self.holding.remove(&(device.clone(), *id));
                    if let Some(class) = self.interface(device)?.classes.get_mut(id) {
                        class.queued = 0;
                    }
                }
                Ok(())
            }
            Action::Attach { device, program } => {
                self.make_maps();
                self.interface(device)?.program = Some(*program);
                Ok(())
            }
            Action::Detach { device } => match self.interface(device)?.program.take() {
                None => Err("ENOENT: no program"),
                Some(_) => Ok(()),
            },
            Action::AddMq { device }
            | Action::RemoveMq { device }
            | Action::AddHtb { device, .. }
            | Action::RemoveHtb { device, .. }
            | Action::AddClass { device, .. }
            | Action::ChangeClass { device, .. }
            | Action::RemoveClass { device, .. }
            | Action::AddLeaf { device, .. }
            | Action::ChangeLeaf { device, .. }
            | Action::ReplaceLeaf { device, .. }
            | Action::RemoveLeaf { device, .. } => {
                let done = self.interface(device)?.queueing(action);
                let dropped = done?;
                self.dropped += u64::from(dropped);
                let there = &self.interfaces[device].classes;
                (self.holding).retain(|(d, id)| d != device || there.contains_key(id));
                // What appears while a table leads to it may be met at once.
                self.hold();
                Ok(())
            }
        }
    }

    fn make_maps(&mut self) {
        if self.tables.active.is_none() {
            self.tables.active = Some(Active::Nothing);
            self.tables.slots = vec![None; SLOTS as usize];
        }
    }

    fn slot(&mut self, slot: u32) -> Result<&mut Option<String>, ModelError> {
        (self.tables.slots.get_mut(slot as usize)).ok_or("E2BIG: no such slot")
    }

    fn interface(&mut self, device: &str) -> Result<&mut ModelInterface, ModelError> {
        self.interfaces
            .get_mut(device)
            .ok_or("ENODEV: no such device")
    }

    /// Classes that the active table leads to.
    fn shaping(&self, device: &str) -> Vec<ClassId> {
        let active = (self.tables.digest()).and_then(|digest| self.generations.get(digest));
        let interface = active.and_then(|wanted| wanted.interface(device));
        (interface.iter().flat_map(|i| &i.classes))
            .filter(|class| class.is_circuit())
            .map(|class| class.id)
            .collect()
    }

    fn hold(&mut self) {
        let devices: Vec<Device> = self.interfaces.keys().cloned().collect();
        for device in devices {
            for id in self.shaping(&device) {
                if self.interfaces[&device].classes.contains_key(&id) {
                    self.holding.insert((device.clone(), id));
                }
            }
        }
    }

    /// Queues so many packets in every class that the active table leads to.
    pub fn fill(&mut self, packets: u32) {
        let devices: Vec<Device> = self.interfaces.keys().cloned().collect();
        for device in devices {
            for id in self.shaping(&device) {
                if let Some(interface) = self.interfaces.get_mut(&device)
                    && let Some(class) = interface.classes.get_mut(&id)
                {
                    class.queued = packets;
                }
            }
        }
    }

    /// What is wrong for traffic now: a packet of the active table whose class is not there, or under other classes
    /// than its generation has it; or classes that may hold packets and together could pass a ceiling.
    pub fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        if let Some(wanted) = (self.tables.digest()).and_then(|d| self.generations.get(d)) {
            for wanted in &wanted.interfaces {
                let Some(interface) = self.interfaces.get(&wanted.name) else {
                    continue;
                };
                let parents: BTreeMap<ClassId, Option<ClassId>> =
                    wanted.classes.iter().map(|c| (c.id, c.parent)).collect();
                for class in wanted.classes.iter().filter(|c| c.is_circuit()) {
                    let mut at = Some(class.id);
                    while let Some(id) = at {
                        let found = interface.classes.get(&id).map(|c| c.parent);
                        if found != Some(parents[&id]) {
                            broken.push(format!("{}: chain of {} at {id}", wanted.name, class.id));
                            break;
                        }
                        at = parents[&id];
                    }
                    if interface.has_children(class.id) {
                        broken.push(format!("{}: {} takes no packets", wanted.name, class.id));
                    }
                }
            }
        }
        for (device, interface) in &self.interfaces {
            let mut counted: BTreeSet<ClassId> = BTreeSet::new();
            for (_, id) in self.holding.iter().filter(|(d, _)| d == device) {
                let mut at = Some(*id);
                while let Some(id) = at.filter(|id| counted.insert(*id)) {
                    at = interface.classes.get(&id).and_then(|class| class.parent);
                }
            }
            let mut sums: BTreeMap<ClassId, u64> = BTreeMap::new();
            for id in &counted {
                let Some(class) = interface.classes.get(id) else {
                    broken.push(format!("{device}: {id} is missing"));
                    continue;
                };
                if class.shape.rate_kbps > class.shape.ceil_kbps {
                    broken.push(format!("{device}: {id}: rate above ceil"));
                }
                let Some(above) = class.parent else { continue };
                *sums.entry(above).or_default() += class.shape.rate_kbps;
                let parent = &interface.classes[&above].shape;
                if class.shape.ceil_kbps > parent.ceil_kbps {
                    broken.push(format!("{device}: {id}: ceil above that of {above}"));
                }
            }
            for (id, sum) in sums {
                if sum > interface.classes[&id].shape.rate_kbps {
                    broken.push(format!("{device}: below {id}: {sum} guaranteed"));
                }
            }
        }
        broken
    }
}

fn qdisc(kind: &str, handle: u16, parent: Parent, options: &str) -> QdiscSeen {
    QdiscSeen {
        kind: kind.to_owned(),
        handle,
        parent,
        options: options.to_owned(),
        stats: Stats::default(),
    }
}

impl ModelInterface {
    fn observe(&self, name: &str, index: u32) -> Interface {
        let mut qdiscs = self.qdiscs.clone();
        let leaves = (self.classes.iter()).filter_map(|(id, c)| Some((id, c.leaf.as_ref()?)));
        qdiscs.extend(
            leaves.map(|(id, leaf)| {
                qdisc(&leaf.kind, leaf.handle, Parent::Class(*id), &leaf.arguments)
            }),
        );
        qdiscs.sort_by_key(|q| (q.parent, q.handle));
        let classes = (self.classes.iter())
            .map(|(id, class)| {
                let (buffer, cbuffer) = class.shape.ticks();
                ClassSeen {
                    id: *id,
                    parent: class.parent.map_or(Parent::Root, Parent::Class),
                    rate_kbps: class.shape.rate_kbps,
                    ceil_kbps: class.shape.ceil_kbps,
                    quantum: class.shape.quantum,
                    buffer,
                    cbuffer,
                    leaf: class.leaf.as_ref().map_or(0, |leaf| leaf.handle),
                    stats: Stats {
                        backlog_packets: class.queued,
                        ..Stats::default()
                    },
                }
            })
            .collect();
        Interface {
            name: name.to_owned(),
            index: Some(index),
            up: true,
            tx_queues: self.tx_queues,
            qdiscs,
            classes,
            program: self.program.map(|program| ProgramSeen {
                program: Some(program),
                tcx: true,
                tag: [0; 8],
            }),
        }
    }

    fn has_children(&self, id: ClassId) -> bool {
        self.classes.values().any(|class| class.parent == Some(id))
    }

    fn handle_taken(&self, handle: u16) -> bool {
        self.qdiscs.iter().any(|q| q.handle == handle)
            || (self.classes.values())
                .any(|class| class.leaf.as_ref().is_some_and(|l| l.handle == handle))
    }

    fn class(&mut self, id: ClassId) -> Result<&mut ModelClass, ModelError> {
        self.classes
            .get_mut(&id)
            .ok_or("ENOENT: Specified class not found")
    }

    fn depth(&self, id: ClassId) -> usize {
        let mut at = Some(id);
        let mut depth = 0;
        while let Some(class) = at.and_then(|id| self.classes.get(&id)) {
            depth += 1;
            at = class.parent;
        }
        depth
    }

    /// Packets that were thrown away.
    fn queueing(&mut self, action: &Action) -> Result<u32, ModelError> {
        let at = |interface: &ModelInterface, parent: Parent| {
            (interface.qdiscs.iter())
                .find(|q| q.parent == parent)
                .cloned()
        };
        match action {
            Action::AddMq { .. } => {
                if at(self, Parent::Root).is_some_and(|q| q.handle != 0) {
                    return Err("EEXIST: Exclusivity flag on, cannot modify");
                }
                if self.tx_queues < 2 {
                    return Err("EOPNOTSUPP: not a multiqueue device");
                }
                self.qdiscs.retain(|q| q.parent != Parent::Root);
                (self.qdiscs).push(qdisc("mq", MQ_HANDLE, Parent::Root, ""));
                Ok(0)
            }
            Action::RemoveMq { .. } => {
                if at(self, Parent::Root).is_none_or(|q| q.handle != MQ_HANDLE) {
                    return Err("ENOENT: Invalid handle");
                }
                let dropped = self.classes.values().map(|class| class.queued).sum();
                self.classes.clear();
                self.qdiscs.retain(|q| q.parent == Parent::Ingress);
                self.qdiscs.push(qdisc("mq", 0, Parent::Root, ""));
                Ok(dropped)
            }
            Action::AddHtb { major, parent, .. } => {
                if let Parent::Class(id) = parent
                    && (at(self, Parent::Root).is_none_or(|q| q.handle != id.major())
                        || u32::from(id.minor()) > self.tx_queues)
                {
                    return Err("ENOENT: Failed to find specified parent");
                }
                if at(self, *parent).is_some_and(|q| q.handle != 0) || self.handle_taken(*major) {
                    return Err("EEXIST: Exclusivity flag on, cannot modify");
                }
                self.qdiscs.retain(|q| q.parent != *parent);
                (self.qdiscs).push(qdisc("htb", *major, *parent, HTB_OPTIONS));
                Ok(0)
            }
            Action::RemoveHtb { major, parent, .. } => {
                if at(self, *parent).is_none_or(|q| q.handle != *major) {
                    return Err("ENOENT: Invalid handle");
                }
                self.qdiscs.retain(|q| q.handle != *major);
                if *parent == Parent::Root {
                    self.qdiscs.push(qdisc("noqueue", 0, Parent::Root, ""));
                }
                let gone = |id: &ClassId| id.major() == *major;
                let dropped = (self.classes.iter().filter(|(id, _)| gone(id)))
                    .map(|(_, class)| class.queued)
                    .sum();
                self.classes.retain(|id, _| !gone(id));
                Ok(dropped)
            }
            Action::AddClass {
                id, parent, shape, ..
            } => {
                if !self.qdiscs.iter().any(|q| q.handle == id.major()) {
                    return Err("ENOENT: Specified qdisc not found");
                }
                if self.classes.contains_key(id) {
                    return Err("EEXIST: class exists");
                }
                if shape.rate_kbps == 0 || shape.ceil_kbps == 0 {
                    return Err("EINVAL: no rate");
                }
                // A parent that is missing makes a root class.
                let parent = parent.filter(|parent| self.classes.contains_key(parent));
                let mut dropped = 0;
                if let Some(above) = parent {
                    if self.depth(above) >= MAX_HTB_DEPTH {
                        return Err("EINVAL: tree is too deep");
                    }
                    if !self.has_children(above) {
                        let above = self.class(above)?;
                        dropped = above.queued;
                        above.queued = 0;
                        above.leaf = None;
                    }
                }
                self.classes.insert(
                    *id,
                    ModelClass {
                        parent,
                        shape: *shape,
                        leaf: None,
                        queued: 0,
                    },
                );
                Ok(dropped)
            }
            Action::ChangeClass { id, shape, .. } => {
                if shape.rate_kbps == 0 || shape.ceil_kbps == 0 {
                    return Err("EINVAL: no rate");
                }
                let inner = self.has_children(*id);
                let class = self.class(*id)?;
                let quantum = class.shape.quantum;
                class.shape = *shape;
                if inner {
                    class.shape.quantum = quantum;
                }
                Ok(0)
            }
            Action::RemoveClass { id, .. } => {
                if self.has_children(*id) {
                    return Err("EBUSY: HTB class in use");
                }
                let dropped = self.class(*id)?.queued;
                self.classes.remove(id);
                Ok(dropped)
            }
            Action::AddLeaf { class, leaf, .. } => {
                if self.has_children(*class) {
                    return Err("EINVAL: not a leaf class");
                }
                if self.handle_taken(leaf.handle) {
                    return Err("EEXIST: the handle is taken");
                }
                let class = self.class(*class)?;
                if class.leaf.is_some() {
                    return Err("EEXIST: NLM_F_REPLACE needed to override");
                }
                class.leaf = Some(leaf.clone());
                Ok(std::mem::take(&mut class.queued))
            }
            Action::ChangeLeaf { class, leaf, .. } => {
                let class = self.class(*class)?;
                match &mut class.leaf {
                    Some(there) if there.handle == leaf.handle && there.kind == leaf.kind => {
                        *there = leaf.clone();
                        Ok(0)
                    }
                    _ => Err("ENOENT: no such leaf"),
                }
            }
            Action::ReplaceLeaf { class, leaf, .. } => {
                if self.handle_taken(leaf.handle) {
                    return Err("EEXIST: the handle is taken");
                }
                let class = self.class(*class)?;
                if class.leaf.is_none() {
                    return Err("ENOENT: no such leaf");
                }
                class.leaf = Some(leaf.clone());
                Ok(std::mem::take(&mut class.queued))
            }
            Action::RemoveLeaf { class, handle, .. } => {
                let class = self.class(*class)?;
                if class
                    .leaf
                    .as_ref()
                    .is_none_or(|leaf| leaf.handle != *handle)
                {
                    return Err("ENOENT: Invalid handle");
                }
                class.leaf = None;
                Ok(std::mem::take(&mut class.queued))
            }
            _ => Err("EINVAL: no act on queues"),
        }
    }
}
