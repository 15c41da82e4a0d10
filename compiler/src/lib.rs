//! The Weir compiler: an ISP's CRM data, a topology strategy and the operator's settings in; a versioned
//! traffic-shaping artifact out. The pipeline is [`compile`]; read it first.
//!
//! Reading the project and its exports (`config`, `exports`) and writing the artifact (`emit::write`) are the
//! two shores. Between them nothing does I/O, prints, reads a clock or the environment, or depends on hash order.
//!
//! ```
//! use weir_compiler::{compile, config, exports, source_map::SourceMap};
//!
//! let dir = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/ci"));
//! let mut files = SourceMap::default();
//! let project = config::load(dir, &mut files, &config::CliOverrides::default()).expect("a project");
//! let exports = exports::read(dir, &project.sources, &mut files).expect("its exports");
//! let compiled = compile(&project, &files, &exports, None);
//! assert!(compiled.refused.is_empty());
//! assert!(compiled.artifacts.file("ShapedDevices.csv").is_some());
//! ```

pub mod adopt;
pub mod advise;
pub mod baseline;
pub mod compare;
pub mod config;
pub mod diff;
pub mod emit;
mod encoding;
pub mod exports;
pub mod finding;
pub mod fit;
pub mod golden;
pub mod guard;
pub mod id;
pub mod ir;
pub mod limits;
pub mod lint;
pub mod lock;
mod near;
pub mod normalize;
pub mod peaks;
pub mod previous;
pub mod publish;
pub mod refusal;
pub mod reparented;
pub mod report;
pub mod source_map;
pub mod sources;
pub mod testing;
pub mod topology;
pub mod units;
pub mod why;

use std::panic::resume_unwind;
use std::thread;

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
        previous: Option<&'a Previous>,
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
            previous,
        }
    }
}

/// What the strategies have in common: the network, and one parent for each of its nodes.
pub struct Network {
    pub sources: Vec<SourceEvidence>,
    pub inventory: Inventory,
    pub graph: LinkGraph,
    pub chosen: ChosenTree,
}

impl Network {
    /// A mandatory file could not be read.
    pub fn incomplete(&self) -> bool {
        self.sources.iter().any(|s| {
            s.unreadable.iter().any(|u| u.mandatory) || s.missing.iter().any(|m| !m.optional)
        })
    }
}

/// The parts of a compilation, for whoever looks on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Normalize,
    Topology,
    Lint,
    Emit,
}

/// Is told which part begins.
pub type Watch<'a> = &'a mut dyn FnMut(Part);

/// The first half of [`compile`]: everything that is there before a strategy is asked.
pub fn network(
    project: &Project,
    files: &SourceMap,
    exports: &ExportSet,
    previous: Option<&Previous>,
) -> Network {
    network_watched(project, files, exports, previous, &mut |_| ())
}

fn network_watched(
    project: &Project,
    files: &SourceMap,
    exports: &ExportSet,
    previous: Option<&Previous>,
    begins: Watch<'_>,
) -> Network {
    begins(Part::Normalize);
    let records: Vec<Records> = exports
        .exports
        .par_iter()
        .map(|export| {
            let source = &project.sources[export.source];
            sources::lower(source, export, files, project.as_of)
        })
        .collect();
    let (mut inventory, sources) = normalize::normalize(project, records);
    if let Some(file) = exports.peaks {
        peaks::lower(files, file, &mut inventory);
    }
    begins(Part::Topology);
    let graph = topology::graph(project, &inventory, previous, || exports.digest(files));
    let chosen = topology::choose(project, &inventory, &graph, previous);
    Network {
        sources,
        inventory,
        graph,
        chosen,
    }
}

