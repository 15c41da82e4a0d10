//! Coordinates: every source that has them gives them, hostile ones cost nothing but themselves, they are shown and shape
//! nothing.

use std::collections::BTreeMap;

use serde_json::Value;
use weir_compiler::ir::position::Position;
use weir_compiler::ir::records::Records;
use weir_compiler::lint::rule::{Also, Example};
use weir_compiler::sources;
use weir_compiler::testing::{Memory, compile_example};
use weir_compiler::why::Files;

fn lower(kind: &str, files: &[(&str, &str)], settings: &str) -> Records {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, t)| (*n, t.as_bytes())).collect();
    let memory = Memory::new(kind, &files, settings).unwrap_or_else(|e| panic!("{kind}: {e}"));
    sources::lower(
        &memory.project.sources[0],
        &memory.exports.exports[0],
        &memory.files,
        memory.project.as_of,
    )
}

/// By id, of nodes and circuits that have one.
fn positions(records: &Records) -> BTreeMap<String, (i32, i32)> {
    let nodes = records.nodes.iter().map(|n| (&n.id, n.position));
    let circuits = records.circuits.iter().map(|c| (&c.id, c.position));
    nodes
        .chain(circuits)
        .filter_map(|(id, at)| {
            let Position {
                latitude,
                longitude,
            } = at?;
            Some((id.to_string(), (latitude, longitude)))
        })
        .collect()
}

fn want<const N: usize>(of: [(&str, (i32, i32)); N]) -> BTreeMap<String, (i32, i32)> {
    of.into_iter().map(|(id, at)| (id.to_owned(), at)).collect()
}

#[test]
fn uisp_sites_devices_and_clients_stand_somewhere() {
    let sites = r#"[
 {"id": "s1", "identification": {"id": "s1", "name": "Hill", "type": "site"}, "description": {"location": {"latitude": 39.102000000000004, "longitude": -105.4975}}},
 {"id": "e1", "identification": {"id": "e1", "name": "Jo", "type": "endpoint"}, "description": {"location": {"latitude": "39.2", "longitude": "-105.1"}}},
 {"id": "e2", "identification": {"id": "e2", "name": "Al", "type": "endpoint"}, "description": {"location": null}, "ucrm": null},
 {"id": "e3", "identification": {"id": "e3", "name": "Bo", "type": "endpoint"}, "description": {"location": {"latitude": 0, "longitude": 0}}},
 {"id": "e4", "identification": {"id": "e4", "name": "Cy", "type": "endpoint"}, "description": {"location": {"latitude": 999, "longitude": 1}}}]"#;
    let devices = r#"[{"identification": {"id": "d1", "name": "ap", "role": "ap", "site": {"id": "s1"}}, "location": {"latitude": 39.5, "longitude": -105}, "ipAddressList": ["100.64.0.9/24"]},
 {"identification": {"id": "d2", "name": "cpe", "role": "station", "site": {"id": "e1"}}, "ipAddress": "100.64.0.2", "ipAddressList": ["100.64.0.2/24", "100.64.0.3/24", ""]}]"#;
    let services = r#"[{"id": 1, "clientId": 7, "status": 1, "servicePlanId": 1, "servicePlanType": "Internet", "downloadSpeed": 10, "uploadSpeed": 5, "unmsClientSiteId": "e2"}]"#;
    let clients =
        r#"[{"id": 7, "companyName": "Al", "addressGpsLat": 39.25, "addressGpsLon": -105.25}]"#;
    let records = lower(
        "uisp",
        &[
            ("sites.json", sites),
            ("devices.json", devices),
            ("data-links.json", "[]"),
            ("crm-services.json", services),
            ("crm-clients.json", clients),
            ("crm-plans.json", "[]"),
        ],
        "",
    );
    assert_eq!(
        positions(&records),
        want([
            ("uisp:site:s1", (39_102_000, -105_497_500)),
            ("uisp:device:d1", (39_500_000, -105_000_000)),
            ("e1", (39_200_000, -105_100_000)),
            ("e2", (39_250_000, -105_250_000)),
        ])
    );
    let odd: Vec<&str> = (records.evidence.odd_fields.iter())
        .filter(|odd| odd.place.route.starts_with("/description/location"))
        .map(|odd| odd.what.as_str())
        .collect();
    assert_eq!(odd, ["is 999, and goes from -90 to 90; left out"]);
    // Newer versions list addresses beside the interfaces.
    let jo = records.circuits.iter().find(|c| &*c.id == "e1");
    let claims = &jo.expect("a circuit").devices[0].claims;
    let claimed: Vec<String> = claims.iter().map(|c| c.value.text()).collect();
    assert_eq!(claimed, ["100.64.0.2", "100.64.0.3/24"]);
}

