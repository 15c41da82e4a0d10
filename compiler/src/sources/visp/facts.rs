//! One record of an answer into facts: ids, units and states settled, oddities noted. Knows VISP's fields; nothing here
//! looks at two records together, but for the services and the equipment that stand inside of a customer's.

use crate::ir::address::{Claim, Form};
use crate::ir::records::{Origin, Quarantined, SourceEvidence, Subject, SubjectKind};
use crate::sources::found::{Fact, Found};
use crate::sources::json::field::{Raw, shorten};
use crate::sources::json::{Refusal, Row};
use crate::sources::notes::Notes;
use crate::sources::values;
use crate::sources::visp::wire;
use crate::units::{Kbps, Pair};

/// Rates are in Mbit/s unless the unit beside them says otherwise.
const KBPS: (u64, u64) = (1, 1);
const MBPS: (u64, u64) = (1000, 1);
const GBPS: (u64, u64) = (1_000_000, 1);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Subscriber {
    pub id: Box<str>,
    pub username: Box<str>,
    pub full_name: Box<str>,
    pub suspended: bool,
    pub over: bool,
    pub claims: Vec<Claim>,
    /// Name of the access point and of the site the operator wrote down; empty when there is none.
    pub access_point: Box<str>,
    pub site: Box<str>,
    pub site_route: &'static str,
}

impl Fact for Subscriber {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        let name = match (&*self.username, &*self.full_name) {
            ("", "") => &self.id,
            ("", _) => &self.full_name,
            _ => &self.username,
        };
        Subject::new(SubjectKind::Source, &format!("customer:{}", self.id), name)
    }
}

/// What a status means for shaping. Tenants leave live services INACTIVE, so only the words of an end end one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    Active,
    Suspended,
    Over,
}

/// A service that is shaped: a circuit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// Its number, else the id of the row that tells of it.
    pub circuit: Box<str>,
    pub numbered: bool,
    /// One of those that the bulk answer is about.
    pub wireless: bool,
    /// Customer it belongs to; `None` when no customer is named.
    pub customer: Option<Box<str>>,
    pub username: Box<str>,
    pub standing: Standing,
    pub plan: Pair<Option<Kbps>>,
    pub plan_route: Pair<&'static str>,
    pub mac: Box<str>,
    pub claims: Vec<Claim>,
    pub origin: Origin,
}

/// A customer of the bulk answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Customer {
    pub origin: Origin,
    pub id: Option<Box<str>>,
    pub username: Box<str>,
    pub services: Vec<Service>,
    pub own: Vec<Found<Own>>,
}

impl Customer {
    pub fn subject(&self) -> Subject {
        let id = match (&self.id, &*self.username) {
            (Some(id), _) => format!("customer:{id}"),
            (None, name) => format!("customer:{name}"),
        };
        Subject::new(SubjectKind::Source, &id, &self.username)
    }
}

/// A customer's own equipment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Own {
    pub id: Box<str>,
    pub mac: Box<str>,
    pub claims: Vec<Claim>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// Subscribers hang on it: an access point, an OLT.
    Access,
    /// Any other equipment of the network.
    Network,
    /// At a subscriber's: never a node.
    Premises,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Equipment {
    pub id: Box<str>,
    /// Its description, else its name.
    pub name: Box<str>,
    pub other_name: Box<str>,
    pub class: Class,
    pub parent: Option<Box<str>>,
    /// Of its site; empty when it has none.
    pub site: Box<str>,
    pub site_name: Box<str>,
    /// A router of the customer's rather than the radio.
    pub router: bool,
}

impl Fact for Equipment {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        let name = if self.name.is_empty() {
            &self.id
        } else {
            &self.name
        };
        match self.class {
            Class::Premises => Subject::new(SubjectKind::Device, &node_id(&self.id), name),
            _ => Subject::new(SubjectKind::Node, &node_id(&self.id), name),
        }
    }
}

pub fn node_id(id: &str) -> String {
    format!("visp:eq:{id}")
}

pub fn site_id(id: &str) -> String {
    format!("visp:site:{id}")
}

fn notes<'e>(
    evidence: &'e mut SourceEvidence,
    origin: Origin,
    kind: SubjectKind,
    id: &str,
) -> Notes<'e> {
    Notes {
        evidence,
        origin,
        kind,
        id: id.into(),
        name: id.into(),
    }
}

/// The id of a customer; 0 is none.
fn customer_id(raw: Raw<'_>) -> Option<Box<str>> {
    let id = raw.id().value()?;
    (!id.trim_start_matches('0').is_empty()).then(|| id.into())
}

