//! One record of an answer into one fact: ids, units and spelling settled, oddities noted. Knows the fields of
//! Splynx; nothing here looks at two records together.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::ir::address::{Claim, ClaimValue, Form};
use crate::ir::position::Position;
use crate::ir::records::{ServiceState, SourceEvidence, Subject, SubjectKind};
use crate::sources::found::{Fact, Found};
use crate::sources::json::field::{Raw, Read, shorten};
use crate::sources::json::{Refusal, Row};
use crate::sources::notes::Notes;
use crate::sources::position;
use crate::sources::splynx::wire;
use crate::sources::text;
use crate::units::{KBPS, Kbps, MAX_RATE, Pair, PerMille, muldiv};

/// Bytes a second, in kbit/s.
const BYTES: (u64, u64) = (8, 1000);
/// Per cent as thousandths.
const PERCENT: (u64, u64) = (10, 1);

/// A fact that is nothing but its id and a name to those who read findings.
macro_rules! fact {
    ($type:ty, $kind:expr, $prefix:literal) => {
        impl Fact for $type {
            fn id(&self) -> &str {
                &self.id
            }
            fn subject(&self) -> Subject {
                Subject::new($kind, &format!(concat!($prefix, "{}"), self.id), &self.name)
            }
        }
    };
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tariff {
    pub id: Box<str>,
    pub name: Box<str>,
    pub speed: Pair<Option<Kbps>>,
    pub burst: Pair<Kbps>,
    pub commit: Pair<Kbps>,
}
fact!(Tariff, SubjectKind::Source, "tariff:");

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Customer {
    pub id: Box<str>,
    /// As shown: the name, else the login.
    pub name: Box<str>,
    pub state: ServiceState,
    pub position: Option<Position>,
}
fact!(Customer, SubjectKind::Source, "customer:");

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Service {
    pub id: Box<str>,
    /// Its login: who it is when the customer has no name.
    pub name: Box<str>,
    pub customer: Option<Box<str>>,
    pub tariff: Option<Box<str>>,
    /// The service is sold: it makes a circuit.
    pub live: bool,
    pub access_device: Option<Box<str>>,
    pub sector: Option<Box<str>>,
    pub router: Option<Box<str>>,
    /// Addresses that the service itself holds.
    pub claims: Vec<Claim>,
    /// The same of one that is not sold any more.
    pub left: Vec<Claim>,
    pub mac: Box<str>,
    /// Speeds stated for this service alone.
    pub speed: Pair<Option<Kbps>>,
    pub position: Option<Position>,
}
fact!(Service, SubjectKind::Circuit, "");

/// A customer who is online.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Session {
    pub id: Box<str>,
    /// Its login.
    pub name: Box<str>,
    pub service: Option<Box<str>>,
    /// As text that sorts by time.
    pub start: Box<str>,
    pub claims: Vec<Claim>,
    pub mac: Box<str>,
    /// The router it came in by.
    pub router: Option<Box<str>>,
    /// What that calls the port: where operators have it so, the access point.
    pub port: Box<str>,
    pub blocked: bool,
}
fact!(Session, SubjectKind::Source, "session:");

/// What a usage policy does to a service now.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cap {
    /// Of the service.
    pub id: Box<str>,
    pub name: Box<str>,
    /// What is left of the plan.
    pub left: PerMille,
    pub fixed: Pair<Option<Kbps>>,
    pub blocked: bool,
}
fact!(Cap, SubjectKind::Circuit, "");

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Site {
    pub id: Box<str>,
    pub name: Box<str>,
    pub position: Option<Position>,
}
fact!(Site, SubjectKind::Node, "splynx:network-site:");

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Hardware {
    pub id: Box<str>,
    pub name: Box<str>,
    pub site: Option<Box<str>>,
    pub parent: Option<Box<str>>,
    pub ip: Option<IpAddr>,
    pub access: bool,
    pub position: Option<Position>,
}
fact!(Hardware, SubjectKind::Node, "splynx:hardware:");

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Router {
    pub id: Box<str>,
    pub name: Box<str>,
    pub ip: Option<IpAddr>,
    pub position: Option<Position>,
}
fact!(Router, SubjectKind::Node, "splynx:router:");

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sector {
    pub id: Box<str>,
    pub name: Box<str>,
    pub router: Option<Box<str>>,
    pub capacity: Pair<Option<Kbps>>,
}
fact!(Sector, SubjectKind::Node, "splynx:sector:");

