//! The `table` source: any CSV or JSON file of subscribers, and one of nodes, whose columns the project says the
//! meaning of (`[source.table]`). For systems nobody wrote a reader for.
//!
//! Ids stay as written. Rows of one service are one circuit with several devices ([`rows`]). A rate is read in the
//! unit the project states, as number or as text; a rate of 0 or blank is no plan. Words of a state are compared in
//! any letters; a word that is neither suspended nor ended is active.

mod cells;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::config::project::{Source, Table, TableFile, TableNodes};
use crate::exports::Export;
use crate::ir::address::{Claim, Form};
use crate::ir::position::Position;
use crate::ir::records::{
    MissingCollection, NodeKind, NodeRecord, NodeRef, OddField, Origin, Records, RefBy,
    ServiceState, SourceEvidence, Subject, SubjectKind, UnreadableFile,
};
use crate::source_map::SourceMap;
use crate::sources::json::field::shorten;
use crate::sources::position::{self, Axis};
use crate::sources::rows::{self, Row, derived_device};
use crate::sources::table::cells::{Cell, Cells};
use crate::sources::{text, values};
use crate::units::{Kbps, Pair, parse_rate};

const ROWS: &str = "table";
const NODES: &str = "table nodes";

pub fn lower(source: &Source, export: &Export, files: &SourceMap) -> Records {
    let mut records = Records::default();
    let Some(table) = &source.table else {
        return records;
    };
    let evidence = &mut records.evidence;
    let reader = Reader {
        source,
        export,
        files,
    };
    if let Some(nodes) = &table.nodes {
        let columns = nodes.columns();
        let drafts = reader.read(&nodes.rows, &columns, NODES, evidence, |cells, evidence| {
            node(nodes, cells, evidence).map(Some)
        });
        records.nodes = settle(nodes, drafts);
    }
    let ids: BTreeSet<&str> = records.nodes.iter().map(|node| &*node.id).collect();
    let columns = table.columns();
    let mut rows = reader.read(&table.rows, &columns, ROWS, evidence, |cells, evidence| {
        row(table, cells, evidence)
    });
    for attach in rows.iter_mut().flat_map(|row| &mut row.attach) {
        if ids.contains(&*attach.text) {
            attach.by = RefBy::Id;
        }
    }
    records.circuits = rows::group(rows, &mut records.evidence);
    records
}

struct Reader<'a> {
    source: &'a Source,
    export: &'a Export,
    files: &'a SourceMap,
}

impl Reader<'_> {
    fn read<T>(
        &self,
        layout: &TableFile,
        columns: &[&str],
        collection: &'static str,
        evidence: &mut SourceEvidence,
        row: impl FnMut(&Cells<'_>, &mut SourceEvidence) -> Result<Option<T>, String>,
    ) -> Vec<T> {
        let Some(file) = self.export.collection(&layout.file).next() else {
            evidence.missing.push(MissingCollection {
                source: self.source.name.as_str().into(),
                collection,
                optional: false,
                consequence: "nothing of it is known",
            });
            return Vec::new();
        };
        let bytes = self.files.file(file).bytes.whole();
        cells::read(file, bytes, layout, columns, collection, evidence, row).unwrap_or_else(
            |broken| {
                let origin = Origin {
                    file,
                    start: broken.at as u64,
                    len: 0,
                };
                evidence.unreadable.push(UnreadableFile {
                    place: origin.whole(),
                    mandatory: true,
                    message: broken.message,
                });
                Vec::new()
            },
        )
    }
}

impl Table {
    fn columns(&self) -> Vec<&str> {
        let optional = [
            &self.name,
            &self.device,
            &self.device_name,
            &self.mac,
            &self.parent,
            &self.state,
            &self.comment,
            &self.commit[0],
            &self.commit[1],
        ];
        let given = optional.into_iter().flatten();
        let given = given.chain(self.position.iter().flatten());
        let needed = self.addresses.iter().chain(&self.plan);
        let all = std::iter::once(&self.circuit).chain(needed).chain(given);
        all.map(String::as_str).collect()
    }
}

impl TableNodes {
    fn columns(&self) -> Vec<&str> {
        let [down, up] = &self.capacity;
        let given = [&self.name, &self.parent, &self.kind, down, up];
        let given = given.into_iter().flatten();
        let given = given.chain(self.position.iter().flatten());
        let all = std::iter::once(&self.id).chain(given);
        all.map(String::as_str).collect()
    }
}

/// A row being read, and who speaks in its findings.
struct Reading<'c, 'e> {
    cells: &'c Cells<'c>,
    subject: Subject,
    unit: (u64, u64),
    evidence: &'e mut SourceEvidence,
}

impl Reading<'_, '_> {
    fn odd(&mut self, column: &str, required: bool, what: String) {
        self.evidence.odd_fields.push(OddField {
            place: self.cells.origin().at(self.cells.route(column)),
            subject: self.subject.clone(),
            what,
            required,
        });
    }

