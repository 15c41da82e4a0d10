//! From a directory to a compilation: what `check`, `build`, `tree` and `graph` have in common.

use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use weir_compiler::config::date::Date;
use weir_compiler::config::project::Project;
use weir_compiler::config::{self, CliOverrides, lone};
use weir_compiler::emit::sha256;
use weir_compiler::exports::ExportSet;
use weir_compiler::ir::previous::Previous;
use weir_compiler::lint::rule::Stages;
use weir_compiler::report::excerpt::Spot;
use weir_compiler::report::plain;
use weir_compiler::report::summary::inputs;
use weir_compiler::source_map::SourceMap;
use weir_compiler::{Compiled, compile, compile_beside, exports, golden, lock, previous};
use weir_schemas::artifact;
use weir_schemas::manifest::Manifest;
use weir_store::Staged;
use weir_store::channel::head::is_name;
use weir_store::channel::{Channels, SystemClock};

use crate::cli::Overrides;
use crate::cli::exit::Exit;
use crate::cli::shelf::{self, Shelf};
use crate::cli::stop::Stop;
use crate::cli::store::{PRODUCTION, stop, whoami};
use crate::cli::terminal::Terminal;
use crate::cli::verdict::Verdict;

/// A project, compiled.
pub struct Built {
    pub dir: PathBuf,
    /// `dir` as programs look for files from where the command runs; with a slash at its end, or empty.
    pub prefix: String,
    /// A single file, not a project.
    pub alone: bool,
    pub project: Project,
    pub files: SourceMap,
    pub exports: ExportSet,
    pub previous: Option<Previous>,
    /// Never freed: the process is about to end, and freeing a million texts takes longer than writing them.
    pub compiled: ManuallyDrop<Compiled>,
}

/// What a compilation follows when nobody says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follow {
    Nothing,
    /// What channel production of the project's store runs.
    Production,
    /// What `schedule.channel` runs: a scheduled build keeps the identities of what it would replace.
    #[cfg(feature = "serve")]
    Scheduled,
    /// What `golden/previous/` holds, if it is there; and no day passes unless somebody says what day it is.
    Golden,
}

/// A project, read.
pub struct Input {
    pub dir: PathBuf,
    prefix: String,
    alone: bool,
    pub project: Project,
    pub files: SourceMap,
    pub exports: ExportSet,
    pub previous: Option<Previous>,
}

/// Reads the project and its exports, and compiles them. Nothing is written.
pub fn compile_project(
    dir: PathBuf,
    overrides: &Overrides,
    follow: Follow,
    terminal: &Terminal,
) -> Result<Built, Stop> {
    compile_with(dir, overrides, follow, None, terminal)
}

