//! What people see, on hand-built findings and trees.

use petgraph::graph::DiGraph;
use proptest::prelude::{Just, ProptestConfig, any, prop, prop_assert, prop_oneof, proptest};

use super::*;
use crate::finding::{Label, Standing};
use crate::id::{CircuitIx, FileId, LinkIx, NodeIx, TreeIx};
use crate::ir::graph::{Choice, Edge, Vertex, Via};
use crate::ir::inventory::{Circuit, Inventory, Link, Node, OmitReason};
use crate::ir::layout::QueueLayout;
use crate::ir::records::{LinkState, NodeKind, Origin, ServiceState, Subject, SubjectKind};
use crate::ir::tree::{
    BucketReason, Parent, PlacedCircuit, ShapingTree, Strategy, TreeEvidence, TreeNode,
};
use crate::lint::rule::{Example, Rule};
use crate::report::excerpt::Spot;
use crate::source_map::{Format, SourceFile, SourceMap};
use crate::units::{Kbps, Pair};

const EXAMPLE: Example = Example::inventory(&[("inventory.json", "{}")], "");

static DUPLICATE: Rule = Rule {
    code: "ADR001",
    name: "duplicate-address",
    default: Level::Error,
    contained: true,
    what: "The same prefix on two circuits.",
    why: "One of the two subscribers is shaped as the other, or not at all.",
    fix: "Correct the address in the CRM.",
    bad: EXAMPLE,
    good: EXAMPLE,
    check: |_, _| {},
};

static EMPTY: Rule = Rule {
    code: "TOP012",
    name: "empty-node",
    default: Level::Info,
    contained: false,
    what: "A node without circuits.",
    why: "It is not emitted.",
    fix: "Nothing to do.",
    bad: EXAMPLE,
    good: EXAMPLE,
    check: |_, _| {},
};

fn file(files: &mut SourceMap, path: &str, format: Format, text: impl AsRef<[u8]>) -> FileId {
    files.add(SourceFile {
        path: path.to_owned(),
        format,
        bytes: text.as_ref().to_vec().into(),
        transcoded: None,
        digest: String::new().into(),
    })
}

fn record(files: &SourceMap, file: FileId, record: &str) -> Origin {
    let bytes = files.file(file).bytes.whole();
    let start = bytes
        .windows(record.len())
        .position(|w| w == record.as_bytes())
        .expect("the record is in the file");
    Origin {
        file,
        start: start as u64,
        len: record.len() as u32,
    }
}

fn finding(rule: &'static Rule, message: &str, places: Vec<Label>) -> Finding {
    Finding {
        rule,
        level: rule.default,
        message: message.to_owned(),
        subjects: vec![Subject::new(SubjectKind::Circuit, "c1", "Jo Doe")],
        places,
        help: "give one of them another address in the CRM".to_owned(),
        fact: String::new(),
        fix: None,
        fingerprint: "0123456789abcdef0123456789abcdef".to_owned(),
        standing: Standing::Open,
    }
}

const PRETTY: &str = r#"{ "circuits": [
  { "id": "c1",
    "devices": [ { "id": "d1",
                   "ips": ["100.64.0.2"] } ] },
  { "id": "c2" },
  { "id": "c3" },
  { "id": "c4",
    "devices": [ { "id": "d4", "ips": ["100.64.0.2"] } ] }
] }
"#;

