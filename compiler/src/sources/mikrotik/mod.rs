//! The `mikrotik` source: what a MikroTik router knows of hardware addresses, recorded from its REST API. It describes no
//! circuit; it tells which IPv6 prefix belongs to the device that has an IPv4 address. Everything that knows RouterOS's
//! words is below this module; who gets a prefix is decided in normalizing.
//!
//! | RouterOS | here |
//! |---|---|
//! | `ip/arp`, bound leases of `ip/dhcp-server/lease` | the IPv4 address of a hardware address; a lease counts more |
//! | bound bindings of `ipv6/dhcp-server/binding` | the prefix of a hardware address |
//! | `ipv6/neighbor`, IPv6 in `ip/arp` | the same, where no binding says it; neighbours count more |
//! | disabled rows | nothing |
//!
//! **Bindings** name a DUID. One made of a hardware address (types 1 and 3, over Ethernet) has it in its last six bytes;
//! else the neighbour with the client's link-local address has it.
//!
//! **Two values of one rank**, such as two IPv4 addresses of one hardware address in ARP, or two devices that answer for
//! one IPv4 address, decide nothing: neither is used, and it is reported. Of IPv6 in one list a prefix counts more than a host. Link-local, loopback, unspecified and
//! multicast addresses are nobody's.
//!
//! **Who gets a prefix**: the device with that IPv4 address, of any other source; where no IPv4 address is known, the
//! device with that hardware address. A circuit that has IPv6 of its own keeps it and gets none.

#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::config::project::Source;
use crate::exports::Export;
use crate::ir::address::{ClaimValue, Form, sort_key};
use crate::ir::records::{Origin, Records, Seen, SourceEvidence, SubjectKind};
use crate::source_map::SourceMap;
use crate::sources::json::{self, Collection, Refusal, read_collection};
use crate::sources::notes::Notes;
use crate::sources::text;

const fn list(name: &'static str, optional: bool, consequence: &'static str) -> Collection {
    Collection {
        name,
        optional,
        mandatory: !optional,
        consequence,
    }
}

const ARP: Collection = list("arp", false, "no IPv4 address is known");
const BINDINGS: Collection = list("bindings", true, "no delegated prefix is known");
const LEASES: Collection = list("leases", true, "IPv4 addresses are known from ARP only");
const NEIGHBORS: Collection = list(
    "neighbors",
    true,
    "bindings without a hardware address in their DUID belong to nobody",
);

/// One row that says something.
struct Row {
    /// Normalised, or empty.
    mac: Box<str>,
    value: IpNet,
    /// Of a binding: the client's link-local address.
    client: Option<IpAddr>,
    id: Box<str>,
    origin: Origin,
}

pub fn lower(source: &Source, export: &Export, files: &SourceMap) -> Records {
    let mut evidence = SourceEvidence::default();
    let mut read = |collection: &Collection, reader: Reader| {
        let rows = read_collection(source, export, files, collection, &mut evidence, reader);
        rows.into_iter().flatten().collect::<Vec<Row>>()
    };
    let arp = read(&ARP, |row, evidence| self::row(row, evidence, false));
    let leases = read(&LEASES, |row, evidence| self::row(row, evidence, true));
    let mut bindings = read(&BINDINGS, |row, evidence| self::row(row, evidence, true));
    let neighbors = read(&NEIGHBORS, |row, evidence| self::row(row, evidence, false));

    // A neighbour is found by its whole address, link-local ones too.
    let mut by_address: BTreeMap<IpAddr, Option<&str>> = BTreeMap::new();
    for row in neighbors.iter().filter(|row| !row.mac.is_empty()) {
        by_address
            .entry(row.value.addr())
            .and_modify(|mac| *mac = mac.filter(|mac| *mac == &*row.mac))
            .or_insert(Some(&row.mac));
    }
    for row in bindings.iter_mut().filter(|row| row.mac.is_empty()) {
        let found = row.client.and_then(|client| by_address.get(&client));
        if let Some(mac) = found.copied().flatten() {
            row.mac = mac.into();
        }
    }

    let mut hosts: BTreeMap<Box<str>, Best> = BTreeMap::new();
    let mut prefixes: BTreeMap<Box<str>, Best> = BTreeMap::new();
    for (rank, rows) in [&arp, &leases, &neighbors, &bindings]
        .into_iter()
        .enumerate()
    {
        for row in rows
            .iter()
            .filter(|row| !row.mac.is_empty() && is_somebodys(&row.value))
        {
            let is_v4 = row.value.addr().is_ipv4();
            let best = if is_v4 { &mut hosts } else { &mut prefixes };
            // Of one list a prefix says more than a host in it.
            let rank = 2 * rank + usize::from(row.value.prefix_len() < row.value.max_prefix_len());
            best.entry(row.mac.clone()).or_default().offer(rank, row);
        }
    }
    let mut seen = Vec::new();
    for (mac, best) in &prefixes {
        let Some((v6, row)) = best.decided(&mut evidence) else {
            continue;
        };
        let v4 = match hosts.get(mac) {
            None => None,
            Some(best) => match best.decided(&mut evidence) {
                Some((net, _)) => match net.addr() {
                    IpAddr::V4(host) => Some(host),
                    IpAddr::V6(_) => None,
                },
                // It has several: which of them is meant is not known.
                None => continue,
            },
        };
        seen.push(Seen {
            mac: mac.clone(),
            v4,
            v6,
            origin: row.origin,
        });
    }
    let seen = one_prefix_a_host(seen, &mut evidence);
    Records {
        seen,
        evidence,
        ..Records::default()
    }
}

