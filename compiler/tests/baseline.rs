//! What does not count: suppressions, the baseline, and the edits that `--fix` makes. From the outside.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn weir(dir: &Path, args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(args.split_whitespace())
        .current_dir(dir)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("weir runs")
}

fn code(dir: &Path, args: &str) -> i32 {
    weir(dir, args).status.code().expect("a code")
}

fn stdout(dir: &Path, args: &str) -> String {
    String::from_utf8(weir(dir, args).stdout).expect("output is UTF-8")
}

fn json(dir: &Path, args: &str) -> Value {
    let output = weir(dir, &format!("{args} --format json"));
    serde_json::from_slice(&output.stdout).expect("stdout is one JSON document")
}

/// Circuits by id and address below one AP.
fn network(circuits: &[(&str, &str)]) -> String {
    let circuits: Vec<String> = circuits
        .iter()
        .map(|(id, address)| {
            format!(
                r#"{{ "id": "{id}", "name": "Home {id}", "attach": "a1", "plan_kbps": [10000, 5000],
     "devices": [ {{ "id": "d-{id}", "ips": ["{address}"] }} ] }}"#
            )
        })
        .collect();
    format!(
        r#"{{ "schema": "weir.inventory/1",
  "nodes": [ {{ "id": "core", "kind": "root" }},
             {{ "id": "s1", "name": "Hill", "kind": "site", "parent": "core", "kbps": [500000, 500000] }},
             {{ "id": "a1", "name": "Hill North", "kind": "ap", "parent": "s1", "kbps": [150000, 75000] }} ],
  "links": [ {{ "id": "L1", "a": "core", "b": "s1", "kbps": [500000, 500000] }} ],
  "circuits": [ {} ] }}
"#,
        circuits.join(",\n")
    )
}

fn project(circuits: &[(&str, &str)], settings: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("export")).expect("a directory");
    record(dir.path(), circuits);
    fs::write(dir.path().join("weir.toml"), toml(settings)).expect("a file");
    dir
}

fn toml(settings: &str) -> String {
    format!(
        "# The lakeside network.\n[project]\nname = \"lakeside\"\n\n[[source]]\nname = \"own\"\nkind = \"inventory\"\nexport = \"export\"\n\n\
         [topology]\nwan_mbps = [1000, 1000] # both ways\n{settings}"
    )
}

fn record(dir: &Path, circuits: &[(&str, &str)]) {
    fs::write(dir.join("export/inventory.json"), network(circuits)).expect("a file");
}

const CLASH: [(&str, &str); 3] = [
    ("c1", "100.64.0.1"),
    ("c2", "100.64.0.1"),
    ("c3", "100.64.0.3"),
];

fn suppress(subject: &str, more: &str) -> String {
    format!(
        "\n[[lint.suppress]]\nrule = \"duplicate-address\"\nsubject = {subject}\nreason = \"one  house,\\ntwo contracts\"\n{more}"
    )
}

fn named<'a>(report: &'a Value, code: &str) -> Vec<&'a Value> {
    let findings = report["findings"].as_array().expect("a list");
    findings.iter().filter(|f| f["code"] == code).collect()
}

#[test]
fn a_suppressed_finding_is_counted_and_fails_nothing() {
    let dir = project(&CLASH, &suppress("[\"c1\", \"c2\"]", ""));
    let report = json(dir.path(), "check");
    assert_eq!(report["exit"]["code"], 0, "{report}");
    let clash = named(&report, "ADR001")[0];
    assert_eq!(clash["suppressed"]["reason"], "one house, two contracts");
    assert_eq!(clash["suppressed"]["expires"], Value::Null);
    assert_eq!(report["summary"]["findings"]["suppressed"], 1);
    assert_eq!(report["summary"]["findings"]["error"], 0);
    assert!(named(&report, "LNT001").is_empty(), "{report}");
    let shown = stdout(dir.path(), "check");
    assert!(shown.contains("; 1 suppressed"), "{shown}");
    assert!(!shown.contains("error ADR001"), "{shown}");
    let all = stdout(dir.path(), "check -v");
    assert!(
        all.contains("(suppressed: one house, two contracts)"),
        "{all}"
    );

    // The artifact says the same, and is not failing.
    assert_eq!(code(dir.path(), "build --out out"), 0);
    let manifest = fs::read(dir.path().join("out/manifest.json")).expect("a file");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest["failing"], false);
    assert_eq!(manifest["findings"]["suppressed"], 1);
    assert!(manifest["inputs"]["as_of"].is_null());
    let sarif: Value =
        serde_json::from_str(&stdout(dir.path(), "check --format sarif")).expect("JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("a list");
    let clash = results
        .iter()
        .find(|r| r["ruleId"] == "ADR001")
        .expect("it is there");
    assert_eq!(
        clash["suppressions"][0]["justification"],
        "one house, two contracts"
    );
    assert!(!stdout(dir.path(), "check --format github").contains("ADR001"));
    assert!(!stdout(dir.path(), "check --format concise").contains("ADR001"));
}

