//! Networks as artifacts: small ones that look like an ISP, hostile ones, and one of 50,000 subscribers. The files are
//! those that the published types write; nothing is compiled here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use weir_schemas::Published as _;
use weir_schemas::artifact::{self, Part};
use weir_schemas::common::{NodeKind, OmitReason, Pair, Strategy};
use weir_schemas::findings::{self, Finding, Findings, Level, Location, Subject, SubjectKind};
use weir_schemas::manifest::{
    Counts, File, FindingCounts, Fit, Inputs, Manifest, Target, Tool, Usage,
};
use weir_schemas::provenance::{self, Fate, Provenance, Record, Settings, Via};
use weir_schemas::queue_plan::{self, Class, Leaf, LeafQdisc, Qdiscs, Queue, QueuePlan, Resting};
use weir_schemas::tree::{Tree, TreeCircuit, TreeDevice, TreeNode};
use weir_store::{ArtifactFiles, Store};

#[derive(Clone, Debug)]
pub struct Node {
    pub id: String,
    pub name: String,
    pub kind: NodeKind,
    pub parent: Option<usize>,
    pub cap: Pair<u64>,
}

#[derive(Clone, Debug)]
pub struct Circuit {
    pub id: String,
    pub name: String,
    pub node: usize,
    pub max: Pair<u64>,
    pub addresses: Vec<String>,
    pub mac: String,
    pub omitted: Option<OmitReason>,
}

#[derive(Clone, Debug, Default)]
pub struct Network {
    pub nodes: Vec<Node>,
    pub circuits: Vec<Circuit>,
    pub findings: Vec<Finding<'static>>,
}

const QUEUES: u16 = 8;

/// A name, an id and an address, where a test wants others.
pub type Naming = fn(usize) -> String;

fn people(i: usize) -> String {
    const FIRST: [&str; 12] = [
        "Ada", "Bela", "Carlos", "Dagny", "Emeka", "Freya", "Goran", "Hana", "Ivo", "Jutta",
        "Kofi", "Lena",
    ];
    const LAST: [&str; 11] = [
        "Abernathy",
        "Brandt",
        "Castellanos",
        "Dvorak",
        "Eriksen",
        "Fontaine",
        "Grimaldi",
        "Hollister",
        "Ishikawa",
        "Jankowski",
        "Kowalczyk",
    ];
    format!("{} {}", FIRST[i % 12], LAST[i / 12 % 11])
}

impl Network {
    /// Sites with four APs each.
    pub fn of(sites: usize, circuits: usize, name: Naming) -> Network {
        const PLACES: [&str; 10] = [
            "Gallows Hill",
            "Harbour Mast",
            "Old Mill",
            "Ridgeline",
            "Water Tower",
            "Quarry",
            "Saint Anne",
            "Lakeshore",
            "Pine Knob",
            "Railway Yard",
        ];
        const SECTORS: [&str; 4] = ["North", "East", "South", "West"];
        let mut network = Network::default();
        let mut aps = Vec::new();
        for site in 0..sites {
            let at = network.nodes.len();
            let place = match site / PLACES.len() {
                0 => PLACES[site].to_owned(),
                round => format!("{} {}", PLACES[site % PLACES.len()], round + 1),
            };
            network.nodes.push(Node {
                id: format!("site-{site:04}"),
                name: place.clone(),
                kind: NodeKind::Site,
                parent: None,
                cap: [900_000 - (site as u64 % 3) * 200_000, 450_000],
            });
            for (n, sector) in SECTORS.iter().enumerate() {
                aps.push(network.nodes.len());
                network.nodes.push(Node {
                    id: format!("ap-{site:04}-{n}"),
                    name: format!("{place} {sector}"),
                    kind: NodeKind::Ap,
                    parent: Some(at),
                    cap: [220_000, 110_000],
                });
            }
        }
        for i in 0..circuits {
            let plans = [
                [100_000, 20_000],
                [50_000, 10_000],
                [200_000, 50_000],
                [25_000, 5_000],
            ];
            let mut addresses = vec![format!(
                "100.{}.{}.{}/32",
                64 + i / 62_500,
                i / 250 % 250,
                i % 250 + 2
            )];
            if i % 7 == 0 {
                addresses.push(format!("2001:db8:{:x}:{:x}::/56", i >> 8, (i & 0xff) << 8));
            }
            network.circuits.push(Circuit {
                id: format!("svc-{i:06}"),
                name: name(i),
                node: aps[i * 7 % aps.len()],
                max: plans[i % 4],
                addresses,
                mac: format!(
                    "02:00:5e:{:02x}:{:02x}:{:02x}",
                    i >> 16,
                    i >> 8 & 0xff,
                    i & 0xff
                ),
                omitted: match i % 41 {
                    17 => Some(OmitReason::NoAddress),
                    23 => Some(OmitReason::Suspended),
                    _ => None,
                },
            });
        }
        network.find();
        network
    }

