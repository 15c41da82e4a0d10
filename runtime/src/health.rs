//! Whether a generation does well: checks over what was observed before and after it was brought in. Pure: it reads
//! no kernel and no clock, and changes nothing.
//!
//! A *required* check that fails takes the generation back; a *wanted* one is reported. Which is which is the
//! operator's, in `health.required`.

use weir_schemas::runtime::Check;

use crate::config::Health;

/// Every check, sorted by name.
pub const NAMES: [&str; 9] = [
    "backlog", "classes", "coverage", "drops", "head_age", "probe", "program", "tables", "unknown",
];

/// What each check is, for the documentation; in the order of [`NAMES`].
pub const ABOUT: [&str; 9] = [
    "bytes that wait in all classes, against `health.backlog_bytes`",
    "every class, leaf and rate in the kernel is as the plan says",
    "the shaped share of IP traffic, against the share before the swap and `health.coverage_percent`",
    "packets that were dropped in classes, in percent of those sent, against `health.drops_percent`",
    "the age of the channel's head, against `store.max_age`",
    "packets of each circuit of `health.probes` flow in both directions, while traffic flows at all",
    "the programs of this build are attached where the plan says",
    "packets are classified by the table of this generation",
    "the share of IP traffic of no circuit, against `health.unknown_percent`",
];

/// Counters at one moment, summed over both directions. They only grow, but for the backlog.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// IP traffic of circuits, in bytes.
    pub shaped_bytes: u64,
    /// IP traffic of no circuit.
    pub unknown_bytes: u64,
    pub sent_packets: u64,
    pub dropped_packets: u64,
    /// Bytes that wait now.
    pub backlog_bytes: u64,
}

impl Counters {
    /// What passed since an earlier moment; of counters that began anew, what they count.
    pub fn since(&self, before: &Counters) -> Counters {
        let passed = |now: u64, then: u64| now.checked_sub(then).unwrap_or(now);
        Counters {
            shaped_bytes: passed(self.shaped_bytes, before.shaped_bytes),
            unknown_bytes: passed(self.unknown_bytes, before.unknown_bytes),
            sent_packets: passed(self.sent_packets, before.sent_packets),
            dropped_packets: passed(self.dropped_packets, before.dropped_packets),
            backlog_bytes: self.backlog_bytes,
        }
    }

    /// IP traffic, both kinds.
    fn bytes(&self) -> u64 {
        self.shaped_bytes.saturating_add(self.unknown_bytes)
    }
}

/// What passed of the circuits that `health.probes` names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Probes {
    /// It was not measured yet.
    #[default]
    Waiting,
    /// In a while in which so many bytes of IP traffic passed.
    Passed { bytes: u64, circuits: Vec<Probe> },
    /// Counters could not be read for so long that something is wrong.
    Unreadable,
}

/// One of these circuits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probe {
    pub circuit: String,
    /// Packets that its class sent, `[download, upload]`; `None`: the generation has no such circuit.
    pub packets: Option<[u64; 2]>,
}

/// What is judged.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Observed {
    /// Classes, leaves and qdiscs that are wanted.
    pub objects: u64,
    /// What is not as the plan says, one line each.
    pub drift: Vec<String>,
    /// All of it, also what `drift` leaves out.
    pub drift_count: u64,
    /// Payload digest that is wanted, and the one packets are classified by.
    pub wanted: String,
    pub active: Option<String>,
    /// Interfaces of the plan, and whether this build's program is attached there.
    pub programs: Vec<(String, bool)>,
    /// What passed in a while before the swap; `None` when nothing was shaped then, or it is not known.
    pub before: Option<Counters>,
    /// What passed since the swap.
    pub since: Counters,
    pub probes: Probes,
    /// Age of the head in seconds; `None` when no channel is followed.
    pub head_age: Option<u64>,
    /// From `store.max_age`, in seconds; 0 = never too old.
    pub head_max_age: u64,
}

