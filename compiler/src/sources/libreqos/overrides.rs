//! `lqos_overrides.json`: what the operator changed beside the files. It is applied to rows and nodes by
//! meaning, so the layout of `ShapedDevices.csv` does not matter. An override that names nothing changes
//! nothing and is reported.
//!
//! It knows the operator's layer only: what LibreQoS's own automation writes beside it is of the moment.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::devices::names_nothing;
use super::{OVERRIDES, leaf};
use crate::id::FileId;
use crate::ir::address::{Claim, ClaimValue, Form};
use crate::ir::records::{
    Dangling, LeafKind, NodeRecord, NodeRef, Quarantined, RefBy, ServiceState, SourceEvidence,
    Subject, SubjectKind, UnreadableFile,
};
use crate::sources::inventory::fields::{self, Fields, Number, Unknown, shown};
use crate::sources::inventory::scan::{self, Kind};
use crate::sources::rows::{Row, derived_device};
use crate::units::{Kbps, MBPS, Pair};

const TOP_KEYS: [&str; 6] = [
    "persistent_devices",
    "devices_to_append",
    "circuit_adjustments",
    "network_adjustments",
    "rtt_excluded_circuits",
    "uisp",
];

const RATE: Number = Number {
    unit: MBPS,
    whole: false,
    required: false,
};
const PLAN: Number = Number {
    required: true,
    ..RATE
};

const NOTHING_CHANGED: &str = "the override changes nothing";

/// The rows under change, found by circuit and by device.
struct Book<'r> {
    rows: &'r mut Vec<Row>,
    circuits: BTreeMap<Box<str>, Vec<usize>>,
    devices: BTreeMap<Box<str>, Vec<usize>>,
    removed: Vec<bool>,
}

pub fn apply(
    file: FileId,
    bytes: &[u8],
    rows: &mut Vec<Row>,
    nodes: &mut [NodeRecord],
    evidence: &mut SourceEvidence,
) {
    let start = scan::after_bom(bytes);
    let top = scan::top(bytes);
    let broken = match scan::syntax(&bytes[start..]) {
        Err(broken) => {
            let at = start + broken.at;
            Some((at..(at + 1).min(bytes.len()), broken.message))
        }
        Ok(()) => match scan::members(bytes, top) {
            Ok(_) => None,
            Err(_) => {
                let message = "the file is not a JSON object".to_owned();
                Some((top..bytes.len(), message))
            }
        },
    };
    if let Some((range, message)) = broken {
        evidence.unreadable.push(UnreadableFile {
            place: fields::origin(file, &range).whole(),
            // Subscribers may be added, removed and slowed here: without it nobody knows the plan.
            mandatory: true,
            message,
        });
        return;
    }
    let mut unknown = Unknown::new();
    let mut top = Fields::new(
        bytes,
        scan::members(bytes, top).unwrap_or_default(),
        fields::origin(file, &(top..bytes.len())),
        Subject::new(SubjectKind::Source, OVERRIDES, OVERRIDES),
        evidence,
    );
    top.keys(&TOP_KEYS, "", &mut unknown);
    let mut persistent = top.list("persistent_devices");
    persistent.extend(top.list("devices_to_append"));
    let circuit_adjustments = top.list("circuit_adjustments");
    let network_adjustments = top.list("network_adjustments");
    fields::report_unknown(unknown, OVERRIDES, evidence);

    let added: Vec<Row> = persistent
        .into_iter()
        .filter_map(|range| {
            let mut f = open(file, bytes, range, evidence)?;
            persistent_device(&mut f)
        })
        .collect();
    let mut book = Book::new(rows, added);
    for range in circuit_adjustments {
        if let Some(mut f) = open(file, bytes, range, evidence) {
            adjust_circuit(&mut f, &mut book, nodes);
        }
    }
    book.close();
    for range in network_adjustments {
        if let Some(mut f) = open(file, bytes, range, evidence) {
            adjust_node(&mut f, nodes);
        }
    }
}

