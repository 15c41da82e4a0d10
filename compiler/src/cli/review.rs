//! A promotion, looked at before it is made: the artifact is proven, compared with what the channel runs, and put
//! before the guard. `weir plan`, `weir promote`, the scheduler and the console all look here.
//!
//! It moves nothing, and does not know how what it found is shown.

use std::collections::BTreeSet;
use std::fs;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use weir_compiler::config::project::{Guard, PromoteWhen};
use weir_compiler::diff::Artifact as Loaded;
use weir_compiler::guard::{self, Accept, Candidate, Trip};
use weir_compiler::lock::Lock;
use weir_compiler::report::plain;
use weir_schemas::artifact;
use weir_schemas::diff::Diff;
use weir_schemas::findings::Findings;
use weir_schemas::head::{Action, Head};
use weir_schemas::manifest::{Manifest, Source};
use weir_store::Artifact;
use weir_store::channel::{Clock as _, Done, Known, Promote, short};

use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::store::{Brought, Desk, Key, Proved, bring, prove, unproved};

/// Who judges a build that its own findings fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judge {
    /// Somebody who can mend it first: it is refused.
    ByHand,
    /// The scheduler, by `schedule.promote`.
    Scheduled(PromoteWhen),
}

/// A promotion that was looked at.
pub struct Review {
    pub artifact: Artifact,
    pub manifest_sha256: String,
    /// `None`: the channel runs nothing yet.
    pub diff: Option<Diff>,
    pub trips: Vec<Trip>,
}

impl Review {
    /// Proves the artifact, compares it with what the channel runs, and asks the guard.
    pub fn of(
        desk: &Desk,
        base: Option<&Known>,
        artifact: Artifact,
        accept: Accept,
        judge: Judge,
    ) -> Result<Review, Stop> {
        // What runs is read meanwhile. What is wrong with the new one is told first.
        let (proved, was) = rayon::join(
            || Proved::of(&artifact, prove(&artifact)?),
            || base.map(|known| Was::of(desk, known)),
        );
        let look = Look {
            proved: proved?,
            was,
            artifact: artifact.clone(),
            guard: desk.project.guard.clone(),
            judge,
        };
        let seen = look.seen()?;
        let candidate = Candidate {
            diff: seen.diff.as_ref(),
            shaped: seen.shaped,
            failing: seen.failing,
            ages: (seen.manifest.as_ref()).map_or(Vec::new(), |m| ages(desk, m)),
        };
        let mut trips = guard::trips(&desk.project.guard, &candidate, accept);
        trips.extend(seen.contained);
        Ok(Review {
            manifest_sha256: seen.manifest_sha256,
            artifact,
            diff: seen.diff,
            trips,
        })
    }
}

/// What is looked at: files in memory.
struct Look {
    proved: Proved,
    was: Option<Was>,
    artifact: Artifact,
    guard: Guard,
    judge: Judge,
}

/// What the channel runs.
struct Was {
    head: Head,
    /// `None`: it cannot be read.
    brought: Option<Brought>,
}

impl Was {
    fn of(desk: &Desk, known: &Known) -> Was {
        let found = desk.store.get(&known.head.digest).ok();
        Was {
            head: known.head.clone(),
            brought: found.and_then(|artifact| bring(&artifact).ok()),
        }
    }

    /// A guard that has nothing to compare with guards nothing, so it must be there.
    fn load(&self) -> Result<Loaded<'_>, Stop> {
        let loaded = (self.brought.as_ref()).and_then(|brought| brought.load().ok());
        loaded.ok_or_else(|| {
            let Head { channel, digest, .. } = &self.head;
            Stop::new(
                Exit::Refused,
                format!(
                    "channel {channel} runs {}, which cannot be read: what would change is not known",
                    short(digest)
                ),
                format!(
                    "bring that artifact back into the store, or go back to one that is there: weir rollback {channel} \
                     --to DIGEST"
                ),
            )
        })
    }
}

/// What was seen there.
struct Seen {
    manifest: Option<Manifest<'static>>,
    manifest_sha256: String,
    diff: Option<Diff>,
    shaped: u64,
    failing: bool,
    contained: Option<Trip>,
}

impl Look {
    /// On a thread of its own, which frees what was read when the answer is there already: that is hundreds of thousands of
    /// small texts, and nobody waits for them.
    fn seen(self) -> Result<Seen, Stop> {
        let (tell, told) = mpsc::sync_channel(1);
        let thread = thread::spawn(move || {
            let (loaded, was) = rayon::join(
                || self.proved.brought.load(),
                || self.was.as_ref().map(Was::load).transpose(),
            );
            // Whoever asked waits for it.
            let _ = match (loaded, was) {
                (Ok(loaded), Ok(was)) => tell.send(self.judged(&loaded, Ok(was.as_ref()))),
                (Ok(loaded), Err(stop)) => tell.send(self.judged(&loaded, Err(stop))),
                (Err(stop), _) => tell.send(Err(stop)),
            };
        });
        match told.recv() {
            Ok(seen) => seen,
            Err(gone) => match thread.join() {
                Err(panic) => resume_unwind(panic),
                Ok(()) => Err(Stop::new(Exit::Outside, gone.to_string(), "")),
            },
        }
    }

