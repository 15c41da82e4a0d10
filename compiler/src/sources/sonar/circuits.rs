//! Subscribers: every account that is active becomes a circuit for each of its data services, with the equipment that
//! is tied to the service; what is tied to none belongs to the largest one.

use ipnet::IpNet;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::ir::address::Claim;
use crate::ir::records::{
    CircuitRecord, DeviceRecord, NodeRef, OddField, RefBy, Relay, ServiceState, SourceEvidence,
    Subject, SubjectKind, UplinkChoice,
};
use crate::sources::found::{Fact, Found, Index};
use crate::sources::sonar::facts::{Account, Device, Service, Site, Status, circuit_id, item_node};
use crate::units::{Kbps, Pair};

const PLAN_ROUTE: &str = "/account_services";

/// What is known of equipment beyond its own account.
pub struct Equipment<'a> {
    /// Items that stand in sites.
    nodes: FxHashSet<&'a str>,
    /// Items of subscribers: the account, and what feeds them.
    items: FxHashMap<&'a str, (u32, Option<&'a str>)>,
    /// By prefix: the account it is assigned to. Not what was only learned.
    held: FxHashMap<IpNet, u32>,
}

impl<'a> Equipment<'a> {
    pub fn of(sites: &'a [Found<Site>], accounts: &'a [Found<Account>], active: &[bool]) -> Self {
        let mut equipment = Equipment {
            nodes: (sites.iter())
                .flat_map(|site| site.fact.items.iter().map(|item| &*item.id))
                .collect(),
            items: FxHashMap::default(),
            held: FxHashMap::default(),
        };
        for ((at, account), active) in (0..).zip(accounts).zip(active) {
            for device in &account.fact.devices {
                if let Some(item) = &device.item {
                    let entry = equipment.items.entry(item).or_insert((at, None));
                    entry.1 = entry.1.or(device.parent.as_deref());
                }
                for address in device.claims.iter().filter(|a| *active && !a.soft) {
                    if let Some((net, _)) = address.claim.value.prefix() {
                        equipment.held.entry(net).or_insert(at);
                    }
                }
            }
        }
        equipment
    }

    /// The node that a piece of a subscriber hangs on: its parent in a site, or where the subscriber hangs that its
    /// parent belongs to. The second value is the account in between.
    fn node(&self, parent: &'a str, own: u32) -> (&'a str, Option<u32>) {
        let (mut at, mut relay) = (parent, None);
        // A chain of subscribers that is longer than this runs in a circle.
        for _ in 0..32 {
            if self.nodes.contains(at) {
                return (at, relay);
            }
            match self.items.get(at) {
                Some(&(account, Some(next))) => {
                    if account != own {
                        relay = relay.or(Some(account));
                    }
                    at = next;
                }
                Some((_, None)) | None => return (at, relay),
            }
        }
        (parent, None)
    }
}

/// Whether an account is live, and why not.
pub fn is_active(account: &Account, statuses: &Index<'_>, all: &[Found<Status>]) -> bool {
    let by_status = || {
        let at = statuses.get(account.status.as_deref()?)?;
        all[at as usize].fact.activates
    };
    !account.archived && account.activates.or_else(by_status).unwrap_or(true)
}

pub fn circuits(
    accounts: &[Found<Account>],
    active: &[bool],
    equipment: &Equipment<'_>,
    evidence: &mut SourceEvidence,
) -> Vec<CircuitRecord> {
    let mut circuits = Vec::with_capacity(accounts.len());
    for ((at, found), active) in (0..).zip(accounts).zip(active) {
        if *active {
            of_account(at, found, accounts, equipment, evidence, &mut circuits);
            continue;
        }
        let addresses: usize = found.fact.devices.iter().map(|d| d.claims.len()).sum();
        if addresses > 0 {
            let (route, why) = match found.fact.archived {
                true => ("/archived_at", "is that of an archived account"),
                false => ("/account_status", "does not activate the account"),
            };
            evidence.odd_fields.push(OddField {
                place: found.origin.at(route),
                subject: found.fact.subject(),
                what: format!(
                    "{why}, which still has {addresses} address{}: if they carry traffic it passes unshaped",
                    if addresses == 1 { "" } else { "es" }
                ),
                required: false,
            });
        }
    }
    circuits.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    circuits
}

