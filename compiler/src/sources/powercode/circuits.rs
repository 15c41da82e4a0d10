//! Subscribers: every customer becomes a circuit for each service with a rate that equipment is booked on, with the
//! addresses of that equipment. Equipment without a service of its own belongs to the first.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ir::records::{
    CircuitRecord, Dangling, DeviceRecord, NodeRef, OddField, RefBy, Relay, ServiceState,
    SourceEvidence, Subject, SubjectKind, UplinkChoice,
};
use crate::sources::found::{Fact, Found, Index};
use crate::sources::powercode::facts::{Customer, Equipment, Service, Site, gear_node};
use crate::units::Pair;

/// Whose equipment is whose.
pub struct Owners<'a> {
    /// Equipment of sites.
    nodes: FxHashSet<&'a str>,
    /// Equipment of customers: whose, and what feeds it.
    items: FxHashMap<&'a str, (u32, Option<&'a str>)>,
}

impl<'a> Owners<'a> {
    pub fn of(sites: &'a [Found<Site>], customers: &'a [Found<Customer>]) -> Self {
        let mut owners = Owners {
            nodes: (sites.iter())
                .flat_map(|site| site.fact.equipment.iter().map(|gear| &*gear.id))
                .collect(),
            items: FxHashMap::default(),
        };
        for (at, customer) in (0..).zip(customers) {
            for piece in &customer.fact.equipment {
                let entry = owners.items.entry(&piece.id).or_insert((at, None));
                entry.1 = entry.1.or(piece.parent.as_deref());
            }
        }
        owners
    }

    /// The site equipment above, and the first other customer on the way there.
    fn node(&self, parent: &'a str, own: u32) -> (&'a str, Option<u32>) {
        let (mut at, mut relay) = (parent, None);
        // A chain of subscribers that is longer than this runs in a circle.
        for _ in 0..32 {
            if self.nodes.contains(at) {
                return (at, relay);
            }
            match self.items.get(at) {
                Some(&(customer, Some(next))) => {
                    if customer != own {
                        relay = relay.or(Some(customer));
                    }
                    at = next;
                }
                Some((_, None)) | None => return (at, relay),
            }
        }
        (parent, None)
    }
}

pub fn circuits(
    customers: &[Found<Customer>],
    services: &[Found<Service>],
    owners: &Owners<'_>,
    evidence: &mut SourceEvidence,
) -> Vec<CircuitRecord> {
    let index = Index::of(services);
    let mut circuits = Vec::with_capacity(customers.len());
    for (at, found) in (0..).zip(customers) {
        let customer = &found.fact;
        // 1 is the operator's own account, 0 is nobody's.
        let live = match (&*customer.id, customer.state) {
            ("0", _) => Err(("/id", "is nobody's, and the record has")),
            ("1", _) => Err(("/id", "is that of the operator's own account, which has")),
            (_, None) => Err(("/status", "says that the customer is gone, who still has")),
            (_, Some(state)) => Ok(state),
        };
        let state = match live {
            Ok(state) => state,
            Err((route, why)) => {
                let addresses: usize = (customer.equipment.iter())
                    .map(|piece| piece.claims.len())
                    .sum();
                if addresses > 0 {
                    evidence.odd_fields.push(OddField {
                        place: found.origin.at(route),
                        subject: customer.subject(),
                        what: format!(
                            "{why} {addresses} address{}: if they carry traffic it passes unshaped",
                            if addresses == 1 { "" } else { "es" }
                        ),
                        required: false,
                    });
                }
                continue;
            }
        };
        if customer.equipment.is_empty() {
            evidence.odd_fields.push(OddField {
                place: found.origin.at("/equipment"),
                subject: customer.subject(),
                what: "is empty: without equipment neither a service nor an address is known, and there is no circuit"
                    .into(),
                required: false,
            });
            continue;
        }
        let one = One {
            at,
            found,
            state,
            customers,
            owners,
        };
        one.circuits(services, &index, evidence, &mut circuits);
    }
    circuits.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    circuits
}

/// One customer.
struct One<'a> {
    at: u32,
    found: &'a Found<Customer>,
    state: ServiceState,
    customers: &'a [Found<Customer>],
    owners: &'a Owners<'a>,
}

