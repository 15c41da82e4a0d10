//! `xtask drill`: what is too long for every change. Each drill runs the product or its tests with the numbers that
//! `docs/promises.md` states, and ends in one line of figures.
//!
//! It knows how much was tried, not what has to hold: that is said by the tests, and by the checks of each drill.

mod cargo;
mod clock;
mod cycles;
mod flips;
mod isp;
mod outcome;
mod power;
mod release;
mod serving;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use outcome::{Outcome, Record};

#[derive(clap::Args)]
pub struct Args {
    /// Drills to run, one after the other; all of them when none is named
    names: Vec<String>,
    /// Say what there is, and run nothing
    #[arg(long)]
    list: bool,
    /// Write what came out as JSON
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The `weir` to drill; built with optimisation when left out
    #[arg(long, value_name = "FILE")]
    weir: Option<PathBuf>,
    /// Rounds, for drills that have them: power cuts, cycles, flips of a large artifact
    #[arg(long)]
    rounds: Option<u64>,
    /// Of power cuts and cycles: begin no more after so many minutes of a drill, and say how many that leaves out
    #[arg(long)]
    minutes: Option<u64>,
    /// A Debian package `linux-image-*-amd64`, for `power`; downloaded by apt-get when left out
    #[arg(long, value_name = "DEB")]
    kernel: Option<PathBuf>,
}

/// Why a drill did not come to its end: what was broken, or what could not be done.
type Error = Box<dyn std::error::Error + Send + Sync>;

struct Drill {
    name: &'static str,
    about: &'static str,
    run: fn(&Ground) -> Result<Outcome, Error>,
}

/// In the order of the promises.
#[rustfmt::skip]
static DRILLS: &[Drill] = &[
    Drill { name: "fuzz", about: "every reader on mutated input, ten minutes each", run: cargo::fuzz },
    Drill { name: "orders", about: "20 permutations of every project, for every strategy", run: cargo::orders },
    Drill { name: "clock", about: "builds under clocks that are wrong, run backwards, or stand in another zone", run: clock::run },
    Drill { name: "kills", about: "fetch, build, promote, confirm, rollback, pull, publish and gc, killed at every system call", run: cargo::kills },
    Drill { name: "power", about: "a machine that promotes loses power, and its disk what was not flushed", run: power::run },
    Drill { name: "faults", about: "every call that reaches the disk fails; disks of 0 to 1024 KiB", run: cargo::faults },
    Drill { name: "flips", about: "every byte of a generation, its head and its journal flipped; 1000 of a large one", run: flips::run },
    Drill { name: "races", about: "16 promote at once, 200 rounds, in a directory and in a bucket", run: cargo::races },
    Drill { name: "runtime-kills", about: "the runtime killed, and refused by the kernel, at every call", run: cargo::runtime_kills },
    Drill { name: "swaps", about: "1000 swaps of each kind under traffic", run: cargo::swaps },
    Drill { name: "kernels", about: "the kernel tests in every supported kernel", run: cargo::kernels },
    Drill { name: "scale", about: "what 1k, 10k and 100k circuits take", run: cargo::scale },
    Drill { name: "release", about: "one commit in two directories makes the same bytes; sums and bill of materials", run: release::run },
    Drill { name: "upgrade", about: "what an older version kept is read, what a newer one wrote is refused by name", run: cargo::upgrade },
    Drill { name: "cycles", about: "10000 times built, promoted and rolled back, 1000 runs of one scheduler: disk, memory and descriptors stay", run: cycles::run },
];

/// What every drill stands on.
struct Ground {
    root: PathBuf,
    weir: Option<PathBuf>,
    rounds: Option<u64>,
    /// After which no drill begins another round.
    end: Option<Instant>,
    kernel: Option<PathBuf>,
}

impl Ground {
    /// The `weir` to drill, built if need be.
    fn weir(&self) -> Result<PathBuf, Error> {
        match &self.weir {
            Some(given) => {
                Ok(fs::canonicalize(given)
                    .map_err(|e| format!("--weir {}: {e}", given.display()))?)
            }
            None => cargo::release_weir(&self.root),
        }
    }

    fn rounds(&self, usual: u64) -> u64 {
        self.rounds.unwrap_or(usual)
    }

    /// How long rounds may still begin; `None` is without an end.
    fn left(&self) -> Option<Duration> {
        let end = self.end?;
        Some(end.saturating_duration_since(Instant::now()))
    }

