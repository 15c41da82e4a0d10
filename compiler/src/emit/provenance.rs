//! `provenance.json` (`weir.provenance/1`): for every node and circuit the record it came from and what was
//! decided about it, one a line.

use std::borrow::Cow;

use weir_schemas::Published as _;
use weir_schemas::common::Position;
use weir_schemas::provenance::{
    BucketReason, Circuit, Device, Fate, Field, File, Joined, Node, Overridden, Path, Provenance,
    Record, Refused, RefusedWhy, Rejected, Scaled, Settings, Shaped, Via,
};

use crate::config::project::{Project, SuspendedPolicy};
use crate::emit::json::{Document, prefix};
use crate::emit::view::View;
use crate::id::{CircuitIx, LinkIx, NodeIx};
use crate::ir::field::FieldValue;
use crate::ir::graph::{self, Choice, Rival, Vertex};
use crate::ir::inventory::{AddressIssueKind, Hidden, Inventory};
use crate::ir::position;
use crate::ir::records::{Origin, ServiceState, Subject};
use crate::ir::tree::{self, ScaledAt};
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
    document.value("settings", &settings(stages.project));
    document.list("scaled", &stages.tree.evidence.scaled, |scaled| Scaled {
        at: match scaled.at {
            ScaledAt::Node(node) => id(stages.inventory, node),
            ScaledAt::Bucket(bucket) => tree::bucket_name(bucket).into(),
        },
        wanted_kbps: scaled.wanted.array(),
        cap_kbps: scaled.cap.array(),
    });
    document.list("nodes", &nodes, |&ix| node(stages, ix, fates[ix.ix()]));
    let refused = refused(stages.inventory);
    document.list("circuits", &circuits, |&ix| circuit(view, ix, &refused));
    document.finish()
}

fn record(origin: Origin) -> Record {
    Record(origin.file.0, origin.start, origin.len)
}

fn position(at: position::Position) -> Position {
    Position {
        latitude: at.latitude,
        longitude: at.longitude,
    }
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
        name: name(&node.id, &node.name),
        kind: node.kind.into(),
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
        position: node.position.map(position),
        joined: joined(stages, &node.subject()),
        fields: fields(stages, &node.subject()),
    }
}

/// The records that a thing is, where several sources know it.
fn joined<'a>(stages: &Stages<'a>, subject: &Subject) -> Vec<Joined<'a>> {
    let thing = stages.inventory.evidence.merge.of(subject);
    let members = thing.into_iter().flat_map(|thing| &thing.members);
    members
        .map(|member| Joined {
            source: source(stages, member.source),
            id: Cow::Borrowed(&member.id),
            record: record(member.origin),
            by: member.by.map(|key| Cow::Borrowed(key.word())),
        })
        .collect()
}

fn source<'a>(stages: &Stages<'a>, at: usize) -> Cow<'a, str> {
    Cow::Borrowed(&stages.project.sources[at].name)
}

/// What was chosen between sources, and what overrides changed.
fn fields<'a>(stages: &Stages<'a>, subject: &Subject) -> Vec<Field<'a>> {
    let evidence = &stages.inventory.evidence;
    let mut fields: Vec<Field<'a>> = Vec::new();
    if let Some(thing) = evidence.merge.of(subject) {
        fields.extend(thing.chosen.iter().map(|(field, chosen)| {
            let disputed = thing.disagreements.iter().find(|d| d.field == *field);
            Field {
                field: Cow::Borrowed(field.word()),
                source: Some(source(stages, *chosen)),
                value: disputed.map(|d| Cow::Owned(d.chosen.value.to_string())),
                kbps: disputed.and_then(|d| rate_of(&d.chosen.value)),
                rejected: disputed
                    .into_iter()
                    .flat_map(|d| &d.rejected)
                    .map(|stated| Rejected {
                        source: source(stages, stated.source),
                        value: Cow::Owned(stated.value.to_string()),
                        record: record(stated.place.origin),
                    })
                    .collect(),
                overridden: None,
            }
        }));
    }
    let overrides = &stages.project.overrides;
    fields.extend(evidence.overlay.of(subject).map(|applied| {
        let entry = &overrides.entries[applied.entry];
        Field {
            field: Cow::Borrowed(applied.field.key()),
            source: None,
            value: Some(Cow::Owned(applied.from.to_string())),
            kbps: rate_of(&applied.from),
            rejected: Vec::new(),
            overridden: Some(Overridden {
                value: Cow::Owned(applied.to.to_string()),
                kbps: rate_of(&applied.to),
                reason: Cow::Borrowed(&entry.reason),
                owner: entry.owner.as_deref().map(Cow::Borrowed),
                expires: entry.expires.map(|day| Cow::Owned(day.to_string())),
                record: record(overrides.origin(applied.entry)),
            }),
        }
    }));
    fields
}

/// In kbit/s, where it is a rate.
fn rate_of(value: &FieldValue) -> Option<[Option<u64>; 2]> {
    match value {
        FieldValue::Rates(rates) | FieldValue::Sold { plan: rates, .. } => {
            Some([rates.down, rates.up].map(|k| k.map(|k| k.0)))
        }
        _ => None,
    }
}

