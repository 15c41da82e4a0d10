//! Rows of devices into circuits: rows with one circuit id are one circuit with several devices. Where they
//! contradict each other one row is believed, the same whatever the order of the file, and every other is reported.
//! Shared by every source whose subscribers come as rows; knows no field names.

use std::borrow::Cow;
use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::ir::address::{Claim, ClaimValue};
use crate::ir::position::Position;
use crate::ir::records::{
    CircuitRecord, DeviceRecord, LeafKind, NodeRef, Origin, Repeat, ServiceState, SourceEvidence,
    Subject, SubjectKind,
};
use crate::units::{Kbps, Pair};

/// One device as its row states it, with what the row says about its circuit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub circuit: Box<str>,
    pub device: Box<str>,
    /// Empty = not given; the device's too.
    pub circuit_name: Box<str>,
    pub device_name: Box<str>,
    pub attach: Vec<NodeRef>,
    pub plan: Pair<Option<Kbps>>,
    /// A rate on top of the plan.
    pub burst: Pair<Kbps>,
    pub commit: Pair<Kbps>,
    pub state: ServiceState,
    pub leaf: Pair<Option<LeafKind>>,
    pub mac: Box<str>,
    pub claims: Vec<Claim>,
    pub comment: Box<str>,
    /// Of the circuit.
    pub position: Option<Position>,
    pub origin: Origin,
    pub plan_route: Pair<&'static str>,
    /// Where the plan stands when that is not this row.
    pub plan_origin: Option<Origin>,
}

impl Row {
    /// What the row says, without where: the canonical order of rows, and equality of repeats.
    pub fn content(&self) -> impl Ord + '_ {
        (
            (&self.circuit, &self.device),
            (&self.circuit_name, &self.device_name, &self.attach),
            (self.plan, self.burst, self.commit, self.state, self.leaf),
            (&self.mac, &self.claims, &self.comment, self.position),
        )
    }

    pub fn circuit_subject(&self) -> Subject {
        let name = match &*self.circuit_name {
            "" => &self.circuit,
            name => name,
        };
        Subject::new(SubjectKind::Circuit, &self.circuit, name)
    }

    pub fn device_subject(&self) -> Subject {
        let name = match &*self.device_name {
            "" => &self.device,
            name => name,
        };
        Subject::new(SubjectKind::Device, &self.device, name)
    }
}

/// A device that has no id gets one from what it is, so that the order of rows does not matter.
pub fn derived_device(
    prefix: &str,
    circuit: &str,
    name: &str,
    mac: &str,
    claims: &[Claim],
) -> Box<str> {
    let mut ips: Vec<String> = claims.iter().map(|claim| claim.value.text()).collect();
    ips.sort_unstable();
    let mut parts = vec![circuit, name, mac];
    parts.extend(ips.iter().map(String::as_str));
    let content = parts.join("\u{1f}");
    format!("{prefix}:device:{}", short_hash(content.as_bytes())).into()
}

/// The first 16 hex digits of the SHA-256.
pub fn short_hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest[..8].iter().map(|b| format!("{b:02x}")).collect()
}

/// Sorted by circuit id.
pub fn group(mut rows: Vec<Row>, evidence: &mut SourceEvidence) -> Vec<CircuitRecord> {
    rows.sort_by(|a, b| {
        a.content()
            .cmp(&b.content())
            .then_with(|| position(a.origin).cmp(&position(b.origin)))
    });
    rows.chunk_by(|a, b| a.circuit == b.circuit)
        .filter_map(|rows| circuit(rows, evidence))
        .collect()
}

fn position(origin: Origin) -> (u32, u64) {
    (origin.file.0, origin.start)
}

