//! Random generations that follow one another as the compiler's do: a class keeps its numbers while its queue and
//! the classes above it stay, and gets fresh ones otherwise.

use std::collections::{BTreeMap, BTreeSet};

use weir_abi::{ClassId, nth_leaf_handle, nth_major};

use crate::kernel::Program;
use crate::wanted::{Shape, Wanted, WantedClass, WantedHtb, WantedInterface, WantedLeaf};

/// splitmix64: the same numbers from the same seed.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n.max(1)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Tx queues of each interface of these generations.
pub const QUEUES: u16 = 2;
/// Names of their interfaces, towards the subscribers first.
pub const DEVICES: [&str; 2] = ["net0", "inet0"];

#[derive(Clone, Debug)]
struct Node {
    parent: Option<usize>,
    queue: u16,
    circuit: bool,
    min: u64,
    ceil: u64,
    fq: bool,
}

/// A network that changes.
#[derive(Clone, Debug)]
pub struct Network {
    random: Random,
    nodes: BTreeMap<usize, Node>,
    /// `(queue, chain of keys)` to `(minor, leaf)`, and whether it is in use.
    numbers: BTreeMap<(u16, Vec<usize>), (u16, usize)>,
    next: usize,
    minor: u16,
    generation: u64,
}

impl Network {
    pub fn new(seed: u64, circuits: u64) -> Network {
        let mut network = Network {
            random: Random(seed),
            nodes: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next: 0,
            minor: 3,
            generation: 0,
        };
        for _ in 0..4 {
            network.add_node();
        }
        for _ in 0..circuits {
            network.add_circuit();
        }
        network
    }

    fn pick(&mut self, circuit: bool) -> Option<usize> {
        let all: Vec<usize> = (self.nodes.iter())
            .filter(|(_, node)| node.circuit == circuit)
            .map(|(key, _)| *key)
            .collect();
        let at = self.random.below(all.len() as u64);
        all.get(at as usize).copied()
    }

    fn add_node(&mut self) {
        let parent = if self.random.chance(60) {
            self.pick(false)
        } else {
            None
        };
        let deep = parent.is_some_and(|p| self.chain(p).len() > 5);
        let node = Node {
            parent: parent.filter(|_| !deep),
            queue: self.random.below(u64::from(QUEUES)) as u16,
            circuit: false,
            min: 0,
            ceil: 50 + self.random.below(200),
            fq: false,
        };
        self.nodes.insert(self.next, node);
        self.next += 1;
    }

    fn add_circuit(&mut self) {
        let parent = self.pick(false);
        let node = Node {
            parent,
            queue: 0,
            circuit: true,
            min: 1 + self.random.below(30),
            ceil: 10 + self.random.below(100),
            fq: self.random.chance(50),
        };
        self.nodes.insert(self.next, node);
        self.next += 1;
    }

    fn chain(&self, key: usize) -> Vec<usize> {
        let mut chain = vec![key];
        let mut at = self.nodes[&key].parent;
        while let Some(above) = at {
            chain.push(above);
            at = self.nodes[&above].parent;
        }
        chain
    }

    /// Changes up to `changes` things.
    pub fn change(&mut self, changes: u64) {
        for _ in 0..changes {
            match self.random.below(9) {
                0 => self.add_node(),
                1 | 2 => self.add_circuit(),
                3 => {
                    if let Some(key) = self.pick(true) {
                        self.nodes.remove(&key);
                    }
                }
                4 => {
                    let (circuit, to) = (self.pick(true), self.pick(false));
                    if let (Some(circuit), Some(node)) = (circuit, to)
                        && let Some(circuit) = self.nodes.get_mut(&circuit)
                    {
                        circuit.parent = Some(node);
                    }
                }
                5 => {
                    let (node, to) = (self.pick(false), self.pick(false));
                    if let (Some(node), Some(to)) = (node, to)
                        && !self.chain(to).contains(&node)
                        && self.chain(to).len() < 3
                        && let Some(node) = self.nodes.get_mut(&node)
                    {
                        node.parent = Some(to);
                    }
                }
                6 => {
                    let ceil = 20 + self.random.below(300);
                    if let Some(key) = self.pick(false)
                        && let Some(node) = self.nodes.get_mut(&key)
                    {
                        node.ceil = ceil;
                    }
                }
                7 => {
                    let (min, ceil) = (1 + self.random.below(40), 10 + self.random.below(200));
                    if let Some(key) = self.pick(true)
                        && let Some(node) = self.nodes.get_mut(&key)
                    {
                        (node.min, node.ceil) = (min, ceil);
                    }
                }
                _ => {
                    if let Some(key) = self.pick(true)
                        && let Some(node) = self.nodes.get_mut(&key)
                    {
                        node.fq = !node.fq;
                    }
                }
            }
        }
    }