#[test]
fn splynx_has_one_text_for_both() {
    let records = lower(
        "splynx",
        &[
            (
                "customers.json",
                r#"[{"id": 1, "name": "Jo", "status": "active", "gps": "44.95, -117.1"}, {"id": 2, "name": "Al", "status": "active", "gps": "north"}]"#,
            ),
            (
                "services.json",
                r#"[{"id": 11, "customer_id": 1, "status": "active", "tariff_id": 1, "geo": {"address": "", "marker": "45.5,-117.5"}},
                    {"id": 12, "customer_id": 1, "status": "active", "tariff_id": 1, "geo": {"address": "", "marker": ""}},
                    {"id": 13, "customer_id": 2, "status": "active", "tariff_id": 1, "geo": null}]"#,
            ),
            (
                "tariffs.json",
                r#"[{"id": 1, "title": "Home", "speed_download": 1000, "speed_upload": 1000}]"#,
            ),
            (
                "network-sites.json",
                r#"[{"id": 5, "title": "Hill", "gps": "45.0440;-117.2000"}, {"id": 6, "title": "Mill", "gps": null}]"#,
            ),
            (
                "monitoring.json",
                r#"[{"id": 8, "title": "ap", "network_site_id": 5, "gps": "44.9531,-117.1021"}]"#,
            ),
            (
                "routers.json",
                r#"[{"id": 9, "title": "core", "ip": "10.0.0.1", "gps": "", "gps_point": "1.5,2.5"}]"#,
            ),
        ],
        "",
    );
    assert_eq!(
        positions(&records),
        want([
            ("11", (45_500_000, -117_500_000)),
            ("12", (44_950_000, -117_100_000)),
            ("splynx:network-site:5", (45_044_000, -117_200_000)),
            ("splynx:hardware:8", (44_953_100, -117_102_100)),
            ("splynx:router:9", (1_500_000, 2_500_000)),
        ])
    );
    let odd = records.evidence.odd_fields.iter();
    let odd: Vec<_> = odd.filter(|odd| odd.place.route == "/gps").collect();
    assert_eq!(odd.len(), 1, "{odd:?}");
}

#[test]
fn sonar_addresses_stand_somewhere_a_physical_one_first() {
    let page = |name: &str, entities: &str| {
        format!(
            r#"{{"data": {{"{name}": {{"page_info": {{"total_count": 1}}, "entities": {entities}}}}}}}"#
        )
    };
    let records = lower(
        "sonar",
        &[
            (
                "account-statuses.json",
                &page(
                    "account_statuses",
                    r#"[{"id": "1", "name": "Active", "activates_account": true}]"#,
                ),
            ),
            (
                "accounts.json",
                &page(
                    "accounts",
                    r#"[{"id": "7", "name": "Jo", "account_status_id": "1",
                        "addresses": {"entities": [{"id": "1", "type": "MAILING", "latitude": "1", "longitude": "2"},
                                                   {"id": "2", "type": "PHYSICAL", "latitude": "39.1", "longitude": "-105.5"},
                                                   {"id": "3", "type": "PHYSICAL", "latitude": null, "longitude": null}]}}]"#,
                ),
            ),
            (
                "network-sites.json",
                &page(
                    "network_sites",
                    r#"[{"id": "3", "name": "Hill", "addresses": {"entities": [{"id": "9", "type": "PHYSICAL", "latitude": "39.3", "longitude": "-105.3"}]},
                        "inventory_items": {"entities": [{"id": "4", "latitude": "39.4", "longitude": "-105.4"}]}}]"#,
                ),
            ),
        ],
        "",
    );
    assert_eq!(
        positions(&records),
        want([
            ("sonar:account:7", (39_100_000, -105_500_000)),
            ("sonar:site:3", (39_300_000, -105_300_000)),
            ("sonar:item:4", (39_400_000, -105_400_000)),
        ])
    );
}

#[test]
fn files_and_tables_say_it_in_two_columns() {
    let records = lower(
        "libreqos",
        &[
            (
                "network.json",
                r#"{"Hill": {"type": "site", "latitude": 44.5, "longitude": "-117.5", "children": {"North": {"type": "ap", "latitude": "high", "longitude": 1}}}}"#,
            ),
            (
                "ShapedDevices.csv",
                "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment\n1,Jo,1,cpe,North,,100.64.0.2,,1,1,10,10,\n",
            ),
        ],
        "",
    );
    let found: Vec<(i32, i32)> = positions(&records).into_values().collect();
    assert_eq!(found, [(44_500_000, -117_500_000)]);
    assert_eq!(records.nodes.len(), 2);
    assert!(
        records
            .evidence
            .odd_fields
            .iter()
            .any(|o| o.place.route == "/latitude")
    );

    let records = lower(
        "table",
        &[
            (
                "s.csv",
                "id,ip,down,up,lat,lon\na,100.64.0.2,10,10,44.5,-117.5\nb,100.64.0.3,10,10,,\nc,100.64.0.4,10,10,NaN,1\nd,100.64.0.5,10,10,\"0\",0\n",
            ),
            ("n.csv", "id,lat,lon\nhill,-44.25,117.25\n"),
        ],
        "[source.table]\nfile = \"s.csv\"\ncircuit = \"id\"\naddresses = [\"ip\"]\ndownload = \"down\"\nupload = \"up\"\n\
         latitude = \"lat\"\nlongitude = \"lon\"\n[source.table.nodes]\nfile = \"n.csv\"\nid = \"id\"\nlatitude = \"lat\"\n\
         longitude = \"lon\"\n",
    );
    assert_eq!(
        positions(&records),
        want([
            ("a", (44_500_000, -117_500_000)),
            ("hill", (-44_250_000, 117_250_000))
        ])
    );
    assert_eq!(records.circuits.len(), 4);
    let odd: Vec<&str> = records
        .evidence
        .odd_fields
        .iter()
        .map(|o| o.what.as_str())
        .collect();
    assert_eq!(odd, ["is no number of degrees (\"NaN\"); left out"]);
}

