//! Subscribers: every service that is sold becomes a circuit, with the plan of its tariff, what usage policies leave
//! of it, the state of its customer and the addresses it holds or has right now. What a missing plan or address means
//! is decided later.

use std::fmt::Write as _;

use ipnet::IpNet;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::ir::address::{Claim, ClaimValue};
use crate::ir::records::{
    CircuitRecord, Dangling, DeviceRecord, NodeRef, OddField, Origin, RefBy, ServiceState,
    SourceEvidence, Subject, SubjectKind,
};
use crate::sources::found::{Fact, Found, Index};
use crate::sources::splynx::facts::{
    Cap, Customer, Hardware, Net6, SHAPE_DOWN, SHAPE_UP, Service, Session, Tariff,
};
use crate::sources::splynx::network::{Routers, hardware_node, sector_node};
use crate::units::{Kbps, Pair, PerMille, muldiv};

/// Each sorted by id.
pub struct Billing {
    pub customers: Vec<Found<Customer>>,
    pub tariffs: Vec<Found<Tariff>>,
    pub services: Vec<Found<Service>>,
    pub caps: Vec<Found<Cap>>,
}

/// Prefix lengths of the address plan for networks that a service names without one.
pub fn fill_lengths(services: &mut [Found<Service>], plan: &[Found<Net6>]) {
    let mut lengths: FxHashMap<(&str, std::net::IpAddr), u8> = FxHashMap::default();
    for net in plan {
        if let (Some(service), Some(ip), Some(len)) = (&net.fact.service, net.fact.ip, net.fact.len)
        {
            lengths.insert((service, ip), len);
        }
    }
    for service in services {
        for claim in &mut service.fact.claims {
            if let ClaimValue::Host(ip) = claim.value
                && ip.is_ipv6()
                && let Some(&len) = lengths.get(&(&*service.fact.id, ip))
            {
                claim.value =
                    ClaimValue::parse(&format!("{ip}/{len}"), crate::ir::address::Form::Prefix);
            }
        }
    }
}

/// Who is online, by position of the service.
pub struct Online<'a> {
    of: Vec<Vec<(&'a Found<Session>, Vec<Claim>)>>,
}

