//! The `weir` command from the outside: exit codes, where output goes, and what stays untouched.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use weir_compiler::lint::rules::ALL;

fn weir(dir: &Path, args: &str) -> Output {
    command(dir, args).output().expect("weir runs")
}

fn command(dir: &Path, args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command
        .args(args.split_whitespace())
        .current_dir(dir)
        .env_clear()
        .stdin(Stdio::null());
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("output is UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("output is UTF-8")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("stdout is one JSON document")
}

/// A project with one inventory source.
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

/// One site, one AP and two circuits; the second circuit's address is the argument.
fn network(second: &str) -> String {
    format!(
        r#"{{ "schema": "weir.inventory/1",
  "nodes": [ {{ "id": "core", "kind": "root" }},
             {{ "id": "s1", "name": "Hill", "kind": "site", "parent": "core", "kbps": [500000, 500000] }},
             {{ "id": "a1", "name": "Hill North", "kind": "ap", "parent": "s1", "kbps": [150000, 75000] }} ],
  "links": [ {{ "id": "L1", "a": "core", "b": "s1", "kbps": [500000, 500000] }} ],
  "circuits": [ {{ "id": "c1", "name": "Jo Doe", "attach": "a1", "plan_kbps": [100000, 20000],
                  "devices": [ {{ "id": "d1", "ips": ["100.64.0.2"] }} ] }},
                {{ "id": "c2", "name": "Al Roe", "attach": "a1", "plan_kbps": [50000, 10000],
                  "devices": [ {{ "id": "d2", "ips": ["{second}"] }} ] }} ] }}
"#
    )
}

fn files_below(dir: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path.display().to_string());
        }
    }
    files.sort();
    files
}

const WAN: &str = "[topology]\nwan_mbps = [1000, 1000]\n";

#[test]
fn every_code_comes_for_its_reason_in_every_format() {
    let good = project(&network("100.64.0.3"), WAN);
    let bad = project(&network("100.64.0.2"), WAN);
    let lenient = project(
        &network("100.64.0.2"),
        &format!("{WAN}[lint]\nfail_on = \"never\"\n"),
    );
    let broken = project("{ \"nodes\": [", WAN);
    let mistaken = project(&network("100.64.0.3"), "[topolgy]\n");
    let empty = project(&network("100.64.0.3"), WAN);
    fs::remove_file(empty.path().join("export/inventory.json")).expect("it was there");
    let refused = project(
        &network("100.64.0.3"),
        "[topology]\nwan_mbps = [100, 100]\n[rates]\nmin_floor_mbps = 80\n",
    );
    // One circuit that is guaranteed more than anything carries: no strategy helps.
    let hopeless = project(
        &network("100.64.0.3"),
        "[topology]\nwan_mbps = [100, 100]\n[rates]\nmin_floor_mbps = 80\n[target.box]\nqueues = 1\n",
    );
    let without_peaks = project(
        &network("100.64.0.3"),
        "[topology]\npeaks = \"peaks.csv\"\nwan_mbps = [1000, 1000]\n",
    );
    for (dir, args, code) in [
        (&refused, "check", 4),
        (&refused, "build", 4),
        (&good, "check", 0),
        (&good, "build", 0),
        (&good, "tree", 0),
        (&bad, "check", 3),
        (&bad, "build", 3),
        (&bad, "tree", 0),
        (&lenient, "check", 0),
        (&lenient, "build", 0),
        (&broken, "check", 5),
        (&broken, "build", 5),
        (&broken, "tree", 5),
        (&empty, "check", 5),
        (&mistaken, "check", 2),
        (&good, "check nowhere", 2),
        (&good, "build --target edge9", 2),
        (&good, "explain no-such-rule", 2),
        (&good, "explain duplicate-address", 0),
        (&good, "rules", 0),
        (&good, "compare", 0),
        (&bad, "compare", 0),
        (&broken, "compare", 5),
        (&mistaken, "compare", 2),
        (&good, "compare --previous nowhere", 2),
        (&refused, "compare", 0),
        (&hopeless, "compare", 4),
        (&without_peaks, "check", 5),
    ] {
        for format in ["text", "json"] {
            let output = weir(dir.path(), &format!("{args} --format {format}"));
            assert_eq!(
                output.status.code(),
                Some(code),
                "{args} {format}\n{}{}",
                stdout(&output),
                stderr(&output)
            );
            if format == "json" {
                assert!(json(&output)["schema"].is_string());
                assert_eq!(stderr(&output), "", "{args}");
            } else if matches!(code, 2 | 5) && output.stdout.is_empty() {
                assert!(stderr(&output).contains("error: "), "{args}");
            }
        }
    }
    for (args, code) in [
        ("", 2),
        ("--help", 0),
        ("check --no-such-flag", 2),
        ("--version", 0),
    ] {
        assert_eq!(weir(good.path(), args).status.code(), Some(code), "{args}");
    }
}

