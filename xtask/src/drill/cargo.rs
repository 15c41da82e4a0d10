//! Drills that are tests of the workspace with greater numbers, and chores and scripts that there are anyway. Reads
//! from cargo how many tests passed, and from a file what they counted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::outcome::Outcome;
use super::{Error, Ground};

/// Tests of one target: `cargo test -p CRATE TARGET -- FILTERS`.
pub struct Tests<'a> {
    pub package: &'a str,
    pub target: &'a [&'a str],
    pub filters: &'a [&'a str],
    pub env: &'a [(&'a str, &'a str)],
}

const SWEEP: &[(&str, &str)] = &[("WEIR_FULL_SWEEP", "1"), ("WEIR_DRILL", "1")];
/// What [`SWEEP`] names, for tests with a number of rounds.
const THOUSAND: &[(&str, &str)] = &[("WEIR_FULL_SWEEP", "1"), ("WEIR_DRILL", "1000")];

pub fn kills(ground: &Ground) -> Result<Outcome, Error> {
    with_command(
        ground,
        &[
            Tests {
                package: "weir-compiler",
                target: &["--test", "faults"],
                filters: &["killed_anywhere"],
                env: SWEEP,
            },
            Tests {
                package: "weir-compiler",
                target: &["--test", "faults_shores"],
                filters: &[],
                env: SWEEP,
            },
        ],
    )
}

pub fn faults(ground: &Ground) -> Result<Outcome, Error> {
    let filters = &["errors_of_the_disk", "a_full_disk"];
    with_command(
        ground,
        &[Tests {
            package: "weir-compiler",
            target: &["--test", "faults"],
            filters,
            env: SWEEP,
        }],
    )
}

pub fn races(ground: &Ground) -> Result<Outcome, Error> {
    with_command(
        ground,
        &[
            Tests {
                package: "weir-store",
                target: &["--test", "store"],
                filters: &["of_sixteen"],
                env: SWEEP,
            },
            Tests {
                package: "weir-store-s3",
                target: &["--test", "server"],
                filters: &["of_sixteen"],
                env: SWEEP,
            },
            Tests {
                package: "weir-compiler",
                target: &["--test", "promote"],
                filters: &["of_many_who_promote"],
                env: SWEEP,
            },
        ],
    )
}

pub fn orders(ground: &Ground) -> Result<Outcome, Error> {
    all(
        ground,
        &[Tests {
            package: "weir-compiler",
            target: &["--test", "determinism"],
            filters: &[],
            env: SWEEP,
        }],
    )
}

pub fn upgrade(ground: &Ground) -> Result<Outcome, Error> {
    with_command(
        ground,
        &[Tests {
            package: "weir-compiler",
            target: &["--test", "versions"],
            filters: &[],
            env: SWEEP,
        }],
    )
}

pub fn runtime_kills(ground: &Ground) -> Result<Outcome, Error> {
    all(
        ground,
        &[
            Tests {
                package: "weir-runtime",
                target: &["--lib"],
                filters: &["swap::tests"],
                env: SWEEP,
            },
            Tests {
                package: "weir-runtime",
                target: &["--test", "agent_kernel"],
                filters: &[],
                env: SWEEP,
            },
        ],
    )
}

pub fn swaps(ground: &Ground) -> Result<Outcome, Error> {
    all(
        ground,
        &[Tests {
            package: "weir-runtime",
            target: &["--test", "kernel_swaps"],
            filters: &[],
            env: THOUSAND,
        }],
    )
}

/// Ten minutes for each reader.
pub fn fuzz(ground: &Ground) -> Result<Outcome, Error> {
    let seconds = ground.rounds(600);
    let said = chore(ground, &["fuzz", "--seconds", &seconds.to_string()])?;
    // A line each: `NAME N inputs`.
    let mut outcome = Outcome::default().with("seconds a reader", seconds);
    for line in said.lines() {
        let mut words = line.split_whitespace();
        if let (Some(_), Some(n), Some("inputs")) = (words.next(), words.next(), words.next()) {
            outcome.add("readers", 1);
            outcome.add("inputs", n.parse()?);
        }
    }
    Ok(outcome)
}

pub fn kernels(ground: &Ground) -> Result<Outcome, Error> {
    let said = chore(ground, &["kernels"])?;
    // One section a kernel, headed by what it calls itself; the table is shown as it is.
    eprint_block(&said);
    let passed = said
        .split_whitespace()
        .filter(|word| *word == "passed")
        .count();
    Ok(Outcome::default().with("suites passed", passed.max(1) as u64))
}

pub fn scale(ground: &Ground) -> Result<Outcome, Error> {
    let script = ground.root.join("benches/scale.sh");
    if !script.is_file() {
        return Ok(Outcome::not_run("there is no benches/scale.sh"));
    }
    let said = run(Command::new(&script).current_dir(&ground.root))?;
    eprint_block(&said);
    let sizes = said
        .lines()
        .filter(|l| l.trim_start().starts_with(|c: char| c.is_ascii_digit()))
        .count();
    Ok(Outcome::default().with("rows measured", sizes.max(1) as u64))
}

