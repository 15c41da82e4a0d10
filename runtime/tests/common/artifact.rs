//! A small artifact for tests of the runtime, made of the published types alone: one tower on each CPU queue, with
//! circuits on them. The compiler makes others; what is said here is what `weir-plan` and the store accept.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use weir_abi::table::{Builder, Entry, Prefix, Queue as TableQueue, to_bytes};
use weir_schemas::Published as _;
use weir_schemas::artifact::{
    CLASSIFIER, FINDINGS, MANIFEST, NETWORK, PROVENANCE, QUEUE_PLAN, SHAPED_DEVICES, TREE, file,
};
use weir_schemas::common::{NodeKind, Strategy};
use weir_schemas::queue_plan::{Class, Mode, Qdiscs, Queue, QueuePlan, Resting, Shaper, Target};
use weir_schemas::tree::{Tree, TreeCircuit, TreeDevice, TreeNode};
use weir_store::{ArtifactFiles, Store};

/// A circuit: its id, the last byte of its address 10.9.QUEUE.x, its CPU queue, and its ceilings in kbit/s.
#[derive(Clone, Copy, Debug)]
pub struct Circuit {
    pub id: &'static str,
    pub host: u8,
    pub queue: u16,
    pub ceil_kbps: [u64; 2],
}

pub const fn circuit(id: &'static str, host: u8, queue: u16, ceil_kbps: [u64; 2]) -> Circuit {
    Circuit {
        id,
        host,
        queue,
        ceil_kbps,
    }
}

/// What an artifact is made of.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub to_network: &'static str,
    pub to_internet: &'static str,
    pub queues: u16,
    pub circuits: Vec<Circuit>,
}

/// Majors as the compiler hands them out: those of one hash bucket are left out.
fn major(queue: u16) -> u16 {
    weir_abi::nth_major(usize::from(queue)).expect("few queues")
}

const TOWER_KBPS: [u64; 2] = [1_000_000, 1_000_000];
const TOWER_MINOR: u16 = 3;

impl Recipe {
    fn minor(&self, circuit: &Circuit) -> u16 {
        // By host, so that a circuit keeps its number whoever comes and goes.
        u16::from(circuit.host) + 16 + circuit.queue
    }

    fn sorted(&self) -> Vec<Circuit> {
        let mut circuits = self.circuits.clone();
        circuits.sort_by_key(|c| c.id);
        circuits
    }

