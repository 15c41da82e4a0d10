//! The planner: from what was observed to what is wanted, in an order in which every packet meets one whole
//! generation and no ceiling is exceeded on the way.
//!
//! HTB cannot be swapped at once, but the word that decides which table packets are classified by can. So the
//! classes of the next generation are made beside those of the one before, and nobody meets them; then the word is
//! written; then what is left of the old ones runs dry. Classes that both have stay where they are: only their
//! rates change, up before the flip and down after it.

use std::collections::{BTreeMap, BTreeSet};

use weir_abi::maps::SLOTS;
use weir_abi::{ClassId, MQ_HANDLE};

use crate::action::Action;
use crate::kernel::{Active, Device, Observation, Parent, Tables};
use crate::rates::Beside;
use crate::refusal::{Refusal, Refused};
use crate::seen::{Root, Seen};
use crate::settled;
use crate::steps::{Phase, Plan, Step};
use crate::tree::Tree;
use crate::wanted::{Wanted, WantedHtb, WantedInterface};

/// What a swap may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Where the plan cannot be reached otherwise, traffic passes unshaped while it is made.
    pub allow_unshaped: bool,
}

/// Slots of generations; the last one is written only to wait for programs that still run.
pub const GENERATION_SLOTS: u32 = SLOTS - 1;

/// The steps that lead from `seen` to `wanted`. `previous` is what the active slot holds, if it is known; without
/// it every class that exists counts as one that shapes.
///
/// Classes that are not wanted stay, so that one flip leads back: [`crate::reclaim()`] removes them. Same arguments,
/// same steps.
pub fn plan(
    seen: &Observation,
    wanted: &Wanted,
    previous: Option<&Wanted>,
    options: Options,
) -> Result<Plan, Refused> {
    if let Some(rest) = settled::rest(seen, wanted, previous)
        && let Ok(mut plan) = plan_once(
            &rest.seen,
            &rest.wanted,
            rest.previous.as_ref(),
            false,
            &rest.beside,
        )
    {
        plan.unchanged += rest.settled;
        return Ok(plan);
    }
    plan_whole(seen, wanted, previous, options)
}

/// The same, looking at every class as if it changed.
pub(crate) fn plan_whole(
    seen: &Observation,
    wanted: &Wanted,
    previous: Option<&Wanted>,
    options: Options,
) -> Result<Plan, Refused> {
    let once = |bypass| {
        plan_once(seen, wanted, previous, bypass, &BTreeMap::new()).map_err(|hindrance| {
            match hindrance {
                Hindrance::Refused(reasons) => Refused { reasons },
                // Nothing was.
                Hindrance::LeftOut => Refused {
                    reasons: Vec::new(),
                },
            }
        })
    };
    match once(false) {
        Err(refused)
            if options.allow_unshaped && refused.reasons.iter().all(Refusal::yields_to_bypass) =>
        {
            once(true)
        }
        careful => careful,
    }
}

/// Why there is no plan.
pub(crate) enum Hindrance {
    Refused(Vec<Refusal>),
    /// Classes that were left out would have to change.
    LeftOut,
}