impl<'a> Online<'a> {
    /// Gives every session to its service, and each of its addresses to the one that has it now: to the service that
    /// holds it for good, else to the session that began last.
    pub fn of(
        sessions: &'a [Found<Session>],
        services: &[Found<Service>],
        evidence: &mut SourceEvidence,
    ) -> Self {
        let index = Index::of(services);
        let mut logins: FxHashMap<&str, Option<u32>> = FxHashMap::default();
        for (at, service) in (0..).zip(services) {
            if service.fact.live && !service.fact.name.is_empty() {
                logins
                    .entry(&service.fact.name)
                    .and_modify(|one| *one = None)
                    .or_insert(Some(at));
            }
        }
        let mut held: FxHashMap<IpNet, u32> = FxHashMap::default();
        for (at, service) in (0..).zip(services) {
            for (net, _) in service.fact.claims.iter().filter_map(|c| c.value.prefix()) {
                held.entry(net).or_insert(at);
            }
        }
        let mut placed: Vec<(u32, &Found<Session>)> = Vec::new();
        for found in sessions {
            let session = &found.fact;
            let by_login = || logins.get(&*session.name).copied().flatten();
            let at = match &session.service {
                Some(id) => index.get(id).or_else(by_login),
                None => by_login(),
            };
            match at {
                Some(at) if services[at as usize].fact.live => placed.push((at, found)),
                Some(at) if !session.claims.is_empty() => evidence.odd_fields.push(OddField {
                    place: found.origin.at("/service_id"),
                    subject: services[at as usize].fact.subject(),
                    what: format!(
                        "is a service that is not sold, and it is online at {}: its traffic passes unshaped",
                        list(&session.claims)
                    ),
                    required: false,
                }),
                Some(_) => {}
                None => match &session.service {
                    Some(id) => evidence.dangling.push(Dangling {
                        place: found.origin.at("/service_id"),
                        subject: session.subject(),
                        wanted_kind: "service",
                        wanted: id.clone(),
                        consequence: "its addresses are not shaped",
                    }),
                    None if session.claims.is_empty() => {}
                    None => evidence.odd_fields.push(OddField {
                        place: found.origin.at("/service_id"),
                        subject: session.subject(),
                        what: format!(
                            "is missing and no service has this login: {} passes unshaped",
                            list(&session.claims)
                        ),
                        required: false,
                    }),
                },
            }
        }
        let mut last: FxHashMap<IpNet, &str> = FxHashMap::default();
        for (_, found) in &placed {
            for (net, _) in found.fact.claims.iter().filter_map(|c| c.value.prefix()) {
                let start = last.entry(net).or_insert(&found.fact.start);
                *start = (*start).max(&found.fact.start);
            }
        }
        // The newest first; of one moment in the order of ids.
        placed.sort_by(|(a, x), (b, y)| {
            a.cmp(b)
                .then_with(|| y.fact.start.cmp(&x.fact.start))
                .then_with(|| x.fact.id.cmp(&y.fact.id))
        });
        let mut of: Vec<Vec<(&Found<Session>, Vec<Claim>)>> = vec![Vec::new(); services.len()];
        for (at, found) in placed {
            let service = &services[at as usize].fact;
            let mut stale = |claim: &Claim, what: String| {
                evidence.odd_fields.push(OddField {
                    place: found.origin.at(claim.route.clone()),
                    subject: service.subject(),
                    what,
                    required: false,
                });
            };
            let mut claims: Vec<Claim> = Vec::new();
            for claim in &found.fact.claims {
                let Some((net, _)) = claim.value.prefix() else {
                    claims.push(claim.clone());
                    continue;
                };
                match held.get(&net) {
                    Some(&owner) if owner == at => continue,
                    Some(&owner) => {
                        stale(
                            claim,
                            format!(
                                "is {}, which service {} holds for good; the session is stale and left out",
                                claim.value.text(),
                                services[owner as usize].fact.id
                            ),
                        );
                        continue;
                    }
                    None => {}
                }
                if last
                    .get(&net)
                    .is_some_and(|start| **start > *found.fact.start)
                {
                    stale(
                        claim,
                        format!(
                            "is {}, which a session has that began later; this one is stale and left out",
                            claim.value.text()
                        ),
                    );
                    continue;
                }
                let known = |claims: &[Claim]| {
                    claims
                        .iter()
                        .any(|c| c.value.prefix().is_some_and(|(n, _)| n == net))
                };
                if known(&claims) || of[at as usize].iter().any(|(_, claims)| known(claims)) {
                    continue;
                }
                let fixed =
                    (service.claims.iter()).find(|c| c.route == "/ipv4" && net.addr().is_ipv4());
                if let Some(fixed) = fixed {
                    stale(
                        claim,
                        format!(
                            "is {} while the service is given {}; both are shaped",
                            claim.value.text(),
                            fixed.value.text()
                        ),
                    );
                }
                claims.push(claim.clone());
            }
            of[at as usize].push((found, claims));
        }
        left_over(services, &held, &last, evidence);
        Online { of }
    }

    /// By position of the service: the one piece of hardware that its sessions name as their port, of the last session
    /// that names one.
    pub fn ports<'h>(&self, hardware: &'h [Found<Hardware>]) -> Vec<Option<&'h str>> {
        let mut named: FxHashMap<&str, Option<&str>> = FxHashMap::default();
        for found in hardware.iter().filter(|found| !found.fact.name.is_empty()) {
            named
                .entry(&found.fact.name)
                .and_modify(|one| *one = None)
                .or_insert(Some(&found.fact.id));
        }
        let port = |session: &Session| named.get(&*session.port).copied().flatten();
        (self.of.iter())
            .map(|sessions| sessions.iter().find_map(|(session, _)| port(&session.fact)))
            .collect()
    }
}

/// Addresses of services that are over which nobody else has: said, because what comes from them is not shaped.
fn left_over(
    services: &[Found<Service>],
    held: &FxHashMap<IpNet, u32>,
    online: &FxHashMap<IpNet, &str>,
    evidence: &mut SourceEvidence,
) {
    // A customer who is cut off has the service twice: stopped, and disabled.
    let mut told: FxHashSet<IpNet> = FxHashSet::default();
    for found in services {
        let left: Vec<Claim> = (found.fact.left.iter())
            .filter(|claim| {
                claim.value.prefix().is_some_and(|(net, _)| {
                    !held.contains_key(&net) && !online.contains_key(&net) && told.insert(net)
                })
            })
            .cloned()
            .collect();
        if let Some(first) = left.first() {
            evidence.odd_fields.push(OddField {
                place: found.origin.at(first.route.clone()),
                subject: found.fact.subject(),
                what: format!(
                    "is {}, and the service is not sold any more: if it carries traffic it passes unshaped",
                    list(&left)
                ),
                required: false,
            });
        }
    }
}

fn list(claims: &[Claim]) -> String {
    let texts: Vec<String> = claims.iter().map(|claim| claim.value.text()).collect();
    texts.join(", ")
}

