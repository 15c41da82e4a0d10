//! A file that was edited by hand, against the one that was built: which edits an override can say, and which it cannot.
//!
//! Cells are compared, not lines: a spreadsheet may have quoted, sorted and ended them otherwise. Numbers are compared as
//! rates and addresses as sets. It does not know whether a build takes what is found; whoever asks tries.

use std::collections::{BTreeMap, BTreeSet};

use csv::{ByteRecord, ReaderBuilder};
use ipnet::IpNet;
use serde::Deserialize;

use crate::ir::field::{Field, FieldValue};
use crate::ir::records::{LeafKind, SubjectKind};
use crate::sources::libreqos::columns::{Column, Columns};
use crate::units::{Kbps, MBPS, Pair, parse_rate};

/// What an override would set.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key {
    pub kind: SubjectKind,
    pub id: String,
    /// For addresses: whose.
    pub device: Option<String>,
    pub field: Field,
}

/// An edit that no override says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    pub what: String,
    pub help: String,
}

/// What was edited.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Edits {
    pub sets: BTreeMap<Key, FieldValue>,
    pub left: Vec<Left>,
}

impl Edits {
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty() && self.left.is_empty()
    }

    fn left(&mut self, what: String, help: impl Into<String>) {
        self.left.push(Left {
            what,
            help: help.into(),
        });
    }
}

/// Rows of a `ShapedDevices.csv` by circuit and device.
struct Sheet {
    columns: Columns,
    rows: BTreeMap<(String, String), ByteRecord>,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

impl Sheet {
    fn read(bytes: &[u8]) -> Result<Sheet, String> {
        let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .from_reader(bytes);
        let mut records = reader.byte_records();
        let header = match records.next() {
            Some(Ok(header)) => Columns::header(&header),
            _ => return Err("it has no header".to_owned()),
        };
        let needed = [Column::CircuitId, Column::DeviceId, Column::DownMax];
        if let Some(column) = needed.into_iter().find(|c| !header.columns.has(*c)) {
            return Err(format!(
                "it has no column \"{}\"",
                header.columns.route(column)
            ));
        }
        let columns = header.columns;
        let mut rows = BTreeMap::new();
        for (number, record) in (2..).zip(records) {
            let record = record.map_err(|error| format!("row {number}: {error}"))?;
            if record.iter().all(|field| field.trim_ascii().is_empty()) {
                continue;
            }
            let id = |column| String::from_utf8_lossy(columns.field(&record, column)).into_owned();
            let key = (id(Column::CircuitId), id(Column::DeviceId));
            if rows.insert(key.clone(), record).is_some() {
                return Err(format!(
                    "row {number}: circuit {} and device {} stand in two rows",
                    key.0, key.1
                ));
            }
        }
        Ok(Sheet { columns, rows })
    }

    fn text(&self, row: &ByteRecord, column: Column) -> String {
        String::from_utf8_lossy(self.columns.field(row, column)).into_owned()
    }

