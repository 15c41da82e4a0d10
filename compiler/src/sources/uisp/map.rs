//! How the facts point at each other: whose parent, whose access point, which devices and links belong to which
//! site. Read by everything that looks at more than one record; decides nothing.

use std::collections::BTreeMap;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::ir::records::{self, Dangling, OddField, SourceEvidence, Subject};
use crate::sources::found::{Fact, Found, Index, each};
use crate::sources::json::field::shorten;
use crate::sources::uisp::facts::{
    ApBy, ApRef, Device, DeviceIx, End, Link, Ref, Site, SiteIx, SiteKind, Station, Who,
    device_node, site_node,
};

/// Where a station names its access point.
const AP_DEVICE: &str = "/attributes/apDevice";

/// A node of the network. The order is the order of node ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Node {
    Device(DeviceIx),
    Site(SiteIx),
}

/// What an end of a link turns out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Node(Node),
    /// In a subscriber's site.
    Subscriber(SiteIx, Option<DeviceIx>),
    Nowhere,
}

pub struct Map<'a> {
    pub sites: &'a [Found<Site>],
    pub devices: &'a [Found<Device>],
    pub links: &'a [Found<Link>],
    /// By site.
    pub parent: Vec<Ref<SiteIx>>,
    /// By device: the access point it says it is on, else the one access point that lists it.
    pub ap: Vec<Option<DeviceIx>>,
    /// Where an access point says it.
    heard: FxHashMap<DeviceIx, records::Place>,
    /// By device: where it stands. By site: a tower. Beside the facts, because these are asked for all the time
    /// and the facts are large.
    place_of: Vec<Place>,
    tower: Vec<bool>,
    devices_of: Groups,
    links_of: Groups,
}

impl<'a> Map<'a> {
    pub fn of(
        sites: &'a [Found<Site>],
        devices: &'a [Found<Device>],
        links: &'a [Found<Link>],
        (site_index, device_index): (&Index<'_>, &Index<'_>),
        evidence: &mut SourceEvidence,
    ) -> Self {
        let parent = sites
            .par_iter()
            .map(|site| match &site.fact.parent {
                None => Ref::None,
                Some(id) => site_index
                    .get(id)
                    .map_or_else(|| Ref::Unknown(id.clone()), |at| Ref::To(SiteIx(at))),
            })
            .collect();
        let tower: Vec<bool> = sites
            .iter()
            .map(|site| site.fact.kind == SiteKind::Tower)
            .collect();
        let place_of: Vec<Place> = (devices.par_iter().enumerate())
            .map(|(at, device)| match device.fact.site.known() {
                Some(SiteIx(site)) if tower[site as usize] => {
                    Place::Node(Node::Device(DeviceIx(at as u32)))
                }
                Some(site) => Place::Subscriber(site, Some(DeviceIx(at as u32))),
                None => Place::Nowhere,
            })
            .collect();
        let site_of: Vec<Option<u32>> = devices
            .iter()
            .map(|device| device.fact.site.known().map(|SiteIx(site)| site))
            .collect();
        let mut ap = access_points(devices, device_index, evidence);
        let heard = listed(devices, device_index, &mut ap, evidence);
        let mut map = Map {
            sites,
            devices,
            links,
            parent,
            ap,
            heard,
            place_of,
            tower,
            devices_of: Groups::of(sites.len(), members(&site_of)),
            links_of: Groups::default(),
        };
        let ends: Vec<[Option<u32>; 2]> = links
            .par_iter()
            .map(|link| {
                let subscriber = |end| match map.place(end) {
                    Place::Subscriber(SiteIx(site), _) => Some(site),
                    _ => None,
                };
                let (a, b) = (subscriber(&link.fact.a), subscriber(&link.fact.b));
                [a, if a == b { None } else { b }]
            })
            .collect();
        map.links_of = Groups::of(
            sites.len(),
            (0..)
                .zip(&ends)
                .flat_map(|(at, ends)| ends.iter().filter_map(move |site| Some(((*site)?, at)))),
        );
        map
    }

