//! One record of an answer into one fact: ids, units and spelling settled, oddities noted, references to
//! earlier collections resolved. Knows the fields of UISP; nothing here looks at two records together.
//!
//! The facts are here, with what several records have in common; each file below reads one kind of record.

mod billing;
mod device;
mod link;
mod site;

use std::num::NonZeroU64;

use crate::ir::address::Claim;
use crate::ir::position::Position;
use crate::ir::records::{LinkState, ServiceState, Subject, SubjectKind};
use crate::sources::found::{Fact, Index};
use crate::sources::json::field::{Object, Raw, Read, shorten};
use crate::sources::notes::Notes;
use crate::sources::position;
use crate::sources::text;
use crate::sources::uisp::wire;
use crate::units::{Kbps, MBPS, Pair, parse_rate};

pub use billing::{client, plan, service};
pub use device::device;
pub use link::link;
pub use site::site;

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
    /// How many subscribers share a speed: what is guaranteed is the speed divided by it.
    pub aggregation: Option<NonZeroU64>,
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
    /// Of an access point: who is on it now, as its radio sees it.
    pub stations: Vec<Station>,
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

/// A line of the list of stations of an access point.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Station {
    pub who: Who,
    /// Inside the record of the access point.
    pub route: Box<str>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Who {
    Id(Box<str>),
    Mac(Box<str>),
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
    /// What is sold: the plan's, in place of it an override's that holds.
    pub speed: Pair<Option<Kbps>>,
    pub speed_route: Pair<&'static str>,
    /// What the plan says, whatever is in place of it.
    pub regular: Pair<Option<Kbps>>,
    pub instead: Option<Instead>,
    pub plan: Option<Box<str>>,
    pub client: Option<Box<str>>,
}

/// An override of the plan's speeds that is switched on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instead {
    pub speed: Pair<Option<Kbps>>,
    /// When it ends, as people write it; `None`: it does not.
    pub end: Option<Box<str>>,
    /// It has ended, on the day of the build.
    pub over: bool,
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

pub(super) fn first_id<const N: usize>(fields: [Raw<'_>; N]) -> Option<Box<str>> {
    let id = fields.into_iter().find_map(|raw| raw.id().value())?;
    let (id, _) = text::clean(&id);
    (!id.is_empty()).then(|| id.into())
}

pub(super) fn resolve<I>(index: &Index<'_>, id: &str, ix: impl Fn(u32) -> I) -> Ref<I> {
    index
        .get(id)
        .map_or_else(|| Ref::Unknown(id.into()), |at| Ref::To(ix(at)))
}

/// The id of a reference. A bare text is taken for the id.
pub(super) fn reference(
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

/// What stands in a `location`.
pub(super) fn location_of(
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

/// 1 active, 3 suspended; 0 prepared, 4 prepared and blocked, 6 deferred, 7 quoted; 2 ended, 5 obsolete. What is
/// missing or unknown counts as active: a subscriber is not left out for a number nobody has explained.
pub(super) fn service_standing(
    notes: &mut Notes<'_>,
    route: &'static str,
    status: Raw<'_>,
) -> Standing {
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

/// `1000-full`, `2.5Gbps-full`, `100Mbps-Full`.
pub(super) fn port_speed(status: &wire::PortStatus<'_>) -> Option<Kbps> {
    let text = status.current_speed.text().value()?;
    let speed = text.split('-').next()?.trim().to_ascii_lowercase();
    let rate = if let Some(gigabits) = speed.strip_suffix("gbps") {
        parse_rate(gigabits, (1_000_000, 1))
    } else {
        parse_rate(speed.strip_suffix("mbps").unwrap_or(&speed), MBPS)
    };
    rate.ok().and_then(Kbps::known)
}