    /// Addresses of both families, each once.
    fn addresses(&self, row: &ByteRecord) -> BTreeSet<String> {
        [Column::Ipv4, Column::Ipv6]
            .into_iter()
            .flat_map(|column| {
                let text = self.text(row, column);
                let list: Vec<String> = text
                    .trim_matches(['[', ']'])
                    .split([',', ';'])
                    .map(|a| a.trim().to_owned())
                    .filter(|a| !a.is_empty())
                    .collect();
                list
            })
            .collect()
    }
}

/// Each address as it is counted: that of a host is the same with and without the length of its prefix.
fn counted(addresses: &BTreeSet<String>) -> BTreeSet<String> {
    let hosts = |text: &String| match text.parse::<IpNet>() {
        Ok(net) if net.prefix_len() == net.max_prefix_len() => net.addr().to_string(),
        _ => text.clone(),
    };
    addresses.iter().map(hosts).collect()
}

fn rate(text: &str) -> Option<Kbps> {
    parse_rate(text.trim(), MBPS).ok()
}

fn leaf(text: &str) -> Option<FieldValue> {
    const LEAVES: [LeafKind; 3] = [LeafKind::Cake, LeafKind::FqCodel, LeafKind::None];
    let side = |word: &str| match word.trim() {
        "" => Some(None),
        word => LEAVES.into_iter().find(|l| l.word() == word).map(Some),
    };
    let (down, up) = text.split_once('/').unwrap_or((text, text));
    Some(FieldValue::Leaf(Pair::new(side(down)?, side(up)?)))
}

/// Columns that belong to the circuit, not to one of its devices.
const OF_CIRCUIT: [(Field, &[Column]); 5] = [
    (Field::Name, &[Column::CircuitName]),
    (Field::Parent, &[Column::ParentNode, Column::ParentNodeId]),
    (Field::Min, &[Column::DownMin, Column::UpMin]),
    (Field::Max, &[Column::DownMax, Column::UpMax]),
    (Field::Qdisc, &[Column::Sqm]),
];

/// Columns that nothing but the source says.
const OF_SOURCE: [Column; 4] = [
    Column::DeviceName,
    Column::Mac,
    Column::AnchorNodeId,
    Column::Comment,
];

/// Edits of a `ShapedDevices.csv`, against the one of the artifact.
pub fn shaped_devices(own: &[u8], edited: &[u8]) -> Result<Edits, String> {
    let own = Sheet::read(own).map_err(|e| format!("the file of the artifact: {e}"))?;
    let edited = Sheet::read(edited)?;
    let mut edits = Edits::default();
    let circuits = |sheet: &Sheet| -> BTreeSet<String> {
        sheet
            .rows
            .keys()
            .map(|(circuit, _)| circuit.clone())
            .collect()
    };
    let (before, after) = (circuits(&own), circuits(&edited));
    for (circuit, device) in own.rows.keys() {
        let is_gone = !edited.rows.contains_key(&(circuit.clone(), device.clone()));
        if is_gone && after.contains(circuit) {
            edits.left(
                format!("device \"{device}\" of circuit \"{circuit}\" was deleted"),
                format!(
                    "take its addresses away: weir override add circuit {circuit} --device {device} --set addresses= --reason WHY"
                ),
            );
        }
    }
    for circuit in before.difference(&after) {
        edits.left(
            format!("circuit \"{circuit}\" was deleted"),
            format!(
                "to leave it unshaped: weir override add circuit {circuit} --set exclude=true --reason WHY"
            ),
        );
    }
    for (circuit, device) in edited.rows.keys() {
        if !own.rows.contains_key(&(circuit.clone(), device.clone())) {
            edits.left(
                format!("device \"{device}\" of circuit \"{circuit}\" was added"),
                "an override changes what a source says; add it to the CRM, or to a source of kind `table` beside it",
            );
        }
    }
    for (key, row) in &edited.rows {
        if let Some(was) = own.rows.get(key) {
            device_edits(&own, was, &edited, row, key, &mut edits);
        }
    }
    for circuit in before.intersection(&after) {
        circuit_edits(&own, &edited, circuit, &mut edits);
    }
    Ok(edits)
}

fn device_edits(
    own: &Sheet,
    was: &ByteRecord,
    edited: &Sheet,
    row: &ByteRecord,
    (circuit, device): &(String, String),
    edits: &mut Edits,
) {
    let addresses = edited.addresses(row);
    if edited.columns.has(Column::Ipv4) && counted(&addresses) != counted(&own.addresses(was)) {
        let list = addresses.iter().map(|a| a.as_str().into()).collect();
        edits.sets.insert(
            Key {
                kind: SubjectKind::Circuit,
                id: circuit.clone(),
                device: Some(device.clone()),
                field: Field::Addresses,
            },
            FieldValue::Addresses(list),
        );
    }
    for column in OF_SOURCE {
        let (before, now) = (own.text(was, column), edited.text(row, column));
        if edited.columns.has(column) && own.columns.has(column) && before != now {
            edits.left(
                format!(
                    "\"{}\" of device \"{device}\" of circuit \"{circuit}\" was changed from \"{before}\" to \"{now}\"",
                    edited.columns.route(column)
                ),
                "no override says that; change it where it comes from",
            );
        }
    }
}

fn circuit_edits(own: &Sheet, edited: &Sheet, circuit: &str, edits: &mut Edits) {
    let rows = |sheet: &'_ Sheet| {
        let from = (circuit.to_owned(), String::new());
        let rows = sheet.rows.range(from..);
        let rows = rows.take_while(|((of, _), _)| of == circuit);
        rows.map(|(key, row)| (key.1.clone(), row.clone()))
            .collect::<Vec<_>>()
    };
    let (before, after) = (rows(own), rows(edited));
    for (field, columns) in OF_CIRCUIT {
        // A file of an older generation lacks columns: what one of them does not say is no difference.
        let columns: Vec<Column> = columns
            .iter()
            .copied()
            .filter(|column| edited.columns.has(*column) && own.columns.has(*column))
            .collect();
        if columns.is_empty() {
            continue;
        }
        let cells = |sheet: &Sheet, row: &ByteRecord| -> Vec<String> {
            columns
                .iter()
                .map(|column| sheet.text(row, *column))
                .collect()
        };
        let differs = |device: &str, now: &[String]| {
            let was = before
                .iter()
                .find(|(of, _)| of == device)
                .map(|(_, row)| cells(own, row));
            was.is_some_and(|was| !same(field, &was, now))
        };
        let changed: Vec<(bool, Vec<String>)> = after
            .iter()
            .map(|(device, row)| {
                let now = cells(edited, row);
                (differs(device, &now), now)
            })
            .collect();
        if !changed.iter().any(|(is, _)| *is) {
            continue;
        }
        let name = edited.columns.route(columns[0]);
        let first = &changed[0].1;
        if changed.iter().any(|(_, now)| !same(field, first, now)) {
            edits.left(
                format!("\"{name}\" of circuit \"{circuit}\" is not the same in all of its rows"),
                "one circuit has one value: write it into every row",
            );
            continue;
        }
        let was = before
            .first()
            .map(|(_, row)| cells(own, row))
            .unwrap_or_default();
        match value(field, &was, first) {
            Ok(value) => {
                let key = Key {
                    kind: SubjectKind::Circuit,
                    id: circuit.to_owned(),
                    device: None,
                    field,
                };
                edits.sets.insert(key, value);
            }
            Err(why) => edits.left(
                format!(
                    "\"{name}\" of circuit \"{circuit}\" was changed to \"{}\"",
                    first.join("/")
                ),
                why,
            ),
        }
    }
}

