//! Reading every CRM of a project, all or nothing: what `weir fetch`, `weir build --fetch` and the scheduler do. Snapshots
//! are recorded and pinned in `weir.lock` once all sources could be read, and not before.
//!
//! It does not know who looks on.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_compiler::config::project::{AuthWord, Live, Project, SecretPlace};
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::lock::{Locked, UpdateError, update};
use weir_compiler::report::excerpt::Spot;
use weir_compiler::report::plain;
use weir_compiler::source_map::SourceMap;
use weir_fetch::fence::System;
use weir_fetch::secret::Reference;
use weir_fetch::tls::{self, Trust};
use weir_fetch::{Auth, Cause, FetchError, Limits, Recording, Source, Tell, crm};
use weir_store::snapshot::SnapshotError;

use crate::cli::exit::Exit;
use crate::cli::project::read_lock;
use crate::cli::shelf::Shelf;
use crate::cli::stop::Stop;

/// Whoever looks on while sources are read.
pub trait Watch: Tell + 'static {
    /// Reading a source begins.
    fn begin(&self, source: &str);
    /// It is over, well or not.
    fn end(&self);
    /// How it went.
    fn read(&self, _source: &str, _came: Result<&Recording, &FetchError>, _took: Duration) {}
    /// Somebody wants it to end now. What was read so far is forgotten.
    fn is_stopped(&self) -> bool {
        false
    }
}

/// Returns when the watcher wants an end.
async fn stopped(watch: &dyn Watch) {
    while !watch.is_stopped() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A source that was read.
pub struct Read {
    pub recording: Recording,
    pub took: Duration,
    /// The same answers as the time before.
    pub unchanged: bool,
}

/// Reads the sources of a project and pins what was read. Nothing is changed unless all of them could be read.
pub fn read<W: Watch>(
    dir: &Path,
    only: Option<&str>,
    accept_missing: bool,
    watch: &Arc<W>,
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
    // Before anything is asked: what was read must have a place to stay.
    let shelf = Shelf::open(dir, &project)?;
    let store = shelf.local();
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
        watch.begin(&live.source);
        let fetched = runtime.block_on(async {
            tokio::select! {
                fetched = weir_fetch::fetch(&source, watch.clone()) => Some(fetched),
                () = stopped(watch.as_ref()) => None,
            }
        });
        let took = started.elapsed();
        watch.end();
        let Some(fetched) = fetched else {
            return Err(Stop::new(
                Exit::Incomplete,
                format!("reading source `{}` was broken off", live.source),
                "nothing was recorded; fetch again",
            ));
        };
        match fetched {
            Ok(recording) => {
                watch.read(&live.source, Ok(&recording), took);
                recordings.push((live, recording, took));
            }
            Err(error) if matches!(error.cause, Cause::Settings { .. }) => {
                let (files, spots) = place(files);
                let help = error.cause.help();
                return Err(Stop::new(Exit::Usage, error.to_string(), help).at(files, spots));
            }
            // The others are asked too: whoever repairs one wants to know of all.
            Err(error) => {
                watch.read(&live.source, Err(&error), took);
                failures.push(error);
            }
        }
    }
    if let Some(stop) = stop(failures) {
        return Err(stop);
    }
    let mut read = Vec::new();
    let mut fresh = Vec::new();
    for (live, recording, took) in recordings {
        let failed = |error: SnapshotError| Stop::new(Exit::Outside, error.to_string(), "");
        let (stored, _) = store
            .put_snapshot(
                &recording.export,
                &recording.export_json(),
                &recording.files,
            )
            .map_err(failed)?;
        // The lock never names what others cannot get.
        shelf.keep(&stored).map_err(failed)?;
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
            body: live.answer_mb << 20,
            bodies: live.answer_mb << 21,
            ..Limits::default()
        },
        had: Vec::new(),
        accept_missing: false,
        lookup: Arc::new(System),
    })
}
