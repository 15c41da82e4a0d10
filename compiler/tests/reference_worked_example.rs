//! The reference implementation against every shape and number that the worked example prints.
//!
//! All expectations are written by hand from the text. A line of an emitted tree is
//! `id ceil down/up, G down/up, HTB rate down/up, cpu: circuits`, in kbit/s; indentation is the tree.

mod reference;

use reference::example::{worked_example, worked_example_settings, worked_example_without};
use reference::{Metric, Settings, Simplify, Strategy, reference_tree};
use serde_json::{Value, json};

/// What section 2 prints for `full`. The twelve-node tree of the cost, hops and widest metrics.
const FULL: &str = "
s1 1000000/1000000, G 30000/6000, HTB 1000000/1000000, cpu 0:
  a1 150000/75000, G 20000/4000, HTB 20000/4000, cpu 0: c1 c2
  a2 150000/75000, G 10000/2000, HTB 10000/2000, cpu 0: c3
s3 600000/600000, G 35000/11000, HTB 600000/600000, cpu 1:
  a4 200000/100000, G 10000/2000, HTB 10000/2000, cpu 1: c5
  s2 500000/250000, G 25000/9000, HTB 25000/9000, cpu 1:
    a3 100000/50000, G 10000/2000, HTB 10000/2000, cpu 1: c4
    r1 500000/250000, G 15000/7000, HTB 15000/7000, cpu 1:
      r2 100000/50000, G 15000/7000, HTB 15000/7000, cpu 1:
        s4 100000/50000, G 15000/7000, HTB 15000/7000, cpu 1: c7
          a5 80000/40000, G 10000/2000, HTB 10000/2000, cpu 1: c6
";

/// Circuit, parent, max down/up, min down/up: what `full` makes of the plans.
const FULL_RATES: &str = "
c1 a1 110000/22000 10000/2000
c2 a1 110000/22000 10000/2000
c3 a2 110000/22000 10000/2000
c4 a3 100000/22000 10000/2000
c5 a4 110000/22000 10000/2000
c6 a5 80000/22000 10000/2000
c7 s4 55000/50000 5000/5000
c8 Generated_PN_1 27500/5500 2500/500
";

#[test]
fn full_is_the_same_by_cost_hops_and_widest() {
    for metric in [Metric::Cost, Metric::Hops, Metric::Widest] {
        let tree = reference_tree(&worked_example(), &full(metric));
        assert_eq!(emitted(&tree), FULL, "{metric:?}");
        assert_eq!(rates(&tree), FULL_RATES, "{metric:?}");
        assert_eq!(tree["buckets"], json!({ "Generated_PN_1": ["c8"] }));
        assert_eq!(tree["omitted"], json!({}));
        assert_eq!(tree["strategy"], "full");
    }
}

#[test]
fn full_by_declared_parents() {
    let tree = reference_tree(&worked_example(), &full(Metric::Declared));
    assert_eq!(
        emitted(&tree),
        "
s1 1000000/1000000, G 55000/15000, HTB 1000000/1000000, cpu 1:
  a1 150000/75000, G 20000/4000, HTB 20000/4000, cpu 1: c1 c2
  a2 150000/75000, G 10000/2000, HTB 10000/2000, cpu 1: c3
  s2 300000/150000, G 25000/9000, HTB 25000/9000, cpu 1:
    a3 100000/50000, G 10000/2000, HTB 10000/2000, cpu 1: c4
    s4 300000/150000, G 15000/7000, HTB 15000/7000, cpu 1: c7
      a5 80000/40000, G 10000/2000, HTB 10000/2000, cpu 1: c6
s3 600000/600000, G 10000/2000, HTB 600000/600000, cpu 0:
  a4 200000/100000, G 10000/2000, HTB 10000/2000, cpu 0: c5
"
    );
    assert_eq!(
        rates(&tree),
        FULL_RATES.replace("c7 s4 55000/50000", "c7 s4 55000/55000")
    );
    assert_eq!(tree["buckets"], json!({ "Generated_PN_1": ["c8"] }));
}

