//! Several sources in one build, and overrides over them: which records are one subscriber, whose word counts, what
//! is reported, and that the order in which things are written does not show.

use proptest::prelude::*;
use serde_json::{Value, json};
use weir_compiler::Compiled;
use weir_compiler::ir::inventory::{Circuit, OmitReason};
use weir_compiler::testing::{Input, Memory};
use weir_compiler::units::{Kbps, Pair};
use weir_schemas::artifact;

const MERGE: &str =
    "[merge]\nprecedence = [\"billing\", \"towers\"]\n[merge.fields]\nparent = [\"towers\"]\n";

fn towers() -> Value {
    json!({ "schema": "weir.inventory/1",
        "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]},
                  {"id": "mill", "name": "Mill", "kind": "site", "gateway": true}],
        "circuits": [
            {"id": "t1", "name": "Roof 1", "attach": "hill", "devices": [{"id": "r1", "mac": "02:00:00:00:00:01", "ips": ["100.64.0.1"]}]},
            {"id": "t2", "name": "Roof 2", "attach": "mill", "devices": [{"id": "r2", "ips": ["100.64.0.2"]}]},
            {"id": "t3", "name": "Al Roe", "attach": "mill", "devices": [{"id": "r3", "ips": ["100.64.0.3"]}]}] })
}

fn billing() -> Value {
    json!({ "schema": "weir.inventory/1",
        "circuits": [
            {"id": "1", "name": "Jo Doe", "plan_kbps": [50000, 10000], "attach": "mill", "devices": [{"id": "b1", "mac": "0200.0000.0001"}]},
            {"id": "2", "name": "Ida Fox", "plan_kbps": [100000, 20000], "devices": [{"id": "b2", "ips": ["100.64.0.2"]}]},
            {"id": "3", "name": "al  roe", "plan_kbps": [25000, 5000]},
            {"id": "4", "name": "Bo Lone", "plan_kbps": [10000, 1000], "attach": "hill", "devices": [{"id": "b4", "ips": ["100.64.0.4"]}]}] })
}

/// Sources in the order in which they are written.
fn compile(sources: &[(&str, &Value)], config: &str, overrides: &str, as_of: &str) -> Compiled {
    let texts: Vec<String> = sources.iter().map(|(_, v)| v.to_string()).collect();
    let inputs: Vec<Input<'_>> = sources
        .iter()
        .zip(&texts)
        .map(|((name, _), text)| Input {
            name,
            kind: "inventory",
            files: vec![("inventory.json", text.as_bytes())],
        })
        .collect();
    let memory = Memory::several(&inputs, config, overrides, as_of).expect("a project");
    memory.compile(None)
}

fn both(overrides: &str, as_of: &str) -> Compiled {
    compile(
        &[("billing", &billing()), ("towers", &towers())],
        MERGE,
        overrides,
        as_of,
    )
}

fn circuit<'c>(compiled: &'c Compiled, id: &str) -> &'c Circuit {
    let inventory = &compiled.inventory;
    &inventory[inventory.circuit_by_id(id).expect(id)]
}

fn codes(compiled: &Compiled) -> Vec<(&'static str, String)> {
    let about = |f: &weir_compiler::finding::Finding| f.subjects[0].id.to_string();
    let ours = |f: &&weir_compiler::finding::Finding| {
        let code = f.rule.code;
        ["SRC014", "SRC015", "SRC005"].contains(&code)
            || code.starts_with("IDN01")
            || (code.starts_with("POL") && code > "POL002")
    };
    let mut codes: Vec<_> = compiled
        .findings
        .iter()
        .filter(ours)
        .map(|f| (f.rule.code, about(f)))
        .collect();
    codes.sort();
    codes
}

