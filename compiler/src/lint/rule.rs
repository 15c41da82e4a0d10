//! What a lint rule is. One rule is one file: documentation, message, check, and two examples that run as tests.

use crate::config::project::Project;
use crate::finding::{Draft, Level};
use crate::ir::graph::{ChosenTree, LinkGraph};
use crate::ir::inventory::Inventory;
use crate::ir::layout::QueueLayout;
use crate::ir::records::SourceEvidence;
use crate::ir::tree::ShapingTree;
use crate::source_map::SourceMap;

/// The outputs of every stage, as rules see them.
#[derive(Clone, Copy)]
pub struct Stages<'a> {
    pub project: &'a Project,
    pub files: &'a SourceMap,
    /// By source, in order of precedence.
    pub sources: &'a [SourceEvidence],
    pub inventory: &'a Inventory,
    pub graph: &'a LinkGraph,
    pub chosen: &'a ChosenTree,
    pub tree: &'a ShapingTree,
    pub layout: &'a QueueLayout,
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

/// A tiny project: one source and a configuration.
#[derive(Clone, Copy)]
pub struct Example {
    /// Source kind: `inventory`, `libreqos`, `uisp`.
    pub kind: &'static str,
    /// Export files: name and content.
    pub files: &'static [(&'static str, &'static str)],
    /// `weir.toml` without `[project]` and `[[source]]`.
    pub config: &'static str,
}

impl Example {
    /// An `inventory.json` without its `schema` line.
    pub const fn inventory(
        files: &'static [(&'static str, &'static str)],
        config: &'static str,
    ) -> Self {
        Example {
            kind: "inventory",
            files,
            config,
        }
    }
}
