//! A record of `devices`: whose it is, what its radio does and carries, who is on it, and every address it reports.

use std::borrow::Cow;

use crate::ir::address::{Claim, ClaimValue, Form};
use crate::ir::records::{SourceEvidence, SubjectKind};
use crate::sources::found::{Found, Index};
use crate::sources::json::field::{Object, Raw, Read, shorten};
use crate::sources::json::{Refusal, Row};
use crate::sources::notes::Notes;
use crate::sources::text;
use crate::sources::uisp::facts::{
    ApBy, ApRef, Device, Ref, Side, Site, SiteIx, SiteKind, Station, Who, first_id, location_of,
    or_id, port_speed, reference, resolve,
};
use crate::sources::uisp::wire;
use crate::units::{BPS, Kbps, MBPS, Pair, PerMille, muldiv};

pub fn device(
    row: &Row<'_>,
    evidence: &mut SourceEvidence,
    sites: &[Found<Site>],
    site_index: &Index<'_>,
) -> Result<Found<Device>, Refusal> {
    let wire: wire::Device<'_> = row.decode()?;
    let Some(identification) = wire.identification.get() else {
        return Err(Refusal::new("has no identification"));
    };
    let Some(id) = first_id([identification.id]) else {
        return Err(Refusal::new("has no identification.id"));
    };
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Device,
        name: Box::default(),
        id,
    };
    let mut name = Box::default();
    for (route, raw) in [
        ("/identification/hostname", identification.hostname),
        ("/identification/name", identification.name),
        ("/identification/displayName", identification.display_name),
    ] {
        name = notes.name(route, raw.text());
        if !name.is_empty() {
            break;
        }
    }
    notes.name = or_id(&name, &notes.id).into();
    let mac = match notes.take("/identification/mac", identification.mac.text()) {
        None => Box::default(),
        Some(given) => text::mac(&given).map_or_else(
            || {
                let given = given.trim().to_ascii_lowercase();
                if !given.is_empty() {
                    notes.odd(
                        "/identification/mac",
                        format!("is not a hardware address: \"{}\"", shorten(&given)),
                    );
                }
                text::clean(&given).0.into()
            },
            Into::into,
        ),
    };
    let kind = notes
        .take("/identification/type", identification.kind.text())
        .unwrap_or_default();
    let role = notes
        .take("/identification/role", identification.role.text())
        .unwrap_or_default();
    let site = if let Object::Not(_) = identification.site {
        notes.poor(
            "/identification/site",
            identification.site.odd().unwrap_or_default(),
        );
        Ref::None
    } else {
        match reference(&mut notes, "/identification/site", &identification.site) {
            None => Ref::None,
            Some(id) => resolve(site_index, &id, SiteIx),
        }
    };
    if let Some(odd) = wire.overview.odd() {
        notes.odd("/overview", odd);
    }
    let empty = wire::Overview::default();
    let overview = wire.overview.get().unwrap_or(&empty);
    let mode = notes
        .take("/overview/wirelessMode", overview.wireless_mode.text())
        .unwrap_or_default();
    if let Some(odd) = wire.interfaces.odd() {
        notes.poor("/interfaces", odd);
    }
    let capacity = radio_capacity(
        &mut notes,
        overview,
        wire.interfaces.items(),
        kind == "airMax" && role == "ap" && mode == "ap-ptmp",
    );
    let place = site.known().map(|SiteIx(at)| sites[at as usize].fact.kind);
    let (mut ports, mut claims) = (Vec::new(), Vec::new());
    match place {
        Some(SiteKind::Tower) => ports = wired_ports(wire.interfaces.items()),
        Some(SiteKind::Endpoint) => claims = addresses(&mut notes, &wire),
        None => unassigned(
            &mut notes,
            &site,
            identification.authorized,
            wire.ip_address,
        ),
    }
    let access = role == "ap" || kind == "olt" || (role == "gpon" && kind != "onu");
    let side = match mode.as_ref() {
        m if m.starts_with("ap") => Some(Side::Ap),
        m if m.starts_with("sta") => Some(Side::Station),
        _ => None,
    };
    let stations = match access || side == Some(Side::Ap) {
        true => stations(&mut notes, wire.interfaces.items()),
        false => Vec::new(),
    };
    let ap = match wire.attributes.get() {
        Some(attributes) => access_point(&mut notes, &attributes.ap_device),
        None => {
            if let Some(odd) = wire.attributes.odd() {
                notes.odd("/attributes", odd);
            }
            None
        }
    };
    let position = match place {
        Some(SiteKind::Tower) => location_of(&mut notes, "/location", &wire.location),
        Some(SiteKind::Endpoint) | None => None,
    };
    Ok(Found {
        fact: Device {
            access,
            station: role == "station" || kind == "onu",
            mode: side,
            ptp: mode.contains("ptp"),
            id: notes.id,
            name,
            mac,
            site,
            ap,
            stations,
            capacity,
            ports,
            claims,
            position,
        },
        origin: row.origin,
    })
}