/// All checks, sorted by name.
pub fn checks(observed: &Observed, limits: &Health) -> Vec<Check> {
    NAMES
        .iter()
        .map(|name| {
            let (ok, detail) = match *name {
                "backlog" => backlog(observed, limits),
                "classes" => classes(observed),
                "coverage" => coverage(observed, limits),
                "drops" => drops(observed, limits),
                "head_age" => head_age(observed),
                "probe" => probe(observed, limits),
                "program" => program(observed),
                "tables" => tables(observed),
                _ => unknown(observed, limits),
            };
            Check {
                name: (*name).to_owned(),
                required: limits.required.iter().any(|r| r == name),
                ok,
                detail,
            }
        })
        .collect()
}

/// The required checks that fail, in one line; `None` when there are none.
pub fn red(checks: &[Check]) -> Option<String> {
    let red: Vec<String> = checks
        .iter()
        .filter(|c| c.required && !c.ok)
        .map(|c| format!("{}: {}", c.name, c.detail))
        .collect();
    (!red.is_empty()).then(|| red.join("; "))
}

type Verdict = (bool, String);

fn backlog(observed: &Observed, limits: &Health) -> Verdict {
    let waits = observed.since.backlog_bytes;
    (
        waits <= limits.backlog_bytes,
        format!("{waits} bytes wait, {} may", limits.backlog_bytes),
    )
}

fn classes(observed: &Observed) -> Verdict {
    let count = observed.drift_count;
    if count == 0 {
        return (true, format!("{} objects as planned", observed.objects));
    }
    let first = observed.drift.first().map_or("", String::as_str);
    (
        false,
        format!("{count} objects are not as planned, the first: {first}"),
    )
}

fn coverage(observed: &Observed, limits: &Health) -> Verdict {
    let now = observed.since;
    let Some(before) = observed.before else {
        return (true, "nothing was shaped before".to_owned());
    };
    if before.bytes() < limits.min_bytes || now.bytes() < limits.min_bytes {
        return (true, "too little traffic to tell".to_owned());
    }
    // Cross-multiplied: shaped / bytes now >= percent of shaped / bytes before.
    let wide = |n: u64| u128::from(n);
    let ok = wide(now.shaped_bytes) * wide(before.bytes()) * 100
        >= wide(before.shaped_bytes) * wide(now.bytes()) * wide(limits.coverage_percent);
    (
        ok,
        format!(
            "{} % of the traffic is shaped, {} % was",
            percent(now.shaped_bytes, now.bytes()),
            percent(before.shaped_bytes, before.bytes())
        ),
    )
}

fn drops(observed: &Observed, limits: &Health) -> Verdict {
    let now = observed.since;
    let all = now.sent_packets.saturating_add(now.dropped_packets);
    let share = percent(now.dropped_packets, all);
    (
        share <= limits.drops_percent,
        format!(
            "{} of {all} packets dropped, {share} %",
            now.dropped_packets
        ),
    )
}

fn head_age(observed: &Observed) -> Verdict {
    match (observed.head_age, observed.head_max_age) {
        (None, _) => (true, "no channel is followed".to_owned()),
        (Some(age), 0) => (true, format!("{age} s, and no limit is set")),
        (Some(age), most) => (age <= most, format!("{age} s, {most} s may be")),
    }
}

fn probe(observed: &Observed, limits: &Health) -> Verdict {
    if limits.probes.is_empty() {
        return (true, "`health.probes` names no circuit".to_owned());
    }
    let (bytes, circuits) = match &observed.probes {
        Probes::Waiting => return (true, "not measured yet".to_owned()),
        Probes::Unreadable => return (false, "counters cannot be read".to_owned()),
        Probes::Passed { bytes, circuits } => (*bytes, circuits),
    };
    if let Some(gone) = circuits.iter().find(|c| c.packets.is_none()) {
        let name = gone.circuit.escape_debug();
        return (
            false,
            format!("there is no circuit {name} in this generation"),
        );
    }
    if bytes < limits.min_bytes {
        return (true, "too little traffic to tell".to_owned());
    }
    let silent = |probe: &Probe| match probe.packets {
        Some([0, 0]) => Some("no packet"),
        Some([0, _]) => Some("no download"),
        Some([_, 0]) => Some("no upload"),
        _ => None,
    };
    let silent: Vec<String> = circuits
        .iter()
        .filter_map(|c| {
            Some(format!(
                "{} of circuit {}",
                silent(c)?,
                c.circuit.escape_debug()
            ))
        })
        .collect();
    match silent.is_empty() {
        true => (true, format!("packets of {} circuits flow", circuits.len())),
        false => (
            false,
            format!(
                "{} passed while {bytes} bytes of others did",
                silent.join(", ")
            ),
        ),
    }
}

