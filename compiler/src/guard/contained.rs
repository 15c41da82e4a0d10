//! Errors that need not hold up a whole network: a rule dealt with the record, nothing else is affected, and few
//! circuits are touched. `schedule.promote = "when-contained"` asks here; somebody who promotes by hand looks instead.
//!
//! It reads published files. It does not know why a rule counts as contained; the rule says that of itself.

use std::collections::BTreeSet;

use weir_schemas::findings::{Finding, Findings, Level, SubjectKind};
use weir_schemas::tree::{Tree, TreeNode};

use super::Trip;
use crate::config::project::Guard;

/// Fails a build for the circuits it loses. The guard counts the very same ones, with limits of its own.
pub const REMOVALS: &str = "CHG001";

/// Findings that fail a build at this level, but for the removals that the guard counts.
pub fn failing<'a>(
    findings: &'a Findings<'a>,
    fail_on: Level,
) -> impl Iterator<Item = &'a Finding<'a>> {
    findings.findings.iter().filter(move |f| {
        f.level >= fail_on && f.suppressed.is_none() && !f.known && f.code != REMOVALS
    })
}

/// What stands against promoting a build that fails at `fail_on`; `None`: everything that fails is contained and
/// touches at most `guard.max_contained` circuits, or 1 % of those shaped where that is more.
pub fn contained(
    guard: &Guard,
    findings: &Findings<'_>,
    fail_on: Level,
    tree: &Tree<'_>,
) -> Option<Trip> {
    let open: Vec<&Finding<'_>> = failing(findings, fail_on).collect();
    if let Some(global) = open.iter().find(|f| !f.contained) {
        return Some(Trip {
            setting: "lint.fail_on",
            message: format!(
                "a finding that is not contained fails the build: {} {}: {}",
                global.code, global.name, global.message
            ),
            help: format!(
                "{}. `weir explain {}` says more",
                global.help.trim_end_matches('.'),
                global.code
            ),
        });
    }
    let mut circuits = BTreeSet::new();
    let mut others = BTreeSet::new();
    for finding in &open {
        touched(finding, tree, &mut circuits, &mut others);
    }
    let touched = (circuits.len() + others.len()) as u64;
    let allowed = guard.max_contained.max(tree.circuits.len() as u64 / 100);
    (touched > allowed).then(|| Trip {
        setting: "guard.max_contained",
        message: format!(
            "contained errors touch {touched} circuits, and {allowed} may be touched: the first is {}: {}",
            open[0].code, open[0].message
        ),
        help: "`weir check` lists them; mend them in the source, or promote by hand after looking: a rule that is no \
               error here is set to \"warn\" in [lint.levels]"
            .to_owned(),
    })
}

/// Circuits that a finding touches. Whatever else it names counts as one: a record that was left out may have been a
/// circuit.
fn touched<'a>(
    finding: &'a Finding<'a>,
    tree: &'a Tree<'a>,
    circuits: &mut BTreeSet<&'a str>,
    others: &mut BTreeSet<(&'a str, &'a str)>,
) {
    let mut placed = false;
    for subject in &finding.subjects {
        match subject.kind {
            SubjectKind::Circuit => {
                placed = true;
                circuits.insert(subject.id.as_ref());
            }
            SubjectKind::Node => {
                if let Some(node) = tree.emitted.iter().find_map(|top| find(top, &subject.id)) {
                    placed = true;
                    below(node, circuits);
                }
            }
            _ => {}
        }
    }
    if placed {
        return;
    }
    for subject in &finding.subjects {
        others.insert((finding.code.as_ref(), subject.id.as_ref()));
    }
    if finding.subjects.is_empty() {
        others.insert((finding.code.as_ref(), finding.message.as_ref()));
    }
}

fn find<'a>(node: &'a TreeNode<'a>, id: &str) -> Option<&'a TreeNode<'a>> {
    if node.id == id {
        return Some(node);
    }
    node.children.iter().find_map(|child| find(child, id))
}

