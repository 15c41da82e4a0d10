//! ADR004: prefixes too wide for one subscriber.

use ipnet::IpNet;

use crate::config::project::LintOptions;
use crate::finding::{Draft, Label, Level};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "ADR004",
    name: "wide-prefix",
    default: Level::Warning,
    contained: true,
    what: "A circuit has an IPv4 prefix shorter than /24 or an IPv6 prefix shorter than /48.",
    why: "It is probably the mask of an interface: every address in it that no other circuit claims would share this one subscriber's plan.",
    fix: "Write the host address, or the prefix that is routed to the subscriber. `lint.options.wide_prefix_ipv4` and `wide_prefix_ipv6` say what is wide.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.0/16"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.0/29"]}]}]}"#,
        )],
        "",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    for (ix, circuit) in stages.shaped() {
        let wide: Vec<(&IpNet, Label)> = circuit
            .devices
            .iter()
            .flat_map(|d| d.addresses.iter().map(move |net| (net, d)))
            .filter(|(net, _)| is_wide(net, &stages.project.lint.options))
            .map(|(net, device)| (net, Label::new(device.origin.whole(), net.to_string())))
            .collect();
        if wide.is_empty() {
            continue;
        }
        let draft = Draft::new(
            format!(
                "{} has {}, which is wide for one subscriber: every address in it that nobody else claims gets this plan",
                stages.circuit(ix),
                words::list(wide.iter().map(|(net, _)| net.to_string())),
            ),
            "if it is the mask of an interface, record the host address or the prefix that is routed to the circuit",
        )
        .about(circuit.subject());
        out.push(words::at_each(
            draft,
            wide.into_iter().map(|(_, label)| label),
        ));
    }
}

fn is_wide(net: &IpNet, options: &LintOptions) -> bool {
    match net {
        IpNet::V4(net) => net.prefix_len() < options.wide_prefix_ipv4,
        IpNet::V6(net) => net.prefix_len() < options.wide_prefix_ipv6,
    }
}
