//! `weir fetch`: reads every CRM of the project, all or nothing; records snapshots and pins them in `weir.lock`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use weir_compiler::config::project::{AuthWord, Live, Project, SecretPlace};
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::lock::{Locked, UpdateError, update};
use weir_compiler::report::excerpt::Spot;
use weir_compiler::report::summary::{push_commands, push_row};
use weir_compiler::report::{Detail, Tone, json, plain};
use weir_compiler::source_map::SourceMap;
use weir_fetch::fence::System;
use weir_fetch::secret::Reference;
use weir_fetch::tls::{self, Trust};
use weir_fetch::{Auth, Cause, Event, FetchError, Limits, Recording, Source, Tell, crm};
use weir_store::Store;
use weir_store::snapshot::SnapshotError;

use crate::cli::exit::Exit;
use crate::cli::project::argument;
use crate::cli::project::read_lock;
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::{Directory, Format, Global};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// Only this source; the others keep their snapshot
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Go on without optional collections that the last snapshot had and the key may not read any more
    #[arg(long)]
    accept_missing: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// A source that was read.
struct Read {
    recording: Recording,
    took: Duration,
    /// The same answers as the time before.
    unchanged: bool,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let dir = args.directory.of(global);
    let read = read(&dir, args.source.as_deref(), args.accept_missing, terminal)?;
    let text = match args.format {
        Format::Json => json_text(&read),
        Format::Text => text(&read, &dir, terminal),
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

/// Reads the sources of a project and pins what was read. Nothing is changed unless all of them could be read.
fn read(
    dir: &Path,
    only: Option<&str>,
    accept_missing: bool,
    terminal: &Terminal,
) -> Result<Vec<Read>, Stop> {
    let mut files = SourceMap::default();
    let project = config::load(dir, &mut files, &CliOverrides::default()).map_err(Stop::config)?;
    let live: Vec<&Live> = match only {
        None => project.live.iter().collect(),
        Some(name) => project
            .live
            .iter()
            .filter(|live| live.source == name)
            .collect(),
    };
    if live.is_empty() {
        return Err(nothing(&project, only));
    }
    let lock = read_lock(dir)?;
    let store = Store::open(dir.join(&project.store))
        .map_err(|error| Stop::new(Exit::Outside, error.to_string(), ""))?;
    let told = Arc::new(Told::new(terminal));
    let mut recordings = Vec::new();
    let runtime = runtime()?;
    let mut failures = Vec::new();
    for live in live {
        let started = Instant::now();
        let place = |files: SourceMap| {
            let at = files.locate(&project.place(format!("source.{}", live.index)));
            (
                files,
                vec![Spot {
                    at,
                    text: String::new(),
                }],
            )
        };
        let mut source = match source(dir, live) {
            Ok(source) => source,
            Err(stop) => {
                let (files, spots) = place(files);
                return Err(stop.at(files, spots));
            }
        };
        source.accept_missing = accept_missing;
        if let Some(locked) = lock.of(&live.source)
            && let Ok(export) = store.snapshot(&locked.snapshot).and_then(|s| s.export())
        {
            source.had = export
                .files
                .into_iter()
                .map(|file| file.collection)
                .collect();
        }
        told.begin(&live.source);
        let fetched = runtime.block_on(weir_fetch::fetch(&source, told.clone()));
        told.end();
        match fetched {
            Ok(recording) => recordings.push((live, recording, started.elapsed())),
            Err(error) if matches!(error.cause, Cause::Settings { .. }) => {
                let (files, spots) = place(files);
                let help = error.cause.help();
                return Err(Stop::new(Exit::Usage, error.to_string(), help).at(files, spots));
            }
            // The others are asked too: whoever repairs one wants to know of all.
            Err(error) => failures.push(error),
        }
    }
    if let Some(stop) = stop(failures) {
        return Err(stop);
    }
    let mut read = Vec::new();
    let mut fresh = Vec::new();
    for (live, recording, took) in recordings {
        let failed = |error: SnapshotError| Stop::new(Exit::Outside, error.to_string(), "");
        store
            .put_snapshot(
                &recording.export,
                &recording.export_json(),
                &recording.files,
            )
            .map_err(failed)?;
        let snapshot = format!("sha256:{}", recording.export.digest);
        let unchanged = lock
            .of(&live.source)
            .is_some_and(|locked| locked.snapshot == snapshot);
        fresh.push(Locked {
            name: live.source.clone(),
            kind: live.kind.word().to_owned(),
            snapshot,
            fetched: recording.export.finished.clone(),
        });
        read.push(Read {
            recording,
            took,
            unchanged,
        });
    }
    // Sources that are gone from weir.toml need no snapshot.
    let is_live = |locked: &Locked| project.live.iter().any(|live| live.source == locked.name);
    update(dir, fresh, is_live).map_err(|error| match error {
        UpdateError::Unreadable(message) => {
            Stop::new(Exit::Usage, message, "take it from git again")
        }
        UpdateError::Io(error) => {
            Stop::cannot("write", &dir.join(weir_compiler::lock::FILE_NAME), &error)
        }
    })?;
    Ok(read)
}

/// `weir build --fetch`.
pub fn before_build(dir: &Path, terminal: &Terminal) -> Result<(), Stop> {
    let read = read(dir, None, false, terminal)?;
    for read in read {
        terminal.verbose(&format!(
            "read {} records of source {}",
            read.recording.records(),
            read.recording.source
        ));
    }
    Ok(())
}

pub fn runtime() -> Result<tokio::runtime::Runtime, Stop> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| {
            Stop::new(
                Exit::Outside,
                format!("no threads can be started: {error}"),
                "",
            )
        })
}

