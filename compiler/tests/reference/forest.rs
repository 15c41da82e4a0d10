//! Rates, and everything that happens to the emitted nodes: placement, prune, clamp, simplify, depth cut, guarantees,
//! names, buckets and CPUs (sections 1.7 to 1.13 and 5).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::graph::Tree;
use super::inventory::{Inventory, Kind, Pair, Service, UNLIMITED, pair_add, pair_min};
use super::settings::{Settings, Simplify, Strategy, Suspended};

/// `x` times a per-mille factor, rounded half up.
pub fn muldiv(x: u128, per_mille: u64) -> u128 {
    (x * u128::from(per_mille) + 500) / 1000
}

/// (max, min) of a circuit before any clamp. `None`: it has no plan.
pub fn rates(circuit: &Service, settings: &Settings) -> Option<(Pair, Pair)> {
    let default = settings.default_plan_kbps.unwrap_or([0, 0]);
    let mut max = [0, 0];
    let mut min = [0, 0];
    for direction in 0..2 {
        let plan = match circuit.plan[direction] {
            0 => u128::from(default[direction]),
            given => given,
        };
        if plan == 0 {
            return None;
        }
        let sold = plan + circuit.burst[direction];
        max[direction] = u128::from(settings.floor_kbps)
            .max(muldiv(sold, settings.overhead_per_mille))
            .max(muldiv(sold, settings.multiplier_per_mille));
        let commit = match circuit.commit[direction] {
            0 => muldiv(plan, settings.commit_per_mille),
            given => given,
        };
        min[direction] = commit
            .max(u128::from(settings.min_floor_kbps))
            .min(max[direction]);
    }
    if circuit.suspended && settings.suspended == Suspended::Slow {
        // Reading: the slow rate is used as it is, also below the floors.
        max = [u128::from(settings.slow_kbps); 2];
        min = max;
    }
    Some((max, min))
}

#[derive(Clone, Debug)]
pub struct EmittedNode {
    /// `None`: top level.
    pub parent: Option<String>,
    pub kind: Kind,
    pub name: String,
    pub cap: Pair,
}

#[derive(Clone, Debug)]
pub struct Circuit {
    /// `None`: a bucket.
    pub parent: Option<String>,
    pub max: Pair,
    pub min: Pair,
}

/// The emitted nodes and the circuits that are not omitted, each with a pointer to its parent.
#[derive(Clone, Debug)]
pub struct Forest {
    pub nodes: BTreeMap<String, EmittedNode>,
    pub circuits: BTreeMap<String, Circuit>,
}

/// Pass 12.
pub struct Queues {
    /// The circuits of every non-empty bucket, sorted.
    pub buckets: BTreeMap<String, Vec<String>>,
    pub cpu_of_top: BTreeMap<String, usize>,
}

impl Forest {
    // ----------------------------------------------------------------------------------------------- walking

    pub fn children(&self, parent: Option<&str>) -> Vec<&str> {
        self.nodes
            .iter()
            .filter(|(_, node)| node.parent.as_deref() == parent)
            .map(|(id, _)| id.as_str())
            .collect()
    }

    pub fn own_circuits(&self, node: &str) -> Vec<&str> {
        self.circuits
            .iter()
            .filter(|(_, circuit)| circuit.parent.as_deref() == Some(node))
            .map(|(id, _)| id.as_str())
            .collect()
    }

    /// The parent, its parent, and so on.
    pub fn ancestors(&self, node: &str) -> Vec<&str> {
        let mut path = Vec::new();
        let mut at = node;
        while let Some(parent) = self.nodes[at].parent.as_deref() {
            path.push(parent);
            at = parent;
        }
        path
    }

    /// The number of nodes from the top level to this one, both included.
    pub fn level(&self, node: &str) -> usize {
        1 + self.ancestors(node).len()
    }

    pub fn top_of<'a>(&'a self, node: &'a str) -> &'a str {
        self.ancestors(node).last().copied().unwrap_or(node)
    }

