//! Prometheus text. Every metric is in one table, which the documentation is held to.
//!
//! Values of labels are names of interfaces, words of ours and hexadecimal digits; whatever comes from outside is
//! escaped all the same.

use std::fmt::Write as _;

use weir_abi::maps::{MAX_FLOWS, MAX_UNKNOWN};
use weir_schemas::runtime::{ApplyResult, State};

use super::traffic::Readings;
use super::{Board, Moment, Snapshot};

/// A metric.
pub struct Metric {
    /// Behind `weir_runtime_`.
    pub name: &'static str,
    /// `gauge` or `counter`.
    pub kind: &'static str,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric {
        name,
        kind: "gauge",
        labels,
        help,
    }
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind: "counter",
        labels,
        help,
    }
}

/// Every metric, sorted by name.
pub static METRICS: &[Metric] = &[
    gauge("active_circuits", &[], "Circuits of the active generation."),
    gauge(
        "active_classes",
        &[],
        "Classes of the active generation, both directions.",
    ),
    gauge(
        "active_generation",
        &[],
        "Number of the active generation in its channel; 0 when none is, or it was applied by hand.",
    ),
    gauge(
        "active_info",
        &["digest"],
        "1 for the payload digest of the active generation.",
    ),
    gauge("active_prefixes", &[], "Prefixes of the active generation."),
    counter(
        "applies_total",
        &["result"],
        "Generations that were brought in, by result.",
    ),
    gauge(
        "backlog_bytes",
        &[],
        "Bytes that wait in circuits' classes.",
    ),
    gauge(
        "drift_objects",
        &[],
        "Objects that are not as the plan says, at the last full read-back.",
    ),
    counter(
        "dropped_packets_total",
        &[],
        "Packets dropped in circuits' classes of the active generation.",
    ),
    gauge(
        "head_age_seconds",
        &[],
        "Seconds since the head of the channel was written, by the clock of whoever wrote it.",
    ),
    gauge(
        "head_refused",
        &[],
        "1 while the channel has a head that is not followed here.",
    ),
    gauge(
        "head_seq",
        &[],
        "Number of the newest head that was accepted.",
    ),
    gauge(
        "health",
        &["check", "required"],
        "1 when the check is good.",
    ),
    gauge("info", &["version"], "1 for the version of the runtime."),
    gauge(
        "interface_attached",
        &["interface"],
        "1 when this build's program is attached.",
    ),
    gauge(
        "interface_up",
        &["interface"],
        "1 when the interface is there and up.",
    ),
    gauge("map_capacity", &["map"], "Entries a map can hold."),
    gauge("map_entries", &["map"], "Entries a map holds."),
    counter(
        "outcome_bytes_total",
        &["outcome", "direction"],
        "Bytes by what became of the packet.",
    ),
    counter(
        "outcome_packets_total",
        &["outcome", "direction"],
        "Packets by what became of them.",
    ),
    gauge(
        "pending_deadline_seconds",
        &[],
        "Seconds until an unconfirmed generation goes back; absent when none waits.",
    ),
    gauge("state", &["state"], "1 for the state the runtime is in."),
    gauge(
        "store_reachable",
        &[],
        "1 when the store could be read at the last look.",
    ),
    gauge(
        "stuck",
        &[],
        "1 when something was given up and waits for a person.",
    ),
    gauge("swap_duration_seconds", &[], "Duration of the last apply."),
    gauge(
        "swap_last_result",
        &["result"],
        "1 for the result of the last apply.",
    ),
    gauge(
        "unknown_ip_bytes",
        &["direction"],
        "Bytes of addresses that belong to no circuit, among those remembered.",
    ),
];

/// Results of an apply with their words.
pub const RESULTS: [(ApplyResult, &str); 5] = [
    (ApplyResult::Applied, "applied"),
    (ApplyResult::Unchanged, "unchanged"),
    (ApplyResult::RolledBack, "rolled_back"),
    (ApplyResult::Failed, "failed"),
    (ApplyResult::Refused, "refused"),
];

/// States with their words.
pub const STATES: [(State, &str); 6] = [
    (State::Idle, "idle"),
    (State::Applying, "applying"),
    (State::Active, "active"),
    (State::Pending, "pending"),
    (State::RolledBack, "rolled_back"),
    (State::Unshaped, "unshaped"),
];

const DIRECTIONS: [&str; 2] = ["download", "upload"];

