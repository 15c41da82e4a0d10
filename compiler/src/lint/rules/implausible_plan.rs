//! RAT002: plans in the wrong unit.

use std::collections::BTreeMap;

use crate::finding::{Draft, Label, Level};
use crate::id::CircuitIx;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::{Kbps, Pair};

/// From kbit/s to Mbit/s, and from bit/s to kbit/s.
const SLIP: u64 = 1000;

pub static RULE: Rule = Rule {
    code: "RAT002",
    name: "implausible-plan",
    default: Level::Warning,
    contained: true,
    what: "A plan is below 64 kbit/s, above 100 Gbit/s, or a thousand times more or less than a plan that more circuits have.",
    why: "It is probably in the wrong unit: the subscriber gets a thousandth of the plan, or no limit to speak of.",
    fix: "Correct the plan in the source; mind kbit/s, Mbit/s and bit/s. `lint.options.implausible_plan_least_mbps` and `implausible_plan_most_mbps` say what is sold here.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "name": "Bo Lee", "plan_kbps": [100, 20], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "name": "Bo Lee", "plan_kbps": [1000000, 200000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#,
        )],
        "[topology]\nwan_mbps = [2000, 2000]\n",
    ),
    check,
};

/// One finding for each plan: a plan in the wrong unit is wrong for everybody who has it.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut plans: BTreeMap<Pair<Kbps>, Vec<CircuitIx>> = BTreeMap::new();
    for (ix, circuit) in stages.shaped() {
        if let Pair {
            down: Some(down),
            up: Some(up),
        } = circuit.source_plan
        {
            plans.entry(Pair::new(down, up)).or_default().push(ix);
        }
    }
    let options = &stages.project.lint.options;
    let (least, most) = (
        options.implausible_plan_least,
        options.implausible_plan_most,
    );
    for (&plan, circuits) in &plans {
        let n = circuits.len();
        let why = if plan.down < least || plan.up < least {
            format!("less than {}", words::rate(least))
        } else if plan.down > most || plan.up > most {
            format!("more than {}", words::rate(most))
        } else if let Some((usual, others)) = usual(plan, n, &plans) {
            format!(
                "a factor of 1000 off the {} of {}",
                words::rates(usual),
                words::count(others, "circuit")
            )
        } else {
            continue;
        };
        let first = stages.circuit(circuits[0]);
        let who = match n {
            1 => first.to_string(),
            n => format!("{}, first {first},", words::count(n, "circuit")),
        };
        let draft = Draft::new(
            format!(
                "{who} {} a plan of {}, {why}",
                words::verb(n, "has", "have"),
                words::rates(plan)
            ),
            "check the unit of the plan in the source: kbit/s, Mbit/s and bit/s differ by 1000",
        )
        .about_all(circuits.iter().map(|&c| stages.inventory[c].subject()));
        let labels = circuits
            .iter()
            .map(|&c| Label::new(stages.inventory[c].plan_place(true), why.clone()));
        out.push(words::at_each(draft, labels));
    }
}

/// The plan this one would be with one or both directions a thousand times more or less, when more circuits
/// have that one.
fn usual(
    plan: Pair<Kbps>,
    n: usize,
    plans: &BTreeMap<Pair<Kbps>, Vec<CircuitIx>>,
) -> Option<(Pair<Kbps>, usize)> {
    let variants = |k: Kbps| {
        [
            Some(k),
            k.0.checked_mul(SLIP).map(Kbps),
            k.0.is_multiple_of(SLIP).then_some(Kbps(k.0 / SLIP)),
        ]
    };
    let mut best = None;
    for down in variants(plan.down).into_iter().flatten() {
        for up in variants(plan.up).into_iter().flatten() {
            let other = Pair::new(down, up);
            let others = plans.get(&other).map_or(0, Vec::len);
            if other != plan && others > n && best.is_none_or(|(_, most)| others > most) {
                best = Some((other, others));
            }
        }
    }
    best
}
