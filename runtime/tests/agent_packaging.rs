//! What the unit file promises, and what the binary does not link: measured, where the tools are there.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates that a privileged process has no use for: HTTP, TLS, CSV, asynchronous runtimes, CRMs' formats, and what
/// only the compiler needs.
const KEPT_OUT: [&str; 22] = [
    "async-std",
    "aws-lc-rs",
    "axum",
    "csv",
    "futures",
    "h2",
    "hyper",
    "native-tls",
    "object_store",
    "openssl",
    "petgraph",
    "rayon",
    "reqwest",
    "ring",
    "roxmltree",
    "rustls",
    "smol",
    "tokio",
    "ureq",
    "url",
    "yaml-rust2",
    "weir-compiler",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn unit() -> PathBuf {
    root().join("packaging/systemd/weir-runtime.service")
}

/// Not captured by the test harness: a skipped test must be seen.
fn skipped(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped {test}: {why}");
}

#[test]
fn the_binary_links_nothing_that_speaks_to_the_world() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args([
            "tree",
            "--offline",
            "-p",
            "weir-runtime",
            "-e",
            "normal",
            "--prefix",
            "none",
        ])
        .output()
        .expect("cargo");
    let tree = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let linked: Vec<&str> = tree.lines().filter_map(|l| l.split(' ').next()).collect();
    assert!(
        linked.contains(&"aya") && linked.contains(&"weir-store"),
        "{tree}"
    );
    let wrong: Vec<&str> = KEPT_OUT
        .into_iter()
        .filter(|c| linked.contains(c))
        .collect();
    assert!(wrong.is_empty(), "weir-runtime links {wrong:?}");
}

#[test]
fn the_unit_exposes_little() {
    let test = "the_unit_exposes_little";
    let unit = unit();
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager"])
        .arg(&unit)
        .output();
    let text = match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        Ok(output) => return skipped(test, &String::from_utf8_lossy(&output.stderr)),
        Err(error) => return skipped(test, &format!("systemd-analyze: {error}")),
    };
    let line = text
        .lines()
        .find(|l| l.contains("Overall exposure level"))
        .expect("a verdict");
    let score = line
        .split(": ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let score: f64 = score.and_then(|s| s.parse().ok()).expect("a number");
    assert!(score <= 2.0, "{line}");
}

/// What the documentation and the threat model rest on, word for word.
#[test]
fn the_unit_gives_three_capabilities_and_no_network() {
    let text = std::fs::read_to_string(unit()).expect("the unit");
    for want in [
        "User=weir-runtime",
        "CapabilityBoundingSet=CAP_BPF CAP_NET_ADMIN CAP_PERFMON",
        "AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_PERFMON",
        "NoNewPrivileges=true",
        "RestrictAddressFamilies=AF_UNIX AF_NETLINK",
        "IPAddressDeny=any",
        "ProtectSystem=strict",
        "ReadOnlyPaths=-/var/lib/weir",
        "Type=notify",
    ] {
        assert!(text.lines().any(|line| line == want), "{want}");
    }
}