fn plan_once(
    seen: &Observation,
    wanted: &Wanted,
    previous: Option<&Wanted>,
    bypass: bool,
    beside: &BTreeMap<Device, BTreeMap<ClassId, Beside>>,
) -> Result<Plan, Hindrance> {
    let active = seen.tables.digest();
    let previous = previous.filter(|previous| active == Some(&previous.digest));
    let flips = bypass || active != Some(&wanted.digest);
    let ours = seen.tables.active.is_some();
    let mut refusals = Vec::new();
    let mut trees = Vec::new();
    for interface in &wanted.interfaces {
        let name = || interface.name.clone();
        let found = (seen.interfaces.iter()).find(|i| i.name == interface.name);
        let Some(found) = found.filter(|found| found.index.is_some()) else {
            refusals.push(Refusal::NoInterface { device: name() });
            continue;
        };
        let needs = (interface.htbs.iter()).map(|htb| u32::from(htb.tx_queue) + 1);
        let needs = needs.max().unwrap_or(0);
        if found.tx_queues < needs {
            refusals.push(Refusal::TxQueues {
                device: name(),
                has: found.tx_queues,
                needs,
            });
            continue;
        }
        let live = match (active.filter(|_| !bypass), previous) {
            // Nothing shapes, or what shapes is wanted and is repaired.
            (None, _) => Live::None,
            (Some(_), _) if !flips => Live::Wanted,
            (Some(_), Some(previous)) => Live::Known(
                (previous.interface(&interface.name))
                    .map(|i| i.classes.iter().map(|class| class.id).collect())
                    .unwrap_or_default(),
            ),
            (Some(_), None) => Live::All,
        };
        trees.push((Seen::new(found, ours), interface, live));
    }

    let mut steps = Steps::default();
    if bypass {
        steps.push(
            Phase::Bypass,
            Action::Flip {
                to: Active::Nothing,
            },
            seen.tables.active.map(|to| Action::Flip { to }),
        );
        steps.push(Phase::Bypass, Action::Barrier, None);
    }
    let to = slot(&seen.tables, wanted, &mut steps, &mut refusals);
    // Whoever goes back over the flip has the packets of the next generation to wait for.
    let mut drains_back = Vec::new();
    let none = BTreeMap::new();
    for (seen, interface, live) in trees {
        attach(&seen, interface, &mut steps);
        let gone = structure(&seen, interface, bypass, &mut steps, &mut refusals);
        let seen = seen.without(&gone);
        let beside = beside.get(&interface.name).unwrap_or(&none);
        match Tree::new(&seen, interface, live, beside) {
            Err(Hindrance::Refused(reasons)) => refusals.extend(reasons),
            Err(left_out) => return Err(left_out),
            Ok(tree) => {
                tree.steps(flips, &mut steps);
                drains_back.extend(tree.drain_back());
            }
        }
    }
    if !refusals.is_empty() {
        return Err(Hindrance::Refused(refusals));
    }
    if seen.tables.vlans != wanted.vlans {
        steps.push(
            Phase::Raise,
            Action::SetVlans {
                vlans: wanted.vlans,
            },
            Some(Action::SetVlans {
                vlans: seen.tables.vlans,
            }),
        );
    }
    leave(seen, wanted, previous, &mut steps);
    let before = if bypass {
        Some(Active::Nothing)
    } else {
        seen.tables.active
    };
    if flips {
        let to = Active::Slot(to);
        // Maps that this swap makes have nothing active.
        let back = before.unwrap_or(Active::Nothing);
        steps.push(
            Phase::Flip,
            Action::Flip { to },
            [Action::Flip { to: back }, Action::Barrier]
                .into_iter()
                .chain(drains_back),
        );
        steps.push(Phase::Barrier, Action::Barrier, None);
    }
    Ok(Plan::new(seen, wanted, previous, bypass, steps.in_order()))
}

/// Which of the classes that exist may hold packets of the generation that is active.
pub(crate) enum Live {
    None,
    /// The generation that is wanted is active already.
    Wanted,
    Known(BTreeSet<ClassId>),
    All,
}

/// Steps as they are found; the order within a phase is that of finding.
#[derive(Default)]
pub(crate) struct Steps(BTreeMap<Phase, Vec<Step>>);

impl Steps {
    pub fn push(&mut self, phase: Phase, action: Action, undo: impl IntoIterator<Item = Action>) {
        let undo = undo.into_iter().collect();
        let step = Step {
            phase,
            action,
            undo,
        };
        self.0.entry(phase).or_default().push(step);
    }

    pub fn in_order(self) -> Vec<Step> {
        self.0.into_values().flatten().collect()
    }
}

/// The slot of the generation; where it is in none, the step that loads it.
fn slot(tables: &Tables, wanted: &Wanted, steps: &mut Steps, refusals: &mut Vec<Refusal>) -> u32 {
    let holds = |n: u32| tables.slots.get(n as usize).and_then(Option::as_deref);
    let mut slots = 0..GENERATION_SLOTS;
    if let Some(slot) = (slots.clone()).find(|n| holds(*n) == Some(wanted.digest.as_str())) {
        return slot;
    }
    match slots.find(|n| holds(*n).is_none()) {
        Some(slot) => {
            let digest = wanted.digest.clone();
            steps.push(
                Phase::Prepare,
                Action::LoadTable { slot, digest },
                Some(Action::ClearSlot { slot }),
            );
            slot
        }
        None => {
            refusals.push(Refusal::NoSlot {
                used: tables.slots.iter().flatten().count(),
            });
            0
        }
    }
}

fn attach(seen: &Seen<'_>, interface: &WantedInterface, steps: &mut Steps) {
    let found = seen.interface.program;
    if found.is_some_and(|found| found.program == Some(interface.program)) {
        return;
    }
    let device = interface.name.clone();
    // The program of another build does the same and stays replaced.
    let undo = found.is_none().then(|| Action::Detach {
        device: device.clone(),
    });
    let program = interface.program;
    steps.push(Phase::Prepare, Action::Attach { device, program }, undo);
}

