//! `lqos.conf` into the settings that have a place in `weir.toml`. It is read when a project is made from an
//! existing directory, never while compiling: a project says everything itself.

use toml::{Table, Value};

use crate::units::{self, Kbps, MBPS, Pair, PerMille};

/// What an existing LibreQoS was told. `None` and empty: not written there.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LqosSettings {
    pub lqos_directory: Option<String>,
    /// `[queues] downlink_bandwidth_mbps, uplink_bandwidth_mbps`: `topology.wan_mbps`.
    pub wan: Pair<Option<Kbps>>,
    /// `[queues] generated_pn_*_mbps`: `topology.generated_mbps`.
    pub generated: Pair<Option<Kbps>>,
    /// `[queues] default_sqm`: the target's leaf qdisc.
    pub default_sqm: Option<String>,
    /// `[queues] override_available_queues`: the target's queues.
    pub queues: Option<u32>,
    /// `[ip_ranges]`: `addresses.ignore` and `addresses.allow`, as written.
    pub ignore_subnets: Vec<String>,
    pub allow_subnets: Vec<String>,
    /// `[integration_common] promote_to_root`.
    pub promote_to_root: Vec<String>,
    /// `[uisp_integration] exclude_sites`, which every importer uses.
    pub exclude_sites: Vec<String>,
    /// `[topology] compile_mode`, else the strategy of the integration that is on: flat, ap_only, ap_site, full.
    pub strategy: Option<String>,
    /// `[topology] queue_auto_virtualize_threshold_mbps`.
    pub auto_virtual: Option<Kbps>,
    /// `[uisp_integration] bandwidth_overhead_factor`: `rates.overhead`.
    pub overhead: Option<PerMille>,
    /// `[integration_common] client_bandwidth_multiplier`: `rates.multiplier`.
    pub multiplier: Option<PerMille>,
    /// Keys whose value could not be used, and why.
    pub notes: Vec<String>,
}

/// Reads the file; the error is one line.
pub fn settings(bytes: &[u8]) -> Result<LqosSettings, String> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| format!("the file is not UTF-8: {error}"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.as_bytes()[..at]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        let message = error.message().replace('\n', " ");
        format!("{message} at line {line}")
    })?;
    let mut reader = Reader {
        table: &table,
        notes: Vec::new(),
    };
    let mut settings = LqosSettings {
        lqos_directory: reader.text("", "lqos_directory"),
        wan: Pair::new(
            reader.rate("queues", "downlink_bandwidth_mbps"),
            reader.rate("queues", "uplink_bandwidth_mbps"),
        ),
        generated: Pair::new(
            reader.rate("queues", "generated_pn_download_mbps"),
            reader.rate("queues", "generated_pn_upload_mbps"),
        ),
        default_sqm: reader.text("queues", "default_sqm"),
        queues: reader.count("queues", "override_available_queues"),
        ignore_subnets: reader.texts("ip_ranges", "ignore_subnets"),
        allow_subnets: reader.texts("ip_ranges", "allow_subnets"),
        promote_to_root: reader.texts("integration_common", "promote_to_root"),
        exclude_sites: reader.texts("uisp_integration", "exclude_sites"),
        strategy: reader.strategy(),
        auto_virtual: reader.rate("topology", "queue_auto_virtualize_threshold_mbps"),
        overhead: reader.factor("uisp_integration", "bandwidth_overhead_factor"),
        multiplier: reader.factor("integration_common", "client_bandwidth_multiplier"),
        notes: Vec::new(),
    };
    settings.notes = reader.notes;
    Ok(settings)
}

struct Reader<'a> {
    table: &'a Table,
    notes: Vec<String>,
}

