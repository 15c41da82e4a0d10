//! `weir serve`: the scheduler and the console; `--once` for a timer: one run, and its exit code.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use weir_compiler::config::project::Project;
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::report::{Detail, Tone, json, plain};
use weir_compiler::source_map::SourceMap;
use weir_console::engine::{Pause, Run, StageState};
use weir_console::{Config, Console};
use weir_store::Store;

use crate::cli::exit::Exit;
use crate::cli::shelf::Shelf;
use crate::cli::stop::Stop;
use crate::cli::store::store_error;
use crate::cli::terminal::{Priority, Terminal};
use crate::cli::{Directory, Format, Global};
use crate::serve::book::Book;
use crate::serve::engine::Caller;
use crate::serve::run::{self, Context};
use crate::serve::scheduler::Scheduler;
use crate::serve::signal::Stopping;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// Run once and end, as a timer wants it: the exit code is that of the run
    #[arg(long, conflicts_with_all = ["bind", "public_url", "runtime", "mmdb", "metrics"])]
    once: bool,
    /// Where the console listens; anything but this machine itself needs TLS in front of it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8480")]
    bind: SocketAddr,
    /// How browsers reach it through a reverse proxy: https://weir.example.net
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Status socket of weir-runtime on this machine
    #[arg(long, value_name = "SOCKET")]
    runtime: Option<PathBuf>,
    /// MaxMind database with countries, cities or networks; may be given several times
    #[arg(long, value_name = "FILE")]
    mmdb: Vec<PathBuf>,
    /// Answer /metrics without signing in
    #[arg(long)]
    metrics: bool,
    /// How the log on stderr is written: lines, with their priority where journald reads; or one JSON object a line
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    log_format: Format,
    /// Output format of `--once`
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Users of the console, beside what the scheduler remembers.
pub const USERS: &str = "users.json";

/// The book of a project.
pub fn book(dir: &Path, project: &Project) -> Result<Book, Stop> {
    let store = Store::open(dir.join(&project.store)).map_err(|e| store_error(&e))?;
    Book::open(store.root()).map_err(|e| cannot_remember(&e))
}

fn cannot_remember(error: &std::io::Error) -> Stop {
    Stop::new(
        Exit::Outside,
        format!(
            "what the scheduler remembers cannot be read or written: {}",
            plain(&error.to_string())
        ),
        "make the store's directory writable for this user, and see whether the disk is full",
    )
}

fn project(dir: &Path) -> Result<Project, Stop> {
    let mut files = SourceMap::default();
    config::load(dir, &mut files, &CliOverrides::default()).map_err(Stop::config)
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let dir = args.directory.of(global);
    if args.once {
        return once(&dir, args.format, args.log_format, terminal);
    }
    let settings = Settings {
        bind: args.bind,
        public_url: args.public_url.clone(),
        runtime: args.runtime.clone(),
        mmdb: args.mmdb.clone(),
        metrics: args.metrics,
        log_format: args.log_format,
    };
    serve(&dir, settings, terminal, |address| {
        terminal.print(&format!("console at http://{address}\n"))
    })
}

/// `weir serve --once --format json`
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    exit: json::Exit<'a>,
    /// Null where runs are paused.
    run: Option<&'a Run>,
    paused: Option<&'a Pause>,
}

fn once(dir: &Path, format: Format, log_format: Format, terminal: &Terminal) -> Result<Exit, Stop> {
    let project = project(dir)?;
    let book = book(dir, &project)?;
    let paused = book.read().map_or(None, |state| state.paused);
    if let Some(pause) = paused {
        let why = format!(
            "paused by {} since {}: {}",
            pause.by, pause.since, pause.reason
        );
        terminal.print(&match format {
            Format::Json => json::text(&Report {
                schema: "weir.run/1",
                exit: json::Exit {
                    code: 0,
                    reasons: &[],
                },
                run: None,
                paused: Some(&pause),
            }),
            Format::Text => format!("{}; nothing was done\n", plain(&why)),
        })?;
        return Ok(Exit::Done);
    }
    let stopping = Stopping::listen().map_err(|e| cannot_listen(&e))?;
    let lock = book.lock_run().map_err(|e| cannot_remember(&e))?;
    let Some((lock, buried)) = lock else {
        return Err(Stop::new(
            Exit::Outside,
            "another run of this project is under way",
            "wait until it is over; `weir status` shows it",
        ));
    };
    let mut logging = terminal.logging(log_format);
    if terminal.detail == Detail::Normal && format == Format::Json {
        logging.detail = Detail::Quiet;
    }
    let context = Context {
        dir: dir.to_owned(),
        book,
        terminal: logging,
        stop: stopping.flag,
        changed: Box::new(|| ()),
    };
    let came = run::run(&context, &lock, buried, "schedule").map_err(|e| cannot_remember(&e))?;
    let state = context.book.read().map_err(|e| cannot_remember(&e))?;
    let Some(run) = state.runs.first() else {
        return Ok(came.exit);
    };
    let reasons = [came.summary.clone()];
    terminal.print(&match format {
        Format::Json => json::text(&Report {
            schema: "weir.run/1",
            exit: json::Exit {
                code: came.exit.code(),
                reasons: if came.exit == Exit::Done {
                    &[]
                } else {
                    &reasons
                },
            },
            run: Some(run),
            paused: None,
        }),
        Format::Text => text(run, came.exit, terminal),
    })?;
    Ok(came.exit)
}

