//! One artifact, read once and kept in the form that pages ask for: circuits by id, the tree in the order it is drawn,
//! prefixes by address. Bytes that are not those of the manifest are refused, not shown.
//!
//! It knows nothing of pages, roles or the network.

mod lookup;
mod tree;

pub use lookup::{Known, Query};
pub use tree::{Limiter, Node};

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use weir_schemas::Published;
use weir_schemas::artifact::{FINDINGS, MANIFEST, PROVENANCE, QUEUE_PLAN, TREE};
use weir_schemas::common::{OmitReason, Pair};
use weir_schemas::findings::{Finding, Findings, SubjectKind};
use weir_schemas::manifest::Manifest;
use weir_schemas::provenance::{self, Provenance};
use weir_schemas::queue_plan::{Class, QueuePlan};
use weir_schemas::tree::Tree;

use crate::digest::sha256_hex;
use crate::eyes::Eyes;
use crate::stock::Stock;

/// The digest of the manifest, as `sha256sum -c` reads it; the manifest lists every other file.
const MANIFEST_SUM: &str = "manifest.sha256";

/// Why an artifact cannot be shown.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IndexError {
    #[error("artifact {0} is not in the store")]
    Missing(String),
    #[error("artifact {digest} was changed after it was stored: {fault}")]
    Damaged { digest: String, fault: String },
}

/// A circuit of the inventory.
#[derive(Debug)]
pub struct Circuit {
    pub id: String,
    /// Display name; the id where it has none.
    pub name: String,
    /// What it hangs on and its rates; `None` when it is not shaped.
    pub shaped: Option<Shaped>,
    pub omitted: Option<OmitReason>,
    pub devices: Vec<Device>,
    pub from: provenance::Circuit<'static>,
    /// Name and id in lower case, for searching.
    haystack: String,
}

#[derive(Debug)]
pub struct Shaped {
    /// Id of a node, or name of a generated parent node.
    pub parent: String,
    /// Its place in [`Index::nodes`].
    pub node: Option<usize>,
    pub max_kbps: Pair<u64>,
    pub min_kbps: Pair<u64>,
}

#[derive(Debug)]
pub struct Device {
    pub id: String,
    pub mac: Option<String>,
    pub prefixes: Vec<String>,
}

/// A CPU queue.
#[derive(Debug)]
pub struct Queue {
    pub queue: u16,
    pub load_kbps: u64,
    pub classes: u64,
    pub circuits: u64,
    /// Places in [`Index::nodes`] of what hangs directly on it, the heaviest first.
    pub roots: Vec<usize>,
}

/// What is found about one thing, by level.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Found {
    pub errors: u64,
    pub warnings: u64,
    pub infos: u64,
}

/// An artifact.
#[derive(Debug)]
pub struct Index {
    pub digest: String,
    pub manifest: Manifest<'static>,
    pub findings: Vec<Finding<'static>>,
    /// Sorted by id.
    pub circuits: Vec<Circuit>,
    /// Parents before children, as the tree is drawn; generated parent nodes last.
    pub nodes: Vec<Node>,
    pub queues: Vec<Queue>,
    /// Leaf discipline arguments and interfaces.
    pub target: weir_schemas::queue_plan::Target<'static>,
    pub files: Vec<provenance::File<'static>>,
    by_node: HashMap<String, usize>,
    by_key: HashMap<String, ClassPlace>,
    known: Known,
    node_findings: HashMap<String, Found>,
    circuit_findings: HashMap<String, Found>,
    unseen: OnceLock<Unseen>,
}

/// What viewers know things by. Made once: each takes a hash.
#[derive(Debug)]
struct Unseen {
    /// Of circuits, by place.
    circuits: Vec<String>,
    circuit_at: HashMap<String, usize>,
    node_at: HashMap<String, usize>,
}

