//! The synthetic ISP: sites, backhaul links, access points, plans and subscribers, before any file format.
//!
//! Sites, links and access points are tables. A circuit is made anew from its index each time it is asked for, so the
//! model of an ISP with a million circuits takes a few megabytes and every writer sees the same circuits. Circuits of an
//! access point are neighbours, and so are access points of a site.
//!
//! Without defects the ISP is sound: unique ids, names of nodes and addresses; no node wider than the one above; no plan
//! that its access point cannot carry; the cheapest path from the core to a site is the one by its declared parents, and
//! links off that path are spare, down or only planned.
//!
//! Not modelled: bursts and committed rates, customers behind customers or with two uplinks, offline customers, traffic.

use super::names;
use super::rng::{Permutation, Rng, mix};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// The most circuits for which every device has an address of its own in 100.64.0.0/10.
pub const MAX_CIRCUITS: u32 = 2_000_000;

/// Parts of the model that draw from streams of their own.
mod tag {
    pub const SITES: u64 = 1;
    pub const PLACES: u64 = 2;
    pub const ACCESS: u64 = 3;
    pub const LINKS: u64 = 4;
    pub const CIRCUIT: u64 = 5;
    pub const PUBLIC: u64 = 6;
    pub const DIRTY: u64 = 7;
    pub const DEFECT: u64 = 8;
}

/// Mbit/s, download then upload as the subscriber sees it.
pub type Mbps = [u64; 2];

