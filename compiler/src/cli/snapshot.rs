//! `weir snapshot`: what was recorded, what changed, and a copy that may be shown to others.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use weir_compiler::config::project::Project;
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::lock::Lock;
use weir_compiler::report::summary::{push_commands, push_row};
use weir_compiler::report::{Detail, Tone, json, plain};
use weir_compiler::source_map::SourceMap;
use weir_fetch::diff::{Difference, diff};
use weir_fetch::redact::{Redactor, redact};
use weir_fetch::{Crm, Recording, crm};
use weir_schemas::export::{EXPORT, Export};
use weir_store::Store;
use weir_store::snapshot::{Snapshot, SnapshotError};

use crate::cli::exit::Exit;
use crate::cli::project::read_lock;
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::{Format, Global};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    /// Output format
    #[arg(long, value_enum, default_value_t, global = true)]
    pub format: Format,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List recorded snapshots; those that sources are built from first
    List,
    /// Compare two snapshots, record by record
    Diff {
        /// Name of a source, or the digest of a snapshot
        before: String,
        /// Name of a source, or the digest of a snapshot
        after: String,
    },
    /// Write a copy with names, addresses and MACs replaced, that lints and builds to the same shape
    Redact {
        /// Name of a source, or the digest of a snapshot
        snapshot: String,
        /// A new directory for the copy
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let dir = global.project.clone().unwrap_or_else(|| PathBuf::from("."));
    let mut files = SourceMap::default();
    let project = config::load(&dir, &mut files, &CliOverrides::default()).map_err(Stop::config)?;
    let lock = read_lock(&dir)?;
    let root = dir.join(&project.store);
    if !root.is_dir() {
        return Err(Stop::new(
            Exit::Usage,
            "this project has no store yet",
            "`weir fetch` makes one",
        ));
    }
    let store =
        Store::open(root).map_err(|error| Stop::new(Exit::Outside, error.to_string(), ""))?;
    let place = Place {
        project,
        lock,
        store,
    };
    let text = match &args.verb {
        Verb::List => list(&place, args.format, terminal)?,
        Verb::Diff { before, after } => {
            let (before, crm) = place.recording(before)?;
            let (after, other) = place.recording(after)?;
            if crm.kind != other.kind {
                let message = format!(
                    "one snapshot is of {}, the other of {}",
                    crm.label, other.label
                );
                return Err(Stop::new(
                    Exit::Usage,
                    message,
                    "compare snapshots of one kind",
                ));
            }
            differences(&diff(crm, &before, &after), args.format, terminal)
        }
        Verb::Redact { snapshot, out } => {
            let (recording, crm) = place.recording(snapshot)?;
            let settings = &place.project;
            let ranges: Vec<_> = settings
                .addresses
                .allow
                .iter()
                .chain(&settings.addresses.ignore)
                .copied()
                .collect();
            let topology = &settings.topology;
            let pins = topology
                .pin
                .iter()
                .flat_map(|(child, parent)| [child, parent]);
            let named = topology
                .root
                .iter()
                .chain(&topology.promote_to_root)
                .chain(&topology.exclude)
                .chain(pins);
            let names: Vec<String> = named.cloned().collect();
            let redactor = Redactor::new(&recording, &ranges, &names);
            let copy = redact(crm, &recording, &redactor).map_err(|what| {
                Stop::new(
                    Exit::Outside,
                    format!("the snapshot cannot be read: {what}"),
                    "",
                )
            })?;
            write(&copy, out)?;
            redacted(&copy, out, args.format, terminal)
        }
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

/// Where the copy is, and how much it holds.
fn redacted(copy: &Recording, out: &Path, format: Format, terminal: &Terminal) -> String {
    match format {
        Format::Json => json::text(&serde_json::json!({
            "schema": "weir.snapshot-redact/1",
            "out": out.display().to_string(),
            "kind": copy.export.kind,
            "digest": copy.export.digest,
            "records": copy.records(),
        })),
        Format::Text => {
            let mut text = String::new();
            push_row(&mut text, "copy", &out.display().to_string());
            push_row(&mut text, "records", &copy.records().to_string());
            if terminal.detail != Detail::Quiet {
                text.push_str(
                    "Look at it before you give it away: ids and plans are as they were.\n",
                );
            }
            text
        }
    }
}

struct Place {
    project: Project,
    lock: Lock,
    store: Store,
}

fn failed(error: SnapshotError) -> Stop {
    let exit = match error {
        SnapshotError::Store(_) | SnapshotError::Damaged { .. } => Exit::Outside,
        _ => Exit::Usage,
    };
    Stop::new(exit, error.to_string(), "")
}

impl Place {
    /// A snapshot by the name of its source, or by its digest.
    fn snapshot(&self, reference: &str) -> Result<Snapshot, Stop> {
        let digest = self
            .lock
            .of(reference)
            .map_or(reference, |locked| &locked.snapshot);
        self.store.snapshot(digest).map_err(failed)
    }

    /// Proved, and read.
    fn recording(&self, reference: &str) -> Result<(Recording, &'static Crm), Stop> {
        let snapshot = self.snapshot(reference)?;
        let export = snapshot.verify().map_err(failed)?;
        let crm = crm::find(&export.kind).ok_or_else(|| {
            Stop::new(
                Exit::Usage,
                format!("a snapshot of kind {} is unknown here", plain(&export.kind)),
                "",
            )
        })?;
        let mut files = Vec::new();
        for file in &export.files {
            let path = snapshot.path().join(&file.name);
            let bytes = fs::read(&path).map_err(|error| Stop::cannot("read", &path, &error))?;
            files.push((file.name.clone(), bytes));
        }
        let source = self
            .lock
            .source
            .iter()
            .find(|l| l.snapshot.ends_with(snapshot.digest()));
        let source = source.map_or_else(|| crm.kind.to_owned(), |locked| locked.name.clone());
        Ok((
            Recording {
                source,
                export,
                files,
            },
            crm,
        ))
    }
}

/// A new directory, which is an export as `export = "DIR"` wants it.
fn write(copy: &Recording, out: &Path) -> Result<(), Stop> {
    let cannot = |path: &Path| {
        let path = path.to_owned();
        move |error| Stop::cannot("write", &path, &error)
    };
    fs::create_dir(out).map_err(cannot(out))?;
    for (name, bytes) in &copy.files {
        let path = out.join(name);
        fs::write(&path, bytes).map_err(cannot(&path))?;
    }
    let path = out.join(EXPORT);
    fs::write(&path, copy.export_json()).map_err(cannot(&path))
}

#[derive(Serialize)]
struct Listed {
    digest: String,
    /// Sources that are built from it.
    sources: Vec<String>,
    export: Export,
}

fn list(place: &Place, format: Format, terminal: &Terminal) -> Result<String, Stop> {
    let mut listed = Vec::new();
    for snapshot in place.store.snapshots().map_err(failed)? {
        let sources = place
            .lock
            .source
            .iter()
            .filter(|l| l.snapshot.ends_with(snapshot.digest()));
        listed.push(Listed {
            sources: sources.map(|locked| locked.name.clone()).collect(),
            export: snapshot.export().map_err(failed)?,
            digest: snapshot.digest().to_owned(),
        });
    }
    listed.sort_by(|a, b| {
        let key = |l: &Listed| {
            (
                l.sources.is_empty(),
                std::cmp::Reverse(l.export.finished.clone()),
            )
        };
        key(a).cmp(&key(b)).then_with(|| a.digest.cmp(&b.digest))
    });
    Ok(match format {
        Format::Json => {
            json::text(&serde_json::json!({ "schema": "weir.snapshots/1", "snapshots": listed }))
        }
        Format::Text => {
            let mut text = String::new();
            for Listed {
                digest,
                sources,
                export,
            } in &listed
            {
                let records: u64 = export.files.iter().map(|file| file.records).sum();
                let used = match sources.as_slice() {
                    [] => String::new(),
                    sources => format!("  <- {}", sources.join(", ")),
                };
                text.push_str(&format!(
                    "{}  {}  {}  {records} records{}\n",
                    terminal
                        .out
                        .paint(Tone::Strong, digest.get(..16).unwrap_or(digest)),
                    plain(&export.finished),
                    plain(&export.kind),
                    plain(&used)
                ));
            }
            if listed.is_empty() {
                text.push_str("no snapshots\n");
                push_commands(&mut text, &["weir fetch".to_owned()]);
            }
            text
        }
    })
}

fn differences(all: &[Difference], format: Format, terminal: &Terminal) -> String {
    if format == Format::Json {
        let all: Vec<_> = all
            .iter()
            .map(|d| {
                serde_json::json!({ "collection": d.collection, "records": d.records, "added": d.added,
                    "removed": d.removed, "changed": d.changed })
            })
            .collect();
        return json::text(
            &serde_json::json!({ "schema": "weir.snapshot-diff/1", "collections": all }),
        );
    }
    /// Ids that are listed of each kind of change.
    const SHOWN: usize = 10;
    let mut text = String::new();
    for difference in all.iter().filter(|difference| !difference.is_empty()) {
        let [before, after] = difference.records;
        let name = terminal.out.paint(Tone::Strong, &difference.collection);
        text.push_str(&format!("{name}  {before} -> {after} records\n"));
        let kinds = [
            ("added", &difference.added),
            ("removed", &difference.removed),
            ("changed", &difference.changed),
        ];
        for (word, ids) in kinds.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            let most = if terminal.detail == Detail::Verbose {
                usize::MAX
            } else {
                SHOWN
            };
            let shown: Vec<&str> = ids.iter().take(most).map(String::as_str).collect();
            let more = match ids.len().saturating_sub(shown.len()) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            push_row(
                &mut text,
                word,
                &format!("{}: {}{more}", ids.len(), plain(&shown.join(", "))),
            );
        }
    }
    if text.is_empty() {
        text.push_str("no change\n");
    }
    text
}
