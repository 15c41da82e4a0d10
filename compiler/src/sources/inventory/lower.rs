//! One `weir.inventory/1` file into records. The file is cut into records first; they are then decoded in
//! parallel, each on its own, so that one bad record costs itself only.

use std::borrow::Cow;
use std::ops::Range;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::fields::{self, Fields, Number, Unknown};
use super::scan::{self, Kind, Member};
use crate::id::FileId;
use crate::ir::address::{Claim, ClaimValue, Form};
use crate::ir::records::{
    CircuitRecord, DeviceRecord, LeafKind, LinkRecord, LinkState, NodeKind, NodeRecord, NodeRef,
    Place, Quarantined, Records, RefBy, ServiceState, SourceEvidence, Subject, SubjectKind,
    UnreadableFile,
};
use crate::units::{KBPS, Kbps, Pair};

pub const SCHEMA: &str = <weir_schemas::inventory::Inventory as weir_schemas::Published>::SCHEMA;

const TOP_KEYS: [&str; 4] = ["schema", "nodes", "links", "circuits"];
const NODE_KEYS: [&str; 9] = [
    "id",
    "name",
    "kind",
    "parent",
    "kbps",
    "virtual",
    "gateway",
    "latitude",
    "longitude",
];
const LINK_KEYS: [&str; 6] = ["id", "a", "b", "kbps", "cost", "up"];
const CIRCUIT_KEYS: [&str; 12] = [
    "id",
    "name",
    "attach",
    "plan_kbps",
    "burst_kbps",
    "commit_kbps",
    "state",
    "qdisc",
    "comment",
    "devices",
    "latitude",
    "longitude",
];
const DEVICE_KEYS: [&str; 4] = ["id", "name", "mac", "ips"];

const CAPACITY: Number = Number {
    unit: KBPS,
    whole: true,
    required: false,
};
const PLAN: Number = Number {
    required: true,
    ..CAPACITY
};
const PLAN_ROUTE: [&str; 2] = ["/plan_kbps/0", "/plan_kbps/1"];

/// Sums of a path's costs must fit 64 bits for a million links of this cost.
const MAX_COST: u64 = 1_000_000_000_000;

/// Records decoded as one unit of work.
const CHUNK: usize = 1024;

/// The routes of a device's first addresses: nearly all there are.
const IP_ROUTES: [&str; 8] = [
    "/ips/0", "/ips/1", "/ips/2", "/ips/3", "/ips/4", "/ips/5", "/ips/6", "/ips/7",
];

/// Where a record stands and what it is called when it cannot be read.
struct Cell<'a> {
    file: FileId,
    bytes: &'a [u8],
    range: Range<usize>,
    collection: &'static str,
}

/// One batch of decoded records.
struct Batch<T> {
    records: Vec<T>,
    evidence: SourceEvidence,
    unknown: Unknown,
}

pub fn file(file: FileId, bytes: &[u8]) -> Records {
    let start = scan::after_bom(bytes);
    // The scanner gives nonsense on invalid text, and then nothing of it is kept: both at once cost one.
    let (syntax, lowered) = rayon::join(|| scan::syntax(&bytes[start..]), || document(file, bytes));
    match syntax {
        Ok(()) => lowered,
        Err(broken) => {
            let at = start + broken.at;
            unreadable(file, at..(at + 1).min(bytes.len()), "", broken.message)
        }
    }
}

fn unreadable(
    file: FileId,
    range: Range<usize>,
    route: &'static str,
    message: impl Into<String>,
) -> Records {
    let mut records = Records::default();
    records.evidence.unreadable.push(UnreadableFile {
        place: fields::origin(file, &range).at(route),
        mandatory: true,
        message: message.into(),
    });
    records
}

