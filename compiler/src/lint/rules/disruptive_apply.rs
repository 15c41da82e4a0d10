//! CHG005: applying this build touches the queues of subscribers who are online.

use crate::finding::{Draft, Level};
use crate::id::CircuitIx;
use crate::ir::layout::Slot;
use crate::ir::tree::Parent;
use crate::lint::rule::{Example, Files, Rule, Stages};
use crate::lint::words;

use crate::topology::is_class_key;

pub static RULE: Rule = Rule {
    code: "CHG005",
    name: "disruptive-apply",
    default: Level::Warning,
    contained: false,
    what: "Circuits that stay need a new class or a new leaf queue, because they hang elsewhere, moved to another CPU queue or have another leaf discipline.",
    why: "The kernel cannot hang a class elsewhere: it is made anew, and what was queued in the old one is lost or overtaken. New rates cost nothing.",
    fix: "Nothing, if the network changed. Otherwise build with `--previous`, and let radios that reboot settle; `topology.link_down_hold` waits for them.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "lake", "name": "Lake", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "lake", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "lake", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    )
    .after(BEFORE),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "lake", "name": "Lake", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [80000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "lake", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    )
    .after(BEFORE),
    check,
};

const BEFORE: Files = &[(
    "inventory.json",
    r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
           {"id": "lake", "name": "Lake", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "lake", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
)];

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let Some(previous) = stages.previous else {
        return;
    };
    let Some(before) = &previous.classes else {
        let shaped = stages.tree.placed().count();
        if shaped > 0 {
            out.push(
                Draft::new(
                    format!(
                        "the box has other queues or interfaces than artifact {} was built for: the classes of all {} are made anew",
                        previous.digest.get(..12).unwrap_or(&previous.digest),
                        words::count(shaped, "circuit")
                    ),
                    "apply it when few subscribers are online",
                )
                .about(super::circuits_removed::guard_setting("target")),
            );
        }
        return;
    };
    // By circuit: made anew under another class (moved), or keeps its class and loses its queue (purged).
    let (mut moved, mut purged): (Vec<CircuitIx>, Vec<CircuitIx>) = Default::default();
    let mut stayed = 0usize;
    let mut key = String::new();
    for (ix, placed) in stages.tree.placed() {
        key.clear();
        key.push_str("circuit:");
        key.push_str(&stages.inventory[ix].id);
        let (Some(was), Some(is)) = (
            before.by_key.get(key.as_str()),
            stages.layout.circuits.get(ix.ix()).and_then(Option::as_ref),
        ) else {
            continue;
        };
        stayed += 1;
        let parent = match placed.parent {
            Parent::Node(at) => Slot::Node(at),
            Parent::Bucket(bucket) => Slot::Bucket(bucket),
        };
        let stays = was
            .parent
            .as_deref()
            .is_some_and(|key| is_class_key(key, stages.inventory, stages.tree, parent));
        if (was.queue, was.minor) != (is.queue, is.minor) || !stays {
            moved.push(ix);
        } else if was.handle != is.handle || was.leaf != is.leaf {
            purged.push(ix);
        }
    }
    if moved.is_empty() && purged.is_empty() {
        return;
    }
    let mut told = Vec::new();
    if let Some(&first) = moved.first() {
        told.push(format!(
            "{} {} a new class ({} first)",
            words::count(moved.len(), "circuit"),
            words::verb(moved.len(), "gets", "get"),
            stages.circuit(first)
        ));
    }
    if let Some(&first) = purged.first() {
        told.push(format!(
            "{} {} what is queued, with a new leaf queue ({} first)",
            words::count(purged.len(), "circuit"),
            words::verb(purged.len(), "loses", "lose"),
            stages.circuit(first)
        ));
    }
    out.push(
        Draft::new(
            format!(
                "applying this over artifact {} touches {} of {} circuits that stay: {}",
                previous.digest.get(..12).unwrap_or(&previous.digest),
                words::number(moved.len() + purged.len()),
                words::number(stayed),
                told.join(", ")
            ),
            "nothing, if they were moved on purpose; else look at what moved the nodes above them",
        )
        .about_all(
            moved
                .iter()
                .chain(&purged)
                .map(|&ix| stages.inventory[ix].subject()),
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::compile_example;

    #[test]
    fn a_moved_circuit_counts_and_a_new_rate_does_not() {
        let found = compile_example(&RULE.bad).findings;
        let finding = found
            .iter()
            .find(|f| f.rule.code == "CHG005")
            .expect("it is found");
        assert!(
            finding.message.ends_with("touches 1 of 2 circuits that stay: 1 circuit gets a new class (circuit \"Jo Doe\" (c1) first)"),
            "{}",
            finding.message
        );
    }

    #[test]
    fn another_leaf_discipline_purges_and_another_box_rebuilds() {
        use crate::testing::{Memory, remember};
        let build = |config: &str| {
            let (name, text) = BEFORE[0];
            Memory::new("inventory", &[(name, text.as_bytes())], config).expect("a project")
        };
        let first = build(
            "[target.box]\nqueues = 4\n[target.box.shaper]\nto_internet = \"a\"\nto_network = \"b\"\n",
        );
        let other = build(
            "[target.box]\nqueues = 4\n[target.box.shaper]\nto_internet = \"a\"\nto_network = \"b\"\nqdisc = \"fq_codel\"\n",
        );
        let before = remember(&first.compile(None), &other.project);
        let message = |compiled: &crate::Compiled| {
            compiled
                .findings
                .iter()
                .find(|f| f.rule.code == "CHG005")
                .map(|f| f.message.clone())
                .unwrap_or_default()
        };
        let told = message(&other.compile(Some(&before)));
        assert!(told.contains("2 circuits lose what is queued"), "{told}");
        let larger = build("[target.box]\nqueues = 8\n");
        let before = remember(&first.compile(None), &larger.project);
        let told = message(&larger.compile(Some(&before)));
        assert!(
            told.contains("the classes of all 2 circuits are made anew"),
            "{told}"
        );
    }
}
