//! One subscriber: what is shaped for it and why, where each value comes from, and what flows now.

use serde::Serialize;
use weir_schemas::common::Position;
use weir_schemas::provenance::Field;
use weir_schemas::why::{LimitKind, StepKind, Why};

use super::subscribers::{Row, row};
use super::tree::{LiveRow, live, live_row, path};
use super::{Link, channel, find_circuit};
use crate::app::App;
use crate::ask::{Ask, Reply, drawn, show};
use crate::engine::{Answer, Problem};
use crate::eyes::Eyes;
use crate::index::{Circuit, Index};
use crate::show::{Both, Digest, Rate, Time, tame};

#[derive(Serialize, Debug)]
pub struct SubscriberPage {
    pub digest: Digest,
    #[serde(flatten)]
    pub row: Row,
    /// Nodes above, the highest first.
    pub path: Vec<Link>,
    /// In degrees; null where no source says it, and for viewers.
    pub position: Option<Position>,
    pub devices: Vec<DeviceRow>,
    /// Its class, `[download, upload]`; null when it has none.
    pub class: Option<ClassRow>,
    pub live: Option<LiveRow>,
    pub live_text: String,
    /// Why it is as it is, in sentences. Empty for viewers.
    pub summary: Vec<String>,
    pub ceiling: Vec<Step>,
    pub guarantee: Vec<Step>,
    pub limits: Vec<Limit>,
    pub records: Vec<Record>,
    pub fields: Vec<FieldRow>,
    pub refused: Vec<RefusedRow>,
    pub findings: Vec<Finding>,
    pub changed: Changed,
    /// What the form for overrides may set.
    #[serde(skip)]
    pub settable: &'static [(&'static str, &'static str)],
    #[serde(skip)]
    pub default_expiry: String,
}
drawn!(SubscriberPage, "subscriber.html");

#[derive(Serialize, Debug)]
pub struct DeviceRow {
    pub id: String,
    pub mac: Option<String>,
    pub addresses: Vec<String>,
}

#[derive(Serialize, Debug)]
pub struct ClassRow {
    pub queue: u16,
    pub ids: Both<String>,
    pub leaves: Both<Option<String>>,
}

/// A step from the plan to a rate.
#[derive(Serialize, Debug)]
pub struct Step {
    pub step: &'static str,
    pub rate: Both<Option<Rate>>,
    pub by: Option<String>,
}

#[derive(Serialize, Debug)]
pub struct Limit {
    pub what: &'static str,
    pub name: String,
    pub rate: Both<Option<Rate>>,
    pub sets: Both<bool>,
    pub ignored: bool,
}

#[derive(Serialize, Debug)]
pub struct Record {
    pub of: Option<String>,
    pub source: String,
    /// `file:line`; null for viewers.
    pub at: Option<String>,
}

/// Where the value of a field comes from.
#[derive(Serialize, Debug)]
pub struct FieldRow {
    pub field: String,
    pub source: Option<String>,
    pub value: Option<String>,
    pub rejected: Vec<(String, Option<String>)>,
    pub overridden: Option<Overridden>,
}

#[derive(Serialize, Debug)]
pub struct Overridden {
    pub value: Option<String>,
    pub reason: Option<String>,
    pub owner: Option<String>,
    pub expires: Option<String>,
}

#[derive(Serialize, Debug)]
pub struct RefusedRow {
    pub address: String,
    pub reason: Option<String>,
}

#[derive(Serialize, Debug)]
pub struct Finding {
    pub code: String,
    pub level: &'static str,
    pub name: String,
    pub message: Option<String>,
    pub help: Option<String>,
}

/// When it was last changed.
#[derive(Serialize, Debug)]
pub struct Changed {
    pub text: String,
    pub seq: Option<u64>,
    pub time: Option<Time>,
    pub href: Option<String>,
}

/// Generations that are looked at for the last change.
const BACK: usize = 6;

