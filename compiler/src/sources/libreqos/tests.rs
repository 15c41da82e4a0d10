use std::path::Path;

use proptest::prelude::*;

use super::{DEVICES, NETWORK, OVERRIDES, devices, lower, network};
use crate::config::project::{Source, SourceKind};
use crate::exports::{Export, ExportFile};
use crate::id::FileId;
use crate::ir::records::{CircuitRecord, NodeKind, NodeRecord, Origin, Records, SourceEvidence};
use crate::source_map::{Format, SourceFile, SourceMap};
use crate::sources::rows;
use crate::units::{Kbps, Pair};

const HEADER_13: &str = "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment";
const HEADER_16: &str = "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment,sqm";

/// Lowers a directory of these files.
fn lowered(contents: &[(&str, &[u8])]) -> Records {
    let mut files = SourceMap::default();
    let mut export = Export {
        source: 0,
        files: Vec::new(),
    };
    for (name, bytes) in contents {
        let file = files.add(SourceFile {
            path: format!("crm/{name}"),
            format: match name.ends_with(".csv") {
                true => Format::Csv,
                false => Format::Json,
            },
            bytes: bytes.to_vec().into(),
            transcoded: None,
            digest: String::new().into(),
        });
        export.files.push(ExportFile {
            collection: (*name).to_owned(),
            page: None,
            file,
        });
    }
    let source = Source {
        name: "crm".to_owned(),
        kind: SourceKind::Libreqos,
        export: None,
        url: None,
        index: 0,
        table: None,
    };
    lower(&source, &export, &files)
}

fn csv(text: &str) -> Records {
    lowered(&[(NETWORK, b"{}"), (DEVICES, text.as_bytes())])
}

/// A file of 16 columns with these rows.
fn rows(rows: &[&str]) -> Records {
    csv(&format!("{HEADER_16}\n{}\n", rows.join("\n")))
}

fn json(text: &str) -> Records {
    let header = format!("{HEADER_16}\n");
    lowered(&[(NETWORK, text.as_bytes()), (DEVICES, header.as_bytes())])
}

