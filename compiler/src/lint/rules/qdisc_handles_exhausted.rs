//! BUD005: more leaf queues than handles.

use crate::finding::{Draft, Level};
use crate::ir::layout::Overflow;
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::Pair;

/// Qdisc handles of one interface that are safe to use; the kernel numbers 65,534.
const HANDLES: usize = weir_abi::MAX_LEAF_HANDLES;

pub static RULE: Rule = Rule {
    code: "BUD005",
    name: "qdisc-handles-exhausted",
    default: Level::Error,
    contained: false,
    what: "The leaf queues of one interface need more than 80 % of its 65,000 qdisc handles, or more than it has.",
    why: "Every subscriber has a queue of its own, which needs a handle: those that come last would have none, so the build is refused.",
    fix: "Shape the network on two boxes, or give some circuits no leaf queue in one direction.",
    bad: Example::told("60,000 circuits (a warning), or 70,000 (an error)."),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let leaves = stages
        .layout
        .circuits
        .iter()
        .flatten()
        .fold(Pair::both(0usize), |n, slot| {
            n.zip(slot.handle, |n, handle| n + usize::from(handle != 0))
        });
    let refused = stages
        .layout
        .evidence
        .overflow
        .iter()
        .find_map(|o| match *o {
            Overflow::Handles { wanted } => Some(wanted),
            Overflow::Minors { .. } | Overflow::Queues { .. } => None,
        });
    let wanted = refused.unwrap_or(leaves.down.max(leaves.up));
    if refused.is_none() && wanted * 5 <= HANDLES * 4 {
        return;
    }
    let level = match refused.is_some() || wanted > HANDLES {
        true => Level::Error,
        false => Level::Warning,
    };
    out.push(
        Draft::new(
            format!(
                "one interface needs {}, {} of the {} handles it has",
                words::count(wanted, "leaf queue"),
                words::percent(wanted, HANDLES),
                words::number(HANDLES),
            ),
            "shape the network on two boxes, or give some circuits no leaf queue in one direction",
        )
        .about(Subject::new(SubjectKind::Setting, "target", "target"))
        .level(level),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::testing::World;

    fn found(world: &World) -> Vec<(Option<Level>, String)> {
        let mut out = Vec::new();
        check(&world.stages(), &mut out);
        out.into_iter().map(|d| (d.level, d.message)).collect()
    }

    fn with_leaves(n: usize) -> World {
        let mut world = World::small();
        let slot = world.layout.circuits[0];
        world.layout.circuits = vec![slot; n];
        world
    }

    #[test]
    fn warns_above_four_fifths_of_one_interface() {
        assert!(found(&with_leaves(HANDLES * 4 / 5)).is_empty());
        let mut world = with_leaves(HANDLES * 4 / 5 + 1);
        let message = "one interface needs 52,001 leaf queues, 80 % of the 65,000 handles it has";
        assert_eq!(found(&world), [(Some(Level::Warning), message.to_owned())]);
        // A leaf that has a queue in one direction only takes a handle on one interface.
        if let Some(slot) = &mut world.layout.circuits[0] {
            slot.handle.up = 0;
        }
        assert_eq!(found(&world).len(), 1, "the other interface is as full");
        if let Some(slot) = &mut world.layout.circuits[0] {
            slot.handle.down = 0;
        }
        assert!(found(&world).is_empty());
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let mut world = World::small();
        world.layout.evidence.overflow = vec![Overflow::Handles { wanted: 65_001 }];
        let message = "one interface needs 65,001 leaf queues, 100 % of the 65,000 handles it has";
        assert_eq!(found(&world), [(Some(Level::Error), message.to_owned())]);
    }
}
