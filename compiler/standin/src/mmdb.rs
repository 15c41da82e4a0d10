//! A MaxMind database of a few invented IPv4 networks: enough for a reader to find a country, a place and a network, and
//! nothing more. It knows nothing of who reads it.

/// One network and what is said of it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// First address.
    pub network: [u8; 4],
    /// Bits of the prefix, 1 to 32.
    pub length: u8,
    /// ISO 3166-1, two letters.
    pub country: &'static str,
    /// Longitude and latitude in degrees; `None`: only the country is known.
    pub at: Option<(f64, f64)>,
    /// Number of the autonomous system.
    pub asn: u32,
    /// Whose it is; at most 250 bytes.
    pub organization: &'static str,
}

fn control(out: &mut Vec<u8>, kind: u8, size: usize) {
    let kind_bits = if kind > 7 { 0 } else { kind << 5 };
    match size {
        0..29 => out.push(kind_bits | size as u8),
        _ => out.push(kind_bits | 29),
    }
    if kind > 7 {
        out.push(kind - 7);
    }
    if size >= 29 {
        out.push((size - 29) as u8);
    }
}

fn text(out: &mut Vec<u8>, value: &str) {
    control(out, 2, value.len());
    out.extend(value.bytes());
}

fn double(out: &mut Vec<u8>, value: f64) {
    control(out, 3, 8);
    out.extend(value.to_be_bytes());
}

fn number(out: &mut Vec<u8>, kind: u8, value: u64) {
    let bytes = value.to_be_bytes();
    let bytes = &bytes[bytes.iter().position(|b| *b != 0).unwrap_or(8)..];
    control(out, kind, bytes.len());
    out.extend(bytes);
}

fn record(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::new();
    control(&mut out, 7, 3 + usize::from(entry.at.is_some()));
    text(&mut out, "country");
    control(&mut out, 7, 1);
    text(&mut out, "iso_code");
    text(&mut out, entry.country);
    text(&mut out, "autonomous_system_number");
    number(&mut out, 6, u64::from(entry.asn));
    text(&mut out, "autonomous_system_organization");
    text(&mut out, entry.organization);
    if let Some((lon, lat)) = entry.at {
        text(&mut out, "location");
        control(&mut out, 7, 2);
        text(&mut out, "longitude");
        double(&mut out, lon);
        text(&mut out, "latitude");
        double(&mut out, lat);
    }
    out
}

#[derive(Clone, Copy)]
enum Side {
    Nothing,
    Node(usize),
    Data(usize),
}

/// The bytes of the file. A network inside of another one that comes before it is left out.
pub fn database(entries: &[Entry]) -> Vec<u8> {
    let mut nodes = vec![[Side::Nothing; 2]];
    let mut data = Vec::new();
    for entry in entries {
        let offset = data.len();
        data.extend(record(entry));
        let bits = u32::from_be_bytes(entry.network);
        let mut at = 0;
        for depth in 0..entry.length {
            let bit = (bits >> (31 - depth) & 1) as usize;
            if depth + 1 == entry.length {
                if let Side::Nothing = nodes[at][bit] {
                    nodes[at][bit] = Side::Data(offset);
                }
                break;
            }
            at = match nodes[at][bit] {
                Side::Node(next) => next,
                Side::Data(_) => break,
                Side::Nothing => {
                    nodes.push([Side::Nothing; 2]);
                    nodes[at][bit] = Side::Node(nodes.len() - 1);
                    nodes.len() - 1
                }
            };
        }
    }
    let mut out = Vec::new();
    for node in &nodes {
        for side in node {
            let value = match side {
                Side::Nothing => nodes.len(),
                Side::Node(next) => *next,
                Side::Data(offset) => nodes.len() + 16 + offset,
            };
            out.extend(&(value as u32).to_be_bytes()[1..]);
        }
    }
    out.extend([0; 16]);
    out.extend(data);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    control(&mut out, 7, 9);
    text(&mut out, "binary_format_major_version");
    number(&mut out, 5, 2);
    text(&mut out, "binary_format_minor_version");
    number(&mut out, 5, 0);
    text(&mut out, "build_epoch");
    number(&mut out, 9, 1_790_000_000);
    text(&mut out, "database_type");
    text(&mut out, "Invented-City");
    text(&mut out, "description");
    control(&mut out, 7, 0);
    text(&mut out, "ip_version");
    number(&mut out, 5, 4);
    text(&mut out, "languages");
    control(&mut out, 11, 0);
    text(&mut out, "node_count");
    number(&mut out, 6, nodes.len() as u64);
    text(&mut out, "record_size");
    number(&mut out, 5, 24);
    out
}
