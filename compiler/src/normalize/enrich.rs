//! What routers know: the IPv6 prefix of a device whose IPv4 address or hardware address a source states. It fills what
//! is not said and replaces nothing; overrides come later and stand above it.

use std::net::{IpAddr, Ipv4Addr};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::circuits::{Extra, Input};
use crate::ir::address::{Claim, ClaimValue};
use crate::ir::records::{CircuitRecord, Seen};

/// `seen` by source, the most trusted first: what it says stands, whatever later ones say.
pub(super) fn circuits(seen: Vec<Vec<Seen>>, circuits: &mut [Input]) {
    let mut by_v4: FxHashMap<Ipv4Addr, &Seen> = FxHashMap::default();
    let mut by_mac: FxHashMap<&str, &Seen> = FxHashMap::default();
    for one in seen.iter().flatten() {
        match one.v4 {
            Some(v4) => drop(by_v4.entry(v4).or_insert(one)),
            None => drop(by_mac.entry(&one.mac).or_insert(one)),
        }
    }
    if by_v4.is_empty() && by_mac.is_empty() {
        return;
    }
    circuits
        .par_iter_mut()
        .filter(|input| !has_v6(&input.record))
        .for_each(|input| {
            let mut extra: Vec<Extra> = Vec::new();
            for device in &input.record.devices {
                let hosts = device.claims.iter().filter_map(|claim| host(&claim.value));
                let mut found: Vec<&Seen> =
                    hosts.filter_map(|v4| by_v4.get(&v4)).copied().collect();
                if found.is_empty() {
                    found.extend(by_mac.get(&*device.mac).copied());
                }
                // Two addresses of one device may have one prefix.
                found.sort_unstable();
                found.dedup_by_key(|seen| seen.v6);
                extra.extend(found.into_iter().map(|seen| Extra {
                    device: device.id.clone(),
                    claims: vec![Claim {
                        value: match seen.v6.prefix_len() == seen.v6.max_prefix_len() {
                            true => ClaimValue::Host(seen.v6.addr()),
                            false => ClaimValue::Prefix(seen.v6.addr(), seen.v6.prefix_len()),
                        },
                        route: "/address".into(),
                    }],
                    origin: seen.origin,
                }));
            }
            input.extra.extend(extra);
        });
}

fn has_v6(circuit: &CircuitRecord) -> bool {
    let claims = circuit.devices.iter().flat_map(|device| &device.claims);
    claims
        .filter_map(|claim| claim.value.prefix())
        .any(|(net, _)| net.addr().is_ipv6())
}

/// The one IPv4 host that is meant.
fn host(value: &ClaimValue) -> Option<Ipv4Addr> {
    match value.prefix()? {
        (net, _) if net.prefix_len() == 32 => match net.addr() {
            IpAddr::V4(host) => Some(host),
            IpAddr::V6(_) => None,
        },
        _ => None,
    }
}