impl<'a> Reader<'a> {
    fn get(&self, section: &str, key: &str) -> Option<&'a Value> {
        match section {
            "" => self.table.get(key),
            section => self.table.get(section)?.get(key),
        }
    }

    fn note(&mut self, section: &str, key: &str, what: &str) {
        let dot = if section.is_empty() { "" } else { "." };
        self.notes.push(format!("{section}{dot}{key} {what}"));
    }

    fn text(&mut self, section: &str, key: &str) -> Option<String> {
        match self.get(section, key)? {
            Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            _ => {
                self.note(section, key, "is not text");
                None
            }
        }
    }

    fn texts(&mut self, section: &str, key: &str) -> Vec<String> {
        let Some(value) = self.get(section, key) else {
            return Vec::new();
        };
        let Value::Array(items) = value else {
            self.note(section, key, "is not a list");
            return Vec::new();
        };
        let texts = items.iter().filter_map(Value::as_str).map(str::to_owned);
        let texts: Vec<String> = texts.collect();
        if texts.len() != items.len() {
            self.note(section, key, "holds something that is not text");
        }
        texts
    }

    fn count(&mut self, section: &str, key: &str) -> Option<u32> {
        let value = self.get(section, key)?;
        let count = value.as_integer().and_then(|n| u32::try_from(n).ok());
        if count.is_none() {
            self.note(section, key, "is not a count");
        }
        count.filter(|n| *n > 0)
    }

    fn decimal(&mut self, section: &str, key: &str) -> Option<Kbps> {
        // The shortest decimal of a float is the one that was written.
        let text = match self.get(section, key)? {
            Value::Integer(n) => n.to_string(),
            Value::Float(x) => x.to_string(),
            Value::String(text) => text.clone(),
            _ => String::new(),
        };
        match units::parse_rate(&text, MBPS) {
            Ok(rate) => Some(rate),
            Err(bad) => {
                self.note(section, key, bad.reason());
                None
            }
        }
    }

    fn rate(&mut self, section: &str, key: &str) -> Option<Kbps> {
        self.decimal(section, key).and_then(Kbps::known)
    }

    fn factor(&mut self, section: &str, key: &str) -> Option<PerMille> {
        let thousandths = self.decimal(section, key)?;
        let factor = u32::try_from(thousandths.0).ok();
        if factor.is_none() {
            self.note(section, key, "is too large for a factor");
        }
        factor.filter(|f| *f > 0).map(PerMille)
    }

    fn strategy(&mut self) -> Option<String> {
        let mut word = self.text("topology", "compile_mode");
        for (section, switches) in [
            ("uisp_integration", &["enable_uisp"][..]),
            ("splynx_integration", &["enable_splynx", "enable_spylnx"]),
        ] {
            let on = switches
                .iter()
                .any(|key| self.get(section, key) == Some(&Value::Boolean(true)));
            if word.is_none() && on {
                word = self.text(section, "strategy");
            }
        }
        let word = word?.to_ascii_lowercase();
        match word.as_str() {
            "flat" | "ap_only" | "ap_site" | "full" => Some(word),
            "full2" => Some("full".to_owned()),
            _ => {
                let what = format!("is `{word}`, not one of flat, ap_only, ap_site, full");
                self.note("topology", "compile_mode", &what);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_place_in_a_project_is_read_exactly() {
        let read = settings(
            br#"
version = "1.5"
lqos_directory = "/opt/libreqos/src"

[queues]
default_sqm = "cake diffserv4"
downlink_bandwidth_mbps = 2000
uplink_bandwidth_mbps = 1000.5
generated_pn_download_mbps = 1000
generated_pn_upload_mbps = 1000
override_available_queues = 8

[ip_ranges]
ignore_subnets = ["192.168.0.0/16"]
allow_subnets = ["100.64.0.0/10", "10.0.0.0/8"]

[integration_common]
promote_to_root = ["Hill"]
client_bandwidth_multiplier = 1.0

[topology]
compile_mode = "full2"
queue_auto_virtualize_threshold_mbps = 5001

[uisp_integration]
exclude_sites = ["Lab Bench"]
bandwidth_overhead_factor = 1.15
"#,
        );
        let want = LqosSettings {
            lqos_directory: Some("/opt/libreqos/src".to_owned()),
            wan: Pair::new(Some(Kbps(2_000_000)), Some(Kbps(1_000_500))),
            generated: Pair::both(Some(Kbps(1_000_000))),
            default_sqm: Some("cake diffserv4".to_owned()),
            queues: Some(8),
            ignore_subnets: vec!["192.168.0.0/16".to_owned()],
            allow_subnets: vec!["100.64.0.0/10".to_owned(), "10.0.0.0/8".to_owned()],
            promote_to_root: vec!["Hill".to_owned()],
            exclude_sites: vec!["Lab Bench".to_owned()],
            strategy: Some("full".to_owned()),
            auto_virtual: Some(Kbps(5_001_000)),
            overhead: Some(PerMille(1150)),
            multiplier: Some(PerMille::ONE),
            notes: vec![],
        };
        assert_eq!(read, Ok(want));
    }

    #[test]
    fn what_cannot_be_used_is_noted_and_the_rest_is_read() {
        let read = settings(
            br#"
[queues]
downlink_bandwidth_mbps = "fast"
uplink_bandwidth_mbps = -5
override_available_queues = -1
[ip_ranges]
ignore_subnets = "10.0.0.0/8"
[topology]
compile_mode = ""
[splynx_integration]
enable_spylnx = true
strategy = "tower"
"#,
        )
        .unwrap();
        assert_eq!(
            read.notes,
            [
                "queues.downlink_bandwidth_mbps is not a number",
                "queues.uplink_bandwidth_mbps is negative",
                "queues.override_available_queues is not a count",
                "ip_ranges.ignore_subnets is not a list",
                "topology.compile_mode is `tower`, not one of flat, ap_only, ap_site, full",
            ]
        );
        assert_eq!(read.strategy, None);
        assert_eq!(settings(b""), Ok(LqosSettings::default()));
    }

    #[test]
    fn a_file_that_is_not_toml_is_one_line_of_error() {
        let error = settings(b"a = 1\n[queues\nx = 2\n").unwrap_err();
        assert!(error.contains("line 2") && !error.contains('\n'), "{error}");
        assert!(settings(b"\xff").is_err());
    }
}
