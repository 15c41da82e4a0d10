//! The recorded export of the golden story, what is wrong in it, and what servers do to it.

use serde_json::{Value, json};

use crate::config::project::SourceKind;
use crate::sources::testing::{Lowered, Recorded};

fn basin() -> Recorded {
    Recorded::story(SourceKind::Splynx, "splynx-basin")
}

/// A service of a few collections; nothing else unless given.
fn small(collections: &[(&str, Value)]) -> Lowered {
    let names = [
        "customers",
        "fup",
        "ipv6",
        "monitoring",
        "network-sites",
        "online",
        "routers",
        "sectors",
        "services",
        "tariffs",
    ];
    let mut files: Vec<(&str, Value)> = names.map(|name| (name, json!([]))).into();
    for (name, rows) in collections {
        files.push((name, rows.clone()));
    }
    Recorded::of(SourceKind::Splynx, &files).lower()
}

fn record(rows: &mut Value, id: u64) -> &mut Value {
    (rows.as_array_mut().unwrap().iter_mut())
        .find(|row| row["id"] == id)
        .unwrap()
}

#[test]
fn every_service_is_what_was_sold() {
    let lowered = basin().lower();
    for (id, want) in [
        (
            "2001",
            "Ada Quill 25.6/5.12 on splynx:hardware:7, splynx:router:2; splynx_service_2001 [02:4a:00:00:20:01] 100.64.10.11",
        ),
        // A guaranteed rate, and networks behind the address.
        (
            "2002",
            "Birch & Sons LLC 80/40 commit 20/10 on splynx:hardware:7, splynx:router:2; splynx_service_2002 [02:4a:00:00:20:02] 203.0.113.10 203.0.113.16/29 203.0.113.32/30",
        ),
        // The second service of that customer; a comma without a blank.
        (
            "2003",
            "Birch & Sons LLC 1000/1000 on splynx:hardware:17; splynx_service_2003 203.0.113.11 203.0.113.40/30 203.0.113.44",
        ),
        // Burst type none: the stale burst rates beside it do not count. Online with another address.
        (
            "2004",
            "Casimir Doyle 50/10 on splynx:hardware:8, splynx:hardware:1; splynx_service_2004 100.64.10.14 2001:db8:10:4::/64 2001:db8:1004::/56; splynx_service_2004_session_1 [02:4a:00:00:00:00] 100.64.30.4",
        ),
        // A fixed burst is the rate that is reached; from a pool: the session knows the address.
        (
            "2005",
            "Dana Ortíz 100/20 +50/10 on splynx:hardware:8, splynx:router:2; splynx_service_2005_session_1 [02:4a:00:00:00:00] 100.64.30.5",
        ),
        // Two hardware addresses in a third notation; a guaranteed share.
        (
            "2006",
            "Elk Meadow School 60/60 commit 24/24 on splynx:hardware:9; splynx_service_2006 [02:4a:00:00:20:06, 02:4a:00:00:21:06] 100.64.10.16",
        ),
        // A burst in per cent comes on top; two sessions, the later first.
        (
            "2007",
            "Fern Hollis 20/4 +10/2 on splynx:hardware:9, splynx:hardware:1; splynx_service_2007_session_1 [02:4a:00:00:00:00] 100.64.30.8; splynx_service_2007_session_2 [02:4a:00:00:00:00] 100.64.30.7",
        ),
        // The service is active, its customer is blocked.
        (
            "2008",
            "Gus Tamarack 25.6/5.12 suspended on splynx:hardware:10, splynx:hardware:1; splynx_service_2008 100.64.10.18",
        ),
        // Slowed down to a fixed rate, which is bytes a second.
        (
            "2009",
            "Hana Sørby 2.048/0.512 on splynx:hardware:10; splynx_service_2009 100.64.10.19 (cut by a usage policy from 3.072/0.512)",
        ),
        // The network of the prefix, and the address of the router itself.
        (
            "2013",
            "Lena Voss 300/300 on splynx:hardware:13, splynx:hardware:1; splynx_service_2013 100.64.10.23; splynx_service_2013_session_1 [02:4a:00:00:00:00] 2001:db8:30:13::1 2001:db8:3013::/56",
        ),
        // Blocked by a usage policy.
        (
            "2014",
            "Moss, Ira 25.6/5.12 suspended on splynx:hardware:13; splynx_service_2014 100.64.10.24",
        ),
        (
            "2018",
            "Pike County Clinic 1000/1000 on splynx:hardware:17; splynx_service_2018 198.51.100.8 2001:db8:1018::/48 2001:db8:1019::/56",
        ),
        (
            "2021",
            "Sol Becker 10/2 on splynx:hardware:18; splynx_service_2021 100.64.10.31 (cut by a usage policy from 40/8)",
        ),
        (
            "2022",
            "Tess Maren 50/10 on splynx:hardware:404; splynx_service_2022 100.64.10.32",
        ),
        // Router 3 is not hardware 3.
        (
            "2023",
            "Uma Kerr 60/60 commit 24/24 on splynx:router:3; splynx_service_2023 100.64.10.33",
        ),
        // Without a name the customer is shown by the login.
        (
            "2025",
            "jbi1024 25.6/5.12 on splynx:hardware:7; splynx_service_2025 100.64.10.35",
        ),
        // The pool address of nobody who is online.
        (
            "2026",
            "Wren Hale 100/20 +50/10 on splynx:hardware:16; splynx_service_2026",
        ),
        // Its session is stale: the address is another service's for good.
        (
            "2027",
            "Xander Poole 50/10 on splynx:hardware:13, splynx:hardware:1; splynx_service_2027",
        ),
        (
            "2028",
            "Yara Dunn 25.6/5.12 on splynx:hardware:7; splynx_service_2028 10.0.0.0",
        ),
        (
            "2029",
            "Zed Ames 50/10 on splynx:hardware:8; splynx_service_2029 100.64.20.0/29",
        ),
        (
            "2030",
            "李 Wei 20/4 +10/2 on splynx:hardware:8; splynx_service_2030 100.64.10.40",
        ),
        // No limit there is no plan here. Its router is monitored: that piece of hardware.
        (
            "2031",
            "Juniper Basin NOC ?/? on splynx:hardware:1; splynx_service_2031 100.64.10.41",
        ),
        // The customer is not in the export.
        (
            "2032",
            "svc2032 25.6/5.12 on splynx:hardware:7; splynx_service_2032 100.64.10.42",
        ),
        (
            "2035",
            "Fern Hollis 30/6 on splynx:hardware:9; splynx_service_2035 100.64.10.45",
        ),
        (
            "2036",
            "Yara Dunn 300/300 on splynx:hardware:7; splynx_service_2036 100.64.10.46",
        ),
    ] {
        assert_eq!(lowered.circuit(id), want, "{id}");
    }
    // Disabled, stopped, pending and hidden services make none.
    let ids: Vec<String> = lowered.circuits().into_keys().collect();
    for id in ["2019", "2020", "2033", "2034"] {
        assert!(!ids.contains(&id.to_owned()), "{id}");
    }
    assert_eq!(ids.len(), 32);
}

