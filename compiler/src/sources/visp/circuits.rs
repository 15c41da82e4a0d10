//! Services into circuits: whose addresses are whose, and where each hangs.

use std::collections::{BTreeMap, BTreeSet};

use crate::ir::address::{Claim, ClaimValue};
use crate::ir::records::{
    NodeRef, OddField, Origin, RefBy, Relay, ServiceState, SourceEvidence, UplinkChoice,
};
use crate::sources::found::{Fact, Found, Index};
use crate::sources::rows::Row;
use crate::sources::visp::facts::{
    Customer, Equipment, Own, Service, Standing, Subscriber, node_id,
};
use crate::sources::visp::network::{Map, Up, circuit_subject};
use crate::units::Pair;

/// Everything that is known of subscribers.
pub struct Book<'a> {
    pub subscribers: &'a [Found<Subscriber>],
    pub bulk: Vec<Customer>,
    pub services: Vec<Service>,
    pub addresses: BTreeMap<Box<str>, Found<Vec<Claim>>>,
    /// Sessions by user name, the one that counts first.
    pub online: BTreeMap<Box<str>, Vec<Found<Vec<Claim>>>>,
    pub assemblies: &'a [Found<Equipment>],
    /// Customers whose services some answer tells of.
    pub answered: BTreeSet<Box<str>>,
}

/// One customer's services and equipment.
#[derive(Default)]
struct Holding {
    services: Vec<Service>,
    /// Of the services, those the bulk answer tells of; and of these, those the customer's own list tells of by number.
    in_bulk: usize,
    in_both: BTreeSet<Box<str>>,
    /// Wireless services of the list that have no number.
    unnumbered: Vec<Service>,
    own: Vec<Found<Own>>,
}

impl Book<'_> {
    /// One row for each device of a circuit.
    pub fn rows(self, map: &Map<'_>, evidence: &mut SourceEvidence) -> Vec<Row> {
        let index = Index::of(self.subscribers);
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        for found in self.subscribers {
            for name in BTreeSet::from([&*found.fact.username, &*found.fact.full_name]) {
                if !name.is_empty() {
                    *by_name.entry(name).or_default() += 1;
                }
            }
        }
        // Whoever has no id stands alone: services of one number are still one circuit.
        let mut holdings: BTreeMap<(Option<Box<str>>, usize), Holding> = BTreeMap::new();
        let mut bulk_numbers = BTreeSet::new();
        for (position, customer) in self.bulk.into_iter().enumerate() {
            bulk_numbers.extend(customer.services.iter().map(|s| s.circuit.clone()));
            let alone = if customer.id.is_some() {
                0
            } else {
                position + 1
            };
            let holding = holdings.entry((customer.id, alone)).or_default();
            holding.in_bulk += customer.services.len();
            holding.services.extend(customer.services);
            holding.own.extend(customer.own);
        }
        // Numbers and ids of rows are counted apart.
        let mut numbers = bulk_numbers.clone();
        let numbered = self.services.iter().filter(|service| service.numbered);
        numbers.extend(numbered.map(|service| service.circuit.clone()));
        for mut service in self.services {
            let holding = holdings.entry((service.customer.clone(), 0)).or_default();
            if service.numbered && bulk_numbers.contains(&service.circuit) {
                // The bulk answer and a customer's own speak of the same service.
                holding.in_both.insert(service.circuit);
            } else if service.numbered || !service.wireless || holding.in_bulk == 0 {
                if !service.numbered && numbers.contains(&service.circuit) {
                    service.circuit = format!("service:{}", service.circuit).into();
                }
                holding.services.push(service);
            } else {
                holding.unnumbered.push(service);
            }
        }
        // Who has no service at all may still have addresses.
        for found in self.subscribers {
            if self.answered.contains(&found.fact.id) {
                holdings
                    .entry((Some(found.fact.id.clone()), 0))
                    .or_default();
            }
        }
        let mut rows = Vec::new();
        for ((id, _), holding) in holdings {
            let subscriber = id
                .as_deref()
                .and_then(|id| index.get(id))
                .map(|at| &self.subscribers[at as usize]);
            let known = Known {
                answered: id.as_ref().is_none_or(|id| self.answered.contains(id)),
                subscriber,
                addresses: id.as_deref().and_then(|id| self.addresses.get(id)),
                online: &self.online,
                assemblies: self.assemblies,
                by_name: &by_name,
                map,
            };
            known.rows(holding, evidence, &mut rows);
        }
        rows
    }
}