fn document(file: FileId, bytes: &[u8]) -> Records {
    let top = scan::top(bytes);
    let whole = top..bytes.len();
    let members = match scan::members(bytes, top) {
        Ok(members) => members,
        Err(_) => return unreadable(file, whole, "", "the file is not a JSON object"),
    };
    let mut records = Records::default();
    let mut unknown = Unknown::new();
    let mut arrays: [Vec<Range<usize>>; 3] = Default::default();
    {
        let subject = Subject::new(SubjectKind::Source, super::COLLECTION, super::COLLECTION);
        let origin = fields::origin(file, &whole);
        let mut top = Fields::new(bytes, members, origin, subject, &mut records.evidence);
        top.keys(&TOP_KEYS, "", &mut unknown);
        match top.text("schema", false) {
            Some(schema) if schema == SCHEMA => {}
            Some(schema) => {
                let message = format!(
                    "schema is {}, and only `{SCHEMA}` can be read",
                    fields::shown(&schema)
                );
                return unreadable(file, whole, "/schema", message);
            }
            None => top.odd("/schema", false, format!("is missing; read as {SCHEMA}")),
        }
        for (array, key, route) in [
            (0, "nodes", "/nodes"),
            (1, "links", "/links"),
            (2, "circuits", "/circuits"),
        ] {
            let Some((value, kind)) = top.present(key) else {
                continue;
            };
            if kind != Kind::Array {
                let message = format!("`{key}` is {} where a list belongs", kind.word());
                return unreadable(file, whole, route, message);
            }
            arrays[array] = scan::elements(bytes, value.start).unwrap_or_default();
        }
    }
    fields::report_unknown(unknown, SCHEMA, &mut records.evidence);
    let [nodes, links, circuits] = arrays;
    records.nodes = collection(file, bytes, nodes, "nodes", node, &mut records.evidence);
    records.links = collection(file, bytes, links, "links", link, &mut records.evidence);
    records.circuits = collection(
        file,
        bytes,
        circuits,
        "circuits",
        circuit,
        &mut records.evidence,
    );
    records
}

fn collection<T: Send>(
    file: FileId,
    bytes: &[u8],
    ranges: Vec<Range<usize>>,
    name: &'static str,
    decode: fn(&Cell<'_>, Vec<Member<'_>>, &mut SourceEvidence, &mut Unknown) -> Option<T>,
    evidence: &mut SourceEvidence,
) -> Vec<T> {
    let read = ranges.len() as u64;
    let batches: Vec<Batch<T>> = ranges
        .par_chunks(CHUNK)
        .map(|chunk| {
            let mut batch = Batch {
                records: Vec::with_capacity(chunk.len()),
                evidence: SourceEvidence::default(),
                unknown: Unknown::new(),
            };
            for range in chunk {
                let cell = Cell {
                    file,
                    bytes,
                    range: range.clone(),
                    collection: name,
                };
                let Some(members) = cell.open(&mut batch.evidence) else {
                    continue;
                };
                let record = decode(&cell, members, &mut batch.evidence, &mut batch.unknown);
                batch.records.extend(record);
            }
            batch
        })
        .collect();
    let mut records = Vec::with_capacity(ranges.len());
    let mut unknown = Unknown::new();
    for batch in batches {
        records.extend(batch.records);
        evidence.absorb(batch.evidence);
        fields::merge_unknown(&mut unknown, batch.unknown);
    }
    fields::report_unknown(unknown, SCHEMA, evidence);
    evidence.read.push((name, read));
    records
}

impl<'a> Cell<'a> {
    fn place(&self) -> Place {
        fields::origin(self.file, &self.range).whole()
    }

    fn reject(&self, id: Option<&str>, reason: impl Into<String>, evidence: &mut SourceEvidence) {
        evidence.quarantined.push(Quarantined {
            place: self.place(),
            collection: self.collection,
            id: id.map(Into::into),
            reason: reason.into(),
        });
    }

