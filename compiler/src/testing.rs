//! Projects in memory, for tests and for the examples in the lint documentation: the real configuration reader
//! and the real compiler, without a directory.

use std::sync::Arc;

use weir_schemas::artifact;

use crate::config::date::Date;
use crate::config::project::Project;
use crate::config::{self, CliOverrides, ConfigError};
use crate::exports::{Clock, Export, ExportFile, ExportSet};
use crate::ir::previous::Previous;
use crate::lint::rule::Example;
use crate::source_map::{Content, Digest, Format, SourceFile, SourceMap};
use crate::{Compiled, compile, previous};

/// A project, read and ready to compile.
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
        // The file of `topology.peaks` lies beside the exports.
        let is_peaks = |name: &str| project.topology.peaks.as_deref() == Some(name);
        let mut export = Export {
            source: 0,
            files: files
                .iter()
                .filter(|(name, _)| !is_peaks(name))
                .map(|(name, bytes)| export_file(kind, name, bytes, &mut map))
                .collect(),
        };
        export.files.sort();
        let peaks = files
            .iter()
            .find(|(name, _)| is_peaks(name))
            .map(|(name, bytes)| export_file("libreqos", name, bytes, &mut map).file);
        Ok(Memory {
            project,
            files: map,
            exports: ExportSet {
                exports: vec![export],
                peaks,
                ..ExportSet::default()
            },
        })
    }

    /// Several sources, in this order in `weir.toml`; `config` is the rest of it.
    pub fn several(
        sources: &[Input<'_>],
        config: &str,
        overrides: &str,
        as_of: &str,
    ) -> Result<Memory, ConfigError> {
        let mut toml = String::from("[project]\nname = \"example\"\n\n");
        for Input { name, kind, .. } in sources {
            toml.push_str(&format!(
                "[[source]]\nname = \"{name}\"\nkind = \"{kind}\"\nexport = \"exports/{name}\"\n\n"
            ));
        }
        toml.push_str(config);
        let mut map = SourceMap::default();
        let cli = CliOverrides {
            as_of: Date::parse(as_of),
            ..CliOverrides::default()
        };
        let mut project = config::load_str(&toml, &mut map, &cli)?;
        if !overrides.is_empty() {
            project.overrides = config::overrides::load_str(overrides, &mut map)?;
        }
        let exports = project.sources.iter().enumerate().map(|(source, of)| {
            let input = &sources[of.index];
            let files = input.files.iter();
            let mut export = Export {
                source,
                files: files
                    .map(|(name, bytes)| {
                        let name = format!("{}/{name}", of.name);
                        export_file(input.kind, &name, bytes, &mut map)
                    })
                    .collect(),
            };
            export.files.sort();
            export
        });
        let exports = ExportSet {
            exports: exports.collect(),
            ..ExportSet::default()
        };
        Ok(Memory {
            project,
            files: map,
            exports,
        })
    }

    /// The same project with other bytes in some files of its export, by their names. Everything else is shared: a test can
    /// afford a hundred thousand of them.
    #[must_use]
    pub fn with(&self, changed: &[(&str, Arc<Vec<u8>>)]) -> Memory {
        let mut files = SourceMap::default();
        for (_, file) in self.files.files() {
            let name = file.path.strip_prefix("exports/");
            let other = changed.iter().find(|(other, _)| Some(*other) == name);
            files.add(match other {
                None => file.clone(),
                Some((_, bytes)) => SourceFile {
                    bytes: Content::Held(Arc::clone(bytes)),
                    digest: Digest::of(Arc::clone(bytes)),
                    ..file.clone()
                },
            });
        }
        Memory {
            project: self.project.clone(),
            files,
            exports: self.exports.clone(),
        }
    }

    pub fn compile(&self, previous: Option<&Previous>) -> Compiled {
        compile(&self.project, &self.files, &self.exports, previous)
    }
}

/// A source of a [`Memory`].
#[derive(Clone)]
pub struct Input<'a> {
    pub name: &'a str,
    pub kind: &'a str,
    pub files: Vec<(&'a str, &'a [u8])>,
}

fn export_file(kind: &str, path: &str, bytes: &[u8], map: &mut SourceMap) -> ExportFile {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.strip_suffix(".json").unwrap_or(name);
    let (collection, page) = match stem.split_once(".page-") {
        _ if ["libreqos", "table"].contains(&kind) => (name, None),
        Some((collection, page)) => (collection, page.parse().ok()),
        None => (stem, None),
    };
    let file = map.add(SourceFile {
        path: format!("exports/{path}"),
        format: if name.ends_with(".csv") {
            Format::Csv
        } else if name.ends_with(".json") {
            Format::Json
        } else {
            Format::Toml
        },
        bytes: bytes.to_vec().into(),
        transcoded: None,
        digest: weir_store::sha256(bytes).into(),
    });
    ExportFile {
        collection: collection.to_owned(),
        page,
        file,
    }
}

/// Compiles the example of a lint rule; where the rule compares with the build before, that one first.
///
/// # Panics
/// When the example's configuration does not load: a mistake in the rule's documentation.
pub fn compile_example(example: &Example) -> Compiled {
    let memory = |files: &[(&str, &str)]| {
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(name, text)| (*name, text.as_bytes()))
            .collect();
        let memory = match (example.also, example.overrides) {
            ([], "") => Memory::new(example.kind, &files, example.config),
            (also, overrides) => {
                let mut sources = vec![Input {
                    name: "example",
                    kind: example.kind,
                    files,
                }];
                sources.extend(also.iter().map(|also| Input {
                    name: also.name,
                    kind: also.kind,
                    files: also.files.iter().map(|(n, t)| (*n, t.as_bytes())).collect(),
                }));
                Memory::several(&sources, example.config, overrides, example.as_of)
            }
        };
        match memory {
            Ok(memory) => memory,
            Err(error) => panic!("example does not load: {error}"),
        }
    };
    let mut now = memory(example.files);
    if !example.recorded.is_empty() {
        now.exports.clock = Clock {
            as_of: Clock::instant(example.as_of),
            recorded: vec![Clock::instant(example.recorded)],
        };
    }
    let before = (!example.before.is_empty()).then(|| {
        let memory = memory(example.before);
        remember(&memory.compile(None), &now.project)
    });
    now.compile(before.as_ref())
}

/// What the next build knows of this one.
///
/// # Panics
/// When the artifact does not read back: a mistake in an emitter.
pub fn remember(compiled: &Compiled, project: &Project) -> Previous {
    let artifacts = &compiled.artifacts;
    let digest = artifacts.digest.as_str();
    let file = |name| artifacts.file(name).unwrap_or_default();
    let read = || {
        let mut before = previous::read(file(artifact::QUEUE_PLAN), digest, project)?;
        let devices = Some(file(artifact::SHAPED_DEVICES));
        before.tree = Some(previous::shaped(file(artifact::TREE), devices, digest)?);
        Ok(before)
    };
    let before: Result<Previous, previous::Unreadable> = read();
    before.unwrap_or_else(|error| panic!("the artifact does not read back: {error}"))
}