/// The same value, however it is written. Of a parent its name counts: the id beside it follows from it.
fn same(field: Field, a: &[String], b: &[String]) -> bool {
    match field {
        Field::Min | Field::Max => a
            .iter()
            .zip(b)
            .all(|(a, b)| a == b || (rate(a).is_some() && rate(a) == rate(b))),
        Field::Qdisc => a == b || (leaf(&a[0]).is_some() && leaf(&a[0]) == leaf(&b[0])),
        _ => a == b,
    }
}

fn value(field: Field, was: &[String], now: &[String]) -> Result<FieldValue, String> {
    let text = |text: &String| FieldValue::Text(text.as_str().into());
    match field {
        Field::Name if now[0].is_empty() => Err("a circuit needs a name".to_owned()),
        Field::Name => Ok(text(&now[0])),
        // Whoever writes an id means it; who writes a name leaves the id that was there.
        Field::Parent => match (now.get(1), was.get(1)) {
            (Some(id), was) if !id.is_empty() && Some(id) != was => Ok(text(id)),
            _ if now[0].is_empty() => Err(
                "without a parent it has nothing to hang on; write the name of another node"
                    .to_owned(),
            ),
            _ => Ok(text(&now[0])),
        },
        Field::Min | Field::Max => {
            let [down, up] = [0, 1].map(|at| now.get(at).and_then(|text| rate(text)));
            match (down, up) {
                (Some(down), Some(up)) => Ok(FieldValue::Rates(Pair::new(
                    Kbps::known(down),
                    Kbps::known(up),
                ))),
                _ => Err("write rates in Mbit/s".to_owned()),
            }
        }
        Field::Qdisc => leaf(&now[0]).ok_or_else(|| {
            "write cake, fq_codel, none, or two of them with a slash between".to_owned()
        }),
        _ => Err("no override says that".to_owned()),
    }
}

