//! The recorded export of the golden story, what is wrong in it, and what servers do to it.

use serde_json::{Value, json};

use crate::config::project::SourceKind;
use crate::sources::testing::Recorded;

fn ridgeline() -> Recorded {
    Recorded::story(SourceKind::Powercode, "powercode-ridgeline")
}

fn record<'a>(rows: &'a mut Value, id: &str) -> &'a mut Value {
    (rows.as_array_mut().unwrap().iter_mut())
        .find(|row| row["id"] == id)
        .unwrap()
}

#[test]
fn every_customer_is_what_was_sold() {
    let lowered = ridgeline().lower();
    for (id, want) in [
        (
            "2001",
            "Amy Alder 100/20 on powercode:equipment:111; c_2001_s__d_501 [02:27:22:70:00:0f] 100.72.1.1",
        ),
        // A company has no other name.
        (
            "2003",
            "Acme, LLC 500/500 on powercode:equipment:113; c_2003_s__d_503 [02:27:22:70:00:11] 203.0.113.66",
        ),
        (
            "2007",
            "Sal Boone 50/10 suspended on powercode:equipment:121; c_2007_s__d_507 [02:27:22:70:00:15] 100.72.2.7",
        ),
        (
            "2008",
            "Vera Vacation 50/10 suspended on powercode:equipment:112; c_2008_s__d_508 [02:27:22:70:00:16] 100.72.1.8",
        ),
        // Two services: each with its own equipment.
        (
            "2010",
            "Two Plans, Ty 25/5 on powercode:equipment:131; c_2010_s__d_510 [02:27:22:70:00:18] 100.72.3.10",
        ),
        (
            "2010/14",
            "Two Plans, Ty (R300) 300/50 on powercode:equipment:131; c_2010_s__d_511 [02:27:22:70:00:19] 100.72.3.11",
        ),
        // The bridge has the place, the router behind it the service.
        (
            "2011",
            "Bo Bridge 100/20 on powercode:equipment:112; c_2011_s__d_512 [02:27:22:70:00:1a] 10.90.1.12; c_2011_s__d_513 [02:27:22:70:00:1b] 100.72.1.13",
        ),
        // No rate, half a rate, a rate of "0": no plan, and named for it.
        (
            "2013",
            "Norate, Ned ?/? on powercode:equipment:112; c_2013_s__d_514 [02:27:22:70:00:1c] 100.72.1.14",
        ),
        (
            "2014",
            "Halfrate, Hal 10/? on powercode:equipment:112; c_2014_s__d_515 [02:27:22:70:00:1d] 100.72.1.15",
        ),
        (
            "2028",
            "Zero Rate, Zed ?/? on powercode:equipment:131; c_2028_s__d_529 [02:27:22:70:00:2b] 100.72.3.38",
        ),
        (
            "2015",
            "Six, Vi 300/50 on powercode:equipment:121; c_2015_s__d_516 [02:27:22:70:00:1e] 2001:db8:40:1600::/56",
        ),
        ("2016", "Blankip, Bea 50/10 on powercode:equipment:121"),
        ("2017", "Nullip, Nat 50/10 on powercode:equipment:121"),
        (
            "2018",
            "Subnet Co-op 500/500 on powercode:equipment:140; c_2018_s__d_519 [02:27:22:70:00:21] 198.51.100.16/29",
        ),
        (
            "2019",
            "Multi IP, Mel 100/20 on powercode:equipment:140; c_2019_s__d_520 [02:27:22:70:00:22] 100.72.4.19 100.72.4.20",
        ),
        (
            "2022",
            "Stu Slow 0.512/0.256 on powercode:equipment:121; c_2022_s__d_523 [02:27:22:70:00:25] 100.72.2.30",
        ),
        // Equipment of any category.
        (
            "2023",
            "Fern Fiber 2500/2500 on powercode:equipment:103; c_2023_s__d_524 [02:27:22:70:00:26] 203.0.113.129",
        ),
        (
            "2024",
            "Gil Ghost 50/10 on powercode:equipment:999; c_2024_s__d_525 [02:27:22:70:00:27] 100.72.3.34",
        ),
        (
            "2025",
            "Mo Macless 50/10 on powercode:equipment:111; c_2025_s__d_526 100.72.1.35",
        ),
        (
            "2027",
            "Trailing Space 100/20 on powercode:equipment:131; c_2027_s__d_528 [02:27:22:70:00:2a] 100.72.3.37",
        ),
    ] {
        assert_eq!(lowered.circuit(id), want, "{id}");
    }
    // Nobody, the operator's own account, a customer who is gone, one without equipment: who has an address is named.
    let ids: Vec<String> = lowered.circuits().into_keys().collect();
    for id in ["0", "1", "2009", "2012"] {
        assert!(!ids.contains(&id.to_owned()), "{id}");
    }
    assert_eq!(ids.len(), 27);
    assert_eq!(
        lowered.notes(),
        [
            "conflict customers.json 2002",
            "odd customers.json/equipment 2012: is empty: without equipment neither a service nor an address is known, and there is no circuit",
            "odd customers.json/id 1: is that of the operator's own account, which has 1 address: if they carry traffic it passes unshaped",
            "odd customers.json/status 2009: says that the customer is gone, who still has 1 address: if they carry traffic it passes unshaped",
        ]
    );
}

