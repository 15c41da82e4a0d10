//! The `uisp` source: recorded answers of Ubiquiti's UISP, the NMS (sites, devices, data links) and its CRM
//! (clients, services, plans). Everything that knows UISP's words is below this module; it decides nothing about
//! the shape of the tree, about rates beyond what is sold, or about which addresses are good.
//!
//! | UISP | here |
//! |---|---|
//! | site of type `site` | node `uisp:site:<id>`, kind site; parent `identification.parent` |
//! | device in one: role `ap`, or an OLT | node `uisp:device:<id>`, kind ap; parent its site |
//! | any other device in one | the same, kind other |
//! | data link between two of these | link `uisp:link:<id>` |
//! | data link that cannot be deleted | the way out: its site is a gateway |
//! | site of type `endpoint` | a subscriber: one circuit a CRM service with a plan, else one |
//! | device in one | a device of the circuit, with every address it reports (`ipAddress`, `ipAddressList`, interfaces) |
//! | device that is assigned to no site | nothing; if it has an address, that is said |
//! | anything else with a type | quarantined |
//! | `description.location` of a site, `location` of a device, `addressGpsLat` and `addressGpsLon` of a client | where it stands; of a circuit the endpoint's, else its client's |
//!
//! **Several rows with one id.** Of equal rows one is used; of different ones the one with the smallest content,
//! in the order of the fields read, never the first of the file.
//!
//! **Circuits.** The id is the endpoint's. With several live services on one endpoint the addresses still belong
//! to the endpoint, so one circuit has them all: the active service with the smallest id (a suspended one only if
//! none is active). It keeps the id; the others become `<endpoint>/<service>` without addresses, and both say so.
//! Services that are prepared, deferred, quoted, ended or obsolete make no circuit. An endpoint without a live
//! service is still one circuit: its addresses carry traffic, and UISP shapes them with the endpoint's own speeds.
//! Suspended is what either half calls suspended.
//!
//! **Plans.** The speeds of the endpoint (`qos`) come first, whether shaping is switched on in UISP or not: they
//! are what UISP works with. The CRM service fills a direction that is empty or 0, its override before its plan;
//! where both know a speed and differ, that is noted. Bursts are volumes in bytes and stay that. Guaranteed is the speed
//! divided by `aggregation`, which says how many share it; nothing where it is empty.
//!
//! **Overrides.** An override of a CRM service counts while it is switched on there, up to its end: a day is the last one
//! with it, and an instant ends it on the day, in UTC, that begins then or next. From then on the plan's speed holds, also
//! where the endpoint still has the override's. Both are said. Without a day of the build nothing ends.
//!
//! **Attaching.** In order of trust: the station's access point, up links, the parent site; a subscriber behind a
//! subscriber hangs where that one hangs. The larger radio capacity wins between two. A station that does not say which
//! access point it is on is on the one that lists it as connected (`stations`); on several such lists it is on none.
//!
//! **Capacities.** A radio states its own, toward the station and back; 0 and missing are unknown. A
//! point-to-multipoint airMax access point shares one capacity by its download ratio. A node keeps the radio's
//! terms; a link is turned by which end is the access point. An ethernet link has the negotiated speed of its
//! ports, in full; ports cap nothing else, because a port that renegotiates for a minute must not throttle a
//! tower. Sites and optical links have none.
//!
//! **Links.** `active` is up, `disconnected` and `disabled` are down, `proposed` is planned, anything else is
//! down: an unknown state must not carry traffic.

mod attach;
mod circuits;
mod facts;
mod map;
mod network;
#[cfg(test)]
mod tests;
mod wire;

use rayon::prelude::*;

use crate::config::date::Date;
use crate::config::project::Source;
use crate::exports::Export;
use crate::ir::records::{CircuitRecord, Records, SourceEvidence};
use crate::source_map::SourceMap;
use crate::sources::found::{Found, Index, Reader, dispose};
use crate::sources::json::Collection;
use crate::sources::uisp::circuits::{Crm, Subscriber};
use crate::sources::uisp::facts::{Device, Link, Site, SiteIx, SiteKind};
use crate::sources::uisp::map::Map;