/// What the queue plan says of a class, without its key.
#[derive(Clone, Debug)]
pub struct ClassPlace {
    pub queue: u16,
    pub minor: u16,
    /// As `tc` shows it, `[download, upload]`.
    pub class_ids: Pair<String>,
    /// `cake 4a1:`, `[download, upload]`; `None` where there is no leaf.
    pub leaves: Pair<Option<String>>,
}

impl Index {
    /// Reads and proves it.
    pub fn load(store: &dyn Stock, digest: &str) -> Result<Index, IndexError> {
        let missing = |_| IndexError::Missing(digest.to_owned());
        let artifact = store.get(digest).map_err(missing)?;
        let damaged = |fault: String| IndexError::Damaged {
            digest: weir_store::channel::short(digest).to_owned(),
            fault,
        };
        let bytes = |name: &str| artifact.read(name).map_err(|e| damaged(e.to_string()));
        let written = bytes(MANIFEST)?;
        let sum = format!("{}  {MANIFEST}\n", sha256_hex(&written));
        if bytes(MANIFEST_SUM)? != sum.as_bytes() {
            return Err(damaged(format!("{MANIFEST} has another digest")));
        }
        let manifest: Manifest<'static> =
            weir_schemas::read(&written).map_err(|e| damaged(format!("{MANIFEST}: {e}")))?;
        let named = sha256_hex(manifest.payload_text().as_bytes());
        if named != artifact.digest() || manifest.digest != artifact.digest() {
            return Err(damaged(format!("{MANIFEST} describes another artifact")));
        }
        let files = manifest.payload.iter().chain(&manifest.description);
        let sums: BTreeMap<&str, &str> = files
            .map(|f| (f.name.as_ref(), f.sha256.as_ref()))
            .collect();
        let proved = |name: &str| {
            let bytes = bytes(name)?;
            match sums.get(name) {
                Some(sum) if *sum == sha256_hex(&bytes) => Ok(bytes),
                Some(_) => Err(damaged(format!("{name} has another digest"))),
                None => Err(damaged(format!("{name} is not in the manifest"))),
            }
        };
        fn parsed<T: Published + serde::de::DeserializeOwned>(
            name: &str,
            bytes: Vec<u8>,
        ) -> Result<T, String> {
            weir_schemas::read(&bytes).map_err(|e| format!("{name}: {e}"))
        }
        let tree: Tree<'static> = parsed(TREE, proved(TREE)?).map_err(damaged)?;
        let plan: QueuePlan<'static> = parsed(QUEUE_PLAN, proved(QUEUE_PLAN)?).map_err(damaged)?;
        let found: Findings<'static> = parsed(FINDINGS, proved(FINDINGS)?).map_err(damaged)?;
        let origin: Provenance<'static> =
            parsed(PROVENANCE, proved(PROVENANCE)?).map_err(damaged)?;
        Ok(Index::of(manifest.clone(), tree, plan, found, origin))
    }

