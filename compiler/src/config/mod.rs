//! `weir.toml`: as written (spanned), and resolved into a [`project::Project`] in which nothing is optional.

pub mod project;

use std::fmt;
use std::ops::Range;
use std::path::Path;

use crate::config::project::Project;
use crate::ir::tree::Strategy;
use crate::source_map::SourceMap;

/// What the command line says over the file.
#[derive(Clone, Default, Debug)]
pub struct CliOverrides {
    pub strategy: Option<Strategy>,
    pub target: Option<String>,
}

/// Everything that is wrong with a configuration: the first problem in the order of the file, and the others.
#[derive(Clone, Debug)]
pub struct ConfigError {
    pub message: String,
    pub help: String,
    pub span: Option<Range<usize>>,
    pub outside: bool,
    pub others: Vec<ConfigError>,
}

impl ConfigError {
    pub fn file(&self) -> &str {
        "weir.toml"
    }

    pub fn text(&self) -> &str {
        ""
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

pub fn load(
    _dir: &Path,
    _files: &mut SourceMap,
    _overrides: &CliOverrides,
) -> Result<Project, ConfigError> {
    Err(ConfigError {
        message: "reading weir.toml is not built in".to_owned(),
        help: String::new(),
        span: None,
        outside: false,
        others: Vec::new(),
    })
}
