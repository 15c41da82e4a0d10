//! A record of `sites`: a tower or a subscriber's endpoint, with its speeds and what the CRM is bound to.

use std::num::NonZeroU64;

use crate::ir::records::{SourceEvidence, SubjectKind};
use crate::sources::found::Found;
use crate::sources::json::field::shorten;
use crate::sources::json::{Refusal, Row};
use crate::sources::notes::Notes;
use crate::sources::uisp::facts::{
    Site, SiteKind, first_id, location_of, or_id, reference, service_standing, site_node,
};
use crate::sources::uisp::wire;
use crate::units::{BPS, Kbps, Pair};

pub fn site(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Site>, Refusal> {
    let wire: wire::Site<'_> = row.decode()?;
    let empty = wire::SiteIdentification::default();
    let identification = wire.identification.get().unwrap_or(&empty);
    let Some(id) = first_id([wire.id, identification.id]) else {
        return Err(Refusal::new("has no id"));
    };
    let kind = match identification.kind.text().value().as_deref() {
        Some("site") => SiteKind::Tower,
        Some("endpoint") => SiteKind::Endpoint,
        Some(other) => {
            return Err(Refusal::of(
                &id,
                format!(
                    "identification.type is \"{}\", neither site nor endpoint",
                    shorten(other)
                ),
            ));
        }
        None => return Err(Refusal::of(&id, "has no identification.type")),
    };
    let (subject_kind, subject_id) = match kind {
        SiteKind::Tower => (SubjectKind::Node, site_node(&id).into()),
        SiteKind::Endpoint => (SubjectKind::Circuit, id.clone()),
    };
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: subject_kind,
        id: subject_id,
        name: Box::default(),
    };
    let name = notes.name("/identification/name", identification.name.text());
    let name = match kind {
        SiteKind::Endpoint => first_name_first(&name).unwrap_or(name),
        SiteKind::Tower => name,
    };
    notes.name = or_id(&name, &id).into();
    if let Some(other) = identification.id.id().value()
        && *other != *id
    {
        notes.odd(
            "/identification/id",
            format!("is {} while the record's id is {id}", shorten(&other)),
        );
    }
    let parent = reference(&mut notes, "/identification/parent", &identification.parent);
    let suspended = notes
        .take("/identification/suspended", identification.suspended.flag())
        .unwrap_or(false);
    let (mut speed, mut burst_bytes, mut aggregation) = (Pair::default(), Pair::default(), None);
    if let Some(odd) = wire.qos.odd() {
        notes.poor("/qos", odd);
    } else if kind == SiteKind::Endpoint && wire.qos.get().is_none() {
        notes.odd("/qos", "is missing: the NMS states no speeds");
    }
    if let Some(qos) = wire.qos.get() {
        speed = Pair::new(
            notes.need("/qos/downloadSpeed", qos.download_speed.rate(BPS)),
            notes.need("/qos/uploadSpeed", qos.upload_speed.rate(BPS)),
        )
        .map(|rate| rate.and_then(Kbps::known));
        burst_bytes = Pair::new(
            notes.take("/qos/downloadBurstSize", qos.download_burst_size.count()),
            notes.take("/qos/uploadBurstSize", qos.upload_burst_size.count()),
        )
        .map(Option::unwrap_or_default);
        aggregation = notes
            .take("/qos/aggregation", qos.aggregation.count())
            .and_then(NonZeroU64::new);
    }
    let (mut standing, mut client) = (None, Box::default());
    if let Some(odd) = wire.ucrm.odd() {
        notes.odd("/ucrm", odd);
    }
    if let Some(ucrm) = wire.ucrm.get() {
        if let Some(service) = ucrm.service.get() {
            standing = Some(service_standing(
                &mut notes,
                "/ucrm/service/status",
                service.status,
            ));
        }
        if let Some(bound) = ucrm.client.get() {
            client = notes.name("/ucrm/client/name", bound.name.text());
            client = first_name_first(&client).unwrap_or(client);
        }
    }
    let location = wire.description.get().map(|d| &d.location);
    let position = location.and_then(|l| location_of(&mut notes, "/description/location", l));
    Ok(Found {
        fact: Site {
            id,
            name,
            kind,
            parent,
            suspended,
            speed,
            burst_bytes,
            aggregation,
            standing,
            client,
            position,
        },
        origin: row.origin,
    })
}

/// Words that make a name a company's, lower case.
const COMPANY: [&str; 18] = [
    "ag",
    "bv",
    "co",
    "company",
    "corp",
    "corporation",
    "gmbh",
    "inc",
    "limited",
    "llc",
    "llp",
    "lp",
    "ltd",
    "pc",
    "plc",
    "pllc",
    "sa",
    "srl",
];

/// `Rubio, Jorge` is Jorge Rubio; `Acme, LLC`, `Unit 3, North` and `A, B, C` stay as they are.
pub(super) fn first_name_first(name: &str) -> Option<Box<str>> {
    let (last, first) = name.split_once(',')?;
    let (last, first) = (last.trim(), first.trim());
    let company = |part: &str| {
        let word = part.trim_end_matches('.').to_ascii_lowercase();
        COMPANY.binary_search(&word.as_str()).is_ok()
    };
    let person = !last.is_empty()
        && !first.is_empty()
        && !first.contains(',')
        && !name.contains(|c: char| c.is_ascii_digit())
        && !company(last)
        && !company(first);
    person.then(|| format!("{first} {last}").into())
}
