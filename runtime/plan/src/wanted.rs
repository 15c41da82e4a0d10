//! What an artifact wants of the kernel, said in the kernel's words: its queue plan, one interface at a time.

use std::collections::HashMap;

use weir_abi::ClassId;
use weir_schemas::queue_plan::{Class, LeafQdisc, Mode, QueuePlan};

use crate::kernel::{Device, Program, burst_ticks, default_burst};

/// What an artifact wants of the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Payload digest.
    pub digest: String,
    /// In the order of the plan: towards the subscribers, then towards the internet; one on a stick.
    pub interfaces: Vec<WantedInterface>,
    /// `[internet, network]`; 0 where there are two interfaces.
    pub vlans: [u16; 2],
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedInterface {
    pub name: Device,
    pub program: Program,
    /// By major.
    pub htbs: Vec<WantedHtb>,
    /// Parents before children, and otherwise by id.
    pub classes: Vec<WantedClass>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WantedHtb {
    pub major: u16,
    /// Tx queue it is worked on, counted from 0.
    pub tx_queue: u16,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedClass {
    /// Key in the queue plan, for people.
    pub key: String,
    pub id: ClassId,
    /// `None`: a root class.
    pub parent: Option<ClassId>,
    pub shape: Shape,
    pub leaf: Option<WantedLeaf>,
}

/// What HTB can change of a class where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    pub rate_kbps: u64,
    pub ceil_kbps: u64,
    /// Bytes a turn. The kernel takes it for classes without children only.
    pub quantum: u32,
    /// Bytes; 0 = [`default_burst`] of the rate and of the ceiling.
    pub burst: u64,
}

impl Shape {
    /// `(buffer, cbuffer)` in ticks of 64 ns: what the kernel is given for it, and what it gives back.
    pub fn ticks(&self) -> (u32, u32) {
        let ticks = |kbps| match self.burst {
            0 => burst_ticks(kbps, default_burst(kbps)),
            bytes => burst_ticks(kbps, bytes),
        };
        (ticks(self.rate_kbps), ticks(self.ceil_kbps))
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedLeaf {
    /// As the kernel calls it: `cake`, `fq_codel`.
    pub kind: String,
    pub handle: u16,
    /// As `tc` takes them, without the kind, in the one spelling that observing gives back.
    pub arguments: String,
}

/// What the leaves of a discipline become on this box.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LeafChoice {
    /// This qdisc: the one that the plan names, or one of its `leaf_fallback`.
    Make {
        /// As the kernel calls it.
        kind: String,
        /// As [`crate::kernel::QdiscSeen::options`] will spell them.
        arguments: String,
    },
    /// The kernel's own pfifo: no leaf is made.
    Nothing,
}

/// What both disciplines of a plan become on this box: decided by whoever knows the kernel and its spelling.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeafChoices {
    pub cake: LeafChoice,
    pub fq_codel: LeafChoice,
}

/// A queue plan that cannot be loaded. A plan that [`crate::verify`] finds nothing in is refused for the first
/// reason only.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotLoadable {
    #[error(
        "the artifact's target names no interfaces: add `[target.<name>.shaper]` with `to_internet` and `to_network`, and build again"
    )]
    NoInterfaces,
    #[error("{key}: hangs under {parent}, which is not in the plan, or under itself")]
    NoParent { key: String, parent: String },
    #[error("{key}: is in CPU queue {queue}, which the plan does not have")]
    NoQueue { key: String, queue: u16 },
}

impl Wanted {
    /// The same plan, interface by interface. `digest` is the payload digest of its artifact.
    pub fn of(
        plan: &QueuePlan<'_>,
        digest: &str,
        leaves: &LeafChoices,
    ) -> Result<Wanted, NotLoadable> {
        let shaper = (plan.target.shaper.as_ref()).ok_or(NotLoadable::NoInterfaces)?;
        let order = parents_first(plan)?;
        let classes = |direction: usize| {
            (order.iter())
                .map(|&(at, parent)| class(plan, at, parent, direction, leaves))
                .collect::<Vec<_>>()
        };
        let count = u16::try_from(plan.queues.len()).unwrap_or(u16::MAX);
        let htbs = |direction: usize, first: u16| {
            (plan.queues.iter())
                .map(move |queue| WantedHtb {
                    major: queue.majors[direction],
                    tx_queue: queue.queue.saturating_add(first),
                })
                .collect::<Vec<_>>()
        };
        let interface = |name: &str, program, mut htbs: Vec<WantedHtb>, mut classes: Vec<_>| {
            htbs.sort_by_key(|htb| htb.major);
            classes.sort_by_key(|(depth, class): &(usize, WantedClass)| (*depth, class.id));
            WantedInterface {
                name: name.to_owned(),
                program,
                htbs,
                classes: classes.into_iter().map(|(_, class)| class).collect(),
            }
        };
        let (interfaces, vlans) = match shaper.mode {
            Mode::Bridge => (
                vec![
                    interface(
                        &shaper.to_network,
                        Program::Download,
                        htbs(0, 0),
                        classes(0),
                    ),
                    interface(&shaper.to_internet, Program::Upload, htbs(1, 0), classes(1)),
                ],
                [0, 0],
            ),
            // One interface for both: uploads have the tx queues behind those of downloads.
            Mode::Stick => (
                vec![interface(
                    &shaper.to_network,
                    Program::Stick,
                    [htbs(0, 0), htbs(1, count)].concat(),
                    [classes(0), classes(1)].concat(),
                )],
                [
                    shaper.internet_vlan.unwrap_or(0),
                    shaper.network_vlan.unwrap_or(0),
                ],
            ),
        };
        Ok(Wanted {
            digest: digest.to_owned(),
            interfaces,
            vlans,
        })
    }

