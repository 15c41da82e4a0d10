//! The command line: one verb a file. Only this module and its children touch the terminal.

mod build;
mod check;
mod exit;
mod explain;
mod graph;
mod init;
mod mend;
mod project;
mod rules;
mod show;
mod stop;
mod terminal;
mod tree;
mod verdict;

use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use weir_compiler::date::Date;
use weir_compiler::ir::tree::Strategy;
use weir_compiler::report::plain;

use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;

/// Compiles an ISP's CRM data into a versioned traffic-shaping artifact.
///
/// A project is a directory with a weir.toml. `weir check` says what is wrong with it and changes nothing;
/// `weir build` makes the artifact.
#[derive(Debug, Parser)]
#[command(name = "weir", version, after_long_help = Exit::table(), arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
pub struct Global {
    /// Project directory, the one that holds weir.toml [default: the current one]
    #[arg(long, global = true, value_name = "DIR")]
    project: Option<PathBuf>,
    /// Only errors and what the command came to
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Every finding, and what is going on
    #[arg(short, long, global = true)]
    verbose: bool,
    /// When to use colours; NO_COLOR is respected
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Color {
    /// On a terminal
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs; carries its version
    Json,
}

/// What `check` and `build` can write.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
pub enum ReportFormat {
    /// For people
    #[default]
    Text,
    /// One line a finding: file:line:col: level code[name] message
    Concise,
    /// For programs; carries its version
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// A test report, as CI systems read it
    Junit,
    /// Annotations of GitHub Actions
    Github,
    /// A comment for a pull request
    Markdown,
}

impl From<Format> for ReportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => ReportFormat::Text,
            Format::Json => ReportFormat::Json,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a project, or take over a LibreQoS directory
    Init(init::Arguments),
    /// Compile and report; write nothing
    Check(check::Arguments),
    /// Compile, and put the artifact into the project's store
    Build(build::Arguments),
    /// Show the shaping tree
    Tree(tree::Arguments),
    /// Draw the network
    Graph(graph::Arguments),
    /// Explain a lint rule
    Explain(explain::Arguments),
    /// List the lint rules
    Rules(rules::Arguments),
}

/// The project directory of a command.
#[derive(Debug, Args)]
pub struct Directory {
    /// Project directory, as --project
    #[arg(value_name = "DIR", conflicts_with = "project")]
    dir: Option<PathBuf>,
}

impl Directory {
    fn of(&self, global: &Global) -> PathBuf {
        let given = self.dir.as_ref().or(global.project.as_ref());
        given.cloned().unwrap_or_else(|| PathBuf::from("."))
    }
}

/// Settings of weir.toml that a command may overrule.
#[derive(Debug, Args)]
pub struct Overrides {
    /// Topology strategy, in place of the one in weir.toml
    #[arg(long, value_name = "STRATEGY", value_parser = strategies())]
    strategy: Option<Strategy>,
    /// The [target.NAME] to build for
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Artifact whose parents, CPU queues and class numbers are kept: a digest in the store, or a directory
    #[arg(long, value_name = "REF|none", default_value = "none")]
    previous: String,
    /// The day that expiries are compared with [default: today, in UTC]
    #[arg(long, value_name = "DATE", value_parser = day)]
    as_of: Option<Date>,
}

fn day(text: &str) -> Result<Date, String> {
    Date::parse(text).ok_or_else(|| "write a day such as 2027-01-31".to_owned())
}

fn strategies() -> impl TypedValueParser<Value = Strategy> {
    PossibleValuesParser::new(Strategy::ALL.map(Strategy::word)).map(|word| {
        let known = Strategy::ALL.into_iter().find(|s| s.word() == word);
        known.expect("the parser lets only known words through")
    })
}

pub fn main() -> ExitCode {
    panic::set_hook(Box::new(panicked));
    let code = panic::catch_unwind(|| match Cli::try_parse() {
        Ok(cli) => run(&cli),
        Err(error) => {
            // Help and version go to stdout with code 0, mistakes to stderr with code 2.
            let _ = error.print();
            if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
        }
    });
    code.unwrap_or(Exit::Outside).into()
}

fn run(cli: &Cli) -> Exit {
    let terminal = Terminal::of(&cli.global);
    let (result, format) = match &cli.command {
        Command::Init(args) => (init::run(args, &cli.global, &terminal), ReportFormat::Text),
        Command::Check(args) => (check::run(args, &cli.global, &terminal), args.format),
        Command::Build(args) => (build::run(args, &cli.global, &terminal), args.format),
        Command::Tree(args) => (tree::run(args, &cli.global, &terminal), args.format.into()),
        Command::Graph(args) => (graph::run(args, &cli.global, &terminal), ReportFormat::Text),
        Command::Explain(args) => (explain::run(args, &terminal), args.format.into()),
        Command::Rules(args) => (rules::run(args, &terminal), args.format.into()),
    };
    result.unwrap_or_else(|stop: Stop| stop.report(format, &terminal))
}

/// What somebody sees when we were wrong: that it is our fault, and what to send us.
fn panicked(info: &panic::PanicHookInfo<'_>) {
    static SEEN: AtomicBool = AtomicBool::new(false);
    if SEEN.swap(true, Ordering::SeqCst) {
        return;
    }
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = info
        .location()
        .map_or(String::new(), |l| format!(" at {}:{}", l.file(), l.line()));
    terminal::last_words(&format!(
        "\nThis is a bug in weir, not in your project. Nothing was promoted or applied.\n  weir {}{place}: {}\n\
         Please report it with the command you ran: {}/issues\n",
        env!("CARGO_PKG_VERSION"),
        plain(message),
        env!("CARGO_PKG_REPOSITORY")
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn usage_mistakes_are_caught_and_directories_are_found() {
        for (line, fits) in [
            ("weir check", true),
            ("weir init DIR --from-libreqos /opt/libreqos/src", true),
            ("weir check DIR --format json -v", true),
            ("weir --project DIR check", true),
            ("weir check --project DIR", true),
            (
                "weir build DIR --strategy ap_only --target edge1 --out O",
                true,
            ),
            ("weir graph --format mermaid", true),
            ("weir check DIR --project DIR", false),
            ("weir check -q -v", false),
            ("weir build --strategy ap-only", false),
            ("weir graph --format json", false),
            ("weir check --format sarif --as-of 2027-01-31", true),
            ("weir check --as-of 31.1.2027", false),
            ("weir tree --format sarif", false),
            ("weir check --baseline-write", false),
            (
                "weir check --baseline b.json --baseline-write=all DIR",
                true,
            ),
            ("weir check --fix --dry-run", true),
            ("weir explain", false),
            ("weir", false),
        ] {
            let parsed = Cli::try_parse_from(line.split(' '));
            assert_eq!(parsed.is_ok(), fits, "{line}");
            if let Err(error) = parsed {
                assert_eq!(error.exit_code(), i32::from(Exit::Usage.code()), "{line}");
            }
        }
        let parsed = Cli::try_parse_from(["weir", "--project", "a", "check"]).unwrap();
        let Command::Check(args) = parsed.command else {
            panic!("check is check");
        };
        assert_eq!(args.path(&parsed.global), PathBuf::from("a"));
    }
}
