//! What is odd about one record, on its way into the evidence. Shared by the sources; knows no field names.

use std::borrow::Cow;

use crate::ir::records::{DirtyText, OddField, Origin, SourceEvidence, Subject, SubjectKind};
use crate::sources::json::field::Read;
use crate::sources::text::clean;

/// Notes about one record: where it stands, what it is about, and the evidence they go to. The subject is only
/// built when there is something to note.
pub struct Notes<'e> {
    pub evidence: &'e mut SourceEvidence,
    pub origin: Origin,
    pub kind: SubjectKind,
    pub id: Box<str>,
    pub name: Box<str>,
}

impl Notes<'_> {
    pub fn subject(&self) -> Subject {
        Subject {
            kind: self.kind,
            id: self.id.clone(),
            name: self.name.clone(),
        }
    }

    /// A field of the record was left out or read in another way than written.
    pub fn odd(&mut self, route: impl Into<Cow<'static, str>>, what: impl Into<String>) {
        self.note(route.into(), what.into(), false);
    }

    /// The same for a field the record needs.
    pub fn poor(&mut self, route: impl Into<Cow<'static, str>>, what: impl Into<String>) {
        self.note(route.into(), what.into(), true);
    }

    fn note(&mut self, route: Cow<'static, str>, what: String, required: bool) {
        let odd = OddField {
            place: self.origin.at(route),
            subject: self.subject(),
            what,
            required,
        };
        self.evidence.odd_fields.push(odd);
    }

    /// The value of a field, with a note when it is odd.
    pub fn take<T>(&mut self, route: impl Into<Cow<'static, str>>, read: Read<T>) -> Option<T> {
        match read {
            Read::Missing => None,
            Read::Is(value) => Some(value),
            Read::Odd(value, what) => {
                self.odd(route, what);
                Some(value)
            }
            Read::Not(what) => {
                self.odd(route, what);
                None
            }
        }
    }

    /// The same for a field the record needs: unreadable means that the record is the poorer for it.
    pub fn need<T>(&mut self, route: impl Into<Cow<'static, str>>, read: Read<T>) -> Option<T> {
        if let Read::Not(what) = read {
            self.poor(route, what);
            return None;
        }
        self.take(route, read)
    }

    /// A name, cleaned; empty when there is none.
    pub fn name(&mut self, route: &'static str, read: Read<Cow<'_, str>>) -> Box<str> {
        let Some(text) = self.take(route, read) else {
            return Box::default();
        };
        let (name, dirt) = clean(&text);
        if let Some(what) = dirt {
            let dirty = DirtyText {
                place: self.origin.at(route),
                subject: Subject::new(self.kind, &self.id, &name),
                what,
            };
            self.evidence.dirty_text.push(dirty);
        }
        name.into()
    }
}
