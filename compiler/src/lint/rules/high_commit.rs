//! RAT005: guarantees so high that limits mean nothing.

use crate::config::project::Project;
use crate::finding::{Draft, Label, Level};
use crate::ir::inventory::Circuit;
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::{Kbps, PerMille};

/// Half of the plan.
const HALF: PerMille = PerMille(500);

pub static RULE: Rule = Rule {
    code: "RAT005",
    name: "high-commit",
    default: Level::Warning,
    contained: false,
    what: "`rates.commit` is 0.5 or more, or more than half of the circuits state a guarantee of at least half their plan.",
    why: "The shaper serves guarantees before it looks at the limits of towers: with guarantees near the plans, a busy sector is no longer shared fairly.",
    fix: "Guarantee a tenth of the plan: `rates.commit = 0.1`, and no minimum rates in the source.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[rates]\ncommit = 0.98\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[rates]\ncommit = 0.1\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    out.extend(setting(stages.project));
    let mut shaped = 0;
    let mut high: Vec<&Circuit> = Vec::new();
    for (_, circuit) in stages.shaped() {
        shaped += 1;
        if is_high(circuit) {
            high.push(circuit);
        }
    }
    if high.len() * 2 <= shaped {
        return;
    }
    let first = high[0];
    let draft = Draft::new(
        format!(
            "{} of {} {} a guarantee of half the plan or more, such as {} with {} of {}",
            words::number(high.len()),
            words::count(shaped, "circuit"),
            words::verb(high.len(), "states", "state"),
            stages.subject(&first.subject()),
            words::rates(first.commit),
            words::known_rates(first.source_plan),
        ),
        "take the minimum rates out of the source and set `rates.commit = 0.1` instead",
    )
    .about_all(high.iter().map(|c| c.subject()));
    let labels = high.iter().map(|c| {
        Label::new(
            c.origin.whole(),
            format!("guaranteed {}", words::rates(c.commit)),
        )
    });
    out.push(words::at_each(draft, labels));
}

fn setting(project: &Project) -> Option<Draft> {
    let commit = project.rates.commit;
    (commit >= HALF).then(|| {
        // Thousandths print as the decimals of a rate do.
        let factor = Kbps(u64::from(commit.0)).mbps();
        Draft::new(
            format!("`rates.commit` guarantees {factor} of every plan: limits of towers and sites mean little"),
            "guarantee a tenth instead: `rates.commit = 0.1`",
        )
        .about(Subject::new(SubjectKind::Setting, "rates.commit", "rates.commit"))
        .at(project.place("rates.commit"), "half of the plan or more")
    })
}

fn is_high(circuit: &Circuit) -> bool {
    let high = |commit: Kbps, plan: Option<Kbps>| {
        commit.0 > 0 && plan.is_some_and(|plan| commit.0.saturating_mul(2) >= plan.0)
    };
    high(circuit.commit.down, circuit.source_plan.down)
        || high(circuit.commit.up, circuit.source_plan.up)
}