#[test]
fn the_network_is_hardware_in_sites() {
    assert_eq!(
        basin().lower().nodes(),
        [
            "other splynx:hardware:1 \"Core Router\" in splynx:network-site:1",
            "ap splynx:hardware:10 \"MC-Sector-B\" in splynx:network-site:3",
            // Not marked as an access device, but a service hangs on it.
            "ap splynx:hardware:11 \"SF-Omni\" in splynx:network-site:4",
            "ap splynx:hardware:12 \"Sector South\" in splynx:hardware:6",
            "ap splynx:hardware:13 \"CB-60G\" in splynx:hardware:6",
            // These two name each other.
            "other splynx:hardware:14 \"PTP Copper to Pine\" in splynx:network-site:5",
            "other splynx:hardware:15 \"PTP Pine to Copper\" in splynx:network-site:6",
            "ap splynx:hardware:16 \"PN-East\" in splynx:network-site:6",
            "ap splynx:hardware:17 \"OLT-1\" in splynx:hardware:1",
            "ap splynx:hardware:18 \"Stray AP\" in splynx:hardware:999",
            "other splynx:hardware:2 \"PTP Depot to Hogback\" in splynx:hardware:1",
            "other splynx:hardware:3 \"Hogback Switch\" in splynx:network-site:2",
            "other splynx:hardware:4 \"PTP Hogback to Mill Creek\" in splynx:hardware:3",
            "other splynx:hardware:5 \"PTP Depot to Copper\" in splynx:hardware:1",
            "other splynx:hardware:6 \"Copper Switch\" in splynx:network-site:5",
            "ap splynx:hardware:7 \"HR-North\" in splynx:hardware:3",
            "ap splynx:hardware:8 \"HR-East\" in splynx:hardware:3",
            "ap splynx:hardware:9 \"Sector South\" in splynx:network-site:3",
            "site splynx:network-site:1 \"Depot NOC\", gateway",
            "site splynx:network-site:2 \"Hogback Ridge\" in splynx:hardware:2",
            "site splynx:network-site:3 \"Mill  Creek\" in splynx:hardware:4",
            "site splynx:network-site:4 \"Sage Flat\" in splynx:hardware:4",
            "site splynx:network-site:5 \"Copper Butte\" in splynx:hardware:5",
            "site splynx:network-site:6 \"Pine Notch\" in splynx:hardware:14",
            "other splynx:router:2 \"BNG Hogback\", gateway",
            "other splynx:router:3 \"BNG Copper\", gateway",
            "ap splynx:sector:21 \"Hogback wireless\" 400/120 in splynx:router:2",
            "ap splynx:sector:22 \"Hogback business\" 200/200 in splynx:router:2",
            "ap splynx:sector:7 \"Copper 60G group\" 900/900 in splynx:router:3",
        ]
    );
}

