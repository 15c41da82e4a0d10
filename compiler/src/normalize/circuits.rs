//! Circuits: one per id, attached, with devices, owned addresses and rates, or omitted with a reason.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::config::project::{Project, SuspendedPolicy};
use crate::id::NodeIx;
use crate::ir::inventory::{
    BadId, Circuit, Device, DuplicateId, FuzzyParent, Inventory, OmitReason, SharedDevice,
    UnknownParent,
};
use crate::ir::records::{
    CircuitRecord, DeviceRecord, NodeRef, Origin, RefBy, ServiceState, Subject, SubjectKind,
};

use super::nodes::{Found, MAX_NEAREST, Names, nearest};
use super::{addresses, rates};
use crate::ir::address::Claim;

/// A circuit before its references are resolved: the record, and what merging and overrides add to it.
pub(super) struct Input {
    pub record: CircuitRecord,
    /// Where the parent is written, when that is not the record.
    pub attach_origin: Option<Origin>,
    /// An override leaves it out.
    pub excluded: bool,
    /// Addresses from elsewhere than the record.
    pub extra: Vec<Extra>,
}

/// Addresses that an override gives a device.
pub(super) struct Extra {
    pub device: Box<str>,
    pub claims: Vec<Claim>,
    pub origin: Origin,
}

impl Input {
    pub fn of(record: CircuitRecord) -> Self {
        Input {
            record,
            attach_origin: None,
            excluded: false,
            extra: Vec::new(),
        }
    }
}

/// A device whose claims are not decided yet.
pub(super) struct Claimant {
    pub device: Device,
    pub claims: Vec<Claimed>,
}

/// A claim and the record it stands in.
pub(super) struct Claimed {
    pub claim: Claim,
    pub origin: Origin,
}

/// What was odd about the parent of a circuit.
struct Odd {
    fuzzy: Option<FuzzyParent>,
    unknown: Vec<UnknownParent>,
}

/// `inputs` are sorted by id, each once.
pub(super) fn circuits(
    project: &Project,
    inputs: Vec<Input>,
    names: &Names,
    inventory: &mut Inventory,
) {
    // Circuits are large: each is written once, where it stays.
    let (mut circuits, mut rest) = (Vec::new(), Vec::new());
    inputs
        .into_par_iter()
        .map(|input| resolve(project, input, names, inventory))
        .unzip_into_vecs(&mut circuits, &mut rest);
    inventory.circuits = circuits;
    let (claimants, odd): (Vec<Vec<Claimant>>, Vec<Option<Box<Odd>>>) = rest.into_iter().unzip();
    for one in odd.into_iter().flatten() {
        inventory.evidence.fuzzy_parents.extend(one.fuzzy);
        inventory.evidence.unknown_parents.extend(one.unknown);
    }
    suggest(inventory);
    shared_devices(&claimants, inventory);
    bad_ids(inventory);
    addresses::assign(project, claimants, inventory);
    inventory.circuits.par_iter_mut().for_each(|circuit| {
        if circuit.omitted.is_none() && circuit.devices.is_empty() {
            circuit.omitted = Some(OmitReason::NoAddress);
        }
        if circuit.omitted.is_none() {
            (circuit.max, circuit.min) = rates::rates(project, circuit);
        }
    });
}

/// One circuit record an id, sorted: as `nodes::unique`, on an index, as circuit records are large and many.
pub(super) fn unique_circuits(
    records: Vec<CircuitRecord>,
    duplicates: &mut Vec<DuplicateId>,
) -> Vec<CircuitRecord> {
    // As nearly every source gives them: nothing has to move.
    if records.is_sorted_by(|a, b| a.id < b.id) {
        return records;
    }
    let mut order: Vec<u32> =
        (0..u32::try_from(records.len()).expect("fewer than 2^32 circuits")).collect();
    order.par_sort_by(|&a, &b| {
        let (a, b) = (&records[a as usize], &records[b as usize]);
        a.id.cmp(&b.id).then_with(|| a.cmp(b))
    });
    let mut slots: Vec<Option<CircuitRecord>> = records.into_iter().map(Some).collect();
    let mut kept: Vec<CircuitRecord> = Vec::with_capacity(slots.len());
    let mut open = false;
    for at in order {
        let candidate = slots[at as usize].take().expect("each index stands once");
        let Some(first) = kept.last().filter(|k| k.id == candidate.id) else {
            kept.push(candidate);
            open = false;
            continue;
        };
        let fields = differs(first, &candidate);
        let place = candidate.origin.whole();
        if open {
            let report: &mut DuplicateId = duplicates.last_mut().expect("a report is open");
            report.dropped.push(place);
            report.differs.extend(fields);
            report.differs.sort_unstable();
            report.differs.dedup();
        } else {
            duplicates.push(DuplicateId {
                subject: Subject::new(SubjectKind::Circuit, &first.id, &first.name),
                kept: first.origin.whole(),
                dropped: vec![place],
                differs: fields,
            });
            open = true;
        }
    }
    kept
}

