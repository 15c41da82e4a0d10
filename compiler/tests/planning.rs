//! What is said about a plan is what the plan does: lost limits, suggestions, measured peaks, churn and provenance are
//! held against the compiled result itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use weir_compiler::Compiled;
use weir_compiler::compare::compare;
use weir_compiler::ir::graph::Vertex;
use weir_compiler::ir::layout::Remedy;
use weir_compiler::ir::previous::Previous;
use weir_compiler::ir::tree::Parent;
use weir_compiler::limits::{Limits, limits, limits_under};
use weir_compiler::previous;
use weir_compiler::testing::Memory;
use weir_schemas::compare::Plan;
use weir_schemas::provenance::Provenance;

fn memory(inventory: &str, config: &str) -> Memory {
    let files: &[(&str, &[u8])] = &[("inventory.json", inventory.as_bytes())];
    Memory::new("inventory", files, config).unwrap_or_else(|e| panic!("{config}\n{e}"))
}

fn limits_of(memory: &Memory, compiled: &Compiled) -> Limits {
    limits(
        &memory.project,
        &compiled.inventory,
        &compiled.graph,
        &compiled.chosen,
        &compiled.tree,
    )
}

/// Sites and access points under `core`: kind, parent, Mbit/s. Circuits: attach, Mbit/s.
fn inventory(nodes: &[(&str, &str, &str, u64)], circuits: &[(&str, u64)]) -> String {
    let mut json = String::from(
        "{\"schema\":\"weir.inventory/1\",\"nodes\":[{\"id\":\"core\",\"kind\":\"root\"}",
    );
    for (id, kind, parent, mbps) in nodes {
        let kbps = mbps * 1000;
        write!(
            json,
            ",\n{{\"id\":\"{id}\",\"kind\":\"{kind}\",\"parent\":\"{parent}\",\"kbps\":[{kbps},{kbps}]}}"
        )
        .expect("text");
    }
    json.push_str("],\n\"circuits\":[");
    for (i, (attach, mbps)) in circuits.iter().enumerate() {
        let comma = if i == 0 { "" } else { ",\n" };
        let kbps = mbps * 1000;
        write!(
            json,
            "{comma}{{\"id\":\"c{i:03}\",\"attach\":\"{attach}\",\"plan_kbps\":[{kbps},{kbps}],\"devices\":[{{\"id\":\"d{i}\",\"ips\":[\"100.64.{}.{}\"]}}]}}",
            i / 250,
            i % 250 + 1
        )
        .expect("text");
    }
    json.push_str("]}");
    json
}

/// The most that what hangs below a node of the network can send through the emitted tree, download: nested limits,
/// so one circuit after the other is exact.
fn most_below(compiled: &Compiled, node: usize) -> u64 {
    let tree = &compiled.tree;
    let mut left: Vec<u64> = tree.nodes.iter().map(|n| n.cap.down.0).collect();
    let below = |attach: Option<weir_compiler::id::NodeIx>| {
        std::iter::successors(attach, |at| {
            match compiled.chosen.choice[at.ix()].as_ref()?.parent {
                Vertex::Node(parent) => Some(parent),
                Vertex::GeneratedRoot => None,
            }
        })
        .any(|at| at.ix() == node)
    };
    tree.placed()
        .filter(|(ix, _)| below(compiled.inventory[*ix].attach))
        .map(|(_, circuit)| {
            let first = match circuit.parent {
                Parent::Node(at) => Some(at),
                Parent::Bucket(_) => None,
            };
            let path: Vec<usize> = std::iter::successors(first, |at| tree[*at].parent)
                .map(|at| at.ix())
                .collect();
            let room = path.iter().map(|at| left[*at]).min().unwrap_or(u64::MAX);
            let rate = room.min(circuit.max.down.0);
            path.iter().for_each(|at| left[*at] -= rate);
            rate
        })
        .sum()
}

