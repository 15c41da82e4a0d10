//! The formats of `weir check` and `weir build`, from the outside: each is valid, says what there is to say, is safe to
//! show, and leaves the exit code alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const FORMATS: [&str; 7] = [
    "text", "concise", "json", "sarif", "junit", "github", "markdown",
];
const WAN: &str = "[topology]\nwan_mbps = [1000, 1000]\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn weir(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("weir runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

fn report(dir: &Path, args: &[&str]) -> String {
    text(&weir(dir, args).stdout)
}

fn json(dir: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&report(dir, args)).expect("one JSON document")
}

fn project(inventory: &str, settings: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("export")).expect("a directory");
    fs::write(dir.path().join("export/inventory.json"), inventory).expect("a file");
    let toml = format!(
        "[project]\nname = \"lakeside\"\n\n[[source]]\nname = \"own\"\nkind = \"inventory\"\nexport = \"export\"\n\n{settings}"
    );
    fs::write(dir.path().join("weir.toml"), toml).expect("a file");
    dir
}

/// One site, one AP and two circuits, one of which has the name and the address of the arguments.
fn network(name: &str, address: &str) -> String {
    let name = serde_json::to_string(name).expect("text");
    format!(
        r#"{{ "schema": "weir.inventory/1",
  "nodes": [ {{ "id": "core", "kind": "root" }},
             {{ "id": "s1", "name": "Hill", "kind": "site", "parent": "core", "kbps": [500000, 500000] }},
             {{ "id": "a1", "name": "Hill North", "kind": "ap", "parent": "s1", "kbps": [150000, 75000] }} ],
  "links": [ {{ "id": "L1", "a": "core", "b": "s1", "kbps": [500000, 500000] }} ],
  "circuits": [ {{ "id": "c1", "name": {name}, "attach": "a1", "plan_kbps": [100000, 20000],
                  "devices": [ {{ "id": "d1", "ips": ["100.64.0.2"] }} ] }},
                {{ "id": "c2", "name": "Al Roe", "attach": "a1", "plan_kbps": [50000, 10000],
                  "devices": [ {{ "id": "d2", "ips": ["{address}"] }} ] }} ] }}
"#
    )
}

fn clashing() -> TempDir {
    project(&network("Jo Doe", "100.64.0.2"), WAN)
}

fn sarif_schema() -> jsonschema::Validator {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sarif/sarif-2.1.0.schema.json");
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(path).expect("the schema")).expect("JSON");
    jsonschema::validator_for(&schema).expect("a JSON Schema")
}