fn of_account(
    at: u32,
    found: &Found<Account>,
    accounts: &[Found<Account>],
    equipment: &Equipment<'_>,
    evidence: &mut SourceEvidence,
    out: &mut Vec<CircuitRecord>,
) {
    let account = &found.fact;
    // The largest first; of equal ones the one with the smallest id.
    let mut services: Vec<&Service> = account.services.iter().collect();
    let size = |s: &Service| s.speed.map(Option::unwrap_or_default).total();
    services.sort_by(|a, b| {
        size(b)
            .cmp(&size(a))
            .then_with(|| (a.id.len(), &a.id).cmp(&(b.id.len(), &b.id)))
    });
    let main = services.first().copied();
    let mut seen: FxHashSet<IpNet> = FxHashSet::default();
    let of_main = |device: &&Device| match (&device.service, main) {
        (Some(service), Some(main)) => {
            *service == main.id || !account.services.iter().any(|s| s.id == *service)
        }
        _ => true,
    };
    let devices: Vec<&Device> = account.devices.iter().filter(of_main).collect();
    let all: Vec<&Device> = account.devices.iter().collect();
    let id = circuit_id(&account.id);
    let mut circuit = |id: Box<str>,
                       name: Box<str>,
                       speed,
                       devices: &[&Device],
                       evidence: &mut SourceEvidence| {
        let subject = Subject::new(SubjectKind::Circuit, &id, &name);
        let mut place = attach(at, found, devices, accounts, equipment, &subject, evidence);
        if place.is_empty() {
            place = attach(at, found, &all, accounts, equipment, &subject, evidence);
        }
        out.push(CircuitRecord {
            attach: place,
            devices: devices
                .iter()
                .map(|device| {
                    record(
                        at, found, device, accounts, equipment, &mut seen, &subject, evidence,
                    )
                })
                .filter(|device| !device.claims.is_empty())
                .collect(),
            id,
            name,
            plan: speed,
            burst: Pair::ZERO,
            burst_bytes: Pair::default(),
            commit: Pair::ZERO,
            state: match account.delinquent {
                true => ServiceState::Suspended,
                false => ServiceState::Active,
            },
            leaf: Pair::default(),
            comment: Box::default(),
            position: account.position,
            origin: found.origin,
            plan_route: Pair::both(PLAN_ROUTE),
            plan_origin: None,
        });
    };
    let speed: Pair<Option<Kbps>> = main.map(|s| s.speed).unwrap_or_default();
    circuit(id.clone(), account.name.clone(), speed, &devices, evidence);
    for service in services.into_iter().skip(1) {
        let own: Vec<&Device> = (account.devices.iter())
            .filter(|device| device.service.as_ref() == Some(&service.id))
            .collect();
        let id: Box<str> = format!("{id}/{}", service.id).into();
        let label = if service.name.is_empty() {
            &service.id
        } else {
            &service.name
        };
        let name: Box<str> = format!("{} ({label})", account.name).into();
        if own.iter().all(|device| device.claims.is_empty()) {
            evidence.odd_fields.push(OddField {
                place: found.origin.at(PLAN_ROUTE),
                subject: Subject::new(SubjectKind::Circuit, &id, &name),
                what: format!(
                    "holds service {} beside a larger one, which has all addresses: no equipment is tied to this one",
                    service.id
                ),
                required: false,
            });
        }
        circuit(id, name, service.speed, &own, evidence);
    }
}

/// Where the equipment says it hangs; the first of several by id, and the others are named.
fn attach(
    at: u32,
    found: &Found<Account>,
    devices: &[&Device],
    accounts: &[Found<Account>],
    equipment: &Equipment<'_>,
    circuit: &Subject,
    evidence: &mut SourceEvidence,
) -> Vec<NodeRef> {
    let mut ways: Vec<NodeRef> = Vec::new();
    for device in devices {
        let Some(parent) = device.parent.as_deref() else {
            continue;
        };
        // Another piece of the same account, such as the router behind the radio, says nothing.
        let (item, relay) = equipment.node(parent, at);
        let own = |(account, _): &(u32, Option<&str>)| *account == at;
        if equipment.items.get(item).is_some_and(own) {
            continue;
        }
        if let Some(relay) = relay {
            evidence.relays.push(Relay {
                place: found.origin.at(device.parent_route.clone()),
                circuit: circuit.clone(),
                relay: accounts[relay as usize].fact.subject(),
            });
        }
        let node = item_node(item);
        if !ways.iter().any(|way| way.text == node) {
            ways.push(NodeRef {
                text: node,
                by: RefBy::Id,
                route: device.parent_route.clone().into(),
            });
        }
    }
    // What stands in a site before what the export does not hold.
    let known = |way: &NodeRef| {
        let item = way.text.strip_prefix("sonar:item:").unwrap_or_default();
        equipment.nodes.contains(item)
    };
    ways.sort_by_key(|way| !known(way));
    let rivals: Vec<Box<str>> = (ways.iter().skip(1))
        .filter(|way| known(way))
        .map(|way| way.text.clone())
        .collect();
    if !rivals.is_empty() {
        evidence.uplink_choices.push(UplinkChoice {
            place: found.origin.at(ways[0].route.clone()),
            circuit: circuit.clone(),
            chosen: ways[0].text.clone(),
            rivals,
        });
    }
    ways
}

#[allow(clippy::too_many_arguments)]
fn record(
    at: u32,
    found: &Found<Account>,
    device: &Device,
    accounts: &[Found<Account>],
    equipment: &Equipment<'_>,
    seen: &mut FxHashSet<IpNet>,
    circuit: &Subject,
    evidence: &mut SourceEvidence,
) -> DeviceRecord {
    let mut claims: Vec<Claim> = Vec::new();
    for address in &device.claims {
        let Some((net, _)) = address.claim.value.prefix() else {
            claims.push(address.claim.clone());
            continue;
        };
        if address.soft
            && let Some(&owner) = equipment.held.get(&net)
            && owner != at
        {
            evidence.odd_fields.push(OddField {
                place: found.origin.at(address.claim.route.clone()),
                subject: circuit.clone(),
                what: format!(
                    "was learned and is {}, which is assigned to account {}; it is stale and left out",
                    address.claim.value.text(),
                    accounts[owner as usize].fact.id
                ),
                required: false,
            });
            continue;
        }
        if seen.insert(net) {
            claims.push(address.claim.clone());
        }
    }
    DeviceRecord {
        id: device.id.clone(),
        name: device.name.clone(),
        mac: device.mac.clone(),
        claims,
        origin: found.origin,
    }
}
