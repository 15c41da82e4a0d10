//! Where each subscriber hangs. In order of trust: the access point its station names, an up link to an access
//! point, an up link to any node, an up link to another subscriber's access point, the parent of its site. A
//! subscriber behind another subscriber hangs on the node that one hangs on. Capacities only break ties here;
//! which way the network itself flows is not asked.

use std::cmp::Reverse;

use rayon::prelude::*;

use crate::ir::records::{
    self, Dangling, LinkState, NodeRef, OddField, RefBy, Relay, SourceEvidence, UplinkChoice,
};
use crate::sources::found::{Fact, each};
use crate::sources::uisp::facts::{DeviceIx, Medium, Ref, SiteIx};
use crate::sources::uisp::map::{Map, Node, Place};
use crate::sources::uisp::network::{hop_capacity, smaller};
use crate::units::{Kbps, Pair};

/// What a way up ends at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum To {
    Node(Node),
    /// Another subscriber's site.
    Relay(SiteIx),
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Way {
    to: To,
    capacity: Pair<Option<Kbps>>,
    place: records::Place,
}

/// Ways of one subscriber by trust, most trusted first.
#[derive(Default)]
struct Ways {
    ap: Vec<Way>,
    ap_relay: Vec<Way>,
    link_ap: Vec<Way>,
    link: Vec<Way>,
    link_relay: Vec<Way>,
    parent: Vec<Way>,
}

/// The best way, and the best one that ends at a node.
#[derive(Clone, Default)]
struct Best {
    any: Option<Way>,
    direct: Option<Node>,
}

const PARENT: &str = "/identification/parent/id";

/// By site: the node its circuits hang on. Nothing for sites of the network.
pub fn attach(map: &Map<'_>, evidence: &mut SourceEvidence) -> Vec<Option<NodeRef>> {
    let best: Vec<Best> = each(map.sites, evidence, |at, _, evidence| {
        if map.is_tower(SiteIx(at)) {
            Best::default()
        } else {
            choose(map, SiteIx(at), evidence)
        }
    });
    let nodes = follow(map, &best, evidence);
    nodes
        .into_par_iter()
        .zip(&best)
        .map(|(node, best)| {
            let node = node?;
            // The one case in which the site's own record says it.
            let stated = matches!(&best.any, Some(way) if way.to == To::Node(node) && way.place.route == PARENT);
            Some(NodeRef {
                text: map.node_id(node).into(),
                by: RefBy::Id,
                route: if stated { PARENT } else { "" }.into(),
            })
        })
        .collect()
}

fn choose(map: &Map<'_>, site: SiteIx, evidence: &mut SourceEvidence) -> Best {
    let mut ways = Ways::default();
    for device in map.devices_of(site) {
        by_access_point(map, site, device, &mut ways, evidence);
    }
    by_links(map, site, &mut ways);
    parent_site(map, site, &mut ways, evidence);
    let parent = ways.parent.first().map(|way| way.to);
    let Ways {
        ap,
        ap_relay,
        link_ap,
        link,
        link_relay,
        parent: by_parent,
    } = ways;
    let mut best = Best::default();
    let mut beside: Vec<To> = ap_relay.iter().map(|way| way.to).collect();
    for (class, ways) in [ap, ap_relay, link_ap, link, link_relay, by_parent]
        .into_iter()
        .enumerate()
    {
        let ranked = rank(ways);
        let Some(first) = ranked.first() else {
            continue;
        };
        if best.direct.is_none()
            && let To::Node(node) = first.to
        {
            best.direct = Some(node);
        }
        if best.any.is_some() {
            continue;
        }
        let mut rivals: Vec<To> = ranked[1..].iter().map(|way| way.to).collect();
        if class == 0 {
            rivals.append(&mut beside);
        }
        if !rivals.is_empty() {
            let id = |to: &To| match *to {
                To::Node(node) => map.node_id(node).into(),
                To::Relay(relay) => map.site(relay).fact.id.clone(),
            };
            evidence.uplink_choices.push(UplinkChoice {
                place: first.place.clone(),
                circuit: map.subject(site),
                chosen: id(&first.to),
                rivals: rivals.iter().map(id).collect(),
            });
        }
        if matches!(parent, Some(To::Relay(_))) && parent != Some(first.to) {
            evidence.odd_fields.push(OddField {
                place: map.site(site).origin.at(PARENT),
                subject: map.subject(site),
                what: "names another subscriber as the parent; left out, its radio says where it hangs".into(),
                required: false,
            });
        }
        best.any = ranked.into_iter().next();
    }
    best
}

/// Larger capacity first, then the smaller id; each end once. Unknown is the smallest.
fn rank(mut ways: Vec<Way>) -> Vec<Way> {
    let order = |way: &Way| {
        let rate = way.capacity.map(Option::unwrap_or_default);
        Reverse((rate.down, rate.up))
    };
    ways.sort_by(|a, b| {
        (a.to.cmp(&b.to))
            .then_with(|| order(a).cmp(&order(b)))
            .then_with(|| a.place.cmp(&b.place))
    });
    ways.dedup_by(|a, b| a.to == b.to);
    ways.sort_by_key(order);
    ways
}

fn by_access_point(
    map: &Map<'_>,
    site: SiteIx,
    device: DeviceIx,
    ways: &mut Ways,
    evidence: &mut SourceEvidence,
) {
    let Some(ap) = map.ap[device.0 as usize] else {
        return;
    };
    let station = map.device(device);
    let way = |to| Way {
        to,
        capacity: hop_capacity(&map.device(ap).fact, &station.fact),
        place: map.ap_place(device),
    };
    match map.place_of(ap) {
        Place::Node(node) => ways.ap.push(way(To::Node(node))),
        Place::Subscriber(other, _) if other == site => {}
        Place::Subscriber(other, _) => ways.ap_relay.push(way(To::Relay(other))),
        Place::Nowhere => evidence.odd_fields.push(OddField {
            place: map.ap_place(device),
            subject: station.fact.subject(),
            what: format!(
                "names {}, which is assigned to no known site; left out",
                map.device(ap).fact.id
            ),
            required: false,
        }),
    }
}

