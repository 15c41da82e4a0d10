use proptest::prelude::*;

use super::lower::file;
use crate::id::FileId;
use crate::ir::address::ClaimValue;
use crate::ir::records::{LeafKind, LinkState, NodeKind, Records, ServiceState};
use crate::units::{Kbps, Pair};

const WORKED: &str = include_str!("../../../../golden/worked-example/exports/inventory.json");

fn read(json: &str) -> Records {
    file(FileId(0), json.as_bytes())
}

/// One record in an otherwise empty inventory.
fn one(collection: &str, record: &str) -> Records {
    read(&format!(
        r#"{{"schema":"weir.inventory/1","{collection}":[{record}]}}"#
    ))
}

/// `subject route what`, with a `!` for required fields; then what was put aside.
fn evidence(records: &Records) -> Vec<String> {
    let e = &records.evidence;
    let odd = e.odd_fields.iter().map(|o| {
        format!(
            "{}{} {} {}",
            if o.required { "!" } else { "" },
            o.subject.id,
            o.place.route,
            o.what
        )
    });
    let aside = e.quarantined.iter().map(|q| {
        let id = q.id.as_deref().unwrap_or("?");
        format!("quarantined {} {id}: {}", q.collection, q.reason)
    });
    let unread = e.unreadable.iter().map(|u| {
        format!(
            "unreadable {}{}",
            u.message,
            if u.mandatory { " (mandatory)" } else { "" }
        )
    });
    let dirty = e
        .dirty_text
        .iter()
        .map(|d| format!("dirty {} {} {}", d.subject.id, d.place.route, d.what));
    odd.chain(aside).chain(unread).chain(dirty).collect()
}

#[test]
fn the_worked_example_is_read_whole() {
    let records = read(WORKED);
    assert_eq!(evidence(&records), [""; 0]);
    assert_eq!(
        (
            records.nodes.len(),
            records.links.len(),
            records.circuits.len()
        ),
        (12, 5, 8)
    );
    let a1 = &records.nodes[5];
    assert_eq!((&*a1.id, &*a1.name, a1.kind), ("a1", "a1", NodeKind::Ap));
    assert_eq!(
        a1.capacity,
        Pair::new(Some(Kbps(150_000)), Some(Kbps(75_000)))
    );
    assert_eq!(&*a1.parent.as_ref().unwrap().text, "s1");
    let l2 = &records.links[1];
    assert_eq!((l2.ab, l2.ba), (Some(Kbps(300_000)), Some(Kbps(150_000))));
    assert_eq!((l2.cost, l2.state), (None, LinkState::Up));
    let c8 = &records.circuits[7];
    assert!(c8.attach.is_empty());
    assert_eq!(c8.plan, Pair::new(Some(Kbps(25_000)), Some(Kbps(5_000))));
    assert_eq!(
        c8.devices[0].claims[0].value,
        ClaimValue::Host("100.64.0.8".parse().unwrap())
    );
    assert_eq!(
        records.evidence.read,
        [("nodes", 12), ("links", 5), ("circuits", 8)]
    );
    assert!(!records.evidence.no_gateway);
}

#[test]
fn every_origin_is_the_bytes_of_its_record() {
    let records = read(WORKED);
    let bytes = |origin: crate::ir::records::Origin| {
        &WORKED[origin.start as usize..origin.start as usize + origin.len as usize]
    };
    assert_eq!(
        bytes(records.nodes[0].origin),
        r#"{"id": "core", "kind": "root"}"#
    );
    assert_eq!(
        bytes(records.circuits[0].devices[0].origin),
        r#"{"id": "d1", "ips": ["100.64.0.1"]}"#
    );
}

#[test]
fn the_published_type_reads_what_the_source_reads() {
    let typed: weir_schemas::inventory::Inventory = serde_json::from_str(WORKED).unwrap();
    assert_eq!(typed.schema, super::lower::SCHEMA);
    let printed = serde_json::to_string(&typed).unwrap();
    let (a, b) = (read(WORKED), read(&printed));
    assert_eq!(evidence(&b), [""; 0]);
    let ids = |records: &Records| -> Vec<String> {
        let nodes = records
            .nodes
            .iter()
            .map(|n| format!("{:?}", (&n.id, n.kind, n.capacity)));
        let circuits = records
            .circuits
            .iter()
            .map(|c| format!("{:?}", (&c.id, c.plan)));
        nodes.chain(circuits).collect()
    };
    assert_eq!(ids(&a), ids(&b));
}

