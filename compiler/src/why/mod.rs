//! `weir why`: where the values of one circuit, node or address come from, and why something is not shaped. Pure over
//! the published files of one artifact, so it answers for any artifact, offline, long after its build.
//!
//! It knows nothing of the stages of the compiler, of the store or of the terminal. Positions in input files are looked
//! up by whoever asks (`Locate`), because the files may be gone.

mod address;
mod chain;
mod find;
mod text;
mod values;

pub use find::{Found, Hint};
pub use text::text;

use std::borrow::Cow;
use std::collections::BTreeMap;

use ipnet::IpNet;
use weir_abi::table::{Fault, Page, check, from_bytes};
use weir_schemas::findings::Findings;
use weir_schemas::manifest::Manifest;
use weir_schemas::provenance::{self, Provenance};
use weir_schemas::queue_plan::{Class, LeafQdisc, QueuePlan};
use weir_schemas::tree::Tree;
use weir_schemas::why::{Finding, PathNode, Queue, Record, Refused, Subject, SubjectKind, Why};
use weir_schemas::{Published, ReadError, artifact};

/// Line and column, from 1, of a byte of an input file (by its position in `provenance.json`).
pub type Locate<'l> = dyn Fn(usize, u64, u32) -> Option<(u64, u64)> + 'l;

