//! Which prefix belongs to which device (section 1.4).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use super::inventory::Inventory;
use super::settings::Settings;

/// Circuit id to device id to prefixes. Only circuits and devices that keep at least one prefix are in it.
pub type Owned = BTreeMap<String, BTreeMap<String, BTreeSet<IpNet>>>;

/// Lets the circuits in `claiming` claim their addresses, and settles every conflict.
pub fn owned(inventory: &Inventory, claiming: &BTreeSet<String>, settings: &Settings) -> Owned {
    // Every prefix with its claimants. The set drops repeats within a device, and sorts claimants by
    // (circuit id, device id).
    let mut claims: BTreeMap<IpNet, BTreeSet<(String, String)>> = BTreeMap::new();
    for circuit in claiming {
        for (device, texts) in &inventory.circuits[circuit].devices {
            for text in texts {
                let Some(prefix) = parse(text) else { continue };
                if allowed(&prefix, settings) {
                    let claimant = (circuit.clone(), device.clone());
                    claims.entry(prefix).or_default().insert(claimant);
                }
            }
        }
    }

    let mut owned = Owned::new();
    for (prefix, claimants) in claims {
        let circuits: BTreeSet<&String> = claimants.iter().map(|(circuit, _)| circuit).collect();
        // Reading: this is the only junk that is removed. Link-local, loopback, multicast and vendor defaults, which
        // the lint rule ADR005 lists too, are reported and stay.
        if private_or_shared_host(&prefix) && circuits.len() > 3 {
            continue;
        }
        let (circuit, device) = claimants
            .into_iter()
            .next()
            .expect("a claim has a claimant");
        owned
            .entry(circuit)
            .or_default()
            .entry(device)
            .or_default()
            .insert(prefix);
    }
    owned
}

/// A prefix, or a host: alone, or because host bits are set. `None` is text that is no address.
// Reading: the text is taken as it is; an address with spaces around it is no address.
pub fn parse(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address));
    }
    let prefix: IpNet = text.parse().ok()?;
    if prefix.addr() == prefix.network() {
        Some(prefix)
    } else {
        Some(IpNet::from(prefix.addr()))
    }
}

fn allowed(prefix: &IpNet, settings: &Settings) -> bool {
    let same_family = |entry: &&IpNet| entry.addr().is_ipv4() == prefix.addr().is_ipv4();
    let of_family: Vec<&IpNet> = settings.allow.iter().filter(same_family).collect();
    let listed = of_family.is_empty() || of_family.iter().any(|entry| entry.contains(prefix));
    let ignored = settings
        .ignore
        .iter()
        .filter(same_family)
        .any(|entry| entry.contains(prefix) || prefix.contains(entry));
    listed && !ignored
}

fn private_or_shared_host(prefix: &IpNet) -> bool {
    let IpNet::V4(prefix) = prefix else {
        return false;
    };
    let spaces = [
        ([10, 0, 0, 0], 8),
        ([172, 16, 0, 0], 12),
        ([192, 168, 0, 0], 16),
        ([100, 64, 0, 0], 10),
    ];
    prefix.prefix_len() == 32
        && spaces.iter().any(|(network, length)| {
            Ipv4Net::new_assert(Ipv4Addr::from(*network), *length).contains(&prefix.addr())
        })
}