#[test]
fn every_field_of_a_full_record_arrives() {
    let records = read(
        r#"{ "schema": "weir.inventory/1",
  "nodes": [ { "id": "s1", "name": "Hill", "kind": "site", "parent": "core", "kbps": [1000000, null], "virtual": true, "gateway": true } ],
  "links": [ { "id": "L1", "a": "core", "b": "s1", "kbps": [0, 1000000], "cost": 0, "up": false } ],
  "circuits": [ { "id": "c1", "name": "Jo Doe", "attach": "a1", "plan_kbps": [100000, 20000], "burst_kbps": [5, 6], "commit_kbps": [7, 8],
      "state": "suspended", "qdisc": [null, "fq_codel"], "comment": "n/a",
      "devices": [ { "id": "d1", "name": "cpe", "mac": "02:00:00:00:00:01", "ips": ["100.64.0.2", "2001:db8:1::/56"] } ] } ] }"#,
    );
    assert_eq!(evidence(&records), [""; 0]);
    let node = &records.nodes[0];
    assert_eq!(node.capacity, Pair::new(Some(Kbps(1_000_000)), None));
    assert!(node.is_virtual && node.gateway);
    let link = &records.links[0];
    assert_eq!((link.ab, link.ba), (None, Some(Kbps(1_000_000))));
    assert_eq!((link.cost, link.state), (Some(0), LinkState::Down));
    let circuit = &records.circuits[0];
    assert_eq!(circuit.burst, Pair::new(Kbps(5), Kbps(6)));
    assert_eq!(circuit.commit, Pair::new(Kbps(7), Kbps(8)));
    assert_eq!(circuit.state, ServiceState::Suspended);
    assert_eq!(circuit.leaf, Pair::new(None, Some(LeafKind::FqCodel)));
    assert_eq!(&*circuit.comment, "n/a");
    let device = &circuit.devices[0];
    assert_eq!(
        (&*device.id, &*device.name, &*device.mac),
        ("d1", "cpe", "02:00:00:00:00:01")
    );
    assert_eq!(device.claims[1].route, "/ips/1");
    assert_eq!(device.claims[1].value.text(), "2001:db8:1::/56");
}