/// The text, in the order of [`METRICS`].
pub fn text(board: &Board, now: Moment) -> String {
    let snapshot = board.snapshot();
    let readings = board.readings();
    let mut out = String::new();
    for metric in METRICS {
        let samples = samples(metric.name, &snapshot, &readings, now);
        if samples.is_empty() {
            continue;
        }
        let _ = writeln!(out, "# HELP weir_runtime_{} {}", metric.name, metric.help);
        let _ = writeln!(out, "# TYPE weir_runtime_{} {}", metric.name, metric.kind);
        for (values, value) in samples {
            let _ = write!(out, "weir_runtime_{}", metric.name);
            for (at, (label, text)) in metric.labels.iter().zip(&values).enumerate() {
                let before = if at == 0 { '{' } else { ',' };
                let _ = write!(out, "{before}{label}=\"{}\"", escaped(text));
            }
            let end = if metric.labels.is_empty() { "" } else { "}" };
            let _ = writeln!(out, "{end} {value}");
        }
    }
    out
}

/// Values of its labels, and the value as text.
type Sample = (Vec<String>, String);

fn samples(name: &str, s: &Snapshot, readings: &Readings, now: Moment) -> Vec<Sample> {
    let one = |value: u64| vec![(Vec::new(), value.to_string())];
    let flag = |set: bool| one(u64::from(set));
    let of = |values: &[&str], value: u64| {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        (values, value.to_string())
    };
    let active =
        |value: fn(&weir_schemas::runtime::Loaded) -> u64| one(s.active.as_ref().map_or(0, value));
    let latest = readings.latest();
    match name {
        "active_circuits" => active(|l| l.circuits),
        "active_classes" => active(|l| l.classes),
        "active_generation" => active(|l| l.seq.unwrap_or(0)),
        "active_info" => s.active.iter().map(|l| of(&[&l.digest], 1)).collect(),
        "active_prefixes" => active(|l| l.prefixes),
        "applies_total" => RESULTS
            .iter()
            .zip(s.applies)
            .map(|((_, word), count)| of(&[word], count))
            .collect(),
        "backlog_bytes" => readings
            .counters()
            .map_or_else(Vec::new, |c| one(c.backlog_bytes)),
        "drift_objects" => one(s.drift_count),
        "dropped_packets_total" => {
            (readings.counters()).map_or_else(Vec::new, |c| one(c.dropped_packets))
        }
        "head_age_seconds" => s
            .store
            .as_ref()
            .and_then(|store| store.written.as_ref()?.parse::<jiff::Timestamp>().ok())
            .map_or_else(Vec::new, |written| {
                let age = now.time.as_second().saturating_sub(written.as_second());
                one(u64::try_from(age).unwrap_or(0))
            }),
        "head_refused" => flag(s.refused.is_some()),
        "head_seq" => {
            let seq = s.store.as_ref().and_then(|store| store.seq);
            seq.map_or_else(Vec::new, one)
        }
        "health" => s
            .health
            .iter()
            .map(|c| {
                let required = if c.required { "true" } else { "false" };
                of(&[&c.name, required], u64::from(c.ok))
            })
            .collect(),
        "info" => vec![of(&[env!("CARGO_PKG_VERSION")], 1)],
        "interface_attached" => s
            .interfaces
            .iter()
            .map(|i| of(&[&i.name], u64::from(i.attached.is_some())))
            .collect(),
        "interface_up" => s
            .interfaces
            .iter()
            .map(|i| of(&[&i.name], u64::from(i.up)))
            .collect(),
        "map_capacity" => vec![
            of(&["flows"], u64::from(MAX_FLOWS)),
            of(&["prefixes"], u64::from(weir_abi::table::MAX_PREFIXES)),
            of(&["unknown"], u64::from(MAX_UNKNOWN)),
        ],
        "map_entries" => vec![
            of(&["flows"], latest.map_or(0, |l| l.flows.len() as u64)),
            of(&["prefixes"], s.active.as_ref().map_or(0, |l| l.prefixes)),
            of(&["unknown"], latest.map_or(0, |l| l.unknown.len() as u64)),
        ],
        "outcome_bytes_total" | "outcome_packets_total" => readings
            .outcomes()
            .iter()
            .flat_map(|o| {
                let counts = if name == "outcome_bytes_total" {
                    o.bytes
                } else {
                    o.packets
                };
                [0, 1].map(|d| of(&[&o.outcome, DIRECTIONS[d]], counts[d]))
            })
            .collect(),
        "pending_deadline_seconds" => s.deadline.as_ref().map_or_else(Vec::new, |(end, _)| {
            one(end.saturating_sub(now.since_boot_ms) / 1000)
        }),
        "state" => STATES
            .iter()
            .map(|(state, word)| of(&[word], u64::from(*state == s.state)))
            .collect(),
        "store_reachable" => {
            let store = s.store.as_ref();
            store.map_or_else(Vec::new, |store| flag(store.reachable))
        }
        "stuck" => flag(s.stuck.is_some()),
        "swap_duration_seconds" => s.last_apply.as_ref().map_or_else(Vec::new, |a| {
            let text = format!("{}.{:03}", a.milliseconds / 1000, a.milliseconds % 1000);
            vec![(Vec::new(), text)]
        }),
        "swap_last_result" => s.last_apply.as_ref().map_or_else(Vec::new, |a| {
            let is = |result| u64::from(a.result == result);
            RESULTS
                .iter()
                .map(|(r, word)| of(&[word], is(*r)))
                .collect()
        }),
        "unknown_ip_bytes" => {
            let all = latest.iter().flat_map(|l| &l.unknown);
            let sums = all.fold([0u64; 2], |sums, (_, u)| {
                [0, 1].map(|d| sums[d].saturating_add(u.bytes[d]))
            });
            [0, 1].map(|d| of(&[DIRECTIONS[d]], sums[d])).to_vec()
        }
        _ => Vec::new(),
    }
}

