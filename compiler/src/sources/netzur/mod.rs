//! The `netzur` source: Netzur's one recorded answer, zones and customers. Everything that knows Netzur's words is
//! below this module.
//!
//! | Netzur | here |
//! |---|---|
//! | zone | node `netzur:zone:<id>`, kind site, where traffic enters; without an id the id is made from its name |
//! | customer | circuit `netzur_<subscriber_id>` with one device that has all its addresses |
//! | customer's `zone` | the zone of that name, blanks around it aside |
//! | coordinates | Netzur gives none that Weir knows of; a second source can |
//!
//! Capacities and plans are Mbit/s with decimals; a capacity of null or 0 is unknown, never zero. Customers find their
//! zone by its name, so of several zones of one name the one with the larger capacity is meant, then the smaller id:
//! the other can have nobody, which is said. There are no states: whoever is listed is shaped. Two customers of one id
//! are settled as everywhere ([`rows`]), and the addresses of both are used.

#[cfg(test)]
mod tests;
mod wire;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::config::project::Source;
use crate::exports::Export;
use crate::id::FileId;
use crate::ir::address::Form;
use crate::ir::records::{
    MissingCollection, NodeKind, NodeRecord, NodeRef, OddField, Origin, Records, RefBy,
    ServiceState, SourceEvidence, Subject, SubjectKind, UnreadableFile,
};
use crate::source_map::SourceMap;
use crate::sources::found::{Fact, Found, settle};
use crate::sources::json::body::Body;
use crate::sources::json::{self, Broken, Refusal, read_rows_at};
use crate::sources::notes::Notes;
use crate::sources::rows::{self, Row, short_hash};
use crate::sources::values;
use crate::units::{Kbps, MBPS, Pair};

/// The collection of the source; its two lists are counted apart.
pub const COLLECTION: &str = "libreqos";
const ZONES: &str = "zones";
const CUSTOMERS: &str = "customers";

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Zone {
    id: Box<str>,
    name: Box<str>,
    capacity: Pair<Option<Kbps>>,
}

impl Fact for Zone {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        Subject::new(SubjectKind::Node, &self.id, &self.name)
    }
}

pub fn lower(source: &Source, export: &Export, files: &SourceMap) -> Records {
    let mut evidence = SourceEvidence::default();
    let mut zones: Vec<Found<Zone>> = Vec::new();
    let mut customers = Vec::new();
    let mut any = false;
    for file in export.collection(COLLECTION) {
        any = true;
        let bytes = files.file(file).bytes.whole();
        let answer = Answer { file, bytes };
        match Body::open(bytes) {
            Ok(body) => {
                let listed = answer.read(&body, CUSTOMERS, true, &mut evidence, customer);
                if body.list(CUSTOMERS).is_ok() {
                    zones.extend(answer.read(&body, ZONES, false, &mut evidence, zone));
                }
                customers.extend(listed);
            }
            Err(broken) => answer.unreadable(broken, true, &mut evidence),
        }
    }
    if !any {
        evidence.missing.push(MissingCollection {
            source: source.name.as_str().into(),
            collection: COLLECTION,
            optional: false,
            consequence: "no circuit is known",
        });
    }
    let zones = settle(zones, &mut evidence);
    let by_name = by_name(&zones, &mut evidence);
    for row in &mut customers {
        for attach in &mut row.attach {
            if let Some(id) = by_name.get(&*attach.text) {
                attach.text = (*id).into();
                attach.by = RefBy::Id;
            }
        }
    }
    Records {
        nodes: zones.iter().map(node).collect(),
        circuits: rows::group(customers, &mut evidence),
        evidence,
        ..Records::default()
    }
}

/// One recorded answer.
struct Answer<'a> {
    file: FileId,
    bytes: &'a [u8],
}

impl Answer<'_> {
    /// The records of one list of the answer; what stands in its place is named.
    fn read<T, F>(
        &self,
        body: &Body<'_>,
        key: &'static str,
        mandatory: bool,
        evidence: &mut SourceEvidence,
        row: F,
    ) -> Vec<T>
    where
        T: Send,
        F: Fn(&json::Row<'_>, &mut SourceEvidence) -> Result<T, Refusal> + Sync,
    {
        let read = body
            .list(key)
            .and_then(|open| read_rows_at(self.file, self.bytes, open, key, row));
        match read {
            Ok(rows) => {
                evidence.read.push((key, rows.read));
                evidence.absorb(rows.evidence);
                rows.rows
            }
            Err(broken) => {
                self.unreadable(broken, mandatory, evidence);
                Vec::new()
            }
        }
    }

    fn unreadable(&self, broken: Broken, mandatory: bool, evidence: &mut SourceEvidence) {
        let origin = Origin {
            file: self.file,
            start: broken.at as u64,
            len: 0,
        };
        evidence.unreadable.push(UnreadableFile {
            place: origin.whole(),
            mandatory,
            message: broken.message,
        });
    }
}

