//! ADR008: more prefixes than the classifier's table holds.

use crate::finding::{Draft, Level};
use crate::fit::{ADDRESSES as TABLE, Fit};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "ADR008",
    name: "address-table-full",
    default: Level::Error,
    contained: false,
    what: "The network has more prefixes than 80 % of the classifier's 1,048,576 entries; above 100 % it is an error.",
    why: "Prefixes that do not fit would not be shaped, and whose they are would be a matter of luck.",
    fix: "Give circuits one routed prefix instead of many hosts, or shape the network on two boxes.",
    bad: Example::told(
        "Circuits with 900,000 host addresses between them (a warning), or with 1,100,000 (an error).",
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
    out.extend(draft(Fit::addresses(stages)));
}

fn draft(used: usize) -> Option<Draft> {
    let level = match used {
        n if n > TABLE => Level::Error,
        n if n > TABLE / 5 * 4 => Level::Warning,
        _ => return None,
    };
    Some(
        Draft::new(
            format!(
                "{} use {} of the {} entries of the address table",
                words::count(used, "prefix"),
                words::percent(used, TABLE),
                words::number(TABLE),
            ),
            "give circuits one routed prefix instead of many hosts, or shape the network on two boxes",
        )
        .about(Subject::new(SubjectKind::Setting, "target", "target"))
        .level(level),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_at_80_percent_and_fails_above_all() {
        let level = |used| draft(used).and_then(|d| d.level);
        assert_eq!(level(838_860), None);
        assert_eq!(level(838_861), Some(Level::Warning));
        assert_eq!(level(TABLE), Some(Level::Warning));
        assert_eq!(level(TABLE + 1), Some(Level::Error));
    }
}
