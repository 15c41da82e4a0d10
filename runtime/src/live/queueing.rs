//! Acts on qdiscs and classes as requests of one batch.
//!
//! Three traps of the kernel are met here, because an act must do what it says and no more: taking an HTB away from
//! a tx queue would leave the queue without any qdisc, and all its packets would be dropped; a class whose parent
//! is not there becomes a root class; and the number of an fq_codel's flows cannot be changed.

use std::collections::{BTreeMap, BTreeSet};

use weir_abi::{ClassId, MQ_HANDLE};
use weir_plan::kernel::{Device, Parent};
use weir_plan::{Action, WantedLeaf};

use super::error::{self, error, netlink_error, refused};
use crate::netlink::htb::Class;
use crate::netlink::leaf::Leaf;
use crate::netlink::link::Link;
use crate::netlink::socket::Verdict;
use crate::netlink::tc::{self, Qdisc};
use crate::netlink::wire::Request;
use crate::netlink::{Error, Socket};
use crate::observe::{is_stand_in, stand_in_handle};
use crate::swap::{ErrorKind, KernelError};

/// By interface the HTBs that these acts were in, if they were on classes, slots and the word alone: then reading those
/// is enough to see what was done. `None`: it takes more.
pub fn touched(actions: &[Action]) -> Option<BTreeMap<&Device, BTreeSet<u16>>> {
    let mut touched: BTreeMap<&Device, BTreeSet<u16>> = BTreeMap::new();
    for action in actions {
        match action {
            Action::AddClass { device, id, .. }
            | Action::ChangeClass { device, id, .. }
            | Action::RemoveClass { device, id } => {
                touched.entry(device).or_default().insert(id.major());
            }
            Action::LoadTable { .. }
            | Action::ClearSlot { .. }
            | Action::SetVlans { .. }
            | Action::Flip { .. }
            | Action::Barrier
            | Action::Drain { .. } => {}
            _ => return None,
        }
    }
    Some(touched)
}

pub fn is_queueing(action: &Action) -> bool {
    device(action).is_some()
}

/// Interface of an act of queueing; `None` for other acts.
fn device(action: &Action) -> Option<&Device> {
    match action {
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
        | Action::RemoveLeaf { device, .. } => Some(device),
        Action::LoadTable { .. }
        | Action::ClearSlot { .. }
        | Action::SetVlans { .. }
        | Action::Attach { .. }
        | Action::Detach { .. }
        | Action::Flip { .. }
        | Action::Barrier
        | Action::Drain { .. } => None,
    }
}

/// Does all of them in order, and answers for each.
pub fn apply(
    socket: &mut Socket,
    links: &BTreeMap<String, Link>,
    actions: &[Action],
) -> Vec<Result<(), KernelError>> {
    let mut there = There {
        socket,
        qdiscs: BTreeMap::new(),
    };
    let mut answers: Vec<Result<(), KernelError>> = Vec::with_capacity(actions.len());
    let mut requests = Vec::with_capacity(actions.len());
    // Which act each request is of: one act can take two.
    let mut of = Vec::with_capacity(actions.len());
    for (place, action) in actions.iter().enumerate() {
        match there.requests(links, action) {
            Ok(all) => {
                of.extend(all.iter().map(|_| place));
                requests.extend(all);
                answers.push(Ok(()));
            }
            Err(error) => answers.push(Err(error)),
        }
    }
    let mut there_before = BTreeSet::new();
    match there.socket.batch(&requests) {
        Ok(verdicts) => {
            for (place, verdict) in of.into_iter().zip(verdicts) {
                if verdict.refusal().is_some_and(|r| r.errno == libc::EEXIST) {
                    there_before.insert(place);
                }
                let answer = &mut answers[place];
                if answer.is_ok() {
                    *answer = answer_of(&actions[place], verdict);
                }
            }
        }
        Err(failed) => {
            let failed = netlink_error("change queueing")(failed);
            answers
                .iter_mut()
                .filter(|a| a.is_ok())
                .for_each(|a| *a = Err(failed.clone()));
        }
    }
    orphans(there.socket, links, actions, &there_before, &mut answers);
    answers
}

fn answer_of(action: &Action, verdict: Verdict) -> Result<(), KernelError> {
    match verdict {
        Verdict::Done => Ok(()),
        Verdict::Refused(refusal) => Err(refused(&error::doing(action), &refusal)),
        Verdict::Unknown => Err(error(
            ErrorKind::Busy,
            &error::doing(action),
            "the kernel's answer got lost, so whether it was done is seen by reading back",
        )),
    }
}

/// Classes that were added below one that could not be: the kernel made root classes of them. They are taken away
/// again, youngest first, and were not added. `there_before`: acts on what existed already; what was added below
/// that is in its place.
fn orphans(
    socket: &mut Socket,
    links: &BTreeMap<String, Link>,
    actions: &[Action],
    there_before: &BTreeSet<usize>,
    answers: &mut [Result<(), KernelError>],
) {
    let mut missing: BTreeSet<(&str, ClassId)> = BTreeSet::new();
    let mut remove = Vec::new();
    for (place, (action, answer)) in actions.iter().zip(answers.iter_mut()).enumerate() {
        let Action::AddClass {
            device, id, parent, ..
        } = action
        else {
            continue;
        };
        match parent {
            Some(parent) if answer.is_ok() && missing.contains(&(device.as_str(), *parent)) => {
                missing.insert((device, *id));
                *answer = Err(error(
                    ErrorKind::Other,
                    &error::doing(action),
                    format!("its parent {parent} could not be added"),
                ));
                if let Some(link) = links.get(device) {
                    remove.push(tc::delete_class(link.index, *id));
                }
            }
            _ if answer.is_err() && !there_before.contains(&place) => {
                missing.insert((device, *id));
            }
            _ => {}
        }
    }
    remove.reverse();
    if !remove.is_empty() {
        // What cannot be taken away is seen by reading back, like everything.
        let _verdicts = socket.batch(&remove);
    }
}