fn standing(notes: &mut Notes<'_>, route: &'static str, raw: Raw<'_>) -> Option<Standing> {
    let word = notes.take(route, raw.text())?;
    let word = word.trim();
    Some(match word.to_ascii_uppercase().as_str() {
        "" => return None,
        "ACTIVE" | "INACTIVE" => Standing::Active,
        "SUSPENDED" => Standing::Suspended,
        "CANCELLED" | "CANCELED" | "TERMINATED" | "DELETED" => Standing::Over,
        _ => {
            notes.odd(
                route,
                format!(
                    "is \"{}\", which is no state Weir knows; read as active",
                    shorten(word)
                ),
            );
            Standing::Active
        }
    })
}

pub fn subscriber(
    row: &Row<'_>,
    evidence: &mut SourceEvidence,
) -> Result<Found<Subscriber>, Refusal> {
    let wire: wire::Subscriber<'_> = row.decode()?;
    let Some(id) = customer_id(wire.customer_id) else {
        return Err(Refusal::new("has no customer_id"));
    };
    let subject = format!("customer:{id}");
    let mut notes = notes(evidence, row.origin, SubjectKind::Source, &subject);
    let username = notes.name("/username", wire.username.text());
    let first = notes.name("/first_name", wire.first_name.text());
    let last = notes.name("/last_name", wire.last_name.text());
    let full_name: Box<str> = format!("{first} {last}").trim().into();
    let standing = standing(&mut notes, "/status", wire.status);
    let mut claims = Vec::new();
    for (route, raw) in [
        ("/package_ip", wire.package_ip),
        ("/equipment_ip", wire.equipment_ip),
    ] {
        values::claims(&mut notes, route, raw, Form::Interface, &mut claims);
    }
    let access_point = notes.name("/access_point", wire.access_point.text());
    let mut site = notes.name("/tower", wire.tower.text());
    let mut site_route = "/tower";
    if site.is_empty() {
        site = notes.name("/isp_site", wire.isp_site.text());
        site_route = "/isp_site";
    }
    Ok(Found {
        fact: Subscriber {
            id,
            username,
            full_name,
            suspended: standing == Some(Standing::Suspended),
            over: standing == Some(Standing::Over),
            claims,
            access_point,
            site,
            site_route,
        },
        origin: row.origin,
    })
}

pub fn bulk(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Customer, Refusal> {
    let wire: wire::Bulk<'_> = row.decode()?;
    let id = customer_id(wire.customer_id);
    let username = match wire.username.text().value() {
        Some(name) => crate::sources::text::clean(&name).0.into(),
        None => Box::default(),
    };
    let mut customer = Customer {
        origin: row.origin,
        id,
        username,
        services: Vec::new(),
        own: Vec::new(),
    };
    let subject = customer.subject().id;
    for (route, odd) in [
        ("/wireless_services", wire.wireless_services.odd()),
        ("/equipment", wire.equipment.odd()),
    ] {
        if let Some(what) = odd {
            notes(evidence, row.origin, SubjectKind::Source, &subject).poor(route, what);
        }
    }
    for raw in wire.wireless_services.items() {
        let part = row.part(*raw);
        match service(&part, &customer, evidence) {
            Ok(service) => customer.services.push(service),
            Err(refusal) => evidence.quarantined.push(Quarantined {
                place: part.origin.whole(),
                collection: "bulk",
                id: refusal.id.or_else(|| Some(subject.clone())),
                reason: refusal.reason,
            }),
        }
    }
    for raw in wire.equipment.items() {
        let part = row.part(*raw);
        let wire = match part.decode::<wire::Own<'_>>() {
            Ok(wire) => wire,
            Err(refusal) => {
                evidence.quarantined.push(Quarantined {
                    place: part.origin.whole(),
                    collection: "bulk",
                    id: Some(subject.clone()),
                    reason: refusal.reason,
                });
                continue;
            }
        };
        let Some(id) = wire.equipment_id.id().value() else {
            let what =
                "is missing; this piece of equipment, and the addresses it has, are left out";
            notes(evidence, part.origin, SubjectKind::Source, &subject).odd("/equipment_id", what);
            continue;
        };
        let mut notes = notes(evidence, part.origin, SubjectKind::Device, &node_id(&id));
        let mut mac = values::mac(&mut notes, "/mac_address", wire.mac_address);
        if mac.is_empty() {
            mac = values::mac(&mut notes, "/radio_mac", wire.radio_mac);
        }
        let mut claims = Vec::new();
        values::claims(
            &mut notes,
            "/ip_address",
            wire.ip_address,
            Form::Interface,
            &mut claims,
        );
        customer.own.push(Found {
            fact: Own {
                id: id.into(),
                mac,
                claims,
            },
            origin: part.origin,
        });
    }
    Ok(customer)
}