pub struct Isp {
    seed: u64,
    pub circuits: u32,
    pub sites: Vec<Site>,
    pub links: Vec<Link>,
    pub aps: Vec<Ap>,
    /// Ranks circuits: the first get public addresses.
    public: Permutation,
    /// Ranks circuits: the first get a defect.
    dirty: Permutation,
    dirty_circuits: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SiteKind {
    Core,
    Pop,
    Tower,
}

pub struct Site {
    pub kind: SiteKind,
    pub name: String,
    /// The declared parent; none for the core. Always a smaller index.
    pub parent: Option<usize>,
    /// 1 for the core.
    pub depth: u32,
    /// The point of presence that it belongs to (itself, the core for the core): names the city.
    pub region: usize,
    /// The medium of the link to the parent.
    pub uplink: &'static Medium,
    pub aps: Range<usize>,
    /// Its own circuits, not those of sites below.
    pub circuits: Range<u32>,
    /// Millionths of a degree.
    pub latitude: i64,
    pub longitude: i64,
}

/// What a backhaul link is made of.
#[derive(PartialEq, Eq, Debug)]
pub struct Medium {
    pub model: &'static Model,
    pub mbps: Mbps,
    /// None for fibre between switches.
    pub radio: Option<Radio>,
    /// The speed of the wired port at both ends, at least the capacity of the link.
    pub port_mbps: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Radio {
    pub megahertz: u64,
    pub width: u64,
    pub band: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkState {
    Active,
    Disconnected,
    Proposed,
}

/// A backhaul link; capacities go from `upper` down to `lower`.
pub struct Link {
    pub upper: usize,
    pub lower: usize,
    pub medium: &'static Medium,
    pub state: LinkState,
}

/// A product, as network management names it.
#[derive(PartialEq, Eq, Debug)]
pub struct Model {
    pub id: &'static str,
    pub name: &'static str,
    pub kind: &'static str,
    pub series: &'static str,
    pub category: &'static str,
}

const fn model(
    id: &'static str,
    name: &'static str,
    kind: &'static str,
    series: &'static str,
    category: &'static str,
) -> Model {
    Model {
        id,
        name,
        kind,
        series,
        category,
    }
}

/// Switches, which terminate fibre.
pub const SWITCH: Model = model("UISP-S-Pro", "UISP Switch Pro", "uisps", "", "wired");
pub const ROUTER: Model = model("UISP-R-Pro", "UISP Router Pro", "uispr", "", "wired");
/// What a subscriber's second device is.
pub const HOME_ROUTER: Model = model("UISP-R-Lite", "UISP Router Lite", "uispr", "", "wired");

const AF60_XR: Model = model("AF60-XR", "airFiber 60 XR", "airFiber", "G60", "wireless");
const AF60_LR: Model = model("AF60-LR", "airFiber 60 LR", "airFiber", "G60", "wireless");
const AF_5XHD: Model = model("AF-5XHD", "airFiber 5XHD", "airFiber", "AF", "wireless");
const GBE_PLUS: Model = model("GBE-Plus", "GigaBeam Plus", "airMax", "GB", "wireless");
const WAVE_PRO: Model = model("Wave-Pro", "Wave Pro", "wave", "WAVE", "wireless");

const GHZ60: Option<Radio> = Some(Radio {
    megahertz: 66_960,
    width: 2160,
    band: "60GHz",
});
const GHZ5: Option<Radio> = Some(Radio {
    megahertz: 5_745,
    width: 80,
    band: "5GHz",
});

const fn fiber(mbps: u64) -> Medium {
    Medium {
        model: &SWITCH,
        mbps: [mbps; 2],
        radio: None,
        port_mbps: mbps,
    }
}

static FIBER_10G: Medium = fiber(10_000);
static FIBER_25G: Medium = fiber(25_000);
static FIBER_40G: Medium = fiber(40_000);
static FIBER_100G: Medium = fiber(100_000);
static RADIO_2700: Medium = Medium {
    model: &WAVE_PRO,
    mbps: [2700, 2700],
    radio: GHZ60,
    port_mbps: 10_000,
};
/// Radios for sites that carry little, widest first.
static SMALL_RADIOS: [Medium; 4] = [
    Medium {
        model: &AF60_XR,
        mbps: [1900, 1900],
        radio: GHZ60,
        port_mbps: 10_000,
    },
    Medium {
        model: &GBE_PLUS,
        mbps: [1000, 1000],
        radio: GHZ60,
        port_mbps: 2500,
    },
    Medium {
        model: &AF60_LR,
        mbps: [900, 900],
        radio: GHZ60,
        port_mbps: 1000,
    },
    Medium {
        model: &AF_5XHD,
        mbps: [600, 400],
        radio: GHZ5,
        port_mbps: 1000,
    },
];

/// What serves subscribers: a sector's radio or an OLT.
#[derive(PartialEq, Eq, Debug)]
pub struct ApModel {
    pub model: Model,
    pub mbps: Mbps,
    /// None for an OLT.
    pub radio: Option<Radio>,
    pub port_mbps: u64,
    /// Devices at the other end.
    pub cpes: &'static [Model],
    pub cpe_port_mbps: u64,
    weight: u64,
    /// How many subscribers one has, relative to others.
    load: (u64, u64),
}

impl ApModel {
    pub fn is_olt(&self) -> bool {
        self.radio.is_none()
    }
}

static OLT: ApModel = ApModel {
    model: model("UF-OLT", "UFiber OLT", "olt", "", "optical"),
    mbps: [2488, 1244],
    radio: None,
    port_mbps: 10_000,
    cpes: &[
        model("UF-Nano", "UFiber Nano G", "onu", "", "optical"),
        model("UF-Loco", "UFiber Loco", "onu", "", "optical"),
        model("UF-Instant", "UFiber Instant", "onu", "", "optical"),
    ],
    cpe_port_mbps: 2500,
    weight: 0,
    load: (56, 110),
};

static SECTORS: [ApModel; 5] = [
    ApModel {
        model: model(
            "RP-5AC-Gen2",
            "Rocket Prism 5AC Gen2",
            "airMax",
            "AC",
            "wireless",
        ),
        mbps: [240, 80],
        radio: Some(Radio {
            megahertz: 5_600,
            width: 40,
            band: "5GHz",
        }),
        port_mbps: 1000,
        cpes: AIRMAX_CPES,
        cpe_port_mbps: 1000,
        weight: 30,
        load: (20, 50),
    },
    ApModel {
        model: model("R5AC-PTMP", "Rocket 5AC PTMP", "airMax", "AC", "wireless"),
        mbps: [180, 60],
        radio: Some(Radio {
            megahertz: 5_220,
            width: 40,
            band: "5GHz",
        }),
        port_mbps: 1000,
        cpes: AIRMAX_CPES,
        cpe_port_mbps: 1000,
        weight: 20,
        load: (15, 45),
    },
    ApModel {
        model: model("LAP-120", "LiteAP", "airMax", "AC", "wireless"),
        mbps: [120, 40],
        radio: Some(Radio {
            megahertz: 5_785,
            width: 20,
            band: "5GHz",
        }),
        port_mbps: 1000,
        cpes: AIRMAX_CPES,
        cpe_port_mbps: 1000,
        weight: 10,
        load: (8, 30),
    },
    ApModel {
        model: model("LTU-Rocket", "LTU Rocket", "airFiber", "LTU", "wireless"),
        mbps: [480, 160],
        radio: Some(Radio {
            megahertz: 5_500,
            width: 50,
            band: "5GHz",
        }),
        port_mbps: 1000,
        cpes: &[
            model("LTU-LR", "LTU LR", "airFiber", "LTU", "wireless"),
            model("LTU-Pro", "LTU Pro", "airFiber", "LTU", "wireless"),
            model("LTU-Lite", "LTU Lite", "airFiber", "LTU", "wireless"),
        ],
        cpe_port_mbps: 1000,
        weight: 28,
        load: (25, 60),
    },
    ApModel {
        model: model("Wave-AP", "Wave AP", "wave", "WAVE", "wireless"),
        mbps: [1500, 700],
        radio: Some(Radio {
            megahertz: 62_640,
            width: 2160,
            band: "60GHz",
        }),
        port_mbps: 2500,
        cpes: &[
            model("Wave-LR", "Wave LR", "wave", "WAVE", "wireless"),
            model("Wave-Nano", "Wave Nano", "wave", "WAVE", "wireless"),
            model("Wave-Pico", "Wave Pico", "wave", "WAVE", "wireless"),
        ],
        cpe_port_mbps: 2500,
        weight: 12,
        load: (12, 30),
    },
];

const AIRMAX_CPES: &[Model] = &[
    model(
        "LBE-5AC-Gen2",
        "LiteBeam 5AC Gen2",
        "airMax",
        "AC",
        "wireless",
    ),
    model("LBE-5AC-LR", "LiteBeam 5AC LR", "airMax", "AC", "wireless"),
    model(
        "PBE-5AC-Gen2",
        "PowerBeam 5AC Gen2",
        "airMax",
        "AC",
        "wireless",
    ),
    model(
        "NBE-5AC-Gen2",
        "NanoBeam 5AC Gen2",
        "airMax",
        "AC",
        "wireless",
    ),
];

pub struct Ap {
    pub site: usize,
    pub name: String,
    pub model: &'static ApModel,
    pub circuits: Range<u32>,
}

#[derive(PartialEq, Eq, Debug)]
pub struct Plan {
    pub name: &'static str,
    pub mbps: Mbps,
    /// Currency units a month.
    pub price: u64,
    radio_weight: u64,
    fiber_weight: u64,
}

/// The catalogue, in the order of the price list.
pub static PLANS: [Plan; 6] = [
    Plan {
        name: "Basic 25/5",
        mbps: [25, 5],
        price: 39,
        radio_weight: 20,
        fiber_weight: 0,
    },
    Plan {
        name: "Home 50/10",
        mbps: [50, 10],
        price: 55,
        radio_weight: 33,
        fiber_weight: 4,
    },
    Plan {
        name: "Family 100/20",
        mbps: [100, 20],
        price: 75,
        radio_weight: 33,
        fiber_weight: 16,
    },
    Plan {
        name: "Turbo 300/50",
        mbps: [300, 50],
        price: 99,
        radio_weight: 12,
        fiber_weight: 20,
    },
    Plan {
        name: "Pro 500/500",
        mbps: [500, 500],
        price: 129,
        radio_weight: 2,
        fiber_weight: 35,
    },
    Plan {
        name: "Gigabit 1000/1000",
        mbps: [1000, 1000],
        price: 159,
        radio_weight: 0,
        fiber_weight: 25,
    },
];

/// What is wrong with a circuit; one kind each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Defect {
    /// Its first address is the first address of another circuit.
    DuplicateAddress,
    NoAddress,
    /// The plan has no speed at all, or only one of the two.
    NoPlan,
    /// Nothing says where it is attached.
    NoParent,
    /// It is attached to an access point that is not in the export.
    UnknownParent,
    /// Its first address is written as a host inside a /24.
    HostBits,
    /// Its speeds are text where numbers belong.
    TextForNumber,
    /// Its first address is text that is no address.
    JunkAddress,
    /// Its rows appear twice.
    DuplicateRow,
}

pub const DEFECTS: [Defect; 9] = [
    Defect::DuplicateAddress,
    Defect::NoAddress,
    Defect::NoPlan,
    Defect::NoParent,
    Defect::UnknownParent,
    Defect::HostBits,
    Defect::TextForNumber,
    Defect::JunkAddress,
    Defect::DuplicateRow,
];

const JUNK: &[&str] = &[
    "DHCP",
    "n/a",
    "see router",
    "100.64.300.1",
    "100.64.12",
    "10.0.0.7;10.0.0.8",
    "fe80::1%br0",
    "100.64.0.1/33",
];

/// An address as the records show it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ip {
    Host(Ipv4Addr),
    /// A prefix, or a host with the length of its network where host bits are set.
    V4(Ipv4Addr, u8),
    V6(Ipv6Addr, u8),
    Text(&'static str),
}

impl Ip {
    pub fn is_v6(&self) -> bool {
        matches!(self, Self::V6(..))
    }
}

/// Hosts are written without a length.
impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(address) => write!(f, "{address}"),
            Self::V4(address, length) => write!(f, "{address}/{length}"),
            Self::V6(address, length) => write!(f, "{address}/{length}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mac(pub u64);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, _, a, b, c, d, e, g] = self.0.to_be_bytes();
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A locally administered address of its own for every number below 2^40.
pub fn mac(number: u64) -> Mac {
    let scattered = (number + 1).wrapping_mul(0x9e_3779_b97f_4a7d) & 0xff_ffff_ffff;
    Mac(0x0200_0000_0000 | scattered)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attach {
    Ap(usize),
    /// An access point of this index, which does not exist.
    Unknown(usize),
    Nothing,
}

pub enum Customer {
    Person(&'static str, &'static str),
    Company(String),
}

pub struct Device {
    pub model: &'static Model,
    pub mac: Mac,
    pub ips: Vec<Ip>,
}

pub struct Circuit {
    pub index: u32,
    pub customer: Customer,
    pub street: String,
    /// The access point that serves it, whatever the records say.
    pub ap: usize,
    pub attach: Attach,
    pub plan: usize,
    /// Each direction of the plan, where the records know it.
    pub mbps: [Option<u64>; 2],
    pub suspended: bool,
    /// The first day of the service.
    pub since: (u64, u64, u64),
    pub latitude: i64,
    pub longitude: i64,
    /// One, or two for a few.
    pub devices: Vec<Device>,
    pub defect: Option<Defect>,
}

impl Circuit {
    /// The host name of the device at `number` in the list.
    pub fn device_name(&self, number: usize) -> String {
        let prefix = if number == 0 { "cpe" } else { "router" };
        format!("{prefix}-{:07}", self.index)
    }

    pub fn name(&self) -> String {
        match &self.customer {
            Customer::Person(first, last) => format!("{first} {last}"),
            Customer::Company(name) => name.clone(),
        }
    }
}

impl Isp {
    /// `dirty_millionths` of the circuits get a defect.
    pub fn new(circuits: u32, seed: u64, dirty_millionths: u32) -> Self {
        assert!(
            (1..=MAX_CIRCUITS).contains(&circuits),
            "no address plan for {circuits} circuits"
        );
        let n = u64::from(circuits);
        let ap_count = circuits.div_ceil(40) as usize;
        let mut sites = site_tree(seed, ap_count);
        spread_aps(seed, &mut sites, ap_count);
        // Links are sized by what they carry and access points by their site's uplink, so both come after a first,
        // rough count of circuits.
        size_uplinks(seed, &mut sites, n, ap_count as u64);
        let aps = access_points(seed, &mut sites, circuits);
        let links = backhaul(seed, &sites);
        Self {
            seed,
            circuits,
            sites,
            links,
            aps,
            public: Permutation::new(seed, tag::PUBLIC, n),
            dirty: Permutation::new(seed, tag::DIRTY, n),
            dirty_circuits: ((n * u64::from(dirty_millionths) + 500_000) / 1_000_000) as u32,
        }
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn dirty_circuits(&self) -> u32 {
        self.dirty_circuits
    }

    /// An uplink that does not limit anything: 5 Mbit/s a circuit, in whole tens of Gbit/s.
    pub fn wan_mbps(&self) -> u64 {
        (u64::from(self.circuits) * 5).div_ceil(10_000).max(1) * 10_000
    }

    pub fn city(&self, site: usize) -> &str {
        let name = &self.sites[self.sites[site].region].name;
        name.rsplit_once(' ').map_or(name, |(place, _)| place)
    }

    /// All circuits in order of their index.
    pub fn circuits(&self) -> impl Iterator<Item = Circuit> {
        self.aps.iter().enumerate().flat_map(move |(ap, it)| {
            it.circuits
                .clone()
                .map(move |index| self.circuit(ap, index))
        })
    }

    /// The circuit `index`, which access point `ap` serves.
    pub fn circuit(&self, ap: usize, index: u32) -> Circuit {
        let model = self.aps[ap].model;
        let site = &self.sites[self.aps[ap].site];
        let mut rng = Rng::new(self.seed, tag::CIRCUIT, u64::from(index));

        let block = self.public_block(index);
        let customer = if block.is_some() || rng.percent(9) {
            Customer::Company(names::company(&mut rng))
        } else {
            let (first, last) = names::person(&mut rng);
            Customer::Person(first, last)
        };
        let plan = rng.weighted(PLANS.iter().map(|plan| {
            let fits = plan.mbps[0] <= model.mbps[0] && plan.mbps[1] <= model.mbps[1];
            if !fits {
                0
            } else if model.is_olt() {
                plan.fiber_weight
            } else {
                plan.radio_weight
            }
        }));

        let mut ips = vec![self.first_address(index)];
        ips.extend(block);
        if rng.percent(30) {
            // 2001:db8::/32 holds 16 million of them.
            let base = 0x2001_0db8_u128 << 96 | u128::from(index) << 72;
            ips.push(Ip::V6(Ipv6Addr::from_bits(base), 56));
        }
        let mut devices = vec![Device {
            model: rng.pick(model.cpes),
            mac: mac(u64::from(index) * 2),
            ips,
        }];
        if rng.percent(3) {
            let ips = vec![Ip::Host(shared_address(self.circuits + index))];
            devices.push(Device {
                model: &HOME_ROUTER,
                mac: mac(u64::from(index) * 2 + 1),
                ips,
            });
        }

        let mut circuit = Circuit {
            index,
            customer,
            street: names::street(&mut rng),
            ap,
            attach: Attach::Ap(ap),
            plan,
            mbps: PLANS[plan].mbps.map(Some),
            suspended: rng.percent(2),
            since: (
                rng.between(2014, 2025),
                rng.between(1, 12),
                rng.between(1, 28),
            ),
            latitude: site.latitude + rng.below(120_000) as i64 - 60_000,
            longitude: site.longitude + rng.below(120_000) as i64 - 60_000,
            devices,
            defect: self.defect(index),
        };
        self.spoil(&mut circuit);
        circuit
    }

    /// The kinds take turns, from one that the seed chooses.
    fn defect(&self, index: u32) -> Option<Defect> {
        let rank = self.dirty.rank(u64::from(index));
        let turn = (rank + self.seed % DEFECTS.len() as u64) as usize % DEFECTS.len();
        (rank < u64::from(self.dirty_circuits)).then(|| DEFECTS[turn])
    }

    fn spoil(&self, circuit: &mut Circuit) {
        let mut rng = Rng::new(self.seed, tag::DEFECT, u64::from(circuit.index));
        let ips = &mut circuit.devices[0].ips;
        match circuit.defect {
            Some(Defect::DuplicateAddress) => {
                if let Some(other) = self.neighbour_with_address(circuit.index, &mut rng) {
                    ips[0] = self.first_address(other);
                }
            }
            Some(Defect::NoAddress) => circuit
                .devices
                .iter_mut()
                .for_each(|device| device.ips.clear()),
            Some(Defect::NoPlan) => match rng.below(3) {
                0 => circuit.mbps = [None, None],
                1 => circuit.mbps[0] = None,
                _ => circuit.mbps[1] = None,
            },
            Some(Defect::NoParent) => circuit.attach = Attach::Nothing,
            Some(Defect::UnknownParent) => {
                circuit.attach = Attach::Unknown(self.aps.len() + rng.below(99) as usize);
            }
            Some(Defect::HostBits) => ips[0] = Ip::V4(shared_address(circuit.index), 24),
            Some(Defect::JunkAddress) => ips[0] = Ip::Text(rng.word(JUNK)),
            Some(Defect::TextForNumber | Defect::DuplicateRow) | None => (),
        }
    }

    /// A circuit nearby that has kept its first address.
    fn neighbour_with_address(&self, index: u32, rng: &mut Rng) -> Option<u32> {
        (0..64)
            .map(|_| (index + 1 + rng.below(200) as u32) % self.circuits)
            .find(|&other| {
                let kept = !matches!(
                    self.defect(other),
                    Some(
                        Defect::DuplicateAddress
                            | Defect::NoAddress
                            | Defect::HostBits
                            | Defect::JunkAddress
                    )
                );
                other != index && kept
            })
    }

    /// 1 % of the circuits have a /29 and 4 % a public host, as long as 198.18.0.0/15 lasts (half of it for each).
    fn public_counts(&self) -> (u64, u64) {
        let n = u64::from(self.circuits);
        ((n / 100).min(8_192), (n / 25).min(65_536))
    }

    fn public_block(&self, index: u32) -> Option<Ip> {
        let rank = self.public.rank(u64::from(index));
        (rank < self.public_counts().0)
            .then(|| Ip::V4(Ipv4Addr::from_bits(0xc613_0000 | (rank as u32) << 3), 29))
    }

    /// The first address of a circuit without defects.
    fn first_address(&self, index: u32) -> Ip {
        let (blocks, hosts) = self.public_counts();
        let rank = self.public.rank(u64::from(index));
        if (blocks..blocks + hosts).contains(&rank) {
            Ip::Host(Ipv4Addr::from_bits(0xc612_0000 | (rank - blocks) as u32))
        } else {
            Ip::Host(shared_address(index))
        }
    }
}

/// The address number `slot` of 100.64.0.0/10: .1 to .253 of each /24.
fn shared_address(slot: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x6440_0000 | (slot / 253) << 8 | (slot % 253 + 1))
}

fn site_tree(seed: u64, aps: usize) -> Vec<Site> {
    let mut rng = Rng::new(seed, tag::SITES, 0);
    let count = (aps / 10 + 1).max(5);
    let pops = (count / 12).clamp(3, 64);
    let depth = match count {
        0..12 => 3,
        12..36 => 4,
        36..100 => 5,
        100..200 => 6,
        _ => 7,
    };
    let places = names::place_order(seed, tag::PLACES, count);
    let mut sites: Vec<Site> = Vec::with_capacity(count);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); pops + 1];
    for index in 0..count {
        let place = names::place(&places, index as u64);
        let (kind, parent, region) = if index == 0 {
            (SiteKind::Core, None, 0)
        } else if index <= pops {
            (SiteKind::Pop, Some(0), index)
        } else if index + 1 < pops + depth {
            // The first region is a chain first, so that the depth asked for is reached.
            (SiteKind::Tower, members[1].last().copied(), 1)
        } else {
            let region = rng.between(1, pops as u64) as usize;
            let above: Vec<usize> = members[region]
                .iter()
                .copied()
                .filter(|&above| sites[above].depth < depth as u32)
                .collect();
            (SiteKind::Tower, Some(*rng.pick(&above)), region)
        };
        let name = match kind {
            SiteKind::Core => format!("{place} NOC"),
            SiteKind::Pop => format!("{place} POP"),
            SiteKind::Tower => format!("{place} {}", names::structure(&mut rng)),
        };
        let (near, spread) = match kind {
            SiteKind::Core => ((44_000_000, -108_000_000), 1),
            SiteKind::Pop => ((44_000_000, -108_000_000), 4_000_000),
            SiteKind::Tower => ((sites[region].latitude, sites[region].longitude), 400_000),
        };
        members[region].push(index);
        sites.push(Site {
            kind,
            name,
            parent,
            depth: parent.map_or(1, |above| sites[above].depth + 1),
            region,
            uplink: &FIBER_10G,
            aps: 0..0,
            circuits: 0..0,
            latitude: near.0 + rng.below(2 * spread) as i64 - spread as i64,
            longitude: near.1 + rng.below(2 * spread) as i64 - spread as i64,
        });
    }
    sites
}

/// Cuts `0..total` into neighbouring ranges in proportion to the weights.
fn shares(weights: &[u64], total: u64) -> Vec<Range<u64>> {
    let sum: u64 = weights.iter().sum();
    let mut before = 0;
    weights
        .iter()
        .map(|weight| {
            let start = before * total / sum;
            before += weight;
            start..before * total / sum
        })
        .collect()
}

fn spread_aps(seed: u64, sites: &mut [Site], aps: usize) {
    let mut rng = Rng::new(seed, tag::ACCESS, 0);
    let weights: Vec<u64> = sites
        .iter()
        .map(|site| match site.kind {
            SiteKind::Core => 0,
            SiteKind::Pop => rng.between(6, 16),
            SiteKind::Tower => rng.between(4, 16),
        })
        .collect();
    for (site, share) in sites.iter_mut().zip(shares(&weights, aps as u64)) {
        site.aps = share.start as usize..share.end as usize;
    }
}

/// Chooses what joins each site to its parent, never wider than the parent's own uplink.
fn size_uplinks(seed: u64, sites: &mut [Site], circuits: u64, aps: u64) {
    let mut carried: Vec<u64> = sites
        .iter()
        .map(|site| site.aps.len() as u64 * circuits / aps)
        .collect();
    for index in (1..sites.len()).rev() {
        let above = sites[index].parent.expect("only the core has no parent");
        carried[above] += carried[index];
    }
    let mut rng = Rng::new(seed, tag::SITES, 1);
    for index in 1..sites.len() {
        let above = &sites[sites[index].parent.expect("only the core has no parent")];
        let fits = |medium: &&'static Medium| {
            above.kind == SiteKind::Core || medium.mbps[0] <= above.uplink.mbps[0]
        };
        let small = rng.pick(&SMALL_RADIOS);
        let wish = match (sites[index].kind, carried[index]) {
            (SiteKind::Pop, 0..6_000) => &FIBER_10G,
            (SiteKind::Pop, 6_000..14_000) => &FIBER_25G,
            (SiteKind::Pop, 14_000..22_000) => &FIBER_40G,
            (SiteKind::Pop, _) => &FIBER_100G,
            (_, 1_500..) => &FIBER_10G,
            _ if rng.percent(12) => &FIBER_10G,
            (_, 600..) => &RADIO_2700,
            _ => small,
        };
        let medium = std::iter::once(wish).chain(&SMALL_RADIOS).find(fits);
        sites[index].uplink = medium.expect("the narrowest radio fits below any other medium");
    }
}

fn access_points(seed: u64, sites: &mut [Site], circuits: u32) -> Vec<Ap> {
    let mut rng = Rng::new(seed, tag::ACCESS, 1);
    let mut aps = Vec::new();
    let mut weights = Vec::new();
    for (index, site) in sites.iter().enumerate() {
        let (fiber_percent, most) = match site.kind {
            SiteKind::Pop => (90, 4),
            _ => (60, 2),
        };
        let has_olts = site.uplink.radio.is_none() && rng.percent(fiber_percent);
        let olts = if has_olts {
            rng.between(1, most) as usize
        } else {
            0
        };
        for number in 0..site.aps.len() {
            let fits =
                |mbps: Mbps| mbps[0] <= site.uplink.mbps[0] && mbps[1] <= site.uplink.mbps[1];
            let model = if number < olts {
                &OLT
            } else {
                &SECTORS[rng.weighted(
                    SECTORS
                        .iter()
                        .map(|it| if fits(it.mbps) { it.weight } else { 0 }),
                )]
            };
            let name = if model.is_olt() {
                format!("{} OLT{}", site.name, number + 1)
            } else {
                let facing = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];
                format!("{} AP{:02} {}", site.name, number + 1, rng.word(&facing))
            };
            weights.push(rng.between(model.load.0, model.load.1));
            aps.push(Ap {
                site: index,
                name,
                model,
                circuits: 0..0,
            });
        }
    }
    for (ap, share) in aps.iter_mut().zip(shares(&weights, u64::from(circuits))) {
        ap.circuits = share.start as u32..share.end as u32;
    }
    for site in sites.iter_mut().filter(|site| !site.aps.is_empty()) {
        site.circuits = aps[site.aps.start].circuits.start..aps[site.aps.end - 1].circuits.end;
    }
    aps
}