fn nothing(project: &Project, only: Option<&str>) -> Stop {
    let named = only.and_then(|name| project.sources.iter().find(|source| source.name == name));
    match (only, named) {
        (Some(_), Some(source)) => Stop::new(
            Exit::Usage,
            format!(
                "source `{}` is read from a recorded export, not from the network",
                source.name
            ),
            "take `export` away and add `url` to read the CRM itself",
        ),
        (Some(name), None) => {
            let names: Vec<&str> = project.sources.iter().map(|s| s.name.as_str()).collect();
            Stop::new(
                Exit::Usage,
                format!("there is no source `{}`", plain(name)),
                format!("the sources are {}", names.join(", ")),
            )
        }
        (None, _) => Stop::new(
            Exit::Usage,
            "no source of this project is read from the network",
            "give a [[source]] a `url` and a `key`, and take its `export` away",
        ),
    }
}

/// What could not be read, one problem a source.
fn stop(failures: Vec<FetchError>) -> Option<Stop> {
    let mut failures = failures.into_iter();
    let first = failures.next()?;
    let mut stop = Stop::new(Exit::Incomplete, first.to_string(), first.cause.help());
    for failure in failures {
        stop = stop.and(failure.to_string(), failure.cause.help());
    }
    Some(stop)
}

/// A source as `weir-fetch` wants it: addresses parsed, secrets and certificates read.
pub fn source(dir: &Path, live: &Live) -> Result<Source, Stop> {
    let wrong = |message: String, help: &str| {
        Stop::new(
            Exit::Usage,
            format!("source `{}`: {message}", live.source),
            help,
        )
    };
    let kind = crm::find(live.kind.word()).ok_or_else(|| {
        wrong(
            format!("{} cannot be read over the network", live.kind.word()),
            "record its export and name the directory with `export`",
        )
    })?;
    let base = kind.base(&live.url).ok_or_else(|| {
        wrong(
            "`url` is not an address".to_owned(),
            "write \"https://HOST\"",
        )
    })?;
    let token_url = match &live.token_url {
        None => kind.token_url(),
        Some(written) => Some(kind.parse(written).ok_or_else(|| {
            wrong(
                "`token_url` is not an address".to_owned(),
                "write \"https://HOST/PATH\"",
            )
        })?),
    };
    let env = |name: &str| std::env::var(name).ok();
    let secret = |place: &Option<SecretPlace>| {
        let reference = match place {
            None => return Ok(None),
            Some(SecretPlace::Env(name)) => Reference::Env(name.clone()),
            Some(SecretPlace::File(path)) => Reference::File(path.clone()),
            Some(SecretPlace::Credential(name)) => Reference::Credential(name.clone()),
        };
        let resolved = reference.resolve(dir, &env);
        resolved
            .map(Some)
            .map_err(|error| wrong(error.message.clone(), &error.help))
    };
    let trust = match (&live.tls_pin, &live.ca) {
        (Some(pin), _) => Trust::Pin(tls::pin(pin).ok_or_else(|| {
            wrong(
                "`tls_pin` is not a digest".to_owned(),
                "write \"sha256:..\", as `weir doctor` prints it",
            )
        })?),
        (None, Some(ca)) => Trust::Authority(std::fs::read(dir.join(ca)).map_err(|error| {
            wrong(
                format!("`ca` cannot be read: {}: {error}", plain(ca)),
                "paths are relative to the directory of weir.toml",
            )
        })?),
        (None, None) => Trust::System,
    };
    Ok(Source {
        name: live.source.clone(),
        kind,
        base,
        token_url,
        key: secret(&live.key)?,
        secret: secret(&live.secret)?,
        user: live.user.clone(),
        password: secret(&live.password)?,
        auth: match live.auth {
            AuthWord::Basic => Auth::Basic,
            AuthWord::Signature => Auth::Signature,
            AuthWord::Token => Auth::Token,
        },
        tenant: live.tenant,
        domain: live.domain.clone(),
        trust,
        limits: Limits {
            total: Duration::from_secs(live.timeout_seconds),
            ..Limits::default()
        },
        had: Vec::new(),
        accept_missing: false,
        lookup: Arc::new(System),
    })
}

