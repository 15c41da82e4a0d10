//! The configuration as its users meet it: what loads, and what it means.

mod generated;
mod init;
mod wrong;

use std::collections::BTreeSet;

use super::project::LintOptions;
use super::project::{
    FailOn, LevelSetting, Metric, Project, ShaperMode, Simplify, SourceKind, SuspendedPolicy,
};
use super::*;
use crate::finding::Level;
use crate::ir::records::LeafKind;
use crate::ir::tree::Strategy;
use crate::source_map::SourceMap;
use crate::units::{Kbps, Pair, PerMille};

/// The smallest project.
const SOURCE: &str = "[[source]]\nkind = \"uisp\"\nexport = \"exports/uisp\"\n";

fn try_load(text: &str) -> Result<Project, ConfigError> {
    load_str(text, &mut SourceMap::default(), &CliOverrides::default())
}

fn good(settings: &str) -> Project {
    match try_load(&format!("{SOURCE}{settings}")) {
        Ok(project) => project,
        Err(error) => panic!("{settings}\n{}", render(&error)),
    }
}

/// `line:column `text`: message -> help`, one problem a line.
fn render(error: &ConfigError) -> String {
    let mut out = String::new();
    for one in std::iter::once(error).chain(&error.others) {
        if let (Some(span), Some((line, column))) = (&one.span, one.position()) {
            out += &format!("{line}:{column} `{}`: ", &one.text()[span.clone()]);
        }
        out += &one.message;
        if !one.help.is_empty() {
            out += &format!(" -> {}", one.help);
        }
        out += "\n";
    }
    out
}

#[test]
fn one_source_is_a_complete_project() {
    let project = good("");
    assert_eq!(project.name, "weir");
    assert_eq!(project.store, ".weir/store");
    let source = &project.sources[0];
    assert_eq!(
        (source.name.as_str(), source.kind),
        ("uisp", SourceKind::Uisp)
    );
    assert_eq!(source.export.as_deref(), Some("exports/uisp"));
    let topology = &project.topology;
    assert_eq!(topology.strategy, Strategy::ApSite);
    assert_eq!(topology.tree, Metric::Cost);
    assert_eq!(topology.wan, Pair::both(Kbps(1_000_000)));
    assert!(!topology.wan_is_set);
    assert_eq!(topology.generated, topology.wan);
    assert_eq!(topology.link_reference, Kbps(100_000_000));
    assert!(topology.prune_empty);
    assert_eq!(project.rates.floor, Kbps(100));
    assert_eq!(project.rates.min_floor, Kbps(10));
    assert_eq!(project.rates.default_plan, None);
    assert_eq!(project.guard.max_source_age_seconds, 21_600);
    let target = &project.target;
    assert_eq!(
        (target.queues, target.memory, target.leaf),
        (16, 0, LeafKind::Cake)
    );
    assert!(target.name.is_none() && target.shaper.is_none());
}