    /// There is no time for another round.
    fn is_over(&self) -> bool {
        self.left() == Some(Duration::ZERO)
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub fn run(args: &Args, out: &mut dyn Write) -> io::Result<()> {
    if args.list {
        for drill in DRILLS {
            writeln!(out, "{:<14} {}", drill.name, drill.about)?;
        }
        return Ok(());
    }
    let chosen = chosen(&args.names).map_err(io::Error::other)?;
    let mut ground = Ground {
        root: fs::canonicalize(root())?,
        weir: args.weir.clone(),
        rounds: args.rounds,
        end: None,
        kernel: args.kernel.clone(),
    };
    let mut records = Vec::new();
    for drill in chosen {
        let begun = Instant::now();
        ground.end = args.minutes.map(|n| begun + Duration::from_secs(60 * n));
        let result = (drill.run)(&ground);
        let record = Record::new(drill.name, &result, begun.elapsed());
        writeln!(out, "{record}")?;
        out.flush()?;
        records.push(record);
        // After each, so that what is there is kept when the next one takes the night.
        if let Some(path) = &args.record {
            let mut json = serde_json::to_string_pretty(&records).map_err(io::Error::other)?;
            json.push('\n');
            fs::write(path, json)?;
        }
    }
    // A drill that was asked for by its name and could not be run is no success.
    let bad: Vec<&str> = records
        .iter()
        .filter(|r| r.has_failed() || (r.was_not_run() && !args.names.is_empty()))
        .map(Record::name)
        .collect();
    match bad[..] {
        [] => Ok(()),
        _ => Err(io::Error::other(format!("not held: {}", bad.join(", ")))),
    }
}

fn chosen(names: &[String]) -> Result<Vec<&'static Drill>, String> {
    if names.is_empty() {
        return Ok(DRILLS.iter().collect());
    }
    let find = |name: &String| {
        let known = || DRILLS.iter().map(|d| d.name).collect::<Vec<_>>().join(", ");
        DRILLS
            .iter()
            .find(|d| d.name == name)
            .ok_or_else(|| format!("there is no drill {name}; there are {}", known()))
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn promises() -> String {
        fs::read_to_string(root().join("docs/promises.md")).expect("the promises")
    }

    /// Drills that a text tells people to run.
    fn named(text: &str) -> BTreeSet<String> {
        text.split("`cargo xtask drill ")
            .skip(1)
            .filter_map(|rest| rest.split('`').next())
            .flat_map(|command| {
                command
                    .split_whitespace()
                    .take_while(|word| !word.starts_with('-'))
            })
            // As in `cargo xtask drill NAME`.
            .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_drill_holds_a_promise_and_every_promise_names_drills_that_there_are() {
        let there: BTreeSet<String> = DRILLS.iter().map(|d| d.name.to_owned()).collect();
        assert_eq!(there.len(), DRILLS.len(), "two drills with one name");
        assert_eq!(named(&promises()), there);
    }

    /// Number, promise, what holds it, and the last figure or why there is none.
    #[test]
    fn every_promise_says_what_holds_it_and_what_came_out() {
        let text = promises();
        let rows: Vec<Vec<&str>> = text
            .lines()
            .filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit())
            .map(|line| {
                line.trim_matches('|')
                    .split(" | ")
                    .map(|cell| cell.trim().trim_end_matches(" |"))
                    .collect()
            })
            .collect();
        for (row, number) in rows.iter().zip(1..) {
            assert_eq!(row.len(), 4, "{row:?}");
            assert_eq!(row[0], number.to_string());
            for cell in &row[1..] {
                assert!(!cell.is_empty(), "promise {number} has an empty cell");
            }
            let drilled = row[2].contains("cargo xtask drill");
            let figure = row[3].to_lowercase();
            assert!(
                !drilled || figure.contains("last run") || figure.contains("not "),
                "promise {number} has a drill: say what came out last, or why nothing did"
            );
        }
        assert_eq!(rows.len(), 42);
    }

    #[test]
    fn names_of_drills_are_found_in_text() {
        let text =
            "`cargo xtask drill NAME` and `cargo xtask drill kills faults --rounds 3`, `drill x`";
        let want: BTreeSet<String> = ["kills", "faults"].map(str::to_owned).into();
        assert_eq!(named(text), want);
        assert!(chosen(&["nothing".to_owned()]).is_err());
        assert_eq!(chosen(&[]).expect("all").len(), DRILLS.len());
    }
}
