//! Runs the tests of the runtime that need a kernel in several of them, and prints one table: the running one by
//! `cargo test`, Debian's by `ci/kernel-vm.sh` in an emulated machine.
//!
//! It fails when a test failed, when one did not come to its end, and when a kernel ran none. It knows no test: what
//! they print, which of them passed and what they skipped, is read from their output.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What every kernel has to pass, in this order: packets through every program by `BPF_PROG_TEST_RUN`, loading and
/// attaching, leaves, pins, queueing, measured traffic with swaps, and the binary as operators run it.
const SUITES: [&str; 7] = [
    "packets",
    "kernel_programs",
    "kernel_leaves",
    "kernel_pins",
    "kernel_queueing",
    "kernel_traffic",
    "agent_kernel",
];

#[derive(clap::Args)]
pub struct Args {
    /// `host`, or series of Debian kernels
    #[arg(default_values_t = ["host", "6.1", "6.12"].map(str::to_owned))]
    kernels: Vec<String>,
    /// Tests to run instead of all that every kernel has to pass
    #[arg(long = "test", value_name = "NAME")]
    tests: Vec<String>,
    /// Where packages of kernels are kept; those that are missing are downloaded by apt-get
    #[arg(long, default_value = "target/kernels")]
    packages: PathBuf,
    /// Longest time a kernel may take, in minutes
    #[arg(long, default_value_t = 60)]
    minutes: u64,
}

/// What one kernel said.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Kernel {
    asked: String,
    /// What it calls itself; empty when it did not boot.
    release: String,
    suites: Vec<Suite>,
    /// Why there is nothing more to tell; empty when all came to its end.
    broken: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Suite {
    name: String,
    passed: u64,
    failed: Vec<String>,
    /// Test and reason.
    skipped: Vec<(String, String)>,
    /// Its last line was seen.
    ended: bool,
}

pub fn run(args: &Args, out: &mut impl Write) -> io::Result<()> {
    let tests: Vec<&str> = match args.tests.is_empty() {
        true => SUITES.to_vec(),
        false => args.tests.iter().map(String::as_str).collect(),
    };
    build(&tests)?;
    let mut kernels = Vec::new();
    for asked in &args.kernels {
        let mut kernel = match asked.as_str() {
            "host" => host(&tests, out),
            series => image(series, &args.packages)
                .and_then(|image| emulated(&image, &tests, args.minutes, out)),
        }
        .unwrap_or_else(|broken| Kernel {
            broken,
            ..Kernel::default()
        });
        kernel.asked.clone_from(asked);
        kernels.push(kernel);
    }
    write!(out, "\n{}", table(&kernels))?;
    match kernels.iter().filter(|k| !k.is_good(&tests)).count() {
        0 => Ok(()),
        bad => Err(io::Error::other(format!(
            "{bad} of {} kernels did not pass",
            kernels.len()
        ))),
    }
}

/// All of them once: what runs in one kernel is what runs in the next.
fn build(tests: &[&str]) -> io::Result<()> {
    let mut command = Command::new("cargo");
    command.args(["test", "-p", "weir-runtime", "--no-run"]);
    for test in tests {
        command.args(["--test", test]);
    }
    let status = command
        .current_dir(workspace().map_err(io::Error::other)?)
        .stdin(Stdio::null())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other("the tests do not build")),
    }
}

/// The running kernel, one suite after the other.
fn host(tests: &[&str], out: &mut impl Write) -> Result<Kernel, String> {
    let mut output = String::new();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_err(|error| format!("the release of this kernel: {error}"))?;
    for test in tests {
        say(out, &mut output, &format!("== {test}"));
        let mut command = Command::new("cargo");
        command.args(["test", "-p", "weir-runtime", "--test", test, "--"]);
        command.args(["--test-threads", "1", "--nocapture"]);
        // Which tests fail is told by them.
        follow(&mut command, out, &mut output)?;
    }
    let mut kernel = read(&output);
    kernel.release = release.trim().to_owned();
    Ok(kernel)
}

fn emulated(
    image: &Path,
    tests: &[&str],
    minutes: u64,
    out: &mut impl Write,
) -> Result<Kernel, String> {
    let mut output = String::new();
    let mut command = Command::new("timeout");
    command
        .arg(format!("{minutes}m"))
        .arg(workspace()?.join("ci/kernel-vm.sh"));
    command.env("BUILT", "1").arg(image).args(tests);
    let good = follow(&mut command, out, &mut output)?;
    let mut kernel = read(&output);
    if !good && kernel.suites.iter().all(|s| s.failed.is_empty()) {
        kernel.broken =
            format!("it did not come to its end, within {minutes} minutes or because it died");
    }
    Ok(kernel)
}

