//! `weir why` from the outside, on the examples and on the golden artifacts: what somebody at a support desk would ask.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use weir_compiler::why::{self, Files};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn weir(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(args)
        .current_dir(root())
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("weir runs")
}

fn text(output: &Output) -> String {
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Asks an example.
fn ask(example: &str, question: &str) -> String {
    text(&weir(&["--project", example, "why", question]))
}

fn ask_json(example: &str, question: &str) -> Value {
    let output = weir(&["--project", example, "why", question, "--format", "json"]);
    serde_json::from_str(&text(&output)).expect("JSON")
}

/// An artifact that lies beside the tests, without its project.
fn golden(story: &str) -> Files {
    let dir = root().join("golden").join(story);
    Files::read(|name| std::fs::read(dir.join(name)).ok()).expect("an artifact")
}

fn answer(files: &Files, question: &str) -> Value {
    let found = files
        .find(question)
        .unwrap_or_else(|not| panic!("{}: {}", not.message(question), not.help()));
    let why = files.answer(question, &found, &|_, _, _| None);
    serde_json::to_value(&why).expect("JSON")
}

const DIRTY: &str = "examples/dirty";

#[test]
fn every_omitted_circuit_says_why() {
    for (name, reason) in [
        (
            "Bo Bridge",
            "it overlaps 10.90.0.0/16 in `addresses.ignore`",
        ),
        ("Ian Ipclash", "circuit \"Ivy Ipclash\" (958ef8de…) has it."),
        ("Eve Exception", "The source gives it no address."),
        ("Fay Future", "The source gives it no address."),
    ] {
        let said = ask(DIRTY, name);
        assert!(
            said.contains("is not shaped: none of its devices kept an address. Its traffic passes at full speed."),
            "{said}"
        );
        assert!(said.contains(reason), "{said}");
        assert!(said.contains("ADR006"), "{said}");
    }
    let files = golden("uisp-ridgeline/expected/ap_site");
    let json = answer(&files, "Bo Bridge");
    assert_eq!(json["omitted"], "no-address");
    assert_eq!(json["shaped"], false);
    assert_eq!(json["refused"][0]["why"], "ignored");
}

#[test]
fn a_clamped_circuit_says_by_what() {
    let said = ask(DIRTY, "0ce87fdd");
    assert!(
        said.starts_with("Circuit \"Pathway Dental\" (0ce87fdd…) is shaped at 110/60 Mbit/s.\n"),
        "{said}"
    );
    assert!(said.contains("It was sold 100/100 Mbit/s; times 1.1 (rates.overhead): 110/110 Mbit/s; then cut to what AP \"Cedar-N\""), "{said}");
    assert!(said.contains("exports/uisp/sites.json:"), "{said}");
    let json = ask_json(DIRTY, "0ce87fdd");
    assert_eq!(json["schema"], "weir.why/1");
    let steps: Vec<&str> = json["ceiling"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["plan", "factor", "clamp"]);
    assert_eq!(
        json["ceiling"][2]["kbps"],
        serde_json::json!([110_000, 60_000])
    );
    // Only its upload is cut, and the limit marked is that of the AP, in both directions.
    let sets: Vec<&Value> = json["limits"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|l| l["sets"] != serde_json::json!([false, false]))
        .collect();
    assert_eq!(sets.len(), 1, "{sets:?}");
    assert_eq!(sets[0]["kbps"], serde_json::json!([180_000, 60_000]));
    assert!(json["records"][0]["line"].as_u64().unwrap() > 1);
    assert!(json["queue"]["class"][0].is_string());
}

#[test]
fn an_address_is_matched_like_the_shaper_does() {
    // Of a routed prefix.
    let json = ask_json(DIRTY, "198.51.100.18");
    assert_eq!(json["shaped"], true);
    assert_eq!(json["address"]["matched"]["prefix"], "198.51.100.16/29");
    assert!(
        json["summary"][0]
            .as_str()
            .unwrap()
            .contains("Routed Subnet Co-op"),
        "{json}"
    );
    // Ignored.
    let said = ask(DIRTY, "192.168.1.1");
    assert!(
        said.starts_with(
            "192.168.1.1 is not shaped: its traffic passes at full speed.\nCircuit \"Rita Router\""
        ),
        "{said}"
    );
    assert!(
        said.contains(
            "claims \"192.168.1.1/24\": it overlaps 192.168.0.0/16 in `addresses.ignore`."
        ),
        "{said}"
    );
    assert!(said.contains("The nearest that are shaped: "), "{said}");
    // In conflict: who has it, and who lost it.
    let said = ask(DIRTY, "100.72.2.99");
    assert!(
        said.starts_with("100.72.2.99 is shaped for circuit "),
        "{said}"
    );
    assert!(
        said.contains("Circuit \"Ian Ipclash\" (9679106e…) claims \"100.72.2.99/16\": circuit \"Ivy Ipclash\" (958ef8de…) has it."),
        "{said}"
    );
    // Nobody's.
    let said = ask(DIRTY, "8.8.8.8");
    assert!(
        said.contains("No circuit of any source claims it."),
        "{said}"
    );
}

#[test]
fn a_held_link_says_that_it_is_held() {
    let files = golden("link-down/expected/held");
    let json = answer(&files, "s2");
    let reason = json["candidates"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("its link is down, and counts as up while it has not been down for long"),
        "{reason}"
    );
    let moved = golden("link-down/expected/moved");
    let json = answer(&moved, "s2.cap");
    let reason = json["candidates"][0]["reason"].as_str().unwrap();
    assert!(!reason.contains("is down"), "{reason}");
}

#[test]
fn parents_are_told_with_their_rivals() {
    let files = golden("worked-example/expected/full");
    let json = answer(&files, "s2");
    assert_eq!(json["candidates"][0]["parent"], "s3");
    assert_eq!(json["candidates"][0]["cost"], 566);
    assert_eq!(json["candidates"][1]["parent"], "s1");
    assert_eq!(json["candidates"][1]["reason"], "costs 200 more");
    assert_eq!(json["candidates"][1]["bottleneck_kbps"], 300_000);
    // The limit of a5 is its own for download and upload; that of s4 is link L5.
    let json = answer(&files, "s4.cap");
    let set: Vec<&str> = json["limits"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|l| l["sets"][0] == true)
        .map(|l| l["id"].as_str().unwrap())
        .collect();
    assert_eq!(set, ["L5"]);
}

/// Guarantees that do not fit name the node where, and how much was promised.
#[test]
fn a_scaled_guarantee_says_where() {
    let network = r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [50000, 50000]}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "mac": "02:00:00:00:00:01", "ips": ["100.64.0.2", "100.64.1.5/24"]}]},
              {"id": "c2", "name": "Al Roe", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "name": "Jo Doe", "attach": "hill", "plan_kbps": [0, 20000], "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#;
    let memory = weir_compiler::testing::Memory::new(
        "inventory",
        &[("inventory.json", network.as_bytes())],
        "[rates]\ncommit = 0.4\n",
    )
    .expect("a project");
    let compiled = memory.compile(None);
    let files =
        Files::read(|name| compiled.artifacts.file(name).map(<[u8]>::to_vec)).expect("an artifact");
    let json = answer(&files, "c1");
    let last = json["guarantee"].as_array().unwrap().last().unwrap();
    assert_eq!(last["step"], "scale");
    assert_eq!(last["kbps"], serde_json::json!([25_000, 8_000]));
    assert_eq!(
        last["by"],
        "scaled at site \"Hill\" (hill), where guarantees of 80/16 Mbit/s meet a capacity of 50/50 Mbit/s"
    );

    // Without a plan it claims no address, and that is why the address is nobody's.
    let json = answer(&files, "100.64.0.4");
    assert_eq!(json["shaped"], false);
    assert_eq!(json["refused"][0]["why"], "circuit-omitted");
    assert_eq!(json["address"]["nearest"][0]["prefix"], "100.64.0.3/32");
    // Host bits: only the host is shaped, and a neighbour asks why it is not.
    let json = answer(&files, "100.64.1.9");
    assert_eq!(json["refused"][0]["why"], "host-bits");

    // By MAC, however it is written; two of one name are both offered; what is near is suggested.
    assert_eq!(answer(&files, "0200.0000.0001")["subject"]["id"], "c1");
    let several = files.find("jo doe").unwrap_err();
    assert_eq!(several.several, 2);
    assert!(
        several.help().contains("`circuit:c1`") && several.help().contains("`circuit:c3`"),
        "{}",
        several.help()
    );
    assert_eq!(answer(&files, "circuit:c3")["omitted"], "no-plan");
    let near = files.find("Al Row").unwrap_err();
    assert_eq!(
        (near.several, near.help().as_str()),
        (0, "did you mean `circuit:c2` (circuit \"Al Roe\" (c2))?")
    );
}

