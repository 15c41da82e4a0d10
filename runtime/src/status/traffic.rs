//! Counters of the kernel, read now and then, and what can be said from two readings: rates by the keys of the plan,
//! addresses of no circuit, sampled flows.
//!
//! It reads nothing itself, and does not know how counters are read.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use weir_abi::ClassId;
use weir_abi::maps::{Flow, FlowKey, Outcome, Total, Unknown};
use weir_plan::kernel::{Device, Stats};
use weir_schemas::Published as _;
use weir_schemas::runtime::{
    ClassTraffic, Flows, OutcomeCount, SampledFlow, Traffic, UnknownAddress, UnknownAddresses,
};

use crate::artifact::Proved;
use crate::health::Counters;

/// Addresses and flows that are listed.
const UNKNOWN_LISTED: usize = 1_000;
const FLOWS_LISTED: usize = 2_000;

/// Everything that was counted at one moment.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Reading {
    /// `CLOCK_MONOTONIC` in nanoseconds: the clock that programs stamp with.
    pub at_ns: u64,
    /// Classes by interface.
    pub classes: HashMap<Device, HashMap<ClassId, Stats>>,
    /// As in the map: [`Outcome::index`]. Empty when the programs are not loaded.
    pub totals: Vec<Total>,
    pub unknown: Vec<([u8; 16], Unknown)>,
    pub flows: Vec<(FlowKey, Flow)>,
    /// Slot that is active.
    pub slot: Option<u32>,
    pub sample_every: u32,
}

/// What the numbers of a generation stand for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Legend {
    /// Payload digest.
    pub digest: String,
    /// Interfaces of downloads and of uploads.
    pub devices: [Device; 2],
    /// Classes sorted by key, with their ids in both directions.
    pub classes: Vec<(String, [ClassId; 2])>,
    /// Keys of circuits by their number in the table.
    pub circuits: Vec<String>,
}

impl Legend {
    pub fn of(artifact: &Proved) -> Legend {
        let devices = artifact.shaper().map_or_else(Default::default, |s| {
            [s.to_network.to_string(), s.to_internet.to_string()]
        });
        let majors: HashMap<u16, [u16; 2]> = artifact
            .plan
            .queues
            .iter()
            .map(|q| (q.queue, q.majors))
            .collect();
        let class = |c: &weir_schemas::queue_plan::Class<'_>| {
            let majors = majors.get(&c.queue)?;
            let ids = majors.map(|major| ClassId::new(major, c.minor));
            Some((c.key.to_string(), ids))
        };
        Legend {
            digest: artifact.digest.clone(),
            devices,
            classes: artifact.plan.classes.iter().filter_map(class).collect(),
            circuits: artifact.keys(),
        }
    }
}

/// The last readings, and what they stand for.
#[derive(Debug, Default)]
pub struct Readings {
    legend: Option<Legend>,
    before: Option<Reading>,
    now: Option<Reading>,
    /// How many there were.
    count: u64,
}

/// Circuits that are looked at by name, at one reading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probed {
    /// Which reading it was.
    pub count: u64,
    pub counters: Counters,
    /// Packets that the class of each has sent, `[download, upload]`; `None`: the generation has no such circuit.
    pub packets: Vec<Option<[u64; 2]>>,
}

impl Readings {
    /// Another generation is active: older readings say nothing of its classes.
    pub fn set_legend(&mut self, legend: Option<Legend>) {
        if self.legend.as_ref().map(|l| &l.digest) != legend.as_ref().map(|l| &l.digest) {
            self.before = None;
        }
        self.legend = legend;
    }

    /// A reading that is newer than the last.
    pub fn put(&mut self, reading: Reading) {
        self.before = self.now.replace(reading);
        self.count += 1;
    }

    /// Interfaces of the generation that is read.
    pub fn devices(&self) -> Vec<Device> {
        let mut devices = self
            .legend
            .as_ref()
            .map_or_else(Vec::new, |l| l.devices.to_vec());
        devices.dedup();
        devices
    }

    /// How many readings there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What the last reading says of these circuits; `None` before the first.
    pub fn probe(&self, circuits: &[String]) -> Option<Probed> {
        let counters = self.counters()?;
        let now = self.now.as_ref()?;
        let legend = self.legend.as_ref()?;
        let packets = circuits
            .iter()
            .map(|circuit| {
                let key = format!("circuit:{circuit}");
                let at = legend
                    .classes
                    .binary_search_by(|(k, _)| k.as_str().cmp(&key))
                    .ok()?;
                let (_, ids) = &legend.classes[at];
                // A class that is not there has sent nothing; that it is missing is another check's.
                Some([0, 1].map(|d| self.stats(now, ids, d).map_or(0, |s| s.packets)))
            })
            .collect();
        Some(Probed {
            count: self.count,
            counters,
            packets,
        })
    }

