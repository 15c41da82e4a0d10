//! A router's four lists, and what is odd in them.

use crate::config::project::SourceKind;
use crate::sources::testing::Recorded;

const ARP: &str = include_str!("../../../standin/data/mikrotik/arp.json");
const LEASES: &str = include_str!("../../../standin/data/mikrotik/leases.json");
const BINDINGS: &str = include_str!("../../../standin/data/mikrotik/bindings.json");
const NEIGHBORS: &str = include_str!("../../../standin/data/mikrotik/neighbors.json");

fn seen(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let files = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    let recorded = Recorded {
        kind: SourceKind::Mikrotik,
        files: files.collect(),
    };
    let lowered = recorded.lower();
    let seen = lowered.records.seen.iter().map(|seen| {
        let v4 = seen.v4.map_or("-".to_owned(), |v4| v4.to_string());
        format!("{} {v4} {}", seen.mac, seen.v6)
    });
    let odd = lowered.records.evidence.odd_fields.iter();
    (seen.collect(), odd.map(|odd| odd.what.clone()).collect())
}

#[test]
fn prefixes_are_found_by_duid_and_by_neighbour_and_doubt_decides_nothing() {
    let (seen, odd) = seen(&[
        ("arp.json", ARP),
        ("leases.json", LEASES),
        ("bindings.json", BINDINGS),
        ("neighbors.json", NEIGHBORS),
    ]);
    assert_eq!(
        seen,
        [
            "02:4c:00:00:00:01 100.64.70.1 2001:db8:7001::/56",
            "02:4c:00:00:00:03 100.64.70.3 2001:db8:7003::/56",
            "02:4c:00:00:00:08 100.64.70.8 2001:db8:7008::/56",
        ]
    );
    assert_eq!(
        odd,
        [
            "is one of 2 that 02:4c:00:00:00:06 has, 100.64.70.6 and 100.64.70.66 among them; none is used"
        ]
    );
}

#[test]
fn what_is_not_in_use_or_nobodys_says_nothing() {
    let row = |more: &str| {
        format!(
            r#"[{{".id": "*1", "address": "2001:db8:1::/56", "duid": "0x000300010200000000aa"{more}}}]"#
        )
    };
    let arp = r#"[{".id": "*9", "address": "100.64.0.9", "mac-address": "02:00:00:00:00:AA"}]"#;
    for (more, count) in [
        (r#", "status": "bound""#, 1),
        ("", 1),
        (r#", "status": "waiting""#, 0),
        (r#", "status": "bound", "disabled": "true""#, 0),
    ] {
        let (seen, _) = seen(&[("arp.json", arp), ("bindings.json", &row(more))]);
        assert_eq!(seen.len(), count, "{more}");
    }
    let link_local = r#"[{".id": "*1", "address": "fe80::1", "mac-address": "02:00:00:00:00:AA"}]"#;
    let (none, _) = seen(&[("arp.json", arp), ("neighbors.json", link_local)]);
    assert!(none.is_empty(), "{none:?}");
}

/// A lease heals what ARP leaves open, and a binding stands above a neighbour.
#[test]
fn the_better_list_decides() {
    let (seen, odd) = seen(&[
        (
            "arp.json",
            r#"[{".id": "*1", "address": "100.64.0.1", "mac-address": "02:00:00:00:00:AA"},
                {".id": "*2", "address": "100.64.0.2", "mac-address": "02:00:00:00:00:AA"}]"#,
        ),
        (
            "leases.json",
            r#"[{".id": "*3", "address": "100.64.0.2", "mac-address": "02-00-00-00-00-aa", "status": "bound"}]"#,
        ),
        (
            "neighbors.json",
            r#"[{".id": "*4", "address": "2001:db8:9::9", "mac-address": "02:00:00:00:00:AA"}]"#,
        ),
        (
            "bindings.json",
            r#"[{".id": "*5", "address": "2001:db8:1::/56", "duid": "00:01:00:01:29:f0:e3:a1:02:00:00:00:00:aa"}]"#,
        ),
    ]);
    assert_eq!(seen, ["02:00:00:00:00:aa 100.64.0.2 2001:db8:1::/56"]);
    assert!(odd.is_empty(), "{odd:?}");
}

/// A device was replaced, and the router remembers both.
#[test]
fn two_devices_of_one_address_get_nothing() {
    let arp = r#"[{".id": "*1", "address": "100.64.0.1", "mac-address": "02:00:00:00:00:AA"},
                  {".id": "*2", "address": "100.64.0.1", "mac-address": "02:00:00:00:00:BB"}]"#;
    let bindings = r#"[{".id": "*3", "address": "2001:db8:1::/56", "duid": "0x000300010200000000aa"},
                       {".id": "*4", "address": "2001:db8:2::/56", "duid": "0x000300010200000000bb"}]"#;
    let (seen, odd) = seen(&[("arp.json", arp), ("bindings.json", bindings)]);
    assert!(seen.is_empty(), "{seen:?}");
    assert_eq!(
        odd,
        [
            "is of 02:00:00:00:00:bb, which answers for 100.64.0.1 as 02:00:00:00:00:aa does with 2001:db8:1::/56; none is used"
        ]
    );
}
