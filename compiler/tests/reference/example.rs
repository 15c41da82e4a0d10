//! The worked example of section 2, and the settings it is printed for.

use serde_json::{Value, json};

use super::settings::Settings;

/// Twelve nodes, five links, eight circuits.
pub fn worked_example() -> Value {
    let node = |id: &str, kind: &str, parent: Option<&str>, mbps: Option<[u64; 2]>| {
        let kbps = mbps.map(|pair| pair.map(|mbps| mbps * 1000));
        json!({ "id": id, "kind": kind, "parent": parent, "kbps": kbps })
    };
    let link = |id: &str, a: &str, b: &str, mbps: [u64; 2]| json!({ "id": id, "a": a, "b": b, "kbps": mbps.map(|mbps| mbps * 1000) });
    let circuit = |number: u8, attach: Option<&str>, mbps: [u64; 2]| {
        json!({
            "id": format!("c{number}"),
            "attach": attach,
            "plan_kbps": mbps.map(|mbps| mbps * 1000),
            "devices": [{ "id": format!("d{number}"), "ips": [format!("100.64.0.{number}")] }],
        })
    };
    json!({
        "schema": "weir.inventory/1",
        "nodes": [
            node("core", "root", None, None),
            node("s1", "site", Some("core"), None),
            node("s2", "site", Some("s1"), None),
            node("s3", "site", Some("core"), None),
            node("s4", "site", Some("s2"), None),
            node("a1", "ap", Some("s1"), Some([150, 75])),
            node("a2", "ap", Some("s1"), Some([150, 75])),
            node("a3", "ap", Some("s2"), Some([100, 50])),
            node("a4", "ap", Some("s3"), Some([200, 100])),
            node("a5", "ap", Some("s4"), Some([80, 40])),
            node("r1", "other", Some("s2"), None),
            node("r2", "other", Some("s4"), None),
        ],
        "links": [
            link("L1", "core", "s1", [1000, 1000]),
            link("L2", "s1", "s2", [300, 150]),
            link("L3", "core", "s3", [600, 600]),
            link("L4", "s3", "s2", [500, 250]),
            link("L5", "r1", "r2", [100, 50]),
        ],
        "circuits": [
            circuit(1, Some("a1"), [100, 20]),
            circuit(2, Some("a1"), [100, 20]),
            circuit(3, Some("a2"), [100, 20]),
            circuit(4, Some("a3"), [100, 20]),
            circuit(5, Some("a4"), [100, 20]),
            circuit(6, Some("a5"), [100, 20]),
            circuit(7, Some("s4"), [50, 50]),
            circuit(8, None, [25, 5]),
        ],
    })
}

/// The same network with one link down.
pub fn worked_example_without(link: &str) -> Value {
    let mut inventory = worked_example();
    let links = inventory["links"].as_array_mut().expect("a list of links");
    for entry in links {
        if entry["id"] == link {
            entry["up"] = json!(false);
        }
    }
    inventory
}

/// WAN 2000/2000, overhead 1.10, commit 0.10, two CPUs.
pub fn worked_example_settings() -> Settings {
    Settings {
        wan_kbps: [2_000_000, 2_000_000],
        overhead_per_mille: 1100,
        commit_per_mille: 100,
        queues: 2,
        ..Settings::default()
    }
}