impl Billing {
    pub fn circuits(
        &self,
        online: &Online<'_>,
        ports: &[Option<&str>],
        routers: &Routers<'_>,
        evidence: &mut SourceEvidence,
    ) -> Vec<CircuitRecord> {
        let indexes = Indexes {
            customers: Index::of(&self.customers),
            tariffs: Index::of(&self.tariffs),
            caps: Index::of(&self.caps),
        };
        (self.services.iter())
            .zip(online.of.iter().zip(ports))
            .filter(|(found, _)| found.fact.live)
            .map(|(found, (sessions, port))| {
                let attach = attach(&found.fact, sessions, *port, routers);
                self.circuit(found, sessions, attach, &indexes, evidence)
            })
            .collect()
    }

    fn circuit(
        &self,
        found: &Found<Service>,
        sessions: &[(&Found<Session>, Vec<Claim>)],
        attach: Vec<NodeRef>,
        indexes: &Indexes<'_>,
        evidence: &mut SourceEvidence,
    ) -> CircuitRecord {
        let service = &found.fact;
        let customer = (service.customer.as_deref())
            .and_then(|id| indexes.customers.get(id))
            .map(|at| &self.customers[at as usize].fact);
        let name = [
            customer.map(|c| &c.name),
            Some(&service.name),
            Some(&service.id),
        ]
        .into_iter()
        .flatten()
        .find(|name| !name.is_empty())
        .cloned()
        .unwrap_or_default();
        let subject = Subject::new(SubjectKind::Circuit, &service.id, &name);
        let mut dangle = |route, wanted_kind, wanted: &Option<Box<str>>, consequence| {
            if let Some(wanted) = wanted {
                evidence.dangling.push(Dangling {
                    place: found.origin.at(route),
                    subject: subject.clone(),
                    wanted_kind,
                    wanted: wanted.clone(),
                    consequence,
                });
            }
        };
        if customer.is_none() {
            dangle(
                "/customer_id",
                "customer",
                &service.customer,
                "neither the name nor whether the customer is blocked is known",
            );
        }
        let tariff = (service.tariff.as_deref())
            .and_then(|id| indexes.tariffs.get(id))
            .map(|at| &self.tariffs[at as usize]);
        if tariff.is_none() {
            dangle(
                "/tariff_id",
                "tariff",
                &service.tariff,
                "only the speeds of the service itself are known",
            );
        }
        let cap = (indexes.caps.get(&service.id)).map(|at| &self.caps[at as usize]);
        let sold = Sold::of(found, tariff, cap, &subject, evidence);
        let blocked = sessions.iter().any(|(session, _)| session.fact.blocked)
            || cap.is_some_and(|cap| cap.fact.blocked);
        let state = match customer.map(|c| c.state) {
            _ if blocked => ServiceState::Suspended,
            Some(state) => state,
            None => ServiceState::Active,
        };
        CircuitRecord {
            id: service.id.clone(),
            attach,
            plan: sold.plan,
            burst: sold.burst,
            burst_bytes: Pair::default(),
            commit: sold.commit,
            state,
            leaf: Pair::default(),
            comment: sold.comment,
            devices: devices(found, &name, sessions),
            // Where the service is; else where its customer is.
            position: service
                .position
                .or_else(|| customer.and_then(|c| c.position)),
            name,
            origin: found.origin,
            plan_route: sold.route,
            plan_origin: sold.origin,
        }
    }
}

struct Indexes<'a> {
    customers: Index<'a>,
    tariffs: Index<'a>,
    caps: Index<'a>,
}

/// The access device, else the sector, else the hardware that a session names as its port, else the router; where the
/// service names none, the one that a session came in by.
fn attach(
    service: &Service,
    sessions: &[(&Found<Session>, Vec<Claim>)],
    port: Option<&str>,
    routers: &Routers<'_>,
) -> Vec<NodeRef> {
    let by = |text: Box<str>, route: &'static str| NodeRef {
        text,
        by: RefBy::Id,
        route: route.into(),
    };
    let device = service.access_device.as_deref().map(hardware_node);
    let sector = service.sector.as_deref().map(sector_node);
    let router = service.router.as_deref().map(|id| routers.node(id));
    // Where the service stands is all that its own record says; a session says it in another one.
    let came_by = (sessions.iter())
        .find_map(|(session, _)| session.fact.router.as_deref())
        .filter(|_| service.router.is_none());
    let ways = [
        device.map(|id| by(id, "/access_device")),
        sector.map(|id| by(id, "/sector_id")),
        port.map(|id| by(hardware_node(id), "")),
        router.map(|id| by(id, "/router_id")),
        came_by.map(|id| by(routers.node(id), "")),
    ];
    let mut attach: Vec<NodeRef> = Vec::new();
    for way in ways.into_iter().flatten() {
        if !attach.iter().any(|known| known.text == way.text) {
            attach.push(way);
        }
    }
    attach
}

