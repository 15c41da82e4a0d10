//! From a directory to a compilation: what `check`, `build`, `tree` and `graph` have in common.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use weir_compiler::config::date::Date;
use weir_compiler::config::project::Project;
use weir_compiler::config::{self, CliOverrides};
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
    compile_with(dir, overrides, None, terminal)
}

/// As [`compile_project`], with this text in place of the project's `overrides.toml`.
pub fn compile_with(
    dir: PathBuf,
    overrides: &Overrides,
    intent: Option<&str>,
    terminal: &Terminal,
) -> Result<Built, Stop> {
    let wanted = overrides.previous.as_str();
    let overrides = CliOverrides {
        strategy: overrides.strategy,
        target: overrides.target.clone(),
        as_of: Some(overrides.as_of.map_or_else(today, Ok)?),
    };
    let mut files = SourceMap::default();
    let mut project = config::load(&dir, &mut files, &overrides).map_err(Stop::config)?;
    if let Some(text) = intent {
        project.overrides = config::overrides::load_str(text, &mut files).map_err(Stop::config)?;
    }
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
        dir,
        project,
        files,
        exports,
        compiled,
    })
}

/// What the clock of this machine says. It is asked here and nowhere else.
pub fn today() -> Result<Date, Stop> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let days = since.map_or(0, |since| since.as_secs() / 86_400);
    Date::of_days(days).ok_or_else(|| {
        Stop::new(
            Exit::Outside,
            "the clock of this machine shows no day that can be",
            "set it, or say what day it is with --as-of",
        )
    })
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
