//! The `wispgate` source: WISPGate's recorded list of shaped devices, one row a device, keyed like the columns of
//! `ShapedDevices.csv`. Everything that knows WISPGate's words is below this module.
//!
//! | WISPGate | here |
//! |---|---|
//! | rows with one `Circuit ID` | one circuit, named by `Circuit Name` |
//! | `Device ID` | device `wispgate:<id>`; a row without one gets an id from what it says |
//! | `Parent Node` | the node of that name, of any source; WISPGate describes no node itself |
//! | `Download Max Mbps`, `Upload Max Mbps` | the plan |
//! | `Download Min Mbps`, `Upload Min Mbps` | the guaranteed rate |
//! | coordinates | WISPGate gives none that Weir knows of; a second source can |
//!
//! A Max that is null leaves the plan unknown, also where a Min stands beside it: a guarantee is not what was sold.
//! Rows of one circuit that contradict each other are settled as everywhere ([`rows`]): the most complete one is
//! believed, and the others are reported. Every address is used, whichever row it stands in.

#[cfg(test)]
mod tests;
mod wire;

use crate::config::project::Source;
use crate::exports::Export;
use crate::ir::address::Form;
use crate::ir::records::{NodeRef, Records, RefBy, ServiceState, SourceEvidence, SubjectKind};
use crate::source_map::SourceMap;
use crate::sources::json::{self, Collection, Refusal, read_collection};
use crate::sources::notes::Notes;
use crate::sources::rows::{self, Row, derived_device};
use crate::sources::values;
use crate::units::{Kbps, MBPS, Pair};

const DEVICES: Collection = Collection {
    name: "shaped-devices",
    optional: false,
    mandatory: true,
    consequence: "no circuit is known",
};

pub fn lower(source: &Source, export: &Export, files: &SourceMap) -> Records {
    let mut evidence = SourceEvidence::default();
    let rows = read_collection(source, export, files, &DEVICES, &mut evidence, row);
    let circuits = rows::group(rows, &mut evidence);
    Records {
        circuits,
        evidence,
        ..Records::default()
    }
}

fn row(row: &json::Row<'_>, evidence: &mut SourceEvidence) -> Result<Row, Refusal> {
    let wire: wire::Row<'_> = row.decode()?;
    let Some(circuit) = wire.circuit_id.id().value() else {
        let reason = "has no Circuit ID";
        return Err(match wire.device_id.id().value() {
            Some(device) => Refusal::of(&device, reason),
            None => Refusal::new(reason),
        });
    };
    let mut notes = Notes {
        evidence,
        origin: row.origin,
        kind: SubjectKind::Circuit,
        id: circuit.into(),
        name: Box::default(),
    };
    let circuit_name = notes.name("/Circuit Name", wire.circuit_name.text());
    notes.name = match &*circuit_name {
        "" => notes.id.clone(),
        _ => circuit_name.clone(),
    };
    let device_name = notes.name("/Device Name", wire.device_name.text());
    let mac = values::mac(&mut notes, "/MAC", wire.mac);
    let mut claims = Vec::new();
    for (route, raw) in [("/IPv4", wire.ipv4), ("/IPv6", wire.ipv6)] {
        values::claims(&mut notes, route, raw, Form::Prefix, &mut claims);
    }
    let device = match notes.take("/Device ID", wire.device_id.id()) {
        Some(id) => format!("wispgate:{id}").into(),
        None => {
            let id = derived_device("wispgate", &notes.id, &device_name, &mac, &claims);
            notes.odd(
                "/Device ID",
                format!("is empty; the device is called `{id}`"),
            );
            id
        }
    };
    let parent = notes.name("/Parent Node", wire.parent_node.text());
    let mut rate = |route, raw| values::rate(&mut notes, route, raw, MBPS);
    let plan = Pair::new(
        rate("/Download Max Mbps", wire.down_max),
        rate("/Upload Max Mbps", wire.up_max),
    );
    let commit = Pair::new(
        rate("/Download Min Mbps", wire.down_min),
        rate("/Upload Min Mbps", wire.up_min),
    );
    let comment = notes.name("/Comment", wire.comment.text());
    Ok(Row {
        circuit: notes.id,
        circuit_name,
        device,
        device_name,
        attach: (!parent.is_empty())
            .then(|| NodeRef {
                text: parent,
                by: RefBy::Name,
                route: "/Parent Node".into(),
            })
            .into_iter()
            .collect(),
        plan: plan.map(|rate| rate.and_then(Kbps::known)),
        burst: Pair::ZERO,
        commit: commit.map(Option::unwrap_or_default),
        state: ServiceState::Active,
        leaf: Pair::default(),
        mac,
        claims,
        comment,
        position: None,
        origin: row.origin,
        plan_route: Pair::new("/Download Max Mbps", "/Upload Max Mbps"),
        plan_origin: None,
    })
}