/// For every circuit and node of every golden artifact: the steps end at the rate, and the limits at the capacity.
#[test]
fn chains_end_where_the_artifact_does() {
    let mut asked = 0;
    for story in [
        "inventory-dirty/expected",
        "libreqos-custom/expected",
        "link-down/expected",
        "uisp-ridgeline/expected",
        "worked-example/expected",
    ] {
        for variant in std::fs::read_dir(root().join("golden").join(story)).expect("a story") {
            let dir = variant.expect("a variant").path();
            let files =
                Files::read(|name| std::fs::read(dir.join(name)).ok()).expect("an artifact");
            let read = |name: &str| -> Value {
                serde_json::from_slice(&std::fs::read(dir.join(name)).expect("a file"))
                    .expect("JSON")
            };
            let (tree, provenance) = (read("tree.json"), read("provenance.json"));
            for circuit in provenance["circuits"].as_array().unwrap() {
                let id = circuit["id"].as_str().unwrap();
                let json = answer(&files, &format!("circuit:{id}"));
                asked += 1;
                let Some(shaped) = tree["circuits"].get(id) else {
                    assert_eq!(json["omitted"], tree["omitted"][id], "{id}");
                    continue;
                };
                for (chain, rate) in [("ceiling", "max_kbps"), ("guarantee", "min_kbps")] {
                    let steps = json[chain].as_array().unwrap();
                    assert_eq!(
                        steps.last().unwrap()["kbps"],
                        shaped[rate],
                        "{dir:?} {id} {steps:?}"
                    );
                    assert!(
                        steps.iter().all(|s| s["step"] != "other"),
                        "{dir:?} {id} {steps:?}"
                    );
                }
            }
            for node in provenance["nodes"].as_array().unwrap() {
                let id = node["id"].as_str().unwrap();
                let json = answer(&files, &format!("node:{id}"));
                asked += 1;
                for direction in 0..2 {
                    let counted: Vec<&Value> = json["limits"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .filter(|l| l["ignored"] == false)
                        .collect();
                    let least = counted
                        .iter()
                        .filter_map(|l| l["kbps"][direction].as_u64())
                        .min();
                    assert_eq!(
                        least,
                        node["cap_kbps"][direction].as_u64(),
                        "{dir:?} {id} {counted:?}"
                    );
                    let sets = counted
                        .iter()
                        .filter(|l| l["sets"][direction] == true)
                        .count();
                    assert_eq!(sets, 1, "{dir:?} {id}");
                }
                let found = files.find(&format!("node:{id}")).unwrap();
                let look = weir_compiler::report::Look::PLAIN;
                let shown = why::text(&files.answer(id, &found, &|_, _, _| None), look);
                assert!(shown.contains("artifact "), "{shown}");
            }
        }
    }
    assert!(asked > 300, "{asked}");
}

/// Sources, the one that counts, the override above it, who answers for it and until when.
#[test]
fn an_overridden_rate_is_told_from_the_record_to_the_rule() {
    let json = ask_json("examples/two-crms", "1009");
    let steps: Vec<(&str, &Value)> = json["ceiling"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["step"].as_str().unwrap(), &s["kbps"]))
        .collect();
    let (plan, over) = (
        serde_json::json!([25_000, 5_000]),
        serde_json::json!([15_000, 5_000]),
    );
    assert_eq!(steps[..2], [("plan", &plan), ("override", &over)]);
    let summary = json["summary"].as_array().unwrap();
    let sold = summary[1].as_str().unwrap();
    assert!(
        sold.starts_with(
            "It was sold 25/5 Mbit/s; an override of \"kim\" until 2030-06-30 (\"line of sight is half blocked"
        ),
        "{sold}"
    );
    let values = json["values"].as_array().unwrap();
    let value = values
        .iter()
        .find(|v| v["overridden"][0]["owner"] == "kim")
        .expect("a value");
    assert_eq!(value["value"], "15/5 Mbit/s");
    let over = &value["overridden"][0];
    assert_eq!(over["replaced"], "25/5 Mbit/s");
    assert_eq!(over["expires"], "2030-06-30");
    assert_eq!(over["record"]["file"], "overrides.toml");
    assert_eq!(over["record"]["line"], 3);
    assert_eq!(value["stated"][0]["chosen"], true);
    assert!(value["stated"][0]["record"]["line"].as_u64() > Some(0));

    let said = ask("examples/two-crms", "1009");
    assert!(
        said.contains("-> \"15/5 Mbit/s\" by an override, \"line of sight is half blocked by the new barn; a mast is planned\", owner \"kim\", until 2030-06-30, overrides.toml:3:1"),
        "{said}"
    );
    // It is one subscriber in two systems, and both records are shown.
    let records = json["records"].as_array().unwrap();
    let joined = |r: &&Value| {
        r["of"]
            .as_str()
            .is_some_and(|of| of.starts_with("joined by "))
    };
    assert!(records.iter().any(|r| joined(&r)), "{records:#?}");
}

