//! Wrong clocks: the same exports built for one day under a clock that is a month behind or ahead, runs backwards while
//! it builds, or stands in another zone or language. One digest: nothing expires but by the day that is given.

use std::path::Path;
use std::process::Command;

use super::outcome::Outcome;
use super::{Error, Ground, isp};

/// Debian's libfaketime shifts what programs are told of the time.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// How libfaketime is told: shifts, days that are odd, a clock that runs backwards, and one that jumps back each time it
/// is asked.
const CLOCKS: [&str; 8] = [
    "-30d",
    "+30d",
    "-10y",
    "+10y",
    "@2000-02-29 23:59:59",
    "@2038-01-19 03:14:06",
    "-30d x-3600",
    "+30d i-5.0",
];

/// The day that every build is for. Some of the projects have overrides that expire later.
const DAY: &str = "2026-06-01";

const PLACES: [(&str, &str); 5] = [
    ("TZ", "Pacific/Kiritimati"),
    ("TZ", "America/St_Johns"),
    ("LC_ALL", "tr_TR.UTF-8"),
    ("LC_ALL", "de_DE.UTF-8"),
    ("LANG", "ar_EG.UTF-8"),
];

const PROJECTS: [&str; 3] = [
    "examples/quickstart",
    "examples/two-crms",
    "golden/inventory-dirty",
];

pub fn run(ground: &Ground) -> Result<Outcome, Error> {
    let weir = ground.weir()?;
    let mut outcome = Outcome::default();
    let library = LIBRARIES.iter().find(|l| Path::new(l).is_file());
    if library.is_none() {
        outcome
            .missing
            .push("clocks: there is no libfaketime here; install the package faketime".to_owned());
    }
    for project in PROJECTS {
        let from = ground.root.join(project);
        let want = digest(&weir, &from, &[])?;
        let expect = |env: &[(&str, &str)]| -> Result<(), Error> {
            let got = digest(&weir, &from, env)?;
            if got != want {
                return Err(format!("{project}: {got} with {env:?}, and {want} without").into());
            }
            Ok(())
        };
        for place in PLACES {
            expect(&[place])?;
            outcome.add("builds elsewhere", 1);
        }
        for clock in library.iter().flat_map(|_| CLOCKS) {
            let library = library.ok_or("there is a library")?;
            let env = [
                ("LD_PRELOAD", *library),
                ("FAKETIME", clock),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ];
            shows(library, clock)?;
            expect(&env)?;
            outcome.add("builds by a wrong clock", 1);
        }
    }
    Ok(outcome)
}

/// The library works here, or nothing is proved.
fn shows(library: &str, clock: &str) -> Result<(), Error> {
    let year = |env: &[(&str, &str)]| -> Result<String, Error> {
        let mut command = Command::new("date");
        command.arg("+%Y-%m").envs(env.iter().copied());
        super::cargo::run(&mut command)
    };
    let fake = year(&[("LD_PRELOAD", library), ("FAKETIME", clock)])?;
    if fake == year(&[])? {
        return Err(format!("libfaketime does not change the clock to {clock}").into());
    }
    Ok(())
}

/// What a project builds into, in a store of its own.
fn digest(weir: &Path, project: &Path, env: &[(&str, &str)]) -> Result<String, Error> {
    let work = isp::scratch("clock")?;
    super::cargo::run(
        Command::new("cp")
            .arg("-r")
            .arg(project.join("."))
            .arg(work.path()),
    )?;
    // What somebody built there before is no input.
    let _ = std::fs::remove_dir_all(work.path().join(".weir"));
    isp::build(
        isp::weir(weir, work.path(), &format!("build --as-of {DAY}")).envs(env.iter().copied()),
    )
}
