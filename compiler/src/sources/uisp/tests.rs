//! The recorded exports of the examples as stories, every odd record we have met one by one, and the rules on
//! networks of a few records.

mod overrides;
mod stations;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::config::date::Date;
use crate::config::project::{Source, SourceKind};
use crate::exports::{Export, ExportFile};
use crate::ir::records::{LinkState, NodeKind, Place, Records, ServiceState};
use crate::source_map::{Format, SourceFile, SourceMap};
use crate::sources::uisp::lower;
use crate::units::{Kbps, Pair};

struct Lowered {
    files: SourceMap,
    records: Records,
}

/// Files by name, as in an export directory: `sites.json`, `crm-services.page-2.json`.
fn lower_files(files: &BTreeMap<String, Vec<u8>>) -> Lowered {
    let mut map = SourceMap::default();
    let mut export = Export {
        source: 0,
        files: Vec::new(),
    };
    for (name, bytes) in files {
        let stem = name.trim_end_matches(".json");
        let (collection, page) = match stem.split_once(".page-") {
            Some((collection, page)) => (collection, page.parse().ok()),
            None => (stem, None),
        };
        let file = map.add(SourceFile {
            path: name.clone(),
            format: Format::Json,
            bytes: bytes.clone().into(),
            transcoded: None,
            digest: String::new().into(),
        });
        export.files.push(ExportFile {
            collection: collection.into(),
            page,
            file,
        });
    }
    export.files.sort();
    let source = Source {
        name: "towers".into(),
        kind: SourceKind::Uisp,
        export: None,
        url: None,
        index: 0,
        table: None,
    };
    let records = lower(&source, &export, &map, Date::new(2027, 1, 1));
    Lowered {
        files: map,
        records,
    }
}

fn example(name: &str) -> BTreeMap<String, Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name)
        .join("exports/uisp");
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// A network of a few records; nothing of the CRM unless given.
fn small(collections: &[(&str, Value)]) -> Lowered {
    let mut files: BTreeMap<String, Vec<u8>> = ["sites", "devices", "data-links"]
        .map(|name| (format!("{name}.json"), b"[]".to_vec()))
        .into();
    for (name, rows) in collections {
        files.insert(format!("{name}.json"), rows.to_string().into_bytes());
    }
    lower_files(&files)
}

impl Lowered {
    fn name(&self, id: &str) -> String {
        let node = self.records.nodes.iter().find(|n| *n.id == *id);
        node.map_or_else(|| id.to_owned(), |n| n.name.to_string())
    }

    fn nodes(&self) -> String {
        lines(self.records.nodes.iter().map(|n| {
            let parent = n.parent.as_ref().map(|p| self.name(&p.text));
            let mut line = format!("{} {} {}", n.kind.word(), n.name, known(n.capacity));
            if let Some(parent) = parent {
                write!(line, " in {parent}").unwrap();
            }
            line + if n.gateway { ", gateway" } else { "" }
        }))
    }

    fn links(&self) -> String {
        lines(self.records.links.iter().map(|l| {
            let capacity = known(Pair::new(l.ab, l.ba));
            let (a, b) = (self.name(&l.a), self.name(&l.b));
            format!("{a} - {b} {capacity} {:?}", l.state)
        }))
    }

    fn circuits(&self) -> String {
        lines(self.records.circuits.iter().map(|c| {
            let on: Vec<String> = c.attach.iter().map(|a| self.name(&a.text)).collect();
            let mut line = format!("{} {}", c.name, known(c.plan));
            if !on.is_empty() {
                write!(line, " on {}", on.join(", ")).unwrap();
            }
            if c.state == ServiceState::Suspended {
                line += " suspended";
            }
            if c.plan_origin.is_some() {
                line += " by the CRM";
            }
            if c.burst_bytes != Pair::default() {
                write!(
                    line,
                    " burst {}/{} bytes",
                    c.burst_bytes.down, c.burst_bytes.up
                )
                .unwrap();
            }
            for device in &c.devices {
                let claims: Vec<String> = device.claims.iter().map(|c| c.value.text()).collect();
                write!(line, "; {} {}", device.name, claims.join(" ")).unwrap();
            }
            line
        }))
    }

    /// Everything that was noted, with the place it points at.
    fn notes(&self) -> String {
        let e = &self.records.evidence;
        let at =
            |place: &Place| format!("{}{}", self.files.file(place.origin.file).path, place.route);
        let mut notes: Vec<String> = Vec::new();
        notes.extend(e.unreadable.iter().map(|u| {
            format!(
                "unreadable {}{}: {}",
                at(&u.place),
                if u.mandatory { "" } else { " (optional)" },
                u.message
            )
        }));
        notes.extend(e.missing.iter().map(|m| {
            format!(
                "missing {}{}: {}",
                m.collection,
                if m.optional { " (optional)" } else { "" },
                m.consequence
            )
        }));
        notes.extend(e.quarantined.iter().map(|q| {
            format!(
                "quarantined {} {}: {}",
                at(&q.place),
                q.id.as_deref().unwrap_or("?"),
                q.reason
            )
        }));
        notes.extend(e.odd_fields.iter().map(|o| {
            let needed = if o.required { " (needed)" } else { "" };
            format!(
                "odd {}{needed} {}: {}",
                at(&o.place),
                o.subject.name,
                o.what
            )
        }));
        notes.extend(e.dangling.iter().map(|d| {
            format!(
                "dangling {} {}: {} {}: {}",
                at(&d.place),
                d.subject.name,
                d.wanted_kind,
                d.wanted,
                d.consequence
            )
        }));
        notes.extend(e.repeats.iter().map(|r| {
            let kind = if r.identical { "repeat" } else { "conflict" };
            format!("{kind} {} {}", at(&r.place), r.subject.name)
        }));
        notes.extend(e.relays.iter().map(|r| {
            format!(
                "relay {} {} through {}",
                at(&r.place),
                r.circuit.name,
                r.relay.name
            )
        }));
        notes.extend(e.uplink_choices.iter().map(|u| {
            let rivals: Vec<String> = u.rivals.iter().map(|id| self.name(id)).collect();
            format!(
                "choice {} {}: {} over {}",
                at(&u.place),
                u.circuit.name,
                self.name(&u.chosen),
                rivals.join(", ")
            )
        }));
        notes.extend(
            e.dirty_text
                .iter()
                .map(|d| format!("dirty {} {}: {}", at(&d.place), d.subject.name, d.what)),
        );
        lines(notes.into_iter())
    }