impl Holding {
    /// The customer's own list has more wireless services than the bulk answer, and nothing says which they are.
    fn too_many(&self, evidence: &mut SourceEvidence) {
        let left = self.in_bulk.saturating_sub(self.in_both.len());
        let Some(first) = (self.unnumbered.first()).filter(|_| self.unnumbered.len() > left) else {
            return;
        };
        evidence.odd_fields.push(OddField {
            place: first.origin.at("/service_details/service_number"),
            subject: circuit_subject(&first.circuit, &first.username),
            what: format!(
                "is empty, and this list has more wireless services than the bulk answer, by {}: nothing says which, and \
                 what is more is not shaped",
                self.unnumbered.len() - left
            ),
            required: false,
        });
    }
}

/// What is known beside the services of one customer.
struct Known<'a> {
    /// Some answer tells of the customer's services.
    answered: bool,
    subscriber: Option<&'a Found<Subscriber>>,
    addresses: Option<&'a Found<Vec<Claim>>>,
    online: &'a BTreeMap<Box<str>, Vec<Found<Vec<Claim>>>>,
    assemblies: &'a [Found<Equipment>],
    /// How many subscribers go by a name.
    by_name: &'a BTreeMap<&'a str, usize>,
    map: &'a Map<'a>,
}

impl Known<'_> {
    fn rows(&self, holding: Holding, evidence: &mut SourceEvidence, rows: &mut Vec<Row>) {
        holding.too_many(evidence);
        let (over, mut services): (Vec<Service>, Vec<Service>) =
            (holding.services.into_iter()).partition(|service| service.standing == Standing::Over);
        for service in &over {
            ended(service, &services, evidence);
        }
        services.sort_by(|a, b| {
            (a.standing, !a.wireless, order(a)).cmp(&(b.standing, !b.wireless, order(b)))
        });
        let wireless = services.iter().any(|service| service.wireless);
        let Some(owner) = services.first().map(|owner| owner.circuit.clone()) else {
            // Who is in no answer about services was told already.
            if self.answered {
                self.unserved(&over, &holding.own, evidence);
            }
            return;
        };
        if let Some(found) = self.subscriber.filter(|found| found.fact.over) {
            evidence.odd_fields.push(OddField {
                place: found.origin.at("/status"),
                subject: circuit_subject(&owner, &self.name(&services[0])),
                what: "is that of a customer who is gone, whose service is not over: it is shaped"
                    .into(),
                required: false,
            });
        }
        let several = services.iter().any(|service| service.circuit != owner);
        let stated: BTreeSet<ClaimValue> = (services.iter())
            .flat_map(|service| &service.claims)
            .map(|claim| claim.value.clone())
            .collect();
        let stands: Vec<Stand> = (services.iter())
            .map(|service| {
                let name = self.name(service);
                // What is written beside a customer with a radio is where the radio hangs.
                let mut attach = match wireless && !service.wireless {
                    true => Vec::new(),
                    false => self.attach(service, &holding.own, &name, evidence),
                };
                attach.dedup();
                let state = match (service.standing, self.subscriber) {
                    (Standing::Suspended, _) => ServiceState::Suspended,
                    (_, Some(found)) if found.fact.suspended => ServiceState::Suspended,
                    _ => ServiceState::Active,
                };
                Stand {
                    service,
                    name,
                    attach,
                    state,
                }
            })
            .collect();
        rows.extend(stands.iter().map(|stand| {
            let service = stand.service;
            let id = format!("visp:service:{}", service.circuit);
            let claims = service.claims.clone();
            stand.row(id, &stand.name, &service.mac, claims, service.origin)
        }));
        let mut taken = stated.clone();
        let mut own_claims = |claims: &[Claim]| -> Vec<Claim> {
            let mut claims = claims.to_vec();
            claims.retain(|claim| taken.insert(claim.value.clone()));
            claims
        };
        let first = &stands[0];
        let mut usable = stated.iter().any(is_usable);
        for own in &holding.own {
            let claims = own_claims(&own.fact.claims);
            usable |= claims.iter().any(|claim| is_usable(&claim.value));
            if own.fact.mac.is_empty() && claims.is_empty() {
                continue;
            }
            let id = node_id(&own.fact.id);
            rows.push(first.row(id.clone(), &id, &own.fact.mac, claims, own.origin));
        }
        let has_none =
            |stand: &&Stand| !(stand.service.claims.iter()).any(|claim| is_usable(&claim.value));
        let mut without = stands.iter().filter(has_none);
        let heir = match (without.next(), without.next()) {
            (Some(one), None) => one,
            _ => first,
        };
        let of_customer = (self
            .subscriber
            .map(|found| (found.origin, &found.fact.claims)))
        .into_iter()
        .chain(self.addresses.map(|found| (found.origin, &found.fact)));
        for (place, (origin, claims)) in of_customer.enumerate() {
            let claims = own_claims(claims);
            usable |= claims.iter().any(|claim| is_usable(&claim.value));
            if claims.is_empty() {
                continue;
            }
            let circuit = &heir.service.circuit;
            if several {
                for claim in &claims {
                    evidence.odd_fields.push(OddField {
                        place: origin.at(claim.route.clone()),
                        subject: circuit_subject(circuit, &heir.name),
                        what: format!(
                            "holds {}, which none of the customer's services states; it is put on service {circuit}",
                            claim.value.text()
                        ),
                        required: false,
                    });
                }
            }
            let of = ["subscriber", "addresses"][place];
            let customer = heir.service.customer.as_deref().unwrap_or_default();
            let id = format!("visp:{of}:{customer}");
            rows.push(heir.row(id, &heir.name, "", claims, origin));
        }
        let username = &first.service.username;
        if !usable
            && let Some([found, others @ ..]) = self.online.get(username).map(Vec::as_slice)
            && !username.is_empty()
        {
            for other in others {
                evidence.odd_fields.push(OddField {
                    place: other.origin.at("/ip"),
                    subject: circuit_subject(&first.service.circuit, &first.name),
                    what: format!(
                        "is {}, another session of {username}, whose session with {} is used; this one is not shaped",
                        listed(&other.fact),
                        listed(&found.fact)
                    ),
                    required: false,
                });
            }
            let claims = own_claims(&found.fact);
            let id = format!("visp:online:{username}");
            rows.push(first.row(id, &first.name, "", claims, found.origin));
        }
    }

    /// Addresses of a customer who has no service that is shaped. What a service that is over states is told with it.
    fn unserved(&self, over: &[Service], own: &[Found<Own>], evidence: &mut SourceEvidence) {
        let mut told: BTreeSet<&ClaimValue> = (over.iter())
            .flat_map(|service| &service.claims)
            .map(|claim| &claim.value)
            .collect();
        let of_customer = (self.subscriber.into_iter())
            .map(|found| (found.origin, &found.fact.claims))
            .chain(self.addresses.map(|found| (found.origin, &found.fact)));
        let of_equipment = own.iter().map(|own| (own.origin, &own.fact.claims));
        let subject = match (self.subscriber, over.first()) {
            (Some(found), _) => found.fact.subject(),
            (None, Some(service)) => circuit_subject(&service.circuit, &service.username),
            (None, None) => return,
        };
        for (origin, claims) in of_customer.chain(of_equipment) {
            let left: Vec<Claim> = (claims.iter())
                .filter(|claim| is_usable(&claim.value) && told.insert(&claim.value))
                .cloned()
                .collect();
            if let Some(first) = left.first() {
                evidence.odd_fields.push(OddField {
                    place: origin.at(first.route.clone()),
                    subject: subject.clone(),
                    what: format!(
                        "is {}, and no service of this customer is shaped: where no other circuit has it, its traffic \
                         passes unshaped",
                        listed(&left)
                    ),
                    required: false,
                });
            }
        }
    }

    fn name(&self, service: &Service) -> Box<str> {
        let subscriber = self.subscriber.map(|found| &found.fact);
        let names = [
            Some(&service.username),
            subscriber.map(|s| &s.username),
            subscriber.map(|s| &s.full_name),
        ];
        let name = names.into_iter().flatten().find(|name| !name.is_empty());
        name.unwrap_or(&service.circuit).clone()
    }

    /// Up from the customer's radio, then what the operator wrote down beside the customer.
    fn attach(
        &self,
        service: &Service,
        own: &[Found<Own>],
        name: &str,
        evidence: &mut SourceEvidence,
    ) -> Vec<NodeRef> {
        let mut attach = Vec::new();
        let subject = circuit_subject(&service.circuit, name);
        let mut followed = None;
        if let Some(radio) = self.radio(service, own, name, evidence) {
            match self.map.up(&radio.fact) {
                Up::Node(node, relay) => {
                    if let Some(relay) = relay {
                        evidence.relays.push(Relay {
                            place: radio.origin.at("/parent_id"),
                            circuit: subject.clone(),
                            relay: relay.subject(),
                        });
                    }
                    followed = Some(node);
                    attach.push(by_id(node_id(&node.id), ""));
                }
                Up::Unknown(id) => attach.push(by_id(node_id(&id), "")),
                Up::Nowhere => {}
            }
        }
        let Some(found) = self.subscriber else {
            return attach;
        };
        let written = &found.fact;
        if !written.access_point.is_empty() {
            let meant = self.map.access_point(&written.access_point, &written.site);
            if let (Some(node), Some(meant)) = (followed, meant)
                && node.id != meant.id
            {
                evidence.odd_fields.push(OddField {
                    place: found.origin.at("/access_point"),
                    subject: subject.clone(),
                    what: format!(
                        "is \"{}\", but the customer's equipment hangs on {}; the equipment is followed",
                        written.access_point,
                        node_id(&node.id)
                    ),
                    required: false,
                });
            }
            attach.push(match meant {
                Some(meant) => by_id(node_id(&meant.id), ""),
                None => by_name(&written.access_point),
            });
        }
        if !written.site.is_empty() {
            attach.push(match self.map.site(&written.site) {
                Some(site) => by_id(site.to_owned(), ""),
                None => by_name(&written.site),
            });
        }
        attach
    }

    /// The radio of a customer: of the equipment listed with the services, else of the assemblies that carry the
    /// customer's name, where nobody else has that name.
    fn radio(
        &self,
        service: &Service,
        own: &[Found<Own>],
        name: &str,
        evidence: &mut SourceEvidence,
    ) -> Option<&Found<Equipment>> {
        let subject = circuit_subject(&service.circuit, name);
        let mut candidates: Vec<&Found<Equipment>> = (own.iter())
            .filter_map(|own| self.map.assembly(&own.fact.id))
            .filter(|found| found.fact.parent.is_some())
            .collect();
        if candidates.is_empty() {
            let subscriber = self.subscriber.map(|found| &found.fact)?;
            let names = [&*subscriber.full_name, &*subscriber.username];
            let called = |found: &&Found<Equipment>| {
                let name = &*found.fact.site_name;
                found.fact.parent.is_some() && !name.is_empty() && names.contains(&name)
            };
            for found in self.assemblies.iter().filter(called) {
                if self
                    .by_name
                    .get(&*found.fact.site_name)
                    .is_some_and(|n| *n > 1)
                {
                    evidence.odd_fields.push(OddField {
                        place: found.origin.at("/location_name"),
                        subject: subject.clone(),
                        what: format!(
                            "is \"{}\", the name of several customers; it says of none where they hang",
                            found.fact.site_name
                        ),
                        required: false,
                    });
                } else {
                    candidates.push(found);
                }
            }
        }
        candidates.sort_by(|a, b| {
            let order = |found: &Found<Equipment>| (found.fact.router, found.fact.id.len());
            (order(a), &a.fact.id).cmp(&(order(b), &b.fact.id))
        });
        candidates.dedup_by(|a, b| a.fact.id == b.fact.id);
        let first = *candidates.first()?;
        let rivals: BTreeSet<Box<str>> = (candidates[1..].iter())
            .filter(|other| other.fact.router == first.fact.router)
            .filter_map(|other| other.fact.parent.as_deref())
            .filter(|parent| Some(*parent) != first.fact.parent.as_deref())
            .map(|parent| node_id(parent).into())
            .collect();
        if !rivals.is_empty() {
            evidence.uplink_choices.push(UplinkChoice {
                place: first.origin.at("/parent_id"),
                circuit: subject,
                chosen: node_id(first.fact.parent.as_deref().unwrap_or_default()).into(),
                rivals: rivals.into_iter().collect(),
            });
        }
        Some(first)
    }
}

