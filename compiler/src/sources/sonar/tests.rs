//! The recorded export of the golden story, what is wrong in it, and what servers do to it.

use serde_json::{Value, json};

use crate::config::project::SourceKind;
use crate::sources::testing::Recorded;

const ACCOUNTS: &str = "accounts.page-1.json";

fn ridgeline() -> Recorded {
    Recorded::story(SourceKind::Sonar, "sonar-ridgeline")
}

fn entities(answer: &mut Value) -> &mut Vec<Value> {
    (answer["data"]
        .as_object_mut()
        .unwrap()
        .values_mut()
        .next()
        .unwrap())["entities"]
        .as_array_mut()
        .unwrap()
}

/// Account 1001 and so on, of the first page.
fn account(answer: &mut Value, id: u64) -> &mut Value {
    &mut entities(answer)[(id - 1001) as usize]
}

fn item(account: &mut Value) -> &mut Value {
    &mut account["addresses"]["entities"][0]["inventory_items"]["entities"][0]
}

#[test]
fn every_account_is_what_was_sold() {
    let lowered = ridgeline().lower();
    for (id, want) in [
        (
            "1001",
            "Amy Alder 100/20 on sonar:item:102; sonar:device:5001 [02:27:22:a0:03:e9] 100.72.1.1",
        ),
        (
            "1003",
            "Acme, LLC 500/500 on sonar:item:103; sonar:device:5003 [02:27:22:a0:03:eb] 203.0.113.64/29",
        ),
        // Active, but behind with payments.
        (
            "1007",
            "Sal Boone 50/10 suspended on sonar:item:104; sonar:device:5007 [02:27:22:a0:03:ef] 100.72.2.7",
        ),
        // No data service: named, not left out.
        (
            "1008",
            "Nora Nullman ?/? on sonar:item:103; sonar:device:5008 [02:27:22:a0:03:f0] 100.72.1.8",
        ),
        // Two services and one box: the larger one has it.
        (
            "1010",
            "Olga Two-Plans 300/50 on sonar:item:106; sonar:device:5010 [02:27:22:a0:03:f2] 100.72.3.10",
        ),
        ("1010/3008", "Olga Two-Plans (R25) 25/5 on sonar:item:106"),
        // The address hangs on a field of the item.
        (
            "1011",
            "Ben Field-IP 100/20 on sonar:item:104; sonar:device:5011 [02:27:22:a0:03:f3] 100.72.2.11",
        ),
        ("1012", "Fay Future 100/20"),
        // A serial number is no hardware address.
        ("1013", "Bo Macless 100/20; sonar:device:5013 100.72.1.13"),
        // Another way to write one.
        (
            "1014",
            "Rita Lowercase 100/20 on sonar:item:103; sonar:device:5014 [02:27:22:a0:03:f6] 100.72.1.14",
        ),
        // The radio has the place, the router behind it the address.
        (
            "1015",
            "Tia Twobox 300/50 on sonar:item:106; sonar:device:5015 [02:27:22:aa:00:15] 203.0.113.115",
        ),
        (
            "1016",
            "Vi Six 300/50 on sonar:item:104; sonar:device:5016 [02:27:22:a0:03:f8] 100.72.2.16 2001:db8:40:1600::/56",
        ),
        (
            "1017",
            "Routed Subnet Co-op 500/500 on sonar:item:108; sonar:device:5017 [02:27:22:a0:03:f9] 100.72.4.17 198.51.100.16/29",
        ),
        (
            "1018",
            "Radius Only, Ron 50/10; sonar:radius-account:77 100.64.2.20 2001:db8:41:2000::/56",
        ),
        // What RADIUS repeats is used once.
        (
            "1019",
            "Radius Dup, Rae 50/10 on sonar:item:102; sonar:device:5019 [02:27:22:a0:03:fb] 100.64.3.30; sonar:radius-account:88 100.64.3.31",
        ),
        (
            "1020",
            "Account IP, Al 50/10 on sonar:item:108; sonar:account-ip-assignments:1020 100.72.4.20 100.72.4.21",
        ),
        (
            "1021",
            "Unmac, Una 50/10; sonar:uninventoried-mac-address:555 [02:27:22:bb:05:55] 100.72.1.21",
        ),
        (
            "1027",
            "Stu Slow 0.512/0.256 on sonar:item:104; sonar:device:5027 [02:27:22:a0:04:03] 100.72.2.30",
        ),
        (
            "1028",
            "Fred Fraction 25.5/5.25 on sonar:item:106; sonar:device:5028 [02:27:22:a0:04:04] 100.72.3.31",
        ),
        // An access point of another maker.
        (
            "1030",
            "Cy Cambium 100/20 on sonar:item:105; sonar:device:5030 [02:27:22:a0:04:06] 100.72.2.40",
        ),
        (
            "1032",
            "Badip, Bill 50/10; sonar:device:5032 [02:27:22:dd:00:32] 100.72.1.32 100.72.1.300",
        ),
        // A second status that activates; an access point without an address.
        (
            "1033",
            "Seasonal, Sue 50/10 on sonar:item:108; sonar:device:5033 [02:27:22:a0:04:09] 100.72.4.33",
        ),
        (
            "1034",
            "Ghost AP, Gil 50/10 on sonar:item:107; sonar:device:5034 [02:27:22:a0:04:0a] 100.72.3.34",
        ),
    ] {
        assert_eq!(
            lowered.circuit(&format!("sonar:account:{id}")),
            want,
            "{id}"
        );
    }
    // Child accounts are accounts of the list; the one that moved out is in nobody's.
    let ids: Vec<String> = lowered.circuits().into_keys().collect();
    assert!(ids.contains(&"sonar:account:1023".to_owned()));
    assert!(!ids.contains(&"sonar:account:1024".to_owned()));
    assert_eq!(ids.len(), 35);
    assert_eq!(
        lowered.notes(),
        [
            "odd accounts.page-1.json/account_services sonar:account:1010/3008: holds service 3008 beside a larger one, \
             which has all addresses: no equipment is tied to this one"
        ]
    );
}