/// A network of the IPv6 address plan.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Net6 {
    pub id: Box<str>,
    pub name: Box<str>,
    pub ip: Option<IpAddr>,
    pub len: Option<u8>,
    pub service: Option<Box<str>>,
}
fact!(Net6, SubjectKind::Source, "ipv6:");

/// Starts a record: its id, and the notes about it.
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

/// A name that is shown, and from here on the name in notes.
fn named(notes: &mut Notes<'_>, route: &'static str, raw: Raw<'_>) -> Box<str> {
    let name = notes.name(route, raw.text().either_way());
    notes.name = if name.is_empty() {
        notes.id.clone()
    } else {
        name.clone()
    };
    name
}

fn reference(notes: &mut Notes<'_>, route: &'static str, raw: Raw<'_>) -> Option<Box<str>> {
    let id = notes.take(route, raw.reference())?;
    Some(text::clean(&id).0.into())
}

/// Numbers come as text from older servers, which is not odd.
fn rate(
    notes: &mut Notes<'_>,
    route: &'static str,
    raw: Raw<'_>,
    unit: (u64, u64),
) -> Option<Kbps> {
    if blank(raw) {
        return None;
    }
    notes.take(route, raw.rate(unit).either_way())
}

fn flag(notes: &mut Notes<'_>, route: &'static str, raw: Raw<'_>) -> bool {
    if blank(raw) {
        return false;
    }
    notes.take(route, raw.flag().either_way()).unwrap_or(false)
}

fn blank(raw: Raw<'_>) -> bool {
    matches!(raw.text(), Read::Is(text) if text.trim().is_empty())
}

fn word<'a>(notes: &mut Notes<'_>, route: &'static str, raw: Raw<'a>) -> Cow<'a, str> {
    notes.take(route, raw.text()).unwrap_or_default()
}

pub fn tariff(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Tariff>, Refusal> {
    let wire: wire::Tariff<'_> = row.decode()?;
    let (id, mut notes) = begin(row, evidence, SubjectKind::Source, "tariff:", wire.id)?;
    let name = named(&mut notes, "/title", wire.title);
    let mut speed = |route, raw: Raw<'_>| {
        let read = raw.rate(KBPS).either_way();
        if let Read::Missing = read {
            notes.poor(route, "is missing: who has this tariff has no plan");
        }
        notes.need(route, read).and_then(Kbps::known)
    };
    let speed = Pair::new(
        speed("/speed_download", wire.speed_download),
        speed("/speed_upload", wire.speed_upload),
    );
    // Thousandths of the speed, and a rate that takes its place: the type says which of them counts.
    let mut modes = |route: &'static str,
                     kind: Raw<'_>,
                     at: (&'static str, Raw<'_>),
                     fixed: Pair<(&'static str, Raw<'_>)>| {
        let kind = word(&mut notes, route, kind);
        match kind.trim() {
            "" | "none" => Pair::default(),
            "percent" => {
                let share = rate(&mut notes, at.0, at.1, PERCENT).unwrap_or_default();
                let share = PerMille(u32::try_from(share.0).unwrap_or(u32::MAX));
                speed.map(|s| s.map(|s| muldiv(s, share).min(MAX_RATE)))
            }
            "fixed" => fixed.map(|(route, raw)| rate(&mut notes, route, raw, KBPS)),
            other => {
                notes.odd(
                    route,
                    format!(
                        "is \"{}\", none of none, percent and fixed; read as none",
                        shorten(other)
                    ),
                );
                Pair::default()
            }
        }
    };
    let commit = modes(
        "/speed_limit_type",
        wire.speed_limit_type,
        ("/speed_limit_at", wire.speed_limit_at),
        Pair::new(
            ("/speed_limit_fixed_down", wire.speed_limit_fixed_down),
            ("/speed_limit_fixed_up", wire.speed_limit_fixed_up),
        ),
    );
    let percent = (wire.burst_type.text().value()).is_some_and(|kind| kind.trim() == "percent");
    let burst = modes(
        "/burst_type",
        wire.burst_type,
        ("/burst_limit", wire.burst_limit),
        Pair::new(
            ("/burst_limit_fixed_down", wire.burst_limit_fixed_down),
            ("/burst_limit_fixed_up", wire.burst_limit_fixed_up),
        ),
    );
    // A percentage comes on top of the speed; a fixed burst is the rate that is reached.
    let burst = speed.zip(burst, |speed, burst| {
        let burst = burst.unwrap_or_default();
        match percent {
            true => burst,
            false => Kbps(burst.0.saturating_sub(speed.unwrap_or_default().0)),
        }
    });
    Ok(Found {
        fact: Tariff {
            id,
            name,
            speed,
            burst,
            commit: commit.map(Option::unwrap_or_default),
        },
        origin: row.origin,
    })
}

