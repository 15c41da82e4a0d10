//! Where the kernel is not as it should be: against a generation ([`differences`]), or against what steps should
//! have done ([`unmet`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use weir_abi::{ClassId, MQ_HANDLE};

use crate::action::Action;
use crate::kernel::{Active, Observation, Parent, Program};
use crate::order::place;
use crate::seen::{Root, Seen, has_shape, parent, shape};
use crate::wanted::{Shape, Wanted, WantedLeaf};

/// Something that is not as it should be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Difference {
    /// `eth1: class 1:1a`, `slots`
    pub object: String,
    pub found: String,
    pub wanted: String,
    /// It is there and no generation has it. Nobody is shaped by it.
    pub extra: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: is {}, and should be {}",
            self.object, self.found, self.wanted
        )
    }
}

const NOT_THERE: &str = "not there";

/// Everything in which the kernel differs from a generation, sorted; empty if it is exactly that generation and
/// nothing else but what `kept` generations have.
pub fn differences(seen: &Observation, wanted: &Wanted, kept: &[&Wanted]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |object: String, is: String, should: String| {
        found.push(Difference {
            object,
            found: is,
            extra: should == NOT_THERE,
            wanted: should,
        });
    };
    let tables = &seen.tables;
    if tables.digest() != Some(wanted.digest.as_str()) {
        add(
            "active generation".to_owned(),
            tables.digest().unwrap_or("nothing").to_owned(),
            wanted.digest.clone(),
        );
    }
    if tables.vlans != wanted.vlans {
        add(
            "vlans".to_owned(),
            format!("{:?}", tables.vlans),
            format!("{:?}", wanted.vlans),
        );
    }
    for interface in &wanted.interfaces {
        let name = &interface.name;
        let there = (seen.interfaces.iter()).find(|i| i.name == *name && i.index.is_some());
        let Some(there) = there else {
            add(name.clone(), NOT_THERE.to_owned(), "there".to_owned());
            continue;
        };
        let program = there.program.and_then(|seen| seen.program);
        if program != Some(interface.program) {
            add(
                format!("{name}: program"),
                program.map_or(NOT_THERE.to_owned(), |p| format!("{p:?}").to_lowercase()),
                format!("{:?}", interface.program).to_lowercase(),
            );
        }
        let seen = Seen::new(there, tables.active.is_some());
        for htb in &interface.htbs {
            let place = place(interface, there.tx_queues, htb);
            let is = seen.htbs.get(&htb.major);
            if is != Some(&place) {
                add(
                    format!("{name}: htb {:x}:", htb.major),
                    is.map_or(NOT_THERE.to_owned(), Parent::to_string),
                    place.to_string(),
                );
            }
        }
        let mut ids: BTreeSet<ClassId> = BTreeSet::new();
        for class in &interface.classes {
            ids.insert(class.id);
            let object = format!("{name}: class {}", class.id);
            let should = told(class.parent, &class.shape, class.leaf.as_ref());
            let Some(found) = seen.classes.get(&class.id) else {
                add(object, NOT_THERE.to_owned(), should);
                continue;
            };
            let leaf = seen.leaf(found);
            if parent(found) != class.parent
                || !has_shape(found, &class.shape, class.is_circuit())
                || leaf != class.leaf
            {
                add(
                    object,
                    told(parent(found), &shape(found), leaf.as_ref()),
                    should,
                );
            }
        }
        let kept = (kept.iter()).filter_map(|kept| kept.interface(name));
        ids.extend(kept.flat_map(|i| &i.classes).map(|class| class.id));
        for (id, class) in seen.classes.iter().filter(|(id, _)| !ids.contains(id)) {
            add(
                format!("{name}: class {id}"),
                told(parent(class), &shape(class), seen.leaf(class).as_ref()),
                NOT_THERE.to_owned(),
            );
        }
    }
    found.sort();
    found
}

fn told(parent: Option<ClassId>, shape: &Shape, leaf: Option<&WantedLeaf>) -> String {
    let parent = parent.map_or("at the root".to_owned(), |p| format!("under {p}"));
    match leaf {
        None => format!("{parent}, {shape}"),
        Some(leaf) => format!("{parent}, {shape}, {leaf}"),
    }
}

/// What of these acts cannot be seen, sorted: each object has to be as the last act on it says. Return codes of
/// the kernel are not enough: a class under a missing parent is accepted, and becomes a root class.
pub fn unmet<'a>(
    seen: &Observation,
    actions: impl IntoIterator<Item = &'a Action>,
) -> Vec<Difference> {
    let mut should = Should::default();
    for action in actions {
        should.after(action);
    }
    should.compare(seen)
}

/// Where a class hangs, and its shape.
type Stands = (Option<ClassId>, Shape);

