//! CHG004: class ids that change although what they stand for does not.

use crate::finding::{Draft, Level};
use crate::ir::layout::Slot;
use crate::ir::records::{Subject, SubjectKind};
use crate::ir::tree::bucket_name;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "CHG004",
    name: "renumbered-class",
    default: Level::Warning,
    contained: false,
    what: "Class ids of the previous artifact change although what they stand for is still there, in the same place.",
    why: "Counters and dashboards are kept by class id, and a class that gets another one starts with an empty queue: its subscribers notice.",
    fix: "Usually a top-level node was moved to another CPU queue because one was too full: balance the plan with `weir compare`, or accept the moves. `guard.max_churn` refuses builds that change more.",
    bad: Example::told(
        "A site whose plans have grown so much since the previous build that another site of its CPU queue is moved off it.",
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
    let evidence = &stages.layout.evidence;
    if evidence.renumbered.is_empty() {
        return;
    }
    // A class below a node that was moved is told with the node.
    let tops: Vec<Subject> = evidence
        .renumbered
        .iter()
        .filter(|slot| match slot {
            Slot::Node(at) => stages.tree[*at].parent.is_none(),
            Slot::Bucket(_) => true,
            Slot::Circuit(_) => false,
        })
        .map(|slot| subject(stages, *slot))
        .collect();
    let total = evidence.renumbered.len();
    let whose = match tops.is_empty() {
        true => stages.subjects(
            evidence
                .renumbered
                .iter()
                .map(|slot| subject(stages, *slot))
                .collect::<Vec<_>>()
                .iter(),
        ),
        false => format!("{} and below", stages.subjects(&tops)),
    };
    let moved = evidence
        .moved
        .iter()
        .any(|slot| matches!(slot, Slot::Node(_)));
    let why = match moved {
        true => ", for another CPU queue",
        false => "",
    };
    let budget = match stages.project.guard.max_churn {
        0 => {
            "set `guard.max_churn` to refuse builds that change more ids than you accept".to_owned()
        }
        allowed => format!(
            "`guard.max_churn` allows {}",
            words::number(allowed as usize)
        ),
    };
    let mut draft = Draft::new(
        format!(
            "{} of {} that stay where they are {} others{why}: {whose}",
            words::number(total),
            words::count(evidence.kept + evidence.changed, "class").replace("classes", "class ids"),
            words::verb(total, "becomes", "become"),
        ),
        format!(
            "nothing is wrong with the plan, but queues start empty and counters anew; {budget}"
        ),
    )
    .about_all(
        evidence
            .renumbered
            .iter()
            .map(|slot| subject(stages, *slot)),
    );
    draft = draft.at(
        stages.project.place("guard.max_churn"),
        "ids that may change",
    );
    out.push(draft);
}

fn subject(stages: &Stages<'_>, slot: Slot) -> Subject {
    match slot {
        Slot::Node(at) => stages.inventory[stages.tree[at].node].subject(),
        Slot::Circuit(circuit) => stages.inventory[circuit].subject(),
        Slot::Bucket(bucket) => {
            let name = bucket_name(bucket);
            Subject::new(SubjectKind::Node, &name, &name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::testing::World;
    use crate::id::{CircuitIx, TreeIx};

    #[test]
    fn one_finding_names_what_was_moved_and_lists_all() {
        let mut world = World::small();
        let run = |world: &World| {
            let mut out = Vec::new();
            check(&world.stages(), &mut out);
            out
        };
        assert!(run(&world).is_empty());
        let evidence = &mut world.layout.evidence;
        evidence.moved = vec![Slot::Node(TreeIx(0))];
        evidence.renumbered = vec![
            Slot::Node(TreeIx(0)),
            Slot::Node(TreeIx(1)),
            Slot::Circuit(CircuitIx(0)),
        ];
        (evidence.kept, evidence.changed) = (4, 3);
        let found = run(&world);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].message,
            "3 of 7 class ids that stay where they are become others, for another CPU queue: site \"Node hill\" \
             (hill) and below"
        );
        assert_eq!(found[0].subjects.len(), 3);
        world.layout.evidence.moved.clear();
        world.layout.evidence.renumbered = vec![Slot::Circuit(CircuitIx(2))];
        assert!(
            run(&world)[0]
                .message
                .ends_with("becomes others: circuit \"Circuit c3\" (c3)")
        );
    }
}