/// A node as `network.json` has it, with what we read of it.
#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "downloadBandwidthMbps", default)]
    down: Option<serde_json::Number>,
    #[serde(rename = "uploadBandwidthMbps", default)]
    up: Option<serde_json::Number>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    children: BTreeMap<String, Raw>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Node {
    name: String,
    /// `None` at the top.
    parent: Option<String>,
    kind: String,
    /// As they are written.
    rates: [String; 2],
}

/// Nodes by id; one that has none is known by its name.
fn nodes(bytes: &[u8]) -> Result<BTreeMap<String, Node>, String> {
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let roots: BTreeMap<String, Raw> = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let mut found = BTreeMap::new();
    let mut open: Vec<(String, Raw, Option<String>)> = roots
        .into_iter()
        .map(|(name, raw)| (name, raw, None))
        .collect();
    while let Some((name, raw, parent)) = open.pop() {
        let id = raw
            .id
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| name.clone());
        let text = |rate: Option<serde_json::Number>| rate.map_or(String::new(), |r| r.to_string());
        let node = Node {
            name,
            parent,
            kind: raw.kind.unwrap_or_default(),
            rates: [text(raw.down), text(raw.up)],
        };
        for (child, raw) in raw.children {
            open.push((child, raw, Some(id.clone())));
        }
        if found.insert(id.clone(), node).is_some() {
            return Err(format!("node \"{id}\" stands there twice"));
        }
    }
    Ok(found)
}

/// Gives nodes without an id that of the one node of their name in the other file: files of LibreQoS need no ids.
fn give_ids(nodes: &mut BTreeMap<String, Node>, other: &BTreeMap<String, Node>) {
    let mut ids: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (id, node) in other.iter().filter(|(id, node)| **id != node.name) {
        let of_name = ids.entry(node.name.clone());
        // Two of one name: nobody knows which is meant.
        of_name
            .and_modify(|id| *id = None)
            .or_insert(Some(id.clone()));
    }
    let known = |name: &String| ids.get(name).cloned().flatten();
    let renamed = std::mem::take(nodes).into_iter().map(|(key, mut node)| {
        let has_no_id = key == node.name && !other.contains_key(&key);
        let id = known(&key).filter(|_| has_no_id);
        if let Some(parent) = &node.parent
            && !other.contains_key(parent)
        {
            node.parent = known(parent).or(node.parent);
        }
        (id.unwrap_or(key), node)
    });
    *nodes = renamed.collect();
}