fn id(inventory: &Inventory, ix: NodeIx) -> Cow<'_, str> {
    Cow::Borrowed(&inventory[ix].id)
}

/// Where it says more than the id.
fn name<'a>(id: &str, name: &'a str) -> Option<Cow<'a, str>> {
    (name != id && !name.is_empty()).then_some(Cow::Borrowed(name))
}

fn settings(project: &Project) -> Settings {
    let (topology, rates) = (&project.topology, &project.rates);
    Settings {
        tree: topology.tree.word().to_owned(),
        wan_kbps: topology.wan.array(),
        generated_kbps: topology.generated.array(),
        overhead_permille: rates.overhead.0,
        multiplier_permille: rates.multiplier.0,
        commit_permille: rates.commit.0,
        floor_kbps: rates.floor.0,
        min_floor_kbps: rates.min_floor.0,
        add_burst: rates.add_burst,
        slow_kbps: (project.suspended.policy == SuspendedPolicy::Slow)
            .then_some(project.suspended.slow.0),
    }
}

/// Sorted by circuit.
type RefusedOf<'a> = Vec<(CircuitIx, Refused<'a>)>;

fn refused(inventory: &Inventory) -> RefusedOf<'_> {
    let evidence = &inventory.evidence;
    let mut all: RefusedOf<'_> = Vec::new();
    for issue in &evidence.addresses {
        let (why, by) = match &issue.kind {
            AddressIssueKind::NotAnAddress => (RefusedWhy::NotAnAddress, None),
            AddressIssueKind::HostBits { becomes } => {
                (RefusedWhy::HostBits, Some(prefix(becomes).into()))
            }
            // How devices report themselves: nothing was refused.
            AddressIssueKind::InterfaceMask { .. } => continue,
            AddressIssueKind::NotAllowed => (RefusedWhy::NotAllowed, None),
            AddressIssueKind::Ignored { by } => (RefusedWhy::Ignored, Some(prefix(by).into())),
            AddressIssueKind::Junk { why } => (RefusedWhy::Junk, Some(Cow::Borrowed(*why))),
            AddressIssueKind::Shared { circuits } => {
                (RefusedWhy::Shared, Some(circuits.to_string().into()))
            }
            AddressIssueKind::OwnedBy { circuit, .. } => {
                (RefusedWhy::OtherCircuit, Some(Cow::Borrowed(&*circuit.id)))
            }
            AddressIssueKind::OwnedByDevice { device, .. } => {
                (RefusedWhy::OtherDevice, Some(Cow::Borrowed(&*device.id)))
            }
        };
        let Some(circuit) = inventory.circuit_by_id(&issue.circuit.id) else {
            continue;
        };
        let refused = Refused {
            device: Cow::Borrowed(&issue.device.id),
            record: record(issue.place.origin),
            address: Cow::Borrowed(&issue.text),
            why,
            by,
        };
        all.push((circuit, refused));
    }
    all.extend(evidence.unclaimed.iter().map(|claim| {
        let refused = Refused {
            device: Cow::Borrowed(&claim.device),
            record: record(claim.origin),
            address: Cow::Borrowed(&claim.text),
            why: RefusedWhy::CircuitOmitted,
            by: None,
        };
        (claim.circuit, refused)
    }));
    all.sort_by_key(|(circuit, _)| *circuit);
    all
}

fn known(rates: Pair<Kbps>) -> [Option<u64>; 2] {
    [rates.down, rates.up].map(|rate| (rate != Kbps::UNLIMITED).then_some(rate.0))
}

fn chosen<'a>(inventory: &'a Inventory, choice: &Choice) -> Path<'a> {
    let path = path(
        inventory,
        choice.parent,
        choice.via,
        choice.cost,
        choice.hops,
        choice.bottleneck,
    );
    Path {
        kbps: (choice.capacity != Pair::UNLIMITED).then(|| known(choice.capacity)),
        ..path
    }
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
        kbps: None,
    }
}

fn circuit<'v>(view: &'v View<'_>, ix: CircuitIx, refused: &'v RefusedOf<'_>) -> Circuit<'v> {
    let from = refused.partition_point(|(circuit, _)| *circuit < ix);
    let mine = refused[from..]
        .iter()
        .take_while(|(circuit, _)| *circuit == ix);
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
        name: name(&circuit.id, &circuit.name),
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
                mac: (!device.mac.is_empty()).then_some(Cow::Borrowed(&*device.mac)),
            })
            .collect(),
        position: circuit.position.map(position),
        joined: joined(view.stages, &circuit.subject()),
        fields: fields(view.stages, &circuit.subject()),
        refused: mine.map(|(_, refused)| refused.clone()).collect(),
    }
}

fn some_rate(rates: Pair<Kbps>) -> Option<[u64; 2]> {
    (rates != Pair::ZERO).then(|| rates.array())
}
