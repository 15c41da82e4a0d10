//! `Records`: what a source says, in our words. Source-shaped facts, vendor-neutral names; they may be
//! wrong, contradict each other or name things that do not exist. Every record keeps its [`Origin`].

use std::borrow::Cow;
use std::net::Ipv4Addr;

use ipnet::IpNet;

use crate::id::FileId;
use crate::ir::address::Claim;
use crate::ir::position::Position;
use crate::units::{Kbps, Pair};

/// Where a record was read: bytes `start .. start + len` of an input file. Line and column are worked out
/// only when a finding is shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Origin {
    pub file: FileId,
    pub len: u32,
    pub start: u64,
}

/// A field inside a record: an [`Origin`] and a route. The route is a JSON pointer inside the record
/// (`/qos/downloadSpeed`), a column name of a CSV row, or a dotted key of a TOML file; empty = the whole record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    pub origin: Origin,
    pub route: Cow<'static, str>,
}

impl Origin {
    /// The whole record.
    pub fn whole(self) -> Place {
        self.at("")
    }
    pub fn at(self, route: impl Into<Cow<'static, str>>) -> Place {
        Place {
            origin: self,
            route: route.into(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NodeKind {
    Root,
    Site,
    Ap,
    Other,
}

impl NodeKind {
    pub fn word(self) -> &'static str {
        match self {
            NodeKind::Root => "root",
            NodeKind::Site => "site",
            NodeKind::Ap => "ap",
            NodeKind::Other => "other",
        }
    }
}

/// A reference to a node, as the source wrote it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NodeRef {
    pub text: Box<str>,
    pub by: RefBy,
    /// Route of the field that held it, inside the record.
    pub route: Cow<'static, str>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RefBy {
    Id,
    Name,
}

/// A site, AP or other network element.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NodeRecord {
    pub id: Box<str>,
    pub name: Box<str>,
    pub kind: NodeKind,
    /// The parent the source declares.
    pub parent: Option<NodeRef>,
    /// The node's own capacity; `None` = unknown (missing, null or 0).
    pub capacity: Pair<Option<Kbps>>,
    pub is_virtual: bool,
    pub gateway: bool,
    /// Where it stands, where the source says so.
    pub position: Option<Position>,
    pub origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LinkState {
    Up,
    /// Exists, not carrying traffic now.
    Down,
    /// Planned only: never carries traffic.
    Planned,
}

impl LinkState {
    pub const ALL: [LinkState; 3] = [LinkState::Up, LinkState::Down, LinkState::Planned];

    pub fn word(self) -> &'static str {
        match self {
            LinkState::Up => "up",
            LinkState::Down => "down",
            LinkState::Planned => "planned",
        }
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LinkRecord {
    pub id: Box<str>,
    /// Node ids of the two ends.
    pub a: Box<str>,
    pub b: Box<str>,
    /// Capacity a -> b and b -> a; `None` = unknown.
    pub ab: Option<Kbps>,
    pub ba: Option<Kbps>,
    pub cost: Option<u64>,
    pub state: LinkState,
    pub origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ServiceState {
    Active,
    Suspended,
}

impl ServiceState {
    pub fn word(self) -> &'static str {
        match self {
            ServiceState::Active => "active",
            ServiceState::Suspended => "suspended",
        }
    }
}

/// Leaf queueing discipline asked for by a record; `None` elsewhere means the target's default.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LeafKind {
    Cake,
    FqCodel,
    /// No leaf qdisc in this direction.
    None,
}

impl LeafKind {
    pub fn word(self) -> &'static str {
        match self {
            LeafKind::Cake => "cake",
            LeafKind::FqCodel => "fq_codel",
            LeafKind::None => "none",
        }
    }
}

/// One service instance.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CircuitRecord {
    pub id: Box<str>,
    pub name: Box<str>,
    /// Where it hangs, in order of preference: the first that exists wins. Empty = the source names no parent.
    pub attach: Vec<NodeRef>,
    /// `None` = missing or zero in that direction.
    pub plan: Pair<Option<Kbps>>,
    /// Burst as a rate, added to the plan.
    pub burst: Pair<Kbps>,
    /// Burst as a volume in bytes (UISP): recorded, and turned into a rate only by `rates.burst = "add"`.
    pub burst_bytes: Pair<u64>,
    /// Guaranteed rate the source states; 0 = none.
    pub commit: Pair<Kbps>,
    pub state: ServiceState,
    pub leaf: Pair<Option<LeafKind>>,
    pub comment: Box<str>,
    pub devices: Vec<DeviceRecord>,
    /// Where the subscriber is, where the source says so.
    pub position: Option<Position>,
    pub origin: Origin,
    /// Route of the download and the upload plan inside the record, for findings.
    pub plan_route: Pair<&'static str>,
    /// Where the plan was read when that is not this record (a CRM service beside an NMS site).
    pub plan_origin: Option<Origin>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DeviceRecord {
    pub id: Box<str>,
    pub name: Box<str>,
    pub mac: Box<str>,
    pub claims: Vec<Claim>,
    pub origin: Origin,
}

/// An IPv6 prefix, and by what its device is known: what a router knows of addresses, without knowing subscribers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Seen {
    /// `02:4c:00:00:00:01`
    pub mac: Box<str>,
    pub v4: Option<Ipv4Addr>,
    pub v6: IpNet,
    /// The row that says the prefix; its field is `/address`.
    pub origin: Origin,
}

