//! POL002: suspended subscribers who get more than before.

use crate::config::project::SuspendedPolicy;
use crate::finding::{Draft, Level};
use crate::ir::inventory::{Circuit, OmitReason};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::rules::suspended_at_full_rate::draft;
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "POL002",
    name: "suspended-unshaped",
    default: Level::Warning,
    contained: true,
    what: "`suspended.policy = \"drop\"` leaves suspended circuits out of the result.",
    why: "Addresses that the shaper does not know pass unshaped: whoever is suspended gets full speed, unless something else blocks them.",
    fix: "Set `suspended.policy = \"slow\"`; allow the rule if suspended subscribers are blocked elsewhere.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "state": "suspended", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[suspended]\npolicy = \"drop\"\n",
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

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    if stages.project.suspended.policy != SuspendedPolicy::Drop {
        return;
    }
    let dropped: Vec<&Circuit> = stages
        .inventory
        .circuits
        .iter()
        .filter(|c| c.omitted == Some(OmitReason::Suspended))
        .collect();
    out.extend(draft(
        stages,
        &dropped,
        |who, n| {
            format!(
                "{who} {} suspended and left out: {} traffic passes unshaped, at full speed",
                words::verb(n, "is", "are"),
                words::verb(n, "its", "their"),
            )
        },
        "set `suspended.policy = \"slow\"`, or allow the rule if suspended subscribers are blocked elsewhere",
    ));
}