    fn of(
        manifest: Manifest<'static>,
        mut tree: Tree<'static>,
        plan: QueuePlan<'static>,
        found: Findings<'static>,
        origin: Provenance<'static>,
    ) -> Index {
        let (node_findings, circuit_findings) = by_subject(&found.findings);
        let mut circuits: Vec<Circuit> = origin
            .circuits
            .into_iter()
            .map(|from| circuit(from, &mut tree))
            .collect();
        circuits.sort_by(|a, b| a.id.cmp(&b.id));
        let nodes = tree::nodes(&tree, &circuits, &origin.nodes, &origin.settings);
        let by_node: HashMap<String, usize> = nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (node.id.clone(), at))
            .collect();
        for circuit in &mut circuits {
            if let Some(shaped) = &mut circuit.shaped {
                shaped.node = by_node.get(&shaped.parent).copied();
            }
        }
        let known = Known::of(&circuits);
        let queues = queues(&plan, &nodes);
        let majors: HashMap<u16, Pair<u16>> =
            plan.queues.iter().map(|q| (q.queue, q.majors)).collect();
        let by_key = plan
            .classes
            .iter()
            .map(|c| (c.key.as_ref().to_owned(), place(c, &majors)))
            .collect();
        Index {
            digest: manifest.digest.as_ref().to_owned(),
            manifest,
            findings: found.findings,
            circuits,
            nodes,
            queues,
            target: plan.target,
            files: origin.files,
            by_node,
            by_key,
            known,
            node_findings,
            circuit_findings,
            unseen: OnceLock::new(),
        }
    }

    fn unseen(&self, eyes: &Eyes) -> &Unseen {
        self.unseen.get_or_init(|| {
            let circuits: Vec<String> = (self.circuits.iter())
                .map(|c| eyes.circuit_pseudonym(&c.id))
                .collect();
            let at = circuits.iter().enumerate();
            Unseen {
                circuit_at: at.map(|(at, name)| (name.clone(), at)).collect(),
                node_at: (self.nodes.iter().enumerate())
                    .map(|(at, n)| (eyes.node_pseudonym(&n.id), at))
                    .collect(),
                circuits,
            }
        })
    }

    /// Pseudonyms of circuits, by place.
    pub fn pseudonyms(&self, eyes: &Eyes) -> &[String] {
        &self.unseen(eyes).circuits
    }

    /// Place of the circuit with this pseudonym.
    pub fn circuit_known_as(&self, eyes: &Eyes, name: &str) -> Option<usize> {
        self.unseen(eyes).circuit_at.get(name).copied()
    }

    /// Place of the node with this pseudonym.
    pub fn node_known_as(&self, eyes: &Eyes, name: &str) -> Option<usize> {
        self.unseen(eyes).node_at.get(name).copied()
    }

    /// The circuit with exactly this id.
    pub fn circuit(&self, id: &str) -> Option<&Circuit> {
        let at = self.circuits.binary_search_by(|c| c.id.as_str().cmp(id));
        at.ok().map(|at| &self.circuits[at])
    }

    pub fn node_at(&self, id: &str) -> Option<usize> {
        self.by_node.get(id).copied()
    }

    /// The class with this key of the queue plan.
    pub fn class(&self, key: &str) -> Option<&ClassPlace> {
        self.by_key.get(key)
    }

    pub fn found_about_node(&self, id: &str) -> Found {
        self.node_findings.get(id).copied().unwrap_or_default()
    }

    pub fn found_about_circuit(&self, id: &str) -> Found {
        self.circuit_findings.get(id).copied().unwrap_or_default()
    }

    /// Prefixes, longest match and MACs.
    pub fn known(&self) -> &Known {
        &self.known
    }
}

impl Circuit {
    /// Whether name or id holds this text, which is in lower case.
    pub fn holds(&self, text: &str) -> bool {
        self.haystack.contains(text)
    }

    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.devices
            .iter()
            .flat_map(|d| d.prefixes.iter().map(String::as_str))
    }

    /// Why it is not shaped, in words.
    pub fn omitted_word(&self) -> Option<&'static str> {
        self.omitted.map(|reason| match reason {
            OmitReason::Suspended => "suspended",
            OmitReason::NoPlan => "no plan",
            OmitReason::NoAddress => "no address",
            OmitReason::Excluded => "excluded by an override",
        })
    }
}