/// As the text format wants a label's value.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use weir_schemas::runtime::{Apply, Check, InterfaceStatus, Loaded, StoreSeen};

    use super::*;

    /// A board on which every metric has a value.
    fn full() -> Board {
        let board = Board::default();
        *board.readings() = crate::status::traffic::tests::some();
        board.write(|s| {
            s.state = State::Pending;
            s.deadline = Some((61_500, None));
            s.active = Some(Loaded {
                digest: "ab".repeat(32),
                seq: Some(7),
                since: "2026-11-30T10:00:00Z".into(),
                circuits: 2,
                prefixes: 3,
                classes: 6,
            });
            s.last_apply = Some(Apply {
                digest: "ab".repeat(32),
                started: "2026-11-30T10:00:00Z".into(),
                milliseconds: 1042,
                result: ApplyResult::Applied,
                reason: String::new(),
                steps: 3,
                done: 3,
            });
            s.health = vec![Check {
                name: "classes".into(),
                required: true,
                ok: false,
                detail: String::new(),
            }];
            s.interfaces = vec![InterfaceStatus {
                name: "a\"b\\c\nd".into(),
                up: true,
                attached: None,
                xdp: false,
                xdp_mode: None,
                tx_queues: 4,
                classes: 3,
            }];
            s.store = Some(StoreSeen {
                reachable: true,
                seq: Some(7),
                written: Some("2026-11-30T10:00:00Z".into()),
                looked: "2026-11-30T10:01:00Z".into(),
            });
        });
        board
    }

    fn now() -> Moment {
        Moment {
            time: "2026-11-30T10:01:00Z".parse().expect("a time"),
            since_boot_ms: 1_000,
        }
    }

    #[test]
    fn every_metric_of_the_table_is_there_and_no_other() {
        assert!(METRICS.is_sorted_by(|a, b| a.name < b.name));
        let text = text(&full(), now());
        for metric in METRICS {
            let found = text.lines().any(|line| {
                line.strip_prefix("weir_runtime_")
                    .and_then(|l| l.strip_prefix(metric.name))
                    .is_some_and(|rest| rest.starts_with([' ', '{']))
            });
            assert!(found, "{} has no sample", metric.name);
        }
        for want in [
            "weir_runtime_active_generation 7\n",
            "weir_runtime_head_age_seconds 60\n",
            "weir_runtime_pending_deadline_seconds 60\n",
            "weir_runtime_swap_duration_seconds 1.042\n",
            "weir_runtime_health{check=\"classes\",required=\"true\"} 0\n",
            "weir_runtime_outcome_bytes_total{outcome=\"shaped\",direction=\"download\"} 2000000\n",
            "weir_runtime_unknown_ip_bytes{direction=\"download\"} 109\n",
            "weir_runtime_state{state=\"pending\"} 1\n",
        ] {
            assert!(text.contains(want), "{want}{text}");
        }
    }

    /// One sample a line, whatever an interface is called: nothing from outside breaks out of its label.
    #[test]
    fn hostile_labels_stay_labels() {
        let text = text(&full(), now());
        assert!(
            text.contains("{interface=\"a\\\"b\\\\c\\nd\"} 1\n"),
            "{text}"
        );
        for line in text.lines() {
            let ok = line.starts_with("# ") || line.starts_with("weir_runtime_");
            assert!(ok, "{line}");
        }
    }

    #[test]
    fn an_empty_board_has_text_too() {
        let text = text(&Board::default(), now());
        assert!(text.contains("weir_runtime_state{state=\"idle\"} 1\n"));
        assert!(!text.contains("pending_deadline"));
    }
}