pub fn subscriber(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let channel = channel(app, ask)?;
    let index = app.shown(ask.get("artifact"), &channel)?;
    let none = || Problem::NotFound {
        message: "there is no such subscriber in this artifact".to_owned(),
    };
    let index = index.ok_or_else(none)?;
    let circuit = find_circuit(&index, &eyes, ask.get("id")).ok_or_else(none)?;
    // What a viewer may see of it is in the artifact itself.
    let why = match eyes.is_operator() {
        true => app.engine.why(&index.digest, &circuit.id).ok(),
        false => None,
    };
    let key = format!("circuit:{}", circuit.id);
    let (classes, live_text) = live(app, &index);
    let max = circuit
        .shaped
        .as_ref()
        .map(|s| s.max_kbps)
        .unwrap_or_default();
    let place = circuit.shaped.as_ref().and_then(|s| s.node);
    let class = index.class(&key).map(|class| ClassRow {
        queue: class.queue,
        ids: class.class_ids.clone().into(),
        leaves: class.leaves.clone().into(),
    });
    let devices = circuit.devices.iter().map(|d| DeviceRow {
        id: eyes.device(&d.id),
        mac: d.mac.as_deref().map(|mac| eyes.mac(mac)),
        addresses: d.prefixes.iter().map(|p| eyes.address(p)).collect(),
    });
    let page = SubscriberPage {
        digest: Digest(index.digest.clone()),
        row: row(&index, &eyes, circuit),
        path: place.map_or_else(Vec::new, |at| path(&index, &eyes, at)),
        devices: devices.collect(),
        class,
        live: live_row(classes.as_deref(), &key, max),
        live_text,
        summary: said(
            &eyes,
            why.iter().flat_map(|w| &w.summary).map(AsRef::as_ref),
        ),
        ceiling: steps(&eyes, why.as_ref().map_or(&[], |w| &w.ceiling)),
        guarantee: steps(&eyes, why.as_ref().map_or(&[], |w| &w.guarantee)),
        limits: why.as_ref().map_or_else(Vec::new, |why| limits(&eyes, why)),
        records: why
            .as_ref()
            .map_or_else(Vec::new, |why| records(&eyes, why)),
        position: circuit.from.position.filter(|_| eyes.is_operator()),
        fields: circuit
            .from
            .fields
            .iter()
            .map(|f| field(&eyes, f))
            .collect(),
        refused: refused(&eyes, circuit, why.as_ref()),
        findings: findings(&index, &eyes, circuit),
        changed: changed(app, &channel, &index, circuit)?,
        settable: super::overrides::SETTABLE,
        default_expiry: super::issues::in_days(90),
    };
    show(app, ask, "Subscriber", &page)
}

fn said<'a>(eyes: &Eyes, texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    texts.filter_map(|text| eyes.said(text)).collect()
}

fn steps(eyes: &Eyes, steps: &[weir_schemas::why::Step<'_>]) -> Vec<Step> {
    let word = |kind| match kind {
        StepKind::Plan => "plan",
        StepKind::DefaultPlan => "default plan",
        StepKind::Suspended => "suspended",
        StepKind::Burst => "burst",
        StepKind::Factor => "factor",
        StepKind::Floor => "raised to the floor",
        StepKind::Commit => "guaranteed",
        StepKind::Clamp => "cut",
        StepKind::Scale => "scaled to fit",
        StepKind::Override => "override",
        StepKind::Other => "other",
    };
    let step = |step: &weir_schemas::why::Step<'_>| Step {
        step: word(step.step),
        rate: Both::maybe(step.kbps),
        by: eyes.said(&step.by).filter(|by| !by.is_empty()),
    };
    steps.iter().map(step).collect()
}

fn limits(eyes: &Eyes, why: &Why<'_>) -> Vec<Limit> {
    let word = |kind| match kind {
        LimitKind::Wan => "WAN",
        LimitKind::Link => "link",
        LimitKind::Node => "node",
        LimitKind::Generated => "generated node",
    };
    let limits = why.limits.iter().map(|limit| Limit {
        what: word(limit.what),
        name: match limit.what {
            LimitKind::Wan => String::new(),
            LimitKind::Link => eyes.link(&limit.name),
            _ => eyes.node(&limit.id, &limit.name),
        },
        rate: Both::maybe(limit.kbps),
        sets: limit.sets.into(),
        ignored: limit.ignored,
    });
    limits.collect()
}

