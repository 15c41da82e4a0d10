//! Several sources, one network. Records that are one real thing are found (`join`), and of each field the value of
//! the source that is asked first for it is taken (`choose`); everything that was not taken is kept as evidence.
//! A project with one source passes through unchanged.
//!
//! References mean the things of their own source first: a parent called "Hill" is that source's Hill, whatever it is
//! called after the merge.

mod choose;
mod circuits;
mod join;
mod links;
mod nodes;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::config::project::Project;
use crate::ir::merge::{Ambiguous, JoinKey, Joined, Member, MergeEvidence, Renamed};
use crate::ir::records::{
    CircuitRecord, LinkRecord, NodeRecord, NodeRef, Origin, RefBy, Subject, SubjectKind,
};
use crate::normalize::merge::choose::Choices;
use crate::normalize::merge::circuits::prefixes;
use crate::normalize::merge::join::{At, Keyed, Thing};
use crate::normalize::nodes::fold;

pub(super) use self::circuits::circuits;
pub(super) use self::links::links;
pub(super) use self::nodes::nodes;

/// A kind of record that can be joined.
trait Mergeable: Keyed + Clone + Sync {
    const KIND: SubjectKind;
    fn id(&self) -> &str;
    fn set_id(&mut self, id: Box<str>);
    fn name(&self) -> &str;
    fn origin(&self) -> Origin;
}

macro_rules! mergeable {
    ($record:ty, $kind:expr, $name:ident) => {
        impl Mergeable for $record {
            const KIND: SubjectKind = $kind;
            fn id(&self) -> &str {
                &self.id
            }
            fn set_id(&mut self, id: Box<str>) {
                self.id = id;
            }
            fn name(&self) -> &str {
                &self.$name
            }
            fn origin(&self) -> Origin {
                self.origin
            }
        }
    };
}

mergeable!(NodeRecord, SubjectKind::Node, name);

mergeable!(LinkRecord, SubjectKind::Link, id);

mergeable!(CircuitRecord, SubjectKind::Circuit, name);

impl Keyed for NodeRecord {
    fn values(&self, key: JoinKey, out: &mut Vec<String>) {
        match key {
            JoinKey::Id => out.push(self.id.to_string()),
            JoinKey::Name => out.push(fold(&self.name)),
            JoinKey::Mac | JoinKey::Address => {}
        }
    }
}

impl Keyed for LinkRecord {
    fn values(&self, key: JoinKey, out: &mut Vec<String>) {
        if key == JoinKey::Id {
            out.push(self.id.to_string());
        }
    }
}

impl Keyed for CircuitRecord {
    fn values(&self, key: JoinKey, out: &mut Vec<String>) {
        match key {
            JoinKey::Id => out.push(self.id.to_string()),
            JoinKey::Mac => out.extend(self.devices.iter().filter_map(|d| mac(&d.mac))),
            JoinKey::Address => out.extend(prefixes(self).iter().map(ToString::to_string)),
            JoinKey::Name => out.push(fold(&self.name)),
        }
    }
}

/// Twelve hexadecimal digits, however they are written. Not all alike: those are nobody's.
fn mac(text: &str) -> Option<String> {
    let digits: String = text
        .chars()
        .filter(char::is_ascii_hexdigit)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let others = text
        .chars()
        .any(|c| !c.is_ascii_hexdigit() && !":-. ".contains(c));
    let first = digits.chars().next()?;
    (digits.len() == 12 && !others && digits.chars().any(|c| c != first)).then_some(digits)
}

/// What joining one kind of record gave: things, with the id of each, and where every record went.
struct Plan {
    things: Vec<Thing>,
    /// By thing.
    ids: Vec<Box<str>>,
    /// By source and record: its thing.
    of: Vec<Vec<usize>>,
}

/// Joins, gives every thing an id that no other has, and notes what is odd.
fn plan<T: Mergeable>(
    project: &Project,
    keys: &[JoinKey],
    sources: &[Vec<T>],
    evidence: &mut MergeEvidence,
) -> Plan {
    let (things, torn) = join::join(keys, sources);
    let record = |(s, r): At| &sources[s][r];
    let subject = |record: &T| Subject::new(T::KIND, record.id(), record.name());
    evidence.ambiguous.extend(torn.into_iter().map(|torn| {
        let mut candidates: Vec<_> = torn
            .candidates
            .iter()
            .map(|at| (at.0, subject(record(*at)), record(*at).origin().whole()))
            .collect();
        candidates.sort();
        Ambiguous {
            key: torn.key,
            value: torn.value.into(),
            candidates,
        }
    }));
    let mut of: Vec<Vec<usize>> = sources.iter().map(|s| vec![0; s.len()]).collect();
    let mut taken: FxHashSet<Box<str>> = FxHashSet::default();
    let mut ids = Vec::with_capacity(things.len());
    // In order of (source, id), so the more trusted source keeps an id that two have.
    for (t, thing) in things.iter().enumerate() {
        for ((s, r), _) in &thing.members {
            of[*s][*r] = t;
        }
        let (source, _) = thing.members[0].0;
        let first = record(thing.members[0].0);
        let mut id: Box<str> = first.id().into();
        while !taken.insert(id.clone()) {
            id = format!("{}:{id}", project.sources[source].name).into();
        }
        if *id != *first.id() {
            evidence.renamed.push(Renamed {
                source,
                was: first.id().into(),
                id: id.clone(),
                place: first.origin().whole(),
            });
        }
        ids.push(id);
    }
    Plan { things, ids, of }
}

/// The evidence of a thing that several sources know.
fn joined<T: Mergeable>(
    sources: &[Vec<T>],
    thing: &Thing,
    subject: Subject,
    choices: Choices,
) -> Joined {
    let choices = choices.sorted();
    Joined {
        subject,
        members: thing
            .members
            .iter()
            .map(|((s, r), by)| Member {
                source: *s,
                id: sources[*s][*r].id().into(),
                origin: sources[*s][*r].origin(),
                by: *by,
            })
            .collect(),
        chosen: choices.chosen,
        disagreements: choices.disagreements,
    }
}

/// How references of each source find the things that their records became.
pub(super) struct Aliases {
    /// By source: id there to id here.
    ids: Vec<FxHashMap<Box<str>, Box<str>>>,
    /// By source: name there that one record has, to id here.
    names: Vec<FxHashMap<Box<str>, Option<Box<str>>>>,
}

impl Aliases {
    fn of(sources: &[Vec<NodeRecord>], plan: &Plan) -> Self {
        let mut ids = vec![FxHashMap::default(); sources.len()];
        let mut names = vec![FxHashMap::default(); sources.len()];
        for (s, records) in sources.iter().enumerate() {
            for (r, record) in records.iter().enumerate() {
                let here = &plan.ids[plan.of[s][r]];
                ids[s].insert(record.id.clone(), here.clone());
                names[s]
                    .entry(record.name.clone())
                    .and_modify(|seen| *seen = None)
                    .or_insert_with(|| Some(here.clone()));
            }
        }
        Aliases { ids, names }
    }

    fn id(&self, source: usize, text: &mut Box<str>) {
        if let Some(here) = self.ids.get(source).and_then(|ids| ids.get(text)) {
            text.clone_from(here);
        }
    }

    fn reference(&self, source: usize, wanted: &mut NodeRef) {
        match wanted.by {
            RefBy::Id => self.id(source, &mut wanted.text),
            RefBy::Name => {
                let names = self.names.get(source);
                if let Some(Some(here)) = names.and_then(|names| names.get(&wanted.text)) {
                    wanted.text.clone_from(here);
                    wanted.by = RefBy::Id;
                }
            }
        }
    }
}