fn circuit(rows: &[Row], evidence: &mut SourceEvidence) -> Option<CircuitRecord> {
    let believed = rows.iter().min_by_key(|row| gaps(row))?;
    let mut record = CircuitRecord {
        id: believed.circuit.clone(),
        name: first_text(believed, rows, |row| &row.circuit_name)
            .unwrap_or(&believed.circuit)
            .into(),
        attach: believed.attach.clone(),
        plan: believed.plan,
        burst: believed.burst,
        burst_bytes: Pair::both(0),
        commit: believed.commit,
        state: believed.state,
        leaf: believed.leaf,
        comment: first_text(believed, rows, |row| &row.comment)
            .unwrap_or_default()
            .into(),
        devices: Vec::with_capacity(rows.len()),
        position: (believed.position).or_else(|| rows.iter().find_map(|row| row.position)),
        origin: believed.origin,
        plan_route: believed.plan_route,
        plan_origin: believed.plan_origin,
    };
    for device_rows in rows.chunk_by(|a, b| a.device == b.device) {
        record.devices.extend(device(device_rows, evidence));
    }
    for row in rows {
        let differs = conflict(row, believed);
        if let Some(first) = differs.first() {
            evidence.repeats.push(Repeat {
                place: row.origin.at(route(first, row)),
                first: believed.origin.at(route(first, believed)),
                subject: believed.circuit_subject(),
                identical: false,
                differs,
            });
        }
    }
    Some(record)
}

/// How much of what a circuit needs the row leaves open. The first of the most complete rows is believed.
fn gaps(row: &Row) -> usize {
    usize::from(row.attach.is_empty())
        + usize::from(row.plan.down.is_none())
        + usize::from(row.plan.up.is_none())
}

/// A text that says nothing of the circuit's behaviour: the believed row's, else that of any row that has one.
fn first_text<'a>(believed: &'a Row, rows: &'a [Row], of: fn(&Row) -> &str) -> Option<&'a str> {
    std::iter::once(believed)
        .chain(rows)
        .map(of)
        .find(|text| !text.is_empty())
}

/// What a row says otherwise than the believed one. A comment belongs to its device, and no name is no other
/// name.
fn conflict(row: &Row, believed: &Row) -> Vec<&'static str> {
    let named = !row.circuit_name.is_empty() && !believed.circuit_name.is_empty();
    [
        ("parent", !same_parent(row, believed)),
        ("plan", row.plan != believed.plan),
        ("burst", row.burst != believed.burst),
        ("commit", row.commit != believed.commit),
        ("state", row.state != believed.state),
        ("qdisc", row.leaf != believed.leaf),
        ("name", named && row.circuit_name != believed.circuit_name),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

fn same_parent(a: &Row, b: &Row) -> bool {
    let refs = |row: &Row| -> Vec<_> {
        let attach = row.attach.iter();
        attach.map(|node| (node.text.clone(), node.by)).collect()
    };
    refs(a) == refs(b)
}

/// The field to look at. Only the columns of the plan differ in name between files.
fn route(field: &str, row: &Row) -> Cow<'static, str> {
    match field {
        "parent" => row
            .attach
            .last()
            .map_or("".into(), |node| node.route.clone()),
        "plan" if row.plan_origin.is_none() => row.plan_route.down.into(),
        _ => "".into(),
    }
}

/// The rows of one device id: one device, whose addresses are those of all of them.
fn device(rows: &[Row], evidence: &mut SourceEvidence) -> Option<DeviceRecord> {
    let first = rows.first()?;
    let mut record = DeviceRecord {
        id: first.device.clone(),
        name: first_text(first, rows, |row| &row.device_name)
            .unwrap_or(&first.device)
            .into(),
        mac: first_text(first, rows, |row| &row.mac)
            .unwrap_or_default()
            .into(),
        claims: first.claims.clone(),
        origin: first.origin,
    };
    let mut claimed: BTreeSet<&ClaimValue> = first.claims.iter().map(|c| &c.value).collect();
    for pair in rows.windows(2) {
        let [before, row] = pair else { continue };
        let identical = before.content().cmp(&row.content()).is_eq();
        let differs: Vec<&'static str> = [
            ("addresses", row.claims != first.claims),
            ("name", row.device_name != first.device_name),
            ("mac", row.mac != first.mac),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect();
        for claim in &row.claims {
            if claimed.insert(&claim.value) {
                record.claims.push(claim.clone());
            }
        }
        // Rows of one device that differ in the circuit only are reported with the circuit.
        if identical || !differs.is_empty() {
            evidence.repeats.push(Repeat {
                place: row.origin.whole(),
                first: first.origin.whole(),
                subject: first.device_subject(),
                identical,
                differs: if identical { Vec::new() } else { differs },
            });
        }
    }
    Some(record)
}