#[test]
fn the_network_is_equipment_in_sites() {
    assert_eq!(
        ridgeline().lower().nodes(),
        [
            "ap sonar:item:101 \"Summit-LTU-1\" in sonar:site:1",
            "ap sonar:item:102 \"Cedar-N\" in sonar:site:2",
            // What it is called hangs on a field.
            "ap sonar:item:103 \"Cedar-S\" in sonar:site:2",
            "ap sonar:item:104 \"Gravel-E\" in sonar:site:3",
            "ap sonar:item:105 \"Gravel-ePMP-W\" in sonar:site:3",
            "ap sonar:item:106 \"Río-LTU-1\" in sonar:site:4",
            "ap sonar:item:107 \"Rocket Prism 5AC Gen2\" in sonar:site:4",
            "ap sonar:item:108 \"NF-1\" in sonar:site:5",
            "other sonar:item:900 \"CRS326\" in sonar:site:1",
            "other sonar:item:901 \"airFiber 60 LR\" in sonar:site:2",
            "site sonar:site:1 \"Summit NOC\", gateway",
            "site sonar:site:2 \"Cedar Hill Tower\" in sonar:item:900",
            "site sonar:site:3 \"Gravel Pit Relay\", gateway",
            "site sonar:site:4 \"Río Bravo Tower\", gateway",
            "site sonar:site:5 \"North Fork POP, Upper\", gateway",
            "site sonar:site:6 \"Old Mill\", gateway",
        ]
    );
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
            change: |page| {
                account(page, 1001)["id"] = json!(1001);
                account(page, 1001)["addresses"] = Value::Null;
                item(account(page, 1002))["id"] = json!(5002);
            },
            circuits: &["sonar:account:1001"],
            notes: &[],
        },
        Row {
            change: |page| account(page, 1002)["account_services"]["entities"] = json!([null]),
            circuits: &["sonar:account:1002"],
            notes: &[
                "odd accounts.page-1.json/account_services/entities/0 sonar:account:1002: is null where an object belongs; left out",
            ],
        },
        Row {
            change: |page| account(page, 1003)["name"] = Value::Null,
            circuits: &["sonar:account:1003"],
            notes: &[
                "odd (needed) accounts.page-1.json/name sonar:account:1003: is missing; the id is shown",
            ],
        },
        Row {
            change: |page| {
                let detail = &mut account(page, 1004)["account_services"]["entities"][0]["service"]
                    ["data_service_detail"];
                detail["download_speed_kilobits_per_second"] = json!("100000");
                detail["upload_speed_kilobits_per_second"] = json!(0);
            },
            circuits: &["sonar:account:1004"],
            notes: &[],
        },
        Row {
            change: |page| item(account(page, 1005))["status"] = json!("LOST"),
            circuits: &["sonar:account:1005"],
            notes: &[
                "odd accounts.page-1.json/addresses/entities/0/inventory_items/entities/0/status sonar:account:1005: is LOST: the addresses of this equipment are left out",
            ],
        },
        Row {
            change: |page| {
                account(page, 1006)["account_status"] =
                    json!({"id": "2", "name": "Inactive", "activates_account": false})
            },
            circuits: &["sonar:account:1006"],
            notes: &[
                "odd accounts.page-1.json/account_status sonar:account:1006: does not activate the account, which still has 1 address: if they carry traffic it passes unshaped",
            ],
        },
        Row {
            change: |page| account(page, 1006)["archived_at"] = json!("2026-05-01T00:00:00+00:00"),
            circuits: &["sonar:account:1006"],
            notes: &[
                "odd accounts.page-1.json/archived_at sonar:account:1006: is that of an archived account, which still has 1 address: if they carry traffic it passes unshaped",
            ],
        },
        // The list of statuses knows what an account does not say.
        Row {
            change: |page| {
                account(page, 1001)["account_status"] = Value::Null;
                account(page, 1006)["account_status"] = Value::Null;
                account(page, 1006)["account_status_id"] = json!("9");
            },
            circuits: &["sonar:account:1006"],
            notes: &[
                "odd accounts.page-1.json/account_status sonar:account:1006: does not activate the account, which still has 1 address: if they carry traffic it passes unshaped",
            ],
        },
        // Equipment that is tied to a service is that service's.
        Row {
            change: |page| item(account(page, 1010))["account_service_id"] = json!("3008"),
            circuits: &["sonar:account:1010", "sonar:account:1010/3008"],
            notes: &[],
        },
        // Behind another subscriber: where that one hangs.
        Row {
            change: |page| item(account(page, 1001))["parent_inventory_item_id"] = json!("5004"),
            circuits: &["sonar:account:1001"],
            notes: &[
                "relay accounts.page-1.json/addresses/entities/0/inventory_items/entities/0/parent_inventory_item_id sonar:account:1001 through sonar:account:1004",
            ],
        },
        // Learned long ago: the address is another account's.
        Row {
            change: |page| {
                account(page, 1001)["radius_accounts"] = json!({"entities": [
                    {"id": "99", "username": "amy", "ip_assignments": {"entities": [{"subnet": "100.72.1.2", "soft": true}]}}
                ]});
            },
            circuits: &[],
            notes: &[
                "odd accounts.page-1.json/radius_accounts/entities/0/ip_assignments/entities/0/subnet sonar:account:1001: was learned and is 100.72.1.2, which is assigned to account 1002; it is stale and left out",
            ],
        },
        // A service that is listed twice, and one of a type that nobody knows.
        Row {
            change: |page| {
                let list = &mut account(page, 1003)["account_services"]["entities"];
                let again = list[0].clone();
                list.as_array_mut().unwrap().push(again);
            },
            circuits: &[],
            notes: &["repeat accounts.page-1.json/account_services/entities/1 sonar:account:1003"],
        },
        Row {
            change: |page| {
                let services = &mut account(page, 1003)["account_services"]["entities"];
                services[0]["service"]["type"] = json!("HOLOGRAM");
            },
            circuits: &["sonar:account:1003"],
            notes: &[
                "odd accounts.page-1.json/account_services/entities/0/service/type sonar:account:1003: is \"HOLOGRAM\", which is no type of service Weir knows; it is not shaped by it",
            ],
        },
        Row {
            change: |page| {
                let services = &mut account(page, 1003)["account_services"]["entities"];
                services[0]["service"]["type"] = json!("ONETIME");
            },
            circuits: &["sonar:account:1003"],
            notes: &[],
        },
        // Lists inside of a record have no second page.
        Row {
            change: |page| {
                account(page, 1003)["account_services"]["page_info"] = json!({"total_count": 3});
            },
            circuits: &[],
            notes: &[
                "odd (needed) accounts.page-1.json/account_services sonar:account:1003: has 3 entries, and the recording holds 1: the others are not shaped",
            ],
        },
        Row {
            change: |page| entities(page)[0]["id"] = json!({}),
            circuits: &["sonar:account:1001"],
            notes: &["quarantined accounts.page-1.json ?: has no id"],
        },
        Row {
            change: |page| entities(page)[0] = Value::Null,
            circuits: &["sonar:account:1001"],
            notes: &["quarantined accounts.page-1.json ?: is null where an object belongs"],
        },
    ];
    let before = ridgeline().lower();
    for row in rows {
        let after = ridgeline().edit(ACCOUNTS, row.change).lower();
        let gone = ["sonar:account:1010/3008: holds service"];
        let notes: Vec<String> = (after.news(&before).into_iter())
            .filter(|note| !gone.iter().any(|g| note.contains(g)))
            .collect();
        assert_eq!(after.changed(&before), row.circuits, "{:?}", row.notes);
        assert_eq!(notes, row.notes, "{:?}", row.circuits);
    }
}