#[test]
fn what_is_odd_is_said() {
    assert_eq!(
        basin().lower().notes(),
        [
            "dangling services.json/customer_id 2032: customer 1999",
            "odd (needed) customers.json/name customer:1024: is missing; the login is shown",
            "odd monitoring.json/parent_id splynx:hardware:14: leads round in a circle; left out, it hangs on its site Copper Butte",
            "odd monitoring.json/parent_id splynx:hardware:15: leads round in a circle; left out, it hangs on its site Pine Notch",
            "odd monitoring.json/parent_id splynx:hardware:16: leads round in a circle; left out, it hangs on its site Pine Notch",
            "odd online.json/ipv4 2004: is 100.64.30.4 while the service is given 100.64.10.14; both are shaped",
            "odd online.json/ipv4 2027: is 100.64.10.22, which service 2012 holds for good; the session is stale and left out",
            "odd online.json/service_id 2020: is a service that is not sold, and it is online at 100.64.30.20: its traffic passes unshaped",
            "odd online.json/service_id session:10: is missing and no service has this login: 100.64.30.99 passes unshaped",
            "odd services.json/additional_attributes/preseem_shape_downstream 2035: states no unit; read as kbit/s, so that 30 Mbit/s take the place of the tariff",
            "odd services.json/additional_attributes/preseem_shape_upstream 2035: states no unit; read as kbit/s, so that 6 Mbit/s take the place of the tariff",
            "odd services.json/ipv4 2019: is 100.64.10.29, and the service is not sold any more: if it carries traffic it passes unshaped",
            "odd services.json/ipv4 2020: is 100.64.10.30, and the service is not sold any more: if it carries traffic it passes unshaped",
        ]
    );
}

/// Older servers send every scalar as text, and know fewer fields.
#[test]
fn text_for_numbers_is_the_same() {
    fn texts(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(texts),
            Value::Object(members) => members.values_mut().for_each(texts),
            Value::Bool(flag) => *value = json!(if *flag { "1" } else { "0" }),
            Value::Number(number) => *value = json!(number.to_string()),
            Value::String(_) | Value::Null => {}
        }
    }
    let before = basin();
    let mut legacy = before.clone();
    for file in before.files.keys() {
        legacy = legacy.edit(file, texts);
    }
    let (before, legacy) = (before.lower(), legacy.lower());
    assert_eq!(legacy.changed(&before), [""; 0]);
    assert_eq!(legacy.nodes(), before.nodes());
    assert_eq!(legacy.news(&before), [""; 0]);
}