    pub fn site(&self, SiteIx(at): SiteIx) -> &'a Found<Site> {
        &self.sites[at as usize]
    }

    pub fn device(&self, DeviceIx(at): DeviceIx) -> &'a Found<Device> {
        &self.devices[at as usize]
    }

    pub fn is_tower(&self, SiteIx(at): SiteIx) -> bool {
        self.tower[at as usize]
    }

    pub fn site_ixs(&self) -> impl Iterator<Item = SiteIx> + use<> {
        (0..self.sites.len()).map(|at| SiteIx(at as u32))
    }

    /// Where it is said which access point a device is on.
    pub fn ap_place(&self, device: DeviceIx) -> records::Place {
        match self.heard.get(&device) {
            Some(place) => place.clone(),
            None => self.device(device).origin.at(AP_DEVICE),
        }
    }

    /// Devices of a site, in id order.
    pub fn devices_of(&self, SiteIx(at): SiteIx) -> impl Iterator<Item = DeviceIx> + '_ {
        self.devices_of.get(at).iter().map(|&d| DeviceIx(d))
    }

    /// Links with an end in a subscriber's site, in id order.
    pub fn links_of(&self, SiteIx(at): SiteIx) -> impl Iterator<Item = &'a Found<Link>> + '_ {
        let links = self.links;
        self.links_of.get(at).iter().map(|&l| &links[l as usize])
    }

    /// Where a device stands.
    pub fn place_of(&self, DeviceIx(at): DeviceIx) -> Place {
        self.place_of[at as usize]
    }

    /// The device of an end where it is known and stands somewhere, else the site.
    pub fn place(&self, end: &End) -> Place {
        let by_device = end
            .device
            .known()
            .map_or(Place::Nowhere, |device| self.place_of(device));
        match (by_device, end.site.known()) {
            (Place::Nowhere, Some(site)) if self.is_tower(site) => Place::Node(Node::Site(site)),
            (Place::Nowhere, Some(site)) => Place::Subscriber(site, None),
            (place, _) => place,
        }
    }

    pub fn node_id(&self, node: Node) -> String {
        match node {
            Node::Device(device) => device_node(&self.device(device).fact.id),
            Node::Site(site) => site_node(&self.site(site).fact.id),
        }
    }

    /// Gives up everything but the devices of each site.
    pub fn into_groups(self) -> Groups {
        self.devices_of
    }

    pub fn subject(&self, site: SiteIx) -> Subject {
        self.site(site).fact.subject()
    }
}

/// The (group, member) pairs of members that say their group.
fn members(group_of: &[Option<u32>]) -> impl Iterator<Item = (u32, u32)> + Clone + '_ {
    (0..)
        .zip(group_of)
        .filter_map(|(at, group)| Some(((*group)?, at)))
}

/// Resolves what stations say about their access point.
fn access_points(
    devices: &[Found<Device>],
    index: &Index<'_>,
    evidence: &mut SourceEvidence,
) -> Vec<Option<DeviceIx>> {
    const ROUTE: &str = AP_DEVICE;
    let needs_names =
        |device: &Found<Device>| matches!(&device.fact.ap, Some(ap) if ap.by != ApBy::Id);
    let mut names: FxHashMap<&str, Option<u32>> = FxHashMap::default();
    if devices.iter().any(needs_names) {
        for (at, device) in (0..).zip(devices) {
            if device.fact.access {
                let entry = names.entry(&device.fact.name);
                entry.and_modify(|one| *one = None).or_insert(Some(at));
            }
        }
    }
    each(devices, evidence, |_, device, evidence| {
        let ApRef { text, by } = device.fact.ap.as_ref()?;
        if let (ApBy::Id | ApBy::Text, Some(at)) = (by, index.get(text)) {
            if *by == ApBy::Text {
                evidence.odd_fields.push(OddField {
                    place: device.origin.at(ROUTE),
                    subject: device.fact.subject(),
                    what: format!(
                        "is text where an object belongs; read as the id of device {text}"
                    ),
                    required: false,
                });
            }
            return Some(DeviceIx(at));
        }
        let named = match by {
            ApBy::Id => None,
            ApBy::Name | ApBy::Text => names.get(text.as_ref()),
        };
        match named {
            Some(&Some(at)) => {
                evidence.odd_fields.push(OddField {
                    place: device.origin.at(ROUTE),
                    subject: device.fact.subject(),
                    what: format!(
                        "has no id; read as the access point named \"{}\", {}",
                        shorten(text),
                        devices[at as usize].fact.id
                    ),
                    required: false,
                });
                Some(DeviceIx(at))
            }
            Some(None) => {
                evidence.odd_fields.push(OddField {
                    place: device.origin.at(ROUTE),
                    subject: device.fact.subject(),
                    what: format!(
                        "has no id and several access points are named \"{}\"; left out",
                        shorten(text)
                    ),
                    required: false,
                });
                None
            }
            None => {
                evidence.dangling.push(Dangling {
                        place: device.origin.at(ROUTE),
                        subject: device.fact.subject(),
                        wanted_kind: "device",
                        wanted: text.clone(),
                        consequence: "its uplink is taken from its data links or the parent of its site",
                    });
                None
            }
        }
    })
}

