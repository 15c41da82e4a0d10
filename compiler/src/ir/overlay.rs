//! What operators' overrides did: field by field the value before and after, and every override that did nothing and
//! why. Plain data, made by `normalize::overlay` and read by the rules and `provenance.json`.

use crate::ir::field::{Field, FieldValue};
use crate::ir::records::{Place, Subject, SubjectKind};

/// A change that was made.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Applied {
    pub subject: Subject,
    pub field: Field,
    /// Index into `Overrides::entries`.
    pub entry: usize,
    /// What the sources say.
    pub from: FieldValue,
    pub from_place: Place,
    pub to: FieldValue,
    /// What the sources said when the override was written, if it is another value than now.
    pub stale: Option<FieldValue>,
}

/// A change that was not made.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Unapplied {
    pub entry: usize,
    /// `None`: the whole entry.
    pub field: Option<Field>,
    pub why: Why,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Why {
    /// Its last day is over.
    Expired,
    /// Nothing has the id; the nearest thing of the kind, when one is near.
    NoSuchId { nearest: Option<Subject> },
    /// It names a device that the circuit does not have.
    NoSuchDevice { nearest: Option<Box<str>> },
    /// It names a parent that does not exist, or a name that several nodes share.
    NoSuchParent {
        wanted: Box<str>,
        nearest: Option<Subject>,
    },
    /// A node cannot be its own parent.
    OwnParent,
    /// The circuit is not shaped, or suspended and slowed down: it has no rates to override.
    NoRates,
}

#[derive(Clone, Default, Debug)]
pub struct OverlayEvidence {
    /// Sorted by (subject, field).
    pub applied: Vec<Applied>,
    /// Sorted by entry.
    pub unapplied: Vec<Unapplied>,
}

impl OverlayEvidence {
    /// The changes of one thing.
    pub fn of(&self, subject: &Subject) -> impl Iterator<Item = &Applied> + use<'_> {
        fn key(s: &Subject) -> (SubjectKind, &str) {
            (s.kind, &s.id)
        }
        let start = self
            .applied
            .partition_point(|a| key(&a.subject) < key(subject));
        let rest = &self.applied[start..];
        let end = rest.partition_point(|a| key(&a.subject) == key(subject));
        rest[..end].iter()
    }
}