fn valid(schema: &jsonschema::Validator, log: &Value) {
    let errors: Vec<String> = schema
        .iter_errors(log)
        .take(5)
        .map(|e| format!("{}: {e}", e.instance_path))
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn no_format_changes_the_exit_code() {
    let good = project(&network("Jo Doe", "100.64.0.3"), WAN);
    let bad = clashing();
    let lenient = project(
        &network("Jo Doe", "100.64.0.2"),
        &format!("{WAN}[lint]\nfail_on = \"never\"\n"),
    );
    let broken = project("{ \"nodes\": [", WAN);
    let mistaken = project(&network("Jo Doe", "100.64.0.3"), "[topolgy]\n");
    let refused = project(
        &network("Jo Doe", "100.64.0.3"),
        "[topology]\nwan_mbps = [100, 100]\n[rates]\nmin_floor_mbps = 80\n",
    );
    let empty = project("", WAN);
    fs::remove_file(empty.path().join("export/inventory.json")).expect("it was there");
    // The store cannot be made where a file stands.
    let blocked = project(&network("Jo Doe", "100.64.0.3"), WAN);
    fs::write(blocked.path().join(".weir"), "a file").expect("a file");
    let schema = sarif_schema();
    for (dir, command, code) in [
        (&good, "check", 0),
        (&good, "build", 0),
        (&lenient, "check", 0),
        (&blocked, "build", 1),
        (&mistaken, "check", 2),
        (&mistaken, "build", 2),
        (&bad, "check", 3),
        (&bad, "build", 3),
        (&refused, "check", 4),
        (&refused, "build", 4),
        (&broken, "check", 5),
        (&broken, "build", 5),
        (&empty, "check", 5),
        (&empty, "build", 5),
    ] {
        for format in FORMATS {
            let output = weir(dir.path(), &[command, "--format", format]);
            let shown = text(&output.stdout);
            let at = format!(
                "{command} --format {format}\n{shown}{}",
                text(&output.stderr)
            );
            assert_eq!(output.status.code(), Some(code), "{at}");
            match format {
                "json" => {
                    let value: Value = serde_json::from_str(&shown).expect("JSON");
                    assert_eq!(value["exit"]["code"], code, "{at}");
                }
                "sarif" => {
                    let log: Value = serde_json::from_str(&shown).expect("JSON");
                    valid(&schema, &log);
                    assert_eq!(log["runs"][0]["invocations"][0]["exitCode"], code, "{at}");
                }
                "junit" => drop(suite(&shown)),
                "github" => assert!(shown.lines().all(|l| l.starts_with("::")), "{at}"),
                "markdown" => assert!(shown.starts_with("### Weir: "), "{at}"),
                _ => {}
            }
            // What stops a command is said in every document.
            if code == 2 && format != "text" {
                assert!(shown.contains("topolgy"), "{at}");
            }
            if code == 4 && format == "json" {
                let value: Value = serde_json::from_str(&shown).expect("JSON");
                let help = value["refusals"][0]["help"].as_str().expect("help");
                assert!(help.contains("min_floor_mbps"), "{at}");
            }
        }
    }
}

#[test]
fn nine_findings_in_ten_have_a_place_and_all_have_a_way_out() {
    let dirty = root().join("examples/dirty");
    let report = json(&dirty, &["check", "--format", "json"]);
    let findings = report["findings"].as_array().expect("findings");
    assert!(findings.len() > 20, "{}", findings.len());
    let placed = findings
        .iter()
        .filter(|f| !f["locations"].as_array().expect("a list").is_empty())
        .count();
    assert!(
        placed * 100 >= findings.len() * 95,
        "{placed} of {}",
        findings.len()
    );
    let prints: BTreeSet<&str> = findings
        .iter()
        .map(|f| f["fingerprint"].as_str().expect("text"))
        .collect();
    assert_eq!(
        prints.len(),
        findings.len(),
        "fingerprints tell findings apart"
    );
    for finding in findings {
        assert!(
            !finding["help"].as_str().expect("text").is_empty(),
            "{finding}"
        );
        assert!(
            !finding["subjects"].as_array().expect("a list").is_empty(),
            "{finding}"
        );
        assert_eq!(finding["fingerprint"].as_str().expect("text").len(), 32);
    }
    // Both owners of an address, each where it stands.
    let clash = findings
        .iter()
        .find(|f| f["code"] == "ADR001")
        .expect("a clash");
    assert!(
        clash["locations"].as_array().expect("a list").len() >= 2,
        "{clash}"
    );
    // Why a rule matters is said once a rule.
    let rules: BTreeSet<&str> = report["rules"]
        .as_array()
        .expect("rules")
        .iter()
        .map(|r| r["code"].as_str().expect("text"))
        .collect();
    let codes: BTreeSet<&str> = findings
        .iter()
        .map(|f| f["code"].as_str().expect("text"))
        .collect();
    assert_eq!(rules, codes);
}

#[test]
fn concise_is_a_line_a_finding() {
    let dir = clashing();
    let above = dir.path().parent().expect("a directory");
    let name = dir
        .path()
        .file_name()
        .expect("a name")
        .to_str()
        .expect("text");
    let shown = report(above, &["check", name, "--format", "concise"]);
    let findings = json(dir.path(), &["check", "--format", "json"])["findings"]
        .as_array()
        .expect("a list")
        .len();
    assert_eq!(shown.lines().count(), findings, "{shown}");
    // Named from where the command runs, so that an editor finds it.
    let first = shown.lines().next().expect("a line");
    assert!(
        first.starts_with(&format!("{name}/export/inventory.json:7:")),
        "{first}"
    );
    assert!(
        first.contains(": error ADR001[duplicate-address] 100.64.0.2 is on "),
        "{first}"
    );
}

#[test]
fn sarif_is_valid_and_says_what_code_scanning_needs() {
    let schema = sarif_schema();
    for example in ["examples/dirty", "examples/quickstart"] {
        let log = json(&root(), &["check", example, "--format", "sarif"]);
        valid(&schema, &log);
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        for rule in rules {
            assert!(
                rule["help"]["text"].as_str().expect("text").len() > 40,
                "{rule}"
            );
            assert!(rule["properties"]["tags"].as_array().expect("tags").len() <= 20);
            let level = rule["defaultConfiguration"]["level"]
                .as_str()
                .expect("text");
            assert!(["error", "warning", "note"].contains(&level), "{rule}");
        }
        for result in run["results"].as_array().expect("results") {
            let rule = &rules[result["ruleIndex"].as_u64().expect("a number") as usize];
            assert_eq!(rule["id"], result["ruleId"]);
            let place = &result["locations"][0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().expect("text");
            assert!(uri.starts_with(example), "{uri}");
            assert!(root().join(uri).is_file(), "{uri}");
            assert!(place["region"]["startLine"].as_u64() >= Some(1));
            assert!(result["partialFingerprints"]["weir.fingerprint/1"].is_string());
        }
    }
    // The schema is one that can say no.
    let mut log = json(&root(), &["check", "examples/dirty", "--format", "sarif"]);
    log["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(!schema.is_valid(&log));
}

#[test]
fn fingerprints_outlive_lines_and_names() {
    let prints = |inventory: &str| -> Vec<String> {
        let dir = project(inventory, WAN);
        let report = json(dir.path(), &["check", "--format", "json"]);
        let findings = report["findings"].as_array().expect("a list").clone();
        findings
            .iter()
            .map(|f| f["fingerprint"].as_str().expect("text").to_owned())
            .collect()
    };
    let before = prints(&network("Jo Doe", "100.64.0.2"));
    assert!(!before.is_empty());
    let moved = network("Jo Doe", "100.64.0.2").replace("\"nodes\"", "\n\n\n\"nodes\"");
    assert_eq!(prints(&moved), before);
    assert_eq!(prints(&network("Jo Smith", "100.64.0.2")), before);
    let other = network("Jo Doe", "100.64.0.2").replace("\"c2\"", "\"c3\"");
    assert_ne!(prints(&other), before);
}

/// The one suite of a report, held to what it says of itself.
fn suite(xml: &str) -> (usize, usize, usize, usize) {
    let document = roxmltree::Document::parse(xml).expect("well-formed XML");
    let top = document.root_element();
    assert_eq!(top.tag_name().name(), "testsuites");
    let suites: Vec<_> = top.children().filter(|n| n.is_element()).collect();
    assert_eq!(suites.len(), 1);
    let suite = suites[0];
    assert_eq!(suite.tag_name().name(), "testsuite");
    let (mut tests, mut failures, mut errors, mut skipped) = (0, 0, 0, 0);
    for case in suite.children().filter(|n| n.is_element()) {
        assert_eq!(case.tag_name().name(), "testcase");
        tests += 1;
        for key in ["classname", "name"] {
            assert!(!case.attribute(key).expect(key).is_empty());
        }
        let inside: Vec<&str> = case
            .children()
            .filter(|n| n.is_element())
            .map(|n| n.tag_name().name())
            .collect();
        assert!(inside.len() <= 1, "{inside:?}");
        match inside.first() {
            None | Some(&"system-out") => {}
            Some(&"failure") => failures += 1,
            Some(&"error") => errors += 1,
            Some(&"skipped") => skipped += 1,
            Some(other) => panic!("<{other}> in a testcase"),
        }
    }
    let said = |key: &str| {
        suite
            .attribute(key)
            .expect(key)
            .parse::<usize>()
            .expect("a number")
    };
    assert_eq!(
        (
            said("tests"),
            said("failures"),
            said("errors"),
            said("skipped")
        ),
        (tests, failures, errors, skipped)
    );
    (tests, failures, errors, skipped)
}

#[test]
fn junit_counts_what_fails() {
    let (tests, failures, errors, _) =
        suite(&report(clashing().path(), &["check", "--format", "junit"]));
    assert!(tests >= weir_compiler::lint::rules::ALL.len(), "{tests}");
    assert_eq!((failures, errors), (1, 0));
    let lenient = project(
        &network("Jo Doe", "100.64.0.2"),
        &format!("{WAN}[lint]\nfail_on = \"never\"\n"),
    );
    let (_, failures, _, _) = suite(&report(lenient.path(), &["check", "--format", "junit"]));
    assert_eq!(failures, 0);
    let mistaken = project("{}", "[topolgy]\n");
    assert_eq!(
        suite(&report(mistaken.path(), &["check", "--format", "junit"])),
        (1, 0, 1, 0)
    );
}

const HOSTILE: &str = "x\n::error::pwned%0A, \u{1b}[31m<img src=x onerror=y> | `a` [l](http://e.x) @octo #12 </details> ]]> \" ' {0}";

#[test]
fn text_from_a_crm_stays_text_in_every_format() {
    let dir = project(&network(HOSTILE, "100.64.0.2"), WAN);
    for format in FORMATS {
        let shown = report(dir.path(), &["check", "--format", format]);
        let hidden = |c: char| c.is_control() && c != '\n';
        assert!(!shown.chars().any(hidden), "{format}: {shown:?}");
        assert!(shown.contains("pwned"), "{format} leaves it out: {shown}");
        match format {
            "github" => {
                // The commands are ours.
                for line in shown.lines() {
                    assert!(
                        line.starts_with("::error file=")
                            || line.starts_with("::warning file=")
                            || line.starts_with("::notice "),
                        "{line}"
                    );
                    assert!(!line.contains("pwned%0A"), "{line}");
                }
                let known = json(dir.path(), &["check", "--format", "json"]);
                let findings = known["findings"].as_array().expect("a list").len();
                assert_eq!(shown.lines().count(), findings + 1);
            }
            "markdown" => {
                for bad in [
                    "<img",
                    "@octo",
                    " #12",
                    "](http",
                    "http://",
                    "`a`",
                    "</details> ]",
                ] {
                    assert!(!shown.contains(bad), "{bad}: {shown}");
                }
                // Rows of the table keep their columns.
                for row in shown
                    .lines()
                    .filter(|l| l.starts_with("| ") && l.contains("`ADR"))
                {
                    assert_eq!(row.matches('|').count(), 5, "{row}");
                }
            }
            "junit" => drop(suite(&shown)),
            "sarif" => {
                let log: Value = serde_json::from_str(&shown).expect("JSON");
                valid(&sarif_schema(), &log);
                let message = log["runs"][0]["results"][0]["message"]["text"]
                    .as_str()
                    .expect("text");
                assert!(!message.contains(" [l]("), "{message}");
            }
            _ => {}
        }
    }
}

#[test]
fn github_escapes_what_its_commands_are_made_of() {
    let dir = project(&network("50%, a: b", "100.64.0.2"), WAN);
    let odd = dir.path().join("a,b:c");
    fs::create_dir(&odd).expect("a directory");
    for name in ["weir.toml", "export"] {
        fs::rename(dir.path().join(name), odd.join(name)).expect("it is moved");
    }
    let shown = report(dir.path(), &["check", "a,b:c", "--format", "github"]);
    let first = shown.lines().next().expect("a line");
    assert!(
        first.starts_with("::error file=a%2Cb%3Ac/export/inventory.json,line=7,col="),
        "{first}"
    );
    assert!(
        first.contains(",title=ADR001 duplicate-address::"),
        "{first}"
    );
    assert!(first.contains("50%25, a: b"), "{first}");
    assert!(first.contains("%0Aremove the address"), "{first}");
}

#[test]
fn markdown_counts_first_and_folds_the_rest() {
    let shown = report(
        &root(),
        &["check", "examples/dirty", "--format", "markdown"],
    );
    let mut lines = shown.lines();
    let first = lines.next().expect("a line");
    assert!(first.starts_with("### Weir: 2 errors, "), "{first}");
    assert!(shown.contains("**Does not pass** (exit 3)"), "{shown}");
    let folded = shown.matches("<details>").count();
    let rows = shown
        .lines()
        .filter(|l| l.starts_with("| ") && l.contains(" | `"))
        .count();
    assert_eq!(folded, rows);
    assert_eq!(shown.matches("</details>").count(), folded);
    assert!(shown.len() < 65_536);
}

#[test]
fn the_text_report_ends_with_the_way_to_a_baseline() {
    for dir in ["examples/dirty", "examples/quickstart"] {
        let shown = report(&root(), &["check", dir]);
        let last = shown.lines().last().expect("a line").trim();
        assert_eq!(
            last,
            format!("weir check {dir} --baseline weir-baseline.json --baseline-write")
        );
        // Every rule that found something has its line.
        let findings = json(&root(), &["check", dir, "--format", "json"]);
        for rule in findings["rules"].as_array().expect("rules") {
            let (code, name) = (rule["code"].as_str(), rule["name"].as_str());
            let line = format!("  {} {}", code.expect("text"), name.expect("text"));
            assert!(shown.contains(&line), "{line}\n{shown}");
        }
    }
}

#[test]
fn files_are_what_their_schemas_say() {
    let schema = |name: &str| {
        let text = fs::read_to_string(root().join("schemas/src").join(name)).expect(name);
        let schema: Value = serde_json::from_str(&text).expect("JSON");
        jsonschema::validator_for(&schema).expect("a JSON Schema")
    };
    let report = json(&root(), &["check", "examples/dirty", "--format", "json"]);
    let findings =
        serde_json::json!({ "schema": "weir.findings/1", "findings": report["findings"] });
    assert!(
        report["findings"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|f| f["fix"].is_object())
    );
    valid(&schema("findings.schema.json"), &findings);
    let dir = clashing();
    let written = ["check", "--baseline", "known.json", "--baseline-write"];
    assert!(weir(dir.path(), &written).status.success());
    let known = fs::read_to_string(dir.path().join("known.json")).expect("a file");
    let known: Value = serde_json::from_str(&known).expect("JSON");
    assert!(!known["findings"].as_array().expect("a list").is_empty());
    valid(&schema("baseline.schema.json"), &known);
    let report = json(
        dir.path(),
        &["check", "--baseline", "known.json", "--format", "json"],
    );
    let findings =
        serde_json::json!({ "schema": "weir.findings/1", "findings": report["findings"] });
    valid(&schema("findings.schema.json"), &findings);
}

/// Every defect has its file, and its rule; what is in order has none.
#[test]
fn each_defect_is_named() {
    let defects = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/libreqos-defects");
    let network = root().join("golden/libreqos-custom/exports/network.json");
    // A guarantee above what the node carries shows only beside the circuits that have it.
    let greedy = "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,\
                  Download Max Mbps,Upload Max Mbps,Comment\n\
                  C-1,One,D-1,One,A,,100.64.0.1,,6,6,10,10,\nC-2,Two,D-2,Two,A,,100.64.0.2,,6,6,10,10,\n";
    let table: [(&str, &[&str]); 30] = [
        ("all_virtual.json", &["TOP015"]),
        ("bad_sqm.csv", &["SRC010"]),
        ("child_above_parent.json", &["RAT013"]),
        ("depth_12.json", &["BUD003"]),
        ("dup_device_id.csv", &["IDN002"]),
        ("dup_ipv4.csv", &["ADR001"]),
        ("dup_ipv6_same_prefix.csv", &["ADR001"]),
        ("dup_node_id.json", &["IDN008"]),
        ("dup_node_name.json", &["IDN003"]),
        ("empty_object_flat.json", &[]),
        ("hash_in_circuit_id.csv", &["SRC007"]),
        ("header_15_rows_13.csv", &["SRC009"]),
        ("host_bits_set.csv", &["ADR003"]),
        ("ipv4_garbage.csv", &["ADR009"]),
        ("legacy_13_columns_ok.csv", &[]),
        ("min_above_max.csv", &["RAT003"]),
        ("mins_exceed_parent.json", &["RAT004"]),
        ("missing_circuit_id.csv", &["SRC007"]),
        ("no_address.csv", &["ADR006"]),
        ("rate_below_floor.csv", &["RAT012"]),
        ("rate_not_number.csv", &["SRC010", "RAT001"]),
        ("rates_as_strings.json", &["SRC010"]),
        ("reserved_name.json", &["IDN004", "SRC010"]),
        ("same_circuit_two_parents.csv", &["IDN001"]),
        ("same_circuit_two_rates.csv", &["IDN001"]),
        ("semicolon_multi_ip.csv", &["ADR009"]),
        ("trailing_comma.json", &["SRC008"]),
        ("unknown_parent.csv", &["SRC004"]),
        ("virtual_promotion_collision.json", &["IDN003"]),
        ("zero_rate.json", &["RAT008"]),
    ];
    let files: BTreeSet<String> = fs::read_dir(&defects)
        .expect("a directory")
        .map(|e| {
            e.expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect();
    assert_eq!(
        files,
        table.iter().map(|(name, _)| (*name).to_owned()).collect()
    );
    let mut wrong = Vec::new();
    for (name, want) in table {
        let dir = tempfile::tempdir().expect("a directory");
        let file = defects.join(name);
        // Two of them say nothing alone.
        let beside = match name {
            "mins_exceed_parent.json" => {
                fs::copy(&file, dir.path().join("network.json")).expect("a copy");
                fs::write(dir.path().join("ShapedDevices.csv"), greedy).expect("a file");
                true
            }
            "unknown_parent.csv" => {
                fs::copy(&file, dir.path().join("ShapedDevices.csv")).expect("a copy");
                fs::copy(&network, dir.path().join("network.json")).expect("a copy");
                true
            }
            _ => false,
        };
        let path = if beside {
            dir.path().to_path_buf()
        } else {
            file
        };
        let report = json(
            dir.path(),
            &["check", path.to_str().expect("text"), "--format", "json"],
        );
        let found: BTreeSet<&str> = report["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .map(|f| f["code"].as_str().expect("text"))
            .collect();
        if want.is_empty() && (!found.is_empty() || report["exit"]["code"] != 0) {
            wrong.push(format!("{name} is in order, but {found:?}"));
        }
        if let Some(missing) = want.iter().find(|code| !found.contains(*code)) {
            wrong.push(format!("{name}: no {missing} among {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_that_cannot_be_read_alone_is_refused_with_what_can() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, content, said) in [
        (
            "customers.json",
            r#"[{"id": 1, "login": "a", "billing_type": "prepaid"}]"#,
            "Splynx",
        ),
        (
            "devices.json",
            r#"[{"identification": {"id": "x"}}]"#,
            "UISP",
        ),
        ("notes.txt", "hello", "neither JSON nor a ShapedDevices.csv"),
    ] {
        fs::write(dir.path().join(name), content).expect("a file");
        let output = weir(dir.path(), &["check", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let told = text(&output.stderr);
        // Lines are wrapped.
        let told: String = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(said), "{told}");
        for known in ["ShapedDevices.csv", "network.json", "inventory.json"] {
            assert!(told.contains(known), "{told}");
        }
    }
    fs::write(
        dir.path().join("inventory.json"),
        network("Jo Doe", "100.64.0.3"),
    )
    .expect("a file");
    let output = weir(dir.path(), &["check", "inventory.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert_eq!(
        weir(dir.path(), &["build", "inventory.json"]).status.code(),
        Some(2)
    );
    assert_eq!(
        weir(dir.path(), &["check", "nowhere.json"]).status.code(),
        Some(2)
    );
    assert_eq!(
        fs::read_dir(dir.path()).expect("a directory").count(),
        4,
        "nothing was written"
    );
}