#[test]
fn globs_and_codes_suppress_too_and_all_must_be_named() {
    for (subject, suppressed) in [
        ("\"c*\"", true),
        ("\"c?\"", true),
        ("\"*\"", true),
        ("\"c1\"", false),
        ("\"C1\"", false),
    ] {
        let settings = suppress(subject, "").replace("duplicate-address", "ADR001");
        let dir = project(&CLASH, &settings);
        assert_eq!(
            code(dir.path(), "check"),
            if suppressed { 0 } else { 3 },
            "{subject}"
        );
    }
    // Who joins a known dispute is news, and the suppression says that it falls short.
    let dir = project(
        &[
            ("c1", "100.64.0.1"),
            ("c2", "100.64.0.1"),
            ("c9", "100.64.0.1"),
        ],
        &suppress("[\"c1\", \"c2\"]", ""),
    );
    let report = json(dir.path(), "check");
    assert_eq!(report["exit"]["code"], 3);
    let idle = named(&report, "LNT001")[0];
    assert!(
        idle["help"].as_str().expect("text").contains("\"c9\""),
        "{idle}"
    );
    assert!(idle["fix"].is_null(), "{idle}");
}

#[test]
fn a_suppression_that_is_over_or_matches_nothing_is_a_finding() {
    let dir = project(&CLASH, &suppress("\"c*\"", "expires = 2027-01-31\n"));
    for (day, exit, found) in [("2027-01-31", 0, None), ("2027-02-01", 3, Some("LNT002"))] {
        let report = json(dir.path(), &format!("check --as-of {day}"));
        assert_eq!(report["exit"]["code"], exit, "{day} {report}");
        assert_eq!(
            named(&report, "LNT002").len(),
            usize::from(found.is_some()),
            "{day}"
        );
        assert!(named(&report, "LNT001").is_empty());
    }
    // The day is on record where it decided something.
    for (day, recorded) in [
        ("2027-01-31", Value::Null),
        ("2027-02-01", "2027-02-01".into()),
    ] {
        weir(dir.path(), &format!("build --as-of {day} --out out-{day}"));
        let manifest =
            fs::read(dir.path().join(format!("out-{day}/manifest.json"))).expect("a file");
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        assert_eq!(manifest["inputs"]["as_of"], recorded);
    }
    assert_eq!(code(dir.path(), "check --as-of 2027-02-30"), 2);

    let dir = project(&CLASH[1..], &suppress("\"c1\"", ""));
    let report = json(dir.path(), "check");
    assert_eq!(report["exit"]["code"], 0);
    let idle = named(&report, "LNT001")[0];
    assert_eq!(idle["locations"][0]["file"], "weir.toml");
    assert_eq!(idle["locations"][0]["line"], 13, "{idle}");
    assert_eq!(idle["fix"]["safe"], true);
    // Of an incomplete source nothing is said to be unused.
    fs::write(dir.path().join("export/inventory.json"), "{").expect("a file");
    assert!(named(&json(dir.path(), "check"), "LNT001").is_empty());
}