    pub fn circuits_below(&self, node: &str) -> Vec<String> {
        self.circuits
            .iter()
            .filter(|(_, circuit)| {
                circuit
                    .parent
                    .as_deref()
                    .is_some_and(|parent| parent == node || self.ancestors(parent).contains(&node))
            })
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Takes a node out: what hung on it hangs on its parent.
    pub fn remove(&mut self, node: &str) {
        let removed = self.nodes.remove(node).expect("an emitted node");
        for child in self.nodes.values_mut() {
            if child.parent.as_deref() == Some(node) {
                child.parent.clone_from(&removed.parent);
            }
        }
        for circuit in self.circuits.values_mut() {
            if circuit.parent.as_deref() == Some(node) {
                circuit.parent.clone_from(&removed.parent);
            }
        }
    }

    // ----------------------------------------------------------------------------------------------- pass 5

    pub fn place(
        inventory: &Inventory,
        tree: &Tree,
        caps: &BTreeMap<String, Pair>,
        hidden: &BTreeSet<String>,
        mut circuits: BTreeMap<String, Circuit>,
        settings: &Settings,
    ) -> Forest {
        // Reading: no strategy emits the root, whatever its kind.
        let visible = |id: &str| id != tree.root && !hidden.contains(id);
        let nearest = |path: &[&str]| -> Option<String> {
            path.iter()
                .find(|id| visible(id))
                .map(|id| (*id).to_owned())
        };
        let nearest_of = |kind: Kind, path: &[&str]| -> Option<String> {
            path.iter()
                .find(|id| visible(id) && inventory.nodes[**id].kind == kind)
                .map(|id| (*id).to_owned())
        };
        let promoted: BTreeSet<String> = settings
            .promote_to_root
            .iter()
            .filter_map(|name| inventory.find(name))
            .collect();

        let mut nodes = BTreeMap::new();
        for (id, node) in &inventory.nodes {
            // Reading: a hidden node that is to be promoted is not emitted, and its children are not promoted for it.
            if !visible(id) {
                continue;
            }
            let path = tree.path_up(id);
            let above = &path[1..];
            let parent = match (settings.strategy, node.kind) {
                (Strategy::Full, _) if promoted.contains(id) => None,
                (Strategy::Full, _) => nearest(above),
                (Strategy::ApSite, Kind::Site) => None,
                (Strategy::ApSite, Kind::Ap) if promoted.contains(id) => None,
                (Strategy::ApSite, Kind::Ap) => nearest_of(Kind::Site, above),
                (Strategy::ApOnly, Kind::Ap) => None,
                (Strategy::ApSite | Strategy::ApOnly | Strategy::Flat, _) => continue,
            };
            let emitted = EmittedNode {
                parent,
                kind: node.kind,
                name: node.name.clone(),
                cap: caps[id],
            };
            nodes.insert(id.clone(), emitted);
        }

        for (id, circuit) in &mut circuits {
            let attach = match &inventory.circuits[id].attach {
                Some(attach) if inventory.nodes.contains_key(attach) => attach,
                _ => continue,
            };
            let path = tree.path_up(attach);
            circuit.parent = match settings.strategy {
                Strategy::Flat => None,
                Strategy::ApOnly => nearest_of(Kind::Ap, &path),
                // Reading: the nearest AP is taken however many sites lie between; a site only when there is no AP at
                // or above the attach node.
                Strategy::ApSite => {
                    nearest_of(Kind::Ap, &path).or_else(|| nearest_of(Kind::Site, &path))
                }
                Strategy::Full => nearest(&path),
            };
        }
        Forest { nodes, circuits }
    }

    // ----------------------------------------------------------------------------------------------- passes 6, 7

    pub fn prune_empty(&mut self) {
        let empty: Vec<String> = self
            .nodes
            .keys()
            .filter(|id| self.circuits_below(id).is_empty())
            .cloned()
            .collect();
        for id in empty {
            self.nodes.remove(&id);
        }
    }

    pub fn clamp(&mut self, settings: &Settings) {
        for circuit in self.circuits.values_mut() {
            let cap = match &circuit.parent {
                Some(parent) => self.nodes[parent].cap,
                None => settings.generated(),
            };
            circuit.max = pair_min(circuit.max, cap);
            circuit.min = pair_min(circuit.min, circuit.max);
        }
    }

    // ----------------------------------------------------------------------------------------------- section 5

    /// S(v): what the children and the node's own circuits can send together.
    pub fn offered(&self, node: &str) -> Pair {
        let mut sum = [0, 0];
        for circuit in self.own_circuits(node) {
            sum = pair_add(sum, self.circuits[circuit].max);
        }
        for child in self.children(Some(node)) {
            sum = pair_add(sum, pair_min(self.nodes[child].cap, self.offered(child)));
        }
        sum
    }

    /// A(v): the smallest limit of the emitted ancestors.
    pub fn limit_above(&self, node: &str) -> Pair {
        self.ancestors(node)
            .into_iter()
            .fold([UNLIMITED; 2], |limit, ancestor| {
                pair_min(limit, self.nodes[ancestor].cap)
            })
    }

    // Reading: with prune_empty off, a node without circuits offers nothing, so it is redundant like any other.
    pub fn simplify(&mut self, settings: &Settings) {
        // Reading: "auto" tests c >= min(1.1 * S, A): the margin is on S, as margin 0 of `true` is.
        let margin_percent: u128 = match settings.simplify {
            Simplify::Off => return,
            Simplify::On => 0,
            Simplify::Auto => 10,
        };
        // Deepest first, one at a time, until none is left. Which of two nodes on one level is first does not matter.
        loop {
            let redundant = self.nodes.iter().filter(|(id, node)| {
                // Reading: "own circuits" are those that hang on the node when it is tested, so circuits that removed
                // nodes left to it count.
                let no_own_circuits = self.own_circuits(id).is_empty();
                let eligible = settings.simplify == Simplify::On
                    || node.kind == Kind::Other
                    || (node.kind == Kind::Site && no_own_circuits);
                let allowed = node.parent.is_some() || no_own_circuits;
                let (offered, above) = (self.offered(id), self.limit_above(id));
                eligible
                    && allowed
                    && (0..2).all(|direction| {
                        100 * node.cap[direction] >= (100 + margin_percent) * offered[direction]
                            || node.cap[direction] >= above[direction]
                    })
            });
            let deepest = redundant
                .map(|(id, _)| (Reverse(self.level(id)), id.clone()))
                .min();
            match deepest {
                Some((_, id)) => self.remove(&id),
                None => return,
            }
        }
    }

    /// l(v): the overload that becomes possible when the node is dropped.
    pub fn loss(&self, node: &str) -> u128 {
        let cap = self.nodes[node].cap;
        let load = pair_min(self.offered(node), self.limit_above(node));
        (0..2).map(|d| load[d].saturating_sub(cap[d])).sum()
    }

    // Reading: every emitted node counts as a level, also one without circuits below (prune_empty off).
    fn fits(&self, budget: usize) -> bool {
        self.nodes.keys().all(|id| self.level(id) <= budget)
    }

    pub fn cut(&mut self, settings: &Settings) {
        let budget = settings.depth_budget();
        if self.fits(budget) {
            return;
        }
        let dropped = if self.droppable().len() <= 16 {
            self.cut_by_trying_every_set(budget)
        } else {
            self.cut_by_recursion(budget)
        };
        for id in dropped.into_iter().flatten() {
            self.remove(&id);
        }
    }

    fn droppable(&self) -> Vec<&String> {
        self.nodes
            .iter()
            .filter(|(id, node)| node.parent.is_some() || self.own_circuits(id).is_empty())
            .map(|(id, _)| id)
            .collect()
    }

    /// The set to drop, sorted; `None` when no set will do.
    pub fn cut_by_trying_every_set(&self, budget: usize) -> Option<Vec<String>> {
        let droppable = self.droppable();
        let losses: Vec<u128> = droppable.iter().map(|id| self.loss(id)).collect();
        let on_a_node: Vec<&String> = self
            .circuits
            .iter()
            .filter(|(_, circuit)| circuit.parent.is_some())
            .map(|(id, _)| id)
            .collect();

        let mut best: Option<(u128, usize, usize, Vec<String>)> = None;
        for set in 0_u32..1 << droppable.len() {
            let members: Vec<usize> = (0..droppable.len())
                .filter(|index| set & (1 << index) != 0)
                .collect();
            let rank = (
                members.iter().map(|index| losses[*index]).sum::<u128>(),
                members
                    .iter()
                    .map(|index| self.own_circuits(droppable[*index]).len())
                    .sum::<usize>(),
                members.len(),
                members
                    .iter()
                    .map(|index| droppable[*index].clone())
                    .collect::<Vec<String>>(),
            );
            if best.as_ref().is_some_and(|best| *best <= rank) {
                continue;
            }
            let mut without = self.clone();
            for id in &rank.3 {
                without.remove(id);
            }
            let all_hang = on_a_node
                .iter()
                .all(|id| without.circuits[*id].parent.is_some());
            if all_hang && without.fits(budget) {
                best = Some(rank);
            }
        }
        best.map(|(_, _, _, set)| set)
    }

    /// The same for larger forests. Subtrees do not influence each other, and of two sets of one size the one with
    /// the smaller ids stays the smaller when the same other ids are added to both.
    pub fn cut_by_recursion(&self, budget: usize) -> Option<Vec<String>> {
        self.cheapest_below(None, budget, false)
            .map(|(_, _, _, set)| set)
    }

    fn cheapest_below(
        &self,
        parent: Option<&str>,
        budget: usize,
        kept_above: bool,
    ) -> Option<(u128, usize, usize, Vec<String>)> {
        let mut total = (0, 0, 0, Vec::new());
        for child in self.children(parent) {
            let keep = match budget {
                0 => None,
                _ => self.cheapest_below(Some(child), budget - 1, true),
            };
            let drop = if kept_above || self.own_circuits(child).is_empty() {
                self.cheapest_below(Some(child), budget, kept_above).map(
                    |(loss, moved, count, mut set)| {
                        set.push(child.to_owned());
                        set.sort();
                        let own = self.own_circuits(child).len();
                        (loss + self.loss(child), moved + own, count + 1, set)
                    },
                )
            } else {
                None
            };
            let (loss, moved, count, set) = keep.into_iter().chain(drop).min()?;
            total.0 += loss;
            total.1 += moved;
            total.2 += count;
            total.3.extend(set);
        }
        total.3.sort();
        Some(total)
    }

    // ----------------------------------------------------------------------------------------------- pass 10

    fn sum_of_minima<'a>(&self, circuits: impl IntoIterator<Item = &'a String>) -> Pair {
        circuits.into_iter().fold([0, 0], |sum, circuit| {
            pair_add(sum, self.circuits[circuit].min)
        })
    }