/// Everything one source said, and what could not be used of it.
#[derive(Clone, Default, Debug)]
pub struct Records {
    pub nodes: Vec<NodeRecord>,
    pub links: Vec<LinkRecord>,
    pub circuits: Vec<CircuitRecord>,
    /// Addresses of devices that other sources describe.
    pub seen: Vec<Seen>,
    pub evidence: SourceEvidence,
}

/// What lowering saw that is not a record: data, turned into findings by the rules.
#[derive(Clone, Default, Debug)]
pub struct SourceEvidence {
    /// Files that are not valid JSON or CSV: nothing of them was used.
    pub unreadable: Vec<UnreadableFile>,
    /// Records that could not be used at all.
    pub quarantined: Vec<Quarantined>,
    /// Fields that were left out or read in another way than written, in records that were used.
    pub odd_fields: Vec<OddField>,
    /// Optional collections of an export that are not there.
    pub missing: Vec<MissingCollection>,
    /// Files whose columns had to be guessed.
    pub legacy_layouts: Vec<LegacyLayout>,
    /// References to records that the export does not hold.
    pub dangling: Vec<Dangling>,
    /// Exact repeats of a record, used once.
    pub repeats: Vec<Repeat>,
    /// Circuits that reach the network through another subscriber.
    pub relays: Vec<Relay>,
    /// Circuits with more than one possible parent, and the one taken.
    pub uplink_choices: Vec<UplinkChoice>,
    /// Speeds that a source gives for a while.
    pub temporary_rates: Vec<TemporaryRate>,
    /// Text that was cleaned: control characters, newlines, invalid UTF-8.
    pub dirty_text: Vec<DirtyText>,
    /// The source has a link graph but marks no gateway (topology.md 1.5, gateways).
    pub no_gateway: bool,
    /// How many records of each collection were read, for the "more than 1 %" rules. (collection, records)
    pub read: Vec<(&'static str, u64)>,
}

impl SourceEvidence {
    /// Appends another batch of evidence (from a parallel chunk or another file).
    pub fn absorb(&mut self, other: SourceEvidence) {
        self.unreadable.extend(other.unreadable);
        self.quarantined.extend(other.quarantined);
        self.odd_fields.extend(other.odd_fields);
        self.missing.extend(other.missing);
        self.legacy_layouts.extend(other.legacy_layouts);
        self.dangling.extend(other.dangling);
        self.repeats.extend(other.repeats);
        self.relays.extend(other.relays);
        self.uplink_choices.extend(other.uplink_choices);
        self.temporary_rates.extend(other.temporary_rates);
        self.dirty_text.extend(other.dirty_text);
        self.no_gateway |= other.no_gateway;
        self.read.extend(other.read);
    }
}

/// A speed that a source gives in place of the plan's, up to a day.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TemporaryRate {
    pub place: Place,
    /// The circuit.
    pub subject: Subject,
    pub instead: Pair<Option<Kbps>>,
    /// What holds afterwards.
    pub after: Pair<Option<Kbps>>,
    /// When it ends, as people write it.
    pub end: Box<str>,
    /// It has ended, on the day of the build.
    pub over: bool,
    /// Another record of the source states it although it has ended.
    pub still_stated: bool,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct UnreadableFile {
    pub place: Place,
    /// `true` when the source cannot be complete without this file.
    pub mandatory: bool,
    /// What the parser said, in one line.
    pub message: String,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Quarantined {
    pub place: Place,
    /// The collection of `interface.md` ("devices", "crm-services"), or the file name.
    pub collection: &'static str,
    /// The record's id when it could be read.
    pub id: Option<Box<str>>,
    pub reason: String,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OddField {
    pub place: Place,
    pub subject: Subject,
    /// "is text where a number belongs; read as 100000000"
    pub what: String,
    /// The field is required and the record is the poorer for it (SRC002 counts these).
    pub required: bool,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MissingCollection {
    pub source: Box<str>,
    pub collection: &'static str,
    pub optional: bool,
    /// What cannot be known without it.
    pub consequence: &'static str,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LegacyLayout {
    pub place: Place,
    pub message: String,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Dangling {
    pub place: Place,
    pub subject: Subject,
    /// "device", "site", "service plan"
    pub wanted_kind: &'static str,
    pub wanted: Box<str>,
    pub consequence: &'static str,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Repeat {
    pub place: Place,
    pub first: Place,
    pub subject: Subject,
    /// `false`: same id, other content. The record at `first` is the one used.
    pub identical: bool,
    /// Which fields differ ("plan", "parent", ...); empty = not known, or identical.
    pub differs: Vec<&'static str>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Relay {
    pub place: Place,
    pub circuit: Subject,
    pub relay: Subject,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct UplinkChoice {
    pub place: Place,
    pub circuit: Subject,
    pub chosen: Box<str>,
    pub rivals: Vec<Box<str>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DirtyText {
    pub place: Place,
    pub subject: Subject,
    pub what: &'static str,
}

/// What a finding speaks of: kind, stable id, display name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Subject {
    pub kind: SubjectKind,
    pub id: Box<str>,
    pub name: Box<str>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SubjectKind {
    Circuit,
    Node,
    Link,
    Device,
    Source,
    Setting,
}

impl SubjectKind {
    pub fn word(self) -> &'static str {
        match self {
            SubjectKind::Circuit => "circuit",
            SubjectKind::Node => "node",
            SubjectKind::Link => "link",
            SubjectKind::Device => "device",
            SubjectKind::Source => "source",
            SubjectKind::Setting => "setting",
        }
    }
}

impl Subject {
    pub fn new(kind: SubjectKind, id: &str, name: &str) -> Self {
        Subject {
            kind,
            id: id.into(),
            name: name.into(),
        }
    }
}
