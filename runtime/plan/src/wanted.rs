//! What an artifact wants of the kernel, said in the kernel's words: its queue plan, one interface at a time.

use std::collections::HashMap;

use weir_abi::{ClassId, MAX_HTB_DEPTH};
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

/// A queue plan that cannot be loaded. A plan that [`crate::verify()`] finds nothing in is refused for the first
/// reason only.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotLoadable {
    #[error(
        "the artifact's target names no interfaces: add `[target.<name>.shaper]` with `to_internet` and `to_network`, and build again"
    )]
    NoInterfaces,
    #[error(
        "{key}: hangs under {parent}, which is not in the plan, or in a chain of more classes than the kernel takes"
    )]
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
        let classes = |directions: &[usize]| {
            // Numbers are sorted, and classes are made in their places.
            let mut places: Vec<(usize, ClassId, usize, usize, Option<usize>)> =
                Vec::with_capacity(order.len() * directions.len());
            for &direction in directions {
                places.extend(order.iter().map(|&(at, (depth, parent))| {
                    let id = id(plan, &plan.classes[at], direction);
                    (depth, id, direction, at, parent)
                }));
            }
            places.sort_by_key(|&(depth, id, ..)| (depth, id));
            (places.into_iter())
                .map(|(_, id, direction, at, parent)| {
                    class(plan, at, id, parent, direction, leaves)
                })
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
        let interface = |name: &str, program, mut htbs: Vec<WantedHtb>, directions: &[usize]| {
            htbs.sort_by_key(|htb| htb.major);
            WantedInterface {
                name: name.to_owned(),
                program,
                htbs,
                classes: classes(directions),
            }
        };
        let (interfaces, vlans) = match shaper.mode {
            Mode::Bridge => (
                // Each for itself: tens of thousands of names are copied.
                std::thread::scope(|scope| {
                    let download = scope.spawn(|| {
                        interface(&shaper.to_network, Program::Download, htbs(0, 0), &[0])
                    });
                    let upload = interface(&shaper.to_internet, Program::Upload, htbs(1, 0), &[1]);
                    let download = download.join();
                    vec![
                        download.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                        upload,
                    ]
                }),
                [0, 0],
            ),
            // One interface for both: uploads have the tx queues behind those of downloads.
            Mode::Stick => (
                vec![interface(
                    &shaper.to_network,
                    Program::Stick,
                    [htbs(0, 0), htbs(1, count)].concat(),
                    &[0, 1],
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

/// In one direction; `parents_first` has looked its queue up.
fn id(plan: &QueuePlan<'_>, class: &Class<'_>, direction: usize) -> ClassId {
    let queue = &plan.queues[usize::from(class.queue)];
    ClassId::new(queue.majors[direction], class.minor)
}

/// A class in one direction.
fn class(
    plan: &QueuePlan<'_>,
    at: usize,
    id: ClassId,
    parent: Option<usize>,
    direction: usize,
    leaves: &LeafChoices,
) -> WantedClass {
    let class = &plan.classes[at];
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
    WantedClass {
        key: class.key.as_ref().to_owned(),
        id,
        parent: parent.map(|parent| self::id(plan, &plan.classes[parent], direction)),
        shape: Shape {
            rate_kbps: class.rate_kbps[direction],
            ceil_kbps: class.ceil_kbps[direction],
            quantum: class.quantum[direction],
            burst: class.burst_bytes.map_or(0, |burst| burst[direction]),
        },
        leaf,
    }
}

/// `(place of a class, (classes above it, place of its parent))`.
type Placed = (usize, (usize, Option<usize>));

/// Every class with its parent. Ends for plans that hang under themselves too.
fn parents_first(plan: &QueuePlan<'_>) -> Result<Vec<Placed>, NotLoadable> {
    // Sorted in any plan that verifies.
    let sorted = plan.classes.is_sorted_by(|a, b| a.key < b.key);
    let places: HashMap<&str, usize> = match sorted {
        true => HashMap::new(),
        false => (plan.classes.iter().enumerate())
            .map(|(at, class)| (class.key.as_ref(), at))
            .collect(),
    };
    let place = |key: &str| match sorted {
        true => (plan
            .classes
            .binary_search_by(|class| class.key.as_ref().cmp(key)))
        .ok(),
        false => places.get(key).copied(),
    };
    // Neighbours in the plan often hang under the same class.
    let mut last: Option<(&str, usize)> = None;
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
            Some(key) => {
                let at = match last.filter(|(other, _)| *other == key) {
                    Some((_, at)) => at,
                    None => place(key).ok_or_else(|| no_parent(class))?,
                };
                last = Some((key, at));
                Some(at)
            }
        });
    }
    let mut placed = Vec::with_capacity(parents.len());
    for (at, &parent) in parents.iter().enumerate() {
        let (mut depth, mut above) = (0, parent);
        while let Some(next) = above {
            depth += 1;
            if depth >= MAX_HTB_DEPTH {
                return Err(no_parent(&plan.classes[at]));
            }
            above = parents[next];
        }
        placed.push((at, (depth, parent)));
    }
    Ok(placed)
}

#[cfg(test)]
mod tests {
    use weir_schemas::Published as _;
    use weir_schemas::queue_plan::{Leaf, Qdiscs, Queue, Resting, Shaper, Target};

    use super::*;

    fn class(key: &'static str, parent: Option<&'static str>, minor: u16) -> Class<'static> {
        let leaf = |qdisc| Leaf {
            qdisc,
            handle: 0x100 + minor,
        };
        Class {
            key: key.into(),
            parent: parent.map(Into::into),
            queue: 0,
            minor,
            rate_kbps: [10, 20],
            ceil_kbps: [30, 40],
            quantum: [1522, 1600],
            burst_bytes: Some([0, 9000]),
            leaf: key
                .starts_with("circuit:")
                .then_some([Some(leaf(LeafQdisc::Cake)), Some(leaf(LeafQdisc::FqCodel))]),
        }
    }

    fn plan(mode: Mode) -> QueuePlan<'static> {
        let up = match mode {
            Mode::Bridge => [1, 3],
            Mode::Stick => [4, 5],
        };
        QueuePlan {
            schema: QueuePlan::SCHEMA.into(),
            target: Target {
                name: None,
                queues: 2,
                shaper: Some(Shaper {
                    mode,
                    to_internet: "inet0".into(),
                    to_network: if mode == Mode::Bridge {
                        "net0"
                    } else {
                        "inet0"
                    }
                    .into(),
                    internet_vlan: (mode == Mode::Stick).then_some(3),
                    network_vlan: (mode == Mode::Stick).then_some(4),
                }),
                qdiscs: Qdiscs {
                    cake: "cake diffserv4".into(),
                    fq_codel: "fq_codel".into(),
                },
                leaf_fallback: Vec::new(),
            },
            queues: [(0, [1, up[0]]), (1, [3, up[1]])]
                .map(|(queue, majors)| Queue {
                    queue,
                    majors,
                    load_kbps: 0,
                })
                .to_vec(),
            classes: vec![
                class("circuit:1", Some("node:b"), 5),
                class("node:a", None, 9),
                class("node:b", Some("node:a"), 3),
            ],
            chosen: Vec::new(),
            links_down: Vec::new(),
            resting: Resting::default(),
        }
    }

    fn leaves() -> LeafChoices {
        LeafChoices {
            cake: LeafChoice::Make {
                kind: "fq_codel".to_owned(),
                arguments: "limit 1000p".to_owned(),
            },
            fq_codel: LeafChoice::Nothing,
        }
    }

    #[test]
    fn a_bridge_has_two_interfaces_with_a_direction_each() {
        let wanted = Wanted::of(&plan(Mode::Bridge), "d", &leaves()).unwrap();
        assert_eq!(wanted.devices(), ["net0", "inet0"]);
        assert_eq!(wanted.vlans, [0, 0]);
        let [down, up] = &wanted.interfaces[..] else {
            panic!("{wanted:?}")
        };
        assert_eq!(
            (down.program, up.program),
            (Program::Download, Program::Upload)
        );
        assert_eq!(down.htbs, up.htbs);
        let ids: Vec<String> = down.classes.iter().map(|c| c.id.to_string()).collect();
        assert_eq!(ids, ["1:9", "1:3", "1:5"], "parents first");
        let circuit = &down.classes[2];
        assert!(circuit.is_circuit() && !down.classes[0].is_circuit());
        assert_eq!(circuit.parent, Some(ClassId::new(1, 3)));
        assert_eq!(circuit.shape.rate_kbps, 10);
        // What this box has in place of the discipline, with the handle of the plan.
        let leaf = circuit.leaf.as_ref().unwrap();
        assert_eq!((leaf.kind.as_str(), leaf.handle), ("fq_codel", 0x105));
        assert_eq!(leaf.arguments, "limit 1000p");
        assert_eq!(up.classes[2].leaf, None);
        assert_eq!(up.classes[2].shape.burst, 9000);
    }

    #[test]
    fn a_stick_has_both_directions_on_one_interface() {
        let wanted = Wanted::of(&plan(Mode::Stick), "d", &leaves()).unwrap();
        let [stick] = &wanted.interfaces[..] else {
            panic!("{wanted:?}")
        };
        assert_eq!(stick.program, Program::Stick);
        assert_eq!(wanted.vlans, [3, 4]);
        let queues: Vec<(u16, u16)> = stick.htbs.iter().map(|h| (h.major, h.tx_queue)).collect();
        assert_eq!(queues, [(1, 0), (3, 1), (4, 2), (5, 3)]);
        assert_eq!(stick.classes.len(), 6);
        let roots: Vec<String> = stick.classes[..2]
            .iter()
            .map(|c| c.id.to_string())
            .collect();
        assert_eq!(roots, ["1:9", "4:9"]);
    }

    #[test]
    fn what_cannot_be_loaded_is_named() {
        let mut hostile = plan(Mode::Bridge);
        hostile.target.shaper = None;
        let error = Wanted::of(&hostile, "d", &leaves()).unwrap_err();
        assert!(error.to_string().contains("to_internet"), "{error}");

        let mut hostile = plan(Mode::Bridge);
        hostile.classes[1].parent = Some("node:b".into());
        let error = Wanted::of(&hostile, "d", &leaves()).unwrap_err();
        assert!(matches!(error, NotLoadable::NoParent { .. }), "{error}");

        let mut hostile = plan(Mode::Bridge);
        hostile.classes[1].queue = 7;
        let error = Wanted::of(&hostile, "d", &leaves()).unwrap_err();
        assert!(
            matches!(error, NotLoadable::NoQueue { queue: 7, .. }),
            "{error}"
        );
    }

    /// 1600 bytes at 10 Mbit/s are 1.28 ms.
    #[test]
    fn bursts_are_times() {
        let shape = |rate_kbps, burst| Shape {
            rate_kbps,
            ceil_kbps: rate_kbps,
            quantum: 0,
            burst,
        };
        assert_eq!(shape(10_000, 0).ticks(), (20_000, 20_000));
        assert_eq!(shape(10_000, 3200).ticks(), (40_000, 40_000));
        // Rounded up, never 0, and no more than 32 bits hold.
        assert_eq!(shape(1_000_000_000_000, 0).ticks().0, 1);
        assert_eq!(shape(10_000_000, 0).ticks().0, 21);
        assert_eq!(shape(100_000_000_000, 1).ticks().0, 1);
        assert_eq!(shape(1, u64::MAX).ticks().0, u32::MAX);
        assert_eq!(shape(0, 1600).ticks(), shape(1, 1600).ticks());
    }
}