#[test]
fn mistakes_in_suppressions_are_named() {
    for (entry, said) in [
        (
            "rule = \"duplicate-adress\"\nsubject = \"c1\"\nreason = \"x\"\n",
            "duplicate-address",
        ),
        ("subject = \"c1\"\nreason = \"x\"\n", "no `rule`"),
        (
            "rule = \"duplicate-address\"\nreason = \"x\"\n",
            "needs a `subject`",
        ),
        (
            "rule = \"duplicate-address\"\nsubject = []\nreason = \"x\"\n",
            "needs a `subject`",
        ),
        (
            "rule = \"duplicate-address\"\nsubject = \"c1\"\n",
            "needs a `reason`",
        ),
        (
            "rule = \"duplicate-address\"\nsubject = \"c1\"\nreason = \" \"\n",
            "needs a `reason`",
        ),
        (
            "rule = \"duplicate-address\"\nsubject = \"c1\"\nreason = \"x\"\nexpires = \"soon\"\n",
            "`expires` cannot be \"soon\"",
        ),
        (
            "rule = \"duplicate-address\"\nsubject = \"c1\"\nreason = \"x\"\nexpires = 2027-01-31T10:00:00\n",
            "`expires` cannot be",
        ),
        (
            "rule = \"duplicate-address\"\nsubjects = \"c1\"\nreason = \"x\"\n",
            "subject",
        ),
    ] {
        let dir = project(&CLASH, &format!("\n[[lint.suppress]]\n{entry}"));
        let output = weir(dir.path(), "check --format json");
        assert_eq!(output.status.code(), Some(2), "{entry}");
        let told = String::from_utf8(output.stdout).expect("text");
        let told = told.replace("\\\"", "\"");
        assert!(told.contains(said), "{entry}: {told}");
    }
}

#[test]
fn a_messy_network_starts_clean_and_only_gets_cleaner() {
    let dir = project(&CLASH, "");
    let at = dir.path();
    assert_eq!(code(at, "check"), 3);
    // There is none yet.
    let missing = weir(at, "check --baseline known.json");
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("--baseline-write"));
    let first = json(at, "check --baseline known.json --baseline-write");
    assert_eq!(first["exit"]["code"], 0, "{first}");
    assert_eq!(first["baseline"]["new"], 0);
    let written = fs::read_to_string(at.join("known.json")).expect("it is written");
    // One finding a line, sorted, and another run changes nothing.
    let value: Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(value["schema"], "weir.baseline/1");
    let entries = value["findings"].as_array().expect("a list");
    assert_eq!(first["baseline"]["known"], entries.len());
    assert_eq!(
        written
            .lines()
            .filter(|l| l.starts_with("{\"code\""))
            .count(),
        entries.len()
    );
    let codes: Vec<&str> = entries
        .iter()
        .map(|e| e["code"].as_str().expect("text"))
        .collect();
    assert!(codes.is_sorted() && codes.contains(&"ADR001"), "{codes:?}");
    assert_eq!(code(at, "check --baseline known.json --baseline-write"), 0);
    assert_eq!(
        fs::read_to_string(at.join("known.json")).expect("a file"),
        written
    );
    assert_eq!(code(at, "check --baseline known.json"), 0);
    let clash = json(at, "check --baseline known.json");
    assert_eq!(named(&clash, "ADR001")[0]["known"], true);

    // Lines and names may move.
    let inventory = at.join("export/inventory.json");
    let moved = fs::read_to_string(&inventory)
        .expect("a file")
        .replace("\"nodes\"", "\n\n\"nodes\"");
    fs::write(&inventory, moved.replace("Home c1", "House c1")).expect("a file");
    assert_eq!(code(at, "check --baseline known.json"), 0);

    // A new one fails, and is not taken in by the way.
    let more = [
        ("c1", "100.64.0.1"),
        ("c2", "100.64.0.1"),
        ("c3", "100.64.0.3"),
        ("c4", "100.64.0.3"),
    ];
    record(at, &more);
    assert_eq!(code(at, "check --baseline known.json"), 3);
    assert_eq!(code(at, "check --baseline known.json --baseline-write"), 3);
    let report = json(at, "check --baseline known.json");
    let known: Vec<bool> = named(&report, "ADR001")
        .iter()
        .map(|f| f["known"] == true)
        .collect();
    assert_eq!(known.iter().filter(|k| **k).count(), 1, "{known:?}");
    for (format, count) in [("concise", 1), ("github", 1)] {
        let shown = stdout(
            at,
            &format!("check --baseline known.json --format {format}"),
        );
        let lines = shown
            .lines()
            .filter(|l| l.contains("duplicate-address"))
            .count();
        assert_eq!(lines, count, "{shown}");
    }
    // It can be, when somebody says so.
    fs::copy(at.join("known.json"), at.join("other.json")).expect("a copy");
    assert_eq!(
        code(at, "check --baseline other.json --baseline-write=all"),
        0
    );
    assert_eq!(code(at, "check --baseline other.json"), 0);

    // What is mended is gone, and counts again when it comes back.
    record(at, &CLASH[1..]);
    let report = json(at, "check --baseline known.json");
    assert!(report["baseline"]["gone"].as_u64() > Some(0), "{report}");
    assert_eq!(code(at, "check --baseline known.json --baseline-write"), 0);
    let shorter = fs::read_to_string(at.join("known.json")).expect("a file");
    assert!(!shorter.contains("ADR001"), "{shorter}");
    for line in shorter.lines().filter(|l| l.starts_with("{\"code\"")) {
        let line = line.trim_end_matches(',');
        assert!(written.contains(line), "kept as it was: {line}");
    }
    record(at, &CLASH);
    assert_eq!(code(at, "check --baseline known.json"), 3);
}

