//! `Inventory`: one entry per real thing, sorted by id, addressed by typed index, units fixed. References are
//! resolved, address ownership is decided; what could not be resolved is in [`NormalizeEvidence`].

use std::ops::Index;

use ipnet::IpNet;

use crate::id::{CircuitIx, LinkIx, NodeIx};
use crate::ir::merge::MergeEvidence;
use crate::ir::overlay::OverlayEvidence;
use crate::ir::position::Position;
use crate::ir::records::{
    LeafKind, LinkState, NodeKind, NodeRef, Origin, Place, ServiceState, Subject, SubjectKind,
};
use crate::units::{Kbps, Pair};

#[derive(Clone, Default, Debug)]
pub struct Inventory {
    /// Sorted by id.
    pub nodes: Vec<Node>,
    /// Sorted by id; both ends exist and differ.
    pub links: Vec<Link>,
    /// Sorted by id; the omitted ones too.
    pub circuits: Vec<Circuit>,
    pub settings: NodeSettings,
    pub peaks: Peaks,
    pub evidence: NormalizeEvidence,
}

/// What was measured (`topology.peaks`). The lists are empty, or by node and by circuit.
#[derive(Clone, Default, Debug)]
pub struct Peaks {
    pub node: Vec<Option<Pair<Kbps>>>,
    pub circuit: Vec<Option<Pair<Kbps>>>,
    /// Rows that cannot be used, in the order of the file.
    pub unused: Vec<UnusedPeak>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnusedPeak {
    pub place: Place,
    pub why: PeakProblem,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PeakProblem {
    /// The first row does not name these columns.
    Header(Box<str>),
    /// Neither `node` nor `circuit`.
    Kind(Box<str>),
    /// No such node or circuit.
    Unknown(SubjectKind, Box<str>),
    /// Column and text of what is no rate.
    Rate(&'static str, Box<str>),
}

/// Settings that name nodes, resolved. (`topology.exclude` is `Node::hidden`.)
#[derive(Clone, Default, Debug)]
pub struct NodeSettings {
    pub root: Option<NodeIx>,
    /// Sorted.
    pub promote: Vec<NodeIx>,
    /// (child, parent), sorted by child; both exist and differ.
    pub pins: Vec<(NodeIx, NodeIx)>,
    /// Pins that have no effect: child and parent as written, and why.
    pub bad_pins: Vec<(Box<str>, Box<str>, &'static str)>,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub id: Box<str>,
    pub name: Box<str>,
    pub kind: NodeKind,
    pub parent: Option<NodeIx>,
    /// Own capacity; `None` = unknown.
    pub capacity: Pair<Option<Kbps>>,
    /// Transparent: `virtual` in the source, or `topology.exclude`.
    pub hidden: Option<Hidden>,
    pub gateway: bool,
    pub position: Option<Position>,
    pub origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hidden {
    Virtual,
    Excluded,
}

#[derive(Clone, Debug)]
pub struct Link {
    pub id: Box<str>,
    pub a: NodeIx,
    pub b: NodeIx,
    pub ab: Option<Kbps>,
    pub ba: Option<Kbps>,
    pub cost: Option<u64>,
    pub state: LinkState,
    pub origin: Origin,
}

#[derive(Clone, Debug)]
pub struct Circuit {
    pub id: Box<str>,
    pub name: Box<str>,
    pub attach: Option<NodeIx>,
    /// The plan after `rates.default_plan_mbps`.
    pub plan: Pair<Option<Kbps>>,
    /// As the source gave it.
    pub source_plan: Pair<Option<Kbps>>,
    pub burst: Pair<Kbps>,
    pub burst_bytes: Pair<u64>,
    pub commit: Pair<Kbps>,
    pub state: ServiceState,
    pub leaf: Pair<Option<LeafKind>>,
    pub comment: Box<str>,
    /// Sorted by id; only those that kept an address.
    pub devices: Vec<Device>,
    /// Circuit rates before they meet the tree (topology.md 1.7), zero when omitted.
    pub max: Pair<Kbps>,
    pub min: Pair<Kbps>,
    pub omitted: Option<OmitReason>,
    pub position: Option<Position>,
    pub origin: Origin,
    pub plan_route: Pair<&'static str>,
    pub plan_origin: Option<Origin>,
}

#[derive(Clone, Debug)]
pub struct Device {
    pub id: Box<str>,
    pub name: Box<str>,
    pub mac: Box<str>,
    /// Sorted by (version, network, length), unique in the whole inventory.
    pub addresses: Vec<IpNet>,
    pub origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OmitReason {
    Suspended,
    NoPlan,
    NoAddress,
    /// An override leaves it out.
    Excluded,
}

impl OmitReason {
    pub const ALL: [OmitReason; 4] = [
        OmitReason::Suspended,
        OmitReason::NoPlan,
        OmitReason::NoAddress,
        OmitReason::Excluded,
    ];

    pub fn word(self) -> &'static str {
        match self {
            OmitReason::Suspended => "suspended",
            OmitReason::NoPlan => "no-plan",
            OmitReason::NoAddress => "no-address",
            OmitReason::Excluded => "excluded",
        }
    }
}

/// What normalizing decided against, kept for the rules.
#[derive(Clone, Default, Debug)]
pub struct NormalizeEvidence {
    /// Same id more than once. Exact repeats are dropped; other content is a conflict and the first in
    /// canonical order (not file order) is used.
    pub duplicate_nodes: Vec<DuplicateId>,
    pub duplicate_links: Vec<DuplicateId>,
    pub duplicate_circuits: Vec<DuplicateId>,
    /// One device id in two circuits.
    pub shared_devices: Vec<SharedDevice>,
    /// Parent references of nodes and circuits that name nothing.
    pub unknown_parents: Vec<UnknownParent>,
    /// References that matched only after folding case and blanks.
    pub fuzzy_parents: Vec<FuzzyParent>,
    /// Links with an unknown end, or with two equal ends.
    pub bad_links: Vec<BadLink>,
    /// Every address that was dropped or changed, in order of (circuit, device, address).
    pub addresses: Vec<AddressIssue>,
    /// Addresses of circuits that are not shaped for another reason, so that they claim nothing; in the same order.
    pub unclaimed: Vec<Unclaimed>,
    /// Settings that name no node (promote_to_root, exclude, pin, root).
    pub unknown_settings: Vec<UnknownSetting>,
    /// Settings that name a node by its name, and which one was meant.
    pub named_settings: Vec<NamedSetting>,
    /// Ids or names the emitted files cannot carry; the circuit is used under the cleaned id.
    pub bad_ids: Vec<BadId>,
    /// How the records of several sources became one network.
    pub merge: MergeEvidence,
    /// What `overrides.toml` changed, and what it could not.
    pub overlay: OverlayEvidence,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DuplicateId {
    pub subject: Subject,
    pub kept: Place,
    pub dropped: Vec<Place>,
    /// Which fields differ ("plan", "parent", ...); empty = exact repeat.
    pub differs: Vec<&'static str>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SharedDevice {
    pub device: Subject,
    pub circuits: Vec<(Subject, Place)>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct UnknownParent {
    pub subject: Subject,
    pub place: Place,
    pub wanted: NodeRef,
    /// Nearest node by spelling, when one is near.
    pub nearest: Option<Subject>,
    /// Another reference of the same record was used instead (anchor id, parent id, name).
    pub used_instead: Option<Subject>,
    /// The node that the reference names all the same: the one that is used has another name.
    pub names: Option<Subject>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FuzzyParent {
    pub subject: Subject,
    pub place: Place,
    pub wanted: Box<str>,
    pub used: Subject,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BadLink {
    pub link: Subject,
    pub place: Place,
    /// The end that does not exist; `None` = both ends are the same node.
    pub unknown: Option<Box<str>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AddressIssue {
    pub circuit: Subject,
    pub device: Subject,
    pub place: Place,
    /// As written.
    pub text: Box<str>,
    pub kind: AddressIssueKind,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Unclaimed {
    pub circuit: CircuitIx,
    pub device: Box<str>,
    pub origin: Origin,
    /// As written.
    pub text: Box<str>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AddressIssueKind {
    NotAnAddress,
    /// Host bits set; the host is shaped.
    HostBits {
        becomes: IpNet,
    },
    /// An interface's mask; the host is shaped. Normal for sources that report interfaces.
    InterfaceMask {
        becomes: IpNet,
    },
    /// Not inside any allow prefix of its family.
    NotAllowed,
    /// Overlaps this ignore prefix.
    Ignored {
        by: IpNet,
    },
    /// Never a subscriber's address: link-local, loopback, multicast, unspecified, vendor default.
    Junk {
        why: &'static str,
    },
    /// The same private host on more than three circuits: taken from all of them.
    Shared {
        circuits: usize,
    },
    /// Another circuit owns this prefix.
    OwnedBy {
        circuit: Subject,
        device: Subject,
        place: Place,
    },
    /// Another device of the same circuit owns it.
    OwnedByDevice {
        device: Subject,
        place: Place,
    },
}

impl AddressIssueKind {
    /// `true` when the address is not shaped for this device.
    pub fn drops(&self) -> bool {
        !matches!(
            self,
            AddressIssueKind::HostBits { .. } | AddressIssueKind::InterfaceMask { .. }
        )
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct UnknownSetting {
    /// `topology.exclude`
    pub key: &'static str,
    pub value: Box<str>,
    pub place: Option<Place>,
    pub nearest: Option<Subject>,
    /// `true`: several nodes share the name, so it says nothing.
    pub ambiguous: bool,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NamedSetting {
    pub key: &'static str,
    pub value: Box<str>,
    pub place: Option<Place>,
    pub meant: Subject,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BadId {
    pub subject: Subject,
    pub place: Place,
    pub what: &'static str,
}

impl Index<NodeIx> for Inventory {
    type Output = Node;
    fn index(&self, ix: NodeIx) -> &Node {
        &self.nodes[ix.ix()]
    }
}

impl Index<LinkIx> for Inventory {
    type Output = Link;
    fn index(&self, ix: LinkIx) -> &Link {
        &self.links[ix.ix()]
    }
}

impl Index<CircuitIx> for Inventory {
    type Output = Circuit;
    fn index(&self, ix: CircuitIx) -> &Circuit {
        &self.circuits[ix.ix()]
    }
}

impl Inventory {
    pub fn node_by_id(&self, id: &str) -> Option<NodeIx> {
        self.nodes
            .binary_search_by(|n| n.id.as_ref().cmp(id))
            .ok()
            .map(NodeIx::of)
    }

    pub fn circuit_by_id(&self, id: &str) -> Option<CircuitIx> {
        self.circuits
            .binary_search_by(|c| c.id.as_ref().cmp(id))
            .ok()
            .map(CircuitIx::of)
    }

    pub fn node_ixs(&self) -> impl Iterator<Item = NodeIx> + use<> {
        (0..self.nodes.len()).map(NodeIx::of)
    }

    pub fn circuit_ixs(&self) -> impl Iterator<Item = CircuitIx> + use<> {
        (0..self.circuits.len()).map(CircuitIx::of)
    }
}

impl Node {
    pub fn subject(&self) -> Subject {
        Subject::new(SubjectKind::Node, &self.id, &self.name)
    }
}

impl Link {
    pub fn subject(&self) -> Subject {
        Subject::new(SubjectKind::Link, &self.id, &self.id)
    }
}

impl Circuit {
    pub fn subject(&self) -> Subject {
        Subject::new(SubjectKind::Circuit, &self.id, &self.name)
    }

    /// Where the plan stands in the source.
    pub fn plan_place(&self, down: bool) -> Place {
        let route = if down {
            self.plan_route.down
        } else {
            self.plan_route.up
        };
        self.plan_origin.unwrap_or(self.origin).at(route)
    }
}

impl Device {
    pub fn subject(&self) -> Subject {
        Subject::new(SubjectKind::Device, &self.id, &self.name)
    }
}
