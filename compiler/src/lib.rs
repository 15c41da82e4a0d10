//! The Weir compiler: an ISP's CRM data, a topology strategy and the operator's settings in; a versioned
//! traffic-shaping artifact out. The pipeline is [`compile`]; read it first.
//!
//! Reading the project and its exports (`config`, `exports`) and writing the artifact (`emit::write`) are the
//! two shores. Between them nothing does I/O, prints, reads a clock or the environment, or depends on hash order.

pub mod config;
pub mod emit;
pub mod exports;
pub mod finding;
pub mod id;
pub mod ir;
pub mod lint;
pub mod normalize;
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
use crate::ir::previous::Previous;
use crate::ir::records::Records;
use crate::lint::rule::Stages;
use crate::source_map::SourceMap;

/// What one compilation gives: always artifacts, always findings.
pub struct Compiled {
    pub artifacts: ArtifactSet,
    /// Sorted; see `lint::run`.
    pub findings: Vec<Finding>,
    /// Mandatory files that could not be read: the source is not complete, so nothing may be built from it.
    pub incomplete: bool,
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
    let stages = Stages {
        project,
        files,
        exports,
        sources: &sources,
        inventory: &inventory,
        graph: &graph,
        chosen: &chosen,
        tree: &tree,
        layout: &layout,
    };
    let findings = lint::run(&stages);
    let incomplete = sources
        .iter()
        .any(|s| s.unreadable.iter().any(|u| u.mandatory) || s.missing.iter().any(|m| !m.optional));
    let artifacts = emit::emit(&stages, &findings);
    Compiled {
        artifacts,
        findings,
        incomplete,
    }
}
