//! RAT003: guarantees above the plan.

use crate::finding::{Draft, Level};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::Kbps;

pub static RULE: Rule = Rule {
    code: "RAT003",
    name: "commit-above-plan",
    default: Level::Error,
    contained: true,
    what: "The guaranteed rate that the source states for a circuit is higher than its plan, as written there.",
    why: "One of the two numbers is wrong. The guarantee is cut to what the circuit may use at most, so the subscriber never gets more than the plan.",
    fix: "Correct the guarantee or the plan in the source; download and upload may be swapped in one of them.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "commit_kbps": [10000, 30000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "commit_kbps": [10000, 2000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for (ix, circuit) in stages.shaped() {
        let above = |commit: Kbps, plan: Option<Kbps>| plan.is_some_and(|plan| commit > plan);
        let down = above(circuit.commit.down, circuit.source_plan.down);
        let up = above(circuit.commit.up, circuit.source_plan.up);
        if !down && !up {
            continue;
        }
        out.push(
            Draft::new(
                format!(
                    "{} is guaranteed {} but its plan is {}: the guarantee is cut",
                    stages.circuit(ix),
                    words::rates(circuit.commit),
                    words::known_rates(circuit.source_plan),
                ),
                "correct the guarantee or the plan in the source; download and upload may be swapped in one of them",
            )
            .about(circuit.subject())
            .at(circuit.plan_place(down), "less than the guarantee"),
        );
    }
}