    /// Text of a column, clean; empty when there is none.
    fn text(&mut self, column: Option<&String>) -> Box<str> {
        let Some(column) = column else {
            return Box::default();
        };
        let found = match self.cells.get(column) {
            Cell::Empty => return Box::default(),
            Cell::Text(text) => text.into_owned(),
            Cell::Broken(text) => {
                self.odd(
                    column,
                    false,
                    "holds bytes that are not text; they became replacement characters".into(),
                );
                text.into_owned()
            }
            Cell::List(_) => {
                self.odd(
                    column,
                    false,
                    "is a list where text belongs; left out".into(),
                );
                return Box::default();
            }
            Cell::Not(kind) => {
                self.odd(
                    column,
                    false,
                    format!("is {} where text belongs; left out", kind.word()),
                );
                return Box::default();
            }
        };
        let (clean, dirt) = text::clean(&found);
        if let Some(dirt) = dirt {
            self.odd(column, false, format!("{dirt}; it was cleaned"));
        }
        clean.into()
    }

    fn rate(&mut self, column: Option<&String>, required: bool) -> Option<Kbps> {
        let column = column?;
        let text = self.text(Some(column));
        if text.is_empty() {
            return None;
        }
        match parse_rate(&text, self.unit) {
            Ok(rate) => rate.known(),
            Err(bad) => {
                let what = format!(
                    "is \"{}\", which {}; left out",
                    shorten(&text),
                    bad.reason()
                );
                self.odd(column, required, what);
                None
            }
        }
    }

    fn position(&mut self, columns: Option<&[String; 2]>) -> Option<Position> {
        let [north, east] = columns?;
        let (latitude, longitude) = (self.text(Some(north)), self.text(Some(east)));
        match position::parse(&latitude, &longitude) {
            Ok(position) => position,
            Err((axis, what)) => {
                let column = match axis {
                    Axis::Latitude => north,
                    Axis::Longitude => east,
                };
                self.odd(column, false, format!("{what}; left out"));
                None
            }
        }
    }

    fn claims(&mut self, columns: &[String]) -> Vec<Claim> {
        let mut claims = Vec::new();
        for column in columns {
            let route: Cow<'static, str> = self.cells.route(column);
            match self.cells.get(column) {
                Cell::Empty => {}
                Cell::Text(text) | Cell::Broken(text) => {
                    values::claims_of(&text, route.clone(), Form::Prefix, &mut claims);
                }
                Cell::List(items) => {
                    for (index, item) in items.into_iter().enumerate() {
                        if values::is_blank(item) {
                            continue;
                        }
                        let route = Cow::Owned(format!("{route}/{index}"));
                        match cells::item(item) {
                            Some(text) => {
                                values::claims_of(&text, route, Form::Prefix, &mut claims);
                            }
                            None => self.odd(
                                column,
                                false,
                                "holds something that is no address; left out".into(),
                            ),
                        }
                    }
                }
                Cell::Not(kind) => {
                    self.odd(
                        column,
                        true,
                        format!("is {} where addresses belong; left out", kind.word()),
                    );
                }
            }
        }
        claims
    }
}

fn row(
    table: &Table,
    cells: &Cells<'_>,
    evidence: &mut SourceEvidence,
) -> Result<Option<Row>, String> {
    let mut reading = Reading {
        cells,
        subject: Subject::new(SubjectKind::Circuit, "", ""),
        unit: table.rows.unit,
        evidence,
    };
    let circuit = reading.text(Some(&table.circuit));
    if circuit.is_empty() {
        return Err(format!("has no `{}`, the id of the service", table.circuit));
    }
    reading.subject.id = circuit.clone();
    reading.subject.name = circuit.clone();
    let circuit_name = reading.text(table.name.as_ref());
    if !circuit_name.is_empty() {
        reading.subject.name = circuit_name.clone();
    }
    let state = reading.text(table.state.as_ref()).to_lowercase();
    if table.ended.contains(&state) {
        let claims = reading.claims(&table.addresses);
        let left: Vec<_> = (claims.iter())
            .filter(|claim| claim.value.prefix().is_some())
            .map(|claim| claim.value.text())
            .collect();
        if let (Some(column), false) = (&table.state, left.is_empty()) {
            let what = format!(
                "says that the service is over, which still has {}: where no other circuit has it, its traffic passes unshaped",
                left.join(", ")
            );
            reading.odd(column, false, what);
        }
        return Ok(None);
    }
    let given = reading.text(table.mac.as_ref());
    let mac: Box<str> = match (text::mac(&given), &table.mac) {
        (Some(mac), _) => mac.into(),
        (None, Some(column)) if !given.is_empty() => {
            let what = format!("is not a hardware address: \"{}\"", shorten(&given));
            reading.odd(column, false, what);
            given
        }
        _ => given,
    };
    let claims = reading.claims(&table.addresses);
    let mut device_name = reading.text(table.device_name.as_ref());
    if device_name.is_empty() {
        device_name = reading.subject.name.clone();
    }
    let mut device = reading.text(table.device.as_ref());
    if device.is_empty() {
        device = derived_device("table", &circuit, &device_name, &mac, &claims);
    }
    let parent = reading.text(table.parent.as_ref());
    let plan = Pair::new(
        reading.rate(Some(&table.plan[0]), true),
        reading.rate(Some(&table.plan[1]), true),
    );
    let commit = Pair::new(
        reading.rate(table.commit[0].as_ref(), false),
        reading.rate(table.commit[1].as_ref(), false),
    );
    let route = table.parent.as_ref().map(|column| cells.route(column));
    Ok(Some(Row {
        circuit_name,
        device,
        device_name,
        attach: (!parent.is_empty())
            .then(|| NodeRef {
                text: parent,
                by: if table.parent_by_id {
                    RefBy::Id
                } else {
                    RefBy::Name
                },
                route: route.unwrap_or_default(),
            })
            .into_iter()
            .collect(),
        plan,
        burst: Pair::ZERO,
        commit: commit.map(Option::unwrap_or_default),
        state: if table.suspended.contains(&state) {
            ServiceState::Suspended
        } else {
            ServiceState::Active
        },
        leaf: Pair::default(),
        mac,
        claims,
        comment: reading.text(table.comment.as_ref()),
        position: reading.position(table.position.as_ref()),
        origin: cells.origin(),
        plan_route: Pair::both(""),
        plan_origin: None,
        circuit,
    }))
}