/// As [`compile_project`], and its files are on the way into the store of the project while they are proved, where
/// there is a store. One that cannot be written to is no error yet: perhaps nothing is to be written.
pub fn compile_and_stage(
    dir: PathBuf,
    overrides: &Overrides,
    terminal: &Terminal,
    keep: impl FnOnce(&Built, Option<(&Shelf, Staged<'_>)>) -> Result<(), Stop>,
) -> Result<Built, Stop> {
    let input = read_project(dir, overrides, Follow::Production, None, terminal)?;
    let there = input.dir.join(&input.project.store).is_dir();
    let shelf = there
        .then(|| Shelf::open(&input.dir, &input.project).ok())
        .flatten();
    let (compiled, staged) = compile_beside(
        &input.project,
        &input.files,
        &input.exports,
        input.previous.as_ref(),
        |artifact| shelf.as_ref()?.stage(&artifact.as_files()).ok(),
    );
    let built = input.compiled(compiled);
    keep(&built, shelf.as_ref().zip(staged.flatten()))?;
    Ok(built)
}

impl Input {
    fn compiled(self, compiled: Compiled) -> Built {
        Built {
            dir: self.dir,
            prefix: self.prefix,
            alone: self.alone,
            project: self.project,
            files: self.files,
            exports: self.exports,
            previous: self.previous,
            compiled: ManuallyDrop::new(compiled),
        }
    }
}

/// As [`compile_project`], with this text in place of the project's `overrides.toml`.
pub fn compile_with(
    dir: PathBuf,
    overrides: &Overrides,
    follow: Follow,
    intent: Option<&str>,
    terminal: &Terminal,
) -> Result<Built, Stop> {
    let input = read_project(dir, overrides, follow, intent, terminal)?;
    let compiled = compile(
        &input.project,
        &input.files,
        &input.exports,
        input.previous.as_ref(),
    );
    Ok(input.compiled(compiled))
}

/// Reads the project, its exports and the artifact that it follows.
pub fn read_project(
    dir: PathBuf,
    overrides: &Overrides,
    follow: Follow,
    intent: Option<&str>,
    terminal: &Terminal,
) -> Result<Input, Stop> {
    let wanted = overrides.previous.clone();
    let as_of = match overrides.as_of {
        None if follow == Follow::Golden => None,
        None => Some(now()?),
        given => given,
    };
    let overrides = CliOverrides {
        strategy: overrides.strategy,
        target: overrides.target.clone(),
        as_of: as_of.map(day).transpose()?,
    };
    let mut files = SourceMap::default();
    if dir.is_file() {
        return read_file(&dir, files, &overrides, terminal);
    }
    let mut project = config::load(&dir, &mut files, &overrides).map_err(Stop::config)?;
    if let Some(text) = intent {
        project.overrides = config::overrides::load_str(text, &mut files).map_err(Stop::config)?;
    }
    if !project.live.is_empty() {
        shelf::bring(&dir, &project, &read_lock(&dir)?)?;
    }
    let read = lock::pin(&dir, &mut project).and_then(|fetched| {
        let mut exports = exports::read(&dir, &project.sources, &mut files)?;
        for (recorded, fetched) in exports.clock.recorded.iter_mut().zip(fetched) {
            *recorded = fetched.or(*recorded);
        }
        let peaks = project.topology.peaks.as_deref();
        exports.peaks = exports::read_peaks(&dir, peaks, &mut files)?;
        Ok(exports)
    });
    let mut exports = match read {
        Ok(exports) => exports,
        Err(error) => {
            let spot = Spot {
                at: files.locate(&project.place(error.key)),
                text: String::new(),
            };
            return Err(
                Stop::new(Exit::Incomplete, error.message, error.help).at(files, vec![spot])
            );
        }
    };
    let read = exports.exports.iter().map(|e| e.files.len()).sum();
    terminal.verbose(&format!("read {}", inputs(read, project.sources.len())));
    exports.clock.as_of = as_of;
    let wanted = match wanted {
        None if follow == Follow::Production => runs(&dir, &project, PRODUCTION, terminal)?,
        #[cfg(feature = "serve")]
        None if follow == Follow::Scheduled => {
            runs(&dir, &project, &project.schedule.channel, terminal)?
        }
        None if follow == Follow::Golden => {
            let kept = dir.join(golden::DIR).join(golden::PREVIOUS);
            (kept.is_dir()).then(|| kept.to_string_lossy().into_owned())
        }
        wanted => wanted,
    };
    let previous = match wanted.as_deref() {
        None | Some("none") => None,
        Some(reference) => Some(previous(reference, &dir, &project, terminal)?),
    };
    if let Some(previous) = &previous {
        terminal.verbose(&format!("follows {}", previous.digest));
    }
    Ok(Input {
        prefix: prefix(&dir),
        alone: false,
        dir,
        project,
        files,
        exports,
        previous,
    })
}

/// A single file, as a project by itself.
fn read_file(
    path: &Path,
    mut files: SourceMap,
    overrides: &CliOverrides,
    terminal: &Terminal,
) -> Result<Input, Stop> {
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let bytes = std::fs::read(path).map_err(|error| Stop::cannot("read", path, &error))?;
    let lone = lone::recognise(&name, &bytes).map_err(|looks| {
        Stop::new(
            Exit::Usage,
            format!("{} {looks}", plain(&path.display().to_string())),
            format!("alone can be read {}; of a CRM name the directory of its recorded export in a weir.toml", lone::KNOWN),
        )
    })?;
    let project = config::load_alone(&lone, &mut files, overrides).map_err(Stop::config)?;
    let shown = match path.is_absolute() {
        true => name,
        false => path.display().to_string(),
    };
    let exports = exports::alone(&lone, bytes, &shown, &mut files);
    terminal.verbose(&format!(
        "{} is read alone, as a {}: {} is not known",
        plain(&shown),
        lone.collection,
        lone.unknown
    ));
    Ok(Input {
        dir: path.to_owned(),
        prefix: String::new(),
        alone: true,
        project,
        files,
        exports,
        previous: None,
    })
}

/// Where a project is, for programs: relative to where the command runs, or nothing when it is elsewhere.
fn prefix(dir: &Path) -> String {
    let relative = match dir.is_absolute() {
        false => dir.to_owned(),
        true => {
            let here = std::env::current_dir().and_then(std::fs::canonicalize);
            let full = std::fs::canonicalize(dir);
            match (here, full) {
                (Ok(here), Ok(full)) => match full.strip_prefix(&here) {
                    Ok(below) => below.to_owned(),
                    Err(_) => PathBuf::new(),
                },
                _ => PathBuf::new(),
            }
        }
    };
    let parts: Vec<String> = relative
        .components()
        .filter(|part| *part != std::path::Component::CurDir)
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    match parts.is_empty() {
        true => String::new(),
        false => parts.join("/") + "/",
    }
}

/// What the clock of this machine says, in seconds since 1970, UTC. It is asked here and nowhere else.
fn now() -> Result<i64, Stop> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    (since.ok())
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .ok_or_else(no_day)
}

/// The day of an instant, UTC.
fn day(instant: i64) -> Result<Date, Stop> {
    (u64::try_from(instant.div_euclid(86_400)).ok())
        .and_then(Date::of_days)
        .ok_or_else(no_day)
}

/// `weir.lock` of a project. One that cannot be read is a mistake in a file of the project, whoever asks.
pub fn read_lock(dir: &Path) -> Result<lock::Lock, Stop> {
    lock::Lock::read(dir).map_err(|message| {
        Stop::new(
            Exit::Usage,
            message,
            "take it from git again, or delete it and `weir fetch` every source",
        )
    })
}

/// Today, UTC.
#[cfg(feature = "serve")]
pub fn today() -> Result<Date, Stop> {
    day(now()?)
}

/// The last day that is over, UTC.
pub fn yesterday() -> Result<Date, Stop> {
    day(now()? - 86_400)
}

fn no_day() -> Stop {
    Stop::new(
        Exit::Outside,
        "the clock of this machine shows no day that can be",
        "set it, or say what day it is with --as-of",
    )
}

/// The digest of what a channel runs; `None` when there is no store or it runs nothing.
fn runs(
    dir: &Path,
    project: &Project,
    channel: &str,
    terminal: &Terminal,
) -> Result<Option<String>, Stop> {
    if project.remote.is_none() && !dir.join(&project.store).is_dir() {
        return Ok(None);
    }
    head_of(&Shelf::open(dir, project)?, channel, terminal)
}

/// What a channel of a store runs, after everything that is due.
fn head_of(store: &Shelf, channel: &str, terminal: &Terminal) -> Result<Option<String>, Stop> {
    let channels = Channels {
        backend: store.backend(),
        clock: &SystemClock,
        author: whoami(&SystemClock),
        sign: None,
    };
    let settled = channels.settle(channel).map_err(|e| stop(&e))?;
    if let Some(notice) = &settled.notice {
        terminal.tell(&format!("note: {}\n", plain(notice)));
    }
    Ok(settled.known.map(|known| known.head.digest))
}

/// The memory of an artifact: a directory with its files, else what a channel runs, else a digest in the project's
/// store.
fn previous(
    reference: &str,
    dir: &Path,
    project: &Project,
    terminal: &Terminal,
) -> Result<Previous, Stop> {
    let stop = |message: String| {
        Stop::new(
            Exit::Usage,
            format!("--previous {}: {message}", plain(reference)),
            "give the digest of an artifact in the project's store, a channel, the directory of one, or `none`",
        )
    };
    let path = Path::new(reference);
    let has_store = project.remote.is_some() || dir.join(&project.store).is_dir();
    let store = match has_store && !path.is_dir() {
        true => Some(Shelf::open(dir, project)?),
        false => None,
    };
    let of_channel = match &store {
        Some(store) if is_name(reference) => head_of(store, reference, terminal)?,
        _ => None,
    };
    let reference = of_channel.as_deref().unwrap_or(reference);
    let read = |name: &'static str| -> Result<Vec<u8>, Stop> {
        if path.is_dir() {
            return std::fs::read(path.join(name)).map_err(|e| stop(format!("{name}: {e}")));
        }
        let store = store.as_ref().ok_or_else(|| {
            stop("the project has no store yet, and there is no such directory".to_owned())
        })?;
        store
            .get(reference)
            .and_then(|artifact| artifact.read(name))
            .map_err(|e| stop(e.to_string()))
    };
    let manifest = read(artifact::MANIFEST)?;
    let manifest: Manifest<'_> = weir_schemas::read(&manifest).map_err(|e| stop(e.to_string()))?;
    let judged = manifest.inputs.as_of.as_deref().and_then(Date::parse);
    if let Some(note) = judged.and_then(|judged| alive_again(project, judged)) {
        terminal.tell(&format!("note: {note}\n"));
    }
    let plan = read(artifact::QUEUE_PLAN)?;
    let mut before =
        previous::read(&plan, &manifest.digest, project).map_err(|e| stop(e.to_string()))?;
    // A directory may hold the plan alone: then nothing is compared. What is there must be what the manifest lists.
    let other = |name: &'static str| -> Result<Option<Vec<u8>>, Stop> {
        if path.is_dir() && !path.join(name).exists() {
            return Ok(None);
        }
        let bytes = read(name)?;
        let listed = manifest.payload.iter().find(|f| f.name == name);
        match listed.is_some_and(|f| f.sha256 != sha256(&bytes)) {
            true => Err(stop(format!(
                "{name} is not the file that manifest.json lists"
            ))),
            false => Ok(Some(bytes)),
        }
    };
    if let Some(tree) = other(artifact::TREE)? {
        let devices = other(artifact::SHAPED_DEVICES)?;
        let shaped = previous::shaped(&tree, devices.as_deref(), &manifest.digest);
        before.tree = Some(shaped.map_err(|e| stop(e.to_string()))?);
    }
    Ok(before)
}

