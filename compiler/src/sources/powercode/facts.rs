//! One record of an answer into one fact: ids, units and spelling settled, oddities noted. Knows the fields of
//! Powercode; nothing here looks at two records together.

use crate::ir::address::{Claim, ClaimValue, Form};
use crate::ir::records::{Repeat, ServiceState, SourceEvidence, Subject, SubjectKind};
use crate::sources::found::{Fact, Found, by_content};
use crate::sources::json::field::{Kind, Raw, Read, shorten};
use crate::sources::json::{Refusal, Row};
use crate::sources::notes::Notes;
use crate::sources::powercode::wire;
use crate::sources::text;
use crate::units::{KBPS, Kbps, Pair};

/// What access points are called, in lower case.
const ACCESS: [&str; 9] = [
    "access point",
    "access points",
    "access-point",
    "access-points",
    "ap",
    "cmts",
    "olt",
    "sector",
    "sectors",
];

/// Customers who are gone or were never there, in lower case.
const GONE: [&str; 9] = [
    "archived",
    "canceled",
    "cancelled",
    "closed",
    "disconnected",
    "inactive",
    "lead",
    "prospect",
    "terminated",
];

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Customer {
    pub id: Box<str>,
    pub name: Box<str>,
    /// `None`: gone.
    pub state: Option<ServiceState>,
    pub equipment: Vec<Equipment>,
}

impl Fact for Customer {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        Subject::new(SubjectKind::Circuit, &self.id, &self.name)
    }
}

/// A piece of equipment of a customer.
#[derive(Clone, Debug)]
pub struct Equipment {
    pub id: Box<str>,
    pub name: Box<str>,
    pub mac: Box<str>,
    pub service: Option<Box<str>>,
    pub parent: Option<Box<str>>,
    pub claims: Vec<Claim>,
    /// Of the piece, inside the customer's record.
    pub route: String,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Service {
    pub id: Box<str>,
    pub name: Box<str>,
    pub speed: Pair<Option<Kbps>>,
}

impl Fact for Service {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        let id = format!("service:{}", self.id);
        Subject::new(SubjectKind::Source, &id, &self.name)
    }
}

impl Service {
    /// It has a rate in at least one direction: not a rental, not a telephone line.
    pub fn is_data(&self) -> bool {
        self.speed.down.is_some() || self.speed.up.is_some()
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Site {
    pub id: Box<str>,
    pub name: Box<str>,
    pub equipment: Vec<Gear>,
}

impl Fact for Site {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        Subject::new(SubjectKind::Node, &site_node(&self.id), &self.name)
    }
}

/// A piece of equipment of a site.
#[derive(Clone, Debug)]
pub struct Gear {
    pub id: Box<str>,
    pub name: Box<str>,
    pub access: bool,
    pub parent: Option<Box<str>>,
    pub route: String,
}

by_content!(Gear, |g| (&g.id, &g.name, g.access, &g.parent));
by_content!(Equipment, |e| (
    (&e.id, &e.name, &e.mac, &e.service, &e.parent),
    e.claims.iter().map(|c| &c.value).collect::<Vec<_>>()
));

pub fn site_node(id: &str) -> Box<str> {
    format!("powercode:site:{id}").into()
}

pub fn gear_node(id: &str) -> Box<str> {
    format!("powercode:equipment:{id}").into()
}

fn begin<'e>(
    row: &Row<'_>,
    evidence: &'e mut SourceEvidence,
    kind: SubjectKind,
    prefix: &str,
    id: Raw<'_>,
) -> Result<(Box<str>, Notes<'e>), Refusal> {
    let Some(id) = id.own_id() else {
        return Err(Refusal::new("has no id"));
    };
    let notes = Notes {
        evidence,
        origin: row.origin,
        kind,
        id: format!("{prefix}{id}").into(),
        name: Box::default(),
    };
    Ok((id, notes))
}

/// As [`Notes::take`], for a field whose route is made up on the way.
fn take<T>(notes: &mut Notes<'_>, route: &str, read: Read<T>) -> Option<T> {
    match read {
        Read::Missing => None,
        Read::Is(value) => Some(value),
        Read::Odd(value, what) => {
            notes.odd(route.to_owned(), what);
            Some(value)
        }
        Read::Not(what) => {
            notes.odd(route.to_owned(), what);
            None
        }
    }
}

fn reference(notes: &mut Notes<'_>, route: &str, raw: Raw<'_>) -> Option<Box<str>> {
    let id = take(notes, route, raw.reference())?;
    Some(text::clean(&id).0.into())
}

fn shown(raw: Raw<'_>) -> Box<str> {
    let text = raw.text().value().unwrap_or_default();
    text::clean(&text).0.into()
}

/// The pieces of a list that have an id, each with its route.
fn pieces<'a>(notes: &mut Notes<'_>, raw: Raw<'a>) -> Vec<(String, Box<str>, wire::Equipment<'a>)> {
    const ROUTE: &str = "/equipment";
    let mut pieces = Vec::new();
    for (key, raw) in notes.take(ROUTE, raw.values()).unwrap_or_default() {
        let route = format!("{ROUTE}/{key}");
        let Some(piece) = raw.object::<wire::Equipment<'_>>() else {
            let what = match raw.kind() {
                Kind::Object => "is not readable as JSON; left out".to_owned(),
                kind => format!("is {} where an object belongs; left out", kind.word()),
            };
            notes.odd(route, what);
            continue;
        };
        match piece.id.own_id() {
            Some(id) => pieces.push((route, id, piece)),
            None => notes.odd(route, "has no id; left out"),
        }
    }
    pieces
}