#[test]
fn a_subscriber_is_put_together_from_what_each_source_knows_best() {
    let compiled = both("", "");
    let ids: Vec<&str> = compiled.inventory.circuits.iter().map(|c| &*c.id).collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
    let told = |id: &str| {
        let c = circuit(&compiled, id);
        let parent = c.attach.map(|ix| &*compiled.inventory[ix].id);
        let addresses: Vec<String> = c
            .devices
            .iter()
            .flat_map(|d| &d.addresses)
            .map(|a| a.to_string())
            .collect();
        format!("{} {} {:?} {}", c.name, c.max, parent, addresses.join(","))
    };
    // By MAC, by address, by name, and alone. The parent is the towers' where both have one.
    assert_eq!(told("1"), "Jo Doe 50/10 Some(\"hill\") 100.64.0.1/32");
    assert_eq!(told("2"), "Ida Fox 100/20 Some(\"mill\") 100.64.0.2/32");
    assert_eq!(told("3"), "al  roe 25/5 Some(\"mill\") 100.64.0.3/32");
    assert_eq!(told("4"), "Bo Lone 10/1 Some(\"hill\") 100.64.0.4/32");
    assert_eq!(
        codes(&compiled),
        [
            ("IDN011", "3".to_owned()),
            ("SRC014", "1".to_owned()),
            ("SRC014", "2".to_owned()),
            ("SRC015", "4".to_owned()),
        ]
    );
    let disagreement = compiled
        .findings
        .iter()
        .find(|f| f.rule.code == "SRC014" && *f.subjects[0].id == *"1");
    let message = &disagreement.expect("reported").message;
    assert!(
        message.contains("parent: towers says hill, but billing says mill"),
        "{message}"
    );
    assert!(
        message.contains("name: billing says Jo Doe, but towers says Roof 1"),
        "{message}"
    );
}

#[test]
fn provenance_shows_what_was_chosen_what_was_not_and_what_was_overridden() {
    let compiled = both(
        "[[circuit]]\nid = \"1\"\nreason = \"gift\"\nplan_mbps = [80, 20]\n",
        "",
    );
    let bytes = compiled
        .artifacts
        .file(artifact::PROVENANCE)
        .expect("written");
    let provenance: Value = serde_json::from_slice(bytes).expect("JSON");
    let one = &provenance["circuits"][0];
    assert_eq!(one["joined"][1]["source"], "towers");
    assert_eq!(one["joined"][1]["id"], "t1");
    assert_eq!(one["joined"][1]["by"], "mac");
    let fields = one["fields"].as_array().expect("a list");
    let parent = fields
        .iter()
        .find(|f| f["field"] == "parent")
        .expect("chosen");
    assert_eq!(
        (&parent["source"], &parent["rejected"][0]["value"]),
        (&json!("towers"), &json!("mill"))
    );
    let plan = fields
        .iter()
        .find(|f| f["field"] == "plan_mbps")
        .expect("overridden");
    assert_eq!(plan["value"], "50/10 Mbit/s");
    assert_eq!(plan["overridden"]["value"], "80/20 Mbit/s");
    assert_eq!(plan["overridden"]["reason"], "gift");
    // A circuit that one source knows has nothing to tell.
    assert!(provenance["circuits"][3].get("fields").is_none());
}