fn below<'a>(node: &'a TreeNode<'a>, circuits: &mut BTreeSet<&'a str>) {
    circuits.extend(node.circuits.iter().map(AsRef::as_ref));
    for child in &node.children {
        below(child, circuits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::tests::guard;
    use serde_json::json;

    fn tree(circuits: usize) -> Tree<'static> {
        let ids: Vec<String> = (0..circuits).map(|n| format!("c{n:04}")).collect();
        let each: serde_json::Map<String, serde_json::Value> = (ids.iter())
            .map(|id| {
                let circuit =
                    json!({"parent": "a", "max_kbps": [1, 1], "min_kbps": [1, 1], "devices": []});
                (id.clone(), circuit)
            })
            .collect();
        let node = |id: &str, circuits: &[String], children: serde_json::Value| {
            json!({"id": id, "name": id, "kind": "ap", "cap_kbps": [9, 9], "rate_kbps": [1, 1],
                   "htb_rate_kbps": [1, 1], "cpu": 0, "circuits": circuits, "children": children})
        };
        let ap = node("ap", &ids[..circuits / 2], json!([]));
        let site = node("site", &ids[circuits / 2..], json!([ap]));
        let tree = json!({"schema": "weir.tree/1", "strategy": "full", "emitted": [site],
                          "buckets": {}, "circuits": each, "omitted": {}});
        serde_json::from_value(tree).expect("a tree")
    }

    /// Code, contained or not, and what it names.
    type Found<'a> = (&'a str, bool, &'a [(&'a str, &'a str)]);

    fn findings(found: &[Found<'_>]) -> Findings<'static> {
        let found: Vec<serde_json::Value> = (found.iter())
            .map(|(code, contained, subjects)| {
                let subjects: Vec<serde_json::Value> = (subjects.iter())
                    .map(|(kind, id)| json!({"kind": kind, "id": id, "name": id}))
                    .collect();
                json!({"code": code, "name": "n", "level": "error", "contained": contained, "message": code,
                       "subjects": subjects, "locations": [], "help": "do it"})
            })
            .collect();
        serde_json::from_value(json!({"schema": "weir.findings/1", "findings": found}))
            .expect("findings")
    }

    fn setting(found: &Findings<'_>, circuits: usize) -> Option<&'static str> {
        contained(&guard(), found, Level::Error, &tree(circuits)).map(|t| t.setting)
    }

    #[test]
    fn one_duplicate_address_does_not_freeze_a_network() {
        let found = findings(&[(
            "ADR001",
            true,
            &[("circuit", "c0001"), ("circuit", "c0002")],
        )]);
        assert_eq!(setting(&found, 100), None);
        assert_eq!(setting(&findings(&[]), 100), None);
    }

    #[test]
    fn what_is_not_contained_stands_against_it_and_removals_are_the_guards() {
        let global = findings(&[("SRC001", false, &[("source", "crm")])]);
        assert_eq!(setting(&global, 100), Some("lint.fail_on"));
        let removals = findings(&[("CHG001", false, &[("circuit", "gone")])]);
        assert_eq!(setting(&removals, 100), None);
    }

    /// 20, or 1 % where that is more; at the threshold it passes.
    #[test]
    fn the_threshold_is_exact_and_circuits_count_once() {
        let ids: Vec<String> = (0..31).map(|n| format!("c{n:04}")).collect();
        for (touched, shaped, want) in [
            (20, 100, None),
            (21, 100, Some("guard.max_contained")),
            (30, 3000, None),
            (31, 3000, Some("guard.max_contained")),
        ] {
            let subjects: Vec<(&str, &str)> = ids[..touched]
                .iter()
                .map(|id| ("circuit", id.as_str()))
                .collect();
            let found = findings(&[("ADR001", true, &subjects), ("RAT003", true, &subjects)]);
            assert_eq!(setting(&found, shaped), want, "{touched} of {shaped}");
        }
    }

    #[test]
    fn a_node_counts_with_what_hangs_below_it_and_anything_else_as_one() {
        let ap = findings(&[("TOP001", true, &[("node", "ap")])]);
        assert_eq!(setting(&ap, 40), None);
        assert_eq!(setting(&ap, 42), Some("guard.max_contained"));
        let site = findings(&[("TOP001", true, &[("node", "site")])]);
        assert_eq!(setting(&site, 21), Some("guard.max_contained"));
        let devices: Vec<String> = (0..21).map(|n| format!("d{n}")).collect();
        let subjects: Vec<(&str, &str)> =
            devices.iter().map(|id| ("device", id.as_str())).collect();
        assert_eq!(
            setting(&findings(&[("IDN002", true, &subjects[..19])]), 100),
            None
        );
        assert_eq!(
            setting(&findings(&[("IDN002", true, &subjects)]), 100),
            Some("guard.max_contained")
        );
    }

    #[test]
    fn suppressed_and_known_findings_fail_nothing() {
        let mut found = findings(&[("SRC001", false, &[]), ("SRC001", false, &[])]);
        found.findings[0].known = true;
        found.findings[1].suppressed = Some(weir_schemas::findings::Suppressed {
            reason: "seen".into(),
            expires: None,
        });
        assert_eq!(setting(&found, 100), None);
    }
}