    /// An ISP of some size that people can look at.
    pub fn lakeside() -> Network {
        Network::of(6, 132, people)
    }

    /// Everything that has a name has a bad one.
    pub fn hostile() -> Network {
        let mut network = Network::of(6, 60, people);
        for (i, node) in network.nodes.iter_mut().enumerate() {
            node.name = super::HOSTILE[i % super::HOSTILE.len()].to_owned();
            node.id = format!("{}#{i}", super::HOSTILE[(i + 3) % super::HOSTILE.len()]);
        }
        for (i, circuit) in network.circuits.iter_mut().enumerate() {
            let text = super::HOSTILE[i % super::HOSTILE.len()];
            circuit.name = match i {
                59 => "<b>".repeat(3_400),
                _ => format!("{text} {i}"),
            };
            circuit.id = format!("{}/{i}", super::HOSTILE[(i + 5) % super::HOSTILE.len()]);
            circuit.mac = text.to_owned();
        }
        network.find();
        network
    }

    fn find(&mut self) {
        let circuit = |c: &Circuit| Subject {
            kind: SubjectKind::Circuit,
            id: c.id.clone().into(),
            name: c.name.clone().into(),
        };
        let node = |n: &Node| Subject {
            kind: SubjectKind::Node,
            id: n.id.clone().into(),
            name: n.name.clone().into(),
        };
        let finding = |code: &'static str,
                       name: &'static str,
                       level,
                       subjects: Vec<Subject<'static>>,
                       text: String| {
            let key = format!("{code}{text}");
            Finding {
                code: code.into(),
                name: name.into(),
                level,
                contained: code == "ADR001",
                message: text.into(),
                locations: vec![Location {
                    file: "exports/crm/devices.json".into(),
                    line: 41,
                    column: 7,
                    path: "/3/address".into(),
                    label: "here".into(),
                }],
                help: "decide in the CRM who has it, and fetch again".into(),
                fingerprint: hex(key.as_bytes())[..32].to_owned().into(),
                subjects,
                fix: None,
                suppressed: None,
                known: false,
            }
        };
        let c = &self.circuits;
        let mut found = Vec::new();
        if let [a, b, ..] = c.as_slice() {
            found.push(finding(
                "ADR001",
                "duplicate-address",
                Level::Error,
                vec![circuit(a), circuit(b)],
                format!("{} and {} both have {}", a.name, b.name, a.addresses[0]),
            ));
        }
        for n in self.nodes.iter().filter(|n| n.kind == NodeKind::Ap).take(9) {
            found.push(finding(
                "CAP003",
                "oversubscribed",
                Level::Warning,
                vec![node(n)],
                format!("{} is sold more than ten times", n.name),
            ));
        }
        for c in c.iter().filter(|c| c.omitted.is_some()).take(60) {
            found.push(finding(
                "SRC002",
                "circuit-without-address",
                Level::Info,
                vec![circuit(c)],
                format!("{} has no address", c.name),
            ));
        }
        self.findings = found;
    }

