//! `weir diff`: what changes for subscribers from one artifact to another.

use std::mem::ManuallyDrop;

use clap::{Args, ValueEnum};

use weir_compiler::report::diff::{html, markdown, text};
use weir_compiler::report::json;

use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::store::Desk;
use crate::cli::terminal::Terminal;
use crate::cli::{Format, Global};

#[derive(Debug, Args)]
pub struct Arguments {
    /// What is compared: a digest, a channel, or a directory with an artifact's files
    #[arg(value_name = "A")]
    from: String,
    /// With this
    #[arg(value_name = "B")]
    to: String,
    /// Exit with code 6 when there is a difference
    #[arg(long)]
    exit_code: bool,
    /// Output format
    #[arg(long = "format", value_enum, default_value_t)]
    looks: Looks,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
enum Looks {
    /// For people
    #[default]
    Text,
    /// For programs (weir.diff/1)
    Json,
    /// For a pull request
    Markdown,
    /// A page of its own
    Html,
}

impl Arguments {
    /// How errors are told.
    pub fn format(&self) -> Format {
        match self.looks {
            Looks::Json => Format::Json,
            _ => Format::Text,
        }
    }
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let desk = Desk::open(global, None)?;
    // Never freed: the process is about to end, and freeing a million texts takes a while.
    let from = ManuallyDrop::new(desk.bring(&args.from, terminal)?);
    let to = ManuallyDrop::new(desk.bring(&args.to, terminal)?);
    let (from, to) = rayon::join(|| from.load(), || to.load());
    let (from, to) = (ManuallyDrop::new(from?), ManuallyDrop::new(to?));
    let diff = ManuallyDrop::new(weir_compiler::diff::diff(&from, &to));
    terminal.print(&match args.looks {
        Looks::Text => text(&diff, terminal.out, terminal.detail),
        Looks::Json => json::text(&*diff),
        Looks::Markdown => markdown(&diff),
        Looks::Html => html(&diff),
    })?;
    if args.exit_code && diff.counts.total() > 0 {
        return Ok(Exit::Difference);
    }
    Ok(Exit::Done)
}
