//! A network as a test describes it, and what a compiler would make of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use weir_abi::nth_major;
use weir_abi::table::{self, Builder, Entry, Prefix, Queue};
use weir_plan::{LeafChoice, LeafChoices, Wanted};
use weir_runtime::swap::Artifact;
use weir_schemas::Published;
use weir_schemas::queue_plan::{
    self, Class, LeafQdisc, Mode, Qdiscs, QueuePlan, Resting, Shaper, Target,
};

use super::{DOWN, QUEUES, UP, house4, house6};

/// A tower: a root class. Rates in kbit/s, `[download, upload]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tower {
    pub queue: u16,
    pub minor: u16,
    pub kbps: [u64; 2],
}

/// A circuit: one house, with both its addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Circuit {
    pub house: u8,
    /// Index of its tower.
    pub tower: usize,
    pub minor: u16,
    pub kbps: [u64; 2],
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Network {
    pub towers: Vec<Tower>,
    /// Their order is that of the counters.
    pub circuits: Vec<Circuit>,
}

/// A discipline for the leaves of circuits.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub qdisc: LeafQdisc,
    /// As the kernel calls it.
    pub kind: &'static str,
    /// In the one spelling of this kernel.
    pub arguments: String,
}

/// What a network does not say.
#[derive(Clone, Debug)]
pub struct Style {
    /// For every circuit.
    pub leaf: Option<Leaf>,
    /// Bursts, in milliseconds of a class's ceiling.
    pub burst_ms: u64,
}

impl Default for Style {
    fn default() -> Self {
        Style {
            leaf: None,
            burst_ms: 10,
        }
    }
}

/// An artifact, as far as the runtime needs it.
#[derive(Clone)]
pub struct Built {
    pub artifact: Artifact,
    /// Number of the circuit of an address.
    pub circuits: BTreeMap<IpAddr, u32>,
}

impl Network {
    /// `n` names the generation.
    pub fn build(&self, n: u16) -> Built {
        self.build_with(n, &Style::default())
    }

    /// In another style.
    pub fn build_with(&self, n: u16, style: &Style) -> Built {
        let leaf = style.leaf.as_ref();
        let digest = format!("{n:04x}").repeat(16);
        let plan = self.queue_plan(style);
        let violations = weir_plan::verify(&plan);
        assert!(violations.is_empty(), "{violations:?}");
        let choice = |qdisc| match leaf {
            Some(leaf) if leaf.qdisc == qdisc => LeafChoice::Make {
                kind: leaf.kind.to_owned(),
                arguments: leaf.arguments.clone(),
            },
            _ => LeafChoice::Nothing,
        };
        let choices = LeafChoices {
            cake: choice(LeafQdisc::Cake),
            fq_codel: choice(LeafQdisc::FqCodel),
        };
        let wanted = Wanted::of(&plan, &digest, &choices).expect("a plan");

        let queues: Vec<Queue> = (0..QUEUES as u16)
            .map(|queue| {
                let major = major(queue);
                Queue {
                    major_down: major,
                    major_up: major,
                    tx_down: queue,
                    tx_up: queue,
                }
            })
            .collect();
        // Numbers that no other generation of these days has: a mark tells which one a packet was classified by.
        let first = u32::from(n % 250) * 64;
        let mut builder = Builder::new(&queues, first + self.circuits.len() as u32);
        let mut circuits = BTreeMap::new();
        for (number, circuit) in (first..).zip(&self.circuits) {
            let queue = self.towers[circuit.tower].queue;
            let entry = Entry {
                minor: circuit.minor,
                queue,
                circuit: number,
            };
            let (four, six) = (house4(circuit.house), house6(circuit.house));
            builder.add(
                Prefix::V4 {
                    address: four.to_bits(),
                    len: 32,
                },
                entry,
            );
            let bits = six.to_bits();
            builder.add(
                Prefix::V6 {
                    upper: (bits >> 64) as u64,
                    lower: bits as u64,
                    len: 128,
                },
                entry,
            );
            circuits.insert(four.into(), number);
            circuits.insert(six.into(), number);
        }
        let table = table::to_bytes(&builder.finish().expect("a table"));
        Built {
            artifact: Artifact { wanted, table },
            circuits,
        }
    }

    fn queue_plan(&self, style: &Style) -> QueuePlan<'static> {
        let leaf = style.leaf.as_ref();
        let mut classes: Vec<Class<'static>> = Vec::new();
        for (i, tower) in self.towers.iter().enumerate() {
            classes.push(class(
                format!("node:tower-{i}"),
                None,
                tower.queue,
                tower.minor,
                tower.kbps,
                tower.kbps,
                style.burst_ms,
            ));
        }
        for circuit in &self.circuits {
            classes.push(class(
                format!("circuit:house-{:02}", circuit.house),
                Some(format!("node:tower-{}", circuit.tower)),
                self.towers[circuit.tower].queue,
                circuit.minor,
                [64, 64],
                circuit.kbps,
                style.burst_ms,
            ));
            if let (Some(leaf), Some(class)) = (leaf, classes.last_mut()) {
                // By class, because a handle cannot go to another class, as in a compiled plan.
                let handle = 0x100 + circuit.minor;
                class.leaf = Some(
                    [Some(queue_plan::Leaf {
                        qdisc: leaf.qdisc,
                        handle,
                    }); 2],
                );
            }
        }
        classes.sort_by(|a, b| a.key.cmp(&b.key));
        QueuePlan {
            schema: Cow::Borrowed(QueuePlan::SCHEMA),
            target: Target {
                name: Some(Cow::Borrowed("street")),
                queues: QUEUES as u16,
                shaper: Some(Shaper {
                    mode: Mode::Bridge,
                    to_internet: Cow::Borrowed(UP),
                    to_network: Cow::Borrowed(DOWN),
                    internet_vlan: None,
                    network_vlan: None,
                }),
                qdiscs: Qdiscs {
                    cake: Cow::Borrowed(""),
                    fq_codel: Cow::Borrowed(""),
                },
                leaf_fallback: Vec::new(),
            },
            queues: (0..QUEUES as u16)
                .map(|queue| queue_plan::Queue {
                    queue,
                    majors: [major(queue); 2],
                    load_kbps: self.load(queue),
                })
                .collect(),
            classes,
            chosen: Vec::new(),
            links_down: Vec::new(),
            resting: Resting::default(),
        }
    }

    fn load(&self, queue: u16) -> u64 {
        let there = |c: &&Circuit| self.towers[c.tower].queue == queue;
        self.circuits
            .iter()
            .filter(there)
            .flat_map(|c| c.kbps)
            .sum()
    }

    /// The circuit of a house.
    pub fn circuit(&mut self, house: u8) -> &mut Circuit {
        self.circuits
            .iter_mut()
            .find(|c| c.house == house)
            .expect("a circuit")
    }
}

fn major(queue: u16) -> u16 {
    nth_major(usize::from(queue)).expect("a major")
}

/// Bursts of 10 ms and more: on a machine that does other work a timer is late now and then, and a burst of one
/// packet would lose what was not sent meanwhile.
fn class(
    key: String,
    parent: Option<String>,
    queue: u16,
    minor: u16,
    rate_kbps: [u64; 2],
    ceil_kbps: [u64; 2],
    burst_ms: u64,
) -> Class<'static> {
    Class {
        key: Cow::Owned(key),
        parent: parent.map(Cow::Owned),
        queue,
        minor,
        rate_kbps,
        ceil_kbps,
        quantum: [1514, 1514],
        burst_bytes: Some(ceil_kbps.map(|kbps| (kbps * burst_ms / 8).max(3200))),
        leaf: None,
    }
}
