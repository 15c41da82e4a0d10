//! The same commit, released from two directories: the same bytes. And what is released can be checked, and what was
//! changed afterwards is found.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::outcome::Outcome;
use super::{Error, Ground, cargo, isp};
use crate::release::{PROGRAMS, SUMS, build, sbom, sums};

/// One is longer, so that an offset that depends on a path shows.
const PLACES: [&str; 2] = ["one", "another-place-with-a-longer-name"];

/// `--rounds 1` builds the first program only.
pub fn run(ground: &Ground) -> Result<Outcome, Error> {
    let work = isp::scratch("release")?;
    let rounds = usize::try_from(ground.rounds(PROGRAMS.len() as u64))?;
    let programs = &PROGRAMS[..rounds.clamp(1, PROGRAMS.len())];
    let packages: Vec<&str> = programs.iter().map(|(package, _)| *package).collect();
    let mut outcome = Outcome::default();
    let mut first: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for place in PLACES {
        let tree = work.path().join(place);
        fs::create_dir(&tree)?;
        // What is committed, and nothing else that lies here.
        let archive = work.path().join("tree.tar");
        cargo::run(
            Command::new("git")
                .args(["-c", "safe.directory=*", "archive", "HEAD", "-o"])
                .arg(&archive)
                .current_dir(&ground.root),
        )?;
        cargo::run(
            Command::new("tar")
                .arg("-xf")
                .arg(&archive)
                .current_dir(&tree),
        )?;
        let built = build(&tree, &tree.join("target"), &packages, None)?;
        let dist = work.path().join(format!("dist-{place}"));
        fs::create_dir(&dist)?;
        for (package, program) in programs {
            let bytes = fs::read(built.join(program))?;
            names_no_place(&bytes, work.path(), program)?;
            let bill = sbom::bill(&tree, package, None)?.into_bytes();
            for (name, bytes) in [
                (program.to_string(), bytes),
                (format!("{program}.cdx.json"), bill),
            ] {
                fs::write(dist.join(&name), &bytes)?;
                match first.get(&name) {
                    None => drop(first.insert(name, bytes)),
                    Some(other) if *other == bytes => outcome.add("files of equal bytes", 1),
                    Some(other) => {
                        return Err(differ(&name, other, &bytes).into());
                    }
                }
            }
        }
        let names: Vec<String> = first.keys().cloned().collect();
        fs::write(dist.join(SUMS), sums(&dist, &names)?)?;
    }
    outcome.join(signed(&work.path().join("dist-one"))?);
    Ok(outcome)
}

fn differ(name: &str, a: &[u8], b: &[u8]) -> String {
    let at = a.iter().zip(b).position(|(a, b)| a != b);
    format!(
        "{name} differs: {} bytes and {} bytes, first at {at:?}",
        a.len(),
        b.len()
    )
}

/// A path of the machine that built it, in a program.
fn names_no_place(bytes: &[u8], place: &Path, program: &str) -> Result<(), Error> {
    let place = place.display().to_string();
    let found = bytes
        .windows(place.len())
        .position(|window| window == place.as_bytes());
    match found {
        None => Ok(()),
        Some(at) => Err(format!("{program} names {place} at byte {at}").into()),
    }
}

/// Signs the sums with a key made for it, and checks as an operator does; then with a byte changed.
fn signed(dist: &Path) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let minisign = |args: &[&str]| {
        let mut command = Command::new("minisign");
        command.args(args).current_dir(dist);
        command
    };
    if minisign(&["-v"]).output().is_err() {
        outcome
            .missing
            .push("signatures: there is no minisign here".to_owned());
        return Ok(outcome);
    }
    cargo::run(&mut minisign(&[
        "-G",
        "-W",
        "-p",
        "release.pub",
        "-s",
        "release.key",
    ]))?;
    cargo::run(&mut minisign(&[
        "-S",
        "-W",
        "-s",
        "release.key",
        "-m",
        SUMS,
    ]))?;
    let verify = ["-V", "-p", "release.pub", "-m", SUMS];
    cargo::run(&mut minisign(&verify))?;
    let check = || {
        let mut command = Command::new("sha256sum");
        command.args(["--check", "--quiet", SUMS]).current_dir(dist);
        command
    };
    cargo::run(&mut check())?;
    outcome.add("signatures checked", 1);
    // A program that was changed, and then the sums with it.
    let program = dist.join(PROGRAMS[0].1);
    let mut bytes = fs::read(&program)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&program, &bytes)?;
    if cargo::run(&mut check()).is_ok() {
        return Err("a changed program passes the check of its sum".into());
    }
    let text = fs::read_to_string(dist.join(SUMS))?;
    fs::write(dist.join(SUMS), text.replacen(['0', '1'], "2", 1))?;
    if cargo::run(&mut minisign(&verify)).is_ok() {
        return Err("changed sums pass the check of their signature".into());
    }
    outcome.add("changes found", 2);
    Ok(outcome)
}
