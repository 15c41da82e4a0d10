//! The `splynx` source: recorded answers of the Splynx API. Everything that knows Splynx's words is below this module;
//! it decides nothing about the shape of the tree, about rates beyond what is sold, or about which addresses are good.
//!
//! | Splynx | here |
//! |---|---|
//! | network site | node `splynx:network-site:<id>`, kind site |
//! | monitored hardware | node `splynx:hardware:<id>`: ap when it is an access device or a service or session names it, else other |
//! | router | node `splynx:router:<id>`, kind other; the hardware with its address when it is monitored |
//! | sector of a router | node `splynx:sector:<id>`, kind ap, with its speeds as capacity; its parent is the router |
//! | internet service with status `active` | circuit `<id>` |
//! | one that is stopped or disabled | nothing; if it keeps a fixed address that nobody has, that is said |
//! | online session | a device of its service's circuit |
//! | anything else | nothing |
//! | `gps` of sites, hardware, routers and customers, `geo.marker` of services | where it stands; of a circuit the service's, else its customer's |
//!
//! **Numbers** come as numbers, or as text from older servers; 0 is no reference. Neither is odd.
//!
//! **Speeds** are kbit/s. 0 means "no limit" there, which is no plan here. A tariff's fixed burst is the rate that is
//! reached, a percentage comes on top; both count only if `burst_type` says so, stale values beside it do not. The
//! guaranteed rate is that of `speed_limit_type`. Speeds in the additional attributes of a service take the tariff's
//! place. What a usage policy does now (`fup`) is applied last: per cent off, or a fixed rate in bytes a second.
//!
//! **State.** A customer who does not pay is `blocked` while the service stays `active`: the customer decides, and a
//! session or a usage policy that is blocked.
//!
//! **Addresses.** Fixed ones are the service's. A session adds what it has: an address that another service holds for
//! good, or that a later session has, is stale and left out.
//!
//! **Attaching**: the access device, else the sector, else the router, each looked up in its own table. Who is online
//! is before the router on the one piece of hardware that is called as the session's `port`, and where the service names
//! no router on the one that the session came in by (`nas_id`).

mod circuits;
mod facts;
mod network;
#[cfg(test)]
mod tests;
mod wire;

use crate::config::project::Source;
use crate::exports::Export;
use crate::ir::records::{Records, SourceEvidence};
use crate::source_map::SourceMap;
use crate::sources::found::Reader;
use crate::sources::json::Collection;
use crate::sources::splynx::circuits::{Billing, Online};
use crate::sources::splynx::network::Network;

const SERVICES: Collection = Collection {
    name: "services",
    optional: false,
    mandatory: true,
    consequence: "no subscriber is known",
};
const TARIFFS: Collection = Collection {
    name: "tariffs",
    optional: false,
    mandatory: true,
    consequence: "no plan is known",
};
const CUSTOMERS: Collection = Collection {
    name: "customers",
    optional: false,
    mandatory: true,
    consequence: "neither names nor who is blocked are known",
};
const ONLINE: Collection = Collection {
    name: "online",
    optional: true,
    mandatory: true,
    consequence: "a service whose address comes from a pool or a router has none",
};
const SITES: Collection = Collection {
    name: "network-sites",
    optional: true,
    mandatory: true,
    consequence: "hardware hangs on hardware alone, and `ap_site` has no sites",
};
const MONITORING: Collection = Collection {
    name: "monitoring",
    optional: true,
    mandatory: true,
    consequence: "no access point is known",
};
const ROUTERS: Collection = Collection {
    name: "routers",
    optional: true,
    mandatory: true,
    consequence: "a service that names only its router has no place",
};
const SECTORS: Collection = Collection {
    name: "sectors",
    optional: true,
    mandatory: true,
    consequence: "a service that names only its sector has no place, and no capacity of the network is known",
};
const FUP: Collection = Collection {
    name: "fup",
    optional: true,
    mandatory: false,
    consequence: "who is slowed down or blocked by a usage policy gets the full plan",
};
const IPV6: Collection = Collection {
    name: "ipv6",
    optional: true,
    mandatory: false,
    consequence: "an IPv6 network that a service names without its length is one address",
};

pub fn lower(source: &Source, export: &Export, files: &SourceMap) -> Records {
    let reader = Reader {
        source,
        export,
        files,
    };
    // The halves know nothing of each other.
    let ((network, sessions, mut evidence), (mut billing, plan, other)) = rayon::join(
        || {
            let mut evidence = SourceEvidence::default();
            let network = Network {
                sites: reader.read(&SITES, &mut evidence, facts::site),
                hardware: reader.read(&MONITORING, &mut evidence, facts::hardware),
                routers: reader.read(&ROUTERS, &mut evidence, facts::router),
                sectors: reader.read(&SECTORS, &mut evidence, facts::sector),
            };
            let sessions = reader.read(&ONLINE, &mut evidence, facts::session);
            (network, sessions, evidence)
        },
        || {
            let mut evidence = SourceEvidence::default();
            let billing = Billing {
                customers: reader.read(&CUSTOMERS, &mut evidence, facts::customer),
                tariffs: reader.read(&TARIFFS, &mut evidence, facts::tariff),
                services: reader.read(&SERVICES, &mut evidence, facts::service),
                caps: reader.read(&FUP, &mut evidence, facts::cap),
            };
            let plan = reader.read(&IPV6, &mut evidence, facts::net6);
            (billing, plan, evidence)
        },
    );
    evidence.absorb(other);
    circuits::fill_lengths(&mut billing.services, &plan);
    let routers = network.routers();
    let online = Online::of(&sessions, &billing.services, &mut evidence);
    let ports = online.ports(&network.hardware);
    Records {
        nodes: network.nodes(&routers, &billing.services, &ports, &mut evidence),
        links: Vec::new(),
        circuits: billing.circuits(&online, &ports, &routers, &mut evidence),
        seen: Vec::new(),
        evidence,
    }
}