    pub fn plan(&self) -> QueuePlan<'static> {
        let mut classes = Vec::new();
        for queue in 0..self.queues {
            classes.push(Class {
                key: format!("node:tower-{queue}").into(),
                parent: None,
                queue,
                minor: TOWER_MINOR,
                rate_kbps: TOWER_KBPS,
                ceil_kbps: TOWER_KBPS,
                quantum: [60_000, 60_000],
                burst_bytes: None,
                leaf: None,
            });
        }
        for c in self.sorted() {
            classes.push(Class {
                key: format!("circuit:{}", c.id).into(),
                parent: Some(format!("node:tower-{}", c.queue).into()),
                queue: c.queue,
                minor: self.minor(&c),
                rate_kbps: [100, 100],
                ceil_kbps: c.ceil_kbps,
                quantum: [1522, 1522],
                burst_bytes: None,
                leaf: None,
            });
        }
        classes.sort_by(|a, b| a.key.cmp(&b.key));
        let load = |queue| {
            let of = self.circuits.iter().filter(|c| c.queue == queue);
            of.map(|c| c.ceil_kbps.iter().sum::<u64>()).sum()
        };
        QueuePlan {
            schema: QueuePlan::SCHEMA.into(),
            target: Target {
                name: Some("edge1".into()),
                queues: self.queues,
                shaper: Some(Shaper {
                    mode: Mode::Bridge,
                    to_internet: self.to_internet.into(),
                    to_network: self.to_network.into(),
                    internet_vlan: None,
                    network_vlan: None,
                }),
                qdiscs: Qdiscs {
                    cake: "cake diffserv4".into(),
                    fq_codel: "fq_codel".into(),
                },
                leaf_fallback: Vec::new(),
            },
            queues: (0..self.queues)
                .map(|queue| Queue {
                    queue,
                    majors: [major(queue); 2],
                    load_kbps: load(queue),
                })
                .collect(),
            classes,
            chosen: Vec::new(),
            links_down: Vec::new(),
            resting: Resting::default(),
        }
    }

    fn tree(&self) -> Tree<'static> {
        let on = |queue| {
            let of = self.sorted().into_iter().filter(move |c| c.queue == queue);
            of.map(|c| Cow::Borrowed(c.id)).collect::<Vec<_>>()
        };
        let count = |queue| self.circuits.iter().filter(|c| c.queue == queue).count() as u64;
        Tree {
            schema: Tree::SCHEMA.into(),
            strategy: Strategy::ApOnly,
            emitted: (0..self.queues)
                .map(|queue| TreeNode {
                    id: format!("tower-{queue}").into(),
                    name: format!("Tower {queue}").into(),
                    kind: NodeKind::Ap,
                    cap_kbps: TOWER_KBPS,
                    rate_kbps: [100 * count(queue); 2],
                    htb_rate_kbps: TOWER_KBPS,
                    cpu: queue,
                    circuits: on(queue),
                    children: Vec::new(),
                })
                .collect(),
            buckets: BTreeMap::new(),
            circuits: self
                .sorted()
                .into_iter()
                .map(|c| {
                    let circuit = TreeCircuit {
                        parent: format!("tower-{}", c.queue).into(),
                        max_kbps: c.ceil_kbps,
                        min_kbps: [100, 100],
                        devices: vec![TreeDevice {
                            id: format!("{}-router", c.id).into(),
                            ipv4: vec![format!("10.9.{}.{}/32", c.queue, c.host).into()],
                            ipv6: Vec::new(),
                        }],
                    };
                    (Cow::Borrowed(c.id), circuit)
                })
                .collect(),
            omitted: BTreeMap::new(),
        }
    }

    fn table(&self) -> Vec<u8> {
        let queues: Vec<TableQueue> = (0..self.queues)
            .map(|queue| TableQueue {
                major_down: major(queue),
                major_up: major(queue),
                tx_down: queue,
                tx_up: queue,
            })
            .collect();
        let circuits = self.sorted();
        let mut builder = Builder::new(&queues, circuits.len() as u32);
        for (number, c) in circuits.iter().enumerate() {
            let address = u32::from_be_bytes([10, 9, c.queue as u8, c.host]);
            let entry = Entry {
                minor: self.minor(c),
                queue: c.queue,
                circuit: number as u32,
            };
            builder.add(Prefix::V4 { address, len: 32 }, entry);
        }
        to_bytes(&builder.finish().expect("a table"))
    }

    /// The files, and the payload digest.
    pub fn files(&self) -> (String, Vec<(&'static str, Vec<u8>)>) {
        let json = |value: serde_json::Value| serde_json::to_vec_pretty(&value).expect("text");
        let mut files = vec![
            (SHAPED_DEVICES, b"Circuit ID\n".to_vec()),
            (NETWORK, b"{}\n".to_vec()),
            (QUEUE_PLAN, json(serde_json::json!(self.plan()))),
            (TREE, json(serde_json::json!(self.tree()))),
            (CLASSIFIER, self.table()),
        ];
        let described = [(FINDINGS, b"{}\n".to_vec()), (PROVENANCE, b"{}\n".to_vec())];
        let listed = |files: &[(&'static str, Vec<u8>)]| {
            let mut listed: Vec<serde_json::Value> = files
                .iter()
                .map(|(name, bytes)| {
                    serde_json::json!({
                        "name": name,
                        "schema": file(name).expect("a file of an artifact").schema,
                        "bytes": bytes.len(),
                        "sha256": sha256(bytes),
                    })
                })
                .collect();
            listed.sort_by_key(|row| row["name"].as_str().map(str::to_owned));
            listed
        };
        let rows = files.iter().map(|(name, bytes)| (*name, sha256(bytes)));
        let rows: Vec<_> = rows.collect();
        let text = weir_schemas::artifact::payload_text(
            rows.iter()
                .map(|(name, sum)| (*name, file(name).expect("known").schema, sum.as_str())),
            Some("edge1"),
            Strategy::ApOnly,
        );
        let digest = sha256(text.as_bytes());
        let usage = serde_json::json!({"used": 0, "limit": null, "headroom_percent": null});
        let manifest = serde_json::json!({
            "schema": "weir.manifest/1",
            "digest": digest,
            "payload": listed(&files),
            "description": listed(&described),
            "tool": {"name": "weir", "version": "0.1.0"},
            "project": "lab",
            "previous": null,
            "strategy": "ap_only",
            "target": {"name": "edge1", "queues": self.queues},
            "inputs": {"config_sha256": sha256(b""), "sources": []},
            "counts": {
                "circuits": self.circuits.len(), "shaped": self.circuits.len(), "omitted": {},
                "nodes_by_kind": {}, "nodes_by_level": [], "buckets": 0, "devices": self.circuits.len(),
                "prefixes_ipv4": self.circuits.len(), "prefixes_ipv6": 0,
                "classes": self.circuits.len() + usize::from(self.queues),
                "leaf_qdiscs": [0, 0], "max_kbps": [0, 0], "min_kbps": [0, 0]
            },
            "fit": {
                "class_minors": usage, "leaf_handles": [usage, usage], "memory_bytes": usage,
                "memory": {"classes": 0, "cake": 0, "fq_codel": 0, "none": 0},
                "addresses": usage, "levels": usage, "core_kbps": usage,
                "busiest_queue": 0, "balance_percent": 100
            },
            "findings": {"error": 0, "warning": 0, "info": 0, "by_code": {}},
            "fail_on": "error",
            "failing": false
        });
        files.push((MANIFEST, json(manifest)));
        files.extend(described);
        (digest, files)
    }

    /// Puts it into a store; gives the payload digest, and the SHA-256 of the manifest.
    pub fn put(&self, store: &Path) -> (String, String) {
        let (digest, files) = self.files();
        let store = Store::open(store).expect("a store");
        let borrowed = files
            .iter()
            .map(|(n, b)| (*n, b.as_slice().into()))
            .collect();
        store
            .put_artifact(&ArtifactFiles {
                digest: &digest,
                files: borrowed,
            })
            .expect("stored");
        let manifest = files.iter().find(|(n, _)| *n == MANIFEST).expect("one");
        (digest.clone(), sha256(&manifest.1))
    }

    /// Writes it as a directory, as `weir build --out` does.
    pub fn write(&self, dir: &Path) -> String {
        let (digest, files) = self.files();
        fs::create_dir_all(dir).expect("a directory");
        for (name, bytes) in files {
            fs::write(dir.join(name), bytes).expect("writes");
        }
        digest
    }
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
