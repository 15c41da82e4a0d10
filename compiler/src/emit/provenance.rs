//! `provenance.json` (`weir.provenance/1`): for every node and circuit the record it came from and what was
//! decided about it, one a line.

use std::borrow::Cow;

use weir_schemas::Published as _;
use weir_schemas::provenance::{
    BucketReason, Circuit, Device, Fate, File, Node, Path, Provenance, Record, Shaped, Via,
};

use crate::emit::json::Document;
use crate::emit::view::View;
use crate::id::{CircuitIx, LinkIx, NodeIx};
use crate::ir::graph::{self, Choice, Rival, Vertex};
use crate::ir::inventory::{Hidden, Inventory};
use crate::ir::records::{Origin, ServiceState};
use crate::ir::tree;
use crate::lint::rule::Stages;
use crate::units::{Kbps, Pair};

pub(super) fn emit(view: &View<'_>) -> Vec<u8> {
    let stages = view.stages;
    let files: Vec<_> = stages.files.files().map(|(_, file)| file).collect();
    let nodes: Vec<NodeIx> = stages.inventory.node_ixs().collect();
    let circuits: Vec<CircuitIx> = stages.inventory.circuit_ixs().collect();
    let fates = fates(stages);
    let mut document = Document::new(Provenance::SCHEMA);
    document.list("files", &files, |file| File {
        path: Cow::Borrowed(&file.path),
        sha256: Cow::Borrowed(&file.digest),
    });
    document.list("nodes", &nodes, |&ix| node(stages, ix, fates[ix.ix()]));
    document.list("circuits", &circuits, |&ix| circuit(view, ix));
    document.finish()
}

fn record(origin: Origin) -> Record {
    Record(origin.file.0, origin.start, origin.len)
}

/// By node. What took a node out last is what is said.
fn fates(stages: &Stages<'_>) -> Vec<Fate> {
    let evidence = &stages.tree.evidence;
    let mut fates: Vec<Fate> = stages
        .inventory
        .nodes
        .iter()
        .map(|node| match node.hidden {
            Some(Hidden::Virtual) => Fate::Virtual,
            Some(Hidden::Excluded) => Fate::Excluded,
            None => Fate::Strategy,
        })
        .collect();
    let emitted: Vec<NodeIx> = stages.tree.nodes.iter().map(|n| n.node).collect();
    for (fate, nodes) in [
        (Fate::AutoVirtual, evidence.auto_virtual.as_slice()),
        (Fate::Pruned, &evidence.pruned),
        (Fate::Simplified, &evidence.simplified),
        (Fate::DepthCut, &evidence.cut),
        (Fate::Emitted, &emitted),
        (Fate::Root, stages.graph.root.as_slice()),
    ] {
        for node in nodes {
            fates[node.ix()] = fate;
        }
    }
    fates
}

fn node<'a>(stages: &Stages<'a>, ix: NodeIx, fate: Fate) -> Node<'a> {
    let inventory = stages.inventory;
    let node = &inventory[ix];
    let choice = stages.chosen.choice.get(ix.ix()).and_then(Option::as_ref);
    let cap = stages.tree.evidence.physical_cap.get(ix.ix());
    Node {
        id: Cow::Borrowed(&node.id),
        record: record(node.origin),
        fate,
        own_kbps: known(node.capacity.or_unlimited()),
        cap_kbps: known(cap.copied().unwrap_or(Pair::UNLIMITED)),
        declared_parent: node.parent.map(|p| id(inventory, p)),
        chosen: choice.map(|c| chosen(inventory, c)),
        kept: choice.is_some_and(|c| c.kept),
        rivals: choice
            .map(|c| c.rivals.iter().map(|r| rival(inventory, r)).collect())
            .unwrap_or_default(),
        island: stages
            .chosen
            .island
            .get(ix.ix())
            .copied()
            .flatten()
            .map(|head| id(inventory, head)),
    }
}

