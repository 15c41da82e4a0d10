//! `weir gc`: removes artifacts that nobody needs any more.

use clap::Args;
use serde::Serialize;

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
    dry_run: bool,
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
    let removed = desk
        .channels()
        .collect(args.keep, args.dry_run)
        .map_err(|e| stop(&e))?;
    if !args.dry_run {
        desk.store.drop_copies().map_err(failed)?;
    }
    let text = match args.format {
        Format::Json => json::text(&Report {
            schema: "weir.gc/1",
            removed: &removed,
            dry_run: args.dry_run,
        }),
        Format::Text => {
            let word = if args.dry_run {
                "would be removed"
            } else {
                "removed"
            };
            let mut text: String = removed.iter().map(|d| format!("{d}\n")).collect();
            text.push_str(&format!("{} {word}\n", counted(removed.len(), "artifact")));
            text
        }
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}