fn differs(a: &CircuitRecord, b: &CircuitRecord) -> Vec<&'static str> {
    let parents = |c: &CircuitRecord| c.attach.iter().map(|r| r.text.clone()).collect::<Vec<_>>();
    let devices = |c: &CircuitRecord| {
        let mut devices: Vec<_> = c
            .devices
            .iter()
            .map(|d| {
                let mut values: Vec<_> = d.claims.iter().map(|claim| claim.value.clone()).collect();
                values.sort_unstable();
                (d.id.clone(), d.name.clone(), d.mac.clone(), values)
            })
            .collect();
        devices.sort_unstable();
        devices
    };
    let mut fields = Vec::new();
    let mut note = |differs: bool, field| {
        if differs {
            fields.push(field);
        }
    };
    note(a.name != b.name, "name");
    note(parents(a) != parents(b), "parent");
    note(a.plan != b.plan, "plan");
    note(
        (a.burst, a.burst_bytes) != (b.burst, b.burst_bytes),
        "burst",
    );
    note(a.commit != b.commit, "commit");
    note(a.state != b.state, "state");
    note(a.leaf != b.leaf, "sqm");
    note(devices(a) != devices(b), "devices");
    note(a.comment != b.comment, "comment");
    note(a.position != b.position, "position");
    fields.sort_unstable();
    fields
}

fn resolve(
    project: &Project,
    input: Input,
    names: &Names,
    inventory: &Inventory,
) -> (Circuit, (Vec<Claimant>, Option<Box<Odd>>)) {
    let Input {
        record,
        attach_origin,
        excluded,
        extra,
    } = input;
    let attach_origin = attach_origin.unwrap_or(record.origin);
    let subject = || Subject::new(SubjectKind::Circuit, &record.id, &record.name);
    let mut attach: Option<NodeIx> = None;
    let mut fuzzy = None;
    let mut missed: Vec<(&NodeRef, Option<NodeIx>)> = Vec::new();
    let mut candidates = record.attach.iter();
    for wanted in candidates.by_ref() {
        match names.find(&wanted.text, wanted.by) {
            Found::Exact(ix) => {
                attach = Some(ix);
                break;
            }
            Found::Folded(ix) => {
                fuzzy = Some(FuzzyParent {
                    subject: subject(),
                    place: attach_origin.at(wanted.route.clone()),
                    wanted: wanted.text.clone(),
                    used: inventory[ix].subject(),
                });
                attach = Some(ix);
                break;
            }
            Found::No(_) => missed.push((wanted, None)),
        }
    }
    // A name that stands beside the id that was used: of another node, or of none, one of the two is out of date.
    if let Some(used) = attach {
        let node = &inventory[used];
        for wanted in candidates.filter(|w| w.by == RefBy::Name && w.text != node.name) {
            match names.find(&wanted.text, wanted.by) {
                Found::Exact(ix) | Found::Folded(ix) if ix == used => {}
                Found::Exact(ix) => missed.push((wanted, Some(ix))),
                Found::No(None) => missed.push((wanted, None)),
                // Read in another way than written, or said of several nodes: too little to go by.
                Found::Folded(_) | Found::No(Some(_)) => {}
            }
        }
    }
    let unknown: Vec<UnknownParent> = missed
        .into_iter()
        .map(|(wanted, names)| UnknownParent {
            subject: subject(),
            place: attach_origin.at(wanted.route.clone()),
            wanted: wanted.clone(),
            nearest: None,
            used_instead: attach.map(|ix| inventory[ix].subject()),
            names: names.map(|ix| inventory[ix].subject()),
        })
        .collect();
    let plan = rates::plan(project, record.plan);
    let omitted = if excluded {
        Some(OmitReason::Excluded)
    } else if record.state == ServiceState::Suspended
        && project.suspended.policy == SuspendedPolicy::Drop
    {
        Some(OmitReason::Suspended)
    } else if plan.down.is_none() || plan.up.is_none() {
        Some(OmitReason::NoPlan)
    } else {
        None
    };
    let odd = (fuzzy.is_some() || !unknown.is_empty()).then(|| Box::new(Odd { fuzzy, unknown }));
    let claimants = devices(record.devices, extra, &record.name);
    let circuit = Circuit {
        id: record.id,
        name: record.name,
        attach,
        plan,
        source_plan: record.plan.map(|p| p.filter(|k| k.0 != 0)),
        burst: record.burst,
        burst_bytes: record.burst_bytes,
        commit: record.commit,
        state: record.state,
        leaf: record.leaf,
        comment: record.comment,
        devices: Vec::new(),
        max: crate::units::Pair::ZERO,
        min: crate::units::Pair::ZERO,
        omitted,
        position: record.position,
        origin: record.origin,
        plan_route: record.plan_route,
        plan_origin: record.plan_origin,
    };
    (circuit, (claimants, odd))
}