    /// G(v).
    pub fn guaranteed_below(&self, node: &str) -> Pair {
        self.sum_of_minima(&self.circuits_below(node))
    }

    // Reading: where the floors alone exceed the capacity (an error) the rates are printed by the same rules, so an
    // inner node's rate can exceed its capacity then.
    pub fn htb_rate(&self, node: &str) -> Pair {
        let top = self.nodes[node].parent.is_none();
        if top && !self.circuits_below(node).is_empty() {
            self.nodes[node].cap
        } else {
            self.guaranteed_below(node)
        }
    }

    pub fn guarantee_nodes(&mut self, settings: &Settings) {
        let mut deepest_first: Vec<String> = self.nodes.keys().cloned().collect();
        deepest_first.sort_by_key(|id| Reverse(self.level(id)));
        for id in deepest_first {
            let below = self.circuits_below(&id);
            self.scale(&below, self.nodes[&id].cap, settings);
        }
    }

    pub fn guarantee_buckets(
        &mut self,
        buckets: &BTreeMap<String, Vec<String>>,
        settings: &Settings,
    ) {
        for circuits in buckets.values() {
            self.scale(circuits, settings.generated(), settings);
        }
    }

    // Reading: the rule of 1.8 is applied again as long as the sum still exceeds the capacity and a minimum still
    // changes. Once is not enough when `min_floor` holds some minima up, and the invariant has only one exception:
    // that the floors alone exceed the capacity.
    // Reading: scaling never raises. A minimum below `min_floor` (its maximum is as small) stays as it is.
    fn scale(&mut self, circuits: &[String], cap: Pair, settings: &Settings) {
        for (direction, cap) in cap.into_iter().enumerate() {
            loop {
                let sum = self.sum_of_minima(circuits)[direction];
                if sum <= cap {
                    break;
                }
                let mut changed = false;
                for id in circuits {
                    let min = &mut self.circuits.get_mut(id).expect("a circuit").min[direction];
                    let scaled = (*min * cap / sum)
                        .max(settings.min_floor_kbps.into())
                        .min(*min);
                    changed |= scaled != *min;
                    *min = scaled;
                }
                if !changed {
                    break;
                }
            }
        }
    }