#[test]
fn check_writes_nothing_and_build_writes_the_store() {
    let dir = project(&network("100.64.0.2"), WAN);
    let before = files_below(dir.path());
    weir(dir.path(), "check");
    weir(dir.path(), "tree");
    weir(dir.path(), "graph --format svg");
    assert_eq!(files_below(dir.path()), before);

    let first = json(&weir(dir.path(), "build --format json --out out"));
    assert_eq!(first["artifact"]["unchanged"], false);
    let kept = Path::new(first["artifact"]["directory"].as_str().expect("a path"));
    for name in first["artifact"]["files"].as_array().expect("names") {
        let name = name.as_str().expect("a name");
        let stored = fs::read(dir.path().join(kept).join(name)).expect("it is stored");
        let out = fs::read(dir.path().join("out").join(name)).expect("it is in --out");
        assert_eq!(stored, out, "{name}");
    }
    let again = json(&weir(dir.path(), "build --format json"));
    assert_eq!(again["artifact"]["unchanged"], true);
    assert_eq!(again["artifact"]["digest"], first["artifact"]["digest"]);

    // Nothing is written from an incomplete source.
    fs::write(dir.path().join("export/inventory.json"), "{").expect("a file");
    let before = files_below(dir.path());
    let refused = json(&weir(dir.path(), "build --format json --out other"));
    assert_eq!(refused["artifact"], Value::Null);
    assert_eq!(refused["exit"]["code"], 5);
    assert_eq!(files_below(dir.path()), before);
}

#[test]
fn findings_are_the_same_in_the_report_and_in_the_artifact() {
    let dir = project(&network("100.64.0.2"), WAN);
    let report = json(&weir(dir.path(), "build --format json --out out"));
    let published = fs::read(dir.path().join("out/findings.json")).expect("it is written");
    let published: Value = serde_json::from_slice(&published).expect("it is JSON");
    assert_eq!(report["findings"], published["findings"]);
    let first = &report["findings"][0];
    assert_eq!(first["code"], "ADR001");
    let at = &first["locations"][0];
    assert_eq!(
        (&at["file"], &at["line"]),
        (&"export/inventory.json".into(), &7.into()),
        "{first}"
    );

    let text = stdout(&weir(dir.path(), "check"));
    assert!(text.contains("[export/inventory.json:7:"), "{text}");
    assert!(text.contains("exit 3: 1 finding is at or above"), "{text}");
    assert!(text.contains("weir explain duplicate-address"), "{text}");
}

#[test]
fn every_rule_is_explained() {
    let dir = tempfile::tempdir().expect("a directory");
    for rule in ALL {
        let output = weir(dir.path(), &format!("explain {}", rule.code));
        assert_eq!(output.status.code(), Some(0), "{}", rule.code);
        let text = stdout(&output);
        assert!(
            text.starts_with(&format!("{} {}\n", rule.code, rule.name)),
            "{text}"
        );
    }
}

#[test]
fn colours_and_closed_pipes() {
    let dir = project(&network("100.64.0.2"), WAN);
    let plain = stdout(&weir(dir.path(), "check"));
    assert!(!plain.contains('\u{1b}') && plain.is_ascii(), "{plain}");
    let painted = stdout(&weir(dir.path(), "check --color always"));
    assert!(painted.contains("\u{1b}["));
    let unicode = command(dir.path(), "check").env("LANG", "C.UTF-8").output();
    assert!(stdout(&unicode.expect("weir runs")).contains('╭'));

    // A reader that goes away is no error: the code is still that of the findings.
    let mut child = command(dir.path(), "check -v")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("weir runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("weir ends");
    assert_eq!(output.status.code(), Some(3));
    assert!(!stderr(&output).contains("error"), "{}", stderr(&output));
}

#[test]
fn a_new_project_can_be_started() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = weir(dir.path(), "init lakeside");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("weir check lakeside"));
    assert_eq!(weir(dir.path(), "init lakeside").status.code(), Some(2));
}

