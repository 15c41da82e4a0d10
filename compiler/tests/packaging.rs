//! What is packaged beside the program: units that leave it little, and a dashboard of metrics that there are.

mod lab;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lab::skip;

fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../packaging")
        .join(name)
}

/// Exposure as systemd counts it, 0 to 10; 1.5 is what a service that reads from the network can come to.
#[test]
fn the_units_leave_the_program_little() {
    if !lab::has(
        "systemd-analyze",
        "it judges units without a running systemd",
    ) {
        return;
    }
    for unit in ["systemd/weir.service", "systemd/weir-run.service"] {
        let output = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=15"])
            .arg(packaging(unit))
            .output()
            .expect("it runs");
        let said = lab::text(&output.stdout) + &lab::text(&output.stderr);
        if said.contains("Unknown") || said.contains("unrecognized option") {
            return skip("this systemd-analyze is too old to judge a unit offline");
        }
        assert!(output.status.success(), "{unit}\n{said}");
        assert!(said.contains("Overall exposure level"), "{unit}\n{said}");
    }
}

#[test]
fn units_name_verbs_that_there_are() {
    for (unit, args) in [
        ("systemd/weir.service", vec!["serve", "--help"]),
        (
            "systemd/weir-run.service",
            vec!["serve", "--once", "--help"],
        ),
    ] {
        let text = fs::read_to_string(packaging(unit)).expect("a unit");
        let line = text
            .lines()
            .find(|l| l.starts_with("ExecStart="))
            .expect("a command");
        let mut words = line.split_whitespace().skip(1);
        for word in args.iter().take(args.len() - 1) {
            assert_eq!(words.next(), Some(*word), "{unit}");
        }
        let output = Command::new(&*lab::WEIR)
            .args(&args)
            .output()
            .expect("weir runs");
        assert!(output.status.success(), "{unit}");
        // It would hide the identity of the boot, which deadlines are bound to.
        assert!(!text.contains("ProcSubset"), "{unit}");
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let text = fs::read_to_string(packaging("grafana/weir.json")).expect("a dashboard");
    let dashboard: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/serve.md");
    let page = fs::read_to_string(page).expect("docs/serve.md");
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().expect("targets") {
            let expression = target["expr"].as_str().expect("an expression");
            let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for metric in words.filter(|word| word.starts_with("weir_")) {
                asked += 1;
                assert!(
                    page.contains(&format!("| `{metric}` |")),
                    "{metric} in {expression}"
                );
            }
        }
    }
    assert!(asked > 10, "{asked}");
}

/// What the Debian package is made of: nothing of `packaging/systemd` is forgotten, and nothing is named that is not there.
#[test]
fn the_package_has_every_unit_and_only_files_that_there_are() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(here.join("Cargo.toml")).expect("a manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array();
    let sources: Vec<&str> = (assets.expect("a list").iter())
        .map(|asset| asset[0].as_str().expect("a path"))
        .collect();
    for source in &sources {
        // What is built is there when it is built; a pattern names several.
        if source.starts_with("target/release/") {
            continue;
        }
        let path = here.join(source);
        match source.contains('*') {
            true => assert!(path.parent().is_some_and(Path::is_dir), "{source}"),
            false => assert!(path.is_file(), "{source}"),
        }
    }
    for entry in fs::read_dir(packaging("systemd")).expect("units") {
        let name = entry.expect("an entry").file_name();
        let source = format!("../packaging/systemd/{}", name.to_string_lossy());
        assert!(sources.contains(&&*source), "{source} is in no package");
    }
    for program in ["weir", "weir-runtime"] {
        let source = format!("target/release/{program}");
        assert!(sources.contains(&&*source), "{program}");
    }
}