/// The cost of a medium against 100 Gbit/s, as link-state routing would set it.
fn cost(medium: &Medium) -> u64 {
    (100_000 / medium.mbps[0].min(medium.mbps[1])).max(1)
}

/// The links by declared parents in order of the lower site, then spare, broken and planned ones.
fn backhaul(seed: u64, sites: &[Site]) -> Vec<Link> {
    let mut links: Vec<Link> = (1..sites.len())
        .map(|lower| Link {
            upper: sites[lower].parent.expect("only the core has no parent"),
            lower,
            medium: sites[lower].uplink,
            state: LinkState::Active,
        })
        .collect();
    let mut distance = vec![0; sites.len()];
    for link in &links {
        distance[link.lower] = distance[link.upper] + cost(link.medium);
    }

    let mut taken: std::collections::BTreeSet<(usize, usize)> =
        links.iter().map(|link| (link.upper, link.lower)).collect();
    let mut add = |upper: usize, lower: usize, medium, state| {
        let new = upper != lower && taken.insert((upper.min(lower), upper.max(lower)));
        if new {
            links.push(Link {
                upper,
                lower,
                medium,
                state,
            });
        }
        new
    };
    // A ring of fibre through the points of presence, which are the sites after the core.
    let pops = sites
        .iter()
        .filter(|site| site.kind == SiteKind::Pop)
        .count();
    for pop in 1..=pops {
        add(pop, pop % pops + 1, &FIBER_10G, LinkState::Active);
    }
    // Spare radio links between towers. One that would shorten a path is not spare; the margin leaves room for formats
    // in which radios are hops of their own.
    let mut rng = Rng::new(seed, tag::LINKS, 0);
    for lower in pops + 1..sites.len() {
        if !rng.percent(12) {
            continue;
        }
        for _ in 0..16 {
            let upper = rng.between(1, sites.len() as u64 - 1) as usize;
            let medium = rng.pick(&SMALL_RADIOS);
            let near = sites[upper].region == sites[lower].region;
            if near
                && distance[upper].abs_diff(distance[lower]) + 12 < cost(medium)
                && add(upper, lower, medium, LinkState::Active)
            {
                break;
            }
        }
    }
    // Links that would be the better path if they carried traffic.
    for (share, medium, state) in [
        (50, &SMALL_RADIOS[0], LinkState::Disconnected),
        (60, &FIBER_10G, LinkState::Proposed),
    ] {
        for _ in 0..(sites.len() / share).max(1) {
            for _ in 0..16 {
                let lower = rng.between(pops as u64 + 1, sites.len() as u64 - 1) as usize;
                let upper = if state == LinkState::Proposed {
                    0
                } else {
                    rng.between(1, pops as u64) as usize
                };
                if add(upper, lower, medium, state) {
                    break;
                }
            }
        }
    }
    links
}

/// A value of its own for each place in the model, to vary readings that mean nothing.
pub fn reading(place: u64, bound: u64) -> u64 {
    mix(place) % bound
}