fn fixture(path: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `id name down/up min down/up @parents leaf [device ip ip, ...]`
fn circuit(c: &CircuitRecord) -> String {
    let rate = |rate: Option<Kbps>| rate.map_or("?".to_owned(), |r| r.mbps().to_string());
    let leaf = |leaf: Option<crate::ir::records::LeafKind>| leaf.map_or("-", |l| l.word());
    let attach: Vec<&str> = c.attach.iter().map(|node| &*node.text).collect();
    let devices: Vec<String> = c
        .devices
        .iter()
        .map(|device| {
            let mut words = vec![device.id.to_string()];
            words.extend(device.claims.iter().map(|claim| claim.value.text()));
            words.join(" ")
        })
        .collect();
    format!(
        "{} {}/{} min {} @{} {}/{} [{}]",
        c.id,
        rate(c.plan.down),
        rate(c.plan.up),
        c.commit,
        attach.join(">"),
        leaf(c.leaf.down),
        leaf(c.leaf.up),
        devices.join(", ")
    )
}

/// `id name kind down/up <parent flags`
fn node(n: &NodeRecord) -> String {
    let rate = |rate: Option<Kbps>| rate.map_or("?".to_owned(), |r| r.mbps().to_string());
    let mut line = format!(
        "{} {} {} {}/{}",
        n.id,
        n.name,
        n.kind.word(),
        rate(n.capacity.down),
        rate(n.capacity.up)
    );
    if let Some(parent) = &n.parent {
        line += &format!(" <{}", parent.text);
    }
    if n.is_virtual {
        line += " virtual";
    }
    if n.gateway {
        line += " gateway";
    }
    line
}

fn all_circuits(records: &Records) -> Vec<String> {
    records.circuits.iter().map(circuit).collect()
}

fn all_nodes(records: &Records) -> Vec<String> {
    records.nodes.iter().map(node).collect()
}

/// One line each, with `!` where it weighs.
fn evidence(e: &SourceEvidence) -> Vec<String> {
    let mark = |heavy: bool| if heavy { "!" } else { "" };
    let id = |id: &Option<Box<str>>| id.as_deref().unwrap_or("?").to_owned();
    let mut lines = Vec::new();
    for u in &e.unreadable {
        lines.push(format!("unreadable{} {}", mark(u.mandatory), u.message));
    }
    for m in &e.missing {
        lines.push(format!("missing{} {}", mark(!m.optional), m.collection));
    }
    for l in &e.legacy_layouts {
        lines.push(format!("layout {}", l.message));
    }
    for q in &e.quarantined {
        lines.push(format!("aside {} {}", id(&q.id), q.reason));
    }
    for o in &e.odd_fields {
        let route = &o.place.route;
        lines.push(format!(
            "odd{} {} {route}: {}",
            mark(o.required),
            o.subject.id,
            o.what
        ));
    }
    for d in &e.dirty_text {
        lines.push(format!(
            "dirty {} {}: {}",
            d.subject.id, d.place.route, d.what
        ));
    }
    for r in &e.repeats {
        let kind = r.subject.kind.word();
        let how = match r.identical {
            true => "is repeated".to_owned(),
            false => format!("differs in {}", r.differs.join(" ")),
        };
        lines.push(format!("repeat {kind} {} {how}", r.subject.id));
    }
    for d in &e.dangling {
        lines.push(format!(
            "dangling {} {}: no {} {}",
            d.subject.name, d.place.route, d.wanted_kind, d.wanted
        ));
    }
    lines
}

#[test]
fn the_valid_pair_is_read_whole_and_without_a_word() {
    let records = lowered(&[
        (
            NETWORK,
            &fixture("../golden/libreqos-custom/exports/network.json"),
        ),
        (
            DEVICES,
            &fixture("../golden/libreqos-custom/exports/ShapedDevices.csv"),
        ),
    ]);
    assert_eq!(evidence(&records.evidence), [""; 0]);
    assert_eq!(records.evidence.read, [(NETWORK, 16), (DEVICES, 23)]);
    let nodes = all_nodes(&records);
    assert_eq!(
        &nodes[..5],
        [
            "jbi:site:1 Depot NOC site 10000/10000 gateway",
            "jbi:ap:17 OLT-1 ap 2500/2500 <jbi:site:1",
            "jbi:group:west West Region site 2000/2000 <jbi:site:1 virtual",
            "jbi:site:2 Hogback Ridge site 950/950 <jbi:group:west",
            "jbi:ap:7 HR-North ap 180/60 <jbi:site:2",
        ]
    );
    assert_eq!(nodes[15], "jbi:ap:16 PN-East ap 150.5/50.5 <jbi:site:6");
    assert_eq!(
        all_circuits(&records),
        [
            "C-001 57.5/11.5 min 1/1 @jbi:ap:7>HR-North -/- [D-001 100.64.120.1]",
            "C-002 115/57.5 min 20/10 @jbi:ap:7>HR-North -/- [D-002 203.0.113.230 203.0.113.232/29 2001:db8:c002::/56, D-003 203.0.113.240]",
            "C-003 2.5/1 min 0.5/0.5 @HR-East -/- [D-004 100.64.120.3]",
            "C-004 28.75/5.75 min 1/1 @jbi:ap:8>HR-East -/- [D-005 2001:db8:c004::/64]",
            "C-005 120/50 min 40/40 @jbi:ap:9>MC-Sector-A cake/cake [D-006 198.51.100.96/28 2001:db8:c005::/48 2001:db8:c105::/48]",
            "C-006 57.5/11.5 min 1/1 @jbi:ap:10>MC-Sector-B cake/fq_codel [D-007 100.64.120.6]",
            "C-007 57.5/11.5 min 1/1 @MC-Sector-B -/none [D-008 100.64.120.7]",
            "C-008 23/4.6 min 1/1 @jbi:ap:11>SF-Omni fq_codel/- [D-009 100.64.120.8]",
            "C-009 23/4.6 min 1/1 @jbi:ap:11>SF-Omni -/- [D-010 100.64.120.9]",
            "C-010 23/4.6 min 1/1 @jbi:site:4>Sage Flat -/- [D-011 100.64.120.10]",
            "C-011 57.5/11.5 min 1/1 @jbi:group:west>West Region -/- [D-012 100.64.120.11]",
            "C-012 345/345 min 5/5 @jbi:ap:13>CB-60G -/- [D-013 100.64.120.12 2001:db8:c012::1]",
            "C-013 28.75/5.75 min 1/1 @jbi:ap:12>CB-South -/- [D-014 100.64.120.13]",
            "C-014 28.75/5.75 min 1/1 @jbi:ap:12>CB-South -/- [D-015 100.64.120.14]",
            "C-015 28.75/5.75 min 1/1 @jbi:ap:16>PN-East -/- [D-016 100.64.120.15]",
            "C-016 345/345 min 10/10 @jbi:ap:17>OLT-1 -/- [D-017 100.64.120.16 2001:db8:c016::/56]",
            "C-017 1150/1150 min 250/250 @jbi:ap:17>OLT-1 none/none [D-018 198.51.100.112 2001:db8:c017::/48]",
            "C-018 28.75/5.75 min 1/1 @ -/- [D-019 100.64.120.18]",
            "C-019 28.75/5.75 min 1/1 @ -/- [D-020 100.64.120.19]",
            "C-020 57.5/11.5 min 1/1 @jbi:ap:16>PN-East -/- [D-021 100.64.120.20]",
            "C-021 28.75/5.75 min 1/1 @jbi:ap:7>HR-North -/- [D-022 100.64.120.21]",
            "C-022 1.5/0.5 min 0.1/0.1 @jbi:site:1>Depot NOC -/- [D-023 100.64.120.0/24]",
        ]
    );
    let c2 = &records.circuits[1];
    assert_eq!(
        (&*c2.name, &*c2.comment),
        ("Birch & Sons, LLC", "SLA 20/10")
    );
    assert_eq!(&*records.circuits[13].devices[0].mac, "pppoe-nreyes");
    assert_eq!(&*records.circuits[20].name, "李 Wei");
}

/// The first rows of the valid pair, as nearly every defect file has them.
const C1: &str = "C-001 57.5/11.5 min 1/1 @jbi:ap:7>HR-North -/- [D-001 100.64.120.1]";
const C2: &str = "C-002 115/57.5 min 20/10 @jbi:ap:7>HR-North -/- [D-002 203.0.113.230 203.0.113.232/29 2001:db8:c002::/56, D-003 203.0.113.240]";
const C3: &str = "C-003 2.5/1 min 0.5/0.5 @HR-East -/- [D-004 100.64.120.3]";
/// The same without parent ids.
const OLD: [&str; 3] = [
    "C-001 57.5/11.5 min 1/1 @HR-North -/- [D-001 100.64.120.1]",
    "C-002 115/57.5 min 20/10 @HR-North -/- [D-002 203.0.113.230 203.0.113.232/29 2001:db8:c002::/56, D-003 203.0.113.240]",
    C3,
];

#[test]
fn every_defect_of_a_devices_file_is_seen_or_carried() {
    for (file, circuits, seen) in [
        (
            "bad_sqm",
            [C1, C2, C3],
            vec![
                "odd C-001 sqm: is `pie`, not one of cake, fq_codel, none, or two of them as down/up; the target's default is used",
            ],
        ),
        (
            "dup_device_id",
            [
                C1,
                C2,
                "C-003 2.5/1 min 0.5/0.5 @HR-East -/- [D-001 100.64.120.3]",
            ],
            vec![],
        ),
        (
            "dup_ipv4",
            [
                C1,
                C2,
                "C-003 2.5/1 min 0.5/0.5 @HR-East -/- [D-004 100.64.120.1]",
            ],
            vec![],
        ),
        (
            "dup_ipv6_same_prefix",
            [
                C1,
                C2,
                "C-003 2.5/1 min 0.5/0.5 @HR-East -/- [D-004 100.64.120.3 2001:db8:c002::/56]",
            ],
            vec![],
        ),
        (
            "hash_in_circuit_id",
            [C2, C3, ""],
            vec!["aside #1 starts with `#`, so it is a comment, and reads like a device"],
        ),
        (
            "header_15_rows_13",
            OLD,
            vec![
                "layout the header names 15 columns and 4 rows have 13 fields, read as the 13 columns of older versions",
            ],
        ),
        (
            "host_bits_set",
            [
                "C-001 57.5/11.5 min 1/1 @jbi:ap:7>HR-North -/- [D-001 100.64.120.1/24]",
                C2,
                C3,
            ],
            vec![],
        ),
        (
            "ipv4_garbage",
            [
                "C-001 57.5/11.5 min 1/1 @jbi:ap:7>HR-North -/- [D-001 100.64.120.300]",
                C2,
                C3,
            ],
            vec![],
        ),
        ("legacy_13_columns_ok", OLD, vec![]),
        (
            "min_above_max",
            [
                "C-001 57.5/11.5 min 99/1 @jbi:ap:7>HR-North -/- [D-001 100.64.120.1]",
                C2,
                C3,
            ],
            vec![],
        ),
        (
            "missing_circuit_id",
            [C2, C3, ""],
            vec!["aside D-001 has no circuit id"],
        ),
        (
            "no_address",
            [
                "C-001 57.5/11.5 min 1/1 @jbi:ap:7>HR-North -/- [D-001]",
                C2,
                C3,
            ],
            vec![],
        ),
        (
            "rate_below_floor",
            [
                "C-001 57.5/0.05 min 1/1 @jbi:ap:7>HR-North -/- [D-001 100.64.120.1]",
                C2,
                C3,
            ],
            vec![],
        ),
        (
            "rate_not_number",
            [
                "C-001 ?/11.5 min 1/1 @jbi:ap:7>HR-North -/- [D-001 100.64.120.1]",
                C2,
                C3,
            ],
            vec!["odd! C-001 Download Max Mbps: is `50M`, which is not a number; not used"],
        ),
        (
            "same_circuit_two_parents",
            [C1, C2, C3],
            vec!["repeat circuit C-002 differs in parent"],
        ),
        (
            "same_circuit_two_rates",
            [C1, C2, C3],
            vec!["repeat circuit C-002 differs in plan"],
        ),
        (
            "semicolon_multi_ip",
            [
                "C-001 57.5/11.5 min 1/1 @jbi:ap:7>HR-North -/- [D-001 100.64.120.1;100.64.120.2]",
                C2,
                C3,
            ],
            vec![],
        ),
        (
            "unknown_parent",
            [
                "C-001 57.5/11.5 min 1/1 @jbi:ap:7>No Such AP -/- [D-001 100.64.120.1]",
                C2,
                C3,
            ],
            vec![],
        ),
    ] {
        let bytes = fixture(&format!("tests/data/libreqos-defects/{file}.csv"));
        let records = lowered(&[(NETWORK, b"{}"), (DEVICES, &bytes)]);
        let circuits: Vec<&str> = circuits.into_iter().filter(|c| !c.is_empty()).collect();
        assert_eq!(all_circuits(&records), circuits, "{file}");
        assert_eq!(evidence(&records.evidence), seen, "{file}");
    }
}

#[test]
fn every_defect_of_a_network_file_is_seen_or_carried() {
    for (file, nodes, seen) in [
        (
            "all_virtual",
            vec!["x:1 A site 100/100 virtual gateway"],
            vec![],
        ),
        (
            "child_above_parent",
            vec!["x:1 A site 100/100 gateway", "x:2 AP ap 500/500 <x:1"],
            vec![],
        ),
        (
            "dup_node_id",
            vec!["x:1 A site 100/100 gateway", "x:1 B site 100/100 gateway"],
            vec![],
        ),
        (
            "dup_node_name",
            vec![
                "x:1 A site 100/100 gateway",
                "x:2 AP ap 50/50 <x:1",
                "x:3 B site 100/100 gateway",
                "x:4 AP ap 50/50 <x:3",
            ],
            vec![],
        ),
        ("empty_object_flat", vec![], vec![]),
        ("mins_exceed_parent", vec!["x:1 A ap 10/10 gateway"], vec![]),
        (
            "rates_as_strings",
            vec!["x:1 A site 100/50.5 gateway"],
            vec![
                "odd x:1 /downloadBandwidthMbps: is text where a number belongs; read as 100000 kbit/s",
                "odd x:1 /uploadBandwidthMbps: is text where a number belongs; read as 50500 kbit/s",
            ],
        ),
        (
            "reserved_name",
            vec![
                "x:1 Generated_PN_1 site 100/100 gateway",
                "x:2 children site 5/5 gateway",
            ],
            vec![
                "odd x:2 : is named `children`, which LibreQoS takes for the children of the node above",
            ],
        ),
        (
            "trailing_comma",
            vec![],
            vec!["unreadable! key must be a string at line 1 column 65"],
        ),
        (
            "virtual_promotion_collision",
            vec![
                "x:1 A site 100/100 gateway",
                "x:2 G site 100/100 <x:1 virtual",
                "x:3 AP ap 50/50 <x:2",
                "x:4 AP ap 50/50 <x:1",
            ],
            vec![],
        ),
        (
            "zero_rate",
            vec!["x:1 A site ?/100 gateway", "x:2 AP ap ?/? <x:1"],
            vec![],
        ),
    ] {
        let bytes = fixture(&format!("tests/data/libreqos-defects/{file}.json"));
        let (read, seen_here) = network::read(FileId(0), &bytes);
        let read: Vec<String> = read.iter().map(node).collect();
        assert_eq!(read, nodes, "{file}");
        assert_eq!(evidence(&seen_here), seen, "{file}");
    }
    let (deep, _) = network::read(
        FileId(0),
        &fixture("tests/data/libreqos-defects/depth_12.json"),
    );
    assert_eq!(deep.len(), 12);
    assert!(deep.windows(2).all(|pair| {
        pair[1]
            .parent
            .as_ref()
            .is_some_and(|parent| parent.text == pair[0].id)
    }));
}

#[test]
fn every_generation_of_the_file_gives_the_same_circuit() {
    let old = "C1,Jo,D1,cpe,AP,02:00:00:00:00:01,10.0.0.1,,1,2,10,5,hi";
    let new = "C1,Jo,D1,cpe,AP,,,02:00:00:00:00:01,10.0.0.1,,1,2,10,5,hi";
    let header_14 = format!("{HEADER_13},sqm");
    let header_15 = HEADER_16.trim_end_matches(",sqm");
    let python: String = header_15.replace(" Mbps", "");
    let quoted = |line: &str| format!("\"{}\"", line.replace(',', "\",\""));
    let snake = HEADER_16.to_lowercase().replace(' ', "_");
    let radius = HEADER_16.replace("MAC,", "MAC,RADIUS Username,");
    for text in [
        format!("{HEADER_13}\n{old}\n"),
        format!("#LibreQoS - autogenerated file - START\n{HEADER_13}\n{old}\n"),
        format!("{header_14}\n{old},\n"),
        format!("{header_15}\n{new}\n"),
        format!("{HEADER_16}\n{new},\n"),
        format!("{HEADER_16}\r\n{new},\r\n\r\n,,,,,,,,,,,,,,,\r\n"),
        format!("{}\r\n{}\r\n", quoted(&python), quoted(new)),
        format!("{snake}\n{new},\n"),
        format!("{radius}\n{},\n", new.replace("01,10", "01,ignored,10")),
        format!(
            "{radius}\n{},\n",
            new.replace("02:00:00:00:00:01,", ",02:00:00:00:00:01,")
        ),
        format!("\u{feff}{HEADER_16}\n# a comment, with \"quote\n\n{new},"),
        format!("Notes,{HEADER_13}\nx,{old}\n"),
    ] {
        let records = csv(&text);
        assert_eq!(
            all_circuits(&records),
            ["C1 10/5 min 1/2 @AP -/- [D1 10.0.0.1]"],
            "{text}"
        );
        let circuit = &records.circuits[0];
        assert_eq!(
            (&*circuit.name, &*circuit.comment, &*circuit.devices[0].mac),
            ("Jo", "hi", "02:00:00:00:00:01"),
            "{text}"
        );
        assert_eq!(evidence(&records.evidence), [""; 0], "{text}");
    }
}

#[test]
fn a_row_knows_its_bytes_and_its_columns_by_their_names() {
    let text = format!(
        "\u{feff}# start\r\n{}\r\n\r\n# one\r\nC1,Jo,D1,cpe,AP,,,,10.0.0.1,,1,2,10,5,\"two\r\nlines\",\r\n",
        HEADER_16.to_lowercase().replace(' ', "_")
    );
    let records = csv(&text);
    let circuit = &records.circuits[0];
    let row = &text[circuit.origin.start as usize..][..circuit.origin.len as usize];
    assert!(row.starts_with("C1,") && row.ends_with("lines\","), "{row}");
    assert_eq!(
        circuit.plan_route,
        Pair::new("download_max_mbps", "upload_max_mbps")
    );
    assert_eq!(circuit.devices[0].claims[0].route, "ipv4");
    assert_eq!(&*circuit.comment, "two  lines");
    assert_eq!(
        evidence(&records.evidence),
        ["dirty C1 comment: holds control characters or line breaks; they became blanks"]
    );
}

#[test]
fn columns_are_found_by_header_or_absent_and_never_by_habit() {
    // Without a MAC header the fifth column is still the parent's id.
    let header = HEADER_16.replace("MAC,", "");
    let records = csv(&format!(
        "{header}\nC1,Jo,D1,cpe,AP,id:1,,10.0.0.1,,1,2,10,5,,\n"
    ));
    assert_eq!(
        all_circuits(&records),
        ["C1 10/5 min 1/2 @id:1>AP -/- [D1 10.0.0.1]"]
    );
    assert_eq!(&*records.circuits[0].devices[0].mac, "");
    let records = csv("Circuit ID,Device ID,IPv4,IPv4\nC1,D1,10.0.0.1,10.0.0.2\n");
    assert_eq!(
        all_circuits(&records),
        ["C1 ?/? min 0/0 @ -/- [D1 10.0.0.1]"]
    );
    assert_eq!(
        evidence(&records.evidence),
        [
            "odd ShapedDevices.csv : names `IPv4` more than once; the first is used",
            "odd! ShapedDevices.csv : names no `Download Max Mbps` column; those plans are unknown",
            "odd! ShapedDevices.csv : names no `Upload Max Mbps` column; those plans are unknown",
        ]
    );
}

#[test]
fn a_file_that_is_no_list_of_devices_makes_the_source_incomplete() {
    for (text, want) in [
        ("", "the file has no rows, not even a header"),
        (
            "# only a comment\n\n",
            "the file has no rows, not even a header",
        ),
        (
            "<html><body>502</body></html>\n",
            "the first row names no `Circuit ID` column",
        ),
        (
            "Circuit Name,Device ID,IPv4,Download Max Mbps\n",
            "the first row names no `Circuit ID` column",
        ),
    ] {
        let records = csv(text);
        assert_eq!(
            evidence(&records.evidence),
            [format!("unreadable! {want}")],
            "{text}"
        );
    }
    assert_eq!(
        evidence(&lowered(&[]).evidence),
        ["missing! network.json", "missing! ShapedDevices.csv"]
    );
    assert_eq!(evidence(&csv(HEADER_16).evidence), [""; 0]);
}

#[test]
fn a_file_without_a_header_is_read_by_position_and_says_so() {
    let records = csv("C1,Jo,D1,cpe,AP,,10.0.0.1,,1,2,10,5,\nKd,Na,Ge,Na,El,M,4,6,a,b,c,d,e\n");
    assert_eq!(
        all_circuits(&records),
        ["C1 10/5 min 1/2 @AP -/- [D1 10.0.0.1]"]
    );
    assert_eq!(
        evidence(&records.evidence),
        [
            "layout no row names the columns; every row is read by its number of fields",
            "aside ? does not read like a device",
        ]
    );
}

#[test]
fn a_row_that_does_not_fit_costs_itself_only() {
    let good = "C9,Jo,D9,cpe,AP,,,,10.0.0.9,,1,2,10,5,,";
    let keeps = |row: &str| {
        let records = rows(&[row, good]);
        let circuits = all_circuits(&records);
        assert!(circuits.last().unwrap().starts_with("C9 10/5"), "{row}");
        (circuits.len() - 1, evidence(&records.evidence))
    };
    for (row, kept, seen) in [
        // A comma in a name that is not quoted.
        (
            "C1,Doe, Jo,D1,cpe,AP,,,,10.0.0.1,,1,2,10,5,,",
            0,
            "aside ? has 17 fields where the header names 16",
        ),
        (
            "C1,Jo,D1",
            0,
            "aside ? has 3 fields where the header names 16",
        ),
        // Old among new, and a new one cut off.
        (
            "C1,Jo,D1,cpe,AP,,10.0.0.1,,1,2,10,5,",
            1,
            "layout the header names 16 columns and 1 row has 13 fields, read as the 13 columns of older versions",
        ),
        (
            "C1,Jo,D1,cpe,AP,,,02:00:00:00:00:01,10.0.0.1,,1,2,10",
            0,
            "aside ? has 13 fields where the header names 16",
        ),
        (
            "C1,Jo,D1,cpe,AP,,,,10.0.0.1,,1,2,10,5,",
            1,
            "layout the header names 16 columns and 1 row has 15 fields; the last columns are read as empty",
        ),
        (
            "C1,Jo,D1,cpe,AP,,,,10.0.0.1,,1,2,10,5",
            1,
            "layout the header names 16 columns and 1 row has 14 fields; the last columns are read as empty",
        ),
        (
            ",Jo,,cpe,AP,,,,10.0.0.1,,1,2,10,5,,",
            0,
            "aside ? has no circuit id",
        ),
        (
            "C1,\"Jo,D1,cpe,AP,,,,10.0.0.1,,1,2,10,5,,",
            0,
            "aside ? holds a quote that is never closed; the rows below it were read",
        ),
    ] {
        assert_eq!(keeps(row), (kept, vec![seen.to_owned()]), "{row}");
    }
}

#[test]
fn an_open_quote_never_gives_one_subscriber_the_row_of_another() {
    let open = "C1,\"Jo,D1,cpe,AP,,,,10.0.0.1,,1,2,10,5,,";
    let quoted = "C2,\"Al\",D2,cpe,AP,,,,10.0.0.2,,1,2,10,5,,";
    let plain = "C3,Su,D3,cpe,AP,,,,10.0.0.3,,1,2,10,5,,";
    let lines = "C4,\"Mo\nof Hill\",D4,cpe,AP,,,,10.0.0.4,,1,2,10,5,\"a\n\nb\",";
    let records = rows(&[open, quoted, plain, open, plain, lines, quoted]);
    let devices: Vec<&str> = records.circuits.iter().map(|c| &*c.devices[0].id).collect();
    assert_eq!(devices, ["D2", "D3", "D4"]);
    assert_eq!(records.evidence.quarantined.len(), 2);
    assert_eq!(&*records.circuits[2].name, "Mo of Hill");
    assert_eq!(records.evidence.read[1], (DEVICES, 7));
}

#[test]
fn a_comma_that_is_not_quoted_never_moves_a_value_into_another_column() {
    let old = "C1,Doe, Jo,D1,cpe,AP,,10.0.0.1,,1,2,10,5,";
    let new = "C1,Doe, Jo,D1,cpe,AP,,,,10.0.0.1,,1,2,10,5,";
    let header_15 = HEADER_16.trim_end_matches(",sqm");
    for (header, row) in [
        (HEADER_13.to_owned(), old.to_owned()),
        (format!("{HEADER_13},sqm"), format!("{old},")),
        (header_15.to_owned(), new.to_owned()),
        (HEADER_16.to_owned(), format!("{new},")),
    ] {
        let good = row.replace("Doe, Jo", "\"Doe, Jo\"").replace('1', "9");
        for (text, kept) in [
            (format!("{header}\n{row}\n"), 0),
            (format!("{header}\n{row}\n{good}\n"), 1),
            (format!("{row}\n{good}\n{good}\n"), 1),
        ] {
            let records = csv(&text);
            assert_eq!(records.circuits.len(), kept, "{text}");
            assert_eq!(records.evidence.quarantined.len(), 1, "{text}");
        }
    }
}

#[test]
fn fields_are_read_exactly_or_reported() {
    for (row, circuit, seen) in [
        (
            "C1,,D1,,,,,,,,0.0005,0,0.001,1e2,,",
            "C1 0.001/100 min 0.001/0 @ -/- [D1]",
            vec![],
        ),
        (
            "C1,,D1,,,,,,,,,,0,,,",
            "C1 ?/? min 0/0 @ -/- [D1]",
            vec!["odd! C1 Upload Max Mbps: is empty; the plan is unknown"],
        ),
        (
            "C1,,D1,,,,,,,,-1,x,-5,\"1,5\",,",
            "C1 ?/? min 0/0 @ -/- [D1]",
            vec![
                "odd! C1 Download Max Mbps: is `-5`, which is negative; not used",
                "odd! C1 Upload Max Mbps: is `1,5`, which is not a number; not used",
                "odd C1 Download Min Mbps: is `-1`, which is negative; not used",
                "odd C1 Upload Min Mbps: is `x`, which is not a number; not used",
            ],
        ),
        (
            "C1,,D1,,none,None, NONE ,,,,0,0,1,1,, Cake / NONE ",
            "C1 1/1 min 0/0 @ cake/none [D1]",
            vec![],
        ),
        (
            "C1,,D1,, AP ,p,a,,\"10.0.0.1,10.0.0.2 , 10.0.0.0/30\",,0,0,1,1,,",
            "C1 1/1 min 0/0 @a>p>AP -/- [D1 10.0.0.1 10.0.0.2 10.0.0.0/30]",
            vec![],
        ),
        (
            "C1,,D1,,,,,,10.0.0.1 10.0.0.2,,0,0,1,1,,",
            "C1 1/1 min 0/0 @ -/- [D1 10.0.0.1 10.0.0.2]",
            vec![],
        ),
    ] {
        let records = rows(&[row]);
        assert_eq!(all_circuits(&records), [circuit], "{row}");
        assert_eq!(evidence(&records.evidence), seen, "{row}");
        assert_eq!(&*records.circuits[0].name, "C1");
        assert_eq!(&*records.circuits[0].devices[0].name, "D1");
    }
    // The two addresses of the last row are one text that is no address.
    let records = rows(&["C1,,D1,,,,,,10.0.0.1 10.0.0.2,,0,0,1,1,,"]);
    assert_eq!(records.circuits[0].devices[0].claims.len(), 1);
    let bytes = [HEADER_16.as_bytes(), b"\nC1,Caf\xE9,D1,,,,,,,,0,0,1,1,,\n"].concat();
    let records = lowered(&[(NETWORK, b"{}"), (DEVICES, &bytes)]);
    assert_eq!(&*records.circuits[0].name, "Caf\u{fffd}");
    assert_eq!(
        evidence(&records.evidence),
        [
            "dirty C1 Circuit Name: holds bytes that are not text; they became replacement characters"
        ]
    );
}

#[test]
fn rows_of_one_circuit_are_one_circuit_whatever_their_order() {
    for (lines, circuit, seen) in [
        // The row of the smallest device is believed.
        (
            vec![
                "C1,Jo,D2,,B,,,,10.0.0.2,,1,1,20,20,second,",
                "C1,Jo,D1,,A,,,,10.0.0.1,,1,1,10,10,,",
            ],
            "C1 10/10 min 1/1 @A -/- [D1 10.0.0.1, D2 10.0.0.2]",
            vec!["repeat circuit C1 differs in parent plan"],
        ),
        // Unless another says more.
        (
            vec![
                "C1,,D1,,,,,,10.0.0.1,,1,1,x,10,,",
                "C1,Jo,D2,,A,,,,10.0.0.2,,1,1,20,20,,",
            ],
            "C1 20/20 min 1/1 @A -/- [D1 10.0.0.1, D2 10.0.0.2]",
            vec![
                "odd! C1 Download Max Mbps: is `x`, which is not a number; not used",
                "repeat circuit C1 differs in parent plan",
            ],
        ),
        (
            vec![
                "C1,Jo,D1,,A,,,,10.0.0.1,,1,1,10,10,,cake",
                "C1,Al,D2,,A,,,,10.0.0.2,,2,1,10,10,,",
            ],
            "C1 10/10 min 1/1 @A cake/cake [D1 10.0.0.1, D2 10.0.0.2]",
            vec!["repeat circuit C1 differs in commit qdisc name"],
        ),
        // One device on two rows, and one row twice.
        (
            vec![
                "C1,Jo,D1,,A,,,,10.0.0.1,,1,1,10,10,,",
                "C1,Jo,D1,,A,,,,10.0.0.2,,1,1,10,10,,",
            ],
            "C1 10/10 min 1/1 @A -/- [D1 10.0.0.1 10.0.0.2]",
            vec!["repeat device D1 differs in addresses"],
        ),
        (
            vec![
                "C1,Jo,D1,,A,,,,10.0.0.1,,1,1,10,10,,",
                "C1,Jo,D1,,A,,,,10.0.0.1,,1,1,10,10,,",
            ],
            "C1 10/10 min 1/1 @A -/- [D1 10.0.0.1]",
            vec!["repeat device D1 is repeated"],
        ),
    ] {
        for turn in [false, true] {
            let mut lines = lines.clone();
            if turn {
                lines.reverse();
            }
            let records = rows(&lines);
            assert_eq!(all_circuits(&records), [circuit]);
            assert_eq!(evidence(&records.evidence), seen);
        }
    }
    let records = rows(&[
        "C1,,D2,,A,,,,10.0.0.2,,1,1,10,10,second,",
        "C1,,D1,,A,,,,10.0.0.1,,1,1,10,10,,",
    ]);
    assert_eq!(&*records.circuits[0].comment, "second");
}

#[test]
fn a_device_without_id_has_one_that_its_row_number_does_not_decide() {
    let a = "C1,Jo,,one,A,,,,10.0.0.1,,1,1,10,10,,";
    let b = "C1,Jo,,two,A,,,,10.0.0.2,,1,1,10,10,,";
    let ids = |lines: &[&str]| -> Vec<String> {
        let records = rows(lines);
        assert_eq!(records.evidence.odd_fields.len(), 2);
        let devices = records.circuits[0].devices.iter();
        devices.map(|d| d.id.to_string()).collect()
    };
    let there = ids(&[a, b]);
    assert_eq!(there, ids(&[b, a]));
    assert!(there[0].starts_with("libreqos:device:") && there[0] != there[1]);
}

#[test]
fn nodes_without_id_or_type_are_named_by_their_name_and_place() {
    let records = json(
        r#"{ "Hill": { "children": { "North": { "downloadBandwidthMbps": 50.0005 }, "AP": {} } },
             "Dale": { "children": { "AP": { "type": "AP", "children": {} } } },
             "Pool": { "type": "virtual", "children": null },
             "Mast": { "type": "Router", "id": 12, "virtual": 1, "uploadBandwidthMbps": -4, "vlan": 7,
                       "latitude": 1, "name": "x", "uploadBandwidthMbpsMin": 3 } }"#,
    );
    let of_name = |name: &str| format!("libreqos:node:{}", rows::short_hash(name.as_bytes()));
    let (hill, dale) = (of_name("Hill"), of_name("Dale"));
    let nodes = all_nodes(&records);
    assert_eq!(nodes[0], format!("{hill} Hill site ?/? gateway"));
    assert_eq!(
        nodes[1],
        format!("{} North ap 50.001/? <{hill}", of_name("North"))
    );
    assert_eq!(
        nodes[2],
        format!("{} AP ap ?/? <{hill}", of_name("Hill\u{1f}AP"))
    );
    assert_eq!(
        nodes[4],
        format!("{} AP ap ?/? <{dale}", of_name("Dale\u{1f}AP"))
    );
    assert_eq!(
        nodes[5],
        format!("{} Pool ap ?/? virtual gateway", of_name("Pool"))
    );
    assert_eq!(nodes[6], "12 Mast other ?/? virtual gateway");
    assert_eq!(records.nodes[6].kind, NodeKind::Other);
    assert_eq!(
        evidence(&records.evidence),
        [
            "odd 12 /id: is a number where text belongs; read as `12`",
            "odd 12 /type: is `Router`, not site or ap; read as other",
            "odd 12 /uploadBandwidthMbps: is `-4`, which is negative; not used",
            "odd 12 /virtual: is a number where true or false belongs; read as true",
            "odd 12 /latitude: stands without a longitude; not used",
            "odd 12 /vlan: is not a key of network.json; not used",
        ]
    );
}