pub fn customer(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Customer>, Refusal> {
    let wire: wire::Customer<'_> = row.decode()?;
    let (id, mut notes) = begin(row, evidence, SubjectKind::Circuit, "", wire.id)?;
    let mut name = notes.name("/name", wire.name.text().either_way());
    if name.is_empty() {
        name = notes.name("/company_name", wire.company_name.text().either_way());
    }
    if name.is_empty() && &*id != "0" {
        notes.poor(
            "/name",
            "is missing, and so is company_name; the id is shown",
        );
        name = id.clone();
    }
    notes.name = name.clone();
    let status = notes
        .take("/status", wire.status.text())
        .unwrap_or_default();
    let state = match status.trim().to_ascii_lowercase().as_str() {
        "active" => Some(ServiceState::Active),
        "suspended" | "delinquent" => Some(ServiceState::Suspended),
        gone if GONE.binary_search(&gone).is_ok() => None,
        "" => {
            notes.poor("/status", "is missing; read as active");
            Some(ServiceState::Active)
        }
        other => {
            notes.odd(
                "/status",
                format!(
                    "is \"{}\", an unknown status; read as active",
                    shorten(other)
                ),
            );
            Some(ServiceState::Active)
        }
    };
    let mut equipment = Vec::new();
    for (route, id, piece) in pieces(&mut notes, wire.equipment) {
        let mac_route = format!("{route}/mac_address");
        let given = shown(piece.mac_address);
        let mac: Box<str> = text::mac(&given).unwrap_or_default().into();
        if mac.is_empty() && !given.is_empty() {
            notes.odd(
                mac_route,
                format!(
                    "is not a hardware address: \"{}\"; left out",
                    shorten(&given)
                ),
            );
        }
        let name = shown(piece.name);
        let parent_route = format!("{route}/parent_id");
        equipment.push(Equipment {
            name: if name.is_empty() { id.clone() } else { name },
            mac,
            service: reference(&mut notes, &format!("{route}/service_id"), piece.service_id),
            parent: reference(&mut notes, &parent_route, piece.parent_id),
            claims: addresses(&mut notes, format!("{route}/ip_address"), piece.ip_address),
            id,
            route,
        });
    }
    equipment.sort();
    equipment.dedup_by(|again, used| {
        let repeated = again.id == used.id;
        if repeated {
            notes.evidence.repeats.push(Repeat {
                place: row.origin.at(again.route.clone()),
                first: row.origin.at(used.route.clone()),
                subject: Subject::new(SubjectKind::Device, &again.id, &again.name),
                identical: again == used,
                differs: Vec::new(),
            });
        }
        repeated
    });
    Ok(Found {
        fact: Customer {
            id,
            name,
            state,
            equipment,
        },
        origin: row.origin,
    })
}

/// One address or several, with commas between them.
fn addresses(notes: &mut Notes<'_>, route: String, raw: Raw<'_>) -> Vec<Claim> {
    let text = take(notes, &route, raw.text()).unwrap_or_default();
    let mut claims: Vec<Claim> = Vec::new();
    for one in text.split([',', ';', ' ', '\t', '\n', '\r']) {
        let value = ClaimValue::parse(one, Form::Prefix);
        if !one.is_empty() && !claims.iter().any(|c| c.value == value) {
            claims.push(Claim {
                value,
                route: route.clone().into(),
            });
        }
    }
    claims
}

pub fn service(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Service>, Refusal> {
    let wire: wire::Service<'_> = row.decode()?;
    let (id, mut notes) = begin(row, evidence, SubjectKind::Source, "service:", wire.id)?;
    let name = notes.name("/name", wire.name.text().either_way());
    notes.name = if name.is_empty() {
        notes.id.clone()
    } else {
        name.clone()
    };
    let mut rate = |route, raw: Raw<'_>| {
        // Nothing is what a service without a rate has.
        if matches!(raw.text(), Read::Is(text) if text.trim().is_empty()) {
            return None;
        }
        notes
            .need(route, raw.rate(KBPS).either_way())
            .and_then(Kbps::known)
    };
    let speed = Pair::new(
        rate("/rate_down", wire.rate_down),
        rate("/rate_up", wire.rate_up),
    );
    Ok(Found {
        fact: Service { id, name, speed },
        origin: row.origin,
    })
}

pub fn site(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Site>, Refusal> {
    let wire: wire::Site<'_> = row.decode()?;
    let (id, mut notes) = begin(row, evidence, SubjectKind::Node, "powercode:site:", wire.id)?;
    let name = notes.name("/name", wire.name.text().either_way());
    let name = if name.is_empty() { id.clone() } else { name };
    notes.name = name.clone();
    let mut equipment = Vec::new();
    for (route, id, piece) in pieces(&mut notes, wire.equipment) {
        let kind = shown(piece.kind).to_ascii_lowercase();
        let name = shown(piece.name);
        let route = format!("{route}/parent_id");
        equipment.push(Gear {
            name: if name.is_empty() { id.clone() } else { name },
            access: ACCESS.binary_search(&kind.trim()).is_ok(),
            parent: reference(&mut notes, &route, piece.parent_id),
            route,
            id,
        });
    }
    equipment.sort();
    Ok(Found {
        fact: Site {
            id,
            name,
            equipment,
        },
        origin: row.origin,
    })
}
