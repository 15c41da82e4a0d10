//! For the tests of sources: recorded exports lowered from memory, and what came of them in lines that fit a test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::config::project::{Source, SourceKind};
use crate::exports::{Export, ExportFile};
use crate::ir::records::{CircuitRecord, Place, Records, ServiceState};
use crate::source_map::{Format, SourceFile, SourceMap};
use crate::units::{Kbps, Pair};

/// Files of an export by name: `sites.json`, `services.page-2.json`.
#[derive(Clone)]
pub struct Recorded {
    pub kind: SourceKind,
    pub files: BTreeMap<String, Vec<u8>>,
}

pub struct Lowered {
    pub files: SourceMap,
    pub records: Records,
}

impl Recorded {
    /// The export of a golden story.
    pub fn story(kind: SourceKind, story: &str) -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../golden")
            .join(story)
            .join("exports");
        let files = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, std::fs::read(entry.path()).unwrap())
            });
        Recorded {
            kind,
            files: files.collect(),
        }
    }

    pub fn of(kind: SourceKind, files: &[(&str, Value)]) -> Self {
        let files = files
            .iter()
            .map(|(name, value)| (format!("{name}.json"), value.to_string().into_bytes()));
        Recorded {
            kind,
            files: files.collect(),
        }
    }

    pub fn value(&self, file: &str) -> Value {
        serde_json::from_slice(&self.files[file]).unwrap()
    }

    /// The same with one file replaced.
    pub fn with(&self, file: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let mut other = self.clone();
        other.files.insert(file.to_owned(), bytes.into());
        other
    }

    pub fn without(&self, file: &str) -> Self {
        let mut other = self.clone();
        assert!(other.files.remove(file).is_some(), "{file} is not there");
        other
    }

    /// The same with one file changed.
    pub fn edit(&self, file: &str, change: impl FnOnce(&mut Value)) -> Self {
        let mut value = self.value(file);
        change(&mut value);
        self.with(file, value.to_string())
    }

    pub fn lower(&self) -> Lowered {
        let mut map = SourceMap::default();
        let mut export = Export {
            source: 0,
            files: Vec::new(),
        };
        for (name, bytes) in &self.files {
            let stem = name.trim_end_matches(".json");
            let (collection, page) = match stem.split_once(".page-") {
                Some((collection, page)) => (collection, page.parse().ok()),
                None => (stem, None),
            };
            let file = map.add(SourceFile {
                path: name.clone(),
                format: Format::Json,
                bytes: bytes.clone().into(),
                transcoded: None,
                digest: String::new().into(),
            });
            export.files.push(ExportFile {
                collection: collection.into(),
                page,
                file,
            });
        }
        export.files.sort();
        let source = Source {
            name: "crm".into(),
            kind: self.kind,
            export: None,
            url: None,
            table: None,
            index: 0,
        };
        let records = super::lower(&source, &export, &map, None);
        Lowered {
            files: map,
            records,
        }
    }
}

impl Lowered {
    /// `kind id "name" capacity in parent, gateway`, one a line.
    pub fn nodes(&self) -> Vec<String> {
        let node = |n: &crate::ir::records::NodeRecord| {
            let mut line = format!("{} {} \"{}\"", n.kind.word(), n.id, n.name);
            if n.capacity != Pair::default() {
                write!(line, " {}", known(n.capacity)).unwrap();
            }
            if let Some(parent) = &n.parent {
                write!(line, " in {}", parent.text).unwrap();
            }
            line + if n.gateway { ", gateway" } else { "" }
        };
        self.records.nodes.iter().map(node).collect()
    }

    /// What each circuit is but for where it was read, by id.
    pub fn circuits(&self) -> BTreeMap<String, String> {
        (self.records.circuits.iter())
            .map(|c| (c.id.to_string(), circuit(c)))
            .collect()
    }

    #[track_caller]
    pub fn circuit(&self, id: &str) -> String {
        let all = self.circuits();
        let known: Vec<&String> = all.keys().collect();
        all.get(id)
            .unwrap_or_else(|| panic!("no circuit {id} in {known:?}"))
            .clone()
    }