    fn open(&self, evidence: &mut SourceEvidence) -> Option<Vec<Member<'a>>> {
        let at = self.range.start;
        match scan::kind(self.bytes, at) {
            Ok(Kind::Object) => {}
            Ok(other) => {
                let reason = format!("is {} where a record belongs", other.word());
                self.reject(None, reason, evidence);
                return None;
            }
            Err(error) => {
                self.reject(None, error.what, evidence);
                return None;
            }
        }
        match scan::members(self.bytes, at) {
            Ok(members) => Some(members),
            Err(error) => {
                self.reject(None, error.what, evidence);
                None
            }
        }
    }

    /// The record's id and a reader for the rest of it; without an id the record is of no use.
    fn fields<'e>(
        &self,
        kind: SubjectKind,
        members: Vec<Member<'a>>,
        known: &[&str],
        evidence: &'e mut SourceEvidence,
        unknown: &mut Unknown,
    ) -> Option<(Box<str>, Fields<'a, 'e>)> {
        let Ok(Some((id, numeric))) = fields::id_text(self.bytes, &members, "id") else {
            self.reject(None, "has no id", evidence);
            return None;
        };
        let name = fields::find(&members, "name")
            .and_then(|value| self.bytes.get(value))
            .filter(|raw| raw.starts_with(b"\""))
            .map_or_else(
                || id.as_ref().into(),
                |raw| fields::tidy(&scan::text(raw).0).0,
            );
        let subject = Subject {
            kind,
            id: id.as_ref().into(),
            name,
        };
        let origin = fields::origin(self.file, &self.range);
        let id: Box<str> = id.into();
        let mut reader = Fields::new(self.bytes, members, origin, subject, evidence);
        if numeric {
            let what = format!("is a number where text belongs; read as `{id}`");
            reader.odd("/id", false, what);
        }
        reader.keys(known, self.collection, unknown);
        Some((id, reader))
    }
}

fn node(
    cell: &Cell<'_>,
    members: Vec<Member<'_>>,
    evidence: &mut SourceEvidence,
    unknown: &mut Unknown,
) -> Option<NodeRecord> {
    let (id, mut f) = cell.fields(SubjectKind::Node, members, &NODE_KEYS, evidence, unknown)?;
    let Some(word) = f.text("kind", true) else {
        cell.reject(Some(&id), "has no kind", f.evidence);
        return None;
    };
    let kind = match word.to_ascii_lowercase().as_str() {
        "root" => NodeKind::Root,
        "site" => NodeKind::Site,
        "ap" => NodeKind::Ap,
        "other" => NodeKind::Other,
        _ => {
            let what = format!(
                "is {}, not one of root, site, ap, other; read as other",
                fields::shown(&word)
            );
            f.odd("/kind", true, what);
            NodeKind::Other
        }
    };
    let [down, up] = f.pair("kbps", ["/kbps/0", "/kbps/1"], CAPACITY);
    Some(NodeRecord {
        name: f.label("name").unwrap_or_else(|| id.clone()),
        kind,
        parent: reference(&mut f, "parent", "/parent"),
        capacity: Pair::new(known(down), known(up)),
        is_virtual: f.flag("virtual", false),
        gateway: f.flag("gateway", false),
        position: f.position(),
        origin: f.origin,
        id,
    })
}

fn link(
    cell: &Cell<'_>,
    members: Vec<Member<'_>>,
    evidence: &mut SourceEvidence,
    unknown: &mut Unknown,
) -> Option<LinkRecord> {
    let (id, mut f) = cell.fields(SubjectKind::Link, members, &LINK_KEYS, evidence, unknown)?;
    let (Some(a), Some(b)) = (f.text("a", true), f.text("b", true)) else {
        cell.reject(Some(&id), "does not name both of its ends", f.evidence);
        return None;
    };
    let [ab, ba] = f.pair("kbps", ["/kbps/0", "/kbps/1"], CAPACITY);
    Some(LinkRecord {
        a: a.into(),
        b: b.into(),
        ab: known(ab),
        ba: known(ba),
        cost: cost(&mut f),
        state: match f.flag("up", true) {
            true => LinkState::Up,
            false => LinkState::Down,
        },
        origin: f.origin,
        id,
    })
}

