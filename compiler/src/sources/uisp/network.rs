//! The network: sites of type `site` and the devices in them as nodes, data links between them as links. What
//! belongs to subscribers is left to `attach` and `circuits`; which way traffic flows is left to topology.

use crate::ir::records::{
    Dangling, LinkRecord, LinkState, NodeKind, NodeRecord, NodeRef, OddField, RefBy, SourceEvidence,
};
use crate::sources::found::{Fact, Found};
use crate::sources::uisp::facts::{
    Device, DeviceIx, End, Link, Medium, Ref, Side, SiteIx, device_node, link_id, or_id, site_node,
};
use crate::sources::uisp::map::{Map, Node, Place};
use crate::units::{Kbps, Pair};

/// Nodes sorted by id.
pub fn nodes(map: &Map<'_>, evidence: &mut SourceEvidence) -> Vec<NodeRecord> {
    let gateways = gateways(map);
    evidence.no_gateway = !gateways.contains(&true);
    let mut is_parent = vec![false; map.sites.len()];
    for parent in map.parent.iter().filter_map(Ref::known) {
        is_parent[parent.0 as usize] = true;
    }
    let mut nodes = Vec::new();
    for (at, found) in (0..).zip(map.devices) {
        let device = &found.fact;
        if let Ref::Unknown(id) = &device.site {
            evidence.dangling.push(Dangling {
                place: found.origin.at("/identification/site/id"),
                subject: device.subject(),
                wanted_kind: "site",
                wanted: id.clone(),
                consequence: "the device is not used: its addresses are not shaped and no link reaches it",
            });
        }
        let (Place::Node(_), Some(SiteIx(site))) =
            (map.place_of(DeviceIx(at)), device.site.known())
        else {
            continue;
        };
        nodes.push(NodeRecord {
            id: device_node(&device.id).into(),
            name: or_id(&device.name, &device.id).into(),
            kind: if device.access {
                NodeKind::Ap
            } else {
                NodeKind::Other
            },
            parent: Some(NodeRef {
                text: site_node(&map.sites[site as usize].fact.id).into(),
                by: RefBy::Id,
                route: "/identification/site/id".into(),
            }),
            capacity: device.capacity,
            is_virtual: false,
            gateway: false,
            position: device.position,
            origin: found.origin,
        });
    }
    for site_ix in map.site_ixs() {
        if !map.is_tower(site_ix) {
            continue;
        }
        let SiteIx(at) = site_ix;
        let found = map.site(site_ix);
        let site = &found.fact;
        let parent = match &map.parent[at as usize] {
            Ref::None => None,
            Ref::To(parent) if !map.is_tower(*parent) => {
                evidence.odd_fields.push(OddField {
                    place: found.origin.at("/identification/parent/id"),
                    subject: site.subject(),
                    what: format!(
                        "names the subscriber {}, which no site can hang on; left out",
                        map.site(*parent).fact.id
                    ),
                    required: false,
                });
                None
            }
            Ref::To(parent) => Some(&map.site(*parent).fact.id),
            Ref::Unknown(id) => Some(id),
        };
        if !is_parent[at as usize] && looks_like_subscriber(map, site_ix) {
            evidence.odd_fields.push(OddField {
                place: found.origin.at("/identification/type"),
                subject: site.subject(),
                what: "is \"site\", but all its devices are stations of access points elsewhere and nothing hangs \
                       on it: it looks like a subscriber filed as a site; its traffic is not shaped"
                    .into(),
                required: false,
            });
        }
        nodes.push(NodeRecord {
            id: site_node(&site.id).into(),
            name: or_id(&site.name, &site.id).into(),
            kind: NodeKind::Site,
            parent: parent.map(|id| NodeRef {
                text: site_node(id).into(),
                by: RefBy::Id,
                route: "/identification/parent/id".into(),
            }),
            capacity: Pair::default(),
            is_virtual: false,
            gateway: gateways[at as usize],
            position: site.position,
            origin: found.origin,
        });
    }
    nodes
}

/// By site: a link that cannot be deleted ends there. Planned ones do not count.
fn gateways(map: &Map<'_>) -> Vec<bool> {
    let mut gateways = vec![false; map.sites.len()];
    for link in map.links {
        let link = &link.fact;
        if !link.uplink || link.state == LinkState::Planned {
            continue;
        }
        for end in [&link.a, &link.b] {
            let site = match map.place(end) {
                Place::Node(Node::Device(device)) => map.device(device).fact.site.known(),
                Place::Node(Node::Site(site)) => Some(site),
                Place::Subscriber(..) | Place::Nowhere => None,
            };
            if let Some(SiteIx(at)) = site {
                gateways[at as usize] = true;
            }
        }
    }
    gateways
}

/// A site whose devices are all stations of access points elsewhere.
fn looks_like_subscriber(map: &Map<'_>, site: SiteIx) -> bool {
    let station_elsewhere = |device: DeviceIx| {
        let fact = &map.device(device).fact;
        let Some(DeviceIx(ap)) = map.ap[device.0 as usize] else {
            return false;
        };
        let ap = &map.devices[ap as usize].fact;
        fact.station && !fact.ptp && ap.access && !ap.ptp && ap.site != Ref::To(site)
    };
    let mut devices = map.devices_of(site).peekable();
    devices.peek().is_some() && devices.all(station_elsewhere)
}

