//! The ISP as recorded responses of UISP: sites, devices with interfaces, data links, CRM clients, services and plans.
//!
//! One minified JSON array on one line a collection, as the server sends it. `Fields::Recorded` has the fields that
//! decide something and enough around them to read like the original; `Fields::Full` has every field of the server.
//! Never any wireless key, e-mail address or telephone number.
//!
//! Each backhaul radio and switch is a device of its own, and so is the switch at the core for each fibre that leaves it.
//! A subscriber's radio names its access point and has a data link to it; an ONU has the link only. Interface addresses
//! are hosts, without the network that they are in. An OLT reports a capacity, which a real one does not, so that all
//! formats know the same capacities. Not modelled: the lists of stations of an access point, and readings that make sense.

mod crm;
mod devices;
mod links;
mod network;
mod sites;

use super::json::Json;
use super::model::{
    Attach, Circuit, Defect, Ip, Isp, Link, LinkState, Mac, Mbps, Model, PLANS, Radio,
};
use super::rng::mix;
use std::fmt;
use std::io::{self, Write};

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Fields {
    /// The fields that decide something
    Recorded,
    /// Every field of the server, more than twice the size
    Full,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Collection {
    Sites,
    Devices,
    DataLinks,
    CrmClients,
    CrmServices,
    CrmPlans,
}

pub const COLLECTIONS: [Collection; 6] = [
    Collection::Sites,
    Collection::Devices,
    Collection::DataLinks,
    Collection::CrmClients,
    Collection::CrmServices,
    Collection::CrmPlans,
];

impl Collection {
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Sites => "sites.json",
            Self::Devices => "devices.json",
            Self::DataLinks => "data-links.json",
            Self::CrmClients => "crm-clients.json",
            Self::CrmServices => "crm-services.json",
            Self::CrmPlans => "crm-plans.json",
        }
    }
}

pub fn write(
    isp: &Isp,
    fields: Fields,
    collection: Collection,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut list = List {
        out,
        json: Json::default(),
        first: true,
    };
    let export = Export::new(isp, fields);
    list.out.write_all(b"[")?;
    match collection {
        Collection::Sites => export.sites(&mut list)?,
        Collection::Devices => export.devices(&mut list)?,
        Collection::DataLinks => export.data_links(&mut list)?,
        Collection::CrmClients => export.crm_clients(&mut list)?,
        Collection::CrmServices => export.crm_services(&mut list)?,
        Collection::CrmPlans => export.crm_plans(&mut list)?,
    }
    list.out.write_all(b"]")
}

struct List<'a, W: Write> {
    out: &'a mut W,
    json: Json,
    first: bool,
}

impl<W: Write> List<'_, W> {
    fn record(&mut self, copies: usize, members: impl FnOnce(&mut Json)) -> io::Result<()> {
        self.json.clear();
        self.json.object(members);
        for _ in 0..copies {
            if !self.first {
                self.out.write_all(b",")?;
            }
            self.out.write_all(self.json.bytes())?;
            self.first = false;
        }
        Ok(())
    }
}

/// When the export was made, as far as its records tell.
const NOW: &str = "2026-07-01T12:00:00.000Z";
const FIRMWARE: &str = "8.7.11";
/// The plan of services without speeds of their own; the ids of the others are their place in the catalogue.
const LEGACY_PLAN: usize = PLANS.len() + 1;

/// What an id belongs to.
#[derive(Clone, Copy)]
enum Of {
    Site = 1,
    Ap = 2,
    Switch = 3,
    UpperRadio = 4,
    LowerRadio = 5,
    CoreSwitch = 6,
    Router = 7,
    Endpoint = 8,
    Cpe = 9,
    HomeRouter = 10,
    SubscriberLink = 11,
    BackhaulLink = 12,
    InternetLink = 13,
    RetiredSite = 14,
}

/// A version 4 UUID whose last group is the index in the model, so that a person can find a record in every format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Uuid {
    scatter: u64,
    kind: u8,
    index: u64,
}

impl Uuid {
    /// Twelve hex digits, as serial numbers look.
    fn serial(self) -> impl fmt::Display {
        fmt::from_fn(move |f| write!(f, "{:012X}", self.scatter >> 16))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fourth = 0xa000 | u64::from(self.kind) << 8 | (self.scatter & 0xff);
        let groups = [
            (self.scatter >> 32, 8),
            (self.scatter >> 16 & 0xffff, 4),
            (0x4000 | (self.scatter & 0x0fff), 4),
            (fourth, 4),
            (self.index, 12),
        ];
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (value, digits) in groups {
            for digit in (0..digits).rev() {
                text[at] = b"0123456789abcdef"[(value >> (4 * digit) & 0xf) as usize];
                at += 1;
            }
            at += 1;
        }
        f.write_str(std::str::from_utf8(&text).expect("hex digits are text"))
    }
}

/// Millionths of a degree as a number.
fn degrees(millionths: i64) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        let sign = if millionths < 0 { "-" } else { "" };
        write!(
            f,
            "{sign}{}.{:06}",
            millionths.abs() / 1_000_000,
            millionths.abs() % 1_000_000
        )
    })
}

/// An address of an interface, always with a length.
fn cidr(ip: &Ip) -> impl fmt::Display {
    fmt::from_fn(move |f| match ip {
        Ip::Host(address) => write!(f, "{address}/32"),
        other => write!(f, "{other}"),
    })
}

