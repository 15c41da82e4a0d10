//! `ShapedDevices.csv`: one row per device, for LibreQoS and for people. The 16 columns of its current header,
//! sorted by (circuit id, device id), LF, quoted only where CSV needs it.
//!
//! - A circuit in a generated parent node has no parent here: LibreQoS then spreads it over its own.
//! - `Parent Node ID` names the parent; `Anchor Node ID` would override it, and stays empty.
//! - The Min columns hold the guaranteed rate after scaling, the Max columns the ceiling.
//! - `sqm` holds what the circuit asks for itself; empty means the target's default.
//! - The file is data for a machine. A name that begins with `=`, `+`, `-` or `@` is written as it is: a prefix
//!   against spreadsheets would be a change of the name in LibreQoS, and in every import of this file. Control
//!   characters in names and comments become blanks, so a record is a line.

use std::borrow::Cow;

use csv::{Terminator, Writer, WriterBuilder};
use ipnet::IpNet;
use rayon::prelude::*;

use crate::emit::json::{CHUNK, push_mbps, push_prefix};
use crate::emit::view::{Placed, View};
use crate::ir::records::LeafKind;
use crate::ir::tree::Parent;
use crate::units::{Kbps, Pair};

const HEADER: [&str; 16] = [
    "Circuit ID",
    "Circuit Name",
    "Device ID",
    "Device Name",
    "Parent Node",
    "Parent Node ID",
    "Anchor Node ID",
    "MAC",
    "IPv4",
    "IPv6",
    "Download Min Mbps",
    "Upload Min Mbps",
    "Download Max Mbps",
    "Upload Max Mbps",
    "Comment",
    "sqm",
];

pub(super) fn emit(view: &View<'_>) -> Vec<u8> {
    let mut header = writer(Vec::new());
    header.write_record(HEADER).expect(MEMORY);
    let mut chunks: Vec<Vec<u8>> = vec![header.into_inner().expect(MEMORY)];
    chunks.par_extend(view.placed.par_chunks(CHUNK).map(|circuits| {
        let mut rows = writer(Vec::with_capacity(circuits.len() * 256));
        for circuit in circuits {
            rows_of(view, circuit, &mut rows).expect(MEMORY);
        }
        rows.into_inner().expect(MEMORY)
    }));
    chunks.concat()
}

/// The csv crate fails on I/O and on rows of unequal length.
const MEMORY: &str = "rows of 16 fields write to memory";

fn writer(out: Vec<u8>) -> Writer<Vec<u8>> {
    WriterBuilder::new()
        .terminator(Terminator::Any(b'\n'))
        .from_writer(out)
}

fn rows_of(view: &View<'_>, placed: &Placed<'_>, rows: &mut Writer<Vec<u8>>) -> csv::Result<()> {
    let (circuit, place) = (placed.circuit, placed.place);
    let (parent, parent_id) = match place.parent {
        Parent::Node(at) => (view.stages.tree[at].name.as_ref(), view.node_id(at)),
        Parent::Bucket(_) => ("", ""),
    };
    let name = printable(&circuit.name);
    let comment = printable(&circuit.comment);
    let rates = [place.min, place.max].map(Mbps::of);
    for device in &circuit.devices {
        rows.write_field(circuit.id.as_ref())?;
        rows.write_field(name.as_ref())?;
        rows.write_field(device.id.as_ref())?;
        rows.write_field(printable(&device.name).as_ref())?;
        rows.write_field(parent)?;
        rows.write_field(parent_id)?;
        rows.write_field("")?;
        rows.write_field(device.mac.as_ref())?;
        let (v4, v6) = (
            addresses(&device.addresses, true),
            addresses(&device.addresses, false),
        );
        rows.write_field(v4)?;
        rows.write_field(v6)?;
        for rate in &rates {
            rows.write_field(&rate.down)?;
            rows.write_field(&rate.up)?;
        }
        rows.write_field(comment.as_ref())?;
        rows.write_field(sqm(circuit.leaf).as_ref())?;
        rows.write_record(None::<&[u8]>)?;
    }
    Ok(())
}

/// A pair of rates as text.
struct Mbps {
    down: Vec<u8>,
    up: Vec<u8>,
}

impl Mbps {
    fn of(rates: Pair<Kbps>) -> Self {
        let Pair { down, up } = rates.map(|rate| {
            let mut text = Vec::with_capacity(12);
            push_mbps(&mut text, rate);
            text
        });
        Mbps { down, up }
    }
}

/// Prefixes of one family, joined by `, `.
fn addresses(prefixes: &[IpNet], v4: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(20);
    for net in prefixes {
        if matches!(net, IpNet::V4(_)) == v4 {
            if !out.is_empty() {
                out.extend_from_slice(b", ");
            }
            push_prefix(&mut out, net);
        }
    }
    out
}

/// `cake`, `cake/fq_codel`, `fq_codel/`, `/none`; a missing side is the default.
fn sqm(leaf: Pair<Option<LeafKind>>) -> Cow<'static, str> {
    let word = |side: Option<LeafKind>| side.map_or("", LeafKind::word);
    match (word(leaf.down), word(leaf.up)) {
        (down, up) if down == up => down.into(),
        (down, up) => [down, "/", up].concat().into(),
    }
}

/// Display text without control characters.
fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        text.replace(char::is_control, " ").into()
    } else {
        text.into()
    }
}