fn zone(row: &json::Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Zone>, Refusal> {
    let wire: wire::Zone<'_> = row.decode()?;
    let id = wire.id.id().value().or(wire.zone_id.id().value());
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Node,
        id: id.as_deref().unwrap_or_default().into(),
        name: Box::default(),
    };
    let name = notes.name("/name", wire.name.text());
    if name.is_empty() {
        let reason = "has no name, and customers name their zone by it";
        return Err(match id {
            Some(id) => Refusal::of(&id, reason),
            None => Refusal::new(reason),
        });
    }
    notes.id = match &id {
        Some(id) => format!("netzur:zone:{id}").into(),
        None => format!("netzur:zone:{}", short_hash(name.as_bytes())).into(),
    };
    notes.name = name.clone();
    if id.is_none() {
        let what = format!(
            "is missing; the zone is called `{}` after its name",
            notes.id
        );
        notes.odd("/id", what);
    }
    let capacity = Pair::new(
        values::rate(
            &mut notes,
            "/capacity_download_mbps",
            wire.capacity_download_mbps,
            MBPS,
        ),
        values::rate(
            &mut notes,
            "/capacity_upload_mbps",
            wire.capacity_upload_mbps,
            MBPS,
        ),
    );
    Ok(Found {
        fact: Zone {
            id: notes.id,
            name,
            capacity: capacity.map(|rate| rate.and_then(Kbps::known)),
        },
        origin: row.origin,
    })
}

fn node(found: &Found<Zone>) -> NodeRecord {
    NodeRecord {
        id: found.fact.id.clone(),
        name: found.fact.name.clone(),
        kind: NodeKind::Site,
        parent: None,
        capacity: found.fact.capacity,
        is_virtual: false,
        gateway: true,
        position: None,
        origin: found.origin,
    }
}

/// The id of the zone that customers mean by a name.
fn by_name<'a>(
    zones: &'a [Found<Zone>],
    evidence: &mut SourceEvidence,
) -> BTreeMap<&'a str, &'a str> {
    let mut named: BTreeMap<&str, Vec<&Found<Zone>>> = BTreeMap::new();
    for zone in zones {
        named.entry(&zone.fact.name).or_default().push(zone);
    }
    named
        .into_iter()
        .map(|(name, mut zones)| {
            zones.sort_by_key(|zone| {
                let capacity = zone.fact.capacity.map(Option::unwrap_or_default).total();
                (Reverse(capacity), &zone.fact.id)
            });
            let meant = &*zones[0].fact.id;
            for other in &zones[1..] {
                evidence.odd_fields.push(OddField {
                    place: other.origin.at("/name"),
                    subject: other.fact.subject(),
                    what: format!(
                        "is the name of {meant} too, which has the larger capacity: customers of this name are put there"
                    ),
                    required: false,
                });
            }
            (name, meant)
        })
        .collect()
}

fn customer(row: &json::Row<'_>, evidence: &mut SourceEvidence) -> Result<Row, Refusal> {
    let wire: wire::Customer<'_> = row.decode()?;
    let Some(id) = wire.subscriber_id.id().value() else {
        return Err(Refusal::new("has no subscriber_id"));
    };
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Circuit,
        id: format!("netzur_{id}").into(),
        name: Box::default(),
    };
    let given = notes.name("/customerName", wire.customer_name.text());
    let circuit_name: Box<str> = if given.is_empty() { id.into() } else { given };
    notes.name = circuit_name.clone();
    let mac = values::mac(&mut notes, "/mac", wire.mac);
    let mut claims = Vec::new();
    for (route, raw) in [("/ip", wire.ip), ("/ipv6", wire.ipv6)] {
        values::claims(&mut notes, route, raw, Form::Prefix, &mut claims);
    }
    let zone = notes.name("/zone", wire.zone.text());
    let plan = Pair::new(
        values::rate(&mut notes, "/download", wire.download, MBPS),
        values::rate(&mut notes, "/upload", wire.upload, MBPS),
    );
    Ok(Row {
        device: format!("{}_device", notes.id).into(),
        device_name: circuit_name.clone(),
        circuit: notes.id,
        circuit_name,
        attach: (!zone.is_empty())
            .then(|| NodeRef {
                text: zone,
                by: RefBy::Name,
                route: "/zone".into(),
            })
            .into_iter()
            .collect(),
        plan: plan.map(|rate| rate.and_then(Kbps::known)),
        burst: Pair::ZERO,
        commit: Pair::ZERO,
        state: ServiceState::Active,
        leaf: Pair::default(),
        mac,
        claims,
        comment: Box::default(),
        position: None,
        origin: row.origin,
        plan_route: Pair::new("/download", "/upload"),
        plan_origin: None,
    })
}
