//! Stages made by hand, for the tests of the emitters: what the other stages would have found, in small.

use crate::config::project::{Merge, Project};
use crate::config::{self, CliOverrides};
use crate::emit::{ArtifactSet, emit};
use crate::exports::{Export, ExportFile, ExportSet};
use crate::finding::Finding;
use crate::id::{CircuitIx, FileId, NodeIx, TreeIx};
use crate::ir::graph::{Choice, ChosenTree, LinkGraph, Vertex, Via};
use crate::ir::inventory::{Circuit, Device, Inventory, Node, OmitReason};
use crate::ir::layout::{CircuitSlot, QueueLayout};
use crate::ir::records::{LeafKind, NodeKind, Origin, ServiceState};
use crate::ir::tree::{
    BucketReason, Parent, PlacedCircuit, ShapingTree, Strategy, TreeEvidence, TreeNode,
};
use crate::lint::rule::Stages;
use crate::source_map::{Format, SourceFile, SourceMap};
use crate::units::{Kbps, Pair};

pub(crate) struct World {
    pub project: Project,
    pub files: SourceMap,
    pub exports: ExportSet,
    pub inventory: Inventory,
    pub graph: LinkGraph,
    pub chosen: ChosenTree,
    pub tree: ShapingTree,
    pub layout: QueueLayout,
}