impl One<'_> {
    fn circuits(
        &self,
        services: &[Found<Service>],
        index: &Index<'_>,
        evidence: &mut SourceEvidence,
        out: &mut Vec<CircuitRecord>,
    ) {
        let customer = &self.found.fact;
        // The services that carry data, in the order of ids: numbers by their value.
        let mut booked: Vec<(u32, String)> = Vec::new();
        let mut first_booking: Option<(u32, String)> = None;
        for piece in &customer.equipment {
            let Some(id) = &piece.service else { continue };
            let route = format!("{}/service_id", piece.route);
            let Some(at) = index.get(id) else {
                evidence.dangling.push(Dangling {
                    place: self.found.origin.at(route),
                    subject: customer.subject(),
                    wanted_kind: "service",
                    wanted: id.clone(),
                    consequence: "this equipment has no plan of its own",
                });
                continue;
            };
            first_booking.get_or_insert((at, route.clone()));
            if services[at as usize].fact.is_data() && !booked.iter().any(|(b, _)| *b == at) {
                booked.push((at, route));
            }
        }
        booked.sort_by_key(|(at, _)| {
            let id = &services[*at as usize].fact.id;
            (id.len(), id.clone())
        });
        let main = booked.first().map(|(at, _)| *at);
        let is_main = |piece: &&Equipment| {
            let own = piece.service.as_deref().and_then(|id| index.get(id));
            own.is_none_or(|own| !booked.iter().skip(1).any(|(at, _)| *at == own))
        };
        let devices: Vec<&Equipment> = customer.equipment.iter().filter(is_main).collect();
        let plan = main
            .or(first_booking.map(|(at, _)| at))
            .map(|at| &services[at as usize]);
        out.push(self.circuit(
            customer.id.clone(),
            customer.name.clone(),
            plan,
            &devices,
            evidence,
        ));
        for (at, _) in booked.iter().skip(1) {
            let service = &services[*at as usize];
            let devices: Vec<&Equipment> = (customer.equipment.iter())
                .filter(|piece| piece.service.as_deref() == Some(&*service.fact.id))
                .collect();
            let id: Box<str> = format!("{}/{}", customer.id, service.fact.id).into();
            let label = match service.fact.name.is_empty() {
                true => &service.fact.id,
                false => &service.fact.name,
            };
            let name: Box<str> = format!("{} ({label})", customer.name).into();
            out.push(self.circuit(id, name, Some(service), &devices, evidence));
        }
    }

    fn circuit(
        &self,
        id: Box<str>,
        name: Box<str>,
        plan: Option<&Found<Service>>,
        devices: &[&Equipment],
        evidence: &mut SourceEvidence,
    ) -> CircuitRecord {
        let subject = Subject::new(SubjectKind::Circuit, &id, &name);
        let mut place = self.attach(devices, &subject, evidence);
        if place.is_empty() {
            // A bridge carries the parent, the router behind it the address.
            let all: Vec<&Equipment> = self.found.fact.equipment.iter().collect();
            place = self.attach(&all, &subject, evidence);
        }
        CircuitRecord {
            attach: place,
            devices: devices
                .iter()
                .filter(|piece| !piece.claims.is_empty())
                .map(|piece| DeviceRecord {
                    id: format!("c_{}_s__d_{}", self.found.fact.id, piece.id).into(),
                    name: piece.name.clone(),
                    mac: piece.mac.clone(),
                    claims: piece.claims.clone(),
                    origin: self.found.origin,
                })
                .collect(),
            id,
            name,
            plan: plan.map(|service| service.fact.speed).unwrap_or_default(),
            burst: Pair::ZERO,
            burst_bytes: Pair::default(),
            commit: Pair::ZERO,
            state: self.state,
            leaf: Pair::default(),
            comment: Box::default(),
            position: None,
            origin: self.found.origin,
            plan_route: match plan {
                Some(_) => Pair::new("/rate_down", "/rate_up"),
                None => Pair::both("/equipment"),
            },
            plan_origin: plan.map(|service| service.origin),
        }
    }

    /// Where the equipment says it hangs; the first of several by id, and the others are named.
    fn attach(
        &self,
        devices: &[&Equipment],
        circuit: &Subject,
        evidence: &mut SourceEvidence,
    ) -> Vec<NodeRef> {
        let mut ways: Vec<(bool, NodeRef)> = Vec::new();
        for piece in devices {
            let Some(parent) = piece.parent.as_deref() else {
                continue;
            };
            let (item, relay) = self.owners.node(parent, self.at);
            // Another piece of the same customer that says nothing either.
            if self
                .owners
                .items
                .get(item)
                .is_some_and(|(at, _)| *at == self.at)
            {
                continue;
            }
            let route = format!("{}/parent_id", piece.route);
            if let Some(relay) = relay {
                evidence.relays.push(Relay {
                    place: self.found.origin.at(route.clone()),
                    circuit: circuit.clone(),
                    relay: self.customers[relay as usize].fact.subject(),
                });
            }
            let node = gear_node(item);
            if !ways.iter().any(|(_, way)| way.text == node) {
                ways.push((
                    !self.owners.nodes.contains(item),
                    NodeRef {
                        text: node,
                        by: RefBy::Id,
                        route: route.into(),
                    },
                ));
            }
        }
        // What stands in a site before what the export does not hold.
        ways.sort_by_key(|(unknown, _)| *unknown);
        let rivals: Vec<Box<str>> = (ways.iter().skip(1))
            .filter(|(unknown, _)| !unknown)
            .map(|(_, way)| way.text.clone())
            .collect();
        if !rivals.is_empty() {
            evidence.uplink_choices.push(UplinkChoice {
                place: self.found.origin.at(ways[0].1.route.clone()),
                circuit: circuit.clone(),
                chosen: ways[0].1.text.clone(),
                rivals,
            });
        }
        ways.into_iter().map(|(_, way)| way).collect()
    }
}
