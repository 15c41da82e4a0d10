//! ADR002: a prefix of one circuit inside a prefix of another.

use std::fmt::Write as _;

use ipnet::IpNet;
use rayon::prelude::*;

use crate::finding::{Draft, Label, Level};
use crate::id::CircuitIx;
use crate::ir::address::sort_key;
use crate::ir::inventory::Device;
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "ADR002",
    name: "overlapping-prefix",
    default: Level::Warning,
    contained: true,
    what: "A prefix of one circuit lies inside a prefix of another.",
    why: "The longest prefix wins, so both are shaped; but the wider one is often an interface mask, and then its circuit also gets the traffic of every address that nobody else claims.",
    fix: "Give the wider circuit its host address or the prefix that is really routed to it.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.0/28"]}]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.16/28"]}]},
              {"id": "c2", "name": "Al Roe", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

/// A prefix and who owns it.
struct Held<'a> {
    net: IpNet,
    circuit: CircuitIx,
    device: &'a Device,
}

/// One finding for each wider prefix. In order of (network, length) whatever contains a prefix stands before
/// it, so a stack of open prefixes has the nearest one on top; only that one counts, because it is what the
/// longest match would fall back to.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let mut held: Vec<Held<'_>> = stages
        .shaped()
        .flat_map(|(circuit, c)| c.devices.iter().map(move |device| (circuit, device)))
        .flat_map(|(circuit, device)| {
            device.addresses.iter().map(move |&net| Held {
                net,
                circuit,
                device,
            })
        })
        .collect();
    held.par_sort_unstable_by_key(|h| (sort_key(&h.net), h.circuit));
    let mut open: Vec<usize> = Vec::new();
    // Pairs of a wider prefix and one inside it; those of one wider prefix need not be neighbours here.
    let mut inside: Vec<(usize, usize)> = Vec::new();
    for (at, inner) in held.iter().enumerate() {
        while let Some(&top) = open.last()
            && !held[top].net.contains(&inner.net)
        {
            open.pop();
        }
        if let Some(&outer) = open.last()
            && held[outer].circuit != inner.circuit
        {
            inside.push((outer, at));
        }
        open.push(at);
    }
    // In a network where every circuit lies inside another's prefix, telling takes longer than finding.
    inside.par_sort_unstable();
    let groups: Vec<&[(usize, usize)]> = inside.chunk_by(|a, b| a.0 == b.0).collect();
    let drafts = groups.par_iter().map(|group| {
        let inner: Vec<&Held<'_>> = group.iter().map(|(_, at)| &held[*at]).collect();
        draft(stages, &held[group[0].0], &inner)
    });
    out.par_extend(drafts);
}

fn draft(stages: &Stages<'_>, wide: &Held<'_>, inner: &[&Held<'_>]) -> Draft {
    let first = inner[0];
    let mut circuits: Vec<CircuitIx> = inner.iter().map(|h| h.circuit).collect();
    circuits.sort_unstable();
    circuits.dedup();
    let (wide_net, wide_name) = (words::Net(&wide.net), stages.circuit(wide.circuit));
    let (first_net, first_name) = (words::Net(&first.net), stages.circuit(first.circuit));
    let message = words::written(224, |out| match inner.len() {
        1 => write!(
            out,
            "{wide_net} of {wide_name} contains {first_net} of {first_name}: the longer prefix wins, both are shaped by \
             their own plan"
        ),
        n => write!(
            out,
            "{wide_net} of {wide_name} contains {} of {}, first {first_net} of {first_name}: the longer prefixes win",
            words::count(n, "prefix"),
            words::count(circuits.len(), "other circuit"),
        ),
    });
    let help = words::written(224, |out| {
        write!(
            out,
            "if {wide_net} is the mask of an interface, record the host address or the prefix that is routed to {}; if \
             the overlap is meant, allow the rule",
            words::short_id(&stages.inventory[wide.circuit].id),
        )
    });
    let draft = Draft::new(message, help)
        .about(stages.inventory[wide.circuit].subject())
        .about_all(circuits.iter().map(|&c| stages.inventory[c].subject()));
    let label = |h: &Held<'_>, what: &str| {
        let (net, circuit) = (words::Net(&h.net), stages.circuit(h.circuit));
        Label::new(
            h.device.origin.whole(),
            words::written(96, |out| write!(out, "{what} {net} of {circuit}")),
        )
    };
    words::at_each(
        draft,
        std::iter::once(label(wide, "the wider"))
            .chain(inner.iter().map(|h| label(h, "inside it"))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Fixture;

    /// Messages for circuits with these prefixes.
    fn messages(circuits: &[(&str, &[&str])]) -> Vec<String> {
        let mut net = Fixture::new();
        for (id, prefixes) in circuits {
            net.circuit(id, None, 100, 20, prefixes);
        }
        let drafts = net.run(&RULE);
        drafts.into_iter().map(|d| d.message).collect()
    }

    #[test]
    fn only_the_nearest_wider_prefix_counts() {
        // c3 lies in c2's /28, which lies in c1's /24: two pairs, not three.
        let found = messages(&[
            ("c1", &["100.64.0.0/24"]),
            ("c2", &["100.64.0.16/28"]),
            ("c3", &["100.64.0.17"]),
        ]);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert_eq!(
            found[0],
            "100.64.0.0/24 of circuit \"c1\" contains 100.64.0.16/28 of circuit \"c2\": the longer prefix wins, both \
             are shaped by their own plan"
        );
        assert!(found[1].starts_with("100.64.0.16/28 of circuit \"c2\" contains 100.64.0.17"));
    }

    #[test]
    fn a_circuit_may_refine_its_own_prefix() {
        let found = messages(&[
            ("c1", &["100.64.0.0/24", "100.64.0.16/28"]),
            ("c2", &["100.64.1.1"]),
        ]);
        assert!(found.is_empty(), "{found:#?}");
        // Inside its own /28, although another circuit owns the /24 around that.
        let found = messages(&[
            ("c1", &["100.64.0.0/24"]),
            ("c2", &["100.64.0.16/28", "100.64.0.17"]),
        ]);
        assert_eq!(found.len(), 1, "{found:#?}");
    }

    #[test]
    fn neighbours_and_families_do_not_overlap() {
        let found = messages(&[
            ("c1", &["0.0.0.0/1", "2001:db8:1::/56"]),
            ("c2", &["128.0.0.0/1", "2001:db8:2::/56"]),
            ("c3", &["::/1"]),
        ]);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(
            found[0].starts_with("::/1 of circuit \"c3\" contains 2 prefixes of 2 other circuits")
        );
    }

    #[test]
    fn one_wide_prefix_is_one_finding() {
        let hosts: Vec<String> = (1..=200).map(|i| format!("100.64.0.{i}")).collect();
        let mut circuits: Vec<(&str, &[&str])> = vec![("c0", &["100.64.0.0/24"])];
        let each: Vec<[&str; 1]> = hosts.iter().map(|h| [h.as_str()]).collect();
        let ids: Vec<String> = (1..=200).map(|i| format!("d{i:03}")).collect();
        circuits.extend(
            ids.iter()
                .map(String::as_str)
                .zip(each.iter().map(|e| &e[..])),
        );
        let found = messages(&circuits);
        assert_eq!(
            found,
            [
                "100.64.0.0/24 of circuit \"c0\" contains 200 prefixes of 200 other circuits, first 100.64.0.1 of \
              circuit \"d001\": the longer prefixes win"
            ]
        );
    }
}
