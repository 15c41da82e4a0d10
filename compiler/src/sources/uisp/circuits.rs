//! Subscribers: every endpoint site becomes a circuit, with the plan, the state and the addresses that are known
//! for it. Joins the NMS's sites with the CRM's services; what a missing plan or address means is decided later.

use std::fmt;
use std::num::NonZeroU64;

use crate::ir::records::{
    CircuitRecord, Dangling, DeviceRecord, NodeRef, OddField, Origin, ServiceState, SourceEvidence,
    Subject, SubjectKind, TemporaryRate,
};
use crate::sources::found::{Fact, Found, Index};
use crate::sources::uisp::facts::{
    Client, Device, Instead, Plan, Ref, Service, Site, SiteIx, SiteKind, Standing,
};
use crate::units::{Kbps, Pair};

/// The CRM's side; each sorted by id.
#[derive(Default)]
pub struct Crm {
    pub services: Vec<Found<Service>>,
    pub plans: Vec<Found<Plan>>,
    pub clients: Vec<Found<Client>>,
}

/// What is known of one subscriber before it becomes circuits.
pub struct Subscriber<'a> {
    pub site: &'a Found<Site>,
    pub attach: Option<NodeRef>,
    pub devices: Vec<DeviceRecord>,
}

impl Crm {
    /// Makes the services say what they mean: plans fill in for speeds they do not state, and overrides that hold stand in
    /// place of both. References to what the
    /// export does not hold are reported for services that are sold.
    pub fn complete(&mut self, sites: &[Found<Site>], evidence: &mut SourceEvidence) {
        let plans = Index::of(&self.plans);
        let clients = Index::of(&self.clients);
        for found in &mut self.services {
            let subject = match &found.fact.site {
                Ref::To(SiteIx(at)) => sites[*at as usize].fact.subject(),
                Ref::None | Ref::Unknown(_) => found.fact.subject(),
            };
            let service = &mut found.fact;
            let live = matches!(service.standing, Standing::Live(_));
            if !service.internet {
                continue;
            }
            let mut dangle = |route, wanted_kind, wanted: &str, consequence| {
                evidence.dangling.push(Dangling {
                    place: found.origin.at(route),
                    subject: subject.clone(),
                    wanted_kind,
                    wanted: wanted.into(),
                    consequence,
                });
            };
            if let Some(id) = &service.plan {
                if let Some(at) = plans.get(id) {
                    let plan = self.plans[at as usize].fact.speed;
                    service.speed = service.speed.zip(plan, Option::or);
                } else if live && !self.plans.is_empty() {
                    dangle(
                        "/servicePlanId",
                        "service plan",
                        id,
                        "only the speeds of the service itself are known",
                    );
                }
            }
            service.regular = service.speed;
            if let Some(instead) = service.instead.as_ref().filter(|instead| !instead.over) {
                service.speed = instead.speed.zip(service.speed, Option::or);
                let routes = Pair::new("/downloadSpeedOverride", "/uploadSpeedOverride");
                let stands = instead.speed.map(|speed| speed.is_some());
                let routes = stands.zip(routes, |stands, route| stands.then_some(route));
                service.speed_route = routes.zip(service.speed_route, Option::unwrap_or);
            }
            if let Some(id) = &service.client
                && live
                && !self.clients.is_empty()
                && clients.get(id).is_none()
            {
                dangle(
                    "/clientId",
                    "client",
                    id,
                    "the name of the customer is not known",
                );
            }
            if !live || !service.sold() {
                continue;
            }
            let mut odd = |what: &str| {
                evidence.odd_fields.push(OddField {
                    place: found.origin.at("/unmsClientSiteId"),
                    subject: subject.clone(),
                    what: what.into(),
                    required: false,
                });
            };
            match &service.site {
                Ref::To(SiteIx(at)) if sites[*at as usize].fact.kind == SiteKind::Tower => {
                    odd("names a site that is no subscriber; the service is not shaped");
                }
                Ref::To(_) => {}
                Ref::None => {
                    odd("is missing: an Internet service that belongs to no site cannot be shaped");
                }
                Ref::Unknown(id) => evidence.dangling.push(Dangling {
                    place: found.origin.at("/unmsClientSiteId"),
                    subject: subject.clone(),
                    wanted_kind: "site",
                    wanted: id.clone(),
                    consequence: "the service is not shaped",
                }),
            }
        }
    }