    /// Everything that was noted, with the place it points at; sorted.
    pub fn notes(&self) -> Vec<String> {
        let e = &self.records.evidence;
        let at =
            |place: &Place| format!("{}{}", self.files.file(place.origin.file).path, place.route);
        let needed = |needed: bool| if needed { " (needed)" } else { "" };
        let mut notes: Vec<String> = Vec::new();
        let unreadable = e.unreadable.iter();
        notes.extend(unreadable.map(|u| {
            let mandatory = needed(u.mandatory);
            format!("unreadable{mandatory} {}: {}", at(&u.place), u.message)
        }));
        let missing = e.missing.iter();
        notes.extend(missing.map(|m| format!("missing{} {}", needed(!m.optional), m.collection)));
        notes.extend(e.quarantined.iter().map(|q| {
            let id = q.id.as_deref().unwrap_or("?");
            format!("quarantined {} {id}: {}", at(&q.place), q.reason)
        }));
        notes.extend(e.odd_fields.iter().map(|o| {
            let required = needed(o.required);
            format!(
                "odd{required} {} {}: {}",
                at(&o.place),
                o.subject.id,
                o.what
            )
        }));
        notes.extend(e.dangling.iter().map(|d| {
            let (kind, wanted) = (d.wanted_kind, &d.wanted);
            format!(
                "dangling {} {}: {kind} {wanted}",
                at(&d.place),
                d.subject.id
            )
        }));
        notes.extend(e.repeats.iter().map(|r| {
            let kind = if r.identical { "repeat" } else { "conflict" };
            format!("{kind} {} {}", at(&r.place), r.subject.id)
        }));
        let dirty = e.dirty_text.iter();
        notes.extend(dirty.map(|d| format!("dirty {} {}: {}", at(&d.place), d.subject.id, d.what)));
        let relays = e.relays.iter();
        notes.extend(relays.map(|r| {
            format!(
                "relay {} {} through {}",
                at(&r.place),
                r.circuit.id,
                r.relay.id
            )
        }));
        notes.sort();
        notes
    }

    /// The notes that another export does not have.
    pub fn news(&self, before: &Lowered) -> Vec<String> {
        let before = before.notes();
        (self.notes().into_iter())
            .filter(|note| !before.contains(note))
            .collect()
    }

    /// Circuits that are not what they are in another export.
    pub fn changed(&self, before: &Lowered) -> Vec<String> {
        let (before, after) = (before.circuits(), self.circuits());
        let mut ids: Vec<String> = (before.keys().chain(after.keys()))
            .filter(|id| before.get(*id) != after.get(*id))
            .cloned()
            .collect();
        ids.sort();
        ids.dedup();
        ids
    }
}

/// `name plan +burst commit c suspended on node; device [mac] addresses`
fn circuit(c: &CircuitRecord) -> String {
    let mut line = format!("{} {}", c.name, known(c.plan));
    if c.burst != Pair::ZERO {
        write!(line, " +{}", c.burst).unwrap();
    }
    if c.commit != Pair::ZERO {
        write!(line, " commit {}", c.commit).unwrap();
    }
    if c.state == ServiceState::Suspended {
        line += " suspended";
    }
    let on: Vec<&str> = c.attach.iter().map(|a| &*a.text).collect();
    if !on.is_empty() {
        write!(line, " on {}", on.join(", ")).unwrap();
    }
    for device in &c.devices {
        write!(line, "; {}", device.id).unwrap();
        if !device.mac.is_empty() {
            write!(line, " [{}]", device.mac).unwrap();
        }
        for claim in &device.claims {
            write!(line, " {}", claim.value.text()).unwrap();
        }
    }
    if !c.comment.is_empty() {
        write!(line, " ({})", c.comment).unwrap();
    }
    line
}

fn known(pair: Pair<Option<Kbps>>) -> String {
    let one = |rate: Option<Kbps>| rate.map_or("?".to_owned(), |r| r.mbps().to_string());
    format!("{}/{}", one(pair.down), one(pair.up))
}
