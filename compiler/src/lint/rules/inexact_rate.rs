//! RAT010: numbers that LibreQoS does not keep.

use crate::finding::{Draft, Label, Level};
use crate::ir::records::Subject;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;
use crate::units::{Kbps, Pair};

const MBIT: u64 = 1_000;
const GBIT: u64 = 1_000_000;
/// A hundredth less is not worth a line.
const TOLERANCE: u64 = 100;

pub static RULE: Rule = Rule {
    code: "RAT010",
    name: "inexact-rate",
    default: Level::Warning,
    contained: false,
    what: "A rate changes by more than 1 % when LibreQoS reads it: node capacities become whole Mbit/s, and from 1 Gbit/s on every rate gets one decimal of Gbit/s.",
    why: "Where LibreQoS is the data plane, the node or subscriber gets another rate than planned; a node below 1 Mbit/s gets none. Weir's own data plane keeps every kbit/s.",
    fix: "Use capacities in whole Mbit/s, and in steps of 100 Mbit/s from 1 Gbit/s on; allow the rule if LibreQoS is not used.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [12700, 1500]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [10000, 1000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [12000, 2000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [10000, 1000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let nodes = stages.tree.nodes.iter().filter_map(|at| {
        let read = at.cap.map(|k| gbit(Kbps(k.0 / MBIT * MBIT)));
        changes(at.cap, read).then(|| {
            let node = &stages.inventory[at.node];
            (node.subject(), node.origin.whole(), at.cap, read)
        })
    });
    out.extend(draft(stages, "node", nodes.collect()));
    let circuits = stages.tree.placed().filter_map(|(ix, placed)| {
        let read = placed.max.map(gbit);
        changes(placed.max, read).then(|| {
            let circuit = &stages.inventory[ix];
            (
                circuit.subject(),
                circuit.plan_place(true),
                placed.max,
                read,
            )
        })
    });
    out.extend(draft(stages, "circuit", circuits.collect()));
}

type Changed = (Subject, crate::ir::records::Place, Pair<Kbps>, Pair<Kbps>);

/// One finding for all nodes, one for all circuits.
fn draft(stages: &Stages<'_>, noun: &str, changed: Vec<Changed>) -> Option<Draft> {
    let (subject, _, rate, read) = changed.first()?;
    let n = changed.len();
    let draft = Draft::new(
        format!(
            "{} {} a rate that LibreQoS rounds by more than 1 %, such as {}: {} becomes {}",
            words::count(n, noun),
            words::verb(n, "has", "have"),
            stages.subject(subject),
            words::rates(*rate),
            words::rates(*read),
        ),
        "use whole Mbit/s for capacities, and steps of 100 Mbit/s from 1 Gbit/s on; allow the rule if LibreQoS is not the data plane",
    )
    .about_all(changed.iter().map(|(subject, ..)| subject.clone()));
    let labels = changed.iter().map(|(_, place, _, read)| {
        Label::new(place.clone(), format!("read as {}", words::rates(*read)))
    });
    Some(words::at_each(draft, labels))
}

/// One decimal of Gbit/s from 1 Gbit/s on, half to even.
fn gbit(rate: Kbps) -> Kbps {
    if rate.0 < GBIT || rate == Kbps::UNLIMITED {
        return rate;
    }
    let step = GBIT / 10;
    let (whole, rest) = (rate.0 / step, rate.0 % step);
    let up = match (rest * 2).cmp(&step) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => whole % 2,
        std::cmp::Ordering::Greater => 1,
    };
    Kbps((whole + up) * step)
}

fn changes(rate: Pair<Kbps>, read: Pair<Kbps>) -> bool {
    let changes = rate.zip(read, |rate, read| {
        rate != Kbps::UNLIMITED && rate.0.abs_diff(read.0).saturating_mul(TOLERANCE) > rate.0
    });
    changes.down || changes.up
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_libreqos_does() {
        for (kbps, want) in [
            (999_999, 999_999),
            (1_000_000, 1_000_000),
            (1_250_000, 1_200_000),
            (1_350_000, 1_400_000),
            (2_510_000, 2_500_000),
        ] {
            assert_eq!(gbit(Kbps(kbps)), Kbps(want));
        }
    }
}
