//! `weir rules`: every lint rule in a line.

use clap::Args;

use weir_compiler::lint::rules::ALL;
use weir_compiler::report::{json, rules};

use crate::cli::Format;
use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

pub fn run(args: &Arguments, terminal: &Terminal) -> Result<Exit, Stop> {
    let text = match args.format {
        Format::Text => rules::list(ALL, terminal.out),
        Format::Json => json::text(&json::Rules::of(ALL)),
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}