    /// The generation of now. Guarantees fit; under some roots they leave no room at all.
    pub fn wanted(&mut self) -> Wanted {
        self.generation += 1;
        // Nodes without a circuit below are not emitted.
        let mut used: BTreeSet<usize> = BTreeSet::new();
        for (key, node) in &self.nodes {
            if node.circuit {
                used.extend(self.chain(*key));
            }
        }
        let depth = |key: &usize| self.chain(*key).len();
        let mut order: Vec<usize> = used.into_iter().collect();
        order.sort_by_key(|key| (depth(key), *key));
        let mut ceil: BTreeMap<usize, u64> = BTreeMap::new();
        let mut rate: BTreeMap<usize, u64> = BTreeMap::new();
        let mut count: BTreeMap<usize, u64> = BTreeMap::new();
        for key in &order {
            let own = self.nodes[key].ceil;
            let above = self.nodes[key].parent.map_or(u64::MAX, |p| ceil[&p]);
            ceil.insert(*key, own.min(above));
            for above in self.chain(*key) {
                *count.entry(above).or_default() += 1;
            }
        }
        // As many classes as fit with 1 kbit/s each, twice, for both generations.
        for key in &order {
            if self.nodes[key].parent.is_none() {
                let room = count[key] * 2 + 2;
                let low = ceil[key].max(room);
                ceil.insert(*key, low);
            }
        }
        for key in &order {
            if self.nodes[key].parent.is_some() {
                let above = self.nodes[key].parent.map_or(u64::MAX, |p| ceil[&p]);
                let own = self.nodes[key].ceil.max(count[key] * 2 + 2);
                ceil.insert(*key, own.min(above));
            }
        }
        for key in order.iter().rev() {
            let node = &self.nodes[key];
            if node.circuit {
                let tightest = (self.chain(*key).iter())
                    .map(|above| ceil[above] / count[above].max(1))
                    .min();
                let min = node.min.min(tightest.unwrap_or(1)).max(1);
                rate.insert(*key, min.min(ceil[key]));
            }
            let own = rate[key];
            if let Some(above) = node.parent {
                *rate.entry(above).or_default() += own;
            }
        }
        let mut classes = Vec::new();
        for key in &order {
            let chain = self.chain(*key);
            let top = chain[chain.len() - 1];
            let queue = self.nodes[&top].queue;
            let fresh = (self.minor, usize::from(self.minor));
            let minor = self.minor;
            let numbers = *self.numbers.entry((queue, chain.clone())).or_insert(fresh);
            if numbers.0 == minor {
                self.minor += 1;
            }
            classes.push((*key, queue, numbers));
        }
        let minors: BTreeMap<usize, (u16, u16)> = (classes.iter())
            .map(|(key, queue, (minor, _))| (*key, (*queue, *minor)))
            .collect();
        let interface = |direction: usize| {
            let major = |queue: u16| nth_major(usize::from(queue)).unwrap_or(1);
            let id = |key: usize| ClassId::new(major(minors[&key].0), minors[&key].1);
            WantedInterface {
                name: DEVICES[direction].to_owned(),
                program: [Program::Download, Program::Upload][direction],
                htbs: (0..QUEUES)
                    .map(|queue| WantedHtb {
                        major: major(queue),
                        tx_queue: queue,
                    })
                    .collect(),
                classes: (classes.iter())
                    .map(|(key, _, (_, leaf))| {
                        let node = &self.nodes[key];
                        let root = node.parent.is_none();
                        WantedClass {
                            key: match node.circuit {
                                true => format!("circuit:{key}"),
                                false => format!("node:{key}"),
                            },
                            id: id(*key),
                            parent: node.parent.map(id),
                            shape: Shape {
                                rate_kbps: if root { ceil[key] } else { rate[key] },
                                ceil_kbps: ceil[key],
                                quantum: if node.circuit {
                                    1522 + node.ceil as u32
                                } else {
                                    60_000
                                },
                                burst: 0,
                            },
                            leaf: node.circuit.then(|| WantedLeaf {
                                kind: if node.fq { "fq_codel" } else { "cake" }.to_owned(),
                                handle: nth_leaf_handle(*leaf).unwrap_or(0x100),
                                arguments: String::new(),
                            }),
                        }
                    })
                    .collect(),
            }
        };
        Wanted {
            digest: format!("{:064x}", self.generation),
            interfaces: vec![interface(0), interface(1)],
            vlans: [0, 0],
        }
    }
}
