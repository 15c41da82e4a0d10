//! The laws of topology.md 5 and 1.13, held by the passes themselves on small random trees: simplification leaves the
//! set of possible rates as it is, and the depth cut finds the best of all sets there are.

use proptest::prelude::*;
use proptest::strategy::Strategy as _;

use crate::config::project::Simplify;
use crate::emit::testing::World;
use crate::id::NodeIx;
use crate::ir::inventory::Inventory;
use crate::ir::records::NodeKind;
use crate::ir::tree::{Strategy, TreeEvidence, UnenforcedWhy};
use crate::topology::adjust::{depth, simplify};
use crate::topology::{Draft, Spot};
use crate::units::{Kbps, Pair};

type Rates = Pair<Kbps>;

/// Parent, capacity and kind of each node; node and ceiling of each circuit.
#[derive(Clone, Debug)]
struct Small {
    nodes: Vec<(Option<usize>, Rates, NodeKind)>,
    circuits: Vec<(usize, Rates)>,
}

impl Small {
    /// Parents come before children; `deep` makes long paths likely.
    fn any(
        nodes: usize,
        circuits: usize,
        deep: bool,
    ) -> impl proptest::strategy::Strategy<Value = Small> {
        let rates = |most| (1..=most, 1..=most).prop_map(|(d, u)| Pair::new(Kbps(d), Kbps(u)));
        let kind = prop_oneof![
            Just(NodeKind::Site),
            Just(NodeKind::Ap),
            Just(NodeKind::Other)
        ];
        let node = (any::<proptest::sample::Index>(), rates(14u64), kind);
        (
            prop::collection::vec(node, 1..=nodes),
            prop::collection::vec(
                (any::<proptest::sample::Index>(), rates(9u64)),
                1..=circuits,
            ),
        )
            .prop_map(move |(nodes, circuits)| {
                let circuits = circuits
                    .into_iter()
                    .map(|(at, max)| (at.index(nodes.len()), max))
                    .collect();
                let mut caps: Vec<Rates> = Vec::new();
                let nodes = nodes
                    .into_iter()
                    .enumerate()
                    .map(|(i, (up, cap, kind))| {
                        // The last choice is the top level.
                        let up = match deep {
                            true => i.saturating_sub(1 + up.index(3)).min(i),
                            false => up.index(i + 1),
                        };
                        let up = (up != i).then_some(up);
                        // An effective capacity never grows downwards (topology.md 1.6).
                        let cap = up.map_or(cap, |up| cap.min(caps[up]));
                        caps.push(cap);
                        (up, cap, kind)
                    })
                    .collect();
                Small { nodes, circuits }
            })
    }

    fn build(&self) -> (Inventory, Draft) {
        let mut world = World::empty(Strategy::Full);
        for (i, (_, _, kind)) in self.nodes.iter().enumerate() {
            world.node(&format!("n{i}"), *kind, None);
        }
        let draft = Draft {
            emitted: vec![true; self.nodes.len()],
            parent: self.nodes.iter().map(|n| n.0.map(NodeIx::of)).collect(),
            cap: self.nodes.iter().map(|n| n.1).collect(),
            spot: self
                .circuits
                .iter()
                .map(|c| Some(Spot::Node(NodeIx::of(c.0))))
                .collect(),
            max: self.circuits.iter().map(|c| c.1).collect(),
            min: vec![Pair::ZERO; self.circuits.len()],
        };
        (world.inventory, draft)
    }
}

/// Nodes from where a circuit hangs to the top.
fn path(draft: &Draft, circuit: usize) -> Vec<usize> {
    let Some(Spot::Node(at)) = draft.spot[circuit] else {
        panic!("circuit {circuit} hangs on no node");
    };
    std::iter::successors(Some(at), |n| draft.parent[n.ix()])
        .map(|n| {
            assert!(draft.emitted[n.ix()], "{n:?} is gone and still in use");
            n.ix()
        })
        .collect()
}