#[test]
fn one_odd_record_costs_nobody_else_anything() {
    struct Row {
        file: &'static str,
        change: fn(&mut Value),
        circuits: &'static [&'static str],
        notes: &'static [&'static str],
    }
    let rows = [
        Row {
            file: "services.json",
            change: |rows| record(rows, 2001)["ipv4"] = Value::Null,
            // Its session has the address all the same.
            circuits: &["2001"],
            notes: &[],
        },
        Row {
            file: "services.json",
            change: |rows| {
                record(rows, 2005)["access_device"] = Value::Null;
                record(rows, 2006)["access_device"] = json!("");
                record(rows, 2007)["router_id"] = Value::Null;
            },
            circuits: &["2005", "2006"],
            notes: &[],
        },
        Row {
            file: "services.json",
            change: |rows| record(rows, 2004)["tariff_id"] = json!(9999),
            circuits: &["2004"],
            notes: &["dangling services.json/tariff_id 2004: tariff 9999"],
        },
        Row {
            file: "monitoring.json",
            change: |rows| {
                record(rows, 7)["network_site_id"] = json!("2");
                record(rows, 9)["parent_id"] = json!("4");
                record(rows, 8)["id"] = json!("8");
            },
            circuits: &[],
            notes: &[],
        },
        Row {
            file: "tariffs.json",
            change: |rows| {
                record(rows, 1)["speed_download"] = json!("25600");
                record(rows, 2)["speed_upload"] = Value::Null;
            },
            circuits: &["2004", "2010", "2011", "2022", "2027", "2029"],
            notes: &[
                "odd (needed) tariffs.json/speed_upload tariff:2: is missing: who has this tariff has no plan",
            ],
        },
        Row {
            file: "services.json",
            change: |rows| rows.as_array_mut().unwrap().insert(0, json!("x")),
            circuits: &[],
            notes: &["quarantined services.json ?: is text where an object belongs"],
        },
        Row {
            file: "services.json",
            change: |rows| record(rows, 2001)["id"] = Value::Null,
            circuits: &["2001"],
            notes: &[
                "dangling online.json/service_id session:4: service 2001",
                "quarantined services.json ?: has no id",
            ],
        },
        Row {
            file: "services.json",
            change: |rows| record(rows, 2001)["status"] = json!("paused"),
            circuits: &[],
            notes: &[
                "odd services.json/status 2001: is \"paused\", an unknown status; read as active",
            ],
        },
        Row {
            file: "services.json",
            change: |rows| record(rows, 2001)["mac"] = json!("02:4A:00:00:20:01, serial 7"),
            circuits: &[],
            notes: &[
                "odd services.json/mac 2001: is not a hardware address: \"serial 7\"; left out",
            ],
        },
        Row {
            file: "services.json",
            change: |rows| {
                let again = record(rows, 2001).clone();
                rows.as_array_mut().unwrap().push(again);
            },
            circuits: &[],
            notes: &["repeat services.json 2001"],
        },
        Row {
            file: "fup.json",
            change: |rows| {
                rows[0]["decrease_percent"] = json!(175);
                rows[1]["restored"] = json!(1);
            },
            circuits: &["2009", "2021"],
            notes: &["odd fup.json/decrease_percent 2021: is more than 100; left out"],
        },
    ];
    let before = basin().lower();
    for row in rows {
        let after = basin().edit(row.file, row.change).lower();
        assert_eq!(after.changed(&before), row.circuits, "{:?}", row.notes);
        assert_eq!(after.news(&before), row.notes, "{:?}", row.circuits);
    }
}

#[test]
fn an_error_where_a_list_belongs_is_named() {
    for (file, body, want) in [
        (
            "customers.json",
            r#"{"error": {"message": "You do not have permission for this action", "code": 403, "internal_code": "FORBIDDEN"}}"#,
            "unreadable (needed) customers.json: an error object where a list is expected: 403 You do not have permission for this action",
        ),
        (
            "services.json",
            "<html><head><title>502 Bad Gateway</title></head></html>",
            "unreadable (needed) services.json: a web page where a list is expected: was it saved from a browser or a proxy?",
        ),
        (
            "network-sites.json",
            r#"{"1": {"id": 1, "title": "Depot NOC"}}"#,
            "unreadable (needed) network-sites.json: an object where a list is expected",
        ),
        (
            "fup.json",
            r#"{"error": {"message": "Method is disabled!", "code": 405}}"#,
            "unreadable fup.json: an error object where a list is expected: 405 Method is disabled!",
        ),
    ] {
        let notes = basin().with(file, body).lower().notes();
        assert!(notes.contains(&want.to_owned()), "{want}\n{notes:#?}");
    }
    let notes = basin().without("tariffs.json").lower().notes();
    assert!(notes.contains(&"missing (needed) tariffs".to_owned()));
    let notes = basin().without("fup.json").lower().notes();
    assert!(notes.contains(&"missing fup".to_owned()));
}

