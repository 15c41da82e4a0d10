//! Field by field, which of several records of one thing is believed, and who said otherwise.

use crate::config::project::Merge;
use crate::ir::field::{Field, FieldValue};
use crate::ir::merge::{Disagreement, Stated};
use crate::ir::records::Place;
use crate::normalize::nodes::fold;

/// What one record says about a field.
pub(super) struct Says<V> {
    pub source: usize,
    pub value: V,
    /// For comparing and showing.
    pub shown: FieldValue,
    pub place: Place,
}

/// The choices of one thing.
#[derive(Default)]
pub(super) struct Choices {
    /// In the order they were made.
    pub chosen: Vec<(Field, usize)>,
    pub disagreements: Vec<Disagreement>,
}

impl Choices {
    /// The one of `said` whose source is asked first. `None` when nobody says anything.
    pub fn pick<V>(&mut self, merge: &Merge, field: Field, said: Vec<Says<V>>) -> Option<V> {
        self.pick_by(merge, field, said, |_| 0)
    }

    /// As [`Choices::pick`], of those with the smallest rank.
    pub fn pick_by<V>(
        &mut self,
        merge: &Merge,
        field: Field,
        mut said: Vec<Says<V>>,
        rank: impl Fn(&V) -> u8,
    ) -> Option<V> {
        let order = merge.order(field);
        let asked = |source: usize| match order {
            Some(order) => order.iter().position(|s| *s == source).unwrap_or(source),
            None => source,
        };
        said.sort_by_key(|s| (rank(&s.value), asked(s.source)));
        let mut said = said.into_iter();
        let first = said.next()?;
        self.chosen.push((field, first.source));
        let mut rejected: Vec<Stated> = said
            .filter(|other| !same(&other.shown, &first.shown))
            .map(stated)
            .collect();
        if !rejected.is_empty() {
            rejected.sort();
            self.disagreements.push(Disagreement {
                field,
                chosen: Stated {
                    source: first.source,
                    value: first.shown,
                    place: first.place,
                },
                rejected,
            });
        }
        Some(first.value)
    }

    pub fn sorted(mut self) -> Self {
        self.chosen.sort_unstable();
        self.disagreements.sort();
        self
    }
}

/// Case and blanks of a text are no disagreement.
fn same(a: &FieldValue, b: &FieldValue) -> bool {
    match (a, b) {
        (FieldValue::Text(a), FieldValue::Text(b)) => fold(a) == fold(b),
        (a, b) => a == b,
    }
}

fn stated<V>(says: Says<V>) -> Stated {
    Stated {
        source: says.source,
        value: says.shown,
        place: says.place,
    }
}