    fn tree_node(&self, at: usize) -> TreeNode<'static> {
        let node = &self.nodes[at];
        let children = (0..self.nodes.len()).filter(|c| self.nodes[*c].parent == Some(at));
        TreeNode {
            id: node.id.clone().into(),
            name: node.name.clone().into(),
            kind: node.kind,
            cap_kbps: node.cap,
            rate_kbps: [node.cap[0] / 20, node.cap[1] / 20],
            htb_rate_kbps: node.cap,
            cpu: self.queue(at),
            circuits: self
                .shaped()
                .filter(|c| c.node == at)
                .map(|c| c.id.clone().into())
                .collect(),
            children: children.map(|c| self.tree_node(c)).collect(),
        }
    }

    fn top(&self, mut at: usize) -> usize {
        while let Some(parent) = self.nodes[at].parent {
            at = parent;
        }
        at
    }

    fn queue(&self, at: usize) -> u16 {
        let top = self.top(at);
        // The first two share a queue, so that one is fuller than the others.
        (self.nodes[..top]
            .iter()
            .filter(|n| n.parent.is_none())
            .count()
            .saturating_sub(1)
            % usize::from(QUEUES)) as u16
    }

    fn shaped(&self) -> impl Iterator<Item = &Circuit> {
        self.circuits.iter().filter(|c| c.omitted.is_none())
    }

    fn tree(&self) -> Tree<'static> {
        let circuit = |c: &Circuit| TreeCircuit {
            parent: self.nodes[c.node].id.clone().into(),
            max_kbps: c.max,
            min_kbps: [c.max[0] / 10, c.max[1] / 10],
            devices: vec![TreeDevice {
                id: format!("dev-{}", c.id).into(),
                ipv4: c
                    .addresses
                    .iter()
                    .filter(|a| !a.contains(':'))
                    .map(|a| a.clone().into())
                    .collect(),
                ipv6: c
                    .addresses
                    .iter()
                    .filter(|a| a.contains(':'))
                    .map(|a| a.clone().into())
                    .collect(),
            }],
        };
        let tops = (0..self.nodes.len()).filter(|at| self.nodes[*at].parent.is_none());
        Tree {
            schema: Tree::SCHEMA.into(),
            strategy: Strategy::ApSite,
            emitted: tops.map(|at| self.tree_node(at)).collect(),
            buckets: BTreeMap::new(),
            circuits: self
                .shaped()
                .map(|c| (c.id.clone().into(), circuit(c)))
                .collect(),
            omitted: self
                .circuits
                .iter()
                .filter_map(|c| Some((c.id.clone().into(), c.omitted?)))
                .collect(),
        }
    }

    fn plan(&self) -> QueuePlan<'static> {
        let mut minors = [3u16; QUEUES as usize];
        let mut next = |queue: u16| {
            let minor = &mut minors[usize::from(queue)];
            *minor = minor.wrapping_add(1).max(3);
            *minor
        };
        let mut loads = [0u64; QUEUES as usize];
        let mut classes: Vec<Class<'static>> = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            let queue = self.queue(at);
            classes.push(Class {
                key: format!("node:{}", node.id).into(),
                parent: node
                    .parent
                    .map(|p| format!("node:{}", self.nodes[p].id).into()),
                queue,
                minor: next(queue),
                rate_kbps: node.cap,
                ceil_kbps: node.cap,
                quantum: [1514, 1514],
                burst_bytes: None,
                leaf: None,
            });
        }
        for (i, c) in self.shaped().enumerate() {
            let queue = self.queue(c.node);
            loads[usize::from(queue)] += c.max[0] + c.max[1];
            let handle = 256 + (i % 32_000) as u16;
            let leaf = Some(Leaf {
                qdisc: LeafQdisc::Cake,
                handle,
            });
            classes.push(Class {
                key: format!("circuit:{}", c.id).into(),
                parent: Some(format!("node:{}", self.nodes[c.node].id).into()),
                queue,
                minor: next(queue),
                rate_kbps: [c.max[0] / 10, c.max[1] / 10],
                ceil_kbps: c.max,
                quantum: [1514, 1514],
                burst_bytes: None,
                leaf: Some([leaf, leaf]),
            });
        }
        classes.sort_by(|a, b| a.key.cmp(&b.key));
        QueuePlan {
            schema: QueuePlan::SCHEMA.into(),
            target: queue_plan::Target {
                name: Some("edge1".into()),
                queues: QUEUES,
                shaper: None,
                qdiscs: Qdiscs {
                    cake: "cake diffserv4".into(),
                    fq_codel: "fq_codel".into(),
                },
                leaf_fallback: Vec::new(),
            },
            queues: (0..QUEUES)
                .map(|queue| Queue {
                    queue,
                    majors: [queue + 1, queue + 1],
                    load_kbps: loads[usize::from(queue)],
                })
                .collect(),
            classes,
            chosen: Vec::new(),
            links_down: Vec::new(),
            resting: Resting::default(),
        }
    }

    fn provenance(&self) -> Provenance<'static> {
        let record = |at: usize| Record(0, at as u64 * 100, 90);
        let mut nodes: Vec<provenance::Node<'static>> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(at, node)| provenance::Node {
                id: node.id.clone().into(),
                name: Some(node.name.clone().into()),
                kind: node.kind,
                record: record(at),
                position: None,
                fate: Fate::Emitted,
                own_kbps: node.cap.map(Some),
                cap_kbps: node.cap.map(Some),
                declared_parent: None,
                chosen: Some(provenance::Path {
                    parent: node
                        .parent
                        .map_or("@root".into(), |p| self.nodes[p].id.clone().into()),
                    via: Via::Link,
                    link: Some(format!("link-{at}").into()),
                    cost: 10,
                    hops: 1,
                    bottleneck_kbps: None,
                    kbps: Some([Some(node.cap[0]), Some(node.cap[1] * 2)]),
                }),
                kept: false,
                rivals: Vec::new(),
                island: None,
                joined: Vec::new(),
                fields: Vec::new(),
            })
            .collect();
        nodes.sort_by(|a, b| a.id.cmp(&b.id));
        let circuit = |(at, c): (usize, &Circuit)| provenance::Circuit {
            id: c.id.clone().into(),
            name: Some(c.name.clone().into()),
            record: record(at),
            position: None,
            plan_record: None,
            source_plan_kbps: c.max.map(Some),
            plan_kbps: None,
            burst_kbps: None,
            burst_bytes: None,
            commit_kbps: None,
            suspended: c.omitted == Some(OmitReason::Suspended),
            attach: Some(self.nodes[c.node].id.clone().into()),
            omitted: c.omitted,
            shaped: c.omitted.is_none().then(|| provenance::Shaped {
                parent: self.nodes[c.node].id.clone().into(),
                bucket: None,
                asked_max_kbps: c.max,
                asked_min_kbps: [c.max[0] / 10, c.max[1] / 10],
                max_kbps: c.max,
                min_kbps: [c.max[0] / 10, c.max[1] / 10],
            }),
            devices: vec![provenance::Device {
                id: format!("dev-{}", c.id).into(),
                record: record(at),
                mac: Some(c.mac.clone().into()),
            }],
            joined: Vec::new(),
            fields: match at % 5 {
                0 => vec![provenance::Field {
                    field: "plan_mbps".into(),
                    source: Some("crm".into()),
                    value: Some("50/10".into()),
                    rejected: Vec::new(),
                    overridden: Some(provenance::Overridden {
                        value: "100/20".into(),
                        reason: format!("{} pays for more", c.name).into(),
                        owner: Some("marta".into()),
                        expires: Some("2027-03-31".into()),
                        record: record(at),
                        kbps: None,
                    }),
                    kbps: None,
                }],
                _ => Vec::new(),
            },
            refused: match at % 11 {
                0 => vec![provenance::Refused {
                    device: format!("dev-{}", c.id).into(),
                    record: record(at),
                    address: "192.168.1.1".into(),
                    why: provenance::RefusedWhy::Junk,
                    by: None,
                }],
                _ => Vec::new(),
            },
        };
        let mut circuits: Vec<_> = self.circuits.iter().enumerate().map(circuit).collect();
        circuits.sort_by(|a, b| a.id.cmp(&b.id));
        Provenance {
            schema: Provenance::SCHEMA.into(),
            files: vec![provenance::File {
                path: "exports/crm/devices.json".into(),
                sha256: hex(b"x").into(),
            }],
            settings: Settings {
                tree: "cost".to_owned(),
                wan_kbps: [2_000_000, 2_000_000],
                generated_kbps: [1_000_000, 1_000_000],
                overhead_permille: 1000,
                multiplier_permille: 1000,
                commit_permille: 100,
                floor_kbps: 100,
                ..Settings::default()
            },
            scaled: Vec::new(),
            nodes,
            circuits,
        }
    }

    /// Puts it into the store and gives its digest.
    pub fn put(&self, store: &Store) -> String {
        let json = |value: serde_json::Value| value.to_string().into_bytes();
        let mut files: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
        files.insert(artifact::TREE, json(serde_json::json!(self.tree())));
        files.insert(artifact::QUEUE_PLAN, json(serde_json::json!(self.plan())));
        files.insert(
            artifact::PROVENANCE,
            json(serde_json::json!(self.provenance())),
        );
        files.insert(
            artifact::FINDINGS,
            json(serde_json::json!(Findings {
                schema: Findings::SCHEMA.into(),
                findings: self.findings.clone(),
            })),
        );
        for f in artifact::FILES
            .iter()
            .filter(|f| f.name != artifact::MANIFEST)
        {
            files
                .entry(f.name)
                .or_insert_with(|| b"not read here\n".to_vec());
        }
        let rows = |part: Part| {
            let rows = artifact::FILES
                .iter()
                .filter(|f| f.part == part && f.name != artifact::MANIFEST);
            rows.map(|f| File {
                name: f.name.into(),
                schema: f.schema.into(),
                bytes: files[f.name].len() as u64,
                sha256: hex(&files[f.name]).into(),
            })
            .collect::<Vec<_>>()
        };
        let (payload, description) = (rows(Part::Payload), rows(Part::Description));
        let mut manifest = self.manifest(payload, description);
        manifest.digest = hex(manifest.payload_text().as_bytes()).into();
        let digest = manifest.digest.as_ref().to_owned();
        files.insert(artifact::MANIFEST, json(serde_json::json!(manifest)));
        let files = files
            .iter()
            .map(|(name, bytes)| (*name, bytes.as_slice().into()));
        store
            .put_artifact(&ArtifactFiles {
                digest: &digest,
                files: files.collect(),
            })
            .expect("stored");
        digest
    }

    fn manifest(
        &self,
        payload: Vec<File<'static>>,
        description: Vec<File<'static>>,
    ) -> Manifest<'static> {
        let level = |level: Level| self.findings.iter().filter(|f| f.level == level).count() as u64;
        let shaped = self.shaped().count() as u64;
        Manifest {
            schema: Manifest::SCHEMA.into(),
            digest: Cow::Borrowed(""),
            payload,
            description,
            tool: Tool {
                name: "weir".into(),
                version: "0.0.0".into(),
            },
            project: "lakeside".into(),
            previous: None,
            strategy: Strategy::ApSite,
            target: Target {
                name: Some("edge1".into()),
                queues: QUEUES,
            },
            inputs: Inputs {
                config_sha256: "".into(),
                sources: Vec::new(),
                overrides_sha256: None,
                as_of: None,
                peaks: None,
            },
            counts: Counts {
                circuits: self.circuits.len() as u64,
                shaped,
                omitted: OmitReason::ALL.iter().map(|r| (*r, 0)).collect(),
                nodes_by_kind: BTreeMap::new(),
                nodes_by_level: Vec::new(),
                buckets: 0,
                devices: shaped,
                prefixes_ipv4: shaped,
                prefixes_ipv6: 0,
                classes: shaped + self.nodes.len() as u64,
                leaf_qdiscs: [shaped, shaped],
                max_kbps: [0, 0],
                min_kbps: [0, 0],
            },
            fit: Fit {
                core_kbps: Usage::of(3_100_000, Some(5_000_000)),
                ..Fit::default()
            },
            findings: FindingCounts {
                error: level(Level::Error),
                warning: level(Level::Warning),
                info: level(Level::Info),
                by_code: BTreeMap::new(),
                suppressed: 0,
            },
            fail_on: Some(findings::Level::Error),
            failing: false,
        }
    }
}

pub fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}
