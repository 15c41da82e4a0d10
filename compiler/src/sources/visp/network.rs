//! Sites, equipment and how it is connected. A parent in VISP is where equipment gets its uplink from: across two
//! sites that is a link, within one it is what membership of the site says already.

use std::collections::{BTreeMap, BTreeSet};

use crate::ir::records::{
    Dangling, LinkRecord, LinkState, NodeKind, NodeRecord, NodeRef, Origin, RefBy, Relay,
    SourceEvidence, Subject, SubjectKind,
};
use crate::sources::found::{Fact, Found, Index};
use crate::sources::visp::facts::{Class, Equipment, node_id};
use crate::units::Pair;

/// The equipment of the network and at the customers', found by id.
pub struct Map<'a> {
    pub equipment: &'a [Found<Equipment>],
    index: Index<'a>,
    assemblies: &'a [Found<Equipment>],
    assembly_index: Index<'a>,
    /// Nodes by the names an operator calls them, where only one is called so.
    access_points: BTreeMap<&'a str, Option<&'a Equipment>>,
    sites: BTreeMap<&'a str, Option<&'a str>>,
}

/// Where a way up ends.
pub enum Up<'a> {
    /// Equipment of the network, and the subscribers' equipment on the way.
    Node(&'a Equipment, Option<&'a Equipment>),
    /// An id that no record has.
    Unknown(Box<str>),
    Nowhere,
}

impl<'a> Map<'a> {
    pub fn of(equipment: &'a [Found<Equipment>], assemblies: &'a [Found<Equipment>]) -> Map<'a> {
        let mut access_points: BTreeMap<&str, Option<&Equipment>> = BTreeMap::new();
        let mut sites: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for Found { fact, .. } in equipment {
            if fact.class == Class::Access {
                for name in [&*fact.name, &*fact.other_name] {
                    if !name.is_empty() {
                        access_points
                            .entry(name)
                            .and_modify(|one| *one = None)
                            .or_insert(Some(fact));
                    }
                }
            }
            if fact.class != Class::Premises && !fact.site_name.is_empty() {
                sites
                    .entry(&fact.site_name)
                    .and_modify(|site| *site = site.filter(|site| *site == &*fact.site))
                    .or_insert(Some(&fact.site));
            }
        }
        Map {
            equipment,
            index: Index::of(equipment),
            assemblies,
            assembly_index: Index::of(assemblies),
            access_points,
            sites,
        }
    }

    pub fn find(&self, id: &str) -> Option<&'a Equipment> {
        self.index
            .get(id)
            .map(|at| &self.equipment[at as usize].fact)
    }

    pub fn assembly(&self, id: &str) -> Option<&'a Found<Equipment>> {
        self.assembly_index
            .get(id)
            .map(|at| &self.assemblies[at as usize])
    }

    /// Up from a piece of equipment, past what stands at subscribers'.
    pub fn up(&self, from: &Equipment) -> Up<'a> {
        let mut seen = BTreeSet::from([&*from.id]);
        let mut wanted = self.parent(&from.id, from.parent.as_deref());
        let mut relay = None;
        while let Some(id) = wanted {
            let Some(next) = self.known(id) else {
                return Up::Unknown(id.into());
            };
            if next.class != Class::Premises {
                return Up::Node(next, relay);
            }
            if !seen.insert(&next.id) {
                return Up::Nowhere;
            }
            relay = Some(next);
            wanted = self.parent(id, next.parent.as_deref());
        }
        Up::Nowhere
    }

    fn known(&self, id: &str) -> Option<&'a Equipment> {
        self.find(id).or_else(|| self.assembly(id).map(|a| &a.fact))
    }

    /// The list of the network and the list of the customers may know one device by halves: what the other one says counts
    /// where `own` is nothing, or names nothing.
    fn parent<'s>(&self, id: &str, own: Option<&'s str>) -> Option<&'s str>
    where
        'a: 's,
    {
        if own.is_some_and(|own| self.known(own).is_some()) {
            return own;
        }
        let lists = [
            self.find(id).and_then(|e| e.parent.as_deref()),
            self.assembly(id).and_then(|a| a.fact.parent.as_deref()),
        ];
        let other = lists
            .into_iter()
            .flatten()
            .find(|other| self.known(other).is_some());
        other.or(own)
    }

    /// The one access point of a name. Of several the one at the site of that name.
    pub fn access_point(&self, name: &str, site: &str) -> Option<&'a Equipment> {
        match self.access_points.get(name)? {
            Some(one) => Some(one),
            None => {
                let called = |e: &Equipment| *e.name == *name || *e.other_name == *name;
                let mut there = self.equipment.iter().map(|found| &found.fact).filter(|e| {
                    e.class == Class::Access
                        && called(e)
                        && !site.is_empty()
                        && *e.site_name == *site
                });
                there.next().filter(|_| there.next().is_none())
            }
        }
    }

    pub fn site(&self, name: &str) -> Option<&'a str> {
        *self.sites.get(name)?
    }
}

