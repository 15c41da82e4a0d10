//! The files of a small artifact, as people read them, and what holds for every artifact.

use std::collections::BTreeMap;
use std::fmt::Debug;

use insta::assert_snapshot;
use serde::Serialize;
use serde::de::DeserializeOwned;
use weir_schemas::Published;
use weir_schemas::artifact::{self, FILES, Part};
use weir_schemas::findings::Findings;
use weir_schemas::manifest::Manifest;
use weir_schemas::provenance::{Fate, Provenance};
use weir_schemas::queue_plan::{Class, QueuePlan};
use weir_schemas::tree::Tree;

use crate::config::project::FailOn;
use crate::emit::testing::World;
use crate::emit::{emit, sha256, write};
use crate::finding::{Finding, Label, Level, Standing};
use crate::id::{CircuitIx, FileId, LinkIx, NodeIx};
use crate::ir::graph::{HeldLink, Rival, Vertex, Via};
use crate::ir::inventory::Link;
use crate::ir::records::{LeafKind, LinkState, NodeKind, Origin, Subject, SubjectKind};
use crate::ir::tree::{Parent, Strategy};
use crate::lint::rule::{Example, Rule};
use crate::previous;
use crate::topology::layout;
use crate::units::{Kbps, Pair};

static RULE: Rule = Rule {
    code: "ADR001",
    name: "duplicate-address",
    default: Level::Error,
    contained: true,
    what: "",
    why: "",
    fix: "",
    bad: Example::inventory(&[], ""),
    good: Example::inventory(&[], ""),
    check: |_, _| {},
};

fn finding(level: Level) -> Finding {
    let place = Origin {
        file: FileId(1),
        start: 10,
        len: 1,
    };
    Finding {
        rule: &RULE,
        level,
        message: "100.64.0.2/32 belongs to \"c1\" and to c2".to_owned(),
        subjects: vec![Subject::new(SubjectKind::Circuit, "c1", "Jo")],
        places: vec![Label::new(place.whole(), "here")],
        help: "take it from one of them".to_owned(),
        fact: String::new(),
        fix: None,
        fingerprint: String::new(),
        standing: Standing::Open,
    }
}

/// A link from node 0 to node 1.
fn link(id: &str) -> Link {
    Link {
        id: id.into(),
        a: NodeIx(0),
        b: NodeIx(1),
        ab: None,
        ba: None,
        cost: None,
        state: LinkState::Down,
        origin: Origin {
            file: FileId(1),
            start: 0,
            len: 1,
        },
    }
}

fn read<T: Published + DeserializeOwned>(world: &World, name: &str) -> T {
    weir_schemas::read(world.file(name).as_bytes()).expect("reads as its type")
}