fn networks() -> impl Strategy<Value = (String, &'static str)> {
    let kind = prop_oneof![Just("site"), Just("ap"), Just("other")];
    let node = (any::<prop::sample::Index>(), kind, 1u64..30);
    let circuit = (any::<prop::sample::Index>(), 1u64..20);
    let strategy = prop_oneof![Just("flat"), Just("ap_only"), Just("ap_site"), Just("full")];
    (
        prop::collection::vec(node, 1..9),
        prop::collection::vec(circuit, 1..9),
        strategy,
    )
        .prop_map(|(nodes, circuits, strategy)| {
            let ids: Vec<String> = (0..nodes.len()).map(|i| format!("n{i}")).collect();
            let nodes: Vec<(&str, &str, &str, u64)> = nodes
                .iter()
                .enumerate()
                .map(|(i, (up, kind, mbps))| {
                    let parent = match up.index(i + 1) {
                        up if up == i => "core",
                        up => ids[up].as_str(),
                    };
                    (ids[i].as_str(), *kind, parent, *mbps)
                })
                .collect();
            let circuits: Vec<(&str, u64)> = circuits
                .iter()
                .map(|(at, mbps)| (ids[at.index(ids.len())].as_str(), *mbps))
                .collect();
            (inventory(&nodes, &circuits), strategy)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// A limit is lost where the emitted tree lets more through, by exactly that; `full` loses none.
    #[test]
    fn lost_limits_are_those_that_can_be_exceeded((json, strategy) in networks()) {
        let config = format!(
            "[topology]\nstrategy = \"{strategy}\"\ntree = \"declared\"\nwan_mbps = [1000, 1000]\nmax_depth = 7\n[target.box]\nqueues = 2\n"
        );
        let memory = memory(&json, &config);
        let compiled = memory.compile(None);
        let found = limits_of(&memory, &compiled);
        let lost: BTreeMap<usize, u64> =
            found.lost.iter().map(|(node, by)| (node.ix(), by.down.0)).collect();
        for node in compiled.inventory.node_ixs() {
            let cap = compiled.tree.evidence.physical_cap[node.ix()].down.0;
            if Some(node) == compiled.graph.root || cap >= 1_000_000 {
                continue;
            }
            let over = most_below(&compiled, node.ix()).saturating_sub(cap);
            match lost.get(&node.ix()) {
                Some(by) => prop_assert_eq!(*by, over),
                // What another limit implies is not counted; that other one is then lost.
                None if over > 0 => prop_assert!(!lost.is_empty()),
                None => {}
            }
        }
        if strategy == "full" && compiled.tree.evidence.cut.is_empty() {
            prop_assert!(found.lost.is_empty(), "{:?}", found);
        }
        if strategy == "flat" {
            prop_assert_eq!(found.lost.len(), found.binding);
        }
    }
}

/// One heavy site with four access points of their own, and two light ones.
fn lopsided() -> String {
    let nodes = [
        ("big", "site", "core", 5000),
        ("big-a", "ap", "big", 3000),
        ("big-b", "ap", "big", 3000),
        ("big-c", "ap", "big", 3000),
        ("one", "site", "core", 1000),
        ("two", "site", "core", 1000),
    ];
    let mut circuits = Vec::new();
    for (ap, n) in [
        ("big-a", 4),
        ("big-b", 4),
        ("big-c", 4),
        ("one", 1),
        ("two", 1),
    ] {
        circuits.extend(std::iter::repeat_n((ap, 500), n));
    }
    inventory(&nodes, &circuits)
}

const LOPSIDED: &str = "wan_mbps = [10000, 10000]\n[target.box]\nqueues = 3\n";

/// Doing what a finding says has the effect that it says.
#[test]
fn a_suggestion_does_what_it_says() {
    let json = lopsided();
    let base = "[topology]\nstrategy = \"full\"\n";
    let before = memory(&json, &format!("{base}{LOPSIDED}"));
    let compiled = before.compile(None);
    let advice = &compiled.layout.evidence.advice;
    assert!(!advice.is_empty());
    let finding = compiled
        .findings
        .iter()
        .find(|f| f.rule.code == "BUD008")
        .expect("the site is too heavy");
    let mut excluded = 0;
    for advice in advice {
        let id = |node: &weir_compiler::id::NodeIx| format!("\"{}\"", compiled.inventory[*node].id);
        let setting = match &advice.remedy {
            Remedy::Promote(nodes) => {
                let ids: Vec<String> = nodes.iter().map(id).collect();
                format!("promote_to_root = [{}]\n", ids.join(", "))
            }
            Remedy::Exclude(node) => format!("exclude = [{}]\n", id(node)),
        };
        let done = memory(&json, &format!("{base}{setting}{LOPSIDED}"));
        let after = done.compile(None);
        assert!(advice.after.balance_percent < advice.before.balance_percent);
        assert_eq!(
            compiled.layout.balance_percent(),
            advice.before.balance_percent
        );
        assert_eq!(
            after.layout.balance_percent(),
            advice.after.balance_percent,
            "{setting}"
        );
        // Held against the network as it is: a limit that is given up is lost, also when the settings say that it does
        // not count any more.
        let lost = limits_under(
            &compiled.tree.evidence.physical_cap,
            &before.project,
            &compiled.inventory,
            &compiled.graph,
            &compiled.chosen,
            &after.tree,
        );
        assert_eq!(lost.exceed(), advice.after.exceed, "{setting}");
        if let Remedy::Exclude(node) = advice.remedy {
            let own = compiled.inventory[node].capacity.down;
            assert!(own.is_some() && lost.lost.iter().any(|(lost, _)| *lost == node));
            excluded += 1;
        }
        let told = format!(
            "the fullest queue then has {}.{:02} times the mean",
            advice.after.balance_percent / 100,
            advice.after.balance_percent % 100
        );
        assert!(finding.help.contains(&told), "{}", finding.help);
    }
    assert!(excluded > 0, "excluding was suggested");
    assert!(
        finding.help.contains("`topology.promote_to_root`"),
        "{}",
        finding.help
    );
    assert!(
        finding.help.contains("limits can then be exceeded by"),
        "{}",
        finding.help
    );
    // Where nothing was tried, nothing is said to have been: there is nothing below to move.
    let single = inventory(
        &[("big", "site", "core", 5000), ("one", "site", "core", 1000)],
        &[("big", 2000), ("big", 2000), ("one", 100)],
    );
    let compiled = memory(&single, &format!("{base}{LOPSIDED}")).compile(None);
    let finding = compiled.findings.iter().find(|f| f.rule.code == "BUD008");
    let help = &finding.expect("too heavy").help;
    assert!(help.starts_with("no node hangs below it"), "{help}");
    // What was tried and does not help is told as that.
    let stuck = inventory(
        &[
            ("big", "site", "core", 5000),
            ("ap", "ap", "big", 4000),
            ("one", "site", "core", 1000),
        ],
        &[("ap", 2000), ("ap", 2000), ("one", 100)],
    );
    let compiled = memory(&stuck, &format!("{base}{LOPSIDED}")).compile(None);
    let finding = compiled.findings.iter().find(|f| f.rule.code == "BUD008");
    let help = &finding.expect("too heavy").help;
    assert!(
        help.starts_with("promoting its children or excluding it spreads the work no better"),
        "{help}"
    );
}

#[test]
fn the_comparison_says_what_builds_do() {
    let json = lopsided();
    let config = |strategy: &str| format!("[topology]\nstrategy = \"{strategy}\"\n{LOPSIDED}");
    let project = memory(&json, &config("ap_only"));
    let first = project.compile(None);
    let before = previous_of(&project, &first);
    let compared = compare(
        &project.project,
        &project.files,
        &project.exports,
        Some(&before),
    );
    let report = &compared.report;
    assert!(!compared.incomplete);
    assert_eq!(report.configured.word(), "ap_only");
    assert_eq!(report.strategies.len(), 4);
    for plan in &report.strategies {
        let memory = memory(&json, &config(plan.strategy.word()));
        let built = memory.compile(Some(&before));
        let manifest: weir_schemas::manifest::Manifest<'_> =
            serde_json::from_slice(built.artifacts.file("manifest.json").expect("a manifest"))
                .expect("a manifest");
        assert_eq!(plan.class_minors, manifest.fit.class_minors);
        assert_eq!(plan.leaf_handles, manifest.fit.leaf_handles);
        assert_eq!(plan.memory_bytes, manifest.fit.memory_bytes);
        assert_eq!(plan.core_kbps, manifest.fit.core_kbps);
        assert_eq!(plan.levels, manifest.fit.levels);
        assert_eq!(plan.classes, manifest.counts.classes);
        assert_eq!(
            (plan.errors, plan.warnings),
            (manifest.findings.error, manifest.findings.warning)
        );
        assert_eq!(plan.failing, manifest.failing);
        assert_eq!(plan.refused.len(), built.refused.len());
        let found = limits_of(&memory, &built);
        assert_eq!(plan.limits.exceed_kbps, found.exceed().array());
        assert_eq!(plan.limits.held + plan.limits.lost, plan.limits.can_bind);
    }
    let of = |word: &str| -> &Plan {
        let mut plans = report.strategies.iter();
        plans.find(|p| p.strategy.word() == word).expect("a row")
    };
    assert_eq!(of("full").limits.lost, 0);
    assert_eq!(of("flat").limits.lost, of("flat").limits.can_bind);
    assert_eq!(of("ap_only").limits.worst[0].node, "big");
    let same = of("ap_only").churn.expect("a previous artifact");
    assert_eq!(
        (
            same.changed,
            same.reparented_circuits,
            same.added,
            same.removed
        ),
        (0, 0, 0, 0)
    );
    let other = of("full").churn.expect("a previous artifact");
    assert_eq!(
        other.reparented_circuits, 2,
        "those on sites hung in generated parents"
    );
    // What moves with its node is not moved without a reason.
    assert!(other.changed > 0 && other.without_reason <= other.changed);
    let best = report.recommended.as_ref().expect("something can be built");
    assert_eq!(best.strategy.word(), "ap_site", "{:?}", best.reasons);
    assert!(
        best.reasons.iter().any(|r| r.starts_with("flat loses")),
        "{:?}",
        best.reasons
    );
}

fn previous_of(memory: &Memory, compiled: &Compiled) -> Previous {
    let plan = compiled.artifacts.file("queue-plan.json").expect("a plan");
    previous::read(plan, &compiled.artifacts.digest, &memory.project).expect("a plan")
}

/// Six sites whose plans are alike and whose peaks are not.
fn alike() -> String {
    let ids = ["s1", "s2", "s3", "s4", "s5", "s6"];
    let nodes: Vec<_> = ids.iter().map(|id| (*id, "site", "core", 1000)).collect();
    let circuits: Vec<_> = ids.iter().flat_map(|id| [(*id, 100), (*id, 100)]).collect();
    inventory(&nodes, &circuits)
}

const PEAKS: [(&str, u64); 6] = [
    ("s1", 90_000),
    ("s2", 10_000),
    ("s3", 90_000),
    ("s4", 10_000),
    ("s5", 20_000),
    ("s6", 20_000),
];

fn with_peaks(json: &str, rows: &[String], config: &str) -> Memory {
    let csv = format!("kind,id,download_kbps,upload_kbps\n{}\n", rows.join("\n"));
    let files: &[(&str, &[u8])] = &[
        ("inventory.json", json.as_bytes()),
        ("peaks.csv", csv.as_bytes()),
    ];
    Memory::new(
        "inventory",
        files,
        &format!("[topology]\nstrategy = \"full\"\npeaks = \"peaks.csv\"\n{config}"),
    )
    .expect("a project")
}

/// Measured load of the fullest queue in percent of the mean.
fn balance(compiled: &Compiled) -> u64 {
    let peak: BTreeMap<&str, u64> = PEAKS.into_iter().collect();
    let mut load = vec![0; compiled.layout.majors.len()];
    for at in compiled.tree.roots() {
        let id = &*compiled.inventory[compiled.tree[at].node].id;
        load[usize::from(compiled.layout.node_queue[at.ix()])] += peak[id];
    }
    let sum: u64 = load.iter().sum();
    load.iter().copied().max().unwrap_or(0) * 100 * load.len() as u64 / sum
}

#[test]
fn peaks_balance_what_plans_do_not() {
    let json = alike();
    let config = "[target.box]\nqueues = 2\n";
    let rows: Vec<String> = PEAKS
        .iter()
        .map(|(id, kbps)| format!("node,{id},{kbps},0"))
        .collect();
    let by_plan =
        memory(&json, &format!("[topology]\nstrategy = \"full\"\n{config}")).compile(None);
    let project = with_peaks(&json, &rows, config);
    let by_peak = project.compile(None);
    assert_eq!(balance(&by_plan), 166, "s1, s3 and s5 are together");
    assert_eq!(balance(&by_peak), 100);
    assert_eq!(by_peak.layout.weights(), [120_000, 120_000]);
    assert!(by_peak.findings.iter().all(|f| f.rule.code != "SRC016"));
    // Rates and the planned load do not depend on it; where it comes from is recorded.
    let planned = |compiled: &Compiled| compiled.layout.load_kbps.iter().sum::<u64>();
    assert_eq!(planned(&by_peak), planned(&by_plan));
    let manifest = by_peak.artifacts.file("manifest.json").expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_slice(manifest).expect("JSON");
    assert_eq!(manifest["inputs"]["peaks"]["path"], "exports/peaks.csv");

    // The order of rows never shows, nor does a row that is there twice.
    let mut shuffled: Vec<String> = rows.iter().rev().cloned().collect();
    shuffled.push("node,s1,80000,0".to_owned());
    let again = with_peaks(&json, &shuffled, config).compile(None);
    for name in ["queue-plan.json", "tree.json", "ShapedDevices.csv"] {
        assert!(
            again.artifacts.file(name) == by_peak.artifacts.file(name),
            "{name}"
        );
    }
    assert_eq!(again.artifacts.digest, by_peak.artifacts.digest);
    // New peaks with the old queues in force: at most one move, and the same artifact when they say the same.
    let before = previous_of(&project, &by_peak);
    let rebuilt = with_peaks(&json, &shuffled, config).compile(Some(&before));
    assert_eq!(rebuilt.artifacts.digest, by_peak.artifacts.digest);
}

/// What is not measured counts with the share of their plans that the measured things use, and not with whole plans.
#[test]
fn plans_and_peaks_are_weighed_on_one_scale() {
    let json = alike();
    let config = "[target.box]\nqueues = 2\n";
    // s1 uses a tenth of its plans of 400 Mbit/s in both directions.
    let rows = ["node,s1,30000,10000".to_owned()];
    let compiled = with_peaks(&json, &rows, config).compile(None);
    assert_eq!(compiled.layout.weights(), [120_000, 120_000]);
    // A circuit's own peak, beside those of nodes.
    let rows = [
        "node,s1,30000,10000".to_owned(),
        "circuit,c002,20000,0".to_owned(),
    ];
    let compiled = with_peaks(&json, &rows, config).compile(None);
    // 60 of 600: still a tenth.
    assert_eq!(compiled.layout.weights().iter().sum::<u64>(), 240_000);
}

/// `ap_site` puts sites side by side: the peak of one that carries others counts with its own part.
#[test]
fn a_peak_counts_for_what_is_emitted_below() {
    let json = inventory(
        &[("near", "site", "core", 1000), ("far", "site", "near", 500)],
        &[("near", 100), ("far", 100), ("far", 100), ("far", 100)],
    );
    let rows = [
        "node,near,80000,0".to_owned(),
        "node,far,70000,0".to_owned(),
    ];
    let config = "[target.box]\nqueues = 2\n";
    let full = with_peaks(&json, &rows, &format!("tree = \"declared\"\n{config}")).compile(None);
    assert_eq!(full.layout.weights().iter().sum::<u64>(), 80_000);
    let csv = "kind,id,download_kbps,upload_kbps\nnode,near,80000,0\nnode,far,70000,0\n";
    let files: &[(&str, &[u8])] = &[
        ("inventory.json", json.as_bytes()),
        ("peaks.csv", csv.as_bytes()),
    ];
    let settings = format!(
        "[topology]\nstrategy = \"ap_site\"\ntree = \"declared\"\npeaks = \"peaks.csv\"\n{config}"
    );
    let memory = Memory::new("inventory", files, &settings).expect("a project");
    // A quarter of the circuits below it in the network hang on the near site itself.
    assert_eq!(memory.compile(None).layout.weights(), [70_000, 20_000]);
}

/// Plans grow until a site is moved off its CPU queue: its classes change, and nothing about them did.
#[test]
fn churn_is_refused_above_its_budget_and_told_in_any_case() {
    let config = |churn: u64| {
        format!(
            "[topology]\nstrategy = \"full\"\nwan_mbps = [20000, 20000]\n[target.box]\nqueues = 2\n[guard]\nmax_churn = {churn}\n"
        )
    };
    let nodes: Vec<_> = ["s1", "s2", "s3", "s4"]
        .into_iter()
        .map(|id| (id, "site", "core", 9000))
        .collect();
    let circuits = |grown: u64| {
        [("s1", grown), ("s2", 100), ("s3", 100), ("s4", 100)]
            .into_iter()
            .flat_map(|c| [c, c])
            .collect::<Vec<_>>()
    };
    let first = memory(&inventory(&nodes, &circuits(100)), &config(0));
    let before = previous_of(&first, &first.compile(None));
    let grown = inventory(&nodes, &circuits(900));
    let build = |churn: u64| memory(&grown, &config(churn)).compile(Some(&before));
    let free = build(0);
    // One site and its two circuits.
    assert_eq!(free.layout.evidence.renumbered.len(), 3);
    assert!(free.refused.is_empty());
    let told: Vec<&str> = free
        .findings
        .iter()
        .filter(|f| f.rule.code == "CHG004")
        .map(|f| f.message.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "3 of 12 class ids that stay where they are become others, for another CPU queue: site \"s3\" and below"
        ]
    );
    assert!(build(3).refused.is_empty());
    let refused = build(2).refused;
    assert_eq!(refused.len(), 1);
    assert!(
        refused[0].message.starts_with("3 class ids change"),
        "{:?}",
        refused[0]
    );

    // A site that moves in the network takes its circuits along: that has a reason.
    // Two sites are light, so that nothing needs to be balanced afterwards.
    let light: Vec<(&str, u64)> = circuits(100)
        .into_iter()
        .map(|(at, mbps)| (at, if ["s3", "s4"].contains(&at) { 1 } else { mbps }))
        .collect();
    let mut moved = nodes.clone();
    moved[3].2 = "s1";
    let again = memory(
        &inventory(&moved, &light),
        &config(1).replace("strategy", "tree = \"declared\"\nstrategy"),
    );
    let start = memory(
        &inventory(&nodes, &light),
        &config(1).replace("strategy", "tree = \"declared\"\nstrategy"),
    );
    let before = previous_of(&start, &start.compile(None));
    let compiled = again.compile(Some(&before));
    assert_eq!(
        compiled.layout.evidence.reparented.len(),
        1,
        "only s4 hangs elsewhere"
    );
    assert!(
        compiled.layout.evidence.renumbered.is_empty(),
        "{:?}",
        compiled.layout.evidence.renumbered
    );
    assert!(compiled.refused.is_empty());
}

/// The chosen way, its rivals and what each costs are in the artifact, and so is a way that was kept for its age.
#[test]
fn provenance_holds_the_chosen_way_and_its_rivals_with_their_costs() {
    let network = |around: u64| {
        format!(
            r#"{{"schema":"weir.inventory/1",
 "nodes":[{{"id":"core","kind":"root"}},{{"id":"s1","kind":"site"}},{{"id":"s2","kind":"site"}}],
 "links":[{{"id":"l1","a":"core","b":"s1","cost":100}},{{"id":"l2","a":"core","b":"s2","cost":200,"kbps":[800000,800000]}},
          {{"id":"l3","a":"s1","b":"s2","cost":{around},"kbps":[300000,300000]}}],
 "circuits":[{{"id":"c1","attach":"s2","plan_kbps":[1000,1000],"devices":[{{"id":"d1","ips":["100.64.0.2"]}}]}}]}}"#
        )
    };
    let config = "[topology]\nstrategy = \"full\"\n[target.box]\nqueues = 2\n";
    let first = memory(&network(150), config);
    let compiled = first.compile(None);
    let before = previous_of(&first, &compiled);
    let later = memory(&network(90), config).compile(Some(&before));
    for (compiled, rival_cost, kept) in [(&compiled, 250, false), (&later, 190, true)] {
        let bytes = compiled.artifacts.file("provenance.json").expect("a file");
        let provenance: Provenance<'_> = weir_schemas::read(bytes).expect("provenance");
        let node = provenance.nodes.iter().find(|n| n.id == "s2").expect("s2");
        let chosen = node.chosen.as_ref().expect("a way");
        assert_eq!(
            (chosen.parent.as_ref(), chosen.link.as_deref()),
            ("core", Some("l2"))
        );
        assert_eq!(
            (chosen.cost, chosen.hops, chosen.bottleneck_kbps),
            (200, 1, Some(800_000))
        );
        assert_eq!(node.kept, kept);
        let rival = &node.rivals[0];
        assert_eq!(
            (rival.parent.as_ref(), rival.link.as_deref()),
            ("s1", Some("l3"))
        );
        assert_eq!(
            (rival.cost, rival.hops, rival.bottleneck_kbps),
            (rival_cost, 2, Some(300_000))
        );
    }
}
