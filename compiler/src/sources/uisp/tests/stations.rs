//! What access points say of their stations, what UISP guarantees, and devices that belong to nobody.

use serde_json::{Value, json};

use super::{Lowered, device, endpoint, radio, small, tower};

/// An access point with the lines of its list.
fn listing(id: &str, lines: Value) -> Value {
    let mut ap = radio(id, "ap", "u", [300, 60], None);
    ap["interfaces"] = json!([{ "wireless": null }, { "stations": lines }]);
    ap
}

fn on(lowered: &Lowered) -> Option<&str> {
    let circuit = &lowered.records.circuits[0];
    circuit.attach.first().map(|a| &*a.text)
}

#[test]
fn a_station_that_says_nothing_is_where_one_access_point_lists_it() {
    let by_id = |connected: bool| json!({ "connected": connected, "mac": "02:00:00:00:00:99", "deviceIdentification": { "id": "c" } });
    let by_mac = json!({ "mac": "0200.0000.0001", "deviceIdentification": null });
    let check = |own: Option<&str>, aps: &[Value], want: &str, notes: &str| {
        let mut cpe = radio("c", "station", "e", [1, 1], own);
        cpe["identification"]["mac"] = json!("02:00:00:00:00:01");
        let lowered = small(&[
            (
                "sites",
                json!([tower("t"), tower("u"), endpoint("e", Some("t"))]),
            ),
            ("devices", [aps, &[cpe]].concat().into()),
        ]);
        assert_eq!(on(&lowered), Some(want), "{aps:?}");
        assert_eq!(lowered.own_notes(), notes);
    };
    let nobody = listing("ap1", json!([]));
    check(
        None,
        &[listing("ap1", json!([by_id(true)]))],
        "uisp:device:ap1",
        "",
    );
    check(
        None,
        &[listing("ap1", json!([by_mac]))],
        "uisp:device:ap1",
        "",
    );
    // Twice on one list, under two names.
    check(
        None,
        &[listing("ap1", json!([by_id(true), by_mac]))],
        "uisp:device:ap1",
        "",
    );
    // It was there once.
    check(
        None,
        &[listing("ap1", json!([by_id(false)]))],
        "uisp:site:t",
        "",
    );
    check(None, std::slice::from_ref(&nobody), "uisp:site:t", "");
    check(
        None,
        &[
            listing("ap1", json!([by_id(true)])),
            listing("ap2", json!([by_id(true)])),
        ],
        "uisp:site:t",
        "odd devices.json/interfaces/1/stations/0 c: is on the lists of 2 access points, ap1 and ap2 among them; none of them counts",
    );
    // What it says itself comes first.
    check(
        Some("ap1"),
        &[nobody.clone(), listing("ap2", json!([by_id(true)]))],
        "uisp:device:ap1",
        "odd devices.json/interfaces/1/stations/0 c: is on the list of ap2, but says itself that it is on ap1; that is followed",
    );
    check(
        Some("ap2"),
        &[
            nobody,
            listing("ap2", json!([by_id(true), {}, { "mac": "x" }])),
        ],
        "uisp:device:ap2",
        "",
    );
    check(
        None,
        &[listing("ap1", json!([7, by_id(true)]))],
        "uisp:device:ap1",
        "odd devices.json/interfaces/1/stations/0 ap1: is a number where an object belongs; left out",
    );
}

#[test]
fn two_circuits_choose_between_lists_by_capacity_and_say_where() {
    let line = |id: &str| json!([{ "connected": true, "deviceIdentification": { "id": id } }]);
    let lowered = small(&[
        (
            "sites",
            json!([tower("t"), tower("u"), endpoint("e", Some("t"))]),
        ),
        (
            "devices",
            json!([
                listing("ap1", line("c")),
                listing("ap2", line("d")),
                radio("c", "station", "e", [10, 10], None),
                radio("d", "station", "e", [20, 10], None),
            ]),
        ),
    ]);
    assert_eq!(on(&lowered), Some("uisp:device:ap2"));
    assert_eq!(
        lowered.own_notes(),
        "choice devices.json/interfaces/1/stations/0 e: ap2 over ap1"
    );
}

#[test]
fn a_speed_that_several_share_is_guaranteed_by_its_part() {
    for (aggregation, want) in [
        (json!(4), "25/5"),
        (json!(1), "100/20"),
        (json!(3), "33.333/6.666"),
        (json!(1_000_000), "0.001/0.001"),
        // UISP decides by itself.
        (Value::Null, "0/0"),
        (json!(0), "0/0"),
    ] {
        let mut site = endpoint("e", None);
        site["qos"]["aggregation"] = aggregation.clone();
        let lowered = small(&[("sites", json!([site]))]);
        let commit = lowered.records.circuits[0].commit;
        assert_eq!(commit.to_string(), want, "{aggregation}");
    }
    let mut site = endpoint("e", None);
    site["qos"] = json!({ "downloadSpeed": 8_000_000, "uploadSpeed": null, "aggregation": 4 });
    let commit = small(&[("sites", json!([site]))]).records.circuits[0].commit;
    assert_eq!(commit.to_string(), "2/0");
}

#[test]
fn a_device_of_nobody_with_an_address_is_told() {
    for (site, authorized, address, told) in [
        (Value::Null, Value::Null, "100.64.0.9/24", true),
        (Value::Null, json!(true), "2001:db8::9", true),
        // Nobody took it into UISP yet.
        (Value::Null, json!(false), "100.64.0.9", false),
        (Value::Null, Value::Null, "", false),
        (json!({ "id": "t" }), json!(true), "100.64.0.9", false),
    ] {
        let mut row = device("spare", "station", "t");
        row["identification"]["site"] = site;
        row["identification"]["authorized"] = authorized;
        row["ipAddress"] = json!(address);
        let lowered = small(&[("sites", json!([tower("t")])), ("devices", json!([row]))]);
        let notes = lowered.own_notes();
        let want = format!(
            "odd devices.json/identification/site spare: is empty, and the device has {address}: where no other device \
             has it, its traffic passes unshaped"
        );
        assert_eq!(notes, if told { want } else { String::new() });
    }
}