fn circuit(
    cell: &Cell<'_>,
    members: Vec<Member<'_>>,
    evidence: &mut SourceEvidence,
    unknown: &mut Unknown,
) -> Option<CircuitRecord> {
    let (id, mut f) = cell.fields(
        SubjectKind::Circuit,
        members,
        &CIRCUIT_KEYS,
        evidence,
        unknown,
    )?;
    let [down, up] = f.pair("plan_kbps", PLAN_ROUTE, PLAN);
    let plan = Pair::new(known(down), known(up));
    let [down, up] = f.pair("burst_kbps", ["/burst_kbps/0", "/burst_kbps/1"], CAPACITY);
    let burst = Pair::new(down, up).map(Option::unwrap_or_default);
    let [down, up] = f.pair(
        "commit_kbps",
        ["/commit_kbps/0", "/commit_kbps/1"],
        CAPACITY,
    );
    let commit = Pair::new(down, up).map(Option::unwrap_or_default);
    let ranges = f.list("devices");
    let mut record = CircuitRecord {
        name: f.label("name").unwrap_or_else(|| id.clone()),
        attach: Vec::from_iter(reference(&mut f, "attach", "/attach")),
        plan,
        burst,
        burst_bytes: Pair::both(0),
        commit,
        state: state(&mut f),
        leaf: leaf(&mut f),
        comment: f.label("comment").unwrap_or_default(),
        devices: Vec::with_capacity(ranges.len()),
        position: f.position(),
        origin: f.origin,
        plan_route: Pair::new(PLAN_ROUTE[0], PLAN_ROUTE[1]),
        plan_origin: None,
        id,
    };
    for range in ranges {
        let cell = Cell {
            range,
            collection: "devices",
            ..*cell
        };
        let Some(members) = cell.open(f.evidence) else {
            continue;
        };
        let device = device(&cell, members, &record.id, f.evidence, unknown);
        record.devices.push(device);
    }
    Some(record)
}

fn device(
    cell: &Cell<'_>,
    members: Vec<Member<'_>>,
    circuit: &str,
    evidence: &mut SourceEvidence,
    unknown: &mut Unknown,
) -> DeviceRecord {
    let origin = fields::origin(cell.file, &cell.range);
    let subject = Subject::new(SubjectKind::Circuit, circuit, circuit);
    let mut f = Fields::new(cell.bytes, members, origin, subject, evidence);
    let id = f.text("id", false);
    if let Some(id) = &id {
        f.subject = Subject::new(SubjectKind::Device, id, id);
    }
    f.keys(&DEVICE_KEYS, cell.collection, unknown);
    let name = f.label("name");
    let mac: Box<str> = f.text("mac", false).unwrap_or_default().into();
    let claims = addresses(&mut f);
    let id: Box<str> = match id {
        Some(id) => id.into(),
        None => derived_id(circuit, name.as_deref(), &mac, &claims),
    };
    DeviceRecord {
        name: name.unwrap_or_else(|| id.clone()),
        mac,
        claims,
        origin,
        id,
    }
}

