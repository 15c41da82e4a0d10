//! IDN006: an id that vanished, and a new one that looks like the same thing.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use rustc_hash::FxHashMap;

use crate::finding::{Draft, Level};
use crate::id::{CircuitIx, NodeIx};
use crate::ir::previous::PreviousTree;
use crate::ir::records::{NodeKind, Subject, SubjectKind};
use crate::lint::rule::{Example, Files, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "IDN006",
    name: "looks-renumbered",
    default: Level::Warning,
    contained: true,
    what: "The id of a circuit or node is gone since the artifact before, and a new id has its address, its MAC or its name.",
    why: "To Weir a new id is another subscriber: it gets a new class and new counters, its history ends, and what was written for the old id (pins, exclusions) no longer holds.",
    fix: "If the CRM gave it a new number, change the ids in `weir.toml` that name the old one. If it is somebody else, nothing.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c77", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    )
    .after(BEFORE),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c3", "name": "Bo Lee", "plan_kbps": [50000, 10000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#,
        )],
        "",
    )
    .after(BEFORE),
    check,
};

const BEFORE: Files = &[(
    "inventory.json",
    r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
)];

/// Pairs that a grouped message names.
const NAMED: usize = 3;

/// Old id, the new thing, and what they share.
struct Pair<T> {
    was: Subject,
    is: T,
    shared: String,
}

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let Some(before) = stages.previous.and_then(|p| p.tree.as_ref()) else {
        return;
    };
    let circuits = circuits(stages, before);
    if !circuits.is_empty() {
        let told = circuits.iter().map(|p| {
            let is = &stages.inventory[p.is];
            format!(
                "{} is now {} ({})",
                words::quoted(&p.was.id, &p.was.name),
                words::quoted(&is.id, &is.name),
                p.shared
            )
        });
        let draft = draft(told, circuits.len(), "circuit").about_all(
            circuits
                .iter()
                .flat_map(|p| [p.was.clone(), stages.inventory[p.is].subject()]),
        );
        out.push(words::at_each(
            draft,
            circuits.iter().map(|p| {
                let label = format!("was \"{}\"", words::short_id(&p.was.id));
                crate::finding::Label::new(stages.inventory[p.is].origin.whole(), label)
            }),
        ));
    }
    let nodes = nodes(stages, before);
    if !nodes.is_empty() {
        let told = nodes.iter().map(|p| {
            let is = &stages.inventory[p.is];
            format!(
                "{} is now {} ({})",
                words::quoted(&p.was.id, &p.was.name),
                words::quoted(&is.id, &is.name),
                p.shared
            )
        });
        let draft = draft(told, nodes.len(), "node").about_all(
            nodes
                .iter()
                .flat_map(|p| [p.was.clone(), stages.inventory[p.is].subject()]),
        );
        out.push(words::at_each(
            draft,
            nodes.iter().map(|p| {
                let label = format!("was \"{}\"", words::short_id(&p.was.id));
                crate::finding::Label::new(stages.inventory[p.is].origin.whole(), label)
            }),
        ));
    }
}

fn draft(told: impl Iterator<Item = String>, n: usize, what: &str) -> Draft {
    let mut named: Vec<String> = told.take(NAMED).collect();
    if n > NAMED {
        named.push(format!("and {} more", words::number(n - NAMED)));
    }
    Draft::new(
        format!(
            "{} {} renumbered: {}",
            words::count(n, what),
            words::verb(n, "looks", "look"),
            named.join(", ")
        ),
        format!(
            "if it is the same {what}, write the new id where `weir.toml` names the old one; its class and its counters start anew in any case"
        ),
    )
}

/// Of several new circuits the first by id that shares an address, else a MAC, else the name, is taken, each once.
fn circuits(stages: &Stages<'_>, before: &PreviousTree) -> Vec<Pair<CircuitIx>> {
    let inventory = stages.inventory;
    let mut known = stages.circuits_in_order();
    let gone: Vec<_> = before
        .circuits
        .iter()
        .filter(|(id, _)| known.get(id).is_none())
        .collect();
    if gone.is_empty() {
        return Vec::new();
    }
    let mut by_prefix: FxHashMap<IpNet, CircuitIx> = FxHashMap::default();
    let mut by_mac: FxHashMap<String, CircuitIx> = FxHashMap::default();
    // A name that several have says nothing.
    let mut by_name: FxHashMap<String, Option<CircuitIx>> = FxHashMap::default();
    let mut old = before.circuits_in_order();
    for ix in inventory.circuit_ixs() {
        let circuit = &inventory[ix];
        if old.get(&circuit.id).is_some() {
            continue;
        }
        for device in &circuit.devices {
            for net in &device.addresses {
                by_prefix.entry(*net).or_insert(ix);
            }
            if let Some(mac) = mac(&device.mac) {
                by_mac.entry(mac).or_insert(ix);
            }
        }
        if *circuit.name != *circuit.id && !circuit.name.is_empty() {
            by_name
                .entry(circuit.name.to_lowercase())
                .and_modify(|one| *one = None)
                .or_insert(Some(ix));
        }
    }
    let mut names_gone: BTreeMap<String, usize> = BTreeMap::new();
    for (_, circuit) in &gone {
        *names_gone.entry(circuit.name.to_lowercase()).or_default() += 1;
    }
    let mut taken: BTreeSet<CircuitIx> = BTreeSet::new();
    let mut pairs = Vec::new();
    for (id, circuit) in gone {
        let address = circuit.prefixes.iter().find_map(|net| {
            let ix = by_prefix.get(net)?;
            Some((*ix, format!("has its address {}", words::net(net))))
        });
        let found = address
            .or_else(|| {
                circuit.macs.iter().find_map(|text| {
                    let ix = by_mac.get(&mac(text)?)?;
                    Some((*ix, format!("has its MAC {}", words::short(text))))
                })
            })
            .or_else(|| {
                let name = circuit.name.to_lowercase();
                let ix = (*by_name.get(&name)?)?;
                (names_gone.get(&name) == Some(&1)).then(|| (ix, "has its name".to_owned()))
            });
        if let Some((is, shared)) = found
            && taken.insert(is)
        {
            let was = Subject::new(SubjectKind::Circuit, id, &circuit.name);
            pairs.push(Pair { was, is, shared });
        }
    }
    pairs
}