/// What had expired by the day on which the artifact before was built, and has not by that of this build: a clock that
/// goes back brings it back, and that is said with both days.
fn alive_again(project: &Project, judged: Date) -> Option<String> {
    let today = project.as_of.filter(|today| *today < judged)?;
    let again = |last: &Option<Date>| last.is_some_and(|l| l.is_over(judged) && !l.is_over(today));
    let overrides = project.overrides.entries.iter();
    let overrides = overrides.filter(|o| again(&o.expires)).map(|o| {
        let last = o.expires.map_or_else(String::new, |l| l.to_string());
        format!(
            "the override of {} {} until {last}",
            o.kind.word(),
            plain(&o.id)
        )
    });
    let suppressions = project.lint.suppress.iter();
    let suppressions = suppressions.filter(|s| again(&s.expires)).map(|s| {
        let last = s.expires.map_or_else(String::new, |l| l.to_string());
        format!("the suppression of {} until {last}", s.rule)
    });
    let all: Vec<String> = overrides.chain(suppressions).collect();
    let first = all.first()?;
    let more = match all.len() - 1 {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(format!(
        "{first}{more} had expired in the artifact that this build follows, which was built on {judged}, and it is \
         {today}: what was over applies again. If that is not meant, see the clock of this machine, or `--as-of`"
    ))
}

impl Built {
    pub fn stages(&self) -> Stages<'_> {
        self.compiled.stages(
            &self.project,
            &self.files,
            &self.exports,
            self.previous.as_ref(),
        )
    }

    pub fn verdict(&self) -> Verdict {
        Verdict::of(&self.project, &self.compiled)
    }
}

/// A path as a command takes it, for "next" lines: nothing for the current directory.
pub fn argument(dir: &Path) -> String {
    let text = dir.display().to_string();
    match text.as_str() {
        "." => String::new(),
        text if text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c)) =>
        {
            format!(" {text}")
        }
        text => format!(" '{}'", plain(text).replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_where_the_command_runs() {
        for (dir, want) in [
            (".", ""),
            ("./isp", "isp/"),
            ("a/b/", "a/b/"),
            ("../isp", "../isp/"),
            ("/no/such/dir", ""),
        ] {
            assert_eq!(prefix(Path::new(dir)), want, "{dir}");
        }
    }

    #[test]
    fn next_lines_can_be_pasted() {
        for (dir, want) in [
            (".", ""),
            ("examples/quickstart", " examples/quickstart"),
            ("my isp", " 'my isp'"),
            ("o'b", " 'o'\\''b'"),
        ] {
            assert_eq!(argument(Path::new(dir)), want);
        }
    }
}
