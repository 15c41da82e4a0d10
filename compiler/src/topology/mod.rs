//! topology
use crate::config::project::Project;
use crate::ir::graph::{ChosenTree, GraphEvidence, LinkGraph};
use crate::ir::inventory::Inventory;
use crate::ir::layout::QueueLayout;
use crate::ir::tree::ShapingTree;

pub fn graph(_project: &Project, _inventory: &Inventory) -> LinkGraph {
    LinkGraph {
        graph: Default::default(),
        root: None,
        pins: Vec::new(),
        evidence: GraphEvidence::default(),
    }
}
pub fn choose(_project: &Project, _inventory: &Inventory, _graph: &LinkGraph) -> ChosenTree {
    ChosenTree {
        choice: Vec::new(),
        heads: Vec::new(),
        island: Vec::new(),
        order: Vec::new(),
    }
}
pub fn shape(
    project: &Project,
    _inventory: &Inventory,
    _graph: &LinkGraph,
    _chosen: &ChosenTree,
) -> ShapingTree {
    ShapingTree {
        strategy: project.topology.strategy,
        nodes: Vec::new(),
        circuits: Vec::new(),
        evidence: Default::default(),
    }
}
pub fn layout(_project: &Project, _inventory: &Inventory, _tree: &ShapingTree) -> QueueLayout {
    QueueLayout::default()
}