    pub fn latest(&self) -> Option<&Reading> {
        self.now.as_ref()
    }

    /// Sums over everything, as health is judged by.
    pub fn counters(&self) -> Option<Counters> {
        let now = self.now.as_ref()?;
        let of = |outcome: Outcome| {
            [0, 1]
                .iter()
                .filter_map(|d| now.totals.get(outcome.index(*d) as usize))
                .fold(0u64, |sum, total| sum.saturating_add(total.bytes))
        };
        let mut counters = Counters {
            shaped_bytes: of(Outcome::Shaped),
            unknown_bytes: of(Outcome::Unknown),
            ..Counters::default()
        };
        for (key, ids) in self.legend.iter().flat_map(|l| &l.classes) {
            // What a node sends its circuits sent before.
            if !key.starts_with("circuit:") {
                continue;
            }
            for stats in [0, 1].iter().filter_map(|d| self.stats(now, ids, *d)) {
                counters.sent_packets = counters.sent_packets.saturating_add(stats.packets);
                counters.dropped_packets = counters.dropped_packets.saturating_add(stats.drops);
                counters.backlog_bytes = counters
                    .backlog_bytes
                    .saturating_add(u64::from(stats.backlog_bytes));
            }
        }
        Some(counters)
    }

    fn stats<'r>(
        &self,
        reading: &'r Reading,
        ids: &[ClassId; 2],
        direction: usize,
    ) -> Option<&'r Stats> {
        let device = &self.legend.as_ref()?.devices[direction];
        reading.classes.get(device)?.get(&ids[direction])
    }

    /// What packets met; empty before the first reading.
    pub fn outcomes(&self) -> Vec<OutcomeCount> {
        let Some(now) = self.now.as_ref().filter(|n| !n.totals.is_empty()) else {
            return Vec::new();
        };
        OUTCOMES
            .iter()
            .map(|(outcome, word)| {
                let total = |direction| {
                    let at = outcome.index(direction) as usize;
                    now.totals.get(at).copied().unwrap_or_default()
                };
                let both = [total(0), total(1)];
                OutcomeCount {
                    outcome: (*word).to_owned(),
                    packets: both.map(|t| t.packets),
                    bytes: both.map(|t| t.bytes),
                }
            })
            .collect()
    }

    /// Answer to `traffic`.
    pub fn traffic(&self, time: String) -> Traffic {
        let interval_ns = match (&self.before, &self.now) {
            (Some(before), Some(now)) => now.at_ns.saturating_sub(before.at_ns),
            _ => 0,
        };
        let mut classes = Vec::new();
        if let (Some(legend), Some(now)) = (&self.legend, &self.now) {
            classes.reserve(legend.classes.len());
            for (key, ids) in &legend.classes {
                classes.push(self.class(key, ids, now, interval_ns));
            }
        }
        Traffic {
            schema: Traffic::SCHEMA.to_owned(),
            time,
            generation: self.legend.as_ref().map(|l| l.digest.clone()),
            interval_seconds: interval_ns as f64 / 1e9,
            classes,
        }
    }

    fn class(
        &self,
        key: &str,
        ids: &[ClassId; 2],
        now: &Reading,
        interval_ns: u64,
    ) -> ClassTraffic {
        let stats = [0, 1].map(|d| self.stats(now, ids, d).copied().unwrap_or_default());
        let kbps = [0, 1].map(|d: usize| {
            let before = self.before.as_ref();
            let before = before.and_then(|b| self.stats(b, ids, d));
            match (before, interval_ns) {
                (None, _) | (_, 0) => 0,
                (Some(before), ns) => rate(before.bytes, stats[d].bytes, ns),
            }
        });
        ClassTraffic {
            key: key.to_owned(),
            kbps,
            bytes: stats.map(|s| s.bytes),
            packets: stats.map(|s| s.packets),
            drops: stats.map(|s| s.drops),
            backlog_bytes: stats.map(|s| u64::from(s.backlog_bytes)),
        }
    }

    /// Answer to `unknown`.
    pub fn unknown(&self, time: String) -> UnknownAddresses {
        let mut all: Vec<&([u8; 16], Unknown)> = self.now.iter().flat_map(|n| &n.unknown).collect();
        let bytes = |u: &Unknown| u128::from(u.bytes[0]) + u128::from(u.bytes[1]);
        all.sort_unstable_by(|a, b| bytes(&b.1).cmp(&bytes(&a.1)).then(a.0.cmp(&b.0)));
        let at_ns = self.now.as_ref().map_or(0, |n| n.at_ns);
        UnknownAddresses {
            schema: UnknownAddresses::SCHEMA.to_owned(),
            time,
            count: all.len() as u64,
            addresses: all
                .into_iter()
                .take(UNKNOWN_LISTED)
                .map(|(address, seen)| UnknownAddress {
                    address: shown(address),
                    packets: seen.packets,
                    bytes: seen.bytes,
                    seconds_ago: at_ns.saturating_sub(seen.last_seen) / 1_000_000_000,
                })
                .collect(),
        }
    }

    /// Answer to `flows`.
    pub fn flows(&self, time: String) -> Flows {
        let now = self.now.as_ref();
        let sample_every = now.map_or(0, |n| n.sample_every);
        let mut all: Vec<&(FlowKey, Flow)> = now
            .filter(|_| sample_every > 0)
            .iter()
            .flat_map(|n| &n.flows)
            .collect();
        let bytes = |f: &Flow| u128::from(f.bytes[0]) + u128::from(f.bytes[1]);
        let order = |k: &FlowKey| {
            (
                k.subscriber,
                k.remote,
                k.subscriber_port,
                k.remote_port,
                k.protocol,
            )
        };
        all.sort_unstable_by(|a, b| {
            bytes(&b.1)
                .cmp(&bytes(&a.1))
                .then_with(|| order(&a.0).cmp(&order(&b.0)))
        });
        Flows {
            schema: Flows::SCHEMA.to_owned(),
            time,
            sample_every,
            flows: all
                .into_iter()
                .take(FLOWS_LISTED)
                .map(|(key, flow)| self.flow(key, flow))
                .collect(),
        }
    }

    fn flow(&self, key: &FlowKey, flow: &Flow) -> SampledFlow {
        let now = self.now.as_ref();
        let is_active = now.and_then(|n| n.slot) == Some(flow.slot);
        let circuit = self.legend.as_ref().filter(|_| is_active);
        SampledFlow {
            circuit: circuit.and_then(|l| l.circuits.get(flow.circuit as usize).cloned()),
            subscriber: shown(&key.subscriber),
            remote: shown(&key.remote),
            subscriber_port: key.subscriber_port,
            remote_port: key.remote_port,
            protocol: key.protocol,
            packets: flow.packets,
            bytes: flow.bytes,
            seconds_ago: now.map_or(0, |n| n.at_ns.saturating_sub(flow.last_seen)) / 1_000_000_000,
        }
    }
}