#[test]
fn full_simplified() {
    let settings = Settings {
        simplify: Simplify::On,
        ..full(Metric::Cost)
    };
    let tree = reference_tree(&worked_example(), &settings);
    assert_eq!(
        emitted(&tree),
        "
s1 1000000/1000000, G 30000/6000, HTB 1000000/1000000, cpu 0: c3
  a1 150000/75000, G 20000/4000, HTB 20000/4000, cpu 0: c1 c2
s3 600000/600000, G 35000/11000, HTB 600000/600000, cpu 1: c4 c5
  r2 100000/50000, G 15000/7000, HTB 15000/7000, cpu 1: c6 c7
"
    );
    // The maxima stay those of the nodes on which the circuits hung.
    assert_eq!(
        rates(&tree),
        "
c1 a1 110000/22000 10000/2000
c2 a1 110000/22000 10000/2000
c3 s1 110000/22000 10000/2000
c4 s3 100000/22000 10000/2000
c5 s3 110000/22000 10000/2000
c6 r2 80000/22000 10000/2000
c7 r2 55000/50000 5000/5000
c8 Generated_PN_1 27500/5500 2500/500
"
    );
    assert_eq!(tree["buckets"], json!({ "Generated_PN_1": ["c8"] }));
}

#[test]
fn full_with_l4_down_moves_s2_and_everything_below_it() {
    let expected = "
s1 1000000/1000000, G 55000/15000, HTB 1000000/1000000, cpu 1:
  a1 150000/75000, G 20000/4000, HTB 20000/4000, cpu 1: c1 c2
  a2 150000/75000, G 10000/2000, HTB 10000/2000, cpu 1: c3
  s2 300000/150000, G 25000/9000, HTB 25000/9000, cpu 1:
    a3 100000/50000, G 10000/2000, HTB 10000/2000, cpu 1: c4
    r1 300000/150000, G 15000/7000, HTB 15000/7000, cpu 1:
      r2 100000/50000, G 15000/7000, HTB 15000/7000, cpu 1:
        s4 100000/50000, G 15000/7000, HTB 15000/7000, cpu 1: c7
          a5 80000/40000, G 10000/2000, HTB 10000/2000, cpu 1: c6
s3 600000/600000, G 10000/2000, HTB 600000/600000, cpu 0:
  a4 200000/100000, G 10000/2000, HTB 10000/2000, cpu 0: c5
";
    for metric in [Metric::Cost, Metric::Hops, Metric::Widest] {
        let tree = reference_tree(&worked_example_without("L4"), &full(metric));
        assert_eq!(emitted(&tree), expected, "{metric:?}");
        assert_eq!(rates(&tree), FULL_RATES, "{metric:?}");
        assert_eq!(tree["buckets"], json!({ "Generated_PN_1": ["c8"] }));
    }
}

#[test]
fn ap_site() {
    let settings = Settings {
        strategy: Strategy::ApSite,
        ..worked_example_settings()
    };
    let tree = reference_tree(&worked_example(), &settings);
    assert_eq!(
        emitted(&tree),
        "
s1 1000000/1000000, G 30000/6000, HTB 1000000/1000000, cpu 1:
  a1 150000/75000, G 20000/4000, HTB 20000/4000, cpu 1: c1 c2
  a2 150000/75000, G 10000/2000, HTB 10000/2000, cpu 1: c3
s2 500000/250000, G 10000/2000, HTB 500000/250000, cpu 0:
  a3 100000/50000, G 10000/2000, HTB 10000/2000, cpu 0: c4
s3 600000/600000, G 10000/2000, HTB 600000/600000, cpu 0:
  a4 200000/100000, G 10000/2000, HTB 10000/2000, cpu 0: c5
s4 100000/50000, G 15000/7000, HTB 100000/50000, cpu 0: c7
  a5 80000/40000, G 10000/2000, HTB 10000/2000, cpu 0: c6
"
    );
    assert_eq!(rates(&tree), FULL_RATES);
    assert_eq!(tree["buckets"], json!({ "Generated_PN_1": ["c8"] }));
    assert_eq!(tree["strategy"], "ap_site");
}

#[test]
fn ap_only() {
    let settings = Settings {
        strategy: Strategy::ApOnly,
        ..worked_example_settings()
    };
    let tree = reference_tree(&worked_example(), &settings);
    assert_eq!(
        emitted(&tree),
        "
a1 150000/75000, G 20000/4000, HTB 150000/75000, cpu 1: c1 c2
a2 150000/75000, G 10000/2000, HTB 150000/75000, cpu 0: c3
a3 100000/50000, G 10000/2000, HTB 100000/50000, cpu 1: c4
a4 200000/100000, G 10000/2000, HTB 200000/100000, cpu 0: c5
a5 80000/40000, G 10000/2000, HTB 80000/40000, cpu 0: c6
"
    );
    assert_eq!(
        rates(&tree),
        "
c1 a1 110000/22000 10000/2000
c2 a1 110000/22000 10000/2000
c3 a2 110000/22000 10000/2000
c4 a3 100000/22000 10000/2000
c5 a4 110000/22000 10000/2000
c6 a5 80000/22000 10000/2000
c7 Generated_PN_1 55000/55000 5000/5000
c8 Generated_PN_2 27500/5500 2500/500
"
    );
    assert_eq!(
        tree["buckets"],
        json!({ "Generated_PN_1": ["c7"], "Generated_PN_2": ["c8"] })
    );
    assert_eq!(tree["strategy"], "ap_only");
}