#[test]
fn overrides_are_applied_and_what_they_could_not_do_is_reported() {
    let overrides = "\
        [[circuit]]\nid = \"1\"\nreason = \"r\"\nowner = \"kim\"\nexpires = 2027-01-01\nmax_mbps = [33.5, 7]\nmin_mbps = [2, 1]\nparent = \"Mill\"\n\
        [[circuit]]\nid = \"2\"\nreason = \"r\"\nowner = \"kim\"\nexpires = 2027-01-01\naddresses_add = [\"100.64.9.0/30\"]\naddresses_remove = [\"100.64.0.2\"]\n\
        [[circuit]]\nid = \"3\"\nreason = \"r\"\nowner = \"kim\"\nexpires = 2027-01-01\nexclude = true\n\
        [[circuit]]\nid = \"4\"\nreason = \"r\"\nowner = \"kim\"\nexpires = 2026-06-01\nplan_mbps = 99\n\
        [[circuit]]\nid = \"44\"\nreason = \"r\"\nowner = \"kim\"\nexpires = 2027-01-01\nplan_mbps = 99\n\
        [[node]]\nid = \"mill\"\nreason = \"r\"\nowner = \"kim\"\nexpires = 2027-01-01\nparent = \"hill\"\ncapacity_mbps = 40\n";
    let compiled = both(overrides, "2026-06-02");
    let one = circuit(&compiled, "1");
    assert_eq!(one.max, Pair::new(Kbps(33_500), Kbps(7_000)));
    assert_eq!(one.min, Pair::new(Kbps(2_000), Kbps(1_000)));
    assert_eq!(one.attach, compiled.inventory.node_by_id("mill"));
    let two: Vec<String> = circuit(&compiled, "2")
        .devices
        .iter()
        .flat_map(|d| &d.addresses)
        .map(|a| a.to_string())
        .collect();
    assert_eq!(two, ["100.64.9.0/30"]);
    assert_eq!(circuit(&compiled, "3").omitted, Some(OmitReason::Excluded));
    assert_eq!(
        circuit(&compiled, "4").max,
        Pair::new(Kbps(10_000), Kbps(1_000))
    );
    // The parent of a node is kept to.
    let (mill, hill) = (
        compiled.inventory.node_by_id("mill"),
        compiled.inventory.node_by_id("hill"),
    );
    assert_eq!(
        compiled.inventory.settings.pins,
        [(mill.expect("mill"), hill.expect("hill"))]
    );
    let codes = codes(&compiled);
    assert!(codes.contains(&("POL004", "4".to_owned())), "{codes:?}");
    assert!(codes.contains(&("SRC005", "44".to_owned())), "{codes:?}");
    let manifest = compiled
        .artifacts
        .file(artifact::MANIFEST)
        .expect("written");
    let manifest: Value = serde_json::from_slice(manifest).expect("JSON");
    assert_eq!(manifest["inputs"]["as_of"], "2026-06-02");
    assert_eq!(
        manifest["inputs"]["overrides_sha256"]
            .as_str()
            .map(str::len),
        Some(64)
    );
    // On a day that decides nothing, the day is not recorded.
    let compiled = both(overrides, "2026-06-01");
    let manifest = compiled
        .artifacts
        .file(artifact::MANIFEST)
        .expect("written");
    let manifest: Value = serde_json::from_slice(manifest).expect("JSON");
    assert!(manifest["inputs"].get("as_of").is_none());
}

#[test]
fn ids_that_two_sources_use_for_two_things_stay_apart() {
    let one = json!({"schema": "weir.inventory/1", "circuits": [{"id": "17", "name": "A", "plan_kbps": [1000, 1000], "devices": [{"id": "a", "ips": ["100.64.0.1"]}]}]});
    let two = json!({"schema": "weir.inventory/1", "circuits": [{"id": "17", "name": "B", "plan_kbps": [2000, 2000], "devices": [{"id": "b", "ips": ["100.64.0.2"]}]}]});
    let compiled = compile(
        &[("one", &one), ("two", &two)],
        "[merge]\njoin = [\"mac\"]\n",
        "",
        "",
    );
    let ids: Vec<&str> = compiled.inventory.circuits.iter().map(|c| &*c.id).collect();
    assert_eq!(ids, ["17", "two:17"]);
    assert_eq!(codes(&compiled), [("IDN012", "two".to_owned())]);
}

/// A source of a few circuits whose keys meet often.
fn source() -> impl Strategy<Value = Vec<(u8, u8, u8, u8, u64)>> {
    prop::collection::vec((0..6_u8, 0..4_u8, 0..4_u8, 0..4_u8, 1..4_u64), 0..7)
}