    // ----------------------------------------------------------------------------------------------- pass 11

    // Reading: a node is suffixed at most once per round; a reserved prefix counts in the first round only (the
    // suffixed name still starts with it).
    pub fn unique_names(&self) -> BTreeMap<String, String> {
        let reserved = ["Generated_PN_", "CpueQueue", "@"];
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for (id, node) in &self.nodes {
            names.insert(id.clone(), node.name.clone());
        }
        for round in 0.. {
            let mut suffixed: Vec<String> = Vec::new();
            for (id, name) in &names {
                let users: Vec<&String> = names
                    .iter()
                    .filter(|(_, other)| *other == name)
                    .map(|(user, _)| user)
                    .collect();
                let sites = users
                    .iter()
                    .filter(|user| self.nodes[**user].kind == Kind::Site)
                    .count();
                let keeps_it =
                    users.len() == 1 || (sites == 1 && self.nodes[id].kind == Kind::Site);
                let is_reserved = reserved.iter().any(|prefix| name.starts_with(prefix));
                if !keeps_it || (round == 0 && is_reserved) {
                    suffixed.push(id.clone());
                }
            }
            if suffixed.is_empty() {
                break;
            }
            for id in suffixed {
                let name = names.get_mut(&id).expect("a named node");
                *name = format!("{name} [{id}]");
            }
        }
        names
    }

