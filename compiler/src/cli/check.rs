//! `weir check`: compile and report. Writes nothing.

use clap::Args;

use weir_compiler::report::summary::Summary;
use weir_compiler::report::{Detail, human, json};

use crate::cli::exit::Exit;
use crate::cli::project::{Follow, argument, compile_project};
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::verdict::{explain, tell_refusals};
use crate::cli::{Directory, Format, Global, Overrides};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub directory: Directory,
    #[command(flatten)]
    overrides: Overrides,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let built = compile_project(
        args.directory.of(global),
        &args.overrides,
        Follow::Nothing,
        terminal,
    )?;
    let verdict = built.verdict();
    let summary = Summary::of(&built.stages(), &built.compiled.findings);
    let text = match args.format {
        Format::Json => json::text(&json::Check {
            schema: "weir.check/1",
            exit: verdict.json(),
            summary: &summary,
            findings: json::findings(&built.compiled.findings, &built.files),
        }),
        Format::Text => {
            let mut text = human::findings(
                &built.compiled.findings,
                &built.files,
                terminal.out,
                terminal.detail,
                "`--format json`",
            );
            if terminal.detail != Detail::Quiet {
                text.push_str(&summary.text(terminal.out));
            }
            let mut next = Vec::from_iter(explain(&built.compiled.findings));
            if !verdict.stops_the_files() {
                next.push(format!("weir build{}", argument(&built.dir)));
            }
            text.push_str(&verdict.text(&next, terminal));
            text
        }
    };
    terminal.print(&text)?;
    if args.format == Format::Text {
        tell_refusals(&built.compiled, terminal);
    }
    Ok(verdict.exit)
}