/// The second half: the strategy's tree and its queues.
pub fn plan(
    project: &Project,
    network: &Network,
    previous: Option<&Previous>,
) -> (ShapingTree, QueueLayout) {
    let Network {
        inventory,
        graph,
        chosen,
        ..
    } = network;
    let tree = topology::shape(project, inventory, graph, chosen, previous);
    let mut layout = topology::layout(project, inventory, &tree, previous);
    let advised = advise::advise(&advise::Shaped {
        project,
        inventory,
        graph,
        chosen,
        previous,
        tree: &tree,
        layout: &layout,
    });
    layout.evidence.advice = advised.helps;
    layout.evidence.advised = advised.tried;
    (tree, layout)
}

/// What is said and written of a plan.
pub struct Outcome {
    pub findings: Vec<Finding>,
    pub artifacts: ArtifactSet,
    pub refused: Vec<Refusal>,
}

impl Outcome {
    pub fn of(stages: &Stages<'_>, previous: Option<&Previous>) -> Outcome {
        Outcome::watched(stages, previous, &mut |_| ())
    }

    fn watched(stages: &Stages<'_>, previous: Option<&Previous>, begins: Watch<'_>) -> Outcome {
        let (findings, artifacts) = Outcome::unproved(stages, previous, begins);
        let refused = refusal::refusals(stages, &artifacts);
        Outcome {
            findings,
            artifacts,
            refused,
        }
    }

    fn unproved(
        stages: &Stages<'_>,
        previous: Option<&Previous>,
        begins: Watch<'_>,
    ) -> (Vec<Finding>, ArtifactSet) {
        begins(Part::Lint);
        let findings = lint::run(stages);
        begins(Part::Emit);
        let artifacts = emit::emit(stages, &findings, previous.map(|p| p.digest.as_str()));
        (findings, artifacts)
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
    compile_watched(project, files, exports, previous, &mut |_| ())
}

/// [`compile`], with somebody who looks on.
pub fn compile_watched(
    project: &Project,
    files: &SourceMap,
    exports: &ExportSet,
    previous: Option<&Previous>,
    begins: Watch<'_>,
) -> Compiled {
    let mut compiled = planned(project, files, exports, previous, begins);
    let outcome = Outcome::watched(
        &compiled.stages(project, files, exports, previous),
        previous,
        begins,
    );
    compiled.findings = outcome.findings;
    compiled.artifacts = outcome.artifacts;
    compiled.refused = outcome.refused;
    compiled
}

/// [`compile`], and `meanwhile` is given the files while it is still worked out whether they are refused: writing
/// them takes as long as proving them. It has a thread of its own, because disks let wait. `None` where a source is
/// incomplete: of that nothing is ever written.
pub fn compile_beside<T: Send>(
    project: &Project,
    files: &SourceMap,
    exports: &ExportSet,
    previous: Option<&Previous>,
    meanwhile: impl FnOnce(&ArtifactSet) -> T + Send,
) -> (Compiled, Option<T>) {
    let mut compiled = planned(project, files, exports, previous, &mut |_| ());
    let stages = compiled.stages(project, files, exports, previous);
    let (findings, artifacts) = Outcome::unproved(&stages, previous, &mut |_| ());
    let (refused, done) = thread::scope(|scope| {
        let writing = (!compiled.incomplete).then(|| scope.spawn(|| meanwhile(&artifacts)));
        let refused = refusal::refusals(&stages, &artifacts);
        let done = writing.map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic)));
        (refused, done)
    });
    compiled.findings = findings;
    compiled.artifacts = artifacts;
    compiled.refused = refused;
    (compiled, done)
}

/// Everything but what is said and written of it.
fn planned(
    project: &Project,
    files: &SourceMap,
    exports: &ExportSet,
    previous: Option<&Previous>,
    begins: Watch<'_>,
) -> Compiled {
    let network = network_watched(project, files, exports, previous, begins);
    let (tree, layout) = plan(project, &network, previous);
    let incomplete = network.incomplete();
    Compiled {
        sources: network.sources,
        inventory: network.inventory,
        graph: network.graph,
        chosen: network.chosen,
        tree,
        layout,
        artifacts: ArtifactSet::default(),
        findings: Vec::new(),
        incomplete,
        refused: Vec::new(),
    }
}
