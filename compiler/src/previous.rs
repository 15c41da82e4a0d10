//! Reading the memory of the previous artifact (`queue-plan.json`) into [`Previous`], and what it shaped (`tree.json`,
//! with the names and MACs of `ShapedDevices.csv`) for the rules that compare.
//!
//! Class numbers can be kept only where the target has the same queues and the same kind of interfaces; parents
//! are kept in any case.

use ipnet::IpNet;
use weir_schemas::queue_plan::{Class, LeafQdisc, Mode, QueuePlan};
use weir_schemas::tree::{Tree, TreeNode};
use weir_schemas::{artifact, common};

use crate::config::project::{Project, ShaperMode};
use crate::ir::previous::{
    LinkDown, Previous, PreviousChoice, PreviousCircuit, PreviousClass, PreviousClasses,
    PreviousNode, PreviousTree, Resting,
};
use crate::ir::records::{LeafKind, NodeKind};
use crate::units::{Kbps, Pair};

/// A file does not read as what it should be; the text says how.
#[derive(Debug, thiserror::Error)]
#[error("{file} of artifact {digest} cannot be read: {source}")]
pub struct Unreadable {
    file: &'static str,
    digest: String,
    source: weir_schemas::ReadError,
}

/// `digest`: payload digest of the artifact the plan belongs to. What it shaped is not known from its plan; see
/// [`shaped`].
pub fn read(queue_plan: &[u8], digest: &str, project: &Project) -> Result<Previous, Unreadable> {
    let plan: QueuePlan<'_> = weir_schemas::read(queue_plan).map_err(|source| Unreadable {
        file: artifact::QUEUE_PLAN,
        digest: digest.to_owned(),
        source,
    })?;
    let unlimited = |k: Option<u64>| k.map_or(Kbps::UNLIMITED, Kbps);
    Ok(Previous {
        digest: digest.to_owned(),
        chosen: plan
            .chosen
            .iter()
            .map(|c| {
                let choice = PreviousChoice {
                    parent: c.parent.as_ref().into(),
                    via: c.via.as_ref().into(),
                    capacity: Pair::new(unlimited(c.kbps[0]), unlimited(c.kbps[1])),
                    cost: c.cost,
                };
                (c.node.as_ref().into(), choice)
            })
            .collect(),
        links_down: plan
            .links_down
            .iter()
            .map(|l| {
                let down = LinkDown {
                    snapshots: l.snapshots,
                    snapshot: l.snapshot.as_ref().into(),
                };
                (l.link.as_ref().into(), down)
            })
            .collect(),
        classes: same_box(&plan, project).then(|| classes(&plan)),
        tree: None,
    })
}

/// What the artifact shaped, from its `tree.json`, for [`Previous::tree`]. `devices`: its `ShapedDevices.csv`, which
/// knows names and MACs.
pub fn shaped(
    tree: &[u8],
    devices: Option<&[u8]>,
    digest: &str,
) -> Result<PreviousTree, Unreadable> {
    let tree: Tree<'_> = weir_schemas::read(tree).map_err(|source| Unreadable {
        file: artifact::TREE,
        digest: digest.to_owned(),
        source,
    })?;
    let mut out = PreviousTree::default();
    for (id, circuit) in &tree.circuits {
        let prefixes = circuit
            .devices
            .iter()
            .flat_map(|d| d.ipv4.iter().chain(&d.ipv6));
        let bucket = tree.buckets.contains_key(&circuit.parent);
        let shaped = PreviousCircuit {
            name: "".into(),
            node: (!bucket).then(|| circuit.parent.as_ref().into()),
            max: Pair::new(Kbps(circuit.max_kbps[0]), Kbps(circuit.max_kbps[1])),
            prefixes: prefixes
                .filter_map(|text| text.parse::<IpNet>().ok())
                .collect(),
            macs: Vec::new(),
        };
        out.circuits.insert(id.as_ref().into(), shaped);
    }
    let mut open: Vec<(Option<&str>, &TreeNode<'_>)> =
        tree.emitted.iter().map(|node| (None, node)).collect();
    while let Some((parent, node)) = open.pop() {
        open.extend(
            node.children
                .iter()
                .map(|child| (Some(node.id.as_ref()), child)),
        );
        let kept = PreviousNode {
            name: node.name.as_ref().into(),
            kind: match node.kind {
                common::NodeKind::Root => NodeKind::Root,
                common::NodeKind::Site => NodeKind::Site,
                common::NodeKind::Ap => NodeKind::Ap,
                common::NodeKind::Other => NodeKind::Other,
            },
            parent: parent.map(Into::into),
        };
        out.nodes.insert(node.id.as_ref().into(), kept);
    }
    let mut rows = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(devices.unwrap_or_default());
    // Circuit ID, Circuit Name, Device ID, Device Name, Parent Node, Parent Node ID, Anchor Node ID, MAC, ...
    for row in rows.records().map_while(Result::ok) {
        let Some(circuit) = row.get(0).and_then(|id| out.circuits.get_mut(id)) else {
            continue;
        };
        circuit.name = row.get(1).unwrap_or_default().into();
        if let Some(mac) = row.get(7).filter(|mac| !mac.is_empty()) {
            circuit.macs.push(mac.into());
        }
    }
    Ok(out)
}

fn same_box(plan: &QueuePlan<'_>, project: &Project) -> bool {
    let mode = |stick: bool| if stick { Mode::Stick } else { Mode::Bridge };
    let was = plan.target.shaper.as_ref().map_or(Mode::Bridge, |s| s.mode);
    let is = project
        .target
        .shaper
        .as_ref()
        .is_some_and(|s| matches!(s.mode, ShaperMode::Stick { .. }));
    plan.queues.len() == usize::from(project.target.queues) && was == mode(is)
}

fn classes(plan: &QueuePlan<'_>) -> PreviousClasses {
    let class = |c: &Class<'_>| PreviousClass {
        queue: c.queue,
        minor: c.minor,
        parent: c.parent.as_deref().map(Into::into),
        handle: c.leaf.map_or(Pair::both(0), |[down, up]| {
            Pair::new(down.map_or(0, |l| l.handle), up.map_or(0, |l| l.handle))
        }),
        leaf: c.leaf.map_or(Pair::both(LeafKind::None), |[down, up]| {
            Pair::new(down, up).map(|leaf| match leaf.map(|l| l.qdisc) {
                Some(LeafQdisc::Cake) => LeafKind::Cake,
                Some(LeafQdisc::FqCodel) => LeafKind::FqCodel,
                None => LeafKind::None,
            })
        }),
    };
    PreviousClasses {
        by_key: plan
            .classes
            .iter()
            .map(|c| (c.key.as_ref().into(), class(c)))
            .collect(),
        resting: Resting {
            minors: plan
                .resting
                .minors
                .iter()
                .map(|&(queue, minor, left)| ((queue, minor), left))
                .collect(),
            handles: Pair::new(
                plan.resting.download_handles.iter().copied().collect(),
                plan.resting.upload_handles.iter().copied().collect(),
            ),
        },
    }
}
