//! A record of `data-links`: its two ends, its medium and its state. It states no direction.

use crate::ir::records::{LinkState, SourceEvidence, SubjectKind};
use crate::sources::found::{Found, Index};
use crate::sources::json::field::shorten;
use crate::sources::json::{Refusal, Row};
use crate::sources::notes::Notes;
use crate::sources::uisp::facts::{
    Device, DeviceIx, End, Link, Medium, Ref, SiteIx, first_id, link_id, port_speed, resolve,
};
use crate::sources::uisp::wire;

pub fn link(
    row: &Row<'_>,
    evidence: &mut SourceEvidence,
    devices: &[Found<Device>],
    device_index: &Index<'_>,
    site_index: &Index<'_>,
) -> Result<Found<Link>, Refusal> {
    let wire: wire::Link<'_> = row.decode()?;
    let Some(id) = first_id([wire.id]) else {
        return Err(Refusal::new("has no id"));
    };
    let subject_id: Box<str> = link_id(&id).into();
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Link,
        name: subject_id.clone(),
        id: subject_id,
    };
    let uplink = notes.take("/canDelete", wire.can_delete.flag()) == Some(false);
    let [a, b] = [("from", &wire.from), ("to", &wire.to)].map(|(which, end)| {
        let end = end.get()?;
        let device = end.device.get().and_then(|d| d.identification.get());
        let site = end.site.get().and_then(|s| s.identification.get());
        let device = device.and_then(|d| {
            let route = match which {
                "from" => "/from/device/identification/id",
                _ => "/to/device/identification/id",
            };
            notes.take(route, d.id.id())
        });
        let site = site.and_then(|s| {
            let route = match which {
                "from" => "/from/site/identification/id",
                _ => "/to/site/identification/id",
            };
            notes.take(route, s.id.id())
        });
        let device = device.map_or(Ref::None, |id| resolve(device_index, &id, DeviceIx));
        let site = site.map_or(Ref::None, |id| resolve(site_index, &id, SiteIx));
        if device == Ref::None && site == Ref::None {
            return None;
        }
        let port = end.interface.get().and_then(|port| {
            let stated = port.status.get().and_then(port_speed);
            stated.or_else(|| {
                let name = port.identification.get()?.name.text().value()?;
                let DeviceIx(at) = device.known()?;
                let ports = &devices[at as usize].fact.ports;
                ports.iter().find(|(n, _)| **n == *name).map(|(_, s)| *s)
            })
        });
        Some(End { device, site, port })
    });
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (Some(end), None) | (None, Some(end)) if uplink => (end.clone(), end),
        (None, None) => return Err(Refusal::of(&id, "has neither end: no device and no site")),
        (None, _) => return Err(Refusal::of(&id, "has no `from` end: no device and no site")),
        (_, None) => return Err(Refusal::of(&id, "has no `to` end: no device and no site")),
    };
    let medium = match notes.take("/type", wire.kind.text()).as_deref() {
        Some("ethernet") => Medium::Wire,
        Some("pon") => Medium::Pon,
        _ => Medium::Radio,
    };
    let state = match notes.take("/state", wire.state.text()).as_deref() {
        Some("active") => LinkState::Up,
        Some("disconnected" | "disabled") => LinkState::Down,
        Some("proposed") => LinkState::Planned,
        Some(other) => {
            notes.odd(
                "/state",
                format!("is \"{}\", an unknown state; read as down", shorten(other)),
            );
            LinkState::Down
        }
        None => {
            notes.poor("/state", "is missing; read as down");
            LinkState::Down
        }
    };
    Ok(Found {
        fact: Link {
            id,
            a,
            b,
            medium,
            state,
            uplink,
        },
        origin: row.origin,
    })
}
