//! Where single fields come from: what each source says, which one counts, and the overrides that stand above. Things
//! that one source knows and nobody overrides have no entries: their record says it all.

use std::borrow::Cow;

use weir_schemas::common::Pair;
use weir_schemas::provenance::{self, Field, Joined};
use weir_schemas::why::{Override, Record, Stated, Value};

use super::{Files, Locate};

/// A thing of the provenance, as far as fields go.
#[derive(Clone, Copy)]
pub(super) struct Thing<'a> {
    pub record: provenance::Record,
    pub joined: &'a [Joined<'static>],
    pub fields: &'a [Field<'static>],
}

impl Thing<'_> {
    /// The override of a field, by its key in `overrides.toml`.
    pub fn overridden(&self, key: &str) -> Option<&provenance::Overridden<'static>> {
        self.fields
            .iter()
            .filter(|field| field.field == key)
            .find_map(|field| field.overridden.as_ref())
    }

    /// The rate that stood there before the first override of a field.
    pub fn before(&self, key: &str) -> Option<Pair<Option<u64>>> {
        self.fields
            .iter()
            .find(|field| field.field == key && field.overridden.is_some())?
            .kbps
    }
}

impl Files {
    /// The records of all sources that know it, but for the one it is read from anyway.
    pub(super) fn joined_records<'a>(
        &'a self,
        thing: Thing<'a>,
        locate: &Locate<'_>,
    ) -> Vec<Record<'a>> {
        let others = thing
            .joined
            .iter()
            .filter(|joined| joined.record != thing.record);
        others
            .map(|joined| {
                let record = self.record("", joined.record, locate);
                let of = match &joined.by {
                    Some(by) => format!("joined by {by}"),
                    None => "joined".to_owned(),
                };
                Record {
                    of: Cow::Owned(of),
                    ..record
                }
            })
            .collect()
    }

    pub(super) fn values<'a>(&'a self, thing: Thing<'a>, locate: &Locate<'_>) -> Vec<Value<'a>> {
        let mut values: Vec<Value<'a>> = Vec::new();
        for field in thing.fields {
            let name = merged_as(&field.field);
            let at = match values.iter().position(|v| merged_as(&v.field) == name) {
                Some(at) => at,
                None => {
                    values.push(Value {
                        field: field.field.clone(),
                        value: None,
                        stated: Vec::new(),
                        overridden: Vec::new(),
                    });
                    values.len() - 1
                }
            };
            let value = &mut values[at];
            match &field.overridden {
                Some(over) => {
                    let replaced = field.value.clone().unwrap_or(Cow::Borrowed("none"));
                    if value.stated.is_empty() {
                        value.stated.push(Stated {
                            source: None,
                            value: Some(replaced.clone()),
                            chosen: true,
                            record: self.record(RECORD, thing.record, locate),
                        });
                    }
                    value.value = Some(over.value.clone());
                    value.overridden.push(Override {
                        value: over.value.clone(),
                        replaced,
                        reason: over.reason.clone(),
                        owner: over.owner.clone(),
                        expires: over.expires.clone(),
                        record: self.record("override", over.record, locate),
                    });
                }
                None => {
                    value.value = field.value.clone();
                    value.stated = self.stated(thing, field, locate);
                }
            }
        }
        values.sort_by(|a, b| a.field.cmp(&b.field));
        values
    }

    fn stated<'a>(
        &'a self,
        thing: Thing<'a>,
        field: &'a Field<'static>,
        locate: &Locate<'_>,
    ) -> Vec<Stated<'a>> {
        let source = field.source.as_deref();
        let own = thing
            .joined
            .iter()
            .find(|joined| Some(joined.source.as_ref()) == source)
            .map_or(thing.record, |joined| joined.record);
        let chosen = Stated {
            source: field.source.clone(),
            value: field.value.clone(),
            chosen: true,
            record: self.record(RECORD, own, locate),
        };
        let others = field.rejected.iter().map(|other| Stated {
            source: Some(other.source.clone()),
            value: Some(other.value.clone()),
            chosen: false,
            record: self.record(RECORD, other.record, locate),
        });
        std::iter::once(chosen).chain(others).collect()
    }
}

const RECORD: &str = "record";

/// Overrides speak of single rates and in Mbit/s, sources are merged by what is sold together.
fn merged_as(field: &str) -> &str {
    match field {
        "plan_mbps" | "plan" => "rates",
        "capacity_mbps" => "capacity",
        "commit_mbps" => "commit",
        "addresses_add" | "addresses_remove" => "addresses",
        other => other,
    }
}