    /// The interface of this name.
    pub fn interface(&self, name: &str) -> Option<&WantedInterface> {
        self.interfaces.iter().find(|i| i.name == name)
    }

    /// Names of its interfaces, in order.
    pub fn devices(&self) -> Vec<Device> {
        self.interfaces.iter().map(|i| i.name.clone()).collect()
    }
}

impl WantedClass {
    /// Only circuits have packets of their own.
    pub fn is_circuit(&self) -> bool {
        self.key.starts_with("circuit:")
    }
}

/// `(depth, class)` in one direction.
fn class(
    plan: &QueuePlan<'_>,
    at: usize,
    (depth, parent): (usize, Option<usize>),
    direction: usize,
    leaves: &LeafChoices,
) -> (usize, WantedClass) {
    let class = &plan.classes[at];
    // `parents_first` has looked the queue up.
    let id = |class: &Class<'_>| {
        let queue = &plan.queues[usize::from(class.queue)];
        ClassId::new(queue.majors[direction], class.minor)
    };
    let leaf = class.leaf.and_then(|leaf| leaf[direction]);
    let leaf = leaf.and_then(|leaf| {
        let choice = match leaf.qdisc {
            LeafQdisc::Cake => &leaves.cake,
            LeafQdisc::FqCodel => &leaves.fq_codel,
        };
        match choice {
            LeafChoice::Nothing => None,
            LeafChoice::Make { kind, arguments } => Some(WantedLeaf {
                kind: kind.clone(),
                handle: leaf.handle,
                arguments: arguments.clone(),
            }),
        }
    });
    let wanted = WantedClass {
        key: class.key.as_ref().to_owned(),
        id: id(class),
        parent: parent.map(|parent| id(&plan.classes[parent])),
        shape: Shape {
            rate_kbps: class.rate_kbps[direction],
            ceil_kbps: class.ceil_kbps[direction],
            quantum: class.quantum[direction],
            burst: class.burst_bytes.map_or(0, |burst| burst[direction]),
        },
        leaf,
    };
    (depth, wanted)
}

/// `(place of a class, (classes above it, place of its parent))`.
type Placed = (usize, (usize, Option<usize>));

/// Every class with its parent. Ends for plans that hang under themselves too.
fn parents_first(plan: &QueuePlan<'_>) -> Result<Vec<Placed>, NotLoadable> {
    let places: HashMap<&str, usize> = (plan.classes.iter().enumerate())
        .map(|(at, class)| (class.key.as_ref(), at))
        .collect();
    let no_parent = |class: &Class<'_>| NotLoadable::NoParent {
        key: class.key.as_ref().to_owned(),
        parent: class.parent.as_deref().unwrap_or_default().to_owned(),
    };
    let mut parents = Vec::with_capacity(plan.classes.len());
    for class in &plan.classes {
        if usize::from(class.queue) >= plan.queues.len() {
            return Err(NotLoadable::NoQueue {
                key: class.key.as_ref().to_owned(),
                queue: class.queue,
            });
        }
        parents.push(match class.parent.as_deref() {
            None => None,
            Some(key) => Some(*places.get(key).ok_or_else(|| no_parent(class))?),
        });
    }
    let mut placed = Vec::with_capacity(parents.len());
    for (at, &parent) in parents.iter().enumerate() {
        let (mut depth, mut above) = (0, parent);
        while let Some(next) = above {
            depth += 1;
            if depth > parents.len() {
                return Err(no_parent(&plan.classes[at]));
            }
            above = parents[next];
        }
        placed.push((at, (depth, parent)));
    }
    Ok(placed)
}
