//! A recorded answer with everything such answers get wrong, and bodies that are no answer.

use insta::assert_snapshot;

use crate::sources::given::{Given, show};

fn basin() -> Given {
    Given::new("netzur")
        .directory("../golden/netzur-basin/exports")
        .config(
            "[topology]\nexclude = [\"Lab Bench\"]\n\n[addresses]\nignore = [\"192.168.0.0/16\"]\n",
        )
}

fn given(body: &str) -> Given {
    Given::new("netzur").file("libreqos.json", body)
}

#[test]
fn zones_are_sites_and_customers_circuits() {
    assert_snapshot!(show(&basin().lower()), @r#"
    site netzur:zone:1 "Depot NOC" 10000/10000, gateway
    site netzur:zone:3 "Mill Creek" 600/200, gateway
    site netzur:zone:4 "Sage Flat", gateway
    site netzur:zone:6 "Pine Notch" 300/?, gateway
    site netzur:zone:7 "Hogback Ridge" 100/100, gateway
    site netzur:zone:86293ddf9d2ce7c9 "Copper Butte" 750.5/300, gateway
    site netzur:zone:9 "Lab Bench" 100/100, gateway
    site netzur:zone:z-2 "Hogback Ridge" 950/950, gateway
    circuit netzur_14 "Nico Reyes" 1000/1000 on netzur:zone:1
        netzur_14_device "Nico Reyes" 100.64.70.14 2001:db8:7014::/64
    circuit netzur_JB-001 "Ada Quill" 50/10 on netzur:zone:z-2
        netzur_JB-001_device "Ada Quill" [02:4c:00:00:00:01] 100.64.70.1 100.64.70.22
    circuit netzur_JB-002 "Birch & Sons LLC" 100/50 on netzur:zone:z-2
        netzur_JB-002_device "Birch & Sons LLC" 203.0.113.130 203.0.113.131 2001:db8:7002::/56
    circuit netzur_JB-003 "Casimir Doyle" 25.5/5 on netzur:zone:3
        netzur_JB-003_device "Casimir Doyle" 100.64.70.3
    circuit netzur_JB-004 "Dana Ortíz" 25/5 on mill creek
        netzur_JB-004_device "Dana Ortíz" 100.64.70.4
    circuit netzur_JB-005 "Elk Meadow School" 200/200 on netzur:zone:3
        netzur_JB-005_device "Elk Meadow School" 203.0.113.136/29 203.0.113.144 2001:db8:7005::/48
    circuit netzur_JB-006 "Fern Hollis" 50/10 on netzur:zone:4
        netzur_JB-006_device "Fern Hollis" 100.64.70.6
    circuit netzur_JB-007 "Gus Tamarack" ?/? on netzur:zone:4
        netzur_JB-007_device "Gus Tamarack" 100.64.70.7
    circuit netzur_JB-008 "Hana Sørby" 50/10 on netzur:zone:86293ddf9d2ce7c9
        netzur_JB-008_device "Hana Sørby" 100.64.70.8
    circuit netzur_JB-009 "Ira Moss" 50/10 on netzur:zone:86293ddf9d2ce7c9
        netzur_JB-009_device "Ira Moss" [02:4c:00:00:00:09]
    circuit netzur_JB-010 "Jo Pell" 50/10 on netzur:zone:6
        netzur_JB-010_device "Jo Pell" 100.64.70.10
    circuit netzur_JB-011 "Kit Arden" 50/10 on Nowhere Zone
        netzur_JB-011_device "Kit Arden" 100.64.70.11
    circuit netzur_JB-012 "Lena Voss" 50/10
        netzur_JB-012_device "Lena Voss" 100.64.70.12
    circuit netzur_JB-013 "Moss, Ira" 50/10
        netzur_JB-013_device "Moss, Ira" 100.64.70.13
    circuit netzur_JB-015 "Nico Reyes" 1000/1000 on netzur:zone:1
        netzur_JB-015_device "Nico Reyes" 100.64.70.15
    circuit netzur_JB-016 "JB-016" 300/300 on netzur:zone:1
        netzur_JB-016_device "JB-016" 100.64.70.16
    circuit netzur_JB-018 "Pike County Clinic" 100/100 on netzur:zone:9
        netzur_JB-018_device "Pike County Clinic" 198.51.100.40
    circuit netzur_JB-019 "Quinn Abbott" 25/5 on netzur:zone:z-2
        netzur_JB-019_device "Quinn Abbott" 100.64.70.1
    circuit netzur_JB-020 "Rosa Lind" ?/? on netzur:zone:z-2
        netzur_JB-020_device "Rosa Lind" 100.64.70.20
    circuit netzur_JB-021 "Sol Becker" 0.512/0.128 on netzur:zone:6
        netzur_JB-021_device "Sol Becker" 100.64.70.21
    circuit netzur_JB-023 "Tess Maren" 50/10 on netzur:zone:z-2
        netzur_JB-023_device "Tess Maren" 192.168.88.10
    circuit netzur_JB-024 "Wei 李" 25/5 on netzur:zone:3
        netzur_JB-024_device "Wei 李" 100.64.70.24
    "#);
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    assert_snapshot!(basin().findings(), @r#"
    libreqos.json/ip ADR001 100.64.70.1 is on circuits "Ada Quill" (netzur_JB-001) and "Quinn Abbott" (netzur_JB-019): its traffic is shaped by the plan of netzur_JB-001, and netzur_JB-019 is left without an address
    libreqos.json/download IDN001 circuit "Ada Quill" (netzur_JB-001) is recorded twice with different plan and name: one record is used, the other is ignored
    libreqos.json IDN008 device "Ada Quill" (netzur_JB-001_device) is recorded twice with different addresses, name and mac: one record is used, the other is ignored
    libreqos.json/download RAT001 circuit "Gus Tamarack" (netzur_JB-007) has no plan: it is omitted and its traffic passes unshaped
    libreqos.json/download RAT001 circuit "Rosa Lind" (netzur_JB-020) has no plan: it is omitted and its traffic passes unshaped
    weir.tomltopology.wan_mbps RAT014 `topology.wan_mbps` is not set, so nothing gets more than 1000/1000 Mbit/s; but site "Depot NOC" (netzur:zone:1) carries 10000/10000 Mbit/s
    libreqos.json/zone TOP001 circuit "Kit Arden" (netzur_JB-011) names parent "Nowhere Zone", which no node has: it hangs in Generated_PN_2, and no AP or site limit counts it
    libreqos.json TOP001 circuit "Lena Voss" (netzur_JB-012) names no parent: it hangs in Generated_PN_3, and no AP or site limit counts it
    libreqos.json TOP001 circuit "Moss, Ira" (netzur_JB-013) names no parent: it hangs in Generated_PN_4, and no AP or site limit counts it
    libreqos.json ADR006 circuit "Ira Moss" (netzur_JB-009) has no address that can be shaped (none is recorded): its traffic passes unshaped
    libreqos.json ADR006 circuit "Quinn Abbott" (netzur_JB-019) has no address that can be shaped (100.64.70.1 belongs to circuit "Ada Quill" (netzur_JB-001)): its traffic gets the plan of the other circuit
    libreqos.json ADR006 circuit "Tess Maren" (netzur_JB-023) has no address that can be shaped (192.168.88.10 is ignored by 192.168.0.0/16): its traffic passes unshaped
    libreqos.json/zone IDN005 circuit "Dana Ortíz" (netzur_JB-004) names parent "mill creek", which is read as site "Mill Creek" (netzur:zone:3)
    libreqos.json SRC007 record "8" of `zones` has no name, and customers name their zone by it: it is not used
    libreqos.json SRC007 a record of `customers` has no subscriber_id: it is not used
    libreqos.json/download SRC010 circuit "Casimir Doyle" (netzur_JB-003): `download` is text where a number belongs; read as 25.5; `upload` is text where a number belongs; read as 5
    libreqos.json/capacity_download_mbps SRC010 site "Mill Creek" (netzur:zone:3): `capacity_download_mbps` is text where a number belongs; read as 600; `capacity_upload_mbps` is text where a number belongs; read as 200
    libreqos.json/name SRC010 site "Hogback Ridge" (netzur:zone:7): `name` is the name of netzur:zone:z-2 too, which has the larger capacity: customers of this name are put there
    libreqos.json/id SRC010 site "Copper Butte" (netzur:zone:86293ddf9d2ce7c9): `id` is missing; the zone is called `netzur:zone:86293ddf9d2ce7c9` after its name
    libreqos.json TOP002 circuit "Pike County Clinic" (netzur_JB-018) hangs on site "Lab Bench" (netzur:zone:9), where `ap_site` finds no visible AP or site above: it is shaped in a generated node
    weir.tomladdresses.ignore ADR010 1 address of 1 circuit is inside the ignored 192.168.0.0/16: not shaped, first 192.168.88.10 of circuit "Tess Maren" (netzur_JB-023)
    weir.tomltarget BUD009 no target is declared: 16 CPU queues are assumed, and whether the plan fits the box was not checked
    weir.tomltopology.exclude SRC012 `topology.exclude` names "Lab Bench", which is read as site "Lab Bench" (netzur:zone:9)
    libreqos.json TOP012 1 site without circuits, not emitted: site "Hogback Ridge" (netzur:zone:7)
    "#);
}

#[test]
fn a_zone_is_no_access_point() {
    let config = "[topology]\nstrategy = \"ap_only\"\n";
    let findings = basin().config(config).findings();
    let places: Vec<&str> = findings.lines().filter(|l| l.contains("TOP002")).collect();
    assert_snapshot!(places.join("\n"), @r#"
    libreqos.json TOP002 circuits "Nico Reyes" (netzur_14), "Nico Reyes" (netzur_JB-015) and "JB-016" (netzur_JB-016) hang on site "Depot NOC" (netzur:zone:1), where `ap_only` finds no AP above: they are shaped in a generated node
    libreqos.json TOP002 circuits "Ada Quill" (netzur_JB-001), "Birch & Sons LLC" (netzur_JB-002) and "Tess Maren" (netzur_JB-023) hang on site "Hogback Ridge" (netzur:zone:z-2), where `ap_only` finds no AP above: they are shaped in a generated node
    libreqos.json TOP002 circuits "Casimir Doyle" (netzur_JB-003), "Dana Ortíz" (netzur_JB-004), "Elk Meadow School" (netzur_JB-005) and 1 more hang on site "Mill Creek" (netzur:zone:3), where `ap_only` finds no AP above: they are shaped in a generated node
    libreqos.json TOP002 circuit "Fern Hollis" (netzur_JB-006) hangs on site "Sage Flat" (netzur:zone:4), where `ap_only` finds no AP above: it is shaped in a generated node
    libreqos.json TOP002 circuit "Hana Sørby" (netzur_JB-008) hangs on site "Copper Butte" (netzur:zone:86293ddf9d2ce7c9), where `ap_only` finds no AP above: it is shaped in a generated node
    libreqos.json TOP002 circuits "Jo Pell" (netzur_JB-010) and "Sol Becker" (netzur_JB-021) hang on site "Pine Notch" (netzur:zone:6), where `ap_only` finds no AP above: they are shaped in a generated node
    libreqos.json TOP002 circuit "Pike County Clinic" (netzur_JB-018) hangs on site "Lab Bench" (netzur:zone:9), where `ap_only` finds no AP above: it is shaped in a generated node
    "#);
}

#[test]
fn odd_values_cost_themselves_only() {
    let given = given(include_str!("../../../tests/data/netzur/bad_values.json"));
    assert!(!given.incomplete());
    assert_snapshot!(show(&given.lower()) + &given.findings(), @r#"
    site netzur:zone:1 "Depot NOC" 10000/10000, gateway
    site netzur:zone:3 "Mill Creek" 600/200, gateway
    site netzur:zone:z-2 "Hogback Ridge" 950/950, gateway
    circuit netzur_JB-001 "Ada Quill" 50/10 on netzur:zone:z-2
        netzur_JB-001_device "Ada Quill" [02:4c:00:00:00:01] n/a
    circuit netzur_JB-002 "Birch & Sons LLC" ?/50 on netzur:zone:z-2
        netzur_JB-002_device "Birch & Sons LLC" 203.0.113.130 203.0.113.131 2001:db8:7002::/56
    circuit netzur_JB-003 "Casimir Doyle" 25.5/5 on netzur:zone:3
        netzur_JB-003_device "Casimir Doyle" 100.64.70.3
    libreqos.json/download RAT001 circuit "Birch & Sons LLC" (netzur_JB-002) has no download plan: it is omitted and its traffic passes unshaped
    weir.tomltopology.wan_mbps RAT014 `topology.wan_mbps` is not set, so nothing gets more than 1000/1000 Mbit/s; but site "Depot NOC" (netzur:zone:1) carries 10000/10000 Mbit/s
    libreqos.json ADR006 circuit "Ada Quill" (netzur_JB-001) has no address that can be shaped ("n/a" is not an address): its traffic passes unshaped
    libreqos.json/ip ADR009 "n/a" of circuit "Ada Quill" (netzur_JB-001) is not an address: it is not shaped
    libreqos.json/download SRC010 circuit "Birch & Sons LLC" (netzur_JB-002): `download` is text that is not a number ("50M"); left out
    libreqos.json/download SRC010 circuit "Casimir Doyle" (netzur_JB-003): `download` is text where a number belongs; read as 25.5; `upload` is text where a number belongs; read as 5
    libreqos.json/capacity_download_mbps SRC010 site "Mill Creek" (netzur:zone:3): `capacity_download_mbps` is text where a number belongs; read as 600; `capacity_upload_mbps` is text where a number belongs; read as 200
    weir.tomltarget BUD009 no target is declared: 16 CPU queues are assumed, and whether the plan fits the box was not checked
    libreqos.json TOP012 2 sites without circuits, not emitted: sites "Depot NOC" (netzur:zone:1) and "Hogback Ridge" (netzur:zone:z-2)
    "#);
}

#[test]
fn customers_without_zones_are_shaped_without_limits() {
    for body in [
        include_str!("../../../tests/data/netzur/zones_null.json"),
        r#"{"customers": [{"subscriber_id": 1, "zone": "A", "download": 5, "upload": 5, "ip": "100.64.0.1"}]}"#,
    ] {
        let given = given(body);
        assert!(!given.incomplete());
        assert!(given.lower().nodes.is_empty() && !given.lower().circuits.is_empty());
        assert!(given.findings().contains("`zones`"), "{}", given.findings());
    }
}

#[test]
fn a_body_that_is_no_answer_makes_the_source_incomplete() {
    let cases = [
        include_str!("../../../tests/data/netzur/error_401.json"),
        include_str!("../../../tests/data/netzur/error_429.json"),
        include_str!("../../../tests/data/netzur/top_level_list.json"),
        "<!doctype html><html></html>",
        "",
        "{\"zones\": [], \"customers\": null}",
        "{\"zones\": [], \"customers\": [{\"subscriber_id\": 1}]",
    ];
    let mut said = String::new();
    for body in cases {
        let given = given(body);
        assert!(given.incomplete(), "{body}");
        said += &given.findings();
    }
    assert_snapshot!(said, @r#"
    libreqos.json SRC008 exports/libreqos.json cannot be read: an error object where an answer is expected: Unauthenticated.; nothing is built without it
    libreqos.json SRC008 exports/libreqos.json cannot be read: an error object where an answer is expected: Too Many Attempts.; nothing is built without it
    libreqos.json SRC008 exports/libreqos.json cannot be read: a list where an object is expected; nothing is built without it
    libreqos.json SRC008 exports/libreqos.json cannot be read: a web page where JSON is expected: was it saved from a browser or a proxy?; nothing is built without it
    libreqos.json SRC008 exports/libreqos.json cannot be read: the file is empty; nothing is built without it
    libreqos.json SRC008 exports/libreqos.json cannot be read: `customers` is null where a list is expected; nothing is built without it
    libreqos.json SRC008 exports/libreqos.json cannot be read: the file ends in the middle of the answer: it is truncated; nothing is built without it
    "#);
}
