//! `weir diff` on the worked example: everything that can change at once, in every look, byte for byte what is in
//! `compiler/tests/diff/`. `UPDATE_GOLDEN=1 cargo test -p weir-compiler --test diff` rewrites it.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use weir_compiler::diff::{Artifact, Files, diff};
use weir_compiler::previous;
use weir_compiler::report::diff::{html, markdown, text};
use weir_compiler::report::{Detail, Look};
use weir_compiler::testing::Memory;
use weir_schemas::artifact;
use weir_schemas::diff::{Diff, Disruption, GroupKind};

const INVENTORY: &str = include_str!("../../golden/worked-example/exports/inventory.json");
const CONFIG: &str = "[topology]\nstrategy = \"full\"\nwan_mbps = 2000\n[rates]\noverhead = 1.1\ncommit = 0.1\n[target.edge1]\nqueues = 2\n";

/// Compiles an inventory as the successor of an artifact, and reads it back as `weir diff` does.
fn build(inventory: &str, config: &str, after: Option<&Built>) -> Built {
    let memory = Memory::new(
        "inventory",
        &[("inventory.json", inventory.as_bytes())],
        config,
    )
    .expect("a project");
    let before = after.map(|built| {
        let plan = built.file(artifact::QUEUE_PLAN).expect("a plan");
        previous::read(&plan, &built.artifact().digest, &memory.project).expect("a plan")
    });
    let set = memory.compile(before.as_ref()).artifacts;
    let files = set.files.into_iter();
    let files: Vec<_> = files.map(|(n, file)| (n, file.bytes().to_vec())).collect();
    Built {
        read: Files::of(|name| {
            let found = files.iter().find(|(n, _)| *n == name);
            found.map(|(_, bytes)| bytes.clone())
        }),
        files,
    }
}

struct Built {
    read: Files,
    files: Vec<(&'static str, Vec<u8>)>,
}

impl Built {
    fn artifact(&self) -> Artifact<'_> {
        self.read.artifact().unwrap_or_else(|e| panic!("{e}"))
    }

    fn file(&self, name: &str) -> Option<Vec<u8>> {
        let found = self.files.iter().find(|(n, _)| *n == name);
        found.map(|(_, bytes)| bytes.clone())
    }
}

/// The inventory with parts of it replaced; each must be there.
fn changed(changes: &[(&str, &str)]) -> String {
    changes
        .iter()
        .fold(INVENTORY.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from} is not in the inventory");
            text.replacen(from, to, 1)
        })
}

fn of(before: &str, after: &str) -> Diff {
    let before = build(before, CONFIG, None);
    let after = build(after, CONFIG, Some(&before));
    diff(&before.artifact(), &after.artifact())
}

/// Everything at once.
fn everything() -> Diff {
    of(
        INVENTORY,
        &changed(&[
            // c1 is renamed, by somebody who hopes for a browser and a terminal.
            (
                r#"{"id": "c1", "#,
                r#"{"id": "c1", "name": "<script>alert(1)</script> | **x** \u001b[31m\u202e", "#,
            ),
            // c2 gets another plan, c3 hangs on another access point, c4 has another address.
            (
                r#"{"id": "c2", "attach": "a1", "plan_kbps": [100000, 20000]"#,
                r#"{"id": "c2", "attach": "a1", "plan_kbps": [50000, 10000]"#,
            ),
            (
                r#"{"id": "c3", "attach": "a2""#,
                r#"{"id": "c3", "attach": "a1""#,
            ),
            ("100.64.0.4", "100.64.9.4"),
            // c5 is gone, c6 lost its plan, c9 is new.
            (
                r#"    {"id": "c5", "attach": "a4", "plan_kbps": [100000, 20000], "devices": [{"id": "d5", "ips": ["100.64.0.5"]}]},"#,
                r#"    {"id": "c9", "attach": "a3", "plan_kbps": [30000, 5000], "devices": [{"id": "d9", "ips": ["100.64.0.9"]}]},"#,
            ),
            (
                r#"{"id": "c6", "attach": "a5", "plan_kbps": [100000, 20000]"#,
                r#"{"id": "c6", "attach": "a5""#,
            ),
            // A sector gets another capacity, a site another uplink.
            ("[150000, 75000]", "[250000, 75000]"),
            (r#""kbps": [500000, 250000]"#, r#""kbps": [9000, 9000]"#),
        ]),
    )
}

fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/diff")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(&path, found).expect("written");
    }
    let want = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        want == found,
        "{name} differs; UPDATE_GOLDEN=1 cargo test -p weir-compiler --test diff rewrites it:\n{found}"
    );
}