    /// The plan is one that a kernel takes and enforces, or it is refused.
    fn judged(
        &self,
        loaded: &Loaded<'_>,
        was: Result<Option<&Loaded<'_>>, Stop>,
    ) -> Result<Seen, Stop> {
        let before = was.as_ref().ok().copied().flatten();
        let (violations, diff) = rayon::join(
            || self.proved.violations(loaded),
            || before.map(|was| weir_compiler::diff::diff(was, loaded)),
        );
        if let Some(first) = violations.first() {
            return Err(unproved(
                &self.artifact,
                &plain(&first.to_string()),
                "build it again with this Weir: the plan would not be enforced as it stands",
            ));
        }
        was?;
        let manifest = loaded.manifest.as_ref();
        let mut failing = manifest.is_none_or(|m| m.failing);
        let mut contained = None;
        if failing
            && let Some(fail_on) = manifest.and_then(|m| m.fail_on)
            // What cannot be read speaks for nothing.
            && let Ok(bytes) = self.artifact.read(artifact::FINDINGS)
            && let Ok(found) = weir_schemas::read::<Findings<'_>>(&bytes)
        {
            if self.judge == Judge::Scheduled(PromoteWhen::WhenContained) {
                failing = false;
                contained = guard::contained(&self.guard, &found, fail_on, &loaded.tree);
            } else {
                failing = guard::failing(&found, fail_on).next().is_some();
            }
        }
        Ok(Seen {
            manifest: manifest.cloned(),
            manifest_sha256: self.proved.manifest_sha256.clone(),
            diff,
            shaped: loaded.tree.circuits.len() as u64,
            failing,
            contained,
        })
    }
}

impl Review {
    /// Something stands against it; that it was refused is written down. What runs already needs no guard.
    pub fn is_refused(&self, desk: &Desk, channel: &str, base: Option<&Known>) -> bool {
        let digest = self.artifact.digest();
        let runs_it = base.is_some_and(|known| known.head.digest == digest);
        if runs_it || self.trips.is_empty() {
            return false;
        }
        let reasons: Vec<&str> = self.trips.iter().map(|t| t.message.as_str()).collect();
        let why = format!("guard: {}", reasons.join("; "));
        desk.channels()
            .refuse(channel, Action::Promote, Some(digest), &why);
        true
    }

    /// Moves the channel to what was looked at, from the head that it was looked at from. By hand: a hold ends.
    pub fn promote(
        &self,
        desk: &Desk,
        channel: &str,
        base: Option<&Known>,
        reason: &str,
        confirm_within: Option<u64>,
        key: &Key,
    ) -> Result<Done, Stop> {
        let digest = self.artifact.digest();
        let promote = Promote {
            channel,
            digest,
            manifest_sha256: &self.manifest_sha256,
            reason,
            confirm_within,
            from: desk.from(channel),
            scheduled: false,
        };
        let action = Action::Promote;
        desk.act(channel, action, Some(digest), Some(key), |channels| {
            channels.promote(base, &promote)
        })
    }
}

/// How old the data of each source is, in seconds, where that is known of the very files that were built from.
fn ages(desk: &Desk, manifest: &Manifest<'_>) -> Vec<(String, u64)> {
    let now = desk.clock.now().as_second();
    let mut ages = Vec::new();
    for source in &manifest.inputs.sources {
        let is_live = desk.project.live.iter().any(|l| l.source == source.name);
        let when = match is_live {
            true => fetched(desk, source),
            false => recorded(desk, source),
        };
        if let Some(when) = when {
            let age = u64::try_from(now.saturating_sub(when)).unwrap_or(0);
            ages.push((source.name.clone().into_owned(), age));
        }
    }
    ages
}

/// When a source that is read over the network was read for the last time with these very answers. `weir.lock` knows
/// it of the snapshot that it names; of an earlier one, only its first reading is known.
fn fetched(desk: &Desk, source: &Source<'_>) -> Option<i64> {
    let built: BTreeSet<&str> = source.files.iter().map(|f| f.sha256.as_ref()).collect();
    let is_of_build = |snapshot: &weir_store::snapshot::Snapshot| {
        let export = snapshot.export().ok()?;
        let files: BTreeSet<&str> = export.files.iter().map(|f| f.sha256.as_str()).collect();
        built.is_subset(&files).then_some(export.finished)
    };
    let second = |time: &str| Some(time.parse::<jiff::Timestamp>().ok()?.as_second());
    let lock = Lock::read(&desk.dir).ok();
    if let Some(locked) = lock.as_ref().and_then(|lock| lock.of(&source.name))
        && let Ok(snapshot) = desk.store.local().snapshot(&locked.snapshot)
        && is_of_build(&snapshot).is_some()
    {
        return second(&locked.fetched);
    }
    let snapshots = desk.store.local().snapshots().ok()?;
    snapshots
        .iter()
        .filter_map(|snapshot| second(&is_of_build(snapshot)?))
        .max()
}

/// When a recorded export was made, where its `export.json` says so and still is of the files that were built from.
fn recorded(desk: &Desk, source: &Source<'_>) -> Option<i64> {
    let first = source.files.first()?;
    let written = (desk.project.sources.iter())
        .find(|s| s.name == source.name)
        .and_then(|s| s.export.as_ref());
    let dir = match written {
        Some(dir) => desk.dir.join(dir),
        None => desk
            .dir
            .join(Path::new(first.path.as_ref()))
            .parent()?
            .to_owned(),
    };
    let text = fs::read(dir.join("export.json")).ok()?;
    let value: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let of_build = |file: &serde_json::Value| {
        let stated = file.get("sha256").or_else(|| file.get("digest"));
        let stated = stated.and_then(|d| d.as_str()).unwrap_or_default();
        let stated = stated.strip_prefix("sha256:").unwrap_or(stated);
        source.files.iter().any(|f| f.sha256 == stated)
    };
    let files = value.get("files").and_then(|f| f.as_array());
    let files = files.map_or(&[][..], Vec::as_slice);
    if !files.iter().any(of_build) {
        return None;
    }
    let times = files.iter().chain([&value]).filter_map(|v| {
        let text = v.get("time").and_then(|t| t.as_str())?;
        text.parse::<jiff::Timestamp>().ok()
    });
    Some(times.min()?.as_second())
}