fn workspace() -> Result<PathBuf, String> {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .canonicalize()
        .map_err(|error| format!("the work tree: {error}"))
}

/// Debian's newest package of a series, which is what its metapackage depends on.
fn image(series: &str, packages: &Path) -> Result<PathBuf, String> {
    // The series of the release has the metapackage without a number.
    let metas = [
        format!("linux-image-{series}-amd64"),
        "linux-image-amd64".to_owned(),
    ];
    let wanted = format!("linux-image-{series}.");
    let package = metas
        .iter()
        .find_map(|meta| {
            let told = text("apt-cache", &["depends", "--important", meta]).ok()?;
            depends_on(&told, &wanted)
        })
        .ok_or_else(|| {
            format!("apt knows no kernel {series}: `apt-get update`, and backports where Debian has it there")
        })?;
    std::fs::create_dir_all(packages)
        .map_err(|error| format!("{}: {error}", packages.display()))?;
    let known = |package: &str| -> Result<Option<PathBuf>, String> {
        let entries = std::fs::read_dir(packages)
            .map_err(|error| format!("{}: {error}", packages.display()))?;
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(&format!("{package}_")) && name.ends_with(".deb")
            })
            .collect();
        found.sort();
        Ok(found.pop())
    };
    if let Some(path) = known(&package)? {
        return Ok(path);
    }
    let status = Command::new("apt-get")
        .args(["download", &package])
        .current_dir(packages)
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("apt-get: {error}"))?;
    match (status.success(), known(&package)?) {
        (true, Some(path)) => Ok(path),
        _ => Err(format!("{package} cannot be downloaded")),
    }
}

/// The first package of this beginning that is depended on.
fn depends_on(told: &str, wanted: &str) -> Option<String> {
    told.lines()
        .filter_map(|line| line.trim().strip_prefix("Depends:"))
        .map(str::trim)
        .find(|name| name.starts_with(wanted))
        .map(str::to_owned)
}

fn text(program: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(args)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

/// Runs a command in the work tree to its end, shows what it says, keeps it, and tells whether it succeeded. Both
/// its streams go into one, as a terminal would show them.
fn follow(command: &mut Command, out: &mut impl Write, kept: &mut String) -> Result<bool, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |error: io::Error| format!("{name}: {error}");
    let (reader, writer) = io::pipe().map_err(failed)?;
    command
        .current_dir(workspace()?)
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(failed)?)
        .stderr(writer);
    let mut child = command.spawn().map_err(failed)?;
    // Its ends of the pipe would keep it from ever ending here.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.map_err(failed)?;
        say(out, kept, String::from_utf8_lossy(&line).trim_end());
    }
    Ok(child.wait().map_err(failed)?.success())
}

/// Shown and kept. Where nobody looks, nothing is lost.
fn say(out: &mut impl Write, kept: &mut String, line: &str) {
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
    kept.push_str(line);
    kept.push('\n');
}

/// What tests said, one suite after the other, each behind a line `== NAME`.
fn read(output: &str) -> Kernel {
    let mut kernel = Kernel::default();
    let mut listed = false;
    for line in output.lines() {
        let line = line.trim_end();
        if let Some(release) = line.strip_prefix("kernel: ") {
            kernel.release = release.trim().to_owned();
        }
        if let Some(name) = line.strip_prefix("== ") {
            kernel.suites.push(Suite {
                name: name.trim().to_owned(),
                ..Suite::default()
            });
        }
        let Some(suite) = kernel.suites.last_mut() else {
            continue;
        };
        // It may stand behind the beginning of the line of its test.
        if let Some((test, why)) = line
            .split_once("skipped")
            .and_then(|(_, rest)| rest.trim_start_matches([':', ' ']).split_once(": "))
        {
            let row = (test.trim().to_owned(), why.trim().to_owned());
            // A test may say it for each thing it looks at.
            if !test.contains(' ') && !suite.skipped.contains(&row) {
                suite.skipped.push(row);
            }
        }
        // Names behind `failures:`, indented and alone in their lines.
        listed = match line {
            "failures:" => true,
            _ => listed && (line.is_empty() || line.starts_with("    ")),
        };
        if listed
            && let Some(name) = line.strip_prefix("    ")
            && !name.contains(' ')
        {
            suite.failed.push(name.to_owned());
        }
        if let Some(result) = line.strip_prefix("test result: ") {
            let number = |what: &str| {
                let (before, _) = result.split_once(what)?;
                before.rsplit(' ').find(|w| !w.is_empty())?.parse().ok()
            };
            suite.passed = number(" passed").unwrap_or(0);
            suite.ended = true;
        }
    }
    for suite in &mut kernel.suites {
        let skipped = suite.skipped.iter().map(|(test, _)| test);
        let mut skipped: Vec<&String> = skipped.filter(|t| !suite.failed.contains(t)).collect();
        skipped.sort_unstable();
        skipped.dedup();
        // A skipped test passes, for the harness.
        suite.passed = suite.passed.saturating_sub(skipped.len() as u64);
    }
    kernel
}