fn open<'a, 'e>(
    file: FileId,
    bytes: &'a [u8],
    range: Range<usize>,
    evidence: &'e mut SourceEvidence,
) -> Option<Fields<'a, 'e>> {
    let origin = fields::origin(file, &range);
    match scan::members(bytes, range.start) {
        Ok(members) => {
            let subject = Subject::new(SubjectKind::Setting, OVERRIDES, OVERRIDES);
            Some(Fields::new(bytes, members, origin, subject, evidence))
        }
        Err(_) => {
            evidence.quarantined.push(Quarantined {
                place: origin.whole(),
                collection: OVERRIDES,
                id: None,
                reason: "is not an object".to_owned(),
            });
            None
        }
    }
}

fn reject(f: &mut Fields<'_, '_>, reason: &str) {
    f.evidence.quarantined.push(Quarantined {
        place: f.origin.whole(),
        collection: OVERRIDES,
        id: None,
        reason: reason.to_owned(),
    });
}

fn dangling(f: &mut Fields<'_, '_>, key: &str, kind: &'static str, wanted: &str) {
    f.evidence.dangling.push(Dangling {
        place: f.origin.at(fields::pointer(key)),
        subject: f.subject.clone(),
        wanted_kind: kind,
        wanted: wanted.into(),
        consequence: NOTHING_CHANGED,
    });
}

impl<'r> Book<'r> {
    /// A persistent device replaces every row of its id; of two with one id the later counts.
    fn new(rows: &'r mut Vec<Row>, added: Vec<Row>) -> Self {
        if !added.is_empty() {
            let mut by_device: BTreeMap<Box<str>, Row> = BTreeMap::new();
            for row in added {
                by_device.insert(row.device.clone(), row);
            }
            rows.retain(|row| !by_device.contains_key(&row.device));
            rows.extend(by_device.into_values());
        }
        let mut circuits: BTreeMap<Box<str>, Vec<usize>> = BTreeMap::new();
        let mut devices: BTreeMap<Box<str>, Vec<usize>> = BTreeMap::new();
        for (index, row) in rows.iter().enumerate() {
            circuits.entry(row.circuit.clone()).or_default().push(index);
            devices.entry(row.device.clone()).or_default().push(index);
        }
        Book {
            removed: vec![false; rows.len()],
            rows,
            circuits,
            devices,
        }
    }

    fn of_circuit(&self, circuit: &str) -> Vec<usize> {
        self.standing(self.circuits.get(circuit))
    }

    fn of_device(&self, device: &str) -> Vec<usize> {
        self.standing(self.devices.get(device))
    }

    /// All rows of the circuits that hold the device: a circuit has one queue, so what is set for a device is
    /// set for its circuit.
    fn beside_device(&self, device: &str) -> Vec<usize> {
        let circuits: BTreeSet<&str> = self
            .of_device(device)
            .into_iter()
            .map(|index| &*self.rows[index].circuit)
            .collect();
        let rows = circuits.into_iter().map(|circuit| self.of_circuit(circuit));
        rows.flatten().collect()
    }

    fn standing(&self, rows: Option<&Vec<usize>>) -> Vec<usize> {
        let rows = rows.into_iter().flatten().copied();
        rows.filter(|index| !self.removed[*index]).collect()
    }

    fn close(self) {
        let mut removed = self.removed.iter();
        self.rows.retain(|_| removed.next() != Some(&true));
    }
}