/// Two devices that answer for one IPv4 address, with a prefix each: whose it is now is not known. Neither is used.
fn one_prefix_a_host(seen: Vec<Seen>, evidence: &mut SourceEvidence) -> Vec<Seen> {
    let mut by_host: BTreeMap<Ipv4Addr, Vec<&Seen>> = BTreeMap::new();
    for one in &seen {
        if let Some(v4) = one.v4 {
            by_host.entry(v4).or_default().push(one);
        }
    }
    by_host.retain(|_, all| all.windows(2).any(|pair| pair[0].v6 != pair[1].v6));
    for (host, all) in &by_host {
        let (first, last) = (all[0], all[all.len() - 1]);
        let mut notes = Notes {
            evidence,
            origin: last.origin,
            kind: SubjectKind::Device,
            id: last.mac.clone(),
            name: last.mac.clone(),
        };
        notes.odd(
            "/address",
            format!(
                "is of {}, which answers for {host} as {} does with {}; none is used",
                last.mac, first.mac, first.v6
            ),
        );
    }
    let doubtful: Vec<Ipv4Addr> = by_host.into_keys().collect();
    let mut kept = seen;
    kept.retain(|one| one.v4.is_none_or(|v4| doubtful.binary_search(&v4).is_err()));
    kept
}

type Reader = fn(&json::Row<'_>, &mut SourceEvidence) -> Result<Option<Row>, Refusal>;

/// The best that is said of one hardware address.
#[derive(Default)]
struct Best<'r> {
    rank: usize,
    rows: Vec<&'r Row>,
}

impl<'r> Best<'r> {
    fn offer(&mut self, rank: usize, row: &'r Row) {
        if rank > self.rank {
            self.rows.clear();
            self.rank = rank;
        }
        if rank == self.rank {
            self.rows.push(row);
        }
    }

    /// The one value, and the first row that says it. Two values are reported.
    fn decided(&self, evidence: &mut SourceEvidence) -> Option<(IpNet, &'r Row)> {
        let mut rows = self.rows.clone();
        rows.sort_by_key(|row| (sort_key(&row.value), row.origin));
        let (first, last) = (*rows.first()?, *rows.last()?);
        if first.value == last.value {
            return Some((first.value, first));
        }
        let mut notes = Notes {
            evidence,
            origin: last.origin,
            kind: SubjectKind::Device,
            id: last.id.clone(),
            name: last.mac.clone(),
        };
        notes.odd(
            "/address",
            format!(
                "is one of {} that {} has, {} and {} among them; none is used",
                rows.len(),
                last.mac,
                crate::config::overrides::shown(&first.value),
                crate::config::overrides::shown(&last.value)
            ),
        );
        None
    }
}

fn is_somebodys(net: &IpNet) -> bool {
    match net.addr() {
        IpAddr::V4(host) => {
            let Ipv4Addr::UNSPECIFIED = host else {
                return !host.is_loopback() && !host.is_multicast() && !host.is_link_local();
            };
            false
        }
        IpAddr::V6(host) => {
            !host.is_unspecified()
                && !host.is_loopback()
                && !host.is_multicast()
                && !host.is_unicast_link_local()
        }
    }
}

/// One row of any of the lists; `bound`: only what is in use counts.
fn row(
    row: &json::Row<'_>,
    evidence: &mut SourceEvidence,
    bound: bool,
) -> Result<Option<Row>, Refusal> {
    let wire: wire::Row<'_> = row.decode()?;
    let id: Box<str> = wire.id.id().value().unwrap_or_default().into();
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Device,
        id,
        name: Box::default(),
    };
    // RouterOS writes yes and no as text.
    let says = |raw: json::field::Raw<'_>, word: &str| {
        raw.id().value().is_some_and(|text| text.trim() == word)
    };
    let status = wire.status.text().value();
    let idle = bound && status.is_some_and(|status| !matches!(status.trim(), "" | "bound"));
    if idle || says(wire.disabled, "true") {
        return Ok(None);
    }
    let Some(address) = notes.need("/address", wire.address.text()) else {
        return Ok(None);
    };
    let Some((value, _)) = ClaimValue::parse(&address, Form::Prefix).prefix() else {
        notes.poor("/address", "is not an address; left out");
        return Ok(None);
    };
    let mac = notes.take("/mac-address", wire.mac_address.text());
    let mac = mac.and_then(|mac| text::mac(&mac));
    let duid = notes.take("/duid", wire.duid.text());
    let mac = mac.or_else(|| hardware(&duid?));
    let client = notes.take("/client-address", wire.client_address.text());
    Ok(Some(Row {
        mac: mac.unwrap_or_default().into(),
        value,
        client: client.and_then(|client| client.trim().parse().ok()),
        id: notes.id,
        origin: row.origin,
    }))
}

/// The hardware address in a DUID of type 1 or 3 over Ethernet (RFC 8415, 11.2 and 11.4).
fn hardware(duid: &str) -> Option<String> {
    let digits: String = duid
        .trim()
        .trim_start_matches("0x")
        .chars()
        .filter(|c| !matches!(c, ':' | '-'))
        .collect();
    if !digits.is_ascii() {
        return None;
    }
    let ethernet = digits.get(4..8) == Some("0001");
    match (digits.get(..4)?, digits.len()) {
        ("0001", 28) | ("0003", 20) if ethernet => text::mac(&digits[digits.len() - 12..]),
        _ => None,
    }
}
