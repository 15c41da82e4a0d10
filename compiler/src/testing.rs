//! Projects in memory, for tests and for the examples in the lint documentation: the real configuration reader
//! and the real compiler, without a directory.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::config::project::Project;
use crate::config::{self, CliOverrides, ConfigError};
use crate::date::Date;
use crate::exports::{Export, ExportFile, ExportSet};
use crate::ir::previous::Previous;
use crate::lint::rule::Example;
use crate::source_map::{Format, SourceFile, SourceMap};
use crate::{Compiled, compile};

/// A project with one source, read and ready to compile.
pub struct Memory {
    pub project: Project,
    pub files: SourceMap,
    pub exports: ExportSet,
}

impl Memory {
    /// `files`: export files by name; `config`: `weir.toml` without `[project]` and `[[source]]`.
    pub fn new(kind: &str, files: &[(&str, &[u8])], config: &str) -> Result<Memory, ConfigError> {
        let toml = format!(
            "[project]\nname = \"example\"\n\n[[source]]\nname = \"example\"\nkind = \"{kind}\"\nexport = \"exports\"\n\n{config}"
        );
        let mut map = SourceMap::default();
        // In memory it is always the same day.
        let overrides = CliOverrides {
            as_of: Date::new(2027, 1, 1),
            ..CliOverrides::default()
        };
        let project = config::load_str(&toml, &mut map, &overrides)?;
        let mut export = Export {
            source: 0,
            files: files
                .iter()
                .map(|(name, bytes)| export_file(kind, name, bytes, &mut map))
                .collect(),
        };
        export.files.sort();
        Ok(Memory {
            project,
            files: map,
            exports: ExportSet {
                exports: vec![export],
            },
        })
    }

    pub fn compile(&self, previous: Option<&Previous>) -> Compiled {
        compile(&self.project, &self.files, &self.exports, previous)
    }
}

fn export_file(kind: &str, name: &str, bytes: &[u8], map: &mut SourceMap) -> ExportFile {
    let stem = name.strip_suffix(".json").unwrap_or(name);
    let (collection, page) = match stem.split_once(".page-") {
        _ if kind == "libreqos" => (name, None),
        Some((collection, page)) => (collection, page.parse().ok()),
        None => (stem, None),
    };
    let file = map.add(SourceFile {
        path: format!("exports/{name}"),
        format: if name.ends_with(".csv") {
            Format::Csv
        } else if name.ends_with(".json") {
            Format::Json
        } else {
            Format::Toml
        },
        bytes: Arc::new(bytes.to_vec()),
        transcoded: None,
        digest: Sha256::digest(bytes)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect(),
    });
    ExportFile {
        collection: collection.to_owned(),
        page,
        file,
    }
}

/// Compiles the example of a lint rule.
///
/// # Panics
/// When the example's configuration does not load: a mistake in the rule's documentation.
pub fn compile_example(example: &Example) -> Compiled {
    let files: Vec<(&str, &[u8])> = example
        .files
        .iter()
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    match Memory::new(example.kind, &files, example.config) {
        Ok(memory) => memory.compile(None),
        Err(error) => panic!("example does not load: {error}"),
    }
}
