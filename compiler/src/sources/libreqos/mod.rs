//! The `libreqos` source: an existing LibreQoS directory. `network.json` gives the nodes, `ShapedDevices.csv`
//! of any generation the circuits and their devices, `lqos_overrides.json`, where there is one, what the
//! operator changed beside them. Max becomes the plan, Min the guaranteed rate.
//!
//! It does not know whether a parent exists, which of two nodes with one id counts, who owns an address or
//! what a rate's floor is: those are carried as written, with where they stand. There is no link graph: a node
//! hangs where the file puts it, and nodes without a parent are where traffic enters.

pub(crate) mod columns;
mod devices;
mod leaf;
mod network;
mod overrides;
#[cfg(test)]
mod tests;

use crate::config::project::Source;
use crate::exports::Export;
use crate::ir::records::{MissingCollection, Records};
use crate::source_map::SourceMap;
use crate::sources::rows;

/// The files of the export, which are its collections. `ShapedDevices.insight.csv` is what LibreQoS makes of
/// them itself, and is not read.
pub const NETWORK: &str = "network.json";
pub const DEVICES: &str = "ShapedDevices.csv";
pub const OVERRIDES: &str = "lqos_overrides.json";
/// Read only when a project is made from the directory, by `config::init`.
pub const SETTINGS: &str = "lqos.conf";

pub fn lower(source: &Source, export: &Export, files: &SourceMap) -> Records {
    let bytes = |name| {
        export
            .collection(name)
            .next()
            .map(|file| (file, files.file(file).bytes.whole()))
    };
    let mut records = Records::default();
    let mut missing = |collection, consequence| {
        records.evidence.missing.push(MissingCollection {
            source: source.name.as_str().into(),
            collection,
            optional: false,
            consequence,
        });
    };
    let network = bytes(NETWORK);
    let devices = bytes(DEVICES);
    if network.is_none() {
        missing(
            NETWORK,
            "no node is known; a flat network is a file that holds {}",
        );
    }
    if devices.is_none() {
        missing(DEVICES, "no circuit is known");
    }
    // Where nothing can be built anyway, what the overrides name is not judged.
    let whole = network.is_some() && devices.is_some();
    let ((nodes, of_network), (mut rows, of_devices)) = rayon::join(
        || network.map_or_else(Default::default, |(file, bytes)| network::read(file, bytes)),
        || devices.map_or_else(Default::default, |(file, bytes)| devices::read(file, bytes)),
    );
    records.nodes = nodes;
    let readable = of_network.unreadable.is_empty() && of_devices.unreadable.is_empty();
    records.evidence.absorb(of_network);
    records.evidence.absorb(of_devices);
    if let Some((file, bytes)) = bytes(OVERRIDES)
        && whole
        && readable
    {
        overrides::apply(
            file,
            bytes,
            &mut rows,
            &mut records.nodes,
            &mut records.evidence,
        );
    }
    records.circuits = rows::group(rows, &mut records.evidence);
    records
}