#[test]
fn every_look_of_everything_is_as_reviewed() {
    let diff = everything();
    golden("everything.txt", &text(&diff, Look::PLAIN, Detail::Normal));
    golden("everything.md", &markdown(&diff));
    golden("everything.html", &html(&diff));
    let mut json = serde_json::to_string_pretty(&diff).expect("JSON");
    json.push('\n');
    golden("everything.json", &json);
}

#[test]
fn a_crm_cannot_write_markup_or_move_the_cursor() {
    let diff = everything();
    let (page, comment, terminal) = (
        html(&diff),
        markdown(&diff),
        text(&diff, Look::PLAIN, Detail::Verbose),
    );
    for (what, shown) in [("html", &page), ("markdown", &comment), ("text", &terminal)] {
        assert!(
            !shown.contains('\u{1b}') && !shown.contains('\u{202e}'),
            "{what}"
        );
    }
    assert!(!page.contains("<script") && !comment.contains("<script"));
    assert!(!comment.contains("**x**"));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn an_artifact_does_not_differ_from_itself() {
    let built = build(INVENTORY, CONFIG, None);
    let same = diff(&built.artifact(), &built.artifact());
    assert_eq!((same.counts.total(), same.groups.len()), (0, 0));
    assert_eq!(same.disruption, Disruption::None);
    assert_eq!(
        text(&same, Look::PLAIN, Detail::Normal).lines().nth(1),
        Some("no change")
    );
}

#[test]
fn what_joins_one_way_leaves_the_other_way() {
    let (a, b) = (build(INVENTORY, CONFIG, None), everything_after());
    let (there, back) = (
        diff(&a.artifact(), &b.artifact()),
        diff(&b.artifact(), &a.artifact()),
    );
    let ids = |diff: &Diff, kind| -> Vec<String> {
        let group = diff.groups.iter().find(|g| g.kind == kind);
        let mut ids: Vec<String> = group
            .into_iter()
            .flat_map(|g| g.changes.iter().map(|c| c.id.clone()))
            .collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&there, GroupKind::Joined), ids(&back, GroupKind::Left));
    assert_eq!(ids(&there, GroupKind::Left), ids(&back, GroupKind::Joined));
    for kind in [GroupKind::Moved, GroupKind::Rerated, GroupKind::Readdressed] {
        assert_eq!(ids(&there, kind), ids(&back, kind), "{kind:?}");
        assert!(!ids(&there, kind).is_empty(), "{kind:?}");
    }
}

