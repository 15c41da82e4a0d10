//! The `sonar` source: recorded answers of Sonar's GraphQL API, version 2. Everything that knows Sonar's words is below
//! this module; it decides nothing about the shape of the tree, about rates beyond what is sold, or about which addresses
//! are good.
//!
//! | Sonar | here |
//! |---|---|
//! | network site | node `sonar:site:<id>`, kind site |
//! | inventory item in one | node `sonar:item:<id>`: ap when its model's category or its deployment type says so, else other |
//! | `parent_inventory_item_id` of such an item | what feeds it |
//! | account that is active | circuit `sonar:account:<id>`, with its largest data service |
//! | each further data service | circuit `sonar:account:<id>/<service>`, with the items that are tied to it |
//! | item, RADIUS account, loose MAC address, addresses of the account | devices |
//! | `latitude` and `longitude` of items and of addresses | where it stands; of several addresses a physical one |
//!
//! **Ids** are text, or numbers. Child accounts are accounts like any other; copies nested in their parent are not read.
//!
//! **Speeds** are kbit/s. Sonar knows neither bursts nor guaranteed rates nor capacities.
//!
//! **State.** An account whose status does not activate it, or that is archived, makes no circuit; one that is delinquent
//! is suspended.
//!
//! **Lists inside of a record**, such as the services of an account, have no pages. Where they say how long they are and
//! hold less, that is said: what is not there is not shaped.
//!
//! **Addresses** that were learned (`soft`) may be stale: what is assigned to another account stays there.

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
use crate::sources::found::{Found, Index, Reader};
use crate::sources::json::Collection;
use crate::sources::json::graphql::Root;
use crate::sources::places::{self, Fed, Piece};
use crate::sources::sonar::circuits::Equipment;
use crate::sources::sonar::facts::{Gear, Site, item_node, site_node};
use crate::units::Pair;

const STATUSES: Collection = Collection {
    name: "account-statuses",
    optional: true,
    mandatory: false,
    consequence: "an account that does not say what its status means counts as active",
};
const SITES: Collection = Collection {
    name: "network-sites",
    optional: true,
    mandatory: true,
    consequence: "no site and no access point is known",
};
const ACCOUNTS: Collection = Collection {
    name: "accounts",
    optional: false,
    mandatory: true,
    consequence: "no subscriber is known",
};

/// Every list stands in `entities`.
const fn root(field: &'static str) -> Root {
    Root {
        field,
        list: "entities",
    }
}

pub fn lower(source: &Source, export: &Export, files: &SourceMap) -> Records {
    let reader = Reader {
        source,
        export,
        files,
    };
    let mut evidence = SourceEvidence::default();
    let ev = &mut evidence;
    let statuses = reader.read_graphql(&STATUSES, root("account_statuses"), ev, facts::status);
    let sites = reader.read_graphql(&SITES, root("network_sites"), ev, facts::site);
    let accounts = reader.read_graphql(&ACCOUNTS, root("accounts"), ev, facts::account);
    let status_index = Index::of(&statuses);
    let active: Vec<bool> = (accounts.iter())
        .map(|account| circuits::is_active(&account.fact, &status_index, &statuses))
        .collect();
    let equipment = Equipment::of(&sites, &accounts, &active);
    let circuits = circuits::circuits(&accounts, &active, &equipment, &mut evidence);
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
        .flat_map(|(at, site)| site.fact.items.iter().map(move |item| (item, at)))
        .collect();
    items.sort();
    items.dedup_by(|(again, at), (first, used)| {
        let repeated = again.id == first.id;
        if repeated {
            evidence.repeats.push(Repeat {
                place: sites[*at as usize].origin.at(again.route.clone()),
                first: sites[*used as usize].origin.at(first.route.clone()),
                subject: Subject::new(SubjectKind::Node, &item_node(&again.id), &again.name),
                identical: again.parent == first.parent && at == used,
                differs: Vec::new(),
            });
        }
        repeated
    });
    let position = |id: &str| items.binary_search_by(|(item, _)| (*item.id).cmp(id)).ok();
    let pieces = items.iter().map(|&(item, site)| Piece {
        id: item_node(&item.id),
        name: item.name.clone(),
        kind: if item.access {
            NodeKind::Ap
        } else {
            NodeKind::Other
        },
        site: Some(site),
        fed_by: match item.parent.as_deref().map(|id| (id, position(id))) {
            None => Fed::Nobody,
            Some((_, Some(at))) => Fed::By(at as u32),
            Some((id, None)) => Fed::Unknown(id.into(), item_node(id)),
        },
        route: item.route.clone(),
        capacity: Pair::default(),
        position: item.position,
        origin: sites[site as usize].origin,
    });
    let stand = sites.iter().map(|found| places::Site {
        id: site_node(&found.fact.id),
        name: match found.fact.name.is_empty() {
            true => found.fact.id.clone(),
            false => found.fact.name.clone(),
        },
        position: found.fact.position,
        origin: found.origin,
    });
    let mut nodes = places::nodes(stand.collect(), pieces.collect(), evidence);
    nodes.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    nodes
}