/// Devices of a circuit by id; rows of one device are one device.
fn devices(mut records: Vec<DeviceRecord>, extra: Vec<Extra>, name: &str) -> Vec<Claimant> {
    records.sort_unstable();
    let mut claimants: Vec<Claimant> = Vec::with_capacity(records.len());
    for record in records {
        let origin = record.origin;
        let claims = record.claims.into_iter();
        let claims = claims.map(|claim| Claimed { claim, origin });
        match claimants.last_mut() {
            Some(last) if last.device.id == record.id => last.claims.extend(claims),
            _ => claimants.push(Claimant {
                device: Device {
                    id: record.id,
                    name: record.name,
                    mac: record.mac,
                    addresses: Vec::new(),
                    origin: record.origin,
                },
                claims: claims.collect(),
            }),
        }
    }
    for Extra {
        device,
        claims,
        origin,
    } in extra
    {
        let claims = claims.into_iter();
        let claims = claims.map(|claim| Claimed { claim, origin });
        match claimants.binary_search_by(|c| c.device.id.cmp(&device)) {
            Ok(at) => claimants[at].claims.extend(claims),
            Err(at) => claimants.insert(
                at,
                Claimant {
                    device: Device {
                        id: device,
                        name: name.into(),
                        mac: Box::default(),
                        addresses: Vec::new(),
                        origin,
                    },
                    claims: claims.collect(),
                },
            ),
        }
    }
    claimants
}

/// "Did you mean" for unknown parents of circuits, each text looked up once.
fn suggest(inventory: &mut Inventory) {
    let mut texts: Vec<Box<str>> = inventory
        .evidence
        .unknown_parents
        .iter()
        .filter(|u| u.subject.kind == SubjectKind::Circuit)
        .map(|u| u.wanted.text.clone())
        .collect();
    texts.par_sort_unstable();
    texts.dedup();
    texts.truncate(MAX_NEAREST);
    let found: FxHashMap<Box<str>, Option<Subject>> = texts
        .into_par_iter()
        .map(|text| {
            let near = nearest(&inventory.nodes, &text);
            (text, near)
        })
        .collect();
    for unknown in &mut inventory.evidence.unknown_parents {
        if unknown.nearest.is_none() {
            unknown.nearest = found.get(&unknown.wanted.text).cloned().flatten();
        }
    }
}

/// One device id in two circuits (IDN002). Both are used: the device id is a label, the addresses decide.
fn shared_devices(claimants: &[Vec<Claimant>], inventory: &mut Inventory) {
    let mut uses: Vec<(&str, u32, u32)> = claimants
        .iter()
        .enumerate()
        .flat_map(|(c, list)| {
            list.iter()
                .enumerate()
                .map(move |(d, claimant)| (claimant.device.id.as_ref(), c as u32, d as u32))
        })
        .collect();
    uses.par_sort_unstable();
    let mut shared = Vec::new();
    for group in uses.chunk_by(|a, b| a.0 == b.0) {
        if group.len() < 2 {
            continue;
        }
        let (_, c, d) = group[0];
        shared.push(SharedDevice {
            device: claimants[c as usize][d as usize].device.subject(),
            circuits: group
                .iter()
                .map(|&(_, c, d)| {
                    (
                        inventory.circuits[c as usize].subject(),
                        claimants[c as usize][d as usize].device.origin.whole(),
                    )
                })
                .collect(),
        });
    }
    inventory.evidence.shared_devices = shared;
}

/// Ids that the emitted files cannot carry (IDN007): empty, a leading `#` (a comment row for the reader),
/// control characters.
fn bad_ids(inventory: &mut Inventory) {
    for circuit in &inventory.circuits {
        let what = if circuit.id.is_empty() {
            "is empty"
        } else if circuit.id.contains('#') {
            "contains `#`, which starts a comment in ShapedDevices.csv"
        } else if circuit.id.chars().any(char::is_control) {
            "contains a control character"
        } else {
            continue;
        };
        inventory.evidence.bad_ids.push(BadId {
            subject: circuit.subject(),
            place: circuit.origin.whole(),
            what,
        });
    }
}