#[test]
fn an_answer_that_is_none_or_not_whole_is_named() {
    for (body, want) in [
        (
            r#"{"errors": [{"message": "Cannot query field \"speed\" on type \"Service\".", "locations": []}]}"#,
            "unreadable (needed) accounts.page-1.json: the server answered with an error: Cannot query field \"speed\" on type \"Service\".",
        ),
        (
            r#"{"errors": [{"message": "Unauthenticated.", "extensions": {}}]}"#,
            "unreadable (needed) accounts.page-1.json: the server answered with an error: Unauthenticated.",
        ),
        (
            r#"{"error": "Request limit of 400/min reached."}"#,
            "unreadable (needed) accounts.page-1.json: the server answered with an error: Request limit of 400/min reached.",
        ),
        (
            "<!DOCTYPE html><html><body>Please sign in</body></html>",
            "unreadable (needed) accounts.page-1.json: a web page where an answer is expected: was it saved from a browser, a proxy or a login form?",
        ),
        // Part of the data beside an error: what is there is read, and it is not all.
        (
            r#"{"errors": [{"message": "Internal server error", "path": ["accounts", "entities", 3, "radius_accounts"]}],
               "data": {"accounts": {"page_info": {"page": 1, "total_pages": 4, "total_count": 25}, "entities": [null]}}}"#,
            "unreadable (needed) accounts.page-1.json: the answer is partial, the server failed on some of it: Internal server error at accounts.entities.3.radius_accounts",
        ),
    ] {
        let lowered = ridgeline().with(ACCOUNTS, body).lower();
        let notes = lowered.notes();
        assert!(notes.contains(&want.to_owned()), "{want}\n{notes:#?}");
        assert_eq!(lowered.circuits().len(), 24, "{want}");
    }
    let notes = ridgeline().without("account-statuses.json").lower().notes();
    assert!(notes.contains(&"missing account-statuses".to_owned()));
}

