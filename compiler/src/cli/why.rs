//! `weir why QUESTION`: where the values of a circuit, node or address come from, and why something is not shaped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use weir_compiler::config::{self, CliOverrides};
use weir_compiler::emit::sha256;
use weir_compiler::report::{json, plain};
use weir_compiler::source_map::{Format as FileFormat, SourceFile, SourceMap};
use weir_compiler::why::{self, Files};
use weir_store::Store;

use crate::cli::exit::Exit;
use crate::cli::project::{Follow, compile_project};
use crate::cli::shelf::Shelf;
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::{Format, Global, Overrides};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Id, name or MAC of a circuit; id or name of a node; an address or prefix; "NODE.cap"
    #[arg(value_name = "CIRCUIT|ADDRESS|NODE")]
    question: String,
    /// Ask an artifact, not the project as it is now: a digest in the store, or a directory
    #[arg(long, value_name = "REF|DIR")]
    artifact: Option<String>,
    #[command(flatten)]
    overrides: Overrides,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let dir = global.project.clone().unwrap_or_else(|| ".".into());
    let (files, inputs) = match &args.artifact {
        Some(reference) => {
            let files = stored(reference, &dir)?;
            let inputs = Inputs::on_disk(&files, &dir);
            (files, inputs)
        }
        None => {
            let built = compile_project(dir, &args.overrides, Follow::Nothing, terminal)?;
            if built.compiled.incomplete {
                return Err(Stop::new(
                    Exit::Incomplete,
                    "a source is not complete, so there is nothing to ask",
                    "`weir check` says what is missing; `--artifact` asks an earlier build",
                ));
            }
            let artifacts = &built.compiled.artifacts;
            let files = Files::read(|name| artifacts.file(name).map(<[u8]>::to_vec))
                .map_err(|e| Stop::new(Exit::Outside, e.to_string(), ""))?;
            (files, Inputs::of(built.files))
        }
    };
    let found = files
        .find(&args.question)
        .map_err(|not| Stop::new(Exit::Usage, not.message(&args.question), not.help()))?;
    let why = files.answer(&args.question, &found, &|file, start, len| {
        inputs.locate(file, start, len)
    });
    match args.format {
        Format::Json => terminal.print(&json::text(&why))?,
        Format::Text => terminal.print(&why::text(&why, terminal.out))?,
    }
    Ok(Exit::Done)
}

/// The files of an artifact: a directory, else a digest in the project's store.
fn stored(reference: &str, dir: &Path) -> Result<Files, Stop> {
    let stop = |message: String| {
        Stop::new(
            Exit::Usage,
            format!("--artifact {}: {message}", plain(reference)),
            "give the digest of an artifact in the project's store, or the directory of one",
        )
    };
    let path = Path::new(reference);
    if path.is_dir() {
        return Files::read(|name| std::fs::read(path.join(name)).ok())
            .map_err(|e| stop(e.to_string()));
    }
    // The store can be asked although the project does not load any more.
    let mut files = SourceMap::default();
    let project = config::load(dir, &mut files, &CliOverrides::default()).ok();
    let local = project.as_ref().map_or(".weir/store", |p| p.store.as_str());
    let local = dir.join(local);
    let remote = project.as_ref().is_some_and(|p| p.remote.is_some());
    if !remote && !local.is_dir() {
        return Err(stop(
            "the project has no store yet, and there is no such directory".to_owned(),
        ));
    }
    let artifact = match &project {
        Some(project) => Shelf::open(dir, project)?.get(reference),
        None => Store::open(local).and_then(|store| store.get(reference)),
    };
    let artifact = artifact.map_err(|e| stop(e.to_string()))?;
    Files::read(|name| artifact.read(name).ok()).map_err(|e| stop(e.to_string()))
}

/// The store of a project, also of one that does not load any more.
fn store_dir(dir: &Path) -> PathBuf {
    let mut files = SourceMap::default();
    let store = config::load(dir, &mut files, &CliOverrides::default())
        .map_or_else(|_| ".weir/store".to_owned(), |project| project.store);
    dir.join(store)
}

/// Every file of the snapshots in the store, by SHA-256. What cannot be read has no lines to show.
fn snapshot_files(dir: &Path) -> BTreeMap<String, PathBuf> {
    let store = store_dir(dir);
    let snapshots = store
        .is_dir()
        .then(|| Store::open(store).ok()?.snapshots().ok())
        .flatten();
    let mut files = BTreeMap::new();
    for snapshot in snapshots.unwrap_or_default() {
        let Ok(export) = snapshot.export() else {
            continue;
        };
        for file in export.files {
            // A name that leads out of its directory names nothing.
            if Path::new(&file.name).components().count() == 1 && file.name != ".." {
                files.insert(file.sha256, snapshot.path().join(file.name));
            }
        }
    }
    files
}

/// The input files, as far as they are at hand and unchanged.
pub struct Inputs {
    map: SourceMap,
    /// By position in `provenance.json`.
    there: Vec<bool>,
}

impl Inputs {
    fn of(map: SourceMap) -> Inputs {
        let there = map.files().map(|_| true).collect();
        Inputs { map, there }
    }

    /// Files of the project, and of the snapshots in its store, by what they hold.
    pub fn on_disk(files: &Files, dir: &Path) -> Inputs {
        let mut map = SourceMap::default();
        let mut there = Vec::new();
        // Reading what every snapshot lists is for artifacts that were built from one.
        let mut recorded: Option<BTreeMap<String, PathBuf>> = None;
        for (path, digest) in files.inputs() {
            // A path of the artifact names a file of the project, and nothing outside of it.
            let inside = Path::new(path)
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)));
            let is = |b: &Vec<u8>| sha256(b) == digest && std::str::from_utf8(b).is_ok();
            let read = |path: &Path| std::fs::read(path).ok().filter(is);
            let bytes = inside.then(|| read(&dir.join(path))).flatten();
            let bytes = bytes.or_else(|| {
                let recorded = recorded.get_or_insert_with(|| snapshot_files(dir));
                recorded.get(digest).and_then(|path| read(path))
            });
            there.push(bytes.is_some());
            map.add(SourceFile {
                path: path.to_owned(),
                format: FileFormat::Json,
                bytes: bytes.unwrap_or_default().into(),
                transcoded: None,
                digest: digest.to_owned().into(),
            });
        }
        Inputs { map, there }
    }

    pub fn locate(&self, file: usize, start: u64, len: u32) -> Option<(u64, u64)> {
        if !*self.there.get(file)? {
            return None;
        }
        let (id, _) = self.map.files().nth(file)?;
        let start = usize::try_from(start).ok()?;
        let at = self
            .map
            .located(id, start..start.checked_add(len as usize)?);
        Some((at.line as u64, at.column as u64))
    }
}