/// Who is connected to an access point. Who is not any more may be on another one by now.
fn stations(notes: &mut Notes<'_>, interfaces: &[Object<'_, wire::Interface<'_>>]) -> Vec<Station> {
    let mut stations = Vec::new();
    for (i, interface) in interfaces.iter().enumerate() {
        let Some(listed) = interface.get().map(|interface| interface.stations.values()) else {
            continue;
        };
        let route = format!("/interfaces/{i}/stations");
        for (key, raw) in notes.take(route.clone(), listed).unwrap_or_default() {
            let route = format!("{route}/{key}");
            let Some(station) = raw.object::<wire::Station<'_>>() else {
                notes.odd(
                    route,
                    format!("is {} where an object belongs; left out", raw.kind().word()),
                );
                continue;
            };
            if station.connected.flag().value() == Some(false) {
                continue;
            }
            let id = station.device_identification.get();
            let id = id.and_then(|device| device.id.id().value());
            let mac = || text::mac(&station.mac.text().value()?);
            let who = match id {
                Some(id) => Some(Who::Id(id.as_ref().into())),
                None => mac().map(|mac| Who::Mac(mac.into())),
            };
            stations.extend(who.map(|who| Station {
                who,
                route: route.into(),
            }));
        }
    }
    stations
}

/// A device that somebody took into UISP and assigned to nobody: its address is nobody's either.
fn unassigned(notes: &mut Notes<'_>, site: &Ref<SiteIx>, authorized: Raw<'_>, address: Raw<'_>) {
    if *site != Ref::None || authorized.flag().value() == Some(false) {
        return;
    }
    let address = address.text().value().unwrap_or_default();
    let value = ClaimValue::parse(&address, Form::Interface);
    if value.prefix().is_some() {
        notes.odd(
            "/identification/site",
            format!(
                "is empty, and the device has {}: where no other device has it, its traffic passes unshaped",
                value.text()
            ),
        );
    }
}

/// What a radio carries, in its own terms. A point-to-multipoint airMax access point shares one capacity
/// between the directions by its download ratio (0.8 when it frames flexibly); every other radio states both.
fn radio_capacity(
    notes: &mut Notes<'_>,
    overview: &wire::Overview<'_>,
    interfaces: &[Object<'_, wire::Interface<'_>>],
    shared: bool,
) -> Pair<Option<Kbps>> {
    let mut known = |route, raw: Raw<'_>| notes.take(route, raw.rate(BPS)).and_then(Kbps::known);
    let stated = Pair::new(
        known("/overview/downlinkCapacity", overview.downlink_capacity),
        known("/overview/uplinkCapacity", overview.uplink_capacity),
    );
    if !shared {
        return stated;
    }
    let theoretical = known(
        "/overview/theoreticalTotalCapacity",
        overview.theoretical_total_capacity,
    );
    let total = known("/overview/totalCapacity", overview.total_capacity);
    let ratio = download_ratio(notes, interfaces);
    if ratio.is_none() && theoretical.is_none() {
        return stated;
    }
    let Some(total) = total.or(stated.down.max(stated.up)) else {
        return stated;
    };
    let down = muldiv(total, ratio.unwrap_or(PerMille(800)));
    Pair::new(down, Kbps(total.0.saturating_sub(down.0))).map(Kbps::known)
}

/// `dlRatio` of the first interface that has one: percent, or a share below 1.
fn download_ratio(
    notes: &mut Notes<'_>,
    interfaces: &[Object<'_, wire::Interface<'_>>],
) -> Option<PerMille> {
    for (i, interface) in interfaces.iter().enumerate() {
        let wireless = interface.get().and_then(|i| i.wireless.object());
        let Some::<wire::Wireless<'_>>(wireless) = wireless else {
            continue;
        };
        let mut odd = |what: String| {
            notes.odd(format!("/interfaces/{i}/wireless/dlRatio"), what);
        };
        // In thousandths of a percent: a kbit/s is the smallest unit the reader of rates knows.
        let (ratio, what) = match wireless.dl_ratio.rate(MBPS) {
            Read::Missing => continue,
            Read::Is(ratio) => (ratio, None),
            Read::Odd(ratio, what) => (ratio, Some(what)),
            Read::Not(what) => {
                odd(what);
                continue;
            }
        };
        if let Some(what) = what {
            odd(what);
        }
        let per_mille = match ratio.0 {
            1..1000 => ratio.0,
            1000..=100_000 => (ratio.0 + 50) / 100,
            _ => {
                odd("is not a percentage; left out".into());
                continue;
            }
        };
        return u32::try_from(per_mille).ok().map(PerMille);
    }
    None
}

