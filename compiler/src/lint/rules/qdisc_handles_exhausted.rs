//! BUD005: more leaf queues than handles.

use crate::finding::{Draft, Level};
use crate::ir::layout::Overflow;
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::Pair;

/// Qdisc handles of one interface that are safe to use; the kernel numbers 65,534.
pub const HANDLES: usize = 65_000;

pub static RULE: Rule = Rule {
    code: "BUD005",
    name: "qdisc-handles-exhausted",
    default: Level::Error,
    contained: false,
    what: "The leaf queues of one interface need more than 80 % of its 65,000 qdisc handles, or more than it has.",
    why: "Every subscriber has a queue of its own, which needs a handle: those that come last would have none, so the build is refused.",
    fix: "Shape the network on two boxes, or give some circuits no leaf queue in one direction.",
    bad: Example::too_large("60,000 circuits (a warning), or 70,000 (an error)."),
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
