//! `tree.json` (`weir.tree/1`): the shaping tree, sorted by id, one node and one circuit a line.

use std::borrow::Cow;

use ipnet::IpNet;
use weir_schemas::Published as _;
use weir_schemas::tree::{Tree, TreeCircuit, TreeDevice, TreeNode};

use crate::emit::json::{Document, Step, newline, prefix, push, walk};
use crate::emit::view::{Placed, View};
use crate::id::{CircuitIx, TreeIx};
use crate::ir::inventory::Device;

pub(super) fn emit(view: &View<'_>) -> Vec<u8> {
    let inventory = view.stages.inventory;
    let mut document = Document::new(Tree::SCHEMA);
    document.value(
        "strategy",
        &weir_schemas::common::Strategy::from(view.stages.tree.strategy),
    );
    document.raw("emitted", |out| nodes(view, out));
    document.map("buckets", &view.buckets, |bucket| {
        (view.bucket_name(bucket.number), ids(view, &bucket.circuits))
    });
    document.map("circuits", &view.placed, |placed| {
        (&placed.circuit.id, circuit(view, placed))
    });
    let omitted: Vec<_> = inventory
        .circuits
        .iter()
        .filter_map(|c| Some((&c.id, c.omitted?)))
        .collect();
    document.map("omitted", &omitted, |(id, reason)| {
        (id, weir_schemas::common::OmitReason::from(*reason))
    });
    document.finish()
}

/// The nested nodes. Each is written with no children, and opened again when it has some.
fn nodes(view: &View<'_>, out: &mut Vec<u8>) {
    let tree = view.stages.tree;
    out.reserve(tree.nodes.len() * 256);
    out.push(b'[');
    walk(tree, |step| match step {
        Step::Enter { at, level, first } => {
            if !first {
                out.push(b',');
            }
            newline(out, level + 2);
            push(out, &node(view, at));
            out.truncate(out.len() - "]}".len());
        }
        Step::Leave { at, level } => {
            if !tree[at].children.is_empty() {
                newline(out, level + 2);
            }
            out.extend_from_slice(b"]}");
        }
    });
    if !tree.nodes.is_empty() {
        newline(out, 1);
    }
    out.push(b']');
}

fn node<'a>(view: &View<'a>, at: TreeIx) -> TreeNode<'a> {
    let node = &view.stages.tree[at];
    let source = &view.stages.inventory[node.node];
    TreeNode {
        id: Cow::Borrowed(&source.id),
        name: Cow::Borrowed(&node.name),
        kind: source.kind.into(),
        cap_kbps: node.cap.array(),
        rate_kbps: node.guarantee.array(),
        htb_rate_kbps: node.htb_rate.array(),
        cpu: view.stages.layout.node_queue[at.ix()],
        circuits: ids(view, &node.circuits),
        children: Vec::new(),
    }
}

fn ids<'a>(view: &View<'a>, circuits: &[CircuitIx]) -> Vec<Cow<'a, str>> {
    circuits
        .iter()
        .map(|&ix| Cow::Borrowed(view.stages.inventory[ix].id.as_ref()))
        .collect()
}

fn circuit<'v>(view: &'v View<'_>, placed: &'v Placed<'_>) -> TreeCircuit<'v> {
    TreeCircuit {
        parent: Cow::Borrowed(view.parent(placed.place.parent)),
        max_kbps: placed.place.max.array(),
        min_kbps: placed.place.min.array(),
        devices: placed.circuit.devices.iter().map(device).collect(),
    }
}

fn device(device: &Device) -> TreeDevice<'_> {
    let family = |v4: bool| {
        device
            .addresses
            .iter()
            .filter(|net| matches!(net, IpNet::V4(_)) == v4)
            .map(|net| Cow::Owned(prefix(net)))
            .collect()
    };
    TreeDevice {
        id: Cow::Borrowed(&device.id),
        ipv4: family(true),
        ipv6: family(false),
    }
}
