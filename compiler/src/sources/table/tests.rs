//! One network as CSV and as JSON, files that do not fit their mapping, and rows that cannot be used.

use insta::assert_snapshot;

use crate::sources::given::{Given, show};

const CSV: &str = "[source.table]
file = \"s.csv\"
circuit = \"id\"
name = \"name\"
mac = \"mac\"
addresses = [\"v4\", \"v6\"]
parent = \"ap\"
download = \"down\"
upload = \"up\"
download_min = \"cir\"
state = \"state\"
suspended = [\"Off\"]
ended = [\"gone\"]

[source.table.nodes]
file = \"n.csv\"
unit = \"kbps\"
id = \"id\"
name = \"name\"
parent = \"feeds from\"
kind = \"kind\"
site = [\"pop\"]
ap = [\"sector\"]
download = \"down\"
";

const NODES: &str = "id,name,feeds from,kind,down\n\
    1,Hill,,POP,100000\n\
    2,North,Hill,sector,50000.5\n\
    3,South,1,relay,\n\
    ,Nameless,1,pop,1\n\
    4,Lost,Nowhere,,0\n";

fn csv(rows: &str) -> Given {
    let header = "id,name,mac,v4,v6,ap,down,up,cir,state\n";
    Given::new("table")
        .config(CSV)
        .file("s.csv", format!("{header}{rows}"))
        .file("n.csv", NODES)
}

#[test]
fn columns_mean_what_the_project_says() {
    let given = csv(
        "a,Ann,0200.0000.0001,\"100.64.0.1;100.64.0.2\",2001:db8::/56,North,25.5,5,1,active\n\
        b,\"Bo, Ltd\",,100.64.0.3,,2,10,2,,OFF\n\
        c,,,100.64.0.4,,hill,10,2,,whatever\n\
        d,Dee,,100.64.0.5,,,10,2,,gone\n\
        e,Eve,x,n/a,,North,50M,,-1,\n\
        a,Ann,0200.0000.0007,100.64.0.7,,North,25.5,5,1,active\n\
        \n\
        ,No Id,,100.64.0.8,,,1,1,,\n\
        f,short,row\n",
    );
    assert_snapshot!(show(&given.lower()) + &given.findings(), @r#"
    site 1 "Hill" 100/?, gateway
    ap 2 "North" 50.001/? in 1
    other 3 "South" in 1
    ap 4 "Lost" in Nowhere
    circuit a "Ann" 25.5/5 at least 1/0 on North
        table:device:0401ca490e2ed5df "Ann" [02:00:00:00:00:07] 100.64.0.7
        table:device:5701ffc42e87ef26 "Ann" [02:00:00:00:00:01] 100.64.0.1 100.64.0.2 2001:db8::/56
    circuit b "Bo, Ltd" 10/2 suspended on 2
        table:device:e22b9c256bdd1ce8 "Bo, Ltd" 100.64.0.3
    circuit c "c" 10/2 on hill
        table:device:8f150831f948f86a "c" 100.64.0.4
    circuit e "Eve" ?/? on North
        table:device:307774a9e43b8dae "Eve" [x] n/a
    s.csv RAT001 circuit "Eve" (e) has no plan: it is omitted and its traffic passes unshaped
    s.csvap IDN005 circuit "c" names parent "hill", which is read as site "Hill" (1)
    weir.tomlsuspended.policy POL001 circuit "Bo, Ltd" (b) is suspended and keeps its full rate
    n.csv RAT008 AP "North" (2) has no known upload capacity, and no link feeds it: nothing limits its 2 circuits
    n.csvfeeds from SRC004 AP "Lost" (4) names a parent by name "Nowhere", which no node has: the reference is ignored, only links can give a parent
    n.csv SRC007 a record of `table nodes` has no `id`, the id of the node: it is not used
    s.csv SRC007 a record of `table` has 3 fields where the header names 10: it is not used
    s.csv SRC007 a record of `table` has no `id`, the id of the service: it is not used
    s.csvstate SRC010 circuit "Dee" (d): `state` says that the service is over, which still has 100.64.0.5: where no other circuit has it, its traffic passes unshaped
    s.csvcir SRC010 circuit "Eve" (e): `cir` is "-1", which is negative; left out; `down` is "50M", which is not a number; left out; `mac` is not a hardware address: "x"
    n.csv TOP004 AP "Lost" (4) has no way to the root: no up link and no declared parent leads there
    weir.tomltarget BUD009 no target is declared: 16 CPU queues are assumed, and whether the plan fits the box was not checked
    n.csv TOP010 1 of 2 emitted nodes never limits anything (AP "North" (2)): without it no limit is lost
    n.csv TOP012 1 AP without circuits, not emitted: AP "Lost" (4)
    "#);
}

#[test]
fn json_reads_as_csv_does() {
    let config = "[source.table]
file = \"s.json\"
records = \"/data/rows\"
unit = \"bps\"
circuit = \"id\"
addresses = [\"ips\", \"/net/v6\"]
parent = \"ap\"
parent_by = \"id\"
download = \"/plan/down\"
upload = \"/plan/up\"
";
    let body = r#"{"data": {"rows": [
        {"id": 7, "ips": ["100.64.0.1", "100.64.0.2/32", null, {}], "net": {"v6": "2001:db8::/64"}, "ap": "x",
         "plan": {"down": 25500000, "up": "5000000"}},
        {"id": "8", "ips": "100.64.0.3", "plan": {"down": 1e6, "up": 0}},
        {"ips": "100.64.0.4"}, 9, {"id": {}, "ips": 5}, {"id": "10", "ips": {}, "plan": 3}]}}"#;
    let given = Given::new("table").config(config).file("s.json", body);
    assert_snapshot!(show(&given.lower()) + &given.findings(), @r#"
    circuit 10 "10" ?/?
        table:device:fb1aec6fdc1a5874 "10"
    circuit 7 "7" 25.5/5 on x
        table:device:dfcd60d40c1dc3b0 "7" 100.64.0.1 100.64.0.2 2001:db8::/64
    circuit 8 "8" 1/?
        table:device:7901b4173f0c5e9d "8" 100.64.0.3
    s.json RAT001 circuit "10" has no plan: it is omitted and its traffic passes unshaped
    s.json RAT001 circuit "8" has no upload plan: it is omitted and its traffic passes unshaped
    s.json/ap TOP001 circuit "7" names parent "x", which no node has: it hangs in Generated_PN_1, and no AP or site limit counts it
    s.json SRC007 a record of `table` has no `id`, the id of the service: it is not used
    s.json SRC007 a record of `table` has no `id`, the id of the service: it is not used
    s.json SRC007 a record of `table` is a number where an object belongs: it is not used
    s.json/id SRC010 circuit without id and name: `id` is an object where text belongs; left out
    s.json/ips SRC010 circuit "10": `ips` is an object where addresses belong; left out
    s.json/ips SRC010 circuit "7": `ips` holds something that is no address; left out
    weir.tomltarget BUD009 no target is declared: 16 CPU queues are assumed, and whether the plan fits the box was not checked
    "#);
    for broken in [
        "{\"data\": {}}",
        "[]",
        "",
        "{\"error\": \"no\"}",
        "{\"data\": {\"rows\": [1}}",
    ] {
        let given = Given::new("table").config(config).file("s.json", broken);
        assert!(given.incomplete(), "{broken}");
    }
}

#[test]
fn a_file_without_a_column_of_the_mapping_is_not_used() {
    for (rows, wanted) in [
        ("", "the file has no rows"),
        ("id,name,mac,v4,v6,ap,down,cir,state\n", "names no `up`"),
        ("<html>\n", "names no `id`"),
    ] {
        let given = csv("").file("s.csv", rows);
        assert!(
            given.incomplete() && given.findings().contains(wanted),
            "{}",
            given.findings()
        );
    }
}
