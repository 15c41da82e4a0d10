//! RAT004: guarantees that add up to more than there is.

use crate::finding::{Draft, Level};
use crate::ir::records::{Subject, SubjectKind};
use crate::ir::tree::{ScaledAt, bucket_name};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::Kbps;

pub static RULE: Rule = Rule {
    code: "RAT004",
    name: "guarantees-scaled",
    default: Level::Warning,
    contained: false,
    what: "The guarantees below a node add up to more than its capacity. An error with `rates.overcommit = \"strict\"`.",
    why: "No shaper can keep such promises, and one that tries lets the node run over its limit. Every guarantee below is scaled down to fit.",
    fix: "Lower `rates.commit` or the guarantees in the source, or correct the capacity.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [100000, 100000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [100000, 20000], "commit_kbps": [80000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "hill", "plan_kbps": [100000, 20000], "commit_kbps": [80000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [100000, 100000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [100000, 20000], "commit_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "hill", "plan_kbps": [100000, 20000], "commit_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let scaled = &stages.tree.evidence.scaled;
    if scaled.is_empty() {
        return;
    }
    let strict = stages.project.rates.strict;
    let emitted = stages.emitted();
    let below = stages.emitted_circuits_below();
    let overfull = &stages.tree.evidence.overfull;
    for one in scaled {
        // Not even the floors fit: RAT011 says so.
        if overfull.iter().any(|o| o.at == one.at) {
            continue;
        }
        let above = one.wanted.zip(one.cap, |wanted, cap| wanted > cap);
        let factor = one.wanted.zip(one.cap, factor);
        let factors = match (above.down, above.up) {
            (true, true) => format!("{} in download and {} in upload", factor.down, factor.up),
            (false, true) => format!("{} in upload", factor.up),
            _ => format!("{} in download", factor.down),
        };
        let circuits = match one.at {
            ScaledAt::Node(node) => emitted[node.ix()].map(|ix| below[ix.ix()]),
            ScaledAt::Bucket(_) => None,
        };
        let whose = match circuits {
            Some(n) => format!("guarantees of {}", words::count(n, "circuit")),
            None => "guarantees".to_owned(),
        };
        let level = match strict {
            true => Level::Error,
            false => Level::Warning,
        };
        let draft = Draft::new(
            format!(
                "{whose} below {} add up to {}, more than its {}: each is multiplied by {factors}",
                stages.holder(one.at),
                words::rates(one.wanted),
                words::rates(one.cap),
            ),
            match stages.project.rates.commit.0 {
                0 => "lower the guarantees in the source, or correct the capacity",
                _ => "lower `rates.commit`, or correct the capacity",
            },
        )
        .level(level);
        out.push(match one.at {
            ScaledAt::Node(node) => {
                let node = &stages.inventory[node];
                draft.about(node.subject()).at(
                    node.origin.whole(),
                    format!("carries {}", words::rates(one.cap)),
                )
            }
            ScaledAt::Bucket(bucket) => {
                let name = bucket_name(bucket);
                draft
                    .about(Subject::new(SubjectKind::Node, &name, &name))
                    .at(
                        stages.project.place("topology.generated_mbps"),
                        format!("generated nodes carry {}", words::rates(one.cap)),
                    )
            }
        });
    }
}

/// `cap / wanted` with three places, rounded down; "1" where nothing is scaled.
fn factor(wanted: Kbps, cap: Kbps) -> String {
    if wanted <= cap {
        return "1".to_owned();
    }
    let thousandths = u128::from(cap.0) * 1000 / u128::from(wanted.0);
    match thousandths {
        0 => "less than 0.001".to_owned(),
        n => format!("0.{n:03}").trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::records::NodeKind;
    use crate::ir::tree::Scaled;
    use crate::lint::testing::{Fixture, pair};

    #[test]
    fn factors_are_exact_enough_to_check_by_hand() {
        assert_eq!(factor(Kbps(160_000), Kbps(100_000)), "0.625");
        assert_eq!(factor(Kbps(20_000), Kbps(10_000)), "0.5");
        assert_eq!(factor(Kbps(10_000_000), Kbps(1)), "less than 0.001");
    }

    #[test]
    fn names_the_node_its_numbers_and_the_level_of_the_policy() {
        let mut net = Fixture::new();
        let hill = net.node("hill", NodeKind::Site, None, 100, 100);
        net.circuit("c1", Some(hill), 100, 20, &["100.64.0.2"]);
        net.circuit("c2", Some(hill), 100, 20, &["100.64.0.3"]);
        net.place_all();
        net.tree.evidence.scaled.push(Scaled {
            at: ScaledAt::Node(hill),
            wanted: pair(160, 20),
            cap: pair(100, 100),
        });
        let [draft] = &net.run(&RULE)[..] else {
            panic!("one finding")
        };
        assert_eq!(
            draft.message,
            "guarantees of 2 circuits below site \"hill\" add up to 160/20 Mbit/s, more than its 100/100 Mbit/s: \
             each is multiplied by 0.625 in download"
        );
        assert_eq!(draft.level, Some(Level::Warning));
        net.project.rates.strict = true;
        assert_eq!(net.run(&RULE)[0].level, Some(Level::Error));
    }
}
