//! The power cut: a machine builds, promotes and rolls back, tells what was acknowledged, and loses its power at a
//! random moment, with what its disk had not flushed. Started again it must run what was acknowledged last.
//!
//! Two controls write files beside it. The one that syncs must be as it said; the one that does not must be found
//! damaged now and then, or the rig proves nothing.

mod disk;
mod machine;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use self::disk::Disk;
use self::machine::{Machine, Parts};
use super::outcome::{Outcome, tell};
use super::{Error, Ground, cargo, isp};
use crate::r#gen::rng::Rng;

/// With fewer cuts the control that does not sync may be lucky.
const ENOUGH: u64 = 20;

pub fn run(ground: &Ground) -> Result<Outcome, Error> {
    if let Some(why) = machine::missing() {
        return Ok(Outcome::not_run(why));
    }
    let weir = ground.weir()?;
    let work = isp::scratch("power")?;
    let deb = match &ground.kernel {
        Some(given) => given.clone(),
        None => match download(work.path()) {
            Ok(deb) => deb,
            Err(error) => return Ok(Outcome::not_run(format!("no kernel: {error}"))),
        },
    };
    let project = work.path().join("contents/isp");
    isp::project(&project, "")?;
    let parts = machine::parts(work.path(), &weir, &deb, &isp::inventory(3, "KBPS"))?;
    let image = machine::image(work.path(), &work.path().join("contents"))?;
    let seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)?
        .subsec_nanos()
        .into();
    let mut rig = Rig {
        parts,
        disk: Arc::new(Mutex::new(Disk::new(image))),
        socket: work.path().join("nbd"),
        rng: Rng::new(seed, 0, 0),
        known: Known::default(),
        lost: 0,
        damaged: 0,
    };
    let rounds = ground.rounds(50);
    let mut cuts = 0;
    // One boot more than cuts: the last only looks.
    loop {
        let works = cuts < rounds && !ground.is_over();
        rig.round(works)
            .map_err(|error| format!("cut {cuts}, seed {seed}: {error}"))?;
        // Only now is it known what the cut before did.
        tell("power cuts held", cuts, rounds, 5);
        if !works {
            break;
        }
        cuts += 1;
    }
    if rig.damaged == 0 && cuts >= ENOUGH {
        return Err(format!(
            "{cuts} cuts did no harm to files that were never synced: the rig does not bite"
        )
        .into());
    }
    let flushes = disk::lock(&rig.disk).flushes;
    Ok(Outcome::of_rounds("power cuts", cuts, rounds)
        .with("acknowledged generations", rig.known.seq)
        .with("blocks lost", rig.lost)
        .with("cuts that damaged the unsynced control", rig.damaged)
        .with("flushes", flushes))
}

/// Debian's kernel, the newest that this machine's mirror has.
fn download(work: &std::path::Path) -> Result<PathBuf, Error> {
    let depends = cargo::run(Command::new("apt-cache").args(["depends", "linux-image-amd64"]))?;
    let package = newest(&depends).ok_or("linux-image-amd64 depends on no kernel")?;
    cargo::run(
        Command::new("apt-get")
            .args(["download", package])
            .current_dir(work),
    )?;
    fs::read_dir(work)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|e| e == "deb"))
        .ok_or_else(|| "apt-get downloaded nothing".into())
}

/// The kernel that a package without one of its own stands for, from what `apt-cache depends` says of it. The first
/// line is the package itself.
fn newest(depends: &str) -> Option<&str> {
    depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|package| package.starts_with("linux-image-"))
}

/// What was said to be done.
#[derive(Default, Debug)]
struct Known {
    /// Of the head that was acknowledged last; 0 for none.
    seq: u64,
    digest: String,
    /// Of the controls.
    synced: u64,
    unsynced: u64,
    /// Rounds of the machine, so that each builds something new.
    n: u64,
}

struct Rig {
    parts: Parts,
    disk: Arc<Mutex<Disk>>,
    socket: PathBuf,
    rng: Rng,
    known: Known,
    lost: u64,
    damaged: u64,
}