    /// Services by the site they name, in site order; within a site in service order.
    pub fn by_site(&self) -> Vec<(SiteIx, &Found<Service>)> {
        let mut named: Vec<_> = self
            .services
            .iter()
            .filter(|service| service.fact.internet)
            .filter_map(|service| Some((service.fact.site.known()?, service)))
            .collect();
        named.sort_by(|(a, x), (b, y)| {
            a.cmp(b)
                .then_with(|| x.fact.order().cmp(&y.fact.order()))
                .then_with(|| x.fact.id.cmp(&y.fact.id))
        });
        named
    }
}

impl Service {
    /// It has a plan: a speed in at least one direction. One that only an override gave, which is over, is still sold.
    fn sold(&self) -> bool {
        let speed = self.speed.down.or(self.speed.up);
        self.internet && (speed.is_some() || self.instead.is_some())
    }
}

/// The circuits of one subscriber: one a live service with a plan, and one where there is no such service. The
/// addresses belong to the site, so one circuit has them all: the first, of the active services before the
/// suspended ones the one with the smallest id. It keeps the site's id.
pub fn circuits(
    subscriber: Subscriber<'_>,
    services: &[(SiteIx, &Found<Service>)],
    clients: &(Index<'_>, &[Found<Client>]),
    evidence: &mut SourceEvidence,
    out: &mut Vec<CircuitRecord>,
) {
    let Subscriber {
        site: found,
        attach,
        devices,
    } = subscriber;
    let site = &found.fact;
    let services = services.iter().map(|(_, service)| *service);
    let state = |service: &Found<Service>| match service.fact.standing {
        Standing::Live(state) => Some(state),
        Standing::Ahead | Standing::Over => None,
    };
    let mut sold: Vec<&Found<Service>> = services
        .clone()
        .filter(|s| state(s).is_some() && s.fact.sold())
        .collect();
    sold.sort_by_key(|service| state(service) != Some(ServiceState::Active));
    let owner = sold.first().copied();
    let name = display_name(found, services.clone(), clients, evidence);
    let subject = Subject::new(SubjectKind::Circuit, &site.id, &name);
    let suspended = match owner {
        Some(service) => state(service) == Some(ServiceState::Suspended),
        None => {
            let mut live = services.clone().filter_map(state).peekable();
            match (live.peek(), services.len()) {
                (Some(_), _) => live.all(|s| s == ServiceState::Suspended),
                (None, 0) => site.standing == Some(Standing::Live(ServiceState::Suspended)),
                (None, _) => false,
            }
        }
    };
    if owner.is_none()
        && !devices.is_empty()
        && services.clone().filter_map(state).next().is_none()
        && let Some(over) = services.clone().find(|s| s.fact.standing == Standing::Over)
    {
        evidence.odd_fields.push(OddField {
            place: over.origin.at("/status"),
            subject: subject.clone(),
            what: "says that the service is over, but its site still has devices; they are shaped with the speeds of \
                   the NMS"
                .into(),
            required: false,
        });
    }
    // Of the site, which the installer set; else of the address that the billing half knows.
    let position = site.position.or_else(|| {
        let ids = services.clone().filter_map(|s| s.fact.client.as_ref());
        ids.filter_map(|id| clients.0.get(id))
            .find_map(|at| clients.1[at as usize].fact.position)
    });
    let plan = plan(found, owner, &subject, evidence);
    out.push(CircuitRecord {
        id: site.id.clone(),
        name: name.clone(),
        attach: attach.iter().cloned().collect(),
        plan: plan.speed,
        burst: Pair::ZERO,
        burst_bytes: site.burst_bytes,
        commit: plan.speed.map(|speed| guaranteed(speed, site.aggregation)),
        state: if suspended || site.suspended {
            ServiceState::Suspended
        } else {
            ServiceState::Active
        },
        leaf: Pair::default(),
        comment: Box::default(),
        devices,
        position,
        origin: found.origin,
        plan_route: plan.route,
        plan_origin: plan.origin,
    });
    for other in sold.iter().skip(1) {
        let service = &other.fact;
        let id: Box<str> = format!("{}/{}", site.id, service.id).into();
        let name: Box<str> = if service.name.is_empty() {
            format!("{name} ({})", service.id).into()
        } else {
            format!("{name} ({})", service.name).into()
        };
        if let Some(owner) = owner {
            evidence.odd_fields.push(OddField {
                place: other.origin.at("/unmsClientSiteId"),
                subject: Subject::new(SubjectKind::Circuit, &id, &name),
                what: format!(
                    "names the site of service {}, which keeps all its addresses; this one is left without any",
                    owner.fact.id
                ),
                required: false,
            });
        }
        let subject = Subject::new(SubjectKind::Circuit, &id, &name);
        temporary(other, Pair::default(), &subject, evidence);
        out.push(CircuitRecord {
            id,
            name,
            attach: attach.iter().cloned().collect(),
            plan: service.speed,
            burst: Pair::ZERO,
            burst_bytes: Pair::default(),
            commit: Pair::ZERO,
            state: if site.suspended {
                ServiceState::Suspended
            } else {
                state(other).unwrap_or(ServiceState::Active)
            },
            leaf: Pair::default(),
            comment: Box::default(),
            devices: Vec::new(),
            position,
            origin: other.origin,
            plan_route: service.speed_route,
            plan_origin: None,
        });
    }
}

/// What UISP guarantees of a speed that several share; nothing where it does not say how many.
fn guaranteed(speed: Option<Kbps>, shared_by: Option<NonZeroU64>) -> Kbps {
    match (speed, shared_by) {
        (Some(speed), Some(shared_by)) => Kbps((speed.0 / shared_by).max(1)),
        _ => Kbps::default(),
    }
}

fn display_name<'a>(
    found: &Found<Site>,
    services: impl Iterator<Item = &'a Found<Service>>,
    (index, clients): &(Index<'_>, &[Found<Client>]),
    evidence: &mut SourceEvidence,
) -> Box<str> {
    let site = &found.fact;
    if !site.name.is_empty() {
        return site.name.clone();
    }
    let by_service = services
        .filter_map(|service| service.fact.client.as_ref())
        .filter_map(|id| index.get(id))
        .map(|at| &clients[at as usize].fact.name);
    let (name, what) = match [&site.client]
        .into_iter()
        .chain(by_service)
        .find(|name| !name.is_empty())
    {
        Some(name) => (name, "is missing; the name of the customer is shown"),
        None => (&site.id, "is missing; the id is shown"),
    };
    evidence.odd_fields.push(OddField {
        place: found.origin.at("/identification/name"),
        subject: Subject::new(SubjectKind::Circuit, &site.id, name),
        what: what.into(),
        required: true,
    });
    name.clone()
}

struct Chosen {
    speed: Pair<Option<Kbps>>,
    route: Pair<&'static str>,
    origin: Option<Origin>,
}

/// The NMS's speeds where it has them: they are what UISP itself shapes with, overrides included. The CRM fills
/// the directions the NMS leaves open.
fn plan(
    found: &Found<Site>,
    owner: Option<&Found<Service>>,
    subject: &Subject,
    evidence: &mut SourceEvidence,
) -> Chosen {
    const DOWN: &str = "/qos/downloadSpeed";
    const UP: &str = "/qos/uploadSpeed";
    let nms = found.fact.speed;
    let mut chosen = Chosen {
        speed: nms,
        route: Pair::new(DOWN, UP),
        origin: None,
    };
    let Some(service) = owner else {
        return chosen;
    };
    let crm = service.fact.speed;
    temporary(service, nms, subject, evidence);
    // UISP has not taken back what has ended.
    let stale = (service.fact.instead.as_ref())
        .map(|instead| instead.stale(nms, crm))
        .unwrap_or_default();
    let nms = stale.zip(nms.zip(crm, |nms, crm| (nms, crm)), |stale, (nms, crm)| {
        if stale { crm } else { nms }
    });
    chosen.speed = nms.zip(crm, Option::or);
    if stale.down && stale.up {
        chosen.route = service.fact.speed_route;
        chosen.origin = Some(service.origin);
        return chosen;
    }
    let mut odd = |route, what| {
        evidence.odd_fields.push(OddField {
            place: found.origin.at(route),
            subject: subject.clone(),
            what,
            required: false,
        });
    };
    match (nms.down, nms.up) {
        (None, None) => {
            chosen.route = service.fact.speed_route;
            chosen.origin = Some(service.origin);
        }
        (Some(_), Some(_)) => {
            let differs = nms.zip(crm, |nms, crm| crm.is_some() && nms != crm);
            if differs.down || differs.up {
                odd(
                    if differs.down { DOWN } else { UP },
                    format!(
                        "is {} Mbit/s in the NMS, but CRM service {} sells {}; the NMS is followed",
                        Speeds(nms),
                        service.fact.id,
                        Speeds(crm)
                    ),
                );
            }
        }
        (down, _) => {
            let (route, filled) = if down.is_none() {
                (DOWN, crm.down)
            } else {
                (UP, crm.up)
            };
            if let Some(rate) = filled {
                odd(
                    route,
                    format!(
                        "is empty while the other direction is set; CRM service {} fills it with {} Mbit/s",
                        service.fact.id,
                        rate.mbps()
                    ),
                );
            }
        }
    }
    chosen
}

impl Instead {
    /// The directions in which the NMS still states an override that is over, where the CRM sells another speed.
    fn stale(&self, nms: Pair<Option<Kbps>>, crm: Pair<Option<Kbps>>) -> Pair<bool> {
        let direction = |instead: Option<Kbps>, nms, crm: Option<Kbps>| {
            self.over && instead.is_some() && nms == instead && crm.is_some() && crm != nms
        };
        Pair::new(
            direction(self.speed.down, nms.down, crm.down),
            direction(self.speed.up, nms.up, crm.up),
        )
    }
}

/// Notes that a service has other speeds than its plan's up to a day, or had them. `nms` is what the NMS states: where that
/// is something else, it is followed before and after.
fn temporary(
    service: &Found<Service>,
    nms: Pair<Option<Kbps>>,
    subject: &Subject,
    evidence: &mut SourceEvidence,
) {
    let Service {
        instead: Some(instead),
        regular,
        ..
    } = &service.fact
    else {
        return;
    };
    let Some(end) = &instead.end else { return };
    let direction = |nms: Option<Kbps>, instead: Option<Kbps>, regular: Option<Kbps>| {
        let follows = nms.is_none() || (instead.is_some() && nms == instead);
        match follows {
            true => (instead.or(regular), regular.or(nms)),
            false => (nms, nms),
        }
    };
    let down = direction(nms.down, instead.speed.down, regular.down);
    let up = direction(nms.up, instead.speed.up, regular.up);
    let (before, after) = (Pair::new(down.0, up.0), Pair::new(down.1, up.1));
    if !instead.over && before == after {
        return;
    }
    let stale = instead.stale(nms, *regular);
    evidence.temporary_rates.push(TemporaryRate {
        place: service.origin.at("/trafficShapingOverrideEnd"),
        subject: subject.clone(),
        instead: match instead.over {
            true => instead.speed.zip(*regular, Option::or),
            false => before,
        },
        after,
        end: end.clone(),
        over: instead.over,
        still_stated: stale.down || stale.up,
    });
}

/// `100/20`, with `?` for what is not known.
struct Speeds(Pair<Option<Kbps>>);

impl fmt::Display for Speeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, rate) in [self.0.down, self.0.up].into_iter().enumerate() {
            if i > 0 {
                f.write_str("/")?;
            }
            match rate {
                Some(rate) => write!(f, "{}", rate.mbps())?,
                None => f.write_str("?")?,
            }
        }
        Ok(())
    }
}

/// A subscriber's device with everything it claims.
pub fn device_record(found: &mut Found<Device>) -> DeviceRecord {
    let device = &mut found.fact;
    let id = std::mem::take(&mut device.id);
    let name = std::mem::take(&mut device.name);
    DeviceRecord {
        name: if name.is_empty() { id.clone() } else { name },
        id,
        mac: std::mem::take(&mut device.mac),
        claims: std::mem::take(&mut device.claims),
        origin: found.origin,
    }
}
