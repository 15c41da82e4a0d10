//! Which column of a `ShapedDevices.csv` row is what, for every generation of the file. A column is found by
//! its header and never by habit: one that no header names is absent. Only rows that do not fit the header are
//! read by position, from their number of fields.

use csv::ByteRecord;

/// A column we know. The order is that of the current 16 columns, then the one that is an alias.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Column {
    CircuitId,
    CircuitName,
    DeviceId,
    DeviceName,
    ParentNode,
    ParentNodeId,
    AnchorNodeId,
    Mac,
    Ipv4,
    Ipv6,
    DownMin,
    UpMin,
    DownMax,
    UpMax,
    Comment,
    Sqm,
    RadiusUsername,
}

const COUNT: usize = 17;

/// The columns in order of [`Column`], each with its spellings: the current one, then the older and the
/// snake-case ones. Matching folds them, so a spelling is here only to be shown as the file has it.
const SPELLINGS: [(Column, &[&str]); COUNT] = [
    (Column::CircuitId, &["Circuit ID", "circuit_id"]),
    (Column::CircuitName, &["Circuit Name", "circuit_name"]),
    (Column::DeviceId, &["Device ID", "device_id"]),
    (Column::DeviceName, &["Device Name", "device_name"]),
    (Column::ParentNode, &["Parent Node", "parent_node"]),
    (Column::ParentNodeId, &["Parent Node ID", "parent_node_id"]),
    (
        Column::AnchorNodeId,
        &["Anchor Node ID", "anchor_node_id", "id"],
    ),
    (Column::Mac, &["MAC", "mac"]),
    (Column::Ipv4, &["IPv4", "ipv4"]),
    (Column::Ipv6, &["IPv6", "ipv6"]),
    (
        Column::DownMin,
        &["Download Min Mbps", "Download Min", "download_min_mbps"],
    ),
    (
        Column::UpMin,
        &["Upload Min Mbps", "Upload Min", "upload_min_mbps"],
    ),
    (
        Column::DownMax,
        &["Download Max Mbps", "Download Max", "download_max_mbps"],
    ),
    (
        Column::UpMax,
        &["Upload Max Mbps", "Upload Max", "upload_max_mbps"],
    ),
    (Column::Comment, &["Comment", "comment"]),
    (Column::Sqm, &["sqm"]),
    (
        Column::RadiusUsername,
        &["RADIUS Username", "radius_username", "username"],
    ),
];

/// Where each column is in a row, and what its header says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Columns {
    at: [Option<usize>; COUNT],
    routes: [&'static str; COUNT],
    /// Fields of a row.
    pub width: usize,
}

/// A header row, read.
pub struct Header {
    pub columns: Columns,
    /// How many of its columns we know.
    pub known: usize,
    /// Columns it names more than once; the first one is used.
    pub repeated: Vec<&'static str>,
}

impl Columns {
    pub fn header(row: &ByteRecord) -> Header {
        let mut header = Header {
            columns: Columns::none(row.len()),
            known: 0,
            repeated: Vec::new(),
        };
        for (position, field) in row.iter().enumerate() {
            let folded = fold(field);
            let Some((column, spellings)) = SPELLINGS
                .iter()
                .find(|(_, spellings)| spellings.iter().any(|s| fold(s.as_bytes()) == folded))
            else {
                continue;
            };
            let slot = *column as usize;
            if header.columns.at[slot].is_some() {
                header.repeated.push(header.columns.routes[slot]);
                continue;
            }
            header.known += 1;
            header.columns.at[slot] = Some(position);
            let written = field.trim_ascii();
            if let Some(route) = spellings.iter().find(|s| s.as_bytes() == written) {
                header.columns.routes[slot] = route;
            }
        }
        header
    }

    /// The layout of the generation whose rows have so many fields.
    pub fn by_width(width: usize) -> Option<Columns> {
        let mut columns = Columns::none(width);
        let without_ids = matches!(width, 13 | 14);
        let with_sqm = match width {
            13 | 15 => false,
            14 | 16 => true,
            _ => return None,
        };
        let mut position = 0;
        for (column, _) in SPELLINGS {
            let there = match column {
                Column::ParentNodeId | Column::AnchorNodeId => !without_ids,
                Column::Sqm => with_sqm,
                Column::RadiusUsername => false,
                _ => true,
            };
            if there {
                columns.at[column as usize] = Some(position);
                position += 1;
            }
        }
        Some(columns)
    }

