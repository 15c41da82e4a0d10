//! A small network built by hand, for unit tests of rules whose trigger is easier to state as the output of a
//! stage than as an input file. Rates are in Mbit/s. Add things in order of id.

use crate::config::project::{Merge, Project};
use crate::config::{self, CliOverrides};
use crate::exports::ExportSet;
use crate::finding::Draft;
use crate::id::{CircuitIx, FileId, NodeIx, TreeIx};
use crate::ir::graph::{Choice, ChosenTree, GraphEvidence, LinkGraph, Vertex, Via};
use crate::ir::inventory::{Circuit, Device, Inventory, Node};
use crate::ir::layout::QueueLayout;
use crate::ir::records::{NodeKind, Origin, ServiceState, SourceEvidence};
use crate::ir::tree::{BucketReason, Parent, PlacedCircuit, ShapingTree, Strategy, TreeNode};
use crate::lint::rule::{Rule, Stages};
use crate::source_map::{Format, SourceFile, SourceMap};
use crate::units::{Kbps, Pair};

pub struct Fixture {
    pub project: Project,
    pub files: SourceMap,
    pub sources: Vec<SourceEvidence>,
    pub inventory: Inventory,
    pub graph: LinkGraph,
    pub chosen: ChosenTree,
    pub tree: ShapingTree,
    pub layout: QueueLayout,
    file: FileId,
}

pub fn pair(down: u64, up: u64) -> Pair<Kbps> {
    Pair::new(Kbps(down * 1000), Kbps(up * 1000))
}

impl Fixture {
    pub fn new() -> Self {
        let mut files = SourceMap::default();
        let mut file = |path: &str, format| {
            files.add(SourceFile {
                path: path.to_owned(),
                format,
                bytes: Vec::new().into(),
                transcoded: None,
                digest: String::new().into(),
            })
        };
        let config = file("weir.toml", Format::Toml);
        let export = file("exports/inventory.json", Format::Json);
        let config = files.whole(config);
        Fixture {
            project: project(config),
            files,
            sources: vec![SourceEvidence::default()],
            inventory: Inventory::default(),
            graph: LinkGraph {
                graph: Default::default(),
                root: None,
                heads: Vec::new(),
                snapshot: String::new(),
                evidence: GraphEvidence::default(),
            },
            chosen: ChosenTree {
                choice: Vec::new(),
                island: Vec::new(),
                order: Vec::new(),
            },
            tree: ShapingTree {
                strategy: Strategy::ApSite,
                nodes: Vec::new(),
                circuits: Vec::new(),
                evidence: Default::default(),
            },
            layout: QueueLayout::default(),
            file: export,
        }
    }

    /// Chosen under its parent, by a link without a limit. 0 = unknown capacity.
    pub fn node(
        &mut self,
        id: &str,
        kind: NodeKind,
        parent: Option<NodeIx>,
        down: u64,
        up: u64,
    ) -> NodeIx {
        let ix = NodeIx::of(self.inventory.nodes.len());
        self.inventory.nodes.push(Node {
            id: id.into(),
            name: id.into(),
            kind,
            parent,
            capacity: pair(down, up).map(Kbps::known),
            hidden: None,
            gateway: false,
            position: None,
            origin: self.origin(ix.0),
        });
        self.chosen
            .choice
            .push((kind != NodeKind::Root).then(|| Choice {
                parent: parent.map_or(Vertex::GeneratedRoot, Vertex::Node),
                via: Via::Member(ix),
                capacity: Pair::UNLIMITED,
                edge_cost: 1,
                cost: 1,
                hops: 1,
                bottleneck: Kbps::UNLIMITED,
                rivals: Vec::new(),
                kept: false,
            }));
        self.chosen.island.push(None);
        self.chosen.order.push(ix);
        ix
    }

    pub fn circuit(
        &mut self,
        id: &str,
        attach: Option<NodeIx>,
        down: u64,
        up: u64,
        addresses: &[&str],
    ) -> CircuitIx {
        let ix = CircuitIx::of(self.inventory.circuits.len());
        let origin = self.origin(1000 + ix.0);
        let plan = pair(down, up);
        let addresses = addresses
            .iter()
            .map(|text| {
                text.parse()
                    .unwrap_or_else(|_| text.parse::<std::net::IpAddr>().unwrap().into())
            })
            .collect();
        self.inventory.circuits.push(Circuit {
            id: id.into(),
            name: id.into(),
            attach,
            plan: plan.map(Kbps::known),
            source_plan: plan.map(Kbps::known),
            burst: Pair::ZERO,
            burst_bytes: Pair::both(0),
            commit: Pair::ZERO,
            state: ServiceState::Active,
            leaf: Pair::both(None),
            comment: "".into(),
            devices: vec![Device {
                id: format!("{id}-cpe").into(),
                name: "cpe".into(),
                mac: "".into(),
                addresses,
                origin,
            }],
            max: plan,
            min: Pair::ZERO,
            omitted: None,
            position: None,
            origin,
            plan_route: Pair::both("/plan_kbps"),
            plan_origin: None,
        });
        ix
    }

    /// Emits every node but the root, and hangs every circuit where it is attached, else in bucket 0.
    pub fn place_all(&mut self) {
        let mut emitted: Vec<Option<TreeIx>> = vec![None; self.inventory.nodes.len()];
        for ix in self.inventory.node_ixs() {
            let node = &self.inventory[ix];
            if node.kind == NodeKind::Root {
                continue;
            }
            emitted[ix.ix()] = Some(TreeIx::of(self.tree.nodes.len()));
            self.tree.nodes.push(TreeNode {
                node: ix,
                parent: node.parent.and_then(|p| emitted[p.ix()]),
                name: node.name.clone(),
                cap: node.capacity.or_unlimited(),
                guarantee: Pair::ZERO,
                htb_rate: Pair::ZERO,
                children: Vec::new(),
                circuits: Vec::new(),
            });
        }
        for ix in self.inventory.circuit_ixs() {
            let circuit = &self.inventory[ix];
            let at = circuit.attach.and_then(|node| emitted[node.ix()]);
            if let Some(at) = at {
                self.tree.nodes[at.ix()].circuits.push(ix);
            }
            self.tree.circuits.push(Some(PlacedCircuit {
                parent: at.map_or(Parent::Bucket(0), Parent::Node),
                max: circuit.max,
                min: circuit.min,
                asked: circuit.max,
                asked_min: circuit.min,
                bucket_reason: at.is_none().then_some(BucketReason::NoParent),
            }));
        }
    }

    pub fn run(&self, rule: &Rule) -> Vec<Draft> {
        let mut drafts = Vec::new();
        let stages = Stages {
            project: &self.project,
            files: &self.files,
            exports: &ExportSet::default(),
            sources: &self.sources,
            inventory: &self.inventory,
            graph: &self.graph,
            chosen: &self.chosen,
            tree: &self.tree,
            layout: &self.layout,
            previous: None,
        };
        (rule.check)(&stages, &mut drafts);
        drafts
    }

    pub fn origin(&self, start: u32) -> Origin {
        Origin {
            file: self.file,
            len: 1,
            start: start.into(),
        }
    }
}

/// What `weir.toml` means when it says nothing, without a source.
fn project(file: Origin) -> Project {
    let written =
        "[project]\nname = \"test\"\n[[source]]\nkind = \"inventory\"\nexport = \"exports\"\n";
    let mut read = SourceMap::default();
    let project = config::load_str(written, &mut read, &CliOverrides::default());
    Project {
        file,
        sources: Vec::new(),
        merge: Merge::default(),
        digest: String::new(),
        ..project.expect("it is right")
    }
}
