//! POL001: suspended subscribers that notice nothing.

use crate::config::project::SuspendedPolicy;
use crate::finding::{Draft, Label, Level};
use crate::ir::inventory::Circuit;
use crate::ir::records::ServiceState;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "POL001",
    name: "suspended-at-full-rate",
    default: Level::Warning,
    contained: true,
    what: "Circuits are suspended in the source, and `suspended.policy = \"keep\"` gives them their plan.",
    why: "Subscribers who do not pay get the same service as those who do, unless something else in the network holds them back.",
    fix: "Set `suspended.policy = \"slow\"`; allow the rule if suspension is done elsewhere.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "state": "suspended", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "state": "suspended", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[suspended]\npolicy = \"slow\"\n",
    ),
    check,
};

/// One finding for all of them: the policy is one decision.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    if stages.project.suspended.policy != SuspendedPolicy::Keep {
        return;
    }
    let suspended: Vec<&Circuit> = stages
        .shaped()
        .map(|(_, c)| c)
        .filter(|c| c.state == ServiceState::Suspended)
        .collect();
    out.extend(draft(
        stages,
        &suspended,
        |who, n| {
            format!(
                "{who} {} suspended and {} full rate",
                words::verb(n, "is", "are"),
                words::verb(n, "keeps its", "keep their"),
            )
        },
        "set `suspended.policy = \"slow\"`, or allow the rule if suspension is done elsewhere",
    ));
}

/// What POL001 and POL002 say, each in its own words.
pub(super) fn draft(
    stages: &Stages<'_>,
    circuits: &[&Circuit],
    message: impl Fn(String, usize) -> String,
    help: &str,
) -> Option<Draft> {
    let first = stages.subject(&circuits.first()?.subject());
    let n = circuits.len();
    let who = match n {
        1 => first,
        n => format!("{}, first {first},", words::count(n, "circuit")),
    };
    let draft = Draft::new(message(who, n), help)
        .about_all(circuits.iter().map(|c| c.subject()))
        .at(stages.project.place("suspended.policy"), "the policy");
    let labels = circuits
        .iter()
        .map(|c| Label::new(c.origin.whole(), "suspended"));
    Some(words::at_each(draft, labels))
}
