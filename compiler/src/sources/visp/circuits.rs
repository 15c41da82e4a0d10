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
}

/// One customer's services and equipment.
#[derive(Default)]
struct Holding {
    services: Vec<Service>,
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
            holding.services.extend(customer.services);
            holding.own.extend(customer.own);
        }
        for service in self.services {
            // The bulk answer and a customer's own speak of the same service.
            if !bulk_numbers.contains(&service.circuit) {
                let holding = holdings.entry((service.customer.clone(), 0)).or_default();
                holding.services.push(service);
            }
        }
        let mut rows = Vec::new();
        for ((id, _), holding) in holdings {
            let subscriber = id
                .as_deref()
                .and_then(|id| index.get(id))
                .map(|at| &self.subscribers[at as usize]);
            let known = Known {
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

/// What is known beside the services of one customer.
struct Known<'a> {
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
        let (over, mut services): (Vec<Service>, Vec<Service>) =
            (holding.services.into_iter()).partition(|service| service.standing == Standing::Over);
        for service in &over {
            ended(service, &services, evidence);
        }
        services.sort_by(|a, b| (a.standing, order(a)).cmp(&(b.standing, order(b))));
        let Some(owner) = services.first().map(|owner| owner.circuit.clone()) else {
            return;
        };
        let several = services.iter().any(|service| service.circuit != owner);
        let stated: BTreeSet<ClaimValue> = (services.iter())
            .flat_map(|service| &service.claims)
            .map(|claim| claim.value.clone())
            .collect();
        for (position, service) in services.iter().enumerate() {
            let name = self.name(service);
            let mut attach = self.attach(service, &holding.own, &name, evidence);
            attach.dedup();
            let state = match (service.standing, self.subscriber) {
                (Standing::Suspended, _) => ServiceState::Suspended,
                (_, Some(found)) if found.fact.suspended => ServiceState::Suspended,
                _ => ServiceState::Active,
            };
            let row = |device: String, device_name: &str, mac: &str, claims, origin: Origin| Row {
                circuit: service.circuit.clone(),
                circuit_name: name.clone(),
                device: device.into(),
                device_name: device_name.into(),
                attach: attach.clone(),
                plan: service.plan,
                burst: Pair::ZERO,
                commit: Pair::ZERO,
                state,
                leaf: Pair::default(),
                mac: mac.into(),
                claims,
                comment: Box::default(),
                position: None,
                origin,
                plan_route: service.plan_route,
                plan_origin: Some(service.origin),
            };
            rows.push(row(
                format!("visp:service:{}", service.circuit),
                &name,
                &service.mac,
                service.claims.clone(),
                service.origin,
            ));
            if position > 0 {
                continue;
            }
            let mut taken = stated.clone();
            let mut own_claims = |claims: &[Claim]| -> Vec<Claim> {
                let mut claims = claims.to_vec();
                claims.retain(|claim| taken.insert(claim.value.clone()));
                claims
            };
            let mut usable = stated.iter().any(is_usable);
            for own in &holding.own {
                let claims = own_claims(&own.fact.claims);
                usable |= claims.iter().any(|claim| is_usable(&claim.value));
                if own.fact.mac.is_empty() && claims.is_empty() {
                    continue;
                }
                let id = node_id(&own.fact.id);
                rows.push(row(id.clone(), &id, &own.fact.mac, claims, own.origin));
            }
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
                if several {
                    for claim in &claims {
                        evidence.odd_fields.push(OddField {
                            place: origin.at(claim.route.clone()),
                            subject: circuit_subject(&service.circuit, &name),
                            what: format!(
                                "holds {}, which none of the customer's services states; it is put on service {owner}",
                                claim.value.text()
                            ),
                            required: false,
                        });
                    }
                }
                let of = ["subscriber", "addresses"][place];
                let id = format!(
                    "visp:{of}:{}",
                    service.customer.as_deref().unwrap_or_default()
                );
                rows.push(row(id, &name, "", claims, origin));
            }
            if !usable
                && let Some([found, others @ ..]) =
                    self.online.get(&service.username).map(Vec::as_slice)
                && !service.username.is_empty()
            {
                for other in others {
                    evidence.odd_fields.push(OddField {
                        place: other.origin.at("/ip"),
                        subject: circuit_subject(&service.circuit, &name),
                        what: format!(
                            "is {}, another session of {}, whose session with {} is used; this one is not shaped",
                            listed(&other.fact),
                            service.username,
                            listed(&found.fact)
                        ),
                        required: false,
                    });
                }
                let claims = own_claims(&found.fact);
                let id = format!("visp:online:{}", service.username);
                rows.push(row(id, &name, "", claims, found.origin));
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
