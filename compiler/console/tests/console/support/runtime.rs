//! A runtime's socket that answers what a test gives it. It knows no kernel: the numbers are made up from keys.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use weir_schemas::Published as _;
use weir_schemas::runtime::{
    Check, ClassTraffic, Flows, Loaded, RuntimeStatus, SampledFlow, State, Traffic, UnknownAddress,
    UnknownAddresses,
};

use super::network::Network;

/// What it answers.
#[derive(Clone)]
pub struct Answers {
    pub status: RuntimeStatus,
    pub traffic: Traffic,
    pub unknown: UnknownAddresses,
    pub flows: Flows,
}

/// Any number that a key always gets.
fn of(key: &str, most: u64) -> u64 {
    key.bytes()
        .fold(7u64, |n, b| n.wrapping_mul(31).wrapping_add(u64::from(b)))
        % most.max(1)
}

pub fn answers(network: &Network, digest: &str, seq: u64) -> Answers {
    let now = jiff::Timestamp::now().to_string();
    let class = |key: String, cap: [u64; 2]| ClassTraffic {
        kbps: [of(&key, cap[0] * 4 / 5), of(&key, cap[1] / 2)],
        bytes: [of(&key, 90) << 30, of(&key, 9) << 30],
        packets: [of(&key, 1 << 30), of(&key, 1 << 28)],
        drops: [of(&key, 400), of(&key, 40)],
        backlog_bytes: [of(&key, 60_000), 0],
        key,
    };
    let nodes = network
        .nodes
        .iter()
        .map(|n| class(format!("node:{}", n.id), n.cap));
    let circuits = network
        .circuits
        .iter()
        .map(|c| class(format!("circuit:{}", c.id), c.max));
    let flow = |(i, c): (usize, &super::network::Circuit)| {
        let remotes = [
            "192.0.2.7",
            "198.51.100.9",
            "203.0.113.40",
            "198.18.0.3",
            "192.0.2.99",
            "100.100.100.1",
        ];
        SampledFlow {
            circuit: Some(format!("circuit:{}", c.id)),
            subscriber: c.addresses[0].trim_end_matches("/32").to_owned(),
            remote: remotes[i % remotes.len()].to_owned(),
            subscriber_port: 40_000,
            remote_port: 443,
            protocol: if i % 3 == 0 { 17 } else { 6 },
            packets: [900 / (i as u64 + 1), 200 / (i as u64 + 1)],
            bytes: [1_200_000 / (i as u64 + 1), 90_000 / (i as u64 + 1)],
            seconds_ago: i as u64 % 30,
        }
    };
    Answers {
        status: RuntimeStatus {
            schema: RuntimeStatus::SCHEMA.to_owned(),
            version: "0.1.0".to_owned(),
            time: now.clone(),
            target: Some("edge1".to_owned()),
            channel: Some("production".to_owned()),
            state: State::Active,
            active: Some(Loaded {
                digest: digest.to_owned(),
                seq: Some(seq),
                since: now.clone(),
                circuits: network.circuits.len() as u64,
                prefixes: network.circuits.len() as u64,
                classes: 10,
            }),
            previous: None,
            deadline: None,
            last_apply: None,
            health: vec![Check {
                name: "coverage".to_owned(),
                required: true,
                ok: true,
                detail: "all classes are there".to_owned(),
            }],
            drift: Vec::new(),
            drift_count: 0,
            interfaces: Vec::new(),
            outcomes: Vec::new(),
            stuck: None,
            refused: None,
            store: None,
        },
        traffic: Traffic {
            schema: Traffic::SCHEMA.to_owned(),
            time: now.clone(),
            generation: Some(digest.to_owned()),
            interval_seconds: 5.0,
            classes: nodes.chain(circuits).collect(),
        },
        unknown: UnknownAddresses {
            schema: UnknownAddresses::SCHEMA.to_owned(),
            time: now.clone(),
            count: 3,
            addresses: [
                ("100.64.0.251", 4u64),
                ("100.90.1.1", 30),
                ("2001:db8:ffff::1", 700),
            ]
            .into_iter()
            .map(|(address, seconds_ago)| UnknownAddress {
                address: address.to_owned(),
                packets: [12_000, 800],
                bytes: [18_000_000, 500_000],
                seconds_ago,
            })
            .collect(),
        },
        flows: Flows {
            schema: Flows::SCHEMA.to_owned(),
            time: now,
            sample_every: 512,
            flows: network
                .circuits
                .iter()
                .take(48)
                .enumerate()
                .map(flow)
                .collect(),
        },
    }
}

/// Listens until the process ends.
pub fn listen(socket: &Path, answers: Answers) -> Arc<Mutex<Answers>> {
    let listener = UnixListener::bind(socket).expect("a socket");
    let shared = Arc::new(Mutex::new(answers));
    let told = shared.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            let _ = BufReader::new(&stream).read_line(&mut line);
            let answers = told.lock().expect("not poisoned").clone();
            let text = match line.trim() {
                "status" => serde_json::json!(answers.status),
                "traffic" => serde_json::json!(answers.traffic),
                "unknown" => serde_json::json!(answers.unknown),
                "flows" => serde_json::json!(answers.flows),
                _ => continue,
            };
            let _ = (&stream).write_all(text.to_string().as_bytes());
        }
    });
    shared
}
