//! `weir compare`: every strategy on the same network, side by side. Writes nothing.

use clap::Args;

use weir_compiler::compare::compare;
use weir_compiler::report;
use weir_compiler::report::json;
use weir_compiler::report::summary::push_commands;
use weir_schemas::compare::Compare;

use crate::cli::exit::Exit;
use crate::cli::project::{Follow, argument, read_project};
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::{Directory, Format, Global, Overrides};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub directory: Directory,
    /// The [target.NAME] to build for
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Artifact whose class ids the strategies are held against: a digest, a channel, or a directory [default: what
    /// channel production runs]
    #[arg(long, value_name = "REF|none")]
    previous: Option<String>,
    /// Output format; json is weir.compare/1
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let overrides = Overrides {
        strategy: None,
        target: args.target.clone(),
        previous: args.previous.clone(),
        as_of: None,
    };
    let input = read_project(
        args.directory.of(global),
        &overrides,
        Follow::Production,
        None,
        terminal,
    )?;
    let mut compared = compare(
        &input.project,
        &input.files,
        &input.exports,
        input.previous.as_ref(),
    );
    let exit = came_to(&mut compared.report, compared.incomplete);
    let report = &compared.report;
    let text = match args.format {
        Format::Json => json::text(report),
        Format::Text => {
            let mut text = report::compare::text(report, terminal.out);
            if exit != Exit::Done {
                text.push_str(&format!(
                    "exit {}: {}\n",
                    exit.code(),
                    report.exit.reasons.join("; ")
                ));
            }
            if let Some(best) = &report.recommended {
                let dir = argument(&input.dir);
                push_commands(
                    &mut text,
                    &[
                        format!("weir check{dir} --strategy {}", best.strategy.word()),
                        format!("weir tree{dir} --strategy {}", best.strategy.word()),
                    ],
                );
            }
            text
        }
    };
    terminal.print(&text)?;
    Ok(exit)
}

/// Looking at strategies fails only where the picture would be wrong, or where there is nothing to choose from.
pub fn came_to(report: &mut Compare, incomplete: bool) -> Exit {
    let mut reasons = Vec::new();
    let mut exit = Exit::Done;
    if report.recommended.is_none() {
        exit = Exit::Refused;
        reasons.push("every strategy would be refused".to_owned());
    }
    if incomplete {
        exit = Exit::Incomplete;
        let why = "a source could not be read completely, so no strategy can be judged";
        reasons.insert(0, why.to_owned());
    }
    report.exit.code = exit.code();
    report.exit.reasons = reasons;
    exit
}