#[test]
fn order_and_repeats_in_an_object_are_kept() {
    let records = json(
        r#"{ "B": {"id":"b"}, "A": {"id":"a1","type":"ap","type":"site"}, "A": {"id":"a2"}, "n": 5 }"#,
    );
    assert_eq!(
        all_nodes(&records),
        [
            "b B ap ?/? gateway",
            "a1 A site ?/? gateway",
            "a2 A ap ?/? gateway"
        ]
    );
    assert_eq!(
        evidence(&records.evidence),
        [
            "aside n is a number where a node belongs",
            "odd a1 /type: is written more than once; the last one is used",
        ]
    );
    let text = r#"{ "A": {"id":"a", "children": {"B": {"id":"b"}} } }"#;
    let (nodes, _) = network::read(FileId(0), text.as_bytes());
    let bytes = |origin: Origin| &text[origin.start as usize..][..origin.len as usize];
    assert_eq!(
        bytes(nodes[0].origin),
        r#"{"id":"a", "children": {"B": {"id":"b"}} }"#
    );
    assert_eq!(bytes(nodes[1].origin), r#"{"id":"b"}"#);
}

#[test]
fn depth_costs_nothing_and_ends_somewhere() {
    let levels = 20_000;
    let text = format!(
        "{}{{}}{}",
        r#"{"n":{"children":"#.repeat(levels),
        "}}".repeat(levels)
    );
    let (nodes, seen) = network::read(FileId(0), text.as_bytes());
    assert_eq!(nodes.len(), 64);
    assert_eq!(
        evidence(&seen),
        ["aside n has nodes below level 64; none of them is used"]
    );
    for (text, want) in [
        ("[]", "unreadable! the file is not a JSON object of nodes"),
        (
            "",
            "unreadable! EOF while parsing a value at line 1 column 0",
        ),
        (
            "{} {}",
            "unreadable! trailing characters at line 1 column 4",
        ),
    ] {
        assert_eq!(
            evidence(&network::read(FileId(0), text.as_bytes()).1),
            [want]
        );
    }
}

const TREE: &str = r#"{ "Hill": { "id": "s1", "type": "site", "downloadBandwidthMbps": 100, "uploadBandwidthMbps": 100,
    "children": { "North": { "id": "a1", "type": "ap" } } } }"#;