fn wired_ports(interfaces: &[Object<'_, wire::Interface<'_>>]) -> Vec<(Box<str>, Kbps)> {
    interfaces
        .iter()
        .filter_map(|interface| {
            let interface = interface.get()?;
            let speed = port_speed(&interface.status.object()?)?;
            let identification: wire::Reference<'_> = interface.identification.object()?;
            let name = identification.name.text().value()?;
            Some((Box::from(name.as_ref()), speed))
        })
        .collect()
}

/// Every address of a subscriber's device once, in the order they are written.
fn addresses(notes: &mut Notes<'_>, wire: &wire::Device<'_>) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    let mut add = |value: ClaimValue, route: Cow<'static, str>| {
        let prefix = value.prefix();
        let known = claims
            .iter()
            .any(|claim| match (&prefix, claim.value.prefix()) {
                (Some((a, _)), Some((b, _))) => *a == b,
                _ => claim.value == value,
            });
        if !known {
            claims.push(Claim { value, route });
        }
    };
    // Always a host, whatever mask stands behind it.
    let host = |text: &str| match ClaimValue::parse(text, Form::Interface) {
        value @ ClaimValue::Interface(ip, _) => match value.prefix() {
            Some((_, false)) => ClaimValue::Host(ip),
            _ => value,
        },
        value => value,
    };
    if let Some(text) = notes.take("/ipAddress", wire.ip_address.text()) {
        if text.trim().is_empty() {
            notes.odd("/ipAddress", "is empty text; read as no address");
        } else {
            add(host(&text), Cow::Borrowed("/ipAddress"));
        }
    }
    if let Some(odd) = wire.ip_address_list.odd() {
        notes.odd("/ipAddressList", odd);
    }
    for (i, listed) in wire.ip_address_list.items().iter().enumerate() {
        let route = format!("/ipAddressList/{i}");
        let text = notes.take(route.clone(), listed.text());
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            add(host(&text), Cow::Owned(route));
        }
    }
    for (i, interface) in wire.interfaces.items().iter().enumerate() {
        if let Some(odd) = interface.odd() {
            notes.odd(format!("/interfaces/{i}"), odd);
        }
        let Some(interface) = interface.get() else {
            continue;
        };
        if let Some(odd) = interface.addresses.odd() {
            notes.odd(format!("/interfaces/{i}/addresses"), odd);
        }
        for (j, address) in interface.addresses.items().iter().enumerate() {
            let route = || format!("/interfaces/{i}/addresses/{j}");
            if let Some(odd) = address.odd() {
                notes.odd(route(), odd);
            }
            let Some(address) = address.get() else {
                continue;
            };
            match address.cidr.text() {
                Read::Missing => {}
                Read::Is(text) if text.trim().is_empty() => {}
                Read::Is(text) | Read::Odd(text, _) => add(
                    ClaimValue::parse(&text, Form::Interface),
                    Cow::Owned(route() + "/cidr"),
                ),
                Read::Not(what) => notes.odd(route() + "/cidr", what),
            }
        }
    }
    claims
}

fn access_point(notes: &mut Notes<'_>, ap: &Object<'_, wire::Reference<'_>>) -> Option<ApRef> {
    const ROUTE: &str = "/attributes/apDevice";
    let named = |text: &str, by| {
        let text = text.trim();
        (!text.is_empty()).then(|| ApRef {
            text: text.into(),
            by,
        })
    };
    match ap {
        Object::Missing => None,
        Object::Is(reference) => match notes.take(ROUTE, reference.id.id()) {
            Some(id) => named(&id, ApBy::Id),
            None => named(&reference.name.text().value()?, ApBy::Name),
        },
        Object::Text(text) => named(text, ApBy::Text),
        Object::Not(_) => {
            notes.odd(ROUTE, ap.odd().unwrap_or_default());
            None
        }
    }
}
