//! CHG003: rates that changed more than tariffs do.

use crate::finding::{Draft, Label, Level};
use crate::id::CircuitIx;
use crate::lint::rule::{Example, Files, Rule, Stages};
use crate::lint::rules::circuits_removed::guard_setting;
use crate::lint::words;
use crate::units::{Kbps, Pair};

pub static RULE: Rule = Rule {
    code: "CHG003",
    name: "rates-jump",
    default: Level::Warning,
    contained: false,
    what: "A circuit's ceiling is four times what it was in the artifact before, or a quarter of it; or all ceilings together changed by more than 20 %.",
    why: "Tariffs change by steps. A jump is mostly a unit that slipped, a catalogue that was read wrongly or a factor that was mistyped, and it hits everybody at once.",
    fix: "Compare the plan of a circuit named with what it was sold. If the tariffs did change, go on. `lint.options.rates_jump_times` and `rates_jump_percent` say what is a jump.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [500000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    )
    .after(BEFORE),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [120000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    )
    .after(BEFORE),
    check,
};

const BEFORE: Files = &[(
    "inventory.json",
    r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
)];

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let Some(before) = stages.previous.and_then(|p| p.tree.as_ref()) else {
        return;
    };
    let options = &stages.project.lint.options;
    let times = options.rates_jump_times;
    let mut jumped: Vec<(CircuitIx, Pair<Kbps>, Pair<Kbps>)> = Vec::new();
    // Only of circuits in both: those that came and went are told by others.
    let (mut sum_was, mut sum_is) = (Pair::ZERO, Pair::ZERO);
    let mut old = before.circuits_in_order();
    for (ix, placed) in stages.tree.placed() {
        let Some(was) = old.get(&stages.inventory[ix].id) else {
            continue;
        };
        sum_was += was.max;
        sum_is += placed.max;
        let jump = was.max.zip(placed.max, |was, is| {
            let (less, more) = (was.min(is), was.max(is));
            less.0 > 0 && more.0 >= less.0.saturating_mul(times)
        });
        if jump.down || jump.up {
            jumped.push((ix, was.max, placed.max));
        }
    }
    if let Some(&(first, was, is)) = jumped.first() {
        let n = jumped.len();
        let message = match n {
            1 => format!(
                "{} had {} and has {} now",
                stages.circuit(first),
                words::rates(was),
                words::rates(is)
            ),
            _ => format!(
                "{} have {times} times the rate they had, or {}: first {} with {}, now {}",
                words::count(n, "circuit"),
                match times {
                    4 => "less than a quarter".to_owned(),
                    n => format!("less than 1/{n} of it"),
                },
                stages.circuit(first),
                words::rates(was),
                words::rates(is)
            ),
        };
        let draft = Draft::new(
            message,
            "compare the plan with what was sold: a factor of 1000 or 1024 is a unit that slipped",
        )
        .about_all(
            jumped
                .iter()
                .map(|(ix, ..)| stages.inventory[*ix].subject()),
        );
        let labels = jumped.iter().map(|(ix, was, _)| {
            let circuit = &stages.inventory[*ix];
            let down = was.down
                != stages.tree.circuits[ix.ix()]
                    .as_ref()
                    .map_or(was.down, |p| p.max.down);
            Label::new(
                circuit.plan_place(down),
                format!("was {}", words::rates(*was)),
            )
        });
        out.push(words::at_each(draft, labels));
    }
    let changed = sum_was.zip(sum_is, |was, is| {
        was.0.abs_diff(is.0).saturating_mul(100) > was.0.saturating_mul(options.rates_jump_percent)
    });
    if changed.down || changed.up {
        let percent = |was: Kbps, is: Kbps| {
            let sign = if is < was { "-" } else { "+" };
            let by = u128::from(was.0.abs_diff(is.0)) * 100 / u128::from(was.0.max(1));
            format!("{sign}{by} %")
        };
        out.push(
            Draft::new(
                format!(
                    "all ceilings together were {} and are {} now ({} download, {} upload), for the same circuits",
                    words::rates(sum_was),
                    words::rates(sum_is),
                    percent(sum_was.down, sum_is.down),
                    percent(sum_was.up, sum_is.up),
                ),
                "if no tariffs changed, look at `[rates]`, at the capacities of the network and at the units of the source",
            )
            .about(guard_setting("rates")),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::compile_example;

    #[test]
    fn the_circuit_and_the_sum_are_told_with_their_numbers() {
        let found = compile_example(&RULE.bad).findings;
        let told: Vec<&str> = found
            .iter()
            .filter(|f| f.rule.code == "CHG003")
            .map(|f| f.message.as_str())
            .collect();
        assert_eq!(
            told,
            [
                "circuit \"Al Roe\" (c2) had 50/10 Mbit/s and has 500/10 Mbit/s now",
                "all ceilings together were 150/30 Mbit/s and are 600/30 Mbit/s now (+300 % download, +0 % upload), for the same circuits",
            ]
        );
    }
}