#[test]
fn lists_may_come_in_pages() {
    let whole = basin();
    let rows = whole.value("services.json");
    let (first, second) = rows.as_array().unwrap().split_at(20);
    let paged = whole
        .without("services.json")
        .with("services.page-1.json", json!(first).to_string())
        .with("services.page-2.json", json!(second).to_string());
    assert_eq!(paged.lower().changed(&whole.lower()), [""; 0]);
}

/// Of two sessions with one address the later one has it.
#[test]
fn a_session_loses_its_address_to_a_later_one() {
    let service = |id| json!({"id": id, "status": "active", "customer_id": 1, "tariff_id": 1, "taking_ipv4": 2});
    let session = |id: u32, service: u32, start: &str| json!({"id": id, "service_id": service, "start_session": start, "ipv4": "100.64.0.9"});
    let online = |a: &str, b: &str| {
        small(&[
            ("services", json!([service(1), service(2)])),
            (
                "customers",
                json!([{"id": 1, "name": "Jo", "status": "active"}]),
            ),
            (
                "tariffs",
                json!([{"id": 1, "speed_download": 10000, "speed_upload": 1000}]),
            ),
            ("online", json!([session(1, 1, a), session(2, 2, b)])),
        ])
    };
    let lowered = online("2026-01-01 10:00:00", "2026-01-01 11:00:00");
    assert_eq!(lowered.circuit("1"), "Jo 10/1; splynx_service_1");
    assert_eq!(
        lowered.circuit("2"),
        "Jo 10/1; splynx_service_2_session_1 100.64.0.9"
    );
    assert_eq!(
        lowered.notes(),
        [
            "odd online.json/ipv4 1: is 100.64.0.9, which a session has that began later; this one is stale and left out"
        ]
    );
    // Of one moment: both claim it, and the rules about addresses decide.
    let lowered = online("2026-01-01 10:00:00", "2026-01-01 10:00:00");
    assert_eq!(
        lowered.circuit("1"),
        "Jo 10/1; splynx_service_1_session_1 100.64.0.9"
    );
    assert_eq!(
        lowered.circuit("2"),
        "Jo 10/1; splynx_service_2_session_1 100.64.0.9"
    );
}

/// A network that a service names without its length is as long as the address plan says.
#[test]
fn the_address_plan_knows_lengths() {
    let lowered = small(&[
        (
            "services",
            json!([{"id": 1, "status": "active", "customer_id": 1, "tariff_id": 1, "ipv6": "2001:db8:1::", "ipv6_delegated": "2001:db8:2::"}]),
        ),
        (
            "customers",
            json!([{"id": 1, "name": "Jo", "status": "active"}]),
        ),
        (
            "tariffs",
            json!([{"id": 1, "speed_download": 10000, "speed_upload": 1000}]),
        ),
        (
            "ipv6",
            json!([{"id": 7, "ip": "2001:db8:1::", "prefix": "64", "service_id": 1}]),
        ),
    ]);
    assert_eq!(
        lowered.circuit("1"),
        "Jo 10/1; splynx_service_1 2001:db8:1::/64 2001:db8:2::"
    );
}

