//! What refuses a build: a plan that the target cannot represent, or that would not hold the rates it states.
//! Unlike a finding it cannot be allowed: nothing is written.
//!
//! What was emitted is read back and judged by `weir-plan`, which knows nothing of how it was made: a mistake in
//! any stage before must not reach a box.

use weir_plan::{Kind, Violation};
use weir_schemas::artifact;
use weir_schemas::queue_plan::QueuePlan;
use weir_schemas::tree::Tree;

use crate::emit::{self, ArtifactSet};
use crate::fit::{ADDRESSES, Fit, LENGTHS};
use crate::ir::layout::Overflow;
use crate::lint::rule::Stages;

/// Why nothing may be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// One line that stands alone.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Refusal {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Refusal {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// For what only a mistake of ours can cause.
const OURS: &str =
    "this is a mistake in Weir and not in your data: please report it, with the project if you can";

/// Everything that refuses this build; empty for a build that may be used.
pub fn refusals(stages: &Stages<'_>, artifacts: &ArtifactSet) -> Vec<Refusal> {
    let mut refused: Vec<Refusal> = stages
        .layout
        .evidence
        .overflow
        .iter()
        .map(overflow)
        .collect();
    let table = table(stages);
    // Numbers that ran out, and prefixes that do not fit, are missing in the files: what else is wrong with those would
    // only repeat that.
    let numbered = refused.is_empty();
    let judge = Judge {
        table: numbered && table.is_empty(),
    };
    refused.extend(table);
    refused.extend(changed(stages));
    refused.extend(too_deep(stages));
    refused.extend(churn(stages));
    if numbered {
        refused.extend(violations(stages, artifacts, judge));
    }
    refused
}

/// What of the files is worth judging.
#[derive(Clone, Copy)]
struct Judge {
    table: bool,
}

/// Files that are not what they were when they were read first, or cannot be read any more: what was found in them
/// cannot be shown, and nobody can say what was built from.
fn changed(stages: &Stages<'_>) -> Vec<Refusal> {
    (stages.files.files())
        .filter_map(|(_, file)| {
            let fault = file.bytes.fault()?;
            Some(Refusal::new(
                format!("{} {fault}", file.path),
                "run again when nothing writes to it; to replace a file, write the new one beside it and rename it",
            ))
        })
        .collect()
}

/// What the address table cannot hold.
fn table(stages: &Stages<'_>) -> Vec<Refusal> {
    let mut refused = Vec::new();
    let lengths = Fit::lengths(stages);
    let addresses: usize = lengths.iter().flatten().map(|(_, prefixes)| prefixes).sum();
    if addresses > ADDRESSES {
        refused.push(Refusal::new(
            format!("{addresses} prefixes are shaped and the address table holds {ADDRESSES}"),
            "give circuits one routed prefix instead of many hosts, or shape the network on two boxes",
        ));
    }
    for (family, lengths) in ["IPv4", "IPv6"].into_iter().zip(lengths) {
        let Some(over) = lengths.len().checked_sub(LENGTHS).filter(|over| *over > 0) else {
            continue;
        };
        let listed: Vec<String> = lengths
            .iter()
            .map(|(len, prefixes)| format!("/{len} ({prefixes})"))
            .collect();
        refused.push(Refusal::new(
            format!(
                "{family} prefixes of {} different lengths are shaped and the address table holds {LENGTHS}: {}",
                lengths.len(),
                listed.join(", ")
            ),
            format!(
                "write the prefixes of the rarest {} as several longer ones, in the source or with an override: a /23 \
                 is two /24",
                match over {
                    1 => "length".to_owned(),
                    more => format!("{more} lengths"),
                }
            ),
        ));
    }
    refused
}

fn overflow(overflow: &Overflow) -> Refusal {
    match overflow {
        Overflow::Minors { queue, wanted } => Refusal::new(
            format!(
                "CPU queue {queue} needs {wanted} HTB classes and one tree holds {}",
                weir_abi::MAX_MINORS
            ),
            "raise the target's `queues`, or split the largest top-level node",
        ),
        Overflow::Handles { wanted } => Refusal::new(
            format!(
                "{wanted} leaf qdiscs are needed and an interface holds {}",
                weir_abi::MAX_LEAF_HANDLES
            ),
            "shape the network on two boxes, or give some circuits no leaf queue in one direction",
        ),
        Overflow::Queues { wanted, limit } => Refusal::new(
            format!("the target has {wanted} CPU queues and {limit} can be used"),
            "lower the target's `queues`",
        ),
    }
}

fn too_deep(stages: &Stages<'_>) -> Option<Refusal> {
    let tree = &stages.tree.evidence;
    let names: Vec<&str> = tree
        .too_deep
        .iter()
        .map(|node| stages.inventory[*node].name.as_ref())
        .collect();
    (!names.is_empty()).then(|| {
        Refusal::new(
            format!(
                "the tree has {} node levels and {} fit: {}",
                tree.depth,
                tree.depth_budget,
                names.join(" > ")
            ),
            "list nodes of this path in `topology.exclude`, or use `topology.strategy = \"ap_site\"`",
        )
    })
}