/// What is there, for the acts that depend on it; read when first needed.
struct There<'s> {
    socket: &'s mut Socket,
    qdiscs: BTreeMap<u32, Vec<Qdisc>>,
}

impl There<'_> {
    fn qdiscs(&mut self, index: u32) -> Result<&[Qdisc], Error> {
        if !self.qdiscs.contains_key(&index) {
            let all = tc::qdiscs(self.socket, index)?;
            self.qdiscs.insert(index, all);
        }
        Ok(self.qdiscs.get(&index).map_or(&[], Vec::as_slice))
    }

    /// The requests that an act takes.
    fn requests(
        &mut self,
        links: &BTreeMap<String, Link>,
        action: &Action,
    ) -> Result<Vec<Request>, KernelError> {
        let doing = || error::doing(action);
        let device = device(action).map_or("", String::as_str);
        let Some(link) = links.get(device) else {
            let reason = format!("there is no interface {device}");
            return Err(error(ErrorKind::NoDevice, &doing(), reason));
        };
        let index = link.index;
        Ok(match action {
            Action::AddMq { .. } => vec![tc::add_mq(index, MQ_HANDLE)],
            Action::RemoveMq { .. } => vec![tc::delete_qdisc(index, MQ_HANDLE, Parent::Root)],
            Action::AddHtb { major, parent, .. } => {
                let replace = self
                    .qdiscs(index)
                    .map_err(netlink_error(&doing()))?
                    .iter()
                    .any(|q| q.parent == *parent && is_stand_in(q));
                vec![tc::add_htb(index, *major, *parent, replace)]
            }
            Action::RemoveHtb {
                major,
                parent: Parent::Root,
                ..
            } => {
                vec![tc::delete_qdisc(index, *major, Parent::Root)]
            }
            Action::RemoveHtb { major, parent, .. } => {
                let there = self
                    .qdiscs(index)
                    .map_err(netlink_error(&doing()))?
                    .iter()
                    .any(|q| q.parent == *parent && q.handle == *major && q.kind == "htb");
                if !there {
                    let reason = "there is no such htb";
                    return Err(error(ErrorKind::Other, &doing(), reason));
                }
                vec![tc::stand_in(index, stand_in_handle(*major), *parent)]
            }
            Action::AddClass {
                id, parent, shape, ..
            } => {
                vec![tc::add_class(
                    index,
                    *id,
                    parent_of(*id, *parent),
                    &Class::of_plan(shape),
                )]
            }
            Action::ChangeClass {
                id, parent, shape, ..
            } => {
                vec![tc::change_class(
                    index,
                    *id,
                    parent_of(*id, *parent),
                    &Class::of_plan(shape),
                )]
            }
            Action::RemoveClass { id, .. } => vec![tc::delete_class(index, *id)],
            Action::AddLeaf { class, leaf, .. } => {
                vec![tc::add_leaf(
                    index,
                    leaf.handle,
                    *class,
                    &parsed(leaf, &doing)?,
                    false,
                )]
            }
            Action::ChangeLeaf { class, leaf, .. } => {
                let to = parsed(leaf, &doing)?;
                if self
                    .can_change(index, *class, &to, link.mtu)
                    .map_err(netlink_error(&doing()))?
                {
                    vec![tc::change_leaf(index, leaf.handle, *class, &to, link.mtu)]
                } else {
                    again(index, *class, leaf, &to)
                }
            }
            Action::ReplaceLeaf { class, leaf, .. } => {
                let to = parsed(leaf, &doing)?;
                let same = self
                    .qdiscs(index)
                    .map_err(netlink_error(&doing()))?
                    .iter()
                    .any(|q| q.parent == Parent::Class(*class) && q.handle == leaf.handle);
                if same {
                    again(index, *class, leaf, &to)
                } else {
                    vec![tc::add_leaf(index, leaf.handle, *class, &to, true)]
                }
            }
            Action::RemoveLeaf { class, handle, .. } => {
                vec![tc::delete_qdisc(index, *handle, Parent::Class(*class))]
            }
            _ => Vec::new(),
        })
    }

    /// Whether a leaf can become `to` where it stands.
    fn can_change(
        &mut self,
        index: u32,
        class: ClassId,
        to: &Leaf,
        mtu: u32,
    ) -> Result<bool, Error> {
        let Leaf::FqCodel(to) = to else {
            return Ok(true);
        };
        let parent = Parent::Class(class);
        Ok(self
            .qdiscs(index)?
            .iter()
            .filter(|q| q.parent == parent)
            .all(|q| match Leaf::read(&q.kind, &q.options, mtu) {
                Some(Leaf::FqCodel(now)) => now.same_flows(to),
                _ => true,
            }))
    }
}

/// A leaf taken away and made again under the same handle.
fn again(index: u32, class: ClassId, leaf: &WantedLeaf, to: &Leaf) -> Vec<Request> {
    vec![
        tc::delete_qdisc(index, leaf.handle, Parent::Class(class)),
        tc::add_leaf(index, leaf.handle, class, to, false),
    ]
}

fn parsed(leaf: &WantedLeaf, doing: &dyn Fn() -> String) -> Result<Leaf, KernelError> {
    Leaf::parse(&leaf.kind, &leaf.arguments).map_err(|bad| error(ErrorKind::Other, &doing(), bad))
}

/// What netlink takes as the parent of a root class: its HTB.
fn parent_of(id: ClassId, parent: Option<ClassId>) -> ClassId {
    parent.unwrap_or(ClassId::new(id.major(), 0))
}