fn export(rows: &[(u8, u8, u8, u8, u64)]) -> Value {
    let circuits = rows.iter().map(|(id, mac, address, name, plan)| {
        let mac = match mac {
            0 => String::new(),
            n => format!("02:00:00:00:01:0{n}"),
        };
        let ips: Vec<String> = (1..*address).map(|n| format!("100.64.0.{n}")).collect();
        json!({"id": format!("c{id}"), "name": format!("N{name}"), "plan_kbps": [plan * 1000, 1000],
               "devices": [{"id": format!("d{id}"), "mac": mac, "ips": ips}]})
    });
    json!({"schema": "weir.inventory/1", "circuits": circuits.collect::<Vec<_>>()})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// With a stated precedence neither the order of records nor that of `[[source]]` tables shows, and no record
    /// of a source is lost or used twice.
    #[test]
    fn only_precedence_orders_sources(a in source(), b in source(), c in source(), turn in 0..3_usize) {
        let config = "[merge]\nprecedence = [\"a\", \"b\", \"c\"]\n";
        let straight = [("a", export(&a)), ("b", export(&b)), ("c", export(&c))];
        let reversed = |rows: &[(u8, u8, u8, u8, u64)]| export(&rows.iter().rev().copied().collect::<Vec<_>>());
        let mut turned = [("a", reversed(&a)), ("b", reversed(&b)), ("c", reversed(&c))];
        turned.rotate_left(turn);
        let run = |sources: &[(&str, Value)]| {
            let sources: Vec<(&str, &Value)> = sources.iter().map(|(n, v)| (*n, v)).collect();
            compile(&sources, config, "", "")
        };
        let (want, got) = (run(&straight), run(&turned));
        prop_assert_eq!(&want.artifacts.digest, &got.artifacts.digest);
        let said = |c: &Compiled| c.findings.iter().map(|f| f.message.clone()).collect::<Vec<_>>();
        prop_assert_eq!(said(&want), said(&got));
        let merge = &want.inventory.evidence.merge;
        let joined: usize = merge.joined.iter().map(|j| j.members.len() - 1).sum();
        let distinct = |rows: &[(u8, u8, u8, u8, u64)]| {
            rows.iter().map(|r| r.0).collect::<std::collections::BTreeSet<_>>().len()
        };
        let records = distinct(&a) + distinct(&b) + distinct(&c);
        prop_assert_eq!(want.inventory.circuits.len() + joined, records);
        for thing in &merge.joined {
            prop_assert!(thing.members.windows(2).all(|m| m[0].source < m[1].source));
        }
    }
}