/// Class ids that change although what they stand for stays where it is.
fn churn(stages: &Stages<'_>) -> Option<Refusal> {
    let allowed = stages.project.guard.max_churn;
    let changed = stages.layout.evidence.renumbered.len();
    (allowed > 0 && changed as u64 > allowed).then(|| {
        Refusal::new(
            format!(
                "{changed} class ids change although nothing about what they stand for does, and `guard.max_churn` \
                 allows {allowed}"
            ),
            "weir explain renumbered-class says why they change; to accept it raise `guard.max_churn` for this build",
        )
    })
}

/// The emitted bytes, read back.
fn violations(stages: &Stages<'_>, artifacts: &ArtifactSet, judge: Judge) -> Vec<Refusal> {
    let bytes = |name: &str| artifacts.file(name).unwrap_or_default();
    let (plan, tree) = rayon::join(
        || {
            // The bytes are ours and say which format they are in; what matters is that they read as it.
            let plan: QueuePlan<'static> = serde_json::from_slice(bytes(artifact::QUEUE_PLAN))?;
            let violations = weir_plan::verify(&plan);
            Ok((plan, violations))
        },
        || serde_json::from_slice::<Tree<'static>>(bytes(artifact::TREE)),
    );
    let unreadable = |name: &str, error: serde_json::Error| {
        vec![Refusal::new(
            format!("the emitted {name} cannot be read back: {error}"),
            OURS,
        )]
    };
    let ((plan, mut violations), tree) = match (plan, tree) {
        (Ok(plan), Ok(tree)) => (plan, tree),
        (Err(error), _) => return unreadable(artifact::QUEUE_PLAN, error),
        (_, Err(error)) => return unreadable(artifact::TREE, error),
    };
    let table = bytes(artifact::CLASSIFIER);
    // A table that was not made has no bytes; what the builder says is more than that.
    let unmade = (judge.table && table.is_empty())
        .then(|| emit::table_fault(stages))
        .flatten();
    let (agreement, (alone, led)) = rayon::join(
        || weir_plan::verify_agreement(&tree, &plan),
        || {
            rayon::join(
                || weir_plan::verify_tree(&tree),
                || match judge.table && unmade.is_none() {
                    true => weir_plan::verify_table(&tree, &plan, table),
                    false => Vec::new(),
                },
            )
        },
    );
    violations.extend(agreement);
    violations.extend(alone);
    violations.extend(led);
    // Nobody waits until a million texts are freed.
    rayon::spawn(move || drop((plan, tree)));
    let told = !stages.tree.evidence.too_deep.is_empty();
    let unmade = unmade
        .map(|fault| Refusal::new(format!("the address table cannot be made: {fault}"), OURS));
    violations
        .iter()
        .filter(|v| !(told && v.kind == Kind::Depth))
        .map(|violation| refusal(stages, violation))
        .chain(unmade)
        .collect()
}

fn refusal(stages: &Stages<'_>, violation: &Violation) -> Refusal {
    let Violation { kind, key, message } = violation;
    let node = key
        .strip_prefix("node:")
        .and_then(|id| stages.inventory.node_by_id(id))
        .map(|ix| stages.inventory[ix].name.as_ref())
        .filter(|name| !key.ends_with(name));
    let who = match node {
        Some(name) => format!("{name} ({key})"),
        None => key.clone(),
    };
    let floors = !stages.tree.evidence.overfull.is_empty();
    let help = match kind {
        Kind::Guarantees | Kind::Rate | Kind::RootRate if floors => {
            "the smallest guarantees of its circuits are more than it carries: correct its capacity, or lower \
             `rates.min_floor_mbps`"
        }
        Kind::Depth => {
            "take `topology.max_depth` out, so that the tree is cut to what fits, or list nodes of its path in \
             `topology.exclude`"
        }
        _ => OURS,
    };
    Refusal::new(format!("{who} {message}"), help)
}

#[cfg(test)]
mod tests {
    use weir_store::Summed;

    use super::*;
    use crate::emit::testing::World;
    use crate::id::CircuitIx;
    use crate::ir::layout::Slot;
    use crate::units::{Kbps, Pair};

    fn messages(world: &World, artifacts: &ArtifactSet) -> Vec<String> {
        let refused = refusals(&world.stages(), artifacts);
        assert!(refused.iter().all(|r| !r.help.is_empty()));
        refused.into_iter().map(|r| r.message).collect()
    }

    #[test]
    fn what_was_emitted_is_judged_and_not_what_was_meant() {
        let world = World::small();
        let mut artifacts = world.emit(&[]);
        let before = messages(&world, &artifacts);
        for (name, file) in &mut artifacts.files {
            if *name == artifact::QUEUE_PLAN {
                let text =
                    String::from_utf8_lossy(file.bytes()).replace("\"minor\":17,", "\"minor\":1,");
                *file = Summed::of(text.into_bytes());
            }
        }
        let after = messages(&world, &artifacts);
        let new: Vec<_> = after.iter().filter(|m| !before.contains(m)).collect();
        assert_eq!(
            new,
            ["Node hill-a1 (node:hill-a1) has minor 1, and minors go from 3 to 65534"]
        );
        artifacts.files.retain(|(name, _)| *name != artifact::TREE);
        let unreadable = messages(&world, &artifacts);
        assert!(unreadable[0].starts_with("the emitted tree.json cannot be read back: "));
    }

