//! `weir gc`: removes artifacts and snapshots that nobody needs any more. Runs of the scheduler do it with the same choice.

use std::collections::BTreeSet;
use std::time::SystemTime;

use clap::Args;
use serde::Serialize;

use weir_compiler::lock::Lock;
use weir_compiler::report::{counted, json, plain};
use weir_schemas::artifact::MANIFEST;
use weir_schemas::manifest::{Manifest, Source};
use weir_store::channel::{KEPT, short};
use weir_store::snapshot::{Recorded, SnapshotError, collectable};

use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::store::{Desk, stop, store_error};
use crate::cli::terminal::Terminal;
use crate::cli::{Format, Global};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Newest artifacts, generations of each channel, and snapshots of each system, to keep; at least 50
    #[arg(long, value_name = "N", default_value_t = KEPT)]
    keep: usize,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Never remove this artifact
    #[arg(long, value_name = "DIGEST", conflicts_with = "unpin")]
    pin: Option<String>,
    /// Treat this artifact like any other again
    #[arg(long, value_name = "DIGEST")]
    unpin: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `weir gc --format json`
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    /// Digests of artifacts.
    removed: &'a [String],
    /// Digests of snapshots.
    removed_snapshots: &'a [String],
    dry_run: bool,
}

/// `weir gc --pin DIGEST --format json`
#[derive(Serialize)]
struct Pinned<'a> {
    schema: &'static str,
    digest: &'a str,
    pinned: bool,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let desk = Desk::open(global, None)?;
    let failed = |error| store_error(&error);
    for (reference, pinned) in [(&args.pin, true), (&args.unpin, false)] {
        if let Some(reference) = reference {
            let artifact = desk.store.get(reference).map_err(failed)?;
            let digest = artifact.digest();
            desk.store.backend().pin(digest, pinned).map_err(failed)?;
            let word = if pinned {
                "is kept for good"
            } else {
                "may be removed again"
            };
            terminal.print(&match args.format {
                Format::Text => format!("{} {word}\n", short(digest)),
                Format::Json => json::text(&Pinned {
                    schema: "weir.gc-pin/1",
                    digest,
                    pinned,
                }),
            })?;
            return Ok(Exit::Done);
        }
    }
    desk.settle_all(terminal)?;
    let removed = desk
        .channels()
        .collect(args.keep, args.dry_run)
        .map_err(|e| stop(&e))?;
    if !args.dry_run {
        desk.store.drop_copies().map_err(failed)?;
    }
    let snapshots = snapshots(&desk, &removed, args.keep, args.dry_run)?;
    let text = match args.format {
        Format::Json => json::text(&Report {
            schema: "weir.gc/1",
            removed: &removed,
            removed_snapshots: &snapshots,
            dry_run: args.dry_run,
        }),
        Format::Text => {
            let word = if args.dry_run {
                "would be removed"
            } else {
                "removed"
            };
            let mut text: String = removed.iter().map(|d| format!("{d}\n")).collect();
            text.extend(snapshots.iter().map(|d| format!("{d} (snapshot)\n")));
            text.push_str(&format!(
                "{} and {} {word}\n",
                counted(removed.len(), "artifact"),
                counted(snapshots.len(), "snapshot")
            ));
            text
        }
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

/// Removes snapshots that neither `weir.lock` nor an artifact that stays was built from. Artifacts go first, so that
/// what only they were built from goes with them.
pub fn snapshots(
    desk: &Desk,
    gone: &[String],
    keep: usize,
    dry_run: bool,
) -> Result<Vec<String>, Stop> {
    let built = built_from(desk, gone)?;
    let mut stopped = None;
    let mut chosen = Vec::new();
    let mut choose = |recorded: &[Recorded]| {
        // Read while nobody records: `weir fetch` stores a snapshot first and names it in the lock then.
        let lock = match Lock::read(&desk.dir) {
            Ok(lock) => lock,
            Err(error) => {
                stopped = Some(error);
                return Vec::new();
            }
        };
        let needed = |snapshot: &Recorded| {
            let locked = (lock.source.iter()).any(|l| l.snapshot.ends_with(&snapshot.digest));
            locked || is_built_from(snapshot, &built)
        };
        chosen = collectable(recorded, needed, keep, SystemTime::now());
        match dry_run {
            true => Vec::new(),
            false => chosen.clone(),
        }
    };
    let removed = desk.store.local().collect_snapshots(&mut choose);
    let removed = removed.map_err(|error| match error {
        SnapshotError::Store(error) => store_error(&error),
        other => Stop::new(Exit::Outside, plain(&other.to_string()), ""),
    })?;
    if let Some(error) = stopped {
        return Err(Stop::new(
            Exit::Outside,
            plain(&error),
            "take it from git again: what it names must not be removed, so no snapshot was",
        ));
    }
    Ok(if dry_run { chosen } else { removed })
}

/// SHA-256 of the files that one source of one build was read from.
type BuiltFrom = BTreeSet<String>;

/// Of every build of every artifact that stays. One whose description cannot be read stops it: what it needs is not
/// known.
fn built_from(desk: &Desk, gone: &[String]) -> Result<Vec<BuiltFrom>, Stop> {
    let failed = |error| store_error(&error);
    let backend = desk.store.backend();
    let mut built: BTreeSet<BuiltFrom> = BTreeSet::new();
    for digest in desk.store.list().map_err(failed)? {
        if gone.contains(&digest) {
            continue;
        }
        let newest = std::iter::once(MANIFEST.to_owned());
        let builds = backend.builds(&digest).map_err(failed)?;
        let earlier = builds
            .iter()
            .map(|build| format!("builds/{build}/{MANIFEST}"));
        for name in newest.chain(earlier) {
            // The newest description is at the top, and not among the earlier ones.
            let Some(bytes) = backend.artifact_file(&digest, &name).map_err(failed)? else {
                continue;
            };
            let manifest: Manifest<'_> = weir_schemas::read(&bytes).map_err(|error| {
                Stop::new(
                    Exit::Outside,
                    format!(
                        "artifact {}: {name}: {}",
                        short(&digest),
                        plain(&error.to_string())
                    ),
                    "what it was built from is not known, so no snapshot was removed; `weir verify` says more",
                )
            })?;
            let files = |source: &Source<'_>| -> BuiltFrom {
                source.files.iter().map(|f| f.sha256.to_string()).collect()
            };
            built.extend(manifest.inputs.sources.iter().map(files));
        }
    }
    Ok(built
        .into_iter()
        .filter(|files| !files.is_empty())
        .collect())
}

/// A build read all its files of one source from this snapshot. (Not every file of a snapshot is read.)
fn is_built_from(snapshot: &Recorded, built: &[BuiltFrom]) -> bool {
    let Some(export) = &snapshot.export else {
        return true;
    };
    let files: BTreeSet<&str> = export.files.iter().map(|f| f.sha256.as_str()).collect();
    built
        .iter()
        .any(|of| of.iter().all(|file| files.contains(file.as_str())))
}