fn circuit(from: provenance::Circuit<'static>, tree: &mut Tree<'static>) -> Circuit {
    let id = from.id.as_ref().to_owned();
    let name = from.name.as_deref().unwrap_or(&id).to_owned();
    let in_tree = tree.circuits.remove(id.as_str());
    let shaped = in_tree.as_ref().map(|c| Shaped {
        parent: c.parent.as_ref().to_owned(),
        node: None,
        max_kbps: c.max_kbps,
        min_kbps: c.min_kbps,
    });
    let mac = |device: &str| {
        let device = from.devices.iter().find(|d| d.id == device);
        device.and_then(|d| d.mac.as_deref().map(str::to_owned))
    };
    let devices = in_tree.iter().flat_map(|c| &c.devices).map(|d| Device {
        id: d.id.as_ref().to_owned(),
        mac: mac(&d.id),
        prefixes: d
            .ipv4
            .iter()
            .chain(&d.ipv6)
            .map(|p| p.as_ref().to_owned())
            .collect(),
    });
    Circuit {
        haystack: format!("{}\n{}", name.to_lowercase(), id.to_lowercase()),
        devices: devices.collect(),
        omitted: from.omitted,
        shaped,
        name,
        id,
        from,
    }
}

fn place(class: &Class<'_>, majors: &HashMap<u16, Pair<u16>>) -> ClassPlace {
    let majors = majors.get(&class.queue).copied().unwrap_or_default();
    let leaf = |leaf: Option<weir_schemas::queue_plan::Leaf>| {
        use weir_schemas::queue_plan::LeafQdisc;
        leaf.map(|leaf| {
            let word = match leaf.qdisc {
                LeafQdisc::Cake => "cake",
                LeafQdisc::FqCodel => "fq_codel",
            };
            format!("{word} {:x}:", leaf.handle)
        })
    };
    ClassPlace {
        queue: class.queue,
        minor: class.minor,
        class_ids: majors.map(|major| format!("{major:x}:{:x}", class.minor)),
        leaves: class.leaf.unwrap_or_default().map(leaf),
    }
}

fn queues(plan: &QueuePlan<'_>, nodes: &[Node]) -> Vec<Queue> {
    let mut queues: Vec<Queue> = plan
        .queues
        .iter()
        .map(|q| Queue {
            queue: q.queue,
            load_kbps: q.load_kbps,
            classes: 0,
            circuits: 0,
            roots: Vec::new(),
        })
        .collect();
    let place: HashMap<u16, usize> = queues
        .iter()
        .enumerate()
        .map(|(at, q)| (q.queue, at))
        .collect();
    for class in &plan.classes {
        if let Some(at) = place.get(&class.queue) {
            queues[*at].classes += 1;
            queues[*at].circuits += u64::from(class.key.starts_with("circuit:"));
        }
    }
    for (at, node) in nodes.iter().enumerate() {
        if node.parent.is_none()
            && let Some(queue) = place.get(&node.cpu)
        {
            queues[*queue].roots.push(at);
        }
    }
    for queue in &mut queues {
        queue
            .roots
            .sort_by_key(|at| std::cmp::Reverse(nodes[*at].weight()));
    }
    queues
}

type ById = HashMap<String, Found>;

fn by_subject(findings: &[Finding<'_>]) -> (ById, ById) {
    let (mut nodes, mut circuits) = (ById::new(), ById::new());
    for finding in findings.iter().filter(|f| f.suppressed.is_none()) {
        for subject in &finding.subjects {
            let map = match subject.kind {
                SubjectKind::Node => &mut nodes,
                SubjectKind::Circuit => &mut circuits,
                _ => continue,
            };
            let found = map.entry(subject.id.as_ref().to_owned()).or_default();
            found.add(finding.level);
        }
    }
    (nodes, circuits)
}

impl Found {
    pub fn add(&mut self, level: weir_schemas::findings::Level) {
        use weir_schemas::findings::Level;
        match level {
            Level::Error => self.errors += 1,
            Level::Warning => self.warnings += 1,
            Level::Info => self.infos += 1,
        }
    }

    pub fn total(self) -> u64 {
        self.errors + self.warnings + self.infos
    }

    /// `error`, `warning`, `info`, or nothing: the gravest.
    pub fn worst(self) -> &'static str {
        match self {
            Found { errors: 1.., .. } => "error",
            Found { warnings: 1.., .. } => "warning",
            Found { infos: 1.., .. } => "info",
            _ => "",
        }
    }
}