    fn own_notes(&self) -> String {
        self.notes()
            .lines()
            .filter(|line| !line.starts_with("missing crm-"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

fn known(pair: Pair<Option<Kbps>>) -> String {
    let text = pair.map(|rate| rate.map_or("?".to_owned(), |rate| rate.mbps().to_string()));
    format!("{}/{}", text.down, text.up)
}

// ---- stories ----------------------------------------------------------------------------------------------

#[test]
fn the_dirty_export_as_a_network() {
    let lowered = lower_files(&example("dirty"));
    insta::assert_snapshot!(lowered.nodes(), @r"
    other BH-Gravel-Summit 2650/2500 in Gravel Pit Relay
    other BH-Cedar-Summit 1900/1900 in Cedar Hill Tower
    ap BH-Summit-Rio 620/410 in Summit NOC
    ap Río-AC-2 150/90 in Río Bravo Tower
    ap BH-Summit-Gravel 2700/2600 in Summit NOC
    ap BH-Gravel-NFork 900/900 in Gravel Pit Relay
    other BH-NFork-Cedar 300/290 in North Fork POP, Upper
    ap Cedar-S 176/44 in Cedar Hill Tower
    other BH-Rio-Summit 600/400 in Río Bravo Tower
    other core-rtr-1 ?/? in Summit NOC
    other CPE-Haidara 180/90 in Haidara Ranch (no CRM)
    ap BH-Cedar-NFork 310/310 in Cedar Hill Tower
    ap Gravel-Wave-E 2400/1100 in Gravel Pit Relay
    ap Río-LTU-1 480/160 in Río Bravo Tower
    ap Summit-LTU-1 420/140 in Summit NOC
    ap OldMill-1 45/30 in Old Mill
    other core-sw-1 ?/? in Summit NOC
    ap OLT-Summit-1 ?/? in Summit NOC
    other BH-NFork-Gravel 900/900 in North Fork POP, Upper
    ap Gravel-M5-W ?/? in Gravel Pit Relay
    ap Cedar-N 180/60 in Cedar Hill Tower
    ap Lab-AP 90/90 in Lab Bench
    ap NF-1 120.6/59.4 in North Fork POP, Upper
    ap BH-Summit-Cedar 1950/1950 in Summit NOC
    ap Cedar Hill Tower 90/60 in Cedar Hill Tower
    site Río Bravo Tower ?/? in Summit NOC
    site Cedar Hill Tower ?/? in Summit NOC
    site Lab Bench ?/? in Summit NOC
    site North Fork POP, Upper ?/? in Cedar Hill Tower
    site Haidara Ranch (no CRM) ?/? in Cedar Hill Tower
    site Gravel Pit Relay ?/? in Summit NOC
    site Summit NOC ?/?, gateway
    site Old Mill ?/?
    ");
    insta::assert_snapshot!(lowered.links(), @r"
    BH-Rio-Summit - BH-Summit-Rio 400/600 Up
    BH-Summit-Cedar - BH-Cedar-Summit 1900/1900 Up
    core-sw-1 - OLT-Summit-1 1000/1000 Up
    BH-Summit-Gravel - BH-Gravel-Summit 2650/2500 Up
    CPE-Haidara - Cedar-N 60/180 Up
    BH-NFork-Gravel - BH-Gravel-NFork 900/900 Down
    BH-Cedar-NFork - BH-NFork-Cedar 300/290 Up
    core-sw-1 - BH-Rio-Summit 1000/1000 Planned
    core-rtr-1 - core-sw-1 10000/10000 Up
    ");
    assert!(!lowered.records.evidence.no_gateway);
}

#[test]
fn the_dirty_export_as_circuits() {
    let lowered = lower_files(&example("dirty"));
    insta::assert_snapshot!(lowered.circuits(), @r"
    Pathway Dental 100/100 on Cedar-N; CPE-05 100.72.1.5/16
    Pathway Dental 100/100 on Gravel-Wave-E; CPE-06 100.72.2.6/16
    Sal Boone 50/10 on Gravel-M5-W suspended; CPE-07 100.72.2.7/16
    Cy Cidrip 100/20 on Río-LTU-1; CPE-37 100.72.3.37/24
    Amy Alder 100/20 on Cedar-N; CPE-01 100.72.1.1/16
    Vi Six 300/50 on Gravel-Wave-E; CPE-16 100.72.2.16/16 2001:db8:40:1600::/56 2001:db8:40:ff::16/64 fe80::27:22ff:fe00:16/64
    Fred Fraction 25.5/5.25 on Río-LTU-1; CPE-31 100.72.3.31/16
    Rita Router 100/20 on Cedar Hill Tower; CPE-14 100.72.1.14/16 192.168.1.1/24
    Finn Fiberless 100/100 on Cedar Hill Tower; CPE-21 100.72.1.21/16
    Rae Behind Relay 50/10 on NF-1; CPE-23 100.72.4.23/16
    Hal Halfset 50/10 on Cedar-S; CPE-09 100.72.1.9/16
    Routed Subnet Co-op 500/500 on NF-1; CPE-17 100.72.4.17/16 198.51.100.16/29
    Ben Burst 100/20 on Gravel-Wave-E burst 12800000/2560000 bytes; CPE-11 100.72.2.11/16
    Wes Wrongsite 50/10 on Cedar-N; CPE-36 100.72.1.36/16; CPE-EXC-35 100.72.1.35/16
    Tia Twobox 300/50 on Río-LTU-1; CPE-15 10.90.3.15/24; UDM-Twobox 203.0.113.115
    Flo Fastether 300/100 on Río-LTU-1; CPE-28 100.72.3.28/16
    Bo Bridge 100/20 on Cedar-S; CPE-13 10.90.1.13/24
    Olga Offqos 25/5 on Río-LTU-1; CPE-10 100.72.3.10/16
    Ivy Ipclash 50/10 on Gravel-M5-W; CPE-27 100.72.2.99/16
    Ian Ipclash 50/10 on Gravel-M5-W; CPE-26 100.72.2.99/16
    Dualhome Clinic 300/300 on Río-LTU-1; CPE-24-B 100.72.3.24/16; CPE-24-A 100.72.1.24/16
    Multi Service Bakery 50/50 on Río-LTU-1; CPE-18-whse 100.72.3.18/16
    Stu Slow 0.512/0.256 on Gravel-M5-W; CPE-30 100.72.2.30/16
    Fern Fiber 2500/2500 on OLT-Summit-1; ONU-29 203.0.113.129/26 2001:db8:40:2900::/56
    Eve Exception 100/20 on Cedar Hill Tower
    Multi Service Bakery 100/100 on Cedar-N; CPE-18-shop 100.72.1.18/16
    Nora Nullman 100/20 on Cedar-S by the CRM; CPE-08 100.72.1.8/16
    Relay Ranch 100/20 on NF-1; CPE-22 100.72.4.22/16; Relay-Ranch-AP 100.72.4.122/16
    Tom Temp Boost 150/40 on Río-LTU-1; CPE-38 100.72.3.38/16
    Max Miller 50/10 on OldMill-1; CPE-34 100.72.5.34/16
    Fay Future 100/20 on Río Bravo Tower
    Lee Labrat 100/100 on Lab-AP; CPE-33 100.72.6.33/16
    Jorge Rubio 50/10 on Cedar-N; CPE-02 100.72.1.2/16
    Zoë Müller-Õun 100/20 on Río-LTU-1; CPE-04 100.72.3.4/16
    Acme, LLC 500/500 on Cedar Hill Tower; CPE-03 203.0.113.66/27
    Opal Orphan Parent 50/10 on Río-AC-2; CPE-32 100.72.3.32/16
    Dee Dupdev 50/10 on Gravel-Wave-E; CPE-25 100.72.2.25/16
    Lou Linkonly 50/10 on NF-1; CPE-20 100.72.4.20/16
    ");
    let ids: Vec<&str> = lowered.records.circuits.iter().map(|c| &*c.id).collect();
    assert!(ids.is_sorted());
}

#[test]
fn what_is_odd_about_the_dirty_export() {
    let lowered = lower_files(&example("dirty"));
    insta::assert_snapshot!(lowered.notes(), @r#"
    odd crm-services.page-1.json/status (needed) Zoë Müller-Õun: is missing; read as active
    odd sites.json/identification/type Haidara Ranch (no CRM): is "site", but all its devices are stations of access points elsewhere and nothing hangs on it: it looks like a subscriber filed as a site; its traffic is not shaped
    odd sites.json/qos/downloadSpeed Pathway Dental: is 100/100 Mbit/s in the NMS, but CRM service 505 sells 500/500; the NMS is followed
    odd sites.json/qos/downloadSpeed Pathway Dental: is 100/100 Mbit/s in the NMS, but CRM service 506 sells 500/500; the NMS is followed
    odd sites.json/qos/downloadSpeed Fred Fraction: is 25.5/5.25 Mbit/s in the NMS, but CRM service 531 sells 25/5; the NMS is followed
    odd sites.json/qos/uploadSpeed Finn Fiberless: is 100/100 Mbit/s in the NMS, but CRM service 521 sells 100/20; the NMS is followed
    odd sites.json/qos/uploadSpeed Hal Halfset: is empty while the other direction is set; CRM service 509 fills it with 10 Mbit/s
    odd sites.json/qos/uploadSpeed Flo Fastether: is 300/100 Mbit/s in the NMS, but CRM service 528 sells 300/50; the NMS is followed
    odd sites.json/qos/downloadSpeed Dualhome Clinic: is 300/300 Mbit/s in the NMS, but CRM service 524 sells 500/500; the NMS is followed
    odd sites.json/qos/uploadSpeed Multi Service Bakery: is 50/50 Mbit/s in the NMS, but CRM service 1802 sells 50/10; the NMS is followed
    odd sites.json/qos/downloadSpeed Stu Slow: is 0.512/0.256 Mbit/s in the NMS, but CRM service 530 sells 0.5/0.25; the NMS is followed
    odd sites.json/qos/downloadSpeed Multi Service Bakery: is 100/100 Mbit/s in the NMS, but CRM service 1801 sells 500/500; the NMS is followed
    odd sites.json/qos/uploadSpeed Lee Labrat: is 100/100 Mbit/s in the NMS, but CRM service 533 sells 100/20; the NMS is followed
    repeat sites.json Dee Dupdev
    conflict devices.json CPE-25
    relay devices.json/attributes/apDevice Rae Behind Relay through Relay Ranch
    choice devices.json/attributes/apDevice Dualhome Clinic: Río-LTU-1 over Cedar-N
    "#);
    insta::assert_debug_snapshot!(lowered.records.evidence.read, @r#"
    [
        (
            "sites",
            47,
        ),
        (
            "devices",
            67,
        ),
        (
            "data-links",
            47,
        ),
        (
            "crm-services",
            40,
        ),
        (
            "crm-plans",
            8,
        ),
        (
            "crm-clients",
            37,
        ),
    ]
    "#);
}

#[test]
fn the_quickstart_export_is_nearly_clean() {
    let lowered = lower_files(&example("quickstart"));
    insta::assert_snapshot!(lowered.notes(), @r"
    odd sites.json/qos/uploadSpeed Flo Fastether: is 300/100 Mbit/s in the NMS, but CRM service 528 sells 300/50; the NMS is followed
    relay devices.json/attributes/apDevice Rae Behind Relay through Relay Ranch
    choice devices.json/attributes/apDevice Dualhome Clinic: Río-LTU-1 over Cedar-N
    ");
    assert_eq!(lowered.records.circuits.len(), 39);
}

/// What one more record changes in the dirty export, where it takes the place of the row with its id or its
/// name: lines that come, and lines that go.
fn change(collection: &str, record: &Value) -> String {
    let mut files = example("dirty");
    let name = |row: &Value| row["identification"]["name"].clone();
    let id = |row: &Value| match &row["id"] {
        Value::Null => row["identification"]["id"].clone(),
        id => id.clone(),
    };
    let all = |lowered: &Lowered| {
        [
            lowered.nodes(),
            lowered.links(),
            lowered.circuits(),
            lowered.notes(),
        ]
        .join("\n")
    };
    let before = all(&lower_files(&files));
    let file = files.get_mut(&format!("{collection}.json")).unwrap();
    let mut rows: Vec<Value> = serde_json::from_slice(file).unwrap();
    let same = |row: &Value| {
        id(row) == id(record) || (collection == "devices" && name(row) == name(record))
    };
    rows.retain(|row| !same(row));
    rows.push(record.clone());
    *file = Value::from(rows).to_string().into_bytes();
    let after = all(&lower_files(&files));
    let only = |sign, one: &str, other: &str| {
        let lines = one
            .lines()
            .filter(|line| !other.lines().any(|l| l == *line));
        lines
            .map(|line| format!("{sign} {line}"))
            .collect::<Vec<_>>()
    };
    [only('-', &before, &after), only('+', &after, &before)]
        .concat()
        .join("\n")
}

/// Records whose types drifted, each of which made another importer give up on everything.
fn drifted(collection: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/sources/uisp/tests/type-drift")
        .join(format!("{collection}.json"));
    let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    rows.iter().map(|row| change(collection, row)).collect()
}

#[test]
fn sites_whose_types_drifted() {
    let changes = drifted("sites");
    assert_eq!(changes.len(), 6);
    // No `qos`, and a service the CRM export does not hold.
    insta::assert_snapshot!(changes[0], @r"
    + Amy Alder ?/? on Cedar Hill Tower
    + odd sites.json/qos Amy Alder: is missing: the NMS states no speeds
    ");
    // `suspended` is missing, `parent` is empty.
    insta::assert_snapshot!(changes[1], @r"
    + Jorge Rubio 50/10
    + odd sites.json/identification/parent Jorge Rubio: has no id; left out
    ");
    // Type `client`, a line break in the name.
    insta::assert_snapshot!(changes[2], @r#"
    + quarantined sites.json bc09331f-8599-56d9-a40a-010000c0e732: identification.type is "client", neither site nor endpoint
    "#);
    // A speed as text, a service status of null.
    insta::assert_snapshot!(changes[3], @r"
    + Zoë Müller-Õun 100/20 on Río Bravo Tower
    + odd sites.json/qos/downloadSpeed Zoë Müller-Õun: is text where a number belongs; read as 100000000
    + odd sites.json/ucrm/service/status (needed) Zoë Müller-Õun: is missing; read as active
    ");
    // Two subscribers that are each other's parents.
    insta::assert_snapshot!(changes[4], @"+ odd sites.json/identification/parent/id Pathway Dental: names another subscriber as the parent; left out, its radio says where it hangs");
    insta::assert_snapshot!(changes[5], @"+ odd sites.json/identification/parent/id Pathway Dental: names another subscriber as the parent; left out, its radio says where it hangs");
}

#[test]
fn devices_whose_types_drifted() {
    let changes = drifted("devices");
    assert_eq!(changes.len(), 5);
    // A `linkScoreHint` of null, which is not read.
    insta::assert_snapshot!(changes[0], @"+ dangling data-links.json/to/device/identification/id uisp:link:c2f72b65-dd7d-5f87-8557-816a19f529a7: device 17274ce3-db52-5528-9d2f-12c297dda8e2: the site of this end is used in its place");
    // No hardware address, no overview, no interfaces, an empty address.
    insta::assert_snapshot!(changes[1], @r"
    - Jorge Rubio 50/10 on Cedar-N; CPE-02 100.72.1.2/16
    + Jorge Rubio 50/10 on Cedar-N; CPE-02 
    + odd devices.json/ipAddress CPE-02: is empty text; read as no address
    + dangling data-links.json/to/device/identification/id uisp:link:49049878-9e2b-5f45-9c6c-a3b3b293d50f: device e5046a54-715c-5185-9648-619b9fea6129: the site of this end is used in its place
    ");
    // `apDevice` is a name.
    insta::assert_snapshot!(changes[2], @r#"
    - Acme, LLC 500/500 on Cedar Hill Tower; CPE-03 203.0.113.66/27
    + Acme, LLC 500/500 on Cedar-N; CPE-03 203.0.113.66/27
    + odd devices.json/attributes/apDevice CPE-03: has no id; read as the access point named "Cedar-N", d7df9370-b95e-5f14-aa19-1e2575d38369
    + dangling data-links.json/to/device/identification/id uisp:link:f86a72b1-b33a-5411-a4c8-aa7774e1ab1e: device bcd799e7-3868-5edd-8df7-fda353c9e916: the site of this end is used in its place
    "#);
    // A host name for an address, a capacity of -1.
    insta::assert_snapshot!(changes[3], @r"
    - Zoë Müller-Õun 100/20 on Río-LTU-1; CPE-04 100.72.3.4/16
    + Zoë Müller-Õun 100/20 on Río-LTU-1; CPE-04 cpe-04.mgmt.example 100.72.3.4/16
    + odd devices.json/overview/uplinkCapacity CPE-04: is negative (-1); left out
    + dangling data-links.json/to/device/identification/id uisp:link:8615b42c-82b0-5b99-a477-006737d3db51: device 0142acba-9257-5215-82a4-3817b58f5f5c: the site of this end is used in its place
    ");
    // Fractions where whole numbers are usual.
    insta::assert_snapshot!(changes[4], @"+ dangling data-links.json/to/device/identification/id uisp:link:7ff15046-b0d1-530c-a3be-c4d163173468: device 610766ab-1d56-571b-a8b3-7bfdf81abd01: the site of this end is used in its place");
}

#[test]
fn links_whose_types_drifted() {
    let changes = drifted("data-links");
    assert_eq!(changes.len(), 3);
    // An end of null.
    insta::assert_snapshot!(changes[0], @r"
    - BH-Summit-Gravel - BH-Gravel-Summit 2650/2500 Up
    + quarantined data-links.json 963ba2eb-d89b-54b1-ba76-bb1c02f3a536: has no `from` end: no device and no site
    ");
    // A device that is not in the export.
    insta::assert_snapshot!(changes[1], @r"
    - BH-Rio-Summit - BH-Summit-Rio 400/600 Up
    + BH-Rio-Summit - Summit NOC 400/600 Up
    + dangling data-links.json/to/device/identification/id uisp:link:2a344981-d240-55b5-a045-850b52eae1d7: device 4b320ac4-9e3c-5060-a37c-3b9907b143d1: the site of this end is used in its place
    ");
    // A link from a device to itself.
    insta::assert_snapshot!(changes[2], @r"
    - BH-Cedar-NFork - BH-NFork-Cedar 300/290 Up
    + BH-Cedar-NFork - BH-Cedar-NFork 310/310 Up
    ");
}

#[test]
fn the_order_of_the_rows_decides_nothing() {
    let files = example("dirty");
    let turned: BTreeMap<String, Vec<u8>> = files
        .iter()
        .map(|(name, bytes)| {
            let mut rows: Vec<Value> = serde_json::from_slice(bytes).unwrap();
            rows.reverse();
            (name.clone(), Value::from(rows).to_string().into_bytes())
        })
        .collect();
    let (one, other) = (lower_files(&files), lower_files(&turned));
    assert_eq!(one.nodes(), other.nodes());
    assert_eq!(one.links(), other.links());
    assert_eq!(one.circuits(), other.circuits());
    let sorted = |lowered: &Lowered| {
        let notes = lowered.notes();
        let mut notes: Vec<String> = notes.lines().map(ToOwned::to_owned).collect();
        notes.sort();
        notes
    };
    assert_eq!(sorted(&one), sorted(&other));
}

#[test]
fn every_place_points_into_its_record() {
    let lowered = lower_files(&example("dirty"));
    let records = &lowered.records;
    let parse = |origin| -> Value { serde_json::from_slice(&lowered.files.bytes(origin)).unwrap() };
    for circuit in &records.circuits {
        assert_eq!(parse(circuit.origin)["id"], *circuit.id);
        let plan = parse(circuit.plan_origin.unwrap_or(circuit.origin));
        assert!(
            plan.pointer(circuit.plan_route.down).is_some(),
            "{}",
            circuit.id
        );
        assert!(
            plan.pointer(circuit.plan_route.up).is_some(),
            "{}",
            circuit.id
        );
        for device in &circuit.devices {
            let row = parse(device.origin);
            for claim in &device.claims {
                let text = row.pointer(&claim.route).and_then(Value::as_str).unwrap();
                assert!(text.starts_with(&claim.value.text()), "{text}");
            }
        }
    }
    for odd in &records.evidence.odd_fields {
        let row = parse(odd.place.origin);
        assert!(row.pointer(&odd.place.route).is_some(), "{odd:?}");
    }
}

// ---- rules ------------------------------------------------------------------------------------------------

fn site(id: &str, kind: &str, parent: Option<&str>) -> Value {
    json!({
        "id": id,
        "identification": { "id": id, "name": id, "type": kind, "suspended": false, "parent": parent.map(|p| json!({"id": p})) },
        "qos": { "downloadSpeed": 100_000_000, "uploadSpeed": 20_000_000 },
    })
}

fn endpoint(id: &str, parent: Option<&str>) -> Value {
    site(id, "endpoint", parent)
}

fn tower(id: &str) -> Value {
    site(id, "site", None)
}

fn device(id: &str, role: &str, site: &str) -> Value {
    json!({ "identification": { "id": id, "name": id, "type": "airMax", "role": role, "site": { "id": site } } })
}

/// A radio: role, capacity toward the station and back in Mbit/s, the access point it names.
fn radio(id: &str, role: &str, site: &str, mbps: [u64; 2], ap: Option<&str>) -> Value {
    let mut device = device(id, role, site);
    device["overview"] =
        json!({ "downlinkCapacity": mbps[0] * 1_000_000, "uplinkCapacity": mbps[1] * 1_000_000 });
    device["attributes"] = json!({ "apDevice": ap.map(|ap| json!({ "id": ap })) });
    device
}

/// An end: a device, or a site.
fn end(what: &str) -> Value {
    let (kind, id) = what.split_once(' ').unwrap();
    json!({ kind: { "identification": { "id": id } } })
}

fn link(id: &str, from: &str, to: &str, kind: &str, state: &str) -> Value {
    json!({ "id": id, "from": end(from), "to": end(to), "type": kind, "state": state, "canDelete": true })
}

fn service(id: u32, site: &str, status: Value, mbps: [f64; 2]) -> Value {
    json!({
        "id": id, "clientId": 1, "status": status, "name": format!("S{id}"), "servicePlanType": "Internet",
        "downloadSpeed": mbps[0], "uploadSpeed": mbps[1], "unmsClientSiteId": site,
    })
}

#[test]
fn a_subscriber_hangs_on_what_is_trusted_most() {
    let towers = [tower("t"), tower("u")];
    let radios = [
        radio("ap1", "ap", "t", [200, 50], None),
        radio("ap2", "ap", "u", [300, 60], None),
        device("sw", "switch", "t"),
    ];
    let check = |own: &[Value], links: &[Value], want: &str, notes: &str| {
        let sites = [&towers[..], &[endpoint("e", Some("t"))]].concat();
        let lowered = small(&[
            ("sites", sites.into()),
            ("devices", [&radios[..], own].concat().into()),
            ("data-links", links.to_vec().into()),
        ]);
        assert_eq!(
            lowered.records.circuits[0].attach.first().map(|a| &*a.text),
            Some(want),
            "{own:?} {links:?}"
        );
        assert_eq!(lowered.own_notes(), notes);
    };
    let cpe = |id, mbps, ap| radio(id, "station", "e", mbps, ap);
    let up = |id, to| link(id, "device c", to, "wireless", "active");
    // What the station says comes before any link.
    check(
        &[cpe("c", [1, 1], Some("ap1"))],
        &[up("l", "device ap2")],
        "uisp:device:ap1",
        "",
    );
    // Then a link to an access point before one to anything else, whichever end it is.
    check(
        &[cpe("c", [1, 1], None)],
        &[
            up("k", "device sw"),
            link("l", "device ap2", "device c", "wireless", "active"),
        ],
        "uisp:device:ap2",
        "",
    );
    check(
        &[cpe("c", [1, 1], None)],
        &[up("l", "device sw")],
        "uisp:device:sw",
        "",
    );
    check(
        &[cpe("c", [1, 1], None)],
        &[up("l", "site u")],
        "uisp:site:u",
        "",
    );
    check(
        &[],
        &[link("l", "site e", "device ap2", "wireless", "active")],
        "uisp:device:ap2",
        "",
    );
    // Links that are not up say nothing.
    for state in ["disconnected", "disabled", "proposed"] {
        check(
            &[cpe("c", [1, 1], None)],
            &[link("l", "device c", "device ap2", "wireless", state)],
            "uisp:site:t",
            "",
        );
    }
    // Of two radios the one that can carry more; with equal ones the smaller id.
    check(
        &[
            cpe("c", [100, 100], Some("ap1")),
            cpe("d", [100, 55], Some("ap2")),
        ],
        &[],
        "uisp:device:ap2",
        "choice devices.json/attributes/apDevice e: ap2 over ap1",
    );
    check(
        &[
            cpe("c", [10, 10], Some("ap2")),
            cpe("d", [10, 10], Some("ap1")),
        ],
        &[],
        "uisp:device:ap1",
        "choice devices.json/attributes/apDevice e: ap1 over ap2",
    );
    // Two radios on one access point are no choice.
    check(
        &[
            cpe("c", [10, 10], Some("ap2")),
            cpe("d", [20, 10], Some("ap2")),
        ],
        &[],
        "uisp:device:ap2",
        "",
    );
    // What is named and not there leaves the next.
    check(
        &[cpe("c", [1, 1], Some("gone"))],
        &[],
        "uisp:site:t",
        "dangling devices.json/attributes/apDevice c: device gone: its uplink is taken from its data links or the \
         parent of its site",
    );
    // An access point of the subscriber's own is not above it.
    check(
        &[cpe("c", [1, 1], Some("own")), device("own", "ap", "e")],
        &[],
        "uisp:site:t",
        "",
    );
}

#[test]
fn a_subscriber_without_any_hint_hangs_nowhere() {
    let lowered = small(&[(
        "sites",
        json!([
            endpoint("e", None),
            endpoint("f", Some("gone")),
            endpoint("g", Some("g"))
        ]),
    )]);
    assert!(lowered.records.circuits.iter().all(|c| c.attach.is_empty()));
    insta::assert_snapshot!(lowered.own_notes(), @"dangling sites.json/identification/parent/id f: site gone: only its radio and its data links can say where it hangs");
}

#[test]
fn a_subscriber_behind_subscribers_hangs_where_the_first_one_hangs() {
    let station = |id, site, ap| radio(id, "station", site, [10, 10], Some(ap));
    let lowered = small(&[
        (
            "sites",
            json!([
                tower("t"),
                endpoint("a", None),
                endpoint("b", None),
                endpoint("c", Some("t")),
                endpoint("p", Some("b")),
                endpoint("q", None),
                endpoint("x", Some("t")),
                endpoint("y", None),
                endpoint("z", None),
            ]),
        ),
        (
            "devices",
            json!([
                device("ap", "ap", "t"),
                // c behind b behind a, and p says so only as its parent, q only by a link.
                station("a1", "a", "ap"),
                device("a2", "ap", "a"),
                station("b1", "b", "a2"),
                device("b2", "ap", "b"),
                station("c1", "c", "b2"),
                device("q1", "station", "q"),
                // x and y relay each other, z is behind them.
                station("x1", "x", "y2"),
                device("x2", "ap", "x"),
                station("y1", "y", "x2"),
                device("y2", "ap", "y"),
                station("z1", "z", "x2"),
            ]),
        ),
        (
            "data-links",
            json!([link("l", "device b2", "device q1", "wireless", "active")]),
        ),
    ]);
    let hangs = lowered.records.circuits.iter().map(|c| {
        let on = c.attach.first().map_or("nothing", |a| &*a.text);
        format!("{} on {on}", c.id)
    });
    insta::assert_snapshot!(lines(hangs), @r"
    a on uisp:device:ap
    b on uisp:device:ap
    c on uisp:device:ap
    p on uisp:device:ap
    q on uisp:device:ap
    x on uisp:site:t
    y on nothing
    z on uisp:site:t
    ");
    insta::assert_snapshot!(lowered.own_notes(), @r"
    odd devices.json/attributes/apDevice x: leads through other subscribers back to this one; left out
    odd devices.json/attributes/apDevice y: leads through other subscribers back to this one; left out
    relay devices.json/attributes/apDevice b through a
    relay devices.json/attributes/apDevice c through b
    relay sites.json/identification/parent/id p through b
    relay data-links.json q through b
    relay devices.json/attributes/apDevice z through x
    ");
}

#[test]
fn the_plan_is_the_nms_s_and_the_crm_fills_what_is_empty() {
    let check = |nms: [Option<u64>; 2], service: Option<Value>, want: &str| {
        let mut site = endpoint("e", None);
        site["qos"] = json!({ "downloadSpeed": nms[0], "uploadSpeed": nms[1] });
        let lowered = small(&[
            ("sites", json!([site])),
            ("crm-services", json!(service.as_slice())),
        ]);
        assert_eq!(
            format!("{}\n{}", lowered.circuits(), lowered.own_notes()),
            want
        );
    };
    let m = 1_000_000;
    let sold = service(5, "e", 1.into(), [50.0, 10.5]);
    check([Some(100 * m), Some(20 * m)], None, "e 100/20\n");
    check(
        [Some(50 * m), Some(10_500_000)],
        Some(sold.clone()),
        "e 50/10.5\n",
    );
    check(
        [Some(100 * m), Some(20 * m)],
        Some(sold.clone()),
        "e 100/20\nodd sites.json/qos/downloadSpeed e: is 100/20 Mbit/s in the NMS, but CRM service 5 sells 50/10.5; the \
         NMS is followed",
    );
    check([None, None], Some(sold.clone()), "e 50/10.5 by the CRM\n");
    check(
        [Some(0), Some(0)],
        Some(sold.clone()),
        "e 50/10.5 by the CRM\n",
    );
    check(
        [Some(100 * m), None],
        Some(sold.clone()),
        "e 100/10.5\nodd sites.json/qos/uploadSpeed e: is empty while the other direction is set; CRM service 5 fills it \
         with 10.5 Mbit/s",
    );
    check([Some(100 * m), None], None, "e 100/?\n");
    check([None, None], None, "e ?/?\n");
    // An override counts only while it is switched on, and only where it has a value.
    let mut boosted = sold.clone();
    boosted["downloadSpeedOverride"] = json!(80);
    check(
        [None, None],
        Some(boosted.clone()),
        "e 50/10.5 by the CRM\n",
    );
    boosted["trafficShapingOverrideEnabled"] = json!(true);
    check([None, None], Some(boosted), "e 80/10.5 by the CRM\n");
    // Television has no speeds and is not the Internet.
    let mut television = sold.clone();
    television["servicePlanType"] = json!("General");
    check(
        [Some(100 * m), Some(20 * m)],
        Some(television),
        "e 100/20\n",
    );
    // A speed that is none is left out, and the direction is unknown.
    let mut odd = sold;
    odd["uploadSpeed"] = json!(-1);
    check(
        [None, None],
        Some(odd),
        "e 50/? by the CRM\nodd crm-services.json/uploadSpeed (needed) e: is negative (-1); left out",
    );
}

#[test]
fn only_live_services_make_circuits() {
    let check = |status: Value, want: &str| {
        let mut site = endpoint("e", None);
        site["qos"] = json!({});
        let lowered = small(&[
            ("sites", json!([site])),
            (
                "crm-services",
                json!([service(5, "e", status, [50.0, 10.0])]),
            ),
        ]);
        assert_eq!(
            format!("{}\n{}", lowered.circuits(), lowered.own_notes()),
            want
        );
    };
    check(json!(1), "e 50/10 by the CRM\n");
    check(json!(3), "e 50/10 suspended by the CRM\n");
    for status in [0, 2, 4, 5, 6, 7] {
        check(json!(status), "e ?/?\n");
    }
    check(
        json!(8),
        "e 50/10 by the CRM\nodd crm-services.json/status e: is 8, an unknown service status; read as active",
    );
    check(
        json!("1"),
        "e 50/10 by the CRM\nodd crm-services.json/status e: is text where a number belongs; read as 1",
    );
    check(
        json!(null),
        "e 50/10 by the CRM\nodd crm-services.json/status (needed) e: is missing; read as active",
    );
}

#[test]
fn one_endpoint_with_several_services() {
    let files = |nms_suspended: bool| {
        let mut e = endpoint("e", Some("t"));
        e["identification"]["suspended"] = json!(nms_suspended);
        small(&[
            ("sites", json!([tower("t"), e, endpoint("over", None)])),
            (
                "devices",
                json!([
                    { "identification": { "id": "c", "name": "c", "site": { "id": "e" } }, "ipAddress": "100.64.0.9" },
                    { "identification": { "id": "d", "name": "d", "site": { "id": "over" } }, "ipAddress": "100.64.0.8" },
                ]),
            ),
            (
                "crm-services",
                json!([
                    service(10, "e", 1.into(), [60.0, 6.0]),
                    service(9, "e", 1.into(), [100.0, 20.0]),
                    service(8, "e", 3.into(), [70.0, 7.0]),
                    service(7, "e", 2.into(), [80.0, 8.0]),
                    service(6, "over", 2.into(), [80.0, 8.0]),
                ]),
            ),
        ])
    };
    let lowered = files(false);
    insta::assert_snapshot!(lowered.circuits(), @r"
    e 100/20 on t; c 100.64.0.9
    e (S10) 60/6 on t
    e (S8) 70/7 on t suspended
    over 100/20; d 100.64.0.8
    ");
    insta::assert_snapshot!(lowered.own_notes(), @r"
    odd crm-services.json/unmsClientSiteId e (S10): names the site of service 9, which keeps all its addresses; this one is left without any
    odd crm-services.json/unmsClientSiteId e (S8): names the site of service 9, which keeps all its addresses; this one is left without any
    odd crm-services.json/status over: says that the service is over, but its site still has devices; they are shaped with the speeds of the NMS
    ");
    let ids: Vec<&str> = lowered.records.circuits.iter().map(|c| &*c.id).collect();
    assert_eq!(ids, ["e", "e/10", "e/8", "over"]);
    let suspended = files(true);
    let states: Vec<ServiceState> = suspended.records.circuits.iter().map(|c| c.state).collect();
    assert_eq!(states[..3], [ServiceState::Suspended; 3]);
}

#[test]
fn without_the_crm_the_nms_knows_the_state_and_the_customer() {
    let mut e = endpoint("e", None);
    e["identification"]["name"] = Value::Null;
    e["ucrm"] = json!({ "client": { "id": "7", "name": "Rubio, Jorge" }, "service": { "id": "70", "status": 3 } });
    let lowered = small(&[("sites", json!([e]))]);
    assert_eq!(lowered.circuits(), "Jorge Rubio 100/20 suspended");
    insta::assert_snapshot!(lowered.notes(), @r"
    missing crm-services (optional): speeds and states come from the NMS alone
    missing crm-plans (optional): a service that states no speeds of its own has none
    missing crm-clients (optional): a subscriber without a name in the NMS is shown by its id
    odd sites.json/identification/name (needed) Jorge Rubio: is missing; the name of the customer is shown
    ");
}

#[test]
fn services_that_name_what_is_not_there() {
    let mut nowhere = service(1, "e", 1.into(), [50.0, 10.0]);
    nowhere["unmsClientSiteId"] = Value::Null;
    let mut unknown = service(4, "e", 1.into(), [50.0, 10.0]);
    unknown["servicePlanId"] = json!(99);
    unknown["clientId"] = json!(98);
    let mut by_plan = service(5, "f", 1.into(), [0.0, 0.0]);
    by_plan["servicePlanId"] = json!(3);
    by_plan["downloadSpeed"] = Value::Null;
    let mut f = endpoint("f", None);
    f["qos"] = json!({});
    let lowered = small(&[
        ("sites", json!([tower("t"), endpoint("e", None), f])),
        (
            "crm-services",
            json!([
                nowhere,
                service(2, "gone", 1.into(), [50.0, 10.0]),
                service(3, "t", 1.into(), [50.0, 10.0]),
                unknown,
                by_plan,
                service(6, "gone", 2.into(), [50.0, 10.0]),
            ]),
        ),
        (
            "crm-plans",
            json!([{ "id": 3, "downloadSpeed": 30, "uploadSpeed": 3 }]),
        ),
        (
            "crm-clients",
            json!([{ "id": 1, "firstName": "A", "lastName": "B" }]),
        ),
    ]);
    assert_eq!(lowered.circuits(), "e 100/20\nf 30/3 by the CRM");
    insta::assert_snapshot!(lowered.notes(), @r"
    odd crm-services.json/unmsClientSiteId S1: is missing: an Internet service that belongs to no site cannot be shaped
    odd crm-services.json/unmsClientSiteId t: names a site that is no subscriber; the service is not shaped
    odd sites.json/qos/downloadSpeed e: is 100/20 Mbit/s in the NMS, but CRM service 4 sells 50/10; the NMS is followed
    dangling crm-services.json/unmsClientSiteId S2: site gone: the service is not shaped
    dangling crm-services.json/servicePlanId e: service plan 99: only the speeds of the service itself are known
    dangling crm-services.json/clientId e: client 98: the name of the customer is not known
    ");
}

/// A radio that reboots makes its site `disconnected` for a minute.
#[test]
fn a_state_of_a_site_or_a_device_unshapes_nobody() {
    let lowered = |status: &str| {
        let mut e = endpoint("e", Some("t"));
        e["identification"]["status"] = json!(status);
        let mut t = tower("t");
        t["identification"]["status"] = json!(status);
        let mut ap = radio("ap", "ap", "t", [200, 50], None);
        ap["overview"]["status"] = json!(status);
        let mut cpe = radio("c", "station", "e", [100, 50], Some("ap"));
        cpe["identification"]["status"] = json!(status);
        cpe["overview"]["status"] = json!(status);
        cpe["ipAddress"] = json!("100.64.0.9");
        let lowered = small(&[("sites", json!([t, e])), ("devices", json!([ap, cpe]))]);
        [lowered.nodes(), lowered.circuits(), lowered.own_notes()]
    };
    let active = lowered("active");
    assert_eq!(active[1], "e 100/20 on ap; c 100.64.0.9");
    for status in ["disconnected", "inactive", "unauthorized", "who knows"] {
        assert_eq!(lowered(status), active, "{status}");
    }
}

#[test]
fn links_are_turned_by_which_end_is_the_access_point() {
    let check = |a: Value, b: Value, want: &str| {
        let lowered = small(&[
            ("sites", json!([tower("t"), tower("u")])),
            ("devices", json!([a, b])),
            (
                "data-links",
                json!([link("l", "device a", "device b", "wireless", "active")]),
            ),
        ]);
        let link = &lowered.records.links[0];
        assert_eq!(known(Pair::new(link.ab, link.ba)), want);
        lowered.own_notes()
    };
    let a = |role, mbps| radio("a", role, "t", mbps, None);
    let b = |role, mbps| radio("b", role, "u", mbps, None);
    // The smaller of both ends in each direction; down is toward the station.
    assert_eq!(
        check(a("ap", [300, 100]), b("station", [200, 150]), "200/100"),
        ""
    );
    assert_eq!(
        check(a("station", [300, 100]), b("ap", [200, 150]), "100/200"),
        ""
    );
    // What a station says about its access point comes before the roles.
    let names_a = radio("b", "ap", "u", [200, 150], Some("a"));
    assert_eq!(check(a("ap", [300, 100]), names_a.clone(), "200/100"), "");
    assert_eq!(check(a("station", [300, 100]), names_a, "200/100"), "");
    // One role is enough, then the modes, then the larger capacity in both directions.
    assert_eq!(
        check(a("other", [300, 100]), b("station", [200, 150]), "200/100"),
        ""
    );
    let mut mode = a("ap", [300, 100]);
    mode["overview"]["wirelessMode"] = json!("sta-ptp");
    assert_eq!(check(mode, b("ap", [200, 150]), "100/200"), "");
    assert_eq!(
        check(a("ap", [300, 100]), b("ap", [200, 100]), "200/200"),
        "odd data-links.json uisp:link:l: does not show which end is the access point; the larger of the two capacities \
         is used in both directions"
    );
    assert_eq!(check(a("ap", [90, 90]), b("ap", [200, 100]), "90/90"), "");
    // Nothing known is nothing limited.
    assert_eq!(check(a("ap", [0, 0]), b("station", [200, 0]), "200/?"), "");
    assert_eq!(
        check(
            device("a", "router", "t"),
            device("b", "switch", "u"),
            "?/?"
        ),
        ""
    );
}

#[test]
fn wires_have_the_speed_of_their_ports() {
    let port = |id: &str, site: &str, speed: Value| {
        let mut device = device(id, "switch", site);
        device["interfaces"] = json!([
            { "identification": { "name": "eth0" }, "status": { "currentSpeed": "10-half" } },
            { "identification": { "name": "sfp1" }, "status": { "currentSpeed": speed } },
        ]);
        device
    };
    for (a, b, want) in [
        (json!("10000-full"), json!("2.5Gbps-full"), "2500/2500"),
        (json!("100Mbps-Full"), json!("1000-full"), "100/100"),
        (json!("1000-full"), json!(null), "1000/1000"),
        (json!("auto"), json!(""), "?/?"),
    ] {
        let mut wire = link("l", "device a", "device b", "ethernet", "active");
        wire["from"]["interface"] =
            json!({ "identification": { "name": "sfp1" }, "status": { "currentSpeed": null } });
        wire["to"]["interface"] = json!({ "identification": { "name": "sfp1" } });
        let lowered = small(&[
            ("sites", json!([tower("t"), tower("u")])),
            ("devices", json!([port("a", "t", a), port("b", "u", b)])),
            ("data-links", json!([wire])),
        ]);
        let link = &lowered.records.links[0];
        assert_eq!(known(Pair::new(link.ab, link.ba)), want);
    }
}

#[test]
fn link_states() {
    for (state, want, notes) in [
        ("active", LinkState::Up, ""),
        ("disconnected", LinkState::Down, ""),
        ("disabled", LinkState::Down, ""),
        ("proposed", LinkState::Planned, ""),
        (
            "weird",
            LinkState::Down,
            "odd data-links.json/state uisp:link:l: is \"weird\", an unknown state; read as down",
        ),
    ] {
        let lowered = small(&[
            ("sites", json!([tower("t"), tower("u")])),
            (
                "data-links",
                json!([link("l", "site t", "site u", "ethernet", state)]),
            ),
        ]);
        assert_eq!(lowered.records.links[0].state, want);
        assert_eq!(lowered.own_notes(), notes);
    }
}

#[test]
fn links_that_cannot_be_deleted_mark_gateways() {
    let check = |to: Value, state: &str, want: &[&str]| {
        let mut out = link("l", "device r", "site t", "ethernet", state);
        out["to"] = to;
        out["canDelete"] = json!(false);
        let lowered = small(&[
            (
                "sites",
                json!([tower("t"), tower("u"), endpoint("e", None)]),
            ),
            ("devices", json!([device("r", "router", "t")])),
            ("data-links", json!([out])),
        ]);
        let nodes = lowered.records.nodes.iter().filter(|n| n.gateway);
        let gateways: Vec<&str> = nodes.map(|n| &*n.name).collect();
        assert_eq!(gateways, want);
        assert_eq!(lowered.records.evidence.no_gateway, want.is_empty());
        assert!(lowered.records.links.is_empty());
        assert_eq!(lowered.own_notes(), "");
    };
    let nothing = json!({ "device": null, "site": null });
    check(nothing.clone(), "active", &["t"]);
    check(Value::Null, "active", &["t"]);
    // A way out that is down is still the way out; a planned one is not.
    check(nothing.clone(), "disconnected", &["t"]);
    check(nothing, "proposed", &[]);
    check(end("site u"), "active", &["t", "u"]);
    check(end("site e"), "active", &["t"]);
}

#[test]
fn what_kind_of_node_a_device_is_and_what_it_carries() {
    let check = |role: &str, kind: &str, overview: Value, dl_ratio: Value, want: &str| {
        let mut row = device("d", role, "t");
        row["identification"]["type"] = json!(kind);
        row["overview"] = overview;
        row["interfaces"] = json!([{ "wireless": null }, { "wireless": { "dlRatio": dl_ratio } }]);
        let lowered = small(&[("sites", json!([tower("t")])), ("devices", json!([row]))]);
        let node = &lowered.records.nodes[0];
        let mut got = format!("{} {}", node.kind.word(), known(node.capacity));
        let notes = lowered.own_notes();
        if !notes.is_empty() {
            got = format!("{got}\n{notes}");
        }
        assert_eq!(got, want);
    };
    let m = 1_000_000u64;
    let both = json!({ "downlinkCapacity": 220 * m, "uplinkCapacity": 180 * m, "wirelessMode": "ap-ptmp" });
    let with = |more: Value| {
        let mut overview = both.clone();
        overview
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        overview
    };
    check("ap", "airFiber", both.clone(), json!(75), "ap 220/180");
    check(
        "station",
        "airMax",
        both.clone(),
        json!(75),
        "other 220/180",
    );
    check("switch", "uisps", Value::Null, Value::Null, "other ?/?");
    check(
        "router",
        "uispr",
        json!({ "downlinkCapacity": 0, "uplinkCapacity": null }),
        Value::Null,
        "other ?/?",
    );
    check("gpon", "olt", Value::Null, Value::Null, "ap ?/?");
    check("gpon", "onu", Value::Null, Value::Null, "other ?/?");
    // A shared capacity is split by the download ratio.
    check(
        "ap",
        "airMax",
        with(json!({ "totalCapacity": 240 * m })),
        json!(75),
        "ap 180/60",
    );
    check("ap", "airMax", both.clone(), json!(75), "ap 165/55");
    check("ap", "airMax", both.clone(), json!(0.75), "ap 165/55");
    check(
        "ap",
        "airMax",
        with(json!({ "theoreticalTotalCapacity": 300 * m })),
        Value::Null,
        "ap 176/44",
    );
    check("ap", "airMax", both.clone(), Value::Null, "ap 220/180");
    check(
        "ap",
        "airMax",
        with(json!({ "wirelessMode": "ap-ptp" })),
        json!(75),
        "ap 220/180",
    );
    check(
        "ap",
        "airMax",
        both.clone(),
        json!(150),
        "ap 220/180\nodd devices.json/interfaces/1/wireless/dlRatio d: is not a percentage; left out",
    );
    check(
        "ap",
        "airFiber",
        with(json!({ "downlinkCapacity": -1, "uplinkCapacity": "180000000" })),
        Value::Null,
        "ap ?/180\n\
         odd devices.json/overview/downlinkCapacity d: is negative (-1); left out\n\
         odd devices.json/overview/uplinkCapacity d: is text where a number belongs; read as 180000000",
    );
    assert_eq!(NodeKind::Ap.word(), "ap");
}

#[test]
fn people_are_shown_first_name_first_and_companies_as_they_are() {
    for (name, want) in [
        ("Rubio, Jorge", "Jorge Rubio"),
        (" Van  Dyke ,  Al ", "Al Van  Dyke"),
        ("Acme, LLC", "Acme, LLC"),
        ("Acme, Inc.", "Acme, Inc."),
        ("A, B, C", "A, B, C"),
        ("Unit 3, North", "Unit 3, North"),
        ("Rubio,", "Rubio,"),
        ("Rubio", "Rubio"),
    ] {
        let mut e = endpoint("e", None);
        e["identification"]["name"] = json!(name);
        let mut t = tower("t");
        t["identification"]["name"] = json!(name);
        let lowered = small(&[("sites", json!([e, t]))]);
        assert_eq!(&*lowered.records.circuits[0].name, want);
        // Towers are no people.
        assert_eq!(&*lowered.records.nodes[0].name, name.trim());
    }
}

#[test]
fn addresses_of_a_device_once_each() {
    let mut cpe = device("c", "station", "e");
    cpe["ipAddress"] = json!("100.64.0.0/16");
    cpe["interfaces"] = json!([
        { "addresses": [{ "cidr": "100.64.0.0/32" }, { "cidr": "198.51.100.16/29" }, { "cidr": "198.51.100.17/29" }] },
        null,
        { "addresses": [{ "cidr": null }, { "cidr": "198.51.100.17" }, { "cidr": "no" }, { "cidr": "no" }, 5, { "cidr": [] }] },
        { "addresses": "none" },
    ]);
    let lowered = small(&[
        ("sites", json!([endpoint("e", None)])),
        ("devices", json!([cpe])),
    ]);
    assert_eq!(
        lowered.circuits(),
        "e 100/20; c 100.64.0.0 198.51.100.16/29 198.51.100.17/29 no"
    );
    insta::assert_snapshot!(lowered.own_notes(), @r"
    odd devices.json/interfaces/2/addresses/4 c: is a number where an object belongs; left out
    odd devices.json/interfaces/2/addresses/5/cidr c: is a list where text belongs; left out
    odd devices.json/interfaces/3/addresses c: is text where a list belongs; left out
    ");
}

#[test]
fn of_rows_with_one_id_the_smallest_content_is_used() {
    let row = |name: &str, mac: &str| json!({ "identification": { "id": "c", "name": name, "mac": mac, "site": { "id": "e" } }, "model": mac });
    for rows in [
        json!([
            row("b", "022722000001"),
            row("a", "022722000001"),
            row("b", "02:27:22:00:00:01")
        ]),
        json!([
            row("b", "02:27:22:00:00:01"),
            row("b", "022722000001"),
            row("a", "022722000001")
        ]),
    ] {
        let lowered = small(&[("sites", json!([endpoint("e", None)])), ("devices", rows)]);
        let device = &lowered.records.circuits[0].devices[0];
        assert_eq!((&*device.name, &*device.mac), ("a", "02:27:22:00:00:01"));
        assert_eq!(
            lowered.own_notes(),
            "conflict devices.json a\nconflict devices.json a"
        );
    }
    let lowered = small(&[("sites", json!([endpoint("e", None), endpoint("e", None)]))]);
    assert_eq!(lowered.own_notes(), "repeat sites.json e");
}

#[test]
fn references_to_what_the_export_does_not_hold() {
    let lowered = small(&[
        (
            "sites",
            json!([
                site("t", "site", Some("e")),
                site("u", "site", Some("gone")),
                endpoint("e", Some("t"))
            ]),
        ),
        (
            "devices",
            json!([
                device("lost", "station", "gone"),
                { "identification": { "id": "spare", "name": "spare", "site": null } },
                radio("c", "station", "e", [1, 1], Some("spare")),
                { "identification": { "id": "text", "site": "t" } },
                { "identification": { "id": "list", "site": [] } },
                { "identification": { "name": "nobody" } },
                { "name": "nothing" },
            ]),
        ),
        (
            "data-links",
            json!([
                link("l1", "device gone", "site u", "wireless", "active"),
                link("l2", "device spare", "site u", "wireless", "active"),
                link("l3", "site gone", "site u", "wireless", "active"),
                { "id": "l4", "from": { "site": { "identification": { "id": "t" } }, "device": { "identification": { "id": "gone" } } },
                  "to": end("site u"), "state": "active" },
                { "id": "l5", "from": {}, "to": {} },
                { "from": end("site t"), "to": end("site u") },
            ]),
        ),
    ]);
    insta::assert_snapshot!(lowered.nodes(), @r"
    other text ?/? in t
    site t ?/?
    site u ?/? in uisp:site:gone
    ");
    insta::assert_snapshot!(lowered.links(), @"t - u ?/? Up");
    insta::assert_snapshot!(lowered.own_notes(), @r"
    quarantined devices.json ?: has no identification.id
    quarantined devices.json ?: has no identification
    quarantined data-links.json l5: has neither end: no device and no site
    quarantined data-links.json ?: has no id
    odd devices.json/identification/site text: is text where an object belongs; read as the id t
    odd devices.json/identification/site (needed) list: is a list where an object belongs; left out
    odd sites.json/identification/parent/id t: names the subscriber e, which no site can hang on; left out
    odd data-links.json/from/device/identification/id uisp:link:l2: names a device that is assigned to no site; the link is not used
    odd devices.json/attributes/apDevice c: names spare, which is assigned to no known site; left out
    dangling devices.json/identification/site/id lost: site gone: the device is not used: its addresses are not shaped and no link reaches it
    dangling data-links.json/from/device/identification/id uisp:link:l1: device gone: the link is not used
    dangling data-links.json/from/site/identification/id uisp:link:l3: site gone: the link is not used
    dangling data-links.json/from/device/identification/id uisp:link:l4: device gone: the site of this end is used in its place
    ");
    // The unknown parent of a site is kept: whoever joins the sources may know it.
    let parent = lowered
        .records
        .nodes
        .iter()
        .find(|n| &*n.id == "uisp:site:u");
    assert_eq!(
        parent.and_then(|n| n.parent.as_ref()).map(|p| &*p.text),
        Some("uisp:site:gone")
    );
}

#[test]
fn collections_that_are_missing_or_broken() {
    let lowered = lower_files(&BTreeMap::new());
    insta::assert_snapshot!(lowered.notes(), @r"
    missing sites: neither the towers nor the subscribers are known
    missing devices: no address is known, so nothing can be shaped
    missing data-links: how the towers are connected is not known
    missing crm-services (optional): speeds and states come from the NMS alone
    missing crm-plans (optional): a service that states no speeds of its own has none
    missing crm-clients (optional): a subscriber without a name in the NMS is shown by its id
    ");
    let text = |text: &str| text.as_bytes().to_vec();
    let lowered = lower_files(&BTreeMap::from([
        (
            "sites.page-1.json".into(),
            text(r#"[{"id":"e","identification":{"type":"endpoint","name":"e"}}]"#),
        ),
        ("sites.page-2.json".into(), text("[{\"id\":")),
        (
            "devices.json".into(),
            text(r#"{"statusCode":401,"error":"Unauthorized"}"#),
        ),
        ("data-links.json".into(), text("[{}, ]")),
        ("crm-services.json".into(), text("<html>")),
        ("crm-plans.json".into(), text("")),
        ("crm-clients.json".into(), text("[]")),
    ]));
    insta::assert_snapshot!(lowered.notes(), @r"
    unreadable sites.page-2.json: the file ends in the middle of the list: it is truncated
    unreadable devices.json: an error object where a list is expected: 401 Unauthorized
    unreadable data-links.json: a comma after the last record of the list
    unreadable crm-services.json: a web page where a list is expected: was it saved from a browser or a proxy?
    unreadable crm-plans.json (optional): the file is empty
    odd sites.page-1.json/qos e: is missing: the NMS states no speeds
    ");
    assert_eq!(lowered.records.circuits.len(), 1);
    let at: Vec<u64> = lowered
        .records
        .evidence
        .unreadable
        .iter()
        .map(|u| u.place.origin.start)
        .collect();
    assert_eq!(at, [7, 0, 3, 0, 0]);
}
