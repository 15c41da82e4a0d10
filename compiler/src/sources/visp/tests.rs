//! Recorded answers with everything such answers get wrong, and answers that report errors.

use insta::assert_snapshot;

use crate::sources::given::{Given, show};

fn basin() -> Given {
    Given::new("visp").directory("../golden/visp-basin/exports")
}

#[test]
fn equipment_is_a_network_and_services_are_circuits() {
    assert_snapshot!(show(&basin().lower()), @r#"
    ap visp:eq:4001 "HR-North" in visp:site:12
    ap visp:eq:4002 "HR-East" in visp:site:12
    ap visp:eq:4003 "Sector South" in visp:site:13
    ap visp:eq:4004 "Sector South" in visp:site:15
    ap visp:eq:4005 "SF-Omni" in visp:site:14
    ap visp:eq:4006 "CB-60G (60 GHz)" in visp:site:15
    ap visp:eq:4008 "PN-East" in visp:site:Pine Notch
    ap visp:eq:4010 "OLT-1" in visp:site:11
    ap visp:eq:4011 "Selfie AP" in visp:site:14
    other visp:eq:4100 "Core Router" in visp:site:11
    other visp:eq:4101 "PTP Depot-Hogback" in visp:site:12
    other visp:eq:4102 "PTP Hogback-Mill Creek" in visp:site:13
    other visp:eq:4103 "PTP Depot-Copper" in visp:site:15
    site visp:site:11 "Depot NOC", gateway
    site visp:site:12 "Hogback Ridge" in visp:eq:4100
    site visp:site:13 "Mill Creek" in visp:eq:4101
    site visp:site:14 "Sage Flat", gateway
    site visp:site:15 "Copper Butte" in visp:eq:4100
    site visp:site:Pine Notch "Pine Notch", gateway
    link visp:link:4101 visp:eq:4100 - visp:eq:4101 Up
    link visp:link:4102 visp:eq:4101 - visp:eq:4102 Up
    link visp:link:4103 visp:eq:4100 - visp:eq:4103 Up
    circuit 70001 "aquill" 50/10 on visp:eq:4001, else visp:site:12
        visp:eq:3001 "visp:eq:3001" [02:4b:00:00:30:01]
        visp:service:70001 "aquill" [02:4b:00:00:70:01] 100.64.50.1
    circuit 70002 "birchsons" 100/50 on visp:eq:4001
        visp:eq:3002 "visp:eq:3002" [02:4b:00:00:30:02] 10.20.0.2
        visp:service:70002 "birchsons" 203.0.113.65
    circuit 70003 "birchsons" 25/25 on visp:eq:4001
        visp:service:70003 "birchsons" 203.0.113.66
    circuit 70004 "cdoyle" 25/5 on visp:eq:4002
        visp:service:70004 "cdoyle" 100.64.50.3/24
    circuit 70005 "dortiz" 25.5/5.25 on visp:eq:4002
        visp:eq:3004 "visp:eq:3004" [02:4b:00:00:30:04] 100.64.50.4
        visp:service:70005 "dortiz"
    circuit 70006 "elkmeadow" 500/250 on visp:eq:4003, else Sector South
        visp:service:70006 "elkmeadow" 203.0.113.72/29
    circuit 70007 "fhollis" 50/10 on Sector South
        visp:eq:3006 "visp:eq:3006" [02:4b:00:00:30:06]
        visp:service:70007 "fhollis" 0.0.0.0
    circuit 70008 "gtamarack" 50/10 suspended
        visp:service:70008 "gtamarack" 100.64.50.7
    circuit 70009 "hsorby" 20/4 on visp:eq:4004
        visp:service:70009 "hsorby" 100.64.50.8
    circuit 70011 "jpell" ?/4
        visp:service:70011 "jpell" 100.64.50.10
    circuit 70012 "karden" 10/2 on visp:eq:4999
        visp:service:70012 "karden" 100.64.50.99 100.64.50.11
    circuit 70014 "rlane1" 50/10
        visp:service:70014 "rlane1" 100.64.50.13
    circuit 70015 "rlane2" 50/10
        visp:service:70015 "rlane2" 100.64.50.14
    circuit 70016 "Opal Finch" 50/10
        visp:service:70016 "Opal Finch" 100.64.50.15
    circuit 70017 "pikeclinic" 200/200 on visp:eq:4006
        visp:service:70017 "pikeclinic" [02:4b:00:00:70:17] 198.51.100.16
    circuit 70019 "rlind" 50/10
        visp:online:rlind "rlind" 100.64.51.18
        visp:service:70019 "rlind"
    circuit 70020 "sbecker" 50/10 on visp:eq:4001
        visp:service:70020 "sbecker" 100.64.50.1
        visp:subscriber:5019 "sbecker" 100.64.50.19
    circuit 70022 "orphan-radio" 5/1
        visp:service:70022 "orphan-radio" 100.64.50.200
    circuit 71021 "ukerr" 300/300 on visp:eq:4010
        visp:service:71021 "ukerr" [02:4b:00:00:71:21] 100.64.50.21
    circuit 71023 "whale" 1000/1000 on visp:eq:4010
        visp:addresses:5023 "whale" 100.64.50.23
        visp:service:71023 "whale"
    circuit 71028 "liwei" 25/5 on visp:eq:4008
        visp:service:71028 "liwei" 100.64.50.28 100.64.50.29
    circuit 81004 "dortiz" ?/?
        visp:service:81004 "dortiz"
    circuit 81012 "lvoss" 50/10
        visp:service:81012 "lvoss" 100.64.50.12
    circuit 81016 "pikeclinic" ?/?
        visp:service:81016 "pikeclinic"
        visp:subscriber:5016 "pikeclinic" 198.51.100.17
    circuit 81020 "tmaren" ?/?
        visp:addresses:5020 "tmaren" 100.64.50.20
        visp:service:81020 "tmaren"
        visp:subscriber:5020 "tmaren" 255.255.255.255
    circuit 81022 "vstone" ?/?
        visp:service:81022 "vstone"
        visp:subscriber:5022 "vstone" 100.64.50.22
    circuit 81025 "ydunn" ?/?
        visp:service:81025 "ydunn"
        visp:subscriber:5025 "ydunn" 100.64.50.25
    circuit 81026 "zames" 25/5
        visp:service:81026 "zames" 100.64.50.26
    "#);
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    let given = basin().config("[topology]\nstrategy = \"full\"\nwan_mbps = 10000\n");
    assert_snapshot!(given.findings(), @r#"
    bulk.json/ip_address ADR001 100.64.50.1 is on circuits "aquill" (70001) and "sbecker" (70020): its traffic is shaped by the plan of 70001
    bulk.json IDN001 circuit "karden" (70012) is recorded twice with different plan: one record is used, the other is ignored
    bulk.json IDN008 device "karden" (visp:service:70012) is recorded twice with different addresses: one record is used, the other is ignored
    bulk.json/down_speed RAT001 circuit "jpell" (70011) has no download plan: it is omitted and its traffic passes unshaped
    customer-5004-services.json/service_details/down_speed RAT001 circuit "dortiz" (81004) has no plan: it is omitted and its traffic passes unshaped
    customer-5016-services.json/service_details/down_speed RAT001 circuit "pikeclinic" (81016) has no plan: it is omitted and its traffic passes unshaped
    customer-5020-services.json/service_details/down_speed RAT001 circuit "tmaren" (81020) has no plan: it is omitted and its traffic passes unshaped
    customer-5022-services.json/service_details/down_speed RAT001 circuit "vstone" (81022) has no plan: it is omitted and its traffic passes unshaped
    customer-5025-services.json/service_details/down_speed RAT001 circuit "ydunn" (81025) has no plan: it is omitted and its traffic passes unshaped
    bulk.json TOP001 circuit "gtamarack" (70008) names no parent: it hangs in Generated_PN_1, and no AP or site limit counts it
    bulk.json TOP001 circuit "karden" (70012) names parent "visp:eq:4999", which no node has: it hangs in Generated_PN_8, and no AP or site limit counts it
    bulk.json TOP001 circuit "rlane1" (70014) names no parent: it hangs in Generated_PN_2, and no AP or site limit counts it
    bulk.json TOP001 circuit "rlane2" (70015) names no parent: it hangs in Generated_PN_3, and no AP or site limit counts it
    bulk.json TOP001 circuit "Opal Finch" (70016) names no parent: it hangs in Generated_PN_4, and no AP or site limit counts it
    bulk.json TOP001 circuit "rlind" (70019) names no parent: it hangs in Generated_PN_5, and no AP or site limit counts it
    bulk.json TOP001 circuit "orphan-radio" (70022) names no parent: it hangs in Generated_PN_9, and no AP or site limit counts it
    customer-5012-services.json TOP001 circuit "lvoss" (81012) names no parent: it hangs in Generated_PN_6, and no AP or site limit counts it
    customer-5026-services.json TOP001 circuit "zames" (81026) names no parent: it hangs in Generated_PN_7, and no AP or site limit counts it
    bulk.json/ip_address ADR005 0.0.0.0 of circuit "fhollis" (70007) is the unspecified address: it is not shaped
    bulk.json ADR006 circuit "fhollis" (70007) has no address that can be shaped (0.0.0.0 is the unspecified address): its traffic passes unshaped
    equipment.json BUD002 76.9 % of the class levels above circuits limit nothing (40 of 52, 14 of 16 nodes): without them a packet costs about 11 % less
    equipment.json IDN003 2 nodes share the name "Sector South": APs "Sector South" (visp:eq:4003) and "Sector South" (visp:eq:4004) are shown as "Sector South [visp:eq:4003]" and "Sector South [visp:eq:4004]"
    weir.tomlsuspended.policy POL001 circuit "gtamarack" (70008) is suspended and keeps its full rate
    equipment.json RAT008 7 APs have no known capacity and no link with one: they limit nothing (APs "HR-North" (visp:eq:4001), "HR-East" (visp:eq:4002), "Sector South" (visp:eq:4003) and 4 more)
    equipment.json RAT008 site "Hogback Ridge" (visp:site:12) has no known capacity, and no link feeds it: nothing limits its 6 circuits
    equipment.json RAT008 site "Mill Creek" (visp:site:13) has no known capacity, and no link feeds it: nothing limits its 1 circuit
    equipment.json RAT008 site "Copper Butte" (visp:site:15) has no known capacity, and no link feeds it: nothing limits its 2 circuits
    bulk.json SRC007 record "customer:5012" of `bulk` has a service without a service_number: it is not used
    bulk.json SRC007 a record of `bulk` is text where an object belongs: it is not used
    online.json SRC007 a record of `online` has no username: it is not used
    subscribers.page-3.json SRC007 a record of `subscribers` has no customer_id: it is not used
    bulk.json/down_speed SRC010 circuit "dortiz" (70005): `down_speed` is text where a number belongs; read as 25.5; `up_speed` is text where a number belongs; read as 5.25
    customer-5004-services.json/service_details/down_speed SRC010 circuit "dortiz" (70005): `service_details.down_speed` is text where a number belongs; read as 25.5; `service_details.up_speed` is text where a number belongs; read as 5.25
    bulk.json/ip_address SRC010 circuit "imoss" (70010): `ip_address` is 100.64.50.9, and the service is over: where no other circuit has it, its traffic passes unshaped
    assemblies.json/location_name SRC010 circuit "rlane1" (70014): `location_name` is "Robert Lane", the name of several customers; it says of none where they hang
    assemblies.json/location_name SRC010 circuit "rlane2" (70015): `location_name` is "Robert Lane", the name of several customers; it says of none where they hang
    bulk.json/ip_address SRC010 circuit "qabbott" (70018): `ip_address` is 100.64.50.17, and the service is over: where no other circuit has it, its traffic passes unshaped
    customer-5028-services.json/service_details/down_speed SRC010 circuit "liwei" (71028): `service_details.down_speed` is text where a number belongs; read as 25; `service_details.up_speed` is text where a number belongs; read as 5
    subscribers.page-2.json/package_ip SRC010 circuit "pikeclinic" (81016): `package_ip` holds 198.51.100.17, which none of the customer's services states; it is put on service 81016
    equipment.json/parent_id SRC010 AP "Selfie AP" (visp:eq:4011): `parent_id` names the equipment itself; left out
    subscribers.page-3.json/package_ip SRC010 source "xpoole" (customer:5024): `package_ip` is 100.64.50.24, and no service of this customer is shaped: where no other circuit has it, its traffic passes unshaped
    assemblies.json/parent_id TOP006 circuit "sbecker" (70020) reaches the network through another subscriber, device "CPE Ada Quill" (visp:eq:3001): it hangs on the node that feeds it
    bulk.json/ip_address ADR003 1 address in exports/bulk.json carries the mask of an interface: the hosts are shaped, first 100.64.50.3/24 of circuit "cdoyle" (70004)
    weir.tomltarget BUD009 no target is declared: 16 CPU queues are assumed, and whether the plan fits the box was not checked
    equipment.json TOP010 14 of 16 emitted nodes never limit anything (AP "HR-North" (visp:eq:4001), AP "HR-East" (visp:eq:4002), AP "Sector South" (visp:eq:4003) and 11 more): without them no limit is lost
    equipment.json TOP012 1 site and 2 APs without circuits, not emitted: site "Sage Flat" (visp:site:14), AP "SF-Omni" (visp:eq:4005) and AP "Selfie AP" (visp:eq:4011)
    "#);
}

/// What carries traffic and is not shaped is said, wherever it was left out.
#[test]
fn nothing_is_left_out_without_a_word() {
    let read = |name: &str| {
        let path = format!(
            "{}/../golden/visp-basin/exports/{name}",
            env!("CARGO_MANIFEST_DIR")
        );
        std::fs::read_to_string(path).expect("a file")
    };
    let edit = |text: String, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    // A second session of somebody who has no other address.
    let online = edit(
        read("online.json"),
        "\"username\": \"\"",
        "\"username\": \"rlind\"",
    );
    // Equipment that is no object, equipment without an id, and a dirty id.
    let bulk = edit(read("bulk.json"), "\"equipment\": [", "\"equipment\": [ 7,");
    let bulk = edit(bulk, "\"equipment_id\": 3001", "\"equipment_id\": null");
    let bulk = edit(
        bulk,
        "\"service_number\": 70002",
        "\"service_number\": \"70002\\u0007\"",
    );
    // A service that ends with an address that nobody else has.
    let bulk = edit(
        bulk,
        "\"service_number\": 70003,\n            \"status\": \"ACTIVE\",\n            \"package_status\": \"ACTIVE\"",
        "\"service_number\": 70003,\n            \"status\": \"CANCELLED\",\n            \"package_status\": \"CANCELLED\"",
    );
    let given = basin().file("online.json", online).file("bulk.json", bulk);
    let (before, after) = (basin().findings(), given.findings());
    let told: Vec<&str> = after.lines().filter(|l| !before.contains(l)).collect();
    for want in [
        "`ip` is 100.64.51.99, another session of rlind, whose session with 100.64.51.18 is used; this one is not shaped",
        "record \"customer:5001\" of `bulk` is a number where an object belongs: it is not used",
        "`equipment_id` is missing; this piece of equipment, and the addresses it has, are left out",
        "`ip_address` is 203.0.113.66, and the service is over: where no other circuit has it, its traffic passes unshaped",
    ] {
        assert!(told.iter().any(|l| l.contains(want)), "{want}\n{told:#?}");
    }
    let shown = show(&given.lower());
    assert!(
        shown.contains("circuit 70002 ") && !shown.contains('\u{7}'),
        "{shown}"
    );
}

/// Customers whom the bulk answer knows no service of, services of any kind, and addresses of people without a service.
#[test]
fn whoever_has_no_wireless_service_is_not_forgotten() {
    let subscribers = r#"{"data": {"rows": [
        {"customer_id": 1, "username": "empty", "package_ip": "100.64.0.1"},
        {"customer_id": 2, "username": "fiber", "package_ip": "100.64.0.2"},
        {"customer_id": 3, "username": "phone", "package_ip": "100.64.0.3", "equipment_ip": "0.0.0.0"},
        {"customer_id": 4, "username": "mixed"},
        {"customer_id": 5, "username": "gone", "status": "CANCELLED"},
        {"customer_id": 6, "username": "left", "status": "CANCELLED", "package_ip": "100.64.0.6"}]}}"#;
    let bulk = r#"{"data": {"rows": [
        {"customer_id": 1, "username": "empty", "wireless_services": []},
        {"customer_id": 2, "username": "fiber", "wireless_services": [{"down_speed": 9}],
         "equipment": [{"equipment_id": 70, "ip_address": "100.64.0.70"}]},
        {"customer_id": 5, "username": "gone", "wireless_services": [
            {"service_number": 50, "status": "ACTIVE", "down_speed": 5, "up_speed": 5, "ip_address": "100.64.0.5"}]}]}}"#;
    let rows = |rows: &str| format!(r#"{{"data": {{"rows": [{rows}]}}}}"#);
    let given = Given::new("visp")
        .file("subscribers.json", subscribers)
        .file("bulk.json", bulk)
        .file(
            "customer-2-services.json",
            rows(r#"{"id": 20, "service_type": "", "service_details": {"__typename": "ServiceTypeFiberCircuit"}}"#),
        )
        .file(
            "customer-3-services.json",
            rows(r#"{"id": 30, "service_type": null, "service_details": {"__typename": "ServiceTypeVoip", "service_number": 31}}"#),
        )
        .file(
            "customer-4-services.json",
            rows(
                r#"{"id": 40, "service_type": "other_connection"}, {"id": 41, "service_type": "Satellite", "status": "ACTIVE"},
                   {"id": 42, "service_type": "Satellite", "status": "CANCELLED"},
                   {"id": 43, "service_type": "Satellite", "service_details": {"down_speed": 7, "up_speed": 7}}"#,
            ),
        )
        .file("customer-6-services.json", rows(""));
    let told: String = (given.findings().lines())
        .filter(|line| {
            ["SRC010", "SRC007", "SRC009"]
                .iter()
                .any(|code| line.contains(code))
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert_snapshot!(show(&given.lower()) + &told, @r#"
    circuit 20 "fiber" ?/?
        visp:eq:70 "visp:eq:70" 100.64.0.70
        visp:service:20 "fiber"
        visp:subscriber:2 "fiber" 100.64.0.2
    circuit 40 "mixed" ?/?
        visp:service:40 "mixed"
    circuit 43 "mixed" 7/7
        visp:service:43 "mixed"
    circuit 50 "gone" 5/5
        visp:service:50 "gone" 100.64.0.5
    bulk.json SRC007 record "customer:2" of `bulk` has a service without a service_number: it is not used
    customer-4-services.json/service_type SRC010 circuit "41": `service_type` is "Satellite", which is no kind of access Weir knows, and the service states no speed: it is not shaped
    subscribers.json/status SRC010 circuit "gone" (50): `status` is that of a customer who is gone, whose service is not over: it is shaped
    subscribers.json/customer_id SRC010 source "empty" (customer:1): `customer_id` is in no answer about services: record customer-1-services, or this customer passes unshaped
    subscribers.json/package_ip SRC010 source "phone" (customer:3): `package_ip` is 100.64.0.3, and no service of this customer is shaped: where no other circuit has it, its traffic passes unshaped
    bulk.json/wireless_services SRC010 source "gone" (customer:5): `wireless_services` is all that is known of this customer's services: record customer-5-services, or fiber, cable and the like of this customer pass unshaped
    subscribers.json/package_ip SRC010 source "left" (customer:6): `package_ip` is 100.64.0.6, and no service of this customer is shaped: where no other circuit has it, its traffic passes unshaped
    "#);
}

/// What the bulk answer tells, what a customer's own list tells beside it, and what neither can say.
#[test]
fn a_customer_with_wireless_and_fiber_has_a_circuit_for_each() {
    let rows = |rows: &str| format!(r#"{{"data": {{"rows": [{rows}]}}}}"#);
    let wireless = |customer: u32, services: &str| {
        format!(
            r#"{{"customer_id": {customer}, "username": "c{customer}", "wireless_services": [{services}], "equipment": [
                {{"equipment_id": {customer}, "mac_address": "02:00:00:00:00:0{customer}"}}]}}"#
        )
    };
    let service = |number: u32| {
        format!(
            r#"{{"service_number": {number}, "down_speed": 9, "up_speed": 3, "ip_address": "100.64.1.{number}"}}"#
        )
    };
    let wifi = |id: u32, details: &str| {
        format!(r#"{{"id": {id}, "service_type": "wifi", "service_details": {details}}}"#)
    };
    let fiber = |id: u32| {
        format!(
            r#"{{"id": {id}, "service_type": "fiber", "service_details": {{"__typename": "ServiceTypeFiberCircuit"}}}}"#
        )
    };
    let bulk = [
        wireless(1, &service(10)),
        wireless(2, &service(20)),
        wireless(3, &format!("{}, {}", service(30), service(31))),
        wireless(4, &service(40)),
        wireless(5, &service(50)),
    ];
    let given = Given::new("visp")
        .file("bulk.json", rows(&bulk.join(",")))
        .file(
            "subscribers.json",
            rows(
                r#"{"customer_id": 1, "package_ip": "100.64.1.10, 100.64.2.1"}, {"customer_id": 2}, {"customer_id": 3},
                   {"customer_id": 4}, {"customer_id": 5}"#,
            ),
        )
        .file("equipment.json", rows(r#"{"id": 9, "type": "AP", "location_id": 8}"#))
        .file("assemblies.json", rows(r#"{"id": 1, "parent_id": 9}"#))
        // The wireless one again, and fiber: to the fiber goes the address that the wireless one does not state.
        .file(
            "customer-1-services.json",
            rows(&format!("{}, {}", fiber(5), wifi(11, r#"{"service_number": 10}"#))),
        )
        // A row whose id is the number of somebody's service.
        .file("customer-2-services.json", rows(&format!("{}, {}", fiber(40), wifi(21, "null"))))
        // Two without a number are the two of the bulk answer.
        .file("customer-3-services.json", rows(&format!("{}, {}", wifi(32, "{}"), wifi(33, "{}"))))
        // One too many.
        .file(
            "customer-4-services.json",
            rows(&format!("{}, {}", wifi(41, r#"{"service_number": 40}"#), wifi(42, "null"))),
        );
    let told: String = (given.findings().lines())
        .filter(|line| line.contains("SRC010") || line.contains("SRC013"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_snapshot!(show(&given.lower()) + &told, @r#"
    ap visp:eq:9 "visp:eq:9" in visp:site:8
    site visp:site:8 "visp:site:8", gateway
    circuit 10 "c1" 9/3 on visp:eq:9
        visp:eq:1 "visp:eq:1" [02:00:00:00:00:01]
        visp:service:10 "c1" 100.64.1.10
    circuit 20 "c2" 9/3
        visp:eq:2 "visp:eq:2" [02:00:00:00:00:02]
        visp:service:20 "c2" 100.64.1.20
    circuit 30 "c3" 9/3
        visp:eq:3 "visp:eq:3" [02:00:00:00:00:03]
        visp:service:30 "c3" 100.64.1.30
    circuit 31 "c3" 9/3
        visp:service:31 "c3" 100.64.1.31
    circuit 40 "c4" 9/3
        visp:eq:4 "visp:eq:4" [02:00:00:00:00:04]
        visp:service:40 "c4" 100.64.1.40
    circuit 5 "5" ?/?
        visp:service:5 "5"
        visp:subscriber:1 "5" 100.64.2.1
    circuit 50 "c5" 9/3
        visp:eq:5 "visp:eq:5" [02:00:00:00:00:05]
        visp:service:50 "c5" 100.64.1.50
    circuit service:40 "service:40" ?/?
        visp:service:service:40 "service:40"
    customer-4-services.json/service_details/service_number SRC010 circuit "42": `service_details.service_number` is empty, and this list has more wireless services than the bulk answer, by 1: nothing says which, and what is more is not shaped
    subscribers.json/package_ip SRC010 circuit "5": `package_ip` holds 100.64.2.1, which none of the customer's services states; it is put on service 5
    bulk.json/wireless_services SRC010 source "c5" (customer:5): `wireless_services` is all that is known of this customer's services: record customer-5-services, or fiber, cable and the like of this customer pass unshaped
    "#);
    let forth = show(&given.lower());
    let back: Vec<String> = bulk.into_iter().rev().collect();
    assert_eq!(
        show(&given.file("bulk.json", rows(&back.join(","))).lower()),
        forth
    );
}

/// A service is the same circuit with the same devices, whichever of the two answers tells of it.
#[test]
fn a_service_keeps_its_ids_whichever_list_tells_of_it() {
    let rows = |rows: &str| format!(r#"{{"data": {{"rows": [{rows}]}}}}"#);
    let service =
        r#""service_number": 10, "down_speed": 9, "up_speed": 3, "ip_address": "100.64.1.1""#;
    let own = rows(&format!(
        r#"{{"id": 99, "service_type": "wifi", "service_details": {{"__typename": "ServiceTypeWifi", {service}}}}}"#
    ));
    let shown = |bulk: &str| {
        let given = Given::new("visp")
            .file("bulk.json", rows(bulk))
            .file(
                "subscribers.json",
                rows(r#"{"customer_id": 1, "username": "jo"}"#),
            )
            .file("customer-1-services.json", &own);
        show(&given.lower())
    };
    let both = shown(&format!(
        r#"{{"customer_id": 1, "username": "jo", "wireless_services": [{{{service}}}]}}"#
    ));
    assert_snapshot!(both, @r#"
    circuit 10 "jo" 9/3
        visp:service:10 "jo" 100.64.1.1
    "#);
    assert_eq!(shown(""), both);
}

#[test]
fn equipment_that_feeds_itself_in_a_circle_ends() {
    let given = basin().file(
        "equipment.json",
        include_bytes!("../../../tests/data/visp/gql_EquipmentPg__parent_cycle.json"),
    );
    let findings = given.config("[topology]\nstrategy = \"full\"\n").findings();
    let islands: Vec<&str> = findings.lines().filter(|l| l.contains("TOP004")).collect();
    assert_snapshot!(islands.join("\n"), @r#"
    equipment.json TOP004 site "Hogback Ridge" (visp:site:12) and 6 nodes behind it, with 7 circuits, have no way to the root: no up link and no declared parent leads there
    "#);
}

/// One relay is in both lists, and one of them is wrong about it.
#[test]
fn of_two_lists_the_one_that_knows_a_device_is_believed() {
    let rows = |rows: &str| format!(r#"{{"data": {{"rows": [{rows}]}}}}"#);
    let lowered = |relay: &str, installed: &str| {
        let equipment = format!(
            r#"{{"id": 9, "type": "AP", "name": "North", "location_id": 5, "location_name": "Hill"}}, {{"id": 3, {relay}}}"#
        );
        let assemblies = format!(
            r#"{{"id": 3, {installed}}}, {{"id": 4, "parent_id": 3, "location_name": "far"}}"#
        );
        let records = Given::new("visp")
            .file("equipment.json", rows(&equipment))
            .file("assemblies.json", rows(&assemblies))
            .file(
                "bulk.json",
                rows(r#"{"customer_id": 1, "username": "far", "equipment": [{"equipment_id": 4}],
                    "wireless_services": [{"service_number": 7, "down_speed": 5, "up_speed": 5, "ip_address": "100.64.0.1"}]}"#),
            )
            .file("subscribers.json", rows(""))
            .lower();
        let ids: Vec<&str> = records.nodes.iter().map(|node| &*node.id).collect();
        assert!(!ids.contains(&"visp:eq:3"), "{ids:?}");
        records.circuits[0]
            .attach
            .first()
            .map(|to| to.text.to_string())
    };
    for (relay, installed) in [
        (r#""type": "CPE", "parent_id": 9"#, r#""parent_id": 9"#),
        (r#""type": "ROUTER", "parent_id": 9"#, r#""parent_id": 77"#),
        (
            r#""type": "who knows", "parent_id": 77"#,
            r#""parent_id": 9"#,
        ),
        (r#""type": true, "parent_id": null"#, r#""parent_id": 9"#),
    ] {
        assert_eq!(
            lowered(relay, installed).as_deref(),
            Some("visp:eq:9"),
            "{relay} {installed}"
        );
    }
    let nobody = lowered(r#""type": "CPE", "parent_id": 77"#, r#""parent_id": 78"#);
    assert_eq!(nobody.as_deref(), Some("visp:eq:77"));
}

#[test]
fn subscribers_equipment_in_a_circle_leads_nowhere() {
    let row = |id: u32, parent: u32| {
        format!(r#"{{"id": {id}, "parent_id": {parent}, "type": "CPE", "location_name": "x"}}"#)
    };
    let rows = format!(r#"{{"data": {{"rows": [{}, {}]}}}}"#, row(1, 2), row(2, 1));
    let bulk = r#"{"data": {"rows": [{"customer_id": 1, "username": "a", "equipment": [{"equipment_id": 1}],
        "wireless_services": [{"service_number": 9, "down_speed": 5, "up_speed": 5, "ip_address": "100.64.0.1"}]}]}}"#;
    let given = Given::new("visp")
        .file("equipment.json", &rows)
        .file("assemblies.json", &rows)
        .file("bulk.json", bulk)
        .file("subscribers.json", r#"{"data": {"rows": []}}"#);
    assert_snapshot!(show(&given.lower()), @r#"
    circuit 9 "a" 5/5
        visp:service:9 "a" 100.64.0.1
    "#);
}

#[test]
fn an_answer_that_reports_an_error_makes_the_source_incomplete() {
    let cases = [
        (
            "equipment.json",
            include_str!("../../../tests/data/visp/gql_error_200.json"),
        ),
        (
            "assemblies.json",
            include_str!("../../../tests/data/visp/gql_partial_200.json"),
        ),
        (
            "bulk.json",
            include_str!("../../../tests/data/visp/gql_auth_401.json"),
        ),
        (
            "bulk.json",
            include_str!("../../../tests/data/visp/gql_Bulk__null.json"),
        ),
        ("bulk.json", r#"{"data": null}"#),
        ("bulk.json", "[]"),
        ("bulk.json", "<html></html>"),
        ("bulk.json", r#"{"data": {"rows": [], "rows": [1"#),
        // Records and an error: nobody knows what is missing.
        (
            "bulk.json",
            r#"{"data": {"rows": []}, "errors": [{"message": "Timeout"}]}"#,
        ),
        (
            "bulk.json",
            r#"{"data": {"rows": []}, "errors": {"message": "Timeout"}}"#,
        ),
        (
            "customer-5021-services.json",
            r#"{"errors": [{"message": "Timeout"}]}"#,
        ),
        ("customer-5023-ips.json", r#"{"data": {"row": null}}"#),
        (
            "subscribers.page-3.json",
            r#"{"data": {"rows": [], "count": 28}}"#,
        ),
    ];
    let mut said = String::new();
    for (name, body) in cases {
        let given = basin().file(name, body);
        assert!(given.incomplete(), "{body}");
        let findings = given.findings();
        let broken = findings.lines().filter(|line| line.contains("SRC008"));
        said.extend(broken.map(|line| format!("{line}\n")));
    }
    assert_snapshot!(said, @r#"
    equipment.json SRC008 exports/equipment.json cannot be read: the answer is an error: "Cannot query field "equipmentPg" on type "Query"."; nothing is built without it
    assemblies.json SRC008 exports/assemblies.json cannot be read: the answer is not complete: "Timeout while resolving rows"; nothing is built without it
    bulk.json SRC008 exports/bulk.json cannot be read: the answer is an error: "jwt expired"; nothing is built without it
    bulk.json SRC008 exports/bulk.json cannot be read: `customerCPEwithWirelessServiceSpeeds` is null where a list is expected; nothing is built without it
    bulk.json SRC008 exports/bulk.json cannot be read: `data` is null where an object is expected; nothing is built without it
    bulk.json SRC008 exports/bulk.json cannot be read: a list where an object is expected; nothing is built without it
    bulk.json SRC008 exports/bulk.json cannot be read: a web page where JSON is expected: was it saved from a browser or a proxy?; nothing is built without it
    bulk.json SRC008 exports/bulk.json cannot be read: the file ends in the middle of the answer: it is truncated; nothing is built without it
    bulk.json SRC008 exports/bulk.json cannot be read: the answer is not complete: "Timeout"; nothing is built without it
    bulk.json SRC008 exports/bulk.json cannot be read: `errors` is no list: the answer is not used; nothing is built without it
    customer-5021-services.json SRC008 exports/customer-5021-services.json cannot be read: the answer is an error: "Timeout"; nothing is built without it
    customer-5023-ips.json SRC008 exports/customer-5023-ips.json cannot be read: `row` is null where an object is expected; nothing is built without it
    subscribers.page-3.json SRC008 exports/subscribers.page-3.json cannot be read: the answer counts 28 records and its pages hold 20: the recording is cut short; nothing is built without it
    "#);
}

#[test]
fn pages_that_hold_less_than_the_answer_counts_are_a_cut_recording() {
    let page = include_str!("../../../tests/data/visp/gql_Subs__count_zero_full_page.json");
    // A count below what is there is only a wrong count.
    let given = basin();
    let given = ["1", "2", "3"].iter().fold(given, |given, number| {
        given.file(&format!("subscribers.page-{number}.json"), page)
    });
    assert!(!given.incomplete());
}

#[test]
fn without_equipment_only_what_is_written_beside_a_customer_says_where_it_hangs() {
    let subscribers = r#"{"data": {"rows": [
        {"customer_id": 1, "username": "a", "access_point": "North", "tower": "Hill", "package_ip": "100.64.0.9"},
        {"customer_id": "2", "username": "b", "status": "SUSPENDED"}]}}"#;
    let bulk = r#"{"data": {"rows": [
        {"customer_id": "1", "username": "a", "wireless_services": [
            {"service_number": 10, "down_speed": 5, "up_speed": "0.5", "up_speed_unit": "Gbps", "ip_address": "100.64.0.1"},
            {"service_number": 9, "status": "SUSPENDED", "down_speed": 5, "up_speed": 5, "ip_address": "100.64.0.2"},
            {"service_number": 11, "status": "LIVE?", "down_speed": 1, "down_speed_unit": "furlong", "up_speed": 1}]},
        {"customer_id": 2, "username": "b", "wireless_services": [
            {"service_number": 12, "down_speed": 5, "up_speed": 5, "ip_address": "100.64.0.3", "mac_address": "0200.0000.0012"}]}]}}"#;
    let given = Given::new("visp")
        .file("subscribers.json", subscribers)
        .file("bulk.json", bulk);
    assert!(!given.incomplete());
    assert_snapshot!(show(&given.lower()) + &given.findings(), @r#"
    circuit 10 "a" 5/500 on North, else Hill
        visp:service:10 "a" 100.64.0.1
    circuit 11 "a" 1/1 on North, else Hill
        visp:service:11 "a"
        visp:subscriber:1 "a" 100.64.0.9
    circuit 12 "b" 5/5 suspended
        visp:service:12 "b" [02:00:00:00:00:12] 100.64.0.3
    circuit 9 "a" 5/5 suspended on North, else Hill
        visp:service:9 "a" 100.64.0.2
    bulk.json TOP001 circuits "a" (10), "a" (11) and "a" (9) name parent "North", which no node has: they hang in generated nodes, and no AP or site limit counts them
    bulk.json TOP001 circuit "b" (12) names no parent: it hangs in Generated_PN_2, and no AP or site limit counts it
    weir.tomlsuspended.policy POL001 2 circuits, first circuit "b" (12), are suspended and keep their full rate
    bulk.json/up_speed SRC010 circuit "a" (10): `up_speed` is text where a number belongs; read as 0.5
    bulk.json/down_speed SRC010 circuit "a" (11): `down_speed` is in "furlong", which is no unit Weir knows; read as Mbit/s; `status` is "LIVE?", which is no state Weir knows; read as active
    subscribers.json/package_ip SRC010 circuit "a" (11): `package_ip` holds 100.64.0.9, which none of the customer's services states; it is put on service 11
    bulk.json/wireless_services SRC010 source "a" (customer:1): `wireless_services` is all that is known of this customer's services: record customer-1-services, or fiber, cable and the like of this customer pass unshaped
    bulk.json/wireless_services SRC010 source "b" (customer:2): `wireless_services` is all that is known of this customer's services: record customer-2-services, or fiber, cable and the like of this customer pass unshaped
    weir.tomlsource.0.export SRC011 source "example" has no `assemblies`: where customers hang is known only where it is written beside them
    weir.tomlsource.0.export SRC011 source "example" has no `equipment`: no node is known, so only plans can be shaped
    weir.tomlsource.0.export SRC011 source "example" has no `online`: customers without an address are not looked up among those who are online
    weir.tomltarget BUD009 no target is declared: 16 CPU queues are assumed, and whether the plan fits the box was not checked
    "#);
}
