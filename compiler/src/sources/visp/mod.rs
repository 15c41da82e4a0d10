//! The `visp` source: VISP's recorded GraphQL answers. Everything that knows VISP's words is below this module; it
//! decides nothing about the shape of the tree or about which addresses are good.
//!
//! | VISP | here |
//! |---|---|
//! | location of network equipment | node `visp:site:<location_id>`, kind site |
//! | equipment AP, OLT | node `visp:eq:<id>`, kind ap; in its site |
//! | other equipment, but for what stands at customers' | the same, kind other |
//! | `parent_id` across two sites | link `visp:link:<id>`; of unknown capacity, VISP states none |
//! | wireless service, and a service of a customer's own list | circuit `<service_number>`, else `<id>` of the row |
//! | service of another kind (fiber, cable, DSL, LTE and the like) | the same; VISP tells no speed of most of them |
//! | VoIP service | nothing |
//! | its address and MAC | device `visp:service:<circuit>` |
//! | a customer's equipment | device `visp:eq:<id>`; addresses beside the customer `visp:subscriber:<id>` |
//! | coordinates | VISP gives none that Weir knows of; a second source can |
//!
//! **Gateways.** A site is where traffic enters when equipment in it has no parent and nothing in it is fed from
//! another site.
//!
//! **Addresses** belong to the service that states them. What only the customer has (package, equipment, address list)
//! goes to the one service that states no address, as fiber and cable do not, else to the customer's first service: the
//! active one with the smallest number, wireless ones before others. Who is online counts where a
//! customer has no address otherwise. Masks are kept: `203.0.113.72/29` is the routed prefix.
//!
//! **Where a service hangs**: the parent of the customer's radio, past the equipment of other customers; then the
//! access point, then the tower that the operator wrote down beside the customer. A radio is found by the equipment
//! listed with the services, else by the customer's name where only one customer has it. Of fiber, cable and the like beside
//! a wireless service nothing says where it hangs.
//!
//! **Which services.** The bulk answer tells of wireless ones. What else a customer has, and what a customer has whom it
//! leaves out, stands in the customer's own list; a service that both tell of is what the bulk answer says. A wireless
//! service without a number in that list is one of those of the bulk answer, where it tells of enough of them. A customer of
//! whom there is no list is named. Who has no service that is shaped, and has an address, is named too.
//!
//! **States.** Cancelled, canceled, terminated and deleted services are over, whichever of the two states says so;
//! suspended is what the service or the customer is. Anything else is live: tenants leave live services INACTIVE.
//!
//! **Errors.** An answer with `errors` is not used, also when it holds data.

mod answer;
mod circuits;
mod facts;
mod network;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::project::Source;
use crate::exports::Export;
use crate::ir::records::{OddField, Records, SourceEvidence};
use crate::source_map::SourceMap;
use crate::sources::found::{Fact, Index, settle};
use crate::sources::json::Collection;
use crate::sources::rows;
use crate::sources::visp::answer::{Operation, Reader};
use crate::sources::visp::circuits::Book;
use crate::sources::visp::facts::Class;
use crate::sources::visp::network::Map;

const BULK: Operation = Operation {
    collection: Collection {
        name: "bulk",
        optional: false,
        mandatory: true,
        consequence: "no service is known",
    },
    names: ["customerCPEwithWirelessServiceSpeeds", "rows"],
};
const SUBSCRIBERS: Operation = Operation {
    collection: Collection {
        name: "subscribers",
        optional: false,
        mandatory: true,
        consequence: "addresses, states and names of customers are not known",
    },
    names: ["subscribers", "rows"],
};
const ASSEMBLIES: Operation = Operation {
    collection: Collection {
        name: "assemblies",
        optional: true,
        mandatory: true,
        consequence: "where customers hang is known only where it is written beside them",
    },
    names: ["equipmentAssemblies", "rows"],
};
const EQUIPMENT: Operation = Operation {
    collection: Collection {
        name: "equipment",
        optional: true,
        mandatory: true,
        consequence: "no node is known, so only plans can be shaped",
    },
    names: ["equipmentPg", "rows"],
};
const ONLINE: Operation = Operation {
    collection: Collection {
        name: "online",
        optional: true,
        mandatory: false,
        consequence: "customers without an address are not looked up among those who are online",
    },
    names: ["onlineUsers", "rows"],
};
const SERVICES: Operation = Operation {
    collection: Collection {
        name: "customer-*-services",
        optional: true,
        mandatory: true,
        consequence: "",
    },
    names: ["customerServices", "rows"],
};
const ADDRESSES: Operation = Operation {
    collection: Collection {
        name: "customer-*-ips",
        optional: true,
        mandatory: true,
        consequence: "",
    },
    names: ["customerIPList", "row"],
};

