//! Export files in memory, and records as lines: what a source made of them, for tests to read.

use std::fmt::Write as _;
use std::path::Path;

use crate::ir::records::{NodeRecord, Records, ServiceState};
use crate::sources;
use crate::testing::Memory;
use crate::units::{Kbps, Pair};

/// An export with its files by name.
pub struct Given {
    kind: &'static str,
    files: Vec<(String, Vec<u8>)>,
    config: String,
}

impl Given {
    pub fn new(kind: &'static str) -> Given {
        Given {
            kind,
            files: Vec::new(),
            config: String::new(),
        }
    }

    /// Every file of a directory, by its path below this crate.
    pub fn directory(mut self, path: &str) -> Given {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let entries =
            std::fs::read_dir(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for entry in entries {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            self.files
                .push((name, std::fs::read(entry.path()).unwrap()));
        }
        self.files.sort();
        self
    }

    /// Adds a file, or takes the place of the one with its name.
    pub fn file(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Given {
        self.files.retain(|(other, _)| other != name);
        self.files.push((name.into(), bytes.as_ref().to_vec()));
        self
    }

    /// Lines of `weir.toml` behind the source.
    pub fn config(mut self, lines: &str) -> Given {
        self.config = lines.into();
        self
    }

    fn memory(&self) -> Memory {
        let files: Vec<(&str, &[u8])> = (self.files.iter())
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        Memory::new(self.kind, &files, &self.config).unwrap_or_else(|e| panic!("{e:?}"))
    }

    pub fn lower(&self) -> Records {
        let memory = self.memory();
        sources::lower(
            &memory.project.sources[0],
            &memory.exports.exports[0],
            &memory.files,
            memory.project.as_of,
        )
    }

    /// What an operator is told, one finding a line: place, code, message.
    pub fn findings(&self) -> String {
        let memory = self.memory();
        let compiled = memory.compile(None);
        lines(compiled.findings.iter().map(|finding| {
            let place = finding.places.first().map(|label| {
                let place = &label.place;
                let path = memory.files.file(place.origin.file).path.as_str();
                format!("{}{} ", path.trim_start_matches("exports/"), place.route)
            });
            format!(
                "{}{} {}",
                place.unwrap_or_default(),
                finding.rule.code,
                finding.message
            )
        }))
    }

    /// The export is not complete: nothing may be built from it.
    pub fn incomplete(&self) -> bool {
        self.memory().compile(None).incomplete
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.fold(String::new(), |all, line| all + &line + "\n")
}

fn rates(pair: Pair<Option<Kbps>>) -> String {
    let one = |rate: Option<Kbps>| rate.map_or("?".into(), |rate| rate.mbps().to_string());
    format!("{}/{}", one(pair.down), one(pair.up))
}

fn node(node: &NodeRecord) -> String {
    let mut line = format!("{} {} \"{}\"", node.kind.word(), node.id, node.name);
    if node.capacity != Pair::default() {
        write!(line, " {}", rates(node.capacity)).unwrap();
    }
    if let Some(parent) = &node.parent {
        write!(line, " in {}", parent.text).unwrap();
    }
    if node.gateway {
        line.push_str(", gateway");
    }
    line
}

/// Nodes, links and circuits with their devices, one a line.
pub fn show(records: &Records) -> String {
    let nodes = records.nodes.iter().map(node);
    let links = records.links.iter().map(|link| {
        let state = link.state;
        format!("link {} {} - {} {state:?}", link.id, link.a, link.b)
    });
    let circuits = records.circuits.iter().map(|circuit| {
        let mut line = format!(
            "circuit {} \"{}\" {}",
            circuit.id,
            circuit.name,
            rates(circuit.plan)
        );
        if circuit.commit != Pair::ZERO {
            write!(line, " at least {}", circuit.commit).unwrap();
        }
        if circuit.burst != Pair::ZERO {
            write!(line, " burst {}", circuit.burst).unwrap();
        }
        if circuit.state == ServiceState::Suspended {
            line.push_str(" suspended");
        }
        if !circuit.attach.is_empty() {
            let on: Vec<&str> = circuit.attach.iter().map(|to| &*to.text).collect();
            write!(line, " on {}", on.join(", else ")).unwrap();
        }
        for device in &circuit.devices {
            write!(line, "\n    {} \"{}\"", device.id, device.name).unwrap();
            if !device.mac.is_empty() {
                write!(line, " [{}]", device.mac).unwrap();
            }
            for claim in &device.claims {
                write!(line, " {}", claim.value.text()).unwrap();
            }
        }
        line
    });
    lines(nodes.chain(links).chain(circuits))
}