fn persistent_device(f: &mut Fields<'_, '_>) -> Option<Row> {
    let Some(circuit) = f.text("circuit_id", true) else {
        reject(f, "has no circuit_id");
        return None;
    };
    let circuit: Box<str> = circuit.into();
    f.subject = Subject::new(SubjectKind::Circuit, &circuit, &circuit);
    let circuit_name = f.label("circuit_name").unwrap_or_default();
    let device_name = f.label("device_name").unwrap_or_default();
    let mac: Box<str> = f.text("mac", false).unwrap_or_default().into();
    let mut claims = addresses(f, "ipv4");
    claims.extend(addresses(f, "ipv6"));
    let device = match f.text("device_id", false) {
        Some(id) => id.into(),
        None => {
            let id = derived_device("libreqos", &circuit, &device_name, &mac, &claims);
            let what = format!("is empty; the device is called `{id}`");
            f.odd("/device_id", false, what);
            id
        }
    };
    let mut attach = Vec::new();
    for (key, by, route) in [
        ("anchor_node_id", RefBy::Id, "/anchor_node_id"),
        ("parent_node_id", RefBy::Id, "/parent_node_id"),
        ("parent_node", RefBy::Name, "/parent_node"),
    ] {
        let text = match by {
            RefBy::Id => f.text(key, false).map(Into::into),
            RefBy::Name => f.label(key),
        };
        if let Some(text) = text.filter(|text| !names_nothing(text)) {
            attach.push(NodeRef {
                text,
                by,
                route: Cow::Borrowed(route),
            });
        }
    }
    Some(Row {
        attach,
        plan: Pair::new(
            rate(f, "download_max_mbps", PLAN).and_then(Kbps::known),
            rate(f, "upload_max_mbps", PLAN).and_then(Kbps::known),
        ),
        commit: Pair::new(
            rate(f, "download_min_mbps", RATE).unwrap_or_default(),
            rate(f, "upload_min_mbps", RATE).unwrap_or_default(),
        ),
        burst: Pair::ZERO,
        state: ServiceState::Active,
        leaf: match f.get("sqm_override") {
            Some(_) => sqm(f, "sqm_override"),
            None => sqm(f, "sqm"),
        },
        comment: f.label("comment").unwrap_or_default(),
        position: None,
        origin: f.origin,
        plan_route: Pair::new("/download_max_mbps", "/upload_max_mbps"),
        plan_origin: None,
        circuit,
        device,
        circuit_name,
        device_name,
        mac,
        claims,
    })
}

fn rate(f: &mut Fields<'_, '_>, key: &str, number: Number) -> Option<Kbps> {
    let (value, _) = f.present(key)?;
    f.rate(&value, fields::pointer(key), number)
}

fn sqm(f: &mut Fields<'_, '_>, key: &str) -> Pair<Option<LeafKind>> {
    let Some(text) = f.text(key, false) else {
        return Pair::both(None);
    };
    leaf::parse(&text).unwrap_or_else(|| {
        let what = format!("is {}, {}", shown(&text), leaf::EXPECTED);
        f.odd(fields::pointer(key), false, what);
        Pair::both(None)
    })
}

/// A list of `[address, length]`, as LibreQoS writes them, or of text.
fn addresses(f: &mut Fields<'_, '_>, key: &'static str) -> Vec<Claim> {
    if let Some((_, Kind::Text)) = f.present(key) {
        let text = f.text(key, false).unwrap_or_default();
        let parts = text.split(',').map(str::trim).filter(|p| !p.is_empty());
        return parts
            .map(|part| Claim {
                value: ClaimValue::parse(part, Form::Prefix),
                route: Cow::Owned(fields::pointer(key)),
            })
            .collect();
    }
    let mut claims = Vec::new();
    for (position, range) in f.list(key).into_iter().enumerate() {
        let route = Cow::Owned(format!("/{key}/{position}"));
        let text = match f.kind(&range) {
            Some(Kind::Text) => scan::text(f.raw(&range)).0.into_owned(),
            Some(Kind::Array) => {
                let parts = scan::elements(f.raw(&range), 0).unwrap_or_default();
                let raw = f.raw(&range);
                let parts: Vec<Cow<'_, str>> = parts
                    .into_iter()
                    .map(|part| scan::text(&raw[part]).0)
                    .collect();
                parts.join("/")
            }
            Some(Kind::Null) | None => continue,
            Some(other) => {
                let what = format!("is {} where an address belongs; not used", other.word());
                f.odd(route, false, what);
                continue;
            }
        };
        claims.push(Claim {
            value: ClaimValue::parse(&text, Form::Prefix),
            route,
        });
    }
    claims
}