#[test]
fn the_network_is_equipment_in_sites() {
    assert_eq!(
        ridgeline().lower().nodes(),
        [
            "other powercode:equipment:101 \"core-rtr-1\" in powercode:site:1",
            "ap powercode:equipment:102 \"Summit-LTU-1\" in powercode:equipment:101",
            "ap powercode:equipment:103 \"OLT-Summit-1\" in powercode:equipment:101",
            "other powercode:equipment:110 \"BH-Cedar-Summit\" in powercode:site:2",
            "ap powercode:equipment:111 \"Cedar-N\" in powercode:equipment:110",
            "ap powercode:equipment:112 \"Cedar-S\" in powercode:equipment:110",
            "ap powercode:equipment:113 \"Cedar Hill Tower\" in powercode:equipment:110",
            "other powercode:equipment:120 \"BH-Gravel-Summit\" in powercode:site:3",
            "ap powercode:equipment:121 \"Gravel-E\" in powercode:equipment:120",
            "other powercode:equipment:130 \"BH-Rio-Summit\" in powercode:site:4",
            "ap powercode:equipment:131 \"Río-LTU-1\" in powercode:equipment:130",
            "ap powercode:equipment:132 \"132\" in powercode:equipment:130",
            "ap powercode:equipment:140 \"NF-1\" in powercode:site:5",
            "site powercode:site:1 \"Summit NOC\", gateway",
            "site powercode:site:2 \"Cedar Hill Tower\" in powercode:equipment:101",
            "site powercode:site:3 \"Gravel Pit Relay\" in powercode:equipment:101",
            "site powercode:site:4 \"Río Bravo Tower\" in powercode:equipment:101",
            // Fed from an access point of another tower.
            "site powercode:site:5 \"North Fork POP, Upper\" in powercode:equipment:111",
            "site powercode:site:6 \"Old Mill\", gateway",
        ]
    );
}

/// Ids are text in one list and numbers in the next.
#[test]
fn ids_may_be_numbers() {
    fn numbers(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(numbers),
            Value::Object(members) => members.values_mut().for_each(numbers),
            Value::String(text) => {
                if let Ok(number) = text.parse::<u64>() {
                    *value = json!(number);
                }
            }
            _ => {}
        }
    }
    let before = ridgeline();
    for files in [
        &["customers.json"][..],
        &["services.json"],
        &["sites.json"],
        &["customers.json", "services.json", "sites.json"],
    ] {
        let mut other = before.clone();
        for file in files {
            other = other.edit(file, numbers);
        }
        let (before, other) = (before.lower(), other.lower());
        assert_eq!(other.changed(&before), [""; 0], "{files:?}");
        assert_eq!(other.nodes(), before.nodes(), "{files:?}");
        assert_eq!(other.news(&before), [""; 0], "{files:?}");
    }
}