/// A device that has no id gets one from what it is, so that the order of devices does not matter.
fn derived_id(circuit: &str, name: Option<&str>, mac: &str, claims: &[Claim]) -> Box<str> {
    let mut ips: Vec<String> = claims.iter().map(|claim| claim.value.text()).collect();
    ips.sort_unstable();
    let mut hash = Sha256::new();
    for part in [circuit, name.unwrap_or_default(), mac]
        .into_iter()
        .chain(ips.iter().map(String::as_str))
    {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let hex: String = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
    format!("device:{hex}").into()
}

fn addresses(f: &mut Fields<'_, '_>) -> Vec<Claim> {
    let ranges = match f.present("ips") {
        Some((value, Kind::Text)) => {
            f.odd(
                "/ips",
                false,
                "is text where a list belongs; read as one address",
            );
            let text = scan::text(f.raw(&value)).0;
            return vec![Claim {
                value: ClaimValue::parse(&text, Form::Prefix),
                route: Cow::Borrowed("/ips"),
            }];
        }
        _ => f.list("ips"),
    };
    let mut claims = Vec::with_capacity(ranges.len());
    for (position, range) in ranges.iter().enumerate() {
        let route = match IP_ROUTES.get(position) {
            Some(route) => Cow::Borrowed(*route),
            None => Cow::Owned(format!("/ips/{position}")),
        };
        match f.kind(range) {
            Some(Kind::Text) => claims.push(Claim {
                value: ClaimValue::parse(&scan::text(f.raw(range)).0, Form::Prefix),
                route,
            }),
            Some(Kind::Null) | None => {}
            Some(other) => {
                let what = format!("is {} where an address belongs; not used", other.word());
                f.odd(route, false, what);
            }
        }
    }
    claims
}

fn reference(f: &mut Fields<'_, '_>, key: &str, route: &'static str) -> Option<NodeRef> {
    Some(NodeRef {
        text: f.text(key, false)?.into(),
        by: RefBy::Id,
        route: Cow::Borrowed(route),
    })
}

fn known(rate: Option<Kbps>) -> Option<Kbps> {
    rate.and_then(Kbps::known)
}

fn cost(f: &mut Fields<'_, '_>) -> Option<u64> {
    let (value, kind) = f.present("cost")?;
    let raw = f.raw(&value);
    let text = match kind {
        Kind::Number => String::from_utf8_lossy(raw),
        Kind::Text => scan::text(raw).0,
        _ => Cow::Borrowed(kind.word()),
    };
    let read = text.trim().parse().ok().filter(|cost| *cost <= MAX_COST);
    match (read, kind) {
        (Some(_), Kind::Number) => {}
        (Some(cost), _) => {
            let what = format!("is text where a number belongs; read as {cost}");
            f.odd("/cost", false, what);
        }
        (None, _) => {
            let what = format!(
                "is {}, not a whole number from 0 to {MAX_COST}; not used",
                fields::shown(&text)
            );
            f.odd("/cost", false, what);
        }
    }
    read
}

fn state(f: &mut Fields<'_, '_>) -> ServiceState {
    match f.text("state", false) {
        None => ServiceState::Active,
        Some(word) if word.eq_ignore_ascii_case("active") => ServiceState::Active,
        Some(word) if word.eq_ignore_ascii_case("suspended") => ServiceState::Suspended,
        Some(word) => {
            let what = format!(
                "is {}, not one of active, suspended; read as active",
                fields::shown(&word)
            );
            f.odd("/state", false, what);
            ServiceState::Active
        }
    }
}

fn leaf(f: &mut Fields<'_, '_>) -> Pair<Option<LeafKind>> {
    let Some((value, kind)) = f.present("qdisc") else {
        return Pair::both(None);
    };
    let elements = match kind {
        Kind::Array => f.list("qdisc"),
        _ => vec![value],
    };
    let [first, second] = elements.as_slice() else {
        let what = "is not a pair [download, upload]; the target's default is used";
        f.odd("/qdisc", false, what);
        return Pair::both(None);
    };
    let mut one = |range: &Range<usize>, route: &'static str| match f.kind(range) {
        Some(Kind::Null) | None => None,
        Some(Kind::Text) => {
            let word = scan::text(f.raw(range)).0;
            let read = match word.trim().to_ascii_lowercase().as_str() {
                "" => return None,
                "cake" => Some(LeafKind::Cake),
                "fq_codel" => Some(LeafKind::FqCodel),
                "none" => Some(LeafKind::None),
                _ => None,
            };
            if read.is_none() {
                let what = format!(
                    "is {}, not one of cake, fq_codel, none; the target's default is used",
                    fields::shown(&word)
                );
                f.odd(route, false, what);
            }
            read
        }
        Some(other) => {
            let what = format!(
                "is {} where text belongs; the target's default is used",
                other.word()
            );
            f.odd(route, false, what);
            None
        }
    };
    Pair::new(one(first, "/qdisc/0"), one(second, "/qdisc/1"))
}
