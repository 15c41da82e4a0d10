//! What a lint rule is. One rule is one file: documentation, message, check, and two examples that run as tests.

use crate::config::project::Project;
use crate::exports::ExportSet;
use crate::finding::{Draft, Level};
use crate::ir::graph::{ChosenTree, LinkGraph};
use crate::ir::inventory::Inventory;
use crate::ir::layout::QueueLayout;
use crate::ir::previous::Previous;
use crate::ir::records::SourceEvidence;
use crate::ir::tree::ShapingTree;
use crate::source_map::SourceMap;

/// The outputs of every stage, as rules see them.
#[derive(Clone, Copy)]
pub struct Stages<'a> {
    pub project: &'a Project,
    pub files: &'a SourceMap,
    pub exports: &'a ExportSet,
    /// By source, in order of precedence.
    pub sources: &'a [SourceEvidence],
    pub inventory: &'a Inventory,
    pub graph: &'a LinkGraph,
    pub chosen: &'a ChosenTree,
    pub tree: &'a ShapingTree,
    pub layout: &'a QueueLayout,
    /// The artifact this build follows.
    pub previous: Option<&'a Previous>,
}

pub struct Rule {
    /// Stable code: `ADR001`.
    pub code: &'static str,
    /// Stable kebab-case name that reads well after "allow".
    pub name: &'static str,
    pub default: Level,
    /// The record was dealt with by a stated rule and nothing else is affected (topology.md 7).
    pub contained: bool,
    /// One line: what it finds.
    pub what: &'static str,
    /// Why it matters to subscribers.
    pub why: &'static str,
    /// How to fix it.
    pub fix: &'static str,
    /// Compiles and triggers the rule.
    pub bad: Example,
    /// Compiles and does not.
    pub good: Example,
    pub check: fn(&Stages<'_>, &mut Vec<Draft>),
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code)
    }
}

/// A further source of an example.
#[derive(Clone, Copy)]
pub struct Also {
    pub name: &'static str,
    pub kind: &'static str,
    pub files: Files,
}

/// A tiny project: a source or a few, and a configuration.
#[derive(Clone, Copy)]
pub struct Example {
    /// Source kind: `inventory`, `libreqos`, `uisp`.
    pub kind: &'static str,
    /// Export files: name and content.
    pub files: &'static [(&'static str, &'static str)],
    /// `weir.toml` without `[project]` and `[[source]]`.
    pub config: &'static str,
    /// Export files of the build before, under the same configuration; empty where the rule does not compare.
    pub before: Files,
    /// When the export was recorded and when it is looked at; empty where the rule does not ask.
    pub recorded: &'static str,
    pub as_of: &'static str,
    /// What the example is, where it takes too large a network or several builds to be written out; empty otherwise.
    pub prose: &'static str,
    /// Sources after the first.
    pub also: &'static [Also],
    /// `overrides.toml`; empty when there is none.
    pub overrides: &'static str,
}

pub type Files = &'static [(&'static str, &'static str)];

impl Example {
    pub const fn of(kind: &'static str, files: Files, config: &'static str) -> Self {
        Example {
            kind,
            files,
            config,
            before: &[],
            recorded: "",
            as_of: "",
            prose: "",
            also: &[],
            overrides: "",
        }
    }

    /// With more sources, trusted less than the first.
    pub const fn and(self, also: &'static [Also]) -> Self {
        Example { also, ..self }
    }

    /// With an `overrides.toml`, on a day.
    pub const fn overridden(self, overrides: &'static str, as_of: &'static str) -> Self {
        Example {
            overrides,
            as_of,
            ..self
        }
    }

    /// After a build of these files.
    pub const fn after(self, before: Files) -> Self {
        Example { before, ..self }
    }

    /// Recorded then, and looked at now.
    pub const fn seen(self, recorded: &'static str, as_of: &'static str) -> Self {
        Example {
            recorded,
            as_of,
            ..self
        }
    }

    /// A network in our own format: files of its export directory, and settings.
    pub const fn inventory(files: Files, config: &'static str) -> Self {
        Example::of("inventory", files, config)
    }

    /// A LibreQoS directory, and settings.
    pub const fn libreqos(files: Files, config: &'static str) -> Self {
        Example::of("libreqos", files, config)
    }

    /// Only a network of tens of thousands of records, or two builds, trigger the rule.
    pub const fn told(prose: &'static str) -> Self {
        Example {
            prose,
            ..Example::inventory(&[], "")
        }
    }
}
