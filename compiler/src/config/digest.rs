//! The digest of a configuration: what an artifact says it was built with.

use serde_json::json;
use weir_store::sha256;

use crate::config::check::list;
use crate::config::project::{
    FailOn, LevelSetting, LintOptions, Merge, Project, ShaperMode, Simplify, SuspendedPolicy,
};
use crate::units::{Kbps, Pair};

/// SHA-256 over everything that can show in an artifact. Not in it: where exports, CRMs and the store are, channels, who signs and where is published, and how the file
/// is written. The keys are frozen: another spelling would make every artifact look rebuilt.
pub(super) fn settings(project: &Project) -> String {
    let Project {
        name,
        file: _,
        sources,
        merge,
        live: _,
        topology,
        rates,
        suspended,
        addresses,
        lint,
        guard,
        target,
        store: _,
        remote: _,
        // It has a digest of its own, and the day shows where it decided something.
        overrides: _,
        as_of: _,
        channels: _,
        signing: _,
        publish: _,
        schedule: _,
        digest: _,
        // Who may read a file with a secret changes no artifact.
        secret_files: _,
    } = project;
    let sources: Vec<_> = sources
        .iter()
        .map(|s| match &s.table {
            Some(table) => json!([s.name, s.kind.word(), table]),
            None => json!([s.name, s.kind.word()]),
        })
        .collect();
    let levels: Vec<_> = lint
        .levels
        .iter()
        .map(|(code, setting)| {
            let level = match setting {
                LevelSetting::Allow => "allow",
                LevelSetting::Set(level) => level.word(),
            };
            json!([code, level])
        })
        .collect();
    let shaper = target.shaper.as_ref().map(|shaper| {
        let vlans = match shaper.mode {
            ShaperMode::Bridge => json!(null),
            ShaperMode::Stick {
                internet_vlan,
                network_vlan,
            } => json!([internet_vlan, network_vlan]),
        };
        json!([shaper.to_internet, shaper.to_network, vlans])
    });
    let mut settings = json!({
        "schema": "weir.settings/1",
        "name": name,
        "sources": sources,
        "topology": {
            "strategy": topology.strategy.word(),
            "tree": topology.tree.word(),
            "root": topology.root,
            "promote_to_root": topology.promote_to_root,
            "exclude": topology.exclude,
            "pin": topology.pin,
            "max_depth": topology.max_depth,
            "simplify": match topology.simplify {
                Simplify::Off => "off",
                Simplify::Auto => "auto",
                Simplify::All => "all",
            },
            "auto_virtual_kbps": topology.auto_virtual.0,
            "wan_kbps": topology.wan.array(),
            "wan_is_set": topology.wan_is_set,
            "link_down_hold": topology.link_down_hold,
            "generated_kbps": topology.generated.array(),
            "link_reference_kbps": topology.link_reference.0,
            "default_link_cost": topology.default_link_cost,
            "membership_cost": topology.membership_cost,
            "prune_empty": topology.prune_empty,
        },
        "rates": {
            "overhead": rates.overhead.0,
            "multiplier": rates.multiplier.0,
            "commit": rates.commit.0,
            "floor_kbps": rates.floor.0,
            "min_floor_kbps": rates.min_floor.0,
            "default_plan_kbps": rates.default_plan.map(Pair::<Kbps>::array),
            "add_burst": rates.add_burst,
            "strict": rates.strict,
        },
        "suspended": {
            "policy": match suspended.policy {
                SuspendedPolicy::Keep => "keep",
                SuspendedPolicy::Slow => "slow",
                SuspendedPolicy::Drop => "drop",
            },
            "slow_kbps": suspended.slow.0,
        },
        "addresses": {
            "allow": list(&addresses.allow),
            "ignore": list(&addresses.ignore),
        },
        "lint": {
            "fail_on": match lint.fail_on {
                FailOn::Error => "error",
                FailOn::Warning => "warning",
                FailOn::Never => "never",
            },
            "levels": levels,
        },
        "guard": {
            "max_removed": guard.max_removed,
            "max_removed_percent": guard.max_removed_percent,
            "max_reparented_percent": guard.max_reparented_percent,
            "max_contained": guard.max_contained,
            "min_circuits": guard.min_circuits,
            "max_source_age_seconds": guard.max_source_age_seconds,
            "max_churn": guard.max_churn,
        },
        "target": {
            "name": target.name,
            "queues": target.queues,
            "memory": target.memory,
            "core_kbps": target.core.0,
            "shaper": shaper,
            "qdisc": target.qdisc,
            "leaf_fallback": target.leaf_fallback,
        },
    });
    // Left out where it says nothing, so that it renames no configuration of one source.
    if *merge != Merge::default() {
        let fields: Vec<_> = merge
            .fields
            .iter()
            .map(|(field, order)| json!([field.word(), order]))
            .collect();
        settings["merge"] = json!({
            "join": merge.join.iter().map(|key| key.word()).collect::<Vec<_>>(),
            "expect_match": merge.expect_match,
            "fields": fields,
        });
    }
    // Later keys stand only where they are used: a project without them keeps its digest.
    if !lint.suppress.is_empty() {
        let suppress = lint.suppress.iter().map(|s| {
            let expires = s.expires.map(|day| day.to_string());
            json!([s.rule, s.subjects, s.reason, expires])
        });
        settings["lint"]["suppress"] = suppress.collect();
    }
    let options = &lint.options;
    if *options != LintOptions::default() {
        settings["lint"]["options"] = json!({
            "wide_prefix_ipv4": options.wide_prefix_ipv4,
            "wide_prefix_ipv6": options.wide_prefix_ipv6,
            "implausible_plan_least_kbps": options.implausible_plan_least.0,
            "implausible_plan_most_kbps": options.implausible_plan_most.0,
            "oversubscribed_times": options.oversubscribed_times,
            "oversubscribed_percent": options.oversubscribed_percent,
            "rates_jump_times": options.rates_jump_times,
            "rates_jump_percent": options.rates_jump_percent,
            "rates_look_swapped_most": options.rates_look_swapped_most,
        });
    }
    sha256(settings.to_string().as_bytes())
}