/// Edits of a `network.json`, against the one of the artifact.
pub fn network(own: &[u8], edited: &[u8]) -> Result<Edits, String> {
    let mut own = nodes(own).map_err(|e| format!("the file of the artifact: {e}"))?;
    let mut edited = nodes(edited)?;
    give_ids(&mut own, &edited);
    give_ids(&mut edited, &own);
    let mut edits = Edits::default();
    for (id, was) in &own {
        if !edited.contains_key(id) {
            edits.left(
                format!("node \"{}\" was deleted", was.name),
                format!(
                    "to hang what is below it on the next node above: weir override add node {id} --set exclude=true --reason WHY"
                ),
            );
        }
    }
    for (id, node) in &edited {
        let Some(was) = own.get(id) else {
            edits.left(
                format!("node \"{}\" was added", node.name),
                "an override changes what a source says; add it to the CRM, or to a source of kind `inventory` beside it",
            );
            continue;
        };
        let mut set = |field, value| {
            let key = Key {
                kind: SubjectKind::Node,
                id: id.clone(),
                device: None,
                field,
            };
            edits.sets.insert(key, value);
        };
        if node.name != was.name {
            set(Field::Name, FieldValue::Text(node.name.as_str().into()));
        }
        let rates = |node: &Node| node.rates.each_ref().map(|text| rate(text));
        let (before, now) = (rates(was), rates(node));
        match now {
            [Some(down), Some(up)] if before != now => set(
                Field::Capacity,
                FieldValue::Rates(Pair::new(Kbps::known(down), Kbps::known(up))),
            ),
            _ => {}
        }
        let is_known = |parent: &String| own.contains_key(parent);
        match &node.parent {
            Some(parent) if node.parent != was.parent && is_known(parent) => {
                set(Field::Parent, FieldValue::Text(parent.as_str().into()));
            }
            None if was.parent.is_some() => edits.left(
                format!("node \"{}\" was moved to the top", node.name),
                format!("promote it: add \"{id}\" to `topology.promote_to_root` in weir.toml"),
            ),
            _ => {}
        }
        if now.iter().any(Option::is_none) {
            edits.left(
                format!("a capacity of node \"{}\" is no rate", node.name),
                "write rates in Mbit/s",
            );
        }
        if !node.kind.eq_ignore_ascii_case(&was.kind) {
            edits.left(
                format!("the type of node \"{}\" was changed from \"{}\" to \"{}\"", node.name, was.kind, node.kind),
                format!("if it is one: weir override add node {id} --set kind=site --reason WHY (root, site, ap or other)"),
            );
        }
    }
    Ok(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,IPv4,IPv6,\
Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment,sqm\n\
c1,Jo,d1,dish,Hill,n1,,,\"100.64.0.1, 100.64.0.2\",,1,1,50,10,,\n\
c2,Al,d2,dish,Hill,n1,,,100.64.0.3,,1,1,50,10,,\n\
c2,Al,d3,dish,Hill,n1,,,100.64.0.4,2001:db8::/56,1,1,50,10,,\n";

    fn sets(edits: &Edits) -> Vec<String> {
        let sets = edits.sets.iter();
        sets.map(|(key, value)| {
            let device = key
                .device
                .as_deref()
                .map_or(String::new(), |d| format!("/{d}"));
            format!(
                "{} {}{device} {} {value}",
                key.kind.word(),
                key.id,
                key.field.key()
            )
        })
        .collect()
    }

    #[test]
    fn a_spreadsheet_that_changed_nothing_is_no_edit() {
        let mut lines: Vec<&str> = OWN.lines().collect();
        lines[1..].reverse();
        let saved = lines
            .join("\r\n")
            .replace("50,10", "50.0,\"10.00\"")
            .replace("100.64.0.1, 100.64.0.2", "100.64.0.2,100.64.0.1");
        let edits = shaped_devices(OWN.as_bytes(), [BOM, saved.as_bytes()].concat().as_slice());
        assert_eq!(edits, Ok(Edits::default()));
    }

    #[test]
    fn each_cell_is_the_field_it_belongs_to() {
        let edited = OWN
            .replace("c1,Jo,d1,dish,Hill,n1", "c1,Jo Doe,d1,dish,Lake,n1")
            .replace(
                "100.64.0.1, 100.64.0.2\",,1,1,50,10,,",
                "100.64.0.9\",,1,1,25.5,5,,cake/none",
            )
            .replace("100.64.0.4,2001:db8::/56,1,1", "100.64.0.4,,2,1")
            .replace("100.64.0.3,,1,1", "100.64.0.3,,2,1");
        let edits = shaped_devices(OWN.as_bytes(), edited.as_bytes()).expect("read");
        assert_eq!(
            sets(&edits),
            [
                "circuit c1 max_mbps 25.5/5 Mbit/s",
                "circuit c1 name Jo Doe",
                "circuit c1 parent Lake",
                "circuit c1 qdisc cake/none",
                "circuit c1/d1 addresses 100.64.0.9",
                "circuit c2 min_mbps 2/1 Mbit/s",
                "circuit c2/d3 addresses 100.64.0.4",
            ]
        );
        assert_eq!(edits.left, []);
    }

    #[test]
    fn what_no_override_says_is_left_with_what_to_do() {
        let edited = OWN
            .replace(
                "c1,Jo,d1,dish,Hill,n1,,,\"100.64.0.1, 100.64.0.2\",,1,1,50,10,,\n",
                "",
            )
            .replace("c2,Al,d2", "c2,Bo,d2")
            .replace("d3,dish", "d3,box")
            + "c9,New,d9,,Hill,n1,,,100.64.0.9,,1,1,50,10,,\n";
        let edits = shaped_devices(OWN.as_bytes(), edited.as_bytes()).expect("read");
        let left: Vec<String> = edits
            .left
            .iter()
            .map(|l| format!("{}: {}", l.what, l.help))
            .collect();
        assert_eq!(sets(&edits), [""; 0]);
        for want in [
            "circuit \"c1\" was deleted: to leave it unshaped: weir override add circuit c1 --set exclude=true",
            "device \"d9\" of circuit \"c9\" was added",
            "\"Device Name\" of device \"d3\" of circuit \"c2\" was changed from \"dish\" to \"box\"",
            "\"Circuit Name\" of circuit \"c2\" is not the same in all of its rows",
        ] {
            assert!(left.iter().any(|l| l.contains(want)), "{want}\n{left:#?}");
        }
        assert_eq!(left.len(), 4);
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        for bad in [
            "",
            "a,b\n1,2\n",
            "Circuit ID,Device ID,Download Max\nc,d,1\nc,d,2\n",
        ] {
            assert!(
                shaped_devices(OWN.as_bytes(), bad.as_bytes()).is_err(),
                "{bad}"
            );
        }
        for bad in ["", "[]", "{\"a\": {\"id\": \"x\"}, \"b\": {\"id\": \"x\"}}"] {
            assert!(network(b"{}", bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn nodes_are_known_by_their_ids() {
        let own = r#"{"Hill": {"downloadBandwidthMbps": 100, "uploadBandwidthMbps": 100, "type": "site", "id": "n1",
            "children": {"AP": {"downloadBandwidthMbps": 50, "uploadBandwidthMbps": 50, "type": "ap", "id": "n2", "children": {}}}},
            "Lake": {"downloadBandwidthMbps": 100, "uploadBandwidthMbps": 100, "type": "site", "id": "n3", "children": {}}}"#;
        let edited = r#"{"Lake": {"downloadBandwidthMbps": 100.0, "uploadBandwidthMbps": 100, "type": "site", "id": "n3",
            "children": {"AP 2": {"downloadBandwidthMbps": 40, "uploadBandwidthMbps": 50, "type": "ap", "id": "n2"}}},
            "New": {"downloadBandwidthMbps": 1, "uploadBandwidthMbps": 1}}"#;
        let edits = network(own.as_bytes(), edited.as_bytes()).expect("read");
        assert_eq!(
            sets(&edits),
            [
                "node n2 capacity_mbps 40/50 Mbit/s",
                "node n2 name AP 2",
                "node n2 parent n3",
            ]
        );
        let left: Vec<&str> = edits.left.iter().map(|l| l.what.as_str()).collect();
        assert_eq!(
            left,
            ["node \"Hill\" was deleted", "node \"New\" was added"]
        );
    }

    #[test]
    fn a_file_without_ids_and_lengths_is_the_same_file() {
        let with_ids = br#"{"Hill": {"id": "n1", "downloadBandwidthMbps": 100, "uploadBandwidthMbps": 50, "type": "site",
            "children": {"Hill-1": {"id": "n2", "downloadBandwidthMbps": 50, "uploadBandwidthMbps": 20, "type": "ap"}}}}"#;
        let without = br#"{"Hill": {"downloadBandwidthMbps": 100, "uploadBandwidthMbps": 50, "type": "Site",
            "children": {"Hill-1": {"downloadBandwidthMbps": 60, "uploadBandwidthMbps": 20, "type": "AP"}}}}"#;
        // Either may be the artifact's, and the one difference is found under the id.
        for (own, edited) in [(&with_ids[..], &without[..]), (without, with_ids)] {
            let edits = network(own, edited).expect("both are read");
            assert_eq!(edits.left, Vec::new());
            let ids: Vec<&str> = edits.sets.keys().map(|key| key.id.as_str()).collect();
            assert_eq!(ids, ["n2"]);
        }
        let lengths = OWN.replace("100.64.0.3,", "100.64.0.3/32,");
        let edits = shaped_devices(OWN.as_bytes(), lengths.as_bytes()).expect("both are read");
        assert_eq!(edits, Edits::default());
    }
}
