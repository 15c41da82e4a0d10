//! Several sources, one network: which records are one real thing and by which key, whose value was chosen field by
//! field, and what was not chosen. Plain data, made by `normalize::merge` and read by the rules and `provenance.json`.

use crate::ir::field::{Field, FieldValue};
use crate::ir::records::{Origin, Place, Subject};

/// What says that two records are one thing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum JoinKey {
    /// The same id.
    Id,
    /// A device with the same hardware address.
    Mac,
    /// The same prefix.
    Address,
    /// The same display name, case and blanks aside. The last resort.
    Name,
}

impl JoinKey {
    /// From the one that is trusted most.
    pub const ALL: [JoinKey; 4] = [JoinKey::Id, JoinKey::Mac, JoinKey::Address, JoinKey::Name];

    pub fn word(self) -> &'static str {
        match self {
            JoinKey::Id => "id",
            JoinKey::Mac => "mac",
            JoinKey::Address => "address",
            JoinKey::Name => "name",
        }
    }
}

/// A record, by its source and its id there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Member {
    /// Index into `Project::sources`, so the most trusted first.
    pub source: usize,
    pub id: Box<str>,
    pub origin: Origin,
    /// What joined it to the members before it; `None` for the first.
    pub by: Option<JoinKey>,
}

/// One thing that several sources know.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Joined {
    pub subject: Subject,
    /// In order of trust; the thing has the id of the first.
    pub members: Vec<Member>,
    /// Whose value each field has, for every field that a member states; sorted.
    pub chosen: Vec<(Field, usize)>,
    /// Fields on which members disagree; sorted.
    pub disagreements: Vec<Disagreement>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Disagreement {
    pub field: Field,
    pub chosen: Stated,
    /// In order of trust.
    pub rejected: Vec<Stated>,
}

/// What one source says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stated {
    pub source: usize,
    pub value: FieldValue,
    pub place: Place,
}

/// Records of several sources that one key joins, but not one to one. They stay apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ambiguous {
    pub key: JoinKey,
    /// A value that several of them share.
    pub value: Box<str>,
    /// (source, record), sorted; at least three.
    pub candidates: Vec<(usize, Subject, Place)>,
}

/// A record that no other source knows, where one should.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Unmatched {
    pub source: usize,
    pub subject: Subject,
    pub place: Place,
}

/// An id that another thing of another source has too. The thing is used under `id`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Renamed {
    pub source: usize,
    pub was: Box<str>,
    pub id: Box<str>,
    pub place: Place,
}

#[derive(Clone, Default, Debug)]
pub struct MergeEvidence {
    /// Sorted by subject.
    pub joined: Vec<Joined>,
    pub ambiguous: Vec<Ambiguous>,
    pub unmatched: Vec<Unmatched>,
    pub renamed: Vec<Renamed>,
}

impl MergeEvidence {
    pub fn sort(&mut self) {
        self.joined.sort();
        self.ambiguous.sort();
        self.unmatched.sort();
        self.renamed.sort();
    }

    /// The members of a thing, when there are several.
    pub fn of(&self, subject: &Subject) -> Option<&Joined> {
        let wanted = (subject.kind, &*subject.id);
        self.joined
            .binary_search_by(|j| (j.subject.kind, &*j.subject.id).cmp(&wanted))
            .ok()
            .map(|at| &self.joined[at])
    }
}