fn by_links(map: &Map<'_>, site: SiteIx, ways: &mut Ways) {
    for found in map.links_of(site) {
        let link = &found.fact;
        if link.state != LinkState::Up {
            continue;
        }
        let (a, b) = (map.place(&link.a), map.place(&link.b));
        let (own, other) = match (a, b) {
            (Place::Subscriber(s, own), other) if s == site => (own, other),
            (other, Place::Subscriber(s, own)) if s == site => (own, other),
            _ => continue,
        };
        let station = own.map(|device| &map.device(device).fact);
        let way = |to, upper: Option<DeviceIx>| {
            let upper = upper.map(|device| &map.device(device).fact);
            let capacity = match (link.medium, upper, station) {
                (Medium::Pon, ..) => Pair::default(),
                (Medium::Wire, ..) => Pair::both(smaller(link.a.port, link.b.port)),
                (Medium::Radio, Some(upper), Some(station)) => hop_capacity(upper, station),
                (Medium::Radio, one, other) => {
                    one.or(other).map_or_else(Pair::default, |d| d.capacity)
                }
            };
            Way {
                to,
                capacity,
                place: found.origin.whole(),
            }
        };
        match other {
            Place::Node(node @ Node::Device(device)) => {
                let way = way(To::Node(node), Some(device));
                if map.device(device).fact.access {
                    ways.link_ap.push(way);
                } else {
                    ways.link.push(way);
                }
            }
            Place::Node(node @ Node::Site(_)) => ways.link.push(way(To::Node(node), None)),
            // Between two subscribers only an access point at the other end, and none at this one, says who
            // serves whom.
            Place::Subscriber(relay, Some(device))
                if relay != site
                    && map.device(device).fact.access
                    && !station.is_some_and(|own| own.access) =>
            {
                ways.link_relay.push(way(To::Relay(relay), Some(device)));
            }
            Place::Subscriber(..) | Place::Nowhere => {}
        }
    }
}

fn parent_site(map: &Map<'_>, site: SiteIx, ways: &mut Ways, evidence: &mut SourceEvidence) {
    let found = map.site(site);
    let place = || found.origin.at(PARENT);
    let to = match &map.parent[site.0 as usize] {
        Ref::None => return,
        Ref::To(parent) if *parent == site => return,
        Ref::To(parent) if map.is_tower(*parent) => To::Node(Node::Site(*parent)),
        Ref::To(parent) => To::Relay(*parent),
        Ref::Unknown(id) => {
            evidence.dangling.push(Dangling {
                place: place(),
                subject: found.fact.subject(),
                wanted_kind: "site",
                wanted: id.clone(),
                consequence: "only its radio and its data links can say where it hangs",
            });
            return;
        }
    };
    ways.parent.push(Way {
        to,
        capacity: Pair::default(),
        place: place(),
    });
}

/// Follows relays up to a node. Subscribers that relay each other in a circle fall back on what else is known.
fn follow(map: &Map<'_>, best: &[Best], evidence: &mut SourceEvidence) -> Vec<Option<Node>> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Open,
        OnPath,
        Done,
    }
    let at = |SiteIx(site): SiteIx| site as usize;
    let mut state = vec![State::Open; best.len()];
    let mut node: Vec<Option<Node>> = vec![None; best.len()];
    let mut via: Vec<Option<SiteIx>> = vec![None; best.len()];
    let mut in_circle = vec![false; best.len()];
    for start in map.site_ixs() {
        let mut path: Vec<SiteIx> = Vec::new();
        let mut site = start;
        loop {
            match (
                state[at(site)],
                best[at(site)].any.as_ref().map(|way| way.to),
            ) {
                (State::Done, _) => break,
                (State::OnPath, _) => {
                    let first = path.iter().position(|&on| on == site).unwrap_or(0);
                    for member in path.split_off(first) {
                        node[at(member)] = best[at(member)].direct;
                        in_circle[at(member)] = true;
                        state[at(member)] = State::Done;
                    }
                    break;
                }
                (State::Open, Some(To::Relay(relay))) => {
                    state[at(site)] = State::OnPath;
                    path.push(site);
                    site = relay;
                }
                (State::Open, to) => {
                    node[at(site)] = match to {
                        Some(To::Node(node)) => Some(node),
                        _ => None,
                    };
                    state[at(site)] = State::Done;
                    break;
                }
            }
        }
        while let Some(behind) = path.pop() {
            match node[at(site)] {
                Some(found) => {
                    node[at(behind)] = Some(found);
                    via[at(behind)] = Some(site);
                }
                None => node[at(behind)] = best[at(behind)].direct,
            }
            state[at(behind)] = State::Done;
            site = behind;
        }
    }
    for site in map.site_ixs() {
        let Some(way) = &best[at(site)].any else {
            continue;
        };
        if in_circle[at(site)] {
            evidence.odd_fields.push(OddField {
                place: way.place.clone(),
                subject: map.subject(site),
                what: "leads through other subscribers back to this one; left out".into(),
                required: false,
            });
        } else if let Some(relay) = via[at(site)] {
            evidence.relays.push(Relay {
                place: way.place.clone(),
                circuit: map.subject(site),
                relay: map.subject(relay),
            });
        }
    }
    node
}