#[test]
fn odd_fields_are_read_as_meant_or_left_out_and_reported() {
    for (collection, record, want) in [
        (
            "nodes",
            r#"{"id":7,"kind":"Site"}"#,
            vec!["7 /id is a number where text belongs; read as `7`"],
        ),
        (
            "nodes",
            r#"{"id":"n","kind":"tower"}"#,
            vec!["!n /kind is `tower`, not one of root, site, ap, other; read as other"],
        ),
        (
            "nodes",
            r#"{"id":"n","kind":"ap","kbps":["100","50.6"]}"#,
            vec![
                "n /kbps/0 is text where a number belongs; read as 100 kbit/s",
                "n /kbps/1 is text where a number belongs; read as 51 kbit/s",
            ],
        ),
        (
            "nodes",
            r#"{"id":"n","kind":"ap","kbps":[-1,10000000001]}"#,
            vec![
                "n /kbps/0 is `-1`, which is negative; not used",
                "n /kbps/1 is `10000000001`, which is larger than 10 Tbit/s; not used",
            ],
        ),
        (
            "nodes",
            r#"{"id":"n","kind":"ap","kbps":[1000.0,0.5]}"#,
            vec!["n /kbps/1 is not a whole number; read as 1 kbit/s"],
        ),
        (
            "nodes",
            r#"{"id":"n","kind":"ap","kbps":1000}"#,
            vec!["n /kbps is a number where a pair of numbers belongs; not used"],
        ),
        (
            "nodes",
            r#"{"id":"n","kind":"ap","kbps":[1]}"#,
            vec!["n /kbps has 1 numbers where two belong; not used"],
        ),
        (
            "nodes",
            r#"{"id":"n","kind":"ap","virtual":"true","gateway":[]}"#,
            vec![
                "n /virtual is text where true or false belongs; read as true",
                "n /gateway is a list where true or false belongs; read as false",
            ],
        ),
        (
            "nodes",
            r#"{"id":"n","kind":"ap","name":null,"parent":"","kbps":null}"#,
            vec![],
        ),
        (
            "nodes",
            r#"{"id":"n","kind":"ap","kind":"site"}"#,
            vec!["n /kind is written more than once; the last one is used"],
        ),
        (
            "nodes",
            r#"{"id":"n","kind":"ap","a/b":1}"#,
            vec!["n /a~1b is not a key of weir.inventory/1; not used"],
        ),
        (
            "links",
            r#"{"id":"l","a":"x","b":"y","cost":"12","up":1}"#,
            vec![
                "l /cost is text where a number belongs; read as 12",
                "l /up is a number where true or false belongs; read as true",
            ],
        ),
        (
            "links",
            r#"{"id":"l","a":"x","b":"y","cost":-3}"#,
            vec!["l /cost is `-3`, not a whole number from 0 to 1000000000000; not used"],
        ),
        (
            "circuits",
            r#"{"id":"c","plan_kbps":["fast",null]}"#,
            vec!["!c /plan_kbps/0 is `fast`, which is not a number; not used"],
        ),
        (
            "circuits",
            r#"{"id":"c","state":"blocked"}"#,
            vec!["c /state is `blocked`, not one of active, suspended; read as active"],
        ),
        (
            "circuits",
            r#"{"id":"c","qdisc":["pie","cake"]}"#,
            vec![
                "c /qdisc/0 is `pie`, not one of cake, fq_codel, none; the target's default is used",
            ],
        ),
        (
            "circuits",
            r#"{"id":"c","qdisc":"cake"}"#,
            vec!["c /qdisc is not a pair [download, upload]; the target's default is used"],
        ),
        (
            "circuits",
            r#"{"id":"c","devices":{}}"#,
            vec!["!c /devices is an object where a list belongs; not used"],
        ),
        (
            "circuits",
            r#"{"id":"c","devices":[{"id":"d","ips":"10.0.0.1"}]}"#,
            vec!["d /ips is text where a list belongs; read as one address"],
        ),
        (
            "circuits",
            r#"{"id":"c","devices":[{"id":"d","ips":["10.0.0.1",5],"imei":1}]}"#,
            vec![
                "d /ips/1 is a number where an address belongs; not used",
                "d /imei is not a key of weir.inventory/1; not used",
            ],
        ),
        (
            "circuits",
            "{\"id\":\"c\",\"name\":\"two\\nlines\"}",
            vec!["dirty c /name holds control characters or line breaks; they became blanks"],
        ),
        (
            "circuits",
            "{\"id\":\"c\",\"name\":\"lone \\ud800\"}",
            vec!["dirty c /name holds bytes that are not text; they became replacement characters"],
        ),
    ] {
        let records = one(collection, record);
        assert_eq!(evidence(&records), want, "{record}");
        let kept = records.nodes.len() + records.links.len() + records.circuits.len();
        assert_eq!(kept, 1, "{record}");
    }
}