fn adjust_circuit(f: &mut Fields<'_, '_>, book: &mut Book<'_>, nodes: &[NodeRecord]) {
    let Some(word) = f.text("type", true) else {
        return reject(f, "has no type");
    };
    f.subject = Subject::new(SubjectKind::Setting, OVERRIDES, &word);
    let by_device = match &*word {
        "circuit_adjust_speed" | "remove_circuit" | "reparent_circuit" => false,
        "device_adjust_speed" | "device_adjust_sqm" | "remove_device" => true,
        _ => {
            let what = format!("is {}, which is not known; not applied", shown(&word));
            return f.odd("/type", true, what);
        }
    };
    let (key, kind) = match by_device {
        false => ("circuit_id", "circuit"),
        true => ("device_id", "device"),
    };
    let Some(wanted) = f.text(key, true) else {
        return reject(f, "names neither a circuit nor a device");
    };
    let rows = match (&*word, by_device) {
        ("remove_device", _) => book.of_device(&wanted),
        (_, true) => book.beside_device(&wanted),
        (_, false) => book.of_circuit(&wanted),
    };
    if rows.is_empty() {
        return dangling(f, key, kind, &wanted);
    }
    match &*word {
        "remove_circuit" | "remove_device" => {
            for index in rows {
                book.removed[index] = true;
            }
        }
        "reparent_circuit" => {
            let parent = f.label("parent_node").unwrap_or_default();
            if !names_nothing(&parent) && !nodes.iter().any(|node| node.name == parent) {
                return dangling(f, "parent_node", "node", &parent);
            }
            for index in rows {
                let row = &mut book.rows[index];
                row.attach.clear();
                if !names_nothing(&parent) {
                    row.attach.push(NodeRef {
                        text: parent.clone(),
                        by: RefBy::Name,
                        route: Cow::Borrowed("Parent Node"),
                    });
                }
            }
        }
        "device_adjust_sqm" => {
            let leaf = sqm(f, "sqm_override");
            for index in rows {
                book.rows[index].leaf = leaf;
            }
        }
        _ => adjust_speed(f, book, &rows),
    }
}

fn adjust_speed(f: &mut Fields<'_, '_>, book: &mut Book<'_>, rows: &[usize]) {
    let max = Pair::new(
        rate(f, "max_download_bandwidth", RATE),
        rate(f, "max_upload_bandwidth", RATE),
    );
    let min = Pair::new(
        rate(f, "min_download_bandwidth", RATE),
        rate(f, "min_upload_bandwidth", RATE),
    );
    for index in rows {
        let row = &mut book.rows[*index];
        row.plan = row.plan.zip(max, |old, new| new.map_or(old, Kbps::known));
        row.commit = row.commit.zip(min, |old, new| new.unwrap_or(old));
        if max.down.is_some() || max.up.is_some() {
            row.plan_origin = Some(f.origin);
            row.plan_route = Pair::new("/max_download_bandwidth", "/max_upload_bandwidth");
        }
    }
}

fn adjust_node(f: &mut Fields<'_, '_>, nodes: &mut [NodeRecord]) {
    let Some(word) = f.text("type", true) else {
        return reject(f, "has no type");
    };
    f.subject = Subject::new(SubjectKind::Setting, OVERRIDES, &word);
    match &*word {
        "adjust_site_speed" => {
            let id = f.text("node_id", false);
            let name = f.label("site_name");
            let speed = Pair::new(
                rate(f, "download_bandwidth_mbps", RATE),
                rate(f, "upload_bandwidth_mbps", RATE),
            );
            // LibreQoS makes up other ids than we do for nodes that have none: the name decides then.
            let by_id = id
                .as_deref()
                .filter(|id| nodes.iter().any(|n| &*n.id == *id));
            let mut any = false;
            for node in nodes.iter_mut() {
                let meant = match by_id {
                    Some(id) => &*node.id == id,
                    None => name.as_deref() == Some(&*node.name),
                };
                if meant {
                    any = true;
                    node.capacity = node
                        .capacity
                        .zip(speed, |old, new| new.map_or(old, Kbps::known));
                }
            }
            if !any {
                let key = if id.is_some() { "node_id" } else { "site_name" };
                let wanted = id.as_deref().or(name.as_deref()).unwrap_or_default();
                dangling(f, key, "node", wanted);
            }
        }
        "set_node_virtual" => {
            let name = f.label("node_name").unwrap_or_default();
            let is_virtual = f.flag("virtual", false);
            let mut any = false;
            for node in nodes.iter_mut().filter(|node| node.name == name) {
                any = true;
                node.is_virtual = is_virtual;
            }
            if !any {
                dangling(f, "node_name", "node", &name);
            }
        }
        "topology_parent_override" => {
            let what = "is `topology_parent_override`, which is not applied; it becomes a pin in topology.pin";
            f.odd("/type", true, what);
        }
        _ => {
            let what = format!("is {}, which is not known; not applied", shown(&word));
            f.odd("/type", true, what);
        }
    }
}
