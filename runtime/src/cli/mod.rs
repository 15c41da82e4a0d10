//! The command line of `weir-runtime`: one verb a file. Results go to stdout, everything else to stderr; the format
//! never changes the exit code.

mod apply;
mod detach;
mod doctor;
mod forget;
mod log;
mod run;
mod status;
mod verify;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::agent::swapper::{OpenError, Swapper};
use crate::artifact::{ArtifactError, Expected, Proved, prove};
use crate::config::Config;
use crate::copies::Copies;
use crate::exit::{Exit, Failure};
use crate::swap::StateError;

/// Shapes traffic as a Weir artifact says, and swaps artifacts without losing a packet.
#[derive(Debug, Parser)]
#[command(name = "weir-runtime", version, about)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Args)]
struct Global {
    /// Settings of this box [default: /etc/weir/runtime.toml, which may be missing]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Say less
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Follow a channel until stopped; what is in the kernel stays when it stops
    Run(run::Arguments),
    /// Bring one artifact in by hand, past every channel
    Apply(apply::Arguments),
    /// Ask the runtime that runs
    Status(status::Arguments),
    /// Compare the kernel with the artifact that it should hold
    Verify(verify::Arguments),
    /// Take everything of Weir out of the kernel: traffic passes unshaped
    Detach(detach::Arguments),
    /// Forget the history of the channel, after its store was made anew
    Forget(forget::Arguments),
    /// Look whether this box is as it has to be
    Doctor(doctor::Arguments),
}

/// How a result is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

/// Where artifacts are looked for.
#[derive(Debug, Args)]
struct StoreArgument {
    /// Directory of the store [default: `store.path`]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
}

/// The command line as clap knows it: what manuals and completions are made of.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs a command line; gives its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers; what cannot be shown to anybody is no reason to fail.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
        }
    };
    match dispatch(&arguments) {
        Ok(exit) => exit,
        Err(failure) => {
            let level = crate::agent::run::Level::Error;
            log::line(level, &failure.message);
            if !failure.help.is_empty() {
                log::line(level, &format!("help: {}", failure.help));
            }
            failure.exit
        }
    }
}

fn dispatch(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = Config::load(arguments.global.config.as_deref())
        .map_err(|error| Failure::new(Exit::Usage, error.to_string(), config_help(&error)))?;
    let quiet = arguments.global.quiet;
    match &arguments.verb {
        Verb::Run(verb) => run::run(verb, config, quiet),
        Verb::Apply(verb) => apply::run(verb, &config, quiet),
        Verb::Status(verb) => status::run(verb, &config),
        Verb::Verify(verb) => verify::run(verb, &config),
        Verb::Detach(verb) => detach::run(verb, &config),
        Verb::Forget(verb) => forget::run(verb, &config),
        Verb::Doctor(verb) => doctor::run(verb, &config),
    }
}

fn config_help(error: &crate::config::ConfigError) -> &'static str {
    match error {
        crate::config::ConfigError::Read { .. } => {
            "name a file that is there with --config, or leave it away: every setting has a default"
        }
        _ => "correct it there, then `weir-runtime doctor`; docs/runtime.md lists every setting",
    }
}

/// Whoever may not do this is told who may.
fn not_allowed(what: impl Into<String>) -> Failure {
    Failure::new(
        Exit::Outside,
        what,
        "run it as root, or as the service does: `systemctl start weir-runtime`; `weir-runtime doctor` says what else is missing",
    )
}

/// Writes a result.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever read has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|e| outside(format!("the result cannot be written: {e}"))),
    }
}

fn outside(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Outside, message, "")
}

/// Takes the lock and opens the kernel.
fn swapper(config: &Config) -> Result<Swapper, Failure> {
    Swapper::open(config).map_err(not_opened)
}

fn not_opened(error: OpenError) -> Failure {
    match error {
        OpenError::State(StateError::Locked { .. }) => Failure::new(
            Exit::Refused,
            error.to_string(),
            "`weir-runtime status` asks it; `systemctl stop weir-runtime` ends it, and what is in the kernel stays",
        ),
        OpenError::State(StateError::Io { ref cause, .. })
            if cause.kind() == io::ErrorKind::PermissionDenied =>
        {
            not_allowed(error.to_string())
        }
        OpenError::OtherAbi(_) => Failure::new(
            Exit::Refused,
            error.to_string(),
            "traffic is shaped as before. Install the version that made them and leave it so; or let it `weir-runtime \
             detach`, then start this one: traffic passes unshaped in between",
        ),
        _ => outside(error.to_string()),
    }
}

/// The artifact in a directory, or with this digest in the store or among the copies.
fn find(what: &str, config: &Config, store: Option<&Path>) -> Result<Proved, Failure> {
    if Path::new(what).is_dir() {
        return prove(Path::new(what), Expected::default()).map_err(refused);
    }
    let copies = Copies::open(&config.state.dir).map_err(|e| {
        let what = format!("{}: {e}", config.state.dir.display());
        match e.kind() {
            io::ErrorKind::PermissionDenied => not_allowed(what),
            _ => outside(what),
        }
    })?;
    if let Ok(Some(copy)) = copies.get(what) {
        return Ok(copy);
    }
    let path = store.unwrap_or(&config.store.path);
    if !path.is_dir() {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "{what} is no directory, and there is no store in {}",
                path.display()
            ),
            "name a directory with an artifact, or a digest and its store with --store",
        ));
    }
    let store = weir_store::Store::open(path).map_err(|e| outside(e.to_string()))?;
    let artifact = store.get(what).map_err(|e| match e {
        weir_store::StoreError::Io { .. } => outside(e.to_string()),
        _ => Failure::new(Exit::Usage, e.to_string(), ""),
    })?;
    let damage = artifact.verify().map_err(|e| outside(e.to_string()))?;
    if let Some(damage) = damage.into_iter().next() {
        let damaged = weir_store::StoreError::Damaged {
            path: artifact.path().to_owned(),
            damage,
        };
        return Err(Failure::new(Exit::Refused, damaged.to_string(), ""));
    }
    let expected = Expected {
        digest: Some(artifact.digest()),
        ..Expected::default()
    };
    prove(artifact.path(), expected).map_err(refused)
}

fn refused(error: ArtifactError) -> Failure {
    let exit = match error.is_outside() {
        true => Exit::Outside,
        false => Exit::Refused,
    };
    Failure::new(exit, error.to_string(), "")
}