/// A node whose parent is not resolved yet.
struct Draft {
    node: NodeRecord,
    parent: Box<str>,
    /// The row says what it is.
    kind: Option<NodeKind>,
}

fn node(
    table: &TableNodes,
    cells: &Cells<'_>,
    evidence: &mut SourceEvidence,
) -> Result<Draft, String> {
    let mut reading = Reading {
        cells,
        subject: Subject::new(SubjectKind::Node, "", ""),
        unit: table.rows.unit,
        evidence,
    };
    let id = reading.text(Some(&table.id));
    if id.is_empty() {
        return Err(format!("has no `{}`, the id of the node", table.id));
    }
    reading.subject.id = id.clone();
    reading.subject.name = id.clone();
    let mut name = reading.text(table.name.as_ref());
    if name.is_empty() {
        name = id.clone();
    }
    reading.subject.name = name.clone();
    let word = reading.text(table.kind.as_ref()).to_lowercase();
    let kind = match word.as_str() {
        "" => None,
        word if table.site.iter().any(|site| site == word) => Some(NodeKind::Site),
        word if table.ap.iter().any(|ap| ap == word) => Some(NodeKind::Ap),
        _ => Some(NodeKind::Other),
    };
    let capacity = Pair::new(
        reading.rate(table.capacity[0].as_ref(), false),
        reading.rate(table.capacity[1].as_ref(), false),
    );
    let parent = reading.text(table.parent.as_ref());
    let position = reading.position(table.position.as_ref());
    Ok(Draft {
        node: NodeRecord {
            id,
            name,
            kind: NodeKind::Other,
            parent: None,
            capacity,
            is_virtual: false,
            gateway: parent.is_empty(),
            position,
            origin: cells.origin(),
        },
        parent,
        kind,
    })
}

/// Parents by id, else by a name that one node has; kinds where no row says one.
fn settle(table: &TableNodes, drafts: Vec<Draft>) -> Vec<NodeRecord> {
    let ids: BTreeSet<Box<str>> = drafts.iter().map(|draft| draft.node.id.clone()).collect();
    let mut names: BTreeMap<Box<str>, BTreeSet<Box<str>>> = BTreeMap::new();
    for draft in &drafts {
        let called = names.entry(draft.node.name.clone()).or_default();
        called.insert(draft.node.id.clone());
    }
    let resolved: Vec<Option<NodeRef>> = (drafts.iter())
        .map(|draft| {
            let column = table.parent.clone().unwrap_or_default();
            let by_name = names.get(&draft.parent).filter(|called| called.len() == 1);
            let (text, by) = match by_name.and_then(BTreeSet::first) {
                _ if draft.parent.is_empty() => return None,
                _ if ids.contains(&draft.parent) => (draft.parent.clone(), RefBy::Id),
                Some(id) => (id.clone(), RefBy::Id),
                None => (draft.parent.clone(), RefBy::Name),
            };
            Some(NodeRef {
                text,
                by,
                route: column.into(),
            })
        })
        .collect();
    let parents: BTreeSet<Box<str>> = (resolved.iter().flatten())
        .map(|parent| parent.text.clone())
        .collect();
    drafts
        .into_iter()
        .zip(resolved)
        .map(|(draft, parent)| NodeRecord {
            kind: draft.kind.unwrap_or(if parents.contains(&draft.node.id) {
                NodeKind::Site
            } else {
                NodeKind::Ap
            }),
            parent,
            ..draft.node
        })
        .collect()
}
