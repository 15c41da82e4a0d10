//! One record of an answer into one fact: ids, units and spelling settled, oddities noted, references to
//! earlier collections resolved. Knows the fields of UISP; nothing here looks at two records together.

use std::borrow::Cow;

use crate::ir::address::{Claim, ClaimValue, Form};
use crate::ir::position::Position;
use crate::ir::records::{LinkState, ServiceState, SourceEvidence, Subject, SubjectKind};
use crate::sources::found::{Fact, Found, Index};
use crate::sources::json::field::{Object, Raw, Read, shorten};
use crate::sources::json::{Refusal, Row};
use crate::sources::notes::Notes;
use crate::sources::position;
use crate::sources::text;
use crate::sources::uisp::wire;
use crate::units::{BPS, Kbps, MBPS, Pair, PerMille, muldiv, parse_rate};

/// Position in the sites, sorted by id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SiteIx(pub u32);

/// Position in the devices, sorted by id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DeviceIx(pub u32);

/// A reference to a record of another collection.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ref<I> {
    None,
    To(I),
    /// The export does not hold it.
    Unknown(Box<str>),
}

impl<I: Copy> Ref<I> {
    pub fn known(&self) -> Option<I> {
        match self {
            Ref::To(ix) => Some(*ix),
            Ref::None | Ref::Unknown(_) => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SiteKind {
    /// Part of the network: a node.
    Tower,
    /// A subscriber: circuits, never a node.
    Endpoint,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Site {
    pub id: Box<str>,
    /// As shown: cleaned, an endpoint's person first name first. Empty when there is none.
    pub name: Box<str>,
    pub kind: SiteKind,
    pub parent: Option<Box<str>>,
    pub suspended: bool,
    /// What UISP itself shapes with; zero is unknown.
    pub speed: Pair<Option<Kbps>>,
    pub burst_bytes: Pair<u64>,
    /// Status of the CRM service the site is bound to, as the NMS knows it.
    pub standing: Option<Standing>,
    /// Name of the CRM client the site is bound to.
    pub client: Box<str>,
    pub position: Option<Position>,
}

impl Fact for Site {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        let name = or_id(&self.name, &self.id);
        match self.kind {
            SiteKind::Tower => Subject::new(SubjectKind::Node, &site_node(&self.id), name),
            SiteKind::Endpoint => Subject::new(SubjectKind::Circuit, &self.id, name),
        }
    }
}

/// What a CRM service status means for shaping.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    Live(ServiceState),
    /// Prepared, deferred or quoted: not sold yet.
    Ahead,
    /// Ended or obsolete.
    Over,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Device {
    pub id: Box<str>,
    pub name: Box<str>,
    pub mac: Box<str>,
    pub site: Ref<SiteIx>,
    /// Role ap, or an OLT: subscribers hang on it.
    pub access: bool,
    /// Role station, or an ONU.
    pub station: bool,
    /// What its radio does, when the wireless mode says it.
    pub mode: Option<Side>,
    pub ptp: bool,
    pub ap: Option<ApRef>,
    /// Of the radio, in its own terms: down is toward the stations.
    pub capacity: Pair<Option<Kbps>>,
    /// Negotiated speeds of wired ports, for a device of the network.
    pub ports: Vec<(Box<str>, Kbps)>,
    /// Addresses, for a device of a subscriber.
    pub claims: Vec<Claim>,
    pub position: Option<Position>,
}

impl Fact for Device {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        Subject::new(SubjectKind::Device, &self.id, or_id(&self.name, &self.id))
    }
}

/// The two sides of a radio link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    Ap,
    Station,
}

/// The access point a station says it is on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ApRef {
    pub text: Box<str>,
    pub by: ApBy,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ApBy {
    Id,
    /// An object without an id.
    Name,
    /// Text where the object belongs: an id or a name.
    Text,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Link {
    pub id: Box<str>,
    pub a: End,
    pub b: End,
    pub medium: Medium,
    pub state: LinkState,
    /// `canDelete` is false: the way out of the network.
    pub uplink: bool,
}

impl Fact for Link {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        let id = link_id(&self.id);
        Subject::new(SubjectKind::Link, &id, &id)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Medium {
    Radio,
    Wire,
    Pon,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct End {
    pub device: Ref<DeviceIx>,
    pub site: Ref<SiteIx>,
    /// Negotiated speed of the port the link is plugged into.
    pub port: Option<Kbps>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Service {
    pub id: Box<str>,
    pub name: Box<str>,
    pub site: Ref<SiteIx>,
    pub standing: Standing,
    pub internet: bool,
    /// An override that is switched on included.
    pub speed: Pair<Option<Kbps>>,
    pub speed_route: Pair<&'static str>,
    pub plan: Option<Box<str>>,
    pub client: Option<Box<str>>,
}

impl Fact for Service {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        Subject::new(SubjectKind::Circuit, &service_subject(&self.id), &self.name)
    }
}

impl Service {
    /// Numbers in numeric order, whatever their length.
    pub fn order(&self) -> (usize, &str) {
        let digits = self.id.trim_start_matches('0');
        (digits.len(), digits)
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Plan {
    pub id: Box<str>,
    pub speed: Pair<Option<Kbps>>,
}

impl Fact for Plan {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        let id = format!("crm-plan:{}", self.id);
        Subject::new(SubjectKind::Source, &id, &id)
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Client {
    pub id: Box<str>,
    pub name: Box<str>,
    /// Of the address.
    pub position: Option<Position>,
}

impl Fact for Client {
    fn id(&self) -> &str {
        &self.id
    }
    fn subject(&self) -> Subject {
        Subject::new(
            SubjectKind::Source,
            &format!("crm-client:{}", self.id),
            &self.name,
        )
    }
}

/// What is shown for a thing: its name, or its id where it has none.
pub fn or_id<'a>(name: &'a str, id: &'a str) -> &'a str {
    if name.is_empty() { id } else { name }
}

pub fn site_node(id: &str) -> String {
    format!("uisp:site:{id}")
}

pub fn device_node(id: &str) -> String {
    format!("uisp:device:{id}")
}

pub fn link_id(id: &str) -> String {
    format!("uisp:link:{id}")
}

/// How a service is named before it is known whose circuit it is.
pub fn service_subject(id: &str) -> String {
    format!("crm-service:{id}")
}

pub fn site(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Site>, Refusal> {
    let wire: wire::Site<'_> = row.decode()?;
    let empty = wire::SiteIdentification::default();
    let identification = wire.identification.get().unwrap_or(&empty);
    let Some(id) = first_id([wire.id, identification.id]) else {
        return Err(Refusal::new("has no id"));
    };
    let kind = match identification.kind.text().value().as_deref() {
        Some("site") => SiteKind::Tower,
        Some("endpoint") => SiteKind::Endpoint,
        Some(other) => {
            return Err(Refusal::of(
                &id,
                format!(
                    "identification.type is \"{}\", neither site nor endpoint",
                    shorten(other)
                ),
            ));
        }
        None => return Err(Refusal::of(&id, "has no identification.type")),
    };
    let (subject_kind, subject_id) = match kind {
        SiteKind::Tower => (SubjectKind::Node, site_node(&id).into()),
        SiteKind::Endpoint => (SubjectKind::Circuit, id.clone()),
    };
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: subject_kind,
        id: subject_id,
        name: Box::default(),
    };
    let name = notes.name("/identification/name", identification.name.text());
    let name = match kind {
        SiteKind::Endpoint => first_name_first(&name).unwrap_or(name),
        SiteKind::Tower => name,
    };
    notes.name = or_id(&name, &id).into();
    if let Some(other) = identification.id.id().value()
        && *other != *id
    {
        notes.odd(
            "/identification/id",
            format!("is {} while the record's id is {id}", shorten(&other)),
        );
    }
    let parent = reference(&mut notes, "/identification/parent", &identification.parent);
    let suspended = notes
        .take("/identification/suspended", identification.suspended.flag())
        .unwrap_or(false);
    let (mut speed, mut burst_bytes) = (Pair::default(), Pair::default());
    if let Some(odd) = wire.qos.odd() {
        notes.poor("/qos", odd);
    } else if kind == SiteKind::Endpoint && wire.qos.get().is_none() {
        notes.odd("/qos", "is missing: the NMS states no speeds");
    }
    if let Some(qos) = wire.qos.get() {
        speed = Pair::new(
            notes.need("/qos/downloadSpeed", qos.download_speed.rate(BPS)),
            notes.need("/qos/uploadSpeed", qos.upload_speed.rate(BPS)),
        )
        .map(|rate| rate.and_then(Kbps::known));
        burst_bytes = Pair::new(
            notes.take("/qos/downloadBurstSize", qos.download_burst_size.count()),
            notes.take("/qos/uploadBurstSize", qos.upload_burst_size.count()),
        )
        .map(Option::unwrap_or_default);
    }
    let (mut standing, mut client) = (None, Box::default());
    if let Some(odd) = wire.ucrm.odd() {
        notes.odd("/ucrm", odd);
    }
    if let Some(ucrm) = wire.ucrm.get() {
        if let Some(service) = ucrm.service.get() {
            standing = Some(service_standing(
                &mut notes,
                "/ucrm/service/status",
                service.status,
            ));
        }
        if let Some(bound) = ucrm.client.get() {
            client = notes.name("/ucrm/client/name", bound.name.text());
            client = first_name_first(&client).unwrap_or(client);
        }
    }
    let location = wire.description.get().map(|d| &d.location);
    let position = location.and_then(|l| location_of(&mut notes, "/description/location", l));
    Ok(Found {
        fact: Site {
            id,
            name,
            kind,
            parent,
            suspended,
            speed,
            burst_bytes,
            standing,
            client,
            position,
        },
        origin: row.origin,
    })
}

/// What stands in a `location`.
fn location_of(
    notes: &mut Notes<'_>,
    route: &'static str,
    location: &Object<'_, wire::Location<'_>>,
) -> Option<Position> {
    if let Some(odd) = location.odd() {
        notes.odd(route, odd);
    }
    let location = location.get()?;
    let routes = ["latitude", "longitude"].map(|key| format!("{route}/{key}"));
    position::of_fields(notes, routes, location.latitude, location.longitude)
}

pub fn device(
    row: &Row<'_>,
    evidence: &mut SourceEvidence,
    sites: &[Found<Site>],
    site_index: &Index<'_>,
) -> Result<Found<Device>, Refusal> {
    let wire: wire::Device<'_> = row.decode()?;
    let Some(identification) = wire.identification.get() else {
        return Err(Refusal::new("has no identification"));
    };
    let Some(id) = first_id([identification.id]) else {
        return Err(Refusal::new("has no identification.id"));
    };
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Device,
        name: Box::default(),
        id,
    };
    let mut name = Box::default();
    for (route, raw) in [
        ("/identification/hostname", identification.hostname),
        ("/identification/name", identification.name),
        ("/identification/displayName", identification.display_name),
    ] {
        name = notes.name(route, raw.text());
        if !name.is_empty() {
            break;
        }
    }
    notes.name = or_id(&name, &notes.id).into();
    let mac = match notes.take("/identification/mac", identification.mac.text()) {
        None => Box::default(),
        Some(given) => text::mac(&given).map_or_else(
            || {
                let given = given.trim().to_ascii_lowercase();
                if !given.is_empty() {
                    notes.odd(
                        "/identification/mac",
                        format!("is not a hardware address: \"{}\"", shorten(&given)),
                    );
                }
                text::clean(&given).0.into()
            },
            Into::into,
        ),
    };
    let kind = notes
        .take("/identification/type", identification.kind.text())
        .unwrap_or_default();
    let role = notes
        .take("/identification/role", identification.role.text())
        .unwrap_or_default();
    let site = if let Object::Not(_) = identification.site {
        notes.poor(
            "/identification/site",
            identification.site.odd().unwrap_or_default(),
        );
        Ref::None
    } else {
        match reference(&mut notes, "/identification/site", &identification.site) {
            None => Ref::None,
            Some(id) => resolve(site_index, &id, SiteIx),
        }
    };
    if let Some(odd) = wire.overview.odd() {
        notes.odd("/overview", odd);
    }
    let empty = wire::Overview::default();
    let overview = wire.overview.get().unwrap_or(&empty);
    let mode = notes
        .take("/overview/wirelessMode", overview.wireless_mode.text())
        .unwrap_or_default();
    if let Some(odd) = wire.interfaces.odd() {
        notes.poor("/interfaces", odd);
    }
    let capacity = radio_capacity(
        &mut notes,
        overview,
        wire.interfaces.items(),
        kind == "airMax" && role == "ap" && mode == "ap-ptmp",
    );
    let place = site.known().map(|SiteIx(at)| sites[at as usize].fact.kind);
    let (mut ports, mut claims) = (Vec::new(), Vec::new());
    match place {
        Some(SiteKind::Tower) => ports = wired_ports(wire.interfaces.items()),
        Some(SiteKind::Endpoint) => claims = addresses(&mut notes, &wire),
        None => {}
    }
    let ap = match wire.attributes.get() {
        Some(attributes) => access_point(&mut notes, &attributes.ap_device),
        None => {
            if let Some(odd) = wire.attributes.odd() {
                notes.odd("/attributes", odd);
            }
            None
        }
    };
    let position = match place {
        Some(SiteKind::Tower) => location_of(&mut notes, "/location", &wire.location),
        Some(SiteKind::Endpoint) | None => None,
    };
    Ok(Found {
        fact: Device {
            access: role == "ap" || kind == "olt" || (role == "gpon" && kind != "onu"),
            station: role == "station" || kind == "onu",
            mode: match mode.as_ref() {
                m if m.starts_with("ap") => Some(Side::Ap),
                m if m.starts_with("sta") => Some(Side::Station),
                _ => None,
            },
            ptp: mode.contains("ptp"),
            id: notes.id,
            name,
            mac,
            site,
            ap,
            capacity,
            ports,
            claims,
            position,
        },
        origin: row.origin,
    })
}

/// What a radio carries, in its own terms. A point-to-multipoint airMax access point shares one capacity
/// between the directions by its download ratio (0.8 when it frames flexibly); every other radio states both.
fn radio_capacity(
    notes: &mut Notes<'_>,
    overview: &wire::Overview<'_>,
    interfaces: &[Object<'_, wire::Interface<'_>>],
    shared: bool,
) -> Pair<Option<Kbps>> {
    let mut known = |route, raw: Raw<'_>| notes.take(route, raw.rate(BPS)).and_then(Kbps::known);
    let stated = Pair::new(
        known("/overview/downlinkCapacity", overview.downlink_capacity),
        known("/overview/uplinkCapacity", overview.uplink_capacity),
    );
    if !shared {
        return stated;
    }
    let theoretical = known(
        "/overview/theoreticalTotalCapacity",
        overview.theoretical_total_capacity,
    );
    let total = known("/overview/totalCapacity", overview.total_capacity);
    let ratio = download_ratio(notes, interfaces);
    if ratio.is_none() && theoretical.is_none() {
        return stated;
    }
    let Some(total) = total.or(stated.down.max(stated.up)) else {
        return stated;
    };
    let down = muldiv(total, ratio.unwrap_or(PerMille(800)));
    Pair::new(down, Kbps(total.0.saturating_sub(down.0))).map(Kbps::known)
}

/// `dlRatio` of the first interface that has one: percent, or a share below 1.
fn download_ratio(
    notes: &mut Notes<'_>,
    interfaces: &[Object<'_, wire::Interface<'_>>],
) -> Option<PerMille> {
    for (i, interface) in interfaces.iter().enumerate() {
        let wireless = interface.get().and_then(|i| i.wireless.object());
        let Some::<wire::Wireless<'_>>(wireless) = wireless else {
            continue;
        };
        let mut odd = |what: String| {
            notes.odd(format!("/interfaces/{i}/wireless/dlRatio"), what);
        };
        // In thousandths of a percent: a kbit/s is the smallest unit the reader of rates knows.
        let (ratio, what) = match wireless.dl_ratio.rate(MBPS) {
            Read::Missing => continue,
            Read::Is(ratio) => (ratio, None),
            Read::Odd(ratio, what) => (ratio, Some(what)),
            Read::Not(what) => {
                odd(what);
                continue;
            }
        };
        if let Some(what) = what {
            odd(what);
        }
        let per_mille = match ratio.0 {
            1..1000 => ratio.0,
            1000..=100_000 => (ratio.0 + 50) / 100,
            _ => {
                odd("is not a percentage; left out".into());
                continue;
            }
        };
        return u32::try_from(per_mille).ok().map(PerMille);
    }
    None
}

fn wired_ports(interfaces: &[Object<'_, wire::Interface<'_>>]) -> Vec<(Box<str>, Kbps)> {
    interfaces
        .iter()
        .filter_map(|interface| {
            let interface = interface.get()?;
            let speed = port_speed(&interface.status.object()?)?;
            let identification: wire::Reference<'_> = interface.identification.object()?;
            let name = identification.name.text().value()?;
            Some((Box::from(name.as_ref()), speed))
        })
        .collect()
}

/// `1000-full`, `2.5Gbps-full`, `100Mbps-Full`.
fn port_speed(status: &wire::PortStatus<'_>) -> Option<Kbps> {
    let text = status.current_speed.text().value()?;
    let speed = text.split('-').next()?.trim().to_ascii_lowercase();
    let rate = if let Some(gigabits) = speed.strip_suffix("gbps") {
        parse_rate(gigabits, (1_000_000, 1))
    } else {
        parse_rate(speed.strip_suffix("mbps").unwrap_or(&speed), MBPS)
    };
    rate.ok().and_then(Kbps::known)
}

/// Every address of a subscriber's device once, in the order they are written.
fn addresses(notes: &mut Notes<'_>, wire: &wire::Device<'_>) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    let mut add = |value: ClaimValue, route: Cow<'static, str>| {
        let prefix = value.prefix();
        let known = claims
            .iter()
            .any(|claim| match (&prefix, claim.value.prefix()) {
                (Some((a, _)), Some((b, _))) => *a == b,
                _ => claim.value == value,
            });
        if !known {
            claims.push(Claim { value, route });
        }
    };
    // Always a host, whatever mask stands behind it.
    let host = |text: &str| match ClaimValue::parse(text, Form::Interface) {
        value @ ClaimValue::Interface(ip, _) => match value.prefix() {
            Some((_, false)) => ClaimValue::Host(ip),
            _ => value,
        },
        value => value,
    };
    if let Some(text) = notes.take("/ipAddress", wire.ip_address.text()) {
        if text.trim().is_empty() {
            notes.odd("/ipAddress", "is empty text; read as no address");
        } else {
            add(host(&text), Cow::Borrowed("/ipAddress"));
        }
    }
    if let Some(odd) = wire.ip_address_list.odd() {
        notes.odd("/ipAddressList", odd);
    }
    for (i, listed) in wire.ip_address_list.items().iter().enumerate() {
        let route = format!("/ipAddressList/{i}");
        let text = notes.take(route.clone(), listed.text());
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            add(host(&text), Cow::Owned(route));
        }
    }
    for (i, interface) in wire.interfaces.items().iter().enumerate() {
        if let Some(odd) = interface.odd() {
            notes.odd(format!("/interfaces/{i}"), odd);
        }
        let Some(interface) = interface.get() else {
            continue;
        };
        if let Some(odd) = interface.addresses.odd() {
            notes.odd(format!("/interfaces/{i}/addresses"), odd);
        }
        for (j, address) in interface.addresses.items().iter().enumerate() {
            let route = || format!("/interfaces/{i}/addresses/{j}");
            if let Some(odd) = address.odd() {
                notes.odd(route(), odd);
            }
            let Some(address) = address.get() else {
                continue;
            };
            match address.cidr.text() {
                Read::Missing => {}
                Read::Is(text) if text.trim().is_empty() => {}
                Read::Is(text) | Read::Odd(text, _) => add(
                    ClaimValue::parse(&text, Form::Interface),
                    Cow::Owned(route() + "/cidr"),
                ),
                Read::Not(what) => notes.odd(route() + "/cidr", what),
            }
        }
    }
    claims
}

fn access_point(notes: &mut Notes<'_>, ap: &Object<'_, wire::Reference<'_>>) -> Option<ApRef> {
    const ROUTE: &str = "/attributes/apDevice";
    let named = |text: &str, by| {
        let text = text.trim();
        (!text.is_empty()).then(|| ApRef {
            text: text.into(),
            by,
        })
    };
    match ap {
        Object::Missing => None,
        Object::Is(reference) => match notes.take(ROUTE, reference.id.id()) {
            Some(id) => named(&id, ApBy::Id),
            None => named(&reference.name.text().value()?, ApBy::Name),
        },
        Object::Text(text) => named(text, ApBy::Text),
        Object::Not(_) => {
            notes.odd(ROUTE, ap.odd().unwrap_or_default());
            None
        }
    }
}

pub fn link(
    row: &Row<'_>,
    evidence: &mut SourceEvidence,
    devices: &[Found<Device>],
    device_index: &Index<'_>,
    site_index: &Index<'_>,
) -> Result<Found<Link>, Refusal> {
    let wire: wire::Link<'_> = row.decode()?;
    let Some(id) = first_id([wire.id]) else {
        return Err(Refusal::new("has no id"));
    };
    let subject_id: Box<str> = link_id(&id).into();
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Link,
        name: subject_id.clone(),
        id: subject_id,
    };
    let uplink = notes.take("/canDelete", wire.can_delete.flag()) == Some(false);
    let [a, b] = [("from", &wire.from), ("to", &wire.to)].map(|(which, end)| {
        let end = end.get()?;
        let device = end.device.get().and_then(|d| d.identification.get());
        let site = end.site.get().and_then(|s| s.identification.get());
        let device = device.and_then(|d| {
            let route = match which {
                "from" => "/from/device/identification/id",
                _ => "/to/device/identification/id",
            };
            notes.take(route, d.id.id())
        });
        let site = site.and_then(|s| {
            let route = match which {
                "from" => "/from/site/identification/id",
                _ => "/to/site/identification/id",
            };
            notes.take(route, s.id.id())
        });
        let device = device.map_or(Ref::None, |id| resolve(device_index, &id, DeviceIx));
        let site = site.map_or(Ref::None, |id| resolve(site_index, &id, SiteIx));
        if device == Ref::None && site == Ref::None {
            return None;
        }
        let port = end.interface.get().and_then(|port| {
            let stated = port.status.get().and_then(port_speed);
            stated.or_else(|| {
                let name = port.identification.get()?.name.text().value()?;
                let DeviceIx(at) = device.known()?;
                let ports = &devices[at as usize].fact.ports;
                ports.iter().find(|(n, _)| **n == *name).map(|(_, s)| *s)
            })
        });
        Some(End { device, site, port })
    });
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (Some(end), None) | (None, Some(end)) if uplink => (end.clone(), end),
        (None, None) => return Err(Refusal::of(&id, "has neither end: no device and no site")),
        (None, _) => return Err(Refusal::of(&id, "has no `from` end: no device and no site")),
        (_, None) => return Err(Refusal::of(&id, "has no `to` end: no device and no site")),
    };
    let medium = match notes.take("/type", wire.kind.text()).as_deref() {
        Some("ethernet") => Medium::Wire,
        Some("pon") => Medium::Pon,
        _ => Medium::Radio,
    };
    let state = match notes.take("/state", wire.state.text()).as_deref() {
        Some("active") => LinkState::Up,
        Some("disconnected" | "disabled") => LinkState::Down,
        Some("proposed") => LinkState::Planned,
        Some(other) => {
            notes.odd(
                "/state",
                format!("is \"{}\", an unknown state; read as down", shorten(other)),
            );
            LinkState::Down
        }
        None => {
            notes.poor("/state", "is missing; read as down");
            LinkState::Down
        }
    };
    Ok(Found {
        fact: Link {
            id,
            a,
            b,
            medium,
            state,
            uplink,
        },
        origin: row.origin,
    })
}