#[test]
fn flat() {
    let settings = Settings {
        strategy: Strategy::Flat,
        ..worked_example_settings()
    };
    let tree = reference_tree(&worked_example(), &settings);
    assert_eq!(tree["emitted"], json!([]));
    assert_eq!(
        rates(&tree),
        "
c1 Generated_PN_1 110000/22000 10000/2000
c2 Generated_PN_2 110000/22000 10000/2000
c3 Generated_PN_1 110000/22000 10000/2000
c4 Generated_PN_2 110000/22000 10000/2000
c5 Generated_PN_1 110000/22000 10000/2000
c6 Generated_PN_2 110000/22000 10000/2000
c7 Generated_PN_1 55000/55000 5000/5000
c8 Generated_PN_2 27500/5500 2500/500
"
    );
    assert_eq!(
        tree["buckets"],
        json!({ "Generated_PN_1": ["c1", "c3", "c5", "c7"], "Generated_PN_2": ["c2", "c4", "c6", "c8"] })
    );
    assert_eq!(tree["strategy"], "flat");
}

#[test]
fn the_format_is_that_of_section_8() {
    let tree = reference_tree(&worked_example(), &full(Metric::Cost));
    let keys: Vec<&String> = tree.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "buckets", "circuits", "emitted", "omitted", "schema", "strategy"
        ]
    );
    assert_eq!(tree["schema"], "weir.tree/1");
    assert_eq!(
        tree["emitted"][0],
        json!({
            "id": "s1", "name": "s1", "kind": "site",
            "cap_kbps": [1_000_000, 1_000_000], "rate_kbps": [30_000, 6000], "htb_rate_kbps": [1_000_000, 1_000_000],
            "cpu": 0, "circuits": [],
            "children": [
                { "id": "a1", "name": "a1", "kind": "ap",
                  "cap_kbps": [150_000, 75_000], "rate_kbps": [20_000, 4000], "htb_rate_kbps": [20_000, 4000],
                  "cpu": 0, "circuits": ["c1", "c2"], "children": [] },
                { "id": "a2", "name": "a2", "kind": "ap",
                  "cap_kbps": [150_000, 75_000], "rate_kbps": [10_000, 2000], "htb_rate_kbps": [10_000, 2000],
                  "cpu": 0, "circuits": ["c3"], "children": [] },
            ],
        })
    );
    assert_eq!(
        tree["circuits"]["c1"],
        json!({
            "parent": "a1", "max_kbps": [110_000, 22_000], "min_kbps": [10_000, 2000],
            "devices": [{ "id": "d1", "ipv4": ["100.64.0.1/32"], "ipv6": [] }],
        })
    );
}

fn full(metric: Metric) -> Settings {
    Settings {
        strategy: Strategy::Full,
        metric,
        ..worked_example_settings()
    }
}

fn emitted(tree: &Value) -> String {
    let mut text = String::from("\n");
    draw(&tree["emitted"], "", &mut text);
    text
}

fn draw(nodes: &Value, indent: &str, text: &mut String) {
    for node in nodes.as_array().expect("a list of nodes") {
        let circuits: String = node["circuits"]
            .as_array()
            .expect("a list of circuits")
            .iter()
            .map(|id| format!(" {}", id.as_str().expect("an id")))
            .collect();
        text.push_str(&format!(
            "{indent}{} {}, G {}, HTB {}, cpu {}:{circuits}\n",
            node["id"].as_str().expect("an id"),
            pair(&node["cap_kbps"]),
            pair(&node["rate_kbps"]),
            pair(&node["htb_rate_kbps"]),
            node["cpu"],
        ));
        draw(&node["children"], &format!("{indent}  "), text);
    }
}

fn rates(tree: &Value) -> String {
    let mut text = String::from("\n");
    for (id, circuit) in tree["circuits"].as_object().expect("circuits by id") {
        text.push_str(&format!(
            "{id} {} {} {}\n",
            circuit["parent"].as_str().expect("a parent"),
            pair(&circuit["max_kbps"]),
            pair(&circuit["min_kbps"]),
        ));
    }
    text
}

fn pair(value: &Value) -> String {
    format!("{}/{}", value[0], value[1])
}
