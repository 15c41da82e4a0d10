//! RAT001: circuits without a plan.

use crate::finding::{Draft, Label, Level};
use crate::ir::inventory::{Circuit, OmitReason};
use crate::ir::records::Place;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::Pair;

pub static RULE: Rule = Rule {
    code: "RAT001",
    name: "missing-plan",
    default: Level::Error,
    contained: true,
    what: "A circuit has no plan, or a plan of zero, in download or upload. With `rates.default_plan_mbps` it is a warning.",
    why: "A missing plan never means \"unlimited\" on purpose: the circuit is left out, and its traffic passes unshaped.",
    fix: "Set the plan in the source, or give such circuits a plan with `rates.default_plan_mbps`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 0], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
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

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut filled: Vec<&Circuit> = Vec::new();
    for circuit in &stages.inventory.circuits {
        let missing = missing(circuit);
        if !missing.down && !missing.up {
            continue;
        }
        match circuit.omitted {
            Some(OmitReason::NoPlan) => out.push(omitted(stages, circuit, missing)),
            Some(OmitReason::Suspended | OmitReason::Excluded) => {}
            Some(OmitReason::NoAddress) | None => filled.push(circuit),
        }
    }
    if let Some(default) = stages.project.rates.default_plan
        && let Some(first) = filled.first()
    {
        let n = filled.len();
        let subject = stages.subject(&first.subject());
        let who = match n {
            1 => subject,
            n => format!("{}, first {subject},", words::count(n, "circuit")),
        };
        let draft = Draft::new(
            format!(
                "{who} {} no complete plan: `rates.default_plan_mbps` gives {} for what is missing",
                words::verb(n, "has", "have"),
                words::rates(default)
            ),
            "set the plan in the source",
        )
        .about_all(filled.iter().map(|c| c.subject()))
        .level(Level::Warning);
        let labels = filled
            .iter()
            .map(|c| Label::new(place(c, missing(c)), "no plan here"));
        out.push(words::at_each(draft, labels));
    }
}

fn omitted(stages: &Stages<'_>, circuit: &Circuit, missing: Pair<bool>) -> Draft {
    let subject = circuit.subject();
    let which = match (missing.down, missing.up) {
        (true, true) => "plan",
        (true, false) => "download plan",
        _ => "upload plan",
    };
    Draft::new(
        format!(
            "{} has no {which}: it is omitted and its traffic passes unshaped",
            stages.subject(&subject)
        ),
        "set the plan in the source, or give every circuit without one a plan with `rates.default_plan_mbps = [download, upload]`",
    )
    .about(subject)
    .at(place(circuit, missing), format!("no {which}"))
}

fn missing(circuit: &Circuit) -> Pair<bool> {
    circuit.source_plan.map(|plan| plan.is_none())
}

fn place(circuit: &Circuit, missing: Pair<bool>) -> Place {
    circuit.plan_place(missing.down)
}
