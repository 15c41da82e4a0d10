//! BUD004: more classes than class ids.

use crate::finding::{Draft, Level};
use crate::ir::layout::Overflow;
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

/// Usable class minors of one HTB.
const MINORS: usize = weir_abi::MAX_MINORS;

pub static RULE: Rule = Rule {
    code: "BUD004",
    name: "class-ids-exhausted",
    default: Level::Error,
    contained: false,
    what: "A CPU queue needs more than 80 % of its 65,531 class ids, or more than it has; or there are more queues than the kernel numbers.",
    why: "Classes without an id cannot exist: the subscribers that come last would not be shaped, so the build is refused.",
    fix: "Raise `target.NAME.queues`, or split the largest top-level node.",
    bad: Example::told(
        "A single CPU queue (`queues = 1`) with 60,000 circuits (a warning), or with 70,000 (an error).",
    ),
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
    let layout = stages.layout;
    let mut used = vec![0usize; usize::from(stages.project.target.queues)];
    let mut count = |queue: usize| {
        if let Some(n) = used.get_mut(queue) {
            *n += 1;
        }
    };
    for (queue, _) in layout
        .node_queue
        .iter()
        .zip(&layout.node_minor)
        .filter(|(_, minor)| **minor != 0)
    {
        count(usize::from(*queue));
    }
    for (bucket, _) in layout
        .bucket_minor
        .iter()
        .enumerate()
        .filter(|(_, minor)| **minor != 0)
    {
        count(bucket);
    }
    for slot in layout.circuits.iter().flatten() {
        count(usize::from(slot.queue));
    }
    let mut refused = Vec::new();
    for overflow in &layout.evidence.overflow {
        match *overflow {
            Overflow::Minors { queue, wanted } => {
                refused.push(usize::from(queue));
                out.push(minors(stages, usize::from(queue), wanted));
            }
            Overflow::Queues { wanted, limit } => out.push(draft(
                stages,
                format!(
                    "the target has {} CPU queues, and the kernel can number {}",
                    words::number(usize::from(wanted)),
                    words::number(usize::from(limit))
                ),
                "lower the target's `queues`",
                Level::Error,
            )),
            Overflow::Handles { .. } => {}
        }
    }
    for (queue, &n) in used.iter().enumerate() {
        if n * 5 > MINORS * 4 && !refused.contains(&queue) {
            out.push(minors(stages, queue, n));
        }
    }
}

fn minors(stages: &Stages<'_>, queue: usize, wanted: usize) -> Draft {
    let level = match wanted > MINORS {
        true => Level::Error,
        false => Level::Warning,
    };
    draft(
        stages,
        format!(
            "CPU queue {queue} needs {} ids, {} of the {} it has",
            words::count(wanted, "class"),
            words::percent(wanted, MINORS),
            words::number(MINORS),
        )
        .replace("classes ids", "class ids"),
        "raise the target's `queues`, or split the largest top-level node",
        level,
    )
}

fn draft(stages: &Stages<'_>, message: String, help: &str, level: Level) -> Draft {
    let target = &stages.project.target;
    let key = match &target.name {
        Some(name) => format!("target.{name}.queues"),
        None => "target".to_owned(),
    };
    Draft::new(message, help)
        .about(Subject::new(SubjectKind::Setting, &key, &key))
        .at(stages.project.place(key), "number of CPU queues")
        .level(level)
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

    /// So many classes in queue 0: nodes and circuits together.
    fn with_classes(n: usize) -> World {
        let mut world = World::small();
        let slot = world.layout.circuits[0];
        world.layout.bucket_minor = vec![0, 0];
        world.layout.circuits = vec![slot; n - world.layout.node_minor.len()];
        world
    }

    #[test]
    fn warns_above_four_fifths() {
        assert!(found(&with_classes(MINORS * 4 / 5)).is_empty());
        assert_eq!(
            found(&with_classes(MINORS * 4 / 5 + 1)),
            [(
                Some(Level::Warning),
                "CPU queue 0 needs 52,425 class ids, 80 % of the 65,531 it has".to_owned()
            )]
        );
    }

    #[test]
    fn what_does_not_fit_is_an_error_and_told_once() {
        let mut world = with_classes(MINORS);
        assert_eq!(found(&world)[0].0, Some(Level::Warning));
        world.layout.evidence.overflow = vec![
            Overflow::Minors {
                queue: 0,
                wanted: MINORS + 1,
            },
            Overflow::Queues {
                wanted: 120,
                limit: 119,
            },
            Overflow::Handles { wanted: 70_000 },
        ];
        assert_eq!(
            found(&world),
            [
                (
                    Some(Level::Error),
                    "CPU queue 0 needs 65,532 class ids, 100 % of the 65,531 it has".to_owned()
                ),
                (
                    Some(Level::Error),
                    "the target has 120 CPU queues, and the kernel can number 119".to_owned()
                ),
            ]
        );
    }
}