impl Kernel {
    /// All that was asked for ran to its end, and nothing failed.
    fn is_good(&self, tests: &[&str]) -> bool {
        let all = tests.iter().all(|test| {
            let suite = self.suites.iter().find(|s| s.name == *test);
            suite.is_some_and(|s| s.ended && s.failed.is_empty())
        });
        all && self.broken.is_empty() && self.suites.iter().any(|s| s.passed > 0)
    }
}

/// In Markdown, so that it can stand in a page as it is.
fn table(kernels: &[Kernel]) -> String {
    let mut text =
        String::from("| kernel | tests | passed | failed | skipped |\n|---|---|---|---|---|\n");
    let mut below = String::new();
    for kernel in kernels {
        let name = match kernel.release.is_empty() {
            true => &kernel.asked,
            false => &kernel.release,
        };
        for suite in &kernel.suites {
            let failed = match (suite.ended, suite.failed.len()) {
                (true, count) => count.to_string(),
                (false, _) => "not ended".to_owned(),
            };
            let _ = writeln!(
                text,
                "| {name} | {} | {} | {failed} | {} |",
                suite.name,
                suite.passed,
                suite.skipped.len()
            );
            for test in &suite.failed {
                let _ = writeln!(below, "- {name}: `{}::{test}` failed", suite.name);
            }
            for (test, why) in &suite.skipped {
                let _ = writeln!(below, "- {name}: `{}::{test}` skipped: {why}", suite.name);
            }
        }
        if !kernel.broken.is_empty() {
            let _ = writeln!(below, "- {name}: {}", kernel.broken);
        }
    }
    if !below.is_empty() {
        let _ = write!(text, "\n{below}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
kernel: 6.1.0-57-amd64
== kernel_pins

running 3 tests
test a ... ok
test b ... skipped b: no tcx before Linux 6.6
ok
test c ... FAILED

failures:

---- c stdout ----
thread 'c' panicked at x.rs:1:1:
it was skipped by nobody

failures:
    c

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s

== packets
running 1 test
skipped: d: loading eBPF programs needs root
";

    #[test]
    fn what_tests_say_is_read() {
        let kernel = read(OUTPUT);
        assert_eq!(kernel.release, "6.1.0-57-amd64");
        let [pins, packets] = &kernel.suites[..] else {
            panic!("{kernel:?}")
        };
        assert_eq!((pins.passed, pins.ended), (1, true));
        assert_eq!(pins.failed, ["c"]);
        let skipped = ("b".to_owned(), "no tcx before Linux 6.6".to_owned());
        assert_eq!(pins.skipped, [skipped]);
        assert!(!packets.ended);
        assert_eq!(packets.skipped[0].0, "d");
        let table = table(&[kernel]);
        assert!(
            table.contains("| 6.1.0-57-amd64 | kernel_pins | 1 | 1 | 1 |"),
            "{table}"
        );
        assert!(table.contains("| packets | 0 | not ended | 1 |"), "{table}");
        assert!(table.contains("`kernel_pins::c` failed"), "{table}");
    }

    #[test]
    fn only_what_ran_to_its_end_is_good() {
        let good = "== a\ntest result: ok. 2 passed; 0 failed; 0 ignored\n";
        assert!(read(good).is_good(&["a"]));
        assert!(!read(good).is_good(&["a", "b"]), "b did not run");
        assert!(!read("== a\nrunning 2 tests\n").is_good(&["a"]));
        assert!(!read(OUTPUT).is_good(&["kernel_pins"]));
        // Everything skipped is nothing shown.
        let nothing = "== a\nskipped x: it needs root\ntest result: ok. 1 passed; 0 failed\n";
        assert!(!read(nothing).is_good(&["a"]));
        let broken = Kernel {
            broken: "it died".into(),
            ..read(good)
        };
        assert!(!broken.is_good(&["a"]));
    }

    #[test]
    fn the_newest_kernel_is_what_the_metapackage_depends_on() {
        let told = "linux-image-6.12-amd64\n  Depends: linux-image-6.12.117+deb12-amd64\n";
        assert_eq!(
            depends_on(told, "linux-image-6.12."),
            Some("linux-image-6.12.117+deb12-amd64".into())
        );
        // 6.1 is not the beginning of 6.12.
        assert_eq!(depends_on(told, "linux-image-6.1."), None);
    }
}