fn text(run: &Run, exit: Exit, terminal: &Terminal) -> String {
    let mut text = String::new();
    for stage in &run.stages {
        if terminal.detail == Detail::Quiet || stage.state == StageState::Skipped {
            continue;
        }
        let took = stage
            .milliseconds
            .map_or(String::new(), |ms| format!("{ms} ms"));
        let counts: Vec<String> = (stage.counts.iter())
            .map(|(what, n)| format!("{n} {what}"))
            .collect();
        text.push_str(&format!(
            "{:10} {:8} {took:>9}  {}",
            stage.name.word(),
            stage.state.word(),
            counts.join(", ")
        ));
        if !stage.detail.is_empty() {
            text.push_str(&format!("  {}", plain(&stage.detail)));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    let word = run.outcome.map_or("", |outcome| outcome.word());
    let tone = if exit == Exit::Done {
        Tone::Good
    } else {
        Tone::Error
    };
    let word = terminal.out.paint(tone, word);
    text.push_str(&format!("{word}: {}\n", plain(&run.summary)));
    text
}

fn cannot_listen(error: &std::io::Error) -> Stop {
    Stop::new(
        Exit::Outside,
        format!("signals cannot be listened to: {error}"),
        "",
    )
}

/// How the console is reached and what it shows beside the project.
pub struct Settings {
    pub bind: SocketAddr,
    pub public_url: Option<String>,
    pub runtime: Option<PathBuf>,
    pub mmdb: Vec<PathBuf>,
    pub metrics: bool,
    pub log_format: Format,
}

/// How long the console may take to end when the process is to end; it gives its connections less by itself.
const LAST: Duration = Duration::from_secs(8);

/// Serves until SIGTERM or SIGINT. `ready` is told where the console listens.
pub fn serve(
    dir: &Path,
    settings: Settings,
    terminal: &Terminal,
    ready: impl FnOnce(SocketAddr) -> Result<(), Stop>,
) -> Result<Exit, Stop> {
    let project = project(dir)?;
    let book = book(dir, &project)?;
    let users = book.beside(USERS);
    let logging = terminal.logging(settings.log_format);
    let stopping = Stopping::listen().map_err(|e| cannot_listen(&e))?;
    // The scheduler has a flag of its own: the console may end for another reason.
    let flag = Arc::new(AtomicBool::new(false));
    let scheduler = Scheduler::new(
        dir.to_owned(),
        book,
        logging,
        flag.clone(),
        &project.schedule,
    );
    let scheduler = Arc::new(scheduler.map_err(|e| cannot_remember(&e))?);
    let config = Config {
        bind: settings.bind,
        public_url: settings.public_url,
        users,
        runtime: settings.runtime,
        mmdb: settings.mmdb,
        metrics: settings.metrics,
        read_ahead: true,
    };
    let engine = Arc::new(Caller::new(scheduler.clone()));
    let stock = Arc::new(Shelf::open(dir, &project)?);
    let runtime = crate::cli::sources::runtime()?;
    let console = runtime
        .block_on(Console::bind(config, stock, engine))
        .map_err(|error| Stop::new(Exit::Outside, error.to_string(), ""))?;
    let address = console.address();
    for warning in console.warnings() {
        logging.log(Priority::Warning, &warning);
    }
    ready(address)?;
    let thread = scheduler.clone().work().map_err(|error| {
        Stop::new(
            Exit::Outside,
            format!("no threads can be started: {error}"),
            "",
        )
    })?;
    let served = runtime.block_on(async {
        let stop = stopping.clone();
        let console = tokio::spawn(weir_console::serve(console, stop.stopped()));
        tokio::select! {
            served = console => Some(served),
            // Whoever looks at a page that is kept open must not keep the process.
            () = async {
                stopping.clone().stopped().await;
                tokio::time::sleep(LAST).await;
            } => None,
        }
    });
    logging.log(
        Priority::Notice,
        "ends; a run under way comes to its end first",
    );
    flag.store(true, Ordering::Relaxed);
    scheduler.stop();
    let _ = thread.join();
    runtime.shutdown_timeout(LAST);
    match served {
        Some(Ok(Err(error))) => Err(Stop::new(
            Exit::Outside,
            format!("the console ended: {error}"),
            "",
        )),
        _ => Ok(Exit::Done),
    }
}
