//! The Weir compiler: an ISP's CRM data, a topology strategy and the operator's settings in; a versioned
//! traffic-shaping artifact out. The pipeline is [`compile`]; read it first.
//!
//! Reading the project and its exports (`config`, `exports`) and writing the artifact (`emit::write`) are the
//! two shores. Between them nothing does I/O, prints, reads a clock or the environment, or depends on hash order.

pub mod baseline;
pub mod config;
pub mod date;
pub mod emit;
pub mod exports;
pub mod finding;
pub mod fit;
pub mod id;
pub mod ir;
pub mod lint;
pub mod normalize;
pub mod previous;
pub mod refusal;
pub mod report;
pub mod source_map;
pub mod sources;
pub mod testing;
pub mod topology;
pub mod units;

use rayon::prelude::*;

use crate::config::project::Project;
use crate::emit::ArtifactSet;
use crate::exports::ExportSet;
use crate::finding::Finding;
use crate::ir::graph::{ChosenTree, LinkGraph};
use crate::ir::inventory::Inventory;
use crate::ir::layout::QueueLayout;
use crate::ir::previous::Previous;
use crate::ir::records::{Records, SourceEvidence};
use crate::ir::tree::ShapingTree;
use crate::lint::rule::Stages;
use crate::refusal::Refusal;
use crate::source_map::SourceMap;

/// What one compilation gives: always artifacts, always findings, and the outputs of every stage for whoever
/// wants to look at them.
pub struct Compiled {
    pub sources: Vec<SourceEvidence>,
    pub inventory: Inventory,
    pub graph: LinkGraph,
    pub chosen: ChosenTree,
    pub tree: ShapingTree,
    pub layout: QueueLayout,
    pub artifacts: ArtifactSet,
    /// Sorted; see `lint::run`.
    pub findings: Vec<Finding>,
    /// Mandatory files that could not be read: the source is not complete, so nothing may be built from it.
    pub incomplete: bool,
    /// The target cannot represent the plan, or it would not hold its rates: nothing may be written.
    pub refused: Vec<Refusal>,
}

impl Compiled {
    /// The stages as the rules saw them.
    pub fn stages<'a>(
        &'a self,
        project: &'a Project,
        files: &'a SourceMap,
        exports: &'a ExportSet,
    ) -> Stages<'a> {
        Stages {
            project,
            files,
            exports,
            sources: &self.sources,
            inventory: &self.inventory,
            graph: &self.graph,
            chosen: &self.chosen,
            tree: &self.tree,
            layout: &self.layout,
        }
    }
}

/// The whole compiler. Total: bad input becomes findings, never an error.
///
/// `previous` is the artifact whose identities (parents, CPU queues, class numbers) are kept where they can be.
pub fn compile(
    project: &Project,
    files: &SourceMap,
    exports: &ExportSet,
    previous: Option<&Previous>,
) -> Compiled {
    let records: Vec<Records> = exports
        .exports
        .par_iter()
        .map(|export| sources::lower(&project.sources[export.source], export, files))
        .collect();
    let (inventory, sources) = normalize::normalize(project, records);
    let graph = topology::graph(project, &inventory, previous, &exports.digest(files));
    let chosen = topology::choose(project, &inventory, &graph, previous);
    let tree = topology::shape(project, &inventory, &graph, &chosen, previous);
    let layout = topology::layout(project, &inventory, &tree, previous);
    let incomplete = sources
        .iter()
        .any(|s| s.unreadable.iter().any(|u| u.mandatory) || s.missing.iter().any(|m| !m.optional));
    let mut compiled = Compiled {
        sources,
        inventory,
        graph,
        chosen,
        tree,
        layout,
        artifacts: ArtifactSet::default(),
        findings: Vec::new(),
        incomplete,
        refused: Vec::new(),
    };
    let stages = compiled.stages(project, files, exports);
    let findings = lint::run(&stages);
    let artifacts = emit::emit(&stages, &findings, previous.map(|p| p.digest.as_str()));
    let refused = refusal::refusals(&stages, &artifacts);
    compiled.findings = findings;
    compiled.refused = refused;
    compiled.artifacts = artifacts;
    compiled
}