#[test]
fn what_is_written_is_what_counts() {
    let project = good(
        r#"
            [project]
            name = " lakeside "
            [topology]
            strategy = "full"
            tree = "widest"
            root = "Core"
            wan_mbps = [2_000, 1999.9995]
            promote_to_root = ["b", "a", "b"]
            pin = { "z" = "core", "a.b" = "core" }
            simplify = "auto"
            auto_virtual_mbps = 0.5
            [rates]
            overhead = 1.1
            multiplier = 11e-1
            commit = 0.250
            default_plan_mbps = 10
            burst = "add"
            overcommit = "strict"
            [suspended]
            policy = "slow"
            slow_mbps = 1
            [addresses]
            allow = ["2001:db8::/32", "10.0.0.0/8", "9.9.9.9", "10.0.0.0/8"]
            [lint]
            fail_on = "never"
            [guard]
            max_source_age = "1d12h"
            [target.edge1]
            queues = 8
            memory = "32GiB"
            [target.edge1.shaper]
            to_internet = "eth1"
            mode = "stick"
            internet_vlan = 10
            network_vlan = 20
            qdisc = " fq_codel   limit 1000"
            leaf_fallback = ["none"]
            [store]
            url = "file:///srv/weir"
        "#,
    );
    assert_eq!(project.name, "lakeside");
    assert_eq!(project.store, "/srv/weir");
    let topology = &project.topology;
    assert_eq!(topology.strategy, Strategy::Full);
    assert_eq!(topology.tree, Metric::Widest);
    assert_eq!(topology.root.as_deref(), Some("Core"));
    // Rates are rounded to the nearest kbit/s.
    assert_eq!(topology.wan, Pair::both(Kbps(2_000_000)));
    assert!(topology.wan_is_set);
    assert_eq!(topology.generated, topology.wan);
    assert_eq!(topology.promote_to_root, ["a", "b"]);
    let pins: Vec<&str> = topology
        .pin
        .iter()
        .map(|(child, _)| child.as_str())
        .collect();
    assert_eq!(pins, ["a.b", "z"]);
    assert_eq!(topology.simplify, Simplify::Auto);
    assert_eq!(topology.auto_virtual, Kbps(500));
    let rates = &project.rates;
    assert_eq!(rates.overhead, PerMille(1100));
    assert_eq!(rates.multiplier, PerMille(1100));
    assert_eq!(rates.commit, PerMille(250));
    assert_eq!(rates.default_plan, Some(Pair::both(Kbps(10_000))));
    assert!(rates.add_burst && rates.strict);
    assert_eq!(project.suspended.policy, SuspendedPolicy::Slow);
    assert_eq!(project.suspended.slow, Kbps(1000));
    let allow: Vec<String> = project
        .addresses
        .allow
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(allow, ["9.9.9.9/32", "10.0.0.0/8", "2001:db8::/32"]);
    assert_eq!(project.lint.fail_on, FailOn::Never);
    assert_eq!(project.guard.max_source_age_seconds, 129_600);
    let target = &project.target;
    assert_eq!(target.name.as_deref(), Some("edge1"));
    assert_eq!((target.queues, target.memory), (8, 32 << 30));
    assert_eq!(
        (target.leaf, target.qdisc.as_str()),
        (LeafKind::FqCodel, "fq_codel limit 1000")
    );
    assert_eq!(target.leaf_fallback, ["none"]);
    let shaper = target.shaper.as_ref().expect("a shaper is written");
    assert_eq!(
        (shaper.to_internet.as_str(), shaper.to_network.as_str()),
        ("eth1", "eth1")
    );
    let vlans = ShaperMode::Stick {
        internet_vlan: 10,
        network_vlan: 20,
    };
    assert_eq!(shaper.mode, vlans);
}

#[test]
fn sources_come_in_order_of_precedence_and_can_be_switched_off() {
    let project = try_load(
        r#"
            [[source]]
            name = "crm"
            kind = "uisp"
            export = "a"
            [[source]]
            name = "later"
            kind = "splynx"
            url = "https://splynx.example"
            enabled = false
            key = { credential = "splynx" }
            [[source]]
            name = "files"
            kind = "libreqos"
            export = "b"
            [[source]]
            name = "hand"
            kind = "inventory"
            export = "c"
            [merge]
            precedence = ["hand", "later"]
        "#,
    )
    .expect("this is right");
    let order: Vec<(&str, usize)> = project
        .sources
        .iter()
        .map(|s| (s.name.as_str(), s.index))
        .collect();
    assert_eq!(order, [("hand", 3), ("crm", 0), ("files", 2)]);
}

