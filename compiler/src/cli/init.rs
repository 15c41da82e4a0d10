//! `weir init`: a project to start from.

use std::path::PathBuf;

use clap::Args;

use weir_compiler::config::{self, InitError};
use weir_compiler::report::summary::{push_commands, push_row};

use crate::cli::exit::Exit;
use crate::cli::project::argument;
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::{Directory, Global};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// Take over the settings of this LibreQoS directory, and read its subscribers at every build
    #[arg(long, value_name = "DIR")]
    from_libreqos: Option<PathBuf>,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let dir = args.directory.of(global);
    let written = config::init(&dir, args.from_libreqos.as_deref()).map_err(stop)?;
    let names: Vec<String> = written
        .iter()
        .map(|p| dir.join(p).display().to_string())
        .collect();
    let mut text = String::new();
    push_row(&mut text, "wrote", &names.join(", "));
    push_commands(&mut text, &[format!("weir check{}", argument(&dir))]);
    terminal.print(&text)?;
    Ok(Exit::Done)
}

fn stop(error: InitError) -> Stop {
    let exit = match error {
        InitError::Io { .. } => Exit::Outside,
        InitError::Exists(_) | InitError::NotLibreqos { .. } | InitError::LqosConf { .. } => {
            Exit::Usage
        }
    };
    let help = miette::Diagnostic::help(&error).map_or(String::new(), |help| help.to_string());
    Stop::new(exit, error.to_string(), help)
}