pub fn lower(source: &Source, export: &Export, files: &SourceMap) -> Records {
    let reader = Reader {
        source: &source.name,
        export,
        files,
    };
    let mut evidence = SourceEvidence::default();
    let subscribers = reader.read(&SUBSCRIBERS, &mut evidence, facts::subscriber);
    let subscribers = settle(subscribers, &mut evidence);
    let bulk = reader.read(&BULK, &mut evidence, facts::bulk);
    let assemblies = reader.read(&ASSEMBLIES, &mut evidence, |row, evidence| {
        facts::equipment(row, evidence, true)
    });
    let assemblies = settle(assemblies, &mut evidence);
    let equipment = reader.read(&EQUIPMENT, &mut evidence, |row, evidence| {
        facts::equipment(row, evidence, false)
    });
    let mut equipment = settle(equipment, &mut evidence);
    // What is installed at a customer's and is called neither access point nor what customers have is a customer's.
    let installed = Index::of(&assemblies);
    for found in &mut equipment {
        if found.fact.class == Class::Network && installed.get(&found.fact.id).is_some() {
            found.fact.class = Class::Premises;
        }
    }
    let mut online: BTreeMap<Box<str>, Vec<_>> = BTreeMap::new();
    for (username, found) in reader.read(&ONLINE, &mut evidence, facts::online) {
        online.entry(username).or_default().push(found);
    }
    for sessions in online.values_mut() {
        // Of several sessions the one with the smallest address, whatever their order.
        sessions.sort_by(|a, b| (&a.fact, a.origin).cmp(&(&b.fact, b.origin)));
        sessions.dedup_by(|a, b| a.fact == b.fact);
    }
    let services = reader.each_rows(&SERVICES, &mut evidence, facts::customer_service);
    let services: Vec<_> = services.into_iter().flatten().collect();
    let addresses = reader.each(&ADDRESSES, &mut evidence, facts::addresses);

    let map = Map::of(&equipment, &assemblies);
    let (nodes, links) = network::network(&map, &mut evidence);
    // A customer whom neither answer knows has services nobody looked at.
    // The bulk answer lists customers without a wireless service too: what else they have it does not tell.
    let in_bulk = bulk.iter().filter(|customer| !customer.services.is_empty());
    let mut answered: BTreeSet<Box<str>> = in_bulk.filter_map(|c| c.id.clone()).collect();
    answered.extend(
        export
            .each(SERVICES.collection.name)
            .map(|(id, _)| Box::from(id)),
    );
    let listed: BTreeSet<&str> = (export.each(SERVICES.collection.name))
        .map(|(id, _)| id)
        .collect();
    let mut told = BTreeSet::new();
    for customer in &bulk {
        let Some(id) = (customer.id.as_deref()).filter(|id| !listed.contains(id)) else {
            continue;
        };
        if !customer.services.is_empty() && told.insert(id) {
            evidence.odd_fields.push(OddField {
                place: customer.origin.at("/wireless_services"),
                subject: customer.subject(),
                what: format!(
                    "is all that is known of this customer's services: record customer-{id}-services, or fiber, cable and \
                     the like of this customer pass unshaped"
                ),
                required: false,
            });
        }
    }
    for found in &subscribers {
        if !answered.contains(&*found.fact.id) && !found.fact.over {
            evidence.odd_fields.push(OddField {
                place: found.origin.at("/customer_id"),
                subject: found.fact.subject(),
                what: format!(
                    "is in no answer about services: record customer-{}-services, or this customer passes unshaped",
                    found.fact.id
                ),
                required: true,
            });
        }
    }
    let book = Book {
        subscribers: &subscribers,
        bulk,
        services,
        addresses: addresses.into_iter().collect(),
        online,
        assemblies: &assemblies,
        answered,
    };
    let rows = book.rows(&map, &mut evidence);
    let mut circuits = rows::group(rows, &mut evidence);
    for circuit in &mut circuits {
        // A circuit stands where its service does, whichever of its devices came first.
        circuit.origin = circuit.plan_origin.take().unwrap_or(circuit.origin);
    }
    Records {
        nodes,
        links,
        circuits,
        seen: Vec::new(),
        evidence,
    }
}
