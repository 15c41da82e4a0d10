//! Who owns which prefix (topology.md 1.4). Every prefix belongs to exactly one device of the whole network;
//! every claim that was changed or refused is kept as evidence.

use ipnet::IpNet;
use rayon::prelude::*;

use crate::config::project::Project;
use crate::id::CircuitIx;
use crate::ir::address::{ClaimValue, sort_key};
use crate::ir::inventory::{AddressIssue, AddressIssueKind, Inventory, Unclaimed};
use crate::ir::records::Place;

use super::circuits::{Claimant, Claimed};

/// The same private host on more circuits than this is nobody's address (a CPE's factory default, a LAN).
pub(super) const MAX_SHARERS: usize = 3;

/// A claim that passed the rules which look at one claim alone.
#[derive(Clone, Copy)]
struct Bid {
    net: IpNet,
    circuit: u32,
    device: u32,
    claim: u32,
}

pub(super) fn assign(
    project: &Project,
    mut claimants: Vec<Vec<Claimant>>,
    inventory: &mut Inventory,
) {
    inventory.evidence.unclaimed = unclaimed(inventory, &claimants);
    let parts: Vec<(Vec<Bid>, Vec<AddressIssue>)> = claimants
        .par_iter()
        .enumerate()
        .filter(|(c, _)| inventory.circuits[*c].omitted.is_none())
        .fold(Default::default, |mut said, (c, list)| {
            single(project, inventory, c as u32, list, &mut said);
            said
        })
        .collect();
    let (bids, issues): (Vec<Vec<Bid>>, Vec<Vec<AddressIssue>>) = parts.into_iter().unzip();
    let mut bids = bids.concat();
    let mut issues: Vec<AddressIssue> = issues.into_iter().flatten().collect();
    // Circuits and devices are sorted by id, so index order is id order: the first of a group is the owner.
    bids.par_sort_unstable_by_key(|b| (sort_key(&b.net), b.circuit, b.device, b.claim));
    for group in bids.chunk_by(|a, b| a.net == b.net) {
        let owner = &group[0];
        let mut sharers = 1;
        for pair in group.windows(2) {
            sharers += usize::from(pair[0].circuit != pair[1].circuit);
        }
        let junk = sharers > MAX_SHARERS && is_private_host(&owner.net);
        if !junk {
            claimants[owner.circuit as usize][owner.device as usize]
                .device
                .addresses
                .push(owner.net);
            if group.len() == 1 {
                continue;
            }
        }
        let mut last = (owner.circuit, owner.device);
        for (i, bid) in group.iter().enumerate() {
            let at = (bid.circuit, bid.device);
            // Repeats within a device say nothing.
            if i > 0 && at == last {
                continue;
            }
            last = at;
            let kind = if junk {
                AddressIssueKind::Shared { circuits: sharers }
            } else if i == 0 {
                continue;
            } else {
                let device = &claimants[owner.circuit as usize][owner.device as usize];
                let place = place(device, owner.claim);
                if bid.circuit == owner.circuit {
                    AddressIssueKind::OwnedByDevice {
                        device: device.device.subject(),
                        place,
                    }
                } else {
                    AddressIssueKind::OwnedBy {
                        circuit: inventory.circuits[owner.circuit as usize].subject(),
                        device: device.device.subject(),
                        place,
                    }
                }
            };
            let device = &claimants[bid.circuit as usize][bid.device as usize];
            issues.push(issue(inventory, bid.circuit, device, bid.claim, kind));
        }
    }
    issues.par_sort_by(|a, b| {
        (&a.circuit.id, &a.device.id, &a.kind, &a.text, &a.place).cmp(&(
            &b.circuit.id,
            &b.device.id,
            &b.kind,
            &b.text,
            &b.place,
        ))
    });
    inventory.evidence.addresses = issues;
    inventory
        .circuits
        .par_iter_mut()
        .zip(claimants)
        .for_each(|(circuit, list)| {
            if circuit.omitted.is_some() {
                return;
            }
            circuit.devices = list
                .into_iter()
                .map(|c| c.device)
                .filter(|d| !d.addresses.is_empty())
                .collect();
            for device in &mut circuit.devices {
                device.addresses.sort_unstable_by_key(sort_key);
            }
        });
}