pub fn customer(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Customer>, Refusal> {
    let wire: wire::Customer<'_> = row.decode()?;
    let (id, mut notes) = begin(row, evidence, SubjectKind::Source, "customer:", wire.id)?;
    let mut name = named(&mut notes, "/name", wire.name);
    if name.is_empty() {
        name = named(&mut notes, "/login", wire.login);
        notes.poor("/name", "is missing; the login is shown");
    }
    let status = word(&mut notes, "/status", wire.status);
    let state = match status.trim().to_ascii_lowercase().as_str() {
        "active" | "new" => ServiceState::Active,
        "blocked" | "disabled" | "inactive" => ServiceState::Suspended,
        "" => {
            notes.poor("/status", "is missing; read as active");
            ServiceState::Active
        }
        other => {
            notes.odd(
                "/status",
                format!(
                    "is \"{}\", an unknown status; read as active",
                    shorten(other)
                ),
            );
            ServiceState::Active
        }
    };
    let position = position::of_pair(&mut notes, "/gps", wire.gps);
    Ok(Found {
        fact: Customer {
            id,
            name,
            state,
            position,
        },
        origin: row.origin,
    })
}

pub fn service(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Service>, Refusal> {
    let wire: wire::Service<'_> = row.decode()?;
    let (id, mut notes) = begin(row, evidence, SubjectKind::Circuit, "", wire.id)?;
    let name = named(&mut notes, "/login", wire.login);
    let internet = match wire.kind.text() {
        Read::Is(kind) => kind.trim().is_empty() || kind.trim() == "internet",
        _ => true,
    };
    let status = word(&mut notes, "/status", wire.status);
    let live = internet
        && match status.trim().to_ascii_lowercase().as_str() {
            "active" => true,
            "stopped" | "disabled" | "hidden" | "pending" | "archived" => false,
            "" => {
                notes.poor("/status", "is missing; read as active");
                true
            }
            other => {
                notes.odd(
                    "/status",
                    format!(
                        "is \"{}\", an unknown status; read as active",
                        shorten(other)
                    ),
                );
                true
            }
        };
    let mut service = Service {
        id,
        name,
        customer: None,
        tariff: None,
        live,
        access_device: None,
        sector: None,
        router: None,
        claims: Vec::new(),
        left: Vec::new(),
        mac: Box::default(),
        speed: Pair::default(),
        position: None,
    };
    // Of what is not sold any more only the addresses are read: nobody corrects the rest.
    let over = ["stopped", "disabled"];
    if internet
        && over
            .iter()
            .any(|word| status.trim().eq_ignore_ascii_case(word))
    {
        let mut silent = SourceEvidence::default();
        let mut notes = Notes {
            evidence: &mut silent,
            origin: row.origin,
            kind: SubjectKind::Circuit,
            id: service.id.clone(),
            name: Box::default(),
        };
        service.left = held(&mut notes, &wire);
    }
    if live {
        let notes = &mut notes;
        service.customer = need_reference(notes, "/customer_id", wire.customer_id);
        service.tariff = need_reference(notes, "/tariff_id", wire.tariff_id);
        service.access_device = reference(notes, "/access_device", wire.access_device);
        service.sector = reference(notes, "/sector_id", wire.sector_id);
        service.router = reference(notes, "/router_id", wire.router_id);
        if let Some(geo) = wire.geo.get() {
            service.position = position::of_pair(notes, "/geo/marker", geo.marker);
        }
        service.mac = macs(notes, "/mac", wire.mac);
        service.claims = held(notes, &wire);
        if let Some(more) = wire.additional_attributes.get() {
            let mut instead =
                |route, raw: Raw<'_>| rate(notes, route, raw, KBPS).and_then(Kbps::known);
            service.speed = Pair::new(
                instead(SHAPE_DOWN, more.preseem_shape_downstream),
                instead(SHAPE_UP, more.preseem_shape_upstream),
            );
        }
    }
    Ok(Found {
        fact: service,
        origin: row.origin,
    })
}

/// The addresses of a service itself.
fn held(notes: &mut Notes<'_>, wire: &wire::Service<'_>) -> Vec<Claim> {
    let mut claims = Vec::new();
    // 0: the router assigns it, 1: fixed, 2: from a pool. An address beside the others is left over.
    let fixed = match wire.taking_ipv4.id() {
        Read::Is(taking) => !matches!(&*taking, "0" | "2"),
        _ => true,
    };
    if fixed {
        addresses(notes, "/ipv4", wire.ipv4, Form::Interface, &mut claims);
    }
    for (route, raw, form) in [
        ("/ipv4_route", wire.ipv4_route, Form::Prefix),
        ("/ipv6", wire.ipv6, Form::Interface),
        ("/ipv6_delegated", wire.ipv6_delegated, Form::Prefix),
    ] {
        addresses(notes, route, raw, form, &mut claims);
    }
    claims
}

pub const SHAPE_DOWN: &str = "/additional_attributes/preseem_shape_downstream";
pub const SHAPE_UP: &str = "/additional_attributes/preseem_shape_upstream";

fn need_reference(notes: &mut Notes<'_>, route: &'static str, raw: Raw<'_>) -> Option<Box<str>> {
    match raw.reference() {
        Read::Missing => {
            notes.poor(route, "is missing");
            None
        }
        read => notes.need(route, read).map(|id| text::clean(&id).0.into()),
    }
}

/// One address or several, with commas between them.
fn addresses(
    notes: &mut Notes<'_>,
    route: &'static str,
    raw: Raw<'_>,
    form: Form,
    claims: &mut Vec<Claim>,
) {
    let Some(text) = notes.take(route, raw.text()) else {
        return;
    };
    for one in text.split([',', ';', ' ', '\t', '\n', '\r']) {
        if one.is_empty() {
            continue;
        }
        let value = ClaimValue::parse(one, form);
        if !claims.iter().any(|c| c.value == value) {
            claims.push(Claim {
                value,
                route: route.into(),
            });
        }
    }
}

/// Hardware addresses in one form, as many as there are.
fn macs(notes: &mut Notes<'_>, route: &'static str, raw: Raw<'_>) -> Box<str> {
    let Some(given) = notes.take(route, raw.text()) else {
        return Box::default();
    };
    let mut macs: Vec<String> = Vec::new();
    for one in given.split([',', ';']).map(str::trim) {
        match text::mac(one) {
            _ if one.is_empty() => {}
            Some(mac) if macs.contains(&mac) => {}
            Some(mac) => macs.push(mac),
            None => notes.odd(
                route,
                format!("is not a hardware address: \"{}\"; left out", shorten(one)),
            ),
        }
    }
    macs.join(", ").into()
}

pub fn session(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Session>, Refusal> {
    let wire: wire::Session<'_> = row.decode()?;
    let (id, mut notes) = begin(row, evidence, SubjectKind::Source, "session:", wire.id)?;
    let name = named(&mut notes, "/login", wire.login);
    let mut claims = Vec::new();
    addresses(&mut notes, "/ipv4", wire.ipv4, Form::Interface, &mut claims);
    addresses(&mut notes, "/ipv6", wire.ipv6, Form::Interface, &mut claims);
    addresses(
        &mut notes,
        "/ipv6_prefix",
        wire.ipv6_prefix,
        Form::Prefix,
        &mut claims,
    );
    Ok(Found {
        fact: Session {
            id,
            name,
            service: reference(&mut notes, "/service_id", wire.service_id),
            start: text::clean(&word(&mut notes, "/start_session", wire.start_session))
                .0
                .into(),
            claims,
            mac: macs(&mut notes, "/mac", wire.mac),
            router: reference(&mut notes, "/nas_id", wire.nas_id),
            port: text::clean(&word(&mut notes, "/port", wire.port)).0.into(),
            blocked: flag(&mut notes, "/blocked", wire.blocked),
        },
        origin: row.origin,
    })
}

pub fn cap(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Cap>, Refusal> {
    let wire: wire::Cap<'_> = row.decode()?;
    let (id, mut notes) = begin(row, evidence, SubjectKind::Circuit, "", wire.service_id)
        .map_err(|_| Refusal::new("has no service_id"))?;
    let restored = flag(&mut notes, "/restored", wire.restored);
    let less = rate(
        &mut notes,
        "/decrease_percent",
        wire.decrease_percent,
        PERCENT,
    );
    let left = match less.unwrap_or_default().0 {
        _ if restored => PerMille::ONE,
        less @ 0..=1000 => PerMille(1000 - less as u32),
        _ => {
            notes.odd("/decrease_percent", "is more than 100; left out");
            PerMille::ONE
        }
    };
    let mut fixed = |route, raw: Raw<'_>| {
        let fixed = rate(&mut notes, route, raw, BYTES).and_then(Kbps::known);
        fixed.filter(|_| !restored)
    };
    let fixed = Pair::new(
        fixed("/fixed_down", wire.fixed_down),
        fixed("/fixed_up", wire.fixed_up),
    );
    let blocked = flag(&mut notes, "/blocked", wire.blocked) && !restored;
    Ok(Found {
        fact: Cap {
            id,
            name: Box::default(),
            left,
            fixed,
            blocked,
        },
        origin: row.origin,
    })
}

pub fn site(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Site>, Refusal> {
    let wire: wire::Site<'_> = row.decode()?;
    let (id, mut notes) = begin(
        row,
        evidence,
        SubjectKind::Node,
        "splynx:network-site:",
        wire.id,
    )?;
    let mut name = named(&mut notes, "/title", wire.title);
    if name.is_empty() {
        name = named(&mut notes, "/description", wire.description);
    }
    let position = position::of_pair(&mut notes, "/gps", wire.gps);
    Ok(Found {
        fact: Site { id, name, position },
        origin: row.origin,
    })
}

pub fn hardware(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Hardware>, Refusal> {
    let wire: wire::Hardware<'_> = row.decode()?;
    let (id, mut notes) = begin(
        row,
        evidence,
        SubjectKind::Node,
        "splynx:hardware:",
        wire.id,
    )?;
    let name = named(&mut notes, "/title", wire.title);
    Ok(Found {
        fact: Hardware {
            id,
            name,
            site: reference(&mut notes, "/network_site_id", wire.network_site_id),
            parent: reference(&mut notes, "/parent_id", wire.parent_id),
            ip: ip(wire.ip),
            access: flag(&mut notes, "/access_device", wire.access_device),
            position: position::of_pair(&mut notes, "/gps", wire.gps),
        },
        origin: row.origin,
    })
}

/// The address that a thing of the network is managed by; nothing is shaped by it.
fn ip(raw: Raw<'_>) -> Option<IpAddr> {
    raw.text().value()?.trim().parse().ok()
}

pub fn router(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Router>, Refusal> {
    let wire: wire::Router<'_> = row.decode()?;
    let (id, mut notes) = begin(row, evidence, SubjectKind::Node, "splynx:router:", wire.id)?;
    let name = named(&mut notes, "/title", wire.title);
    let ip = ip(wire.ip);
    Ok(Found {
        fact: Router {
            id,
            name,
            ip,
            position: position::of_pair(&mut notes, "/gps", wire.gps)
                .or_else(|| position::of_pair(&mut notes, "/gps_point", wire.gps_point)),
        },
        origin: row.origin,
    })
}

pub fn sector(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Sector>, Refusal> {
    let wire: wire::Sector<'_> = row.decode()?;
    let (id, mut notes) = begin(row, evidence, SubjectKind::Node, "splynx:sector:", wire.id)?;
    let name = named(&mut notes, "/title", wire.title);
    let router = reference(&mut notes, "/router_id", wire.router_id);
    let mut speed = |route, raw: Raw<'_>| rate(&mut notes, route, raw, KBPS).and_then(Kbps::known);
    let capacity = Pair::new(
        speed("/speed_down", wire.speed_down),
        speed("/speed_up", wire.speed_up),
    );
    Ok(Found {
        fact: Sector {
            id,
            name,
            router,
            capacity,
        },
        origin: row.origin,
    })
}

pub fn net6(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Net6>, Refusal> {
    let wire: wire::Net6<'_> = row.decode()?;
    let (id, mut notes) = begin(row, evidence, SubjectKind::Source, "ipv6:", wire.id)?;
    let len = match blank(wire.prefix) {
        true => None,
        false => notes.take("/prefix", wire.prefix.count().either_way()),
    };
    Ok(Found {
        fact: Net6 {
            id,
            name: Box::default(),
            ip: ip(wire.ip),
            len: len
                .and_then(|len| u8::try_from(len).ok())
                .filter(|len| *len <= 128),
            service: reference(&mut notes, "/service_id", wire.service_id),
        },
        origin: row.origin,
    })
}
