//! ADR007: circuits without IPv6 where most have it.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::finding::{Draft, Label, Level};
use crate::id::{CircuitIx, NodeIx};
use crate::ir::inventory::Circuit;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "ADR007",
    name: "ipv4-only-circuit",
    default: Level::Warning,
    contained: true,
    what: "A circuit has IPv4 addresses only, while more than half of the circuits at its site have IPv6.",
    why: "If the subscriber uses IPv6 as the neighbours do, that half of the traffic passes unshaped.",
    fix: "Record the IPv6 prefix that is delegated to the subscriber.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2", "2001:db8:1::/56"]}]},
              {"id": "c2", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3", "2001:db8:2::/56"]}]},
              {"id": "c3", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2", "2001:db8:1::/56"]}]},
              {"id": "c2", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#,
        )],
        "",
    ),
    check,
};

/// One finding for each site.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    #[derive(Default)]
    struct Site {
        dual: usize,
        v4_only: Vec<CircuitIx>,
    }
    let mut sites: BTreeMap<NodeIx, Site> = BTreeMap::new();
    for (ix, circuit) in stages.shaped() {
        let Some(at) = circuit.attach.and_then(|node| stages.site(node)) else {
            continue;
        };
        let site = sites.entry(at).or_default();
        if has_v6(circuit) {
            site.dual += 1;
        } else {
            site.v4_only.push(ix);
        }
    }
    for (at, site) in sites {
        let n = site.v4_only.len();
        if n == 0 || site.dual <= n {
            continue;
        }
        let first = stages.circuit(site.v4_only[0]);
        let draft = Draft::new(
            format!(
                "{} of {} at {} {} no IPv6 prefix while the others do ({}): {} IPv6 traffic would pass unshaped",
                words::number(n),
                words::count(n + site.dual, "circuit"),
                stages.node(at),
                words::verb(n, "has", "have"),
                if n == 1 { first.to_string() } else { format!("first {first}") },
                words::verb(n, "its", "their"),
            ),
            "record the IPv6 prefix that is delegated to the subscriber; if IPv6 is off there, allow the rule",
        )
        .about_all(site.v4_only.iter().map(|&c| stages.inventory[c].subject()));
        let labels = site
            .v4_only
            .iter()
            .map(|&c| Label::new(stages.inventory[c].origin.whole(), "IPv4 only"));
        out.push(words::at_each(draft, labels));
    }
}

fn has_v6(circuit: &Circuit) -> bool {
    circuit
        .devices
        .iter()
        .flat_map(|d| &d.addresses)
        .any(|net| matches!(net, IpNet::V6(_)))
}