    fn none(width: usize) -> Columns {
        Columns {
            at: [None; COUNT],
            routes: SPELLINGS.map(|(_, spellings)| spellings[0]),
            width,
        }
    }

    pub fn has(&self, column: Column) -> bool {
        self.at[column as usize].is_some()
    }

    /// What the header calls the column.
    pub fn route(&self, column: Column) -> &'static str {
        self.routes[column as usize]
    }

    /// The raw field, without blanks around it; empty when the row has no such column.
    pub fn field<'a>(&self, row: &'a ByteRecord, column: Column) -> &'a [u8] {
        self.at[column as usize]
            .and_then(|position| row.get(position))
            .unwrap_or_default()
            .trim_ascii()
    }

    /// Whether a row of fewer fields only lacks columns at its end that may be empty.
    pub fn may_end_at(&self, width: usize) -> bool {
        self.at.iter().zip(SPELLINGS).all(|(at, (column, _))| {
            at.is_none_or(|position| position < width)
                || matches!(
                    column,
                    Column::Comment | Column::Sqm | Column::RadiusUsername
                )
        })
    }
}

/// How LibreQoS compares headers: letters and digits only, lower case. `downloadmin` is `downloadminmbps`.
fn fold(text: &[u8]) -> Vec<u8> {
    let folded: Vec<u8> = text
        .iter()
        .filter(|b| b.is_ascii_alphanumeric())
        .map(u8::to_ascii_lowercase)
        .collect();
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers of every generation, with what a row of as many fields as the header holds.
    const GENERATIONS: [&str; 7] = [
        "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment",
        "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment,sqm",
        "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment",
        "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment,sqm",
        "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,IPv4,IPv6,Download Min,Upload Min,Download Max,Upload Max,Comment",
        "circuit_id,circuit_name,device_id,device_name,parent_node,parent_node_id,anchor_node_id,mac,ipv4,ipv6,download_min_mbps,upload_min_mbps,download_max_mbps,upload_max_mbps,comment,sqm",
        "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,RADIUS Username,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment,sqm",
    ];

    fn record(line: &str) -> ByteRecord {
        ByteRecord::from(line.split(',').collect::<Vec<_>>())
    }

    #[test]
    fn every_header_generation_is_known_whole_and_by_its_own_words() {
        for line in GENERATIONS {
            let row = record(line);
            let header = Columns::header(&row);
            assert_eq!(header.known, row.len(), "{line}");
            assert!(header.repeated.is_empty());
            for (column, _) in SPELLINGS {
                if header.columns.has(column) {
                    let route = header.columns.route(column);
                    assert_eq!(header.columns.field(&row, column), route.as_bytes());
                }
            }
        }
    }

    #[test]
    fn a_layout_by_width_is_that_of_its_generation() {
        for line in &GENERATIONS[..4] {
            let row = record(line);
            let by_header = Columns::header(&row).columns;
            assert_eq!(Columns::by_width(row.len()), Some(by_header), "{line}");
        }
        assert_eq!(Columns::by_width(12), None);
        assert_eq!(Columns::by_width(17), None);
    }

    #[test]
    fn a_column_no_header_names_is_absent() {
        let header = Columns::header(&record(
            "  circuit-id ,Notes,IPV4,Upload Max (Mbps),id,username,ipv4",
        ));
        assert_eq!(header.known, 5);
        assert_eq!(header.repeated, ["IPv4"]);
        let row = record("1,x,10.0.0.1,5,node,pppoe,other");
        let get = |column| header.columns.field(&row, column);
        assert_eq!(get(Column::CircuitId), b"1");
        assert_eq!(get(Column::Mac), b"");
        assert_eq!(get(Column::RadiusUsername), b"pppoe");
        assert_eq!(get(Column::AnchorNodeId), b"node");
        assert_eq!(get(Column::Ipv4), b"10.0.0.1");
        assert_eq!(get(Column::UpMax), b"5");
    }
}