impl Rig {
    /// Boots, compares what is there with what was acknowledged, lets it work, and takes the power.
    fn round(&mut self, works: bool) -> Result<(), Error> {
        let _ = fs::remove_file(&self.socket);
        let server = disk::serve(&self.disk, &self.socket)?;
        let mut machine = Machine::boot(&self.parts, &self.socket, self.known.n)?;
        loop {
            let said = machine.next(None)?.ok_or("it says nothing")?;
            let looked = self.known.found(&said)?;
            self.damaged += u64::from(looked == Found::Damaged);
            if looked == Found::All {
                break;
            }
        }
        let mut heard = Vec::new();
        if works {
            // After so many more lines, and a moment.
            for _ in 0..self.rng.between(1, 16) {
                heard.extend(machine.next(None)?);
            }
            let moment = Instant::now() + Duration::from_millis(self.rng.below(2500));
            while let Some(said) = machine.next(Some(moment))? {
                heard.push(said);
            }
        }
        heard.extend(machine.cut()?);
        // The disk has taken what arrived before.
        server.join().map_err(|_| "the disk broke")??;
        self.lost += disk::lock(&self.disk).cut(&mut self.rng);
        for said in &heard {
            self.known.heard(said)?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    More,
    /// The control that does not sync is not what it said.
    Damaged,
    /// That was all there is to look at.
    All,
}

impl Known {
    /// What a machine finds on its disk must be what was acknowledged.
    fn found(&mut self, said: &str) -> Result<Found, Error> {
        let words: Vec<&str> = said.split(' ').collect();
        match words[..] {
            ["head", seq, digest] => {
                let number: u64 = seq.parse()?;
                // What was being written may be there, though nobody heard of it.
                if number < self.seq || number > self.seq + 1 {
                    return Err(format!(
                        "generation {} was acknowledged, {number} is there",
                        self.seq
                    )
                    .into());
                }
                if number == self.seq && number > 0 && digest != self.digest {
                    return Err(
                        format!("generation {number} is {digest}, not {}", self.digest).into(),
                    );
                }
                self.seq = number;
                self.digest = digest.to_owned();
            }
            ["verified"] => {}
            ["synced-found", n] => {
                let number = if n == "none" {
                    0
                } else {
                    n.parse().unwrap_or(0)
                };
                if number < self.synced || n == "torn" {
                    return Err(format!(
                        "a file that was synced as {} is {n}: the disk loses what it flushed",
                        self.synced
                    )
                    .into());
                }
                self.synced = number;
            }
            ["unsynced-found", n] => {
                let number: u64 = n.parse().unwrap_or(0);
                let damaged = n == "torn" || number < self.unsynced;
                self.unsynced = number;
                return Ok(if damaged { Found::Damaged } else { Found::More });
            }
            ["building", n] => {
                self.n = n.parse()?;
                return Ok(Found::All);
            }
            _ => return Err(said.to_owned().into()),
        }
        Ok(Found::More)
    }

    /// What a machine says that it did.
    fn heard(&mut self, said: &str) -> Result<(), Error> {
        let words: Vec<&str> = said.split(' ').collect();
        match words[..] {
            ["promoted", seq, digest] => {
                self.seq = seq.parse()?;
                self.digest = digest.to_owned();
            }
            ["synced", n] => self.synced = n.parse()?,
            ["unsynced", n] => self.unsynced = n.parse()?,
            ["building", n] => self.n = n.parse()?,
            ["promoting", _] | ["rolling", "back"] => {}
            _ => return Err(said.to_owned().into()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let mut known = Known::default();
        for said in [
            "building 1",
            "promoting abc",
            "promoted 1 abc",
            "synced 1",
            "unsynced 1",
        ] {
            known.heard(said).expect("understood");
        }
        known
    }

    #[test]
    fn what_was_acknowledged_must_be_there() {
        for (said, good) in [
            ("head 1 abc", true),
            ("head 2 def", true),
            ("head 0 none", false),
            ("head 1 def", false),
            ("head 3 abc", false),
            ("broken weir verify: no", false),
            ("synced-found 1", true),
            ("synced-found torn", false),
            ("synced-found none", false),
            ("synced-found 2", true),
        ] {
            assert_eq!(known().found(said).is_ok(), good, "{said}");
        }
    }

    #[test]
    fn the_kernel_is_downloaded_and_not_the_package_that_stands_for_it() {
        let said = "linux-image-amd64\n  Depends: linux-image-6.1.0-57-amd64\n  Conflicts: <x>\n";
        assert_eq!(newest(said), Some("linux-image-6.1.0-57-amd64"));
        assert_eq!(newest("linux-image-amd64\n"), None);
    }

    #[test]
    fn the_control_without_sync_shows_that_the_rig_bites() {
        let found = |said: &str| known().found(said).expect("understood");
        assert_eq!(found("unsynced-found 1"), Found::More);
        assert_eq!(found("unsynced-found torn"), Found::Damaged);
        assert_eq!(found("unsynced-found none"), Found::Damaged);
        assert_eq!(found("building 2"), Found::All);
    }
}
