//! From a directory to a compilation: what `check`, `build`, `tree` and `graph` have in common.

use std::path::{Path, PathBuf};

use weir_compiler::config::project::Project;
use weir_compiler::config::{self, CliOverrides, lone};
use weir_compiler::date::Date;
use weir_compiler::exports::ExportSet;
use weir_compiler::ir::previous::Previous;
use weir_compiler::lint::rule::Stages;
use weir_compiler::report::excerpt::Spot;
use weir_compiler::report::plain;
use weir_compiler::report::summary::inputs;
use weir_compiler::source_map::SourceMap;
use weir_compiler::{Compiled, compile, exports, previous};
use weir_schemas::artifact;
use weir_schemas::manifest::Manifest;
use weir_store::Store;

use crate::cli::Overrides;
use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
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
    pub compiled: Compiled,
}

/// Reads the project and its exports, and compiles them. Nothing is written.
pub fn compile_project(
    dir: PathBuf,
    overrides: &Overrides,
    terminal: &Terminal,
) -> Result<Built, Stop> {
    let wanted = overrides.previous.as_str();
    let overrides = CliOverrides {
        strategy: overrides.strategy,
        target: overrides.target.clone(),
        as_of: Some(overrides.as_of.unwrap_or_else(today)),
    };
    let mut files = SourceMap::default();
    if dir.is_file() {
        return compile_file(&dir, files, &overrides, terminal);
    }
    let project = config::load(&dir, &mut files, &overrides).map_err(Stop::config)?;
    let exports = match exports::read(&dir, &project.sources, &mut files) {
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
    let previous = match wanted {
        "none" => None,
        reference => Some(previous(reference, &dir, &project)?),
    };
    let compiled = compile(&project, &files, &exports, previous.as_ref());
    Ok(Built {
        prefix: prefix(&dir),
        alone: false,
        dir,
        project,
        files,
        exports,
        compiled,
    })
}

/// A single file, compiled by itself.
fn compile_file(
    path: &Path,
    mut files: SourceMap,
    overrides: &CliOverrides,
    terminal: &Terminal,
) -> Result<Built, Stop> {
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
    let compiled = compile(&project, &files, &exports, None);
    Ok(Built {
        dir: path.to_owned(),
        prefix: String::new(),
        alone: true,
        project,
        files,
        exports,
        compiled,
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

/// The day, for expiries. It is read here and nowhere else, and `--as-of` replaces it.
fn today() -> Date {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.map_or(0, |since| since.as_secs());
    Date::of_unix_seconds(seconds).unwrap_or_else(|| Date::of_unix_seconds(0).expect("1970"))
}

/// The memory of an artifact: a directory with its files, else a digest in the project's store.
fn previous(reference: &str, dir: &Path, project: &Project) -> Result<Previous, Stop> {
    let stop = |message: String| {
        Stop::new(
            Exit::Usage,
            format!("--previous {}: {message}", plain(reference)),
            "give the digest of an artifact in the project's store, the directory of one, or `none`",
        )
    };
    let path = Path::new(reference);
    let read = |name: &'static str| -> Result<Vec<u8>, Stop> {
        if path.is_dir() {
            return std::fs::read(path.join(name)).map_err(|e| stop(format!("{name}: {e}")));
        }
        let store = dir.join(&project.store);
        if !store.is_dir() {
            return Err(stop(
                "the project has no store yet, and there is no such directory".to_owned(),
            ));
        }
        Store::open(store)
            .and_then(|store| store.get(reference))
            .and_then(|artifact| artifact.read(name))
            .map_err(|e| stop(e.to_string()))
    };
    let manifest = read(artifact::MANIFEST)?;
    let manifest: Manifest<'_> = weir_schemas::read(&manifest).map_err(|e| stop(e.to_string()))?;
    let plan = read(artifact::QUEUE_PLAN)?;
    previous::read(&plan, &manifest.digest, project).map_err(|e| stop(e.to_string()))
}

impl Built {
    pub fn stages(&self) -> Stages<'_> {
        self.compiled
            .stages(&self.project, &self.files, &self.exports)
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
