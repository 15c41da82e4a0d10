//! A recorded list with everything such lists get wrong, and bodies that are no list.

use insta::assert_snapshot;

use crate::sources::given::{Given, show};

fn basin() -> Given {
    Given::new("wispgate").directory("../golden/wispgate-basin/exports")
}

fn given(body: &str) -> Given {
    Given::new("wispgate").file("shaped-devices.json", body)
}

#[test]
fn rows_are_circuits_with_their_devices() {
    assert_snapshot!(show(&basin().lower()), @r#"
    circuit 113 "Moss, Ira" 25/5 at least 1/1
        wispgate:14 "CPE imoss2" [02:4d:00:00:00:0e] 100.64.90.14
    circuit WG-101 "Ada Quill" 50/10 at least 5/1 on HR-North
        wispgate:1 "CPE aquill" [02:4d:00:00:00:01] 100.64.90.1
    circuit WG-102 "Birch & Sons LLC" 100/50 at least 10/10 on HR-North
        wispgate:2 "Router birch" [02:4d:00:00:00:02] 203.0.113.200 2001:db8:9002::/56
        wispgate:3 "Camera birch" [02:4d:00:00:00:03] 203.0.113.201
    circuit WG-103 "Casimir Doyle" 25/5 at least 1/1 on HR-East
        wispgate:4 "CPE cdoyle" 100.64.90.3 100.64.90.4
    circuit WG-104 "Dana Ortíz" 25/5 at least 1/1 on HR-East
        wispgate:5 "CPE dortiz" 100.64.90.5
    circuit WG-105 "Elk Meadow School" 200/200 at least 50/50 on Sector South
        wispgate:6 "Router elk" [02:4d:00:00:00:06] 203.0.113.208/29
    circuit WG-106 "Fern Hollis" 50/10 at least 1/1 on Sector South
        wispgate:7 "CPE fhollis" [02:4d:00:00:00:07] 2001:db8:9006::/64
    circuit WG-107 "Gus Tamarack" 50/10 at least 1/1 on MC-Sector-B
        wispgate:8 "CPE gtamarack" [02:4d:00:00:00:08]
    circuit WG-108 "Hana Sørby" ?/? at least 3/1 on MC-Sector-B
        wispgate:9 "CPE hsorby" [02:4d:00:00:00:09] 100.64.90.9
    circuit WG-109 "Ira Moss" ?/? on SF-Omni
        wispgate:10 "CPE imoss" [02:4d:00:00:00:0a] 100.64.90.10
    circuit WG-110 "Jo Pell" 12.5/2.5 at least 1/1 on SF-Omni
        wispgate:11 "CPE jpell" [02:4d:00:00:00:0b] 100.64.90.11
    circuit WG-111 "Kit Arden" 12.5/2.5 at least 1/1 on CB-60G
        wispgate:12 "CPE karden" [02:4d:00:00:00:0c] 100.64.90.12
    circuit WG-112 "Lena Voss" 300/100 at least 20/20 on CB-60G
        wispgate:13 "CPE lvoss" [02:4d:00:00:00:0d] 100.64.90.13
    circuit WG-114 "Nico Reyes" 25/5 at least 1/1
        wispgate:15 "CPE nreyes" [02:4d:00:00:00:0f] 100.64.90.15
    circuit WG-115 "Nico Reyes" 25/5 at least 1/1 on PN-East
        wispgate:16 "CPE nreyes" [02:4d:00:00:00:10] 100.64.90.16
    circuit WG-116 "Opal Finch" 300/300 at least 100/100 on OLT-1
        wispgate:17 "ONU ofinch" [02:4d:00:00:00:11] 100.64.90.17 2001:db8:9116::/56
    circuit WG-117 "Pike County Clinic" 1000/1000 at least 500/500 on OLT-1
        wispgate:18 "ONU pike" [02:4d:00:00:00:12] 198.51.100.80 2001:db8:9117::/48
    circuit WG-118 "Quinn Abbott" 25/5 at least 1/1 on Ghost AP
        wispgate:19 "CPE qabbott" [02:4d:00:00:00:13] 100.64.90.19
    circuit WG-119 "Rosa Lind" 25/5 at least 1/1 on HR-North
        wispgate:20 "CPE rlind" [02:4d:00:00:00:14] 100.64.90.1
    circuit WG-120 "Sol Becker" 25/5 at least 60/20 on HR-North
        wispgate:21 "CPE sbecker" [02:4d:00:00:00:15] 100.64.90.21
    circuit WG-121 "Tess Maren" ?/? at least 1/1 on HR-North
        wispgate:22 "CPE tmaren" [02:4d:00:00:00:16] 100.64.90.22
    circuit WG-122 "Wei 李" 50/10 at least 1/1 on HR-East
        wispgate:23 "CPE liwei" [02:4d:00:00:00:17] 100.64.90.23
    circuit WG-123 "Uma Kerr" 50/10 at least 1/1 on HR-East
        wispgate:24 "CPE ukerr" [02:4d:00:00:00:18] 100.64.90.24
        wispgate:25 "AP ukerr" [02:4d:00:00:00:19] 100.64.90.25
    "#);
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    assert_snapshot!(basin().findings(), @r#"
    shaped-devices.json/IPv4 ADR001 100.64.90.1 is on circuits "Ada Quill" (WG-101) and "Rosa Lind" (WG-119): its traffic is shaped by the plan of WG-101, and WG-119 is left without an address
    shaped-devices.json/Parent Node IDN001 circuit "Uma Kerr" (WG-123) is recorded twice with different parent and plan: one record is used, the other is ignored
    shaped-devices.json/Download Max Mbps RAT001 circuit "Hana Sørby" (WG-108) has no plan: it is omitted and its traffic passes unshaped
    shaped-devices.json/Download Max Mbps RAT001 circuit "Ira Moss" (WG-109) has no plan: it is omitted and its traffic passes unshaped
    shaped-devices.json/Download Max Mbps RAT001 circuit "Tess Maren" (WG-121) has no plan: it is omitted and its traffic passes unshaped
    shaped-devices.json/Download Max Mbps RAT003 circuit "Sol Becker" (WG-120) is guaranteed 60/20 Mbit/s but its plan is 25/5 Mbit/s: the guarantee is cut
    shaped-devices.json TOP001 circuit "Moss, Ira" (113) names no parent: it hangs in Generated_PN_10, and no AP or site limit counts it
    shaped-devices.json/Parent Node TOP001 16 circuits name 8 parents, but no source describes a node: all hang in generated nodes, and no AP or site limit counts them
    shaped-devices.json TOP001 circuit "Nico Reyes" (WG-114) names no parent: it hangs in Generated_PN_13, and no AP or site limit counts it
    shaped-devices.json ADR006 circuit "Gus Tamarack" (WG-107) has no address that can be shaped (none is recorded): its traffic passes unshaped
    shaped-devices.json ADR006 circuit "Rosa Lind" (WG-119) has no address that can be shaped (100.64.90.1 belongs to circuit "Ada Quill" (WG-101)): its traffic gets the plan of the other circuit
    shaped-devices.json/Download Max Mbps SRC010 circuit "Dana Ortíz" (WG-104): `Download Max Mbps` is text where a number belongs; read as 25; `Upload Max Mbps` is text where a number belongs; read as 5
    shaped-devices.json/Download Max Mbps SRC010 circuit "Kit Arden" (WG-111): `Download Max Mbps` is text where a number belongs; read as 12.5; `Upload Max Mbps` is text where a number belongs; read as 2.5
    weir.tomltarget BUD009 no target is declared: 16 CPU queues are assumed, and whether the plan fits the box was not checked
    "#);
}

#[test]
fn a_row_costs_itself_only() {
    let given = Given::new("wispgate").file(
        "shaped-devices.json",
        include_bytes!("../../../tests/data/wispgate/missing_keys.json"),
    );
    assert_snapshot!(show(&given.lower()), @r#"
    circuit WG-101 "Ada Quill" 50/10 at least 5/1 on HR-North
        wispgate:1 "CPE aquill" [02:4d:00:00:00:01] 100.64.90.1
    circuit WG-102 "Birch & Sons LLC" 100/50 at least 10/10 on HR-North
        wispgate:2 "Router birch" 203.0.113.200 2001:db8:9002::/56
        wispgate:3 "wispgate:3" [02:4d:00:00:00:03] 203.0.113.201
    "#);
    assert_snapshot!(given.config("[topology]\nstrategy = \"flat\"\n").findings(), @r#"
    shaped-devices.json SRC007 record "4" of `shaped-devices` has no Circuit ID: it is not used
    weir.tomltarget BUD009 no target is declared: 16 CPU queues are assumed, and whether the plan fits the box was not checked
    "#);
}

#[test]
fn a_body_that_is_no_list_makes_the_source_incomplete() {
    let cases = [
        include_str!("../../../tests/data/wispgate/error_401.json"),
        "<html><body>502 Bad Gateway</body></html>",
        "",
        "null",
        "[{\"Circuit ID\": \"WG-1\"}",
    ];
    let mut said = String::new();
    for body in cases {
        let given = given(body);
        assert!(given.incomplete(), "{body}");
        said += &given.findings();
    }
    assert_snapshot!(said, @r#"
    shaped-devices.json SRC008 exports/shaped-devices.json cannot be read: an error object where a list is expected: Invalid api_token; nothing is built without it
    shaped-devices.json SRC008 exports/shaped-devices.json cannot be read: a web page where a list is expected: was it saved from a browser or a proxy?; nothing is built without it
    shaped-devices.json SRC008 exports/shaped-devices.json cannot be read: the file is empty; nothing is built without it
    shaped-devices.json SRC008 exports/shaped-devices.json cannot be read: not JSON: a list of records is expected, starting with [; nothing is built without it
    shaped-devices.json SRC008 exports/shaped-devices.json cannot be read: the file ends in the middle of the list: it is truncated; nothing is built without it
    "#);
    // A system without subscribers answers so; whether that can be is not for its reader to say.
    assert!(!given("[]").incomplete());
}

#[test]
fn pages_are_one_list() {
    let row = |id| format!("[{{\"Circuit ID\": \"{id}\", \"Device ID\": {id}}}]");
    let records = Given::new("wispgate")
        .file("shaped-devices.page-2.json", row(2))
        .file("shaped-devices.page-1.json", row(1))
        .lower();
    assert_snapshot!(show(&records), @r#"
    circuit 1 "1" ?/?
        wispgate:1 "wispgate:1"
    circuit 2 "2" ?/?
        wispgate:2 "wispgate:2"
    "#);
}

#[test]
fn the_order_of_rows_says_nothing() {
    let rows = |from: &[&str]| format!("[{}]", from.join(","));
    let one = r#"{"Circuit ID": 7, "Device ID": 1, "IPv4": "100.64.0.1", "Download Max Mbps": 50, "Upload Max Mbps": 5}"#;
    let two = r#"{"Circuit ID": "7", "Device ID": 2, "IPv4": "100.64.0.2", "Download Max Mbps": 20, "Upload Max Mbps": 5}"#;
    let forth = show(&given(&rows(&[one, two])).lower());
    let back = show(&given(&rows(&[two, one])).lower());
    assert_eq!(forth, back);
    assert_eq!(forth.lines().count(), 3, "{forth}");
}
