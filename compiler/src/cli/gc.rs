//! `weir gc`: removes artifacts and snapshots that nobody needs any more. The scheduler does the same after each run.

use std::collections::BTreeSet;

use clap::Args;
use serde::Serialize;

use weir_compiler::lock::Lock;
use weir_compiler::report::{counted, json};
use weir_store::channel::{KEPT, short};

use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::store::{Desk, stop, store_error};
use crate::cli::terminal::Terminal;
use crate::cli::{Format, Global};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Newest artifacts, and generations of each channel, to keep; at least 50
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

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    removed: &'a [String],
    snapshots: &'a [String],
    dry_run: bool,
}

/// Snapshots that are kept for each source, beside the one that is built from.
const SNAPSHOTS: usize = 10;

/// Digests of what was removed.
pub struct Removed {
    pub artifacts: Vec<String>,
    pub snapshots: Vec<String>,
}

impl Removed {
    pub fn counted(&self) -> String {
        let snapshots = counted(self.snapshots.len(), "snapshot");
        format!(
            "{} and {snapshots}",
            counted(self.artifacts.len(), "artifact")
        )
    }
}

/// Removes what nobody needs. A bucket is left to whoever says `weir gc` (`everywhere`): others may use it.
pub fn collect(desk: &Desk, keep: usize, dry_run: bool, everywhere: bool) -> Result<Removed, Stop> {
    // What the lock names is built from, however old it is; a lock that cannot be read stops it.
    let lock = Lock::read(&desk.dir).map_err(|e| Stop::new(Exit::Usage, e, ""))?;
    let mut artifacts = Vec::new();
    if everywhere || desk.store.remote().is_none() {
        let channels = desk.channels();
        artifacts = channels.collect(keep, dry_run).map_err(|e| stop(&e))?;
        if !dry_run {
            desk.store.drop_copies().map_err(|e| store_error(&e))?;
        }
    }
    let named = lock.source.iter();
    let needed: BTreeSet<String> = named
        .filter_map(|locked| locked.snapshot.strip_prefix("sha256:"))
        .map(str::to_owned)
        .collect();
    let keep = SNAPSHOTS * needed.len().max(1);
    let snapshots = desk
        .store
        .local()
        .collect_snapshots(&needed, keep, dry_run)
        .map_err(|e| Stop::new(Exit::Outside, e.to_string(), ""))?;
    Ok(Removed {
        artifacts,
        snapshots,
    })
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let desk = Desk::open(global, None)?;
    let failed = |error| store_error(&error);
    for (reference, pinned) in [(&args.pin, true), (&args.unpin, false)] {
        if let Some(reference) = reference {
            let digest = desk.store.get(reference).map_err(failed)?;
            let backend = desk.store.backend();
            backend.pin(digest.digest(), pinned).map_err(failed)?;
            let word = if pinned {
                "is kept for good"
            } else {
                "may be removed again"
            };
            terminal.print(&format!("{} {word}\n", short(digest.digest())))?;
            return Ok(Exit::Done);
        }
    }
    desk.settle_all(terminal)?;
    let removed = collect(&desk, args.keep, args.dry_run, true)?;
    let text = match args.format {
        Format::Json => json::text(&Report {
            schema: "weir.gc/1",
            removed: &removed.artifacts,
            snapshots: &removed.snapshots,
            dry_run: args.dry_run,
        }),
        Format::Text => {
            let word = if args.dry_run {
                "would be removed"
            } else {
                "removed"
            };
            let all = removed.artifacts.iter().chain(&removed.snapshots);
            let mut text: String = all.map(|d| format!("{d}\n")).collect();
            text.push_str(&format!("{} {word}\n", removed.counted()));
            text
        }
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}