const TWO: [&str; 3] = [
    "C1,Jo,D1,,North,a1,,,10.0.0.1,,1,1,10,10,,",
    "C1,Jo,D2,,North,a1,,,10.0.0.2,,1,1,10,10,,",
    "C2,Al,D3,,North,a1,,,10.0.0.3,,1,1,10,10,,",
];

fn overridden(overrides: &str) -> Records {
    let devices = format!("{HEADER_16}\n{}\n", TWO.join("\n"));
    lowered(&[
        (NETWORK, TREE.as_bytes()),
        (DEVICES, devices.as_bytes()),
        (OVERRIDES, overrides.as_bytes()),
    ])
}

#[test]
fn circuit_overrides_change_what_they_name() {
    let c1 = "C1 10/10 min 1/1 @a1>North -/- [D1 10.0.0.1, D2 10.0.0.2]";
    let c2 = "C2 10/10 min 1/1 @a1>North -/- [D3 10.0.0.3]";
    for (adjustment, circuits, seen) in [
        (
            r#"{"type":"circuit_adjust_speed","circuit_id":"C1","max_download_bandwidth":50.5,"min_upload_bandwidth":2}"#,
            vec![
                "C1 50.5/10 min 1/2 @a1>North -/- [D1 10.0.0.1, D2 10.0.0.2]",
                c2,
            ],
            vec![],
        ),
        // A circuit has one queue: the speed of a device is that of its circuit.
        (
            r#"{"type":"device_adjust_speed","device_id":"D2","max_upload_bandwidth":7}"#,
            vec![
                "C1 10/7 min 1/1 @a1>North -/- [D1 10.0.0.1, D2 10.0.0.2]",
                c2,
            ],
            vec![],
        ),
        (
            r#"{"type":"device_adjust_sqm","device_id":"D2","sqm_override":"fq_codel"}"#,
            vec![
                "C1 10/10 min 1/1 @a1>North fq_codel/fq_codel [D1 10.0.0.1, D2 10.0.0.2]",
                c2,
            ],
            vec![],
        ),
        (
            r#"{"type":"remove_circuit","circuit_id":"C1"}"#,
            vec![c2],
            vec![],
        ),
        (
            r#"{"type":"remove_device","device_id":"D1"}"#,
            vec!["C1 10/10 min 1/1 @a1>North -/- [D2 10.0.0.2]", c2],
            vec![],
        ),
        (
            r#"{"type":"reparent_circuit","circuit_id":"C2","parent_node":"Hill"}"#,
            vec![c1, "C2 10/10 min 1/1 @Hill -/- [D3 10.0.0.3]"],
            vec![],
        ),
        (
            r#"{"type":"reparent_circuit","circuit_id":"C2","parent_node":""}"#,
            vec![c1, "C2 10/10 min 1/1 @ -/- [D3 10.0.0.3]"],
            vec![],
        ),
        (
            r#"{"type":"reparent_circuit","circuit_id":"C2","parent_node":"Dale"}"#,
            vec![c1, c2],
            vec!["dangling reparent_circuit /parent_node: no node Dale"],
        ),
        (
            r#"{"type":"circuit_adjust_speed","circuit_id":"C3"}"#,
            vec![c1, c2],
            vec!["dangling circuit_adjust_speed /circuit_id: no circuit C3"],
        ),
        (
            r#"{"type":"remove_device","device_id":"D4"}"#,
            vec![c1, c2],
            vec!["dangling remove_device /device_id: no device D4"],
        ),
        (
            r#"{"type":"remove_device"}"#,
            vec![c1, c2],
            vec!["aside ? names neither a circuit nor a device"],
        ),
        (
            r#"{"type":"paint_circuit","circuit_id":"C1"}"#,
            vec![c1, c2],
            vec![
                "odd! lqos_overrides.json /type: is `paint_circuit`, which is not known; not applied",
            ],
        ),
        ("7", vec![c1, c2], vec!["aside ? is not an object"]),
    ] {
        let records = overridden(&format!(r#"{{"circuit_adjustments":[{adjustment}]}}"#));
        assert_eq!(all_circuits(&records), circuits, "{adjustment}");
        assert_eq!(evidence(&records.evidence), seen, "{adjustment}");
    }
    let records = overridden(
        r#"{"circuit_adjustments":[{"type":"circuit_adjust_speed","circuit_id":"C1","max_download_bandwidth":5}]}"#,
    );
    let circuit = &records.circuits[0];
    assert_eq!(circuit.plan_origin.unwrap().file, FileId(2));
    assert_eq!(circuit.plan_route.down, "/max_download_bandwidth");
}

#[test]
fn network_overrides_change_what_they_name() {
    let hill = "s1 Hill site 100/100 gateway";
    let north = "a1 North ap ?/? <s1";
    for (adjustment, nodes, seen) in [
        (
            r#"{"type":"adjust_site_speed","node_id":"a1","site_name":"x","download_bandwidth_mbps":55.5}"#,
            [hill, "a1 North ap 55.5/? <s1"],
            vec![],
        ),
        (
            r#"{"type":"adjust_site_speed","site_name":"Hill","download_bandwidth_mbps":50,"upload_bandwidth_mbps":20}"#,
            ["s1 Hill site 50/20 gateway", north],
            vec![],
        ),
        (
            r#"{"type":"adjust_site_speed","node_id":"gone","site_name":"Hill","upload_bandwidth_mbps":20}"#,
            ["s1 Hill site 100/20 gateway", north],
            vec![],
        ),
        (
            r#"{"type":"adjust_site_speed","node_id":"gone","site_name":"Dale"}"#,
            [hill, north],
            vec!["dangling adjust_site_speed /node_id: no node gone"],
        ),
        (
            r#"{"type":"set_node_virtual","node_name":"North","virtual":true}"#,
            [hill, "a1 North ap ?/? <s1 virtual"],
            vec![],
        ),
        (
            r#"{"type":"set_node_virtual","node_name":"Dale","virtual":true}"#,
            [hill, north],
            vec!["dangling set_node_virtual /node_name: no node Dale"],
        ),
        (
            r#"{"type":"topology_parent_override","node_id":"a1"}"#,
            [hill, north],
            vec![
                "odd! lqos_overrides.json /type: is `topology_parent_override`, which is not applied; it becomes a pin in topology.pin",
            ],
        ),
    ] {
        let records = overridden(&format!(r#"{{"network_adjustments":[{adjustment}]}}"#));
        assert_eq!(all_nodes(&records), nodes, "{adjustment}");
        assert_eq!(evidence(&records.evidence), seen, "{adjustment}");
    }
}

#[test]
fn persistent_devices_are_added_or_replace_the_device_of_their_id() {
    let records = overridden(
        r#"{ "persistent_devices": [
              { "circuit_id": "C9", "circuit_name": "Pool", "device_id": "D9", "device_name": "all", "parent_node": "Hill",
                "mac": "", "ipv4": [["10.9.0.0", 24], "10.8.0.1"], "ipv6": [["2001:db8::", 48]],
                "download_min_mbps": 1, "upload_min_mbps": 1, "download_max_mbps": 2.5, "upload_max_mbps": 1, "comment": "", "sqm_override": "cake" },
              { "circuit_id": "C2", "device_id": "D2", "ipv4": "10.0.0.9, 10.0.0.8", "download_max_mbps": 1, "upload_max_mbps": "x" },
              { "device_id": "D7" } ],
            "uisp": {}, "circuit_adjustments": [], "colour": 1 }"#,
    );
    assert_eq!(
        all_circuits(&records),
        [
            "C1 10/10 min 1/1 @a1>North -/- [D1 10.0.0.1]",
            "C2 10/10 min 1/1 @a1>North -/- [D2 10.0.0.9 10.0.0.8, D3 10.0.0.3]",
            "C9 2.5/1 min 1/1 @Hill cake/cake [D9 10.9.0.0/24 10.8.0.1 2001:db8::/48]",
        ]
    );
    assert_eq!(
        evidence(&records.evidence),
        [
            "aside ? has no circuit_id",
            "odd lqos_overrides.json /colour: is not a key of lqos_overrides.json; not used",
            "odd! C2 /upload_max_mbps: is `x`, which is not a number; not used",
            "repeat circuit C2 differs in parent plan commit",
        ]
    );
}

#[test]
fn overrides_that_cannot_be_read_make_the_source_incomplete() {
    for (text, want) in [
        ("{", "EOF while parsing an object at line 1 column 1"),
        ("[]", "the file is not a JSON object"),
    ] {
        let records = overridden(text);
        assert_eq!(evidence(&records.evidence), [format!("unreadable! {want}")]);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (read, mut seen) = devices::read(FileId(0), &bytes);
        let _ = rows::group(read, &mut seen);
        let _ = network::read(FileId(0), &bytes);
        let _ = lowered(&[(NETWORK, &bytes), (DEVICES, &bytes), (OVERRIDES, &bytes)]);
    }

    #[test]
    fn any_rows_below_a_header_are_survived(body in "[C1,\"#\n\r é./:-]{0,200}", header in 0..3) {
        let header = [HEADER_13, HEADER_16, "Circuit ID,IPv4,MAC"][header as usize];
        let text = format!("{header}\n{body}");
        let records = csv(&text);
        for circuit in &records.circuits {
            let end = circuit.origin.start + u64::from(circuit.origin.len);
            prop_assert!(end <= text.len() as u64);
            let row = &text.as_bytes()[circuit.origin.start as usize..end as usize];
            prop_assert!(!row.starts_with(b"#") && !row.is_empty());
        }
    }

    #[test]
    fn any_network_like_text_is_survived(text in r#"(\{|\}|"children":|"A":|"id":|"type":|"x"|1|,|\[|\]|null){0,40}"#) {
        let (_, seen) = network::read(FileId(0), text.as_bytes());
        let valid = serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|v| v.is_object());
        prop_assert_eq!(valid, seen.unreadable.is_empty());
    }

    #[test]
    fn circuits_do_not_depend_on_the_order_of_rows(
        picks in proptest::collection::vec((0..3, 0..3, 0..3, 0..4), 1..12),
        seed in any::<u64>(),
    ) {
        let line = |(circuit, device, parent, rate): &(i32, i32, i32, i32)| {
            let parent = ["", "A", "B"][*parent as usize];
            let rate = ["x", "5", "10", ""][*rate as usize];
            format!("C{circuit},,D{device},,{parent},,,,10.0.{circuit}.{device},,1,1,{rate},10,,")
        };
        let mut lines: Vec<String> = picks.iter().map(line).collect();
        let there = rows(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let turn = (seed as usize) % lines.len();
        lines.rotate_left(turn);
        lines.reverse();
        let back = rows(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert_eq!(all_circuits(&there), all_circuits(&back));
    }
}