#[test]
fn both_places_of_a_finding_are_shown_where_they_stand() {
    let mut files = SourceMap::default();
    let inventory = file(
        &mut files,
        "exports/own/inventory.json",
        Format::Json,
        PRETTY,
    );
    let csv = file(
        &mut files,
        "exports/lq/ShapedDevices.csv",
        Format::Csv,
        "Circuit ID,Circuit Name,IPv4\n7,\"Roe, Al\",100.64.0.2/32\n",
    );
    let whole = files.whole(inventory);
    let row = record(&files, csv, "7,\"Roe, Al\",100.64.0.2/32\n");
    let found = finding(
        &DUPLICATE,
        "100.64.0.2/32 is claimed by circuits c1 (Jo Doe), c4 (Bo Poe) and 7 (Al Roe); c1 keeps it and the others lose it",
        vec![
            Label::new(whole.at("/circuits/0/devices/0/ips/0"), "kept here"),
            Label::new(whole.at("/circuits/3/devices/0/ips/0"), "and here"),
            Label::new(row.at("IPv4"), "and in the other source"),
        ],
    );
    let text = human::one(&found, &files, Look::PLAIN, Detail::Normal);
    insta::assert_snapshot!(text, @r##"
    error ADR001 duplicate-address

      x 100.64.0.2/32 is claimed by circuits c1 (Jo Doe), c4 (Bo Poe) and 7 (Al Roe); c1 keeps it and
      | the others lose it
       ,-[exports/own/inventory.json:4:28]
     3 |     "devices": [ { "id": "d1",
     4 |                    "ips": ["100.64.0.2"] } ] },
       :                            ^^^^^^|^^^^^
       :                                  `-- kept here
     5 |   { "id": "c2" },
       `----
       ,-[exports/own/inventory.json:8:40]
     7 |   { "id": "c4",
     8 |     "devices": [ { "id": "d4", "ips": ["100.64.0.2"] } ] }
       :                                        ^^^^^^|^^^^^
       :                                              `-- and here
     9 | ] }
       `----
       ,-[exports/lq/ShapedDevices.csv:2:13]
     1 | Circuit ID,Circuit Name,IPv4
     2 | 7,"Roe, Al",100.64.0.2/32
       :             ^^^^^^|^^^^^^
       :                   `-- and in the other source
       `----
      help: give one of them another address in the CRM
    "##);
    let unicode = Look {
        unicode: true,
        ..Look::PLAIN
    };
    let text = human::one(&found, &files, unicode, Detail::Normal);
    insta::assert_snapshot!(text, @r##"
    error ADR001 duplicate-address

      × 100.64.0.2/32 is claimed by circuits c1 (Jo Doe), c4 (Bo Poe) and 7 (Al Roe); c1 keeps it and
      │ the others lose it
       ╭─[exports/own/inventory.json:4:28]
     3 │     "devices": [ { "id": "d1",
     4 │                    "ips": ["100.64.0.2"] } ] },
       ·                            ──────┬─────
       ·                                  ╰── kept here
     5 │   { "id": "c2" },
       ╰────
       ╭─[exports/own/inventory.json:8:40]
     7 │   { "id": "c4",
     8 │     "devices": [ { "id": "d4", "ips": ["100.64.0.2"] } ] }
       ·                                        ──────┬─────
       ·                                              ╰── and here
     9 │ ] }
       ╰────
       ╭─[exports/lq/ShapedDevices.csv:2:13]
     1 │ Circuit ID,Circuit Name,IPv4
     2 │ 7,"Roe, Al",100.64.0.2/32
       ·             ──────┬──────
       ·                   ╰── and in the other source
       ╰────
      help: give one of them another address in the CRM
    "##);
}

