//! A single file in place of a project: what it is by its content, and the project that reads it alone. What only the
//! other files of an export could tell is not asked.

use serde_json::Value;

use crate::config::project::SourceKind;

/// A file that can be read alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lone {
    pub kind: SourceKind,
    /// What the file is called in an export of that kind.
    pub collection: &'static str,
    /// The other file that such an export must have, as empty as it can be.
    pub beside: Option<(&'static str, &'static str)>,
    /// What cannot be said.
    pub unknown: &'static str,
    settings: &'static str,
}

const DEVICES: Lone = Lone {
    kind: SourceKind::Libreqos,
    collection: "ShapedDevices.csv",
    beside: Some(("network.json", "{}\n")),
    unknown: "whether its parents exist, and what they carry",
    settings: "[topology]\nstrategy = \"flat\"\nwan_mbps = 100000\n\n[lint.levels]\nno-target-declared = \"allow\"\n\
               unparented-circuit = \"allow\"\nwan-not-set = \"allow\"\n",
};

const NETWORK: Lone = Lone {
    kind: SourceKind::Libreqos,
    collection: "network.json",
    beside: Some((
        "ShapedDevices.csv",
        "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,IPv4,IPv6,\
         Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment,sqm\n",
    )),
    unknown: "who hangs below its nodes",
    settings: "[topology]\nstrategy = \"full\"\nwan_mbps = 100000\nprune_empty = false\n\n[lint.levels]\n\
               empty-node = \"allow\"\nno-target-declared = \"allow\"\nredundant-node = \"allow\"\nwan-not-set = \"allow\"\n",
};

const INVENTORY: Lone = Lone {
    kind: SourceKind::Inventory,
    collection: "inventory",
    beside: None,
    unknown: "the settings of its project",
    settings: "[topology]\nwan_mbps = 100000\n\n[lint.levels]\nno-target-declared = \"allow\"\nwan-not-set = \"allow\"\n",
};

/// What can be read alone, for people.
pub const KNOWN: &str = "a ShapedDevices.csv of any generation, a network.json, or an inventory.json (weir.inventory/1)";

/// What a file is; else what it looks like, as a sentence goes on after "FILE ".
pub fn recognise(name: &str, bytes: &[u8]) -> Result<Lone, String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let lower = name.to_lowercase();
    if !text.trim_start().starts_with(['{', '[']) {
        return match is_devices(text) {
            true => Ok(DEVICES),
            false if lower.ends_with(".csv") => Err(
                "has no column `Circuit ID` and `IPv4`, so it is no ShapedDevices.csv".to_owned(),
            ),
            false => Err("is neither JSON nor a ShapedDevices.csv".to_owned()),
        };
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) => json(&value),
        // Broken, it is still what it was meant to be, and the report says where it breaks.
        Err(_) if text.contains("weir.inventory/") || lower == "inventory.json" => Ok(INVENTORY),
        Err(_) if text.contains("BandwidthMbps") || lower == "network.json" => Ok(NETWORK),
        Err(error) => Err(format!("is not valid JSON: {error}")),
    }
}

fn is_devices(text: &str) -> bool {
    let header = text
        .lines()
        .find(|l| !l.trim().is_empty())
        .unwrap_or_default();
    let fold = |field: &str| {
        let letters = field.chars().filter(char::is_ascii_alphanumeric);
        letters.collect::<String>().to_lowercase()
    };
    let fields: Vec<String> = header.split([',', ';', '\t']).map(fold).collect();
    let has = |name: &str| fields.iter().any(|f| f == name);
    has("circuitid") && (has("ipv4") || has("ipv6"))
}