/// Records that vanish between two pages, or a page that nobody asked for.
#[test]
fn pages_hold_what_they_count() {
    let short = ridgeline().edit("accounts.page-3.json", |page| {
        drop(entities(page).remove(0))
    });
    let notes = short.lower().notes();
    assert!(
        notes.contains(&"unreadable (needed) accounts.page-4.json: the last page counts 34 records, but the pages hold 33: one was skipped while they were read".to_owned()),
        "{notes:#?}"
    );
    let cut = ridgeline().without("accounts.page-4.json");
    let notes = cut.lower().notes();
    assert!(
        notes.contains(&"unreadable (needed) accounts.page-3.json: the last page counts 4 pages, but there are 3".to_owned()),
        "{notes:#?}"
    );
    // Twice on two pages is once.
    let twice = ridgeline().edit("accounts.page-2.json", |page| {
        let again = account(&mut ridgeline().value(ACCOUNTS), 1001).clone();
        entities(page)[0] = again;
    });
    let notes = twice.lower().notes();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("34 records, but the pages hold 33")),
        "{notes:#?}"
    );
}

/// Numbers for ids.
#[test]
fn ids_may_be_numbers() {
    fn numbers(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(numbers),
            Value::Object(members) => {
                for (key, value) in members {
                    let id = value.as_str().and_then(|text| text.parse::<u64>().ok());
                    match id {
                        Some(id) if key == "id" || key.ends_with("_id") => *value = json!(id),
                        _ => numbers(value),
                    }
                }
            }
            _ => {}
        }
    }
    let before = ridgeline();
    let mut other = before.clone();
    for file in before.files.keys() {
        other = other.edit(file, numbers);
    }
    let (before, other) = (before.lower(), other.lower());
    assert_eq!(other.changed(&before), [""; 0]);
    assert_eq!(other.nodes(), before.nodes());
    assert_eq!(other.news(&before), [""; 0]);
}