struct Site<'a> {
    name: &'a str,
    origin: Origin,
    /// The equipment elsewhere that equipment here is fed from, by the smallest of it.
    parent: Option<&'a str>,
    /// Equipment here has no parent.
    top: bool,
}

/// Nodes sorted by id, and the links between sites.
pub fn network(map: &Map<'_>, evidence: &mut SourceEvidence) -> (Vec<NodeRecord>, Vec<LinkRecord>) {
    let mut sites: BTreeMap<&str, Site<'_>> = BTreeMap::new();
    let mut nodes = Vec::new();
    let mut links = Vec::new();
    for found in map.equipment {
        let own = &found.fact;
        if own.class == Class::Premises {
            continue;
        }
        let up = match map.up(own) {
            Up::Node(parent, relay) => {
                if let Some(relay) = relay {
                    evidence.relays.push(Relay {
                        place: found.origin.at("/parent_id"),
                        circuit: own.subject(),
                        relay: relay.subject(),
                    });
                }
                Some(parent)
            }
            Up::Unknown(wanted) => {
                evidence.dangling.push(Dangling {
                    place: found.origin.at("/parent_id"),
                    subject: own.subject(),
                    wanted_kind: "equipment",
                    wanted,
                    consequence: "where it gets its uplink from is not known",
                });
                None
            }
            Up::Nowhere => None,
        };
        let own_id: Box<str> = node_id(&own.id).into();
        let elsewhere = up.filter(|parent| own.site.is_empty() || parent.site != own.site);
        let parent = match (&*own.site, up) {
            ("", None) => None,
            ("", Some(parent)) => Some(node_id(&parent.id).into()),
            (site, _) => Some(site.into()),
        };
        if let Some(parent) = elsewhere
            && !own.site.is_empty()
        {
            links.push(LinkRecord {
                id: format!("visp:link:{}", own.id).into(),
                a: node_id(&parent.id).into(),
                b: own_id.clone(),
                ab: None,
                ba: None,
                cost: None,
                state: LinkState::Up,
                origin: found.origin,
            });
        }
        if !own.site.is_empty() {
            let site = sites.entry(&own.site).or_insert(Site {
                name: &own.site_name,
                origin: found.origin,
                parent: None,
                top: false,
            });
            if let Some(up) = elsewhere {
                site.parent = site.parent.or(Some(&up.id));
            }
            site.top |= up.is_none();
        }
        nodes.push(NodeRecord {
            name: if own.name.is_empty() {
                own_id.clone()
            } else {
                own.name.clone()
            },
            kind: match own.class {
                Class::Access => NodeKind::Ap,
                _ => NodeKind::Other,
            },
            gateway: parent.is_none() && up.is_none(),
            parent: parent.map(|text| NodeRef {
                text,
                by: RefBy::Id,
                route: if own.site.is_empty() {
                    "/parent_id"
                } else {
                    "/location_id"
                }
                .into(),
            }),
            capacity: Pair::default(),
            is_virtual: false,
            position: None,
            origin: found.origin,
            id: own_id,
        });
    }
    nodes.extend(sites.into_iter().map(|(id, site)| NodeRecord {
        id: id.into(),
        name: if site.name.is_empty() { id } else { site.name }.into(),
        kind: NodeKind::Site,
        // Equipment whose parent nobody wrote down does not open a second way out of a site that has one.
        gateway: site.top && site.parent.is_none(),
        parent: site.parent.map(|text| NodeRef {
            text: node_id(text).into(),
            by: RefBy::Id,
            route: "/parent_id".into(),
        }),
        capacity: Pair::default(),
        is_virtual: false,
        position: None,
        origin: site.origin,
    }));
    nodes.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    (nodes, links)
}

pub fn circuit_subject(id: &str, name: &str) -> Subject {
    Subject::new(SubjectKind::Circuit, id, name)
}
