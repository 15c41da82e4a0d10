//! `weir man` and `weir completions`: what a shell and a manual reader need, made from the arguments themselves.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;

#[derive(Debug, Args)]
pub struct Completions {
    /// Shell to complete for; each reads it from somewhere else, as its own manual says
    #[arg(value_enum)]
    shell: Shell,
}

pub fn completions(args: &Completions, terminal: &Terminal) -> Result<Exit, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "weir", &mut script);
    terminal.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

#[derive(Debug, Args)]
pub struct Manual {
    /// Directory to write every page to, as weir.1, weir-build.1, ...; without it the page of `weir` goes to stdout
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn manual(args: &Manual, terminal: &Terminal) -> Result<Exit, Stop> {
    // `weir help build` only repeats the page of `weir build`.
    let weir = Cli::command().disable_help_subcommand(true);
    let Some(dir) = &args.out else {
        let mut page = Vec::new();
        Man::new(weir)
            .render(&mut page)
            .map_err(|e| Stop::new(Exit::Outside, format!("cannot make the page: {e}"), ""))?;
        terminal.print(&String::from_utf8_lossy(&page))?;
        return Ok(Exit::Done);
    };
    fs::create_dir_all(dir).map_err(|e| Stop::cannot("make", dir, &e))?;
    clap_mangen::generate_to(weir, dir).map_err(|e| Stop::cannot("write into", dir, &e))?;
    Ok(Exit::Done)
}