fn text(read: &[Read], dir: &Path, terminal: &Terminal) -> String {
    let look = terminal.out;
    let mut text = String::new();
    for Read {
        recording,
        took,
        unchanged,
    } in read
    {
        let export = &recording.export;
        text.push_str(&look.paint(Tone::Strong, &recording.source));
        text.push_str(&format!("  {} {}\n", export.kind, plain(&export.instance)));
        if terminal.detail != Detail::Quiet {
            let mut collections: Vec<(&str, u64)> = Vec::new();
            for file in &export.files {
                match collections.last_mut() {
                    Some((name, records)) if *name == file.collection => *records += file.records,
                    _ => collections.push((&file.collection, file.records)),
                }
            }
            for (name, records) in collections {
                push_row(&mut text, name, &format!("{records} records"));
            }
            for missing in &export.missing {
                push_row(
                    &mut text,
                    &missing.collection,
                    &format!("not there: {}", plain(&missing.reason)),
                );
            }
        }
        let same = if *unchanged { " (no change)" } else { "" };
        push_row(&mut text, "snapshot", &format!("{}{same}", export.digest));
        push_row(&mut text, "in", &format!("{:.1} s", took.as_secs_f32()));
    }
    text.push_str(&look.paint(Tone::Good, "ok"));
    text.push('\n');
    if terminal.detail != Detail::Quiet {
        push_commands(&mut text, &[format!("weir check{}", argument(dir))]);
    }
    text
}

#[derive(Serialize)]
struct Fetched<'a> {
    schema: &'static str,
    exit: json::Exit<'a>,
    sources: Vec<FetchedSource<'a>>,
}

#[derive(Serialize)]
struct FetchedSource<'a> {
    source: &'a str,
    unchanged: bool,
    export: &'a weir_schemas::export::Export,
}

fn json_text(read: &[Read]) -> String {
    json::text(&Fetched {
        schema: "weir.fetch/1",
        exit: json::Exit {
            code: 0,
            reasons: &[],
        },
        sources: read
            .iter()
            .map(|read| FetchedSource {
                source: &read.recording.source,
                unchanged: read.unchanged,
                export: &read.recording.export,
            })
            .collect(),
    })
}

/// What goes on, for people: a bar on a terminal, lines elsewhere.
struct Told {
    terminal: Terminal,
    bar: ProgressBar,
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    source: String,
    collection: String,
}

impl Told {
    fn new(terminal: &Terminal) -> Told {
        let shown = std::io::stderr().is_terminal() && terminal.detail != Detail::Quiet;
        let bar = ProgressBar::new(1);
        bar.set_draw_target(match shown {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        });
        let style = match terminal.err.unicode {
            true => "{spinner} {prefix} {wide_bar} {msg}",
            false => "{prefix} [{wide_bar}] {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(match terminal.err.unicode {
                true => style,
                false => style.progress_chars("=> "),
            });
        }
        Told {
            terminal: *terminal,
            bar,
            now: Mutex::default(),
        }
    }

    fn begin(&self, source: &str) {
        self.now().source = source.to_owned();
        self.bar.reset();
        self.bar.set_prefix(source.to_owned());
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    fn end(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }

    fn now(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(|error| error.into_inner())
    }

    fn line(&self, text: &str) {
        if self.terminal.detail != Detail::Quiet {
            let terminal = self.terminal;
            let text = format!("{}: {text}\n", self.now().source);
            self.bar.suspend(|| terminal.tell(&text));
        }
    }
}

impl Tell for Told {
    fn tell(&self, event: Event<'_>) {
        match event {
            Event::Collection { name, number, of } => {
                self.now().collection = name.to_owned();
                self.bar.set_length(of as u64);
                self.bar.set_position(number as u64 - 1);
                self.bar.set_message(name.to_owned());
                if self.bar.is_hidden() {
                    self.line(&format!("reading {name}"));
                }
            }
            Event::Records { name, found, of } => {
                let of = of.map_or(String::new(), |of| format!(" of {of}"));
                self.bar.set_message(format!("{name} {found}{of}"));
            }
            Event::Bytes(bytes) => {
                if bytes > 1 << 20 {
                    let name = self.now().collection.clone();
                    self.bar.set_message(format!("{name} {} MB", bytes >> 20));
                }
            }
            Event::Pause { seconds, status } => {
                let why = match status {
                    0 => "no connection".to_owned(),
                    status => format!("status {status}"),
                };
                self.line(&format!("{why}; waiting {seconds} s"));
            }
            Event::Again { name, why } => {
                self.line(&format!("reading {name} again: {}", plain(why)))
            }
        }
    }
}