    // ----------------------------------------------------------------------------------------------- pass 12

    pub fn fill_queues(&self, settings: &Settings) -> Queues {
        let weight = |circuit: &String| self.circuits[circuit].max.iter().sum::<u128>();
        let mut load = vec![0_u128; settings.queues];

        let unparented = self
            .circuits
            .iter()
            .filter(|(_, circuit)| circuit.parent.is_none())
            .map(|(id, _)| (id.clone(), weight(id)))
            .collect();
        let mut buckets: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (circuit, bin) in longest_first(unparented, &mut load) {
            let bucket = format!("Generated_PN_{}", bin + 1);
            buckets.entry(bucket).or_default().push(circuit);
        }
        for circuits in buckets.values_mut() {
            circuits.sort();
        }

        let top = self
            .children(None)
            .into_iter()
            .map(|id| {
                (
                    id.to_owned(),
                    self.circuits_below(id).iter().map(weight).sum(),
                )
            })
            .collect();
        let cpu_of_top = longest_first(top, &mut load).into_iter().collect();
        Queues {
            buckets,
            cpu_of_top,
        }
    }
}

/// LPT: the heaviest first, ties by id, each into the least loaded bin.
// Reading: of equally loaded bins the one with the smallest number.
fn longest_first(mut items: Vec<(String, u128)>, load: &mut [u128]) -> Vec<(String, usize)> {
    items.sort_by_key(|(id, weight)| (Reverse(*weight), id.clone()));
    items
        .into_iter()
        .map(|(id, weight)| {
            let bin = (0..load.len())
                .min_by_key(|bin| (load[*bin], *bin))
                .expect("there is at least one queue");
            load[bin] += weight;
            (id, bin)
        })
        .collect()
}