fn everything_after() -> Built {
    let inventory = changed(&[
        (
            r#"{"id": "c3", "attach": "a2""#,
            r#"{"id": "c3", "attach": "a1""#,
        ),
        ("100.64.0.4", "100.64.9.4"),
        (
            r#"{"id": "c2", "attach": "a1", "plan_kbps": [100000, 20000]"#,
            r#"{"id": "c2", "attach": "a1", "plan_kbps": [50000, 10000]"#,
        ),
        (r#"{"id": "c7","#, r#"{"id": "c70","#),
    ]);
    build(&inventory, CONFIG, None)
}

/// One change of one kind is that change and no other.
#[test]
fn single_changes_are_told_alone_with_their_disruption() {
    for (what, changes, kind, disruption) in [
        (
            "an address",
            [("100.64.0.4", "100.64.9.4")],
            GroupKind::Readdressed,
            Disruption::MapOnly,
        ),
        (
            "a name",
            [(r#"{"id": "c4","#, r#"{"id": "c4", "name": "Ada","#)],
            GroupKind::Renamed,
            Disruption::None,
        ),
        (
            "a plan",
            [(
                r#"{"id": "c4", "attach": "a3", "plan_kbps": [100000, 20000]"#,
                r#"{"id": "c4", "attach": "a3", "plan_kbps": [40000, 20000]"#,
            )],
            GroupKind::Rerated,
            Disruption::Rate,
        ),
        (
            "a sector's name",
            [(r#"{"id": "a3","#, r#"{"id": "a3", "name": "Hill","#)],
            GroupKind::NodesRenamed,
            Disruption::None,
        ),
    ] {
        let diff = of(INVENTORY, &changed(&changes));
        let told: Vec<_> = diff
            .groups
            .iter()
            .map(|g| (g.kind, g.changes.len()))
            .collect();
        assert_eq!(told, [(kind, 1)], "{what}");
        assert_eq!((diff.disruption, diff.disturbed), (disruption, 0), "{what}");
    }
}

/// Plan, parent and addresses are the same: only what queues the packets is another one.
#[test]
fn another_queue_discipline_of_one_circuit_is_told() {
    let diff = of(
        INVENTORY,
        &changed(&[(
            r#"{"id": "c4","#,
            r#"{"id": "c4", "qdisc": ["fq_codel", "cake"],"#,
        )]),
    );
    let told: Vec<_> = (diff.groups.iter())
        .map(|g| (g.kind, g.changes.len()))
        .collect();
    assert_eq!(told, [(GroupKind::Reclassed, 1)]);
    assert_eq!((diff.disruption, diff.disturbed), (Disruption::Leaf, 1));
    let text = serde_json::to_string(&diff.groups[0].changes[0]).expect("JSON");
    assert!(
        text.contains("leaf cake") && text.contains("leaf fq_codel"),
        "{text}"
    );
}

#[test]
fn other_leaf_arguments_and_another_box_are_settings() {
    let before = build(INVENTORY, CONFIG, None);
    let besteffort = format!("{CONFIG}[target.edge1.shaper]\nqdisc = \"cake besteffort\"\n");
    let after = build(INVENTORY, &besteffort, Some(&before));
    let leaves = diff(&before.artifact(), &after.artifact());
    assert_eq!((leaves.counts.total(), leaves.counts.settings), (1, 1));
    assert_eq!((leaves.disruption, leaves.disturbed), (Disruption::Leaf, 8));

    let wide = CONFIG.replace("queues = 2", "queues = 4");
    let after = build(INVENTORY, &wide, Some(&before));
    let rebuilt = diff(&before.artifact(), &after.artifact());
    assert_eq!(
        (rebuilt.disruption, rebuilt.disturbed),
        (Disruption::Rebuild, 8)
    );
    assert_eq!(rebuilt.groups[0].kind, GroupKind::Settings);
}

#[test]
fn strategies_can_be_compared() {
    let before = build(INVENTORY, CONFIG, None);
    let flat = CONFIG.replace("\"full\"", "\"flat\"");
    let after = build(INVENTORY, &flat, None);
    let diff = diff(&before.artifact(), &after.artifact());
    assert_eq!(diff.counts.moved, 8);
    assert_eq!(diff.counts.nodes_left, diff.from.nodes);
    let settings = diff.groups.iter().find(|g| g.kind == GroupKind::Settings);
    assert_eq!(
        settings.expect("settings").changes[0].after.as_deref(),
        Some("flat")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Counts agree with what is listed, for any subset of circuits on either side.
    #[test]
    fn counts_are_those_of_any_two_sets(a in prop::collection::btree_set(0..40u32, 0..30), b in prop::collection::btree_set(0..40u32, 0..30)) {
        let inventory = |ids: &std::collections::BTreeSet<u32>| {
            let circuits: Vec<String> = ids.iter().map(|n| format!(
                r#"{{"id": "k{n}", "attach": "s", "plan_kbps": [1000, 1000], "devices": [{{"id": "d{n}", "ips": ["100.64.1.{n}"]}}]}}"#
            )).collect();
            format!(
                r#"{{"schema": "weir.inventory/1", "nodes": [{{"id": "core", "kind": "root"}}, {{"id": "s", "kind": "site", "parent": "core", "kbps": [90000, 90000]}}], "links": [], "circuits": [{}]}}"#,
                circuits.join(",")
            )
        };
        let before = build(&inventory(&a), CONFIG, None);
        let after = build(&inventory(&b), CONFIG, Some(&before));
        let diff = diff(&before.artifact(), &after.artifact());
        prop_assert_eq!(diff.counts.left, a.difference(&b).count() as u64);
        prop_assert_eq!(diff.counts.joined, b.difference(&a).count() as u64);
        prop_assert_eq!(diff.counts.moved + diff.counts.rerated + diff.counts.readdressed, 0);
        let listed: usize = diff.groups.iter().map(|g| g.changes.len()).sum();
        prop_assert_eq!(listed as u64, diff.counts.total());
    }
}
