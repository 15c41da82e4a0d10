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

use ipnet::IpNet;

use crate::emit::json::{in_chunks, push_mbps, push_prefix};
use crate::emit::view::{Placed, View};
use crate::ir::records::LeafKind;
use crate::ir::tree::Parent;
use crate::units::Pair;

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
    let mut out = Vec::with_capacity(4096);
    out.extend_from_slice(HEADER.join(",").as_bytes());
    out.push(b'\n');
    in_chunks(&mut out, b"", &view.placed, |circuits, out| {
        for circuit in circuits {
            rows_of(view, circuit, out);
        }
    });
    out
}

fn rows_of(view: &View<'_>, placed: &Placed<'_>, out: &mut Vec<u8>) {
    let (circuit, place) = (placed.circuit, placed.place);
    let (parent, parent_id) = match place.parent {
        Parent::Node(at) => (view.stages.tree[at].name.as_ref(), view.node_id(at)),
        Parent::Bucket(_) => ("", ""),
    };
    let name = printable(&circuit.name);
    let comment = printable(&circuit.comment);
    for device in &circuit.devices {
        field(&circuit.id, out);
        field(&name, out);
        field(&device.id, out);
        field(&printable(&device.name), out);
        field(parent, out);
        field(parent_id, out);
        field("", out);
        field(&device.mac, out);
        addresses(&device.addresses, true, out);
        addresses(&device.addresses, false, out);
        for rate in [place.min, place.max] {
            push_mbps(out, rate.down);
            out.push(b',');
            push_mbps(out, rate.up);
            out.push(b',');
        }
        field(&comment, out);
        out.extend_from_slice(sqm(circuit.leaf).as_bytes());
        out.push(b'\n');
    }
}

/// Appends a field and its comma, in quotes where CSV needs them.
fn field(text: &str, out: &mut Vec<u8>) {
    // All of the bytes, without a way out: many at once.
    let quoted = (text.bytes()).fold(false, |found, b| {
        found | matches!(b, b',' | b'"' | b'\n' | b'\r')
    });
    match quoted {
        false => out.extend_from_slice(text.as_bytes()),
        true => {
            out.push(b'"');
            out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        }
    }
    out.push(b',');
}

/// Appends prefixes of one family, joined by `, `, and a comma behind the field.
fn addresses(prefixes: &[IpNet], v4: bool, out: &mut Vec<u8>) {
    let mut own = prefixes
        .iter()
        .filter(|net| matches!(net, IpNet::V4(_)) == v4);
    let Some(first) = own.next() else {
        out.push(b',');
        return;
    };
    let more = own.clone().next().is_some();
    let quote: &[u8] = if more { b"\"" } else { b"" };
    out.extend_from_slice(quote);
    push_prefix(out, first);
    for net in own {
        out.extend_from_slice(b", ");
        push_prefix(out, net);
    }
    out.extend_from_slice(quote);
    out.push(b',');
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
    // Nearly always ASCII, which bytes tell.
    let plain = (text.bytes()).fold(true, |plain, b| plain & matches!(b, b' '..=b'~'));
    if !plain && text.contains(char::is_control) {
        text.replace(char::is_control, " ").into()
    } else {
        text.into()
    }
}
