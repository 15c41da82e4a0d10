//! ADR008: more prefixes, or more prefix lengths, than the classifier's table holds.

use crate::finding::{Draft, Level};
use crate::fit::{ADDRESSES as TABLE, Fit, LENGTHS};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "ADR008",
    name: "address-table-full",
    default: Level::Error,
    contained: false,
    what: "The network has more prefixes than 80 % of the classifier's 4,194,304 entries, or prefixes of more than 80 % of \
           the 16 different lengths it holds for IPv4 and for IPv6; above 100 % it is an error.",
    why: "Prefixes that do not fit would not be shaped, and whose they are would be a matter of luck. Every length costs each \
          packet one look into the table, down to the one that it matches.",
    fix: "Give circuits one routed prefix instead of many hosts, or shape the network on two boxes. Write prefixes of rare \
          lengths as several longer ones: a /23 is two /24.",
    bad: Example::told(
        "Circuits with 3,400,000 host addresses between them (a warning), or with 4,200,000 (an error). IPv4 prefixes of every \
         length from /18 to /32 (a warning), or from /15 to /32 (an error).",
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
    out.extend(prefixes(Fit::addresses(stages)));
    for (family, of) in ["IPv4", "IPv6"].into_iter().zip(Fit::lengths(stages)) {
        out.extend(lengths(family, &of));
    }
}

fn level(used: usize, room: usize) -> Option<Level> {
    match used {
        n if n > room => Some(Level::Error),
        n if n * 5 > room * 4 => Some(Level::Warning),
        _ => None,
    }
}

fn prefixes(used: usize) -> Option<Draft> {
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
        .level(level(used, TABLE)?),
    )
}

/// `of`: lengths, each with its number of prefixes.
fn lengths(family: &'static str, of: &[(u8, usize)]) -> Option<Draft> {
    let level = level(of.len(), LENGTHS)?;
    let mut rarest: Vec<(usize, u8)> = of.iter().map(|&(len, n)| (n, len)).collect();
    rarest.sort_unstable();
    let rarest: Vec<String> = rarest
        .iter()
        .take(3)
        .map(|(n, len)| format!("/{len} ({n})"))
        .collect();
    Some(
        Draft::new(
            format!(
                "{family} prefixes have {} different lengths, and the address table holds {LENGTHS}; the rarest are {}",
                of.len(),
                rarest.join(", "),
            ),
            "write prefixes of rare lengths as several longer ones: a /23 is two /24",
        )
        .about(Subject::new(SubjectKind::Setting, "target", "target"))
        .fact(family)
        .level(level),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_at_80_percent_and_fails_above_all() {
        let level = |used| prefixes(used).and_then(|d| d.level);
        assert_eq!(level(3_355_443), None);
        assert_eq!(level(3_355_444), Some(Level::Warning));
        assert_eq!(level(TABLE), Some(Level::Warning));
        assert_eq!(level(TABLE + 1), Some(Level::Error));
    }

    #[test]
    fn lengths_are_counted_by_family_and_the_rarest_named() {
        let of =
            |n: u8| -> Vec<(u8, usize)> { (0..n).map(|i| (32 - i, usize::from(i) + 2)).collect() };
        let level = |n| lengths("IPv4", &of(n)).and_then(|d| d.level);
        assert_eq!(level(12), None);
        assert_eq!(level(13), Some(Level::Warning));
        assert_eq!(level(16), Some(Level::Warning));
        assert_eq!(level(17), Some(Level::Error));
        let draft = lengths("IPv6", &of(17)).expect("a finding");
        assert_eq!(
            draft.message,
            "IPv6 prefixes have 17 different lengths, and the address table holds 16; the rarest are /32 (2), /31 (3), \
             /30 (4)"
        );
    }
}
