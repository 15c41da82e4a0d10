//! One record of an answer into one fact: ids, units and spelling settled, oddities noted. Knows the fields of Sonar;
//! nothing here looks at two records together.

use std::fmt::Write as _;

use crate::ir::address::{Claim, ClaimValue, Form};
use crate::ir::position::Position;
use crate::ir::records::{Repeat, SourceEvidence, Subject, SubjectKind};
use crate::sources::found::{Fact, Found, by_content};
use crate::sources::json::field::{Object, Raw, Read, shorten};
use crate::sources::json::{Refusal, Row};
use crate::sources::notes::Notes;
use crate::sources::position;
use crate::sources::sonar::wire::{self, Connection, Many};
use crate::sources::text;
use crate::units::{KBPS, Kbps, Pair};

/// What access points are called, in lower case: the category of their model, or how they are deployed.
const ACCESS: [&str; 10] = [
    "access point",
    "access points",
    "access-point",
    "access-points",
    "ap",
    "aps",
    "cmts",
    "olt",
    "sector",
    "sectors",
];

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Status {
    pub id: Box<str>,
    pub name: Box<str>,
    pub activates: Option<bool>,
}

impl Fact for Status {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        let id = format!("account-status:{}", self.id);
        Subject::new(SubjectKind::Source, &id, &self.name)
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Site {
    pub id: Box<str>,
    pub name: Box<str>,
    pub items: Vec<Gear>,
    pub position: Option<Position>,
}

impl Fact for Site {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        Subject::new(SubjectKind::Node, &site_node(&self.id), &self.name)
    }
}

