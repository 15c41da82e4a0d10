//! `weir tree`: the shaping tree, with what may flow, what is promised and which CPU queue does the work.

use clap::Args;

use weir_compiler::report::{Tone, plain, tree};
use weir_schemas::artifact;

use crate::cli::exit::Exit;
use crate::cli::project::{Built, Follow, compile_project};
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::{Directory, Format, Global, Overrides};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub directory: Directory,
    #[command(flatten)]
    overrides: Overrides,
    /// Output format; json is the artifact's tree.json (weir.tree/1)
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
    match args.format {
        Format::Json => {
            let bytes = built.compiled.artifacts.file(artifact::TREE);
            let bytes = bytes.expect("every artifact holds its tree");
            terminal.print(&String::from_utf8_lossy(bytes))?;
        }
        Format::Text => {
            let look = terminal.out;
            let mut text = format!(
                "{}, strategy {}, WAN {} Mbit/s\n\n",
                look.paint(Tone::Strong, &plain(&built.project.name)),
                built.compiled.tree.strategy.word(),
                built.project.topology.wan
            );
            let compiled = &built.compiled;
            text.push_str(&tree::text(
                &compiled.inventory,
                &compiled.tree,
                &compiled.layout,
                look,
            ));
            terminal.print(&text)?;
        }
    }
    Ok(looked_at(&built))
}

/// Looking at a project fails only where the picture would be wrong: when its source is incomplete.
pub fn looked_at(built: &Built) -> Exit {
    if built.compiled.incomplete {
        Exit::Incomplete
    } else {
        Exit::Done
    }
}