/// Links sorted by id.
pub fn links(map: &Map<'_>, evidence: &mut SourceEvidence) -> Vec<LinkRecord> {
    let mut links = Vec::new();
    for found in map.links {
        let link = &found.fact;
        dangling(map, found, &link.a, "from", evidence);
        if link.a != link.b {
            dangling(map, found, &link.b, "to", evidence);
        }
        if link.uplink {
            continue;
        }
        let (Place::Node(a), Place::Node(b)) = (map.place(&link.a), map.place(&link.b)) else {
            continue;
        };
        let (capacity, doubtful) = link_capacity(map, link);
        if doubtful {
            evidence.odd_fields.push(OddField {
                place: found.origin.whole(),
                subject: link.subject(),
                what: "does not show which end is the access point; the larger of the two capacities is used in \
                       both directions"
                    .into(),
                required: false,
            });
        }
        links.push(LinkRecord {
            id: link_id(&link.id).into(),
            a: map.node_id(a).into(),
            b: map.node_id(b).into(),
            ab: capacity.down,
            ba: capacity.up,
            cost: None,
            state: link.state,
            origin: found.origin,
        });
    }
    links
}

/// Ends that name what the export does not hold.
fn dangling(
    map: &Map<'_>,
    found: &Found<Link>,
    end: &End,
    which: &'static str,
    evidence: &mut SourceEvidence,
) {
    let route = |what| format!("/{which}/{what}/identification/id");
    if let Ref::Unknown(id) = &end.device {
        evidence.dangling.push(Dangling {
            place: found.origin.at(route("device")),
            subject: found.fact.subject(),
            wanted_kind: "device",
            wanted: id.clone(),
            consequence: match map.place(end) {
                Place::Nowhere => "the link is not used",
                _ => "the site of this end is used in its place",
            },
        });
    }
    let placed = map.place(end) != Place::Nowhere;
    match (&end.site, end.device.known()) {
        (Ref::Unknown(id), _) if !placed => evidence.dangling.push(Dangling {
            place: found.origin.at(route("site")),
            subject: found.fact.subject(),
            wanted_kind: "site",
            wanted: id.clone(),
            consequence: "the link is not used",
        }),
        (Ref::None, Some(_)) if !placed => evidence.odd_fields.push(OddField {
            place: found.origin.at(route("device")),
            subject: found.fact.subject(),
            what: "names a device that is assigned to no site; the link is not used".into(),
            required: false,
        }),
        _ => {}
    }
}

/// Capacity a -> b (`down`) and b -> a (`up`): the smaller of what both ends know. Radios state theirs toward
/// the station, so the pair is turned by which end is the access point; ports state one speed for both
/// directions. And whether the turn had to be left open.
fn link_capacity(map: &Map<'_>, link: &Link) -> (Pair<Option<Kbps>>, bool) {
    match link.medium {
        Medium::Pon => (Pair::default(), false),
        Medium::Wire => (Pair::both(smaller(link.a.port, link.b.port)), false),
        Medium::Radio => {
            let (a, b) = (link.a.device.known(), link.b.device.known());
            let radio = |device: Option<DeviceIx>| {
                device.map_or_else(Pair::default, |d| map.device(d).fact.capacity)
            };
            let toward_station = radio(a).zip(radio(b), smaller);
            match upper(map, a, b) {
                Some(Side::Ap) => (toward_station, false),
                Some(Side::Station) => (toward_station.swap(), false),
                None => {
                    let larger = Pair::both(toward_station.down.max(toward_station.up));
                    (larger, toward_station.down != toward_station.up)
                }
            }
        }
    }
}

/// Capacity between an access point and a station, toward the station and back.
pub fn hop_capacity(ap: &Device, station: &Device) -> Pair<Option<Kbps>> {
    ap.capacity.zip(station.capacity, smaller)
}

/// The smaller of what is known.
pub fn smaller(a: Option<Kbps>, b: Option<Kbps>) -> Option<Kbps> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// What `a` is on its radio link with `b`: by what a station says about its access point, then by the roles,
/// then by the wireless modes.
fn upper(map: &Map<'_>, a: Option<DeviceIx>, b: Option<DeviceIx>) -> Option<Side> {
    let ap_of = |device: Option<DeviceIx>| device.and_then(|DeviceIx(at)| map.ap[at as usize]);
    if a.is_some() && ap_of(b) == a {
        return Some(Side::Ap);
    }
    if b.is_some() && ap_of(a) == b {
        return Some(Side::Station);
    }
    let fact = |device: Option<DeviceIx>| device.map(|d| &map.device(d).fact);
    let role = |device: Option<DeviceIx>| match fact(device) {
        Some(device) if device.access => Some(Side::Ap),
        Some(device) if device.station => Some(Side::Station),
        _ => None,
    };
    let mode = |device| fact(device).and_then(|device| device.mode);
    against(role(a), role(b)).or_else(|| against(mode(a), mode(b)))
}

/// One end's side from both ends' claims; contradictions say nothing.
fn against(a: Option<Side>, b: Option<Side>) -> Option<Side> {
    match (a, b) {
        (Some(a), Some(b)) => (a != b).then_some(a),
        (Some(a), None) => Some(a),
        (None, Some(Side::Ap)) => Some(Side::Station),
        (None, Some(Side::Station)) => Some(Side::Ap),
        (None, None) => None,
    }
}