fn service(
    row: &Row<'_>,
    customer: &Customer,
    evidence: &mut SourceEvidence,
) -> Result<Service, Refusal> {
    let wire: wire::Service<'_> = row.decode()?;
    let Some(circuit) = wire.service_number.id().value() else {
        return Err(Refusal::new("has a service without a service_number"));
    };
    let mut notes = notes(evidence, row.origin, SubjectKind::Circuit, &circuit);
    if !customer.username.is_empty() {
        notes.name = customer.username.clone();
    }
    // The package is what is sold; what it leaves open the service says.
    let package = standing(&mut notes, "/package_status", wire.package_status);
    let own = standing(&mut notes, "/status", wire.status);
    let service = Service {
        customer: customer.id.clone(),
        username: customer.username.clone(),
        standing: package.max(own).unwrap_or(Standing::Active),
        ..details(&mut notes, "", &wire, row.origin)
    };
    Ok(service)
}

/// What both forms of a service have; the routes of fields begin with `below`.
fn details(
    notes: &mut Notes<'_>,
    below: &'static str,
    wire: &wire::Service<'_>,
    origin: Origin,
) -> Service {
    let nested = !below.is_empty();
    let pick = |plain: &'static str, deep: &'static str| if nested { deep } else { plain };
    let plan_route = Pair::new(
        pick("/down_speed", "/service_details/down_speed"),
        pick("/up_speed", "/service_details/up_speed"),
    );
    let plan = Pair::new(
        speed(
            notes,
            plan_route.down,
            wire.down_speed,
            wire.down_speed_unit,
        ),
        speed(notes, plan_route.up, wire.up_speed, wire.up_speed_unit),
    );
    let mac = values::mac(
        notes,
        pick("/mac_address", "/service_details/mac_address"),
        wire.mac_address,
    );
    let mut claims = Vec::new();
    values::claims(
        notes,
        pick("/ip_address", "/service_details/ip_address"),
        wire.ip_address,
        Form::Interface,
        &mut claims,
    );
    Service {
        circuit: notes.id.clone(),
        numbered: true,
        wireless: true,
        customer: None,
        username: Box::default(),
        standing: Standing::Active,
        plan,
        plan_route,
        mac,
        claims,
        origin,
    }
}

/// A speed in the unit beside it; blank and unknown units are Mbit/s, the latter said.
fn speed(notes: &mut Notes<'_>, route: &'static str, raw: Raw<'_>, unit: Raw<'_>) -> Option<Kbps> {
    let word = unit.text().value().unwrap_or_default();
    let per_unit = match word.trim().to_ascii_lowercase().as_str() {
        "" | "mbps" | "mb" | "m" => MBPS,
        "kbps" | "kb" | "k" => KBPS,
        "gbps" | "gb" | "g" => GBPS,
        _ => {
            let what = format!(
                "is in \"{}\", which is no unit Weir knows; read as Mbit/s",
                shorten(&word)
            );
            notes.odd(route, what);
            MBPS
        }
    };
    values::rate(notes, route, raw, per_unit).and_then(Kbps::known)
}

/// Services that carry Internet traffic, by their word and by the type of their details; sorted.
const ACCESS: [&str; 10] = [
    "attdsl",
    "bpl",
    "cable",
    "dsl",
    "fiber",
    "fibercircuit",
    "internet",
    "lte",
    "otherconnection",
    "wifi",
];

/// A row of a customer's services; `None` for what carries no Internet traffic.
pub fn customer_service(
    customer: &str,
    row: &Row<'_>,
    evidence: &mut SourceEvidence,
) -> Result<Option<Service>, Refusal> {
    let wire: wire::CustomerService<'_> = row.decode()?;
    let empty = wire::Service::default();
    let inner = wire.service_details.get().unwrap_or(&empty);
    // Tenants may leave the word out; the type of the details says the same.
    let kind = wire.service_type.text().value().unwrap_or_default();
    let typename = inner.typename.text().value().unwrap_or_default();
    let [word, typename] = [&kind, &typename].map(|word| {
        let word: String = (word.chars())
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        word.strip_prefix("servicetype")
            .map_or(word.clone(), Into::into)
    });
    let access = [&word, &typename]
        .into_iter()
        .any(|word| ACCESS.binary_search(&word.as_str()).is_ok());
    if !access && (word == "voip" || typename == "voip") {
        return Ok(None);
    }
    let number = inner.service_number.id().value();
    let numbered = number.is_some();
    let Some(circuit) = number.or(wire.id.id().value()) else {
        let subject = format!("customer:{customer}");
        return Err(Refusal::of(
            &subject,
            "has a service with neither id nor service_number",
        ));
    };
    let mut notes = notes(evidence, row.origin, SubjectKind::Circuit, &circuit);
    let username = notes.name("/service_details/username", inner.username.text());
    if !username.is_empty() {
        notes.name = username.clone();
    }
    let standing = standing(&mut notes, "/status", wire.status).unwrap_or(Standing::Active);
    let service = Service {
        numbered,
        wireless: word == "wifi" || typename == "wifi",
        customer: Some(customer.into()),
        username,
        standing,
        ..details(&mut notes, "/service_details", inner, row.origin)
    };
    // Hosting, mail and the like have no speeds.
    let shaped = access || service.plan != Pair::default();
    if !shaped && standing != Standing::Over {
        let shown = match kind.trim() {
            "" => &typename,
            word => word,
        };
        let what = format!(
            "is \"{}\", which is no kind of access Weir knows, and the service states no speed: it is not shaped",
            shorten(shown)
        );
        notes.odd("/service_type", what);
    }
    Ok(shaped.then_some(service))
}

