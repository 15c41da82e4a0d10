//! The command line: one verb a file. Only this module and its children touch the terminal.

mod adopt;
pub mod build;
mod check;
pub mod compare;
pub mod confirm;
#[cfg(feature = "serve")]
mod demo;
mod diff;
#[cfg(feature = "fetch")]
pub mod doctor;
pub mod exit;
mod explain;
#[cfg(feature = "fetch")]
mod fetch;
#[cfg(feature = "fetch")]
mod gate;
pub mod gc;
mod golden;
mod graph;
mod history;
mod init;
mod key;
mod manual;
mod mend;
pub mod override_;
pub mod override_file;
pub mod project;
mod promote;
pub mod publish;
mod pull;
pub mod replace;
pub mod review;
mod rules;
#[cfg(feature = "serve")]
mod serve;
pub mod shelf;
mod show;
mod signing;
#[cfg(feature = "fetch")]
mod snapshot;
#[cfg(feature = "fetch")]
pub mod sources;
pub mod stop;
pub mod store;
pub mod terminal;
mod tree;
#[cfg(feature = "serve")]
mod user;
pub mod verdict;
mod verify;
pub mod why;

use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use weir_compiler::exports::Clock;
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

#[cfg(all(test, feature = "serve"))]
impl Global {
    /// In the current directory, saying nothing.
    pub fn quiet() -> Global {
        Global {
            project: None,
            quiet: true,
            verbose: false,
            color: Color::Never,
        }
    }
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
    /// Read every CRM, all or nothing, and record what it says
    #[cfg(feature = "fetch")]
    Fetch(fetch::Arguments),
    /// Set the topology strategies side by side; write nothing
    Compare(compare::Arguments),
    /// Show the shaping tree
    Tree(tree::Arguments),
    /// Draw the network
    Graph(graph::Arguments),
    /// Check store, snapshots and CRMs; each line with what to do
    #[cfg(feature = "fetch")]
    Doctor(doctor::Arguments),
    /// Look at recorded snapshots, compare them, or copy one without names and addresses
    #[cfg(feature = "fetch")]
    Snapshot(snapshot::Arguments),
    /// Say what you know better than the sources, field by field
    Override(override_::Arguments),
    /// Turn a ShapedDevices.csv or network.json that was edited by hand into overrides
    Adopt(adopt::Arguments),
    /// Where the values of a circuit, node or address come from
    Why(why::Arguments),
    /// Explain a lint rule
    Explain(explain::Arguments),
    /// List the lint rules
    Rules(rules::Arguments),
    /// Compare what the project shapes with the files in its golden/
    Golden(golden::Arguments),
    /// Compare two artifacts, channels or directories
    Diff(diff::Arguments),
    /// Say what a promotion would do, and save it as a plan
    Plan(promote::PlanArguments),
    /// Move a channel to an artifact
    Promote(promote::Arguments),
    /// Write LibreQoS's files of what a channel runs
    Publish(publish::Arguments),
    /// Mirror a channel of another store into a directory, proved
    Pull(pull::Arguments),
    /// Keep a promotion that waits to be confirmed
    Confirm(confirm::Arguments),
    /// Go back to an earlier generation, and hold the channel
    Rollback(confirm::RollbackArguments),
    /// Let go of a held channel
    Resume(confirm::Arguments),
    /// What runs where
    Status(history::StatusArguments),
    /// What happened to a channel
    Log(history::LogArguments),
    /// What an artifact is, and where it ran
    Show(history::ShowArguments),
    /// Check digests, plans, history and signatures
    Verify(verify::Arguments),
    /// Fetch, build and promote by schedule, and answer the console
    #[cfg(feature = "serve")]
    Serve(serve::Arguments),
    /// Who may sign in to the console
    #[cfg(feature = "serve")]
    User(user::Arguments),
    /// Try it: an invented ISP, the scheduler and the console, on this machine only
    #[cfg(feature = "serve")]
    Demo(demo::Arguments),
    /// Remove artifacts that nobody needs
    Gc(gc::Arguments),
    /// Make keys to sign with
    Key(key::Arguments),
    /// Print what a shell needs to complete commands
    Completions(manual::Completions),
    /// Print the manual page, or write all of them
    Man(manual::Manual),
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
#[derive(Debug, Default, Args)]
pub struct Overrides {
    /// Topology strategy, in place of the one in weir.toml
    #[arg(long, value_name = "STRATEGY", value_parser = strategies())]
    strategy: Option<Strategy>,
    /// The [target.NAME] to build for
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Artifact whose parents, CPU queues and class numbers are kept: a digest, a channel, or a directory [default:
    /// what channel production runs for build, none elsewhere]
    #[arg(long, value_name = "REF|none")]
    previous: Option<String>,
    /// The day or the instant that expiries and ages are judged at, as 2026-12-31 [default: now]
    #[arg(long, value_name = "DATE", value_parser = instant)]
    as_of: Option<i64>,
}

/// A day or an instant, in seconds since 1970.
fn instant(text: &str) -> Result<i64, String> {
    Clock::instant(text).ok_or_else(|| "write 2026-12-31, or 2026-12-31T12:00:00Z".to_owned())
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
        #[cfg(feature = "fetch")]
        Command::Fetch(args) => (fetch::run(args, &cli.global, &terminal), args.format.into()),
        #[cfg(feature = "fetch")]
        Command::Doctor(args) => (
            doctor::run(args, &cli.global, &terminal),
            args.format.into(),
        ),
        #[cfg(feature = "fetch")]
        Command::Snapshot(args) => (
            snapshot::run(args, &cli.global, &terminal),
            args.format.into(),
        ),
        Command::Compare(args) => (
            compare::run(args, &cli.global, &terminal),
            args.format.into(),
        ),
        Command::Tree(args) => (tree::run(args, &cli.global, &terminal), args.format.into()),
        Command::Graph(args) => (graph::run(args, &cli.global, &terminal), ReportFormat::Text),
        Command::Override(args) => (
            override_::run(args, &cli.global, &terminal),
            args.format.into(),
        ),
        Command::Adopt(args) => (adopt::run(args, &cli.global, &terminal), args.format.into()),
        Command::Why(args) => (why::run(args, &cli.global, &terminal), args.format.into()),
        Command::Explain(args) => (explain::run(args, &terminal), args.format.into()),
        Command::Rules(args) => (rules::run(args, &terminal), args.format.into()),
        Command::Diff(args) => (
            diff::run(args, &cli.global, &terminal),
            args.format().into(),
        ),
        Command::Golden(args) => (
            golden::run(args, &cli.global, &terminal),
            args.format.into(),
        ),
        Command::Plan(args) => (
            promote::plan(args, &cli.global, &terminal),
            args.format.into(),
        ),
        Command::Promote(args) => (
            promote::run(args, &cli.global, &terminal),
            args.format.into(),
        ),
        Command::Publish(args) => (
            publish::run(args, &cli.global, &terminal),
            args.format.into(),
        ),
        Command::Pull(args) => (pull::run(args, &terminal), args.format.into()),
        Command::Confirm(args) => (
            confirm::run(args, &cli.global, &terminal),
            args.format.into(),
        ),
        Command::Rollback(args) => (
            confirm::rollback(args, &cli.global, &terminal),
            args.format.into(),
        ),
        Command::Resume(args) => (
            confirm::resume(args, &cli.global, &terminal),
            args.format.into(),
        ),
        Command::Status(args) => (
            history::status(args, &cli.global, &terminal),
            args.format.into(),
        ),
        Command::Log(args) => (
            history::log(args, &cli.global, &terminal),
            args.format.into(),
        ),
        Command::Show(args) => (
            history::show(args, &cli.global, &terminal),
            args.format.into(),
        ),
        Command::Completions(args) => (manual::completions(args, &terminal), ReportFormat::Text),
        Command::Man(args) => (manual::manual(args, &terminal), ReportFormat::Text),
        Command::Verify(args) => (
            verify::run(args, &cli.global, &terminal),
            args.format.into(),
        ),
        #[cfg(feature = "serve")]
        Command::Serve(args) => (serve::run(args, &cli.global, &terminal), args.format.into()),
        #[cfg(feature = "serve")]
        Command::User(args) => (user::run(args, &cli.global, &terminal), args.format.into()),
        #[cfg(feature = "serve")]
        Command::Demo(args) => (demo::run(args, &cli.global, &terminal), ReportFormat::Text),
        Command::Gc(args) => (gc::run(args, &cli.global, &terminal), args.format.into()),
        Command::Key(args) => (key::run(args, &terminal), ReportFormat::Text),
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
            ("weir compare DIR --previous none --format json", true),
            ("weir compare --strategy full", false),
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
            ("weir serve --once DIR --format json", true),
            ("weir serve --once --bind 127.0.0.1:1", false),
            ("weir serve --bind localhost", false),
            ("weir user add jo --role operator --password-stdin", true),
            ("weir user add jo --password hunter2", false),
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