/// A piece of equipment in a site.
#[derive(Clone, Debug)]
pub struct Gear {
    pub id: Box<str>,
    pub name: Box<str>,
    pub access: bool,
    pub parent: Option<Box<str>>,
    /// Of what names the parent, inside the site's record.
    pub route: String,
    pub position: Option<Position>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Account {
    pub id: Box<str>,
    pub name: Box<str>,
    /// Whether the status it is in activates an account, where the account says so itself.
    pub activates: Option<bool>,
    pub status: Option<Box<str>>,
    pub archived: bool,
    pub delinquent: bool,
    /// Services with a speed: the data services.
    pub services: Vec<Service>,
    pub devices: Vec<Device>,
    pub position: Option<Position>,
}

impl Fact for Account {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        Subject::new(SubjectKind::Circuit, &circuit_id(&self.id), &self.name)
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Service {
    pub id: Box<str>,
    pub name: Box<str>,
    pub speed: Pair<Option<Kbps>>,
}

/// Whatever of an account has addresses.
#[derive(Clone, Debug)]
pub struct Device {
    pub id: Box<str>,
    /// Of the inventory item, when it is one.
    pub item: Option<Box<str>>,
    pub name: Box<str>,
    pub mac: Box<str>,
    pub service: Option<Box<str>>,
    pub parent: Option<Box<str>>,
    pub parent_route: String,
    pub claims: Vec<Address>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Address {
    pub claim: Claim,
    /// Learned, not assigned: it may be stale.
    pub soft: bool,
}

by_content!(Gear, |g| (&g.id, &g.name, g.access, &g.parent, g.position));
by_content!(Device, |d| (
    (&d.id, &d.item, &d.name, &d.mac, &d.service, &d.parent),
    d.claims
        .iter()
        .map(|a| (&a.claim.value, a.soft))
        .collect::<Vec<_>>()
));

pub fn site_node(id: &str) -> Box<str> {
    format!("sonar:site:{id}").into()
}

pub fn item_node(id: &str) -> Box<str> {
    format!("sonar:item:{id}").into()
}

pub fn circuit_id(account: &str) -> Box<str> {
    format!("sonar:account:{account}").into()
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

/// The members of a list with their routes; what is no list or no object is noted.
fn members<'w, 'a, T>(
    notes: &mut Notes<'_>,
    route: &str,
    many: &'w Many<'a, T>,
) -> Vec<(String, &'w T)> {
    if let Some(odd) = many.odd() {
        notes.odd(route.to_owned(), odd);
    }
    let Some(Connection {
        entities,
        page_info,
    }) = many.get()
    else {
        return Vec::new();
    };
    let said = page_info
        .get()
        .and_then(|info| info.total_count.count().value());
    let held = entities.items().len();
    if let Some(said) = said.filter(|said| *said > held as u64) {
        notes.poor(
            route.to_owned(),
            format!(
                "has {said} entries, and the recording holds {held}: the others are not shaped"
            ),
        );
    }
    if let Some(odd) = entities.odd() {
        notes.odd(format!("{route}/entities"), odd);
    }
    let mut members = Vec::new();
    for (i, one) in entities.items().iter().enumerate() {
        let route = format!("{route}/entities/{i}");
        match one {
            Object::Is(one) => members.push((route, one)),
            Object::Missing => notes.odd(route, "is null where an object belongs; left out"),
            other => notes.odd(route, other.odd().unwrap_or_default()),
        }
    }
    members
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

/// A text that is only shown.
fn shown(raw: Raw<'_>) -> Box<str> {
    let text = raw.text().value().unwrap_or_default();
    text::clean(&text).0.into()
}

fn name_of(named: &Object<'_, wire::Named<'_>>) -> Box<str> {
    named.get().map(|n| shown(n.name)).unwrap_or_default()
}

pub fn status(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Status>, Refusal> {
    let wire: wire::Status<'_> = row.decode()?;
    let (id, mut notes) = begin(
        row,
        evidence,
        SubjectKind::Source,
        "account-status:",
        wire.id,
    )?;
    let name = notes.name("/name", wire.name.text());
    notes.name = name.clone();
    let activates = notes.need("/activates_account", wire.activates_account.flag());
    Ok(Found {
        fact: Status {
            id,
            name,
            activates,
        },
        origin: row.origin,
    })
}

/// Where something is: of several addresses a physical one before one that is only written to, then the smallest.
fn located(notes: &mut Notes<'_>, addresses: &Many<'_, wire::Address<'_>>) -> Option<Position> {
    let entities = addresses.get().map(|c| c.entities.items());
    let mut found: Vec<(bool, Position)> = Vec::new();
    for (i, address) in entities.unwrap_or_default().iter().enumerate() {
        let Some(address) = address.get() else {
            continue;
        };
        let routes = ["latitude", "longitude"].map(|key| format!("/addresses/entities/{i}/{key}"));
        let position = position::of_fields(notes, routes, address.latitude, address.longitude);
        let mailing = shown(address.kind).eq_ignore_ascii_case("mailing");
        found.extend(position.map(|position| (mailing, position)));
    }
    found.into_iter().min().map(|(_, position)| position)
}

pub fn site(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Site>, Refusal> {
    let wire: wire::Site<'_> = row.decode()?;
    let (id, mut notes) = begin(row, evidence, SubjectKind::Node, "sonar:site:", wire.id)?;
    let name = notes.name("/name", wire.name.text());
    notes.name = if name.is_empty() {
        notes.id.clone()
    } else {
        name.clone()
    };
    let mut items = Vec::new();
    for (route, item) in members(&mut notes, "/inventory_items", &wire.inventory_items) {
        let Some(id) = item.id.own_id() else {
            notes.odd(route, "has no id; left out");
            continue;
        };
        let model = item.inventory_model.get();
        let category = model
            .map(|m| name_of(&m.inventory_model_category))
            .unwrap_or_default();
        let deployed = name_of(&item.deployment_type);
        let access = [&category, &deployed].iter().any(|word| {
            ACCESS
                .binary_search(&word.trim().to_ascii_lowercase().as_str())
                .is_ok()
        });
        // People write what a sector is called beside its address.
        // The smallest of several: their order is nobody's.
        let described = |many: &Many<'_, wire::Assignment<'_>>| {
            let entities = many.get().map(|c| c.entities.items()).unwrap_or_default();
            (entities.iter().filter_map(Object::get))
                .map(|a| shown(a.description))
                .filter(|text| !text.is_empty())
                .min()
        };
        let fields = item.inventory_model_field_data.get();
        let fields = fields.map(|c| c.entities.items()).unwrap_or_default();
        let name = described(&item.ip_assignments)
            .or_else(|| {
                (fields.iter().filter_map(Object::get))
                    .filter_map(|f| described(&f.ip_assignments))
                    .min()
            })
            .or_else(|| model.map(|m| shown(m.name)).filter(|name| !name.is_empty()))
            .unwrap_or_else(|| id.clone());
        let routes = ["latitude", "longitude"].map(|key| format!("{route}/{key}"));
        let position = position::of_fields(&mut notes, routes, item.latitude, item.longitude);
        let route = format!("{route}/parent_inventory_item_id");
        items.push(Gear {
            position,
            parent: reference(&mut notes, &route, item.parent_inventory_item_id),
            id,
            name,
            access,
            route,
        });
    }
    items.sort();
    let position = located(&mut notes, &wire.addresses);
    Ok(Found {
        fact: Site {
            id,
            name,
            items,
            position,
        },
        origin: row.origin,
    })
}

pub fn account(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Account>, Refusal> {
    let wire: wire::Account<'_> = row.decode()?;
    let (id, mut notes) = begin(
        row,
        evidence,
        SubjectKind::Circuit,
        "sonar:account:",
        wire.id,
    )?;
    let mut name = notes.name("/name", wire.name.text());
    if name.is_empty() {
        notes.poor("/name", "is missing; the id is shown");
        name = notes.id.clone();
    }
    notes.name = name.clone();
    let notes = &mut notes;
    if let Some(odd) = wire.account_status.odd() {
        notes.odd("/account_status", odd);
    }
    let status = wire.account_status.get();
    let activates = status.and_then(|s| {
        take(
            notes,
            "/account_status/activates_account",
            s.activates_account.flag(),
        )
    });
    let status = reference(notes, "/account_status_id", wire.account_status_id)
        .or_else(|| reference(notes, "/account_status/id", status?.id));
    let services = services(notes, &wire);
    let position = located(notes, &wire.addresses);
    let mut devices: Vec<Device> = Vec::new();
    for (route, address) in members(notes, "/addresses", &wire.addresses) {
        let items = format!("{route}/inventory_items");
        for (route, item) in members(notes, &items, &address.inventory_items) {
            devices.extend(item_device(notes, &route, item));
        }
    }
    for (route, radius) in members(notes, "/radius_accounts", &wire.radius_accounts) {
        let claims = assignments(
            notes,
            &format!("{route}/ip_assignments"),
            &radius.ip_assignments,
        );
        devices.extend(loose(
            notes,
            &route,
            "sonar:radius-account:",
            radius.id,
            shown(radius.username),
            Box::default(),
            claims,
        ));
    }
    let own = assignments(notes, "/ip_assignments", &wire.ip_assignments);
    if !own.is_empty() {
        devices.push(Device {
            id: format!("sonar:account-ip-assignments:{id}").into(),
            item: None,
            name: name.clone(),
            mac: Box::default(),
            service: None,
            parent: None,
            parent_route: String::new(),
            claims: own,
        });
    }
    let macs = &wire.uninventoried_mac_addresses;
    for (route, loose_mac) in members(notes, "/uninventoried_mac_addresses", macs) {
        let claims = assignments(
            notes,
            &format!("{route}/ip_assignments"),
            &loose_mac.ip_assignments,
        );
        let given = shown(loose_mac.mac_address);
        let mac: Box<str> = text::mac(&given).unwrap_or_default().into();
        if mac.is_empty() && !given.is_empty() {
            notes.odd(
                format!("{route}/mac_address"),
                format!(
                    "is not a hardware address: \"{}\"; left out",
                    shorten(&given)
                ),
            );
        }
        let name = if mac.is_empty() { given } else { mac.clone() };
        devices.extend(loose(
            notes,
            &route,
            "sonar:uninventoried-mac-address:",
            loose_mac.id,
            name,
            mac,
            claims,
        ));
    }
    // One account may list a thing twice, at two addresses. Equipment knows its addresses best.
    let rank = |device: &Device| match device.id.split(':').nth(1) {
        Some("device") => 0,
        Some("radius-account") => 1,
        Some("account-ip-assignments") => 2,
        _ => 3,
    };
    devices.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    devices.dedup();
    Ok(Found {
        fact: Account {
            id,
            name,
            activates,
            status,
            archived: !matches!(wire.archived_at.text(), Read::Missing),
            delinquent: take(notes, "/is_delinquent", wire.is_delinquent.flag()).unwrap_or(false),
            services,
            devices,
            position,
        },
        origin: row.origin,
    })
}

/// Types of services that carry no data, sorted.
const OTHER_SERVICES: [&str; 9] = [
    "ADJUSTMENT",
    "BUNDLE",
    "EXPIRING",
    "GENERIC",
    "ONETIME",
    "ONE_TIME",
    "OVERAGE",
    "RECURRING",
    "VOICE",
];

/// The services that carry data, by id.
fn services(notes: &mut Notes<'_>, wire: &wire::Account<'_>) -> Vec<Service> {
    let mut services = Vec::new();
    for (route, sold) in members(notes, "/account_services", &wire.account_services) {
        if let Some(odd) = sold.service.odd() {
            notes.odd(format!("{route}/service"), odd);
        }
        let Some(service) = sold.service.get() else {
            continue;
        };
        let kind = shown(service.kind);
        let detail = service.data_service_detail.get();
        if detail.is_none()
            && let Some(odd) = service.data_service_detail.odd()
        {
            notes.odd(format!("{route}/service/data_service_detail"), odd);
        }
        // Of any other type only what states a speed is one.
        let data = match &*kind {
            "DATA" => true,
            "" => detail.is_some(),
            other => {
                if OTHER_SERVICES.binary_search(&other).is_err() {
                    notes.odd(
                        format!("{route}/service/type"),
                        format!(
                            "is \"{}\", which is no type of service Weir knows; it is not shaped by it",
                            shorten(other)
                        ),
                    );
                }
                false
            }
        };
        if !data {
            continue;
        }
        let Some(id) = sold.id.own_id() else {
            notes.odd(route, "has no id; left out");
            continue;
        };
        let mut speed = |name: &str, raw: Option<Raw<'_>>| {
            let route = format!("{route}/service/data_service_detail/{name}");
            let raw = raw.unwrap_or_default();
            let read = raw.rate(KBPS).either_way();
            take(notes, &route, read).and_then(Kbps::known)
        };
        let speed = Pair::new(
            speed(
                "download_speed_kilobits_per_second",
                detail.map(|d| d.download_speed_kilobits_per_second),
            ),
            speed(
                "upload_speed_kilobits_per_second",
                detail.map(|d| d.upload_speed_kilobits_per_second),
            ),
        );
        let name = [shown(sold.name_override), shown(service.name)];
        let name = name.into_iter().find(|name| !name.is_empty());
        let service = Service {
            name: name.unwrap_or_default(),
            id,
            speed,
        };
        services.push((service, route));
    }
    services.sort();
    services.dedup_by(|(again, place), (used, first)| {
        let repeated = again.id == used.id;
        if repeated {
            let repeat = Repeat {
                place: notes.origin.at(place.clone()),
                first: notes.origin.at(first.clone()),
                subject: notes.subject(),
                identical: again == used,
                differs: Vec::new(),
            };
            notes.evidence.repeats.push(repeat);
        }
        repeated
    });
    services.into_iter().map(|(service, _)| service).collect()
}

/// Equipment of a subscriber. What is lost or broken carries nothing.
fn item_device(notes: &mut Notes<'_>, route: &str, item: &wire::Item<'_>) -> Option<Device> {
    let Some(id) = item.id.own_id() else {
        notes.odd(route.to_owned(), "has no id; left out");
        return None;
    };
    let mut claims = assignments(
        notes,
        &format!("{route}/ip_assignments"),
        &item.ip_assignments,
    );
    let mut mac: Option<(bool, String)> = None;
    let fields = format!("{route}/inventory_model_field_data");
    for (route, field) in members(notes, &fields, &item.inventory_model_field_data) {
        claims.extend(assignments(
            notes,
            &format!("{route}/ip_assignments"),
            &field.ip_assignments,
        ));
        let Some(kind) = field.inventory_model_field.get() else {
            continue;
        };
        // A serial number is none, whatever field it stands in.
        let named = shown(kind.name).to_ascii_lowercase().contains("mac");
        if !named && &*shown(kind.kind) != "MAC_ADDRESS" {
            continue;
        }
        let given = shown(field.value);
        let Some(value) = text::mac(&given) else {
            if !given.is_empty() {
                notes.odd(
                    format!("{route}/value"),
                    format!(
                        "is not a hardware address: \"{}\"; left out",
                        shorten(&given)
                    ),
                );
            }
            continue;
        };
        let primary = kind.primary.flag().value().unwrap_or(false);
        // The primary one; of several the smallest.
        let candidate = (!primary, value);
        if mac.as_ref().is_none_or(|best| candidate < *best) {
            mac = Some(candidate);
        }
    }
    let status = shown(item.status);
    if matches!(&*status, "FAILED" | "LOST") && !claims.is_empty() {
        notes.odd(
            format!("{route}/status"),
            format!("is {status}: the addresses of this equipment are left out"),
        );
        claims.clear();
    }
    claims.sort_by(|a, b| (&a.claim.value, a.soft).cmp(&(&b.claim.value, b.soft)));
    let model = item
        .inventory_model
        .get()
        .map(|m| shown(m.name))
        .unwrap_or_default();
    let parent_route = format!("{route}/parent_inventory_item_id");
    let mut device = String::from("sonar:device:");
    let _ = write!(device, "{id}");
    Some(Device {
        id: device.into(),
        name: if model.is_empty() { id.clone() } else { model },
        mac: mac.map(|(_, mac)| mac).unwrap_or_default().into(),
        service: reference(
            notes,
            &format!("{route}/account_service_id"),
            item.account_service_id,
        ),
        parent: reference(notes, &parent_route, item.parent_inventory_item_id),
        parent_route,
        item: Some(id),
        claims,
    })
}

/// What has an address without being equipment.
fn loose(
    notes: &mut Notes<'_>,
    route: &str,
    prefix: &str,
    id: Raw<'_>,
    name: Box<str>,
    mac: Box<str>,
    claims: Vec<Address>,
) -> Option<Device> {
    let Some(id) = id.own_id() else {
        notes.odd(route.to_owned(), "has no id; left out");
        return None;
    };
    Some(Device {
        name: if name.is_empty() { id.clone() } else { name },
        id: format!("{prefix}{id}").into(),
        item: None,
        mac,
        service: None,
        parent: None,
        parent_route: String::new(),
        claims,
    })
}

fn assignments(
    notes: &mut Notes<'_>,
    route: &str,
    many: &Many<'_, wire::Assignment<'_>>,
) -> Vec<Address> {
    let mut addresses = Vec::new();
    for (route, assignment) in members(notes, route, many) {
        let route = format!("{route}/subnet");
        let Some(text) = take(notes, &route, assignment.subnet.text()) else {
            continue;
        };
        if text.trim().is_empty() {
            continue;
        }
        let soft = assignment.soft.flag().value().unwrap_or(false);
        addresses.push(Address {
            claim: Claim {
                value: ClaimValue::parse(&text, Form::Prefix),
                route: route.into(),
            },
            soft,
        });
    }
    addresses
}