/// The most that a set of circuits can send together, one direction. Limits are nested, so taking one circuit after
/// the other, each as much as the limits above it leave, is exact.
fn most(draft: &Draft, circuits: &[usize], of: fn(Rates) -> u64) -> u64 {
    let mut left: Vec<u64> = draft.cap.iter().map(|cap| of(*cap)).collect();
    circuits
        .iter()
        .map(|&c| {
            let path = path(draft, c);
            let rate = path
                .iter()
                .map(|n| left[*n])
                .min()
                .unwrap_or(u64::MAX)
                .min(of(draft.max[c]));
            for node in path {
                left[node] -= rate;
            }
            rate
        })
        .sum()
}

const DIRECTIONS: [fn(Rates) -> u64; 2] = [|r| r.down.0, |r| r.up.0];

/// Of every set of circuits the most it can send: nested limits and non-negative rates make a polymatroid, which
/// these numbers describe completely. Two trees with the same table allow exactly the same rates.
fn table(draft: &Draft) -> Vec<u64> {
    let n = draft.spot.len();
    (0..1usize << n)
        .flat_map(|set| {
            let circuits: Vec<usize> = (0..n).filter(|c| set >> c & 1 == 1).collect();
            DIRECTIONS.map(|of| most(draft, &circuits, of))
        })
        .collect()
}

/// As [`most`], by trying every combination of whole rates.
fn most_by_trying(draft: &Draft, circuits: &[usize], of: fn(Rates) -> u64) -> u64 {
    fn go(draft: &Draft, circuits: &[usize], left: &mut Vec<u64>, of: fn(Rates) -> u64) -> u64 {
        let Some((&first, rest)) = circuits.split_first() else {
            return 0;
        };
        let path = path(draft, first);
        let mut best = 0;
        for rate in 0..=of(draft.max[first]) {
            if path.iter().any(|n| left[*n] < rate) {
                break;
            }
            path.iter().for_each(|n| left[*n] -= rate);
            best = best.max(rate + go(draft, rest, left, of));
            path.iter().for_each(|n| left[*n] += rate);
        }
        best
    }
    let mut left = draft.cap.iter().map(|cap| of(*cap)).collect();
    go(draft, circuits, &mut left, of)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_circuit_after_the_other_finds_the_most(small in Small::any(4, 3, false)) {
        let (_, draft) = small.build();
        let all: Vec<usize> = (0..draft.spot.len()).collect();
        for of in DIRECTIONS {
            prop_assert_eq!(most(&draft, &all, of), most_by_trying(&draft, &all, of));
        }
    }

    #[test]
    fn simplification_leaves_the_possible_rates_as_they_are(
        small in Small::any(8, 7, false),
        auto in any::<bool>(),
    ) {
        let (inventory, draft) = small.build();
        let mode = if auto { Simplify::Auto } else { Simplify::All };
        let mut simple = draft.clone();
        let removed = simplify::simplify(mode, &inventory, &mut simple);
        prop_assert_eq!(table(&draft), table(&simple));
        for node in &removed {
            prop_assert!(!simple.emitted[node.ix()]);
        }
        if auto {
            return Ok(());
        }
        // Nothing is left that could go: without any of the others some rates are possible that were not.
        let own = simple.own_circuits();
        for node in simple.emitted().collect::<Vec<_>>() {
            if simple.parent[node.ix()].is_none() && !own[node.ix()].is_empty() {
                continue;
            }
            let mut without = simple.clone();
            without.remove(&[node]);
            prop_assert_ne!(table(&simple), table(&without), "{:?} limits nothing", node);
        }
    }

    #[test]
    fn the_depth_cut_is_the_best_of_all_sets(small in Small::any(9, 5, true), budget in 1usize..=4) {
        let (_, before) = small.build();
        let mut draft = before.clone();
        let mut evidence = TreeEvidence { depth_budget: budget, ..TreeEvidence::default() };
        depth::cut(&mut draft, &mut evidence);
        let best = best_cut(&before, budget);
        let Some((loss, _, _, nodes)) = best else {
            prop_assert!(!evidence.too_deep.is_empty());
            prop_assert_eq!(draft.emitted, before.emitted);
            return Ok(());
        };
        prop_assert!(evidence.too_deep.is_empty());
        let cut: Vec<usize> = evidence.cut.iter().map(|n| n.ix()).collect();
        prop_assert_eq!(&cut, &nodes);
        prop_assert!(evidence.depth <= budget);
        let told: u64 = evidence.unenforced.iter().map(|u| u.loss.total().0).sum();
        prop_assert_eq!(told, loss);
        prop_assert!(evidence.unenforced.iter().all(|u| u.why == UnenforcedWhy::DepthCut));
        // Every circuit hangs on the nearest node above it that stayed.
        for circuit in 0..draft.spot.len() {
            let stays: Vec<usize> = path(&before, circuit)
                .into_iter()
                .filter(|n| !cut.contains(n))
                .collect();
            prop_assert!(!stays.is_empty() && stays.len() <= budget);
            prop_assert_eq!(path(&draft, circuit), stays);
        }
    }
}