const PLACED: &str = r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "kind": "site", "gateway": true, "kbps": [500000, 500000], "latitude": 44.5, "longitude": -117.25}],
 "circuits": [{"id": "c1", "name": "Jo Doe", "attach": "hill", "plan_kbps": [100000, 20000], "latitude": "44.501", "longitude": "-117.251", "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "attach": "hill", "plan_kbps": [100000, 20000], "latitude": -117.2, "longitude": 44.5, "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]},
              {"id": "c3", "attach": "hill", "plan_kbps": [100000, 20000], "latitude": [1], "longitude": {"a": 1}, "devices": [{"id": "d3", "ips": ["100.64.0.4"]}]}]}"#;

fn compiled(inventory: &str) -> weir_compiler::Compiled {
    let files: &[(&str, &[u8])] = &[("inventory.json", inventory.as_bytes())];
    let memory = Memory::new("inventory", files, "").expect("a project");
    memory.compile(None)
}

/// They are told, and name no artifact: a tower that is moved on the map makes no new generation.
#[test]
fn positions_are_shown_and_shape_nothing() {
    let with = compiled(PLACED);
    let without = compiled(
        &PLACED
            .replace(r#", "latitude": 44.5, "longitude": -117.25"#, "")
            .replace(r#", "latitude": "44.501", "longitude": "-117.251""#, ""),
    );
    assert_eq!(with.artifacts.digest, without.artifacts.digest);
    let provenance: Value =
        serde_json::from_slice(with.artifacts.file("provenance.json").expect("it")).expect("JSON");
    let at = |list: &str, n: usize| provenance[list][n]["position"].to_string();
    assert_eq!(at("nodes", 0), r#"{"latitude":44.5,"longitude":-117.25}"#);
    assert_eq!(
        at("circuits", 0),
        r#"{"latitude":44.501,"longitude":-117.251}"#
    );
    assert_eq!(
        (at("circuits", 1), at("circuits", 2)),
        ("null".into(), "null".into())
    );
    // A wrong one is said, and its circuit is shaped.
    assert_eq!(
        with.inventory
            .circuits
            .iter()
            .filter(|c| c.omitted.is_none())
            .count(),
        3
    );
    let said: Vec<&str> = (with.findings.iter())
        .filter(|f| f.rule.code == "SRC010")
        .map(|f| f.message.as_str())
        .collect();
    assert!(said.iter().any(|m| m.contains("swapped")), "{said:?}");

    let files =
        Files::read(|name| with.artifacts.file(name).map(<[u8]>::to_vec)).expect("an artifact");
    for (asked, want) in [("Jo Doe", "44.501, -117.251"), ("hill", "44.5, -117.25")] {
        let found = files
            .find(asked)
            .unwrap_or_else(|_| panic!("{asked} is there"));
        let why = files.answer(asked, &found, &|_, _, _| None);
        let text = weir_compiler::why::text(&why, weir_compiler::report::Look::PLAIN);
        assert!(text.contains(&format!("stands at   {want}\n")), "{text}");
        assert!(serde_json::to_value(&why).expect("JSON")["position"]["latitude"].is_number());
    }
}

/// Of several sources the most trusted one that knows it.
#[test]
fn of_several_sources_the_first_that_knows_counts() {
    const FIRST: &[(&str, &str)] = &[(
        "inventory.json",
        r#"{"schema": "weir.inventory/1", "nodes": [{"id": "hill", "kind": "site", "gateway": true}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [1000, 1000], "latitude": 1, "longitude": 1, "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
    )];
    const SECOND: &[(&str, &str)] = &[(
        "inventory.json",
        r#"{"schema": "weir.inventory/1", "nodes": [{"id": "hill", "kind": "site", "gateway": true, "latitude": 2, "longitude": 2}],
 "circuits": [{"id": "c1", "attach": "hill", "plan_kbps": [1000, 1000], "latitude": 2, "longitude": 2, "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
    )];
    const ALSO: &[Also] = &[Also {
        name: "other",
        kind: "inventory",
        files: SECOND,
    }];
    let example = Example::inventory(FIRST, "").and(ALSO);
    let inventory = compile_example(&example).inventory;
    let latitude = |at: Option<Position>| at.map(|p| p.latitude);
    assert_eq!(latitude(inventory.nodes[0].position), Some(2_000_000));
    assert_eq!(latitude(inventory.circuits[0].position), Some(1_000_000));
}