/// What access points say of their stations, which counts where a station says nothing itself. Where that is said, by
/// station.
fn listed(
    devices: &[Found<Device>],
    index: &Index<'_>,
    ap: &mut [Option<DeviceIx>],
    evidence: &mut SourceEvidence,
) -> FxHashMap<DeviceIx, records::Place> {
    let lists = || {
        (0..).zip(devices).flat_map(|(at, found)| {
            let stations = found.fact.stations.iter();
            stations.map(move |station| (at, station))
        })
    };
    let mut macs: FxHashMap<&str, Option<u32>> = FxHashMap::default();
    if lists().any(|(_, station)| matches!(station.who, Who::Mac(_))) {
        for (at, found) in (0..).zip(devices) {
            let entry = macs.entry(&found.fact.mac);
            entry.and_modify(|one| *one = None).or_insert(Some(at));
        }
    }
    let mut by_station: BTreeMap<u32, Vec<(u32, &Station)>> = BTreeMap::new();
    for (at, station) in lists() {
        let found = match &station.who {
            Who::Id(id) => index.get(id),
            Who::Mac(mac) => macs.get(&**mac).copied().flatten(),
        };
        if let Some(found) = found.filter(|found| *found != at) {
            by_station.entry(found).or_default().push((at, station));
        }
    }
    let mut heard = FxHashMap::default();
    for (station, mut on) in by_station {
        on.dedup_by_key(|(at, _)| *at);
        let (at, line) = on[0];
        let place = devices[at as usize].origin.at(line.route.to_string());
        let id = |at: u32| &devices[at as usize].fact.id;
        let mut odd = |what: String| {
            evidence.odd_fields.push(OddField {
                place: place.clone(),
                subject: devices[station as usize].fact.subject(),
                what,
                required: false,
            });
        };
        match ap[station as usize] {
            Some(DeviceIx(own)) if on.iter().any(|(at, _)| *at == own) => {}
            Some(DeviceIx(own)) => odd(format!(
                "is on the list of {}, but says itself that it is on {}; that is followed",
                id(at),
                id(own)
            )),
            None if on.len() > 1 => odd(format!(
                "is on the lists of {} access points, {} and {} among them; none of them counts",
                on.len(),
                id(at),
                id(on[1].0)
            )),
            None => {
                ap[station as usize] = Some(DeviceIx(at));
                heard.insert(DeviceIx(station), place);
            }
        }
    }
    heard
}

/// Members by group, as two flat lists.
#[derive(Default)]
pub struct Groups {
    starts: Vec<u32>,
    members: Vec<u32>,
}

impl Groups {
    /// Members keep the order they come in.
    fn of(groups: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0u32; groups + 1];
        let mut total = 0;
        for (group, _) in pairs.clone() {
            starts[group as usize + 1] += 1;
            total += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut members = vec![0; total];
        for (group, member) in pairs {
            let slot = &mut next[group as usize];
            members[*slot as usize] = member;
            *slot += 1;
        }
        Groups { starts, members }
    }

    pub fn get(&self, group: u32) -> &[u32] {
        let at = group as usize;
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(&start), Some(&end)) => &self.members[start as usize..end as usize],
            _ => &[],
        }
    }
}
