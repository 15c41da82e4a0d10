//! A year unattended: built, promoted, rolled back and collected thousands of times. The store stays within what it
//! keeps, and the command takes no more memory and descriptors at the end than at the beginning.
//!
//! Journals grow by what happened and are never cut: they are what a rollback and an audit need. What an entry takes is
//! measured here.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::cargo::Tests;
use super::outcome::{Outcome, tell};
use super::{Error, Ground, isp, serving};

/// Between collections.
const COLLECT: u64 = 25;
/// Artifacts that `weir gc` keeps, as it is set when nothing is said.
const KEPT: u64 = 50;
/// Before this many cycles the store still fills up to what it keeps.
const WARM: u64 = 2 * KEPT + 2 * COLLECT;
/// Room for an entry of the journal with its head and both signatures.
const ENTRY: u64 = 4096;

/// What is there after a cycle.
#[derive(Clone, Copy, Debug)]
struct Seen {
    artifacts: u64,
    /// Of all but the journal.
    bytes: u64,
    journal: u64,
    files: u64,
    /// The most memory that a promotion took, in KiB.
    peak: u64,
}

pub fn run(ground: &Ground) -> Result<Outcome, Error> {
    let weir = ground.weir()?;
    let cycles = ground.rounds(10_000).max(WARM + COLLECT);
    let followed = (cycles / 10).to_string();
    let seconds = ground.left().map(|left| left.as_secs().to_string());
    let mut env = vec![("WEIR_DRILL", followed.as_str())];
    env.extend(seconds.as_deref().map(|s| ("WEIR_DRILL_SECONDS", s)));
    // The runtime, one process: it waits for each turn of a second, so a tenth of them, and beside the others, who do not
    // wait.
    let runtime = Tests {
        package: "weir-runtime",
        target: &["--test", "agent_cycles"],
        filters: &[],
        env: &env,
    };
    std::thread::scope(|scope| {
        let followed = scope.spawn(|| runtime.run(&ground.root));
        let mut outcome = commands(ground, &weir, cycles)?;
        // The scheduler, one process too.
        outcome.join(serving::run(ground, &weir, cycles / 10)?);
        outcome.join(
            followed
                .join()
                .map_err(|_| "the drill of the runtime broke")??,
        );
        Ok(outcome)
    })
}

/// Each a process of its own.
fn commands(ground: &Ground, weir: &Path, cycles: u64) -> Result<Outcome, Error> {
    let work = isp::scratch_in_memory("cycles")?;
    let dir = work.path();
    isp::project(dir, "")?;
    let mut warm = None;
    let mut last = None;
    let mut entries = 0;
    let mut done = 0;
    for cycle in 1..=cycles {
        let plan = (20_000 + cycle).to_string();
        fs::write(dir.join("export/inventory.json"), isp::inventory(3, &plan))?;
        let digest = isp::build(&mut isp::weir(weir, dir, "build"))?;
        let promote = format!("promote {digest} --to production -q");
        let peak = promoted(weir, dir, &promote).map_err(|e| format!("cycle {cycle}: {e}"))?;
        done = cycle;
        entries += 1;
        if cycle > 1 {
            isp::ends(&mut isp::weir(weir, dir, "rollback production -q"), &[0])?;
            isp::ends(&mut isp::weir(weir, dir, "resume production -q"), &[0])?;
            entries += 2;
        }
        if cycle % COLLECT == 0 {
            isp::ends(&mut isp::weir(weir, dir, "gc -q"), &[0])?;
            let seen = look(dir, peak)?;
            bound(&seen, entries).map_err(|e| format!("cycle {cycle}: {e}"))?;
            if cycle >= WARM {
                let first = *warm.get_or_insert(seen);
                steady(&first, &seen).map_err(|e| format!("cycle {cycle}: {e}"))?;
            }
            last = Some(seen);
            tell("cycles", cycle, cycles, 500);
            // Where there was something to look at, and something to compare it with.
            if cycle > WARM && ground.is_over() {
                break;
            }
        }
    }
    isp::ends(&mut isp::weir(weir, dir, "verify"), &[0])?;
    let last = last.ok_or("nothing was looked at")?;
    Ok(Outcome::of_rounds("cycles", done, cycles)
        .with("artifacts kept", last.artifacts)
        .with("KiB of store", last.bytes / 1024)
        .with("bytes of journal an entry", last.journal / entries)
        .with("MiB of memory at most", last.peak / 1024))
}

/// Runs a command, and gives the most memory it took, as GNU time measures it; 0 where there is no such program.
fn promoted(weir: &Path, dir: &Path, args: &str) -> Result<u64, Error> {
    let time = Path::new("/usr/bin/time");
    if !time.is_file() {
        isp::ends(&mut isp::weir(weir, dir, args), &[0])?;
        return Ok(0);
    }
    let mut command = Command::new(time);
    command
        .args(["-f", "%M", "-o", "peak"])
        .arg(weir)
        .args(args.split_whitespace())
        .current_dir(dir);
    isp::ends(&mut command, &[0])?;
    Ok(fs::read_to_string(dir.join("peak"))?.trim().parse()?)
}

fn look(dir: &Path, peak: u64) -> Result<Seen, Error> {
    let store = dir.join(".weir/store");
    let (mut bytes, mut journal, mut files) = (0, 0, 0);
    let mut open = vec![dir.join(".weir")];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            files += 1;
            let length = fs::metadata(&path)?.len();
            if path.starts_with(store.join("journal")) {
                journal += length;
            } else {
                bytes += length;
            }
        }
    }
    let artifacts = fs::read_dir(store.join("artifacts"))?.count() as u64;
    Ok(Seen {
        artifacts,
        bytes,
        journal,
        files,
        peak,
    })
}

/// What is kept is what is said to be kept, and the journal holds what happened and no more.
fn bound(seen: &Seen, entries: u64) -> Result<(), Error> {
    // The newest, and the last of the channel; mostly they are the same.
    if seen.artifacts > 2 * KEPT + 3 {
        return Err(format!("{} artifacts are kept, of {KEPT}", seen.artifacts).into());
    }
    if seen.journal > entries * ENTRY {
        return Err(format!("{} bytes of journal for {entries} entries", seen.journal).into());
    }
    Ok(())
}

/// Nothing grows but the journal.
fn steady(first: &Seen, now: &Seen) -> Result<(), Error> {
    let grown = now.artifacts > first.artifacts + 3
        || now.files > first.files + 30
        || now.bytes > first.bytes + first.bytes / 10
        || now.peak > first.peak + first.peak / 4 + 4096;
    if grown {
        return Err(format!("it grows: {first:?} became {now:?}").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Seen = Seen {
        artifacts: 52,
        bytes: 2_000_000,
        journal: 100_000,
        files: 500,
        peak: 20_000,
    };

    #[test]
    fn what_grows_is_found() {
        steady(&SEEN, &SEEN).expect("the same");
        for grown in [
            Seen {
                artifacts: 60,
                ..SEEN
            },
            Seen {
                bytes: 3_000_000,
                ..SEEN
            },
            Seen { files: 600, ..SEEN },
            Seen {
                peak: 60_000,
                ..SEEN
            },
        ] {
            steady(&SEEN, &grown).expect_err("it grew");
        }
        // The journal may, by what happened.
        steady(
            &SEEN,
            &Seen {
                journal: 900_000,
                ..SEEN
            },
        )
        .expect("no fault");
        bound(&SEEN, 100).expect("within");
        bound(&SEEN, 10).expect_err("more journal than entries");
        bound(
            &Seen {
                artifacts: 199,
                ..SEEN
            },
            100,
        )
        .expect_err("too many");
    }
}
