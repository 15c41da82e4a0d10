//! RAT012: plans below the least rate that is shaped.

use std::collections::BTreeMap;

use crate::config::project::{Rates, SuspendedPolicy};
use crate::finding::{Draft, Label, Level};
use crate::id::CircuitIx;
use crate::ir::inventory::Circuit;
use crate::ir::records::ServiceState;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::{Kbps, Pair, muldiv};

pub static RULE: Rule = Rule {
    code: "RAT012",
    name: "rate-raised-to-floor",
    default: Level::Warning,
    contained: true,
    what: "A plan is below `rates.floor_mbps`, and the circuit gets the floor instead.",
    why: "The subscriber gets more than the plan says. A plan this small is more often a unit slip than a product.",
    fix: "Correct the plan in the source, or lower `rates.floor_mbps`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 80], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
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

/// One finding for each plan.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let rates = &stages.project.rates;
    let slow = stages.project.suspended.policy == SuspendedPolicy::Slow;
    let mut plans: BTreeMap<Pair<Option<Kbps>>, Vec<CircuitIx>> = BTreeMap::new();
    for (ix, circuit) in stages.shaped() {
        if slow && circuit.state == ServiceState::Suspended {
            continue;
        }
        let raised = raised(rates, circuit);
        if raised.down || raised.up {
            plans.entry(circuit.plan).or_default().push(ix);
        }
    }
    for (plan, circuits) in plans {
        let n = circuits.len();
        let first = stages.circuit(circuits[0]);
        let who = match n {
            1 => first.to_string(),
            n => format!("{}, first {first},", words::count(n, "circuit")),
        };
        let raised = raised(rates, &stages.inventory[circuits[0]]);
        let draft = Draft::new(
            format!(
                "{who} {} a plan of {}: {} is raised to the floor of {}",
                words::verb(n, "has", "have"),
                words::known_rates(plan),
                words::directions(raised),
                words::rate(rates.floor),
            ),
            "correct the plan in the source, or lower `rates.floor_mbps`",
        )
        .about_all(circuits.iter().map(|&c| stages.inventory[c].subject()));
        let labels = circuits.iter().map(|&c| {
            Label::new(
                stages.inventory[c].plan_place(raised.down),
                "below the floor",
            )
        });
        out.push(words::at_each(draft, labels));
    }
}

fn raised(rates: &Rates, circuit: &Circuit) -> Pair<bool> {
    let direction = |plan: Option<Kbps>, burst: Kbps, max: Kbps| {
        let peak = plan.unwrap_or_default() + burst;
        let asked = muldiv(peak, rates.overhead).max(muldiv(peak, rates.multiplier));
        // A burst volume may have lifted it over the floor without being in `burst`.
        asked < rates.floor && max == rates.floor
    };
    Pair::new(
        direction(circuit.plan.down, circuit.burst.down, circuit.max.down),
        direction(circuit.plan.up, circuit.burst.up, circuit.max.up),
    )
}
