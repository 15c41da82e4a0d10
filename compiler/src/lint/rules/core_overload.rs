//! BUD007: more for a core than it can shape.

use crate::finding::{Draft, Level};
use crate::fit::Fit;
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::{advice, words};
use crate::units::Kbps;

pub static RULE: Rule = Rule {
    code: "BUD007",
    name: "core-overload",
    default: Level::Error,
    contained: false,
    what: "A CPU queue is expected to carry more than 0.8 of what a core shapes, `target.NAME.core_gbps`; above 1.2 it is an error.",
    why: "Each CPU queue is shaped by one core. When that is full, everybody in the queue is slowed down, whatever they bought.",
    fix: "The finding says which children of the largest top-level node to promote to the root, or whether excluding it helps, and what each costs, where that was tried on this network: it is for the heaviest nodes with others below. Else raise `queues` to the cores there are, or correct `core_gbps`.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [300000, 100000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[target.edge1]\nqueues = 1\ncore_gbps = 0.4\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [300000, 100000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[target.edge1]\nqueues = 1\ncore_gbps = 3\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let target = &stages.project.target;
    // Without a declared box, cores and their number are a guess.
    let Some(name) = &target.name else {
        return;
    };
    let fit = Fit::of(stages);
    for (queue, (&load, heaviest)) in fit.cores.iter().zip(&fit.heaviest).enumerate() {
        let Some(level) = level(load, target.core) else {
            continue;
        };
        let percent = words::percent(load.0 as usize, target.core.0 as usize);
        let message = format!(
            "CPU queue {queue} is expected to carry {}, {percent} of the {} that a core of target {name} shapes",
            words::rate(load),
            words::rate(target.core),
        );
        let key = format!("target.{name}.core_gbps");
        let setting = Subject::new(SubjectKind::Setting, &key, &key);
        let draft = match heaviest.map(|at| stages.tree[at].node) {
            Some(ix) => {
                let node = &stages.inventory[ix];
                Draft::new(
                    format!("{message}; most of it for {}", stages.node(ix)),
                    advice::remedies(
                        stages,
                        ix,
                        "raise the target's `queues` to the cores there are, or correct `core_gbps`",
                    ),
                )
                .about(node.subject())
                .at(node.origin.whole(), "most of the load")
            }
            None => Draft::new(message, "raise the target's `queues`"),
        };
        out.push(
            draft
                .about(setting)
                .at(stages.project.place(key), "what a core shapes")
                .level(level),
        );
    }
}

fn level(load: Kbps, core: Kbps) -> Option<Level> {
    let (load, core) = (u128::from(load.0) * 10, u128::from(core.0));
    match load {
        load if load > core * 12 => Some(Level::Error),
        load if load > core * 8 => Some(Level::Warning),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_from_four_fifths_on_and_fails_above_six_fifths() {
        let level = |load| level(Kbps(load), Kbps(1_000));
        assert_eq!(level(800), None);
        assert_eq!(level(801), Some(Level::Warning));
        assert_eq!(level(1_200), Some(Level::Warning));
        assert_eq!(level(1_201), Some(Level::Error));
    }
}