impl World {
    pub fn stages(&self) -> Stages<'_> {
        Stages {
            project: &self.project,
            files: &self.files,
            exports: &self.exports,
            sources: &[],
            inventory: &self.inventory,
            graph: &self.graph,
            chosen: &self.chosen,
            tree: &self.tree,
            layout: &self.layout,
            previous: None,
        }
    }

    pub fn emit(&self, findings: &[Finding]) -> ArtifactSet {
        emit(&self.stages(), findings, None)
    }

    /// One file as text.
    pub fn file(&self, name: &str) -> String {
        let set = self.emit(&[]);
        let bytes = set.file(name).expect("a file of the artifact");
        String::from_utf8(bytes.to_vec()).expect("UTF-8")
    }

    /// No nodes and no circuits.
    pub fn empty(strategy: Strategy) -> World {
        let mut files = SourceMap::default();
        let mut add = |path: &str, format, text: &str| {
            files.add(SourceFile {
                path: path.to_owned(),
                format,
                bytes: text.as_bytes().to_vec().into(),
                transcoded: None,
                digest: super::sha256(text.as_bytes()).into(),
            })
        };
        let config = add(
            "weir.toml",
            Format::Toml,
            "[project]\nname = \"lakeside\"\n",
        );
        let export = add(
            "exports/crm/inventory.json",
            Format::Json,
            "{\n  \"é\": 1 }\n",
        );
        World {
            project: project(config, strategy),
            files,
            exports: ExportSet {
                exports: vec![Export {
                    source: 0,
                    files: vec![ExportFile {
                        collection: "inventory".to_owned(),
                        page: None,
                        file: export,
                    }],
                }],
                ..ExportSet::default()
            },
            inventory: Inventory::default(),
            graph: LinkGraph {
                graph: Default::default(),
                root: None,
                heads: Vec::new(),
                snapshot: String::new(),
                evidence: Default::default(),
            },
            chosen: ChosenTree {
                choice: Vec::new(),
                island: Vec::new(),
                order: Vec::new(),
            },
            tree: ShapingTree {
                strategy,
                nodes: Vec::new(),
                circuits: Vec::new(),
                evidence: TreeEvidence {
                    bucket_cap: Pair::both(Kbps(1_000_000)),
                    ..TreeEvidence::default()
                },
            },
            layout: QueueLayout {
                majors: vec![Pair::both(1), Pair::both(3)],
                bucket_minor: vec![3, 3],
                load_kbps: vec![0, 0],
                ..QueueLayout::default()
            },
        }
    }

    /// A site with an access point, three circuits on them, one in a bucket, and one that is omitted.
    pub fn small() -> World {
        let mut world = World::empty(Strategy::ApSite);
        let core = world.node("core", NodeKind::Root, None);
        world.graph.root = Some(core);
        let site = world.node("hill", NodeKind::Site, Some(core));
        let ap = world.node("hill-a1", NodeKind::Ap, Some(site));
        let site = world.emit_node(site, None, 1_000_000, 500_000);
        let ap = world.emit_node(ap, Some(site), 150_000, 75_500);
        world.circuit(
            "c1",
            &["100.64.0.2/32", "2001:db8:1::/56"],
            Parent::Node(ap),
        );
        world.circuit("c2", &["100.64.0.3/32", "203.0.113.8/29"], Parent::Node(ap));
        world.circuit("c3", &["100.64.0.4/32"], Parent::Node(site));
        world.circuit("c4", &["100.64.0.5/32"], Parent::Bucket(1));
        world.omit("c5", OmitReason::NoAddress);
        world
    }

    /// Sites with access points with circuits, as many as asked for.
    pub fn large(circuits: usize) -> World {
        let mut world = World::empty(Strategy::ApSite);
        let per_ap = 40;
        let aps = circuits / per_ap + 1;
        let sites = aps / 6 + 1;
        let site: Vec<NodeIx> = (0..sites)
            .map(|n| world.node(&format!("site:{n:06}"), NodeKind::Site, None))
            .collect();
        let site: Vec<TreeIx> = site
            .into_iter()
            .map(|ix| world.emit_node(ix, None, 1_000_000, 1_000_000))
            .collect();
        let ap: Vec<TreeIx> = (0..aps)
            .map(|n| {
                let parent = site[n % sites];
                let node = world.tree[parent].node;
                let ix = world.node(&format!("t-ap:{n:06}"), NodeKind::Ap, Some(node));
                world.emit_node(ix, Some(parent), 300_000, 150_500)
            })
            .collect();
        for n in 0..circuits {
            let v4 = format!("100.{}.{}.{}/32", 64 + n / 65536, n / 256 % 256, n % 256);
            let v6 = format!("2001:db8:{:x}:{:x}00::/56", n / 256, n % 256);
            let parent = match n % 50 {
                0 => Parent::Bucket((n % 2) as u16),
                _ => Parent::Node(ap[n / per_ap]),
            };
            world.circuit(&format!("uisp:service:{n:07}"), &[&v4, &v6], parent);
        }
        world
    }

    /// Nodes are added in the order of their ids.
    pub fn node(&mut self, id: &str, kind: NodeKind, parent: Option<NodeIx>) -> NodeIx {
        let ix = NodeIx::of(self.inventory.nodes.len());
        self.inventory.nodes.push(Node {
            id: id.into(),
            name: format!("Node {id}").into(),
            kind,
            parent,
            capacity: Pair::new(Some(Kbps(900_000)), None),
            hidden: None,
            gateway: false,
            position: None,
            origin: origin(ix.ix()),
        });
        self.chosen.island.push(None);
        self.chosen.choice.push(parent.map(|parent| Choice {
            parent: Vertex::Node(parent),
            via: Via::Member(ix),
            capacity: Pair::UNLIMITED,
            edge_cost: 1,
            cost: 1,
            hops: 1,
            bottleneck: Kbps::UNLIMITED,
            rivals: Vec::new(),
            kept: false,
        }));
        let caps = &mut self.tree.evidence.physical_cap;
        caps.push(Pair::new(Kbps(900_000), Kbps::UNLIMITED));
        ix
    }

    pub fn emit_node(
        &mut self,
        node: NodeIx,
        parent: Option<TreeIx>,
        down: u64,
        up: u64,
    ) -> TreeIx {
        let at = TreeIx::of(self.tree.nodes.len());
        let cap = Pair::new(Kbps(down), Kbps(up));
        self.tree.nodes.push(TreeNode {
            node,
            parent,
            name: self.inventory[node].name.clone(),
            cap,
            guarantee: Pair::ZERO,
            htb_rate: parent.map_or(cap, |_| Pair::ZERO),
            children: Vec::new(),
            circuits: Vec::new(),
        });
        if let Some(parent) = parent {
            self.tree.nodes[parent.ix()].children.push(at);
        }
        self.layout.node_queue.push(0);
        let minor = u16::try_from(at.ix() + 16).unwrap_or(u16::MAX);
        self.layout.node_minor.push(minor);
        at
    }

    /// A circuit of 100/20 Mbit/s with a guarantee of a tenth and one device.
    pub fn circuit(&mut self, id: &str, addresses: &[&str], parent: Parent) -> CircuitIx {
        let ix = self.add_circuit(id, addresses, None);
        let (max, min) = (
            Pair::new(Kbps(100_000), Kbps(20_000)),
            Pair::new(Kbps(10_000), Kbps(2_000)),
        );
        self.tree.circuits.push(Some(PlacedCircuit {
            parent,
            max,
            min,
            asked: max,
            asked_min: min,
            bucket_reason: matches!(parent, Parent::Bucket(_)).then_some(BucketReason::NoParent),
        }));
        let queue = match parent {
            Parent::Node(at) => {
                self.tree.nodes[at.ix()].circuits.push(ix);
                let mut above = Some(at);
                while let Some(at) = above {
                    let node = &mut self.tree.nodes[at.ix()];
                    node.guarantee += min;
                    above = node.parent;
                    if above.is_some() {
                        node.htb_rate += min;
                    }
                }
                0
            }
            Parent::Bucket(number) => number,
        };
        self.layout.load_kbps[usize::from(queue)] += max.total().0;
        let number = u16::try_from(ix.ix()).unwrap_or(u16::MAX - 256);
        self.layout.circuits.push(Some(CircuitSlot {
            queue,
            minor: 0x1000u16.saturating_add(number),
            leaf: Pair::both(LeafKind::Cake),
            handle: Pair::both(0x100 + number),
        }));
        ix
    }

    pub fn omit(&mut self, id: &str, reason: OmitReason) {
        self.add_circuit(id, &[], Some(reason));
        self.tree.circuits.push(None);
        self.layout.circuits.push(None);
    }

    fn add_circuit(
        &mut self,
        id: &str,
        addresses: &[&str],
        omitted: Option<OmitReason>,
    ) -> CircuitIx {
        let ix = CircuitIx::of(self.inventory.circuits.len());
        let plan = Pair::new(Some(Kbps(100_000)), Some(Kbps(20_000)));
        let device = Device {
            id: format!("{id}-d1").into(),
            name: "cpe".into(),
            mac: "02:00:00:00:00:01".into(),
            addresses: addresses
                .iter()
                .map(|net| net.parse().expect("a prefix"))
                .collect(),
            origin: origin(ix.ix()),
        };
        self.inventory.circuits.push(Circuit {
            id: id.into(),
            name: format!("Circuit {id}").into(),
            attach: None,
            plan,
            source_plan: plan,
            burst: Pair::ZERO,
            burst_bytes: Pair::both(0),
            commit: Pair::ZERO,
            state: ServiceState::Active,
            leaf: Pair::both(None),
            comment: "".into(),
            devices: omitted.map_or(vec![device], |_| Vec::new()),
            max: Pair::ZERO,
            min: Pair::ZERO,
            omitted,
            position: None,
            origin: origin(ix.ix()),
            plan_route: Pair::both(""),
            plan_origin: None,
        });
        ix
    }
}

fn origin(n: usize) -> Origin {
    Origin {
        file: FileId(1),
        start: n as u64 * 10,
        len: 10,
    }
}

fn project(file: FileId, strategy: Strategy) -> Project {
    let written = r#"
        [project]
        name = "lakeside"
        [[source]]
        name = "crm"
        kind = "inventory"
        export = "exports/crm"
        [topology]
        wan_mbps = 1000
        [rates]
        commit = 0.1
        [target.edge1]
        queues = 2
        [target.edge1.shaper]
        to_internet = "eth1"
        to_network = "eth0"
        leaf_fallback = ["fq_codel"]
    "#;
    let overrides = CliOverrides {
        strategy: Some(strategy),
        ..CliOverrides::default()
    };
    let project = config::load_str(written, &mut SourceMap::default(), &overrides);
    Project {
        file: Origin {
            file,
            start: 0,
            len: 0,
        },
        merge: Merge::default(),
        digest: "00".repeat(32),
        ..project.expect("it is right")
    }
}