    #[test]
    fn guarantees_that_do_not_fit_name_the_node_and_by_how_much() {
        let mut world = World::small();
        world.tree.nodes[1].htb_rate = Pair::both(Kbps(19_000));
        let found = messages(&world, &world.emit(&[]));
        let want = "Node hill-a1 (node:hill-a1) guarantees 20000 kbit/s download to what is under it and has 19000 \
                    itself: 1000 too many, so its ceiling would not hold";
        assert!(found.iter().any(|message| message == want), "{found:#?}");
    }

    #[test]
    fn churn_is_refused_from_one_over_the_budget_on() {
        let mut world = World::small();
        let churn = |world: &World| {
            let stages = world.stages();
            churn(&stages).map(|refusal| refusal.message)
        };
        let slot = |n| Slot::Circuit(CircuitIx(n));
        world.layout.evidence.renumbered = (0..3).map(slot).collect();
        // 0 is not checked.
        assert_eq!(churn(&world), None);
        world.project.guard.max_churn = 3;
        assert_eq!(churn(&world), None);
        world.layout.evidence.renumbered.push(slot(3));
        let message = churn(&world).expect("refused");
        assert!(message.starts_with("4 class ids change"), "{message}");
        assert!(message.ends_with("`guard.max_churn` allows 3"), "{message}");
        let all = messages(&world, &world.emit(&[]));
        assert!(all.contains(&message), "{all:?}");
    }

    /// The table is judged by its bytes too, and by those of the other files.
    #[test]
    fn a_table_of_another_plan_is_refused() {
        let world = World::small();
        let before = messages(&world, &world.emit(&[]));
        assert!(!before.iter().any(|m| m.contains("table")), "{before:?}");
        let mut other = World::small();
        for circuit in &mut other.inventory.circuits {
            for device in &mut circuit.devices {
                device.addresses.truncate(1);
            }
        }
        let mut artifacts = world.emit(&[]);
        let foreign = other.emit(&[]);
        for (name, file) in &mut artifacts.files {
            if *name == artifact::CLASSIFIER {
                *file = Summed::of(foreign.file(name).expect("a table").to_vec());
            }
        }
        let after = messages(&world, &artifacts);
        let new: Vec<_> = after.iter().filter(|m| !before.contains(m)).collect();
        assert_eq!(
            new,
            [
                "circuit:c2 has 203.0.113.8/29 in the tree and not in the address table",
                "circuit:c1 has 2001:db8:1::/56 in the tree and not in the address table",
            ]
        );
    }

    #[test]
    fn more_lengths_than_a_table_holds_are_refused_once() {
        let lengths = |world: &mut World, most: u8| {
            let device = &mut world.inventory.circuits[0].devices[0];
            device.addresses = (0..most)
                .map(|i| format!("10.{i}.0.0/{}", 32 - i).parse().expect("a prefix"))
                .collect();
        };
        let mut world = World::small();
        lengths(&mut world, 16);
        let before = messages(&world, &world.emit(&[]));
        assert!(!before.iter().any(|m| m.contains("lengths")), "{before:?}");
        lengths(&mut world, 17);
        let artifacts = world.emit(&[]);
        assert_eq!(artifacts.file(artifact::CLASSIFIER), Some(&b""[..]));
        let refused = messages(&world, &artifacts);
        let new: Vec<_> = refused.iter().filter(|m| !before.contains(m)).collect();
        assert_eq!(
            new,
            [
                "IPv4 prefixes of 17 different lengths are shaped and the address table holds 16: /32 (4), /31 (1), \
                 /30 (1), /29 (2), /28 (1), /27 (1), /26 (1), /25 (1), /24 (1), /23 (1), /22 (1), /21 (1), /20 (1), \
                 /19 (1), /18 (1), /17 (1), /16 (1)"
            ]
        );
    }

    /// What no other refusal says, the builder of the table does.
    #[test]
    fn a_table_that_cannot_be_made_says_why() {
        let mut world = World::small();
        world.layout.circuits[0].as_mut().expect("placed").minor = 1;
        let refused = messages(&world, &world.emit(&[]));
        let want = "the address table cannot be made: 100.64.0.2/32 leads to minor 1 in CPU queue 0, which cannot be";
        assert!(refused.iter().any(|m| m == want), "{refused:#?}");
    }

    #[test]
    fn numbers_that_ran_out_are_told_once() {
        let mut world = World::small();
        world.layout.evidence.overflow = vec![
            Overflow::Minors {
                queue: 3,
                wanted: 70_000,
            },
            Overflow::Handles { wanted: 65_001 },
        ];
        world.layout.circuits[0].as_mut().expect("placed").minor = 0;
        assert_eq!(
            messages(&world, &world.emit(&[])),
            [
                "CPU queue 3 needs 70000 HTB classes and one tree holds 65531",
                "65001 leaf qdiscs are needed and an interface holds 65000",
            ]
        );
    }
}