pub fn service(
    row: &Row<'_>,
    evidence: &mut SourceEvidence,
    sites: &[Found<Site>],
    site_index: &Index<'_>,
) -> Result<Found<Service>, Refusal> {
    let wire: wire::Service<'_> = row.decode()?;
    let Some(id) = first_id([wire.id]) else {
        return Err(Refusal::new("has no id"));
    };
    // Of the subscriber where the service names one.
    let named = wire.unms_client_site_id.id();
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Circuit,
        id: match &named {
            Read::Is(site) | Read::Odd(site, _) => site.as_ref().into(),
            Read::Missing | Read::Not(_) => service_subject(&id).into(),
        },
        name: Box::default(),
    };
    let site = notes
        .need("/unmsClientSiteId", named)
        .map_or(Ref::None, |id| resolve(site_index, &id, SiteIx));
    if let Ref::To(SiteIx(at)) = site {
        notes.name = sites[at as usize].fact.name.clone();
    }
    let name = notes.name("/name", wire.name.text());
    if notes.name.is_empty() {
        notes.name = name.clone();
    }
    let kind = notes.take("/servicePlanType", wire.service_plan_type.text());
    let internet = kind.is_none_or(|kind| kind.eq_ignore_ascii_case("internet"));
    let plan = notes.take("/servicePlanId", wire.service_plan_id.id());
    let client = notes.take("/clientId", wire.client_id.id());
    let (mut standing, mut speed) = (Standing::Over, Pair::default());
    let mut speed_route = Pair::new("/downloadSpeed", "/uploadSpeed");
    if internet {
        standing = service_standing(&mut notes, "/status", wire.status);
        let mut mbps =
            |route, raw: Raw<'_>| notes.need(route, raw.rate(MBPS)).and_then(Kbps::known);
        speed = Pair::new(
            mbps("/downloadSpeed", wire.download_speed),
            mbps("/uploadSpeed", wire.upload_speed),
        );
        let instead = Pair::new(
            mbps("/downloadSpeedOverride", wire.download_speed_override),
            mbps("/uploadSpeedOverride", wire.upload_speed_override),
        );
        let enabled = notes
            .take(
                "/trafficShapingOverrideEnabled",
                wire.traffic_shaping_override_enabled.flag(),
            )
            .unwrap_or(false);
        if enabled && instead.down.is_some() {
            speed.down = instead.down;
            speed_route.down = "/downloadSpeedOverride";
        }
        if enabled && instead.up.is_some() {
            speed.up = instead.up;
            speed_route.up = "/uploadSpeedOverride";
        }
    }
    Ok(Found {
        fact: Service {
            id,
            name,
            site,
            standing,
            internet,
            speed,
            speed_route,
            plan: plan.map(|id| id.as_ref().into()),
            client: client.map(|id| id.as_ref().into()),
        },
        origin: row.origin,
    })
}