#[test]
fn a_record_that_is_of_no_use_costs_itself_only() {
    for (collection, record, want) in [
        (
            "nodes",
            "5",
            "quarantined nodes ?: is a number where a record belongs",
        ),
        (
            "nodes",
            r#"{"kind":"site"}"#,
            "quarantined nodes ?: has no id",
        ),
        (
            "nodes",
            r#"{"id":" ","kind":"site"}"#,
            "quarantined nodes ?: has no id",
        ),
        ("nodes", r#"{"id":"n"}"#, "quarantined nodes n: has no kind"),
        (
            "links",
            r#"{"id":"l","a":"x"}"#,
            "quarantined links l: does not name both of its ends",
        ),
        (
            "circuits",
            r#"{"id":{}}"#,
            "quarantined circuits ?: has no id",
        ),
    ] {
        let good = match collection {
            "nodes" => r#"{"id":"ok","kind":"site"}"#,
            "links" => r#"{"id":"ok","a":"x","b":"y"}"#,
            _ => r#"{"id":"ok"}"#,
        };
        let records = one(collection, &format!("{record},{good}"));
        assert_eq!(evidence(&records), [want]);
        let kept = records.nodes.len() + records.links.len() + records.circuits.len();
        assert_eq!(kept, 1, "{record}");
        assert_eq!(records.evidence.read.iter().map(|r| r.1).sum::<u64>(), 2);
    }
    let records = one("circuits", r#"{"id":"c","devices":[7,{"id":"d"}]}"#);
    assert_eq!(
        evidence(&records),
        ["quarantined devices ?: is a number where a record belongs"]
    );
    assert_eq!(records.circuits[0].devices.len(), 1);
}

#[test]
fn a_file_that_cannot_be_read_makes_the_source_incomplete() {
    for (json, want) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("[]", "the file is not a JSON object"),
        (
            "{\"nodes\":[{}],}",
            "key must be a string at line 1 column 15",
        ),
        (
            r#"{"schema":"weir.inventory/2"}"#,
            "schema is `weir.inventory/2`, and only `weir.inventory/1` can be read",
        ),
        (
            r#"{"schema":"weir.inventory/1","circuits":{}}"#,
            "`circuits` is an object where a list belongs",
        ),
    ] {
        let records = read(json);
        assert_eq!(
            evidence(&records),
            [format!("unreadable {want} (mandatory)")],
            "{json}"
        );
        assert!(records.nodes.is_empty());
    }
}

#[test]
fn an_unknown_key_is_one_finding_however_many_records_hold_it() {
    let record =
        |n: usize| format!(r#"{{"id":"c{n}","vlan":{n},"devices":[{{"id":"d{n}","vlan":1}}]}}"#);
    let all: Vec<String> = (0..3000).map(record).collect();
    let records = one("circuits", &all.join(","));
    assert_eq!(
        evidence(&records),
        [
            "c0 /vlan is not a key of weir.inventory/1; not used (in 3000 records)",
            "d0 /vlan is not a key of weir.inventory/1; not used (in 3000 records)",
        ]
    );
}

#[test]
fn a_file_without_schema_and_with_a_byte_order_mark_is_read() {
    let records = read("\u{feff} {\"circuits\":[{\"id\":\"c\"}],\"extra\":0}");
    assert_eq!(
        evidence(&records),
        [
            "inventory /schema is missing; read as weir.inventory/1",
            "inventory /extra is not a key of weir.inventory/1; not used",
        ]
    );
    assert_eq!(records.circuits[0].origin.start, 17);
}

#[test]
fn a_device_without_id_has_one_that_its_place_does_not_decide() {
    let a = r#"{"ips":["10.0.0.1","10.0.0.2"]}"#;
    let b = r#"{"ips":["10.0.0.3"]}"#;
    let ids = |first: &str, second: &str| {
        let records = one(
            "circuits",
            &format!(r#"{{"id":"c","devices":[{first},{second}]}}"#),
        );
        let mut ids: Vec<_> = records.circuits[0]
            .devices
            .iter()
            .map(|d| d.id.clone())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(a, b), ids(b, a));
    assert_ne!(ids(a, b)[0], ids(a, b)[1]);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = file(FileId(0), &bytes);
    }

    #[test]
    fn any_value_in_any_field_is_survived(
        key in "id|kind|kbps|parent|a|b|cost|up|plan_kbps|state|qdisc|devices|ips|name|other",
        value in r#"null|true|-?(0|[1-9][0-9]{0,29})(\.[0-9]{1,3})?(e-?[0-9]{1,12})?|"[a-z0-9/.: ]{0,12}"|\[(1|"x"|null|\{\}), ?-?[1-9][0-9]*\]|\{"id":\[\]\}|\[\{"ips":[0-9]\}\]"#,
    ) {
        for collection in ["nodes", "links", "circuits"] {
            let fixed = r#""id":"i","kind":"ap","a":"x","b":"y""#;
            let records = one(collection, &format!(r#"{{{fixed},"{key}":{value}}}"#));
            prop_assert!(records.evidence.unreadable.is_empty());
        }
    }
}