fn json(value: &Value) -> Result<Lone, String> {
    let Value::Object(members) = value else {
        return Err(match value.get(0).and_then(crm) {
            Some(crm) => format!(
                "looks like a recorded answer of {crm}, of which one file alone says too little"
            ),
            None => "is a list, which no file that can be read alone is".to_owned(),
        });
    };
    if let Some(schema) = members.get("schema").and_then(Value::as_str) {
        return match schema.starts_with("weir.inventory/") {
            true => Ok(INVENTORY),
            false => Err(format!(
                "says that it is {}, which is not read here",
                schema
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(60)
                    .collect::<String>()
            )),
        };
    }
    let is_node = |node: &Value| {
        ["children", "downloadBandwidthMbps", "uploadBandwidthMbps"]
            .iter()
            .any(|key| node.get(key).is_some())
    };
    if members.values().any(is_node) || members.is_empty() {
        return Ok(NETWORK);
    }
    if ["nodes", "circuits", "links"]
        .iter()
        .any(|key| members.contains_key(*key))
    {
        return Err("looks like an inventory, but does not say so".to_owned());
    }
    let list = || members.values().find_map(|v| v.get(0));
    match crm(value).or_else(|| list().and_then(crm)) {
        Some(crm) => Err(format!(
            "looks like a recorded answer of {crm}, of which one file alone says too little"
        )),
        None => Err("has none of the keys by which a file is known".to_owned()),
    }
}

/// The CRM that answers with such records.
fn crm(record: &Value) -> Option<&'static str> {
    let has = |keys: &[&str]| keys.iter().all(|key| record.get(key).is_some());
    let shapes: [(&[&str], &str); 8] = [
        (&["identification"], "UISP"),
        (&["from", "to", "state"], "UISP"),
        (&["clientId", "servicePlanId"], "UISP"),
        (&["organizationName", "clientType"], "UISP"),
        (&["login", "billing_type"], "Splynx"),
        (&["customer_id", "tariff_id"], "Splynx"),
        (&["speed_download", "speed_upload"], "Splynx"),
        (&["account_status_id"], "Sonar"),
    ];
    shapes
        .iter()
        .find(|(keys, _)| has(keys))
        .map(|(_, crm)| *crm)
}

impl Lone {
    /// The project that reads it.
    pub fn project(&self) -> String {
        format!(
            "[project]\nname = \"one file\"\n\n[[source]]\nname = \"file\"\nkind = \"{}\"\nexport = \".\"\n\n{}",
            self.kind.word(),
            self.settings
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_what_is_in_it() {
        let known = |name: &str, text: &str| recognise(name, text.as_bytes()).map(|l| l.collection);
        assert_eq!(
            known("x.csv", "Circuit ID,Circuit Name,IPv4\n"),
            Ok("ShapedDevices.csv")
        );
        assert_eq!(
            known("x", "\u{feff}circuit_id;ipv6\n"),
            Ok("ShapedDevices.csv")
        );
        assert_eq!(known("x.json", "{}"), Ok("network.json"));
        assert_eq!(
            known("x.json", r#"{"A": {"children": {}}}"#),
            Ok("network.json")
        );
        assert_eq!(
            known("x.json", r#"{"schema": "weir.inventory/1"}"#),
            Ok("inventory")
        );
        // Broken files are known by their words, or by their name.
        assert_eq!(
            known("x.json", r#"{"A": {"downloadBandwidthMbps": 1,},}"#),
            Ok("network.json")
        );
        assert_eq!(known("inventory.json", "{"), Ok("inventory"));
    }

    #[test]
    fn what_cannot_be_read_alone_is_called_what_it_looks_like() {
        for (text, want) in [
            (
                r#"[{"id": 1, "login": "a", "billing_type": "prepaid"}]"#,
                "Splynx",
            ),
            (r#"[{"identification": {"id": "x"}}]"#, "UISP"),
            (r#"{"data": [{"account_status_id": 1}]}"#, "Sonar"),
            (r#"{"nodes": []}"#, "inventory"),
            (r#"{"schema": "weir.tree/1"}"#, "weir.tree/1"),
            ("[]", "a list"),
            ("{\"a\": }", "not valid JSON"),
            ("name,address\n", "neither JSON"),
            (r#"{"a": 1}"#, "none of the keys"),
        ] {
            let said = recognise("x.txt", text.as_bytes()).expect_err(text);
            assert!(said.contains(want), "{text}: {said}");
        }
    }
}
