//! From a directory to a compilation: what `check`, `build`, `tree` and `graph` have in common.

use std::path::{Path, PathBuf};

use weir_compiler::config::project::Project;
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::exports::ExportSet;
use weir_compiler::lint::rule::Stages;
use weir_compiler::report::excerpt::Spot;
use weir_compiler::report::plain;
use weir_compiler::report::summary::inputs;
use weir_compiler::source_map::SourceMap;
use weir_compiler::{Compiled, compile, exports};

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
    let overrides = CliOverrides {
        strategy: overrides.strategy,
        target: overrides.target.clone(),
    };
    let mut files = SourceMap::default();
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
    let compiled = compile(&project, &files, &exports, None);
    Ok(Built {
        dir,
        project,
        files,
        exports,
        compiled,
    })
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