/// Every outcome with its word, in the order of the map.
pub const OUTCOMES: [(Outcome, &str); Outcome::COUNT as usize] = [
    (Outcome::Shaped, "shaped"),
    (Outcome::Unknown, "unknown"),
    (Outcome::NotIp, "not_ip"),
    (Outcome::Malformed, "malformed"),
    (Outcome::TooDeep, "too_deep"),
    (Outcome::OtherVlan, "other_vlan"),
    (Outcome::NoTable, "no_table"),
    (Outcome::BadTable, "bad_table"),
];

/// kbit/s, rounded down; a counter that began anew counts from 0.
fn rate(before: u64, now: u64, ns: u64) -> u64 {
    let bytes = now.checked_sub(before).unwrap_or(now);
    let rate = u128::from(bytes) * 8 * 1_000_000 / u128::from(ns.max(1));
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// IPv4 as people write it.
fn shown(address: &[u8; 16]) -> String {
    let address = Ipv6Addr::from(*address);
    match address.to_ipv4_mapped() {
        Some(v4) => IpAddr::V4(v4).to_string(),
        None => address.to_string(),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Two circuits in one queue, one of them with traffic; one address of nobody, two flows.
    pub fn some() -> Readings {
        let legend = Legend {
            digest: "ab".repeat(32),
            devices: ["lan".into(), "wan".into()],
            classes: vec![
                ("circuit:a".into(), [ClassId::new(1, 3), ClassId::new(1, 3)]),
                ("circuit:b".into(), [ClassId::new(1, 4), ClassId::new(1, 4)]),
                ("node:x".into(), [ClassId::new(1, 5), ClassId::new(1, 5)]),
            ],
            circuits: vec!["circuit:a".into(), "circuit:b".into()],
        };
        let mut readings = Readings::default();
        readings.set_legend(Some(legend));
        for n in 1..3u64 {
            let stats = Stats {
                bytes: n * 1_000_000,
                packets: n * 1000,
                drops: n,
                backlog_bytes: 7,
                ..Stats::default()
            };
            let mut totals = vec![Total::default(); 16];
            totals[Outcome::Shaped.index(0) as usize] = Total {
                packets: n * 1000,
                bytes: n * 1_000_000,
            };
            let v4 = |last: u8| {
                let mut address = [0; 16];
                address[10..].copy_from_slice(&[255, 255, 203, 0, 113, last]);
                address
            };
            let unknown = |bytes| Unknown {
                packets: [1, 0],
                bytes: [bytes, 0],
                last_seen: n * 1_000_000_000,
            };
            let flow = |slot, bytes| Flow {
                packets: [1, 0],
                bytes: [bytes, 0],
                slot,
                circuit: 1,
                ..Flow::default()
            };
            let key = |port| FlowKey {
                subscriber: v4(1),
                remote: v4(2),
                subscriber_port: port,
                ..FlowKey::default()
            };
            readings.put(Reading {
                at_ns: n * 2_000_000_000,
                classes: [("lan".to_owned(), [(ClassId::new(1, 3), stats)].into())].into(),
                totals,
                unknown: vec![(v4(9), unknown(10)), ([32; 16], unknown(99))],
                flows: vec![(key(1), flow(0, 5)), (key(2), flow(2, 50))],
                slot: Some(2),
                sample_every: 64,
            });
        }
        readings
    }

    #[test]
    fn rates_are_of_two_readings() {
        let readings = some();
        let traffic = readings.traffic("now".into());
        assert_eq!(traffic.interval_seconds, 2.0);
        assert_eq!(traffic.classes.len(), 3);
        // A megabyte in two seconds.
        assert_eq!(traffic.classes[0].kbps, [4000, 0]);
        assert_eq!(traffic.classes[0].bytes, [2_000_000, 0]);
        assert_eq!(traffic.classes[1].kbps, [0, 0]);
        let mut one = some();
        one.before = None;
        assert_eq!(one.traffic("now".into()).classes[0].kbps, [0, 0]);
        assert_eq!(one.traffic("now".into()).interval_seconds, 0.0);
    }

    #[test]
    fn a_counter_that_began_anew_counts_from_nothing() {
        assert_eq!(rate(1_000_000, 1_000, 1_000_000_000), 8);
        assert_eq!(rate(0, u64::MAX, 1), u64::MAX);
    }

    /// Another generation's classes may have the same numbers.
    #[test]
    fn a_new_generation_has_no_rate_at_first() {
        let mut readings = some();
        let mut legend = readings.legend.clone().expect("one");
        legend.digest = "cd".repeat(32);
        readings.set_legend(Some(legend));
        assert_eq!(readings.traffic("now".into()).classes[0].kbps, [0, 0]);
    }

    #[test]
    fn unknown_addresses_and_flows_come_with_most_bytes_first() {
        let readings = some();
        let unknown = readings.unknown("now".into());
        assert_eq!(unknown.count, 2);
        assert_eq!(
            unknown.addresses[0].address,
            "2020:2020:2020:2020:2020:2020:2020:2020"
        );
        assert_eq!(unknown.addresses[1].address, "203.0.113.9");
        assert_eq!(unknown.addresses[1].seconds_ago, 2);
        let flows = readings.flows("now".into());
        assert_eq!(flows.flows[0].subscriber_port, 2);
        // The circuit of an older generation's number is not that of this one.
        assert_eq!(flows.flows[0].circuit.as_deref(), Some("circuit:b"));
        assert_eq!(flows.flows[1].circuit, None);
    }

    #[test]
    fn sums_count_circuits_once() {
        let counters = some().counters().expect("a reading");
        assert_eq!(counters.shaped_bytes, 2_000_000);
        assert_eq!(counters.sent_packets, 2000);
        assert_eq!(counters.dropped_packets, 2);
        assert_eq!(counters.backlog_bytes, 7);
    }

    #[test]
    fn every_outcome_has_its_word() {
        for (at, (outcome, _)) in OUTCOMES.iter().enumerate() {
            assert_eq!(*outcome as usize, at);
        }
        assert_eq!(some().outcomes().len(), 8);
        assert!(Readings::default().outcomes().is_empty());
    }
}