const SITES: Collection = Collection {
    name: "sites",
    optional: false,
    mandatory: true,
    consequence: "neither the towers nor the subscribers are known",
};
const DEVICES: Collection = Collection {
    name: "devices",
    optional: false,
    mandatory: true,
    consequence: "no address is known, so nothing can be shaped",
};
const DATA_LINKS: Collection = Collection {
    name: "data-links",
    optional: false,
    mandatory: true,
    consequence: "how the towers are connected is not known",
};
/// The NMS alone is a source; a CRM that answers with an error is a broken one.
const SERVICES: Collection = Collection {
    name: "crm-services",
    optional: true,
    mandatory: true,
    consequence: "speeds and states come from the NMS alone",
};
const PLANS: Collection = Collection {
    name: "crm-plans",
    optional: true,
    mandatory: false,
    consequence: "a service that states no speeds of its own has none",
};
const CLIENTS: Collection = Collection {
    name: "crm-clients",
    optional: true,
    mandatory: false,
    consequence: "a subscriber without a name in the NMS is shown by its id",
};

/// `today`: the day of the build; without it nothing ends.
pub fn lower(source: &Source, export: &Export, files: &SourceMap, today: Option<Date>) -> Records {
    let reader = Reader {
        source,
        export,
        files,
    };
    let mut evidence = SourceEvidence::default();
    let sites: Vec<Found<Site>> = reader.read(&SITES, &mut evidence, facts::site);
    let site_index = Index::of(&sites);
    // The two halves know nothing of each other.
    let ((mut devices, network), (mut crm, mut billing)) = rayon::join(
        || {
            let mut evidence = SourceEvidence::default();
            let devices: Vec<Found<Device>> =
                reader.read(&DEVICES, &mut evidence, |row, evidence| {
                    facts::device(row, evidence, &sites, &site_index)
                });
            (devices, evidence)
        },
        || {
            let mut evidence = SourceEvidence::default();
            let crm = Crm {
                services: reader.read(&SERVICES, &mut evidence, |row, evidence| {
                    facts::service(row, evidence, &sites, &site_index, today)
                }),
                plans: reader.read(&PLANS, &mut evidence, facts::plan),
                clients: reader.read(&CLIENTS, &mut evidence, facts::client),
            };
            (crm, evidence)
        },
    );
    evidence.absorb(network);
    let device_index = Index::of(&devices);
    let ((links, network), ()) = rayon::join(
        || {
            let mut evidence = SourceEvidence::default();
            let links: Vec<Found<Link>> =
                reader.read(&DATA_LINKS, &mut evidence, |row, evidence| {
                    facts::link(row, evidence, &devices, &device_index, &site_index)
                });
            (links, evidence)
        },
        || crm.complete(&sites, &mut billing),
    );
    evidence.absorb(network);
    evidence.absorb(billing);

    let map = Map::of(
        &sites,
        &devices,
        &links,
        (&site_index, &device_index),
        &mut evidence,
    );
    let nodes = network::nodes(&map, &mut evidence);
    let link_records = network::links(&map, &mut evidence);
    let attached = attach::attach(&map, &mut evidence);
    let members = map.into_groups();
    drop(device_index);
    dispose(links);

    let services = crm.by_site();
    let clients = (Index::of(&crm.clients), crm.clients.as_slice());
    let subscribers: Vec<Option<Subscriber<'_>>> = (0..)
        .zip(&sites)
        .zip(attached)
        .map(|((at, site), attach)| {
            (site.fact.kind != SiteKind::Tower).then(|| Subscriber {
                site,
                attach,
                devices: (members.get(at).iter())
                    .map(|&device| circuits::device_record(&mut devices[device as usize]))
                    .collect(),
            })
        })
        .collect();
    let done: Vec<(Vec<CircuitRecord>, SourceEvidence)> = subscribers
        .into_par_iter()
        .enumerate()
        .fold(
            Default::default,
            |(mut circuits, mut evidence), (at, one)| {
                if let Some(subscriber) = one {
                    let at = SiteIx(at as u32);
                    let own = services.partition_point(|&(named, _)| named < at);
                    let end = services.partition_point(|&(named, _)| named <= at);
                    let services = &services[own..end];
                    circuits::circuits(
                        subscriber,
                        services,
                        &clients,
                        &mut evidence,
                        &mut circuits,
                    );
                }
                (circuits, evidence)
            },
        )
        .collect();
    let mut circuits: Vec<CircuitRecord> = Vec::with_capacity(sites.len());
    for (some, own) in done {
        circuits.extend(some);
        evidence.absorb(own);
    }
    // All but the second service of a site are in order.
    circuits.sort_by(|a, b| a.id.cmp(&b.id));
    drop((services, clients));
    dispose((sites, devices, crm));
    Records {
        nodes,
        links: link_records,
        circuits,
        seen: Vec::new(),
        evidence,
    }
}
