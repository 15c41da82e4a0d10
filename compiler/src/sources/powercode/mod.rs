//! The `powercode` source: recorded answers of Powercode's export for shapers. Everything that knows Powercode's words
//! is below this module; it decides nothing about the shape of the tree, about rates beyond what is sold, or about which
//! addresses are good.
//!
//! | Powercode | here |
//! |---|---|
//! | site | node `powercode:site:<id>`, kind site |
//! | equipment of a site | node `powercode:equipment:<id>`: ap when its category is one of access points, else other |
//! | `parent_id` of such equipment | what feeds it |
//! | customer with equipment | circuit `<id>`, with the smallest of the services with a rate that are booked |
//! | each further one of these services | circuit `<id>/<service>`, with the equipment that is booked on it |
//! | customers 0 and 1 | nothing: nobody, and the operator's own account; if they have an address, that is said |
//! | coordinates | Powercode gives none that Weir knows of; a second source can |
//!
//! **Ids** are text or numbers, from one list to the next: equal when they read the same.
//!
//! **Rates** are kbit/s. No rate, an empty one and 0 are the same: such a service carries no data. Equipment of every
//! category counts: what decides is the service it is booked on.
//!
//! **State.** `Suspended` and `Delinquent` customers are suspended, `Inactive` ones and their like make no circuit. What
//! nobody has explained counts as active.
//!
//! **Attaching**: the `parent_id` of the equipment of the circuit, else that of the customer's other equipment.

mod circuits;
mod facts;
#[cfg(test)]
mod tests;
mod wire;

use crate::config::project::Source;
use crate::exports::Export;
use crate::ir::records::{
    NodeKind, NodeRecord, Records, Repeat, SourceEvidence, Subject, SubjectKind,
};
use crate::source_map::SourceMap;
use crate::sources::found::{Found, Reader};
use crate::sources::json::Collection;
use crate::sources::places::{self, Fed, Piece};
use crate::sources::powercode::circuits::Owners;
use crate::sources::powercode::facts::{Gear, Site, gear_node, site_node};
use crate::units::Pair;

const CUSTOMERS: Collection = Collection {
    name: "customers",
    optional: false,
    mandatory: true,
    consequence: "no subscriber is known",
};
const SERVICES: Collection = Collection {
    name: "services",
    optional: false,
    mandatory: true,
    consequence: "no plan is known",
};
const SITES: Collection = Collection {
    name: "sites",
    optional: true,
    mandatory: true,
    consequence: "no site and no access point is known: every strategy shapes as `flat` does",
};

pub fn lower(source: &Source, export: &Export, files: &SourceMap) -> Records {
    let reader = Reader {
        source,
        export,
        files,
    };
    let mut evidence = SourceEvidence::default();
    let sites = reader.read(&SITES, &mut evidence, facts::site);
    let services = reader.read(&SERVICES, &mut evidence, facts::service);
    let customers = reader.read(&CUSTOMERS, &mut evidence, facts::customer);
    let owners = Owners::of(&sites, &customers);
    let circuits = circuits::circuits(&customers, &services, &owners, &mut evidence);
    Records {
        nodes: nodes(&sites, &mut evidence),
        links: Vec::new(),
        circuits,
        seen: Vec::new(),
        evidence,
    }
}

fn nodes(sites: &[Found<Site>], evidence: &mut SourceEvidence) -> Vec<NodeRecord> {
    let mut items: Vec<(&Gear, u32)> = (0..)
        .zip(sites)
        .flat_map(|(at, site)| site.fact.equipment.iter().map(move |gear| (gear, at)))
        .collect();
    items.sort();
    items.dedup_by(|(again, at), (first, used)| {
        let repeated = again.id == first.id;
        if repeated {
            evidence.repeats.push(Repeat {
                place: sites[*at as usize].origin.at(again.route.clone()),
                first: sites[*used as usize].origin.at(first.route.clone()),
                subject: Subject::new(SubjectKind::Node, &gear_node(&again.id), &again.name),
                identical: again.parent == first.parent && at == used,
                differs: Vec::new(),
            });
        }
        repeated
    });
    let position = |id: &str| items.binary_search_by(|(gear, _)| (*gear.id).cmp(id)).ok();
    let pieces = items.iter().map(|&(gear, site)| Piece {
        id: gear_node(&gear.id),
        name: gear.name.clone(),
        kind: if gear.access {
            NodeKind::Ap
        } else {
            NodeKind::Other
        },
        site: Some(site),
        fed_by: match gear.parent.as_deref().map(|id| (id, position(id))) {
            None => Fed::Nobody,
            Some((_, Some(at))) => Fed::By(at as u32),
            Some((id, None)) => Fed::Unknown(id.into(), gear_node(id)),
        },
        route: gear.route.clone(),
        capacity: Pair::default(),
        position: None,
        origin: sites[site as usize].origin,
    });
    let stand = sites.iter().map(|found| places::Site {
        id: site_node(&found.fact.id),
        name: found.fact.name.clone(),
        position: None,
        origin: found.origin,
    });
    let mut nodes = places::nodes(stand.collect(), pieces.collect(), evidence);
    nodes.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    nodes
}