#[test]
fn what_became_graver_is_new_and_groups_may_shrink() {
    // One finding about three circuits: addresses of no family.
    let bad = |ids: &[&'static str]| -> Vec<(&'static str, &'static str)> {
        ids.iter()
            .map(|id| (*id, "169.254.7.7"))
            .chain([("z", "100.64.0.9")])
            .collect()
    };
    let dir = project(&bad(&["c1", "c2", "c3"]), "");
    let at = dir.path();
    let group = json(at, "check");
    let grouped = group["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .any(|f| f["subjects"].as_array().expect("a list").len() >= 3);
    assert!(grouped, "{group}");
    assert_eq!(code(at, "check --baseline b.json --baseline-write"), 0);
    let warn = toml("\n[lint]\nfail_on = \"warning\"\n");
    fs::write(at.join("weir.toml"), warn).expect("a file");
    assert_eq!(code(at, "check --baseline b.json"), 0);
    record(at, &bad(&["c1", "c3"]));
    assert_eq!(
        code(at, "check --baseline b.json"),
        0,
        "some of it was mended"
    );
    record(at, &bad(&["c1", "c2", "c3", "c4"]));
    assert_eq!(code(at, "check --baseline b.json"), 3, "one more is new");
    record(at, &bad(&["c1", "c2", "c3"]));
    let graver = toml("\n[lint.levels]\njunk-address = \"deny\"\n");
    fs::write(at.join("weir.toml"), graver).expect("a file");
    assert_eq!(
        code(at, "check --baseline b.json"),
        3,
        "an error was a warning"
    );
}

#[test]
fn a_baseline_is_not_made_of_half_a_network_and_not_read_from_anything() {
    let dir = project(&CLASH, "");
    let at = dir.path();
    fs::write(at.join("export/inventory.json"), "{").expect("a file");
    assert_eq!(code(at, "check --baseline b.json --baseline-write"), 5);
    assert!(!at.join("b.json").exists());
    record(at, &CLASH);
    for content in [
        "",
        "{}",
        "{\"schema\": \"weir.findings/1\", \"findings\": []}",
    ] {
        fs::write(at.join("b.json"), content).expect("a file");
        assert_eq!(code(at, "check --baseline b.json"), 2, "{content}");
        assert_eq!(
            code(at, "check --baseline b.json --baseline-write"),
            2,
            "{content}"
        );
        assert_eq!(
            fs::read_to_string(at.join("b.json")).expect("a file"),
            content
        );
    }
    assert_eq!(code(at, "check --baseline-write"), 2);
}

/// Each edit: the findings it mends, `weir.toml` before and after.
#[test]
fn safe_edits_are_shown_made_and_change_nothing_that_is_shaped() {
    let digest = |at: &Path| json(at, "build")["artifact"]["digest"].clone();
    for (name, before, after) in [
        (
            "an excluded node that is not there",
            "exclude = [\"gone-9000\", \"s1\"] # keep\n",
            "exclude = [\"s1\"] # keep\n",
        ),
        (
            "a promoted node that is not there",
            "promote_to_root = [\n  \"gone-9000\", # sold\n  \"a1\",\n]\n",
            "promote_to_root = [\n  \"a1\",\n]\n",
        ),
        (
            "a node by its name",
            "exclude = [\"Hill North\"]\n",
            "exclude = [\"a1\"]\n",
        ),
        (
            "a pin of nothing",
            "\n[topology.pin]\n# west\n\"gone-9000\" = \"s1\"\n# east\na1 = \"s1\"\n",
            "\n[topology.pin]\n# east\na1 = \"s1\"\n",
        ),
        (
            "a suppression of nothing",
            "\n[[lint.suppress]]\nrule = \"duplicate-address\"\nsubject = \"c7\"\nreason = \"gone\"\n\n[rates]\noverhead = 1.0\n",
            "\n[rates]\noverhead = 1.0\n",
        ),
        (
            "a suppression that is over",
            "\n[[lint.suppress]]\nrule = \"empty-node\"\nsubject = \"*\"\nreason = \"until spring\"\nexpires = 2020-04-01\n",
            "",
        ),
    ] {
        let dir = project(&CLASH[1..], before);
        let at = dir.path();
        let file = at.join("weir.toml");
        let text = fs::read_to_string(&file).expect("a file");
        let shaped = digest(at);
        for only in [
            "check --diff",
            "check --fix --dry-run",
            "check --fix --diff",
        ] {
            let shown = stdout(at, only);
            assert!(
                shown.starts_with("--- a/weir.toml\n+++ b/weir.toml\n@@ "),
                "{name}: {shown}"
            );
            assert_eq!(fs::read_to_string(&file).expect("a file"), text, "{name}");
        }
        let shown = stdout(at, "check --fix");
        assert!(shown.starts_with("--- a/weir.toml\n"), "{name}: {shown}");
        let now = fs::read_to_string(&file).expect("a file");
        assert_eq!(now.trim_end(), toml(after).trim_end(), "{name}");
        assert_eq!(digest(at), shaped, "{name}");
        // There is nothing left to do, and nothing lies about.
        let again = weir(at, "check --fix");
        assert!(
            String::from_utf8_lossy(&again.stderr).contains("nothing to fix"),
            "{name}"
        );
        assert_eq!(fs::read_to_string(&file).expect("a file"), now, "{name}");
        let names: Vec<String> = fs::read_dir(at)
            .expect("a directory")
            .map(|e| {
                e.expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("text")
            })
            .filter(|n| n.contains("tmp"))
            .collect();
        assert!(names.is_empty(), "{names:?}");
    }
}

#[test]
fn what_may_change_the_shaping_is_only_made_on_demand() {
    for (before, after) in [
        ("exclude = [\"Hil\"]\n", "exclude = [\"s1\"]\n"),
        ("root = \"cor\" # top\n", "root = \"core\" # top\n"),
        (
            "\n[topology.pin]\na1 = \"Hil\" # west\n",
            "\n[topology.pin]\na1 = \"s1\" # west\n",
        ),
    ] {
        let dir = project(&CLASH[1..], before);
        let at = dir.path();
        let file = at.join("weir.toml");
        weir(at, "check --fix");
        assert_eq!(fs::read_to_string(&file).expect("a file"), toml(before));
        let report = json(at, "check");
        let offered = report["findings"]
            .as_array()
            .expect("a list")
            .iter()
            .find_map(|f| f.get("fix"))
            .expect("it is offered");
        assert_eq!(offered["safe"], false, "{offered}");
        weir(at, "check --fix --unsafe-fixes");
        assert_eq!(fs::read_to_string(&file).expect("a file"), toml(after));
    }
    // Machine formats keep stdout to themselves.
    let dir = project(&CLASH[1..], "exclude = [\"gone-9000\"]\n");
    let output = weir(dir.path(), "check --diff --format json");
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok());
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("--- a/weir.toml"));
}
