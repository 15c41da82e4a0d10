//! What nobody needs any more: removed, in an order the kernel takes. Nothing here is undone: what is left of an
//! interrupted removal is removed the next time.

use std::collections::BTreeSet;

use weir_abi::ClassId;

use crate::action::Action;
use crate::kernel::{Active, Observation, Parent};
use crate::order::Steps;
use crate::seen::{Root, Seen};
use crate::steps::{Phase, Plan};
use crate::wanted::{Wanted, WantedInterface};

/// Removes every class, HTB, program and slot of ours that no generation in `keep` has. The active slot is never
/// emptied, whatever `keep` says. Qdiscs of others stay.
pub fn reclaim(seen: &Observation, keep: &[&Wanted]) -> Plan {
    let mut steps = Steps::default();
    let ours = seen.tables.active.is_some();
    for interface in &seen.interfaces {
        let device = || interface.name.clone();
        let wanted: Vec<&WantedInterface> = (keep.iter())
            .filter_map(|wanted| wanted.interface(&interface.name))
            .collect();
        if wanted.is_empty() && interface.program.is_some() {
            steps.push(Phase::Reclaim, Action::Detach { device: device() }, None);
        }
        let found = Seen::new(interface, ours);
        let (root_goes, majors): (bool, BTreeSet<u16>) = (
            wanted.is_empty() && found.root == Root::Mq && !foreign_below(&found),
            (wanted.iter().flat_map(|i| &i.htbs))
                .map(|htb| htb.major)
                .collect(),
        );
        if root_goes {
            steps.push(Phase::Reclaim, Action::RemoveMq { device: device() }, None);
            continue;
        }
        for (&major, &parent) in found.htbs.iter().filter(|(m, _)| !majors.contains(m)) {
            steps.push(
                Phase::Reclaim,
                Action::RemoveHtb {
                    device: device(),
                    major,
                    parent,
                },
                None,
            );
        }
        let stays: BTreeSet<ClassId> = (wanted.iter().flat_map(|i| &i.classes))
            .map(|class| class.id)
            .collect();
        let goes: BTreeSet<ClassId> = (found.classes.keys().copied())
            .filter(|id| majors.contains(&id.major()) && !stays.contains(id))
            .collect();
        let mut blocked: BTreeSet<ClassId> = BTreeSet::new();
        for id in found.subtrees(&goes) {
            let below = found.children.get(&id).into_iter().flatten();
            // What stays and hangs wrong is for a repair to move.
            if !goes.contains(&id) || below.clone().any(|child| blocked.contains(child)) {
                blocked.insert(id);
                continue;
            }
            let device = device();
            steps.push(Phase::Reclaim, Action::RemoveClass { device, id }, None);
        }
    }
    for (slot, digest) in (0_u32..).zip(&seen.tables.slots) {
        let Some(digest) = digest else { continue };
        let active = seen.tables.active == Some(Active::Slot(slot));
        if !active && !keep.iter().any(|wanted| wanted.digest == *digest) {
            steps.push(Phase::Reclaim, Action::ClearSlot { slot }, None);
        }
    }
    let digest = seen.tables.digest().map(str::to_owned);
    Plan {
        from: digest.clone(),
        to: digest,
        steps: steps.in_order(),
        ..Plan::default()
    }
}

/// Everything passes unshaped, then all that is ours is removed.
pub fn detach(seen: &Observation) -> Plan {
    let mut steps = Steps::default();
    if matches!(seen.tables.active, Some(Active::Slot(_))) {
        let to = Active::Nothing;
        steps.push(Phase::Flip, Action::Flip { to }, None);
        steps.push(Phase::Barrier, Action::Barrier, None);
    }
    let mut after = seen.clone();
    after.tables.active = after.tables.active.map(|_| Active::Nothing);
    let mut all = steps.in_order();
    all.extend(reclaim(&after, &[]).steps);
    Plan {
        from: seen.tables.digest().map(str::to_owned),
        to: None,
        steps: all,
        ..Plan::default()
    }
}

/// Somebody put a qdisc of his own under our `mq`.
fn foreign_below(found: &Seen<'_>) -> bool {
    found.handles.values().any(|qdisc| match qdisc.parent {
        Parent::Class(id) if id.major() == weir_abi::MQ_HANDLE => {
            !found.htbs.contains_key(&qdisc.handle)
        }
        _ => false,
    })
}