fn id(inventory: &Inventory, ix: NodeIx) -> Cow<'_, str> {
    Cow::Borrowed(&inventory[ix].id)
}

fn known(rates: Pair<Kbps>) -> [Option<u64>; 2] {
    [rates.down, rates.up].map(|rate| (rate != Kbps::UNLIMITED).then_some(rate.0))
}

fn chosen<'a>(inventory: &'a Inventory, choice: &Choice) -> Path<'a> {
    path(
        inventory,
        choice.parent,
        choice.via,
        choice.cost,
        choice.hops,
        choice.bottleneck,
    )
}

fn rival<'a>(inventory: &'a Inventory, rival: &Rival) -> Path<'a> {
    path(
        inventory,
        rival.parent,
        rival.via,
        rival.cost,
        rival.hops,
        rival.bottleneck,
    )
}

fn path<'a>(
    inventory: &'a Inventory,
    parent: Vertex,
    via: graph::Via,
    cost: u64,
    hops: u32,
    bottleneck: Kbps,
) -> Path<'a> {
    let (via, link): (Via, Option<LinkIx>) = match via {
        graph::Via::Link(link) => (Via::Link, Some(link)),
        graph::Via::Member(_) => (Via::Member, None),
        graph::Via::Gateway => (Via::Gateway, None),
        graph::Via::Pin => (Via::Pin, None),
        graph::Via::Declared(link) => (Via::Declared, link),
        graph::Via::Island => (Via::Island, None),
    };
    Path {
        parent: Cow::Borrowed(parent.id(inventory)),
        via,
        link: link.map(|link| Cow::Borrowed(inventory[link].id.as_ref())),
        cost,
        hops,
        bottleneck_kbps: (bottleneck != Kbps::UNLIMITED).then_some(bottleneck.0),
    }
}

fn circuit<'v>(view: &'v View<'_>, ix: CircuitIx) -> Circuit<'v> {
    let inventory = view.stages.inventory;
    let circuit = &inventory[ix];
    let place = view
        .stages
        .tree
        .circuits
        .get(ix.ix())
        .and_then(Option::as_ref);
    Circuit {
        id: Cow::Borrowed(&circuit.id),
        record: record(circuit.origin),
        plan_record: circuit.plan_origin.map(record),
        source_plan_kbps: known(circuit.source_plan.or_unlimited()),
        plan_kbps: (circuit.plan != circuit.source_plan)
            .then(|| known(circuit.plan.or_unlimited())),
        burst_kbps: some_rate(circuit.burst),
        burst_bytes: Some([circuit.burst_bytes.down, circuit.burst_bytes.up])
            .filter(|bytes| *bytes != [0, 0]),
        commit_kbps: some_rate(circuit.commit),
        suspended: circuit.state == ServiceState::Suspended,
        attach: circuit.attach.map(|node| id(inventory, node)),
        omitted: circuit.omitted.map(Into::into),
        shaped: place.map(|place| Shaped {
            parent: Cow::Borrowed(view.parent(place.parent)),
            bucket: place.bucket_reason.map(|reason| match reason {
                tree::BucketReason::Flat => BucketReason::Flat,
                tree::BucketReason::NoParent => BucketReason::NoParent,
                tree::BucketReason::RootAttached => BucketReason::RootAttached,
                tree::BucketReason::NoStrategyParent => BucketReason::NoStrategyParent,
            }),
            asked_max_kbps: place.asked.array(),
            asked_min_kbps: place.asked_min.array(),
            max_kbps: place.max.array(),
            min_kbps: place.min.array(),
        }),
        devices: circuit
            .devices
            .iter()
            .map(|device| Device {
                id: Cow::Borrowed(&device.id),
                record: record(device.origin),
            })
            .collect(),
    }
}

fn some_rate(rates: Pair<Kbps>) -> Option<[u64; 2]> {
    (rates != Pair::ZERO).then(|| rates.array())
}