fn program(observed: &Observed) -> Verdict {
    let missing: Vec<&str> = observed
        .programs
        .iter()
        .filter(|(_, attached)| !attached)
        .map(|(name, _)| name.as_str())
        .collect();
    match missing.is_empty() && !observed.programs.is_empty() {
        true => (
            true,
            format!("attached to {} interfaces", observed.programs.len()),
        ),
        false if missing.is_empty() => (false, "attached to no interface".to_owned()),
        false => (false, format!("not attached to {}", missing.join(", "))),
    }
}

fn tables(observed: &Observed) -> Verdict {
    let short = weir_store::channel::short;
    match &observed.active {
        Some(active) if *active == observed.wanted => {
            (true, format!("{} is active", short(active)))
        }
        Some(active) => (
            false,
            format!(
                "{} is active, and {} should be",
                short(active),
                short(&observed.wanted)
            ),
        ),
        None => (
            false,
            format!(
                "nothing is active, and {} should be: traffic passes unshaped",
                short(&observed.wanted)
            ),
        ),
    }
}

fn unknown(observed: &Observed, limits: &Health) -> Verdict {
    let now = observed.since;
    if now.bytes() < limits.min_bytes {
        return (true, "too little traffic to tell".to_owned());
    }
    let share = percent(now.unknown_bytes, now.bytes());
    (
        share <= limits.unknown_percent,
        format!("{share} % of the traffic belongs to no circuit"),
    )
}