pub fn plan(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Plan>, Refusal> {
    let wire: wire::Plan<'_> = row.decode()?;
    let Some(id) = first_id([wire.id]) else {
        return Err(Refusal::new("has no id"));
    };
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Source,
        id: format!("crm-plan:{id}").into(),
        name: wire.name.text().value().unwrap_or_default().into(),
    };
    let mut mbps = |route, raw: Raw<'_>| notes.take(route, raw.rate(MBPS)).and_then(Kbps::known);
    let speed = Pair::new(
        mbps("/downloadSpeed", wire.download_speed),
        mbps("/uploadSpeed", wire.upload_speed),
    );
    Ok(Found {
        fact: Plan { id, speed },
        origin: row.origin,
    })
}

pub fn client(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Client>, Refusal> {
    let wire: wire::Client<'_> = row.decode()?;
    let Some(id) = first_id([wire.id]) else {
        return Err(Refusal::new("has no id"));
    };
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Source,
        id: format!("crm-client:{id}").into(),
        name: Box::default(),
    };
    let company = notes.name("/companyName", wire.company_name.text());
    let first = notes.name("/firstName", wire.first_name.text());
    let last = notes.name("/lastName", wire.last_name.text());
    let name = if company.is_empty() {
        format!("{first} {last}").trim().into()
    } else {
        company
    };
    let position = position::of_fields(
        &mut notes,
        ["/addressGpsLat", "/addressGpsLon"],
        wire.address_gps_lat,
        wire.address_gps_lon,
    );
    Ok(Found {
        fact: Client { id, name, position },
        origin: row.origin,
    })
}

