//! Odd fields of a source, put together field by field: one wrong record is a typo, one per cent of them is a
//! changed schema.

use std::collections::BTreeMap;

use crate::ir::records::{OddField, SourceEvidence};
use crate::lint::rule::Stages;

/// As many in one collection are no accident.
const TYPOS: usize = 3;

pub(super) struct Field<'a> {
    /// "devices", "ShapedDevices"
    pub collection: &'a str,
    /// Route with list positions as `*`.
    pub route: String,
    /// In order of place.
    pub odd: Vec<&'a OddField>,
    /// Records of the collection, as far as that is known.
    pub total: usize,
    required: bool,
}

impl Field<'_> {
    /// Required, and missing or unusable in more than one per cent of the records: in three at least, or in all.
    pub fn is_drift(&self) -> bool {
        let n = self.odd.len();
        self.required && n * 100 > self.total && (n >= TYPOS || n >= self.total) && self.total > 0
    }
}

/// By source, collection and field.
pub(super) fn fields<'a>(stages: &Stages<'a>) -> Vec<Field<'a>> {
    let mut all = Vec::new();
    for evidence in stages.sources {
        let mut groups: BTreeMap<(&str, String, bool), Vec<&OddField>> = BTreeMap::new();
        for odd in &evidence.odd_fields {
            let key = (
                collection(stages, odd),
                pattern(&odd.place.route),
                odd.required,
            );
            groups.entry(key).or_default().push(odd);
        }
        for ((collection, route, required), mut odd) in groups {
            odd.sort();
            let total = records(stages, evidence, collection, odd[0]);
            all.push(Field {
                collection,
                route,
                odd,
                total,
                required,
            });
        }
    }
    all
}

fn collection<'a>(stages: &Stages<'a>, odd: &OddField) -> &'a str {
    let path: &'a str = &stages.files.file(odd.place.origin.file).path;
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split('.').next().unwrap_or(name)
}

/// `/ipAddress/3` as `/ipAddress/*`.
fn pattern(route: &str) -> String {
    let segment = |s: &str| match !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit()) {
        true => "*".to_owned(),
        false => s.to_owned(),
    };
    route.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// How many records of this collection were read. A file may hold several collections; then the kind of the
/// record says which.
fn records(
    stages: &Stages<'_>,
    evidence: &SourceEvidence,
    collection: &str,
    odd: &OddField,
) -> usize {
    let file = stages.path(&odd.place).rsplit('/').next().unwrap_or("");
    let kind = format!("{}s", odd.subject.kind.word());
    let read = |wanted: &dyn Fn(&str) -> bool| -> u64 {
        evidence
            .read
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(_, n)| n)
            .sum()
    };
    let total = match read(&|name| name == collection || name == file) {
        0 => match read(&|name| name == kind) {
            0 => read(&|_| true),
            n => n,
        },
        n => n,
    };
    usize::try_from(total).unwrap_or(usize::MAX)
}