/// Nodes have names and kinds only.
fn nodes(stages: &Stages<'_>, before: &PreviousTree) -> Vec<Pair<NodeIx>> {
    let inventory = stages.inventory;
    let mut new: BTreeMap<(NodeKind, String), Option<NodeIx>> = BTreeMap::new();
    for ix in inventory.node_ixs() {
        let node = &inventory[ix];
        if !before.nodes.contains_key(&node.id) && *node.name != *node.id {
            new.entry((node.kind, node.name.to_lowercase()))
                .and_modify(|one| *one = None)
                .or_insert(Some(ix));
        }
    }
    let mut taken: BTreeSet<NodeIx> = BTreeSet::new();
    before
        .nodes
        .iter()
        .filter(|(id, _)| inventory.node_by_id(id).is_none())
        .filter_map(|(id, node)| {
            // An emitted name that was shared ends with the id.
            let suffix = format!(" [{id}]");
            let name = node
                .name
                .strip_suffix(suffix.as_str())
                .unwrap_or(&node.name);
            let is = (*new.get(&(node.kind, name.to_lowercase()))?)?;
            taken.insert(is).then(|| Pair {
                was: Subject::new(SubjectKind::Node, id, name),
                is,
                shared: "has its name".to_owned(),
            })
        })
        .collect()
}

/// Twelve hexadecimal digits, however they are written; nothing that is no MAC, or everybody's.
fn mac(text: &str) -> Option<String> {
    let digits: String = text
        .chars()
        .filter(|c| !matches!(c, ':' | '-' | '.'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let good = digits.len() == 12
        && digits.bytes().all(|b| b.is_ascii_hexdigit())
        && digits.bytes().any(|b| b != digits.as_bytes()[0]);
    good.then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::compile_example;

    fn told(now: &'static [(&'static str, &'static str)], before: Files) -> Vec<String> {
        let example = Example::inventory(now, "").after(before);
        let found = compile_example(&example).findings;
        found
            .into_iter()
            .filter(|f| f.rule.code == "IDN006")
            .map(|f| f.message)
            .collect()
    }

    #[test]
    fn address_then_mac_then_name() {
        assert_eq!(
            told(RULE.bad.files, BEFORE),
            [
                "1 circuit looks renumbered: \"Al Roe\" (c2) is now \"Al Roe\" (c77) (has its address 100.64.0.3)"
            ]
        );
        const WAS: Files = &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "mac": "02:00:00:00:00:01", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )];
        const IS: Files = &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "n1", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "mac": "0200.0000.0001", "ips": ["100.64.1.2"]}]},
              {"id": "n2", "name": "AL ROE", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.1.3"]}]}]}"#,
        )];
        assert_eq!(
            told(IS, WAS),
            [
                "2 circuits look renumbered: \"c1\" is now \"n1\" (has its MAC 02:00:00:00:00:01), \"Al Roe\" (c2) is now \"AL ROE\" (n2) (has its name)"
            ]
        );
    }

    #[test]
    fn names_that_several_have_say_nothing() {
        const WAS: Files = &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Guest", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "Guest", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )];
        const IS: Files = &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "n1", "name": "Guest", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.1.2"]}]}]}"#,
        )];
        assert!(told(IS, WAS).is_empty());
        assert_eq!(mac("00:00:00:00:00:00"), None);
        assert_eq!(mac("unknown"), None);
    }

    #[test]
    fn a_node_goes_by_its_name_and_kind() {
        const WAS: Files = &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "s1", "name": "Hill", "kind": "site", "gateway": true}],
 "circuits": [{"id": "c1", "attach": "s1", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )];
        const IS: Files = &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "s9", "name": "Hill", "kind": "site", "gateway": true}],
 "circuits": [{"id": "c1", "attach": "s9", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )];
        assert_eq!(
            told(IS, WAS),
            ["1 node looks renumbered: \"Hill\" (s1) is now \"Hill\" (s9) (has its name)"]
        );
    }
}