/// A service, and what all its devices have in common.
struct Stand<'a> {
    service: &'a Service,
    name: Box<str>,
    attach: Vec<NodeRef>,
    state: ServiceState,
}

impl Stand<'_> {
    fn row(
        &self,
        device: String,
        device_name: &str,
        mac: &str,
        claims: Vec<Claim>,
        origin: Origin,
    ) -> Row {
        Row {
            circuit: self.service.circuit.clone(),
            circuit_name: self.name.clone(),
            device: device.into(),
            device_name: device_name.into(),
            attach: self.attach.clone(),
            plan: self.service.plan,
            burst: Pair::ZERO,
            commit: Pair::ZERO,
            state: self.state,
            leaf: Pair::default(),
            mac: mac.into(),
            claims,
            comment: Box::default(),
            position: None,
            origin,
            plan_route: self.service.plan_route,
            plan_origin: Some(self.service.origin),
        }
    }
}

/// A service that is over and still has addresses that no other service of its customer has.
fn ended(service: &Service, others: &[Service], evidence: &mut SourceEvidence) {
    let taken = |value: &ClaimValue| {
        let mut claims = others.iter().flat_map(|other| &other.claims);
        claims.any(|claim| claim.value == *value)
    };
    let left: Vec<Claim> = (service.claims.iter())
        .filter(|claim| is_usable(&claim.value) && !taken(&claim.value))
        .cloned()
        .collect();
    let Some(first) = left.first() else {
        return;
    };
    evidence.odd_fields.push(OddField {
        place: service.origin.at(first.route.clone()),
        subject: circuit_subject(&service.circuit, &service.username),
        what: format!(
            "is {}, and the service is over: where no other circuit has it, its traffic passes unshaped",
            listed(&left)
        ),
        required: false,
    });
}

fn listed(claims: &[Claim]) -> String {
    let texts: Vec<_> = claims.iter().map(|claim| claim.value.text()).collect();
    match texts.is_empty() {
        true => "empty".to_owned(),
        false => texts.join(", "),
    }
}

/// Numbers in numeric order, whatever their length.
fn order(service: &Service) -> (usize, &str) {
    (service.circuit.len(), &service.circuit)
}

fn by_id(text: String, route: &'static str) -> NodeRef {
    NodeRef {
        text: text.into(),
        by: RefBy::Id,
        route: route.into(),
    }
}

fn by_name(text: &str) -> NodeRef {
    NodeRef {
        text: text.into(),
        by: RefBy::Name,
        route: "".into(),
    }
}

/// An address that may be somebody's: `0.0.0.0` and the like say that there is none.
fn is_usable(value: &ClaimValue) -> bool {
    value.prefix().is_some_and(|(net, _)| {
        let ip = net.addr();
        let broadcast = matches!(ip, std::net::IpAddr::V4(v4) if v4.is_broadcast());
        !ip.is_unspecified() && !broadcast
    })
}
