//! From a directory to a compilation: what `check`, `build`, `tree` and `graph` have in common.

use std::path::{Path, PathBuf};

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

/// A project, read.
pub struct Input {
    pub dir: PathBuf,
    pub project: Project,
    pub files: SourceMap,
    pub exports: ExportSet,
    pub previous: Option<Previous>,
}

/// Reads the project and its exports, and compiles them. Nothing is written.
pub fn compile_project(
    dir: PathBuf,
    overrides: &Overrides,
    terminal: &Terminal,
) -> Result<Built, Stop> {
    let Input {
        dir,
        project,
        files,
        exports,
        previous,
    } = read_project(dir, overrides, terminal)?;
    let compiled = compile(&project, &files, &exports, previous.as_ref());
    Ok(Built {
        dir,
        project,
        files,
        exports,
        compiled,
    })
}

/// Reads the project, its exports and the artifact that it follows.
pub fn read_project(
    dir: PathBuf,
    overrides: &Overrides,
    terminal: &Terminal,
) -> Result<Input, Stop> {
    let wanted = overrides.previous.as_str();
    let overrides = CliOverrides {
        strategy: overrides.strategy,
        target: overrides.target.clone(),
    };
    let mut files = SourceMap::default();
    let project = config::load(&dir, &mut files, &overrides).map_err(Stop::config)?;
    let read = exports::read(&dir, &project.sources, &mut files).and_then(|mut exports| {
        let peaks = project.topology.peaks.as_deref();
        exports.peaks = exports::read_peaks(&dir, peaks, &mut files)?;
        Ok(exports)
    });
    let exports = match read {
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
    Ok(Input {
        dir,
        project,
        files,
        exports,
        previous,
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
