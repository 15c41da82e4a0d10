//! CHG001: more subscribers disappear than a normal day explains.

use std::collections::BTreeMap;

use crate::finding::{Draft, Level};
use crate::ir::previous::PreviousTree;
use crate::ir::records::{NodeKind, Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

/// Sites that a message names with their numbers.
const SITES: usize = 3;

pub static RULE: Rule = Rule {
    code: "CHG001",
    name: "circuits-removed",
    default: Level::Error,
    contained: false,
    what: "More circuits disappear, against the artifact before, than `[guard]` allows, or fewer are left than `guard.min_circuits`.",
    why: "A CRM that answers half of a question looks like cancelled subscribers. Whoever is not in the artifact is not shaped: all of them get full speed at once, and the network is full.",
    fix: "Look whether the sites named have really lost their subscribers. If the export is short, record it again; if not, promote with the exact number, or raise `guard.max_removed`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[guard]\nmax_removed = 1\n",
    )
    .after(BEFORE),
    good: Example::inventory(BEFORE, "[guard]\nmax_removed = 1\n").after(BEFORE),
    check,
};

const BEFORE: crate::lint::rule::Files = &[(
    "inventory.json",
    r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "hill", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "name": "Bo Lee", "attach": "hill", "plan_kbps": [50000, 10000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#,
)];

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let Some(previous) = stages.previous else {
        return;
    };
    let guard = &stages.project.guard;
    let now = stages.shaped().count();
    if (now as u64) < guard.min_circuits {
        out.push(
            Draft::new(
                format!(
                    "only {} would be shaped, and `guard.min_circuits` asks for {}",
                    words::count(now, "circuit"),
                    words::number(guard.min_circuits as usize)
                ),
                "record the export again; if this is right, lower `guard.min_circuits`",
            )
            .about(guard_setting("guard.min_circuits"))
            .at(stages.project.place("guard.min_circuits"), "asked for here"),
        );
    }
    let Some(before) = &previous.tree else {
        return;
    };
    let mut removed: Vec<Subject> = Vec::new();
    let mut at_site: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    let mut inventory = stages.circuits_in_order();
    for (id, circuit) in &before.circuits {
        let site = circuit
            .node
            .as_deref()
            .map_or(("", "no site"), |node| site(before, node));
        let counts = at_site.entry(site).or_default();
        counts.1 += 1;
        let found = inventory.get(id);
        if found.is_some_and(|ix| stages.inventory[ix].omitted.is_none()) {
            continue;
        }
        counts.0 += 1;
        removed.push(Subject::new(SubjectKind::Circuit, id, &circuit.name));
    }
    let percent = u64::from(guard.max_removed_percent) * before.circuits.len() as u64 / 100;
    let most = guard.max_removed.max(percent);
    if removed.len() as u64 <= most {
        return;
    }
    let omitted = removed
        .iter()
        .filter(|s| stages.inventory.circuit_by_id(&s.id).is_some())
        .count();
    let mut sites: Vec<_> = at_site.into_iter().filter(|(_, (n, _))| *n > 0).collect();
    sites.sort_by_key(|((id, _), (n, _))| (std::cmp::Reverse(*n), *id));
    let more = sites.len().saturating_sub(SITES);
    let mut named: Vec<String> = sites
        .iter()
        .take(SITES)
        .map(|((id, name), (n, of))| {
            let site = match *id {
                "" => "without a site".to_owned(),
                id => format!("below {}", words::quoted(id, name)),
            };
            format!("{} of {} {site}", words::number(*n), words::number(*of))
        })
        .collect();
    if more > 0 {
        named.push(format!("the rest at {}", words::count(more, "other site")));
    }
    let still = match omitted {
        0 => String::new(),
        n => format!(
            "; {} still in the source and no longer shaped",
            words::number(n)
        ),
    };
    let n = removed.len();
    out.push(
        Draft::new(
            format!(
                "{} of {} circuits of artifact {} are not shaped any more, and `[guard]` allows {}: {}{still}",
                words::number(n),
                words::number(before.circuits.len()),
                &previous.digest.get(..12).unwrap_or(&previous.digest),
                words::number(most as usize),
                named.join(", "),
            ),
            format!(
                "if subscribers really left, promote with `--accept removals={n}`; if not, the export is short: record it again"
            ),
        )
        .about(guard_setting("guard.max_removed"))
        .about_all(removed)
        .at(stages.project.place("guard.max_removed"), "allowed here"),
    );
}

pub(super) fn guard_setting(key: &str) -> Subject {
    Subject::new(SubjectKind::Setting, key, key)
}

/// Id and name of the nearest site at or above a node of the previous tree; else of its top-level node.
fn site<'t>(before: &'t PreviousTree, node: &'t str) -> (&'t str, &'t str) {
    let mut at = node;
    // No path is longer than the tree.
    for _ in 0..before.nodes.len() {
        let Some((id, here)) = before.nodes.get_key_value(at) else {
            break;
        };
        match &here.parent {
            Some(parent) if here.kind != NodeKind::Site => at = parent,
            _ => return (id, &here.name),
        }
    }
    (at, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::compile_example;

    #[test]
    fn the_exact_numbers_are_told_by_site() {
        let found = compile_example(&RULE.bad).findings;
        let finding = found
            .iter()
            .find(|f| f.rule.code == "CHG001")
            .expect("it is found");
        assert!(
            finding.message.starts_with("2 of 3 circuits of artifact "),
            "{}",
            finding.message
        );
        assert!(
            finding
                .message
                .ends_with("allows 1: 2 of 3 below \"Hill\" (hill)"),
            "{}",
            finding.message
        );
        assert!(finding.help.contains("removals=2"), "{}", finding.help);
        // The setting, and both circuits with the names they had.
        assert_eq!(finding.subjects.len(), 3);
        assert_eq!(&*finding.subjects[1].name, "Al Roe");
    }

    #[test]
    fn without_a_previous_artifact_nothing_is_compared() {
        let alone = Example {
            before: &[],
            ..RULE.bad
        };
        assert!(
            compile_example(&alone)
                .findings
                .iter()
                .all(|f| f.rule.code != "CHG001")
        );
    }
}