/// Interfaces that only the generation before has: there its packets pass unshaped from just before the flip, since
/// the next table knows nothing of the classes there.
fn leave(seen: &Observation, wanted: &Wanted, previous: Option<&Wanted>, steps: &mut Steps) {
    for old in previous.iter().flat_map(|previous| &previous.interfaces) {
        let found = seen.interfaces.iter().find(|i| i.name == old.name);
        let attached = found.is_some_and(|found| found.program.is_some());
        if attached && wanted.interface(&old.name).is_none() {
            let (device, program) = (old.name.clone(), old.program);
            steps.push(
                Phase::Raise,
                Action::Detach {
                    device: device.clone(),
                },
                Some(Action::Attach { device, program }),
            );
        }
    }
}

/// Where an HTB hangs: under its tx queue, or at the root of an interface with one.
pub(crate) fn place(interface: &WantedInterface, tx_queues: u32, htb: &WantedHtb) -> Parent {
    if interface.htbs.len() == 1 && tx_queues <= 1 {
        Parent::Root
    } else {
        Parent::Class(ClassId::new(MQ_HANDLE, htb.tx_queue + 1))
    }
}

/// The qdiscs above the classes. Gives the majors of those that are removed, with all that is in them.
fn structure(
    seen: &Seen<'_>,
    interface: &WantedInterface,
    bypass: bool,
    steps: &mut Steps,
    refusals: &mut Vec<Refusal>,
) -> BTreeSet<u16> {
    let device = || interface.name.clone();
    let tx_queues = seen.interface.tx_queues;
    if let Root::Foreign(qdisc) = seen.root {
        refusals.push(Refusal::Foreign {
            device: device(),
            kind: qdisc.kind.clone(),
            handle: qdisc.handle,
            place: "root".to_owned(),
        });
        return BTreeSet::new();
    }
    let mut missing = Vec::new();
    // Ours, and not where the plan wants them.
    let mut wrong: BTreeSet<u16> = BTreeSet::new();
    for htb in &interface.htbs {
        let place = place(interface, tx_queues, htb);
        let there = seen.htbs.get(&htb.major) == Some(&place);
        if there {
            continue;
        }
        missing.push((htb.major, place));
        if seen.htbs.contains_key(&htb.major) {
            wrong.insert(htb.major);
        }
        match seen.at(place) {
            None => {}
            Some(qdisc) if seen.htbs.get(&qdisc.handle) == Some(&place) => {
                wrong.insert(qdisc.handle);
            }
            // An HTB at the root, where the plan wants one too or none.
            Some(_) if place == Parent::Root => {}
            Some(qdisc) => refusals.push(Refusal::Foreign {
                device: device(),
                kind: qdisc.kind.clone(),
                handle: qdisc.handle,
                place: match place {
                    Parent::Class(id) => format!("parent {id}"),
                    _ => "root".to_owned(),
                },
            }),
        }
    }
    let at_root = interface.htbs.len() == 1 && tx_queues <= 1;
    if let Root::Htb(major) = seen.root
        && !(at_root && interface.htbs[0].major == major)
    {
        wrong.insert(major);
    }
    if !bypass {
        refusals.extend(wrong.iter().map(|&major| Refusal::Structure {
            device: device(),
            major,
        }));
    }
    for &major in &wrong {
        let parent = seen.htbs[&major];
        steps.push(
            Phase::Prepare,
            Action::RemoveHtb {
                device: device(),
                major,
                parent,
            },
            again(seen, major, parent),
        );
    }
    if !at_root && seen.root != Root::Mq && !missing.is_empty() {
        steps.push(
            Phase::Prepare,
            Action::AddMq { device: device() },
            Some(Action::RemoveMq { device: device() }),
        );
    }
    for (major, parent) in missing {
        let device = device();
        steps.push(
            Phase::Prepare,
            Action::AddHtb {
                device: device.clone(),
                major,
                parent,
            },
            Some(Action::RemoveHtb {
                device,
                major,
                parent,
            }),
        );
    }
    wrong
}

/// What makes an HTB as it was.
fn again(seen: &Seen<'_>, major: u16, parent: Parent) -> Vec<Action> {
    let device = seen.interface.name.clone();
    let mut classes: Vec<ClassId> = (seen.classes.keys().copied())
        .filter(|id| id.major() == major)
        .collect();
    classes.sort_by_key(|id| (seen.depth(*id), *id));
    let mut actions = vec![Action::AddHtb {
        device,
        major,
        parent,
    }];
    for id in classes {
        actions.extend(crate::tree::class_again(seen, id));
    }
    actions
}
