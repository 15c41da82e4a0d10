//! Records of the CRM half: services, plans and clients. Which service keeps which address is not decided here.

use crate::config::date::Date;
use crate::ir::records::{SourceEvidence, SubjectKind};
use crate::sources::found::{Found, Index};
use crate::sources::json::field::{Raw, Read, shorten};
use crate::sources::json::{Refusal, Row};
use crate::sources::notes::Notes;
use crate::sources::position;
use crate::sources::uisp::facts::{
    Client, Instead, Plan, Ref, Service, Site, SiteIx, Standing, first_id, resolve,
    service_standing, service_subject,
};
use crate::sources::uisp::wire;
use crate::units::{Kbps, MBPS, Pair};

pub fn service(
    row: &Row<'_>,
    evidence: &mut SourceEvidence,
    sites: &[Found<Site>],
    site_index: &Index<'_>,
    today: Option<Date>,
) -> Result<Found<Service>, Refusal> {
    let wire: wire::Service<'_> = row.decode()?;
    let Some(id) = first_id([wire.id]) else {
        return Err(Refusal::new("has no id"));
    };
    // Of the subscriber where the service names one.
    let named = wire.unms_client_site_id.id();
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Circuit,
        id: match &named {
            Read::Is(site) | Read::Odd(site, _) => site.as_ref().into(),
            Read::Missing | Read::Not(_) => service_subject(&id).into(),
        },
        name: Box::default(),
    };
    let site = notes
        .need("/unmsClientSiteId", named)
        .map_or(Ref::None, |id| resolve(site_index, &id, SiteIx));
    if let Ref::To(SiteIx(at)) = site {
        notes.name = sites[at as usize].fact.name.clone();
    }
    let name = notes.name("/name", wire.name.text());
    if notes.name.is_empty() {
        notes.name = name.clone();
    }
    let kind = notes.take("/servicePlanType", wire.service_plan_type.text());
    let internet = kind.is_none_or(|kind| kind.eq_ignore_ascii_case("internet"));
    let plan = notes.take("/servicePlanId", wire.service_plan_id.id());
    let client = notes.take("/clientId", wire.client_id.id());
    let (mut standing, mut speed) = (Standing::Over, Pair::default());
    let mut instead = None;
    if internet {
        standing = service_standing(&mut notes, "/status", wire.status);
        let mut mbps =
            |route, raw: Raw<'_>| notes.need(route, raw.rate(MBPS)).and_then(Kbps::known);
        speed = Pair::new(
            mbps("/downloadSpeed", wire.download_speed),
            mbps("/uploadSpeed", wire.upload_speed),
        );
        let other = Pair::new(
            mbps("/downloadSpeedOverride", wire.download_speed_override),
            mbps("/uploadSpeedOverride", wire.upload_speed_override),
        );
        let enabled = notes
            .take(
                "/trafficShapingOverrideEnabled",
                wire.traffic_shaping_override_enabled.flag(),
            )
            .unwrap_or(false);
        if enabled && other != Pair::default() {
            let (end, over) = end(&mut notes, wire.traffic_shaping_override_end, today);
            instead = Some(Instead {
                speed: other,
                end,
                over,
            });
        }
    }
    Ok(Found {
        fact: Service {
            id,
            name,
            site,
            standing,
            internet,
            speed,
            speed_route: Pair::new("/downloadSpeed", "/uploadSpeed"),
            regular: speed,
            instead,
            plan: plan.map(|id| id.as_ref().into()),
            client: client.map(|id| id.as_ref().into()),
        },
        origin: row.origin,
    })
}

/// When an override ends, and whether that was before the day of the build.
fn end(notes: &mut Notes<'_>, raw: Raw<'_>, today: Option<Date>) -> (Option<Box<str>>, bool) {
    const ROUTE: &str = "/trafficShapingOverrideEnd";
    let text = notes.take(ROUTE, raw.text()).unwrap_or_default();
    if text.trim().is_empty() {
        return (None, false);
    }
    let Some((shown, first_without)) = Date::end(&text) else {
        let what = format!(
            "is \"{}\", neither a day nor an instant: the override has no end",
            shorten(&text)
        );
        notes.odd(ROUTE, what);
        return (None, false);
    };
    let over = (today.zip(first_without)).is_some_and(|(today, first)| first <= today);
    (Some(shown), over)
}

pub fn plan(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Plan>, Refusal> {
    let wire: wire::Plan<'_> = row.decode()?;
    let Some(id) = first_id([wire.id]) else {
        return Err(Refusal::new("has no id"));
    };
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Source,
        id: format!("crm-plan:{id}").into(),
        name: wire.name.text().value().unwrap_or_default().into(),
    };
    let mut mbps = |route, raw: Raw<'_>| notes.take(route, raw.rate(MBPS)).and_then(Kbps::known);
    let speed = Pair::new(
        mbps("/downloadSpeed", wire.download_speed),
        mbps("/uploadSpeed", wire.upload_speed),
    );
    Ok(Found {
        fact: Plan { id, speed },
        origin: row.origin,
    })
}

pub fn client(row: &Row<'_>, evidence: &mut SourceEvidence) -> Result<Found<Client>, Refusal> {
    let wire: wire::Client<'_> = row.decode()?;
    let Some(id) = first_id([wire.id]) else {
        return Err(Refusal::new("has no id"));
    };
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Source,
        id: format!("crm-client:{id}").into(),
        name: Box::default(),
    };
    let company = notes.name("/companyName", wire.company_name.text());
    let first = notes.name("/firstName", wire.first_name.text());
    let last = notes.name("/lastName", wire.last_name.text());
    let name = if company.is_empty() {
        format!("{first} {last}").trim().into()
    } else {
        company
    };
    let position = position::of_fields(
        &mut notes,
        ["/addressGpsLat", "/addressGpsLon"],
        wire.address_gps_lat,
        wire.address_gps_lon,
    );
    Ok(Found {
        fact: Client { id, name, position },
        origin: row.origin,
    })
}