/// (loss, circuits that move, how many, which) of the best set of nodes to drop; every set is tried.
fn best_cut(draft: &Draft, budget: usize) -> Option<(u64, usize, usize, Vec<usize>)> {
    let n = draft.parent.len();
    let up = |node: usize| draft.parent[node].map(|p| p.ix());
    let line = |node: usize| std::iter::successors(Some(node), |n| up(*n));
    let circuits = |node: usize| {
        (0..draft.spot.len()).filter(move |c| draft.spot[*c] == Some(Spot::Node(NodeIx::of(node))))
    };
    // What the whole subtree could send if the node itself were no limit: the definition, not the pass's sums.
    let loss = |node: usize| -> u64 {
        let mut open = draft.clone();
        let below: Vec<usize> = (0..draft.spot.len())
            .filter(|c| path(draft, *c).contains(&node))
            .collect();
        for above in line(node) {
            open.cap[above] = Pair::UNLIMITED;
        }
        DIRECTIONS
            .into_iter()
            .map(|of| {
                let above = line(node).skip(1).map(|a| of(draft.cap[a])).min();
                most(&open, &below, of)
                    .min(above.unwrap_or(u64::MAX))
                    .saturating_sub(of(draft.cap[node]))
            })
            .sum()
    };
    let losses: Vec<u64> = (0..n).map(loss).collect();
    let deepest = |gone: usize| {
        (0..n)
            .map(|node| line(node).filter(|a| gone >> a & 1 == 0).count())
            .max()
            .unwrap_or(0)
    };
    if deepest(0) <= budget {
        return Some((0, 0, 0, Vec::new()));
    }
    (1..1usize << n)
        .filter(|&gone| {
            let top_stays = (0..n).all(|node| {
                gone >> node & 1 == 0 || up(node).is_some() || circuits(node).next().is_none()
            });
            let held = (0..draft.spot.len())
                .all(|c| path(draft, c).iter().any(|node| gone >> node & 1 == 0));
            top_stays && held && deepest(gone) <= budget
        })
        .map(|gone| {
            let nodes: Vec<usize> = (0..n).filter(|node| gone >> node & 1 == 1).collect();
            let loss = nodes.iter().map(|node| losses[*node]).sum();
            let moved = nodes.iter().map(|node| circuits(*node).count()).sum();
            (loss, moved, nodes.len(), nodes)
        })
        .min()
}

/// A source may declare a chain of any length: nothing recurses as deep as the tree.
#[test]
fn a_very_long_chain_is_cut_on_a_small_stack() {
    const NODES: usize = 700;
    let small = Small {
        nodes: (0..NODES)
            .map(|i| {
                let cap = Pair::both(Kbps((NODES - i) as u64));
                (i.checked_sub(1), cap, NodeKind::Other)
            })
            .collect(),
        circuits: vec![(NODES - 1, Pair::both(Kbps(NODES as u64)))],
    };
    let (_, mut draft) = small.build();
    let thread = std::thread::Builder::new()
        .stack_size(96 << 10)
        .spawn(move || {
            let mut evidence = TreeEvidence {
                depth_budget: 7,
                ..TreeEvidence::default()
            };
            depth::cut(&mut draft, &mut evidence);
            (evidence.cut.len(), path(&draft, 0).len())
        });
    let cut = thread.expect("a thread").join().expect("no overflow");
    assert_eq!(cut, (NODES - 7, 7));
}