/// What acts should have led to, by object.
#[derive(Default)]
struct Should<'a> {
    classes: BTreeMap<(&'a str, ClassId), Option<Stands>>,
    leaves: BTreeMap<(&'a str, ClassId), Option<&'a WantedLeaf>>,
    mq: BTreeMap<&'a str, bool>,
    htbs: BTreeMap<(&'a str, u16), Option<Parent>>,
    programs: BTreeMap<&'a str, Option<Program>>,
    slots: BTreeMap<u32, Option<&'a str>>,
    active: Option<Active>,
    vlans: Option<[u16; 2]>,
}

impl<'a> Should<'a> {
    fn after(&mut self, action: &'a Action) {
        match action {
            Action::AddMq { device } => {
                self.mq.insert(device, true);
            }
            Action::RemoveMq { device } => {
                self.mq.insert(device, false);
                self.forget(device, |_| true);
            }
            Action::AddHtb {
                device,
                major,
                parent,
            } => {
                self.htbs.insert((device, *major), Some(*parent));
            }
            Action::RemoveHtb { device, major, .. } => {
                self.forget(device, |m| m == *major);
                self.htbs.insert((device, *major), None);
            }
            Action::AddClass {
                device,
                id,
                parent,
                shape,
            }
            | Action::ChangeClass {
                device,
                id,
                parent,
                shape,
            } => {
                self.classes.insert((device, *id), Some((*parent, *shape)));
            }
            Action::RemoveClass { device, id } => {
                self.classes.insert((device, *id), None);
                self.leaves.remove(&(device.as_str(), *id));
            }
            Action::AddLeaf {
                device,
                class,
                leaf,
            }
            | Action::ChangeLeaf {
                device,
                class,
                leaf,
            }
            | Action::ReplaceLeaf {
                device,
                class,
                leaf,
            } => {
                self.leaves.insert((device, *class), Some(leaf));
            }
            Action::RemoveLeaf { device, class, .. } => {
                self.leaves.insert((device, *class), None);
            }
            Action::LoadTable { slot, digest } => {
                self.slots.insert(*slot, Some(digest));
            }
            Action::ClearSlot { slot } => {
                self.slots.insert(*slot, None);
            }
            Action::SetVlans { vlans } => self.vlans = Some(*vlans),
            Action::Attach { device, program } => {
                self.programs.insert(device, Some(*program));
            }
            Action::Detach { device } => {
                self.programs.insert(device, None);
            }
            Action::Flip { to } => self.active = Some(*to),
            Action::Barrier | Action::Drain { .. } => {}
        }
    }

    fn forget(&mut self, device: &str, majors: impl Fn(u16) -> bool) {
        (self.classes).retain(|(d, id), _| *d != device || !majors(id.major()));
        (self.leaves).retain(|(d, id), _| *d != device || !majors(id.major()));
        self.htbs
            .retain(|(d, major), _| *d != device || !majors(*major));
    }

    fn compare(&self, seen: &Observation) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut add = |object: String, is: String, should: String| {
            found.push(Difference {
                object,
                found: is,
                extra: should == NOT_THERE,
                wanted: should,
            });
        };
        let there = |is: bool| if is { "there" } else { NOT_THERE }.to_owned();
        let interfaces: BTreeMap<&str, Seen<'_>> = (seen.interfaces.iter())
            .map(|i| (i.name.as_str(), Seen::new(i, seen.tables.active.is_some())))
            .collect();
        let on = |device: &str| interfaces.get(device);
        for (device, should) in &self.mq {
            let is = on(device).is_some_and(|seen| seen.root == Root::Mq);
            if is != *should {
                add(
                    format!("{device}: mq {MQ_HANDLE:x}:"),
                    there(is),
                    there(*should),
                );
            }
        }
        for ((device, major), should) in &self.htbs {
            let is = on(device).and_then(|seen| seen.htbs.get(major).copied());
            if is != *should {
                let told = |at: Option<Parent>| at.map_or(there(false), |at| at.to_string());
                add(format!("{device}: htb {major:x}:"), told(is), told(*should));
            }
        }
        for ((device, id), should) in &self.classes {
            let is = on(device).and_then(|seen| seen.classes.get(id));
            let same = match (is, should) {
                (None, None) => true,
                (Some(is), Some((above, shape))) => {
                    let inner = on(device).is_some_and(|seen| seen.has_children(*id));
                    parent(is) == *above && has_shape(is, shape, !inner)
                }
                _ => false,
            };
            if !same {
                add(
                    format!("{device}: class {id}"),
                    is.map_or(there(false), |is| told(parent(is), &shape(is), None)),
                    (should.as_ref()).map_or(there(false), |(p, s)| told(*p, s, None)),
                );
            }
        }
        for ((device, id), should) in &self.leaves {
            let is = on(device).and_then(|seen| seen.leaf(seen.classes.get(id)?));
            if is.as_ref() != *should {
                let told =
                    |leaf: Option<&WantedLeaf>| leaf.map_or(there(false), |leaf| leaf.to_string());
                add(
                    format!("{device}: leaf of {id}"),
                    told(is.as_ref()),
                    told(*should),
                );
            }
        }
        for (device, should) in &self.programs {
            let is = on(device).and_then(|seen| seen.interface.program?.program);
            if is != *should {
                add(
                    format!("{device}: program"),
                    format!("{is:?}").to_lowercase(),
                    format!("{should:?}").to_lowercase(),
                );
            }
        }
        for (slot, should) in &self.slots {
            let is = (seen.tables.slots.get(*slot as usize)).and_then(|slot| slot.as_deref());
            if is != *should {
                let told = |digest: Option<&str>| digest.unwrap_or("empty").to_owned();
                add(format!("slot {slot}"), told(is), told(*should));
            }
        }
        if let Some(should) = self.active
            && seen.tables.active != Some(should)
        {
            add(
                "active slot".to_owned(),
                format!("{:?}", seen.tables.active),
                format!("{should:?}"),
            );
        }
        if let Some(should) = self.vlans
            && seen.tables.vlans != should
        {
            add(
                "vlans".to_owned(),
                format!("{:?}", seen.tables.vlans),
                format!("{should:?}"),
            );
        }
        found.sort();
        found
    }
}