/// Rounded down; 0 of nothing.
fn percent(part: u64, whole: u64) -> u64 {
    let percent = u128::from(part) * 100 / u128::from(whole.max(1));
    u64::try_from(percent).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything is well, with traffic enough to tell.
    fn good() -> Observed {
        let traffic = Counters {
            shaped_bytes: 90 << 20,
            unknown_bytes: 10 << 20,
            sent_packets: 100_000,
            dropped_packets: 1_000,
            backlog_bytes: 4096,
        };
        Observed {
            objects: 12,
            drift: Vec::new(),
            drift_count: 0,
            wanted: "aa".repeat(32),
            active: Some("aa".repeat(32)),
            programs: vec![("eth0".into(), true), ("eth1".into(), true)],
            before: Some(traffic),
            since: traffic,
            probes: Probes::Waiting,
            head_age: Some(60),
            head_max_age: 3600,
        }
    }

    fn fails(observed: &Observed) -> Vec<String> {
        let checks = checks(observed, &Health::default());
        assert!(checks.iter().map(|c| c.name.as_str()).eq(NAMES));
        let bad = checks.into_iter().filter(|c| !c.ok);
        bad.map(|c| c.name).collect()
    }

    #[test]
    fn a_good_generation_passes() {
        assert_eq!(fails(&good()), Vec::<String>::new());
        assert_eq!(red(&checks(&good(), &Health::default())), None);
    }

    /// Circuits that are to flow do, or are named; where nothing passes at all, nothing can be told.
    #[test]
    fn a_probe_that_is_silent_is_named() {
        let limits = Health {
            probes: vec!["p1".into(), "p2".into()],
            ..Health::default()
        };
        let passed = |bytes, packets: [Option<[u64; 2]>; 2]| Probes::Passed {
            bytes,
            circuits: ["p1", "p2"]
                .iter()
                .zip(packets)
                .map(|(circuit, packets)| Probe {
                    circuit: (*circuit).into(),
                    packets,
                })
                .collect(),
        };
        let much = 10 << 20;
        for (probes, ok, says) in [
            (Probes::Waiting, true, "not measured yet"),
            (Probes::Unreadable, false, "cannot be read"),
            (passed(much, [Some([3, 2]); 2]), true, "2 circuits flow"),
            (
                passed(much, [Some([3, 2]), Some([0, 0])]),
                false,
                "no packet of circuit p2",
            ),
            (
                passed(much, [Some([0, 1]), Some([1, 0])]),
                false,
                "no download of circuit p1, no upload of circuit p2",
            ),
            (passed(9, [Some([0, 0]); 2]), true, "too little traffic"),
            (passed(9, [None, Some([1, 1])]), false, "no circuit p1"),
        ] {
            let observed = Observed {
                probes: probes.clone(),
                ..good()
            };
            let checks = checks(&observed, &limits);
            let probe = checks.iter().find(|c| c.name == "probe").expect("one");
            assert!(probe.required);
            assert_eq!(probe.ok, ok, "{probes:?}: {}", probe.detail);
            assert!(probe.detail.contains(says), "{}", probe.detail);
        }
        // Who names none is not told anything.
        let observed = Observed {
            probes: Probes::Unreadable,
            ..good()
        };
        assert_eq!(fails(&observed), Vec::<String>::new());
    }

    /// One fault each, and the one check that sees it.
    #[test]
    fn each_check_sees_its_own_fault() {
        type Spoil = fn(&mut Observed);
        let spoils: [(&str, Spoil); 11] = [
            ("backlog", |o| o.since.backlog_bytes = u64::MAX),
            ("classes", |o| {
                o.drift_count = 2;
                o.drift = vec!["eth0 1:3 is missing".into()];
            }),
            ("drops", |o| o.since.dropped_packets = 20_000),
            ("head_age", |o| o.head_age = Some(3601)),
            ("program", |o| o.programs[1].1 = false),
            ("program", |o| o.programs.clear()),
            ("tables", |o| o.active = None),
            ("tables", |o| o.active = Some("bb".repeat(32))),
            ("unknown", |o| {
                o.before = None;
                o.since.shaped_bytes = 70 << 20;
                o.since.unknown_bytes = 30 << 20;
            }),
            ("coverage", |o| {
                // From all of it to a third; `unknown` says so as well.
                o.before.as_mut().expect("some").unknown_bytes = 0;
                o.since.shaped_bytes = 10 << 20;
                o.since.unknown_bytes = 20 << 20;
            }),
            ("head_age", |o| o.head_age = Some(u64::MAX)),
        ];
        for (name, spoil) in spoils {
            let mut observed = good();
            spoil(&mut observed);
            let fails = fails(&observed);
            assert!(fails.iter().any(|f| f == name), "{name}: {fails:?}");
            assert!(
                fails
                    .iter()
                    .all(|f| f == name || (name == "coverage" && f == "unknown")),
                "{name}: {fails:?}"
            );
        }
    }

    #[test]
    fn only_required_checks_take_a_generation_back() {
        let mut observed = good();
        observed.since.dropped_packets = 90_000;
        let mut limits = Health::default();
        assert_eq!(red(&checks(&observed, &limits)), None);
        limits.required.push("drops".into());
        let red = red(&checks(&observed, &limits)).expect("red");
        assert_eq!(red, "drops: 90000 of 190000 packets dropped, 47 %");
    }

    #[test]
    fn too_little_traffic_is_no_fault() {
        let mut observed = good();
        observed.since = Counters {
            unknown_bytes: 1000,
            ..Counters::default()
        };
        assert_eq!(fails(&observed), Vec::<String>::new());
        observed = good();
        observed.before = None;
        assert_eq!(fails(&observed), Vec::<String>::new());
    }

    /// Of counters that began anew nothing is subtracted.
    #[test]
    fn counters_may_begin_anew() {
        let before = Counters {
            shaped_bytes: 100,
            ..Counters::default()
        };
        let now = Counters {
            shaped_bytes: 30,
            ..Counters::default()
        };
        assert_eq!(now.since(&before).shaped_bytes, 30);
        assert_eq!(before.since(&now).shaped_bytes, 70);
        assert_eq!(percent(u64::MAX, u64::MAX), 100);
    }
}