#[test]
fn the_command_line_stands_above_the_file() {
    let text = format!(
        "{SOURCE}[topology]\nstrategy = \"flat\"\n[target.a]\nqueues = 4\n[target.b]\nqueues = 8\n"
    );
    let load = |target: &str| {
        let overrides = CliOverrides {
            strategy: Some(Strategy::Full),
            target: Some(target.to_owned()),
            ..CliOverrides::default()
        };
        load_str(&text, &mut SourceMap::default(), &overrides)
    };
    let project = load("b").expect("b is declared");
    assert_eq!(project.topology.strategy, Strategy::Full);
    assert_eq!(
        (project.target.name.as_deref(), project.target.queues),
        (Some("b"), 8)
    );
    let error = load("c").expect_err("c is not declared");
    assert_eq!(
        render(&error),
        "there is no target `c` -> weir.toml declares a, b\n"
    );
}

#[test]
fn the_digest_is_of_settings_not_of_text() {
    let digest = |settings: &str| good(settings).digest;
    let plain = digest("");
    assert_eq!(plain.len(), 64);
    for same in [
        "# a comment\n",
        "[rates]\noverhead = 1\n",
        "[topology]\nexclude = []\n[store]\nurl = \"file:elsewhere\"\n",
        "[schedule]\nevery = \"5m\"\n[publish]\nto = \"/opt/libreqos/src\"\n",
    ] {
        assert_eq!(digest(same), plain, "{same}");
    }
    let other = SOURCE.replace("exports/uisp", "exports/tuesday");
    assert_eq!(try_load(&other).expect("this is right").digest, plain);
    assert_eq!(
        digest("[topology]\nexclude = [\"b\", \"a\"]\n[rates]\ncommit = 0.1\n"),
        digest("[rates]\ncommit = 0.100\n[topology]\nexclude = [\"a\", \"b\", \"a\"]\n"),
    );
    let mut seen = BTreeSet::from([plain]);
    for other in [
        "[topology]\nstrategy = \"flat\"\n",
        "[topology]\nwan_mbps = 1000\n",
        "[topology]\npin = { a = \"b\" }\n",
        "[rates]\noverhead = 1.001\n",
        "[suspended]\npolicy = \"drop\"\n",
        "[addresses]\nignore = [\"10.0.0.0/8\"]\n",
        "[lint]\nfail_on = \"warning\"\n",
        "[target.edge1]\n",
        "[target.edge2]\n",
        "[project]\nname = \"lakeside\"\n",
    ] {
        assert!(seen.insert(digest(other)), "{other}");
    }
}

#[test]
fn files_with_a_mark_or_dos_line_ends_are_read() {
    assert_eq!(
        good("").digest,
        try_load(&format!("\u{feff}{SOURCE}"))
            .expect("a BOM")
            .digest
    );
    let dos = format!("{SOURCE}[rates]\r\noverhead = 1.0\r\n")
        .replace('\n', "\r\n")
        .replace("\r\r", "\r");
    assert_eq!(good("").digest, try_load(&dos).expect("CRLF").digest);
}

#[test]
fn limits_of_rules_are_kept_and_name_the_artifact_only_where_they_are_set() {
    let usual = good("");
    assert_eq!(usual.lint.options, LintOptions::default());
    let set = good("[lint.options]\nwide_prefix_ipv6 = 44\nimplausible_plan_least_mbps = 0.5\n");
    let want = LintOptions {
        wide_prefix_ipv6: 44,
        implausible_plan_least: Kbps(500),
        ..LintOptions::default()
    };
    assert_eq!(set.lint.options, want);
    assert_ne!(set.digest, usual.digest);
    let same = good("[lint.options]\nwide_prefix_ipv4 = 24\n");
    assert_eq!(same.digest, usual.digest);
}

#[test]
fn levels_are_kept_by_code() {
    // Every rule there is that a build judges by, by name and by code.
    for rule in crate::lint::rules::ALL {
        if crate::lint::rules::AT_PROMOTION.contains(&rule.code) {
            continue;
        }
        for key in [rule.code, rule.name] {
            let project = good(&format!("[lint.levels]\n{key} = \"warn\"\n"));
            let want = [(rule.code, LevelSetting::Set(Level::Warning))];
            assert_eq!(project.lint.levels, want);
        }
    }
}