fn records(eyes: &Eyes, why: &Why<'_>) -> Vec<Record> {
    let records = why.records.iter().map(|record| Record {
        of: eyes.said(&record.of),
        source: tame(&record.source),
        at: eyes.said(&match record.line {
            Some(line) => format!("{}:{line}", record.file),
            None => format!("{}, byte {}", record.file, record.start),
        }),
    });
    records.collect()
}

fn field(eyes: &Eyes, field: &Field<'_>) -> FieldRow {
    let said =
        |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().and_then(|text| eyes.said(text));
    FieldRow {
        field: tame(&field.field),
        source: field.source.as_deref().map(tame),
        value: said(&field.value),
        rejected: field
            .rejected
            .iter()
            .map(|r| (tame(&r.source), eyes.said(&r.value)))
            .collect(),
        overridden: field.overridden.as_ref().map(|o| Overridden {
            value: eyes.said(&o.value),
            reason: eyes.said(&o.reason),
            owner: o.owner.as_deref().map(|owner| eyes.person(owner)),
            expires: o.expires.as_deref().map(tame),
        }),
    }
}

fn refused(eyes: &Eyes, circuit: &Circuit, why: Option<&Why<'_>>) -> Vec<RefusedRow> {
    let reason = |address: &str| {
        let of = why.iter().flat_map(|w| &w.refused);
        let found = of.into_iter().find(|r| r.address == address);
        found.and_then(|r| eyes.said(&r.reason))
    };
    let rows = circuit.from.refused.iter().map(|r| RefusedRow {
        address: eyes.address(&r.address),
        reason: reason(&r.address),
    });
    rows.collect()
}

fn findings(index: &Index, eyes: &Eyes, circuit: &Circuit) -> Vec<Finding> {
    use weir_schemas::findings::{Level, SubjectKind};
    let about = |f: &&weir_schemas::findings::Finding<'_>| {
        let mut subjects = f.subjects.iter();
        subjects.any(|s| s.kind == SubjectKind::Circuit && s.id == circuit.id)
    };
    let found = index.findings.iter().filter(about).take(20);
    let row = |f: &weir_schemas::findings::Finding<'_>| Finding {
        code: f.code.as_ref().to_owned(),
        level: match f.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
        },
        name: f.name.as_ref().to_owned(),
        message: eyes.said(&f.message),
        help: eyes.said(&f.help),
    };
    found.map(row).collect()
}

/// The newest of the last generations that changed it.
fn changed(app: &App, channel: &str, index: &Index, circuit: &Circuit) -> Answer<Changed> {
    let journal = app.journal(channel)?;
    let mut heads = Vec::new();
    for head in journal.entries.iter().rev().filter_map(|e| e.head.as_ref()) {
        if heads
            .last()
            .is_none_or(|last: &&weir_schemas::head::Head| last.digest != head.digest)
        {
            heads.push(head);
        }
        if heads.len() == BACK {
            break;
        }
    }
    let from = heads.iter().position(|head| head.digest == index.digest);
    let heads = from.map_or(&[][..], |from| &heads[from..]);
    for pair in heads.windows(2) {
        let [after, before] = pair else { break };
        // An artifact that was collected cannot be compared with any more.
        let (Ok(now), Ok(then)) = (app.light(&after.digest), app.light(&before.digest)) else {
            break;
        };
        if now.circuits.get(&circuit.id) != then.circuits.get(&circuit.id) {
            let text = match then.circuits.contains_key(&circuit.id) {
                true => "changed with generation",
                false => "new with generation",
            };
            return Ok(Changed {
                text: text.to_owned(),
                seq: Some(after.seq),
                time: Some(Time(after.time.clone())),
                href: Some(format!(
                    "/change?from={}&to={}",
                    before.digest, after.digest
                )),
            });
        }
    }
    Ok(Changed {
        text: match heads.len() {
            0 => "this artifact was not promoted".to_owned(),
            1 => "as in the first generation that is kept".to_owned(),
            n => format!("not in the last {n} generations"),
        },
        seq: None,
        time: None,
        href: None,
    })
}