/// `2024-05-01` of a service.
fn day((year, month, day): (u64, u64, u64)) -> impl fmt::Display {
    fmt::from_fn(move |f| write!(f, "{year}-{month:02}-{day:02}"))
}

#[derive(Clone, Copy)]
struct SiteRef<'a> {
    id: Uuid,
    name: &'a str,
    kind: &'static str,
    parent: Option<(Uuid, &'a str)>,
}

struct Port {
    name: String,
    kind: &'static str,
    mbps: Option<u64>,
    ips: Vec<Ip>,
}

impl Port {
    fn new(name: impl Into<String>, kind: &'static str, mbps: Option<u64>, ips: Vec<Ip>) -> Self {
        Self {
            name: name.into(),
            kind,
            mbps,
            ips,
        }
    }
}

/// The radio of a device.
struct Air {
    radio: Radio,
    mode: &'static str,
    ssid: String,
}

struct Device<'a> {
    id: Uuid,
    site: SiteRef<'a>,
    mac: Mac,
    name: String,
    model: &'static Model,
    role: &'static str,
    mode: &'static str,
    ip: Option<Ip>,
    mbps: Option<Mbps>,
    air: Option<Air>,
    stations: Option<u64>,
    ap: Option<(Uuid, String, &'static Model)>,
    ports: Vec<Port>,
}

/// One end of a data link: a device and the index of one of its ports.
type End<'d, 'a> = (&'d Device<'a>, usize);

struct LinkFacts<'a> {
    id: Uuid,
    kind: &'static str,
    state: &'static str,
    can_delete: bool,
    origin: &'static str,
    ssid: Option<&'a str>,
    megahertz: Option<u64>,
}

struct Export<'a> {
    isp: &'a Isp,
    full: bool,
    salt: u64,
    /// The fibre links that end at each site's switch.
    fibers: Vec<Vec<usize>>,
}

impl<'a> Export<'a> {
    fn new(isp: &'a Isp, fields: Fields) -> Self {
        let mut fibers = vec![Vec::new(); isp.sites.len()];
        for (index, link) in isp.links.iter().enumerate() {
            if link.medium.radio.is_none() {
                if !has_core_switch(link) {
                    fibers[link.upper].push(index);
                }
                fibers[link.lower].push(index);
            }
        }
        Self {
            isp,
            full: fields == Fields::Full,
            salt: mix(isp.seed()),
            fibers,
        }
    }

    fn id(&self, of: Of, index: usize) -> Uuid {
        let index = index as u64;
        Uuid {
            scatter: mix(self.salt ^ (of as u64) << 56 ^ index),
            kind: of as u8,
            index,
        }
    }

    fn site_ref(&self, index: usize) -> SiteRef<'a> {
        let site = &self.isp.sites[index];
        SiteRef {
            id: self.id(Of::Site, index),
            name: &site.name,
            kind: "site",
            parent: site.parent.map(|above| {
                (
                    self.id(Of::Site, above),
                    self.isp.sites[above].name.as_str(),
                )
            }),
        }
    }

    fn endpoint_ref<'b>(&self, circuit: &Circuit, name: &'b str) -> SiteRef<'b>
    where
        'a: 'b,
    {
        let parent = match circuit.attach {
            Attach::Ap(ap) => {
                let site = self.isp.aps[ap].site;
                Some((self.id(Of::Site, site), self.isp.sites[site].name.as_str()))
            }
            Attach::Unknown(ap) => Some((self.id(Of::RetiredSite, ap), "Retired Tower")),
            Attach::Nothing => None,
        };
        SiteRef {
            id: self.id(Of::Endpoint, circuit.index as usize),
            name,
            kind: "endpoint",
            parent,
        }
    }
}

/// Fibres from the core start at a switch of their own; planned ones have none yet.
fn has_core_switch(link: &Link) -> bool {
    link.upper == 0 && link.medium.radio.is_none() && link.state == LinkState::Active
}

fn copies(circuit: &Circuit) -> usize {
    if circuit.defect == Some(Defect::DuplicateRow) {
        2
    } else {
        1
    }
}

fn client_id(circuit: &Circuit) -> u32 {
    1001 + circuit.index
}

fn service_id(circuit: &Circuit) -> u32 {
    5001 + circuit.index
}

fn zip_code(circuit: &Circuit) -> u32 {
    80_000 + circuit.ap as u32 % 10_000
}

fn plan_name(circuit: &Circuit) -> &'static str {
    if circuit.defect == Some(Defect::NoPlan) {
        "Legacy tariff"
    } else {
        PLANS[circuit.plan].name
    }
}

/// Speeds in bit/s, each with the defect that may turn it into text.
fn qos(j: &mut Json, enabled: bool, speeds: [Option<(u64, Option<Defect>)>; 2]) {
    j.object_at("qos", |j| {
        j.raw("enabled", enabled);
        j.text("propagation", "gateway");
        for (key, speed) in [("downloadSpeed", speeds[0]), ("uploadSpeed", speeds[1])] {
            match speed {
                Some((bits, Some(Defect::TextForNumber))) => j.plain(key, bits),
                Some((bits, _)) => j.raw(key, bits),
                None => j.null(key),
            }
        }
        j.members(r#""downloadBurstSize":null,"uploadBurstSize":null,"aggregation":null"#);
    });
}
