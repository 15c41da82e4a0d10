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

use super::json::Json;
use super::model::{
    Attach, Circuit, Customer, Defect, Ip, Isp, Link, LinkState, Mac, Mbps, Model, PLANS, ROUTER,
    Radio, SWITCH, mac, reading,
};
use super::rng::mix;
use std::fmt;
use std::io::{self, Write};
use std::net::Ipv4Addr;

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

    /// A device of the network itself, to be completed.
    fn infrastructure(
        &self,
        of: Of,
        index: usize,
        site: usize,
        model: &'static Model,
        name: String,
    ) -> Device<'a> {
        Device {
            id: self.id(of, index),
            site: self.site_ref(site),
            mac: mac(1 << 36 | (of as u64) << 28 | index as u64),
            name,
            model,
            role: "switch",
            mode: "bridge",
            ip: Some(Ip::Host(Ipv4Addr::from_bits(
                (10 << 24 | (of as u32) << 20) + index as u32 + 1,
            ))),
            mbps: None,
            air: None,
            stations: None,
            ap: None,
            ports: Vec::new(),
        }
    }

    fn switch(&self, site: usize) -> Device<'a> {
        let name = format!("{} switch", self.isp.sites[site].name);
        let mut device = self.infrastructure(Of::Switch, site, site, &SWITCH, name);
        device.ports.push(Port::new(
            "port1",
            "eth",
            Some(1000),
            Vec::from_iter(device.ip),
        ));
        for &link in &self.fibers[site] {
            let number = device.ports.len() + 1;
            let speed = self.isp.links[link].medium.port_mbps;
            device.ports.push(Port::new(
                format!("sfp+{number}"),
                "sfp",
                Some(speed),
                Vec::new(),
            ));
        }
        device
    }

    fn router(&self) -> Device<'a> {
        let name = format!("{} router", self.isp.sites[0].name);
        let mut device = self.infrastructure(Of::Router, 0, 0, &ROUTER, name);
        device.role = "router";
        device.mode = "router";
        let public = Ip::V4(Ipv4Addr::new(192, 0, 2, 1), 29);
        device.ports.push(Port::new(
            "eth0",
            "eth",
            Some(1000),
            Vec::from_iter(device.ip),
        ));
        device
            .ports
            .push(Port::new("sfp+1", "sfp", Some(100_000), vec![public]));
        device
    }

    fn ap(&self, index: usize) -> Device<'a> {
        let ap = &self.isp.aps[index];
        let mut device =
            self.infrastructure(Of::Ap, index, ap.site, &ap.model.model, ap.name.clone());
        device.mbps = Some(ap.model.mbps);
        device.stations = Some(u64::from(ap.circuits.end - ap.circuits.start));
        let (wired, wired_kind) = if ap.model.is_olt() {
            ("sfp+1", "sfp")
        } else {
            ("eth0", "eth")
        };
        device.ports.push(Port::new(
            wired,
            wired_kind,
            Some(ap.model.port_mbps),
            Vec::from_iter(device.ip),
        ));
        if let Some(radio) = ap.model.radio {
            device.role = "ap";
            device.air = Some(Air {
                radio,
                mode: "ap-ptmp",
                ssid: format!("wisp-{index:06}"),
            });
            device
                .ports
                .push(Port::new("main", "wlan", None, Vec::new()));
        } else {
            device.role = "gpon";
            device
                .ports
                .push(Port::new("pon1", "pon", None, Vec::new()));
        }
        device
    }

    /// Both ends of a backhaul link and the ports that it joins.
    fn backhaul_ends(&self, index: usize) -> [(Device<'a>, usize); 2] {
        let link = &self.isp.links[index];
        let Some(radio) = link.medium.radio else {
            let at_switch = |site: usize| {
                let nth = self.fibers[site].iter().position(|&it| it == index);
                (
                    self.switch(site),
                    nth.expect("a fibre ends at both switches") + 1,
                )
            };
            let upper = if has_core_switch(link) {
                (self.core_switch(index), 1)
            } else {
                at_switch(link.upper)
            };
            return [upper, at_switch(link.lower)];
        };
        let names = [link.upper, link.lower].map(|site| self.isp.sites[site].name.as_str());
        let make = |of, site, name: String, role, mode| {
            let mut device = self.infrastructure(of, index, site, link.medium.model, name);
            device.role = role;
            device.mbps = Some(link.medium.mbps);
            device.air = Some(Air {
                radio,
                mode,
                ssid: format!("bh-{index:05}"),
            });
            device.ports.push(Port::new(
                "eth0",
                "eth",
                Some(link.medium.port_mbps),
                Vec::from_iter(device.ip),
            ));
            device
                .ports
                .push(Port::new("main", "wlan", None, Vec::new()));
            device
        };
        let mut upper = make(
            Of::UpperRadio,
            link.upper,
            format!("{} to {}", names[0], names[1]),
            "ap",
            "ap-ptp",
        );
        let mut lower = make(
            Of::LowerRadio,
            link.lower,
            format!("{} to {}", names[1], names[0]),
            "station",
            "sta-ptp",
        );
        upper.stations = Some(u64::from(link.state == LinkState::Active));
        lower.ap = Some((upper.id, upper.name.clone(), upper.model));
        [(upper, 1), (lower, 1)]
    }

    /// The switch at the core that one fibre starts from.
    fn core_switch(&self, link: usize) -> Device<'a> {
        let lower = self.isp.links[link].lower;
        let name = format!("{} line", self.isp.sites[lower].name);
        let mut device = self.infrastructure(Of::CoreSwitch, link, 0, &SWITCH, name);
        let speed = Some(self.isp.links[link].medium.port_mbps);
        device.ports.push(Port::new(
            "port1",
            "eth",
            Some(1000),
            Vec::from_iter(device.ip),
        ));
        device
            .ports
            .push(Port::new("sfp+2", "sfp", speed, Vec::new()));
        device
    }

    fn subscriber_devices<'b>(
        &self,
        circuit: &Circuit,
        site: SiteRef<'b>,
        ap_here: &Device<'_>,
    ) -> Vec<Device<'b>> {
        let ap_model = self.isp.aps[circuit.ap].model;
        let ap = match circuit.attach {
            Attach::Ap(_) if ap_model.is_olt() => None,
            Attach::Ap(_) => Some((ap_here.id, ap_here.name.clone(), ap_here.model)),
            Attach::Unknown(ap) => Some((
                self.id(Of::Ap, ap),
                format!("Retired Tower AP{ap}"),
                ap_here.model,
            )),
            Attach::Nothing => None,
        };
        let make = |(number, it): (usize, &super::model::Device)| {
            let first = number == 0;
            let of = if first { Of::Cpe } else { Of::HomeRouter };
            let mut device = Device {
                id: self.id(of, circuit.index as usize),
                site,
                mac: it.mac,
                name: circuit.device_name(number),
                model: it.model,
                role: "router",
                mode: "router",
                ip: it.ips.first().copied(),
                mbps: None,
                air: None,
                stations: None,
                ap: None,
                ports: Vec::new(),
            };
            if !first {
                device
                    .ports
                    .push(Port::new("eth0", "eth", Some(1000), it.ips.clone()));
                return device;
            }
            device.ap = ap.clone();
            device.ports.push(Port::new(
                "eth0",
                "eth",
                Some(ap_model.cpe_port_mbps),
                it.ips.clone(),
            ));
            if let (Some(radio), Some(air)) = (ap_model.radio, &ap_here.air) {
                device.role = "station";
                device.mbps = Some(ap_model.mbps);
                device.air = Some(Air {
                    radio,
                    mode: "sta-ptmp",
                    ssid: air.ssid.clone(),
                });
                device
                    .ports
                    .push(Port::new("main", "wlan", None, Vec::new()));
            } else {
                device.role = "gpon";
                device
                    .ports
                    .push(Port::new("pon0", "pon", None, Vec::new()));
            }
            device
        };
        circuit.devices.iter().enumerate().map(make).collect()
    }

    fn sites<W: Write>(&self, list: &mut List<'_, W>) -> io::Result<()> {
        for (index, site) in self.isp.sites.iter().enumerate() {
            let it = self.site_ref(index);
            list.record(1, |j| {
                self.site_head(j, it, false);
                j.object_at("description", |j| {
                    let address = format!("{}, {}", site.name, self.isp.city(index));
                    self.place(j, &address, site.latitude, site.longitude);
                    if self.full {
                        j.members(r#""height":30,"elevation":1650"#);
                        j.array_at("endpoints", |j| self.endpoints_of(j, index, it.id));
                        j.members(
                            r#""deviceListStatus":"active","regulatoryDomain":"US","sla":0.999"#,
                        );
                    }
                    j.raw("deviceCount", site.aps.len() + 1);
                    j.null("ucrmId");
                    let switch = self.switch(index);
                    j.array_at("ipAddresses", |j| {
                        switch.ip.iter().for_each(|ip| j.plain_item(ip))
                    });
                });
                self.notifications(j);
                qos(j, false, [None, None]);
                j.null("ucrm");
            })?;
        }
        for circuit in self.isp.circuits() {
            let name = circuit.name();
            let it = self.endpoint_ref(&circuit, &name);
            list.record(copies(&circuit), |j| self.endpoint(j, &circuit, it))?;
        }
        Ok(())
    }

    fn endpoint(&self, j: &mut Json, circuit: &Circuit, it: SiteRef<'_>) {
        self.site_head(j, it, circuit.suspended);
        j.object_at("description", |j| {
            self.place(
                j,
                &self.address(circuit),
                circuit.latitude,
                circuit.longitude,
            );
            if self.full {
                j.members(r#""height":4,"elevation":1600,"endpoints":[]"#);
                j.members(r#""deviceListStatus":"active","regulatoryDomain":"US","sla":0.999"#);
            }
            j.raw("deviceCount", circuit.devices.len());
            j.plain("ucrmId", client_id(circuit));
            j.array_at("ipAddresses", |j| {
                circuit
                    .devices
                    .iter()
                    .filter_map(|device| device.ips.first())
                    .for_each(|ip| j.item(&ip.to_string()));
            });
        });
        self.notifications(j);
        let bits = circuit
            .mbps
            .map(|mbps| mbps.map(|mbps| (mbps * 1_000_000, circuit.defect)));
        qos(j, true, bits);
        j.object_at("ucrm", |j| {
            j.object_at("client", |j| {
                j.plain("id", client_id(circuit));
                j.text("name", it.name);
            });
            j.object_at("service", |j| {
                j.plain("id", service_id(circuit));
                j.text("name", plan_name(circuit));
                j.raw("status", service_status(circuit));
                j.plain(
                    "activeFrom",
                    format_args!("{}T00:00:00.000Z", day(circuit.since)),
                );
                j.plain("tariffId", plan_id(circuit));
                j.raw("trafficShapingOverrideEnabled", false);
            });
        });
    }

    fn site_head(&self, j: &mut Json, site: SiteRef<'_>, suspended: bool) {
        j.plain("id", site.id);
        j.object_at("identification", |j| {
            j.plain("id", site.id);
            j.text("status", "active");
            j.text("name", site.name);
            j.text("type", site.kind);
            parent(j, site.parent, false);
            if self.full {
                j.text("updated", NOW);
            }
            j.raw("suspended", suspended);
        });
    }

    fn place(&self, j: &mut Json, address: &str, latitude: i64, longitude: i64) {
        if self.full {
            j.text("address", address);
            j.members(r#""note":null,"contact":{"name":null,"phone":null,"email":null}"#);
            j.object_at("location", |j| {
                j.raw("latitude", degrees(latitude));
                j.raw("longitude", degrees(longitude));
            });
        }
    }

    fn notifications(&self, j: &mut Json) {
        if self.full {
            j.members(r#""notifications":{"type":"system","users":[]}"#);
        }
    }

    /// Subscribers in the record of their tower.
    fn endpoints_of(&self, j: &mut Json, site: usize, site_id: Uuid) {
        for ap in self.isp.sites[site].aps.clone() {
            for index in self.isp.aps[ap].circuits.clone() {
                let circuit = self.isp.circuit(ap, index);
                if circuit.attach == Attach::Ap(ap) {
                    j.object(|j| {
                        j.plain("id", self.id(Of::Endpoint, index as usize));
                        j.text("name", &circuit.name());
                        j.plain("parentId", site_id);
                        j.members(r#""status":"active","type":"endpoint""#);
                        j.raw("suspended", circuit.suspended);
                        j.text("updated", NOW);
                    });
                }
            }
        }
    }

    fn address(&self, circuit: &Circuit) -> String {
        let site = self.isp.aps[circuit.ap].site;
        format!(
            "{}, {}, {}",
            circuit.street,
            self.isp.city(site),
            zip_code(circuit)
        )
    }

    fn devices<W: Write>(&self, list: &mut List<'_, W>) -> io::Result<()> {
        list.record(1, |j| self.device(j, &self.router()))?;
        for site in 0..self.isp.sites.len() {
            list.record(1, |j| self.device(j, &self.switch(site)))?;
        }
        for (index, link) in self.isp.links.iter().enumerate() {
            if link.medium.radio.is_some() {
                for (device, _) in self.backhaul_ends(index) {
                    list.record(1, |j| self.device(j, &device))?;
                }
            } else if has_core_switch(link) {
                list.record(1, |j| self.device(j, &self.core_switch(index)))?;
            }
        }
        for (index, ap) in self.isp.aps.iter().enumerate() {
            let ap_here = self.ap(index);
            list.record(1, |j| self.device(j, &ap_here))?;
            for circuit in ap.circuits.clone() {
                let circuit = self.isp.circuit(index, circuit);
                let name = circuit.name();
                for device in
                    self.subscriber_devices(&circuit, self.endpoint_ref(&circuit, &name), &ap_here)
                {
                    list.record(copies(&circuit), |j| self.device(j, &device))?;
                }
            }
        }
        Ok(())
    }

    fn device(&self, j: &mut Json, device: &Device<'_>) {
        j.object_at("identification", |j| {
            j.plain("id", device.id);
            j.object_at("site", |j| {
                j.plain("id", device.site.id);
                j.text("name", device.site.name);
                j.text("status", "active");
                j.text("type", device.site.kind);
                parent(j, device.site.parent, false);
            });
            j.plain("mac", device.mac);
            j.text("name", &device.name);
            j.text("hostname", &device.name);
            if self.full {
                j.plain("serialNumber", device.id.serial());
                j.text("firmwareVersion", FIRMWARE);
            }
            j.text("model", device.model.id);
            if self.full {
                j.text("modelName", device.model.name);
                j.members(r#""vendor":"ubiquiti","vendorName":"Ubiquiti""#);
            }
            if self.full {
                j.members(r#""systemName":null,"platformId":"WA","platformName":"WA""#);
                j.text("displayName", &device.name);
                j.text("started", NOW);
            }
            j.text("type", device.model.kind);
            j.text("category", device.model.category);
            j.text("role", device.role);
            j.raw("authorized", true);
            if self.full {
                j.text("updated", NOW);
            }
            j.text("status", "active");
        });
        j.object_at("overview", |j| self.overview(j, device));
        j.plain_or_null("ipAddress", device.ip);
        j.text("mode", device.mode);
        j.raw("enabled", true);
        j.object_at("attributes", |j| {
            let series = Some(device.model.series).filter(|series| !series.is_empty());
            j.text_or_null("series", series);
            if self.full {
                j.text_or_null("ssid", device.air.as_ref().map(|air| air.ssid.as_str()));
            }
            match &device.ap {
                Some((id, name, model)) => j.object_at("apDevice", |j| {
                    j.plain("id", id);
                    j.text("name", name);
                    j.text("model", model.id);
                    j.text("type", model.kind);
                    j.text_or_null(
                        "series",
                        Some(model.series).filter(|series| !series.is_empty()),
                    );
                }),
                None => j.null("apDevice"),
            }
            if self.full {
                j.members(r#""gatewayId":null,"country":"United States","countryCode":840"#);
            }
        });
        if self.full {
            j.members(r#""firmware":{"current":"8.7.11","latest":"8.7.17","compatible":true}"#);
            j.members(
                r#""meta":{"alias":null,"note":null,"maintenance":false,"failedMessageDecryption":false,"restartTimestamp":null,"customIpAddress":null}"#,
            );
            j.members(r#""location":null,"latestBackup":null,"upgrade":null,"discovery":null"#);
        }
        j.array_at("interfaces", |j| {
            for (position, port) in device.ports.iter().enumerate() {
                j.object(|j| self.port(j, device, port, position));
            }
        });
    }

    fn overview(&self, j: &mut Json, device: &Device<'_>) {
        let chance = device.id.scatter;
        let air = device.air.as_ref();
        let bits = device.mbps.map(|mbps| mbps.map(|mbps| mbps * 1_000_000));
        j.text("status", "active");
        if self.full {
            j.members(r#""canUpgrade":false,"isLocateRunning":false,"createdAt":"2023-03-01T00:00:00.000Z""#);
        }
        if self.full {
            j.raw("cpu", 3 + reading(chance, 60));
            j.raw("ram", 20 + reading(chance ^ 1, 60));
            j.raw("temperature", 20 + reading(chance ^ 2, 40));
            j.raw("uptime", 3600 + reading(chance ^ 3, 20_000_000));
            j.text("lastSeen", NOW);
            j.raw("outageScore", "1.0");
            j.raw_or_null("distance", air.map(|_| 150 + reading(chance ^ 4, 9000)));
        }
        if self.full {
            j.raw_or_null(
                "frequency",
                air.map(|air| format!("{}.0", air.radio.megahertz)),
            );
            j.raw_or_null("channelWidth", air.map(|air| air.radio.width));
            j.raw_or_null("transmitPower", air.map(|_| 22));
            j.raw_or_null("signal", air.map(|_| -45 - reading(chance ^ 5, 30) as i64));
            j.raw_or_null("stationsCount", device.stations);
        }
        if self.full {
            j.raw_or_null("signalMax", air.map(|_| -45));
            j.raw_or_null("remoteSignalMax", air.map(|_| -46));
            j.raw_or_null("linkStationsCount", device.stations);
            j.raw_or_null("linkActiveStationsCount", device.stations);
        }
        j.null("totalCapacity");
        j.raw_or_null("downlinkCapacity", bits.map(|bits| bits[0]));
        j.raw_or_null("uplinkCapacity", bits.map(|bits| bits[1]));
        if self.full {
            j.null("theoreticalTotalCapacity");
            j.raw_or_null("theoreticalDownlinkCapacity", bits.map(|bits| bits[0]));
            j.raw_or_null("theoreticalUplinkCapacity", bits.map(|bits| bits[1]));
            j.raw_or_null(
                "downlinkUtilization",
                air.map(|_| format!("0.{:02}", reading(chance ^ 6, 90))),
            );
            j.raw_or_null(
                "uplinkUtilization",
                air.map(|_| format!("0.{:02}", reading(chance ^ 7, 60))),
            );
        }
        j.text_or_null("wirelessMode", air.map(|air| air.mode));
        if !self.full {
            return;
        }
        let Some(bits) = bits.filter(|_| air.is_some()) else {
            j.members(r#""wirelessActiveInterfaceIds":null,"antenna":null,"linkScore":null"#);
            return self.overview_tail(j);
        };
        j.members(r#""wirelessActiveInterfaceIds":["main"]"#);
        j.members(r#""antenna":{"id":"1","gain":27,"name":"27 dBi","builtIn":true,"cableLoss":0}"#);
        j.object_at("linkScore", |j| {
            j.raw("score", format_args!("0.{}", 50 + reading(chance ^ 8, 50)));
            j.raw("scoreMax", "0.97");
            j.members(r#""airTimeScore":0.95,"linkScore":0.93,"linkScoreHint":"""#);
            j.raw("theoreticalDownlinkCapacity", bits[0]);
            j.raw("theoreticalUplinkCapacity", bits[1]);
        });
        self.overview_tail(j);
    }

    fn overview_tail(&self, j: &mut Json) {
        j.raw("voltage", 24);
        j.members(r#""mainInterfaceSpeed":null,"runningOnBattery":false"#);
    }

    fn port(&self, j: &mut Json, device: &Device<'_>, port: &Port, position: usize) {
        j.object_at("identification", |j| {
            j.plain("name", &port.name);
            j.text("type", port.kind);
            j.plain("mac", device.mac);
            if self.full {
                j.null("description");
                j.plain("displayName", &port.name);
                j.raw("position", position);
            }
        });
        if self.full {
            j.raw("enabled", true);
            j.members(r#""canDisplayStatistics":true,"visible":true,"mtu":"1500""#);
        }
        j.array_at("addresses", |j| {
            for ip in &port.ips {
                j.object(|j| {
                    j.plain("cidr", cidr(ip));
                    j.text("version", if ip.is_v6() { "v6" } else { "v4" });
                    j.members(r#""type":"static","origin":"static""#);
                });
            }
        });
        j.object_at("status", |j| {
            j.text("status", "active");
            j.raw("plugged", port.mbps.is_some());
            j.text("speed", "auto");
            j.plain_or_null("currentSpeed", port.mbps.map(|mbps| format!("{mbps}-full")));
            if self.full {
                j.null("description");
            }
        });
        match device.air.as_ref().filter(|_| port.kind == "wlan") {
            Some(air) => j.object_at("wireless", |j| {
                if self.full {
                    j.text("ssid", &air.ssid);
                    j.text("frequencyBand", air.radio.band);
                }
                j.raw("frequency", air.radio.megahertz);
                j.raw("channelWidth", air.radio.width);
                j.null("dlRatio");
                if self.full {
                    j.members(r#""noiseFloor":-92,"transmitPower":22,"security":"wpa2""#);
                    j.members(
                        r#""frameLength":5,"dfsLockouts":[],"dfsTimeRemaining":0,"dfsTimeTotal":0,"minTxPower":0,"maxTxPower":27"#,
                    );
                }
            }),
            None => j.null("wireless"),
        }
        if self.full {
            j.null("stations");
            j.members(r#""speed":"auto","vlan":null,"pppoe":null,"switch":null,"poe":null,"lag":null,"ospf":null,"isSwitchedPort":false"#);
        }
        if self.full {
            j.object_at("statistics", |j| {
                let chance = device.id.scatter ^ (position as u64 + 9);
                j.raw("rxbytes", reading(chance, 9_000_000_000_000));
                j.raw("txbytes", reading(chance ^ 16, 900_000_000_000));
                j.raw("rxrate", reading(chance ^ 32, 90_000_000));
                j.raw("txrate", reading(chance ^ 48, 9_000_000));
                j.members(r#""dropped":0,"errors":0"#);
            });
        }
    }

    fn data_links<W: Write>(&self, list: &mut List<'_, W>) -> io::Result<()> {
        let router = self.router();
        let internet = LinkFacts {
            id: self.id(Of::InternetLink, 0),
            kind: "ethernet",
            state: "active",
            can_delete: false,
            origin: "unms",
            ssid: None,
            megahertz: None,
        };
        list.record(1, |j| self.data_link(j, &internet, (&router, 1), None))?;
        for (index, link) in self.isp.links.iter().enumerate() {
            let [(upper, upper_port), (lower, lower_port)] = self.backhaul_ends(index);
            let air = upper.air.as_ref();
            let facts = LinkFacts {
                id: self.id(Of::BackhaulLink, index),
                kind: if air.is_some() {
                    "wireless"
                } else {
                    "ethernet"
                },
                state: match link.state {
                    LinkState::Active => "active",
                    LinkState::Disconnected => "disconnected",
                    LinkState::Proposed => "proposed",
                },
                can_delete: true,
                origin: if link.state == LinkState::Active {
                    "unms"
                } else {
                    "manual"
                },
                ssid: air.map(|air| air.ssid.as_str()),
                megahertz: air.map(|air| air.radio.megahertz),
            };
            list.record(1, |j| {
                self.data_link(j, &facts, (&upper, upper_port), Some((&lower, lower_port)))
            })?;
        }
        for (index, ap) in self.isp.aps.iter().enumerate() {
            let ap_here = self.ap(index);
            let air = ap_here.air.as_ref();
            for circuit in ap.circuits.clone() {
                let circuit = self.isp.circuit(index, circuit);
                if circuit.attach != Attach::Ap(index) {
                    continue;
                }
                let name = circuit.name();
                let devices =
                    self.subscriber_devices(&circuit, self.endpoint_ref(&circuit, &name), &ap_here);
                let facts = LinkFacts {
                    id: self.id(Of::SubscriberLink, circuit.index as usize),
                    kind: if air.is_some() { "wireless" } else { "pon" },
                    state: "active",
                    can_delete: true,
                    origin: "unms",
                    ssid: air.map(|air| air.ssid.as_str()),
                    megahertz: air.map(|air| air.radio.megahertz),
                };
                list.record(1, |j| {
                    self.data_link(j, &facts, (&ap_here, 1), Some((&devices[0], 1)))
                })?;
            }
        }
        Ok(())
    }

    fn data_link(
        &self,
        j: &mut Json,
        facts: &LinkFacts<'_>,
        from: End<'_, '_>,
        to: Option<End<'_, '_>>,
    ) {
        j.plain("id", facts.id);
        j.object_at("from", |j| self.link_end(j, from));
        match to {
            Some(to) => j.object_at("to", |j| self.link_end(j, to)),
            None => j.members(r#""to":{"device":null,"site":null,"interface":null}"#),
        }
        j.text("type", facts.kind);
        j.text("state", facts.state);
        j.raw("canDelete", facts.can_delete);
        j.text("origin", facts.origin);
        if self.full {
            j.text_or_null("ssid", facts.ssid);
            j.raw_or_null(
                "frequency",
                facts.megahertz.map(|megahertz| format!("{megahertz}.0")),
            );
            j.raw_or_null("signal", facts.megahertz.map(|_| -58));
            j.members(r#""sitesDistance":2400,"devicesDistance":2400"#);
        }
    }

    fn link_end(&self, j: &mut Json, (device, port): End<'_, '_>) {
        let air = device.air.as_ref();
        j.object_at("device", |j| {
            j.object_at("identification", |j| {
                j.plain("id", device.id);
                if self.full {
                    j.text("name", &device.name);
                    j.text("displayName", &device.name);
                    j.plain("mac", device.mac);
                    j.text("model", device.model.id);
                    j.text("category", device.model.category);
                    j.raw("authorized", true);
                    j.plain_or_null("ipAddress", device.ip);
                    j.text("firmwareVersion", FIRMWARE);
                    j.text("platformId", "WA");
                    j.plain("serialNumber", device.id.serial());
                    j.raw("updated", 1_782_907_200_000_u64);
                }
                j.text("type", device.model.kind);
                j.text("role", device.role);
                j.plain("siteId", device.site.id);
            });
            if self.full {
                j.object_at("overview", |j| {
                    j.raw_or_null("channelWidth", air.map(|air| air.radio.width));
                    j.null("antenna");
                });
                j.raw_or_null(
                    "frequency",
                    air.map(|air| format!("{}.0", air.radio.megahertz)),
                );
                j.text_or_null("ssid", air.map(|air| air.ssid.as_str()));
                j.raw_or_null("signal", air.map(|_| -58));
                j.members(r#""status":"active","attributes":{"series":null},"meta":{}"#);
            }
        });
        j.object_at("site", |j| {
            j.object_at("identification", |j| {
                j.plain("id", device.site.id);
                if self.full {
                    j.text("name", device.site.name);
                    parent(j, device.site.parent, true);
                    j.text("status", "active");
                }
                j.text("type", device.site.kind);
            });
        });
        let port = &device.ports[port];
        j.object_at("interface", |j| {
            j.object_at("identification", |j| {
                j.plain("name", &port.name);
                if self.full {
                    j.plain("displayName", &port.name);
                    j.members(r#""description":null,"mac":null"#);
                }
                j.text("type", port.kind);
            });
            j.object_at("status", |j| {
                if self.full {
                    j.text("status", "active");
                }
                j.plain_or_null("currentSpeed", port.mbps.map(|mbps| format!("{mbps}-full")));
            });
        });
    }

    fn crm_clients<W: Write>(&self, list: &mut List<'_, W>) -> io::Result<()> {
        for circuit in self.isp.circuits() {
            list.record(1, |j| {
                let (company, first, last) = match &circuit.customer {
                    Customer::Person(first, last) => (None, Some(*first), Some(*last)),
                    Customer::Company(name) => (Some(name.as_str()), None, None),
                };
                j.raw("id", client_id(&circuit));
                j.plain("userIdent", format_args!("W-{}", client_id(&circuit)));
                j.raw("clientType", if company.is_some() { 2 } else { 1 });
                j.text_or_null("companyName", company);
                j.text_or_null("firstName", first);
                j.text_or_null("lastName", last);
                j.members(r#""isLead":false,"isActive":true,"isArchived":false"#);
                j.raw("hasSuspendedService", circuit.suspended);
                if self.full {
                    j.members(
                        r#""previousIsp":null,"companyRegistrationNumber":null,"companyTaxId":null,"companyWebsite":null,"companyContactFirstName":null,"companyContactLastName":null"#,
                    );
                    self.crm_address(j, &circuit);
                    j.members(r#""note":null,"organizationId":1,"organizationName":"Synthetic Broadband""#);
                    j.plain("registrationDate", format_args!("{}T00:00:00-0600", day(circuit.since)));
                    j.members(r#""username":null,"hasOverdueInvoice":false,"hasOutage":false,"hasServiceWithoutDevices":false"#);
                    j.array_at("contacts", |j| {
                        j.object(|j| {
                            j.raw("id", client_id(&circuit));
                            j.raw("clientId", client_id(&circuit));
                            j.members(r#""email":null,"phone":null,"name":null,"isBilling":true,"isContact":true,"types":[]"#);
                        });
                    });
                    j.members(
                        r#""attributes":[],"accountBalance":0.0,"accountCredit":0.0,"accountOutstanding":0.0,"currencyCode":"USD","bankAccounts":[],"tags":[]"#,
                    );
                }
            })?;
        }
        Ok(())
    }

    fn crm_address(&self, j: &mut Json, circuit: &Circuit) {
        j.text("fullAddress", &self.address(circuit));
        j.text("street1", &circuit.street);
        j.null("street2");
        j.text("city", self.isp.city(self.isp.aps[circuit.ap].site));
        j.members(r#""countryId":249,"stateId":6"#);
        j.plain("zipCode", zip_code(circuit));
        j.raw("addressGpsLat", degrees(circuit.latitude));
        j.raw("addressGpsLon", degrees(circuit.longitude));
    }

    fn crm_services<W: Write>(&self, list: &mut List<'_, W>) -> io::Result<()> {
        for circuit in self.isp.circuits() {
            let as_text = circuit.defect == Some(Defect::TextForNumber);
            list.record(1, |j| {
                j.raw("id", service_id(&circuit));
                j.raw("clientId", client_id(&circuit));
                j.raw("status", service_status(&circuit));
                j.text("name", plan_name(&circuit));
                j.raw("servicePlanId", plan_id(&circuit));
                j.text("servicePlanName", plan_name(&circuit));
                j.text("servicePlanType", "Internet");
                for (key, mbps) in [("downloadSpeed", circuit.mbps[0]), ("uploadSpeed", circuit.mbps[1])] {
                    match mbps {
                        Some(mbps) if as_text => j.plain(key, format_args!("{mbps}.0")),
                        Some(mbps) => j.raw(key, format_args!("{mbps}.0")),
                        None => j.null(key),
                    }
                }
                j.members(
                    r#""downloadSpeedOverride":null,"uploadSpeedOverride":null,"trafficShapingOverrideEnabled":false,"trafficShapingOverrideEnd":null"#,
                );
                j.plain("unmsClientSiteId", self.id(Of::Endpoint, circuit.index as usize));
                j.text("unmsClientSiteStatus", "active");
                let since = day(circuit.since);
                j.plain("activeFrom", format_args!("{since}T00:00:00-0600"));
                j.null("activeTo");
                j.raw_or_null("suspensionReasonId", circuit.suspended.then_some(1));
                j.members(r#""attributes":[]"#);
                if self.full {
                    self.crm_address(j, &circuit);
                    let price = PLANS[circuit.plan].price;
                    j.raw("servicePlanPeriodId", plan_id(&circuit) * 10);
                    j.raw("price", format_args!("{price}.0"));
                    j.raw("totalPrice", format_args!("{price}.0"));
                    j.raw("servicePlanPrice", format_args!("{price}.0"));
                    j.plain("invoicingStart", format_args!("{since}T00:00:00-0600"));
                    j.members(SERVICE_REST);
                }
            })?;
        }
        Ok(())
    }

    fn crm_plans<W: Write>(&self, list: &mut List<'_, W>) -> io::Result<()> {
        let legacy = (LEGACY_PLAN, "Legacy tariff", None);
        let catalogue = PLANS
            .iter()
            .enumerate()
            .map(|(index, plan)| (index + 1, plan.name, Some(plan)));
        for (id, name, plan) in catalogue.chain([legacy]) {
            list.record(1, |j| {
                j.raw("id", id);
                j.text("name", name);
                j.null("invoiceLabel");
                j.members(r#""servicePlanType":"Internet","downloadBurst":null,"uploadBurst":null"#);
                j.raw_or_null("downloadSpeed", plan.map(|plan| format!("{}.0", plan.mbps[0])));
                j.raw_or_null("uploadSpeed", plan.map(|plan| format!("{}.0", plan.mbps[1])));
                j.members(r#""aggregation":null,"dataUsageLimit":null,"organizationId":1,"taxable":false"#);
                j.array_at("periods", |j| {
                    j.object(|j| {
                        j.raw("id", id * 10);
                        j.raw("price", format_args!("{}.0", plan.map_or(49, |plan| plan.price)));
                        j.members(r#""period":1,"enabled":true"#);
                    });
                });
                j.members(r#""public":true,"prepaid":false"#);
                if self.full {
                    j.members(PLAN_REST);
                }
                j.raw("archived", plan.is_none());
            })?;
        }
        Ok(())
    }
}

/// What else a plan record says, the same for all.
const PLAN_REST: &str = r#""taxId":null,"amountExemptFromTaxation":null,"setupFee":null,"earlyTerminationFee":null,"minimumContractLengthMonths":null,"prepaidConfiguration":{"pricePerDay":null},"servicePlanGroups":[],"defaultServicePlanGroupId":null,"uploadSpeedLimited":null,"downloadSpeedLimited":null"#;

/// What else a service record says, the same for all.
const SERVICE_REST: &str = r#""prepaid":false,"note":null,"hasIndividualPrice":false,"currencyCode":"USD","invoiceLabel":null,"contractId":null,"contractLengthType":1,"minimumContractLengthMonths":null,"contractEndDate":null,"discountType":0,"discountValue":null,"discountInvoiceLabel":"Discount","discountFrom":null,"discountTo":null,"tax1Id":null,"tax2Id":null,"tax3Id":null,"invoicingPeriodType":2,"invoicingPeriodStartDay":1,"nextInvoicingDayAdjustment":0,"invoicingProratedSeparately":true,"invoicingSeparately":false,"sendEmailsAutomatically":null,"useCreditAutomatically":true,"servicePlanPeriod":1,"hasOutage":false,"fccBlockId":null,"lastInvoicedDate":"2026-06-30T00:00:00-0600","addressData":null,"serviceChangeRequestId":null,"setupFeePrice":null,"earlyTerminationFeePrice":null,"servicePlanGroupId":null,"suspensionPeriods":[],"surcharges":[]"#;

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

fn service_status(circuit: &Circuit) -> u32 {
    if circuit.suspended { 3 } else { 1 }
}

fn zip_code(circuit: &Circuit) -> u32 {
    80_000 + circuit.ap as u32 % 10_000
}

fn plan_id(circuit: &Circuit) -> usize {
    if circuit.defect == Some(Defect::NoPlan) {
        LEGACY_PLAN
    } else {
        circuit.plan + 1
    }
}

fn plan_name(circuit: &Circuit) -> &'static str {
    if circuit.defect == Some(Defect::NoPlan) {
        "Legacy tariff"
    } else {
        PLANS[circuit.plan].name
    }
}

fn parent(j: &mut Json, parent: Option<(Uuid, &str)>, with_parent: bool) {
    match parent {
        Some((id, name)) => j.object_at("parent", |j| {
            j.plain("id", id);
            j.text("name", name);
            j.text("status", "active");
            j.text("type", "site");
            if with_parent {
                j.null("parent");
            }
        }),
        None => j.null("parent"),
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