#[test]
fn one_line_of_a_megabyte_is_cut_around_both_places() {
    let mut text = String::from("[");
    for i in 0..20_000 {
        text.push_str(&format!(
            "{{\"id\":\"c{i}\",\"name\":\"Jörg {i}\",\"ip\":\"100.64.0.{i}\"}},"
        ));
    }
    text.pop();
    text.push(']');
    assert!(text.len() > 1_000_000);
    let mut files = SourceMap::default();
    let export = file(&mut files, "e/inventory.json", Format::Json, &text);
    let at = |id: &str, files: &SourceMap| {
        let start = text.find(&format!("{{\"id\":\"{id}\"")).unwrap();
        let len = text[start..].find('}').unwrap() + 1;
        record(files, export, &text[start..start + len])
    };
    let (first, second) = (at("c5", &files), at("c19999", &files));
    let found = finding(
        &DUPLICATE,
        "the address is claimed twice",
        vec![
            Label::new(second.at("/ip"), "lost"),
            Label::new(first.at("/ip"), "kept"),
            Label::new(second.at("/missing"), "no such field"),
        ],
    );
    let text = human::one(&found, &files, Look::PLAIN, Detail::Normal);
    insta::assert_snapshot!(text, @r##"
    error ADR001 duplicate-address

      x the address is claimed twice
       ,-[e/inventory.json:1:1126614]
     1 | ...998","ip":"100.64.0.19998"},{"id":"c19999","name":"Jörg 19999","ip":"100.64.0.19999"}]
       :                                |                                       ^^^^^^^^|^^^^^^^
       :                                |                                               `-- lost
       :                                `-- no such field
       `----
       ,-[e/inventory.json:1:264]
     1 | ....4"},{"id":"c5","name":"Jörg 5","ip":"100.64.0.5"},{"id":"c6","name":"Jörg 6","ip":"10...
       :                                         ^^^^^^|^^^^^
       :                                               `-- kept
       `----
      help: give one of them another address in the CRM
    "##);
    assert!(text.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn hostile_text_is_shown_and_not_obeyed() {
    let mut files = SourceMap::default();
    let export = file(
        &mut files,
        "e/network.json",
        Format::Json,
        b"{\"name\":\t\"\x1b]0;owned\x07 \xff \xe2\x80\xaegnp\"}\r\n",
    );
    let found = finding(
        &EMPTY,
        "node \u{1b}[2J\u{1b}[H has no circuits\nok: 0 errors",
        vec![Label::new(files.whole(export).at("/name"), "na\u{9b}me")],
    );
    let text = human::one(&found, &files, Look::PLAIN, Detail::Normal);
    insta::assert_snapshot!(text, @r##"
    info TOP012 empty-node

      > node \u{1b}[2J\u{1b}[H has no circuits\nok: 0 errors
       ,-[e/network.json:1:10]
     1 | {"name":    "\u{1b}]0;owned\u{7} \xff \u{202e}gnp"}
       :             ^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^
       :                                `-- na\u{9b}me
       `----
      help: give one of them another address in the CRM
    "##);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn a_rule_that_finds_much_is_summarised() {
    let mut files = SourceMap::default();
    let csv = file(
        &mut files,
        "ShapedDevices.csv",
        Format::Csv,
        "IPv4\n10.0.0.1\n",
    );
    let row = record(&files, csv, "10.0.0.1");
    let mut all: Vec<Finding> = (0..40)
        .map(|i| {
            let places = vec![Label::new(row.at("IPv4"), ""); 9];
            finding(&DUPLICATE, &format!("address {i} is claimed twice"), places)
        })
        .collect();
    all.extend((0..3).map(|i| finding(&EMPTY, &format!("node t{i} has no circuits"), Vec::new())));
    let text = human::findings(&all, &files, Look::PLAIN, Detail::Normal, "findings.json");
    insta::assert_snapshot!(text, @r##"
    error ADR001 duplicate-address

      x address 0 is claimed twice
       ,-[ShapedDevices.csv:2:1]
     1 | IPv4
     2 | 10.0.0.1
       : ^^^^^^^^
       `----
      help: give one of them another address in the CRM
      and 5 more places

    error ADR001 duplicate-address

      x address 1 is claimed twice
       ,-[ShapedDevices.csv:2:1]
     1 | IPv4
     2 | 10.0.0.1
       : ^^^^^^^^
       `----
      help: give one of them another address in the CRM
      and 5 more places

    error ADR001 duplicate-address

      x address 2 is claimed twice
       ,-[ShapedDevices.csv:2:1]
     1 | IPv4
     2 | 10.0.0.1
       : ^^^^^^^^
       `----
      help: give one of them another address in the CRM
      and 5 more places

      and 37 more `duplicate-address`; see findings.json or `-v`

    info TOP012 empty-node: node t0 has no circuits (and 2 more)
    "##);
    let quiet = human::findings(&all, &files, Look::PLAIN, Detail::Quiet, "findings.json");
    assert!(!quiet.contains("TOP012"));
    let all_of_it = human::findings(&all, &files, Look::PLAIN, Detail::Verbose, "findings.json");
    assert!(all_of_it.contains("address 39 ") && all_of_it.contains("node t2"));
}

#[test]
fn problems_need_no_rule_and_no_file() {
    let mut files = SourceMap::default();
    let config = file(
        &mut files,
        "weir.toml",
        Format::Toml,
        "[topology]\nstrategy = \"ap-site\"\n",
    );
    let spot = Spot {
        at: files.locate(&files.whole(config).at("topology.strategy")),
        text: "not a strategy".to_owned(),
    };
    let text = human::problem(
        "unknown strategy `ap-site`",
        "did you mean `ap_site`?",
        &[spot],
        &files,
        Look::PLAIN,
    );
    insta::assert_snapshot!(text, @r##"
     x error: unknown strategy `ap-site`
      ,-[weir.toml:2:12]
    1 | [topology]
    2 | strategy = "ap-site"
      :            ^^^^|^^^^
      :                `-- not a strategy
      `----
     help: did you mean `ap_site`?
    "##);
    let text = human::problem("there is no weir.toml in .", "", &[], &files, Look::PLAIN);
    insta::assert_snapshot!(text, @r##"
      x error: there is no weir.toml in .
    "##);
}

#[test]
fn an_empty_file_and_a_place_past_its_end_are_drawn_too() {
    let mut files = SourceMap::default();
    for text in ["", "\n", "\n\n", "x", "{\n"] {
        let empty = file(&mut files, "empty", Format::Json, text);
        for (start, len) in [(0, 0), (0, 9), (1, 0), (7, 7)] {
            let origin = Origin {
                file: empty,
                start,
                len,
            };
            let label = |text: &'static str| Label::new(origin.at("/a"), text);
            let found = finding(&DUPLICATE, "m", vec![label("a"), label("b"), label("")]);
            let text = human::one(&found, &files, Look::PLAIN, Detail::Normal);
            assert!(
                text.contains("[empty:") || text.contains("error ADR001"),
                "{text}"
            );
        }
    }
}

#[test]
fn nothing_a_terminal_obeys_gets_through() {
    for (text, want) in [
        ("Jörg Müller 山田 🦊", "Jörg Müller 山田 🦊"),
        ("\u{1b}[31mred\u{1b}[0m", "\\u{1b}[31mred\\u{1b}[0m"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\u{9b}2J\u{7f}", "\\u{9b}2J\\u{7f}"),
        ("abc\u{202e}fed\u{200b}", "abc\\u{202e}fed\\u{200b}"),
        ("\u{feff}x\u{2066}", "\\u{feff}x\\u{2066}"),
    ] {
        assert_eq!(plain(text), want);
    }
}

#[test]
fn tallies_read_as_a_sentence() {
    let tally = |errors, warnings, infos| Tally {
        errors,
        warnings,
        infos,
    };
    assert_eq!(tally(0, 0, 0).to_string(), "no findings");
    assert_eq!(tally(1, 12345, 0).to_string(), "1 error, 12 345 warnings");
    assert_eq!(tally(0, 0, 1).to_string(), "1 note");
    assert_eq!(tally(2, 3, 4).failing(FailOn::Error), 2);
    assert_eq!(tally(2, 3, 4).failing(FailOn::Warning), 5);
    assert_eq!(tally(2, 3, 4).failing(FailOn::Never), 0);
}

/// A core, a site behind a wireless link, a fibre that is down, two APs (one of a hostile name), five circuits.
struct Network {
    inventory: Inventory,
    graph: DiGraph<Vertex, Edge>,
    choice: Vec<Option<Choice>>,
    tree: ShapingTree,
    layout: QueueLayout,
}

fn mbps(down: u64, up: u64) -> Pair<Kbps> {
    Pair::new(Kbps(down * 1000), Kbps(up * 1000))
}

fn network() -> Network {
    let origin = Origin {
        file: FileId(0),
        len: 0,
        start: 0,
    };
    let node = |id: &str, name: &str, kind, capacity: Pair<Option<Kbps>>| Node {
        id: id.into(),
        name: name.into(),
        kind,
        parent: None,
        capacity,
        hidden: None,
        gateway: false,
        position: None,
        origin,
    };
    let known = |down, up| mbps(down, up).map(Some);
    let unknown = Pair::new(None, None);
    let circuit = |id: &str, attach: Option<u32>, omitted| Circuit {
        id: id.into(),
        name: id.into(),
        attach: attach.map(NodeIx),
        plan: unknown,
        source_plan: unknown,
        burst: Pair::ZERO,
        burst_bytes: Pair::both(0),
        commit: Pair::ZERO,
        state: ServiceState::Active,
        leaf: Pair::both(None),
        comment: "".into(),
        devices: Vec::new(),
        max: Pair::ZERO,
        min: Pair::ZERO,
        omitted,
        position: None,
        origin,
        plan_route: Pair::both(""),
        plan_origin: None,
    };
    let link = |id: &str, a, b, state| Link {
        id: id.into(),
        a: NodeIx(a),
        b: NodeIx(b),
        ab: Some(Kbps(600_000)),
        ba: Some(Kbps(300_000)),
        cost: None,
        state,
        origin,
    };
    let inventory = Inventory {
        nodes: vec![
            node("a1", "Hill North", NodeKind::Ap, known(150, 75)),
            node(
                "a2",
                "\"]</text><script>\\N\u{1b}[2J --> 山",
                NodeKind::Ap,
                known(150, 75),
            ),
            node("core", "core", NodeKind::Root, unknown),
            node("s1", "Hill", NodeKind::Site, unknown),
        ],
        links: vec![
            link("L1", 2, 3, LinkState::Up),
            link("L2", 2, 3, LinkState::Down),
            link("L3", 2, 0, LinkState::Up),
        ],
        circuits: vec![
            circuit("c1", Some(0), None),
            circuit("c2", Some(0), None),
            circuit("c3", Some(1), None),
            circuit("c4", None, None),
            circuit("c5", Some(1), Some(OmitReason::NoPlan)),
        ],
        ..Inventory::default()
    };
    let choice = |parent, via, capacity| {
        Some(Choice {
            parent: Vertex::Node(NodeIx(parent)),
            via,
            capacity,
            edge_cost: 1,
            cost: 1,
            hops: 1,
            bottleneck: Kbps(600_000),
            rivals: Vec::new(),
            kept: false,
        })
    };
    let mut graph = DiGraph::new();
    let root = graph.add_node(Vertex::GeneratedRoot);
    let vertices: Vec<_> = (0..4)
        .map(|n| graph.add_node(Vertex::Node(NodeIx(n))))
        .collect();
    let edge = |via| Edge {
        via,
        capacity: Pair::UNLIMITED,
        cost: 1,
    };
    graph.add_edge(vertices[3], vertices[0], edge(Via::Member(NodeIx(0))));
    graph.add_edge(vertices[0], vertices[3], edge(Via::Member(NodeIx(0))));
    graph.add_edge(root, vertices[1], edge(Via::Gateway));
    let tree_node =
        |node, parent: Option<u32>, name: &str, cap, children: &[u32], circuits: &[u32]| TreeNode {
            node: NodeIx(node),
            parent: parent.map(TreeIx),
            name: name.into(),
            cap,
            guarantee: mbps(20, 4),
            htb_rate: mbps(20, 4),
            children: children.iter().map(|t| TreeIx(*t)).collect(),
            circuits: circuits.iter().map(|c| CircuitIx(*c)).collect(),
        };
    let placed = |parent, bucket_reason| {
        Some(PlacedCircuit {
            parent,
            max: mbps(100, 20),
            min: mbps(10, 2),
            asked: mbps(100, 20),
            asked_min: mbps(10, 2),
            bucket_reason,
        })
    };
    let hostile = inventory.nodes[1].name.to_string();
    let tree = ShapingTree {
        strategy: Strategy::Full,
        nodes: vec![
            tree_node(3, None, "Hill", mbps(600, 300), &[1, 2], &[]),
            tree_node(0, Some(0), "Hill North", mbps(150, 75), &[], &[0, 1]),
            tree_node(1, Some(0), &hostile, mbps(150, 75), &[], &[2]),
        ],
        circuits: vec![
            placed(Parent::Node(TreeIx(1)), None),
            placed(Parent::Node(TreeIx(1)), None),
            placed(Parent::Node(TreeIx(2)), None),
            placed(Parent::Bucket(1), Some(BucketReason::NoParent)),
            None,
        ],
        evidence: TreeEvidence {
            bucket_cap: mbps(1000, 1000),
            bucket_guarantee: vec![Pair::ZERO, mbps(10, 2)],
            ..TreeEvidence::default()
        },
    };
    Network {
        inventory,
        graph,
        choice: vec![
            choice(3, Via::Member(NodeIx(0)), Pair::UNLIMITED),
            choice(3, Via::Pin, Pair::UNLIMITED),
            None,
            choice(2, Via::Link(LinkIx(0)), mbps(600, 300)),
        ],
        tree,
        layout: QueueLayout {
            node_queue: vec![0, 0, 0],
            load_kbps: vec![360_000, 120_000],
            ..QueueLayout::default()
        },
    }
}

#[test]
fn the_tree_is_drawn_with_what_hangs_where() {
    let n = network();
    let text = tree::text(&n.inventory, &n.tree, &n.layout, Look::PLAIN);
    insta::assert_snapshot!(text, @r##"
    node                                          cap Mbit/s  guaranteed  circuits  own  cpu
    Hill site s1                                     600/300        20/4         3    -    0
    |- Hill North ap a1                               150/75        20/4         2    2    0
    `- "]</text><script>\N\u{1b}[2J --> 山 ap a2      150/75        20/4         1    1    0
    Generated_PN_2 no place in the tree            1000/1000        10/2         1    1    1
    1 circuit is not shaped; `weir check` names them
    "##);
    let narrow = Look {
        unicode: true,
        width: 70,
        ..Look::PLAIN
    };
    let text = tree::text(&n.inventory, &n.tree, &n.layout, narrow);
    insta::assert_snapshot!(text, @r##"
    node                        cap Mbit/s  guaranteed  circuits  own  cpu
    Hill site s1                   600/300        20/4         3    -    0
    ├─ Hill North ap a1             150/75        20/4         2    2    0
    └─ "]</text><script>\N\u{…      150/75        20/4         1    1    0
    Generated_PN_2 no place i…   1000/1000        10/2         1    1    1
    1 circuit is not shaped; `weir check` names them
    "##);
}

#[test]
fn the_graph_speaks_graphviz() {
    let n = network();
    let picture = graph::Picture::of("lake\"side", &n.inventory, &n.graph, &n.choice);
    insta::assert_snapshot!(picture.dot(), @r##"
    digraph weir {
      graph [rankdir=LR, label="lake\"side", labelloc=t, fontname="sans-serif"];
      node [shape=box, fontname="sans-serif", fontsize=11];
      edge [fontname="sans-serif", fontsize=9];
      n0 [label="Hill North\nap a1\n150/75 Mbit/s\n2 circuits", shape=box, style=rounded];
      n1 [label="\"]</text><script>\\N\\u{1b}[2J --> 山\nap a2\n150/75 Mbit/s\n1 circuit", shape=box, style=rounded];
      n2 [label="core\nroot", shape=doubleoctagon];
      n3 [label="Hill\nsite s1", shape=box3d];
      n4 [label="@root", shape=doubleoctagon, color=gray, fontcolor=gray40];
      n3 -> n0 [label="member", penwidth=1.6];
      n3 -> n1 [label="pin", penwidth=1.6];
      n2 -> n3 [label="L1\n600/300 Mbit/s", penwidth=1.6];
      n2 -> n3 [label="L2\ndown, 600/300 Mbit/s", style=dotted, dir=none, constraint=false, color=gray, fontcolor=gray40];
      n2 -> n0 [label="L3\n600/300 Mbit/s", style=dashed, dir=none, constraint=false];
      n4 -> n1 [label="gateway", style=dashed, dir=none, constraint=false];
    }
    "##);
}

#[test]
fn the_graph_speaks_mermaid() {
    let n = network();
    let picture = graph::Picture::of("lake\"side", &n.inventory, &n.graph, &n.choice);
    insta::assert_snapshot!(picture.mermaid(), @r##"
    ---
    title: "lake\"side"
    ---
    flowchart LR
      n0("Hill North<br/>ap a1<br/>150/75 Mbit/s<br/>2 circuits")
      n1("#34;#93;#60;/text#62;#60;script#62;#92;N#92;u#123;1b#125;#91;2J --#62; 山<br/>ap a2<br/>150/75 Mbit/s<br/>1 circuit")
      n2{{"core<br/>root"}}
      n3["Hill<br/>site s1"]
      n4{{"@root"}}
      n3 -->|"member"| n0
      n3 -->|"pin"| n1
      n2 -->|"L1<br/>600/300 Mbit/s"| n3
      n2 -.-x|"L2<br/>down, 600/300 Mbit/s"| n3
      n2 -.-|"L3<br/>600/300 Mbit/s"| n0
      n4 -.-|"gateway"| n1
      classDef hidden stroke-dasharray: 4 3,color:#777777;
      class n4 hidden;
    "##);
}

#[test]
fn the_svg_is_well_formed_and_holds_nothing_hostile() {
    let n = network();
    let svg = graph::svg("a < b", mbps(2000, 2000), &n.inventory, &n.tree, &n.layout);
    insta::assert_snapshot!(svg, @r##"
    <svg xmlns="http://www.w3.org/2000/svg" width="845" height="200" viewBox="0 0 845 200" role="img">
    <title>a &lt; b</title>
    <style>svg{background:#fff;color:#1b1b1b}text{font:12px ui-sans-serif,system-ui,sans-serif;fill:currentColor}.title{font-size:16px;font-weight:600}.small{font-size:11px;fill-opacity:.75}rect{fill:#f4f6f8;stroke:#7b8794}path{fill:none;stroke:#9aa5b1}.site rect{fill:#e3f0ff;stroke:#3a7bd5}.ap rect{fill:#e6f6ea;stroke:#2f8f4e}.root rect{fill:#fff3d6;stroke:#b7791f}.bucket rect{stroke-dasharray:5 3}@media(prefers-color-scheme:dark){svg{background:#16191d;color:#e6e6e6}rect{fill:#22272e}.site rect{fill:#16304f}.ap rect{fill:#153821}.root rect{fill:#4a3714}}</style>
    <text class="title" x="24" y="30">a &lt; b</text>
    <path d="M230.4 123.5C254.4 123.5 254.4 89.0 278.4 89.0"/>
    <path d="M518.8 89.0C542.8 89.0 542.8 66.0 566.8 66.0"/>
    <path d="M518.8 89.0C542.8 89.0 542.8 112.0 566.8 112.0"/>
    <path d="M230.4 123.5C254.4 123.5 254.4 158.0 278.4 158.0"/>
    <g class="root"><title>Internet</title><rect x="24.0" y="105.5" width="206.4" height="36" rx="5"/><text x="32.0" y="120.5">Internet</text><text class="small" x="32.0" y="134.5">2000/2000 Mbit/s, 4 circuits</text></g>
    <g class="site"><title>Hill</title><rect x="278.4" y="71.0" width="240.4" height="36" rx="5"/><text x="286.4" y="86.0">Hill</text><text class="small" x="286.4" y="100.0">600/300 Mbit/s, 3 circuits, cpu 0</text></g>
    <g class="ap"><title>Hill North</title><rect x="566.8" y="48.0" width="254.0" height="36" rx="5"/><text x="574.8" y="63.0">Hill North</text><text class="small" x="574.8" y="77.0">150/75 Mbit/s, 2 circuits, cpu 0</text></g>
    <g class="ap"><title>&quot;]&lt;/text&gt;&lt;script&gt;\N\u{1b}[2J --&gt; 山</title><rect x="566.8" y="94.0" width="254.0" height="36" rx="5"/><text x="574.8" y="109.0">&quot;]&lt;/text&gt;&lt;script&gt;\N\u{1b}[2J --&gt; 山</text><text class="small" x="574.8" y="123.0">150/75 Mbit/s, 1 circuit, cpu 0</text></g>
    <g class="bucket"><title>Generated_PN_2</title><rect x="278.4" y="140.0" width="240.4" height="36" rx="5"/><text x="286.4" y="155.0">Generated_PN_2</text><text class="small" x="286.4" y="169.0">1 circuit, cpu 1</text></g>
    </svg>
    "##);
    assert!(!svg.contains("<script"));
}

#[test]
fn the_summary_fits_eighty_columns() {
    let n = network();
    let mut summary = summary::Summary {
        project: "lakeside".to_owned(),
        strategy: "full",
        target: None,
        sources: Vec::new(),
        counts: summary::Counts::of(&n.inventory, &n.tree, &n.layout),
        wan_kbps: [200_000, 200_000],
        findings: summary::Levels {
            error: 1,
            warning: 1204,
            info: 0,
            suppressed: 0,
            known: 0,
        },
    };
    insta::assert_snapshot!(summary.text(Look::PLAIN), @r##"
    lakeside, strategy full, no target declared
      circuits      5, 4 shaped; not shaped: 1 no-plan
      unparented    1: 1 without a known parent
      nodes         3 of 4: 2 ap, 1 site; by level from the top 1 + 2
      sold          400/80 Mbit/s, 2.00/0.40 times the WAN of 200/200
      guaranteed    40/8 Mbit/s
      CPU queues    2, the fullest has 1.50 times the mean
      findings      1 error, 1 204 warnings
    "##);
    let counts = &mut summary.counts;
    counts.circuits = 1_234_567;
    counts.shaped = 1_200_000;
    counts.omitted = [
        ("no-address", 12_345),
        ("no-plan", 222),
        ("suspended", 22_000),
    ]
    .into();
    counts.unparented = [("no-parent", 1234), ("no-strategy-parent", 56_789)].into();
    counts.levels = vec![12, 1234, 5678, 9, 8, 7];
    counts.sold_kbps = [123_456_789_000, 12_345_678_000];
    counts.guaranteed_kbps = [1500, 0];
    counts.queue_load_kbps = Vec::new();
    summary.target = Some("edge1".to_owned());
    insta::assert_snapshot!(summary.text(Look::PLAIN), @r##"
    lakeside, strategy full, target edge1
      circuits      1 234 567, 1 200 000 shaped; not shaped: 12 345 no-address, 222
                    no-plan, 22 000 suspended
      unparented    58 023: 1 234 without a known parent, 56 789 below no node that
                    the strategy emits
      nodes         6 948 of 4: 2 ap, 1 site; by level from the top 12 + 1 234 +
                    5 678 + 9 + 8 + 7
      sold          123 456 789/12 345 678 Mbit/s, 617283.95/61728.39 times the WAN
                    of 200/200
      guaranteed    1.5/0 Mbit/s
      CPU queues    0, no load
      findings      1 error, 1 204 warnings
    "##);
    assert!(summary.text(Look::PLAIN).lines().all(|l| l.len() <= 80));
}

#[test]
fn findings_for_programs_say_file_line_and_column() {
    let mut files = SourceMap::default();
    let inventory = file(&mut files, "e/inventory.json", Format::Json, PRETTY);
    let place = files.whole(inventory).at("/circuits/0/devices/0/ips/0");
    let found = finding(
        &DUPLICATE,
        "claimed \u{9b}twice",
        vec![Label::new(place, "kept")],
    );
    let text = json::text(&json::findings(&[found], &files));
    insta::assert_snapshot!(text, @r##"
    [
      {
        "code": "ADR001",
        "name": "duplicate-address",
        "level": "error",
        "contained": true,
        "message": "claimed \u009btwice",
        "subjects": [
          {
            "kind": "circuit",
            "id": "c1",
            "name": "Jo Doe"
          }
        ],
        "locations": [
          {
            "file": "e/inventory.json",
            "line": 4,
            "column": 28,
            "path": "/circuits/0/devices/0/ips/0",
            "label": "kept"
          }
        ],
        "help": "give one of them another address in the CRM",
        "fingerprint": "0123456789abcdef0123456789abcdef"
      }
    ]
    "##);
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
}

#[test]
fn a_rule_is_explained() {
    let text = rules::explain(&DUPLICATE, Look::PLAIN);
    insta::assert_snapshot!(text, @r##"
    ADR001 duplicate-address

    The same prefix on two circuits.

    Why it matters
    One of the two subscribers is shaped as the other, or not at all.

    What to do
    Correct the address in the CRM.

    Level
    error by default; contained: the record was dealt with by a stated rule and nothing else
    is affected. Change it in weir.toml: [lint.levels] duplicate-address = "allow", "warn" or
    "deny".

    It is found in
      inventory.json
        {}

    And not in
      inventory.json
        {}
    "##);
    let text = rules::list(&[&DUPLICATE, &EMPTY], Look::PLAIN);
    insta::assert_snapshot!(text, @r##"
    ADR001  error    duplicate-address  The same prefix on two circuits.
    TOP012  info     empty-node         A node without circuits.

    `weir explain RULE` says why a rule matters and how to fix what it finds.
    "##);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is in the files and wherever the places point, a finding can be drawn on a screen.
    #[test]
    fn every_excerpt_can_be_drawn(
        texts in prop::collection::vec(prop::collection::vec(any_byte(), 0..400), 1..3),
        places in prop::collection::vec((0_usize..3, 0_u64..420, 0_u32..420, "[a-z]{0,3}"), 0..7),
        message in "\\PC{0,40}",
        unicode in any::<bool>(),
    ) {
        let mut files = SourceMap::default();
        for text in &texts {
            file(&mut files, "f", Format::Csv, text);
        }
        let places = places
            .into_iter()
            .map(|(file, start, len, text)| {
                let file = FileId::of(file % texts.len());
                Label::new(Origin { file, start, len }.whole(), text)
            })
            .collect();
        let look = Look { unicode, ..Look::PLAIN };
        let text = human::one(&finding(&DUPLICATE, &message, places), &files, look, Detail::Verbose);
        prop_assert!(text.starts_with("error ADR001 duplicate-address\n"));
        prop_assert!(!text.contains("Failed to read contents"), "{}", text);
        prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    }
}

/// Line breaks and the bytes that make and break UTF-8, more often than chance.
fn any_byte() -> impl proptest::strategy::Strategy<Value = u8> {
    prop_oneof![
        5 => Just(b'x'),
        1 => Just(b'\n'),
        1 => prop::sample::select(vec![b'\r', b'\t', 0x1b, 0xc3, 0xa9, 0xe2, 0x80, 0xff]),
        1 => any::<u8>(),
    ]
}
