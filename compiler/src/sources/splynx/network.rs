//! The network: sites, monitored hardware, routers and their sectors as nodes. Which of them a service names is
//! resolved here; who is shaped there is left to `circuits`.

use std::net::IpAddr;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ir::records::{Dangling, NodeKind, NodeRecord, NodeRef, RefBy, SourceEvidence};
use crate::sources::found::{Fact, Found, Index};
use crate::sources::places::{self, Fed, Piece};
use crate::sources::splynx::facts::{Hardware, Router, Sector, Service, Site};
use crate::units::Pair;

/// Each sorted by id.
pub struct Network {
    pub sites: Vec<Found<Site>>,
    pub hardware: Vec<Found<Hardware>>,
    pub routers: Vec<Found<Router>>,
    pub sectors: Vec<Found<Sector>>,
}

pub fn site_node(id: &str) -> Box<str> {
    format!("splynx:network-site:{id}").into()
}

pub fn hardware_node(id: &str) -> Box<str> {
    format!("splynx:hardware:{id}").into()
}

pub fn sector_node(id: &str) -> Box<str> {
    format!("splynx:sector:{id}").into()
}

/// Where routers are: by id, the node that stands for one.
pub struct Routers<'a>(FxHashMap<&'a str, Box<str>>);

impl Routers<'_> {
    pub fn node(&self, id: &str) -> Box<str> {
        match self.0.get(id) {
            Some(node) => node.clone(),
            None => format!("splynx:router:{id}").into(),
        }
    }
}

impl Network {
    /// A router that is monitored, which its address shows, is that piece of hardware.
    pub fn routers(&self) -> Routers<'_> {
        let mut by_ip: FxHashMap<IpAddr, Option<&str>> = FxHashMap::default();
        for hardware in &self.hardware {
            if let Some(ip) = hardware.fact.ip {
                by_ip
                    .entry(ip)
                    .and_modify(|one| *one = None)
                    .or_insert(Some(&hardware.fact.id));
            }
        }
        let nodes = self.routers.iter().filter_map(|router| {
            let ip = router.fact.ip?;
            let hardware = (*by_ip.get(&ip)?)?;
            Some((&*router.fact.id, hardware_node(hardware)))
        });
        Routers(nodes.collect())
    }

    pub fn nodes(
        &self,
        routers: &Routers<'_>,
        services: &[Found<Service>],
        ports: &[Option<&str>],
        evidence: &mut SourceEvidence,
    ) -> Vec<NodeRecord> {
        let site_index = Index::of(&self.sites);
        let hardware_index = Index::of(&self.hardware);
        let access: FxHashSet<&str> = (services.iter())
            .filter_map(|service| service.fact.access_device.as_deref())
            .chain(ports.iter().copied().flatten())
            .collect();
        let sites = self.sites.iter().map(|found| places::Site {
            id: site_node(&found.fact.id),
            name: or_id(&found.fact.name, &found.fact.id),
            position: found.fact.position,
            origin: found.origin,
        });
        let pieces = self.hardware.iter().map(|found| {
            let hardware = &found.fact;
            let site = hardware.site.as_deref().and_then(|id| {
                let at = site_index.get(id);
                if at.is_none() {
                    evidence.dangling.push(Dangling {
                        place: found.origin.at("/network_site_id"),
                        subject: hardware.subject(),
                        wanted_kind: "network site",
                        wanted: id.into(),
                        consequence: "only its parent says where it hangs",
                    });
                }
                at
            });
            Piece {
                id: hardware_node(&hardware.id),
                name: or_id(&hardware.name, &hardware.id),
                kind: match hardware.access || access.contains(&*hardware.id) {
                    true => NodeKind::Ap,
                    false => NodeKind::Other,
                },
                site,
                fed_by: match &hardware.parent {
                    None => Fed::Nobody,
                    Some(id) => match hardware_index.get(id) {
                        Some(at) => Fed::By(at),
                        None => Fed::Unknown(id.clone(), hardware_node(id)),
                    },
                },
                route: "/parent_id".into(),
                capacity: Pair::default(),
                position: hardware.position,
                origin: found.origin,
            }
        });
        let pieces = pieces.collect();
        let mut nodes = places::nodes(sites.collect(), pieces, evidence);
        nodes.extend(
            (self.routers.iter())
                .filter(|found| !routers.0.contains_key(&*found.fact.id))
                .map(|found| NodeRecord {
                    id: routers.node(&found.fact.id),
                    name: or_id(&found.fact.name, &found.fact.id),
                    kind: NodeKind::Other,
                    parent: None,
                    capacity: Pair::default(),
                    is_virtual: false,
                    gateway: true,
                    position: found.fact.position,
                    origin: found.origin,
                }),
        );
        nodes.extend(self.sectors.iter().map(|found| {
            let sector = &found.fact;
            NodeRecord {
                id: sector_node(&sector.id),
                name: or_id(&sector.name, &sector.id),
                kind: NodeKind::Ap,
                parent: sector.router.as_ref().map(|id| NodeRef {
                    text: routers.node(id),
                    by: RefBy::Id,
                    route: "/router_id".into(),
                }),
                capacity: sector.capacity,
                is_virtual: false,
                gateway: sector.router.is_none(),
                position: None,
                origin: found.origin,
            }
        }));
        nodes.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        nodes
    }
}

fn or_id(name: &str, id: &str) -> Box<str> {
    if name.is_empty() { id } else { name }.into()
}
