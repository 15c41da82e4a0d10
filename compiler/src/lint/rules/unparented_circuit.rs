//! TOP001: circuits without a parent.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::finding::{Draft, Label, Level};
use crate::id::CircuitIx;
use crate::ir::inventory::UnknownParent;
use crate::ir::records::SubjectKind;
use crate::ir::tree::{Parent, Strategy, bucket_name};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

/// From here on a source in which nobody has a parent is one finding.
const PATTERN: usize = 4;

pub static RULE: Rule = Rule {
    code: "TOP001",
    name: "unparented-circuit",
    default: Level::Warning,
    contained: true,
    what: "A circuit names no parent, or one that no node has. An error when it is more than 1 % of the circuits.",
    why: "The circuit hangs in a generated node: its own plan holds, but the limits of its AP, site and backhaul do not count it.",
    fix: "Set the AP or site of the service in the source; not under `flat`, which has no nodes.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hil", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    if stages.tree.strategy == Strategy::Flat {
        return;
    }
    let mut placed = 0usize;
    let mut lost: Vec<(CircuitIx, Parent)> = Vec::new();
    for (ix, circuit) in stages.tree.placed() {
        placed += 1;
        if stages.inventory[ix].attach.is_none() {
            lost.push((ix, circuit.parent));
        }
    }
    if lost.is_empty() {
        return;
    }
    let level = match lost.len() * 100 > placed {
        true => Level::Error,
        false => Level::Warning,
    };
    let mut named: FxHashMap<&str, &UnknownParent> = FxHashMap::default();
    for unknown in &stages.inventory.evidence.unknown_parents {
        if unknown.subject.kind == SubjectKind::Circuit {
            named.entry(&unknown.subject.id).or_insert(unknown);
        }
    }
    let mut unknown: BTreeMap<&str, Vec<(CircuitIx, Parent, &UnknownParent)>> = BTreeMap::new();
    let mut silent: Vec<(CircuitIx, Parent)> = Vec::new();
    for (ix, parent) in lost {
        match named.get(&*stages.inventory[ix].id) {
            Some(one) => unknown
                .entry(&one.wanted.text)
                .or_default()
                .push((ix, parent, one)),
            None => silent.push((ix, parent)),
        }
    }
    if stages.inventory.nodes.is_empty() && unknown.len() > 1 {
        out.push(no_nodes(stages, &unknown).level(level));
        unknown.clear();
    }
    for (wanted, circuits) in unknown {
        out.push(unknown_parent(stages, wanted, &circuits).level(level));
    }
    if silent.len() == placed && placed >= PATTERN {
        out.push(nobody(stages, &silent).level(level));
        return;
    }
    let share = format!(
        "{} of {}",
        words::percent(silent.len(), placed),
        words::count(placed, "circuit")
    );
    for (ix, parent) in silent {
        let circuit = &stages.inventory[ix];
        out.push(
            Draft::new(
                format!(
                    "{} names no parent: it hangs in {}, and no AP or site limit counts it",
                    stages.circuit(ix),
                    holder(stages, parent),
                ),
                format!("set the AP or site of the service in the source ({share} have none)"),
            )
            .about(circuit.subject())
            .at(circuit.origin.whole(), "no parent")
            .level(level),
        );
    }
}

/// One finding for each name that no node has.
fn unknown_parent(
    stages: &Stages<'_>,
    wanted: &str,
    circuits: &[(CircuitIx, Parent, &UnknownParent)],
) -> Draft {
    let n = circuits.len();
    let (_, parent, first) = circuits[0];
    let hang = match n {
        1 => format!("it hangs in {}", holder(stages, parent)),
        _ => "they hang in generated nodes".to_owned(),
    };
    let several = first
        .nearest
        .as_ref()
        .is_some_and(|near| *near.name == *wanted && *near.id != *wanted);
    let (why, help) = match &first.nearest {
        Some(near) if several => (
            "which several nodes are called",
            format!("name the parent by its id, such as \"{}\"", near.id),
        ),
        Some(near) => (
            "which no node has",
            format!(
                "did you mean {}? Correct the parent in the source",
                stages.subject(near)
            ),
        ),
        None => (
            "which no node has",
            "correct the parent in the source, or fetch again if the node is missing from the export"
                .to_owned(),
        ),
    };
    let draft = Draft::new(
        format!(
            "{} {} parent \"{}\", {why}: {hang}, and no AP or site limit counts {}",
            stages.circuits(circuits.iter().map(|(ix, ..)| *ix)),
            words::verb(n, "names", "name"),
            words::short(wanted),
            words::verb(n, "it", "them"),
        ),
        help,
    )
    .about_all(
        circuits
            .iter()
            .map(|(ix, ..)| stages.inventory[*ix].subject()),
    );
    let labels = circuits
        .iter()
        .map(|(_, _, unknown)| Label::new(unknown.place.clone(), "no such node"));
    words::at_each(draft, labels)
}