/// What a router knows fills what is not said, and stands below what a source or an override says.
#[test]
fn a_router_gives_devices_their_ipv6() {
    let crm = json!({ "schema": "weir.inventory/1",
        "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true}],
        "circuits": [
            {"id": "1", "attach": "hill", "plan_kbps": [50000, 10000], "devices": [{"id": "d1", "ips": ["100.64.70.1"]}]},
            {"id": "2", "attach": "hill", "plan_kbps": [50000, 10000], "devices": [{"id": "d2", "ips": ["100.64.70.3", "2001:db8:99::/56"]}]},
            {"id": "3", "attach": "hill", "plan_kbps": [50000, 10000], "devices": [{"id": "d3", "ips": ["100.64.70.8"]}]},
            {"id": "4", "attach": "hill", "plan_kbps": [50000, 10000], "devices": [{"id": "d4", "mac": "02:4c:00:00:00:0b", "ips": ["100.64.70.11"]}]},
            {"id": "5", "attach": "hill", "plan_kbps": [50000, 10000], "devices": [{"id": "d5", "ips": ["100.64.70.6"]}]}] })
    .to_string();
    let file = |name: &str| {
        let path = format!(
            "{}/standin/data/mikrotik/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        std::fs::read_to_string(path).expect("recorded data")
    };
    let mut bindings: Value = serde_json::from_str(&file("bindings")).expect("JSON");
    // Nobody knows an IPv4 address of this one.
    let unseen = json!({".id": "*Z", "address": "2001:db8:700b::/56", "duid": "0x00030001024c0000000b", "status": "bound"});
    bindings.as_array_mut().expect("a list").push(unseen);
    let (arp, leases, neighbors) = (file("arp"), file("leases"), file("neighbors"));
    let bindings = bindings.to_string();
    let addresses = |crm_first: bool, more: &str, overrides: &str| {
        let mut inputs = vec![
            Input {
                name: "crm",
                kind: "inventory",
                files: vec![("inventory.json", crm.as_bytes())],
            },
            Input {
                name: "router",
                kind: "mikrotik",
                files: vec![
                    ("arp.json", arp.as_bytes()),
                    ("bindings.json", bindings.as_bytes()),
                    ("leases.json", leases.as_bytes()),
                    ("neighbors.json", neighbors.as_bytes()),
                ],
            },
        ];
        if !crm_first {
            inputs.reverse();
        }
        let config = format!("[merge]\nprecedence = [\"crm\", \"router\"]\n{more}");
        let memory = Memory::several(&inputs, &config, overrides, "2030-01-01").expect("a project");
        let compiled = memory.compile(None);
        let circuits = compiled.inventory.circuits.iter().map(|circuit| {
            let devices = circuit.devices.iter();
            let all: Vec<String> = devices
                .flat_map(|d| d.addresses.iter().map(|a| format!("{}={a}", d.id)))
                .collect();
            all.join(" ")
        });
        circuits.collect::<Vec<_>>()
    };
    let plain = addresses(true, "", "");
    assert_eq!(
        plain,
        [
            "d1=100.64.70.1/32 d1=2001:db8:7001::/56",
            // It has IPv6 of its own.
            "d2=100.64.70.3/32 d2=2001:db8:99::/56",
            "d3=100.64.70.8/32 d3=2001:db8:7008::/56",
            // By its hardware address.
            "d4=100.64.70.11/32 d4=2001:db8:700b::/56",
            // Its hardware address has two IPv4 addresses.
            "d5=100.64.70.6/32",
        ]
    );
    assert_eq!(addresses(false, "", ""), plain);

    let overrides = "[[circuit]]\nid = \"1\"\nreason = \"moved\"\nowner = \"kim\"\naddresses = [\"100.64.70.1\"]\n\
                     [[circuit]]\nid = \"3\"\nreason = \"not theirs\"\nowner = \"kim\"\naddresses_remove = [\"2001:db8:7008::/56\"]\n";
    let told = addresses(true, "", overrides);
    assert_eq!(told[0], "d1=100.64.70.1/32");
    assert_eq!(told[2], "d3=100.64.70.8/32");
    assert_eq!(told[3], plain[3]);

    // What is nobody's is nobody's whoever says it.
    let told = addresses(true, "[addresses]\nignore = [\"2001:db8:7001::/48\"]\n", "");
    assert_eq!(told[0], "d1=100.64.70.1/32");
    assert_eq!(told[1..], plain[1..]);
}

/// WISPGate names parents and describes none: the nodes of a `network.json` beside it are where its subscribers hang.
#[test]
fn parents_that_one_source_names_are_nodes_that_another_describes() {
    let rows = json!([
        {"Circuit ID": "1", "Device ID": 1, "Parent Node": "HR-North", "IPv4": "100.64.90.1", "Download Max Mbps": 300, "Upload Max Mbps": 10},
        {"Circuit ID": "2", "Device ID": 2, "Parent Node": "hr-north ", "IPv4": "100.64.90.2", "Download Max Mbps": 50, "Upload Max Mbps": 10},
        {"Circuit ID": "3", "Device ID": 3, "Parent Node": "Ghost AP", "IPv4": "100.64.90.3", "Download Max Mbps": 50, "Upload Max Mbps": 10}])
    .to_string();
    let network = json!({"Hogback": {"id": "s1", "type": "site", "downloadBandwidthMbps": 950, "uploadBandwidthMbps": 950,
        "children": {"HR-North": {"id": "a1", "type": "ap", "downloadBandwidthMbps": 180, "uploadBandwidthMbps": 60}}}})
    .to_string();
    let nobody = "Circuit ID,Device ID,Parent Node,IPv4,Download Max Mbps,Upload Max Mbps\n";
    let inputs = [
        Input {
            name: "crm",
            kind: "wispgate",
            files: vec![("shaped-devices.json", rows.as_bytes())],
        },
        Input {
            name: "towers",
            kind: "libreqos",
            files: vec![
                ("network.json", network.as_bytes()),
                ("ShapedDevices.csv", nobody.as_bytes()),
            ],
        },
    ];
    let config =
        "[merge]\nprecedence = [\"crm\", \"towers\"]\n[topology]\nstrategy = \"ap_site\"\n";
    let memory = Memory::several(&inputs, config, "", "").expect("a project");
    let compiled = memory.compile(None);
    let hangs = |id: &str| {
        let node = circuit(&compiled, id).attach?;
        Some(&*compiled.inventory[node].name)
    };
    assert_eq!(hangs("1"), Some("HR-North"));
    assert_eq!(hangs("2"), Some("HR-North"));
    assert_eq!(hangs("3"), None);
    let told = |code: &str| -> Vec<&str> {
        let of = compiled.findings.iter().filter(|f| f.rule.code == code);
        let about = of.flat_map(|f| &f.subjects);
        let circuits = about.filter(|subject| subject.kind.word() == "circuit");
        circuits.map(|subject| &*subject.id).collect()
    };
    // Spelled otherwise, named by nobody, and sold more than the access point carries.
    assert_eq!(told("IDN005"), ["2"]);
    assert_eq!(told("TOP001"), ["3"]);
    assert_eq!(told("RAT006"), ["1"]);
}
