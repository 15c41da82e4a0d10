//! What is different between two recordings of a source, record by record.

use std::collections::BTreeMap;

use crate::collection::Collection;
use crate::crm::Crm;
use crate::{Recording, rows};

/// One collection of two recordings.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Difference {
    pub collection: String,
    /// Records of each.
    pub records: [u64; 2],
    /// Ids of records that only the second has, sorted.
    pub added: Vec<String>,
    /// Ids of records that only the first has.
    pub removed: Vec<String>,
    /// Ids of records that are not the same in both.
    pub changed: Vec<String>,
}

impl Difference {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// Differences by collection, sorted by name; collections that are the same are in it, empty.
pub fn diff(crm: &Crm, before: &Recording, after: &Recording) -> Vec<Difference> {
    let mut all: BTreeMap<String, [BTreeMap<String, Vec<String>>; 2]> = BTreeMap::new();
    for (side, recording) in [before, after].into_iter().enumerate() {
        for (file, (_, bytes)) in recording.export.files.iter().zip(&recording.files) {
            let Some(collection) = crm.collection(&file.collection) else {
                continue;
            };
            let sides = all.entry(file.collection.clone()).or_default();
            for (id, record) in records(collection, bytes) {
                sides[side].entry(id).or_default().push(record);
            }
        }
    }
    all.into_iter()
        .map(|(collection, [mut before, mut after])| {
            let count =
                |side: &BTreeMap<String, Vec<String>>| side.values().map(|r| r.len() as u64).sum();
            let records = [count(&before), count(&after)];
            // Two records of one id are the same in any order.
            before
                .values_mut()
                .chain(after.values_mut())
                .for_each(|records| records.sort());
            let only = |a: &BTreeMap<String, Vec<String>>, b: &BTreeMap<String, Vec<String>>| {
                a.keys()
                    .filter(|id| !b.contains_key(*id))
                    .cloned()
                    .collect()
            };
            let changed = before
                .iter()
                .filter(|(id, records)| after.get(*id).is_some_and(|r| r != *records));
            Difference {
                collection,
                records,
                added: only(&after, &before),
                removed: only(&before, &after),
                changed: changed.map(|(id, _)| id.clone()).collect(),
            }
        })
        .collect()
}

/// Records with their ids; one without is known by its place.
fn records(collection: &Collection, bytes: &[u8]) -> Vec<(String, String)> {
    if collection.rows.is_empty() && collection.id.is_empty() {
        let text = String::from_utf8_lossy(bytes).into_owned();
        return vec![("all of it".to_owned(), text)];
    }
    let found = rows::records(bytes, collection.rows).unwrap_or_default();
    found
        .into_iter()
        .enumerate()
        .map(|(ix, record)| {
            let id = rows::value(record, collection.id);
            (
                id.unwrap_or_else(|| format!("record {}", ix + 1)),
                record.to_owned(),
            )
        })
        .collect()
}