/// What a chore printed for people, on the way to its one line.
#[expect(
    clippy::print_stderr,
    reason = "tables that a drill wraps are shown beside its line"
)]
fn eprint_block(text: &str) {
    eprintln!("{}", text.trim_end());
}

fn chore(ground: &Ground, args: &[&str]) -> Result<String, Error> {
    let own = std::env::current_exe()?;
    run(Command::new(own).args(args).current_dir(&ground.root))
}

/// The command with optimisation, as it is released.
pub fn release_weir(root: &Path) -> Result<PathBuf, Error> {
    run(Command::new(cargo())
        .args(["build", "--release", "--locked", "-p", "weir-compiler"])
        .current_dir(root))?;
    Ok(target(root).join("release/weir"))
}

/// Where cargo puts what it builds.
pub fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

pub fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs a command that has to succeed, and gives what it said.
pub fn run(command: &mut Command) -> Result<String, Error> {
    let shown = format!("{command:?}");
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|e| format!("{shown}: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{shown}: {}\n{}",
        output.status,
        end(&format!("{said}{errors}"), 60)
    )
    .into())
}

/// The last lines.
pub fn end(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Tests that run the command: the one that is drilled, and not the slower one that is built with them.
fn with_command(ground: &Ground, runs: &[Tests<'_>]) -> Result<Outcome, Error> {
    let weir = ground.weir()?;
    let weir = weir.to_str().ok_or("the path of `weir` is not UTF-8")?;
    run_all(ground, runs, &[("WEIR_DRILL_PROGRAM", weir)])
}

fn all(ground: &Ground, runs: &[Tests<'_>]) -> Result<Outcome, Error> {
    run_all(ground, runs, &[])
}

fn run_all(ground: &Ground, runs: &[Tests<'_>], more: &[(&str, &str)]) -> Result<Outcome, Error> {
    let mut sum = Outcome::default();
    for tests in runs {
        let env: Vec<(&str, &str)> = [tests.env, more].concat();
        let tests = Tests {
            env: &env,
            ..*tests
        };
        sum.join(tests.run(&ground.root)?);
    }
    // Tests that said why they did nothing have passed too.
    if sum.figures.values().all(|n| *n == 0) {
        sum.figures.clear();
    }
    Ok(sum)
}

impl Tests<'_> {
    pub fn run(&self, root: &Path) -> Result<Outcome, Error> {
        let figures = root.join(format!("target/figures-{}", std::process::id()));
        let _ = fs::remove_file(&figures);
        let mut command = Command::new(cargo());
        command
            .args(["test", "--locked", "-p", self.package])
            .args(self.target)
            .args(["--", "--nocapture"])
            .args(self.filters)
            .envs(self.env.iter().copied())
            .env("WEIR_FIGURES", &figures)
            .current_dir(root);
        let output = command.stdin(std::process::Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let counted = fs::read_to_string(&figures).unwrap_or_default();
        let _ = fs::remove_file(&figures);
        if !output.status.success() {
            return Err(format!("{command:?}\n{}", end(&said, 60)).into());
        }
        read(&said, &counted).map_err(|why| format!("{command:?}: {why}").into())
    }
}

/// What passed, from what cargo and the tests printed and what they counted.
fn read(said: &str, counted: &str) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    let mut passed = 0;
    for line in said.lines() {
        // A test that prints shares its line with what it prints.
        if let Some((_, rest)) = line.split_once("test result: ok. ") {
            let n = rest.split_whitespace().next().and_then(|n| n.parse().ok());
            passed += n.unwrap_or(0u64);
        }
        if let Some((_, why)) = line.split_once("skipped")
            && let Some((test, why)) = why.split_once(": ")
        {
            outcome.missing.push(format!("{}: {why}", test.trim()));
        }
    }
    if passed == 0 {
        return Err("no test was run: are its names still right?".to_owned());
    }
    let skipped = outcome.missing.len() as u64;
    outcome.add("tests", passed.saturating_sub(skipped));
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for line in counted.lines() {
        let (what, n) = line.rsplit_once(' ').ok_or("a figure without a number")?;
        let n: u64 = n.parse().map_err(|e| format!("{line}: {e}"))?;
        *sums.entry(what).or_default() += n;
    }
    for (what, n) in sums {
        outcome.add(what, n);
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tests_print_is_read() {
        let said = "running 3 tests\nskipped killed_anywhere: strace may not trace here\ntest killed_anywhere ... ok\n\
                    test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 4 filtered out; finished in 1.00s\n";
        let want = Outcome {
            figures: [("kill points".to_owned(), 12), ("tests".to_owned(), 2)].into(),
            missing: vec!["killed_anywhere: strace may not trace here".to_owned()],
        };
        assert_eq!(read(said, "kill points 5\nkill points 7\n"), Ok(want));
    }

    #[test]
    fn a_filter_that_fits_no_test_is_a_failure() {
        let said = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out";
        assert!(read(said, "").is_err());
    }
}