/// A plan that would not hold its rates reaches neither the store nor a directory, and who is at fault is told.
#[test]
fn a_plan_that_is_not_enforced_is_refused() {
    let dir = project(
        &network("100.64.0.3"),
        "[topology]\nwan_mbps = [100, 100]\n[rates]\nmin_floor_mbps = 80\n",
    );
    let before = files_below(dir.path());
    let output = weir(dir.path(), "build --out out");
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(files_below(dir.path()), before);
    let told = stderr(&output);
    assert!(told.contains("Hill North (node:a1)"), "{told}");
    assert!(told.contains("rates.min_floor_mbps"), "{told}");
    let report = json(&weir(dir.path(), "build --format json"));
    assert_eq!(report["artifact"], Value::Null);
    assert!(report["exit"]["reasons"][0].is_string());
}

/// A table that fits a terminal, from the same facts as the JSON; nothing is written.
#[test]
fn strategies_can_be_compared() {
    let settings = format!("{WAN}[target.box]\nqueues = 2\nmemory = \"4GiB\"\n");
    let dir = project(&network("100.64.0.3"), &settings);
    weir(dir.path(), "build --out before");
    let before = files_below(dir.path());
    let text = stdout(&weir(dir.path(), "compare --previous before"));
    assert_eq!(files_below(dir.path()), before);
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    assert!(text.is_ascii(), "{text}");
    let row = |name: &str| -> Vec<&str> {
        let mut lines = text.lines();
        let line = lines.find(|l| l.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("{name}\n{text}"));
        line.split("  ")
            .map(str::trim)
            .filter(|c| !c.is_empty())
            .collect()
    };
    // The AP carries 75 up; both circuits together are sold 30: only its 150 down can be reached.
    assert_eq!(
        row("limits held"),
        ["limits held", "0 of 0", "0 of 0", "0 of 0", "0 of 0"]
    );
    assert_eq!(row("nodes"), ["nodes", "0", "1", "2", "2"]);
    assert_eq!(row("class ids changed")[3], "0");
    assert!(
        text.contains("flat") && text.contains("ap_site *"),
        "{text}"
    );

    let report = json(&weir(dir.path(), "compare --previous before --format json"));
    assert_eq!(report["schema"], "weir.compare/1");
    assert_eq!(report["exit"]["code"], 0);
    let plans = report["strategies"].as_array().expect("strategies");
    let names: Vec<&str> = plans
        .iter()
        .filter_map(|p| p["strategy"].as_str())
        .collect();
    assert_eq!(names, ["flat", "ap_only", "ap_site", "full"]);
    assert_eq!(plans[2]["churn"]["kept"], 4);
    assert_eq!(plans[0]["churn"]["reparented_circuits"], 2);
    let read: weir_schemas::compare::Compare =
        serde_json::from_value(report.clone()).expect("the published type");
    let best = read.recommended.expect("a strategy");
    assert!(
        text.contains(&format!("recommended {}", best.strategy.word())),
        "{text}"
    );
    for reason in best.reasons {
        let first: Vec<&str> = reason.split(' ').take(3).collect();
        assert!(text.contains(&first.join(" ")), "{reason}\n{text}");
    }
}

/// What the documentation shows to people without a CRM builds as it is.
#[test]
fn the_example_without_a_crm_is_clean() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let output = weir(&examples, "check no-crm --format json");
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let report = json(&output);
    assert_eq!(report["exit"]["code"], 0);
}

/// Packages install these; they are made from the arguments, so all there is to test is that they are whole.
#[test]
fn every_command_has_a_manual_page_and_shells_complete() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = weir(dir.path(), "man --out pages");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let pages: Vec<String> = fs::read_dir(dir.path().join("pages"))
        .expect("pages")
        .map(|page| {
            page.expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    for page in [
        "weir.1",
        "weir-build.1",
        "weir-key-new.1",
        "weir-override-add.1",
    ] {
        assert!(pages.iter().any(|p| p == page), "{page} of {pages:?}");
    }
    let build = fs::read_to_string(dir.path().join("pages/weir-build.1")).expect("a page");
    assert!(build.contains("weir build"), "{build}");
    assert!(!build.contains("weir-build [OPTIONS]"), "{build}");
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef weir"),
        ("fish", "complete -c weir"),
    ] {
        let output = weir(dir.path(), &format!("completions {shell}"));
        assert!(
            stdout(&output).contains(word),
            "{shell}: {}",
            stdout(&output)
        );
    }
}