/// Subscribers that name parents while no source describes a node: one fact, not one for each name.
fn no_nodes(
    stages: &Stages<'_>,
    unknown: &BTreeMap<&str, Vec<(CircuitIx, Parent, &UnknownParent)>>,
) -> Draft {
    let circuits = || unknown.values().flatten();
    let draft = Draft::new(
        format!(
            "{} name {}, but no source describes a node: all hang in generated nodes, and no AP or site limit counts \
             them",
            words::count(circuits().count(), "circuit"),
            words::count(unknown.len(), "parent"),
        ),
        "describe the nodes by these names in another source (kind = \"inventory\", \"libreqos\" or \"table\"), or say \
         that there is none with `topology.strategy = \"flat\"`",
    )
    .about_all(circuits().map(|(ix, ..)| stages.inventory[*ix].subject()));
    let labels =
        circuits().map(|(_, _, unknown)| Label::new(unknown.place.clone(), "no such node"));
    words::at_each(draft, labels)
}

/// A source without parents is one fact, not one for each subscriber.
fn nobody(stages: &Stages<'_>, circuits: &[(CircuitIx, Parent)]) -> Draft {
    let draft = Draft::new(
        format!(
            "none of {} names a parent: all hang in generated nodes, and no AP or site limit counts them",
            words::count(circuits.len(), "circuit")
        ),
        "record the AP or site of each service, or say that there is none with `topology.strategy = \"flat\"`",
    )
    .about_all(circuits.iter().map(|(ix, _)| stages.inventory[*ix].subject()));
    let labels = circuits
        .iter()
        .map(|(ix, _)| Label::new(stages.inventory[*ix].origin.whole(), "no parent"));
    words::at_each(draft, labels)
}

fn holder(stages: &Stages<'_>, parent: Parent) -> String {
    match parent {
        Parent::Bucket(bucket) => bucket_name(bucket),
        Parent::Node(tree) => stages.node(stages.tree[tree].node),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::records::NodeKind;
    use crate::lint::testing::Fixture;

    fn network(circuits: usize) -> Fixture {
        let mut net = Fixture::new();
        let hill = net.node("hill", NodeKind::Site, None, 100, 100);
        for i in 1..circuits {
            net.circuit(&format!("c{i:03}"), Some(hill), 100, 20, &[]);
        }
        net.circuit("lost", None, 100, 20, &[]);
        net.place_all();
        net
    }

    #[test]
    fn one_per_cent_is_a_warning_and_more_is_an_error() {
        for (circuits, level) in [
            (200, Level::Warning),
            (100, Level::Warning),
            (99, Level::Error),
        ] {
            let drafts = network(circuits).run(&RULE);
            assert_eq!(drafts.len(), 1, "{circuits}");
            assert_eq!(drafts[0].level, Some(level), "{circuits}");
        }
    }

    /// A name that no node has is not "none".
    #[test]
    fn the_share_of_those_that_name_none_counts_only_them() {
        let compiled = crate::testing::compile_example(&Example::inventory(
            &[(
                "inventory.json",
                r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [1000, 1000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "gone", "plan_kbps": [1000, 1000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "attach": "gone", "plan_kbps": [1000, 1000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]},
              {"id": "c4", "plan_kbps": [1000, 1000], "devices": [{"id": "d4", "ips": ["100.64.0.5"]}]}]}"#,
            )],
            "",
        ));
        let of_c4 =
            |f: &&crate::finding::Finding| f.rule.code == "TOP001" && &*f.subjects[0].id == "c4";
        let finding = compiled.findings.iter().find(of_c4).expect("it is found");
        assert!(
            finding.help.ends_with("(25 % of 4 circuits have none)"),
            "{}",
            finding.help
        );
    }

    #[test]
    fn a_source_without_any_parent_is_one_finding() {
        let mut net = Fixture::new();
        for i in 0..50 {
            net.circuit(&format!("c{i:03}"), None, 100, 20, &[]);
        }
        net.place_all();
        let drafts = net.run(&RULE);
        assert_eq!(drafts.len(), 1);
        assert_eq!(drafts[0].subjects.len(), 50);
        assert!(drafts[0].message.starts_with("none of 50 circuits"));
    }
}