/// Operators call the port of a session as the access point; else the router that it came in by is known.
#[test]
fn a_session_says_where_a_service_is_that_does_not() {
    let lowered = |more: Value, sessions: Value| {
        let mut service = json!({"id": 1, "status": "active", "customer_id": 1, "tariff_id": 1});
        service
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        small(&[
            ("services", json!([service])),
            (
                "customers",
                json!([{"id": 1, "name": "Jo", "status": "active"}]),
            ),
            (
                "tariffs",
                json!([{"id": 1, "speed_download": 10000, "speed_upload": 1000}]),
            ),
            (
                "routers",
                json!([{"id": 3, "title": "BNG"}, {"id": 4, "title": "BNG 2"}]),
            ),
            (
                "monitoring",
                json!([{"id": 8, "title": "AP North"}, {"id": 9, "title": "Twin"}, {"id": 10, "title": "Twin"}]),
            ),
            ("online", sessions),
        ])
    };
    let session = |start: &str, port: &str| json!({"id": start, "service_id": 1, "start_session": start, "nas_id": "4", "port": port});
    for (more, sessions, want) in [
        (
            json!({}),
            json!([session("1", " AP North")]),
            " on splynx:hardware:8, splynx:router:4",
        ),
        (
            json!({}),
            json!([session("1", "ether5")]),
            " on splynx:router:4",
        ),
        // Two are called so.
        (
            json!({}),
            json!([session("1", "Twin")]),
            " on splynx:router:4",
        ),
        (json!({}), json!([]), ""),
        // The last session that knows.
        (
            json!({}),
            json!([
                session("1", "Twin"),
                session("2", "AP North"),
                session("3", "")
            ]),
            " on splynx:hardware:8, splynx:router:4",
        ),
        // What the service says comes first, but for a router, which is farther away.
        (
            json!({"router_id": 3, "access_device": 9}),
            json!([session("1", "AP North")]),
            " on splynx:hardware:9, splynx:hardware:8, splynx:router:3",
        ),
        (
            json!({"router_id": 4}),
            json!([session("1", "")]),
            " on splynx:router:4",
        ),
    ] {
        let lowered = lowered(more, sessions);
        assert_eq!(
            lowered.circuit("1"),
            format!("Jo 10/1{want}; splynx_service_1")
        );
        let named = want.contains("hardware:8");
        let ap = lowered
            .nodes()
            .iter()
            .any(|node| node == "ap splynx:hardware:8 \"AP North\", gateway");
        assert_eq!(ap, named, "{:?}", lowered.nodes());
    }
}

/// Who was cut off keeps the address in Splynx; whoever else has it by now is shaped by it.
#[test]
fn an_address_that_a_service_left_over_is_told_once() {
    let service = |id: u32, status: &str, ip: &str| json!({"id": id, "status": status, "customer_id": 1, "tariff_id": 1, "taking_ipv4": 1, "ipv4": ip});
    let lowered = small(&[
        (
            "services",
            json!([
                service(1, "active", "100.64.0.1"),
                service(2, "disabled", "100.64.0.1"),
                service(3, "Stopped", "100.64.0.3"),
                service(4, "disabled", "100.64.0.3"),
                service(5, "disabled", "100.64.0.5"),
                service(6, "hidden", "100.64.0.6"),
                service(7, "pending", "100.64.0.7"),
                service(8, "disabled", "n/a"),
            ]),
        ),
        (
            "customers",
            json!([{"id": 1, "name": "Jo", "status": "active"}]),
        ),
        (
            "tariffs",
            json!([{"id": 1, "speed_download": 10000, "speed_upload": 1000}]),
        ),
        (
            "online",
            json!([{"id": 1, "service_id": 1, "ipv4": "100.64.0.5"}]),
        ),
    ]);
    assert_eq!(
        lowered.notes(),
        [
            "odd online.json/ipv4 1: is 100.64.0.5 while the service is given 100.64.0.1; both are shaped",
            "odd services.json/ipv4 3: is 100.64.0.3, and the service is not sold any more: if it carries traffic it passes unshaped",
        ]
    );
}

/// A sector is the only place of the network with a capacity.
#[test]
fn a_service_hangs_on_its_sector_before_its_router() {
    let lowered = small(&[
        (
            "services",
            json!([{"id": 1, "status": "active", "customer_id": 1, "tariff_id": 1, "sector_id": "7", "router_id": 3}]),
        ),
        (
            "customers",
            json!([{"id": 1, "name": "Jo", "status": "active"}]),
        ),
        (
            "tariffs",
            json!([{"id": 1, "speed_download": 10000, "speed_upload": 1000}]),
        ),
        ("routers", json!([{"id": 3, "title": "BNG"}])),
        (
            "sectors",
            json!([{"id": 7, "title": "S", "router_id": 3, "speed_down": 900000, "speed_up": "0"}]),
        ),
    ]);
    assert_eq!(
        lowered.circuit("1"),
        "Jo 10/1 on splynx:sector:7, splynx:router:3; splynx_service_1"
    );
    assert_eq!(
        lowered.nodes(),
        [
            "other splynx:router:3 \"BNG\", gateway",
            "ap splynx:sector:7 \"S\" 900/? in splynx:router:3"
        ]
    );
    assert_eq!(lowered.notes(), [""; 0]);
}
