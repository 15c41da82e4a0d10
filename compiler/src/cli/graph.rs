//! `weir graph`: the network as a picture.

use clap::{Args, ValueEnum};

use weir_compiler::report::graph::{Picture, svg};

use crate::cli::exit::Exit;
use crate::cli::project::{Follow, compile_project};
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::tree::looked_at;
use crate::cli::{Directory, Global, Overrides};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub directory: Directory,
    #[command(flatten)]
    overrides: Overrides,
    /// Language of the picture
    #[arg(long, value_enum, default_value_t)]
    format: Language,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
enum Language {
    /// Graphviz: every link, the chosen tree solid and its rivals dashed
    #[default]
    Dot,
    /// The same for Markdown
    Mermaid,
    /// The shaping tree, drawn
    Svg,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let built = compile_project(
        args.directory.of(global),
        &args.overrides,
        Follow::Nothing,
        terminal,
    )?;
    let compiled = &built.compiled;
    let picture = || {
        Picture::of(
            &built.project.name,
            &compiled.inventory,
            &compiled.graph.graph,
            &compiled.chosen.choice,
        )
    };
    let text = match args.format {
        Language::Dot => picture().dot(),
        Language::Mermaid => picture().mermaid(),
        Language::Svg => {
            let strategy = compiled.tree.strategy.word();
            svg(
                &format!("{}, strategy {strategy}", built.project.name),
                built.project.topology.wan,
                &compiled.inventory,
                &compiled.tree,
                &compiled.layout,
            )
        }
    };
    terminal.print(&text)?;
    Ok(looked_at(&built))
}