/// What omitted circuits would claim, for people who ask why an address is not shaped.
fn unclaimed(inventory: &Inventory, claimants: &[Vec<Claimant>]) -> Vec<Unclaimed> {
    let omitted = claimants
        .iter()
        .enumerate()
        .filter(|(c, _)| inventory.circuits[*c].omitted.is_some());
    let mut all: Vec<Unclaimed> = omitted
        .flat_map(|(c, list)| {
            list.iter()
                .map(move |claimant| (CircuitIx::of(c), claimant))
        })
        .flat_map(|(circuit, claimant)| {
            claimant.claims.iter().map(move |claim| Unclaimed {
                circuit,
                device: claimant.device.id.clone(),
                origin: claim.origin,
                text: claim.claim.value.text().into(),
            })
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The rules that look at one claim alone.
fn single(
    project: &Project,
    inventory: &Inventory,
    circuit: u32,
    list: &[Claimant],
    (bids, issues): &mut (Vec<Bid>, Vec<AddressIssue>),
) {
    for (d, claimant) in list.iter().enumerate() {
        for (i, Claimed { claim, .. }) in claimant.claims.iter().enumerate() {
            let mut note = |kind| issues.push(issue(inventory, circuit, claimant, i as u32, kind));
            let Some((net, cut)) = claim.value.prefix() else {
                note(AddressIssueKind::NotAnAddress);
                continue;
            };
            if cut {
                note(match claim.value {
                    ClaimValue::Interface(..) => AddressIssueKind::InterfaceMask { becomes: net },
                    _ => AddressIssueKind::HostBits { becomes: net },
                });
            }
            if let Some(why) = never_a_subscriber(&net) {
                note(AddressIssueKind::Junk { why });
            } else if let Some(kind) = listed(project, &net) {
                note(kind);
            } else {
                bids.push(Bid {
                    net,
                    circuit,
                    device: d as u32,
                    claim: i as u32,
                });
            }
        }
    }
}

fn place(claimant: &Claimant, claim: u32) -> Place {
    let Claimed { claim, origin } = &claimant.claims[claim as usize];
    origin.at(claim.route.clone())
}

fn issue(
    inventory: &Inventory,
    circuit: u32,
    claimant: &Claimant,
    claim: u32,
    kind: AddressIssueKind,
) -> AddressIssue {
    AddressIssue {
        circuit: inventory.circuits[circuit as usize].subject(),
        device: claimant.device.subject(),
        place: place(claimant, claim),
        text: claimant.claims[claim as usize].claim.value.text().into(),
        kind,
    }
}

/// The allow list, if it has entries of the prefix's family, must contain the prefix in one entry; any overlap
/// with an ignore prefix removes it.
fn listed(project: &Project, net: &IpNet) -> Option<AddressIssueKind> {
    let lists = &project.addresses;
    let same_family = |other: &&IpNet| {
        matches!(
            (net, other),
            (IpNet::V4(_), IpNet::V4(_)) | (IpNet::V6(_), IpNet::V6(_))
        )
    };
    if let Some(by) = lists
        .ignore
        .iter()
        .filter(same_family)
        .find(|by| by.contains(net) || net.contains(*by))
    {
        return Some(AddressIssueKind::Ignored { by: *by });
    }
    let mut allow = lists.allow.iter().filter(same_family).peekable();
    if allow.peek().is_some() && !allow.any(|entry| entry.contains(net)) {
        return Some(AddressIssueKind::NotAllowed);
    }
    None
}

/// An ignore prefix overlaps it.
pub(super) fn is_ignored(project: &Project, net: &IpNet) -> bool {
    matches!(listed(project, net), Some(AddressIssueKind::Ignored { .. }))
}

/// Addresses that no subscriber is reached at from the network. (topology.md asks to report them, ADR005;
/// shaping `fe80::/10` or `0.0.0.0/0` for one circuit would catch other people's traffic, so they are dropped.)
pub(super) fn never_a_subscriber(net: &IpNet) -> Option<&'static str> {
    match net {
        IpNet::V4(n) => {
            let ip = n.network();
            match () {
                () if ip.is_unspecified() => Some("the unspecified address"),
                () if ip.is_loopback() => Some("a loopback address"),
                () if ip.is_link_local() => Some("a link-local address"),
                () if ip.is_multicast() => Some("a multicast address"),
                () if ip.is_broadcast() => Some("the broadcast address"),
                // Management default of a common CPE vendor, seen on many subscribers at once.
                () if ip.octets() == [192, 168, 172, 1] => Some("a vendor's factory default"),
                () => None,
            }
        }
        IpNet::V6(n) => {
            let ip = n.network();
            match () {
                () if ip.is_unspecified() => Some("the unspecified address"),
                () if ip.is_loopback() => Some("a loopback address"),
                () if ip.is_unicast_link_local() => Some("a link-local address"),
                () if ip.is_multicast() => Some("a multicast address"),
                () => None,
            }
        }
    }
}

/// An IPv4 host in private (RFC 1918) or shared (RFC 6598, 100.64.0.0/10) space.
fn is_private_host(net: &IpNet) -> bool {
    match net {
        IpNet::V4(n) => {
            let ip = n.addr();
            let [a, b, ..] = ip.octets();
            n.prefix_len() == 32 && (ip.is_private() || (a == 100 && (64..128).contains(&b)))
        }
        IpNet::V6(_) => false,
    }
}