/// Addresses that a customer's list holds, with the customer.
pub fn addresses(
    customer: &str,
    row: &Row<'_>,
    evidence: &mut SourceEvidence,
) -> Result<(Box<str>, Found<Vec<Claim>>), Refusal> {
    let wire: wire::Addresses<'_> = row.decode()?;
    let subject = format!("customer:{customer}");
    let mut notes = notes(evidence, row.origin, SubjectKind::Source, &subject);
    let mut claims = Vec::new();
    for (route, raw) in [
        ("/package_ip", wire.package_ip),
        ("/equipment_ip", wire.equipment_ip),
    ] {
        values::claims(&mut notes, route, raw, Form::Interface, &mut claims);
    }
    Ok((
        customer.into(),
        Found {
            fact: claims,
            origin: row.origin,
        },
    ))
}

/// Equipment of the network (`premises` is false), and assemblies at the customers'.
pub fn equipment(
    row: &Row<'_>,
    evidence: &mut SourceEvidence,
    premises: bool,
) -> Result<Found<Equipment>, Refusal> {
    let wire: wire::Equipment<'_> = row.decode()?;
    let Some(id) = wire.id.id().value() else {
        return Err(Refusal::new("has no id"));
    };
    let kind = match wire.kind.text().value() {
        Some(word) if !word.trim().is_empty() => word,
        _ => wire.default_type.text().value().unwrap_or_default(),
    };
    let class = match kind.trim().to_ascii_uppercase().as_str() {
        _ if premises => Class::Premises,
        "AP" | "ACCESS POINT" | "ACCESS_POINT" | "SECTOR" | "OLT" => Class::Access,
        "CPE" | "SM" | "ONU" | "ONT" => Class::Premises,
        _ => Class::Network,
    };
    let subject = match class {
        Class::Premises => SubjectKind::Device,
        _ => SubjectKind::Node,
    };
    let mut notes = notes(evidence, row.origin, subject, &node_id(&id));
    let description = notes.name("/description", wire.description.text());
    let plain = notes.name("/name", wire.name.text());
    let (name, other_name) = match &*description {
        "" => (plain, Box::default()),
        _ => (description, plain),
    };
    if !name.is_empty() {
        notes.name = name.clone();
    }
    let site_name = notes.name("/location_name", wire.location_name.text());
    let site = match notes.take("/location_id", wire.location_id.id()) {
        Some(id) => site_id(&id).into(),
        None if site_name.is_empty() => Box::default(),
        None => site_id(&site_name).into(),
    };
    let mut parent: Option<Box<str>> = notes
        .take("/parent_id", wire.parent_id.id())
        .filter(|parent| !parent.trim_start_matches('0').is_empty())
        .map(Into::into);
    if parent.as_deref() == Some(&id) {
        notes.odd("/parent_id", "names the equipment itself; left out");
        parent = None;
    }
    let router = wire
        .equipment_data
        .get()
        .is_some_and(|data| data.router_mode.flag().value() == Some(true));
    Ok(Found {
        fact: Equipment {
            id: id.into(),
            name,
            other_name,
            class,
            parent,
            site,
            site_name,
            router,
        },
        origin: row.origin,
    })
}

/// Who is online, and where.
pub fn online(
    row: &Row<'_>,
    evidence: &mut SourceEvidence,
) -> Result<(Box<str>, Found<Vec<Claim>>), Refusal> {
    let wire: wire::Online<'_> = row.decode()?;
    let username = wire.username.id().value();
    let Some(username) = username else {
        return Err(Refusal::new("has no username"));
    };
    let mut notes = notes(evidence, row.origin, SubjectKind::Source, &username);
    let mut claims = Vec::new();
    values::claims(&mut notes, "/ip", wire.ip, Form::Interface, &mut claims);
    Ok((
        username.into(),
        Found {
            fact: claims,
            origin: row.origin,
        },
    ))
}