/// 1 active, 3 suspended; 0 prepared, 4 prepared and blocked, 6 deferred, 7 quoted; 2 ended, 5 obsolete. What is
/// missing or unknown counts as active: a subscriber is not left out for a number nobody has explained.
fn service_standing(notes: &mut Notes<'_>, route: &'static str, status: Raw<'_>) -> Standing {
    match notes.need(route, status.count()) {
        Some(1) => Standing::Live(ServiceState::Active),
        Some(3) => Standing::Live(ServiceState::Suspended),
        Some(0 | 4 | 6 | 7) => Standing::Ahead,
        Some(2 | 5) => Standing::Over,
        Some(other) => {
            notes.odd(
                route,
                format!("is {other}, an unknown service status; read as active"),
            );
            Standing::Live(ServiceState::Active)
        }
        None => {
            if let Read::Missing = status.count() {
                notes.poor(route, "is missing; read as active");
            }
            Standing::Live(ServiceState::Active)
        }
    }
}

fn first_id<const N: usize>(fields: [Raw<'_>; N]) -> Option<Box<str>> {
    let id = fields.into_iter().find_map(|raw| raw.id().value())?;
    let (id, _) = text::clean(&id);
    (!id.is_empty()).then(|| id.into())
}

fn resolve<I>(index: &Index<'_>, id: &str, ix: impl Fn(u32) -> I) -> Ref<I> {
    index
        .get(id)
        .map_or_else(|| Ref::Unknown(id.into()), |at| Ref::To(ix(at)))
}

/// The id of a reference. A bare text is taken for the id.
fn reference(
    notes: &mut Notes<'_>,
    route: &'static str,
    object: &Object<'_, wire::Reference<'_>>,
) -> Option<Box<str>> {
    match object {
        Object::Missing => None,
        Object::Is(reference) => match reference.id.id() {
            Read::Missing => {
                notes.odd(route, "has no id; left out");
                None
            }
            read => notes.take(route, read).map(|id| id.as_ref().into()),
        },
        Object::Text(id) => {
            notes.odd(
                route,
                format!(
                    "is text where an object belongs; read as the id {}",
                    shorten(id)
                ),
            );
            Some(id.trim().into())
        }
        Object::Not(_) => {
            notes.odd(route, object.odd().unwrap_or_default());
            None
        }
    }
}

/// Words that make a name a company's, lower case.
const COMPANY: [&str; 18] = [
    "ag",
    "bv",
    "co",
    "company",
    "corp",
    "corporation",
    "gmbh",
    "inc",
    "limited",
    "llc",
    "llp",
    "lp",
    "ltd",
    "pc",
    "plc",
    "pllc",
    "sa",
    "srl",
];

/// `Rubio, Jorge` is Jorge Rubio; `Acme, LLC`, `Unit 3, North` and `A, B, C` stay as they are.
fn first_name_first(name: &str) -> Option<Box<str>> {
    let (last, first) = name.split_once(',')?;
    let (last, first) = (last.trim(), first.trim());
    let company = |part: &str| {
        let word = part.trim_end_matches('.').to_ascii_lowercase();
        COMPANY.binary_search(&word.as_str()).is_ok()
    };
    let person = !last.is_empty()
        && !first.is_empty()
        && !first.contains(',')
        && !name.contains(|c: char| c.is_ascii_digit())
        && !company(last)
        && !company(first);
    person.then(|| format!("{first} {last}").into())
}