#[test]
fn shaped_devices_has_one_row_a_device() {
    let mut world = World::small();
    let circuits = &mut world.inventory.circuits;
    circuits[0].name = "=HYPERLINK(\"http://x\")".into();
    circuits[0].comment = "two\r\nlines".into();
    circuits[1].name = "Doe, Jo".into();
    circuits[1].leaf = Pair::new(Some(LeafKind::FqCodel), Some(LeafKind::FqCodel));
    circuits[2].name = "Žofie #2\u{7}".into();
    circuits[2].leaf = Pair::new(None, Some(LeafKind::None));
    let mut second = circuits[2].devices[0].clone();
    second.id = "c3-d2".into();
    second.mac = "".into();
    circuits[2].devices.push(second);
    let place = world.tree.circuits[3].as_mut().expect("placed");
    place.max = Pair::new(Kbps(1_234_567), Kbps(12_500));
    place.min = Pair::new(Kbps(10), Kbps(0));
    assert_snapshot!(world.file(artifact::SHAPED_DEVICES), @r#"
    Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment,sqm
    c1,"=HYPERLINK(""http://x"")",c1-d1,cpe,Node hill-a1,hill-a1,,02:00:00:00:00:01,100.64.0.2/32,2001:db8:1::/56,10,2,100,20,two  lines,
    c2,"Doe, Jo",c2-d1,cpe,Node hill-a1,hill-a1,,02:00:00:00:00:01,"100.64.0.3/32, 203.0.113.8/29",,10,2,100,20,,fq_codel
    c3,Žofie #2 ,c3-d1,cpe,Node hill,hill,,02:00:00:00:00:01,100.64.0.4/32,,10,2,100,20,,/none
    c3,Žofie #2 ,c3-d2,cpe,Node hill,hill,,,100.64.0.4/32,,10,2,100,20,,/none
    c4,Circuit c4,c4-d1,cpe,,,,02:00:00:00:00:01,100.64.0.5/32,,0.01,0,1234.567,12.5,,
    "#);
}

#[test]
fn network_is_nested_and_exact() {
    let mut world = World::small();
    world.tree.nodes[0].name = "Hill \"North\"\n→ Süd".into();
    assert_snapshot!(world.file(artifact::NETWORK), @r#"
    {
      "Hill \"North\"\n→ Süd": {
        "downloadBandwidthMbps": 1000,
        "uploadBandwidthMbps": 500,
        "type": "site",
        "id": "hill",
        "children": {
          "Node hill-a1": {
            "downloadBandwidthMbps": 150,
            "uploadBandwidthMbps": 75.5,
            "type": "ap",
            "id": "hill-a1",
            "children": {}
          }
        }
      }
    }
    "#);
    assert_eq!(World::empty(Strategy::Flat).file(artifact::NETWORK), "{}\n");
}

#[test]
fn tree_is_sorted_and_has_a_line_a_circuit() {
    assert_snapshot!(World::small().file(artifact::TREE), @r#"
    {
      "schema": "weir.tree/1",
      "strategy": "ap_site",
      "emitted": [
        {"id":"hill","name":"Node hill","kind":"site","cap_kbps":[1000000,500000],"rate_kbps":[30000,6000],"htb_rate_kbps":[1000000,500000],"cpu":0,"circuits":["c3"],"children":[
          {"id":"hill-a1","name":"Node hill-a1","kind":"ap","cap_kbps":[150000,75500],"rate_kbps":[20000,4000],"htb_rate_kbps":[20000,4000],"cpu":0,"circuits":["c1","c2"],"children":[]}
        ]}
      ],
      "buckets": {
        "Generated_PN_2":["c4"]
      },
      "circuits": {
        "c1":{"parent":"hill-a1","max_kbps":[100000,20000],"min_kbps":[10000,2000],"devices":[{"id":"c1-d1","ipv4":["100.64.0.2/32"],"ipv6":["2001:db8:1::/56"]}]},
        "c2":{"parent":"hill-a1","max_kbps":[100000,20000],"min_kbps":[10000,2000],"devices":[{"id":"c2-d1","ipv4":["100.64.0.3/32","203.0.113.8/29"],"ipv6":[]}]},
        "c3":{"parent":"hill","max_kbps":[100000,20000],"min_kbps":[10000,2000],"devices":[{"id":"c3-d1","ipv4":["100.64.0.4/32"],"ipv6":[]}]},
        "c4":{"parent":"Generated_PN_2","max_kbps":[100000,20000],"min_kbps":[10000,2000],"devices":[{"id":"c4-d1","ipv4":["100.64.0.5/32"],"ipv6":[]}]}
      },
      "omitted": {
        "c5":"no-address"
      }
    }
    "#);
}

#[test]
fn queue_plan_has_a_line_a_class() {
    let mut world = World::small();
    // A plan that its access point cuts keeps its weight.
    let place = world.tree.circuits[0].as_mut().expect("placed");
    place.asked = Pair::new(Kbps(300_000), Kbps(20_000));
    place.max = Pair::new(Kbps(150_000), Kbps(20_000));
    world.inventory.circuits[1].burst_bytes = Pair::new(65_536, 0);
    let slot = world.layout.circuits[2].as_mut().expect("a slot");
    slot.leaf = Pair::new(LeafKind::FqCodel, LeafKind::None);
    slot.handle.up = 0;
    assert_snapshot!(world.file(artifact::QUEUE_PLAN), @r#"
    {
      "schema": "weir.queue-plan/1",
      "target": {"name":"edge1","queues":2,"shaper":{"mode":"bridge","to_internet":"eth1","to_network":"eth0"},"qdiscs":{"cake":"cake diffserv4","fq_codel":"fq_codel"},"leaf_fallback":["fq_codel"]},
      "queues": [
        {"queue":0,"majors":[1,1],"load_kbps":360000},
        {"queue":1,"majors":[3,3],"load_kbps":120000}
      ],
      "classes": [
        {"key":"bucket:Generated_PN_2","parent":null,"queue":1,"minor":3,"rate_kbps":[1000000,1000000],"ceil_kbps":[1000000,1000000],"quantum":[60000,60000]},
        {"key":"circuit:c1","parent":"node:hill-a1","queue":0,"minor":4096,"rate_kbps":[10000,2000],"ceil_kbps":[150000,20000],"quantum":[37500,2500],"leaf":[{"qdisc":"cake","handle":256},{"qdisc":"cake","handle":256}]},
        {"key":"circuit:c2","parent":"node:hill-a1","queue":0,"minor":4097,"rate_kbps":[10000,2000],"ceil_kbps":[100000,20000],"quantum":[12500,2500],"burst_bytes":[65536,0],"leaf":[{"qdisc":"cake","handle":257},{"qdisc":"cake","handle":257}]},
        {"key":"circuit:c3","parent":"node:hill","queue":0,"minor":4098,"rate_kbps":[10000,2000],"ceil_kbps":[100000,20000],"quantum":[12500,2500],"leaf":[{"qdisc":"fq_codel","handle":258},null]},
        {"key":"circuit:c4","parent":"bucket:Generated_PN_2","queue":1,"minor":4099,"rate_kbps":[10000,2000],"ceil_kbps":[100000,20000],"quantum":[12500,2500],"leaf":[{"qdisc":"cake","handle":259},{"qdisc":"cake","handle":259}]},
        {"key":"node:hill","parent":null,"queue":0,"minor":16,"rate_kbps":[1000000,500000],"ceil_kbps":[1000000,500000],"quantum":[60000,60000]},
        {"key":"node:hill-a1","parent":"node:hill","queue":0,"minor":17,"rate_kbps":[20000,4000],"ceil_kbps":[150000,75500],"quantum":[18750,9437]}
      ],
      "chosen": [],
      "links_down": [],
      "resting": {"minors":[],"download_handles":[],"upload_handles":[]}
    }
    "#);
}

#[test]
fn a_burst_that_counts_as_a_rate_is_not_also_a_burst() {
    let mut world = World::small();
    world.inventory.circuits[1].burst_bytes = Pair::both(65_536);
    world.project.rates.add_burst = true;
    let plan: QueuePlan<'_> = read(&world, artifact::QUEUE_PLAN);
    assert!(plan.classes.iter().all(|class| class.burst_bytes.is_none()));
}

#[test]
fn a_node_without_circuits_below_has_no_class() {
    let mut world = World::small();
    world.layout.node_minor[1] = 0;
    world.tree.circuits[0] = None;
    world.tree.circuits[1] = None;
    let plan: QueuePlan<'_> = read(&world, artifact::QUEUE_PLAN);
    let keys: Vec<&str> = plan.classes.iter().map(|c| c.key.as_ref()).collect();
    assert_eq!(
        keys,
        [
            "bucket:Generated_PN_2",
            "circuit:c3",
            "circuit:c4",
            "node:hill"
        ]
    );
}

#[test]
fn a_plan_remembers_parents_and_links_that_are_held() {
    let mut world = World::small();
    world.inventory.links.push(link("L1"));
    world.inventory.circuits[0].attach = Some(NodeIx(2));
    let choice = world.chosen.choice[1].as_mut().expect("chosen");
    (choice.via, choice.edge_cost) = (Via::Link(LinkIx(0)), 7);
    choice.capacity = Pair::new(Kbps(600_000), Kbps::UNLIMITED);
    world.graph.snapshot = "d0".to_owned();
    world.graph.evidence.held.push(HeldLink {
        link: LinkIx(0),
        snapshots: 2,
    });
    // Nothing hangs below it.
    world.node("zoo", NodeKind::Site, Some(NodeIx(0)));

    let text = world.file(artifact::QUEUE_PLAN);
    let (_, memory) = text.split_once("  ],\n  \"chosen\"").expect("memory");
    assert_snapshot!(memory, @r#"
    : [
        {"node":"hill","parent":"core","via":"L1","kbps":[600000,null],"cost":7},
        {"node":"hill-a1","parent":"hill","via":"member:hill-a1","kbps":[null,null],"cost":1}
      ],
      "links_down": [
        {"link":"L1","snapshots":2,"snapshot":"d0"}
      ],
      "resting": {"minors":[],"download_handles":[],"upload_handles":[]}
    }
    "#);

    let before = previous::read(text.as_bytes(), "d1", &world.project).expect("a plan");
    let links: Vec<&str> = before.links_used().into_iter().collect();
    assert_eq!(links, ["L1", "member:hill-a1"]);
    let hill = &before.chosen["hill"];
    assert_eq!((hill.parent.as_ref(), hill.cost), ("core", 7));
    assert_eq!(hill.capacity, Pair::new(Kbps(600_000), Kbps::UNLIMITED));
    assert_eq!(before.links_down["L1"].snapshots, 2);

    world.tree.strategy = Strategy::Flat;
    let plan: QueuePlan<'_> = read(&world, artifact::QUEUE_PLAN);
    assert_eq!(plan.chosen, [], "no node decides anything");
}

/// Through the real layout: numbers come back from the plan, and what was freed rests.
#[test]
fn numbers_are_kept_and_freed_ones_rest_for_two_changes() {
    let mut world = World::small();
    let build = |world: &mut World, before: Option<&(String, Vec<u8>)>| {
        let before = before
            .map(|(digest, plan)| previous::read(plan, digest, &world.project).expect("a plan"));
        world.layout = layout(
            &world.project,
            &world.inventory,
            &world.tree,
            before.as_ref(),
        );
        let digest = before.as_ref().map(|before| before.digest.as_str());
        let set = emit(&world.stages(), &[], digest);
        let plan = set.file(artifact::QUEUE_PLAN).expect("written").to_vec();
        (set.digest, plan)
    };
    let numbers = |(_, plan): &(String, Vec<u8>)| -> BTreeMap<String, u16> {
        let plan: QueuePlan<'_> = weir_schemas::read(plan).expect("a plan");
        let classes = plan.classes.into_iter();
        classes.map(|c| (c.key.into_owned(), c.minor)).collect()
    };
    let resting = |(_, plan): &(String, Vec<u8>)| -> Vec<(u16, u16, u8)> {
        let plan: QueuePlan<'_> = weir_schemas::read(plan).expect("a plan");
        plan.resting.minors
    };
    let first = build(&mut world, None);
    assert_eq!(build(&mut world, Some(&first)), first, "nothing changed");

    world.tree.nodes[1].circuits.remove(0);
    let gone = world.tree.circuits[0].take();
    let second = build(&mut world, Some(&first));
    let mut kept = numbers(&first);
    let freed = kept.remove("circuit:c1").expect("it had one");
    assert_eq!(numbers(&second), kept);
    assert_eq!(resting(&second), [(0, freed, 2)]);
    assert_eq!(build(&mut world, Some(&second)), second, "nothing ages");

    world.tree.circuits[0] = gone;
    world.tree.nodes[1].circuits.insert(0, CircuitIx(0));
    let third = build(&mut world, Some(&second));
    assert_ne!(numbers(&third)["circuit:c1"], freed);
    assert_eq!(resting(&third), [(0, freed, 1)]);

    // Another box has other numbers.
    world.project.target.queues = 3;
    let other = previous::read(&third.1, &third.0, &world.project).expect("a plan");
    assert!(other.classes.is_none());
}

#[test]
fn findings_say_where() {
    let set = World::small().emit(&[finding(Level::Error)]);
    let bytes = set.file(artifact::FINDINGS).expect("written");
    assert_snapshot!(String::from_utf8_lossy(bytes), @r#"
    {
      "schema": "weir.findings/1",
      "findings": [
        {"code":"ADR001","name":"duplicate-address","level":"error","contained":true,"message":"100.64.0.2/32 belongs to \"c1\" and to c2","subjects":[{"kind":"circuit","id":"c1","name":"Jo"}],"locations":[{"file":"exports/crm/inventory.json","line":2,"column":8,"path":"","label":"here"}],"help":"take it from one of them","fingerprint":""}
      ]
    }
    "#);
}

#[test]
fn provenance_says_what_was_chosen_and_what_became_of_it() {
    let mut world = World::small();
    world.inventory.links.push(link("L1"));
    let choice = world.chosen.choice[1].as_mut().expect("chosen");
    choice.via = Via::Link(LinkIx(0));
    choice.bottleneck = Kbps(600_000);
    choice.rivals.push(Rival {
        parent: Vertex::GeneratedRoot,
        via: Via::Declared(Some(LinkIx(0))),
        cost: 7,
        hops: 2,
        bottleneck: Kbps::UNLIMITED,
    });
    for (id, list) in [("x1", 0), ("x2", 1), ("x3", 2), ("x4", 3)] {
        let node = world.node(id, NodeKind::Other, None);
        let evidence = &mut world.tree.evidence;
        [
            &mut evidence.auto_virtual,
            &mut evidence.pruned,
            &mut evidence.simplified,
            &mut evidence.cut,
        ][list]
            .push(node);
    }
    let circuit = &mut world.inventory.circuits[3];
    circuit.attach = Some(NodeIx(0));
    circuit.source_plan.up = None;
    circuit.burst.down = Kbps(5_000);
    circuit.plan_origin = Some(circuit.origin);

    let provenance: Provenance<'_> = read(&world, artifact::PROVENANCE);
    let fates: Vec<(&str, Fate)> = provenance
        .nodes
        .iter()
        .map(|node| (node.id.as_ref(), node.fate))
        .collect();
    assert_eq!(
        fates,
        [
            ("core", Fate::Root),
            ("hill", Fate::Emitted),
            ("hill-a1", Fate::Emitted),
            ("x1", Fate::AutoVirtual),
            ("x2", Fate::Pruned),
            ("x3", Fate::Simplified),
            ("x4", Fate::DepthCut),
        ]
    );
    let text = world.file(artifact::PROVENANCE);
    let line = |start: &str| {
        text.lines()
            .find(|line| line.trim_start().starts_with(start))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    assert_snapshot!(line("{\"id\":\"hill\""), @r#"{"id":"hill","name":"Node hill","kind":"site","record":[1,10,10],"fate":"emitted","own_kbps":[900000,null],"cap_kbps":[900000,null],"declared_parent":"core","chosen":{"parent":"core","via":"link","link":"L1","cost":1,"hops":1,"bottleneck_kbps":600000},"rivals":[{"parent":"@root","via":"declared","link":"L1","cost":7,"hops":2,"bottleneck_kbps":null}]},"#);
    assert_snapshot!(line("{\"id\":\"c4\""), @r#"{"id":"c4","name":"Circuit c4","record":[1,30,10],"plan_record":[1,30,10],"source_plan_kbps":[100000,null],"plan_kbps":[100000,20000],"burst_kbps":[5000,0],"attach":"core","shaped":{"parent":"Generated_PN_2","bucket":"no-parent","asked_max_kbps":[100000,20000],"asked_min_kbps":[10000,2000],"max_kbps":[100000,20000],"min_kbps":[10000,2000]},"devices":[{"id":"c4-d1","record":[1,30,10],"mac":"02:00:00:00:00:01"}]},"#);
    assert_snapshot!(line("{\"id\":\"c5\""), @r#"{"id":"c5","name":"Circuit c5","record":[1,40,10],"source_plan_kbps":[100000,20000],"omitted":"no-address","devices":[]}"#);
}

#[test]
fn the_manifest_counts_and_names_its_inputs() {
    let set = World::small().emit(&[finding(Level::Error), finding(Level::Info)]);
    let bytes = set.file(artifact::MANIFEST).expect("written");
    let manifest: Manifest<'_> = weir_schemas::read(bytes).expect("reads as its type");
    assert!(manifest.failing);
    let inputs = serde_json::to_string_pretty(&manifest.inputs).expect("JSON");
    assert_snapshot!(inputs, @r#"
    {
      "config_sha256": "0000000000000000000000000000000000000000000000000000000000000000",
      "sources": [
        {
          "name": "crm",
          "kind": "inventory",
          "files": [
            {
              "path": "exports/crm/inventory.json",
              "collection": "inventory",
              "sha256": "cd6ec15113b3d763e7b9d42aaa7fd5148d1160d07298ef8225bf2ef85b51d82b"
            }
          ]
        }
      ]
    }
    "#);
    let counts = serde_json::to_string(&manifest.counts).expect("JSON");
    assert_snapshot!(counts, @r#"{"circuits":5,"shaped":4,"omitted":{"suspended":0,"no-plan":0,"no-address":1},"nodes_by_kind":{"site":1,"ap":1,"other":0},"nodes_by_level":[1,1],"buckets":1,"devices":4,"prefixes_ipv4":5,"prefixes_ipv6":1,"classes":7,"leaf_qdiscs":[4,4],"max_kbps":[400000,80000],"min_kbps":[40000,8000]}"#);
    let findings = serde_json::to_string(&manifest.findings).expect("JSON");
    assert_snapshot!(findings, @r#"{"error":1,"warning":0,"info":1,"by_code":{"ADR001":2}}"#);
}

#[test]
fn a_build_fails_from_fail_on_up() {
    for (fail_on, level, want) in [
        (FailOn::Error, Level::Error, true),
        (FailOn::Error, Level::Warning, false),
        (FailOn::Warning, Level::Error, true),
        (FailOn::Warning, Level::Warning, true),
        (FailOn::Warning, Level::Info, false),
        (FailOn::Never, Level::Error, false),
    ] {
        let mut world = World::small();
        world.project.lint.fail_on = fail_on;
        let set = world.emit(&[finding(level)]);
        let bytes = set.file(artifact::MANIFEST).expect("written");
        let manifest: Manifest<'_> = weir_schemas::read(bytes).expect("reads as its type");
        assert_eq!(manifest.failing, want, "{fail_on:?} {level:?}");
    }
}

/// The payload is what shapes traffic: findings and inputs do not change its digest, and rates do.
#[test]
fn the_digest_is_that_of_the_payload() {
    let digest = |world: &World, findings: &[Finding]| world.emit(findings).digest;
    let mut world = World::small();
    let first = digest(&world, &[]);
    assert_eq!(digest(&world, &[finding(Level::Error)]), first);
    world.project.digest = "11".repeat(32);
    assert_eq!(digest(&world, &[]), first);

    world.project.target.name = None;
    let other_target = digest(&world, &[]);
    assert_ne!(other_target, first);
    world.tree.nodes[0].cap.down = Kbps(1);
    assert_ne!(digest(&world, &[]), other_target);
}

#[test]
fn the_manifest_proves_every_file() {
    let set = World::small().emit(&[finding(Level::Warning)]);
    let names: Vec<&str> = set.files.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, FILES.iter().map(|f| f.name).collect::<Vec<_>>());

    let bytes = set.file(artifact::MANIFEST).expect("written");
    let manifest: Manifest<'_> = weir_schemas::read(bytes).expect("reads as its type");
    assert_eq!(manifest.digest, set.digest);
    assert_eq!(sha256(manifest.payload_text().as_bytes()), set.digest);
    let rows: BTreeMap<&str, &str> = manifest
        .payload
        .iter()
        .chain(&manifest.description)
        .map(|f| (f.name.as_ref(), f.sha256.as_ref()))
        .collect();
    for (name, file) in set.files.iter().filter(|(n, _)| *n != artifact::MANIFEST) {
        assert_eq!(rows[name], sha256(file.bytes()), "{name}");
    }
    let payload = |part| FILES.iter().filter(move |f| f.part == part).count();
    assert_eq!(manifest.payload.len(), payload(Part::Payload));
    assert_eq!(manifest.description.len() + 1, payload(Part::Description));
}

#[test]
fn the_store_takes_what_is_emitted() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = weir_store::Store::open(dir.path().join("store")).expect("a store");
    let set = World::small().emit(&[]);
    let put = store.put_artifact(&set.as_files()).expect("stored");
    let found = store.get(&set.digest).expect("found");
    assert_eq!(found.path(), put.path);
    assert_eq!(found.verify().expect("verified"), []);
}

#[test]
fn write_replaces_the_files_of_a_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = dir.path().join("deep/out");
    for world in [World::large(10), World::small()] {
        let set = world.emit(&[]);
        write(&set, &out).expect("written");
        for (name, file) in &set.files {
            assert_eq!(std::fs::read(out.join(name)).expect("read"), file.bytes());
        }
    }
    let names = std::fs::read_dir(&out).expect("listed").count();
    assert_eq!(names, FILES.len());
}

/// The types say exactly what is in the files: nothing more, nothing less.
#[test]
fn every_file_is_what_its_schema_says() {
    fn same<T>(world: &World, name: &str)
    where
        T: Published + DeserializeOwned + Serialize + Debug,
    {
        let set = world.emit(&[finding(Level::Warning)]);
        let bytes = set.file(name).expect("written");
        let typed: T = weir_schemas::read(bytes).expect("reads as its type");
        let value: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
        assert_eq!(serde_json::to_value(&typed).expect("JSON"), value, "{name}");
        assert!(bytes.ends_with(b"}\n") && !bytes.ends_with(b"\n\n"));
    }
    for world in [
        World::empty(Strategy::Flat),
        World::small(),
        World::large(2_000),
    ] {
        same::<Tree<'_>>(&world, artifact::TREE);
        same::<QueuePlan<'_>>(&world, artifact::QUEUE_PLAN);
        same::<Findings<'_>>(&world, artifact::FINDINGS);
        same::<Provenance<'_>>(&world, artifact::PROVENANCE);
        same::<Manifest<'_>>(&world, artifact::MANIFEST);
    }
}

#[test]
fn files_agree_with_each_other() {
    let world = World::large(3_000);
    let tree: Tree<'_> = read(&world, artifact::TREE);
    let plan: QueuePlan<'_> = read(&world, artifact::QUEUE_PLAN);
    let csv = world.file(artifact::SHAPED_DEVICES);
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<csv::StringRecord> = rows.records().map(|r| r.expect("16 fields")).collect();

    let sorted = |pair: &[Class<'_>]| pair[0].key < pair[1].key;
    assert!(plan.classes.windows(2).all(sorted));
    let classes: BTreeMap<&str, &Class<'_>> =
        plan.classes.iter().map(|c| (c.key.as_ref(), c)).collect();
    for parent in plan.classes.iter().filter_map(|c| c.parent.as_deref()) {
        assert!(classes.contains_key(parent), "{parent}");
    }

    assert_eq!(rows.len(), tree.circuits.len());
    for (row, (id, circuit)) in rows.iter().zip(&tree.circuits) {
        assert_eq!(&row[0], id);
        let class = classes[["circuit:", id].concat().as_str()];
        assert_eq!(class.ceil_kbps, circuit.max_kbps);
        assert_eq!(class.rate_kbps, circuit.min_kbps);
        if tree.buckets.contains_key(&circuit.parent) {
            assert_eq!((&row[4], &row[5]), ("", ""));
        } else {
            assert_eq!(&row[5], circuit.parent);
        }
    }
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let world = World::large(3_000);
    let files = [1, 2, 7].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads").install(|| world.emit(&[])).files
    });
    assert!(files.windows(2).all(|pair| pair[0] == pair[1]));
}

/// Names come from customers: whatever they hold, a record is a line and reads back.
#[test]
fn hostile_text_stays_inside_its_field() {
    let names = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\"; DROP",
        "a,b",
        " padded ",
        "#comment",
        "\u{202e}right to left",
        "</script>",
        "\\u0000",
        "日本",
    ];
    let mut world = World::large(names.len());
    for (circuit, name) in world.inventory.circuits.iter_mut().zip(names) {
        circuit.name = name.into();
        circuit.comment = format!("{name}\0\t\r\n\u{85}{name}").into();
    }
    for (node, name) in world.tree.nodes.iter_mut().zip(names) {
        node.name = name.into();
    }
    let csv = world.file(artifact::SHAPED_DEVICES);
    assert_eq!(csv.lines().count(), names.len() + 1);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    for (row, name) in reader.records().zip(names) {
        let row = row.expect("16 fields");
        assert_eq!(&row[1], name);
        assert_eq!(row[14], format!("{name}     {name}"));
    }
    let network: serde_json::Value =
        serde_json::from_str(&world.file(artifact::NETWORK)).expect("JSON");
    assert!(network.get(names[0]).is_some());
    let tree: Tree<'_> = read(&world, artifact::TREE);
    assert_eq!(tree.emitted[0].name, names[0]);
}

/// No limit of the kernel or of a stack stops a tree from being written: depth is the input's.
#[test]
fn a_tree_of_any_depth_is_written() {
    let depth = 20_000;
    let mut world = World::empty(Strategy::Full);
    let mut above = None;
    for n in 0..depth {
        let node = world.node(&format!("n{n:06}"), NodeKind::Other, None);
        above = Some(world.emit_node(node, above, 1_000, 1_000));
    }
    let at = above.expect("a deepest node");
    world.circuit("c1", &["100.64.0.2/32"], Parent::Node(at));
    for name in [artifact::TREE, artifact::NETWORK] {
        let text = world.file(name);
        assert!(text.len() < depth * 1_000, "{name}: {}", text.len());
        assert_eq!(
            text.matches('{').count(),
            text.matches('}').count(),
            "{name}"
        );
    }
}