/// The service itself, and each of its sessions that knows another address.
fn devices(
    found: &Found<Service>,
    name: &str,
    sessions: &[(&Found<Session>, Vec<Claim>)],
) -> Vec<DeviceRecord> {
    let service = &found.fact;
    let id = format!("splynx_service_{}", service.id);
    let mut devices = Vec::new();
    let mut online = sessions.iter().filter(|(_, claims)| !claims.is_empty());
    if !service.claims.is_empty() || online.clone().next().is_none() {
        devices.push(DeviceRecord {
            id: id.as_str().into(),
            name: name.into(),
            mac: service.mac.clone(),
            claims: service.claims.clone(),
            origin: found.origin,
        });
    }
    for (n, (session, claims)) in (1..).zip(&mut online) {
        devices.push(DeviceRecord {
            id: format!("{id}_session_{n}").into(),
            name: name.into(),
            mac: match session.fact.mac.is_empty() {
                true => service.mac.clone(),
                false => session.fact.mac.clone(),
            },
            claims: claims.clone(),
            origin: session.origin,
        });
    }
    devices
}

/// What a service gets.
struct Sold {
    plan: Pair<Option<Kbps>>,
    burst: Pair<Kbps>,
    commit: Pair<Kbps>,
    route: Pair<&'static str>,
    origin: Option<Origin>,
    comment: Box<str>,
}

impl Sold {
    /// The tariff, unless speeds are stated for the service alone; then what a usage policy leaves of it.
    fn of(
        found: &Found<Service>,
        tariff: Option<&Found<Tariff>>,
        cap: Option<&Found<Cap>>,
        subject: &Subject,
        evidence: &mut SourceEvidence,
    ) -> Sold {
        let mut sold = Sold {
            plan: Pair::default(),
            burst: Pair::ZERO,
            commit: Pair::ZERO,
            route: Pair::new("/tariff_id", "/tariff_id"),
            origin: None,
            comment: Box::default(),
        };
        if let Some(tariff) = tariff {
            sold.plan = tariff.fact.speed;
            sold.burst = tariff.fact.burst;
            sold.commit = tariff.fact.commit;
            sold.route = Pair::new("/speed_download", "/speed_upload");
            sold.origin = Some(tariff.origin);
        }
        let instead = found.fact.speed;
        if instead.down.is_some() || instead.up.is_some() {
            for (route, rate) in [(SHAPE_DOWN, instead.down), (SHAPE_UP, instead.up)] {
                if let Some(rate) = rate {
                    evidence.odd_fields.push(OddField {
                        place: found.origin.at(route),
                        subject: subject.clone(),
                        what: format!(
                            "states no unit; read as kbit/s, so that {} Mbit/s take the place of the tariff",
                            rate.mbps()
                        ),
                        required: false,
                    });
                }
            }
            sold.plan = instead.zip(sold.plan, Option::or);
            sold.burst = Pair::ZERO;
            sold.route = Pair::new(SHAPE_DOWN, SHAPE_UP);
            sold.origin = None;
        }
        if let Some(cap) = cap {
            sold.limit(cap);
        }
        sold
    }

    fn limit(&mut self, found: &Found<Cap>) {
        let cap = &found.fact;
        let before = self.plan;
        self.plan = (before.map(|rate| rate.map(|rate| muldiv(rate, cap.left))))
            .zip(cap.fixed, |rate, fixed| match (rate, fixed) {
                (Some(rate), Some(fixed)) => Some(rate.min(fixed)),
                (rate, fixed) => rate.or(fixed),
            })
            .map(|rate| rate.map(|rate| rate.max(Kbps(1))));
        if self.plan == before {
            return;
        }
        self.burst = Pair::ZERO;
        self.commit = (self.commit).zip(self.plan, |commit, plan| {
            commit.min(plan.unwrap_or_default())
        });
        self.origin = Some(found.origin);
        self.route = match cap.left {
            PerMille::ONE => Pair::new("/fixed_down", "/fixed_up"),
            _ => Pair::both("/decrease_percent"),
        };
        let mut comment = String::from("cut by a usage policy");
        if let (Some(down), Some(up)) = (before.down, before.up) {
            let _ = write!(comment, " from {}", Pair::new(down, up));
        }
        self.comment = comment.into();
    }
}