#[test]
fn one_odd_record_costs_nobody_else_anything() {
    struct Row {
        change: fn(&mut Value),
        circuits: &'static [&'static str],
        notes: &'static [&'static str],
    }
    let rows = [
        Row {
            change: |rows| {
                drop(
                    record(rows, "2001")
                        .as_object_mut()
                        .unwrap()
                        .remove("equipment"),
                )
            },
            circuits: &["2001"],
            notes: &[
                "odd customers.json/equipment 2001: is empty: without equipment neither a service nor an address is known, and there is no circuit",
            ],
        },
        Row {
            change: |rows| record(rows, "2005")["equipment"] = Value::Null,
            circuits: &["2005"],
            notes: &[
                "odd customers.json/equipment 2005: is empty: without equipment neither a service nor an address is known, and there is no circuit",
            ],
        },
        // A list that lost a member in PHP.
        Row {
            change: |rows| {
                let equipment = record(rows, "2003")["equipment"][0].clone();
                record(rows, "2003")["equipment"] = json!({"503": equipment});
            },
            circuits: &[],
            notes: &[
                "odd customers.json/equipment 2003: is an object where a list belongs; its members were read",
            ],
        },
        // Customers 0 and 1 make no circuit, whatever they have.
        Row {
            change: |rows| {
                let equipment = record(rows, "2005")["equipment"].clone();
                record(rows, "0")["equipment"] = equipment;
                record(rows, "1")["equipment"] = json!([]);
            },
            circuits: &[],
            notes: &[
                "odd customers.json/id 0: is nobody's, and the record has 1 address: if they carry traffic it passes unshaped",
            ],
        },
        Row {
            change: |rows| {
                record(rows, "1")["status"] = json!("Inactive");
                let again = record(rows, "2005")["equipment"][0].clone();
                let house = record(rows, "1")["equipment"].as_array_mut().unwrap();
                house.push(again);
            },
            circuits: &[],
            notes: &[
                "odd customers.json/id 1: is that of the operator's own account, which has 2 addresses: if they carry traffic it passes unshaped",
            ],
        },
        Row {
            change: |rows| record(rows, "2004")["status"] = Value::Null,
            circuits: &[],
            notes: &["odd (needed) customers.json/status 2004: is missing; read as active"],
        },
        Row {
            change: |rows| record(rows, "2004")["status"] = json!("Pending Install"),
            circuits: &[],
            notes: &[
                "odd customers.json/status 2004: is \"pending install\", an unknown status; read as active",
            ],
        },
        Row {
            change: |rows| record(rows, "2005")["equipment"][0]["service_id"] = json!("99"),
            circuits: &["2005"],
            notes: &["dangling customers.json/equipment/0/service_id 2005: service 99"],
        },
        Row {
            change: |rows| record(rows, "2005")["equipment"][0]["mac_address"] = json!("see label"),
            circuits: &["2005"],
            notes: &[
                "odd customers.json/equipment/0/mac_address 2005: is not a hardware address: \"see label\"; left out",
            ],
        },
        // Behind another customer: where that one hangs.
        Row {
            change: |rows| record(rows, "2005")["equipment"][0]["parent_id"] = json!("504"),
            circuits: &["2005"],
            notes: &["relay customers.json/equipment/0/parent_id 2005 through 2004"],
        },
        Row {
            change: |rows| record(rows, "2005")["equipment"] = json!("none"),
            circuits: &["2005"],
            notes: &[
                "odd customers.json/equipment 2005: is empty: without equipment neither a service nor an address is known, and there is no circuit",
                "odd customers.json/equipment 2005: is text where a list belongs; left out",
            ],
        },
        Row {
            change: |rows| {
                record(rows, "2005")["equipment"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!(7))
            },
            circuits: &[],
            notes: &[
                "odd customers.json/equipment/1 2005: is a number where an object belongs; left out",
            ],
        },
        // One piece of equipment, listed twice: as it is, and with another address.
        Row {
            change: |rows| {
                let list = &mut record(rows, "2005")["equipment"];
                let again = list[0].clone();
                list.as_array_mut().unwrap().push(again);
            },
            circuits: &[],
            notes: &["repeat customers.json/equipment/1 505"],
        },
        Row {
            change: |rows| {
                let list = &mut record(rows, "2005")["equipment"];
                let mut again = list[0].clone();
                again["ip_address"] = json!("203.0.113.250");
                list.as_array_mut().unwrap().push(again);
            },
            circuits: &[],
            notes: &["conflict customers.json/equipment/1 505"],
        },
        Row {
            change: |rows| record(rows, "2005")["id"] = Value::Null,
            circuits: &["2005"],
            notes: &["quarantined customers.json ?: has no id"],
        },
    ];
    let before = ridgeline().lower();
    for row in rows {
        let after = ridgeline().edit("customers.json", row.change).lower();
        assert_eq!(after.changed(&before), row.circuits, "{:?}", row.notes);
        assert_eq!(after.news(&before), row.notes, "{:?}", row.circuits);
    }
}

#[test]
fn an_error_where_a_list_belongs_is_named() {
    for (file, body, want) in [
        (
            "customers.json",
            r#"{"statusCode": 1, "message": "Invalid API key"}"#,
            "unreadable (needed) customers.json: an error object where a list is expected: 1 Invalid API key",
        ),
        (
            "services.json",
            r#"{"statusCode": 2, "message": "Invalid action"}"#,
            "unreadable (needed) services.json: an error object where a list is expected: 2 Invalid action",
        ),
        (
            "sites.json",
            "<br />\n<b>Warning</b>: mysqli_connect()",
            "unreadable (needed) sites.json: a web page where a list is expected: was it saved from a browser or a proxy?",
        ),
    ] {
        let notes = ridgeline().with(file, body).lower().notes();
        assert!(notes.contains(&want.to_owned()), "{want}\n{notes:#?}");
    }
}

/// The list of sites is optional: everybody is shaped, nobody has a place.
#[test]
fn without_sites_there_are_circuits_all_the_same() {
    let (all, flat) = (
        ridgeline().lower(),
        ridgeline().without("sites.json").lower(),
    );
    assert!(flat.notes().contains(&"missing sites".to_owned()));
    assert!(flat.nodes().is_empty());
    assert!(flat.circuits().keys().eq(all.circuits().keys()));
}