#[test]
fn every_kind_of_override_is_told() {
    let network = r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [50000, 50000]}],
 "circuits": [{"id": "c1", "name": "Jo", "attach": "hill", "plan_kbps": [30000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#;
    let overrides = "[[circuit]]\nid = \"c1\"\nreason = \"quiet\"\nmax_mbps = [12, 3]\nmin_mbps = [2, 1]\nname = \"Jo Doe\"\naddresses_add = [\"100.64.0.9\"]\n\
                     [[node]]\nid = \"hill\"\nreason = \"rain\"\ncapacity_mbps = 40\n";
    let source = weir_compiler::testing::Input {
        name: "crm",
        kind: "inventory",
        files: vec![("inventory.json", network.as_bytes())],
    };
    let memory = weir_compiler::testing::Memory::several(&[source], "", overrides, "2027-01-01");
    let compiled = memory.expect("a project").compile(None);
    let files =
        Files::read(|name| compiled.artifacts.file(name).map(<[u8]>::to_vec)).expect("an artifact");
    let json = answer(&files, "c1");
    for (chain, step, kbps) in [
        ("ceiling", "override", [12_000, 3_000]),
        ("guarantee", "override", [2_000, 1_000]),
    ] {
        let last = json[chain].as_array().unwrap().last().unwrap();
        assert_eq!(last["step"], step, "{json:#}");
        assert_eq!(last["kbps"], serde_json::json!(kbps));
        assert_eq!(last["by"], "an override (\"quiet\")");
    }
    let fields: Vec<&str> = json["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["addresses_add", "max_mbps", "min_mbps", "name"]);
    let summary = json["summary"].to_string();
    assert!(
        summary.contains(
            "Overrides set `addresses_add`, `max_mbps`, `min_mbps`, `name`; below is who and why."
        ),
        "{summary}"
    );
    let node = answer(&files, "hill");
    assert_eq!(node["values"][0]["stated"][0]["value"], "50/50 Mbit/s");
    assert_eq!(node["values"][0]["overridden"][0]["value"], "40/40 Mbit/s");
    let limit = node["limits"].as_array().unwrap().last().unwrap();
    assert_eq!(limit["name"], "site \"Hill\" (hill) itself, by an override");

    // An address of it, through the table that the kernel reads.
    let address = answer(&files, "100.64.0.9");
    let table = &address["address"]["table"];
    assert_eq!(table["circuit"], "c1");
    assert_eq!(table["class"], json["queue"]["class"]);
    assert!(
        address["summary"][1]
            .as_str()
            .unwrap()
            .starts_with("The address table leads packets to it into class "),
        "{address:#}"
    );
    assert_eq!(
        answer(&files, "100.64.0.8")["address"]["table"],
        Value::Null
    );
    assert_eq!(
        answer(&files, "100.64.0.0/24")["address"]["table"],
        Value::Null
    );
}

/// Files that do not belong together are not explained away.
#[test]
fn a_table_of_another_artifact_is_named() {
    let build = |address: &str| {
        let network = format!(
            r#"{{"schema": "weir.inventory/1", "circuits": [{{"id": "c1", "name": "Jo", "plan_kbps": [30000, 20000], "devices": [{{"id": "d1", "ips": ["{address}"]}}]}}]}}"#
        );
        let files = [("inventory.json", network.as_bytes())];
        let memory = weir_compiler::testing::Memory::new("inventory", &files, "");
        memory.expect("a project").compile(None).artifacts
    };
    let (one, other) = (build("100.64.0.1"), build("100.64.0.2"));
    let files = Files::read(|name| {
        let set = match name {
            "classifier.bin" => &other,
            _ => &one,
        };
        set.file(name).map(<[u8]>::to_vec)
    })
    .expect("readable files");
    for (question, want) in [
        ("100.64.0.1", "But the address table does not know it"),
        (
            "100.64.0.2",
            "But the address table leads 100.64.0.2 to class",
        ),
    ] {
        let json = answer(&files, question);
        let summary = json["summary"].to_string();
        assert!(summary.contains(want), "{summary}");
        assert!(summary.contains("`weir verify` says more"), "{summary}");
    }
    let broken = Files::read(|name| match name {
        "classifier.bin" => Some(vec![0; 4096]),
        name => one.file(name).map(<[u8]>::to_vec),
    });
    assert_eq!(
        broken.err().map(|e| e.to_string()).as_deref(),
        Some("classifier.bin: it is no address table")
    );
}

/// What was fetched is in the store, and lines are shown also when an artifact is asked.
#[test]
fn lines_of_fetched_files_come_from_their_snapshot() {
    use sha2::{Digest as _, Sha256};
    use weir_schemas::export::{Export, File};

    let dir = tempfile::tempdir().expect("a directory");
    let at = |path: &str| dir.path().join(path);
    let network = "{\"schema\": \"weir.inventory/1\",\n \"circuits\": [\n  {\"id\": \"c1\", \"name\": \"Jo\", \"plan_kbps\": [9000, 900], \"devices\": [{\"id\": \"d1\", \"ips\": [\"100.64.0.2\"]}]}]}";
    std::fs::create_dir(at("export")).expect("made");
    std::fs::write(at("export/inventory.json"), network).expect("written");
    let toml = "[project]\nname = \"p\"\n[[source]]\nname = \"crm\"\nkind = \"inventory\"\nexport = \"export\"\n";
    std::fs::write(at("weir.toml"), toml).expect("written");
    let project = dir.path().to_str().expect("UTF-8");
    let out = at("out");
    let out = out.to_str().expect("UTF-8");
    let built = weir(&["build", project, "--out", out]);
    assert!(matches!(built.status.code(), Some(0 | 3)));
    let why = ["--project", project, "why", "c1", "--artifact", out];
    assert!(text(&weir(&why)).contains("export/inventory.json:3:3"));

    std::fs::remove_dir_all(at("export")).expect("removed");
    assert!(text(&weir(&why)).contains("bytes from byte"));
    let sha256 = format!("{:x}", Sha256::digest(network));
    let mut export = Export {
        schema: "weir.export/1".into(),
        kind: "inventory".into(),
        instance: "crm.example".into(),
        digest: String::new(),
        started: "2026-01-01T00:00:00Z".into(),
        finished: "2026-01-01T00:00:01Z".into(),
        complete: true,
        files: vec![File {
            name: "inventory.json".into(),
            collection: "inventory".into(),
            page: None,
            method: "GET".into(),
            request: "/".into(),
            status: 200,
            time: "2026-01-01T00:00:00Z".into(),
            records: 1,
            received: network.len() as u64,
            sha256,
            complete: true,
        }],
        missing: Vec::new(),
    };
    export.digest = format!("{:x}", Sha256::digest(export.digest_text()));
    let store = weir_store::Store::open(at(".weir/store")).expect("a store");
    let bytes = [("inventory.json".to_owned(), network.as_bytes().to_vec())];
    let described = serde_json::to_vec(&export).expect("JSON");
    let stored = store.put_snapshot(&export, &described, &bytes);
    stored.expect("stored");
    assert!(text(&weir(&why)).contains("inventory.json:3:3"));
}

#[test]
fn codes_and_streams() {
    for (args, code) in [
        (
            &[
                "--project",
                "examples/quickstart",
                "why",
                "100.64.0.1",
                "--format",
                "json",
            ][..],
            0,
        ),
        (
            &[
                "--project",
                "examples/quickstart",
                "why",
                "nothing-of-this-name",
            ],
            2,
        ),
        (
            &[
                "--project",
                "examples/quickstart",
                "why",
                "x",
                "--artifact",
                "nowhere",
            ],
            2,
        ),
        (
            &[
                "why",
                "s2",
                "--artifact",
                "golden/worked-example/expected/full",
            ],
            0,
        ),
        (&["why"], 2),
    ] {
        let output = weir(args);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(output.stdout.is_empty(), code != 0, "{args:?}");
    }
    // An artifact without its inputs says where in the file.
    let said = text(&weir(&[
        "--project",
        "golden",
        "why",
        "s2",
        "--artifact",
        "golden/worked-example/expected/full",
    ]));
    assert!(said.contains("bytes from byte"), "{said}");
}