/// A file of the artifact that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("{0} is not there")]
    Missing(&'static str),
    #[error("{0}: {1}")]
    Unreadable(&'static str, ReadError),
    #[error("{0}: {1}")]
    NoTable(&'static str, Fault),
}

/// The files of one artifact that tell where things come from.
pub struct Files {
    manifest: Manifest<'static>,
    tree: Tree<'static>,
    plan: QueuePlan<'static>,
    provenance: Provenance<'static>,
    findings: Findings<'static>,
    /// Every shaped prefix, in order of (version, network, length).
    prefixes: Vec<Shaped>,
    /// The address table, proved; `None` where an older Weir built the artifact.
    table: Option<Vec<Page>>,
}

/// A shaped prefix, and whose it is.
#[derive(Clone, Debug)]
struct Shaped {
    net: IpNet,
    circuit: String,
    device: String,
}

impl Files {
    /// `file` gives the bytes of a file of the artifact.
    pub fn read(file: impl Fn(&'static str) -> Option<Vec<u8>>) -> Result<Files, Unusable> {
        fn one<T: Published + serde::de::DeserializeOwned>(
            name: &'static str,
            bytes: Option<Vec<u8>>,
        ) -> Result<T, Unusable> {
            let bytes = bytes.ok_or(Unusable::Missing(name))?;
            weir_schemas::read(&bytes).map_err(|e| Unusable::Unreadable(name, e))
        }
        let get = |name| (name, file(name));
        let (name, bytes) = get(artifact::MANIFEST);
        let manifest: Manifest<'static> = one(name, bytes)?;
        let (name, bytes) = get(artifact::TREE);
        let tree: Tree<'static> = one(name, bytes)?;
        let (name, bytes) = get(artifact::QUEUE_PLAN);
        let plan: QueuePlan<'static> = one(name, bytes)?;
        let (name, bytes) = get(artifact::PROVENANCE);
        let provenance: Provenance<'static> = one(name, bytes)?;
        let (name, bytes) = get(artifact::FINDINGS);
        let findings: Findings<'static> = one(name, bytes)?;
        let (name, bytes) = get(artifact::CLASSIFIER);
        let table = bytes.map(|bytes| {
            let image = from_bytes(&bytes)?;
            check(&image).map(|_| image)
        });
        let table = table.transpose();
        let table = table.map_err(|fault| Unusable::NoTable(name, fault))?;
        let mut prefixes = Vec::new();
        for (id, circuit) in &tree.circuits {
            for device in &circuit.devices {
                for text in device.ipv4.iter().chain(&device.ipv6) {
                    if let Ok(net) = text.parse() {
                        prefixes.push(Shaped {
                            net,
                            circuit: id.to_string(),
                            device: device.id.to_string(),
                        });
                    }
                }
            }
        }
        prefixes.sort_by_key(|p| crate::ir::address::sort_key(&p.net));
        Ok(Files {
            manifest,
            tree,
            plan,
            provenance,
            findings,
            prefixes,
            table,
        })
    }

    /// Input files: path, and SHA-256 of what was read.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.provenance
            .files
            .iter()
            .map(|f| (f.path.as_ref(), f.sha256.as_ref()))
    }

    pub fn digest(&self) -> &str {
        &self.manifest.digest
    }

    /// The answer about what [`Files::find`] found.
    pub fn answer<'a>(&'a self, question: &'a str, found: &Found, locate: &Locate<'_>) -> Why<'a> {
        let mut why = Why {
            schema: Cow::Borrowed(Why::SCHEMA),
            artifact: Cow::Borrowed(&self.manifest.digest),
            question: Cow::Borrowed(question),
            subject: Subject {
                kind: SubjectKind::Address,
                id: Cow::Borrowed(""),
                name: Cow::Borrowed(""),
            },
            summary: Vec::new(),
            shaped: false,
            omitted: None,
            fate: None,
            position: None,
            address: None,
            records: Vec::new(),
            values: Vec::new(),
            ceiling: Vec::new(),
            guarantee: Vec::new(),
            limits: Vec::new(),
            path: Vec::new(),
            candidates: Vec::new(),
            prefixes: Vec::new(),
            refused: Vec::new(),
            queue: None,
            findings: Vec::new(),
        };
        match found {
            Found::Circuit(at) => self.circuit(*at, &mut why, locate),
            Found::Node(at) => self.node(*at, &mut why, locate),
            Found::Address(net) => self.address(*net, &mut why, locate),
        }
        why
    }

    fn circuit_at(&self, id: &str) -> Option<usize> {
        let circuits = &self.provenance.circuits;
        circuits.binary_search_by(|c| c.id.as_ref().cmp(id)).ok()
    }

    fn node_at(&self, id: &str) -> Option<usize> {
        let nodes = &self.provenance.nodes;
        nodes.binary_search_by(|n| n.id.as_ref().cmp(id)).ok()
    }

    /// The name of a node; its id where it has none, or is not known.
    fn node_name<'a>(&'a self, id: &'a str) -> &'a str {
        let node = self.node_at(id).map(|at| &self.provenance.nodes[at]);
        node.and_then(|n| n.name.as_deref()).unwrap_or(id)
    }

    /// `AP "Hill North" (a1)`
    fn node_words(&self, id: &str) -> String {
        let Some(at) = self.node_at(id) else {
            return match id {
                crate::ir::graph::GENERATED_ROOT => "the root".to_owned(),
                id => crate::report::plain(id).into_owned(),
            };
        };
        let node = &self.provenance.nodes[at];
        format!(
            "{} {}",
            text::kind(node.kind),
            text::quoted(&node.id, node.name.as_deref())
        )
    }

    fn circuit_words(&self, id: &str) -> String {
        let name = self
            .circuit_at(id)
            .and_then(|at| self.provenance.circuits[at].name.as_deref());
        format!("circuit {}", text::quoted(id, name))
    }

    fn record<'a>(
        &'a self,
        of: &'static str,
        record: provenance::Record,
        locate: &Locate<'_>,
    ) -> Record<'a> {
        let provenance::Record(file, start, len) = record;
        let path = self
            .provenance
            .files
            .get(file as usize)
            .map_or("", |f| f.path.as_ref());
        let source = self
            .manifest
            .inputs
            .sources
            .iter()
            .find(|s| s.files.iter().any(|f| f.path == path));
        let at = locate(file as usize, start, len);
        Record {
            of: Cow::Borrowed(of),
            source: source.map_or(Cow::Borrowed(""), |s| match s.name == s.kind {
                true => s.name.clone(),
                false => Cow::Owned(format!("{} ({})", s.name, s.kind)),
            }),
            file: Cow::Borrowed(path),
            start,
            len,
            line: at.map(|(line, _)| line),
            column: at.map(|(_, column)| column),
        }
    }

    /// Findings that have it as a subject, worst first as they stand.
    fn findings_of(&self, kind: weir_schemas::findings::SubjectKind, id: &str) -> Vec<Finding<'_>> {
        self.findings
            .findings
            .iter()
            .filter(|f| f.subjects.iter().any(|s| s.kind == kind && s.id == id))
            .map(|f| Finding {
                code: f.code.clone(),
                name: f.name.clone(),
                level: f.level,
                message: f.message.clone(),
                help: f.help.clone(),
            })
            .collect()
    }

    fn queue(&self, key: &str) -> Option<Queue<'_>> {
        let at = self
            .plan
            .classes
            .binary_search_by(|c| c.key.as_ref().cmp(key));
        let class: &Class<'_> = &self.plan.classes[at.ok()?];
        let majors = self
            .plan
            .queues
            .iter()
            .find(|q| q.queue == class.queue)
            .map_or([0, 0], |q| q.majors);
        let leaf = class.leaf.unwrap_or([None, None]).map(|leaf| {
            let leaf = leaf?;
            let arguments = match leaf.qdisc {
                LeafQdisc::Cake => &self.plan.target.qdiscs.cake,
                LeafQdisc::FqCodel => &self.plan.target.qdiscs.fq_codel,
            };
            Some(Cow::Owned(format!(
                "{arguments}, handle {:x}:",
                leaf.handle
            )))
        });
        Some(Queue {
            cpu: class.queue,
            class: majors.map(|major| Cow::Owned(format!("{major:x}:{:x}", class.minor))),
            leaf,
        })
    }

    /// Nodes from this one up to the root, as they were chosen. Guarded against a file that goes in circles.
    fn path_of(&self, id: &str) -> Vec<&provenance::Node<'static>> {
        let mut path = Vec::new();
        let mut at = self.node_at(id);
        while let Some(ix) = at
            && path.len() <= self.provenance.nodes.len()
        {
            let node = &self.provenance.nodes[ix];
            path.push(node);
            at = node.chosen.as_ref().and_then(|c| self.node_at(&c.parent));
        }
        path
    }

    fn path_nodes(&self, id: &str) -> Vec<PathNode<'_>> {
        self.path_of(id)
            .into_iter()
            .map(|node| PathNode {
                id: node.id.clone(),
                name: node.name.clone().unwrap_or_else(|| node.id.clone()),
                kind: node.kind,
                fate: node.fate,
                cap_kbps: node.cap_kbps,
            })
            .collect()
    }

    fn refused_of(&self, at: usize) -> Vec<Refused<'_>> {
        let circuit = &self.provenance.circuits[at];
        circuit
            .refused
            .iter()
            .map(|refused| self.refused(circuit, refused))
            .collect()
    }

    fn refused<'a>(
        &'a self,
        circuit: &'a provenance::Circuit<'static>,
        refused: &'a provenance::Refused<'static>,
    ) -> Refused<'a> {
        Refused {
            circuit: circuit.id.clone(),
            device: refused.device.clone(),
            address: refused.address.clone(),
            why: refused.why,
            reason: Cow::Owned(self.reason(circuit, refused)),
        }
    }

    fn reason(
        &self,
        circuit: &provenance::Circuit<'_>,
        refused: &provenance::Refused<'_>,
    ) -> String {
        use provenance::RefusedWhy;
        let by = refused.by.as_deref().unwrap_or("");
        match refused.why {
            RefusedWhy::NotAnAddress => "this is no address".to_owned(),
            RefusedWhy::HostBits => {
                format!("it has host bits set, so only the host {by} is shaped")
            }
            RefusedWhy::NotAllowed => "no entry of `addresses.allow` holds it".to_owned(),
            RefusedWhy::Ignored => format!("it overlaps {by} in `addresses.ignore`"),
            RefusedWhy::Junk => format!("it is never a subscriber's address: {by}"),
            RefusedWhy::Shared => {
                format!("{by} circuits claim this private address, so it is nobody's")
            }
            RefusedWhy::OtherCircuit => format!("{} has it", self.circuit_words(by)),
            RefusedWhy::OtherDevice => {
                format!("its other device {} has it", text::quoted(by, None))
            }
            RefusedWhy::CircuitOmitted => format!(
                "the circuit is not shaped: {}",
                circuit
                    .omitted
                    .map_or("no reason is recorded", text::omitted)
            ),
        }
    }

    /// Circuits on each emitted node or below it, by id.
    fn circuits_below(&self) -> BTreeMap<&str, usize> {
        fn walk<'t>(
            node: &'t weir_schemas::tree::TreeNode<'static>,
            below: &mut BTreeMap<&'t str, usize>,
        ) -> usize {
            let n = node.circuits.len()
                + node
                    .children
                    .iter()
                    .map(|child| walk(child, below))
                    .sum::<usize>();
            below.insert(&node.id, n);
            n
        }
        let mut below = BTreeMap::new();
        for node in &self.tree.emitted {
            walk(node, &mut below);
        }
        below
    }
}
